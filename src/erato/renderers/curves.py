"""What was measured while a model learned to curves, as SVG or PNG. In: numbers by step. Out: text, or bytes.

Panels below one another share the steps; the minutes stand above. What is no finite number is a gap. Everything is laid
out in inches, x to the right and y upwards, as the canvas has it. Knows nothing of runs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from erato.renderers.canvas import BOLD, Canvas
from erato.renderers.palette import COLORS, FAINT, INK, PAPER, SOFT, darker, round_step
from erato.score import Floats

WIDTH, MARGIN = 8.0, 0.3
LEFT, RIGHT = 0.95, 6.25  # edges of the panels; numbers stand before them, names behind
GRID, FRAME = "#e6e7ec", "#b9bac4"
DASHES: tuple[tuple[float, ...], ...] = ((), (0.085, 0.045), (0.025, 0.035), (0.12, 0.035, 0.025, 0.035))
POINTS = 500  # of a curve that are drawn; of more, the least and the most of each stretch
DOTS = 40  # points of a curve up to which each is marked
LOGARITHMIC = 30  # times the least that the most is, from which on equal factors have equal room
LINE = 0.165  # between names, at least


@dataclass(frozen=True)
class Curve:
    """Values [N] at steps [N], which do not fall; faint: what only lies behind the others."""

    name: str
    steps: Floats
    values: Floats
    faint: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves of one kind, under a title; mark: the (step, value) that was chosen, and what to say of it.

    height: in inches. percent: shares of 1, which are written as per cent. least: what the axis reaches down to.
    factors: whether equal factors may have equal room, where values differ much.
    """

    title: str
    curves: Sequence[Curve]
    mark: tuple[float, float] | None = None
    marked: str = ""
    height: float = 1.35
    percent: bool = False
    least: float | None = None
    factors: bool = False


@dataclass(frozen=True)
class Chart:
    """Panels, a title and sentences; clock: (steps [N], seconds [N]), both growing, from which minutes are shown."""

    title: str
    said: Sequence[str]
    panels: Sequence[Panel]
    clock: tuple[Floats, Floats] | None = None


def curves_svg(chart: Chart) -> str:
    """The chart as SVG."""
    canvas = Canvas(WIDTH)
    return canvas.svg(_Drawn(canvas, chart).draw())


def curves_png(chart: Chart) -> bytes:
    """The chart as PNG."""
    canvas = Canvas(WIDTH)
    return canvas.png(_Drawn(canvas, chart).draw())


class _Scale:
    """Where values lie between `low` (0) and `high` (1), and which of them are named."""

    def __init__(self, panel: Panel) -> None:
        finite = [curve.values[np.isfinite(curve.values)] for curve in panel.curves]
        values = np.concatenate([[] if panel.least is None else [panel.least], *finite])
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        self.percent, self.log = panel.percent, panel.factors and low > 0 and high / low > LOGARITHMIC
        if self.log:
            low, high = math.log10(low), math.log10(high)
        room = (high - low) * 0.07 or abs(high) * 0.05 or 1.0
        self.low, self.high = low - room, high + room
        self.parts = max(2, round(panel.height / 0.35))  # names that there is room for

    def at(self, values: Floats) -> Floats:
        known = np.log10(np.maximum(values, 1e-300)) if self.log else values
        return np.asarray((known - self.low) / (self.high - self.low))

    def ticks(self) -> list[tuple[float, str]]:
        if self.log:
            factors = (1, 2, 5) if self.high - self.low < 3 else (1,)
            powers = range(math.floor(self.low), math.ceil(self.high) + 1)
            found = [factor * 10.0**power for power in powers for factor in factors]
            return [(value, number(value)) for value in found if self.low <= math.log10(value) <= self.high]
        for parts in range(self.parts, self.parts + 9):
            step = round_step(self.high - self.low, parts)
            values = np.arange(math.ceil(self.low / step), math.floor(self.high / step) + 1) * step
            if len(values) > 1:
                break
        return [(float(value), number(float(value), step, self.percent)) for value in values]


