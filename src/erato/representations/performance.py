"""Performances as note-on, note-off, time-shift and velocity symbols, in real time. Knows nothing of files or models.

A score goes in and an array of symbols comes out, and back as one piano track. What is held: onsets and ends to half a
step of `steps_per_second`, however long the piece is, pitches, and velocities in bins. A note that the sustain pedal
holds lasts until the pedal is lifted or its key is struck again. Of beats, meters and tracks nothing is held.

The vocabulary is that of Performance RNN (Simon and Oore 2017; Oore et al., "This Time with Feeling", 2018): 128 keys
that go down, 128 that go up, shifts of 10 ms to 1 s, 32 velocities; and where a piece begins and ends.
Legend: T symbols of a piece, N notes, E events (symbols other than shifts), P presses of the pedal.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, ScoreTick, TempoTick, TextMetaTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError
from erato.representations.base import Array, Encoded, Representation, RepresentationConfig, Tokens
from erato.representations.owners import led_to
from erato.representations.performance_cursor import PerformanceCursor
from erato.representations.performance_vocabulary import (
    LOUDEST,
    PITCHES,
    TICKS_PER_QUARTER,
    TICKS_PER_SECOND,
    Vocabulary,
)
from erato.representations.unheld import as_score, pitched, unheld_by_one_track
from erato.score import END, Ints, Piece, Score, end_tick, seconds_at

MSPQ = 500_000
VELOCITY = 80  # of decoded notes where there are no velocities
SUSTAIN, PRESSED = 64, 64  # the control, and the least value of a pedal that is down
PIANO = (21, 108)
OPEN = -1  # the end of a note that has none


@dataclass(frozen=True)
class PerformanceConfig(RepresentationConfig):
    """Note-on, note-off, time-shift and velocity symbols in real time; the sustain pedal applied."""

    steps_per_second: int = 100
    longest_shift: int = 100  # steps; longer times take several symbols
    longest_note: int = 1000  # steps; a piano's string is hardly heard by then
    velocity_bins: int = 32  # 0: no velocities
    pedal: bool = True  # notes last as long as the sustain pedal holds them

    def __post_init__(self) -> None:
        if self.steps_per_second < 1 or TICKS_PER_SECOND % self.steps_per_second:
            raise UsageError(f"steps_per_second must divide {TICKS_PER_SECOND}, got {self.steps_per_second}.")
        for name in ("longest_shift", "longest_note"):
            if not 1 <= getattr(self, name) <= 100_000:
                raise UsageError(f"{name} must be from 1 to 100,000 steps, got {getattr(self, name)}.")
        if not 0 <= self.velocity_bins <= LOUDEST:
            raise UsageError(f"velocity_bins must be from 0 (none) to {LOUDEST}, got {self.velocity_bins}.")

    def fit(self, pieces: Iterable[Piece]) -> "Performance":
        """Nothing is fitted; UsageError where no training piece has a pitched note."""
        if not any(pitched(as_score(piece, "performance")) for piece in pieces):
            raise UsageError("performance found no pitched note in the training pieces: choose tracks that have some.")
        return Performance(self)

    def restore(self, state: dict[str, Any]) -> "Performance":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "performance", (field.name for field in fields(self)))
        return Performance(self)


class _Notes(NamedTuple):
    """Notes in steps, by pitch, then by onset; no two of one pitch sound at once. All but finish: [N]."""

    onset: Ints
    end: Ints  # OPEN: the key is still down
    pitch: Ints
    bin: Ints  # of its velocity
    finish: int  # where the piece ends, not before any note does


class Performance(Representation):
    """A score as a performance; made by `PerformanceConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"

    def __init__(self, config: PerformanceConfig) -> None:
        self.config = config
        self.vocabulary = v = Vocabulary(
            config.steps_per_second, config.longest_shift, config.longest_note, config.velocity_bins
        )
        self.space = Tokens(v.size, v.start, v.end)
        self._bins = np.array(v.bins, dtype=np.int64)
        self._velocities = np.array(v.velocities or [VELOCITY], dtype=np.int8)

    def encode(self, piece: Piece) -> Encoded:
        """The notes of all tracks but drums, as one track. Counted as lost: what the symbols do not hold.

        A note below half a step becomes one step ("short notes"). Of notes of one pitch in one step the longest stays
        ("duplicate notes"); one that still sounds when its key is struck again ends there ("overlapping notes"); one
        beyond `longest_note` ends there ("long notes"). Pedals that were applied are not lost.
        """
        score = as_score(piece, "performance")
        lost = self._unheld(score)
        array = np.append(self._write(self._notes(score, lost)), self.vocabulary.end)
        return Encoded(array, {reason: count for reason, count in lost.items() if count})

    def window(self, array: Array, begin: int, length: int) -> Array:
        """About `length` symbols from about `begin` on, from the first note that begins there; keys may stay down."""
        v, a = self.vocabulary, np.asarray(array, dtype=np.int64)
        said = np.flatnonzero(a[:begin] >= v.velocity)[-1:]
        notes = self._read(np.concatenate((a[said], a[begin : begin + length])))
        if not len(notes.onset):
            return np.empty(0, np.int64)
        first = int(notes.onset.min())
        end = np.where(notes.end == OPEN, OPEN, notes.end - first)
        return self._write(_Notes(notes.onset - first, end, notes.pitch, notes.bin, notes.finish - first))

    def _unheld(self, score: Score) -> Counter[str]:
        """How many events of each kind no symbol stands for."""
        lost = unheld_by_one_track(score, MSPQ)
        if self.config.pedal:
            for track in pitched(score):
                lost["controls"] -= int(np.count_nonzero(track.controls.numpy()["number"] == SUSTAIN))
                lost["pedals"] -= len(track.pedals)
        return lost

    def _notes(self, score: Score, lost: Counter[str]) -> _Notes:
        """The notes as their symbols hold them; adds what that loses to `lost`."""
        finish = end_tick(score)
        columns: list[tuple[Ints, ...]] = [(np.zeros(0, dtype=np.int64),) * 5]
        for track in pitched(score):
            notes = track.notes.numpy()
            time, duration, pitch, velocity = (
                notes[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")
            )
            held = _held(time + duration, *_presses(track, finish)) if self.config.pedal else time + duration
            columns.append((time, time + duration, held, pitch, velocity))
        time, end, held, pitch, velocity = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        if not self.config.velocity_bins:
            lost["velocities"] = int(np.count_nonzero(velocity != VELOCITY))
        steps = self._steps(score, np.concatenate((time, end, held, [finish])))
        (onset, end, held), finish = steps[:-1].reshape(3, -1), int(steps[-1])
        lost["short notes"] = int(np.count_nonzero(held <= onset))
        end, held = np.maximum(end, onset + 1), np.maximum(held, onset + 1)

        order = np.lexsort((end, onset, pitch))
        again = np.diff(pitch[order] * (finish + 1) + onset[order]) == 0  # the next one is the same, and longer
        lost["duplicate notes"] = int(np.count_nonzero(again))
        order = order[~np.append(again, np.zeros(min(1, len(order)), np.bool_))]
        onset, end, held, pitch, velocity = onset[order], end[order], held[order], pitch[order], velocity[order]

        struck_again = np.full(len(onset), np.iinfo(np.int64).max)
        struck_again[:-1][pitch[1:] == pitch[:-1]] = onset[1:][pitch[1:] == pitch[:-1]]
        lost["overlapping notes"] = int(np.count_nonzero(end > struck_again))
        held = np.minimum(held, struck_again)
        lost["long notes"] = int(np.count_nonzero(held - onset > self.config.longest_note))
        held = np.minimum(held, onset + self.config.longest_note)
        return _Notes(onset, held, pitch, self._bins[velocity], max(finish, int(held.max(initial=0))))

    def _steps(self, score: Score, ticks: Ints) -> Ints:
        """The nearest step of each tick: of absolute times, so that no error adds up."""
        return np.floor(seconds_at(score, ticks) * self.config.steps_per_second + 0.5).astype(np.int64)

    def _write(self, notes: _Notes) -> Array:
        """The symbols of notes, up to their finish."""
        v = self.vocabulary
        closed = notes.end != OPEN
        time = np.concatenate((notes.end[closed], notes.onset))
        symbol = np.concatenate((notes.pitch[closed] + v.off, notes.pitch + v.on))
        bins = np.concatenate((np.full(len(time) - len(notes.onset), -1), notes.bin))
        is_on = bins >= 0
        order = np.argsort(time * 2 + is_on, kind="stable")  # at one time by pitch, as they are
        time, symbol, bins, is_on = time[order], symbol[order], bins[order], is_on[order]
        if v.velocity_bins:
            ons = np.flatnonzero(is_on)
            changed = ons[np.append(-1, bins[ons])[:-1] != bins[ons]]
            symbol = np.insert(symbol, changed, v.velocity + bins[changed])
            time = np.insert(time, changed, time[changed])
        return self._timed(symbol, time, notes.finish)

    def _timed(self, symbols: Ints, time: Ints, finish: int) -> Array:
        """Symbols [E] with the shifts that bring each to its time [E], and the piece to its finish; times ascend."""
        v = self.vocabulary
        gap = np.diff(time, prepend=0, append=finish)
        longest, rest = gap // v.longest_shift, gap % v.longest_shift
        place = np.cumsum(longest + (rest > 0)) + np.arange(len(gap))  # of each symbol; the last is the length
        result = np.full(place[-1], v.shift + v.longest_shift - 1, dtype=np.int64)
        result[place[rest > 0] - 1] = v.shift + rest[rest > 0] - 1
        result[place[:-1]] = symbols
        return result

    def _untimed(self, array: Array) -> tuple[Ints, Ints, int]:
        """The inverse of `_timed`: all but the shifts up to the end, their times, and the finish."""
        v = self.vocabulary
        a = np.asarray(array, dtype=np.int64).ravel()
        stop = np.flatnonzero(a == v.end)
        a = a[: stop[0]] if len(stop) else a
        a = a[a != v.start]
        is_shift = (a >= v.shift) & (a < v.velocity)
        now = np.cumsum(np.where(is_shift, a - v.shift + 1, 0))
        return a[~is_shift], now[~is_shift], int(now[-1]) if len(a) else 0

    def _read(self, array: Array) -> _Notes:
        """The notes of any row of symbols: what is lifted without being struck is no note, a key struck twice two."""
        v = self.vocabulary
        symbols, time, finish = self._untimed(array)
        index = np.arange(len(symbols))
        is_velocity = symbols >= v.velocity
        said = np.maximum.accumulate(np.where(is_velocity, index, -1))
        bins = np.where(said >= 0, symbols[said] - v.velocity, self._bins[VELOCITY])
        keys = np.flatnonzero(~is_velocity)
        pitch, is_on = (symbols[keys] - v.on) % PITCHES, symbols[keys] < v.off
        order = np.argsort(pitch, kind="stable")
        keys, pitch, is_on = keys[order], pitch[order], is_on[order]
        following = np.append(time[keys], 0)[1:]
        last = np.append(pitch[1:] != pitch[:-1], True)[: len(pitch)]
        onset = time[keys][is_on]
        end = np.where(last, OPEN, np.maximum(following, time[keys] + 1))[is_on]
        finish = max(finish, int(end.max(initial=0)))
        return _Notes(onset, end, pitch[is_on], bins[keys][is_on], finish)

    def decode(self, array: Array) -> Score:
        """A piano track at 120 quarters a minute, a millisecond a tick; keys that are still down are lifted at the end.

        Where the symbols go on in silence after the last note, an `end` marker stands where they end.
        """
        notes = self._read(array)
        end = np.where(notes.end == OPEN, np.maximum(notes.finish, notes.onset + 1), notes.end)
        ticks = TICKS_PER_SECOND // self.config.steps_per_second
        order = np.lexsort((notes.pitch, notes.onset))
        score = ScoreTick(TICKS_PER_QUARTER)
        score.tempos.append(TempoTick(0, mspq=MSPQ))
        score.time_signatures.append(TimeSignatureTick(0, 4, 4))
        track = TrackTick("", 0, False)
        track.notes = NoteTickList.from_numpy(
            (notes.onset * ticks)[order].astype(np.int32),
            ((end - notes.onset) * ticks)[order].astype(np.int32),
            notes.pitch[order].astype(np.int8),
            self._velocities[notes.bin[order]],
        )
        score.tracks.append(track)
        if notes.finish > end.max(initial=0):
            score.markers.append(TextMetaTick(notes.finish * ticks, END))
        return score

    def owners(self, array: Array) -> Ints:
        """[T, 1]: of a note-off the note that ends there; of all else the note that begins next, or else ends next."""
        v = self.vocabulary
        a = np.asarray(array, dtype=np.int64).ravel()
        stop = np.append(np.flatnonzero(a == v.end), len(a))[0]
        index = np.arange(len(a))
        time = np.cumsum(np.where((a >= v.shift) & (a < v.velocity), a - v.shift + 1, 0))
        ons = np.flatnonzero((a >= v.on) & (a < v.off) & (index < stop))
        found = np.full(len(a), -1, dtype=np.int64)
        found[ons[np.lexsort((a[ons], time[ons]))]] = np.arange(len(ons))  # as `decode` orders them
        ends = np.flatnonzero((a >= v.off) & (a < v.shift) & (index < stop))
        keys = np.sort(np.concatenate((ons, ends)))
        keys = keys[np.argsort((a[keys] - v.on) % PITCHES, kind="stable")]  # key after key
        is_end = a[keys[1:]] == a[keys[:-1]] + PITCHES  # of the note that was struck last
        ended = np.full(len(a), -1, dtype=np.int64)
        ended[keys[1:][is_end]] = found[keys[:-1][is_end]]
        begins = led_to(found)
        leads = np.where(begins >= 0, begins, led_to(ended))
        return np.where(ended >= 0, ended, leads)[:, None]

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The array of the same piece, or of any part of it, `semitones` higher.

        None where a pitch would leave the piano's 21–108 (or 0–127, for one that was outside before).
        """
        v, a = self.vocabulary, np.asarray(array)
        is_key = (a >= v.on) & (a < v.shift)
        before = (a[is_key].astype(np.int64) - v.on) % PITCHES
        after = before + semitones
        low, high = PIANO
        on_piano = (after >= low) & (after <= high)
        was_off = ((before < low) | (before > high)) & (after >= 0) & (after < PITCHES)
        if not (on_piano | was_off).all():
            return None
        moved: Array = (a + semitones * is_key).astype(a.dtype)
        return moved

    def stretched(self, array: Array, factor: float) -> Array | None:
        """The array of the same piece, or of any part of it, `factor` times as long.

        What happens at two times happens at two times still, a step apart at least. None where a note gets too long.
        """
        v, a = self.vocabulary, np.asarray(array)
        symbols, time, finish = self._untimed(a)
        time = np.append(time, finish)
        count = np.cumsum(np.diff(time, prepend=time[0]) > 0)  # of different times so far
        moved = np.maximum.accumulate(np.floor(time * factor + 0.5).astype(np.int64) - count) + count
        result = self._timed(symbols, moved[:-1], int(moved[-1]))
        notes = self._read(result)
        if (notes.end - notes.onset > self.config.longest_note).any():
            return None
        return np.append(result, a[-1:][a[-1:] == v.end]).astype(a.dtype)

    def units(self, array: Array) -> dict[str, float]:
        """Notes and seconds."""
        symbols, _, finish = self._untimed(array)
        ons = np.count_nonzero((symbols >= self.vocabulary.on) & (symbols < self.vocabulary.off))
        return {"notes": float(ons), "seconds": finish / self.config.steps_per_second}

    def cursor(self, batch: int) -> PerformanceCursor:
        """A cursor that lets every piece be what `encode` writes."""
        return PerformanceCursor(self.vocabulary, batch)

    def names(self) -> list[str]:
        """[V]: `Note-On_60`, `Note-Off_60`, `Shift_10` (milliseconds), `Velocity_64`, ..."""
        return self.vocabulary.names

    def state(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {
            "representation": "performance",
            **{field.name: getattr(self.config, field.name) for field in fields(self.config)},
        }


def _presses(track: TrackTick, finish: int) -> tuple[Ints, Ints]:
    """When the sustain pedal of a track goes down and up, [P] ticks each; one that is never lifted, at `finish`.

    symusic keeps both the controls and, but for one that is never lifted, the pedals that it makes of them: pedals
    are read only where there are no such controls.
    """
    controls = track.controls.numpy()
    order = np.flatnonzero(controls["number"] == SUSTAIN)
    if len(order):
        order = order[np.argsort(controls["time"][order], kind="stable")]
        time, pressed = controls["time"][order].astype(np.int64), controls["value"][order] >= PRESSED
        changed = pressed != np.append(False, pressed[:-1])
        down, up = time[changed & pressed], time[changed & ~pressed]
        return down, np.append(up, max(finish, int(time[-1])))[: len(down)]
    pedals = track.pedals.numpy()
    order = np.argsort(pedals["time"], kind="stable")
    down = pedals["time"][order].astype(np.int64)
    return down, np.maximum.accumulate(down + pedals["duration"][order])


def _held(end: Ints, down: Ints, up: Ints) -> Ints:
    """Where notes that are lifted at `end` [N] cease to sound."""
    if not len(down):
        return end
    press = np.searchsorted(down, end, side="right") - 1
    held: npt.NDArray[np.bool_] = (press >= 0) & (end < up[press])
    return np.where(held, up[press], end)
