"""Any causal language model of transformers: symbols in, a distribution over the next symbol out.

A GPT-2 of one's own sizes, or a checkpoint (a folder in the layout of the hub, or a hub name). Its attention, its names
and its weights are those of transformers; what is here makes a `SequenceModel` of them. Knows nothing of pieces, of
training, or of how text becomes symbols. Legend: B batch, T time, V vocabulary, C context, n symbols in the window.

The window: symbols 0..C-1 are read in one window. To read symbol C, the window is begun anew from the last C/2 symbols,
and again at 3C/2, 2C, ... These places are the same in `forward` and in `extend`, whatever the blocks.
"""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from erato.errors import UsageError
from erato.models import gpt2_step, pretrained_files
from erato.models.base import Categorical, ModelConfig, SequenceModel, of_kind
from erato.representations.base import Space, Tokens

MOST = 2**17  # symbols of context
_LONG = 2048  # symbols of context, where a model says nothing of it


@dataclass(frozen=True)
class PretrainedConfig(ModelConfig):
    """Any causal language model of transformers: a fresh GPT-2, or a checkpoint.

    checkpoint: a folder in the layout of the hub, or a hub name; without, a fresh GPT-2 of these layers, heads, width
    and context (symbols it can see, even). dropout: of all parts; None: as the checkpoint says, 0.1 in a fresh one.
    lora: the rank of low-rank adapters (Hu et al. 2021), which then are all that is trained; 0: the whole model is.
    lora_alpha: they are scaled by lora_alpha / lora. architecture: the config.json of the checkpoint, which is filled
    in when training begins.
    """

    checkpoint: str = ""
    layers: int = 4
    heads: int = 4
    width: int = 256
    context: int = 256
    dropout: float | None = None
    lora: int = 0
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    architecture: str = ""

    def __post_init__(self) -> None:
        for name in ("layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.width % self.heads:
            raise UsageError(f"width must be a multiple of the {self.heads} heads, got {self.width}.")
        if not 2 <= self.context <= MOST or self.context % 2:
            raise UsageError(f"context must be an even number from 2 to {MOST:,}, got {self.context}.")
        for name in ("dropout", "lora_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise UsageError(f"{name} must be in [0, 1), got {getattr(self, name)}.")
        if self.lora < 0 or not 0 < self.lora_alpha < math.inf:
            raise UsageError(
                f"lora must be 0 (the whole model) or more, and lora_alpha above 0, got {self.lora} and "
                f"{self.lora_alpha}."
            )

    def resolved(self) -> "PretrainedConfig":
        if not self.checkpoint or self.architecture:
            return self
        return replace(self, architecture=pretrained_files.read_architecture(self.checkpoint))

    def build(self, space: Space) -> "Pretrained":
        tokens = of_kind(space, Tokens, "pretrained")
        said = self.resolved().architecture or self._fresh(tokens)
        return Pretrained(pretrained_files.network(said, self.dropout), tokens)

    def begin(self, space: Space) -> "Pretrained":
        if self.checkpoint:
            said = self.resolved().architecture
            net = pretrained_files.pretrained_network(self.checkpoint, said, self.dropout)
            model = Pretrained(net, of_kind(space, Tokens, "pretrained"))
        else:
            model = self.build(space)
        if self.lora:
            pretrained_files.add_adapters(model.net, self.lora, self.lora_alpha, self.lora_dropout)
            model.adapted, model.steps = True, False
        return model

    def _fresh(self, space: Tokens) -> str:
        """The config.json of a GPT-2 of these sizes."""
        ends = space.start if space.end is None else space.end
        return json.dumps(
            {
                "model_type": "gpt2",
                "architectures": ["GPT2LMHeadModel"],
                "vocab_size": _rows(space),
                "n_positions": self.context,
                "n_embd": self.width,
                "n_layer": self.layers,
                "n_head": self.heads,
                "bos_token_id": ends,
                "eos_token_id": ends,
            }
        )


@dataclass(frozen=True)
class PretrainedState:
    """The symbols of a window so far, and the keys and values of each layer; nothing here is ever written again."""

    symbols: Tensor  # [B, n] as the network reads them
    kv: tuple[tuple[Tensor, Tensor], ...] = ()  # [B, heads, n, D] each; empty: everything is read anew

    def take(self, rows: Tensor) -> "PretrainedState":
        """The state of the pieces `rows`, independent of this one."""
        kv = tuple((key.index_select(0, rows), value.index_select(0, rows)) for key, value in self.kv)
        return PretrainedState(self.symbols.index_select(0, rows), kv)

    def detach(self) -> "PretrainedState":
        """The same state, as if given: no gradient goes back through it."""
        return PretrainedState(self.symbols, tuple((key.detach(), value.detach()) for key, value in self.kv))

    def first(self, n: int) -> "PretrainedState":
        """The state after the first n symbols of this window."""
        kv = tuple((key[:, :, :n], value[:, :, :n]) for key, value in self.kv)
        return PretrainedState(self.symbols[:, :n], kv)


class Pretrained(SequenceModel):
    """A network of transformers. What it has no row for, a start symbol after all others, is read as its beginning of a
    text, and has no probability."""

    def __init__(self, net: Any, space: Tokens) -> None:
        super().__init__()
        self.net, self.space, self.adapted = net, space, False
        self.rows = _rows(space)
        there = net.get_input_embeddings().num_embeddings
        if there < self.rows:
            raise UsageError(
                f"the tokenizer has {self.rows:,} tokens, and the model reads {there:,}: give the tokenizer and the "
                "weights of one checkpoint."
            )
        config = net.config.get_text_config(decoder=True)
        said = getattr(config, "max_position_embeddings", None)
        self.context: int = min(said if isinstance(said, int) and said > 1 else _LONG, MOST) // 2 * 2
        self.begins = space.start if self.rows == space.size else _beginning(config, self.rows, space)
        self.remembers = _has_plain_cache(config)
        self.steps = gpt2_step.is_plain(config)  # a symbol at a time has a way of its own

    def start(self, batch: int) -> PretrainedState:
        return PretrainedState(torch.empty(batch, 0, dtype=torch.long, device=self.net.device))

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Categorical:
        """The distributions over the whole of x [B, T]; without a cache, up to C symbols in one pass."""
        context, half, x = self.context, self.context // 2, self._read_as(x)
        found = [self._logits(x[:, :context])]
        for begin in range(context, x.shape[1], half):
            found.append(self._logits(x[:, begin - half : begin + half])[:, half:])
        return self._predict(found)

    def extend(
        self, x: Tensor, state: PretrainedState, mask: Tensor | None = None
    ) -> tuple[Categorical, PretrainedState]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        x, found = self._read_as(x), []
        while True:
            if state.symbols.shape[1] == self.context and x.shape[1]:  # full: begun anew from its second half
                state = self._read(state.symbols[:, self.context // 2 :], self.start(len(x)))[1]
            room = self.context - state.symbols.shape[1]
            logits, state = self._read(x[:, :room], state)
            found.append(logits)
            x = x[:, room:]
            if not x.shape[1]:
                return self._predict(found), state

    def keep(self, before: PretrainedState, after: PretrainedState, x: Tensor, n: int) -> PretrainedState:
        upto = before.symbols.shape[1] + n
        if after.symbols.shape[1] != upto - n + x.shape[1]:  # the window was begun anew on the way
            return self.extend(x[:, :n], before)[1] if n else before
        return after.first(upto)

    def exported(self) -> dict[str, Tensor]:
        found = super().exported()
        return pretrained_files.merged(self, found) if self.adapted else found

    def _read_as(self, x: Tensor) -> Tensor:
        """x with the start symbol as the network knows it."""
        return x if self.begins == self.space.start else x.masked_fill(x == self.space.start, self.begins)

    def _read(self, x: Tensor, state: PretrainedState) -> tuple[Tensor, PretrainedState]:
        """The logits [B, T, V] of x, which the window has room for, and the state after it."""
        symbols = torch.cat([state.symbols, x], 1)
        if not self.remembers:
            return self._logits(symbols)[:, state.symbols.shape[1] :], PretrainedState(symbols)
        if self.steps and x.shape[1] == 1 and state.kv and not (self.training or torch.is_grad_enabled()):
            logits, kv = gpt2_step.step(self.net, x, state.kv)
            return logits, PretrainedState(symbols, kv)
        cache = _cache(state)
        logits = self.net(input_ids=x, past_key_values=cache, use_cache=True).logits
        return logits, PretrainedState(symbols, tuple((layer.keys, layer.values) for layer in cache.layers))

    def _logits(self, x: Tensor) -> Tensor:
        found: Tensor = self.net(input_ids=x, use_cache=False).logits
        return found

    def _predict(self, found: list[Tensor]) -> Categorical:
        logits = found[0] if len(found) == 1 else torch.cat(found, 1)
        spare = self.space.size - self.rows
        if logits.shape[-1] > self.rows:  # rows that no symbol of the tokenizer has
            logits = logits[..., : self.rows]
        return Categorical(F.pad(logits, (0, spare), value=-math.inf) if spare else logits)


def _rows(space: Tokens) -> int:
    """How many symbols the network itself knows: a start symbol after all others is none of its own."""
    return space.size - (space.start == space.size - 1)


def _beginning(config: Any, rows: int, space: Tokens) -> int:
    """The symbol that the network knows as the beginning of a text: its bos token, else its eos."""
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    known = (config.bos_token_id, *ends, space.end, 0)
    return next(one for one in known if isinstance(one, int) and 0 <= one < rows)


def _has_plain_cache(config: Any) -> bool:
    """Whether all that the network remembers is keys and values; otherwise windows are read anew."""
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    try:
        layers = DynamicCache(config=config).layers
    except Exception:  # a kind of model with a memory of its own
        return False
    return bool(layers) and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _cache(state: PretrainedState) -> Any:
    """A cache of transformers that begins with what the state holds; what it adds stands in tensors of its own."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache = DynamicCache()
    for key, value in state.kv:
        layer = DynamicLayer()
        layer.keys, layer.values, layer.is_initialized = key, value, True
        layer.dtype, layer.device = key.dtype, key.device
        cache.layers.append(layer)
    return cache
