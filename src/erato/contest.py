"""Several runs by the same held-out pieces: runs in, a row of numbers each out, whatever their representations.

What a piece costs is divided by what there is of the piece itself, not by what a representation holds of it, so that
the numbers of different representations compare. What does not compare is None, and a sentence says why. Knows nothing
of how a table is written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from erato.assessing import PIECES, Writing, name_of, refuse_pieces, unit_of, write
from erato.common_costs import Cost, costs_of
from erato.corpora.base import SPLITS, Corpus, Split
from erato.displayed import Displayed
from erato.errors import CorpusError, EratoError, UsageError
from erato.held_out import Amount, HeldOut, amount_of, common_pieces, held_out, some
from erato.models.describe import count_parameters
from erato.reporter import Reporter
from erato.run import Run
from erato.training.log import read_metrics
from erato.writing_tables import counted

PROTOCOL = (
    "Nats: exact negative log-likelihood of the same whole pieces under each run, at temperature 1, without masks, "
    "summed over the pieces and divided by the notes, the seconds or the characters of the pieces themselves, so that "
    "representations compare. Held: the share of the notes, characters or words that the representation holds; what it "
    "leaves out costs nothing, so that nats of runs that hold less are too low, and so are those of runs that hold no "
    "velocities, or times only roughly."
)


@dataclass(frozen=True)
class Row:
    """The numbers of one run; None: it has none, and `notes` says why.

    nats_per_note, nats_per_second, nats_per_char: of the common pieces. held: share of their notes, characters or
    words. nats_per_held_note: by the notes that the representation holds, as `erato evaluate` counts. minutes: of
    training.
    """

    run: str
    recipe: str
    representation: str
    corpus: str
    parameters: int
    minutes: float | None
    nats_per_note: float | None
    nats_per_second: float | None
    nats_per_char: float | None
    nats_per_held_note: float | None
    held: float | None
    writing: dict[str, Any] | None = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contest(Displayed):
    """Rows of runs, best first, and how they were measured; pieces: how many the likelihood is of, notes: sentences."""

    rows: tuple[Row, ...]
    split: str | None
    pieces: int
    protocol: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def contest(
    runs: Sequence[Run],
    corpus: str | Path | Corpus | None = None,
    *,
    split: Split | None = None,
    n: int = PIECES,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Contest:
    """Each run by the pieces that none of them learned from: of `corpus`, else of the corpus that all learned from.

    n: pieces that each composes to be measured, 0: none. A run whose corpus is gone is measured by that of another.
    Runs of different corpora have no common pieces: without `corpus`, their likelihoods are None, and each is measured
    by its own held-out pieces. Raises UsageError where there is nothing to compare: no two runs, one of them twice,
    music and text, or no pieces.
    """
    reporter = reporter or Reporter()
    refuse_pieces(n, seed)
    if split is not None and split not in SPLITS:
        raise UsageError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
    if len(runs) < 2:
        raise UsageError(f"a comparison is of two runs or more, got {len(runs)}: see erato evaluate for one.")
    kinds = {run.representation.kind for run in runs}
    if len(kinds) > 1:
        raise UsageError("runs of music and runs of text have nothing to compare: give runs of one kind.")
    names = names_of(runs)
    said: dict[str, list[str]] = {}
    found = _held_out(runs, names, corpus, split, said, reporter)
    common, why = common_pieces(found)
    costs: list[Cost | None] = [None] * len(runs)
    amount, counts = None, 0
    notes = [_of_whom(text, who, names) for text, who in said.items()] + [why] * bool(why)
    if common is not None:
        held, costs, whether = costs_of(runs, common, reporter)
        counts = len(held)
        if held:
            common = replace(common, indices=[[own[at] for at in held if own] for own in common.indices])
        notes = [f"{counted(counts, 'piece')} of {common.name} ({common.split}).", *notes, *whether]
        units = {unit_of(run) for run in runs}
        pieces = some(common.of.pieces, common.indices[common.first])
        amount = amount_of(pieces, units.pop() if len(units) == 1 else "seconds")
    rows = []
    for number, (run, name) in enumerate(zip(runs, names, strict=True)):
        reporter.note(f"{name} ({number + 1} of {len(runs)})")
        own = found[number]
        if own is not None and common is not None:
            own = replace(own, indices=common.indices[number])
        rows.append(_row(run, name, own, costs[number], n, seed, amount, reporter))
    return Contest(
        tuple(sorted(rows, key=_order)),
        common.split if common else None,
        counts,
        PROTOCOL,
        tuple(dict.fromkeys(notes)),
    )


def names_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called, those of one name with the folders above that tell them apart.

    UsageError for one that is there twice.
    """
    for number, run in enumerate(runs):
        if any(_same(run, other) for other in runs[:number]):
            raise UsageError(f"{run.folder} is given twice: a comparison is of different runs.")
    names = list(map(name_of, runs))
    paths = [run.folder.absolute().parts for run in runs]
    depth = 1
    while len(set(names)) < len(names) and depth < max(map(len, paths)):
        depth += 1
        twice = {name for name in names if names.count(name) > 1}
        for number, run in enumerate(runs):
            if names[number] in twice:
                above = paths[number][-depth:-1]
                names[number] = "/".join((*above, name_of(run))).replace("//", "/")
    return names


