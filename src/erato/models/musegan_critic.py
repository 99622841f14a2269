"""The critics of `musegan`: rolls of phrases in, how real each is out; only differences mean anything.

One reads bars, then pitches, then steps, as published; one all of a few steps at once. Every kernel spans one axis, so
all of them are matrix products here, with the channels last. Knows nothing of generators or training.

Legend: N phrases, K tracks, P pitches, C channels.
"""

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erato.representations.base import Rolls

if TYPE_CHECKING:
    from erato.models.musegan import MuseganConfig

OCTAVE = 12
SLOPE = 0.3  # below zero
AT_ONCE = 2**20  # numbers of a layer that are worked on together, so that they stay in the cache


class Critic(nn.Module):
    """Rolls [N, K, bars, steps, P] to [N]: convolutions over bars, then pitches, then steps, and two linear layers.

    Over bars two at a time and then all, over the pitches of an octave and then the octaves, over steps 2, 2, 4 and 3
    at a time; each reads on by two steps (nothing stands before and after a bar). given: see `Known`.
    """

    def __init__(self, config: "MuseganConfig", space: Rolls) -> None:
        super().__init__()
        width = config.critic_channels
        self.missing = -space.pitches % OCTAVE
        self.together = min(2, space.bars)
        octaves = math.ceil(space.pitches / OCTAVE)
        self.at_once = max(1, AT_ONCE // (space.steps * octaves * OCTAVE * width))  # phrases
        self.pair = nn.Linear(self.together * space.tracks, width)
        self.known = Known(space.tracks, width) if config.conditional else None
        self.bars = nn.Linear((space.bars - self.together + 1) * width, width)
        self.octave = nn.Linear(OCTAVE * width, width)
        self.octaves = nn.Linear(octaves * width, width)
        windows = [(width, width, 2, 0), (width, width, 2, 0), (width, 2 * width, 4, 1), (2 * width, 4 * width, 3, 1)]
        self.windows = nn.ModuleList([Window(*size) for size in windows])
        left = space.steps
        for size in windows:
            left = Window.count(left, *size[2:])
        self.hidden = nn.Linear(left * 4 * width, config.critic_features)
        self.score = nn.Linear(config.critic_features, 1)

    def forward(self, rolls: Tensor, given: Tensor | None = None) -> Tensor:
        masks = [None] * len(rolls) if given is None else torch.split(given, self.at_once)
        parts = torch.split(rolls, self.at_once)
        return torch.cat([self._some(part, mask) for part, mask in zip(parts, masks, strict=False)])

    def _some(self, rolls: Tensor, given: Tensor | None) -> Tensor:
        if self.missing:
            rolls = F.pad(rolls, (0, self.missing), value=-1.0)
        x = rolls.permute(0, 3, 4, 2, 1).unfold(3, self.together, 1)  # [N, steps, P, pairs, K, 2]
        x = self.pair(x.reshape(-1, self.pair.in_features))
        x = leaky(x if self.known is None or given is None else self.known(x, given))
        for layer in (self.bars, self.octave, self.octaves):  # each takes in the rows that lie side by side
            x = leaky(layer(x.reshape(-1, layer.in_features)))
        x = by_phrase(x, len(rolls))  # [N, steps, C]
        for window in self.windows:
            x = by_phrase(leaky(window(x)), len(x))
        found: Tensor = self.score(leaky(self.hidden(x.flatten(1)))).squeeze(1)
        return found.to(rolls.dtype)


class StepCritic(nn.Module):
    """Rolls [N, K, bars, steps, P] to [N]: all of a few steps at once, then two rows of the layer before, and so on.

    Convolutions with kernels of those steps and all pitches, then of two rows; their strides are their kernels. Then
    two linear layers. given: see `Known`.
    """

    def __init__(self, config: "MuseganConfig", space: Rolls) -> None:
        super().__init__()
        widths, self.reads = config.critic_widths, min(config.critic_reads, space.phrase)
        left = math.ceil(space.phrase / self.reads)
        self.step = nn.Linear(self.reads * space.tracks * space.pitches, widths[0])
        self.known = Known(space.tracks, widths[0]) if config.conditional else None
        self.pairs = nn.ModuleList([nn.Linear(2 * before, after) for before, after in pairwise(widths)])
        for _ in self.pairs:
            left = math.ceil(left / 2)
        self.hidden = nn.Linear(left * widths[-1], config.critic_features)
        self.score = nn.Linear(config.critic_features, 1)

    def forward(self, rolls: Tensor, given: Tensor | None = None) -> Tensor:
        x = (rolls + 1).permute(0, 2, 3, 1, 4).flatten(1, 2).flatten(2)  # [N, T, K x P], silence 0
        x = self.step(F.pad(x, (0, 0, 0, -x.shape[1] % self.reads)).reshape(-1, self.step.in_features))
        x = leaky(x if self.known is None or given is None else self.known(x, given))
        x = by_phrase(x, len(rolls))
        for layer in self.pairs:
            pairs = F.pad(x, (0, 0, 0, x.shape[1] % 2)).view(-1, 2 * x.shape[2])
            x = by_phrase(leaky(layer(pairs)), len(x))
        found: Tensor = self.score(leaky(self.hidden(x.flatten(1)))).squeeze(1)
        return found.to(rolls.dtype)


class Known(nn.Module):
    """Rows [N x rows, C] with what it says of the tracks that are given [N, K] (1; 0: written) added to each.

    In front of a layer's activation: as if that layer had read them as constant inputs beside its others. So the joint
    distribution of written tracks with each set of given ones has to be right, not only their mixture.
    """

    def __init__(self, tracks: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, tracks))

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        said = F.linear(given.to(self.weight.dtype), self.weight)
        return (x.view(len(given), -1, x.shape[1]) + said.unsqueeze(1)).flatten(0, 1)


