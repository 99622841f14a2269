"""A file that one process at a time holds, and that the system frees when the process ends, however it ends.

Knows nothing of what is guarded. The lock is the process's own: children that it forks do not hold it.
"""

import os
from pathlib import Path

_ours: set[str] = set()  # the system does not keep a process from itself


class Lock:
    """A lock on the file `path`; its contents name the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Whether it is held now; it does not wait."""
        name = str(self.path.resolve())
        if name in _ours:
            return False
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(handle):
            os.close(handle)
            return False
        _ours.add(name)
        self._handle = handle
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0) if hasattr(os, "pwrite") else None
        return True

    def give_back(self) -> None:
        """Lets it go, where it is held."""
        if self._handle is not None:
            os.close(self._handle)  # which frees it
            self._handle = None
            _ours.discard(str(self.path.resolve()))

    @property
    def holder(self) -> str:
        """The number of the process that holds it, as far as it is known."""
        try:
            return self.path.read_text("ascii").strip()
        except (OSError, ValueError):
            return ""


def _locked(handle: int) -> bool:
    try:
        if os.name == "posix":
            import fcntl

            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
