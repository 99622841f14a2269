"""What an evaluation says, as plain text: its dictionary in, aligned lines on the terminal out.

Knows nothing of how anything is measured.
"""

from collections.abc import Sequence
from typing import Any

from erato import evaluation_tables as tables

_LABEL, _COLUMN = 28, 24


def print_costs(found: dict[str, Any]) -> None:
    """Prints what pieces cost of `Evaluation.to_json`, a line a unit, the n-gram beside it."""
    named = tables.baseline_name(found)
    for name, value, baseline in tables.costs(found):
        beside = "" if baseline is None else f"  ({named} {baseline:.4f})"
        print(f"  {name:<28} {value:10.4f}{beside}")
    print(f"  {'likeliest was right':<28} {100 * found['accuracy']:9.1f}%")


def print_features(found: dict[str, Any]) -> None:
    """Prints the features and the originality of `Evaluation.to_json`: the sets of phrases side by side, gaps below."""
    _line("", tables.columns(found))
    for measure in [*tables.measures(found), tables.gaps(found)]:
        _print_rows(measure)
    varied, said = tables.diversity(found)
    _line("diversity", varied)
    if said:
        print(f"  {said}")
    _print_rows(tables.steering(found))
    print(tables.originality(found))


def _print_rows(found: tables.Rows) -> None:
    print(found.name)
    for label, cells in found.rows.items():
        _line(f"  {label}", cells)


def _line(label: str, cells: Sequence[str]) -> None:
    print(f"{label:<{_LABEL}}{''.join(f'{cell:<{_COLUMN}}' for cell in cells)}".rstrip())
