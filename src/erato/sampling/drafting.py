"""The loop that draws many symbols at a time: what may come next is guessed, read in one pass, and kept as far as it is
what is drawn.

A pass reads the newest symbol and a draft of those after it, and gives a distribution for each place. With the uniform
numbers of each place, which are fixed beforehand, the symbol of the first place is drawn as `sample` would, then that
of the second if the first was drafted right, and so on; the first one that was not ends the pass. So the piece is the
one that `sample` gives, symbol for symbol, but for rounding. (Speculative decoding, Leviathan et al. 2023, with common
random numbers in place of rejection, as in Wiggers and Hoogeboom, "Predictive sampling with forecasting autoregressive
models", 2020; drafts from a piece's own past are prompt lookup, Saxena 2023.)

Knows nothing of pitches or files. Legend: T symbols.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock

import numpy as np
import torch
from torch import Tensor

from erato.errors import EratoError, UsageError
from erato.models.base import SequenceModel, State, take
from erato.representations.base import Array, Bits, Cursor, Space, Tokens
from erato.sampling.autoregressive import NO_NUMBERS
from erato.sampling.filters import Sampler
from erato.sampling.growing import Growing, Sampled, Stop, evaluating, read_prompt
from erato.sampling.threads import one_thread

LONGEST, SHORTEST = 288, 2  # symbols of a pass
BLOCK = 65_536  # uniform numbers that are drawn at once
RUNS = (4, 3, 2)  # symbols in a row that are looked for in the past, the longest first
FORGET = 0.98  # of what was counted, at each pass
SILENCE = 48 * 60  # steps
OFTEN = 8  # passes after which the length is chosen anew


@dataclass
class Counts:
    """What drafting came to: passes, the symbols that they read, and those that were kept.

    How many were drafted right is counted apart shortly after a mistake, when fewer than `near` symbols were kept
    since, and later: what changes changes together, and a chord is followed by a while without changes.
    """

    near: int = 1  # half a step in time, where symbols are parts of one

    passes: int = 0
    read: int = 0
    kept: int = 0
    since: int = 0  # symbols that were kept since the last mistake
    right: list[float] = field(default_factory=lambda: [16.0, 16.0])  # of late, long after mistakes and soon after
    wrong: list[float] = field(default_factory=lambda: [1.0, 1.0])
    best: list[int] = field(default_factory=lambda: [0, 0])  # the lengths that `length` chose last

    def add(self, read: int, kept: int, missed: bool) -> None:
        self.passes, self.read, self.kept = self.passes + 1, self.read + read, self.kept + kept
        soon = int(self.since < self.near)
        self.right[soon] = FORGET * self.right[soon] + kept - 1  # the first was drawn, not drafted
        self.wrong[soon] = FORGET * self.wrong[soon] + missed
        self.since = 0 if missed else self.since + kept

    def length(self, overhead: float) -> int:
        """How many symbols the next pass should read, if a pass costs as much as `overhead` symbols besides them.

        What is kept of n symbols, (1 - q^n) / (1 - q) with q the share that is right, by n + overhead, at its largest.
        """
        if self.passes % OFTEN == 0:
            n = np.arange(SHORTEST, LONGEST + 1)
            for soon in (0, 1):
                share = self.right[soon] / (self.right[soon] + self.wrong[soon])
                self.best[soon] = int(n[np.argmax((1 - share**n) / (n + overhead))])
        return self.best[int(self.since < self.near)]


@dataclass
class Draft:
    """How to draft. length: symbols of every pass; None: chosen from how many were drafted right.

    sounding: of key states, a piece begins with the first step in which a key is down, and the silence that was
    composed before (at most `SILENCE` steps) is no part of it. counts: one a piece, filled while it is composed.
    """

    length: int | None = None
    sounding: bool = False
    counts: list[Counts] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.length is not None and not 1 <= self.length <= 4096:
            raise UsageError(f"a draft must have from 1 to 4,096 symbols, got {self.length}.")


@torch.inference_mode()
def drafted(
    model: SequenceModel,
    prompt: Array,
    cursor: Cursor,
    space: Space,
    seeds: Sequence[int],
    sampler: Sampler,
    stop: Stop,
    callback: Callable[[int, list[Array | None]], None] | None = None,
    limit: int = 8192,
    draft: Draft | None = None,
) -> list[Sampled]:
    """What `sample` composes, with as few passes of the model as drafts allow; takes what it takes.

    Key states are drafted as those of the step before, all else from what followed the same symbols earlier in the
    piece. Several pieces are composed side by side in threads. callback: called with blocks of new symbols, where those
    are key states.
    """
    if not seeds or min(seeds) < 0:
        raise UsageError(f"seeds must be one or more numbers of 0 or more, got {list(seeds)}")
    if not isinstance(space, (Bits, Tokens)):
        raise UsageError(f"{space} are not drafted: leave out the draft, or draw them one after another.")
    draft, lock, halt = draft or Draft(), Lock(), Event()
    draft.counts[:] = [Counts(max(1, space.frame // 2)) for _ in seeds]

    with evaluating(model), one_thread():
        one, state, last = read_prompt(model, prompt, cursor, space)

        def compose(number: int) -> Sampled:
            def tell(step: int, newest: Array) -> None:
                if halt.is_set():
                    raise KeyboardInterrupt
                if callback is not None:
                    rows: list[Array | None] = [None] * len(seeds)
                    rows[number] = newest
                    with lock:
                        callback(step, rows)

            own = state if len(seeds) == 1 else take(state, torch.zeros(1, dtype=torch.long, device=last.device))
            pieces = Growing(one.take([0]), space, sampler, stop, prompt, 1, last.device)
            rng = np.random.Generator(np.random.PCG64(seeds[number]))
            total = limit if pieces.known is None else pieces.known
            work = Work(model, own, last, pieces, rng, total, draft, number, tell)
            with torch.inference_mode():
                (_states if isinstance(space, Bits) else _symbols)(work)
            return pieces.sampled(0, seeds[number])

        numbers = range(len(seeds))
        workers = min(len(seeds), torch.get_num_threads()) if last.device.type == "cpu" else 1
        if workers == 1:
            return [compose(number) for number in numbers]
        with ThreadPoolExecutor(workers) as pool:
            try:
                return list(pool.map(compose, numbers))
            except BaseException:
                halt.set()
                raise


@dataclass
class Work:
    """One piece: what it goes on from, what it draws with, how many symbols it may have, and who is told of them."""

    model: SequenceModel
    state: State
    last: Tensor  # [1, 1, ...] the newest symbol, not read yet
    pieces: Growing
    rng: np.random.Generator
    total: int
    draft: Draft
    number: int  # of the piece
    tell: Callable[[int, Array], None]

    @property
    def counts(self) -> Counts:
        return self.draft.counts[self.number]

    def length(self, done: int) -> int:
        """Symbols of the next pass, after `done`."""
        return min(self.draft.length or self.counts.length(self.model.overhead), self.total - done)

    def keep(self, after: State, given: Tensor, kept: int) -> None:
        """Goes on from the first `kept` of what was given."""
        self.state = after if kept == given.shape[1] else self.model.keep(self.state, after, given, kept)


def _states(work: Work) -> None:
    """Key states, of which nothing depends on what a cursor says: all places of a pass are drawn at once."""
    pieces, total, rng, device = work.pieces, work.total, work.rng, work.last.device
    u, greedy = np.empty(0), pieces.sampler.greedy
    frame = pieces.space.frame
    x = np.empty(work.draft.length or LONGEST, np.int8)
    before = np.zeros(frame, np.int8)  # the step before the next key state
    past = pieces.past(frame)
    before[frame - len(past) :] = past
    newest, guess, done = int(work.last[0, 0]), np.empty(0, np.int8), 0
    silence = Silence(frame) if work.draft.sounding else None
    while done < total:
        length = work.length(done)
        x[0] = newest
        _follow(x[1:length], guess, before)
        given = torch.from_numpy(x[:length][None])
        distribution, after = work.model.extend(given if device.type == "cpu" else given.to(device), work.state)
        if not greedy and len(u) < length:
            u = np.concatenate([u, rng.random(min(BLOCK, total - done + LONGEST))])
        drawn, log_probs = distribution.draw(None if greedy else u[:length], pieces)  # type: ignore[attr-defined]
        if drawn.min() < 0:
            raise EratoError(NO_NUMBERS)
        wrong = drawn[:-1] != x[1:length]
        place = int(wrong.argmax()) if length > 1 else 0
        missed = length > 1 and bool(wrong[place])
        kept = place + 1 if missed else length
        new, costs = drawn[:kept], log_probs[:kept]
        if silence is not None:
            new, costs = silence.broken(new, costs)
            silence = None if len(new) else silence
        if (refused := pieces.refused(new)) is not None:  # what was drawn after it, was after another state
            kept -= len(new) - refused - 1
            new, costs, missed, drawn[kept - 1] = new[: refused + 1].copy(), costs[: refused + 1].copy(), True, 0
            new[refused], costs[refused] = 0, np.log(-np.expm1(costs[refused]))
        work.keep(after, given, kept)
        del after  # so that what comes next may be written over what was not kept
        new, costs = new[: total - done], costs[: total - done]
        pieces.push_all(new, float(costs.sum()))
        work.counts.add(length, kept, missed)
        u, newest, guess = u[kept:], int(drawn[kept - 1]), drawn[kept:]
        before = drawn[kept - frame : kept].copy() if kept >= frame else np.concatenate([before[kept:], drawn[:kept]])
        done += len(new)
        if len(new):
            work.tell(done - 1, new)


class Silence:
    """The silence before a piece; whole steps of it are forgotten."""

    def __init__(self, frame: int) -> None:
        self.frame, self.states = frame, 0
        self._costs = np.empty(0)  # the log-probabilities of the step that is not over

    def broken(self, states: Array, costs: Array) -> tuple[Array, Array]:
        """What is new of a piece after these key states, from the step on in which a key is down; none: it is silent.

        costs: their log-probabilities.
        """
        begun = len(self._costs)
        states, costs = np.concatenate([np.zeros(begun, np.int8), states]), np.concatenate([self._costs, costs])
        self.states += len(states) - begun
        whole = len(states) // self.frame * self.frame
        if states.any() or self.states > SILENCE * self.frame:
            whole = int(states.argmax()) // self.frame * self.frame
            return states[whole:], costs[whole:]
        self._costs = costs[whole:]
        return states[:0], costs[:0]


def _follow(draft: Array, guess: Array, before: Array) -> None:
    """Fills a draft: with what the pass before drew beyond its mistake, then with the keys as they were a step ago."""
    frame, n = len(before), min(len(guess), len(draft))
    draft[:n] = guess[:n]
    while n < len(draft):
        begin = n - frame
        piece = before[begin:] if begin < 0 else draft[begin:n]
        piece = piece[: len(draft) - n]
        draft[n : n + len(piece)] = piece
        n += len(piece)


def _symbols(work: Work) -> None:
    """Symbols of any kind that can be drafted, drawn place after place, as what may come depends on what came."""
    pieces, last, rng = work.pieces, work.last, work.rng
    memory, done = LookUp(pieces.past(len(pieces))), 0
    while done < work.total:
        guess = memory.after(work.length(done) - 1)
        given = last
        if len(guess):
            given = torch.cat([last, torch.from_numpy(guess)[None].to(last)], 1)
        distribution, after = work.model.extend(given, work.state)
        kept, missed = 0, False
        for place in range(given.shape[1]):
            here = distribution.at(place)
            u = None  # drawn only where a symbol is, so that each has its own number
            if not pieces.sampler.greedy:
                u = torch.from_numpy(rng.random((1, here.n_uniforms))).to(last.device)
            drawn = pieces.draw(here, u)
            chosen = drawn.cpu().numpy()
            if not pieces.space.holds(chosen).all():
                raise EratoError(NO_NUMBERS)
            log_probs = here.log_prob(drawn.unsqueeze(1))[:, 0].double().cpu().numpy()
            if np.isnan(log_probs).any():
                raise EratoError(NO_NUMBERS)
            pieces.push(chosen, log_probs if here.complete else None)
            memory.add(chosen[0])
            kept += 1
            if not pieces.dropped[0]:
                work.tell(done + place, chosen[0])
            missed = place < len(guess) and chosen[0] != guess[place]
            if missed or pieces.ended[0]:
                break
        work.counts.add(given.shape[1], kept, missed)
        if pieces.ended[0]:
            break
        work.keep(after, given, kept)
        del after
        last, done = drawn.unsqueeze(1), done + kept


class LookUp:
    """What followed the same few symbols when they stood there last."""

    def __init__(self, symbols: Array) -> None:
        self.symbols: list[int] = []
        self._place: dict[tuple[int, ...], int] = {}
        for symbol in symbols:
            self.add(symbol)

    def add(self, symbol: int) -> None:
        """Takes note of the next symbol."""
        for run in RUNS:  # what stood before it is now followed by something
            if len(self.symbols) >= run:
                self._place[tuple(self.symbols[-run:])] = len(self.symbols)
        self.symbols.append(int(symbol))

    def after(self, count: int) -> Array:
        """At most `count` symbols that may come now; none where nothing like the last ones stood before."""
        for run in RUNS:
            place = self._place.get(tuple(self.symbols[-run:])) if len(self.symbols) >= run else None
            if place is not None:
                return np.array(self.symbols[place : place + count], np.int64)
        return np.empty(0, np.int64)
