"""The WGAN-GP objective in the one training loop, on critics and generators that can be worked out by hand."""

import json
import math
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from erato.checksums import seal
from erato.datasets import Encodings, WindowDataset, Windows
from erato.errors import UsageError
from erato.models import LstmConfig
from erato.models.base import LatentModel
from erato.models.musegan import MuseganConfig
from erato.representations.base import Rolls, Tokens
from erato.training import Likelihood, Optimizer, Training, TrainingError, WganGp, train
from erato.training.checkpoint import STATE, load_state
from erato.training.log import read_metrics
from erato.training.wgan_gp import alike, gradient_norms, latents

SPACE = Rolls(tracks=3, bars=1, steps=4, pitches=5, beat=2)
ROLL = (3, 1, 4, 5)
CELLS = math.prod(ROLL)
ADAM = Optimizer("adam", lr=1e-3, betas=(0.5, 0.9))
TRAINING = Training(batch=4, steps=6, evaluations=2, optimizer=ADAM, clip=None, ema=0.9)


class Given:
    """A representation that is a kind of symbol, and nothing else."""

    def __init__(self, space: Any) -> None:
        self.space = space

    def copies(self, array: Any, draw: Any) -> list[Any]:
        return [array]


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.norm, self.out = nn.Linear(2 + 3, 6), nn.BatchNorm1d(6), nn.Linear(6, CELLS)

    def forward(self, shared: Tensor, own: Tensor) -> Tensor:
        hidden = self.norm(self.hidden(torch.cat([shared, own.flatten(1)], 1)))
        return torch.tanh(self.out(hidden.relu())).view(-1, *ROLL)


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(CELLS, 8), nn.Linear(8, 1)
        self.read: list[Tensor] = []
        self.told: list[Tensor | None] = []

    def forward(self, rolls: Tensor, known: Tensor | None = None) -> Tensor:
        self.read.append(rolls.detach().clone())
        self.told.append(known)
        return self.out(nn.functional.leaky_relu(self.hidden(rolls.flatten(1)), 0.3)).squeeze(1)


class Tiny(LatentModel):
    """A generator with batch norm and a critic of two layers."""

    latents: ClassVar = {"shared": (2,), "own": (3, 1)}

    def __init__(self, conditional: bool = False) -> None:
        super().__init__()
        self.space, self.conditional = SPACE, conditional
        self.generator, self.critic = Generator(), Critic()
        self.asked: list[tuple[dict[str, Tensor], Tensor | None, bool]] = []

    def rolls(self, phrases: Tensor) -> Tensor:
        cells = phrases.view(-1, 1, 4, 3).permute(0, 3, 1, 2).unsqueeze(-1)
        return torch.where(cells == torch.arange(5), 1.0, -1.0)

    def generate(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        self.asked.append((dict(latents), given, torch.is_grad_enabled()))
        found: Tensor = self.generator(latents["shared"], latents["own"])
        if given is None:
            return found
        cells = given.view(-1, 1, 4, 3).permute(0, 3, 1, 2).unsqueeze(-1)
        return torch.where(cells >= 0, self.rolls(given.clamp(min=0)), found)

    @torch.no_grad()
    def write(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        assert not self.training
        found: Tensor = self.generator(latents["shared"], latents["own"])
        return found[:, :, 0].argmax(-1).transpose(1, 2)


def tiny(seed: int = 0, **settings: Any) -> Tiny:
    torch.manual_seed(seed)
    return Tiny(**settings)


def phrases(count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 6, (count, 4, 3)))


def batches(count: int = 5, size: int = 4, seed: int = 0) -> Iterator[Any]:
    """Batches of phrases, all of them different."""
    for y in phrases(count * size, seed).split(size):
        yield y - 1, y, torch.ones(y.shape[:2], dtype=torch.bool)


def encodings(lengths: tuple[int, ...] = (16, 24, 12, 20, 8), space: Any = SPACE) -> Encodings:
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 6, (sum(lengths), 3)).astype(np.int16)
    last = len(lengths) - 1
    split: Any = {"train": list(range(last)), "valid": [last], "test": []}
    return Encodings(Given(space), symbols, np.cumsum([0, *lengths]), split, {})  # type: ignore[arg-type]


