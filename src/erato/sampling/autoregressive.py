"""The one loop that composes symbol by symbol: a model, a prompt and seeds in, arrays of new symbols out.

Knows nothing of pitches or files: which symbols may follow, and how far a piece has come, the cursor says.
Legend: B pieces, T symbols, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from erato.errors import EratoError, UsageError
from erato.models.base import Filters, SequenceModel, State, take
from erato.representations.base import Array, Cursor, Notes, Space, Tokens
from erato.sampling.filters import Sampler, filtered

BLOCK = 1024  # symbols of a prompt that are read at once
NO_NUMBERS = "the model gives no numbers as probabilities: train it again, with a lower learning rate."


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
    (temperature 1, no masks, no filters); None where it gives none.
    """

    array: Array
    log_prob: float | None
    seed: int


@torch.inference_mode()
def sample(
    model: SequenceModel,
    prompt: Array,
    cursor: Cursor,
    space: Space,
    seeds: Sequence[int],
    sampler: Sampler,
    stop: Stop,
    callback: Callable[[int, list[Array | None]], None] | None = None,
    limit: int = 8192,
) -> list[Sampled]:
    """Composes one piece a seed after the same prompt; piece i is the piece that its seed gives alone.

    prompt: [T, *space.shape] symbols, without what stands before the first; may be empty. cursor: fresh, for as many
    pieces as there are seeds. While something is asked for (`stop`), `end` is drawn only where nothing else is
    allowed, and the symbol that would begin what is too much is dropped. Without, a piece ends with `end` (which is
    part of it). A piece that never gets there ends after `limit` symbols, unless `stop.length` is given. callback:
    called after each step with its number and the new symbol of each piece, None where it has ended. Raises
    UsageError for a prompt that the representation cannot hold and for bars or seconds that it cannot count.
    """
    if not seeds or min(seeds) < 0:
        raise UsageError(f"seeds must be one or more numbers of 0 or more, got {list(seeds)}")
    training = model.training
    model.eval()
    try:
        one = cursor.take([0])
        _push_prompt(one, prompt, space)
        state, last = _read_prompt(model, prompt, space)
        count, device = len(seeds), last.device
        pieces = _Pieces(one.take([0] * count), space, sampler, stop, prompt, seeds, device)
        state = take(state, torch.zeros(count, dtype=torch.long, device=device))
        last = last.expand(count, *last.shape[1:])
        for step in range(stop.length or limit):
            distribution, state = model.extend(last, state)
            uniforms = None if sampler.greedy else pieces.uniforms(distribution.n_uniforms).to(device)
            drawn = distribution.sample(uniforms, pieces)
            if not space.holds(chosen := drawn.cpu().numpy()).all():
                raise EratoError(NO_NUMBERS)
            last = drawn.unsqueeze(1)
            log_probs = distribution.log_prob(last)[:, 0].double().cpu().numpy()
            if np.isnan(log_probs).any():
                raise EratoError(NO_NUMBERS)
            kept = pieces.push(chosen, log_probs if distribution.complete else None)
            if callback is not None:
                callback(step, pieces.newest)
            if not kept:
                break
            if len(kept) < len(last):
                rows = torch.tensor(kept, device=device)
                state, last = take(state, rows), last[rows]
        return pieces.sampled()
    finally:
        model.train(training)


def _push_prompt(cursor: Cursor, prompt: Array, space: Space) -> None:
    """Takes a cursor for one piece through the prompt; UsageError where it does not allow what comes."""
    fits = space.holds(prompt) if len(prompt) else ()
    for place, (symbol, fit) in enumerate(zip(prompt, fits, strict=True)):
        if fit and symbol.ndim == 0:
            fit = symbol != space.end and ((allowed := cursor.allowed()) is None or allowed[0, symbol])
        if not fit:
            raise UsageError(
                f"the prompt cannot be continued: symbol {place + 1} ({symbol}) may not stand there; "
                f"use a prompt that this run's representation has encoded, without an end"
            )
        cursor.push(symbol[None])


