"""MusicXML to pictures of pages: verovio engraves, typst makes PNG and PDF of what it drew. Knows nothing of pieces.

Both come as Python packages with all they need; text is set in the Libertinus that typst brings along.
"""

import re
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement, tostring

from erato.errors import UsageError

PAGE_WIDTH, PAGE_HEIGHT = 2100, 2970  # tenths of a millimetre: A4
HEADING = 190  # the same: what title and composer take of the first page
PIXELS_PER_INCH = 144.0
_SCALE = 40  # the staff is 7 mm high
_SVG = "http://www.w3.org/2000/svg"
_LINK = "http://www.w3.org/1999/xlink"
_FONTS = "'Libertinus Serif', 'Linux Libertine', 'Times New Roman', Times, serif"
_MUSIC_FONT = "Leipzig"
_LETTERS = {
    "DoubleFlat": "\u266d\u266d",
    "DoubleSharp": "\u00d7",
    "Flat": "\u266d",
    "Natural": "\u266e",
    "Sharp": "\u266f",
}
_GAP = 60  # between pages that are put under each other, in pixels
_OPTIONS: dict[str, Any] = {
    "pageWidth": PAGE_WIDTH,
    "pageHeight": PAGE_HEIGHT - HEADING,
    "pageMarginLeft": 130,
    "pageMarginRight": 130,
    "pageMarginTop": 120,
    "pageMarginBottom": 120,
    "scale": _SCALE,
    "font": _MUSIC_FONT,
    "adjustPageHeight": True,
    "footer": "none",
    "header": "none",
    "breaks": "auto",
    "xmlIdSeed": 1,  # the same names for the same music
    "svgViewBox": True,
    "svgRemoveXlink": False,
    "spacingSystem": 8,
    "spacingStaff": 9,
    "lyricSize": 4.2,
    "lyricTopMinMargin": 2.5,
    "lyricWordSpace": 2.0,
    "justificationSystem": 0.5,
    "mnumInterval": 0,
    "condense": "none",
}


def pages(musicxml: str, title: str = "", credit: str = "", most: int | None = None) -> tuple[list[str], int]:
    """The first `most` pages of a document as SVG, and how many there are; UsageError where verovio cannot draw it.

    title and credit, who composed it, stand over the first page.
    """
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    if not toolkit.loadData(musicxml):
        raise UsageError("this piece cannot be drawn as a score: look at it as a piano roll (.roll.png).")
    count = toolkit.getPageCount()
    shown = count if most is None else min(most, count)
    drawn = [_tidied(toolkit.renderToSVG(number, False)) for number in range(1, shown + 1)]
    if title or credit:
        _head(drawn[0], title, credit)
    return [tostring(page, encoding="unicode") for page in drawn], count


def _tidied(svg: str) -> Element:
    """The page as it displays alike everywhere: text anchored where every program looks, no font that few have."""
    for prefix, address in (("", _SVG), ("xlink", _LINK)):
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        for child in [one for one in parent if one.tag == f"{{{_SVG}}}desc" or "labelAttr" in one.get("class", "")]:
            parent.remove(child)
    for parent in list(root.iter()):
        for place, child in reversed(list(enumerate(parent))):
            if child.tag == f"{{{_SVG}}}text":
                _anchor(child)
                parent[place:place] = _outlined(child)
    for element in root.iter():
        if element.get("font-family", "").startswith("Times"):
            element.set("font-family", _FONTS)
    return root


def _head(page: Element, title: str, credit: str) -> None:
    """Moves the music down and puts the title above it, and who composed it on the right."""
    inner = page.find(f"{{{_SVG}}}svg")
    margin = page.find(f".//{{{_SVG}}}g[@class='page-margin']")
    assert inner is not None and margin is not None
    for svg in (page, inner):
        x, y, width, height = (float(number) for number in svg.get("viewBox", "").split())
        down = HEADING * width / PAGE_WIDTH
        svg.set("viewBox", f"{x:g} {y:g} {width:g} {height + down:g}")
    left, top = (float(number) for number in re.findall(r"[\d.]+", margin.get("transform", "")))
    margin.set("transform", f"translate({left:g}, {top + down:g})")
    for text, x, y, anchor, size in (
        (title, width / 2, top + down * 0.42, "middle", 620),
        (credit, width - left, top + down * 0.80, "end", 350),
    ):
        place = {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor, "font-size": f"{size}px"}
        SubElement(inner, f"{{{_SVG}}}text", place).text = text


def _anchor(text: Element) -> None:
    """Lines of text within one element as elements of their own, each with its place and anchor."""
    spans = [one for one in text.iter(f"{{{_SVG}}}tspan") if one.get("x") is not None]
    if len(spans) == 1:
        for name in ("x", "y", "text-anchor"):
            value = spans[0].attrib.pop(name, None)
            if value is not None:
                text.set(name, value)
    for element in text.iter():  # white space between elements is no text
        if element.text is not None and not element.text.strip() and "\n" in element.text:
            element.text = None
        if element.tail is not None and not element.tail.strip() and "\n" in element.tail:
            element.tail = None


