"""Likelihoods of whole pieces, against tables known by heart and against one pass over each piece."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.evaluation.likelihood import Likelihood, likelihoods
from erato.models import MODELS, Categorical, SequenceModel
from erato.representations.base import Array, Bits, Frames, Notes, Space, Tokens

SPACE = Tokens(size=4, start=0, end=1)
SMALL: dict[str, tuple[Space, dict[str, Any]]] = {
    "lstm": (SPACE, {"widths": (8,), "dropout": (0.5,), "embedding": 4}),
    "transformer": (SPACE, {"layers": 2, "width": 16, "heads": 2, "context": 16, "dropout": 0.5}),
    "sinusoidal_transformer": (SPACE, {"layers": 2, "width": 16, "heads": 2, "context": 16, "dropout": 0.5}),
    "pretrained": (SPACE, {"layers": 2, "width": 16, "heads": 2, "context": 16, "dropout": 0.5}),
    "window_lstm": (SPACE, {"width": 7, "window": 8, "dropout": 0.5}),
    "note_lstm": (Notes(), {"width": 8, "components": 2, "embedding": 3, "dropout": 0.5}),
    "pianonet": (Bits(4, 0.1), {"filter_increments": ((3, 2, 2), (2, 2)), "dropout": 0.5}),
    "frame_lstm": (Frames(5), {"embedding": 6, "width": 8, "hidden": 6, "memory": 20, "neighbours": 2}),
}


class Counting(SequenceModel):
    """Gives the t-th symbol of a piece the probabilities of row t % 2, whatever it is; counts what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25, 0.5, 0.125, 0.125]])
        self.symbols_read = 0
        self.starts: list[int] = []

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        assert len(x) == len(state) and mask is not None and mask.shape == x.shape
        if (state == 0).all():
            self.starts += x[:, 0].tolist()
        self.symbols_read += x.numel()
        place = state + torch.arange(x.shape[1])
        return Categorical(self.table[place % 2].log()), state + x.shape[1]


def test_a_piece_costs_what_its_symbols_cost() -> None:
    model = Counting()
    found = likelihoods(model, [np.array([2, 1, 3]), np.array([0]), np.array([], np.int64)], SPACE)
    assert found.nats == pytest.approx([-math.log(0.3 * 0.5 * 0.4), -math.log(0.1), 0])
    assert found.symbols.tolist() == [3, 1, 0]
    assert found.correct.tolist() == [2, 0, 0]  # the likeliest are 3, 1, 3, 1, ...
    assert found.nats_per_symbol == pytest.approx(-math.log(0.3 * 0.5 * 0.4 * 0.1) / 4)
    assert found.accuracy == 0.5
    assert model.starts == [SPACE.start, SPACE.start]


def test_nothing_to_score_is_nought() -> None:
    found = likelihoods(Counting(), [], SPACE)
    assert found.nats.shape == (0,) and found.nats_per_symbol == 0 and found.accuracy == 0


def test_no_more_is_read_than_there_is() -> None:
    generator = np.random.default_rng(1)
    arrays = [generator.integers(0, 4, n) for n in generator.integers(1, 3000, 60)]
    model = Counting()
    likelihoods(model, arrays, SPACE)
    assert model.symbols_read < 1.3 * sum(map(len, arrays))


def symbols(space: Space, length: int, rng: np.random.Generator) -> Array:
    """[length, *shape] random symbols of a piece, as they are stored."""
    if isinstance(space, Tokens):
        return rng.integers(1, space.size, length).astype(space.stored)
    if isinstance(space, Frames):
        return rng.integers(0, 2, (length, space.keys)).astype(space.stored)
    if isinstance(space, Bits):
        return rng.integers(0, 2, length).astype(space.read)
    assert isinstance(space, Notes)
    pitch, step, duration, velocity = (rng.integers(low, 90, length) for low in (30, 0, 1, 1))
    return np.stack([pitch, step * 0.01, duration * 0.01, velocity], 1).astype(space.stored)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"musegan"}))  # which has no likelihood
def test_it_is_the_likelihood_of_forward_in_blocks_and_batches_of_any_size(name: str) -> None:
    space, settings = SMALL[name]
    torch.manual_seed(1)
    model = MODELS[name](**settings).build(space)
    generator = np.random.default_rng(2)
    arrays = [symbols(space, n, generator) for n in (37, 1, 0, 70, 33, 32, 31, 64, 65, 37)]
    expected, hits, parts = np.zeros(len(arrays)), [0] * len(arrays), {}
    with torch.no_grad():
        model.eval()
        for number, array in enumerate(arrays):
            if not len(array):
                continue
            row = np.concatenate([space.before[None], array]).astype(space.read)
            x = torch.from_numpy(row)[None]
            distribution, y = model(x[:, :-1]), x[:, 1:]
            expected[number] = -distribution.log_prob(y).sum().item()
            hits[number] = int(distribution.hits(y).sum().item())
            for part, values in distribution.parts(y).items():
                parts.setdefault(part, np.zeros(len(arrays)))[number] = values.sum().item()
    model.train()
    for block, batch_symbols in ((1, 1), (1, 16_384), (32, 40), (32, 100), (1024, 1), (1024, 16_384)):
        found: Likelihood = likelihoods(model, arrays, space, batch_symbols=batch_symbols, block=block)
        assert found.nats == pytest.approx(expected, rel=1e-5, abs=1e-4)
        assert found.correct.tolist() == hits
        assert found.parts.keys() == parts.keys()
        for part, values in parts.items():
            assert found.parts[part] == pytest.approx(values, rel=1e-5, abs=1e-4)
        assert model.training
