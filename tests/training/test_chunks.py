"""Windows read in chunks with carried state, weights of features, and how little of a batch is padding."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.datasets import Encodings, WindowDataset, Windows
from erato.errors import UsageError
from erato.models import FrameLstmConfig, LstmConfig, ModelConfig, NoteLstmConfig, SequenceModel, detached
from erato.models.base import Distribution, Filters
from erato.recipes import RECIPES
from erato.representations.base import Array, Frames, Notes, Space, Tokens
from erato.training import Likelihood, Optimizer, Training, train
from erato.training.batches import batch_order
from erato.training.log import read_metrics

FRAMES, TOKENS, NOTES = Frames(4), Tokens(7, start=0, end=1), Notes()
FRAME_LSTM = FrameLstmConfig(embedding=6, width=6, hidden=6, memory=30, neighbours=2)
MODELS: dict[str, tuple[ModelConfig, Space]] = {
    "frame_lstm": (FRAME_LSTM, FRAMES),
    "independent": (replace(FRAME_LSTM, head="independent", norm="layer", layers=1), FRAMES),
    "lstm": (LstmConfig(widths=(6,), dropout=(0.2,), embedding=5), TOKENS),
    "note_lstm": (NoteLstmConfig(width=6, components=2, embedding=3), NOTES),
}


def symbols(space: Space, length: int, rng: np.random.Generator) -> Array:
    if isinstance(space, Tokens):
        return rng.integers(2, space.size, length).astype(space.stored)
    if isinstance(space, Frames):
        return rng.integers(0, 2, (length, space.keys)).astype(space.stored)
    columns = [rng.integers(low, high, length) for low, high in ((40, 90), (0, 50), (1, 90), (1, 127))]
    return (np.stack(columns, 1) * np.array([1, 0.01, 0.01, 1])).astype(space.stored)


class Given:
    """A representation that is a kind of symbol, and nothing else."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def copies(self, array: Any, draw: Any) -> list[Any]:
        return [array]


def encodings(space: Space, lengths: list[int], held_out: int = 1) -> Encodings:
    rng = np.random.default_rng(0)
    arrays = [symbols(space, length, rng) for length in lengths]
    split = {"train": list(range(len(lengths) - held_out)), "valid": [len(lengths) - 1], "test": []}
    offsets = np.cumsum([0, *lengths])
    return Encodings(Given(space), np.concatenate(arrays), offsets, split, {})  # type: ignore[arg-type]


def batch_of(space: Space, lengths: list[int]) -> list[Tensor]:
    """x, y and mask of whole pieces of these lengths."""
    dataset = WindowDataset(encodings(space, [*lengths, 1]), Windows(length=None), 0, "by hand")
    return list(dataset.__getitems__([(0, row) for row in range(len(lengths))]))


def built(name: str) -> SequenceModel:
    torch.manual_seed(1)
    config, space = MODELS[name]
    return config.build(space)


LENGTHS = [20, 9, 1, 8, 16]


