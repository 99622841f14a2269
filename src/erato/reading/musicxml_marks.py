"""What stands between the notes of MusicXML, checked: meters, keys, tempos, words, chord symbols, repeats. Elements in,
new elements out, None for what makes no sense; it is counted in `lost`. Knows nothing of notes.
"""

import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from xml.etree.ElementTree import Element

Lost = Counter[str]

TYPES: dict[str, Fraction | int] = {
    "maxima": 32, "long": 16, "breve": 8, "whole": 4, "half": 2, "quarter": 1, "eighth": Fraction(1, 2),
    **{f"{2**power}{'nd' if power == 5 else 'th'}": Fraction(1, 2 ** (power - 2)) for power in range(4, 11)},
}  # fmt: skip


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


DYNAMICS = words("""
    pppppp ppppp pppp ppp pp p mp mf f ff fff ffff fffff ffffff fp sf sfz sffz sfp sfpp fz rf rfz pf sfzp n
""")
ONLY_ONE_LINE = re.compile(r"\s+")

KINDS = words("""
    major minor augmented diminished dominant major-seventh minor-seventh diminished-seventh augmented-seventh
    half-diminished major-minor major-sixth minor-sixth dominant-ninth major-ninth minor-ninth dominant-11th major-11th
    minor-11th dominant-13th major-13th minor-13th suspended-second suspended-fourth Neapolitan Italian French German
    pedal power Tristan none other maj min aug dim dominant-seventh augmented-major-seventh minor-major-seventh
    half-diminished-seventh augmented-dominant-seventh seventh-flat-five major-seventh-flat-five
    suspended-fourth-seventh
""")
MODES = words("major minor dorian phrygian lydian mixolydian aeolian ionian locrian none")
STYLES = words("regular dotted dashed heavy light-light light-heavy heavy-light heavy-heavy tick short none")
MOST_DIGITS = 100  # characters of a number, with spaces
MOST_BEATS = 128
SLOWEST, FASTEST = 4, 10_000  # quarters a minute
MOST_TIMES = 1000  # a passage is said to be played; how often it is, others decide
NATURAL = (0, 2, 4, 5, 7, 9, 11)  # semitones of the steps of a scale


def new(parent: Element, tag: str, text: object = None, /, **attributes: str) -> Element:
    element = Element(tag, attributes)
    element.text = None if text is None else str(text)
    parent.append(element)
    return element


def line(text: str | None, most: int) -> str:
    """The text as one line of at most so many characters."""
    if text is not None and text.isalnum():
        return text[:most]
    return ONLY_ONE_LINE.sub(" ", text or "").strip()[:most]


def number(text: str | None, least: float | Fraction, most: float | Fraction) -> Fraction | None:
    """The number that a text is, where it lies between these."""
    value = _number(text) if text and len(text) < MOST_DIGITS else None
    return value if value is not None and least <= value <= most else None


@lru_cache(4096)  # a score has few numbers, many times
def _number(text: str) -> Fraction | None:
    text = text.strip()
    if not re.fullmatch(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})", text, re.ASCII):
        return None
    return Fraction(text.rstrip(".") if text.endswith(".") else text)


def whole(text: str | None, least: int, most: int) -> int | None:
    value = number(text, least, most)
    return int(value) if value is not None and value.denominator == 1 else None


def decimal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


# Attributes


def attributes(given: Element, divisions: Fraction, staves: int, lost: Lost) -> Element:
    """Clock, key, meter, staves and transposition."""
    result = Element("attributes")
    new(result, "divisions", decimal(divisions))
    for tag, mender, what in (("key", _key, "key signatures"), ("time", _time, "time signatures")):
        for child in given.findall(tag)[:MOST_BEATS]:
            found = mender(child)
            if found is None:
                lost[f"{what} that make no sense"] += 1
                continue
            if (staff := whole(child.get("number"), 1, staves)) is not None:
                found.set("number", str(staff))
            result.append(found)
    if given.find("staves") is not None:
        new(result, "staves", staves)
    for child in given.findall("transpose")[:staves]:
        found = _transpose(child)
        if found is None:
            lost["transpositions that make no sense"] += 1
        else:
            result.append(found)
    return result


