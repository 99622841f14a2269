"""What every sequence model is: what came before to a distribution over what comes next. Never sees a pitch
or a piece.

Legend: B batch, T time, V vocabulary. A state is nested tuples, lists and dicts of tensors (batch first), or
objects with a `take(rows)` of their own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from erato.representations.base import Space

State = Any
Filter = Callable[[Tensor], Tensor]  # logits [B, V] -> logits [B, V]; what may not be drawn becomes -inf


class Distribution(ABC):
    """What may come next, at each of T positions."""

    @abstractmethod
    def log_prob(self, y: Tensor) -> Tensor:
        """[B, T] natural logarithms of the probability of y [B, T, ...]."""

    @abstractmethod
    def sample(self, u: Tensor | None, filters: Filter) -> Tensor:
        """One draw a row, for its last position, by inverse CDF from uniform numbers u [B, n_uniforms].

        Without u: the likeliest instead (the first of equals).
        """

    @property
    @abstractmethod
    def n_uniforms(self) -> int:
        """How many uniform numbers one draw takes."""


class Categorical(Distribution):
    """One of V symbols; logits: [B, T, V]."""

    n_uniforms = 1

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def log_prob(self, y: Tensor) -> Tensor:
        return self.logits.float().log_softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1)

    def sample(self, u: Tensor | None, filters: Filter) -> Tensor:
        logits = filters(self.logits[:, -1].float())
        if u is None:
            return logits.argmax(-1)
        cdf = torch.softmax(logits, -1, dtype=torch.float64).cumsum(-1)  # double: no mass is lost
        # The first symbol whose cumulated probability exceeds u; symbols of probability 0 are never drawn, not
        # even the last of all, because u stays below the total by more than rounding.
        below = u[:, :1].double() * cdf[:, -1:] * (1 - 1e-15)
        return torch.searchsorted(cdf, below, right=True)[:, 0]


class SequenceModel(nn.Module, ABC):
    """A causal model. In eval mode, blocks of any size through `extend` equal `forward` to 1e-5."""

    context: int | None = None  # symbols it can see; None: unlimited

    @abstractmethod
    def start(self, batch: int) -> State:
        """The state before the first symbol, for `batch` rows, on the model's device."""

    @abstractmethod
    def extend(self, x: Tensor, state: State, mask: Tensor | None = None) -> tuple[Distribution, State]:
        """Reads x [B, T]; position t of the result predicts x[:, t + 1]. `state` stays valid (it can be
        extended again).

        mask: [B, T] true where x is a symbol and not padding (padding stands at the end).
        """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Distribution:
        """The distributions over the whole of x [B, T], from the start."""
        return self.extend(x, self.start(len(x)), mask)[0]

    def keep(self, before: State, after: State, x: Tensor, n: int) -> State:
        """The state after only the first `n` of the x that led from `before` to `after`."""
        return self.extend(x[:, :n], before)[1] if n else before


class ModelConfig(ABC):
    """The sizes of a model (a frozen dataclass); builds it."""

    @abstractmethod
    def build(self, space: Space) -> SequenceModel:
        """A freshly initialised model for this space; it reads torch's generator, which the caller seeds."""


def take(state: State, rows: Tensor) -> State:
    """Reorders, copies or drops the rows of any nested state; rows: [B'] int64."""
    if state is None or isinstance(state, (int, float, bool)):
        return state
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if isinstance(state, dict):
        return {key: take(value, rows) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(take(value, rows) for value in state)
    return state.take(rows)
