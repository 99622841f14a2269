"""Takes: every piece that was made, brought in or edited, as a node in a history that branches.

Functions on a connection, so that several changes, and the end of a job, are one transaction. A take is never deleted;
what it holds lies in the project's `pieces/`. Knows nothing of how pieces are made.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from erato.errors import UsageError
from erato.studio.errors import Conflict, NotThere
from erato.studio.tables import clean, next_change, to_text

KINDS = ("music", "text")
REVISED = ("edited", "drawn", "recorded", "written")  # made by hand: may be saved again in place
HOW = ("composed", "imported", *REVISED)
STATUS = ("offered", "kept", "discarded")
_MOST = {"title": 200, "note": 10_000, "tag": 50, "tags": 50}  # characters; tags of a take

_REVISABLE = "how IN ({}) AND NOT EXISTS (SELECT 1 FROM takes AS child WHERE child.parent = takes.id AND {})".format(
    ", ".join(f"'{how}'" for how in REVISED), "child.status != 'discarded'"
)
_TAGS = "(SELECT json_group_array(tag) FROM (SELECT tag FROM tags WHERE tags.take = takes.id ORDER BY tag))"
_SELECT = f"SELECT takes.*, {_TAGS} AS tags, {_REVISABLE} AS revisable FROM takes"


@dataclass(frozen=True)
class Take:
    """One take. kind: "music" or "text"; how it came to be; status: "offered" until a person keeps or discards it;
    version: counts what was saved in place; created, changed: seconds since 1970; digest: the sha256 of its piece;
    revisable: whether it may be saved in place."""

    id: str
    number: int
    parent: str | None
    kind: Literal["music", "text"]
    how: str
    title: str
    starred: bool
    tags: tuple[str, ...]
    note: str
    status: str
    version: int
    created: float
    changed: float
    job: str | None
    model: str | None
    settings: dict[str, Any]
    facts: dict[str, Any]
    digest: str
    revisable: bool

    @property
    def called(self) -> str:
        """Its title, or its number where it has none."""
        return self.title or f"take {self.number}"

    def to_json(self) -> dict[str, Any]:
        """What the page is told of it."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "digest"}
        return {**found, "tags": list(self.tags)}


def new_id() -> str:
    """An id that nobody can guess: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def add(
    connection: sqlite3.Connection,
    *,
    kind: str,
    how: str,
    digest: str,
    parent: str | None = None,
    title: str = "",
    status: str = "kept",
    job: str | None = None,
    model: str | None = None,
    settings: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    id: str | None = None,
) -> Take:
    """A new take of a piece that the project keeps under `digest`; NotThere where its parent is not.

    id: where it has one elsewhere.
    """
    for what, value, known in (("kind", kind, KINDS), ("how", how, HOW), ("status", status, STATUS)):
        if value not in known:
            raise UsageError(f"{what} of a take must be one of {', '.join(known)}, got {value!r}.")
    if parent is not None:
        get(connection, parent)
    now = time.time()
    row = {
        "id": id or new_id(),
        "parent": parent,
        "kind": kind,
        "how": how,
        "title": _title(title),
        "status": status,
        "created": now,
        "changed": now,
        "job": job,
        "model": model,
        "settings": to_text(settings or {}),
        "facts": to_text(facts or {}),
        "digest": digest,
        "change": next_change(connection),
    }
    connection.execute(
        f"INSERT INTO takes (number, starred, note, version, words, {', '.join(row)}) "
        f"VALUES ((SELECT coalesce(max(number), 0) + 1 FROM takes), 0, '', 1, '', {', '.join(f':{n}' for n in row)})",
        row,
    )
    if parent is not None:  # which can no longer be saved in place
        connection.execute("UPDATE takes SET change = ? WHERE id = ?", (row["change"], parent))
    return _indexed(connection, str(row["id"]))


def restore(connection: sqlite3.Connection, row: Mapping[str, Any]) -> Take:
    """A take as it was in another project: its fields but for the number."""
    new = ("id", "kind", "how", "digest", "parent", "title", "status", "job", "model", "settings", "facts")
    take = add(connection, **{name: row[name] for name in new})
    change(connection, take.id, **{name: row[name] for name in ("starred", "tags", "note")})
    kept = tuple(row[name] for name in ("version", "created", "changed"))
    connection.execute("UPDATE takes SET version = ?, created = ?, changed = ? WHERE id = ?", (*kept, take.id))
    return get(connection, take.id)


def get(connection: sqlite3.Connection, id: str) -> Take:
    """The take with this id; NotThere where there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise NotThere(f"there is no take {id[:80]!r}: it may be in another project.")
    return _take(row)


