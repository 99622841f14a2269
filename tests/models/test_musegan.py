"""MuseGAN against its published modules written out, at any size, and what each of its outputs means."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import Musegan, MuseganConfig
from erato.models.musegan import Bar, factors
from erato.models.musegan_critic import leaky
from erato.representations.base import Rolls, Tokens

PUBLISHED = Rolls(tracks=4, bars=2, steps=16, pitches=84)
TINY = MuseganConfig(latent=5, temporal=12, features=16, channels=8, critic_channels=6, critic_features=10)
STEPWISE = replace(TINY, critic_widths=(7, 9, 8), output="softmax", norm="phrase", deviation=0.0, held=True)


def speed() -> ModuleType:
    """The benchmark, where the published modules are."""
    path = Path(__file__).parents[2] / "benchmarks" / "musegan_speed.py"
    spec = importlib.util.spec_from_file_location("musegan_speed", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LITERAL = speed()


def sharpened(model: Musegan) -> Musegan:
    """With weights that are neither small nor equal, so that every one of them shows."""
    torch.manual_seed(11)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            fan = weight.shape[1] if weight.dim() > 1 else 4
            weight.copy_(torch.randn_like(weight) / math.sqrt(fan) + ("norm" in name))
    return model


def drawn(model: Musegan, count: int = 6, seed: int = 1) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=rng) for name, shape in model.latents.items()}


@pytest.fixture(params=[2, 3], ids=["2 bars", "3 bars"])
def model(request: pytest.FixtureRequest) -> Musegan:
    return sharpened(TINY.build(replace(PUBLISHED, bars=request.param)))


def test_the_sizes_are_those_of_the_publication() -> None:
    model = MuseganConfig().build(PUBLISHED)
    # by the layers: a linear or convolution has inputs x outputs x kernel + outputs, a norm two a channel
    temporal = (32 * 1024 * 2 + 1024) + 2 * 1024 + (1024 * 32 + 32) + 2 * 32
    bar = (128 * 1024 + 1024) + 2 * 1024 + (512 * 512 * 2 + 512) + 2 * 512 + (512 * 256 * 2 + 256) + 2 * 256
    bar += (256 * 256 * 2 + 256) + 2 * 256 + (256 * 256 * 7 + 256) + 2 * 256 + (256 * 12 + 1)
    critic = (4 * 128 * 2 + 128) + (128 * 128 + 128) + (128 * 128 * 12 + 128) + (128 * 128 * 7 + 128)
    critic += 2 * (128 * 128 * 2 + 128) + (128 * 256 * 4 + 256) + (256 * 512 * 3 + 512)
    critic += (512 * 1024 + 1024) + (1024 + 1)
    count = {part: sum(w.numel() for w in getattr(model, part).parameters()) for part in ("generator", "critic")}
    assert count == {"generator": 5 * temporal + 4 * bar, "critic": critic}
    assert model.latents == {"chords": (32,), "style": (32,), "melody": (4, 32), "groove": (4, 32)}


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_generator_is_the_published_one(model: Musegan, mode: str) -> None:
    for seed in range(2):
        model.generate(drawn(model, seed=seed))  # statistics of their own
    model.train(mode == "train")
    generator, _ = LITERAL.literal(model, TINY)
    latents = drawn(model, seed=5)
    ours, theirs = model.generate(latents), generator(*latents.values())
    assert ours.std() > 0.1
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    statistics = generator.state_dict()
    for name, value in LITERAL.generator_weights(model.generator).items():
        assert torch.allclose(value, statistics[name], rtol=1e-5, atol=1e-6), name


def test_the_generators_gradients_are_the_published_ones(model: Musegan) -> None:
    model.double()  # a bias before a norm has no gradient but what rounding leaves
    generator = LITERAL.literal(model, TINY)[0].double()
    latents = {name: part.double() for name, part in drawn(model).items()}
    rng = torch.Generator().manual_seed(2)
    weights = torch.randn(6, 4, model.space.bars, 16, 84, generator=rng, dtype=torch.float64)
    (model.generate(latents) * weights).sum().backward()
    (generator(*latents.values()) * weights).sum().backward()
    theirs = {name: weight.grad for name, weight in generator.named_parameters()}
    for weight in model.generator.parameters():
        weight.data = weight.grad
    for name, grad in LITERAL.generator_weights(model.generator).items():
        assert "running" in name or torch.allclose(grad, theirs[name], rtol=1e-8, atol=1e-8), name


def test_the_critic_and_its_gradient_penalty_are_the_published_ones(model: Musegan) -> None:
    model.critic.at_once = 4  # not all six at once
    _, critic = LITERAL.literal(model, TINY)
    rolls = torch.randn(6, 4, model.space.bars, 16, 84, generator=torch.Generator().manual_seed(3))
    penalties = []
    for network in (model.critic, critic):
        x = rolls.clone().requires_grad_()
        scores = network(x).flatten()
        (slopes,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        penalty = ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
        (scores[:3].sum() - scores[3:].sum() + 10 * penalty).backward()
        penalties.append((scores, penalty, slopes))
    for ours, theirs in zip(*penalties, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert penalties[0][0].std() > 1e-3 and penalties[0][1] > 1e-3
    expected = {name: weight.grad for name, weight in critic.named_parameters()}
    for weight in model.critic.parameters():
        weight.data = weight.grad
    for name, grad in LITERAL.critic_weights(model.critic).items():
        assert torch.allclose(grad, expected[name], rtol=1e-4, atol=1e-5), name


@pytest.mark.parametrize(
    "config", [TINY, STEPWISE, replace(TINY, conditional=True)], ids=["published", "stepwise", "conditional"]
)
@pytest.mark.parametrize(
    ("tracks", "bars", "steps", "pitches"),
    [(1, 1, 8, 12), (2, 1, 12, 13), (3, 2, 24, 37), (4, 3, 16, 48), (5, 4, 12, 128), (2, 2, 7, 1), (1, 3, 1, 25)],
)
def test_it_takes_any_size(config: MuseganConfig, tracks: int, bars: int, steps: int, pitches: int) -> None:
    space = Rolls(tracks, bars, steps, pitches)
    model = sharpened(config.build(space))
    given = torch.full((6, space.phrase, tracks), -1)
    given[:, :, 0] = pitches - 1
    rolls = model.generate(drawn(model), given)
    assert rolls.shape == (6, tracks, bars, steps, pitches)
    x = rolls.detach().requires_grad_()
    scores = model.critic(x)
    assert scores.shape == (6,)
    (slopes,) = torch.autograd.grad(scores.sum(), x)
    assert (slopes != 0).all()  # no step or pitch is left out
    assert space.holds(model.eval().write(drawn(model)).numpy()).all()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(16, [2, 2, 2, 2]), (8, [2, 2, 2]), (24, [3, 2, 2, 2]), (12, [3, 2, 2]), (60, [5, 2, 2, 3]), (7, [7]), (1, [1])],
)
def test_steps_grow_from_their_largest_prime_factor(number: int, expected: list[int]) -> None:
    assert factors(number) == expected


def test_probabilities_are_rolls_whose_pitches_and_rest_sum_to_one() -> None:
    model = sharpened(replace(TINY, output="softmax").build(PUBLISHED))
    latents = drawn(model)
    scores = model.generator(*latents.values())
    exps = scores.exp()
    expected = exps / (exps.sum(-1, keepdim=True) + 1)  # the rest's score is 0
    assert torch.allclose((model.generate(latents) + 1) / 2, expected, atol=1e-6)
    model.temperature = 0.5  # squares what was said
    expected = exps**2 / ((exps**2).sum(-1, keepdim=True) + 1)
    assert torch.allclose((model.generate(latents) + 1) / 2, expected, atol=1e-6)


@pytest.mark.parametrize("output", ["linear", "softmax", "onehot"])
def test_a_cell_rests_where_every_score_is_below_0(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Rolls(tracks=2, bars=1, steps=2, pitches=3)
    model = replace(TINY, output=output).build(space).eval()
    scores = torch.tensor([[[0.2, 0.9, -1.0], [-0.4, -0.1, -0.2]], [[-1, -1, 0.1], [0.5, 0.4, 0.3]]])[None, :, None]
    monkeypatch.setattr(model.generator, "forward", lambda *latents, given: scores)
    written = model.write(drawn(model, 1))
    assert written.tolist() == [[[1, 2], [3, 0]]]
    rolls = model.generate(drawn(model, 1))
    if output == "linear":
        assert torch.equal(rolls, scores)
    if output == "onehot":
        assert torch.equal(rolls, model.rolls(written))


def test_choices_are_what_is_written_and_learn_as_probabilities_do() -> None:
    soft = sharpened(replace(TINY, output="softmax").build(PUBLISHED))
    hard = replace(TINY, output="onehot").build(PUBLISHED)
    hard.load_state_dict(soft.state_dict())
    latents, weights = drawn(soft), torch.randn(6, 4, 2, 16, 84, generator=torch.Generator().manual_seed(4))
    found = hard.generate(latents)
    assert torch.equal(found, hard.rolls(hard.write(latents)))
    (found * weights).sum().backward()
    (soft.generate(latents) * weights).sum().backward()
    for one, other in zip(hard.generator.parameters(), soft.generator.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=1e-5, atol=1e-6)


def test_a_phrase_may_be_normalised_as_a_whole() -> None:
    model = sharpened(replace(TINY, norm="phrase").build(PUBLISHED))
    latents = drawn(model, 400)
    seen = {}
    bar = model.generator.tracks[0]
    bar.norm.register_forward_hook(lambda module, inputs, output: seen.update(read=inputs[0]))
    model.generate(latents)
    assert len(seen["read"]) == 2 * 400  # both bars of each phrase
    mean = seen["read"].mean(0)
    assert torch.allclose(bar.norm.running_mean, 0.1 * mean, atol=1e-5)


def test_held_notes_begin_in_runs() -> None:
    model = replace(STEPWISE, held=True).build(PUBLISHED).eval()
    rolls = model.generate(drawn(model))
    runs = rolls.view(6, 4, 2, 2, 8, 84)  # two positions of a bar, eight steps of each
    assert torch.equal(runs, runs[..., :1, :].expand_as(runs)) and not torch.equal(runs[:, :, :, 0], runs[:, :, :, 1])
    free = replace(STEPWISE, held=False).build(PUBLISHED).eval().generate(drawn(model))
    assert not torch.equal(free[:, :, :, 0], free[:, :, :, 1])


def test_fresh_weights_are_as_far_from_0_as_asked() -> None:
    normal = replace(TINY, critic_features=600, deviation=0.1).build(PUBLISHED)
    assert normal.critic.hidden.weight.detach().std().item() == pytest.approx(0.1, rel=0.05)
    assert not normal.critic.hidden.bias.any()
    uniform = replace(TINY, critic_features=600, deviation=0.0).build(PUBLISHED).critic.hidden.weight
    assert 0.9 * 24**-0.5 < uniform.detach().abs().max().item() <= 24**-0.5


def test_leaky_relu_has_constant_slopes() -> None:
    x = torch.tensor([2.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    y = leaky(x * 1.0)
    assert y.tolist() == [2.0, -0.6, 0.5]
    (slope,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)  # 2 s y, s 1 or 0.3
    assert slope.tolist() == pytest.approx([4.0, -0.36, 1.0])
    (second,) = torch.autograd.grad(slope.sum(), x)
    assert second.tolist() == pytest.approx([2.0, 0.18, 2.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent": 0}, "model.latent must be at least 1, got 0"),
        ({"channels": 1}, "model.channels must be at least 2, got 1"),
        ({"encoder": 0}, "model.encoder must be at least 1, got 0"),
        ({"temperature": 0.0}, "model.temperature must be above 0, got 0"),
        ({"output": "sofmax"}, "did you mean softmax"),
        ({"norm": "bars"}, "did you mean bar"),
        ({"critic_widths": (8, 0)}, "critic_widths must be channels of 1 or more"),
        ({"deviation": -1.0}, "deviation must be a number of 0 or more, got -1"),
        ({"deviation": math.inf}, "deviation must be a number of 0 or more, got inf"),
    ],
)
def test_impossible_sizes_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MuseganConfig(**settings)


def test_widths_are_cut_or_repeated_where_bars_have_other_steps() -> None:
    config = replace(TINY, widths=(8, 6, 4, 2))
    for steps, widths in ((16, [8, 6, 4, 2]), (12, [6, 4, 2]), (64, [8, 8, 8, 6, 4, 2]), (7, [2])):
        bar = config.build(Rolls(1, 1, steps, 24)).generator.tracks[0]
        assert isinstance(bar, Bar) and [norm.num_features for norm in bar.norms] == widths
    with pytest.raises(UsageError, match="musegan reads rolls"):
        TINY.build(Tokens(9, start=0))


def test_where_nothing_is_given_nothing_is_read() -> None:
    model = sharpened(replace(TINY, conditional=True).build(PUBLISHED)).eval()
    latents = drawn(model)
    before = model.generate(latents)
    with torch.no_grad():
        for weight in model.generator.encoder.parameters():
            weight.add_(1.0)
    assert torch.equal(model.generate(latents), before)


def test_pitches_above_the_highest_never_sound() -> None:
    whole, cut = (sharpened(TINY.build(replace(PUBLISHED, pitches=pitches))) for pitches in (24, 13))
    cut.load_state_dict(whole.state_dict())
    rolls = torch.randn(3, 4, 2, 16, 24, generator=torch.Generator().manual_seed(6))
    rolls[..., 13:] = -1.0
    assert torch.equal(cut.critic(rolls[..., :13]), whole.critic(rolls))
    latents = drawn(whole)
    assert torch.equal(cut.generate(latents), whole.generate(latents)[..., :13])


@pytest.mark.parametrize(("reads", "steps"), [(1, 4), (2, 4), (4, 4), (3, 4), (2, 3)])
@pytest.mark.parametrize("conditional", [False, True])
def test_a_critic_of_steps_is_convolutions(reads: int, steps: int, conditional: bool) -> None:
    """Against plain convolutions over (steps, pitches), their strides their kernels, what is missing at the end 0."""
    space = Rolls(tracks=3, bars=2, steps=steps, pitches=5)
    config = MuseganConfig(
        latent=2, temporal=2, features=4, channels=4, deviation=0.0, output="softmax", conditional=conditional,
        critic_widths=(7, 6), critic_reads=reads, critic_features=4,
    )  # fmt: skip
    torch.manual_seed(0)
    critic = config.build(space).critic
    rolls, known = torch.randn(5, 3, 2, steps, 5), (torch.rand(5, 3) < 0.5).float()

    def slope(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.3 * x)

    x = (rolls + 1).flatten(2, 3)  # [N, tracks, T, pitches]: silence is 0
    x = torch.nn.functional.pad(x, (0, 0, 0, -2 * steps % reads))
    kernel = critic.step.weight.view(7, reads, 3, 5).permute(0, 2, 1, 3)
    x = torch.nn.functional.conv2d(x, kernel, critic.step.bias, stride=(reads, 1))
    said = known @ critic.known.weight.T if conditional else torch.zeros(5, 7)
    x = slope(x.squeeze(3) + said[:, :, None])  # [N, 7, T / reads]
    x = torch.nn.functional.pad(x, (0, x.shape[2] % 2))
    (pair,) = critic.pairs
    x = slope(torch.nn.functional.conv1d(x, pair.weight.view(6, 2, 7).transpose(1, 2), pair.bias, stride=2))
    x = slope(critic.hidden(x.transpose(1, 2).flatten(1)))
    assert torch.allclose(critic(rolls, known), critic.score(x).squeeze(1), atol=1e-5)
    if conditional:
        assert torch.allclose(critic(rolls), critic(rolls, torch.zeros(5, 3)))  # nothing is given
        assert not torch.allclose(critic(rolls), critic(rolls, known))
