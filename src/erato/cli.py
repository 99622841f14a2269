"""The command line: parsing and printing, nothing else. Each command is one function and one call of `erato.pipeline`.

Results go to standard output, progress and notes to standard error; a person's mistake is one sentence and exit code 1.
"""

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato.cli_options import parse
from erato.errors import EratoError, UsageError
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.composing import Sample
    from erato.pipeline import Run
    from erato.reporter import Reporter
    from erato.sampling import Beams
    from erato.score import Piece


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


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def _reporter(quiet: bool) -> "Reporter":
    from erato.progress import reporter

    return reporter(quiet)


def _list(given: argparse.Namespace) -> int:
    from erato import pipeline

    found = pipeline.catalogue()
    if given.what:
        found = {given.what: found[given.what]}
    if given.json:
        _print_json(found)
        return 0
    for kind, rows in found.items():
        print(f"{kind}:")
        width = max(len(row["name"]) for row in rows)
        for row in rows:
            print(f"  {row['name']:<{width}}  {row['summary']}")
    return 0


def _check(given: argparse.Namespace) -> int:
    from erato import corpora, files  # not the pipeline, which takes a second to import

    with _reporter(given.json) as reporter:
        report = corpora.check(Path(given.path), max_files=given.max_files, progress=reporter.progress)
    found = report.to_json()
    if given.json:
        _print_json(found)
    else:
        _print_report(found)
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


def _print_report(found: dict[str, Any]) -> None:
    print(
        f"{found['files']:,} files: {found['used']:,} used ({found['pieces']:,} pieces, {found['notes']:,} notes), "
        f"{found['duplicates']:,} duplicates, {len(found['skipped']):,} skipped."
    )
    reasons: dict[str, list[dict[str, str]]] = {}
    for skipped in found["skipped"]:
        reasons.setdefault(skipped["reason"], []).append(skipped)
    for reason, files in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"  {len(files):>6,}  {reason}, for example {plain(files[0]['file'])}: {plain(files[0]['message'])}")
    if found["flagged"]:
        first = found["flagged"][0]
        lost = ", ".join(f"{count} {what}" for what, count in first["lost"].items())
        print(f"  {len(found['flagged']):>6,}  used, but not whole, for example {plain(first['file'])}: {lost}")


def _train(given: argparse.Namespace) -> int:
    from erato import pipeline
    from erato.models.describe import count_parameters
    from erato.training.log import read_metrics

    with _reporter(given.json) as reporter:
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
        _print_json(found)
    else:
        measure, unit = run.recipe.objective.measure, run.recipe.objective.unit
        print(f"Trained {found['steps']} steps in {found['seconds']:.0f} s; best {measure} {best:.4f} {unit}.")
        print(f"The run is {run.folder}. Compose with it: erato compose {run.folder}")
        print(f"See how it learned: erato render {run.folder} training.html")
    return 0


def _compose(given: argparse.Namespace) -> int:
    from erato import pipeline, provenance
    from erato.renderers import renderers_for

    beams, changes = _how(given)
    _refuse_live(given)
    run = pipeline.load(given.run, given.checkpoint)
    out = Path(given.out) if given.out else run.folder / "pieces"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give a folder with --out.")
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not os.access(there, os.W_OK):
        raise UsageError(f"nothing may be written in {there}: give another folder with --out.")
    phrases = _phrases(given, run)
    if given.compare:
        return _compare(given, run, out, beams, changes)
    reads = run.representation.kind == "text" and not given.json  # the text itself is what people look at
    streams = reads and given.n == 1 and beams is None
    with _reporter(given.json or streams or given.live == "-") as reporter:
        renderers_for(_formats(given, run), run.representation.kind)
        if beams is not None:
            changes["beams"] = beams
        if reads and given.n == 1:
            changes["stream"] = _show
        asked = {"reporter": reporter, **_asked(given), **phrases, **changes}
        if given.live is not None:
            samples, written = _live(given, run, asked, lambda samples: _write(given, run, samples, out)[0])
            page = None
        else:
            samples = run.sample(given.prompt, **asked)
            if "given" in phrases and not isinstance(phrases["given"], Path):  # a piece of a corpus has no name
                samples = [replace(one, record=provenance.named(one.record, "given", given.given)) for one in samples]
            written, page = _write(given, run, samples, out)
    rows: list[dict[str, Any]] = [
        {
            "path": str(paths[0]),
            "seed": sample.seed,
            "log_prob": sample.log_prob,
            "score": sample.score,
            "symbols": sample.symbols,
            "bars": sample.bars,
            "seconds": sample.seconds,
            "made": {**provenance.facts(sample.record), **sample.made},
            "files": [str(path) for path in paths],
        }
        for sample, paths in zip(samples, written, strict=True)
    ]
    if given.json:
        _print_json({"pieces": rows, "page": None if page is None else str(page)})
        return 0
    if reads and given.n == 1:
        print()
    for row, sample in zip(rows, samples, strict=True):
        if reads and given.n > 1:
            _show(f"{sample.piece}\n\n")
        length = f"{row['bars']} bars, " if row["bars"] is not None else ""
        length += f"{row['seconds']:.1f} s, " if row["seconds"] is not None else ""
        said = f"seed {row['seed']}: {length}{row['symbols']} symbols -> {', '.join(row['files'])}"
        alone = reads or given.live == "-"  # a text, or what is played, alone goes where it is sent
        print(plain(said), file=sys.stderr if alone else sys.stdout)
    if page is not None:
        print(plain(f"The page that compares them: {page}"), file=sys.stderr if reads else sys.stdout)
    return 0


