"""Scores as a piano roll: which keys sound in each of equally long frames. Knows nothing of files or models.

A score goes in and rows of zeros and ones come out, and back as one piano track. A frame lasts so many seconds or so
many quarters; onsets and ends go to the nearest frame, and a note lasts one at least. A key sounds while any note on it
does, so that without `onsets` a repeated note becomes a long one; with them, a first half of the columns says which
keys are struck in a frame, a second half which sound on from the frame before. Music on the grid comes back as it was,
but for velocities, tracks and meters. A frame is a whole number of ticks of the decoded score and as long as the
recipe says to the microsecond, so that no error adds up.

Legend: T frames of a piece, K keys, P planes (1, or 2 with onsets), N notes, B pieces sampled at once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, ScoreTick, TempoTick, TextMetaTick, TrackTick

from erato.errors import UsageError
from erato.representations.base import (
    Array,
    Cursor,
    Encoded,
    Frames,
    Representation,
    RepresentationConfig,
    Sounds,
)
from erato.representations.note_chords import note_name
from erato.representations.unheld import as_score, pitched, unheld_by_one_track
from erato.score import END, Floats, Ints, Piece, Score, end_tick, seconds_at

TICKS_PER_QUARTER = 480  # of decoded scores
VELOCITY = 80  # of decoded notes
LONGEST = 2**30  # ticks of a decoded score; times are 32-bit integers
SHORTEST_S, LONGEST_S = 0.001, 16.0  # of a frame; MIDI counts a quarter in 24 bits of microseconds
READING = ("step_s", "step_beats", "onsets", "lowest", "keys")  # the settings that decide what an array means

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PianorollConfig(RepresentationConfig):
    """Which of 88 keys sound at each step, in seconds or in fractions of a beat."""

    step_s: float = 0.3  # seconds a frame
    step_beats: float | None = None  # quarters a frame, whatever the tempo, in place of seconds
    onsets: bool = False  # tell keys that are struck from keys that sound on, so that repeated notes survive
    lowest: int = 21  # MIDI pitch of the first key
    keys: int = 88
    write_step_s: float | None = None  # seconds a frame of decoded scores; none: as read
    tempo: float = 120.0  # quarters a minute of decoded scores, where frames are quarters

    def __post_init__(self) -> None:
        for name in ("step_s", "write_step_s"):
            step = getattr(self, name)
            if step is not None and not SHORTEST_S <= step <= LONGEST_S:
                raise UsageError(f"{name} must be from {SHORTEST_S} to {LONGEST_S:g} seconds, got {step}.")
        if self.step_beats is not None:
            ticks = self.step_beats * TICKS_PER_QUARTER
            if not 1 <= ticks <= 16 * TICKS_PER_QUARTER or abs(ticks - round(ticks)) > 0.01:
                raise UsageError(
                    f"step_beats must be a whole number of 1/{TICKS_PER_QUARTER} quarters, at most 16 quarters, got "
                    f"{self.step_beats}: try 0.25 or 0.5."
                )
            if self.write_step_s is not None:
                raise UsageError(
                    f"write_step_s is for frames in seconds, got {self.write_step_s} and step_beats={self.step_beats}: "
                    "set tempo."
                )
        if not 1 <= self.keys <= 128:
            raise UsageError(f"keys must be from 1 to 128, got {self.keys}.")
        if not 0 <= self.lowest <= 128 - self.keys:
            raise UsageError(f"lowest must be from 0 to {128 - self.keys} for {self.keys} keys, got {self.lowest}.")
        if not 10 <= self.tempo <= 1000:
            raise UsageError(f"tempo must be from 10 to 1000 quarters a minute, got {self.tempo}.")

    @property
    def frame_ticks(self) -> int:
        """Ticks a frame of decoded scores; where frames are seconds, each is a quarter."""
        return TICKS_PER_QUARTER if self.step_beats is None else round(self.step_beats * TICKS_PER_QUARTER)

    def mspq(self, step_s: float) -> int:
        """Microseconds a quarter of scores that are decoded with frames of `step_s` seconds."""
        return round(60e6 / self.tempo) if self.step_beats is not None else round(step_s * 1e6)

    def seconds(self, frames: Any, step_s: float) -> Any:
        """How long so many frames last, in scores that are decoded with frames of `step_s` seconds."""
        return frames * (self.mspq(step_s) * self.frame_ticks) / (TICKS_PER_QUARTER * 10**6)

    def fit(self, pieces: Iterable[Piece]) -> "Pianoroll":
        """Nothing is fitted; UsageError where no training piece has a note on these keys."""
        representation = Pianoroll(self)
        if not any(representation.encode(piece).array.any() for piece in pieces):
            raise UsageError(
                f"pianoroll found no note of the pitches {self.lowest} to {self.lowest + self.keys - 1} in the "
                "training pieces: choose tracks that have some."
            )
        return representation

    def restore(self, state: dict[str, Any]) -> "Pianoroll":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "pianoroll", READING)
        return Pianoroll(self)


class Pianoroll(Representation):
    """A score as a piano roll; made by `PianorollConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"
    space: Frames

    def __init__(self, config: PianorollConfig) -> None:
        self.config = config
        self.space = Frames(config.keys * (1 + config.onsets))
        self.write_step_s = config.write_step_s or config.step_s

    def encode(self, piece: Piece) -> Encoded:
        """The notes of all tracks but drums, array: [T, K or 2 K]. Counted as lost: what the frames do not hold.

        A note that would have no frame gets one ("short notes"). Of those that begin on one key in one frame one stays
        ("duplicate notes"). Where one begins while its key sounds ("overlapping notes"), the key sounds until both have
        ended; with onsets, the earlier one ends there. Without onsets, one that begins where another on its key ends is
        one with it ("repeated notes joined"). UsageError for a piece of more frames than a score has ticks for.
        """
        config = self.config
        score = as_score(piece, "pianoroll")
        lost = unheld_by_one_track(score, config.mspq(config.step_s))
        key, onset, end, finish = self._notes(score, lost)
        length = max(finish, int(end.max(initial=0)))
        if length * config.frame_ticks > LONGEST:
            raise UsageError(
                f"this piece has {length:,} frames, at most {LONGEST // config.frame_ticks:,} are held: "
                "use a longer step."
            )
        begin = key * length + onset  # key after key, so that one axis holds all
        order = np.argsort(begin, kind="stable")
        begin, stop = begin[order], (key * length + end)[order]
        reached = np.maximum.accumulate(np.append(-1, stop))  # by all notes before each; none ends on a later key
        again = np.diff(begin, prepend=-1) == 0
        lost["duplicate notes"] = int(np.count_nonzero(again))
        lost["overlapping notes"] = int(np.count_nonzero((begin < reached[:-1]) & ~again))
        if not config.onsets:
            touching = (begin == reached[:-1]) & (np.diff(key[order], prepend=-1) == 0)
            lost["repeated notes joined"] = int(np.count_nonzero(touching))

        first = begin > reached[:-1]  # of the notes that join or touch
        edges = np.zeros(config.keys * length + 1, np.int8)
        edges[begin[first]] += 1
        edges[np.append(reached[:-1][first], reached[-1])[1:]] -= 1
        sounding = np.add.accumulate(edges, out=edges)[:-1].reshape(config.keys, length).T
        if config.onsets:
            struck = np.zeros((length, config.keys), np.int8)
            struck[onset, key] = 1
            sounding = np.concatenate((struck, sounding - struck), 1)
        return Encoded(np.ascontiguousarray(sounding), {reason: count for reason, count in lost.items() if count})

    def _notes(self, score: Score, lost: Counter[str]) -> tuple[Ints, Ints, Ints, int]:
        """Key, onset and end (frames) of the notes on these keys, [N] each, and the frame where the piece ends."""
        columns = [track.notes.numpy() for track in pitched(score)]
        time, duration, pitch, velocity = (
            np.concatenate([c[name] for c in columns] or [np.zeros(0)]).astype(np.int64)
            for name in ("time", "duration", "pitch", "velocity")
        )
        key = pitch - self.config.lowest
        here = (key >= 0) & (key < self.config.keys)
        lost["notes outside the keys"] = int(np.count_nonzero(~here))
        lost["velocities"] = int(np.count_nonzero(velocity[here] != VELOCITY))
        key, time, duration = key[here], time[here], duration[here]
        frames = self._frames(score, np.concatenate((time, time + duration, [end_tick(score)])))
        onset, end = frames[:-1].reshape(2, -1)
        lost["short notes"] = int(np.count_nonzero(end <= onset))
        return key, onset, np.maximum(end, onset + 1), int(frames[-1])

    def _frames(self, score: Score, ticks: Ints) -> Ints:
        """The nearest frame of each tick: of absolute times, so that no error adds up."""
        ticks = np.maximum(ticks, 0)  # a score begins at tick 0
        if self.config.step_beats is not None:
            frame = score.ticks_per_quarter * self.config.frame_ticks  # in 480ths of the score's ticks
            nearest: Ints = (2 * TICKS_PER_QUARTER * ticks + frame) // (2 * frame)
            return nearest
        frame_s = self.config.seconds(1, self.config.step_s)
        found: Ints = np.floor(seconds_at(score, ticks) / frame_s + 0.5).astype(np.int64)
        return found

    def planes(self, array: Array) -> Array:
        """[T, P, K]: frames [T, P * K] by what their columns say: struck (or sounding), and held."""
        return array.reshape(len(array), 1 + self.config.onsets, self.config.keys)

    def _read(self, array: Array) -> tuple[Bools, Bools]:
        """[T, K] which keys sound and which begin to, of any row of frames; UsageError for anything else.

        A key held where nothing sounded before begins there; one both struck and held is struck.
        """
        a = np.asarray(array)
        if a.shape[1:] != self.space.shape or not self.space.holds(a).all():
            raise UsageError(
                f"a piano roll is rows of {self.space.keys} zeros and ones, got shape {a.shape} of {a.dtype}: "
                "use what this representation encoded."
            )
        planes = self.planes(a) == 1
        sounding = planes.any(1)
        begins = sounding.copy()
        begins[1:] &= ~sounding[:-1]
        return sounding, begins | planes[:, 0] if self.config.onsets else begins

    def decode(self, array: Array) -> Score:
        """A piano track, 480 ticks a quarter: a frame is a quarter where it lasts seconds, else what it is in quarters.

        Where it ends in silence, an `end` marker stands there. UsageError for what is not rows of zeros and ones.
        """
        sounding, begins = self._read(array)
        length, keys = sounding.shape
        frame = self.config.frame_ticks
        if length * frame > LONGEST:
            raise UsageError(f"a score holds at most {LONGEST // frame:,} frames, got {length:,}: decode fewer.")
        on, new = np.zeros((2, keys, length + 1), np.bool_)  # key after key, a silent frame after each
        on[:, :-1], new[:, :-1] = sounding.T, begins.T
        onset = np.flatnonzero(new)
        end = np.flatnonzero(np.append(False, on.ravel()[:-1]) & (new | ~on).ravel())  # one a note, in their order
        order = np.argsort(onset % (length + 1), kind="stable")
        onset, duration = onset[order], (end - onset)[order]
        score = ScoreTick(TICKS_PER_QUARTER)
        score.tempos.append(TempoTick(0, mspq=self.config.mspq(self.write_step_s)))
        track = TrackTick("", 0, False)
        track.notes = NoteTickList.from_numpy(
            (onset % (length + 1) * frame).astype(np.int32),
            (duration * frame).astype(np.int32),
            (onset // (length + 1) + self.config.lowest).astype(np.int8),
            np.full(len(onset), VELOCITY, np.int8),
        )
        score.tracks.append(track)
        if length and not sounding[-1].any():
            score.markers.append(TextMetaTick(length * frame, END))
        return score

    def owners(self, array: Array) -> Ints:
        """[T, K or 2 K]: the note that sounds, of each key that is on."""
        _, begins = self._read(array)
        number = np.cumsum(begins).reshape(begins.shape) - 1  # frame after frame, as `decode` orders them
        note = np.maximum.accumulate(np.where(begins, number, -1), axis=0)  # the newest of each key
        found: Ints = np.where(self.planes(np.asarray(array)) == 1, note[:, None], -1)
        return found.reshape(np.shape(array))

    def units(self, array: Array) -> dict[str, float]:
        """Frames, notes, and seconds of the music as it was read (in quarters: at the tempo that is written)."""
        _, begins = self._read(array)
        return {
            "frames": float(len(begins)),
            "notes": float(np.count_nonzero(begins)),
            "seconds": float(self.config.seconds(len(begins), self.config.step_s)),
        }

    def window(self, array: Array, begin: int, length: int) -> Array:
        """The frames from `begin` on; keys held over into the first are struck there."""
        part = super().window(array, begin, length)
        if self.config.onsets and len(part):
            keys, part = self.config.keys, part.copy()
            part[0, :keys] |= part[0, keys:]
            part[0, keys:] = 0
        return part

    def opening(self, pitch: int | None) -> Array:
        """One frame of one key, or of silence, however long a frame is; UsageError for a pitch without a key."""
        frame = np.zeros((1, self.space.keys), self.space.read)
        if pitch is not None:
            lowest, highest = self.config.lowest, self.config.lowest + self.config.keys - 1
            if not lowest <= pitch <= highest:
                raise UsageError(f"this piano roll has the pitches {lowest} to {highest}, got {pitch}: choose another.")
            frame[0, pitch - lowest] = 1
        return frame

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The frames of the same piece, or of any part of it, `semitones` higher; None where a key would leave."""
        keys = self.config.keys
        low, high = max(0, -semitones), keys - max(0, semitones)  # of the keys that stay
        planes = self.planes(np.asarray(array))
        if planes[..., :low].any() or planes[..., max(high, 0) :].any():
            return None
        moved = np.zeros_like(planes)
        if low < high:
            moved[..., low + semitones : high + semitones] = planes[..., low:high]
        return moved.reshape(np.shape(array))

    def stretched(self, array: Array, factor: float) -> Array | None:
        """The frames of the same piece, or of any part of it, `factor` times as many: each the nearest of before.

        With onsets, a note that is left is struck once, in its first frame, and held in the others. None in quarters.
        """
        if self.config.step_beats is not None or factor == 1 or not len(array):
            return super().stretched(array, factor) if len(array) else array
        a = np.asarray(array)
        length = max(1, round(len(a) * factor))
        index = np.minimum(((np.arange(length) + 0.5) / factor).astype(np.int64), len(a) - 1)
        if not self.config.onsets:
            taken: Array = a[index]
            return taken
        keys = self.config.keys
        struck, held = a[:, :keys] == 1, a[:, keys:] == 1
        note = np.cumsum(struck, 0, dtype=np.int32)[index]  # how many were struck on a key so far: which note it sounds
        sounding = (struck | held)[index]
        first = sounding & (np.diff(note, axis=0, prepend=0) > 0)
        return np.concatenate((first, sounding & ~first), 1).astype(a.dtype)

    def paced(self, step_s: float) -> "Pianoroll":
        """This representation, writing frames of `step_s` seconds; UsageError where its frames are quarters."""
        if self.config.step_beats is not None:
            raise UsageError(
                f"this piano roll has frames of {self.config.step_beats:g} quarters, not of seconds: leave out the "
                f"step of {step_s:g} s."
            )
        return Pianoroll(replace(self.config, write_step_s=step_s))

    def cursor(self, batch: int) -> "PianorollCursor":
        """A cursor that allows every frame; with onsets, a key is held only where it sounded."""
        return PianorollCursor(self, batch)

    def names(self) -> list[str]:
        """[K or 2 K]: `A0` to `C8`, and with onsets `held A0` to `held C8`."""
        config = self.config
        names = [note_name(pitch) for pitch in range(config.lowest, config.lowest + config.keys)]
        return names + [f"held {name}" for name in names] if config.onsets else names

    def state(self) -> dict[str, Any]:
        """The settings that decide what an array means, as JSON."""
        return {"representation": "pianoroll", **{name: getattr(self.config, name) for name in READING}}


class PianorollCursor(Cursor):
    """Walks along with B pieces: counts their frames and, with onsets, knows which keys sound."""

    bars = None

    def __init__(self, representation: Pianoroll, batch: int) -> None:
        self._representation = representation
        self._frames = np.zeros(batch, np.int64)
        self._sounding = np.zeros((batch, representation.config.keys), np.bool_)

    def allowed(self) -> Bools | None:
        if not self._representation.config.onsets:
            return None
        return np.concatenate((np.ones_like(self._sounding), self._sounding), 1)

    def push(self, symbols: Array) -> None:
        self._frames += 1
        self._sounding = (self._representation.planes(symbols) == 1).any(1)

    def sounds(self) -> Sounds:
        """A key begins its note in this frame where it is struck, or did not sound before."""
        config = self._representation.config
        pitches = np.arange(config.lowest, config.lowest + config.keys)
        new = np.where(self._sounding, -1, pitches)
        if config.onsets:
            new = np.concatenate((np.tile(pitches, (len(new), 1)), new), 1)
        return Sounds(new, self._frames * config.frame_ticks, None, TICKS_PER_QUARTER)

    def take(self, rows: Sequence[int]) -> "PianorollCursor":
        taken = PianorollCursor(self._representation, 0)
        index = np.array(rows, np.int64)
        taken._frames, taken._sounding = self._frames[index], self._sounding[index]
        return taken

    @property
    def seconds(self) -> Floats:
        """[B]: up to where the newest frame begins, so that a piece of so many seconds keeps its last frame."""
        r = self._representation
        result: Floats = r.config.seconds(np.maximum(self._frames - 1, 0), r.write_step_s)
        return result

    @property
    def done(self) -> Bools:
        return np.zeros(len(self._frames), np.bool_)
