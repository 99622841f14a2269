"""Beam search, on models whose sequences can all be counted, and through the cursor of a real representation."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.composing import compose_after
from erato.errors import EratoError, UsageError
from erato.models import Categorical, FrameLstmConfig, LstmConfig, SequenceModel
from erato.representations import CharsConfig, PianorollConfig, RemiConfig
from erato.representations.base import Cursor, Frames, Notes, Tokens
from erato.sampling import Beams, Candidate, Sampled, Sampler, Stop, beam_search, sample
from erato.score import Score, bars

SPACE = Tokens(size=5, start=0, end=1)
END, A, B, C = 1, 2, 3, 4
# What follows what, over start, end, A, B, C. Taking the likeliest each time is not the best: A, then an even chance.
FOLLOWS = torch.tensor(
    [
        [0.00, 0.05, 0.50, 0.40, 0.05],  # the start
        [0.20, 0.20, 0.20, 0.20, 0.20],
        [0.00, 0.20, 0.28, 0.26, 0.26],  # A
        [0.00, 0.04, 0.03, 0.03, 0.90],  # B
        [0.00, 0.70, 0.10, 0.15, 0.05],  # C
    ]
)


class Bigrams(SequenceModel):
    """Predicts from the last symbol alone, by a table; its state is how many symbols it has read."""

    def __init__(self, table: Tensor = FOLLOWS) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(table.log())
        self.reads: list[tuple[int, ...]] = []

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        assert len(x) == len(state)
        self.reads.append(tuple(x.shape))
        return Categorical(self.table[x]), state + x.shape[1]


class Text(Cursor):
    """Everything but `never` may follow; each C ends a bar and lasts a second (where it counts them)."""

    def __init__(self, batch: int = 1, never: Sequence[int] = (), counts: bool = False) -> None:
        self.never, self.counts = list(never), counts
        self.begun, self.done = np.zeros(batch, np.int64), np.zeros(batch, np.bool_)

    done = np.zeros(1, np.bool_)

    def allowed(self) -> np.ndarray | None:
        if not self.never:
            return None
        allowed = np.ones((len(self.begun), 5), np.bool_)
        allowed[:, self.never] = False
        return allowed

    def push(self, symbols: np.ndarray) -> None:
        assert symbols.shape == self.begun.shape and symbols.dtype == np.int64
        self.begun, self.done = self.begun + (symbols == C), self.done | (symbols == END)

    def take(self, rows: Sequence[int]) -> "Text":
        taken = Text(len(rows), self.never, self.counts)
        taken.begun, taken.done = self.begun[rows], self.done[rows]
        return taken

    @property
    def bars(self) -> np.ndarray | None:
        return self.begun if self.counts else None

    @property
    def seconds(self) -> np.ndarray | None:
        return self.begun.astype(float) if self.counts else None


def search(
    beams: Beams, returned: int = 1, cursor: Cursor | None = None, limit: int = 4, **stop: float
) -> list[Sampled]:
    empty = np.array([], np.int64)
    return beam_search(
        Bigrams(),
        empty,
        cursor or Text(),
        SPACE,
        beams,
        Sampler(),
        Stop(**stop),
        returned,
        limit=limit,  # type: ignore[arg-type]
    )


def every_piece(longest: int) -> dict[tuple[int, ...], float]:
    """The log-probability of every piece that ends, or is as long as the longest."""
    found = {}
    for length in range(1, longest + 1):
        for piece in itertools.product((END, A, B, C), repeat=length):
            if END not in piece[:-1] and (piece[-1] == END or length == longest):
                found[piece] = sum(math.log(FOLLOWS[pair]) for pair in itertools.pairwise((0, *piece)))
    return found


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_with_room_for_all_the_best_of_all_pieces_are_found(length_penalty: float) -> None:
    every = every_piece(4)
    assert len(every) == 121
    scores = {piece: log_prob / len(piece) ** length_penalty for piece, log_prob in every.items()}
    best = sorted(scores, key=scores.__getitem__, reverse=True)
    found = search(Beams(130, length_penalty), returned=40)
    assert [piece.score for piece in found] == pytest.approx([scores[piece] for piece in best[:40]], abs=1e-5)
    assert tuple(found[0].array) == best[0]
    for piece in found:
        assert piece.score == pytest.approx(scores[tuple(piece.array.tolist())], abs=1e-5)
        assert piece.log_prob == pytest.approx(every[tuple(piece.array.tolist())], abs=1e-5)
    assert len({tuple(piece.array) for piece in found}) == 40


def test_a_search_finds_what_taking_the_likeliest_each_time_does_not() -> None:
    greedy, found = search(Beams(1), length=2)[0], search(Beams(2), length=2)[0]
    assert greedy.array.tolist() == [A, A] and greedy.log_prob == pytest.approx(math.log(0.5 * 0.28), abs=1e-5)
    assert found.array.tolist() == [B, C] and found.log_prob == pytest.approx(math.log(0.4 * 0.9), abs=1e-5)
    assert found.score == pytest.approx(math.log(0.4 * 0.9) / 2, abs=1e-5)
    assert (
        found.seed == 0
        and sample(Bigrams(), np.array([], np.int64), Text(), SPACE, [0], Sampler(), Stop())[0].score is None
    )


@pytest.mark.parametrize(
    "sampler", [Sampler(), Sampler(repetition_penalty=1.7, repetition_window=2), Sampler(no_repeat=2)]
)
@pytest.mark.parametrize("stop", [Stop(), Stop(length=30), Stop(bars=3), Stop(seconds=2.0)])
def test_one_beam_is_greedy(stop: Stop, sampler: Sampler) -> None:
    generator = torch.Generator().manual_seed(5)
    greedy = replace(sampler, greedy=True, temperature=0.3)
    for _ in range(10):
        model = Bigrams(torch.rand(5, 5, generator=generator) ** 3 + 1e-3)
        prompt = np.array([B, B, A])
        one = sample(model, prompt, Text(counts=True), SPACE, [0], greedy, stop, limit=50)[0]
        found = beam_search(model, prompt, Text(counts=True), SPACE, Beams(1), sampler, stop, limit=50)
        assert len(found) == 1 and found[0].array.tolist() == one.array.tolist()
        assert found[0].log_prob == pytest.approx(one.log_prob, abs=1e-4)


def test_of_equals_the_first_is_taken() -> None:
    even = Bigrams(torch.full((5, 5), 0.2))
    one = beam_search(even, np.array([], np.int64), Text(), SPACE, Beams(1), Sampler(), Stop(length=3))
    assert one[0].array.tolist() == [A, A, A]


def test_what_may_not_follow_never_does() -> None:
    for piece in search(Beams(4), 4, Text(never=[A, C]), length=3):
        assert set(piece.array.tolist()) == {B}


def test_the_end_waits_while_something_is_asked_for() -> None:
    for piece in search(Beams(4), 4, length=6):
        assert len(piece.array) == 6 and END not in piece.array
    ended = search(Beams(4), 4, Text(never=[A, B, C]), length=6)  # nothing else may stand there
    assert [piece.array.tolist() for piece in ended] == [[END]]


def test_the_symbol_that_goes_too_far_is_dropped_from_the_piece_and_its_score() -> None:
    for stop in ({"bars": 2}, {"seconds": 1.5}):
        found = search(Beams(4), 4, Text(counts=True), limit=50, **stop)
        assert len({tuple(piece.array) for piece in found}) == 4
        for piece in found:
            symbols = piece.array.tolist()
            assert symbols.count(C) == 1 and END not in symbols
            expected = sum(math.log(FOLLOWS[pair]) for pair in itertools.pairwise((0, *symbols)))
            assert piece.log_prob == pytest.approx(expected, abs=1e-4)
            assert piece.score == pytest.approx(expected / len(symbols), abs=1e-4)


class Brief(Text):
    """Every symbol after the first goes too far."""

    def push(self, symbols: np.ndarray) -> None:
        super().push(symbols)
        self.count = getattr(self, "count", 0) + 1

    def take(self, rows: Sequence[int]) -> "Brief":
        taken = Brief(len(rows))
        taken.count = getattr(self, "count", 0)
        taken.done = self.done[rows]
        return taken

    @property
    def seconds(self) -> np.ndarray:
        return np.full(len(self.done), max(0.0, getattr(self, "count", 0) - 1.0))


def test_no_beam_is_lost_to_the_many_ways_in_which_another_goes_too_far() -> None:
    table = torch.full((40, 40), 1 / 40)
    table[0] = torch.tensor([0.0, 0.0, 0.9, 0.05, 0.03, 0.02] + [0.0] * 34)  # what follows 2 is likelier than all else
    found = beam_search(
        Bigrams(table), np.array([], np.int64), Brief(), Tokens(40, 0, 1), Beams(4), Sampler(), Stop(seconds=1), 4
    )
    assert [piece.array.tolist() for piece in found] == [[2], [3], [4], [5]]
    assert [piece.score for piece in found] == pytest.approx([math.log(p) for p in (0.9, 0.05, 0.03, 0.02)], abs=1e-5)


def test_no_more_pieces_than_there_are() -> None:
    assert [piece.array.tolist() for piece in search(Beams(4), 4, Text(never=[END, A, C]), length=3)] == [[B, B, B]]


def test_the_prompt_is_read_once_and_not_given_back() -> None:
    model = Bigrams()
    found = beam_search(model, np.array([A, B, C, A]), Text(), SPACE, Beams(3), Sampler(), Stop(length=5), 3)
    assert model.reads[:2] == [(1, 4), (1, 1)] and model.reads[2:] == [(3, 1)] * 4
    assert all(len(piece.array) == 5 for piece in found)
    for bad in ([A, 0], [A, END], [A, 7]):
        with pytest.raises(UsageError, match="symbol 2"):
            beam_search(model, np.array(bad), Text(), SPACE, Beams(3), Sampler(), Stop(length=5))


def test_the_trace_draws_the_tree() -> None:
    steps: list[list[Candidate]] = []
    newest: list[list[int | None]] = []
    found = beam_search(
        Bigrams(),
        np.array([], np.int64),
        Text(),
        SPACE,
        Beams(2, 0.0),
        Sampler(),
        Stop(),
        2,
        callback=lambda step, symbols: newest.append(symbols),  # type: ignore[arg-type]
        trace=lambda step, candidates: steps.append(candidates),
        limit=3,
    )
    assert [(one.beam, one.symbol, one.kept, one.ended) for one in steps[0]] == [
        (0, A, True, False),
        (0, B, True, False),
        (0, END, False, False),
        (0, C, False, False),
    ]
    assert [one.total for one in steps[0]] == pytest.approx([math.log(p) for p in (0.5, 0.4, 0.05, 0.05)], abs=1e-5)
    # B C: 0.36, then A A: 0.14, A B and A C: 0.13
    assert [(one.beam, one.symbol, one.kept) for one in steps[1]] == [
        (1, C, True),
        (0, A, True),
        (0, B, False),
        (0, C, False),
    ]
    assert [math.exp(one.log_prob) for one in steps[1]] == pytest.approx([0.9, 0.28, 0.26, 0.26], abs=1e-5)
    assert newest[:2] == [[A, B], [C, A]]
    # the pieces can be read off the trace: B C end is the best
    last = steps[2][0]
    assert (last.beam, last.symbol, last.ended) == (0, END, True)
    assert found[0].array.tolist() == [B, C, END] and found[0].score == pytest.approx(last.total)
    assert not any(one.kept for one in steps[2]) and len(steps) == 3


def test_early_stopping_ends_with_the_first_pieces_that_end() -> None:
    model = Bigrams()
    empty = np.array([], np.int64)
    for early, fewest in ((True, 5), (False, 20)):
        model.reads.clear()
        # a great length penalty: what grows on is always better, so that only the limit ends the search
        beam_search(model, empty, Text(), SPACE, Beams(2, 8.0, early), Sampler(), Stop(), limit=20)
        assert (len(model.reads) <= fewest) if early else (len(model.reads) == fewest)


def test_no_runs_of_symbols_come_twice() -> None:
    prompt = np.array([A, B, C])
    found = beam_search(Bigrams(), prompt, Text(), SPACE, Beams(3), Sampler(no_repeat=2), Stop(length=5), 3)
    for piece in found:
        pairs = list(itertools.pairwise([*prompt, *piece.array.tolist()]))
        assert len(set(pairs)) == len(pairs)


def test_what_is_no_search_is_refused(make_score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"^beams must be from 1 to 1,000, got 0$"):
        Beams(0)
    for bad in (math.nan, math.inf):
        with pytest.raises(UsageError, match="length_penalty must be from -10 to 10"):
            Beams(length_penalty=bad)
    for returned in (0, 3):
        with pytest.raises(UsageError, match=f"from 1 to 2, one a beam at most, got {returned}"):
            search(Beams(2), returned)
    with pytest.raises(UsageError, match=r"no bars .*bars=4"):
        search(Beams(2), bars=4)
    roll = PianorollConfig().fit([make_score()])
    model = FrameLstmConfig(embedding=6, width=6, hidden=6, memory=0, neighbours=0).build(roll.space)
    for space in (Frames(88), Notes()):
        with pytest.raises(UsageError, match=r"beam search is for runs of single symbols, not for (frames|notes)"):
            beam_search(model, space.empty(), roll.cursor(1), space, Beams(2), Sampler(), Stop(length=2))


def test_a_model_without_numbers_is_a_sentence() -> None:
    empty = np.array([], np.int64)
    for value in (math.nan, 0.0):
        with pytest.raises(EratoError, match="no numbers as probabilities"):
            beam_search(Bigrams(FOLLOWS * value), empty, Text(), SPACE, Beams(2), Sampler(), Stop(length=2))


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = Bigrams()
    model.train(training)
    beam_search(model, np.array([A]), Text(), SPACE, Beams(2), Sampler(), Stop(length=2))
    assert model.training is training and not torch.is_inference_mode_enabled()


def test_music_is_searched_like_words_and_has_exactly_the_bars_asked_for(make_score) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(1)
    remi = RemiConfig().fit([make_score()])
    model = LstmConfig((16,), (0.0,), embedding=8, dense=0).build(remi.space)
    with torch.no_grad():  # bars that come to an end
        model.head.bias[remi.names().index("Bar")] += 5.0
    prompt = remi.encode_prompt(make_score()).array[:40]
    for start in (remi.space.empty(), prompt):
        found = compose_after(start, model, remi, [0, 1, 2], Sampler(), Stop(bars=2), False, beams=Beams(3))
        assert len(found) == 3
        for piece in found:
            assert isinstance(piece.piece, Score) and len(bars(piece.piece)) == 2 and piece.bars == 2
            assert piece.symbols < 100  # two bars ended it, not the limit
        scores = [piece.score for piece in found]
        assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]


def test_drawn_pieces_have_no_score_and_words_are_searched_too() -> None:
    torch.manual_seed(1)
    chars = CharsConfig().fit(["a song of songs, of words and notes " * 4])
    model = LstmConfig((16,), (0.0,), embedding=8, dense=0).build(chars.space)
    prompt = chars.encode_prompt("a song").array
    drawn = compose_after(prompt, model, chars, [3], Sampler(), Stop(length=8), True)
    assert drawn[0].score is None and drawn[0].seed == 3
    found = compose_after(prompt, model, chars, [3, 4], Sampler(), Stop(length=8), True, beams=Beams(5, 0.0))
    assert [len(piece.piece) for piece in found] == [14, 14] and found[0].piece != found[1].piece  # type: ignore[arg-type]
    assert all(piece.piece[:6] == "a song" and piece.log_prob == pytest.approx(piece.score) for piece in found)  # type: ignore[index]
