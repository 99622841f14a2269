"""Votes to win rates and strengths, against values worked out by hand, by a root search and by a plain likelihood."""

import math
from itertools import permutations

import numpy as np
import pytest

from erato.evaluation.votes import PRIOR, Vote, against, overall, rate, strengths, wilson


def votes(first, second, wins=0, ties=0, losses=0):
    return [Vote(first, second, o) for o, n in ((1, wins), (0.5, ties), (0, losses)) for _ in range(n)]


@pytest.mark.parametrize(("wins", "count"), [(5, 10), (0, 10), (10, 10), (3.5, 12), (81, 263)])
def test_the_interval_is_where_the_share_is_196_deviations_away(wins, count):
    # Wilson's interval holds the p for which |share - p| <= 1.96 sqrt(p (1 - p) / n): found here by trying all.
    tried = np.linspace(0, 1, 200_001)
    inside = tried[np.abs(wins / count - tried) <= 1.959964 * np.sqrt(tried * (1 - tried) / count) + 1e-12]
    assert wilson(wins, count) == pytest.approx((inside[0], inside[-1]), abs=2e-5)


def test_published_intervals():
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(0, 0) == (0, 1)


def test_a_tie_is_half_a_win():
    found = rate([1, 1, 0.5, 0.5, 0.5, 0])
    assert (found.wins, found.ties, found.losses, found.votes) == (2, 3, 1, 6)
    assert found.rate == pytest.approx(3.5 / 6)
    assert (found.low, found.high) == wilson(3.5, 6)


def test_every_source_against_every_other():
    said = [*votes("a", "b", 3, 1, 0), *votes("b", "a", 1, 0, 2), *votes("c", "a", 0, 0, 4)]
    pairs = against(said)
    assert set(pairs) == {("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")}
    a, b = pairs["a", "b"], pairs["b", "a"]
    assert (a.wins, a.ties, a.losses) == (5, 1, 1) and (b.wins, b.ties, b.losses) == (1, 1, 5)
    assert a.rate + b.rate == pytest.approx(1) and a.low + b.high == pytest.approx(1)
    whole = overall(said)
    assert (whole["a"].wins, whole["a"].ties, whole["a"].losses) == (9, 1, 1)
    assert whole["c"].rate == 0 and whole["c"].high < 0.5


def test_two_sources_differ_by_the_logarithm_of_their_odds():
    found = strengths(votes("a", "b", 6, 2, 1), np.random.default_rng(0), draws=0)
    odds = (6 + 1 + PRIOR) / (1 + 1 + PRIOR)
    assert found["a"].value - found["b"].value == pytest.approx(math.log(odds), abs=1e-6)
    assert found["a"].value + found["b"].value == pytest.approx(0, abs=1e-9)


def test_strengths_are_the_likeliest():
    said = [*votes("a", "b", 6, 1, 2), *votes("b", "c", 5, 0, 3), *votes("c", "a", 1, 3, 4)]
    found = {name: one.value for name, one in strengths(said, np.random.default_rng(0), draws=0).items()}

    def likelihood(logs):
        total = 0.0
        for vote in said:
            p = 1 / (1 + math.exp(logs[vote.second] - logs[vote.first]))
            total += vote.outcome * math.log(p) + (1 - vote.outcome) * math.log(1 - p)
        for one, other in permutations(logs, 2):
            total += PRIOR * -math.log(1 + math.exp(logs[other] - logs[one]))
        return total

    best = likelihood(found)
    for name in found:
        for by in (-0.01, 0.01):
            assert likelihood({**found, name: found[name] + by}) < best


def test_who_always_wins_has_a_finite_strength_and_an_interval():
    few, many = (strengths(votes("a", "b", count), np.random.default_rng(0))["a"] for count in (5, 50))
    assert few.value == pytest.approx(math.log(5.5 / 0.5) / 2, abs=1e-6)
    assert few.low < few.value - 0.5 and 0 < few.low < many.low and few.value <= few.high + 0.1


def test_intervals_narrow_with_votes_and_come_again():
    few = strengths(votes("a", "b", 6, 0, 4), np.random.default_rng(0))["a"]
    many = strengths(votes("a", "b", 600, 0, 400), np.random.default_rng(0))["a"]
    assert few.low < 0 < few.value < few.high and 0 < many.low < many.value < many.high
    # half the log odds has a deviation of about 1 / (2 sqrt(n p q))
    assert many.high - many.low == pytest.approx(2 * 1.96 / (2 * math.sqrt(1000 * 0.24)), rel=0.1)
    assert strengths(votes("a", "b", 6, 0, 4), np.random.default_rng(0))["a"] == few


def test_no_votes():
    assert strengths([], np.random.default_rng(0)) == {} == against([]) == overall([])
