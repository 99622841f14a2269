"""What goes wrong while a model learns: signals at any moment, numbers that are none, dead helpers, full disks."""

import json
import os
import shutil
import signal
import time
from collections import namedtuple
from dataclasses import replace

import pytest
import torch
from tests.conftest import pieces_that_count  # type: ignore[import-not-found]
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from erato.datasets import WindowDataset, Windows
from erato.errors import EratoError, RunError
from erato.models import LstmConfig
from erato.training import Likelihood, Optimizer, Training, TrainingError, train
from erato.training.average import Average
from erato.training.batches import Stream
from erato.training.checkpoint import load_state
from erato.training.log import read_metrics
from erato.training.stop import AskedToStop
from erato.training.weights import about_weights, load_weights, previous, read_tensors, replace_best, save_weights

TRAINING = Training(batch=4, steps=40, evaluations=4, optimizer=Optimizer("adamw", lr=0.02), ema=0.9)
CONFIG = LstmConfig(widths=(12,), dropout=(0.2,), embedding=8)
CPU = torch.device("cpu")


def run(folder, counting, training=TRAINING, **rest):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = CONFIG.build(counting.representation.space)
    dataset = WindowDataset(counting, Windows(length=8), 0, "counting")
    return train(model, counting, dataset, Likelihood(), training, folder, seed=0, **rest)


