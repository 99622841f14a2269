"""Being asked to stop: signals in, a flag out, or KeyboardInterrupt at once where that does no harm. Knows nothing of
what is stopped."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 4.0  # seconds that a step may take to end by itself


class AskedToStop:
    """Ctrl-C and SIGTERM ask to leave at the next good moment; a second one does not wait for a long step."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.at_once = self.after_a_while = False  # whether what is being done may be broken off

    def _ask(self, number: int, frame: object) -> None:
        first, self.asked = self.asked is None, number
        if self.at_once or (self.after_a_while and not first):
            self._leave()
        if first and hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, PATIENCE, 0.5)

    def _waited(self, number: int, frame: object) -> None:
        if self.after_a_while:
            self._leave()

    def _leave(self) -> None:
        self.at_once = self.after_a_while = False
        raise KeyboardInterrupt

    @contextmanager
    def may_break_off(self) -> Iterator[None]:
        """Within it, being asked raises KeyboardInterrupt at once."""
        self.at_once = True
        if self.asked is not None:
            self._leave()
        try:
            yield
        finally:
            self.at_once = False

    def __enter__(self) -> "AskedToStop":
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
            if hasattr(signal, "setitimer"):
                self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._waited)
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(signal, "setitimer") and self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