def run(
    folder: Path, training: Training = TRAINING, objective: WganGp | None = None, model: Any = None, **rest: Any
) -> tuple[Any, Any]:
    folder.mkdir(exist_ok=True)
    model = model or tiny()
    data = encodings()
    dataset = WindowDataset(data, Windows(), 0, "random")
    return model, train(model, data, dataset, objective or WganGp(), training, folder, seed=0, **rest)


# --- the gradient penalty


def test_the_gradient_of_a_linear_critic_is_its_weight() -> None:
    critic = nn.Linear(2, 1, bias=False)
    critic.weight.data = torch.tensor([[3.0, 4.0]])
    norms = gradient_norms(critic, torch.tensor([[0.0, 1.0], [5.0, -2.0], [1.0, 1.0]]))
    assert norms.tolist() == [5.0, 5.0, 5.0]
    (norms - 1).square().mean().backward()  # d (|w| - 1)^2 / dw = 2 (|w| - 1) w / |w|
    assert critic.weight.grad is not None
    assert critic.weight.grad[0].tolist() == pytest.approx([2 * 4 * 0.6, 2 * 4 * 0.8])


def test_the_gradient_of_a_critic_of_two_layers_by_hand() -> None:
    first, last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
    first.weight.data, last.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 1.0]])
    critic = nn.Sequential(first, nn.ReLU(), last)
    # where both are above 0 the gradient is (3, 2), where only the first is (3, 0), where none is 0
    norms = gradient_norms(critic, torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]))
    assert norms.tolist() == pytest.approx([math.sqrt(13), 3.0, 0.0])
    (norms - 1).square().sum().backward()
    assert first.weight.grad is not None and last.weight.grad is not None
    # by last.weight v = (3, 1), first.weight's diagonal (a, b) = (1, 2): norm = sqrt((v0 a)^2 + (v1 b)^2)
    root = math.sqrt(13)
    by_v = [2 * (root - 1) * 3 / root + 2 * (3 - 1) * 1, 2 * (root - 1) * 4 / root]
    by_diagonal = [2 * (root - 1) * 9 / root + 2 * (3 - 1) * 3, 2 * (root - 1) * 2 / root]
    assert last.weight.grad[0].tolist() == pytest.approx(by_v, rel=1e-5)
    assert first.weight.grad.diagonal().tolist() == pytest.approx(by_diagonal, rel=1e-5)


def test_norms_are_float32_under_bfloat16() -> None:
    critic = nn.Linear(4096, 1, bias=False)
    critic.weight.data.fill_(1.0)
    with torch.autocast("cpu", torch.bfloat16):
        norms = gradient_norms(critic, torch.zeros(2, 4096))
    assert norms.dtype == torch.float32
    assert norms.tolist() == [64.0, 64.0]


# --- losses


def drained(model: Tiny, objective: WganGp, seed: int = 7, count: int = 5) -> list[Any]:
    return list(objective.losses(model, batches(count), torch.Generator().manual_seed(seed)))


def test_losses_are_the_formulas() -> None:
    model = tiny()
    found = drained(model, WganGp(penalty=3.0))
    assert [name for name, *_ in found] == ["critic"] * 5 + ["generator"]
    w1, b1, w2, b2 = (parameter.detach().double() for parameter in model.critic.parameters())

    def scores(rolls: Tensor) -> Tensor:
        hidden = rolls.double().flatten(1) @ w1.T + b1
        return (torch.where(hidden > 0, hidden, 0.3 * hidden) @ w2.T + b2)[:, 0]

    def steepness(rolls: Tensor) -> Tensor:
        slope = torch.where(rolls.double().flatten(1) @ w1.T + b1 > 0, 1.0, 0.3).double()
        return ((slope * w2) @ w1).norm(dim=1)

    read = model.critic.read  # the mixed ones, then the real and the written ones, at each step
    for (_, loss, measures), mixed, both, (_, y, _) in zip(found[:5], read[0::2], read[1::2], batches(), strict=False):
        real, fake = both[:4], both[4:]
        assert torch.equal(real, model.rolls(y))
        wasserstein = scores(real).mean() - scores(fake).mean()
        norms = steepness(mixed)
        expected = float(3 * ((norms - 1) ** 2).mean() - wasserstein)
        assert loss.item() == pytest.approx(expected, abs=1e-5)
        assert int(measures["symbols"]) == 16
        for key, value in {"wasserstein": wasserstein, "critic_loss": expected, "gradient_norm": norms.mean()}.items():
            assert float(measures[key]) == pytest.approx(16 * float(value), abs=1e-4), key
    _, loss, measures = found[5]
    assert loss.item() == pytest.approx(-float(scores(read[-1]).mean()), abs=1e-5)
    assert float(measures["generator_loss"]) == pytest.approx(5 * 16 * loss.item(), rel=1e-5)


