"""Paths to bytes, and to names that can be shown. Opens ordinary files only, and never waits. Knows no formats."""

import os
from pathlib import Path
from stat import S_ISREG

from erato.errors import ReadError

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(name: str) -> str:
    """A file name as text of one line that can be printed and written as JSON; two names never become the same.

    A byte that is no UTF-8 becomes \\xff, a character that cannot be seen \\n or \\u200b, a backslash two.
    """
    return shown(name.replace("\\", "\\\\"))


def shown(name: str) -> str:
    """The same for a name in a sentence, where backslashes are left alone: what is shown already stays as it is."""
    if name.isprintable():
        return name
    return "".join(map(_shown, name))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return _SHORT.get(character) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def one_line(text: str, most: int) -> str:
    """Words of a file, such as a title, as one line that can be printed."""
    return shown(" ".join(text.split()))[:most]


def bytes_of(path: Path, name: str, most: int) -> tuple[bytes, int]:
    """At most `most` + 1 bytes of a file, and its size; ReadError where it is none or cannot be opened.

    It may be replaced, shortened or lengthened meanwhile: what counts is what was opened.
    """
    try:
        if not S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (opening some devices does something)
            raise ReadError("unreadable", f"{name} cannot be read: it is not a file.")
        # Not waiting: a pipe, put where a file was, would be waited for without end.
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(opened, "rb") as file:  # noqa: PTH123 (a number, not a path)
            about = os.fstat(file.fileno())
            if not S_ISREG(about.st_mode):
                raise ReadError("unreadable", f"{name} cannot be read: it is not a file.")
            size = min(about.st_size, most) + 1
            data = file.read(size)
            if len(data) == size <= most:  # it has grown
                data += file.read(most + 1 - size)
            return data, about.st_size
    except (OSError, ValueError) as error:  # ValueError: a null character in a path
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ReadError("unreadable", f"{name} cannot be read: {why}.") from None
