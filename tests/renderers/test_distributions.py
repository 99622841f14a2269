"""Distributions and heat maps: shapes are as high as the values say, what is left out is counted."""

import math
import re
from statistics import NormalDist
from xml.etree import ElementTree

import numpy as np
import pytest

from erato.renderers.distribution_axis import Axis, kernel_width, smoothed
from erato.renderers.distributions import (
    FILL,
    Distribution,
    distributions_png,
    distributions_svg,
    matrix_png,
    matrix_svg,
)
from erato.renderers.heat_maps import FRAME, LEVELS, blocks, colors, matrices_svg
from erato.renderers.palette import COLORS, NO_NUMBER, hexes

SVG = "{http://www.w3.org/2000/svg}"
PEOPLE, RUN, TRAINING = "people (held out)", "this run", "people (training)"
BLUE, RED = COLORS[0].lower(), COLORS[1].lower()


def drawn(*panels, title=""):
    return ElementTree.fromstring(distributions_svg(panels, title))


def texts(root):
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def place_of(root, text):
    (found,) = [e for e in root.iter(f"{SVG}text") if e.text == text]
    return float(found.get("x")), float(found.get("y"))


def boxes(root, color):
    """Left, top, width and height of the boxes of a colour, but not of what stands for a set."""
    ways = [e.get("d") for e in root.iter(f"{SVG}path") if (e.get("fill") or "").lower() == color]
    found = [tuple(map(float, box)) for way in ways for box in re.findall(r"M(\S+) (\S+?)h(\S+?)v(\S+?)h", way)]
    return [box for box in found if not (box[2] == pytest.approx(24) and box[3] == pytest.approx(9.6))]


def lines(root, color, least=3):
    """The lines of a colour that have at least so many points."""
    found = []
    for e in root.iter(f"{SVG}path"):
        if (e.get("stroke") or "").lower() == color and e.get("fill") == "none":
            for line in e.get("d").split("M")[1:]:
                points = [tuple(map(float, point.split())) for point in line.split("L")]
                if len(points) >= least:
                    found.append(points)
    return found


def test_bars_are_as_high_as_the_share_of_their_number():
    values = [3] * 4 + [4] * 2 + [6] * 6
    root = drawn(Distribution("passage", "notes", {PEOPLE: values}))
    bars = sorted(boxes(root, FILL))
    assert [bar[3] / bars[-1][3] for bar in bars] == pytest.approx([4 / 6, 2 / 6, 1], abs=0.01)
    for bar, number in zip(bars, "346", strict=True):
        assert bar[0] + bar[2] / 2 == pytest.approx(place_of(root, number)[0], abs=0.1), "in the middle over its number"


def test_an_outline_has_the_heights_of_its_set_on_the_scale_of_all():
    panel = Distribution("", "", {PEOPLE: [1] * 10 + [2] * 10, RUN: [1] * 2 + [2] * 6})
    root = drawn(panel)
    (outline,) = lines(root, BLUE)
    foot = outline[0][1]
    heights = [foot - y for _, y in outline[1:-1:2]]
    first, second = boxes(root, FILL)
    assert first[3] == pytest.approx(second[3]) == pytest.approx(max(heights) * 0.5 / 0.75, abs=0.05)
    assert heights == pytest.approx([max(heights) / 3, max(heights)], abs=0.05)


def test_long_passages_are_counted_in_wider_bins_and_none_is_lost():
    values = np.arange(150)
    axis = Axis({PEOPLE: values}, False, None, 3.0)
    assert axis.step == 5 and axis.beyond == 0
    middles = (axis.edges[:-1] + axis.edges[1:]) / 2
    assert axis.height(values.astype(float), middles).sum() == pytest.approx(1)
    assert axis.edges[0] == -0.5 and axis.at(0.0) >= 0 and axis.at(149.0) <= 3.0


def naive_density(values, at, width, walls):
    """One kernel after another, the mirrored ones as kernels of their own."""
    found = []
    for x in at:
        total = 0.0
        for value in values:
            for centre in [value, *(2 * wall - value for wall in walls)]:
                total += math.exp(-((x - centre) ** 2) / (2 * width**2))
        found.append(total / (len(values) * width * math.sqrt(2 * math.pi)))
    return found


