"""Composed files made again from what they say of themselves, or a sentence on what is missing or another."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Notes, write_chorales, write_scales, write_songs  # type: ignore[import-not-found]

import erato
from erato import pipeline, provenance
from erato.checksums import seal
from erato.composing import Sample
from erato.corpora import Folder
from erato.errors import EratoError, RunError, UsageError
from erato.recipes import TINY
from erato.renderers import RENDERERS
from erato.renderers.carried import READERS, carried
from erato.run_folder import WRITTEN_ONCE
from erato.sampling import Beams
from erato.sequence_run import SequenceRun
from erato.training.weights import read_tensors, save_weights

PHRASES = ("musegan", "musegan-small", "musegan-conditional")
QUICK = ["mid", "png", "matrix.png", "roll.svg", "musicxml", "txt", "csv"]
ALL = [suffix.lstrip(".") for suffix in RENDERERS]
KEPT = "char-lstm"  # the run that keeps every step


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The TINY twin of every recipe, trained two steps, by name; made as it is first asked for."""
    root = tmp_path_factory.mktemp("runs")
    write_chorales(root / "voices")
    write_songs(write_scales(root / "mixed"))

    class Runs(dict):
        def __missing__(self, name):
            corpus = root / ("voices" if name in PHRASES else "mixed")
            self[name] = pipeline.train(TINY[name], corpus, root / name, keep_every=1 if name == KEPT else None).folder
            return self[name]

    return Runs()


@pytest.fixture
def composed(folders, tmp_path):
    """Composes with a copy of a run and writes the pieces into it; the files of the piece that is wanted."""

    def call(name, prompt=None, formats=None, piece=-1, checkpoint=None, **settings):
        folder = tmp_path / "run"
        if not folder.exists():
            shutil.copytree(folders[name], folder)
        run = erato.load(folder, checkpoint) if checkpoint else erato.load(folder)
        formats = formats or (["txt"] if run.representation.kind == "text" else ["mid"])
        samples = run.sample(prompt, **{"seed": 3, "length": 20, **settings})
        return run.write(samples, folder / "pieces", formats)[piece]

    return call


@pytest.mark.parametrize("name", TINY)
def test_every_recipe_makes_its_files_again(composed, name):
    kinds = ["txt", "html"] if TINY[name].representation.kind == "text" else ["mid", "csv", "roll.svg"]
    *files, said = composed(name, formats=kinds, n=2)
    record = json.loads(said.read_text())["record"]
    assert record["recipe"] == name and record["seed"] == 4
    assert [carried(path, path.read_bytes()) for path in files if path.suffix in READERS] == (
        [record] if kinds[0] == "txt" else [record, record]
    )
    for path in (files[0], said):
        found = erato.replay(path)
        assert found.identical and found.notes == ()
        assert found.files == {one.name: one.read_bytes() for one in (files if path == said else [path])}


@pytest.mark.parametrize("kinds", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)])
def test_every_kind_of_file_is_made_again(composed, kinds):
    *files, said = composed("event-transformer", formats=kinds, bars=2, length=None)
    names = [path.name for path in files]
    assert names == [f"001-seed3.{kind}" for kind in kinds]
    record = json.loads(said.read_text())
    assert list(record["files"]) == names
    assert all(carried(path, path.read_bytes()) == record["record"] for path in files if path.suffix in READERS)
    assert erato.replay(said).identical


