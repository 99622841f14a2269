"""A tree of MusicXML, which may say anything, to one that makes sense: elements in, elements out.

Every number is checked and written anew. What makes no sense is left out and counted in `lost`; a note whose place is
known and whose pitch is not becomes a rest, so that the rest of its bar stays in time. Knows nothing of music21.

The tags are those of MusicXML 4.0 (W3C, 2021) that say what sounds; engraving is left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element

from erato.reading import musicxml_marks as marks
from erato.reading.base import DROPPED, Limits, check_size
from erato.reading.musicxml_marks import DYNAMICS, TYPES, decimal, line, new, number, whole, words

MOST_QUARTERS = 4096  # of a note, a jump or a bar
SHORTEST = Fraction(1, 8192)  # quarters
MOST_OF_CHORD = 128  # notes
MOST_MARKS = 200  # of a bar
MOST_REPEATS = 500  # signs of a part
MOST_VOICES = 32  # of a bar
MOST_STAVES = 16
FINEST = 1_000_000  # divisions of a quarter
STEPS = frozenset("ABCDEFG")
TAGS = DYNAMICS | words("""
    score-partwise score-timewise identification encoding software part-list score-part part-name score-instrument
    instrument-name midi-instrument midi-channel midi-program midi-unpitched part measure

    note grace chord pitch step alter octave unpitched display-step display-octave rest duration tie voice type dot
    time-modification actual-notes normal-notes normal-type normal-dot staff instrument notations fermata lyric syllabic
    text elision

    backup forward attributes divisions key fifths mode time beats beat-type senza-misura staves transpose diatonic
    chromatic octave-change barline bar-style repeat ending segno coda sound direction direction-type words metronome
    beat-unit beat-unit-dot per-minute dynamics offset harmony root root-step root-alter kind bass bass-step bass-alter
    inversion degree degree-value degree-alter degree-type
