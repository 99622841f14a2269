"""The parts of a sheet as MusicXML lists them: names, brackets, instruments. In: parts. Out: an XML element.

Whatever anyone typed is escaped; what XML cannot hold becomes a space.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from erato.renderers.engraving.sheet import Part
from erato.renderers.names import one_line

_LONGEST_NAME = 200  # letters of a part: readers look for instruments in every combination of its words


def part_list(parts: Sequence[Part]) -> Element:
    """The list of parts; neighbours of one family are bracketed."""
    root = Element("part-list")
    families = [_family(part) for part in parts]
    for number, part in enumerate(parts, 1):
        family, around = families[number - 1], ["", *families, ""]
        if family and family != around[number - 1] and family == around[number + 1]:
            group = SubElement(root, "part-group", type="start", number="1")
            add_text(group, "group-symbol", "bracket")
            add_text(group, "group-barline", "yes")
        _score_part(root, number, part)
        if family and family == around[number - 1] and family != around[number + 1]:
            SubElement(root, "part-group", type="stop", number="1")
    return root


def add_text(parent: Element, tag: str, text: object, /, **attributes: str) -> Element:
    """A new element within `parent` that holds `text`."""
    element = SubElement(parent, tag, attributes)
    element.text = one_line(text) if isinstance(text, str) else str(text)
    return element


def _score_part(root: Element, number: int, part: Part) -> None:
    score_part = SubElement(root, "score-part", id=f"P{number}")
    name = one_line(part.name)[:_LONGEST_NAME].rstrip()
    element = add_text(score_part, "part-name", name)
    if not name:
        element.set("print-object", "no")
    else:
        add_text(score_part, "part-abbreviation", abbreviation(name))
    drums = sorted({head.pitch for head in part.heads()}) if part.is_drum else [None]
    for drum in drums:
        instrument = SubElement(score_part, "score-instrument", id=instrument_id(number, drum))
        add_text(instrument, "instrument-name", name or "Piano")
    for drum in drums:
        midi = SubElement(score_part, "midi-instrument", id=instrument_id(number, drum))
        add_text(midi, "midi-channel", 10 if part.is_drum else (number - 1) % 9 + 1)
        add_text(midi, "midi-program", part.program + 1)
        if drum is not None:
            add_text(midi, "midi-unpitched", drum + 1)


_SHORT = {
    "violin": "Vln.",
    "viola": "Vla.",
    "violoncello": "Vc.",
    "cello": "Vc.",
    "contrabass": "Cb.",
    "flute": "Fl.",
    "oboe": "Ob.",
    "clarinet": "Cl.",
    "bassoon": "Bsn.",
    "horn": "Hn.",
    "trumpet": "Tpt.",
    "trombone": "Tbn.",
    "piano": "Pno.",
    "guitar": "Gtr.",
    "organ": "Org.",
    "drums": "Dr.",
}


def abbreviation(name: str) -> str:
    """How a part is called from the second system on: "Violin II" is Vln. II, "Acoustic Grand Piano" is A.G.P."""
    words = [word for word in name.replace("(", " ").replace(")", " ").split() if word[0].isalnum()]
    if not words:
        return name[:3]
    if words[0].casefold() in _SHORT:
        return " ".join([_SHORT[words[0].casefold()], *words[1:2]])[:8]
    if len(words) == 1:
        return words[0][:1] + "."
    return "".join(f"{word[0]}." for word in words[:3])


def _family(part: Part) -> str:
    """What is bracketed together: strings, voices, brass, reeds, pipes; nothing of keyboards and drums."""
    if part.is_drum or len(part.bars) > 1:
        return ""
    word = part.name.casefold()
    if any(one in word for one in ("violin", "viola", "cello")) or 40 <= part.program <= 51:
        return "strings"
    if any(one in word for one in ("soprano", "alto", "tenor", "bass")) and part.program < 8:
        return "voices"
    return {6: "voices", 7: "brass", 8: "reeds", 9: "pipes"}.get(part.program // 8, "")


def instrument_id(number: int, drum: int | None) -> str:
    """The name within the file of an instrument of part `number`; each drum has its own."""
    return f"P{number}-I1" if drum is None else f"P{number}-I{drum + 1}"
