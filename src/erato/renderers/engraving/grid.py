"""Times of notes to a grid that note values can be written on. In: onsets and ends in exact units. Out: whole units.

A beat keeps its times where a grid has them; where none has, they go to the nearest of a grid that is simple and near.
Knows nothing of pitches, voices or bars but where beats begin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from erato.renderers.engraving.sheet import UNIT
from erato.score import Floats, Ints

# Steps a quarter in the order of what is easiest to read; each with what it costs to choose it for times off the grid.
_GRIDS = (
    (1, 0.0),
    (2, 0.5),
    (4, 1.0),
    (3, 2.0),
    (6, 2.6),
    (8, 3.0),
    (12, 5.0),
    (5, 6.0),
    (7, 7.0),
    (16, 6.0),
    (24, 8.0),
)
_USUAL = (1, 2, 4, 3, 6, 8, 12, 24)  # grids that one beat can have together
_TOGETHER = {5: (1, 5), 7: (1, 7), 16: (1, 2, 4, 8, 16)}  # and those that go with these
_FINEST = UNIT // 8  # a note lasts at least a 32nd
_CHORD = 0.04  # seconds
_GATE = UNIT / 8  # gaps up to this are how notes are detached, not rests


@dataclass(frozen=True)
class Snapped:
    """Onsets and ends on the grid, and what that changed: how many notes were moved, how many lengthened."""

    onsets: Ints
    ends: Ints
    moved: int
    lengthened: int


def is_on_grid(times: Floats, tolerance: float, tick: float) -> bool:
    """Whether music with these onsets was written, on a grid of 16ths and triplets, not played freely.

    tolerance: how far off a grid still counts; tick: how fine the clock is. All in units.
    """
    if not len(times):
        return True
    if float((np.minimum(_off(times, 4), _off(times, 6)) <= tolerance).mean()) >= 0.6:
        return True
    by_chance = 16 * max(tick, 2 * tolerance) / UNIT
    return by_chance < 0.35 and float((np.minimum(_off(times, 8), _off(times, 12)) <= tolerance).mean()) >= 0.95


def is_near_grid(times: Floats) -> bool:
    """Whether these onsets lie nearer to 16ths than free playing would: played to a click."""
    return bool(_off(times, 4).mean() < 0.036 * UNIT) if len(times) else True


def _off(times: Floats, steps: int) -> Floats:
    """How far each time is from the nearest of `steps` a quarter, in units."""
    step = UNIT / steps
    result: Floats = np.abs(times - np.rint(times / step) * step)
    return result


def snapped(onsets: Floats, ends: Floats, beats: Floats, tolerance: float, played: bool) -> Snapped:
    """The notes of one staff or track on a grid.

    beats: where the stretches begin that have one grid each, and where the last ends (units, whole). tolerance: how far
    from a grid a time may be and still count as on it. played: ends are as detached as a player likes, not as written.
    """
    detached = played or _is_detached(onsets, ends)
    inexact = 0 if played else tolerance
    of_ends = 2 * tolerance  # onsets and lengths are both rounded to ticks
    place = np.clip(np.searchsorted(beats, onsets + 1e-6, side="right") - 1, 0, len(beats) - 2)
    new_onsets = np.zeros(len(onsets), dtype=np.int64)
    steps_of: dict[int, int] = {}
    order = np.argsort(place, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(place[order])) + 1) if len(order) else []:
        beat = int(place[group[0]])
        inside = onsets[group] - beats[beat]
        steps_of[beat] = _steps(inside, inexact)
        new_onsets[group] = round(beats[beat]) + _to(inside, steps_of[beat])
    new_ends = _ends(ends, new_onsets, beats, steps_of, of_ends, detached)
    short = new_ends - new_onsets < (_FINEST if played else 1)
    new_ends = np.where(short, new_onsets + _FINEST, new_ends)
    off = np.abs(new_onsets - onsets)
    moved = (off > tolerance + 1e-6) | (~short & ~np.asarray(detached) & (np.abs(new_ends - ends) > of_ends + 1e-6))
    return Snapped(new_onsets, new_ends, int(moved.sum()), int(short.sum()))


def _to(times: Floats, steps: int) -> Ints:
    result: Ints = (np.rint(times * steps / UNIT) * (UNIT // steps)).astype(np.int64)
    return result


def _steps(times: Floats, tolerance: float) -> int:
    """The grid for one beat: the first that has all its times, else that of the least error and difficulty."""
    for steps, _ in _GRIDS:
        if _off(times, steps).max(initial=0) <= tolerance:
            return steps
    if tolerance:  # written, but on no grid that we know
        fine = [(float(_off(times, steps).max()), steps) for steps, _ in _GRIDS]
        return min(fine)[1]
    costs = []
    for steps, price in _GRIDS[: 6 if len(np.unique(times)) > 4 else 5]:
        error = _off(times, steps) / UNIT
        together = len(times) - len(np.unique(_to(times, steps)))  # what was apart should stay apart
        spread = len(times) - len(np.unique(np.rint(times / (UNIT / 16))))
        costs.append((float((error**2).mean()) * 800 + price * 0.35 + 0.6 * max(0, together - spread), steps))
    return min(costs)[1]


def _ends(
    ends: Floats, onsets: Ints, beats: Floats, steps_of: dict[int, int], tolerance: float, detached: bool
) -> Ints:
    place = np.clip(np.searchsorted(beats, ends - 1e-6, side="right") - 1, 0, len(beats) - 2)
    found = np.zeros(len(ends), dtype=np.int64)
    for index, (end, beat) in enumerate(zip(ends.tolist(), place.tolist(), strict=True)):
        inside = np.array([end - beats[beat]])
        steps = steps_of.get(beat, 1)
        if detached:
            coarse = steps if steps in (3, 6) else 4
            found[index] = round(beats[beat]) + int(_to(inside, coarse)[0])
            continue
        together = _TOGETHER.get(steps, _USUAL)
        same = [more for more in together if more % steps == 0]  # the same grid, or a finer one of its kind
        fitting = [one for one in (*same, *together) if _off(inside, one)[0] <= tolerance]
        best = fitting[0] if fitting else (steps if steps > 2 else 4)
        found[index] = round(beats[beat]) + int(_to(inside, best)[0])
    return np.maximum(found, onsets)


def _is_detached(onsets: Floats, ends: Floats) -> bool:
    """Whether most notes end shortly before the next begins: a way of playing, not rests."""
    if len(onsets) < 4:
        return False
    starts = np.unique(onsets)
    following = np.searchsorted(starts, ends - 1e-6)
    has_next = following < len(starts)
    gap = starts[np.minimum(following, len(starts) - 1)] - ends
    near = has_next & (gap < UNIT)
    closed = (near & (gap > 1e-6) & (gap <= _GATE)).sum()
    return bool(near.sum() >= 4 and closed >= 0.5 * near.sum())


def together(onsets: Floats, rate: float) -> Floats:
    """Onsets that a player meant as one, made one: those within 40 ms of each other; rate: beats a minute."""
    if not len(onsets):
        return onsets
    order = np.argsort(onsets, kind="stable")
    limit = _CHORD * rate / 60 * UNIT
    result = onsets.copy()
    for group in np.split(order, np.flatnonzero(np.diff(onsets[order]) > limit) + 1):
        if onsets[group].max() - onsets[group].min() < 3 * limit:
            result[group] = onsets[group].mean()
    return result


def beat_lines(starts: Sequence[int], lengths: Sequence[int], sizes: Sequence[int]) -> Floats:
    """Where the beats of bars begin, each bar with beats of its own size, and where the last bar ends (units)."""
    found: list[float] = []
    for start, length, size in zip(starts, lengths, sizes, strict=True):
        found += [float(start + at) for at in range(0, length, size)]
    found.append(float(starts[-1] + lengths[-1]))
    return np.array(found)
