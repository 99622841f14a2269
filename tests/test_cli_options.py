"""Every option of the command line reaches the call that it is for; every command of the documentation runs."""

import inspect
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from symusic import KeySignature

from erato import pipeline, rendering
from erato.config import override
from erato.errors import UsageError
from erato.recipes import RECIPES, TINY
from erato.sequence_run import SequenceRun

ROOT = Path(__file__).parents[1]


class Spy:
    """Stands for a function: keeps what it is called with, by parameter, and goes no further than `instead`."""

    def __init__(self, function, instead=None):
        self.signature, self.instead, self.calls = inspect.signature(function), instead, []

    def __call__(self, *arguments, **keywords):
        bound = self.signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        self.calls.append(dict(bound.arguments))
        if self.instead is None:
            raise UsageError("called.")
        return self.instead


@pytest.fixture
def trained(erato, monkeypatch):
    """What `pipeline.train` is called with by a line of the command line."""

    def call(line):
        spy = Spy(pipeline.train)
        monkeypatch.setattr(pipeline, "train", spy)
        assert erato(*shlex.split(line))[::2] == (1, "erato: called.\n")
        (given,) = spy.calls
        assert isinstance(given.pop("reporter"), pipeline.Reporter)
        return given

    return call


@pytest.fixture
def composed(erato, monkeypatch):
    """What `pipeline.load` and `Run.sample` are called with by a line of the command line."""
    real_load, real_sample = pipeline.load, SequenceRun.sample

    def call(line):
        run = SequenceRun(Path("run"), TINY["event-transformer"], SimpleNamespace(kind="music", space=None), None)
        load, sample = Spy(real_load, run), Spy(real_sample)
        monkeypatch.setattr(pipeline, "load", load)
        monkeypatch.setattr(SequenceRun, "sample", lambda *a, **k: sample(*a, **k))
        assert erato(*shlex.split(line))[::2] == (1, "erato: called.\n")
        (loaded,), (given,) = load.calls, sample.calls
        assert given.pop("self") is run
        assert isinstance(given.pop("reporter"), pipeline.Reporter)
        changes = given.pop("changes")
        assert not changes.keys() & given.keys()
        return loaded, given, changes

    return call


def test_every_option_of_train_arrives(trained):
    given = trained(
        "train event-transformer --corpus maestro-v3 --out there --minutes 1.5 --steps 7 --epochs 3 "
        "--set model.width=16 --set training.batch=2 --seed 11 --keep-every 5 --track 0 --track Bass "
        "--max-files 9 --precision bfloat16 --from copy.zip --pretrained folder --only a.mid --only b.mid "
        "--import run.json --import-data data.json"
    )
    assert given == {
        "recipe": "event-transformer",
        "corpus": "maestro-v3",
        "out": "there",
        "minutes": 1.5,
        "steps": 7,
        "epochs": 3,
        "settings": ["model.width=16", "training.batch=2"],
        "keep_every": 5,
        "track": ["0", "Bass"],
        "max_files": 9,
        "from_file": "copy.zip",
        "precision": "bfloat16",
        "seed": 11,
        "pretrained": "folder",
        "only": ["a.mid", "b.mid"],
        "import_run": "run.json",
        "import_data": "data.json",
    }


def test_what_is_not_given_to_train_is_left_to_the_recipe(trained):
    given = trained("train note-chord-lstm")
    assert given.pop("recipe") == "note-chord-lstm"
    assert not any(given.values())
    assert {key for key, value in given.items() if value is not None} == {
        "settings",
        "track",
        "only",
    }  # which are empty


def test_every_option_of_compose_arrives(composed):
    loaded, given, changes = composed(
        "compose run --prompt x.mid --begin window --n 3 --seed 8 --bars 4 --seconds 2.5 --length 60 --checkpoint 20 "
        "--strategy sample --temperature 0.7 --top-k 5 --top-p 0.9 --min-p 0.01 --typical-p 0.95 --no-repeat 4 "
        "--may-end --repetition-penalty 1.2 --step 0.2 --program violin --draft 9 --edges 1,0.4 --original 8"
    )
    assert (str(loaded["path"]), loaded["checkpoint"]) == ("run", 20)
    assert str(given.pop("prompt")) == "x.mid"
    assert given == {
        "n": 3,
        "seed": 8,
        "bars": 4,
        "seconds": 2.5,
        "length": 60,
        "begin": "window",
        "sampler": None,
        "step": 0.2,
        "program": "violin",
        "beams": None,
        "may_end": True,
        "draft": 9,
        "original": 8,
        "stream": None,
        "heard": None,
    }
    assert changes == {
        "temperature": 0.7,
        "top_k": 5,
        "top_p": 0.9,
        "min_p": 0.01,
        "typical_p": 0.95,
        "no_repeat": 4,
        "repetition_penalty": 1.2,
        "greedy": False,
        "edges": (1.0, 0.4),
    }


def test_what_is_not_given_to_compose_is_left_to_the_recipe(composed):
    loaded, given, changes = composed("compose run")
    assert loaded["checkpoint"] is None
    assert (given.pop("n"), given.pop("seed")) == (1, 0)
    assert given.pop("may_end") is False
    assert set(given.values()) == {None}
    assert changes == {}


