"""A whole project as one zip, written while it is sent: takes, their pieces, dropped music, models.

    takes.jsonl, corpora.jsonl        a line each
    pieces/ corpora/ runs/            as in the project
    manifest.json                     the size and sha256 of all that stands before it

The way back is `unpacking.py`. Knows nothing of HTTP. What changes meanwhile is in it as it was at one time or another:
files are replaced whole, and takes are read at one point in time.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from erato.errors import EratoError
from erato.files import to_json
from erato.studio import takes
from erato.studio.models import ID
from erato.studio.project import Project

FORMAT = "erato studio project"
VERSION = 1
MANIFEST, TAKES, CORPORA = "manifest.json", "takes.jsonl", "corpora.jsonl"
_PART = 1 << 18  # bytes that are read at once
_PACKED = 1 << 20  # bytes; larger files are stored as they are: weights hardly shrink, and none looks like a bomb
_LARGE = 1 << 30  # bytes from which a zip needs longer numbers
_DEEPEST, _LONGEST = 16, 255  # parts of a path; bytes of a part
PIECE = re.compile(r"[0-9a-f]{64}\.(mid|txt)")


class _Stream:
    """What the zip is written to: it hands on what came since it was last asked."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def export(project: Project) -> Iterator[bytes]:
    """The bytes of the zip, in order, so that no more than a part of a file is held."""
    stream, summary, left_out = _Stream(), dict[str, dict[str, Any]](), list[str]()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:  # type: ignore[call-overload]

        def add(name: str, parts: Iterable[bytes], size: int = 0) -> Iterator[bytes]:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED if size > _PACKED else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            digest, count = hashlib.sha256(), 0
            with zipped.open(info, "w", force_zip64=size > _LARGE) as member:
                for part in parts:
                    digest.update(part)
                    count += len(part)
                    member.write(part)
                    yield stream.taken()
            summary[name] = {"bytes": count, "sha256": digest.hexdigest()}
            yield stream.taken()

        rows, corpora = _rows(project, left_out)
        yield from add(TAKES, (_line(row) for row in rows))
        yield from add(CORPORA, (_line(row) for row in corpora))
        for name, path in _files(project, rows, corpora):
            try:
                if not fits(name):
                    raise OSError(f"{name} cannot be taken up again")
                file = path.open("rb")
            except OSError:  # gone since, or not ours to read
                left_out.append(name)
                continue
            with file:
                yield from add(name, iter(partial(file.read, _PART), b""), path.stat().st_size)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "erato": version("erato"),
            "takes": len(rows),
            "files": dict(summary),
            "left out": left_out,
        }
        yield from add(MANIFEST, [to_json(manifest).encode("utf-8", "replace")])
    yield stream.taken()


def fits(name: str) -> bool:
    """Whether a project has a file of this name: relative, in the right folder, no part of it hidden or special."""
    parts = name.split("/")
    if name in (MANIFEST, TAKES, CORPORA):
        return True
    if len(parts) > _DEEPEST or any(
        not part
        or part.startswith(".")
        or part != part.strip()
        or not part.isprintable()
        or set(part) & set('\\:*?"<>|')
        or len(part.encode("utf-8", "replace")) > _LONGEST
        for part in parts
    ):
        return False
    if parts[0] == "pieces":
        return len(parts) == 2 and PIECE.fullmatch(parts[1]) is not None
    if parts[0] == "corpora":
        return len(parts) >= 3 and ID.fullmatch(parts[1]) is not None
    return parts[0] == "runs" and len(parts) >= 3


def _rows(project: Project, left_out: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The takes whose pieces are there and sound, oldest first, and the corpora of dropped files."""
    with project.read() as connection:
        found = takes.find(connection, limit=-1)
        corpora = [
            dict(row)
            for row in connection.execute("SELECT id, name, created FROM corpora WHERE origin = 'uploaded' ORDER BY id")
        ]
    rows, there = [], set[str]()
    for take in reversed(found):
        try:
            project.piece_bytes(take.digest, take.kind)
        except (OSError, EratoError):
            left_out.append(f"take {take.id}")
            continue
        there.add(take.id)
        rows.append({**asdict(take), "parent": take.parent if take.parent in there else None})
    return rows, corpora


def _files(project: Project, rows: list[dict[str, Any]], corpora: list[dict[str, Any]]) -> Iterator[tuple[str, Path]]:
    """(name in the zip, path) of each file; hidden ones are half-written or nobody's."""
    for path in dict.fromkeys(project.piece_path(row["digest"], row["kind"]) for row in rows):
        yield f"pieces/{path.name}", path
    folders = [project.corpora / row["id"] for row in corpora]
    folders += sorted(path for path in project.runs.iterdir() if not path.name.startswith("."))
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(project.folder)
            if not path.is_symlink() and path.is_file() and not any(part.startswith(".") for part in inside.parts):
                yield inside.as_posix(), path


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")
