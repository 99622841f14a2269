"""The heads of frames against sums over all frames, products over keys worked out one by one, and counts of draws."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.models.base import Filters
from erato.models.frame_heads import Autoregressive, Bernoulli, FrameAR, Independent
from erato.sampling.filters import Sampler, filtered

KEYS, WIDTH, PLANES = 6, 5, 3
FRAMES = torch.tensor(list(itertools.product((0, 1), repeat=KEYS)), dtype=torch.int8)  # all that there are
HEADS = {"autoregressive": Autoregressive, "independent": Independent}


class Drawing(Filters):
    """The filters of a sampler, and which keys may sound."""

    def __init__(self, sampler: Sampler | None = None, allowed: Tensor | None = None) -> None:
        self.sampler, self.allowed = sampler or Sampler(), allowed

    def __call__(self, logits: Tensor, feature: int = 0) -> Tensor:
        return filtered(logits, self.sampler, None, feature)


def made(kind: str, neighbours: int = 2, seed: int = 0, keys: int = KEYS, scale: float = 2.0) -> torch.nn.Module:
    """A head of random weights, sharp enough that frames differ."""
    torch.manual_seed(seed)
    head = HEADS[kind](WIDTH, keys, PLANES, neighbours, 7, 0.0).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(scale * torch.randn_like(parameter) / math.sqrt(parameter.shape[-1]))
    return head


def given(rows: int, time: int = 1, seed: int = 1, keys: int = KEYS) -> tuple[Tensor, Tensor]:
    """A vector a frame, [rows, time, D], and planes, [rows, time, P, K]."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(rows, time, WIDTH, generator=rng), torch.rand(rows, time, PLANES, keys, generator=rng)


def of_all_frames(head: torch.nn.Module, h: Tensor, planes: Tensor) -> Tensor:
    """[2 ** K] the probability of every frame after one vector."""
    many = len(FRAMES)
    distribution = head(h.expand(many, -1, -1), planes.expand(many, -1, -1, -1))
    return distribution.log_prob(FRAMES[:, None])[:, 0].exp()


def names(frames: Tensor) -> Tensor:
    """[B]: which of FRAMES each frame [B, K] is."""
    return (frames.long() * 2 ** torch.arange(KEYS - 1, -1, -1)).sum(-1)


@pytest.mark.parametrize("neighbours", [0, 2])
@pytest.mark.parametrize("kind", HEADS)
def test_the_probabilities_of_all_frames_sum_to_one(kind: str, neighbours: int) -> None:
    for seed in range(3):
        found = of_all_frames(made(kind, neighbours, seed), *given(1, seed=seed))
        assert found.sum().item() == pytest.approx(1, abs=1e-5)
        assert found.max() < 0.9  # no frame is certain, so that the sum says something


def test_a_frame_has_the_probability_of_its_keys_one_after_another_and_an_end() -> None:
    """With the network called for one step at a time, and logits turned into probabilities here."""
    head = made("autoregressive")
    h, planes = given(2, 3)
    y = torch.tensor(
        [
            [[0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]],
            [[0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1]],
        ],
        dtype=torch.int8,
    )
    found, hit = head(h, planes).log_prob(y), head(h, planes).hits(y)
    for row, t in itertools.product(range(2), range(3)):
        prepared = head.prepared(h[row, t : t + 1], planes[row, t : t + 1])
        written: list[int] = []
        chance, likeliest = 1.0, True
        for key in [*np.flatnonzero(y[row, t]).tolist(), KEYS]:
            so_far = torch.zeros(1, KEYS)
            so_far[0, written] = 1
            last = torch.tensor([max(written, default=-1)])
            logits = head.step(prepared, torch.tensor([0]), so_far, last, torch.tensor([len(written)]))[0]
            odds = np.exp(logits.double().detach().numpy())
            assert (odds[: last.item() + 1] == 0).all()  # keys come in ascending order
            chance *= odds[key] / odds.sum()
            likeliest = likeliest and odds.argmax() == key
            written.append(key)
        assert found[row, t].item() == pytest.approx(math.log(chance), abs=1e-4)
        assert hit[row, t].item() == likeliest


def test_independent_keys_multiply() -> None:
    logits = torch.tensor([[[0.0, 2.0, -1.0]]])
    on = 1 / (1 + np.exp([0.0, -2.0, 1.0]))
    distribution = Bernoulli(logits)
    y = torch.tensor([[[1, 0, 1]]], dtype=torch.int8)
    assert distribution.log_prob(y).item() == pytest.approx(math.log(on[0] * (1 - on[1]) * on[2]), abs=1e-5)
    assert not distribution.hits(y).item()
    assert distribution.hits(torch.tensor([[[0, 1, 0]]])).item()
    assert distribution.sample(torch.tensor([[0.499, 0.9, 0.5]]), Filters()).tolist() == [[1, 0, 0]]
    assert distribution.sample(torch.tensor([[0.501, 0.8, 0.2]]), Filters()).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("neighbours", [0, 2])
@pytest.mark.parametrize("kind", HEADS)
def test_draws_follow_the_probabilities(kind: str, neighbours: int) -> None:
    head = made(kind, neighbours, seed=4)
    h, planes = given(1, seed=2)
    expected = of_all_frames(head, h, planes).detach()
    many = 8_000
    distribution = head(h.expand(many, -1, -1), planes.expand(many, -1, -1, -1))
    u = torch.from_numpy(np.random.default_rng(3).random((many, distribution.n_uniforms)))
    with torch.no_grad():
        drawn = distribution.sample(u, Filters())
    counts = torch.bincount(names(drawn), minlength=2**KEYS)
    error = (expected * (1 - expected) / many).sqrt() + 1 / many
    assert ((counts / many - expected).abs() < 4.5 * error).all()


