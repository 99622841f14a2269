"""The state of a training run on disk: safetensors and JSON, written whole or not at all. Knows nothing of the loop.

`last/<step>/` holds weights.safetensors, optimizer.safetensors and state.json. A new one is complete before the one
before it goes; on loading, the newest that is sound is taken.
"""

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from erato.errors import RunError
from erato.files import fsync_folder, replacing, temporary_beside, write_json
from erato.models.base import Model


def exported(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a model as they are used."""
    return model.exported() if isinstance(model, Model) else model.state_dict()


def save_weights(model_state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Writes weights atomically; tensors that share memory are saved once under each name."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model_state.items()}
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, dict(metadata or {}))
        except SafetensorError as error:  # how it says that the disk is full
            raise OSError(errno.EIO, f"{error}; make room and repeat the command, which goes on", str(path)) from None


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads weights into `model`; RunError names the file if it is missing, damaged or another model's."""
    tensors = _tensors(path)
    own = model.state_dict()
    odd = sorted({*exported(model)} - {*tensors} | {*tensors} - {*own})  # what is shared is there once or more often
    odd = odd or sorted(name for name in tensors if tensors[name].shape != own[name].shape)
    if odd:
        raise RunError(
            f"{path} holds the weights of another model ({odd[0]} does not fit): restore the file or train again."
        )
    broken = [n for n, t in tensors.items() if t.is_floating_point() and not bool(torch.isfinite(t).all())]
    if broken:
        raise RunError(
            f"{path} is damaged: {broken[0]} holds numbers that are not finite; restore the file or train again."
        )
    model.load_state_dict(tensors, strict=False)


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise RunError(f"{path} is missing: the run folder is not complete; restore the file or train again.")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({str(error)[:80]}): restore the file or train again.") from None


def save_state(
    folder: Path,
    step: int,
    weights: Mapping[str, Tensor],
    optimizers: Mapping[str, torch.optim.Optimizer],
    state: Mapping[str, Any],
) -> None:
    """Writes the resumable state of `step`, then removes the states before it."""
    final = folder / f"{step:09d}"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(final)
    temporary.mkdir()
    try:
        save_weights(weights, temporary / "weights.safetensors")
        tensors, numbers = _flatten({name: optimizer.state_dict() for name, optimizer in optimizers.items()})
        save_weights({**tensors, "rng": torch.get_rng_state()}, temporary / "optimizer.safetensors")
        write_json(temporary / "state.json", {**state, "step": step, "optimizers": numbers})
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
        fsync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for older in _states(folder):
        if older != final:
            shutil.rmtree(older, ignore_errors=True)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]] | None:
    """The newest sound state: (weights, optimizer state by name, the rest); None if there is none."""
    for candidate in reversed(_states(folder)):
        try:
            weights = _tensors(candidate / "weights.safetensors")
            tensors = _tensors(candidate / "optimizer.safetensors")
            state = json.loads((candidate / "state.json").read_text("utf-8"))
            optimizers = _unflatten(tensors, state.pop("optimizers"))
            torch.set_rng_state(tensors["rng"])
            return weights, optimizers, state
        except (RunError, OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError):
            continue
    return None


def _states(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdigit())


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
