"""`erato replay`: what is printed, where it goes, and with which code it leaves."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from tests.conftest import write_scales, write_songs  # type: ignore[import-not-found]

from erato import pipeline
from erato.errors import UsageError
from erato.recipes import TINY
from erato.renderers.carried import carried


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two small runs, of music and of words, with what they learned from."""
    folder = tmp_path_factory.mktemp("runs")
    write_songs(write_scales(folder / "mixed"))
    for name in ("pianoroll-lstm", "lyrics-lstm"):
        pipeline.train(TINY[name], folder / "mixed", folder / name)
    return folder


@pytest.fixture
def compose(erato, runs, tmp_path):
    """Composes with a copy of a run in the current folder; what was printed as JSON."""

    def call(name, line):
        if not (tmp_path / "run").exists():
            shutil.copytree(runs / name, tmp_path / "run")
        code, out, err = erato("compose", "run", *shlex.split(line), "--json")
        assert code == 0, err
        return json.loads(out)["pieces"]

    return call


def test_a_piece_is_made_again_byte_for_byte(erato, compose):
    (piece,) = compose("pianoroll-lstm", "--seconds 2 --seed 9 --temperature 0.8 --program 40 --formats mid,png,csv")
    assert piece["files"] == [f"run/pieces/001-seed9.{suffix}" for suffix in ("mid", "png", "csv", "json")]
    assert piece["made"] == {"sampling": "temperature 0.8"}
    for file in piece["files"][:3]:
        assert erato("replay", file) == (0, f"{Path(file).name} made again, byte-identical.\n", "")
    code, out, err = erato("replay", piece["files"][3])
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"001-seed9.{one} made again, byte-identical." for one in ("mid", "png", "csv")]


def test_all_of_it_as_json(erato, compose):
    (piece,) = compose("lyrics-lstm", "--length 9 --prompt 'oh the'")
    code, out, err = erato("replay", piece["path"], "--json", "--out", "again.txt")
    record = json.loads(Path(piece["files"][-1]).read_text())["record"]
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "file": piece["path"],
        "identical": True,
        "reason": None,
        "notes": [],
        "files": ["001-seed0.txt"],
        "record": record,
        "out": ["again.txt"],
    }
    assert record["prompt"]["text"] == "oh the"
    assert Path("again.txt").read_bytes() == Path(piece["path"]).read_bytes()


def test_what_was_made_again_goes_where_it_is_asked_to(erato, compose):
    (piece,) = compose("pianoroll-lstm", "--seconds 1 --formats mid,csv")
    midi, table, said = map(Path, piece["files"])
    Path("there").mkdir()
    code, out, _ = erato("replay", midi, "--out", "there")
    assert code == 0 and out == "001-seed0.mid made again, byte-identical.\nWritten: there/001-seed0.mid\n"
    for out in ("there/001-seed0.mid", "there"):
        code, _, err = erato("replay", midi, "--out", out)
        assert (code, err) == (1, "erato: there/001-seed0.mid exists: give another name with --out.\n")
    table.unlink()
    code, out, _ = erato("replay", said, "--out", "all")
    assert code == 0 and sorted(path.name for path in Path("all").iterdir()) == [table.name, midi.name]
    midi.write_bytes(midi.read_bytes() + b"\0")
    code, out, err = erato("replay", midi, "--out", "new/right.mid")
    assert (code, out) == (1, "Written: new/right.mid\n")
    assert err == "erato: 001-seed0.mid was edited since it was written: its sha256 is not the one in its .json.\n"
    assert Path("new/right.mid").read_bytes() == Path("all/001-seed0.mid").read_bytes()
    code, out, err = erato("replay", midi, "--json")
    assert code == 1 and not json.loads(out)["identical"]
    assert err == f"erato: {json.loads(out)['reason']}\n"


def test_the_run_and_the_prompt_are_named_where_they_are_not_found(erato, compose, make_score):
    make_score(60, bars=1).dump_midi("theme.mid")
    (piece,) = compose("pianoroll-lstm", "--seconds 1 --prompt theme.mid")
    assert piece["made"] == {"prompt": "theme.mid"}
    shutil.copy(piece["path"], "mine.mid")
    shutil.move("theme.mid", "there.mid")
    code, out, err = erato("replay", "mine.mid")
    assert (code, out) == (1, "")
    assert err == "erato: the run run that made mine.mid is not there: give its folder with --run.\n"
    code, out, err = erato("replay", "mine.mid", "--run", "run")
    assert code == 1 and "erato: theme.mid, the beginning of mine.mid, is not there: give it with --prompt" in err
    assert erato("replay", "mine.mid", "--run", "run", "--prompt", "there.mid")[0] == 0
    code, _, err = erato("replay", piece["path"], "--given", "there.mid", "--prompt", "there.mid")
    assert code == 1 and "was made without given: leave --given out" in err


def test_every_option_arrives(erato, monkeypatch, make_score):
    asked = []

    def replay(*arguments, **settings):
        asked.append((arguments, settings))
        raise UsageError("called.")

    monkeypatch.setattr(pipeline, "replay", replay)
    make_score(bars=1).dump_midi("given.mid")
    line = ["x.mid", "--run", "gpt2", "--prompt", "oh the", "--given", "given.mid"]
    assert erato("replay", *line) == (1, "", "erato: called.\n")
    ((arguments, settings),) = asked
    assert isinstance(settings.pop("reporter"), pipeline.Reporter)
    assert (arguments, settings) == (("x.mid", "gpt2"), {"prompt": "oh the", "given": Path("given.mid")})


def test_pieces_of_a_comparison_are_made_again(erato, compose, runs, tmp_path):
    shutil.copytree(runs / "pianoroll-lstm", tmp_path / "run")
    code, out, err = erato("compose", "run", "--compare", "--length", 8, "--seed", 2, "--json")
    assert code == 0, err
    paths = [Path(row["path"]) for row in json.loads(out)["comparison"] if row.get("path")]
    assert len(paths) > 5
    for path in paths[:4]:
        assert carried(path, path.read_bytes())["title"].startswith("pianoroll-lstm, ")
        assert erato("replay", path)[0] == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("replay nowhere.mid", "there is no file 'nowhere.mid': give one that erato compose wrote."),
        ("replay music.mid", "music.mid carries no record of how it was made, and music.json does not lie beside it"),
        ("replay music.mid --run nowhere --given nowhere.mid", "there is no file 'nowhere.mid'"),
        ("replay music.mid --out music.mid", "music.mid exists: give another name with --out"),
        ("replay music.mid --from x", "option of erato replay '--from'"),
    ],
)
def test_mistakes_are_one_sentence(erato, make_score, line, said):
    make_score(bars=1).dump_midi("music.mid")
    code, out, err = erato(*shlex.split(line))
    assert (code, out) == (1, "") and said in err
    assert err.count("\n") == 1 and "Traceback" not in err


def test_a_record_of_control_characters_says_them_as_text(erato, compose):
    (piece,) = compose("lyrics-lstm", "--length 9")
    said = Path(piece["files"][-1])
    value = json.loads(said.read_text())
    value["record"]["run"] = {**value["record"]["run"], "name": "\x1b[31m\u202e\ud800<b>", "hash": "0" * 64}
    said.write_text(json.dumps(value))
    value["where"] = {}
    shutil.move("run/pieces", "pieces")
    code, out, err = erato("replay", "pieces/001-seed0.txt")
    assert (code, out) == (1, "")
    assert err == "erato: the run [31m <b> that made 001-seed0.txt is not there: give its folder with --run.\n"
