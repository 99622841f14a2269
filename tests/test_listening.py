"""From runs to a page and its key, and from votes to a score, by the command as people give it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, Track
from tests.conftest import Notes, write_songs  # type: ignore[import-not-found]

from erato import listening, pipeline
from erato.corpora import Folder
from erato.errors import UsageError
from erato.recipes import TINY
from erato.reporter import Reporter


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of events and of frames that learned from the same music, and one of text, after two steps each."""
    folder = tmp_path_factory.mktemp("runs")
    write_songs(folder / "texts", 24, verses=20)
    (folder / "music").mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        score = Score(480)
        score.tracks.append(Track("Melody", 40, False))
        for beat in range(48):
            velocity = int(rng.integers(40, 90))
            score.tracks[0].notes.append(Note(480 * beat, 480, int(rng.integers(55, 75)), velocity))
        score.dump_midi(folder / "music" / f"piece{number}.mid")
    for name, corpus in (("event-transformer", "music"), ("pianoroll-lstm", "music"), ("lyrics-lstm", "texts")):
        pipeline.train(TINY[name], folder / corpus, folder / name)
    return folder


@pytest.fixture(scope="module")
def music(runs):
    """The two runs of music."""
    return [pipeline.load(runs / name) for name in ("event-transformer", "pianoroll-lstm")]


@pytest.fixture(scope="module")
def made(music):
    return listening.prepare(music, n=2, seconds=3.0, seed=5)


def test_every_source_meets_every_other_one(made, music):
    key, test = made.key, made.test
    sources = ["event-transformer", "pianoroll-lstm", "people"]
    assert [one["name"] for one in key["sources"]] == sources
    assert sorted(one["source"] for one in key["pieces"].values()) == sorted(2 * sources)
    assert len(test.pairs) == 6 and len(test.parts) == 6 and test.asks_person
    met = [{key["pieces"][pair[side]]["source"] for side in "ab"} for pair in key["pairs"].values()]
    assert all(met.count(two) == 2 for two in ({*sources[:2]}, {*sources[1:]}, {sources[0], sources[2]}))
    assert {pair.id: {"a": pair.a, "b": pair.b} for pair in test.pairs} == key["pairs"]
    composed = [one["seed"] for one in key["pieces"].values() if one["source"] == "event-transformer"]
    assert sorted(composed) == [5, 6]
    assert key["sources"][0]["hash"] == music[0].identity.hash


def test_people_are_never_those_that_a_run_learned_from(made, music):
    held = {e.name for run in music for e in run._pieces(None, Reporter()).entries if e.split != "train"}
    names = [one["piece"] for one in made.key["pieces"].values() if one["source"] == "people"]
    assert len(set(names)) == 2 and set(names) <= held
    for run in music:
        learnt = [p["name"] for f in run.manifest["files"] for p in f.get("pieces", ()) if p["split"] == "train"]
        assert learnt and not set(names) & set(learnt)


def test_the_page_does_not_tell(made, runs):
    page = made.page
    shown = re.sub(r'(id="parts">).*?</script>', "", page, flags=re.DOTALL)
    names = ["event-transformer", "pianoroll", "lstm", "piece1", ".mid", "Melody", "seed"]
    told = [*names, str(runs), made.key["salt"]]
    assert not [word for word in told if word.lower() in shown.lower()]
    assert len({len(part) for part in made.test.parts.values()}) == 1
    assert len(set(made.test.parts.values())) == 6
    ids = [*made.key["pieces"], *made.key["pairs"]]
    assert all(re.fullmatch(r"[0-9a-f]{12}", one) for one in ids) and len(set(ids)) == 12


def test_the_same_numbers_give_the_same_page_and_others_another(made, music):
    again = listening.prepare(music, n=2, seconds=3.0, seed=5)
    assert again.page == made.page and again.key == made.key
    other = listening.prepare(music, n=2, seconds=3.0, seed=6)
    assert other.test.id != made.test.id and not set(other.key["pieces"]) & set(made.key["pieces"])


