"""Pieces on disk. Pieces and manifests flow in, the same flow out; knows nothing of where they came from.

A store is a folder: `pieces.bin` (one piece after another), `index.npy` ([N, 3]: offset, length, crc32) and
`manifest.json`. It is written beside its place and renamed into it when it is whole, and never changed
afterwards. Never pickle.
"""

import json
import mmap
import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from erato import files
from erato.errors import CorpusError
from erato.score import Piece, Score

MUSIC, TEXT = b"M", b"T"
STALE = 24 * 3600  # seconds after which a store that was never finished is swept away


def pack(piece: Piece) -> bytes:
    """A piece as bytes."""
    return TEXT + piece.encode() if isinstance(piece, str) else MUSIC + piece.__getstate__()


def unpack(data: bytes) -> Piece:
    """The piece that `pack` made these bytes of."""
    if data[:1] == TEXT:
        return data[1:].decode()
    score: Score = Score.__new__(Score)
    score.__setstate__(data[1:])
    return score


@cache
def _temporary_cache() -> Path:
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="erato-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """Where this user's caches lie: `$ERATO_CACHE`, else the system's place; a temporary one where that
    cannot be written.
    """
    chosen = os.environ.get("ERATO_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("erato", appauthor=False)
    folder = Path(chosen)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError:
        return _temporary_cache()
    return folder


class DiskStore:
    """A finished store, opened for reading; pieces are read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        self._index = np.load(folder / "index.npy", allow_pickle=False)
        if (folder / "pieces.bin").stat().st_size != int(self._index[:, 1].sum()):
            raise ValueError(f"{folder} is damaged")

    def __len__(self) -> int:
        return len(self._index)

    @cached_property
    def _data(self) -> mmap.mmap:
        with (self.folder / "pieces.bin").open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)

    def read(self, index: int) -> Piece:
        """A fresh copy of piece `index`."""
        offset, length, checksum = (int(x) for x in self._index[index])
        data = self._data[offset : offset + length]
        if zlib.crc32(data) != checksum:
            raise CorpusError(f"{self.folder} is damaged: delete that folder, and it is made again from the files.")
        return unpack(data)

    @classmethod
    def open(cls, folder: Path) -> "DiskStore | None":
        """The store in `folder`, or None where there is none that is whole."""
        try:
            return cls(folder)
        except (OSError, ValueError, IndexError):
            return None


class StoreWriter:
    """Writes a store piece by piece; `finish` puts it in its place. Use as a context: what is unfinished goes
    away.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        self.parent = parent
        self.folder = parent / f".tmp-{os.getpid()}-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self._file = (self.folder / "pieces.bin").open("wb")
        self._index: list[tuple[int, int, int]] = []
        self._size = 0

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self._index)

    def append(self, packed: bytes) -> None:
        """Adds one packed piece."""
        self._file.write(packed)
        self._index.append((self._size, len(packed), zlib.crc32(packed)))
        self._size += len(packed)

    def read(self, index: int) -> Piece:
        """A piece that was written before."""
        self._file.flush()
        offset, length, _ = self._index[index]
        with (self.folder / "pieces.bin").open("rb") as opened:
            opened.seek(offset)
            return unpack(opened.read(length))

    def finish(self, name: str, manifest: dict[str, Any]) -> DiskStore:
        """The finished store, named `name` beside its siblings; one that is whole and stands there already is
        left.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        index = np.array(self._index, np.int64).reshape(-1, 3)
        with (self.folder / "index.npy").open("wb") as opened:
            np.save(opened, index, allow_pickle=False)
        files.write_json(self.folder / "manifest.json", manifest)
        target = self.parent / name
        if DiskStore.open(target) is None:
            shutil.rmtree(target, ignore_errors=True)
            try:
                self.folder.rename(target)
            except OSError:  # another process was faster
                if DiskStore.open(target) is None:
                    raise
            files.fsync_folder(self.parent)
        return DiskStore(target)


def _sweep(parent: Path) -> None:
    """Deletes what killed processes left."""
    for left in parent.glob(".tmp-*"):
        try:
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass


def save_reading(path: Path, head: dict[str, Any], packed: Sequence[bytes]) -> None:
    """Keeps what was read from one file: JSON-able facts and packed pieces."""
    header = json.dumps({**head, "lengths": [len(piece) for piece in packed]}).encode()
    body = len(header).to_bytes(8, "little") + header + b"".join(packed)
    files.write_bytes(path, zlib.crc32(body).to_bytes(4, "little") + body)


def load_reading(path: Path) -> tuple[dict[str, Any], list[bytes]] | None:
    """What `save_reading` kept, or None where there is nothing whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body = data[4:]
    if len(data) < 12 or zlib.crc32(body).to_bytes(4, "little") != data[:4]:
        return None
    end = 8 + int.from_bytes(body[:8], "little")
    head: dict[str, Any] = json.loads(body[8:end])
    packed = []
    for length in head.pop("lengths"):
        packed.append(body[end : end + length])
        end += length
    return head, packed