def _read_prompt(model: SequenceModel, prompt: Array, space: Space) -> tuple[State, Tensor]:
    """The state after all but the last symbol of the prompt and what stands before it, and that symbol, [1, 1, ...]."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    symbols = torch.from_numpy(np.concatenate([space.before[None], prompt]).astype(space.read))[None].to(device)
    state = model.start(1)
    for begin in range(0, len(prompt), BLOCK):
        state = model.extend(symbols[:, :-1][:, begin : begin + BLOCK], state)[1]
    return state, symbols[:, -1:]


class _Pieces(Filters):
    """What is known of the pieces: their cursor, generators and symbols, what they were asked for, and how to draw."""

    def __init__(
        self,
        cursor: Cursor,
        space: Space,
        sampler: Sampler,
        stop: Stop,
        prompt: Array,
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        if sampler.looks_back and not isinstance(space, Tokens):
            raise UsageError(f"repetition_penalty is for runs of single symbols, not for {space}: leave it out.")
        features = space.shape[0] if isinstance(space, Notes) else 1
        if len(sampler.temperatures) > features:
            raise UsageError(
                f"temperatures must be at most {features}, one a feature of a symbol, got {sampler.temperatures}."
            )
        self.cursor, self.space, self.sampler, self.prompt = cursor, space, sampler, list(prompt)
        self.seeds, self.device = list(seeds), device
        self.generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        self.symbols: list[list[Array]] = [[] for _ in seeds]
        self.log_probs: list[float | None] = [0.0 for _ in seeds]
        self.growing = list(range(len(seeds)))  # which pieces the rows of the batch are
        self.drawable, self.usual = (np.ones(1, np.bool_) for _ in range(2))
        if isinstance(space, Tokens):
            self.drawable = np.arange(space.size) != space.start
            self.usual = self.drawable.copy()
            if space.end is not None and stop != Stop():
                self.usual[space.end] = False
        self.kinds = None if cursor.kinds is None else torch.from_numpy(cursor.kinds).to(device)
        self.last_bar = self.last_second = math.inf
        if stop.bars is not None:
            if cursor.bars is None:
                raise UsageError(
                    f"this representation has no bars to count (bars={stop.bars}): use --seconds or --length"
                )
            self.last_bar = float(cursor.bars[0]) + stop.bars
        if stop.seconds is not None:
            if cursor.seconds is None:
                raise UsageError(f"this representation has no time to count (seconds={stop.seconds}): use --length")
            self.last_second = float(cursor.seconds[0]) + stop.seconds

    def uniforms(self, count: int) -> Tensor:
        """[B, count]: the next numbers of each piece's own generator."""
        return torch.from_numpy(np.array([self.generators[piece].random(count) for piece in self.growing]))

    @property
    def allowed(self) -> Tensor | None:  # type: ignore[override]
        """[B, V] or [B, K]: what may be drawn next."""
        allowed = self.cursor.allowed()
        if not isinstance(self.space, Tokens):
            return None if allowed is None else torch.from_numpy(allowed).to(self.device)
        if allowed is None:
            return torch.from_numpy(self.usual[None]).to(self.device)
        usual = allowed & self.usual
        if not (some := usual.any(-1, keepdims=True)).all():  # only `end` is left: the piece ends anyway
            usual = np.where(some, usual, allowed & self.drawable)
        return torch.from_numpy(usual).to(self.device)

    def __call__(self, logits: Tensor, feature: int = 0) -> Tensor:
        recent = None
        if self.sampler.looks_back:
            window = self.sampler.repetition_window
            so_far = [[*self.prompt, *self.symbols[piece]][-window:] for piece in self.growing]
            recent = torch.tensor(np.array(so_far), dtype=torch.long, device=logits.device)
        return filtered(logits, self.sampler, recent, feature)

    def temperature(self, feature: int = 0) -> float:
        return self.sampler.heat(feature)

    def push(self, drawn: Array, log_probs: Array | None) -> list[int]:
        """Takes note of the drawn symbols [B, ...] and their log-probabilities; returns the rows that go on growing."""
        self.cursor.push(drawn)
        over, done = self._over(len(drawn)), self.cursor.done
        self.newest: list[Array | None] = [None for _ in self.seeds]
        kept = []
        for row, symbol in enumerate(drawn):
            if done[row] or not over[row]:
                piece = self.growing[row]
                self.symbols[piece].append(symbol)
                self.newest[piece] = symbol
                so_far = self.log_probs[piece]
                self.log_probs[piece] = None if log_probs is None or so_far is None else so_far + float(log_probs[row])
            if not (done[row] or over[row]):
                kept.append(row)
        if len(kept) < len(drawn):
            self.growing = [self.growing[row] for row in kept]
            if kept:
                self.cursor = self.cursor.take(kept)
        return kept

    def _over(self, batch: int) -> npt.NDArray[np.bool_]:
        """[B]: whether the newest symbol begins what is more than was asked for."""
        over = np.zeros(batch, np.bool_)
        if self.last_bar < math.inf and (bars := self.cursor.bars) is not None:
            over |= bars >= self.last_bar
        if self.last_second < math.inf and (seconds := self.cursor.seconds) is not None:
            over |= seconds >= self.last_second
        return over

    def sampled(self) -> list[Sampled]:
        """All pieces, in the order of their seeds."""
        return [
            Sampled(np.array(symbols, self.space.read).reshape(-1, *self.space.shape), log_prob, seed)
            for symbols, log_prob, seed in zip(self.symbols, self.log_probs, self.seeds, strict=True)
        ]
