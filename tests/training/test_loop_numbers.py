"""What one and two steps of training do to the weights of a model that can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from erato.datasets import Encodings, WindowDataset, Windows
from erato.models.base import Categorical, SequenceModel
from erato.representations.base import Tokens
from erato.training import Likelihood, Optimizer, Schedule, Training, loop, train
from erato.training.log import read_metrics

SGD = Training(batch=1, steps=1, evaluations=1, optimizer=Optimizer("sgd", lr=0.5), clip=None)
GRADIENT = np.array([0.25, 0.25, -0.5, 0.0])  # of equal probabilities, for the piece 2 2 2 3: 1/4 - share


class Symbols:
    """Four symbols that stand for nothing."""

    space = Tokens(4, start=0, end=1)

    def copies(self, array, draw):
        return [array]


class Shares(SequenceModel):
    """Predicts every symbol by its share alone; the logits are its only weights, and all 0 at first."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(4))

    def start(self, batch):
        return torch.zeros(batch, 1)

    def extend(self, x, state, mask=None):
        return Categorical(self.logits.expand(*x.shape, 4)), state


class Listening(Shares):
    """The same with a multiplication, and notes on the arithmetic that it is called with."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def extend(self, x, state, mask=None):
        logits = F.one_hot(x, 4).float() @ torch.diag(self.logits)
        self.heard.append((self.training, torch.is_autocast_enabled("cpu"), logits.dtype))
        return Categorical(logits), state


def encodings(learned, held_out):
    """Encodings of the pieces to learn from and of those to measure by."""
    pieces = [np.array(piece) for piece in [*learned, *held_out]]
    split = {"train": list(range(len(learned))), "valid": list(range(len(learned), len(pieces))), "test": []}
    offsets = np.cumsum([0, *map(len, pieces)])
    return Encodings(Symbols(), np.concatenate(pieces).astype(np.uint16), offsets, split, {})


def trained(folder, training, learned=((2, 2, 2, 3),), held_out=((2, 3),), model=None):
    """(model, result) after training in `folder` on windows of four symbols."""
    model = model or Shares()
    data = encodings(learned, held_out)
    dataset = WindowDataset(data, Windows(length=4, stride=4), 0, "by hand")
    return model, train(model, data, dataset, Likelihood(), training, folder, seed=0)


def weights(path):
    return load_file(path)["logits"].double().numpy()


def shares(logits):
    return np.exp(logits) / np.exp(logits).sum()


def after(logits, rate):
    """The logits after a step of plain gradient descent on the piece 2 2 2 3."""
    return logits - rate * (shares(logits) - np.array([0, 0, 0.75, 0.25]))


@pytest.mark.parametrize(
    ("clip", "scale"),
    [(None, 1.0), (0.1, 0.1 / np.sqrt(0.375)), (0.7, 1.0)],  # the norm of the gradient is sqrt(3/8) = 0.61
)
def test_a_step_goes_against_the_clipped_gradient(tmp_path, clip, scale):
    model, result = trained(tmp_path, replace(SGD, clip=clip))
    assert model.logits.detach().numpy() == pytest.approx(-0.5 * scale * GRADIENT, abs=1e-6)
    line = read_metrics(tmp_path)[-1]
    assert line["train_loss"] == pytest.approx(np.log(4), abs=1e-6)
    held_out = -np.log(shares(-0.5 * scale * GRADIENT)[[2, 3]]).mean()
    assert result.best_loss == line["valid_loss"] == pytest.approx(held_out, abs=1e-6)


def test_the_gradient_of_a_batch_is_the_mean_over_its_symbols_without_padding(tmp_path):
    model, _ = trained(tmp_path, replace(SGD, batch=2), learned=((2, 2, 2, 2), (3,)))
    assert model.logits.detach().numpy() == pytest.approx(-0.5 * np.array([0.25, 0.25, -0.55, 0.05]), abs=1e-6)


@pytest.mark.parametrize(
    ("decay", "kept"),
    [
        (0.9, (2 / 11, 3 / 12)),  # the first steps count for more: step n keeps (1 + n) / (10 + n)
        (0.2, (2 / 11, 0.2)),
        (0.1, (0.1, 0.1)),
    ],
)
def test_the_weights_kept_are_the_moving_average(tmp_path, decay, kept):
    model, result = trained(tmp_path, replace(SGD, steps=2, ema=decay, keep_every=1))
    first = after(np.zeros(4), 0.5)
    second = after(first, 0.5)
    average = (1 - kept[0]) * first
    assert weights(tmp_path / "steps" / "000000001.safetensors") == pytest.approx(average, abs=1e-6)
    average = kept[1] * average + (1 - kept[1]) * second
    assert weights(tmp_path / "steps" / "000000002.safetensors") == pytest.approx(average, abs=1e-6)
    assert weights(tmp_path / "model.safetensors") == pytest.approx(average, abs=1e-6)
    assert result.best_loss == pytest.approx(-np.log(shares(average)[[2, 3]]).mean(), abs=1e-6)
    assert model.logits.detach().numpy() == pytest.approx(second, abs=1e-6)  # learning goes on with its own


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Schedule("constant"), (0.8, 0.8, 0.8, 0.8)),
        (Schedule("exponential", final=0.0625), (0.8, 0.4, 0.2, 0.1)),  # 1/16 to the power of 0, 1/4, 1/2, 3/4
        (Schedule("warmup", warmup=0.5), (0.0008, 0.4, 0.8, 0.8)),  # never quite 0: a thousandth at least
        (Schedule("cosine", final=0.5), (0.8, 0.741421, 0.6, 0.458579)),  # 0.8 (1/2 + (1 + cos) / 4)
    ],
)
def test_every_step_is_as_long_as_the_schedule_says(tmp_path, schedule, rates):
    training = replace(SGD, steps=4, evaluations=4, keep_every=1, optimizer=Optimizer("sgd", lr=0.8), schedule=schedule)
    trained(tmp_path, training)
    logits = np.zeros(4)
    for step, rate in enumerate(rates, 1):
        logits = after(logits, rate)
        assert weights(tmp_path / "steps" / f"{step:09d}.safetensors") == pytest.approx(logits, abs=1e-5)
    assert [line["lr"] for line in read_metrics(tmp_path)] == pytest.approx(rates, abs=1e-5)


@pytest.mark.parametrize(
    ("batch", "epochs", "steps", "expected"),
    [(2, 4, None, 12), (5, 4, None, 4), (1, 1, None, 5), (2, 4, 7, 7), (2, 2, 7, 6)],
)
def test_an_epoch_is_as_many_steps_as_there_are_batches_of_windows(tmp_path, batch, epochs, steps, expected):
    five = [(2, 2, 2, 3)] * 3 + [(2, 3) * 4]  # a window each, and one of two
    _, result = trained(tmp_path, replace(SGD, batch=batch, epochs=epochs, steps=steps), learned=five)
    assert result.steps == expected == read_metrics(tmp_path)[-1]["step"]


@pytest.mark.parametrize(("limit", "pieces", "symbols"), [(None, 3, 9), (1, 1, 1), (3, 1, 3), (4, 2, 4), (99, 3, 9)])
def test_an_evaluation_reads_the_first_symbols_up_to_the_limit(tmp_path, limit, pieces, symbols):
    held_out = [(2, 2, 2), (3, 3, 3), (0, 0, 0)]
    trained(tmp_path, replace(SGD, valid_symbols=limit), held_out=held_out)
    line = read_metrics(tmp_path)[-1]
    assert (line["valid_pieces"], line["valid_symbols"]) == (pieces, symbols)
    chances = shares(-0.5 * GRADIENT)[[2] * 3 + [3] * 3 + [0] * 3][:symbols]
    assert line["valid_loss"] == pytest.approx(-np.log(chances).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("precision", "has", "half"),
    [
        ("float32", True, False),
        ("bfloat16", False, True),
        ("auto", True, True),
        ("auto", False, False),
    ],
)
def test_only_what_is_learned_from_is_read_in_the_precision_asked_for(tmp_path, monkeypatch, precision, has, half):
    monkeypatch.setattr(loop, "_has_bfloat16", lambda device: has)
    model, _ = trained(tmp_path, replace(SGD, precision=precision, steps=2), model=Listening())
    expected = (True, half, torch.bfloat16 if half else torch.float32)
    assert [heard for heard in model.heard if heard[0]] == [expected, expected]
    assert {heard for heard in model.heard if not heard[0]} == {(False, False, torch.float32)}
    assert model.logits.dtype == model.logits.grad.dtype == torch.float32