def test_bars_and_one_tempo_for_a_run_of_bars(music):
    made = listening.prepare(music[:1], n=2, bars=2)
    assert {one["name"] for one in made.key["sources"]} == {"event-transformer", "people"} and len(made.test.pairs) == 2
    assert "All pieces have one steady tempo: 120 quarters a minute." in made.test.equal
    assert made.test.length == pytest.approx(6)  # two bars of two seconds, and what rings


def test_seconds_are_those_of_the_piece_at_its_own_tempo(music):
    made = listening.prepare(music[:1], n=1, seconds=3.0)
    assert "Every piece has its own tempo." in made.test.equal and made.test.length == pytest.approx(5)


def test_what_frames_lack_is_taken_from_all(made):
    assert "All notes of a piece are struck alike." in made.test.equal and "There is no pedal." in made.test.equal


def test_text_is_shown(runs, monkeypatch):
    run = pipeline.load(runs / "lyrics-lstm")
    assert run.recipe.begin == "prompt"  # which would tell whose a text is
    asked, sample = [], type(run).sample
    monkeypatch.setattr(type(run), "sample", lambda run, **how: asked.append(how) or sample(run, **how))
    made = listening.prepare([run], n=2)
    assert [how["begin"] for how in asked] == ["window"]
    texts = made.test.parts
    assert len(texts) == 4 and all(400 < len(text) <= 600 for text in texts.values())
    people = [texts[key] for key, one in made.key["pieces"].items() if one["source"] == "people"]
    known = {word for path in (runs / "texts").iterdir() for word in path.read_text("utf-8").split()}
    assert all(set(text.split()) <= known for text in people)


def test_without_a_corpus_there_are_no_people(runs, music, monkeypatch):
    from erato.run import Run

    def gone(run, corpus, reporter):
        raise UsageError("it is not there.")

    monkeypatch.setattr(Run, "_pieces", gone)
    notes = Notes()
    made = listening.prepare(music, n=1, seconds=2.0, reporter=notes)
    assert [one["name"] for one in made.key["sources"]] == ["event-transformer", "pianoroll-lstm"]
    assert not made.test.asks_person and "All were composed by programs" in made.page
    assert notes.said == ["There are no pieces of people: it is not there."]
    with pytest.raises(UsageError, match="nothing to compare"):
        listening.prepare(music[:1], n=1, seconds=2.0)
    with pytest.raises(UsageError, match="it is not there"):
        listening.prepare(music, n=1, seconds=2.0, corpus="else")


def test_a_corpus_that_was_learnt_from_has_no_people(runs, music, tmp_path):
    learnt = [f["name"] for f in music[0].manifest["files"] if f["pieces"][0]["split"] == "train"]
    for name in learnt[:9]:
        (tmp_path / name).write_bytes((runs / "music" / name).read_bytes())
    notes = Notes()
    made = listening.prepare(music, n=1, seconds=2.0, corpus=Folder(tmp_path), reporter=notes)
    assert len(made.key["sources"]) == 2 and "none that the runs did not learn from" in notes.said[0]


def test_the_corpus_of_the_first_run_is_named_where_they_differ(music, monkeypatch):
    monkeypatch.setitem(music[1].manifest, "corpus", "another")
    notes = Notes()
    listening.prepare(music, n=1, seconds=2.0, reporter=notes)
    assert any("different corpora" in note and "another" in note and "--corpus" in note for note in notes.said)


def test_fewer_people_than_asked_for_are_said(music):
    notes = Notes()
    made = listening.prepare(music[:1], n=9, seconds=1.0, reporter=notes)
    count = sum(one["source"] == "people" for one in made.key["pieces"].values())
    assert 0 < count < 9
    assert any(f"{count} held-out pieces" in note for note in notes.said)
    assert len(made.test.pairs) == 9


def test_a_run_that_composes_silence_is_refused(music, monkeypatch):
    from dataclasses import replace

    sample = type(music[0]).sample

    def silent(run, **asked):
        return [replace(one, piece=Score(480)) for one in sample(run, **asked)]

    monkeypatch.setattr(type(music[0]), "sample", silent)
    with pytest.raises(UsageError, match="composes silence: 4 of 4"):
        listening.prepare(music, n=1, seconds=1.0)


