"""What may sound in the next frame: a vector a frame in, a distribution over sets of keys out.

Knows nothing of pitches.

`Independent` gives every key a probability of its own. `Autoregressive` writes the keys that are on one after another,
in ascending order, then an end: a proper joint distribution, as in RNN-NADE (Boulanger-Lewandowski et al. 2012), and
in as many steps as there are keys.

Both may look at planes, [P, K] numbers a frame, one a key, that say what was there: `neighbours` features of each key
are read off the planes around it by one convolution, and the vector weighs them. So what is learnt of one key holds for
all. Legend: B batch, T time, K keys, P planes, D width of the vector, M frames (B * T), N steps (keys and ends).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.models.base import Distribution, Filters, drawn

REACH = 24  # keys up and down from the last one that `Autoregressive` looks at
AROUND = 12  # keys up and down that make the features of a key


class Independent(nn.Module):
    """One Bernoulli a key."""

    def __init__(self, width: int, keys: int, planes: int, neighbours: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Sequential()
        if hidden:
            self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.out = nn.Linear(hidden or width, keys)
        self.local = Local(hidden or width, keys, planes, neighbours) if neighbours else None

    def forward(self, h: Tensor, planes: Tensor) -> "Bernoulli":
        """h: [B, T, D]; planes: [B, T, P, K]."""
        h = self.hidden(h)
        logits = self.out(h)
        if self.local is not None:
            shape = logits.shape
            weights = self.local.weigh(h.flatten(0, 1))
            found = torch.bmm(self.local(planes.flatten(0, 1)), weights.unsqueeze(2)).squeeze(2)
            logits = logits + found.view(shape)
        return Bernoulli(logits)


class Bernoulli(Distribution):
    """Every key on or off by itself; logits: [B, T, K]."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @property
    def n_uniforms(self) -> int:
        return self.logits.shape[-1]

    def log_prob(self, y: Tensor) -> Tensor:
        return self.terms(y).sum(-1)

    def terms(self, y: Tensor) -> Tensor:
        """[B, T, K]"""
        return -F.binary_cross_entropy_with_logits(self.logits.float(), y.float(), reduction="none")

    def hits(self, y: Tensor) -> Tensor:
        return ((self.logits > 0) == (y > 0)).all(-1)

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        logits = self.logits[:, -1].float()
        two = filters(torch.stack([torch.zeros_like(logits), logits], -1).flatten(0, 1)).view(*logits.shape, 2)
        on = two[..., 1] > two[..., 0] if u is None else u < two.double().softmax(-1)[..., 1]
        if filters.allowed is not None:
            on = on & filters.allowed
        frame = on.to(torch.int8)
        return torch.where(torch.isnan(logits), -1, frame)  # no number, no frame: whoever draws refuses it


