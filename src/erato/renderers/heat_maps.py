"""Matrices of numbers to heat maps, SVG or PNG: the darker, the more. In: numbers. Out: text, or bytes.

Matrices side by side share one scale, which stands beside them. What is no finite number is grey, and counted. Cells
are whole pixels; of many, one stands for the mean of a block. Knows nothing of music. Legend: R rows, C columns.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from erato.renderers.canvas import BOLD, DPI, Canvas
from erato.renderers.curves import FRAME, MARGIN, number
from erato.renderers.palette import COLORS, INK, NO_NUMBER, SOFT, rgb, round_step
from erato.score import Floats, Ints

HUES = ("#f2f6fa", "#a3cbe4", COLORS[0], "#00304f")  # from nothing to the most; their light falls all along
LEVELS = 64  # colours that are told apart
MOST_CELLS = 96  # a side
SIDES = {1: 4.2, 2: 3.1}  # inches of a matrix, by how many stand beside one another; else:
SIDE = 2.1
MOST_BESIDE = 3
NAMED = 24  # names that stand along a side


def matrix_svg(
    matrix: Floats, names: Sequence[str], title: str = "", down: str = "", across: str = "", percent: bool = False
) -> str:
    """A matrix [R, C] as SVG; names: of rows and columns (none: they are counted), down, across: what these are."""
    return matrices_svg({title: matrix}, names, down, across, percent)


def matrix_png(
    matrix: Floats, names: Sequence[str], title: str = "", down: str = "", across: str = "", percent: bool = False
) -> bytes:
    """The same as PNG."""
    return matrices_png({title: matrix}, names, down, across, percent)


def matrices_svg(
    matrices: Mapping[str, Floats], names: Sequence[str], down: str = "", across: str = "", percent: bool = False
) -> str:
    """Matrices [R, C] by their titles, up to three a row, on one scale, as SVG."""
    canvas, height = _drawn(matrices, names, down, across, percent)
    return canvas.svg(height)


def matrices_png(
    matrices: Mapping[str, Floats], names: Sequence[str], down: str = "", across: str = "", percent: bool = False
) -> bytes:
    """The same as PNG."""
    canvas, height = _drawn(matrices, names, down, across, percent)
    return canvas.png(height)


def colors(levels: Ints) -> Floats:
    """The colour [N, 3] of each of the `LEVELS` levels; that of what has no number, of a level below 0."""
    places = np.clip(levels, 0, LEVELS - 1) / (LEVELS - 1) * (len(HUES) - 1)
    found = np.stack([np.interp(places, np.arange(len(HUES)), channel) for channel in rgb(HUES).T], 1)
    return np.where((levels < 0)[:, None], rgb([NO_NUMBER]), found)


def blocks(matrix: Floats, most: int = MOST_CELLS) -> tuple[Floats, int]:
    """A matrix [R, C] whose cells are the means of square blocks, so that no side has more than `most`; their side.

    What is no finite number is left out of a mean; a block of nothing else has none.
    """
    size = max(1, math.ceil(max(matrix.shape) / most))
    rows, columns = (math.ceil(side / size) for side in matrix.shape)
    padded = np.full((rows * size, columns * size), np.nan)
    padded[: matrix.shape[0], : matrix.shape[1]] = np.where(np.isfinite(matrix), matrix, np.nan)
    apart = padded.reshape(rows, size, columns, size)
    count = np.isfinite(apart).sum((1, 3))
    return np.where(count, np.nan_to_num(apart).sum((1, 3)), np.nan) / np.maximum(count, 1), size


def _drawn(
    matrices: Mapping[str, Floats], names: Sequence[str], down: str, across: str, percent: bool
) -> tuple[Canvas, float]:
    """The canvas with all that is drawn, and its height in inches."""
    known = [blocks(np.asarray(matrix, np.float64))[0] for matrix in matrices.values()]
    numbers = np.concatenate([np.zeros(0), *(cells[np.isfinite(cells)] for cells in known)])
    low, high = (min(0.0, float(numbers.min())), float(numbers.max())) if len(numbers) else (0.0, 1.0)
    ends = low, high if high > low else low + 1.0
    beside = min(max(1, len(matrices)), MOST_BESIDE)
    side = SIDES.get(beside, SIDE)
    width_of = Canvas(1.0).width_of
    before = max([0.35, *(min(1.0, width_of(name, 7.5)) + 0.1 for name in [*names, down])])
    step, head = before + side + 0.14, 0.19 + 0.24 * any(matrices) + 0.19 * bool(across)
    canvas, top, foot = Canvas(MARGIN + beside * step + 0.7), -MARGIN - head, -MARGIN - head
    for place, (title, matrix) in enumerate(matrices.items()):
        if place and place % MOST_BESIDE == 0:
            top = foot - 0.3 - head
        left = round((MARGIN + before + place % MOST_BESIDE * step) * DPI) / DPI
        x, y, wide = left, top + 0.26, side
        tall = _matrix(canvas, left, top, np.asarray(matrix, np.float64), names, ends, side)
        foot = min(foot, top - tall - 0.17)
        if across:
            canvas.text(x, y, across, 7.5, SOFT, room=wide)
            y += 0.19
        if down:
            canvas.text(x - 0.08, top + 0.09, down, 7.5, SOFT, align="right", room=before)
        if title:
            canvas.text(x, y, title, 9, INK, BOLD, room=wide)
        if not place:
            _scale(canvas, MARGIN + beside * step + 0.04, top, min(tall, 2.4), ends, percent)
    return canvas, MARGIN - foot


def _matrix(
    canvas: Canvas,
    left: float,
    top: float,
    matrix: Floats,
    names: Sequence[str],
    ends: tuple[float, float],
    side: float,
) -> float:
    """A matrix with the names of its rows and columns; how tall its cells are together."""
    cells, size = blocks(matrix)
    cell: float = max(1, int(side * DPI / max(1, *cells.shape))) / DPI
    wide, tall = float(cells.shape[1] * cell), float(cells.shape[0] * cell)
    top = round(top * DPI) / DPI
    canvas.boxes([[left - 1 / DPI, left + wide + 1 / DPI, top - tall - 1 / DPI, top + 1 / DPI]], [FRAME])
    _cells(canvas, left, top, cells, ends, cell)
    for at, name in _named(names, matrix.shape[0], cell / size):
        canvas.text(left - 0.07, top - at - 0.038, name, 7.5, SOFT, align="right", room=1.0)
    for at, name in _named(names, matrix.shape[1], cell / size):
        canvas.text(left + at, top + 0.07, name, 7.5, SOFT, align="center", room=max(cell, 0.4))
    missing = int((~np.isfinite(matrix)).sum())
    said = [f"a cell is the mean of {size} × {size}"] if size > 1 else []
    said += [f"{missing:,} without a number (grey)"] if missing else []
    if said:
        canvas.text(left, top - tall - 0.17, "; ".join(said), 7.5, SOFT, room=side)
    return tall


def _cells(canvas: Canvas, left: float, top: float, cells: Floats, ends: tuple[float, float], size: float) -> None:
    """Cells [R, C] of `size` inches; neighbours of a row that have one colour are one box."""
    low, high = ends
    shares = np.nan_to_num((cells - low) / (high - low))
    levels = np.where(np.isfinite(cells), np.round(shares * (LEVELS - 1)), -1).astype(np.int64)
    sides: list[list[float]] = []
    found: list[int] = []
    for row, line in enumerate(levels.tolist()):
        begin, head = 0, top - row * size
        for level, run in groupby(line):
            end = begin + len(list(run))
            sides.append([left + begin * size, left + end * size, head - size, head])
            found.append(level)
            begin = end
    if sides:
        order = np.argsort(found, kind="stable")  # boxes of one colour are written as one
        canvas.boxes(np.array(sides)[order], colors(np.array(found)[order]))


def _named(names: Sequence[str], count: int, each: float) -> list[tuple[float, str]]:
    """Where along a side of `count` rows or columns, `each` inches, names stand; numbers where names do not fit."""
    if len(names) == count <= NAMED:
        return [((n + 0.5) * each, name) for n, name in enumerate(names)]
    step = max(1, round(round_step(max(1, count), 6)))
    return [((n + 0.5) * each, f"{n:,}") for n in range(0, count, step)]


def _scale(canvas: Canvas, left: float, top: float, tall: float, ends: tuple[float, float], percent: bool) -> None:
    """The colours from the least to the most, with numbers beside them."""
    low, high = ends
    heights = np.linspace(top - tall, top, LEVELS + 1)
    sides = np.stack([np.full(LEVELS, left), np.full(LEVELS, left + 0.12), heights[:-1], heights[1:]], 1)
    canvas.boxes(sides, colors(np.arange(LEVELS)))
    step = round_step(high - low, 5)
    for value in np.arange(math.ceil(low / step), math.floor(high / step * (1 + 1e-9)) + 1) * step + 0.0:
        y = top - tall + tall * (float(value) - low) / (high - low)
        canvas.lines([[(left + 0.12, y), (left + 0.15, y)]], FRAME, 0.8)
        canvas.text(left + 0.18, y - 0.038, number(float(value), step, percent), 7.5, SOFT)