def test_every_phrase_is_mixed_by_a_number_of_its_own_that_is_drawn_anew_at_every_step() -> None:
    model = tiny()
    drained(model, WganGp())
    shares = []
    for mixed, both in zip(model.critic.read[0:10:2], model.critic.read[1:10:2], strict=True):
        real, fake = both[:4].flatten(1), both[4:].flatten(1)
        share = (mixed.flatten(1) - fake) / (real - fake)
        assert (share.std(1) < 1e-3).all()  # one number for the whole phrase
        shares += share.median(1).values.tolist()
    assert len({round(share, 4) for share in shares}) == 20
    assert min(shares) > 0 and max(shares) < 1 and max(shares) - min(shares) > 0.5


def test_latents_are_normal_and_drawn_anew() -> None:
    model = tiny()
    drawn = latents(model, 20_000, torch.Generator().manual_seed(0))
    assert {name: tuple(part.shape) for name, part in drawn.items()} == {"shared": (20_000, 2), "own": (20_000, 3, 1)}
    for part in drawn.values():
        assert abs(float(part.mean())) < 0.02 and abs(float(part.std()) - 1) < 0.02
        assert 0.03 < float((part.abs() > 2).float().mean()) < 0.06  # 4.6 %
    drained(model, WganGp())
    (first, _, graph), (second, _, graph_too) = model.asked
    assert (len(first["shared"]), graph) == (20, False)
    assert (len(second["shared"]), graph_too) == (4, True)
    assert len(torch.cat([first["shared"], second["shared"]]).unique(dim=0)) == 24


def test_a_step_moves_its_own_group_and_leaves_no_gradient_in_the_other() -> None:
    model, objective = tiny(), WganGp(critic_steps=2)
    groups = objective.groups(model)
    optimizers = {name: ADAM.build(parameters) for name, parameters in groups.items()}
    for name, loss, _ in objective.losses(model, batches(2), torch.Generator()):
        other = "generator" if name == "critic" else "critic"
        for parameter in model.parameters():
            parameter.grad = None
        before = {key: [p.detach().clone() for p in parameters] for key, parameters in groups.items()}
        loss.backward()
        assert all(p.grad is None for p in groups[other])
        assert all(p.requires_grad for p in model.parameters())
        optimizers[name].step()
        assert all(torch.equal(p, was) for p, was in zip(groups[other], before[other], strict=True))
        assert any(not torch.equal(p, was) for p, was in zip(groups[name], before[name], strict=True))
    assert {id(p) for group in groups.values() for p in group} == {id(p) for p in model.parameters()}


def test_a_batch_of_one_phrase_is_read_twice() -> None:
    found = list(WganGp(critic_steps=1).losses(tiny(), batches(1, 1), torch.Generator()))
    assert all(math.isfinite(loss.item()) for _, loss, _ in found)


# --- tracks that are given