@pytest.mark.parametrize("kind", HEADS)
def test_each_row_has_its_own_numbers_and_the_last_position(kind: str) -> None:
    head = made(kind, seed=1)
    h, planes = given(8, 4)
    distribution = head(h, planes)
    u = torch.from_numpy(np.random.default_rng(0).random((8, distribution.n_uniforms)))
    together = distribution.sample(u, Filters())
    assert len({tuple(frame) for frame in together.tolist()}) > 1
    for row in range(8):
        alone = head(h[row : row + 1, 3:], planes[row : row + 1, 3:]).sample(u[row : row + 1], Filters())
        assert torch.equal(together[row : row + 1], alone)


@pytest.mark.parametrize("kind", HEADS)
def test_greedy_takes_the_likeliest_at_every_step_and_so_do_low_temperatures(kind: str) -> None:
    head = made(kind, seed=2)
    h, planes = given(16)
    distribution = head(h, planes)
    greedy = distribution.sample(None, Filters())
    assert distribution.hits(greedy[:, None]).all()
    assert len(set(names(greedy).tolist())) > 1
    u = torch.from_numpy(np.random.default_rng(0).random((16, distribution.n_uniforms)))
    assert torch.equal(distribution.sample(u, Drawing(Sampler(temperature=1e-4))), greedy)
    assert torch.equal(distribution.sample(u, Drawing(Sampler(top_k=1))), greedy)
    assert not torch.equal(distribution.sample(u, Drawing(Sampler(temperature=3.0))), greedy)


def test_temperature_divides_the_logits() -> None:
    distribution = Bernoulli(torch.tensor([[[1.0]]]).expand(1, 1, 2))
    on = 1 / (1 + math.exp(-1 / 2))
    drawn = [
        distribution.sample(torch.full((1, 2), u), Drawing(Sampler(temperature=2.0))) for u in (on - 1e-3, on + 1e-3)
    ]
    assert [frame.tolist() for frame in drawn] == [[[1, 1]], [[0, 0]]]


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("kind", HEADS)
def test_a_key_that_is_not_allowed_never_sounds(kind: str, greedy: bool) -> None:
    head = made(kind, seed=3)
    h, planes = given(64)
    allowed = torch.rand(64, KEYS, generator=torch.Generator().manual_seed(5)) < 0.5
    allowed[0] = False
    distribution = head(h, planes)
    u = None if greedy else torch.from_numpy(np.random.default_rng(1).random((64, distribution.n_uniforms)))
    free, masked = distribution.sample(u, Filters()), distribution.sample(u, Drawing(allowed=allowed))
    assert (free.bool() & ~allowed).any()  # the mask has something to do
    assert not (masked.bool() & ~allowed).any()
    assert masked[0].sum() == 0 and masked.sum() > 0


def test_what_is_allowed_keeps_its_proportions() -> None:
    head = made("autoregressive", seed=4)
    h, planes = given(1, seed=2)
    allowed = torch.tensor([[True, False, False, False, False, False]])
    many = 5_000
    distribution = head(h.expand(many, -1, -1), planes.expand(many, -1, -1, -1))
    prepared = head.prepared(h[:, 0], planes[:, 0])
    nothing = torch.tensor([-1])
    logits = head.step(prepared, torch.tensor([0]), torch.zeros(1, KEYS), nothing, torch.tensor([0]))[0]
    odds = logits[[0, KEYS]].double().exp()
    u = torch.from_numpy(np.random.default_rng(3).random((many, KEYS + 1)))
    share = distribution.sample(u, Drawing(allowed=allowed.expand(many, -1)))[:, 0].float().mean().item()
    assert share == pytest.approx((odds[0] / odds.sum()).item(), abs=0.03)


@pytest.mark.parametrize("kind", HEADS)
def test_weights_that_are_no_numbers_give_no_frame(kind: str) -> None:
    head = made(kind)
    for parameter in head.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    distribution = head(*given(2))
    u = torch.full((2, distribution.n_uniforms), 0.5)
    for numbers in (u, None):
        assert (distribution.sample(numbers, Filters()) == -1).any(-1).all()


@pytest.mark.parametrize("kind", HEADS)
def test_padding_is_scored_without_harm(kind: str) -> None:
    head = made(kind)
    h, planes = given(1, 3)
    y = torch.tensor([[[0, 1, 0, 0, 1, 0], [-1] * KEYS, [1, 0, 0, 0, 0, 0]]], dtype=torch.int8)
    found = head(h, planes).log_prob(y)
    assert found.isfinite().all()
    for t in (0, 2):
        alone = head(h[:, t : t + 1], planes[:, t : t + 1]).log_prob(y[:, t : t + 1])
        assert found[0, t].item() == pytest.approx(alone.item(), abs=1e-5)


@pytest.mark.parametrize("kind", HEADS)
def test_one_key_is_enough(kind: str) -> None:
    head = made(kind, keys=1)
    h, planes = given(1, keys=1)
    distribution = head(h.expand(2, -1, -1), planes.expand(2, -1, -1, -1))
    assert distribution.log_prob(torch.tensor([[[0]], [[1]]])).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_the_score_of_one_frame_is_not_kept_for_another() -> None:
    distribution = made("autoregressive")(*given(1))
    assert isinstance(distribution, FrameAR)
    one, other = FRAMES[5][None, None], FRAMES[9][None, None]
    first = distribution.log_prob(one)
    assert not torch.equal(distribution.log_prob(other), first)
    assert torch.equal(distribution.log_prob(one), first)
