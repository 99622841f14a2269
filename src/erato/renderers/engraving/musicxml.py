"""A sheet of music to MusicXML 4.0. In: a `Sheet`. Out: the document as text. Knows nothing of how it was notated.

Whatever anyone typed is escaped; what XML cannot hold becomes a space.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import erato
from erato.renderers.engraving.chord_symbols import parse
from erato.renderers.engraving.drums import place_of
from erato.renderers.engraving.part_list import add_text, instrument_id, part_list
from erato.renderers.engraving.sheet import UNIT, Clef, Event, Head, Measure, Part, Sheet
from erato.renderers.names import one_line

_HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
RECORD = "erato"  # the name of the field that says how a piece was made
_LOUD = 90  # the velocity that MusicXML calls 100 %


def to_musicxml(sheet: Sheet, credits: bool = True) -> str:
    """The MusicXML document of a sheet; credits: whether title and composer are also said as words on the page."""
    root = Element("score-partwise", version="4.0")
    if sheet.title:
        add_text(SubElement(root, "work"), "work-title", sheet.title)
    _identification(root, sheet)
    for kind, words, place, size in (("title", sheet.title, "center", "22"), ("composer", sheet.credit, "right", "11")):
        if words and credits:
            credit = SubElement(root, "credit", page="1")
            add_text(credit, "credit-type", kind)
            style = {"justify": place, "halign": place, "valign": "top", "font-size": size}
            add_text(credit, "credit-words", words, **style)
    root.append(part_list(sheet.parts))
    divisions = _divisions(sheet)
    for number, part in enumerate(sheet.parts, 1):
        root.append(_Writer(sheet, part, number, divisions).element())
    indent(root, " ")
    return _HEADER + tostring(root, encoding="unicode") + "\n"


def _identification(root: Element, sheet: Sheet) -> None:
    said = SubElement(root, "identification")
    if sheet.credit:
        add_text(said, "creator", sheet.credit, type="composer")
    if sheet.rights:
        add_text(said, "rights", sheet.rights)
    encoding = SubElement(said, "encoding")
    add_text(encoding, "software", f"Erato {erato.__version__}")
    fields = [*sheet.facts, *((RECORD, record) for record in [sheet.record] if record)]
    if fields:
        more = SubElement(said, "miscellaneous")
        for name, value in fields:
            add_text(more, "miscellaneous-field", value, name=one_line(name))


def _divisions(sheet: Sheet) -> int:
    """The fewest divisions a quarter that make every time whole."""
    times = {UNIT}
    for part in sheet.parts:
        for staff in part.bars:
            for bar in staff:
                events = [event for voice in bar.voices for event in voice.events]
                times.update(time for event in events for time in (event.start, event.length))
        times.update(at for at, _ in part.chords)
    times.update(at for at, _, _ in sheet.tempos)
    times.update(measure.length for measure in sheet.measures)
    return UNIT // math.gcd(*times)


class _Writer:
    """Writes one part."""

    def __init__(self, sheet: Sheet, part: Part, number: int, divisions: int) -> None:
        self.sheet, self.part, self.number, self.divisions = sheet, part, number, divisions
        self.staves = len(part.bars)

    def duration(self, length: int) -> str:
        return str(length * self.divisions // UNIT)

    def element(self) -> Element:
        root = Element("part", id=f"P{self.number}")
        signs = self._signs()
        for place, measure in enumerate(self.sheet.measures):
            last = place == len(self.sheet.measures) - 1
            bar = SubElement(root, "measure", number=str(measure.number))
            if measure.partial and (measure.number == 0 or last):
                bar.set("implicit", "yes")
            self._attributes(bar, place, measure)
            self._voices(bar, place, measure, signs[place])
            if last:
                line = SubElement(bar, "barline", location="right")
                add_text(line, "bar-style", "light-heavy")
        return root

    def _signs(self) -> list[list[tuple[int, Element]]]:
        """What stands over each bar, with its time within it, in order: tempos over the first part, chord symbols."""
        measures = self.sheet.measures
        starts = [measure.start for measure in measures]
        found: list[list[tuple[int, Element]]] = [[] for _ in measures]
        for at, rate, printed in self.sheet.tempos if self.number == 1 else []:
            place = bisect_right(starts, at) - 1
            if at < measures[place].end:
                signs = self._tempo(measures[place], rate, printed)
                found[place] += [(at - starts[place], sign) for sign in signs]
        for at, text in self.part.chords:
            place = bisect_right(starts, at) - 1
            if at < measures[place].end:
                found[place].append((at - starts[place], self._harmony(text)))
        return [sorted(signs, key=lambda sign: sign[0]) for signs in found]

    def _attributes(self, bar: Element, place: int, measure: Measure) -> None:
        said = Element("attributes")
        if place == 0:
            add_text(said, "divisions", self.divisions)
        if measure.fifths is not None and not self.part.is_drum:
            key = SubElement(said, "key")
            add_text(key, "fifths", measure.fifths)
            add_text(key, "mode", "minor" if measure.minor else "major")
        if measure.new_meter:
            time = SubElement(said, "time")
            add_text(time, "beats", measure.beats)
            add_text(time, "beat-type", measure.denominator)
        if place == 0 and self.staves > 1:
            add_text(said, "staves", self.staves)
        for staff, bars in enumerate(self.part.bars, 1):
            said.extend(self._clef(clef, staff) for at, clef in bars[place].clefs if at == 0)
        if len(said):
            bar.append(said)

    def _clef(self, clef: Clef, staff: int) -> Element:
        element = Element("clef")
        if self.staves > 1:
            element.set("number", str(staff))
        add_text(element, "sign", clef.sign)
        if clef.sign != "percussion":
            add_text(element, "line", clef.line)
        if clef.octave:
            add_text(element, "clef-octave-change", clef.octave)
        return element

    def _tempo(self, measure: Measure, rate: float, printed: bool) -> list[Element]:
        """The tempo as it sounds, exactly, and, where it is printed, as people read it."""
        signs = []
        compound = measure.denominator >= 8 and measure.beats % 3 == 0
        shown = rate / 1.5 if compound else rate
        exact = abs(shown - round(shown)) < 1e-6
        if not (printed and exact):
            sounding = Element("direction")
            add_text(SubElement(sounding, "direction-type"), "words", "").set("print-object", "no")
            SubElement(sounding, "sound", tempo=_number(rate))
            signs.append(sounding)
        if printed:
            direction = Element("direction", placement="above")
            mark = SubElement(SubElement(direction, "direction-type"), "metronome", parentheses="no")
            add_text(mark, "beat-unit", "quarter")
            if compound:
                SubElement(mark, "beat-unit-dot")
            add_text(mark, "per-minute", round(shown) if exact or shown >= 20 else f"{shown:.1f}")
            if exact:
                SubElement(direction, "sound", tempo=_number(rate))
            signs.append(direction)
        return signs

    def _harmony(self, text: str) -> Element:
        chord = parse(text.removeprefix("chord:"))
        if chord is None:
            direction = Element("direction", placement="above")
            add_text(SubElement(direction, "direction-type"), "words", text.removeprefix("chord:"))
            return direction
        harmony = Element("harmony")
        root = SubElement(harmony, "root")
        add_text(root, "root-step", chord.root[0])
        if chord.root[1]:
            add_text(root, "root-alter", chord.root[1])
        add_text(harmony, "kind", chord.kind, text=one_line(chord.text))
        if chord.bass is not None:
            bass = SubElement(harmony, "bass")
            add_text(bass, "bass-step", chord.bass[0])
            if chord.bass[1]:
                add_text(bass, "bass-alter", chord.bass[1])
        return harmony

    def _voices(self, bar: Element, place: int, measure: Measure, signs: list[tuple[int, Element]]) -> None:
        at = 0
        for staff, bars in enumerate(self.part.bars, 1):
            for number, voice in enumerate(bars[place].voices, 1):
                if at:
                    add_text(SubElement(bar, "backup"), "duration", self.duration(at))
                at = 0
                events = _merged_gaps(voice.events)
                changes = [change for change in bars[place].clefs if change[0] and number == 1]
                for index, event in enumerate(events):
                    while changes and changes[0][0] <= event.start:
                        SubElement(bar, "attributes").append(self._clef(changes.pop(0)[1], staff))
                    while signs and (signs[0][0] < event.start + event.length or index == len(events) - 1):
                        when, sign = signs.pop(0)
                        if when > event.start:
                            offset = Element("offset")
                            offset.text = self.duration(when - event.start)
                            sound = sign.find("sound")
                            place_in = len(sign) if sound is None else list(sign).index(sound)
                            sign.insert(place_in, offset)
                        if sign.tag == "harmony" and self.staves > 1:
                            add_text(sign, "staff", 1)
                        bar.append(sign)
                    self._event(bar, event, voice.stem, staff, 4 * (staff - 1) + number)
                at = measure.length

    def _event(self, bar: Element, event: Event, stem: str | None, staff: int, voice: int) -> None:
        if event.hidden and event.tuplet is None:
            gap = SubElement(bar, "forward")
            add_text(gap, "duration", self.duration(event.length))
            add_text(gap, "voice", voice)
            if self.staves > 1:
                add_text(gap, "staff", staff)
            return
        if not event.heads:
            note = SubElement(bar, "note")
            if event.hidden:  # programs count the values of a tuplet
                note.set("print-object", "no")
            rest = SubElement(note, "rest")
            if not event.value:
                rest.set("measure", "yes")
            self._rest_of_note(note, event, None, stem, staff, voice, first=True)
            return
        for head in event.graces:
            note = SubElement(bar, "note")
            SubElement(note, "grace", slash="yes")
            self._pitch(note, head)
            add_text(note, "voice", voice)
            add_text(note, "type", "eighth")
            if head.sign:
                add_text(note, "accidental", head.sign)
            if self.staves > 1:
                add_text(note, "staff", staff)
        for index, head in enumerate(sorted(event.heads, key=lambda head: head.pitch)):
            note = SubElement(bar, "note")
            if head.velocity:
                note.set("dynamics", f"{head.velocity * 100 / _LOUD:.2f}")
            if index:
                SubElement(note, "chord")
            self._pitch(note, head)
            self._rest_of_note(note, event, head, stem, staff, voice, first=index == 0)

    def _pitch(self, note: Element, head: Head) -> None:
        if self.part.is_drum:
            place = SubElement(note, "unpitched")
            add_text(place, "display-step", head.name.step)
            add_text(place, "display-octave", head.name.octave)
            return
        pitch = SubElement(note, "pitch")
        add_text(pitch, "step", head.name.step)
        if head.name.alter:
            add_text(pitch, "alter", head.name.alter)
        add_text(pitch, "octave", head.name.octave)

    def _rest_of_note(
        self, note: Element, event: Event, head: Head | None, stem: str | None, staff: int, voice: int, first: bool
    ) -> None:
        add_text(note, "duration", self.duration(event.length))
        ties = [kind for kind, has in (("stop", head and head.tie_from), ("start", head and head.tie_to)) if has]
        for kind in ties:
            SubElement(note, "tie", type=kind)
        if head is not None and self.part.is_drum:
            SubElement(note, "instrument", id=instrument_id(self.number, head.pitch))
        add_text(note, "voice", voice)
        if event.value:
            add_text(note, "type", event.value)
        for _ in range(event.dots):
            SubElement(note, "dot")
        if head is not None and head.sign:
            add_text(note, "accidental", head.sign)
        if event.tuplet is not None:
            change = SubElement(note, "time-modification")
            add_text(change, "actual-notes", event.tuplet.actual)
            add_text(change, "normal-notes", event.tuplet.normal)
        if head is not None and stem and event.value not in ("whole", "breve"):
            add_text(note, "stem", stem)
        if head is not None and self.part.is_drum and place_of(head.pitch).head != "normal":
            add_text(note, "notehead", place_of(head.pitch).head)
        if self.staves > 1:
            add_text(note, "staff", staff)
        if first:
            for level, beam in enumerate(event.beams, 1):
                add_text(note, "beam", beam, number=str(level))
        self._notations(note, event, ties, first)
        if first and event.lyric is not None:
            lyric = SubElement(note, "lyric", number="1")
            add_text(lyric, "syllabic", event.lyric[0])
            add_text(lyric, "text", event.lyric[1])

    def _notations(self, note: Element, event: Event, ties: Sequence[str], first: bool) -> None:
        said = Element("notations")
        for kind in ties:
            SubElement(said, "tied", type=kind)
        if first:
            for edge in event.tuplet_edges:
                SubElement(said, "tuplet", type=edge, number="1", bracket="yes" if not event.beams else "no")
            if event.fermata:
                SubElement(said, "fermata", type="upright")
        if len(said):
            note.append(said)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _merged_gaps(events: Iterable[Event]) -> list[Event]:
    """The events with hidden gaps that follow each other as one; those that fill up a tuplet of notes stay."""
    merged: list[Event] = []
    for group in _by_tuplet(events):
        if not all(event.hidden for event in group):
            merged += group
            continue
        gap = Event(group[0].start, sum(event.length for event in group), [], hidden=True)
        before = merged[-1] if merged else None
        if before is not None and before.hidden and before.tuplet is None:
            merged[-1] = replace(before, length=before.length + gap.length)
        else:
            merged.append(gap)
    return merged


def _by_tuplet(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each tuplet together, every other event alone."""
    groups: list[list[Event]] = []
    for event in events:
        if event.tuplet is None or "start" in event.tuplet_edges or not groups:
            groups.append([])
        groups[-1].append(event)
    return groups
