"""The likelihood objective: every symbol of a window predicted from those before it (teacher forcing).

Windows [B, W] in, nats a symbol out. Validation is the exact likelihood of whole pieces, as `erato.evaluation` counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.corpora.base import Split
from erato.datasets import IGNORE, Encodings
from erato.evaluation.likelihood import nats
from erato.models.base import Categorical
from erato.training.objective import Batches, Measures, Objective


@dataclass(frozen=True)
class Likelihood(Objective):
    """Mean negative log-likelihood a symbol; padding counts for nothing."""

    def groups(self, model: nn.Module) -> dict[str, list[nn.Parameter]]:
        return {"model": [p for p in model.parameters() if p.requires_grad]}

    def losses(
        self, model: nn.Module, batches: Batches, rng: torch.Generator
    ) -> Iterator[tuple[str, Tensor, Measures]]:
        x, y = next(batches)
        mask = y != IGNORE
        predicted: Categorical = model(x, mask)
        flat = predicted.logits.flatten(0, 1)
        symbols = mask.sum()
        total = F.cross_entropy(flat.float(), y.flatten(), ignore_index=IGNORE, reduction="sum")
        correct = (flat.detach().argmax(-1) == y.flatten()).sum()
        yield "model", total / symbols, {"loss": total.detach(), "accuracy": correct, "symbols": symbols}

    def validate(self, model: Any, data: Encodings, split: Split, limit: int | None) -> dict[str, Any]:
        pieces = [array for array in data.part(split) if len(array)]
        if limit is not None:  # the first pieces that reach it, at least one
            before = np.cumsum([0, *map(len, pieces)])
            pieces = [piece for piece, reached in zip(pieces, before, strict=False) if reached < limit]
        result = nats(model, pieces, data.representation.space)
        symbols = int(result.symbols.sum())
        return {
            "loss": float(result.nats.sum()) / symbols,
            "accuracy": int(result.correct.sum()) / symbols,
            "symbols": symbols,
            "pieces": len(pieces),
        }
