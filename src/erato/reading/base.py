"""What reading has in common: its types, its limits, and its reasons for a refusal.

Knows nothing of any one format, except how to tell from the first bytes what a file really is.
"""

import zlib
from dataclasses import dataclass, field
from typing import Literal

from erato.errors import ReadError
from erato.score import Piece

Split = Literal["train", "valid", "test"]

REASONS: dict[str, str] = {
    "unsupported": "a kind of file, or a variant of one, that is not read here",
    "empty": "nothing in it",
    "unreadable": "the system does not let it be read",
    "too-large": "more bytes or tracks than the limit",
    "not-music": "what is inside is not what the name says",
    "damaged": "it breaks off or contradicts itself",
    "too-long": "lasts longer than the limit",
    "too-many-notes": "more notes than the limit",
    "no-notes": "music without a single note",
    "bad-timing": "no usable clock",
    "encoding": "text that is not UTF-8",
    "timeout": "reading it took longer than a piece of its size ever should",
    "crashed": "the process that read it ended",
    "unsafe": "it asks for something that a piece never needs, such as running code or opening other files",
}


@dataclass(frozen=True)
class Limits:
    """What a file may at most hold; checked before anything large is allocated."""

    file_bytes: int = 32 * 2**20  # of one file of music, packed or unpacked
    text_bytes: int = 512 * 2**20  # of one text file
    tracks: int = 1024  # of one piece
    notes: int = 1_000_000  # of one piece
    ticks: int = 2**30  # where the last note of a piece ends; times are 32-bit integers
    seconds: float = 6 * 3600.0  # how long a piece may last


DROPPED = "notes dropped: "  # how reasons begin that cost notes


@dataclass(frozen=True)
class NamedPiece:
    """One piece of a file. `name` is unique within the file, and empty where the file is one piece."""

    name: str
    piece: Piece
    split: Split | None = None  # where the file itself says so


@dataclass(frozen=True)
class Reading:
    """The pieces of a file, and what was dropped or mended in reading it: {what: how often}.

    written: the notes that the file holds, where they can be told one from another: those of the pieces, and those that
    `lost` counts under a name that begins with `DROPPED`.
    """

    pieces: list[NamedPiece]
    lost: dict[str, int] = field(default_factory=dict)
    written: int | None = None


_AT_ONCE = 1 << 12  # bytes that are unpacked in one go: what comes before damage is kept

_SIGNATURES = (  # first bytes -> what a person calls such a file
    (b"MThd", "MIDI"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzipped data"),
    (b"RIFF", "a RIFF file (a recording or a video)"),
    (b"ID3", "an MP3 recording"),
    (b"\xff\xfb", "an MP3 recording"),
    (b"OggS", "an Ogg recording"),
    (b"fLaC", "a FLAC recording"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"MATLAB 5.0", "a MATLAB file"),
    (b"\x93NUMPY", "a numpy array"),
)


def looks_like(data: bytes) -> str:
    """What the first bytes say a file is, in words: "a PDF", "text", "binary data"."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    head = data[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head.startswith(b"<"):
        return "XML"
    return "binary data" if any(byte < 9 or 13 < byte < 27 for byte in data[:512]) else "text"


def gunzip(data: bytes, name: str, limit: int) -> tuple[bytes, bool]:
    """The unpacked bytes, at most `limit` of them, and whether they are all; never holds more than that.

    What breaks off or is damaged is unpacked as far as it goes; ReadError where that is nowhere.
    """
    unpacked, at = bytearray(), 0
    while True:  # files may be packed one after the other
        unpacker = zlib.decompressobj(31)
        while at < len(data) and not unpacker.eof:
            part = unpacker.unconsumed_tail or data[at : at + _AT_ONCE]
            at += 0 if unpacker.unconsumed_tail else len(part)
            try:
                unpacked += unpacker.decompress(part, limit + 1 - len(unpacked))
            except zlib.error:
                at = len(data)
            check_bytes(len(unpacked), name, limit)
        at -= len(unpacker.unused_data)
        if not unpacker.eof or data[at : at + 2] != b"\x1f\x8b":
            break
    if not unpacked:
        raise ReadError("damaged", f"{name} is damaged: its gzip data cannot be unpacked.")
    return bytes(unpacked), unpacker.eof


def check_bytes(size: int, name: str, limit: int) -> None:
    """Refuses what is larger than `limit` bytes."""
    if size > limit:
        raise ReadError("too-large", f"{name} is too large: at most {limit:,} bytes are read, unpacked.")


def check_size(
    name: str, limits: Limits, *, tracks: int = 0, notes: int = 0, ticks: int = 0, seconds: float = 0.0
) -> None:
    """Refuses a piece that is larger than the limits, as far as its size is known."""
    if tracks > limits.tracks:
        raise ReadError("too-large", f"{name} has {tracks:,} tracks; at most {limits.tracks:,} are read.")
    if notes > limits.notes:
        raise ReadError("too-many-notes", f"{name} has {notes:,} notes; at most {limits.notes:,} are read.")
    if ticks > limits.ticks:
        raise ReadError("too-long", f"{name} lasts {ticks:,} ticks; at most {limits.ticks:,} are read.")
    if seconds > limits.seconds:
        hours, most = seconds / 3600, limits.seconds / 3600
        raise ReadError("too-long", f"{name} lasts {hours:,.1f} hours; at most {most:,.1f} are read.")
