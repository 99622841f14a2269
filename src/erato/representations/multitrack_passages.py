"""What `multitrack` takes of a score: which tracks, which stretch of bars, and what a track sounds in it, step by step.

A score in; tracks, ticks and steps out. Knows nothing of rows, of ranges or of how notes are written.

Legend: T steps, N notes, U pitches that a track has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from symusic.core import TrackTick

from erato.general_midi import instrument_name
from erato.score import Ints, Score, bars, end_tick, has_pickup

VOICES = ("soprano", "alto", "tenor", "bass")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Heard:
    """What a track sounds in a passage: pitches [U], ascending; sounding [U, T]; of each note the index of its pitch,
    its onset and its end, [N] steps."""

    pitches: Ints
    sounding: Bools
    index: Ints
    onset: Ints
    end: Ints

    def chosen(self, lowest: bool) -> Ints:
        """[T]: the index of the pitch that is taken, -1 for a rest."""
        if not len(self.pitches):
            return np.full(self.sounding.shape[1], -1, np.int64)
        best = self.sounding.argmax(0) if lowest else len(self.pitches) - 1 - self.sounding[::-1].argmax(0)
        found: Ints = np.where(self.sounding.any(0), best, -1)
        return found

    def steps_of(self, marked: Bools) -> Ints:
        """[N]: in how many steps of each note its cell is marked; marked: [U, T]."""
        sums = np.zeros(marked.size + 1, np.int64)
        np.cumsum(marked.ravel(), out=sums[1:])
        row = self.index * marked.shape[1]
        found: Ints = sums[row + self.end] - sums[row + self.onset]
        return found


@dataclass(frozen=True)
class Passage:
    """What is taken of a score: its tracks, how they were chosen, and `length` steps from tick `start` on.

    bars: how people number the first bar and the last; other: bars of another length; apart: bars of this length that
    are not in this stretch.
    """

    score: Score
    tracks: list[TrackTick]
    chosen_by: str
    start: int
    length: int
    bars: tuple[int, int]
    other: int
    apart: int

    def frames(self, beat: int) -> bool:
        """Whether every note lasts exactly one step, as where a piece was read from frames."""
        quarter = self.score.ticks_per_quarter
        return all(bool((track.notes.numpy()["duration"] * beat == quarter).all()) for track in self.tracks)


def longest_run(score: Score, steps: int, beat: int) -> tuple[int, int, tuple[int, int], int, int]:
    """The longest stretch of bars of this length: its first tick, its steps, the numbers of its first bar and its
    last, how many bars are of another length, and how many of this one are not in it.

    Shorter bars of equal length that fill whole ones together are joined. A last bar that lacks a quarter or more
    is not whole; with less, it ends in a rest.
    """
    found = bars(score)
    other = int(found[-1].end - end_tick(score) >= score.ticks_per_quarter)
    if other:
        found.pop()
    full = score.ticks_per_quarter * steps / beat
    pickup = has_pickup(score)

    def in_a_whole(number: int) -> int:
        """How many bars like this one fill a whole one; 0: none do."""
        length = found[number].end - found[number].start
        count = max(1, round(full / length))
        return 0 if (pickup and number == 0) or abs(length - full / count) >= 1 else count

    best, begin, joined, fitting = (0, 0, 0), 0, 0, 0  # whole bars, minus the first bar, the bar after the last
    for count, group in groupby(range(len(found)), key=in_a_whole):
        numbers = list(group)
        whole = len(numbers) // count if count else 0
        fitting += whole * count
        joined += whole
        after = numbers[0] + whole * count
        best = max(best, (joined, -begin, after))
        if after <= numbers[-1]:  # something between is left out, so that the next stretch begins anew
            begin, joined = numbers[-1] + 1, 0
    joined, begin, after = best[0], -best[1], best[2]
    taken = after - begin if joined else 0
    number = begin + 1 - pickup
    return (
        found[begin].start if joined else 0,
        joined * steps,
        (number, number + taken - 1),
        other + len(found) - fitting,
        fitting - taken,
    )


def choose(
    score: Score, start: int, length: int, beat: int, wanted: int, parts: Sequence[str], voices: Sequence[str]
) -> tuple[list[TrackTick], str] | str:
    """The tracks of a score, highest first, and by what they were chosen, or what such pieces are counted as.

    start, length: the stretch that is taken, in ticks and steps; wanted: how many; parts: names or programs that were
    asked for; voices: what the tracks are called.
    """
    tracks = [track for track in score.tracks if not track.is_drum]
    if parts:
        return _by_parts(tracks, voices)
    for names in (voices, VOICES):
        if len(names) == wanted:
            found = _by_name(tracks, names)
            if all(found):
                return [track for track in found if track], "name"
    played = [track for track in tracks if len(track.notes)]
    if len(played) < wanted:
        return f"pieces with fewer than {wanted} tracks"
    if len(played) > wanted:
        steps = [int(hear(track, score, start, length, beat).sounding.any(0).sum()) for track in played]
        most = sorted(range(len(played)), key=lambda number: -steps[number])[:wanted]
        played = [played[number] for number in sorted(most)]
    return sorted(played, key=lambda track: -register(track)), "register"


def _by_parts(tracks: list[TrackTick], voices: Sequence[str]) -> tuple[list[TrackTick], str] | str:
    """A track for each part, by its name where there is one, else by its program, each track once."""
    found = _by_name(tracks, voices)
    named = {id(track) for track in found if track}
    rest = [track for track in tracks if id(track) not in named]
    how = {"name"} if named else set()
    for number, voice in enumerate(voices):
        if found[number] is None:
            match = next((t for t in rest if folded(instrument_name(t.program)) == folded(voice)), None)
            if match is None:
                return f"pieces without a track {voice}"
            rest.remove(match)
            found[number] = match
            how.add("program")
    return [track for track in found if track], " and ".join(sorted(how))


def hear(track: TrackTick, score: Score, start: int, length: int, beat: int) -> Heard:
    """What a track sounds in `length` steps from tick `start` on; onsets and ends go to the nearest step."""
    notes = track.notes.numpy()
    tpq = score.ticks_per_quarter
    onset = notes["time"].astype(np.int64) - start
    edges: Ints = (2 * beat * np.stack([onset, onset + notes["duration"]]) + tpq) // (2 * tpq)
    onset, end = edges
    end = np.maximum(end, onset + 1)
    here = (end > 0) & (onset < length)
    onset, end = np.maximum(onset[here], 0), np.minimum(end[here], length)
    pitches, index = np.unique(notes["pitch"][here].astype(np.int64), return_inverse=True)
    cells = (len(pitches), length + 1)  # a step more, where those end that sound to the last
    size = cells[0] * cells[1]
    row = index * cells[1]
    changes = np.bincount(row + onset, minlength=size) - np.bincount(row + end, minlength=size)
    sounding = np.cumsum(changes).reshape(cells)[:, :-1] > 0
    return Heard(pitches, sounding, index, onset, end)


def folded(name: str) -> str:
    """A name as names are compared."""
    return name.strip().casefold()


def register(track: TrackTick) -> float:
    """The mean pitch of a track that has notes."""
    return float(track.notes.numpy()["pitch"].mean())


def _by_name(tracks: Sequence[TrackTick], names: Sequence[str]) -> list[TrackTick | None]:
    """For each name the first track of that name that no name before has; None: there is none."""
    rest = list(tracks)
    found: list[TrackTick | None] = []
    for name in names:
        place = next((n for n, track in enumerate(rest) if folded(track.name) == folded(name)), None)
        found.append(None if place is None else rest.pop(place))
    return found
