"""The moving average of a model's weights. Knows nothing of how they change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """The exponential moving average of a model's weights (Polyak 1992), with a short memory in its first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        own = model.state_dict()
        floats = [name for name, tensor in self.shadow.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.shadow[n] for n in floats], [own[n] for n in floats], weight)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with the averaged weights, for as long as the block lasts."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        try:
            model.load_state_dict(self.shadow)
            yield
        finally:
            model.load_state_dict(own)
