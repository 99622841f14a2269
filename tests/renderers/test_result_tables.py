"""Tables of results: every format says the same values, hostile names are text in each, what is missing says so."""

import csv
import io
import math
import re

import numpy as np
import pytest

from erato.errors import UsageError
from erato.renderers.escaping import latex_escaped, markdown_escaped
from erato.renderers.result_tables import (
    Column,
    ResultTable,
    csv_text,
    html_rows,
    latex_text,
    markdown_text,
    sorted_by,
    text_lines,
)

COLUMNS = [
    Column("run"),
    Column("loss", "nats", "lower", 2),
    Column("right", "%", "higher", 1),
    Column("notes", "", None, 0),
]
ROWS = [
    {"run": "first", "loss": (2.98765, 2.9, 3.1), "right": 71.25, "notes": 1234567},
    {"run": "second", "loss": (2.5, None, 2.75), "right": None, "notes": np.int64(12)},
    {"run": "third", "loss": math.nan, "right": np.float32(80.5)},
]
TABLE = ResultTable("A caption", COLUMNS, ROWS, ["A note."])


def of_one(values, better="lower", digits=2, name="x"):
    return ResultTable(
        "", [Column("run"), Column(name, "", better, digits)], [{"run": f"r{n}", name: v} for n, v in enumerate(values)]
    )


def read_csv(table):
    return list(csv.reader(io.StringIO(csv_text(table), newline=""), strict=True))


def latex_rows(table):
    """The cells of the rows between the two inner rules."""
    body = latex_text(table).split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    assert all(line.rstrip().endswith(r"\\") for line in body)
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.rstrip()[:-2])] for line in body]


def test_csv_has_every_number_in_full_and_intervals_in_columns_of_their_own():
    head, *rows = read_csv(TABLE)
    assert head == ["run", "loss (nats)", "loss low (nats)", "loss high (nats)", "right (%)", "notes"]
    assert rows == [
        ["first", "2.98765", "2.9", "3.1", "71.25", "1234567"],
        ["second", "2.5", "", "2.75", "", "12"],
        ["third", "", "", "", "80.5", ""],
    ]
    assert csv_text(TABLE).count("\r\n") == 4 == csv_text(TABLE).count("\n")


def test_numbers_come_back_from_csv_as_they_were():
    values = [0.1 + 0.2, 1e-300, -5.5, 1e22, -0.0, 123456789.0, math.inf, 2**53 + 2.0]
    assert [float(row[1]) for row in read_csv(of_one(values))[1:]] == values


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "\r\n=cmd|' /C calc'!A0"])
def test_a_spreadsheet_calculates_with_no_name(name):
    table = ResultTable("", [Column("run"), Column(name)], [{"run": name, name: -1.5}])
    head, row = read_csv(table)
    assert head[1].startswith("'") and row[0].startswith("'")
    assert row[1] == "-1.5", "a number below nothing stays one"


def test_csv_keeps_quotes_commas_and_other_letters():
    names = ['a "quoted", name', "Dvořák", "日本語", "semi;colon"]
    table = ResultTable("", [Column("run")], [{"run": name} for name in names])
    assert [row[0] for row in read_csv(table)[1:]] == names
    assert "\x00" not in csv_text(ResultTable("", [Column("a\x00b")], [{"a\x00b": "x\nb\udcff"}]))


def test_latex_is_a_table_with_rules_and_the_same_cells():
    text = latex_text(TABLE)
    assert re.findall(r"\\(?:begin|end)\{\w+\}", text) == [
        r"\begin{table}",
        r"\begin{tabular}",
        r"\end{tabular}",
        r"\end{table}",
    ]
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")
    assert r"\caption{A caption}" in text and "A note." in text
    assert text.index(r"\resizebox{\ifdim\width>\linewidth") < text.index(r"\begin{tabular}"), "no wider than the page"
    assert r"\begin{tabular}{lr@{\,}lrr}" in text
    assert latex_rows(TABLE) == [
        ["first", "2.99", r"{\footnotesize {[}2.90, 3.10{]}}", "71.2", "1,234,567"],
        ["second", r"\textbf{2.50}", r"{\footnotesize {[}---, 2.75{]}}", "---", "12"],
        ["third", "---", "", r"\textbf{80.5}", "---"],
    ]
    assert text.count("{") == text.count("}")


