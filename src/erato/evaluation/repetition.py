"""How the bars of a piece repeat: onsets in bars in; groove, repeated bars and similarities out.

Onsets are those of all notes, drums too, on a grid of sixteenth notes that begins anew with each bar: an onset belongs
to the nearest step, and one less than half a step before a bar line to the bar after. Knows nothing of sound.
Legend: N notes, B bars.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from erato.evaluation.notes import Bools, Notes, notes_of
from erato.score import Floats, Ints, Score

GRID = 4  # steps a quarter note
LAGS = (1, 2, 4, 8)  # bars
_STEPS, _PITCHES = 1 << 20, 256  # more steps than a bar has; drums are pitches from 128 on


@dataclass(frozen=True)
class Grid:
    """The onsets of a piece in its bars. bar, step, pitch: [N]; drum: [N]; steps: [B] how many each bar has."""

    bar: Ints
    step: Ints
    pitch: Ints
    drum: Bools
    steps: Ints

    @cached_property
    def cells(self) -> Ints:
        """The different (bar, step, pitch) as one number each, ascending; drums have pitches of their own."""
        cells: Ints = np.unique((self.bar * _STEPS + self.step) * _PITCHES + self.pitch + 128 * self.drum)
        return cells


def grid(notes: Notes) -> Grid:
    """The onsets of the notes on the grid of their bars."""
    found, onset, ticks_per_quarter = notes.bars, notes.onset, notes.ticks_per_quarter
    starts = np.array([bar.start for bar in found], np.int64)
    lengths = np.array([bar.end for bar in found], np.int64) - starts
    steps = np.maximum(1, -(-lengths * GRID // ticks_per_quarter))
    # Half a step is ticks_per_quarter / (2 GRID); all is multiplied by 2 GRID to stay in whole numbers.
    late = 2 * GRID * onset + ticks_per_quarter
    bar = np.maximum(0, np.searchsorted(2 * GRID * starts, late, side="right") - 1)
    step = (late - 2 * GRID * starts[bar]) // (2 * ticks_per_quarter)
    return Grid(bar, np.clip(step, 0, steps[bar] - 1), notes.pitch, notes.drum, steps)


def groove_consistency(found: Grid) -> float:
    """1 less the mean share of steps in which only one of two neighbouring bars has an onset; nan: no two neighbours.

    Of MusPy (Dong et al. 2020), after the grooving pattern similarity of Wu and Yang 2020 (The Jazz Transformer on the
    Front Line), which takes all pairs of bars. Neighbours of different length are left out. MusPy takes the ticks of
    the file for steps, so that the same music comes the nearer to 1 the more ticks a quarter has, and counts one bar
    more where a piece ends on a bar line.
    """
    pairs = found.steps[:-1] == found.steps[1:]
    positions = int(found.steps[:-1][pairs].sum())
    if not positions:
        return float("nan")
    patterns = np.unique(found.bar * _STEPS + found.step)
    bar = patterns // _STEPS
    heard = np.bincount(bar, minlength=len(found.steps))
    both = _shared(patterns, bar, 1, _STEPS, len(found.steps))
    differ = heard[:-1] + heard[1:] - 2 * both
    return 1 - float(differ[pairs].sum()) / positions


def repeated(found: Grid) -> tuple[float, float]:
    """The shares of bars with onsets that equal an earlier one: its notes, transposed or not, and its rhythm alone.

    Notes are equal that have the same steps and the same distances from the lowest pitch of the bar; drums must be the
    same. The rhythm is the steps with an onset. Both bars have the same length. nan where no bar has onsets.
    """
    lowest = np.full(len(found.steps), 127, np.int64)
    np.minimum.at(lowest, found.bar[~found.drum], found.pitch[~found.drum])
    relative = Grid(
        found.bar,
        found.step,
        np.where(found.drum, found.pitch, found.pitch - lowest[found.bar]),
        found.drum,
        found.steps,
    )
    notes = relative.cells
    rhythm = np.unique(found.bar * _STEPS + found.step)
    return _again(notes, _STEPS * _PITCHES, found.steps), _again(rhythm, _STEPS, found.steps)


def _again(cells: Ints, per_bar: int, steps: Ints) -> float:
    bar, inside = np.divmod(cells, per_bar)
    if not len(cells):
        return float("nan")
    begins = np.flatnonzero(np.diff(bar, prepend=-1))
    kinds = {
        (int(steps[bar[begin]]), inside[begin:end].tobytes()) for begin, end in pairwise([*begins.tolist(), len(cells)])
    }
    return 1 - len(kinds) / len(begins)


def lag_similarity(found: Grid, lag: int) -> float:
    """The mean similarity (see `self_similarity`) of bars that stand `lag` bars apart; nan where there are none."""
    cells = found.cells
    bar = cells // (_STEPS * _PITCHES)
    bars_in_all = len(found.steps)
    if bars_in_all <= lag:
        return float("nan")
    counts = np.bincount(bar, minlength=bars_in_all)
    both = _shared(cells, bar, lag, _STEPS * _PITCHES, bars_in_all)
    either = counts[:-lag] + counts[lag:] - both
    return float((both[either > 0] / either[either > 0]).mean()) if (either > 0).any() else float("nan")


def _shared(cells: Ints, bar: Ints, lag: int, per_bar: int, bars_in_all: int) -> Ints:
    """[B - lag] how many cells each bar shares with the one `lag` bars later; cells: ascending, `per_bar` a bar."""
    later = cells + lag * per_bar
    place = np.minimum(np.searchsorted(cells, later), len(cells) - 1) if len(cells) else later
    there = cells[place] == later
    shared: Ints = np.bincount(bar[there], minlength=bars_in_all)[: bars_in_all - lag]
    return shared


def self_similarity(score: Score) -> Floats:
    """[B, B] how alike two bars are: of the onsets (step and pitch) of either, the share that both have (Jaccard 1901).

    1 for equal bars, 0 where nothing is shared, nan where both have no onset. Self-similarity matrices of music are
    Foote's (1999, Visualizing music and audio using self-similarity).
    """
    found = grid(notes_of(score))
    cells = found.cells
    count = len(found.steps)
    kinds, kind = np.unique(cells % (_STEPS * _PITCHES), return_inverse=True)
    heard = np.zeros((count, len(kinds)), np.float32)
    heard[cells // (_STEPS * _PITCHES), kind] = 1
    both = (heard @ heard.T).astype(np.float64)
    own = np.diagonal(both)
    either = own[:, None] + own[None] - both
    result: Floats = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    return result
