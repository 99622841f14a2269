"""One table of results to CSV, LaTeX, Markdown, a page and a terminal. In: numbers by column. Out: text.

CSV has every number in full; the others have as many digits as their columns say, and mark the best of each column.
What is missing, or no number, is "none" in all. Whatever anyone typed is text. Knows nothing of what was measured.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal
from unicodedata import combining, east_asian_width

from erato.errors import unknown
from erato.renderers.escaping import latex_escaped, markdown_escaped
from erato.renderers.names import one_line
from erato.renderers.run_page import Table
from erato.renderers.text import FORMULA

Number = float | None
Value = float | str | tuple[Number, Number, Number] | None  # a number, words, or a number with its interval's ends

MISSING = "—"
BEST = "*"  # before the best of a column, where there is no bold
_LARGE = 1e15  # a number with more digits than are known
_ARROWS = {"lower": "↓", "higher": "↑", None: ""}
_FORMULAS = (*FORMULA, "＝", "＋", "－", "＠")  # the wide ones, too, for spreadsheets that take them as the narrow


@dataclass(frozen=True)
class Column:
    """A column: its name, what its numbers are counted in, which of them is best, and digits behind the point."""

    name: str
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    digits: int = 3


@dataclass(frozen=True)
class ResultTable:
    """Rows of values by the names of columns; one that a row lacks is missing. notes: a sentence each, below."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Value]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Cell:
    """A value as it is shown: words, or a number and the ends of its interval; best: of its column."""

    text: str
    ends: tuple[str, str] | None = None
    best: bool = False
    words: bool = False

    @property
    def interval(self) -> str:
        return f"[{self.ends[0]}, {self.ends[1]}]" if self.ends else ""


def sorted_by(table: ResultTable, column: str) -> ResultTable:
    """The rows with the best of `column` first, or the least where none is better; equal ones stay in order.

    Words stand behind numbers, in the order of the alphabet, and what is missing is last. UsageError for an unknown
    name.
    """
    found = next((one for one in table.columns if one.name == column), None)
    if found is None:
        raise unknown("column", column, [one.name for one in table.columns])
    sign = -1 if found.better == "higher" else 1

    def place(row: Mapping[str, Value]) -> tuple[int, float, str]:
        value = row.get(column)
        number = _number(value)
        if number is not None:
            return 0, sign * number, ""
        return (1, 0.0, value.casefold()) if isinstance(value, str) else (2, 0.0, "")

    return replace(table, rows=sorted(table.rows, key=place))


def csv_text(table: ResultTable) -> str:
    """The table as RFC 4180 has it, numbers in full, the ends of intervals in columns of their own.

    A cell of words that a spreadsheet would calculate with has an apostrophe before it. What is missing is empty.
    """
    spans = [any(_ends(row.get(one.name)) for row in table.rows) for one in table.columns]
    heads: list[str] = []
    for one, span in zip(table.columns, spans, strict=True):
        unit = f" ({one.unit})" if one.unit else ""
        heads += [f"{one.name}{more}{unit}" for more in (("", " low", " high") if span else ("",))]
    out = io.StringIO()
    writer = csv.writer(out)  # ends lines as the standard does
    writer.writerow(map(_harmless, heads))
    for row in table.rows:
        cells: list[str] = []
        for one, span in zip(table.columns, spans, strict=True):
            value = row.get(one.name)
            cells.append(_harmless(value) if isinstance(value, str) else _plain(_number(value)))
            if span:
                cells += map(_plain, _ends(value) or (None, None))
        writer.writerow(cells)
    return out.getvalue()


