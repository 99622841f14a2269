"""What a person chooses reaches the run: budgets, tracks, checkpoints, seeds, and what the run owes to whom."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from symusic import Note, Score, TimeSignature, Track
from tests.conftest import Notes  # type: ignore[import-not-found]

import erato
from erato import pipeline
from erato.config import override
from erato.corpora import Folder
from erato.errors import RunError, UsageError
from erato.recipes import TINY

EVENTS, WORDS = TINY["event-transformer"], TINY["note-chord-lstm"]


def texts(path):
    """The text events (FF 01, length, text) of a MIDI file whose texts are shorter than 128 bytes."""
    data = Path(path).read_bytes()
    found = [match.end() for match in re.finditer(rb"\xff\x01", data)]
    return [data[at + 1 : at + 1 + data[at]].decode() for at in found]


def test_what_is_chosen_is_what_the_recipe_file_says(music_folder, tmp_path):
    pipeline.train(
        EVENTS,
        music_folder,
        tmp_path / "run",
        minutes=5,
        steps=3,
        epochs=2,
        settings=["model.width=8", "training.batch=3"],
        keep_every=2,
        max_files=9,
        precision="float32",
        seed=11,
    )
    said = json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]
    assert said["seed"] == 11
    assert said["model"]["width"] == 8
    wanted = {"minutes": 5, "steps": 3, "epochs": 2, "keep_every": 2, "precision": "float32", "batch": 3}
    assert {key: said["training"][key] for key in wanted} == wanted
    assert sorted(path.name for path in (tmp_path / "run" / "steps").iterdir()) == ["000000002.safetensors"]
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert [file["name"] for file in manifest["files"]] == [f"piece{n:02d}.mid" for n in range(9)]
    assert manifest["seed"] == 11


def test_a_budget_that_is_given_replaces_the_whole_budget_of_the_recipe(music_folder, tmp_path):
    run = pipeline.train(EVENTS, music_folder, tmp_path / "run", epochs=1)
    training = run.recipe.training
    assert (training.minutes, training.steps, training.epochs) == (None, None, 1)
    assert run.recipe.seed == EVENTS.seed
    assert training.precision == EVENTS.training.precision
    assert training.keep_every is None


def test_a_copy_got_by_hand_is_for_downloads_only(music_folder, tmp_path):
    with pytest.raises(UsageError, match="--from"):
        pipeline.train(EVENTS, music_folder, tmp_path / "run", from_file=tmp_path / "copy.zip")


def test_the_seed_draws_weights_windows_and_their_order(music_folder, tmp_path, monkeypatch):
    real, seeds = pipeline.training.train, []

    def spied(model, data, dataset, *rest, seed, **others):
        seeds.append((dataset.seed, seed))
        return real(model, data, dataset, *rest, seed=seed, **others)

    monkeypatch.setattr(pipeline.training, "train", spied)
    frozen = ["training.optimizer.lr=1e-30"]  # what is drawn at first is what is kept
    for seed in (1, 2):
        run = pipeline.train(WORDS, music_folder, tmp_path / str(seed), seed=seed, settings=frozen)
        assert seeds.pop() == (seed, seed)
        torch.manual_seed(seed)
        drawn = WORDS.model.build(run.representation.space).state_dict()
        kept = load_file(run.folder / "model.safetensors")
        assert all(torch.allclose(drawn[name], kept[name], rtol=0, atol=1e-20) for name in drawn)


def test_a_chosen_track_is_all_that_is_learned(music_folder, tmp_path):
    run = pipeline.train(EVENTS, music_folder, tmp_path / "run", track=["Bass"])
    assert run.manifest["tracks"]["left_out"] == {"Melody": 12}
    assert all(file["tracks_left_out"] == ["Melody"] for file in run.manifest["files"])
    prompts = json.loads((run.folder / "prompts.json").read_text())
    heard = [track for window in prompts for track in run.representation.decode(np.array(window)).tracks]
    assert {track.program for track in heard if len(track.notes)} == {32}  # the fingered bass of the fixture
    pitches = {note.pitch for track in heard for note in track.notes}
    assert pitches <= set(range(60 - 24, 64 - 24 + 5))


def test_a_kept_checkpoint_is_loaded_by_its_step(music_folder, tmp_path):
    pipeline.train(EVENTS, music_folder, tmp_path / "run", steps=5, keep_every=2)
    assert [path.name for path in sorted((tmp_path / "run" / "steps").iterdir())] == [
        "000000002.safetensors",
        "000000004.safetensors",
    ]
    loaded = {}
    for step, file in [(2, "steps/000000002"), (4, "steps/000000004"), (None, "model")]:
        kept = load_file(tmp_path / "run" / f"{file}.safetensors")
        state = erato.load(tmp_path / "run", step).model.state_dict()
        assert state.keys() - kept.keys() == {"head.weight"}  # which is the embedding, kept once
        assert torch.equal(state["head.weight"], state["embedding.weight"])
        assert all((state[name].cpu() == kept[name]).all() for name in kept)
        loaded[step] = b"".join(state[name].cpu().numpy().tobytes() for name in sorted(state))
    assert len(set(loaded.values())) == 3
    with pytest.raises(RunError, match=r"step 3; there is 2, 4\."):
        erato.load(tmp_path / "run", 3)


def test_training_samples_have_one_seed_and_differ_by_the_weights_alone(music_folder, tmp_path):
    frozen = ["training.optimizer.lr=1e-30", "training.evaluations=3"]
    run = pipeline.train(EVENTS, music_folder, tmp_path / "frozen", steps=3, seed=5, settings=frozen)
    assert run.recipe.training.optimizer.lr == 1e-30
    samples = sorted((run.folder / "samples").iterdir())
    assert [path.name for path in samples] == [f"step{n:08d}.mid" for n in (1, 2, 3)]
    music = {re.sub(rb"step \d", b"step", path.read_bytes()) for path in samples}
    assert len(music) == 1  # but for the title
    erato.render(run.compose(seed=5, length=200)[0], tmp_path / "again.mid", "step 3")
    assert (tmp_path / "again.mid").read_bytes() == samples[2].read_bytes()

    moving = ["training.optimizer.lr=0.5", "training.schedule.name=constant", "training.evaluations=3"]
    run = pipeline.train(EVENTS, music_folder, tmp_path / "moving", steps=3, seed=5, settings=moving)
    music = {re.sub(rb"step \d", b"step", path.read_bytes()) for path in (run.folder / "samples").iterdir()}
    assert len(music) == 3


def test_a_stopped_run_whose_folder_gained_a_file_is_another_run(music_folder, make_score, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    for out in ("named", None):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(pipeline.training, "train", stopped)
            pipeline.train(EVENTS, music_folder, out)
    recorded = json.loads(Path("named/recipe.json").read_text())
    before = Folder(music_folder).pieces("music", seed=EVENTS.seed).hash
    assert recorded["corpus"] == {"name": "music", "hash": before}

    make_score(70, seed=99).dump_midi(music_folder / "new.mid")
    assert Folder(music_folder).pieces("music", seed=EVENTS.seed).hash != before
    with pytest.raises(RunError, match=r"new\.mid is new"):
        pipeline.train(EVENTS, music_folder, "named")
    assert json.loads(Path("named/recipe.json").read_text()) == recorded
    assert pipeline.train(EVENTS, music_folder).folder == Path("runs/event-transformer-music-002")

    (music_folder / "new.mid").unlink()
    reporter = Notes()
    pipeline.train(EVENTS, music_folder, "named", reporter=reporter)
    assert "named holds this run, unfinished: going on where it stopped." in reporter.said


def test_what_is_composed_says_whose_music_was_learned_from(music_folder, tmp_path):
    corpus = Folder(music_folder)
    corpus.licence = "CC BY 4.0"
    corpus.citation = "A. Maker, Twelve Walks (2020)"
    run = pipeline.train(EVENTS, corpus, tmp_path / "run")
    origin = run.origin()
    assert list(origin.values()) == ["event-transformer", "music", "CC BY 4.0", "A. Maker, Twelve Walks (2020)"]
    assert (origin["licence"], origin["citation"]) == ("CC BY 4.0", "A. Maker, Twelve Walks (2020)")
    assert erato.load(run.folder).origin() == origin
    ((path, page, _),) = run.write(run.sample(seed=3, length=20), tmp_path / "pieces", ["mid", "html"])
    assert set(texts(path)) >= {"seed: 3", *(f"{key}: {value}" for key, value in origin.items())}
    assert all(value in page.read_text() for value in origin.values())


def test_the_origin_leaves_out_what_there_is_not(music_folder, tmp_path):
    run = pipeline.train(EVENTS, music_folder, tmp_path / "run")
    assert list(run.origin().values()) == ["event-transformer", "music", "your own files: you know their licence"]
    assert "citation" not in run.origin()


def test_what_a_prompt_lost_is_told(music_folder, tmp_path):
    run = pipeline.train(WORDS, music_folder, tmp_path / "run")
    prompt, track = Score(480), Track("", 0, False)
    prompt.time_signatures.append(TimeSignature(0, 4, 4))
    for beat, pitch in enumerate((60, 62, 20, 60)):  # 20 is two octaves below all that the folder holds, in any key
        track.notes.append(Note(480 * beat, 480, pitch, 90))
    prompt.tracks.append(track)
    reporter = Notes()
    run.sample(prompt, length=2, reporter=reporter)
    (told,) = reporter.said
    assert "1 unknown notes" in told
    assert "4 advances" in told  # quarters, where this run knows eighths only

    track.notes = type(track.notes)([Note(240 * n, 240, pitch, 90) for n, pitch in enumerate((60, 62, 64, 60))])
    prompt.tracks = type(prompt.tracks)([track])
    reporter = Notes()
    run.sample(prompt, length=2, reporter=reporter)
    assert reporter.said == []


def test_seconds_of_key_states_are_exact_however_they_are_drawn(music_folder, tmp_path):
    run = pipeline.train(TINY["pianonet"], music_folder, tmp_path / "run")
    for draft in (0, None, 5):
        made = run.sample(seconds=4, draft=draft)[0]  # more key states than other pieces have symbols
        assert (made.symbols, made.seconds) == (4 * 48 * 72, pytest.approx(4))
        after = run.sample(music_folder / "piece01.mid", seconds=0.5, draft=draft)[0]
        assert after.seconds == pytest.approx(0.5, abs=1e-6) and after.symbols == 24 * 72


def test_samples_of_key_states_begin_with_one_window_of_the_training_pieces(music_folder, tmp_path):
    recipe = override(TINY["pianonet"], ["training.steps=4", "training.evaluations=2"])
    run = pipeline.train(recipe, music_folder, tmp_path / "run")
    space = run.representation.space
    window = space.from_json(json.loads((run.folder / "prompts.json").read_text())[0])
    samples = sorted((run.folder / "samples").glob("*.mid"))
    assert len(samples) == 2 and window.any()
    for path in samples:
        array = run.representation.encode(Score(path)).array
        assert np.array_equal(array[: len(window)], window) and len(array) <= len(window) + 2 * space.keys


def test_key_states_cost_what_their_chances_say(music_folder, tmp_path):
    run = pipeline.train(TINY["pianonet"], music_folder, tmp_path / "run")
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.zero_()
        run.model.out.bias.fill_(-2.0)  # every key is down with the same probability
    found = run.evaluate(music_folder, split="valid")
    pieces = Folder(music_folder).pieces("music", seed=run.recipe.seed)
    arrays = [run.representation.encode(pieces[index]).array for index in pieces.split("valid")]
    down, up = np.log1p(np.exp(2.0)), np.log1p(np.exp(-2.0))
    costs = [np.where(array == 1, down, up).reshape(-1, 72).sum(1) for array in arrays]  # of each step
    steps = sum(map(len, costs))
    total = sum(cost.sum() for cost in costs)
    assert found.symbols == 72 * steps
    assert found.nats_per_key_state == pytest.approx(total / steps / 72, rel=1e-5)
    assert found.nats_per_frame == pytest.approx(total / steps, rel=1e-5)
    after = sum(cost[1:].sum() for cost in costs) / (steps - len(costs))
    assert found.nats_per_frame_after_first == pytest.approx(after, rel=1e-5)
    assert found.nats_per_second == pytest.approx(total / (steps / 48), rel=1e-4)
    assert found.nats_per_token is None and "key states" in found.protocol
