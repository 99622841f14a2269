"""Which pieces meet: counted by hand, for any numbers of pieces."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from erato.errors import UsageError
from erato.pairing import matched


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("counts", [{"a": 4, "b": 4, "c": 4}, {"a": 3, "b": 5}, {"a": 2, "b": 4, "c": 1}])
def test_each_piece_meets_every_other_source(counts):
    pairs = matched(counts, None, rng())
    for one, other in combinations(counts, 2):
        both = [pair for pair in pairs if {pair[0][0], pair[1][0]} == {one, other}]
        assert len(both) == max(counts[one], counts[other])
        for source in (one, other):
            assert {piece for pair in both for piece in pair if piece[0] == source} == {
                (source, number) for number in range(counts[source])
            }
        firsts = Counter(pair[0][0] for pair in both)
        assert abs(firsts[one] - firsts[other]) <= 1
    assert len(pairs) == sum(max(counts[a], counts[b]) for a, b in combinations(counts, 2))


@pytest.mark.parametrize("counts", [{"a": 3, "b": 5}, {"a": 2, "b": 4}, {"a": 2, "b": 3, "c": 2}])
def test_as_many_as_there_are_without_one_twice(counts):
    most = sum(counts[a] * counts[b] for a, b in combinations(counts, 2))
    pairs = matched(counts, most, rng())
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == most
    for wrong in (0, most + 1):
        with pytest.raises(UsageError, match=rf"from 1 to {most}.* got {wrong}"):
            matched(counts, wrong, rng())


def test_few_pairs_are_spread_over_the_sources():
    pairs = matched({"a": 4, "b": 4, "c": 4}, 6, rng())
    assert Counter(frozenset((one[0], other[0])) for one, other in pairs) == {
        frozenset(two): 2 for two in combinations("abc", 2)
    }


def test_the_seed_decides_the_order():
    counts = {"a": 4, "b": 4, "c": 4}
    assert matched(counts, None, rng(1)) == matched(counts, None, rng(1)) != matched(counts, None, rng(2))
    met = [frozenset((one[0], other[0])) for one, other in matched(counts, None, rng(1))]
    assert met != sorted(met, key=met.index)  # the pairs of two sources do not stand together