def latex_text(table: ResultTable) -> str:
    """The table as a LaTeX `table`, which needs the packages booktabs and graphicx; the best of each column is bold.

    It is made as small as it has to be for the width of the text.
    """
    cells = _cells(table)
    spans = [any(row[n].ends for row in cells) for n in range(len(table.columns))]
    kinds = ["l" if words else r"r@{\,}l" if span else "r" for words, span in zip(_wordy(table), spans, strict=True)]

    def line(parts: Sequence[str]) -> str:
        return f"    {' & '.join(parts)} \\\\"

    def heads(texts: Sequence[str]) -> str:
        wide = [rf"\multicolumn{{2}}{{c}}{{{t}}}" if span else t for t, span in zip(texts, spans, strict=True)]
        return line(wide)

    lines = ["% needs \\usepackage{booktabs,graphicx}", "\\begin{table}", "  \\centering"]
    lines += [f"  \\caption{{{latex_escaped(table.caption)}}}"] if table.caption.strip() else []
    lines.append(r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%")
    lines += [f"  \\begin{{tabular}}{{{''.join(kinds)}}}", "    \\toprule"]
    lines.append(heads([latex_escaped(f"{one.name} {_ARROWS[one.better]}") for one in table.columns]))
    if any(one.unit for one in table.columns):
        lines.append(heads([latex_escaped(one.unit) for one in table.columns]))
    lines.append("    \\midrule")
    for row in cells:
        parts = []
        for cell, span in zip(row, spans, strict=True):
            text = latex_escaped(cell.text)
            parts.append(f"\\textbf{{{text}}}" if cell.best else text)
            if span:
                parts.append(f"{{\\footnotesize {latex_escaped(cell.interval)}}}" if cell.ends else "")
        lines.append(line(parts))
    lines += ["    \\bottomrule", "  \\end{tabular}}"]
    lines += [f"  \\par\\smallskip{{\\footnotesize {latex_escaped(note)}\\par}}" for note in table.notes]
    return "\n".join([*lines, "\\end{table}", ""])


def markdown_text(table: ResultTable) -> str:
    """The table as GitHub's Markdown has it; the best of each column is bold."""
    heads = [markdown_escaped(head) for head in _heads(table)]
    rules = [":---" if words else "---:" for words in _wordy(table)]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(rules)} |"]
    for row in _cells(table):
        texts = []
        for cell in row:
            text = markdown_escaped(cell.text)
            texts.append(
                (f"**{text}**" if cell.best else text) + (f" {markdown_escaped(cell.interval)}" if cell.ends else "")
            )
        lines.append(f"| {' | '.join(texts)} |")
    before = [markdown_escaped(table.caption), ""] if table.caption.strip() else []
    after = [line for note in table.notes for line in ("", markdown_escaped(note))]
    return "\n".join([*before, *lines, *after, ""])


def html_rows(table: ResultTable) -> Table:
    """The table for the page of a run, which says notes beside it; a first column of words names the rows."""
    rows = [[_starred(cell) + (f" {cell.interval}" if cell.ends else "") for cell in row] for row in _cells(table)]
    heads = _heads(table)
    if heads and _wordy(table)[0]:
        heads[0] = ""
    return Table(one_line(table.caption), heads, rows, counts=not any(_wordy(table)[1:]))


