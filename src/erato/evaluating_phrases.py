"""What a latent model writes, beside real pieces: a model and encoded pieces in, an evaluation out.

It says what both are like and how far apart, how varied and how new the phrases are, and what each latent steers.
Knows nothing of files. The measures are in `erato.evaluation.phrases`. Legend: N phrases, T steps of one, K tracks.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from erato.corpora.base import Progress
from erato.errors import EratoError, UsageError
from erato.evaluating import Evaluation
from erato.evaluation.phrases import (
    Floats,
    Ints,
    Statistics,
    copies,
    diversity,
    gap,
    interval,
    phrases_of,
    relative,
    statistics,
)
from erato.models.base import LatentModel
from erato.representations.base import Array, Representation, Rolls
from erato.representations.multitrack import Multitrack
from erato.sampling.growing import evaluating
from erato.sampling.latent import Latents

PHRASES = 10_000
STEERED = 1_000  # phrases that each latent is drawn anew for
RESAMPLES = 1_000
LEVEL = 0.95
BATCH = 250  # phrases written at once


def evaluate_phrases(
    model: LatentModel,
    representation: Representation,
    arrays: Sequence[Array],
    training: Sequence[Array] | None,
    split: str,
    *,
    seed: int = 0,
    generated: int = PHRASES,
    progress: Progress | None = None,
) -> Evaluation:
    """How `generated` new phrases compare with `arrays`, the pieces of a split, and with the training pieces.

    Gaps and copies are to the training pieces, to `arrays` where training is None. The gap of held-out pieces is there
    too: it says how small a gap can be. Evaluation.features has, by set of phrases ("training" and "held out", or
    "pieces"; "generated"), measure and entry, {"value", "low", "high"} (None where there is nothing to measure), and
    "gap", "diversity" and "steering"; Evaluation.originality counts copies. The same seed gives the same numbers.
    Raises UsageError where no piece is as long as a phrase, and EratoError where the model gives no numbers.
    """
    space = model.space
    pieces = {"pieces": arrays} if training is None else {"training": training, "held out": arrays}
    cut = {name: [phrases_of([array], space) for array in part] for name, part in pieces.items()}
    real = {name: np.concatenate([phrases_of([], space), *parts]) for name, parts in cut.items()}
    for name, phrases in real.items():
        if not len(phrases):
            raise UsageError(
                f"none of the {len(pieces[name])} {name if name == 'pieces' else name + ' pieces'} has {_bars(space)} "
                "that the run can read: choose another --split, or add longer pieces."
            )
    if not all(bool(torch.isfinite(part).all()) for part in model.state_dict().values()):
        raise EratoError("the model's weights are no numbers any more: train it again, with a lower learning rate.")

    latents = Latents.draw(model.latents, generated, seed, kept=())
    written = {**real, "generated": _written(model, latents, progress)}
    names = representation.voices if isinstance(representation, Multitrack) else ()
    measured = {name: statistics(phrases, space, names) for name, phrases in written.items()}
    groups = {name: np.repeat(np.arange(len(parts)), [len(part) for part in parts]) for name, parts in cut.items()}
    rng = np.random.default_rng(seed)
    reference, *others = measured
    varied = {name: diversity(phrases, rng) for name, phrases in written.items()}
    features: dict[str, Any] = {
        name: _table(found, interval(found, rng, RESAMPLES, LEVEL, groups.get(name)))
        for name, found in measured.items()
    }
    features["gap"] = {name: gap(measured[name], measured[reference]) for name in others}
    ratio = varied["generated"] / varied[reference] if varied[reference] else None
    features["diversity"] = {**varied, "ratio": ratio}
    features["steering"] = _steering(model, written["generated"], seed)
    return Evaluation(
        split=split,
        pieces=len(arrays),
        symbols=sum(map(len, arrays)),
        accuracy=None,
        nats_per_frame=None,
        nats_per_frame_after_first=None,
        nats_per_note=None,
        nats_per_token=None,
        nats_per_second=None,
        nats_per_char=None,
        perplexity=None,
        parts={},
        baseline=None,
        baseline_order=representation.order,
        protocol=_protocol(space, {name: len(phrases) for name, phrases in written.items()}, seed),
        features=features,
        originality=_originality(written["generated"], pieces[reference], space),
    )


def _written(model: LatentModel, latents: Mapping[str, torch.Tensor], progress: Progress | None = None) -> Ints:
    """[N, T, K] the phrases that the latents stand for."""
    device = next((part.device for part in model.parameters()), torch.device("cpu"))
    count = len(next(iter(latents.values())))
    found = []
    with evaluating(model), torch.inference_mode():
        for begin in range(0, count, BATCH):
            rows = {name: part[begin : begin + BATCH].to(device) for name, part in latents.items()}
            found.append(model.write(rows).cpu().numpy())
            if progress:
                progress(min(count, begin + BATCH), count, "writing phrases")
    return np.concatenate(found)


def _table(found: Statistics, intervals: Mapping[str, tuple[Floats, Floats]]) -> dict[str, Any]:
    """{measure: {entry: {"value", "low", "high"}}}"""

    def number(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    return {
        measure: {
            entry: {"value": number(value), "low": number(low), "high": number(high)}
            for entry, value, low, high in zip(found.names[measure], values, *intervals[measure], strict=True)
        }
        for measure, values in found.means().items()
    }


def _steering(model: LatentModel, phrases: Ints, seed: int) -> dict[str, float]:
    """By latent: of the cells in which something sounds, the share that change when it alone is drawn anew."""
    count = min(STEERED, len(phrases))
    before = phrases[:count]
    sounding = before != model.space.pitches
    found = {}
    for name in model.latents:  # whose other parts are those that the phrases were written from
        after = _written(model, Latents.draw(model.latents, count, seed, {name: seed + 1}, kept=()))
        found[name] = float((after != before)[sounding].sum() / max(1, sounding.sum()))
    return found


def _originality(phrases: Ints, pieces: Sequence[Array], space: Rolls) -> dict[str, int]:
    """How many phrases stand somewhere in the pieces, from whichever step on: as they are, and transposed."""
    real = [phrases_of([piece], space, stride=1) for piece in pieces]
    return {
        "copies": copies(phrases, (phrase for part in real for phrase in part)),
        "transposed_copies": copies(
            relative(phrases, space), (phrase for part in real for phrase in relative(part, space))
        ),
        "phrases": len(phrases),
        "real_phrases": sum(map(len, real)),
    }


def _protocol(space: Rolls, counts: Mapping[str, int], seed: int) -> str:
    reference, *_ = counts
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if name != "generated")
    return (
        f"{counts['generated']:,} generated phrases of {_bars(space)}, each from latents of its own, drawn from the "
        f"standard normal distribution with seed {seed}, beside the phrases of {_bars(space)} of real pieces that "
        f"do not overlap, from the first bar of each on ({said}; what is left at the end of a piece is not counted). A "
        f"note is a run of one pitch within a phrase; tonal distance is taken a beat of {space.beat} steps, where both "
        f"tracks sound. Intervals: {100 * LEVEL:g} % of {RESAMPLES:,} bootstrap resamples, of phrases where generated, "
        f"of pieces where real. Gaps are to {reference}. Diversity: the share of (step, track) cells in which two "
        f"phrases differ, over random pairs. Steering: the share of the sounding cells of "
        f"{min(STEERED, counts['generated']):,} phrases that change when one latent is drawn anew and the others stay. "
        f"Copies: generated phrases that stand anywhere in {reference}, from whichever step on."
    )


def _bars(space: Rolls) -> str:
    return f"{space.bars} bar{'s' if space.bars > 1 else ''}"
