"""The Transformer against its definition written out plainly, its window, and the Llama layout."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from erato.errors import UsageError
from erato.models import Transformer, TransformerConfig, from_llama, llama_config, llama_state_dict
from erato.representations.base import Tokens

SPACE = Tokens(size=13, start=0)
CONFIG = TransformerConfig(layers=2, heads=2, width=24, context=16, dropout=0.0, rope_theta=50.0)


def make(config: TransformerConfig = CONFIG, size: int = 13) -> Transformer:
    torch.manual_seed(5)
    model = config.build(Tokens(size, start=0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5 + torch.rand_like(parameter))
    return model


def plainly(model: Transformer, symbols: list[int]) -> Tensor:
    """The logits after the last of `symbols`, from the Llama-named weights, a symbol and a head at a time."""
    weights, config = llama_state_dict(model), model.config
    width, pairs = config.width // config.heads, config.width // config.heads // 2

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return x / math.sqrt(float((x * x).mean()) + 1e-5) * weight

    def turned(x: Tensor, position: int) -> Tensor:
        result = x.clone()
        for d in range(pairs):
            angle = position * config.rope_theta ** (-2 * d / width)
            result[d] = x[d] * math.cos(angle) - x[d + pairs] * math.sin(angle)
            result[d + pairs] = x[d + pairs] * math.cos(angle) + x[d] * math.sin(angle)
        return result

    signal = [weights["model.embed_tokens.weight"][symbol] for symbol in symbols]
    for layer in range(config.layers):
        w = {k.split(".", 3)[3]: v for k, v in weights.items() if k.startswith(f"model.layers.{layer}.")}
        normed = [norm(x, w["input_layernorm.weight"]) for x in signal]
        seen = []
        for t in range(len(symbols)):
            heads = []
            for head in range(config.heads):
                part = slice(head * width, (head + 1) * width)
                query = turned((w["self_attn.q_proj.weight"] @ normed[t])[part], t)
                keys = [turned((w["self_attn.k_proj.weight"] @ normed[s])[part], s) for s in range(t + 1)]
                values = [(w["self_attn.v_proj.weight"] @ normed[s])[part] for s in range(t + 1)]
                scores = torch.stack([query @ key for key in keys]) / math.sqrt(width)
                heads.append((scores.softmax(0)[:, None] * torch.stack(values)).sum(0))
            seen.append(w["self_attn.o_proj.weight"] @ torch.cat(heads))
        signal = [x + y for x, y in zip(signal, seen, strict=True)]
        for t, x in enumerate(signal):
            y = norm(x, w["post_attention_layernorm.weight"])
            gate = w["mlp.gate_proj.weight"] @ y
            signal[t] = x + w["mlp.down_proj.weight"] @ (gate * gate.sigmoid() * (w["mlp.up_proj.weight"] @ y))
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    return head @ norm(signal[-1], weights["model.norm.weight"])


@pytest.mark.parametrize("tied", [True, False])
def test_it_computes_what_its_definition_says(tied: bool) -> None:
    model = make(TransformerConfig(layers=2, heads=2, width=24, context=16, tied=tied, rope_theta=50.0))
    symbols = [0, 3, 7, 7, 12, 1, 4]
    with torch.no_grad():
        found = model(torch.tensor([symbols])).logits[0]
        for t in (0, 3, 6):
            assert torch.allclose(found[t], plainly(model, symbols[: t + 1]), atol=2e-4, rtol=1e-4)


def test_the_window_begins_anew_at_fixed_places_from_the_last_half() -> None:
    model = make()
    x = torch.randint(0, 13, (1, 45), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        found = model(x).logits[0]
        for t in (15, 16, 23, 24, 31, 32, 44):  # windows: 0-15, then 8-23, 16-31, 24-39, 32-47
            begin = 0 if t < 16 else (t - 16) // 8 * 8 + 8
            assert torch.allclose(found[t], model(x[:, begin : t + 1]).logits[0, -1], atol=1e-5)


def test_the_context_is_all_it_sees() -> None:
    model = make()
    x = torch.randint(0, 13, (1, 40), generator=torch.Generator().manual_seed(6))
    other = x.clone()
    other[:, :16] = (other[:, :16] + 1) % 13
    with torch.no_grad():
        one, two = model(x).logits, model(other).logits
    assert torch.allclose(one[:, 24:], two[:, 24:], atol=1e-6)
    assert (one[:, 23] - two[:, 23]).abs().max() > 1e-4


def test_reading_one_at_a_time_copies_nothing_but_when_it_grows() -> None:
    model = make(TransformerConfig(layers=1, heads=1, width=16, context=512, dropout=0.0))
    caches = set()
    with torch.no_grad():
        state = model.start(1)
        for _ in range(300):
            state = model.extend(torch.tensor([[3]]), state)[1]
            caches.add(id(state.cache))
    assert len(caches) <= 4  # room for 64, 128, 256, 512


def test_the_llama_layout_goes_there_and_back() -> None:
    for tied in (True, False):
        model = make(TransformerConfig(layers=2, heads=2, width=24, context=16, tied=tied, rope_theta=50.0))
        weights = llama_state_dict(model)
        assert ("lm_head.weight" in weights) is not tied
        assert weights["model.layers.1.self_attn.k_proj.weight"].shape == (24, 24)
        back = from_llama(llama_config(model), weights).eval()
        x = torch.randint(0, 13, (2, 20))
        assert torch.equal(model(x).logits, back(x).logits)


def test_a_foreign_checkpoint_is_refused() -> None:
    model = make()
    config, weights = llama_config(model), llama_state_dict(model)
    with pytest.raises(UsageError, match="num_key_value_heads must be 2"):
        from_llama(config | {"num_key_value_heads": 1}, weights)
    with pytest.raises(UsageError, match="rope_type must be default"):
        from_llama(config | {"rope_parameters": {"rope_type": "llama3"}}, weights)
    with pytest.raises(UsageError, match="has no vocab_size"):
        from_llama({"n_embd": 4}, weights)
    with pytest.raises(UsageError, match=r"no model\.norm\.weight"):
        from_llama(config, {k: v for k, v in weights.items() if k != "model.norm.weight"})
    with pytest.raises(UsageError, match="shape"):
        from_llama(config, weights | {"model.norm.weight": torch.ones(7)})


def test_transformers_reads_our_weights() -> None:
    transformers = pytest.importorskip("transformers")
    for tied in (True, False):
        model = make(TransformerConfig(layers=2, heads=2, width=24, context=16, tied=tied, rope_theta=50.0))
        theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**llama_config(model))).eval()
        left_out = theirs.load_state_dict(llama_state_dict(model), strict=False)
        assert not left_out.unexpected_keys
        assert set(left_out.missing_keys) <= ({"lm_head.weight"} if tied else set())
        theirs.tie_weights()
        x = torch.randint(0, 13, (2, 16), generator=torch.Generator().manual_seed(8))
        with torch.no_grad():
            assert torch.allclose(theirs(x).logits, model(x).logits, atol=1e-4, rtol=1e-4)
            assert (F.softmax(model(x).logits, -1).amax(-1) > 0.2).any()  # not a comparison of noughts


NGRAMS = TransformerConfig(
    layers=1, heads=2, width=8, context=8, dropout=0.0, rope_theta=50.0, ngrams=(3, 2), ngram_rows=50
)


def row_of(symbols: list[int | None], size: int, rows: int) -> int:
    """The row of the n-gram `symbols`, the newest last; None: before the window."""
    code = 0
    for symbol in reversed(symbols):
        code = (code * (size + 1) + (size if symbol is None else symbol)) % (2**31 - 1)
    return code if (size + 1) ** len(symbols) <= rows else code * 2_654_435_761 % (2**31 - 1) % rows


@pytest.mark.parametrize("size", [5, 13, 60_000])
def test_ngrams_add_a_row_of_each_table_to_each_symbol(size: int) -> None:
    model = make(NGRAMS, size)
    assert model.ngrams is not None
    table, symbols = model.ngrams.table.weight, [0, 3, 1, 1, size - 1, 2, 3, 1]
    assert table.shape == (100, 8)
    found = model.ngrams(torch.tensor([symbols]), torch.empty(1, 0, dtype=torch.long))[0]
    before: list[int | None] = [None, None, *symbols]
    for t in range(8):
        two, three = row_of(before[t + 1 : t + 3], size, 50), row_of(before[t : t + 3], size, 50)
        assert torch.allclose(found[t], table[two] + table[50 + three])
    later = model.ngrams(torch.tensor([symbols[5:]]), torch.tensor([symbols[1:5]]))[0]
    assert torch.equal(later, found[5:])


def test_a_window_begun_anew_knows_no_ngrams_from_before_it() -> None:
    model = make(NGRAMS)
    x = torch.randint(0, 13, (1, 21), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        found = model(x).logits[0]
        for t, begin in ((7, 0), (8, 4), (11, 4), (12, 8), (20, 16)):
            assert torch.allclose(found[t], model(x[:, begin : t + 1]).logits[0, -1], atol=1e-5)


def test_ngram_dropout_leaves_out_whole_embeddings() -> None:
    model = make(replace(NGRAMS, ngrams=(2,), width=16, ngram_dropout=0.25)).train()
    assert model.ngrams is not None
    x = torch.randint(0, 13, (400, 8), generator=torch.Generator().manual_seed(6))
    nothing = torch.empty(400, 0, dtype=torch.long)
    found, whole = model.ngrams(x, nothing), model.eval().ngrams(x, nothing)
    left_out = (found == 0).all(-1)
    assert torch.allclose(found[~left_out], whole[~left_out] / 0.75)
    assert 0.22 < left_out.float().mean() < 0.28


def test_a_model_with_ngrams_has_no_llama_layout() -> None:
    for layout in (llama_config, llama_state_dict):
        with pytest.raises(UsageError, match=r"a Llama has no n-gram embeddings.*ngrams=\(3, 2\)"):
            layout(make(NGRAMS))


def test_attention_in_bfloat16_is_the_same_with_gradients_and_without() -> None:
    """On a processor it is written out where there are gradients."""
    model = make()
    x = torch.randint(0, 13, (2, 16), generator=torch.Generator().manual_seed(6))
    with torch.autocast("cpu", torch.bfloat16):
        half = model(x).log_prob(x)
    half.mean().backward()
    own = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    full = model(x).log_prob(x)
    full.mean().backward()
    assert torch.allclose(half, full, atol=0.1) and not torch.equal(half, full)
    for mine, p in zip(own, model.parameters(), strict=True):
        assert p.grad is not None
        assert torch.cosine_similarity(mine.flatten(), p.grad.flatten(), 0) > 0.99


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 130}, "width must be a multiple of 8"),
        ({"layers": 0}, "layers must be 1 or more, got 0"),
        ({"context": 7}, "context must be an even number from 2 to 131,072, got 7"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"ffn": 0.0}, "ffn must be above 0"),
        ({"ngrams": (2, 2)}, r"ngrams must be different numbers from 2 to the context, 512, got \(2, 2\)"),
        ({"ngrams": (1,)}, "ngrams must be"),
        ({"ngrams": (2, 9), "context": 8}, "the context, 8, got"),
        ({"ngram_rows": 0}, "ngram_rows must be 1 or more, got 0"),
        ({"ngram_dropout": 1.0}, r"ngram_dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TransformerConfig(**settings)
