"""A score to a piano roll. In: a score in ticks, what to say of it. Out: a PNG or an SVG, always the same.

How it is laid out and drawn is in `roll_page`; knows nothing of how the piece was made.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from erato import files
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.canvas import DPI, Canvas
from erato.renderers.records import png_with_record, svg_with_record
from erato.renderers.roll_page import Page, clock, counted
from erato.score import Piece, Score, bars, has_pickup, note_count, seconds, seconds_at


class PianoRoll(Renderer):
    suffix = ".png"
    summary = "picture of the notes: pitch upwards, bars to the right, a colour a track"
    noun = "a piano roll"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_bytes(path, piano_roll(as_score(piece, path, self), about))


class RollPng(PianoRoll):
    suffix = ".roll.png"
    summary = "the piano roll as .png has it"


class RollSvg(Renderer):
    suffix = ".roll.svg"
    summary = "the piano roll as a drawing that stays sharp at any size"
    noun = "a piano roll"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_text(path, roll_svg(as_score(piece, path, self), about))


@dataclass(frozen=True)
class RowPlace:
    """Where a row of a picture lies, in pixels from its top left: top and bottom, and where its time runs.

    points: (second, x), both ascending, from the row's first second to its last; between them a straight line.
    """

    top: float
    bottom: float
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Picture:
    """A piano roll as a PNG of so many pixels, and where its rows lie."""

    png: bytes
    width: int
    height: int
    rows: list[RowPlace]


def piano_roll(score: Score, about: About | None = None) -> bytes:
    """The PNG of `score`: rows of whole bars, keys on the left, louder notes darker; it carries what is said of it."""
    return png_with_record(picture(score, about).png, about or About())


def roll_svg(score: Score, about: About | None = None) -> str:
    """The SVG of `score`: the same drawing, a unit a pixel of the PNG."""
    about = about or About()
    _, canvas, height = _drawn(score, about)
    return svg_with_record(canvas.svg(height), replace(about, facts={"piano roll": summary(score), **about.facts}))


def picture(score: Score, about: About | None = None) -> Picture:
    """The piano roll of `score`, without what is said of it in writing, and where in it each second lies."""
    page, canvas, height = _drawn(score, about)
    png = canvas.png(height)
    width, tall = struct.unpack(">II", png[16:24])
    return Picture(png, width, tall, _places(page))


def summary(score: Score) -> str:
    """How much there is of a score, in a few words: its bars (a pickup not counted), notes and length."""
    count = max(1, len(bars(score)) - has_pickup(score))
    return ", ".join([counted(count, "bar"), counted(note_count(score), "note"), clock(seconds(score))])


def _drawn(score: Score, about: About | None) -> tuple[Page, Canvas, float]:
    page = Page(score, about or About())
    canvas = Canvas(page.width)
    return page, canvas, page.draw(canvas)


def _places(page: Page) -> list[RowPlace]:
    """Where each row of a page that is drawn lies: time runs evenly between bar lines and changes of tempo."""
    tempos = np.array([tempo.time for tempo in page.score.tempos], np.int64)
    found = []
    for row, foot in zip(page.rows, page.feet, strict=True):
        edges = [*(bar.start for bar in row.bars), row.end]
        ticks = np.union1d(edges, tempos[(tempos > row.start) & (tempos < row.end)])
        at, x = seconds_at(page.score, ticks), page.x(row, ticks) * DPI
        later = np.append(True, np.diff(at) > 0)  # of ticks that take no time the first
        points = list(zip(at[later].tolist(), x[later].tolist(), strict=True))
        found.append(RowPlace(-(foot + page.lanes.height) * DPI, -foot * DPI, points))
    return found
