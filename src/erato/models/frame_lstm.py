"""Recurrent layers over frames of keys: which keys sounded in, a distribution over those of the next frame out.

A frame is read as planes, [P, K] numbers, one a key: itself, the two frames before, how long each key has been held,
and, from `memory` frames back, what came after the places most like this one. So a model of any size can repeat what a
piece has said before. Planes go through a linear layer, a norm and dropout to the LSTM layers, a norm, dropout, and a
head. Without memory a frame is one plane: itself.

Knows nothing of pitches, pieces or training. Legend: B batch, T time, K keys, P planes, H width, R frames of memory.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from erato.errors import UsageError, unknown
from erato.models.base import Distribution, ModelConfig, SequenceModel, of_kind
from erato.models.frame_heads import Autoregressive, Independent
from erato.models.lstm import initialise, read_on
from erato.representations.base import Frames, Space

HEADS: dict[str, type[Autoregressive] | type[Independent]] = {
    "autoregressive": Autoregressive,
    "independent": Independent,
}
NORMS = ("batch", "layer", "none")
LAGS = 2  # frames before this one that are read with it
FADE = 0.9  # of the likeness of two places, a frame
LOOK = 128  # frames that are compared with the memory at once


@dataclass(frozen=True)
class FrameLstmConfig(ModelConfig):
    """LSTM layers over frames of keys; independent keys, or one key after another.

    dropout: rates before, between and after the LSTM layers. memory: frames back that it looks for what is like now; 0:
    none. neighbours: features of every key that the head reads off the planes around it; 0: none. hidden: units of the
    head; 0: none (`independent` only).
    """

    embedding: int = 512
    width: int = 512
    layers: int = 2
    norm: Literal["batch", "layer", "none"] = "batch"
    dropout: tuple[float, ...] = (0.5, 0.5, 0.5)
    head: Literal["autoregressive", "independent"] = "autoregressive"
    hidden: int = 256
    head_dropout: float = 0.3
    memory: int = 1024
    neighbours: int = 16

    def __post_init__(self) -> None:
        for name, least in (
            ("embedding", 1),
            ("width", 1),
            ("layers", 1),
            ("hidden", self.head == "autoregressive"),
            ("memory", 0),
            ("neighbours", 0),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"model.{name} must be at least {int(least)}, got {getattr(self, name)}.")
        if self.head not in HEADS:
            raise unknown("model.head", self.head, HEADS)
        if self.norm not in NORMS:
            raise unknown("model.norm", self.norm, NORMS)
        if len(self.dropout) != 3:
            raise UsageError(
                f"model.dropout must be three rates, before, between and after the layers, got {self.dropout}."
            )
        for rate in (*self.dropout, self.head_dropout):
            if not 0 <= rate < 1:
                raise UsageError(f"model.dropout and head_dropout must be in [0, 1), got {rate}.")

    def build(self, space: Space) -> "FrameLstm":
        return FrameLstm(self, of_kind(space, Frames, "frame_lstm").keys)


class FrameState(NamedTuple):
    """What a piece has been so far."""

    layers: list[tuple[Tensor, Tensor]]  # (h, c) a layer, [B, H]
    past: Tensor  # [B, R, K] int8: the last frames, -1 where there were none; R grows up to the memory
    held: Tensor  # [B, K]: for how many frames each key has sounded
    same: Tensor  # [B, R]: by lag R - j, for how many frames this piece has been the same as so long before
    like: Tensor  # [B, R]: the likeness to so long before, fading


class FrameLstm(SequenceModel):
    """Planes, a linear layer, LSTM layers and a head."""

    def __init__(self, config: FrameLstmConfig, keys: int) -> None:
        super().__init__()
        self.config, self.keys = config, keys
        self.reach = max(config.memory, LAGS) if config.memory else 0
        self.planes = 1 + LAGS + 1 + 4 if self.reach else 1
        self.encoder = nn.Linear(self.planes * keys, config.embedding)
        self.before = nn.Parameter(torch.zeros(config.embedding))  # read where there is no frame yet
        before, between, after = config.dropout
        self.norm_in, self.drop_in = Norm(config.norm, config.embedding), nn.Dropout(before)
        inputs = (config.embedding, *(config.width,) * (config.layers - 1))
        self.layers = nn.ModuleList(nn.LSTM(n, config.width, batch_first=True) for n in inputs)
        self.drop_between = nn.Dropout(between)
        self.norm_out, self.drop_out = Norm(config.norm, config.width), nn.Dropout(after)
        self.head = HEADS[config.head](
            config.width, keys, self.planes, config.neighbours, config.hidden, config.head_dropout
        )
        self.layers.apply(initialise)

    def start(self, batch: int) -> FrameState:
        zeros = self.before.new_zeros
        width = self.config.width
        return FrameState(
            [(zeros(batch, width), zeros(batch, width)) for _ in self.layers],
            torch.empty(batch, 0, self.keys, dtype=torch.int8, device=self.before.device),
            zeros(batch, self.keys),
            zeros(batch, 0),
            zeros(batch, 0),
        )

    def extend(self, x: Tensor, state: FrameState, mask: Tensor | None = None) -> tuple[Distribution, FrameState]:
        with torch.no_grad():
            found, after = [], state
            for part in torch.split(x, LOOK, 1):
                planes, after = self._look(part, after)
                found.append(planes)
            planes = torch.cat(found, 1)
        first = x[..., :1] < 0  # the row before the first frame
        signal = self.encoder(planes.flatten(2)) + first * self.before
        signal = self.drop_in(self.norm_in(signal, mask))
        layers = []
        for number, (layer, (h, c)) in enumerate(zip(self.layers, state.layers, strict=True)):
            if number:
                signal = self.drop_between(signal)
            signal, both = read_on(layer, signal, h, c)
            layers.append(both)
        signal = self.drop_out(self.norm_out(signal, mask))
        return self.head(signal, planes), after._replace(layers=layers)

    def _look(self, x: Tensor, state: FrameState) -> tuple[Tensor, FrameState]:
        """[B, T, P, K] planes of x [B, T, K], each from frames up to its own, and what is remembered after."""
        now = x.clamp(min=0).to(self.before.dtype)
        if not self.reach:
            return now.unsqueeze(2), state
        batch, time = x.shape[:2]
        reach = min(self.reach, state.past.shape[1] + max(time, LAGS))
        more = reach - state.past.shape[1]
        past = nn.functional.pad(state.past, (0, 0, more, 0), value=-1)
        row = torch.cat([past, x.to(torch.int8)], 1)  # [B, R + T, K]; frame t is at R + t, lag l of it l before
        there = row[..., 0] >= 0
        on = row.clamp(min=0).to(self.before.dtype)
        number = on.sum(-1)
        shared = torch.bmm(now, on.transpose(1, 2))  # [B, T, R + T] keys in common
        lags = torch.arange(reach, device=x.device) + torch.arange(time, device=x.device).unsqueeze(1)  # [T, R]
        shared = shared.gather(2, lags.expand(batch, -1, -1))
        one, other = number[:, reach:].unsqueeze(2), number[:, lags]
        either = one + other - shared
        known = there[:, lags] & there[:, reach:].unsqueeze(2)
        alike = torch.where(either > 0, shared / either.clamp(min=1), 1.0) * known
        equal = (shared == torch.maximum(one, other)) & known
        held, same, like = state.held, *(nn.functional.pad(score, (more, 0)) for score in (state.same, state.like))
        lasting, sames, likes = [], [], []
        for t in range(time):
            held = (held + 1) * now[:, t]
            same = equal[:, t] * (1 + same)
            like = alike[:, t] + FADE * like
            lasting.append(held)
            sames.append(same)
            likes.append(like)
        copied = [self._what_followed(torch.stack(scores, 1), on) for scores in (sames, likes)]
        planes = torch.stack(
            [
                now,
                *(on[:, reach - lag : reach - lag + time] for lag in range(1, LAGS + 1)),
                torch.log2(1 + torch.stack(lasting, 1)) / 3,
                copied[0][0],
                copied[0][0] * torch.log2(1 + copied[0][1]) / 4,
                copied[1][0],
                copied[1][0] * copied[1][1] / 10,
            ],
            2,
        )
        return planes, FrameState(state.layers, row[:, time:], held, same, like)

    def _what_followed(self, scores: Tensor, on: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, K] the frame after the place of the best score [B, T, R] (the latest of equals), and that score."""
        best, place = scores.flip(2).max(2, keepdim=True)  # `max` takes the first of equals
        time, reach = scores.shape[1:]
        found = torch.arange(time, device=on.device) + reach - place.squeeze(2)  # in the row: now, if the lag is 1
        frames = on.gather(1, found.unsqueeze(2).expand(-1, -1, self.keys))
        return frames * (best > 0.5), best


class Norm(nn.Module):
    """Batch, layer or no norm over the last axis of [B, T, H]; padding enters no mean."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.norm: nn.Module = nn.Identity()
        if kind == "batch":
            self.norm = nn.BatchNorm1d(width)
        elif kind == "layer":
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if not isinstance(self.norm, nn.BatchNorm1d):
            found: Tensor = self.norm(x)
            return found
        if not self.training:
            found = self.norm(x.flatten(0, 1))
            return found.view(x.shape)
        real = torch.ones_like(x[..., 0], dtype=torch.bool) if mask is None else mask
        rows = x[real].float()
        if len(rows) == 1:  # one frame has no variance: the running one must do
            norm = self.norm
            rows = nn.functional.batch_norm(rows, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        else:
            rows = self.norm(rows)
        return torch.zeros_like(x, dtype=rows.dtype).index_put((real,), rows)
