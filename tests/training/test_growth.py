"""Batches that grow, epochs that are a share of the windows, and runs that were stopped or killed in the middle."""

import json
import signal
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, islice

import numpy as np
import pytest
import torch

from erato.datasets import Encodings, WindowDataset, Windows
from erato.errors import UsageError
from erato.models import LstmConfig
from erato.models.base import Distribution, SequenceModel
from erato.representations import Bits
from erato.training import Likelihood, Optimizer, Training, train
from erato.training.batches import Growth, Stream, batch_order
from erato.training.checkpoint import load_state
from erato.training.log import read_metrics

CPU = torch.device("cpu")
GROWTHS = [Growth(1, 3, 8), Growth(3, 1, 50), Growth(2, 5, 2), Growth(5, 2, 7), Growth(30, 4, 60)]


def sizes_by_hand(growth, count):
    """begin, begin ..., 2 begin, 2 begin ..., up to the end."""
    found, size = [], growth.begin
    while len(found) < count:
        found += [min(size, growth.end)] * growth.steps
        size *= 2
    return found[:count]


def cut_at_epochs(sizes, windows):
    """(epoch, windows of the batch) of each: an epoch ends with what is left of it."""
    found, epoch, left = [], 0, windows
    for size in sizes:
        found.append((epoch, min(size, left)))
        left -= found[-1][1]
        if not left:
            epoch, left = epoch + 1, windows
    return found


# --- the order


def test_batches_double_after_so_many_steps_until_they_are_large_enough():
    growth = Growth(1, 250, 32)
    wanted = {0: 1, 249: 1, 250: 2, 499: 2, 500: 4, 749: 4, 750: 8, 1000: 16, 1249: 16, 1250: 32, 1500: 32, 10**9: 32}
    assert {number: growth.size(number) for number in wanted} == wanted
    assert [Growth(3, 2, 10).size(number) for number in range(8)] == [3, 3, 6, 6, 10, 10, 10, 10]
    for growth in GROWTHS:
        assert [growth.size(number) for number in range(60)] == sizes_by_hand(growth, 60)


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize("windows", [1, 10, 23])
def test_every_window_comes_once_an_epoch_in_batches_that_grow(growth, windows):
    batches = list(islice(batch_order(np.full(windows, 8), growth, 1, 0), 60))
    cut = cut_at_epochs(sizes_by_hand(growth, 60), windows)
    assert [({epoch for epoch, _ in batch}, len(batch)) for batch in batches] == [({e}, n) for e, n in cut]
    orders = [
        [window for batch in batches for epoch, window in batch if epoch == number] for number in range(cut[-1][0])
    ]
    assert all(sorted(order) == list(range(windows)) for order in orders)
    if windows > 1:
        assert len({tuple(order) for order in orders}) == len(orders) >= 1  # another one in each epoch


@pytest.mark.parametrize("growth", GROWTHS)
@pytest.mark.parametrize("windows", [1, 10, 23])
def test_growing_batches_can_be_entered_anywhere(growth, windows):
    batches = list(islice(batch_order(np.full(windows, 8), growth, 1, 0), 60))
    for drawn in range(50):
        assert list(islice(batch_order(np.full(windows, 8), growth, 1, drawn), 10)) == batches[drawn : drawn + 10]


def test_the_seed_decides_the_order_and_lengths_do_not():
    one, other = (list(islice(batch_order(np.full(23, 8), GROWTHS[0], seed, 0), 9)) for seed in (1, 2))
    assert one != other
    assert list(islice(batch_order(np.arange(1, 24), GROWTHS[0], 1, 0), 9)) == one


# --- the stream


class Named:
    """Windows that are their own names: (epoch, index)."""

    def __init__(self, windows):
        self.sizes = np.full(windows, 8)

    def __len__(self):
        return len(self.sizes)

    def __getitems__(self, indices):
        return tuple(torch.tensor(indices) for _ in range(3))


