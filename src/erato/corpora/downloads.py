"""Corpora that are downloaded once: an address as data flows in, files under the user's cache flow out.

Transfers go on where they broke off, are checked by sha256, and stand under their name only when they are
whole. Where nobody published a checksum, the one of the first download is kept and later ones must agree with
it. A copy got by hand serves as well. Knows nothing of what is in the files.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from erato import files
from erato.corpora.base import Progress
from erato.corpora.collection import FileCorpus
from erato.corpora.folder import list_files
from erato.corpora.scan import Source
from erato.corpora.store import cache_folder
from erato.errors import CorpusError

BLOCK = 2**18
TIMEOUT = 30.0  # seconds without a byte
TRIES = 3  # times a transfer that breaks off is taken up again
MOST_BYTES = 4 * 2**30  # that an archive may unpack to
MOST_FILES = 100_000
ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True)
class Remote:
    """One file on a server."""

    url: str
    sha256: str | None = None  # None: nobody published one; that of the first download is kept
    size: int | None = None  # bytes

    @property
    def name(self) -> str:
        return PurePosixPath(self.url.split("?")[0]).name


Describe = Callable[[Path, list[Source]], list[Source]]  # (folder, its files) -> the files with groups and splits


class Download(FileCorpus):
    """A corpus that its own project gives at an address."""

    def __init__(
        self,
        name: str,
        kind: Literal["music", "text"],
        summary: str,
        remotes: tuple[Remote, ...],
        *,
        licence: str,
        citation: str,
        homepage: str,
        members: str = "*",
        describe: Describe | None = None,
    ) -> None:
        self.name, self.kind, self.summary = name, kind, summary
        self.licence, self.citation, self.homepage = licence, citation, homepage
        self.remotes = remotes
        self.members = members  # which files of an archive: a pattern for names; several are divided by "|"
        self.describe = describe
        self.from_file: Path | None = None

    def origin(self, source: Source) -> str:
        address = [remote.url for remote in self.remotes if remote.name == source.name]
        return (address or [self.remotes[0].url if len(self.remotes) == 1 else self.homepage])[0]

    def sources(self, progress: Progress | None = None) -> list[Source]:
        folder = self.get(progress, self.from_file)
        found = list_files(folder)
        if self.describe:
            found = self.describe(folder, found)
        return [source for source in found if self._wanted(f"{folder.name}/{source.name}")]

    def get(self, progress: Progress | None = None, from_file: Path | None = None) -> Path:
        """The folder that holds the files; downloads them first, or takes a copy (a file, or a folder of
        them).

        CorpusError: offline, another checksum, or a broken archive.
        """
        if from_file is not None and from_file.is_dir():
            return from_file
        target = cache_folder() / "downloads" / self.name
        if from_file is None and (target / "checksums.json").is_file() and (target / "files").is_dir():
            return target / "files"
        target.mkdir(parents=True, exist_ok=True)
        if from_file is not None:
            if not from_file.is_file():
                raise CorpusError(f"{from_file} is not there: give the file that {self._address()} holds.")
            if len(self.remotes) > 1 and not (zipfile.is_zipfile(from_file) or tarfile.is_tarfile(from_file)):
                raise CorpusError(
                    f"{self.name} is {len(self.remotes)} files: give --from a folder or a ZIP archive of them, "
                    f"got {from_file}."
                )
            if len(self.remotes) == 1:
                _check(from_file, self.remotes[0].sha256, str(from_file))
            self._unpack({self.remotes[0]: from_file} if len(self.remotes) == 1 else {}, from_file, target)
            return target / "files"
        known = _read_checksums(target)
        got = {}
        for number, remote in enumerate(self.remotes):
            sha256 = remote.sha256 or known.get(remote.name)
            part = target / f"{remote.name}.part"
            of = f" ({number + 1} of {len(self.remotes)})" if len(self.remotes) > 1 else ""
            fetch(Remote(remote.url, sha256, remote.size), part, self.name, f"downloading {remote.name}{of}", progress)
            got[remote] = part
        self._unpack(got, None, target)
        for part in got.values():
            part.unlink(missing_ok=True)
        return target / "files"

    def _unpack(self, got: dict[Remote, Path], archive: Path | None, target: Path) -> None:
        """Puts what was got into `target`/files, all or nothing, and notes the checksums."""
        fresh = target / f".tmp-{os.getpid()}-{secrets.token_hex(4)}"
        fresh.mkdir()
        try:
            if not got and archive is not None:
                unpack(archive, fresh, self._wanted, self.name)
            for remote, path in got.items():
                if remote.name.endswith(ARCHIVES):
                    unpack(path, fresh, self._wanted, self.name)
                else:
                    shutil.copyfile(path, fresh / remote.name)
            sums = {remote.name: _sha256(path) for remote, path in got.items()}
            shutil.rmtree(target / "files", ignore_errors=True)
            fresh.rename(target / "files")
            files.write_json(target / "checksums.json", _read_checksums(target) | sums)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _wanted(self, name: str) -> bool:
        """Whether a file of the corpus is one to read (or one that describes the others)."""
        return any(PurePosixPath(name).match(pattern) for pattern in self.members.split("|"))

    def _address(self) -> str:
        return self.remotes[0].url if len(self.remotes) == 1 else self.homepage


def fetch(remote: Remote, part: Path, corpus: str, what: str, progress: Progress | None = None) -> None:
    """Downloads to `part`, going on where an earlier transfer broke off; CorpusError says what to do
    instead.
    """
    for left in reversed(range(TRIES)):
        try:
            _transfer(remote, part, what, progress)
            break
        except urllib.error.HTTPError as error:
            raise CorpusError(
                f"{corpus} cannot be downloaded: {remote.url} answers {error.code} {error.reason}; "
                "get a copy by hand and give it with --from FILE."
            ) from None
        except (OSError, HTTPException) as error:
            if left and part.exists() and part.stat().st_size:
                continue
            reason = getattr(error, "reason", None) or error
            raise CorpusError(
                f"{corpus} cannot be downloaded from {remote.url} ({reason}): go online and repeat the command, which "
                "goes on where it stopped, or give a copy got by hand with --from FILE."
            ) from None
    try:
        _check(part, remote.sha256, remote.url)
    except CorpusError:
        part.unlink()
        raise


def _transfer(remote: Remote, part: Path, what: str, progress: Progress | None) -> None:
    """One attempt; OSError or HTTPException where it breaks off."""
    tag = part.with_name(part.name + ".tag")  # which version of the file the part is of
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "erato"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag.exists():
            request.add_header("If-Range", tag.read_text("utf-8"))
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing follows what we have: it is whole, or another file by now
            raise
        error.close()
        if remote.size == have:
            return
        part.unlink(missing_ok=True)
        _transfer(remote, part, what, progress)
        return
    with answer:
        if answer.status != 206:
            have = 0
        if etag := answer.headers.get("ETag"):
            tag.write_text(etag, "utf-8")
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else remote.size
        with part.open("ab" if have else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                have += len(block)
                if progress:
                    progress(have, total, what)
    if total is not None and have < total:
        raise ConnectionError(f"the transfer broke off after {have:,} of {total:,} bytes")
    tag.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(path: Path, sha256: str | None, name: str) -> None:
    if sha256 is not None and (found := _sha256(path)) != sha256:
        raise CorpusError(
            f"{name} is not the file that is expected: its sha256 is {found}, that of the right one {sha256}; "
            "get it again, or a copy by hand for --from FILE."
        )


def _read_checksums(target: Path) -> dict[str, str]:
    """The checksums of what was downloaded before."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((target / "checksums.json").read_text("utf-8")))
    return {}