def _same(run: Run, other: Run) -> bool:
    return run.folder.resolve() == other.folder.resolve() and run.checkpoint == other.checkpoint


def _of_whom(text: str, who: list[str], names: Sequence[str]) -> str:
    """A sentence on some of the runs, with their names before it unless it is on all."""
    return text if len(who) == len(names) else f"{', '.join(who)}: {text}"


class _Noting(Reporter):
    """Keeps what is said of a run: a sentence, and the names of those that it was said of."""

    def __init__(self, said: dict[str, list[str]], reporter: Reporter, name: str) -> None:
        self._said, self._reporter, self._name = said, reporter, name

    def note(self, text: str) -> None:
        who = self._said.setdefault(text, [])
        if self._name not in who:
            who.append(self._name)

    def progress(self, done: int, total: int | None, what: str) -> None:
        self._reporter.progress(done, total, what)


def _held_out(
    runs: Sequence[Run],
    names: Sequence[str],
    corpus: str | Path | Corpus | None,
    split: Split | None,
    said: dict[str, list[str]],
    reporter: Reporter,
) -> list[HeldOut | None]:
    """The pieces that each run is measured by; None: its corpus is gone, and it learned from all of the others'."""
    found: list[HeldOut | None] = []
    gone: dict[int, EratoError] = {}
    tell = [_Noting(said, reporter, name) for name in names]
    for number, run in enumerate(runs):
        try:
            found.append(run.held_out(corpus, split, tell[number]))
        except (UsageError, CorpusError) as error:
            if corpus is not None:
                raise
            gone[number] = error
            found.append(None)
    there = next((one for one in found if one is not None and one.indices), None)
    if there is None:
        if gone:
            raise next(iter(gone.values()))
        empty = next(one for one in found if one is not None)
        raise UsageError(
            f"{empty.pieces.name} has no piece in its {empty.split} part: choose another --split, or name pieces with "
            "--corpus."
        )
    for number, why in gone.items():
        tell[number].note(str(why))
        try:
            found[number] = held_out(there.pieces, runs[number].manifest, split, tell[number].note)
            tell[number].note(f"It is measured by the pieces of {there.pieces.name}.")
        except UsageError as reason:
            tell[number].note(str(reason))
    return found


def _row(
    run: Run,
    name: str,
    found: HeldOut | None,
    cost: Cost | None,
    n: int,
    seed: int,
    amount: Amount | None,
    reporter: Reporter,
) -> Row:
    notes = [f"no nats: {cost.why}."] if cost and cost.why else []
    writing: Writing | None = None
    if n and found is not None and found.indices:
        try:
            writing = write(run, found, n, seed, reporter, amount)
        except EratoError as error:  # the others are measured all the same
            notes.append(f"not composed: {error}")
    lines = read_metrics(run.folder) if run.learned_here else []
    nats = cost.nats if cost else None

    def per(amount: float) -> float | None:
        return nats / amount if nats is not None and amount else None

    return Row(
        run=name,
        recipe=run.recipe.name,
        representation=type(run.representation).__name__,
        corpus=str(run.manifest.get("corpus", "")),
        parameters=count_parameters(run.model),
        minutes=lines[-1]["seconds"] / 60 if lines else None,
        nats_per_note=per(cost.notes) if cost else None,
        nats_per_second=per(cost.seconds) if cost else None,
        nats_per_char=per(cost.chars) if cost else None,
        nats_per_held_note=per(cost.notes * (cost.held or 0)) if cost else None,
        held=cost.held if cost else None,
        writing=writing.to_json() if writing else None,
        notes=tuple(notes),
    )


def _order(row: Row) -> tuple[bool, float]:
    """Best likelihood first; those without after them, by how far what they write lies from real pieces."""
    nats = row.nats_per_held_note if row.nats_per_held_note is not None else row.nats_per_char
    if nats is not None:
        return False, nats
    far = row.writing["distances"]["frechet"]["value"] if row.writing else None
    return True, float("inf") if far is None else far
