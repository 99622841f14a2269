"""What pictures say of themselves: written into PNG and SVG, read back, whatever it is."""

import io
import struct
import zlib

import numpy as np
import pytest
from defusedxml.ElementTree import fromstring
from PIL import Image
from symusic import Score

from erato.renderers import RENDERERS, About
from erato.renderers.pianoroll import piano_roll, roll_svg
from erato.renderers.png import png_of, texts, with_texts
from erato.renderers.records import png_record, png_with_record, svg_record, svg_with_record, xml_text

HOSTILE = "</metadata><script>alert(1)</script> & \"'日本語 \x00\x1b[31m\u202e\ud800\ufffe\n"
RECORD = {"seed": 3, "recipe": {"name": "x", "settings": [1.5, None, True]}, HOSTILE: HOSTILE}
PNG = png_of(np.zeros((2, 3, 3), np.uint8))
SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" data-x="a > b"><g/></svg>'


def test_a_png_holds_its_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_of(pixels)))), pixels)


def test_what_a_png_says_others_read() -> None:
    about = About("A title", {"seed": "3", "corpus": "日本"}, RECORD)
    found = Image.open(io.BytesIO(png_with_record(PNG, about)))
    found.load()
    assert found.text["Title"] == "A title" and found.text["Software"].startswith("Erato 0")
    assert found.text["Description"] == "seed: 3\ncorpus: 日本"
    assert found.text["erato"].isascii() and set(found.text) == {"Title", "Software", "Description", "erato"}


def test_a_record_comes_back_and_the_picture_stays() -> None:
    about = About(HOSTILE, {HOSTILE: HOSTILE}, RECORD)
    png = png_with_record(PNG, about)
    assert png_record(png) == RECORD
    assert np.asarray(Image.open(io.BytesIO(png))).shape == (2, 3, 3)
    svg = svg_with_record(SVG, about)
    assert svg_record(svg) == RECORD
    root = fromstring(svg)
    assert [child.tag.rpartition("}")[2] for child in root] == ["title", "desc", "metadata", "g"]
    assert "<script>" in (root[0].text or "") and "\ud800" not in svg
    assert root.get("data-x") == "a > b"


def test_the_same_record_is_the_same_bytes_in_any_order() -> None:
    turned = dict(reversed(RECORD.items()))
    assert png_with_record(PNG, About(record=RECORD)) == png_with_record(PNG, About(record=turned))
    assert svg_with_record(SVG, About(record=RECORD)) == svg_with_record(SVG, About(record=turned))


def test_where_nothing_is_said_there_is_no_record() -> None:
    assert png_record(png_with_record(PNG, About("x"))) is None and png_record(PNG) is None
    assert svg_record(svg_with_record(SVG, About("x"))) is None and svg_record(SVG) is None
    assert texts(png_with_record(PNG, About())).keys() == {"Software"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        PNG[:40],
        PNG.replace(b"IDAT", b"\xff\xff\xff\xff"),
        b"MThd" * 99,
        PNG[:8] + b"\xff" * 99,
    ],
)
def test_a_damaged_file_has_no_record(data: bytes) -> None:
    assert png_record(data) is None


@pytest.mark.parametrize("text", ["[1]", "{", '"x"', "[" * 100_000, ""])
def test_a_record_that_is_none_is_none(text: str) -> None:
    assert png_record(with_texts(PNG, {"erato": text})) is None
    assert svg_record(SVG.replace("<g/>", f'<metadata id="erato">{xml_text(text)}</metadata>')) is None


def test_a_chunk_that_lies_about_its_length_is_not_read() -> None:
    data = struct.pack(">I", 2**31) + b"tEXterato\0{}" + struct.pack(">I", zlib.crc32(b""))
    assert png_record(PNG[:33] + data) is None


def test_what_is_no_picture_gets_no_record() -> None:
    with pytest.raises(ValueError, match="no PNG"):
        png_with_record(b"GIF89a", About())
    with pytest.raises(ValueError, match="no SVG"):
        svg_with_record("<html></html>", About())


@pytest.mark.parametrize("suffix", [".png", ".roll.png", ".roll.svg", ".matrix.png"])
def test_every_picture_of_a_piece_carries_its_record(suffix: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / f"x{suffix}"
    RENDERERS[suffix].write(Score(480), path, About("x", {}, {"seed": 7}))
    data = path.read_bytes()
    found = svg_record(data.decode()) if suffix.endswith("svg") else png_record(data)
    assert found == {"seed": 7}


def test_two_names_one_picture() -> None:
    assert piano_roll(Score(480)) == piano_roll(Score(480), About())
    assert "<title>" not in roll_svg(Score(480))
