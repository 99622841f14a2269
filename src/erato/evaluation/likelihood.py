"""How likely a model finds whole pieces: encoded pieces in, log-probabilities and hits a symbol out. Knows nothing of
what they hold.

Legend: B pieces at once, T time. Each piece is scored from its first symbol to its last, with all of its own past as
context and nothing of another piece, at temperature 1 and without masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from erato.models.base import SequenceModel, take
from erato.representations.base import Array, Space

Floats = npt.NDArray[np.float64]
BLOCK = 1024  # symbols of a piece that are read at once
MOST = 2**26  # numbers that a model gives at once, about


@dataclass(frozen=True)
class Likelihood:
    """What a model says of pieces; `parts` are sums a piece, of each feature of a symbol where it has several.

    log_probs: a piece, [T] natural logarithms; correct: a piece, how many symbols were the likeliest. complete: whether
    they are the probabilities of whole symbols. terms: a piece, [T, M] what the logarithms are sums of, if asked for.
    """

    log_probs: list[Floats]
    correct: npt.NDArray[np.int64]
    parts: dict[str, Floats] = field(default_factory=dict)
    complete: bool = True
    terms: list[Floats] = field(default_factory=list)

    @property
    def nats(self) -> Floats:
        """[pieces]: the negative log-likelihood of each piece."""
        return np.array([-float(piece.sum()) for piece in self.log_probs])

    @property
    def symbols(self) -> npt.NDArray[np.int64]:
        """[pieces]: how many symbols each piece has."""
        return np.array([len(piece) for piece in self.log_probs], np.int64)

    @property
    def nats_per_symbol(self) -> float:
        """Over all pieces; 0 where there is no symbol."""
        return float(self.nats.sum() / max(1, self.symbols.sum()))

    @property
    def accuracy(self) -> float:
        """The share of symbols that were the likeliest, over all pieces; 0 where there is no symbol."""
        return float(self.correct.sum() / max(1, self.symbols.sum()))


@torch.inference_mode()
def likelihoods(
    model: SequenceModel,
    arrays: Sequence[Array],
    space: Space,
    *,
    batch_symbols: int = 16_384,
    block: int = BLOCK,
    device: torch.device | str | None = None,
    terms: bool = False,
) -> Likelihood:
    """The exact log-likelihood of every symbol of each piece; arrays: [T, ...] each, without what stands before.

    batch_symbols: how many symbols are in memory at once; block: how many of a piece are read at once; they change the
    speed, not the result. device: where the model is (found out if None). terms: whether to keep what each logarithm is
    the sum of (`Distribution.terms`). The model's training flag is restored.
    """
    device = device or next((p.device for p in model.parameters()), torch.device("cpu"))
    lengths = np.array([len(array) for array in arrays], np.int64)
    result = Likelihood([np.zeros(length) for length in lengths], np.zeros(len(arrays), np.int64))
    if terms:
        result.terms.extend(np.zeros((length, 1)) for length in lengths)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    batch_symbols = min(batch_symbols, MOST // space.tokens)
    training = model.training
    model.eval()
    try:
        while len(order):
            rows = max(1, batch_symbols // min(block, int(lengths[order[0]])))
            result = _score(model, arrays, space, order[:rows], block, result, device)
            order = order[rows:]
    finally:
        model.train(training)
    return result


def _score(
    model: SequenceModel,
    arrays: Sequence[Array],
    space: Space,
    pieces: npt.NDArray[np.intp],  # the longest first
    block: int,
    result: Likelihood,
    device: torch.device | str,
) -> Likelihood:
    """Scores some pieces side by side, block after block; a piece that has ended leaves the batch."""
    lengths = result.symbols[pieces]
    state, complete = model.start(len(pieces)), result.complete
    for begin in range(0, int(lengths[0]), block):
        here = int((lengths > begin).sum())
        if here < len(pieces):
            pieces, lengths = pieces[:here], lengths[:here]
            state = take(state, torch.arange(here, device=device))
        width = min(block, int(lengths[0]) - begin)
        symbols = np.full(
            (here, width + 1, *space.shape), space.before, space.read
        )  # what comes before, then the block
        for row, piece in enumerate(pieces):
            first = max(0, begin - 1)
            part = arrays[piece][first : begin + width]
            symbols[row, first + 1 - begin : first + 1 - begin + len(part)] = part
        given = torch.from_numpy(symbols).to(device)
        real = torch.from_numpy(np.arange(begin, begin + width) < lengths[:, None]).to(device)
        distribution, state = model.extend(given[:, :-1], state, real)
        complete = distribution.complete
        y = given[:, 1:]

        def numbers(values: Tensor, real: Tensor = real) -> Floats:
            found: Floats = values.double().masked_fill(~real, 0.0).cpu().numpy()
            return found

        log_probs = numbers(distribution.log_prob(y))
        for row, piece in enumerate(pieces):
            stop = min(begin + width, int(lengths[row]))
            result.log_probs[piece][begin:stop] = log_probs[row, : stop - begin]
        if result.terms:
            _keep_terms(result.terms, pieces, begin, numbers(distribution.terms(y), real.unsqueeze(-1)), lengths)
        result.correct[pieces] += (distribution.hits(y) & real).sum(1).cpu().numpy()
        for name, values in distribution.parts(y).items():
            sums = result.parts.setdefault(name, np.zeros(len(arrays)))
            sums[pieces] += numbers(values).sum(1)
    return Likelihood(result.log_probs, result.correct, result.parts, complete, result.terms)


def _keep_terms(
    kept: list[Floats], pieces: npt.NDArray[np.intp], begin: int, terms: Floats, lengths: npt.NDArray[np.int64]
) -> None:
    """Puts terms [B, T, M] of the symbols from `begin` on where they belong; how many there are shows only here."""
    for row, piece in enumerate(pieces):
        if kept[piece].shape[1] != terms.shape[2]:
            kept[piece] = np.zeros((len(kept[piece]), terms.shape[2]))
        stop = min(begin + terms.shape[1], int(lengths[row]))
        kept[piece][begin:stop] = terms[row, : stop - begin]
