"""What every objective is: it turns batches into losses. Knows nothing of optimizers, budgets or files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from erato.corpora.base import Split
from erato.datasets import Encodings

Batches = Iterator[Sequence[Tensor]]
Measures = Mapping[str, Tensor]  # what to log of a step, summed; "symbols" is what the others are divided by


class Objective(ABC):
    """The loop steps one optimizer a group after each loss that is yielded.

    measure, unit: what the loss of `validate` is, and what it is counted in, for people. remedy: what else than a lower
    learning rate helps where training diverges.
    """

    measure: ClassVar[str] = "held-out loss"
    remedy: str = "training.clip"

    @property
    @abstractmethod
    def unit(self) -> str: ...

    @abstractmethod
    def groups(self, model: nn.Module) -> dict[str, list[nn.Parameter]]:
        """The parameters by group; each group has an optimizer of its own.

        The moving average of all weights takes a step after each step of the last group. UsageError for a model that
        does not learn so.
        """

    def rate(self, group: str) -> float:
        """The learning rate of a group as a multiple of the optimizer's."""
        return 1.0

    def prepared(self, model: nn.Module, batches: Batches) -> "Objective":
        """This objective with what it must know of the fresh model and the first batches; the same at every start."""
        return self

    @abstractmethod
    def losses(
        self, model: nn.Module, batches: Batches, rng: torch.Generator
    ) -> Iterator[tuple[str, Tensor, Measures]]:
        """The losses of one step: (group to step, loss to minimise, what to log).

        rng: begins anew at every step, from the seed of the run and the number of the step, so that what is drawn from
        it is the same after a stop. The measures of all losses of a step are summed.
        """

    def astray(self, measures: Measures) -> str | None:
        """What is wrong with a step of these measures, if training that goes on like this has diverged."""
        return None

    def settle(self, model: nn.Module, data: Encodings) -> None:  # noqa: B027 (most have nothing to do)
        """Makes what goes with the weights, but is not averaged like them, fit averaged ones; model: in eval mode."""

    @abstractmethod
    def validate(self, model: Any, data: Encodings, split: Split, limit: int | None) -> dict[str, Any]:
        """{"loss", ...} on the pieces of `split`, smaller is better; limit: about how many symbols to read."""
