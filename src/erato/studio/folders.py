"""What models learn from: corpora that came with Erato, dropped files, folders on this computer.

A project and an id in; what `pipeline.train` takes, or JSON values, out. Nothing that a person types becomes a path
before it is known to stay within the project, or within a folder that was allowed. Knows nothing of HTTP.
"""

import os
import re
import secrets
import shutil
import threading
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from erato import files
from erato.corpora import CORPORA
from erato.corpora.downloads import Download
from erato.errors import EratoError, UsageError
from erato.reading import SUFFIXES, suffix_of
from erato.reading.opening import printable
from erato.studio.errors import Conflict, NotThere, plainly
from erato.studio.jobs import Queue
from erato.studio.models import ID, slug
from erato.studio.project import Project

MOST_FILES = 5_000  # of dropped files
MOST_BYTES = 2 * 10**9  # of these together
MOST_CORPORA = 1_000
_MOST_LOOKED_AT = 20_000  # files of a folder that are counted
_DEEPEST, _LONGEST = 16, 200  # folders in folders, and bytes of a name
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*]|[\ud800-\udfff]')  # in names, on one system or another
_guard = threading.Lock()
_kept: dict[Path, dict[str, int]] = {}  # sizes of dropped files by name, as far as this process put them there


def corpora(project: Project) -> list[dict[str, Any]]:
    """The corpora of the project, the newest first, then those that came with Erato."""
    with project.read() as connection:
        rows = connection.execute("SELECT * FROM corpora ORDER BY created DESC, id").fetchall()
    return [_corpus(project, dict(row)) for row in rows] + builtin()


def builtin() -> list[dict[str, Any]]:
    """The corpora that came with Erato."""
    return [
        {
            "id": corpus.name,
            "name": corpus.name,
            "origin": "builtin",
            "kind": None if corpus.kind == "any" else corpus.kind,
            "files": None,
            "bytes": None,
            "licence": corpus.licence,
            "summary": corpus.summary,
        }
        for corpus in CORPORA.values()
        if not isinstance(corpus, Download) and ID.fullmatch(corpus.name)
    ]


def one(project: Project, id: str) -> dict[str, Any]:
    """One corpus; NotThere."""
    if found := next((corpus for corpus in builtin() if corpus["id"] == id), None):
        return found
    return _corpus(project, _row(project, id))


