"""How pitches are written: the key of a piece, and letter and sign for every note. In: MIDI numbers. Out: names.

The key is that of the best correlation with the profiles of Krumhansl and Kessler (1982) as revised by Temperley
(1999); the spelling is the first stage of Meredith's ps13 (2006), anchored at the key.
"""

from collections.abc import Sequence

import numpy as np

from erato.renderers.engraving.sheet import Name
from erato.score import Floats, Ints

_MAJOR = np.array([5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0])
_MINOR = np.array([5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0])
_BEFORE, _AFTER = 10, 42  # notes of context, as published
_KEY = 4  # notes that the printed key speaks for: decides where there is little context
_LETTERS = "CDEFGAB"
_NATURAL = (0, 2, 4, 5, 7, 9, 11)
_STEPS = (0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)  # letters above the tonic of each of twelve semitones
_SHARP_ORDER, _FLAT_ORDER = "FCGDAEB", "BEADGCF"


def key_of(pitches: Ints, lengths: Floats, last_bass: int | None = None) -> tuple[int, bool]:
    """(sharps, or flats below 0; whether minor) of the key that these notes fit best.

    last_bass: the lowest pitch of the last chord, which tends to be the tonic.
    """
    weights = np.bincount(pitches % 12, weights=np.sqrt(np.maximum(lengths, 0)), minlength=12)[:12]
    if not weights.any():
        return 0, False
    found = []
    for minor, profile in ((False, _MAJOR), (True, _MINOR)):
        for tonic in range(12):
            fit = float(np.corrcoef(np.roll(profile, tonic), weights)[0, 1]) if np.ptp(weights) else 0.0
            bonus = 0.12 if last_bass is not None and last_bass % 12 == tonic else 0.0
            found.append((fit + bonus, -abs(_sharps(tonic, minor)), minor, tonic))
    _, _, minor, tonic = max(found)
    return _sharps(tonic, minor), minor


def _sharps(tonic: int, minor: bool) -> int:
    sharps = (tonic + (3 if minor else 0)) * 7 % 12
    return sharps if sharps <= 5 else sharps - 12


def key_signs(sharps: int) -> dict[str, int]:
    """The sign of each letter under a key signature."""
    letters = _SHARP_ORDER[:sharps] if sharps >= 0 else _FLAT_ORDER[:-sharps]
    return {letter: (1 if sharps >= 0 else -1) if letter in letters else 0 for letter in _LETTERS}


def _tonic(sharps: int, minor: bool) -> tuple[int, int]:
    """(pitch class, letter) of the tonic."""
    letter = (sharps * 4 + (5 if minor else 0)) % 7
    sign = key_signs(sharps)[_LETTERS[letter]]
    return (_NATURAL[letter] + sign) % 12, letter


def spell(pitches: Sequence[int], sharps: Sequence[int], minor: Sequence[bool]) -> list[Name]:
    """The name of each pitch; pitches in order of onset, sharps and minor: of the key in force at each."""
    classes = np.asarray(pitches, dtype=np.int64) % 12
    counts = np.zeros((len(classes) + 1, 12), dtype=np.int64)
    counts[1:] = np.cumsum(np.eye(12, dtype=np.int64)[classes], axis=0)
    found = []
    for index, pitch in enumerate(pitches):
        tonic, letter = _tonic(sharps[index], minor[index])
        low, high = max(0, index - _BEFORE), min(len(classes), index + _AFTER)
        window = (counts[high] - counts[low]).astype(float)
        window[tonic] += _KEY
        strength = np.zeros(7)
        for place in range(12):
            if window[place]:
                tonic_letter = (letter - _STEPS[(tonic - place) % 12]) % 7
                strength[(_STEPS[(classes[index] - place) % 12] + tonic_letter) % 7] += window[place]
        found.append(_named(pitch, int(strength.argmax()), sharps[index]))
    return found


def _named(pitch: int, letter: int, sharps: int) -> Name:
    alter = (pitch - _NATURAL[letter] + 6) % 12 - 6
    if abs(alter) > 2:
        letter = next(i for i in range(7) if (pitch - _NATURAL[i] + 6) % 12 - 6 in (0, 1 if sharps >= 0 else -1))
        alter = (pitch - _NATURAL[letter] + 6) % 12 - 6
    return Name(_LETTERS[letter], alter, (pitch - alter) // 12 - 1)
