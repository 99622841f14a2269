"""Dilated causal convolutions over key states: which keys were down in, how likely the next key is down out.

Blocks of convolutions of width 2; in a block the dilation doubles from layer to layer, from 1 on, and each block begins
anew. A prediction sees exactly `context` key states, and nothing is padded inside a sample: before the first symbol of
a piece lies silence for ever. After PianoNet (Angsten 2020), which took the dilations from WaveNet (van den Oord et al.
2016). While composing, what each layer has read stays (Fast WaveNet, Paine et al. 2016), and many positions are read in
one pass (`erato.models.pianonet_pass`).

Knows nothing of pitches, pieces or training. Legend: B batch, T time, K keys of a step, C numbers that a layer reads at
a place, G numbers that it computes there (before gates), F numbers that it gives, P places that a table tells apart, R
room.
"""

import math
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from erato.errors import UsageError, unknown
from erato.models.base import Distribution, Filters, ModelConfig, SequenceModel, of_kind
from erato.representations.base import Bits, Space

SAFE = 1e-3  # added to the variance in layer norms, as in Keras
ROOM = 1024  # key states that are remembered beyond what is needed, before all of it moves
FEW = 768  # key states, of all rows, up to which one pass without torch's overhead is faster
CUT = 0.87962566103423978  # the standard deviation of a normal distribution that is cut off at 2
Numbers = npt.NDArray[Any]
ACTIVATIONS = ("elu", "relu")
INITIALIZERS = ("glorot_uniform", "he_normal")


@dataclass(frozen=True)
class PianonetConfig(ModelConfig):
    """Dilated causal convolutions in blocks, over key states.

    filter_increments: a block each, a layer each, by how much wider it is than the layer before; filters: the widths
    themselves, in place of those. use_calibrated_output_bias: begin with the usual share of keys that are down (0.04).
    These names are the published ones; what follows is not part of that system. residual: each layer adds what it read;
    gated: tanh times sigmoid in place of the activation; norm: layer norm before it; keys: every layer knows which key
    comes next; beats: and which step of so many it belongs to (0: not); dropout: of what each layer gives.
    """

    filter_increments: tuple[tuple[int, ...], ...] = ((4,) * 12, (4,) * 11, (6,) * 8 + (8, 8))
    filters: tuple[tuple[int, ...], ...] = ()
    default_activation: Literal["elu", "relu"] = "elu"
    use_calibrated_output_bias: bool = True
    default_kernel_initializer: Literal["glorot_uniform", "he_normal"] = "glorot_uniform"
    residual: bool = False
    gated: bool = False
    norm: bool = False
    keys: bool = False
    beats: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.default_activation not in ACTIVATIONS:
            raise unknown("model.default_activation", self.default_activation, ACTIVATIONS)
        if self.default_kernel_initializer not in INITIALIZERS:
            raise unknown("model.default_kernel_initializer", self.default_kernel_initializer, INITIALIZERS)
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout must be in [0, 1), got {self.dropout}.")
        if self.beats < 0:
            raise UsageError(f"model.beats must be 0 (not known) or more steps, got {self.beats}.")
        widths = self.widths()
        if not widths or not all(widths):
            raise UsageError("model.filter_increments must be one or more blocks of one or more layers.")
        if max(map(len, widths)) > 24:
            raise UsageError(f"a block has at most 24 layers, got {max(map(len, widths))}: begin another block.")
        layer = 0
        for block in widths:
            for width in block:
                layer += 1
                if not 0 < width <= 65_536:
                    said = "filters" if self.filters else "filter_increments"
                    raise UsageError(
                        f"model.{said} must leave 1 to 65,536 channels everywhere; layer {layer} has {width}."
                    )

    def widths(self) -> list[list[int]]:
        """The channels that each layer of each block gives."""
        if self.filters:
            return [list(block) for block in self.filters]
        found: list[list[int]] = []
        width = 0
        for block in self.filter_increments:
            found.append([])
            for increment in block:
                width += increment
                found[-1].append(width)
        return found

    def layers(self) -> Iterator[tuple[int, int, int]]:
        """(C, F, dilation) of every layer."""
        reads = 1
        for block in self.widths():
            for number, width in enumerate(block):
                yield reads, width, 2**number
                reads = width

    @property
    def lead(self) -> int:
        """The key states that a prediction sees."""
        return 1 + sum(dilation for *_, dilation in self.layers())

    def period(self, space: Space) -> int:
        return (self.beats or 1) * of_kind(space, Bits, "pianonet").keys

    def build(self, space: Space) -> "Pianonet":
        return Pianonet(self, of_kind(space, Bits, "pianonet").keys)


