"""Recurrent music from the command line: how likely a run finds pieces, how it begins and is written, and bad input."""

import json
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from symusic import Note, Score, Track

from erato import pipeline, recipes
from erato.recipes import TINY

KEYS = {  # of design
    "split", "pieces", "nats_per_frame", "nats_per_note", "nats_per_token", "nats_per_second", "nats_per_char",
    "perplexity", "protocol", "features", "originality",
}  # fmt: skip
NAMES = {
    "roll": "pianoroll-lstm",
    "notes": "note-lstm",
    "remi": "event-transformer",
    "played": "performance-transformer",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A tiny run of each recipe on thirty pieces of a folder, which is `music`."""
    from tests.conftest import write_scales  # type: ignore[import-not-found]

    folder = tmp_path_factory.mktemp("runs")
    write_scales(folder / "music", 30)
    for short, name in NAMES.items():
        pipeline.train(TINY[name], folder / "music", folder / short)
    high = Score(480)
    high.tracks.append(Track())
    high.tracks[0].notes.append(Note(0, 480, 120, 80))
    high.dump_midi(folder / "high.mid")
    return {"music": folder / "music", "high": folder / "high.mid", **{short: folder / short for short in NAMES}}


def notes(path):
    """[(onset, duration, pitch)] in seconds."""
    found = [note for track in Score(path).to("second").tracks for note in track.notes]
    return sorted((round(note.time, 4), round(note.duration, 4), note.pitch) for note in found)


@pytest.fixture
def composed(erato, runs):
    def call(run, *options):
        code, out, err = erato("compose", runs[run], "--out", "pieces", "--formats", "mid", "--json", *options)
        assert code == 0, err
        return json.loads(out)["pieces"][0]["path"]

    return call


# --- evaluate


def test_evaluate_has_help_with_an_example(erato):
    code, out, _ = erato("evaluate", "--help")
    assert code == 0 and "Example: erato evaluate" in out


@pytest.mark.parametrize("run", NAMES)
def test_evaluate_prints_one_json_document_with_all_keys(erato, runs, run):
    code, out, _ = erato("evaluate", runs[run], "--json", "--n", 0, "--out", "found")
    found = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert code == 0 and found.keys() >= KEYS and found["composed"] is None and found["run"] == run
    assert found["split"] == "test" and found["pieces"] > 0
    assert found["nats_per_char"] is found["features"] is found["originality"] is None
    assert (found["nats_per_frame"] is not None) == (run == "roll")
    assert (found["nats_per_token"] is not None) == (found["perplexity"] is not None) == (run in ("remi", "played"))
    assert found["nats_per_note"] > 0
    if run == "roll":  # 53 frames of 0.3 s a piece
        total = found["nats_per_frame"] * 53 * found["pieces"]
        assert found["nats_per_second"] == pytest.approx(total / (53 * 0.3 * found["pieces"]), rel=1e-6)
    assert ("pitch" if run == "notes" else "nats_per_note") in found["baseline"]
    assert len(found["protocol"]) > 100


@pytest.mark.parametrize("run", NAMES)
def test_evaluate_prints_a_tidy_table_and_the_protocol(erato, runs, monkeypatch, run):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = erato("evaluate", runs[run], "--split", "valid", "--n", 0, "--out", "found")
    first, *lines = out.splitlines()
    table = [line for line in lines if line.startswith("  ")]
    assert code == 0 and lines[: len(table)] == table
    assert re.fullmatch(r"1 piece of the valid part, [\d,]+ symbols:", first)
    assert len(table) >= 3
    for line in table:
        assert re.fullmatch(r"  [a-z ]{28} +\d+\.\d+%?(  \(trigram \d+\.\d{4}\))?", line), line
    assert len({len(line.split("  (")[0]) for line in table}) == 1  # numbers stand below one another
    assert any("(trigram" in line for line in table)
    *protocol, saved = lines[len(table) :]
    assert protocol[0].startswith("Exact negative log-likelihood") and len(" ".join(protocol)) > 250
    assert max(map(len, protocol)) <= 100
    assert saved == f"All of it is in {Path('found') / '001-valid.json'} and {Path('found') / '001-valid.html'}."


def test_evaluate_is_the_same_from_another_folder_and_by_the_corpus_named(erato, runs):
    def found(*options):
        code, out, err = erato("evaluate", runs["roll"], "--json", "--out", "found", *options)
        assert code == 0, err
        said = json.loads(out)
        for composed in filter(None, [said["composed"]]):
            assert composed.pop("seconds") > 0 and min(composed.pop("speed").values()) > 0
        return said

    first = found("--n", 2)
    assert found("--n", 2, "--corpus", runs["music"]) == first
    assert found("--split", "train", "--n", 0)["pieces"] > 15


MISTAKES = [
    ("evaluate nowhere", "no run folder"),
    ("evaluate {roll} --split tset", "split must be one of train, valid, test, got 'tset'"),
    ("evaluate {roll} --corpus nowhere", "unknown corpus"),
    ("evaluate {roll} --checkpoint 7", "keeps no checkpoint"),
    ("evaluate {roll} --n 2000", "n must be from 0 to 1,000 pieces to compose, got 2000"),
    ("evaluate {roll} --n -1", "must not be negative, got -1"),
    ("evaluate {roll} --seed 9223372036854775808", "seed must be a whole number from 0 to 2^63 - 24"),
    ("evaluate {roll} --out {high}", "is a file: give a folder with --out"),
    ("evaluate {roll} --out {high}/sub", "nothing can be written into"),
    ("evaluate {roll} --piece {high} --n 3", "--piece composes and saves nothing"),
    ("evaluate {roll} --splits test", "did you mean --split"),
    ("compose {remi} --step 0.2", "only a piano roll has steps"),
    ("compose {roll} --step 0", "write_step_s must be from"),
    ("compose {roll} --step nan", "write_step_s must be from"),
    ("compose {roll} --step fast", "must be a number"),
    ("compose {roll} --begin H4", "a pitch must be a name as in C4, F#3 or Bb2, or a number from 0 to 127, got 'H4'"),
    ("compose {roll} --begin cacophony", "begin must be nothing, window, silence or a pitch"),
    ("compose {roll} --begin C²", "a pitch"),
    ("compose {roll} --begin 200", "from 0 to 127, got '200'"),
    ("compose {roll} --begin 3", "pitches 21 to 108, got 3"),
    ("compose {roll} --begin C4 --prompt {music}/piece00.mid", "leave out begin"),
    ("compose {roll} --prompt {high}", "nothing of the prompt can be held by this run"),
    ("compose {roll} --program vioiln", "did you mean Violin"),
    ("compose {roll} --program 200", "unknown General MIDI program"),
    ("compose {roll} --program ²", "unknown General MIDI program"),
    ("compose {roll} --temperature 1,0.8", "temperatures must be at most 1"),
    ("compose {notes} --temperature 1,1,1,1,1", "temperatures must be at most 4"),
    ("compose {notes} --temperature 1,,1", "must be a number"),
    ("compose {notes} --temperature 1,0", "temperature must be above 0"),
    ("compose {notes} --strategy greedy --temperature 1,0.5", "greedy"),
    ("compose {roll} --bars 2", "no bars to count"),
]


@pytest.mark.parametrize(("line", "said"), MISTAKES)
def test_a_mistake_is_one_sentence(erato, runs, line, said):
    places = {name: shlex.quote(str(path)) for name, path in runs.items()}
    code, out, err = erato(*shlex.split(line.format(**places)))
    assert (code, out) == (1, "")
    assert said in err and "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("erato: ")]) == 1


# --- compose


def test_a_step_makes_the_same_notes_as_much_shorter(composed):
    read, written = (notes(composed("roll", "--seed", 4, *step)) for step in ((), ("--step", "0.2")))
    assert len(read) > 10
    assert [pitch for _, _, pitch in read] == [pitch for _, _, pitch in written]
    for one, other in zip(read, written, strict=True):
        assert other[:2] == pytest.approx((one[0] * 2 / 3, one[1] * 2 / 3), abs=2e-3)


def test_seconds_are_counted_at_the_step_that_is_written(erato, runs):
    code, out, _ = erato("compose", runs["roll"], "--step", "0.2", "--seconds", "6", "--json", "--formats", "mid")
    (piece,) = json.loads(out)["pieces"]
    assert code == 0 and piece["symbols"] == 30
    assert piece["seconds"] == pytest.approx(6, abs=1e-3)


def test_a_piece_begins_with_the_note_that_is_named(composed):
    paths = [composed("roll", "--begin", begin, "--length", "30") for begin in ("C4", "60", "c4")]
    assert len({Path(path).read_bytes() for path in paths}) == 1
    first = [note for note in notes(paths[0]) if note[0] == 0]
    assert [pitch for _, _, pitch in first] == [60]
    high = notes(composed("roll", "--begin", "Bb5", "--length", "30"))
    assert [pitch for onset, _, pitch in high if onset == 0] == [82]


def test_a_piece_begins_with_silence(composed):
    silent = notes(composed("roll", "--begin", "silence", "--length", "30"))
    assert silent and min(onset for onset, _, _ in silent) >= 0.3 - 1e-3
    begun = [notes(composed("roll", "--begin", "nothing", "--seed", seed)) for seed in (1, 2, 3)]
    assert min(min(found)[0] for found in begun) == 0


@pytest.mark.parametrize("run", ["notes", "played", "remi"])
def test_every_kind_of_music_begins_with_a_note(composed, run):
    found = notes(composed(run, "--begin", "A4", "--length", "30"))
    assert 69 in [pitch for onset, _, pitch in found if onset == 0]
    other = notes(composed(run, "--begin", "F2", "--length", "30"))
    assert 41 in [pitch for onset, _, pitch in other if onset == 0]


@pytest.mark.parametrize(("said", "program"), [("violin", 40), ("40", 40), (" Violin ", 40), ("0", 0), ("127", 127)])
def test_a_program_is_a_number_or_a_name(composed, said, program):
    path = composed("roll", "--program", said, "--length", "12")
    assert [track.program for track in Score(path).tracks] == [program]


def test_each_feature_of_a_note_has_its_temperature(erato, runs):
    """First notes of many seeds: what is drawn at almost no temperature is the same in all of them."""
    found = {}
    for heat in ("0.001,5,5,5", "0.001,0.001,0.001,5", "5,0.001,0.001,0.001"):
        code, out, err = erato(
            *("compose", runs["notes"], "--length", 1, "--begin", "nothing", "--n", 12, "--temperature", heat),
            *("--formats", "mid", "--out", heat, "--json"),
        )
        assert code == 0, err
        scores = [Score(piece["path"]).to("second") for piece in json.loads(out)["pieces"]]
        firsts = [score.tracks[0].notes[0] for score in scores]
        found[heat] = [[getattr(note, name) for note in firsts] for name in ("pitch", "duration", "velocity")]
    pitch, duration, velocity = found["0.001,5,5,5"]
    assert len(set(pitch)) == 1 and max(duration) > 2 * min(duration) and len(set(velocity)) > 3
    pitch, duration, velocity = found["0.001,0.001,0.001,5"]
    assert len(set(pitch)) == 1 and max(duration) < 1.1 * min(duration) + 0.02 and len(set(velocity)) > 3
    assert len(set(found["5,0.001,0.001,0.001"][0])) > 3


def test_one_temperature_is_for_all_features(composed):
    one = composed("notes", "--length", "20", "--temperature", "0.5")
    each = composed("notes", "--length", "20", "--temperature", "0.5,0.5,0.5,0.5")
    assert Path(one).read_bytes() == Path(each).read_bytes() != Path(composed("notes", "--length", "20")).read_bytes()


def test_one_temperature_replaces_those_of_the_recipe(runs):
    run = pipeline.load(runs["notes"])
    plain = run.sample(length=20, temperature=0.5)[0]
    run.recipe = replace(run.recipe, sampler=replace(run.recipe.sampler, temperatures=(3.0, 3.0, 3.0, 3.0)))
    assert run.sample(length=20)[0].piece != plain.piece
    assert run.sample(length=20, temperature=0.5)[0].piece == plain.piece
    assert run.sample(length=20, temperatures=(0.5,) * 4, temperature=3.0)[0].piece == plain.piece


# --- bad input


def midi(path, *rows):
    score, track = Score(480), Track("", 0, False)
    for row in rows:
        track.notes.append(Note(*row, 80))
    score.tracks.append(track)
    score.dump_midi(path)


def cells(*matrices):
    array = np.empty((1, len(matrices)), object)
    array[0, :] = list(matrices)
    return array


@pytest.fixture
def messy(music_folder):
    """Twelve good pieces, and one file of everything that can be wrong with the notes of a file."""
    hour = 3600 * 960  # ticks, at 120 quarters a minute
    midi(music_folder / "long.mid", *((number * hour, 480, 60 + number) for number in range(21)))
    midi(music_folder / "zero.mid", *((480 * number, 480 * (number % 2), 60 + number) for number in range(8)))
    midi(music_folder / "outside.mid", *((480 * n, 480, pitch) for n, pitch in enumerate([10, 60, 120, 62, 20, 109])))
    midi(music_folder / "overlap.mid", *((240 * number, 960, 60) for number in range(9)))
    midi(music_folder / "short.mid", (0, 480, 61))
    good = (np.random.default_rng(0).random((30, 88)) < 0.05).astype(float)
    bad = good.copy()
    bad[3, 4] = np.nan
    frames = {"traindata": cells(good, bad), "validdata": cells(good), "testdata": cells(good)}
    savemat(music_folder / "nan.mat", frames)
    voices = np.array([[67.0, 62, 59, 43], [67, np.nan, 59, 43], [np.nan] * 4, [66, 62, 57, 43]] * 5)
    np.savez(music_folder / "rests.npz", train=voices[None], valid=voices[None] + 1, test=voices[None] + 2)
    voices[2, 1] = np.inf
    np.savez(music_folder / "infinite.npz", train=voices[None], valid=voices[None], test=voices[None])
    return music_folder


LOST = {
    "pianoroll-lstm": {"notes outside the keys": 4, "overlapping notes": 7, "short notes": 1},
    "note-lstm": {"overlapping notes": 8},
    "performance-transformer": {"overlapping notes": 8},
}


@pytest.mark.parametrize("name", LOST)
def test_what_is_wrong_with_a_folder_is_said_and_the_rest_is_learned_from(erato, messy, monkeypatch, name):
    monkeypatch.setitem(recipes.RECIPES, name, TINY[name])
    code, out, err = erato("train", name, "--corpus", messy, "--out", "run", "--steps", 3, "--json")
    assert code == 0, err
    assert math.isfinite(json.loads(out)["best_loss"])
    assert "Files that are not used: 2 damaged, 1 too-long; run/manifest.json says why." in err.splitlines()
    for line in Path("run/metrics.jsonl").read_text().splitlines():
        values = [value for value in json.loads(line).values() if isinstance(value, float)]
        assert values and all(map(math.isfinite, values))
    manifest = json.loads(Path("run/manifest.json").read_text())
    files = {file["name"]: file for file in manifest["files"]}
    skipped = {name: (file["reason"], file["message"]) for name, file in files.items() if file["verdict"] == "skipped"}
    assert skipped.keys() == {"long.mid", "nan.mat", "infinite.npz"}
    assert skipped["long.mid"] == ("too-long", "long.mid lasts 20.0 hours; at most 6.0 are read.")
    assert skipped["nan.mat"] == ("damaged", "nan.mat has frames under traindata that are no numbers.")
    assert skipped["infinite.npz"][0] == "damaged"
    assert files["zero.mid"]["lost"] == {"notes without length, now of one tick": 4}
    assert {piece["split"] for piece in files["rests.npz"]["pieces"]} == {"train", "valid", "test"}
    held = manifest["not held by the representation"]
    for reason, least in LOST[name].items():
        assert held[reason] >= least
        assert re.search(rf"^Not held by the representation: .*\b{held[reason]:,} {reason}\b", err, re.MULTILINE)
    code, out, err = erato("compose", "run", "--length", 12, "--formats", "mid", "--json")
    assert code == 0, err
    code, out, err = erato("evaluate", "run", "--json", "--n", 0)
    assert code == 0, err
    assert all(math.isfinite(value) for value in json.loads(out).values() if isinstance(value, float))


@pytest.mark.parametrize("name", LOST)
def test_a_folder_of_nothing_but_bad_files_is_a_sentence(erato, messy, monkeypatch, name):
    monkeypatch.setitem(recipes.RECIPES, name, TINY[name])
    for path in messy.iterdir():
        if path.name not in ("long.mid", "nan.mat", "infinite.npz"):
            path.unlink()
    code, _, err = erato("train", name, "--corpus", messy, "--steps", 3)
    assert code == 1 and "Traceback" not in err
    assert "no music to learn from" in err


def test_pieces_without_a_note_on_the_keys_are_a_sentence(erato, tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "pianoroll-lstm", TINY["pianoroll-lstm"])
    (tmp_path / "low").mkdir()
    for number in range(6):
        midi(tmp_path / "low" / f"{number}.mid", *((480 * n, 480, 5 + (n + number) % 7) for n in range(9)))
    code, _, err = erato("train", "pianoroll-lstm", "--corpus", "low", "--steps", 2)
    assert code == 1 and "no note of the pitches 21 to 108" in err


def test_pieces_of_frames_are_shown_as_a_matrix_too(erato, runs, tmp_path):
    for short, wanted in (("roll", [".mid", ".png", ".matrix.png"]), ("notes", [".mid", ".png"])):
        code, out, _ = erato("compose", runs[short], "--length", 12, "--out", tmp_path / short, "--json")
        assert code == 0
        files = [Path(file).name[len("001-seed0") :] for file in json.loads(out)["pieces"][0]["files"]]
        assert files == [*wanted, ".html", ".json"]
