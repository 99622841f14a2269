"""`erato listen`: runs in, the page of a blind listening test and its key out; or votes in, what they come to out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from erato.cli_output import print_json, reporter_for
from erato.errors import UsageError
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.evaluation.votes import Rate
    from erato.voting import Tally

_MAKING = ("n", "seed", "bars", "seconds", "pairs", "corpus", "program", "out")


def listen(given: argparse.Namespace) -> int:
    """Makes a page, or scores votes."""
    if given.score is not None:
        return _score(given)
    if given.key is not None:
        raise UsageError("--key is for scoring votes: leave it out, or give --score FILE.")
    return _make(given)


def _make(given: argparse.Namespace) -> int:
    out = Path(given.out or "listening-test.html")
    if not given.runs:
        raise UsageError("give the folder of a run, or several, or --score FILE: see erato listen --help.")
    if out.suffix.lower() != ".html":
        raise UsageError(f"--out is the name of a page and ends in .html, got {str(out)!r}.")
    if out.is_dir():
        raise UsageError(f"{out} is a folder: give the name of a file to write.")
    from erato.voting import key_of

    for path in (out, key_of(out)):
        if path.exists() and not given.force:
            raise UsageError(f"{path} exists: give another name with --out, or --force to overwrite it.")
    from erato import listening, pipeline
    from erato.general_midi import program_number

    changes = {name: getattr(given, name) for name in _MAKING[:-2] if getattr(given, name) is not None}
    if given.program is not None:
        changes["program"] = program_number(given.program)
    with reporter_for(given.json) as reporter:
        runs = [pipeline.load(path, None, reporter) for path in given.runs]
        made = listening.prepare(runs, reporter=reporter, **changes)
        key = listening.write(made, out)
    found = {"page": str(out), "key": str(key), "pairs": len(made.test.pairs), "pieces": len(made.test.parts)}
    if given.json:
        print_json({**found, "sources": [source["name"] for source in made.key["sources"]]})
        return 0
    print(
        plain(f"{found['pairs']} pairs of {found['pieces']} pieces are in {out}: open it in a browser, or pass it on.")
    )
    print(plain(f"Keep {key} to yourself: it says which piece is whose."))
    print(plain(f"When votes come back: erato listen --score VOTES.json --key {key}"))
    return 0


def _score(given: argparse.Namespace) -> int:
    if given.runs:
        raise UsageError("votes are scored without the runs: leave the runs out, or --score.")
    if asked := [f"--{name}" for name in _MAKING if getattr(given, name) is not None]:
        raise UsageError(f"{', '.join(asked)} is for making a page: leave it out, or --score.")
    from erato import voting

    found = voting.tally(given.score, given.key)
    if given.json:
        print_json(found.to_json())
        return 0
    _print(found)
    return 0


def _print(found: "Tally") -> None:
    for note in found.notes:
        print(plain(note))
    listeners = "1 listener" if found.listeners == 1 else f"{found.listeners} listeners"
    print(f"{found.votes} votes of {listeners}. Share of wins, a tie as half of one, with its 95 % interval:")
    width = max(len(plain(name)) for name in found.sources)

    def line(name: str, said: str, rate: "Rate") -> None:
        counts = f"{rate.wins} won, {rate.ties} tied, {rate.losses} lost"
        print(f"  {plain(name):<{width}}  {said:<{width + 8}}  {_share(rate)}  {counts}")

    for name, rate in found.overall.items():
        line(name, "all others", rate)
    for (one, other), rate in found.against.items():
        line(one, f"against {plain(other)}", rate)
    print("Strength after Bradley and Terry (0 is the mean; a greater by 1 wins 73 % of the time):")
    for name, strength in sorted(found.strengths.items(), key=lambda item: -item[1].value):
        between = f"[{strength.low:+.2f}, {strength.high:+.2f}]"
        print(f"  {plain(name):<{width}}  {strength.value:+.2f} {between}")
    if found.found is not None:
        print(f"The person was found, where there was one: {_share(found.found)}, 50 % is chance")
    for name, rate in found.taken.items():
        print(f"  {plain(name):<{width}}  was taken for a person: {_share(rate)}")


def _share(rate: "Rate") -> str:
    return f"{100 * rate.rate:5.1f} % [{100 * rate.low:4.1f}, {100 * rate.high:5.1f}]"
