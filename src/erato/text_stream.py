"""Text while it is composed: symbols in, one at a time; what they add to the text out, as soon as it is certain.

Knows nothing of models or terminals.
"""

from collections.abc import Callable

import numpy as np

from erato.representations.base import Array, Representation

_KEPT = 64  # symbols that the text of the next one may depend on
_UNFINISHED = "\ufffd"  # what stands for a character of which some bytes are missing


class TextStream:
    """Hands the text of `prompt`, and then what each symbol adds, to `show`."""

    def __init__(self, representation: Representation, prompt: Array, show: Callable[[str], None]) -> None:
        self.representation, self.show = representation, show
        self.symbols: list[Array] = list(prompt)
        self.shown = 0  # characters of the text of `symbols`
        self._tell(0)

    def push(self, symbol: Array) -> None:
        """Takes note of the next symbol."""
        self.symbols.append(symbol)
        self._tell(_KEPT // 8)

    def close(self) -> None:
        """Shows what was held back."""
        text = self._text()
        self.show(text[self.shown :])
        self.shown = len(text)

    def _text(self) -> str:
        space = self.representation.space
        text = self.representation.decode(np.array(self.symbols, space.read).reshape(-1, *space.shape))
        assert isinstance(text, str)
        return text

    def _tell(self, held: int) -> None:
        """Shows what is new, but for unfinished characters among the last `held`."""
        text = self._text()
        certain = len(text)
        while held and certain > max(self.shown, len(text) - held) and text[certain - 1] == _UNFINISHED:
            certain -= 1
        if certain > self.shown:
            self.show(text[self.shown : certain])
            self.shown = certain
        if len(self.symbols) > 4 * _KEPT and certain == len(text):
            self._forget(text)

    def _forget(self, text: str) -> None:
        """Drops the older symbols, where the text of the newer ones is the end of that of all."""
        before, self.symbols = self.symbols, self.symbols[-_KEPT:]
        tail = self._text()
        if text.endswith(tail) and tail[:1] != _UNFINISHED and tail[-1:] != _UNFINISHED:
            self.shown = len(tail)
        else:  # cut inside a character: later
            self.symbols = before