def find(
    connection: sqlite3.Connection,
    *,
    q: str | None = None,
    tag: str | None = None,
    starred: bool | None = None,
    status: str | None = None,
    model: str | None = None,
    kind: str | None = None,
    parent: str | None = None,
    job: str | None = None,
    limit: int = 500,
    offset: int = 0,
) -> list[Take]:
    """The takes for which all of this holds, newest first.

    q: words that each stand somewhere in title, note, tags, model or recipe, whatever their case.
    """
    where, values = ["1"], list[Any]()
    for word in clean(q or "").casefold().split():
        where.append("instr(words, ?)")
        values.append(word)
    if tag is not None:
        where.append("EXISTS (SELECT 1 FROM tags WHERE tags.take = takes.id AND tag = ?)")
        values.append(clean(tag))
    if starred is not None:
        where.append("starred = ?")
        values.append(int(starred))
    for name, value in (("status", status), ("model", model), ("kind", kind), ("parent", parent), ("job", job)):
        if value is not None:
            where.append(f"{name} = ?")
            values.append(clean(value))
    rows = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ? OFFSET ?", (*values, limit, offset)
    )
    return [_take(row) for row in rows]


def changes(connection: sqlite3.Connection, since: int, limit: int = 1000) -> list[str]:
    """The ids of takes that are new or changed after the change with this number, oldest first."""
    rows = connection.execute("SELECT id FROM takes WHERE change > ? ORDER BY change LIMIT ?", (since, limit))
    return [row[0] for row in rows]


def change(
    connection: sqlite3.Connection,
    id: str,
    *,
    title: str | None = None,
    starred: bool | None = None,
    tags: Sequence[str] | None = None,
    note: str | None = None,
    status: str | None = None,
) -> Take:
    """Changes what a person says of a take, not what it holds; what is None stays. NotThere where there is none."""
    get(connection, id)
    new: dict[str, Any] = {}
    if title is not None:
        new["title"] = _title(title)
    if starred is not None:
        new["starred"] = int(starred)
    if note is not None:
        new["note"] = _short("note", clean(note))
    if status is not None:
        if status not in STATUS:
            raise UsageError(f"status of a take must be one of {', '.join(STATUS)}, got {status!r}.")
        new["status"] = status
    if tags is not None:
        found = dict.fromkeys(_short("tag", " ".join(clean(tag).split())) for tag in tags)
        found.pop("", None)
        if len(found) > _MOST["tags"]:
            raise UsageError(f"a take has at most {_MOST['tags']} tags, got {len(found)}: leave some out.")
        connection.execute("DELETE FROM tags WHERE take = ?", (id,))
        connection.executemany("INSERT INTO tags VALUES (?, ?)", [(id, tag) for tag in found])
    _update(connection, id, new)
    return _indexed(connection, id)


def revise(
    connection: sqlite3.Connection, id: str, version: int, digest: str, facts: Mapping[str, Any] | None = None
) -> Take:
    """Saves another piece, of which these facts hold, in place of the version that the person saw.

    Conflict, with the take as it is, where somebody saved meanwhile, and where the take stays as it is: composed,
    imported, or gone on from by what is not discarded. NotThere where there is none.
    """
    take = get(connection, id)
    if take.version != version:
        raise Conflict(
            f"this take was saved elsewhere meanwhile: version {take.version} is newer than {version}.", take
        )
    if not take.revisable:
        why = "other takes go on from it" if take.how in REVISED else f"it was {take.how}"
        raise Conflict(f"this take stays as it is, because {why}: keep the changes as a new take.", take)
    _update(
        connection, id, {"digest": digest, "version": version + 1, "facts": to_text({**take.facts, **(facts or {})})}
    )
    return get(connection, id)


def _update(connection: sqlite3.Connection, id: str, new: Mapping[str, Any]) -> None:
    values = {**new, "changed": time.time(), "change": next_change(connection), "id": id}
    said = ", ".join(f"{name} = :{name}" for name in values if name != "id")
    connection.execute(f"UPDATE takes SET {said} WHERE id = :id", values)


def _indexed(connection: sqlite3.Connection, id: str) -> Take:
    """The take, after the words by which it is found were written down."""
    take = get(connection, id)
    recipes = [take.settings.get("recipe"), take.facts.get("recipe")]
    said = [take.title, take.note, *take.tags, take.model, *recipes]
    words = "\n".join(str(one) for one in said if one).casefold()
    connection.execute("UPDATE takes SET words = ? WHERE id = ?", (words, id))
    return take


def _title(title: str) -> str:
    return _short("title", " ".join(clean(title).split()))


def _short(what: str, text: str) -> str:
    if len(text) > _MOST[what]:
        raise UsageError(f"a {what} has at most {_MOST[what]:,} characters, got {len(text):,}: shorten it.")
    return text


def _take(row: sqlite3.Row) -> Take:
    values = {one.name: row[one.name] for one in fields(Take)}
    values |= {name: json.loads(row[name]) for name in ("settings", "facts")}
    values |= {"tags": tuple(json.loads(row["tags"]))}
    values |= {name: bool(row[name]) for name in ("starred", "revisable")}
    return Take(**values)
