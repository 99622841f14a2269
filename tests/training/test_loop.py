import json
import math
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from erato.datasets import WindowDataset, Windows
from erato.errors import UsageError
from erato.models import LstmConfig, TransformerConfig
from erato.training import Likelihood, Optimizer, Schedule, Training, TrainingError, train, weights
from erato.training.checkpoint import load_state
from erato.training.log import read_metrics
from erato.training.weights import load_weights

TRAINING = Training(batch=4, steps=40, evaluations=4, optimizer=Optimizer("adamw", lr=0.02), ema=0.9)
CONFIG = LstmConfig(widths=(12,), dropout=(0.2,), embedding=8)


def run(folder, counting, training=TRAINING, config=CONFIG, **rest):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    model = config.build(counting.representation.space)
    dataset = WindowDataset(counting, Windows(length=8), 0, "counting")
    return model, train(model, counting, dataset, Likelihood(), training, folder, seed=0, **rest)


def test_it_learns_to_count_and_keeps_the_best_weights(tmp_path, counting):
    _, result = run(tmp_path, counting, replace(TRAINING, steps=200, ema=None))
    lines = read_metrics(tmp_path)
    assert result.best_loss == min(line["valid_loss"] for line in lines) < 0.5 < math.log(10)
    assert result.steps == 200 == lines[-1]["step"]
    assert lines[-1]["valid_accuracy"] > 0.85  # all but the first symbol can be known
    best = CONFIG.build(counting.representation.space)
    load_weights(best, tmp_path / "model.safetensors")
    assert Likelihood().validate(best, counting, "valid", None)["loss"] == pytest.approx(result.best_loss, abs=1e-6)


def test_validation_is_the_mean_over_all_symbols_of_whole_pieces(counting):
    model = LstmConfig(widths=(4,), dropout=(0.0,), embedding=4).build(counting.representation.space).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    measured = Likelihood().validate(model, counting, "valid", None)
    assert measured["loss"] == pytest.approx(math.log(10), abs=1e-6)
    assert measured["symbols"] == 44


@pytest.mark.parametrize("stop_at", [3, 10, 17])
@pytest.mark.parametrize("config", [CONFIG, TransformerConfig(layers=1, heads=2, width=8, context=16, dropout=0.1)])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, counting, config, stop_at, monkeypatch):
    run(tmp_path / "whole", counting, config=config)
    original = Likelihood.losses

    def losses(self, model, batches, rng):
        yield from original(self, model, batches, rng)
        losses.calls += 1
        if losses.calls == stop_at:
            signal.raise_signal(signal.SIGINT)

    losses.calls = 0
    with monkeypatch.context() as patched:
        patched.setattr(Likelihood, "losses", losses)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", counting, config=config)
    assert load_state(tmp_path / "parts" / "last")[2]["step"] == stop_at
    run(tmp_path / "parts", counting, config=config)
    for name in ("weights.safetensors", "optimizer.safetensors"):
        whole, parts = ((tmp_path / kind / "last" / "000000040" / name).read_bytes() for kind in ("whole", "parts"))
        assert whole == parts
    assert (tmp_path / "whole/model.safetensors").read_bytes() == (tmp_path / "parts/model.safetensors").read_bytes()
    measured = [
        [{k: v for k, v in line.items() if "second" not in k} for line in read_metrics(tmp_path / kind)]
        for kind in ("whole", "parts")
    ]
    assert measured[0] == measured[1]


def test_the_same_seed_gives_the_same_bytes(tmp_path, counting):
    run(tmp_path / "a", counting)
    run(tmp_path / "b", counting)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_a_finished_run_is_not_trained_again(tmp_path, counting):
    run(tmp_path, counting)
    before = (tmp_path / "model.safetensors").read_bytes()
    _, result = run(tmp_path, counting)
    assert result.steps == 40
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_patience_ends_it_early(tmp_path, counting):
    # with a learning rate this small nothing gets better than the first evaluation by much; freeze it wholly
    frozen = replace(TRAINING, optimizer=Optimizer("sgd", lr=1e-12), ema=None, patience=2, evaluations=20)
    _, result = run(tmp_path, counting, frozen)
    assert result.stopped_early
    assert result.steps < 40


def test_minutes_end_it(tmp_path, counting):
    _, result = run(tmp_path, counting, replace(TRAINING, steps=None, minutes=0.01, evaluations=3))
    assert 0.6 <= result.seconds < 20
    assert len(read_metrics(tmp_path)) <= 4


