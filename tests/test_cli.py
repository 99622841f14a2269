import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.conftest import write_scales  # type: ignore[import-not-found]

from erato import pipeline
from erato.recipes import RECIPES
from erato.recipes import TINY as SMALLEST
from erato.training.weights import save_weights

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a few steps."""
    folder = tmp_path_factory.mktemp("trained")
    return pipeline.train(SMALLEST["event-transformer"], write_scales(folder / "music"), folder / "run").folder


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of it where the command would put it."""
    shutil.copytree(trained, tmp_path / "runs/event-transformer-music-001")
    return "runs/event-transformer-music-001"


def test_help_and_import_load_nothing_heavy():
    loaded = "import sys, erato, erato.cli; print([m for m in ('torch', 'music21', 'matplotlib') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["list", "check", "train", "compose", "render", "demo"])
def test_every_command_has_help_with_an_example(erato, command):
    code, out, _ = erato(command, "--help")
    assert code == 0
    assert f"Example: erato {command}" in out


def test_train_prints_what_the_design_says(erato, music_folder):
    small = ["model.layers=1", "model.heads=2", "model.width=16", "model.context=32", "windows.length=16"]
    settings = [word for setting in small for word in ("--set", setting)]
    code, out, _ = erato("train", "event-transformer", "--corpus", music_folder, *settings, "--steps", 2, "--json")
    assert code == 0
    assert json.loads(out)["run"] == "runs/event-transformer-music-001"
    assert Path("runs/event-transformer-music-001/model.safetensors").is_file()


def test_compose_writes_numbered_pieces_and_never_over_others(erato, run_dir, tmp_path):
    written = []
    for _ in range(2):
        code, out, _ = erato("compose", run_dir, "--n", 2, "--seed", 3, "--bars", 2, "--formats", "mid,png", "--json")
        assert code == 0
        written += json.loads(out)["pieces"]
    assert [Path(piece["path"]).name for piece in written] == [
        "001-seed3.mid",
        "002-seed4.mid",
        "003-seed3.mid",
        "004-seed4.mid",
    ]
    assert all(piece["bars"] == 2 and piece["log_prob"] < 0 for piece in written)
    assert all(Path(file).stat().st_size for piece in written for file in piece["files"])
    assert Path(written[0]["path"]).read_bytes() == Path(written[2]["path"]).read_bytes()
    assert Path(written[0]["path"]).read_bytes() != Path(written[1]["path"]).read_bytes()


