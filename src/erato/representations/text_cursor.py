"""What the representations of text share: the cursor, and the check that a piece is text. Knows no vocabulary.

Legend: B pieces, V symbols of a vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.representations.base import Array, Cursor, Representation
from erato.score import Piece

_SHOWN = 40  # characters of a prompt that a sentence can hold


class TextCursor(Cursor):
    """Walks along with B texts: what is allowed is so everywhere; there are no bars and no seconds."""

    bars = None
    seconds = None

    def __init__(
        self, representation: Representation, batch: int, allowed: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """allowed: [V] the symbols that may be sampled; None: all."""
        self._representation, self._allowed = representation, allowed
        self._done = np.zeros(batch, np.bool_)

    def allowed(self) -> npt.NDArray[np.bool_] | None:
        return None if self._allowed is None else np.tile(self._allowed, (len(self._done), 1))

    def push(self, symbols: Array) -> None:
        end = self._representation.space.end
        if end is not None:
            self._done |= symbols == end

    def take(self, rows: Sequence[int]) -> "TextCursor":
        taken = TextCursor(self._representation, 0, self._allowed)
        taken._done = self._done[np.array(rows, np.int64)]
        return taken

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return self._done.copy()


def as_text(piece: Piece, representation: str) -> str:
    """The piece if it is text; UsageError: it is music."""
    if not isinstance(piece, str):
        raise UsageError(f"{representation} holds text, and this piece is music: choose a representation of music.")
    return piece


def shown(text: str) -> str:
    """The beginning of a text, in quotes, for a sentence."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
