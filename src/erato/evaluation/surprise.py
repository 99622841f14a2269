"""What each note of a piece costs a model: an encoded piece in; the notes it stands for, and nats of each, out.

The nats are those of `likelihood`, symbol by symbol; which note a symbol speaks of, its representation says. Knows
nothing of files. Legend: T symbols, W notes that a symbol speaks of, M terms of a symbol, N notes.
"""

from dataclasses import dataclass

import numpy as np

from erato.displayed import Displayed
from erato.evaluation.likelihood import Floats, likelihoods
from erato.models.base import SequenceModel
from erato.representations.base import Array, Representation
from erato.score import Ints, Score


@dataclass(frozen=True)
class Surprise(Displayed):
    """A piece as a model holds it, and what it costs.

    notes: nats of every note, an array a track of `score` in the order of its notes. remainder: nats of what leads to
    no note: silence, the end. complete: whether these are the nats of whole symbols.
    """

    score: Score
    notes: list[Floats]
    remainder: float
    complete: bool = True

    @property
    def nats(self) -> float:
        """Of the whole piece."""
        return float(sum(track.sum() for track in self.notes)) + self.remainder


def surprise(model: SequenceModel, representation: Representation, array: Array) -> Surprise:
    """The surprise of each note of an encoded piece [T, *shape]; UsageError where symbols speak of no notes."""
    owners = representation.owners(array)
    score = representation.decode(array)
    assert isinstance(score, Score), "texts have no owners"
    found = likelihoods(model, [array], representation.space, terms=True)
    counts = [len(track.notes) for track in score.tracks]
    notes, remainder = shared(-found.terms[0], owners, sum(counts))
    return Surprise(score, np.split(notes, np.cumsum(counts[:-1], dtype=np.int64)), remainder, found.complete)


def shared(nats: Floats, owners: Ints, notes: int) -> tuple[Floats, float]:
    """[N] what each note costs, and what no note does; nats: [T, M], owners: [T, W].

    Where a symbol has several terms, each of the first W is that of one key; its only one, several notes share equally.
    """
    owned = owners >= 0
    each = nats[:, : owners.shape[1]] if nats.shape[1] > 1 else nats / np.maximum(owned.sum(1, keepdims=True), 1)
    each = np.where(owned, each, 0.0)
    of_notes: Floats = np.bincount(owners[owned], each[owned], minlength=notes).astype(np.float64)
    return of_notes, float((nats.sum(1) - each.sum(1)).sum())
