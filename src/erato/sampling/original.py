"""Refusing what would make a passage too long that a training melody has: symbols in; those that may not come out.

A cursor around a representation's cursor keeps the melodies of each piece (the top notes of all tracks together, and of
each track) as it grows, and allows no symbol that begins a note with which more notes in a row are a training melody's
than are allowed. So nothing is taken back, and the draw is from the rest. The top of a chord may be any of its notes
while it is formed; none that would be one too many is let in, however many come above it. What is the same is said in
`erato.passages`. Knows nothing of models. Legend: B pieces, V symbols (keys, states of a key, pitches), N notes that
may be the same.
"""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from erato.passages import CLOSE, FIRST, SAME
from erato.representations.base import Array, Bits, Cursor, Frames, Notes, Sounds, Space
from erato.sampling.familiar import Familiar
from erato.score import Floats, Ints

ALL = -1  # the melody of all tracks together
ANY = None  # an onset that is not known yet


class Refused(NamedTuple):
    """How often something was refused in a piece.

    draws: of the symbols, those that would have been another if nothing had been refused, as that was refused; in a
    beam search, where the likeliest was; of whole phrases, those that were written again. forced: notes too many, as
    nothing else could come. silent: phrases that are, as none that was written would do.
    """

    draws: int = 0
    forced: int = 0
    silent: int = 0