@pytest.mark.parametrize("chunk", [1, 4, 7, 8, 19, 20, 64])
@pytest.mark.parametrize("name", MODELS)
def test_chunks_cost_what_the_whole_costs(name: str, chunk: int) -> None:
    model = built(name).eval()
    batch = batch_of(MODELS[name][1], LENGTHS)
    whole = next(Likelihood().losses(model, iter([batch]), torch.Generator()))
    chunks = list(Likelihood(chunk=chunk).losses(model, iter([batch]), torch.Generator()))
    assert len(chunks) == -(-20 // chunk)
    counts = [int(measures["symbols"]) for _, _, measures in chunks]
    assert sum(counts) == sum(LENGTHS) == whole[2]["symbols"]
    total = sum(count * loss.item() for count, (_, loss, _) in zip(counts, chunks, strict=True))
    assert total / sum(counts) == pytest.approx(whole[1].item(), rel=1e-5)
    for key, value in whole[2].items():
        found = sum(float(measures[key]) for _, _, measures in chunks)
        assert found == pytest.approx(float(value), rel=1e-5), key
    assert {group for group, _, _ in chunks} == {"model"}


@dataclass
class Known(Distribution):
    """Of features whose losses are known: a is 2, b is 0.5, wherever it is asked."""

    weight: Tensor
    parts_of: dict[str, float]

    n_uniforms = 1

    def log_prob(self, y: Tensor) -> Tensor:
        return self.weight.expand(y.shape[:2]) - 3.0

    def hits(self, y: Tensor) -> Tensor:
        return torch.zeros(y.shape[:2], dtype=torch.bool)

    def parts(self, y: Tensor) -> dict[str, Tensor]:
        return {name: value + self.weight.expand(y.shape[:2]) for name, value in self.parts_of.items()}

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        raise NotImplementedError


class Recording(SequenceModel):
    """Notes what it reads; its state counts the symbols of each row. What it says, `Known` knows."""

    def __init__(self, **parts: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.parts_of = parts
        self.read: list[tuple[int, ...]] = []
        self.computed = self.real = 0
        self.counts: list[list[int]] = []

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Distribution, Tensor]:
        assert mask is not None and mask.shape == x.shape[:2] and len(state) == len(x)
        self.read.append(tuple(x.shape[:2]))
        self.counts.append(state[:, 0].tolist())
        self.computed += mask.numel()
        self.real += int(mask.sum())
        return Known(self.weight, self.parts_of), state + x.shape[1]


def test_rows_that_ended_leave_with_their_state() -> None:
    model = Recording()
    x, y, mask = batch_of(FRAMES, [5, 10, 4, 3])
    list(Likelihood(chunk=4).losses(model, iter([(x, y, mask)]), torch.Generator()))
    assert model.read == [(4, 4), (2, 4), (1, 2)]
    assert model.counts == [[0] * 4, [4, 4], [8]]
    assert model.real == 22


def test_no_gradient_goes_back_beyond_a_chunk() -> None:
    model = built("lstm").eval()
    x, y, mask = batch_of(TOKENS, [12, 12])
    weights = list(model.parameters())

    def gradients(loss: Tensor) -> Tensor:
        found = torch.autograd.grad(loss, weights, retain_graph=True)
        return torch.cat([gradient.flatten() for gradient in found])

    chunks = Likelihood(chunk=6).losses(model, iter([(x, y, mask)]), torch.Generator())
    first, second = gradients(next(chunks)[1]), gradients(next(chunks)[1])
    state = model.extend(x[:, :6], model.start(2))[1]
    cut = -model.extend(x[:, 6:], detached(state))[0].log_prob(y[:, 6:]).mean()
    through = -model.extend(x[:, 6:], state)[0].log_prob(y[:, 6:]).mean()
    assert torch.allclose(first, gradients(-model(x[:, :6]).log_prob(y[:, :6]).mean()), atol=1e-6)
    assert torch.allclose(second, gradients(cut), atol=1e-6)
    assert not torch.allclose(second, gradients(through), atol=1e-5)


# --- weights


def one_batch() -> Iterator[list[Tensor]]:
    while True:
        yield batch_of(FRAMES, [5, 3])


@pytest.mark.parametrize(
    ("weights", "loss"), [(None, 2 + 0.5), ((3.0, 4.0), 3 * 2 + 4 * 0.5), ((0.0, 1.0), 0.5), ("auto", 1 + 1)]
)
def test_weights_weigh_the_losses_of_the_features(weights: Any, loss: float) -> None:
    model = Recording(a=2.0, b=0.5)
    objective = Likelihood(weights=weights).prepared(model, one_batch())
    _, found, measures = next(objective.losses(model, one_batch(), torch.Generator()))
    assert found.item() == pytest.approx(loss)
    assert measures["a"].item() == pytest.approx(2 * 8) and measures["b"].item() == pytest.approx(0.5 * 8)
    assert measures["loss"].item() == pytest.approx(loss * 8)
    valid = objective.validate(model, encodings(FRAMES, [4, 6]), "valid", None)
    assert (valid["loss"], valid["a"], valid["b"]) == pytest.approx((loss, 2, 0.5))


def test_auto_balances_over_the_first_batches_alone() -> None:
    model = Recording(a=2.0, b=0.25)
    prepared = Likelihood(weights="auto").prepared(model, one_batch())
    assert prepared.weights == pytest.approx((0.5, 4.0))
    assert len(model.read) == 8


@pytest.mark.parametrize(
    ("parts", "weights", "said"),
    [
        ({"a": 1.0, "b": 1.0}, (1.0,), r"objective.weights must be 2 numbers, for a, b; got \(1.0,\)"),
        ({"a": 1.0, "b": 1.0}, (1.0, 2.0, 3.0), r"objective.weights must be 2 numbers"),
        ({}, (1.0, 2.0), r"objective.weights .* leave them out"),
    ],
)
def test_weights_that_do_not_fit_the_model_are_refused(parts: Any, weights: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        next(Likelihood(weights=weights).losses(Recording(**parts), one_batch(), torch.Generator()))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"chunk": 0}, "objective.chunk must be at least 1"), ({"weights": (1.0, -1.0)}, "objective.weights must be")]
    + [({"weights": weights}, "objective.weights must be") for weights in ((), (1.0, float("nan")), (float("inf"),))],
)
def test_settings_that_mean_nothing_are_refused(settings: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Likelihood(**settings)


# --- a whole training

TRAINING = Training(batch=3, steps=8, evaluations=2, optimizer=Optimizer("adamw", lr=0.02), ema=0.9)
CASES: dict[str, tuple[str, Likelihood]] = {
    "frames": ("frame_lstm", Likelihood(chunk=7)),
    "notes": ("note_lstm", Likelihood(chunk=5, weights="auto")),
}


def run(folder: Path, case: str) -> None:
    folder.mkdir(exist_ok=True)
    name, objective = CASES[case]
    data = encodings(MODELS[name][1], [23, 40, 8, 15, 31, 30, 9, 12])
    dataset = WindowDataset(data, Windows(length=None), 0, "random")
    train(built(name), data, dataset, objective, TRAINING, folder, seed=0)


@pytest.mark.parametrize("case", CASES)
def test_a_run_in_chunks_that_was_stopped_goes_on_to_the_same_bits(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "whole", case)
    original, calls = Likelihood.losses, []

    def losses(self: Likelihood, *rest: Any) -> Iterator[Any]:
        for number, item in enumerate(original(self, *rest)):
            yield item
            calls.append(number)
            if len(calls) == 10:  # asked to stop between two chunks
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Likelihood, "losses", losses)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", case)
    assert calls[9] > 0 and not (tmp_path / "parts" / "last" / "000000008").exists()
    run(tmp_path / "parts", case)
    for name in ("model.safetensors", "last/000000008/weights.safetensors", "last/000000008/optimizer.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    whole, parts = (
        [{k: v for k, v in line.items() if "second" not in k} for line in read_metrics(tmp_path / kind)]
        for kind in ("whole", "parts")
    )
    assert whole == parts


