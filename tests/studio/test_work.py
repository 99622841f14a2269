"""What jobs do: checking, training over a stop, composing with and without a prompt, and what they refuse."""

import json
import os
import signal
import threading
import time
from itertools import pairwise

import pytest
from symusic import Note, Score, Track

from erato import recipes
from erato.errors import CorpusError, EratoError, RunError, UsageError
from erato.reading import read_bytes
from erato.score import bar_line, bars, has_pickup
from erato.studio import folders, models, run_facts, score_json, takes, work, work_compose
from erato.studio.errors import NotThere
from erato.studio.jobs import Job
from erato.studio.likeness import Likeness
from erato.studio.project import Project


class Told(list):
    """Progress as it was told."""

    def __call__(self, progress):
        json.dumps(progress, allow_nan=False)
        assert set(progress) >= {"share", "said", "notes"}
        assert progress["share"] is None or 0 <= progress["share"] <= 1
        self.append(dict(progress))


def job_of(kind, request, id="0123456789abcdef"):
    return Job(id, kind, work.LANES[kind], "running", None, request, {}, None, None, 1, 0.0, 0.0, None, 1)


def do(project, kind, request, id="0123456789abcdef", told=None):
    """A job done, its result as JSON can hold it, and its takes added."""
    finished = work.work(project, job_of(kind, request, id), told if told is not None else Told())
    json.dumps(finished.result, allow_nan=False)
    with project.connect() as connection:
        return finished.result, [takes.add(connection, **one, job=id) for one in finished.takes]


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recipes, "RECIPES", recipes.TINY)
        yield patched


def voices(number):
    """Eight bars in four voices, deterministic."""
    score = Score(480)
    for voice, lowest in enumerate((72, 67, 60, 48)):
        track = Track(("Soprano", "Alto", "Tenor", "Bass")[voice], 0, False)
        for beat in range(32):
            track.notes.append(Note(480 * beat, 480, lowest + (beat * beat * (number + 2) + voice) % 11, 80))
        score.tracks.append(track)
    return score


def words(number):
    return "\n".join(f"the river and the {('sun', 'moon')[line * number % 2]} will rise {line}" for line in range(12))


@pytest.fixture(scope="module")
def project(tmp_path_factory, patched):
    """A project with music, words, and a model of each."""
    top = tmp_path_factory.mktemp("work")
    (top / "songs").mkdir()
    for number in range(12):
        (top / "songs" / f"song{number}.txt").write_text(words(number) + f"\n{number}\n", "utf-8")
    project = Project(top / "project", folders=[top / "songs"])
    from erato.renderers.midi import midi_bytes

    music = folders.new(project, "My Music")["id"]
    for number in range(12):
        folders.keep_file(project, music, f"voices{number}.mid", midi_bytes(voices(number)))
    project.ids = {"music": music, "songs": folders.link(project, "songs")["id"]}
    for recipe, corpus in (("event-transformer", "music"), ("note-lstm", "music"), ("char-lstm", "songs")):
        result, _ = do(project, "train", {"corpus": project.ids[corpus], "recipe": recipe, "name": recipe}, recipe)
        project.ids[recipe] = result["model"]
    return project


@pytest.fixture
def tune(project):
    """A take of four bars, drawn off the beat, for two instruments."""
    score = Score(480)
    flute, kit = Track("Flute", 73, False), Track("Kit", 0, True)
    for beat in range(16):
        flute.notes.append(Note(480 * beat + beat % 3, 401, 71 + beat % 5, 60 + beat))
        kit.notes.append(Note(480 * beat + 7, 60, 38, 99))
    score.tracks.extend([flute, kit])
    return take_of(project, score)


def take_of(project, piece, title="My tune"):
    kind = "text" if isinstance(piece, str) else "music"
    digest = project.keep_piece(piece)
    with project.connect() as connection:
        return takes.add(connection, kind=kind, how="drawn", digest=digest, title=title)


