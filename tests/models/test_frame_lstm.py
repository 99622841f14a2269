"""The frame LSTM: what it remembers against slow loops of its own, and what padding may not change."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from erato.errors import UsageError
from erato.models import FrameLstm, FrameLstmConfig, frame_lstm
from erato.models.frame_lstm import FADE
from erato.representations.base import Frames, Notes

KEYS = 5
SMALL = FrameLstmConfig(embedding=8, width=8, layers=1, norm="none", hidden=8, memory=1024, neighbours=2)
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def built(seed: int = 0, **changes: object) -> FrameLstm:
    torch.manual_seed(seed)
    return replace(SMALL, **changes).build(Frames(KEYS)).eval()  # type: ignore[arg-type]


def read(frames: Ints) -> Tensor:
    """[1, 1 + T, K]: what stands before the first frame, and the frames."""
    return torch.from_numpy(np.concatenate([Frames(KEYS).before[None], frames]).astype(np.int8))[None]


def planes_of(model: FrameLstm, x: Tensor, *blocks: int) -> Floats:
    """[T, P, K]: the planes that the head is shown, when x [1, T, K] is read in blocks."""
    seen: list[Tensor] = []
    handle = model.head.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    state, begin = model.start(1), 0
    with torch.no_grad():
        for length in blocks or (x.shape[1],):
            _, state = model.extend(x[:, begin : begin + length], state)
            begin += length
    handle.remove()
    assert begin == x.shape[1]
    return torch.cat(seen, 1)[0].double().numpy()


def likeness(one: Ints, other: Ints) -> float:
    """The keys in common by the keys of either (Jaccard); of two silences, 1."""
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 1.0


def slow_planes(frames: Ints, memory: int) -> Floats:
    """[1 + T, 8, K]: the same by loops over all places, the first row for what stands before the first frame."""
    found = np.zeros((1 + len(frames), 8, KEYS))
    for t, now in enumerate(frames):
        planes = found[1 + t]
        planes[0] = now
        for lag in (1, 2):
            if t >= lag:
                planes[lag] = frames[t - lag]
        for key in range(KEYS):
            held = 0
            while held <= t and frames[t - held, key]:
                held += 1
            planes[3, key] = math.log2(1 + held) / 3
        best_run, best_like, after_run, after_like = 0, 0.0, now, now
        for lag in range(1, min(memory, t) + 1):  # the latest places first: of equals, the latest counts
            run = 0
            while run <= t - lag and (frames[t - run] == frames[t - run - lag]).all():
                run += 1
            like = sum(FADE**k * likeness(frames[t - k], frames[t - k - lag]) for k in range(t - lag + 1))
            if run > best_run:
                best_run, after_run = run, frames[t - lag + 1]
            if like > best_like + 1e-6:
                best_like, after_like = like, frames[t - lag + 1]
        if best_run:
            planes[4] = after_run
            planes[5] = after_run * math.log2(1 + best_run) / 4
        if best_like > 0.5:
            planes[6] = after_like
            planes[7] = after_like * best_like / 10
    return found


def piece(length: int, seed: int, density: float = 0.4) -> Ints:
    """Random frames, some of them held, that come back to what they said before."""
    rng = np.random.default_rng(seed)
    frames = [(rng.random(KEYS) < density).astype(np.int64)]
    while len(frames) < length:
        if rng.random() < 0.25 and len(frames) > 6:
            begin = int(rng.integers(0, len(frames) - 3))
            frames += frames[begin : begin + int(rng.integers(2, 6))]
        elif rng.random() < 0.3:
            frames.append(frames[-1])
        else:
            frames.append((rng.random(KEYS) < density).astype(np.int64))
    return np.array(frames[:length])


@pytest.mark.parametrize("memory", [2, 5, 30, 1024])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_planes_are_those_of_slow_loops(memory: int, seed: int) -> None:
    frames = piece(45, seed)
    expected = slow_planes(frames, memory)
    assert (expected[:, 5] > 0).any() and (expected[:, 7] > 0).any()
    model, x = built(memory=memory), read(frames)
    assert planes_of(model, x) == pytest.approx(expected, abs=1e-5)
    for blocks in ((1,) * 46, (7, 1, 25, 13), (3, 43)):
        assert planes_of(model, x, *blocks) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("memory", [10, 1024])
def test_the_planes_of_more_frames_than_are_looked_at_once(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_lstm, "LOOK", 16)
    frames = piece(50, seed=2)
    assert planes_of(built(memory=memory), read(frames)) == pytest.approx(slow_planes(frames, memory), abs=1e-5)


def test_planes_by_hand() -> None:
    frames = np.eye(KEYS, dtype=np.int64)[[0, 1, 2, 0, 1, 1]]  # the second 0 1 was followed by 2 at first
    planes = planes_of(built(), read(frames))
    assert planes[5, 4].tolist() == [0, 0, 1, 0, 0]  # after 0 1 came 2
    assert planes[5, 5].tolist() == pytest.approx([0, 0, math.log2(3) / 4, 0, 0])  # two frames were the same
    assert planes[5, 7].tolist() == pytest.approx([0, 0, (1 + FADE) / 10, 0, 0])  # and nothing was alike before them
    assert planes[6, 4].tolist() == [0, 1, 0, 0, 0]  # the latest place like this one is the frame before
    assert planes[6, 3].tolist() == pytest.approx([0, math.log2(3) / 3, 0, 0, 0])
    assert planes[1, 4:].sum() == 0  # nothing is like a first frame


def test_without_memory_a_frame_is_all_that_is_seen() -> None:
    frames = piece(20, seed=1)
    assert planes_of(built(memory=0), read(frames))[1:, 0].tolist() == frames.tolist()
    assert planes_of(built(memory=0), read(frames)).shape == (21, 1, KEYS)


def test_the_memory_is_no_longer_than_asked_for() -> None:
    model = built(memory=12)
    state = model.start(2)
    x = torch.randint(0, 2, (2, 50, KEYS), dtype=torch.int8)
    for length in (1, 4, 30, 15):
        _, state = model.extend(x[:, :length], state)
        assert state.past.shape[1] <= 12
    assert state.past.shape[1] == state.same.shape[1] == state.like.shape[1] == 12


def test_what_lies_beyond_the_memory_is_forgotten() -> None:
    """The layers see no frame but through the planes: without recurrence nothing of it would be left."""
    early, late = piece(10, seed=3), piece(30, seed=4)
    one = planes_of(built(memory=12), read(np.concatenate([early, late])))
    other = planes_of(built(memory=12), read(np.concatenate([1 - early, late])))
    assert one[:11].tolist() != other[:11].tolist()
    # of how like two places are, what came before fades by a tenth a frame
    assert one[-5:, :4].tolist() == other[-5:, :4].tolist()
    assert one[-5:, 4:7] == pytest.approx(other[-5:, 4:7])


def test_before_the_first_frame_is_not_silence() -> None:
    model = built()
    torch.nn.init.normal_(model.before)
    silence = np.zeros((1, KEYS), np.int64)
    y = torch.from_numpy(piece(1, seed=5)).to(torch.int8)[None]
    with torch.no_grad():
        begun = model(read(silence)[:, :1]).log_prob(y)
        silent = model(read(silence)[:, 1:]).log_prob(y)
    assert (begun - silent).abs() > 1e-3


def test_it_learns_to_repeat_what_a_piece_has_said() -> None:
    """New themes of every piece, said twice: the second time is cheap only for a model that looks back."""
    rng = np.random.default_rng(0)

    def twice(count: int) -> Tensor:
        themes = (rng.random((count, 12, KEYS)) < 0.5).astype(np.int8)
        before = np.full((count, 1, KEYS), -1, np.int8)
        return torch.from_numpy(np.concatenate([before, themes, themes], 1))

    costs = {}
    for memory in (64, 0):
        model = built(memory=memory, head="independent", hidden=0, head_dropout=0.0, dropout=(0.0, 0.0, 0.0)).train()
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(45):
            rows = twice(8)
            optimizer.zero_grad()
            loss = -model(rows[:, :-1]).log_prob(rows[:, 1:]).mean()
            loss.backward()
            optimizer.step()
        rows = twice(32)
        with torch.no_grad():
            log_prob = model.eval()(rows[:, :-1]).log_prob(rows[:, 1:])
        costs[memory] = (
            -log_prob[:, :12].mean().item(),
            -log_prob[:, 14:].mean().item(),
        )  # two frames tell where it is
    guess = KEYS * math.log(2)
    assert costs[64][0] == pytest.approx(guess, rel=0.15)
    assert costs[64][1] < 0.5 * guess
    assert costs[0][1] > 0.85 * guess


# --- norms and padding


def padded(x: Tensor, lengths: list[int], width: int, seed: int) -> tuple[Tensor, Tensor]:
    """x [B, T, K] with any frames from each length on, up to `width`; and which are real."""
    rng = torch.Generator().manual_seed(seed)
    filled = torch.randint(-1, 2, (len(x), width, KEYS), generator=rng, dtype=torch.int8)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    for row, length in enumerate(lengths):
        filled[row, :length] = x[row, :length]
    return filled, mask


def frames(rows: int, time: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (rows, time, KEYS), generator=rng, dtype=torch.int8)


BATCH: dict[str, object] = {"norm": "batch", "dropout": (0.0, 0.0, 0.0), "head_dropout": 0.0}


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_padding_changes_neither_what_is_said_nor_the_running_statistics(norm: str) -> None:
    x, y = frames(3, 20), frames(3, 20, seed=1)
    lengths = [11, 4, 1]
    said, kept = [], []
    for width, seed in ((11, 3), (11, 4), (20, 5)):
        model = built(**{**BATCH, "norm": norm}).train()
        given, mask = padded(x, lengths, width, seed)
        log_prob = model(given, mask).log_prob(y[:, :width])[:, :11]
        said.append(log_prob.masked_fill(~mask[:, :11], 0.0))
        log_prob[mask[:, :11]].mean().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        kept.append([b.clone() for b in model.buffers()] + gradients)
    for other in (1, 2):
        assert torch.allclose(said[0], said[other], atol=1e-5)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(kept[0], kept[other], strict=True))


def test_a_batch_norm_keeps_the_mean_and_variance_of_the_real_frames() -> None:
    model = built(**BATCH).train()
    seen: list[Tensor] = []
    model.norm_in.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    given, mask = padded(frames(3, 12), [12, 5, 2], 12, seed=2)
    model(given, mask)
    real = np.concatenate([seen[0][row, :length].detach().numpy() for row, length in enumerate((12, 5, 2))])
    norm = model.norm_in.norm
    assert isinstance(norm, torch.nn.BatchNorm1d)
    assert norm.running_mean.numpy() == pytest.approx(0.1 * real.mean(0), abs=1e-5)  # type: ignore[union-attr]
    variance = 0.9 + 0.1 * real.var(0, ddof=1)
    assert norm.running_var.numpy() == pytest.approx(variance, abs=1e-5)  # type: ignore[union-attr]


def test_two_places_have_two_batch_norms() -> None:
    model = built(**BATCH).train()
    model(frames(2, 9))
    assert model.norm_in.norm is not model.norm_out.norm
    assert not torch.equal(model.norm_in.norm.running_mean, model.norm_out.norm.running_mean)  # type: ignore[arg-type]


def test_a_single_real_frame_trains_by_the_running_statistics() -> None:
    model = built(**BATCH).train()
    x, mask = padded(frames(1, 1), [1], 3, seed=0)
    before = [buffer.clone() for buffer in model.buffers()]
    loss = -model(x, mask).log_prob(frames(1, 3, seed=4))[:, 0].mean()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.encoder.weight.grad.abs().sum() > 0  # type: ignore[union-attr]
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))


def test_dropout_is_off_when_nothing_is_learned() -> None:
    model = built(norm="batch", dropout=(0.5, 0.0, 0.5), head_dropout=0.5)
    x, y = frames(2, 9), frames(2, 9, seed=1)
    assert torch.equal(model(x).log_prob(y), model(x).log_prob(y))


# --- settings


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": 0, "neighbours": 0},
        {"memory": 1},
        {"neighbours": 0},
        {"head": "independent", "hidden": 0},
        {"head": "independent", "hidden": 0, "memory": 0, "neighbours": 0},
        {"norm": "layer", "layers": 3, "dropout": (0.1, 0.2, 0.3)},
        {"norm": "batch"},
    ],
)
def test_every_setting_trains(changes: dict[str, object]) -> None:
    model = built(**{"width": 16, "embedding": 16, "head_dropout": 0.0, "dropout": (0.0, 0.0, 0.0), **changes}).train()
    row = read(np.eye(KEYS, dtype=np.int64)[[0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1]])
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = -model(row[:, :-1]).log_prob(row[:, 1:]).mean()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"embedding": 0}, "model.embedding must be at least 1, got 0"),
        ({"width": 0}, "model.width must be at least 1"),
        ({"layers": 0}, "model.layers must be at least 1"),
        ({"hidden": 0}, "model.hidden must be at least 1"),
        ({"hidden": -1, "head": "independent"}, "model.hidden must be at least 0"),
        ({"memory": -1}, "model.memory must be at least 0"),
        ({"neighbours": -1}, "model.neighbours must be at least 0"),
        ({"head": "autoregresive"}, "'autoregresive': did you mean autoregressive"),
        ({"norm": "Batch"}, "'Batch': did you mean batch"),
        ({"dropout": (0.1, 0.2)}, "model.dropout must be three rates"),
        ({"dropout": (0.1, 0.2, 1.0)}, r"must be in \[0, 1\), got 1.0"),
        ({"head_dropout": math.nan}, r"must be in \[0, 1\), got nan"),
    ],
)
def test_impossible_settings_are_a_sentence(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace(SMALL, **changes)  # type: ignore[arg-type]


def test_only_frames_are_read() -> None:
    with pytest.raises(UsageError, match="the model frame_lstm reads frames"):
        SMALL.build(Notes())
