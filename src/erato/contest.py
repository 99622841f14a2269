"""Several runs by the same held-out pieces: runs in, a row of numbers each out, whatever their representations.

What a piece costs is divided by what there is of the piece itself, not by what a representation holds of it, so that
the numbers of different representations compare. What does not compare is None, and a sentence says why. Knows nothing
of how a table is written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from erato.assessing import PIECES, Amount, Writing, amount_of, refuse_pieces, unit_of, write
from erato.corpora.base import Corpus, Split
from erato.displayed import Displayed
from erato.errors import EratoError, UsageError
from erato.evaluation.likelihood import likelihoods
from erato.held_out import HeldOut
from erato.models.base import SequenceModel
from erato.models.describe import count_parameters
from erato.reporter import Reporter
from erato.representations.base import Array
from erato.run import Run
from erato.score import Piece, note_count, seconds
from erato.training.log import read_metrics

PROTOCOL = (
    "Nats: exact negative log-likelihood of the same whole pieces under each run, at temperature 1, without masks, "
    "summed over the pieces and divided by the notes, the seconds or the characters of the pieces themselves, so that "
    "representations compare. Held: the share of the notes that the representation holds; what it leaves out costs "
    "nothing, so that nats of runs that hold less are too low."
)


@dataclass(frozen=True)
class Row:
    """The numbers of one run; None: it has none, and `notes` says why.

    nats_per_note, nats_per_second, nats_per_char: of the common pieces. held: share of their notes. nats_per_held_note:
    by the notes that the representation holds, as `erato evaluate` counts. minutes: of training. speed: of composing.
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
    writing: dict[str, Any] | None
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

    n: pieces that each composes to be measured, 0: none. Runs of different corpora have no common pieces: without
    `corpus`, their likelihoods are None, and each is measured by its own held-out pieces. Raises UsageError where there
    is nothing to compare: no two runs, or music and text.
    """
    reporter = reporter or Reporter()
    refuse_pieces(n)
    if len(runs) < 2:
        raise UsageError(f"a comparison is of two runs or more, got {len(runs)}: see erato evaluate for one.")
    kinds = {run.representation.kind for run in runs}
    if len(kinds) > 1:
        raise UsageError("runs of music and runs of text have nothing to compare: give runs of one kind.")
    said: list[str] = []
    found = [run.held_out(corpus, split, _Noting(said, reporter, run)) for run in runs]
    common, why = _common(runs, found)
    if why:
        said.append(why)
    units = {unit_of(run) for run in runs}
    unit = units.pop() if len(units) == 1 else "seconds"
    costs, counted = _costs(runs, found, common, said, reporter) if common else ([None] * len(runs), 0)
    amount = amount_of([found[0].pieces[index] for index in common[0][:200]], unit) if common else None
    rows = []
    for number, (run, own, cost) in enumerate(zip(runs, found, costs, strict=True)):
        reporter.note(f"{run.folder.absolute().name} ({number + 1} of {len(runs)})")
        same = replace(own, indices=common[number]) if common else own
        rows.append(_row(run, same, cost, n, seed, amount, reporter))
    name = found[0].pieces.name if common else None
    notes = [f"{counted} pieces of {name} ({found[0].split})."] if common else []
    return Contest(
        tuple(sorted(rows, key=_order)),
        found[0].split if common else None,
        counted,
        PROTOCOL,
        tuple(dict.fromkeys([*notes, *said])),
    )


class _Noting(Reporter):
    """Keeps what is said of a run, once, with its name."""

    def __init__(self, said: list[str], reporter: Reporter, run: Run) -> None:
        self._said, self._reporter, self._name = said, reporter, run.folder.absolute().name

    def note(self, text: str) -> None:
        self._said.append(f"{self._name}: {text}")

    def progress(self, done: int, total: int | None, what: str) -> None:
        self._reporter.progress(done, total, what)


def _common(runs: Sequence[Run], found: Sequence[HeldOut]) -> tuple[list[list[int]], str]:
    """The numbers of the pieces that all runs hold out, by run, in one order; none, and why."""
    keys = [_keys(one) for one in found]
    shared = set(keys[0]).intersection(*keys[1:])
    if not shared:
        names = ", ".join(dict.fromkeys(one.pieces.name for one in found))
        return [], (
            f"The runs have no held-out piece in common ({names}): what they cost and write is measured by the pieces "
            "of each, which do not compare. Name pieces that none has learned from with --corpus."
        )
    order = [key for key in keys[0] if key in shared]
    fewer = max(map(len, keys)) - len(order)
    why = f"{fewer} pieces are left out, as not all runs hold them out." if fewer else ""
    return [[own[key] for key in order] for own in keys], why


def _keys(found: HeldOut) -> dict[tuple[str, str], int]:
    """The pieces by their names and the contents of their files."""
    hashes = {file["name"]: file["sha256"] for file in found.pieces.manifest["files"]}
    entries = ((index, found.pieces.entries[index]) for index in found.indices)
    return {(str(hashes.get(entry.file)), entry.name.removeprefix(entry.file)): index for index, entry in entries}


@dataclass(frozen=True)
class _Cost:
    """Nats of the common pieces, None: the model gives none (why: a sentence); and what there is of these."""

    nats: float | None
    why: str
    held_notes: float
    notes: float
    seconds: float
    chars: float


def _costs(
    runs: Sequence[Run], found: Sequence[HeldOut], common: list[list[int]], said: list[str], reporter: Reporter
) -> tuple[list[_Cost | None], int]:
    """What the pieces that every run can hold cost each; how many these are. `common` is cut to them."""
    pieces: list[Piece] = [found[0].pieces[index] for index in common[0]]
    arrays: list[list[Array]] = []
    for run in runs:
        arrays.append([])
        for number, piece in enumerate(pieces):
            arrays[-1].append(run.representation.encode(piece).array)
            reporter.progress(number + 1, len(pieces), f"encoding for {run.recipe.name}")
    held = [at for at in range(len(pieces)) if all(len(own[at]) for own in arrays)]
    if len(held) < len(pieces):
        said.append(f"{len(pieces) - len(held)} pieces are left out, as not all runs can hold them.")
        common[:] = [[own[at] for at in held] for own in common]
    if not held:
        return [None] * len(runs), 0
    pieces = [pieces[at] for at in held]
    scores = [piece for piece in pieces if not isinstance(piece, str)]
    notes, length = float(sum(map(note_count, scores))), float(sum(map(seconds, scores)))
    chars = float(sum(len(piece) for piece in pieces if isinstance(piece, str)))
    costs: list[_Cost | None] = []
    for run, own in zip(runs, arrays, strict=True):
        reporter.progress(0, None, f"likelihood under {run.recipe.name}")
        nats, why = _nats(run, [own[at] for at in held])
        units = [run.representation.units(own[at]) for at in held]
        costs.append(_Cost(nats, why, sum(unit.get("notes", 0.0) for unit in units), notes, length, chars))
    return costs, len(held)


def _nats(run: Run, arrays: list[Array]) -> tuple[float | None, str]:
    if not isinstance(run.model, SequenceModel):
        return None, "it writes whole phrases from latents and gives no likelihood"
    found = likelihoods(run.model, arrays, run.representation.space)
    if not found.complete:
        return None, "it predicts times without a likelihood"
    total = float(found.nats.sum())
    return (total, "") if np.isfinite(total) else (None, "its model gives no numbers")


def _row(
    run: Run, found: HeldOut, cost: _Cost | None, n: int, seed: int, amount: Amount | None, reporter: Reporter
) -> Row:
    notes = [f"no nats: {cost.why}"] if cost and cost.why else []
    writing: Writing | None = None
    if n and found.indices:
        try:
            writing = write(run, found, n, seed, reporter, amount)
        except EratoError as error:  # the others are measured all the same
            notes.append(f"not composed: {error}")
    lines = read_metrics(run.folder) if run.learned_here else []
    nats = cost.nats if cost else None

    def per(amount: float) -> float | None:
        return nats / amount if nats is not None and amount else None

    return Row(
        run=run.folder.absolute().name,
        recipe=run.recipe.name,
        representation=type(run.representation).__name__,
        corpus=str(run.manifest.get("corpus", "")),
        parameters=count_parameters(run.model),
        minutes=lines[-1]["seconds"] / 60 if lines else None,
        nats_per_note=per(cost.notes) if cost else None,
        nats_per_second=per(cost.seconds) if cost else None,
        nats_per_char=per(cost.chars) if cost else None,
        nats_per_held_note=per(cost.held_notes) if cost else None,
        held=cost.held_notes / cost.notes if cost and cost.notes else None,
        writing=writing.to_json() if writing else None,
        notes=tuple(notes),
    )


def _order(row: Row) -> tuple[bool, float]:
    """Best likelihood first; those without after them, by how far what they write lies from real pieces."""
    nats = row.nats_per_note if row.nats_per_note is not None else row.nats_per_char
    if nats is not None:
        return False, nats
    far = row.writing["distances"]["frechet"]["value"] if row.writing else None
    return True, float("inf") if far is None else far
