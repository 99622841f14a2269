"""The notes of each track on the grid that they are written on. In: a score, its bars. Out: onsets and ends in units.

Ends of what was played freely become what a musician would write. Knows nothing of staves or names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from erato.renderers.engraving import grid
from erato.renderers.engraving.hands import left_hand
from erato.renderers.engraving.layout import Plan
from erato.renderers.engraving.sheet import UNIT, Name
from erato.renderers.engraving.timeline import Timeline
from erato.score import Ints, Score, note_count


@dataclass
class Track:
    """The notes of one track on the grid, in units."""

    onsets: Ints
    ends: Ints
    pitches: Ints
    velocities: Ints
    names: list[Name] = field(default_factory=list)
    graces: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # onset: (pitch, velocity), in order

    @cached_property
    def left(self) -> list[bool]:
        """Which notes the left hand plays, where both hands share the track."""
        return left_hand(self.onsets, self.pitches)


def on_grid(score: Score, line: Timeline, sounding: Sequence[int]) -> tuple[dict[int, Track], list[str]]:
    """The tracks of these indices on the grid of their bars, by index, and what that changed, in sentences."""
    beats = line.beats()
    tracks: dict[int, Track] = {}
    moved, lengthened, doubled = 0, 0, 0
    for index in sounding:
        notes = score.tracks[index].notes.numpy()
        times = notes["time"].astype(float)
        onsets, ends = line.at(times), line.at(times + notes["duration"])
        graces = _graces(notes) if not line.played else {}
        kept = np.array([place not in graces for place in range(len(times))])
        onsets, ends = onsets[kept], ends[kept]
        if line.played:
            onsets = grid.together(onsets, line.rate)
        found = grid.snapped(onsets, ends, beats, line.tolerance, line.played)
        moved, lengthened = moved + found.moved, lengthened + found.lengthened
        pitches, velocities = notes["pitch"].astype(np.int64), notes["velocity"].astype(np.int64)
        track = tracks[index] = Track(found.onsets, found.ends, pitches[kept], velocities[kept])
        if line.played:
            doubled += _undouble(track)
        by_time = dict(zip(times[kept].tolist(), found.onsets.tolist(), strict=True))
        for place, at in graces.items():
            track.graces.setdefault(by_time[at], []).append((int(pitches[place]), int(velocities[place])))
    said = []
    if moved and not line.played:
        said.append(
            f"{moved:,} of {note_count(score):,} notes were moved or cut to the nearest value that can be written."
        )
    if lengthened and not line.played:
        said.append(f"{lengthened:,} notes without length are written as 32nds.")
    if doubled:
        said.append(f"{doubled:,} notes that double another at the same time are left out.")
    return tracks, said


def _undouble(track: Track) -> int:
    """Leaves of notes of one pitch and onset the one that ends last; how many it takes away."""
    order = np.lexsort((-track.ends, track.pitches, track.onsets))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(track.onsets[order]) != 0) | (np.diff(track.pitches[order]) != 0)
    kept = np.sort(order[first])
    track.onsets, track.ends = track.onsets[kept], track.ends[kept]
    track.pitches, track.velocities = track.pitches[kept], track.velocities[kept]
    return len(order) - len(kept)


def _graces(notes: dict[str, Ints]) -> dict[int, float]:
    """Notes of no length that stand with others, by their place: the onset of what they are played before."""
    long = set(notes["time"][notes["duration"] > 0].tolist())
    return {
        place: float(time)
        for place, (time, length) in enumerate(zip(notes["time"].tolist(), notes["duration"].tolist(), strict=True))
        if length <= 0 and time in long
    }


def simplify(part: Plan, tracks: dict[int, Track]) -> None:
    """Ends as a musician would write them: what a player lifts or holds a little too long is no rest and no voice."""
    for index in {track for staff in part.staves for track in staff.tracks}:
        track = tracks[index]
        hands = [np.ones(len(track.onsets), dtype=bool)]
        if any(staff.hand is not None for staff in part.staves):
            left = np.array(track.left)
            hands = [left, ~left]
        for mine in hands:
            track.ends[mine] = _played_ends(track.onsets[mine], track.ends[mine], track.pitches[mine])


def _played_ends(onsets: Ints, ends: Ints, pitches: Ints) -> Ints:
    """Each note up to the next onset of its hand, or, where it is clearly held while others move, as a second voice."""
    if not len(onsets):
        return ends
    starts, group = np.unique(onsets, return_inverse=True)
    following = np.append(starts[1:], ends.max())[group]
    length, gap = ends - onsets, following - onsets
    held = (length > gap + UNIT // 2) & (length >= 1.75 * gap)
    reach = np.zeros(len(starts), dtype=np.int64)  # of a chord, its notes end together
    np.maximum.at(reach, group, ends)
    longest = np.minimum(reach[group], following) - onsets
    rests = (gap - longest >= UNIT // 2) & (longest < 0.7 * gap)
    eighths = -(-(onsets + longest) // (UNIT // 2)) * (UNIT // 2)  # no rest is shorter than an eighth
    result = np.where(rests, np.minimum(eighths, following), following)
    busy = -1  # of each chord only an outer note is held, and only one line of them at a time
    for start in np.unique(onsets[held]).tolist():
        here = np.flatnonzero(onsets == start)
        candidates = here[held[here]]
        outer = [one for one in candidates if pitches[one] in (pitches[here].min(), pitches[here].max())]
        if len(candidates) == len(here) or not outer or start < busy:
            continue
        one = max(outer, key=lambda index: int(ends[index]))
        result[one] = onsets[one] + _plain(length[one : one + 1])[0]
        later = starts[starts >= result[one] - UNIT // 4]
        if len(later) and later[0] - result[one] < UNIT // 2:
            result[one] = later[0]
        busy = int(result[one])
    return np.maximum(result, onsets + UNIT // 8)


def _plain(lengths: Ints) -> Ints:
    """The nearest lengths that have a value of their own, from a 16th on."""
    values = np.array(
        [UNIT // 4, UNIT // 2, 3 * UNIT // 4, UNIT, 3 * UNIT // 2, 2 * UNIT, 3 * UNIT, 4 * UNIT, 8 * UNIT]
    )
    result: Ints = values[np.abs(np.log(np.maximum(lengths, 1)[:, None] / values)).argmin(axis=1)]
    return result