def test_several_temperatures_are_one_a_feature(composed):
    assert composed("compose run --temperature 1,0.8,0.5")[2] == {"temperatures": (1.0, 0.8, 0.5)}


def test_nothing_as_a_number_is_not_nothing(composed):
    _, given, changes = composed("compose run --seed 0 --top-k 0 --min-p 0 --begin nothing")
    assert (given["seed"], given["begin"]) == (0, "nothing")
    assert changes == {"top_k": 0, "min_p": 0.0}


def test_what_is_asked_of_sound_arrives(erato, make_score, monkeypatch):
    score = make_score()
    stems = Spy(rendering.write_stems, [Path("x-01-Melody.wav")])
    written, refused = Spy(rendering.write, Path("x.wav")), Spy(rendering.refuse_without_sound, False)
    monkeypatch.setattr(rendering, "find_piece", lambda name, reporter: (score, "piece"))
    for name, spy in (("write", written), ("write_stems", stems), ("refuse_without_sound", refused)):
        monkeypatch.setattr(rendering, name, spy)
    line = "render piece.mid x.wav x.png --soundfont own.sf2 --stems --force --json"
    code, out, _ = erato(*shlex.split(line))
    assert (code, json.loads(out)) == (0, {"files": ["x.wav", "x.png", "x-01-Melody.wav"]})
    assert [(call["path"], call["soundfont"]) for call in written.calls] == [
        ("x.wav", Path("own.sf2")),
        ("x.png", Path("own.sf2")),
    ]
    (asked,) = stems.calls
    assert (asked["out"], asked["soundfont"], asked["force"]) == (["x.wav", "x.png"], Path("own.sf2"), True)
    assert refused.calls == [{"out": ["x.wav", "x.png"], "soundfont": Path("own.sf2"), "stems": True}]
    erato(*shlex.split("render piece.mid y.wav"))
    assert len(stems.calls) == 1 and written.calls[-1]["soundfont"] is None


@pytest.fixture
def run_dir(erato, music_folder, monkeypatch):
    """A run of the smallest event-transformer."""
    monkeypatch.setitem(RECIPES, "event-transformer", TINY["event-transformer"])
    code, out, _ = erato("train", "event-transformer", "--corpus", music_folder, "--json")
    assert code == 0
    return json.loads(out)["run"]


def test_the_most_probable_piece_is_the_same_for_every_seed(erato, run_dir):
    def likelihoods(*options):
        code, out, _ = erato("compose", run_dir, "--n", 2, "--length", 30, "--json", *options)
        assert code == 0
        return [piece["log_prob"] for piece in json.loads(out)["pieces"]]

    greedy = likelihoods("--strategy", "greedy")
    assert greedy[0] == pytest.approx(greedy[1], abs=1e-4)
    drawn = likelihoods("--strategy", "sample")
    assert drawn[0] != pytest.approx(drawn[1], abs=1e-4)
    assert likelihoods("--top-k", 1) == pytest.approx(greedy, abs=1e-4)


def test_what_a_prompt_lost_is_told_beside_the_json(erato, run_dir, make_score):
    prompt = make_score(62, bars=2)
    prompt.key_signatures.extend([KeySignature(0, 1, 0), KeySignature(1920, -1, 0)])
    prompt.dump_midi("prompt.mid")
    code, out, err = erato("compose", run_dir, "--prompt", "prompt.mid", "--bars", 1, "--json")
    assert code == 0
    assert re.search("prompt .* 2 key signatures", err)
    assert json.loads(out)["pieces"]


@pytest.mark.slow  # a minute
def test_every_command_of_the_recipes_page_runs(erato, music_folder, chorales, words_folder, tmp_path, monkeypatch):
    """In order, in one folder, with twelve small files for what the page learns from, and the smallest sizes."""
    for name, recipe in TINY.items():
        monkeypatch.setitem(RECIPES, name, recipe)
    words_folder.rename(tmp_path / "my-texts")
    pipeline.train("gpt2-small", tmp_path / "my-texts", tmp_path / "small").save_pretrained(tmp_path / "my-gpt2")
    music_folder.rename(tmp_path / "my-midis")
    text = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    lines = [line.strip() for line in text.splitlines() if line.startswith("    erato ")]
    assert {line.split()[2] for line in lines if line.split()[1] == "train"} == RECIPES.keys()
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        if words[0] == "train":
            budget = next(i for i, word in enumerate(words) if word in ("--minutes", "--steps", "--epochs"))
            words[budget : budget + 2] = ["--steps", "2"]
        if "--live" in words:  # in real time
            words[words.index("--seconds") + 1] = "0.2"
        if words[0] == "evaluate" and "--piece" not in words:
            words += ["--n", "0"]  # what it composes is measured in tests of its own
        code, _, err = erato(*words)
        assert code == 0, (line, err)


def test_every_setting_of_the_recipes_page_exists():
    sections = re.split(r"^## ", (ROOT / "docs" / "recipes.md").read_text("utf-8"), flags=re.M)[1:]
    found = {section.split()[0]: re.findall(r"--set ([\w.]+=[^\s`]+)", section) for section in sections}
    assert found.keys() == RECIPES.keys()
    assert all(found.values())
    for name, settings in found.items():
        for setting in settings:
            assert override(RECIPES[name], [setting]) != RECIPES[name], setting
