import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from symusic import Note, Score, TimeSignature, Track
from tests.conftest import write_chorales, write_scales, write_songs  # type: ignore[import-not-found]

import erato
from erato import composing, pipeline, run_folder
from erato.checksums import seal
from erato.errors import CorpusError, RunError, UsageError
from erato.models import MuseganConfig
from erato.recipes import RECIPES, TINY
from erato.renderers import RENDERERS
from erato.sampling import Stop, sample
from erato.score import bars, end_tick, has_pickup, note_count, seconds, time_signatures
from erato.training.checkpoint import STATE
from erato.training.weights import read_tensors, save_weights

MUSIC = [name for name, recipe in TINY.items() if recipe.representation.kind == "music"]
WORDS = [name for name in TINY if name not in MUSIC]
PHRASES = [name for name, recipe in TINY.items() if isinstance(recipe.model, MuseganConfig)]  # written whole
SEQUENCES = [name for name in TINY if name not in PHRASES]


def fill(folder):
    """Music and songs, twelve of each, in one folder; beside it, pieces in four voices, for recipes that need them."""
    write_chorales(folder.with_name("voices"))
    write_scales(folder)
    return write_songs(folder)


def corpus(name, mixed):
    return mixed.with_name("voices") if name in PHRASES else mixed


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("corpora") / "mixed")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mixed):
    """Every recipe's TINY twin, trained two steps on the same folder, of which it takes the music or the words."""
    folder = tmp_path_factory.mktemp("trained")
    return {name: pipeline.train(recipe, corpus(name, mixed), folder / name) for name, recipe in TINY.items()}


def test_every_recipe_has_a_tiny_twin_of_the_same_parts():
    assert TINY.keys() == RECIPES.keys()
    for name, recipe in RECIPES.items():
        assert type(TINY[name].model) is type(recipe.model)
        if name == "gpt2":  # the tokenizer is a checkpoint's, which the small one does without
            assert type(TINY[name].representation) is type(recipe.representation)
        else:
            assert TINY[name].representation == recipe.representation


@pytest.mark.parametrize("name", TINY)
def test_a_run_composes_the_same_piece_for_the_same_seed_after_loading(trained, name, tmp_path):
    run = trained[name]
    moved = tmp_path / "elsewhere"
    shutil.copytree(run.folder, moved)
    suffix = ".mid" if name in MUSIC else ".txt"
    first = erato.render(run.compose(seed=5, length=40)[0], tmp_path / f"a{suffix}")
    again = erato.render(erato.load(moved).compose(seed=5, length=40)[0], tmp_path / f"b{suffix}")
    other = erato.render(run.compose(seed=6, length=40)[0], tmp_path / f"c{suffix}")
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("name", TINY)
def test_piece_i_of_a_batch_is_the_piece_of_seed_plus_i(trained, name):
    batch = trained[name].sample(n=3, seed=10, length=30)
    alone = [trained[name].sample(seed=10 + i, length=30)[0] for i in range(3)]
    for one, other in zip(batch, alone, strict=True):
        assert one.seed == other.seed
        assert one.piece == other.piece
        if name in PHRASES:
            assert one.log_prob is None
        else:
            assert one.log_prob == pytest.approx(other.log_prob, abs=1e-3)
        assert one.symbols == 30


@pytest.mark.parametrize("name", WORDS)
def test_words_are_written_as_text_and_page_and_refused_as_music(trained, name, tmp_path):
    text = trained[name].compose(seed=1, length=60)[0]
    assert isinstance(text, str)
    assert erato.render(text, tmp_path / "x.txt").read_text("utf-8") == text
    assert "<html" in erato.render(text, tmp_path / "x.html").read_text("utf-8")
    for suffix in (".mid", ".png", ".csv"):
        with pytest.raises(UsageError, match="would be text"):
            erato.render(text, tmp_path / f"x{suffix}")


KINDS_OF_FILES = [  # every kind once and more, every recipe with some; all of them among the slow tests
    pytest.param(name, suffix, marks=() if (at + 3 * which) % 5 == 0 else pytest.mark.slow)
    for which, name in enumerate(MUSIC)
    for at, suffix in enumerate(RENDERERS)
]


