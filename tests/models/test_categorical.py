"""Draws and log-probabilities of one symbol, against numbers worked out by hand."""

import math

import pytest
import torch

from erato.models import Categorical
from erato.models.base import Filters, masked

unchanged = Filters()


def test_a_draw_is_the_inverse_of_the_cumulated_probabilities() -> None:
    logits = torch.tensor([0.5, 0.25, 0.25]).log().expand(6, 1, 3)
    u = torch.tensor([[0.0], [0.4999], [0.5001], [0.7499], [0.7501], [1 - 2**-53]], dtype=torch.float64)
    assert Categorical(logits).sample(u, unchanged).tolist() == [0, 0, 1, 1, 2, 2]


def test_only_the_last_position_is_drawn_from() -> None:
    logits = torch.tensor([[[9.0, 0.0], [-math.inf, 0.0]]])
    assert Categorical(logits).sample(torch.tensor([[0.3]]), unchanged).tolist() == [1]


def test_what_has_no_probability_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf]).expand(4, 1, 5)
    u = torch.tensor([[0.0], [0.49], [0.51], [1 - 2**-53]], dtype=torch.float64)
    assert Categorical(logits).sample(u, unchanged).tolist() == [1, 1, 3, 3]


def test_without_numbers_the_likeliest_is_taken_and_the_first_of_equals() -> None:
    logits = torch.tensor([[[0.0, 2.0, 1.0]], [[1.0, 0.0, 1.0]]])
    assert Categorical(logits).sample(None, unchanged).tolist() == [1, 0]


def test_filters_come_before_the_draw() -> None:
    logits = torch.tensor([[[5.0, 1.0, 0.0]]])

    class WithoutTheFirst(Filters):
        def __call__(self, logits: torch.Tensor, feature: int = 0) -> torch.Tensor:
            return logits.masked_fill(torch.tensor([True, False, False]), -math.inf)

    without_the_first = WithoutTheFirst()
    assert Categorical(logits).sample(None, without_the_first).tolist() == [1]
    assert Categorical(logits).sample(torch.tensor([[0.01]]), without_the_first).tolist() == [1]


def test_log_probabilities_are_normalised() -> None:
    logits = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]]).log() + 5.0
    found = Categorical(logits).log_prob(torch.tensor([[1, 2]]))
    assert torch.allclose(found, torch.tensor([[math.log(0.2), math.log(0.8)]]), atol=1e-6)


def test_what_is_not_allowed_is_not_drawn() -> None:
    filters = Filters()
    filters.allowed = torch.tensor([[False, True, True]])
    logits = torch.tensor([[[5.0, 1.0, 0.0]]])
    assert Categorical(logits).sample(None, filters).tolist() == [1]
    assert Categorical(logits).sample(torch.tensor([[0.01]]), filters).tolist() == [1]


def test_hits_are_where_the_likeliest_came() -> None:
    logits = torch.tensor([[[5.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    assert Categorical(logits).hits(torch.tensor([[0, 0, 1]])).tolist() == [[True, False, True]]


def test_a_kind_of_symbol_stays_as_likely_where_some_of_it_is_not_allowed() -> None:
    logits = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]]).log()
    kinds = torch.tensor([0, 0, 1, 1])
    allowed = torch.tensor([[True, False, True, True], [False, False, True, False]])
    found = masked(logits, allowed, kinds).softmax(-1)
    assert found[0].tolist() == pytest.approx([0.3, 0.0, 0.3, 0.4])  # what the second had goes to the first
    assert found[1].tolist() == pytest.approx([0.0, 0.0, 1.0, 0.0])  # a kind of which nothing is allowed has nothing
    assert masked(logits, allowed).softmax(-1)[0].tolist() == pytest.approx([0.125, 0.0, 0.375, 0.5])
    assert masked(logits, None, kinds) is logits
