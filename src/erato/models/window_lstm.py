"""The last symbols, read anew for each prediction: symbols in, a distribution over the next symbol out.

An LSTM reads the window of the last W symbols from left to right, another one from right to left; a prediction is made
from what both know at the end of their reading. So each prediction costs the reading of a whole window. Knows nothing
of pitches, pieces or training. Legend: B batch, T time, V vocabulary, W symbols of a window, N windows.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erato.errors import UsageError
from erato.models.base import Categorical, ModelConfig, SequenceModel, of_kind
from erato.models.lstm import OneHot, initialise
from erato.representations.base import Space, Tokens

MANY = 128  # windows that are read at once: more of them are no faster, and need more memory


@dataclass(frozen=True)
class WindowLstmConfig(ModelConfig):
    """An LSTM over a window of symbols, or one from each side (Schuster and Paliwal 1997); UsageError for other sizes.

    window: symbols that a prediction is made from. embedding: numbers that a symbol is read as; 0: one-hot. dropout:
    rate before the output.
    """

    width: int = 128
    window: int = 100
    embedding: int = 0
    bidirectional: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("window", 1), ("embedding", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"model.{name} must be at least {least}, got {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout must be in [0, 1), got {self.dropout}.")

    def build(self, space: Space) -> "WindowLstm":
        return WindowLstm(self, of_kind(space, Tokens, "window_lstm"))


class WindowLstm(SequenceModel):
    """One LSTM layer in one or two directions over each window, and logits over V symbols.

    Its state is the last W symbols, [B, W]; where there are fewer yet, `start` stands before them.
    """

    context: int

    def __init__(self, config: WindowLstmConfig, space: Tokens) -> None:
        super().__init__()
        self.context, self.size, self.before = config.window, space.size, space.start
        self.embedding = nn.Embedding(space.size, config.embedding) if config.embedding else OneHot(space.size)
        self.layer = nn.LSTM(
            config.embedding or space.size, config.width, batch_first=True, bidirectional=config.bidirectional
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear((1 + config.bidirectional) * config.width, space.size)
        self.apply(initialise)
        with torch.no_grad():  # the reading from right to left begins with nothing to say, and does no harm
            self.head.weight[:, config.width :] = 0

    def start(self, batch: int) -> Tensor:
        return torch.full((batch, self.context), self.before, device=self.head.weight.device)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        # Padding stands at the end: no window that ends before it holds any, so what it predicts does no harm.
        symbols = torch.cat([state, x], 1)
        windows = symbols[:, 1:].unfold(1, self.context, 1)  # [B, T, W]
        logits = self._logits(windows.flatten(0, 1)).view(*x.shape, self.size)
        return Categorical(logits), symbols[:, -self.context :]

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Categorical:
        if at is None:
            return self.extend(x, self.start(len(x)), mask)[0]
        symbols = torch.cat([self.start(len(x)), x], 1)
        windows = symbols[:, 1:].unfold(1, self.context, 1)[at]
        if self.training and len(windows) == len(x) and bool((at.sum(1) == 1).all()):
            return Categorical(self._with_aside(windows, at))
        found = self._logits(windows)
        return Categorical(found.new_zeros(*at.shape, self.size).index_put((at,), found))

    def _with_aside(self, windows: Tensor, at: Tensor) -> Tensor:
        """[B, T, V] of what follows windows [B, W], one a row, where `at` is; before, what the reading from left to
        right says on its way: it has read that far and nothing else."""
        out, (h, _) = self.layer(self.embedding(windows))
        width = self.layer.hidden_size
        last = at.int().argmax(1, keepdim=True)  # [B, 1]
        step = torch.arange(at.shape[1], device=at.device) - last + self.context - 1  # [B, T]: the place in the window
        step = step.clamp(0, self.context - 1).unsqueeze(-1).expand(-1, -1, width)
        on_the_way = out[..., :width].gather(1, step)
        logits = F.linear(self.dropout(on_the_way), self.head.weight[:, :width], self.head.bias)
        found = self.head(self.dropout(h.transpose(0, 1).flatten(1)))
        return torch.where(at.unsqueeze(-1), found.unsqueeze(1).to(logits.dtype), logits)

    def _logits(self, windows: Tensor) -> Tensor:
        """[N, V] of what follows windows [N, W]."""
        known = []
        for part in torch.split(windows, MANY):
            _, (h, _) = self.layer(self.embedding(part))  # h: [1 or 2, N, H], each at the end of its own reading
            known.append(h.transpose(0, 1).flatten(1))
        found: Tensor = self.head(self.dropout(torch.cat(known)))
        return found