class Bit(Distribution):
    """Whether the next key is down; logits: [B, T], places: [T], of which the rest by `keys` is which key that is."""

    n_uniforms = 1

    def __init__(self, logits: Tensor, places: Tensor, keys: int) -> None:
        self.logits, self.places, self.keys = logits, places, keys

    def log_prob(self, y: Tensor) -> Tensor:
        logits = self.logits if self.logits.dtype == torch.float64 else self.logits.float()
        return -F.binary_cross_entropy_with_logits(logits, y.clamp(min=0).to(logits.dtype), reduction="none")

    def hits(self, y: Tensor) -> Tensor:
        return (self.logits > 0) == (y > 0)

    def at(self, t: int) -> "Bit":
        return Bit(self.logits[:, t : t + 1], self.places[t : t + 1], self.keys)

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        last = self.at(self.logits.shape[1] - 1)
        drawn, _ = last.draw(None if u is None else u[:, 0].cpu().numpy(), filters)
        return torch.from_numpy(drawn).to(self.logits.device)

    def draw(self, u: Numbers | None, filters: Filters) -> tuple[Numbers, Numbers]:
        """A draw at each of T places of one piece (or, with T = 1, of B pieces), and its log-probability; [T] each.

        u: [T] uniform numbers; None: the likelier. A key that is less probable than its threshold stays up. -1 where
        there is no number.
        """
        logits = self.logits.flatten().cpu().numpy()
        with np.errstate(all="ignore"):
            chances = sigmoid(logits)
            allowed = None
            if filters.thresholds is not None:
                allowed = chances >= filters.thresholds.cpu().numpy()[self.places.cpu().numpy() % self.keys]
            if u is None:
                down = logits > 0
            elif filters.heat is None:
                two = filters(torch.from_numpy(np.stack([np.zeros(len(logits)), logits.astype(np.float64)], -1)))
                down = u < two.softmax(-1)[:, 1].numpy()
            else:
                down = u < (chances if filters.heat == 1 else sigmoid(logits / filters.heat))
            if allowed is not None:
                down &= allowed
            drawn = down.view(np.int8)
            if np.isnan(logits).any():
                drawn = np.where(np.isnan(logits), np.int8(-1), drawn)
            log_probs = -np.logaddexp(0.0, np.where(down, -logits, logits).astype(np.float64))
        return drawn, log_probs


def sigmoid(logits: Numbers) -> Numbers:
    """The probabilities of logits, as float64."""
    found: Numbers = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return found


