"""Composing frames and notes, with models whose probabilities are known."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from erato.errors import EratoError, UsageError
from erato.models import FrameLstmConfig, NoteLstmConfig, SequenceModel
from erato.models.base import Distribution, Filters
from erato.models.frame_heads import Bernoulli
from erato.representations import NoteFeaturesConfig, PianorollConfig
from erato.representations.base import Array, Cursor, Frames, Notes
from erato.sampling import Sampler, Stop, sample

SPACE = Frames(4)
ON = np.array([0.9, 0.5, 0.2, 0.05])  # of the keys after silence; after a frame, those of the keys one higher


class Shifting(SequenceModel):
    """Each key sounds as likely as ON says, one key further for every key that sounds now; -1 counts as silence."""

    def __init__(self, on: np.ndarray = ON) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.from_numpy(np.log(on / (1 - on))).float())
        self.firsts: list[list[int]] = []

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, dtype=torch.long)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Distribution, Tensor]:
        if (state == 0).all():
            self.firsts.append(x[0, 0].tolist())
        steps = x.clamp(min=0).sum(-1, keepdim=True)
        places = (torch.arange(4) + steps) % 4
        return Bernoulli(self.logits[places]), state + x.shape[1]


class Free(Cursor):
    """A frame lasts a second; keys that are `never` allowed never are."""

    bars = None

    def __init__(self, batch: int, never: Sequence[int] = ()) -> None:
        self.batch, self.never = batch, list(never)
        self.pushed = np.zeros((batch, 0, 4), np.int8)

    def allowed(self) -> np.ndarray | None:
        if not self.never:
            return None
        allowed = np.ones((self.batch, 4), np.bool_)
        allowed[:, self.never] = False
        return allowed

    def push(self, symbols: Array) -> None:
        assert symbols.shape == (self.batch, 4) and symbols.dtype == np.int8
        self.pushed = np.concatenate([self.pushed, symbols[:, None]], 1)

    def take(self, rows: Sequence[int]) -> "Free":
        taken = Free(len(rows), self.never)
        taken.pushed = self.pushed[rows]
        return taken

    @property
    def seconds(self) -> np.ndarray:
        return np.full(self.batch, max(0.0, self.pushed.shape[1] - 1.0))

    @property
    def done(self) -> np.ndarray:
        return np.zeros(self.batch, np.bool_)


def composed(model, seeds, stop, sampler=None, prompt=None, cursor=None):  # type: ignore[no-untyped-def]
    prompt = SPACE.empty() if prompt is None else prompt
    return sample(model, prompt, cursor or Free(len(seeds)), SPACE, seeds, sampler or Sampler(), stop)


def chances(frames: Array) -> np.ndarray:
    """[T, K] the probability of each key of a piece that begins from nothing."""
    steps = np.concatenate([[0], frames[:-1].sum(-1)])
    return np.stack([ON[(np.arange(4) + step) % 4] for step in steps])


def test_a_piece_of_frames_begins_before_its_first_frame_and_costs_what_its_keys_cost() -> None:
    model = Shifting()
    found = composed(model, [1, 2, 3], Stop(length=30))
    assert model.firsts[0] == [-1] * 4
    for piece in found:
        assert piece.array.shape == (30, 4) and piece.array.dtype == np.int8 and SPACE.holds(piece.array).all()
        on = chances(piece.array)
        expected = np.log(np.where(piece.array == 1, on, 1 - on)).sum()
        assert piece.log_prob == pytest.approx(expected, abs=1e-3)
    assert len({piece.array.tobytes() for piece in found}) == 3


def test_keys_sound_as_often_as_they_should() -> None:
    pieces = composed(Shifting(), range(400), Stop(length=1))
    share = np.mean([piece.array[0] for piece in pieces], 0)
    assert (abs(share - ON) < 4 * np.sqrt(ON * (1 - ON) / 400)).all()


def test_a_piece_of_a_batch_is_the_piece_of_its_seed() -> None:
    model = FrameLstmConfig(embedding=6, width=6, hidden=6, memory=8, neighbours=2).build(SPACE)
    together = composed(model, [5, 6, 7], Stop(length=20))
    for piece in together:
        alone = composed(model, [piece.seed], Stop(length=20))[0]
        assert (alone.array == piece.array).all()
        assert alone.log_prob == pytest.approx(piece.log_prob, abs=1e-3)


def test_a_prompt_is_read_and_not_given_back() -> None:
    prompt = np.array([[0, 1, 1, 0]], np.int8)
    greedy = composed(Shifting(), [0], Stop(length=2), Sampler(greedy=True), prompt)[0].array
    # after two keys the chances are .2 .05 .9 .5: only the third key is above a half
    assert greedy.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("bad", [2, -1])
def test_a_prompt_that_is_no_frame_is_refused(bad: int) -> None:
    prompt = np.array([[0, 1, 1, 0], [0, bad, 0, 0]], np.int8)
    with pytest.raises(UsageError, match=r"symbol 2 .* may not stand there"):
        composed(Shifting(), [0], Stop(length=2), prompt=prompt)


def test_seconds_are_counted_by_the_cursor() -> None:
    assert len(composed(Shifting(), [0], Stop(seconds=7))[0].array) == 7
    with pytest.raises(UsageError, match="no bars to count"):
        composed(Shifting(), [0], Stop(bars=2))


def test_keys_that_the_cursor_does_not_allow_stay_silent() -> None:
    for sampler in (Sampler(), Sampler(greedy=True)):
        found = composed(Shifting(), range(20), Stop(length=5), sampler, cursor=Free(20, never=[0, 2]))
        frames = np.concatenate([piece.array for piece in found])
        assert frames[:, [0, 2]].sum() == 0
        assert frames[:, [1, 3]].sum() > 0 or sampler.greedy


def test_temperature_is_for_every_key() -> None:
    cold = composed(Shifting(), range(200), Stop(length=1), Sampler(temperature=0.01))
    shares = np.mean([piece.array[0] for piece in cold], 0)
    assert shares[[0, 2, 3]].tolist() == [1, 0, 0]
    assert 0.3 < shares[1] < 0.7
    hot = composed(Shifting(), range(200), Stop(length=1), Sampler(temperature=100.0))
    assert (abs(np.mean([piece.array[0] for piece in hot], 0) - 0.5) < 0.15).all()


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("head", ["autoregressive", "independent"])
def test_weights_that_are_no_numbers_are_a_sentence_and_never_silence(head: str, greedy: bool) -> None:
    model = FrameLstmConfig(embedding=6, width=6, hidden=6, memory=8, neighbours=0, head=head).build(SPACE)  # type: ignore[arg-type]
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(EratoError, match="no numbers as probabilities"):
        composed(model, [0, 1], Stop(length=3), Sampler(greedy=greedy))


def test_what_does_not_fit_the_kind_of_symbol_is_refused() -> None:
    with pytest.raises(UsageError, match="repetition_penalty is for runs of single symbols"):
        composed(Shifting(), [0], Stop(length=2), Sampler(repetition_penalty=1.2))
    with pytest.raises(UsageError, match="no_repeat is for runs of single symbols"):
        composed(Shifting(), [0], Stop(length=2), Sampler(no_repeat=3))
    with pytest.raises(UsageError, match="temperatures must be at most 1"):
        composed(Shifting(), [0], Stop(length=2), Sampler(temperatures=(1.0, 0.8)))
    assert len(composed(Shifting(), [0], Stop(length=2), Sampler(temperatures=(0.5,)))) == 1


def test_a_sampler_knows_the_temperature_of_each_feature() -> None:
    sampler = Sampler(temperature=0.9, temperatures=(1.0, 0.5))
    assert [sampler.heat(feature) for feature in range(4)] == [1.0, 0.5, 0.9, 0.9]
    for bad in ((1.0, 0.0), (float("nan"),), (math.inf,)):
        with pytest.raises(UsageError, match="temperature must be above 0"):
            Sampler(temperatures=bad)


class Said(SequenceModel):
    """Notes from a distribution that asks for its filters, and tells what it was given."""

    def __init__(self, pitch: float = 60.0) -> None:
        super().__init__()
        self.given: list[tuple[float, ...]] = []
        self.pitch = pitch

    def start(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1)

    def extend(self, x: Tensor, state: Tensor, mask: Tensor | None = None) -> tuple[Distribution, Tensor]:
        return SaidNotes(self, len(x), x.shape[1]), state


class SaidNotes(Distribution):
    """Always the same note, of the model's pitch. Its times have no likelihood."""

    complete = False
    n_uniforms = 4

    def __init__(self, model: Said, rows: int, time: int) -> None:
        self.model, self.rows, self.time = model, rows, time

    def log_prob(self, y: Tensor) -> Tensor:
        return torch.zeros(y.shape[:2])

    def hits(self, y: Tensor) -> Tensor:
        return torch.ones(y.shape[:2], dtype=torch.bool)

    def sample(self, u: Tensor | None, filters: Filters) -> Tensor:
        logits = torch.tensor([[0.0, 1.0]])
        by_logits = [(filters(logits, f)[0, 1] - filters(logits, f)[0, 0]).item() for f in range(4)]
        assert by_logits == pytest.approx([1 / filters.temperature(f) for f in range(4)])
        self.model.given.append(tuple(filters.temperature(f) for f in range(4)))
        assert u is not None and u.shape == (self.rows, 4)
        return torch.tensor([[self.model.pitch, 0.5, 0.25, 64.0]]).expand(self.rows, 4)


