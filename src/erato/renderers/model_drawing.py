"""The parts of a model to a drawing, as SVG or PNG. In: parts, with their shapes and parameters. Out: text, or bytes.

From top to bottom as a model works: a box a part, parts within parts, equal ones once. Knows nothing of models.
Everything is laid out in inches, x to the right and y upwards, as the canvas has it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from erato.renderers.canvas import BOLD, REGULAR, Canvas
from erato.renderers.palette import COLORS, INK, PAPER, SOFT

WIDTH, MARGIN = 8.0, 0.3
ROW, PAD = 0.3, 0.13  # height of a row; room around what is inside of a part
APART, FLOW = 0.07, 0.18  # between parts that have nothing to do with each other, and with an arrow
BYPASS = 0.26  # room beside a part for the line that goes past it, and below it for the sum
LEAST = 1.3  # that a name and its number have at least
STACK = 0.045  # by how much each of the boxes behind the first of several stands out
BARS = 0.42  # height of the bars of parts of different sizes
SPINE = 0.42  # from the left edge of a part to the arrow into it
COLUMN = {"share": 0.12, "parameters": 0.62, "shape": 1.62}  # from the right edge to the ends of columns
EDGE, SHADE, TINT, LINE = "#b9bac4", "#f3f4f7", "#cfe3f2", "#6b6b73"
ACCENT = COLORS[0]


@dataclass(frozen=True)
class Part:
    """A part of a model, or several that are alike.

    name, kind: what its parameters are called by, and what it is; reads, gives: shapes, for people, where they are
    known; parameters: its own, without those inside, of one; shared ones count where they come first. count: how many
    there are; each: where these are not equal, the parameters of every one. follows: whether it goes on from the part
    before it. skips: how often what it reads is added to what it makes. note: what else there is to say.
    """

    name: str
    kind: str
    reads: str = ""
    gives: str = ""
    parameters: int = 0
    count: int = 1
    each: tuple[int, ...] = ()
    inside: tuple["Part", ...] = ()
    skips: int = 0
    follows: bool = False
    note: str = ""

    @property
    def total(self) -> int:
        """The parameters of all of them, with those inside."""
        return sum(self.each) or self.count * (self.parameters + sum(part.total for part in self.inside))

    @property
    def depth(self) -> int:
        """Parts within parts."""
        return 1 + max(part.depth for part in self.inside) if self.inside else 0


@dataclass(frozen=True)
class Drawing:
    """A model: what it is called, sentences on it, and its parts; reads, gives: what goes in and comes out."""

    title: str
    said: Sequence[str]
    parts: Sequence[Part]
    reads: str = ""
    gives: str = ""


def model_svg(drawing: Drawing) -> str:
    """The drawing as SVG."""
    canvas = Canvas(WIDTH)
    return canvas.svg(_Drawn(canvas, drawing).draw())


def model_png(drawing: Drawing) -> bytes:
    """The drawing as PNG."""
    canvas = Canvas(WIDTH)
    return canvas.png(_Drawn(canvas, drawing).draw())


class _Drawn:
    """One drawing on a canvas."""

    def __init__(self, canvas: Canvas, drawing: Drawing) -> None:
        self.canvas, self.drawing = canvas, drawing
        self.total = sum(part.total for part in drawing.parts)
        depth = max((part.depth for part in drawing.parts), default=0)
        self.right = WIDTH - MARGIN - depth * (PAD + 2 * STACK)  # of what is innermost: columns are the same for all
        self.longest = self.right - MARGIN - depth * (PAD + BYPASS)  # bar

    def draw(self) -> float:
        """Draws from the top downwards; returns the height used, in inches."""
        y = self._heading(-MARGIN)
        if self.drawing.reads:
            y = self._end(f"reads {self.drawing.reads}", y)
        y = self._parts(self.drawing.parts, MARGIN, WIDTH - MARGIN, y, bool(self.drawing.reads))
        if self.drawing.gives:
            self._arrow(MARGIN + SPINE, y, y - FLOW)
            y = self._end(f"gives {self.drawing.gives}", y - FLOW)
        legend = ["blue: its share of all parameters", "an arrow: what stands above goes in"]
        if any("T" in text for part in _all(self.drawing.parts) for text in (part.reads, part.gives)):
            legend.insert(0, "T: symbols of a piece")
        if any(part.each for part in _all(self.drawing.parts)):
            legend.append("bars: the parameters of each")
        self.canvas.text(MARGIN, y - 0.24, "  ·  ".join(legend), 7.5, SOFT)
        return -y + 0.24 + MARGIN

    def _heading(self, y: float) -> float:
        if self.drawing.title:
            y -= 0.16
            self.canvas.text(MARGIN, y, self.drawing.title, 14, INK, BOLD, room=WIDTH - 2 * MARGIN)
        for sentence in self.drawing.said:
            y -= 0.18
            self.canvas.text(MARGIN, y, sentence, 8.5, SOFT, room=WIDTH - 2 * MARGIN)
        y -= 0.26 if self.drawing.title else 0.08
        self.canvas.text(self.right - COLUMN["shape"], y, "reads → gives", 7.5, SOFT, align="right")
        self.canvas.text(self.right - COLUMN["share"], y, "parameters", 7.5, SOFT, align="right")
        return y - 0.09

    def _end(self, text: str, y: float) -> float:
        """What goes in, or comes out."""
        foot = y - ROW * 0.85
        text = self.canvas.shorten(text, 8.5, WIDTH - 2 * MARGIN - 0.3)
        across = max(self.canvas.width_of(text, 8.5) + 0.3, 2 * SPINE)
        self.canvas.boxes([[MARGIN, MARGIN + across, foot, y]], [INK])
        self.canvas.text(MARGIN + 0.15, foot + 0.085, text, 8.5, PAPER)
        return foot

    def _parts(self, parts: Sequence[Part], left: float, right: float, y: float, flows: bool) -> float:
        """Parts below one another; flows: whether something goes into the first. Returns where they end."""
        for number, part in enumerate(parts):
            gap = _gap(part, number, flows)
            if gap == FLOW:
                self._arrow(left + SPINE, y, y - gap)
            y -= gap
            self._part(part, left, right, y)
            y -= _height(part)
        return y

    def _part(self, part: Part, left: float, right: float, top: float) -> None:
        foot = top - _height(part)
        if part.skips:
            foot += BYPASS
            self._bypass(part, left, top, foot)
            left += BYPASS
        if part.count > 1:
            right, foot = right - 2 * STACK, foot + 2 * STACK
            behind = [[left + n * STACK, right + n * STACK, foot - n * STACK, top - n * STACK] for n in (2, 1)]
            self.canvas.boxes(behind, [SHADE] * 2, EDGE, 0.8)
        self.canvas.boxes([[left, right, foot, top]], [SHADE if part.inside else PAPER], EDGE, 0.8)
        share = part.total / max(1, self.total)
        if not part.inside and not part.each and share:
            self.canvas.boxes([[left, left + share * self.longest, foot, top]], [TINT])
            self.canvas.lines([_outline(left, right, foot, top)], EDGE, 0.8)
        self._row(part, left, top, share)
        if part.each:
            self._bars(part.each, left, foot)
        self._parts(part.inside, left + PAD, right - PAD, top - ROW, False)

    def _row(self, part: Part, left: float, top: float, share: float) -> None:
        """The line of text of a part: how many, name, kind, note; shapes, parameters, share."""
        y, canvas, x = top - ROW * 0.64, self.canvas, left + 0.12
        shapes = " → ".join(shape for shape in (part.reads, part.gives) if shape)
        shapes = canvas.shorten(shapes, 8.5, min(2.6, self.right - COLUMN["shape"] - x - LEAST))
        end = self.right - COLUMN["shape"] - canvas.width_of(shapes, 8.5) - 0.15
        canvas.text(self.right - COLUMN["shape"], y, shapes, 8.5, INK, align="right")
        if part.count > 1:
            number = f"{part.count:,} ×"
            canvas.text(x, y, number, 9, ACCENT, BOLD)
            x += canvas.width_of(number, 9, BOLD) + 0.08
        for text, size, color, font in (
            (part.name, 9.0, INK, BOLD),
            (part.kind, 8.5, INK, REGULAR),
            (part.note, 8.0, SOFT, REGULAR),
        ):
            text = canvas.shorten(text, size, max(0.0, end - x), font)
            if text.strip("…"):
                canvas.text(x, y, text, size, color, font)
                x += canvas.width_of(text, size, font) + 0.1
        if part.total:
            canvas.text(self.right - COLUMN["parameters"], y, f"{part.total:,}", 8.5, INK, align="right")
            percent = f"{round(100 * share)} %" if share >= 0.005 else "<1 %"
            canvas.text(self.right - COLUMN["share"], y, percent, 7.5, SOFT, align="right")

    def _bars(self, each: Sequence[int], left: float, foot: float) -> None:
        """The parameters of every one of several, as bars."""
        first, room, tall = left + 0.12, self.right - COLUMN["share"] - left - 0.12, BARS - 0.1
        across = min(0.18, room / len(each))
        most = max(each)
        boxes = [
            [first + n * across, first + (n + 0.82) * across, foot + 0.07, foot + 0.08 + tall * value / most]
            for n, value in enumerate(each)
        ]
        self.canvas.boxes(boxes, [ACCENT] * len(boxes))

    def _arrow(self, x: float, top: float, foot: float) -> None:
        self.canvas.lines([[(x, top), (x, foot + 0.01)]], LINE, 1.0)
        self.canvas.lines([[(x - 0.045, foot + 0.075), (x, foot + 0.008), (x + 0.045, foot + 0.075)]], LINE, 1.0)

    def _bypass(self, part: Part, left: float, top: float, foot: float) -> None:
        """The line past a part, to where what it reads is added to what it makes."""
        canvas, spine, begin, end, size = self.canvas, left + SPINE, top + FLOW / 2, foot - BYPASS * 0.55, 0.07
        x = left + BYPASS * 0.4
        canvas.lines([[(spine, begin), (x, begin), (x, end), (spine - size, end)]], ACCENT, 1.2)
        canvas.lines([[(spine, foot), (spine, foot - BYPASS)]], LINE, 1.0)
        canvas.boxes([[spine - 0.05, spine + 0.05, end - size, end + size]], [PAPER])
        angles = [math.tau * n / 24 for n in range(25)]
        circle = [(spine + size * math.cos(angle), end + size * math.sin(angle)) for angle in angles]
        plus = [[(spine - 0.04, end), (spine + 0.04, end)], [(spine, end - 0.04), (spine, end + 0.04)]]
        canvas.lines([circle, *plus], ACCENT, 1.2)
        said = "what it read is added" if part.skips == 1 else f"what it read is added, in {part.skips} steps"
        canvas.text(spine + 0.14, end - 0.035, said, 7.5, SOFT)


def _gap(part: Part, number: int, flows: bool) -> float:
    return FLOW if (part.follows if number else flows) else APART


def _height(part: Part) -> float:
    """Of a part with all that belongs to it."""
    inner = 0.0
    if part.inside:
        inner = sum(_gap(one, number, False) + _height(one) for number, one in enumerate(part.inside)) + PAD
    behind = 2 * STACK if part.count > 1 else 0.0
    return ROW + inner + (BARS if part.each else 0.0) + behind + (BYPASS if part.skips else 0.0)


def _outline(left: float, right: float, foot: float, top: float) -> list[tuple[float, float]]:
    return [(left, foot), (left, top), (right, top), (right, foot), (left, foot)]


def _all(parts: Sequence[Part]) -> list[Part]:
    return [one for part in parts for one in (part, *_all(part.inside))]