def _formats(given: argparse.Namespace, run: "Run") -> list[str]:
    return given.formats.split(",") if given.formats else run.formats


def _write(
    given: argparse.Namespace, run: "Run", samples: "Sequence[Sample]", out: Path
) -> "tuple[Written, Path | None]":
    """The files of each piece, and, where no formats were asked for, a page: of one piece among these, else of all."""
    alone = not given.formats and len(samples) == 1
    written = run.write(samples, out, [*_formats(given, run), *(["html"] if alone else [])])
    return written, None if given.formats or alone else run.write_page(samples, written)


def _refuse_live(given: argparse.Namespace) -> None:
    """UsageError for what cannot be had together with --live."""
    if given.live is not None and given.compare:
        raise UsageError("what is compared is not played: leave out --live, or --compare.")
    if given.live == "-" and given.json:
        raise UsageError("--live and --json both write to standard output: leave one out, or play on a MIDI port.")


Written = list[list[Path]]  # the files of each piece


def _live(
    given: argparse.Namespace, run: "Run", asked: dict[str, Any], write: "Callable[[list[Sample]], Written]"
) -> "tuple[list[Sample], Written]":
    """The piece that was played while it was composed, and its files, which Ctrl-C at its end does not lose."""
    from erato import live, live_sinks

    live.playable(run)  # before a port is opened
    written: Written = []
    try:
        with live_sinks.opened(given.live, given.program, asked["reporter"]) as sink:
            sample = live.play(
                run, sink, given.prompt, composed=lambda sample: written.extend(write([sample])), **asked
            )
    except KeyboardInterrupt:
        for files in written:
            asked["reporter"].note(f"The piece was whole: {', '.join(map(str, files))}.")
        raise
    return [sample], written


def _asked(given: argparse.Namespace) -> dict[str, Any]:
    """What was said of the pieces, so that each kind of run sees only what was asked of it."""
    names = ("n", "seed", "bars", "seconds", "length", "begin", "step", "program", "may_end", "draft")
    return {name: getattr(given, name) for name in names if _said(getattr(given, name))}


def _said(value: Any) -> bool:
    return value is not None and value is not False  # a seed may be 0


def _phrases(given: argparse.Namespace, run: "Run") -> dict[str, Any]:
    """What was said of latents and given tracks, which only runs that write whole phrases have."""
    names = ("chords", "style", "melody", "groove", "morph", "morph_steps", "one_piece", "given", "given_tracks")
    found = {name: getattr(given, name) for name in names if _said(getattr(given, name))}
    if not found:
        return {}
    from erato.phrase_run import PhraseRun

    if not isinstance(run, PhraseRun):
        said = ", ".join(f"--{name.replace('_', '-')}" for name in found)
        raise UsageError(f"{said} is for runs that write whole phrases, as musegan: leave it out.")
    if "given" in found:
        found["given"] = _piece(given.given)
    if "given_tracks" in found:
        found["given_tracks"] = given.given_tracks.split(",")
    return found


