"""Notes of one staff to voices that sound one chord at a time. In: onsets, ends, pitches. Out: rows of chords.

Where a stretch of music needs one voice, it has one; where notes overlap, as few as can be, the highest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Chord:
    """Notes that begin and end together; `notes`: their indices, from low to high."""

    onset: int
    end: int
    notes: list[int]
    low: int
    high: int


def chords(notes: Sequence[tuple[int, int, int, int]]) -> list[Chord]:
    """Chords of notes (onset, end, pitch, index), in order of onset, then from high to low."""
    found: dict[tuple[int, int], Chord] = {}
    for onset, end, pitch, index in sorted(notes, key=lambda note: (note[0], note[1], note[2])):
        chord = found.get((onset, end))
        if chord is None:
            found[onset, end] = Chord(onset, end, [index], pitch, pitch)
        else:
            chord.notes.append(index)
            chord.high = pitch
    return sorted(found.values(), key=lambda chord: (chord.onset, -chord.high, -chord.low))


def separated(found: Sequence[Chord]) -> list[list[Chord]]:
    """The chords in voices: within each stretch that silence or a common end bounds, as few as it needs.

    The first voice has what no other needs; of voices that sound together the higher comes first.
    """
    voices: list[list[Chord]] = [[]]
    for stretch in _stretches(found):
        local = _colour(stretch)
        for number, line in enumerate(sorted(local, key=lambda line: -_mean_pitch(line))):
            while len(voices) <= number:
                voices.append([])
            voices[number] += line
    return voices


def _stretches(found: Sequence[Chord]) -> list[list[Chord]]:
    """The chords cut where nothing sounds across."""
    stretches: list[list[Chord]] = []
    reached = -1
    for chord in found:
        if chord.onset >= reached or not stretches:
            stretches.append([])
        stretches[-1].append(chord)
        reached = max(reached, chord.end)
    return stretches


def _colour(stretch: Sequence[Chord]) -> list[list[Chord]]:
    """Overlapping chords in as few lines as there sound at once, each next one where the leap is smallest."""
    lines: list[list[Chord]] = []
    index = 0
    while index < len(stretch):
        together = [chord for chord in stretch[index:] if chord.onset == stretch[index].onset]
        index += len(together)
        free = [line for line in lines if line[-1].end <= together[0].onset]
        pairs = sorted(
            (abs(_middle(line[-1]) - _middle(chord)) + (together[0].onset - line[-1].end > 0) * 4, li, ci)
            for li, line in enumerate(free)
            for ci, chord in enumerate(together)
        )
        used_lines: set[int] = set()
        used: set[int] = set()
        for _, li, ci in pairs:
            if li not in used_lines and ci not in used:
                free[li].append(together[ci])
                used_lines.add(li)
                used.add(ci)
        lines += [[chord] for ci, chord in enumerate(together) if ci not in used]
    return lines


def _middle(chord: Chord) -> float:
    return (chord.low + chord.high) / 2


def _mean_pitch(line: Sequence[Chord]) -> float:
    length = sum(chord.end - chord.onset for chord in line)
    return sum(_middle(chord) * (chord.end - chord.onset) for chord in line) / max(1, length)