@pytest.mark.parametrize(("name", "suffix"), KINDS_OF_FILES)
def test_every_piece_is_written_as_every_kind_of_file(trained, name, suffix, tmp_path):
    run = trained[name]
    piece = run.compose(seed=1, length=24 * run.representation.space.frame)[0]
    path = erato.render(piece, tmp_path / f"x{suffix}", "A title")
    assert path.stat().st_size > 100 or suffix in (".txt", ".csv")
    if suffix == ".mid":
        assert sum(len(t.notes) for t in Score(path).tracks) == sum(len(t.notes) for t in piece.tracks)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_bars_are_exactly_as_many_as_asked(trained, count):
    for piece in trained["event-transformer"].compose(n=3, seed=1, bars=count):
        assert len(bars(piece)) - has_pickup(piece) == count
        assert end_tick(piece) == bars(piece)[-1].end


def test_seconds_are_exactly_as_asked(trained):
    for name in MUSIC:
        sampled = trained[name].sample(seed=2, seconds=3.5)[0]
        assert seconds(sampled.piece) == pytest.approx(3.5, abs=0.01)
        assert sampled.seconds == pytest.approx(3.5, abs=0.01)


def test_a_continuation_begins_with_its_prompt_and_adds_the_bars_asked_for(trained, make_score, tmp_path):
    prompt = make_score(62, bars=4, seed=77)
    prompt.dump_midi(tmp_path / "prompt.mid")
    sampled = trained["event-transformer"].sample(tmp_path / "prompt.mid", seed=1, bars=3)[0]
    assert len(bars(sampled.piece)) == 7
    assert sampled.bars == 3

    def heard(score, until):
        return sorted((n.time, n.duration, n.pitch) for t in score.tracks for n in t.notes if n.time < until)

    assert heard(sampled.piece, 4 * 1920) == heard(prompt, 4 * 1920)


def test_a_prompt_that_stops_inside_a_bar_has_that_bar_finished_first(trained, make_score):
    prompt = make_score(62, bars=2, seed=3)
    for track in prompt.tracks:
        track.notes = type(track.notes)([n for n in track.notes if n.time < 1920 + 960])
        for note in track.notes:
            note.duration = min(note.duration, 1920 + 960 - note.time)
    piece = trained["event-transformer"].compose(prompt, seed=1, bars=2)[0]
    assert len(bars(piece)) == 4


