"""A decoder-only Transformer of the Llama kind: symbols in, a distribution over the next symbol out.

Rotary positions (Su et al. 2021), RMSNorm before each part (Zhang and Sennrich 2019), SwiGLU (Shazeer 2020),
no biases; if asked for, embeddings of the last few symbols taken together. Knows nothing of pitches, pieces or
training. Legend: B batch, T time, V vocabulary, W width, H heads, D = W / H, C context, N n-gram tables, n symbols
in the window so far.

The window: symbols 0..C-1 are read in one window. To read symbol C, the window is begun anew from the last
C/2 symbols, and again at 3C/2, 2C, ... These places are the same in `forward` and in `extend`, whatever the
blocks.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.errors import UsageError
from erato.models.base import Categorical, ModelConfig, SequenceModel, of_kind
from erato.representations.base import Space, Tokens

EPS = 1e-5  # of the norms


MOST = 2**17  # symbols of context
LONG = 512  # symbols beyond which attention written out is the slower one everywhere


@dataclass(frozen=True)
class TransformerConfig(ModelConfig):
    """A decoder-only Transformer: rotary positions, RMSNorm, SwiGLU. UsageError where sizes do not fit.

    context: symbols it can see, even. ffn: units of a feed-forward layer as a multiple of the width (rounded
    to 16s). ngrams: (2, 3) adds an embedding of the last 2 symbols and one of the last 3 to that of each symbol,
    each from a table of ngram_rows; ngram_dropout: the share of them that is left out while learning.
    """

    layers: int = 4
    heads: int = 4
    width: int = 128
    context: int = 512
    ffn: float = 3.0
    dropout: float = 0.1
    tied: bool = True  # one table for embedding and output
    rope_theta: float = 10_000.0
    ngrams: tuple[int, ...] = ()
    ngram_rows: int = 8192
    ngram_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "width", "ngram_rows"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise UsageError(f"width must be a multiple of {2 * self.heads} (twice the heads), got {self.width}")
        if not 2 <= self.context <= MOST or self.context % 2:
            raise UsageError(f"context must be an even number from 2 to {MOST:,}, got {self.context}")
        for name in ("dropout", "ngram_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if not (0 < self.ffn < math.inf and 1 < self.rope_theta < math.inf):
            raise UsageError(f"ffn must be above 0 and rope_theta above 1, got {self.ffn} and {self.rope_theta}")
        if not all(2 <= n <= self.context for n in self.ngrams) or len({*self.ngrams}) < len(self.ngrams):
            raise UsageError(
                f"ngrams must be different numbers from 2 to the context, {self.context}, got {self.ngrams}"
            )

    @property
    def hidden(self) -> int:
        """Units of a feed-forward layer."""
        return max(16, round(self.width * self.ffn / 16) * 16)

    def build(self, space: Space) -> "Transformer":
        return Transformer(self, of_kind(space, Tokens, "transformer").size)


@dataclass
class Cache:
    """Keys, values and symbols of one window, with room for more; what is `filled` is never written again."""

    kv: list[Tensor]  # one a layer, [B, 2H, room, D]: the keys of all heads, then the values
    symbols: Tensor  # [B, room]
    filled: int = 0
    layers: "list[_Layer]" = field(default_factory=list)  # made by the first `_step`; the weights as they were then

    def copy(self, n: int, room: int) -> "Cache":
        """A cache of its own with the first n places of this one."""
        kv = []
        for old in self.kv:
            new = old.new_empty(*old.shape[:2], room, old.shape[3])
            new[:, :, :n] = old[:, :, :n]
            kv.append(new)
        symbols = self.symbols.new_empty(len(self.symbols), room)
        symbols[:, :n] = self.symbols[:, :n]
        return Cache(kv, symbols, n, _over(kv, self.layers))


@dataclass(frozen=True)
class TransformerState:
    """The first n symbols of a window; where another state went on in the same cache, extending copies."""

    batch: int
    n: int = 0
    cache: Cache | None = None

    def take(self, rows: Tensor) -> "TransformerState":
        """The state of the pieces `rows`, independent of this one."""
        if self.cache is None:
            return TransformerState(len(rows))
        n = self.n
        kv = [layer[:, :, :n].index_select(0, rows) for layer in self.cache.kv]
        symbols = self.cache.symbols[:, :n].index_select(0, rows)
        return TransformerState(len(rows), n, Cache(kv, symbols, n, _over(kv, self.cache.layers)))

    def detach(self) -> "TransformerState":
        """The same state, as if given: no gradient goes back through it."""
        if self.cache is None:
            return self
        kv = [layer[:, :, : self.n].detach() for layer in self.cache.kv]
        return TransformerState(self.batch, self.n, Cache(kv, self.cache.symbols[:, : self.n], self.n))


class NGrams(nn.Module):
    """The sum of one embedding for each of the last 2, 3, ... symbols, in rows that a hash of them shares out.

    N tables one above another. After Clark et al., "Canine" (2022), and FastText (Bojanowski et al. 2017), which hash
    their n-grams too. What would stand before the window is a symbol of its own.
    """

    def __init__(self, config: TransformerConfig, size: int) -> None:
        super().__init__()
        self.orders, self.size, self.rows = tuple(sorted(config.ngrams)), size, config.ngram_rows
        self.past = max(self.orders) - 1  # how many earlier symbols an embedding depends on
        self.dropout = config.ngram_dropout
        self.table = nn.Embedding(len(self.orders) * self.rows, config.width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """[B, T, W] for x [B, T]; before: [B, n] the last `past` symbols before it in the window, or more."""
        time = x.shape[1]
        symbols = F.pad(torch.cat([before, x], 1), (self.past, 0), value=self.size)
        code = x
        rows: list[Tensor] = []
        for back in range(1, self.past + 1):
            end = symbols.shape[1] - back
            code = (code * (self.size + 1) + symbols[:, end - time : end]) % PRIME
            if back + 1 in self.orders:
                few = (self.size + 1) ** (back + 1) <= self.rows  # a row for each
                rows.append((code if few else code * SPREAD % PRIME % self.rows) + len(rows) * self.rows)
        found: Tensor = self.table(torch.stack(rows, -1))  # [B, T, N, W]
        if self.training and self.dropout:
            found = found * F.dropout(found.new_ones(*found.shape[:3], 1), self.dropout)
        return found.sum(2)


PRIME, SPREAD = 2**31 - 1, 2_654_435_761  # products stay below 2**63: the same hash on every machine


class Fused(nn.Linear):
    """Several linear layers of one input, computed at once: `fused` matrices, one above another."""

    def __init__(self, inputs: int, outputs: int, fused: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.fused = fused


class Block(nn.Module):
    """Attention, then a gated feed-forward layer, each added to what it reads."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm = nn.Parameter(torch.ones(width))
        self.qkv = Fused(width, 3 * width, 3)  # the queries of all heads, then keys, then values
        self.out = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(width))
        self.gate_up = Fused(width, 2 * hidden, 2)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self,
        signal: Tensor,  # [B, T, W]
        cos: Tensor,  # [T, 3, 1, 2, D / 2]
        sin: Tensor,
        kv: Tensor | None = None,  # room for keys and values, [B, 2H, room, D]
        n: int = 0,  # how much of it is filled
        mask: Tensor | None = None,  # [T, n + T]; None: causal
    ) -> Tensor:
        (batch, time, width), heads = signal.shape, self.heads
        qkv = self.qkv(F.rms_norm(signal, (width,), self.attention_norm, EPS)).view(batch, time, 3, heads, 2, -1)
        qk = qkv[:, :, :2]
        qk = (qk * cos[:, :2] + qk.flip(-2) * sin[:, :2]).type_as(qkv)
        query, key = qk.flatten(-2).transpose(1, 3).unbind(2)  # each [B, H, T, D]
        value = qkv[:, :, 2].flatten(-2).transpose(1, 2)
        if kv is not None:
            key, value = _remember(kv, n, key, value)
        seen = _attended(query, key, value, mask)
        signal = signal + self._dropped(self.out(seen.transpose(1, 2).reshape(batch, time, width)))
        gate, up = self.gate_up(F.rms_norm(signal, (width,), self.ffn_norm, EPS)).chunk(2, -1)
        return signal + self._dropped(self.down(F.silu(gate) * up))

    def _dropped(self, signal: Tensor) -> Tensor:
        return F.dropout(signal, self.dropout) if self.training and self.dropout else signal


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """[B, H, T, D] Attention, causal without a mask; written out where the fused kernel's gradients are slow."""
    batch, heads, time, width = query.shape
    slow = query.device.type == "cpu" and query.dtype == torch.bfloat16 and torch.is_grad_enabled() and time <= LONG
    if mask is not None or not slow:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
    ahead = query.new_full((time, time), -math.inf).triu(1)
    query, key, value = (part.reshape(batch * heads, time, width) for part in (query * width**-0.5, key, value))
    weights = torch.baddbmm(ahead, query, key.mT).softmax(-1)
    return torch.bmm(weights, value).view(batch, heads, time, width)