def _key(given: Element) -> Element | None:
    fifths = whole(given.findtext("fifths"), -7, 7)
    if fifths is None:
        return None
    result = Element("key")
    new(result, "fifths", fifths)
    if (mode := line(given.findtext("mode"), 20).lower()) in MODES:
        new(result, "mode", mode)
    return result


def _time(given: Element) -> Element | None:
    result = Element("time")
    if given.find("senza-misura") is not None:
        new(result, "senza-misura")
        return result
    beats = [line(child.text, 40).replace(" ", "") for child in given.findall("beats")]
    units = [whole(child.text, 1, 128) for child in given.findall("beat-type")]
    if not 1 <= len(beats) == len(units) <= 8:
        return None
    for sizes, unit in zip(beats, units, strict=True):
        if not re.fullmatch(r"[1-9]\d{0,2}(\+[1-9]\d{0,2})*", sizes, re.ASCII) or unit is None or unit & (unit - 1):
            return None
        new(result, "beats", sizes)
        new(result, "beat-type", unit)
    total = sum(
        int(size) * Fraction(128, unit or 1)
        for sizes, unit in zip(beats, units, strict=True)
        for size in sizes.split("+")
    )
    return result if total <= MOST_BEATS * Fraction(128, max(unit or 1 for unit in units)) else None