@pytest.mark.parametrize("batch", [1, 4, 7, *GROWTHS[:3]])
@pytest.mark.parametrize(
    ("windows", "share"),
    [(10, 1.0), (10, 0.1), (10, 0.3), (3, 0.1), (7, 0.1), (30, 0.7), (49, 1 / 49), (9, 1 / 3), (11, 5 / 9), (23, 0.25)],
)
def test_an_epoch_is_whole_where_it_ends(batch, windows, share):
    """Exactly: what comes at the end of an epoch must not come a batch later."""
    stream = Stream(Named(windows), batch, 1, 0, 0, CPU, share)
    exact, count = Fraction(share).limit_denominator(100), 120
    if isinstance(batch, Growth):
        drawn = accumulate(Fraction(size, windows) for _, size in cut_at_epochs(sizes_by_hand(batch, count), windows))
    else:  # a short last batch counts as much as the others
        drawn = (Fraction(number, -(-windows // batch)) for number in range(1, count + 1))
    assert stream.epoch == 0
    ends = 0
    for passes in islice(drawn, count):
        next(stream)
        epoch = passes / exact
        assert stream.epoch == pytest.approx(float(epoch), abs=1e-9)
        assert stream.epoch // 1 == epoch // 1
        ends += epoch.denominator == 1
    assert stream.drawn == count and ends >= 1


def test_an_epoch_without_a_share_is_the_quotient_to_the_last_bit():
    stream = Stream(Named(10), 3, 1, 0, 0, CPU)
    for number in range(1, 30):
        next(stream)
        assert stream.epoch == number / 4


@pytest.mark.parametrize("growth", [Growth(1, 3, 8), Growth(3, 1, 50)])
def test_a_stream_that_is_entered_later_goes_on_the_same(growth):
    whole = Stream(Named(23), growth, 1, 0, 0, CPU, 0.1)
    found = [(whole.epoch, next(whole)) for _ in range(40)]
    for drawn in range(30):
        later = Stream(Named(23), growth, 1, drawn, 0, CPU, 0.1)
        for epoch, batch in found[drawn : drawn + 10]:
            assert later.epoch == epoch
            assert all(torch.equal(one, other) for one, other in zip(next(later), batch, strict=True))


# --- whole trainings

CONFIG = LstmConfig(widths=(6,), dropout=(0.2,), embedding=4)
TRAINING = Training(
    batch=8, batch_from=1, batch_steps=6, steps=40, evaluations=2, optimizer=Optimizer("adamw", lr=0.02), ema=0.9
)


def dataset_of(counting):
    return WindowDataset(counting, Windows(length=8), 0, "counting")


def run(folder, counting, training=TRAINING):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = CONFIG.build(counting.representation.space)
    return train(model, counting, dataset_of(counting), Likelihood(), training, folder, seed=0)


def ended(folder, step=40):
    """All that a run leaves behind, without times."""
    last = folder / "last" / f"{step:09d}"
    state = json.loads((last / "state.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "files": {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in [*last.glob("*.safetensors"), folder / "model.safetensors"]
        },
        "state": {key: value for key, value in state.items() if "seconds" not in key},
        "lines": [{key: value for key, value in line.items() if "second" not in key} for line in lines],
    }


@pytest.fixture
def breaking(monkeypatch):
    """Lets a call of the objective, counted from 1, be the last one: breaking(call, what happens after or instead)."""
    original, calls = Likelihood.losses, []

    def broken(at, event, before=False):
        calls.clear()

        def losses(self, model, batches, rng):
            calls.append(None)
            if before and len(calls) == at:
                event()
            yield from original(self, model, batches, rng)
            if not before and len(calls) == at:
                event()

        monkeypatch.setattr(Likelihood, "losses", losses)

    yield broken
    monkeypatch.setattr(Likelihood, "losses", original)


class Killed(Exception):
    pass


def kill():
    raise Killed


def test_a_step_reads_as_many_windows_as_the_batch_has_grown_to(tmp_path, counting, monkeypatch):
    original, read = Likelihood.losses, []

    def losses(self, model, batches, rng):
        batch = next(batches)
        read.append(len(batch[0]))
        yield from original(self, model, iter([batch]), rng)

    monkeypatch.setattr(Likelihood, "losses", losses)
    run(tmp_path, counting)
    sizes = [1] * 6 + [2] * 6 + [4] * 6 + [8] * 22
    assert read == [size for _, size in cut_at_epochs(sizes, len(dataset_of(counting)))]


@pytest.mark.parametrize("stop_at", [1, 7, 20])
def test_a_stopped_run_of_growing_batches_goes_on_to_the_same_bits(tmp_path, counting, stop_at, breaking):
    run(tmp_path / "whole", counting)
    breaking(stop_at, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", counting)
    assert load_state(tmp_path / "parts" / "last")[2]["step"] == stop_at
    run(tmp_path / "parts", counting)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")


@pytest.mark.parametrize(("kill_at", "saved"), [(7, [0]), (8, [0, 7]), (18, [7, 14]), (25, [20, 21])])
def test_a_killed_run_goes_on_from_what_was_saved_last(tmp_path, counting, kill_at, saved, breaking):
    training = replace(TRAINING, save_every=7, report_every=2)
    run(tmp_path / "whole", counting, training)
    breaking(kill_at, kill, before=True)
    with pytest.raises(Killed):
        run(tmp_path / "parts", counting, training)
    found = load_state(tmp_path / "parts" / "last")
    assert found is not None and found[2]["step"] == saved[-1]
    assert sorted(int(path.name) for path in (tmp_path / "parts" / "last").glob("*")) == saved  # and the one before it
    run(tmp_path / "parts", counting, training)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")


def test_saving_in_between_changes_nothing_but_what_is_saved(tmp_path, counting):
    run(tmp_path / "often", counting, replace(TRAINING, save_every=3))
    run(tmp_path / "seldom", counting)
    assert ended(tmp_path / "often") == ended(tmp_path / "seldom")


def test_without_evaluations_a_state_is_saved_all_the_same(tmp_path, counting, breaking):
    breaking(13, kill, before=True)
    with pytest.raises(Killed):
        run(tmp_path / "never", counting)
    assert load_state(tmp_path / "never" / "last")[2]["step"] == 0
    breaking(13, kill, before=True)
    with pytest.raises(Killed):
        run(tmp_path / "often", counting, replace(TRAINING, save_every=5))
    assert load_state(tmp_path / "often" / "last")[2]["step"] == 10
    assert read_metrics(tmp_path / "often") == []


@pytest.mark.parametrize("growth", [(8, 1, 6), (4, None, 1)])
def test_an_evaluation_comes_after_every_share_of_the_windows(tmp_path, counting, growth, breaking):
    batch, batch_from, batch_steps = growth
    windows, epochs = len(dataset_of(counting)), 6
    training = replace(
        TRAINING,
        batch=batch,
        batch_from=batch_from,
        batch_steps=batch_steps,
        steps=None,
        epochs=epochs,
        epoch_share=0.3,
        every_epoch=True,
    )
    if batch_from:
        sizes = [size for _, size in cut_at_epochs(sizes_by_hand(Growth(batch_from, batch_steps, batch), 60), windows)]
        passes = [Fraction(total, windows) for total in accumulate(sizes)]
    else:
        passes = [Fraction(number, -(-windows // batch)) for number in range(1, 60)]
    shares = [int(passed / Fraction(3, 10)) for passed in passes]
    due = [1 + shares.index(next(s for s in shares if s >= epoch)) for epoch in range(1, epochs + 1)]
    result = run(tmp_path / "whole", counting, training)
    assert result.steps == due[-1]
    lines = read_metrics(tmp_path / "whole")
    assert [line["step"] for line in lines] == sorted(set(due))
    assert [int(line["epoch"]) for line in lines] == [shares[step - 1] for step in sorted(set(due))]

    breaking(due[2] + 1, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", counting, training)
    run(tmp_path / "parts", counting, training)
    assert ended(tmp_path / "parts", due[-1]) == ended(tmp_path / "whole", due[-1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_from": 0}, r"training\.batch_from must be above 0, got 0"),
        ({"batch_from": 9}, r"training\.batch_from must be at most training\.batch \(8\), or none, got 9"),
        ({"batch_steps": 0}, r"training\.batch_steps must be above 0, got 0"),
        ({"save_every": 0}, r"training\.save_every must be above 0, got 0"),
        ({"epoch_share": 0.0}, r"training\.epoch_share must be above 0 and at most 1, got 0\.0"),
        ({"epoch_share": 1.5}, r"training\.epoch_share .* got 1\.5"),
        ({"epoch_share": float("nan")}, r"training\.epoch_share .* got nan"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(UsageError, match=rf"{said}\.$"):
        replace(TRAINING, **settings)
    assert replace(TRAINING, batch_from=8).batches == Growth(8, 6, 8)
    assert replace(TRAINING, batch_from=None).batches == 8


# --- the beginnings of held-out pieces


def test_a_held_out_loss_may_be_of_the_first_symbols_of_each_piece(counting):
    torch.manual_seed(3)
    model = CONFIG.build(counting.representation.space).eval()
    data = replace(counting, split={"train": [1], "valid": [8, 0, 9], "test": []})  # of 44, 20 and 47 symbols

    def expected(*lengths):
        costs, hits = [], []
        for index, length in zip([8, 0, 9], lengths, strict=True):
            y = torch.from_numpy(data.array(index).astype(np.int64))
            logits = model(torch.cat([torch.tensor([0]), y[:-1]])[None]).logits[0].log_softmax(-1)
            costs += (-logits[torch.arange(len(y)), y])[:length].tolist()
            hits += (logits.argmax(-1) == y)[:length].tolist()
        return pytest.approx(np.mean(costs), abs=1e-5), pytest.approx(np.mean(hits)), len(costs)

    for each, limit, lengths in [
        (None, None, (44, 20, 47)),
        (30, None, (30, 20, 30)),
        (1, None, (1, 1, 1)),
        (1000, None, (44, 20, 47)),
        (30, 55, (30, 20, 5)),
        (30, 50, (30, 20, 0)),
    ]:
        measured = Likelihood(valid_each=each).validate(model, data, "valid", limit)
        assert (measured["loss"], measured["accuracy"], measured["symbols"]) == expected(*lengths)
        assert measured["pieces"] == sum(length > 0 for length in lengths)


@dataclass
class Known(Distribution):
    """A key that is down costs 2 nats, one that is up a half."""

    n_uniforms = 1

    def log_prob(self, y):
        return -0.5 - 1.5 * (y == 1)

    def hits(self, y):
        return y == 0

    def sample(self, u, filters):
        raise NotImplementedError


class Knowing(SequenceModel):
    def start(self, batch):
        return torch.zeros(batch, 1)

    def extend(self, x, state, mask=None):
        return Known(), state


class Keys:
    space = Bits(3, 0.1)


def test_the_first_key_states_are_read_of_those_that_are_kept_eight_a_byte():
    rng = np.random.default_rng(0)
    arrays = [(rng.random(size) < 0.3).astype(np.int8) for size in (3 * 20, 3 * 7, 3 * 50)]
    symbols = np.concatenate([np.packbits(array) for array in arrays])
    split = {"train": [], "valid": [0, 1, 2], "test": []}
    data = Encodings(Keys(), symbols, np.cumsum([0, *map(len, arrays)]), split, {})
    for each in (None, 10, 2):  # steps, each of three keys
        first = np.concatenate([array[: each and 3 * each] for array in arrays])
        measured = Likelihood(valid_each=each).validate(Knowing(), data, "valid", None)
        assert measured["loss"] == pytest.approx(0.5 + 1.5 * first.mean())
        assert measured["accuracy"] == pytest.approx(1 - first.mean()) and measured["symbols"] == len(first)


def test_a_beginning_has_a_symbol_at_least():
    with pytest.raises(UsageError, match=r"objective\.valid_each must be at least 1 symbol, or none, got 0\.$"):
        Likelihood(valid_each=0)
