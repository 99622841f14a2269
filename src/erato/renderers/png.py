"""PNG files: pixels in, bytes out, and the texts that a PNG carries. Knows nothing of what is in the picture.

After the PNG specification (ISO/IEC 15948). Legend: H rows of W pixels.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT, INTERNATIONAL = b"tEXt", b"iTXt"
LONGEST = 79  # bytes of a keyword


def png_of(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of pixels [H, W, 3] of red, green and blue."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, width * 3)
    filtered = np.full((height, 1 + width * 3), 2, np.uint8)  # filter 2: what changes from the row above
    filtered[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, three channels
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(filtered.data, 6)) + _chunk(b"IEND", b"")


def with_texts(png: bytes, texts: Mapping[str, str]) -> bytes:
    """A PNG with texts by keyword (Latin letters); texts hold no zero bytes. ValueError for what is no PNG."""
    if png[:8] != SIGNATURE or len(png) < 33:
        raise ValueError("this is no PNG")
    chunks = b"".join(_text(keyword, text) for keyword, text in texts.items())
    return png[:33] + chunks + png[33:]  # after the header, which every PNG begins with


def texts(png: bytes) -> dict[str, str]:
    """The texts of a PNG by keyword, as `with_texts` writes them; none where it is damaged or no PNG."""
    found = {}
    for kind, data in _chunks(png):
        keyword, _, rest = data.partition(b"\0")
        if kind == INTERNATIONAL and rest[:2] == b"\0\0":
            rest = rest[2:].split(b"\0", 2)[-1]
        if kind in (TEXT, INTERNATIONAL):
            found[keyword.decode("latin-1")] = rest.decode("utf-8" if kind == INTERNATIONAL else "latin-1", "replace")
    return found


def _text(keyword: str, text: str) -> bytes:
    name = keyword.encode("latin-1")[:LONGEST]
    if text.isascii():
        return _chunk(TEXT, name + b"\0" + text.encode("ascii"))
    return _chunk(INTERNATIONAL, name + b"\0\0\0\0\0" + text.encode("utf-8"))  # not compressed, of no language


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each whole chunk."""
    at = len(SIGNATURE)
    while png[:8] == SIGNATURE and at + 12 <= len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + size > len(png):
            return
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += 12 + size
