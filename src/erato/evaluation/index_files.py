"""An index as a folder: arrays and JSON-able facts in, files out, and back. Knows nothing of what is in them.

Every array is one .npy file, opened memory-mapped; `index.json` holds the facts and the sha256 of each file. Opening
reads every file once, so that nothing damaged and no number outside what is allowed is ever looked up. Never pickle.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from erato.errors import RunError
from erato.files import fsync_folder, replacing, write_json

HEAD = "index.json"
VERSION = 1
_AT_ONCE = 1 << 22  # bytes
_LONGEST_HEAD = 1 << 28  # bytes

Array = npt.NDArray[Any]


def save_parts(folder: Path, kind: str, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Writes an index beside `folder` and renames it there when it is whole; one of the same kind gives way.

    RunError where something else is in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and _kind(folder) != kind:
        raise RunError(f"{folder} is in the way: it is no index of {kind}; choose another folder, or move it away.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}-{secrets.token_hex(4)}.tmp"
    fresh, old = folder.with_name(f".{folder.name[:64]}.{mark}"), folder.with_name(f".{folder.name[:64]}.old-{mark}")
    fresh.mkdir()
    try:
        sums = {}
        for name, array in arrays.items():
            with replacing(fresh / f"{name}.npy") as path:
                np.save(path, array, allow_pickle=False)
            with (fresh / f"{name}.npy").open("rb") as file:
                sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
        write_json(fresh / HEAD, {"kind": kind, "version": VERSION, "sha256": sums, **facts})
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        fsync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


class Parts:
    """A saved index, opened for reading. Every problem is a RunError that says to make it again."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise RunError(f"there is no index in {folder}: make it from the corpus first.")
        path = folder / HEAD
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_HEAD:
                raise ValueError("no index")
            self.facts: dict[str, Any] = json.loads(path.read_bytes().decode())
            if not isinstance(self.facts, dict) or self.facts.get("kind") != kind:
                raise ValueError("another kind")
            sums = self.facts["sha256"]
            self._sums: dict[str, str] = {str(name): str(found) for name, found in sums.items()}
        except (OSError, ValueError, KeyError, AttributeError, RecursionError):
            raise RunError(f"{folder} is no index of {kind}: name another folder, or make the index again.") from None
        if self.facts.get("version") != VERSION:
            version = str(self.facts.get("version"))[:24]
            raise RunError(f"{folder} has version {version}, this is {VERSION}: delete it, and make the index again.")

    def array(self, name: str, dtype: npt.DTypeLike, low: int, high: int, columns: int | None = None) -> Array:
        """One array, memory-mapped: [N] or [N, columns] of this type, all of it from `low` to `high` inclusive."""
        path = self.folder / f"{name}.npy"
        try:
            if path.is_symlink() or not path.is_file():
                raise ValueError("no file")
            with path.open("rb") as file:
                shape = self._shape(file, np.dtype(dtype))
                if shape[1:] != (() if columns is None else (columns,)):
                    raise ValueError("another shape")
                self._read(file, name, np.dtype(dtype), int(np.prod(shape)), low, high)
            array: Array = np.asarray(np.load(path, mmap_mode="r" if np.prod(shape) else None, allow_pickle=False))
        except (OSError, ValueError, KeyError, EOFError, SyntaxError, RecursionError):
            raise self.damaged() from None
        return array

    def texts(self, name: str) -> list[str]:
        """A list of texts among the facts."""
        found = self.facts.get(name)
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.damaged()
        return found

    def damaged(self) -> RunError:
        return RunError(f"{self.folder} is damaged: delete that folder, and make the index again.")

    def _shape(self, file: BinaryIO, dtype: np.dtype[Any]) -> tuple[int, ...]:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another format")
        shape, fortran, found = np.lib.format.read_array_header_1_0(file)
        if found != dtype or fortran or not 1 <= len(shape) <= 2:
            raise ValueError("another type")
        return tuple(int(length) for length in shape)

    def _read(self, file: BinaryIO, name: str, dtype: np.dtype[Any], count: int, low: int, high: int) -> None:
        """ValueError unless the file is what was written and every number is allowed; in pieces, so nothing stays."""
        begin = file.tell()
        file.seek(0)
        seen = hashlib.sha256(file.read(begin))
        size = 0
        while data := file.read(_AT_ONCE):
            seen.update(data)
            size += len(data)
            numbers = np.frombuffer(data[: len(data) - len(data) % dtype.itemsize], dtype)
            if len(numbers) and (numbers.min() < low or numbers.max() > high):
                raise ValueError("a number that is not allowed")
        if size != count * dtype.itemsize or seen.hexdigest() != self._sums[name]:
            raise ValueError("not what was written")


def forget_pages(*arrays: Array) -> None:
    """Lets go of what memory-mapped arrays have read into memory, where the system can do that."""
    import mmap

    for array in arrays:
        base: object = array
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


def _kind(folder: Path) -> str | None:
    try:
        found = json.loads((folder / HEAD).read_bytes().decode())["kind"]
        return found if isinstance(found, str) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
