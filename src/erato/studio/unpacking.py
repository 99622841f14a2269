"""A zip of a whole project into another project: all of it, or nothing.

The zip may be anybody's. Names, sizes, ratios and sums are checked before anything is written, all is unpacked into a
hidden folder, and only what is whole and makes sense is moved to its place, with its rows, in one transaction. How such
a zip looks stands in `archive.py`.
"""

import hashlib
import json
import re
import secrets
import shutil
import sqlite3
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from erato.errors import EratoError, ReadError, UsageError
from erato.studio import takes
from erato.studio.archive import CORPORA, FORMAT, MANIFEST, TAKES, VERSION, fits
from erato.studio.errors import disk_full, plainly
from erato.studio.models import ID
from erato.studio.project import Project, score_of
from erato.studio.tables import clean, prepare

MOST_FILES = 100_000
MOST_BYTES = 20 << 30
MOST_JSON = 64 << 20  # bytes of a list or the manifest
_DIRECTORY = 64 << 20  # bytes of the table of contents
_RATIO, _FREE = 250, 1 << 20  # so many times as large as its packed form, but for the first so many bytes
_SPARE = 64 << 20  # bytes that stay free on the disk
_PART = 1 << 18
_STAGING = ".importing-"
_LATEST = 1e11  # seconds since 1970


