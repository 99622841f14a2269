"""Pieces while they grow, a row of the batch each: drawn symbols flow in, what may follow and who has ended flow out.

The rules that all ways of composing share are here: what is drawn, what is dropped, when a piece is over. Knows
nothing of pitches or files, nor of how a symbol is chosen. Legend: B pieces, T symbols, V vocabulary.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models.base import Distribution, Filters, Model, SequenceModel, State
from erato.representations.base import Array, Bits, Cursor, Notes, Space, Tokens
from erato.sampling.filters import Sampler, edge_thresholds, filtered
from erato.sampling.original import OriginalCursor, Refused

BLOCK = 1024  # symbols of a prompt that are read at once
ROOM = 64  # symbols that are made room for at first
_PLAIN = Sampler()


@dataclass(frozen=True)
class Stop:
    """When a piece is long enough, counted after the prompt: whichever comes first; without any, at `end`."""

    length: int | None = None  # new symbols
    bars: int | None = None  # new complete bars
    seconds: float | None = None  # new seconds of music

    def __post_init__(self) -> None:
        for name, most in (("length", 10_000_000), ("bars", 100_000), ("seconds", 86_400)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise UsageError(f"{name} must be above 0 and at most {most:,}, got {value}.")


@dataclass
class Sampled:
    """One new piece, without its prompt.

    array: [T, *space.shape] new symbols; log_prob: sum of their natural log-probabilities under the model itself
    (temperature 1, no masks, no filters); None where it gives none. score: what beam search ranked the piece by, the
    log-probability by the length to the power of the length penalty; None where the piece was drawn. refused: what
    `OriginalCursor` refused; None where nothing was to be.
    """

    array: Array
    log_prob: float | None
    seed: int
    score: float | None = None
    refused: Refused | None = None


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """The model in eval mode; afterwards in the mode it was in."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def read_prompt(model: SequenceModel, prompt: Array, cursor: Cursor, space: Space) -> tuple[Cursor, State, Tensor]:
    """Reads the prompt once: a cursor for one piece behind it, the state before its last symbol, and that symbol.

    The symbol is [1, 1, *space.shape]; of an empty prompt, what stands before the first. Raises UsageError for a
    prompt that the cursor does not allow.
    """
    one = cursor.take([0])
    _push_prompt(one, prompt, space)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    read = np.concatenate([space.before[None], prompt]).astype(space.read)[model.forgotten(len(prompt)) :]
    symbols = torch.from_numpy(read)[None].to(device)
    state = model.start(1)
    for begin in range(0, len(read) - 1, BLOCK):
        state = model.extend(symbols[:, :-1][:, begin : begin + BLOCK], state)[1]
    return one, state, symbols[:, -1:]


def _push_prompt(cursor: Cursor, prompt: Array, space: Space) -> None:
    """Takes a cursor for one piece through the prompt; UsageError where it does not allow what comes."""
    fits = space.holds(prompt) if len(prompt) else ()
    if isinstance(space, Bits) and np.all(fits):  # anything may follow anything
        cursor.push_all(prompt)
        return
    for place, (symbol, fit) in enumerate(zip(prompt, fits, strict=True)):
        if fit and symbol.ndim == 0:
            fit = symbol != space.end and ((allowed := cursor.allowed()) is None or allowed[0, symbol])
        if not fit:
            raise UsageError(
                f"the prompt cannot be continued: symbol {place + 1} ({symbol}) may not stand there; "
                f"use a prompt that this run's representation has encoded, without an end"
            )
        cursor.push(symbol[None])