SEARCHED = {"beams": Beams(4, 0.5), "n": 3, "length": 8}
HOWS = [
    ("lyrics-lstm", {"temperature": 1, "top_k": 5, "no_repeat": 3, "seed": 0}),
    ("lyrics-lstm", {"greedy": True}),
    ("lyrics-lstm", {"n": 3, "piece": 1}),
    ("lyrics-lstm", {**SEARCHED, "piece": 2, "seed": np.int64(5)}),
    ("lyrics-lstm", {"length": 60, "may_end": True}),
    ("lyrics-lstm", {"prompt": "oh the  sun\nand", "draft": 4}),
    ("lyrics-lstm", {"prompt": "oh the sun " * 60}),
    ("char-lstm", {"begin": "window", "n": 2}),
    ("char-lstm", {"checkpoint": 1}),
    ("word-transformer-tutorial", {"begin": "prompt"}),
    ("word-transformer", {"length": None}),
    ("note-lstm", {"temperatures": (0.5, 1.5, 2.0, 0.7), "program": "violin"}),
    ("pianoroll-lstm", {"step": 0.1, "begin": "C4", "seconds": 1.5, "length": None}),
    ("pianonet", {"seconds": 0.5, "length": None, "draft": 0}),
    ("event-transformer", {"bars": 2, "length": None, "begin": "window", "repetition_penalty": 1.2}),
    ("musegan", {"chords": 7, "melody": (1, None, 3, 4), "bars": 3, "length": None}),
    ("musegan", {"morph": 9, "morph_steps": 3, "piece": 1}),
    ("musegan", {"morph": 9, "one_piece": True, "length": None}),
    ("musegan", {"seed": np.int64(5), "groove": [np.int64(2)], "length": None, "n": 2}),
]


@pytest.mark.parametrize(("name", "how"), HOWS)
def test_whatever_was_asked_for_is_asked_for_again(composed, name, how):
    *files, said = composed(name, **how)
    long = len(how.get("prompt", "")) > provenance.SHORT
    assert erato.replay(said, prompt=how["prompt"] if long else None).identical
    if long:
        with pytest.raises(UsageError, match=r"the text with the sha256 .* is not there: give it with --prompt"):
            erato.replay(files[0])