class Window(nn.Module):
    """[N, steps, C] to [N x count, C']: a convolution over `size` steps that reads on by two, no step left out."""

    def __init__(self, before: int, after: int, size: int, pad: int) -> None:
        super().__init__()
        self.size, self.pad = size, pad
        self.linear = nn.Linear(size * before, after)

    @staticmethod
    def count(steps: int, size: int, pad: int) -> int:
        """How many windows read all of the steps."""
        return max(0, math.ceil((steps + pad - size) / 2)) + 1

    def forward(self, x: Tensor) -> Tensor:
        count = self.count(x.shape[1], self.size, self.pad)
        x = F.pad(x, (0, 0, self.pad, 2 * (count - 1) + self.size - self.pad - x.shape[1]))
        found: Tensor = self.linear(x.unfold(1, self.size, 2).transpose(2, 3).reshape(-1, self.linear.in_features))
        return found


class Leaky(torch.autograd.Function):
    """Leaky ReLU in place. To second derivatives its slopes are constants, which they are almost everywhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        F.leaky_relu_(x, SLOPE)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return slopes(grad, ctx.saved_tensors[0].detach())


class Slopes(torch.autograd.Function):
    """grad times the slopes of a leaky ReLU that gave y."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        found: Tensor = torch.ops.aten.leaky_relu_backward(grad, y, SLOPE, True)
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return slopes(grad, ctx.saved_tensors[0]), None


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU of a tensor that nothing else reads, nor is a view of another (which autograd would have to copy)."""
    found: Tensor = Leaky.apply(x)  # type: ignore[no-untyped-call]
    return found


def slopes(grad: Tensor, y: Tensor) -> Tensor:
    found: Tensor = Slopes.apply(grad, y)  # type: ignore[no-untyped-call]
    return found


def by_phrase(x: Tensor, phrases: int) -> Tensor:
    """[N x steps, C] to [N, steps, C]."""
    return x.view(phrases, -1, x.shape[1])
