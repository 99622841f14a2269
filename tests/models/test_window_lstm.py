"""The window model against the equations of its layers, at its edges, and where it is asked."""

import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import MODELS, WindowLstm, WindowLstmConfig, describe
from erato.representations.base import Tokens

SPACE = Tokens(size=7, start=2, end=1)
WINDOW = 4


def built(**settings: object) -> WindowLstm:
    torch.manual_seed(1)
    config = WindowLstmConfig(**{"width": 3, "window": WINDOW, **settings})  # type: ignore[arg-type]
    return config.build(SPACE).eval()


def known(model: WindowLstm, symbols: list[int], suffix: str) -> Tensor:
    """[H] what an LSTM layer knows after the symbols, by its equations."""
    weights = model.state_dict()
    reading, recurrent, one, other = (
        weights[f"layer.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = torch.zeros(recurrent.shape[1])
    for symbol in symbols:
        signal = weights["embedding.weight"][symbol] if "embedding.weight" in weights else torch.eye(7)[symbol]
        i, f, g, o = (reading @ signal + recurrent @ h + one + other).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


@pytest.mark.parametrize("settings", [{}, {"bidirectional": False}, {"embedding": 5}])
def test_each_prediction_is_made_from_its_window_alone(settings: dict[str, object]) -> None:
    model = built(**settings)
    symbols = [2, 5, 3, 6, 0, 4, 4, 1]
    with torch.no_grad():
        found = model(torch.tensor([symbols])).logits[0]
    for t in range(len(symbols)):
        window = ([2] * WINDOW + symbols[: t + 1])[-WINDOW:]  # `start` also stands before the first symbol
        ends = [known(model, window, "")]
        if settings.get("bidirectional", True):
            ends.append(known(model, window[::-1], "_reverse"))
        expected = model.head.weight @ torch.cat(ends) + model.head.bias
        assert torch.allclose(found[t], expected, atol=1e-5), t


def test_what_lies_before_the_window_is_not_seen() -> None:
    model, x = built(), torch.randint(0, 7, (2, 12))
    changed = x.clone()
    changed[:, 3] = (x[:, 3] + 1) % 7
    one, other = model(x).logits, model(changed).logits
    assert torch.equal(one[:, 3 + WINDOW :], other[:, 3 + WINDOW :])
    assert not torch.isclose(one[:, 2 + WINDOW], other[:, 2 + WINDOW]).all()


def test_its_state_is_the_last_symbols() -> None:
    model = built()
    assert model.start(2).tolist() == [[2] * 4] * 2
    state = model.extend(torch.tensor([[5, 3]]), model.start(1))[1]
    assert state.tolist() == [[2, 2, 5, 3]]
    assert model.extend(torch.tensor([[6, 0, 4, 4, 1]]), state)[1].tolist() == [[0, 4, 4, 1]]


def test_only_what_is_asked_for_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = built(), torch.randint(0, 7, (3, 9))
    whole = model(x).logits
    read = []
    monkeypatch.setattr(model, "_logits", lambda windows, own=model._logits: read.append(len(windows)) or own(windows))
    at = torch.zeros(3, 9, dtype=torch.bool)
    at[0, 8] = at[1, 0] = at[2, 5] = at[2, 6] = True
    found = model(x, None, at).logits
    assert found.shape == whole.shape and read == [4]
    assert torch.allclose(found[at], whole[at], atol=1e-6)
    assert model(x, None, at & False).logits.shape == whole.shape  # nothing is asked for


@pytest.mark.parametrize("many", [1, 5, 27, 1000])
def test_many_windows_are_read_in_pieces(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = built(), torch.randint(0, 7, (3, 9))
    whole, read = model(x).logits, []
    monkeypatch.setattr("erato.models.window_lstm.MANY", many)
    model.layer.register_forward_pre_hook(lambda _, given: read.append(len(given[0])))
    assert torch.allclose(model(x).logits, whole, atol=1e-6)
    assert sum(read) == 27 and max(read) == min(many, 27)


def test_both_directions_begin_as_keras_does() -> None:
    weights = built(width=8).state_dict()
    for suffix in ("l0", "l0_reverse"):
        recurrent = weights[f"layer.weight_hh_{suffix}"]
        assert torch.allclose(recurrent.T @ recurrent, torch.eye(8), atol=1e-5)
        bias = weights[f"layer.bias_ih_{suffix}"] + weights[f"layer.bias_hh_{suffix}"]
        assert bias.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16  # input, forget, cell, output
        bound = (6 / (7 + 32)) ** 0.5  # Glorot's
        assert 0.9 * bound < weights[f"layer.weight_ih_{suffix}"].abs().max() <= bound


def test_it_is_registered_and_says_how_far_it_sees() -> None:
    model = MODELS["window_lstm"]().build(Tokens(57, start=0))  # type: ignore[call-arg]
    assert sum(p.numel() for p in model.parameters()) == 2 * 512 * (57 + 128 + 2) + 57 * 257
    assert "context  100 symbols" in describe(model, Tokens(57, start=0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "model.width must be at least 1, got 0"),
        ({"window": 0}, "model.window must be at least 1, got 0"),
        ({"embedding": -1}, "model.embedding must be at least 0, got -1"),
        ({"dropout": 1.0}, r"model.dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": float("nan")}, r"model.dropout must be in \[0, 1\), got nan"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WindowLstmConfig(**settings)  # type: ignore[arg-type]
