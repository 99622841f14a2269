"""Text files to text: bytes in, one `str` out. UTF-8 only. Knows nothing of music."""

from erato.errors import ReadError
from erato.reading.base import Limits, NamedPiece, Reading, check_bytes


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """The whole file as one piece, line ends as newlines; ReadError names the first byte not in UTF-8."""
    check_bytes(len(data), name, limits.text_bytes)
    body = data.removeprefix(b"\xef\xbb\xbf")
    skipped = len(data) - len(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        at, value = error.start + skipped, body[error.start]
        raise ReadError(
            "encoding", f"{name} is not UTF-8 text: byte {at} is 0x{value:02x}; save it as UTF-8."
        ) from None
    if (at := body.find(0)) >= 0:
        raise ReadError("encoding", f"{name} is not text: byte {at + skipped} is 0x00.")
    text = line_ends(text)
    if not text.strip():
        raise ReadError("empty", f"{name} holds no text.")
    return Reading([NamedPiece("", text)])


def line_ends(text: str) -> str:
    """The text with every kind of line end as a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
