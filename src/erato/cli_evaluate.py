"""`erato evaluate` and `erato compare`: runs in; what they cost and write, printed and saved, out."""

import argparse
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato.cli_output import print_json, reporter_for
from erato.errors import UsageError
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.assessing import Assessment

TABLES = (".csv", ".tex", ".md", ".html", ".json")


def evaluate(given: argparse.Namespace) -> int:
    """Measures a run, or one piece under it."""
    from erato import assessing, pipeline

    if given.piece and (given.corpus or given.split):
        raise UsageError("--piece is one piece, read whole: leave out --corpus and --split, or --piece.")
    if given.piece and (given.n is not None or given.seed is not None or given.out):
        raise UsageError("--piece composes and saves nothing: leave out --n, --seed and --out, or --piece.")
    n, seed = assessing.PIECES if given.n is None else given.n, given.seed or 0
    assessing.refuse_pieces(n, seed)
    with reporter_for(given.json) as reporter:
        run = pipeline.load(given.run, given.checkpoint, reporter)
        if given.piece:
            found = run.score(Path(given.piece), reporter=reporter).to_json()
        else:
            out = Path(given.out) if given.out else run.folder / "evaluations"
            with _writable(out):
                assessment = assessing.assess(run, given.corpus, split=given.split, n=n, seed=seed, reporter=reporter)
                found = assessment.to_json()
                reporter.progress(0, None, "writing the page")
                saved = _save(assessment, found, out)
    if given.json:
        print_json(found)
        return 0
    _print_likelihood(given.piece or "", found)
    if not given.piece:
        if found["composed"]:
            from erato.cli_tables import print_writing

            print_writing(found["composed"])
        print(plain(f"All of it is in {' and '.join(map(str, saved))}."))
    return 0


def _print_likelihood(piece: str, found: dict[str, Any]) -> None:
    from erato.cli_tables import print_costs, print_features, print_sentence
    from erato.writing_tables import counted

    if found["originality"] is not None and "copies" in found["originality"]:  # whole phrases
        print_features(found)
    else:
        what = plain(piece) or f"{counted(found['pieces'], 'piece')} of the {found['split']} part"
        print(f"{what}, {counted(found['symbols'], 'symbol')}:")
        print_costs(found)
    print_sentence(found["protocol"])


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Refuses a folder that nothing can be written into, before the long work; leaves none that stayed empty."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: give a folder with --out.")
    above = [one for one in (folder, *folder.parents) if not one.exists()]
    probe = folder / f".{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"nothing can be written into {folder} ({error.strerror}): give another folder with --out."
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # the first that holds something ends it
            for one in above:
                one.rmdir()


def _save(assessment: "Assessment", found: dict[str, Any], out: Path) -> list[Path]:
    """The JSON and the page of an assessment, under the next free number."""
    from erato.files import write_json
    from erato.picturing.assessment import write_assessment
    from erato.run_folder import piece_number

    with piece_number(out) as number:
        stem = f"{number:03d}-{assessment.evaluation.split}"
        paths = [out / f"{stem}.json", out / f"{stem}.html"]
        write_json(paths[0], found)
        write_assessment(paths[1], assessment)
    return paths


def compare(given: argparse.Namespace) -> int:
    """Sets runs side by side."""
    import shutil
    from contextlib import ExitStack

    from erato import assessing, pipeline
    from erato.contest import contest
    from erato.renderers.result_tables import text_lines

    outs = [Path(out) for out in given.out]
    _refuse_outs(outs, given.force)
    n = assessing.PIECES if given.n is None else given.n
    with reporter_for(given.json) as reporter, ExitStack() as places:
        runs = [pipeline.load(path, None, reporter) for path in given.runs]
        for folder in dict.fromkeys(out.parent for out in outs):
            places.enter_context(_writable(folder))
        found = contest(runs, given.corpus, split=given.split, n=n, seed=given.seed or 0, reporter=reporter)
        from erato.picturing.contest import table_of, write_contest

        for out in outs:
            write_contest(out, found)
    if given.json:
        print_json(found.to_json())
        return 0
    for line in text_lines(table_of(found), shutil.get_terminal_size((100, 24)).columns):
        print(plain(line))
    for out in outs:
        print(plain(f"Written: {out}"))
    return 0


def _refuse_outs(outs: Sequence[Path], force: bool) -> None:
    """UsageError for files that are not written, before anything is read."""
    for out in outs:
        if out.suffix not in TABLES:
            raise UsageError(f"--out is a file that ends in {', '.join(TABLES)}, got {str(out)!r}.")
        if out.is_dir():
            raise UsageError(f"{out} is a folder: give the name of a file with --out.")
        if out.exists() and not force:
            raise UsageError(f"{out} exists: give another name with --out, or --force to overwrite it.")
