"""Encoded pieces as training windows: pieces and a representation in, PyTorch's indexable set of windows out.

`encode_corpus` fits the representation and encodes every piece once, into memory-mapped files in the cache folder; the
second time it only opens them. `WindowDataset` cuts what was encoded. Knows nothing of models.

Legend: B batch, W window length (symbols).
"""

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
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
from erato.representations.base import Array, Bits, Representation, RepresentationConfig, Rolls

LONGEST = 8192  # symbols of a window that is a whole piece; longer pieces are cut


@dataclass(frozen=True)
class Encodings:
    """All pieces of a corpus as arrays: `array(i)` is piece i, in the order of the corpus; split: indices by name.

    used: what was taken of each piece, where the representation says so.
    """

    representation: Representation
    symbols: Array
    offsets: npt.NDArray[np.int64]  # [pieces + 1]
    split: dict[Split, list[int]]
    lost: dict[str, int]  # what the representation could not hold, summed over all pieces
    used: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def _kept(self) -> npt.NDArray[np.int64]:
        """[pieces + 1]: where each piece begins as it is kept."""
        sizes = self.representation.space.kept_size(np.diff(self.offsets))
        found: npt.NDArray[np.int64] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return found

    def array(self, index: int) -> Array:
        kept = self.symbols[self._kept[index] : self._kept[index + 1]]
        return self.representation.space.opened(kept, int(self.offsets[index + 1] - self.offsets[index]))

    def part(self, split: Split) -> list[Array]:
        return [self.array(index) for index in self.split[split]]


def encode_corpus(pieces: Pieces, config: RepresentationConfig, progress: Progress | None = None) -> Encodings:
    """Fits on the training pieces and encodes all; cached by what decides the result."""
    key = hashlib.sha256(
        json.dumps([pieces.hash, to_record(config), config.fingerprint(), _code_hash()], sort_keys=True).encode()
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
        saved["used"],
    )


class _PiecesOf:
    """The pieces of one split, to be gone through as often as a representation likes."""

    def __init__(self, pieces: Pieces, split: Split) -> None:
        self.pieces, self.indices = pieces, pieces.split(split)

    def __iter__(self) -> Iterator[Any]:
        return (self.pieces[index] for index in self.indices)


def encode_pieces(
    pieces: Pieces, indices: Sequence[int], representation: Representation, progress: Progress | None = None
) -> tuple[list[Array], dict[str, int], list[dict[str, Any]]]:
    """Those pieces as arrays, empty where one does not fit, what could not be held, summed, and what was used of each.

    What could not be held is {reason: count}.
    """
    space = representation.space
    arrays: list[Array] = []
    lost: Counter[str] = Counter()
    used: list[dict[str, Any]] = []
    for number, index in enumerate(indices):
        try:
            encoded = representation.encode(pieces[index])
        except EratoError as error:  # a held-out piece may hold what no training piece does
            arrays.append(space.empty())
            lost[f"pieces that do not fit ({error})"] += 1
            used.append({})
            continue
        arrays.append(space.opened(space.kept(encoded.array), len(encoded.array)))
        lost.update(encoded.lost)
        used.append(encoded.used)
        if progress:
            progress(number + 1, len(indices), "encoding")
    return arrays, dict(lost), used


def _write_encodings(folder: Path, pieces: Pieces, representation: Representation, progress: Progress | None) -> None:
    arrays, lost, used = encode_pieces(pieces, range(len(pieces)), representation, progress)
    temporary, space = temporary_beside(folder), representation.space
    temporary.mkdir(parents=True)
    try:
        np.save(temporary / "symbols.npy", np.concatenate([space.kept(array) for array in arrays]))
        np.save(temporary / "offsets.npy", np.cumsum([0, *map(len, arrays)], dtype=np.int64))
        write_json(temporary / "state.json", {"representation": representation.state(), "lost": lost, "used": used})
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
    """How pieces are cut into windows, and what is changed each time one is read.

    length: symbols a window (of key states: steps in time); None: whole pieces; of rolls always a phrase. stride:
    symbols (or steps) from one window to the next; None: `length`, from a point that is drawn anew for every piece and
    epoch (of rolls: a bar); drift: with a stride too. transpose: up to so many semitones up or down, within the range
    of the representation; stretch: tempo slower or faster by up to this share; both drawn for every piece and epoch.
    shorten: the share of windows of which only a part that is drawn is read, their last symbols, so that a model learns
    to go on from little.
    """

    length: int | None = 256
    stride: int | None = None
    drift: bool = False
    transpose: int = 0
    stretch: float = 0.0
    shorten: float = 0.0

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise UsageError(f"windows.length must be at least 1, or none for whole pieces, got {self.length}.")
        if self.stride is not None and self.stride < 1:
            raise UsageError(f"windows.stride must be at least 1 or none, got {self.stride}.")
        if not 0 <= self.transpose <= 24:
            raise UsageError(f"windows.transpose must be from 0 to 24 semitones, got {self.transpose}.")
        if not 0 <= self.stretch <= 0.5:
            raise UsageError(f"windows.stretch must be a share from 0 to 0.5, got {self.stretch}.")
        if not 0 <= self.shorten <= 1:
            raise UsageError(f"windows.shorten must be a share from 0 to 1, got {self.shorten}.")

    @property
    def most(self) -> int:
        """Symbols of the longest window."""
        return self.length or LONGEST


