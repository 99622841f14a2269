"""The bars of a score as `remi` writes them: meters in, bar lines in steps out. Knows nothing of symbols.

Bar lines stand on 64th notes, so every bar, also one that a change of meter cuts short, has a meter of its own
length, and what comes later stays where it is.
"""

from dataclasses import dataclass

import numpy as np

from erato.representations.remi_vocabulary import DENOMINATORS, WHOLE
from erato.score import Floats, Ints, Score, time_signatures


@dataclass(frozen=True)
class MeterRun:
    """Bars of one meter in a row; start: 64ths from the beginning of the piece."""

    start: int
    numerator: int
    denominator: int
    bars: int


def meter_runs(score: Score, finish: int) -> tuple[list[MeterRun], int]:
    """The meters up to tick `finish`, and how many bars were cut short, each of which is a run of its own.

    Stops at a meter that is no whole number of 64ths long.
    """
    tpq = score.ticks_per_quarter
    changes: dict[int, tuple[int, int]] = {}
    for tick, numerator, denominator in time_signatures(score):
        if tick < finish or not changes:
            changes[(tick * WHOLE // 2 + tpq) // (2 * tpq)] = (numerator, denominator)
    starts = sorted(changes)
    until = (finish * WHOLE // 2 + tpq) // (2 * tpq)
    runs, cut = [], 0
    for start, stop in zip(starts, [*starts[1:], max(until, starts[-1])], strict=True):
        numerator, denominator = changes[start]
        length, odd = divmod(numerator * WHOLE, denominator)
        if odd or not length:
            runs.append(MeterRun(start, numerator, denominator, 1))
            break
        whole, rest = divmod(stop - start, length)
        if start == starts[-1]:
            runs.append(MeterRun(start, numerator, denominator, whole + bool(rest)))
            break
        if whole:
            runs.append(MeterRun(start, numerator, denominator, whole))
        if rest:
            cut += 1
            finer = next(d for d in DENOMINATORS if d >= denominator and rest * d % WHOLE == 0)
            runs.append(MeterRun(stop - rest, rest * finer // WHOLE, finer, 1))
    return runs, cut


class Grid:
    """Bar lines, in steps.

    runs: (start in 64ths, index of the meter); one that starts within a bar waits for the next bar line. bar_64ths: the
    length of a bar of each meter. The bars reach behind `finish` (ticks), so that whatever is rounded up has a place.
    """

    def __init__(
        self, runs: list[tuple[int, int]], bar_64ths: Ints, finish: int, tpq: int, steps_per_quarter: int
    ) -> None:
        until = finish * WHOLE // (4 * tpq) + 2 * WHOLE
        counts, reached = [], 0
        for (_, meter), stop in zip(runs, [*(run[0] for run in runs[1:]), until], strict=True):
            counts.append(max(0, -((reached - stop) // int(bar_64ths[meter]))))
            reached += counts[-1] * int(bar_64ths[meter])
        meter_of = np.repeat([meter for _, meter in runs], counts)
        length = bar_64ths[meter_of]
        per_64th = steps_per_quarter * 4 / WHOLE
        self.starts: Floats = (np.cumsum(length) - length) * per_64th  # [bars]
        self.lengths: Floats = length * per_64th  # [bars]
        self.signs: Ints = meter_of.copy()  # [bars]: the meter where it changes, else -1
        self.signs[1:][meter_of[1:] == meter_of[:-1]] = -1

    def place(self, steps: Floats) -> tuple[Ints, Ints, Floats]:
        """Bar, position in it and resulting time (steps) of each time, rounded to the nearest position."""
        bar = np.searchsorted(self.starts, steps, side="right") - 1
        position = np.floor(steps - self.starts[bar] + 0.5).astype(np.int64)
        over = position >= self.lengths[bar]
        bar = bar + over
        position = np.where(over, 0, position)
        return bar, position, self.starts[bar] + position
