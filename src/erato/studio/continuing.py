"""A piece that goes on from a prompt: the prompt exactly as it was, then what a model composed after it.

A model knows a prompt as its representation holds it: notes may be moved to a grid, tracks be joined, names be lost.
That is what it hears, and not what a person is given back. In: the prompt, and two pieces of the run, that with the
new part and the one before it. Pure functions; knows nothing of models.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from symusic.core import NoteTickList, TrackTick, TrackTickList

from erato.errors import UsageError
from erato.score import END, Ints, Score, bar_line, bars, clip, end_tick, has_pickup, seconds_at, tick_at

_LAST = 2**30  # tick of a piece

Columns = Mapping[str, Ints]  # time, duration, pitch and velocity of notes
Place = Callable[[Ints], Ints]


def until_bar(score: Score, last: int) -> Score:
    """A score up to the end of its bar `last` (from 1, a pickup not counted), with the pickup; 0: the pickup alone."""
    count = len(bars(score)) - has_pickup(score)
    if not 0 <= last <= count:
        raise UsageError(f"the piece has {count} bars: it can be continued after bar 0 to {count}, not after {last}.")
    return clip(score, bar_line(score, last))


def until_second(score: Score, last: float) -> Score:
    """A score up to so many seconds."""
    whole = float(seconds_at(score, np.array([end_tick(score)]))[0])
    if not 0 <= last <= whole + 1e-6:
        raise UsageError(
            f"the piece lasts {whole:.1f} s: it can be continued after 0 to {whole:.1f} s, not {last:g} s."
        )
    return clip(score, tick_at(score, last))


def continued(prompt: Score, before: Score, piece: Score, by_bars: bool) -> tuple[Score, int]:
    """`prompt`, then the notes of `piece` that `before` does not have; and the tick from which it is new.

    before: the prompt as the run holds it; piece: that, and what comes after it. by_bars: the last bar line that both
    prompts have is one; else the ends of their last notes are, by the clock, and nothing new begins before the prompt
    ends.
    """
    end, ratio = end_tick(prompt), piece.ticks_per_quarter / before.ticks_per_quarter
    fresh = _fresh(before, piece, ratio)
    place = _by_bars(prompt, before, piece) if by_bars else _by_seconds(prompt, before, piece, fresh)
    result = prompt.copy()
    result.markers.filter(lambda marker: marker.text != END)
    since = round(end_tick(before) * ratio)
    later = ("tempos", "time_signatures", "key_signatures", "markers") if by_bars else ("markers",)
    for name in later:
        events = [event for event in getattr(piece.copy(), name) if event.time >= since]
        for event in events:
            event.time = int(place(np.array([event.time]))[0])
        getattr(result, name).extend(events)
    tracks = [track.copy() for track in result.tracks]
    given, starts = len(tracks), [_LAST]
    for track, notes in fresh:
        onset, until = place(notes["time"]), place(notes["time"] + notes["duration"])
        starts.append(int(onset.min()))
        at = _same(track, tracks[:given])
        if at is None:
            at = _same(track, tracks) if track.name else None
        if at is None:
            tracks.append(TrackTick(track.name, track.program, track.is_drum))
            at = len(tracks) - 1
        _add(tracks[at], onset, np.maximum(until - onset, 1), notes["pitch"], notes["velocity"])
    result.tracks = TrackTickList(tracks)
    return result, end if not fresh else min(starts)


def _fresh(before: Score, piece: Score, ratio: float) -> list[tuple[TrackTick, Columns]]:
    """The tracks of `piece`, each with its notes that `before` does not have; ratio: ticks of a tick of `before`."""
    there = Counter((round(note.time * ratio), note.pitch) for track in before.tracks for note in track.notes)
    found: list[tuple[TrackTick, Columns]] = []
    for track in piece.tracks:
        notes = {name: column.astype(np.int64) for name, column in track.notes.numpy().items()}
        new = np.ones(len(notes["time"]), np.bool_)
        for at, key in enumerate(zip(notes["time"].tolist(), notes["pitch"].tolist(), strict=True)):
            if there[key]:
                there[key] -= 1
                new[at] = False
        if new.any():
            found.append((track, {name: column[new] for name, column in notes.items()}))
    return found


def _by_bars(prompt: Score, before: Score, piece: Score) -> Place:
    """From ticks of `piece` to those of the prompt, by the last bar line that all have."""
    count = min(len(bars(score)) - has_pickup(score) for score in (prompt, before))
    ratio = prompt.ticks_per_quarter / piece.ticks_per_quarter
    shift = bar_line(prompt, count) - round(bar_line(piece, count) * ratio)

    def place(ticks: Ints) -> Ints:
        found: Ints = np.clip(np.rint(ticks * ratio).astype(np.int64) + shift, 0, _LAST)
        return found

    return place


def _by_seconds(prompt: Score, before: Score, piece: Score, fresh: Sequence[tuple[TrackTick, Columns]]) -> Place:
    """From ticks of `piece` to those of the prompt, by the clock, and what is new not before the prompt ends."""
    end = end_tick(prompt)
    reached, after = seconds_at(prompt, np.array([end, end + 1]))
    shift = _sounds_until(prompt) - _sounds_until(before)
    if fresh:
        first = seconds_at(piece, np.array([min(int(notes["time"].min()) for _, notes in fresh)]))[0] + shift
        shift += max(0.0, reached - first)

    def place(ticks: Ints) -> Ints:
        found = end + np.rint((seconds_at(piece, ticks) + shift - reached) / (after - reached))
        placed: Ints = np.clip(found, 0, _LAST).astype(np.int64)
        return placed

    return place


def _sounds_until(score: Score) -> float:
    """Seconds to the end of the last note."""
    ends = [
        int((t.notes.numpy()["time"].astype(np.int64) + t.notes.numpy()["duration"]).max())
        for t in score.tracks
        if len(t.notes)
    ]
    return float(seconds_at(score, np.array([max(ends, default=0)]))[0])


def _same(track: TrackTick, among: Sequence[TrackTick]) -> int | None:
    """Which of these a track goes on with: the one most like it, by drums, then name, then instrument."""
    alike = [
        (bool(track.name) and one.name == track.name, one.program == track.program, -at)
        for at, one in enumerate(among)
        if one.is_drum == track.is_drum
    ]
    best = max(alike, default=None)
    return None if best is None or not (best[0] or best[1]) else -best[2]


def _add(track: TrackTick, onset: Ints, duration: Ints, pitch: Ints, velocity: Ints) -> None:
    """Adds notes to a track, in the order in which they begin."""
    there = track.notes.numpy()
    columns = {
        name: np.concatenate([there[name].astype(np.int64), new])
        for name, new in (("time", onset), ("duration", duration), ("pitch", pitch), ("velocity", velocity))
    }
    order = np.argsort(columns["time"], kind="stable")
    track.notes = NoteTickList.from_numpy(
        columns["time"][order].astype(np.int32),
        columns["duration"][order].astype(np.int32),
        columns["pitch"][order].astype(np.int8),
        columns["velocity"][order].astype(np.int8),
    )
