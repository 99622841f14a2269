"""Drafted sampling gives, symbol for symbol, what one-by-one sampling gives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.errors import EratoError, UsageError
from erato.models import FrameLstmConfig, Pianonet, PianonetConfig, SequenceModel, TransformerConfig
from erato.representations import KeystatesConfig, PianorollConfig, RemiConfig
from erato.representations.base import Array, Tokens
from erato.sampling import Draft, Sampler, Stop, drafted, sample
from erato.sampling.drafting import Counts, LookUp, _follow

KEYS = KeystatesConfig(min_key_index=60, num_keys=6).restore(
    {
        "representation": "keystates",
        "min_key_index": 60,
        "num_keys": 6,
        "steps_per_second": 48.0,
        "steps_per_beat": None,
        "resolution": 1.0,
    }
)
SPACE = KEYS.space
EDGES = (1.0, 0.2)
SIZES: dict[str, dict[str, Any]] = {
    "one block": {"filter_increments": ((3, 2, 2, 1),)},
    "three blocks": {"filter_increments": ((2, 2, 2, 2), (2, 2, 2), (3, 3))},
    "all options": {
        "filters": ((8, 8, 8), (8, 9)),
        "residual": True,
        "gated": True,
        "norm": True,
        "keys": True,
        "beats": 2,
    },
}
SEEDS = range(6)
LENGTH = 150


def built(size: str, double: bool = True) -> Pianonet:
    """A net of that size whose keys go up and down now and then."""
    torch.manual_seed(4)
    model = PianonetConfig(**SIZES[size]).build(SPACE).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1.5
        model.out.bias.fill_(-1.0)
    return model.double() if double else model


def prompt_of(length: int) -> Array:
    return (np.random.default_rng(5).random(length) < 0.3).astype(np.int8)


@torch.no_grad()
def naive(
    model: Pianonet, prompt: Array, seeds: Sequence[int], edges: Sequence[float], length: int
) -> tuple[Array, Array]:
    """[B, length] pieces, by reading the whole past anew for each key state, and the probabilities of each."""
    draws = np.stack([np.random.Generator(np.random.PCG64(seed)).random(length) for seed in seeds])
    x = torch.from_numpy(np.concatenate([[-1], prompt]).astype(np.int8)).expand(len(seeds), -1)
    chances = np.zeros((len(seeds), length))
    for t in range(length):
        chances[:, t] = torch.sigmoid(model(x).logits[:, -1].double()).numpy()
        key = (len(prompt) + t) % SPACE.keys
        away = min(key, SPACE.keys - 1 - key)
        silent = chances[:, t] < (edges[away] if away < len(edges) else 0.0)
        bits = torch.from_numpy((draws[:, t] < chances[:, t]) & ~silent)
        x = torch.cat([x, bits[:, None].to(torch.int8)], 1)
    return x[:, 1 + len(prompt) :].numpy(), np.abs(chances - draws)


@pytest.mark.parametrize("prompt", [0, 50])
@pytest.mark.parametrize("edges", [(), EDGES])
@pytest.mark.parametrize("size", SIZES)
def test_four_ways_give_the_same_bits(size: str, edges: tuple[float, ...], prompt: int) -> None:
    model, begin, sampler = built(size), prompt_of(prompt), Sampler(edges=edges)
    stop = Stop(length=LENGTH)
    wanted, _ = naive(model, begin, SEEDS, edges, LENGTH)
    assert 0.02 < wanted.mean() < 0.9 and len(np.unique(wanted, axis=0)) == len(SEEDS)
    cached = sample(model, begin, KEYS.cursor(20), SPACE, SEEDS, sampler, stop)
    batch = drafted(model, begin, KEYS.cursor(20), SPACE, SEEDS, sampler, stop)
    for seed in SEEDS:
        draft = Draft()
        alone = drafted(model, begin, KEYS.cursor(1), SPACE, [seed], sampler, stop, draft=draft)[0]
        for found in (cached[seed], batch[seed], alone):
            assert np.array_equal(found.array, wanted[seed]) and found.seed == seed
            assert found.log_prob == pytest.approx(cached[seed].log_prob, abs=1e-8)
        assert draft.counts[0].passes < LENGTH and draft.counts[0].kept == LENGTH


def test_in_single_precision_they_differ_only_where_a_number_lies_at_its_probability() -> None:
    for size in SIZES:
        model = built(size, double=False)
        wanted, apart = naive(model, prompt_of(0), SEEDS, (), LENGTH)
        for seed in SEEDS:
            found = drafted(model, prompt_of(0), KEYS.cursor(1), SPACE, [seed], Sampler(), Stop(length=LENGTH))[0]
            differs = np.flatnonzero(found.array != wanted[seed])
            assert not len(differs) or apart[seed, differs[0]] < 1e-5


@pytest.mark.parametrize("length", [1, 2, 5, 6, 7, 40, 200])
def test_the_length_of_drafts_changes_nothing_but_the_passes(length: int) -> None:
    model = built("three blocks")
    wanted = sample(model, prompt_of(8), KEYS.cursor(1), SPACE, [3], Sampler(), Stop(length=LENGTH))[0]
    draft = Draft(length)
    found = drafted(model, prompt_of(8), KEYS.cursor(1), SPACE, [3], Sampler(), Stop(length=LENGTH), draft=draft)[0]
    assert np.array_equal(found.array, wanted.array)
    assert draft.counts[0].passes >= LENGTH / length and draft.counts[0].read <= draft.counts[0].passes * length
    assert (draft.counts[0].passes == LENGTH) == (length == 1)


@pytest.mark.parametrize(
    "sampler",
    [
        Sampler(greedy=True),
        Sampler(greedy=True, edges=EDGES),
        Sampler(temperature=0.7),
        Sampler(temperatures=(1.5,), edges=EDGES),
        Sampler(top_p=0.8),
        Sampler(min_p=0.3, temperature=1.2, edges=EDGES),
        Sampler(top_k=1),
    ],
)
def test_filters_work_alike(sampler: Sampler) -> None:
    model = built("three blocks")
    for seed in range(5):
        ways = [
            way(model, prompt_of(12), KEYS.cursor(1), SPACE, [seed], sampler, Stop(length=LENGTH))[0]
            for way in (sample, drafted)
        ]
        assert np.array_equal(ways[0].array, ways[1].array)
        assert ways[0].log_prob == pytest.approx(ways[1].log_prob, abs=1e-8)


def test_keys_at_the_ends_are_silent_below_their_threshold() -> None:
    model = built("one block")
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(-1.0)  # every key is down with probability 0.27

    def shares(edges: tuple[float, ...]) -> list[float]:
        made = drafted(model, prompt_of(0), KEYS.cursor(1), SPACE, [1], Sampler(edges=edges), Stop(length=6000))[0]
        return list(made.array.reshape(-1, 6).mean(0).tolist())

    assert min(shares(())) > 0.2
    found = shares((1.0, 0.25, 0.28))
    assert found[0] == found[5] == 0 and found[2] == found[3] == 0 and min(found[1], found[4]) > 0.2


def test_steady_music_takes_few_passes() -> None:
    model = built("one block")
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(-9.0)
    draft = Draft()
    drafted(model, prompt_of(0), KEYS.cursor(1), SPACE, [1], Sampler(), Stop(length=20_000), draft=draft)
    assert draft.counts[0].passes < 250 and draft.counts[0].kept / draft.counts[0].read > 0.9


def test_seconds_are_whole_steps_and_lengths_need_not_be() -> None:
    model = built("one block")
    for way in (sample, drafted):
        assert (
            len(way(model, prompt_of(0), KEYS.cursor(1), SPACE, [0], Sampler(), Stop(seconds=0.5))[0].array) == 24 * 6
        )
        assert len(way(model, prompt_of(0), KEYS.cursor(1), SPACE, [0], Sampler(), Stop(seconds=0.03))[0].array) == 12
        assert len(way(model, prompt_of(0), KEYS.cursor(1), SPACE, [0], Sampler(), Stop(length=31))[0].array) == 31
        after = way(model, prompt_of(60), KEYS.cursor(1), SPACE, [0], Sampler(), Stop(seconds=0.5))[0]
        assert len(after.array) == 23 * 6  # the last step of the prompt counts from where it begins


def test_new_key_states_are_told_in_blocks_in_their_order() -> None:
    heard: dict[int, list[Array]] = {0: [], 1: []}

    def told(step: int, newest: list[Array | None]) -> None:
        for row, states in enumerate(newest):
            if states is not None:
                heard[row].append(states)
                assert sum(map(len, heard[row])) == step + 1

    made = drafted(built("one block"), prompt_of(0), KEYS.cursor(2), SPACE, [7, 8], Sampler(), Stop(length=99), told)
    for row, piece in enumerate(made):
        assert np.array_equal(np.concatenate(heard[row]), piece.array)


def test_an_interruption_ends_all_pieces() -> None:
    torch.set_num_threads(2)

    def stopped(step: int, newest: list[Array | None]) -> None:
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            drafted(
                built("one block"),
                prompt_of(0),
                KEYS.cursor(4),
                SPACE,
                range(4),
                Sampler(),
                Stop(length=10**6),
                stopped,
            )
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("greedy", [True, False])
def test_weights_that_are_no_numbers_are_a_sentence(greedy: bool) -> None:
    model = built("one block")
    torch.nn.init.constant_(model.out.weight, float("nan"))
    for way in (sample, drafted):
        with pytest.raises(EratoError, match="no numbers as probabilities"):
            way(model, prompt_of(0), KEYS.cursor(1), SPACE, [0], Sampler(greedy=greedy), Stop(length=9))


def test_edges_are_for_key_states() -> None:
    model = TransformerConfig(layers=1, heads=1, width=8, context=8).build(TOKENS)
    with pytest.raises(UsageError, match="edges are for runs of key states"):
        sample(model, TOKENS.empty(), Anything(1), TOKENS, [0], Sampler(edges=(1.0,)), Stop(length=3))
    for bad in ((1.5,), (-0.1, 1.0), (float("nan"),)):
        with pytest.raises(UsageError, match="edges must be probabilities"):
            Sampler(edges=bad)
    with pytest.raises(UsageError, match="from 1 to 4,096"):
        Draft(0)


def test_a_draft_is_the_last_guess_and_then_the_step_before() -> None:
    before = np.array([0, 1, 1], np.int8)
    for guess, length, wanted in (
        ([], 2, [0, 1]),
        ([], 7, [0, 1, 1, 0, 1, 1, 0]),
        ([1], 5, [1, 1, 1, 1, 1]),
        ([1, 0, 0, 0], 6, [1, 0, 0, 0, 0, 0]),
        ([1, 0, 0, 0], 2, [1, 0]),
    ):
        draft = np.empty(length, np.int8)
        _follow(draft, np.array(guess, np.int8), before)
        assert draft.tolist() == wanted


TOKENS = Tokens(size=6, start=0, end=1)


class Anything:
    """A cursor that allows all."""

    bars = kinds = seconds = None

    def __init__(self, batch: int) -> None:
        self.done = np.zeros(batch, np.bool_)

    def allowed(self) -> None:
        return None

    def push(self, symbols: Array) -> None:
        self.done = self.done | (symbols == 1)

    def take(self, rows: Sequence[int]) -> "Anything":
        taken = Anything(len(rows))
        taken.done = self.done[np.array(rows)]
        return taken


def transformer(space: Tokens, sharp: float = 3.0) -> SequenceModel:
    torch.manual_seed(2)
    model = TransformerConfig(layers=2, heads=2, width=16, context=24).build(space).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= sharp
    return model.double()


@pytest.mark.parametrize("length", [None, 1, 4, 9])
@pytest.mark.parametrize(
    "sampler", [Sampler(), Sampler(greedy=True), Sampler(repetition_penalty=1.3, top_k=3), Sampler(no_repeat=3)]
)
def test_a_transformer_is_drafted_from_its_own_past(length: int | None, sampler: Sampler) -> None:
    model, prompt = transformer(TOKENS), np.array([2, 3, 4, 2, 3, 4, 2], np.int64)
    for seed in range(2):
        for stop in (Stop(length=70), Stop()):
            wanted = sample(model, prompt, Anything(1), TOKENS, [seed], sampler, stop, limit=90)[0]  # type: ignore[arg-type]
            draft = Draft(length)
            found = drafted(model, prompt, Anything(1), TOKENS, [seed], sampler, stop, limit=90, draft=draft)[0]  # type: ignore[arg-type]
            assert np.array_equal(found.array, wanted.array)
            assert found.log_prob == pytest.approx(wanted.log_prob, abs=1e-6)
            if sampler.greedy and length == 9 and stop.length:
                assert draft.counts[0].passes < 70


def test_drafts_keep_to_what_a_cursor_allows(make_score: Any) -> None:
    representation = RemiConfig().fit([make_score(), make_score(62, seed=1)])
    space, model = representation.space, transformer(representation.space, 1.5)
    for seed in range(3):
        for stop in (Stop(bars=3), Stop(length=60)):
            ways = [
                way(model, space.empty(), representation.cursor(1), space, [seed], Sampler(), stop)[0]
                for way in (sample, drafted)
            ]
            assert np.array_equal(ways[0].array, ways[1].array)


def test_what_followed_last_is_what_is_looked_up() -> None:
    memory = LookUp(np.array([2, 3, 4, 5, 2, 3]))
    assert memory.after(3).tolist() == [4, 5, 2]
    memory.add(5)  # now 3 5 stood nowhere, and nothing followed it
    assert memory.after(3).tolist() == []
    for symbol in (2, 3):
        memory.add(symbol)
    assert memory.after(2).tolist() == [5, 2]  # the latest, not the first
    assert LookUp(np.empty(0, np.int64)).after(4).tolist() == []


class Unrewindable(SequenceModel):
    """Predicts by how many symbols it has read; a draft is rewound by reading again."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(7, 6, generator=torch.Generator().manual_seed(0)))

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> Any:
        from erato.models import Categorical

        places = (state + torch.arange(x.shape[1])) % 7
        return Categorical(self.weight[places]), state + x.shape[1]


