"""A causal Transformer as it was first published: symbols in, a distribution over the next symbol out.

Sinusoidal positions are added to the embeddings, and a LayerNorm stands behind each part (Vaswani et al. 2017): to
compare with `transformer`, which is what became of it. No speed is sought: the state is the symbols of the window,
which are read again each time. Knows nothing of pitches, pieces or training. Legend: B batch, T time, V vocabulary,
W width, H heads, D = W / H, C context.

The window is begun anew from its last C/2 symbols whenever it is full, at the same places as in `transformer`.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.errors import UsageError, unknown
from erato.models.base import Categorical, ModelConfig, SequenceModel, of_kind
from erato.representations.base import Space, Tokens

MOST = 2**17  # symbols of context
NORMS = ("post", "pre")
BOUND = 0.1  # of the numbers that the embedding and the output begin with


@dataclass(frozen=True)
class SinusoidalTransformerConfig(ModelConfig):
    """A causal Transformer of 2017: sinusoidal positions, ReLU, LayerNorm behind each part; UsageError for other sizes.

    context: symbols it can see, even. ffn: units of a feed-forward layer as a multiple of the width. dropout: rate
    after the embedding, in each part, and of what attention looks at. norm: behind each part (post), as published, or
    before it and once at the end (pre; Xiong et al. 2020).
    """

    layers: int = 2
    heads: int = 2
    width: int = 256
    context: int = 64
    ffn: float = 1.0
    dropout: float = 0.25
    norm: Literal["post", "pre"] = "post"

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise UsageError(f"model.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.width % self.heads or self.width % 2:
            raise UsageError(
                f"model.width must be even and a multiple of model.heads ({self.heads}), got {self.width}."
            )
        if not 2 <= self.context <= MOST or self.context % 2:
            raise UsageError(f"model.context must be an even number from 2 to {MOST:,}, got {self.context}.")
        if not 0 < self.ffn < math.inf:
            raise UsageError(f"model.ffn must be above 0, got {self.ffn}.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout must be in [0, 1), got {self.dropout}.")
        if self.norm not in NORMS:
            raise unknown("model.norm", self.norm, NORMS)

    def build(self, space: Space) -> "SinusoidalTransformer":
        return SinusoidalTransformer(self, of_kind(space, Tokens, "sinusoidal_transformer").size)


class Block(nn.Module):
    """Attention, then a feed-forward layer, each added to what it reads."""

    def __init__(self, config: SinusoidalTransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, max(1, round(config.width * config.ffn))
        self.heads, self.dropout, self.post = config.heads, config.dropout, config.norm == "post"
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)  # the queries of all heads, then keys, then values
        self.out = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, signal: Tensor) -> Tensor:  # [B, T, W]
        if self.post:
            signal = self.attention_norm(signal + self._attend(signal))
            found: Tensor = self.ffn_norm(signal + self._feed(signal))
            return found
        signal = signal + self._attend(self.attention_norm(signal))
        return signal + self._feed(self.ffn_norm(signal))

    def _attend(self, signal: Tensor) -> Tensor:
        batch, time, width = signal.shape
        query, key, value = self.qkv(signal).view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # [B, H, T, D]
        rate = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        return self._dropped(self.out(seen.transpose(1, 2).reshape(batch, time, width)))

    def _feed(self, signal: Tensor) -> Tensor:
        return self._dropped(self.down(self._dropped(self.up(signal).relu())))

    def _dropped(self, signal: Tensor) -> Tensor:
        return F.dropout(signal, self.dropout, self.training)


class SinusoidalTransformer(SequenceModel):
    """Embedding and positions, blocks, and logits over V symbols; its state is the symbols of the window, [B, n]."""

    context: int
    positions: Tensor  # [C, W]

    def __init__(self, config: SinusoidalTransformerConfig, size: int) -> None:
        super().__init__()
        self.context, self.dropout = config.context, config.dropout
        self.scale = math.sqrt(config.width)
        self.embedding = nn.Embedding(size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else nn.Identity()
        self.head = nn.Linear(config.width, size)
        nn.init.uniform_(self.embedding.weight, -BOUND, BOUND)
        nn.init.uniform_(self.head.weight, -BOUND, BOUND)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("positions", _sinusoids(config.context, config.width), persistent=False)

    def start(self, batch: int) -> Tensor:
        return torch.empty(batch, 0, dtype=torch.long, device=self.head.weight.device)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        signals: list[Tensor] = []
        while x.shape[1] or not signals:
            if state.shape[1] == self.context:  # begun anew
                state = state[:, self.context // 2 :]
            n = state.shape[1]
            room = self.context - n
            state = torch.cat([state, x[:, :room]], 1)
            signals.append(self._read(state)[:, n:])
            x = x[:, room:]
        return Categorical(self.head(torch.cat(signals, 1))), state

    def _read(self, window: Tensor) -> Tensor:
        """The signal [B, T, W] of a window of up to C symbols."""
        signal = self.embedding(window) * self.scale + self.positions[: window.shape[1]]
        signal = F.dropout(signal, self.dropout, self.training)
        for block in self.blocks:
            signal = block(signal)
        found: Tensor = self.norm(signal)
        return found


def _sinusoids(context: int, width: int) -> Tensor:
    """[C, W]: sines and cosines in turn, from a period of 2 pi places to one of 10,000 times that."""
    speeds = 10_000.0 ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.outer(torch.arange(context).float(), speeds)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
