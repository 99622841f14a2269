"""Shapes to an SVG. In: what `shapes` describes. Out: text, always the same. Knows nothing of music.

Written here, as matplotlib's SVGs are several times as long and take several times as long. One unit is a pixel of the
PNG. Text stays text: whoever shows it has glyphs that our font lacks.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from erato.renderers.palette import hexes
from erato.renderers.records import xml_text
from erato.renderers.shapes import BOLD, DPI, Boxes, Lines, Shape, Text

FONTS = "'DejaVu Sans', Verdana, sans-serif"
ANCHORS = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}


def svg(shapes: Sequence[Shape], width: float, height: float) -> str:
    """The shapes on white paper of so many inches."""
    across, down = int(width * DPI), int(height * DPI)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{across}" height="{down}" viewBox="0 0 {across} {down}" '
        f'role="img" font-family="{FONTS}">'
    )
    paper = f'<path fill="#fff" d="M0 0h{across}v{down}h-{across}z"/>'
    return "\n".join([head, paper, *(line for shape in shapes for line in _written(shape)), "</svg>\n"])


def _written(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Boxes):
        yield from _boxes(shape)
    elif isinstance(shape, Lines):
        points = [[f"{_number(x)} {_number(-y)}" for x, y in line] for line in shape.lines]
        way = "".join("M" + "L".join(line) for line in points)
        yield f'<path fill="none" stroke="{shape.color}" stroke-width="{_number(shape.width / 72)}" d="{way}"/>'
    else:
        yield _text(shape)


def _boxes(shape: Boxes) -> Iterator[str]:
    """A group of one path for each run of boxes of one colour."""
    sides = np.round(shape.sides * [DPI, DPI, -DPI, -DPI], 2)
    left, right, bottom, top = sides.T
    width, height = np.round(right - left, 2), np.round(bottom - top, 2)
    ways = [
        f"M{x:g} {y:g}h{across:g}v{down:g}h{-across:g}z"
        for x, y, across, down in np.stack([left, top, width, height], 1).tolist()
    ]
    edge = f' stroke="{shape.edge}" stroke-width="{_number(shape.line / 72)}"' if shape.line else ""
    runs = groupby(zip(hexes(shape.fill), ways, strict=True), key=lambda box: box[0])
    paths = [f'<path fill="{color}" d="{"".join(way for _, way in run)}"/>' for color, run in runs]
    yield "\n".join([f"<g{edge}>", *paths, "</g>"]) if edge else "\n".join(paths)


def _text(shape: Text) -> str:
    weight = ' font-weight="bold"' if shape.font == BOLD else ""
    return (
        f'<text x="{_number(shape.x)}" y="{_number(-shape.y)}" font-size="{_number(shape.size / 72)}" '
        f'fill="{shape.color}"{weight}{ANCHORS[shape.align]}>{xml_text(shape.text)}</text>'
    )


def _number(inches: float) -> str:
    """A length in pixels, to a hundredth."""
    return f"{round(inches * DPI, 2):g}"