def _remember(kv: Tensor, n: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Writes new keys and values behind the first n; returns all so far. No gradient goes into the past."""
    heads, upto = key.shape[1], n + key.shape[2]
    keys, values = kv[:, :heads, :upto], kv[:, heads:, :upto]
    keys[:, :, n:] = key.detach()
    values[:, :, n:] = value.detach()
    if n == 0:
        return key, value
    if torch.is_grad_enabled():  # backward needs what later symbols will not write over
        return torch.cat([keys[:, :, :n], key], 2), torch.cat([values[:, :, :n], value], 2)
    return keys, values


class _Layer(NamedTuple):
    """A block as `_step` needs it: weights transposed, each with the norm before it, and the cache."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor
    kv: Tensor
    keys: Tensor
    values: Tensor


def _over(kv: list[Tensor], layers: list[_Layer]) -> list[_Layer]:
    """The same layers (if there are any yet) on other caches."""
    heads = kv[0].shape[1] // 2
    return [
        layer._replace(kv=own, keys=own[:, :heads], values=own[:, heads:])
        for layer, own in zip(layers, kv, strict=False)
    ]


class Transformer(SequenceModel):
    """Embedding, blocks, a norm, and logits over V symbols."""

    cos: Tensor  # [C, 3, 1, 2, D / 2]: of queries, keys, and values, which are not turned
    sin: Tensor
    floor: Tensor  # [1, 1]: the root of EPS times W, the least that a norm divides by

    def __init__(self, config: TransformerConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.context: int = config.context
        self.embedding = nn.Embedding(size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.width))
        self.head = nn.Linear(config.width, size, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:  # what is added to the signal begins smaller in a deeper model, as in GPT-2
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1] * (2 * config.layers if adds else 1)))
        if config.tied:
            self.head.weight = self.embedding.weight
        self.ngrams = NGrams(config, size) if config.ngrams else None
        cos, sin = _rotations(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("floor", torch.full((1, 1), math.sqrt(EPS * config.width)), persistent=False)

    def start(self, batch: int) -> TransformerState:
        return TransformerState(batch)

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Categorical:
        """The distributions over the whole of x [B, T]; without a cache, up to C symbols in one pass."""
        context, half = self.context, self.context // 2
        signals = [self._blocks(x[:, :context])]
        for begin in range(context, x.shape[1], half):
            signals.append(self._blocks(x[:, begin - half : begin + half])[:, half:])
        return self._predict(signals)

    def extend(
        self, x: Tensor, state: TransformerState, mask: Tensor | None = None
    ) -> tuple[Categorical, TransformerState]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        signals: list[Tensor] = []
        while True:
            if state.n == self.context and x.shape[1]:
                state = self._begun_anew(state)
            room = self.context - state.n
            if x.shape[1] <= room:
                signal, state = self._read(x, state)
                return self._predict([*signals, signal]), state
            signal, state = self._read(x[:, :room], state)
            signals.append(signal)
            x = x[:, room:]

    def keep(self, before: TransformerState, after: TransformerState, x: Tensor, n: int) -> TransformerState:
        if before.n + x.shape[1] > self.context:  # the window was begun anew on the way
            return self.extend(x[:, :n], before)[1]
        return TransformerState(after.batch, before.n + n, after.cache)

    def _begun_anew(self, state: TransformerState) -> TransformerState:
        """The state of a new window that begins with the last C/2 symbols of a full one."""
        assert state.cache is not None
        half = state.cache.symbols[:, self.context // 2 : self.context]
        return self._read(half, TransformerState(state.batch))[1]

    def _read(self, x: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """The signal [B, T, W] of x, which the window has room for, and the state after it."""
        n, upto = state.n, state.n + x.shape[1]
        cache = state.cache
        if cache is None or cache.filled != n or cache.symbols.shape[1] < upto:
            cache = self._writable(state, upto)
        cache.symbols[:, n:upto] = x
        cache.filled = upto
        alone = upto == n + 1 and not self.training and not torch.is_grad_enabled()
        signal = self._step(x, cache, n) if alone else self._blocks(x, cache, n)
        return signal, TransformerState(state.batch, upto, cache)

    def _writable(self, state: TransformerState, upto: int) -> Cache:
        """A cache of its own with the first n of `state`, and room up to `upto` and for as much again."""
        room = min(self.context, max(64, 2 * state.n, upto))
        if state.cache is not None:
            return state.cache.copy(state.n, room)
        heads, width = self.config.heads, self.config.width // self.config.heads
        weight = self.embedding.weight
        kv = [weight.new_empty(state.batch, 2 * heads, room, width) for _ in self.blocks]
        return Cache(kv, torch.empty(state.batch, room, dtype=torch.long, device=weight.device))

    def _blocks(self, x: Tensor, cache: Cache | None = None, n: int = 0) -> Tensor:
        """The signal [B, T, W] of x, which stands behind the n symbols of the cache."""
        time = x.shape[1]
        signal: Tensor = self.embedding(x)
        if self.ngrams:
            signal = signal + self.ngrams(x, cache.symbols[:, :n] if cache else x[:, :0])
        if self.training and self.config.dropout:
            signal = F.dropout(signal, self.config.dropout)
        cos, sin = self.cos[n : n + time], self.sin[n : n + time]
        mask = torch.ones(time, n + time, dtype=torch.bool, device=x.device).tril(n) if n else None
        for index, block in enumerate(self.blocks):
            signal = block(signal, cos, sin, cache.kv[index] if cache else None, n, mask)
        return signal

    def _step(self, x: Tensor, cache: Cache, n: int) -> Tensor:
        """What `_blocks` gives for one symbol, without gradients; as few operations as can be, for speed."""
        if not cache.layers:
            cache.layers = [self._layer(block, kv) for block, kv in zip(self.blocks, cache.kv, strict=True)]
        batch, heads, width = len(x), self.config.heads, self.config.width
        upto = n + 1
        cos, sin, floor = self.cos[n], self.sin[n], self.floor
        signal = F.embedding(x, self.embedding.weight)
        if self.ngrams:
            signal += self.ngrams(x, cache.symbols[:, max(0, n - self.ngrams.past) : n])
        signal = signal.view(batch, width)
        for layer in cache.layers:
            qkv = torch.mm(_unit(signal, floor), layer.qkv).view(batch, 3, heads, 2, -1)
            qkv = torch.addcmul(qkv * cos, qkv.flip(-2), sin).view(batch, 3 * heads, -1)
            layer.kv.select(2, n).copy_(qkv.narrow(1, heads, 2 * heads))
            query = qkv.narrow(1, 0, heads).unsqueeze(2)
            keys, values = layer.keys.narrow(2, 0, upto), layer.values.narrow(2, 0, upto)
            seen = F.scaled_dot_product_attention(query, keys, values).reshape(batch, width)
            signal = torch.addmm(signal, seen, layer.out)
            gate, up = torch.mm(_unit(signal, floor), layer.gate_up).chunk(2, -1)
            signal = torch.addmm(signal, F.silu(gate, inplace=True).mul_(up), layer.down)
        return signal.unsqueeze(1)

    def _layer(self, block: nn.Module, kv: Tensor) -> _Layer:
        assert isinstance(block, Block)
        root, heads = math.sqrt(self.config.width), block.heads
        return _Layer(
            qkv=(block.qkv.weight * block.attention_norm * root).t().contiguous(),
            out=block.out.weight.t().contiguous(),
            gate_up=(block.gate_up.weight * block.ffn_norm * root).t().contiguous(),
            down=block.down.weight.t().contiguous(),
            kv=kv,
            keys=kv[:, :heads],
            values=kv[:, heads:],
        )

    def _predict(self, signals: list[Tensor]) -> Categorical:
        signal = signals[0] if len(signals) == 1 else torch.cat(signals, 1)
        width = self.config.width
        if torch.is_grad_enabled():
            normed = F.rms_norm(signal, (width,), self.norm, EPS)
        else:
            normed = _unit(signal, self.floor).mul_(self.norm * math.sqrt(width))
        return Categorical(F.linear(normed, self.head.weight))


def _unit(signal: Tensor, floor: Tensor) -> Tensor:
    """The signal over the root of (sum of its squares + floor²): RMSNorm, but for its weight and root of W."""
    return signal.div(torch.hypot(torch.linalg.vector_norm(signal, 2, -1, True), floor))


def _rotations(config: TransformerConfig) -> tuple[Tensor, Tensor]:
    """cos and sin of the angles of each position, [C, 3, 1, 2, D / 2]; of sin, the first half is negative.

    A pair is (d, d + D/2), as in transformers' Llama: x turned is x * cos + (x with its halves changed over) * sin.
    """
    width = config.width // config.heads
    speeds = config.rope_theta ** (-torch.arange(0, width, 2).float() / width)
    angles = torch.outer(torch.arange(config.context).float(), speeds)
    cos, sin = torch.stack([angles.cos(), angles.cos()], 1), torch.stack([-angles.sin(), angles.sin()], 1)
    still = torch.ones_like(cos), torch.zeros_like(sin)
    return torch.stack([cos, cos, still[0]], 1).unsqueeze(2), torch.stack([sin, sin, still[1]], 1).unsqueeze(2)
