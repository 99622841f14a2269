"""What a page is made of, in the order it is drawn: boxes, lines, text. Data only.

In inches: x to the right from the left edge, y upwards from the top edge, so that it is negative. Legend: N boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from erato.score import Floats

DPI = 120  # pixels an inch
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"  # matplotlib brings them along
Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Boxes:
    """Rectangles; sides: [N, 4] of left, right, bottom, top; fill: [N, 3] of 0 to 1; line: points, 0 for no edge."""

    sides: Floats
    fill: Floats
    edge: str
    line: float


@dataclass(frozen=True)
class Lines:
    """Straight lines, each through points (x, y); width in points."""

    lines: Sequence[Sequence[tuple[float, float]]]
    color: str
    width: float


@dataclass(frozen=True)
class Text:
    """One line of text on its base line; size in points."""

    x: float
    y: float
    text: str
    size: float
    color: str
    font: str
    align: Align


Shape = Boxes | Lines | Text
