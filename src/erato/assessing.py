"""What a run writes, beside what people wrote: a run in; an assessment of likelihood, features, distances, copying out.

The run composes pieces as long as those it has not learned from, and both are measured in the same way; pieces that it
did learn from say how far apart two sets of real pieces are, which no generator can beat. The measures are in
`erato.evaluation`. Knows nothing of how an assessment is shown. Legend: N pieces, F numbers of each.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from erato.composing import Sample
from erato.corpora.base import Corpus, Pieces, Split
from erato.displayed import Displayed
from erato.errors import CorpusError, UsageError
from erato.evaluating import Evaluation
from erato.evaluation.distances import distances
from erato.evaluation.features import COLUMNS, SCALARS, features, vector
from erato.evaluation.originality import Shared, human
from erato.evaluation.originality import shared as passages_shared
from erato.evaluation.people import Copying, copying
from erato.evaluation.scalars import Scalar
from erato.evaluation.text_features import TEXT_COLUMNS, TEXT_SCALARS, text_features, text_vector, words
from erato.evaluation.text_originality import SharedText, human_text, shared_text
from erato.held_out import HeldOut
from erato.reporter import Reporter
from erato.run import Run
from erato.score import Floats, Piece, Score, bar_line, bars, clip, has_pickup, note_count, seconds, tick_at
from erato.training_index import music_index, words_index

PIECES = 24  # that a run composes to be measured by
MOST = {"bars": 32, "seconds": 60, "chars": 1500}  # of a piece
LEAST = {"bars": 2, "seconds": 5, "chars": 100}
REAL = 200  # pieces of a kind that are measured
RESAMPLES = 200
MOST_PIECES = 1000


@dataclass(frozen=True)
class Amount:
    """How long each piece is: so many "bars", "seconds" or "chars"."""

    unit: str
    number: int

    def __str__(self) -> str:
        return f"{self.number:,} {'characters' if self.unit == 'chars' else self.unit}"


@dataclass(frozen=True)
class Composed:
    """What a run composed to be measured: its pieces, how long each was to be, the first seed, seconds of work."""

    samples: Sequence[Sample]
    amount: Amount
    seed: int
    took: float

    @property
    def pieces(self) -> list[Piece]:
        return [sample.piece for sample in self.samples]

    def speed(self) -> dict[str, float]:
        """Of what is composed a second: "notes" and "seconds" of music, or "chars"."""
        took = max(self.took, 1e-9)
        scores = [piece for piece in self.pieces if isinstance(piece, Score)]
        if not scores:
            return {"chars": sum(len(str(piece)) for piece in self.pieces) / took}
        return {"notes": sum(map(note_count, scores)) / took, "seconds": sum(map(seconds, scores)) / took}


@dataclass(frozen=True)
class Writing:
    """What a run composed, beside what people wrote.

    sets: the numbers [N, F] of the pieces of each kind ("composed", "held out", "training", where there are some);
    scalars: what the first of these numbers are. distances: of the composed pieces from the held-out ones. originality:
    what composed pieces and people share with the training pieces; None where these are not there. said: sentences.
    """

    composed: Composed
    sets: Mapping[str, Floats]
    scalars: Sequence[Scalar]
    distances: dict[str, Any]
    originality: Copying | None
    said: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        return {
            "pieces": len(self.composed.samples),
            "length": {self.composed.amount.unit: self.composed.amount.number},
            "seed": self.composed.seed,
            "seconds": self.composed.took,
            "speed": self.composed.speed(),
            "features": {name: summary(rows, self.scalars) for name, rows in self.sets.items()},
            "distances": self.distances,
            "originality": self.originality.to_json() if self.originality else None,
            "said": list(self.said),
        }


@dataclass(frozen=True)
class Assessment(Displayed):
    """All that was measured of a run: what held-out pieces cost it, and what it composed; None: it was not asked to."""

    run: str
    evaluation: Evaluation
    writing: Writing | None

    def to_json(self) -> dict[str, Any]:
        """The assessment as `erato evaluate --json` prints it."""
        found = self.evaluation.to_json()
        composed = self.writing.to_json() if self.writing else None
        if composed and found["features"] is None:  # whole phrases have measures of their own there
            found |= {"features": composed["features"], "originality": composed["originality"]}
        return {**found, "composed": composed}


def assess(
    run: Run,
    corpus: str | Path | Corpus | None = None,
    *,
    split: Split | None = None,
    n: int = PIECES,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> Assessment:
    """The likelihood of held-out pieces, and how `n` pieces of the run, with seeds from `seed` on, compare with them.

    n=0: the likelihood alone. Raises UsageError as `Run.evaluate` does.
    """
    reporter = reporter or Reporter()
    refuse_pieces(n)
    evaluation = run.evaluate(corpus, split=split, reporter=reporter)
    name = run.folder.absolute().name
    if not n:
        return Assessment(name, evaluation, None)
    return Assessment(name, evaluation, write(run, run.held_out(corpus, split), n, seed, reporter))


def refuse_pieces(n: int) -> None:
    """UsageError for a number of pieces that are not composed to measure a run."""
    if not 0 <= n <= MOST_PIECES:
        raise UsageError(f"n must be from 0 to {MOST_PIECES:,} pieces to compose, got {n}.")


def write(
    run: Run, found: HeldOut, n: int, seed: int = 0, reporter: Reporter | None = None, amount: Amount | None = None
) -> Writing:
    """What the run composes, beside pieces that are held out; amount: how long each is, None: as long as those are."""
    reporter = reporter or Reporter()
    kind = run.representation.kind
    held_out = _of(found.pieces, found.indices)
    amount = amount or amount_of(held_out, unit_of(run))
    composed = compose(run, amount, n, seed, reporter)
    training = _of(found.pieces, found.pieces.split("train")) if found.own else []
    sets = {"composed": composed.pieces, "held out": _cut(held_out, amount)}
    if training:
        sets["training"] = _cut(training, amount)
    measured = _measured(sets, training, kind, reporter)
    reporter.progress(0, None, "comparing distributions")
    gaps = distances(
        measured["composed"],
        measured["held out"],
        measured.get("training"),
        columns=COLUMNS if kind == "music" else TEXT_COLUMNS,
        rng=np.random.default_rng(seed),
        resamples=RESAMPLES,
    )
    said = [_protocol(composed, {name: len(rows) for name, rows in measured.items()}, found.split)]
    copied, sentence = _copying(run, found, composed, held_out, seed, reporter)
    scalars = SCALARS if kind == "music" else TEXT_SCALARS
    return Writing(composed, measured, scalars, gaps, copied, [*said, sentence])


def compose(run: Run, amount: Amount, n: int, seed: int, reporter: Reporter) -> Composed:
    """`n` pieces of so much, piece i with seed `seed` + i."""
    settings: dict[str, Any] = {amount.unit: amount.number}
    if amount.unit == "chars":
        settings = {"length": max(1, round(amount.number / _chars_per_symbol(run)))}
    began = time.perf_counter()
    samples = run.sample(n=n, seed=seed, reporter=reporter, **settings)
    return Composed(samples, amount, seed, time.perf_counter() - began)


def summary(rows: Floats, scalars: Sequence[Scalar]) -> dict[str, Any]:
    """{scalar: {"mean", "std", "median", "pieces"}} of the pieces that have it; None where there are too few."""
    found: dict[str, Any] = {}
    for at, scalar in enumerate(scalars):
        values = rows[:, at] if len(rows) else np.empty(0)
        values = values[np.isfinite(values)]
        found[scalar.name] = {
            "mean": float(values.mean()) if len(values) else None,
            "std": float(values.std(ddof=1)) if len(values) > 1 else None,
            "median": float(np.median(values)) if len(values) else None,
            "pieces": len(values),
        }
    return found


def _of(pieces: Pieces, indices: Sequence[int]) -> list[Piece]:
    """At most REAL of the pieces, evenly from all of them."""
    chosen = np.linspace(0, len(indices) - 1, min(REAL, len(indices))).round().astype(int)
    return [pieces[indices[at]] for at in chosen]


def amount_of(real: Sequence[Piece], unit: str) -> Amount:
    """As long as half of the real pieces are at least, within bounds."""
    lengths = []
    for piece in real:
        if isinstance(piece, str):
            lengths.append(float(len(piece)))
        else:
            lengths.append(float(len(bars(piece)) - has_pickup(piece)) if unit == "bars" else seconds(piece))
    middle = int(np.median(lengths)) if lengths else MOST[unit]
    return Amount(unit, max(LEAST[unit], min(MOST[unit], middle)))


def unit_of(run: Run) -> str:
    """What the length of its pieces is asked for in."""
    if run.representation.kind == "text":
        return "chars"
    return "bars" if run.counts_bars else "seconds"


def _chars_per_symbol(run: Run) -> float:
    """Characters that a symbol of text has, by what the run itself writes."""
    (sampled,) = run.sample(n=1, seed=0, length=64)
    return max(0.25, len(str(sampled.piece)) / 64)


def _cut(real: Sequence[Piece], amount: Amount) -> list[Piece]:
    """The beginnings of pieces of music; texts in pieces of that length, of which what is left at an end is none."""
    cut: list[Piece] = []
    for piece in real:
        if isinstance(piece, str):
            cut += [piece[at : at + amount.number] for at in range(0, len(piece) - amount.number + 1, amount.number)]
        else:
            stop = bar_line(piece, amount.number) if amount.unit == "bars" else tick_at(piece, amount.number)
            cut.append(clip(piece, stop))
    if not cut:  # texts shorter than that
        cut = list(real)
    chosen = np.linspace(0, len(cut) - 1, min(REAL, len(cut))).round().astype(int)
    return [cut[at] for at in chosen]


def _copying(
    run: Run, found: HeldOut, composed: Composed, held_out: Sequence[Piece], seed: int, reporter: Reporter
) -> tuple[Copying | None, str]:
    """What composed pieces share with the pieces that the run learned from, and a sentence on it."""
    try:
        own = found.pieces if found.own else run.own_pieces(reporter)
    except (UsageError, CorpusError) as error:
        return None, f"Whether it copied cannot be told without the pieces that the run learned from: {error}"
    rng = np.random.default_rng(seed)
    shared: list[Shared] | list[SharedText]
    if run.representation.kind == "music":
        index = music_index(own, reporter.progress)
        scores = [piece for piece in composed.pieces if isinstance(piece, Score)]
        shared = [passages_shared(index, score) for score in scores]
        notes = [one.notes for one in shared if one.notes > 1]
        if not notes:
            return None, "Whether it copied cannot be told: no composed piece has two notes."
        real = (piece for piece in held_out if isinstance(piece, Score))
        people = human(index, real, int(np.median(notes)), rng)
    else:
        texts = words_index(own, reporter.progress)
        shared = [shared_text(texts, str(piece)) for piece in composed.pieces]
        people = human_text(texts, map(str, held_out), int(np.median([one.length for one in shared])) or None, rng)
    return copying(people, shared), f"Shared with {len(own.split('train')):,} training pieces. {people.said}"


def _measured(
    sets: Mapping[str, Sequence[Piece]], training: Sequence[Piece], kind: str, reporter: Reporter
) -> dict[str, Floats]:
    """[N, F] the numbers of the pieces of each set."""
    known = None
    if kind == "text" and training:
        known = frozenset(word for text in training for word in words(str(text)))
    width = max(where.stop for where in (COLUMNS if kind == "music" else TEXT_COLUMNS).values())
    total, done, found = sum(map(len, sets.values())), 0, {}
    for name, pieces in sets.items():
        rows = np.empty((len(pieces), width))
        for at, piece in enumerate(pieces):
            rows[at] = text_vector(text_features(piece, known)) if isinstance(piece, str) else vector(features(piece))
            done += 1
            reporter.progress(done, total, "measuring pieces")
        found[name] = rows
    return found


def _protocol(composed: Composed, counts: Mapping[str, int], split: str) -> str:
    real = f"{counts['held out']:,} held-out pieces ({split})"
    if "training" in counts:
        real += f" and {counts['training']:,} training pieces"
    return (
        f"{len(composed.samples):,} pieces of {composed.amount}, composed with the seeds {composed.seed:,} to "
        f"{composed.seed + len(composed.samples) - 1:,} as the recipe composes, beside {real}, cut to that length."
    )
