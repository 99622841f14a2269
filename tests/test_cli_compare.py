"""The command line of composing: comparisons, searches, filters and streamed text, and what it says to bad input."""

import io
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from tests.conftest import write_scales, write_songs  # type: ignore[import-not-found]

from erato import cli, pipeline
from erato.comparing import WAYS
from erato.recipes import TINY
from erato.sequence_run import SequenceRun

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of text and one of frames, after two steps, and what they learned from."""
    folder = tmp_path_factory.mktemp("runs")
    write_songs(folder / "texts", 6)
    write_scales(folder / "music", 6)
    for name, corpus in (("lyrics-lstm", "texts"), ("pianoroll-lstm", "music")):
        pipeline.train(TINY[name], folder / corpus, folder / name)
    return folder


@pytest.fixture
def compose(erato, runs):
    """Runs `erato compose` on one of the runs; gives (exit code, standard output, standard error)."""
    return lambda run, *options: erato("compose", runs / run, "--out", "here", *options)


def test_a_comparison_of_text_as_json(compose):
    code, out, _ = compose("lyrics-lstm", "--compare", "--prompt", "the ", "--length", 12, "--seed", 2, "--json")
    found = json.loads(out)
    assert code == 0
    assert [row["name"] for row in found["comparison"]] == [way.name for way in WAYS]
    for row in found["comparison"]:
        assert row["text"].startswith("the ") and len(row["text"]) == 16 and row["symbols"] == 12
        assert row["log_prob_per_symbol"] == pytest.approx(row["log_prob"] / 12) and row["log_prob"] < 0
        assert all(0 < row[f"distinct_{n}"] <= 1 for n in (1, 2, 3))
        assert 0 <= row["longest_repeat"] < 12 and row["refused"] is None
    greedy = found["comparison"][0]
    assert Path(found["page"]).name == "001-compare.html" and Path(found["page"]).is_file()
    assert all(Path(tree).is_file() for tree in found["trees"]) and len(found["trees"]) >= 2
    code, out, _ = compose("lyrics-lstm", "--prompt", "the ", "--length", 12, "--strategy", "greedy", "--json")
    assert json.loads(out)["pieces"][0]["log_prob"] == pytest.approx(greedy["log_prob"])


def test_a_comparison_is_plain_text_where_no_terminal_is(compose):
    code, out, _ = compose("lyrics-lstm", "--compare", "--prompt", "the ", "--length", 12, "--top-k", 3)
    assert code == 0
    assert re.findall(r"^--- (.*?): log-prob a symbol -\d", out, re.M) == ["as asked", *(way.name for way in WAYS)]
    assert "The page is here/001-compare.html." in out
    assert "\x1b" not in out


def test_a_comparison_is_a_table_on_a_wide_terminal(compose, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    _, out, _ = compose("lyrics-lstm", "--compare", "--prompt", "the ", "--length", 12)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "│" in plain and all(way.name in plain for way in WAYS)
    assert not plain.startswith("---")
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = compose("lyrics-lstm", "--compare", "--prompt", "the ", "--length", 12)
    assert out.startswith("--- greedy: ")


def test_a_comparison_of_frames_writes_music_and_says_why_there_is_no_search(compose):
    code, out, _ = compose("pianoroll-lstm", "--compare", "--length", 4, "--json")
    rows = {row["name"]: row for row in json.loads(out)["comparison"]}
    assert code == 0
    assert rows["beam search, 4 beams"]["refused"].startswith("Beam search is for runs of single symbols")
    assert Path(rows["temperature 0.5"]["path"]).name == "001-compare-temperature-0.5.mid"
    assert sum(path.suffix == ".mid" for path in Path("here").iterdir()) == len(WAYS) - 1
    page = Path("here/001-compare.html").read_text("utf-8")
    assert page.count("data:image/png") == len(WAYS) - 1
    for row in rows.values():
        if "path" in row:
            assert f'href="{Path(row["path"]).name}"' in page


def test_a_search_gives_its_best_first(compose):
    code, out, _ = compose(
        "lyrics-lstm", "--strategy", "beam", "--beams", 3, "--n", 3, "--length", 8, "--prompt", "the ", "--json"
    )
    pieces = json.loads(out)["pieces"]
    assert code == 0 and len(pieces) == 3
    likely = [piece["log_prob"] for piece in pieces]
    assert likely == sorted(likely, reverse=True)
    texts = {Path(piece["path"]).read_text() for piece in pieces}
    assert len(texts) == 3
    _, out, _ = compose("lyrics-lstm", "--beams", 1, "--length", 8, "--prompt", "the ", "--json")
    alone = json.loads(out)["pieces"][0]["log_prob"]
    _, out, _ = compose("lyrics-lstm", "--strategy", "greedy", "--length", 8, "--prompt", "the ", "--json")
    assert alone == pytest.approx(json.loads(out)["pieces"][0]["log_prob"])


def test_the_options_of_a_search_arrive(monkeypatch, erato, runs):
    given = {}

    def sample(run, *_, **settings):
        given.update(settings)
        raise cli.UsageError("called.")

    monkeypatch.setattr(SequenceRun, "sample", sample)
    line = "--beams 5 --length-penalty 0.6 --early-stopping --no-repeat 3 --repetition-penalty 1.2"
    assert erato("compose", runs / "lyrics-lstm", *line.split())[0] == 1
    beams = given["beams"]
    assert (beams.beams, beams.length_penalty, beams.early_stopping) == (5, 0.6, True)
    assert (given["no_repeat"], given["repetition_penalty"]) == (3, 1.2)
    given.clear()
    erato("compose", runs / "lyrics-lstm", "--typical-p", 0.9, "--strategy", "sample")
    assert given.get("beams") is None and given["typical_p"] == 0.9 and given["greedy"] is False


def test_the_options_of_a_comparison_arrive(monkeypatch, erato, runs):
    from erato import comparing

    given = {}

    def compare(run, prompt, **settings):
        given.update(settings, prompt=prompt)
        raise cli.UsageError("called.")

    monkeypatch.setattr(comparing, "compare", compare)
    line = "--compare --prompt x --seed 4 --length 9 --bars 2 --seconds 3 --begin window --step 0.2 --program 3"
    assert erato("compose", runs / "lyrics-lstm", *line.split(), "--min-p", 0.1)[0] == 1
    given.pop("reporter")
    assert given == {
        "prompt": "x",
        "seed": 4,
        "length": 9,
        "bars": 2,
        "seconds": 3.0,
        "begin": "window",
        "step": 0.2,
        "program": "3",
        "min_p": 0.1,
        "beams": None,
    }


def test_no_run_of_symbols_comes_twice_where_that_is_asked(compose):
    _, out, _ = compose("lyrics-lstm", "--strategy", "greedy", "--no-repeat", 3, "--length", 60, "--json")
    text = Path(json.loads(out)["pieces"][0]["path"]).read_text()
    stretches = [text[at : at + 3] for at in range(len(text) - 2)]
    assert len(set(stretches)) == len(stretches)


def test_a_text_is_shown_while_it_is_composed(monkeypatch, capsys, erato, runs):
    """Each bit is on standard output before the next symbol is drawn, and together they are the text, and no more."""
    seen = []

    class Watched(io.StringIO):
        def flush(self):
            seen.append(self.getvalue())

    watched = Watched()
    monkeypatch.setattr("sys.stdout", watched)
    arguments = ["compose", str(runs / "lyrics-lstm"), "--prompt", "the ", "--length", "10", "--out", "here"]
    assert cli.run(arguments) == 0
    text = Path("here/001-seed0.txt").read_text()
    assert len(text) == 14
    assert watched.getvalue() == text + "\n"
    assert (
        capsys.readouterr().err
        == "seed 0: 10 symbols -> here/001-seed0.txt, here/001-seed0.html, here/001-seed0.json\n"
    )
    growing = [part for part in seen if len(part) <= len(text)]
    assert growing[0] == "the " and len(growing) > 8
    assert all(later.startswith(earlier) for earlier, later in pairwise(growing))


def test_several_texts_are_shown_one_after_another(compose):
    code, out, _ = compose("lyrics-lstm", "--prompt", "the ", "--length", 10, "--n", 2)
    texts = [path.read_text() for path in sorted(Path("here").glob("*.txt"))]
    assert code == 0 and len(texts) == 2
    assert all(text in out for text in texts)


def test_one_piece_is_scored_whole(erato, runs, tmp_path):
    (tmp_path / "line.txt").write_text("the rain falls on the green hills\n")
    code, out, _ = erato("evaluate", runs / "lyrics-lstm", "--piece", "line.txt", "--json")
    found = json.loads(out)
    assert code == 0 and found["pieces"] == 1
    assert found["nats_per_char"] > 0
    code, out, _ = erato("evaluate", runs / "lyrics-lstm", "--piece", "line.txt")
    assert code == 0 and out.startswith("line.txt, ")


BAD = [
    ("compose {runs}/lyrics-lstm --top-p 0", "top_p must be in (0, 1], got 0"),
    ("compose {runs}/lyrics-lstm --top-p 1.7", "top_p must be in (0, 1], got 1.7"),
    ("compose {runs}/lyrics-lstm --typical-p 0", "typical_p must be in (0, 1]"),
    ("compose {runs}/lyrics-lstm --formats txt,mid", "a MIDI file holds music, and .mid would be text"),
    ("compose {runs}/lyrics-lstm --compare --may-end", "leave out --may-end, or --compare"),
    ("compose {runs}/lyrics-lstm --beams 0", "beams must be from 1 to 1,000, got 0"),
    ("compose {runs}/lyrics-lstm --beams -1", "must not be negative"),
    ("compose {runs}/lyrics-lstm --beams two", "must be a whole number"),
    (
        "compose {runs}/lyrics-lstm --strategy beam --length-penalty nan",
        "length_penalty must be from -10 to 10, got nan",
    ),
    ("compose {runs}/lyrics-lstm --strategy beem", "invalid choice"),
    ("compose {runs}/lyrics-lstm --strategy greedy --temperature 0.5", "leave out the temperature"),
    ("compose {runs}/lyrics-lstm --strategy greedy --beams 3", "--beams is for a beam search"),
    ("compose {runs}/lyrics-lstm --strategy sample --early-stopping", "--early-stopping is for a beam search"),
    ("compose {runs}/lyrics-lstm --beams 2 --n 3", "at most as many pieces"),
    ("compose {runs}/lyrics-lstm --beams 2 --temperature 0.5", "beam search draws nothing"),
    ("compose {runs}/lyrics-lstm --strategy beam --top-k 3", "beam search draws nothing"),
    ("compose {runs}/lyrics-lstm --prompt ''", "nothing of the prompt"),
    ("compose {runs}/lyrics-lstm --compare --prompt ''", "nothing of the prompt"),
    ("compose {runs}/lyrics-lstm --compare --n 2", "one piece of each kind"),
    ("compose {runs}/lyrics-lstm --compare --formats mid", "leave out --formats"),
    ("compose {runs}/lyrics-lstm --compare --top-p 0", "top_p must be in (0, 1], got 0"),
    ("compose {runs}/lyrics-lstm --compare --beams 0", "beams must be from 1"),
    ("compose {runs}/lyrics-lstm --compare --length 0", "length must be above 0"),
    ("compose {runs}/lyrics-lstm --compare --begin nothing --bars 2", "no bars to count"),
    ("compose {runs}/lyrics-lstm --compare --bars 2 --length 2", "give one of bars"),
    ("compose {runs}/lyrics-lstm --comparre", "did you mean --compare"),
    ("compose {runs}/lyrics-lstm --compare --out {runs}/texts/song00.txt", "is a file"),
    ("compose {runs}/nowhere --compare", "no run folder"),
    ("compose {runs}/pianoroll-lstm --no-repeat 2 --length 4", "no_repeat is for runs of single symbols"),
    ("compose {runs}/pianoroll-lstm --strategy beam --length 4", "beam search is for runs of single symbols"),
    ("compose {runs}/pianoroll-lstm --compare --no-repeat 2 --length 4", "no_repeat is for runs of single symbols"),
    ("compose {runs}/pianoroll-lstm --compare --prompt nowhere.mid", "there is no file 'nowhere.mid'"),
    ("compose {runs}/pianoroll-lstm --compare --prompt {runs}/texts/song00.txt", "continues music"),
    ("evaluate {runs}/lyrics-lstm --piece {runs}/music/piece00.mid", "this run knows text"),
    ("train event-transformer --corpus {runs}/music --pretrained gpt2", "goes on from no checkpoint"),
]


@pytest.mark.parametrize(("line", "said"), BAD, ids=[line.split("/", 1)[-1] for line, _ in BAD])
def test_bad_input_is_one_sentence(erato, runs, line, said):
    code, out, err = erato(*shlex.split(line.format(runs=runs)))
    assert (code, out) == (1, "")
    assert said in err
    assert err.startswith("erato: ") and err.count("\n") == 1
    assert not Path("here").exists()


def test_the_checkpoint_to_go_on_from_arrives(monkeypatch, erato):
    given = {}

    def train(*_, **settings):
        given.update(settings)
        raise cli.UsageError("called.")

    monkeypatch.setattr(pipeline, "train", train)
    erato("train", "gpt2", "--pretrained", "a/folder")
    assert given["pretrained"] == "a/folder"
    erato("train", "gpt2")
    assert given["pretrained"] is None


def test_every_command_of_the_page_on_decoding_runs(erato, runs):
    page = (ROOT / "docs" / "decoding.md").read_text("utf-8")
    commands = re.findall(r"^    erato (.*)$", page, re.M)
    assert len(commands) >= 6
    for command in commands:
        line = command.replace("runs/lyrics-lstm-chorale-lyrics-001", str(runs / "lyrics-lstm"))
        line = re.sub(r"--length \d+", "--length 8", line).replace("Wer nur", "the")
        assert line != command
        assert erato(*shlex.split(line), "--out", "here")[0] == 0, command


def test_the_numbers_of_the_page_on_decoding_are_what_sampling_does():
    import torch

    from erato.sampling import Sampler, filtered

    settings = {
        "drawing, as it is": Sampler(),
        "top-k, k = 2": Sampler(top_k=2),
        "top-p, p = 0.6": Sampler(top_p=0.6),
        "top-p, p = 0.8": Sampler(top_p=0.8),
        "top-p, p = 0.95": Sampler(top_p=0.95),
        "min-p, 0.2": Sampler(min_p=0.2),
        "temperature 0.5": Sampler(temperature=0.5),
        "temperature 2": Sampler(temperature=2.0),
    }
    page = (ROOT / "docs" / "decoding.md").read_text("utf-8")
    for name, sampler in settings.items():
        row = re.search(rf"^\| {re.escape(name)} \|(.*)\|(.*)\|(.*)\|$", page, re.M)
        said = [float(cell) if cell.strip() else 0.0 for cell in row.groups()]
        found = filtered(torch.tensor([[0.7, 0.2, 0.1]]).log(), sampler).softmax(-1)[0].tolist()
        assert said == pytest.approx(found, abs=0.0051), name
