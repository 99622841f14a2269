"""The demonstration: four pieces, their files, and a page that shows and names all of it."""

import base64
import html
import re

import pytest

from erato import demo, pipeline
from erato.errors import RunError
from erato.recipes import TINY
from erato.renderers.page import page_record
from erato.reporter import Reporter
from erato.score import Score, bars, has_pickup

NAMES = [f"{n:03d}-seed{n}" for n in (1, 2, 3, 4)]


def check(page, folder):
    """All that the page of a demonstration in `folder` must hold."""
    assert page == folder / "index.html"
    files = sorted((folder / "pieces").iterdir())
    assert [path.name for path in files] == [f"{name}.{suffix}" for name in NAMES for suffix in ("json", "mid", "png")]
    text = page.read_text("utf-8")
    links = re.findall(r'<a href="data:[^"]*?;base64,([^"]*)" download="([^"]+)"', text)
    held = {name: base64.b64decode(data) for data, name in links}
    assert list(held) == [f"chorale-{n}.{suffix}" for n in (1, 2, 3, 4) for suffix in ("mid", "mxl")]
    assert [held[f"chorale-{n}.mid"] for n in (1, 2, 3, 4)] == [path.read_bytes() for path in files[1::3]]
    assert [html.unescape(name) for name in re.findall(r"<h2[^>]*>(.*?)</h2>", text)][:4] == [
        f"Chorale {n}" for n in (1, 2, 3, 4)
    ]
    assert re.findall(r"<dt>seed</dt><dd>(\d)</dd>", text) == ["1", "2", "3", "4"]
    for shown in ('<img src="data:image/png', '<audio [^>]*src="data:audio/mpeg'):
        assert len(re.findall(shown, text)) == 4
    assert len(re.findall('<img src="data:image/svg', text)) >= 4
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)  # it asks no other place for anything
    assert [record["seed"] for record in page_record(text)["pieces"]] == [1, 2, 3, 4]
    for path in files[1::3]:
        piece = Score(path)
        assert len(bars(piece)) - has_pickup(piece) == 8
    pictures = [path.read_bytes() for path in files[2::3]]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len({path.read_bytes() for path in files}) == 12
    return text


def test_the_page_shows_and_names_everything(music_folder, tmp_path, monkeypatch):
    real, called = pipeline.train, []

    def small(recipe, corpus, out, *, minutes, reporter):
        called.append((recipe, corpus, minutes))
        return real(TINY[recipe], music_folder, out, reporter=reporter)

    monkeypatch.setattr(pipeline, "train", small)
    page = demo.demo(1.5, tmp_path / "demo", Reporter())
    assert called == [("event-transformer", "bach-chorales", 1.5)]
    text = check(page, tmp_path / "demo")
    assert "learned from music for 1.5 minutes" in text
    assert "your own files: you know their licence" in text.partition("</main>")[2]  # once for all four


def test_a_demonstration_never_overwrites(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "train", lambda *_, **__: pytest.fail("trained"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "letter.txt"):
        with pytest.raises(RunError, match="exists"):
            demo.demo(0.02, taken, Reporter())
    assert (tmp_path / "mine" / "letter.txt").read_text() == "mine"


def test_without_a_name_it_takes_the_next_free_number(tmp_path, monkeypatch):
    taken = []

    def stop(recipe, corpus, out, **_):
        taken.append(out)
        out.mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "train", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            demo.demo(0.02, None, Reporter())
    assert [path.parts for path in taken] == [("demo", "001", "run"), ("demo", "002", "run")]


@pytest.mark.slow
def test_chorales_are_learned_and_composed(tmp_path):
    page = demo.demo(0.02, tmp_path / "demo", Reporter())
    text = check(page, tmp_path / "demo")
    assert "learned from bach-chorales for 0.02 minutes" in text
    assert (tmp_path / "demo" / "run" / "recipe.json").is_file()
    for path in (tmp_path / "demo" / "pieces").glob("*.mid"):
        assert len(Score(path).tracks) >= 1