def test_a_density_is_that_of_its_kernels():
    values = np.random.default_rng(0).exponential(1.0, 40)
    at = np.linspace(0, values.max() + 2, 60)
    assert smoothed(values, at, 0.3, 0.0) == pytest.approx(naive_density(values, at, 0.3, [0.0]), abs=2e-3)
    assert smoothed(values, at, 0.3) == pytest.approx(naive_density(values, at, 0.3, []), abs=2e-3)
    shares = values / values.max()
    at_most = np.linspace(-0.5, 1, 60)
    found = smoothed(shares, at_most, 0.1, most=1.0)
    assert found == pytest.approx(naive_density(shares, at_most, 0.1, [1.0]), abs=3e-3)
    area = np.trapezoid(smoothed(values, at, 0.3, 0.0), at)
    assert area == pytest.approx(1, abs=0.01), "what a wall gives back is not lost"
    # 0.9 times the lesser of deviation and quartiles' distance / 1.34, over the fifth root of N: here sqrt(2), 2 / 1.34
    assert kernel_width(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(0.9 * math.sqrt(2) / 5**0.2)
    assert kernel_width(np.full(9, 2.5)) == 0


def test_curves_and_shape_of_a_panel_have_one_scale():
    narrow = np.array([NormalDist().inv_cdf((n + 0.5) / 400) for n in range(400)])
    wide = 2 * narrow
    root = drawn(Distribution("", "", {PEOPLE: narrow, RUN: wide}))
    (curve,) = [line for line in lines(root, BLUE) if len(line) > 20]
    shape = max(box[3] for box in boxes(root, FILL))
    height = max(y for _, y in curve) - min(y for _, y in curve)
    assert shape / height == pytest.approx(2, rel=0.03), "half as wide is twice as high"


def test_medians_are_marked_where_they_are_and_said():
    root = drawn(
        Distribution("", "", {PEOPLE: np.linspace(10, 20, 41), RUN: np.linspace(12, 14, 21), TRAINING: [18.5]})
    )
    assert {"15.0", "13.0", "18.5"} <= {*texts(root)}
    x10, x20 = place_of(root, "10")[0], place_of(root, "20")[0]
    (mark,) = [line for line in lines(root, BLUE, 2) if len(line) == 2 and line[0][0] == line[1][0]]
    assert mark[0][0] == pytest.approx(x10 + 0.3 * (x20 - x10), abs=0.1)


def test_few_values_are_dots_where_they_lie():
    root = drawn(Distribution("", "", {PEOPLE: np.linspace(0.5, 10.5, 30), RUN: [2, 4, 8]}))
    rings = [line for line in lines(root, BLUE) if len(line) == 17]
    middles = sorted(np.mean(ring[:-1], axis=0)[0] for ring in rings)
    x2, x4, x8 = (place_of(root, text)[0] for text in "248")
    assert middles == pytest.approx([x2, x4, x8], abs=0.1)
    assert [line[0][0] for line in lines(root, BLUE, 2) if len(line) == 2 and line[0][0] == line[1][0]] == (
        [pytest.approx(x4, abs=0.1)]
    )
    assert not [line for line in lines(root, BLUE) if len(line) > 20]


def test_what_is_no_number_is_left_out_and_counted_and_so_is_what_lies_far_off():
    values = [*np.linspace(1, 2, 20), math.nan, math.inf, -math.inf, 1e300, 5000.0, -3000.5]
    root = drawn(Distribution("", "", {PEOPLE: np.linspace(1, 2, 9), RUN: values}, said="A sentence."))
    (said,) = [text for text in texts(root) if text.startswith("A sentence.")]
    assert said == "A sentence.; 2 beyond the axis; 4 left out: no number"
    assert "this run, n = 22" in texts(root) and "people (held out), n = 9" in texts(root)
    assert all(abs(float(e.get("x"))) < 1000 for e in root.iter(f"{SVG}text"))


def test_the_mark_is_a_line_with_its_number_also_beyond_all_values():
    values = np.arange(1, 11)
    root = drawn(Distribution("passage", "notes", {PEOPLE: values}, mark=16, marked="95th percentile"))
    assert "95th percentile 16" in texts(root)
    ticks = [place_of(root, str(n))[0] for n in (2, 4)]
    dashes = lines(root, "#1d1d1f", 2)
    assert {line[0][0] for line in dashes} == {line[1][0] for line in dashes}
    assert dashes[0][0][0] == pytest.approx(ticks[0] + 7 * (ticks[1] - ticks[0]), abs=0.1)
    assert "−3" in " ".join(texts(drawn(Distribution("", "", {PEOPLE: [0.5] * 9}, mark=-3.0))))
    assert not lines(drawn(Distribution("", "", {PEOPLE: values}, mark=math.nan)), "#1d1d1f", 2)


def test_shares_are_said_in_per_cent_and_stay_between_nothing_and_all():
    root = drawn(Distribution("", "", {PEOPLE: [0.0] * 5 + [0.5] * 6 + [1.0] * 6, RUN: [0.25] * 9}, percent=True))
    assert {"50 %", "25 %"} <= {*texts(root)}
    labels = [float(text[:-2].replace("−", "-")) for text in texts(root) if text.endswith(" %")]
    assert min(labels) == 0 and max(labels) == 100


@pytest.mark.parametrize(
    "sets",
    [
        {},
        {PEOPLE: [], RUN: []},
        {PEOPLE: [math.nan] * 9},
        {PEOPLE: [7]},
        {PEOPLE: [0.0] * 20, RUN: [0.0] * 20},
        {PEOPLE: [2.5] * 20, RUN: [2.5] * 20, TRAINING: [2.5]},
        {PEOPLE: [2.5] * 19 + [2.6], RUN: np.linspace(0, 5, 9)},
        {PEOPLE: [1e-12 * n for n in range(20)]},
        {PEOPLE: [1e15 + n for n in range(20)], RUN: [-1e15 + 0.5]},
        {PEOPLE: np.array([3, 3, 3], np.int64), RUN: np.zeros(0), TRAINING: [-4] * 9},
        {f"run {n}": [n + 0.5] * (n + 1) for n in range(12)},
    ],
)
@pytest.mark.parametrize("percent", [False, True])
def test_any_sets_have_a_picture(sets, percent):
    for mark in (None, 0.5):
        svg = distributions_svg([Distribution("title", "unit", sets, percent, mark)])
        root = ElementTree.fromstring(svg)
        numbers = [float(n) for e in root.iter(f"{SVG}path") for n in re.findall(r"-?[\d.]+(?:e-?\d+)?", e.get("d"))]
        assert "nan" not in svg and "inf" not in svg
        assert max(map(abs, numbers)) <= 3000, "nothing is drawn beyond the page"
    assert distributions_png([Distribution("title", "unit", sets, percent)]).startswith(b"\x89PNG")


def test_sets_without_values_say_so_and_equal_ones_are_a_stem():
    root = drawn(Distribution("", "", {PEOPLE: [], RUN: [math.nan]}))
    assert "no values" in texts(root) and texts(root).count("none") == 2
    root = drawn(Distribution("", "", {PEOPLE: np.linspace(1.5, 3.5, 9), RUN: [2.5] * 9}))
    stems = [line for line in lines(root, BLUE, 2) if line[0][0] == line[1][0]]
    middle = (place_of(root, "2.0")[0] + place_of(root, "3.0")[0]) / 2
    assert any(stem[0][0] == pytest.approx(middle, abs=0.1) for stem in stems)


def test_a_set_has_one_colour_in_all_panels_and_one_entry_in_the_legend():
    sets = {PEOPLE: np.linspace(0.5, 1, 9), RUN: np.linspace(0.5, 2, 9)}
    root = drawn(*(Distribution(f"p{n}", "", sets) for n in range(5)), Distribution("last", "", {RUN: [0.5] * 20}))
    assert sum(text.startswith(PEOPLE) for text in texts(root)) == 1
    assert f"{RUN}, n = 9 to 20" in texts(root)
    assert len([line for line in lines(root, BLUE) if len(line) > 20]) == 5
    assert len({place_of(root, f"p{n}")[1] for n in range(3)}) == 1, "three a row"
    assert place_of(root, "p3")[1] > place_of(root, "p2")[1]


def test_hostile_text_is_text_and_the_same_values_give_the_same_bytes():
    hostile = '<script>alert(1)</script>&"\x00\ufffe\u202e'
    panels = [Distribution(hostile, hostile, {hostile: [1.5, 2, 3], "": [2.5] * 9}, False, 2.0, hostile, hostile)]
    first = distributions_svg(panels, hostile)
    assert {e.tag for e in ElementTree.fromstring(first).iter()} <= {f"{SVG}{t}" for t in ("svg", "g", "path", "text")}
    assert "<script" not in first
    assert first == distributions_svg(panels, hostile)
    assert distributions_png(panels, hostile) == distributions_png(panels, hostile)
    assert "<script" not in matrix_svg(np.eye(2), [hostile] * 2, hostile, hostile, hostile)


def cells(root, size):
    """The colour of each cell [size, size] of the one matrix of a picture."""
    ((left, top, wide, _),) = [box for box in boxes(root, FRAME) if box[2] > 100]
    side = (wide - 2) / size
    found = np.full((size, size), "", object)
    for path in root.iter(f"{SVG}path"):
        for x, y, w, h in re.findall(r"M(\S+) (\S+?)h(\S+?)v(\S+?)h", path.get("d")):
            if float(h) == pytest.approx(side) and left < float(x) < left + wide:
                row, column = round((float(y) - top - 1) / side), round((float(x) - left - 1) / side)
                found[row, column : column + round(float(w) / side)] = path.get("fill")
    return found


def test_each_cell_has_the_colour_of_its_number():
    matrix = np.random.default_rng(2).random((12, 12))
    matrix[3, 4], matrix[0, :3] = math.nan, [1.0, 0.0, 0.0]
    root = ElementTree.fromstring(matrix_svg(matrix, [f"n{n}" for n in range(12)], "Title", "from", "to"))
    scale = hexes(colors(np.arange(LEVELS)))
    found = cells(root, 12)
    assert found[3, 4] == NO_NUMBER
    for row, column in np.argwhere(np.isfinite(matrix)):
        assert scale.index(found[row, column]) / (LEVELS - 1) == pytest.approx(matrix[row, column], abs=0.6 / LEVELS)
    assert {"Title", "from", "to", "1 without a number (grey)"} <= {*texts(root)}
    assert [texts(root).count(f"n{n}") for n in range(12)] == [2] * 12


def test_the_colours_of_a_matrix_darken_all_along():
    light = colors(np.arange(LEVELS)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0).all() and len(set(hexes(colors(np.arange(LEVELS))))) == LEVELS


def test_a_large_matrix_is_drawn_by_the_means_of_its_blocks():
    matrix = np.arange(35.0).reshape(5, 7)
    matrix[0, 0] = math.nan
    found, size = blocks(matrix, 4)
    assert size == 2 and found.shape == (3, 4)
    assert found[0].tolist() == pytest.approx(
        [(1 + 7 + 8) / 3, (2 + 3 + 9 + 10) / 4, (4 + 5 + 11 + 12) / 4, (6 + 13) / 2]
    )
    assert found[2].tolist() == pytest.approx([28.5, 30.5, 32.5, 34])
    same = np.exp(-np.abs(np.subtract.outer(np.arange(400), np.arange(400))) / 50)
    svg = matrix_svg(same, ())
    assert "a cell is the mean of 5 × 5" in svg and len(svg) < 200_000


def test_matrices_side_by_side_share_one_scale():
    svg = matrices_svg({"one": np.full((2, 2), 1.0), "two": np.full((2, 2), 0.5)}, "ab", percent=True)
    root = ElementTree.fromstring(svg)
    fills = [path.get("fill") for path in root.iter(f"{SVG}path")]
    most, half = hexes(colors(np.array([LEVELS - 1, round(0.5 * (LEVELS - 1))])))
    assert fills.count(most) == 2 and fills.count(half) == 2, "each once as a matrix, once on the scale"
    assert "100 %" in texts(root) and place_of(root, "one")[1] == place_of(root, "two")[1]


@pytest.mark.parametrize(
    "matrix", [np.zeros((0, 0)), np.zeros((3, 3)), np.full((2, 2), np.nan), -np.eye(3), np.ones((1, 5))]
)
def test_any_matrix_has_a_picture(matrix):
    assert "nan" not in matrix_svg(matrix, ())
    assert matrix_png(matrix, ()) == matrix_png(matrix, ())
    assert matrices_svg({}, ()).startswith("<svg")