class _Drawn:
    """One chart on a canvas."""

    def __init__(self, canvas: Canvas, chart: Chart) -> None:
        self.canvas, self.chart = canvas, chart
        steps = [curve.steps for panel in chart.panels for curve in panel.curves if len(curve.steps)]
        self.last = max((float(one[-1]) for one in steps), default=1.0) or 1.0

    def draw(self) -> float:
        """Draws from the top downwards; returns the height used, in inches."""
        y = -MARGIN
        if self.chart.title:
            y -= 0.16
            self.canvas.text(MARGIN, y, self.chart.title, 14, INK, BOLD, room=WIDTH - 2 * MARGIN)
        for sentence in self.chart.said:
            y -= 0.18
            self.canvas.text(MARGIN, y, sentence, 8.5, SOFT, room=WIDTH - 2 * MARGIN)
        if y < -MARGIN:
            y -= 0.12
        for place, panel in enumerate(self.chart.panels):
            y = self._panel(
                panel,
                y - (0.34 if place or self.chart.clock else 0.2),
                first=not place,
                last=place == len(self.chart.panels) - 1,
            )
        return -y + MARGIN

    def _panel(self, panel: Panel, top: float, first: bool, last: bool) -> float:
        """A panel with its names; returns where it ends."""
        foot, canvas = top - panel.height, self.canvas
        scale = _Scale(panel)
        canvas.text(
            LEFT, top + (0.2 if first and self.chart.clock else 0.08), panel.title, 9, INK, BOLD, room=RIGHT - LEFT
        )
        self._grid(scale, top, foot, first, last)
        if panel.mark is not None:
            x = self._x(np.array([panel.mark[0]]))[0]
            canvas.lines(list(dashed([(x, foot), (x, top)], (0.03, 0.03))), SOFT, 0.7)
        ends: list[tuple[float, int, str]] = []
        seen: list[tuple[float, float]] = []
        for place, curve in _behind_first(panel.curves):
            points = self._points(curve, scale, foot, panel.height)
            self._curve(points, *_look(place, curve))
            seen += [point for run in points for point in run]
            if points:
                value = curve.values[np.isfinite(curve.values)][-1]
                ends.append((points[-1][-1][1], place, f"{curve.name} {number(float(value), 0, panel.percent)}"))
        self._names(sorted(ends), panel.curves)
        if panel.mark is not None and np.isfinite(panel.mark).all():
            self._mark(panel, scale, foot, top, seen)
        return foot - (0.38 if last else 0)

    def _grid(self, scale: _Scale, top: float, foot: float, first: bool, last: bool) -> None:
        canvas, height = self.canvas, top - foot
        for value, name in scale.ticks():
            y = foot + height * float(scale.at(np.array([value]))[0])
            canvas.lines([[(LEFT, y), (RIGHT, y)]], GRID, 0.7)
            canvas.text(LEFT - 0.07, y - 0.04, name, 7.5, SOFT, align="right", room=LEFT - MARGIN)
        step = max(1.0, round_step(self.last, 6))
        for value in np.arange(0, self.last + step / 1000, step):
            x = self._x(np.array([value]))[0]
            canvas.lines([[(x, foot), (x, foot - 0.04)]], FRAME, 0.7)
            if last:
                canvas.text(x, foot - 0.15, f"{value:,.0f}", 7.5, SOFT, align="center")
        if last:
            canvas.text((LEFT + RIGHT) / 2, foot - 0.32, "steps", 8, SOFT, align="center")
        if first and self.chart.clock:
            self._minutes(top, *self.chart.clock)
        canvas.lines([[(LEFT, foot), (RIGHT, foot)]], FRAME, 0.8)

    def _minutes(self, top: float, steps: Floats, seconds: Floats) -> None:
        """The time above the first panel: from nothing at step 0, and evenly between evaluations."""
        canvas, total = self.canvas, float(seconds[-1])
        unit, name = next((u, n) for u, n in ((3600, "h"), (60, "min"), (1, "s")) if total >= 2 * u or u == 1)
        step = round_step(total / unit, 6)
        times = np.arange(0, total / unit + step / 1000, step)
        places = np.interp(times * unit, np.concatenate([[0], seconds]), np.concatenate([[0], steps]))
        free = LEFT - 1
        canvas.lines([[(LEFT, top), (RIGHT, top)]], FRAME, 0.8)
        for time, x in zip(times, self._x(places), strict=True):
            text = f"{number(float(time), step)} {name}"
            half = canvas.width_of(text, 7) / 2
            if x - half > free:
                canvas.lines([[(x, top), (x, top + 0.03)]], FRAME, 0.7)
                canvas.text(x, top + 0.055, text, 7, SOFT, align="center")
                free = x + half + 0.08

    def _points(self, curve: Curve, scale: _Scale, foot: float, height: float) -> list[list[tuple[float, float]]]:
        """The places of a curve's points, in runs without a gap."""
        steps, values = thinned(curve.steps, curve.values)
        x, y = self._x(steps), foot + height * scale.at(values)
        runs: list[list[tuple[float, float]]] = [[]]
        for one, other in zip(x.tolist(), y.tolist(), strict=True):
            if math.isfinite(other):
                runs[-1].append((one, other))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    def _curve(self, runs: list[list[tuple[float, float]]], color: str, width: float, dash: tuple[float, ...]) -> None:
        for run in runs:
            self.canvas.lines(list(dashed(run, dash)) if dash else [run] * (len(run) > 1), color, width)
        dots = [point for run in runs for point in run]
        if len(dots) > DOTS:
            dots = [run[0] for run in runs if len(run) == 1]
        half = 0.008 + 0.009 * width
        self.canvas.boxes([[x - half, x + half, y - half, y + half] for x, y in dots], [color] * len(dots))

    def _names(self, ends: list[tuple[float, int, str]], curves: Sequence[Curve]) -> None:
        """The name of each curve behind its end, one above another where ends lie close."""
        for y, (end, place, text) in zip(spaced([end for end, _, _ in ends], LINE), ends, strict=True):
            color, width, dash = _look(place, curves[place])
            x = RIGHT + 0.1
            self.canvas.lines([[(RIGHT + 0.03, end), (x, y)]], GRID, 0.7)
            sample = [(x, y), (x + 0.24, y)]
            self.canvas.lines(list(dashed(sample, dash)) if dash else [sample], color, width)
            self.canvas.text(x + 0.3, y - 0.04, text, 8, darker(color, 0.8), room=WIDTH - x - 0.4)

    def _mark(self, panel: Panel, scale: _Scale, foot: float, top: float, seen: list[tuple[float, float]]) -> None:
        """A ring at what was chosen, and beside it what to say of it, where there is most room."""
        assert panel.mark is not None
        canvas, text = self.canvas, panel.marked
        x = float(self._x(np.array([panel.mark[0]]))[0])
        y = foot + panel.height * float(scale.at(np.array([panel.mark[1]]))[0])
        for radius, color, width in ((0.062, PAPER, 3.2), (0.062, INK, 1.5)):
            angles = [math.tau * n / 28 for n in range(29)]
            ring = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
            canvas.lines([ring], color, width)
        if not text:
            return
        wide, tall = canvas.width_of(text, 8, BOLD) + 0.08, 0.17
        corners = [
            (left, low)
            for low in (y + 0.12, y - 0.12 - tall, y + 0.4, y - 0.4 - tall)
            for left in (x - wide / 2, x + 0.1, x - 0.1 - wide)
            if left > LEFT and left + wide < RIGHT and foot < low and low + tall < top
        ] or [(min(max(x - wide / 2, LEFT), RIGHT - wide), min(max(y + 0.12, foot), top - tall))]

        def covered(corner: tuple[float, float]) -> int:
            left, low = corner
            return sum(left < px < left + wide and low < py < low + tall for px, py in seen)

        left, low = min(corners, key=covered)
        canvas.boxes([[left, left + wide, low, low + tall]], [PAPER])
        canvas.text(left + 0.04, low + 0.045, text, 8, INK, BOLD)

    def _x(self, steps: Floats) -> Floats:
        return np.asarray(LEFT + (RIGHT - LEFT) * steps / self.last)


