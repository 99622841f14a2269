"""A run folder to its page and pictures: finished, still learning, damaged, with many samples, from hostile hands."""

import json
import re
import shutil
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import torch
from tests.conftest import scale_score, write_songs  # type: ignore[import-not-found]

from erato import pipeline
from erato.errors import RunError, UsageError
from erato.picturing import PICTURES, picture
from erato.picturing.samples import MOST, chosen_of, samples
from erato.recipes import TINY

pytestmark = pytest.mark.usefixtures("quiet")

HOSTILE = '<script>alert(1)</script>"&\u202e'
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of a few steps: of music, and of text."""
    folder = tmp_path_factory.mktemp("made")
    music, songs = folder / "music", write_songs(folder / "songs", 8)
    music.mkdir()
    for number in range(8):
        scale_score(60 + number % 5, bars=4, seed=number).dump_midi(music / f"{number}.mid")
    (music / "broken.mid").write_bytes(b"nothing")
    runs = {}
    for name, corpus in (("event-transformer", music), ("char-lstm", songs)):
        runs[name] = pipeline.train(TINY[name], corpus, folder / name, steps=3, settings=["training.evaluations=3"])
    return runs


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run of music, to be damaged."""
    return shutil.copytree(made["event-transformer"].folder, tmp_path / "run")


