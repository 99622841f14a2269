"""The bars that a piece is written in, and how its ticks lie in them. In: a score. Out: measures, and ticks as units.

Music that was written in bars keeps them; music that was played freely gets those that `beats` hears in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from erato.renderers.engraving.grid import beat_lines, is_near_grid, is_on_grid
from erato.renderers.engraving.sheet import UNIT, Measure
from erato.score import Floats, Score, bars, end_tick, has_pickup, seconds

_PRINTED = 0.06  # a change of tempo is printed from this ratio on
_APART = 2 * UNIT  # and this far from the one before
_SLOWEST = 0xFFFFFF  # microseconds a quarter: what a MIDI file can say
_HEARD = 6 * 3600.0  # seconds: in what lasts longer nobody hears beats


@dataclass(frozen=True)
class Timeline:
    """Measures, and where ticks are in them. tempos: (unit, quarters a minute, printed); played: a player's times."""

    measures: list[Measure]
    at: Callable[[Floats], Floats]
    tolerance: float  # units that a time may be off a grid because ticks are whole
    tempos: list[tuple[int, float, bool]]
    played: bool
    said: list[str]

    @property
    def rate(self) -> float:
        """Quarters a minute at the beginning."""
        return self.tempos[0][1] if self.tempos else 120.0

    def beats(self) -> Floats:
        """Where the stretches begin that have one grid each: quarters, or eighths where those are beats."""
        starts = [measure.start for measure in self.measures]
        sizes = [UNIT if measure.denominator < 8 else UNIT // 2 for measure in self.measures]
        return beat_lines(starts, [measure.length for measure in self.measures], sizes)


def timeline(score: Score) -> Timeline:
    """The bars of a score: its own where its notes keep to them, else those that are heard in it."""
    onsets = np.concatenate(
        [np.zeros(0), *(t.notes.numpy()["time"].astype(float) for t in score.tracks if len(t.notes))]
    )
    scale = UNIT / score.ticks_per_quarter
    tolerance = 0.51 * scale if UNIT % score.ticks_per_quarter else 0.0
    in_units = onsets * scale
    if is_on_grid(in_units, max(tolerance, 1e-6), scale):
        return _own(score, scale, tolerance, played=False)
    if (is_near_grid(in_units) and len(score.time_signatures)) or seconds(score) > _HEARD:
        return _own(score, scale, tolerance, played=True)
    from erato.renderers.engraving.beats import heard

    return heard(score)


def _own(score: Score, scale: float, tolerance: float, played: bool) -> Timeline:
    """The bars that the score says."""
    last = max(end_tick(score), 1)
    found = bars(score, last)
    pickup = has_pickup(score) and len(found) > 1
    measures: list[Measure] = []
    said = ["Times were moved to the nearest 16th or triplet."] if played else []
    shown: tuple[int, int] | None = None
    for index, bar in enumerate(found):
        start, stop = round(bar.start * scale), round(bar.end * scale)
        meter = bar.numerator, bar.denominator
        if index == 0 and pickup:  # it is shown in the meter of what follows
            meter = found[1].numerator, found[1].denominator
        full = round(4 * UNIT * meter[0] / meter[1])
        if index and index == len(found) - 1 and pickup and bar.end - last == found[0].end:
            stop = round(last * scale)  # the last bar and the pickup are one
        number = index + (0 if pickup else 1)
        partial = stop - start != full
        measures.append(Measure(number, start, max(stop - start, 1), *meter, partial, meter != shown))
        shown = meter

    def at(ticks: Floats) -> Floats:
        return np.asarray(ticks, dtype=float) * scale

    return Timeline(measures, at, tolerance, _tempos(score, scale), played, said)


def _tempos(score: Score, scale: float) -> list[tuple[int, float, bool]]:
    found: dict[int, float] = {}
    for tempo in sorted(score.tempos, key=lambda tempo: tempo.time):
        found[round(max(0, tempo.time) * scale)] = 60e6 / min(max(1, tempo.mspq), _SLOWEST)
    tempos: list[tuple[int, float, bool]] = []
    printed: tuple[int, float] | None = None
    for at, rate in found.items():
        shown = printed is None or (at - printed[0] >= _APART and abs(rate / printed[1] - 1) >= _PRINTED)
        tempos.append((at, rate, shown))
        if shown:
            printed = at, rate
    return tempos
