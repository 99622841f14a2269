"""What commands found, as lines and tables on the terminal: dictionaries in, text out.

Knows nothing of how anything is found or measured.
"""

from collections.abc import Sequence
from typing import Any

from erato import evaluation_tables as tables
from erato import writing_tables
from erato.terminal import plain

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


def print_writing(found: dict[str, Any]) -> None:
    """Prints what a run composed, beside what people wrote, of `Writing.to_json`; as much as the terminal has room for.

    Where it is narrow, divergences, floors and standard deviations are left out in turn.
    """
    for less in range(writing_tables.LESS + 1):
        heads, rows = writing_tables.features(found, less)
        widths = [
            max(len(head), *(len(cells[at]) for cells in rows.rows.values())) + 2 for at, head in enumerate(heads)
        ]
        label = max(map(len, rows.rows)) + 4
        if label + sum(widths) - 2 <= _width():
            break
    print()
    _line(rows.name, [])
    for name, cells in {"": heads, **rows.rows}.items():
        print(f"{'  ' + name:<{label}}{''.join(f'{c:<{w}}' for c, w in zip(cells, widths, strict=True))}".rstrip())
    print_sentence(writing_tables.distance(found))
    for sentence in writing_tables.originality(found):
        print_sentence(sentence)
    print(writing_tables.speed(found))
    for sentence in found["said"]:
        print_sentence(sentence)


def print_sentence(text: str) -> None:
    """Prints a sentence in lines that the terminal holds, broken between words, the later ones as far in as the first.

    Anybody's words in it are only shown.
    """
    from textwrap import fill

    text = plain(" ".join(text.split("\n")))
    indent = " " * (len(text) - len(text.lstrip()))
    print(fill(text, max(40, _width()), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))


def _width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size((100, 24)).columns


def _print_rows(found: tables.Rows) -> None:
    print(found.name)
    for label, cells in found.rows.items():
        _line(f"  {label}", cells)


def _line(label: str, cells: Sequence[str]) -> None:
    print(f"{label:<{_LABEL}}{''.join(f'{cell:<{_COLUMN}}' for cell in cells)}".rstrip())


_WIDE = 110  # columns that a table needs
_BEGINNING = 400  # characters of a text in it
_COUNTS = {
    "log_prob_per_symbol": "log-prob\na symbol",
    "distinct_1": "distinct-1",
    "distinct_2": "-2",
    "distinct_3": "-3",
    "longest_repeat": "longest\nrepeat",
    "longest_loop": "longest\nloop",
    "took": "seconds",
}


def print_comparison(rows: list[dict[str, Any]]) -> None:
    """Side by side where the terminal has room, else one under the other."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def made(row: dict[str, Any]) -> str:
        return next((str(row[what]) for what in ("refused", "text", "path") if row.get(what) is not None), "")

    def count(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"

    console = Console()
    if not console.is_terminal or console.width < _WIDE:
        for row in rows:
            counts = [f"{name} {count(row[key])}".replace("\n", " ") for key, name in _COUNTS.items()]
            print(f"--- {row['name']}{'' if row['refused'] else ': ' + ', '.join(counts)}\n{made(row)}\n")
        return
    table = Table("", *_COUNTS.values(), "", show_lines=True)
    for row in rows:
        cells = [Text("" if row["refused"] else count(row[key]), justify="right") for key in _COUNTS]
        text = made(row)
        table.add_row(row["name"], *cells, Text(text[:_BEGINNING] + ("…" if len(text) > _BEGINNING else "")))
    console.print(table)


def print_report(found: dict[str, Any]) -> None:
    print(
        f"{found['files']:,} files: {found['used']:,} used ({found['pieces']:,} pieces, {found['notes']:,} notes), "
        f"{found['duplicates']:,} duplicates, {len(found['skipped']):,} skipped."
    )
    reasons: dict[str, list[dict[str, str]]] = {}
    for skipped in found["skipped"]:
        reasons.setdefault(skipped["reason"], []).append(skipped)
    for reason, files in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"  {len(files):>6,}  {reason}, for example {plain(files[0]['file'])}: {plain(files[0]['message'])}")
    if found["flagged"]:
        first = found["flagged"][0]
        lost = ", ".join(f"{count} {what}" for what, count in first["lost"].items())
        print(f"  {len(found['flagged']):>6,}  used, but not whole, for example {plain(first['file'])}: {lost}")
