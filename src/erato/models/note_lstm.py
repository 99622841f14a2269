"""Recurrent layers over notes: rows (pitch, step, duration[, velocity]) in, a distribution over the next note out.

Arrays hold times in seconds and pitches as they are; this model itself brings them to the scale of its layers, so that
a note that was drawn is read as one that was learned from. Knows nothing of pieces or training.
Legend: B batch, T time, F features, H width of a layer.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from erato.errors import UsageError, unknown
from erato.models.base import Distribution, ModelConfig, SequenceModel, of_kind
from erato.models.lstm import LstmState, initialise, read_on
from erato.models.note_heads import PITCHES, TIME_CODES, MixtureHead, NoteHead, RegressionHead, pitches, time_codes
from erato.representations.base import Notes, Space

HEADS = ("mixture", "regression")


@dataclass(frozen=True)
class NoteLstmConfig(ModelConfig):
    """LSTM layers over notes in seconds, and heads for their features.

    head: `mixture` has a likelihood of whole notes, `regression` predicts times (and velocities) as single numbers.
    components: of the mixtures of times. embedding: numbers that stand for a pitch; 0: it is one number, its 128th, and
    times are in seconds, as in the tutorial; else they are logarithms. dropout: after each layer.
    """

    width: int = 128
    layers: int = 1
    head: Literal["mixture", "regression"] = "mixture"
    components: int = 8
    embedding: int = 32
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("layers", 1), ("components", 1), ("embedding", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be {least} or more, got {getattr(self, name)}.")
        if self.head not in HEADS:
            raise unknown("head", self.head, HEADS)
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be in [0, 1), got {self.dropout}.")

    def build(self, space: Space) -> "NoteLstm":
        return NoteLstm(self, of_kind(space, Notes, "note_lstm"))


class NoteLstm(SequenceModel):
    """Notes brought to scale, LSTM layers each with dropout, and a head."""

    def __init__(self, config: NoteLstmConfig, space: Notes) -> None:
        super().__init__()
        self.config, self.space = config, space
        inputs = len(space.features)
        if config.embedding:
            self.embedding = nn.Embedding(PITCHES, config.embedding)
            inputs = config.embedding + 2 * TIME_CODES + space.velocity
        self.first = nn.Parameter(torch.zeros(inputs))  # what is read before the first note
        self.layers = nn.ModuleList(
            nn.LSTM(config.width if layer else inputs, config.width, batch_first=True) for layer in range(config.layers)
        )
        self.layers.apply(initialise)
        self.dropout = nn.Dropout(config.dropout)
        self.head: NoteHead = (
            MixtureHead(config.width, space, config.components)
            if config.head == "mixture"
            else RegressionHead(config.width, space)
        )

    def start(self, batch: int) -> LstmState:
        zeros = self.first.new_zeros
        return [(zeros(batch, self.config.width), zeros(batch, self.config.width)) for _ in self.layers]

    def extend(self, x: Tensor, state: LstmState, mask: Tensor | None = None) -> tuple[Distribution, LstmState]:
        # Padding stands at the end of causal layers: it reaches no output before it, so mask is not needed.
        signal = self.scaled(x)
        after: LstmState = []
        for layer, (h, c) in zip(self.layers, state, strict=True):
            signal, (h, c) = read_on(layer, signal, h, c)
            after.append((h, c))
            signal = self.dropout(signal)
        return self.head(signal, x), after

    def scaled(self, notes: Tensor) -> Tensor:
        """[B, T, inputs] What the first layer reads of notes [B, T, F]."""
        velocity = notes[..., 3:] / PITCHES
        if self.config.embedding:
            times = time_codes(self.head.counts(notes[..., 1:3])).flatten(-2)
            signal = torch.cat((self.embedding(pitches(notes)), times, velocity), -1)
        else:
            signal = torch.cat((notes[..., :1] / PITCHES, notes[..., 1:3], velocity), -1)
        return torch.where(notes[..., :1] < 0, self.first, signal)
