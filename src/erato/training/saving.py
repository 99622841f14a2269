"""Saving a training and going on with it: model, optimizers and counts in, a run folder out, and back.

Knows nothing of the steps themselves. What is saved is enough to go on to the same bits.
"""

import errno
import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from erato.errors import EratoError, RunError
from erato.training.average import Average
from erato.training.checkpoint import KEPT, load_state, save_state, state_of, states
from erato.training.weights import about_weights, exported, is_finite, previous, replace_best, save_weights

_SPARE = 1 << 24  # bytes for what is written besides weights: logs, samples, JSON
_LOSS = re.compile(r"held-out loss (\S+)$")


class TrainingError(EratoError):
    """Training that cannot go on; the last good state stays on disk."""


@dataclass
class State:
    """What, with weights, optimizers and the random generator, makes a run go on exactly where it was."""

    step: int = 0
    batches: int = 0  # drawn from the data so far
    seconds: float = 0.0
    rate: float = 0.0  # of the last step
    best_loss: float = math.inf
    without_better: int = 0
    astray: int = 0  # steps in a row
    faults: int = 0  # steps that were left out
    evaluations: int = 0  # by the share of the budget that is spent
    epochs: int = 0  # whole ones, at the last evaluation
    lines: int = 0  # of metrics.jsonl
    finished: bool = False
    stopped_early: bool = False
    sums: dict[str, float] = field(default_factory=dict)  # measured since the last evaluation


class Keeper:
    """Keeps the state of one training in its run folder."""

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizers: dict[str, torch.optim.Optimizer],
        average: Average | None,
        note: Callable[[str], None],
    ) -> None:
        self.folder, self.model, self.optimizers, self.average, self.note = folder, model, optimizers, average, note

    def save(self, state: State, rng: torch.Tensor | None = None) -> None:
        """Writes the state; rng: of torch's generator, None: as it is now. TrainingError where the disk is full."""
        weights = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        if self.average:
            weights |= {f"average/{name}": tensor for name, tensor in self.average.shadow.items()}
        broken = next((name for name, tensor in weights.items() if not is_finite(tensor)), None)
        if broken:
            raise TrainingError(
                f"the weights are no longer numbers at step {state.step} ({broken}): lower training.optimizer.lr and "
                "train again; what was saved before is sound."
            )
        record = asdict(state) | {"best_loss": state.best_loss if math.isfinite(state.best_loss) else None}
        with _room(self.folder, self.size() + _SPARE):
            save_state(self.folder / "last", state.step, weights, self.optimizers, record, rng)

    def save_best(self, step: int, loss: float) -> None:
        """Writes the weights as they are used, as the best so far."""
        with _room(self.folder, self._size_of_model() + _SPARE):
            about = f"step {step}, held-out loss {loss!r}"
            replace_best(exported(self.model), self.folder / "model.safetensors", about)

    def keep(self, step: int) -> None:
        """Writes the weights of a step for good."""
        with _room(self.folder, self._size_of_model() + _SPARE):
            save_weights(exported(self.model), self.folder / "steps" / f"{step:09d}.safetensors")

    def check_room(self) -> None:
        """TrainingError where the disk cannot hold what will be written in any case."""
        there = sum(path.stat().st_size for path in self.folder.glob("**/*.safetensors") if path.is_file())
        needed = (KEPT + 1) * self.size() + 2 * self._size_of_model() + _SPARE
        _check_room(self.folder, max(needed - there, self.size()))

    def size(self) -> int:
        """About how many bytes a state takes."""
        moments = [
            value
            for optimizer in self.optimizers.values()
            for entries in optimizer.state.values()
            for value in entries.values()
            if isinstance(value, torch.Tensor)
        ]
        average = list(self.average.shadow.values()) if self.average else []
        weights = list(self.model.state_dict().values())
        return _bytes(weights) + _bytes(average) + (_bytes(moments) if moments else 2 * _bytes(weights))

    def _size_of_model(self) -> int:
        return _bytes(list(exported(self.model).values()))

    def resume(self) -> State:
        """Puts everything back where the newest sound state has it; RunError if that state is of another run."""
        last = self.folder / "last"
        found = load_state(last, self.note)
        if found is None:
            return State()
        weights, saved, record = found
        own = self.model.state_dict()
        wanted = {f"model/{name}": tensor for name, tensor in own.items()}
        if self.average:
            wanted |= {f"average/{name}": tensor for name, tensor in own.items()}
        try:
            fits = weights.keys() == wanted.keys() and all(
                (weights[n].shape, weights[n].dtype) == (wanted[n].shape, wanted[n].dtype) for n in wanted
            )
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(saved[name])
                fits = fits and all(
                    value.shape in (parameter.shape, torch.Size())
                    for parameter, entries in optimizer.state.items()
                    for value in entries.values()
                    if isinstance(value, torch.Tensor)
                )
            record["best_loss"] = math.inf if record["best_loss"] is None else record["best_loss"]
            state = State(**record)
            fits = fits and all(_is_count(record[name]) for name in ("step", "batches", "faults", "lines"))
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError):
            fits = False
        if not fits:
            raise RunError(f"{last} is of another run, or damaged: remove it to train from the beginning.")
        self.model.load_state_dict({name: weights[f"model/{name}"] for name in own})
        if self.average:
            self.average.shadow = {name: weights[f"average/{name}"].to(tensor.device) for name, tensor in own.items()}
        if math.isfinite(state.best_loss):
            state.best_loss = self._best(state.best_loss)
        return state

    def _best(self, loss: float) -> float:
        """The loss of the best weights that are there: those before, where the newest are damaged."""
        path = self.folder / "model.safetensors"
        try:
            about_weights(path)
            return loss
        except RunError as error:
            self.note(str(error).split(":")[0] + ": the best weights before are used until there are better ones.")
        try:
            said = _LOSS.search(about_weights(previous(path)))
            previous(path).replace(path)
            return float(said[1]) if said else math.inf
        except (RunError, OSError, ValueError):
            return math.inf


@contextmanager
def _room(folder: Path, needed: int) -> Iterator[None]:
    """A block that writes so many bytes: checked before, and said where the disk is full all the same."""
    _check_room(folder, needed)
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _no_room(folder, needed) from None


def _check_room(folder: Path, needed: int) -> None:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:  # what cannot be asked cannot be foreseen
        return
    if free < needed:
        raise _no_room(folder, needed)


def _no_room(folder: Path, needed: int) -> TrainingError:
    try:
        free = f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB are free"
    except OSError:
        free = "less is free"
    return TrainingError(
        f"the disk is full: {folder} needs {needed / 1e6:,.1f} MB and {free}; make room and repeat the command, which "
        "goes on from what was saved last."
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**40


def _bytes(tensors: list[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def is_finished(folder: Path) -> bool:
    """Whether the training in the run folder `folder` came to its end."""
    found = states(folder / "last")
    try:
        return bool(found and state_of(found[-1]).get("finished")) and (folder / "model.safetensors").is_file()
    except RunError:
        return False
