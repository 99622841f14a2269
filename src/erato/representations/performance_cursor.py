"""The grammar of `performance`: the symbols so far in, what may come next out. Knows nothing of scores or models.

piece  = (shift* moment)* shift* <end>
shift  = Shift of the longest kind, any number of times, then at most one shorter one
moment = Note-Off* ([Velocity] Note-On)*        pitches of either kind ascend; only what changes is said

Only a key that sounds is lifted, and only one that does not is struck. No key sounds longer than `longest_note`:
no shift goes further, and there the key is lifted. `end` may come while keys sound: there they are lifted too.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from erato.representations.base import Cursor, Sounds
from erato.representations.performance_vocabulary import (
    PITCHES,
    TICKS_PER_QUARTER,
    TICKS_PER_SECOND,
    Vocabulary,
)
from erato.score import Floats, Ints


class PerformanceCursor(Cursor):
    """Walks along with B pieces; a row costs a few microseconds a symbol."""

    bars = None

    def __init__(self, vocabulary: Vocabulary, batch: int) -> None:
        self._vocabulary = vocabulary
        self._rows = [_Row(vocabulary) for _ in range(batch)]

    def allowed(self) -> npt.NDArray[np.bool_]:
        masks = np.zeros((len(self._rows), self._vocabulary.size), dtype=np.bool_)
        for row, mask in zip(self._rows, masks, strict=True):
            row.allow(mask)
        return masks

    @property
    def kinds(self) -> Ints:
        """Notes are struck and lifted as often as the model says, also where it is wrong about which keys sound."""
        return self._vocabulary.kinds

    def push(self, symbols: Ints) -> None:
        for row, symbol in zip(self._rows, symbols.tolist(), strict=True):
            row.push(symbol)

    def sounds(self) -> Sounds:
        """A note-on begins its note now."""
        ticks = TICKS_PER_SECOND // self._vocabulary.steps_per_second
        onset = np.array([row.now for row in self._rows], dtype=np.int64) * ticks
        return Sounds(self._vocabulary.struck, onset, None, TICKS_PER_QUARTER)

    def take(self, rows: Sequence[int]) -> "PerformanceCursor":
        taken = PerformanceCursor(self._vocabulary, 0)
        taken._rows = [self._rows[row].copy() for row in rows]
        return taken

    @property
    def seconds(self) -> Floats:
        return np.array([row.now for row in self._rows], dtype=np.float64) / self._vocabulary.steps_per_second

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return np.array([row.done for row in self._rows], dtype=np.bool_)


class _Row:
    """Where one piece stands."""

    __slots__ = ("bin", "done", "down", "lifted", "now", "shifted", "silent", "since", "struck", "vocabulary")

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.now = 0  # steps
        self.since: dict[int, int] = {}  # keys that sound, by when they were struck (steps): the oldest is the first
        self.silent = np.ones(PITCHES, dtype=np.bool_)  # [128]: keys that do not
        self.lifted = self.struck = -1  # the last pitch of each kind at this moment
        self.bin = -1  # the velocity in force; -1: none was said
        self.down = False  # whether a velocity waits for its note
        self.shifted = False  # whether a shift came last that ends its run
        self.done = False

    def copy(self) -> "_Row":
        other = _Row.__new__(_Row)
        for name in _Row.__slots__:
            setattr(other, name, getattr(self, name))
        other.since, other.silent = self.since.copy(), self.silent.copy()
        return other

    def allow(self, mask: npt.NDArray[np.bool_]) -> None:
        """Sets what may come next; mask: [V], all false."""
        v = self.vocabulary
        if self.done:
            mask[v.end] = True
            return
        room = v.longest_shift
        if self.since:
            oldest, struck_at = next(iter(self.since.items()))
            left = v.longest_note - (self.now - struck_at)
            if left <= 0:  # the oldest key is lifted now, and before it only those below, as pitches ascend
                np.logical_not(
                    self.silent[self.lifted + 1 : oldest + 1], out=mask[v.off + self.lifted + 1 : v.off + oldest + 1]
                )
                return
            room = min(room, left)
        first = self.struck + 1
        if self.bin >= 0 or not v.velocity_bins:
            mask[v.on + first : v.off] = self.silent[first:]
        if self.down:
            return
        mask[v.end] = True
        if not self.shifted:
            mask[v.shift : v.shift + room] = True
        if self.struck < 0:
            np.logical_not(self.silent[self.lifted + 1 :], out=mask[v.off + self.lifted + 1 : v.shift])
        if v.velocity_bins and (len(self.since) < PITCHES - first or self.silent[first:].any()):
            mask[v.velocity :] = True
            if self.bin >= 0:
                mask[v.velocity + self.bin] = False

    def push(self, symbol: int) -> None:
        """Goes one symbol on."""
        v = self.vocabulary
        if symbol >= v.velocity:
            self.bin, self.down, self.shifted = symbol - v.velocity, True, False
        elif symbol >= v.shift:
            steps = symbol - v.shift + 1
            self.now += steps
            self.shifted = steps < v.longest_shift
            self.lifted = self.struck = -1
        elif symbol >= v.off:
            pitch = symbol - v.off
            self.since.pop(pitch, None)
            self.silent[pitch] = True
            self.lifted, self.shifted = pitch, False
        elif symbol >= v.on:
            pitch = symbol - v.on
            self.since[pitch] = self.now
            self.silent[pitch] = False
            self.struck, self.down, self.shifted = pitch, False, False
        elif symbol == v.end:
            self.done = True
