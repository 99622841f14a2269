"""Where runs of symbols occur in a long row: the row in; its suffixes in order, and what begins with what, out.

A suffix array (Manber and Myers 1993) by prefix doubling of the groups that are not yet in order (Larsson and Sadakane
2007), and a directory of every so many suffixes, so that a search reads few places of the array: it may lie on disk.
All searches are done for many rows of a query at once. Knows nothing of notes and words.
Legend: N symbols of the row, M of them that are no separator, R rows of a query, W symbols that are compared at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from erato.score import Ints

Symbols = npt.NDArray[Any]  # of int16 or int32
Flags = npt.NDArray[np.bool_]

NO_SYMBOL = -1  # a separator: equals no symbol of a query
PAD = 4096  # separators before and after the row, so that what stands around a symbol can be read without a look
BLOCK = 16  # suffixes an entry of the directory
AT_ONCE = 1 << 21  # suffixes that are put in order at once
WIDTHS = (16, 48, 192, 768, 3072)  # of symbols that are compared, one after the other; then ever the last one
MOST = 1 << 22  # symbols of rows that are compared at once


def joined(parts: list[Symbols], dtype: npt.DTypeLike) -> Symbols:
    """[PAD + N + PAD] parts in a row, a separator after each and PAD of them before the first and after the last."""
    pad, one = np.full(PAD, NO_SYMBOL, dtype), np.full(1, NO_SYMBOL, dtype)
    return np.concatenate([pad, *(piece for part in parts for piece in (part, one)), pad]).astype(dtype, copy=False)


def bits_of(highest: int) -> int:
    """How many bits hold a separator, the symbols 0 to highest and one that is unknown."""
    return int(highest + 2).bit_length()


def order_of(symbols: Symbols, bits: int) -> npt.NDArray[np.int32]:
    """[M] the places of all symbols that are no separator, ordered by what begins there, up to the next separator."""
    narrow = symbols.astype(np.int16, copy=False) if int(symbols.max()) < 1 << 15 else symbols
    separators = int((symbols == NO_SYMBOL).sum())
    order = np.argsort(narrow, kind="stable")[separators:].astype(np.int32)
    heads = np.ones(len(order), np.bool_)  # where a group of suffixes that are equal so far begins
    heads[1:] = narrow[order[1:]] != narrow[order[:-1]]
    rank = np.full(len(symbols), -1, np.int32)  # of a suffix: where its group begins; -1: a separator
    depth = width_of(bits)
    view = windows_of(symbols, depth)
    for start, stop in _chunks(heads):
        keys = packed(view[order[start:stop]], bits)
        places = np.argsort(keys, kind="stable")
        order[start:stop], keys = order[start:stop][places], keys[places]
        heads[start + 1 : stop] = keys[1:] != keys[:-1]
        heads[start:stop] |= keys & ((1 << bits) - 1) == 0  # a separator is in it: nothing more is compared
        rank[order[start:stop]] = _begins(heads[start:stop], np.arange(start, stop))
    while not heads.all():
        for start, stop in _chunks(heads):
            among = ~heads[start:stop]
            among[:-1] |= among[1:]
            at = start + np.flatnonzero(among)
            if not len(at):
                continue
            following = rank[order[at] + depth].astype(np.int64) + 1
            keys = np.cumsum(heads[at]) << 32 | following
            places = np.argsort(keys, kind="stable")
            order[at], keys = order[at][places], keys[places]
            new = np.append(True, keys[1:] != keys[:-1]) | (keys & 0xFFFFFFFF == 0)
            heads[at] = new
            rank[order[at]] = _begins(new, at)
        depth *= 2
    return order


def directory_of(symbols: Symbols, order: npt.NDArray[np.int32], bits: int) -> Ints:
    """[ceil(M / BLOCK)] what each BLOCK-th suffix begins with, packed."""
    return packed(windows_of(symbols, width_of(bits))[order[::BLOCK]], bits)


def width_of(bits: int) -> int:
    """How many symbols of so many bits are packed into a number."""
    return max(1, min(8, 62 // bits))


def packed(windows: Symbols, bits: int) -> Ints:
    """[R] windows [R, W] as numbers in the same order; what stands after a separator is as nothing."""
    found = np.zeros(len(windows), np.int64)
    alive = np.ones(len(windows), np.bool_)
    for column in range(windows.shape[1]):
        one = windows[:, column].astype(np.int64) + 1
        alive &= one > 0
        found = found << bits | np.where(alive, one, 0)
    return found


@dataclass(frozen=True)
class Rows:
    """Beginnings in a query: start [R] in symbols [PAD + N + PAD], left [R] how many symbols there are from there on.

    spot, value: [R] a place at which another symbol is meant, and that one; -1: none.
    """

    symbols: Symbols
    start: Ints
    left: Ints
    spot: Ints
    value: Ints

    @classmethod
    def plain(cls, symbols: Symbols, start: Ints, left: Ints) -> "Rows":
        nowhere = np.full(len(start), -1)
        return cls(symbols, start, left, nowhere, nowhere)

    def __getitem__(self, which: Any) -> "Rows":
        return Rows(self.symbols, self.start[which], self.left[which], self.spot[which], self.value[which])

    def windows(self, offset: int, width: int) -> Symbols:
        """[R, W] what stands from `offset` symbols after each beginning."""
        found = windows_of(self.symbols, width)[self.start + offset]
        column = self.spot - self.start - offset
        other = np.flatnonzero((self.spot >= 0) & (column >= 0) & (column < width))
        found[other, column[other]] = self.value[other]
        return found


@dataclass(frozen=True)
class Excluded:
    """Stretches of the row in which nothing is found: starts and stops [X], ascending, none overlap."""

    starts: Ints
    stops: Ints

    def hold(self, places: Ints) -> Flags:
        """Which of these places of the row are excluded."""
        if not len(self.starts):
            return np.zeros(len(places), np.bool_)
        at = np.searchsorted(self.starts, places, "right") - 1
        return (at >= 0) & (places < self.stops[at])


@dataclass(frozen=True)
class Suffixes:
    """A row of symbols [PAD + N + PAD], the order of its suffixes [M] and their directory; any may be memory-mapped."""

    symbols: Symbols
    order: npt.NDArray[np.int32]
    directory: Ints
    bits: int

    @classmethod
    def of(cls, symbols: Symbols, highest: int) -> "Suffixes":
        """Of a row as `joined` makes it, whose symbols are 0 to highest."""
        bits = bits_of(highest)
        order = order_of(symbols, bits)
        return cls(symbols, order, directory_of(symbols, order, bits), bits)

    def longest(self, rows: Rows, excluded: Excluded) -> Ints:
        """[R] how many symbols the longest run has that begins a row and occurs outside what is excluded."""
        low, high = self._first_range(rows, rows.left)
        active = np.flatnonzero((high - low > 1) & (rows.left > WIDTHS[0]))
        for offset, width in _further():
            if not len(active):
                break
            some = rows[active]
            start, stop = self._range(some, some.left, offset, width, low[active], high[active])
            low[active], high[active] = start, stop
            active = active[(stop - start > 1) & (some.left > offset + width)]
        # The insertion point: away from it, in both directions, less and less is shared.
        found = np.zeros(len(rows.start), np.int64)
        for step in (1, -1):
            at = low if step == 1 else low - 1
            at, there = self._first(at, step, excluded)
            found[there] = np.maximum(found[there], self.shared(rows[there], self.order[at[there]].astype(np.int64)))
        return found

    def find(self, rows: Rows, length: Ints) -> tuple[Ints, Ints]:
        """([R], [R]) from and up to where in `order` what begins with `length` [R] symbols of each row stands."""
        low, high = self._first_range(rows, length)
        active = np.flatnonzero((high > low) & (length > WIDTHS[0]))
        for offset, width in _further():
            if not len(active):
                break
            start, stop = self._range(rows[active], length[active], offset, width, low[active], high[active])
            low[active], high[active] = start, stop
            active = active[(stop > start) & (length[active] > offset + width)]
        return low, high

    def shared(self, rows: Rows, places: Ints) -> Ints:
        """[R] how many symbols each row has in common with what begins at one place of the row of symbols."""
        found = np.zeros(len(places), np.int64)
        active = np.arange(len(places))
        for offset, width in _levels():
            further = [np.zeros(0, np.int64)]
            for part in _parts(len(active), width):
                at = active[part]
                some = rows[at]
                differs = windows_of(self.symbols, width)[places[at] + offset] != some.windows(offset, width)
                same = np.where(differs.any(1), differs.argmax(1), width)
                found[at] += np.minimum(same, some.left - offset)
                further.append(at[(same == width) & (some.left > offset + width)])
            active = np.concatenate(further)
            if not len(active):
                break
        return found

    def _first_range(self, rows: Rows, length: Ints) -> tuple[Ints, Ints]:
        """Ranges of suffixes that share the first WIDTHS[0] symbols of each row, or `length`; empty: none does.

        By the directory, whose entries hold the first few symbols: where no more are looked for, each end lies within
        one block.
        """
        width = width_of(self.bits)
        windows = rows.windows(0, width).astype(np.int64)
        beyond = np.arange(width) >= length[:, None]
        least = packed(np.where(beyond, NO_SYMBOL, windows), self.bits)
        most = packed(np.where(beyond, (1 << self.bits) - 2, windows), self.bits)
        first, last = np.searchsorted(self.directory, least), np.searchsorted(self.directory, most, "right")
        low, high = BLOCK * np.maximum(0, first - 1), np.minimum(BLOCK * last, len(self.order))
        few = length <= width
        low_end = np.where(few, np.minimum(BLOCK * first, high), high)
        high_begin = np.where(few, BLOCK * np.maximum(0, last - 1), low)
        return self._range(rows, length, 0, WIDTHS[0], low, high, low_end, high_begin)

    def _range(
        self,
        rows: Rows,
        length: Ints,
        offset: int,
        width: int,
        low: Ints,
        high: Ints,
        low_end: Ints | None = None,
        high_begin: Ints | None = None,
    ) -> tuple[Ints, Ints]:
        """Narrows ranges of suffixes that share `offset` symbols with their row to those that share `width` more.

        low_end, high_begin: up to and from where the ends of the ranges lie, where more is known.
        """
        start, stop = low.copy(), high.copy()
        low_end, high_begin = high if low_end is None else low_end, low if high_begin is None else high_begin
        widest = int(min(width, max(1, int((length - offset).max(initial=1)))))
        for part in _parts(len(low), widest):
            windows = rows[part].windows(offset, widest)
            beyond = np.arange(widest) >= (length[part] - offset)[:, None]
            start[part] = self._bound(windows, beyond, offset, low[part], low_end[part], right=False)
            none = self._differs(windows, beyond, offset, start[part])  # most often, and one look tells
            begin = np.where(none, start[part], np.maximum(start[part], high_begin[part]))
            end = np.where(none, start[part], high[part])
            stop[part] = self._bound(windows, beyond, offset, begin, end, right=True)
        return start, stop

    def _differs(self, windows: Symbols, beyond: Flags, offset: int, at: Ints) -> Flags:
        """[R] whether the suffix at this place of `order` does not go on with the window."""
        view = windows_of(self.symbols, windows.shape[1])
        there = view[self.order[np.minimum(at, len(self.order) - 1)].astype(np.int64) + offset]
        found: Flags = (at >= len(self.order)) | ((there != windows) & ~beyond).any(1)
        return found

    def _bound(self, windows: Symbols, beyond: Flags, offset: int, low: Ints, high: Ints, *, right: bool) -> Ints:
        low, high = low.copy(), high.copy()
        view, masked = windows_of(self.symbols, windows.shape[1]), bool(beyond.any())
        active = np.flatnonzero(low < high)
        while len(active):
            middle = (low[active] + high[active]) >> 1
            there = view[self.order[middle].astype(np.int64) + offset]
            here = windows[active]
            differs = there != here
            if masked:
                differs &= ~beyond[active]
            row, first = np.arange(len(active)), differs.argmax(1)
            before = there[row, first] < here[row, first]
            after = differs[row, first] & before
            if right:
                after |= ~differs[row, first]
            low[active] = np.where(after, middle + 1, low[active])
            high[active] = np.where(after, high[active], middle)
            active = active[low[active] < high[active]]
        return low

    def _first(self, at: Ints, step: int, excluded: Excluded) -> tuple[Ints, Ints]:
        """The first places in `order` from `at` on that are not excluded, and which of the rows have one."""
        at = at.copy()
        active = np.flatnonzero((at >= 0) & (at < len(self.order)))
        while len(active) and len(excluded.starts):
            active = active[excluded.hold(self.order[at[active]].astype(np.int64))]
            at[active] += step
            active = active[(at[active] >= 0) & (at[active] < len(self.order))]
        return at, np.flatnonzero((at >= 0) & (at < len(self.order)))


def windows_of(symbols: Symbols, width: int) -> Symbols:
    """[N - W + 1, W] the symbols from each place on, not copied: NumPy's own way to do so takes 40 microseconds."""
    (step,) = symbols.strides
    shape = len(symbols) - width + 1, width
    found: Symbols = np.ndarray(shape, symbols.dtype, symbols, 0, (step, step))
    return found


def _levels() -> Iterator[tuple[int, int]]:
    """(from, how many) symbols that are compared, on and on."""
    yield 0, WIDTHS[0]
    yield from _further()


def _further() -> Iterator[tuple[int, int]]:
    """The same after the first of them."""
    offset = WIDTHS[0]
    for width in chain(WIDTHS[1:], repeat(WIDTHS[-1])):
        yield offset, width
        offset += width


def _parts(count: int, width: int) -> Iterator[slice]:
    """Stretches of rows of so many symbols that are compared at once."""
    step = max(1, MOST // width)
    yield from (slice(start, start + step) for start in range(0, count, step))


def _begins(heads: Flags, places: Ints) -> Ints:
    """Where the group of each of these places begins; the first one is a head."""
    begins: Ints = np.maximum.accumulate(np.where(heads, places, 0))
    return begins


def _chunks(heads: Flags) -> Iterator[tuple[int, int]]:
    """Stretches of whole groups, AT_ONCE suffixes or few more each."""
    start, total = 0, len(heads)
    while start < total:
        stop = min(start + AT_ONCE, total)
        if stop < total:
            rest = heads[stop:]
            stop = stop + int(rest.argmax()) if rest.any() else total
        yield start, stop
        start = stop
