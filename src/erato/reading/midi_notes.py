"""Which note-on belongs to which note-off: arrays of messages in, notes out. Knows nothing of bytes and of scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Notes:
    """Notes in the order in which they begin: each by the number of its note-on, with the tick at which it ends.

    open: how many were never released, and end with their track.
    """

    index: Ints
    end: Ints
    open: int


def pair(key: Ints, tick: Ints, starts: npt.NDArray[np.bool_], last: Ints) -> Notes:
    """Pairs note-ons with note-offs of the same key, the first that sounds with the first that ends it.

    key: [N] what a note-on and its note-off have in common (track, channel and pitch). starts: [N] whether it is a
    note-on. last: [N] when the track of each ends. A note-off that ends nothing is passed over.
    """
    if not len(key):
        return Notes(key, key, 0)
    small = key.astype(np.uint16) if key.max() < 1 << 16 else key  # far quicker to sort
    order = np.argsort(small, kind="stable")
    begins, by_key = starts[order], key[order]
    first = np.append(0, np.flatnonzero(by_key[1:] != by_key[:-1]) + 1)  # where each key begins
    size = np.diff(first, append=len(key))
    # How many sound, were every note-off to end one: each that ends nothing takes the sum of its key to a new low.
    level = np.cumsum(np.where(begins, 1, -1))
    base = np.append(0, level[first[1:] - 1])
    depth = 2 * len(key) + 2  # keys one below the other, so that one running minimum serves all
    floor = np.repeat(np.arange(len(first)) * -depth, size)
    level += floor - np.repeat(base, size)
    lowest = np.minimum.accumulate(np.minimum(level, floor))
    before = np.append(0, lowest[:-1])
    before[first] = floor[first]
    # The n-th note-on of a key goes with the n-th of its note-offs that ends something.
    ons, offs = np.flatnonzero(begins), np.flatnonzero(~begins & (level >= before))
    there = _ranked(floor[offs])
    wanted = _ranked(floor[ons])
    place = np.minimum(np.searchsorted(there, wanted), max(len(there) - 1, 0))
    found = there[place] == wanted if len(there) else np.zeros(len(wanted), np.bool_)
    index = order[ons]
    end = last[index]
    end[found] = tick[order[offs[place[found]]]]
    by_time = np.argsort(index)
    return Notes(index[by_time], end[by_time], int((~found).sum()))


def _ranked(floor: Ints) -> Ints:
    """A number for each that rises with its key, and within a key by one; floor: one number a key, falling."""
    rank = np.arange(len(floor))
    first = np.append(0, np.flatnonzero(floor[1:] != floor[:-1]) + 1)[: len(floor)]
    rank -= np.repeat(first, np.diff(first, append=len(floor)))
    numbers: Ints = rank - floor
    return numbers
