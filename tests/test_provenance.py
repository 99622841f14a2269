"""The record of how a piece was made: what it says, what it leaves out, and what is no record."""

import copy
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from symusic import ControlChange, KeySignature, Note, Pedal, PitchBend, Score, Tempo, TextMeta, TimeSignature, Track

from erato import provenance
from erato.errors import UsageError
from erato.provenance import Identity, LearnedFrom, Record, Settings, Source
from erato.sampling import Beams, Latents, Sampler
from erato.score import state

A, B = "a" * 64, "b" * 64


def record(**changes):
    settings = Settings(n=4, seed=3, bars=8, begin="nothing", sampler=Sampler(temperature=0.9, top_k=5))
    return Record("0.1.0", Identity("run-001", A, B), "lyrics-lstm", 5, settings, settings.strategy, 2, **changes)


def test_a_record_says_what_was_asked_for_and_nothing_that_was_not():
    said = record(prompt=Source("file", A, "x.mid"), corpus=LearnedFrom("songs", B, "CC0")).to_json()
    del said["settings"]["sampler"]
    assert said == {
        "erato": "0.1.0",
        "run": {"name": "run-001", "hash": A, "weights": B},
        "recipe": "lyrics-lstm",
        "corpus": {"name": "songs", "hash": B, "licence": "CC0"},
        "seed": 5,
        "place": 2,
        "strategy": "sample",
        "settings": {"n": 4, "seed": 3, "bars": 8, "begin": "nothing"},
        "prompt": {"kind": "file", "sha256": A, "name": "x.mid"},
        "threads": 1,
        "device": "cpu",
        "libraries": {},
    }


def test_every_setting_of_drawing_is_said():
    said = record().to_json()["settings"]["sampler"]
    off = {"top_p": 1, "min_p": 0, "typical_p": 1, "repetition_penalty": 1, "repetition_window": 64, "no_repeat": 0}
    assert said == {"temperature": 0.9, "top_k": 5, **off}


def test_a_record_comes_back_from_json_as_it_was():
    full = Record(
        "0.1.0",
        Identity("run", A, B, checkpoint=20),
        "musegan",
        0,
        Settings(1, 0, beams=Beams(3), melody=(1, None, 0, 4), chords=0, morph=0, given_tracks=("Bass", 1)),
        "beam",
        libraries=provenance.libraries(),
        prompt=Source("text", A, text="oh"),
        given=Source("score", B, "corpus:piece"),
        latents=A,
    )
    said = json.loads(json.dumps(full.to_json()))
    assert provenance.read(said) == full
    assert provenance.read(said).to_json() == said
    assert list(said) == sorted(said)
    assert said["settings"]["melody"] == [1, None, 0, 4] and said["settings"]["chords"] == 0


def test_numbers_of_numpy_are_numbers():
    settings = Settings(np.int64(2), np.int64(3), seconds=np.float32(0.5), chords=provenance.seeds(np.int64(4)))
    said = Record("0", Identity("r", A, B), "x", np.int64(3), settings).to_json()
    assert json.loads(json.dumps(said))["settings"] == {"n": 2, "seed": 3, "seconds": 0.5, "chords": 4}
    assert provenance.seeds([np.int64(1), None]) == (1, None)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(sampler=Sampler()), "sample"),
        (Settings(sampler=Sampler(greedy=True)), "greedy"),
        (Settings(sampler=Sampler(), beams=Beams(2)), "beam"),
        (Settings(chords=3), "phrases"),
    ],
)
def test_the_strategy_has_a_name(settings, name):
    assert settings.strategy == name


def test_settings_are_what_sample_is_called_with():
    asked = Settings(2, 0, bars=4, sampler=Sampler(), program=0, chords=0, melody=(0, None))
    assert asked.arguments() == {
        "n": 2, "seed": 0, "bars": 4, "sampler": Sampler(), "program": "0", "chords": 0, "melody": (0, None),
    }  # fmt: skip


