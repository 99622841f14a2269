"""The studio's own exceptions, and the plain words for what the computer refuses: a full disk, no memory left.

Knows nothing of HTTP; whoever answers a call picks the status by the class.
"""

import errno
import re
import sqlite3
from typing import Any

from erato.errors import EratoError


class NotThere(EratoError):
    """Something that was asked for by its id, and does not exist."""


class Conflict(EratoError):
    """What somebody else changed meanwhile, or what makes no sense as things stand. take: as it is now, where one is
    meant."""

    def __init__(self, message: str, take: Any = None) -> None:
        super().__init__(message)
        self.take = take


class QueueFull(EratoError):
    """More jobs wait than may. retry_after: seconds after which to ask again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DiskFull(EratoError):
    """Nothing more can be written; what was there is as it was."""


class Busy(EratoError):
    """Another program keeps the database; what was there is as it was."""


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def plainly(error: BaseException) -> EratoError | None:
    """What a person is told of an error that is no fault of Erato; None for one that may be."""
    if isinstance(error, EratoError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL:
        return disk_full()
    if isinstance(error, sqlite3.OperationalError) and "is full" in str(error):
        return disk_full()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _says(error, _NO_MEMORY)):
        return EratoError(
            "There is not enough memory for this: close other programs, or ask for less (a smaller model, a shorter "
            "piece, fewer pieces)."
        )
    if isinstance(error, PermissionError) and error.filename is not None:
        return EratoError(f"{error.filename} may not be read or written: change its permissions.")
    return None


def disk_full() -> DiskFull:
    return DiskFull("The disk is full: nothing was lost, but nothing more can be kept until there is room on it.")


def for_the_page(said: str) -> str:
    """A sentence that was written for the command line, without what can only be done there."""
    for there, here in (
        (": name it with --corpus.", "."),
        ("`erato check` says why", "checking it says why"),
    ):
        said = said.replace(there, here)
    return re.sub(r" \(--[a-z-]+\)|--(?=[a-z])", "", said)


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(word in str(error).lower() for word in words)
