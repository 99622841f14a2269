"""The queue of jobs: what was asked for goes in, workers claim it lane by lane, and every job comes to an end, once.

    waiting -> running -> done | failed | cancelled
                 |  ^
                 v  |           (training only)
               paused

A job that is claimed has a new attempt number; whoever worked at it before can neither tell nor end anything any more.
Its end and its takes are one transaction, so nothing is done twice and nothing is lost. Knows nothing of processes, nor
of what a job does.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from erato.errors import unknown
from erato.studio.errors import Conflict, NotThere, QueueFull
from erato.studio.project import Project
from erato.studio.tables import newest_change, next_change, to_text
from erato.studio.takes import new_id

ENDED = ("done", "failed", "cancelled")
STATES = ("waiting", "running", "paused", *ENDED)
LASTING = "train"  # the lane whose jobs can be paused, kept as they are, and gone on with
MOST_DEATHS = 3  # so often a job may take its worker with it
_HISTORY, _AGE = 1000, 86_400.0  # ended jobs that are kept; none goes that is younger (seconds)

Wish = Literal["cancel", "pause", "keep", "resume"]


@dataclass(frozen=True)
class Job:
    """One job. state: see above; wanted: "pause" or "keep" until the worker has done so; attempts: how often it was
    claimed; created, started, ended: seconds since 1970; change: the number of its newest change."""

    id: str
    kind: str
    lane: str
    state: str
    wanted: str | None
    request: dict[str, Any]
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    created: float
    started: float | None
    ended: float | None
    change: int

    def to_json(self) -> dict[str, Any]:
        """What the page is told of it."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("lane", "attempts")}


