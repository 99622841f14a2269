"""Optimizers and learning-rate schedules by name and number: parameters in, what changes them out.

Of a model it knows only which matrices stand in its blocks; of data nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from erato.errors import UsageError


@dataclass(frozen=True)
class Optimizer:
    """The rule that changes the weights; rho is RMSprop's (0.9 in Keras, whose recipes mean that).

    matrix_lr: Muon's, for the matrices of the blocks; all else learns by AdamW at lr. The schedule changes both alike.
    """

    name: Literal["adamw", "adam", "rmsprop", "sgd", "muon"] = "adamw"
    lr: float = 1e-3
    matrix_lr: float = 0.02
    betas: tuple[float, ...] = (0.9, 0.95)
    weight_decay: float = 0.0
    rho: float = 0.9
    momentum: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lr", "matrix_lr"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"optimizer.{name} must be above 0, got {getattr(self, name)}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"optimizer.betas must be two numbers in [0, 1), got {self.betas}.")
        if not 0 <= self.rho < 1 or not 0 <= self.momentum < 1 or not 0 <= self.weight_decay < math.inf:
            raise UsageError("optimizer.rho and momentum must be in [0, 1), weight_decay at least 0.")

    def build(self, parameters: Sequence[nn.Parameter], model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimizer of those parameters; model: whose they are, so that Muon finds the matrices of its blocks.

        AdamW's weight decay is for matrices only: biases, norms and embeddings' scales keep their size. UsageError
        where Muon finds no matrix.
        """
        if self.name == "rmsprop":
            return torch.optim.RMSprop(
                parameters,
                self.lr,
                alpha=self.rho,
                eps=1e-7,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
            )
        if self.name == "sgd":
            return torch.optim.SGD(parameters, self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        betas = (self.betas[0], self.betas[1])
        if self.name == "adam":
            return torch.optim.Adam(parameters, self.lr, betas=betas, weight_decay=self.weight_decay, fused=True)
        stacked = block_matrices(model) if self.name == "muon" and model else {}
        matrices = {p: stacked[p] for p in parameters if p in stacked}
        rest = [p for p in parameters if p not in matrices]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in rest if p.dim() >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in rest if p.dim() < 2], "weight_decay": 0.0},
        ]
        adamw = torch.optim.AdamW([g for g in groups if g["params"]], self.lr, betas=betas, fused=True)
        if self.name == "adamw":
            return adamw
        if not matrices:
            raise UsageError("optimizer.name=muon is for models of blocks, and this one has none: set it to adamw.")
        return Muon(matrices, adamw, self.matrix_lr / self.lr)


def block_matrices(model: nn.Module) -> dict[nn.Parameter, int]:
    """The two-dimensional weights of a model's blocks, each with how many matrices stand in it one above another.

    Blocks are what stands in an nn.ModuleList; embeddings and output heads stand outside, or are nn.Embedding.
    """
    return {
        weight: getattr(layer, "fused", 1)
        for blocks in model.modules()
        if isinstance(blocks, nn.ModuleList)
        for layer in blocks.modules()
        if not isinstance(layer, nn.Embedding)
        for weight in layer.parameters(recurse=False)
        if weight.dim() == 2
    }


class Muon(torch.optim.Optimizer):
    """A step of the same length in every direction of a matrix, AdamW for all else (Jordan 2024, "Muon: an optimizer
    for hidden layers in neural networks").

    A matrix moves along its Nesterov momentum with all singular values made about 1. matrices: each parameter with how
    many matrices stand in it one above another; adamw: that of the others; scale: the rate of the matrices as a
    multiple of the rate of the groups.
    """

    def __init__(self, matrices: Mapping[nn.Parameter, int], adamw: torch.optim.AdamW, scale: float) -> None:
        self.matrices, self.adamw, self.scale = dict(matrices), adamw, scale
        super().__init__([{"params": [*matrices], "lr": adamw.defaults["lr"]}, *adamw.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        blocks, *others = self.param_groups
        self.adamw.param_groups, self.adamw.state = others, self.state  # new ones after loading
        self.adamw.step()
        by_shape: dict[tuple[int, int], list[Tensor]] = {}
        for weight, fused in self.matrices.items():
            if weight.grad is not None:
                by_shape.setdefault((len(weight) // fused, weight.shape[1]), []).append(weight)
        for (rows, columns), weights in by_shape.items():
            momentum = [self.state[w].setdefault("momentum", torch.zeros_like(w)) for w in weights]
            gradients = [w.grad for w in weights if w.grad is not None]
            torch._foreach_lerp_(momentum, gradients, 1 - MOMENTUM)
            ahead = torch.cat(torch._foreach_lerp(gradients, momentum, MOMENTUM))
            change = orthogonal(ahead.view(-1, rows, columns)).flatten(0, 1)
            rate = blocks["lr"] * self.scale * math.sqrt(max(1, rows / columns))
            torch._foreach_add_(weights, torch.split(change, [len(w) for w in weights]), alpha=-rate)


MOMENTUM = 0.95


def orthogonal(matrices: Tensor) -> Tensor:
    """[N, R, C] matrices with their singular values brought near 1 (0.7 to 1.2), by five steps of Newton-Schulz.

    The polynomial is Jordan's: steepest at 0, so that small values grow fastest.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return x.mT if tall else x


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes with the share of the budget that is spent.

    warmup: the share in which it rises from 0 (all but `constant`). hold: the share after that in which it stays where
    it is. final: the share of the learning rate left at the end (`exponential`, `cosine`).
    """

    name: Literal["constant", "warmup", "exponential", "cosine"] = "constant"
    warmup: float = 0.0
    hold: float = 0.0
    final: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise UsageError(f"schedule.warmup must be in [0, 1), got {self.warmup}.")
        if not 0 <= self.hold < 1 - self.warmup:
            raise UsageError(f"schedule.hold must be from 0 to below 1 - warmup, got {self.hold}.")
        if not 0 < self.final <= 1:
            raise UsageError(f"schedule.final must be in (0, 1], got {self.final}.")

    def factor(self, spent: float) -> float:
        """What the learning rate is multiplied by; spent: 0 to 1."""
        spent = min(max(spent, 0.0), 1.0)
        if self.name == "constant":
            return 1.0
        if spent < self.warmup:
            return max(spent / self.warmup, 1e-3)
        begin = self.warmup + self.hold
        rest = max(0.0, spent - begin) / (1 - begin)
        if self.name == "exponential":
            return float(self.final**rest)
        if self.name == "cosine":
            return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * rest))
        return 1.0