def test_any_model_can_be_drafted() -> None:
    model = Unrewindable()
    for seed in range(5):
        ways = [
            way(model, TOKENS.empty(), Anything(1), TOKENS, [seed], Sampler(), Stop(length=40))[0]  # type: ignore[arg-type]
            for way in (sample, drafted)
        ]
        assert np.array_equal(ways[0].array, ways[1].array)


def test_no_temperature_and_no_logit_is_too_much(recwarn: pytest.WarningsRecorder) -> None:
    model = built("one block", double=False)
    with torch.no_grad():
        model.out.weight *= 1e4
    for way in (sample, drafted):
        for heat in (1e-30, 1.0, 1e30):
            made = way(model, prompt_of(0), KEYS.cursor(1), SPACE, [1], Sampler(temperature=heat), Stop(length=60))[0]
            assert made.log_prob is not None and np.isfinite(made.log_prob)
    assert not recwarn.list


def test_seconds_that_hold_no_further_step_add_nothing() -> None:
    model = built("one block")
    for way in (sample, drafted):
        made = way(model, prompt_of(60), KEYS.cursor(1), SPACE, [0], Sampler(), Stop(seconds=0.01))[0]
        assert len(made.array) == 0


def test_both_ways_agree_on_how_long_a_piece_is() -> None:
    model = built("one block")
    for states in (0, 1, 5, 6, 7, 60):
        for stop in (
            Stop(seconds=0.5),
            Stop(seconds=0.51),
            Stop(length=10, seconds=1.0),
            Stop(length=999, seconds=0.1),
        ):
            made = [
                way(model, prompt_of(states), KEYS.cursor(1), SPACE, [3], Sampler(), stop, limit=50)[0]
                for way in (sample, drafted)
            ]
            assert np.array_equal(made[0].array, made[1].array)
            assert len(made[0].array) == 10 or stop.length != 10