def _piece(name: str) -> "Piece | Path":
    """The path of a file, or the piece that CORPUS:PIECE names."""
    from erato import pipeline

    return Path(name) if Path(name).is_file() else pipeline.find_piece(name)[0]


def _how(given: argparse.Namespace) -> "tuple[Beams | None, dict[str, Any]]":
    """How to search, if that was asked for, and what was set of drawing."""
    names = ("top_k", "top_p", "min_p", "typical_p", "no_repeat", "repetition_penalty", "edges")
    changes: dict[str, Any] = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    if given.temperature is not None:
        one = len(given.temperature) == 1
        changes |= {"temperature": given.temperature[0]} if one else {"temperatures": given.temperature}
    if given.strategy in ("sample", "greedy"):
        changes["greedy"] = given.strategy == "greedy"
    searched: dict[str, Any] = {
        name: getattr(given, name) for name in ("beams", "length_penalty") if getattr(given, name) is not None
    }
    if given.early_stopping:
        searched["early_stopping"] = True
    if searched and given.strategy not in (None, "beam"):
        said = ", ".join(f"--{name.replace('_', '-')}" for name in searched)
        raise UsageError(f"{said} is for a beam search: leave it out, or give --strategy beam.")
    if not searched and given.strategy != "beam":
        return None, changes
    from erato.sampling import Beams

    return Beams(**searched), changes


def _compare(given: argparse.Namespace, run: "Run", out: Path, beams: "Beams | None", changes: dict[str, Any]) -> int:
    from erato import comparing

    if given.n != 1:
        raise UsageError(f"a comparison has one piece of each kind: leave out --n {given.n}, or --compare.")
    if given.may_end:
        raise UsageError("what is compared is equally long: leave out --may-end, or --compare.")
    if given.formats:
        raise UsageError("a comparison is a page with files of its own: leave out --formats, or --compare.")
    with _reporter(given.json) as reporter:
        comparison = comparing.compare(
            run,
            given.prompt,
            seed=given.seed,
            length=given.length,
            bars=given.bars,
            seconds=given.seconds,
            begin=given.begin,
            step=given.step,
            program=given.program,
            beams=beams,
            reporter=reporter,
            **changes,
        )
        found = comparing.write(run, comparison, out, reporter)
    if given.json:
        _print_json(found)
        return 0
    _print_comparison(found["comparison"])
    print(f"The page is {found['page']}.")
    if found["trees"]:
        print(f"What was considered is drawn in {', '.join(found['trees'])}.")
    return 0


_WIDE = 110  # columns that a table needs
_BEGINNING = 400  # characters of a text in it
_COUNTS = {
    "log_prob_per_symbol": "log-prob\na symbol",
    "distinct_1": "distinct-1",
    "distinct_2": "-2",
    "distinct_3": "-3",
    "longest_repeat": "longest\nrepeat",
    "longest_loop": "longest\nloop",
    "took": "seconds",
}


