"""`erato evaluate` and `erato compare`: what is printed and written; what stands in the way is said before the work."""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from tests.conftest import write_chorales, write_scales, write_songs  # type: ignore[import-not-found]

from erato import assessing, contest, pipeline
from erato.cli_tables import print_writing
from erato.picturing import assessment as picturing
from erato.recipes import TINY
from erato.run import Run

pytestmark = pytest.mark.usefixtures("quick", "few_people")

NAMES = ("event-transformer", "note-lstm", "pianoroll-lstm", "char-lstm", "gpt2-small", "musegan")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of runs by recipe; of music, and of songs."""
    folder = tmp_path_factory.mktemp("runs")
    write_scales(folder / "music", 30)
    write_chorales(folder / "chorales")
    write_songs(folder / "songs", 30)
    corpora = {"char-lstm": "songs", "gpt2-small": "songs", "musegan": "chorales"}
    for name in NAMES:
        pipeline.train(TINY[name], folder / corpora.get(name, "music"), folder / name)
    return folder


@pytest.fixture(scope="module", autouse=True)
def unheard():
    """No sound on pages, which takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picturing, "HEARD", 0)
        yield


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def untouched(monkeypatch):
    """Fails where a run is measured."""
    for name in ("held_out", "evaluate", "sample"):
        monkeypatch.setattr(Run, name, lambda *_, **__: pytest.fail("the work has begun"))


def sentence(result, said):
    code, out, err = result
    assert (code, out) == (1, "") and "Traceback" not in err
    told = [line for line in err.splitlines() if line.startswith("erato: ")]
    assert len(told) == 1 and said in told[0], err


def listed(folder):
    """The names of what is in a folder, hidden ones too."""
    return sorted(path.name for path in Path(folder).iterdir())


def document(text):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


# --- evaluate


@pytest.mark.parametrize("name", ["event-transformer", "char-lstm", "musegan"])
def test_evaluate_prints_and_writes_all_of_it(erato, runs, name):
    code, out, err = erato("evaluate", runs / name, "--n", 3, "--seed", 5, "--out", "found")
    assert code == 0, err
    (path,) = Path("found").glob("*.json")
    found = document(path.read_text("utf-8"))
    assert path.name == f"001-{found['split']}.json" and path.with_suffix(".html").is_file()
    assert listed("found") == [path.with_suffix(".html").name, path.name]
    assert found["run"] == name and found["composed"]["pieces"] == 3 and found["composed"]["seed"] == 5
    words = " ".join(out.split())
    for said in found["composed"]["said"]:
        assert " ".join(said.split()) in words
    for scalar in found["composed"]["features"]["composed"]:
        assert re.search(rf"^  {scalar.replace('_', ' ')}  ", out, re.MULTILINE)
    assert "Did it copy? That cannot be said: there are too few pieces." in out
    assert words.endswith(f"All of it is in {path} and {path.with_suffix('.html')}.")
    assert max(map(len, out.splitlines())) <= 100
    assert document(erato("evaluate", runs / name, "--n", 0, "--json", "--out", "found")[1])["composed"] is None
    assert len(listed("found")) == 4, "nothing is overwritten"


def test_a_narrow_terminal_leaves_out_columns_and_a_wide_one_shows_all(erato, runs, monkeypatch, capsys):
    shown = {}
    _, out, _ = erato("evaluate", runs / "event-transformer", "--n", 4, "--out", "found", "--json")
    for columns in (80, 100, 160):
        monkeypatch.setenv("COLUMNS", str(columns))
        print_writing(document(out)["composed"])
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].startswith("means ") and max(map(len, lines)) <= columns
        shown[columns] = re.split(r"  +", lines[2].strip())
        assert ("(" in lines[3]) == (columns > 80)
    assert shown[160] == ["composed", "held out", "training", "overlap", "people", "KL"]
    assert shown[80] == ["composed", "held out", "training", "overlap"]
    assert shown[100][:4] == shown[80] and "KL" not in shown[100]


def test_evaluations_stand_in_the_run_where_nothing_is_said(erato, runs):
    shutil.copytree(runs / "note-lstm", "mine")
    code, out, err = erato("evaluate", "mine", "--n", 0)
    assert code == 0, err
    assert listed("mine/evaluations") == ["001-test.html", "001-test.json"]
    assert f"All of it is in {Path('mine') / 'evaluations' / '001-test.json'}" in out