def test_the_losses_of_the_features_are_logged_apart(tmp_path: Path) -> None:
    run(tmp_path, "notes")
    line = read_metrics(tmp_path)[-1]
    for part in ("pitch", "step", "duration", "velocity"):
        assert 0 < line[f"train_{part}"] < 20 and 0 < line[f"valid_{part}"] < 20
    run(tmp_path / "frames", "frames")
    assert "train_pitch" not in read_metrics(tmp_path / "frames")[-1]


# --- padding


def computed(lengths: list[int], batch: int, chunk: int | None, epochs: int) -> tuple[int, int]:
    """How many symbols a model computes in so many epochs of whole pieces, and how many of them are real."""
    data = encodings(Frames(1), [*lengths, 1])
    dataset = WindowDataset(data, Windows(length=None), 0, "lengths")
    model, objective = Recording(), Likelihood(chunk=chunk)
    order = batch_order(dataset.sizes, batch, seed=0, drawn=0)
    for _ in range(epochs * -(-len(dataset) // batch)):
        list(objective.losses(model, iter([dataset.__getitems__(next(order))]), torch.Generator()))
    assert model.real == epochs * sum(lengths)
    return model.computed, model.real


def test_little_of_what_is_computed_is_padding() -> None:
    rng = np.random.default_rng(0)
    chorales = np.clip(np.exp(rng.normal(4.0, 0.4, 229)), 25, 160).astype(int).tolist()  # frames of each piece
    assert len(set(chorales)) > 40
    for batch in (5, 16):
        for chunk in (None, 100):
            total, real = computed(chorales, batch, chunk, 3)
            assert 1 - real / total < 0.1
    sonatas = np.exp(rng.uniform(np.log(500), np.log(3000), 18)).astype(int).tolist()
    total, real = computed(sonatas, 5, 100, 3)
    assert 1 - real / total < 0.1


def test_the_recipe_of_piano_rolls_reads_whole_pieces_in_chunks() -> None:
    recipe = RECIPES["pianoroll-lstm"]
    assert recipe.windows.length is None and recipe.objective.chunk is not None
    lengths = np.exp(np.random.default_rng(1).normal(7.0, 0.6, 40)).astype(int).tolist()
    total, real = computed(lengths, recipe.training.batch, recipe.objective.chunk, 2)
    assert 1 - real / total < 0.1


def test_every_piece_is_read_once_an_epoch_and_long_ones_are_cut() -> None:
    dataset = WindowDataset(encodings(Frames(1), [30, 9000, 4, 1]), Windows(length=None), 0, "lengths")
    assert dataset.sizes.tolist() == [30, 8192, 8192, 4]
    order = batch_order(dataset.sizes, 3, seed=0, drawn=0)
    assert sorted(window for _, window in [*next(order), *next(order)]) == [0, 1, 2, 3]
    begins = [dataset._place(epoch, 1, number, 9000)[0] for epoch in range(20) for number in (0, 1)]
    assert min(begins) == 0 and max(begins) == 9000 - 8192
