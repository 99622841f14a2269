"""The LSTM against its equations, its beginnings, and its sizes."""

import pytest
import torch

from erato.errors import UsageError
from erato.models import LstmConfig
from erato.representations.base import Tokens

SPACE = Tokens(size=7, start=0)


def test_it_computes_the_equations_of_each_layer() -> None:
    torch.manual_seed(1)
    config = LstmConfig(widths=(3, 5), dropout=(0.2, 0.0), embedding=4, dense=6, activation="relu")
    model = config.build(SPACE).eval()
    weights = model.state_dict()
    symbols = [0, 4, 2, 6]
    with torch.no_grad():
        found = model(torch.tensor([symbols])).logits[0]
    state = [(torch.zeros(width), torch.zeros(width)) for width in config.widths]
    for t, symbol in enumerate(symbols):
        signal = weights["embedding.weight"][symbol]
        for layer in range(2):
            w = {k.rsplit(".", 1)[1]: v for k, v in weights.items() if k.startswith(f"layers.{layer}.")}
            h, c = state[layer]
            gates = w["weight_ih_l0"] @ signal + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
            i, f, g, o = gates.chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            signal = h = o.sigmoid() * c.tanh()
            state[layer] = (h, c)
        signal = (weights["dense.0.weight"] @ signal + weights["dense.0.bias"]).relu()
        assert torch.allclose(found[t], weights["head.weight"] @ signal + weights["head.bias"], atol=1e-5)


def test_symbols_without_an_embedding_enter_one_hot() -> None:
    torch.manual_seed(1)
    model = LstmConfig(widths=(3, 5), dropout=(0.0, 0.0), embedding=0, dense=0).build(SPACE).eval()
    twin = LstmConfig(widths=(3, 5), dropout=(0.0, 0.0), embedding=7, dense=0).build(SPACE).eval()
    twin.load_state_dict(model.state_dict() | {"embedding.weight": torch.eye(7)})
    x = torch.tensor([[0, 4, 2, 6], [0, 1, 5, 3]])
    assert torch.allclose(model(x).logits, twin(x).logits, atol=1e-6)
    step, _ = model.extend(x[:, :1], model.start(2))
    assert torch.allclose(step.logits, twin(x).logits[:, :1], atol=1e-6)
    assert model.layers[0].weight_ih_l0.shape == (12, 7)
    assert "embedding.weight" not in model.state_dict()


def test_it_begins_as_keras_does() -> None:
    model = LstmConfig(widths=(8,), dropout=(0.0,), embedding=8, dense=0).build(SPACE)
    weights = model.state_dict()
    recurrent = weights["layers.0.weight_hh_l0"]  # [4 H, H]
    assert torch.allclose(recurrent.T @ recurrent, torch.eye(8), atol=1e-5)
    bias = weights["layers.0.bias_ih_l0"] + weights["layers.0.bias_hh_l0"]
    assert bias.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16  # input, forget, cell, output
    assert weights["layers.0.weight_ih_l0"].abs().max() <= (6 / (8 + 32)) ** 0.5  # Glorot's bound


def test_the_published_sizes() -> None:
    model = LstmConfig(embedding=100).build(Tokens(size=300, start=0))
    counted = sum(p.numel() for p in model.parameters())
    layers = [(100, 256), (256, 512), (512, 256)]
    expected = sum(4 * h * (i + h + 2) for i, h in layers) + 300 * 100 + 257 * 256 + 257 * 300
    assert counted == expected
    assert [type(d).__name__ for d in model.dropouts] == ["Dropout", "Dropout", "Identity"]
    assert [d.p for d in model.dropouts[:2]] == [0.5, 0.3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": ()}, "widths must be one or more numbers above 0"),
        ({"widths": (8, 0, 8)}, "widths must be one or more numbers above 0"),
        ({"widths": (8, 8)}, "dropout must have one rate, or 2, one for each LSTM layer"),
        ({"dropout": (0.5, 1.0, 0.0)}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"embedding": -1}, r"embedding must be 0 \(one-hot\) or more, got -1"),
        ({"dense": -1}, "dense must be 0"),
        ({"activation": "tan"}, "did you mean tanh"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LstmConfig(**settings)  # type: ignore[arg-type]


def test_one_rate_of_dropout_is_for_all_layers() -> None:
    one = LstmConfig(widths=(8, 6, 4), dropout=(0.2,)).build(Tokens(9, 0, 1))
    each = LstmConfig(widths=(8, 6, 4), dropout=(0.2, 0.2, 0.2)).build(Tokens(9, 0, 1))
    assert str(one.dropouts) == str(each.dropouts) and len(one.dropouts) == 3