@pytest.mark.parametrize("length", [None, 1, 4, 50])
def test_silence_before_a_piece_is_left_out_where_that_is_asked_for(length: int | None) -> None:
    model = built("one block")
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(-5.0)  # a step sounds once in 25
    for seed in range(4):
        whole = drafted(model, prompt_of(0), KEYS.cursor(1), SPACE, [seed], Sampler(), Stop(length=3000))[0].array
        begin = int(whole.argmax()) // 6 * 6
        draft, heard = Draft(length, sounding=True), list[Array]()
        told = lambda step, newest, heard=heard: heard.append(newest[0])  # noqa: E731
        found = drafted(
            model, prompt_of(0), KEYS.cursor(1), SPACE, [seed], Sampler(), Stop(seconds=0.5), told, draft=draft
        )[0]
        assert len(found.array) == 24 * 6 and found.array[:6].any()
        assert np.array_equal(found.array, whole[begin : begin + 24 * 6])
        assert np.array_equal(np.concatenate(heard), found.array)
        chance = 1 / (1 + np.exp(5.0))
        assert found.log_prob == pytest.approx(np.log(np.where(found.array, chance, 1 - chance)).sum(), abs=1e-6)


def test_a_model_that_stays_silent_ends() -> None:
    model = built("one block")
    with torch.no_grad():
        model.out.weight.zero_()
        model.out.bias.fill_(-99.0)
    draft = Draft(sounding=True)
    found = drafted(model, prompt_of(0), KEYS.cursor(1), SPACE, [1], Sampler(), Stop(length=600), draft=draft)[0]
    assert len(found.array) == 600 and not found.array.any()


