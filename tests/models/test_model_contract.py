"""What every sequence model promises, for everything in MODELS, at sizes small enough to see through."""

import pytest
import torch
from torch import Tensor

from erato.models import MODELS, SequenceModel, take
from erato.models.base import State
from erato.models.describe import count_parameters, describe
from erato.representations.base import Tokens

SPACE = Tokens(size=11, start=0, end=1)
SMALL = {
    "lstm": {"widths": (6, 9), "dropout": (0.3, 0.0), "embedding": 5, "dense": 4, "activation": "tanh"},
    "transformer": {"layers": 2, "heads": 2, "width": 16, "context": 8, "dropout": 0.2},
}
TIME = 27  # more than three times the context


def test_every_model_has_a_small_twin_here() -> None:
    assert set(SMALL) == set(MODELS)


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> SequenceModel:
    torch.manual_seed(3)
    made = MODELS[request.param](**SMALL[request.param]).build(SPACE).eval()
    with torch.no_grad():  # sharper than fresh weights, so that mistakes show
        for parameter in made.parameters():
            parameter.mul_(1.2)
    return made


@pytest.fixture
def x() -> Tensor:
    return torch.randint(0, SPACE.size, (3, TIME), generator=torch.Generator().manual_seed(4))


def close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() < 1e-5)


def read(model: SequenceModel, x: Tensor, state: State, *blocks: int) -> tuple[Tensor, State]:
    logits, begin = [], 0
    for length in blocks:
        distribution, state = model.extend(x[:, begin : begin + length], state)
        logits.append(distribution.logits)
        begin += length
    assert begin == x.shape[1]
    return torch.cat(logits, 1), state


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize(
    "blocks",
    [(27,), (1,) * 27, (4, 4, 4, 15), (8, 8, 8, 3), (7, 1, 1, 18), (3, 9, 2, 13), (26, 1), (12, 12, 3)],
)
def test_blocks_of_any_size_equal_forward(model: SequenceModel, x: Tensor, blocks: tuple[int, ...], grad: bool) -> None:
    with torch.set_grad_enabled(grad):
        whole = model(x).logits
        assert whole.shape == (3, TIME, SPACE.size)
        assert close(read(model, x, model.start(3), *blocks)[0], whole)


def test_nothing_is_seen_ahead_of_time(model: SequenceModel, x: Tensor) -> None:
    other = x.clone()
    other[:, 20:] = (other[:, 20:] + 1) % SPACE.size
    before, after = model(x).logits, model(other).logits
    assert close(before[:, :20], after[:, :20])
    assert not close(before[:, 20:], after[:, 20:])


def test_the_past_matters(model: SequenceModel, x: Tensor) -> None:
    other = x.clone()
    other[:, 18] = (other[:, 18] + 1) % SPACE.size
    assert (model(x).logits[:, 20] - model(other).logits[:, 20]).abs().max() > 1e-4


@pytest.mark.parametrize("at", [0, 1, 5, 8, 12, 13])
def test_a_state_can_be_extended_twice(model: SequenceModel, x: Tensor, at: int) -> None:
    first, second = x, torch.cat([x[:, :at], (x[:, at:] + 3) % SPACE.size], 1)
    with torch.no_grad():
        state = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        for goes_on in (first, second, first):
            by_one = read(model, goes_on[:, at:], state, *(1,) * (TIME - at))[0]
            at_once = read(model, goes_on[:, at:], state, TIME - at)[0]
            assert close(by_one, model(goes_on).logits[:, at:])
            assert close(at_once, by_one)


def test_states_that_grew_from_one_do_not_disturb_each_other(model: SequenceModel, x: Tensor) -> None:
    one, other = x, torch.cat([x[:, :3], (x[:, 3:] + 3) % SPACE.size], 1)
    with torch.no_grad():
        root = model.extend(x[:, :3], model.start(3))[1]
        state_a, state_b = root, root
        for t in range(3, 20):  # in turns
            logits_a, state_a = model.extend(one[:, t : t + 1], state_a)
            logits_b, state_b = model.extend(other[:, t : t + 1], state_b)
            assert close(logits_a.logits, model(one).logits[:, t : t + 1])
            assert close(logits_b.logits, model(other).logits[:, t : t + 1])


