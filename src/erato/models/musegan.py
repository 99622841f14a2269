"""A generative adversarial network for phrases of several tracks: latent numbers in, rolls out, and a critic of rolls.

Four latents steer the generator. Chords (of all tracks) and melody (of one) go through temporal networks, which spread
them over the bars; style (of all tracks) and groove (of one) are the same in every bar. A bar generator of each track
turns the four into a bar. The critic reads all tracks of a phrase at once. Every kernel spans one axis, so all of
them are matrix products here, with the channels last.

Knows nothing of pieces, notes or training. The method: Dong et al., MuseGAN (AAAI 2018). Legend: N phrases, K tracks,
P pitches, R rows of whatever was joined to one axis, C channels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erato.errors import UsageError, unknown
from erato.models.base import LatentModel, ModelConfig, of_kind
from erato.models.musegan_critic import OCTAVE, SLOPE, Critic, Known, StepCritic, by_phrase, leaky
from erato.representations.base import Rolls, Space

OUTPUTS = ("linear", "softmax", "onehot")
NORMS = ("bar", "phrase")


@dataclass(frozen=True)
class MuseganConfig(ModelConfig):
    """Phrases of several tracks from four latents, learned against a critic.

    latent: numbers of each latent. temporal: channels of the temporal networks. features: numbers after the linear
    layer of a bar generator. channels: of its first transposed convolution; the others have half. widths: the channels
    of all of them but the last, in place of `channels`; for fewer steps in a bar the first are left out, for more the
    first comes again. critic_channels, critic_features: of the critic's convolutions
    and of its last hidden layer. critic_widths: in place of critic_channels, the layers of a critic that reads all
    pitches and tracks of critic_reads steps at once, and with every further layer twice as many steps; cheaper.

    output: what the generator says of a step; "linear": a roll as it comes; "softmax": probabilities of the pitches and
    of a rest; "onehot": the likeliest of them alone, with the gradients of "softmax" (straight-through; Bengio et al.
    2013). norm: what batch norm takes together in training, a "bar" of a track or all bars of a "phrase". deviation: of
    the normal numbers that weights begin as; 0: uniform ones within 1 / sqrt(inputs). held: whether neighbouring steps
    begin alike (Aitken et al. 2017), so that notes are long at first. temperature: what scores are divided by before
    probabilities are made of them. conditional: whether it learns to write some tracks to others that are given;
    encoder: the channels in which it then reads those; its critic is told which they are.
    """

    latent: int = 32
    temporal: int = 1024
    features: int = 1024
    channels: int = 512
    widths: tuple[int, ...] = ()
    critic_channels: int = 128
    critic_features: int = 1024
    critic_widths: tuple[int, ...] = ()
    critic_reads: int = 1
    output: Literal["linear", "softmax", "onehot"] = "linear"
    norm: Literal["bar", "phrase"] = "bar"
    deviation: float = 0.02
    held: bool = False
    temperature: float = 1.0
    conditional: bool = False
    encoder: int = 64

    def __post_init__(self) -> None:
        for name, least in (
            ("latent", 1),
            ("temporal", 1),
            ("features", 1),
            ("channels", 2),
            ("critic_channels", 1),
            ("critic_features", 1),
            ("critic_reads", 1),
            ("encoder", 1),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"model.{name} must be at least {least}, got {getattr(self, name)}.")
        for name in ("widths", "critic_widths"):
            if min(getattr(self, name), default=1) < 1:
                raise UsageError(f"model.{name} must be channels of 1 or more, got {getattr(self, name)}.")
        for name, known in (("output", OUTPUTS), ("norm", NORMS)):
            if getattr(self, name) not in known:
                raise unknown(f"model.{name}", getattr(self, name), known)
        if not 0 <= self.deviation < math.inf:
            raise UsageError(f"model.deviation must be a number of 0 or more, got {self.deviation}.")
        if not 0 < self.temperature < math.inf:
            raise UsageError(f"model.temperature must be above 0, got {self.temperature}.")

    def build(self, space: Space) -> "Musegan":
        return Musegan(self, of_kind(space, Rolls, "musegan"))


class Musegan(LatentModel):
    """See `MuseganConfig`."""

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        self.space, self.conditional = space, config.conditional
        self.output, self.temperature = config.output, config.temperature
        each = (config.latent,)
        self.latents = {
            "chords": each,
            "style": each,
            "melody": (space.tracks, *each),
            "groove": (space.tracks, *each),
        }
        self.generator = Generator(config, space)
        self.critic = StepCritic(config, space) if config.critic_widths else Critic(config, space)
        for module in self.modules():
            _initialise(module, config.deviation)
        for module in self.modules():
            if isinstance(module, Bar) and config.held:
                module.hold()
            elif isinstance(module, Encoder):
                module.begin()

    def rolls(self, phrases: Tensor) -> Tensor:
        return torch.where(self._cells(phrases) == torch.arange(self.space.pitches, device=phrases.device), 1.0, -1.0)

    def generate(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        """The rolls of new phrases; cells that are given come out as they are."""
        found = self._scores(latents, given)
        if self.output != "linear":
            likely = F.pad(found.float() / self.temperature, (0, 1)).softmax(-1)  # a rest has a score of 0
            found = 2 * likely[..., :-1] - 1
            if self.output == "onehot":
                pitches = torch.arange(self.space.pitches + 1, device=found.device)
                hard = torch.where(likely.argmax(-1, keepdim=True) == pitches, 1.0, -1.0)[..., :-1]
                found = hard + (found - found.detach())  # the sum in brackets is exactly 0
        if given is None:
            return found
        return torch.where(self._cells(given) >= 0, self.rolls(given), found)

    @torch.no_grad()
    def write(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        """The likeliest symbol of each cell: the pitch of the largest score, and a rest where even that is below 0.

        (With "linear", that is nearer to -1 than to 1. The published decoding knows no rests.)
        """
        largest, symbols = self._scores(latents, given).max(-1)
        symbols = symbols.masked_fill(largest < 0, self.space.pitches)
        symbols = symbols.permute(0, 2, 3, 1).reshape(-1, self.space.phrase, self.space.tracks)
        return symbols if given is None else torch.where(given >= 0, given, symbols)

    def _scores(self, latents: Mapping[str, Tensor], given: Tensor | None) -> Tensor:
        read = given if self.conditional else None
        found: Tensor = self.generator(*(latents[name] for name in self.latents), given=read)
        return found

    def _cells(self, phrases: Tensor) -> Tensor:
        """[N, K, bars, steps, 1] of phrases [N, T, K]."""
        space = self.space
        return phrases.view(-1, space.bars, space.steps, space.tracks).permute(0, 3, 1, 2).unsqueeze(-1)


class Generator(nn.Module):
    """chords, style [N, latent], melody, groove [N, K, latent] to scores [N, K, bars, steps, P].

    given: [N, T, K] symbols, -1 where it is to write; for a generator that is conditional.
    """

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        self.bars, self.apart = space.bars, config.norm == "bar"
        self.chords = Temporal(config, space.bars, 1)
        self.melody = nn.ModuleList([Temporal(config, space.bars, space.bars) for _ in range(space.tracks)])
        self.tracks = nn.ModuleList([Bar(config, space) for _ in range(space.tracks)])
        self.encoder = Encoder(config, space) if config.conditional else None

    def forward(
        self, chords: Tensor, style: Tensor, melody: Tensor, groove: Tensor, given: Tensor | None = None
    ) -> Tensor:
        read = self.encoder(given, len(style)) if self.encoder else []
        shared = [self.chords(chords), style.expand(self.bars, -1, -1)]  # [bars, N, latent]
        found = []
        for track, (temporal, bar) in enumerate(zip(self.melody, self.tracks, strict=True)):
            own = [temporal(melody[:, track]), groove[:, track].expand(self.bars, -1, -1)]
            latents = torch.cat([*shared, *own], -1)
            if self.training and self.apart:
                each = [bar(latents[at], [level[at] for level in read]) for at in range(self.bars)]
                found.append(torch.stack(each, 1))
            else:
                bars = bar(latents.flatten(0, 1), [level.flatten(0, 1) for level in read])
                found.append(bars.view(self.bars, len(style), *bars.shape[1:]).transpose(0, 1))
        return torch.stack(found, 1)


class Temporal(nn.Module):
    """[N, latent] to [bars, N, latent]: transposed convolutions over bars, to 2 (of one bar: 1), then to all.

    repeats: how many times the published code runs it on each batch; only the running statistics can tell.
    """

    def __init__(self, config: MuseganConfig, bars: int, repeats: int) -> None:
        super().__init__()
        self.bars, self.first = bars, min(bars, 2)
        self.spread = Spread(config.latent, config.temporal, self.first)
        self.norm = Norm(config.temporal, repeats)
        self.reach = bars - self.first + 1  # bars that each of the first tells of
        self.weight = nn.Parameter(torch.empty(self.reach * config.latent, config.temporal))
        self.bias = nn.Parameter(torch.zeros(config.latent))
        self.last = Norm(config.latent, repeats)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.spread(x))
        parts = F.linear(hidden, self.weight).view(len(x), self.first, self.reach, -1)
        after = range(self.bars - self.reach, -1, -1)
        spread = [F.pad(parts[:, at], (0, 0, at, end)) for at, end in enumerate(after)]  # [N, bars, latent] each
        summed = sum(spread[1:], spread[0]) + self.bias
        found: Tensor = self.last(summed.flatten(0, 1)).view(len(x), self.bars, -1).transpose(0, 1)
        return found


class Bar(nn.Module):
    """[R, 4 latents] to [R, steps, P]: a linear layer, then transposed convolutions over steps and pitches.

    Steps grow from the largest prime factor of their number by the others (16 = 2 x 2 x 2 x 2, 24 = 3 x 2 x 2 x 2),
    pitches from octaves to their twelve; of the last octave, what lies above the highest pitch is cut off.

    read: what `Encoder` says of the given tracks, [R, positions, C], for each number of positions on the way to steps.
    """

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        start, *strides = factors(space.steps)
        width = math.ceil(config.features / start)
        octaves = math.ceil(space.pitches / OCTAVE)
        half = config.channels // 2
        widths = config.widths or (*[config.channels, *[half] * len(strides)][: len(strides)], half)
        *over_steps, over_octaves = widths
        over_steps = [*over_steps[:1] * len(strides), *over_steps][-len(strides) :] if strides and over_steps else []
        widths = (*(over_steps or [over_octaves] * len(strides)), over_octaves)
        self.steps, self.pitches, self.width = space.steps, space.pitches, width
        read = config.encoder if config.conditional else 0
        self.linear = nn.Linear(4 * config.latent + read, start * width)
        self.norm = Norm(start * width)
        sizes = list(zip((width, *widths), widths, (*strides, octaves), strict=False))
        self.layers = nn.ModuleList([Spread(before + read, after, size) for before, after, size in sizes])
        self.norms = nn.ModuleList([Norm(channels) for channels in widths])
        self.last = Spread(widths[-1], 1, OCTAVE)

    def forward(self, x: Tensor, read: Sequence[Tensor] = ()) -> Tensor:
        levels = [level.flatten(0, 1) for level in read]
        hidden = self.norm(self.linear(torch.cat([x, *levels[:1]], 1))).view(-1, self.width)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True), 1):
            hidden = norm(layer(torch.cat([hidden, levels[number]], 1) if levels else hidden))
        found: Tensor = self.last(hidden).view(len(x), self.steps, -1)[..., : self.pitches]
        return found

    @torch.no_grad()
    def hold(self) -> None:
        """Makes the steps that come out of one alike."""
        for layer in self.layers[:-1]:
            assert isinstance(layer, Spread)
            taps = layer.weight.view(layer.size, layer.after, -1)
            taps.copy_(taps[:1].expand_as(taps).clone())


class Encoder(nn.Module):
    """Given tracks [N, T, K] to what bars are written from: [bars, N, positions, C] for 1, start, ..., steps positions.

    Convolutions over a step, three steps, and then as bars grow (see `Bar`), backwards; last a linear layer over the
    bars. Without norms, and 0 where a phrase has nothing given, so that it changes nothing there.
    """

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        self.space, width = space, config.encoder
        self.symbols = space.pitches + 1
        self.step = nn.Linear(space.tracks * self.symbols, width)
        self.around = nn.Linear(3 * width, width)
        start, *strides = factors(space.steps)
        self.sizes = (*reversed(strides), start)
        self.down = nn.ModuleList([nn.Linear(size * width, width) for size in self.sizes])
        self.bars = nn.Linear(space.bars * width, space.bars * width)

    def forward(self, given: Tensor | None, count: int) -> list[Tensor]:
        space = self.space
        if given is None:
            given = torch.full((count, space.phrase, space.tracks), -1, device=self.step.weight.device)
        sounds = given.unsqueeze(-1) == torch.arange(self.symbols, device=given.device)
        x = by_phrase(leaky(self.step(sounds.flatten(2).to(self.step.weight.dtype).flatten(0, 1))), count)
        x = F.pad(x, (0, 0, 1, 1)).unfold(1, 3, 1).transpose(2, 3).flatten(2)
        x = leaky(self.around(x.flatten(0, 1)))
        levels = [x]
        for layer, size in zip(self.down, self.sizes, strict=True):
            levels.append(leaky(layer(levels[-1].view(-1, size * x.shape[1]))))
        levels[-1] = leaky(self.bars(levels[-1].view(count, -1)))
        some = (given >= 0).flatten(1).any(1).to(x.dtype).view(1, -1, 1, 1)
        width = x.shape[1]
        return [level.view(count, space.bars, -1, width).transpose(0, 1) * some for level in reversed(levels)]

    def begin(self) -> None:
        """Weights that keep the size of what goes through them (He et al. 2015)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, SLOPE)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.step.weight, 0.0, 0.7)  # of which one a track is read


