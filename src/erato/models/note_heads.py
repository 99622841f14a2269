"""What a note is likely to be, feature after feature: hidden states in, distributions over notes out.

A note is a row (pitch, step, duration[, velocity]) as in `Notes`: times in seconds, multiples of a resolution. Knows
nothing of what came before but the hidden state. Legend: B batch, T time, H width of the state, F features,
K components of a mixture; counts are times in resolutions.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from erato.models.base import Distribution, Filters, drawn, masked
from erato.representations.base import Notes

PITCHES = 128
VELOCITIES = 127  # from 1
LONGEST_S = 20.0  # that is drawn: mixtures of logarithms have heavy tails
TIME_CODES = 2
PRESSURE = 10.0  # on times below 0, in the tutorial
EMBEDDING, HIDDEN = 32, 64  # of a pitch, of the layers before the numbers of a mixture
STEEPEST, FLATTEST = -4.5, 2.0  # logarithms of the scales of components: 1 % of a time, and its square


class NoteHead(nn.Module, ABC):
    """A hidden state, and the note before, to a distribution over the next note."""

    def __init__(self, space: Notes) -> None:
        super().__init__()
        self.space = space

    @abstractmethod
    def forward(self, hidden: Tensor, notes: Tensor) -> Distribution:
        """hidden: [B, T, H] after reading notes [B, T, F]"""

    def counts(self, seconds: Tensor) -> Tensor:
        """Times in whole resolutions, float32; what stands for padding (below 0) is 0."""
        return (seconds.float() / self.space.resolution_s).round().clamp(min=0)

    def seconds(self, counts: Tensor) -> Tensor:
        """The float32 that encoded pieces hold for that many resolutions; at most `LONGEST_S`."""
        most = round(LONGEST_S / self.space.resolution_s)
        return (counts.double().clamp(max=most) * self.space.resolution_s).float()


def pitches(notes: Tensor) -> Tensor:
    """[B, T] from rows [B, T, F]; of padding, 0."""
    return notes[..., 0].long().clamp(0, PITCHES - 1)


def time_codes(counts: Tensor) -> Tensor:
    """[..., 2] What a time looks like to a layer: its logarithm, and whether it is 0."""
    return torch.stack((torch.log1p(counts) / 4, (counts == 0).float()), -1)


class RegressionHead(NoteHead):
    """Weights of the pitches and one number for each other feature, as TensorFlow's tutorial and its translations have.

    Times are in seconds, velocities in 128ths.
    """

    def __init__(self, width: int, space: Notes) -> None:
        super().__init__(space)
        self.pitch = nn.Linear(width, PITCHES)
        self.numbers = nn.Linear(width, len(space.features) - 1)

    def forward(self, hidden: Tensor, notes: Tensor) -> "NoteRegression":
        return NoteRegression(self, self.pitch(hidden).float(), self.numbers(hidden).float())


class NoteRegression(Distribution):
    """logits: [B, T, 128] of pitches; numbers: [B, T, F - 1] what the other features are thought to be.

    Only pitches have a probability: log_prob is theirs alone, and only they are drawn.
    """

    complete = False
    n_uniforms = 1

    def __init__(self, head: RegressionHead, logits: Tensor, numbers: Tensor) -> None:
        self.head, self.logits, self.numbers = head, logits, numbers

    def log_prob(self, y: Tensor) -> Tensor:
        return self.logits.log_softmax(-1).gather(-1, pitches(y).unsqueeze(-1)).squeeze(-1)

    def hits(self, y: Tensor) -> Tensor:
        return self.logits.argmax(-1) == pitches(y)

    def parts(self, y: Tensor) -> dict[str, Tensor]:
        """Nats of the pitch; of the others the squared error, and a pressure on numbers below 0."""
        found = {"pitch": -self.log_prob(y)}
        for index, name in enumerate(self.head.space.features[1:]):
            wanted = y[..., 1 + index] / (PITCHES if name == "velocity" else 1)
            number = self.numbers[..., index]
            found[name] = (number - wanted) ** 2 + PRESSURE * (-number).clamp(min=0)
        return found

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        pitch = drawn(filters(masked(self.logits[:, -1], filters.allowed)), u)
        numbers = self.numbers[:, -1]
        counts = (numbers[:, :2] / self.head.space.resolution_s).round().clamp(min=0)
        step, duration = counts[:, 0], counts[:, 1].clamp(min=1)
        note = [pitch.float(), self.head.seconds(step), self.head.seconds(duration)]
        if self.head.space.velocity:
            note.append((numbers[:, 2] * PITCHES).round().clamp(1, VELOCITIES))
        return torch.stack(note, -1)


class MixtureHead(NoteHead):
    """A likelihood of whole notes by the chain rule: pitch, then step, duration and velocity, each given those before.

    Pitches and velocities are categorical, times are `TimeMixture`s.
    """

    def __init__(self, width: int, space: Notes, components: int) -> None:
        super().__init__(space)
        self.components = components
        self.pitch = nn.Linear(width, PITCHES)
        self.embedding = nn.Embedding(PITCHES, EMBEDDING)
        known = width + EMBEDDING + 2
        self.step = _Layers(known, 1 + 3 * components)
        self.duration = _Layers(known + TIME_CODES, 3 * components)
        if space.velocity:
            self.velocity = _Layers(known + 2 * TIME_CODES, VELOCITIES)
        middles = torch.linspace(math.log(2), math.log(300), components)  # 20 ms to 3 s at 10 ms
        with torch.no_grad():
            for layers in (self.step, self.duration):
                layers.last.bias[-2 * components : -components] = middles
                layers.last.bias[-components:] = -1.0

    def forward(self, hidden: Tensor, notes: Tensor) -> "NoteMixture":
        return NoteMixture(self, hidden, notes[..., 0])

    def known(self, hidden: Tensor, before: Tensor, pitch: Tensor) -> Tensor:
        """[..., H + 34] The state, the pitch, and how far it is above the one before: notes of a chord ascend."""
        interval = pitch - before
        above = torch.stack((interval / 12, (interval > 0).float()), -1)
        return torch.cat((hidden, self.embedding(pitch), above), -1)

    def times(self, numbers: Tensor) -> "TimeMixture":
        """numbers: [..., C + 2 K] logits, middles and scales."""
        k = self.components
        numbers = numbers.float()
        scales = numbers[..., -k:].clamp(STEEPEST, FLATTEST)
        return TimeMixture(numbers[..., : -2 * k], numbers[..., -2 * k : -k], scales)


class NoteMixture(Distribution):
    """hidden: [B, T, H] what the head makes a distribution of; before: [B, T] pitches of the notes before."""

    def __init__(self, head: MixtureHead, hidden: Tensor, before: Tensor) -> None:
        self.head, self.hidden, self.before = head, hidden, before
        self.logits: Tensor = head.pitch(hidden).float()

    @property
    def n_uniforms(self) -> int:
        return 6 if self.head.space.velocity else 5  # two a time: of the component, and within it

    def log_prob(self, y: Tensor) -> Tensor:
        return -torch.stack(tuple(self.parts(y).values())).sum(0)

    def hits(self, y: Tensor) -> Tensor:
        return self.logits.argmax(-1) == pitches(y)

    def parts(self, y: Tensor) -> dict[str, Tensor]:
        """Nats of each feature, given those before it."""
        head, pitch = self.head, pitches(y)
        step, duration = head.counts(y[..., 1]), head.counts(y[..., 2])
        known = head.known(self.hidden, self.before, pitch)
        found = {"pitch": nnf.cross_entropy(self.logits.flatten(0, -2), pitch.flatten(), reduction="none")}
        found["pitch"] = found["pitch"].view(pitch.shape)
        found["step"] = -head.times(head.step(known)).log_prob(step)
        known = torch.cat((known, time_codes(step)), -1)
        found["duration"] = -head.times(head.duration(known)).log_prob(duration)
        if head.space.velocity:
            known = torch.cat((known, time_codes(duration)), -1)
            velocity = y[..., 3].long().clamp(1, VELOCITIES) - 1
            logits = head.velocity(known).float().flatten(0, -2)
            found["velocity"] = nnf.cross_entropy(logits, velocity.flatten(), reduction="none").view(pitch.shape)
        return found

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        head = self.head
        numbers = (None,) * 6 if u is None else u.unsqueeze(-1).unbind(1)  # [B, 1] each
        pitch = drawn(filters(masked(self.logits[:, -1], filters.allowed), 0), numbers[0])
        known = head.known(self.hidden[:, -1], self.before[:, -1], pitch)
        step = head.times(head.step(known)).sample(numbers[1], numbers[2], filters, 1)
        note = [pitch.float(), head.seconds(step)]
        known = torch.cat((known, time_codes(head.counts(note[1]))), -1)
        duration = head.times(head.duration(known)).sample(numbers[3], numbers[4], filters, 2)
        note.append(head.seconds(duration))
        if head.space.velocity:
            known = torch.cat((known, time_codes(head.counts(note[2]))), -1)
            note.append(1 + drawn(filters(head.velocity(known).float(), 3), numbers[5]).float())
        return torch.stack(note, -1)


class TimeMixture:
    """Counts as a mixture of K logistics on their logarithm; each count has the mass of its bin.

    The bins are all below 1.5, [1.5, 2.5), [2.5, 3.5) ... for counts of 1, 2, 3 ...; where there is one logit more
    than components, the first is that of a count of 0. logits: [..., K or K + 1]; middles, scales: [..., K], middles of
    the logistics and logarithms of their scales.
    """

    def __init__(self, logits: Tensor, middles: Tensor, scales: Tensor) -> None:
        self.logits, self.middles, self.scales = logits, middles, scales
        self.zeros = logits.shape[-1] - middles.shape[-1]

    def log_prob(self, counts: Tensor) -> Tensor:
        """[...] Logarithms of the masses of counts [...]."""
        chances = self.logits.log_softmax(-1)
        count = counts.clamp(min=1).unsqueeze(-1)
        upper, lower, steepness = (count + 0.5).log(), (count - 0.5).log(), (-self.scales).exp()
        below = nnf.logsigmoid((upper - self.middles) * steepness)  # that it is below the bin's upper end
        above = nnf.logsigmoid((self.middles - lower) * steepness)
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)): nothing small is a difference of large ones
        width = torch.log1p(1 / (count - 0.5)) * steepness
        within = below + torch.where(count > 1, above + (-torch.expm1(-width)).log(), 0.0)
        some = (chances[..., self.zeros :] + within).logsumexp(-1)
        return torch.where(counts == 0, chances[..., 0], some) if self.zeros else some

    def sample(self, choice: Tensor | None, u: Tensor | None, filters: Filters, feature: int) -> Tensor:
        """[B] counts, from uniform numbers [B, 1] for the component and for the place in it.

        Without them, the middle of the likeliest component. The temperature is that of the components' logits and a
        factor of their scales.
        """
        component = drawn(filters(self.logits, feature), choice).unsqueeze(-1)
        place = (component - self.zeros).clamp(min=0)
        middle = self.middles.double().gather(-1, place)
        if u is not None:
            scale = self.scales.double().gather(-1, place).exp() * filters.temperature(feature)
            middle = middle + scale * torch.logit(u.double(), eps=1e-12)
        counts = middle.exp().round().clamp(min=1)
        return counts.masked_fill(component < self.zeros, 0.0).squeeze(-1)


class _Layers(nn.Module):
    """Two small layers."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, outputs)

    def forward(self, signal: Tensor) -> Tensor:
        found: Tensor = self.last(nnf.silu(self.first(signal)))
        return found
