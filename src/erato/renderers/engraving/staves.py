"""Parts and their staves, bar by bar: voices, rests, signs, clefs, words. In: tracks on a grid, a plan. Out: parts.

Knows nothing of files; how parts and hands are chosen is in `layout`, how values are in `rhythm`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from erato.renderers.engraving.beams import beam
from erato.renderers.engraving.clefs import clefs_of
from erato.renderers.engraving.layout import Plan, Staff
from erato.renderers.engraving.rhythm import Meter, Piece, written
from erato.renderers.engraving.sheet import TREBLE, Event, Head, Measure, Name, Part, StaffBar, Voice
from erato.renderers.engraving.spelling import key_signs, spell
from erato.renderers.engraving.timeline import Timeline
from erato.renderers.engraving.tracks import Track
from erato.renderers.engraving.voices import Chord, chords, separated
from erato.score import CHORD, FERMATA, Score

_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


class Builder:
    """Makes the parts of one score."""

    def __init__(self, score: Score, line: Timeline, measures: list[Measure], tracks: dict[int, Track]) -> None:
        self.score, self.line, self.measures, self.tracks = score, line, measures, tracks
        marks = np.array([float(marker.time) for marker in score.markers if marker.text == FERMATA])
        self.fermatas = {round(at) for at in line.at(marks).tolist()}
        self.signs: list[dict[str, int]] = []  # of the key in force in each measure
        for measure in measures:
            new = measure.fifths is not None
            self.signs.append(key_signs(measure.fifths or 0) if new else self.signs[-1])

    def empty(self) -> Part:
        """A part that rests."""
        rests = [StaffBar([_rest(measure)]) for measure in self.measures]
        rests[0].clefs.append((0, TREBLE))
        return Part("", 0, False, [rests])

    def part(self, one: Plan) -> Part:
        """The part that a plan asks for."""
        staves = [self._staff(one, staff) for staff in one.staves]
        return Part(one.name, one.program, one.is_drum, staves)

    def chord_symbols(self, part: Part) -> None:
        """Puts the chord symbols of the score over a part."""
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
        lyrics = {index: self._lyrics(index, [line for at, line in lines if at == index]) for index in staff.tracks}
        for index, line in lines:
            stem = ("up" if index == staff.tracks[0] else "down") if fixed else None
            events = self._voice(bars, self.tracks[index], line, stem, lyrics[index])
            if stem is not None:  # a voice that sings a second line does not rest meanwhile
                others = [chord for track, other in lines if track == index and other is not line for chord in other]
                _hide_rests(events, others)
        self._clefs(bars, lines, staff)
        for place, bar in enumerate(bars):
            if not bar.voices:
                bar.voices.append(_rest(self.measures[place]))
            elif fixed and len({voice.stem for voice in bar.voices}) == 1:  # the other rests
                above = bar.voices[0].stem == "down"
                rest = replace(_rest(self.measures[place]), stem="up" if above else "down")
                bar.voices.insert(0 if above else len(bar.voices), rest)
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
        track: Track,
        line: Sequence[Chord],
        stem: str | None,
        lyrics: dict[int, tuple[str, str]],
    ) -> list[tuple[int, Event]]:
        """Adds one voice to the bars that it has notes in; what it adds, by the beginning of its bar (units).

        stem: of a voice that has its side of a shared staff.
        """
        added: list[tuple[int, Event]] = []
        at = 0
        for place, measure in enumerate(self.measures):
            while at < len(line) and line[at].end <= measure.start:
                at += 1
            stop = at
            while stop < len(line) and line[stop].onset < measure.end:
                stop += 1
            here = line[at:stop]
            if not here:
                continue
            spans = [
                (max(chord.onset, measure.start) - measure.start, min(chord.end, measure.end) - measure.start)
                for chord in here
            ]
            meter = Meter.of(measure)
            shown = all(voice.stem != stem for voice in bars[place].voices)  # the first on its side rests
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
        track: Track,
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
            event.lyric = lyrics.pop(chord.onset, None)
            event.fermata = chord.onset in self.fermatas
            for pitch, velocity in track.graces.pop(chord.onset, ()):
                event.graces.append(Head(pitch, velocity, self._name(pitch)))
        return event

    def _name(self, pitch: int) -> Name:
        """The name of a grace note in the first key."""
        key = next(measure for measure in self.measures if measure.fifths is not None)
        return spell([pitch], [key.fifths or 0], [key.minor])[0]

    def _lyrics(self, index: int, lines: Iterable[Sequence[Chord]]) -> dict[int, tuple[str, str]]:
        """The syllables of a track by the onset of the note that sings them; a hyphen joins one to the next."""
        lyrics = sorted(self.score.tracks[index].lyrics, key=lambda lyric: lyric.time)
        onsets = np.unique([chord.onset for line in lines for chord in line])
        found: dict[int, tuple[str, str]] = {}
        inside = False
        times = self.line.at(np.array([float(lyric.time) for lyric in lyrics])).tolist()
        for at, lyric in zip(times, lyrics, strict=True):
            text = lyric.text.strip()
            if not text.strip("-_") or not len(onsets):
                continue
            onset = int(onsets[np.abs(onsets - at).argmin()])
            goes_on = text.endswith("-") and len(text) > 1
            syllabic = ("middle" if inside else "begin") if goes_on else ("end" if inside else "single")
            found.setdefault(onset, (syllabic, text.rstrip("-") if goes_on else text))
            inside = goes_on
        return found

    def _signs(self, place: int, bar: StaffBar) -> None:
        """Prints the accidentals that a reader needs in this bar, after those of the key and of the bar so far."""
        usual = self.signs[place]
        state: dict[tuple[str, int], int] = {}
        events = sorted((event for voice in bar.voices for event in voice.events), key=lambda event: event.start)
        for event in events:
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