def unpack(archive: Path, folder: Path, wanted: Callable[[str], bool], name: str) -> None:
    """Unpacks the wanted files of a ZIP or tar archive, without its outermost folder, into `folder`.

    Only plain files, only inside `folder`, and never more than the limits. CorpusError: it is broken, or
    holds none of them.
    """
    written = count = 0
    try:
        for member, opened in _members(archive):
            path = _inside(member)
            if path is None or not wanted(path.as_posix()):
                continue
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened() as source, target.open("wb") as file:
                while block := source.read(BLOCK):
                    written += len(block)
                    if written > MOST_BYTES:
                        raise CorpusError(f"{name} unpacks to more than {MOST_BYTES:,} bytes: {archive} is not it.")
                    file.write(block)
            count += 1
            if count > MOST_FILES:
                raise CorpusError(f"{name} holds more than {MOST_FILES:,} files: {archive} is not it.")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise CorpusError(f"{archive} cannot be unpacked ({error}): get {name} again.") from None
    if not count:
        raise CorpusError(f"{archive} holds nothing of {name}: give another copy with --from FILE.")


def _members(archive: Path) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """The plain files of an archive: name, and how to open it."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, lambda info=info: packed.open(info)  # type: ignore[misc]
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isreg():
                yield member.name, lambda member=member: tar.extractfile(member)  # type: ignore[misc]


def _inside(member: str) -> PurePosixPath | None:
    """Where a member goes, without its outermost folder; None for a path that leads out."""
    path = PurePosixPath(member.replace("\\", "/"))
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or ".." in parts or not parts or ":" in parts[0]:
        return None
    return PurePosixPath(*(parts[1:] or parts))
