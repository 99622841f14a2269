"""A recipe: the parts and numbers of one system, as a frozen value. Says nothing of how they are run."""

import math
from dataclasses import dataclass, field
from typing import Literal

from erato.datasets import Windows
from erato.errors import UsageError
from erato.models.base import ModelConfig
from erato.representations.base import RepresentationConfig
from erato.sampling.filters import Sampler
from erato.training.likelihood import Likelihood
from erato.training.loop import Training
from erato.training.objective import Objective


@dataclass(frozen=True)
class Recipe:
    """One system. A variant is its parent with fields replaced.

    begin: what a piece starts from when no prompt is given, nothing, a window of the training pieces, or `prompt`, a
    text that is part of it. length: symbols (of key states: steps) of a piece when no length is asked for; None: until
    the model ends it; may_end: it may end before that by itself. listen_at: the temperatures of the samples that are
    kept while it learns, each as long as `listen_length` says; none: one sample, drawn as pieces are.
    listen_after_window: these begin with a window of the training pieces, and go on from it.
    """

    name: str
    summary: str
    corpus: str
    representation: RepresentationConfig
    model: ModelConfig
    training: Training
    windows: Windows = field(default_factory=Windows)
    objective: Objective = field(default_factory=Likelihood)
    sampler: Sampler = field(default_factory=Sampler)
    begin: Literal["nothing", "window", "prompt"] = "nothing"
    prompt: str = ""
    length: int | None = None
    may_end: bool = False
    listen_at: tuple[float, ...] = ()
    listen_length: int = 200
    listen_after_window: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise UsageError(f"length must be at least 1 symbol, or none, got {self.length}.")
        if self.listen_length < 1 or not all(0 < temperature < math.inf for temperature in self.listen_at):
            raise UsageError(
                f"listen_length must be at least 1 symbol and listen_at temperatures above 0, got "
                f"{self.listen_length} and {self.listen_at}."
            )
        if self.begin == "prompt" and not self.prompt:
            raise UsageError("begin is prompt, and the prompt is empty: set prompt, or begin to nothing or window.")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"seed must be a whole number from 0 to 2^63 - 1, got {self.seed}.")
