"""What every latent model promises, for all of them in MODELS, at sizes small enough to see through."""

from dataclasses import dataclass, field
from typing import Any, get_type_hints

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import MODELS
from erato.models.base import LatentModel, are_given
from erato.models.describe import count_parameters
from erato.representations.base import Frames, Rolls, Tokens

SPACE = Rolls(tracks=3, bars=2, steps=8, pitches=14, beat=2)
TINY = {"latent": 6, "temporal": 10, "features": 12, "channels": 8, "critic_channels": 6, "critic_features": 8}


@dataclass
class Case:
    """A latent model of MODELS at a small size, and the space that it writes."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    space: Rolls = SPACE


SMALL = {
    "musegan": Case("musegan", TINY),
    "musegan with probabilities": Case("musegan", {**TINY, "output": "softmax"}),
    "musegan with choices": Case("musegan", {**TINY, "output": "onehot", "norm": "phrase"}),
    "musegan that writes to given tracks": Case("musegan", {**TINY, "output": "softmax", "conditional": True}),
    "musegan of one track": Case("musegan", TINY, Rolls(tracks=1, bars=3, steps=6, pitches=24)),
    "musegan with a critic of steps": Case(
        "musegan",
        {
            **TINY,
            "output": "softmax",
            "widths": (9, 7, 5),
            "critic_widths": (7, 9, 8),
            "deviation": 0.0,
            "held": True,
            "norm": "phrase",
        },
    ),
}


@pytest.fixture(params=SMALL)
def case(request: pytest.FixtureRequest) -> Case:
    return SMALL[request.param]


@pytest.fixture
def model(case: Case) -> LatentModel:
    """Sharper than fresh weights, and with statistics of its own, so that mistakes show; in eval mode."""
    torch.manual_seed(3)
    made = MODELS[case.model](**case.settings).build(case.space)
    assert isinstance(made, LatentModel)
    with torch.no_grad():
        for module in made.modules():
            for name, parameter in module.named_parameters(recurse=False):
                scale = isinstance(module, torch.nn.BatchNorm1d) and name == "weight"
                parameter.copy_(scale + torch.randn_like(parameter) * (0.5 if parameter.dim() > 1 else 0.1))
    for _ in range(20):
        made.generate(drawn(made, 40))
    return made.eval()


def drawn(model: LatentModel, count: int, seed: int = 5) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=rng) for name, shape in model.latents.items()}


def phrases(space: Rolls, count: int, seed: int = 7) -> Tensor:
    shape = count, space.phrase, space.tracks
    return torch.randint(0, space.pitches + 1, shape, generator=torch.Generator().manual_seed(seed))


def test_every_latent_model_has_a_small_twin_here() -> None:
    latent = {
        name for name, config in MODELS.items() if issubclass(get_type_hints(config.build)["return"], LatentModel)
    }
    assert {case.model for case in SMALL.values()} == latent


def test_what_is_written_is_held_by_the_space(model: LatentModel) -> None:
    written = model.write(drawn(model, 9))
    assert written.shape == (9, model.space.phrase, model.space.tracks) and written.dtype == torch.int64
    assert model.space.holds(written.numpy()).all()
    assert len(written.unique()) > 3 and not written.requires_grad  # it is music of several pitches


def test_rolls_say_what_sounds(model: LatentModel) -> None:
    space = model.space
    symbols = phrases(space, 4)
    symbols[0, 0, 0], symbols[1, 1, 0] = space.pitches, 0  # a rest, and the lowest pitch
    rolls = model.rolls(symbols)
    assert rolls.shape == (4, space.tracks, space.bars, space.steps, space.pitches)
    for phrase, step, track in ((0, 0, 0), (1, 1, 0), (2, space.steps, space.tracks - 1), (3, space.phrase - 1, 0)):
        expected = [-1.0] * space.pitches
        if symbols[phrase, step, track] < space.pitches:
            expected[int(symbols[phrase, step, track])] = 1.0
        assert rolls[phrase, track, step // space.steps, step % space.steps].tolist() == expected


def test_in_eval_mode_the_same_latents_are_the_same_music(model: LatentModel) -> None:
    latents = drawn(model, 5)
    assert torch.equal(model.generate(latents), model.generate(latents))
    assert torch.equal(model.write(latents), model.write(latents))
    assert not torch.equal(model.write(latents), model.write(drawn(model, 5, seed=6)))


def test_a_row_of_a_batch_is_what_it_is_alone(model: LatentModel) -> None:
    latents = drawn(model, 6)
    whole, judged = model.generate(latents), model.judge(phrases(model.space, 6))
    for row in range(6):
        alone = model.generate({name: part[row : row + 1] for name, part in latents.items()})
        assert torch.allclose(alone[0], whole[row], rtol=1e-5, atol=1e-5)
        assert torch.allclose(model.judge(phrases(model.space, 6)[row : row + 1])[0], judged[row], rtol=1e-4, atol=1e-5)


def test_given_tracks_come_out_as_they_are(model: LatentModel) -> None:
    space, latents = model.space, drawn(model, 6)
    given = phrases(space, 6)
    given[:, :, -1] = -1
    given[2] = -1  # a phrase to which nothing is given
    written, rolls = model.write(latents, given), model.generate(latents, given)
    assert torch.equal(written[given >= 0], given[given >= 0]) and space.holds(written.numpy()).all()
    everything = phrases(space, 6)
    assert torch.equal(model.generate(latents, everything), model.rolls(everything))
    if space.tracks > 1:
        rows = [0, 1, 3, 4, 5]
        assert torch.equal(rolls[rows, :-1], model.rolls(everything)[rows, :-1])
    assert torch.equal(model.write(latents, torch.full_like(given, -1)), model.write(latents))


def test_what_is_given_is_answered_where_that_was_promised(model: LatentModel) -> None:
    if model.space.tracks == 1:
        return
    latents, given = drawn(model, 12), phrases(model.space, 12)
    given[:, :, -1] = -1
    other = given.clone()
    other[:, -1, 0] = (other[:, -1, 0] + 1) % model.space.pitches  # the last step
    answers = [model.generate(latents, symbols)[:, -1] for symbols in (given, other)]
    assert torch.equal(*answers) != model.conditional
    assert all(torch.equal(model.generate(latents)[:, -1], answer) != model.conditional for answer in answers)


@pytest.mark.parametrize("name", ["melody", "groove"])
def test_the_latents_of_a_track_change_that_track_alone(model: LatentModel, name: str) -> None:
    latents = drawn(model, 12)
    before = model.generate(latents)
    for track in range(model.space.tracks):
        changed = latents[name].clone()
        changed[:, track] = drawn(model, 12, seed=8)[name][:, track]
        after = model.generate({**latents, name: changed})
        for other in range(model.space.tracks):
            assert torch.equal(before[:, other], after[:, other]) == (other != track)


@pytest.mark.parametrize("name", ["chords", "style"])
def test_the_latents_of_all_change_every_track(model: LatentModel, name: str) -> None:
    latents = drawn(model, 12)
    before = model.generate(latents)
    after = model.generate({**latents, name: drawn(model, 12, seed=8)[name]})
    assert all(not torch.equal(before[:, track], after[:, track]) for track in range(model.space.tracks))


def test_the_critic_reads_everything_and_each_phrase_by_itself(model: LatentModel) -> None:
    rolls = model.rolls(phrases(model.space, 4)).requires_grad_()
    scores = model.critic(rolls)
    assert scores.shape == (4,)
    (slopes,) = torch.autograd.grad(scores[1], rolls)
    assert (slopes[1] != 0).all() and not slopes[[0, 2, 3]].any()


def test_the_critic_knows_which_tracks_are_given_where_that_was_promised(model: LatentModel) -> None:
    symbols, tracks = phrases(model.space, 4), model.space.tracks
    plain = model.judge(symbols)
    assert torch.equal(model.judge(symbols, torch.zeros(4, tracks)), plain)
    for track in range(tracks):
        known = torch.zeros(4, tracks)
        known[1, track] = 1
        told = model.judge(symbols, known)
        assert torch.equal(told[1], plain[1]) != model.conditional
        assert torch.equal(told[[0, 2, 3]], plain[[0, 2, 3]])


def test_which_tracks_are_given() -> None:
    given = torch.tensor([[[5, -1, 0], [5, -1, 3]], [[-1, -1, -1], [-1, -1, -1]]])
    assert are_given(given).tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_gradients_reach_every_weight(model: LatentModel) -> None:
    model.train()
    given = phrases(model.space, 8)
    given[:, :, -1] = -1
    model.critic(model.generate(drawn(model, 8), given), are_given(given)).sum().backward()
    missing = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert not missing and count_parameters(model) > 0


def test_another_kind_of_space_is_refused_with_a_sentence(case: Case) -> None:
    for foreign in (Tokens(9, start=0), Frames(5)):
        with pytest.raises(UsageError, match="reads rolls"):
            MODELS[case.model](**case.settings).build(foreign)