def rows(score, until=None, since=0):
    """Name, onset, duration, pitch and velocity of the notes that begin between two ticks."""
    return sorted(
        (track.name, note.time, note.duration, note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
        if since <= note.time < (until or 2**31)
    )


# Checking


def test_checking_dropped_files(project):
    corpus = folders.new(project, "Some")["id"]
    score = voices(3)
    score.tracks[0].program = 73
    score.tracks[1].program = 73
    from erato.renderers.midi import midi_bytes

    folders.keep_file(project, corpus, "a.mid", midi_bytes(score))
    folders.keep_file(project, corpus, "deep/same.mid", midi_bytes(score))
    folders.keep_file(project, corpus, "b.mid", midi_bytes(voices(4)))
    folders.keep_file(project, corpus, "cover.jpg", b"JFIF")
    folders.keep_file(project, corpus, "broken.mid", b"MThd")
    folders.keep_file(project, corpus, "words.txt", b"la la")
    told = Told()
    found, made = do(project, "check", {"corpus": corpus}, told=told)
    assert made == []
    assert (found["files"], found["used"], found["pieces"], found["duplicates"]) == (6, 3, 3, 1)
    assert found["notes"] == 2 * 4 * 32
    assert {one["file"]: one["reason"] for one in found["skipped"]}["cover.jpg"] == "unsupported"
    assert {one["file"] for one in found["skipped"]} == {"cover.jpg", "broken.mid"}
    assert all(one["message"] for one in found["skipped"])
    assert found["seconds"] == 2 * 16.0
    assert found["characters"] == 5
    assert found["instruments"] == {"Acoustic Grand Piano": 2, "Flute": 1}
    assert told[-1]["share"] == 1


def test_checking_a_folder_without_music(project):
    corpus = folders.new(project, "Nothing")["id"]
    found, _ = do(project, "check", {"corpus": corpus})
    assert (found["files"], found["used"], found["seconds"], found["instruments"]) == (0, 0, 0, {})


def test_checking_a_corpus_that_came_with_erato(project, monkeypatch, tmp_path):
    from erato.corpora import CORPORA, Folder

    for number in range(4):
        voices(number).dump_midi(tmp_path / f"{number}.mid")
    voices(1).dump_midi(tmp_path / "again.mid")
    (tmp_path / "no.mid").write_bytes(b"")
    built_in = Folder(tmp_path)
    built_in.kind = "music"
    monkeypatch.setitem(CORPORA, "bach-chorales", built_in)
    found, _ = do(project, "check", {"corpus": "bach-chorales"})
    assert (found["files"], found["used"], found["pieces"], found["duplicates"]) == (6, 4, 4, 1)
    assert [one["reason"] for one in found["skipped"]] == ["empty"]
    assert found["seconds"] == 4 * 16.0
    assert found["instruments"] == {"Acoustic Grand Piano": 4}


@pytest.mark.parametrize("kind", ["check", "train"])
def test_a_corpus_that_is_not_there(project, kind):
    with pytest.raises(NotThere):
        do(project, kind, {"corpus": "../../etc", "recipe": "char-lstm"})


# Training


def test_training_leaves_a_model_and_tells_how_far_it_is(project):
    told = Told()
    request = {
        "corpus": project.ids["songs"], "recipe": "char-lstm", "name": "Lines", "seed": 3,
        "settings": ["model.embedding=4"],
    }  # fmt: skip
    result, _ = do(project, "train", request, "aaaaaaaa11111111", told)
    assert result["model"] == "lines-11111111"
    assert result["steps"] == 2
    assert result["best_loss"] > 0
    record = json.loads((project.runs / "lines-11111111" / "recipe.json").read_text())["recipe"]
    assert (record["seed"], record["model"]["embedding"]) == (3, 4)
    training = [one["training"] for one in told if "training" in one]
    assert training[-1]["step"] == 2
    assert training[-1]["share"] == 1
    assert training[-1]["seconds_left"] == 0
    assert all(one["model"] == "lines-11111111" for one in told)
    assert models.one(project, "lines-11111111")["state"] == "ready"
    again, _ = do(project, "train", request, "aaaaaaaa11111111")  # its end was lost: it is told again, nothing is made
    assert again == result


def test_a_minute_is_a_budget(project):
    request = {"corpus": project.ids["songs"], "recipe": "char-lstm", "minutes": 1 / 60}
    do(project, "train", request, "aaaaaaaa22222222")
    record = json.loads((project.runs / "char-lstm-22222222" / "recipe.json").read_text())["recipe"]["training"]
    assert (record["minutes"], record["steps"], record["epochs"]) == (1 / 60, None, None)


LONG = ["training.steps=100000", "training.every_epoch=false", "training.evaluations=50000", "training.save_every=10"]


def stop_after(told, steps):
    """Asks this process to stop, as a supervisor does, once it has learned for so many steps."""

    def wait():
        while not any(one.get("training", {}).get("step", 0) >= steps for one in told):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_training_that_is_stopped_goes_on_where_it_was_and_can_be_kept(project):
    request = {"corpus": project.ids["songs"], "recipe": "char-lstm", "name": "Stopped", "settings": LONG}
    folder, reached = project.runs / "stopped-33333333", []
    for _ in range(2):
        told = Told()
        thread = stop_after(told, (reached[-1] if reached else 0) + 5)
        with pytest.raises(KeyboardInterrupt):
            do(project, "train", request, "aaaaaaaa33333333", told)
        thread.join()
        steps = [one["training"]["step"] for one in told if "training" in one]
        assert not reached or steps[0] >= reached[-1]
        reached.append(steps[-1])
    assert [path.name for path in project.runs.glob("stopped*")] == [folder.name]
    kept = work.kept(project, job_of("train", request, "aaaaaaaa33333333"))
    assert kept.result["model"] == folder.name
    assert kept.takes == []
    found = models.one(project, folder.name)
    assert found["state"] == "ready"
    assert "was stopped at step" in found["why"]
    _, made = do(project, "compose", {"model": folder.name, "n": 1})
    assert made[0].kind == "text"


def test_keeping_what_there_is_nothing_of(project):
    with pytest.raises(RunError, match="before its first evaluation"):
        work.kept(project, job_of("train", {"corpus": "x", "recipe": "char-lstm"}, "ffffffffffffffff"))


def test_a_folder_that_was_left_before_it_was_a_run_is_made_again(project):
    folder = project.runs / "char-lstm-44444444"
    folder.mkdir()
    (folder / ".recipe.1-2.tmp.json").write_text("{")
    result, _ = do(project, "train", {"corpus": project.ids["songs"], "recipe": "char-lstm"}, "aaaaaaaa44444444")
    assert result["model"] == folder.name


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"recipe": "char-lstmm"}, UsageError, "did you mean char-lstm"),
        ({"recipe": "event-transformer"}, CorpusError, "There is no music to learn from in songs"),
        ({"settings": ["model.widht=3"]}, UsageError, "did you mean width"),
        ({"settings": ["oh"]}, UsageError, "must read field=value"),
        ({"minutes": -1}, UsageError, "must be above 0"),
        ({"seed": -1}, UsageError, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(project, change, error, said):
    with pytest.raises(error, match=said) as found:
        do(project, "train", {"corpus": project.ids["songs"], "recipe": "char-lstm"} | change, "aaaaaaaa55555555")
    assert "erato check" not in str(found.value)
    assert not (project.runs / "char-lstm-55555555").exists()


# Composing


def test_four_variants_each_with_what_gives_it_again(project):
    told = Told()
    _, made = do(project, "compose", {"model": project.ids["event-transformer"], "seed": 5, "bars": 4}, told=told)
    assert [take.facts["seed"] for take in made] == [5, 6, 7, 8]
    assert {(take.status, take.how, take.kind, take.parent) for take in made} == {
        ("offered", "composed", "music", None)
    }
    name = models.one(project, project.ids["event-transformer"])["name"]
    assert [take.title for take in made] == [f"{name}, seed {seed}" for seed in (5, 6, 7, 8)]
    assert len({take.digest for take in made}) == 4
    third = made[2]
    score = project.piece(third.digest, "music")
    assert len(bars(score)) - has_pickup(score) == third.facts["bars"] == 4
    assert third.facts["log_prob"] < 0
    assert third.facts["nats_per_note"] == pytest.approx(
        -third.facts["log_prob"] / sum(len(track.notes) for track in score.tracks)
    )
    assert third.facts["recipe"] == "event-transformer"
    assert third.facts["origin"]["licence"]
    assert third.settings == {"model": project.ids["event-transformer"], "seed": 7, "n": 1, "bars": 4}
    _, (again,) = do(project, "compose", third.settings)
    assert again.digest == third.digest
    assert told[-1]["share"] is not None


def test_the_longest_passage_is_looked_up(project):
    run = work_compose.loaded(models.find(project, project.ids["event-transformer"]), work_compose.Telling(Told())).run
    pieces = run.own_pieces()
    learned = pieces[pieces.split("train")[0]]
    name = pieces.entries[pieces.split("train")[0]].name
    found = Likeness(run).of(learned)
    assert found["longest"] == 128  # all notes of the piece
    assert found["source"] == name
    assert found["bars"] == [1, 8]
    assert found["percentile"] > 95
    assert "may be a copy" in found["said"]
    own = Score(480)
    track = Track("a", 0, False)
    track.notes.extend([Note(480 * n * n, 60, 20 + 30 * (n % 3) + n, 80) for n in range(12)])
    own.tracks.append(track)
    assert Likeness(run).of(own)["longest"] < 4
    empty = Likeness(run).of(Score(480))
    assert empty["longest"] is None
    assert "no two notes" in empty["why"]


def test_words_are_looked_up_too(project):
    run = work_compose.loaded(models.find(project, project.ids["char-lstm"]), work_compose.Telling(Told())).run
    pieces = run.own_pieces()
    learned = pieces[pieces.split("train")[0]]
    found = Likeness(run).of(learned)
    assert found["longest"] == len(learned.split())
    assert found["unit"] == "words"
    assert Likeness(run).of("xyzzy plugh")["longest"] == 0
    assert Likeness(run).of("")["longest"] is None


def test_without_the_pieces_that_it_learned_from(project, tmp_path, patched):
    import shutil

    folder = project.runs / "moved"
    shutil.copytree(models.find(project, project.ids["event-transformer"]), folder)
    record = json.loads((folder / "recipe.json").read_text())
    record["source"]["name"] = str(tmp_path / "gone")
    from erato.checksums import seal
    from erato.files import write_json
    from erato.run_folder import WRITTEN_ONCE

    write_json(folder / "recipe.json", record)
    seal(folder, WRITTEN_ONCE)
    _, (take,) = do(project, "compose", {"model": "moved", "n": 1, "bars": 4})
    assert take.facts["originality"]["longest"] is None
    assert "is not there" in take.facts["originality"]["why"] and "--" not in take.facts["originality"]["said"]
    shutil.rmtree(folder)


def test_going_on_from_a_bar_keeps_what_lies_before_it_note_for_note(project, tune):
    request = {"model": project.ids["event-transformer"], "n": 2, "bars": 3, "prompt": {"take": tune.id, "to_bar": 2}}
    _, made = do(project, "compose", request)
    prompt = project.piece(tune.digest, "music")
    for take in made:
        score = project.piece(take.digest, "music")
        line = bar_line(prompt, 2)
        assert rows(score, until=line) == rows(prompt, until=line)
        assert take.facts["new_from"] >= line
        assert len(bars(score)) == 2 + 3
        assert take.parent == tune.id
        assert take.title == "After My tune, from bar 3"
        assert take.facts["prompt_version"] == 1
        assert take.settings["prompt"] == {"take": tune.id, "to_bar": 2}
    fresh = rows(project.piece(made[0].digest, "music"), since=made[0].facts["new_from"])
    assert fresh != rows(project.piece(made[1].digest, "music"), since=made[1].facts["new_from"])


def test_an_edit_of_the_prompt_is_in_what_goes_on_from_it_and_in_its_midi_file(project, tune):
    stored = project.piece(tune.digest, "music")
    asked = score_json.to_json(stored)
    asked["tracks"][0]["notes"][1] = [490, 333, 95, 17]
    digest = project.keep_piece(score_json.merged(stored, asked))
    with project.connect() as connection:
        edited = takes.add(connection, kind="music", how="edited", digest=digest, parent=tune.id)
    for model in ("event-transformer", "note-lstm"):
        length = {"bars": 2} if model == "event-transformer" else {"length": 6}
        request = {"model": project.ids[model], "n": 1, "prompt": {"take": edited.id, "to_bar": 4}, **length}
        _, (take,) = do(project, "compose", request)
        saved = read_bytes(project.piece_path(take.digest, "music").read_bytes(), "x.mid").pieces[0].piece
        assert ("Flute", 490, 333, 95, 17) in rows(saved)
        assert rows(saved, until=4 * 1920) == rows(project.piece(digest, "music"))
        assert len(rows(saved)) > len(rows(saved, until=4 * 1920))


def test_going_on_from_a_second_and_from_the_whole(project, tune):
    request = {"model": project.ids["note-lstm"], "n": 1, "length": 5}
    _, (take,) = do(project, "compose", request | {"prompt": {"take": tune.id, "to_second": 1.0}})
    score = project.piece(take.digest, "music")
    assert len(rows(score, until=960)) == 4  # two beats of two tracks
    assert take.title == "After My tune, from 1 s"
    _, (take,) = do(project, "compose", request | {"prompt": {"take": tune.id}})
    assert len(rows(project.piece(take.digest, "music"))) == 32 + 5
    assert take.title == "After My tune"


def test_composing_again_from_the_first_bar_is_a_piece_without_a_prompt(project, tune):
    request = {"model": project.ids["event-transformer"], "n": 1, "bars": 4, "parent": tune.id}
    _, (take,) = do(project, "compose", request | {"prompt": {"take": tune.id, "to_bar": 0}})
    assert take.parent == tune.id
    assert take.facts["new_from"] is None


def test_words_go_on_and_stream(project):
    told = Told()
    request = {"model": project.ids["char-lstm"], "n": 1, "length": 15, "prompt": {"text": "The River\r\nand"}}
    _, (take,) = do(project, "compose", request, told=told)
    text = project.piece(take.digest, "text")
    assert text.startswith(("The River\r\nand", "The River\nand"))  # as it was typed, not as it is held
    new = text[take.facts["new_from"] :]
    streamed = [one["text"] for one in told if "text" in one]
    assert len(streamed) > 5
    assert all(later.startswith(former) for former, later in pairwise(streamed))
    assert streamed[-1] == new
    assert take.facts["nats_per_char"] > 0
    first = take_of(project, "the moon", "Moon")
    _, (take,) = do(
        project, "compose", {"model": project.ids["char-lstm"], "n": 1, "length": 9, "prompt": {"take": first.id}}
    )
    assert project.piece(take.digest, "text").startswith("the moon")
    assert (take.parent, take.title) == (first.id, "After Moon")


@pytest.mark.parametrize("kind", ["char-lstm", "event-transformer"])
def test_no_words_of_a_prompt_are_taken_for_a_path(project, tmp_path, kind):
    secret = tmp_path / "secret.txt"
    request = {"model": project.ids[kind], "n": 1, "prompt": {"text": str(secret)}}
    if kind == "event-transformer":
        with pytest.raises(UsageError, match="writes music, and what is to be continued is words"):
            do(project, "compose", request)
        return
    _, (before,) = do(project, "compose", request)
    assert project.piece(before.digest, "text").startswith(str(secret))
    secret.write_text("the moon the moon the moon")
    _, (after,) = do(project, "compose", request)  # whether there is such a file makes no difference
    assert (after.digest, after.facts["log_prob"]) == (before.digest, before.facts["log_prob"])


@pytest.mark.parametrize(
    ("model", "change", "said"),
    [
        ("event-transformer", {"n": 0}, "n must be from 1 to 16"),
        ("event-transformer", {"n": 17}, "n must be from 1 to 16"),
        ("event-transformer", {"temperature": 0}, "temperature must be above 0"),
        ("event-transformer", {"top_p": 1.5}, "top_p must be in"),
        ("event-transformer", {"bars": 1, "seconds": 1}, "one of bars, seconds and length"),
        ("event-transformer", {"bars": 0}, "bars must be above 0"),
        ("event-transformer", {"seed": 2**63}, "seed must be a whole number"),
        ("event-transformer", {"chords": 3, "melody": [1, 2]}, "chords, melody: only models of whole phrases"),
        ("note-lstm", {"bars": 4}, "bar"),
        ("char-lstm", {"bars": 4}, "bar"),
        ("char-lstm", {"original": 8}, "original is for music"),
    ],
)
def test_what_a_model_cannot_do_is_a_sentence(project, model, change, said):
    with pytest.raises(EratoError, match=said) as found:
        do(project, "compose", {"model": project.ids[model]} | change)
    assert "Traceback" not in str(found.value) and "--" not in str(found.value)


def test_prompts_that_cannot_be(project, tune):
    text = take_of(project, "the moon")
    empty = take_of(
        project,
        score_json.from_json({"ticks_per_quarter": 480, "tracks": [{"drums": True, "notes": [[0, 9, 38, 99]]}]}),
    )
    for model, prompt, said in (
        ("event-transformer", {"take": text.id}, "writes music, and what is to be continued is words"),
        ("char-lstm", {"take": tune.id}, "writes words, and what is to be continued is music"),
        ("event-transformer", {"take": tune.id, "to_bar": 5}, "has 4 bars"),
        ("event-transformer", {"take": tune.id, "to_second": 99}, r"lasts 8\.0 s|lasts 7\.\d s"),
        ("event-transformer", {"take": tune.id, "to_bar": 1, "to_second": 1}, "not both"),
        ("char-lstm", {"take": text.id, "to_bar": 1}, "a text has no bars"),
        ("note-lstm", {"take": empty.id}, "nothing of the prompt can be held"),
        ("event-transformer", {"take": "nowhere"}, "there is no take"),
    ):
        with pytest.raises(EratoError, match=said):
            do(project, "compose", {"model": project.ids[model], "n": 1, "prompt": prompt})
    with pytest.raises(NotThere):
        do(project, "compose", {"model": project.ids["event-transformer"], "parent": "nowhere"})


def test_a_model_that_is_not_there_or_damaged(project):
    import shutil

    with pytest.raises(NotThere):
        do(project, "compose", {"model": "../../etc"})
    folder = project.runs / "broken"
    shutil.copytree(models.find(project, project.ids["char-lstm"]), folder)
    (folder / "model.safetensors").write_bytes(b"oh")
    shutil.rmtree(folder / "previous", ignore_errors=True)
    with pytest.raises(RunError, match=r"model\.safetensors"):
        do(project, "compose", {"model": "broken"})
    shutil.rmtree(folder)


def test_what_is_loaded_is_kept_until_its_weights_change(project, monkeypatch):
    folder = models.find(project, project.ids["char-lstm"])
    telling = work_compose.Telling(Told())
    first = work_compose.loaded(folder, telling)
    assert work_compose.loaded(folder, telling) is first
    os.utime(folder / run_facts.WEIGHTS)
    assert work_compose.loaded(folder, telling) is not first
    for name in ("event-transformer", "note-lstm", "char-lstm"):
        work_compose.loaded(models.find(project, project.ids[name]), telling)
    assert len(work_compose._loaded) <= 3


def test_whole_phrases_with_their_dials(project):
    result, _ = do(project, "train", {"corpus": project.ids["music"], "recipe": "musegan-small"}, "aaaaaaaa66666666")
    model = result["model"]
    assert models.one(project, model)["composes"]["latents"]["tracks"] == ["Soprano", "Alto", "Tenor", "Bass"]
    _, made = do(
        project, "compose", {"model": model, "n": 2, "bars": 2, "seed": 3, "chords": 5, "melody": [1, None, 2, 3]}
    )
    assert [take.settings["chords"] for take in made] == [5, 5]
    assert made[0].facts["log_prob"] is None
    assert "nats_per_note" not in made[0].facts
    assert made[0].facts["made"]["chords"] == "seed 5"
    _, (again,) = do(project, "compose", made[1].settings)
    assert again.digest == made[1].digest
    take = take_of(project, voices(1))
    for change, said in (
        ({"prompt": {"take": take.id}}, "writes whole phrases and continues nothing"),
        ({"temperature": 0.5}, "draws no notes: leave out temperature"),
    ):
        with pytest.raises(UsageError, match=said):
            do(project, "compose", {"model": model} | change)


def test_a_model_that_composes_silence_says_so(project, monkeypatch):
    from dataclasses import replace

    run = work_compose.loaded(models.find(project, project.ids["note-lstm"]), work_compose.Telling(Told())).run
    real = type(run).sample
    silent = {4}

    def sample(self, *arguments, **settings):
        made = real(self, *arguments, **settings)
        return [replace(one, piece=Score(480)) if one.seed in silent else one for one in made]

    monkeypatch.setattr(type(run), "sample", sample)
    told, request = Told(), {"model": project.ids["note-lstm"], "n": 2, "seed": 3, "length": 4}
    _, made = do(project, "compose", request, told=told)
    assert [take.facts["seed"] for take in made] == [3]
    assert "1 of 2 pieces were nothing but silence" in told[-1]["notes"][-1]
    silent.add(3)
    with pytest.raises(EratoError, match="nothing but silence: try another seed"):
        do(project, "compose", request)


def test_few_notes_are_no_copy_however_much_they_share(project):
    run = work_compose.loaded(models.find(project, project.ids["event-transformer"]), work_compose.Telling(Told())).run
    pieces = run.own_pieces()
    learned = pieces[pieces.split("train")[0]]
    short = Score(480)
    track = Track("a", 0, False)
    track.notes.extend(list(learned.tracks[0].notes)[:5])
    short.tracks.append(track)
    found = Likeness(run).of(short)
    assert found["longest"] == 5
    assert "copy" not in found["said"]
