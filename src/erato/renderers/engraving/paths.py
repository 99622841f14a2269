"""The cheapest way through rows of choices: dynamic programming after Viterbi. Costs in, a choice a row out.

Legend: T rows, S choices. Knows nothing of music.
"""

from collections.abc import Callable

import numpy as np

from erato.score import Floats, Ints


def cheapest(costs: Floats, change: Callable[[int], Floats]) -> Ints:
    """The choice of each row that costs least in all; costs: [T, S], of each choice in each row.

    change: what it costs to go from a choice of row t - 1 to one of row t, [S, S] of (from, to).
    """
    totals = costs[0]
    came: list[Ints] = []
    for row in range(1, len(costs)):
        ways = totals[:, None] + change(row)
        came.append(ways.argmin(axis=0))
        totals = ways.min(axis=0) + costs[row]
    chosen = [int(totals.argmin())]
    for back in reversed(came):
        chosen.append(int(back[chosen[-1]]))
    return np.array(chosen[::-1])
