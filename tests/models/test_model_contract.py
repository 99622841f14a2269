"""What every sequence model promises, for all of them in MODELS, at sizes small enough to see through."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import MODELS, Categorical, Distribution, Filters, SequenceModel, take
from erato.models.base import State
from erato.models.describe import count_parameters, describe
from erato.representations.base import Bits, Frames, Notes, Space, Tokens

TOKENS, FRAMES, NOTES = Tokens(size=11, start=0, end=1), Frames(keys=6), Notes()
BITS = Bits(keys=4, step_s=0.1)


@dataclass
class Case:
    """A model of MODELS at a small size, and the space that it reads."""

    model: str
    space: Space
    settings: dict[str, Any] = field(default_factory=dict)
    learnt: float = 0.5  # what six symbols over and over may cost after a short training

    def build(self) -> SequenceModel:
        return MODELS[self.model](**self.settings).build(self.space)


SMALL = {
    "lstm": Case(
        "lstm", TOKENS, {"widths": (6, 9), "dropout": (0.3, 0.0), "embedding": 5, "dense": 4, "activation": "tanh"}
    ),
    "transformer": Case("transformer", TOKENS, {"layers": 2, "heads": 2, "width": 16, "context": 8, "dropout": 0.2}),
    "transformer with n-grams": Case(
        "transformer",
        TOKENS,
        {"layers": 1, "heads": 2, "width": 16, "context": 8, "dropout": 0.2, "ngrams": (2, 3, 6), "ngram_rows": 150},
    ),
    "sinusoidal_transformer": Case(
        "sinusoidal_transformer", TOKENS, {"layers": 2, "heads": 2, "width": 16, "context": 8, "dropout": 0.2}
    ),
    "sinusoidal_transformer with norms before its parts": Case(
        "sinusoidal_transformer",
        TOKENS,
        {"layers": 2, "heads": 2, "width": 16, "context": 8, "dropout": 0.2, "norm": "pre"},
    ),
    "pretrained": Case("pretrained", TOKENS, {"layers": 2, "heads": 2, "width": 16, "context": 8, "dropout": 0.2}),
    "note_lstm": Case(
        "note_lstm", NOTES, {"width": 12, "layers": 2, "components": 3, "embedding": 5, "dropout": 0.2}, learnt=5.0
    ),
    "note_lstm of the tutorial": Case(
        "note_lstm",
        Notes(velocity=False),
        {"width": 9, "head": "regression", "embedding": 0, "dropout": 0.2},
        learnt=1.5,
    ),
    "frame_lstm": Case(
        "frame_lstm",
        FRAMES,
        {"embedding": 6, "width": 8, "hidden": 7, "memory": 9, "neighbours": 2, "dropout": (0.2, 0.1, 0.1)},
    ),
    "frame_lstm with independent keys": Case(
        "frame_lstm",
        FRAMES,
        {"embedding": 6, "width": 8, "hidden": 0, "memory": 0, "neighbours": 2, "head": "independent", "norm": "layer"},
    ),
    "window_lstm": Case("window_lstm", TOKENS, {"width": 7, "window": 8, "dropout": 0.2}),
    "window_lstm from the left": Case(
        "window_lstm", TOKENS, {"width": 9, "window": 8, "embedding": 5, "bidirectional": False, "dropout": 0.2}
    ),
    "pianonet": Case("pianonet", BITS, {"filter_increments": ((3, 2, 2), (2, 2)), "dropout": 0.1}),
    "pianonet with all there is": Case(
        "pianonet",
        BITS,
        {
            "filters": ((6, 6), (6, 8)),
            "residual": True,
            "gated": True,
            "norm": True,
            "keys": True,
            "beats": 3,
            "dropout": 0.2,
        },
    ),
    "pianonet of rectified units that knows its steps": Case(
        "pianonet",
        BITS,
        {"filters": ((16, 15, 17),), "default_activation": "relu", "residual": True, "beats": 2, "dropout": 0.1},
    ),
    "lstm of one-hot symbols": Case("lstm", TOKENS, {"widths": (9,), "dropout": (0.3,), "embedding": 0, "dense": 0}),
}
LATENT = {"musegan"}  # no sequence models; test_latent_contract.py says what they promise
TIME = 27  # more than three times the context


def test_every_model_has_a_small_twin_here() -> None:
    assert {case.model for case in SMALL.values()} == set(MODELS) - LATENT


@pytest.fixture(params=SMALL)
def case(request: pytest.FixtureRequest) -> Case:
    return SMALL[request.param]


@pytest.fixture
def model(case: Case) -> SequenceModel:
    torch.manual_seed(3)
    made = case.build().eval()
    with torch.no_grad():  # sharper than fresh weights, so that mistakes show
        for parameter in made.parameters():
            parameter.mul_(1.2)
    return made


def symbols(space: Space, length: int, seed: int) -> Tensor:
    """[3, length, *shape] random symbols of pieces."""
    rng = torch.Generator().manual_seed(seed)
    if isinstance(space, Tokens):
        return torch.randint(1, space.size, (3, length), generator=rng)
    if isinstance(space, Frames):
        return torch.randint(0, 2, (3, length, space.keys), generator=rng, dtype=torch.int8)
    if isinstance(space, Bits):
        return torch.randint(0, 2, (3, length), generator=rng, dtype=torch.int8)
    assert isinstance(space, Notes)
    pitch, step, duration, velocity = torch.rand(4, 3, length, generator=rng)
    counts = torch.stack(((step * 40 - 10).clamp(min=0).floor(), 1 + (duration * 90).floor()))
    features = (*(counts.double() * space.resolution_s).float(), 1 + (velocity * 127).floor())
    return torch.stack(((pitch * 128).floor(), *features), -1)[..., : len(space.features)]


@pytest.fixture
def x(case: Case) -> Tensor:
    """What is read: what stands before the first symbol, and symbols."""
    before = torch.from_numpy(case.space.before)
    return torch.cat([before.expand(3, 1, *before.shape), symbols(case.space, TIME - 1, 4)], 1)


@pytest.fixture
def y(case: Case) -> Tensor:
    """What the distributions are asked about, whatever was read."""
    return symbols(case.space, TIME, 5)


@pytest.fixture
def other(case: Case, x: Tensor) -> Tensor:
    """Symbols that differ from `x` everywhere."""
    if isinstance(case.space, Bits):
        return 1 - x.clamp(min=0)
    return symbols(case.space, TIME, 6)


def numbers(distribution: Distribution, y: Tensor) -> Tensor:
    """[B, T, ...] All that is to be seen of a distribution: logits, or what it says of y [B, T, ...]."""
    if isinstance(distribution, Categorical):
        return distribution.logits
    return torch.stack([distribution.log_prob(y), *distribution.parts(y).values()], -1)


def cost(distribution: Distribution, y: Tensor) -> Tensor:
    """[B, T] What training makes small."""
    parts = distribution.parts(y)
    return torch.stack([*parts.values()]).sum(0) if parts else -distribution.log_prob(y)


def close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def read(model: SequenceModel, x: Tensor, y: Tensor, state: State, *blocks: int) -> tuple[Tensor, State]:
    found, begin = [], 0
    for length in blocks:
        here = slice(begin, begin + length)
        distribution, state = model.extend(x[:, here], state)
        found.append(numbers(distribution, y[:, here]))
        begin += length
    assert begin == x.shape[1]
    return torch.cat(found, 1), state


BLOCKS = [(27,), (1,) * 27, (4, 4, 4, 15), (8, 8, 8, 3), (7, 1, 1, 18), (3, 9, 2, 13), (26, 1), (12, 12, 3)]


@pytest.mark.parametrize("grad", [True, False])
def test_blocks_of_any_size_equal_forward(model: SequenceModel, x: Tensor, y: Tensor, grad: bool) -> None:
    with torch.set_grad_enabled(grad):
        whole = numbers(model(x), y)
        assert whole.shape[:2] == (3, TIME)
        for blocks in BLOCKS:
            assert close(read(model, x, y, model.start(3), *blocks)[0], whole), blocks


def test_nothing_is_seen_ahead_of_time(model: SequenceModel, x: Tensor, y: Tensor, other: Tensor) -> None:
    changed = torch.cat([x[:, :20], other[:, 20:]], 1)
    before, after = numbers(model(x), y), numbers(model(changed), y)
    assert close(before[:, :20], after[:, :20])
    assert not close(before[:, 20:], after[:, 20:])


def test_the_past_matters(model: SequenceModel, x: Tensor, y: Tensor, other: Tensor) -> None:
    changed = torch.cat([x[:, :18], other[:, 18:19], x[:, 19:]], 1)
    assert (numbers(model(x), y)[:, 20] - numbers(model(changed), y)[:, 20]).abs().max() > 1e-4


@pytest.mark.parametrize("at", [0, 1, 5, 8, 12, 13])
def test_a_state_can_be_extended_twice(model: SequenceModel, x: Tensor, y: Tensor, other: Tensor, at: int) -> None:
    first, second = x, torch.cat([x[:, :at], other[:, at:]], 1)
    with torch.no_grad():
        state = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        on, steps = slice(at, at + 14), (1,) * 14  # beyond the context
        for goes_on in (first, second, first):
            by_one = read(model, goes_on[:, on], y[:, on], state, *steps)[0]
            at_once = read(model, goes_on[:, on], y[:, on], state, 14)[0]
            assert close(by_one, numbers(model(goes_on), y)[:, on])
            assert close(at_once, by_one)


def test_states_that_grew_from_one_do_not_disturb_each_other(
    model: SequenceModel, x: Tensor, y: Tensor, other: Tensor
) -> None:
    one, other = x, torch.cat([x[:, :3], other[:, 3:]], 1)
    with torch.no_grad():
        whole_a, whole_b = numbers(model(one), y), numbers(model(other), y)
        root = model.extend(x[:, :3], model.start(3))[1]
        state_a, state_b = root, root
        for t in range(3, 20):  # in turns
            found_a, state_a = model.extend(one[:, t : t + 1], state_a)
            found_b, state_b = model.extend(other[:, t : t + 1], state_b)
            assert close(numbers(found_a, y[:, t : t + 1]), whole_a[:, t : t + 1])
            assert close(numbers(found_b, y[:, t : t + 1]), whole_b[:, t : t + 1])


@pytest.mark.parametrize("at", [0, 5, 8, 11])
def test_take_reorders_copies_and_drops_rows(model: SequenceModel, x: Tensor, y: Tensor, at: int) -> None:
    rows = torch.tensor([2, 0, 0, 2])
    with torch.no_grad():
        state = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        chosen = take(state, rows)
        whole = numbers(model(x), y)
        assert close(read(model, x[rows, at:], y[rows, at:], chosen, 1, 2, TIME - at - 3)[0], whole[rows, at:])
        assert close(read(model, x[:, at:], y[:, at:], state, 1, TIME - at - 1)[0], whole[:, at:])  # as it was


@pytest.mark.parametrize(("at", "length", "n"), [(0, 5, 2), (3, 5, 0), (3, 5, 5), (6, 6, 1), (6, 6, 4), (8, 4, 2)])
def test_keep_is_the_state_after_the_first_n(
    model: SequenceModel, x: Tensor, y: Tensor, other: Tensor, at: int, length: int, n: int
) -> None:
    with torch.no_grad():
        before = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        drafted = torch.cat([x[:, at : at + n], other[:, at + n : at + length]], 1)
        after = model.extend(drafted, before)[1]
        kept = model.keep(before, after, drafted, n)
        goes_on = read(model, x[:, at + n :], y[:, at + n :], kept, 1, 1, TIME - at - n - 2)[0]
        assert close(goes_on, numbers(model(x), y)[:, at + n :])
        redone = model(torch.cat([x[:, :at], drafted, x[:, :3]], 1))
        whole = numbers(redone, torch.cat([y[:, : at + length], y[:, :3]], 1))
        assert close(numbers(model.extend(x[:, :3], after)[0], y[:, :3]), whole[:, -3:])


def test_padding_changes_nothing_before_it(case: Case, model: SequenceModel, x: Tensor, y: Tensor) -> None:
    lengths = torch.tensor([TIME, 15, 4])
    mask = torch.arange(TIME) < lengths[:, None]
    padded_x, padded_y = x.clone(), y.clone()
    padded_x[~mask] = padded_y[~mask] = torch.from_numpy(case.space.before)
    padded = numbers(model(padded_x, mask), padded_y)
    assert padded.isfinite().all()
    for row, length in enumerate(lengths.tolist()):
        alone = numbers(model(x[row : row + 1, :length]), y[row : row + 1, :length])
        assert close(padded[row : row + 1, :length], alone)


def test_gradients_reach_every_parameter(model: SequenceModel, x: Tensor) -> None:
    model.train()
    with torch.no_grad():  # a part may begin with nothing to say
        for parameter in model.parameters():
            parameter.add_(0.01)
    cost(model(x[:, :-1]), x[:, 1:]).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_padding_gives_no_gradient_that_is_no_number(case: Case, model: SequenceModel, x: Tensor) -> None:
    padded = x.clone()
    padded[:, 20:] = torch.from_numpy(case.space.before)
    cost(model(padded[:, :-1]), padded[:, 1:])[:, :19].mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_gradients_flow_within_each_block_of_carried_state(model: SequenceModel, x: Tensor) -> None:
    state = model.start(3)
    total = torch.zeros(())
    for begin in range(0, 24, 6):
        distribution, state = model.extend(x[:, begin : begin + 6], state)
        total = total + cost(distribution, x[:, begin + 1 : begin + 7]).mean()
    total.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_model_learns_a_pattern(case: Case, model: SequenceModel, x: Tensor) -> None:
    pattern = torch.cat([x[:1, :1], *[x[:1, 1:7]] * 3], 1)
    if isinstance(case.space, Tokens):
        pattern = torch.tensor([[0, *[3, 5, 3, 7, 5, 2] * 3]])
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(120):
        optimizer.zero_grad()
        loss = cost(model(pattern[:, :-1]), pattern[:, 1:]).mean()
        if loss < case.learnt:
            return
        loss.backward()
        optimizer.step()
    # A uniform guess costs log(11) = 2.4 nats, counts of symbols 1.3; counts of notes log(6) = 1.8 a feature.
    pytest.fail(f"after 120 steps the pattern costs {loss:.2f} nats a symbol")


def test_dropout_is_at_work_only_in_training(model: SequenceModel, x: Tensor, y: Tensor) -> None:
    assert torch.equal(numbers(model(x), y), numbers(model(x), y))
    model.train()
    assert not torch.equal(numbers(model(x), y), numbers(model(x), y))


def test_what_is_drawn_is_a_symbol_and_depends_on_the_numbers(case: Case, model: SequenceModel, x: Tensor) -> None:
    found = []
    with torch.no_grad():
        for u in (0.02, 0.98, None):
            distribution = model(x)
            uniforms = None if u is None else torch.full((3, distribution.n_uniforms), u, dtype=torch.float64)
            drawn = distribution.sample(uniforms, Filters())
            assert drawn.shape == (3, *case.space.shape)
            found.append(drawn)
            if case.space.end is None:
                assert case.space.holds(drawn.numpy()).all()
    assert not torch.equal(found[0], found[1])


def test_the_same_seed_builds_the_same_model(case: Case) -> None:
    built = []
    for _ in range(2):
        torch.manual_seed(7)
        built.append(case.build().state_dict())
    assert all(torch.equal(built[0][key], built[1][key]) for key in built[0])


def test_the_description_names_every_tensor_and_the_total(case: Case, model: SequenceModel) -> None:
    text = describe(model, case.space)
    for name, parameter in model.named_parameters():
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        assert line.split()[-1] == f"{parameter.numel():,}"
        assert str(parameter.shape[0]) in line
    assert f"{count_parameters(model):,}" in text
    assert str(case.space) in text
    assert ("8 symbols" in text) == (model.context == 8)


def test_a_space_that_a_model_does_not_read_is_refused(case: Case) -> None:
    foreign = NOTES if isinstance(case.space, Tokens) else TOKENS
    with pytest.raises(UsageError, match=f"the model {case.model} reads"):
        MODELS[case.model](**case.settings).build(foreign)
