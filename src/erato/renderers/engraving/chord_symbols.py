"""Chord symbols as people write them ("F#m7b5/E") to what MusicXML calls them. Text in, a `ChordSymbol` out."""

import re
from typing import NamedTuple

_SYMBOL = re.compile(r"([A-G])([#b♯♭]?)([^/]*)(?:/([A-G])([#b♯♭]?))?")
_ALTER = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
_KINDS = {
    "": "major",
    "maj": "major",
    "M": "major",
    "m": "minor",
    "min": "minor",
    "-": "minor",
    "+": "augmented",
    "aug": "augmented",
    "dim": "diminished",
    "o": "diminished",
    "°": "diminished",
    "7": "dominant",
    "maj7": "major-seventh",
    "M7": "major-seventh",
    "Δ": "major-seventh",
    "m7": "minor-seventh",
    "min7": "minor-seventh",
    "-7": "minor-seventh",
    "dim7": "diminished-seventh",
    "o7": "diminished-seventh",
    "°7": "diminished-seventh",
    "aug7": "augmented-seventh",
    "+7": "augmented-seventh",
    "m7b5": "half-diminished",
    "ø": "half-diminished",
    "ø7": "half-diminished",
    "mM7": "major-minor",
    "mmaj7": "major-minor",
    "6": "major-sixth",
    "m6": "minor-sixth",
    "9": "dominant-ninth",
    "maj9": "major-ninth",
    "m9": "minor-ninth",
    "11": "dominant-11th",
    "m11": "minor-11th",
    "13": "dominant-13th",
    "m13": "minor-13th",
    "sus2": "suspended-second",
    "sus": "suspended-fourth",
    "sus4": "suspended-fourth",
    "5": "power",
}


class ChordSymbol(NamedTuple):
    """root and bass: (letter, semitones); kind: MusicXML's word; text: the suffix as it is printed."""

    root: tuple[str, int]
    kind: str
    text: str
    bass: tuple[str, int] | None


def parse(symbol: str) -> ChordSymbol | None:
    """What a chord symbol says; None for what is no chord that MusicXML has a word for."""
    found = _SYMBOL.fullmatch(symbol.strip())
    if found is None or found.group(3).strip() not in _KINDS:
        return None
    letter, sign, suffix, bass, bass_sign = found.groups()
    return ChordSymbol(
        (letter, _ALTER[sign]), _KINDS[suffix.strip()], suffix.strip(), (bass, _ALTER[bass_sign]) if bass else None
    )