def test_latex_special_characters_are_text():
    assert latex_escaped(r"_%&#${}~^" + "\\") == (r"\_\%\&\#\$\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}")
    assert latex_escaped("a---b --c") == "a-{}-{}-b -{}-c", "no dashes of hyphens"
    assert latex_escaped("[x] *") == "{[}x{]} {*}", "nothing that the end of a row would take as its own"
    assert latex_escaped("a\nb\x00% c") == r"a b \% c"
    name = "a_b & 50% {#1} ~^ \\end{tabular} $x$"
    ((cell, *_),) = latex_rows(ResultTable("", [Column("run")], [{"run": name}]))
    assert cell == r"a\_b \& 50\% \{\#1\} \textasciitilde{}\textasciicircum{} \textbackslash{}end\{tabular\} \$x\$"
    hostile = latex_text(ResultTable(name, [Column(name, name)], [{name: name}], [name]))
    assert hostile.count(r"\end{tabular}") == 1 and hostile.count(r"\%") == 5
    assert not re.search(r"(?<!\\)[#~^]", hostile)


def test_markdown_has_the_same_cells_and_no_name_breaks_it():
    lines = markdown_text(TABLE).splitlines()
    assert lines == [
        "A caption",
        "",
        "| run | loss, nats ↓ | right, % ↑ | notes |",
        "| :--- | ---: | ---: | ---: |",
        r"| first | 2.99 \[2.90, 3.10\] | 71.2 | 1,234,567 |",
        r"| second | **2.50** \[—, 2.75\] | — | 12 |",
        "| third | — | **80.5** | — |",
        "",
        "A note.",
    ]
    assert markdown_escaped("a|b `c` *d* <e> & [f](g) $h$ i_j") == (
        r"a\|b \`c\` \*d\* &lt;e> &amp; \[f\](g) \$h\$ i\_j"
    )
    assert [markdown_escaped(line) for line in ("# a", "- a", "1. a", "> a", "1.5", "a - b", "#1")] == (
        [r"\# a", r"\- a", r"1\. a", r"\> a", "1.5", "a - b", "#1"]
    )


@pytest.mark.parametrize(
    "values, better, best",
    [
        ([2.0, 1.0, 3.0], "lower", {1}),
        ([2.0, 1.0, 3.0], "higher", {2}),
        ([1.001, 1.002, 3.0], "lower", {0, 1}),  # alike as they are shown
        ([1.0, 1.0, 1.0], "lower", set()),
        ([1.0], "lower", set()),
        ([None, math.nan, 1.0], "lower", set()),
        ([math.inf, 1.0, 2.0], "higher", {2}),
        ([-math.inf, 1.0, 2.0], "lower", {1}),
        ([2.0, 1.0], None, set()),
        ([(2.0, 0.5, 3.0), (1.0, None, None), "failed"], "lower", {1}),
    ],
)
def test_the_best_of_a_column_is_marked_in_every_format(values, better, best):
    table = of_one(values, better)
    assert {n for n, row in enumerate(latex_rows(table)) if row[1].startswith(r"\textbf")} == best
    assert {n for n, line in enumerate(markdown_text(table).splitlines()[2:]) if "**" in line} == best
    assert {n for n, row in enumerate(html_rows(table).rows) if row[1].startswith("*")} == best
    assert {n for n, line in enumerate(text_lines(table, 80)[1:]) if "*" in line} == best


def test_numbers_are_shown_with_the_digits_of_their_column():
    shown = [row[1] for row in html_rows(of_one([-0.001, -1.5, 1234.567, 1e20, math.inf, -math.inf, True], None)).rows]
    assert shown == ["0.00", "−1.50", "1,234.57", "1e+20", "∞", "−∞", "1.00"]


