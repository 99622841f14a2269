"""Filters on logits, against probabilities worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.sampling import Sampler, filtered

OFF = -math.inf


def probabilities(
    given: list[float], allowed: list[bool] | None = None, recent: list[int] | None = None, **settings: float
) -> list[float]:
    """What a row of probabilities becomes."""
    logits = torch.tensor([given]).log()
    mask = None if allowed is None else torch.tensor([allowed])
    before = None if recent is None else torch.tensor([recent])
    return (
        filtered(logits.masked_fill(~mask, -math.inf) if mask is not None else logits, Sampler(**settings), before)
        .softmax(-1)[0]
        .tolist()
    )  # type: ignore[arg-type]


def about(*values: float) -> object:
    return pytest.approx(values, abs=1e-4)


def test_nothing_asked_for_changes_nothing() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5]])
    assert torch.equal(filtered(logits, Sampler()), logits)


def test_top_k_keeps_the_k_likeliest() -> None:
    assert probabilities([0.7, 0.2, 0.1], top_k=2) == about(0.7778, 0.2222, 0)
    assert probabilities([0.1, 0.7, 0.2], top_k=1) == about(0, 1, 0)
    assert probabilities([0.7, 0.2, 0.1], top_k=9) == about(0.7, 0.2, 0.1)
    assert sum(p > 0 for p in probabilities([0.25] * 4, top_k=2)) == 2  # k also among equals


def test_top_p_keeps_the_smallest_set_that_reaches_p() -> None:
    assert probabilities([0.7, 0.2, 0.1], top_p=0.75) == about(0.7778, 0.2222, 0)
    assert probabilities([0.7, 0.2, 0.1], top_p=0.7) == about(1, 0, 0)
    assert probabilities([0.7, 0.2, 0.1], top_p=0.9) == about(0.7778, 0.2222, 0)
    assert probabilities([0.7, 0.2, 0.1], top_p=0.91) == about(0.7, 0.2, 0.1)
    assert probabilities([0.1, 0.2, 0.7], top_p=0.01) == about(0, 0, 1)  # the likeliest always stays
    assert probabilities([0.5, 0.5], top_p=1e-9) == about(1, 0)


def test_min_p_is_a_share_of_the_likeliest() -> None:
    assert probabilities([0.6, 0.3, 0.1], min_p=0.5) == about(2 / 3, 1 / 3, 0)
    assert probabilities([0.6, 0.3, 0.1], min_p=0.51) == about(1, 0, 0)
    assert probabilities([0.6, 0.3, 0.1], min_p=0.1) == about(0.6, 0.3, 0.1)


def test_temperature_raises_probabilities_to_its_inverse() -> None:
    assert probabilities([0.8, 0.2], temperature=0.5) == about(0.64 / 0.68, 0.04 / 0.68)
    assert probabilities([0.64, 0.36], temperature=2.0) == about(0.8 / 1.4, 0.6 / 1.4)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-300, 5e-324, 1e30])
def test_no_temperature_overflows(temperature: float) -> None:
    found = probabilities([0.5, 0.3, 0.2], allowed=[True, True, False], temperature=temperature)
    assert found == (about(0.5, 0.5, 0) if temperature > 1 else about(1, 0, 0))


def test_masks_come_first() -> None:
    assert probabilities([0.7, 0.2, 0.1], allowed=[False, True, True]) == about(0, 2 / 3, 1 / 3)
    assert probabilities([0.7, 0.2, 0.1], allowed=[False, True, True], top_k=1) == about(0, 1, 0)
    assert probabilities([0.7, 0.2, 0.1], allowed=[False, True, True], top_p=0.6) == about(0, 1, 0)
    assert probabilities([0.7, 0.2, 0.1], allowed=[False, False, True], min_p=0.9) == about(0, 0, 1)


def test_temperature_comes_before_top_p_and_top_k_before_top_p() -> None:
    # 0.6, 0.3, 0.1 at temperature 0.5 are 0.7826, 0.1957, 0.0217: the first two reach 0.9 then, not before.
    assert probabilities([0.6, 0.3, 0.1], temperature=0.5, top_p=0.95) == about(0.8, 0.2, 0)
    # With the two likeliest left, 0.6 and 0.3 are 2/3 and 1/3: the first alone reaches 0.65, not before.
    assert probabilities([0.6, 0.3, 0.1], top_k=2, top_p=0.65) == about(1, 0, 0)
    assert probabilities([0.6, 0.3, 0.1], top_p=0.65) == about(2 / 3, 1 / 3, 0)


def test_min_p_comes_after_temperature() -> None:
    # 0.6 and 0.3 at temperature 0.5 stand as 4 to 1.
    assert probabilities([0.6, 0.3, 0.1], temperature=0.5, min_p=0.3) == about(1, 0, 0)


def test_a_repetition_is_penalised_once_and_always_downwards() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5, 3.0]])
    sampler = Sampler(repetition_penalty=2.0)
    assert filtered(logits, sampler, torch.tensor([[0, 1, 0, 0]])).tolist() == [[1.0, -2.0, 0.5, 3.0]]
    assert filtered(logits, sampler, torch.empty(1, 0, dtype=torch.long)).tolist() == logits.tolist()
    masked = filtered(
        logits.masked_fill(torch.tensor([[True, False, False, False]]), -math.inf), sampler, torch.tensor([[0, 3]])
    )
    assert masked.tolist() == [[OFF, -1.0, 0.5, 1.5]]


def test_each_row_has_its_own_filter() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.34, 0.33, 0.33]]).log()
    kept = filtered(logits, Sampler(top_p=0.65)) > OFF
    assert kept.tolist() == [[True, False, False], [True, True, False]]


def test_something_is_always_left_to_draw() -> None:
    generator = torch.Generator().manual_seed(1)
    sampler = Sampler(
        temperature=0.01, top_k=1, top_p=1e-6, min_p=0.99, repetition_penalty=5.0, typical_p=1e-6, no_repeat=1
    )
    for scale in (0.0, 1.0, 1e4):
        logits: Tensor = scale * torch.randn(50, 7, generator=generator)
        allowed = torch.rand(50, 7, generator=generator) < 0.3
        allowed[:, 3] = True
        recent = torch.randint(0, 7, (50, 4), generator=generator)
        found = filtered(logits.masked_fill(~allowed, -math.inf), sampler, recent)
        assert (found > OFF).any(-1).all()
        assert not (found > OFF)[~allowed].any()
        assert torch.isfinite(found.softmax(-1)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_p": 1.7}, r"top_p must be in \(0, 1\], got 1.7"),
        ({"top_p": 0}, r"top_p must be in \(0, 1\], got 0"),
        ({"top_k": -1}, r"top_k must be 0 \(off\) or more, got -1"),
        ({"min_p": 1.0}, r"min_p must be in \[0, 1\), got 1.0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"temperature": math.nan}, "temperature must be above 0, got nan"),
        ({"temperature": math.inf}, "temperature must be above 0, got inf"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0, got 0.0"),
        ({"typical_p": 0.0}, r"typical_p must be in \(0, 1\], got 0.0"),
        ({"typical_p": 1.01}, r"typical_p must be in \(0, 1\], got 1.01"),
        ({"typical_p": math.nan}, r"typical_p must be in \(0, 1\], got nan"),
        ({"no_repeat": -1}, r"no_repeat must be 0 \(off\) or more, got -1"),
        ({"repetition_window": -2}, r"repetition_window must be 0 \(all\) or more, got -2"),
    ],
)
def test_values_that_are_not_allowed_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sampler(**settings)  # type: ignore[arg-type]


def test_of_three_words_the_two_likeliest_share_what_is_left() -> None:
    # be 0.7, know 0.2, show 0.1: with two kept, 0.7 / 0.9 and 0.2 / 0.9
    assert [round(p, 2) for p in probabilities([0.7, 0.2, 0.1], top_k=2)] == [0.78, 0.22, 0]
    assert [round(p, 2) for p in probabilities([0.7, 0.2, 0.1], top_p=0.75)] == [0.78, 0.22, 0]


def test_typical_keeps_what_is_as_surprising_as_expected() -> None:
    # 0.5, 0.25, 0.125, 0.125: the entropy is 1.75 bits, the surprises 1, 2, 3 and 3; nearest is 2, then 1, then 3.
    given = [0.5, 0.25, 0.125, 0.125]
    assert probabilities(given, typical_p=0.2) == about(0, 1, 0, 0)
    assert probabilities(given, typical_p=0.25) == about(0, 1, 0, 0)  # which reaches it
    assert probabilities(given, typical_p=0.3) == about(2 / 3, 1 / 3, 0, 0)
    assert probabilities(given, typical_p=0.8) == about(4 / 7, 2 / 7, 1 / 7, 0)
    assert probabilities(given, typical_p=0.99) == about(*given)
    # What may not be drawn counts for nothing: of 2/3 and 1/3, with 0.918 bits, the surprises are 0.585 and 1.585.
    assert probabilities(given, allowed=[True, True, False, False], typical_p=0.5) == about(1, 0, 0, 0)
    assert probabilities(given, allowed=[False, False, False, True], typical_p=0.5) == about(0, 0, 0, 1)


def test_typical_comes_after_top_k_and_temperature() -> None:
    given = [0.5, 0.25, 0.125, 0.125]
    assert probabilities(given, top_k=2, typical_p=0.5) == about(1, 0, 0, 0)
    # At temperature 0.5 they stand as 16, 4, 1, 1: the entropy is 1.12 bits, the surprises 0.46, 2.46, 4.46 and 4.46.
    assert probabilities(given, temperature=0.5, typical_p=0.2) == about(1, 0, 0, 0)


def test_no_run_of_symbols_comes_twice() -> None:
    even = [0.25] * 4
    assert probabilities(even, recent=[0, 1, 2, 0, 1], no_repeat=3) == about(1 / 3, 1 / 3, 0, 1 / 3)  # not 0 1 2 again
    assert probabilities(even, recent=[0, 1, 2, 0, 1], no_repeat=4) == about(*even)
    assert probabilities(even, recent=[0, 1, 0, 2, 0], no_repeat=2) == about(0.5, 0, 0, 0.5)
    assert probabilities(even, recent=[0, 2], no_repeat=1) == about(0, 0.5, 0, 0.5)
    assert probabilities(even, recent=[0, 1], no_repeat=3) == about(*even)  # no run of three yet
    assert probabilities(even, recent=[3, 3], no_repeat=2) == about(1 / 3, 1 / 3, 1 / 3, 0)  # runs may overlap


def test_where_all_would_come_twice_all_stays() -> None:
    assert probabilities([0.7, 0.3], recent=[0, 1], no_repeat=1) == about(0.7, 0.3)
    assert probabilities([0.2, 0.3, 0.5], [True, True, False], [0, 1], no_repeat=1) == about(0.4, 0.6, 0)
    logits = torch.zeros(2, 3)
    found = filtered(logits, Sampler(no_repeat=1), torch.tensor([[0, 1, 2], [0, 0, 1]]))  # each row by itself
    assert found.tolist() == [[0, 0, 0], [OFF, OFF, 0]]


def test_no_repeat_comes_before_top_k() -> None:
    assert probabilities([0.7, 0.2, 0.1], recent=[0], no_repeat=1, top_k=1) == about(0, 1, 0)


def test_the_penalty_looks_back_as_far_as_the_window_only() -> None:
    logits = torch.ones(1, 4)
    for window, expected in ((2, [1, 1, 0.5, 0.5]), (0, [0.5, 0.5, 0.5, 0.5]), (9, [0.5, 0.5, 0.5, 0.5])):
        sampler = Sampler(repetition_penalty=2.0, repetition_window=window)
        assert filtered(logits, sampler, torch.tensor([[0, 1, 2, 3]])).tolist() == [expected]
