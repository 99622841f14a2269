"""The demonstration: Bach's chorales learned in a minute and a half, four new, and a page that plays and shows them."""

from pathlib import Path

from erato import pipeline
from erato.errors import RunError
from erato.renderers.page import write_page_of
from erato.reporter import Reporter

_SEEDS = (1, 2, 3, 4)
_BARS = 8


def demo(minutes: float, out: Path | None, reporter: Reporter) -> Path:
    """Trains, composes pieces with seeds 1 to 4, writes MIDI and PNG of each, and the page whose path it returns."""
    folder = out or next(path for path in (Path("demo") / f"{n:03d}" for n in range(1, 10**6)) if not path.exists())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists: give the name of a new folder with --out.")
    run = pipeline.train("event-transformer", "bach-chorales", folder / "run", minutes=minutes, reporter=reporter)
    samples = run.sample(n=len(_SEEDS), seed=_SEEDS[0], bars=_BARS)
    run.write(samples, folder / "pieces", ["mid", "png"])
    page = folder / "index.html"
    intro = (
        "Composed on this computer by a small Transformer that had learned from "
        f"{run.manifest['corpus']} for {minutes:g} minutes. "
        "The pieces are as they came, with seeds 1 to 4; none was picked or touched up."
    )
    pieces = [(f"Chorale {number}", sample.piece, run.about(sample)) for number, sample in enumerate(samples, 1)]
    write_page_of(page, "Four new chorales", intro, pieces, run.origin())
    return page
