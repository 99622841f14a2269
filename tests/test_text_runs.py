"""Runs of text from end to end: what is streamed, scored, listened to and begun from."""

import json
import math

import numpy as np
import pytest
from tests.conftest import Notes, write_songs  # type: ignore[import-not-found]

import erato
from erato import pipeline
from erato.errors import UsageError
from erato.recipes import TINY
from erato.representations.chars import CharsConfig
from erato.sampling import Beams
from erato.text_stream import TextStream
from erato.training.log import read_metrics

WORDS = [name for name, recipe in TINY.items() if recipe.representation.kind == "text"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The TINY twin of every recipe of text, trained two steps on twelve songs."""
    folder = tmp_path_factory.mktemp("text")
    write_songs(folder / "songs")
    return {name: pipeline.train(TINY[name], folder / "songs", folder / name) for name in WORDS}


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("beams", [None, Beams(3)])
def test_what_is_streamed_is_the_piece(trained, name, beams):
    shown = []
    sampled = trained[name].sample("oh the sun and moon", seed=3, length=40, stream=shown.append, beams=beams)[0]
    assert "".join(shown) == sampled.piece
    assert sampled.piece.lower().startswith("oh the sun and moon")
    assert beams or len(shown) > 3


def test_a_long_stream_shows_each_character_once_and_soon():
    chars = CharsConfig().fit(["aé中\n"])
    symbols = chars.encode_prompt("aé中\n" * 400).array
    shown = []
    stream = TextStream(chars, symbols[:3], shown.append)
    assert shown == ["aé中"]
    for symbol in symbols[3:]:
        stream.push(symbol)
    stream.close()
    assert "".join(shown) == "aé中\n" * 400
    assert len(shown) > 1500


class _Bytes:
    """A representation whose symbols are the bytes of UTF-8."""

    class space:
        read, shape = np.int64, ()

    def decode(self, array):
        return bytes(array.astype(np.uint8).tolist()).decode("utf-8", "replace")


def test_half_a_character_is_held_back_until_it_is_whole():
    shown = []
    stream = TextStream(_Bytes(), np.zeros(0, np.int64), shown.append)
    for byte in "a中b".encode():
        stream.push(np.int64(byte))
    assert shown == ["a", "中", "b"]
    stream.push(np.int64("中".encode()[0]))
    assert len(shown) == 3
    stream.close()
    assert "".join(shown) == "a中b\ufffd"


def test_samples_while_learning_are_at_every_temperature_after_one_window(trained):
    run = trained["char-lstm"]
    text = (run.folder / "samples" / "step00000002.txt").read_text("utf-8")
    head, *parts = text.split("--- temperature ")
    window = head.removeprefix("--- after the window\n")
    assert [part.split("\n", 1)[0] for part in parts] == ["0.2", "0.5", "1", "1.2"]
    assert len(window) > 10
    first = run.sample(seed=run.recipe.seed, length=run.recipe.listen_length, temperature=0.2)[0].piece
    assert parts[0] == f"0.2\n{first}\n"


def test_batches_are_reported_with_loss_and_accuracy_beside_the_evaluations(trained):
    run = trained["lyrics-lstm"]
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    batches = [line for line in lines if "batch_loss" in line]
    assert [line["step"] for line in batches] == [1, 2]
    assert all(0 < line["batch_loss"] < 10 and 0 <= line["batch_accuracy"] <= 1 for line in batches)
    assert [line for line in lines if "valid_loss" in line] == read_metrics(run.folder)


@pytest.mark.parametrize("name", WORDS)
def test_perplexity_is_that_of_the_held_out_loss(trained, name):
    line = read_metrics(trained[name].folder)[-1]
    assert line["valid_perplexity"] == pytest.approx(math.exp(line["valid_loss"]))


@pytest.mark.parametrize("name", WORDS)
def test_a_text_is_scored_whole(trained, name, tmp_path):
    text = "oh the sun and moon\nwill rise over my river\n"
    (tmp_path / "song.txt").write_text(text, "utf-8")
    run = trained[name]
    found = run.score(tmp_path / "song.txt")
    assert found == run.score(text)
    assert found.pieces == 1 and found.baseline is None
    assert found.perplexity == pytest.approx(math.exp(found.nats_per_token))
    assert found.nats_per_char == pytest.approx(found.nats_per_token * found.symbols / len(text))


def test_a_piece_of_the_other_kind_or_an_empty_one_is_not_scored(trained, make_score, tmp_path):
    with pytest.raises(UsageError, match="knows text"):
        trained["char-lstm"].score(make_score())
    (tmp_path / "empty.txt").write_text("", "utf-8")
    with pytest.raises(erato.errors.EratoError, match="empty"):
        trained["char-lstm"].score(tmp_path / "empty.txt")


def test_the_seed_phrase_of_the_recipe_begins_the_song(trained):
    piece = trained["lyrics-lstm"].compose(seed=1, length=30)[0]
    assert piece.startswith("Yeah, oho ") and len(piece) == 40


def test_a_seed_phrase_of_which_nothing_is_known_is_left_out(tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.txt").write_text(
            "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * (2 + number), "utf-8"
        )
    run = pipeline.train(TINY["lyrics-lstm"], folder, tmp_path / "run")
    notes = Notes()
    piece = run.compose(seed=1, length=30, reporter=notes)[0]
    assert len(piece) == 30 and set(piece) <= set("床前明月光，疑是地上霜。\n举头望明月，低头思故乡。")
    assert any("begins from nothing" in said for said in notes.said)
    assert run.compose("明月", seed=1, length=10)[0].startswith("明月")


@pytest.mark.parametrize("name", WORDS)
def test_an_unknown_character_or_word_of_a_prompt_is_named(trained, name):
    notes = Notes()
    piece = trained[name].compose("oh the ☃ sun", seed=1, length=5, reporter=notes)[0]
    assert piece.lower().startswith("oh the")
    if "☃" not in piece:
        assert any("unknown" in said for said in notes.said)


@pytest.mark.parametrize("name", WORDS)
def test_a_prompt_longer_than_the_context_is_said_and_continued(trained, name):
    run, notes = trained[name], Notes()
    prompt = "oh the sun and moon will rise over my river " * 40
    piece = run.compose(prompt, seed=1, length=5, reporter=notes)[0]
    assert piece.lower().startswith(prompt.strip())
    assert any("sees the last" in said for said in notes.said) == (run.model.context is not None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prompt": ""}, "nothing of the prompt"),
        ({"bars": 4}, "no bars"),
        ({"seconds": 4}, "no time"),
        ({"begin": "C4"}, "begins from nothing, a window, or a prompt"),
        ({"program": "violin"}, "no instrument"),
        ({"top_p": 0.0}, "top_p must be in"),
        ({"greedy": True, "temperature": 0.5}, "leave out the temperature"),
        ({"beams": Beams(2), "temperature": 0.5}, "leave out temperature"),
        ({"beams": Beams(2), "top_k": 3, "top_p": 0.5}, "leave out top_k, top_p"),
        ({"beams": Beams(2), "greedy": True}, "one beam"),
        ({"beams": Beams(2), "n": 3}, "n=3"),
        ({"temperatures": (1.0, 0.5)}, "temperatures must be at most 1"),
    ],
)
def test_what_cannot_be_composed_is_said(trained, settings, said):
    with pytest.raises(UsageError, match=said):
        trained["char-lstm"].compose(**settings)


def test_beams_must_be_at_least_one():
    with pytest.raises(UsageError, match="beams must be from 1 to 1,000, got 0"):
        Beams(0)


@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p", "typical_p"])
def test_greedy_refuses_what_is_for_drawing(trained, name):
    with pytest.raises(UsageError, match=f"leave out {name}, or greedy"):
        trained["char-lstm"].compose(greedy=True, **{name: 1 if name == "top_k" else 0.5})


def test_a_text_may_end_by_itself_before_its_length(trained):
    run = trained["lyrics-lstm"]
    free = [run.sample("oh ", seed=seed, length=400, may_end=True)[0].symbols for seed in range(12)]
    assert min(free) < 400 and max(free) <= 400  # two steps of training end soon
    assert [run.sample("oh ", seed=seed, length=40)[0].symbols for seed in range(3)] == [40] * 3
    with pytest.raises(UsageError, match="bars and seconds are exact"):
        run.sample("oh ", bars=2, may_end=True)


def test_the_length_penalty_matters_where_texts_end(trained):
    run = trained["lyrics-lstm"]
    short, long = (
        run.sample("oh ", length=30, may_end=True, beams=Beams(40, length_penalty=power))[0].symbols
        for power in (-5, 5)
    )
    assert short < long


@pytest.mark.parametrize("path", ["not-here.txt", "folder/song.mid"])
def test_a_path_that_is_not_there_is_not_sung(trained, path):
    with pytest.raises(UsageError, match="there is no file"):
        trained["char-lstm"].compose(path, length=5)


def test_a_folder_is_no_prompt(trained, tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        trained["char-lstm"].compose(f"{tmp_path}/", length=5)


def test_line_ends_of_a_typed_prompt_are_those_of_a_file(trained):
    run = trained["lyrics-lstm"]
    assert run.compose("oh\r\nthe", seed=1, length=20) == run.compose("oh\nthe", seed=1, length=20)


def test_a_recipe_without_a_prompt_cannot_begin_with_it(trained):
    with pytest.raises(UsageError, match="no prompt of its own"):
        trained["char-lstm"].compose(begin="prompt")


@pytest.mark.parametrize("settings", [{"length_penalty": 300.0}, {"length_penalty": math.nan}, {"beams": 10**10}])
def test_beams_have_bounds(settings):
    with pytest.raises(UsageError, match="must be from"):
        Beams(**settings)


def test_no_temperature_is_too_high(trained):
    assert len(trained["char-lstm"].compose("oh ", seed=1, length=20, temperature=1e300)[0]) == 23


def test_words_that_are_not_known_are_said_in_the_protocol(trained):
    said = trained["word-transformer"].score("oh the zeppelin and zither\n").protocol
    assert "2 of the 7 symbols are words that the run does not know" in said


def test_a_run_is_evaluated_without_the_checkpoint_that_it_came_from(trained, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    trained["gpt2-small"].save_pretrained(checkpoint)
    songs = tmp_path / "songs"
    songs.mkdir()
    for number in range(6):
        (songs / f"{number}.txt").write_text(f"oh the sun {number}\nand the moon\n" * 9, "utf-8")
    tiny = TINY["gpt2"]
    run = pipeline.train(tiny, songs, tmp_path / "run", pretrained=str(checkpoint))
    before = run.evaluate(split="valid")
    checkpoint.rename(tmp_path / "elsewhere")
    assert erato.load(tmp_path / "run").evaluate(split="valid") == before
    assert before.baseline is not None
