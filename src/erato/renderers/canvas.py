"""A page to draw on, in inches: boxes, lines and text in, a PNG or an SVG out. Knows nothing of music.

What the font has no glyph for is measured, and in a PNG drawn, as an empty box.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any
from unicodedata import bidirectional

import numpy as np

from erato.renderers import shapes_png, shapes_svg
from erato.renderers.names import one_line
from erato.renderers.palette import rgb
from erato.renderers.shapes import BOLD, DPI, REGULAR, Align, Boxes, Lines, Shape, Text
from erato.renderers.shapes_png import font_file

__all__ = ["BOLD", "DPI", "REGULAR", "Canvas"]

MISSING = "\u25a1"
LEFT_TO_RIGHT = "\u200e"


class Canvas:
    """A page of a given width that grows downwards: y is 0 at its top and negative below."""

    def __init__(self, width: float) -> None:
        self._width = width
        self._shapes: list[Shape] = []  # what is drawn later lies above

    def boxes(self, boxes: Any, fill: Any, edge: str = "none", line: float = 0.0) -> None:
        """Rectangles, boxes: [N, 4] of left, right, bottom, top; fill: a colour each, or [N, 3] of 0 to 1."""
        sides = np.asarray(boxes, np.float64).reshape(-1, 4)
        if len(sides):
            self._shapes.append(Boxes(sides, fill if isinstance(fill, np.ndarray) else rgb(fill), edge, line))

    def lines(self, lines: Sequence[Any], color: str, width: float) -> None:
        """Straight lines, each a list of points (x, y); width in points."""
        if len(lines):
            self._shapes.append(Lines(lines, color, width))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str,
        font: str = REGULAR,
        align: Align = "left",
        room: float | None = None,
    ) -> None:
        """One line of text on the base line y, size in points, cut to `room` inches."""
        text = one_line(text) if room is None else self.shorten(text, size, room, font)
        self._shapes.append(Text(x, y, text, size, color, font, align))

    def width_of(self, text: str, size: float, font: str = REGULAR) -> float:
        """How wide `text` is drawn, in inches."""
        face = _face(font)
        face.set_size(size, DPI)
        face.set_text(_drawable(text, font))
        return float(face.get_width_height()[0]) / 64 / DPI

    def shorten(self, text: str, size: float, room: float, font: str = REGULAR) -> str:
        """`text`, or as much of it as fits into `room` inches and three dots."""
        text = one_line(text[:400])
        if self.width_of(text, size, font) <= room:
            return text
        low, high = 0, len(text)  # the longest beginning that fits
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width_of(text[:middle].rstrip() + "…", size, font) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + "…"

    def wrap(self, parts: Sequence[str], size: float, room: float, between: str, most: int) -> list[str]:
        """`parts` joined to `most` lines of `room` inches; whoever draws the last cuts what does not fit."""
        lines: list[str] = []
        for part in map(one_line, parts):
            longer = f"{lines[-1]}{between}{part}" if lines else part
            if lines and (len(lines) == most or self.width_of(longer[:400], size) <= room):
                lines[-1] = longer
            else:
                lines.append(part)
        return lines

    def png(self, height: float) -> bytes:
        """The page, cut at `height` inches below its top."""
        drawable = [
            replace(shape, text=_drawable(shape.text, shape.font)) if isinstance(shape, Text) else shape
            for shape in self._shapes
        ]
        return shapes_png.png(drawable, self._width, height)

    def svg(self, height: float) -> str:
        """The page, cut at `height` inches below its top; a unit is a pixel of the PNG."""
        return shapes_svg.svg(self._shapes, self._width, height)


@cache
def _face(font: str) -> Any:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(font_file(font)))


@cache
def _glyphs(font: str) -> frozenset[int]:
    return frozenset(_face(font).get_charmap())


def _drawable(text: str, font: str) -> str:
    """`text` on one line, a box for each character that the font does not have."""
    known = _glyphs(font)
    line = "".join(character if ord(character) in known else MISSING for character in one_line(text))
    # A line runs from left to right, also where a word in it runs from right to left.
    turns = any(bidirectional(character) in ("R", "AL") for character in line)
    return LEFT_TO_RIGHT + line if turns else line