def put(value, at, new):
    """A copy of nested dictionaries with another value at a path of keys."""
    changed = copy.deepcopy(value)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = new
    return changed


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (["seed"], "3"),
        (["seed"], 1.5),
        (["seed"], True),
        (["place"], -1),
        (["run"], "run"),
        (["run", "hash"], "../../etc/passwd"),
        (["run", "hash"], A.upper()),
        (["run", "weights"], A + "a"),
        (["run", "checkpoint"], "20"),
        (["settings"], []),
        (["settings", "n"], None),
        (["settings", "begin"], "C" * 21),
        (["settings", "sampler"], {"temperature": 0}),
        (["settings", "sampler"], {"temperature": float("nan")}),
        (["settings", "sampler"], {"type": "Beams"}),
        (["settings", "sampler"], {"heat": 1}),
        (["settings", "melody"], [0.5]),
        (["settings", "reporter"], "x"),
        (["settings", "given_tracks"], "Bass"),
        (["prompt"], {"kind": "folder", "sha256": A}),
        (["prompt"], {"kind": "file", "sha256": "0"}),
        (["prompt"], {"kind": "file"}),
        (["latents"], "x"),
        (["corpus"], {"hash": 3}),
        (["libraries"], {"torch": 2}),
        (["libraries"], {"os": "2"}),
        (["unknown"], 1),
        (["type"], "Settings"),
    ],
)
def test_what_is_no_record_is_refused(at, value):
    with pytest.raises(UsageError):
        provenance.read(put(record().to_json(), at, value))


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, {"erato": "0.1.0"}])
def test_what_is_nothing_like_a_record_is_refused(value):
    with pytest.raises(UsageError):
        provenance.read(value)


def test_weights_have_a_hash_of_their_names_types_shapes_and_numbers():
    parts = {"a": torch.arange(6.0), "b": torch.tensor(True), "c": torch.ones(2, dtype=torch.bfloat16)}
    first = provenance.weights_hash(parts)
    assert first == provenance.weights_hash(dict(reversed(parts.items())))
    assert first == provenance.weights_hash({**parts, "a": torch.arange(12.0).reshape(6, 2)[:, 0] / 2})
    others = [
        {**parts, "a": torch.arange(6.0).reshape(2, 3)},
        {**parts, "a": torch.arange(6)},
        {**parts, "a": torch.arange(6.0) + 1e-6},
        {**parts, "d": torch.zeros(0)},
        {"x": parts["a"], "b": parts["b"], "c": parts["c"]},
    ]
    assert len({first, *map(provenance.weights_hash, others)}) == 6


def test_parts_have_a_hash_that_knows_where_each_ends():
    assert provenance.digest([b"ab", b"c"]) != provenance.digest([b"a", b"bc"])


def score(pitch=60):
    found = Score(480)
    found.tracks.append(Track("One", 0, False))
    found.tracks[0].notes.append(Note(0, 480, pitch, 80))
    return found


def test_what_is_handed_in_is_known_by_its_hash(tmp_path):
    (tmp_path / "x.txt").write_bytes("été\n".encode())
    digest = hashlib.sha256("été\n".encode()).hexdigest()
    assert provenance.take(tmp_path / "x.txt") == (Source("file", digest, "x.txt"), tmp_path / "x.txt")
    assert provenance.take("été\n") == (Source("text", digest, text="été\n"), None)
    assert provenance.take("x" * 501).source.text is None and provenance.take("x" * 500).source.text == "x" * 500
    assert provenance.take(score()) == provenance.take(score())
    assert provenance.take(score()).source != provenance.take(score(61)).source
    a, b = (Latents({"chords": torch.full((2, 3), value)}) for value in (0.5, 0.25))
    assert provenance.latents_hash(a) == provenance.latents_hash(a * 1) != provenance.latents_hash(b)


