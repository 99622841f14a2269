"""The page of a comparison and its trees: all is there, as text, nothing lies on anything else, nobody is asked."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from erato.renderers import RENDERERS, About
from erato.renderers.comparison import (
    Card,
    Node,
    Tree,
    comparison_page,
    tree_svg,
    visible,
    write_comparison,
    write_tree,
)

HOSTILE = '"><script>alert(1)</script>\' onload="x" & \u202egnp.exe'
SVG = "{http://www.w3.org/2000/svg}"
TREE = Tree(
    "beam",
    "What it saw",
    "…night\n",
    [
        [Node(" the", 0.5, 0, True, False, -0.69), Node("\n", 0.3, 0, True, True, -1.2), Node("מים", 0.001, 0)],
        [
            Node("明月光" * 5, 0.9, 1, True, True, -1.3),
            Node("W" * 30, 0.1, 0, False, False, -3.0),
            Node(HOSTILE, 0.1, 1),
        ],
    ],
    "Why.",
)


class Reader(HTMLParser):
    """A page as tags, and the text inside each element by tag; fails where tags do not close in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((tuple(self.open), data))

    def inside(self, tag):
        return "".join(data for path, data in self.texts if tag in path)


def page(cards=(), trees=(TREE,)):
    return comparison_page("Title", "One.\n\nTwo.", cards, trees, {"seed": "7"})


def test_cards_have_their_numbers_and_the_prompt_apart():
    read = Reader(page([Card("greedy", "Takes.", {"symbols": "3"}, "To be ", "or not\n to <be>")]))
    assert read.inside("pre") == "To be or not\n to <be>"
    spans = [(attributes.get("class")) for tag, attributes in read.tags if tag == "span"]
    assert spans == ["prompt", None]
    (pre,) = [attributes for tag, attributes in read.tags if tag == "pre"]
    assert pre["dir"] == "auto"  # a text from right to left reads from the right
    assert {"greedy", "Takes.", "symbols", "3", "Two."} <= {data for _, data in read.texts}


def test_a_text_keeps_the_line_breaks_that_it_begins_with():
    assert re.search(r"<pre[^>]*><span>\n\nx</span></pre>", page([Card("a", "b", text="\n\nx")]))


def test_a_text_reads_the_same_on_either_page(tmp_path):
    typed = "<b> & \ud800\x00\x1b[31m\x9f\n\ta"
    html = page([Card("a", "b", text=typed)], ())
    RENDERERS[".html"].write(typed, tmp_path / "x.html", About())
    assert Reader(html).inside("pre") == "<b> & \ufffd\ufffd\ufffd[31m\ufffd\n\ta"
    assert Reader((tmp_path / "x.html").read_text("utf-8")).inside("pre") == Reader(html).inside("pre")


def test_a_refusal_is_said_instead_of_a_piece():
    read = Reader(page([Card("beam", "Searches.", refused="Not for frames.")], ()))
    assert "Not for frames." in read.inside("article")
    assert not any(tag in ("pre", "img") or attributes.get("class") == "numbers" for tag, attributes in read.tags)


def test_music_has_its_picture_and_its_file():
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (200).to_bytes(4, "big")
    read = Reader(page([Card("greedy", "Takes.", picture=png, links=["001-compare-greedy.mid"])], ()))
    (image,) = [attributes for tag, attributes in read.tags if tag == "img"]
    assert (image["width"], image["height"]) == ("640", "200")
    assert image["src"].startswith("data:image/png;base64,")
    assert "001-compare-greedy.mid" in [attributes.get("href") for tag, attributes in read.tags if tag == "a"]


def test_nothing_typed_acts_and_nobody_else_is_asked():
    hostile = Card(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, HOSTILE, links=[HOSTILE], refused=HOSTILE)
    html = comparison_page(
        HOSTILE, HOSTILE, [hostile], [Tree("k", HOSTILE, HOSTILE, TREE.levels, HOSTILE)], {"a": HOSTILE}
    )
    read = Reader(html)
    assert not any(tag == "script" or "onload" in attributes for tag, attributes in read.tags)
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=\"(https?:)?//", html)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (" ", "␣"),
        ("  ", "␣␣"),
        (" the", "␣the"),
        ("the ", "the␣"),
        ("\n", "↵"),
        ("\t", "⇥"),
        ("a\nb", "a↵b"),
        ("Time signature 4/4", "Time signature 4/4"),
        ("\u200b", "·"),
        ("\ud800", "·"),
        ("月", "月"),
    ],
)
def test_nothing_of_a_name_is_unseen(name, seen):
    assert visible(name) == seen


def test_a_tree_has_every_symbol_with_its_probability():
    root = ElementTree.fromstring(tree_svg(TREE, alone=True))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"What it saw", "…night↵", "␣the", "↵", "מים", "0.50 · sum −0.69", "0.90 · sum −1.30", "<0.01"} <= set(texts)
    kinds = [element.get("class") for element in root.iter(f"{SVG}g")]
    assert sorted(kinds) == sorted(["t-chosen"] * 3 + ["t-kept"] + ["t-dropped"] * 3)
    lines = [element.get("class").split()[1] for element in root.iter(f"{SVG}path")]
    assert sorted(lines) == sorted(["t-chosen"] * 2 + ["t-kept"] + ["t-dropped"] * 3)


def test_boxes_lie_apart_inside_the_picture_and_are_joined_by_parent():
    root = ElementTree.fromstring(tree_svg(TREE))
    boxes = {}
    for group in root.iter(f"{SVG}g"):
        rect, name = group.find(f"{SVG}rect"), group.find(f"{SVG}text").text
        boxes[name] = tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
    assert len(boxes) == 7
    placed = list(boxes.values())
    for n, (x, y, w, h) in enumerate(placed):
        assert x >= 0 and x + w <= float(root.get("width")) and y >= 0 and y + h <= float(root.get("height"))
        for x2, y2, w2, h2 in placed[:n]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for name, (_, _, w, _) in boxes.items():
        assert w >= len(name) * 9  # room for the name
    ends = set()
    for line in root.iter(f"{SVG}path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", line.get("d"))]
        ends.add((*numbers[:2], *numbers[-2:]))

    def joined(parent, child):
        (x, y, w, h), (x2, y2, _, h2) = boxes[parent], boxes[child]
        return (x + w, y + h / 2, x2, y2 + h2 / 2) in ends

    chinese = next(name for name in boxes if "明" in name)
    wide = next(name for name in boxes if "W" in name)
    assert joined("…night↵", "␣the") and joined("↵", chinese) and joined("␣the", wide)
    assert not joined("␣the", chinese)


def test_a_tree_alone_brings_its_colours_and_a_tree_in_the_page_does_not():
    assert "prefers-color-scheme: dark" in tree_svg(TREE, alone=True)
    assert "<style" not in tree_svg(TREE)
    html = page()
    assert html.count("<svg") == 1 and "Thick: the way taken" in html and ".t-chosen" in html


def test_files_are_written_whole(tmp_path):
    write_comparison(tmp_path / "a.html", "T", "", [Card("a", "b", text="\ud800 é")], [TREE], {})
    write_tree(tmp_path / "a.svg", TREE)
    Reader((tmp_path / "a.html").read_text("utf-8"))
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.svg"]
