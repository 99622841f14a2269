"""What a run says of held-out pieces, against sums worked out by hand with models whose probabilities are known."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.io import savemat
from symusic import Note, Score, Tempo, Track
from tests.conftest import Notes  # type: ignore[import-not-found]

from erato import pipeline
from erato.checksums import seal
from erato.errors import CorpusError, EratoError, UsageError
from erato.evaluating import evaluate
from erato.evaluation import Ngram
from erato.models import FrameLstmConfig, NoteLstmConfig, SequenceModel
from erato.models.base import Categorical
from erato.models.frame_heads import Bernoulli
from erato.recipes import TINY
from erato.representations import NoteFeaturesConfig, PianorollConfig, RemiConfig
from erato.run_folder import WRITTEN_ONCE

ROLL = PianorollConfig(step_s=0.5, lowest=60, keys=3)


def roll(*frames):
    """Frames of three keys, as "101"."""
    return np.array([[int(key) for key in frame] for frame in frames], np.int8)


def representation(config=ROLL):
    score = Score(480)
    score.tempos.append(Tempo(0, 120.0))
    track = Track("", 0, False)
    for beat in range(8):
        track.notes.append(Note(480 * beat, 480, 60 + beat % 3, 80))
    score.tracks.append(track)
    return config.fit([score])


class Shares(SequenceModel):
    """Keys sound with probabilities 0.5, 0.25 and 0.125 in a first frame, and with 0.25 each in all others."""

    def start(self, batch):
        return torch.zeros(batch, 1)

    def extend(self, x, state, mask=None):
        on = torch.where(x[..., :1] < 0, torch.tensor([0.5, 0.25, 0.125]), torch.full((3,), 0.25))
        return Bernoulli((on / (1 - on)).log()), state


PIECES = [roll("100", "110", "000", "001"), roll("010"), roll("000", "100")]
FIRST = -math.log(0.5 * 0.75 * 0.875) - math.log(0.5 * 0.25 * 0.875) - math.log(0.5 * 0.75 * 0.875)
ONE, TWO, NONE = -math.log(0.25 * 0.75**2), -math.log(0.25**2 * 0.75), -math.log(0.75**3)
OTHERS = TWO + NONE + ONE + ONE


def test_frames_by_hand():
    found = evaluate(Shares(), representation(), PIECES, "test")
    assert (found.split, found.pieces, found.symbols) == ("test", 3, 7)
    assert found.nats_per_frame == pytest.approx((FIRST + OTHERS) / 7, rel=1e-6)
    assert found.nats_per_frame_after_first == pytest.approx(OTHERS / 4, rel=1e-6)  # (4 - 1) + (1 - 1) + (2 - 1)
    # a key that begins to sound is a note: 100, its second key, the third key; 010; the last 100
    assert found.nats_per_note == pytest.approx((FIRST + OTHERS) / 5, rel=1e-6)
    assert found.nats_per_second == pytest.approx((FIRST + OTHERS) / 3.5, rel=1e-6)
    assert found.nats_per_token is found.nats_per_char is found.perplexity is found.baseline is None
    assert found.parts == {}
    # the likeliest frame is silence (a half is not above a half)
    assert found.accuracy == pytest.approx(2 / 7)
    assert "jointly" in found.protocol and "leaves out the first of each piece" in found.protocol


def test_pieces_of_one_frame_have_nothing_after_the_first():
    assert evaluate(Shares(), representation(), [roll("010")], "test").nats_per_frame_after_first is None
    empty = np.zeros((0, 3), np.int8)
    found = evaluate(Shares(), representation(), [roll("010"), empty, roll("000", "100")], "test")
    assert found.nats_per_frame_after_first == pytest.approx(ONE, rel=1e-6)


def test_the_trigram_is_that_of_the_keys_in_ascending_order_and_an_end():
    learned = [roll("100", "110", "000"), roll("001", "100", "110", "011")] * 6
    found = evaluate(Shares(), representation(), PIECES, "test", learned)

    def tokens(piece):
        return np.array([token for frame in piece for token in [*np.flatnonzero(frame).tolist(), 3]])

    ngram = Ngram.fit([tokens(piece) for piece in learned], 4)
    cost = ngram.nats([tokens(piece) for piece in PIECES]).sum()
    # the symbols of a first frame, its keys and an end, cost what they would cost as a piece of their own
    first = ngram.nats([tokens(piece[:1]) for piece in PIECES]).sum()
    assert found.baseline == pytest.approx(
        {
            "nats_per_frame": cost / 7,
            "nats_per_frame_after_first": (cost - first) / 4,
            "nats_per_note": cost / 5,
            "nats_per_second": cost / 3.5,
        }
    )


class Uniform(SequenceModel):
    """Every symbol as likely as any other."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def start(self, batch):
        return torch.zeros(batch, 1)

    def extend(self, x, state, mask=None):
        return Categorical(torch.zeros(*x.shape, self.size)), state


