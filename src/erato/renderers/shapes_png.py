"""Shapes to a PNG. In: what `shapes` describes. Out: bytes, always the same. Knows nothing of music.

Drawn by matplotlib's renderer alone: its figures and axes, which nothing here needs, take longer to import than a
picture takes to draw. Its global state is left as it is. Legend: N boxes or lines.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from erato.renderers.png import png_of
from erato.renderers.shapes import DPI, Boxes, Lines, Shape, Text

BEFORE = {"left": 0.0, "center": 0.5, "right": 1.0}  # the share of a text that stands before its x


def png(shapes: Sequence[Shape], width: float, height: float) -> bytes:
    """The shapes on white paper of so many inches."""
    from matplotlib.backends.backend_agg import RendererAgg

    sheet = _Sheet(RendererAgg(int(width * DPI), int(height * DPI), DPI), height)
    sheet.boxes(Boxes(np.array([[0.0, width, -height, 0.0]]), np.ones((1, 3)), "none", 0.0))
    for shape in shapes:
        if isinstance(shape, Boxes):
            sheet.boxes(shape)
        elif isinstance(shape, Lines):
            sheet.lines(shape)
        else:
            sheet.text(shape)
    return png_of(np.asarray(sheet.renderer.buffer_rgba())[..., :3])


class _Sheet:
    """What is drawn on, y upwards from its foot."""

    def __init__(self, renderer: Any, height: float) -> None:
        from matplotlib.transforms import Affine2D

        self.renderer = renderer
        self.to_pixels = Affine2D().translate(0, height).scale(DPI)

    def boxes(self, shape: Boxes) -> None:
        """Runs of one colour are drawn at once."""
        from matplotlib.path import Path as Outline

        corners = shape.sides[:, [0, 2, 0, 3, 1, 3, 1, 2, 0, 2]].reshape(-1, 2)
        codes = np.tile(np.array([1, 2, 2, 2, 79], np.uint8), len(shape.sides))  # to the first, three sides, and closed
        pen = self.renderer.new_gc()
        pen.set_snap(True)
        pen.set_linewidth(shape.line)
        if shape.line:
            pen.set_foreground(shape.edge)
        starts = np.append(0, np.flatnonzero((np.diff(shape.fill, axis=0) != 0).any(1)) + 1)
        for begin, end in zip(starts, [*starts[1:], len(shape.sides)], strict=True):
            outline = Outline(corners[5 * begin : 5 * end], codes[5 * begin : 5 * end])
            self.renderer.draw_path(pen, outline, self.to_pixels, tuple(shape.fill[begin]))

    def lines(self, shape: Lines) -> None:
        from matplotlib.path import Path as Outline

        points = np.concatenate([np.asarray(line, np.float64) for line in shape.lines])
        codes = np.full(len(points), 2, np.uint8)
        codes[np.cumsum([0, *map(len, shape.lines[:-1])])] = 1
        level = np.isclose(np.diff(points, axis=0), 0).any(1) | (codes[1:] == 1)
        pen = self.renderer.new_gc()
        pen.set_snap(bool(level.all()))  # what is upright or level lies on whole pixels
        pen.set_capstyle("butt")
        pen.set_linewidth(shape.width)
        pen.set_foreground(shape.color)
        self.renderer.draw_path(pen, Outline(points, codes), self.to_pixels, None)

    def text(self, shape: Text) -> None:
        from matplotlib.font_manager import FontProperties

        font = FontProperties(fname=font_file(shape.font), size=shape.size)
        x, before = shape.x * DPI, BEFORE[shape.align]
        if before:
            x -= before * self.renderer.get_text_width_height_descent(shape.text, font, False)[0]
        pen = self.renderer.new_gc()
        pen.set_foreground(shape.color)
        self.renderer.draw_text(pen, x, -shape.y * DPI, shape.text, font, 0)


@cache
def font_file(font: str) -> Path:
    """The file of a font that matplotlib brings along."""
    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts" / "ttf" / font