def _print_comparison(rows: list[dict[str, Any]]) -> None:
    """Side by side where the terminal has room, else one under the other."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def made(row: dict[str, Any]) -> str:
        return next((str(row[what]) for what in ("refused", "text", "path") if row.get(what) is not None), "")

    def count(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"

    console = Console()
    if not console.is_terminal or console.width < _WIDE:
        for row in rows:
            counts = [f"{name} {count(row[key])}".replace("\n", " ") for key, name in _COUNTS.items()]
            print(f"--- {row['name']}{'' if row['refused'] else ': ' + ', '.join(counts)}\n{made(row)}\n")
        return
    table = Table("", *_COUNTS.values(), "", show_lines=True)
    for row in rows:
        cells = [Text("" if row["refused"] else count(row[key]), justify="right") for key in _COUNTS]
        text = made(row)
        table.add_row(row["name"], *cells, Text(text[:_BEGINNING] + ("…" if len(text) > _BEGINNING else "")))
    console.print(table)


def _show(text: str) -> None:
    """Prints composed text: to a file or a program exactly, to a terminal so that it only shows it."""
    print(plain(text) if sys.stdout.isatty() else text, end="", flush=True)


def _evaluate(given: argparse.Namespace) -> int:
    from erato import pipeline

    with _reporter(given.json) as reporter:
        run = pipeline.load(given.run, given.checkpoint)
        if given.piece and (given.corpus or given.split):
            raise UsageError("--piece is one piece, read whole: leave out --corpus and --split, or --piece.")
        if given.piece:
            found = run.score(Path(given.piece), reporter=reporter).to_json()
        else:
            found = run.evaluate(given.corpus, split=given.split, reporter=reporter).to_json()
    if given.json:
        _print_json(found)
        return 0
    from erato.cli_tables import print_costs, print_features

    if found["features"] is not None:
        print_features(found)
        print(found["protocol"])
        return 0
    what = given.piece or f"{found['pieces']:,} pieces of the {found['split']} part"
    print(f"{what}, {found['symbols']:,} symbols:")
    print_costs(found)
    print(found["protocol"])
    return 0


def _render(given: argparse.Namespace) -> int:
    from erato import rendering  # not the pipeline, which takes a second to import
    from erato.renderers import renderers_for
    from erato.renderers.base import About

    of_run = Path(given.piece).is_dir() and _pictures_of_run(given)
    if not of_run:
        renderers_for(["".join(Path(out).suffixes[-2:]) for out in given.out])
    if given.surprise is not None:
        rendering.refuse_without_roll(given.out)
    soundfont = Path(given.soundfont) if given.soundfont else None
    if not of_run:
        rendering.refuse_without_sound(given.out, soundfont, given.stems)
    for out in given.out:
        if Path(out).is_dir():
            raise UsageError(f"{out} is a folder: give the name of a file to write.")
        if Path(out).exists() and not given.force:
            raise UsageError(f"{out} exists: give another name, or --force to overwrite it.")
    with _reporter(given.json) as reporter:
        if of_run:
            from erato import picturing

            files = [str(picturing.picture(given.piece, out)) for out in given.out]
        else:
            piece, title = rendering.find_piece(given.piece, reporter)
            rendering.refuse_kind(piece, given.out)
            about = About(title)
            if given.surprise is not None:
                from erato import pipeline

                piece, about = pipeline.surprised(piece, given.surprise, title, reporter)
            piece, about = rendering.excerpt_with(piece, about, given.first, given.last)
            stems = rendering.write_stems(piece, given.out, about, soundfont, given.force) if given.stems else []
            written = rendering.write_all(piece, given.out, about, soundfont, reporter)
            files = [str(path) for path in [*written, *stems]]
    if given.json:
        _print_json({"files": files})
    else:
        print("\n".join(map(plain, files)))
    return 0


def _pictures_of_run(given: argparse.Namespace) -> bool:
    """Whether pictures of a run are asked for, and can be had as they are asked for."""
    from erato import picturing

    if not picturing.is_run(given.piece):
        return False
    picturing.check_names(given.out)
    if (given.first, given.last, given.surprise) != (None, None, None):
        raise UsageError("a run has no bars and no notes: leave out --from, --to and --surprise.")
    if given.soundfont or given.stems:
        raise UsageError("a run has no sound: leave out --soundfont and --stems.")
    return True


def _replay(given: argparse.Namespace) -> int:
    from erato import pipeline

    if given.out and Path(given.out).is_file():
        raise UsageError(f"{given.out} exists: give another name with --out.")
    handed = None if given.given is None else _piece(given.given)
    with _reporter(given.json) as reporter:
        found = pipeline.replay(given.file, given.run, prompt=given.prompt, given=handed, reporter=reporter)
    out = [str(path) for path in found.write(given.out)] if given.out else []
    if given.json:
        said = {"identical": found.identical, "reason": found.reason or None, "notes": found.notes}
        _print_json({"file": given.file, **said, "files": [*found.files], "record": found.sample.record, "out": out})
    elif found.identical:
        print("\n".join(plain(f"{name} made again, byte-identical.") for name in found.files))
    if out and not given.json:
        print(plain(f"Written: {', '.join(out)}"))
    if not found.identical:
        raise UsageError(found.reason)
    return 0


def _demo(given: argparse.Namespace) -> int:
    from erato import demo

    with _reporter(False) as reporter:
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
    "compose": _compose,
    "evaluate": _evaluate,
    "render": _render,
    "replay": _replay,
    "demo": _demo,
}
