"""A piece to something to read. In: a text, or a score in ticks. Out: the text, or a list of the notes.

Knows nothing of pictures or sound. One note a line, in order of onset; bars and beats are those of the
score's own meters, a pickup is bar 0 and keeps the beats it has in a full bar.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from erato import files
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.names import one_line, pitch_name, track_labels
from erato.score import Bar, Piece, Score, bars, has_pickup

COLUMNS = ("bar", "beat", "quarter", "pitch", "key", "quarters", "velocity", "track")
FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would calculate with


class Text(Renderer):
    suffix = ".txt"
    summary = "the text itself; for music a list of its notes"
    noun = "a text"
    kinds = frozenset({"music", "text"})

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_text(path, piece if isinstance(piece, str) else note_list(piece, about))


class Csv(Renderer):
    suffix = ".csv"
    summary = "the notes as a table for spreadsheets and statistics"
    noun = "a table of notes"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        score = as_score(piece, path, self)
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(COLUMNS)
        writer.writerows([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row] for row in rows(score))
        files.write_text(path, table.getvalue())


def note_list(score: Score, about: About) -> str:
    """Title and facts, then the notes as columns, for people."""
    table = [COLUMNS, *rows(score)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    head = [one_line(about.title)] if about.title else []
    head += [one_line(f"{name}: {value}") for name, value in about.facts.items()]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join([*head, *([""] if head else []), *(line.rstrip() for line in lines)]) + "\n"


def rows(score: Score) -> Iterator[tuple[str, ...]]:
    """One tuple of `COLUMNS` a note, by onset, then track, then pitch; times and lengths in quarters."""
    keys = sorted((signature.time, signature.key) for signature in score.key_signatures)
    places = Places(score)
    labels = track_labels(score.tracks)
    notes = sorted(
        (note.time, index, note.pitch, note.duration, note.velocity)
        for index, track in enumerate(score.tracks)
        for note in track.notes
    )
    for onset, index, pitch, duration, velocity in notes:
        bar, beat = places.at(onset)
        flats = next((key < 0 for time, key in reversed(keys) if time <= onset), False)
        name = pitch_name(pitch, flats).replace("♯", "#").replace("♭", "b")
        quarter, quarters = onset / score.ticks_per_quarter, duration / score.ticks_per_quarter
        numbers = (
            str(bar),
            _number(beat),
            _number(quarter),
            name,
            str(pitch),
            _number(quarters),
            str(velocity),
        )
        yield (*numbers, labels[index])


class Places:
    """Where a tick lies in the bars of a score, counted from 1, or from 0 where there is a pickup."""

    def __init__(self, score: Score) -> None:
        self.bars = bars(score)
        self.first = 0 if has_pickup(score) else 1
        self.tpq = score.ticks_per_quarter
        self._starts = np.array([bar.start for bar in self.bars])

    def at(self, tick: int) -> tuple[int, float]:
        """The number of the bar and the beat in it, from 1, in units of the meter's denominator."""
        index = max(0, int(np.searchsorted(self._starts, tick, side="right")) - 1)
        bar = self.bars[index]
        missing = 0
        if index == 0 and self.first == 0 and len(self.bars) > 1:  # a pickup is the end of a bar
            missing = _length(self.bars[1]) - _length(bar)
        beat = 1 + (tick - bar.start + missing) * bar.denominator / (4 * self.tpq)
        return index + self.first, beat


def _length(bar: Bar) -> int:
    return bar.end - bar.start


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
