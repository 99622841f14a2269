"""A page to draw on, in inches: boxes, lines and text in, PNG bytes out. Knows nothing of music.

Uses matplotlib's objects, never its global state. What the font has no glyph for is drawn as an empty box.
"""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any
from unicodedata import bidirectional

import numpy as np

from erato.renderers.names import one_line

DPI = 120
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
MISSING = "\u25a1"
LEFT_TO_RIGHT = "\u200e"


class Canvas:
    """A page of a given width that grows downwards: y is 0 at its top and negative below."""

    def __init__(self, width: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(figsize=(width, 1), dpi=DPI, facecolor="white")
        self._agg = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._width = width
        self._above = 0  # what is drawn later lies above

    def boxes(self, boxes: Any, fill: Any, edge: Any = "none", line: float = 0.0) -> None:
        """Rectangles, boxes: [N, 4] of left, right, bottom, top; fill: a colour each."""
        from matplotlib.collections import PolyCollection

        corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)[:, [0, 2, 0, 3, 1, 3, 1, 2]].reshape(-1, 4, 2)
        if len(corners):
            shapes = PolyCollection(list(corners), facecolors=fill, edgecolors=edge, linewidths=line)
            self._axes.add_collection(shapes, autolim=False)
            self._lift(shapes)

    def lines(self, lines: Sequence[Any], color: str, width: float) -> None:
        """Straight lines, each a list of points (x, y); width in points."""
        from matplotlib.collections import LineCollection

        if len(lines):
            shapes = LineCollection(lines, colors=color, linewidths=width, capstyle="butt")
            self._axes.add_collection(shapes, autolim=False)
            self._lift(shapes)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str,
        font: str = REGULAR,
        align: str = "left",
        room: float | None = None,
    ) -> None:
        """One line of text on the base line y, size in points, cut to `room` inches."""
        text = _drawable(text, font) if room is None else self.shorten(text, size, room, font)
        shape = self._axes.text(
            x, y, text, size=size, color=color, ha=align, va="baseline", font=_path(font), parse_math=False
        )
        self._lift(shape)

    def width_of(self, text: str, size: float, font: str = REGULAR) -> float:
        """How wide `text` is drawn, in inches."""
        from matplotlib.font_manager import FontProperties

        properties = FontProperties(fname=_path(font), size=size)
        measure = self._agg.get_renderer().get_text_width_height_descent
        return float(measure(_drawable(text, font), properties, False)[0]) / DPI

    def shorten(self, text: str, size: float, room: float, font: str = REGULAR) -> str:
        """`text`, or as much of it as fits into `room` inches and three dots."""
        text = _drawable(text[:400], font)
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
        self._figure.set_size_inches(self._width, height)
        self._axes.set_xlim(0, self._width)
        self._axes.set_ylim(-height, 0)
        data = io.BytesIO()
        self._agg.print_png(data, metadata={"Software": None})  # nothing that changes from one day to the next
        return data.getvalue()

    def _lift(self, shape: Any) -> None:
        self._above += 1
        shape.set_zorder(self._above)


@cache
def _path(font: str) -> Any:
    """The file of a font that matplotlib brings along."""
    from pathlib import Path

    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts" / "ttf" / font


@cache
def _glyphs(font: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_path(font))).get_charmap())


def _drawable(text: str, font: str) -> str:
    """`text` on one line, a box for each character that the font does not have."""
    known = _glyphs(font)
    line = "".join(character if ord(character) in known else MISSING for character in one_line(text))
    # A line runs from left to right, also where a word in it runs from right to left.
    turns = any(bidirectional(character) in ("R", "AL") for character in line)
    return LEFT_TO_RIGHT + line if turns else line
