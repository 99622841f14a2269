"""`erato compose` with the settings of runs that write whole phrases: what arrives, and what is refused."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from symusic import Score

from erato import pipeline
from erato.composing import Sample
from erato.errors import UsageError
from erato.phrase_run import PhraseRun
from erato.recipes import TINY
from erato.sequence_run import SequenceRun

ALL = "--chords 7 --style 0 --melody 1,2,3,4 --groove 5 --morph 0 --morph-steps 4 --one-piece --given-tracks 0,Bass"


def run_of(kind):
    return kind(Path("run"), TINY["event-transformer"], SimpleNamespace(kind="music", space=None), None)


@pytest.fixture
def composed(erato, monkeypatch):
    """What a run of whole phrases is asked for by a line of the command line."""

    def call(line):
        calls = []

        def sample(self, prompt=None, **settings):
            calls.append((prompt, settings))
            raise UsageError("called.")

        monkeypatch.setattr(pipeline, "load", lambda *arguments: run_of(PhraseRun))
        monkeypatch.setattr(PhraseRun, "sample", sample)
        assert erato(*shlex.split(line))[::2] == (1, "erato: called.\n")
        ((prompt, settings),) = calls
        assert isinstance(settings.pop("reporter"), pipeline.Reporter)
        return prompt, settings

    return call


def test_every_setting_arrives(composed, tmp_path):
    path = tmp_path / "bass.mid"
    path.touch()
    prompt, settings = composed(f"compose run --n 2 --seed 9 --bars 3 {ALL} --given {path} --program 7")
    assert prompt is None
    assert settings.pop("given") == path
    assert settings == {
        "n": 2,
        "seed": 9,
        "bars": 3,
        "chords": 7,
        "style": 0,
        "melody": (1, 2, 3, 4),
        "groove": (5,),
        "morph": 0,
        "morph_steps": 4,
        "one_piece": True,
        "given_tracks": ["0", "Bass"],
        "program": "7",
    }


def test_only_what_was_given_is_passed_on(composed):
    assert composed("compose run") == (None, {"n": 1, "seed": 0})
    prompt, settings = composed("compose run --prompt a.mid --temperature 0.5 --begin silence --beams 2 --may-end")
    assert prompt == "a.mid" and settings.pop("beams").beams == 2
    assert settings == {"n": 1, "seed": 0, "temperature": 0.5, "begin": "silence", "may_end": True}


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--chords 0", "--chords"),
        ("--melody 1,2 --groove 3", "--melody, --groove"),
        ("--style 3 --compare", "--style"),
        ("--morph 0 --morph-steps 3 --one-piece", "--morph, --morph-steps, --one-piece"),
        ("--given a.mid --given-tracks 0", "--given, --given-tracks"),
    ],
)
def test_runs_of_sequence_models_refuse_them_in_one_sentence(erato, monkeypatch, option, named):
    monkeypatch.setattr(pipeline, "load", lambda *arguments: run_of(SequenceRun))
    code, out, err = erato("compose", "run", *shlex.split(option))
    assert (code, out) == (1, "")
    assert err == f"erato: {named} is for runs that write whole phrases, as musegan: leave it out.\n"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--chords 1,2", "--chords: must be a whole number, got '1,2'"),
        ("--style -1", "--style"),
        ("--melody 1,x,3,4", "--melody: must be a whole number, got 'x'"),
        ("--groove 1,,2", "--groove: must be a whole number, got ''"),
        ("--morph a", "--morph: must be a whole number, got 'a'"),
        ("--morf 3", "did you mean --morph?"),
    ],
)
def test_words_that_are_no_seeds_are_refused(erato, option, said):
    code, out, err = erato("compose", "run", *shlex.split(option))
    assert (code, out) == (1, "") and said in err and err.count("\n") == 1


def test_a_given_file_that_is_not_there(erato, monkeypatch):
    monkeypatch.setattr(pipeline, "load", lambda *arguments: run_of(PhraseRun))
    code, _, err = erato("compose", "run", "--given", "nowhere.mid")
    assert code == 1 and err.startswith("erato: there is no file 'nowhere.mid'")


def test_pieces_without_a_likelihood_are_printed_as_others_are(erato, monkeypatch):
    score = Score(480)
    array = np.zeros((32, 4), np.int64)
    made = Sample(score, 3, None, 32, 2, 7.25, array, array[:0])
    monkeypatch.setattr(pipeline, "load", lambda *arguments: run_of(PhraseRun))
    monkeypatch.setattr(PhraseRun, "sample", lambda *a, **k: [made])
    monkeypatch.setattr(PhraseRun, "write", lambda *a: [[Path("pieces/001-seed3.mid")]])
    code, out, _ = erato("compose", "run", "--json", "--formats", "mid")
    assert code == 0 and json.loads(out) == {
        "pieces": [
            {
                "path": "pieces/001-seed3.mid",
                "seed": 3,
                "log_prob": None,
                "score": None,
                "symbols": 32,
                "bars": 2,
                "seconds": 7.25,
                "made": {},
                "files": ["pieces/001-seed3.mid"],
            }
        ],
        "page": None,
    }
    code, out, _ = erato("compose", "run", "--formats", "mid")
    assert (code, out) == (0, "seed 3: 2 bars, 7.2 s, 32 symbols -> pieces/001-seed3.mid\n")
