"""The command line: each command is one function that prints what one call of `erato.pipeline` gives.

Results go to standard output, progress and notes to standard error; a person's mistake is one sentence and exit code 1.
"""

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from erato.cli_compose import compose
from erato.cli_evaluate import compare, evaluate
from erato.cli_listen import listen
from erato.cli_options import parse
from erato.cli_output import print_json, reporter_for
from erato.cli_render import render, replay
from erato.cli_studio import studio
from erato.errors import EratoError, UsageError
from erato.terminal import plain


def main(arguments: Sequence[str] | None = None) -> None:
    """The `erato` command; leaves with 0, 1 (a mistake, one sentence) or 130 (Ctrl-C)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except EratoError as error:
        print(plain(f"erato: {error}"), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("erato: stopped; what was finished is kept.", file=sys.stderr)
        code = 130
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        print("erato: the memory does not suffice: make batch, windows, beams or the model smaller.", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        where = f"cannot use {error.filename}: " if error.filename else ""
        print(plain(f"erato: {where}{error.strerror or error}."), file=sys.stderr)
        code = 1
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Parses and does one command; the exit code. Raises what `main` turns into sentences."""
    given = parse(arguments)
    return _ACTIONS[given.command](given) if given.command else 0


def _list(given: argparse.Namespace) -> int:
    from erato import pipeline

    found = pipeline.catalogue()
    if given.what:
        found = {given.what: found[given.what]}
    if given.json:
        print_json(found)
        return 0
    for kind, rows in found.items():
        print(f"{kind}:")
        width = max(len(row["name"]) for row in rows)
        for row in rows:
            print(f"  {row['name']:<{width}}  {row['summary']}")
    return 0


def _check(given: argparse.Namespace) -> int:
    from erato import corpora, files  # not the pipeline, which takes a second to import
    from erato.cli_tables import print_report

    with reporter_for(given.json) as reporter:
        report = corpora.check(Path(given.path), max_files=given.max_files, progress=reporter.progress)
    found = report.to_json()
    if given.json:
        print_json(found)
    else:
        print_report(found)
    if given.report or not given.json:
        path = Path(given.report or "erato-check.json")
        if path.exists() and not _is_report(path):
            raise UsageError(f"{path} exists and is not a report of erato check: name another file with --report.")
        files.write_json(path, {"erato check": str(given.path), **found})
        print(f"The whole report is in {path}.", file=sys.stderr)
    if not found["used"]:
        raise UsageError(
            f"{given.path} holds no file that Erato can learn from: give a folder with MIDI, MusicXML, ABC or text."
        )
    return 0


def _is_report(path: Path) -> bool:
    try:
        return "erato check" in json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _train(given: argparse.Namespace) -> int:
    from erato import pipeline
    from erato.models.describe import count_parameters
    from erato.training.log import read_metrics

    with reporter_for(given.json) as reporter:
        run = pipeline.train(
            given.recipe,
            given.corpus,
            given.out,
            minutes=given.minutes,
            steps=given.steps,
            epochs=given.epochs,
            settings=given.set,
            keep_every=given.keep_every,
            track=given.track,
            max_files=given.max_files,
            only=given.only,
            from_file=given.from_file,
            precision=given.precision,
            pretrained=given.pretrained,
            import_run=given.import_run,
            import_data=given.import_data,
            seed=given.seed,
            reporter=reporter,
        )
    metrics = read_metrics(run.folder)
    best = min(line["valid_loss"] for line in metrics)
    found = {
        "run": str(run.folder),
        "steps": metrics[-1]["step"],
        "seconds": metrics[-1]["seconds"],
        "best_loss": best,
        "parameters": count_parameters(run.model),
    }
    if given.json:
        print_json(found)
    else:
        measure, unit = run.recipe.objective.measure, run.recipe.objective.unit
        print(f"Trained {found['steps']} steps in {found['seconds']:.0f} s; best {measure} {best:.4f} {unit}.")
        print(f"The run is {run.folder}. Compose with it: erato compose {run.folder}")
        print(f"See how it learned: erato render {run.folder} training.html")
    return 0


def _demo(given: argparse.Namespace) -> int:
    from erato import demo

    with reporter_for(False) as reporter:
        page = demo.demo(given.minutes, Path(given.out) if given.out else None, reporter)
    print(f"Four new chorales are in {page.parent / 'pieces'}, and the page that shows them is {page}")
    if not given.no_open and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(page.absolute().as_uri())
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "check": _check,
    "train": _train,
    "compose": compose,
    "evaluate": evaluate,
    "compare": compare,
    "render": render,
    "replay": replay,
    "listen": listen,
    "studio": studio,
    "demo": _demo,
}