class Queue:
    """The jobs of a project. most: how many may wait; lanes: which lane does which kind (those of `work.py`)."""

    def __init__(self, project: Project, most: int = 100, lanes: Mapping[str, str] | None = None) -> None:
        self.project, self.most = project, most
        self._lanes = lanes

    @property
    def lanes(self) -> Mapping[str, str]:
        """The lane of each kind of job."""
        if self._lanes is None:
            from erato.studio.work import LANES

            self._lanes = LANES
        return self._lanes

    def submit(self, kind: str, request: Mapping[str, Any]) -> Job:
        """A new job that waits; QueueFull where too many wait already."""
        if kind not in self.lanes:
            raise unknown("kind of job", kind, self.lanes)
        with self.project.connect() as connection:
            self._room(connection, self.lanes[kind])
            id = new_id()
            connection.execute(
                "INSERT INTO jobs (id, kind, lane, state, request, progress, attempts, deaths, created, change) "
                "VALUES (?, ?, ?, 'waiting', ?, '{}', 0, 0, ?, ?)",
                (id, kind, self.lanes[kind], to_text(request), time.time(), next_change(connection)),
            )
            return _get(connection, id)

    def _room(self, connection: sqlite3.Connection, lane: str) -> None:
        waiting = connection.execute("SELECT count(*) FROM jobs WHERE state = 'waiting'").fetchone()[0]
        if waiting >= self.most:
            took = connection.execute(
                "SELECT avg(took) FROM (SELECT ended - started AS took FROM jobs WHERE lane = ? AND state = 'done' "
                "ORDER BY number DESC LIMIT 20)",
                (lane,),
            ).fetchone()[0]
            seconds = min(60, max(1, round(took or 1)))
            raise QueueFull(f"{waiting} jobs are waiting already: try again in {seconds} s.", seconds)

    def get(self, id: str) -> Job:
        """The job with this id; NotThere where there is none."""
        with self.project.read() as connection:
            return _get(connection, id)

    def find(self, state: str | None = None, kind: str | None = None, limit: int = 200) -> list[Job]:
        """The jobs in this state and of this kind, newest first."""
        with self.project.read() as connection:
            rows = connection.execute(
                "SELECT * FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) "
                "ORDER BY number DESC LIMIT ?3",
                (state, kind, limit),
            )
            return [_job(row) for row in rows]

    def changes(self, since: int, limit: int = 1000) -> list[Job]:
        """The jobs that are new or changed after the change with this number, oldest change first."""
        with self.project.read() as connection:
            rows = connection.execute("SELECT * FROM jobs WHERE change > ? ORDER BY change LIMIT ?", (since, limit))
            return [_job(row) for row in rows]

    def newest(self) -> int:
        """The number of the newest change, of jobs and takes alike."""
        with self.project.read() as connection:
            return newest_change(connection)

    def ask(self, id: str, wish: Wish) -> Job:
        """What a person wants of a job; Conflict where that makes no sense as it stands, NotThere where it is not.

        A cancelled job is so at once: what its worker still does counts for nothing. Pausing and keeping take effect
        when the worker has saved. A wish that is fulfilled already changes nothing.
        """
        with self.project.connect() as connection:
            job = _get(connection, id)
            if wish not in _WISHES:
                raise unknown("wish", wish, _WISHES)
            _WISHES[wish](self, connection, job)
            return _get(connection, id)

    def _cancel(self, connection: sqlite3.Connection, job: Job) -> None:
        if job.state in ("done", "failed"):
            raise _senseless(job, "cancelled")
        if job.state != "cancelled":
            _set(connection, job.id, state="cancelled", wanted=None, ended=time.time())

    def _pause(self, connection: sqlite3.Connection, job: Job) -> None:
        if job.lane != LASTING or job.state in ENDED or job.wanted == "keep":
            raise _senseless(job, "paused")
        if job.state == "waiting":
            _set(connection, job.id, state="paused")
        elif job.state == "running" and job.wanted is None:
            _set(connection, job.id, wanted="pause")

    def _keep(self, connection: sqlite3.Connection, job: Job) -> None:
        if job.lane != LASTING or job.state in ENDED or not job.attempts:
            raise _senseless(job, "stopped and kept")
        if job.state == "paused":
            self._room(connection, job.lane)
        if job.wanted != "keep":
            _set(connection, job.id, wanted="keep", state="running" if job.state == "running" else "waiting")

    def _resume(self, connection: sqlite3.Connection, job: Job) -> None:
        if job.lane != LASTING or job.state == "done" or job.wanted == "keep":
            raise _senseless(job, "gone on with")
        if job.state == "running" and job.wanted == "pause":
            _set(connection, job.id, wanted=None)
        elif job.state in ("paused", "failed", "cancelled"):
            self._room(connection, job.lane)
            _set(connection, job.id, state="waiting", wanted=None, error=None, ended=None, deaths=0)

    # What workers call

    def claim(self, lane: str) -> Job | None:
        """The oldest job that waits in the lane, running from now on as this process's; None where none waits."""
        oldest = "SELECT id FROM jobs WHERE state = 'waiting' AND lane = ? ORDER BY number LIMIT 1"
        with self.project.read() as connection:
            if connection.execute(oldest, (lane,)).fetchone() is None:
                return None
        with self.project.connect() as connection:
            found = connection.execute(oldest, (lane,)).fetchone()
            if found is None:
                return None
            job = _get(connection, found[0])
            started = time.time() if job.started is None else job.started
            _set(connection, job.id, state="running", worker=os.getpid(), attempts=job.attempts + 1, started=started)
            return _get(connection, job.id)

    def tell(self, id: str, attempt: int, progress: Mapping[str, Any]) -> bool:
        """Says how far a job is; False where it is not this attempt's any more."""
        with self.project.connect() as connection:
            if not _is_of(connection, id, attempt):
                return False
            _set(connection, id, progress=to_text(progress))
            return True

    def end(
        self,
        connection: sqlite3.Connection,
        job: Job,
        state: str,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends a job, or gives it back as "waiting" or "paused"; False where it is not this attempt's any more.

        Then whatever else is in the transaction must be undone. A job that is given back keeps a wish to be kept.
        """
        assert state in STATES, state
        if not _is_of(connection, job.id, job.attempts):
            return False
        _set(
            connection,
            job.id,
            state=state,
            wanted="keep" if state == "waiting" and _get(connection, job.id).wanted == "keep" else None,
            worker=None,
            result=None if result is None else to_text(result),
            error=error,
            ended=time.time() if state in ENDED else None,
        )
        return True

    def release(self, job: Job) -> None:
        """Says that nobody works at a job any more that was taken from its worker."""
        with self.project.connect() as connection:
            connection.execute(
                "UPDATE jobs SET worker = NULL WHERE id = ? AND attempts = ? AND state != 'running'",
                (job.id, job.attempts),
            )

    # What the server calls

    def unwanted(self) -> list[tuple[int, str, str]]:
        """(process, job, wish) of what workers do that a person wants stopped; wish: "cancel", "pause", "keep"."""
        with self.project.read() as connection:
            rows = connection.execute(
                "SELECT worker, id, coalesce(wanted, 'cancel') FROM jobs WHERE worker IS NOT NULL "
                "AND (state != 'running' OR wanted IS NOT NULL)"
            )
            return [tuple(row) for row in rows]

    def bury(self, worker: int, reason: str | None) -> None:
        """Puts back what a dead process worked at, or where it was stopped on purpose does as was asked.

        reason: a sentence on what it died of, which counts against the job; None: it was stopped on purpose.
        """
        with self.project.connect() as connection:
            for row in connection.execute("SELECT * FROM jobs WHERE worker = ?", (worker,)).fetchall():
                _put_back(connection, row, reason)

    def recover(self) -> None:
        """At start: what was running waits again, or is given up where it took its worker with it too often; and the
        oldest of the history goes."""
        with self.project.connect() as connection:
            for row in connection.execute("SELECT * FROM jobs WHERE worker IS NOT NULL").fetchall():
                _put_back(connection, row, None if _lives(row["worker"]) else "The studio ended while it ran.")
            connection.execute(
                "DELETE FROM jobs WHERE ended < ? AND state IN ('done', 'failed', 'cancelled') AND number NOT IN "
                "(SELECT number FROM jobs WHERE ended IS NOT NULL ORDER BY number DESC LIMIT ?)",
                (time.time() - _AGE, _HISTORY),
            )


_WISHES: dict[str, Callable[[Queue, sqlite3.Connection, Job], None]] = {
    "cancel": Queue._cancel,
    "pause": Queue._pause,
    "keep": Queue._keep,
    "resume": Queue._resume,
}


def _put_back(connection: sqlite3.Connection, row: sqlite3.Row, reason: str | None) -> None:
    deaths = row["deaths"] + (reason is not None)
    if row["state"] != "running":  # cancelled meanwhile
        _set(connection, row["id"], worker=None)
    elif row["wanted"] == "pause":
        _set(connection, row["id"], worker=None, state="paused", wanted=None)
    elif deaths < MOST_DEATHS:  # a wish to keep stays: whoever claims it does so
        _set(connection, row["id"], worker=None, state="waiting", deaths=deaths)
    else:
        error = f"Tried {MOST_DEATHS} times, and each time the process that did it ended. {reason}"
        _set(connection, row["id"], worker=None, state="failed", deaths=deaths, error=error, ended=time.time())


def _senseless(job: Job, what: str) -> Conflict:
    how = f"will be {'paused' if job.wanted == 'pause' else 'kept'} soon" if job.wanted else f"is {job.state}"
    return Conflict(f"this job cannot be {what}: it is a {job.kind} job and {how}.")


def _is_of(connection: sqlite3.Connection, id: str, attempt: int) -> bool:
    found = connection.execute("SELECT 1 FROM jobs WHERE id = ? AND attempts = ? AND state = 'running'", (id, attempt))
    return found.fetchone() is not None


def _set(connection: sqlite3.Connection, id: str, **values: Any) -> None:
    values["change"] = next_change(connection)
    said = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(f"UPDATE jobs SET {said} WHERE id = :id", {**values, "id": id})


def _get(connection: sqlite3.Connection, id: str) -> Job:
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise NotThere(f"there is no job {id[:80]!r}: old ones are forgotten.")
    return _job(row)


def _job(row: sqlite3.Row) -> Job:
    values = {one.name: row[one.name] for one in fields(Job)}
    values |= {name: json.loads(row[name]) for name in ("request", "progress")}
    values["result"] = None if row["result"] is None else json.loads(row["result"])
    return Job(**values)


def _lives(process: int) -> bool:
    """Whether a process is there; one that outlived the server has left its job by itself, or soon will."""
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True