def test_what_cannot_be_compared(runs, music):
    text = pipeline.load(runs / "lyrics-lstm")
    for given, asked, said in (
        ([], {}, "give the folder"),
        ([music[0], music[0]], {}, "given twice"),
        ([music[0], text], {}, "of one kind"),
        ([text], {"bars": 4}, "neither bars nor seconds"),
        (music, {"bars": 4, "seconds": 2.0}, "not both"),
        (music, {"bars": 4}, "no bars"),
        (music, {"bars": 0}, "bars must be"),
        (music, {"seconds": float("nan")}, "seconds must be"),
        (music, {"n": 0}, "n must be"),
        (music, {"n": 1, "seconds": 2.0, "pairs": 4}, "from 1 to 3"),
    ):
        with pytest.raises(UsageError, match=said):
            listening.prepare(given, **asked)


def test_a_page_holds_only_so_much_sound(music, monkeypatch):
    monkeypatch.setattr(listening, "MOST_S", 5.0)
    with pytest.raises(UsageError, match=r"3 pieces of 3 seconds are more than .* fewer \(--n\)"):
        listening.prepare(music, n=1, seconds=1.0)


def test_the_command_makes_a_page_and_scores_votes(erato, runs):
    command = ("listen", runs / "event-transformer", "--n", 2, "--seconds", 2, "--out", "test.html")
    code, out, _ = erato(*command)
    assert code == 0 and "2 pairs of 4 pieces are in test.html" in out and "test.key.json" in out
    code, _, err = erato(*command)
    assert code == 1 and "test.html exists" in err
    code, out, _ = erato(*command, "--force", "--json")
    files, sources = {"page": "test.html", "key": "test.key.json"}, ["event-transformer", "people"]
    assert json.loads(out) == {**files, "pairs": 2, "pieces": 4, "sources": sources}
    key = json.loads(Path("test.key.json").read_text())
    assert key["page"] in Path("test.html").read_text()
    votes = []
    for pair, sides in key["pairs"].items():  # whoever listens always prefers people, and knows them
        right = "a" if key["pieces"][sides["a"]]["source"] == "people" else "b"
        votes.append({"pair": pair, "choice": right, "person": right})
    said = {"erato listen": "votes", "version": 1, "page": key["page"], "listener": "0" * 16, "votes": votes}
    Path("votes.json").write_text(json.dumps(said))
    code, out, _ = erato("listen", "--score", "votes.json", "--json")
    found = json.loads(out)
    assert code == 0 and found["votes"] == 2 and found["person_found"]["wins"] == 2
    (row,) = [row for row in found["against"] if row["source"] == "people"]
    assert row["rate"] == 1 and row["low"] == pytest.approx(2 / (2 + 1.959964**2), abs=1e-6)
    code, out, _ = erato("listen", "--score", "votes.json", "votes.json", "--key", "test.key.json")
    assert code == 0 and "2 votes of 1 listener" in out and "counted once" in out and "against people" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give the folder of a run"),
        (["RUN", "--key", "x.json"], "--key is for scoring"),
        (["RUN", "--score", "x.json"], "leave the runs out"),
        (["--score", "x.json"], "there is no file 'x.json'"),
        (["--score", "x.json", "--n", "3", "--out", "y.html"], "--n, --out is for making a page"),
        (["RUN", "--out", "page.txt"], "ends in .html"),
        (["RUN", "--program", "Violinn"], "did you mean Violin"),
        (["RUN", "--corpus", "nowhere"], "unknown corpus"),
        (["nowhere"], "no run folder"),
    ],
)
def test_mistakes_are_one_sentence(erato, runs, words, said):
    given = [runs / "event-transformer" if word == "RUN" else word for word in words]
    code, out, err = erato("listen", *given)
    assert code == 1 and said in err and out == "" and err.count("\n") == 1 and "Traceback" not in err
