"""Each optimizer's first two steps on single numbers, by the formulas of their papers."""

import numpy as np
import pytest
import torch

from erato.training import Optimizer

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
