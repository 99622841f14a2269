"""One stream of keyboard notes to two hands. In: onsets, pitches. Out: which notes the left hand plays.

At every onset a key divides the hands; the row of keys is the one of least effort (spans, leaps, crossings of the
middle), found by dynamic programming. Knows nothing of staves.
"""

from functools import cache

import numpy as np

from erato.renderers.engraving.paths import cheapest
from erato.renderers.engraving.sheet import UNIT
from erato.score import Floats, Ints

_SPLITS = np.arange(40, 82)  # the lowest key of the right hand
_SPAN = 14  # semitones that a hand reaches


def left_hand(onsets: Ints, pitches: Ints) -> list[bool]:
    """For each note whether the left hand plays it; onsets in units, notes in any order."""
    if not len(onsets):
        return []
    order = np.lexsort((pitches, onsets))
    starts, first = np.unique(onsets[order], return_index=True)
    efforts = [_effort(tuple(group.tolist())) for group in np.split(pitches[order], first[1:])]
    leap = 0.06 * np.abs(_SPLITS[:, None] - _SPLITS[None, :])
    pause = np.maximum(1.0, np.diff(starts, prepend=starts[0]) / UNIT)  # quarters: who has time leaps easily
    splits = _SPLITS[cheapest(np.stack(efforts), lambda row: leap / pause[row])]
    return [bool(low) for low in (pitches < splits[np.searchsorted(starts, onsets)])]


@cache
def _effort(keys: tuple[int, ...]) -> Floats:
    """What it costs to play these keys (ascending) at once with the hands divided at each of the splits."""
    pitches = np.array(keys)
    count = len(pitches)
    lefts = np.searchsorted(pitches, _SPLITS)  # how many keys the left hand has
    rights = count - lefts
    last, first = pitches[np.maximum(lefts - 1, 0)], pitches[np.minimum(lefts, count - 1)]
    spans = np.where(lefts > 0, last - pitches[0], 0), np.where(rights > 0, pitches[-1] - first, 0)
    costs = 0.012 * np.abs(_SPLITS - 60.0)
    for span, keys_of_hand in zip(spans, (lefts, rights), strict=True):
        costs += 0.7 * np.maximum(0, span - _SPAN) + 2.0 * np.maximum(0, keys_of_hand - 5)
    above = np.concatenate([[0], np.cumsum(np.maximum(0, pitches - 60))])[lefts]
    below = np.maximum(0, 60 - pitches)
    costs += 0.035 * (above + below.sum() - np.concatenate([[0], np.cumsum(below)])[lefts])
    result: Floats = costs - np.where((lefts > 0) & (rights > 0), 0.05 * np.minimum(12, first - last), 0.0)
    return result
