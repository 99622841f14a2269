"""The Transformer of 2017 against PyTorch's own layers, its positions and beginnings, and where its window ends."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.errors import UsageError
from erato.models import MODELS, SinusoidalTransformer, SinusoidalTransformerConfig, describe
from erato.models.sinusoidal_transformer import Block
from erato.representations.base import Tokens

SPACE = Tokens(size=13, start=0, end=1)
WIDTH, CONTEXT = 12, 8


def built(**settings: object) -> SinusoidalTransformer:
    torch.manual_seed(5)
    config = SinusoidalTransformerConfig(**{"width": WIDTH, "context": CONTEXT, **settings})  # type: ignore[arg-type]
    model = config.build(SPACE).eval()
    with torch.no_grad():  # biases and norms too differ from what they begin as
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def position(place: int) -> Tensor:
    """[W] by the formula of the paper, section 3.5."""
    found = []
    for pair in range(WIDTH // 2):
        angle = place / 10_000 ** (2 * pair / WIDTH)
        found += [math.sin(angle), math.cos(angle)]
    return torch.tensor(found)


def reference(block: nn.Module, norm_first: bool, ffn: int) -> nn.TransformerEncoderLayer:
    """PyTorch's own layer with the weights of a block."""
    assert isinstance(block, Block)
    layer = nn.TransformerEncoderLayer(WIDTH, 3, ffn, dropout=0.0, batch_first=True, norm_first=norm_first)
    weights = {
        "self_attn.in_proj_weight": block.qkv.weight,
        "self_attn.in_proj_bias": block.qkv.bias,
        **{f"self_attn.out_proj.{part}": getattr(block.out, part) for part in ("weight", "bias")},
        **{f"linear1.{part}": getattr(block.up, part) for part in ("weight", "bias")},
        **{f"linear2.{part}": getattr(block.down, part) for part in ("weight", "bias")},
        **{f"norm1.{part}": getattr(block.attention_norm, part) for part in ("weight", "bias")},
        **{f"norm2.{part}": getattr(block.ffn_norm, part) for part in ("weight", "bias")},
    }
    layer.load_state_dict(weights)
    return layer


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_it_is_pytorchs_encoder_with_a_causal_mask(norm: str) -> None:
    model = built(heads=3, ffn=2.5, norm=norm)
    x = torch.randint(0, 13, (4, CONTEXT))
    signal = model.embedding.weight[x] * math.sqrt(WIDTH) + torch.stack([position(t) for t in range(CONTEXT)])
    mask = torch.full((CONTEXT, CONTEXT), -math.inf).triu(1)
    for block in model.blocks:
        signal = reference(block, norm == "pre", 30)(signal, src_mask=mask)
    if norm == "pre":
        assert isinstance(model.norm, nn.LayerNorm)
        signal = F.layer_norm(signal, (WIDTH,), model.norm.weight, model.norm.bias)
    expected = signal @ model.head.weight.T + model.head.bias
    assert torch.allclose(model(x).logits, expected, atol=1e-5)
    assert len(model.blocks) == 2 and (norm == "pre") == any(name == "norm.weight" for name in model.state_dict())


def test_a_full_window_is_begun_anew_from_its_last_half() -> None:
    model, x = built(), torch.randint(0, 13, (2, 18))
    found = model(x).logits
    assert torch.allclose(found[:, :8], model(x[:, :8]).logits, atol=1e-5)
    for begin in (8, 12, 16):  # each window holds the four symbols before these places and up to four more
        window = model(x[:, begin - 4 : begin + 4]).logits
        assert torch.allclose(found[:, begin : begin + 4], window[:, 4:], atol=1e-5)


def test_its_state_is_the_symbols_of_the_window() -> None:
    model = built()
    assert model.start(2).shape == (2, 0)
    state = model.extend(torch.tensor([[5, 3, 1]]), model.start(1))[1]
    assert state.tolist() == [[5, 3, 1]]
    state = model.extend(torch.tensor([[2, 4, 6, 8, 7]]), state)[1]
    assert state.tolist() == [[5, 3, 1, 2, 4, 6, 8, 7]]
    assert model.extend(torch.tensor([[9]]), state)[1].tolist() == [[4, 6, 8, 7, 9]]
    distribution, same = model.extend(torch.empty(1, 0, dtype=torch.long), state)
    assert distribution.logits.shape == (1, 0, 13)
    assert torch.equal(
        model.extend(torch.tensor([[9]]), same)[0].logits, model.extend(torch.tensor([[9]]), state)[0].logits
    )