def bring(project: Project, file: Path) -> dict[str, int]:
    """Adds what the zip holds: {takes, models, corpora}, how many of each.

    A take has a new id where the old one is taken, a model another name; a model that is there already is not added.
    UsageError for what is not the zip of a project, DiskFull where there is no room: then nothing has changed.
    """
    staging = project.folder / f"{_STAGING}{secrets.token_hex(6)}"
    try:
        if max(_directory_sizes(file), default=0) > _DIRECTORY:
            _refuse("it lists more files than a project has")
        with zipfile.ZipFile(file) as zipped:
            _unpack(zipped, _members(zipped, file), staging, project)
        return _taken_up(project, staging)
    except EratoError:
        raise
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, ArithmeticError):
        _refuse("it is damaged, or no zip")
    except OSError as error:
        raise plainly(error) or UsageError(f"the project cannot be taken up: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def sweep(project: Project) -> None:
    """Removes what an import left that was cut short."""
    for path in project.folder.glob(f"{_STAGING}*"):
        shutil.rmtree(path, ignore_errors=True)


def _refuse(why: str) -> NoReturn:
    raise UsageError(f"this zip cannot be taken up: {why}; choose one that the studio exported, whole.")


# What the zip says of itself


def _directory_sizes(file: Path) -> Iterator[int]:
    """How long the table of contents may be, before it is read into memory: by every record that may be the last."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - (1 << 16) - 200))
        tail = opened.read()
    for found in re.finditer(rb"(?=PK\x05\x06.{8}(.{4}))", tail, re.DOTALL):
        yield int.from_bytes(found[1], "little")
    for found in re.finditer(rb"(?=PK\x06\x06.{36}(.{8}))", tail, re.DOTALL):
        yield int.from_bytes(found[1], "little")


def _members(zipped: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """The files by name, once nothing about any of them is suspicious."""
    listed = zipped.infolist()
    if len(listed) > MOST_FILES:
        _refuse(f"it holds {len(listed):,} files, and a project has at most {MOST_FILES:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in listed:
        name = info.filename
        if name in members:
            _refuse(f"it holds {_short(name)} twice")
        if not fits(name) or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            _refuse(f"it holds {_short(name)}, which no project has")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            _refuse(f"{_short(name)} is encrypted, or packed in an unusual way")
        if info.file_size > max(_FREE, _RATIO * info.compress_size):
            _refuse(f"{_short(name)} would be more than {_RATIO} times as large as it is packed")
        members[name] = info
    total = sum(info.file_size for info in members.values())
    if total > MOST_BYTES:
        _refuse(f"it would be {total / 1e9:.1f} GB, and at most {MOST_BYTES / 1e9:.0f} GB are")
    if sum(info.compress_size for info in members.values()) > file.stat().st_size:
        _refuse("its files overlap")
    return members


# Unpacked, and checked


def _unpack(zipped: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], staging: Path, project: Project) -> None:
    """Everything into `staging`; each file must be what the manifest says of it."""
    if not {MANIFEST, TAKES, CORPORA} <= members.keys():
        _refuse(f"it has no {MANIFEST}, or no list of takes")
    if any(members[name].file_size > MOST_JSON for name in (MANIFEST, TAKES, CORPORA)):
        _refuse("its lists are longer than any project's")
    if shutil.disk_usage(project.folder).free < sum(info.file_size for info in members.values()) + _SPARE:
        raise disk_full()
    said = json.loads(zipped.read(MANIFEST))
    if not isinstance(said, dict) or said.get("format") != FORMAT or not isinstance(said.get("files"), dict):
        _refuse("it is no project of the studio")
    if said.get("version") != VERSION:
        _refuse(f"it was made by another Erato ({str(said.get('erato'))[:20]}): install that one")
    if said["files"].keys() != members.keys() - {MANIFEST}:
        _refuse("files are missing, or were added")
    for name, info in members.items():
        if name == MANIFEST:
            continue
        path, digest = staging.joinpath(*name.split("/")), hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(info) as member, path.open("xb") as file:
            while part := member.read(_PART):
                digest.update(part)
                file.write(part)
        if said["files"][name] != {"bytes": info.file_size, "sha256": digest.hexdigest()}:
            _refuse(f"{_short(name)} is damaged")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if not isinstance(row, dict):
                _refuse(f"{path.name} is damaged")
            yield row


def _checked_takes(project: Project, staging: Path) -> list[dict[str, Any]]:
    """The rows of takes, of the right types, each with a piece that can be read."""
    rows, seen = list(_lines(staging / TAKES)), set[str]()
    for row in rows:
        if not _is_take(row) or row["id"] in seen or (row["parent"] is not None and row["parent"] not in seen):
            _refuse(f"{TAKES} is damaged")
        seen.add(row["id"])
    _rehearse(rows)
    for kind, digest in {(row["kind"], row["digest"]) for row in rows}:
        name = project.piece_path(digest, kind).name
        try:
            data = (staging / "pieces" / name).read_bytes()
        except FileNotFoundError:
            _refuse(f"pieces/{name} is missing")
        if hashlib.sha256(data).hexdigest() != digest:
            _refuse(f"pieces/{name} is damaged")
        if kind == "music":
            try:
                score_of(data, name)
            except ReadError as error:
                _refuse(f"a piece cannot be read ({error.reason})")
    return rows


def _rehearse(rows: list[dict[str, Any]]) -> None:
    """Raises what adding them would, before the project is touched."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        prepare(connection, "the rehearsal")
        for row in rows:
            takes.restore(connection, row)


def _is_take(row: dict[str, Any]) -> bool:
    texts = ("id", "kind", "how", "title", "note", "status", "digest")
    return (
        {"parent", "job", "model"} <= row.keys()
        and all(isinstance(row.get(name), str) for name in texts)
        and all(row[name] is None or isinstance(row[name], str) for name in ("parent", "job", "model"))
        and all(_is_time(row.get(name)) for name in ("created", "changed"))
        and all(isinstance(row.get(name), dict) for name in ("settings", "facts"))
        and isinstance(row.get("starred"), bool)
        and isinstance(row.get("version"), int)
        and isinstance(row.get("tags"), list)
        and all(isinstance(tag, str) for tag in row["tags"])
        and ID.fullmatch(row["id"]) is not None
    )


def _is_corpus(row: dict[str, Any]) -> bool:
    id, name = row.get("id"), row.get("name")
    return isinstance(id, str) and ID.fullmatch(id) is not None and isinstance(name, str) and _is_time(row["created"])


def _is_time(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < _LATEST  # not-a-number is neither


# Taken up


def _taken_up(project: Project, staging: Path) -> dict[str, int]:
    rows = _checked_takes(project, staging)
    corpora = list(_lines(staging / CORPORA))
    if not all(map(_is_corpus, corpora)):
        _refuse(f"{CORPORA} is damaged")
    models = {path.name: _place(project, path) for path in _inside(staging / "runs")}
    for kind, digest in {(row["kind"], row["digest"]) for row in rows}:
        project.keep_bytes((staging / "pieces" / project.piece_path(digest, kind).name).read_bytes(), kind)
    moved: list[Path] = []
    try:
        with project.connect() as connection:
            for row in corpora:
                there = connection.execute("SELECT 1 FROM corpora WHERE id = ?", (row["id"],)).fetchone()
                id = f"{row['id'][:100]}-{secrets.token_hex(4)}" if there else row["id"]
                _move(staging / "corpora" / row["id"], project.corpora / id, moved)
                connection.execute(
                    "INSERT INTO corpora (id, name, origin, created) VALUES (?, ?, 'uploaded', ?)",
                    (id, clean(row["name"])[:200], row["created"]),
                )
            for name, place in models.items():
                if place is not None:
                    _move(staging / "runs" / name, place, moved)
            ids: dict[str, str] = {}
            for row in rows:
                taken = connection.execute("SELECT 1 FROM takes WHERE id = ?", (row["id"],)).fetchone()
                ids[row["id"]] = takes.new_id() if taken else row["id"]
                place = models.get(row["model"] or "")
                takes.restore(
                    connection,
                    {
                        **row,
                        "id": ids[row["id"]],
                        "parent": ids.get(row["parent"]),
                        "model": place.name if place is not None else row["model"],
                    },
                )
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True)
        raise
    return {
        "takes": len(rows),
        "models": sum(place is not None for place in models.values()),
        "corpora": len(corpora),
    }


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _place(project: Project, run: Path) -> Path | None:
    """Where a run folder goes: its name where no model has that, or the next one; None where it is there already."""
    name, number = run.name, 2
    while there := [top / name for top in project.run_folders if (top / name).exists()]:
        if all(_same(path, there[0] / path.relative_to(run)) for path in run.rglob("*") if path.is_file()):
            return None
        name, number = f"{run.name}-{number}", number + 1
    return project.runs / name


def _same(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        return hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()


def _move(source: Path, target: Path, moved: list[Path]) -> None:
    if target.exists():
        raise UsageError(f"{target} is in the way: move it elsewhere.")
    source.mkdir(parents=True, exist_ok=True)  # a corpus may be empty
    source.rename(target)
    moved.append(target)


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else f"{name[:60]}…")
