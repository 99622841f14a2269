"""How likely a model finds whole pieces: encoded pieces in, nats and hits a piece out. Knows nothing of what
they hold.

Legend: B pieces at once, T time. Each piece is scored from its first symbol (after `start`) to its last, with
all of its own past as context and nothing of another piece, at temperature 1 and without masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from erato.models.base import Categorical, SequenceModel, take
from erato.representations.base import Array, Tokens

BLOCK = 1024  # symbols of a piece that are read at once


@dataclass(frozen=True)
class Likelihood:
    """Per piece: negative log-likelihood (nats), how many symbols were the likeliest, how many there are."""

    nats: npt.NDArray[np.float64]
    correct: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.int64]

    @property
    def nats_per_symbol(self) -> float:
        """Over all pieces; 0 where there is no symbol."""
        return float(self.nats.sum() / max(1, self.symbols.sum()))

    @property
    def accuracy(self) -> float:
        """The share of symbols that were the likeliest, over all pieces; 0 where there is no symbol."""
        return float(self.correct.sum() / max(1, self.symbols.sum()))


@torch.inference_mode()
def nats(
    model: SequenceModel,
    arrays: Sequence[Array],
    space: Tokens,
    *,
    batch_symbols: int = 16_384,
    device: torch.device | str | None = None,
) -> Likelihood:
    """The exact negative log-likelihood of each piece; arrays: [T] each, without `start`.

    batch_symbols: how many symbols are in memory at once; it changes the speed, not the result. device: where
    the model is (found out if None). The model's training flag is restored.
    """
    device = device or next((p.device for p in model.parameters()), torch.device("cpu"))
    lengths = np.array([len(array) for array in arrays], np.int64)
    result = Likelihood(np.zeros(len(arrays)), np.zeros(len(arrays), np.int64), lengths)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    training = model.training
    model.eval()
    try:
        while len(order):
            rows = max(1, batch_symbols // min(BLOCK, int(lengths[order[0]])))
            _score(model, arrays, space, order[:rows], result, device)
            order = order[rows:]
    finally:
        model.train(training)
    return result


def _score(
    model: SequenceModel,
    arrays: Sequence[Array],
    space: Tokens,
    pieces: npt.NDArray[np.intp],  # the longest first
    result: Likelihood,
    device: torch.device | str,
) -> None:
    """Scores some pieces side by side, block after block; a piece that has ended leaves the batch."""
    lengths = result.symbols[pieces]
    state = model.start(len(pieces))
    for begin in range(0, int(lengths[0]), BLOCK):
        here = int((lengths > begin).sum())
        if here < len(pieces):
            pieces, lengths = pieces[:here], lengths[:here]
            state = take(state, torch.arange(here, device=device))
        width = min(BLOCK, int(lengths[0]) - begin)
        symbols = np.full((here, width + 1), space.start, np.int64)  # what comes before, then the block
        for row, piece in enumerate(pieces):
            first = max(0, begin - 1)
            part = arrays[piece][first : begin + width]
            symbols[row, first + 1 - begin : first + 1 - begin + len(part)] = part
        given = torch.from_numpy(symbols).to(device)
        real = torch.from_numpy(np.arange(begin, begin + width) < lengths[:, None]).to(device)
        distribution, state = model.extend(given[:, :-1], state, real)
        assert isinstance(distribution, Categorical)
        log_probs = distribution.log_prob(given[:, 1:]).double().masked_fill(~real, 0.0)
        hits = (distribution.logits.argmax(-1) == given[:, 1:]) & real
        result.nats[pieces] -= log_probs.sum(1).cpu().numpy()
        result.correct[pieces] += hits.sum(1).cpu().numpy()
