"""Scores as one row of key states: a piano roll, its keys one after another. Knows nothing of files or models.

The piano roll is that of `erato.representations.pianoroll`, with many steps a second; here it is flattened, step after
step, and within a step from the lowest key to the highest. Training pieces are learnt in several copies, each at a
tempo of its own and with silence after it, which are made of the kept piece as they are read.

After PianoNet (Angsten 2020), whose data description gives the settings their names. Legend: T key states of a piece,
S steps, K keys.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.representations.base import Array, Bits, Cursor, Encoded, Representation, RepresentationConfig, Sounds
from erato.representations.pianoroll import LONGEST_S, SHORTEST_S, TICKS_PER_QUARTER, Pianoroll, PianorollConfig
from erato.representations.space import PackedBits
from erato.score import DEFAULT_MSPQ, Floats, Ints, Piece, Score

WRITTEN = 24  # steps a quarter of decoded scores, as in the published code
READING = ("min_key_index", "num_keys", "steps_per_second", "steps_per_beat", "resolution")


@dataclass(frozen=True)
class KeystatesConfig(RepresentationConfig):
    """Which of 72 keys are down, key after key, at 48 steps a second.

    min_key_index: MIDI pitch of the first key. steps_per_beat: steps a quarter, whatever the tempo, in place of those a
    second (the published code has 24). resolution: the share of the steps that is kept. The rest is of training pieces:
    num_augmentations_per_midi_file: copies of each; stretch_range: as how many times as long, evenly spread, each
    moved by chance; none: as it was. end_padding_range_in_seconds: silence after each copy. time_steps_crop_range: only
    the steps from the first number to below the second.
    """

    min_key_index: int = 31
    num_keys: int = 72
    steps_per_second: float = 48.0
    steps_per_beat: float | None = None
    resolution: float = 1.0
    end_padding_range_in_seconds: tuple[float, ...] = (4.0, 6.0)
    num_augmentations_per_midi_file: int = 5
    stretch_range: tuple[float, ...] = (0.85, 1.15)
    time_steps_crop_range: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.num_keys <= 128:
            raise UsageError(f"num_keys must be from 1 to 128, got {self.num_keys}.")
        if not 0 <= self.min_key_index <= 128 - self.num_keys:
            raise UsageError(
                f"min_key_index must be from 0 to {128 - self.num_keys} for {self.num_keys} keys, got "
                f"{self.min_key_index}."
            )
        if not 0 < self.resolution <= 1:
            raise UsageError(f"resolution must be above 0 and at most 1, got {self.resolution}.")
        if self.steps_per_beat is not None:
            ticks = TICKS_PER_QUARTER / self.steps_per_beat / self.resolution if self.steps_per_beat > 0 else 0
            if not 1 <= ticks <= 16 * TICKS_PER_QUARTER or abs(ticks - round(ticks)) > 0.01:
                raise UsageError(
                    f"steps_per_beat (times resolution) must divide {TICKS_PER_QUARTER}, got {self.steps_per_beat}: "
                    "try 24, 4 or 1."
                )
        elif not 1 / LONGEST_S <= self.steps_per_second * self.resolution <= min(400, 1 / SHORTEST_S):
            raise UsageError(
                f"steps_per_second (times resolution) must be from {1 / LONGEST_S:g} to 400, got "
                f"{self.steps_per_second}."
            )
        if not 1 <= self.num_augmentations_per_midi_file <= 1000:
            raise UsageError(
                f"num_augmentations_per_midi_file must be from 1 to 1000, got {self.num_augmentations_per_midi_file}."
            )
        for name, least, most in (("end_padding_range_in_seconds", 0.0, 600.0), ("stretch_range", 0.1, 10.0)):
            _check_range(name, getattr(self, name), least, most)
        crop = self.time_steps_crop_range
        if crop and not (len(crop) == 2 and 0 <= crop[0] < crop[1]):
            raise UsageError(f"time_steps_crop_range must be two steps, the first before the second, got {crop}.")

    @property
    def rate(self) -> float:
        """Steps a second of decoded scores; where they are in beats, at 120 quarters a minute."""
        return (self.steps_per_second if self.steps_per_beat is None else 2 * self.steps_per_beat) * self.resolution

    def rolls(self) -> tuple[PianorollConfig, PianorollConfig]:
        """The piano rolls that scores are read and written by: the same rows, at the same pace."""
        keys = PianorollConfig(lowest=self.min_key_index, keys=self.num_keys)
        if self.steps_per_beat is not None:
            both = replace(keys, step_beats=1 / (self.steps_per_beat * self.resolution))
            return both, both
        written = replace(keys, step_s=1 / self.rate)
        if (tempo := 60 * self.rate / WRITTEN) >= 10:  # slower steps are quarters
            written = replace(keys, step_beats=1 / WRITTEN, tempo=tempo)
        step_s, mspq = written.seconds(1, written.step_s), written.mspq(written.step_s)
        return ExactRoll(step_s, lowest=keys.lowest, keys=keys.keys, written=mspq), written

    def fit(self, pieces: Iterable[Piece]) -> "Keystates":
        """Nothing is fitted; UsageError where no training piece has a note on these keys."""
        representation = Keystates(self)
        if not any(representation.encode(piece).array.any() for piece in pieces):
            raise UsageError(
                f"keystates found no note of the pitches {self.min_key_index} to "
                f"{self.min_key_index + self.num_keys - 1} in the training pieces: choose tracks that have some."
            )
        return representation

    def restore(self, state: dict[str, Any]) -> "Keystates":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "keystates", READING)
        return Keystates(self)


@dataclass(frozen=True)
class ExactRoll(PianorollConfig):
    """Reads steps of exactly so many seconds as they are written with, not rounded to whole microseconds.

    written: microseconds a quarter of decoded scores; no other tempo comes back.
    """

    written: int = DEFAULT_MSPQ

    def mspq(self, step_s: float) -> int:
        return self.written

    def seconds(self, frames: Any, step_s: float) -> Any:
        return frames * step_s


def _check_range(name: str, given: tuple[float, ...], least: float, most: float) -> None:
    if given and not (len(given) == 2 and least <= given[0] <= given[1] <= most):
        raise UsageError(
            f"{name} must be two numbers from {least:g} to {most:g}, the smaller first, or none, got {given}."
        )


class Keystates(Representation):
    """A score as one row of key states; made by `KeystatesConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"
    space: Bits

    def __init__(self, config: KeystatesConfig) -> None:
        self.config = config
        reads, writes = config.rolls()
        self.reads, self.writes = Pianoroll(reads), Pianoroll(writes)
        self.space = Bits(config.num_keys, float(writes.seconds(1, self.writes.write_step_s)))

    def encode(self, piece: Piece) -> Encoded:
        """array: [S * K]; what `Pianoroll` loses is lost here, too."""
        encoded = self.reads.encode(piece)
        return Encoded(encoded.array.reshape(-1), encoded.lost)

    def frames(self, array: Array) -> Array:
        """[S, K] of a piece; a step that was not finished is silent above. UsageError for what is no row of bits."""
        a = np.asarray(array)
        if a.ndim != 1 or not self.space.holds(a).all():
            raise UsageError(
                f"key states are one row of zeros and ones, got shape {a.shape} of {a.dtype}: use what this "
                "representation encoded."
            )
        keys = self.config.num_keys
        return np.pad(a, (0, -len(a) % keys)).reshape(-1, keys)

    def decode(self, array: Array) -> Score:
        """A piano track at 24 steps a quarter, so that 48 a second are 120 quarters a minute."""
        return self.writes.decode(self.frames(array))

    def owners(self, array: Array) -> Ints:
        """[T, 1]: the note that sounds, of each key that is down."""
        return self.writes.owners(self.frames(array)).reshape(-1, 1)[: len(array)]

    def units(self, array: Array) -> dict[str, float]:
        """Key states, frames (steps), notes and seconds."""
        frames = self.frames(array)
        return {"key states": float(len(array)), **self.reads.units(frames)}

    def opening(self, pitch: int | None) -> Array:
        return self.reads.opening(pitch).reshape(-1)

    def window(self, array: Array, begin: int, length: int) -> Array:
        """Whole steps, from the one that `begin` lies in."""
        keys = self.config.num_keys
        first = begin - begin % keys
        return np.asarray(array[first : first + max(1, round(length / keys)) * keys])

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The key states of whole steps `semitones` higher; None where a key would leave."""
        moved = self.reads.transposed(self.frames(array), semitones)
        return None if moved is None else moved.reshape(-1)

    def copies(self, array: Any, draw: np.random.Generator) -> list[Any]:
        """The piece without the silence around it, several times: longer or shorter, with silence after it."""
        config, count = self.config, self.config.num_augmentations_per_midi_file
        frames = self.frames(array)
        sounding = np.flatnonzero(frames.any(1))
        if not len(sounding):
            return []
        first, last = int(sounding[0]), int(sounding[-1]) + 1
        if config.time_steps_crop_range:
            begin, end = config.time_steps_crop_range
            first, last = first + begin, min(last, first + end)
            if first >= last:
                return []
        low, high = config.stretch_range or (1.0, 1.0)
        factors = low + (high - low) * (np.arange(count) + draw.random(count)) / count
        shortest, longest = config.end_padding_range_in_seconds or (0.0, 0.0)
        if low == high and shortest == longest:
            factors = factors[:1]  # copies would be the same
        pads = draw.uniform(shortest, longest, count) * config.rate
        if isinstance(array, PackedBits) and not len(array) % config.num_keys:
            packed = array.packed  # what is on disk stays there
        else:
            packed = self.space.kept(frames.reshape(-1))
        steps = packed, first, last - first
        return [
            Stretched(*steps, config.num_keys, float(factor), round(float(pad)))
            for factor, pad in zip(factors, pads, strict=False)
        ]

    def names(self) -> list[str]:
        """[1]: what is asked of each key."""
        return ["key is down"]

    def cursor(self, batch: int) -> "KeystatesCursor":
        """A cursor that allows every key."""
        return KeystatesCursor(self, np.zeros(batch, np.int64), np.zeros((batch, self.config.num_keys), np.int8))

    def state(self) -> dict[str, Any]:
        """The settings that decide what an array means, as JSON."""
        return {"representation": "keystates", **{name: getattr(self.config, name) for name in READING}}


class Stretched(PackedBits):
    """Some steps of kept key states, `factor` times as many, and `pad` silent ones after them.

    Each is the nearest of before. Sliced like an array [T]; made as it is read.
    """

    def __init__(
        self, packed: npt.NDArray[np.uint8], first: int, steps: int, keys: int, factor: float, pad: int
    ) -> None:
        self.first, self.steps, self.keys, self.factor = first, steps, keys, factor
        self.sounding = max(1, round(steps * factor))
        super().__init__(packed, (self.sounding + pad) * keys)

    def __getitem__(self, part: slice) -> Array:
        begin, end, step = part.indices(len(self))
        assert step > 0, "bits are read forwards"
        keys = self.keys
        low, high = begin // keys, -(-max(end, begin) // keys)
        found = np.zeros((high - low, keys), np.int8)
        index = ((np.arange(low, min(high, self.sounding)) + 0.5) / self.factor).astype(np.int64)
        if len(index):
            index = np.minimum(index, self.steps - 1) + self.first
            source = PackedBits(self.packed, 8 * len(self.packed))[int(index[0]) * keys : (int(index[-1]) + 1) * keys]
            found[: len(index)] = source.reshape(-1, keys)[index - index[0]]
        return found.reshape(-1)[begin - low * keys : max(end, begin) - low * keys : step]


class KeystatesCursor(Cursor):
    """Walks along with B pieces: counts their key states, and knows which keys are down."""

    bars = None

    def __init__(self, representation: Keystates, states: Ints, down: Array) -> None:
        """states: [B] how many there were; down: [B, K] int8, the last state of each key."""
        self._representation, self._states, self._down = representation, states, down

    def allowed(self) -> None:
        return None

    def push(self, symbols: Array) -> None:
        self._down[np.arange(len(symbols)), self._states % self._down.shape[1]] = symbols
        self._states = self._states + 1

    def push_all(self, symbols: Array) -> None:
        keys = self._down.shape[1]
        newest = np.asarray(symbols[-keys:])
        self._states = self._states + len(symbols)
        self._down[0, (int(self._states[0]) - len(newest) + np.arange(len(newest))) % keys] = newest

    def sounds(self) -> Sounds:
        """A key that goes down begins its note in the current step."""
        keys = self._down.shape[1]
        key = self._states % keys
        up = self._down[np.arange(len(key)), key] == 0
        pitch = np.where(up, self._representation.config.min_key_index + key, -1)
        return Sounds(
            np.stack((np.full(len(key), -1), pitch), 1),
            self._states // keys * self._representation.writes.config.frame_ticks,
            None,
            TICKS_PER_QUARTER,
        )

    def begun(self, symbols: Array) -> tuple[Ints, Ints, Ints]:
        keys, first = self._down.shape[1], int(self._states[0])
        before = np.roll(self._down[0], -(first % keys))  # of the next keys, in their order
        place = np.flatnonzero((symbols == 1) & (np.concatenate((before, symbols))[: len(symbols)] == 0))
        step, key = np.divmod(first + place, keys)
        ticks = self._representation.writes.config.frame_ticks
        return place, step * ticks, self._representation.config.min_key_index + key

    def symbols_until(self, seconds: float) -> int:
        """All of the steps that begin before."""
        space = self._representation.space
        return max(0, math.ceil(seconds / space.step_s - 1e-9) * space.keys - int(self._states[0]))

    def take(self, rows: Sequence[int]) -> "KeystatesCursor":
        index = np.array(rows, np.int64)
        return KeystatesCursor(self._representation, self._states[index], self._down[index])

    @property
    def seconds(self) -> Floats:
        """[B]: up to where the newest step begins, so that a piece of so many seconds keeps its last step."""
        space = self._representation.space
        result: Floats = np.maximum(-(-self._states // space.keys) - 1, 0) * space.step_s
        return result

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self._states), np.bool_)
