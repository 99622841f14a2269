"""Which clef a staff has where: the one with the fewest ledger lines, changed only where that pays. Pure functions."""

from collections.abc import Sequence

from erato.renderers.engraving.sheet import Clef, Name

_CHANGE, _WITHIN_BAR = 9.0, 6.0  # what a change of clef costs, in ledger lines, and how much more within a bar
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
    totals = [0.0 if index == 0 else 2.0 for index in range(len(allowed))]
    came: list[list[int]] = []
    for names, new_bar in zip(beats, first, strict=True):
        change = _CHANGE + (0 if new_bar else _WITHIN_BAR)
        costs = [sum(max(0, ledger_lines(name, clef) - 1) ** 1.5 for name in names) for clef in allowed]
        row, nexts = [], []
        for here in range(len(allowed)):
            ways = [total + (0 if there == here else change) for there, total in enumerate(totals)]
            best = min(range(len(allowed)), key=lambda there: (ways[there], there != here))
            row.append(best)
            nexts.append(ways[best] + costs[here])
        came.append(row)
        totals = nexts
    here = totals.index(min(totals))
    chosen = []
    for row in reversed(came):
        chosen.append(here)
        here = row[here]
    return [allowed[index] for index in reversed(chosen)]