class Memory:
    """What the layers have read, in one tensor: of each, rows [d + R, B, C], of which d lie before position `base`.

    A state is a mark in it; as long as no other state in use has come further, what lies behind the mark is written
    over.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]], batch: int, room: int, base: int, like: Tensor) -> None:
        """shapes: (dilation, C) of each layer."""
        self.shapes, self.batch, self.room, self.base = shapes, batch, room, base
        sizes = [(dilation + room) * batch * reads for dilation, reads in shapes]
        self.data = like.new_empty(sum(sizes))
        parts = torch.split(self.data, sizes)
        self.rows = [part.view(-1, batch, reads) for part, (_, reads) in zip(parts, shapes, strict=True)]
        self.states: weakref.WeakSet[PianonetState] = weakref.WeakSet()
        self.scratch: Any = None  # of the fast pass

    def copy(self, n: int, room: int, rows: Tensor | None = None) -> "Memory":
        """What is needed from position `n` on, of those rows of the batch, in a memory of its own."""
        new = Memory(self.shapes, self.batch if rows is None else len(rows), room, n, self.data)
        at = n - self.base
        for (dilation, _), there, here in zip(self.shapes, self.rows, new.rows, strict=True):
            past = there[at : at + dilation]
            here[:dilation] = past if rows is None else past.index_select(1, rows)
        return new

    def move(self, n: int) -> None:
        """Makes position `n` the base."""
        at = n - self.base
        for (dilation, _), rows in zip(self.shapes, self.rows, strict=True):
            past = rows[at : at + dilation]
            rows[:dilation] = past.clone() if at < dilation else past
        self.base = n


class PianonetState:
    """Where pieces stand: `n` key states were read, what stands before the first among them."""

    def __init__(self, n: int, memory: Memory | None) -> None:
        self.n, self.memory = n, memory
        if memory is not None:
            memory.states.add(self)

    def take(self, rows: Tensor) -> "PianonetState":
        memory = None if self.memory is None else self.memory.copy(self.n, self.memory.room, rows)
        return PianonetState(self.n, memory)

    def detach(self) -> "PianonetState":
        return self  # what is remembered has no gradient

    def writable(self, length: int) -> Memory:
        """A memory with room for `length` more from here on, which no other state needs."""
        memory = self.memory
        assert memory is not None
        others = [state.n for state in memory.states if state is not self]
        if self.n + length <= memory.base + memory.room:
            return memory.copy(self.n, memory.room) if max(others, default=0) > self.n else memory
        if others or length > memory.room:
            return memory.copy(self.n, max(memory.room, length))
        memory.move(self.n)
        return memory


class Dilated(torch.autograd.Function):
    """x [d + T, B, C] to [T, B, G]: each place from itself and from d places before; weight: [2 C, G], past first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
        reads, time = x.shape[2], len(x) - dilation
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        found = x.new_empty(time, x.shape[1], weight.shape[1])
        rows = found.view(-1, weight.shape[1])
        torch.addmm(bias, x[:time].flatten(0, 1), weight[:reads], out=rows)
        rows.addmm_(x[dilation:].flatten(0, 1), weight[reads:])
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        dilation, reads, time = ctx.dilation, x.shape[2], len(x) - ctx.dilation
        gradient = gradients[0].flatten(0, 1)
        of_weight = torch.cat([x[:time].flatten(0, 1).t() @ gradient, x[dilation:].flatten(0, 1).t() @ gradient])
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = torch.empty_like(x)
            of_x[time:] = 0
            torch.mm(gradient, weight[:reads].t(), out=of_x[:time].view(-1, reads))
            of_x[dilation:].view(-1, reads).addmm_(gradient, weight[reads:].t())
        return of_x, of_weight, gradient.sum(0), None


class Layer(nn.Module):
    """A dilated convolution of width 2 and what follows it: x [d + T, B, C] to [T, B, F]."""

    def __init__(self, config: PianonetConfig, reads: int, gives: int, dilation: int, keys: int) -> None:
        super().__init__()
        self.config, self.reads, self.gives, self.dilation, self.keys = config, reads, gives, dilation, keys
        computes = gives * (2 if config.gated else 1)
        self.weight = nn.Parameter(torch.empty(2 * reads, computes))
        self.bias = nn.Parameter(torch.zeros(computes))
        fan_in, fan_out = 2 * reads, 2 * computes  # of a kernel of width 2, as Keras counts
        if config.default_kernel_initializer == "he_normal":
            nn.init.trunc_normal_(self.weight, std=math.sqrt(2 / fan_in) / CUT, a=-2, b=2)
        else:
            nn.init.uniform_(self.weight, -math.sqrt(6 / (fan_in + fan_out)), math.sqrt(6 / (fan_in + fan_out)))
        depth = sum(1 for _ in config.layers()) if config.residual else 1
        if config.residual and not config.gated:  # or the sum of all layers explodes
            with torch.no_grad():
                self.weight.div_(math.sqrt(depth))
        if config.norm:  # or a norm of silence divides by nothing
            nn.init.uniform_(self.bias, -0.5, 0.5)
        self.gain = nn.Parameter(torch.full((computes,), depth**-0.5)) if config.norm else None
        self.shift = nn.Parameter(torch.zeros(computes)) if config.norm else None
        self.of_key = _nothing(keys, computes) if config.keys else None
        self.of_beat = _nothing(config.beats, computes) if config.beats else None

    def table(self) -> Tensor | None:
        """[P, G]: what is added at each place; None: the same at all."""
        if self.of_key is None:
            return None if self.of_beat is None else self.of_beat.weight.repeat_interleave(self.keys, 0)
        if self.of_beat is None:
            return self.of_key.weight
        return (self.of_beat.weight.unsqueeze(1) + self.of_key.weight).flatten(0, 1)

    def forward(self, x: Tensor, places: Tensor, apart: int | None = None) -> Tensor:
        """places: [T] where in a cycle of steps, and of keys in a step, each stands.

        apart: x is no stretch of time, but T places in the past and, so far behind them, T that are now.
        """
        weight, bias, table = self.weight.to(x.dtype), self.bias.to(x.dtype), self.table()
        dilation = apart or self.dilation
        found: Tensor = Dilated.apply(x, weight, bias, dilation)  # type: ignore[no-untyped-call]
        if table is not None:
            found = found + table.to(x.dtype)[places % len(table)].unsqueeze(1)
        found = self.activated(found)
        if self.config.dropout and self.training and not apart:
            found = F.dropout(found, self.config.dropout)
        if self.config.residual:
            both = min(self.reads, self.gives)
            read = x[dilation:]
            found = found + (read if self.reads == self.gives else F.pad(read[..., :both], (0, self.gives - both)))
        return found

    def activated(self, found: Tensor) -> Tensor:
        """[..., G] to [..., F]."""
        if self.gain is not None and self.shift is not None:
            gain, shift = self.gain.to(found.dtype), self.shift.to(found.dtype)
            found = F.layer_norm(found, gain.shape, gain, shift, SAFE)
        if self.config.gated:
            value, gate = found.chunk(2, -1)
            return value.tanh() * gate.sigmoid()
        if self.config.default_activation == "relu":
            return found.relu()
        return F.elu(found, inplace=self.gain is None)