@pytest.mark.parametrize("options", [(), ("--json",), ("--n", "0")])
def test_what_cannot_be_written_is_said_before_the_work(erato, runs, untouched, options):
    """A folder of a run that nobody may write into looks like this; to root, all are open."""
    shutil.copytree(runs / "note-lstm", "mine")
    Path("mine/evaluations").write_text("in the way")
    sentence(erato("evaluate", "mine", *options), "mine/evaluations is a file: give a folder with --out")
    if Path("/proc/self").exists():
        sentence(erato("evaluate", "mine", "--out", "/proc/erato/found", *options), "nothing can be written into /proc")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_that_is_only_to_be_read(erato, runs, untouched):
    shutil.copytree(runs / "note-lstm", "mine")
    Path("mine").chmod(0o555)
    try:
        sentence(erato("evaluate", "mine"), "nothing can be written into mine/evaluations")
    finally:
        Path("mine").chmod(0o755)


@pytest.mark.parametrize("where", ["write_assessment", "assess", "write"])
def test_what_is_stopped_leaves_nothing_behind(erato, runs, monkeypatch, where):
    def stop(*_, **__):
        raise KeyboardInterrupt

    shutil.copytree(runs / "note-lstm", "mine")
    monkeypatch.setattr(picturing if where == "write_assessment" else assessing, where, stop)
    code, out, _ = erato("evaluate", "mine", "--n", 2)
    assert (code, out) == (130, "")
    left = listed("mine/evaluations") if Path("mine/evaluations").exists() else []
    assert left == (["001-test.json"] if where == "write_assessment" else [])
    assert not Path("mine/evaluations").exists() or left, "no empty folder"


def test_a_mistake_leaves_no_folder(erato, runs):
    sentence(erato("evaluate", runs / "note-lstm", "--split", "tset", "--out", "a/b"), "split must be one of")
    assert not Path("a").exists()


def test_a_checkpoint_is_named(erato, runs):
    pipeline.train(TINY["note-lstm"], runs / "music", Path("kept"), keep_every=1)
    code, out, err = erato("evaluate", "kept", "--checkpoint", 1, "--n", 0, "--json")
    assert code == 0 and document(out)["run"] == "kept, step 1", err
    assert "kept, step 1" in Path("kept/evaluations/001-test.html").read_text()


# --- compare


def test_compare_prints_a_table_within_the_terminal(erato, runs):
    code, out, err = erato("compare", runs / "note-lstm", runs / "pianoroll-lstm", runs / "event-transformer", "--n", 0)
    assert code == 0, err
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100 and lines[0] == "Runs by the same held-out pieces"
    names = [line.split()[0] for line in lines if line.startswith(("note", "piano", "event"))][:3]
    assert len(set(names)) == 3
    assert "nats per note ↓" in lines[1] and out.count("*") >= 2
    found = document(erato("compare", *(runs / name for name in names), "--n", 0, "--json")[1])
    assert [row["run"] for row in found["rows"]] == names, "the best first, in whatever order they are named"
    assert f"{found['rows'][0]['nats_per_note']:.3f}" in out


def test_compare_writes_tables_of_every_kind(erato, runs):
    outs = [f"deep/er/table{suffix}" for suffix in (".csv", ".tex", ".md", ".html", ".json")]
    options = [option for out in outs for option in ("--out", out)]
    code, out, err = erato("compare", runs / "char-lstm", runs / "gpt2-small", "--n", 3, "--json", *options)
    assert code == 0, err
    found = document(out)
    assert document(Path(outs[4]).read_text()) == found
    with Path(outs[0]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [row["run"] for row in found["rows"]]
    for row, known in zip(rows, found["rows"], strict=True):
        assert float(row["nats per character"]) == known["nats_per_char"]
        assert float(row["parameters"]) == known["parameters"]
        assert float(row["writes (characters/s)"]) == known["writing"]["speed"]["chars"]
    tex, markdown, html = (Path(outs[at]).read_text("utf-8") for at in (1, 2, 3))
    best = found["rows"][0]
    assert f"\\textbf{{{best['nats_per_char']:.3f}}}" in tex and f"**{best['nats_per_char']:.3f}**" in markdown
    (head,) = [line for line in markdown.splitlines() if line.startswith("| run")]
    body = [line for line in markdown.splitlines() if line.startswith(("| char", "| gpt2"))]
    assert len(body) == 2 and {line.count(" | ") for line in body} == {head.count(" | ")}
    assert f"*{best['nats_per_char']:.3f}" in html and tex.count(r"\\") == 4
    assert listed("deep/er") == sorted(Path(out).name for out in outs)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("there.csv", "there.csv exists: give another name with --out, or --force to overwrite it"),
        ("table.xls", "--out is a file that ends in .csv, .tex, .md, .html, .json, got 'table.xls'"),
        ("table", "--out is a file that ends in"),
        ("folder.csv", "folder.csv is a folder"),
        ("there.csv/sub/table.csv", "there.csv/sub"),
        ("/proc/erato/table.csv", "nothing can be written into /proc/erato"),
    ],
)
def test_tables_that_are_not_written_are_refused_before_the_work(erato, runs, untouched, monkeypatch, out, said):
    if out.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("there is no /proc here")
    Path("there.csv").write_text("mine")
    Path("folder.csv").mkdir()
    sentence(erato("compare", runs / "note-lstm", runs / "pianoroll-lstm", "--n", 0, "--out", out), said)
    assert Path("there.csv").read_text() == "mine" and listed(".") == ["folder.csv", "there.csv"]