def _outlined(text: Element) -> list[Element]:
    """The signs of the music font that a text begins with as outlines, and the text moved behind them.

    So nobody needs that font: a tempo mark begins with a note. Signs within the text become letters that fonts have.
    """
    outlines: list[Element] = []
    begun, size_before = False, "400px"
    for span in text.iter():
        if span.get("font-family") != _MUSIC_FONT:
            begun = begun or bool((span.text or "").strip())
            size_before = span.get("font-size", size_before)
        elif span.text and (begun or any(_letter(sign) for sign in span.text)):
            span.text = "".join(_letter(sign) for sign in span.text)
            span.attrib.pop("font-family")
            span.set("font-size", size_before)
        elif span.text:
            size = float(span.get("font-size", "0px").removesuffix("px"))
            for sign in span.text:
                path, advance, _ = _glyph(sign)
                x, y, scale = float(text.get("x", "0")), float(text.get("y", "0")), size / 1000
                place = f"translate({x:g} {y:g}) scale({scale:g} {-scale:g})"
                outlines.append(Element(f"{{{_SVG}}}path", {"d": path, "transform": place, "stroke": "none"}))
                text.set("x", f"{x + advance * scale:g}")
            span.text = None
    return outlines


def _letter(sign: str) -> str:
    """The letter for an accidental of the music font; empty for other signs."""
    name = _glyph(sign)[2]
    return next((letter for word, letter in _LETTERS.items() if word in name), "")


@cache
def _glyph(sign: str) -> tuple[str, float, str]:
    """Outline, advance (thousandths of its size) and name of a sign of verovio's music font."""
    import verovio

    code, folder = f"{ord(sign):04X}", Path(verovio.__file__).parent / "data"
    file = folder / _MUSIC_FONT / f"{code}.xml"
    path = ElementTree.parse(file).find(".//path") if file.is_file() else None
    box = _boxes().get(code)
    if path is None or box is None:
        return "", 0.0, ""
    return path.get("d", ""), float(box.get("h-a-x", "0")), box.get("n", "")


@cache
def _boxes() -> dict[str, Element]:
    """What verovio's music font says of each sign, by its code."""
    import verovio

    found = ElementTree.parse(Path(verovio.__file__).parent / "data" / f"{_MUSIC_FONT}.xml")
    return {box.get("c", ""): box for box in found.iter("g")}


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of a page, in pixels of 96 an inch."""
    found = re.search(r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"', svg[:2000])
    assert found is not None
    return float(found.group(1)), float(found.group(2))


def stacked(svgs: Sequence[str]) -> str:
    """Pages under each other as one picture; one page as it is."""
    if len(svgs) == 1:
        return svgs[0]
    sizes = [size_of(svg) for svg in svgs]
    width = max(one for one, _ in sizes)
    height = sum(one for _, one in sizes) + _GAP * (len(svgs) - 1)
    root = Element(
        f"{{{_SVG}}}svg", {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    )
    top = 0.0
    for number, (svg, (wide, high)) in enumerate(zip(svgs, sizes, strict=True), 1):
        page = ElementTree.fromstring(svg)
        _rename(page, f"p{number}-")
        for name, value in (("y", top), ("width", wide), ("height", high)):
            page.set(name, f"{value:g}")
        root.append(page)
        top += high + _GAP
    return tostring(root, encoding="unicode")


def _rename(page: Element, prefix: str) -> None:
    """Gives all that has a name on a page one that no other page has, also where it is referred to."""
    root = page.get("id", "")
    for element in page.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, prefix + value)
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{prefix}{value[1:]}")
        if element.tag == f"{{{_SVG}}}style" and element.text:  # its rules are for this page
            element.text = element.text.replace(f"#{root} ", f"#{prefix}{root} ")


def png(svg: str) -> bytes:
    """A page, or pages under each other, as PNG on white."""
    return _typst([svg], "png")


def pdf(svgs: Sequence[str], title: str, said: str) -> bytes:
    """Pages as PDF on A4; title and keywords: what the document says of itself."""
    return _typst(svgs, "pdf", title, said)


def _typst(svgs: Sequence[str], kind: str, title: str = "", said: str = "") -> bytes:
    import typst

    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = [f"#set document(title: {_string(title)}, keywords: ({_string(said)},), date: none)"]
        for number, svg in enumerate(svgs, 1):
            (folder / f"{number}.svg").write_text(svg, encoding="utf-8")
            width, height = size_of(svg)
            paper = "297mm" if kind == "pdf" else f"{210 * height / width}mm"
            lines.append(
                f'#page(width: 210mm, height: {paper}, margin: 0mm, fill: white)[#image("{number}.svg", width: 100%)]'
            )
        (folder / "main.typ").write_text("\n".join(lines), encoding="utf-8")
        _copy_fonts(folder)
        main = folder / "main.typ"
        if kind == "png":
            return typst.compile(main, format="png", font_paths=[folder], ppi=PIXELS_PER_INCH)
        return typst.compile(main, format="pdf", font_paths=[folder], timestamp=0)


def _string(text: str) -> str:
    """A string of typst's language: nothing in it acts."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _copy_fonts(folder: Path) -> None:
    """Letters that Libertinus has not: the DejaVu fonts that matplotlib brings along."""
    from importlib.util import find_spec

    found = find_spec("matplotlib")
    assert found is not None and found.origin is not None
    for font in (Path(found.origin).parent / "mpl-data" / "fonts" / "ttf").glob("DejaVuS*.ttf"):
        shutil.copyfile(font, folder / font.name)