def test_check_counts_every_file_once(erato, music_folder):
    (music_folder / "broken.mid").write_bytes(b"MThd\x00\x00\x00\x06")
    (music_folder / "letter.docx").write_bytes(b"PK")
    (music_folder / "again.mid").write_bytes((music_folder / "piece00.mid").read_bytes())
    code, out, _ = erato("check", music_folder, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["files"] == 15 == found["used"] + found["duplicates"] + len(found["skipped"])
    assert {"broken.mid", "letter.docx"} == {skipped["file"] for skipped in found["skipped"]}
    assert all(skipped["reason"] and skipped["message"] for skipped in found["skipped"])
    code, out, _ = erato("check", music_folder)
    assert code == 0
    assert "15 files" in out
    assert json.loads(Path("erato-check.json").read_text())["files"] == 15
    Path("erato-check.json").write_text("mine")
    assert erato("check", music_folder)[0] == 1
    assert Path("erato-check.json").read_text() == "mine"


def test_render_refuses_to_overwrite_without_force(erato, music_folder):
    assert erato("render", music_folder / "piece00.mid", "a.png", "a.html")[0] == 0
    before = Path("a.png").read_bytes()
    code, _, err = erato("render", music_folder / "piece01.mid", "b.png", "a.png")
    assert code == 1
    assert "--force" in err
    assert Path("a.png").read_bytes() == before
    assert not Path("b.png").exists()
    assert erato("render", music_folder / "piece01.mid", "a.png", "--force", "--from", 2, "--to", 3)[0] == 0
    assert Path("a.png").read_bytes() != before


def test_list_names_every_part(erato):
    code, out, _ = erato("list", "--json")
    found = json.loads(out)
    assert code == 0
    assert {"event-transformer", "note-chord-lstm"} <= {recipe["name"] for recipe in found["recipes"]}
    assert all(part["summary"] for parts in found.values() for part in parts)
    assert set(found) == {"corpora", "representations", "models", "recipes", "renderers"}
    assert {"bach-chorales", "maestro-v3"} <= {corpus["name"] for corpus in found["corpora"]}


BAD = [
    ("train event-transfromer", "did you mean event-transformer"),
    ("tarin event-transformer", "did you mean train"),
    ("train event-transformer --corpus {folder} --set model.widht=3", "did you mean width"),
    ("train event-transformer --corpus {folder} --set model.width=wide", "must be a whole number"),
    ("train event-transformer --corpus {folder} --set windows.length=100000 --steps 1", "windows.length"),
    ("train event-transformer --corpus nowhere", "unknown corpus"),
    ("train event-transformer --corpus {empty}", "empty"),
    ("train event-transformer --corpus {nomusic}", "no music to learn from"),
    ("train event-transformer --corpus {bomb}", "hours"),
    ("train event-transformer --corpus {folder} --minutes many", "must be a number"),
    ("train event-transformer --corpus {folder} --steps 0", "above 0"),
    ("train event-transformer --corpus {folder} --minuts 3", "did you mean --minutes"),
    ("train event-transformer --corpus {folder} --out {folder}", "not a run folder"),
    ("check nowhere", "nowhere"),
    ("check {empty}", "no file"),
    ("check {nomusic}", "no file"),
    ("compose nowhere", "no run folder"),
    ("compose {folder}", "recipe.json"),
    ("compose {run} --bars 0", "bars"),
    ("compose {run} --top-p 1.7", "top_p must be in"),
    ("compose {run} --prompt {nomusic}/a.pdf", "a.pdf"),
    ("compose {run} --prompt {bomb}/bomb.mid", "hours"),
    ("compose {run} --formats mdi", "did you mean .mid"),
    ("compose {run} --checkpoint 7", "keeps no checkpoint"),
    ("compose {run} --strategy greedy --temperature 0.5", "greedy"),
    ("render {folder}/piece00.mid out.mxl", "suffix"),
    ("render nowhere.mid out.png", "there is no file"),
    ("render {folder}/piece00.mid out.png --from 5 --to 99", "bars"),
    ("render {folder}/piece00.mid noext", "needs a suffix"),
    ("render {folder}/piece00.mid out.png --from 0", "bars"),
    ("compose {run} --seconds inf", "seconds must be"),
    ("compose {run} --n 0", "n must be"),
    ("compose {run} --begin window --prompt {folder}/piece00.mid", "leave out begin"),
    ("compose {run} --prompt {odd}", "13/8"),
    ("compose {foreign}", "another model"),
    ("train event-transformer --corpus {folder} --set training.optimizer.weight_decay=nan", "weight_decay"),
    ("train event-transformer --corpus {folder} --set model.context=100000000", "context"),
    ("train event-transformer --corpus {folder} --track Tuba", "Tuba"),
    ("list recipies", "recipes"),
]


@pytest.mark.parametrize(("line", "said"), BAD)
def test_a_mistake_is_one_sentence_and_exit_code_1(erato, music_folder, make_score, tmp_path, run_dir, line, said):
    places = {"folder": music_folder, "run": run_dir}
    for name in ("empty", "nomusic", "bomb"):
        places[name] = tmp_path / name
        places[name].mkdir()
    (places["nomusic"] / "a.pdf").write_bytes(b"%PDF-1.4")
    header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x0f"
    (places["bomb"] / "bomb.mid").write_bytes(header + b"\x00\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x40\x00\xff\x2f\x00")
    odd = make_score(bars=2)
    odd.time_signatures[0].numerator, odd.time_signatures[0].denominator = 13, 8
    odd.dump_midi(tmp_path / "odd.mid")
    places["odd"] = tmp_path / "odd.mid"
    places["foreign"] = tmp_path / "foreign"
    shutil.copytree(run_dir, places["foreign"])
    save_weights({"weight": torch.zeros(3)}, places["foreign"] / "model.safetensors")
    before = sorted(path for path in tmp_path.rglob("*"))
    code, _, err = erato(*shlex.split(line.format(**places)))
    assert code == 1
    assert said in err
    assert "Traceback" not in err
    sentences = [line for line in err.splitlines() if line.startswith("erato: ")]
    assert len(sentences) == 1
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "erato-check.json") == before


def readme_commands():
    """Every `erato` command that the README shows in a console block."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("erato ")]


MOST = {"--bars": 4, "--length": 20, "--n": 2, "--seconds": 1}  # that is composed


@pytest.mark.usefixtures("quick", "quiet")
def test_every_command_of_the_readme_runs(erato, music_folder, chorales, words_folder, tmp_path, monkeypatch):
    """In order, in one folder, with `my-music` and `my-texts` as the person's own and the smallest budgets."""
    music_folder.rename(tmp_path / "my-music")
    words_folder.rename(tmp_path / "my-texts")
    for name, recipe in SMALLEST.items():
        monkeypatch.setitem(RECIPES, name, recipe)
    commands = readme_commands()
    assert len(commands) >= 6
    for line in commands:
        words = shlex.split(line, comments=True)[1:]
        if words[0] == "demo":
            continue  # run by its own test, as it trains
        for option, most in MOST.items():
            if option in words:
                at = words.index(option) + 1
                words[at] = str(min(int(words[at]), most))
        if "--live" in words:  # in real time
            words[words.index("--seconds") + 1] = "0.2"
        if words[0] == "train":
            words = [w for i, w in enumerate(words) if w != "--minutes" and words[i - 1] != "--minutes"]
            words += ["--steps", "1"] + ([] if "--corpus" in words else ["--corpus", "my-music"])
        if words[0] in ("evaluate", "compare") and "--piece" not in words:
            words += ["--n", "2"]  # pieces that are composed to be measured
        if words[0] == "listen":
            words += ["--n", "1", "--pairs", "1"]
        code, _, err = erato(*words)
        assert code == 0, (line, err)
