"""What every corpus is: a named, licensed collection of pieces, its manifest and its splits.

Files flow in (through a corpus), pieces flow out, one at a time, from a store on disk. Knows nothing of how a
file is read, nor of representations, models or training.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from erato.displayed import Displayed
from erato.reading.base import Split as Split
from erato.score import Piece

Kind = Literal["music", "text"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
Progress = Callable[[int, int | None, str], None]  # done, total (None: not known), what


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one piece without reading it."""

    name: str  # unique in its corpus
    file: str  # the file it comes from, as the manifest names it
    group: str  # pieces of one group stand in one split
    split: Split
    notes: int  # 0 for text
    seconds: float  # 0 for text
    chars: int = 0  # 0 for music


class Store(Protocol):
    """Pieces on disk, by number."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Piece:
        """A fresh copy of piece `index`, which the caller may change."""
        ...


class Pieces(Sequence[Piece]):
    """The pieces of a corpus, in order, each read from the store when it is asked for."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        hash: str,
        manifest: dict[str, Any],
        entries: Sequence[Entry],
        store: Store,
    ) -> None:
        assert len(entries) == len(store)
        self.name = name
        self.kind = kind
        self.hash = hash  # sha256 (hex) of all that determines the pieces, their order and their splits
        self.manifest = manifest  # JSON-able: every file with its verdict
        self.entries = entries
        self._store = store

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"piece {index} of {len(self)}")
        return self._store.read(int(index) % len(self))

    def split(self, name: Split) -> list[int]:
        """The numbers of the pieces in one split, in order."""
        assert name in SPLITS, name
        return [i for i, entry in enumerate(self.entries) if entry.split == name]


class Corpus(ABC):
    """A named, licensed collection of pieces."""

    name: str
    kind: Literal["music", "text", "any"]
    summary: str  # one line for `erato list corpora`
    licence: str
    citation: str = ""
    homepage: str = ""

    @abstractmethod
    def pieces(self, kind: Kind, *, seed: int = 0, progress: Progress | None = None) -> Pieces:
        """The pieces of this kind, split by a hash of (seed, group); what was read once is not read again.

        CorpusError: the corpus is not there, holds nothing of this kind, or is too small to hold something
        out.
        """


@dataclass
class Report(Displayed):
    """What can be read somewhere, what not and why. Every file is counted once: used + duplicates + skipped
    == files.
    """

    files: int = 0
    used: int = 0
    pieces: int = 0
    notes: int = 0
    duplicates: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)  # file, reason, message
    flagged: list[dict[str, Any]] = field(default_factory=list)  # file, lost: {reason: count}, notes: written, kept

    def to_json(self) -> dict[str, Any]:
        """The report as `erato check --json` prints it."""
        return asdict(self)
