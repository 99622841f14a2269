"""The longest passage that lines share with an index note for note: lines in; where it begins and occurs, out.

A passage of notes a to b is shared where all intervals, all that sounds together, and all rhythms are the same, but for
the rhythm of the first step in time: it says how that step compares with what came before the passage.
Legend: Q slots of a query (see `erato.evaluation.passage_index`), R rows: slots in which passages may begin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from erato.evaluation.passage_index import PassageIndex
from erato.evaluation.suffixes import PAD, Excluded, Flags, Rows, Symbols, joined
from erato.passages import FIRST, TOGETHER, Line
from erato.score import Ints

RHYTHMS = np.arange(TOGETHER + 1, FIRST + 1)  # of a step in time
LATEST = 15  # tokens of a passage among which its first step in time may be for its rhythm to be free
AT_ONCE = 256  # beginnings
TIES, MOST = 32, 512  # passages as long that are compared; occurrences that are looked at


@dataclass(frozen=True)
class Query:
    """Lines in slots: symbols [PAD + Q + PAD], begins [lines + 1] the slot of the first note of each line.

    stop: [PAD + Q + PAD] the slot of the separator that ends the line of a slot; step: the first slot from there on
    with a step in time, `stop` where there is none.
    """

    lines: Sequence[Line]
    symbols: Symbols = field(init=False)
    begins: Ints = field(init=False)
    stop: Ints = field(init=False)
    step: Ints = field(init=False)

    def __post_init__(self) -> None:
        symbols = joined([line.tokens for line in self.lines], np.int16)
        slots = np.arange(len(symbols))
        stop = _next(symbols < 0, slots)
        step = _next((symbols < 0) | (symbols % 8 != TOGETHER), slots)
        begins = PAD + np.cumsum([0, *(len(line) for line in self.lines)])
        for name, value in {"symbols": symbols, "begins": begins, "stop": stop, "step": step}.items():
            object.__setattr__(self, name, value)

    def slots(self, number: int) -> Ints:
        """The slots of a line that hold a token."""
        return np.arange(self.begins[number], self.begins[number + 1] - 1)

    def rows(self, slots: Ints) -> Rows:
        """All that follows from these slots to the ends of their lines."""
        return Rows.plain(self.symbols, slots, self.stop[slots] - slots)

    def in_any_rhythm(self, slots: Ints) -> Rows:
        """[R * RHYTHMS] the same, with each rhythm that the first step in time can have."""
        again = np.repeat(slots, len(RHYTHMS))
        spot = self.step[again]
        value = self.symbols[spot] // 8 * 8 + np.tile(RHYTHMS, len(slots))
        free = (spot < self.stop[again]) & (spot - again <= LATEST)
        return Rows(self.symbols, again, self.stop[again] - again, np.where(free, spot, -1), value)

    def onsets(self, slot: int, tokens: int) -> int:
        """How many onsets the passage of so many tokens has."""
        return 1 + int((self.symbols[slot : slot + tokens] % 8 != TOGETHER).sum())


def lengths(index: PassageIndex, query: Query, excluded: Excluded) -> Ints:
    """[PAD + Q + PAD] tokens of the longest run that begins in each slot and occurs in the index as it is."""
    found = np.zeros(len(query.symbols), np.int64)
    slots = np.flatnonzero(query.symbols >= 0)
    order = slots[np.argsort(query.symbols[slots], kind="stable")]  # neighbours read the same parts of the index
    for part in index.parts(len(order)):
        found[order[part]] = index.suffixes.longest(query.rows(order[part]), excluded)
    return found


def longest(
    index: PassageIndex, query: Query, runs: Ints, slots: Ints, excluded: Excluded
) -> tuple[int, int, Ints] | None:
    """(slot, tokens, places) of the longest passage that begins in one of `slots` and occurs in the index.

    runs: what `lengths` found. Of passages as long, the one with the most onsets, then the one that is rarest. places:
    slots of the index where it occurs.
    """
    if not len(slots) or not len(index.suffixes.order):
        return None
    best = int(runs[slots].max())
    step = query.step[slots]
    most = np.where(step < query.stop[slots], step - slots + 1 + runs[step + 1], 0)
    order = np.argsort(-most, kind="stable")
    order = order[most[order] > best]
    reached = runs[slots].copy()
    for begin in range(0, len(order), AT_ONCE):
        some = order[begin : begin + AT_ONCE]
        some = some[most[some] > best]
        if not len(some):
            break
        found = index.suffixes.longest(query.in_any_rhythm(slots[some]), excluded).reshape(len(some), -1).max(1)
        reached[some] = np.maximum(reached[some], found)
        best = max(best, int(found.max()))
    if not best:
        return None
    ties = slots[reached == best]
    onsets = np.array([query.onsets(int(slot), best) for slot in ties])
    ties = ties[onsets == onsets.max()][:TIES]
    rows = query.in_any_rhythm(ties)
    low, high = index.suffixes.find(rows, np.full(len(rows.start), best))
    counts = (high - low).reshape(len(ties), -1)
    if not (query.step[ties] - ties < min(best, LATEST + 1)).any():  # no step in time: every rhythm found the same
        counts = counts[:, :1]
    rarest = int(counts.sum(1).argmin())
    at = slice(rarest * len(RHYTHMS), (rarest + 1) * len(RHYTHMS))
    return int(ties[rarest]), best, occurrences(index, low[at], high[at], excluded)


def occurrences(index: PassageIndex, low: Ints, high: Ints, excluded: Excluded) -> Ints:
    """The slots, ascending, of the suffixes in some ranges that are not excluded."""
    found = [
        np.asarray(index.suffixes.order[start : min(stop, start + MOST)], np.int64)
        for start, stop in zip(low.tolist(), high.tolist(), strict=True)
    ]
    slots = np.unique(np.concatenate(found))
    return slots[~excluded.hold(slots)]


def _next(marked: Flags, slots: Ints) -> Ints:
    """The first slot from each one on that is marked; the last one is."""
    found: Ints = np.minimum.accumulate(np.where(marked, slots, len(slots))[::-1])[::-1]
    return found
