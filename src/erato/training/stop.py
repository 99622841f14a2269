"""Being asked to stop: signals in, a flag out. Knows nothing of what is stopped."""

import signal
import threading
from typing import Any


class AskedToStop:
    """Ctrl-C and SIGTERM ask to leave at the next good moment; a second one leaves at once."""

    def __init__(self) -> None:
        self.asked: int | None = None

    def _ask(self, number: int, frame: object) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = number

    def __enter__(self) -> "AskedToStop":
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
