"""Scores to what can be heard side by side: excerpts of one length, and scores that differ by their music alone.

In: pieces of several sources. Out: new pieces. What only some sources have (dynamics, pedals, drums) is taken from all.
Knows nothing of runs, corpora or pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from symusic.core import NoteTickList, PedalTick, ScoreTick, TempoTick, TrackTick

from erato.renderers.playing import pedals
from erato.score import (
    DEFAULT_MSPQ,
    Piece,
    Score,
    bar_line,
    bars,
    between,
    end_tick,
    has_pickup,
    note_count,
    seconds,
    seconds_at,
    tick_at,
)

VELOCITY = 80  # of all notes where some source has no dynamics
SHORTEST = 0.75  # of the length that is asked for: less is no excerpt


@dataclass(frozen=True)
class Shared:
    """What all sources have, and so keep; tempo: microseconds a quarter for all, None: each piece has its own."""

    dynamics: bool
    pedals: bool
    drums: bool
    tempo: int | None


def shared(scores: Mapping[str, Sequence[Score]], beats: bool) -> Shared:
    """What the scores of all sources have; beats: whether all count in quarters, so that they can have one tempo.

    That is the median of the tempos that pieces begin with.
    """
    every = [one for group in scores.values() for one in group]

    def all_have(what: Any) -> bool:
        return all(any(what(track, score) for score in group for track in score.tracks) for group in scores.values())

    return Shared(
        dynamics=all_have(lambda track, _: len(track.notes) and len(np.unique(track.notes.numpy()["velocity"])) > 1),
        pedals=all_have(lambda track, score: len(pedals(score, track)[0])),
        drums=all_have(lambda track, _: track.is_drum and len(track.notes)),
        tempo=round(float(np.median([first_tempo(score) for score in every]))) if beats else None,
    )


def first_tempo(score: Score) -> int:
    """Microseconds a quarter when the first note begins."""
    onset = first_onset(score)
    before = [tempo for tempo in sorted(score.tempos, key=lambda tempo: tempo.time) if tempo.time <= onset]
    return int(before[-1].mspq) if before else DEFAULT_MSPQ


def first_onset(score: Score) -> int:
    """The tick of the first note, 0 where there is none."""
    return min((int(track.notes.numpy()["time"].min()) for track in score.tracks if len(track.notes)), default=0)


def equalised(score: Score, common: Shared, program: int) -> Score:
    """The notes of a score on one track with `program` (drums on another), from its first note on.

    Keys that are struck together are one, the longest and loudest of them; controllers, bends and what `common` does
    not have are gone.
    """
    pitched = [track for track in score.tracks if not track.is_drum]
    drums = [track for track in score.tracks if track.is_drum] if common.drums else []
    made = ScoreTick(score.ticks_per_quarter)
    if common.tempo is not None:
        made.tempos.append(TempoTick(0, mspq=common.tempo))
    else:
        made.tempos.extend(score.tempos)
    made.markers.extend(score.markers)
    for tracks, is_drum in ((pitched, False), (drums, True)):
        if any(len(track.notes) for track in tracks):
            track = TrackTick("", 0 if is_drum else program, is_drum)
            track.notes = _merged(tracks, common.dynamics)
            made.tracks.append(track)
    first = first_onset(made)
    made = between(made, first, max(end_tick(made), first + 1))
    if common.pedals and made.tracks and not made.tracks[0].is_drum:
        for track in pitched:
            for down, up in zip(*(part.tolist() for part in pedals(score, track)), strict=True):
                if up > first:
                    made.tracks[0].pedals.append(PedalTick(max(0, down - first), up - max(down, first)))
    return made


def _merged(tracks: Sequence[TrackTick], dynamics: bool) -> NoteTickList:
    """The notes of several tracks as those of one; of each key and onset one."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for track in tracks:
        notes = track.notes.numpy()
        rows = zip(*(notes[name].tolist() for name in ("time", "pitch", "duration", "velocity")), strict=True)
        for time, pitch, duration, velocity in rows:
            long, loud = found.get((time, pitch), (0, 0))
            found[time, pitch] = max(long, duration), max(loud, velocity if dynamics else VELOCITY)
    table = [(time, duration, pitch, velocity) for (time, pitch), (duration, velocity) in sorted(found.items())]
    time, duration, pitch, velocity = np.array(table, dtype=np.int32).reshape(-1, 4).T
    return NoteTickList.from_numpy(
        np.ascontiguousarray(time), np.ascontiguousarray(duration), pitch.astype(np.int8), velocity.astype(np.int8)
    )


def excerpt(
    piece: Piece, bars: int | None, seconds: float | None, chars: int | None, inside: bool, rng: np.random.Generator
) -> Iterator[tuple[Piece, dict[str, Any]]]:
    """Parts of a piece of the length that is asked for, and where they begin: of a score one at most, of a text all.

    inside: whether that of a score begins at any bar line, or at the beginning. Nothing where the piece is too short.
    """
    if isinstance(piece, str):
        assert chars is not None
        yield from _chunks(piece, chars)
        return
    found = _of_bars(piece, bars, inside, rng) if bars is not None else _of_seconds(piece, seconds, inside, rng)
    if found is not None and note_count(found[0]):
        yield found


def _chunks(text: str, chars: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A text in parts that begin after white space; the beginning of each part is looked for in its first tenth."""
    at = 0
    while len(text) - at >= SHORTEST * chars:
        space = next((place for place in range(at, at + chars // 10) if at and text[place - 1].isspace()), at)
        part = text[space : space + chars]
        if part.strip():
            yield part, {"character": space}
        at = space + chars


def _of_bars(score: Score, count: int, inside: bool, rng: np.random.Generator) -> tuple[Score, dict[str, Any]] | None:
    there = len(bars(score)) - has_pickup(score)
    if there < SHORTEST * count:
        return None
    first = int(rng.integers(max(0, there - count) + 1)) if inside else 0
    start = bar_line(score, first) if first else 0  # a pickup belongs to the first bar
    return between(score, start, bar_line(score, min(first + count, there))), {"bar": first + 1}


def _of_seconds(
    score: Score, length: float | None, inside: bool, rng: np.random.Generator
) -> tuple[Score, dict[str, Any]] | None:
    assert length is not None
    whole = seconds(score)
    if whole < SHORTEST * length:
        return None
    starts = np.array([bar.start for bar in bars(score)], np.int64)
    starts = starts[seconds_at(score, starts) <= max(0.0, whole - length)]
    start = int(rng.choice(starts)) if inside else 0
    at = float(seconds_at(score, np.array([start]))[0])
    stop = min(tick_at(score, at + length), end_tick(score))
    return between(score, start, stop), {"second": round(at, 3)}
