"""The n-gram baseline on counts small enough to do by hand."""

import itertools
import math

import numpy as np
import pytest

from erato.errors import UsageError
from erato.evaluation.ngram import BUCKETS, Ngram

PIECES = [np.array([0, 1, 0, 1]), np.array([0, 2])]  # over 0, 1, 2


def halves(order: int) -> Ngram:
    """A model of PIECES that gives every order half of what is left."""
    model = Ngram(size=3, order=order)
    model.count(PIECES)
    return model


def probability(model: Ngram, *symbols: int) -> float:
    """Of the last of `symbols`, after the others."""
    nats = model.nats([np.array(symbols), np.array(symbols[:-1], np.int64)])
    return math.exp(nats[1] - nats[0])


def test_a_unigram_by_hand() -> None:
    # 0 three times, 1 twice, 2 once of six; half of it, and half of a third.
    model = halves(1)
    assert probability(model, 0) == pytest.approx(3 / 12 + 1 / 6)
    assert probability(model, 1, 2) == pytest.approx(1 / 12 + 1 / 6)


def test_a_bigram_by_hand() -> None:
    model = halves(2)
    unigram = [3 / 12 + 1 / 6, 2 / 12 + 1 / 6, 1 / 12 + 1 / 6]
    # After the start: 0 twice of two. After 0: 1 twice, 2 once. After 1: 0 once. After 2: never anything.
    assert probability(model, 0) == pytest.approx(1 / 2 + unigram[0] / 2)
    assert probability(model, 1) == pytest.approx(unigram[1] / 2)
    assert probability(model, 0, 1) == pytest.approx(2 / 6 + unigram[1] / 2)
    assert probability(model, 0, 1, 0, 2) == pytest.approx(1 / 6 + unigram[2] / 2)
    assert probability(model, 1, 0) == pytest.approx(1 / 2 + unigram[0] / 2)
    assert probability(model, 2, 1) == pytest.approx(unigram[1])


def test_a_trigram_falls_back_where_its_context_is_new() -> None:
    model, bigram = halves(3), halves(2)
    assert probability(model, 0, 1, 0) == pytest.approx(1 / 2 + probability(bigram, 1, 0) / 2)
    assert probability(model, 2, 1, 0) == pytest.approx(probability(bigram, 1, 0))
    assert probability(model, 0, 2) == pytest.approx(1 / 4 + probability(bigram, 0, 2) / 2)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_add_up_to_one_after_every_context(order: int) -> None:
    generator = np.random.default_rng(1)
    model = Ngram.fit([generator.integers(0, 4, n) for n in (30, 12, 0, 1, 50)], size=4, order=order)
    for length in range(4):
        for context in itertools.product(range(4), repeat=length):
            assert sum(probability(model, *context, w) for w in range(4)) == pytest.approx(1, abs=1e-9)


def test_a_piece_costs_the_sum_of_its_symbols_and_pieces_do_not_touch() -> None:
    model = halves(3)
    symbols = [0, 1, 0, 2, 1]
    expected = -sum(math.log(probability(model, *symbols[: t + 1])) for t in range(5))
    together = model.nats([np.array([2, 2]), np.array(symbols), np.array([], np.int64), np.array([0])])
    assert together[1] == pytest.approx(expected)
    assert together[2] == 0
    assert together[3] == pytest.approx(-math.log(probability(model, 0)))


def test_weights_are_the_likeliest_on_what_was_kept_back() -> None:
    # Counted: 1 three times of four. Kept back: six times of ten, which is L * 3/4 + (1 - L) / 2 with L = 0.4.
    model = Ngram(size=2, order=1)
    model.count([np.array([1, 1, 1, 0])])
    model.fit_weights([np.array([1, 1, 1, 0, 0] * 400)])
    assert probability(model, 1) == pytest.approx(0.6, abs=0.005)


def test_what_was_never_seen_is_possible() -> None:
    model = Ngram.fit([np.array([1, 2] * 50)] * 20, size=5)
    assert np.isfinite(model.nats([np.array([4, 3, 3, 0, 1])])).all()
    assert model.weights.shape == (3, BUCKETS) and (model.weights < 1).all()


def test_it_comes_near_the_entropy_of_a_markov_chain() -> None:
    generator = np.random.default_rng(5)
    table = generator.dirichlet(np.full(6, 0.4), size=(6, 6))

    def chain(length: int) -> np.ndarray:
        x = [0, 0]
        for u in generator.random(length):
            x.append(min(5, int(np.searchsorted(table[x[-2], x[-1]].cumsum(), u))))
        return np.array(x[2:])

    train, test = [chain(1000) for _ in range(20)], [chain(1000) for _ in range(3)]
    entropy = np.mean([-math.log(table[a, b, c]) for x in test for a, b, c in zip(x, x[1:], x[2:], strict=False)])
    found = Ngram.fit(train, size=6).nats(test).sum() / 3000
    assert entropy - 0.01 < found < entropy + 0.03
    assert Ngram.fit(train, size=6, order=2).nats(test).sum() / 3000 > found + 0.1
    assert Ngram.fit(train, size=6, order=5).nats(test).sum() / 3000 < entropy + 0.06


def test_one_long_piece_is_enough() -> None:
    model = Ngram.fit([np.array([0, 1, 2, 3] * 200)], size=4)
    assert model.nats([np.array([0, 1, 2, 3] * 50)])[0] / 200 < 0.05


def test_an_order_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="order must be 1 or more, got 0"):
        Ngram(size=3, order=0)
