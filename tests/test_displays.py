"""What notebooks show: it is there, as text where anyone typed it, and stands beside other cells without harm."""

import re
import subprocess
import sys
from base64 import b64encode
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, Track

import erato
from erato import pipeline
from erato.assessing import Assessment, assess
from erato.comparing import Comparison, Made
from erato.composing import Sample
from erato.contest import Contest, Row
from erato.corpora.base import Report
from erato.displayed import Displayed
from erato.displays import html, show
from erato.errors import UsageError
from erato.evaluating import Evaluation
from erato.evaluation.surprise import Surprise
from erato.recipes import TINY
from erato.renderers.page import SCRIPT

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x07&lt;"
NONE = np.zeros(0, np.int64)


class Seen(HTMLParser):
    """The tags of a cell with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.scripts, self._inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        (self.scripts if self._inside == "script" else [] if self._inside == "style" else self.texts).append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def shown(value):
    """The cell of a value, which has no ids, asks for nothing, and runs the one script of ours if any."""
    text = value._repr_html_()
    assert text == value._repr_html_(), "the same every time"
    seen = Seen(text)
    for _, attributes in seen.tags:
        assert "id" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "@import" not in text and "url(" not in text
    assert seen.scripts in ([], [SCRIPT])
    assert seen.tags[0] == ("div", seen.tags[0][1]) and "erato" in seen.tags[0][1]["class"].split()
    return seen


def notes(name="", count=4):
    score = Score(480)
    score.tracks.append(Track(name, 0, False))
    score.tracks[0].notes.extend([Note(480 * n, 480, 60 + n, 80) for n in range(count)])
    return score


def sample(seed, piece, **sampler):
    record = {
        "recipe": "event-transformer",
        "corpus": {"name": "my-music", "licence": HOSTILE},
        "settings": {"sampler": sampler},
    }
    return Sample(piece, seed, -1.0, 4, None, None, NONE, NONE, record=record)


def evaluation(**changes):
    numbers = dict.fromkeys(
        ("nats_per_frame", "nats_per_frame_after_first", "nats_per_note", "nats_per_token", "nats_per_second")
    )
    told = {"nats_per_char": 1.5, "perplexity": 4.25, "parts": {}, "accuracy": 0.375, "protocol": HOSTILE}
    told |= {"baseline": {"nats_per_char": 1.25}, "baseline_order": 5}
    return Evaluation(**{"split": "test", "pieces": 1234, "symbols": 5678, **numbers, **told, **changes})


def row(name, nats=None):
    return Row(name, name, name, name, 1234, None, nats, nats, None, nats, None, None, (name,))


def test_a_score_is_played_and_seen():
    seen = shown(show(notes("Flute"), "Morning"))
    assert seen.count("audio") == seen.count("img") == 1 and "Morning" in seen.text and "Flute" in seen.text
    assert seen.scripts == [SCRIPT]
    assert repr(show(notes(), "Morning")) == "<Morning: shown in notebooks>"


def test_a_text_is_set_as_it_is():
    text = "two lines\n    and a <b>mark</b>\n"
    seen = show(text)._repr_html_()
    assert f'<pre tabindex="0" dir="auto">{escape(text)}</pre>' in seen
    assert b64encode(text.encode()).decode() in seen, "to download"
    assert not shown(show(text)).count("audio")


def test_several_pieces_have_numbers_and_say_once_what_they_share():
    seen = shown(show([notes(), "words", notes()], "Day"))
    assert seen.count("audio") == 2
    assert [name for name in ("Day 1", "Day 2", "Day 3", "Day 4") if name in seen.text] == ["Day 1", "Day 2", "Day 3"]
    samples = [sample(7, "a"), sample(8, "b")]
    text = shown(show(samples)).text
    assert text.count("my-music") == 1 and text.count("event-transformer, seed 7 1 word") == 1
    assert repr(show(samples, "Night")) == "<Night 1, Night 2: shown in notebooks>"
    assert repr(show([notes()], "Alone")) == "<Alone: shown in notebooks>"


def test_samples_of_one_seed_are_told_apart():
    text = shown(show([sample(7, "a", temperature=0.2), sample(7, "b", temperature=0.9), sample(8, "c")])).text
    assert "event-transformer, seed 7, temperature 0.2" in text and "event-transformer, seed 7, temperature 0.9" in text
    assert "event-transformer, seed 8 " in text


def test_what_a_cell_has_no_room_for_is_said():
    text = shown(show(["words"] * 30)).text
    assert "the first 8 of 30 pieces" in text and "text 8" in text and "text 9" not in text


def test_a_sample_shows_itself():
    own = sample(3, notes())
    assert own._repr_html_() == show(own)._repr_html_()
    assert "event-transformer, seed 3" in shown(own).text
    bare = Sample("words", 3, None, 1, None, None, NONE, NONE)
    assert "seed 3" in shown(bare).text


@pytest.mark.parametrize("what", [None, 3, [], [notes(), 3], Path("piece.mid"), {"piece": notes()}.items()])
def test_what_is_no_piece_is_refused(what):
    with pytest.raises(UsageError, match=r"^show takes .*, got (nothing|a \w+): give what compose or sample gave\.$"):
        show(what)


def test_what_was_typed_is_text():
    words = " ".join(HOSTILE.replace("\u202e", " ").replace("\x07", " ").split())
    cells = [
        show([notes(HOSTILE), HOSTILE], HOSTILE),
        sample(1, notes(HOSTILE)),
        evaluation(),
        Comparison((Made(HOSTILE, "", prompt=HOSTILE, text=HOSTILE),), (), 0),
        Surprise(notes(HOSTILE), [np.ones(4)], 0.5),
        Assessment(HOSTILE, evaluation(), None),
        Contest((row(HOSTILE),), None, 0, HOSTILE, (HOSTILE,)),
        Report(skipped=[dict.fromkeys(("file", "reason", "message"), HOSTILE)]),
        Report(flagged=[{"file": HOSTILE, "lost": {HOSTILE: 1}}]),
    ]
    for cell in cells:
        seen = shown(cell)
        assert words in seen.text
        assert not any(attributes.get("src") == "x" for _, attributes in seen.tags)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from tests.conftest import write_scales  # type: ignore[import-not-found]

    where = tmp_path_factory.mktemp("displays")
    folder = where / "music"
    write_scales(folder)
    return pipeline.train(TINY["note-chord-lstm"], folder, where / "run")


def test_a_run_says_what_it_is_and_how_it_learned(run):
    seen = shown(run)
    (loss,) = re.findall(r'"valid_loss": ([\d.]+)', (run.folder / "metrics.jsonl").read_text())
    assert f"held-out loss {float(loss):.4f}" in seen.text and "steps 2" in seen.text
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    assert f"parameters {parameters:,}" in seen.text
    assert "note-chord-lstm on music" in seen.text
    pictures = [attributes for tag, attributes in seen.tags if tag == "img"]
    assert [one["src"].startswith("data:image/svg+xml") for one in pictures] == [True, True]
    assert pictures[0]["alt"].startswith("Curves of training over 2 steps")
    assert str(run.folder.parent) not in run._repr_html_(), "nobody needs to know where it lies"


def test_what_a_run_gives_shows_itself(run):
    (sampled,) = run.sample(seed=1, length=8)
    assert shown(sampled).count("audio") == 1
    found = run.evaluate()
    text = shown(found).text
    assert f"nats per token {found.nats_per_token:.4f} {found.baseline['nats_per_token']:.4f}" in text
    assert f"{100 * found.accuracy:.1f} %" in text and found.protocol in text
    surprise = run.surprise(sampled.piece)
    assert f"{surprise.nats:,.1f} nats" in shown(surprise).text


def test_an_evaluation_has_the_ngram_beside_it():
    text = shown(evaluation()).text
    assert "1,234 pieces of the test part, 5,678 symbols." in text and "37.5 %" in text
    assert "this run 5-gram of the training pieces nats per char 1.5000 1.2500 perplexity 4.2500" in text
    alone = shown(evaluation(pieces=1, split="piece", baseline=None, accuracy=None)).text
    assert "1 piece, 5,678 symbols." in alone and "gram" not in alone and "likeliest" not in alone


def test_an_evaluation_of_phrases_has_the_sets_side_by_side():
    def cells(value):
        return {"empty_bars": {"flute": {"value": value, "low": None, "high": None}}}

    features = {
        "training": cells(0.125),
        "generated": cells(0.5),
        "gap": {"generated": {"empty_bars": 37.5}},
        "diversity": {"training": 0.25, "generated": 0.5, "ratio": 2.0},
        "steering": {"style": 0.75},
    }
    new = {"copies": 3, "transposed_copies": 4, "phrases": 10, "real_phrases": 5}
    text = shown(evaluation(features=features, originality=new, accuracy=None)).text
    assert "gap to training training generated empty bars 37.50 points diversity 0.250 0.500" in text
    assert "Generated phrases are 2.00 times as diverse as training." in text and "style 75.0 %" in text
    assert "empty bars, % training generated flute 12.50 50.00" in text
    assert "Copies: 3 of 10 generated phrases stand in training, 4 if transpositions count." in text


def test_a_comparison_has_a_row_a_way():
    made = Made("greedy", "", "ab", "a", "b", 10, -5.0, (1.0, 0.5, None), 3, 2, 0.1)
    text = shown(Comparison((made, Made("beams", "", refused="Not for this run.")), (), 7)).text
    assert "the same seed, 7;" in text
    assert "greedy ab −5.0 −0.500 1.00 0.50 none 3 2 10 beams Not for this run." in text
    assert "seconds" not in text, "of no other time"


def test_an_assessment_has_all_but_the_pieces(run):
    found = assess(run, n=2)
    seen = shown(found)
    assert not seen.scripts and not seen.count("audio"), "pieces are shown by show"
    assert "How good is" in seen.text and "Did it copy?" in seen.text and found.writing.said[0] in seen.text
    assert seen.count("img") == 2, "distributions of features, and of passages in common"
    assert f"{found.evaluation.nats_per_note:.3f}" in seen.text
    assert not [attributes for _, attributes in seen.tags if "id" in attributes]
    assert shown(assess(run, n=0)).count("img") == 0
    assert len(repr(found)) < 3000, "no terminal is filled with notes"


def test_a_contest_is_a_table_in_parts():
    seen = shown(Contest((row("one", 1.25), row("two", 2.5)), "test", 3, "How it was done.", ("3 pieces.",)))
    assert seen.count("table") == 2, "likelihood, and what they take; nothing was composed"
    assert "one *1.250 *1.250" in seen.text and "two 2.500 2.500" in seen.text and "1,234" in seen.text
    assert "How it was done." in seen.text and "3 pieces." in seen.text


def test_a_report_says_what_is_read_and_why_not():
    skipped = [{"file": f"{n}.mid", "reason": "broken", "message": "it ends early"} for n in range(3)]
    skipped.append({"file": "a.pdf", "reason": "unknown", "message": "not music"})
    report = Report(9, 4, 5, 1000, 1, skipped, [{"file": "b.mid", "lost": {"pedals": 2}}])
    text = shown(report).text
    assert "files 9 used 4 pieces 5 notes 1,000 duplicates 1 skipped 4" in text
    assert "broken 3 0.mid: it ends early unknown 1 a.pdf: not music" in text and "b.mid 2 pedals" in text
    assert shown(Report(2, 2, 2, 10)).count("table") == 0


def test_all_that_says_it_is_displayed_is_known():
    classes = Displayed.__subclasses__()
    assert {one.__name__ for one in classes} >= {
        "Run",
        "Sample",
        "Evaluation",
        "Comparison",
        "Surprise",
        "Report",
        "Contest",
    }
    for one in classes:
        assert html.dispatch(one) is not html.dispatch(object)
    with pytest.raises(TypeError, match="how to show a int"):
        html(3)


def test_show_is_public_and_its_import_is_light():
    assert "show" in erato.__all__ and erato.show is show
    said = "import erato, sys; print([name for name in ('torch', 'numpy', 'symusic') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "[]\n"
