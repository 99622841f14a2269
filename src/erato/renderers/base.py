"""What every renderer is: it writes a piece as one kind of file. Knows nothing of how the piece was made."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from erato.errors import UsageError
from erato.score import Piece, Score


@dataclass(frozen=True)
class About:
    """What to say of a piece: its title, and facts by name ("seed": "3"), shown in the order given."""

    title: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Renderer(ABC):
    """Writes a piece as one kind of file, by suffix."""

    suffix: ClassVar[str]  # with the dot: ".mid"
    summary: ClassVar[str]  # one line for `erato list renderers`

    @abstractmethod
    def write(self, piece: Piece, path: Path, about: About) -> None:
        """Writes `piece` to `path` atomically; UsageError if it cannot hold such a piece. Overwrites."""


def as_score(piece: Piece, path: Path, kind: str) -> Score:
    """The piece as a score; UsageError for a text, which `kind` ("a MIDI file") cannot hold."""
    if isinstance(piece, str):
        raise UsageError(f"{kind} holds music, and {path.name} would be text: write it as .txt or .html.")
    return piece
