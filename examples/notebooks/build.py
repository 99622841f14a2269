"""Runs the notebooks of this folder and writes them with what came out.

    python examples/notebooks/build.py [NAME ...]        all of them, if none is named

In: NAME.py, a notebook as Python: `# %%` begins a cell of code, `# %% [markdown]` one of words. Out: NAME.ipynb.
What a cell says on standard error, and an address of this machine, are refused: neither belongs into a notebook that
others read. Knows nothing of what the notebooks are about.
"""

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
LIMIT = 700_000  # bytes of a notebook
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{64,}")
_MARK = re.compile(r"^# %%(?: \[(markdown)\])?$", re.MULTILINE)


def names() -> list[str]:
    """Of all notebooks."""
    return sorted(path.stem for path in HERE.glob("*.py") if path != Path(__file__))


def cells(source: str) -> list[tuple[str, str]]:
    """The cells of a notebook that is written as Python: kind ("code" or "markdown"), text."""
    _, *parts = _MARK.split(source)
    found = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        if mark:
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
        found.append((mark or "code", text.strip()))
    return found


def notebook(source: str) -> Any:
    """The notebook, which nobody ran; its cells have the same names every time."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    for number, (kind, text) in enumerate(cells(source), 1):
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
        made.cells.append(new(text, id=f"cell-{number:02d}"))
    return made


def run(made: Any, folder: Path) -> None:
    """Runs all cells in a kernel of its own that writes to `folder`; keeps what comes out, raises where a cell does."""
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(made, timeout=600, record_timing=False, resources=where)
    client.execute(env={**os.environ, "TMPDIR": str(folder)})
    made.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}


def troubles(made: Any) -> list[str]:
    """What keeps a notebook from being given to others, a sentence each."""
    size = len(nbformat.writes(made).encode())
    said = [
        f"{cell.id} says on standard error: {output.text[:200]}"
        for cell in made.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    if size > LIMIT:
        said.append(f"it has {size:,} bytes, and {LIMIT:,} are allowed")
    here = {str(Path.home()), str(HERE.parents[1]), tempfile.gettempdir()} - {"/"}
    return said + [
        f"it names {folder}, which is of this machine alone" for folder in sorted(here) if folder in words(made)
    ]


def words(made: Any) -> str:
    """All that a notebook says, without its pictures and sounds, whose base64 may read like anything."""
    return _BASE64.sub("", nbformat.writes(made))


def build(name: str) -> None:
    """Runs one notebook in a folder that is deleted afterwards, and writes it; SystemExit where something is wrong."""
    made = notebook((HERE / f"{name}.py").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        run(made, Path(folder))
    if found := troubles(made):
        sys.exit(f"{name}: {'; '.join(found)}.")
    nbformat.validate(made)
    path = HERE / f"{name}.ipynb"
    path.write_text(nbformat.writes(made) + "\n", "utf-8")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    for one in sys.argv[1:] or names():
        build(one)