""")
ATTRIBUTES = words("id number implicit type direction times location dynamics measure tempo text name")


def mended(root: Element, name: str, limits: Limits, lost: Counter[str]) -> tuple[Element, int]:
    """The score with what makes sense in `root`, and the number of its notes; ReadError for more than the limits."""
    parts = list(_within(root, "part", ""))
    check_size(name, limits, tracks=len(parts), notes=sum(1 for _ in root.iter("note")))
    listed = {about.get("id"): about for about in _within(root, "score-part", "part")}
    result = Element("score-partwise")
    software = root.find("identification/encoding/software")
    if software is not None and software.text:
        new(new(new(result, "identification"), "encoding"), "software", line(software.text, 100))
    part_list = new(result, "part-list")
    count = 0
    for index, part in enumerate(parts):
        about = listed.get(part.get("id"))
        if about is None:
            lost["parts that are not in the list"] += 1
        mender = _Part(f"P{index}", lost)
        part_list.append(mender.about(about))
        result.append(mender.part(part))
        count += mender.notes
    return result, count


def _within(element: Element, tag: str, stop: str) -> Iterator[Element]:
    """The elements of this tag, also within others that were never closed, but not within those called `stop`."""
    for child in element:
        if child.tag == tag:
            yield child
        if child.tag != stop and len(child):
            yield from _within(child, tag, stop)


class _Part:
    """One part: what holds from bar to bar, and how far a bar has come."""

    def __init__(self, name: str, lost: Counter[str]) -> None:
        self.name, self.lost = name, lost
        self.notes = 0
        self.divisions = Fraction(1)
        self.at = Fraction(0)  # quarters since the bar began
        self.staves = 1
        self.instruments: dict[str, str] = {}
        self.voices: dict[str, str] = {}
        self.repeats = True  # whether they are few enough to be played
        self.marks = 0  # of a bar
        self.chord = 0  # notes of the chord that is open
        self.head = False  # whether there is a note that a chord can be added to
        self.began = Fraction(0)  # where that note, or what should have been it, began

    # The list of parts

    def about(self, found: Element | None) -> Element:
        result = Element("score-part", {"id": self.name})
        if found is None:
            return result
        if (called := found.find("part-name")) is not None:
            new(result, "part-name", line(called.text, 200) or (called.text and "\n"))  # empty is not the same as none
        for kind in ("score-instrument", "midi-instrument"):
            for given in found.findall(kind)[:200]:
                name = self.instruments.setdefault(str(given.get("id")), f"{self.name}-I{len(self.instruments)}")
                instrument = new(result, kind, id=name)
                if kind == "score-instrument":
                    new(instrument, "instrument-name", line(given.findtext("instrument-name"), 200))
                    continue
                for tag, most in (("midi-channel", 16), ("midi-program", 128), ("midi-unpitched", 128)):
                    if (given.find(tag)) is not None:
                        value = whole(given.findtext(tag), 0, most)
                        if value is None:
                            self.lost["instruments that make no sense"] += 1
                        else:
                            new(instrument, tag, value)
        return result

    # Bars

    def part(self, given: Element) -> Element:
        result = Element("part", {"id": self.name})
        self.staves = max(
            [1, *(whole(staves.text, 1, MOST_STAVES) or 1 for staves in given.iterfind("measure/attributes/staves"))]
        )
        menders: dict[str, Callable[[Element], Iterator[Element]]] = {
            "note": self.note,
            "backup": self.jump,
            "forward": self.jump,
            "attributes": self.attributes,
            "direction": self.mark,
            "sound": self.mark,
            "harmony": self.mark,
            "barline": self.mark,
        }
        signs = sum(bar.find("repeat") is not None or bar.find("ending") is not None for bar in given.iter("barline"))
        self.repeats = signs <= MOST_REPEATS
        if not self.repeats:
            self.lost["repeats that are not played"] += 1
        for measure in _within(given, "measure", "part"):
            called = measure.get("number", "")
            kept = {"number": called} if re.fullmatch(r"[A-Za-z]{0,3}\d{1,6}[A-Za-z]{0,3}", called, re.ASCII) else {}
            if measure.get("implicit") == "yes":
                kept["implicit"] = "yes"
            bar = Element("measure", kept)
            self.marks = 0
            self.at, self.began, self.voices, self.head = Fraction(0), Fraction(0), {}, False
            for child in measure:
                if mender := menders.get(child.tag):
                    bar.extend(list(mender(child)))  # a list: `extend` hides what goes wrong in a generator
            result.append(bar)
        return result

    def quarters(self, text: str | None) -> Fraction | None:
        """A duration in quarters; None for one that makes no sense."""
        value = number(text, 0, MOST_QUARTERS * self.divisions)
        if value is None or 0 < value / self.divisions < SHORTEST:
            return None
        return value / self.divisions

    def length(self, quarters: Fraction) -> str:
        return decimal(quarters * self.divisions)

    def jump(self, given: Element) -> Iterator[Element]:
        self.head = False
        quarters = self.quarters(given.findtext("duration"))
        if quarters is not None and given.tag == "backup" and quarters > self.at:
            self.lost["jumps to before the bar"] += 1
            quarters = self.at
        if quarters is None or (given.tag == "forward" and self.at + quarters > MOST_QUARTERS):
            self.lost["jumps that make no sense"] += 1
            return
        self.at += quarters if given.tag == "forward" else -quarters
        result = Element(given.tag)
        new(result, "duration", self.length(quarters))
        if given.tag == "forward":
            self.place(given, result)
        yield result

    def place(self, given: Element, result: Element) -> None:
        """Its voice and its staff, as far as there are such."""
        if (voice := line(given.findtext("voice"), 100)) and given.tag != "direction":
            if voice not in self.voices:
                self.voices[voice] = voice if len(voice) <= 8 else str(1000 + len(self.voices))
                if len(self.voices) > MOST_VOICES:
                    self.voices[voice] = next(iter(self.voices.values()))
                    self.lost["voices over the limit"] += 1
            new(result, "voice", self.voices[voice])
        if given.find("staff") is not None:
            staff = whole(given.findtext("staff"), 1, self.staves)
            if staff is None:
                self.lost["staves that are not there"] += 1
            else:
                new(result, "staff", staff)

    def attributes(self, given: Element) -> Iterator[Element]:
        for child in given.iter("divisions"):
            value = number(child.text, Fraction(1, 1000), FINEST)
            if value:
                self.divisions = value
            else:
                self.lost["divisions that make no sense"] += 1
        self.marks += 1
        if self.marks <= MOST_MARKS:
            yield marks.attributes(given, self.divisions, self.staves, self.lost)
        else:
            self.lost["marks over the limit of a bar"] += 1

    def mark(self, given: Element) -> Iterator[Element]:
        self.marks += 1
        found = marks.MENDERS[given.tag](given, self.lost) if self.marks <= MOST_MARKS else None
        if self.marks > MOST_MARKS:
            self.lost["marks over the limit of a bar"] += 1
        if found is None:
            return
        if not self.repeats:
            for sign in [*found.findall("repeat"), *found.findall("ending")]:
                found.remove(sign)
        shift = number(given.findtext("offset"), -MOST_QUARTERS * self.divisions, MOST_QUARTERS * self.divisions)
        if shift and self.at + shift / self.divisions >= 0:
            new(found, "offset", decimal(shift))
        self.place(given, found)
        yield found

    # Notes

    def note(self, given: Element) -> Iterator[Element]:
        pitched, unpitched = given.find("pitch"), given.find("unpitched")
        sounds = pitched is not None or unpitched is not None
        self.notes += sounds
        if given.find("grace") is not None:  # never played, and takes no time
            self.drop(sounds, "grace notes")
            return
        chord = given.find("chord") is not None
        self.chord = self.chord + 1 if chord else 0
        if not chord:
            self.head, self.began = False, self.at
        if self.chord > MOST_OF_CHORD:
            self.drop(sounds, "of too large a chord")
            return
        quarters = self.duration(given)
        if not quarters or self.began + quarters > MOST_QUARTERS:
            self.drop(sounds, "of no length that makes sense")
            return
        sound = None
        if pitched is not None:
            sound = self.pitch(pitched)
        elif unpitched is not None:
            sound = self.drum(unpitched)
        if sound is None:
            self.drop(sounds, "of no pitch that makes sense")
        if sound is None and chord:
            return
        result = Element("note")
        if (loud := number(given.get("dynamics"), 0, 1000)) is not None:
            result.set("dynamics", decimal(loud))
        if chord and self.head:
            new(result, "chord")
        else:
            if self.at != self.began:  # the note whose chord this was to be part of is none
                new(result_back := Element("backup"), "duration", self.length(self.at - self.began))
                yield result_back
            self.at = self.began + quarters
        self.head = sound is not None
        result.append(sound if sound is not None else self.rest(given))
        new(result, "duration", self.length(quarters))
        if sound is not None:
            self.ties(given, result)
            player = given.find("instrument")
            if player is not None and (known := self.instruments.get(str(player.get("id")))):
                new(result, "instrument", id=known)
        self.place(given, result)
        self.value(given, result)
        if given.find("notations/fermata") is not None:
            new(new(result, "notations"), "fermata")
        if sound is not None:
            self.lyrics(given, result)
        yield result

    def drop(self, sounds: bool, why: str) -> None:
        if sounds:
            self.lost[DROPPED + why] += 1

    def rest(self, given: Element) -> Element:
        found = given.find("rest")
        return Element("rest", {"measure": "yes"} if found is not None and found.get("measure") == "yes" else {})

    def duration(self, given: Element) -> Fraction | None:
        """Quarters, as its duration says or else its type; None where neither makes sense."""
        quarters = self.quarters(given.findtext("duration"))
        if quarters is not None:
            return quarters
        plain = TYPES.get(line(given.findtext("type"), 20))
        if plain is None:
            return None
        length = plain * (2 - Fraction(1, 2 ** min(len(given.findall("dot")), 8)))
        self.lost["durations that make no sense"] += 1
        actual, normal = self.tuplet(given.find("time-modification"))
        return length * normal / actual if actual and normal else Fraction(length)

    def tuplet(self, given: Element | None) -> tuple[int | None, int | None]:
        """So many notes in the time of so many."""
        if given is None:
            return None, None
        return whole(given.findtext("actual-notes"), 1, 1000), whole(given.findtext("normal-notes"), 1, 1000)

    def pitch(self, given: Element) -> Element | None:
        step = line(given.findtext("step"), 3).upper()
        octave = whole(given.findtext("octave"), -2, 12)
        alter = number(given.findtext("alter") or "0", -4, 4)
        if step not in STEPS or octave is None or alter is None:
            return None
        result = Element("pitch")
        new(result, "step", step)
        if given.find("alter") is not None:
            new(result, "alter", decimal(alter))
        new(result, "octave", octave)
        return result

    def drum(self, given: Element) -> Element:
        result = Element("unpitched")
        step, octave = line(given.findtext("display-step"), 3), whole(given.findtext("display-octave"), 0, 9)
        if step in STEPS and octave is not None:
            new(result, "display-step", step)
            new(result, "display-octave", octave)
        return result

    def ties(self, given: Element, result: Element) -> None:
        for tie in given.findall("tie")[:2]:
            if tie.get("type") in ("start", "stop", "continue"):
                new(result, "tie", type=str(tie.get("type")))

    def value(self, given: Element, result: Element) -> None:
        """What it looks like: its type, dots and tuplet, which music21 weighs against its duration."""
        kind = line(given.findtext("type"), 20)
        if kind not in TYPES:
            return
        new(result, "type", kind)
        for _ in given.findall("dot")[:4]:
            new(result, "dot")
        found = given.find("time-modification")
        actual, normal = self.tuplet(found)
        if found is not None and actual and normal:
            change = new(result, "time-modification")
            new(change, "actual-notes", actual)
            new(change, "normal-notes", normal)
            if (normal_type := line(found.findtext("normal-type"), 20)) in TYPES:
                new(change, "normal-type", normal_type)
                for _ in found.findall("normal-dot")[:4]:
                    new(change, "normal-dot")

    def lyrics(self, given: Element, result: Element) -> None:
        for lyric in given.findall("lyric")[:50]:
            texts = [child for child in lyric if child.tag in ("syllabic", "text", "elision")][:20]
            if not any(child.tag == "text" and line(child.text, 500) for child in texts):
                continue
            number, name = lyric.get("number"), lyric.get("name")
            sung = new(result, "lyric")
            if number is not None and re.fullmatch(r"\w{0,10}\d{1,3}|[\w ]{1,20}", number):
                sung.set("number", number)
            if name is not None:
                sung.set("name", line(name, 50))
            for child in texts:
                text = line(child.text, 500)
                if child.tag != "syllabic" or text in ("single", "begin", "middle", "end"):
                    new(sung, child.tag, text if child.tag == "syllabic" else (child.text or "")[:500].strip("\n"))
