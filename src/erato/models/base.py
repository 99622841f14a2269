"""What every model is: what came before to a distribution over what comes next, or latent numbers to a phrase. Never
sees a file or a piece.

Legend: B batch, T time, V vocabulary. A state is nested tuples, lists and dicts of tensors (batch first), or
objects with a `take(rows)` and a `detach()` of their own.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from erato.errors import UsageError
from erato.representations.base import Rolls, Space

State = Any
S = TypeVar("S", bound=Space)


class Filters:
    """How to draw: what may be drawn, and how likely. This one changes nothing.

    Where a symbol has several features (a note: pitch, step, duration, velocity), they are numbered from 0.
    """

    allowed: Tensor | None = (
        None  # [B, V] of symbols, [B, K] of keys, [B, 128] of a note's pitches; None: everything is
    )
    kinds: Tensor | None = None  # [V]: what kind of symbol each is; see `masked`
    thresholds: Tensor | None = None  # [K] the probability below which each key stays silent
    heat: float | None = 1.0  # the temperature, where nothing else (but thresholds) changes how symbols are drawn

    def __call__(self, logits: Tensor, feature: int = 0) -> Tensor:
        """The logits [B, V] to draw from; what may not be drawn is -inf before and after."""
        return logits

    def temperature(self, feature: int = 0) -> float:
        """Of what is drawn from no logits."""
        return 1.0


class Distribution(ABC):
    """What may come next, at each of T positions."""

    complete = True  # whether log_prob is that of the whole symbol

    @abstractmethod
    def log_prob(self, y: Tensor) -> Tensor:
        """[B, T] natural logarithms of the probability of y [B, T, ...]; any number where y is padding."""

    @abstractmethod
    def hits(self, y: Tensor) -> Tensor:
        """[B, T] whether y was the likeliest."""

    def terms(self, y: Tensor) -> Tensor:
        """[B, T, M] the numbers that log_prob is the sum of: of a frame one a key, and what else there is; else one."""
        return self.log_prob(y).unsqueeze(-1)

    def parts(self, y: Tensor) -> dict[str, Tensor]:
        """[B, T] the loss of each feature of a symbol by name, where it has several."""
        return {}

    @abstractmethod
    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        """[B, ...] One draw a row, for its last position, by inverse CDF from uniform numbers u [B, n_uniforms].

        Without u: the likeliest instead (the first of equals).
        """

    @property
    @abstractmethod
    def n_uniforms(self) -> int:
        """How many uniform numbers one draw takes."""

    def at(self, t: int) -> "Distribution":
        """What may come next at position `t` alone, T = 1; only for distributions of what can be drafted.

        Frames and notes are not: whoever drafts refuses their spaces.
        """
        raise NotImplementedError(f"{type(self).__name__} is not drafted")


class Categorical(Distribution):
    """One of V symbols; logits: [B, T, V]."""

    n_uniforms = 1

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def log_prob(self, y: Tensor) -> Tensor:
        return self.logits.float().log_softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1)

    def hits(self, y: Tensor) -> Tensor:
        return self.logits.argmax(-1) == y

    def at(self, t: int) -> "Categorical":
        return Categorical(self.logits[:, t : t + 1])

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        return drawn(filters(masked(self.logits[:, -1].float(), filters.allowed, filters.kinds)), u)


def masked(logits: Tensor, allowed: Tensor | None, kinds: Tensor | None = None) -> Tensor:
    """Logits [B, V] with what is not allowed [B, V] at -inf.

    kinds: [V]; with them, a kind of symbol stays as likely as it was, as long as one of it is allowed: what the others
    of its kind had is shared among those. So a model that knows that a key is lifted now, but not which, lifts one.
    """
    if allowed is None:
        return logits
    found = logits.masked_fill(~allowed, -math.inf)
    if kinds is None:
        return found
    of_all = logits.double().softmax(-1)
    sums = of_all.new_zeros(2, len(logits), int(kinds.max()) + 1)
    before, after = sums[0].index_add(1, kinds, of_all), sums[1].index_add(1, kinds, of_all * allowed)
    share = (before / after.clamp(min=1e-300)).clamp(min=1.0).log()  # 1 where rounding says less
    return found + share[:, kinds].to(found.dtype)


def drawn(logits: Tensor, u: Tensor | None) -> Tensor:
    """[B] symbols from logits [B, V], by inverse CDF from uniform numbers u [B, 1]; the likeliest without u."""
    if u is None:
        return logits.argmax(-1)
    cdf = torch.softmax(logits, -1, dtype=torch.float64).cumsum(-1)  # double: no mass is lost
    # The first symbol whose cumulated probability exceeds u; symbols of probability 0 are never drawn, not
    # even the last of all, because u stays below the total by more than rounding.
    below = u[:, :1].double() * cdf[:, -1:] * (1 - 1e-15)
    return torch.searchsorted(cdf, below, right=True)[:, 0]


class Model(nn.Module, ABC):
    """What is trained, saved and used."""

    def summary(self, space: Space) -> str:
        """What there is to say of its size besides the number of parameters; may be nothing."""
        return ""

    def exported(self) -> dict[str, Tensor]:
        """The weights that a model as `ModelConfig.build` makes it is filled from, by name; shared ones once."""
        found: dict[str, Tensor] = {}
        places: set[tuple[Any, ...]] = set()
        for name, tensor in self.state_dict().items():
            place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride())
            if not tensor.numel() or place not in places:
                found[name] = tensor
                places.add(place)
        return found


class LatentModel(Model, ABC):
    """Writes whole phrases at once, each from latent numbers as a standard normal distribution draws them.

    latents: the shape of each part of what one phrase is written from, by name. conditional: whether it learned to
    write some tracks to others that are given. Legend: N phrases, T symbols of one, "roll": a phrase as the critic
    reads it, [N, tracks, bars, steps, pitches] numbers, 1 where a pitch sounds and -1 where it does not.
    """

    space: Rolls
    latents: Mapping[str, tuple[int, ...]]
    conditional: bool = False
    generator: nn.Module
    critic: nn.Module  # rolls, and [N, tracks] as `are_given` says or None, to [N]: how real; only differences count

    @abstractmethod
    def rolls(self, phrases: Tensor) -> Tensor:
        """The rolls of phrases [N, T, tracks] of symbols."""

    @abstractmethod
    def generate(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        """The rolls of new phrases, with gradients, from latents [N, *shape] by name.

        given: [N, T, tracks] symbols, -1 in the tracks that are to be written; the others come out as they are.
        """

    @abstractmethod
    def write(self, latents: Mapping[str, Tensor], given: Tensor | None = None) -> Tensor:
        """[N, T, tracks] the symbols of new phrases; takes what `generate` takes."""

    def judge(self, phrases: Tensor, known: Tensor | None = None) -> Tensor:
        """[N] how real the critic finds phrases [N, T, tracks] of symbols.

        known: [N, tracks] 1 where a track is real and the question is how the others, which are 0, go with it; None:
        whether the whole phrase is. Of a model that is not conditional, the answer is the same.
        """
        found: Tensor = self.critic(self.rolls(phrases), known)
        return found


def are_given(given: Tensor) -> Tensor:
    """[N, tracks] 1.0 where a track is given, 0.0 where it is to be written, of given symbols [N, T, tracks]."""
    return (given >= 0).any(1).float()


class SequenceModel(Model, ABC):
    """A causal model. In eval mode, blocks of any size through `extend` equal `forward` to 1e-5."""

    context: int | None = None  # symbols it can see; None: unlimited
    overhead: float = 16.0  # of a pass without gradients, in symbols that could be read in that time

    @abstractmethod
    def start(self, batch: int) -> State:
        """The state before the first symbol, for `batch` rows, on the model's device."""

    @abstractmethod
    def extend(self, x: Tensor, state: State, mask: Tensor | None = None) -> tuple[Distribution, State]:
        """Reads x [B, T]; position t of the result predicts x[:, t + 1]. `state` stays valid (it can be
        extended again).

        mask: [B, T] true where x is a symbol and not padding (padding stands at the end). Where it is false at the
        beginning, too, symbols are read, and nothing is asked.
        """

    def forward(self, x: Tensor, mask: Tensor | None = None, at: Tensor | None = None) -> Distribution:
        """The distributions over the whole of x [B, T], from the start.

        at: [B, T] true where a prediction is asked for; elsewhere the distribution may say anything.
        """
        return self.extend(x, self.start(len(x)), mask)[0]

    def forgotten(self, n: int) -> int:
        """How many of the first of n symbols change nothing that comes after all of them; they need not be read."""
        return 0

    def keep(self, before: State, after: State, x: Tensor, n: int) -> State:
        """The state after only the first `n` of the x that led from `before` to `after`."""
        return self.extend(x[:, :n], before)[1] if n else before


