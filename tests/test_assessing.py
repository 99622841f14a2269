"""What a run writes beside what people wrote: against numbers found otherwise, and runs that write anything at all."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track
from tests.conftest import Notes, scale_score, song, write_chorales, write_scales  # type: ignore[import-not-found]

from erato import assessing, pipeline
from erato.assessing import Assessment, Composed, assess, name_of, summary, write
from erato.composing import Sample
from erato.errors import UsageError
from erato.evaluation.distances import distances
from erato.evaluation.features import COLUMNS, SCALARS, features, vector
from erato.evaluation.originality import shared
from erato.evaluation.scalars import Scalar
from erato.evaluation.text_features import words
from erato.held_out import Amount, HeldOut, beginning
from erato.recipes import TINY
from erato.reporter import Reporter
from erato.score import bars, note_count, seconds

pytestmark = pytest.mark.usefixtures("quick")

NONE = np.zeros(0, np.int64)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Thirty pieces of music, and thirty songs, half of them short."""
    folder = tmp_path_factory.mktemp("assessing")
    write_scales(folder / "music", 30)
    (folder / "songs").mkdir()
    for number in range(30):
        (folder / "songs" / f"{number:02d}.txt").write_text(song(number, 2 + 2 * (number % 2)), "utf-8")
    return folder


@pytest.fixture(scope="module")
def run(corpora):
    """Of events, with a checkpoint."""
    return pipeline.train(TINY["event-transformer"], corpora / "music", corpora / "events", keep_every=1)


@pytest.fixture(scope="module")
def text_run(corpora):
    return pipeline.train(TINY["char-lstm"], corpora / "songs", corpora / "chars")


@pytest.fixture
def composes(monkeypatch):
    """Makes every run compose the pieces that are given."""

    def given(pieces):
        samples = [Sample(piece, n, None, 1, None, None, NONE, NONE) for n, piece in enumerate(pieces)]
        monkeypatch.setattr(
            assessing, "compose", lambda run, amount, n, seed, reporter: Composed(samples, amount, seed, 2.0)
        )

    return given


def melody(rng, notes=32):
    """Quarters that leap about, and so have nothing to do with a walk by steps."""
    made = Score(480)
    made.time_signatures.append(TimeSignature(0, 4, 4))
    made.tracks.append(Track("Melody", 0, False))
    made.tracks[0].notes.extend([Note(480 * n, 480, int(p), 80) for n, p in enumerate(rng.integers(30, 100, notes))])
    return made


def finite(value):
    """The document as JSON, which has no NaN."""
    return json.loads(
        json.dumps(value, allow_nan=False), parse_constant=lambda word: pytest.fail(f"{word} is not JSON")
    )


def timeless(found):
    return {**found, "composed": {k: v for k, v in found["composed"].items() if k not in ("seconds", "speed")}}


@pytest.fixture(scope="module")
def assessed(run):
    return assess(run, n=5, seed=3)


# --- what is measured


