"""What stands above a piano roll: title, how much there is, facts, whose the colours are, and what they say.

Draws on a canvas from the top downwards, in inches. Knows nothing of where the notes lie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from symusic.core import TrackTick

from erato.renderers.base import About
from erato.renderers.canvas import BOLD, Canvas
from erato.renderers.names import track_labels
from erato.renderers.palette import FAINT, INK, NO_NUMBER, PAPER, SOFT, of_track, round_step, scaled
from erato.score import Floats

MAX_LEGEND = 24
GIVEN_PAPER, HATCH = "#f0ebdf", "#8d8674"
SWATCH = 0.17
BIT = math.log(2)  # nats


@dataclass(frozen=True)
class Scale:
    """The surprise of notes in colours: `most` nats have the last colour; values: [N] of all notes."""

    values: Floats
    most: float
    step: float

    @classmethod
    def of(cls, surprise: Sequence[Floats]) -> "Scale":
        """From 0 to what 98 of 100 notes stay below, in round numbers: one outlier does not make all others alike."""
        values = np.concatenate([np.zeros(0), *surprise])
        known = values[np.isfinite(values)]
        high = max(float(np.quantile(known, 0.98)) if len(known) else 0.0, 0.1)
        step = round_step(high, 5)
        return cls(values, math.ceil(high / step - 1e-9) * step, step)

    def colors(self, values: Floats) -> Floats:
        """[N, 3] of nats [N]."""
        return scaled(values, self.most)


def heading(
    canvas: Canvas,
    about: About,
    summary: str,
    tracks: Sequence[TrackTick],
    scale: Scale | None,
    given: bool,
    left: float,
    top: float,
    room: float,
) -> float:
    """Draws all of it, `room` inches wide; returns the base line of the last line. given: whether some notes were."""
    y = top
    if about.title:
        y -= 0.2
        canvas.text(left, y, about.title, 15, INK, BOLD, room=room)
    y -= 0.22
    canvas.text(left, y, summary, 8.5, SOFT, room=room)
    facts = [f"{name}: {value}" if value else name for name, value in about.facts.items()]
    for line in canvas.wrap(facts, 8.5, room, "  ·  ", 3):
        y -= 0.17
        canvas.text(left, y, line, 8.5, SOFT, room=room)
    if tracks:
        y = _legend(canvas, tracks, scale is not None, given, left, y - 0.27, room)
    return y if scale is None else _scale(canvas, scale, left, y - 0.34)


def _legend(
    canvas: Canvas, tracks: Sequence[TrackTick], edges: bool, given: bool, left: float, y: float, room: float
) -> float:
    """The colour of each track, or of the edges of its notes; the hatching of what was given."""
    x = left
    if given:
        hatched(canvas, x, x + SWATCH, y - 0.015, y + 0.095)
        x = _label(canvas, "given", x, y)
    for index, label in enumerate(track_labels(tracks)):
        many = index == MAX_LEGEND and len(tracks) > MAX_LEGEND + 1
        label = f"and {len(tracks) - index} more tracks" if many else label
        label = canvas.shorten(label, 9, min(room, 4.0) - 0.25)
        if x > left and x + 0.25 + canvas.width_of(label, 9) > left + room:
            x, y = left, y - 0.21
        if many:
            canvas.text(x, y, label, 9, INK)
            break
        color, edge = of_track(index)
        canvas.boxes([[x, x + SWATCH, y - 0.015, y + 0.095]], [PAPER if edges else color], edge, 1.2 if edges else 0.7)
        x = _label(canvas, label, x, y)
    return y


def _label(canvas: Canvas, label: str, x: float, y: float) -> float:
    """The name of the swatch at x; where the next one may stand."""
    canvas.text(x + 0.24, y, label, 9, INK)
    return x + 0.25 + canvas.width_of(label, 9) + 0.28


def _scale(canvas: Canvas, scale: Scale, left: float, y: float) -> float:
    """What the colours of surprise mean, in nats below the scale and in bits above."""
    known = scale.values[np.isfinite(scale.values)]
    mean = f", on average {known.mean():.2f} nats" if len(known) else ""
    said = f"Surprise of each note{mean}:"
    canvas.text(left, y, said, 9, INK)
    x, width, parts = left + canvas.width_of(said, 9) + 0.2, 2.6, 130
    edges = np.linspace(x, x + width, parts + 1)
    shades = scale.colors((np.arange(parts) + 0.5) / parts * scale.most)
    sides = np.stack([edges[:-1], edges[1:] + 0.005, np.full(parts, y - 0.02), np.full(parts, y + 0.1)], 1)
    canvas.boxes(sides, shades)
    more = bool((known > scale.most).any())
    for unit, size, base, mark in (("nats", 1.0, y - 0.15, y - 0.02), ("bits", BIT, y + 0.15, y + 0.1)):
        step = scale.step if size == 1 else round_step(scale.most / size, 6)
        count = math.floor(scale.most / size / step + 1e-9)
        places = [x + width * number * step * size / scale.most for number in range(count + 1)]
        out = -0.035 if unit == "nats" else 0.035
        canvas.lines([[(place, mark), (place, mark + out)] for place in places], SOFT, 0.6)
        for number, place in enumerate(places):
            last = more and number == count and unit == "nats"
            canvas.text(place, base, f"{number * step:g}{'+' if last else ''}", 6.5, SOFT, align="center")
        canvas.text(x + width + 0.14, base, unit, 6.5, SOFT)
    if len(known) < len(scale.values):
        x += width + 0.55
        canvas.boxes([[x, x + SWATCH, y - 0.015, y + 0.095]], [NO_NUMBER], FAINT, 0.7)
        canvas.text(x + 0.24, y, "not known", 9, INK)
    return y - 0.14


def hatched(canvas: Canvas, left: float, right: float, bottom: float, top: float) -> None:
    """A box of what was given: tinted, and hatched, so that it shows in black and white."""
    canvas.boxes([[left, right, bottom, top]], [GIVEN_PAPER])
    slant = top - bottom
    lines = []
    for foot in np.arange(left - slant, right, 0.045):
        low, high = max(float(foot), left), min(float(foot) + slant, right)
        lines.append([(low, bottom + low - float(foot)), (high, bottom + high - float(foot))])
    canvas.lines(lines, HATCH, 0.6)
