"""Each optimizer's first two steps on single numbers, by the formulas of their papers."""

import signal

import numpy as np
import pytest
import torch

from erato.datasets import WindowDataset, Windows
from erato.errors import UsageError
from erato.models import TransformerConfig
from erato.training import Likelihood, Optimizer, Schedule, Training, train
from erato.training.optimizers import block_matrices, orthogonal

LR = 0.1


def moved(optimizer, weight, gradients):
    """Where `weight` (a tensor) is after a step along each gradient."""
    parameter = torch.nn.Parameter(weight.clone())
    built = optimizer.build([parameter])
    for gradient in gradients:
        parameter.grad = torch.full_like(parameter, gradient)
        built.step()
    return parameter.detach().ravel().tolist()


MATRIX, VECTOR = torch.full((1, 2), 2.0), torch.full((2,), 2.0)


def test_adamw_shrinks_matrices_and_nothing_else():
    adamw = Optimizer("adamw", lr=LR, weight_decay=0.5)
    assert moved(adamw, MATRIX, [0.0]) == pytest.approx([1.9, 1.9])  # 2 (1 - 0.1 * 0.5)
    assert moved(adamw, MATRIX, [0.0, 0.0]) == pytest.approx([1.805, 1.805])
    assert moved(adamw, VECTOR, [0.0]) == pytest.approx([2.0, 2.0])
    assert moved(Optimizer("adamw", lr=LR), MATRIX, [0.0]) == pytest.approx([2.0, 2.0])
    both = [torch.nn.Parameter(MATRIX.clone()), torch.nn.Parameter(VECTOR.clone())]
    held = [p for group in adamw.build(both).param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in both}


@pytest.mark.parametrize(
    ("optimizer", "at"),
    [
        (Optimizer("adam", lr=LR, weight_decay=0.5), 1.9),  # the gradient is 0.5 * 2; a first step is as long as lr
        (Optimizer("adam", lr=LR), 2.0),
        (Optimizer("sgd", lr=LR, weight_decay=0.5), 1.9),  # 2 - 0.1 * 1
        (Optimizer("sgd", lr=LR), 2.0),
        (Optimizer("rmsprop", lr=LR, weight_decay=0.5, rho=0.75), 1.8),  # 2 - 0.1 * 1 / sqrt(1/4 * 1)
        (Optimizer("rmsprop", lr=LR), 2.0),
    ],
)
def test_weight_decay_is_a_pull_to_zero(optimizer, at):
    assert moved(optimizer, MATRIX, [0.0]) == pytest.approx([at, at], abs=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "first", "second"),
    [
        # a gradient of 1, then none: both averages are 1/4 over 3/4, and 1/3 over its root is the root of 1/3
        (Optimizer("adam", lr=LR, betas=(0.5, 0.5)), 0.1, 0.1 * np.sqrt(1 / 3)),
        (Optimizer("adamw", lr=LR, betas=(0.5, 0.5)), 0.1, 0.1 * np.sqrt(1 / 3)),
        # the first average is 1/4 over 3/4, the second 3/16 over 7/16
        (Optimizer("adamw", lr=LR, betas=(0.5, 0.75)), 0.1, 0.1 * (1 / 3) / np.sqrt(3 / 7)),
        (Optimizer("sgd", lr=LR), 0.1, 0.0),
        (Optimizer("sgd", lr=LR, momentum=0.5), 0.1, 0.05),
        (Optimizer("rmsprop", lr=LR, rho=0.75), 0.2, 0.0),
        (Optimizer("rmsprop", lr=LR, rho=0.75, momentum=0.5), 0.2, 0.1),
    ],
)
def test_two_steps_by_hand(optimizer, first, second):
    assert moved(optimizer, MATRIX, [1.0]) == pytest.approx([2 - first] * 2, abs=1e-5)
    assert moved(optimizer, MATRIX, [1.0, 0.0]) == pytest.approx([2 - first - second] * 2, abs=1e-5)


class Stacked(torch.nn.Linear):
    """Two square matrices, one above another."""

    fused = 2


def blocks():
    """A model with an embedding, two blocks of a matrix of 2 x 3, one of two of 2 x 2 and a bias, and a head."""
    torch.manual_seed(2)
    model = torch.nn.Module()
    model.embedding = torch.nn.Embedding(5, 3)
    model.blocks = torch.nn.ModuleList(
        torch.nn.ModuleDict({"linear": torch.nn.Linear(3, 2), "table": torch.nn.Embedding(4, 2), "two": Stacked(2, 4)})
        for _ in range(2)
    )
    model.head = torch.nn.Linear(3, 5)
    return model


def test_the_matrices_of_the_blocks_are_neither_embeddings_nor_heads():
    model = blocks()
    expected = {layer.weight: n for block in model.blocks for layer, n in ((block["linear"], 1), (block["two"], 2))}
    assert block_matrices(model) == expected
    assert not block_matrices(torch.nn.Linear(3, 3))


