"""A score to a sheet of music: what a musician would write for what sounds. In: a score, a title. Out: a `Sheet`.

The steps in their order: bars (`timeline`), times to a grid (`tracks`, `grid`), key and names (`spelling`), parts and
staves (`layout`, `staves`, `voices`, `rhythm`). Knows nothing of MusicXML or pictures.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from erato.errors import UsageError
from erato.renderers.engraving.drums import place_of
from erato.renderers.engraving.layout import plan
from erato.renderers.engraving.sheet import UNIT, Measure, Name, Sheet
from erato.renderers.engraving.spelling import key_of, spell
from erato.renderers.engraving.staves import Builder
from erato.renderers.engraving.timeline import Timeline, timeline
from erato.renderers.engraving.tracks import Track, on_grid, simplify
from erato.score import Score, bars, between

MOST_BARS = 400  # of one sheet; what comes after is left out, and said
MOST_PARTS = 40
_WRITABLE = 50_000  # bars of a whole piece


def sheet_of(score: Score, title: str = "", credit: str = "", whole: bool = False, most_bars: int = MOST_BARS) -> Sheet:
    """The sheet of a score; what had to be changed or left out is in its `said`.

    whole: all its bars and tracks; otherwise as many as can be drawn and read. UsageError for notes that no page can
    hold, and for more than 50,000 bars where all are wanted.
    """
    _check(score, whole)
    score, said = (score, []) if whole else _within(score, most_bars)
    line = timeline(score)
    sounding = [index for index, track in enumerate(score.tracks) if len(track.notes)]
    if len(sounding) > MOST_PARTS and not whole:
        said.append(f"{len(sounding)} tracks have notes; the first {MOST_PARTS} are shown.")
        sounding = sounding[:MOST_PARTS]
    tracks, changes = on_grid(score, line, sounding)
    line = _as_long(line, max((int(track.ends.max()) for track in tracks.values()), default=0))
    keys = _keys(score, line, tracks)
    _spell(score, line, keys, tracks)
    measures = _with_keys(line.measures, keys)
    builder = Builder(score, line, measures, tracks)
    plans = plan(score, sounding)
    if line.played:
        for one in plans:
            simplify(one, tracks)
    parts = [builder.part(one) for one in plans] or [builder.empty()]
    builder.chord_symbols(parts[0])
    return Sheet(title, credit, measures, parts, line.tempos, [*said, *line.said, *changes])


def _check(score: Score, whole: bool) -> None:
    for notes in (track.notes.numpy() for track in score.tracks):
        if (first := notes["time"].min(initial=0)) < 0:
            raise UsageError(f"a score begins at tick 0, and a note at {first}: shift the piece.")
        if (lowest := notes["pitch"].min(initial=0)) < 0:
            raise UsageError(f"a score has the keys 0 to 127, got {lowest}: transpose the piece.")
    if whole and (count := len(bars(score))) > _WRITABLE:
        raise UsageError(f"this piece has {count:,} bars, and a score has at most {_WRITABLE:,}: write a part of it.")


def _within(score: Score, most_bars: int) -> tuple[Score, list[str]]:
    found = bars(score)
    if len(found) <= most_bars:
        return score, []
    return between(score, 0, found[most_bars - 1].end), [
        f"Only the first {most_bars} of {len(found)} bars are written."
    ]


def _as_long(line: Timeline, end: int) -> Timeline:
    """The line with bars to `end`, where notes were moved beyond the last bar."""
    measures = [*line.measures]
    while measures[-1].end < end:
        last = measures[-1]
        full = 4 * UNIT * last.beats // last.denominator
        if last.partial and last.length < full and end <= last.start + full:
            measures[-1] = replace(last, length=full, partial=False)
        else:
            measures.append(
                replace(last, number=last.number + 1, start=last.end, length=full, partial=False, new_meter=False)
            )
    return replace(line, measures=measures)


def _keys(score: Score, line: Timeline, tracks: dict[int, Track]) -> list[tuple[int, int, bool]]:
    """(unit, sharps, minor), the first at 0: as the score says, or as its notes sound."""
    found: dict[int, tuple[int, bool]] = {}
    signatures = sorted(score.key_signatures, key=lambda key: key.time)
    if line.played and all(key.key == 0 and not key.tonality for key in signatures):
        signatures = []  # what every program writes that was told no key
    for key in signatures:
        if -7 <= key.key <= 7:
            at = int(line.at(np.array([float(max(0, key.time))]))[0]) if not line.played else 0
            starts = [measure.start for measure in line.measures if measure.start <= at]
            found[starts[-1]] = key.key, bool(key.tonality)
    if found:
        found.setdefault(0, next(iter(found.values())))
        return [(at, *said) for at, said in sorted(found.items())]
    melodic = [track for index, track in tracks.items() if not score.tracks[index].is_drum]
    if not melodic:
        return [(0, 0, False)]
    pitches = np.concatenate([track.pitches for track in melodic])
    lengths = np.concatenate([(track.ends - track.onsets) / UNIT for track in melodic])
    ends = np.concatenate([track.ends for track in melodic])
    last = int(pitches[ends == ends.max()].min())
    return [(0, *key_of(pitches, lengths, last))]


def _spell(score: Score, line: Timeline, keys: Sequence[tuple[int, int, bool]], tracks: dict[int, Track]) -> None:
    rows = sorted(
        (onset, pitch, index, place)
        for index, track in tracks.items()
        if not score.tracks[index].is_drum
        for place, (onset, pitch) in enumerate(zip(track.onsets.tolist(), track.pitches.tolist(), strict=True))
    )
    in_force, at = [], 0
    for onset, *_ in rows:
        while at + 1 < len(keys) and keys[at + 1][0] <= onset:
            at += 1
        in_force.append(keys[at])
    names = spell([row[1] for row in rows], [key[1] for key in in_force], [key[2] for key in in_force])
    for index, track in tracks.items():
        track.names = [Name("C", 0, 4)] * len(track.pitches)
        if score.tracks[index].is_drum:
            track.names = [place_of(pitch).name for pitch in track.pitches.tolist()]
    for (_, _, index, place), name in zip(rows, names, strict=True):
        tracks[index].names[place] = name


def _with_keys(measures: Sequence[Measure], keys: Sequence[tuple[int, int, bool]]) -> list[Measure]:
    said = {at: (sharps, minor) for at, sharps, minor in keys}
    return [
        replace(measure, fifths=said[measure.start][0], minor=said[measure.start][1])
        if measure.start in said
        else measure
        for measure in measures
    ]
