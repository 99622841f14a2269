"""Tracks to the staves that a musician would expect. In: a score. Out: for each part its tracks, staves and clefs.

Four voices of one sound share two staves, a keyboard's two hands are one part with a brace, everything else has a staff
of its own. Knows nothing of bars.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from erato.general_midi import instrument_name
from erato.renderers.engraving.sheet import ALTO, BASS, BASS_8, PERCUSSION, TREBLE, TREBLE_8, Clef
from erato.renderers.names import one_line, track_labels
from erato.score import Ints, Score

_KEYBOARDS = frozenset({*range(8), *range(16, 21), 46, *range(88, 90)})  # pianos, organs, harp, pads
_GUITARS, _BASSES, _VIOLA = range(24, 32), {*range(32, 40), 43}, 41
_HANDS = re.compile(r"right|left|upper|lower|\br\.?h\b|\bl\.?h\b|treble|bass clef|staff|\b[12]\b", re.IGNORECASE)
_CHOIR = ("soprano", "alto", "tenor", "bass")
_WIDE = 24  # semitones from which a keyboard needs two staves


@dataclass
class Staff:
    """The tracks of one staff, one voice each, or one track to be divided in voices; `hand`: which of a track's notes.

    hand: None for all, False for the right hand's, True for the left hand's. clefs: those it may have, the usual first.
    """

    tracks: list[int]
    clefs: tuple[Clef, ...]
    hand: bool | None = None


@dataclass
class Plan:
    """A part: what it is called, what plays it, its staves from top to bottom."""

    name: str
    program: int
    is_drum: bool
    staves: list[Staff]


def plan(score: Score, tracks: Sequence[int]) -> list[Plan]:
    """The parts of these tracks (indices of those that have notes), in the order of the score."""
    notes = {index: score.tracks[index].notes.numpy() for index in tracks}
    pitches: dict[int, Ints] = {index: notes[index]["pitch"].astype(np.int64) for index in tracks}
    labels = dict(enumerate(track_labels(score.tracks)))
    melodic = [index for index in tracks if not score.tracks[index].is_drum]
    if len(melodic) == 4 and _is_choir(score, melodic, pitches, notes):
        upper, lower = Staff(melodic[:2], (TREBLE,)), Staff(melodic[2:], (BASS,))
        program = score.tracks[melodic[0]].program
        choir = Plan("", program, False, [upper, lower])
        return [choir, *(_drums(score, index, labels) for index in tracks if index not in melodic)]
    plans: list[Plan] = []
    at = 0
    while at < len(tracks):
        index = tracks[at]
        if at + 1 < len(tracks) and _are_hands(score, index, tracks[at + 1], melodic, pitches):
            right, left = (
                (index, tracks[at + 1])
                if pitches[index].mean() >= pitches[tracks[at + 1]].mean()
                else (tracks[at + 1], index)
            )
            staves = [Staff([right], (TREBLE, BASS)), Staff([left], (BASS, TREBLE))]
            plans.append(Plan(_shared_name(score, index, tracks[at + 1]), score.tracks[index].program, False, staves))
            at += 2
            continue
        plans.append(_alone(score, index, pitches[index], labels))
        at += 1
    if len(plans) == 1 and plans[0].name == instrument_name(0, False):
        plans[0].name = ""  # one piano needs no name
    return plans


def _drums(score: Score, index: int, labels: dict[int, str]) -> Plan:
    return Plan(labels[index], score.tracks[index].program, True, [Staff([index], (PERCUSSION,))])


def _alone(score: Score, index: int, pitches: Ints, labels: dict[int, str]) -> Plan:
    """A track with a part to itself: one staff, or two where a keyboard goes from the bass to the treble."""
    track = score.tracks[index]
    if track.is_drum:
        return _drums(score, index, labels)
    name = one_line(track.name) or instrument_name(track.program, False)
    low, high = (float(np.quantile(pitches, q)) for q in (0.03, 0.97))
    together = _notes_together(track.notes.numpy())
    if track.program in _KEYBOARDS and low < 55 and high > 62 and (high - low > _WIDE or together > 3):
        staves = [Staff([index], (TREBLE, BASS), False), Staff([index], (BASS, TREBLE), True)]
        return Plan(name, track.program, False, staves)
    return Plan(name, track.program, False, [Staff([index], _clefs(track.program, name, pitches))])


def _notes_together(notes: dict[str, Ints]) -> int:
    _, counts = np.unique(notes["time"], return_counts=True)
    return int(counts.max(initial=0))


def _clefs(program: int, name: str, pitches: Ints) -> tuple[Clef, ...]:
    middle = float(np.median(pitches))
    if "tenor" in name.casefold() and 48 <= middle < 66:
        return (TREBLE_8,)
    if program in _GUITARS and middle < 67:
        return (TREBLE_8,)
    if program in _BASSES:
        return (BASS_8,) if middle < 43 else (BASS, TREBLE)
    if program == _VIOLA or name.casefold().startswith("viola"):
        return (ALTO, TREBLE)
    return (TREBLE, BASS) if middle >= 59 else (BASS, TREBLE)


def _is_choir(score: Score, tracks: Sequence[int], pitches: dict[int, Ints], notes: dict[int, dict[str, Ints]]) -> bool:
    """Whether these four tracks are voices that a keyboard score would print on two staves."""
    found = [score.tracks[index] for index in tracks]
    names = [one_line(track.name).casefold() for track in found]
    named = all(wanted in name for wanted, name in zip(_CHOIR, names, strict=True))
    if not named and len({track.program for track in found}) != 1:
        return False
    middles = [float(np.median(pitches[index])) for index in tracks]
    ordered = all(a >= b for a, b in pairwise(middles)) and middles[1] >= 57 > middles[3] and middles[2] < 67
    return ordered and all(_is_one_voice(notes[index], 0.85 if named else 0.97) for index in tracks)


def _is_one_voice(notes: dict[str, Ints], most: float) -> bool:
    """Whether of these notes at least the share `most` begin after the one before has ended."""
    onsets = notes["time"].astype(np.int64)
    order = np.argsort(onsets, kind="stable")
    ends = (onsets + notes["duration"])[order]
    return bool((onsets[order][1:] >= ends[:-1]).mean() >= most) if len(onsets) > 1 else True


def _are_hands(score: Score, first: int, second: int, melodic: Sequence[int], pitches: dict[int, Ints]) -> bool:
    """Whether two tracks that follow each other are the hands of one keyboard."""
    one, two = score.tracks[first], score.tracks[second]
    if one.is_drum or two.is_drum or one.program not in _KEYBOARDS or one.program != two.program:
        return False
    names = [one_line(track.name) for track in (one, two)]
    if abs(float(pitches[first].mean() - pitches[second].mean())) < 5:
        return False
    stripped = {re.sub(r"\W+", "", _HANDS.sub("", name)).casefold() for name in names}
    if all(_HANDS.search(name) for name in names):
        return len(stripped) == 1
    plain = {"", instrument_name(one.program, False).casefold(), "piano"}
    alike = len({name.casefold() for name in names}) == 1
    return len(melodic) == 2 and (alike or all(name.casefold() in plain for name in names))


def _shared_name(score: Score, first: int, second: int) -> str:
    names = [
        " ".join(_HANDS.sub("", one_line(score.tracks[index].name)).split()).strip(" -:,()")
        for index in (first, second)
    ]
    return names[0] if names[0] == names[1] and names[0] else instrument_name(score.tracks[first].program, False)
