"""Notes as lines in which shared passages can be found: a score in; lines, and tokens of their notes, out.

A passage is the same as another where the pitches move by the same intervals and the times between onsets keep their
proportions to the nearest power of two: a transposition, another tempo, other note lengths or velocities change
nothing. Knows nothing of what passages are looked up in. Legend: N notes of a line, in order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from erato.score import Ints, Score

Tokens = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

TOGETHER, SAME, FIRST = 0, 3, 6  # rhythms: with the note before; after as long as it came itself; nothing to compare
CLOSE = 32  # onsets within this part of a quarter after the first of them are one
FASTER, SLOWER = (4 / 3, 3 / 2, 2), (3 / 4, 2 / 3, 1 / 2)  # tempi of a copy, whose close onsets may be other ones
SPAN = 16  # notes on both sides of them
NO_TOKEN = -1  # stands between two lines; equals no token


@dataclass(frozen=True)
class Line:
    """Notes in order: onset [N] in ticks, those that sound together with one onset, and pitch [N].

    name: "all notes", "top notes" (the highest at each onset), or the top notes of one track. melody: one
    note an onset. lean: see `tokens`.
    """

    name: str
    onset: Ints
    pitch: Ints
    melody: bool
    lean: int = 0

    def __len__(self) -> int:
        return len(self.onset)

    @cached_property
    def tokens(self) -> Tokens:
        """[N - 1] see `tokens`."""
        return tokens(self.onset, self.pitch, self.lean)


@dataclass(frozen=True)
class _Notes:
    """The notes of all tracks but drums by onset and pitch, [N]: onset as written, pitch, and number of their track."""

    onset: Ints
    pitch: Ints
    track: Ints
    names: list[str]
    ticks_per_quarter: int

    @classmethod
    def of(cls, score: Score) -> "_Notes":
        tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
        columns = [track.notes.numpy() for track in tracks]
        empty = np.zeros(0, np.int64)
        onset = np.concatenate([empty, *(column["time"] for column in columns)]).astype(np.int64)
        pitch = np.concatenate([empty, *(column["pitch"] for column in columns)]).astype(np.int64)
        track = np.repeat(np.arange(len(tracks)), [len(column["time"]) for column in columns])
        order = np.lexsort((pitch, onset))
        names = [said.name.strip() or f"track {number + 1}" for number, said in enumerate(tracks)]
        return cls(onset[order], pitch[order], track[order], names, score.ticks_per_quarter)

    def lines(self, heard: Ints) -> list[tuple[Line, Flags]]:
        """The lines where each note begins when it is heard, [N], and which notes each line chooses from."""
        if not len(heard):
            return []
        order = np.lexsort((self.pitch, heard))
        onset, pitch, track = heard[order], self.pitch[order], self.track[order]
        twice = np.zeros(len(onset), np.bool_)
        twice[1:] = (onset[1:] == onset[:-1]) & (pitch[1:] == pitch[:-1])
        everything = np.ones(len(onset), np.bool_)
        whole = Line("all notes", onset[~twice], pitch[~twice], not (np.diff(onset[~twice]) == 0).any())
        found = [(whole, everything), (_top("top notes", onset, pitch), everything)]
        for at, name in enumerate(self.names):
            own = track == at
            found.append((_top(f"top notes of {name}", onset[own], pitch[own]), self.track == at))
        return found


def lines(score: Score) -> list[Line]:
    """The lines of a score in which passages are looked for, those of two notes or more; drums have none.

    First all notes by onset and pitch (the whole texture), then the top notes of all and of each track. A line that
    equals one before it is left out, so that a melody alone has one line; a line is a melody where no two of its
    onsets are one.
    """
    notes = _Notes.of(score)
    return _different(line for line, _ in notes.lines(together(notes.onset, score.ticks_per_quarter / CLOSE)))


def readings(score: Score) -> list[Line]:
    """Stretches of the lines as they may be in what the score is a copy of, at another tempo.

    Steps are shorter or longer there, so that other onsets are close enough to be one; and ticks are whole numbers, so
    that a rhythm may be the next one to that which it is nearest to. Around each such place there are SPAN notes on
    both sides; of music on a fine grid there is none.
    """
    notes = _Notes.of(score)
    usual = together(notes.onset, score.ticks_per_quarter / CLOSE)
    found: list[Line] = []
    for tempi in FASTER, SLOWER:
        before = usual
        for tempo in tempi:
            heard = together(notes.onset, score.ticks_per_quarter / CLOSE / tempo)
            changed = heard != before
            before = heard
            if changed.any():
                for line, own in notes.lines(heard):
                    found += _around(line, np.searchsorted(line.onset, heard[changed & own]))
    leaning = []
    for line in [*_different(line for line, _ in notes.lines(usual)), *found]:
        for lean in (-1, 1):
            changed = tokens(line.onset, line.pitch, lean) != line.tokens
            if changed.any():
                leaning += _around(replace(line, lean=lean), np.flatnonzero(changed))
    return _different([*found, *leaning])


def together(onset: Ints, close: float) -> Ints:
    """The onsets [N], ascending, with those that are heard as one, up to `close` ticks apart, set to the first."""
    gaps = np.diff(onset)
    if not (gaps[gaps > 0] <= close).any():
        return onset
    found, first = onset.copy(), onset[0]
    for place, time in enumerate(onset.tolist()):
        if time - first > close:
            first = time
        found[place] = first
    return found


def tokens(onset: Ints, pitch: Ints, lean: int = 0) -> Tokens:
    """[N - 1] of each note but the first the interval from the note before, in semitones, and its rhythm.

    The rhythm is TOGETHER where the onset is that of the note before; else how many times as long the step to this
    onset is as the step before it, to the nearest power of two, from a quarter to four times (SAME - 2 to SAME + 2);
    FIRST where there is no step before. lean: of two steps in time the second may have been so many ticks longer and
    the first as many shorter, before they were rounded.
    """
    steps = np.diff(onset)
    rhythm = np.zeros(len(steps), np.int64)
    moving = np.flatnonzero(steps)
    if len(moving):
        sizes = steps[moving].astype(np.float64)
        times = np.log2(np.maximum(sizes[1:] + lean, 1)) - np.log2(np.maximum(sizes[:-1] - lean, 1))
        rhythm[moving[0]] = FIRST
        rhythm[moving[1:]] = SAME + np.clip(np.rint(times), -2, 2)
    return (8 * (np.diff(pitch) + 128) + rhythm).astype(np.int16)


def interval(token: npt.NDArray[np.int16]) -> Ints:
    """[...] the intervals of tokens, in semitones."""
    return token.astype(np.int64) // 8 - 128


def rhythm(token: npt.NDArray[np.int16]) -> Ints:
    """[...] the rhythms of tokens."""
    return token.astype(np.int64) % 8


def _top(name: str, onset: Ints, pitch: Ints) -> Line:
    """The highest note at each onset, of notes by onset and pitch."""
    last = np.append(onset[1:] != onset[:-1], True)
    return Line(name, onset[last], pitch[last], True)


def _around(line: Line, at: Ints) -> list[Line]:
    """The stretches of a line with SPAN notes before and after these notes."""
    edges = np.zeros(len(line) + 1, np.int64)
    np.add.at(edges, np.maximum(at - SPAN, 0), 1)
    np.add.at(edges, np.minimum(at + SPAN + 1, len(line)), -1)
    inside = np.concatenate([[0], np.cumsum(edges[:-1]) > 0, [0]])
    begins, ends = np.flatnonzero(np.diff(inside) > 0), np.flatnonzero(np.diff(inside) < 0)
    return [
        replace(line, onset=line.onset[begin:end], pitch=line.pitch[begin:end])
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]


def _different(found: Iterable[Line]) -> list[Line]:
    """Lines of two notes or more, without those that equal one before."""
    kept: dict[tuple[int, bytes, bytes], Line] = {}
    for line in found:
        if len(line) > 1:
            kept.setdefault((line.lean, line.onset.tobytes(), line.pitch.tobytes()), line)
    return list(kept.values())