class Spread(nn.Module):
    """[R, C] to [R x size, C']: a transposed convolution whose stride is its kernel."""

    def __init__(self, before: int, after: int, size: int) -> None:
        super().__init__()
        self.size, self.after = size, after
        self.weight = nn.Parameter(torch.empty(size * after, before))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias.repeat(self.size)).view(-1, self.after)


class Norm(nn.BatchNorm1d):
    """Batch norm and ReLU of rows [R, C]; repeats: times that the running statistics take each batch in."""

    def __init__(self, channels: int, repeats: int = 1) -> None:
        super().__init__(channels, momentum=1 - 0.9**repeats)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu_()


def factors(number: int) -> list[int]:
    """The prime factors, the largest first and the others from the smallest on; of 1: itself."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [found[-1], *found[:-1]] if found else [1]


def _initialise(module: nn.Module, deviation: float) -> None:
    """Normal numbers, as the networks of Radford et al. 2016 begin, and biases of 0; or all uniform."""
    if isinstance(module, (nn.Linear, Spread, Temporal, Known)):
        biases = () if isinstance(module, Known) else (module.bias,)
        if deviation:
            nn.init.normal_(module.weight, 0.0, deviation)
            for bias in biases:
                nn.init.zeros_(bias)
            return
        bound = module.weight.shape[1] ** -0.5
        for weight in (module.weight, *biases):
            nn.init.uniform_(weight, -bound, bound)