class Growing(Filters):
    """B pieces after the same prompt: their symbols and cursor, what they were asked for, and how to draw the next.

    While something is asked for (`stop`), `end` may be drawn only where nothing else is allowed, and the symbol that
    would begin what is too much is dropped. ended, dropped: [B] what the newest symbol did to each piece. log_probs:
    [B] of the new symbols that were not dropped; None where the model gives none.
    """

    def __init__(
        self,
        cursor: Cursor,
        space: Space,
        sampler: Sampler,
        stop: Stop,
        prompt: Array,
        batch: int,
        device: torch.device,
    ) -> None:
        if sampler.looks_back and not isinstance(space, Tokens):
            name = "repetition_penalty" if sampler.repetition_penalty != 1 else "no_repeat"
            raise UsageError(f"{name} is for runs of single symbols, not for {space}: leave it out.")
        features = space.shape[0] if isinstance(space, Notes) else 1
        if len(sampler.temperatures) > features:
            raise UsageError(
                f"temperatures must be at most {features}, one a feature of a symbol, got {sampler.temperatures}."
            )
        self.cursor, self.space, self.sampler, self.device = cursor, space, sampler, device
        self._begin = self._count = len(prompt)
        self._symbols = np.empty((batch, len(prompt) + ROOM, *space.shape), space.read)
        self._symbols[:, : len(prompt)] = prompt
        self.log_probs: npt.NDArray[np.float64] | None = np.zeros(batch)
        self.ended, self.dropped = np.zeros((2, batch), np.bool_)
        plain = replace(sampler, temperature=1.0, temperatures=(), edges=(), greedy=False) == _PLAIN
        self.heat = sampler.heat(0) if plain else None
        self.thresholds = None
        if sampler.edges:
            if not isinstance(space, Bits):
                raise UsageError(f"edges are for runs of key states, not for {space}: leave them out.")
            self.thresholds = torch.from_numpy(edge_thresholds(sampler.edges, space.keys)).to(device)
        self._usual_mask = None
        if isinstance(space, Tokens):
            self._drawable = np.arange(space.size) != space.start
            self._usual = self._drawable.copy()
            if space.end is not None and stop != Stop():
                self._usual[space.end] = False
            self._usual_mask = torch.from_numpy(self._usual[None]).to(device)
        self.kinds = None if cursor.kinds is None else torch.from_numpy(cursor.kinds).to(device)
        self._last_bar = self._last_second = math.inf
        self.known = stop.length  # how many new symbols there will be at most, where that is known beforehand
        if stop.bars is not None:
            if cursor.bars is None:
                raise UsageError(
                    f"this representation has no bars to count (bars={stop.bars}): use --seconds or --length"
                )
            self._last_bar = float(cursor.bars[0]) + stop.bars
        if stop.seconds is not None:
            if cursor.seconds is None:
                raise UsageError(f"this representation has no time to count (seconds={stop.seconds}): use --length")
            last = float(cursor.seconds[0]) + stop.seconds
            if (symbols := cursor.symbols_until(last)) is None:
                self._last_second = last
            else:
                self.known = symbols if stop.length is None else min(symbols, stop.length)

    @property
    def allowed(self) -> Tensor | None:  # type: ignore[override]
        """[B, V] or [B, K]: what may be drawn next."""
        allowed = self.cursor.allowed()
        if allowed is None:
            return self._usual_mask
        if self._usual_mask is None:
            return torch.from_numpy(allowed).to(self.device)
        usual = allowed & self._usual
        if not (some := usual.any(-1, keepdims=True)).all():  # only `end` is left: the piece ends anyway
            usual = np.where(some, usual, allowed & self._drawable)
        return torch.from_numpy(usual).to(self.device)

    def __call__(self, logits: Tensor, feature: int = 0) -> Tensor:
        so_far = None
        if self.sampler.looks_back:
            window = 0 if self.sampler.no_repeat else self.sampler.repetition_window
            so_far = torch.from_numpy(self._symbols[:, : self._count][:, -window:]).to(self.device)
        return filtered(logits, self.sampler, so_far, feature)

    def temperature(self, feature: int = 0) -> float:
        return self.sampler.heat(feature)

    def draw(self, distribution: Distribution, u: Tensor | None) -> Tensor:
        """One draw a row; what would have been drawn but was refused is counted."""
        drawn = distribution.sample(u, self)
        if (free := self.unrefused) is None:
            return drawn
        assert isinstance(self.cursor, OriginalCursor)
        self.cursor.count(distribution.sample(u, free).cpu().numpy())
        if isinstance(self.space, Bits):  # which are drawn without a look at what may come
            drawn = drawn * torch.from_numpy(~self.cursor.refused_now[:, 1]).to(drawn)
        return drawn

    @property
    def unrefused(self) -> "Growing | None":
        """These pieces as if nothing was refused, to look at; None where nothing is, now."""
        if not isinstance(self.cursor, OriginalCursor) or not self.cursor.refuses:
            return None
        free = copy.copy(self)
        free.cursor = self.cursor.inner
        return free

    def refused(self, states: Array) -> int | None:
        """The place of the first of the next key states [T] of the one piece there is that is refused; None: none."""
        return self.cursor.refused(states) if isinstance(self.cursor, OriginalCursor) else None

    def push(self, symbols: Array, log_probs: npt.NDArray[np.float64] | None) -> None:
        """Takes note of the next symbol of each piece, [B, *space.shape], and of its log-probability, [B]."""
        self.cursor.push(symbols)
        if self._count == self._symbols.shape[1]:
            self._symbols = np.concatenate([self._symbols, np.empty_like(self._symbols)], 1)
        self._symbols[:, self._count] = symbols
        self._count += 1
        done, over = self.cursor.done, self._over(len(symbols))
        self.ended, self.dropped = done | over, over & ~done
        if log_probs is None or self.log_probs is None:
            self.log_probs = None
        else:
            self.log_probs = self.log_probs + np.where(self.dropped, 0.0, log_probs)

    def _over(self, batch: int) -> npt.NDArray[np.bool_]:
        """[B]: whether the newest symbol begins what is more than was asked for."""
        over = np.zeros(batch, np.bool_)
        if self._last_bar < math.inf and (bars := self.cursor.bars) is not None:
            over |= bars >= self._last_bar
        if self._last_second < math.inf and (seconds := self.cursor.seconds) is not None:
            over |= seconds >= self._last_second
        return over

    def push_all(self, symbols: Array, log_prob: float) -> None:
        """Takes note of the next symbols [T] of the one piece there is, which ends by itself nowhere among them."""
        self.cursor.push_all(symbols)
        upto = self._count + len(symbols)
        if upto > self._symbols.shape[1]:
            more = np.empty((1, max(upto, 2 * self._symbols.shape[1]), *self.space.shape), self.space.read)
            more[:, : self._count] = self._symbols[:, : self._count]
            self._symbols = more
        self._symbols[0, self._count : upto] = symbols
        self._count = upto
        if self.log_probs is not None:
            self.log_probs = self.log_probs + log_prob

    def __len__(self) -> int:
        return self._count

    def past(self, count: int) -> Array:
        """The newest symbols of the first piece, its prompt's included, at most `count`."""
        return self._symbols[0, max(0, self._count - count) : self._count]

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> "Growing":
        """The pieces `rows` (reordered or copied), independent of this."""
        taken = copy.copy(self)
        taken.cursor = self.cursor.take(list(rows))
        taken._symbols, taken.ended, taken.dropped = self._symbols[rows], self.ended[rows], self.dropped[rows]
        taken.log_probs = None if self.log_probs is None else self.log_probs[rows]
        return taken

    def sampled(self, row: int, seed: int) -> Sampled:
        """A piece as far as it has grown, without its prompt and without a symbol that was dropped."""
        array = self._symbols[row, self._begin : self._count - int(self.dropped[row])].copy()
        refused = self.cursor.counted(row) if isinstance(self.cursor, OriginalCursor) else None
        log_prob = None if self.log_probs is None else float(self.log_probs[row])
        return Sampled(array, log_prob, seed, refused=refused)
