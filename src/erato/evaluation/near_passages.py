"""The longest passage that lines share with an index but for a few notes: lines in; where it begins and occurs, out.

Notes are aligned one to one. A note differs where its pitch does (after one transposition of the passage), or its
rhythm: the first step in time may have any. The passage begins and ends with two notes that are the same or more, and
of so many notes at most one differs. It is looked for around runs of five notes that are the same (more where five
occur too often), the rarest first: what has no such run, and what a limit on the time leaves out, is not found.
Legend: H hits (a slot of the query and one of the index), R notes on each side that are compared, T = 2R tokens.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from erato.evaluation.exact_passages import Query
from erato.evaluation.passage_index import PassageIndex
from erato.evaluation.suffixes import PAD, Excluded, Flags, Symbols, windows_of
from erato.passages import TOGETHER
from erato.score import Ints

SEEDS = (4, 5, 6, 8, 10)  # tokens that are the same
HITS = 24_000  # that are looked at
AT_ONCE = 64  # that are looked at closely
CELLS = 1 << 14  # notes on one side of hits that are compared at once
CLOSE, WIDE = 6, 24  # notes on each side of a hit that are compared first, and then; then ever four times as many
_NEVER, _OUTSIDE = 1 << 20, 1 << 12
LIKELIEST = 2_000  # that are compared at all
PROMISING = (2, 4)  # least and most notes that have to be the same, of the 2 * CLOSE beside the run


@dataclass(frozen=True)
class Near:
    """A stretch of notes: its first slot in the query and in the index, how many notes it has, and how many differ."""

    slot: int
    place: int
    notes: int
    differences: int


@dataclass(frozen=True)
class Hits:
    """Runs of notes that are the same, [H]: the slots of the query and of the index where they begin."""

    here: Ints
    there: Ints

    def __getitem__(self, which: Any) -> "Hits":
        return Hits(self.here[which], self.there[which])


def nearest(index: PassageIndex, query: Query, hits: Hits, at_least: int, one_in: int) -> list[Near]:
    """The longest stretches of more than `at_least` notes, those with the fewest differences; none: nothing is longer.

    All are of the same notes of the query.
    """
    more = min(CLOSE, at_least + 1 - SEEDS[0] - 1) - (at_least + 1) // one_in  # beside the run in one so long
    here, there = _promising(index, query, hits.here, hits.there, min(max(more, PROMISING[0]), PROMISING[1]))
    found: list[Near] = []
    radius = WIDE
    while len(here):
        some_at_once = np.array_split(np.arange(len(here)), -(-len(here) * radius // CELLS))  # what the caches hold
        parts = [_reach(index, query, here[some], there[some], radius, one_in) for some in some_at_once]
        reach, again = (np.concatenate(part) for part in zip(*parts, strict=True))
        if 4 * radius <= PAD and again.any():  # what reaches the edge of what was compared is compared with more
            _, some = np.unique(np.stack([here[again] - there[again], here[again] // radius]), True, axis=1)
            later = here[again][some], there[again][some]
        else:
            later, again = (here[:0], there[:0]), np.zeros(len(here), np.bool_)
        longest = max([at_least, *(one.notes for one in found)])
        order = np.argsort(-reach, kind="stable")
        order = order[~again[order] & (reach[order] > at_least)]
        for begin in range(0, len(order), AT_ONCE):
            some = order[begin : begin + AT_ONCE]
            some = some[reach[some] >= longest]
            if not len(some):
                break
            found += [
                one for one in _stretches(index, query, here[some], there[some], radius, one_in) if one.notes > at_least
            ]
            longest = max([longest, *(one.notes for one in found)])
        (here, there), radius = later, radius * 4
    if not found:
        return []
    best = max(found, key=lambda one: (one.notes, -one.differences, -one.slot))
    same = {one for one in found if (one.notes, one.differences, one.slot) == (best.notes, best.differences, best.slot)}
    return sorted(same, key=lambda one: one.place)


def seeds(index: PassageIndex, query: Query, end: int, excluded: Excluded) -> Hits:
    """Runs of five notes and more that the query shares with the index, the rarest first, up to HITS of them.

    end: the slot of the query from which on nothing is looked up.
    """
    slots = np.flatnonzero(query.symbols[:end] >= 0)
    left, taken = HITS, np.full(len(query.symbols), PAD)
    here, there = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    slots = query.ordered(slots)
    for length in SEEDS:
        slots = slots[query.stop[slots] - slots >= length]
        windows = windows_of(query.symbols, length)[slots]  # what stands in several places is looked up once
        _, first, again = np.unique(windows, return_index=True, return_inverse=True, axis=0)
        low, high = np.zeros_like(first), np.zeros_like(first)
        rows = query.rows(slots[first])
        for part in index.parts(len(first)):
            low[part], high[part] = index.suffixes.find(rows[part], np.full(len(part), length))
        low, high = low[again], high[again]
        order = np.argsort(high - low, kind="stable")
        slots, low, high = slots[order], low[order], high[order]
        count = high - low
        some = np.cumsum(count) <= left * (1 if length == SEEDS[-1] else 0.6)
        taken[slots[some]] = length
        left -= int(count[some].sum())
        rarest, low, count = slots[some], low[some], count[some]
        by_place = np.argsort(low, kind="stable")
        for part in index.parts(len(rarest)):
            chosen = by_place[part]
            sizes = count[chosen]
            within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            here.append(np.repeat(rarest[chosen], sizes))
            there.append(index.suffixes.order[np.repeat(low[chosen], sizes) + within].astype(np.int64))
        slots = slots[~some]
        if not len(slots):
            break
    query_slot, place = np.concatenate(here), np.concatenate(there)
    # A run that is as long one slot earlier was hit there.
    earlier = (index.symbols[place - 1] == query.symbols[query_slot - 1]) & (
        taken[query_slot - 1] <= taken[query_slot] + 1
    )
    keep = ~earlier & ~excluded.hold(place)
    return Hits(query_slot[keep], place[keep])


def _promising(index: PassageIndex, query: Query, here: Ints, there: Ints, notes: int) -> tuple[Ints, Ints]:
    """Hits beside which so many notes go on as in the query; of many the LIKELIEST, beside which the most do."""
    width = 2 * CLOSE + SEEDS[0]  # [width, H]: a few long rows are faster than many short ones
    ours = np.ascontiguousarray(windows_of(query.symbols, width)[here - CLOSE].T)
    theirs = np.ascontiguousarray(windows_of(index.symbols, width)[there - CLOSE].T)
    moves = _moves(ours, theirs)
    with_one_before = (ours & 7 == TOGETHER) == (theirs & 7 == TOGETHER)
    same = np.zeros(len(here), np.int8)
    after, before = np.zeros(len(here), np.int16), np.zeros(len(here), np.int16)
    for step in range(CLOSE):
        after += moves[width - CLOSE + step]
        same += (after == 0) & with_one_before[width - CLOSE + step]
        before += moves[CLOSE - 1 - step]
        same += (before == 0) & with_one_before[CLOSE - 2 - step] if step < CLOSE - 1 else before == 0
    good = np.flatnonzero(same >= notes)
    if len(good) > LIKELIEST:
        good = np.sort(good[np.argsort(-same[good], kind="stable")[:LIKELIEST]])
    return here[good], there[good]


@dataclass(frozen=True)
class _Notes:
    """Notes on both sides of a hit, [H, 2R + 1], the middle one that of the hit.

    whole: [H, 2] whether all before, and all after the middle are notes of both lines; pitch: the same; soft: in pitch,
    and in whether it sounds with the note before; full: in rhythm, too. step: [H, R + 1] of the notes up to the middle
    the column of the first note after it that comes after a step in time; 2R + 1: none.
    """

    whole: Flags
    pitch: Flags
    soft: Flags
    full: Flags
    step: npt.NDArray[np.int16]

    @classmethod
    def around(cls, index: PassageIndex, query: Query, here: Ints, there: Ints, radius: int) -> "_Notes":
        ours = windows_of(query.symbols, 2 * radius)[here - radius]
        theirs = windows_of(index.symbols, 2 * radius)[there - radius]
        moves = _moves(ours, theirs)
        whole = np.stack([(moves[:, :radius] < _OUTSIDE).all(1), (moves[:, radius:] < _OUTSIDE).all(1)], 1)
        pitch = np.ones((len(here), 2 * radius + 1), np.bool_)
        pitch[:, radius + 1 :] = np.cumsum(moves[:, radius:], 1, dtype=np.int32) == 0
        pitch[:, :radius] = np.cumsum(moves[:, radius - 1 :: -1], 1, dtype=np.int32)[:, ::-1] == 0
        ours, theirs = ours & 7, theirs & 7
        soft, full = pitch.copy(), pitch.copy()
        soft[:, 1:] &= (ours == TOGETHER) == (theirs == TOGETHER)
        full[:, 1:] &= ours == theirs
        none = np.int16(2 * radius + 1)
        steps = np.where(ours != TOGETHER, np.arange(1, none, dtype=np.int16), none)
        first_after = steps[:, radius:].min(1, keepdims=True)
        steps = np.concatenate([steps[:, :radius], first_after], 1)
        step = np.minimum.accumulate(steps[:, ::-1], 1)[:, ::-1]
        return cls(whole, pitch, soft, full, step)

    def left(self, radius: int, one_in: int) -> Ints:
        """[H, R + 1] what the notes from each column to the middle count: one that is the same 1, else 1 - one_in."""
        worth = np.where(self.full[:, radius::-1], 1, 1 - one_in).astype(np.int32)
        total = np.cumsum(worth, 1)[:, ::-1]
        own = (self.pitch & ~self.full)[:, : radius + 1]  # the rhythm of the first note is outside
        return total + one_in * (own.astype(np.int64) + (self.freed(radius) & (self.step <= radius)))

    def right(self, radius: int, one_in: int) -> Ints:
        """[H, R] the same of the notes after the middle to each column."""
        total: Ints = np.cumsum(np.where(self.full[:, radius + 1 :], 1, 1 - one_in), 1)
        return total

    def freed(self, radius: int) -> Flags:
        """[H, R + 1] whether the first step in time after a column differs in nothing but its rhythm."""
        only = np.zeros((len(self.full), self.full.shape[1] + 1), np.bool_)
        only[:, :-1] = self.soft & ~self.full
        freed: Flags = only[np.arange(len(only))[:, None], self.step]
        return freed

    def ends(self) -> tuple[Flags, Flags]:
        """([H, R + 1], [H, 2R + 1]) where a stretch may begin and end: with two notes that are the same."""
        begins, ends = self.pitch[:, : self.step.shape[1]].copy(), self.full.copy()
        columns = np.arange(1, begins.shape[1] + 1)
        begins &= self.full[:, columns] | (self.soft[:, columns] & (self.step == columns))
        ends[:, 1:] &= self.full[:, :-1]
        ends[:, 0] = False
        return begins, ends


def _reach(index: PassageIndex, query: Query, here: Ints, there: Ints, radius: int, one_in: int) -> tuple[Ints, Flags]:
    """[H] at most how many notes a stretch around each hit has, and whether it may go on beyond `radius` notes."""
    notes = _Notes.around(index, query, here, there, radius)
    begins, ends = notes.ends()
    left = notes.left(radius, one_in) + one_in * (notes.freed(radius) & (notes.step > radius))
    left = np.where(begins, left, -_NEVER)
    right = np.where(ends[:, radius + 1 :], notes.right(radius, one_in), -_NEVER)
    first = (left + right.max(1, keepdims=True) >= 0).argmax(1)
    last = radius - 1 - (right + left.max(1, keepdims=True) >= 0)[:, ::-1].argmax(1)
    fits = left.max(1) + right.max(1) >= 0
    edge = (notes.whole[:, 0] & (first < 2 * one_in)) | (notes.whole[:, 1] & (last >= radius - 2 * one_in))
    return np.where(fits, radius + 2 + last - first, 0), fits & edge


def _stretches(index: PassageIndex, query: Query, here: Ints, there: Ints, radius: int, one_in: int) -> list[Near]:
    """The longest stretch around each hit that has one; of those as long, the one that begins first."""
    notes = _Notes.around(index, query, here, there, radius)
    begins, ends = notes.ends()
    left, right = notes.left(radius, one_in), notes.right(radius, one_in)
    late = notes.step > radius  # the first step in time comes after the middle
    freed = one_in * (notes.freed(radius) & late).any(1, keepdims=True)
    after_step = np.arange(radius) >= notes.step[:, radius:].astype(np.int64) - radius - 1
    rows, best = np.arange(len(here))[:, None], np.full((3, len(here)), -1)  # notes, - the first column, differences
    for which, reached in ((~late, right), (late, right + freed * after_step)):
        most = np.where(ends[:, radius + 1 :], reached, -_NEVER)
        most = np.maximum.accumulate(most[:, ::-1], 1)[:, ::-1]
        # Row after row it falls; so many places from which on what a beginning lacks is reached.
        keys = (rows * 4 * _NEVER - most).ravel()
        count = np.searchsorted(keys, (rows * 4 * _NEVER + left).ravel(), "right").reshape(left.shape) - rows * radius
        sizes = np.where(begins & which & (count > 0), count + radius + 1 - np.arange(radius + 1), 0)
        first = sizes.argmax(1)
        at = np.arange(len(here)), first
        size = sizes[at]
        last = np.maximum(count[at] - 1, 0)
        differences = (size - left[at] - reached[at[0], last]) // one_in
        one = np.stack([size, -first, differences])
        better = (size > 0) & ((size > best[0]) | ((size == best[0]) & (-first > best[1])))
        best = np.where(better, one, best)
    return [
        Near(at - radius - minus_first, place - radius - minus_first, size, differences)
        for at, place, size, minus_first, differences in zip(here.tolist(), there.tolist(), *best.tolist(), strict=True)
        if size > 0
    ]


def _moves(ours: Symbols, theirs: Symbols) -> npt.NDArray[np.int16]:
    """[H, T] by how much more the pitch rises in the query; outside of a line more than can be made up for."""
    moves = (ours >> 3) - (theirs >> 3)
    moves[(ours | theirs) < 0] = _OUTSIDE
    return moves