def test_the_bytes_of_a_budget_in_steps_are_the_same_every_time(trained, mixed, tmp_path):
    for name, recipe in TINY.items():
        again = pipeline.train(recipe, corpus(name, mixed), tmp_path / name)
        files = [run.folder / "model.safetensors" for run in (trained[name], again)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_folder_holds_what_the_design_says(trained):
    for run in trained.values():
        there = {path.name for path in run.folder.iterdir()}
        assert there >= {
            "recipe.json",
            "representation.json",
            "model.safetensors",
            "model.txt",
            "last",
            "metrics.jsonl",
            "manifest.json",
            "samples",
        }
        assert not [path for path in run.folder.rglob("*") if path.suffix in (".pkl", ".pt", ".tmp")]
        assert all(file["sha256"] for file in run.manifest["files"] if file["verdict"] == "used")


def test_the_same_command_goes_on_and_other_folders_are_refused(music_folder, tmp_path, monkeypatch):
    recipe = TINY["event-transformer"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline.training, "train", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(recipe, music_folder)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    notes = []
    reporter = pipeline.Reporter()
    reporter.note = notes.append
    run = pipeline.train(recipe, music_folder, reporter=reporter)
    assert run.folder == Path("runs/event-transformer-music-001")
    assert any("going on" in note for note in notes)
    assert pipeline.train(recipe, music_folder).folder == Path("runs/event-transformer-music-002")
    with pytest.raises(RunError, match="finished"):
        pipeline.train(recipe, music_folder, "runs/event-transformer-music-001")
    with pytest.raises(RunError, match="another run"):
        pipeline.train(recipe, music_folder, "runs/event-transformer-music-001", settings=["model.width=32"])
    with pytest.raises(RunError, match="not a run folder"):
        pipeline.train(recipe, music_folder, music_folder)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        pipeline.train(recipe, music_folder, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def _interrupted(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["recipe.json", "representation.json", "model.safetensors", "manifest.json"])
def test_a_missing_or_damaged_file_is_named(trained, name, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained["note-chord-lstm"].folder, folder)
    shutil.rmtree(folder / "previous", ignore_errors=True)
    good = (folder / name).read_bytes()
    for bad in (None, b"", b"[]", b"nonsense", good[: len(good) // 2], b'{"recipe": {"type": "os.system"}}'):
        if bad is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(bad)
        with pytest.raises(RunError, match=name.replace(".", r"\.") + "|cannot be used"):
            run = erato.load(folder)
            run.facts(run.sample(length=2)[0])


def test_weights_of_another_model_or_not_finite_are_refused(trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained["event-transformer"].folder, folder)
    shutil.rmtree(folder / "previous", ignore_errors=True)
    weights = read_tensors(folder / "model.safetensors")
    first = next(iter(weights))
    save_weights({**weights, first: torch.full_like(weights[first], torch.nan)}, folder / "model.safetensors")
    with pytest.raises(RunError, match="not finite"):
        erato.load(folder)
    shutil.copy(trained["note-chord-lstm"].folder / "model.safetensors", folder)
    with pytest.raises(RunError, match="another model"):
        erato.load(folder)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n": 0}, "n must be from 1"),
        ({"seed": -1}, "seed must be"),
        ({"bars": 0}, "bars must be above 0"),
        ({"seconds": float("nan")}, "seconds must be above 0"),
        ({"bars": 2, "length": 5}, "one of bars, seconds and length"),
        ({"temperature": 0.0}, "temperature"),
        ({"top_p": 1.7}, "top_p must be in"),
        ({"loudness": 3}, "temperature"),
        ({"prompt": "nowhere.mid"}, "there is no file 'nowhere.mid'"),
    ],
)
def test_what_cannot_be_composed_is_said(trained, settings, said):
    with pytest.raises(UsageError, match=said):
        trained["event-transformer"].compose(**settings)


def test_bars_of_a_run_without_bars_names_what_to_give_instead(trained):
    with pytest.raises(UsageError, match="seconds"):
        trained["note-chord-lstm"].compose(bars=4)


def test_a_corpus_that_cannot_be_learned_from_is_refused(make_score, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CorpusError):
        pipeline.train(TINY["event-transformer"], empty)
    (empty / "a.pdf").write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(CorpusError):
        pipeline.train(TINY["event-transformer"], empty)
    make_score(bars=8).dump_midi(empty / "one.mid")
    with pytest.raises(CorpusError, match=r"windows\.length"):
        pipeline.train(TINY["event-transformer"], empty, settings=["windows.length=100000"])


def test_twenty_at_once_write_twenty_pieces(trained, tmp_path):
    sampled = trained["event-transformer"].sample(length=10)

    def write(_):
        return trained["event-transformer"].write(sampled, tmp_path / "out", ["mid", "txt"])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(f"{n:03d}-seed0.{suffix}" for n in range(1, 21) for suffix in ("mid", "txt", "json"))


def test_numbers_go_on_after_999(tmp_path):
    (tmp_path / "1005-seed1.mid").touch()
    with run_folder.piece_number(tmp_path) as number:
        assert number == 1006


def test_excerpts_begin_with_what_is_in_force(make_score):
    piece = make_score(bars=6, seed=1)
    part = pipeline.excerpt(piece, 3, 4)
    whole = sorted((n.time - 2 * 1920, n.pitch) for t in piece.tracks for n in t.notes if 2 * 1920 <= n.time < 4 * 1920)
    assert sorted((n.time, n.pitch) for t in part.tracks for n in t.notes) == whole
    assert len(bars(part)) == 2
    with pytest.raises(UsageError, match="6 bars"):
        pipeline.excerpt(piece, 3, 9)


def test_the_recipe_file_says_every_number(trained):
    for name, run in trained.items():
        said = json.loads((run.folder / "recipe.json").read_text())
        assert said["recipe"]["name"] == name
        assert said["recipe"]["training"]["optimizer"]["lr"] > 0
        assert said["libraries"]["torch"]


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_piece_may_begin_from_a_training_window_which_is_not_part_of_it(trained, name):
    run = trained[name]
    prompts = json.loads((run.folder / "prompts.json").read_text())
    for seed in (0, 1, len(prompts) + 2):
        sampled = run.sample(seed=seed, begin="window", length=30)[0]
        assert sampled.symbols == 30
        window = run.representation.space.from_json(prompts[seed % len(prompts)])
        new = _sampled(run, window, seed)
        if run.representation.cursor(1).bars is None:
            assert sampled.piece == run.representation.decode(new)
            continue
        continued = run.representation.decode(np.concatenate([window, new]))
        assert note_count(sampled.piece) == note_count(continued) - note_count(run.representation.decode(window))


def test_the_seconds_after_a_window_of_frames_are_all_frames_that_were_drawn(trained):
    sampled = trained["pianoroll-lstm"].sample(seed=1, begin="window", seconds=6.0)[0]
    assert (sampled.symbols, sampled.seconds) == (20, pytest.approx(6.0))


def _sampled(run, prompt, seed):
    """The symbols that the one sampling loop draws after the window."""
    cursor, space = run.representation.cursor(1), run.representation.space
    return sample(run.model, prompt, cursor, space, [seed], run.recipe.sampler, Stop(length=30))[0].array


@pytest.mark.parametrize("count", [1, 4])
def test_bars_after_a_window_are_as_many_as_asked(trained, count):
    for seed in range(3):
        piece = trained["event-transformer"].compose(seed=seed, begin="window", bars=count)[0]
        assert len(bars(piece)) - has_pickup(piece) == count


@pytest.mark.parametrize("name", [name for name in MUSIC if name in SEQUENCES])
def test_seconds_after_a_window_are_exact(trained, name):
    for seed in range(2):
        piece = trained[name].compose(seed=seed, begin="window", seconds=3.3)[0]
        assert seconds(piece) == pytest.approx(3.3, abs=0.01)


def test_seconds_are_counted_from_the_end_of_the_prompt(trained, make_score):
    prompt = make_score(62, bars=2, seed=3)
    prompt.tracks[0].notes[-1].duration = 3 * 480  # sounds on after its bar
    assert seconds(prompt) == 5.0
    sampled = trained["event-transformer"].sample(prompt, seed=1, seconds=4.0)[0]
    assert seconds(sampled.piece) == pytest.approx(9.0, abs=0.01)
    assert sampled.seconds == pytest.approx(4.0, abs=0.01)


def test_long_pieces_are_music_to_their_end(trained, monkeypatch):
    monkeypatch.setattr(composing, "_LIMIT", 500)  # which is that of pieces that end by themselves
    piece = trained["event-transformer"].compose(seed=1, bars=100)[0]
    last = max(note.time for track in piece.tracks for note in track.notes)
    assert last > 0.95 * end_tick(piece)


def test_what_a_stopped_run_lacks_is_written_again(music_folder, tmp_path, monkeypatch):
    recipe, out = TINY["event-transformer"], tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.training, "train", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(recipe, music_folder, out)
    for name in ("representation.json", "manifest.json", "prompts.json", "model.txt"):
        (out / name).unlink()
    run = pipeline.train(recipe, music_folder, out)
    assert run.compose(length=5, begin="window")
    assert run.manifest["files"]
    assert (out / "model.txt").is_file()


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
def test_a_state_of_another_run_is_not_gone_on_with(music_folder, tmp_path, name):
    recipe = TINY["event-transformer"]
    pipeline.train(recipe, music_folder, tmp_path / "run")
    pipeline.train(recipe, music_folder, tmp_path / "other", settings=["model.width=32"])
    state = max((tmp_path / "run" / "last").iterdir())
    foreign = max((tmp_path / "other" / "last").iterdir()) / name
    shutil.copy(foreign, state / name)
    if name == "state.json":
        (state / name).write_text(json.dumps({"finished": False, "optimizers": {}, "step": 2}))
    else:
        said = json.loads((state / "state.json").read_text())
        (state / "state.json").write_text(json.dumps({**said, "finished": False}))
    seal(state, [STATE])
    with pytest.raises(RunError, match="another run"):
        pipeline.train(recipe, music_folder, tmp_path / "run")


def test_an_upbeat_alone_can_be_continued_in_the_meter_that_follows(trained):
    upbeat = Score(480)
    upbeat.time_signatures.extend([TimeSignature(0, 2, 4), TimeSignature(960, 4, 4)])
    track = Track("Melody", 0, False)
    track.notes.append(Note(0, 960, 67, 80))
    upbeat.tracks.append(track)
    for count in (1, 3):
        sampled = trained["event-transformer"].sample(upbeat, seed=count, bars=count)[0]
        assert time_signatures(sampled.piece)[:2] == [(0, 2, 4), (960, 4, 4)]
        assert sampled.bars == count
        assert end_tick(sampled.piece) == bars(sampled.piece)[-1].end
