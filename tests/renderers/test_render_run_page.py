"""The page of a run: all its parts are there, as text, and nobody is asked for anything."""

import re
from html.parser import HTMLParser

from erato.renderers.page_items import PageItem
from erato.renderers.run_page import Section, Table, run_page, write_run_page

HOSTILE = "<script>alert(1)</script>\"' onload=x &\x00\u202e"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


class Reader(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(*sections, numbers=None, facts=None, title="A run"):
    return Reader(run_page(title, "One.\n\nTwo.", numbers or {}, sections, facts or {}))


def test_every_section_is_reached_from_the_top_and_has_its_parts():
    section = Section(
        "curves",
        "How it learned",
        "Said.\n\nMore.",
        SVG,
        "In words",
        [Table("Shown", ["a", "b"], [["1", "2"]]), Table("Folded", ["c"], [["3"]], counts=True, folded=True)],
        "code {}",
        "As text",
        {"fact": "true"},
    )
    seen = read(section, Section("empty", "Nothing here", "Not yet."), numbers={"loss": "1.5"}, facts={"seed": "0"})
    assert [attrs["href"] for tag, attrs in seen.tags if tag == "a"] == ["#curves", "#empty"]
    assert {"curves", "empty"} <= {attrs.get("id") for _, attrs in seen.tags}
    (image,) = [attrs for tag, attrs in seen.tags if tag == "img"]
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "In words"
    assert sum(tag == "details" for tag, _ in seen.tags) == 2
    assert [attrs.get("scope") for tag, attrs in seen.tags if tag == "th"] == ["col"] * 3
    for word in (
        "One.",
        "Two.",
        "loss",
        "1.5",
        "Said.",
        "More.",
        "Shown",
        "Folded",
        "code {}",
        "As text",
        "fact",
        "seed",
    ):
        assert word in seen.text
    scrolls = [attrs for _, attrs in seen.tags if attrs.get("tabindex") == "0"]
    assert len(scrolls) == 4, "the picture, two tables and the text can be scrolled by keyboard"
    assert all(attrs.get("aria-label") for attrs in scrolls if attrs.get("role"))


def test_pieces_stand_under_their_heading():
    items = [PageItem("After 1 step", "la la"), PageItem("After 2 steps", "la la la")]
    seen = read(Section("samples", "What it composed", "Said.", items=items))
    assert sum(tag == "article" for tag, _ in seen.tags) == 2
    assert "la la la" in seen.text


def test_hostile_text_is_text(tmp_path):
    table = Table(HOSTILE, [HOSTILE], [[HOSTILE]])
    folded = Table(HOSTILE, [HOSTILE], [[HOSTILE]], folded=True)
    hostile = {HOSTILE: HOSTILE}
    section = Section("key", HOSTILE, HOSTILE, SVG, HOSTILE, [table, folded], HOSTILE, HOSTILE, hostile)
    items = Section("items", HOSTILE, HOSTILE, items=[PageItem(HOSTILE, HOSTILE)])
    path = tmp_path / "page.html"
    write_run_page(path, HOSTILE, HOSTILE, hostile, [section, items], hostile)
    html = path.read_text("utf-8")
    assert html.count("<script") == 1, "the page's own"
    assert "\x00" not in html
    assert not any("onload" in attrs for _, attrs in Reader(html).tags)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "\u202e" not in re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