def test_it_begins_as_published() -> None:
    torch.manual_seed(2)
    weights = SinusoidalTransformerConfig().build(Tokens(500, start=0)).state_dict()
    for name in ("embedding.weight", "head.weight"):
        assert 0.0999 < weights[name].abs().max() <= 0.1
        assert weights[name].std() == pytest.approx(0.2 / math.sqrt(12), rel=0.02)  # uniform
    assert weights["blocks.0.qkv.weight"].abs().max() == pytest.approx(math.sqrt(6 / (4 * 256)), rel=0.01)  # Glorot's
    for name in ("head.bias", "blocks.0.qkv.bias", "blocks.1.out.bias"):
        assert not weights[name].any()
    assert {tuple(weights[f"blocks.1.{name}.weight"].shape) for name in ("up", "down", "out")} == {(256, 256)}


def test_attention_too_is_dropped_in_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []

    def attention(*given: Tensor, dropout_p: float, is_causal: bool, own=F.scaled_dot_product_attention) -> Tensor:
        rates.append(dropout_p)
        return own(*given, dropout_p=dropout_p, is_causal=is_causal)

    monkeypatch.setattr(F, "scaled_dot_product_attention", attention)
    model = built(dropout=0.3)
    model(torch.zeros(1, 4, dtype=torch.long))
    model.train()(torch.zeros(1, 4, dtype=torch.long))
    assert rates == [0, 0, 0.3, 0.3]


def test_it_is_registered_and_says_how_far_it_sees() -> None:
    model = MODELS["sinusoidal_transformer"]().build(Tokens(57, start=0))  # type: ignore[call-arg]
    block = 256 * 768 + 768 + 3 * (256 * 256 + 256) + 4 * 256
    assert sum(p.numel() for p in model.parameters()) == 57 * 256 + 2 * block + 57 * 257
    assert "context  64 symbols" in describe(model, Tokens(57, start=0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "model.layers must be 1 or more, got 0"),
        ({"heads": 0}, "model.heads must be 1 or more, got 0"),
        ({"width": -2}, "model.width must be 1 or more, got -2"),
        ({"width": 7, "heads": 7}, r"model.width must be even and a multiple of model.heads \(7\), got 7"),
        ({"width": 10, "heads": 3}, r"a multiple of model.heads \(3\), got 10"),
        ({"context": 7}, "model.context must be an even number from 2 to 131,072, got 7"),
        ({"context": 0}, "model.context must be an even number from 2 to 131,072, got 0"),
        ({"context": 2**17 + 2}, "got 131074"),
        ({"ffn": 0.0}, "model.ffn must be above 0, got 0.0"),
        ({"ffn": float("nan")}, "model.ffn must be above 0, got nan"),
        ({"ffn": math.inf}, "model.ffn must be above 0, got inf"),
        ({"dropout": 1.0}, r"model.dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": float("nan")}, r"model.dropout must be in \[0, 1\), got nan"),
        ({"norm": "past"}, "post"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SinusoidalTransformerConfig(**settings)  # type: ignore[arg-type]


def _step(model: SinusoidalTransformer, x: Tensor, lr: float, clip: float) -> None:
    model.zero_grad()
    (-model(x[:, :-1]).log_prob(x[:, 1:])).mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    torch.optim.SGD(model.parameters(), lr).step()


@pytest.mark.parametrize(("lr", "clip", "keeps"), [(10.0, 0.6, False), (1.0, 0.6, True), (10.0, 0.06, True)])
def test_steps_of_the_published_length_make_all_positions_alike(lr: float, clip: float, keeps: bool) -> None:
    torch.manual_seed(0)
    model = SinusoidalTransformerConfig(dropout=0.0).build(Tokens(300, start=0))
    x = torch.randint(1, 300, (4, 33), generator=torch.Generator().manual_seed(1)) ** 2 // 300  # some come often
    for _ in range(8):
        _step(model, x, lr, clip)
    signal = model._read(x[:, :-1]).detach().flatten(0, 1)
    spread = float(signal.std(0).pow(2).mean().sqrt() / signal.pow(2).mean().sqrt())
    assert spread > 0.5 if keeps else spread < 0.1, spread