def generator(seed: int, stream: int) -> np.random.Generator:
    """The random numbers of one stream (0 to 2^64 - 1) of a seed; all streams are independent."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], np.uint64)))


_COPIES = 1 << 60  # streams from here on are those that copies of pieces are drawn from
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class WindowDataset(Dataset[Batch]):
    """Windows of the training pieces; an index is (epoch, window), so that augmentation needs no state.

    A batch is x [B, W, *shape] (what is read; begins with what stands before the first symbol where the piece begins),
    y [B, W, *shape] (what comes next) and mask [B, W] (true where y is a symbol and not padding, which stands at the
    end). W is the longest window of the batch. Windows never cross pieces. sizes: [windows] symbols of each.

    lead: symbols that are read before each window, unless windows are whole pieces; they are not predicted (the mask is
    false there), and where the piece begins later, what stands before its first symbol is in their place. period:
    what is read begins at multiples of so many symbols.
    """

    def __init__(
        self, encodings: Encodings, windows: Windows, seed: int, corpus: str, lead: int = 0, period: int = 1
    ) -> None:
        self.representation = encodings.representation
        self.space = encodings.representation.space
        if isinstance(self.space, Rolls):
            windows = _phrase_windows(windows, self.space)
        elif isinstance(self.space, Bits):
            windows = _step_windows(windows, self.space)
        self.windows, self.seed, self.period = windows, seed, math.lcm(self.space.frame, period)
        self.lead = -(-lead // self.space.frame) * self.space.frame if windows.length else 0
        self.unit = self.space.frame if self.lead else self.period  # that windows begin at multiples of
        self.most = windows.most // self.space.frame * self.space.frame  # symbols of the longest window, in whole steps
        parts = enumerate(encodings.part("train"))
        self.pieces = [
            copy
            for number, array in parts
            if len(array)
            for copy in self.representation.copies(array, generator(seed, _COPIES + number))
        ]
        total, wanted, counted = sum(map(len, self.pieces)), windows.length or 1, "symbols"
        if not total:
            raise CorpusError(
                f"nothing of the training part of {corpus} is left to learn from: add pieces, or crop less."
            )
        if total < wanted:
            if isinstance(self.space, Bits):  # say it as it is set
                total, wanted, counted = total // self.space.keys, max(wanted // self.space.keys, 1), "steps"
            raise CorpusError(
                f"the training part of {corpus} has {total} {counted}, less than one window of {wanted}: add pieces, "
                f"or set windows.length to {max(total // 2, 1)} or less."
            )
        lengths = np.array([len(piece) for piece in self.pieces], np.int64)
        stride = windows.stride or self.most
        counts = np.maximum(0, -((self.most - lengths) // stride)) + 1
        self.piece = np.repeat(np.arange(len(self.pieces)), counts)
        self.number = np.concatenate([np.arange(count) for count in counts])
        self.sizes = np.minimum(lengths, self.most)[self.piece]

    def __len__(self) -> int:
        return len(self.piece)

    def __getitem__(self, index: tuple[int, int]) -> Batch:
        x, y, mask = self.__getitems__([index])
        return x[0], y[0], mask[0]

    def __getitems__(self, indices: Sequence[tuple[int, int]]) -> Batch:
        rows = [self._window(epoch, index) for epoch, index in indices]
        shape = (len(rows), max(len(row) - 1 for row, _ in rows), *self.space.shape)
        x, y = (np.full(shape, self.space.before, self.space.read) for _ in range(2))
        mask = np.zeros(shape[:2], np.bool_)
        for number, (row, lead) in enumerate(rows):
            length = len(row) - 1
            x[number, :length], y[number, :length], mask[number, lead:length] = row[:-1], row[1:], True
        return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(mask)

    def _window(self, epoch: int, index: int) -> tuple[Array, int]:
        """The symbols of a window and, before them, the one that stands there; and how many of them are its lead."""
        piece, most = int(self.piece[index]), self.most
        symbols = self.pieces[piece]
        begin, shift, factor = self._place(epoch, piece, int(self.number[index]), len(symbols))
        if shift:
            moved = self.representation.transposed(np.asarray(symbols, self.space.read), shift)
            symbols = symbols if moved is None else moved
        # Quicker frames are fewer, so that more are needed; what gets longer is cut below.
        lead = self.lead + (begin - self.lead) % self.period if self.lead else 0
        first = begin - 1 - lead
        found = symbols[max(0, first) : begin + max(most, math.ceil(most / factor))]
        if factor != 1:
            stretched = self.representation.stretched(np.asarray(found, self.space.read), factor)
            if stretched is not None and len(stretched) > (begin > 0):
                found = stretched
            found = found[: most + (begin > 0)]
        if first < 0:
            before = np.broadcast_to(self.space.before, (-first, *self.space.shape))
            found = np.concatenate([before, found])
        if self.windows.shorten:
            draw = generator(self.seed, (1 << 61) + (epoch << 32) + index)
            chance, part = draw.random(2)
            if chance < self.windows.shorten and len(found) > 2:  # at least one symbol to predict
                found = np.concatenate(
                    [self.space.before[None], found[len(found) - 1 - int(part * (len(found) - 1)) :]]
                )
        return found, lead

    def _place(self, epoch: int, piece: int, number: int, size: int) -> tuple[int, int, float]:
        """Where the window begins in its piece, by how many semitones the piece is transposed this epoch, and by which
        factor its times are stretched."""
        windows = self.windows
        begin = number * (windows.stride or self.most)
        shift, factor = 0, 1.0
        if windows.stride is None or windows.drift or windows.transpose or windows.stretch:
            draw = generator(self.seed, (epoch << 32) + piece)
            jitter, step, pace = draw.random(3)
            if windows.stride is None:
                begin += int((jitter - 0.5) * self.most)
            elif windows.drift:
                begin += int(jitter * windows.stride)
            shift = int(step * (2 * windows.transpose + 1)) - windows.transpose
            factor = float((1 + windows.stretch) ** (2 * pace - 1))
        begin = int(np.clip(begin, 0, max(0, size - self.most)))
        return begin - begin % self.unit, shift, factor


def _phrase_windows(windows: Windows, space: Rolls) -> Windows:
    """Windows that are phrases, each from a bar line on; UsageError for settings that would make something else."""
    stride = windows.stride or space.steps
    if windows.length not in (Windows().length, space.phrase):
        raise UsageError(
            f"windows of rolls are phrases of {space.phrase} steps, got windows.length={windows.length}: leave it out, "
            "or set representation.bars."
        )
    if stride % space.steps:
        raise UsageError(f"windows.stride must be whole bars of {space.steps} steps, got {stride}: as phrases begin.")
    for name in ("drift", "stretch", "shorten"):
        if getattr(windows, name):
            raise UsageError(
                f"phrases are whole bars of even steps: leave out windows.{name}={getattr(windows, name)}."
            )
    return replace(windows, length=space.phrase, stride=stride)


def _step_windows(windows: Windows, space: Bits) -> Windows:
    """Windows that are whole steps in time, counted in key states; UsageError for what key states cannot do."""
    for name, instead in (("stretch", "set representation.stretch_range"), ("shorten", "leave it out")):
        if getattr(windows, name):
            raise UsageError(f"key states take no windows.{name}, got {getattr(windows, name)}: {instead}.")
    length, stride = (None if steps is None else steps * space.keys for steps in (windows.length, windows.stride))
    return replace(windows, length=length, stride=stride)


def collate(batch: Any) -> Any:
    """`__getitems__` has made the batch already."""
    return batch


def seed_windows(encodings: Encodings, length: int, count: int, seed: int) -> list[Array]:
    """`count` windows of the training pieces to begin from, about `length` symbols each."""
    rng = generator(seed, 2**62)
    representation = encodings.representation
    pieces = [array for array in encodings.part("train") if len(array) > 1]
    found = []
    for index in rng.integers(0, len(pieces), count) if pieces else []:
        piece = pieces[int(index)]
        begin = int(rng.integers(0, max(1, len(piece) - length)))
        found.append(representation.window(np.asarray(piece, representation.space.read), begin, length))
    return [window for window in found if len(window)]
