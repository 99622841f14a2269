"""The training loop: a model, windows and an objective in; weights and metrics in a run folder out.

The only loop there is; every recipe runs it. It knows nothing of what the symbols mean. A budget is steps, epochs or
minutes, whichever ends first; budgets of steps or epochs give the same bytes every time and go on exactly after a stop.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from erato.datasets import Encodings, WindowDataset, generator
from erato.errors import EratoError, RunError, UsageError
from erato.training.average import Average
from erato.training.batches import Growth, Stream
from erato.training.checkpoint import exported, load_state, save_state, save_weights
from erato.training.log import Log
from erato.training.memory import keep_freed_memory
from erato.training.objective import Objective
from erato.training.optimizers import Optimizer, Schedule
from erato.training.stop import AskedToStop


@dataclass(frozen=True)
class Training:
    """How long and how a model is trained; the budget is whichever of steps, epochs and minutes ends first.

    evaluations: how often the held-out pieces are looked at over the budget; every_epoch: after each pass over the
    windows instead. report_every: a line on the loss and accuracy of every so manieth batch; None: none. patience:
    evaluations without a better loss after which it stops; None: never. ema: decay of the moving average of the
    weights that is kept; None: none. valid_symbols: how many held-out symbols an evaluation reads, the first ones;
    None: all. precision: of the arithmetic in the forward pass (weights stay float32); auto: bfloat16 where the
    processor has it. keep_every, keep_epochs: the weights of every so manieth step, or epoch, are kept as well.
    batch_from: windows of the first batches, which double after every `batch_steps` steps until they are `batch`; None:
    all batches are equal. epoch_share: of all windows, that is called an epoch. save_every: steps after which the state
    is saved, besides at evaluations.
    """

    batch: int = 32
    batch_from: int | None = None
    batch_steps: int = 250
    epoch_share: float = 1.0
    save_every: int | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    clip: float | None = 1.0
    ema: float | None = None
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    evaluations: int = 20
    every_epoch: bool = False
    report_every: int | None = None
    patience: int | None = None
    valid_symbols: int | None = 40_000
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    keep_every: int | None = None
    keep_epochs: int | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        for name in (
            "batch",
            "batch_from",
            "batch_steps",
            "save_every",
            "steps",
            "epochs",
            "minutes",
            "evaluations",
            "report_every",
            "patience",
            "valid_symbols",
            "keep_every",
            "keep_epochs",
            "clip",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"training.{name} must be above 0, got {value}.")
        if self.steps is None and self.epochs is None and self.minutes is None:
            raise UsageError("training needs a budget: set training.steps, training.epochs or training.minutes.")
        if self.ema is not None and not 0 < self.ema < 1:
            raise UsageError(f"training.ema must be between 0 and 1, or none, got {self.ema}.")
        if self.batch_from is not None and self.batch_from > self.batch:
            raise UsageError(
                f"training.batch_from must be at most training.batch ({self.batch}), or none, got {self.batch_from}."
            )
        if not 0 < self.epoch_share <= 1:
            raise UsageError(f"training.epoch_share must be above 0 and at most 1, got {self.epoch_share}.")
        if self.workers < 0:
            raise UsageError(f"training.workers must be 0 or more, got {self.workers}.")

    @property
    def batches(self) -> int | Growth:
        """Windows a batch."""
        return self.batch if self.batch_from is None else Growth(self.batch_from, self.batch_steps, self.batch)


@dataclass(frozen=True)
class Progress:
    """Where the loop stands, for whoever shows it."""

    step: int
    spent: float  # share of the budget
    loss: float  # of the steps since the last evaluation
    per_second: float  # symbols
    seconds_left: float
    evaluation: dict[str, Any] | None = None  # the line of metrics.jsonl, when there is a new one
    batch: dict[str, Any] | None = None  # the line on the newest batch, when there is a new one


@dataclass(frozen=True)
class Result:
    """What a finished training gave."""

    steps: int
    seconds: float
    best_loss: float
    stopped_early: bool


@dataclass
class _State:
    """What, with weights, optimizers and the random generator, makes a run go on exactly where it was."""

    step: int = 0
    batches: int = 0  # drawn from the data so far
    seconds: float = 0.0
    best_loss: float = math.inf
    without_better: int = 0
    astray: int = 0  # steps in a row
    evaluations: int = 0
    finished: bool = False
    stopped_early: bool = False
    sums: dict[str, float] = field(default_factory=dict)  # measured since the last evaluation


_ASTRAY = 20  # steps in a row after which training has diverged; a single one can be bad luck
_DRAWS = 2**62 + 1  # streams of random numbers from here on are the objective's, one a step
_REST = 8  # with a budget in minutes, training lasts at least so many times as long as the evaluation before


class TrainingError(EratoError):
    """Training that cannot go on; the last good state stays on disk."""


def train(
    model: nn.Module,
    data: Encodings,
    dataset: WindowDataset,
    objective: Objective,
    training: Training,
    folder: Path,
    *,
    seed: int,
    listen: Callable[[nn.Module, int], None] | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Result:
    """Trains `model` within the budget, going on from `folder`/last if there is a state; leaves the best weights in it.

    listen(model, step) is called at every evaluation, with the weights that are evaluated, in eval mode. Raises
    KeyboardInterrupt after saving when asked to stop, TrainingError when the loss is no longer a number, or when the
    objective finds so many steps in a row astray.
    """
    keep_freed_memory()
    device = next(model.parameters()).device
    groups = objective.groups(model)
    optimizers = {name: training.optimizer.build(parameters, model) for name, parameters in groups.items()}
    average = Average(model, training.ema) if training.ema else None
    objective = objective.prepared(model, Stream(dataset, training.batches, seed, 0, 0, device))
    state = _resume(folder, model, optimizers, average)
    if state.finished:
        return _result(state)
    half = training.precision == "bfloat16" or (training.precision == "auto" and _has_bfloat16(device))
    limit = training.minutes * 60 if training.minutes else math.inf
    rng, leader = torch.Generator(), [*groups][-1]
    stream = Stream(dataset, training.batches, seed, state.batches, training.workers, device, training.epoch_share)
    sums = {key: torch.tensor(value) for key, value in state.sums.items()}
    seen, since = state.sums.get("symbols", 0), time.monotonic()  # for the symbols a second
    started, shown = since - state.seconds, 0.0
    rest_until = 0.0  # by the clock: when the next evaluation may be

    model.train()
    with Log(folder, state.step) as log, AskedToStop() as stop:
        while True:
            spent = max(_spent(training, state.step, stream), (time.monotonic() - started) / limit)
            rate = training.optimizer.lr * training.schedule.factor(spent)
            rng.manual_seed(int(generator(seed, _DRAWS + state.step).integers(2**63)))
            before, norms = stream.epoch, []
            measured: dict[str, torch.Tensor] = {}
            for name, loss, measures in _autocast(objective.losses(model, stream, rng), device, half):
                optimizer = optimizers[name]
                for group in optimizer.param_groups:
                    group["lr"] = rate * objective.rate(name)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                norms.append(_clipped(groups[name], training.clip))
                optimizer.step()
                for key, value in measures.items():
                    measured[key] = measured[key] + value if key in measured else value
                    sums[key] = sums[key] + value if key in sums else value
                if average and name == leader:
                    average.update(model, state.step + 1)
            state.step += 1
            if not bool(torch.stack(norms).isfinite().all()):
                raise _diverged(f"the loss is no longer a number at step {state.step}", training, objective, folder)
            wrong = objective.astray(measured)
            state.astray = state.astray + 1 if wrong else 0
            if state.astray == _ASTRAY:
                raise _diverged(f"training has diverged: at step {state.step} {wrong}", training, objective, folder)
            if _passed(training, state.step, before, stream):
                with _evaluating(model, average, objective, data):
                    save_weights(exported(model), folder / "steps" / f"{state.step:09d}.safetensors")

            now = time.monotonic()
            spent = max(_spent(training, state.step, stream), (now - started) / limit)
            over = spent >= 1
            line = batch = None
            if training.report_every and state.step % training.report_every == 0:
                batch = {"step": state.step, "epoch": round(stream.epoch, 3), **_of_batch(measured)}
                log.write(batch)
            if training.every_epoch:
                due = stream.epoch // 1 > before // 1
            else:
                due = int(spent * training.evaluations) > state.evaluations
            if over or (due and now >= rest_until):
                symbols = float(sums["symbols"])
                line = {
                    "step": state.step,
                    "epoch": round(stream.epoch, 3),
                    "seconds": round(now - started, 2),
                    "lr": rate,
                    **{f"train_{key}": float(value) / symbols for key, value in sums.items() if key != "symbols"},
                    "symbols_per_second": round((symbols - seen) / max(now - since, 1e-9), 1),
                }
                with _evaluating(model, average, objective, data):
                    line |= {
                        f"valid_{k}": v
                        for k, v in objective.validate(model, data, "valid", training.valid_symbols).items()
                    }
                    if not math.isfinite(line["valid_loss"]):
                        said = f"the held-out loss is no longer a number at step {state.step}"
                        raise _diverged(said, training, objective, folder)
                    line["best"] = line["valid_loss"] < state.best_loss
                    if line["best"]:
                        # one entry, as the order of several is not kept
                        about = {"best": f"step {state.step}, held-out loss {line['valid_loss']!r}"}
                        save_weights(exported(model), folder / "model.safetensors", about)
                    if listen:
                        listen(model, state.step)
                log.write(line)
                if line["best"]:
                    state.best_loss, state.without_better = line["valid_loss"], 0
                else:
                    state.without_better += 1
                state.evaluations, sums, seen, since = int(spent * training.evaluations), {}, 0.0, time.monotonic()
                if training.minutes:  # on a slow machine, or with a long held-out part: evaluate less often
                    rest_until = since + _REST * (since - now)
                state.stopped_early = not over and state.without_better >= (training.patience or math.inf)
                over = over or state.stopped_early or (time.monotonic() - started) >= limit
            if line or stop.asked or (training.save_every and state.step % training.save_every == 0):
                state.seconds, state.batches, state.finished = time.monotonic() - started, stream.drawn, over
                state.sums = {key: float(value) for key, value in sums.items()}
                _save(folder, model, optimizers, average, state)
            if report and (line or batch or now - shown > 0.2):
                shown = now
                left = 0.0 if over else (now - started) * (1 - spent) / max(spent, 1e-9)
                if line:
                    loss_now, speed = line["train_loss"], line["symbols_per_second"]
                else:
                    symbols = float(sums["symbols"])
                    loss_now, speed = float(sums["loss"]) / symbols, (symbols - seen) / max(now - since, 1e-9)
                report(Progress(state.step, 1.0 if over else spent, loss_now, speed, left, line, batch))
            if over:
                return _result(state)
            if stop.asked:
                raise KeyboardInterrupt


def _of_batch(measures: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """What was measured of the newest step, a symbol."""
    symbols = float(measures["symbols"])
    return {f"batch_{key}": float(value) / symbols for key, value in measures.items() if key != "symbols"}


def _autocast(losses: Iterator[Any], device: torch.device, half: bool) -> Iterator[Any]:
    """The losses, each computed under autocast; what is done with them is not."""
    while True:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            item = next(losses, None)
        if item is None:
            return
        yield item


def _has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is fast there, not merely emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@contextmanager
def _evaluating(model: nn.Module, average: Average | None, objective: Objective, data: Encodings) -> Iterator[None]:
    """The model in eval mode, with averaged weights if there are any."""
    model.eval()
    try:
        with average.applied(model) if average else nullcontext():
            if average:
                objective.settle(model, data)
            yield
    finally:
        model.train()


def _clipped(parameters: list[nn.Parameter], limit: float | None) -> torch.Tensor:
    """The norm of the gradients, which are no longer than `limit` afterwards."""
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None], foreach=True)
    if limit is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm, foreach=True)
    return norm


def _spent(training: Training, step: int, stream: Stream) -> float:
    """The share of the steps or epochs that is done; an epoch is over when as many batches are drawn as it has."""
    return max(step / (training.steps or math.inf), stream.epoch / (training.epochs or math.inf))


def _passed(training: Training, step: int, before: float, stream: Stream) -> bool:
    """Whether the weights of this step are kept; before: epochs drawn until the step."""
    if training.keep_every:
        return step % training.keep_every == 0
    epochs = training.keep_epochs or math.inf
    return stream.epoch // epochs > before // epochs


def _result(state: _State) -> Result:
    return Result(state.step, state.seconds, state.best_loss, state.stopped_early)


def _diverged(said: str, training: Training, objective: Objective, folder: Path) -> TrainingError:
    kept = (
        "the weights saved last are sound" if (folder / "model.safetensors").is_file() else "no weights were saved yet"
    )
    return TrainingError(
        f"{said}: lower training.optimizer.lr (now {training.optimizer.lr:g}) or {objective.remedy} and train again; "
        f"{kept}."
    )


def _save(
    folder: Path,
    model: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    average: Average | None,
    state: _State,
) -> None:
    weights = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    if average:
        weights |= {f"average/{name}": tensor for name, tensor in average.shadow.items()}
    record = asdict(state) | {"best_loss": state.best_loss if math.isfinite(state.best_loss) else None}
    save_state(folder / "last", state.step, weights, optimizers, record)


def _resume(
    folder: Path, model: nn.Module, optimizers: dict[str, torch.optim.Optimizer], average: Average | None
) -> _State:
    """Puts everything back where the newest state has it; RunError if that state is of another run."""
    found = load_state(folder / "last")
    if found is None:
        return _State()
    weights, saved, record = found
    own = model.state_dict()
    wanted = {f"model/{name}": tensor for name, tensor in own.items()}
    if average:
        wanted |= {f"average/{name}": tensor for name, tensor in own.items()}
    try:
        fits = weights.keys() == wanted.keys() and all(weights[n].shape == wanted[n].shape for n in wanted)
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(saved[name])
            fits = fits and all(
                value.shape in (parameter.shape, torch.Size())
                for parameter, entries in optimizer.state.items()
                for value in entries.values()
                if isinstance(value, torch.Tensor)
            )
        record["best_loss"] = math.inf if record["best_loss"] is None else record["best_loss"]
        state = _State(**record)
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise RunError(f"{folder / 'last'} is of another run, or damaged: remove it to train from the beginning.")
    model.load_state_dict({name: weights[f"model/{name}"] for name in own})
    if average:
        average.shadow = {name: weights[f"average/{name}"].to(tensor.device) for name, tensor in own.items()}
    return state


def is_finished(folder: Path) -> bool:
    """Whether the training in the run folder `folder` came to its end."""
    found = sorted((folder / "last").glob("[0-9]*/state.json"))
    try:
        finished = bool(found) and bool(json.loads(found[-1].read_text("utf-8"))["finished"])
        return finished and (folder / "model.safetensors").is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False
