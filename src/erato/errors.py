"""The exceptions that callers may catch, and the sentence that helps with a mistyped name.

Every message is one sentence that names the value, what is allowed and the remedy. The command line prints it and
leaves with code 1.
"""

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 24  # names that a sentence can hold


class EratoError(Exception):
    """Something that the person who called can mend."""


class UsageError(EratoError, ValueError):
    """A value that is not allowed, or a name that does not exist."""


class ReadError(EratoError):
    """A file that cannot be read as a piece.

    `reason` is one of `erato.reading.REASONS`; what corpora add to these stands in `erato.corpora.scan.REASONS`, the
    whole list.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


class CorpusError(EratoError):
    """A collection that cannot be used: not there, empty, offline, or too small."""


class RunError(EratoError):
    """A run folder that cannot be used: a missing, foreign or damaged file, or one that is in the way."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the closest one that does."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    there = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    return UsageError(f"unknown {kind} {name!r}: {hint}There is {there or 'none'}.")
