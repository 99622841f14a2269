"""What every renderer is: it writes a piece as one kind of file. Knows nothing of how the piece was made."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from erato.score import Piece


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