def _transpose(given: Element) -> Element | None:
    """In semitones; the steps of the scale too, where they are near these."""
    chromatic = whole(given.findtext("chromatic"), -60, 60)
    octaves = whole(given.findtext("octave-change") or "0", -5, 5)
    diatonic = whole(given.findtext("diatonic") or "0", -35, 35)
    if chromatic is None or octaves is None:
        return None
    result = Element("transpose")
    near = diatonic is not None and abs(12 * (diatonic // 7) + NATURAL[diatonic % 7] - chromatic) <= 2
    if near and given.find("diatonic") is not None:
        new(result, "diatonic", diatonic)
    new(result, "chromatic", chromatic)
    if octaves:
        new(result, "octave-change", octaves)
    return result


# Marks


def sound(given: Element, lost: Lost) -> Element | None:
    """A tempo; None where it says another thing."""
    if given.get("tempo") is None:
        return None
    tempo = number(given.get("tempo"), SLOWEST, FASTEST)
    if tempo is None:
        lost["tempos that make no sense"] += 1
        return None
    return Element("sound", {"tempo": decimal(tempo)})


def direction(given: Element, lost: Lost) -> Element | None:
    """Words, tempos, dynamics, and the signs that one jumps to."""
    result = Element("direction")
    for child in [child for kind in given.findall("direction-type") for child in kind][:50]:
        kept: Element | None = None
        if child.tag == "words" and line(child.text, 1):
            kept = Element("words")
            kept.text = (child.text or "")[:100]
        elif child.tag in ("segno", "coda"):
            kept = Element(child.tag)
        elif child.tag == "metronome":
            kept = _metronome(child, lost)
        elif child.tag == "dynamics":
            kept = Element("dynamics")
            kept.extend([Element(mark.tag) for mark in child if mark.tag in DYNAMICS][:10])
        if kept is not None:
            new(result, "direction-type").append(kept)
    for child in given.findall("sound")[:10]:
        if (kept := sound(child, lost)) is not None:
            result.append(kept)
    return result if len(result) else None


def _metronome(given: Element, lost: Lost) -> Element | None:
    """A number a minute of one kind of note; None for an equation of two, or words."""
    units = [line(child.text, 20) for child in given.findall("beat-unit")]
    speed = given.findtext("per-minute")
    if len(units) != 1 or speed is None or not re.fullmatch(r"\s*[-+]?[\d.]+\s*", speed, re.ASCII):
        return None
    dots = min(len(given.findall("beat-unit-dot")), 4)
    found = number(speed, 0, 1e6)
    unit = TYPES.get(units[0])
    if found is None or unit is None or not SLOWEST <= found * unit * (2 - Fraction(1, 2**dots)) <= FASTEST:
        lost["tempos that make no sense"] += 1
        return None
    result = Element("metronome")
    new(result, "beat-unit", units[0])
    for _ in range(dots):
        new(result, "beat-unit-dot")
    new(result, "per-minute", decimal(found))
    return result


def harmony(given: Element, lost: Lost) -> Element | None:
    """A chord symbol."""
    result = Element("harmony")
    kind, root = given.find("kind"), given.find("root")
    name = line(kind.text, 40) if kind is not None else ""
    pitches = [_chord_pitch(given.find(tag), tag) for tag in ("root", "bass")]
    name = name if name in KINDS else "other"
    if kind is not None and (pitches[0] is not None or (name == "none" and root is None)):
        if pitches[0] is not None:
            result.append(pitches[0])
        new(
            result,
            "kind",
            name,
            **({"text": line(kind.get("text"), 30)} if kind is not None and kind.get("text") else {}),
        )
        if (inversion := whole(given.findtext("inversion"), 0, 6)) is not None:
            new(result, "inversion", inversion)
        if pitches[1] is not None:
            result.append(pitches[1])
        for degree in given.findall("degree")[:8]:
            value, alter = (
                whole(degree.findtext("degree-value"), 1, 15),
                whole(degree.findtext("degree-alter") or "0", -3, 3),
            )
            how = line(degree.findtext("degree-type"), 10)
            if value is not None and alter is not None and how in ("add", "alter", "subtract"):
                changed = new(result, "degree")
                new(changed, "degree-value", value)
                new(changed, "degree-alter", alter)
                new(changed, "degree-type", how)
        return result
    lost["chord symbols that make no sense"] += 1
    return None


def _chord_pitch(given: Element | None, tag: str) -> Element | None:
    if given is None:
        return None
    found = given.find(f"{tag}-step")
    step = line(found.text or found.get("text"), 3).upper() if found is not None else ""
    alter = whole(given.findtext(f"{tag}-alter") or "0", -3, 3)
    if not re.fullmatch("[A-G]", step) or alter is None:
        return None
    result = Element(tag)
    new(result, f"{tag}-step", step)
    if alter:
        new(result, f"{tag}-alter", alter)
    return result


def barline(given: Element, lost: Lost) -> Element | None:
    """A bar line with its repeats, endings and fermatas."""
    where = given.get("location")
    result = Element("barline", {"location": where} if where in ("left", "right", "middle") else {})
    if (style := line(given.findtext("bar-style"), 20)) in STYLES:
        new(result, "bar-style", style)
    for tag in ("segno", "coda", "fermata"):
        if given.find(tag) is not None:
            new(result, tag)
    ending = given.find("ending")
    if ending is not None:
        said = line(ending.get("number"), 40)
        kind = ending.get("type")
        if kind in ("start", "stop", "discontinue") and re.fullmatch(r"\d{1,2}(\s*,\s*\d{1,2}){0,9}", said, re.ASCII):
            new(result, "ending", line(ending.text, 20) or None, number=said, type=kind)
        else:
            lost["repeats that make no sense"] += 1
    repeat = given.find("repeat")
    if repeat is not None:
        if (way := repeat.get("direction")) in ("forward", "backward"):
            times = number(repeat.get("times"), 1, 1e12)
            new(result, "repeat", direction=way, **({"times": str(min(int(times), MOST_TIMES))} if times else {}))
        else:
            lost["repeats that make no sense"] += 1
    return result


MENDERS: dict[str, Callable[[Element, Lost], Element | None]] = {
    "sound": sound,
    "direction": direction,
    "harmony": harmony,
    "barline": barline,
}