class Autoregressive(nn.Module):
    """The keys of a frame in ascending order, then an end, each given the vector and the keys before it."""

    def __init__(self, width: int, keys: int, planes: int, neighbours: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.keys = keys
        self.frame = nn.Linear(width, hidden)
        self.so_far = nn.Linear(keys, hidden, bias=False)
        self.last = nn.Embedding(keys + 1, hidden)  # 0: none yet
        self.count = nn.Embedding(keys + 1, hidden)
        self.around = nn.Linear((planes + 1) * (2 * REACH + 1), hidden, bias=False)
        self.norm = nn.LayerNorm(hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, keys + 1)
        self.interval = nn.Linear(hidden, keys)  # how far above the last key
        self.local = Local(hidden, keys, planes, neighbours) if neighbours else None
        for embedding in (self.last, self.count):
            nn.init.normal_(embedding.weight, std=0.1)
        nn.init.zeros_(self.interval.weight)
        nn.init.zeros_(self.interval.bias)

    def forward(self, h: Tensor, planes: Tensor) -> "FrameAR":
        """h: [B, T, D]; planes: [B, T, P, K]."""
        return FrameAR(self, h, planes)

    def prepared(self, h: Tensor, planes: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the steps of M frames share, of h [M, D] and planes [M, P, K]."""
        padded = F.pad(planes, (REACH, REACH)).transpose(1, 2)  # [M, K + 2 REACH, P]
        return self.frame(h), padded, None if self.local is None else self.local(planes)

    def step(
        self, prepared: tuple[Tensor, Tensor, Tensor | None], frame: Tensor, so_far: Tensor, last: Tensor, count: Tensor
    ) -> Tensor:
        """[N, K + 1] logits of the next key, or the end, at each of N steps.

        frame: [N] which of the M frames; so_far: [N, K] the keys of it that are on already; last: [N] the highest of
        them, -1: none; count: [N] how many there are.
        """
        given, padded, local = prepared
        some = (last >= 0).unsqueeze(1)
        near = last.clamp(min=0).unsqueeze(1) + torch.arange(2 * REACH + 1, device=last.device)
        window = padded[frame.unsqueeze(1), near]  # [N, 2 REACH + 1, P]
        below = F.pad(so_far, (REACH, REACH)).gather(1, near)
        window = torch.cat([window, below.unsqueeze(2)], 2).flatten(1) * some
        a = given[frame] + self.so_far(so_far) + self.last(last + 1) + self.count(count) + self.around(window)
        a = self.dropout(F.relu(self.norm(a)))
        a = a + self.dropout(F.relu(self.middle(a)))
        logits = self.out(a)
        above = torch.arange(self.keys, device=last.device) - last.unsqueeze(1) - 1  # 0: the next key up
        intervals = self.interval(a).gather(1, above.clamp(min=0)) * some
        if local is not None and self.local is not None:
            intervals = intervals + self._weighed(local, self.local.weigh(a), frame)
        logits = logits.float() + F.pad(intervals.float(), (0, 1))
        return torch.cat([logits[:, :-1].masked_fill(above < 0, -math.inf), logits[:, -1:]], 1)

    def _weighed(self, local: Tensor, weights: Tensor, frame: Tensor) -> Tensor:
        """[N, K]: the features [M, K, C] of each step's frame, weighed by its weights [N, C].

        Steps of one frame stand together; they are multiplied at once.
        """
        if len(frame) == len(local):
            return torch.bmm(local, weights.unsqueeze(2)).squeeze(2)
        steps = torch.bincount(frame, minlength=len(local))
        place = torch.arange(len(frame), device=frame.device) - (steps.cumsum(0) - steps)[frame]
        table = weights.new_zeros(len(local), int(steps.max()), weights.shape[1])
        table = table.index_put((frame, place), weights)
        return torch.bmm(table, local.transpose(1, 2))[frame, place]


class FrameAR(Distribution):
    """A frame, key after key; h: [B, T, D], planes: [B, T, P, K]."""

    def __init__(self, head: Autoregressive, h: Tensor, planes: Tensor) -> None:
        self.head, self.h, self.planes = head, h, planes
        self._y: Tensor | None = None

    @property
    def n_uniforms(self) -> int:
        return self.head.keys + 1

    def log_prob(self, y: Tensor) -> Tensor:
        return self._scored(y)[0]

    def hits(self, y: Tensor) -> Tensor:
        return self._scored(y)[1]

    def terms(self, y: Tensor) -> Tensor:
        """[B, T, K + 1] of each key that is on, given those below it, and of the end; 0 for the others."""
        of_step, frame, target = self._scored(y)[2]
        found = of_step.new_zeros(y.shape[0] * y.shape[1], self.head.keys + 1)
        return found.index_put((frame, target), of_step).view(*y.shape[:2], -1)

    def _scored(self, y: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """[B, T] the log-probability, and whether each step's likeliest came; worked out once for both.

        And that of each step, [N], with the frame and the key that it is of.
        """
        if self._y is not y:
            self._y, self._found = y, self._score(y)
        return self._found

    def _score(self, y: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        head, on = self.head, (y.flatten(0, 1) > 0)  # [M, K]; padding is silence
        keys = torch.arange(head.keys, device=y.device)
        ended = F.pad(on, (0, 1), value=True)
        frame, target = ended.nonzero(as_tuple=True)  # [N]; the end is `keys`
        first = torch.ones_like(frame, dtype=torch.bool)
        first[1:] = frame[1:] != frame[:-1]
        last = torch.where(first, -1, target.roll(1))
        number = ended.sum(1)
        count = torch.arange(len(frame), device=y.device) - (number.cumsum(0) - number)[frame]
        so_far = (on[frame] & (keys <= last.unsqueeze(1))).to(self.h.dtype)
        prepared = head.prepared(self.h.flatten(0, 1), self.planes.flatten(0, 1))
        logits = head.step(prepared, frame, so_far, last, count)
        of_step = logits.log_softmax(-1).gather(1, target.unsqueeze(1)).squeeze(1)
        log_probs = of_step.new_zeros(len(on)).index_add(0, frame, of_step)
        misses = torch.zeros(len(on), device=y.device).index_add(0, frame, (logits.argmax(-1) != target).float())
        return log_probs.view(y.shape[:2]), (misses == 0).view(y.shape[:2]), (of_step, frame, target)

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        head, rows = self.head, len(self.h)
        prepared = head.prepared(self.h[:, -1], self.planes[:, -1])
        so_far = self.h.new_zeros(rows, head.keys)
        last = torch.full((rows,), -1, device=self.h.device)
        every, ended = torch.arange(rows, device=self.h.device), torch.zeros_like(last, dtype=torch.bool)
        allowed = None if filters.allowed is None else F.pad(filters.allowed, (0, 1), value=True)
        for step in range(head.keys + 1):
            logits = head.step(prepared, every, so_far, last, torch.full_like(last, step))
            if torch.isnan(logits).any():
                return torch.full_like(so_far, -1, dtype=torch.int8)  # no number, no frame
            if allowed is not None:
                logits = logits.masked_fill(~allowed, -math.inf)
            key = drawn(filters(logits), None if u is None else u[:, step : step + 1])
            ended = ended | (key == head.keys)
            if ended.all():
                break
            on = ~ended
            so_far[every[on], key[on]] = 1.0
            last = torch.where(on, key, last)
        return so_far.to(torch.int8)


class Local(nn.Module):
    """Features of every key from the planes around it: [M, P, K] -> [M, K, C]."""

    def __init__(self, width: int, keys: int, planes: int, features: int) -> None:
        super().__init__()
        self.near = nn.Conv1d(planes, features, 2 * AROUND + 1, padding=AROUND)
        self.key = nn.Parameter(torch.zeros(features, keys))
        self.weigh = nn.Linear(width, features)

    def forward(self, planes: Tensor) -> Tensor:
        return F.relu(self.near(planes) + self.key).transpose(1, 2)
