"""Scores as bar, position, track, pitch, velocity and duration symbols. Knows nothing of files or models.

A score goes in and an array of symbols comes out, and back. What is held: onsets, durations, pitches, velocities,
tracks, tempos, meters and the end of the piece. On the grid (`steps_per_quarter`, anchored at each bar line) all of
it comes back exactly; off it, onsets and ends move by half a step at most, however long the piece is.

The events are those of REMI (Huang & Yang, "Pop Music Transformer", 2020), and meters, tracks and long notes.
Legend: T symbols of a piece, N notes, K tracks.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from symusic.core import NoteTickList, ScoreTick, TempoTick, TextMetaTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError
from erato.representations.base import Array, Encoded, Representation, RepresentationConfig, Tokens
from erato.representations.owners import led_to
from erato.representations.remi_cursor import RemiCursor
from erato.representations.remi_fit import GRID, fit
from erato.representations.remi_grid import Grid, MeterRun, meter_runs
from erato.representations.remi_vocabulary import TICKS_PER_QUARTER, WHOLE, Vocabulary
from erato.representations.remi_writing import Placed, changes, write
from erato.representations.unheld import as_score, unheld
from erato.score import (
    DEFAULT_MSPQ,
    END,
    Floats,
    Ints,
    Piece,
    Score,
    end_tick,
    has_pickup,
    note_count,
    seconds,
    slice_bars,
)

PIANO = (21, 108)


@dataclass(frozen=True)
class RemiConfig(RepresentationConfig):
    """Bar, position, tempo, track, pitch, velocity and duration symbols; several tracks."""

    steps_per_quarter: int = 12  # 16ths and triplets
    max_duration: int = 96  # steps of the longest duration symbol; longer notes take several
    velocity_bins: int = 32
    max_tracks: int = 64
    max_meters: int = 64

    def __post_init__(self) -> None:
        if self.steps_per_quarter < 1 or TICKS_PER_QUARTER % self.steps_per_quarter:
            raise UsageError(f"steps_per_quarter must divide {TICKS_PER_QUARTER}, got {self.steps_per_quarter}.")
        if not 1 <= self.velocity_bins <= 128:
            raise UsageError(f"velocity_bins must be from 1 to 128, got {self.velocity_bins}.")
        for name in ("max_duration", "max_tracks", "max_meters"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}.")

    def fit(self, pieces: Iterable[Piece]) -> "Remi":
        """Finds the meters, tempos, tracks and velocities of the training pieces."""
        return Remi(
            fit(
                (as_score(piece, "remi") for piece in pieces),
                steps_per_quarter=self.steps_per_quarter,
                max_duration=self.max_duration,
                velocity_bins=self.velocity_bins,
                max_tracks=self.max_tracks,
                max_meters=self.max_meters,
            )
        )

    def restore(self, state: dict[str, Any]) -> "Remi":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "remi")
        vocabulary = Vocabulary.from_state(state)
        self.check_state(state, "remi", ("steps_per_quarter", "max_duration"))
        return Remi(vocabulary)


class Remi(Representation):
    """A score as REMI events; made by `RemiConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = v = vocabulary
        self.space = Tokens(v.size, v.start, v.end)
        self._meters = {meter: index for index, meter in enumerate(v.meters)}
        self._common = self._meters.get((4, 4), 0)  # where nothing is said
        self._bar_64ths = np.array([WHOLE * n // d for n, d in v.meters], dtype=np.int64)
        known = np.array(v.velocities, dtype=np.int64)
        self._nearest_velocity = np.abs(np.arange(128)[:, None] - known).argmin(1)
        self._tempos = np.array(v.tempos, dtype=np.int64)

    def encode(self, piece: Piece) -> Encoded:
        """The whole score. Counted as lost: what the symbols do not hold, and what this vocabulary lacks.

        A note below half a step becomes one step ("short notes"); of notes with one onset, pitch and track the
        longest stays ("duplicate notes"); a bar that a change of meter cuts short gets a meter of its real length
        ("bars cut short"); bars of an unknown meter are made of known ones ("time signatures").
        """
        return self._encode(as_score(piece, "remi"), prompt=False)

    def encode_prompt(self, piece: Piece) -> Encoded:
        """The score as a beginning: all its bars, and where it ends at a bar line, the next bar.

        UsageError where it has no notes, or a time signature that this vocabulary lacks.
        """
        score = as_score(piece, "remi")
        if not note_count(score):
            raise UsageError("this prompt has no notes: give a file with music, or no prompt.")
        return self._encode(score, prompt=True)

    def window(self, array: Array, begin: int, length: int) -> Array:
        """Whole bars from about `begin` on, with the meter in force there, and the bar after them begun."""
        a, score = np.asarray(array, dtype=np.int64), self.decode(array)
        pickup = has_pickup(score)
        first, last = (int((a[:until] == self.vocabulary.bar).sum()) - pickup for until in (begin + 1, begin + length))
        first = max(first, 1)
        part = slice_bars(score, first, max(first, last - 1))
        if not note_count(part):
            return np.empty(0, np.int64)
        return self._encode(part, prompt=True).array

    def _encode(self, score: Score, prompt: bool) -> Encoded:
        v, lost = self.vocabulary, unheld(score)
        per_tick = v.steps_per_quarter, score.ticks_per_quarter
        finish, onset, end, pitch, velocity, slot = self._notes(score, lost)
        grid = self._grid(score, finish, prompt, lost)
        bar, position, begin = grid.place(_steps(np.concatenate((onset, [finish])), *per_tick))
        end_bar, end_position, end_at = int(bar[-1]), int(position[-1]), float(begin[-1])
        bar, position, begin = bar[:-1], position[:-1], begin[:-1]
        length = np.floor(_steps(end, *per_tick) - begin + 0.5).astype(np.int64)
        lost["short notes"] = int(np.count_nonzero(length < 1))
        length = np.maximum(length, 1)
        notes = Placed(bar, position, slot, pitch, self._nearest_velocity[velocity], length)

        music_end = float((begin + length).max(initial=0))
        silent = end_at > music_end
        until = max(music_end, end_at)
        tempos = self._tempo_rows(score, grid, until, finish, lost)
        announcing = np.flatnonzero((grid.signs >= 0) & (grid.starts < until))
        last_bar = int(max([bar.max(initial=0), *tempos[0][-1:], *announcing[-1:]]))
        if silent:
            last_bar = end_bar
        elif prompt:
            last_bar = int(grid.place(np.array([music_end]))[0][0])

        array, written = write(v, notes, tempos, grid.signs[: last_bar + 1])
        lost["duplicate notes"] = len(bar) - written
        tail = [v.position + end_position] if silent and end_position else []
        tail += [] if prompt else [v.end]
        return Encoded(
            np.concatenate((array, np.array(tail, dtype=np.int64))),
            {reason: count for reason, count in lost.items() if count},
        )

    def _notes(self, score: Score, lost: Counter[str]) -> tuple[int, Ints, Ints, Ints, Ints, Ints]:
        """The end of the piece; onset and end (ticks), pitch, velocity and slot of all notes that have a slot [N]."""
        v = self.vocabulary
        tracks = [track for track in score.tracks if len(track.notes)]
        slots, lost["tracks"] = v.slots([(track.program, track.is_drum, track.name) for track in tracks])
        if not tracks:
            empty = np.zeros(0, dtype=np.int64)
            return end_tick(score, 0), empty, empty, empty, empty, empty
        columns = [track.notes.numpy() for track in tracks]
        time, duration, pitch, velocity = (
            np.concatenate([column[name] for column in columns], dtype=np.int64)
            for name in ("time", "duration", "pitch", "velocity")
        )
        slot = np.repeat(slots, [len(column["time"]) for column in columns])
        end = time + duration
        finish = end_tick(score, int(end.max()))
        if min(slots) < 0:
            has = slot >= 0
            lost["notes without a track"] = int(np.count_nonzero(~has))
            time, end, pitch, velocity, slot = time[has], end[has], pitch[has], velocity[has], slot[has]
        lost["track names"] = sum(
            slot >= 0 and track.name != v.tracks[slot].name for track, slot in zip(tracks, slots, strict=True)
        )
        if not v.has_velocities:
            lost["velocities"] = int(np.count_nonzero(velocity != v.velocities[0]))
        return finish, time, end, pitch, velocity, slot

    def _grid(self, score: Score, finish: int, prompt: bool, lost: Counter[str]) -> Grid:
        """The bars to write the score in; an unknown meter is an error in a prompt, else made of known ones."""
        v = self.vocabulary
        runs, lost["bars cut short"] = meter_runs(score, finish + prompt)  # of a prompt, the next bar's meter too
        known: list[tuple[int, int]] = []
        for run in runs:
            meter = self._meters.get((run.numerator, run.denominator))
            if meter is not None:
                known.append((run.start, meter))
                continue
            if prompt:
                has = ", ".join(f"{n}/{d}" for n, d in v.meters)
                raise UsageError(
                    f"the prompt has the time signature {run.numerator}/{run.denominator}, this run knows {has}: "
                    "change the prompt's meter, or train on music that has it."
                )
            lost["time signatures"] += 1
            known += self._patch(run) if run.bars else []
        return Grid(known or [(0, self._common)], self._bar_64ths, finish, score.ticks_per_quarter, v.steps_per_quarter)

    def _patch(self, run: MeterRun) -> Iterable[tuple[int, int]]:
        """Each bar of an unknown meter as bars of known ones, the longest first (5/4 as 4/4 and 1/4)."""
        length = run.numerator * WHOLE // run.denominator
        longest_first = [int(meter) for meter in np.argsort(-self._bar_64ths, kind="stable")]
        for bar in range(run.bars):
            start, stop = run.start + bar * length, run.start + (bar + 1) * length
            for meter in longest_first:
                while start + self._bar_64ths[meter] <= stop:
                    yield start, meter
                    start += int(self._bar_64ths[meter])

    def _tempo_rows(
        self, score: Score, grid: Grid, until: float, finish: int, lost: Counter[str]
    ) -> tuple[Ints, Ints, Ints]:
        """Bar, position and index of each change of tempo before the end (`until` steps, `finish` ticks)."""
        v = self.vocabulary
        tempos = score.tempos.numpy()
        if not v.has_tempos:
            lost["tempos"] = int(np.count_nonzero(tempos["mspq"] != v.tempos[0]))
            empty = np.zeros(0, dtype=np.int64)
            return empty, empty, empty
        order = np.argsort(tempos["time"], kind="stable")
        order = order[tempos["time"][order] <= finish]
        time = np.append(0, tempos["time"][order].clip(0))
        mspq = np.append(DEFAULT_MSPQ, tempos["mspq"][order].clip(1))
        bar, position, at = grid.place(_steps(time, v.steps_per_quarter, score.ticks_per_quarter))
        index = np.abs(np.log(mspq)[:, None] - np.log(self._tempos)).argmin(1)
        off = np.abs(np.log2(mspq / self._tempos[index]))
        kept = np.append(at[1:] != at[:-1], True) & ((at < until) | (at == 0))  # of several in one place the last
        lost["tempos"] = int(np.count_nonzero(off[kept] > 1 / GRID))
        bar, position, index = bar[kept], position[kept], index[kept]
        changed = changes(index)
        return bar[changed], position[changed], index[changed]

    def decode(self, array: Array) -> Score:
        """The score, 480 ticks a quarter; a note that is cut before its duration is left out.

        Where the last bar line or position lies behind the last note's end, an `end` marker stands there.
        """
        v = self.vocabulary
        a = np.asarray(array, dtype=np.int64).ravel()
        stop = np.flatnonzero(a == v.end)
        a = a[: stop[0]] if len(stop) else a
        a = a[a != v.start]
        index = np.arange(len(a))
        is_bar, is_meter = a == v.bar, (a >= v.meter) & (a < v.position)
        bar = np.maximum(np.cumsum(is_bar) - 1, 0)
        n_bars = int(bar[-1]) + 1 if len(a) else 1

        sign = np.full(n_bars, -1)
        sign[bar[is_meter]] = a[is_meter] - v.meter
        said = np.where(sign >= 0, np.arange(n_bars), -1)
        held = np.maximum.accumulate(said)
        meter = np.where(held >= 0, sign[held], self._common)
        length = self._bar_64ths[meter] * (TICKS_PER_QUARTER * 4 // WHOLE)
        bar_start = np.cumsum(length) - length

        is_position = (a >= v.position) & (a < v.tempo)
        latest = np.maximum.accumulate(np.where(is_bar | is_position, index, 0))
        position = np.where(is_position, a - v.position, 0)[latest]
        tick = bar_start[bar] + position * (TICKS_PER_QUARTER // v.steps_per_quarter)

        result = ScoreTick(TICKS_PER_QUARTER)
        music_end = 0
        for slot, time, duration, pitch, velocity in self._decoded_notes(a, tick):
            known = v.tracks[slot]
            track = TrackTick(known.name, known.program, known.is_drum)
            track.notes = NoteTickList.from_numpy(time, duration, pitch, velocity)
            result.tracks.append(track)
            music_end = max(music_end, int((time.astype(np.int64) + duration).max()))

        for at in np.flatnonzero(changes(meter)):
            result.time_signatures.append(TimeSignatureTick(int(bar_start[at]), *v.meters[meter[at]]))
        if v.has_tempos:
            says = np.flatnonzero((a >= v.tempo) & (a < v.track))
            for at in says:
                result.tempos.append(TempoTick(int(tick[at]), mspq=v.tempos[a[at] - v.tempo]))
            if not len(says) or tick[says[0]] > 0:
                result.tempos.insert(0, TempoTick(0, mspq=DEFAULT_MSPQ))
        else:
            result.tempos.append(TempoTick(0, mspq=v.tempos[0]))
        if len(a) and (finish := int(tick[-1])) > music_end:
            result.markers.append(TextMetaTick(finish, END))
        return result

    def _decoded_notes(self, a: Ints, tick: Ints) -> Iterable[tuple[int, Array, Array, Array, Array]]:
        """(slot, time, duration, pitch, velocity) for each track with notes, in ticks."""
        v = self.vocabulary
        at, slot, steps, velocity = self._said(a)
        for index in np.unique(slot):
            mine = slot == index
            yield (
                int(index),
                tick[at][mine].astype(np.int32),
                (steps[mine] * (TICKS_PER_QUARTER // v.steps_per_quarter)).astype(np.int32),
                (a[at][mine] - v.pitch).astype(np.int8),
                velocity[mine].astype(np.int8),
            )

    def _said(self, a: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """[N] of the whole notes, slot after slot: where its pitch stands, its slot, how many steps, its velocity."""
        v = self.vocabulary
        at = np.flatnonzero((a >= v.pitch) & (a < v.velocity))
        following = np.append(a, v.end)[at + 1]
        is_velocity = (following >= v.velocity) & (following < v.duration)
        velocity_index = np.where(is_velocity, following - v.velocity, len(v.velocities) // 2)
        velocity = np.array(v.velocities)[velocity_index]
        first = at + 1 + is_velocity
        is_duration = a >= v.duration
        total = np.append(0, np.cumsum(np.where(is_duration, a - v.duration + 1, 0)))
        others = np.append(np.flatnonzero(~is_duration), len(a))
        behind = others[np.searchsorted(others, first)]
        steps = total[behind] - total[first]
        slot = self._slot(a)[at]
        whole = np.flatnonzero(steps > 0)
        whole = whole[np.argsort(slot[whole], kind="stable")]
        return at[whole], slot[whole], steps[whole], velocity[whole]

    def owners(self, array: Array) -> Ints:
        """[T, 1]: of a velocity and a duration the note that they follow; of all else the note that is said next."""
        v, a = self.vocabulary, np.asarray(array, dtype=np.int64).ravel()
        stop = np.append(np.flatnonzero(a == v.end), len(a))[0]
        read = np.flatnonzero(a[:stop] != v.start)
        at = self._said(a[read])[0]
        own = np.full(len(read), -1)
        own[at] = np.arange(len(at))
        follows = a[read] >= v.velocity
        newest = own[np.maximum.accumulate(np.where(follows, 0, np.arange(len(read))))]  # of the pitch before
        found = np.full((len(a), 1), -1)
        found[read, 0] = np.where(follows & (newest >= 0), newest, led_to(own))
        return found

    def _slot(self, a: Ints) -> Ints:
        """[T]: the track in force at each symbol."""
        v = self.vocabulary
        is_track = (a >= v.track) & (a < v.pitch)
        latest = np.maximum.accumulate(np.where(is_track, np.arange(len(a)), 0))
        return np.where(is_track, a - v.track, 0)[latest]

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The array of the whole piece `semitones` higher, drums as they are.

        None where a pitch would leave the piano's 21–108 (or 0–127, for one that was outside before).
        """
        v = self.vocabulary
        a = np.asarray(array, dtype=np.int64)
        is_pitch = (a >= v.pitch) & (a < v.velocity)
        drums = np.array([track.is_drum for track in v.tracks])
        if drums.any():
            is_pitch &= ~drums[self._slot(a)]
        before = a[is_pitch] - v.pitch
        after = before + semitones
        low, high = PIANO
        on_piano = (after >= low) & (after <= high)
        was_off = ((before < low) | (before > high)) & (after >= 0) & (after <= 127)
        if not (on_piano | was_off).all():
            return None
        return (a + semitones * is_pitch).astype(array.dtype)

    def units(self, array: Array) -> dict[str, float]:
        """Whole notes and seconds of music."""
        score = self.decode(array)
        return {"notes": float(note_count(score)), "seconds": seconds(score)}

    def cursor(self, batch: int) -> RemiCursor:
        """A cursor that lets every piece be a sentence of the grammar."""
        return RemiCursor(self.vocabulary, batch)

    def names(self) -> list[str]:
        """[V]: `Bar`, `Pitch_60`, ..."""
        return self.vocabulary.names

    def state(self) -> dict[str, Any]:
        """The vocabulary as JSON."""
        return {"representation": "remi", **self.vocabulary.state()}


def _steps(ticks: Ints, steps_per_quarter: int, ticks_per_quarter: int) -> Floats:
    result: Floats = ticks * steps_per_quarter / ticks_per_quarter
    return result
