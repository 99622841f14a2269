"""Runs side by side: against what each scores piece by piece, and runs that have little to compare."""

import json
import shutil

import numpy as np
import pytest
from symusic import Note, Score, Track
from tests.conftest import scale_score, write_chorales, write_scales, write_songs  # type: ignore[import-not-found]

from erato import assessing, pipeline
from erato.contest import contest, names_of
from erato.errors import UsageError
from erato.recipes import TINY
from erato.reporter import Reporter
from erato.score import note_count, seconds

pytestmark = pytest.mark.usefixtures("quick", "few_people")

MUSIC = ("event-transformer", "pianoroll-lstm", "note-lstm", "note-lstm-tutorial")
TEXT = ("char-lstm", "word-transformer", "gpt2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs by their names: of music and of songs, which stand beside them."""
    folder = tmp_path_factory.mktemp("contest")
    write_scales(folder / "music", 30)
    write_songs(folder / "songs", 40)
    found = {name: pipeline.train(TINY[name], folder / "music", folder / name) for name in MUSIC}
    found |= {name: pipeline.train(TINY[name], folder / "songs", folder / name) for name in TEXT}
    found["musegan"] = pipeline.train(TINY["musegan"], write_chorales(folder / "chorales"), folder / "musegan")
    return found


def rows(found):
    """By the names of runs; the document has no NaN."""
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert len({row["run"] for row in document["rows"]}) == len(document["rows"])
    return {row["run"]: row for row in document["rows"]}


def nats(run, piece):
    """What a piece costs, by the units that an evaluation counts in."""
    found, array = run.score(piece), run.representation.encode(piece).array
    units = {"tokens": float(len(array)), **run.representation.units(array)}
    totals = [
        getattr(found, name) * units[unit]
        for name, unit in (("nats_per_token", "tokens"), ("nats_per_frame", "frames"), ("nats_per_note", "notes"))
        if getattr(found, name) is not None
    ]
    assert totals and totals == pytest.approx([totals[0]] * len(totals))
    return totals[0]


# --- the numbers


def test_nats_are_those_of_the_pieces_scored_one_by_one(runs):
    three = [runs[name] for name in MUSIC[:3]]
    found = contest(three, n=0)
    pieces = three[0].own_pieces()
    held_out = [pieces[at] for at in pieces.split("test")]
    notes, lasts = sum(map(note_count, held_out)), sum(map(seconds, held_out))
    assert found.pieces == len(held_out) > 1 and found.split == "test"
    for run in three:
        row = rows(found)[run.recipe.name]
        total = sum(nats(run, piece) for piece in held_out)
        held = sum(run.representation.units(run.representation.encode(piece).array)["notes"] for piece in held_out)
        assert row["nats_per_note"] == pytest.approx(total / notes, rel=1e-5)
        assert row["nats_per_second"] == pytest.approx(total / lasts, rel=1e-5)
        assert row["nats_per_held_note"] == pytest.approx(total / held, rel=1e-5)
        assert row["nats_per_held_note"] == pytest.approx(run.evaluate().nats_per_note, rel=1e-5)
        assert row["held"] == pytest.approx(held / notes)
        assert row["nats_per_char"] is None and row["writing"] is None
        assert row["parameters"] == sum(part.numel() for part in run.model.parameters())
        lines = (run.folder / "metrics.jsonl").read_text().splitlines()
        assert row["minutes"] == json.loads(lines[-1])["seconds"] / 60
    order = [row.nats_per_note for row in found.rows]
    assert order == sorted(order) and found.rows[0].held < 1 == found.rows[-1].held
    assert found.notes[0] == f"{len(held_out)} pieces of music (test)."


def test_nats_of_text_are_by_its_characters(runs):
    three = [runs[name] for name in TEXT]
    found = contest(three, n=0)
    pieces = three[0].own_pieces()
    texts = [pieces[at] for at in pieces.split("test")]
    for run in three:
        row = rows(found)[run.recipe.name]
        total = sum(nats(run, text) for text in texts)
        assert row["nats_per_char"] == pytest.approx(total / sum(map(len, texts)), rel=1e-5)
        assert row["nats_per_note"] is row["nats_per_second"] is row["nats_per_held_note"] is None
        assert row["held"] == 1


def test_what_a_text_run_does_not_know_is_not_held(runs, tmp_path):
    (tmp_path / "other").mkdir()
    for number in range(12):
        text = f"The sun {number:02d} zebra\n"  # no song has a number, a z or a b
        (tmp_path / "other" / f"{number}.txt").write_text(text * 20, "utf-8")
    found = rows(contest([runs["char-lstm"], runs["word-transformer"]], tmp_path / "other", n=0))
    assert found["char-lstm"]["held"] == pytest.approx(1 - 4 / 17)
    assert found["word-transformer"]["held"] == pytest.approx(1 - 2 / 4)


def test_a_run_without_a_likelihood_leaves_the_others_theirs(runs):
    found = contest([runs["note-lstm-tutorial"], runs["note-lstm"]], n=0)
    assert [row.run for row in found.rows] == ["note-lstm", "note-lstm-tutorial"], "those without are last"
    assert found.rows[1].nats_per_note is None and found.rows[1].held == 1
    assert found.rows[1].notes == ("no nats: it predicts times without a likelihood.",)


def test_phrases_that_hold_few_pieces_take_none_from_the_others(runs, tmp_path):
    """Of four tracks, where half of the pieces have two."""
    (tmp_path / "some").mkdir()
    for number in range(8):
        made = scale_score(60, seed=900 + number)
        if number % 2:
            made.tracks.extend(scale_score(65, seed=950 + number).tracks)
        made.dump_midi(tmp_path / "some" / f"{number}.mid")
    two = [runs["note-lstm"], runs["pianoroll-lstm"]]
    alone = contest(two, tmp_path / "some", split="train", n=0)
    found = contest([*two, runs["musegan"]], tmp_path / "some", split="train", n=0)
    assert found.pieces == alone.pieces > 4
    for name in ("note-lstm", "pianoroll-lstm"):
        assert rows(found)[name]["nats_per_note"] == rows(alone)[name]["nats_per_note"]
    assert 0 < rows(found)["musegan"]["held"] < 1
    assert rows(found)["musegan"]["notes"] == ["no nats: it writes whole phrases from latents and gives no likelihood."]


def test_pieces_that_a_run_cannot_hold_are_left_out_for_all(runs, tmp_path):
    """A piano roll has the keys of a piano."""
    (tmp_path / "some").mkdir()
    for number in range(8):
        made = scale_score(60, seed=700 + number)
        if number < 4:
            for track in made.tracks:
                track.notes = [Note(note.time, note.duration, 5 + note.pitch % 12, 80) for note in track.notes]
        made.dump_midi(tmp_path / "some" / f"{number}.mid")
    two = [runs["event-transformer"], runs["pianoroll-lstm"]]
    found = contest(two, tmp_path / "some", split="train", n=0)
    pieces = two[0].held_out(tmp_path / "some", "train")
    high = [at for at in pieces.indices if int(pieces.pieces.entries[at].name[0]) >= 4]
    assert 0 < found.pieces == len(high) < len(pieces.indices)
    assert any("left out, as not all runs can hold them" in note for note in found.notes)
    pieces = [pieces.pieces[at] for at in high]
    expected = sum(nats(two[1], piece) for piece in pieces) / sum(map(note_count, pieces))
    assert rows(found)["pianoroll-lstm"]["nats_per_note"] == pytest.approx(expected, rel=1e-5)
    for path in (tmp_path / "some").iterdir():
        if int(path.name[0]) >= 4:
            path.unlink()
    found = rows(contest(two, tmp_path / "some", split="train", n=0))  # one that holds nothing
    assert found["event-transformer"]["nats_per_note"] > 0 and found["pianoroll-lstm"]["nats_per_note"] is None
    assert found["pianoroll-lstm"]["notes"] == ["no nats: its representation can hold none of the pieces."]


def test_all_compose_as_much_and_are_measured_alike(runs):
    two = [runs["event-transformer"], runs["note-lstm"]]
    found = rows(contest(two, n=3, seed=2))
    for row in found.values():
        assert row["writing"]["length"] == {"seconds": 16} and row["writing"]["seed"] == 2, "one has no bars"
        assert row["writing"]["pieces"] == 3 and row["writing"]["originality"]["verdict"].startswith("undecided")
        assert row["writing"]["features"]["held out"]["notes_per_second"]["mean"] == pytest.approx(2.5)
    again = rows(contest(two, n=3, seed=2))
    for name, row in found.items():
        for writing in (row["writing"], again[name]["writing"]):
            writing.pop("seconds"), writing.pop("speed")
    assert again == found
    with_bars = assessing.write(two[0], two[0].held_out(None, None), 3, 2).to_json()
    assert with_bars["length"] == {"bars": 8}


# --- runs that have little to compare


def test_runs_of_different_corpora_have_no_common_pieces(runs, tmp_path):
    for number in range(14):
        (tmp_path / "other").mkdir(exist_ok=True)
        scale_score(50, seed=800 + number).dump_midi(tmp_path / "other" / f"{number}.mid")
    other = pipeline.train(TINY["event-transformer"], tmp_path / "other", tmp_path / "run")
    found = contest([runs["event-transformer"], other], n=2)
    assert found.split is None and found.pieces == 0
    assert any("no held-out piece in common (music, other)" in note for note in found.notes)
    for row in found.rows:
        assert row.nats_per_note is None and row.held is None and row.parameters > 0
        assert row.writing["speed"]["notes"] > 0 and row.writing["distances"]["features"]["pitches"]["overlap"]
    named = contest([runs["event-transformer"], other], runs["event-transformer"].folder.parent / "music", n=0)
    pieces = runs["event-transformer"].own_pieces()
    assert named.pieces == len(pieces.split("test")) and all(row.nats_per_note for row in named.rows)


def test_runs_of_other_splits_share_what_both_hold_out(runs, tmp_path):
    first = runs["note-lstm"]
    folder = first.folder.parent / "music"
    other = pipeline.train(TINY["note-lstm"], folder, tmp_path / "other", seed=3)
    found = contest([first, other], n=0)
    pieces, others = first.own_pieces(), other.own_pieces()
    both = {pieces.entries[at].name for at in pieces.split("test")} & {
        others.entries[at].name for at in others.split("test")
    }
    if both:
        assert found.pieces == len(both) and any("not all runs hold them out" in note for note in found.notes)
    else:
        assert found.pieces == 0 and found.split is None


def test_a_run_whose_corpus_is_gone_is_measured_by_that_of_another(runs, tmp_path):
    """Which it knows by its contents, so that the pieces that it learned from are none of them."""
    folder = runs["note-lstm"].folder.parent / "music"
    shutil.copytree(folder, tmp_path / "copy")
    moved = pipeline.train(TINY["note-lstm"], tmp_path / "copy", tmp_path / "moved")
    shutil.rmtree(tmp_path / "copy")
    found = contest([moved, runs["note-lstm"]], n=0)
    assert rows(found)["moved"]["nats_per_note"] == rows(found)["note-lstm"]["nats_per_note"] is not None
    assert any("moved: " in note and "is not there" in note for note in found.notes)
    assert "moved: It is measured by the pieces of music." in found.notes
    shutil.copytree(moved.folder, tmp_path / "again")
    with pytest.raises(UsageError, match="is not there: name it with --corpus"):
        contest([moved, pipeline.load(tmp_path / "again")], n=0)


def test_a_run_that_cannot_compose_leaves_the_others_compared(runs, monkeypatch):
    bad = runs["note-lstm"]

    def refuse(*_, **__):
        raise UsageError("it cannot.")

    monkeypatch.setattr(bad, "sample", refuse)
    found = rows(contest([bad, runs["pianoroll-lstm"]], n=2))
    assert found["note-lstm"]["writing"] is None and found["note-lstm"]["notes"] == ["not composed: it cannot."]
    assert found["note-lstm"]["nats_per_note"] > 0 and found["pianoroll-lstm"]["writing"]["pieces"] == 2


def test_pieces_without_notes_are_compared(runs, monkeypatch):
    from erato.composing import Sample

    none = np.zeros(0, np.int64)
    empty = Sample(Score(480), 0, None, 1, None, None, none, none)
    drums = Score(480)
    drums.tracks.append(Track("", 0, True))
    drums.tracks[0].notes.append(Note(0, 480, 36, 80))
    monkeypatch.setattr(runs["note-lstm"], "sample", lambda **_: [empty] * 3)
    monkeypatch.setattr(
        runs["pianoroll-lstm"], "sample", lambda **_: [Sample(drums, 0, None, 1, None, None, none, none)]
    )
    found = rows(contest([runs["note-lstm"], runs["pianoroll-lstm"]], n=3))
    assert found["note-lstm"]["writing"]["originality"] is found["pianoroll-lstm"]["writing"]["originality"] is None


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["note-lstm"], {}, "two runs or more, got 1: see erato evaluate"),
        ([], {}, "two runs or more, got 0"),
        (["note-lstm", "note-lstm"], {}, "is given twice"),
        (["note-lstm", "char-lstm"], {}, "runs of music and runs of text have nothing to compare"),
        (["note-lstm", "pianoroll-lstm"], {"n": -1}, "n must be from 0 to 1,000"),
        (["note-lstm", "pianoroll-lstm"], {"seed": -1}, "seed must be"),
        (["note-lstm", "pianoroll-lstm"], {"split": "tset"}, "split must be one of train, valid, test, got 'tset'"),
        (["note-lstm", "pianoroll-lstm"], {"corpus": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(runs, names, options, said):
    with pytest.raises(UsageError, match=said):
        contest([runs[name] for name in names], **options)


def test_the_weights_of_two_steps_are_two_runs_and_folders_of_one_name_are_told_apart(runs, tmp_path):
    run = pipeline.train(TINY["note-lstm"], runs["note-lstm"].folder.parent / "music", tmp_path / "a", keep_every=1)
    first = pipeline.load(run.folder, 1)
    assert names_of([run, first]) == ["a", "a, step 1"]
    for place in ("x/a", "y/a", "y/z"):
        shutil.copytree(run.folder, tmp_path / place)
    others = [pipeline.load(tmp_path / place) for place in ("x/a", "y/a", "y/z")]
    assert names_of(others) == ["x/a", "y/a", "z"]
    (tmp_path / "link").symlink_to(run.folder)
    with pytest.raises(UsageError, match="link is given twice"):
        names_of([run, pipeline.load(tmp_path / "link")])


def test_what_is_told_is_told_of_whom(runs):
    """Notes of all runs once, of some with their names."""

    class Told(Reporter):
        def __init__(self):
            self.notes = []

        def note(self, text):
            self.notes.append(text)

    told = Told()
    found = contest([runs["note-lstm"], runs["pianoroll-lstm"]], split="train", n=0, reporter=told)
    assert found.notes[1:] == ("These are the pieces that the run learned from.",)
    assert told.notes == ["note-lstm (1 of 2)", "pianoroll-lstm (2 of 2)"]
