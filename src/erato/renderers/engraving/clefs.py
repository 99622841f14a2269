"""Which clef a staff has where: the one with the fewest ledger lines, changed only where that pays. Pure functions."""

from collections.abc import Sequence

import numpy as np

from erato.renderers.engraving.paths import cheapest
from erato.renderers.engraving.sheet import Clef, Name

_CHANGE, _WITHIN_BAR = 9.0, 6.0  # what a change of clef costs, in ledger lines, and how much more within a bar
_UNUSUAL = 2.0  # what it costs to begin with another clef than the usual one
_LETTERS = "CDEFGAB"
_LINES = {"G": 4 + 7 * 4, "F": 3 + 7 * 3, "C": 7 * 4}  # the step that the sign names: G4, F3, C4


def ledger_lines(name: Name, clef: Clef) -> int:
    """How many ledger lines a pitch needs under a clef."""
    step = _LETTERS.index(name.step) + 7 * name.octave
    bottom = _LINES.get(clef.sign, 34) + 7 * clef.octave - 2 * (clef.line - 1)
    if step < bottom - 1:
        return (bottom - step) // 2
    return max(0, (step - bottom - 8) // 2)


def clefs_of(beats: Sequence[Sequence[Name]], first: Sequence[bool], allowed: Sequence[Clef]) -> list[Clef]:
    """The clef of each beat, whose notes are given: the first of `allowed` where nothing speaks for another.

    first: whether the beat begins a bar.
    """
    if len(allowed) == 1 or not beats:
        return [allowed[0]] * len(beats)
    costs = np.array([[_effort(names, clef) for clef in allowed] for names in beats])
    costs[0, 1:] += _UNUSUAL
    other = 1.0 - np.eye(len(allowed))
    chosen = cheapest(costs, lambda beat: other * (_CHANGE + (0.0 if first[beat] else _WITHIN_BAR)))
    return [allowed[index] for index in chosen]


def _effort(names: Sequence[Name], clef: Clef) -> float:
    """How hard these notes are to read under a clef."""
    return float(sum(max(0, ledger_lines(name, clef) - 1) ** 1.5 for name in names))