def test_some_tracks_of_some_phrases_are_given_and_stay() -> None:
    model, objective = tiny(conditional=True), WganGp(critic_steps=1, given=0.5)
    y = phrases(600)
    list(objective.losses(model, iter([(y, y, y >= 0)]), torch.Generator().manual_seed(0)))
    for number, (_, given, _) in enumerate(model.asked):
        assert given is not None
        tracks = (given >= 0).all(1)
        assert torch.equal(tracks, (given >= 0).any(1))  # whole tracks
        assert torch.equal(given[given >= 0], y[given >= 0])
        counts = torch.bincount(tracks.sum(1), minlength=4) / 600
        assert counts.tolist() == pytest.approx([0.5, 0.25, 0.25, 0.0], abs=0.06)
        assert counts[0] == 0.5 and tracks[:300].any(1).all()  # always as many
        assert tracks.float().mean(0).tolist() == pytest.approx([0.25] * 3, abs=0.06)
        read = model.critic.read[1][600:] if number == 0 else model.critic.read[2]
        whole = model.rolls(y)
        assert all(torch.equal(read[n, k], whole[n, k]) for n, k in tracks.nonzero())
    mixed, both, own = model.critic.told  # the critic knows what was given, of real and written phrases alike
    first, second = ((given >= 0).all(1).float() for _, given, _ in model.asked)
    assert torch.equal(mixed, first) and torch.equal(both, first.repeat(2, 1)) and torch.equal(own, second)
    assert WganGp()._given(y, torch.Generator()) is None


def test_a_model_for_given_tracks_must_be_given_some() -> None:
    with pytest.raises(UsageError, match=r"objective\.given 0: set objective\.given"):
        WganGp().groups(tiny(conditional=True))
    y = phrases(2)
    given = WganGp(given=0.1)._given(y, torch.Generator().manual_seed(0))
    assert given is not None and (given >= 0).all(1).any(1).tolist() == [True, False]  # one at least


def test_two_draws_for_the_same_given_tracks_are_to_differ() -> None:
    """Worked out by hand: two tracks written, one beat of two steps, five pitches and a rest."""
    known = torch.tensor([[1.0, 0.0, 0.0]])

    def roll(*pitches: list[int]) -> Tensor:
        cells = torch.tensor(pitches)[None, :, None, :, None]  # [1, tracks, 1 bar, steps, 1]
        return torch.where(cells == torch.arange(5), 1.0, -1.0)

    one = roll([0, 0], [1, 1], [2, 3])
    assert float(alike(one, one, known, 2)) == pytest.approx(0.4)  # nothing differs: all that is wanted is missing
    turned = roll([0, 0], [1, 1], [3, 2])
    assert float(alike(one, turned, known, 2)) == pytest.approx(0.4)  # the same within the beat
    other = roll([4, 4], [1, 5], [2, 3])  # half of one of two written tracks; the given one does not count
    assert float(alike(one, other, known, 2)) == pytest.approx(0.4 - 0.25)
    assert float(alike(one, roll([0, 0], [4, 4], [2, 3]), known, 2)) == 0.0
    two = torch.tensor([[1.0, 1.0, 0.0]])  # less is written, and less wanted
    assert float(alike(one, one, two, 2)) == pytest.approx(0.2)


def test_what_differs_has_gradients_by_the_probabilities() -> None:
    logits = torch.zeros(2, 3, 1, 4, 6, requires_grad=True)
    rolls = 2 * logits.softmax(-1)[..., :5] - 1
    alike(rolls[:1], rolls[1:] + 0.01, torch.tensor([[1.0, 0.0, 0.0]]), 2).backward()
    assert logits.grad is not None and logits.grad[:, 0].abs().sum() == 0
    model, objective = tiny(conditional=True), WganGp(critic_steps=1, given=0.5, different=3.0)
    list(objective.losses(model, batches(1), torch.Generator().manual_seed(0)))
    drawn, given, learning = model.asked[-1]
    assert learning and given is not None and len(given) == 4 + 2  # those with given tracks a second time, at once
    assert torch.equal(given[:2], given[4:]) and not torch.equal(drawn["own"][:2], drawn["own"][4:])
    assert len(model.critic.read[-1]) == 4


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan])
def test_what_differing_weighs_is_a_number(value: float) -> None:
    with pytest.raises(UsageError, match=r"objective\.different must be a number of 0 or more"):
        WganGp(different=value)


# --- the loop


def read_lines(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if "second" not in k} for line in read_metrics(folder)]


