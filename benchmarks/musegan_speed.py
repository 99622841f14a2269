"""How fast `musegan` learns, beside the published modules written out: random rolls in, a table of seconds out.

    python benchmarks/musegan_speed.py [--rounds N] [--batch N] [--threads N]

An iteration is five steps of the critic, with its gradient penalty, and one of the generator, each with an Adam of its
own (0.001, betas 0.5 and 0.9), at the published sizes. Every round times one iteration of each, so that whatever else
the machine does disturbs all of them alike; the table shows medians. Both begin with the same weights.

The published networks are those of layers over several axes (`Conv3d`, `ConvTranspose2d`), their loop the published
one: a bar of a track at a time, and three passes of the critic a step.
"""

import argparse
import copy
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from erato.models.musegan import Bar, Generator, Musegan, MuseganConfig, Temporal
from erato.models.musegan_critic import Critic
from erato.representations.base import Rolls
from erato.training.wgan_gp import WganGp, latents

PUBLISHED = Rolls(tracks=4, bars=2, steps=16, pitches=84)
CRITIC_STEPS, PENALTY = 5, 10.0


class LiteralTemporal(nn.Module):
    """[N, latent] to [N, latent, bars]."""

    def __init__(self, latent: int, channels: int, bars: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(latent, channels, (2, 1)),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, latent, (bars - 1, 1)),
            nn.BatchNorm2d(latent),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x[:, :, None, None])
        return found.squeeze(3)


