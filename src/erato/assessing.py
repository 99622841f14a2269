"""What a run writes, beside what people wrote: a run in; an assessment of likelihood, features, distances, copying out.

The run composes pieces as long as those it has not learned from, and both are measured in the same way; pieces that it
did learn from say how far apart two sets of real pieces are, which no generator can beat. The measures are in
`erato.evaluation`. Knows nothing of how an assessment is shown. Legend: N pieces, F numbers of each.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
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
from erato.held_out import Amount, HeldOut, amount_of, cut, some
from erato.reporter import Reporter
from erato.run import Run
from erato.score import Floats, Piece, Score, note_count, seconds
from erato.training_index import music_index, words_index
from erato.writing_tables import counted

PIECES = 24  # that a run composes to be measured by
RESAMPLES = 200
MOST_PIECES = 1000
SPARE = 1.2  # times as many symbols of text as will do, which is then cut
MOST_SEED = 2**63


@dataclass(frozen=True)
class Composed:
    """What a run composed to be measured: its pieces, how long each was to be, the first seed, seconds of work."""

    samples: Sequence[Sample]
    amount: Amount
    seed: int
    took: float

    @property
    def pieces(self) -> list[Piece]:
        """The pieces, texts cut to the length that they were to have."""
        made = (sample.piece for sample in self.samples)
        return [piece[: self.amount.number] if isinstance(piece, str) else piece for piece in made]

    def speed(self) -> dict[str, float]:
        """Of what is composed a second: "notes" and "seconds" of music, or "chars"."""
        took = max(self.took, 1e-9)
        scores = [sample.piece for sample in self.samples if isinstance(sample.piece, Score)]
        if not scores:
            return {"chars": sum(len(str(sample.piece)) for sample in self.samples) / took}
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
    writing: Writing | None = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The assessment as `erato evaluate --json` prints it."""
        found = self.evaluation.to_json()
        composed = self.writing.to_json() if self.writing else None
        if composed and found["features"] is None:  # whole phrases have measures of their own there
            found |= {"features": composed["features"], "originality": composed["originality"]}
        return {"run": self.run, **found, "composed": composed}


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
    refuse_pieces(n, seed)
    evaluation = run.evaluate(corpus, split=split, reporter=reporter)
    name = name_of(run)
    if not n:
        return Assessment(name, evaluation, None)
    return Assessment(name, evaluation, write(run, run.held_out(corpus, split), n, seed, reporter))


def name_of(run: Run) -> str:
    """What a run is called: its folder, and the step of its weights where they are not the best."""
    name = run.folder.absolute().name
    return name if run.checkpoint is None else f"{name}, step {run.checkpoint}"


def refuse_pieces(n: int, seed: int) -> None:
    """UsageError for pieces that are not composed to measure a run: too many of them, or with seeds that are none."""
    if not 0 <= n <= MOST_PIECES:
        raise UsageError(f"n must be from 0 to {MOST_PIECES:,} pieces to compose, got {n}.")
    if not 0 <= seed <= MOST_SEED - n:
        raise UsageError(f"seed must be a whole number from 0 to 2^63 - {n}, got {seed}.")


def write(
    run: Run, found: HeldOut, n: int, seed: int = 0, reporter: Reporter | None = None, amount: Amount | None = None
) -> Writing:
    """What the run composes, beside pieces that are held out; amount: how long each is, None: as long as those are."""
    reporter = reporter or Reporter()
    kind = run.representation.kind
    real = some(found.pieces, found.indices)
    amount = amount or amount_of(real, unit_of(run))
    composed = compose(run, amount, n, seed, reporter)
    own, why = _own_pieces(run, found)
    same = own is not None and own.hash == found.pieces.hash
    real_name = "training" if found.learnt else "held out"
    sets = {"composed": composed.pieces, real_name: cut(real, amount)}
    if own is not None and same and (others := sorted({*own.split("train")} - {*found.indices})):
        sets["training"] = cut(some(own, others), amount)
    measured = _measured(sets, _known(own, reporter) if own is not None and kind == "text" else None, kind, reporter)
    reporter.progress(0, None, "comparing distributions")
    gaps = distances(
        measured["composed"],
        measured[real_name],
        None if found.learnt else measured.get("training"),
        columns=COLUMNS if kind == "music" else TEXT_COLUMNS,
        rng=np.random.default_rng(seed),
        resamples=RESAMPLES,
    )
    said = [_protocol(composed, {name: len(rows) for name, rows in measured.items()}, found.split)]
    if own is None:
        copied, sentence = None, "Whether it copied cannot be told without the pieces that the run learned from: " + why
    else:  # pieces that it learned from are no measure of what people share with them
        copied, sentence = _copying(own, composed, [] if same and found.split == "train" else real, seed, reporter)
        sentence += why
    scalars = SCALARS if kind == "music" else TEXT_SCALARS
    return Writing(composed, measured, scalars, gaps, copied, [*said, sentence])


