"""Several runs in one table: a contest in; a table, and files of it by their suffix, out.

Knows nothing of how tables are laid out.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from erato.contest import Contest, Row
from erato.errors import UsageError
from erato.files import write_bytes, write_json, write_text
from erato.renderers.result_tables import Column, ResultTable, Value, csv_text, html_rows, latex_text, markdown_text
from erato.renderers.run_page import Section, Table, write_run_page
from erato.writing_tables import length_of

SUFFIXES = (".csv", ".tex", ".md", ".html", ".json")
COLUMNS = (
    Column("run"),
    Column("recipe"),
    Column("representation"),
    Column("nats per held note", better="lower"),
    Column("nats per note", better="lower"),
    Column("nats per second", better="lower"),
    Column("nats per character", better="lower"),
    Column("held", "%", digits=1),
    Column("Fréchet distance", better="lower", digits=1),
    Column("of people", digits=1),
    Column("overlap", better="higher", digits=3),
    Column("longest shared", "median", digits=1),
    Column("people share", "median", digits=1),
    Column("did it copy?"),
    Column("parameters", digits=0),
    Column("trained", "min", digits=1),
    Column("composes", "notes/s", "higher", digits=0),
    Column("writes", "characters/s", "higher", digits=0),
)
DISTANCES = ("Fréchet distance", "overlap")
MARKS = "↓ the less the better, ↑ the more; * the best of a column"


def table_of(found: Contest) -> ResultTable:
    """The table of a contest; columns that are empty for all runs are left out.

    Where the runs have no pieces in common, no distance is marked as the best.
    """
    rows = [_cells(row) for row in found.rows]
    columns = [one for one in COLUMNS if any(row.get(one.name) is not None for row in rows)]
    if found.split is None:
        columns = [replace(one, better=None) if one.name in DISTANCES else one for one in columns]
    caption = "Runs by the same held-out pieces" if found.split else "Runs, each by pieces of its own"
    said = [f"{row.run}: {note}" for row in found.rows for note in row.notes]
    return ResultTable(caption, columns, rows, [*found.notes, *said, found.protocol])


def write_contest(path: Path, found: Contest) -> None:
    """Writes the table as the suffix of `path` says, atomically; overwrites. UsageError for another suffix."""
    table = table_of(found)
    if path.suffix == ".json":
        write_json(path, found.to_json())
    elif path.suffix == ".csv":
        write_bytes(path, csv_text(table).encode())
    elif path.suffix == ".tex":
        write_text(path, latex_text(table))
    elif path.suffix == ".md":
        write_text(path, markdown_text(table))
    elif path.suffix == ".html":
        intro = f"{len(found.rows)} runs{', the best first' if found.split else ''}."
        write_run_page(path, "Runs side by side", intro, {}, contest_parts(found), {})
    else:
        raise UsageError(f"a table is written as {', '.join(SUFFIXES)}, got {path.name}.")


def contest_parts(found: Contest) -> list[Section]:
    """The table in parts, so that it is read without scrolling sideways, and how it was measured."""
    table = table_of(found)
    groups = {
        "How likely they find unheard pieces": (
            "nats per held note",
            "nats per note",
            "nats per second",
            "nats per character",
            "held",
        ),
        "How far what they write lies from real pieces": ("Fréchet distance", "of people", "overlap"),
        "Did they copy?": ("longest shared", "people share", "did it copy?"),
        "What they take": ("recipe", "representation", "parameters", "trained", "composes", "writes"),
    }
    sections = []
    for number, (title, names) in enumerate(groups.items()):
        columns = [one for one in table.columns if one.name == "run" or one.name in names]
        if len(columns) > 1:
            part: Table = html_rows(ResultTable(MARKS, columns, table.rows))
            sections.append(Section(f"part-{number}", title, tables=[part]))
    return [*sections, Section("notes", "How this was measured", "\n\n".join(table.notes))]


def _cells(row: Row) -> dict[str, Value]:
    cells: dict[str, Value] = {
        "run": row.run,
        "recipe": row.recipe,
        "representation": row.representation,
        "nats per held note": row.nats_per_held_note,
        "nats per note": row.nats_per_note,
        "nats per second": row.nats_per_second,
        "nats per character": row.nats_per_char,
        "held": None if row.held is None else 100 * row.held,
        "parameters": row.parameters,
        "trained": row.minutes,
    }
    if row.writing:
        cells |= _written(row.writing)
    return cells


def _written(writing: Mapping[str, Any]) -> dict[str, Value]:
    far = writing["distances"]["frechet"]
    floor = (far["floor"] or {}).get("value")
    overlaps = [
        gap["overlap"]["value"]
        for gap in writing["distances"]["features"].values()
        if gap["overlap"]["value"] is not None
    ]
    found: dict[str, Value] = {
        "Fréchet distance": None if far["value"] is None else (far["value"], far["low"], far["high"]),
        "of people": floor,
        "overlap": fmean(overlaps) if overlaps else None,
        "composes": writing["speed"].get("notes"),
        "writes": writing["speed"].get("chars"),
    }
    if original := writing["originality"]:
        name = next(iter(original["measures"]))  # melodies, or words
        found |= {
            "longest shared": median([length_of(piece[name]) for piece in original["pieces"]]),
            "people share": original["people"]["lengths"][name]["median"],
            "did it copy?": original["verdict"],
        }
    return found
