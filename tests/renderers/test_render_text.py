"""Texts, lists and tables of notes."""

import csv
from pathlib import Path

import pytest
from symusic import KeySignature, Note, Score, TimeSignature, Track

from erato.errors import UsageError
from erato.renderers import RENDERERS, About


def score_with(name: str) -> Score:
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 1, 4))
    score.time_signatures.append(TimeSignature(480, 3, 4))
    score.key_signatures.append(KeySignature(1920, -2, 0))
    made = Track(name, 40, False)
    made.notes.append(Note(1920, 240, 70, 90))
    made.notes.append(Note(0, 480, 60, 64))
    made.notes.append(Note(480 + 720, 240, 66, 64))
    score.tracks.append(made)
    return score


def test_a_table_has_every_note_with_bar_beat_and_spelling(tmp_path: Path) -> None:
    RENDERERS[".csv"].write(score_with("Geige"), tmp_path / "x.csv", About("title"))
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))
    assert table == [
        ["bar", "beat", "quarter", "pitch", "key", "quarters", "velocity", "track"],
        ["0", "3", "0", "C4", "60", "1", "64", "Geige (Violin)"],  # a pickup is the third beat of bar 0
        ["1", "2.5", "2.5", "F#4", "66", "0.5", "64", "Geige (Violin)"],
        ["2", "1", "4", "Bb4", "70", "0.5", "90", "Geige (Violin)"],
    ]


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", " \x00=1", "\u200e=1"])
def test_no_cell_of_a_table_is_a_formula(name: str, tmp_path: Path) -> None:
    RENDERERS[".csv"].write(score_with(name), tmp_path / "x.csv", About())
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        cells = [row[-1] for row in csv.reader(file)][1:]
    assert len(cells) == 3 and all(cell.startswith("'") for cell in cells)


def test_a_list_is_for_reading(tmp_path: Path) -> None:
    RENDERERS[".txt"].write(score_with("a\nb"), tmp_path / "x.txt", About("My\npiece", {"seed": "3"}))
    lines = (tmp_path / "x.txt").read_text(encoding="utf-8").split("\n")
    assert lines[:3] == ["My piece", "seed: 3", ""]
    assert lines[3].split() == ["bar", "beat", "quarter", "pitch", "key", "quarters", "velocity", "track"]
    assert lines[4].split() == ["0", "3", "0", "C4", "60", "1", "64", "a", "b", "(Violin)"]
    assert lines[4].index("C4") == lines[3].index("pitch")
    assert len(lines) == 8 and lines[7] == ""


def test_a_text_is_written_as_it_is(tmp_path: Path) -> None:
    words = "=1+1\r\n  línea\x00 二\n"
    RENDERERS[".txt"].write(words, tmp_path / "x.txt", About("title", {"seed": "3"}))
    assert (tmp_path / "x.txt").read_bytes() == words.encode()


def test_a_text_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt"):
        RENDERERS[".csv"].write("words", tmp_path / "x.csv", About())


def test_a_score_without_notes_is_a_heading_alone(tmp_path: Path) -> None:
    RENDERERS[".csv"].write(Score(480), tmp_path / "x.csv", About())
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").count("\n") == 1
