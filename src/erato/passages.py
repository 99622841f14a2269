"""Notes as lines in which shared passages can be found: a score in; lines, and tokens of their notes, out.

A passage is the same as another where the pitches move by the same intervals and the times between onsets keep their
proportions to the nearest power of two: a transposition, another tempo, other note lengths or velocities change
nothing. Knows nothing of what passages are looked up in. Legend: N notes of a line, in order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from erato.score import Ints, Score

Tokens = npt.NDArray[np.int16]

TOGETHER, SAME, FIRST = 0, 3, 6  # rhythms: with the note before; after as long as it came itself; nothing to compare
CLOSE = 32  # onsets within this part of a quarter after the first of them are one
NO_TOKEN = -1  # stands between two lines; equals no token


@dataclass(frozen=True)
class Line:
    """Notes in order: onset [N] in ticks, those that sound together with one onset, and pitch [N].

    name: "all notes", "top notes" (the highest at each onset), or the top notes of one track. melody: one
    note an onset.
    """

    name: str
    onset: Ints
    pitch: Ints
    melody: bool

    def __len__(self) -> int:
        return len(self.onset)

    @property
    def tokens(self) -> Tokens:
        """[N - 1] see `tokens`."""
        return tokens(self.onset, self.pitch)


def lines(score: Score) -> list[Line]:
    """The lines of a score in which passages are looked for, those of two notes or more; drums have none.

    First all notes by onset and pitch (the whole texture), then the top notes of all and of each track. A line that
    equals one before it is left out, so that a melody alone has one line; a line is a melody where no two of its
    onsets are one.
    """
    tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    if not tracks:
        return []
    columns = [track.notes.numpy() for track in tracks]
    onset = np.concatenate([column["time"] for column in columns]).astype(np.int64)
    pitch = np.concatenate([column["pitch"] for column in columns]).astype(np.int64)
    track = np.repeat(np.arange(len(tracks)), [len(column["time"]) for column in columns])
    order = np.lexsort((pitch, onset))
    onset, pitch, track = together(onset[order], score.ticks_per_quarter), pitch[order], track[order]
    order = np.lexsort((pitch, onset))
    onset, pitch, track = onset[order], pitch[order], track[order]
    twice = np.zeros(len(onset), np.bool_)
    twice[1:] = (onset[1:] == onset[:-1]) & (pitch[1:] == pitch[:-1])
    found = [Line("all notes", onset[~twice], pitch[~twice], not (np.diff(onset[~twice]) == 0).any())]
    found.append(_top("top notes", onset, pitch))
    names = [said.name.strip() or f"track {number + 1}" for number, said in enumerate(tracks)]
    found += [_top(f"top notes of {name}", onset[track == at], pitch[track == at]) for at, name in enumerate(names)]
    kept: list[Line] = []
    for line in found:
        if len(line) > 1 and not any(_equal(line, one) for one in kept):
            kept.append(line)
    return kept


def together(onset: Ints, ticks_per_quarter: int) -> Ints:
    """The onsets [N], ascending, with those that are heard as one set to the first of them."""
    close = ticks_per_quarter // CLOSE
    if not close or not ((gaps := np.diff(onset)) <= close)[gaps > 0].any():
        return onset
    found, first = onset.copy(), onset[0]
    for place, time in enumerate(onset.tolist()):
        if time - first > close:
            first = time
        found[place] = first
    return found


def tokens(onset: Ints, pitch: Ints) -> Tokens:
    """[N - 1] of each note but the first the interval from the note before, in semitones, and its rhythm.

    The rhythm is TOGETHER where the onset is that of the note before; else how many times as long the step to this
    onset is as the step before it, to the nearest power of two, from a quarter to four times (SAME - 2 to SAME + 2);
    FIRST where there is no step before.
    """
    steps = np.diff(onset)
    rhythm = np.zeros(len(steps), np.int64)
    moving = np.flatnonzero(steps)
    if len(moving):
        sizes = np.log2(steps[moving].astype(np.float64))
        rhythm[moving[0]] = FIRST
        rhythm[moving[1:]] = SAME + np.clip(np.rint(np.diff(sizes)), -2, 2)
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


def _equal(line: Line, other: Line) -> bool:
    return np.array_equal(line.onset, other.onset) and np.array_equal(line.pitch, other.pitch)
