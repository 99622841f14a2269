"""Whether files are still what was written: a list of sha256 sums beside them. Knows nothing of what is in them."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from erato.files import to_json, write_json

CHECKSUMS = "checksums.json"
_AT_ONCE = 1 << 20


def sha256_of(path: Path) -> str:
    """The sha256 of a file (hex); OSError where it is none or cannot be read."""
    if path.is_symlink() or not path.is_file():  # a pipe would be waited for without end
        raise OSError(f"{path} is not a file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path, names: Iterable[str]) -> None:
    """Writes down the sums of these files of `folder`."""
    write_json(folder / CHECKSUMS, {name: sha256_of(folder / name) for name in names})


def damaged(folder: Path, names: Iterable[str]) -> list[str]:
    """Which of these files are missing or not what was sealed; CHECKSUMS itself where that cannot be read."""
    try:
        path = folder / CHECKSUMS
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _AT_ONCE:
            return [CHECKSUMS]
        text = path.read_text("utf-8")
        sums = json.loads(text)
        if not isinstance(sums, dict) or to_json(sums) != text:
            return [CHECKSUMS]
    except (OSError, ValueError, RecursionError):
        return [CHECKSUMS]
    return [name for name in names if not _is(folder / name, sums.get(name))]


def _is(path: Path, digest: object) -> bool:
    try:
        return sha256_of(path) == digest
    except OSError:
        return False
