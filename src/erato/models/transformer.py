"""A decoder-only Transformer of the Llama kind: symbols in, a distribution over the next symbol out.

Rotary positions (Su et al. 2021), RMSNorm before each part (Zhang and Sennrich 2019), SwiGLU (Shazeer 2020),
no biases. Knows nothing of pitches, pieces or training. Legend: B batch, T time, V vocabulary, W width, H
heads, D = W / H, C context, n symbols in the window so far.

The window: symbols 0..C-1 are read in one window. To read symbol C, the window is begun anew from the last
C/2 symbols, and again at 3C/2, 2C, ... These places are the same in `forward` and in `extend`, whatever the
blocks.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.errors import UsageError
from erato.models.base import Categorical, ModelConfig, SequenceModel
from erato.representations.base import Space

EPS = 1e-5  # of the norms


@dataclass(frozen=True)
class TransformerConfig(ModelConfig):
    """Sizes of a Transformer; raises UsageError where they do not fit.

    context: symbols it can see, even. ffn: units of a feed-forward layer as a multiple of the width (rounded
    to 16s).
    """

    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 512
    ffn: float = 3.0
    dropout: float = 0.1
    tied: bool = True  # one table for embedding and output
    rope_theta: float = 10_000.0

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise UsageError(
                f"width must be a multiple of {2 * self.heads} (twice the heads), got {self.width}"
            )
        if self.context < 2 or self.context % 2:
            raise UsageError(f"context must be an even number of 2 or more, got {self.context}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be in [0, 1), got {self.dropout}")
        if not (0 < self.ffn < math.inf and 1 < self.rope_theta < math.inf):
            raise UsageError(
                f"ffn must be above 0 and rope_theta above 1, got {self.ffn} and {self.rope_theta}"
            )

    @property
    def hidden(self) -> int:
        """Units of a feed-forward layer."""
        return max(16, round(self.width * self.ffn / 16) * 16)

    def build(self, space: Space) -> "Transformer":
        return Transformer(self, space.size)


@dataclass
class Cache:
    """Keys, values and symbols of one window, with room for more; what is `filled` is never written again."""

    kv: list[tuple[Tensor, Tensor]]  # one pair a layer, each [B, H, room, D]
    symbols: Tensor  # [B, room]
    filled: int = 0


@dataclass(frozen=True)
class TransformerState:
    """The first n symbols of a window; where another state went on in the same cache, extending copies."""

    batch: int
    n: int = 0
    cache: Cache | None = None

    def take(self, rows: Tensor) -> "TransformerState":
        """The state of the pieces `rows`, with room of its own."""
        if self.cache is None:
            return TransformerState(len(rows))
        old = self.cache
        kv = [
            (k[:, :, : self.n].index_select(0, rows), v[:, :, : self.n].index_select(0, rows))
            for k, v in old.kv
        ]
        taken = Cache(kv, old.symbols[:, : self.n].index_select(0, rows), self.n)
        return TransformerState(len(rows), self.n, taken)


class Block(nn.Module):
    """Attention, then a gated feed-forward layer, each added to what it reads."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(
            width, 3 * width, bias=False
        )  # queries, keys, values of all heads, in this order
        self.out = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(width))
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self,
        signal: Tensor,  # [B, T, W]
        cos: Tensor,  # [T, 1, D]
        sin: Tensor,
        past: tuple[Tensor, Tensor] | None = None,  # room for keys and values, [B, H, room, D]
        n: int = 0,  # how much of it is filled
        mask: Tensor | None = None,  # [T, n + T]; None: causal, or one symbol that sees all
    ) -> Tensor:
        batch, time, width = signal.shape
        rate = self.dropout if self.training else 0.0
        qkv = self.qkv(F.rms_norm(signal, (width,), self.attention_norm, EPS)).view(
            batch, time, 3 * self.heads, -1
        )
        qk, value = qkv[:, :, : 2 * self.heads], qkv[:, :, 2 * self.heads :].transpose(1, 2)
        # Rotation of each pair (d, d + D/2); the sign of the first half is in `sin`.
        qk = (qk * cos + qk.roll(qk.shape[-1] // 2, -1) * sin).type_as(qkv).transpose(1, 2)
        query, key = qk[:, : self.heads], qk[:, self.heads :]
        if past is not None:
            key, value = _remember(past, n, key, value)
        seen = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=rate, is_causal=mask is None and time > 1
        )
        seen = self.out(seen.transpose(1, 2).reshape(batch, time, width))
        signal = signal + (F.dropout(seen, rate) if rate else seen)
        gate, up = self.gate_up(F.rms_norm(signal, (width,), self.ffn_norm, EPS)).chunk(2, -1)
        fed = self.down(F.silu(gate) * up)
        return signal + (F.dropout(fed, rate) if rate else fed)


def _remember(past: tuple[Tensor, Tensor], n: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Writes new keys and values behind the first n; returns all so far. No gradient goes into the past."""
    upto = n + key.shape[2]
    keys, values = past[0][:, :, :upto], past[1][:, :, :upto]
    keys[:, :, n:].copy_(key.detach())
    values[:, :, n:].copy_(value.detach())
    if n == 0:
        return key, value
    if torch.is_grad_enabled():  # backward needs what later symbols will not write over
        return torch.cat([keys[:, :, :n], key], 2), torch.cat([values[:, :, :n], value], 2)
    return keys, values


class Transformer(SequenceModel):
    """Embedding, blocks, a norm, and logits over V symbols."""

    cos: Tensor  # [C, 1, D]
    sin: Tensor

    def __init__(self, config: TransformerConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.context: int = config.context
        self.embedding = nn.Embedding(size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.head = nn.Linear(config.width, size, bias=False)
        for name, weight in self.named_parameters():
            if (
                weight.dim() == 2
            ):  # what is added to the signal begins smaller, the more often it is added (GPT-2)
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (math.sqrt(2 * config.layers) if adds else 1.0))
        if config.tied:
            self.head.weight = self.embedding.weight
        cos, sin = _rotations(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def start(self, batch: int) -> TransformerState:
        return TransformerState(batch)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Categorical:
        """The distributions over the whole of x [B, T]; without a cache, up to C symbols in one pass."""
        context, half = self.context, self.context // 2
        logits = [self._logits(self._blocks(x[:, :context]))]
        for begin in range(context, x.shape[1], half):
            logits.append(self._logits(self._blocks(x[:, begin - half : begin + half])[:, half:]))
        return Categorical(logits[0] if len(logits) == 1 else torch.cat(logits, 1))

    def extend(
        self, x: Tensor, state: TransformerState, mask: Tensor | None = None
    ) -> tuple[Categorical, TransformerState]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        signals = []
        while True:
            signal, state = self._read(x[:, : self._room(state)], state)
            signals.append(signal)
            x = x[:, signal.shape[1] :]
            if x.shape[1] == 0:
                break
        return Categorical(self._logits(signals[0] if len(signals) == 1 else torch.cat(signals, 1))), state

    def keep(self, before: TransformerState, after: TransformerState, x: Tensor, n: int) -> TransformerState:
        if before.n + x.shape[1] > self.context:  # the window was begun anew on the way
            return self.extend(x[:, :n], before)[1] if n else before
        return TransformerState(after.batch, before.n + n, after.cache)

    def _room(self, state: TransformerState) -> int:
        """How many symbols can be read before the window is begun anew (after it was, if it is full)."""
        return self.context - state.n if state.n < self.context else self.context // 2

    def _read(self, x: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """The signal [B, T, W] for x, T at most `_room(state)`, and the state after it."""
        if state.n == self.context and x.shape[1]:
            assert state.cache is not None
            half = state.cache.symbols[:, self.context // 2 : self.context]
            state = self._read(half, TransformerState(state.batch))[1]
        n, upto = state.n, state.n + x.shape[1]
        cache = self._writable(state, upto)
        cache.symbols[:, n:upto] = x
        cache.filled = upto
        return self._blocks(x, cache, n), TransformerState(state.batch, upto, cache)

    def _blocks(self, x: Tensor, cache: Cache | None = None, n: int = 0) -> Tensor:
        time = x.shape[1]
        signal = self.embedding(x)
        if self.training and self.config.dropout:
            signal = F.dropout(signal, self.config.dropout)
        cos, sin = self.cos[n : n + time], self.sin[n : n + time]
        mask = None
        if n and time > 1:
            mask = torch.ones(time, n + time, dtype=torch.bool, device=x.device).tril(n)
        for index, block in enumerate(self.blocks):
            signal = block(signal, cos, sin, cache.kv[index] if cache else None, n, mask)
        return signal

    def _logits(self, signal: Tensor) -> Tensor:
        normed = F.rms_norm(signal, (self.config.width,), self.norm, EPS)
        logits: Tensor = F.linear(normed, self.head.weight)
        return logits

    def _writable(self, state: TransformerState, upto: int) -> Cache:
        """A cache with the first n of `state` and room up to `upto` that nobody else has written to."""
        old = state.cache
        if old is not None and old.filled == state.n and old.symbols.shape[1] >= upto:
            return old
        config, n = self.config, state.n
        room = min(config.context, max(64, 2 * n, upto))
        shape = (state.batch, config.heads, room, config.width // config.heads)
        weight = self.embedding.weight
        kv = [(weight.new_empty(shape), weight.new_empty(shape)) for _ in self.blocks]
        cache = Cache(kv, torch.empty(state.batch, room, dtype=torch.long, device=weight.device), n)
        if old is not None:
            cache.symbols[:, :n] = old.symbols[:, :n]
            for new_pair, old_pair in zip(kv, old.kv, strict=True):
                for new, was in zip(new_pair, old_pair, strict=True):
                    new[:, :, :n] = was[:, :, :n]
        return cache


def _rotations(config: TransformerConfig) -> tuple[Tensor, Tensor]:
    """cos and sin of the angle of each position and pair, [C, 1, D]; the first half of sin is negative."""
    width = config.width // config.heads
    speeds = config.rope_theta ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.outer(torch.arange(config.context).float(), speeds)[:, None]
    return torch.cat([angles.cos(), angles.cos()], -1), torch.cat([-angles.sin(), angles.sin()], -1)


def llama_config(model: Transformer) -> dict[str, Any]:
    """What transformers' `config.json` says of this model (LlamaForCausalLM)."""
    config = model.config
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": model.embedding.num_embeddings,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.width // config.heads,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": EPS,
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": config.tied,
        "torch_dtype": "float32",
    }


def llama_state_dict(model: Transformer) -> dict[str, Tensor]:
    """The weights by the names of transformers' Llama; a tied output table is there once, as embedding."""
    named = {"model.embed_tokens.weight": model.embedding.weight, "model.norm.weight": model.norm}
    if not model.config.tied:
        named["lm_head.weight"] = model.head.weight
    for index, block in enumerate(model.blocks):
        for name, parts in _LLAMA_PARTS.items():
            weights = block.get_parameter(name).chunk(len(parts))
            named |= {
                f"model.layers.{index}.{part}.weight": w for part, w in zip(parts, weights, strict=True)
            }
    return {name: weight.detach().clone() for name, weight in named.items()}


def from_llama(config: dict[str, Any], weights: dict[str, Tensor]) -> Transformer:
    """The model of a Llama checkpoint (its config.json, its weights); UsageError if it is of another kind."""
    missing = [name for name in _LLAMA_SIZES if name not in config]
    if missing:
        raise UsageError(f"the config has no {missing[0]}: this is not the config.json of a Llama model")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    heads, width = config["num_attention_heads"], config["hidden_size"]
    expected = {
        "num_key_value_heads": heads,
        "head_dim": width // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rms_norm_eps": EPS,
    }
    for name, value in expected.items():
        if config.get(name) not in (value, None):
            raise UsageError(f"{name} must be {value} for the models here, got {config[name]}")
    if rope.get("rope_type", "default") != "default":
        raise UsageError(f"rope_type must be default for the models here, got {rope['rope_type']}")
    sizes = TransformerConfig(
        layers=config["num_hidden_layers"],
        heads=heads,
        width=width,
        context=config["max_position_embeddings"],
        ffn=config["intermediate_size"] / width,
        dropout=0.0,
        tied=bool(config.get("tie_word_embeddings", False)),
        rope_theta=float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))),
    )
    if sizes.hidden != config["intermediate_size"]:
        raise UsageError(f"intermediate_size must be a multiple of 16, got {config['intermediate_size']}")
    model = Transformer(sizes, config["vocab_size"])
    own = {"embedding.weight": ["model.embed_tokens"], "norm": ["model.norm"], "head.weight": ["lm_head"]}
    if sizes.tied:
        own["head.weight"] = ["model.embed_tokens"]
    for index in range(sizes.layers):
        for name, parts in _LLAMA_PARTS.items():
            own[f"blocks.{index}.{name}"] = [f"model.layers.{index}.{part}" for part in parts]
    try:
        state = {
            name: torch.cat([weights[f"{part}.weight"] for part in parts]) for name, parts in own.items()
        }
    except KeyError as error:
        raise UsageError(f"the weights have no {error.args[0]}: this is not a Llama checkpoint") from error
    model.load_state_dict(state)
    return model


_LLAMA_PARTS = {
    "attention_norm": ["input_layernorm"],
    "qkv.weight": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "out.weight": ["self_attn.o_proj"],
    "ffn_norm": ["post_attention_layernorm"],
    "gate_up.weight": ["mlp.gate_proj", "mlp.up_proj"],
    "down.weight": ["mlp.down_proj"],
}
_LLAMA_SIZES = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
]