def test_orthogonal_brings_every_singular_value_near_1():
    rng = torch.Generator().manual_seed(4)
    for shape in ((3, 8, 8), (2, 12, 5), (2, 5, 12)):
        u, _, v = torch.linalg.svd(torch.randn(shape, generator=rng), full_matrices=False)
        values = torch.linspace(0.1, 1.0, min(shape[1:]))
        found = orthogonal(100 * u @ torch.diag(values) @ v)
        assert found.shape == shape
        inside = u.mT @ found @ v.mT  # the same directions, other lengths
        assert torch.allclose(inside, torch.diag_embed(inside.diagonal(dim1=1, dim2=2)), atol=1e-4)
        assert inside.diagonal(dim1=1, dim2=2).min() > 0.6 and inside.max() < 1.25


def test_muon_moves_matrices_along_the_directions_of_their_momentum():
    model = blocks()
    muon = Optimizer("muon", lr=0.1, matrix_lr=0.5).build([*model.parameters()], model)
    linear, two, before = model.blocks[0]["linear"].weight, model.blocks[0]["two"].weight, model.state_dict()
    before = {name: tensor.clone() for name, tensor in before.items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    linear.grad = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
    two.grad = torch.tensor([[5.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, -0.1]])  # each matrix by itself
    muon.param_groups[0]["lr"] = 0.05  # as a schedule does: half of both rates
    muon.step()
    one = polynomial(1.0) * 0.25
    assert torch.allclose(before["blocks.0.linear.weight"] - linear, torch.tensor([[0, one, 0], [0, 0, 0]]), atol=1e-4)
    expected = torch.tensor([[one, 0], [0, 0], [0, 0], [0, -one]])
    assert torch.allclose(before["blocks.0.two.weight"] - two, expected, atol=1e-4)
    assert torch.equal(model.blocks[1]["linear"].weight, before["blocks.1.linear.weight"])

    # the momentum is 0.05 of the first gradient; then 0.95 of that and 0.05 of the second; its direction counts
    linear.grad = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    at = linear.detach().clone()
    muon.step()
    first, second = 0.95 * 0.95 * 0.05 * 3.0, (0.05 * 0.95 + 0.05) * 2.0
    length = np.hypot(first, second)
    moved = at - linear
    assert moved[0, 1].item() == pytest.approx(polynomial(first / length) * 0.25, rel=1e-3)
    assert moved[1, 2].item() == pytest.approx(polynomial(second / length) * 0.25, rel=1e-3)


def polynomial(value):
    """Five times Jordan's polynomial: what a singular value becomes."""
    for _ in range(5):
        value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
    return value


def test_a_matrix_with_more_rows_than_columns_moves_further():
    model = torch.nn.Module()
    model.blocks = torch.nn.ModuleList([torch.nn.Linear(1, 9)])
    model.other = torch.nn.Linear(1, 1)
    muon = Optimizer("muon", lr=0.1, matrix_lr=0.1).build([*model.parameters()], model)
    weight = model.blocks[0].weight
    before, weight.grad = weight.detach().clone(), torch.eye(9)[:, :1]
    muon.step()
    assert (before - weight)[0, 0].item() == pytest.approx(0.1 * 3 * polynomial(1.0), rel=1e-3)


def test_muon_leaves_the_rest_to_adamw():
    one, other = blocks(), blocks()
    settings = {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.5}
    muon = Optimizer("muon", **settings).build([*one.parameters()], one)
    adamw = Optimizer("adamw", **settings).build([*other.parameters()])
    for seed in range(3):
        for model in (one, other):
            rng = torch.Generator().manual_seed(seed)
            for parameter in model.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=rng)
        muon.step()
        adamw.step()
    matrices = {name for name, parameter in one.named_parameters() if parameter in block_matrices(one)}
    same = {n for n, tensor in one.state_dict().items() if torch.allclose(tensor, other.state_dict()[n], atol=1e-6)}
    assert same == {*one.state_dict()} - matrices


def test_muon_refuses_a_model_without_blocks():
    model = torch.nn.Linear(3, 3)
    with pytest.raises(UsageError, match="muon is for models of blocks"):
        Optimizer("muon").build([*model.parameters()], model)
    with pytest.raises(UsageError, match=r"optimizer\.matrix_lr must be above 0, got 0"):
        Optimizer("muon", matrix_lr=0)


@pytest.mark.parametrize("stop_at", [2, 5])
def test_a_stopped_run_with_muon_goes_on_to_the_same_bits(tmp_path, counting, stop_at):
    training = Training(
        batch=4,
        steps=8,
        evaluations=8,
        optimizer=Optimizer("muon", lr=0.02, matrix_lr=0.05, weight_decay=0.1),
        schedule=Schedule("cosine", warmup=0.2),
    )

    def run(folder, listen=None):
        torch.manual_seed(1)
        config = TransformerConfig(1, 2, 8, 8, dropout=0.1, ngrams=(2,), ngram_rows=9, ngram_dropout=0.2)
        model = config.build(counting.representation.space)
        dataset = WindowDataset(counting, Windows(length=8), 0, "counting")
        train(model, counting, dataset, Likelihood(), training, folder, seed=0, listen=listen)
        return model.state_dict()

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", lambda _, step: step == stop_at and signal.raise_signal(signal.SIGINT))
    again = run(tmp_path / "stopped")
    assert all(torch.equal(whole[name], again[name]) for name in whole)
