"""How far what a model writes lies from real pieces: rows of numbers of pieces in; distances of distributions out.

Feature by feature, the way of mgeval (Yang and Lerch 2020, "On the evaluation of generative models in music"): the
distances within the held-out pieces beside those from generated to held-out pieces, as densities; how far they overlap
and diverge. Over all features, the Fréchet distance of the Gaussians fitted to them. Knows nothing of what the numbers
are of: music and text alike. Legend: N generated, M held-out and K training pieces, F numbers of each, R resamples
with the pieces themselves first.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from erato.evaluation.densities import Distances, Gap, gap_of
from erato.score import Floats, Ints

LEVEL = 0.95
LEAST = {"generated": 2, "held_out": 3, "training": 2}  # pieces that a density can be made of
RARE = 0.1  # a feature that more pieces of a set lack than this share takes no part in the Fréchet distance


@dataclass(frozen=True)
class _Set:
    """Pieces of one kind and how often each counts. rows: [N, F], weights: [R, N]."""

    name: str
    rows: Floats
    weights: Floats

    def of(self, where: slice) -> "_Set":
        """One feature of the pieces that have it."""
        part = self.rows[:, where]
        there = np.isfinite(part).all(1)
        return _Set(self.name, part[there], self.weights[:, there])

    def __len__(self) -> int:
        return len(self.rows)


def distances(
    generated: Floats,
    held_out: Floats,
    training: Floats | None = None,
    *,
    columns: Mapping[str, slice],
    rng: np.random.Generator,
    resamples: int = 200,
) -> dict[str, Any]:
    """How N generated pieces compare with M held-out ones, and training pieces with these.

    generated [N, F], held_out [M, F], training [K, F]: rows of numbers, nan where a piece has none, and then it is left
    out of that feature; columns: where each feature stands in a row (a matrix is one feature: its distance is the
    Euclidean one).

    All of it JSON: {"pieces": how many of each, "features": {name: {"overlap", "kl": {"value", "low", "high"},
    "literal": {"overlap", "kl"}, "floor": {"overlap", "kl", "reason"} or None, "reason", "left_out", "mean", "std"}},
    "frechet": {"value", "low", "high", "reason", "features", "left_out", "floor"}}. overlap: of the distances within
    held-out pieces and those from generated ones to them, 0 to 1, 1 is the best; kl: the divergence of the second from
    the first in nats, 0 is the best. literal: both as mgeval's code has them, see `densities`. floor: the same of as
    many training pieces as there are generated, drawn by `rng` (all where they are fewer): what real pieces reach.
    reason: a sentence where there is no value. left_out: pieces without the feature. mean, std: of scalars; a model
    that writes one average piece again and again is near to all and shows in std alone. Intervals: 95 % of bootstrap
    resamples of the pieces of all sets, see `interval`. Work grows with resamples * N * M, memory with N * M.
    """
    width = max(where.stop for where in columns.values())
    generated, held_out = _rows(generated, width), _rows(held_out, width)
    sets = [_drawn("generated", generated, rng, resamples), _drawn("held_out", held_out, rng, resamples)]
    if training is not None:
        chosen = rng.permutation(len(training))[: len(generated)]
        sets.append(_drawn("training", _rows(training, width)[chosen], rng, resamples))
    found = {name: _feature([each.of(where) for each in sets], sets) for name, where in columns.items()}
    return {
        "pieces": {each.name: len(each) for each in sets},
        "features": found,
        "frechet": _frechet(sets, {name: where.start for name, where in columns.items() if _width(where) == 1}),
    }


def _width(where: slice) -> int:
    return int(where.stop - where.start)


def _rows(rows: Floats, width: int) -> Floats:
    return np.asarray(rows, np.float64) if len(rows) else np.zeros((0, width))


def _drawn(name: str, rows: Floats, rng: np.random.Generator, resamples: int) -> _Set:
    """A set of pieces, and how often each is in every resample; in the first weighting each is once."""
    count = len(rows)
    weights = np.ones((resamples + 1, count))
    if count:
        weights[1:] = rng.multinomial(count, np.full(count, 1 / count), resamples)
    return _Set(name, rows, weights)


def _feature(sets: list[_Set], whole: list[_Set]) -> dict[str, Any]:
    """One feature of generated, held-out and, if there are any, training pieces."""
    generated, held_out, *training = sets
    found = _compared(generated, held_out)
    found["floor"] = None
    if training:
        floor = _compared(training[0], held_out)
        found["floor"] = {name: floor[name] for name in ("overlap", "kl", "reason")}
    found["left_out"] = {each.name: len(all_of) - len(each) for each, all_of in zip(sets, whole, strict=True)}
    if held_out.rows.shape[1] == 1:
        found["mean"] = {each.name: _json(each.rows.mean() if len(each) else math.nan) for each in sets}
        found["std"] = {each.name: _json(each.rows.std(ddof=1) if len(each) > 1 else math.nan) for each in sets}
    return found


def _compared(some: _Set, held_out: _Set) -> dict[str, Any]:
    """The distances within held-out pieces beside those from some pieces to them."""
    for each in (some, held_out):
        if len(each) < LEAST[each.name]:
            have = "has" if len(each) == 1 else "have"
            needed = f"at least {LEAST[each.name]} are needed."
            reason = f"{len(each)} of the {_said(each)} pieces {have} this feature; {needed}"
            none = {"value": None, "low": None, "high": None}
            return {"overlap": none, "kl": none, "literal": {"overlap": None, "kl": None}, "reason": reason}
    inter = Distances(apart(some.rows, held_out.rows), some.weights, held_out.weights)
    intra = Distances(apart(held_out.rows, held_out.rows), held_out.weights, held_out.weights, within=True)
    gap: Gap = gap_of(intra, inter)
    reason = ""
    if math.isinf(gap.kl[0]):
        reason = "kl is infinite: the pieces of one set are all the same in this, unlike those of the other."
    return {
        "overlap": interval(gap.overlap, highest=1.0),
        "kl": interval(gap.kl),
        "literal": {"overlap": _json(gap.literal_overlap), "kl": _json(gap.literal_kl)},
        "reason": reason or None,
    }


def _said(pieces: _Set) -> str:
    return pieces.name.replace("_", "-")


def apart(one: Floats, other: Floats) -> Floats:
    """[N, M] the Euclidean distances between rows [N, D] and rows [M, D]."""
    if one.shape[1] == 1:
        return np.abs(one - other[:, 0])
    found: Floats = np.sqrt(np.array([np.square(other - row).sum(1) for row in one]).reshape(len(one), len(other)))
    return found


def interval(values: Floats, *, highest: float = math.inf) -> dict[str, float | None]:
    """{"value", "low", "high"} of a value and what resamples give, [R] with the value first.

    The percentiles of the resamples, moved by what their median lies off the value: a resample has some pieces twice
    and lacks others, so that all are a little farther from the truth than the pieces themselves, and without that the
    value could stand outside. Not below 0 or above `highest`. None where it is infinite, or more than half of the
    resamples have none.
    """
    value, drawn = float(values[0]), values[1:][~np.isnan(values[1:])]
    if not math.isfinite(value) or 2 * len(drawn) < len(values) - 1 or not len(drawn):
        return {"value": _json(value), "low": None, "high": None}
    ordered = np.quantile(drawn, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2], method="nearest")  # inf stays one number
    if not math.isfinite(ordered[1]):
        return {"value": value, "low": None, "high": None}
    low, high = (float(np.clip(value + end - ordered[1], 0, highest)) for end in (ordered[0], ordered[2]))
    return {"value": value, "low": _json(low), "high": _json(high)}


def _json(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _frechet(sets: list[_Set], places: Mapping[str, int]) -> dict[str, Any]:
    """The Fréchet distance of feature vectors from generated, and from training, to held-out pieces."""
    held_out = sets[1]
    none: dict[str, Any] = {"value": None, "low": None, "high": None, "features": [], "left_out": {}, "floor": None}
    for each in sets[:2]:
        if len(each) < 2:
            few = f"is 1 {_said(each)} piece" if len(each) == 1 else f"are {len(each)} {_said(each)} pieces"
            return {**none, "reason": f"there {few}; at least 2 are needed."}
    used = {
        name: place
        for name, place in places.items()
        if all(np.isnan(each.rows[:, place]).mean() <= RARE for each in sets if len(each))
        and np.nanstd(held_out.rows[:, place]) > 1e-9 * np.nanmax(np.abs(held_out.rows[:, place]))
    }
    if not used:
        return {**none, "reason": "there is no feature that the pieces have and in which held-out pieces differ."}
    at = np.array(list(used.values()), np.int64)
    parts = [_whole(each, at) for each in sets]
    if min(len(parts[0]), len(parts[1])) < 2:
        return {**none, "reason": "fewer than 2 pieces have all features."}
    centre, scale = parts[1].rows.mean(0), parts[1].rows.std(0, ddof=1)
    if (scale == 0).any():
        return {**none, "reason": "the pieces that have all features do not differ in some of them."}
    fitted = [_gaussians((each.rows - centre) / scale, each.weights) for each in parts if len(each) > 1]
    found: dict[str, Any] = {**interval(frechet_distance(*fitted[0], *fitted[1])), "reason": None}
    found["features"] = list(used)
    found["left_out"] = {each.name: len(each) - len(part) for each, part in zip(sets, parts, strict=True)}
    found["floor"] = interval(frechet_distance(*fitted[2], *fitted[1])) if len(fitted) > 2 else None
    return found


def _whole(pieces: _Set, at: Ints) -> _Set:
    """Some numbers of the pieces that have them all."""
    rows = pieces.rows[:, at]
    there = np.isfinite(rows).all(1)
    return _Set(pieces.name, rows[there], pieces.weights[:, there])


def _gaussians(rows: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Means [R, F] and covariances [R, F, F] of rows [N, F] in each weighting; nan for fewer than two pieces."""
    number = weights.sum(1)
    number = np.where(number < 2, np.nan, number)[:, None]
    means = weights @ rows / number
    squares = np.array([(each[:, None] * rows).T @ rows for each in weights])
    outer = means[:, :, None] * means[:, None]
    return means, (squares - number[:, :, None] * outer) / (number[:, :, None] - 1)