def thinned(steps: Floats, values: Floats, most: int = POINTS) -> tuple[Floats, Floats]:
    """At most `most` points of a curve: the least and the most of each stretch, and the first and the last of all.

    What is no number stays only where a stretch has nothing else.
    """
    if len(steps) <= most:
        return steps, values
    kept = {0, len(steps) - 1}
    for stretch in np.array_split(np.arange(len(steps)), (most - 2) // 2):
        finite = stretch[np.isfinite(values[stretch])]
        kept |= (
            {int(finite[values[finite].argmin()]), int(finite[values[finite].argmax()])}
            if len(finite)
            else {int(stretch[0])}
        )
    found = sorted(kept)
    return steps[found], values[found]


def spaced(wanted: Sequence[float], least: float) -> list[float]:
    """Places at least so far apart, as near as can be to those that are wanted, which do not fall."""
    groups: list[list[float]] = []  # those that touch: their wish, and how many they are
    for number, place in enumerate(wanted):
        groups.append([place - number * least, 1])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (one, many), (other, more) = groups[-2:]
            groups[-2:] = [[(one * many + other * more) / (many + more), many + more]]
    found = [wish for wish, many in groups for _ in range(int(many))]
    return [place + number * least for number, place in enumerate(found)]


def number(value: float, step: float = 0.0, percent: bool = False) -> str:
    """A number as it stands beside an axis whose names are `step` apart; 0: alone, with four figures."""
    if percent:
        digits = max(0, -math.floor(math.log10(step * 100) + 1e-9)) if step else 1
        return f"{100 * value:.{digits}f} %"
    if value and not 1e-6 <= abs(value) < 1e9:
        return f"{value:.4g}".replace("-", "−")
    if step:
        return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "−")
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
    shown = f"{value:,.{digits}f}"
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).replace("-", "−")