def test_every_feature_of_a_note_is_drawn_at_its_own_temperature() -> None:
    model, cursor = Said(), NoteFeaturesConfig().fit([]).cursor(2)
    sampler = Sampler(temperature=0.7, temperatures=(1.0, 0.8))
    found = sample(model, Notes().empty(), cursor, Notes(), [3, 4], sampler, Stop(length=3))
    assert set(model.given) == {(1.0, 0.8, 0.7, 0.7)}
    assert [piece.array.tolist() for piece in found] == [[[60.0, 0.5, 0.25, 64.0]] * 3] * 2
    assert [piece.log_prob for piece in found] == [None, None]  # never the likelihood of a part as that of the whole


@pytest.mark.parametrize("pitch", [128.0, -1.0, 60.5, math.nan])
def test_what_is_no_symbol_is_never_part_of_a_piece(pitch: float) -> None:
    cursor = NoteFeaturesConfig().fit([]).cursor(1)
    with pytest.raises(EratoError, match="no numbers as probabilities"):
        sample(Said(pitch), Notes().empty(), cursor, Notes(), [3], Sampler(), Stop(length=3))


def test_notes_go_through_the_same_loop() -> None:
    torch.manual_seed(0)
    model, representation = (
        NoteLstmConfig(width=6, components=2, embedding=3).build(Notes()),
        NoteFeaturesConfig().fit([]),
    )
    found = sample(model, Notes().empty(), representation.cursor(2), Notes(), [0, 1], Sampler(), Stop(length=12))
    for piece in found:
        assert Notes().holds(piece.array).all() and piece.array.shape == (12, 4)
        x = torch.from_numpy(np.concatenate([Notes().before[None], piece.array]))[None]
        with torch.no_grad():
            expected = model.eval()(x[:, :-1]).log_prob(x[:, 1:]).sum().item()
        assert piece.log_prob == pytest.approx(expected, abs=1e-2)


def test_a_roll_with_onsets_never_holds_what_was_not_struck(make_score) -> None:  # type: ignore[no-untyped-def]
    representation = PianorollConfig(onsets=True).fit([make_score()])
    model = FrameLstmConfig(embedding=6, width=6, hidden=6, memory=0, neighbours=0).build(representation.space)
    with torch.no_grad():
        model.head.out.bias[:-1] += 2.0  # many keys
    found = sample(
        model,
        representation.space.empty(),
        representation.cursor(2),
        representation.space,
        [0, 1],
        Sampler(),
        Stop(length=6),
    )
    for piece in found:
        struck, held = np.split(piece.array == 1, 2, axis=1)
        before = np.concatenate([np.zeros_like(struck[:1]), (struck | held)[:-1]])
        assert held.any() and not (held & ~before).any()
