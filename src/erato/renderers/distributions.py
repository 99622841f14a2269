"""How sets of values lie beside one another to pictures, SVG or PNG. In: numbers by name. Out: text, or bytes.

Small multiples, a panel a feature: the first set is a grey shape, the others are lines, all over one axis, with a mark
at each median. Whole numbers are counted, others smoothed; of few each is a dot. What is no finite number is left out,
what lies far off stands beyond the axis; both are counted. Laid out in inches, as the canvas has it. Knows nothing of
pieces.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from erato.renderers.canvas import BOLD, Canvas
from erato.renderers.curves import DASHES, FRAME, GRID, MARGIN, WIDTH, dashed
from erato.renderers.distribution_axis import FEW, Axis
from erato.renderers.heat_maps import matrix_png, matrix_svg
from erato.renderers.palette import COLORS, INK, PAPER, SOFT, darker
from erato.score import Floats

__all__ = ["Distribution", "distributions_png", "distributions_svg", "matrix_png", "matrix_svg"]

FILL, EDGE = "#d9dae0", "#8b8b95"  # the first set
GAP, BETWEEN = 0.32, 0.3  # inches between panels of a row, and between rows
TITLE, LINE, SAMPLE = 0.17, 0.165, 0.2  # inches: of a title, of a line of small text, of what stands for a set
COLUMN = 1 / 60  # inches: two pixels of a shape


@dataclass(frozen=True)
class Distribution:
    """The values of each set, by its name, under a title; those of the first are what the others are seen against.

    percent: shares of 1, which are written as per cent. mark: a value to mark, marked: what to say of it. said: a line
    below.
    """

    title: str
    unit: str
    sets: Mapping[str, Sequence[float]]
    percent: bool = False
    mark: float | None = None
    said: str = ""
    marked: str = ""


def distributions_svg(panels: Sequence[Distribution], title: str = "") -> str:
    """The panels, up to three a row, as SVG."""
    canvas = Canvas(WIDTH)
    return canvas.svg(_Drawn(canvas, panels).draw(title))


def distributions_png(panels: Sequence[Distribution], title: str = "") -> bytes:
    """The panels, up to three a row, as PNG."""
    canvas = Canvas(WIDTH)
    return canvas.png(_Drawn(canvas, panels).draw(title))


class _Drawn:
    """Panels on a canvas."""

    def __init__(self, canvas: Canvas, panels: Sequence[Distribution]) -> None:
        self.canvas, self.panels = canvas, panels
        self.names = list(dict.fromkeys(name for panel in panels for name in panel.sets))

    def draw(self, title: str) -> float:
        """Draws from the top downwards; returns the height used, in inches."""
        y, across = -MARGIN, {1: 1, 2: 2, 4: 2}.get(len(self.panels), 3)
        wide = (WIDTH - 2 * MARGIN - (across - 1) * GAP) / across
        if title:
            y -= 0.16
            self.canvas.text(MARGIN, y, title, 14, INK, BOLD, room=WIDTH - 2 * MARGIN)
            y -= 0.1
        axes = [Axis(panel.sets, panel.percent, panel.mark, wide) for panel in self.panels]
        if self.names:
            entries = [(name, f"{name}, {self._counted(name, axes)}") for name in self.names]
            y = self._row([*entries, (None, "marks, figures: medians")], MARGIN, WIDTH - MARGIN, y - 0.12, 8.5)
        for first in range(0, len(self.panels), across):
            y -= BETWEEN
            row = range(first, min(first + across, len(self.panels)))
            lefts = [MARGIN + place * (wide + GAP) for place in range(across)]
            heads = [self._head(self.panels[n], axes[n], left, y) for n, left in zip(row, lefts, strict=False)]
            foot = min(heads) - (1.5 if across == 1 else 1.05 if across == 2 else 0.85)
            feet = []
            for n, left in zip(row, lefts, strict=False):
                self._plot(self.panels[n], axes[n], left, foot, min(heads) - 0.08)
                feet.append(self._said(self.panels[n], axes[n], left, foot - 0.16))
            y = min(feet)
        return -y + MARGIN

    def _counted(self, name: str, axes: Sequence[Axis]) -> str:
        counts = sorted(len(axis.sets.get(name, ())) for axis in axes)
        counts = [count for count in counts if count] or [0]
        return f"n = {counts[0]:,}" + (f" to {counts[-1]:,}" if counts[-1] != counts[0] else "")

    def _row(
        self, entries: Sequence[tuple[str | None, str]], left: float, right: float, y: float, size: float
    ) -> float:
        """What stands for each set (None: nothing), and words, on as many lines as needed; where the last stands."""
        x = left
        for name, words in entries:
            before = 0.0 if name is None else SAMPLE + 0.06
            wide = before + self.canvas.width_of(words, size)
            if x > left and x + wide > right:
                x, y = left, y - LINE
            place = 0 if name is None else self.names.index(name)
            color, width, dash = _look(place)
            middle = y + size / 200
            if place:
                self.canvas.lines(_line([(x, middle), (x + SAMPLE, middle)], dash), color, width)
            elif name is not None:
                self.canvas.boxes([[x, x + SAMPLE, middle - 0.04, middle + 0.04]], [FILL], EDGE, 0.8)
            ink = darker(color, 0.8) if place else SOFT
            self.canvas.text(x + before, y, words, size, ink, room=right - x - before)
            x += wide + 0.18
        return y

    def _head(self, panel: Distribution, axis: Axis, left: float, y: float) -> float:
        """Title, unit and the medians; where they end."""
        canvas, right = self.canvas, left + axis.inches
        canvas.text(left, y, panel.title, 9, INK, BOLD, room=axis.inches)
        x = left + canvas.width_of(canvas.shorten(panel.title, 9, axis.inches, BOLD), 9, BOLD) + 0.08
        if panel.unit and right - x > 0.2:
            canvas.text(x, y, panel.unit, 8, SOFT, room=right - x)
        medians = [
            (name, axis.said(float(np.median(values))) if len(values) else "none") for name, values in axis.sets.items()
        ]
        return self._row(medians, left, right, y - TITLE, 7.5)

    def _said(self, panel: Distribution, axis: Axis, left: float, y: float) -> float:
        """The lines below a panel, y that of the names of its axis; where they end."""
        parts = [panel.said] if panel.said else []
        if axis.beyond:
            parts.append(f"{axis.beyond:,} beyond the axis")
        if axis.left_out:
            parts.append(f"{axis.left_out:,} left out: no number")
        words = [word for part in parts for word in (*part.split()[:-1], part.split()[-1] + ";")]
        if words:
            words[-1] = words[-1].removesuffix(";")
        for line in self.canvas.wrap(words, 7.5, axis.inches, " ", 3):
            y -= 0.14
            self.canvas.text(left, y, line, 7.5, SOFT, room=axis.inches)
        return y

    def _plot(self, panel: Distribution, axis: Axis, left: float, foot: float, top: float) -> None:
        canvas, right = self.canvas, left + axis.inches
        if not any(map(len, axis.sets.values())):
            canvas.text((left + right) / 2, (foot + top) / 2, "no values", 8, SOFT, align="center")
        else:
            for value, name in axis.ticks(lambda name: canvas.width_of(name, 7.5)):
                x = left + axis.at(value)
                canvas.lines([[(x, foot), (x, top)]], GRID, 0.7)
                canvas.text(x, foot - 0.15, name, 7.5, SOFT, align="center")
            self._shapes(axis, left, foot, (top - foot) * (0.8 if axis.mark is not None else 0.96))
        canvas.lines([[(left, foot), (right, foot)]], FRAME, 0.8)
        if axis.mark is not None:
            self._mark(panel, axis, left, foot, top)

    def _shapes(self, axis: Axis, left: float, foot: float, tall: float) -> None:
        """The sets, the first behind the others, then the second on top, as it is the one to look at."""
        columns = max(2, round(axis.inches / COLUMN))
        edges = np.linspace(axis.low, axis.high, columns + 1) if not axis.step else axis.edges
        shaped = {name: values for name, values in axis.sets.items() if len(values) >= FEW}
        equal = {name for name, values in shaped.items() if not axis.step and np.ptp(values) <= 1e-9 * abs(values[0])}
        heights = {n: axis.height(v, (edges[:-1] + edges[1:]) / 2) for n, v in shaped.items() if n not in equal}
        most = max((float(height.max()) for height in heights.values()), default=0.0) or 1.0
        dots = [name for name, values in axis.sets.items() if 0 < len(values) < FEW]
        for name in sorted(axis.sets, key=lambda name: (bool(self.names.index(name)), -self.names.index(name))):
            values, look = axis.sets[name], _look(self.names.index(name))
            if not len(values):
                continue
            middle = float(np.median(values))
            x, seen = left + axis.at(middle), axis.low <= middle <= axis.high
            if name in dots:
                y = foot + 0.1 + min(0.13, (tall - 0.2) / len(dots)) * dots.index(name)
                self._dots([left + axis.at(value) for value in values if axis.low <= value <= axis.high], y, look[0])
                if seen:
                    self.canvas.lines([[(x, y - 0.08), (x, y + 0.08)]], look[0], 1.2)
            elif name in equal:
                self._stem(x, foot, tall, name)
            else:
                across = [left + axis.at(float(edge)) for edge in edges]
                self._shape(name, across, heights[name] / most * tall, foot, bool(axis.step))
                if seen:
                    at = int(np.clip(np.searchsorted(edges, middle, "right") - 1, 0, len(edges) - 2))
                    high = foot + float(heights[name][at]) / most * tall
                    self.canvas.lines([[(x, foot), (x, max(high, foot + 0.06))]], look[0], 1.0)

    def _shape(self, name: str, across: Sequence[float], heights: Floats, foot: float, stepped: bool) -> None:
        """A set along columns whose edges lie at `across`; heights in inches."""
        place = self.names.index(name)
        color, width, dash = _look(place)
        if not place:
            space = 1 / 240 if stepped else 0.0
            sides = [
                [low + space, high - space, foot, foot + height]
                for low, high, height in zip(across[:-1], across[1:], heights.tolist(), strict=True)
                if height > 1e-3
            ]
            self.canvas.boxes(sides, [FILL] * len(sides))
            if stepped:
                self.canvas.lines([[(low, head), (high, head)] for low, high, _, head in sides], color, 1.0)
                return
        points: list[tuple[float, float]] = []
        for low, high, height in zip(across[:-1], across[1:], (foot + heights).tolist(), strict=True):
            points += [(low, height), (high, height)] if stepped else [((low + high) / 2, height)]
        if stepped:
            points = _without_ends([(across[0], foot), *points, (across[-1], foot)], foot)
        self.canvas.lines(_line(points, dash), color, width)

    def _stem(self, x: float, foot: float, tall: float, name: str) -> None:
        """All values of a set are equal."""
        place = self.names.index(name)
        color, width, dash = _look(place)
        if place:
            self.canvas.lines(_line([(x, foot), (x, foot + tall)], dash), color, width)
        else:
            self.canvas.boxes([[x - 0.045, x + 0.045, foot, foot + tall]], [FILL], color, 0.8)

    def _dots(self, across: Sequence[float], y: float, color: str) -> None:
        """Round dots of a set that has few values: rings as broad as they are wide."""
        for radius, ink in ((0.047, PAPER), (0.035, color)):
            turns = [(math.cos(math.tau * n / 16), math.sin(math.tau * n / 16)) for n in range(17)]
            rings = [[(x + radius / 2 * c, y + radius / 2 * s) for c, s in turns] for x in across]
            self.canvas.lines(rings, ink, radius * 72)

    def _mark(self, panel: Distribution, axis: Axis, left: float, foot: float, top: float) -> None:
        """An upright line at what is marked, and what to say of it, on the side that has room."""
        assert axis.mark is not None
        x, canvas = left + axis.at(axis.mark), self.canvas
        canvas.lines(_line([(x, foot), (x, top)], (0.035, 0.025)), INK, 0.9)
        text = f"{panel.marked} {axis.said(axis.mark)}".strip()
        text = canvas.shorten(text, 7.5, axis.inches - 0.1)
        wide = canvas.width_of(text, 7.5)
        begin = x + 0.05 if x + 0.05 + wide <= left + axis.inches else max(left, x - 0.05 - wide)
        canvas.boxes([[begin - 0.02, begin + wide + 0.02, top - 0.13, top + 0.01]], [PAPER])
        canvas.text(begin, top - 0.1, text, 7.5, INK)


def _look(place: int) -> tuple[str, float, tuple[float, ...]]:
    """Colour, width in points and dashes of a set; the first is a shape, of which this is the edge."""
    if not place:
        return EDGE, 1.0, ()
    return COLORS[(place - 1) % len(COLORS)], 1.9 if place == 1 else 1.0, DASHES[max(0, place - 2) % len(DASHES)]


def _line(points: Sequence[tuple[float, float]], dash: tuple[float, ...]) -> list[Sequence[tuple[float, float]]]:
    if not points:
        return []
    return list(dashed(points, dash)) if dash else [points]


def _without_ends(points: list[tuple[float, float]], foot: float) -> list[tuple[float, float]]:
    """An outline without the stretches before and behind it that lie on the base line."""
    above = [place for place, (_, y) in enumerate(points) if y > foot]
    return points[max(0, above[0] - 1) : above[-1] + 2] if above else []
