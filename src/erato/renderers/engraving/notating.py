"""A score to a sheet of music: what a musician would write for what sounds. In: a score, a title. Out: a `Sheet`.

The steps in their order: bars (`timeline`), parts and staves (`layout`), times to note values (`grid`, `voices`,
`rhythm`), names and signs (`spelling`), clefs, beams. Knows nothing of MusicXML or pictures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from erato.renderers.engraving import grid
from erato.renderers.engraving.beams import beam
from erato.renderers.engraving.clefs import clefs_of
from erato.renderers.engraving.drums import place_of
from erato.renderers.engraving.hands import left_hand
from erato.renderers.engraving.layout import Plan, Staff, plan
from erato.renderers.engraving.rhythm import Meter, Piece, written
from erato.renderers.engraving.sheet import (
    TREBLE,
    UNIT,
    Event,
    Head,
    Measure,
    Name,
    Part,
    Sheet,
    StaffBar,
    Voice,
)
from erato.renderers.engraving.spelling import key_of, key_signs, spell
from erato.renderers.engraving.timeline import Timeline, timeline
from erato.renderers.engraving.voices import Chord, chords, separated
from erato.score import CHORD, FERMATA, Ints, Score, bars, between, note_count

MOST_BARS = 400  # of one sheet; what comes after is left out, and said
MOST_PARTS = 40


@dataclass
class _Track:
    """The notes of one track on the grid, in units."""

    onsets: Ints
    ends: Ints
    pitches: Ints
    velocities: Ints
    names: list[Name] = field(default_factory=list)
    graces: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # onset: (pitch, velocity), in order

    @cached_property
    def left(self) -> list[bool]:
        """Which notes the left hand plays, where both hands share the track."""
        return left_hand(self.onsets, self.pitches)


def sheet_of(score: Score, title: str = "", credit: str = "", whole: bool = False, most_bars: int = MOST_BARS) -> Sheet:
    """The sheet of a score; what had to be changed or left out is in its `said`.

    whole: all its bars and tracks, however many; otherwise as many as can be drawn and read.
    """
    score, said = (score, []) if whole else _within(score, most_bars)
    line = timeline(score)
    sounding = [index for index, track in enumerate(score.tracks) if len(track.notes)]
    if len(sounding) > MOST_PARTS and not whole:
        said.append(f"{len(sounding)} tracks have notes; the first {MOST_PARTS} are shown.")
        sounding = sounding[:MOST_PARTS]
    tracks, changes = _on_grid(score, line, sounding)
    line = _as_long(line, max((int(track.ends.max()) for track in tracks.values()), default=0))
    keys = _keys(score, line, tracks)
    _spell(score, line, keys, tracks)
    measures = _with_keys(line.measures, keys)
    builder = _Builder(score, line, measures, tracks)
    plans = plan(score, sounding)
    if line.played:
        for one in plans:
            _simplify(one, tracks)
    parts = [builder.part(one) for one in plans] or [builder.empty()]
    builder.chord_symbols(parts[0])
    return Sheet(title, credit, measures, parts, line.tempos, [*said, *line.said, *changes])


def _within(score: Score, most_bars: int) -> tuple[Score, list[str]]:
    found = bars(score)
    if len(found) <= most_bars:
        return score, []
    return between(score, 0, found[most_bars - 1].end), [
        f"Only the first {most_bars} of {len(found)} bars are written."
    ]


def _on_grid(score: Score, line: Timeline, sounding: Sequence[int]) -> tuple[dict[int, _Track], list[str]]:
    beats = line.beats()
    tracks: dict[int, _Track] = {}
    moved, farthest, lengthened = 0, 0.0, 0
    for index in sounding:
        notes = score.tracks[index].notes.numpy()
        times = notes["time"].astype(float)
        onsets, ends = line.at(times), line.at(times + notes["duration"])
        graces = _graces(notes) if not line.played else {}
        kept = np.array([place not in graces for place in range(len(times))])
        onsets, ends = onsets[kept], ends[kept]
        if line.played:
            onsets = grid.together(onsets, line.rate)
        found = grid.snapped(onsets, ends, beats, line.tolerance, line.played)
        moved, farthest = moved + found.moved, max(farthest, found.farthest)
        lengthened += found.lengthened
        pitches, velocities = notes["pitch"].astype(np.int64), notes["velocity"].astype(np.int64)
        track = tracks[index] = _Track(found.onsets, found.ends, pitches[kept], velocities[kept])
        by_time = dict(zip(times[kept].tolist(), found.onsets.tolist(), strict=True))
        for place, at in graces.items():
            track.graces.setdefault(by_time[at], []).append((int(pitches[place]), int(velocities[place])))
    said = []
    if moved and not line.played:
        said.append(
            f"{moved:,} of {note_count(score):,} notes were moved or cut to the nearest value that can be written."
        )
    if lengthened and not line.played:
        said.append(f"{lengthened:,} notes without length are written as 32nds.")
    return tracks, said


def _graces(notes: dict[str, Ints]) -> dict[int, float]:
    """Notes of no length that stand with others, by their place: the onset of what they are played before."""
    long = set(notes["time"][notes["duration"] > 0].tolist())
    return {
        place: float(time)
        for place, (time, length) in enumerate(zip(notes["time"].tolist(), notes["duration"].tolist(), strict=True))
        if length <= 0 and time in long
    }


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


# Keys and names


def _keys(score: Score, line: Timeline, tracks: dict[int, _Track]) -> list[tuple[int, int, bool]]:
    """(unit, sharps, minor), the first at 0: as the score says, or as its notes sound."""
    found: dict[int, tuple[int, bool]] = {}
    for key in sorted(score.key_signatures, key=lambda key: key.time):
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


def _spell(score: Score, line: Timeline, keys: Sequence[tuple[int, int, bool]], tracks: dict[int, _Track]) -> None:
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


# What was played freely


def _simplify(part: Plan, tracks: dict[int, _Track]) -> None:
    """Ends as a musician would write them: what a player lifts or holds a little too long is no rest and no voice."""
    for index in {track for staff in part.staves for track in staff.tracks}:
        track = tracks[index]
        hands = [np.ones(len(track.onsets), dtype=bool)]
        if any(staff.hand is not None for staff in part.staves):
            left = np.array(track.left)
            hands = [left, ~left]
        for mine in hands:
            track.ends[mine] = _played_ends(track.onsets[mine], track.ends[mine], track.pitches[mine])


def _played_ends(onsets: Ints, ends: Ints, pitches: Ints) -> Ints:
    """Each note up to the next onset of its hand, or, where it is clearly held while others move, as a second voice."""
    if not len(onsets):
        return ends
    starts, group = np.unique(onsets, return_inverse=True)
    following = np.append(starts[1:], ends.max())[group]
    length, gap = ends - onsets, following - onsets
    held = (length > gap + UNIT // 2) & (length >= 1.75 * gap)
    reach = np.zeros(len(starts), dtype=np.int64)  # of a chord, its notes end together
    np.maximum.at(reach, group, ends)
    longest = np.minimum(reach[group], following) - onsets
    rests = (gap - longest >= UNIT // 2) & (longest < 0.7 * gap)
    eighths = -(-(onsets + longest) // (UNIT // 2)) * (UNIT // 2)  # no rest is shorter than an eighth
    result = np.where(rests, np.minimum(eighths, following), following)
    busy = -1  # of each chord only an outer note is held, and only one line of them at a time
    for start in np.unique(onsets[held]).tolist():
        here = np.flatnonzero(onsets == start)
        candidates = here[held[here]]
        outer = [one for one in candidates if pitches[one] in (pitches[here].min(), pitches[here].max())]
        if len(candidates) == len(here) or not outer or start < busy:
            continue
        one = max(outer, key=lambda index: int(ends[index]))
        result[one] = onsets[one] + _plain(length[one : one + 1])[0]
        later = starts[starts >= result[one] - UNIT // 4]
        if len(later) and later[0] - result[one] < UNIT // 2:
            result[one] = later[0]
        busy = int(result[one])
    return np.maximum(result, onsets + UNIT // 8)


def _plain(lengths: Ints) -> Ints:
    """The nearest lengths that have a value of their own, from a 16th on."""
    values = np.array(
        [UNIT // 4, UNIT // 2, 3 * UNIT // 4, UNIT, 3 * UNIT // 2, 2 * UNIT, 3 * UNIT, 4 * UNIT, 8 * UNIT]
    )
    result: Ints = values[np.abs(np.log(np.maximum(lengths, 1)[:, None] / values)).argmin(axis=1)]
    return result


# Parts


class _Builder:
    """Makes the parts of one score."""

    def __init__(self, score: Score, line: Timeline, measures: list[Measure], tracks: dict[int, _Track]) -> None:
        self.score, self.line, self.measures, self.tracks = score, line, measures, tracks
        marks = [marker.time for marker in score.markers if marker.text == FERMATA]
        self.fermatas = {round(float(at)) for at in line.at(np.array(marks, dtype=float))} if marks else set()

    def empty(self) -> Part:
        rests = [StaffBar([_rest(measure)]) for measure in self.measures]
        rests[0].clefs.append((0, TREBLE))
        return Part("", 0, False, [rests])

    def part(self, one: Plan) -> Part:
        staves = [self._staff(one, staff) for staff in one.staves]
        return Part(one.name, one.program, one.is_drum, staves)

    def chord_symbols(self, part: Part) -> None:
        """Chord symbols stand over the first part."""
        found = [marker for marker in self.score.markers if marker.text.startswith(CHORD)]
        times = self.line.at(np.array([float(marker.time) for marker in found])).tolist()
        part.chords = [(round(float(at)), marker.text) for at, marker in zip(times, found, strict=True)]

    def _staff(self, part: Plan, staff: Staff) -> list[StaffBar]:
        fixed = len(staff.tracks) > 1
        lines: list[tuple[int, list[Chord]]] = []  # track, chords of one voice
        for index in staff.tracks:
            track = self.tracks[index]
            chosen = list(range(len(track.onsets)))
            if staff.hand is not None:
                chosen = [place for place in chosen if track.left[place] == staff.hand]
            rows = [(int(track.onsets[i]), int(track.ends[i]), int(track.pitches[i]), i) for i in chosen]
            lines += [(index, line) for line in separated(chords(rows))]
        bars = [StaffBar([]) for _ in self.measures]
        lyrics = {index: self._lyrics(index, line) for index, line in lines if self.score.tracks[index].lyrics}
        for number, (index, line) in enumerate(lines):
            stem = ("up" if index == staff.tracks[0] else "down") if fixed else None
            main = not number or lines[number - 1][0] != index
            events = self._voice(bars, self.tracks[index], line, number, stem, main, lyrics.pop(index, {}))
            if stem is not None:  # a voice that sings a second line does not rest meanwhile
                others = [chord for track, other in lines if track == index and other is not line for chord in other]
                _hide_rests(events, others)
        self._clefs(bars, lines, staff)
        for place, bar in enumerate(bars):
            if not bar.voices:
                bar.voices.append(_rest(self.measures[place]))
            if len(bar.voices) > 1:
                for number, voice in enumerate(bar.voices):
                    voice.stem = voice.stem or ("down" if number % 2 else "up")
                _one_fermata(bar)
            if not part.is_drum:
                self._signs(place, bar)
        return bars

    def _clefs(self, bars: Sequence[StaffBar], lines: Iterable[tuple[int, list[Chord]]], staff: Staff) -> None:
        """Says where the clef changes, at the beginning of a bar or of a beat."""
        slots = [(place, at) for place, measure in enumerate(self.measures) for at in Meter.of(measure).groups or (0,)]
        starts = np.array([self.measures[place].start + at for place, at in slots])
        names: list[list[Name]] = [[] for _ in slots]
        for index, line in lines:
            for chord in line:
                slot = int(np.searchsorted(starts, chord.onset, side="right")) - 1
                names[slot] += [self.tracks[index].names[note] for note in chord.notes]
        clefs = clefs_of(names, [at == 0 for _, at in slots], staff.clefs)
        for slot, ((place, at), clef) in enumerate(zip(slots, clefs, strict=True)):
            if slot == 0 or clef != clefs[slot - 1]:
                bars[place].clefs.append((at, clef))

    def _voice(
        self,
        bars: list[StaffBar],
        track: _Track,
        line: Sequence[Chord],
        number: int,
        stem: str | None,
        main: bool,
        lyrics: dict[int, tuple[str, str]],
    ) -> list[tuple[int, Event]]:
        """Adds one voice to the bars that it has notes in; what it adds, by the beginning of its bar (units).

        stem: of a voice that has its side of a shared staff; main: whether it is the first of its track, which rests.
        """
        fixed = stem is not None
        added: list[tuple[int, Event]] = []
        at = 0
        for place, measure in enumerate(self.measures):
            while at < len(line) and line[at].end <= measure.start:
                at += 1
            stop = at
            while stop < len(line) and line[stop].onset < measure.end:
                stop += 1
            here = line[at:stop]
            if not here and not fixed:
                continue
            if not here and number:  # one rest for both voices
                continue
            spans = [
                (max(chord.onset, measure.start) - measure.start, min(chord.end, measure.end) - measure.start)
                for chord in here
            ]
            meter = Meter.of(measure)
            if not here:
                bars[place].voices.append(_rest(measure))
                continue
            shown = main if fixed else not bars[place].voices
            pieces = written(spans, meter)
            events = [self._event(piece, here, measure, track, shown, lyrics) for piece in pieces]
            beam(events, meter)
            bars[place].voices.append(Voice(events, stem))
            added += [(measure.start, event) for event in events]
        return added

    def _event(
        self,
        piece: Piece,
        here: Sequence[Chord],
        measure: Measure,
        track: _Track,
        shown: bool,
        lyrics: dict[int, tuple[str, str]],
    ) -> Event:
        event = Event(piece.start, piece.length, [], piece.value, piece.dots, piece.tuplet, piece.edges)
        if piece.note is None:
            event.hidden = not shown
            return event
        chord = here[piece.note]
        begins = measure.start + piece.start == chord.onset
        ends = measure.start + piece.start + piece.length == chord.end
        for note in chord.notes:
            head = Head(int(track.pitches[note]), int(track.velocities[note]), track.names[note])
            head.tie_from, head.tie_to = not begins, not ends
            event.heads.append(head)
        if begins:
            event.lyric = lyrics.get(chord.onset)
            event.fermata = chord.onset in self.fermatas
            for pitch, velocity in track.graces.pop(chord.onset, ()):
                event.graces.append(Head(pitch, velocity, self._name(pitch)))
        return event

    def _name(self, pitch: int) -> Name:
        """The name of a grace note in the first key."""
        key = next(measure for measure in self.measures if measure.fifths is not None)
        return spell([pitch], [key.fifths or 0], [key.minor])[0]

    def _lyrics(self, index: int, line: Sequence[Chord]) -> dict[int, tuple[str, str]]:
        """The syllables of a track by the onset of the note that sings them; a hyphen joins one to the next."""
        onsets = np.array([chord.onset for chord in line])
        found: dict[int, tuple[str, str]] = {}
        inside = False
        for lyric in sorted(self.score.tracks[index].lyrics, key=lambda lyric: lyric.time):
            text = lyric.text.strip()
            if not text.strip("-_"):
                continue
            at = float(self.line.at(np.array([float(lyric.time)]))[0])
            onset = int(onsets[np.abs(onsets - at).argmin()])
            goes_on = text.endswith("-") and len(text) > 1
            syllabic = ("middle" if inside else "begin") if goes_on else ("end" if inside else "single")
            found.setdefault(onset, (syllabic, text.rstrip("-") if goes_on else text))
            inside = goes_on
        return found

    def _signs(self, place: int, bar: StaffBar) -> None:
        """Prints the accidentals that a reader needs in this bar, after those of the key and of the bar so far."""
        key = next(m.fifths for m in reversed(self.measures[: place + 1]) if m.fifths is not None)
        usual = key_signs(key)
        state: dict[tuple[str, int], int] = {}
        events = sorted(
            (event.start, number, event)
            for number, voice in enumerate(bar.voices)
            for event in voice.events
            if event.heads
        )
        for _, _, event in sorted(events, key=lambda row: row[:2]):
            for head in [*event.graces, *event.heads]:
                line = head.name.step, head.name.octave
                if head.tie_from:
                    continue
                if state.get(line, usual[head.name.step]) != head.name.alter:
                    head.sign = _SIGNS[head.name.alter]
                state[line] = head.name.alter


def _rest(measure: Measure) -> Voice:
    """A bar of silence: one rest for a whole bar, as many as it takes where the bar is shorter than its meter."""
    if not measure.partial:
        return Voice([Event(0, measure.length, [])])
    return Voice([Event(one.start, one.length, [], one.value, one.dots) for one in written([], Meter.of(measure))])


def _hide_rests(events: Iterable[tuple[int, Event]], others: Sequence[Chord]) -> None:
    """Prints no rest while one of the other chords sounds."""
    onsets, ends = np.array([c.onset for c in others], int), np.array([c.end for c in others], int)
    for start, event in events:
        if not event.heads and not event.hidden:
            first = start + event.start
            event.hidden = bool(((onsets < first + event.length) & (ends > first)).any())


def _one_fermata(bar: StaffBar) -> None:
    """Leaves one fermata where several voices of a staff have one at the same time."""
    seen: set[int] = set()
    for voice in bar.voices:
        for event in voice.events:
            event.fermata = event.fermata and event.start not in seen
            if event.fermata:
                seen.add(event.start)


_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
