"""The training loop: a model, windows and an objective in; weights and metrics in a run folder out.

The only loop there is; every recipe runs it. It knows nothing of what the symbols mean. A budget is steps, epochs or
minutes, whichever ends first; budgets of steps or epochs give the same bytes every time and go on exactly after a stop.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from erato.datasets import Encodings, WindowDataset, generator
from erato.errors import UsageError
from erato.training.average import Average
from erato.training.batches import Growth, Stream
from erato.training.faults import diverged, out_of_memory
from erato.training.log import Log
from erato.training.memory import keep_freed_memory
from erato.training.objective import Objective
from erato.training.optimizers import Optimizer, Schedule
from erato.training.saving import Keeper, State
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


_ASTRAY = 20  # steps in a row after which training has diverged; a single one can be bad luck
_FAULTS = 3  # steps that are left out because something was no longer a number; with the last one training ends
_DRAWS = 2**62 + 1  # streams of random numbers from here on are the objective's, one a step
_REST = 8  # with a budget in minutes, training lasts at least so many times as long as the evaluation before


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
    note: Callable[[str], None] = lambda _: None,
) -> Result:
    """Trains `model` within the budget, going on from `folder`/last if there is a state; leaves the best weights in it.

    listen(model, step) is called at every evaluation, with the weights that are evaluated, in eval mode; note(text) for
    what a person should know. Raises KeyboardInterrupt after saving when asked to stop, and TrainingError when losses
    or gradients are no longer numbers (such a step is left out; the third one ends it), when the objective finds so
    many steps in a row astray, and when memory or disk are full.
    """
    keep_freed_memory()
    device = next(model.parameters()).device
    groups = objective.groups(model)
    optimizers = {name: training.optimizer.build(parameters, model) for name, parameters in groups.items()}
    average = Average(model, training.ema) if training.ema else None
    objective = objective.prepared(model, Stream(dataset, training.batches, seed, 0, 0, device))
    keeper = Keeper(folder, model, optimizers, average, note)
    state = keeper.resume()
    if state.finished:
        return _result(state)
    keeper.check_room()
    half = training.precision == "bfloat16" or (training.precision == "auto" and _has_bfloat16(device))
    limit = training.minutes * 60 if training.minutes else math.inf
    rng, leader, saved = torch.Generator(), [*groups][-1], model.state_dict().keys()
    stream = Stream(dataset, training.batches, seed, state.batches, training.workers, device, training.epoch_share)
    sums = {key: torch.tensor(value) for key, value in state.sums.items()}
    seen, since = state.sums.get("symbols", 0), time.monotonic()  # for the symbols a second
    started, shown = since - state.seconds, 0.0
    rest_until = 0.0  # by the clock: when the next evaluation may be

    def save(drawn: int, random: torch.Tensor | None = None) -> None:
        state.seconds, state.batches = time.monotonic() - started, drawn
        state.sums = {key: float(value) for key, value in sums.items()}
        state.lines = log.lines
        keeper.save(state, random)

    def evaluate(now: float) -> dict[str, Any]:
        """The line on the weights as they are; the best so far are written."""
        symbols = float(sums["symbols"]) if sums else math.nan
        line: dict[str, Any] = {"step": state.step, "epoch": round(stream.epoch, 3), "seconds": round(now - started, 2)}
        line |= {"lr": state.rate} | {
            f"train_{key}": float(total) / symbols for key, total in sums.items() if key != "symbols"
        }
        line["symbols_per_second"] = round((symbols - seen) / max(now - since, 1e-9), 1) if sums else 0.0
        with _evaluating(model, average, objective, data):
            with stop.may_break_off():
                measured = objective.validate(model, data, "valid", training.valid_symbols)
            line |= {f"valid_{key}": value for key, value in measured.items()}
            if not math.isfinite(line["valid_loss"]):
                said = f"the held-out loss is no longer a number at step {state.step}"
                raise diverged(said, training, objective.remedy, folder)
            line["best"] = line["valid_loss"] < state.best_loss
            if line["best"]:
                keeper.save_best(state.step, line["valid_loss"])
            if listen:
                with stop.may_break_off():
                    listen(model, state.step)
        return line

    def step(rate: float) -> dict[str, torch.Tensor] | None:
        """What was measured of one step; None where a loss or gradient is no number: then it reaches no weight."""
        measured: dict[str, torch.Tensor] = {}
        rng.manual_seed(int(generator(seed, _DRAWS + state.step).integers(2**63)))
        for name, loss, measures in _autocast(objective.losses(model, stream, rng), device, half):
            optimizer = optimizers[name]
            for group in optimizer.param_groups:
                group["lr"] = rate * objective.rate(name)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = _clipped(groups[name], training.clip)
            if not bool((loss.detach() + norm).isfinite()):
                return None
            stop.after_a_while = False  # from here on the step has to be finished
            optimizer.step()
            for key, value in measures.items():
                measured[key] = measured[key] + value if key in measured else value
            if average and name == leader:
                average.update(model, state.step + 1)
        return measured

    model.train()
    with Log(folder, state.step, state.lines) as log, AskedToStop() as stop:
        if state.step == 0:
            save(stream.drawn)  # there is always a state to go back to
        while True:
            now, drawn, epoch, random = time.monotonic(), stream.drawn, stream.epoch, torch.get_rng_state()
            spent = max(_spent(training, state.step, stream), (now - started) / limit)
            rate = training.optimizer.lr * training.schedule.factor(spent)
            due = int(spent * training.evaluations) > state.evaluations
            if training.every_epoch:
                due = int(epoch) > state.epochs
            line = batch = None
            if spent >= 1 or (due and now >= rest_until):
                try:
                    line = evaluate(now)
                except KeyboardInterrupt:  # whoever goes on begins with this evaluation
                    save(drawn, random)
                    raise
                log.write(line)
                state.best_loss = min(state.best_loss, line["valid_loss"])
                state.without_better = 0 if line["best"] else state.without_better + 1
                state.evaluations, state.epochs = int(spent * training.evaluations), int(epoch)
                sums, seen, since = {}, 0.0, time.monotonic()
                if training.minutes:  # on a slow machine, or with a long held-out part: evaluate less often
                    rest_until = since + _REST * (since - now)
                state.stopped_early = spent < 1 and state.without_better >= (training.patience or math.inf)
                state.finished = spent >= 1 or state.stopped_early or since - started >= limit
                save(drawn)
            else:
                buffers = {name: buffer.clone() for name, buffer in model.named_buffers() if name in saved}
                stop.after_a_while = True
                try:
                    with out_of_memory(state.step + 1, training):
                        measured = step(rate)
                except KeyboardInterrupt:  # a step so long that it was not waited for
                    model.load_state_dict(buffers, strict=False)
                    save(drawn, random)
                    raise
                finally:
                    stop.after_a_while = False
                state.step, state.rate = state.step + 1, rate
                if measured is None:
                    state.faults += 1
                    model.load_state_dict(buffers, strict=False)
                    said = f"the loss is no longer a number at step {state.step}"
                    log.write({"step": state.step, "skipped": said})
                    if state.faults == _FAULTS:
                        raise diverged(f"{said}, for the third time", training, objective.remedy, folder)
                    note(f"Step {state.step} is left out: its loss or its gradient is no number.")
                    measured = {}
                sums |= {key: sums[key] + value if key in sums else value for key, value in measured.items()}
                wrong = objective.astray(measured) if measured else None
                state.astray = state.astray + 1 if wrong else 0
                if state.astray == _ASTRAY:
                    said = f"training has diverged: at step {state.step} {wrong}"
                    raise diverged(said, training, objective.remedy, folder)
                if _passed(training, state.step, epoch, stream):
                    with _evaluating(model, average, objective, data):
                        keeper.keep(state.step)
                if training.report_every and state.step % training.report_every == 0 and measured:
                    batch = {"step": state.step, "epoch": round(stream.epoch, 3), **_of_batch(measured)}
                    log.write(batch)
                if stop.asked or (training.save_every and state.step % training.save_every == 0):
                    save(stream.drawn)
            if report and (line or batch or now - shown > 0.2):
                shown = now
                left = 0.0 if state.finished else (now - started) * (1 - spent) / max(spent, 1e-9)
                report(Progress(state.step, min(spent, 1.0), *_speed(line, sums, seen, now - since), left, line, batch))
            if state.finished:
                return _result(state)
            if stop.asked:
                raise KeyboardInterrupt


def _speed(
    line: Mapping[str, Any] | None, sums: Mapping[str, torch.Tensor], seen: float, seconds: float
) -> tuple[float, float]:
    """The loss, and the symbols a second, since the last evaluation or, where there is a new one, up to it."""
    if line:
        return line.get("train_loss", math.nan), line["symbols_per_second"]
    symbols = float(sums["symbols"]) if sums else math.nan
    return float(sums["loss"]) / symbols if sums else math.nan, (symbols - seen) / max(seconds, 1e-9)


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


def _result(state: State) -> Result:
    return Result(state.step, state.seconds, state.best_loss, state.stopped_early)