def new(project: Project, name: str) -> dict[str, Any]:
    """An empty corpus, for files to be dropped into."""
    row = _added(project, name, "uploaded")
    try:
        (project.corpora / row["id"]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise plainly(error) or error from None
    return _corpus(project, row)


def keep_file(project: Project, id: str, path: str, data: bytes) -> str:
    """Writes a dropped file into a corpus; where it is kept, as a path within it. What is there is written over.

    path: as it was called where it came from, with its folders. UsageError for a path that leads elsewhere, and where
    the corpus is full.
    """
    row = _row(project, id)
    if row["origin"] != "uploaded":
        raise Conflict(f"{row['name']} is a folder of your own: put the file there, and no copy is needed.")
    folder, name = project.corpora / id, _inside(path)
    with _guard:
        sizes = _kept.get(folder)
        if sizes is None:
            sizes = _kept[folder] = {found: size for found, size, _ in _files(folder)}
        count, total = len(sizes), sum(sizes.values())
        if name not in sizes and count >= MOST_FILES:
            raise UsageError(f"{row['name']} holds {count:,} files, and more are not kept: use the folder itself.")
        if total - sizes.get(name, 0) + len(data) > MOST_BYTES:
            raise UsageError(f"{row['name']} holds {total / 1e9:.1f} GB, and more is not kept: use the folder itself.")
        before, sizes[name] = sizes.get(name), len(data)
    try:
        files.write_bytes(folder / name, data)
    except OSError as error:
        with _guard:
            sizes.pop(name) if before is None else sizes.update({name: before})
        if isinstance(error, (NotADirectoryError, IsADirectoryError, FileExistsError)):
            raise UsageError(f"{name} is the name of a file and of a folder: rename one of them.") from None
        raise plainly(error) or error from None
    return name


def remove(project: Project, id: str) -> None:
    """Removes dropped files, or the link to a folder; that folder stays as it is. Conflict while a job needs it."""
    row = _row(project, id)
    for state in ("waiting", "running", "paused"):
        if any(job.request.get("corpus") == id for job in Queue(project).find(state=state, limit=10_000)):
            raise Conflict(f"{row['name']} is in use: wait until the work with it is done, or cancel that.")
    with project.connect() as connection:
        connection.execute("DELETE FROM corpora WHERE id = ?", (id,))
    if row["origin"] == "uploaded":
        shutil.rmtree(project.corpora / id, ignore_errors=True)
        with _guard:
            _kept.pop(project.corpora / id, None)


def allowed(project: Project) -> dict[str, Path]:
    """The folders of this computer that the person allowed, by name."""
    found: dict[str, Path] = {}
    for folder in project.folders:
        name, number = printable(folder.name) or "folder", 2
        while name in found:
            name, number = f"{printable(folder.name)} {number}", number + 1
        found[name] = folder
    return found


def browse(project: Project, folder: str, path: str = "") -> dict[str, Any]:
    """What is in an allowed folder: {folder, path, folders: [names], files: how many can be read, all told}."""
    top, where = _confined(project, folder, path)
    inside = [entry.name for entry in _entries(where) if entry.is_dir(follow_symlinks=False)]
    return {
        "folder": folder,
        "path": where.relative_to(top).as_posix().removeprefix("."),
        "folders": sorted((name for name in inside if not name.startswith(".")), key=str.casefold),
        "files": counted(where).readable,
    }


def link(project: Project, folder: str, path: str = "", name: str | None = None) -> dict[str, Any]:
    """A corpus that is a folder of this computer, within an allowed one."""
    top, where = _confined(project, folder, path)
    inside = where.relative_to(top).as_posix()
    row = _added(project, name or printable(where.name), "folder", folder=str(top), path=inside)
    return _corpus(project, row)


def source(project: Project, id: str) -> str:
    """What `pipeline.train` takes for a corpus: a name, or the path of a folder.

    NotThere; UsageError where its folder is gone, is allowed no longer, or holds a link that leads out of it.
    """
    if id in CORPORA:
        return id
    row = _row(project, id)
    where = place(project, row)
    for entry in _entries(where, deep=True):
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(where):
            raise UsageError(f"{entry.path} is a link that leads out of {where}, and is not followed: remove it.")
    return str(where)


def place(project: Project, row: dict[str, Any]) -> Path:
    """Where the files of a corpus of the project lie; UsageError where that is gone, or is allowed no longer."""
    if row["origin"] == "uploaded":
        return project.corpora / str(row["id"])
    top = Path(row["folder"])
    if top not in (folder.resolve() for folder in project.folders):
        raise UsageError(
            f"{row['name']} is in {top}, which was not allowed this time: start the studio with --folder {top}."
        )
    return _within(top, row["path"])


@dataclass(frozen=True)
class Counted:
    """Files of a folder and all within: how many, how many that can be read, bytes, and of which kind.

    None: there are too many to count, or nothing tells the kind.
    """

    files: int | None
    readable: int | None
    bytes: int | None
    kind: str | None


def counted(folder: Path) -> Counted:
    """What lies in a folder; links are not followed."""
    count = readable = total = 0
    kinds: set[str] = set()
    for _, size, entry in _files(folder):
        count, total = count + 1, total + size
        if kind := SUFFIXES.get(suffix_of(entry.name)):
            readable += 1
            kinds.add("text" if kind == "text" else "music")
        if count > _MOST_LOOKED_AT:
            return Counted(None, None, None, None)
    return Counted(count, readable, total, kinds.pop() if len(kinds) == 1 else "music" if kinds else None)


def _corpus(project: Project, row: dict[str, Any]) -> dict[str, Any]:
    """A corpus of the project as JSON values."""
    try:
        found, summary = counted(place(project, row)), ""
    except EratoError as error:
        found, summary = Counted(0, 0, 0, None), str(error)
    usual = (
        "files that were dropped here" if row["origin"] == "uploaded" else f"a folder of your own: {_shown_path(row)}"
    )
    return {
        "id": row["id"],
        "name": row["name"],
        "origin": row["origin"],
        "kind": found.kind,
        "files": found.files,
        "bytes": found.bytes,
        "licence": "your own files: you know their licence",
        "summary": summary or usual,
    }


def _row(project: Project, id: str) -> dict[str, Any]:
    with project.read() as connection:
        found = connection.execute("SELECT * FROM corpora WHERE id = ?", (id,)).fetchone()
    if found is None:
        raise NotThere(f"there is no corpus {id[:60]!r}: it may have been removed.")
    return dict(found)


def _added(
    project: Project, name: str, origin: str, folder: str | None = None, path: str | None = None
) -> dict[str, Any]:
    """A new row of the table of corpora."""
    name = " ".join(printable(name).split())[:_LONGEST] or "Music"
    row = {
        "id": f"{slug(name, 32) or 'corpus'}-{secrets.token_hex(4)}",
        "name": name,
        "origin": origin,
        "folder": folder,
        "path": path,
        "created": time.time(),
    }
    with project.connect() as connection:
        if connection.execute("SELECT count(*) FROM corpora").fetchone()[0] >= MOST_CORPORA:
            raise UsageError(f"a project holds {MOST_CORPORA:,} corpora: remove some that you need no longer.")
        connection.execute("INSERT INTO corpora VALUES (:id, :name, :origin, :folder, :path, :created)", row)
    return row


def _inside(path: str) -> str:
    """The path of a dropped file, cleaned; UsageError where it leads elsewhere or cannot be a name."""
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    if ".." in parts or path.startswith(("/", "\\")) or ":" in parts[0]:
        raise UsageError(
            f"a file is dropped into its corpus, and {_short(path)} leads out of it: leave out the folders."
        )
    parts = [" ".join(_UNFIT.sub(" ", part).split()) for part in parts]
    parts = [part for part in parts if part not in ("", ".", "..")]
    if not parts or len(parts) > _DEEPEST or any(len(part.encode("utf-8", "replace")) > _LONGEST for part in parts):
        raise UsageError(
            f"{_short(path)} is no name of a file: it needs one of at most {_LONGEST} bytes, in at most {_DEEPEST - 1} "
            "folders."
        )
    return str(PurePosixPath(*parts))


def _confined(project: Project, folder: str, path: str) -> tuple[Path, Path]:
    """An allowed folder, and what lies at `path` in it, both without links; NotThere, UsageError."""
    top = allowed(project).get(folder)
    if top is None:
        raise NotThere(f"there is no folder {_short(folder)}: start the studio with --folder to allow one.")
    top = top.resolve()
    return top, _within(top, path)


def _within(top: Path, path: str) -> Path:
    """The folder at `path` within `top`, wherever links lead; UsageError for all else."""
    try:
        found = (top / path).resolve() if "\0" not in path else None
        inside = found is not None and not PurePosixPath(path).is_absolute() and found.is_relative_to(top)
        if found is None or not inside or not found.is_dir():
            raise UsageError(f"there is no folder {_short(path)} within {top.name}: choose one that is there.")
    except (OSError, RuntimeError, ValueError):  # names that are too long, links in a circle
        raise UsageError(f"there is no folder {_short(path)} within {top.name}: choose one that is there.") from None
    return found


def _entries(folder: Path, deep: bool = False) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, by name, with all within where it is `deep`; what cannot be opened is passed over."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                found = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in found:
            yield entry
            if deep and entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def _files(folder: Path) -> Iterator[tuple[str, int, os.DirEntry[str]]]:
    """Name within `folder`, and size, of every file in it and in all within."""
    for entry in _entries(folder, deep=True):
        try:
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path).relative_to(folder).as_posix(), entry.stat(follow_symlinks=False).st_size, entry
        except OSError:
            continue


def _shown_path(row: dict[str, Any]) -> str:
    """Where a folder of the person's lies, from the name of the one that was allowed."""
    return str(PurePosixPath(Path(row["folder"]).name, row["path"]))


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
