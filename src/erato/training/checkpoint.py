"""The state of a training run on disk: safetensors and JSON, written whole or not at all. Knows nothing of the loop.

`last/<step>/` holds weights.safetensors and optimizer.safetensors, which carry their own sums, and state.json with its
sum in checksums.json. A new one is complete and read back before an old one goes; the newest and the one before it are
kept, and of these the newest that is sound is taken.
"""

import errno
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from erato.checksums import damaged, seal
from erato.errors import RunError
from erato.files import fsync_folder, temporary_beside, write_json
from erato.training.weights import about_weights, read_tensors, save_weights

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
KEPT = 2  # states
_BEFORE, _DAMAGED = ".before", ".damaged"  # one of the same step; one that is kept out of the way


def save_state(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    optimizers: Mapping[str, torch.optim.Optimizer],
    state: Mapping[str, Any],
    rng: Tensor | None = None,
) -> None:
    """Writes the resumable state of `step`, and once it is proved removes all but it and the one before it.

    rng: the state of torch's random generator that belongs to it; None: as it is.
    """
    final = folder / f"{step:09d}"
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    temporary = temporary_beside(final)
    temporary.mkdir()
    try:
        save_weights(weights, temporary / WEIGHTS)
        tensors, numbers = _flatten({name: optimizer.state_dict() for name, optimizer in optimizers.items()})
        save_weights({**tensors, "rng": torch.get_rng_state() if rng is None else rng}, temporary / OPTIMIZER)
        write_json(temporary / STATE, {**state, "step": step, "optimizers": numbers})
        seal(temporary, [STATE])
        aside = folder / f"{final.name}{_BEFORE}"
        if final.exists():
            shutil.rmtree(aside, ignore_errors=True)
            final.rename(aside)
        temporary.rename(final)
        fsync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    try:
        state_of(final)
        for name in (WEIGHTS, OPTIMIZER):
            about_weights(final / name)
    except RunError as error:
        raise OSError(errno.EIO, "what was written does not read back the same", str(final)) from error
    others = [other for other in states(folder) if other != final]
    older = [other for other in others if _number(other) <= step]
    for other in others:
        if other not in older[1 - KEPT :]:
            shutil.rmtree(other, ignore_errors=True)


def state_of(state: Path) -> dict[str, Any]:
    """What stands in state.json; RunError where it is not what was written."""
    if wrong := damaged(state, [STATE]):
        raise RunError(f"{state / wrong[0]} is damaged")
    try:
        found = json.loads((state / STATE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RunError(f"{state / STATE} is not what a run keeps there")
    return found


def load_state(
    folder: Path, note: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]] | None:
    """The newest sound state: (weights, optimizer state by name, the rest); None if there is none.

    note: is told of each that is damaged. RunError where there are states, and none is sound.
    """
    found = states(folder)
    refused = []
    for candidate in reversed(found):
        try:
            state = state_of(candidate)
            weights = read_tensors(candidate / WEIGHTS)
            tensors = read_tensors(candidate / OPTIMIZER)
            optimizers = _unflatten(tensors, state.pop("optimizers"))
            torch.set_rng_state(tensors["rng"])
        except (RunError, OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError) as error:
            refused.append(candidate)
            note(f"{error}: it is not used.".replace(": restore the file or train again", ""))
            continue
        for other in refused:  # out of the way, so that it never counts as the one before
            other.rename(other.with_name(f"{other.name}{_DAMAGED}"))
        if refused:
            note(f"Going on from step {state['step']}, the state before; what is damaged is now called {_DAMAGED[1:]}.")
        return weights, optimizers, state
    if refused:
        raise RunError(
            f"{refused[0]} is damaged, and so is every other state in {folder}: restore one, or remove {folder} to "
            "train from the beginning."
        )
    return None


def states(folder: Path) -> list[Path]:
    """The states in `folder`, the oldest first."""
    found = [path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.removesuffix(_BEFORE).isdigit()]
    return sorted(found, key=lambda path: (_number(path), not path.name.endswith(_BEFORE)))


def _number(state: Path) -> int:
    return int(state.name.removesuffix(_BEFORE))


def _sweep(folder: Path) -> None:
    """Deletes what killed processes left. One run is trained by one process."""
    for left in folder.glob(".*.tmp*"):
        shutil.rmtree(left, ignore_errors=True)


def _flatten(optimizers: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Optimizer state as tensors by name, and what is not a tensor as JSON."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for name, state in optimizers.items():
        rest: dict[str, dict[str, Any]] = {}
        for index, entries in state["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"{name}/{index}/{key}"] = value
                else:
                    rest.setdefault(str(index), {})[key] = value
        numbers[name] = {
            "groups": [dict(group) for group in state["param_groups"]],
            "state": rest,
        }
    return tensors, numbers


def _unflatten(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> dict[str, Any]:
    optimizers: dict[str, Any] = {}
    for name, saved in numbers.items():
        state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in saved["state"].items()}
        for path, tensor in tensors.items():
            if path == "rng":
                continue
            owner, index, key = path.split("/")
            if owner == name:
                state.setdefault(int(index), {})[key] = tensor
        groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in saved["groups"]]
        optimizers[name] = {"state": state, "param_groups": groups}
    return optimizers


def kept(folder: Path) -> Iterator[tuple[int, Path]]:
    """The checkpoints kept by `--keep-every`, as (step, file), in order."""
    for path in sorted(folder.glob("*.safetensors")):
        if path.stem.isdigit():
            yield int(path.stem), path
