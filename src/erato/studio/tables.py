"""The tables of a project, and how values become what a row holds. In: a connection. Out: one with these tables.

Knows nothing of takes or jobs as objects. `change` numbers come from one counter, so whoever has seen number n can ask
for all that came after it.
"""

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from erato.errors import UsageError

VERSION = 1
APPLICATION = 0x45726174  # "Erat", in the header of the file

TABLES = """
CREATE TABLE counter (change INTEGER NOT NULL);
INSERT INTO counter VALUES (0);

CREATE TABLE takes (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    parent TEXT REFERENCES takes (id),
    kind TEXT NOT NULL,
    how TEXT NOT NULL,
    title TEXT NOT NULL,
    starred INTEGER NOT NULL,
    note TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    created REAL NOT NULL,
    changed REAL NOT NULL,
    job TEXT,
    model TEXT,
    settings TEXT NOT NULL,
    facts TEXT NOT NULL,
    digest TEXT NOT NULL,
    words TEXT NOT NULL,
    change INTEGER NOT NULL
);
CREATE INDEX takes_by_parent ON takes (parent);
CREATE INDEX takes_by_job ON takes (job);
CREATE INDEX takes_by_change ON takes (change);

CREATE TABLE tags (
    take TEXT NOT NULL REFERENCES takes (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (take, tag)
) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag);

CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted TEXT,
    request TEXT NOT NULL,
    progress TEXT NOT NULL,
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL,
    deaths INTEGER NOT NULL,
    worker INTEGER,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    change INTEGER NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, lane, number);
CREATE INDEX jobs_by_worker ON jobs (worker) WHERE worker IS NOT NULL;
CREATE INDEX jobs_by_change ON jobs (change);

CREATE TABLE corpora (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    origin TEXT NOT NULL,
    folder TEXT,
    path TEXT,
    created REAL NOT NULL
);
"""


def prepare(connection: sqlite3.Connection, name: str) -> None:
    """Makes the tables in an empty database; UsageError for one of something else, or of a newer Erato."""
    if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        connection.execute("BEGIN IMMEDIATE")  # another process may be at the same
        try:
            _make(connection, name)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not ours or not {"counter", "takes", "tags", "jobs", "corpora"} <= there:
        raise UsageError(f"{name} is the database of another program: name another project folder.")


def _make(connection: sqlite3.Connection, name: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise UsageError(f"{name} was made by a newer Erato: install that one, or name another project folder.")
    if version == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def next_change(connection: sqlite3.Connection) -> int:
    """The number of a change that is made now."""
    connection.execute("UPDATE counter SET change = change + 1")
    return newest_change(connection)


def newest_change(connection: sqlite3.Connection) -> int:
    """The number of the newest change."""
    return int(connection.execute("SELECT change FROM counter").fetchone()[0])


def clean(text: str) -> str:
    """The text without what no file in UTF-8 can hold: halves of characters, and the character 0."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def to_text(value: Any) -> str:
    """JSON of plain values; numbers that are none (inf, nan) become null."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """The value as JSON can say it: numbers of other libraries as Python's, paths and whatever else as text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (str, PurePath)):
        return clean(str(value))
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (Sequence, set, frozenset)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # an array, or a number of one
        return plain(value.tolist())
    return clean(str(value))