def test_drafts_are_short_where_they_go_wrong_and_long_elsewhere() -> None:
    counts = Counts(near=36)
    for _ in range(40):  # mistakes come four in a row, then a long while none
        for _ in range(4):
            counts.add(12, 6, True)
        assert counts.since == 0
        counts.add(40, 40, False)
        for _ in range(7):
            counts.add(200, 200, False)
    assert counts.passes % 8 == 0 and counts.since >= 36
    late = counts.length(8.0)
    counts.since = 0
    soon = counts.length(8.0)
    assert soon < 30 < 100 < late


def test_what_is_not_drafted_is_refused_in_a_sentence() -> None:
    representation = PianorollConfig().restore(PianorollConfig().fit([_one_note()]).state())
    model = FrameLstmConfig(embedding=4, width=4, hidden=4, memory=0, neighbours=0).build(representation.space)
    space = representation.space
    with pytest.raises(UsageError, match="frames of 88 keys are not drafted"):
        drafted(model, space.empty(), representation.cursor(1), space, [0], Sampler(), Stop(length=3))


def _one_note() -> Any:
    from symusic import Note, Score, Track

    score = Score(480)
    score.tracks.append(Track("", 0, False))
    score.tracks[0].notes.append(Note(0, 480, 60, 80))
    return score
