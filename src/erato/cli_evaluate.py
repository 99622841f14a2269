"""`erato evaluate` and `erato compare`: runs in; what they cost and write, printed and saved, out."""

import argparse
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
    n = assessing.PIECES if given.n is None else given.n
    assessing.refuse_pieces(n)
    with reporter_for(given.json) as reporter:
        run = pipeline.load(given.run, given.checkpoint, reporter)
        if given.piece:
            found = run.score(Path(given.piece), reporter=reporter).to_json()
        else:
            assessment = assessing.assess(
                run, given.corpus, split=given.split, n=n, seed=given.seed or 0, reporter=reporter
            )
            found = assessment.to_json()
            saved = _save(assessment, run.folder, given, reporter.progress)
    if given.json:
        print_json(found)
        return 0
    _print_likelihood(given.piece or f"{found['pieces']:,} pieces of the {found['split']} part", found)
    if not given.piece:
        if found["composed"]:
            from erato.cli_tables import print_writing

            print_writing(found["composed"])
        print(plain(f"All of it is in {' and '.join(map(str, saved))}."))
    return 0


def _print_likelihood(what: str, found: dict[str, Any]) -> None:
    from erato.cli_tables import print_costs, print_features

    if found["originality"] is not None and "copies" in found["originality"]:  # whole phrases
        print_features(found)
    else:
        print(f"{what}, {found['symbols']:,} symbols:")
        print_costs(found)
    print(found["protocol"])


def _save(assessment: "Assessment", folder: Path, given: argparse.Namespace, progress: Any) -> list[Path]:
    """The JSON and the page of an assessment, under the next free number."""
    from erato.files import write_json
    from erato.picturing.assessment import write_assessment
    from erato.run_folder import piece_number

    out = Path(given.out) if given.out else folder / "evaluations"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: give a folder with --out.")
    with piece_number(out) as number:
        stem = out / f"{number:03d}-{assessment.evaluation.split}"
        paths = [stem.with_suffix(".json"), stem.with_suffix(".html")]
        progress(0, None, "writing the page")
        write_json(paths[0], assessment.to_json())
        write_assessment(paths[1], assessment)
    return paths


def compare(given: argparse.Namespace) -> int:
    """Sets runs side by side."""
    from erato import assessing, pipeline
    from erato.contest import contest
    from erato.renderers.result_tables import text_lines

    outs = [Path(out) for out in given.out]
    for out in outs:
        if out.suffix not in TABLES:
            raise UsageError(f"--out is a file that ends in {', '.join(TABLES)}, got {str(out)!r}.")
        if out.exists() and not given.force:
            raise UsageError(f"{out} exists: give another name with --out, or --force to overwrite it.")
    n = assessing.PIECES if given.n is None else given.n
    with reporter_for(given.json) as reporter:
        runs = [pipeline.load(path, None, reporter) for path in given.runs]
        found = contest(runs, given.corpus, split=given.split, n=n, seed=given.seed or 0, reporter=reporter)
    from erato.picturing.contest import table_of, write_contest

    for out in outs:
        write_contest(out, found)
    if given.json:
        print_json(found.to_json())
        return 0
    import shutil

    for line in text_lines(table_of(found), shutil.get_terminal_size((100, 24)).columns):
        print(plain(line))
    for out in outs:
        print(plain(f"Written: {out}"))
    return 0