def test_equal_scores_have_one_hash_whatever_lay_in_memory_before():
    made = score()
    made.time_signatures.append(TimeSignature(0, 3, 4))
    made.key_signatures.append(KeySignature(0, -2, 1))
    made.tempos.append(Tempo(0, 96))
    made.markers.extend([TextMeta(0, "fermata"), TextMeta(9, "été")])
    track = made.tracks[0]
    track.name = "Flöte"
    track.controls.append(ControlChange(0, 64, 100))
    track.pitch_bends.append(PitchBend(0, -5))
    track.pedals.append(Pedal(0, 480))
    track.lyrics.extend([TextMeta(0, "la"), TextMeta(480, "là")])
    wanted, clean = provenance.piece_hash(made), state(made)
    dirty = bytearray(made.__getstate__())
    for values, ignored in ((b"<P", 2), (b"@d", 2), (b"\x03\x04", 2), (b"\xfe\x01", 2)):  # what stands before a gap
        at = dirty.rindex(values) + len(values)
        dirty[at : at + ignored] = b"\xab\xcd"
    same = type(made).__new__(type(made))
    same.__setstate__(bytes(dirty))
    assert same == made and same.__getstate__() != clean
    assert provenance.piece_hash(same) == wanted
    for change in (
        lambda one: setattr(one.tracks[0].notes[0], "velocity", 81),
        lambda one: setattr(one.tracks[0].controls[0], "value", 99),
        lambda one: setattr(one.time_signatures[0], "denominator", 8),
        lambda one: setattr(one.key_signatures[0], "tonality", 0),
        lambda one: setattr(one.markers[1], "text", "ete"),
        lambda one: setattr(one.tracks[0], "is_drum", True),
    ):
        other = made.copy()
        change(other)
        assert provenance.piece_hash(other) != wanted


def test_the_json_beside_says_where_all_lies_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("runs/r/pieces/001-seed0.mid", "songs/x.mid"):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_bytes(path.encode())
    written, folder = Path("runs/r/pieces/001-seed0.mid"), Path("runs/r/pieces")
    said = provenance.beside(
        {"seed": 0}, [written], folder, Path("runs/r"), {"prompt": tmp_path / "songs" / "x.mid"}, {"n": 3}
    )
    assert said["where"] == {"run": "..", "prompt": "../../../songs/x.mid"}
    assert said["files"] == {"001-seed0.mid": hashlib.sha256(b"runs/r/pieces/001-seed0.mid").hexdigest()}
    assert said["record"] == {"seed": 0} and said["asked"] == {"n": 3}
    assert str(tmp_path) not in json.dumps(said) and os.sep + "home" not in json.dumps(said)


def test_people_are_told_what_it_goes_on_from_and_how_symbols_were_chosen():
    assert provenance.facts(record().to_json()) == {"sampling": "temperature 0.9, top k 5"}
    settings = Settings(sampler=Sampler(), beams=Beams(3))
    beam = Record("0", Identity("r", A, B), "x", 0, settings, prompt=Source("text", A, text="oh the")).to_json()
    assert provenance.facts(beam) == {"prompt": "oh the", "sampling": "beams 3, length penalty 1.0"}
    greedy = Record("0", Identity("r", A, B), "x", 0, Settings(sampler=Sampler(greedy=True, temperatures=(1, 0.5))))
    assert provenance.facts(greedy.to_json()) == {"sampling": "greedy, temperatures 1, 0.5"}
    assert provenance.facts({}) == {}


def test_people_are_told_whose_music_was_learned_from():
    corpus = LearnedFrom("songs", B, "CC0", "A. Maker (2020)")
    said = {"recipe": "lyrics-lstm", "learned from": "songs", "licence": "CC0", "citation": "A. Maker (2020)"}
    assert provenance.origin(record(corpus=corpus).to_json()) == said
    assert provenance.origin(record().to_json()) == {"recipe": "lyrics-lstm"}


def test_a_score_gets_the_name_that_it_was_asked_for_by():
    said = record(given=Source("score", A)).to_json()
    assert provenance.named(said, "given", "corpus:piece")["given"]["name"] == "corpus:piece"
    assert provenance.named(said, "prompt", "x") == said
