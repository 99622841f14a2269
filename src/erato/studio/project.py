"""A project of the studio: a folder with a database, the pieces of its takes, uploaded music, and models.

    studio.sqlite   takes, tags, jobs, corpora
    token           the secret of the opened address; kept, so that an open page goes on working
    pieces/         contents of takes by their sha256, written before the row that names them
    corpora/        dropped files
    runs/           models trained here
    cache/          pictures and sounds made of pieces; deleting it costs time
    logs/           what workers print

Any thread and any process may open the same project. Knows nothing of what takes and jobs mean.
"""

import contextlib
import hashlib
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato import files
from erato.errors import EratoError, ReadError, UsageError
from erato.studio import tables
from erato.studio.errors import Busy, NotThere, plainly

if TYPE_CHECKING:
    from erato.score import Piece

DATABASE = "studio.sqlite"
_PATIENCE = 30.0  # seconds that a transaction waits for others
_IDLE = 8  # open connections that are kept for the next transaction
_SUFFIX = {"music": ".mid", "text": ".txt"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,}")


class Project:
    """The project in `folder`, which is made where it is not there.

    run_folders: where else models are shown from; folders: what a person allowed to learn from. UsageError where the
    folder is none, or its database is damaged, foreign, or of a newer Erato: nothing is changed then.
    """

    def __init__(self, folder: Path, run_folders: Sequence[Path] = (), folders: Sequence[Path] = ()) -> None:
        self.folder = folder = Path(folder).absolute()
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file: name a folder for the project.")
        self.database = folder / DATABASE
        self.pieces, self.corpora = folder / "pieces", folder / "corpora"
        self.runs, self.cache, self.logs = folder / "runs", folder / "cache", folder / "logs"
        others = [path for path in dict.fromkeys(Path(one).absolute() for one in run_folders) if path != self.runs]
        self.run_folders = (self.runs, *others)
        self.folders = tuple(dict.fromkeys(Path(one).absolute() for one in folders))
        self._idle: list[sqlite3.Connection] = []
        self._guard, self._writing = threading.Lock(), threading.Lock()
        try:
            self._open()
        except EratoError:
            raise
        except OSError as error:
            raise plainly(error) or UsageError(f"{folder} cannot be used as a project: {error.strerror}.") from None

    def _open(self) -> None:
        self._refuse_damaged()
        for path in (self.folder, self.pieces, self.corpora, self.runs, self.cache, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        with self._translated():
            connection = self._connection()
            try:
                tables.prepare(connection, str(self.database))
                connection.execute("PRAGMA journal_mode = WAL")  # which the file remembers
                said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            finally:
                connection.close()
            if said != "ok":
                raise self._damaged()
        self.token = self._token()

    def _refuse_damaged(self) -> None:
        """What SQLite would take for a new database, though there was one."""
        if self.database.is_file() and not self.database.stat().st_size and any(self.pieces.glob("*")):
            raise self._damaged()

    def _damaged(self) -> UsageError:
        return UsageError(
            f"{self.database} is damaged: restore a copy of it, or move it elsewhere to begin a new one (the pieces "
            f"stay in {self.pieces})."
        )

    def _token(self) -> str:
        path = self.folder / "token"
        with contextlib.suppress(OSError, ValueError):
            path.chmod(0o600)
            kept = path.read_text("ascii").strip()
            if _TOKEN.fullmatch(kept):
                return kept
        token = secrets.token_urlsafe(32)
        temporary = files.temporary_beside(path)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        temporary.replace(path)
        return token

    # The database

    @contextlib.contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """One transaction that may write: kept at the end of the block, undone on any error.

        DiskFull where there is no room, UsageError where the database is damaged. Threads wait in line here, as SQLite
        would let each of them sleep for longer and longer.
        """
        with self._writing, self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One transaction that only reads, all at one point in time; it waits for nobody."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._translated():
            with self._guard:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connection()
            try:
                connection.execute(begin)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                connection.close()
                raise
            with self._guard:
                if len(self._idle) < _IDLE:
                    self._idle.append(connection)
                    return
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.database, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """What SQLite says, in plain words."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # ours: a row that must not be
        except sqlite3.DatabaseError as error:
            said = str(error)
            if known := plainly(error):
                raise known from error
            if "malformed" in said or "not a database" in said:
                raise self._damaged() from error
            if "locked" in said or "busy" in said:
                raise Busy(f"{self.database} is in use by another program: try again.") from error
            if "readonly" in said or "unable to open" in said or "disk I/O" in said:
                raise EratoError(f"{self.database} cannot be read or written ({said}): look at its disk.") from error
            raise

    def close(self) -> None:
        """Closes the connections that nobody uses; the project can still be used."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # Pieces

    def piece_path(self, digest: str, kind: str) -> Path:
        """Where the piece with this sha256 lies; kind: "music" or "text"."""
        if not _DIGEST.fullmatch(digest) or kind not in _SUFFIX:
            raise UsageError(f"a piece has a sha256 and is music or text, got {digest[:80]!r} and {kind!r}.")
        return self.pieces / f"{digest}{_SUFFIX[kind]}"

    def keep_piece(self, piece: "Piece", record: Mapping[str, Any] | None = None) -> str:
        """Writes a score (as MIDI, with the record of how it was made) or a text; its sha256."""
        if isinstance(piece, str):
            return self.keep_bytes(piece.encode("utf-8", "replace"), "text")
        from erato.renderers.base import About
        from erato.renderers.midi import midi_bytes

        return self.keep_bytes(midi_bytes(piece, About(record=record or {})), "music")

    def keep_bytes(self, data: bytes, kind: str) -> str:
        """Writes what a piece's file holds; its sha256. What is there already is written again only where damaged."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.piece_path(digest, kind)
        try:
            if not path.is_file() or path.read_bytes() != data:
                files.write_bytes(path, data)
        except OSError as error:
            raise plainly(error) or error from None
        return digest

    def piece_bytes(self, digest: str, kind: str) -> bytes:
        """What the file of a piece holds; ReadError where it is damaged, NotThere where it is gone."""
        path = self.piece_path(digest, kind)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotThere(f"{path} is missing: restore it from a copy of the project.") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise ReadError("damaged", f"{path} is damaged: restore it from a copy of the project.")
        return data

    def piece(self, digest: str, kind: str) -> "Piece":
        """The score or the text with this sha256; errors as `piece_bytes`."""
        data = self.piece_bytes(digest, kind)
        if kind == "text":
            return data.decode("utf-8", "replace")
        return score_of(data, f"{digest}.mid")


def score_of(data: bytes, name: str) -> "Piece":
    """The score in a MIDI file of ours, which may be without a note: somebody has just deleted the last one."""
    from erato import reading
    from erato.score import Score

    try:
        return reading.read_bytes(data, name).pieces[0].piece
    except ReadError as error:
        if error.reason != "no-notes":
            raise
        return Score(int.from_bytes(data[12:14], "big") & 0x7FFF or 480)
