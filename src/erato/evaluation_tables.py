"""What an evaluation says, as rows of words: the dictionary of `Evaluation.to_json` in; names and numbers out.

For a terminal and for a notebook, which both lay them out as they can. Knows nothing of how anything is measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHARES = ("empty_bars", "one_step_notes", "qualified_notes", "polyphonic_rate")  # from 0 to 1, shown in %
_POINTS = ("empty_bars", "one_step_notes", "polyphonic_rate")  # gaps in percentage points
_OTHERS = ("gap", "diversity", "steering")  # beside the sets of phrases

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """A cell a column under the name of each row, and what they all are."""

    name: str
    rows: Mapping[str, Sequence[str]]


def costs(found: Found) -> list[tuple[str, float, float | None]]:
    """What pieces cost, by name: the run, and the n-gram that stands beside it (None: nothing to compare)."""
    baseline = found["baseline"] or {}
    units = [name for name in found if name.startswith("nats_per_") or name == "perplexity"]
    rows = [(name.replace("_", " "), found[name], baseline.get(name)) for name in units if found[name] is not None]
    return rows + [(f"{name} of a note", value, baseline.get(name)) for name, value in found["parts"].items()]


def baseline_name(found: Found) -> str:
    """What the n-gram is called."""
    return "trigram" if found["baseline_order"] == 3 else f"{found['baseline_order']}-gram"


def columns(found: Found) -> list[str]:
    """The sets of phrases that stand side by side; the others are measured against the first."""
    return [name for name in found["features"] if name not in _OTHERS]


def measures(found: Found) -> list[Rows]:
    """Each measure of phrases with its entries, a cell a set of phrases."""
    features, sets = found["features"], columns(found)
    tables = []
    for measure, entries in features[sets[0]].items():
        cells = {entry: [features[one][measure][entry] for one in sets] for entry in entries}
        if measure == "qualified_notes" and all(cell["value"] == 1 for row in cells.values() for cell in row):
            continue  # the grid has no shorter notes
        rows = {entry: [_with_interval(cell, measure in _SHARES) for cell in row] for entry, row in cells.items()}
        tables.append(Rows(_named(measure) + (", %" if measure in _SHARES else ""), rows))
    return tables


def gaps(found: Found) -> Rows:
    """How far each set of phrases is from the first, by measure."""
    gap, sets = found["features"]["gap"], columns(found)
    rows = {
        _named(measure): [_gap(gap[one][measure], measure) if one in gap else "" for one in sets]
        for measure in next(iter(gap.values()))
    }
    return Rows(f"gap to {sets[0]}", rows)


def diversity(found: Found) -> tuple[list[str], str]:
    """How varied each set of phrases is, and how the written ones compare, as a sentence (empty: they do not)."""
    varied, sets = found["features"]["diversity"], columns(found)
    ratio = varied["ratio"]
    said = "" if ratio is None else f"generated phrases are {ratio:.2f} times as diverse as {sets[0]}"
    return [f"{varied[one]:.3f}" for one in sets], said


def steering(found: Found) -> Rows:
    """What each latent changes."""
    rows = {name: [f"{100 * share:.1f} %"] for name, share in found["features"]["steering"].items()}
    return Rows("sounding cells that a latent changes when it alone is drawn anew", rows)


def originality(found: Found) -> str:
    """How many phrases are copies, as a sentence."""
    new = found["originality"]
    return (
        f"copies: {new['copies']:,} of {new['phrases']:,} generated phrases stand in {columns(found)[0]}, "
        f"{new['transposed_copies']:,} if transpositions count"
    )


def _named(measure: str) -> str:
    return measure.replace("one_step", "one-step").replace("_", " ")


def _with_interval(cell: Mapping[str, float | None], share: bool) -> str:
    """A value and its interval, "2.98 [2.94, 3.02]"."""
    digits, unit = (2, 100) if share else (3, 1)
    value, low, high = (None if at is None else f"{unit * at:.{digits}f}" for at in cell.values())
    if value is None:
        return "none"
    return value if low is None or high is None else f"{value} [{low}, {high}]"


def _gap(value: float, measure: str) -> str:
    if measure in _POINTS:
        return f"{value:.2f} points"
    return f"{value:.4f}" if measure.startswith("tonal_distance") else f"{100 * value:.1f} %"
