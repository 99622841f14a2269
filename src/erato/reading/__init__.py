"""Bytes to pieces: MIDI, notation, arrays and text in; scores and text out, or a refusal with a reason.

Knows nothing of folders, corpora or caches. Every file ends as a `Reading`, or as a `ReadError` whose
reason is in `REASONS`.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from erato.errors import ReadError, UsageError
from erato.reading.base import DROPPED, REASONS, Limits, NamedPiece, Reading, check_bytes, gunzip
from erato.reading.guard import guarded
from erato.reading.opening import bytes_of, shown
from erato.score import Piece

__all__ = [
    "DROPPED",
    "REASONS",
    "SUFFIXES",
    "VERSION",
    "Limits",
    "NamedPiece",
    "Reading",
    "read_bytes",
    "read_file",
    "read_piece",
    "slow",
    "suffix_of",
]

VERSION = 2  # part of cache keys: raise it when the same bytes give another result

Kind = Literal["midi", "notation", "arrays", "text"]
SUFFIXES: dict[str, Kind] = {
    ".mid": "midi",
    ".midi": "midi",
    ".kar": "midi",
    ".rmi": "midi",
    ".mid.gz": "midi",
    ".midi.gz": "midi",
    ".kar.gz": "midi",
    ".rmi.gz": "midi",
    ".musicxml": "notation",
    ".xml": "notation",
    ".mxl": "notation",
    ".abc": "notation",
    ".krn": "notation",
    ".mat": "arrays",
    ".npz": "arrays",
    ".json": "arrays",
    ".txt": "text",
    ".md": "text",
}
TEXT = {suffix for suffix, kind in SUFFIXES.items() if kind == "text"}


def suffix_of(path: Path | str) -> str:
    """The suffix that decides how a file is read, in lower case; ".mid.gz" counts as one."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes[-2:]]
    return "".join(suffixes) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def slow(path: Path | str) -> bool:
    """Whether reading it takes a large part of a second or more, and belongs in another process."""
    return SUFFIXES.get(suffix_of(path)) == "notation"


def read_file(path: Path, limits: Limits = Limits()) -> Reading:  # noqa: B008 (frozen)
    """The pieces of one file; ReadError says why there are none."""
    name = shown(path.name)
    most = limits.text_bytes if _known_suffix(name) in TEXT else limits.file_bytes
    data, size = bytes_of(path, name, most)
    check_bytes(max(size, len(data)), name, most)
    return read_bytes(data, name, limits)


def read_piece(path: Path) -> Piece:
    """The piece in a file that holds one; UsageError for one that holds several."""
    there = read_file(path).pieces
    if len(there) != 1:
        raise UsageError(f"{path} holds {len(there)} pieces: give a file with one.")
    return there[0].piece


def read_bytes(data: bytes, name: str, limits: Limits = Limits()) -> Reading:  # noqa: B008 (frozen)
    """The pieces of one file whose bytes are at hand; the suffix of `name` decides how they are read."""
    name = shown(name)
    suffix = _known_suffix(name)
    if not data:
        raise ReadError("empty", f"{name} is empty.")
    if suffix not in TEXT:
        check_bytes(len(data), name, limits.file_bytes)
    try:
        return _read(data, name, suffix, limits)
    except (MemoryError, RecursionError):
        raise ReadError("too-large", f"{name} is too large or too deeply nested to be read.") from None


def _read(data: bytes, name: str, suffix: str, limits: Limits) -> Reading:
    kind = SUFFIXES[suffix]
    if kind == "text":
        from erato.reading import text

        return text.read(data, name, limits)
    size, whole = len(data), True
    if data.startswith(b"\x1f\x8b"):
        data, whole = gunzip(data, name, limits.file_bytes)
    if kind == "midi":
        from erato.reading import midi

        return midi.read(data, name, limits, whole)
    if kind == "arrays":
        from erato.reading import arrays

        read = guarded(partial(arrays.read, data, name, limits), arrays.budget(data, size), name)
    else:
        from erato.reading import notation

        budget = notation.budget(data, size, suffix)
        read = guarded(partial(notation.read, data, name, limits), budget, name, notation.PARSER)
    return read if whole else replace(read, lost={**read.lost, "packed bytes that are damaged": 1})


def _known_suffix(name: str) -> str:
    suffix = suffix_of(name)
    if suffix not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise ReadError("unsupported", f"{name} is of a kind that is not read; {known} are.")
    return suffix
