"""The sampling loop, with models whose probabilities are known and cursors whose rules are."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import MODELS, Categorical, SequenceModel
from erato.representations.base import Cursor, Tokens
from erato.sampling import Sampled, Sampler, Stop, sample

SPACE = Tokens(size=5, start=0, end=1)
A, B, C = 2, 3, 4
# A table of what follows what, over 0..4: start, end, A, B, C.
FOLLOWS = torch.tensor(
    [
        [0.10, 0.10, 0.50, 0.20, 0.10],  # the start
        [0.20, 0.20, 0.20, 0.20, 0.20],
        [0.05, 0.15, 0.10, 0.60, 0.10],  # A
        [0.05, 0.05, 0.10, 0.10, 0.70],  # B
        [0.05, 0.25, 0.30, 0.20, 0.20],  # C
    ]
)


class Bigrams(SequenceModel):
    """Predicts from the last symbol alone, by a table; its state is how many symbols it has read."""

    def __init__(self, table: Tensor = FOLLOWS) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(table.log())
        self.reads: list[tuple[int, int]] = []

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Categorical, Tensor]:
        assert len(x) == len(state)
        self.reads.append(tuple(x.shape))  # type: ignore[arg-type]
        return Categorical(self.table[x]), state + x.shape[1]


class Free(Cursor):
    """Everything may follow everything. Each A begins a bar, each C lasts a second (where it counts them)."""

    def __init__(self, batch: int, counts: bool = True) -> None:
        self.counts = counts
        self.begun = np.zeros(batch, np.int64)
        self.lasted = np.zeros(batch)
        self.ended = np.zeros(batch, np.bool_)

    def allowed(self) -> np.ndarray | None:
        return None

    def push(self, symbols: np.ndarray) -> None:
        assert symbols.shape == self.begun.shape and symbols.dtype == np.int64
        self.begun = self.begun + (symbols == A)
        self.lasted = self.lasted + (symbols == C)
        self.ended = self.ended | (symbols == 1)

    def take(self, rows: Sequence[int]) -> "Free":
        taken = type(self)(len(rows), self.counts)
        taken.begun, taken.lasted, taken.ended = self.begun[rows], self.lasted[rows], self.ended[rows]
        return taken

    @property
    def bars(self) -> np.ndarray | None:
        return np.maximum(self.begun - 1, 0) if self.counts else None

    @property
    def seconds(self) -> np.ndarray | None:
        return self.lasted if self.counts else None

    @property
    def done(self) -> np.ndarray:
        return self.ended


class Rising(Free):
    """Only A after the start, then B after A, C after B, A or the end after C."""

    def __init__(self, batch: int, counts: bool = True) -> None:
        super().__init__(batch, counts)
        self.last = np.zeros(batch, np.int64)

    def allowed(self) -> np.ndarray:
        rules = {0: [A], A: [B], B: [C], C: [A, 1]}
        mask = np.zeros((len(self.last), SPACE.size), np.bool_)
        for row, last in enumerate(self.last):
            mask[row, rules[int(last)]] = True
        return mask

    def push(self, symbols: np.ndarray) -> None:
        super().push(symbols)
        self.last = symbols.copy()

    def take(self, rows: Sequence[int]) -> "Rising":
        taken = super().take(rows)
        assert isinstance(taken, Rising)
        taken.last = self.last[rows]
        return taken


def compose(
    model: SequenceModel,
    n: int = 1,
    prompt: Sequence[int] = (),
    cursor: Cursor | None = None,
    sampler: Sampler | None = None,
    seed: int = 1,
    limit: int = 8192,
    **stop: float,
) -> list[Sampled]:
    return sample(
        model,
        np.array(prompt, np.int64),
        cursor or Free(n),
        SPACE,
        range(seed, seed + n),
        sampler or Sampler(),
        Stop(**stop),  # type: ignore[arg-type]
        limit=limit,
    )


def test_symbols_come_as_often_as_they_are_likely() -> None:
    pieces = compose(Bigrams(), n=400, length=50)
    counts = np.zeros((5, 5))
    for piece in pieces:
        np.add.at(counts, (np.array([0, *piece.array[:-1]]), piece.array), 1)
    assert counts[:, :2].sum() == 0  # neither the start nor, while a length is asked for, the end
    for symbol in (0, A, B, C):
        expected = FOLLOWS[symbol].numpy().copy()
        expected[:2] = 0
        expected /= expected.sum()
        seen = counts[symbol].sum()
        error = np.sqrt(expected * (1 - expected) / seen) + 1e-9
        assert (np.abs(counts[symbol] / seen - expected) < 4 * error).all()


def test_a_piece_ends_as_often_as_the_end_is_likely() -> None:
    pieces = compose(Bigrams(), n=2000)
    assert all(piece.array[-1] == 1 and (piece.array[:-1] != 1).all() for piece in pieces)
    at_once = sum(len(piece.array) == 1 for piece in pieces) / 2000
    assert abs(at_once - 0.1 / 0.9) < 4 * math.sqrt(0.111 * 0.889 / 2000)


def test_the_log_probability_is_the_models_own() -> None:
    sampler = Sampler(temperature=0.7, top_k=3, top_p=0.9, repetition_penalty=1.2)
    for piece in compose(Bigrams(), n=3, prompt=[A, B], sampler=sampler, length=20):
        expected = sum(
            math.log(FOLLOWS[before, after]) for before, after in itertools.pairwise([B, *piece.array.tolist()])
        )
        assert piece.log_prob == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_the_log_probability_equals_that_of_forward(name: str) -> None:
    torch.manual_seed(2)
    small = {"lstm": {"widths": (8,), "dropout": (0.5,)}, "transformer": {"width": 16, "heads": 2, "context": 8}}
    model = MODELS[name](**small[name]).build(SPACE)
    prompt = [A, C, C, B, A, A, B]
    for piece in compose(model, n=3, prompt=prompt, length=30):
        assert len(piece.array) == 30
        x = torch.tensor([[0, *prompt, *piece.array.tolist()]])
        with torch.no_grad():
            log_prob = model.eval()(x[:, :-1]).log_prob(x[:, 1:])[0, len(prompt) :]
        assert piece.log_prob == pytest.approx(log_prob.sum().item(), abs=1e-3)
    alone = [compose(model, seed=seed, prompt=prompt, length=30)[0] for seed in (1, 2, 3)]
    for one, other in zip(compose(model, n=3, prompt=prompt, length=30), alone, strict=True):
        assert one.array.tolist() == other.array.tolist()
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)


def test_a_piece_of_a_batch_is_the_piece_of_its_seed_alone() -> None:
    for settings in ({}, {"bars": 3}, {"seconds": 4.0}, {"length": 9}):
        together = compose(Bigrams(), n=8, seed=5, **settings)
        assert [piece.seed for piece in together] == list(range(5, 13))
        for piece in together:
            alone = compose(Bigrams(), seed=piece.seed, **settings)[0]
            assert alone.array.tolist() == piece.array.tolist()
            assert alone.log_prob == pytest.approx(piece.log_prob)
    assert len({tuple(piece.array) for piece in compose(Bigrams(), n=8, length=30)}) == 8


def test_the_same_seed_gives_the_same_piece_whatever_else_was_drawn() -> None:
    first = compose(Bigrams(), seed=3, length=40)[0].array
    torch.rand(10)
    np.random.default_rng().random(3)
    assert compose(Bigrams(), seed=3, length=40)[0].array.tolist() == first.tolist()


def test_greedy_takes_the_likeliest_that_may_stand_there() -> None:
    found = compose(Bigrams(), n=2, sampler=Sampler(greedy=True), length=7)
    assert found[0].array.tolist() == found[1].array.tolist() == [A, B, C, A, B, C, A]
    assert compose(Bigrams(), prompt=[C], sampler=Sampler(greedy=True), length=1)[0].array.tolist() == [A]


def test_a_mask_is_never_violated() -> None:
    for piece in compose(Bigrams(), n=50, cursor=Rising(50)):
        assert piece.array[-1] == 1
        body = piece.array[:-1].tolist()
        assert body == [A, B, C] * (len(body) // 3) and body


def test_the_end_waits_until_the_length_is_there() -> None:
    for length in (1, 4, 17):
        pieces = compose(Bigrams(), n=20, cursor=Rising(20), length=length)
        assert [piece.array.tolist() for piece in pieces] == [([A, B, C] * 6)[:length]] * 20


def test_a_piece_ends_where_nothing_but_the_end_may_stand() -> None:
    class Short(Rising):
        def allowed(self) -> np.ndarray:
            mask = super().allowed()
            mask[self.last == C] = [False, True, False, False, False]
            return mask

    pieces = compose(Bigrams(), n=3, cursor=Short(3), length=10)
    assert [piece.array.tolist() for piece in pieces] == [[A, B, C, 1]] * 3


def test_bars_are_counted_after_the_prompt_and_the_next_is_not_begun() -> None:
    assert compose(Bigrams(), cursor=Rising(1), bars=2)[0].array.tolist() == [A, B, C] * 2
    # The prompt has two bars behind it and has begun a third, which the first of the new ones completes.
    found = compose(Bigrams(), cursor=Rising(1), prompt=[A, B, C] * 2 + [A], bars=2)[0]
    assert found.array.tolist() == [B, C, A, B, C]
    for piece in compose(Bigrams(), n=30, bars=4):
        assert (piece.array == A).sum() in (4, 5)  # nothing forces a piece to open with A: it may open later
        assert (piece.array != 1).all()


def test_seconds_are_counted_after_the_prompt() -> None:
    assert compose(Bigrams(), cursor=Rising(1), seconds=2.0)[0].array.tolist() == [A, B, C, A, B]
    assert compose(Bigrams(), cursor=Rising(1), prompt=[A, B, C], seconds=1.5)[0].array.tolist() == [A, B, C, A, B]


def test_the_dropped_symbol_is_not_in_the_log_probability() -> None:
    piece = compose(Bigrams(), cursor=Rising(1), bars=1)[0]
    assert piece.array.tolist() == [A, B, C]
    assert piece.log_prob == pytest.approx(math.log(0.5 * 0.6 * 0.7), abs=1e-5)


def test_whatever_is_reached_first_stops() -> None:
    found = compose(Bigrams(), cursor=Rising(1), bars=2, length=4)[0]
    assert found.array.tolist() == [A, B, C, A]
    assert compose(Bigrams(), cursor=Rising(1), bars=1, length=40)[0].array.tolist() == [A, B, C]


def test_the_limit_holds_where_no_length_is_asked_for() -> None:
    endless = FOLLOWS.clone()
    endless[:, :3] = 1e-20
    assert len(compose(Bigrams(endless), bars=2, limit=25)[0].array) == 25
    assert len(compose(Bigrams(endless), limit=25)[0].array) == 25
    assert len(compose(Bigrams(endless), length=30, limit=25)[0].array) == 30


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has no bars .*bars=4.*--seconds or --length"):
        compose(Bigrams(), cursor=Free(1, counts=False), bars=4)
    with pytest.raises(UsageError, match=r"has no time .*seconds=1.5.*--length"):
        compose(Bigrams(), cursor=Free(1, counts=False), seconds=1.5)


@pytest.mark.parametrize("stop", [{"length": 0}, {"bars": -1}, {"seconds": 0.0}, {"seconds": math.nan}])
def test_stops_that_mean_nothing_are_refused(stop: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be above 0 and at most"):
        Stop(**stop)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "place"),
    [([A, C], "symbol 2 \\(4\\)"), ([0], "symbol 1 \\(0\\)"), ([A, 9], "symbol 2 \\(9\\)"), ([1], "1 \\(1\\)")],
)
def test_a_prompt_that_may_not_stand_there_is_refused(prompt: list[int], place: str) -> None:
    with pytest.raises(UsageError, match=place):
        compose(Bigrams(), cursor=Rising(1), prompt=prompt, length=3)


def test_seeds_below_nought_are_refused() -> None:
    with pytest.raises(UsageError, match="seeds must be"):
        compose(Bigrams(), seed=-1, length=3)


def test_a_prompt_is_read_at_once_and_rows_that_ended_leave() -> None:
    model = Bigrams()
    pieces = compose(model, n=40, prompt=[A, B, C, A, B], limit=200)
    assert model.reads[0] == (1, 5)  # all but the last, once for all pieces
    rows = [rows for rows, _ in model.reads[1:]]
    assert rows[0] == 40 and rows == sorted(rows, reverse=True)
    assert sum(rows) == sum(len(piece.array) for piece in pieces)


def test_repetitions_are_penalised_over_the_window_only() -> None:
    even = torch.full((5, 5), 0.2)
    sampler = Sampler(repetition_penalty=1e6, repetition_window=2)
    found = compose(Bigrams(even), prompt=[A, B], sampler=sampler, length=9)[0].array.tolist()
    assert found == [C, A, B, C, A, B, C, A, B]  # what was not among the last two: always the third


def test_no_run_of_symbols_comes_twice_not_even_one_of_the_prompt() -> None:
    even = torch.full((5, 5), 0.2)
    prompt = [A, B, C, C, A]
    for piece in compose(Bigrams(even), n=5, prompt=prompt, sampler=Sampler(no_repeat=4), length=20):
        runs = list(zip(*[[*prompt, *piece.array.tolist()][i:] for i in range(4)], strict=False))
        assert len(set(runs)) == len(runs)
    # Of two symbols in a row there are nine: after them, where nothing is left, a symbol comes as it would have.
    assert len(compose(Bigrams(even), sampler=Sampler(no_repeat=2), length=200)[0].array) == 200


def test_runs_are_remembered_longer_than_the_window_of_the_penalty() -> None:
    table = torch.full((5, 5), 1e-6)
    table[:, A], table[:, B] = 0.6, 0.4
    sampler = Sampler(greedy=True, no_repeat=2, repetition_penalty=1.001, repetition_window=1)
    found = compose(Bigrams(table), prompt=[A, A, *[B, B] * 40], cursor=Free(1), sampler=sampler, length=2)[0]
    assert found.array.tolist() == [A, C]  # neither A A again, nor A B


def test_an_end_stays_even_where_it_comes_too_late() -> None:
    class Late(Rising):
        def allowed(self) -> np.ndarray:
            return np.array([[False, True, False, False, False]] * len(self.last))

        @property
        def seconds(self) -> np.ndarray:
            return np.where(self.ended, 9.0, 0.0)

    assert [piece.array.tolist() for piece in compose(Bigrams(), n=2, cursor=Late(2), seconds=1.0)] == [[1]] * 2


def test_pieces_of_any_length_keep_all_their_symbols() -> None:
    seen: list[list[int]] = [[], []]

    def told(_: int, newest: list[object]) -> None:
        for row, symbol in enumerate(newest):
            if symbol is not None:
                seen[row].append(int(symbol))  # type: ignore[call-overload]

    found = sample(Bigrams(), np.array([A, B]), Free(2), SPACE, [1, 2], Sampler(), Stop(length=700), told)
    assert [piece.array.tolist() for piece in found] == seen and len(seen[0]) == 700


def test_the_callback_sees_every_step() -> None:
    steps: list[list[int]] = []
    pieces = sample(
        Bigrams(),
        np.array([], np.int64),
        Free(6),
        SPACE,
        range(6),
        Sampler(),
        Stop(),
        callback=lambda step, newest: steps.append([step, *(-1 if one is None else int(one) for one in newest)]),
    )
    assert [step[0] for step in steps] == list(range(max(len(piece.array) for piece in pieces)))
    for row, piece in enumerate(pieces):
        seen = [step[1 + row] for step in steps]
        assert [symbol for symbol in seen if symbol != -1] == piece.array.tolist()


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = Bigrams()
    model.train(training)
    compose(model, length=3)
    with pytest.raises(UsageError):
        compose(model, cursor=Rising(1), prompt=[B], length=3)
    assert model.training is training
    assert not torch.is_inference_mode_enabled()
