"""The pages of an assessment and of a contest: everything is there once, and whatever anyone called a file is text."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from symusic import Score
from tests.conftest import scale_score, song, write_chorales  # type: ignore[import-not-found]

from erato import assessing, pipeline
from erato.assessing import Composed, assess
from erato.composing import Sample
from erato.contest import Contest, Row, contest
from erato.picturing import assessment as picturing
from erato.picturing.assessment import write_assessment
from erato.picturing.contest import table_of, write_contest
from erato.recipes import TINY
from erato.renderers.page import SCRIPT
from erato.renderers.page_items import Budget
from erato.renderers.result_tables import csv_text, markdown_text
from erato.writing_tables import longest, originality

pytestmark = pytest.mark.usefixtures("quick", "quiet")

HOSTILE = "<b>x & 'y' \u4f60\u597d \u00dcbung"
NONE = np.zeros(0, np.int64)
_VOID = {"img", "meta", "link", "br", "hr", "input", "source", "col"}


class Seen(HTMLParser):
    """The tags of a page with their attributes, ids, scripts and words; tags must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words, self._open = [], [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self._open and self._open[-1] == "script" else self.words).append(data)

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", autouse=True)
def short():
    """Pages of few pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picturing, "HEARD", 1)
        patch.setattr(picturing, "BUDGET", Budget(seconds=5, pages=1, pieces=1))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """On files whose names are markup."""
    folder = tmp_path_factory.mktemp("pages")
    music = folder / HOSTILE
    music.mkdir()
    for number in range(30):
        scale_score(60 + number % 5, seed=number).dump_midi(music / f"<b>{number} \u4f60.mid")
    return pipeline.train(TINY["event-transformer"], music, folder / f"{HOSTILE} run")


def copied(run, monkeypatch, count=4):
    """What is measured where a run writes training pieces, so that their names are on the page."""
    pieces = run.own_pieces()
    training = [pieces[at] for at in pieces.split("train")][:count]
    samples = [Sample(piece, n, None, 1, None, None, NONE, NONE) for n, piece in enumerate(training)]
    monkeypatch.setattr(assessing, "compose", lambda run, amount, n, seed, _: Composed(samples, amount, seed, 1.0))
    return assess(run, n=count)


def page(path):
    text = path.read_text("utf-8")
    seen = Seen(text)
    assert len(seen.ids) == len(set(seen.ids))
    assert seen.scripts == [SCRIPT], "nothing else runs"
    for tag, attributes in seen.tags:
        assert tag != "b" and not any(name.startswith("on") for name in attributes)
        address = attributes.get("href") or attributes.get("src") or "#"
        assert address.startswith(("#", "data:")), address
        if address.startswith("#") and address != "#":
            assert address[1:] in seen.ids
        if address.startswith("data:image/svg"):
            svg = address.split(",", 1)[1]
            svg = b64decode(svg).decode() if ";base64" in address[:40] else unquote(svg)
            assert not re.search(r"\bnan\b|<script", svg.lower())
    return seen


def test_a_page_has_all_that_was_measured(run, monkeypatch, tmp_path):
    found = copied(run, monkeypatch)
    write_assessment(tmp_path / "page.html", found)
    seen = page(tmp_path / "page.html")
    assert {"likelihood", "features", "originality", "pieces"} <= set(seen.ids)
    document = found.to_json()
    assert f"{document['nats_per_note']:.3f}" in seen.text and f"{document['composed']['seed']}" in seen.text
    assert f"How good is {HOSTILE} run?" in seen.text, "a folder's name is text"
    assert "The first 1 of the 4 pieces that were measured." in seen.text
    for sentence in (document["protocol"], *document["composed"]["said"]):
        assert sentence in seen.text
    for scalar in found.writing.scalars:
        assert seen.text.count(scalar.name.replace("_", " ")) >= 2 and scalar.meaning in seen.text
    source = document["originality"]["pieces"][0]["melody"]["places"][0]["piece"]
    assert source.startswith("<b>") and f"{source}, bars 1 to 8" in seen.text
    json.loads(json.dumps(document, allow_nan=False))


def test_a_page_of_likelihood_alone(run, tmp_path):
    write_assessment(tmp_path / "page.html", assess(run, n=0))
    seen = page(tmp_path / "page.html")
    assert "likelihood" in seen.ids and not {"features", "originality", "pieces"} & set(seen.ids)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_page_of_pieces_without_notes(run, monkeypatch, tmp_path, count):
    samples = [Sample(Score(480), n, None, 1, None, None, NONE, NONE) for n in range(count)]
    monkeypatch.setattr(assessing, "compose", lambda run, amount, n, seed, _: Composed(samples, amount, seed, 1.0))
    write_assessment(tmp_path / "page.html", assess(run, n=count))
    seen = page(tmp_path / "page.html")
    assert "features" in seen.ids and "originality" not in seen.ids
    assert ("The first 1 of" if count > 1 else "All of the 1 piece that was measured.") in seen.text


def test_a_page_of_text(monkeypatch, tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(30):
        (folder / f"<i>{number}.txt").write_text(f"</textarea><script>{song(number)}", "utf-8")
    run = pipeline.train(TINY["char-lstm"], folder, tmp_path / "run")
    found = copied(run, monkeypatch)
    write_assessment(tmp_path / "page.html", found)
    seen = page(tmp_path / "page.html")
    assert "Did it copy?" in seen.text and "known words" in seen.text and "</textarea><script>" in seen.text
    assert "with other capitals and punctuation" in seen.text


def test_a_page_of_phrases_has_both_kinds_of_measures(tmp_path):
    run = pipeline.train(TINY["musegan"], write_chorales(tmp_path / "chorales"), tmp_path / "run")
    found = assess(run, n=2)
    write_assessment(tmp_path / "page.html", found)
    seen = page(tmp_path / "page.html")
    assert {"likelihood", "phrases", "features"} <= set(seen.ids)
    assert "This model gives no likelihood." in seen.text and "used pitch classes" in seen.text


def test_a_page_of_runs_side_by_side_and_their_table(run, tmp_path):
    other = pipeline.train(TINY["note-lstm"], run.folder.parent / HOSTILE, tmp_path / "other")
    found = contest([run, other], n=3)
    write_contest(tmp_path / "page.html", found)
    seen = page(tmp_path / "page.html")
    assert {"part-0", "part-1", "part-2", "part-3", "notes"} <= set(seen.ids)
    assert f"{HOSTILE} run" in seen.text and "2 runs, the best first." in seen.text and found.protocol in seen.text
    names = [column.name for column in table_of(found).columns]
    assert "writes" not in names and "nats per character" not in names, "none has any"
    bare = [column.name for column in table_of(contest([run, other], n=0)).columns]
    assert not {"overlap", "did it copy?", "composes"} & set(bare)


def test_what_is_held_is_in_per_cent():
    held = replace(Row("one", "r", "R", "c", 1, None, 1.5, None, None, None, 0.925, None), minutes=1.5)
    text = csv_text(table_of(Contest((held, replace(held, run="two")), "test", 1, "", ())))
    assert text.splitlines()[0] == "run,recipe,representation,nats per note,held (%),parameters,trained (min)"
    assert text.splitlines()[1] == "one,r,R,1.5,92.5,1,1.5"


def test_runs_without_common_pieces_are_not_called_better_or_worse(tmp_path):
    """But for what does not depend on pieces."""
    gap = {"overlap": {"value": 0.5}}
    written = {"distances": {"frechet": {"value": 2.0, "low": 1.0, "high": 3.0, "floor": None}, "features": {"a": gap}}}
    written |= {"speed": {"notes": 9.0}, "originality": None}
    one = Row("one", "r", "R", "c", 1, None, None, None, None, None, None, written)
    far = {**written["distances"], "frechet": {"value": 9.0, "low": None, "high": None, "floor": None}}
    two = replace(one, run="two", writing={**written, "distances": far, "speed": {"notes": 5.0}})
    for split, marks in ((None, 1), ("test", 2)):
        found = Contest((one, two), split, 0, "", ())
        assert csv_text(table_of(found)) == csv_text(table_of(replace(found, split="valid")))
        assert markdown_text(table_of(found)).count("**") == 2 * marks
        write_contest(tmp_path / f"{split}.html", found)
        assert ("best first" in page(tmp_path / f"{split}.html").text) == (split is not None)


def test_the_longest_passages_come_first_and_say_where(run, monkeypatch):
    document = copied(run, monkeypatch).to_json()
    rows = longest(document["originality"])
    counts = [int(re.match(r"\d+", row[2])[0]) for row in rows]
    assert counts == sorted(counts, reverse=True) and counts[0] >= 32 and len(rows) == 4
    pieces = document["originality"]["pieces"]
    short = {**document["originality"], "pieces": [{**pieces[0], **dict.fromkeys(pieces[0]["percentiles"])}, *pieces]}
    pieces[0] = {**pieces[0], "texture": None, "near_texture": None, "melody": {**pieces[0]["melody"], "notes": 3}}
    pieces[0]["near_melody"] = pieces[0]["melody"]
    short["pieces"][2] = pieces[0]
    assert [row[0] for row in longest(short)] == ["2", "4", "5", "3"], "nothing of the first, little of the third"
    first, *more = originality(document["composed"])
    assert first.startswith("Did it copy? Yes: ") and sum("share more" in line for line in more) == 4
