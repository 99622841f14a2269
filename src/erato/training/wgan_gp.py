"""The WGAN-GP objective: a critic learns to tell real phrases from written ones, a generator to be scored as real.

Batches of phrases [B, T, tracks] in, a loss of the critic or of the generator out. What is held against the training
pieces are the measures of `erato.evaluation.phrases`. Knows nothing of layers, nor of how symbols become rolls.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from erato.corpora.base import Split
from erato.datasets import Encodings
from erato.errors import UsageError
from erato.evaluation.phrases import compare, phrases_of, statistics
from erato.models.base import LatentModel, are_given
from erato.representations.base import Array
from erato.training.objective import Batches, Measures, Objective

AIMS = {"used_pitch_classes": 0.15, "tonal_distance": 0.025, "one_step_notes": 3.0, "sameness": 0.2, "given_gap": 0.05}
STEEPEST = 1e2  # the penalty keeps gradients at norm 1
FARTHEST = 1e4  # with gradients of norm 1, scores differ by no more than phrases do, which is some tens
APART = 0.4  # the share in which two draws for the same one given track should differ
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
    to a model that writes the others to them; 0: never. different: what it weighs that two draws for the same given
    tracks are alike: without it, they become the same, and the latents mean nothing.
    """

    critic_steps: int = 5
    penalty: float = 10.0
    critic_rate: float = 1.0
    given: float = 0.0
    different: float = 0.0

    def __post_init__(self) -> None:
        if self.critic_steps < 1:
            raise UsageError(f"objective.critic_steps must be at least 1, got {self.critic_steps}.")
        if not 0 <= self.penalty < math.inf:
            raise UsageError(f"objective.penalty must be a number of 0 or more, got {self.penalty}.")
        if not 0 < self.critic_rate < math.inf:
            raise UsageError(f"objective.critic_rate must be above 0, got {self.critic_rate}.")
        if not 0 <= self.given < 1:
            raise UsageError(f"objective.given must be a share from 0 to below 1, got {self.given}.")
        if not 0 <= self.different < math.inf:
            raise UsageError(f"objective.different must be a number of 0 or more, got {self.different}.")

    measure: ClassVar[str] = "gap to the corpus"

    @property
    def unit(self) -> str:
        return "times what is aimed at"

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
        if model.conditional and not self.given:
            raise UsageError(
                "model.conditional is true, and objective.given 0: set objective.given to the share of phrases of "
                "which some tracks are given, as 0.5, or model.conditional to false."
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
        parts = [part for y in phrases if (part := self._given(y, rng)) is not None]
        given = torch.cat(parts) if parts else None
        with torch.no_grad():  # all at once, as the generator stays as it is meanwhile
            written = torch.split(model.generate(latents(model, sum(sizes), rng), given), sizes)
        known: list[Tensor | None] = [are_given(part) for part in parts] if parts else [None] * len(phrases)
        for y, fake, mask in zip(phrases, written, known, strict=True):  # a fake has the given tracks of its real one
            real = model.rolls(y)
            share = torch.rand((len(real), *[1] * (real.dim() - 1)), generator=rng).to(real.device)
            norms = gradient_norms(model.critic, fake + share * (real - fake), mask)
            scores = _scores(model.critic, torch.cat([real, fake]), mask if mask is None else mask.repeat(2, 1))
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
        own = None if given is None else are_given(given)
        count = len(most) if own is None else int(own.any(1).sum())
        with fixed(model.critic):
            if given is None or own is None or not (self.different and count):
                loss = -_scores(model.critic, model.generate(latents(model, len(most), rng), given), own).mean()
            else:  # both draws at once: by batch norm, those of another batch would differ without being different
                drawn = latents(model, len(most) + count, rng)
                rolls = model.generate(drawn, torch.cat([given, given[:count]]))
                likeness = alike(rolls[:count], rolls[len(most) :], own[:count], model.space.beat)
                loss = self.different * likeness - _scores(model.critic, rolls[: len(most)], own).mean()
        yield "generator", loss, {"generator_loss": loss.detach() * sum(y.shape[0] * y.shape[1] for y in phrases)}

    def _given(self, phrases: Tensor, rng: torch.Generator) -> Tensor | None:
        """The phrases [N, T, tracks] with -1 where the model is to write; None where it never learns to be given any.

        The first phrases of a batch have some, as many as the share says, so that batch norm always sees as many. How
        many tracks of a phrase are given is as likely as any other number, and which.
        """
        if not self.given:
            return None
        count, tracks = len(phrases), phrases.shape[2]
        number = torch.randint(1, tracks, (count, 1), generator=rng)
        number[max(1, round(self.given * count)) :] = 0
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
        distance, one-step notes, and the share of the real phrases' diversity that is missing; of a conditional model a
        fifth, `given_gap`: of the tracks that are written to those of `split`. As many phrases are written as there are
        real ones, or `limit` symbols; no other piece of `split` is read.
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
        if self.given:
            gaps |= _accompanied(model, phrases_of(data.part(split), space))
            aimed |= gaps
        shares = [aimed[name] / aim for name, aim in AIMS.items() if name in aimed]
        return {"loss": sum(shares) / len(shares), **gaps}


def _accompanied(model: LatentModel, real: Array) -> dict[str, float]:
    """How tracks that are written to the first one of held-out phrases differ from those that stood there.

    given_tonal_distance: the mean distance of written tracks from the given one; given_gap: of the gaps of these
    distances to the real ones. {} where there is no held-out phrase.
    """
    phrases = torch.from_numpy(real[:: max(1, len(real) // AT_ONCE)])
    if not len(phrases):
        return {}
    given = torch.full_like(phrases, -1)
    given[..., 0] = phrases[..., 0]
    drawn = latents(model, len(phrases), torch.Generator().manual_seed(SEED))
    written = model.write(drawn, given.to(next(model.parameters()).device)).cpu().numpy()
    names = [str(track) for track in range(model.space.tracks)]
    own, others = (
        statistics(rows, model.space).means()["tonal_distance"][: len(names) - 1] for rows in (written, phrases.numpy())
    )
    return {"given_tonal_distance": float(own.mean()), "given_gap": float(np.abs(own - others).mean())}


def latents(model: LatentModel, count: int, rng: torch.Generator) -> Mapping[str, Tensor]:
    """[count, *shape] by name, from the standard normal distribution; on the model's device."""
    device = next(model.parameters()).device
    return {name: torch.randn((count, *shape), generator=rng).to(device) for name, shape in model.latents.items()}


def alike(one: Tensor, other: Tensor, known: Tensor, beat: int) -> Tensor:
    """How much two draws of rolls [N, tracks, bars, steps, pitches] for the same given tracks `known` [N, tracks] are
    less different than they should be, on average.

    Different: the share of a beat's steps that have other symbols, wherever in the beat these stand, over the written
    tracks. It should be 0.4 where one track is given, and less where fewer are written, as these are bound more. It is
    counted of the likeliest symbols, with gradients by the probabilities: unsure rolls would differ for nothing.
    """

    def shares(rolls: Tensor) -> Tensor:
        likely = (rolls.float() + 1) / 2
        likely = torch.cat([likely, 1 - likely.sum(-1, keepdim=True)], -1)  # and the rest
        hard = torch.zeros_like(likely).scatter(-1, likely.argmax(-1, keepdim=True), 1.0)
        steps = (hard + likely - likely.detach()).flatten(2, 3)
        long = min(beat, steps.shape[2])
        beats = steps.shape[2] // long
        found: Tensor = steps[:, :, : beats * long].reshape(*steps.shape[:2], beats, long, -1).mean(3)
        return found

    written = 1 - known
    apart = (shares(one) - shares(other)).abs().sum(-1).mean(2) / 2  # [N, tracks]
    found = (apart * written).sum(1) / written.sum(1)
    wanted = APART * written.sum(1) / (written.shape[1] - 1)
    return (wanted - found).relu().mean()


def _scores(critic: nn.Module, rolls: Tensor, known: Tensor | None) -> Tensor:
    """[N] in float32; a critic that knows of no given tracks is not told."""
    found: Tensor = critic(rolls) if known is None else critic(rolls, known)
    return found.float()


def gradient_norms(critic: nn.Module, rolls: Tensor, known: Tensor | None = None) -> Tensor:
    """[N] the norm of the gradient of each roll's score by the roll [N, ...]; itself with gradients."""
    rolls = rolls.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(_scores(critic, rolls, known).sum(), rolls, create_graph=True)
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
