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
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import erato
from erato.errors import EratoError, UsageError, unknown

if TYPE_CHECKING:
    from erato.reporter import Reporter


class _Parser(argparse.ArgumentParser):
    """Argparse whose complaints are sentences like all others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: "):
            word = message.removeprefix("unrecognized arguments: ").split()[0]
            if word.startswith("-"):
                raise unknown(f"option of {self.prog}", word.split("=")[0], self._option_string_actions)
            raise UsageError(f"{self.prog} does not know what to do with {word!r}: see {self.prog} --help.")
        raise UsageError(f"{message.rstrip('.')}: see {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> None:
    """The `erato` command; leaves with 0, 1 (a mistake, one sentence) or 130 (Ctrl-C)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except EratoError as error:
        print(f"erato: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("erato: stopped; what was finished is kept.", file=sys.stderr)
        code = 130
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        print("erato: there is not enough memory for this: make batch, windows or the model smaller.", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(f"erato: cannot use{where}: {error.strerror or error}.", file=sys.stderr)
        code = 1
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Parses and does one command; the exit code. Raises what `main` turns into sentences."""
    parser, commands = _parser()
    first = next((word for word in arguments if not word.startswith("-")), None)
    if first is not None and first not in commands:
        raise unknown("command", first, commands)
    given, rest = parser.parse_known_args(arguments)
    if rest:
        commands[given.command].error("unrecognized arguments: " + " ".join(rest))
    if given.command is None:
        parser.print_help()
        return 0
    action: Callable[[argparse.Namespace], int] = given.action
    return action(given)


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="erato",
        description="Learns from your own music and writes new pieces.",
        epilog="Start with: erato demo\nThen:       erato train event-transformer --corpus MY_FOLDER --minutes 10",
    )
    parser.add_argument("--version", action="version", version=f"erato {erato.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    commands: dict[str, _Parser] = {}

    def command(name: str, summary: str, example: str, action: Callable[[argparse.Namespace], int]) -> _Parser:
        commands[name] = subparsers.add_parser(name, help=summary, description=summary, epilog=f"Example: {example}")
        commands[name].set_defaults(action=action)
        return commands[name]

    listed = command(
        "list",
        "What there is: corpora, representations, models, recipes, renderers.",
        "erato list recipes",
        _list,
    )
    listed.add_argument("what", nargs="?", choices=_LISTED, metavar="WHAT", help=", ".join(_LISTED))
    _json(listed)

    checked = command("check", "What can be read in a folder, what not and why.", "erato check my-midis", _check)
    checked.add_argument("path", help="a folder or a file")
    checked.add_argument("--max-files", type=_whole, metavar="N", help="look at the first N files that may hold pieces")
    checked.add_argument("--report", metavar="FILE", help="where the report goes (default: erato-check.json)")
    _json(checked)

    trained = command(
        "train",
        "Learns a recipe from a corpus; the same command goes on after a stop.",
        "erato train event-transformer --corpus my-midis --minutes 10",
        _train,
    )
    trained.add_argument("recipe", metavar="RECIPE", help="see: erato list recipes")
    trained.add_argument("--corpus", metavar="NAME|PATH", help="a name from erato list corpora, a folder or a file")
    trained.add_argument("--out", metavar="DIR", help="the run folder (default: runs/RECIPE-CORPUS-NNN)")
    trained.add_argument("--minutes", type=_number, metavar="M", help="budget by the clock (not bit-reproducible)")
    trained.add_argument("--steps", type=_whole, metavar="N", help="budget in steps")
    trained.add_argument("--epochs", type=_whole, metavar="N", help="budget in passes over the corpus")
    trained.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="a.b=c",
        help="any number of a recipe, as in model.width=256",
    )
    trained.add_argument(
        "--seed", type=_whole, metavar="S", help="for weights, order and augmentation (default: the recipe's)"
    )
    trained.add_argument("--keep-every", type=_whole, metavar="N", help="also keep the weights of every Nth step")
    trained.add_argument(
        "--track", action="append", default=[], metavar="T", help="only these tracks: index, name or program"
    )
    trained.add_argument("--max-files", type=_whole, metavar="N", help="use the first N files only")
    trained.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        help="of the arithmetic; auto: bfloat16 where the processor has it",
    )
    trained.add_argument(
        "--from", dest="from_file", metavar="FILE", help="a copy of a downloadable corpus, got by hand"
    )
    _json(trained)

    composed = command(
        "compose",
        "Writes new pieces with a trained run.",
        "erato compose runs/RUN --bars 16 --n 4 --seed 1",
        _compose,
    )
    composed.add_argument("run", metavar="RUN", help="the folder that erato train named")
    composed.add_argument("--prompt", metavar="FILE|TEXT", help="continue this file (or this text, for runs of text)")
    composed.add_argument(
        "--begin",
        metavar="WHAT",
        help="without a prompt: from nothing, a training window, silence, or a note as in C4",
    )
    composed.add_argument(
        "--n", type=_whole, default=1, metavar="N", help="how many pieces (default 1); piece i has seed S+i"
    )
    composed.add_argument("--seed", type=_whole, default=0, metavar="S", help="same seed, same piece (default 0)")
    composed.add_argument("--bars", type=_whole, metavar="N", help="exactly N new bars")
    composed.add_argument("--seconds", type=_number, metavar="S", help="exactly S new seconds")
    composed.add_argument("--length", type=_whole, metavar="N", help="exactly N new symbols")
    composed.add_argument(
        "--strategy",
        choices=["sample", "greedy", "beam"],
        help="draw, always take the most probable, or search for the most probable piece",
    )
    composed.add_argument("--beams", type=_whole, metavar="N", help="candidates that a beam search keeps (default 4)")
    composed.add_argument(
        "--length-penalty", type=_number, metavar="X", help="of a beam search: above 0 prefers longer (default 1)"
    )
    composed.add_argument(
        "--early-stopping", action="store_true", help="a beam search stops as soon as N pieces have ended"
    )
    composed.add_argument(
        "--temperature",
        type=_numbers,
        metavar="T",
        help="below 1 safer, above 1 bolder; T,T,T,T for pitch, step, duration and velocity of notes",
    )
    composed.add_argument("--top-k", type=_whole, metavar="K", help="only the K most probable symbols (0: off)")
    composed.add_argument(
        "--top-p", type=_number, metavar="P", help="only the most probable symbols that reach P (1: off)"
    )
    composed.add_argument(
        "--min-p",
        type=_number,
        metavar="P",
        help="only symbols at least P times as probable as the best (0: off)",
    )
    composed.add_argument(
        "--typical-p",
        type=_number,
        metavar="P",
        help="only the symbols as surprising as can be expected, that reach P (1: off)",
    )
    composed.add_argument("--no-repeat", type=_whole, metavar="N", help="no N symbols in a row come twice (0: off)")
    composed.add_argument(
        "--repetition-penalty",
        type=_number,
        metavar="X",
        help="above 1 makes repeated symbols rarer (1: off)",
    )
    composed.add_argument("--step", type=_number, metavar="S", help="seconds a step of a piano roll is written as")
    composed.add_argument("--program", metavar="P", help="General MIDI program (0 to 127, or a name) of all tracks")
    composed.add_argument(
        "--checkpoint", type=_whole, metavar="STEP", help="weights kept by --keep-every (default: the best)"
    )
    composed.add_argument("--out", metavar="DIR", help="folder for the pieces (default: RUN/pieces)")
    composed.add_argument(
        "--formats", metavar="LIST", help="comma-separated suffixes (default: mid,png or txt, and matrix.png of frames)"
    )
    _json(composed)

    evaluated = command(
        "evaluate",
        "How likely a run finds pieces that it has not learned from.",
        "erato evaluate runs/RUN --split test",
        _evaluate,
    )
    evaluated.add_argument("run", metavar="RUN", help="the folder that erato train named")
    evaluated.add_argument("--corpus", metavar="NAME|PATH", help="other pieces (default: the corpus of the run)")
    evaluated.add_argument("--piece", metavar="FILE", help="this one piece, whole, instead of a corpus")
    evaluated.add_argument("--split", metavar="PART", help="test (default), valid or train")
    evaluated.add_argument(
        "--checkpoint", type=_whole, metavar="STEP", help="weights kept by --keep-every (default: the best)"
    )
    _json(evaluated)

    rendered = command(
        "render",
        "Writes a piece as other kinds of file, by suffix.",
        "erato render piece.mid piece.png piece.html",
        _render,
    )
    rendered.add_argument(
        "piece",
        metavar="FILE|CORPUS:PIECE",
        help="a file, or a piece of a corpus, as in bach-chorales:bwv66.6",
    )
    rendered.add_argument("out", nargs="+", metavar="OUT", help="the files to write")
    rendered.add_argument("--from", dest="first", type=_whole, metavar="BAR", help="the first bar to show")
    rendered.add_argument("--to", dest="last", type=_whole, metavar="BAR", help="the last bar to show")
    rendered.add_argument("--force", action="store_true", help="overwrite files that exist")
    _json(rendered)

    shown = command(
        "demo",
        "Trains on Bach's chorales for a minute and a half, composes four, opens a page.",
        "erato demo",
        _demo,
    )
    shown.add_argument("--minutes", type=_number, default=1.5, metavar="M", help="how long to train (default 1.5)")
    shown.add_argument("--out", metavar="DIR", help="where it all goes (default: demo/NNN)")
    shown.add_argument("--no-open", action="store_true", help="do not open the page in the browser")
    return parser, commands


_LISTED = ("corpora", "representations", "models", "recipes", "renderers")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(part) for part in text.split(","))


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
        print(f"  {len(files):>6,}  {reason}, for example {ascii(files[0]['file'])[1:-1]}: {files[0]['message']}")
    if found["flagged"]:
        first = found["flagged"][0]
        lost = ", ".join(f"{count} {what}" for what, count in first["lost"].items())
        print(f"  {len(found['flagged']):>6,}  used, but not whole, for example {ascii(first['file'])[1:-1]}: {lost}")


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
            from_file=given.from_file,
            precision=given.precision,
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
        unit = " nats a symbol" if run.recipe.objective.weights is None else " (weighted)"
        print(f"Trained {found['steps']} steps in {found['seconds']:.0f} s; best held-out loss {best:.4f}{unit}.")
        print(f"The run is {run.folder}. Compose with it: erato compose {run.folder}")
    return 0


def _compose(given: argparse.Namespace) -> int:
    from erato import pipeline
    from erato.renderers import renderers_for
    from erato.sampling import Beams

    names = ("top_k", "top_p", "min_p", "typical_p", "no_repeat", "repetition_penalty")
    changes: dict[str, Any] = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    if given.temperature is not None:
        one = len(given.temperature) == 1
        changes |= {"temperature": given.temperature[0]} if one else {"temperatures": given.temperature}
    searched: dict[str, Any] = {
        name: getattr(given, name) for name in ("beams", "length_penalty") if getattr(given, name) is not None
    }
    if given.early_stopping:
        searched["early_stopping"] = True
    if searched and given.strategy not in (None, "beam"):
        said = ", ".join(f"--{name.replace('_', '-')}" for name in searched)
        raise UsageError(f"{said} is for a beam search: leave it out, or give --strategy beam.")
    if given.strategy in ("sample", "greedy"):
        changes["greedy"] = given.strategy == "greedy"
    run = pipeline.load(given.run, given.checkpoint)
    reads = run.representation.kind == "text" and not given.json  # the text itself is what people look at
    with _reporter(given.json or reads) as reporter:
        out = Path(given.out) if given.out else run.folder / "pieces"
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: give a folder with --out.")
        formats = given.formats.split(",") if given.formats else run.formats
        renderers_for(formats)
        samples = run.sample(
            given.prompt,
            beams=Beams(**searched) if searched or given.strategy == "beam" else None,
            n=given.n,
            seed=given.seed,
            bars=given.bars,
            seconds=given.seconds,
            length=given.length,
            begin=given.begin,
            step=given.step,
            program=given.program,
            stream=_show if reads and given.n == 1 else None,
            reporter=reporter,
            **changes,
        )
        written = run.write(samples, out, formats)
    rows: list[dict[str, Any]] = [
        {
            "path": str(paths[0]),
            "seed": sample.seed,
            "log_prob": sample.log_prob,
            "symbols": sample.symbols,
            "bars": sample.bars,
            "seconds": sample.seconds,
            "files": [str(path) for path in paths],
        }
        for sample, paths in zip(samples, written, strict=True)
    ]
    if given.json:
        _print_json({"pieces": rows})
        return 0
    if reads and given.n == 1:
        print()
    for row, sample in zip(rows, samples, strict=True):
        if reads and given.n > 1:
            print(f"{sample.piece}\n")
        length = f"{row['bars']} bars, " if row["bars"] is not None else ""
        length += f"{row['seconds']:.1f} s, " if row["seconds"] is not None else ""
        print(f"seed {row['seed']}: {length}{row['symbols']} symbols -> {', '.join(row['files'])}")
    return 0


def _show(text: str) -> None:
    print(text, end="", flush=True)


def _evaluate(given: argparse.Namespace) -> int:
    from erato import pipeline

    with _reporter(given.json) as reporter:
        run = pipeline.load(given.run, given.checkpoint)
        if given.piece:
            found = run.score(Path(given.piece), reporter=reporter).to_json()
        else:
            found = run.evaluate(given.corpus, split=given.split, reporter=reporter).to_json()
    if given.json:
        _print_json(found)
        return 0
    what = given.piece or f"{found['pieces']:,} pieces of the {found['split']} part"
    print(f"{what}, {found['symbols']:,} symbols:")
    baseline, order = found["baseline"] or {}, found["baseline_order"]
    named = "trigram" if order == 3 else f"{order}-gram"
    for name, value in found.items():
        if value is not None and (name.startswith("nats_per_") or name == "perplexity"):
            beside = f"  ({named} {baseline[name]:.4f})" if name in baseline else ""
            print(f"  {name.replace('_', ' '):<28} {value:10.4f}{beside}")
    for name, value in found["parts"].items():
        beside = f"  ({named} {baseline[name]:.4f})" if name in baseline else ""
        print(f"  {name + ' of a note':<28} {value:10.4f}{beside}")
    print(f"  {'likeliest was right':<28} {100 * found['accuracy']:9.1f}%")
    print(found["protocol"])
    return 0


def _render(given: argparse.Namespace) -> int:
    from erato import pipeline
    from erato.renderers import renderers_for

    renderers_for([Path(out).suffix for out in given.out])
    for out in given.out:
        if Path(out).exists() and not given.force:
            raise UsageError(f"{out} exists: give another name, or --force to overwrite it.")
    with _reporter(given.json) as reporter:
        piece, title = pipeline.find_piece(given.piece, reporter)
        piece = pipeline.excerpt(piece, given.first, given.last)
        files = [str(pipeline.render(piece, out, title)) for out in given.out]
    if given.json:
        _print_json({"files": files})
    else:
        print("\n".join(files))
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
