"""Text as a row of characters. Text in, whole numbers out, and back. Knows nothing of files, words or models.

A character is a Unicode code point of the text in normalization form C (Unicode Standard Annex 15), so that an accented
letter is one symbol however it was typed. The vocabulary holds the characters of the training pieces; any other one
becomes a space (nothing, where there is no space in the vocabulary), and is counted by name in `.lost`.
Legend: T symbols of a piece, V symbols of the vocabulary.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.representations.base import Array, Encoded, Representation, RepresentationConfig, Tokens
from erato.representations.text_cursor import TextCursor, as_text, shown
from erato.score import Ints, Piece

START, END = 0, 1
_NAMES = {" ": "space", "\n": "newline", "\t": "tab"}


@dataclass(frozen=True)
class CharsConfig(RepresentationConfig):
    """Text, character by character."""

    kind: ClassVar[Literal["music", "text"]] = "text"

    lower: bool = False  # every letter in lower case
    end: bool = True  # pieces end with a symbol of their own; off: a text goes on until it is stopped

    def fit(self, pieces: Iterable[Piece]) -> "Chars":
        """The characters of the training pieces; UsageError where there is none."""
        found: set[str] = set()
        for piece in pieces:
            found.update(_normal(as_text(piece, "chars"), self.lower))
        characters = sorted(character for character in found if not _surrogate(character))
        if not characters:
            raise UsageError("chars found no character in the training pieces: choose texts that hold some.")
        return Chars(self, characters)

    def restore(self, state: dict[str, Any]) -> "Chars":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "chars", ("lower", "end"))
        characters = state.get("characters")
        if not isinstance(characters, list) or not all(isinstance(c, str) and len(c) == 1 for c in characters):
            raise UsageError("this state of chars is damaged: characters must be a list of single characters.")
        if not characters or sorted(set(characters)) != characters or any(map(_surrogate, characters)):
            raise UsageError("this state of chars is damaged: characters must be different ones, in ascending order.")
        return Chars(self, characters)


class Chars(Representation):
    """Text as characters; made by `CharsConfig`. Symbols: 0 start, 1 end (if any), then the characters in order."""

    kind: ClassVar[Literal["music", "text"]] = "text"
    order: ClassVar[int] = 5
    space: Tokens

    def __init__(self, config: CharsConfig, characters: Sequence[str]) -> None:
        self.config, self.characters = config, list(characters)
        self.first = 1 + config.end
        self.space = Tokens(self.first + len(self.characters), START, END if config.end else None)
        self._points = _code_points("".join(self.characters))  # [V - first], ascending

    def encode(self, piece: Piece) -> Encoded:
        """The characters of a text in order, then the end; "unknown character 'é'": so many became a space."""
        text = _normal(as_text(piece, "chars"), self.config.lower)
        points, known = self._look_up(text)
        lost: dict[str, int] = {}
        if not known.all():
            different, counts = np.unique(points[~known], return_counts=True)
            names = [f"unknown character {_shown(chr(point))}" for point in different.tolist()]
            lost = dict(zip(names, counts.tolist(), strict=True))
            if " " in self.characters:
                points[~known] = ord(" ")
            else:  # what is left may combine to a character that was not there before
                rest = self.encode(_text(points[known]))
                reasons = {reason: lost.get(reason, 0) + count for reason, count in rest.lost.items()}
                return Encoded(rest.array, lost | reasons)
        symbols = np.searchsorted(self._points, points) + self.first
        return Encoded(np.append(symbols, END) if self.config.end else symbols, lost)

    def encode_prompt(self, piece: Piece) -> Encoded:
        """The characters without the end; UsageError where no character but white space is known."""
        text = _normal(as_text(piece, "chars"), self.config.lower)
        _, known = self._look_up("".join(text.split()))
        if len(known) and not known.any():
            raise UsageError(
                f"nothing of the prompt {shown(text)} is in the vocabulary: "
                f"write it with characters of the texts that the run learned from, as {shown(self._visible())}."
            )
        return super().encode_prompt(piece)

    def decode(self, array: Array) -> str:
        """The text up to the end."""
        return _text(self._points[self._read(array) - self.first])

    def units(self, array: Array) -> dict[str, float]:
        """Characters; the end is none."""
        return {"chars": float(len(self._read(array)))}

    def cursor(self, batch: int) -> TextCursor:
        """A cursor that allows every character everywhere."""
        return TextCursor(self, batch)

    def names(self) -> list[str]:
        """[V]: the characters; those that cannot be seen by name or code point."""
        ends = ["<end>"] if self.config.end else []
        return ["<start>", *ends, *(_NAMES.get(c) or (c if c.isprintable() else _code(c)) for c in self.characters)]

    def state(self) -> dict[str, Any]:
        """The settings and the vocabulary, a list of characters, as JSON."""
        return {
            "representation": "chars",
            "lower": self.config.lower,
            "end": self.config.end,
            "characters": self.characters,
        }

    def _look_up(self, text: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """The code points of a text, and which of them are in the vocabulary."""
        points = _code_points(text)
        at = np.minimum(np.searchsorted(self._points, points), len(self._points) - 1)
        return points, self._points[at] == points

    def _read(self, array: Array) -> Ints:
        """The characters of an array up to its end."""
        a = np.asarray(array, np.int64).ravel()
        if self.config.end and len(stop := np.flatnonzero(a == END)):
            a = a[: stop[0]]
        return a[a >= self.first]

    def _visible(self) -> str:
        """The characters that can be seen, letters first."""
        return "".join(
            sorted((c for c in self.characters if c.isprintable() and c != " "), key=lambda c: not c.isalpha())
        )


def _normal(text: str, lower: bool) -> str:
    return unicodedata.normalize("NFC", text.lower() if lower else text)


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    """[T]: the code points of a text; half a character of UTF-16 counts as one."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _text(points: npt.NDArray[np.uint32]) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _surrogate(character: str) -> bool:
    """Whether this is half a character, which is no text and cannot be written to a file."""
    return "\ud800" <= character <= "\udfff"


def _shown(character: str) -> str:
    return f"'{character}'" if character.isprintable() else _code(character)


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
