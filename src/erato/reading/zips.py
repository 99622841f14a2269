"""What is in a ZIP archive: bytes in, names and unpacked members out, in memory only. Knows nothing of what they are.

Members are found by the headers before them, not by the table at the end: so an archive that breaks off is read as far
as it goes, and a table that lies has nobody to lie to. (PKWARE's APPNOTE.TXT 6.3.10, 4.3.7 and 4.5.3.)
"""

import struct
import zlib
from dataclasses import dataclass

from erato.errors import ReadError

HEADER = b"PK\x03\x04"
MOST_MEMBERS = 1000
RATIO = 250  # a member may be so many times as large as its packed form
FREE = 1 << 20  # bytes that a member may have, however small its packed form
STORED, DEFLATED = 0, 8
UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True)
class _Member:
    start: int
    stop: int | None  # None: the header does not say
    method: int
    encrypted: bool


class Archive:
    """The members of an archive by name; of two that have one name the last, as with every packer."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name = data, name
        self._members: dict[str, _Member] = {}
        at, count = data.find(HEADER), 0
        while at >= 0 and at + 30 <= len(data):
            flags, method = struct.unpack_from("<HH", data, at + 6)
            packed, unpacked, named, extra = struct.unpack_from("<IIHH", data, at + 18)
            start = at + 30 + named + extra
            path = data[at + 30 : at + 30 + named].decode("utf-8" if flags & 0x800 else "cp437", "replace")
            size = self._size(packed, unpacked, data[at + 30 + named : start])
            stop = None if size is None or (flags & 8 and not size) else start + size
            if stop is not None and stop > len(data):  # it lies, or the archive breaks off
                stop = None
            self._members[path] = _Member(start, stop, method, bool(flags & 1))
            count += 1
            if count > MOST_MEMBERS:
                raise ReadError("too-large", f"{name} holds more than {MOST_MEMBERS:,} files.")
            at = data.find(HEADER, stop or start)

    @staticmethod
    def _size(packed: int, unpacked: int, extra: bytes) -> int | None:
        """The packed size; large archives have it in a field of its own."""
        if packed != UNKNOWN:
            return packed
        at = 0
        while at + 4 <= len(extra):
            kind, size = struct.unpack_from("<HH", extra, at)
            values = extra[at + 4 : at + 4 + size]
            wanted = 8 if unpacked == UNKNOWN else 0
            if kind == 1 and len(values) >= wanted + 8:
                return int.from_bytes(values[wanted : wanted + 8], "little")
            at += 4 + size
        return None

    def names(self) -> list[str]:
        """The names of the members, in order."""
        return list(self._members)

    def read(self, path: str, limit: int) -> tuple[bytes, bool]:
        """A member's unpacked bytes, and whether they are all; ReadError for more than `limit` or nothing at all."""
        member = self._members[path]
        if member.encrypted or member.method not in (STORED, DEFLATED):
            how = "encrypted" if member.encrypted else "packed in a way that is not read here"
            raise ReadError("unsupported", f"What is in {self._name} is {how}; pack it again as an ordinary ZIP file.")
        if member.method == STORED:
            stop = member.stop
            if stop is None:
                found = self._data.find(b"PK", member.start)
                stop = len(self._data) if found < 0 else found
            data, whole = self._data[member.start : stop], member.stop is not None
        else:
            data, whole = self._inflate(member, limit)
        if len(data) > limit:
            raise ReadError("too-large", f"What is in {self._name} is too large: at most {limit:,} bytes are read.")
        if not data and not whole:
            raise ReadError("damaged", f"{self._name} is damaged: it cannot be unpacked.")
        return data, whole

    def _inflate(self, member: _Member, limit: int, step: int = 1 << 12) -> tuple[bytes, bool]:
        """Unpacked in steps: nothing large is held for a lie, and what comes before damage is kept to the byte."""
        unpacker = zlib.decompressobj(-15)
        unpacked = bytearray()
        stop = member.stop or len(self._data)
        for at in range(member.start, stop, step):
            try:
                unpacked += unpacker.decompress(self._data[at : min(at + step, stop)], limit + 1 - len(unpacked))
            except zlib.error:
                return (bytes(unpacked), False) if step == 1 else self._inflate(member, limit, 1)
            if len(unpacked) > limit or unpacker.eof:
                break
            if len(unpacked) > FREE + RATIO * (at + step - member.start):
                raise ReadError("too-large", f"{self._name} unpacks to more than {RATIO} times its size.")
        return bytes(unpacked), unpacker.eof
