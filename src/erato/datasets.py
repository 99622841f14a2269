"""Encoded pieces as training windows: pieces and a representation in, PyTorch's indexable set of windows out.

`encode_corpus` fits the representation and encodes every piece once, into memory-mapped files in the cache folder; the
second time it only opens them. `WindowDataset` cuts what was encoded. Knows nothing of models.

Legend: B batch, W window length (symbols).
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from erato import representations
from erato.config import to_record
from erato.corpora.base import SPLITS, Pieces, Progress, Split
from erato.corpora.store import cache_folder
from erato.errors import CorpusError, EratoError, UsageError
from erato.files import temporary_beside, write_json
from erato.representations.base import Array, Representation, RepresentationConfig

IGNORE = -1  # a target that is padding


@dataclass(frozen=True)
class Encodings:
    """All pieces of a corpus as arrays: `array(i)` is piece i, in the order of the corpus; split: indices by name."""

    representation: Representation
    symbols: Array
    offsets: npt.NDArray[np.int64]  # [pieces + 1]
    split: dict[Split, list[int]]
    lost: dict[str, int]  # what the representation could not hold, summed over all pieces

    def array(self, index: int) -> Array:
        return self.symbols[self.offsets[index] : self.offsets[index + 1]]

    def part(self, split: Split) -> list[Array]:
        return [self.array(index) for index in self.split[split]]


def encode_corpus(pieces: Pieces, config: RepresentationConfig, progress: Progress | None = None) -> Encodings:
    """Fits on the training pieces and encodes all; cached by what decides the result."""
    key = hashlib.sha256(
        json.dumps([pieces.hash, to_record(config), _code_hash()], sort_keys=True).encode()
    ).hexdigest()
    folder = cache_folder() / "encoded" / key[:32]
    try:
        return _open(folder, pieces, config)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged
        shutil.rmtree(folder, ignore_errors=True)
    _write_encodings(folder, pieces, config.fit(_PiecesOf(pieces, "train")), progress)
    return _open(folder, pieces, config)


def _open(folder: Path, pieces: Pieces, config: RepresentationConfig) -> Encodings:
    saved = json.loads((folder / "state.json").read_text("utf-8"))
    return Encodings(
        config.restore(saved["representation"]),
        np.load(folder / "symbols.npy", mmap_mode="r", allow_pickle=False),
        np.load(folder / "offsets.npy", allow_pickle=False),
        {name: pieces.split(name) for name in SPLITS},
        saved["lost"],
    )


class _PiecesOf:
    """The pieces of one split, to be gone through as often as a representation likes."""

    def __init__(self, pieces: Pieces, split: Split) -> None:
        self.pieces, self.indices = pieces, pieces.split(split)

    def __iter__(self) -> Iterator[Any]:
        return (self.pieces[index] for index in self.indices)


def _write_encodings(folder: Path, pieces: Pieces, representation: Representation, progress: Progress | None) -> None:
    arrays: list[Array] = []
    lost: dict[str, int] = {}
    small = np.uint16 if representation.space.size < 2**16 else np.int32
    for index in range(len(pieces)):
        try:
            encoded = representation.encode(pieces[index])
        except EratoError as error:  # a held-out piece may hold what no training piece does
            arrays.append(np.empty(0, small))
            lost[f"pieces that do not fit ({error})"] = lost.get(f"pieces that do not fit ({error})", 0) + 1
            continue
        arrays.append(encoded.array.astype(small))
        for reason, count in encoded.lost.items():
            lost[reason] = lost.get(reason, 0) + count
        if progress:
            progress(index + 1, len(pieces), "encoding")
    temporary = temporary_beside(folder)
    temporary.mkdir(parents=True)
    try:
        np.save(
            temporary / "symbols.npy",
            np.concatenate(arrays),
        )
        np.save(temporary / "offsets.npy", np.cumsum([0, *map(len, arrays)], dtype=np.int64))
        write_json(temporary / "state.json", {"representation": representation.state(), "lost": lost})
        if not folder.exists():
            temporary.rename(folder)
    except OSError:
        if not (folder / "state.json").is_file():  # not another process that was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@cache
def _code_hash() -> str:
    """Changes whenever the code that encodes does, so that no cache is ever stale."""
    digest = hashlib.sha256()
    package = Path(representations.__file__).parent
    for path in [*sorted(package.glob("*.py")), package.parent / "score.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Windows:
    """How pieces are cut into windows.

    length: symbols a window. stride: symbols from one window to the next; None: `length`, from a point that is drawn
    anew for every piece and epoch. transpose: up to so many semitones up or down, drawn for every piece and epoch.
    """

    length: int = 256
    stride: int | None = None
    transpose: int = 0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise UsageError(f"windows.length must be at least 1, got {self.length}.")
        if self.stride is not None and self.stride < 1:
            raise UsageError(f"windows.stride must be at least 1 or none, got {self.stride}.")
        if not 0 <= self.transpose <= 24:
            raise UsageError(f"windows.transpose must be from 0 to 24 semitones, got {self.transpose}.")


def generator(seed: int, stream: int) -> np.random.Generator:
    """The random numbers of one stream (0 to 2^64 - 1) of a seed; all streams are independent."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], np.uint64)))