def frechet_distance(mean: Floats, covariance: Floats, other_mean: Floats, other_covariance: Floats) -> Floats:
    """[R] the squared Fréchet distance of Gaussians with means [R, F] and covariances [R, F, F].

    |m - n|² + tr(C + D - 2 (C D)^½), of Dowson and Landau 1982 (The Fréchet distance between multivariate normal
    distributions), as the Fréchet inception distance has it. Covariances of fewer pieces than features are singular and
    do as well; the distance is then large for that alone, as it is for a floor of as many pieces. nan stays nan.
    """
    found = np.full(len(mean), np.nan)
    there = np.isfinite(covariance).all((1, 2)) & np.isfinite(other_covariance).all((1, 2))
    if not there.any():
        return found
    mean, covariance, other_mean, other_covariance = (
        each[there] for each in (mean, covariance, other_mean, other_covariance)
    )
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(0, values))[:, None]) @ vectors.swapaxes(1, 2)
    between = np.linalg.eigvalsh(root @ other_covariance @ root)
    traces = np.trace(covariance, axis1=1, axis2=2) + np.trace(other_covariance, axis1=1, axis2=2)
    found[there] = np.square(mean - other_mean).sum(1) + traces - 2 * np.sqrt(np.maximum(0, between)).sum(1)
    np.maximum(0, found, out=found)
    return found
