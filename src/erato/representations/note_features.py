"""Notes as rows (pitch, step, duration, velocity), in real time. Knows nothing of files or models.

A score goes in and an array of notes comes out, by onset and then by pitch, and back as one track. What is held: onsets
to half a resolution, however long the piece is, durations, pitches and velocities. Of beats, meters, tracks and pedals
nothing is held. The features are those of TensorFlow's tutorial "Generate music with an RNN" (2021), with the velocity.

As on one keyboard, a key that sounds is not struck again: of notes of one pitch at one onset the longest stays, and one
that still sounds when its key is struck again ends there. So what was encoded comes back as it was, also from a MIDI
file. Legend: N notes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError
from erato.representations.base import Array, Cursor, Encoded, Notes, Representation, RepresentationConfig, Sounds
from erato.representations.unheld import as_score, pitched, unheld_by_one_track
from erato.score import Floats, Ints, Piece, Score, end_tick, seconds_at

TICKS_PER_QUARTER = 500  # of decoded scores: a millisecond a tick at 120 quarters a minute
TICKS_PER_SECOND = 1000
MSPQ = 500_000
VELOCITY = 80  # of decoded notes where there are no velocities
PIANO = (21, 108)


@dataclass(frozen=True)
class NoteFeaturesConfig(RepresentationConfig):
    """Notes by onset as pitch, step since the onset before, duration and velocity; times in seconds."""

    resolution_s: float = 0.01
    velocity: bool = True
    longest_s: float = 20.0  # longer steps and durations end there
    program: int = 0  # General MIDI program of decoded tracks, from 0

    def __post_init__(self) -> None:
        ticks = self.resolution_s * TICKS_PER_SECOND
        if not 1 <= ticks <= TICKS_PER_SECOND or abs(ticks - round(ticks)) > 1e-6:
            raise UsageError(f"resolution_s must be 0.001 to 1, in whole milliseconds, got {self.resolution_s}.")
        if not self.resolution_s <= self.longest_s <= 3600:
            raise UsageError(f"longest_s must be from resolution_s to 3600 seconds, got {self.longest_s}.")
        if not 0 <= self.program <= 127:
            raise UsageError(f"program must be from 0 to 127, got {self.program}.")

    def fit(self, pieces: Iterable[Piece]) -> "NoteFeatures":
        """Nothing is fitted; UsageError where there is no music among the pieces."""
        for piece in pieces:
            as_score(piece, "note_features")
        return NoteFeatures(self)

    def restore(self, state: dict[str, Any]) -> "NoteFeatures":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "note_features", (field.name for field in fields(self)))
        return NoteFeatures(self)


class _Notes(NamedTuple):
    """Notes by onset and then by pitch, [N] each; onsets and durations in resolutions."""

    onset: Ints
    pitch: Ints
    duration: Ints
    velocity: Ints


class _Played(NamedTuple):
    """Notes as one keyboard plays them, which of the given ones each is, and how many are not played as given."""

    notes: _Notes
    rows: Ints  # [N]
    duplicate: int
    overlapping: int


class NoteFeatures(Representation):
    """A score as notes in seconds; made by `NoteFeaturesConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"

    def __init__(self, config: NoteFeaturesConfig) -> None:
        self.config = config
        self.space: Notes = Notes(config.resolution_s, config.velocity)
        self._longest = round(config.longest_s / config.resolution_s)

    def encode(self, piece: Piece) -> Encoded:
        """The notes of all tracks but drums, as one track. Counted as lost: what the rows do not hold.

        A note below half a resolution lasts one ("short notes"); see the head of this file for "duplicate notes" and
        "overlapping notes"; what goes beyond `longest_s` ends there ("long notes", "long silences").
        """
        score = as_score(piece, "note_features")
        columns = [track.notes.numpy() for track in pitched(score)]
        time, ticks, pitch, velocity = (
            np.concatenate([np.zeros(0, np.int64), *(notes[name].astype(np.int64) for notes in columns)])
            for name in ("time", "duration", "pitch", "velocity")
        )
        at = seconds_at(score, np.concatenate([time, time + ticks])) / self.config.resolution_s
        onset, end = np.floor(np.maximum(at, 0) + 0.5).astype(np.int64).reshape(2, -1)  # absolute: no error adds up
        notes, _, duplicate, overlapping = _on_one_keyboard(onset, pitch, np.maximum(end - onset, 1), velocity)
        silences = np.diff(notes.onset, prepend=0)
        lost = unheld_by_one_track(score, MSPQ, self.config.program)
        lost["short notes"] = int(np.count_nonzero(end <= onset))
        lost["duplicate notes"], lost["overlapping notes"] = duplicate, overlapping
        lost["long notes"] = int(np.count_nonzero(notes.duration > self._longest))
        lost["long silences"] = int(np.count_nonzero(silences > self._longest))
        lost["silence at the end"] = int(end_tick(score) > (time + ticks).max(initial=0))
        lost["velocities"] = 0 if self.config.velocity else int(np.count_nonzero(velocity != VELOCITY))
        return Encoded(self._rows(notes), {reason: count for reason, count in lost.items() if count})

    def decode(self, array: Array) -> Score:
        """One track at 120 quarters a minute, a millisecond a tick; as many notes as one keyboard can play."""
        notes = _on_one_keyboard(*self._notes(array)).notes
        ticks = round(self.config.resolution_s * TICKS_PER_SECOND)
        score = ScoreTick(TICKS_PER_QUARTER)
        score.tempos.append(TempoTick(0, mspq=MSPQ))
        score.time_signatures.append(TimeSignatureTick(0, 4, 4))
        track = TrackTick("", self.config.program, False)
        track.notes = NoteTickList.from_numpy(
            (notes.onset * ticks).astype(np.int32),
            (notes.duration * ticks).astype(np.int32),
            notes.pitch.astype(np.int8),
            notes.velocity.astype(np.int8),
        )
        score.tracks.append(track)
        return score

    def owners(self, array: Array) -> Ints:
        """[T, 1]: each row its note, but for those that one keyboard does not play."""
        rows = _on_one_keyboard(*self._notes(array)).rows
        found = np.full((len(array), 1), -1, np.int64)
        found[rows, 0] = np.arange(len(rows))
        return found

    def window(self, array: Array, begin: int, length: int) -> Array:
        """`length` notes from `begin` on; the first at once."""
        part = np.array(array[begin : begin + length])
        part[:1, 1] = 0
        return part

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The notes `semitones` higher; None where one would leave the piano's 21–108.

        (Or 0–127, for a piece that was outside the piano before.)
        """
        pitch = array[:, 0] + semitones
        low, high = PIANO if ((array[:, 0] >= PIANO[0]) & (array[:, 0] <= PIANO[1])).all() else (0, 127)
        if not ((pitch >= low) & (pitch <= high)).all():
            return None
        moved = np.array(array)
        moved[:, 0] = pitch
        return moved

    def stretched(self, array: Array, factor: float) -> Array:
        """The notes `factor` times as long; different onsets stay a resolution apart at least."""
        notes = self._notes(array)
        count = np.cumsum(np.diff(notes.onset, prepend=0) > 0)  # of different onsets so far
        onset = np.maximum.accumulate(np.floor(notes.onset * factor + 0.5).astype(np.int64) - count) + count
        duration = np.maximum(np.floor(notes.duration * factor + 0.5).astype(np.int64), 1)
        return self._rows(_on_one_keyboard(onset, notes.pitch, duration, notes.velocity).notes)

    def units(self, array: Array) -> dict[str, float]:
        """Notes and seconds."""
        notes = self._notes(array)
        end = int((notes.onset + notes.duration).max(initial=0))
        return {"notes": float(len(array)), "seconds": end * self.config.resolution_s}

    def cursor(self, batch: int) -> "NoteCursor":
        """A cursor that allows every note."""
        return NoteCursor(self.config.resolution_s, np.zeros(batch), np.zeros(batch, np.int64))

    def names(self) -> list[str]:
        """The features."""
        return list(self.space.features)

    def state(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {
            "representation": "note_features",
            **{field.name: getattr(self.config, field.name) for field in fields(self.config)},
        }

    def _rows(self, notes: _Notes) -> Array:
        """[N, F]: the notes as the space has them; each time is the float32 next to a multiple of the resolution."""
        step = np.diff(notes.onset, prepend=0)
        times = np.minimum((step, notes.duration), self._longest) * self.config.resolution_s
        columns = (notes.pitch, *times, *([notes.velocity] if self.config.velocity else []))
        return np.stack(columns, axis=-1).astype(np.float32)

    def _notes(self, array: Array) -> _Notes:
        """The inverse of `_rows`."""
        rows = np.asarray(array, np.float64)
        step, duration = np.floor(rows[:, 1:3].T / self.config.resolution_s + 0.5).astype(np.int64)
        velocity = rows[:, 3] if self.config.velocity else np.full(len(rows), VELOCITY)
        pitch, velocity = rows[:, 0].astype(np.int64), np.floor(velocity + 0.5).astype(np.int64)
        return _Notes(np.cumsum(step), pitch, np.maximum(duration, 1), velocity)


def _on_one_keyboard(onset: Ints, pitch: Ints, duration: Ints, velocity: Ints) -> _Played:
    """Notes in any order as one keyboard plays them."""
    order = np.lexsort((duration, onset, pitch))
    last = np.ones(len(order), np.bool_)  # of its pitch and onset: the longest
    last[:-1] = (np.diff(pitch[order]) != 0) | (np.diff(onset[order]) != 0)
    order = order[last]
    until_struck = np.full(len(order), np.iinfo(np.int64).max)
    until_struck[:-1] = np.where(np.diff(pitch[order]) == 0, np.diff(onset[order]), until_struck[:-1])
    overlapping = int(np.count_nonzero(duration[order] > until_struck))
    played = _Notes(
        onset[order], pitch[order], np.minimum(duration[order], until_struck), np.clip(velocity[order], 1, 127)
    )
    by_onset = np.lexsort((played.pitch, played.onset))
    notes = _Notes(*(column[by_onset] for column in played))
    return _Played(notes, order[by_onset], int(np.count_nonzero(~last)), overlapping)


class NoteCursor(Cursor):
    """How far each piece has come; any note may follow any, and no piece ends by itself."""

    bars = None

    def __init__(self, resolution_s: float, seconds: Floats, onset: Ints) -> None:
        """seconds, onset: [B] the last onset, and the same in resolutions, as it is written."""
        self._resolution_s, self._seconds, self._onset = resolution_s, seconds, onset

    def allowed(self) -> None:
        return None

    def push(self, symbols: Array) -> None:
        self._seconds = self._seconds + symbols[:, 1]
        steps = np.floor(symbols[:, 1].astype(np.float64) / self._resolution_s + 0.5)
        self._onset = self._onset + steps.astype(np.int64)

    def sounds(self) -> Sounds:
        """Any pitch may begin at the last onset, or later."""
        ticks = round(self._resolution_s * TICKS_PER_SECOND)
        return Sounds(np.arange(128), self._onset * ticks, None, TICKS_PER_QUARTER)

    def take(self, rows: Sequence[int]) -> "NoteCursor":
        index = np.array(rows, np.int64)
        return NoteCursor(self._resolution_s, self._seconds[index], self._onset[index])

    @property
    def seconds(self) -> Floats:
        return self._seconds

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self._seconds), np.bool_)
