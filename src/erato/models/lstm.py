"""Recurrent layers over symbols: symbols in, a distribution over the next symbol out.

Any depth, any width a layer, and an optional dense layer before the output. Knows nothing of pitches, pieces
or training. Legend: B batch, T time, V vocabulary, H width of a layer.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erato.errors import UsageError, unknown
from erato.models.base import Categorical, ModelConfig, SequenceModel, of_kind
from erato.representations.base import Space, Tokens

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

LstmState = list[tuple[Tensor, Tensor]]  # one (h, c) a layer, each [B, H]


@dataclass(frozen=True)
class LstmConfig(ModelConfig):
    """A stack of LSTM layers (Hochreiter and Schmidhuber 1997); UsageError where sizes do not fit.

    dropout: a rate after each LSTM layer, or one for all. embedding: numbers that a symbol is read as; 0: one-hot.
    dense: units of the layer before the output; 0: none.
    """

    widths: tuple[int, ...] = (256, 512, 256)
    dropout: tuple[float, ...] = (0.5, 0.3, 0.0)
    embedding: int = 128
    dense: int = 256
    dense_dropout: float = 0.3
    activation: str = "linear"

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise UsageError(f"widths must be one or more numbers above 0, got {self.widths}")
        if len(self.dropout) not in (1, len(self.widths)):
            raise UsageError(
                f"dropout must have one rate, or {len(self.widths)}, one for each LSTM layer, got {self.dropout}"
            )
        for rate in (*self.dropout, self.dense_dropout):
            if not 0 <= rate < 1:
                raise UsageError(f"dropout must be in [0, 1), got {rate}")
        if self.embedding < 0:
            raise UsageError(f"embedding must be 0 (one-hot) or more, got {self.embedding}")
        if self.dense < 0:
            raise UsageError(f"dense must be 0 (no dense layer) or more, got {self.dense}")
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)

    def build(self, space: Space) -> "Lstm":
        return Lstm(self, of_kind(space, Tokens, "lstm").size)


class Lstm(SequenceModel):
    """Embedding or one-hot, LSTM layers each with dropout, an optional dense layer, and logits over V symbols."""

    def __init__(self, config: LstmConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(size, config.embedding) if config.embedding else OneHot(size)
        inputs = (config.embedding or size, *config.widths[:-1])
        self.layers = nn.ModuleList(
            nn.LSTM(n_in, n_out, batch_first=True) for n_in, n_out in zip(inputs, config.widths, strict=True)
        )
        rates = config.dropout if len(config.dropout) > 1 else config.dropout * len(config.widths)
        self.dropouts = nn.ModuleList(_dropout(rate) for rate in rates)
        width = config.widths[-1]
        self.dense = nn.Sequential()
        if config.dense:
            self.dense = nn.Sequential(
                nn.Linear(width, config.dense),
                ACTIVATIONS[config.activation](),
                _dropout(config.dense_dropout),
            )
            width = config.dense
        self.head = nn.Linear(width, size)
        self.apply(initialise)

    def start(self, batch: int) -> LstmState:
        zeros = self.head.weight.new_zeros
        return [(zeros(batch, width), zeros(batch, width)) for width in self.config.widths]

    def extend(self, x: Tensor, state: LstmState, mask: Tensor | None = None) -> tuple[Categorical, LstmState]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        signal = self.embedding(x)
        after: LstmState = []
        for layer, dropout, (h, c) in zip(self.layers, self.dropouts, state, strict=True):
            signal, (h, c) = read_on(layer, signal, h, c)
            after.append((h, c))
            signal = dropout(signal)
        return Categorical(self.head(self.dense(signal))), after


class OneHot(nn.Module):
    """[..., V] numbers for symbols [...]: 1 at the symbol, 0 elsewhere."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros(*x.shape, self.size, device=x.device).scatter_(-1, x.unsqueeze(-1), 1.0)

    def extra_repr(self) -> str:
        return str(self.size)


def read_on(layer: nn.Module, signal: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What an `nn.LSTM` of one layer makes of signal [B, T, ...] after the state (h, c), [B, H] each; the new state."""
    if signal.shape[1] == 1:  # the same equations, several times faster for one symbol
        h, c = torch.lstm_cell(signal[:, 0], (h, c), *layer.parameters())
        return h.unsqueeze(1), (h, c)
    signal, (h, c) = layer(signal, (h.unsqueeze(0), c.unsqueeze(0)))
    return signal, (h[0], c[0])


def _dropout(rate: float) -> nn.Module:
    return nn.Dropout(rate) if rate > 0 else nn.Identity()


def initialise(module: nn.Module) -> None:
    """As Keras begins: Glorot for what reads input, orthogonal recurrent weights, forget gates open."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=1 / math.sqrt(module.embedding_dim))
    elif isinstance(module, nn.LSTM):
        for name, weight in module.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
            if name.startswith("bias_ih"):
                weight.detach().view(4, module.hidden_size)[1] = 1.0  # input, forget, cell, output
