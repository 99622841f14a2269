"""Models of a project: which runs there are, what is said of each, and that no id leads elsewhere."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from erato import pipeline
from erato.config import to_record
from erato.recipes import RECIPES, TINY
from erato.studio import folders, models, run_facts
from erato.studio.errors import NotThere
from erato.studio.jobs import Queue
from erato.studio.project import Project
from erato.training import OBJECTIVES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps, of music, and one of text."""
    from erato.corpora import Folder

    top = tmp_path_factory.mktemp("trained")
    score, words = top / "music", top / "songs"
    score.mkdir()
    words.mkdir()
    for number in range(12):
        lines = "\n".join(f"the river and the moon {number * line % 7} sing" for line in range(20))
        (words / f"song{number}.txt").write_text(lines + f"\n{number}", "utf-8")
        write_tune(score / f"tune{number}.mid", number)
    found = {}
    for name, corpus in (("event-transformer", score), ("char-lstm", words)):
        found[name] = pipeline.train(TINY[name], Folder(corpus), top / "runs" / name).folder
    return found


def write_tune(path, number):
    from symusic import Note, Score, Track

    score = Score(480)
    track = Track("Tune", 0, False)
    for beat in range(32):
        track.notes.append(Note(480 * beat, 480, 60 + (beat * (number + 3)) % 12, 80))
    score.tracks.append(track)
    score.dump_midi(path)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project", [tmp_path / "runs"])


@pytest.fixture
def music(trained, tmp_path):
    """A copy of the run of music, among the runs that are shown."""
    shutil.copytree(trained["event-transformer"], tmp_path / "runs" / "event-transformer")
    return tmp_path / "runs" / "event-transformer"


def test_a_finished_run_of_music(project, music):
    (found,) = models.all_models(project)
    lines = [json.loads(line) for line in (music / "metrics.jsonl").read_text().splitlines()]
    assert found["id"] == found["name"] == "event-transformer"
    assert (found["state"], found["why"], found["finished"]) == ("ready", "", True)
    assert (found["recipe"], found["kind"], found["corpus"]) == ("event-transformer", "music", "music")
    assert found["licence"] == "your own files: you know their licence"
    assert found["best_loss"] == min(line["valid_loss"] for line in lines)
    assert (found["measure"], found["unit"]) == ("held-out loss", "nats a symbol")
    assert found["parameters"] == sum(part.numel() for part in pipeline.load(music).model.parameters())
    assert found["samples"] == len(list((music / "samples").iterdir())) > 0
    composes = found["composes"]
    assert composes["bars"] and composes["seconds"] and composes["prompt"] and composes["original"]
    assert composes["latents"] is None
    assert composes["usual"] == {"temperature": 1.0, "top_k": 0, "top_p": 0.99, "bars": 8}
    assert models.one(project, "event-transformer") == found
    assert models.find(project, "event-transformer") == music
    json.dumps(found, allow_nan=False)


def test_a_run_of_words(project, trained, tmp_path):
    shutil.copytree(trained["char-lstm"], tmp_path / "runs" / "words")
    (found,) = models.all_models(project)
    assert (found["kind"], found["state"]) == ("text", "ready")
    assert found["composes"]["usual"] == {"temperature": 0.5, "top_k": 0, "top_p": 1.0, "length": 20}
    assert not (found["composes"]["bars"] or found["composes"]["seconds"] or found["composes"]["original"])
    assert {one["kind"] for one in models.samples(project, "words")} == {"text"}


