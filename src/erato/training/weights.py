"""Weights in files: tensors by name, as safetensors that carry their own sha256. Knows nothing of training.

The sum is that of the whole file with zeros in its place, so that one flipped bit anywhere is found before anything in
the file is believed.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from erato.errors import RunError
from erato.files import replacing
from erato.models.base import Model

_ZEROS = "0" * 64
_SEAL = re.compile(rb'"erato":"sha256 ([0-9a-f]{64})(?:; ([^"\\]*))?"')
_HEAD = 1 << 24  # bytes within which the header is looked at for the seal
_AT_ONCE = 1 << 20
_TYPES = {
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
}


def exported(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a model as they are used."""
    return model.exported() if isinstance(model, Model) else model.state_dict()


def save_weights(model_state: Mapping[str, Tensor], path: Path, about: str = "") -> None:
    """Writes weights atomically; tensors that share memory are saved once under each name."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model_state.items()}
    said = f"sha256 {_ZEROS}" + (f"; {about}" if about else "")
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, {"erato": said})  # one entry, as the order of several is not kept
        except SafetensorError as error:  # how it says that the disk is full
            raise OSError(
                errno.ENOSPC if "No space left" in str(error) else errno.EIO,
                f"{error}; make room and repeat the command, which goes on",
                str(path),
            ) from None
        with temporary.open("r+b") as file:
            found = _SEAL.search(file.read(_HEAD))
            assert found, "the seal stands in the header"
            digest = _digest(file, *found.span(1))
            file.seek(found.start(1))
            file.write(digest.encode())


def replace_best(model_state: Mapping[str, Tensor], path: Path, about: str) -> None:
    """Writes weights to `path`; those that stood there, if they are sound, are kept in `previous` beside it."""
    if is_sound(path) and about_weights(path) != about:  # the same is saved again where training goes on from before
        with replacing(previous(path)) as temporary:
            try:
                os.link(path, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(path, temporary)
    save_weights(model_state, path, about)


def previous(path: Path) -> Path:
    """Where the weights stand that stood at `path` before."""
    return path.parent / "previous" / path.name


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads weights into `model`; RunError names the file if it is missing, damaged or another model's."""
    tensors = read_tensors(path)
    own = model.state_dict()
    odd = sorted({*exported(model)} - {*tensors} | {*tensors} - {*own})  # what is shared is there once or more often
    odd = odd or sorted(
        name for name in tensors if (tensors[name].shape, tensors[name].dtype) != (own[name].shape, own[name].dtype)
    )
    if odd:
        raise RunError(
            f"{path} holds the weights of another model ({odd[0]} does not fit): restore the file or train again."
        )
    model.load_state_dict(tensors, strict=False)


def is_sound(path: Path) -> bool:
    """Whether a file of weights is there, and what was written."""
    try:
        about_weights(path)
    except RunError:
        return False
    return True


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that is what was written, all of them finite; RunError says what is wrong."""
    about_weights(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise RunError(f"{path} is damaged ({str(error)[:80]}): restore the file or train again.") from None
    odd = [name for name, tensor in tensors.items() if tensor.dtype not in _TYPES]
    if odd:
        raise RunError(f"{path} is damaged: {odd[0]} holds {tensors[odd[0]].dtype}, which no model here has.")
    broken = [name for name, tensor in tensors.items() if not is_finite(tensor)]
    if broken:
        raise RunError(
            f"{path} is damaged: {broken[0]} holds numbers that are not finite; restore the file or train again."
        )
    return tensors


def is_finite(tensor: Tensor) -> bool:
    """Whether all its numbers are."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def about_weights(path: Path) -> str:
    """What was said of the weights when they were saved; RunError where the file is not what was written."""
    if path.is_symlink():
        raise RunError(f"{path} is a link, and may lead anywhere: put the file itself there.")
    if not path.is_file():
        raise RunError(f"{path} is missing: the run folder is not complete; restore the file or train again.")
    try:
        with path.open("rb") as file:
            found = _SEAL.search(file.read(_HEAD))
            if found is None:
                raise RunError(
                    f"{path} carries no checksum: it is damaged, or an older or another program wrote it; train again."
                )
            sound = _digest(file, *found.span(1)) == found[1].decode()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    if not sound:
        raise RunError(f"{path} is damaged: it is not what was written there; restore the file or train again.")
    return (found[2] or b"").decode("utf-8", "replace")


def _digest(file: BinaryIO, start: int, stop: int) -> str:
    """The sha256 of a file with zeros from `start` to `stop`."""
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(start))
    digest.update(_ZEROS.encode())
    file.seek(stop)
    while block := file.read(_AT_ONCE):
        digest.update(block)
    return digest.hexdigest()
