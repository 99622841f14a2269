"""What every representation is: a piece to an array and back. Knows nothing of files, models or training.

Legend: B pieces sampled at once, T symbols of a piece, V symbols of a vocabulary.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTick, ScoreTick, TextMetaTick, TrackTick

from erato.errors import UsageError
from erato.representations.space import Array, Bits, Frames, Notes, Rolls, Space, Tokens
from erato.score import END, Floats, Ints, Piece

__all__ = [
    "Array",
    "Bits",
    "Cursor",
    "Encoded",
    "Frames",
    "Notes",
    "Representation",
    "RepresentationConfig",
    "Rolls",
    "Sounds",
    "Space",
    "Tokens",
]


@dataclass(frozen=True)
class Encoded:
    """A piece as an array, and what of it the representation could not hold: {reason: count}.

    array: [T, *space.shape]; what stands before the first symbol is not part of it (the dataset puts that there), the
    last is `end` where the space has one. used: what was taken of the piece, where not all was, as JSON for the
    manifest: its bars, its tracks.
    """

    array: Array
    lost: dict[str, int] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sounds:
    """Which notes the next symbol of each of B pieces would begin, as `decode` writes them. Onsets never go back.

    pitch: [V] or [B, V] the highest one that each symbol begins, -1: none; of `Frames` [B, K], of each key; of `Bits`
    [B, 2]; of `Notes` [128], of each pitch. onset: [B] its tick; of `Notes` that of the note before, as the step is
    known only with the note. track: [B] the track it is in, -1: drums; None: there is one track, and no drums.
    ticks_per_quarter: of decoded scores.
    """

    pitch: Ints
    onset: Ints
    track: Ints | None
    ticks_per_quarter: int


class Cursor(ABC):
    """Walks along with a batch of B pieces while they are sampled: what may come next, and how far each has come."""

    @abstractmethod
    def allowed(self) -> npt.NDArray[np.bool_] | None:
        """[B, V] which symbols (of `Frames`: [B, K] which keys) may come next of each piece; None: all may.

        All that keep it decodable; a cursor around another may allow fewer (of `Notes` [B, 128] pitches, of `Bits`
        [B, 2]).

        At least one symbol a row is allowed; a frame without keys always is.
        """

    @property
    def kinds(self) -> Ints | None:
        """[V]: what kind of symbol each is, if a kind stays as likely as it was where some of it is not allowed."""
        return None

    @abstractmethod
    def push(self, symbols: Array) -> None:
        """Takes note of the next symbol of each piece, symbols: [B, *space.shape]."""

    def push_all(self, symbols: Array) -> None:
        """Takes note of the next symbols of the one piece there is, symbols: [T, *space.shape]."""
        for symbol in symbols:
            self.push(symbol[None])

    def symbols_until(self, seconds: float) -> int | None:
        """How many more symbols the one piece there is has until its music is so long; None: that depends on them."""
        return None

    def sounds(self) -> Sounds | None:
        """Which notes the next symbols would begin; None: symbols begin no notes one by one."""
        return None

    def begun(self, symbols: Array) -> tuple[Ints, Ints, Ints]:
        """Place, onset (ticks) and pitch of the notes that the next symbols [T] of the one piece there is begin, [N]
        each; only of `Bits`, of which many are read at once.
        """
        raise NotImplementedError(f"{type(self).__name__} says one by one what notes begin")

    @abstractmethod
    def take(self, rows: Sequence[int]) -> "Cursor":
        """A cursor for the pieces `rows` (reordered or copied), independent of this one."""

    @property
    @abstractmethod
    def bars(self) -> Ints | None:
        """[B]: complete bars so far, a pickup not counted; None: this representation has no bars."""

    @property
    @abstractmethod
    def seconds(self) -> Floats | None:
        """[B]: seconds of music so far (up to the current position); None: it has no time."""

    @property
    @abstractmethod
    def done(self) -> npt.NDArray[np.bool_]:
        """[B]: whether the `end` symbol was pushed."""


class Representation(ABC):
    """A piece to an array and back. Made by a config's `fit` or `restore`; immutable."""

    space: Space
    kind: ClassVar[Literal["music", "text"]]
    order: ClassVar[int] = 3  # of the n-gram model that a model has to beat

    @abstractmethod
    def encode(self, piece: Piece) -> Encoded:
        """The whole piece; what cannot be held is counted in `.lost`, never dropped in silence."""

    def encode_prompt(self, piece: Piece) -> Encoded:
        """The piece as the beginning of a longer one: without `end`, closed where it closes (at its last bar line)."""
        encoded = self.encode(piece)
        array = encoded.array
        if self.space.end is not None and len(array) and array[-1] == self.space.end:
            array = array[:-1]
        return Encoded(array, encoded.lost)

    def window(self, array: Array, begin: int, length: int) -> Array:
        """About `length` symbols from about `begin` on, so that they can stand alone as a prompt; without `end`."""
        part = array[begin : begin + length]
        return part[:-1] if len(part) and self.space.end is not None and part[-1] == self.space.end else part

    @abstractmethod
    def decode(self, array: Array) -> Piece:
        """The piece that `array` stands for; any array a cursor allowed decodes, also one that stops halfway."""

    def owners(self, array: Array) -> Ints:
        """[T, W]: the notes that each symbol speaks of, -1 where there is none; of frames [T, K], that of each key.

        Notes are numbered as `decode(array)` has them: track after track, in the order of each track. What leads to a
        note (a bar, a position, a time shift) speaks of it. UsageError where symbols speak of no note.
        """
        raise UsageError("a surprise is that of notes, and the symbols of this run speak of none: choose another run.")

    @abstractmethod
    def units(self, array: Array) -> dict[str, float]:
        """How much there is of "frames", "notes", "seconds", "chars" (those that have a meaning)."""

    @abstractmethod
    def cursor(self, batch: int) -> Cursor:
        """A cursor for `batch` pieces that have not begun."""

    def opening(self, pitch: int | None) -> Array:
        """The symbols of one short note, or (pitch None) of silence, to begin a piece with; UsageError: none are."""
        score = ScoreTick(480)
        if pitch is None:
            score.markers.append(TextMetaTick(240, END))
        else:
            track = TrackTick("", 0, False)
            track.notes.append(NoteTick(0, 240, pitch, 80))
            score.tracks.append(track)
        return self.encode_prompt(score).array

    @abstractmethod
    def names(self) -> list[str]:
        """What each symbol (each key of a frame, each feature of a note) is called, for people."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that was fitted, as JSON; `config.restore(state)` gives this representation again."""

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The array of the same piece `semitones` higher; None where that cannot be held (or has no meaning)."""
        return array if semitones == 0 else None

    def stretched(self, array: Array, factor: float) -> Array | None:
        """Any stretch of a piece's symbols as music `factor` times as long; None where time has no seconds."""
        return array if factor == 1 else None

    def copies(self, array: Array, draw: np.random.Generator) -> list[Array]:
        """What is learnt of a training piece: itself, or variants of it that are drawn once and for all."""
        return [array]

    def paced(self, step_s: float) -> "Representation":
        """This representation, writing steps of `step_s` seconds; UsageError where it has no steps in seconds."""
        raise UsageError(f"only a piano roll has steps to write at another pace: leave out the step of {step_s:g} s.")


class RepresentationConfig(ABC):
    """The settings of a representation (a frozen dataclass); builds it."""

    kind: ClassVar[Literal["music", "text"]] = "music"  # of the pieces it holds

    def fingerprint(self) -> str:
        """What decides the result beside the settings and the pieces: the contents of files that the settings name."""
        return ""

    def check_state(self, state: dict[str, Any], representation: str, settings: Iterable[str] = ()) -> None:
        """UsageError where the state is of another representation, or was made with other values of `settings`."""
        if state.get("representation") != representation:
            raise UsageError(f"expected the state of {representation}, got that of {state.get('representation')!r}.")
        for name in settings:
            if state.get(name, "nothing") != getattr(self, name):
                raise UsageError(
                    f"this representation was made with {name}={state.get(name, 'nothing')!r}, the recipe says "
                    f"{getattr(self, name)!r}: use the recipe it was trained with."
                )

    @abstractmethod
    def fit(self, pieces: Iterable[Piece]) -> Representation:
        """The representation fitted to the training pieces; `pieces` may be gone through more than once."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> Representation:
        """The representation whose `state()` this is; UsageError names what is wrong with a foreign state."""
