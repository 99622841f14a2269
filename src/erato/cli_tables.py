"""What an evaluation of phrases says, as plain text: its dictionary in, aligned lines on the terminal out.

Knows nothing of how anything is measured.
"""

from typing import Any

_SHARES = ("empty_bars", "one_step_notes", "qualified_notes", "polyphonic_rate")  # from 0 to 1, shown in %
_POINTS = ("empty_bars", "one_step_notes", "polyphonic_rate")  # gaps in percentage points
_OTHERS = ("gap", "diversity", "steering")  # beside the sets of phrases
_LABEL, _COLUMN = 28, 24


def print_features(found: dict[str, Any]) -> None:
    """Prints the features and the originality of `Evaluation.to_json`: the sets of phrases side by side, gaps below."""
    features = found["features"]
    columns = [name for name in features if name not in _OTHERS]
    _line("", columns)
    for measure, entries in features[columns[0]].items():
        cells = {entry: [features[column][measure][entry] for column in columns] for entry in entries}
        if measure == "qualified_notes" and all(cell["value"] == 1 for row in cells.values() for cell in row):
            continue  # the grid has no shorter notes
        print(_named(measure) + (", %" if measure in _SHARES else ""))
        for entry, row in cells.items():
            _line(f"  {entry}", [_with_interval(cell, measure in _SHARES) for cell in row])
    gaps = features["gap"]
    print(f"gap to {columns[0]}")
    for measure in next(iter(gaps.values())):
        row = [_gap(gaps[column][measure], measure) if column in gaps else "" for column in columns]
        _line(f"  {_named(measure)}", row)
    varied = features["diversity"]
    _line("diversity", [f"{varied[column]:.3f}" for column in columns])
    if varied["ratio"] is not None:
        print(f"  generated phrases are {varied['ratio']:.2f} times as diverse as {columns[0]}")
    print("sounding cells that a latent changes when it alone is drawn anew")
    for name, share in features["steering"].items():
        _line(f"  {name}", [f"{100 * share:.1f} %"])
    new = found["originality"]
    print(
        f"copies: {new['copies']:,} of {new['phrases']:,} generated phrases stand in {columns[0]}, "
        f"{new['transposed_copies']:,} if transpositions count"
    )


def _named(measure: str) -> str:
    return measure.replace("one_step", "one-step").replace("_", " ")


def _line(label: str, cells: list[str]) -> None:
    print(f"{label:<{_LABEL}}{''.join(f'{cell:<{_COLUMN}}' for cell in cells)}".rstrip())


def _with_interval(cell: dict[str, float | None], share: bool) -> str:
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