def test_a_table_is_overwritten_by_force_and_whole(erato, runs, monkeypatch):
    two = runs / "note-lstm", runs / "pianoroll-lstm"
    Path("there.csv").write_text("mine")
    with monkeypatch.context() as patched:
        patched.setattr(contest, "_row", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert erato("compare", *two, "--n", 0, "--out", "there.csv", "--force")[0] == 130
    assert Path("there.csv").read_text() == "mine" and listed(".") == ["there.csv"]
    assert erato("compare", *two, "--n", 0, "--out", "there.csv", "--force")[0] == 0
    assert Path("there.csv").read_text("utf-8").startswith("run,recipe,")


def test_runs_with_and_without_a_likelihood(erato, runs):
    code, out, err = erato("compare", runs / "musegan", runs / "note-lstm", "--n", 2, "--corpus", runs / "music")
    assert code == 0, err
    assert "musegan: no nats: it writes whole phrases from latents" in " ".join(out.split())
    assert "—" in out and max(map(len, out.splitlines())) <= 100


MISTAKES = [
    ("compare {note-lstm}", "two runs or more"),
    ("compare {note-lstm} {note-lstm}", "is given twice"),
    ("compare {note-lstm} {char-lstm}", "runs of music and runs of text have nothing to compare"),
    ("compare {note-lstm} nowhere", "no run folder"),
    ("compare {note-lstm} {musegan} --corpus nowhere", "unknown corpus"),
    ("compare {note-lstm} {musegan} --split tset", "split must be one of train, valid, test, got 'tset'"),
    ("compare {note-lstm} {musegan} --n 2000", "n must be from 0 to 1,000 pieces to compose, got 2000"),
    ("compare {note-lstm} {musegan} --n -1", "must not be negative"),
    ("compare {note-lstm} {musegan} --seed 99999999999999999999", "seed must be a whole number"),
    ("evaluate {note-lstm} --n 1001", "n must be from 0 to 1,000"),
    ("evaluate {char-lstm} --corpus {music}", "text"),
]


@pytest.mark.parametrize(("line", "said"), MISTAKES)
def test_a_mistake_is_one_sentence(erato, runs, line, said):
    places = {name: str(runs / name) for name in (*NAMES, "music")}
    sentence(erato(*(part.format(**places) for part in line.split())), said)


def test_a_corpus_that_is_gone_or_has_changed(erato, runs):
    shutil.copytree(runs / "music", "mine")
    pipeline.train(TINY["note-lstm"], Path("mine"), Path("run"))
    Path("mine/piece00.mid").unlink()
    code, out, err = erato("evaluate", "run", "--n", 2, "--out", "found")
    assert code == 0 and err.count("has changed since this run learned from it") == 1
    assert "They have changed since the run learned from them." in " ".join(out.split())
    shutil.rmtree("mine")
    sentence(erato("evaluate", "run", "--n", 0, "--out", "gone"), "is not there: name it with --corpus")
    assert not Path("gone").exists()
    code, out, err = erato("compare", "run", runs / "pianoroll-lstm", "--n", 0)
    assert code == 0 and "run: It is measured by the pieces of music." in " ".join(out.split()), err