def test_checkpoints_are_kept_by_step(tmp_path, counting):
    run(tmp_path, counting, replace(TRAINING, keep_every=15))
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == [
        "000000015.safetensors",
        "000000030.safetensors",
    ]


def test_checkpoints_are_kept_by_epoch(tmp_path, counting):
    per_epoch = -(-len(WindowDataset(counting, Windows(length=8), 0, "counting")) // TRAINING.batch)
    run(tmp_path, counting, replace(TRAINING, steps=None, epochs=5, keep_epochs=2))
    kept = sorted(int(path.stem) for path in (tmp_path / "steps").iterdir())
    assert kept == [2 * per_epoch, 4 * per_epoch]


def test_a_loss_that_is_no_number_stops_it_with_a_sentence(tmp_path, counting):
    with pytest.raises(TrainingError, match=r"lower training.optimizer.lr"):
        run(tmp_path, counting, replace(TRAINING, optimizer=Optimizer("sgd", lr=1e30), clip=None))


def test_a_damaged_last_state_gives_way_to_the_one_before(tmp_path, counting):
    run(tmp_path, counting, replace(TRAINING, steps=10, evaluations=1))
    good = tmp_path / "last" / "000000010"
    bad = tmp_path / "last" / "000000020"
    bad.mkdir()
    for path in good.iterdir():
        (bad / path.name).write_bytes(path.read_bytes()[:-50])
    assert load_state(tmp_path / "last")[2]["step"] == 10


def test_a_full_disk_is_an_os_error_that_names_the_file_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(OSError, match=r"No space left.*make room") as error:
        weights.save_weights({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    assert error.value.filename == str(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_metrics_lines_after_the_state_are_forgotten_and_half_lines_survived(tmp_path, counting):
    run(tmp_path, counting)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 50, "valid_l')
    assert [line["step"] for line in read_metrics(tmp_path)] == [10, 20, 30, 40]
    assert list(tmp_path.glob("events.out.tfevents.*"))
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines()[:4]:
        assert {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr"} <= json.loads(line).keys()


def test_schedules_by_hand():
    assert Schedule("constant", warmup=0.5).factor(0.1) == 1
    assert Schedule("warmup", warmup=0.2).factor(0.05) == pytest.approx(0.25)
    assert Schedule("warmup", warmup=0.2).factor(0.9) == 1
    assert Schedule("exponential", final=0.01).factor(0.5) == pytest.approx(0.1)
    cosine = Schedule("cosine", warmup=0.5, final=0.2)
    assert cosine.factor(0.5) == pytest.approx(1)
    assert cosine.factor(0.75) == pytest.approx(0.6)
    assert cosine.factor(1) == pytest.approx(0.2)


def test_rmsprop_is_keras_rule():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = Optimizer("rmsprop", lr=0.1, rho=0.9).build([parameter])
    parameter.grad = torch.tensor([2.0])
    optimizer.step()
    assert parameter.item() == pytest.approx(1 - 0.1 * 2 / (np.sqrt(0.1 * 4) + 1e-7), abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch": 0}, "training.batch must be above 0"),
        ({"steps": None}, "needs a budget"),
        ({"minutes": float("nan")}, "training.minutes"),
        ({"ema": 1.0}, "training.ema"),
        ({"workers": -1}, "training.workers"),
    ],
)
def test_impossible_numbers_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        replace(TRAINING, **settings)


def test_an_evaluation_comes_after_every_epoch_and_a_line_after_so_many_batches(tmp_path, counting):
    dataset = WindowDataset(counting, Windows(length=8), 0, "counting")
    per_epoch = -(-len(dataset) // TRAINING.batch)
    told = []
    training = replace(TRAINING, steps=None, epochs=3, every_epoch=True, report_every=2)
    _, result = run(tmp_path, counting, training, report=told.append)
    assert result.steps == 3 * per_epoch
    assert [line["step"] for line in read_metrics(tmp_path)] == [per_epoch, 2 * per_epoch, 3 * per_epoch]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    batches = [line for line in lines if "batch_loss" in line]
    assert [line["step"] for line in batches] == list(range(2, result.steps + 1, 2))
    assert all(0 <= line["batch_accuracy"] <= 1 for line in batches)
    assert [progress.batch["step"] for progress in told if progress.batch] == [line["step"] for line in batches]