class ModelConfig(ABC):
    """The sizes of a model (a frozen dataclass); builds it."""

    def resolved(self) -> "ModelConfig":
        """These sizes with all that stands elsewhere (in a checkpoint) read into them, so that a run needs no more."""
        return self

    @property
    def lead(self) -> int:
        """The symbols that a training window is read after; 0: it stands alone."""
        return 0

    def period(self, space: Space) -> int:
        """Training windows begin at multiples of so many symbols."""
        return 1

    def begin(self, space: Space) -> Model:
        """The model that training begins with; one that is built on a checkpoint has its weights."""
        return self.build(space)

    @abstractmethod
    def build(self, space: Space) -> Model:
        """A freshly initialised model for this space; it reads torch's generator, which the caller seeds.

        Raises UsageError for a kind of space that it does not read.
        """


def of_kind(space: Space, kind: type[S], model: str) -> S:
    """The space, which must be of this kind; UsageError says what the model reads."""
    if not isinstance(space, kind):
        raise UsageError(f"the model {model} reads {kind.__name__.lower()}, and the representation gives {space}.")
    return space


def take(state: State, rows: Tensor) -> State:
    """Reorders, copies or drops the rows of any nested state; rows: [B'] int64."""
    return _mapped(state, lambda part: part.index_select(0, rows) if isinstance(part, Tensor) else part.take(rows))


def detached(state: State) -> State:
    """The same state, as if given: no gradient goes back through it."""
    return _mapped(state, lambda part: part.detach())


def _mapped(state: State, change: Callable[[Any], Any]) -> State:
    if state is None or isinstance(state, (int, float, bool)):
        return state
    if isinstance(state, dict):
        return {key: _mapped(value, change) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        parts = [_mapped(value, change) for value in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)  # a named tuple, or not
    return change(state)