def test_tokens_by_hand(make_score):
    scores = [make_score(seed=seed) for seed in range(4)]
    remi = RemiConfig().fit(scores)
    arrays = [remi.encode(score).array for score in scores]
    size, tokens = remi.space.size, sum(map(len, arrays))
    found = evaluate(Uniform(size), remi, arrays[:2], "valid", arrays)
    tokens = len(arrays[0]) + len(arrays[1])
    assert found.nats_per_token == pytest.approx(math.log(size), rel=1e-6)
    assert found.perplexity == pytest.approx(size, rel=1e-4)
    assert found.nats_per_note == pytest.approx(math.log(size) * tokens / 80, rel=1e-6)  # 32 quarters, 8 whole notes
    assert found.nats_per_frame is found.nats_per_frame_after_first is None
    trigram = Ngram.fit(arrays, size).nats(arrays[:2]).sum()
    assert found.baseline["nats_per_token"] == pytest.approx(trigram / tokens)
    assert found.baseline["perplexity"] == pytest.approx(math.exp(trigram / tokens))
    assert "The end of a piece is counted" in found.protocol


def notes(config=None):
    found = (config or NoteFeaturesConfig()).fit([])
    rng = np.random.default_rng(0)
    rows = [
        np.stack([rng.integers(40, 80, n), rng.integers(0, 50, n) / 100, rng.integers(1, 90, n) / 100], 1)
        for n in (40, 1, 25)
    ]
    velocity = [rng.integers(1, 127, (len(row), 1)) for row in rows]
    return found, [
        np.concatenate([row, v], 1).astype(np.float32)[:, : found.space.shape[0]]
        for row, v in zip(rows, velocity, strict=True)
    ]


def test_a_model_that_says_no_likelihood_of_times_gets_none():
    config = NoteFeaturesConfig(velocity=False)
    features, arrays = notes(config)
    torch.manual_seed(0)
    model = NoteLstmConfig(width=6, head="regression", embedding=0).build(features.space)
    found = evaluate(model, features, arrays, "test", arrays)
    assert [found.nats_per_note, found.nats_per_second, found.nats_per_token, found.perplexity] == [None] * 4
    assert list(found.parts) == ["pitch", "step", "duration"]
    trigram = Ngram.fit([array[:, 0].astype(int) for array in arrays], 128)
    assert found.baseline == pytest.approx(
        {"pitch": trigram.nats([array[:, 0].astype(int) for array in arrays]).sum() / 66}
    )
    assert "only the pitches have nats, and the other features have mean squared errors" in found.protocol
    assert "mass of their bin" not in found.protocol
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["nats_per_note"] is None


def test_the_parts_of_a_note_add_up_to_the_note():
    features, arrays = notes()
    torch.manual_seed(0)
    found = evaluate(NoteLstmConfig(width=6, components=2, embedding=3).build(features.space), features, arrays, "test")
    assert list(found.parts) == ["pitch", "step", "duration", "velocity"]
    assert sum(found.parts.values()) == pytest.approx(found.nats_per_note, rel=1e-5)
    seconds = sum(features.units(array)["seconds"] for array in arrays)
    assert found.nats_per_second == pytest.approx(found.nats_per_note * 66 / seconds, rel=1e-6)


