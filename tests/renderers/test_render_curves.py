"""Curves: points lie where their numbers say, gaps stay gaps, the chosen one is marked, hostile text is text."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from erato.renderers.curves import DOTS, POINTS, Chart, Curve, Panel, curves_png, curves_svg, number, spaced, thinned
from erato.renderers.palette import COLORS

SVG = "{http://www.w3.org/2000/svg}"
HELD_OUT = COLORS[0]


def curve(values, name="held out", steps=None, **more):
    steps = np.arange(len(values)) * 10.0 if steps is None else np.asarray(steps, float)
    return Curve(name, steps, np.asarray(values, float), **more)


def drawn(*panels, title="", clock=None):
    return ElementTree.fromstring(curves_svg(Chart(title, [], panels, clock)))


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def paths(root, inherited=None):
    """Every path with the attributes that it has or inherits, colours in lower case."""
    own = {**(inherited or {}), **{name: value.lower() for name, value in root.items() if name in ("fill", "stroke")}}
    if root.tag == f"{SVG}path":
        yield own.get("fill", "black"), own.get("stroke", "none"), root.get("d")
    for child in root:
        yield from paths(child, own)


def lines(root, color):
    """The lines of a colour in the panels (not the sample beside a name), each as its points."""
    found = []
    for fill, stroke, way in paths(root):
        if stroke == color.lower() and fill == "none":
            for line in way.split("M")[1:]:
                points = [tuple(map(float, point.split())) for point in line.split("L")]
                if points[0][0] < 751:
                    found.append(points)
    return found


def dots(root, color):
    """Where the dots of a colour lie, by their left upper corners."""
    found = [way for fill, _, way in paths(root) if fill == color.lower()]
    return [tuple(map(float, at.split())) for way in found for at in re.findall(r"M([\d.]+ [\d.]+)h", way)]


def test_points_lie_where_their_numbers_say():
    (line,) = lines(drawn(Panel("loss", [curve([3.0, 1.0, 2.0], steps=[0, 50, 200])])), HELD_OUT)
    (x0, y0), (x1, y1), (x2, y2) = line
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.25, abs=1e-3)
    assert y0 < y2 < y1, "what is more lies higher"
    assert y2 - y0 == pytest.approx(y1 - y2, abs=0.02), "2 lies halfway between 1 and 3"


def test_what_is_no_number_is_a_gap_and_a_number_alone_is_a_dot():
    root = drawn(Panel("loss", [curve([1, 2, math.nan, 5, math.inf, 3, 4])]))
    assert [len(line) for line in lines(root, HELD_OUT)] == [2, 2]
    assert len(dots(root, HELD_OUT)) == 5
    assert "held out 4" in texts(root), "the last number is said"


def test_one_evaluation_is_a_dot_with_its_number():
    root = drawn(Panel("loss", [curve([1.5], steps=[7])], (7, 1.5), "kept: 1.5000 at step 7"))
    assert lines(root, HELD_OUT) == []
    assert len(dots(root, HELD_OUT)) == 1
    assert {"held out 1.5", "kept: 1.5000 at step 7"} <= {*texts(root)}


def test_a_chart_without_anything_is_still_a_picture():
    assert drawn().tag == f"{SVG}svg"
    assert drawn(Panel("loss", [curve([])])).tag == f"{SVG}svg"
    assert drawn(Panel("loss", [curve([math.nan])])).tag == f"{SVG}svg"
    assert curves_png(Chart("", [], [])).startswith(b"\x89PNG")


def test_the_ring_is_at_what_was_chosen():
    root = drawn(Panel("loss", [curve([3.0, 1.0, 2.0])], (10, 1.0), "kept"))
    (line,) = lines(root, HELD_OUT)
    rings = [line for line in lines(root, "#1d1d1f") if line[0] == line[-1]]
    (ring,) = rings
    middle = np.mean(ring[:-1], axis=0)
    assert np.abs(middle - line[1]).max() < 0.05
    assert "kept" in texts(root)


def test_thinning_keeps_the_ends_the_least_and_the_most():
    rng = np.random.default_rng(0)
    steps, values = np.arange(10_000.0), rng.normal(size=10_000)
    values[[0, 5000]] = math.nan
    few, kept = thinned(steps, values)
    assert len(few) <= POINTS
    assert few[0] == 0
    assert few[-1] == 9_999
    assert np.nanmin(kept) == np.nanmin(values)
    assert np.nanmax(kept) == np.nanmax(values)
    assert (np.diff(few) > 0).all()
    assert thinned(steps[:5], values[:5])[0].tolist() == [0, 1, 2, 3, 4]
    assert thinned(steps, np.full(10_000, math.nan))[0][-1] == 9_999
    assert len(curves_svg(Chart("", [], [Panel("loss", [curve(values)])]))) < 40_000


def test_few_points_are_marked_each_and_many_are_not():
    assert len(dots(drawn(Panel("loss", [curve(np.arange(DOTS))])), HELD_OUT)) == DOTS
    assert dots(drawn(Panel("loss", [curve(np.arange(DOTS + 1))])), HELD_OUT) == []


def test_no_two_curves_of_a_panel_look_alike_also_without_colours():
    names = ["a", "b", "c", "d"]
    root = drawn(Panel("parts", [curve([n, n + 1], name, steps=[0, 100]) for n, name in enumerate(names)]))
    looks = []
    for place in range(4):
        pieces = lines(root, COLORS[place])
        looks.append(tuple(round(math.dist(piece[0], piece[-1])) for piece in pieces[:2]))
    assert len(set(looks)) == 4
    assert len(lines(root, COLORS[0])) == 1, "the first is not broken"


def test_a_dashed_line_covers_its_way_with_gaps():
    root = drawn(Panel("loss", [curve([5, 5]), curve([1, 1], "training")]))
    pieces = lines(root, COLORS[1])
    assert len(pieces) > 20
    assert pieces[0][0][0] == pytest.approx(lines(root, COLORS[0])[0][0][0])
    assert all(first[-1][0] < second[0][0] for first, second in pairwise(pieces))


def test_far_apart_losses_have_equal_room_for_equal_factors():
    values = [1000, 100, 10, 1]
    (near,), (far,) = (
        lines(drawn(Panel("loss", [curve(values)], factors=factors)), HELD_OUT) for factors in (False, True)
    )
    drops = np.diff([y for _, y in far])
    assert drops == pytest.approx([drops[0]] * 3, abs=0.02)
    assert np.diff([y for _, y in near])[0] > 5 * np.diff([y for _, y in near])[1]
    root = drawn(Panel("loss", [curve([-1, 1000])], factors=True))
    assert "500" in texts(root), "what is below zero has no logarithm"


def test_names_at_the_ends_do_not_lie_on_each_other():
    root = drawn(Panel("loss", [curve([1, 2 + n / 1000], f"part {n}") for n in range(6)]))
    at = sorted(float(e.get("y")) for e in root.iter(f"{SVG}text") if e.text.startswith("part"))
    assert len(at) == 6
    assert np.diff(at).min() > 15


def test_places_are_moved_no_further_than_they_must():
    assert spaced([0.0, 5.0, 9.0], 2.0) == [0.0, 5.0, 9.0]
    assert spaced([3.0, 3.0], 2.0) == [2.0, 4.0]
    assert spaced([1.0, 1.0, 1.0, 20.0], 2.0) == [-1.0, 1.0, 3.0, 20.0]


def test_the_time_stands_above_where_it_grows():
    clock = np.array([10.0, 100.0]), np.array([60.0, 600.0])
    root = drawn(Panel("loss", [curve([2, 1], steps=[10, 100])]), clock=clock)
    (line,) = lines(root, HELD_OUT)
    at = {e.text: float(e.get("x")) for e in root.iter(f"{SVG}text")}
    assert at["10 min"] == pytest.approx(line[-1][0], abs=0.02)
    assert at["10 min"] - at["8 min"] == pytest.approx(at["8 min"] - at["6 min"], abs=0.05)
    assert "0 min" in at


def test_shares_are_said_in_per_cent():
    root = drawn(Panel("accuracy", [curve([0.5, 0.714])], percent=True))
    assert "held out 71.4 %" in texts(root)
    assert "60 %" in texts(root)


@pytest.mark.parametrize(
    "value, step, said",
    [
        (1.23456, 0, "1.235"),
        (1234.56, 0, "1,235"),
        (2.0, 0, "2"),
        (-0.5, 0, "−0.5"),
        (0.0001, 0, "0.0001"),
        (1.5e-9, 0, "1.5e−09"),
        (0.0, 0, "0"),
        (2.0, 0.5, "2.0"),
        (-10, 5, "−10"),
        (1500.0, 500, "1,500"),
    ],
)
def test_numbers_are_said_as_people_write_them(value, step, said):
    assert number(value, step) == said


def test_hostile_text_is_text_and_the_same_chart_gives_the_same_bytes():
    hostile = '<script>alert(1)</script>&"\x00\ufffe\u202e'
    chart = Chart(hostile, [hostile], [Panel(hostile, [curve([1, 2], hostile)], (0, 1), hostile)])
    first = curves_svg(chart)
    assert {element.tag for element in ElementTree.fromstring(first).iter()} <= {
        f"{SVG}{t}" for t in ("svg", "g", "path", "text")
    }
    assert "<script" not in first
    assert first == curves_svg(chart)
    assert curves_png(chart) == curves_png(chart)
