"""What the same pieces cost several runs: runs and common pieces in; nats, and what there is of these pieces, out.

Knows nothing of how runs compose, and of tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from erato.evaluation.likelihood import likelihoods
from erato.held_out import Common
from erato.models.base import SequenceModel
from erato.reporter import Reporter
from erato.representations.base import Array, Representation
from erato.run import Run
from erato.score import Piece, Score, note_count, seconds
from erato.writing_tables import counted


@dataclass(frozen=True)
class Cost:
    """Nats of the common pieces, None: there are none (why: a sentence); what there is of these, and the share held."""

    nats: float | None
    why: str
    notes: float
    seconds: float
    chars: float
    held: float | None


@dataclass(frozen=True)
class _Held:
    """A piece as a representation holds it: its symbols, and how much there is of what; lost: parts that it lacks."""

    array: Array
    units: dict[str, float]
    lost: int

    @classmethod
    def of(cls, representation: Representation, piece: Piece) -> "_Held":
        encoded = representation.encode(piece)
        units = representation.units(encoded.array) if len(encoded.array) else {}
        if isinstance(piece, Score) and note_count(piece) and not units.get("notes"):
            return cls(encoded.array[:0], {}, 0)  # silence in its place
        return cls(encoded.array, units, sum(encoded.lost.values()))

    def __len__(self) -> int:
        return len(self.array)


def costs_of(runs: Sequence[Run], common: Common, reporter: Reporter) -> tuple[list[int], list[Cost | None], list[str]]:
    """Which of the common pieces every run can hold that gives a likelihood, what they cost each, and a sentence."""
    pieces: list[Piece] = [common.of.pieces[index] for index in common.indices[common.first]]
    encoded: list[list[_Held]] = []
    for run, numbers in zip(runs, common.indices, strict=True):
        encoded.append([])
        for number, piece in enumerate(pieces if numbers else (), 1):
            encoded[-1].append(_Held.of(run.representation, piece))
            reporter.progress(number, len(pieces), f"encoding for {run.recipe.name}")
    counting = [own for run, own in zip(runs, encoded, strict=True) if isinstance(run.model, SequenceModel)]
    counting = [own for own in counting if any(map(len, own))]  # one that can hold none is no measure for others
    held = [at for at in range(len(pieces)) if all(len(own[at]) for own in counting)]
    fewer = len(pieces) - len(held)
    is_are = "is" if fewer == 1 else "are"
    whether = [f"{counted(fewer, 'piece')} {is_are} left out, as not all runs can hold them."] if fewer else []
    pieces = [pieces[at] for at in held]
    scores = [piece for piece in pieces if isinstance(piece, Score)]
    notes, length = float(sum(map(note_count, scores))), float(sum(map(seconds, scores)))
    chars = float(sum(len(piece) for piece in pieces if isinstance(piece, str)))
    costs: list[Cost | None] = []
    for run, whole in zip(runs, encoded, strict=True):
        reporter.progress(0, None, f"likelihood under {run.recipe.name}")
        own = [whole[at] for at in held] if whole else []
        nats, why = _nats(run, [one.array for one in own])
        costs.append(Cost(nats, why, notes, length, chars, _share(own, notes, chars)) if whole else None)
    return held, costs, whether


def _share(pieces: Sequence[_Held], notes: float, chars: float) -> float | None:
    """Of the notes that a representation holds; of the characters, or of the words where it has these."""
    if notes:
        return sum(one.units.get("notes", 0.0) for one in pieces) / notes
    there = sum(one.units.get("words", 0.0) for one in pieces) or chars
    return max(0.0, 1 - sum(one.lost for one in pieces) / there) if there else None


def _nats(run: Run, arrays: list[Array]) -> tuple[float | None, str]:
    if not isinstance(run.model, SequenceModel):
        return None, "it writes whole phrases from latents and gives no likelihood"
    if not any(map(len, arrays)):
        return None, "its representation can hold none of the pieces"
    found = likelihoods(run.model, arrays, run.representation.space)
    if not found.complete:
        return None, "it predicts times without a likelihood"
    total = float(found.nats.sum())
    return (total, "") if np.isfinite(total) else (None, "its model gives no numbers")
