"""Every recipe of music trained on one corpus with one budget of minutes, and all of them compared on its test part.

    python benchmarks/leaderboard.py bach-chorales [FOLDER ...] [--minutes 3] [--n 24] [--runs DIR] [--recipes A,B]
                                     [--results docs/results.md]

Training runs one after the other, with all threads torch takes; one that has finished is not trained again. --results
writes each corpus as a section between the two marks of that file, with the machine and the date, in place of the
section on that corpus that is there: no number is typed in.
"""

import argparse
import os
import platform
from datetime import date
from pathlib import Path

import torch

from erato import pipeline
from erato.contest import Contest, contest
from erato.errors import EratoError
from erato.files import write_text
from erato.picturing.contest import table_of, write_contest
from erato.progress import reporter
from erato.recipes import RECIPES
from erato.renderers.result_tables import markdown_text
from erato.run import Run
from erato.training import is_finished

BEGIN, END = "<!-- leaderboard: written by benchmarks/leaderboard.py -->", "<!-- end of the leaderboard -->"
HEAD = "### `"  # and the name of the corpus
TOO_LARGE = ("pianonet-large", "musegan")  # for a GPU; their smaller twins are here


def recipes() -> list[str]:
    """The recipes of music that one laptop trains."""
    return [name for name, one in RECIPES.items() if one.representation.kind == "music" and name not in TOO_LARGE]


def trained(name: str, corpus: str, minutes: float, folder: Path) -> Run | str:
    """The run of a recipe on a corpus, trained where it is not yet; or why there is none."""
    out = folder / f"{name}-{Path(corpus).name}"
    try:
        if is_finished(out):
            return pipeline.load(out)
        with reporter(False) as shown:
            return pipeline.train(name, corpus, out, minutes=minutes, reporter=shown)
    except EratoError as error:
        return str(error)


def section(corpus: str, minutes: float, found: Contest, refused: dict[str, str]) -> str:
    """A corpus in Markdown."""
    said = [f"- `{name}` has no run: {why}" for name, why in refused.items()]
    head = f"{HEAD}{Path(corpus).name}`, {minutes:g} minutes each"
    return "\n".join([head, "", f"Measured on {machine()}.", "", markdown_text(table_of(found)).strip(), *said])


def name_of(section: str) -> str:
    """The corpus that a section is about."""
    return section.removeprefix(HEAD).split("`")[0]


def machine() -> str:
    """What it was measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores of {name}, {torch.get_num_threads()} threads, {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, {date.today():%d %B %Y}"
    )


def written(results: Path, sections: list[str]) -> None:
    """Puts the sections between the marks of a file, or at its end, each in place of the one on the same corpus."""
    text = results.read_text("utf-8") if results.is_file() else ""
    before, mark, rest = text.partition(BEGIN)
    there, _, after = rest.partition(END) if mark else ("", "", "\n")
    found = {name_of(one): one for one in [HEAD + one.strip() for one in there.split(HEAD)[1:]] + sections}
    inside = "\n\n".join([BEGIN, *found.values(), END])
    write_text(results, f"{before.rstrip()}\n\n{inside}{after}" if before.strip() else f"{inside}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--runs", type=Path, default=Path("runs/leaderboard"))
    parser.add_argument("--recipes", default=",".join(recipes()))
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    sections = []
    for corpus in given.corpora:
        runs: list[Run] = []
        refused: dict[str, str] = {}
        for name in given.recipes.split(","):
            print(f"{name} on {corpus}", flush=True)
            found = trained(name, corpus, given.minutes, given.runs)
            if isinstance(found, str):
                print(f"  none: {found}", flush=True)
                refused[name] = found
            else:
                runs.append(found)
        with reporter(False) as shown:
            compared = contest(runs, n=given.n, reporter=shown)
        for suffix in (".json", ".csv", ".html"):
            write_contest(given.runs / f"{Path(corpus).name}{suffix}", compared)
        sections.append(section(corpus, given.minutes, compared, refused))
        print(sections[-1], flush=True)
    if given.results:
        written(given.results, sections)


if __name__ == "__main__":
    main()