def test_evaluations_and_samples(project, music):
    with (music / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "valid_loss": NaN}\n{"step": 4, "batch_loss": 1.0}\n{"step": 5, "valid_lo')
    found = models.metrics(project, "event-transformer")
    assert found["lines"][-1] == {"step": 3, "valid_loss": None}
    assert all(line["step"] <= 3 for line in found["lines"])
    (music / "samples" / "step00000009.mid").write_bytes(b"")
    (music / "samples" / "notes.txt").write_text("x")
    listed = models.samples(project, "event-transformer")
    assert listed[-1] == {"name": "step00000009.mid", "step": 9, "kind": "music"}
    assert "notes.txt" not in [one["name"] for one in listed]
    assert models.sample(project, "event-transformer", listed[0]["name"]).is_file()


@pytest.mark.parametrize("name", ["../recipe.json", "notes.txt", "", "step00000001.mid/..", "/etc/passwd", "x" * 5000])
def test_no_name_of_a_sample_leads_elsewhere(project, music, name):
    with pytest.raises(NotThere):
        models.sample(project, "event-transformer", name)


@pytest.mark.parametrize(
    "id", ["..", "../runs", "/etc", "event-transformer/..", "", ".hidden", "Event", "x" * 300, "a\0"]
)
def test_no_id_leads_elsewhere(project, music, id):
    for ask in (models.one, models.find, models.metrics, models.samples):
        with pytest.raises(NotThere):
            ask(project, id)


@pytest.mark.parametrize(
    ("damage", "state", "said"),
    [
        (lambda run: (run / "recipe.json").write_text("{"), "damaged", "recipe.json"),
        (lambda run: (run / "recipe.json").write_text("[1]"), "damaged", "recipe.json"),
        (lambda run: (run / "representation.json").write_text("{}"), "damaged", "representation.json is damaged"),
        (lambda run: (run / "manifest.json").unlink(), "damaged", "manifest.json is damaged"),
        (lambda run: (run / "checksums.json").unlink(), "damaged", "checksums.json is missing"),
        (lambda run: (run / "checksums.json").write_text("oh"), "damaged", "checksums.json"),
        (lambda run: (run / "model.safetensors").write_bytes(b"oh"), "damaged", "model.safetensors is damaged"),
        (lambda run: cut(run / "model.safetensors"), "damaged", "model.safetensors is damaged"),
        (lambda run: (run / "model.safetensors").unlink(), "unfinished", "has not come to its first evaluation"),
        (lambda run: shutil.rmtree(run / "last"), "ready", "Its training was stopped at step 2"),
    ],
)
def test_what_is_wrong_with_a_run_is_said(project, music, damage, state, said):
    models.all_models(project)  # what was found before does not hide it
    damage(music)
    (found,) = models.all_models(project)
    assert found["state"] == state
    assert said in found["why"]
    assert models.metrics(project, found["id"])["lines"] is not None


def cut(path):
    os.truncate(path, path.stat().st_size - 4)


def test_strange_folders_are_passed_over_or_damaged_but_never_in_the_way(project, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir(exist_ok=True)
    (runs / "a file").write_text("x")
    (runs / "empty").mkdir()
    (runs / "odd").mkdir()
    (runs / "odd" / "recipe.json").write_text(
        json.dumps({"recipe": {"name": 3, "representation": {"type": "Nothing"}}})
    )
    (runs / "odd" / "checksums.json").write_text("{}\n")
    (runs / "deep").mkdir()
    (runs / "deep" / "recipe.json").write_text("[" * 100_000)
    assert {one["id"]: one["state"] for one in models.all_models(project)} == {"odd": "damaged", "deep": "damaged"}


def test_ids_are_made_of_names_that_are_none_and_of_names_that_come_twice(tmp_path, trained):
    for place in ("first/My Model", "second/same", "third/same"):
        shutil.copytree(trained["char-lstm"], tmp_path / place)
    project = Project(tmp_path / "project", [tmp_path / "first", tmp_path / "second", tmp_path / "third"])
    ids = {models.find(project, one["id"]).parent.name: one["id"] for one in models.all_models(project)}
    assert ids["second"] == "same"
    assert ids["third"].startswith("same-")
    assert ids["first"].startswith("my-model-")
    assert len(set(ids.values())) == 3
    assert all(models.ID.fullmatch(id) for id in ids.values())


def test_a_folder_that_is_a_run_itself(tmp_path, trained):
    shutil.copytree(trained["char-lstm"], tmp_path / "run")
    assert [one["id"] for one in models.all_models(Project(tmp_path / "project", [tmp_path / "run"]))] == ["run"]


def test_a_training_gives_its_run_a_name_and_a_state(tmp_path, trained):
    project = Project(tmp_path / "project")
    queue = Queue(project)
    corpus = folders.new(project, "My Études")
    job = queue.submit("train", {"corpus": corpus["id"], "recipe": "char-lstm", "name": "Chants d'été"})
    folder = project.runs / models.run_name(job)
    assert models.ID.fullmatch(folder.name)
    shutil.copytree(trained["char-lstm"], folder)
    (found,) = models.all_models(project)
    assert (found["name"], found["state"], found["job"]) == ("Chants d'été", "training", job.id)
    job = queue.claim("train")
    assert models.one(project, folder.name)["state"] == "training"
    with project.connect() as connection:
        queue.end(connection, job, "paused")
    assert models.one(project, folder.name)["state"] == "unfinished"
    queue.ask(job.id, "cancel")
    assert models.one(project, folder.name)["state"] == "ready"
    assert models.run_name(queue.get(job.id)) == folder.name  # after every change of the job


def test_the_corpus_is_called_as_people_call_it(tmp_path, trained):
    project = Project(tmp_path / "project")
    corpus = folders.new(project, "My Études")
    shutil.copytree(trained["char-lstm"], project.runs / "run")
    manifest = project.runs / "run" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"corpus": corpus["id"]}))
    assert models.one(project, "run")["corpus"] == "My Études"


