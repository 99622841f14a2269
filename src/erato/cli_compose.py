"""`erato compose`: what the command line asks for comes in; pieces, their files and a page go out.

Composing itself is `Run.sample`; this says what belongs together, and prints.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato.cli_output import print_json, reporter_for, show
from erato.errors import UsageError
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.composing import Sample
    from erato.pipeline import Run
    from erato.sampling import Beams
    from erato.score import Piece

Written = list[list[Path]]  # the files of each piece


def compose(given: argparse.Namespace) -> int:
    from erato import pipeline, provenance
    from erato.renderers import renderers_for

    beams, changes = _how(given)
    _refuse_live(given)
    with reporter_for(given.json or given.live == "-") as reporter:
        run = pipeline.load(given.run, given.checkpoint, reporter)
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
    with reporter_for(given.json or streams or given.live == "-") as reporter:
        renderers_for(_formats(given, run), run.representation.kind)
        if beams is not None:
            changes["beams"] = beams
        if reads and given.n == 1:
            changes["stream"] = show
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
            **({} if sample.refused is None else {"original": sample.refused._asdict()}),
            "made": {**provenance.facts(sample.record), **sample.made},
            "files": [str(path) for path in paths],
        }
        for sample, paths in zip(samples, written, strict=True)
    ]
    if given.json:
        print_json({"pieces": rows, "page": None if page is None else str(page)})
        return 0
    if reads and given.n == 1:
        print()
    for row, sample in zip(rows, samples, strict=True):
        if reads and given.n > 1:
            show(f"{sample.piece}\n\n")
        length = f"{row['bars']} bars, " if row["bars"] is not None else ""
        length += f"{row['seconds']:.1f} s, " if row["seconds"] is not None else ""
        original = f" ({sample.made['original']})" if "original" in sample.made else ""
        said = f"seed {row['seed']}: {length}{row['symbols']} symbols{original} -> {', '.join(row['files'])}"
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
    names = ("n", "seed", "bars", "seconds", "length", "begin", "step", "program", "may_end", "draft", "original")
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
        found["given"] = piece_or_path(given.given)
    if "given_tracks" in found:
        found["given_tracks"] = given.given_tracks.split(",")
    return found


def piece_or_path(name: str) -> "Piece | Path":
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
    from erato.cli_tables import print_comparison

    if given.n != 1:
        raise UsageError(f"a comparison has one piece of each kind: leave out --n {given.n}, or --compare.")
    if given.may_end:
        raise UsageError("what is compared is equally long: leave out --may-end, or --compare.")
    if given.original is not None:
        raise UsageError("what is compared is drawn freely: leave out --original, or --compare.")
    if given.formats:
        raise UsageError("a comparison is a page with files of its own: leave out --formats, or --compare.")
    with reporter_for(given.json) as reporter:
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
        print_json(found)
        return 0
    print_comparison(found["comparison"])
    print(f"The page is {found['page']}.")
    if found["trees"]:
        print(f"What was considered is drawn in {', '.join(found['trees'])}.")
    return 0