def _look(place: int, curve: Curve) -> tuple[str, float, tuple[float, ...]]:
    """Colour, width in points and dashes of a curve; no two of a panel share both colour and dashes."""
    if curve.faint:
        return FAINT, 0.6, ()
    return COLORS[place % len(COLORS)], (1.9, 1.5, 1.7, 1.5)[place % 4], DASHES[place % len(DASHES)]


def _behind_first(curves: Sequence[Curve]) -> list[tuple[int, Curve]]:
    """The curves with their places, in the order they are drawn: the first lies on top."""
    return sorted(enumerate(curves), key=lambda one: (not one[1].faint, -one[0]))


def dashed(points: Sequence[tuple[float, float]], dash: tuple[float, ...]) -> Iterator[list[tuple[float, float]]]:
    """The pieces of a line that dashes of these lengths, and the gaps between them, leave."""
    place, left, piece = 0, dash[0], [points[0]]
    for (x, y), (to_x, to_y) in pairwise(points):
        length = math.hypot(to_x - x, to_y - y)
        done = 0.0
        while length - done > left:
            done += left
            here = (x + (to_x - x) * done / length, y + (to_y - y) * done / length)
            if place % 2 == 0:
                yield [*piece, here]
            piece, place = [here], place + 1
            left = dash[place % len(dash)]
        left -= length - done
        piece.append((to_x, to_y))
    if place % 2 == 0 and len(piece) > 1:
        yield piece