def test_a_page_has_the_rows_under_their_names():
    found = html_rows(TABLE)
    assert found.heads == ["", "loss, nats ↓", "right, % ↑", "notes"] and found.counts
    assert found.rows[1] == ["second", "*2.50 [—, 2.75]", "—", "12"]
    plain = html_rows(ResultTable("c", [Column("n"), Column("said")], [{"n": 1, "said": "x"}]))
    assert plain.heads == ["n", "said"] and not plain.counts


def test_lines_of_a_terminal_are_aligned():
    assert text_lines(TABLE, 80) == [
        "A caption",
        "run                 loss ↓  right ↑      notes",
        "                      nats        %",
        "first    2.99 [2.90, 3.10]     71.2  1,234,567",
        "second  *2.50    [—, 2.75]        —         12",
        "third       —                 *80.5          —",
        "",
        "A note.",
    ]


def test_where_columns_do_not_fit_they_stand_in_blocks_that_begin_with_the_names():
    names = [f"column {n}" for n in range(12)]
    columns = [Column("run"), *(Column(name, "nats", "lower") for name in names)]
    rows = [{"run": run, **{name: 10.0 * n + place for n, name in enumerate(names)}} for place, run in enumerate("ab")]
    table = ResultTable("A caption of several words that is longer than a line", columns, rows, ["x" * 70])
    for width in (24, 40, 66, 300):
        lines = text_lines(table, width)
        assert all(len(line) <= width for line in lines)
        found = [value for line in lines if re.match(r"b\b", line) for value in line.split()[1:]]
        assert found == [f"{10 * n + 1:.3f}" for n in range(12)]
        blocks = sum(line.startswith("run") for line in lines)
        assert blocks == sum(line.startswith("a ") for line in lines)
        assert (blocks == 1) == (width == 300)


def test_wide_letters_take_two_columns_and_long_names_are_cut():
    table = of_one([1.0, 2.0], None)
    rows = [{"run": "日本語", "x": 1.0}, {"run": "a name that is much longer than the line is", "x": 2.0}]
    lines = text_lines(ResultTable("", table.columns, rows), 24)
    assert lines[1].startswith("日本語 ") and lines[1].endswith("1.00") and lines[2].endswith("…  2.00")
    assert len(lines[1]) + 3 == len(lines[2]) <= 24
    hostile = text_lines(ResultTable("\x1b[2J", table.columns, [{"run": "\x1b]0;x\x07\u202e", "x": 1.0}]), 40)
    assert not any(ord(c) < 32 or c == "\u202e" for line in hostile for c in line)
    narrow = text_lines(of_one([123456.789], None), 5)
    assert "123,456.79" in "\n".join(narrow), "a number is never cut"


def test_sorting_puts_the_best_first_and_the_missing_last():
    def order(values, better):
        return [row["run"] for row in sorted_by(of_one(values, better), "x").rows]

    values = [2.0, None, (1.0, 0.0, 9.0), math.nan, 3.0, "word", 1.0]
    assert order(values, "lower") == ["r2", "r6", "r0", "r4", "r5", "r1", "r3"]
    assert order(values, None) == order(values, "lower")
    assert order(values, "higher") == ["r4", "r0", "r2", "r6", "r5", "r1", "r3"]
    words = ResultTable("", [Column("run")], [{"run": "b"}, {}, {"run": "A"}])
    assert [row.get("run") for row in sorted_by(words, "run").rows] == ["A", "b", None]
    with pytest.raises(UsageError, match="did you mean loss"):
        sorted_by(TABLE, "los")
    assert TABLE.rows is ROWS and ROWS[0]["run"] == "first"


@pytest.mark.parametrize(
    "table", [ResultTable("", [], []), ResultTable("c", COLUMNS, []), ResultTable("c", COLUMNS, [{}])]
)
def test_nothing_is_a_table_too(table):
    assert csv_text(table) and latex_text(table) and markdown_text(table)
    assert html_rows(table).rows == [["—"] * len(table.columns)] * len(table.rows)
    assert all(len(line) <= 40 for line in text_lines(table, 40))
