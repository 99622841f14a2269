"""The WGAN-GP objective: a critic learns to tell real phrases from written ones, a generator to be scored as real.

Batches of phrases [B, T, tracks] in, a loss of the critic or of the generator out. What is held against the training
pieces are the measures of `erato.evaluation.features`. Knows nothing of layers, nor of how symbols become rolls.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from erato.corpora.base import Split
from erato.datasets import Encodings
from erato.errors import UsageError
from erato.evaluation.features import compare, phrases_of
from erato.models.base import LatentModel
from erato.training.objective import Batches, Measures, Objective

AIMS = {"used_pitch_classes": 0.15, "tonal_distance": 0.025, "one_step_notes": 3.0, "sameness": 0.2}
STEEPEST = 1e2  # the penalty keeps gradients at norm 1
FARTHEST = 1e4  # with gradients of norm 1, scores differ by no more than phrases do, which is some tens
SEED = 0  # of the latents of evaluations, so that these differ by the weights alone
SETTLING = 4  # batches of AT_ONCE phrases from which the statistics of batch norm are worked out again
AT_ONCE = 256  # phrases written at once in an evaluation


@dataclass(frozen=True)
class WganGp(Objective):
    """The Wasserstein distance of written phrases from real ones, by a critic whose gradients are kept at norm 1
    (Gulrajani et al. 2017, "Improved Training of Wasserstein GANs").

    critic_steps: of the critic before each of the generator, every one on a batch of its own. penalty: what the squared
    distance of a gradient's norm from 1 weighs. critic_rate: the critic's learning rate as a multiple of the
    generator's. given: the share of phrases of which some tracks, at least one and not all, drawn at random, are given
    to a model that writes the others to them; 0: never.
    """

    critic_steps: int = 5
    penalty: float = 10.0
    critic_rate: float = 1.0
    given: float = 0.0

    def __post_init__(self) -> None:
        if self.critic_steps < 1:
            raise UsageError(f"objective.critic_steps must be at least 1, got {self.critic_steps}.")
        if not 0 <= self.penalty < math.inf:
            raise UsageError(f"objective.penalty must be a number of 0 or more, got {self.penalty}.")
        if not 0 < self.critic_rate < math.inf:
            raise UsageError(f"objective.critic_rate must be above 0, got {self.critic_rate}.")
        if not 0 <= self.given < 1:
            raise UsageError(f"objective.given must be a share from 0 to below 1, got {self.given}.")

    @property
    def unit(self) -> str:
        return "times the gaps aimed at"

    @property
    def remedy(self) -> str:  # type: ignore[override]
        return f"raise objective.penalty (now {self.penalty:g})"

    def groups(self, model: nn.Module) -> dict[str, list[nn.Parameter]]:
        if not isinstance(model, LatentModel):
            raise UsageError(
                f"{type(model).__name__} has no generator and no critic: the objective wgan_gp fits the model musegan."
            )
        if self.given and not model.conditional:
            raise UsageError(
                f"objective.given is {self.given:g}, and the model writes to no given tracks: set model.conditional to "
                "true, or objective.given to 0."
            )
        if self.given and model.space.tracks < 2:
            raise UsageError(f"objective.given is {self.given:g}, and one track has no others: set it to 0.")
        return {"critic": [*model.critic.parameters()], "generator": [*model.generator.parameters()]}

    def rate(self, group: str) -> float:
        return self.critic_rate if group == "critic" else 1.0

    def losses(
        self, model: nn.Module, batches: Batches, rng: torch.Generator
    ) -> Iterator[tuple[str, Tensor, Measures]]:
        """critic_steps losses of the critic, then one of the generator.

        Measures: wasserstein, mean score of real less mean score of written phrases; gradient_norm, at the mixed ones;
        critic_loss and generator_loss; loss is the Wasserstein estimate, as that falls while the music gets closer.
        All are sums over the symbols that the critic has read.
        """
        assert isinstance(model, LatentModel)
        read = [y for _, y, _ in islice(batches, self.critic_steps)]
        phrases = [y if len(y) > 1 else y.expand(2, -1, -1) for y in read]  # batch norm needs two
        sizes = [len(y) for y in phrases]
        given = self._given(torch.cat(phrases), rng)
        with torch.no_grad():  # all at once, as the generator stays as it is meanwhile
            written = torch.split(model.generate(latents(model, sum(sizes), rng), given), sizes)
        for y, fake in zip(phrases, written, strict=True):
            real = model.rolls(y)
            share = torch.rand((len(real), *[1] * (real.dim() - 1)), generator=rng).to(real.device)
            norms = gradient_norms(model.critic, fake + share * (real - fake))
            scores = model.critic(torch.cat([real, fake])).float()
            wasserstein = scores[: len(real)].mean() - scores[len(real) :].mean()
            loss = self.penalty * (norms - 1).square().mean() - wasserstein
            means = {
                "loss": wasserstein,
                "critic_loss": loss,
                "wasserstein": wasserstein,
                "gradient_norm": norms.mean(),
            }
            symbols = torch.tensor(y.shape[0] * y.shape[1])
            yield "critic", loss, {"symbols": symbols, **{k: v.detach() * symbols for k, v in means.items()}}
        most = max(phrases, key=len)
        given = self._given(most, rng)
        with fixed(model.critic):
            loss = -model.critic(model.generate(latents(model, len(most), rng), given)).float().mean()
        yield "generator", loss, {"generator_loss": loss.detach() * sum(y.shape[0] * y.shape[1] for y in phrases)}

    def _given(self, phrases: Tensor, rng: torch.Generator) -> Tensor | None:
        """The phrases [N, T, tracks] with -1 where the model is to write; None where it never learns to be given any.

        How many tracks of a phrase are given is as likely as any other number, and which.
        """
        if not self.given:
            return None
        count, tracks = len(phrases), phrases.shape[2]
        number = torch.randint(1, tracks, (count, 1), generator=rng)
        number = torch.where(torch.rand((count, 1), generator=rng) < self.given, number, 0)
        chosen = torch.rand((count, tracks), generator=rng).argsort(1).argsort(1) < number
        return torch.where(chosen[:, None].to(phrases.device), phrases, -1)

    def astray(self, measures: Measures) -> str | None:
        norm, apart = (abs(float(measures[k] / measures["symbols"])) for k in ("gradient_norm", "wasserstein"))
        if norm > STEEPEST:
            return f"the critic's gradients have a mean norm of {norm:.3g}, where 1 is right"
        if apart > FARTHEST:
            return f"the critic's scores of real and written phrases lie {apart:.3g} apart, where tens are usual"
        return None

    @torch.no_grad()
    def settle(self, model: nn.Module, data: Encodings) -> None:
        """Works out the statistics of batch norm again: averaged with the weights, they are those of other weights."""
        assert isinstance(model, LatentModel)
        norms = [part for part in model.generator.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        rng = torch.Generator().manual_seed(SEED)
        phrases = torch.from_numpy(phrases_of(data.part("train"), model.space)) if self.given else None
        kept = [(part, part.momentum) for part in norms]
        try:
            for part in norms:
                part.reset_running_stats()
                part.momentum = None  # the mean of all batches
            model.generator.train()
            for _ in range(SETTLING):
                given = None
                if phrases is not None:
                    rows = torch.randint(len(phrases), (AT_ONCE,), generator=rng)
                    given = self._given(phrases[rows].to(next(model.parameters()).device), rng)
                model.generate(latents(model, AT_ONCE, rng), given)
        finally:
            model.generator.eval()
            for part, momentum in kept:
                part.momentum = momentum

    def validate(self, model: Any, data: Encodings, split: Split, limit: int | None) -> dict[str, Any]:
        """How far written phrases are from those of the training pieces, which is what this objective learns.

        loss: the mean of four gaps, each as a multiple of what is aimed at (`AIMS`): used pitch classes, tonal
        distance, one-step notes, and the share of the real phrases' diversity that is missing. As many phrases are
        written as there are real ones, or `limit` symbols; no piece of `split` is read.
        """
        space = model.space
        real = phrases_of(data.part("train"), space)
        count = max(2, len(real) if limit is None else min(limit // space.phrase, len(real)))
        drawn = latents(model, count, torch.Generator().manual_seed(SEED))
        with torch.no_grad():
            parts = ({name: part[at : at + AT_ONCE] for name, part in drawn.items()} for at in range(0, count, AT_ONCE))
            written = torch.cat([model.write(part) for part in parts])
        gaps = compare(written.cpu().numpy(), real, space, np.random.default_rng(SEED))
        aimed = {**gaps, "sameness": max(0.0, 1 - gaps["diversity"])}
        return {"loss": sum(aimed[name] / aim for name, aim in AIMS.items()) / len(AIMS), **gaps}


def latents(model: LatentModel, count: int, rng: torch.Generator) -> Mapping[str, Tensor]:
    """[count, *shape] by name, from the standard normal distribution; on the model's device."""
    device = next(model.parameters()).device
    return {name: torch.randn((count, *shape), generator=rng).to(device) for name, shape in model.latents.items()}


def gradient_norms(critic: nn.Module, rolls: Tensor) -> Tensor:
    """[N] the norm of the gradient of each roll's score by the roll [N, ...]; itself with gradients."""
    rolls = rolls.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(rolls).sum(), rolls, create_graph=True)
    norms: Tensor = gradient.flatten(1).float().norm(dim=1)
    return norms


@contextmanager
def fixed(module: nn.Module) -> Iterator[None]:
    """What is computed meanwhile gives no gradients to the module's weights, and none are worked out."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_()