def _nothing(rows: int, width: int) -> nn.Embedding:
    """A table of zeros."""
    table = nn.Embedding(rows, width)
    nn.init.zeros_(table.weight)
    return table


class Pianonet(SequenceModel):
    """Layers, and one number a place: the logit of the next key."""

    wheel: Tensor  # [cycle + R] the places of a cycle, round and round
    overhead = 8.0  # measured: a pass of the published size, on one core

    def __init__(self, config: PianonetConfig, keys: int) -> None:
        super().__init__()
        self.config, self.keys = config, keys
        self.context: int = config.lead
        self.cycle = keys * (config.beats or 1)
        self.layers = nn.ModuleList(Layer(config, *sizes, keys) for sizes in config.layers())
        width = config.widths()[-1][-1]
        self.out = nn.Linear(width, 1)
        limit = math.sqrt(6 / (width + 1))
        nn.init.uniform_(self.out.weight, -limit, limit)
        nn.init.constant_(self.out.bias, -3.2 if config.use_calibrated_output_bias else 0.0)
        self.of_key = nn.Parameter(torch.zeros(keys)) if config.keys else None
        self.fast: Any = None  # what the fast pass made of these weights
        self.register_buffer("wheel", torch.arange(self.cycle + ROOM) % self.cycle, persistent=False)

    def summary(self, space: Space) -> str:
        steps = self.context / self.keys
        seconds = f", {steps * space.step_s:.2f} s" if isinstance(space, Bits) else ""
        return f"{len(self.layers)} layers that see {self.context:,} key states ({steps:.1f} steps{seconds})"

    def train(self, mode: bool = True) -> "Pianonet":
        self.fast = None  # weights may change, or have changed
        return super().train(mode)

    def forgotten(self, n: int) -> int:
        return max(0, n - self.context) // self.cycle * self.cycle

    def start(self, batch: int) -> PianonetState:
        return PianonetState(0, None)

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Bit:
        """Where the mask is false at the beginning of x, for as long as a prediction sees, nothing before x is read."""
        time = x.shape[1]
        skip = 0 if mask is None else int(mask.any(0).int().argmax())
        signal, places = self._read(x), self._places(0, time)
        if skip + 1 >= self.context:
            signal = signal[skip + 1 - self.context :]
            for layer in self.stack:
                signal = layer(signal, places[len(places) - len(signal) + layer.dilation :])
            return self._predicted(signal, places[skip:], skip)
        for layer, silent in zip(self.stack, self._silence(signal.dtype), strict=True):
            past = silent[self._places(-layer.dilation, layer.dilation)].unsqueeze(1).expand(-1, len(x), -1)
            signal = layer(torch.cat([past, signal]), places)
        return self._predicted(signal, places)

    def extend(self, x: Tensor, state: PianonetState, mask: Tensor | None = None) -> tuple[Bit, PianonetState]:
        # Padding stands at the end: it reaches no output before it, so mask is not needed.
        n, time = state.n, x.shape[1]
        most = min(ROOM, FEW) if len(x) == 1 and self._is_plain(x) else ROOM
        parts = []
        for part in torch.split(x, most, 1) if time > most else (x,):
            logits, state = self._extend(part, state)
            parts.append(logits)
        logits = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return Bit(logits, self._places(n, time), self.keys), state

    def keep(self, before: PianonetState, after: PianonetState, x: Tensor, n: int) -> PianonetState:
        if after.memory is None or before.n + n < after.memory.base:  # nothing was read, or it has moved on
            return self.extend(x[:, :n], before)[1] if n else before
        return PianonetState(before.n + n, after.memory)

    def _is_plain(self, x: Tensor) -> bool:
        """Whether the fast pass can do it."""
        known = self.out.weight.dtype in (torch.float32, torch.float64) and x.device.type == "cpu"
        return known and not self.training and not torch.is_grad_enabled()

    @property
    def stack(self) -> list[Layer]:
        return list(self.layers)  # type: ignore[arg-type]

    def _read(self, x: Tensor) -> Tensor:
        """[T, B, 1] numbers for key states [B, T]; what stands before the first is silence."""
        kind = self.out.weight.dtype
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
        return x.t().clamp(min=0).to(kind).unsqueeze(2).contiguous()

    def _places(self, n: int, time: int) -> Tensor:
        """[T] which place of a cycle the key states that are predicted from position `n` on have."""
        if time <= ROOM:
            return self.wheel[n % self.cycle :][:time]
        return torch.arange(n, n + time, device=self.out.bias.device) % self.cycle

    def _silence(self, kind: torch.dtype) -> list[Tensor]:
        """[P, C] what each layer reads, at every place of a cycle, where all was silent for ever."""
        places = self._places(0, self.cycle if self.config.keys or self.config.beats else 1)
        signal = torch.zeros(len(places), 1, 1, dtype=kind, device=places.device)
        found = []
        for layer in self.stack:
            found.append(signal[:, 0].expand(self.cycle, -1))
            past = signal[(places - layer.dilation) % len(places)]
            signal = layer(torch.cat([past, signal]), places, apart=len(places))
        return found

    def _extend(self, x: Tensor, state: PianonetState) -> tuple[Tensor, PianonetState]:
        """[B, T] logits, and the state after."""
        time, n = x.shape[1], state.n
        if state.memory is None:
            state = PianonetState(0, self._begun(len(x)))
        memory = state.writable(time)
        after = PianonetState(n + time, memory)
        if self._is_plain(x) and x.numel() <= FEW:
            from erato.models import pianonet_pass  # takes a second to import

            return pianonet_pass.read(self, x, memory, n), after
        at, places = n - memory.base, self._places(n, time)
        signal = self._read(x)
        for layer, rows in zip(self.stack, memory.rows, strict=True):
            rows[layer.dilation + at : layer.dilation + at + time] = signal.detach()
            past = rows[at : at + layer.dilation]
            if torch.is_grad_enabled():  # backward needs what later symbols may write over
                signal = layer(torch.cat([past.to(signal.dtype), signal]), places)
            else:
                signal = layer(rows[at : at + layer.dilation + time], places)
        return self._predicted(signal, places).logits, after

    def _begun(self, batch: int) -> Memory:
        """A memory in which all was silent."""
        shapes = [(layer.dilation, layer.reads) for layer in self.stack]
        memory = Memory(shapes, batch, ROOM, 0, self.out.weight.detach())
        with torch.no_grad():
            silence = self._silence(self.out.weight.dtype)
            for (dilation, _), rows, silent in zip(shapes, memory.rows, silence, strict=True):
                rows[:dilation] = silent[self._places(-dilation, dilation)].unsqueeze(1)
        return memory

    def _predicted(self, signal: Tensor, places: Tensor, skip: int = 0) -> Bit:
        """signal: [T, B, F]; `skip` places before it are asked nothing."""
        with torch.autocast(signal.device.type, enabled=False):
            logits = self.out(signal.to(self.out.weight.dtype)).squeeze(2)
        if self.of_key is not None:
            logits = logits + self.of_key[places % self.keys].unsqueeze(1)
        if skip:
            logits, places = F.pad(logits, (0, 0, skip, 0)), F.pad(places, (skip, 0))
        return Bit(logits.t(), places, self.keys)