def compose(run: Run, amount: Amount, n: int, seed: int, reporter: Reporter) -> Composed:
    """`n` pieces of so much, piece i with seed `seed` + i."""
    settings: dict[str, Any] = {amount.unit: amount.number}
    if amount.unit == "chars":
        settings = {"length": ceil(SPARE * amount.number / _chars_per_symbol(run))}
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


def unit_of(run: Run) -> str:
    """What the length of its pieces is asked for in."""
    if run.representation.kind == "text":
        return "chars"
    return "bars" if run.counts_bars else "seconds"


def _chars_per_symbol(run: Run) -> float:
    """Characters that a symbol of text has, by what the run itself writes; not less than half of one."""
    (sampled,) = run.sample(n=1, seed=0, length=64)
    return max(0.5, len(str(sampled.piece)) / 64)


def _own_pieces(run: Run, found: HeldOut) -> tuple[Pieces | None, str]:
    """The corpus that the run learned from, and what is to be said of it; None: it is not there."""
    if found.own:
        return found.pieces, ""
    try:
        own = run.own_pieces()  # what there is to note of it, was noted when the run was evaluated
    except (UsageError, CorpusError) as error:
        return None, str(error)
    return own, "" if own.hash == run.manifest.get("hash") else " They have changed since the run learned from them."


def _copying(
    own: Pieces, composed: Composed, held_out: Sequence[Piece], seed: int, reporter: Reporter
) -> tuple[Copying | None, str]:
    """What composed pieces share with training pieces, beside people's `held_out` ones, and a sentence on it."""
    rng = np.random.default_rng(seed)

    def looked_up(done: int, total: int) -> None:
        reporter.progress(done, total, "looking up pieces of people")

    shared: list[Shared] | list[SharedText]
    if own.kind == "music":
        index = music_index(own, reporter.progress)
        shared = [passages_shared(index, score) for score in composed.pieces if isinstance(score, Score)]
        notes = [one.notes for one in shared if one.notes > 1]
        if not notes:
            return None, "Whether it copied cannot be told: no composed piece has two notes."
        real = (piece for piece in held_out if isinstance(piece, Score))
        people = human(index, real, int(np.median(notes)), rng, progress=looked_up)
    else:
        texts = words_index(own, reporter.progress)
        shared = [shared_text(texts, str(piece)) for piece in composed.pieces]
        lengths = [one.length for one in shared if one.length]
        if not lengths:
            return None, "Whether it copied cannot be told: no composed text has a character."
        people = human_text(texts, map(str, held_out), int(np.median(lengths)), rng, looked_up)
    return copying(people, shared), f"Shared with {counted(len(own.split('train')), 'training piece')}. {people.said}"


def _known(own: Pieces, reporter: Reporter) -> frozenset[str]:
    """The words of all training texts."""
    known: set[str] = set()
    indices = own.split("train")
    for number, index in enumerate(indices, 1):
        known.update(words(str(own[index])))
        reporter.progress(number, len(indices), "counting words of training texts")
    return frozenset(known)


def _measured(
    sets: Mapping[str, Sequence[Piece]], known: frozenset[str] | None, kind: str, reporter: Reporter
) -> dict[str, Floats]:
    """[N, F] the numbers of the pieces of each set; known: the words of the training texts."""
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
    beside = [counted(number, f"{name.replace(' ', '-')} piece") for name, number in counts.items()][1:]
    beside[0] += f" ({split})"
    first, last = composed.seed, composed.seed + len(composed.samples) - 1
    seeds = f"the seed {first:,}" if first == last else f"the seeds {first:,} to {last:,}"
    return (
        f"{counted(len(composed.samples), 'piece')} of {composed.amount}, composed with {seeds} as the recipe "
        f"composes, beside {' and '.join(beside)}, cut to that length."
    )
