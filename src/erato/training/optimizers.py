"""Optimizers and learning-rate schedules by name and number. Knows nothing of models or data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from erato.errors import UsageError


@dataclass(frozen=True)
class Optimizer:
    """The rule that changes the weights; rho is RMSprop's (0.9 in Keras, whose recipes mean that)."""

    name: Literal["adamw", "adam", "rmsprop", "sgd"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.95)
    weight_decay: float = 0.0
    rho: float = 0.9
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.lr < math.inf:
            raise UsageError(f"optimizer.lr must be above 0, got {self.lr}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise UsageError(f"optimizer.betas must be two numbers in [0, 1), got {self.betas}.")
        if not 0 <= self.rho < 1 or not 0 <= self.momentum < 1 or not 0 <= self.weight_decay < math.inf:
            raise UsageError("optimizer.rho and momentum must be in [0, 1), weight_decay at least 0.")

    def build(self, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
        """Weight decay is for matrices only: biases, norms and embeddings' scales keep their size."""
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
        groups: list[dict[str, Any]] = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW([g for g in groups if g["params"]], self.lr, betas=betas, fused=True)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes with the share of the budget that is spent.

    warmup: the share in which it rises from 0 (all but `constant`). final: the share of the learning rate left at the
    end (`exponential`, `cosine`).
    """

    name: Literal["constant", "warmup", "exponential", "cosine"] = "constant"
    warmup: float = 0.0
    final: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise UsageError(f"schedule.warmup must be in [0, 1), got {self.warmup}.")
        if not 0 < self.final <= 1:
            raise UsageError(f"schedule.final must be in (0, 1], got {self.final}.")

    def factor(self, spent: float) -> float:
        """What the learning rate is multiplied by; spent: 0 to 1."""
        spent = min(max(spent, 0.0), 1.0)
        if self.name == "constant":
            return 1.0
        if spent < self.warmup:
            return max(spent / self.warmup, 1e-3)
        rest = (spent - self.warmup) / (1 - self.warmup)
        if self.name == "exponential":
            return float(self.final**rest)
        if self.name == "cosine":
            return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * rest))
        return 1.0
