"""The longest passage that lines share with an index note for note: lines in; where it begins and occurs, out.

A passage of notes a to b is shared where all intervals, all that sounds together, and all rhythms are the same, but for
the rhythm of the first step in time: it says how that step compares with what came before the passage.
Legend: Q slots of a query (see `erato.evaluation.passage_index`), R rows: slots in which passages may begin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from erato.evaluation.passage_index import HIGHEST, PassageIndex
from erato.evaluation.suffixes import (
    PAD,
    Excluded,
    Flags,
    Rows,
    Symbols,
    bits_of,
    joined,
    packed,
    width_of,
    windows_of,
)
from erato.passages import FIRST, TOGETHER, Line
from erato.score import Ints

RHYTHMS = np.arange(TOGETHER + 1, FIRST + 1)  # of a step in time
LATEST = 15  # tokens of a passage among which its first step in time may be for its rhythm to be free
AT_ONCE = 256  # beginnings
EVERY = 4  # slots of which one is looked up at once
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

    def ordered(self, slots: Ints) -> Ints:
        """These slots by what begins there, so that neighbours read the same parts of an index."""
        bits = bits_of(HIGHEST)
        found: Ints = slots[np.argsort(packed(windows_of(self.symbols, width_of(bits))[slots], bits), kind="stable")]
        return found

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


@dataclass(frozen=True)
class Runs:
    """How many tokens the longest run has that begins in each slot of a query and occurs in an index as it is.

    most: [PAD + Q + PAD] at most so many; known: [PAD + Q + PAD] where that is exact. A run that begins a slot later is
    a token shorter at most, so that few slots have to be looked up for all to be bounded.
    """

    index: PassageIndex
    query: Query
    excluded: Excluded
    most: Ints = field(init=False)
    known: Flags = field(init=False)

    def __post_init__(self) -> None:
        symbols, slots = self.query.symbols, np.arange(len(self.query.symbols))
        object.__setattr__(self, "most", np.where(symbols < 0, 0, self.query.stop - slots))
        object.__setattr__(self, "known", symbols < 0)
        self.learn(slots[::EVERY])
        later = -(-slots // EVERY) * EVERY
        bounded = ~self.known & (later < self.query.stop)
        self.most[bounded] = self.most[later[bounded]] + later[bounded] - slots[bounded]

    def learn(self, slots: Ints) -> None:
        """Looks these slots up, where that has not been done."""
        order = self.query.ordered(np.unique(slots[~self.known[slots]]))
        for part in self.index.parts(len(order)):
            self.most[order[part]] = self.index.suffixes.longest(self.query.rows(order[part]), self.excluded)
        self.known[order] = True

    def longest(self, slots: Ints) -> int:
        """The most tokens of the runs that begin in these slots; those that do are known after that."""
        best = 0
        order = slots[np.argsort(-self.most[slots], kind="stable")]
        for begin in range(0, len(order), AT_ONCE):
            some = order[begin : begin + AT_ONCE]
            some = some[self.most[some] >= best]
            if not len(some):
                break
            self.learn(some)
            best = max(best, int(self.most[some].max()))
        return best


def longest(
    index: PassageIndex, query: Query, runs: Runs, slots: Ints, excluded: Excluded
) -> tuple[int, int, Ints] | None:
    """(slot, tokens, places) of the longest passage that begins in one of `slots` and occurs in the index.

    Of passages as long, the one with the most onsets, then the one that is rarest. places: slots of the index where it
    occurs.
    """
    if not len(slots) or not len(index.suffixes.order):
        return None
    best = runs.longest(slots)
    step = query.step[slots]
    steps = step < query.stop[slots]
    most = np.where(steps, step - slots + 1 + runs.most[step + 1], 0)
    order = np.argsort(-most, kind="stable")
    order = order[most[order] > best]
    reached = np.where(runs.known[slots], runs.most[slots], 0)
    for begin in range(0, len(order), AT_ONCE):
        some = order[begin : begin + AT_ONCE]
        some = some[most[some] > best]
        if not len(some):
            break
        runs.learn(step[some] + 1)
        some = some[step[some] - slots[some] + 1 + runs.most[step[some] + 1] > best]
        if not len(some):
            continue
        rows = query.in_any_rhythm(slots[some])
        parts = [index.suffixes.longest(rows[part], excluded) for part in index.parts(len(rows.start))]
        found = np.concatenate(parts).reshape(len(some), -1).max(1)
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