def test_metrics_are_means_over_the_steps_since_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, list[tuple[float, int]]] = {}
    original = WganGp.losses

    def losses(self: WganGp, model: Any, stream: Any, rng: Any) -> Iterator[Any]:
        for name, loss, measures in original(self, model, stream, rng):
            said.setdefault(f"{name}_loss", []).append((loss.item(), int(measures.get("symbols", 0))))
            yield name, loss, measures

    monkeypatch.setattr(WganGp, "losses", losses)
    # 12 windows in batches of 4: every batch is full, so that every step counts the same
    _, result = run(tmp_path, replace(TRAINING, evaluations=1))
    (line,) = read_metrics(tmp_path)
    assert len(said["critic_loss"]) == 30 and len(said["generator_loss"]) == 6
    weighted = sum(loss * n for loss, n in said["critic_loss"]) / sum(n for _, n in said["critic_loss"])
    assert line["train_critic_loss"] == pytest.approx(weighted, rel=1e-5)
    sizes = [sum(n for _, n in said["critic_loss"][at : at + 5]) for at in range(0, 30, 5)]
    means = [loss * n for (loss, _), n in zip(said["generator_loss"], sizes, strict=True)]
    assert line["train_generator_loss"] == pytest.approx(sum(means) / sum(sizes), rel=1e-5)
    assert line["train_loss"] == line["train_wasserstein"]
    assert 0 < line["train_gradient_norm"] < 10
    penalty = line["train_critic_loss"] + line["train_wasserstein"]
    assert penalty >= 10 * (line["train_gradient_norm"] - 1) ** 2 - 1e-4  # a mean square is at least the mean's square
    named = {"used_pitch_classes", "tonal_distance", "one_step_notes", "diversity", "copies", "empty_bars", "loss"}
    assert {f"valid_{name}" for name in named} <= line.keys()
    assert result.best_loss == line["valid_loss"]


def test_the_loss_is_the_mean_of_four_gaps_against_what_is_aimed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from erato.training import wgan_gp

    gaps = {"used_pitch_classes": 0.3, "tonal_distance": 0.05, "one_step_notes": 6.0, "diversity": 0.6, "copies": 0.0}
    monkeypatch.setattr(wgan_gp, "compare", lambda written, real, space, rng: gaps | {"shape": written.shape})
    found = WganGp().validate(tiny().eval(), encodings(), "valid", None)
    assert found["loss"] == pytest.approx(2.0)
    assert found["shape"] == (16 // 4 + 24 // 4 + 12 // 4 + 20 // 4, 4, 3)  # as many as there are real ones
    assert WganGp().validate(tiny().eval(), encodings(), "valid", 20)["shape"] == (5, 4, 3)
    gaps["diversity"] = 1.4  # more than real music has is none too little
    assert WganGp().validate(tiny().eval(), encodings(), "valid", None)["loss"] == pytest.approx(1.5)


def test_an_evaluation_differs_by_the_weights_alone() -> None:
    model, data = tiny().eval(), encodings()
    state = torch.get_rng_state()
    first = WganGp().validate(model, data, "valid", None)
    assert first == WganGp().validate(model, data, "valid", None)
    assert torch.equal(state, torch.get_rng_state())
    assert first != WganGp().validate(tiny(1).eval(), data, "valid", None)
    assert all(math.isfinite(value) for value in first.values())


def test_the_average_takes_a_step_after_the_generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Tensor]] = []

    def report(progress: Any) -> None:
        if progress.evaluation is None:
            seen.append({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})

    clock = iter(range(10**6))
    monkeypatch.setattr("erato.training.loop.time.monotonic", lambda: next(clock))  # a report at every step
    model = tiny()
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run(tmp_path, replace(TRAINING, steps=3, evaluations=3), model=model, report=report)
    assert len(seen) == 3
    for step, state in enumerate(seen, 1):
        keep = min(0.9, (1 + step) / (10 + step))
        for name, tensor in state.items():
            if tensor.is_floating_point():
                expected[name] = keep * expected[name] + (1 - keep) * tensor
    saved = load_state(tmp_path / "last")
    assert saved is not None
    for name, tensor in expected.items():
        if tensor.is_floating_point():  # running statistics of batch norm among them
            assert torch.allclose(saved[0][f"average/{name}"], tensor, atol=1e-6), name


