"""What every renderer is: it writes a piece as one kind of file. Knows nothing of how the piece was made."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from erato.errors import UsageError
from erato.score import Floats, Piece, Score

Kind = Literal["music", "text"]


def _nobody(sentence: str) -> None:
    """Is told, and tells nobody."""


@dataclass(frozen=True)
class About:
    """What to say of a piece: its title, and facts by name ("seed": "3"), shown in the order given.

    record: how it was made, for programs (JSON values); files carry it where their kind has a place for it. new_from:
    the tick from which the piece was composed, where what comes before was given. surprise: nats of every note,
    an array a track in the order of its notes; not-a-number where a note has none. note: is told, a sentence each, what
    had to be changed or left out in a file that has no place to say so.
    """

    title: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    new_from: int | None = None
    surprise: Sequence[Floats] | None = None
    note: Callable[[str], None] = field(default=_nobody, compare=False)

    @property
    def record_json(self) -> str:
        """The record as files carry it: JSON in ASCII, short, its keys in order; empty where there is none."""
        return json.dumps(self.record, sort_keys=True, separators=(",", ":")) if self.record else ""


class Renderer(ABC):
    """Writes a piece as one kind of file, by suffix."""

    suffix: ClassVar[str]  # with the dot: ".mid"
    summary: ClassVar[str]  # one line for `erato list renderers`
    noun: ClassVar[str]  # what it writes, within a sentence: "a MIDI file"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"music"})  # of the pieces that it can hold

    @abstractmethod
    def write(self, piece: Piece, path: Path, about: About) -> None:
        """Writes `piece` to `path` atomically; UsageError if it cannot hold such a piece. Overwrites."""


def as_score(piece: Piece, path: Path, renderer: Renderer) -> Score:
    """The piece as a score; UsageError for a text, to be written to `path` by a renderer that holds none."""
    if isinstance(piece, str):
        raise refusal(renderer, path.name)
    return piece


def refusal(renderer: Renderer, name: str) -> UsageError:
    """What to say of a text that is to be written as `name` by a renderer that holds none."""
    return UsageError(f"{renderer.noun} holds music, and {name} would be text: write it as .txt or .html.")