def test_numbers_are_those_of_pieces_found_one_by_one(run, assessed):
    pieces = run.own_pieces()
    held_out = [pieces[at] for at in pieces.split("test")]
    training = [pieces[at] for at in pieces.split("train")]
    assert assessed.writing.composed.amount == Amount("bars", 8), "all have eight"
    composed = [run.compose(bars=8, seed=seed)[0] for seed in range(3, 8)]
    sets = {"composed": composed, "held out": held_out, "training": training}
    found = assessed.to_json()["composed"]
    for name, those in sets.items():
        rows = np.array([vector(features(piece)) for piece in those])
        np.testing.assert_allclose(assessed.writing.sets[name], rows)
        for at, scalar in enumerate(SCALARS):
            values = [value for value in rows[:, at].tolist() if value == value]
            told = found["features"][name][scalar.name]
            assert told["pieces"] == len(values)
            if values:
                assert told["mean"] == pytest.approx(sum(values) / len(values))
                assert told["median"] == pytest.approx(sorted(values)[len(values) // 2] if len(values) % 2 else
                    sum(sorted(values)[len(values) // 2 - 1 : len(values) // 2 + 1]) / 2)  # fmt: skip
    rows = [assessed.writing.sets[name] for name in sets]
    expected = distances(*rows, columns=COLUMNS, rng=np.random.default_rng(3), resamples=assessing.RESAMPLES)
    assert found["distances"] == expected
    assert found["pieces"] == 5 and found["length"] == {"bars": 8} and found["seed"] == 3
    assert found["speed"]["notes"] * found["seconds"] == pytest.approx(sum(map(note_count, composed)))
    assert found["speed"]["seconds"] * found["seconds"] == pytest.approx(sum(map(seconds, composed)))


def test_what_is_said_of_it_is_what_was_done(run, assessed):
    pieces = run.own_pieces()
    held_out, training = len(pieces.split("test")), len(pieces.split("train"))
    first, second = assessed.writing.said
    assert first == (
        f"5 pieces of 8 bars, composed with the seeds 3 to 7 as the recipe composes, beside {held_out} held-out pieces "
        f"(test) and {training} training pieces, cut to that length."
    )
    assert second.startswith(f"Shared with {training} training pieces. Pieces of people: ")
    assert assessed.run == "events" and name_of(run) == "events"
    assert name_of(pipeline.load(run.folder, 1)) == "events, step 1"


def test_the_same_seed_gives_the_same_numbers(run, assessed):
    assert timeless(assess(run, n=5, seed=3).to_json()) == timeless(assessed.to_json())
    assert finite(assessed.to_json())["composed"]["features"] == assessed.to_json()["features"]


def test_a_checkpoint_is_measured_by_its_own_weights(run):
    kept = assess(pipeline.load(run.folder, 1), n=0)
    assert kept.run == "events, step 1" and kept.writing is None and kept.to_json()["composed"] is None
    assert kept.evaluation.nats_per_note != assess(run, n=0).evaluation.nats_per_note


def test_held_out_and_composed_pieces_are_cut_to_one_length(run, composes):
    """Eight bars: what people wrote after them does not count, and what a run would have written does not either."""
    pieces = run.own_pieces()
    long = [beginning(pieces[at], Amount("bars", 8)) for at in pieces.split("test")]
    composes(long)
    found = write(run, HeldOut(pieces, "test", pieces.split("test"), True), len(long), amount=Amount("bars", 3))
    assert all(len(bars(piece)) == 8 for piece in long)
    alike = {name: found.to_json()["features"][name]["notes_per_bar"]["mean"] for name in found.sets}
    assert alike == {"composed": 5.0, "held out": 5.0, "training": 5.0}
    short = write(run, HeldOut(pieces, "test", pieces.split("test"), True), len(long), amount=Amount("bars", 20))
    assert short.to_json()["features"]["held out"]["empty_bar_rate"]["mean"] == 0.0, "not filled up with silence"


def test_summaries_leave_out_what_has_no_meaning():
    rows = np.array([[1.0, np.nan], [3.0, np.nan], [8.0, 2.0]])
    a, b = Scalar("a", "", "", ""), Scalar("b", "", "", "")
    found = summary(rows, [a, b])
    assert found["a"] == {"mean": 4.0, "std": pytest.approx(13**0.5), "median": 3.0, "pieces": 3}
    assert found["b"] == {"mean": 2.0, "std": None, "median": 2.0, "pieces": 1}
    assert summary(np.empty((0, 1)), [a])["a"] == {"mean": None, "std": None, "median": None, "pieces": 0}


@pytest.mark.parametrize(
    ("n", "seed", "said"),
    [(-1, 0, "n must be from 0 to 1,000"), (1001, 0, "got 1001"), (4, -1, "seed must be"), (4, 2**63, "seed must be")],
)
def test_pieces_that_are_not_composed_are_refused_before_the_work(run, monkeypatch, n, seed, said):
    monkeypatch.setattr(type(run), "evaluate", lambda *_, **__: pytest.fail("the work has begun"))
    with pytest.raises(UsageError, match=re.escape(said)):
        assess(run, n=n, seed=seed)


# --- did it copy?


def test_a_run_that_writes_training_pieces_copies(run, composes):
    pieces = run.own_pieces()
    copies = [pieces[at] for at in pieces.split("train")][:10]
    composes(copies)
    found = assess(run, n=10).to_json()
    assert found["originality"]["verdict"] == "copies"
    assert [piece["melody"]["notes"] for piece in found["originality"]["pieces"]] == [32] * 10
    assert found["originality"]["measures"]["melody"]["above"] == 10
    sources = {piece["melody"]["places"][0]["piece"] for piece in found["originality"]["pieces"]}
    assert sources == {pieces.entries[at].name for at in pieces.split("train")[:10]}


def test_random_pieces_and_pieces_of_people_are_no_copies(run, composes):
    rng = np.random.default_rng(0)
    composes([melody(rng) for _ in range(12)])
    found = assess(run, n=12).to_json()["originality"]
    assert found["verdict"] == "no more than people do"
    from erato.training_index import music_index

    walks = [scale_score(62, seed=1000 + n) for n in range(12)]  # of whoever wrote the corpus
    composes(walks)
    found = assess(run, n=12).to_json()["originality"]
    assert found["verdict"] != "copies"
    index = music_index(run.own_pieces())
    assert [piece["melody"]["notes"] for piece in found["pieces"]] == [shared(index, one).melody.notes for one in walks]


def test_training_pieces_are_no_measure_of_what_people_share_with_them(run, composes):
    """Asked for by --split train, each holds all of itself."""
    pieces = run.own_pieces()
    composes([pieces[at] for at in pieces.split("train")][:8])
    found = assess(run, split="train", n=8).to_json()
    assert found["originality"]["verdict"] == "copies" and found["originality"]["people"]["held_out"] == 0
    assert list(found["composed"]["features"]) == ["composed", "training"]
    assert found["composed"]["distances"]["features"]["pitches"]["floor"] is None
    assert "held-out" not in found["composed"]["said"][0]


# --- what runs may write, and pieces may be


def test_pieces_without_notes_are_measured(run, composes):
    composes([Score(480)] * 6)
    found = finite(assess(run, n=6).to_json())
    assert found["originality"] is None
    assert found["composed"]["said"][1] == "Whether it copied cannot be told: no composed piece has two notes."
    assert found["composed"]["features"]["composed"]["pitches"]["mean"] in (None, 0.0)
    assert found["composed"]["speed"] == {"notes": 0.0, "seconds": 0.0}


def test_drums_alone_are_measured(run, composes):
    drums = Score(480)
    drums.tracks.append(Track("", 0, True))
    drums.tracks[0].notes.extend([Note(240 * n, 240, 36, 80) for n in range(32)])
    composes([drums] * 6)
    found = finite(assess(run, n=6).to_json())
    assert found["originality"] is None and found["composed"]["features"]["composed"]["notes_per_bar"]["mean"] == 8


@pytest.mark.parametrize("n", [1, 2])
def test_few_pieces_have_numbers_or_a_reason(run, n):
    found = finite(assess(run, n=n).to_json())
    assert len(found["originality"]["pieces"]) == n and found["originality"]["verdict"].startswith("undecided")
    assert found["composed"]["said"][0].startswith(
        "1 piece of 8 bars, composed with the seed 0 as" if n == 1 else "2 pieces of 8 bars, composed with the seeds 0"
    )
    if n == 1:
        assert found["composed"]["distances"]["frechet"]["reason"]


@pytest.mark.parametrize("held_out", [[Score(480)], [Score(480)] * 4, ["one"]])
def test_held_out_pieces_without_notes_or_only_one_are_measured_by(run, composes, monkeypatch, held_out):
    pieces = run.own_pieces()
    composes([pieces[0]] * 4)
    if held_out == ["one"]:
        held_out = [pieces[pieces.split("test")[0]]]
    monkeypatch.setattr(assessing, "some", lambda pieces, indices: held_out)
    found = write(run, HeldOut(pieces, "test", pieces.split("test"), True), 4)
    document = finite(found.to_json())
    assert len(document["features"]["held out"]["pitches"]) == 4
    assert document["distances"]["frechet"]["value"] is None and document["distances"]["frechet"]["reason"]


# --- text


def test_texts_are_cut_to_one_length_and_words_are_known_by_all_training_texts(text_run):
    found = assess(text_run, n=6)
    document = finite(found.to_json())
    pieces = text_run.own_pieces()
    amount = found.writing.composed.amount.number
    assert amount == int(np.median([len(pieces[at]) for at in found_indices(pieces)]))
    assert all(len(piece) == amount for piece in found.writing.composed.pieces)
    known = {word for at in pieces.split("train") for word in words(pieces[at])}
    texts = found.writing.composed.pieces
    shares = [sum(w in known for w in words(text)) / len(words(text)) for text in texts if words(text)]
    told = document["composed"]["features"]["composed"]["known_words"]
    assert told["pieces"] == len(shares) and told["mean"] == pytest.approx(sum(shares) / len(shares))
    assert document["composed"]["features"]["held out"]["known_words"]["mean"] > 0.9
    made = sum(len(sample.piece) for sample in found.writing.composed.samples)
    assert document["composed"]["speed"]["chars"] * document["composed"]["seconds"] == pytest.approx(made)


def found_indices(pieces):
    return pieces.split("test") or pieces.split("valid")


def test_a_text_run_that_writes_training_texts_copies(text_run, composes):
    pieces = text_run.own_pieces()
    composes([pieces[at] for at in pieces.split("train")][:10])
    assert assess(text_run, n=10).to_json()["originality"]["verdict"] == "copies"


@pytest.mark.parametrize("text", ["", "\n\n\n", "?!", "\u4f60\u597d" * 30, "word"])
def test_texts_without_words_or_lines_are_measured(text_run, composes, text):
    composes([text] * 6)
    found = finite(assess(text_run, n=6).to_json())
    assert (found["originality"] is None) == (not text)
    if not text:
        assert found["composed"]["said"][1] == "Whether it copied cannot be told: no composed text has a character."


@pytest.mark.parametrize(("text", "length"), [("", 240), ("x" * 64, 120), ("x" * 640, 12)])
def test_as_many_symbols_are_asked_for_as_the_characters_need(text, length):
    """What a run writes in 64 symbols says how many it needs, however little that is; a fifth more, to be cut."""
    asked = []

    def sample(n, seed, length, **settings):
        asked.append(length)
        return [Sample(text, seed + number, None, length, None, None, NONE, NONE) for number in range(n)]

    run = SimpleNamespace(sample=sample)
    found = assessing.compose(run, Amount("chars", 100), 3, 5, Reporter())
    assert asked == [64, length] and [sample.seed for sample in found.samples] == [5, 6, 7]
    assert found.pieces == [text[:100]] * 3


# --- corpora


@pytest.fixture
def another(corpora, tmp_path):
    """A run on a copy of some pieces, and that copy."""
    shutil.copytree(corpora / "music", tmp_path / "copy")
    return pipeline.train(TINY["event-transformer"], tmp_path / "copy", tmp_path / "run", steps=1), tmp_path / "copy"


def test_a_corpus_that_has_changed_is_named(another, composes):
    run, folder = another
    (folder / "piece00.mid").unlink()
    composes([melody(np.random.default_rng(0))] * 3)
    told = Notes()
    found = assess(run, n=3, reporter=told)
    assert sum("has changed since this run learned from it" in note for note in told.said) == 1
    assert found.writing.said[1].endswith(" They have changed since the run learned from them.")
    assert list(found.writing.sets) == ["composed", "held out", "training"]


def test_a_corpus_that_is_gone_is_a_sentence_and_whether_it_copied_is_not_known_then(another, composes, tmp_path):
    run, folder = another
    for name in ("piece00.mid", "piece01.mid"):
        (tmp_path / "other" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "other" / name).write_bytes((folder / name).read_bytes())
    for number in range(20):
        scale_score(50, seed=500 + number).dump_midi(tmp_path / "other" / f"{number}.mid")
    shutil.move(folder, tmp_path / "moved")
    with pytest.raises(UsageError, match="which this run learned from, is not there: name it with --corpus"):
        assess(run, n=3)
    composes([melody(np.random.default_rng(0))] * 3)
    assert assess(run, tmp_path / "moved", n=3).writing.originality is not None, "it is known by its contents"
    found = assess(run, tmp_path / "other", n=3)
    assert found.writing.originality is None and list(found.writing.sets) == ["composed", "held out"]
    assert found.writing.said[1].startswith("Whether it copied cannot be told without the pieces that the run learned")


def test_pieces_of_another_corpus_have_no_training_pieces_beside_them(run, composes, tmp_path):
    for number in range(12):
        (tmp_path / "other").mkdir(exist_ok=True)
        scale_score(50, seed=500 + number).dump_midi(tmp_path / "other" / f"{number}.mid")
    composes([melody(np.random.default_rng(0))] * 3)
    found = assess(run, tmp_path / "other", n=3)
    assert list(found.writing.sets) == ["composed", "held out"]
    assert found.writing.said[1].startswith(f"Shared with {len(run.own_pieces().split('train'))} training pieces.")


def test_a_corpus_without_held_out_pieces_is_a_sentence(run, corpora, tmp_path):
    pieces = run.own_pieces()
    (tmp_path / "known").mkdir()
    for at in pieces.split("train"):
        shutil.copy(corpora / "music" / pieces.entries[at].file, tmp_path / "known")
    with pytest.raises(UsageError, match="the run learned from every piece of known in"):
        assess(run, tmp_path / "known", n=3)


def test_phrases_are_measured_both_ways(tmp_path):
    run = pipeline.train(TINY["musegan"], write_chorales(tmp_path / "chorales"), tmp_path / "run")
    found = assess(run, n=2)
    document = finite(found.to_json())
    assert "gap" in document["features"] and "copies" in document["originality"], "of phrases"
    assert set(document["composed"]["features"]) >= {"composed", "held out"}
    assert isinstance(found, Assessment) and document["composed"]["originality"]["verdict"]