class Melody(NamedTuple):
    """A melody so far: its last note, the step to it, its last N - 1 tokens, and what goes on so in the training."""

    onset: int
    pitch: int
    step: int = 0  # ticks; 0: there is none
    tokens: tuple[int, ...] = ()
    follows: tuple[int, ...] = ()

    def then(self, onset: int, pitch: int, known: Familiar) -> "Melody":
        """The melody with the next note."""
        step = onset - self.onset
        token = 8 * (pitch - self.pitch + 128) + rhythm(step, self.step)
        tokens = (*self.tokens, token)[1 - known.notes :]
        return Melody(onset, pitch, step, tokens, known.after(tokens) if len(tokens) == known.notes - 1 else ())

    def too_long(self, onset: int | None) -> list[int]:
        """The pitches that are one too many at an onset; at ANY: at some."""
        if not self.follows:
            return []
        if onset is ANY:
            return [self.pitch + token // 8 - 128 for token in self.follows]
        wanted = rhythm(onset - self.onset, self.step)
        return [self.pitch + token // 8 - 128 for token in self.follows if token % 8 == wanted]


class Growth:
    """The melodies of one piece: those up to the onset before, and the tops of the current one so far."""

    __slots__ = ("close", "draws", "first", "forced", "known", "melodies", "tops")

    def __init__(self, known: Familiar) -> None:
        self.known = known
        self.close = 0  # ticks within which onsets are one
        self.first: int | None = None  # the current onset
        self.melodies: dict[int, Melody] = {}
        self.tops: dict[int, int] = {}
        self.draws = self.forced = 0

    def copied(self) -> "Growth":
        """This, independent of it."""
        other = copy(self)
        other.melodies, other.tops = dict(self.melodies), dict(self.tops)
        return other

    def hear(self, onset: int, track: int | None, pitch: int) -> None:
        """Takes note of a note; onsets never go back."""
        self.reach(onset)
        if self.first is None:
            self.first = onset
        for line in (ALL,) if track is None else (ALL, track):
            if pitch > self.tops.get(line, -1):
                self.tops[line] = pitch

    def reach(self, onset: int) -> None:
        """What comes now comes at `onset`, or later."""
        if self.first is not None and onset - self.first > self.close:
            for line in self.tops:
                self.melodies[line] = self._with_top(line)
            self.tops, self.first = {}, None

    def too_long(self, onset: int, track: int | None) -> list[int]:
        """The pitches that would be one too many for a note at `onset` in a track."""
        self.reach(onset)
        at = onset if self.first is None else self.first
        found = []
        for line in (ALL,) if track is None else (ALL, track):
            if (melody := self.melodies.get(line)) is not None and melody.follows:
                top = self.tops.get(line, -1)
                found += [pitch for pitch in melody.too_long(at) if pitch > top]
        return found

    def too_long_sometime(self) -> list[int]:
        """The pitches that would be one too many at the current onset of the only track, or at some later one."""
        found = [] if self.first is None else self.too_long(self.first, None)
        if ALL in self.tops:
            return found + self._with_top(ALL).too_long(ANY)
        return found + (self.melodies[ALL].too_long(ANY) if ALL in self.melodies else [])

    def _with_top(self, line: int) -> Melody:
        assert self.first is not None, "a top has an onset"
        before = self.melodies.get(line)
        if before is None:
            return Melody(self.first, self.tops[line])
        return before.then(self.first, self.tops[line], self.known)


def rhythm(step: int, before: int) -> int:
    """How many times as long a step is as the one before, to the nearest power of two, as `erato.passages` has it."""
    if not before:
        return FIRST
    square, one = step * step, before * before  # powers of two meet at their geometric means
    return SAME + (square > 2 * one) + (square > 8 * one) - (2 * square < one) - (8 * square < one)


class OriginalCursor(Cursor):
    """Walks along with B pieces and refuses the note that makes a passage longer than N notes."""

    def __init__(
        self, inner: Cursor, known: Familiar, space: Space, batch: int, prompt: int = 0, heard: Cursor | None = None
    ) -> None:
        """inner: of the representation, fresh. prompt: symbols that come before what is new; passages that end in them
        are none of the new piece.

        heard: None where the piece begins with its prompt; else what says which notes begin in a piece that does not:
        `inner`, or a fresh cursor that never sees the prompt, where such a piece is decoded without it.
        """
        self.inner, self.known, self.space = inner, known, space
        self._ear, self._prompt, self._hears = heard or inner, prompt, heard is None
        self._pieces = [Growth(known) for _ in range(batch)]
        self._forget()

    def _forget(self) -> None:
        self._asked = False
        self._sounds: Sounds | None = None
        self._allowed: npt.NDArray[np.bool_] | None = None
        self._refused: npt.NDArray[np.bool_] | None = None  # [B, V]; None: nothing
        self._forced: npt.NDArray[np.bool_] | None = None  # [B] rows where all that is left is refused

    def allowed(self) -> npt.NDArray[np.bool_] | None:
        """What the cursor within allows, without what is refused; where nothing is left, all of it."""
        if self._asked:
            return self._allowed
        self._asked, self._allowed = True, self.inner.allowed()
        self._sounds = None if self._prompt else self._ear.sounds()
        if self._sounds is None:
            return self._allowed
        refused = self._too_long(self._sounds)
        if refused is None:
            return self._allowed
        allowed = np.ones(refused.shape, np.bool_) if self._allowed is None else self._allowed
        left, self._refused = allowed & ~refused, refused & allowed
        if not isinstance(self.space, Frames):  # a frame without keys always may come
            self._forced = np.asarray(~left.any(-1))
            left |= allowed & self._forced[:, None]
        self._allowed = left
        return left

    def _too_long(self, sounds: Sounds) -> npt.NDArray[np.bool_] | None:
        """[B, V] the symbols that begin a note too many; None: none does."""
        found: npt.NDArray[np.bool_] | None = None
        sometime = isinstance(self.space, Notes)
        onsets, tracks = sounds.onset.tolist(), _tracks(sounds)
        close = sounds.ticks_per_quarter // CLOSE
        for row, piece in enumerate(self._pieces):
            piece.close = close
            if tracks[row] == -1:
                continue
            pitches = piece.too_long_sometime() if sometime else piece.too_long(onsets[row], tracks[row])
            if pitches:
                if found is None:
                    found = np.zeros((len(self._pieces), sounds.pitch.shape[-1]), np.bool_)
                begins = sounds.pitch if sounds.pitch.ndim == 1 else sounds.pitch[row]
                found[row] = (begins[:, None] == np.array(pitches)).any(1)
        return found if found is not None and found.any() else None

    @property
    def refuses(self) -> bool:
        """Whether something that could come next is refused."""
        self.allowed()
        return self._refused is not None and bool(self._refused.any())

    @property
    def refused_now(self) -> npt.NDArray[np.bool_]:
        """[B, V] what is refused, where something is."""
        assert self._refused is not None, "something is refused"
        return self._refused

    def count(self, free: Array) -> None:
        """Takes note of what would come next of each piece if nothing was refused, [B, *space.shape]."""
        self.allowed()
        for row in np.flatnonzero(self._hits(free)).tolist():
            if self._forced is None or not self._forced[row]:
                self._pieces[row].draws += 1

    def _hits(self, symbols: Array) -> npt.NDArray[np.bool_]:
        """[B] whether each symbol is one that is refused."""
        if self._refused is None:
            return np.zeros(len(symbols), np.bool_)
        if isinstance(self.space, Frames):
            return np.asarray((self._refused & (symbols == 1)).any(-1))
        index = symbols[:, 0].astype(np.int64) if isinstance(self.space, Notes) else symbols
        return np.asarray(self._refused[np.arange(len(index)), index])

    def counted(self, row: int) -> Refused:
        """What was refused in a piece so far."""
        return Refused(self._pieces[row].draws, self._pieces[row].forced)

    @property
    def kinds(self) -> Ints | None:
        return self.inner.kinds

    def push(self, symbols: Array) -> None:
        if self._forced is not None and self._forced.any():
            for row in np.flatnonzero(self._forced & self._hits(symbols)).tolist():
                self._pieces[row].forced += 1
        new = self._prompt == 0
        sounds = self._sounds
        if sounds is None and (new or self._hears):
            sounds = self._ear.sounds()
        self._forget()
        self._prompt -= not new
        self.inner.push(symbols)
        if new and self._ear is not self.inner:
            self._ear.push(symbols)
        if sounds is not None:
            self._hear(sounds, symbols)

    def _hear(self, sounds: Sounds, symbols: Array) -> None:
        """Takes note of the notes that symbols began."""
        rows, onset = np.arange(len(symbols)), sounds.onset
        begins = np.broadcast_to(sounds.pitch, (len(symbols), sounds.pitch.shape[-1]))
        if isinstance(self.space, Frames):
            pitch = np.where(symbols == 1, begins, -1).max(-1)
        elif isinstance(self.space, Notes):
            pitch = symbols[:, 0].astype(np.int64)
            now = self._ear.sounds()
            assert now is not None
            onset = now.onset
        else:
            pitch = begins[rows, symbols]
        tracks, close = _tracks(sounds), sounds.ticks_per_quarter // CLOSE
        for row in np.flatnonzero(pitch >= 0).tolist():
            if tracks[row] != -1:
                self._pieces[row].close = close
                self._pieces[row].hear(int(onset[row]), tracks[row], int(pitch[row]))

    def push_all(self, symbols: Array) -> None:
        if not isinstance(self.space, Bits):
            super().push_all(symbols)
            return
        self._forget()
        new = self._prompt == 0
        self._prompt = max(0, self._prompt - len(symbols))
        if new or self._hears:
            piece = self._pieces[0]
            for _, onset, pitch in self._begun(symbols):
                piece.hear(onset, None, pitch)
        self.inner.push_all(symbols)
        if new and self._ear is not self.inner:
            self._ear.push_all(symbols)

    def refused(self, symbols: Array) -> int | None:
        """The place of the first of the next key states [T] of the piece that is refused, which is counted."""
        piece = self._pieces[0].copied()
        for place, onset, pitch in self._begun(symbols):
            if pitch in piece.too_long(onset, None):
                self._pieces[0].draws += 1
                return place
            piece.hear(onset, None, pitch)
        return None

    def _begun(self, symbols: Array) -> list[tuple[int, int, int]]:
        """Place, onset and pitch of the notes that key states begin."""
        sounds = self._ear.sounds()
        assert sounds is not None, "key states begin notes"
        self._pieces[0].close = sounds.ticks_per_quarter // CLOSE
        place, onset, pitch = self._ear.begun(symbols)
        return list(zip(place.tolist(), onset.tolist(), pitch.tolist(), strict=True))

    def symbols_until(self, seconds: float) -> int | None:
        return self.inner.symbols_until(seconds)

    def take(self, rows: Sequence[int]) -> "OriginalCursor":
        taken = copy(self)
        taken.inner = self.inner.take(rows)
        taken._ear = taken.inner if self._ear is self.inner else self._ear.take(rows)
        taken._pieces = [self._pieces[row].copied() for row in rows]
        taken._forget()
        return taken

    @property
    def bars(self) -> Ints | None:
        return self.inner.bars

    @property
    def seconds(self) -> Floats | None:
        return self.inner.seconds

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return self.inner.done


def _tracks(sounds: Sounds) -> list[int | None]:
    return [None] * len(sounds.onset) if sounds.track is None else sounds.track.tolist()
