"""A run folder in, pictures of how it learned out: curves, a drawing of the model, or one page with all there is.

Also of a run that is still learning, or whose folder is damaged: what is there is shown, what is missing is said, and
no weights are needed. Knows nothing of HTML or of how curves are drawn.
"""

from collections.abc import Iterable
from pathlib import Path

from erato import files
from erato.errors import RunError, UsageError
from erato.picturing import metrics
from erato.picturing.page import write_page
from erato.picturing.seen import Seen, is_run
from erato.renderers.curves import curves_png, curves_svg
from erato.renderers.model_drawing import model_png, model_svg
from erato.run import Run

__all__ = ["PICTURES", "check_names", "is_run", "picture"]

PICTURES = (".html", ".curves.svg", ".curves.png", ".model.svg", ".model.png")


def _kind_of(path: Path) -> str:
    """Which of `PICTURES` a file is; UsageError for any other."""
    kind = next((suffix for suffix in PICTURES if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise UsageError(
            f"a run is drawn as {', '.join(PICTURES[:-1])} or {PICTURES[-1]}, and {path.name} is none of these: "
            f"name it {path.stem.split('.')[0] or 'run'}{PICTURES[0]} for the page with all of them."
        )
    return kind


def check_names(paths: Iterable[str | Path]) -> None:
    """UsageError for a file that no picture of a run can be."""
    for path in paths:
        _kind_of(Path(path))


def picture(run: Run | str | Path, path: str | Path) -> Path:
    """Draws a run, or the folder of one, as the suffix of `path` says; overwrites.

    Raises UsageError for another suffix, RunError where there is no run, or nothing of what is asked for.
    """
    path = Path(path)
    kind, seen = _kind_of(path), Seen(run)
    if kind == ".html":
        write_page(path, seen)
    elif kind.startswith(".curves"):
        if not seen.lines:
            raise RunError(f"{seen.folder} has no evaluation to draw yet: try again later, or ask for the page.")
        chart = metrics.chart(seen.lines, seen.batches, seen.objective, seen.title)
        files.write_bytes(path, curves_svg(chart).encode() if kind.endswith("svg") else curves_png(chart))
    else:
        if seen.model is None:
            raise RunError(seen.trouble)
        drawing = seen.drawing(*seen.model)
        files.write_bytes(path, model_svg(drawing).encode() if kind.endswith("svg") else model_png(drawing))
    return path
