"""Beam search: a model and a prompt in, the likeliest pieces that a search along several beams finds out, best first.

Knows nothing of pitches or files, and of chance: the same model and prompt give the same pieces. The rules for what
may follow and when a piece is over are those of drawing. Legend: B beams, T symbols, V vocabulary.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from erato.errors import EratoError, UsageError
from erato.models.base import Categorical, Distribution, SequenceModel, masked, take
from erato.representations.base import Array, Cursor, Space, Tokens
from erato.sampling.autoregressive import NO_NUMBERS
from erato.sampling.filters import Sampler
from erato.sampling.growing import Growing, Sampled, Stop, evaluating, read_prompt
from erato.sampling.original import OriginalCursor

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WAYS = 8  # to go on from a beam that are looked at where the best of all beams do not suffice


_MOST = 1000  # beams
_STEEPEST = 10  # power of a length


@dataclass(frozen=True)
class Beams:
    """How to search; raises UsageError for a value that is not allowed.

    beams: how many pieces grow side by side; 1: the likeliest symbol each time. length_penalty: pieces are compared by
    their log-probability divided by their length to this power; above 0, longer ones gain. early_stopping: ends when
    as many pieces as there are beams have ended; else when, besides, none that grows is better than the worst of those.
    """

    beams: int = 4
    length_penalty: float = 1.0
    early_stopping: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.beams <= _MOST:
            raise UsageError(f"beams must be from 1 to {_MOST:,}, got {self.beams}")
        if not -_STEEPEST <= self.length_penalty <= _STEEPEST:
            raise UsageError(f"length_penalty must be from -{_STEEPEST} to {_STEEPEST}, got {self.length_penalty}")


@dataclass(frozen=True)
class Candidate:
    """One way to go on from a step of the search.

    beam: which of the beams it continues, by place; log_prob: of its symbol, as it is searched by; total: of the piece
    up to and with it. kept: it grows on (the beams of the next step are these, in their order); ended: a piece ends
    here. Neither: it is given up.
    """

    beam: int
    symbol: int
    log_prob: float
    total: float
    kept: bool
    ended: bool


@torch.inference_mode()
def beam_search(
    model: SequenceModel,
    prompt: Array,
    cursor: Cursor,
    space: Space,
    beams: Beams,
    sampler: Sampler,
    stop: Stop,
    returned: int = 1,
    callback: Callable[[int, list[Array | None]], None] | None = None,
    trace: Callable[[int, list[Candidate]], None] | None = None,
    limit: int = 8192,
) -> list[Sampled]:
    """The `returned` best pieces after a prompt, best first; fewer where there are not as many different ones.

    prompt: [T] symbols, may be empty; cursor: fresh; stop, limit: as in `sample`. Of the sampler, repetition_penalty
    and no_repeat change what is searched; all else is for drawing. callback: called after each step with its number
    and the newest symbol of each beam, None where there are fewer; trace: with its number and the candidates, best
    first. Raises UsageError for what `sample` does, for frames and notes, and for more pieces than beams.

    Pieces end, are compared and end the search as in transformers' `generate()` (Wolf et al. 2020).
    """
    if not isinstance(space, Tokens):
        raise UsageError(f"beam search is for runs of single symbols, not for {space}: draw the pieces instead.")
    if not 1 <= returned <= beams.beams:
        raise UsageError(f"the pieces of a search must be from 1 to {beams.beams}, one a beam at most, got {returned}.")
    rules = Sampler(
        repetition_penalty=sampler.repetition_penalty,
        repetition_window=sampler.repetition_window,
        no_repeat=sampler.no_repeat,
    )
    with evaluating(model):
        one, state, last = read_prompt(model, prompt, cursor, space)
        growing, totals = Growing(one, space, rules, stop, prompt, 1, last.device), np.zeros(1)
        found: list[Sampled] = []
        steps = stop.length or limit
        for step in range(steps):
            distribution, state = model.extend(last, state)
            own, searched = _log_probs(distribution, growing, beams.beams == 1)
            growing, parents, symbols, kept, ending = _step(growing, totals[:, None] + searched, own, beams.beams)
            sums = totals[parents] + searched[parents, symbols]
            if step + 1 == steps:  # as far as it goes: all end
                kept, ending = kept[:0], np.union1d(kept, ending)[: beams.beams]
            for row in ending.tolist():
                piece = growing.sampled(row, 0)
                total = totals[parents[row]] if growing.dropped[row] else sums[row]
                piece.score = float(total) / max(1, len(piece.array)) ** beams.length_penalty
                found.append(piece)
            found = sorted(found, key=_score, reverse=True)[: beams.beams]
            if trace is not None:
                rows = zip(parents.tolist(), symbols.tolist(), sums.tolist(), strict=True)
                trace(
                    step,
                    [
                        Candidate(beam, symbol, float(searched[beam, symbol]), total, row in kept, row in ending)
                        for row, (beam, symbol, total) in enumerate(rows)
                    ],
                )
            totals = sums[kept]
            if callback is not None:
                callback(step, [*symbols[kept], *[None] * (beams.beams - len(kept))])
            if not len(kept) or (len(found) == beams.beams and _settled(beams, totals[0], step + 1, _score(found[-1]))):
                break
            growing = growing.take(kept)
            state = take(state, torch.from_numpy(parents[kept]).to(last.device))
            last = torch.from_numpy(symbols[kept, None]).to(last.device)
        return found[:returned]


def _score(piece: Sampled) -> float:
    assert piece.score is not None
    return piece.score


def _settled(beams: Beams, best: float, length: int, worst: float) -> bool:
    """Whether no piece that grows (the best of them has `best`) is better than the worst of those that have ended."""
    return beams.early_stopping or beams.beams == 1 or best / length**beams.length_penalty <= worst


def _log_probs(distribution: Distribution, growing: Growing, greedy: bool) -> tuple[Floats, Floats]:
    """[B, V] the log-probabilities of the next symbols under the model itself, and those that are searched by."""
    assert isinstance(distribution, Categorical)
    logits = distribution.logits[:, -1].float()
    own = logits.log_softmax(-1)
    if torch.isnan(own).any():
        raise EratoError(NO_NUMBERS)
    # Greedy search penalises logits, as drawing does, and beam search log-probabilities, which can be added up.
    given = growing(masked(logits if greedy else own, growing.allowed, growing.kinds)).double()
    searched = given - logits.double().logsumexp(-1, keepdim=True) if greedy else given
    if (free := growing.unrefused) is not None and isinstance(growing.cursor, OriginalCursor):
        growing.cursor.count(masked(own, free.allowed).argmax(-1).cpu().numpy())
    return own.double().cpu().numpy(), searched.cpu().numpy()


def _step(growing: Growing, totals: Floats, own: Floats, beams: int) -> tuple[Growing, Ints, Ints, Ints, Ints]:
    """The best ways to go on, best first: the pieces with them, their beams and symbols, [N] each; the places of those
    that grow on, and of those that end. totals: [B, V] of the piece with each symbol.
    """
    places = _best(totals.ravel(), 2 * beams)
    if not len(places):
        raise EratoError(NO_NUMBERS)
    ways = _tried(growing, totals, places, own, beams)
    if len(ways[3]) < beams:  # too few grow on: so that no beam is lost to ways that end another, some of each
        some = [beam * totals.shape[1] + _best(row, WAYS) for beam, row in enumerate(totals)]
        places = np.unique(np.concatenate([places, *some]))
        places = places[np.argsort(-totals.ravel()[places], kind="stable")]
        ways = _tried(growing, totals, places, own, beams)
    return ways


def _tried(
    growing: Growing, totals: Floats, places: Ints, own: Floats, beams: int
) -> tuple[Growing, Ints, Ints, Ints, Ints]:
    """What comes of the ways at `places`; of what ends, only that among the best `beams`.

    A symbol that is dropped leaves its piece as it was: whichever it is, that is one way.
    """
    parents, symbols = np.divmod(places, totals.shape[1])
    grown = growing.take(parents)
    grown.push(symbols, own[parents, symbols])
    way = np.where(grown.dropped, -1 - parents, places)
    different = np.sort(np.unique(way, return_index=True)[1])
    ended = grown.ended[different]
    return grown, parents, symbols, different[~ended][:beams], different[:beams][ended[:beams]]


def _best(totals: Floats, count: int) -> Ints:
    """The places of the `count` highest totals [N], best first and the first of equals first; none that is -inf."""
    least = np.partition(totals, -count)[-count] if count < len(totals) else -math.inf
    places = np.flatnonzero((totals >= least) & (totals > -math.inf))
    return places[np.argsort(-totals[places], kind="stable")][:count]
