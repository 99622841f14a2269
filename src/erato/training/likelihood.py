"""The likelihood objective: symbols of a window predicted from those before them (teacher forcing).

Windows [B, W] in, nats a symbol out. Validation is the exact likelihood of whole pieces, as `erato.evaluation` counts.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from erato.corpora.base import Split
from erato.datasets import Encodings
from erato.errors import UsageError, unknown
from erato.evaluation.likelihood import likelihoods
from erato.models.base import Distribution, LatentModel, SequenceModel, detached, take
from erato.representations.base import Tokens
from erato.training.objective import Batches, Measures, Objective

PREDICT = ("all", "last")
BALANCED = 8  # batches that `auto` weights are balanced over


@dataclass(frozen=True)
class Likelihood(Objective):
    """Mean negative log-likelihood a symbol; padding counts for nothing.

    chunk: symbols that are read at once, with a step of the optimizer after each chunk: the state is carried on, and
    gradients go back to the beginning of the chunk (truncated backpropagation, Williams and Peng 1990); None: whole
    windows. weights: of the losses of a symbol's features, where it has several; auto: so that each weighs the same
    over the first batches; None: their sum. predict: all symbols of a window, or only its last one, from those before.
    valid_each: the held-out loss is of the first so many symbols (of key states: steps) of each piece; None: of whole
    ones.
    aside: with the last one only, what each of the others weighs beside it, for models that say something of them on
    their way.
    """

    chunk: int | None = None
    weights: Literal["auto"] | tuple[float, ...] | None = None
    predict: Literal["all", "last"] = "all"
    aside: float = 0.0
    valid_each: int | None = None

    def __post_init__(self) -> None:
        if self.valid_each is not None and self.valid_each < 1:
            raise UsageError(f"objective.valid_each must be at least 1 symbol, or none, got {self.valid_each}.")
        if self.chunk is not None and self.chunk < 1:
            raise UsageError(f"objective.chunk must be at least 1 symbol, or none, got {self.chunk}.")
        if isinstance(self.weights, tuple) and not (self.weights and all(0 <= w < math.inf for w in self.weights)):
            raise UsageError(f"objective.weights must be auto, or numbers of 0 or more, got {self.weights}.")
        if self.predict not in PREDICT:
            raise unknown("objective.predict", self.predict, PREDICT)
        if self.predict == "last" and self.chunk is not None:
            raise UsageError(
                f"objective.predict=last reads whole windows, got objective.chunk={self.chunk}: set chunk to none, or "
                "predict to all."
            )

        if not 0 <= self.aside < math.inf or (self.aside and self.predict != "last"):
            raise UsageError(
                f"objective.aside must be 0 or more, and 0 unless objective.predict is last, got {self.aside}."
            )

    @property
    def unit(self) -> str:
        return "nats a symbol" if self.weights is None else "(weighted)"

    def groups(self, model: nn.Module) -> dict[str, list[nn.Parameter]]:
        if isinstance(model, LatentModel):
            raise UsageError(
                f"{type(model).__name__} writes whole phrases and gives no likelihood: it fits the objective wgan_gp."
            )
        return {"model": [p for p in model.parameters() if p.requires_grad]}

    @torch.no_grad()
    def prepared(self, model: nn.Module, batches: Batches) -> "Likelihood":
        if self.weights != "auto":
            return self
        model.eval()
        means: dict[str, float] = {}
        for x, y, mask in islice(batches, BALANCED):
            distribution, asked = self._predicted(model, x, mask)
            for name, loss in distribution.parts(y).items():
                means[name] = means.get(name, 0.0) + float(loss[asked].mean()) / BALANCED
        return replace(self, weights=tuple(1 / max(mean, 1e-6) for mean in means.values()) or None)

    def losses(
        self, model: nn.Module, batches: Batches, rng: torch.Generator
    ) -> Iterator[tuple[str, Tensor, Measures]]:
        x, y, mask = next(batches)
        if self.chunk is None or self.chunk >= x.shape[1]:
            distribution, asked = self._predicted(model, x, mask)
            name, loss, measures = self._loss(distribution, y, asked)
            if self.aside:
                weights = torch.where(asked, 1.0, self.aside) * mask
                loss = -(distribution.log_prob(y).masked_fill(~mask, 0.0) * weights).sum() / weights.sum()
            yield name, loss, measures
            return
        assert isinstance(model, SequenceModel)
        state = model.start(len(x))
        for begin in range(0, x.shape[1], self.chunk):
            goes_on = mask[:, begin:].any(1).nonzero()[:, 0]  # the others have ended
            if len(goes_on) < len(x):
                x, y, mask, state = x[goes_on], y[goes_on], mask[goes_on], take(state, goes_on)
            here = slice(begin, begin + self.chunk)
            distribution, state = model.extend(x[:, here], state, mask[:, here])
            if mask[:, here].any():  # the symbols before a window are only read
                yield self._loss(distribution, y[:, here], mask[:, here])
            state = detached(state)

    def _predicted(self, model: nn.Module, x: Tensor, mask: Tensor) -> tuple[Distribution, Tensor]:
        """What the model says of whole windows, and where [B, W] it was asked."""
        if self.predict == "all":
            return model(x, mask), mask
        last = mask & ~nn.functional.pad(mask[:, 1:], (0, 1))  # padding stands at the end
        return model(x, mask, last), last

    def _loss(self, distribution: Distribution, y: Tensor, mask: Tensor) -> tuple[str, Tensor, Measures]:
        symbols = mask.sum()
        parts = {name: loss.masked_fill(~mask, 0.0).sum() for name, loss in distribution.parts(y).items()}
        if parts:
            total = sum((weight * loss for weight, loss in self._weighted(parts)), torch.zeros((), device=y.device))
        elif isinstance(self.weights, tuple):
            raise UsageError(
                f"objective.weights are for symbols of several features, and these have one, got {self.weights}: "
                "leave them out."
            )
        else:
            total = -distribution.log_prob(y).masked_fill(~mask, 0.0).sum()
        correct = (distribution.hits(y) & mask).sum()
        measures = {"loss": total, "accuracy": correct, "symbols": symbols, **parts}
        return "model", total / symbols, {name: value.detach() for name, value in measures.items()}

    def _weighted(self, parts: dict[str, Any]) -> list[tuple[float, Any]]:
        weights = (1.0,) * len(parts) if self.weights is None else self.weights
        if len(weights) != len(parts):
            raise UsageError(f"objective.weights must be {len(parts)} numbers, for {', '.join(parts)}; got {weights}.")
        assert not isinstance(weights, str), "prepared() has made numbers of auto"
        return list(zip(weights, parts.values(), strict=True))

    def validate(self, model: Any, data: Encodings, split: Split, limit: int | None) -> dict[str, Any]:
        space = data.representation.space
        each = None if self.valid_each is None else self.valid_each * space.frame
        pieces = [array[:each] for array in data.part(split) if len(array)]
        if limit is not None:  # the first symbols, so that a long piece is not read to its end
            before = np.cumsum([0, *map(len, pieces)])
            pieces = [piece[: limit - n] for piece, n in zip(pieces, before, strict=False) if n < limit]
        result = likelihoods(model, pieces, space)
        symbols = int(result.symbols.sum())
        parts = {name: float(values.sum()) / symbols for name, values in result.parts.items()}
        return {
            "loss": sum(weight * loss for weight, loss in self._weighted(parts)) if parts else result.nats_per_symbol,
            "accuracy": result.accuracy,
            "symbols": symbols,
            "pieces": len(pieces),
            **({"perplexity": math.exp(min(result.nats_per_symbol, 700.0))} if isinstance(space, Tokens) else {}),
            **parts,
        }