class LiteralBar(nn.Module):
    """[N, 4 x latent] to a bar [N, 16, 84]."""

    def __init__(self, latent: int, features: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        grown = [(channels, channels, (2, 1)), (channels, half, (2, 1)), (half, half, (2, 1)), (half, half, (1, 7))]
        self.linear = nn.Sequential(nn.Linear(4 * latent, features), nn.BatchNorm1d(features), nn.ReLU(inplace=True))
        self.reshape = nn.Unflatten(1, (channels, features // channels, 1))
        parts: list[nn.Module] = []
        for before, after, size in grown:
            parts += [nn.ConvTranspose2d(before, after, size, size), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*parts, nn.ConvTranspose2d(half, 1, (1, 12), (1, 12)))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(self.reshape(self.linear(x)))
        return found.squeeze(1)


class LiteralGenerator(nn.Module):
    """A bar of a track at a time; the temporal network of a melody runs once a bar."""

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        self.bars = space.bars
        tracks = range(space.tracks)
        self.chords = LiteralTemporal(config.latent, config.temporal, space.bars)
        self.melody = nn.ModuleList(
            [LiteralTemporal(config.latent, config.temporal, space.bars) for _ in tracks],
        )
        self.tracks = nn.ModuleList([LiteralBar(config.latent, config.features, config.channels) for _ in tracks])

    def forward(self, chords: Tensor, style: Tensor, melody: Tensor, groove: Tensor) -> Tensor:
        spread = self.chords(chords)
        bars = []
        for bar in range(self.bars):
            tracks = []
            for index, (temporal, track) in enumerate(zip(self.melody, self.tracks, strict=True)):
                own = temporal(melody[:, index])[:, :, bar]
                tracks.append(track(torch.cat([spread[:, :, bar], style, own, groove[:, index]], 1)))
            bars.append(torch.stack(tracks, 1))
        return torch.stack(bars, 2)


class LiteralCritic(nn.Module):
    """[N, 4, bars, 16, 84] to [N, 1]."""

    def __init__(self, config: MuseganConfig, space: Rolls) -> None:
        super().__init__()
        width = config.critic_channels
        shapes: list[tuple[int, int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
            (space.tracks, width, (2, 1, 1), (1, 1, 1), (0, 0, 0)),
            (width, width, (space.bars - 1, 1, 1), (1, 1, 1), (0, 0, 0)),
            (width, width, (1, 1, 12), (1, 1, 12), (0, 0, 0)),
            (width, width, (1, 1, 7), (1, 1, 7), (0, 0, 0)),
            (width, width, (1, 2, 1), (1, 2, 1), (0, 0, 0)),
            (width, width, (1, 2, 1), (1, 2, 1), (0, 0, 0)),
            (width, 2 * width, (1, 4, 1), (1, 2, 1), (0, 1, 0)),
            (2 * width, 4 * width, (1, 3, 1), (1, 2, 1), (0, 1, 0)),
        ]
        parts: list[nn.Module] = []
        for before, after, kernel, stride, pad in shapes:
            parts += [nn.Conv3d(before, after, kernel, stride, pad), nn.LeakyReLU(0.3, inplace=True)]  # type: ignore[arg-type]
        parts += [nn.Flatten(), nn.Linear(4 * width, config.critic_features), nn.LeakyReLU(0.3, inplace=True)]
        self.layers = nn.Sequential(*parts, nn.Linear(config.critic_features, 1))

    def forward(self, rolls: Tensor) -> Tensor:
        found: Tensor = self.layers(rolls)
        return found


def literal(model: Musegan, config: MuseganConfig) -> tuple[LiteralGenerator, LiteralCritic]:
    """The published networks with the weights of `model`, in the same mode."""
    generator, critic = LiteralGenerator(config, model.space), LiteralCritic(config, model.space)
    generator.load_state_dict(generator_weights(model.generator), strict=False)
    critic.load_state_dict(critic_weights(model.critic))
    return generator.train(model.training), critic.train(model.training)


def generator_weights(generator: nn.Module) -> dict[str, Tensor]:
    """Whatever of ours has a name in the literal networks, by that name: weights, statistics, or their gradients."""
    assert isinstance(generator, Generator)
    found = {f"chords.{name}": value for name, value in _temporal(generator.chords).items()}
    for index, (temporal, bar) in enumerate(zip(generator.melody, generator.tracks, strict=True)):
        assert isinstance(temporal, Temporal) and isinstance(bar, Bar)
        found |= {f"melody.{index}.{name}": value for name, value in _temporal(temporal).items()}
        found |= {f"tracks.{index}.{name}": value for name, value in _bar(bar).items()}
    return found


def _norm(norm: nn.Module, at: str) -> dict[str, Tensor]:
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{at}.{name}": getattr(norm, name) for name in names}


def _transposed(weight: Tensor, size: int, along: int) -> Tensor:
    """[size x out, in] to [in, out, size, 1], or [in, out, 1, size]."""
    found = weight.view(size, -1, weight.shape[1]).permute(2, 1, 0)
    return found.unsqueeze(3) if along == 2 else found.unsqueeze(2)


def _temporal(temporal: Temporal) -> dict[str, Tensor]:
    return {
        "layers.0.weight": _transposed(temporal.spread.weight, temporal.first, 2),
        "layers.0.bias": temporal.spread.bias,
        **_norm(temporal.norm, "layers.1"),
        "layers.3.weight": _transposed(temporal.weight, temporal.reach, 2),
        "layers.3.bias": temporal.bias,
        **_norm(temporal.last, "layers.4"),
    }


def _bar(bar: Bar) -> dict[str, Tensor]:
    def channels_first(value: Tensor) -> Tensor:
        return value.view(-1, bar.width, *value.shape[1:]).transpose(0, 1).reshape(value.shape)

    found = {f"linear.0.{name}": channels_first(getattr(bar.linear, name)) for name in ("weight", "bias")}
    found |= {name: channels_first(value) for name, value in _norm(bar.norm, "linear.1").items()}
    for index, (layer, norm) in enumerate(zip([*bar.layers, bar.last], [*bar.norms, None], strict=True)):
        along = 2 if index < len(bar.layers) - 1 else 3
        found[f"layers.{3 * index}.weight"] = _transposed(layer.weight, layer.size, along)
        found[f"layers.{3 * index}.bias"] = layer.bias
        found |= _norm(norm, f"layers.{3 * index + 1}") if norm else {}
    return found


def critic_weights(critic: nn.Module) -> dict[str, Tensor]:
    """Our critic's, by the names of the literal one."""
    assert isinstance(critic, Critic)

    def kernel(layer: nn.Linear, size: int, axis: int) -> Tensor:
        shape = [layer.out_features, layer.in_features // size, 1, 1, 1]
        shape[axis] = size
        return layer.weight.view(len(layer.weight), size, -1).transpose(1, 2).reshape(shape)

    kernels = [(critic.bars, critic.bars.in_features // critic.bars.out_features, 2), (critic.octave, 12, 4)]
    kernels += [(critic.octaves, critic.octaves.in_features // critic.octaves.out_features, 4)]
    kernels += [(window.linear, window.size, 3) for window in critic.windows]
    pair = critic.pair.weight  # the tracks of a pair of bars, the bars of a track next to each other
    found = {"layers.0.weight": pair.view(len(pair), -1, critic.together, 1, 1), "layers.0.bias": critic.pair.bias}
    for index, (layer, size, axis) in enumerate(kernels, 1):
        found |= {f"layers.{2 * index}.weight": kernel(layer, size, axis), f"layers.{2 * index}.bias": layer.bias}
    hidden = critic.hidden.weight
    shape = hidden.shape[0], -1, critic.windows[-1].linear.out_features
    found |= {"layers.17.weight": hidden.view(shape).transpose(1, 2).flatten(1), "layers.17.bias": critic.hidden.bias}
    return found | {"layers.19.weight": critic.score.weight, "layers.19.bias": critic.score.bias}


def literal_iteration(networks: Sequence[nn.Module], batch: int) -> Callable[[Tensor], None]:
    """The published loop: three passes of the critic a step, each with all that autograd keeps."""
    generator, critic = networks
    for_generator, for_critic = adam(generator), adam(critic)
    device = next(critic.parameters()).device

    def noise() -> list[Tensor]:
        return [torch.randn(batch, *shape, device=device) for shape in [(32,), (32,), (4, 32), (4, 32)]]

    def iteration(real: Tensor) -> None:
        for _ in range(CRITIC_STEPS):
            for_critic.zero_grad()
            with torch.no_grad():
                fake = generator(*noise())
            share = torch.rand(batch, 1, 1, 1, 1, device=device)
            mixed = (share * real + (1 - share) * fake).requires_grad_()
            of_fake, of_real, of_mixed = critic(fake), critic(real), critic(mixed)
            slopes = torch.autograd.grad(of_mixed, mixed, torch.ones_like(of_mixed), create_graph=True)[0]
            penalty = ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
            (of_fake.mean() - of_real.mean() + PENALTY * penalty).backward(retain_graph=True)
            for_critic.step()
        for_generator.zero_grad()
        (-critic(generator(*noise())).mean()).backward()
        for_generator.step()

    return iteration


def adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), 0.001, betas=(0.5, 0.9))


def iteration(model: Musegan, batch: int, precision: torch.dtype, rng: torch.Generator) -> Callable[[Tensor], None]:
    """One step of the objective that trains it; in bfloat16 where that is the precision."""
    objective = WganGp(critic_steps=CRITIC_STEPS, penalty=PENALTY)
    optimizers = {"critic": adam(model.critic), "generator": adam(model.generator)}
    device = next(model.parameters()).device.type

    def step(real: Tensor) -> None:
        batches = iter([(real, real, real)] * CRITIC_STEPS)
        with torch.autocast(device, precision, enabled=precision != torch.float32):
            losses = objective.losses(model, batches, rng)
            while True:
                found = next(losses, None)
                if found is None:
                    return
                group, loss, _ = found
                optimizers[group].zero_grad()
                with torch.autocast(device, enabled=False):
                    loss.backward()
                optimizers[group].step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    config = MuseganConfig()
    model = config.build(PUBLISHED).to(device)
    phrases = torch.randint(0, PUBLISHED.pitches, (options.batch, PUBLISHED.phrase, PUBLISHED.tracks), device=device)
    rolls = model.rolls(phrases)
    published = literal_iteration([network.to(device) for network in literal(model, config)], options.batch)
    rows: dict[str, Callable[[], None]] = {"published modules, float32": lambda: published(rolls)}
    for name, precision in (("musegan, float32", torch.float32), ("musegan, bfloat16", torch.bfloat16)):
        if precision == torch.float32 or has_bfloat16():
            step = iteration(copy.deepcopy(model), options.batch, precision, rng)
            rows[name] = partial(step, phrases)
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(options.rounds + 1):
        for name, run in rows.items():
            taken = timed(run)
            if number:  # the first round warms up
                seconds[name].append(taken)
    print(f"{machine(device)}, torch {torch.__version__}, {options.threads} threads, {options.rounds} rounds")
    print(f"\nAn iteration: {CRITIC_STEPS} steps of the critic and 1 of the generator, {options.batch} phrases each.\n")
    print("| | s an iteration | times as fast | TFLOP/s | phrases a second |")
    print("|---|---|---|---|---|")
    first, work = statistics.median(next(iter(seconds.values()))), arithmetic(model, options.batch)
    for name, taken in seconds.items():
        median = statistics.median(taken)
        rate = options.batch * CRITIC_STEPS / median
        print(f"| {name} | {median:.3f} | {first / median:.2f} | {work / median / 1e12:.3f} | {rate:.0f} |")
    print(f"\nA product of large matrices, TFLOP/s: {peaks(device)}. The arithmetic is counted as musegan needs it.")


def timed(run: Callable[[], None]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def arithmetic(model: Musegan, batch: int) -> float:
    """Floating point operations of an iteration: of its matrix products alone.

    A pass of the critic forward costs one unit, and each of the gradients by inputs and by weights another: scoring
    real and written phrases and learning from it 2 x 3, the penalty 4 (forward, slopes, and both gradients of those).
    """
    with torch.no_grad(), FlopCounterMode(display=False) as written:
        rolls = model.generate(latents(model, batch, torch.Generator().manual_seed(0)))
    with torch.no_grad(), FlopCounterMode(display=False) as judged:
        model.critic(rolls)
    generator, critic = written.get_total_flops(), judged.get_total_flops()
    return float(CRITIC_STEPS * (generator + 10 * critic) + 3 * generator + 2 * critic)


def peaks(device: str, size: int = 2048) -> str:
    found = []
    for precision in (torch.float32, torch.bfloat16)[: 1 + has_bfloat16()]:
        square = torch.randn(size, size, device=device, dtype=precision)
        taken = min(timed(lambda square=square: square @ square) for _ in range(8))  # type: ignore[misc]
        found.append(f"{str(precision).removeprefix('torch.')} {2 * size**3 / taken / 1e12:.3f}")
    return ", ".join(found)


def has_bfloat16() -> bool:
    """Whether the processor multiplies them itself."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    info = Path("/proc/cpuinfo")
    return info.exists() and any(flag in info.read_text() for flag in ("avx512_bf16", "amx_bf16", " bf16"))


def machine(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())


if __name__ == "__main__":
    main()
