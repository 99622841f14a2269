"""What `remi` fits to the training pieces: scores in, a vocabulary out. Knows nothing of arrays or models."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from math import log2

import numpy as np

from erato.representations.remi_grid import meter_runs
from erato.representations.remi_vocabulary import Slot, Vocabulary, holdable
from erato.score import DEFAULT_MSPQ, Ints, Score, end_tick

ALWAYS = ((4, 4), (3, 4), (2, 4), (6, 8))
GRID = 24  # tempos an octave: 120 * 2^(k/24)
WIDEST = 96  # the grid reaches four octaves from 120, 7.5 to 1920 quarters a minute


def fit(
    scores: Iterable[Score],
    *,
    steps_per_quarter: int,
    max_duration: int,
    velocity_bins: int,
    max_tracks: int,
    max_meters: int,
) -> Vocabulary:
    """The vocabulary of these scores, with the most frequent meters (4/4, 3/4, 2/4, 6/8 always) and tracks."""
    meters: Counter[tuple[int, int]] = Counter()
    tempos: set[int] = set()
    tracks: Counter[tuple[bool, int, int]] = Counter()
    names: dict[tuple[bool, int, int], Counter[str]] = {}
    velocities = np.zeros(128, dtype=np.int64)
    for score in scores:
        finish = end_tick(score)
        for run in meter_runs(score, finish)[0]:
            if holdable(run.numerator, run.denominator):
                meters[run.numerator, run.denominator] += max(run.bars, 1)
        tempos |= _tempos(score, finish)
        seen: Counter[tuple[bool, int]] = Counter()
        for track in score.tracks:
            if len(track.notes):
                key = (track.is_drum, track.program, seen[track.is_drum, track.program])
                seen[track.is_drum, track.program] += 1
                tracks[key] += 1
                names.setdefault(key, Counter())[track.name] += 1
                velocities += np.bincount(track.notes.numpy()["velocity"].clip(1), minlength=128)
    kept = {meter for meter, _ in meters.most_common(max_meters)} | set(ALWAYS)
    slots = sorted(key for key, _ in tracks.most_common(max_tracks)) or [(False, 0, 0)]
    return Vocabulary(
        steps_per_quarter=steps_per_quarter,
        max_duration=max_duration,
        meters=tuple(sorted(kept, key=lambda meter: (meter[0] / meter[1], meter))),
        tempos=_vocabulary_tempos(tempos),
        tracks=tuple(Slot(key[1], key[0], key[2], _most_common(names.get(key))) for key in slots),
        velocities=_vocabulary_velocities(velocities, velocity_bins),
    )


def _tempos(score: Score, finish: int) -> set[int]:
    """The tempos in force before the end (microseconds a quarter)."""
    events = [(tempo.time, tempo.mspq) for tempo in score.tempos if tempo.time < max(finish, 1)]
    found = {mspq for _, mspq in events}
    return found if any(time <= 0 for time, _ in events) else found | {DEFAULT_MSPQ}


def _vocabulary_tempos(found: set[int]) -> tuple[int, ...]:
    """A single tempo as it is; of several, the grid from slowest to fastest, so that other pieces find theirs."""
    if len(found) < 2:
        return tuple(found or {DEFAULT_MSPQ})
    steps = {min(max(round(GRID * log2(DEFAULT_MSPQ / max(mspq, 1))), -WIDEST), WIDEST) for mspq in found}
    return tuple(round(DEFAULT_MSPQ * 2 ** (-k / GRID)) for k in range(min(steps), max(steps) + 1))


def _vocabulary_velocities(histogram: Ints, bins: int) -> tuple[int, ...]:
    """The most frequent velocity of each bin that occurs, so that a few fixed ones are kept exactly."""
    edges = [-(-128 * b // bins) for b in range(bins + 1)]
    found = [low + int(histogram[low:high].argmax()) for low, high in pairwise(edges) if histogram[low:high].any()]
    return tuple(found or [64])


def _most_common(names: Counter[str] | None) -> str:
    return names.most_common(1)[0][0] if names else ""
