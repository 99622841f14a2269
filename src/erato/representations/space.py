"""The kinds of symbols that pieces are rows of: what one looks like, and what stands before the first.

Knows nothing of pieces. Legend: T symbols of a piece, K keys, F features of a note.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


class Space(ABC):
    """A kind of symbol; a piece is an array [T, *shape]."""

    read: ClassVar[type[np.generic]]  # the dtype that models read
    end: int | None = None  # the symbol that ends a piece, where there is one

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one symbol."""

    @property
    @abstractmethod
    def stored(self) -> type[np.generic]:
        """The smallest dtype that holds every symbol of a piece."""

    @property
    @abstractmethod
    def before(self) -> Array:
        """[*shape]: the symbol before the first one; it never stands in a piece."""

    @abstractmethod
    def holds(self, array: Array) -> Bools:
        """[T]: which symbols of an array [T, *shape] may stand in a piece."""

    @abstractmethod
    def to_json(self, array: Array) -> list[Any]:
        """A piece as JSON, short enough to keep."""

    @abstractmethod
    def from_json(self, rows: list[Any]) -> Array:
        """The piece that `to_json` wrote; ValueError or TypeError where it did not."""

    @abstractmethod
    def __str__(self) -> str:
        """What a symbol is, for people."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """How many kinds `as_tokens` knows."""

    @abstractmethod
    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        """[N] whole numbers that stand for a piece, as models that count need them."""

    @property
    def frame(self) -> int:
        """Symbols of a step in time, which windows and openings are whole numbers of."""
        return 1

    def kept(self, array: Array) -> Array:
        """A piece as it is kept, in as little memory as can be; `opened` gives it back."""
        return array.astype(self.stored)

    def kept_size(self, symbols: Any) -> Any:
        """How many numbers of a kept piece so many symbols take."""
        return symbols

    def opened(self, kept: Array, symbols: int) -> Array:
        """A piece [T, *shape] that was kept: an array, or what is sliced and converted like one."""
        return kept

    def empty(self) -> Array:
        """[0, *shape]: a piece without symbols."""
        return np.empty((0, *self.shape), self.read)

    def _checked(self, array: Array) -> Array:
        if array.shape[1:] != self.shape or not self.holds(array).all():
            raise ValueError(f"these are not rows of {self}")
        return array


@dataclass(frozen=True)
class Tokens(Space):
    """Symbols 0..size-1. `start` stands before the first symbol of a piece, `end` (if any) after the last."""

    size: int
    start: int
    end: int | None = None

    read = np.int64
    shape = ()

    @property
    def stored(self) -> type[np.generic]:
        return np.uint16 if self.size < 2**16 else np.int32

    @property
    def before(self) -> Array:
        return np.array(self.start, np.int64)

    def holds(self, array: Array) -> Bools:
        found: Bools = (array >= 0) & (array < self.size) & (array != self.start)
        return found

    def to_json(self, array: Array) -> list[Any]:
        return list(np.asarray(array, np.int64).tolist())

    def from_json(self, rows: list[Any]) -> Array:
        if not all(isinstance(row, int) for row in rows):
            raise TypeError("symbols are whole numbers")
        return self._checked(np.array(rows, np.int64))

    @property
    def tokens(self) -> int:
        return self.size

    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        return np.asarray(array, np.int64)

    def __str__(self) -> str:
        return f"symbols of {self.size:,} kinds"


@dataclass(frozen=True)
class Frames(Space):
    """Which of `keys` sound at each step: rows of 0 and 1. Before the first stands a row of -1: not silence."""

    keys: int

    read = np.int8
    stored = np.int8

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.keys,)

    @property
    def before(self) -> Array:
        return np.full(self.keys, -1, np.int8)

    def holds(self, array: Array) -> Bools:
        found: Bools = ((array == 0) | (array == 1)).all(-1)
        return found

    def to_json(self, array: Array) -> list[Any]:
        return [np.flatnonzero(frame).tolist() for frame in array]

    def from_json(self, rows: list[Any]) -> Array:
        frames = np.zeros((len(rows), self.keys), np.int8)
        for frame, keys in zip(frames, rows, strict=True):
            if not all(isinstance(key, int) and 0 <= key < self.keys for key in keys):
                raise ValueError(f"keys are from 0 to {self.keys - 1}")
            frame[keys] = 1
        return frames

    @property
    def tokens(self) -> int:
        return self.keys + 1

    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        """The keys of each frame in ascending order, then `keys` for its end."""
        ended = np.concatenate([array > 0, np.ones((len(array), 1), np.bool_)], 1)
        return np.nonzero(ended)[1].astype(np.int64)

    def __str__(self) -> str:
        return f"frames of {self.keys} keys"


@dataclass(frozen=True)
class Rolls(Space):
    """What each of `tracks` sounds at a step: rows of pitches, 0 to pitches - 1, or `pitches` for a rest.

    A phrase, which is what models of rolls write, is `bars` bars of `steps` steps, and `beat` steps are a beat. Before
    the first row stands one of -1.
    """

    tracks: int
    bars: int
    steps: int
    pitches: int
    beat: int = 4

    read = np.int64
    stored = np.int16

    @property
    def phrase(self) -> int:
        """Rows of a phrase."""
        return self.bars * self.steps

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.tracks,)

    @property
    def before(self) -> Array:
        return np.full(self.tracks, -1, np.int64)

    def holds(self, array: Array) -> Bools:
        return np.asarray(((array >= 0) & (array <= self.pitches)).all(-1), np.bool_)

    def to_json(self, array: Array) -> list[Any]:
        return list(np.asarray(array, np.int64).tolist())

    def from_json(self, rows: list[Any]) -> Array:
        if not all(isinstance(value, int) for row in rows for value in row):
            raise TypeError("pitches are whole numbers")
        return self._checked(np.array(rows, np.int64).reshape(len(rows), self.tracks))

    @property
    def tokens(self) -> int:
        return self.pitches + 1

    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        """The tracks of a step one after another."""
        return np.asarray(array, np.int64).reshape(-1)

    def __str__(self) -> str:
        return f"steps of {self.tracks} tracks with {self.pitches} pitches"


class PackedBits:
    """Zeros and ones, eight a byte, on disk or in memory; sliced and converted like an array [T] of int8."""

    ndim = 1
    dtype = np.dtype(np.int8)

    def __init__(self, packed: npt.NDArray[np.uint8], size: int) -> None:
        self.packed, self.shape = packed, (size,)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> Array:
        begin, end, step = part.indices(len(self))
        assert step > 0, "bits are read forwards"
        first = begin // 8
        bits = np.unpackbits(np.asarray(self.packed[first : -(-end // 8)]), count=max(end, begin) - 8 * first)
        return bits[begin - 8 * first :: step].view(np.int8)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or np.int8, copy=False)


@dataclass(frozen=True)
class Bits(Space):
    """Whether one key sounds: 0 or 1, the `keys` of a step in time one after another, then those of the next step.

    step_s: seconds a step, as written. Before the first stands -1: not silence.
    """

    keys: int
    step_s: float

    read = np.int8
    stored = np.uint8
    shape = ()

    @property
    def before(self) -> Array:
        return np.array(-1, np.int8)

    @property
    def frame(self) -> int:
        return self.keys

    def kept(self, array: Any) -> Array:
        if type(array) is PackedBits:  # not what is made as it is read
            return array.packed
        return np.packbits(np.asarray(array) == 1)

    def kept_size(self, symbols: Any) -> Any:
        return -(-symbols // 8)

    def opened(self, kept: Array, symbols: int) -> Any:
        return PackedBits(kept, symbols)

    def holds(self, array: Array) -> Bools:
        a = np.asarray(array)
        return np.asarray((a == 0) | (a == 1), np.bool_)

    def to_json(self, array: Array) -> list[Any]:
        return [len(array), self.kept(array).tobytes().hex()]

    def from_json(self, rows: list[Any]) -> Array:
        size, text = rows
        packed = np.frombuffer(bytes.fromhex(text), np.uint8)
        if not isinstance(size, int) or len(packed) != self.kept_size(size) or size % self.keys:
            raise ValueError("these are not whole steps of as many key states as they say")
        return np.asarray(PackedBits(packed, size))

    @property
    def tokens(self) -> int:
        return self.keys + 1

    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        """As `Frames` of the same keys has it: the keys of each step in ascending order, then `keys` for its end."""
        return Frames(self.keys).as_tokens(np.asarray(array).reshape(-1, self.keys))

    def __str__(self) -> str:
        return f"states of {self.keys} keys"


FEATURES = ("pitch", "step", "duration", "velocity")


@dataclass(frozen=True)
class Notes(Space):
    """Notes as rows (pitch, step, duration[, velocity]); times in seconds, multiples of `resolution_s`.

    step: since the onset before, 0 within a chord; duration: at least one resolution. Before the first stands a row
    of -1.
    """

    resolution_s: float = 0.01
    velocity: bool = True

    read = np.float32
    stored = np.float32

    @property
    def features(self) -> tuple[str, ...]:
        """What the columns are."""
        return FEATURES if self.velocity else FEATURES[:3]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.features),)

    @property
    def before(self) -> Array:
        return np.full(self.shape, -1, np.float32)

    def holds(self, array: Array) -> Bools:
        with np.errstate(invalid="ignore"):
            fits = np.isfinite(array).all(-1) & (array >= 0).all(-1) & (array[..., 0] <= 127)
            fits &= (array[..., 0] == np.round(array[..., 0])) & (array[..., 2] > 0)
            if self.velocity:
                fits &= (array[..., 3] >= 1) & (array[..., 3] <= 127)
        return np.asarray(fits, np.bool_)

    def to_json(self, array: Array) -> list[Any]:
        return [[round(float(value), 6) for value in note] for note in array]

    def from_json(self, rows: list[Any]) -> Array:
        return self._checked(np.array(rows, np.float32).reshape(len(rows), *self.shape))

    @property
    def tokens(self) -> int:
        return 128

    def as_tokens(self, array: Array) -> npt.NDArray[np.int64]:
        """The pitches."""
        return np.round(array[:, 0]).astype(np.int64)

    def __str__(self) -> str:
        return f"notes of {', '.join(self.features)}"
