"""Which pieces are heard against which. In: how many pieces each source has. Out: pairs. Knows nothing of pieces."""

from collections.abc import Mapping
from itertools import combinations, zip_longest

import numpy as np

from erato.errors import UsageError


def matched(
    counts: Mapping[str, int], pairs: int | None, rng: np.random.Generator
) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    """Pieces (source, number) to hear as A and B, shuffled: of different sources, no two pieces twice.

    counts: pieces a source. pairs: how many, spread evenly over the pairs of sources; None: each piece of the larger
    source of a pair of sources once. Of each pair of sources, either is A as often as the other, but for one.
    """
    rows = []
    for one, other in combinations(counts, 2):
        large, small = (one, other) if counts[one] >= counts[other] else (other, one)
        orders = rng.permutation(counts[large]), rng.permutation(counts[small])
        row = [
            ((large, int(orders[0][at])), (small, int(orders[1][(at + turn) % counts[small]])))
            for turn in range(counts[small])
            for at in range(counts[large])
        ]
        rows.append(row if pairs is not None else row[: counts[large]])
    spread = [pair for turn in zip_longest(*rows) for pair in turn if pair is not None]
    if pairs is not None and not 1 <= pairs <= len(spread):
        raise UsageError(f"pairs must be from 1 to {len(spread):,}, which is all that these pieces make, got {pairs}.")
    chosen = spread[:pairs]
    swapped = {frozenset(two): bool(rng.integers(2)) for two in combinations(counts, 2)}
    found = []
    for number in rng.permutation(len(chosen)).tolist():
        first, second = chosen[number]
        sources = frozenset((first[0], second[0]))
        found.append((second, first) if swapped[sources] else (first, second))
        swapped[sources] = not swapped[sources]
    return found