MODELS = {
    "frames": FrameLstmConfig(embedding=6, width=6, hidden=6, memory=20, neighbours=2),
    "independent": FrameLstmConfig(embedding=6, width=6, hidden=0, head="independent", memory=0, layers=1),
    "notes": NoteLstmConfig(width=6, components=2, embedding=3),
}


@pytest.mark.parametrize("name", MODELS)
def test_blocks_and_batches_of_any_size_say_the_same(name):
    if name == "notes":
        held, arrays = notes()
    else:
        held = representation()
        arrays = [np.random.default_rng(n).integers(0, 2, (n, 3)).astype(np.int8) for n in (45, 1, 16, 30, 31, 7)]
    torch.manual_seed(2)
    model = MODELS[name].build(held.space)
    results = [
        evaluate(model, held, arrays, "test", block=block, batch_symbols=batch)
        for block, batch in ((1024, 16_384), (1, 4), (7, 20), (16, 1))
    ]
    for key in ("nats_per_frame", "nats_per_frame_after_first", "nats_per_note", "nats_per_second", "accuracy"):
        values = [getattr(result, key) for result in results]
        assert values == [None] * 4 or values == pytest.approx([values[0]] * 4, rel=1e-6)
    for part in results[0].parts:
        assert [result.parts[part] for result in results] == pytest.approx([results[0].parts[part]] * 4, rel=1e-6)


# --- from a run folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny run of piano rolls on thirty pieces; beside it the folder of music."""
    from tests.conftest import write_scales  # type: ignore[import-not-found]

    folder = tmp_path_factory.mktemp("evaluated")
    write_scales(folder / "music", 30)
    return pipeline.train(replace(TINY["pianoroll-lstm"], name="x"), folder / "music", folder / "run")


def splits(run):
    return {file["name"]: piece["split"] for file in run.manifest["files"] for piece in file.get("pieces", ())}


def test_the_pieces_of_the_run_keep_their_split(run):
    counts = {split: list(splits(run).values()).count(split) for split in ("train", "valid", "test")}
    for split, count in counts.items():
        assert count > 0
        found = run.evaluate(split=split)
        assert (found.split, found.pieces) == (split, count)
        assert found.symbols == 53 * count  # 16 s in frames of 0.3 s
    with pytest.raises(UsageError, match="split must be one of train, valid, test, got 'tset'"):
        run.evaluate(split="tset")


def test_valid_is_what_training_measured(run):
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    best = min(line["valid_loss"] for line in lines)
    assert run.evaluate(split="valid").nats_per_frame == pytest.approx(best, rel=1e-5)


def test_what_a_run_learned_from_is_left_out_of_another_corpus_and_said(run, tmp_path, make_score):
    other = tmp_path / "other"
    shutil.copytree(run.folder.parent / "music", other)
    names = splits(run)
    for number in range(30, 60):  # so many that every split has some of both
        make_score(50 + number % 9, seed=number).dump_midi(other / f"new{number}.mid")
    telling = Notes()
    found = run.evaluate(other, split="train", reporter=telling)
    pieces = pipeline.corpora.find(other).pieces("music", seed=run.recipe.seed)
    train = {pieces.entries[index].file for index in pieces.split("train")}
    learned = {name for name in train if names.get(name) == "train"}
    assert learned and train - learned
    assert found.pieces == len(train - learned)
    assert f"{len(learned)} pieces are left out, as the run learned from them." in telling.said
    assert found.baseline is None  # a trigram of other pieces would be no baseline


def test_what_a_run_learned_from_has_no_baseline_and_is_not_called_held_out(run):
    telling = Notes()
    found = run.evaluate(split="train", reporter=telling)
    assert found.baseline is None  # a trigram knows by heart what it was counted from
    assert "held-out" not in found.protocol
    assert "These are the pieces that the run learned from." in telling.said
    assert run.evaluate(split="valid").baseline is not None


