"""Windows of which only the last symbol is predicted."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import LstmConfig, NoteLstmConfig, SequenceModel, WindowLstmConfig
from erato.representations.base import Notes, Tokens
from erato.training import Likelihood

SPACE = Tokens(7, start=0, end=1)
LENGTHS = torch.tensor([6, 2, 1])


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """x, y and mask of windows of those lengths, with padding at the end."""
    rng = torch.Generator().manual_seed(2)
    symbols = torch.randint(2, 7, (3, 7), generator=rng)
    return symbols[:, :-1], symbols[:, 1:], torch.arange(6) < LENGTHS[:, None]


def batches() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    while True:
        yield batch()


def built(config: LstmConfig | WindowLstmConfig) -> SequenceModel:
    torch.manual_seed(1)
    return config.build(SPACE)


@pytest.mark.parametrize(
    "config", [LstmConfig((5,), (0.0,), 4, 0), WindowLstmConfig(5, 4), WindowLstmConfig(5, 4, 3, False)]
)
def test_only_the_last_real_symbol_counts(config: LstmConfig | WindowLstmConfig) -> None:
    model, (x, y, mask) = built(config), batch()
    steps = list(Likelihood(predict="last").losses(model, batches(), torch.Generator()))
    assert len(steps) == 1
    _, loss, measures = steps[0]
    logits = model(x, mask).logits
    costs, hits = [], 0
    for row, length in enumerate(LENGTHS.tolist()):
        said = logits[row, length - 1].softmax(-1)
        costs.append(-said[y[row, length - 1]].log())
        hits += int(said.argmax() == y[row, length - 1])
    assert loss.item() == pytest.approx(sum(costs).item() / 3, rel=1e-5)  # type: ignore[union-attr]
    assert measures["symbols"] == 3 and measures["accuracy"] == hits
    assert measures["loss"].item() == pytest.approx(3 * loss.item(), rel=1e-5)
    found = torch.autograd.grad(loss, list(model.parameters()))
    expected = torch.autograd.grad(sum(costs) / 3, list(model.parameters()))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, expected, strict=True))


def test_the_model_is_told_where_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = built(WindowLstmConfig(5, 4)), []
    own = model.forward
    monkeypatch.setattr(model, "forward", lambda x, mask=None, at=None: asked.append(at) or own(x, mask, at))
    next(Likelihood(predict="last").losses(model, batches(), torch.Generator()))
    next(Likelihood().losses(model, batches(), torch.Generator()))
    assert [row.nonzero().flatten().tolist() for row in asked[0]] == [[5], [1], [0]]
    assert asked[1] is None


def test_all_symbols_count_unless_it_is_said() -> None:
    model, (x, y, mask) = built(WindowLstmConfig(5, 4)), batch()
    _, loss, measures = next(Likelihood().losses(model, batches(), torch.Generator()))
    assert measures["symbols"] == 9
    assert loss.item() == pytest.approx(-model(x).log_prob(y)[mask].mean().item(), rel=1e-5)


def test_auto_balances_what_is_predicted() -> None:
    space = Notes()
    torch.manual_seed(1)
    model = NoteLstmConfig(width=6, components=2, embedding=3).build(space)
    rng = torch.Generator().manual_seed(0)
    notes = torch.stack([60 + torch.randint(9, (2, 6), generator=rng), *torch.ones(3, 2, 6).cumsum(2)], -1)
    x, y, mask = notes[:, :-1], notes[:, 1:], torch.ones(2, 5, dtype=torch.bool)
    found = Likelihood(weights="auto", predict="last").prepared(model, iter([(x, y, mask)] * 8)).weights
    with torch.no_grad():
        means = [float(loss[:, -1].mean()) for loss in model(x).parts(y).values()]
    assert found == pytest.approx([1 / max(mean, 1e-6) for mean in means])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"predict": "last", "chunk": 8}, "objective.predict=last reads whole windows, got objective.chunk=8"),
        ({"predict": "lats"}, "did you mean last"),
        ({"predict": "first"}, "objective.predict"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Likelihood(**settings)  # type: ignore[arg-type]


def test_beside_the_last_symbol_the_others_weigh_what_is_asked() -> None:
    model, (x, y, _) = built(WindowLstmConfig(5, 6)), batch()
    with torch.no_grad():
        model.head.weight.normal_()  # the reading from right to left says something
    model.train()
    rng = torch.Generator()
    ((_, last, alone),) = Likelihood(predict="last").losses(model, batches(), rng)
    ((_, both, measures),) = Likelihood(predict="last", aside=0.5).losses(model, batches(), rng)
    assert all(torch.equal(measures[name], alone[name]) for name in alone)  # what is logged is of the last
    # What the reading from left to right says on its way, worked out step by step from a full window of `start`.
    width, costs = 5, []
    for row, length in enumerate(LENGTHS.tolist()):
        filled = torch.cat([torch.zeros(6 - length, dtype=torch.long), x[row, :length]])
        for t in range(length - 1):
            read = filled[: 6 - length + t + 1]
            one_hot = torch.nn.functional.one_hot(read, 7).float()[None]
            h = model.layer(one_hot)[0][0, -1, :width]
            said = (model.head.weight[:, :width] @ h + model.head.bias).log_softmax(-1)
            costs.append(-said[y[row, t]])
    expected = (3 * last + 0.5 * torch.stack(costs).sum()) / (3 + 0.5 * len(costs))
    assert both.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("settings", [{"aside": 1.0}, {"predict": "last", "aside": -1.0}])
def test_an_aside_is_for_the_last_symbol_only(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"objective\.aside must be 0 or more"):
        Likelihood(**settings)  # type: ignore[arg-type]


def test_a_fresh_window_model_says_what_its_left_reading_says() -> None:
    model, (x, _, mask) = built(WindowLstmConfig(5, 6)).eval(), batch()
    before = model(x, mask).logits
    with torch.no_grad():
        for name, weight in model.layer.named_parameters():
            if name.endswith("_reverse"):
                weight.normal_()
    assert torch.equal(model(x, mask).logits, before)