def test_what_is_said_of_losses_is_what_the_objectives_say():
    assert set(run_facts.MEASURES) == {objective.__name__ for objective in OBJECTIVES.values()}
    for objective in OBJECTIVES.values():
        made = objective()
        assert run_facts.MEASURES[objective.__name__] == (made.measure, made.unit)


ASKED = {  # what a piece's length can be asked for in, and is usually
    "event-transformer": ("bars", 8), "musegan": ("bars", 10), "musegan-small": ("bars", 10),
    "musegan-conditional": ("bars", 10), "pianonet": ("seconds", 30), "note-lstm": ("seconds", 20),
    "performance-transformer": ("seconds", 20), "char-lstm": ("length", 400), "word-transformer": ("length", 100),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_can_be_asked_of_a_model(name, make_score):
    recipe = RECIPES[name]
    pieces = []
    for number in range(3):
        pieces.append(make_score(60 + number, seed=number))
        pieces[-1].tracks.extend(make_score(67 + number, seed=10 + number).tracks)
    words = name in ("char-lstm", "word-transformer")
    representation = recipe.representation.fit(["the sun and the moon\n" * 9] * 3 if words else pieces)
    found = run_facts.composes(json.loads(json.dumps(to_record(recipe))), representation)
    unit, usual = ASKED[name]
    assert found[unit] is True
    assert found["usual"][unit] == usual
    assert found["original"] == (not words)
    if name.startswith("musegan"):
        assert found["latents"]["parts"] == ["chords", "style", "melody", "groove"]
        assert len(found["latents"]["tracks"]) == 4
        assert (found["prompt"], found["sampler"]) == (False, [])
    else:
        assert found["prompt"]
        assert found["usual"]["temperature"] == recipe.sampler.temperature
    if unit != "bars":
        assert not found["bars"]


def test_models_are_described_without_torch(tmp_path, music, trained):
    code = (
        "import sys; from pathlib import Path\n"
        "from erato.studio import models; from erato.studio.project import Project\n"
        f"found = models.all_models(Project(Path({str(tmp_path / 'p')!r}), [Path({str(music.parent)!r})]))\n"
        "assert len(found) == 1 and found[0]['state'] == 'ready'\n"
        "assert 'torch' not in sys.modules and 'music21' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_slugs():
    assert models.slug("  Bach & Söhne, op. 3/../x ") == "bach-s-hne-op-3-x"
    assert models.slug("日本") == ""
    assert len(models.slug("x" * 500)) == 48


def test_a_name_of_nothing_still_names_a_folder(project):
    job = replace(Queue(project).submit("train", {"corpus": "x", "recipe": "char-lstm", "name": "日本"}))
    assert models.run_name(job) == f"model-{job.id[-8:]}"