def tunes(path, count, seed):
    """A matrix file with splits of its own, `count` pieces in each."""
    rng = np.random.default_rng(seed)
    rolls = {name: np.empty((1, count), object) for name in ("traindata", "validdata", "testdata")}
    for row in rolls.values():
        for place in range(count):
            row[0, place] = (rng.random((40, 88)) < 0.05).astype(np.uint8)
    savemat(path, rolls)


def test_of_a_file_of_many_pieces_only_those_that_were_learned_from_are_left_out(tmp_path):
    folder = tmp_path / "tunes"
    folder.mkdir()
    tunes(folder / "known.mat", 4, seed=1)
    trained = pipeline.train(TINY["pianoroll-lstm"], folder, tmp_path / "run")
    tunes(folder / "new.mat", 2, seed=2)  # now it is another corpus
    for split, pieces, left_out in (("train", 2, True), ("valid", 6, False), ("test", 6, False)):
        telling = Notes()
        assert trained.evaluate(split=split, reporter=telling).pieces == pieces
        assert ("4 pieces are left out, as the run learned from them." in telling.said) == left_out
        assert f"{folder} has changed since this run learned from it." in telling.said


def test_nothing_to_measure_is_a_sentence(run, tmp_path):
    only = tmp_path / "only"
    only.mkdir()
    name = next(name for name, split in splits(run).items() if split == "train")
    shutil.copy(run.folder.parent / "music" / name, only)
    for split in ("train", "valid", "test"):
        with pytest.raises((UsageError, CorpusError), match=r"has no piece .* part|one piece|learned from every piece"):
            run.evaluate(only, split=split)


def test_without_a_test_part_the_valid_one_is_taken_and_said(run, tmp_path, make_score):
    few = tmp_path / "few"
    few.mkdir()
    for number in range(4):
        make_score(60 + number, seed=number).dump_midi(few / f"piece{number:02d}.mid")
    telling = Notes()
    trained = pipeline.train(TINY["pianoroll-lstm"], few, tmp_path / "small")
    assert "test" not in splits(trained).values()
    assert trained.evaluate(reporter=telling) == trained.evaluate(split="valid")
    assert any("too small for a test part" in said for said in telling.said)


def test_a_run_that_does_not_know_its_corpus_asks_for_it(run, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(run.folder, moved)
    record = json.loads((moved / "recipe.json").read_text())
    assert record["source"]["name"] == str(run.folder.parent / "music")
    del record["source"]
    (moved / "recipe.json").write_text(json.dumps(record))
    seal(moved, WRITTEN_ONCE)
    loaded = pipeline.load(moved)
    with pytest.raises(UsageError, match="name it with --corpus"):
        loaded.evaluate()
    named = loaded.evaluate(run.folder.parent / "music")
    assert named == run.evaluate()  # the same pieces, found again by their hash


def test_a_run_whose_corpus_is_gone_asks_for_it(tmp_path, music_folder):
    trained = pipeline.train(TINY["pianoroll-lstm"], music_folder, tmp_path / "run")
    before = trained.evaluate()
    music_folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"music, which this run learned from, is not there: name it with --corpus"):
        trained.evaluate()
    assert trained.evaluate(tmp_path / "elsewhere") == before


def test_tracks_asked_for_in_training_are_those_that_are_measured(run, tmp_path):
    music = run.folder.parent / "music"
    trained = pipeline.train(TINY["pianoroll-lstm"], music, tmp_path / "melody", track=["Melody"])
    record = json.loads((tmp_path / "melody" / "recipe.json").read_text())
    assert record["source"]["track"] == ["Melody"]
    found = trained.evaluate()
    expected = 0  # notes of the melodies: repeated ones are one in a piano roll
    for name, split in splits(trained).items():
        if split == "test":
            pitches = [note.pitch for note in Score(music / name).tracks[0].notes]
            expected += 1 + np.count_nonzero(np.diff(pitches))
    assert found.pieces > 0
    assert found.nats_per_frame * found.symbols / found.nats_per_note == pytest.approx(expected, rel=1e-6)


def test_weights_that_are_no_numbers_are_a_sentence(run):
    loaded = pipeline.load(run.folder)
    for parameter in loaded.model.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(EratoError, match="no numbers as probabilities"):
        loaded.evaluate()