def text_lines(table: ResultTable, width: int) -> list[str]:
    """The table in lines of at most `width` columns of a terminal; where they do not hold it, in blocks of columns.

    Each block begins with the first column, if that is of words. Words are cut where they must be; numbers never are,
    so that a width less than that of a number is exceeded.
    """
    wordy, cells = _wordy(table), _cells(table)
    by_column = [[row[n] for row in cells] for n in range(len(wordy))]
    columns = [_column(*one, max(8, width // 2)) for one in zip(table.columns, by_column, wordy, strict=True)]
    if any(wordy[:1]):
        room = width - 2 - max((_wide(column[0]) for column in columns[1:]), default=0)
        columns[0] = _column(table.columns[0], by_column[0], True, min(max(8, room), max(8, width // 2)))
    named, others = (columns[:1], columns[1:]) if any(wordy[:1]) else ([], columns)
    blocks = [list(named)]
    for column in others:
        used = sum(_wide(one[0]) + 2 for one in blocks[-1])
        if len(blocks[-1]) > len(named) and used + _wide(column[0]) > width:
            blocks.append(list(named))
        blocks[-1].append(column)
    lines = _wrapped(table.caption, width)
    for place, block in enumerate(blocks):
        shown = ["  ".join(parts).rstrip() for parts in zip(*block, strict=True)]
        units = shown[1:2] if any(shown[1:2]) else []
        lines += [*([""] if place else []), *shown[:1], *units, *shown[2:]]
    return lines + ([""] if table.notes else []) + [line for note in table.notes for line in _wrapped(note, width)]


def _column(column: Column, cells: Sequence[_Cell], words: bool, most: int) -> list[str]:
    """Lines of one width: name, unit, cells; numbers end below one another, and so do their intervals.

    Words are cut to `most` columns of the terminal, and a name to the width of what is longer.
    """
    firsts = [_cut(cell.text, most) if cell.words else _starred(cell) for cell in cells]
    inner, outer = max([0, *map(_wide, firsts)]), max([0, *(len(cell.interval) for cell in cells)])
    texts = [
        _filled(first, inner, words) + (f" {cell.interval.rjust(outer)}" if outer else "")
        for first, cell in zip(firsts, cells, strict=True)
    ]
    room = max([most, *map(_wide, texts)])
    heads = [_cut(f"{column.name} {_ARROWS[column.better]}", room), _cut(column.unit, room)]
    wide = max(map(_wide, [*heads, *texts]))
    return [_filled(text, wide, words) for text in [*heads, *texts]]


def _filled(text: str, wide: int, words: bool) -> str:
    """`text` with spaces behind it (words) or before it (numbers), so that it takes `wide` columns."""
    spaces = " " * (wide - _wide(text))
    return text + spaces if words else spaces + text


def _cells(table: ResultTable) -> list[list[_Cell]]:
    """Every value as it is shown. Numbers that look alike are equally good; where all do, or without end, none is."""
    columns = [_shown(one, [row.get(one.name) for row in table.rows]) for one in table.columns]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in table.rows]


def _shown(column: Column, values: Sequence[Value]) -> list[_Cell]:
    numbers = [_number(value) for value in values]
    rounded = [None if number is None else round(number, column.digits) for number in numbers]
    known = {number for number in rounded if number is not None and math.isfinite(number)}
    best: Number = None
    if column.better and len(known) > 1:
        best = min(known) if column.better == "lower" else max(known)
    cells = []
    for value, number, near in zip(values, numbers, rounded, strict=True):
        if isinstance(value, str):
            cells.append(_Cell(one_line(value), words=True))
            continue
        low, high = _ends(value) or (None, None)
        known_ends = None if low is None and high is None else (_rounded(low, column), _rounded(high, column))
        cells.append(_Cell(_rounded(number, column), known_ends, best is not None and near == best))
    return cells


def _rounded(number: Number, column: Column) -> str:
    if number is None:
        return MISSING
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    shown = f"{round(number, column.digits) + 0.0:,.{column.digits}f}" if abs(number) < _LARGE else f"{number:.4g}"
    return shown.replace("-", "−")


def _number(value: Any) -> Number:
    """The number of a value; None for words, and for what is no number."""
    one = value[0] if isinstance(value, tuple) else value
    found = float(one) if isinstance(one, Real) else math.nan
    return None if math.isnan(found) else found


def _ends(value: Any) -> tuple[Number, Number] | None:
    """The ends of the interval of a number; None where it has none."""
    if not isinstance(value, tuple) or _number(value) is None:
        return None
    ends = _number(value[1]), _number(value[2])
    return None if ends == (None, None) else ends


def _wordy(table: ResultTable) -> list[bool]:
    """Which columns are of words, and have no numbers among them."""
    columns = [[row.get(one.name) for row in table.rows] for one in table.columns]
    return [
        any(isinstance(one, str) for one in column) and all(_number(one) is None for one in column)
        for column in columns
    ]


def _heads(table: ResultTable) -> list[str]:
    named = [(one, f"{one.name}{f', {one.unit}' if one.unit else ''}") for one in table.columns]
    return [one_line(f"{name} {_ARROWS[one.better]}") for one, name in named]


def _starred(cell: _Cell) -> str:
    return (BEST if cell.best else "") + cell.text


def _plain(number: Number) -> str:
    """A number in full, as programs read it."""
    if number is None:
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < _LARGE else repr(number)


def _harmless(text: str) -> str:
    """Words that no spreadsheet calculates with."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULAS) else line


def _wide(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, room: int) -> str:
    """`text`, or as much of it as fits into `room` columns and three dots."""
    text = one_line(text)
    if _wide(text) <= room:
        return text
    while text and _wide(text) > room - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns, broken between words."""
    lines: list[str] = []
    for word in one_line(text).split():
        if lines and _wide(lines[-1]) + 1 + _wide(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_cut(word, width))
    return lines
