"""The drawing of a model: every part is there once, boxes lie in or beside one another, texts within them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib import get_data_path
from PIL import ImageFont

from erato.renderers.model_drawing import Drawing, Part, model_png, model_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script>&"\x00\ufffe\u202e'
BLOCK = (
    Part("norm", "LayerNorm", "T × 64", "T × 64", 128),
    Part("attention", "Attention", "T × 64", "T × 64", inside=(
        Part("qkv", "Linear", "T × 64", "T × 192", 12_480),
        Part("out", "Linear", "T × 192", "T × 64", 12_352, follows=True),
    ), follows=True),
)  # fmt: skip
PARTS = [
    Part("embedding", "Embedding", "T", "T × 64", 6_400),
    Part("blocks", "Block", "T × 64", "T × 64", inside=BLOCK, count=6, skips=2, follows=True, note="one after another"),
    Part("layers", "Layer", "T + 1", "T × 96", count=9, each=(10, 20, 30, 40, 50, 60, 70, 80, 90), follows=True),
    Part("a_very_long_name_of_a_part_" * 8, "AKindWithAVeryLongName" * 8, "1,024 × 1,024 × " * 3, "9", 10**9),
    Part("head", "Linear", "T × 96", "T × 10", 0, note="shared with embedding", follows=True),
]  # fmt: skip


def drawn(parts, **more):
    return ElementTree.fromstring(model_svg(Drawing(**{"title": "model", "said": ["small"], "parts": parts, **more})))


def paths(root, inherited=None):
    """Every path with the attributes that it has or inherits, colours in lower case."""
    own = {**(inherited or {}), **{name: value.lower() for name, value in root.items() if name in ("fill", "stroke")}}
    if root.tag == f"{SVG}path":
        yield own.get("fill", "black"), own.get("stroke", "none"), root.get("d")
    for child in root:
        yield from paths(child, own)


def boxes(root):
    """Every box with an edge, as (left, top, right, bottom)."""
    found = []
    for fill, stroke, way in paths(root):
        if stroke != "none" and fill != "none":
            for x, y, wide, tall in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h", way):
                found.append((float(x), float(y), float(x) + float(wide), float(y) + float(tall)))
    return found


def spans(root):
    """Every text with the place that it takes in the font it is made for: (text, left, base line, right)."""
    found = []
    for element in root.iter(f"{SVG}text"):
        bold = "-Bold" if element.get("font-weight") else ""
        font = ImageFont.truetype(str(Path(get_data_path()) / f"fonts/ttf/DejaVuSans{bold}.ttf"), 100)
        wide = font.getlength(element.text or "") * float(element.get("font-size")) / 100
        x = float(element.get("x"))
        left = x - {None: 0, "middle": wide / 2, "end": wide}[element.get("text-anchor")]
        found.append((element.text, left, float(element.get("y")), left + wide))
    return found


def inside(one, other):
    return other[0] <= one[0] and other[1] <= one[1] and one[2] <= other[2] and one[3] <= other[3]


def apart(one, other):
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def check_layout(root):
    """Boxes do not cross, no text leaves the picture or its box, and no two texts lie on each other."""
    wide, tall = float(root.get("width")), float(root.get("height"))
    found = boxes(root)
    shadows = [two for two in found if any(0 < one[0] - two[0] < 12 and 0 < one[1] - two[1] < 12 for one in found)]
    for place, one in enumerate(found):
        assert inside(one, (0, 0, wide, tall))
        for other in found[:place]:
            stacked = abs(one[0] - other[0]) < 12 and abs((one[2] - one[0]) - (other[2] - other[0])) < 0.1
            assert inside(one, other) or inside(other, one) or apart(one, other) or stacked, (one, other, shadows)
    texts = spans(root)
    for text, left, base, right in texts:
        assert left >= 0
        assert right <= wide
        around = [box for box in found if box[0] <= left <= box[2] and box[1] < base < box[3]]
        assert not around or right <= min(box[2] for box in around), text
    for place, (text, left, base, right) in enumerate(texts):
        for other, start, line, end in texts[:place]:
            assert abs(base - line) > 8 or right <= start or end <= left, (text, other)


def test_boxes_and_texts_do_not_lie_on_each_other():
    check_layout(drawn(PARTS, reads="symbols " * 40, gives="what comes next"))


def test_deep_parts_still_have_their_names():
    part = Part("innermost", "Linear", "1,024 × 1,024 × 96", "1,024 × 1,024 × 96", 10)
    for depth in range(6):
        part = Part(f"level {depth}", "Block", inside=(part,), count=2, skips=1, note="one after another")
    root = drawn([part])
    check_layout(root)
    assert {"innermost", *(f"level {depth}" for depth in range(6))} <= {text for text, *_ in spans(root)}


def test_equal_parts_stand_there_once_with_their_number_and_all_their_parameters():
    texts = [text for text, *_ in spans(drawn(PARTS))]
    assert texts.count("qkv") == 1
    assert "6 ×" in texts
    assert f"{6 * (128 + 12_480 + 12_352):,}" in texts
    assert "what it read is added, in 2 steps" in texts
    assert "shared with embedding" in texts
    assert "450" in texts, "parts of different sizes: their sum"


def test_the_share_of_the_parameters_is_said():
    texts = [text for text, *_ in spans(drawn([Part("a", "Linear", parameters=750), Part("b", "Linear", parameters=248),
                                               Part("c", "Linear", parameters=2)]))]  # fmt: skip
    assert {"75 %", "25 %", "<1 %"} <= {*texts}


def test_blue_is_as_long_as_the_share():
    root = drawn([Part("a", "Linear", parameters=300), Part("b", "Linear", parameters=100)])
    ways = [way for fill, _, way in paths(root) if fill == "#cfe3f2"]
    long, short = (float(re.search(r"h([\d.]+)", way)[1]) for way in ways)
    assert long / short == pytest.approx(3, rel=0.01)


def test_parts_of_different_sizes_have_a_bar_each():
    root = drawn(PARTS)
    (way,) = [way for fill, _, way in paths(root) if fill == "#0072b2"]
    heights = [float(tall) for tall in re.findall(r"h[\d.]+v([\d.]+)h", way)]
    assert len(heights) == 9
    assert [one - heights[0] for one in heights[1:]] == pytest.approx(
        [(heights[1] - heights[0]) * n for n in range(1, 9)], abs=0.05
    )
    assert heights[8] > 5 * heights[0] > 0


def test_an_arrow_stands_only_where_one_goes_into_the_other():
    def arrows(*parts):
        return sum(way.count("M") for _, stroke, way in paths(drawn(parts)) if stroke == "#6b6b73")

    one, other = Part("a", "Linear"), Part("b", "Linear")
    assert arrows(one, other) == 0
    assert arrows(one, Part("b", "Linear", follows=True)) == 2  # a line and its head


def test_hostile_text_is_text_and_the_same_drawing_gives_the_same_bytes():
    part = Part(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 5, note=HOSTILE)
    drawing = Drawing(HOSTILE, [HOSTILE], [part], HOSTILE, HOSTILE)
    svg = model_svg(drawing)
    assert {element.tag for element in ElementTree.fromstring(svg).iter()} <= {
        f"{SVG}{t}" for t in ("svg", "g", "path", "text")
    }
    assert svg == model_svg(drawing)
    assert model_png(drawing) == model_png(drawing)
    assert model_png(drawing).startswith(b"\x89PNG")


def test_a_model_without_parts_is_still_a_picture():
    assert drawn([]).tag == f"{SVG}svg"
