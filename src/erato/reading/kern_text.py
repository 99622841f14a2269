"""Humdrum to Humdrum that makes sense: text in, text out. Knows nothing of music21.

The columns of each line are counted against the spines that are open; lines that do not fit, and numbers that no piece
has, are left out and counted in `lost`. What ends without closing its spines is closed. (Huron, The Humdrum Toolkit.)
"""

import re
from collections import Counter

from erato.errors import ReadError

MOST_SPINES = 128
MOST_LINE = 10_000  # characters
MOST_CHARACTERS = 300_000  # of a file; a movement of a quartet has half as many
SEGMENT = re.compile(r"^!!!!SEGMENT", re.MULTILINE)

_LONG = re.compile(r"\d{5,}")
_METER = re.compile(r"\*M(\d{1,3}(\+\d{1,3})*)/(1|2|4|8|16|32|64|128|0)\b")
_TEMPO = re.compile(r"\*MM(\d+(\.\d*)?)")
_KEY = re.compile(r"\*k\[([a-gA-G][#-]*){0,14}\]")


def mended(text: str, name: str, lost: Counter[str]) -> str:
    """The text with only those lines that fit; ReadError for more spines than anybody can play."""
    if len(text) > MOST_CHARACTERS:
        raise ReadError("too-large", f"{name} has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read.")
    spines, kept = 0, []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if len(line) > MOST_LINE:
            lost["lines that are too long"] += 1
            continue
        line = line.replace("\0", "")
        if line.startswith("!!"):
            kept.append(line[:500])
            continue
        if not line.strip():
            continue
        columns = line.split("\t")
        if all(column.startswith("**") for column in columns):
            spines = len(columns)
        elif len(columns) != spines:
            lost["lines that do not fit"] += 1
            continue
        else:
            after = _after(columns, spines)
            if after is None:
                lost["lines that do not fit"] += 1
                continue
            spines = after
            columns = [_column(column, lost) for column in columns]
        if spines > MOST_SPINES:
            raise ReadError("too-large", f"{name} has more than {MOST_SPINES} spines.")
        kept.append("\t".join(columns))
    if spines:
        lost["spines that are never closed"] += spines
        kept.append("\t".join(["*-"] * spines))
    return "\n".join(kept) + "\n"


def _after(columns: list[str], spines: int) -> int | None:
    """How many spines are open after a line; None where that makes no sense."""
    if not all(column.startswith("*") for column in columns):
        return None if any(column.startswith("*") for column in columns) else spines
    if "*x" in columns and columns.count("*x") != 2:
        return None
    joins, index = 0, 0
    while index < len(columns):
        run = index
        while run < len(columns) and columns[run] == "*v":
            run += 1
        if run - index == 1:
            return None
        joins += max(0, run - index - 1)
        index = max(run, index + 1)
    return spines + columns.count("*^") + columns.count("*+") - columns.count("*-") - joins


def _column(column: str, lost: Counter[str]) -> str:
    if column.startswith("*"):
        number = _TEMPO.match(column)
        slow = number is not None and not 4 <= float(number.group(1)[:12]) <= 10_000
        meter = (
            column.startswith("*M") and column[2:3].isdigit() and (not _METER.match(column) or column.startswith("*M0"))
        )
        key = column.startswith("*k[") and not _KEY.match(column)
        if slow or meter or key or _LONG.search(column):
            lost["signatures and tempos that make no sense"] += 1
            return "*"
        return column
    if _LONG.search(column):
        lost["numbers that make no sense"] += 1
        return "." if not column.startswith("=") else "="
    return column