def ended(folder):
    """All that a run leaves behind, without times."""
    last = folder / "last" / "000000040"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return (
        {path.name: path.read_bytes() for path in [*last.glob("*.safetensors"), folder / "model.safetensors"]},
        {key: value for key, value in json.loads((last / "state.json").read_text()).items() if key != "seconds"},
        [{key: value for key, value in line.items() if "second" not in key} for line in lines],
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run leaves behind to which nothing happens."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, pieces_that_count())
    return ended(folder)


def at_call(monkeypatch, owner, name, number, event, after=True):
    """Lets `event` happen after (or before) call `number` of a method, counted from 1."""
    original, calls = getattr(owner, name), []

    def wrapped(*arguments, **named):
        calls.append(None)
        if not after and len(calls) == number:
            event()
        result = original(*arguments, **named)
        if after and len(calls) == number:
            event()
        return result

    monkeypatch.setattr(owner, name, wrapped)
    return calls


def interrupt():
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    "moment", ["validate", "validate, twice", "listen", "average put back", "state saved", "best saved"]
)
@pytest.mark.parametrize("number", [1, 2])
def test_a_signal_in_an_evaluation_leaves_and_the_evaluation_is_made_when_it_goes_on(
    tmp_path, counting, monkeypatch, whole, moment, number
):
    heard, went_on = [], []

    def leave():
        interrupt()
        went_on.append(moment)  # not where the signal is heard at once

    def listen(model, step):
        heard.append(step)
        if moment == "listen" and heard == [10, 20][:number] and not (tmp_path / "parts/again").exists():
            leave()

    with monkeypatch.context() as patched:
        if moment.startswith("validate"):
            twice = lambda: (interrupt(), interrupt())  # noqa: E731
            at_call(patched, Likelihood, "validate", number, twice if "twice" in moment else leave)
        elif moment == "average put back":
            at_call(patched, torch.nn.Module, "load_state_dict", 2 * number, interrupt, after=False)
        elif moment == "state saved":
            at_call(patched, os, "fsync", 9 * number, interrupt)
        elif moment == "best saved":
            at_call(patched, Average, "update", 10 * number, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", counting, listen=listen)
    assert not went_on
    (tmp_path / "parts/again").touch()
    stopped = load_state(tmp_path / "parts" / "last")[2]["step"]
    assert stopped == 10 * number or moment in ("state saved", "average put back")
    run(tmp_path / "parts", counting, listen=listen)
    assert ended(tmp_path / "parts") == whole


@pytest.mark.parametrize("number", [1, 5, 20])
@pytest.mark.parametrize("moment", ["loss", "optimizer"])
def test_a_step_that_takes_long_is_left_and_made_when_it_goes_on(
    tmp_path, counting, monkeypatch, whole, number, moment
):
    monkeypatch.setattr("erato.training.stop.PATIENCE", 0.05)

    def dawdle():
        interrupt()
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            time.sleep(0.01)

    with monkeypatch.context() as patched:
        if moment == "loss":  # nothing of the step has reached the weights
            at_call(patched, torch.Tensor, "backward", number, dawdle)
        else:
            at_call(patched, torch.optim.AdamW, "step", number, dawdle, after=False)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", counting)
    assert load_state(tmp_path / "parts" / "last")[2]["step"] == (number - 1 if moment == "loss" else number)
    run(tmp_path / "parts", counting)
    assert ended(tmp_path / "parts") == whole


def test_handlers_and_timers_are_as_they_were():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    with AskedToStop() as stop:
        interrupt()
        assert stop.asked == signal.SIGTERM
    assert {number: signal.getsignal(number) for number in before} == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_a_number_that_is_none_reaches_no_weight_and_the_third_one_stops_it(tmp_path, counting, monkeypatch, wrong):
    original, calls, notes = Likelihood.losses, [], []
    bad = {7, 12}

    def losses(self, model, batches, rng):
        for name, loss, measures in original(self, model, batches, rng):
            calls.append(None)
            if len(calls) in bad:
                loss = loss * float("nan") if wrong == "loss" else torch.sqrt(loss - loss.detach()) + loss.detach()
            yield name, loss, measures

    monkeypatch.setattr(Likelihood, "losses", losses)
    run(tmp_path / "twice", counting, note=notes.append)
    assert [note.split(" is left")[0] for note in notes] == ["Step 7", "Step 12"]
    assert load_state(tmp_path / "twice" / "last")[2]["faults"] == 2
    for path in (tmp_path / "twice").rglob("*.safetensors"):
        assert all(torch.isfinite(tensor.float()).all() for tensor in read_tensors(path).values())
    lines = [json.loads(line) for line in (tmp_path / "twice/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "skipped" in line] == [7, 12]
    assert [line["step"] for line in read_metrics(tmp_path / "twice")] == [10, 20, 30, 40]

    calls.clear()
    bad.add(23)
    with pytest.raises(
        TrainingError, match=r"at step 23, for the third time: lower training.optimizer.lr \(now 0.02\)"
    ):
        run(tmp_path / "thrice", counting)
    assert load_state(tmp_path / "thrice" / "last")[2]["step"] == 20


def test_a_run_that_left_out_a_step_goes_on_as_it_would_have(tmp_path, counting, monkeypatch):
    original = Likelihood.losses
    steps = []

    def losses(self, model, batches, rng):
        for name, loss, measures in original(self, model, batches, rng):
            steps.append(int(batches.drawn))
            yield name, loss * (float("nan") if batches.drawn == 13 else 1), measures
            if len(steps) == 17:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Likelihood, "losses", losses)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", counting)
    run(tmp_path / "parts", counting)
    steps[:] = [0] * 100
    run(tmp_path / "whole", counting)
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")


def test_a_dead_worker_is_replaced_and_changes_nothing(tmp_path, counting, monkeypatch):
    run(tmp_path / "whole", counting, replace(TRAINING, workers=1))
    streams = []
    original = Stream._loaded

    def loaded(self):
        streams.append(original(self))
        return streams[-1]

    def kill():
        os.kill(streams[-1]._workers[0].pid, signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(Stream, "_loaded", loaded)
        patched.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
        at_call(patched, Average, "update", 15, kill)
        run(tmp_path / "killed", counting, replace(TRAINING, workers=1))
    assert len(streams) >= 3  # the first to prepare the objective, then that of the training, then a fresh one
    assert ended(tmp_path / "killed") == ended(tmp_path / "whole")
    run(tmp_path / "alone", counting)
    assert ended(tmp_path / "alone")[0] == ended(tmp_path / "whole")[0]


def test_workers_that_die_again_and_again_are_given_up(counting, monkeypatch):
    def dies(self, indices):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(WindowDataset, "__getitems__", dies)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))  # 5 s, bound as it is
    stream = Stream(WindowDataset(counting, Windows(length=8), 0, "counting"), 4, 0, 0, 1, CPU)
    with pytest.raises(EratoError, match=r"died 3 times at batch 0: lower training.workers \(now 1\)"):
        next(stream)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_too_little_memory_says_what_to_lower(tmp_path, counting, monkeypatch, error):
    def fail():
        raise error

    at_call(monkeypatch, torch.Tensor, "backward", 15, fail)
    with pytest.raises(TrainingError, match=r"for step 15: lower training.batch \(now 4\), windows.length"):
        run(tmp_path, counting)
    assert load_state(tmp_path / "last")[2]["step"] == 10


def test_a_full_disk_is_foreseen(tmp_path, counting, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(TrainingError, match=r"the disk is full: .* needs [\d.]+ MB and 0.0 MB are free; make room"):
        run(tmp_path, counting)
    assert not list(tmp_path.iterdir())


def test_the_best_weights_before_stand_in_for_damaged_ones(tmp_path, counting):
    run(tmp_path, counting, replace(TRAINING, steps=20))
    best, before = tmp_path / "model.safetensors", previous(tmp_path / "model.safetensors")
    steps = [int(about_weights(path).split(",")[0].removeprefix("step ")) for path in (before, best)]
    assert steps[0] < steps[1]
    data = bytearray(best.read_bytes())
    data[-5] ^= 1
    best.write_bytes(data)
    notes = []
    state = max((tmp_path / "last").glob("0*"))
    shutil.rmtree(state)  # it goes on from the state before, and must end with the best weights all the same
    run(tmp_path, counting, replace(TRAINING, steps=20), note=notes.append)
    assert any("model.safetensors is damaged" in note for note in notes)
    assert about_weights(best).startswith(f"step {steps[1]},")


def flip(path, at=-5):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_damaged_state_never_counts_as_the_one_before(tmp_path, counting):
    run(tmp_path, counting, replace(TRAINING, steps=20))
    flip(tmp_path / "last" / "000000020" / "optimizer.safetensors")
    notes = []
    run(tmp_path, counting, replace(TRAINING, steps=20), note=notes.append)
    assert "last/000000020/optimizer.safetensors is damaged" in notes[0]
    assert sorted(path.name for path in (tmp_path / "last").iterdir()) == [
        "000000015", "000000020", "000000020.damaged"
    ]  # fmt: skip
    run(tmp_path / "whole", counting, replace(TRAINING, steps=20))
    for name in ("last/000000020/optimizer.safetensors", "model.safetensors"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for state in (tmp_path / "last").glob("0000000[12][05]"):
        flip(state / "weights.safetensors", 400)
    with pytest.raises(RunError, match="and so is every other state"):
        run(tmp_path, counting, replace(TRAINING, steps=20))


def test_damaged_weights_never_take_the_place_of_those_before(tmp_path):
    path = tmp_path / "model.safetensors"
    for step in range(3):
        replace_best({"a": torch.full((3,), float(step))}, path, f"step {step}")
    assert about_weights(previous(path)) == "step 1"
    replace_best({"a": torch.full((3,), 2.0)}, path, "step 2")  # the same again, where training goes on from before
    assert about_weights(previous(path)) == "step 1"
    flip(path)
    replace_best({"a": torch.full((3,), 3.0)}, path, "step 3")
    assert (about_weights(previous(path)), about_weights(path)) == ("step 1", "step 3")


def test_weights_of_other_kinds_are_refused(tmp_path, counting):
    model = CONFIG.build(counting.representation.space)
    path = tmp_path / "model.safetensors"
    good = model.state_dict()
    name = next(iter(good))
    for bad, said in (
        (good | {name: good[name].double()}, "does not fit"),
        (good | {name: good[name][:1]}, "does not fit"),
        (good | {name: good[name] * float("inf")}, "not finite"),
        (good | {name: good[name].to(torch.float8_e4m3fn)}, "float8"),
        ({**good, "more": torch.zeros(1)}, "does not fit"),
    ):
        save_weights(bad, path)
        with pytest.raises(RunError, match=said):
            load_weights(model, path)
    torch.testing.assert_close(good, model.state_dict())