class WindowDataset(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Windows of the training pieces; an index is (epoch, window), so that augmentation needs no state.

    A batch is x [B, W] (what is read; begins with `start` where the piece begins) and y [B, W] (what comes next;
    IGNORE where a short piece is padded). Windows never cross pieces.
    """

    def __init__(self, encodings: Encodings, windows: Windows, seed: int, corpus: str) -> None:
        self.representation = encodings.representation
        self.space = encodings.representation.space
        self.windows, self.seed = windows, seed
        self.pieces = [array for array in encodings.part("train") if len(array)]
        total = sum(map(len, self.pieces))
        if total < windows.length:
            raise CorpusError(
                f"the training part of {corpus} has {total} symbols, less than one window of {windows.length}: "
                f"add pieces, or set windows.length to {max(total // 2, 1)} or less."
            )
        stride = windows.stride or windows.length
        counts = [max(0, -(-(len(piece) - windows.length) // stride)) + 1 for piece in self.pieces]
        self.piece = np.repeat(np.arange(len(self.pieces)), counts)
        self.number = np.concatenate([np.arange(count) for count in counts])

    def __len__(self) -> int:
        return len(self.piece)

    def __getitem__(self, index: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self.__getitems__([index])
        return x[0], y[0]

    def __getitems__(self, indices: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        length = self.windows.length
        x = np.full((len(indices), length), self.space.start, np.int64)
        y = np.full((len(indices), length), IGNORE, np.int64)
        for row, (epoch, index) in enumerate(indices):
            piece = int(self.piece[index])
            symbols = self.pieces[piece]
            begin, shift = self._place(epoch, piece, int(self.number[index]), len(symbols))
            if shift:
                moved = self.representation.transposed(np.asarray(symbols, np.int64), shift)
                symbols = symbols if moved is None else moved
            target = symbols[begin : begin + length]
            y[row, : len(target)] = target
            x[row, 1 : len(target)] = target[:-1]
            if begin:
                x[row, 0] = symbols[begin - 1]
        return torch.from_numpy(x), torch.from_numpy(y)

    def _place(self, epoch: int, piece: int, number: int, size: int) -> tuple[int, int]:
        """Where the window begins in its piece, and by how many semitones the piece is transposed this epoch."""
        windows = self.windows
        begin = number * (windows.stride or windows.length)
        shift = 0
        if windows.stride is None or windows.transpose:
            draw = generator(self.seed, (epoch << 32) + piece)
            jitter, step = draw.random(2)
            if windows.stride is None:
                begin += int((jitter - 0.5) * windows.length)
            shift = int(step * (2 * windows.transpose + 1)) - windows.transpose
        return int(np.clip(begin, 0, max(0, size - windows.length))), shift


def collate(batch: Any) -> Any:
    """`__getitems__` has made the batch already."""
    return batch


def seed_windows(encodings: Encodings, length: int, count: int, seed: int) -> list[list[int]]:
    """`count` windows of the training pieces to begin from, about `length` symbols each."""
    rng = generator(seed, 2**62)
    pieces = [array for array in encodings.part("train") if len(array) > 1]
    found = []
    for index in rng.integers(0, len(pieces), count) if pieces else []:
        piece = pieces[int(index)]
        begin = int(rng.integers(0, max(1, len(piece) - length)))
        found.append(encodings.representation.window(np.asarray(piece, np.int64), begin, length).tolist())
    return [window for window in found if window]
