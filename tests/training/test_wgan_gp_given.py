"""What WGAN-GP does where some tracks are given: the generator's loss of two draws, and how answers are measured."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from erato.models.base import LatentModel
from erato.representations.base import Rolls
from erato.training import WganGp, wgan_gp

SPACE = Rolls(tracks=3, bars=1, steps=4, pitches=5, beat=2)


class Sums(nn.Module):
    """A critic that sums the rolls, and 10 for each track that it knows to be given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, rolls: Tensor, known: Tensor | None = None) -> Tensor:
        told = 0 if known is None else 10 * known.sum(1)
        return rolls.flatten(1).sum(1) * self.weight + told


class Draws(LatentModel):
    """Every cell of a phrase is its first latent; answers a given track with itself, then with a semitone above."""

    def __init__(self) -> None:
        super().__init__()
        self.space, self.conditional, self.latents = SPACE, True, {"shared": (1,)}
        self.generator, self.critic = nn.Linear(1, 1), Sums()
        self.rows: list[Tensor] = []

    def rolls(self, phrases: Tensor) -> Tensor:
        cells = phrases.transpose(1, 2)[:, :, None, :, None]
        return torch.where(cells == torch.arange(5), 1.0, -1.0)

    def generate(self, latents: Any, given: Tensor | None = None) -> Tensor:
        found = latents["shared"].view(-1, 1, 1, 1, 1).expand(-1, 3, 1, 4, 5)
        self.rows.append(found[:, 0, 0, 0, 0])
        return found * self.generator.weight.new_ones(()).requires_grad_()

    def write(self, latents: Any, given: Tensor | None = None) -> Tensor:
        if given is None:
            return torch.zeros(len(latents["shared"]), 4, 3, dtype=torch.long)
        assert (given[..., 0] >= 0).all() and (given[..., 1:] == -1).all()
        return torch.stack([given[..., 0], given[..., 0], given[..., 0] + 1], -1)


def test_the_generator_is_told_how_alike_two_draws_are(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def alike(one: Tensor, other: Tensor, known: Tensor, beat: int) -> Tensor:
        calls.append((one[:, 0, 0, 0, 0], other[:, 0, 0, 0, 0], known, beat))
        return torch.tensor(0.25)

    monkeypatch.setattr(wgan_gp, "alike", alike)
    model, y = Draws(), torch.randint(0, 6, (6, 4, 3), generator=torch.Generator().manual_seed(0))
    objective = WganGp(critic_steps=1, given=0.5, different=2.0)
    *_, (name, loss, _) = objective.losses(model, iter([(y, y, y >= 0)]), torch.Generator().manual_seed(0))
    ((one, other, known, beat),) = calls
    drawn = model.rows[-1]
    assert name == "generator" and beat == 2 and len(drawn) == 6 + 3  # half of 6 phrases are drawn for twice, at once
    assert torch.equal(one, drawn[:3]) and torch.equal(other, drawn[6:]) and len(drawn.unique()) == 9
    assert known.shape == (3, 3) and set(known.sum(1).tolist()) <= {1.0, 2.0}
    scores = 3 * 4 * 5 * drawn[:6] + 10 * torch.cat([known.sum(1), torch.zeros(3)])
    assert loss.item() == pytest.approx(2.0 * 0.25 - float(scores.mean()), abs=1e-4)


def test_answers_to_the_first_track_are_measured_against_the_real_ones() -> None:
    # A semitone on the circles of fifths, minor thirds and major thirds, by the law of cosines
    turned = zip((7 / 6, 3 / 2, 2 / 3), (1.0, 1.0, 0.5), strict=True)
    semitone = math.sqrt(sum(radius**2 * (2 - 2 * math.cos(math.pi * angle)) for angle, radius in turned))
    piece = torch.tensor([[2, 3, 2]]).expand(8, 3).numpy()  # the second track a semitone above the others
    data = SimpleNamespace(part=lambda split: {"train": [piece], "valid": [piece], "test": []}[split])
    found = WganGp(given=0.5).validate(Draws().eval(), data, "valid", None)  # type: ignore[arg-type]
    # written: distances 0 and a semitone from the given track; real: the other way round
    assert found["given_tonal_distance"] == pytest.approx(semitone / 2)
    assert found["given_gap"] == pytest.approx(semitone)
    assert "given_gap" not in WganGp(given=0.5).validate(Draws().eval(), data, "test", None)  # type: ignore[arg-type]