@pytest.mark.parametrize("stop_at", [1, 3, 4])
@pytest.mark.parametrize("given", [0.0, 0.5])
def test_a_stopped_run_goes_on_to_the_same_bits(
    tmp_path: Path, stop_at: int, given: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = WganGp(critic_steps=2, given=given)

    def built() -> Tiny:
        return tiny(conditional=given > 0)

    run(tmp_path / "whole", objective=objective, model=built())
    original, calls = WganGp.losses, []

    def losses(self: WganGp, *rest: Any) -> Iterator[Any]:
        for number, item in enumerate(original(self, *rest)):
            yield item
            calls.append(number)
            if len(calls) == 3 * stop_at - 1:  # asked to stop between the critic's last step and the generator's
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(WganGp, "losses", losses)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", objective=objective, model=built())
    saved = load_state(tmp_path / "parts" / "last")
    assert saved is not None and saved[2]["step"] == stop_at
    torch.manual_seed(12345)  # nothing hangs on torch's own generator
    run(tmp_path / "parts", objective=objective, model=built())
    for name in ("model.safetensors", "last/000000006/weights.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name
    whole, parts = (load_state(tmp_path / kind / "last") for kind in ("whole", "parts"))
    assert whole is not None and parts is not None
    for group in ("critic", "generator"):
        one, other = whole[1][group]["state"], parts[1][group]["state"]
        assert one.keys() == other.keys() and len(one) in (4, 6)
        for index, entries in one.items():
            assert all(torch.equal(value, other[index][key]) for key, value in entries.items())
    assert read_lines(tmp_path / "whole") == read_lines(tmp_path / "parts")


def test_every_step_draws_anew(tmp_path: Path) -> None:
    model, _ = run(tmp_path, replace(TRAINING, steps=3, ema=None), WganGp(critic_steps=1))
    drawn = torch.cat([latents["shared"] for latents, *_ in model.asked])
    assert len(drawn.unique(dim=0)) == len(drawn) >= 18


def test_an_epoch_is_a_pass_over_the_windows_whatever_a_step_reads(tmp_path: Path) -> None:
    windows = len(WindowDataset(encodings(), Windows(), 0, "random"))
    per_epoch = -(-windows // 4)
    training = replace(TRAINING, steps=None, epochs=5, every_epoch=True, keep_epochs=2)
    _, result = run(tmp_path, training, WganGp(critic_steps=2))
    assert result.steps == -(-5 * per_epoch // 2)
    lines = read_metrics(tmp_path)
    assert [math.floor(line["epoch"]) for line in lines] == [1, 2, 3, 4, 5]
    kept = sorted(int(path.stem) for path in (tmp_path / "steps").iterdir())
    assert kept == [-(-epochs * per_epoch // 2) for epochs in (2, 4)]


def test_the_critic_learns_at_a_rate_of_its_own(tmp_path: Path) -> None:
    before = tiny().state_dict()
    sgd = replace(TRAINING, steps=1, evaluations=1, optimizer=Optimizer("sgd", lr=0.01), ema=None)
    moved = {}
    for rate in (1.0, 0.5):
        model, _ = run(tmp_path / str(rate), sgd, WganGp(critic_steps=1, critic_rate=rate))
        moved[rate] = model.critic.hidden.weight.detach() - before["critic.hidden.weight"]
    assert float(moved[1.0].abs().max()) > 1e-4
    assert torch.allclose(moved[0.5], moved[1.0] / 2, atol=1e-6)
    assert WganGp(critic_rate=0.5).rate("generator") == 1.0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_at_either_precision(tmp_path: Path, precision: Any) -> None:
    model, _ = run(tmp_path, replace(TRAINING, steps=3, precision=precision))
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


# --- divergence


DEEP = MuseganConfig(latent=2, temporal=4, features=8, channels=4, critic_channels=4, critic_features=8)


def deep() -> LatentModel:
    torch.manual_seed(0)
    return DEEP.build(SPACE)


def test_a_rate_far_too_high_stops_it_with_the_remedy_and_leaves_what_was_saved(tmp_path: Path) -> None:
    run(tmp_path, replace(TRAINING, steps=1, evaluations=1), model=deep())
    saved = (tmp_path / "model.safetensors").read_bytes()
    state = max((tmp_path / "last").glob("*/state.json"))
    state.write_text(json.dumps(json.loads(state.read_text()) | {"finished": False}))
    seal(state.parent, [STATE])
    wild = replace(TRAINING, steps=60, evaluations=1, optimizer=replace(ADAM, lr=1.0))
    with pytest.raises(TrainingError) as error:
        run(tmp_path, wild, model=deep())
    said = str(error.value)
    assert re.match(r"training has diverged: at step 2\d the critic.s (gradients have a mean norm of|scores)", said)
    assert "lower training.optimizer.lr (now 1) or raise objective.penalty (now 10) and train again" in said
    assert said.endswith("the weights saved last are sound.") and "\n" not in said
    assert (tmp_path / "model.safetensors").read_bytes() == saved
    assert max((tmp_path / "last").glob("*/state.json")) == state


def test_a_loss_that_is_no_number_stops_it(tmp_path: Path) -> None:
    endless = replace(TRAINING, optimizer=Optimizer("sgd", lr=1e30))
    with pytest.raises(TrainingError, match=r"at step \d, for the third time: .* or raise objective.penalty"):
        run(tmp_path, endless)


@pytest.mark.parametrize(("norm", "apart", "said"), [(101.0, 0.0, "norm of 101"), (1.0, -10001.0, "1e+04 apart")])
def test_a_step_is_astray_beyond_the_bounds(norm: float, apart: float, said: str) -> None:
    def measures(norm: float, apart: float) -> dict[str, Tensor]:
        return {
            "symbols": torch.tensor(7),
            "gradient_norm": torch.tensor(7 * norm),
            "wasserstein": torch.tensor(7 * apart),
        }

    assert said in str(WganGp().astray(measures(norm, apart)))
    assert WganGp().astray(measures(99.0, 9999.0)) is None


def test_only_many_steps_in_a_row_are_a_divergence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([*["lost"] * 19, None, *["lost"] * 19, None])
    monkeypatch.setattr(WganGp, "astray", lambda self, measures: next(steps))
    run(tmp_path / "a", replace(TRAINING, steps=40, evaluations=1), WganGp(critic_steps=1))
    monkeypatch.setattr(WganGp, "astray", lambda self, measures: "all is lost")
    with pytest.raises(TrainingError, match="diverged: at step 20 all is lost: lower"):
        run(tmp_path / "b", replace(TRAINING, steps=40, evaluations=1), WganGp(critic_steps=1))


# --- what does not fit


def test_parts_that_do_not_fit_are_refused_by_name() -> None:
    lstm = LstmConfig(widths=(4,), dropout=(0.0,), embedding=4).build(Tokens(5, start=0))
    with pytest.raises(UsageError, match=r"Lstm has no generator.*wgan_gp fits the model musegan"):
        WganGp().groups(lstm)
    with pytest.raises(UsageError, match=r"Tiny writes whole phrases.*fits the objective wgan_gp"):
        Likelihood().groups(tiny())
    with pytest.raises(UsageError, match=r"objective.given is 0.5.*set model.conditional to true"):
        WganGp(given=0.5).groups(tiny())
    alone = tiny(conditional=True)
    alone.space = replace(SPACE, tracks=1)
    with pytest.raises(UsageError, match=r"one track has no others"):
        WganGp(given=0.5).groups(alone)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"critic_steps": 0}, "objective.critic_steps must be at least 1, got 0"),
        ({"penalty": -1.0}, "objective.penalty"),
        ({"penalty": math.nan}, "objective.penalty"),
        ({"critic_rate": 0.0}, "objective.critic_rate"),
        ({"given": 1.0}, "objective.given must be a share from 0 to below 1, got 1.0"),
        ({"given": -0.1}, "objective.given"),
    ],
)
def test_impossible_numbers_are_refused(settings: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        WganGp(**settings)