@pytest.mark.parametrize("at", [0, 5, 8, 11])
def test_take_reorders_copies_and_drops_rows(model: SequenceModel, x: Tensor, at: int) -> None:
    rows = torch.tensor([2, 0, 0, 2])
    with torch.no_grad():
        state = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        chosen = take(state, rows)
        whole = model(x).logits
        assert close(read(model, x[rows, at:], chosen, 1, 2, TIME - at - 3)[0], whole[rows, at:])
        assert close(read(model, x[:, at:], state, 1, TIME - at - 1)[0], whole[:, at:])  # the old one is as it was


@pytest.mark.parametrize(("at", "length", "n"), [(0, 5, 2), (3, 5, 0), (3, 5, 5), (6, 6, 1), (6, 6, 4), (8, 4, 2)])
def test_keep_is_the_state_after_the_first_n(model: SequenceModel, x: Tensor, at: int, length: int, n: int) -> None:
    with torch.no_grad():
        before = model.extend(x[:, :at], model.start(3))[1] if at else model.start(3)
        drafted = (x[:, at : at + length] + 5) % SPACE.size
        drafted[:, :n] = x[:, at : at + n]
        after = model.extend(drafted, before)[1]
        kept = model.keep(before, after, drafted, n)
        goes_on = read(model, x[:, at + n :], kept, 1, 1, TIME - at - n - 2)[0]
        assert close(goes_on, model(x).logits[:, at + n :])
        redone = torch.cat([x[:, :at], drafted, x[:, :3]], 1)
        assert close(model.extend(x[:, :3], after)[0].logits, model(redone).logits[:, -3:])


def test_padding_changes_nothing_before_it(model: SequenceModel, x: Tensor) -> None:
    lengths = torch.tensor([TIME, 15, 4])
    mask = torch.arange(TIME) < lengths[:, None]
    padded = model(x.masked_fill(~mask, 0), mask).logits
    for row, length in enumerate(lengths.tolist()):
        alone = model(x[row : row + 1, :length]).logits
        assert close(padded[row : row + 1, :length], alone)


def test_gradients_reach_every_parameter(model: SequenceModel, x: Tensor) -> None:
    model.train()
    (-model(x[:, :-1]).log_prob(x[:, 1:]).mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_gradients_flow_within_each_block_of_carried_state(model: SequenceModel, x: Tensor) -> None:
    state = model.start(3)
    total = torch.zeros(())
    for begin in range(0, 24, 6):
        distribution, state = model.extend(x[:, begin : begin + 6], state)
        total = total - distribution.log_prob(x[:, begin + 1 : begin + 7]).mean()
    total.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_model_learns_a_pattern(model: SequenceModel) -> None:
    pattern = torch.tensor([[0, 3, 5, 3, 7, 5, 2] * 3])
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(120):
        optimizer.zero_grad()
        loss = -model(pattern[:, :-1]).log_prob(pattern[:, 1:]).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.5  # a uniform guess costs log(11) = 2.4 nats, one that counts symbols 1.7


def test_dropout_is_at_work_only_in_training(model: SequenceModel, x: Tensor) -> None:
    assert torch.equal(model(x).logits, model(x).logits)
    model.train()
    assert not torch.equal(model(x).logits, model(x).logits)


def test_the_same_seed_builds_the_same_model() -> None:
    for name, settings in SMALL.items():
        built = []
        for _ in range(2):
            torch.manual_seed(7)
            built.append(MODELS[name](**settings).build(SPACE).state_dict())
        assert all(torch.equal(built[0][key], built[1][key]) for key in built[0])


def test_the_description_names_every_tensor_and_the_total(model: SequenceModel) -> None:
    text = describe(model, SPACE)
    for name, parameter in model.named_parameters():
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        assert line.split()[-1] == f"{parameter.numel():,}"
        assert str(parameter.shape[0]) in line
    assert f"{count_parameters(model):,}" in text
    assert "11" in text
    assert ("8 symbols" in text) == (model.context == 8)
