"""What people call pitches and tracks. Look-ups; knows nothing of pieces."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any

from erato.general_midi import instrument_name

_STEPS_SHARP = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_STEPS_FLAT = ("C", "D♭", "D", "E♭", "E", "F", "G♭", "G", "A♭", "A", "B♭", "B")
BLACK_KEYS = frozenset({1, 3, 6, 8, 10})


def pitch_name(pitch: int, flats: bool = False) -> str:
    """The name of MIDI key `pitch`, with middle C (60) as C4."""
    return f"{(_STEPS_FLAT if flats else _STEPS_SHARP)[pitch % 12]}{pitch // 12 - 1}"


def track_labels(tracks: Iterable[Any]) -> list[str]:
    """What to call each track: its name, its instrument where not all have the same, a number where two are equal."""
    tracks = list(tracks)
    names = [one_line(track.name) for track in tracks]
    instruments = [instrument_name(track.program, track.is_drum) for track in tracks]
    alike = len(set(instruments)) == 1 and len(set(names)) == len(names) > 1
    labels = [_label(name, instrument, alike) for name, instrument in zip(names, instruments, strict=True)]
    total, so_far = Counter(labels), Counter[str]()
    for index, label in enumerate(labels):
        if total[label] > 1:
            so_far[label] += 1
            labels[index] = f"{label} {so_far[label]}"
    return labels


def _label(name: str, instrument: str, alike: bool) -> str:
    if not name or name.casefold() == instrument.casefold():
        return instrument
    return name if alike else f"{name} ({instrument})"


def one_line(text: str) -> str:
    """`text` on one line: control, format and surrogate characters, which act unseen, become spaces.

    So do U+FFFE and U+FFFF, which are no characters, and for which XML has no place.
    """
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    seen = (" " if unicodedata.category(c) in hidden or c in "\ufffe\uffff" else c for c in text)
    return " ".join("".join(seen).split())
