"""From names to files: parts of pieces with what is said of them, and the surprise of a run."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from symusic import Note, Score, TimeSignature, Track

from erato import pipeline, rendering
from erato.errors import UsageError
from erato.recipes import TINY
from erato.renderers import About
from erato.renderers.records import svg_record


@pytest.fixture
def run(music_folder, tmp_path):
    """An untrained run of four-voice events."""
    recipe = replace(TINY["event-transformer"], training=replace(TINY["event-transformer"].training, steps=1))
    return pipeline.train(recipe, music_folder, tmp_path / "run")


def labelled(score):
    """Nats by which each note can be told: its onset and its pitch as one number."""
    return [np.array([note.time * 128.0 + note.pitch for note in track.notes]) for track in score.tracks]


def test_what_is_said_of_notes_goes_with_them_into_a_part():
    rng = np.random.default_rng(3)
    score = Score(480)
    score.time_signatures.extend([TimeSignature(0, 1, 4), TimeSignature(480, 4, 4)])  # a pickup
    for number in range(3):
        track = Track(f"voice {number}", 0, number == 2)
        for time, pitch in rng.integers(0, (480 * 17, 128), (60 * (number != 1), 2)):  # in no order, one track empty
            track.notes.append(Note(int(time), 900, int(pitch), 64))
        score.tracks.append(track)
    part, about = rendering.excerpt_with(score, About("x", surprise=labelled(score)), 2, 3)
    start = 480 + 4 * 480
    moved = [[nats - start * 128 for nats in track] for track in about.surprise]
    assert moved == [track.tolist() for track in labelled(part)]
    assert [len(track) for track in moved] != [60, 0, 60] and len(moved[0]) > 10 and not len(moved[1])
    assert about.title == "x" and part == rendering.excerpt(score, 2, 3)
    assert rendering.excerpt_with(score, about, None, None) == (score, about)


@pytest.mark.parametrize(
    ("new_from", "then"), [(None, None), (0, None), (1920, None), (1921, 1), (4000, 2080), (5760, 3840), (9000, 3840)]
)
def test_a_part_knows_from_where_it_is_new(make_score, new_from, then):
    piece = make_score(bars=6)  # of 4/4: bars 2 and 3 are the ticks 1920 to 5760
    assert rendering.excerpt_with(piece, About(new_from=new_from), 2, 3)[1].new_from == then


def test_the_surprise_of_a_run_colours_the_roll_and_the_part_that_is_shown(erato, run, music_folder):
    piece = music_folder / "piece00.mid"
    code, out, err = erato("render", piece, "x.png", "x.roll.svg", "x.mid", "--surprise", run.folder)
    assert (code, out.split()) == (0, ["x.png", "x.roll.svg", "x.mid"]), err
    svg = Path("x.roll.svg").read_text("utf-8")
    found = run.surprise(piece)
    nats = np.concatenate(found.notes)
    assert (
        f"on average {nats.mean():.2f} nats" in svg
        and f"surprise under: {run.recipe.name} (run), {found.nats:,.1f} nats in all" in svg
    )
    assert f"{found.remainder:,.1f} of them in no note" in svg and svg_record(svg) is None
    assert erato("render", piece, "y.roll.svg", "--surprise", run.folder, "--from", 3, "--to", 4)[0] == 0
    onsets = np.concatenate([track.notes.numpy()["time"] for track in found.score.tracks])
    shown = nats[(onsets >= 2 * 1920) & (onsets < 4 * 1920)]
    assert 0 < len(shown) < len(nats)  # as the whole piece costs them, not the part alone
    assert f"on average {shown.mean():.2f} nats" in Path("y.roll.svg").read_text("utf-8")


def test_a_surprise_is_refused_where_nothing_shows_it(erato, run, music_folder):
    piece = music_folder / "piece00.mid"
    code, out, err = erato("render", piece, "x.mid", "x.matrix.png", "--surprise", run.folder)
    assert code == 1 and not out and re.fullmatch(r"erato: --surprise colours a piano roll.*\.html file\.\n", err)
    assert "no run folder" in erato("render", piece, "x.png", "--surprise", "nowhere")[2]
    assert not list(Path().glob("x.*"))
    (piece.parent / "words.txt").write_text("la la la")
    assert "piece of that kind" in erato("render", piece.parent / "words.txt", "x.html", "--surprise", run.folder)[2]
    with pytest.raises(UsageError):
        rendering.refuse_without_roll(["a.csv"])
    for name in ("a.png", "a.roll.png", "a.ROLL.svg", "a.b.png", "a.html"):
        rendering.refuse_without_roll(["a.csv", name])


def test_a_surprise_says_what_it_could_not_hold_beside_the_json(erato, run, tmp_path):
    score = Score(480)
    score.tracks.append(Track("Tuba", 58, False))
    for beat in range(8):
        score.tracks[0].notes.append(Note(480 * beat, 480, 60, 127))
    score.dump_midi(tmp_path / "tuba.mid")
    code, out, err = erato("render", "tuba.mid", "x.png", "--surprise", run.folder, "--json")
    assert (code, json.loads(out)) == (0, {"files": ["x.png"]})
    assert "Not held" in err


def test_a_piece_is_rendered_without_what_only_runs_need(music_folder, tmp_path):
    line = (
        f"from erato import cli, sys; cli.run(['render', {str(music_folder / 'piece00.mid')!r}, 'x.roll.svg', 'x.png'])"
    )
    line = line.replace("from erato import cli, sys", "import sys; from erato import cli")
    line += "; assert not {'torch', 'matplotlib.figure', 'music21'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", line], cwd=tmp_path, check=True, capture_output=True)


def test_what_a_score_changes_or_leaves_out_is_noted_once_with_its_files(erato, tmp_path):
    score = Score(480)
    score.tracks.append(Track("Long", 0, False))
    for bar in range(402):
        score.tracks[0].notes.append(Note(1920 * bar, 1920, 60, 64))
    score.dump_midi(tmp_path / "long.mid")
    code, out, err = erato("render", "long.mid", "a.svg", "a.musicxml", "b.pdf")
    assert (code, out.splitlines()) == (0, ["a.svg", "a.musicxml", "b.pdf"])
    assert err == "a.svg, b.pdf: only the first 400 of 402 bars are written.\n"


def test_nothing_is_written_where_one_of_the_files_cannot_be(erato, tmp_path):
    (tmp_path / "words.txt").write_text("some words of a song", "utf-8")
    (tmp_path / "folder.html").mkdir()
    for out, said in (("a.mid", "holds music"), ("folder.html", "is a folder")):
        code, _, err = erato("render", "words.txt", "copy.txt", out, "--force")
        assert code == 1 and said in err and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.html", "words.txt"]


def test_a_folder_that_is_no_run_is_not_called_missing(erato, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = erato("render", "empty", "a.html")
    assert code == 1 and "the folder 'empty' is no run" in err


def test_names_that_are_no_text_or_would_steer_the_terminal_are_only_shown(erato, tmp_path):
    score = Score(480)
    score.tracks.append(Track("", 0, False))
    score.tracks[0].notes.append(Note(0, 480, 60, 64))
    name = "caf\udce9\x1b[31m"
    score.dump_midi(tmp_path / "piece.mid")
    try:
        (tmp_path / "piece.mid").rename(tmp_path / f"{name}.mid")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    outs = [f"{name}{suffix}" for suffix in (".html", ".pdf", ".svg", ".musicxml", ".png", ".mp3", ".txt", ".csv")]
    code, out, _ = erato("render", f"{name}.mid", *outs)
    assert code == 0 and out.splitlines()[0] == "caf\\udce9\\x1b[31m.html"
    code, _, err = erato("render", f"{name}.mid", *outs)
    assert code == 1 and "\x1b" not in err and "caf\\udce9\\x1b[31m.html exists" in err
