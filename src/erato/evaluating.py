"""A model on pieces it has not learned from: encoded pieces in; numbers a frame, note, token and second out.

Knows nothing of files.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from erato.displayed import Displayed
from erato.errors import EratoError
from erato.evaluation.likelihood import Likelihood, likelihoods
from erato.evaluation.ngram import Ngram
from erato.models.base import SequenceModel
from erato.representations.base import Array, Bits, Frames, Notes, Representation, Space, Tokens
from erato.sampling.autoregressive import NO_NUMBERS

UNITS = {
    "key states": "nats_per_key_state",
    "frames": "nats_per_frame",
    "notes": "nats_per_note",
    "seconds": "nats_per_second",
    "chars": "nats_per_char",
}
PROTOCOL = (
    "Exact negative log-likelihood of whole pieces in nats: every symbol given all symbols of its own piece before it "
    "and nothing of another piece, at temperature 1, without masks, by one model; summed over all pieces, then divided "
    "by their number of frames, key states, notes, tokens, seconds or characters."
)


@dataclass(frozen=True)
class Evaluation(Displayed):
    """What a model costs held-out pieces, or how what it writes compares; None where a number has no meaning.

    nats_per_frame_after_first: the sum over frames 2 to T of all pieces by the sum of T - 1, as in the literature on
    polyphonic music. parts: the loss a symbol of each feature, in nats where the model gives it a likelihood. baseline:
    an interpolated n-gram model of the training pieces (n: baseline_order), on the same symbols: frames as their keys
    in ascending order and an end, notes as their pitches. features, originality: of models that write whole phrases,
    see `erato.evaluating_phrases`.
    """

    split: str
    pieces: int
    symbols: int
    accuracy: float | None
    nats_per_frame: float | None
    nats_per_frame_after_first: float | None
    nats_per_note: float | None
    nats_per_token: float | None
    nats_per_second: float | None
    nats_per_char: float | None
    perplexity: float | None
    parts: dict[str, float]
    baseline: dict[str, float] | None
    baseline_order: int
    protocol: str
    features: dict[str, Any] | None = None
    originality: dict[str, Any] | None = None
    nats_per_key_state: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The evaluation as `erato evaluate --json` prints it."""
        return asdict(self)


def evaluate(
    model: SequenceModel,
    representation: Representation,
    arrays: Sequence[Array],
    split: str,
    training: Sequence[Array] | None = None,
    *,
    batch_symbols: int = 16_384,
    block: int = 1024,
) -> Evaluation:
    """The evaluation of `arrays`, pieces of the representation; training: those that the baseline learns from.

    Raises EratoError where the model gives no numbers.
    """
    space = representation.space
    found = likelihoods(model, arrays, space, batch_symbols=batch_symbols, block=block)
    if not all(np.isfinite(sums).all() for sums in (found.nats, *found.parts.values())):
        raise EratoError(NO_NUMBERS)
    amounts = _amounts(representation, arrays)
    per: dict[str, Any] = {**_per_unit(float(found.nats.sum()) if found.complete else None, amounts, space)}
    symbols = int(found.symbols.sum())
    after_first = None
    framed = isinstance(space, (Frames, Bits))
    if framed:
        later = [piece[space.frame :] for piece in found.log_probs]
        if count := sum(map(len, later)):
            after_first = -sum(float(piece.sum()) for piece in later) / count * space.frame
    baseline = None
    if training is not None:
        ngram = Ngram.fit([space.as_tokens(array) for array in training], space.tokens, representation.order)
        costs = ngram.costs([space.as_tokens(array) for array in arrays])
        cost = float(sum(piece.sum() for piece in costs))
        whole = framed or isinstance(space, Tokens)
        counted = _per_unit(cost, amounts, space) if whole else {"pitch": cost / max(1, symbols)}
        baseline = {name: value for name, value in counted.items() if value is not None}
        frames = symbols // space.frame
        if framed and frames > len(arrays):
            first = sum(
                float(piece[: len(space.as_tokens(a[: space.frame]))].sum())
                for piece, a in zip(costs, arrays, strict=True)
            )
            baseline["nats_per_frame_after_first"] = (cost - first) / (frames - len(arrays))
    return Evaluation(
        split=split,
        pieces=len(arrays),
        symbols=symbols,
        accuracy=found.accuracy,
        nats_per_frame_after_first=after_first,
        parts={name: float(sums.sum()) / max(1, symbols) for name, sums in found.parts.items()},
        baseline=baseline,
        baseline_order=representation.order,
        protocol=_protocol(found, representation, amounts),
        **per,
    )


def _amounts(representation: Representation, arrays: Sequence[Array]) -> dict[str, float]:
    amounts = {"tokens": float(sum(map(len, arrays)))}
    for array in arrays:
        for name, amount in representation.units(np.asarray(array, representation.space.read)).items():
            amounts[name] = amounts.get(name, 0.0) + amount
    return amounts


def _per_unit(nats: float | None, amounts: dict[str, float], space: Space) -> dict[str, float | None]:
    """`nats` by each amount; a token is a symbol of a vocabulary."""
    found: dict[str, float | None] = dict.fromkeys([*UNITS.values(), "nats_per_token", "perplexity"])
    if nats is None:
        return found
    for unit, name in UNITS.items():
        if amounts.get(unit):
            found[name] = nats / amounts[unit]
    if isinstance(space, Tokens) and amounts["tokens"]:
        found["nats_per_token"] = nats / amounts["tokens"]
        found["perplexity"] = math.exp(min(nats / amounts["tokens"], 700.0))
    return found


def _protocol(found: Likelihood, representation: Representation, amounts: dict[str, float]) -> str:
    space = representation.space
    said = PROTOCOL
    if isinstance(space, Frames):
        said += (
            " A frame counts all its keys jointly (and the end of its keys, where the model writes them one after "
            "another); the end of a piece is not counted. nats_per_frame counts all frames; nats_per_frame_after_first "
            "leaves out the first of each piece, as the literature does."
        )
    elif isinstance(space, Bits):
        said += (
            f" A frame is one step of {space.keys} keys, its key states one after another, so that all keys count "
            "jointly; the end of a piece is not counted. nats_per_frame counts all frames; nats_per_frame_after_first "
            "leaves out the first of each piece, as the literature does."
        )
    elif isinstance(space, Notes) and not found.complete:
        said += (
            " This model predicts times without a likelihood: only the pitches have nats, and the other features have "
            "mean squared errors. The end of a piece is not counted."
        )
    elif isinstance(space, Notes):
        said += (
            f" A note counts {', '.join(space.features)}; times count as the mass of their bin of "
            f"{1000 * space.resolution_s:g} ms; the end of a piece is not counted."
        )
    else:
        said += " The end of a piece is counted." if space.end is not None else " The end of a piece is not counted."
    if unknown := amounts.get("unknown words"):
        said += (
            f" {unknown:,.0f} of the {amounts['tokens']:,.0f} symbols are words that the run does not know: each costs "
            "one symbol, its spelling nothing, so that numbers of other vocabularies do not compare."
        )
    return said