class Reader(HTMLParser):
    """A page as tags with their attributes, and as text; fails where tags do not close in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "

    def ids(self):
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]

    def sources(self):
        names = ("src", "href", "data", "poster", "action")
        return [attrs[name] for _, attrs in self.tags for name in names if name in attrs]


def page(run, tmp_path):
    return Reader(picture(run, tmp_path / "page.html").read_text("utf-8"))


def test_the_page_shows_all_there_is_and_asks_for_nothing(made, tmp_path):
    seen = page(made["event-transformer"], tmp_path)
    assert {"curves", "model", "samples", "corpus"} <= {*seen.ids()}
    assert len(seen.ids()) == len({*seen.ids()})
    assert all(source.startswith(("data:", "#")) for source in seen.sources())
    images = [attrs for tag, attrs in seen.tags if tag == "img"]
    assert all(image["alt"] for image in images)
    assert images[0]["alt"].startswith("Curves of training over 3 steps: held-out loss from")
    assert images[1]["alt"].endswith("embedding, 2 × blocks, norm, head.")
    assert "Trained: 3 steps" in seen.text
    assert "event-transformer on music" in seen.text
    assert "8 of 9 used" in seen.text
    assert "broken.mid is text, not MIDI." in seen.text
    assert [name for name in ("After 1 steps", "After 2 steps", "After 3 steps") if name in seen.text]
    assert sum(tag == "audio" for tag, _ in seen.tags) == 3
    parameters = sum(parameter.numel() for parameter in made["event-transformer"].model.parameters())
    assert f"{parameters:,}" in seen.text


def test_texts_are_shown_as_text(made, tmp_path):
    seen = page(made["char-lstm"].folder, tmp_path)
    assert sum(tag == "audio" for tag, _ in seen.tags) == 0
    written = sorted((made["char-lstm"].folder / "samples").glob("*.txt"))
    assert seen.text.count("--- temperature 0.2") == len(written) > 0
    assert " ".join(written[0].read_text("utf-8").split()) in " ".join(seen.text.split())


def test_a_run_and_its_folder_give_the_same_bytes_each_time(made, tmp_path):
    for suffix in PICTURES:
        files = [tmp_path / f"{number}{suffix}" for number in range(3)]
        for path, run in zip(files, (made["event-transformer"], made["event-transformer"].folder) * 2, strict=False):
            pipeline.render(run, path) if run is made["event-transformer"] else picture(run, path)
        assert len({path.read_bytes() for path in files}) == 1, suffix


def test_looking_at_a_run_draws_no_random_number(made, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    picture(made["event-transformer"].folder, tmp_path / "x.model.svg")
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_are_what_they_are_called(made, tmp_path):
    for name in ("x.curves.svg", "x.model.svg"):
        root = ElementTree.fromstring(picture(made["char-lstm"].folder, tmp_path / name).read_bytes())
        assert "char-lstm on songs" in " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    for name in ("x.curves.png", "X.MODEL.PNG"):
        assert picture(made["char-lstm"].folder, tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_run_that_is_still_learning_is_shown_as_far_as_it_is(run, tmp_path):
    (run / "model.safetensors").unlink()
    lines = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run / "metrics.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:30] + b"\xff\xfe")
    seen = page(run, tmp_path)
    assert "Still learning, or stopped halfway. Up to its last evaluation: 2 steps" in seen.text
    assert "embedding" in next(attrs["alt"] for tag, attrs in seen.tags if "parts" in attrs.get("alt", ""))


def test_a_run_before_its_first_evaluation_shows_its_model(run, tmp_path):
    shutil.rmtree(run / "samples")
    for name in ("metrics.jsonl", "model.safetensors", "model.txt"):
        (run / name).unlink()
    seen = page(run, tmp_path)
    assert "Training has not come to its first evaluation." in seen.text
    assert "There is no evaluation yet" in seen.text
    assert "There are no samples yet" in seen.text
    assert sum(tag == "img" for tag, _ in seen.tags) == 1
    with pytest.raises(RunError, match="no evaluation to draw yet"):
        picture(run, tmp_path / "x.curves.svg")
    assert picture(run, tmp_path / "x.model.svg").is_file()


@pytest.mark.parametrize(
    "name, what",
    [
        ("representation.json", None),
        ("representation.json", b"{"),
        ("recipe.json", b"{"),
        ("recipe.json", b'{"recipe": {"type": "Unheard"}}'),
    ],
)
def test_a_damaged_folder_still_shows_its_curves(run, tmp_path, name, what):
    (run / name).unlink() if what is None else (run / name).write_bytes(what)
    seen = page(run, tmp_path)
    assert "It cannot be drawn: " in seen.text
    assert name in seen.text or "Unheard" in seen.text
    assert "Curves of training over 3 steps" in " ".join(attrs.get("alt", "") for _, attrs in seen.tags)
    assert picture(run, tmp_path / "x.curves.png").is_file()
    with pytest.raises(RunError):
        picture(run, tmp_path / "x.model.svg")


@pytest.mark.parametrize("what", [None, b"{", b"[]", b'{"files": [null, 3, {"verdict": "used"}], "corpus": null}'])
def test_a_manifest_of_any_kind_does_no_harm(run, tmp_path, what):
    (run / "manifest.json").unlink() if what is None else (run / "manifest.json").write_bytes(what)
    assert "corpus" in page(run, tmp_path).ids()


def test_what_others_wrote_is_text(run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    manifest |= {"corpus": HOSTILE, "licence": HOSTILE, "not held by the representation": {HOSTILE: 3}}
    manifest["files"][0] |= {"verdict": "skipped", "reason": HOSTILE, "message": HOSTILE}
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    recipe = json.loads((run / "recipe.json").read_text("utf-8"))
    recipe["recipe"] |= {"name": HOSTILE, "summary": HOSTILE}
    recipe["erato"] = HOSTILE
    (run / "recipe.json").write_text(json.dumps(recipe), "utf-8")
    (run / "model.txt").write_text(HOSTILE, "utf-8")
    (run / "samples" / "step00000009.txt").write_text(HOSTILE, "utf-8")
    html = picture(run, tmp_path / "page.html").read_text("utf-8")
    assert "<script>alert" not in html
    assert html.count("<script") == 1, "the page's own"
    assert "\u202e" not in re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)
    Reader(html)
    ElementTree.fromstring(picture(run, tmp_path / "x.curves.svg").read_bytes())
    ElementTree.fromstring(picture(run, tmp_path / "x.model.svg").read_bytes())


def test_of_many_samples_some_are_shown_and_the_rest_is_counted(run, tmp_path):
    first = run / "samples" / "step00000001.mid"
    for step in range(4, 101):
        shutil.copy(first, run / "samples" / f"step{step:08d}.mid")
    (run / "samples" / "step00000100.mid").write_bytes(b"broken")
    seen = page(run, tmp_path)
    assert (
        "8 of 100 samples are shown, from the first to the last; all are in samples/. 1 could not be read." in seen.text
    )
    assert sum(tag == "audio" for tag, _ in seen.tags) == 7
    assert (tmp_path / "page.html").stat().st_size < 5_000_000


def test_samples_are_chosen_from_first_to_last_with_all_temperatures_and_those_of_the_kept_weights(tmp_path):
    def steps(*names, kept=None):
        for name in names:
            (tmp_path / name).touch()
        return [(one.step, one.heat) for one in chosen_of(samples(tmp_path), kept)]

    assert steps() == []
    assert steps("step00000010.mid", "step00000009.mid", "notes.mid", "stepx.mid") == [(9, None), (10, None)]
    for step in range(1, 51):
        for heat in ("0.5", "1"):
            (tmp_path / f"step{step:08d}-{heat}.mid").touch()
    (tmp_path / "step00000009.mid").unlink(), (tmp_path / "step00000010.mid").unlink()
    found = steps()
    assert found[:2] == [(1, 0.5), (1, 1.0)]
    assert found[-1] == (50, 1.0)
    assert len(found) == MOST[".mid"]
    assert (30, 1.0) in steps(kept=30)
    assert len(steps(kept=30)) == MOST[".mid"]


def test_a_long_text_is_cut_and_says_so(run, tmp_path):
    shutil.rmtree(run / "samples")
    (run / "samples").mkdir()
    (run / "samples" / "step00000001.txt").write_text("a" * 100_000, "utf-8")
    assert "96,000 characters more" in page(run, tmp_path).text


def test_the_command_draws_runs(erato, run):
    (run / "model.safetensors").unlink()
    code, out, _ = erato("render", run, "a.html", "a.curves.svg", "--json")
    assert code == 0
    assert json.loads(out) == {"files": ["a.html", "a.curves.svg"]}
    for arguments, said in [
        (("a.html",), "exists"),
        (("b.png",), "a run is drawn as .html, .curves.svg, .curves.png, .model.svg or .model.png, and b.png is none"),
        (("b.html", "--from", "1"), "a run has no bars"),
        (("b.html", "b.midi"), "none of these"),
    ]:
        code, _, err = erato("render", run, *arguments)
        assert code == 1
        assert said in err
        assert "Traceback" not in err
    assert erato("render", run, "a.html", "--force")[0] == 0
    code, _, err = erato("render", run.parent, "b.html")
    assert code == 1
    assert "is no run (it has no recipe.json)" in err


def test_training_says_how_to_see_it(erato, music_folder):
    small = ["model.width=16", "model.layers=1", "model.heads=2", "model.context=32", "windows.length=16"]
    settings = [word for setting in small for word in ("--set", setting)]
    code, out, _ = erato("train", "event-transformer", "--corpus", music_folder, "--out", "r", "--steps", 1, *settings)
    assert code == 0
    assert out.splitlines()[-1] == "See how it learned: erato render r training.html"


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="there is no run folder"):
        picture(tmp_path, tmp_path / "a.html")
    with pytest.raises(UsageError, match=r"name it a\.html"):
        picture(tmp_path, tmp_path / "a.png")
