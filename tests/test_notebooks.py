"""The notebooks in examples/: whole and current as they lie there, and, slowly, run from the first cell to the last."""

import importlib.util
import re
from base64 import b64decode
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
_SPEC = importlib.util.spec_from_file_location("build_notebooks", FOLDER / "build.py")
build = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(build)

TEXT = {"char-lstm", "gpt2", "lyrics-lstm", "word-transformer"}
MUSIC = {"musegan-small", "note-chord-lstm", "note-lstm", "pianonet", "pianoroll-lstm"}
WITH_SCORE = {"musegan-small", "note-chord-lstm", "pianoroll-lstm"}  # music that has bars


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def outputs(made):
    return [output for cell in made.cells for output in cell.get("outputs", ())]


def pages(made):
    """What the cells show as HTML."""
    return [output.data["text/html"] for output in outputs(made) if "text/html" in output.get("data", ())]


def test_there_is_a_notebook_for_each_tutorial_system():
    assert set(build.names()) == TEXT | MUSIC
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == TEXT | MUSIC


@pytest.mark.parametrize("name", sorted(TEXT | MUSIC))
def test_a_notebook_lies_there_as_it_was_run(name):
    made = read(name)
    nbformat.validate(made)
    assert build.troubles(made) == []
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 700_000
    fresh = build.notebook((FOLDER / f"{name}.py").read_text("utf-8"))
    seen = [(cell.id, cell.cell_type, cell.source) for cell in made.cells]
    assert seen == [(cell.id, cell.cell_type, cell.source) for cell in fresh.cells], "run build.py: it is out of date"
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code[1:]), "each cell but the imports shows something"
    assert {output.output_type for output in outputs(made)} <= {"execute_result", "stream"}
    inside = [b64decode(found) for page in pages(made) for found in re.findall(r"base64,([A-Za-z0-9+/=]+)", page)]
    assert not any(re.search(rb"/(home|root|tmp|work|Users)/", one) for one in [build.words(made).encode(), *inside])


@pytest.mark.parametrize("name", sorted(TEXT | MUSIC))
def test_a_notebook_shows_run_pieces_and_results(name):
    made = read(name)
    html = pages(made)
    assert any("How it learned" in page and "data:image/svg+xml" in page for page in html)
    assert any("<audio" in page if name in MUSIC else "<pre" in page for page in html)
    assert name == "gpt2" or any("How this was measured" in page for page in html)
    pictures = [output for output in outputs(made) if "image/png" in output.get("data", ())]
    assert bool(pictures) == (name in WITH_SCORE)
    assert "What to try next" in made.cells[-1].source


def test_a_source_becomes_cells():
    source = "# %% [markdown]\n# # Title\n#\n# some *words*\n\n# %%\nx = 1\nx\n\n# %%\n# a comment stays\n"
    assert build.cells(source) == [
        ("markdown", "# Title\n\nsome *words*"),
        ("code", "x = 1\nx"),
        ("code", "# a comment stays"),
    ]
    assert [cell.id for cell in build.notebook(source).cells] == ["cell-01", "cell-02", "cell-03"]


def test_what_others_should_not_see_is_found():
    made = build.notebook("# %%\nprint(1)\n")
    assert build.troubles(made) == []
    made.cells[0].outputs = [nbformat.v4.new_output("stream", name="stderr", text="Warning: slow")]
    assert build.troubles(made) == ["cell-01 says on standard error: Warning: slow"]
    made.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"written to {FOLDER / 'run'}")]
    assert len(build.troubles(made)) >= 1 and "of this machine alone" in build.troubles(made)[0]
    made.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="x" * 700_000)]
    assert "700,000 are allowed" in build.troubles(made)[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TEXT | MUSIC))
def test_a_notebook_runs(name, tmp_path):
    made = build.notebook((FOLDER / f"{name}.py").read_text("utf-8"))
    build.run(made, tmp_path)
    assert [output for output in outputs(made) if output.get("name") == "stderr"] == []
    assert len(nbformat.writes(made).encode()) < 1.1 * build.LIMIT
    then = [[output.output_type for output in cell.get("outputs", ())] for cell in read(name).cells]
    assert [[output.output_type for output in cell.get("outputs", ())] for cell in made.cells] == then
    assert list(tmp_path.glob("**/recipe.json")), "runs lie in the temporary folder"
    assert not list(FOLDER.glob("**/recipe.json"))