def test_a_prompt_is_found_where_it_was_or_handed_in(composed, make_score, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_score(62, bars=2, seed=7).dump_midi("theme.mid")
    midi, said = composed("event-transformer", "theme.mid", bars=1, length=None)
    record = json.loads(said.read_text())
    assert record["record"]["prompt"] == {
        "kind": "file", "name": "theme.mid", "sha256": provenance.file_hash(Path("theme.mid")),
    }  # fmt: skip
    assert record["where"] == {"run": "..", "prompt": "../../theme.mid"}
    assert erato.replay(midi).identical
    Path("theme.mid").rename("other.mid")
    missing = "theme.mid, the beginning of 001-seed3.mid, is not there: give it with --prompt (sha256 "
    with pytest.raises(UsageError) as refused:
        erato.replay(midi)
    assert str(refused.value).startswith(missing)
    assert erato.replay(midi, prompt=Path("other.mid")).identical
    make_score(62, bars=2, seed=8).dump_midi("other.mid")
    with pytest.raises(UsageError, match=r"theme.mid, the beginning of 001-seed3.mid, is not what it was: its sha256"):
        erato.replay(midi, prompt="other.mid")


def test_a_score_that_was_handed_in_is_known_by_what_it_holds(composed, make_score, tmp_path):
    score = make_score(62, bars=1)
    midi, said = composed("event-transformer", score, bars=1, length=None)
    assert "prompt" not in json.loads(said.read_text())["where"]
    assert erato.replay(midi, prompt=make_score(62, bars=1)).identical
    with pytest.raises(UsageError, match="is not what it was"):
        erato.replay(midi, prompt=make_score(63, bars=1))


def test_tracks_that_were_given_are_given_again(composed, tmp_path, make_score):
    bass = make_score(40, bars=4)
    del bass.tracks[0]
    bass.dump_midi(tmp_path / "bass.mid")
    *_, said = composed("musegan-conditional", given=tmp_path / "bass.mid", given_tracks=[0], n=2, length=None)
    assert json.loads(said.read_text())["record"]["given"]["name"] == "bass.mid"
    assert erato.replay(said).identical
    (tmp_path / "bass.mid").unlink()
    with pytest.raises(UsageError, match=r"bass.mid, the piece that was given for 002-seed4.json, is not there"):
        erato.replay(said)


def test_latents_that_were_handed_in_are_asked_for(composed, folders):
    latents = erato.load(folders["musegan"]).latents(2, seed=7)
    midi, _ = composed("musegan", latents=latents, length=None)
    with pytest.raises(UsageError, match="was written from latents that were handed in"):
        erato.replay(midi)
    with pytest.raises(UsageError, match="these are not the latents"):
        erato.replay(midi, latents=latents * 0.5)
    assert erato.replay(midi, latents=latents).identical
    midi, _ = composed("musegan")
    with pytest.raises(UsageError, match="from its seed alone"):
        erato.replay(midi, latents=latents)


def test_where_a_piece_alone_is_another_the_whole_batch_is_composed(composed, monkeypatch):
    text, _ = composed("lyrics-lstm", n=3, piece=2)
    real, asked = SequenceRun.sample, []

    def sample(self, prompt=None, **settings):
        asked.append(settings.get("n", 1))
        found = real(self, prompt, **settings)
        return found if len(found) > 1 else [replace(found[0], piece="rounded otherwise")]

    monkeypatch.setattr(SequenceRun, "sample", sample)
    assert erato.replay(text).identical
    assert asked == [1, 3]


def test_files_say_the_same_wherever_they_were_made(composed, tmp_path, monkeypatch):
    midi, _ = composed("event-transformer", formats=["mid"])
    shutil.copytree(tmp_path / "run", tmp_path / "elsewhere" / "run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = erato.load("run")
    ((again, _),) = run.write(run.sample(seed=3, length=20), Path("out"), ["mid"])
    assert again.read_bytes() == midi.read_bytes()
    for part in tmp_path.parts[1:]:
        assert part == "run" or part.encode() not in again.read_bytes()
    assert erato.replay(again).identical  # the .json beside says where the run is
    Path("out/001-seed3.json").unlink()
    with pytest.raises(RunError, match=r"the run run that made 001-seed3.mid is not there: give its folder with --run"):
        erato.replay(again)
    assert erato.replay(again, "run").identical
    assert erato.replay(again, run).identical


@pytest.mark.parametrize("kinds", [["mid"], pytest.param(ALL, marks=pytest.mark.slow)])
def test_a_new_process_makes_it_again(composed, kinds):
    *files, said = composed("note-lstm", formats=kinds)
    call = [sys.executable, "-m", "erato", "replay", str(said)]
    done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": ""}, check=False)
    assert done.stdout == "".join(f"{path.name} made again, byte-identical.\n" for path in files), done.stderr
    assert done.returncode == 0


def test_what_is_rendered_of_a_sample_is_made_again_too(composed, tmp_path):
    composed("event-transformer")
    sampled = erato.load(tmp_path / "run").sample(seed=8, length=20)[0]
    path = erato.render(sampled, tmp_path / "x.mid")
    titled = erato.render(sampled, tmp_path / "y.mid", "My <first> waltz")
    assert b"My <first> waltz" in titled.read_bytes()
    for one in (path, titled):
        assert erato.replay(one, tmp_path / "run").identical


def changed(path, change):
    weights = read_tensors(path)
    name = next(iter(weights))
    weights[name] = change(weights[name])
    save_weights(weights, path)


def test_a_run_with_other_weights_is_refused(composed, tmp_path):
    text, _ = composed("lyrics-lstm")
    changed(tmp_path / "run" / "model.safetensors", lambda weight: weight + 1e-6)
    with pytest.raises(RunError, match=r"is not the run that made .*, or has changed since: it has other weights"):
        erato.replay(text)


@pytest.mark.parametrize("name", ["recipe.json", "prompts.json", "representation.json"])
def test_a_run_that_is_another_otherwise_is_refused(composed, tmp_path, name):
    text, _ = composed("char-lstm")
    path = tmp_path / "run" / name
    path.write_text(path.read_text().rstrip() + "\n\n")
    seal(tmp_path / "run", WRITTEN_ONCE)
    with pytest.raises(RunError, match="it has other recipe, representation or windows"):
        erato.replay(text)


def test_a_checkpoint_that_is_gone_is_said(composed, tmp_path):
    text, said = composed(KEPT, checkpoint=1)
    assert json.loads(said.read_text())["record"]["run"]["checkpoint"] == 1
    shutil.rmtree(tmp_path / "run" / "steps")
    with pytest.raises(RunError, match="keeps no checkpoint of step 1"):
        erato.replay(text)


def test_an_edited_file_is_told_from_one_that_is_not_made_again(composed, monkeypatch, tmp_path):
    midi, said = composed("note-lstm")
    data = midi.read_bytes()
    midi.write_bytes(data.replace(b"recipe: note-lstm", b"recipe: note-lstn"))
    found = erato.replay(midi)
    assert not found.identical and found.files == {midi.name: data}
    assert found.reason == f"{midi.name} was edited since it was written: its sha256 is not the one in its .json."
    assert erato.replay(said).reason == found.reason
    said.rename(tmp_path / "said.json")
    found = erato.replay(midi)
    assert found.reason.startswith("001-seed3.mid was made again, but the bytes differ: it was edited or renamed")
    (tmp_path / "said.json").rename(said)
    real = SequenceRun.sample
    monkeypatch.setattr(SequenceRun, "sample", lambda self, *a, **k: real(self, *a, **{**k, "seed": k["seed"] + 1}))
    assert "was edited since it was written, and was made again with other bytes than it" in erato.replay(midi).reason
    midi.write_bytes(data)
    assert erato.replay(midi).reason == "001-seed3.mid is as it was written, but was made again with other bytes."
    midi.unlink()
    assert erato.replay(said).reason == "001-seed3.mid is not there, and was made again with other bytes than it had."


def test_a_file_that_is_gone_is_made_again_from_its_json(composed, tmp_path):
    midi, png, said = composed("note-lstm", formats=["mid", "png"])
    bytes_then = {path.name: path.read_bytes() for path in (midi, png)}
    midi.unlink(), png.unlink()
    found = erato.replay(said)
    assert found.identical and found.files == bytes_then
    assert found.write(tmp_path / "again") == [tmp_path / "again" / name for name in bytes_then]
    assert (tmp_path / "again" / midi.name).read_bytes() == bytes_then[midi.name]
    with pytest.raises(UsageError, match=r"001-seed3.mid exists: give another name with --out"):
        found.write(tmp_path / "again")


def test_what_is_another_here_is_noted_and_named(composed, tmp_path, monkeypatch):
    text, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["record"] |= {"erato": "0.0.1", "device": "cuda", "threads": 10**6}
    value["record"]["libraries"] |= {"torch": "1.0"}
    del value["record"]["libraries"]["numpy"]
    said.write_text(json.dumps(value))
    reporter = Notes()
    found = erato.replay(text, reporter=reporter)
    assert found.identical  # the record is not in the text
    assert found.notes == (
        f"erato 0.0.1 then, {erato.__version__} now",
        "device cuda then, cpu now",
        f"torch 1.0 then, {torch.__version__} now",
        f"numpy missing then, {np.__version__} now",
        f"1000000 threads then, at most {os.cpu_count()} now",
    )
    assert reporter.said == [f"Not as it was: {note}." for note in found.notes]
    text.write_text("other")
    assert "was edited since" in erato.replay(text).reason


def test_the_number_of_threads_is_as_it_was_while_it_composes(composed, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    text, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["record"]["threads"] = 3
    said.write_text(json.dumps(value))
    real, seen = SequenceRun.sample, []
    monkeypatch.setattr(SequenceRun, "sample", lambda *a, **k: seen.append(torch.get_num_threads()) or real(*a, **k))
    erato.replay(text)
    assert seen == [3] and torch.get_num_threads() == before


def test_a_record_of_another_version_that_cannot_be_read_says_so(composed):
    text, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["record"] |= {"erato": "9.9", "mood": "sad"}
    said.write_text(json.dumps(value))
    with pytest.raises(UsageError, match=r"was made by erato 9.9, whose records .* cannot read .*: use that version"):
        erato.replay(text)


def test_files_that_say_nothing(composed, make_score, tmp_path):
    make_score().dump_midi(tmp_path / "mine.mid")
    (tmp_path / "mine.json").write_text("[1]")
    for name in ("mine.mid", "mine.json"):
        with pytest.raises(UsageError, match=f"{name} carries no record of how it was made"):
            erato.replay(tmp_path / name)
    with pytest.raises(UsageError, match="there is no file"):
        erato.replay(tmp_path / "nowhere.mid")
    with pytest.raises(UsageError, match="there is no file"):
        erato.replay(tmp_path)
    (tmp_path / "x.docx").write_bytes(b"PK")
    with pytest.raises(UsageError, match="suffix"):
        erato.replay(tmp_path / "x.docx")


@pytest.fixture
def edited(composed):
    """A text of a run, whose `.json` is changed by hand, made again."""
    text, said = composed("lyrics-lstm", "oh the", n=2, top_k=4, length=6)

    def call(**parts):
        value = json.loads(said.read_text())
        for at, new in parts.items():
            inner, *keys = [value, *at.split("__")]
            for key in keys[:-1]:
                inner = inner[key]
            inner[keys[-1]] = new
        said.write_text(json.dumps(value))
        return erato.replay(text)

    return call


HOSTILE = [
    {"record__settings__n": 10**9},
    {"record__settings__n": 0},
    {"record__settings__n": "2"},
    {"record__settings__seed": 2**63},
    {"record__settings__seed": -1},
    {"record__place": 10**30},
    {"record__settings__length": 10**12},
    {"record__settings__length": 5, "record__settings__bars": 5},
    {"record__settings__draft": 10**9},
    {"record__settings__beams": {"beams": 10**9}},
    {"record__settings__sampler__temperature": 0},
    {"record__settings__sampler__top_p": "__import__('os')"},
    {"record__settings__chords": 3},
    {"record__settings__stream": "print"},
    {"record__settings__begin": "../../etc/passwd"},
    {"record__settings__program": 10**6},
    {"record__prompt__kind": "file"},
    {"record__prompt__text": "/etc/passwd"},
    {"record__prompt__text": "another beginning"},
    {"record__run__checkpoint": 10**9},
    {"record": {"type": "Run", "folder": "/"}},
    {"record": [[[]]]},
]


@pytest.mark.parametrize("parts", HOSTILE)
def test_hostile_records_are_refused_in_a_sentence(edited, parts):
    with pytest.raises(EratoError) as refused:
        edited(**parts)
    assert 20 < len(str(refused.value)) < 600 and str(refused.value).isprintable()


def test_nothing_said_is_as_good_as_not_said(edited):
    assert edited(record__settings__beams=None, record__given=None, record__corpus__citation="").identical


def test_a_prompt_that_names_a_file_is_not_read(edited, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("they are gone")
    secret = str(tmp_path / "secret")
    with pytest.raises(UsageError, match="is the name of a file here"):
        edited(record__prompt__text=secret, record__prompt__sha256=provenance.piece_hash(secret))


@pytest.mark.parametrize("name", ["../001-seed4.txt", "/etc/passwd.txt", "a\\b.txt", ".hidden.txt", "", "x" * 300])
def test_names_of_files_beside_it_lead_nowhere_else(composed, name):
    *_, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["files"] = {name: "0" * 64}
    said.write_text(json.dumps(value))
    with pytest.raises(UsageError, match="is not the name of a file beside it"):
        erato.replay(said)


WAYS = [{"run": 3}, {"run": "\0"}, {"run": "x" * 5000}, [], None, {str(n): "x" for n in range(999)}]


@pytest.mark.parametrize("where", WAYS)
def test_ways_that_lead_nowhere_are_no_ways(composed, where):
    text, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["where"] = where
    said.write_text(json.dumps(value))
    assert erato.replay(text).identical  # the run lies above the pieces
    shutil.move(text, moved := text.parents[2] / text.name)
    shutil.move(said, moved.with_suffix(".json"))
    with pytest.raises(RunError, match="is not there: give its folder with --run"):
        erato.replay(moved)


def test_a_way_to_another_place_of_the_machine_is_not_gone(composed, tmp_path):
    text, said = composed("lyrics-lstm")
    value = json.loads(said.read_text())
    value["where"]["run"] = str(tmp_path / "run")
    (tmp_path / "far").mkdir()
    shutil.copy(text, tmp_path / "far")
    (tmp_path / "far" / said.name).write_text(json.dumps(value))
    with pytest.raises(RunError, match="is not there"):
        erato.replay(tmp_path / "far" / text.name)


def test_a_title_of_markup_comes_out_as_text(composed, tmp_path):
    composed("event-transformer")
    sampled = erato.load(tmp_path / "run").sample(seed=8, length=20)[0]
    page = erato.render(sampled, tmp_path / "x.html", "</script><script>alert(1)</script>")
    assert "<script>alert" not in page.read_text()
    assert erato.replay(page, tmp_path / "run").identical


def test_numbers_of_pieces_count_the_json(composed, tmp_path):
    composed("lyrics-lstm")[0].unlink()
    assert composed("lyrics-lstm")[0].name == "002-seed3.txt"


def test_a_piece_without_a_record_is_written_as_before(composed, tmp_path):
    composed("lyrics-lstm")
    run = erato.load(tmp_path / "run")
    sampled = Sample("they", 7, None, 4, None, None, np.zeros(0), np.zeros(0))
    (files,) = run.write([sampled], tmp_path / "bare", ["txt"])
    assert files[0].read_text() == "they"
    with pytest.raises(UsageError, match="carries no record"):
        erato.replay(files[0])


def test_the_record_says_whose_music_it_learned_from(music_folder, tmp_path):
    corpus = Folder(music_folder)
    corpus.licence, corpus.citation = "CC BY 4.0", "A. Maker (2020)"
    run = pipeline.train(TINY["event-transformer"], corpus, tmp_path / "run")
    said = run.sample(length=5)[0].record["corpus"]
    assert said == {
        "name": "music", "hash": run.manifest["hash"], "licence": "CC BY 4.0", "citation": "A. Maker (2020)",
    }  # fmt: skip


def test_a_run_is_known_by_its_weights_as_they_are(composed, tmp_path):
    composed("lyrics-lstm")
    run = erato.load(tmp_path / "run")
    before = run.identity
    run.sample(length=5)
    assert run.identity == before == erato.load(tmp_path / "run").identity
    with torch.no_grad():
        next(run.model.parameters()).add_(1)
    assert run.identity.weights != before.weights and run.identity.hash != before.hash


def test_where_composed_music_begins_is_known(composed, make_score, tmp_path):
    prompt = make_score(62, bars=2, seed=7)
    composed("event-transformer")
    run = erato.load(tmp_path / "run")
    sampled = run.sample(prompt, seed=1, bars=2)[0]
    given = {(note.time, note.pitch) for track in prompt.tracks for note in track.notes}
    assert sampled.piece.ticks_per_quarter == prompt.ticks_per_quarter
    there = {(note.time, note.pitch) for track in sampled.piece.tracks for note in track.notes}
    assert sampled.new_from == min(time for time, pitch in there - given)
    assert sampled.new_from > 0 and {time for time, _ in given} <= set(range(sampled.new_from + 1))
    assert run.about(sampled).new_from == sampled.new_from
    assert run.sample(seed=1, bars=2)[0].new_from is None
    assert run.sample(seed=1, bars=2, begin="window")[0].new_from is None


def test_a_piece_has_the_same_bytes_alone_and_beside_others(folders, tmp_path):
    """What should not change a piece is in the `.json` beside it, not in its files."""
    run = erato.load(folders["event-transformer"])
    together = run.write(run.sample(n=3, seed=1, bars=1), tmp_path / "together", ["mid", "png"])
    alone = run.write(run.sample(seed=2, bars=1), tmp_path / "alone", ["mid", "png"])
    for one, other in zip(together[1][:2], alone[0][:2], strict=True):
        assert one.read_bytes() == other.read_bytes()
    asked = [json.loads(files[-1].read_bytes()).get("asked") for files in (together[1], alone[0])]
    assert asked == [{"n": 3, "place": 1, "seed": 1}, None]
    assert erato.replay(together[1][-1]).identical
