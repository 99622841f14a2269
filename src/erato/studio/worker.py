"""A process that does the jobs of one lane, one after another: python -m erato.studio.worker PROJECT LANE.

It claims a job, has `work.py` do it, and writes its takes and its end in one transaction. What is loaded stays loaded
for the next job. It leaves when its server is gone, after a job that was stopped in the middle, and when it has grown.
Knows nothing of what a job does.
"""

import argparse
import contextlib
import importlib
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from erato.errors import EratoError
from erato.studio import takes
from erato.studio.errors import Busy, DiskFull, plainly
from erato.studio.jobs import LASTING, Job, Queue
from erato.studio.locks import Lock
from erato.studio.project import Project

MOST_JOBS = 250
MOST_GROWTH = 1 << 30  # bytes that it may have grown since its first job
GRACE = 8.0  # seconds to leave in, once the server is gone
_POLL, _TELL = 0.1, 0.2  # seconds between looks at the queue, and between tellings of progress
_NICE = {LASTING: 10}  # so that the page and short jobs stay quick


class Finished(Protocol):
    """What a job gave: its result, and takes as keyword arguments of `takes.add`."""

    @property
    def result(self) -> Mapping[str, Any]: ...
    @property
    def takes(self) -> Sequence[Mapping[str, Any]]: ...


class _NotOurs(Exception):
    """The job was cancelled, or given to somebody else: nothing of it counts."""


class Worker:
    """Does the jobs of `lane`; work: the module with `work(project, job, tell)` and `kept(project, job)`."""

    def __init__(self, project: Project, lane: str, work: str) -> None:
        self.project, self.lane, self.work = project, lane, work
        self.queue = Queue(project)
        self.leaving = threading.Event()
        self._job: Job | None = None
        self._told: dict[str, Any] | None = None
        self._stoppable = False

    def live(self) -> None:
        """Until it is to leave. The lock keeps two processes from one lane: a training writes to its folder alone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        lock, done, first = Lock(self.project.folder / f".{self.lane}.lock"), 0, 0
        since = time.monotonic()
        while not lock.take() and not self.leaving.wait(_POLL):
            if time.monotonic() > since + GRACE + 2:  # one of a killed server, in native code that never looks up
                _end_others(lock.holder)
        threading.Thread(target=self._telling, daemon=True).start()
        while not self.leaving.is_set() and done < MOST_JOBS and _memory() <= (first or _memory()) + MOST_GROWTH:
            try:
                job = self.queue.claim(self.lane)
            except (DiskFull, Busy) as error:
                _log(str(error))
                self.leaving.wait(10 * _POLL)
                continue
            if job is None:
                self.leaving.wait(_POLL)
                continue
            if not self._does(job):
                break  # what was broken off in the middle may have left anything behind
            done, first = done + 1, first or _memory()

    def leave(self) -> None:
        """Leaves soon: a training saves first; the job waits for the next server."""
        self.leaving.set()
        if os.name == "posix":
            os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while (job := self._job) and time.monotonic() < deadline:
            time.sleep(_POLL)
        if job:
            with contextlib.suppress(EratoError), self.project.connect() as connection:
                self.queue.end(connection, job, "waiting")
            _end_all()

    # One job

    def _does(self, job: Job) -> bool:
        """Does a job and ends it; False where it was broken off."""
        self._job = job
        try:
            try:
                self._stoppable = True
                self._refuse_unwanted(job)
                work = importlib.import_module(self.work)
                if job.wanted == "keep":
                    self._stoppable = False  # short, and a signal that still comes is for the wish that this fulfils
                    finished: Finished = work.kept(self.project, job)
                else:
                    finished = work.work(self.project, job, self._tell)
            finally:
                self._stoppable = False
            self._flush()
            self._end(job, "done", finished.result, finished.takes)
        except KeyboardInterrupt:
            self._stoppable = False
            self._broken_off(job)
            return False
        except _NotOurs:
            self.queue.release(job)
        except BaseException as error:
            if (known := plainly(error)) is None:
                _log(traceback.format_exc())
                where = self.project.logs / f"{self.lane}.txt"
                said = f"{type(error).__name__}: {error}. This is a fault of Erato; {where} says more."
            with contextlib.suppress(_NotOurs):
                self._end(job, "failed", error=said if known is None else str(known))
        finally:
            self._job = self._told = None
        return True

    def _refuse_unwanted(self, job: Job) -> None:
        """KeyboardInterrupt where the signal that says so came before anything could be broken off."""
        now = self.queue.get(job.id)
        if self.leaving.is_set() or now.state != "running" or now.wanted != job.wanted:
            raise KeyboardInterrupt

    def _broken_off(self, job: Job) -> None:
        now = self.queue.get(job.id)
        if now.state != "running" or now.attempts != job.attempts:
            self.queue.release(job)
            return
        with contextlib.suppress(_NotOurs):
            self._end(job, "paused" if now.wanted == "pause" else "waiting")

    def _end(
        self,
        job: Job,
        state: str,
        result: Mapping[str, Any] | None = None,
        new: Sequence[Mapping[str, Any]] = (),
        error: str | None = None,
    ) -> None:
        """Writes the end and the takes in one transaction; waits for room on the disk rather than lose them."""
        while True:
            try:
                with self.project.connect() as connection:
                    ids = [takes.add(connection, **{**one, "job": job.id}).id for one in new]
                    if ids:
                        result = {**(result or {}), "takes": ids}
                    if not self.queue.end(connection, job, state, result, error):
                        raise _NotOurs
                return
            except (DiskFull, Busy) as full:
                _log(str(full))
                if self.leaving.wait(1.0):
                    raise _NotOurs from None

    def _asked_to_stop(self, number: int, frame: object) -> None:
        if self._stoppable:  # else it comes late: what it meant is over
            self._stoppable = False
            raise KeyboardInterrupt

    # Progress

    def _tell(self, progress: Mapping[str, Any]) -> None:
        self._told = dict(progress)

    def _telling(self) -> NoReturn:
        while True:
            time.sleep(_TELL)
            self._flush()

    def _flush(self) -> None:
        """Writes the newest progress, where there is some that is not written."""
        job, told = self._job, self._told
        if job is not None and told is not None:
            with contextlib.suppress(EratoError):
                self.queue.tell(job.id, job.attempts, told)
            if self._told is told:
                self._told = None


def _log(text: str) -> None:
    """Says it in the log, as far as the disk has room for that."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _memory() -> int:
    """Bytes of memory that this process has; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _wait_for_the_end_of(server: int) -> None:
    """Returns when the server closes our standard input, or is no more."""
    if os.name != "posix":
        sys.stdin.buffer.read()
        return
    while os.getppid() == server and not select.select([0], [], [], 0.25)[0]:
        pass


def _end_others(process: str) -> None:
    """Ends a worker and its children, which are a group of their own."""
    if os.name == "posix" and process.isdecimal():
        with contextlib.suppress(OSError):
            os.killpg(int(process), signal.SIGKILL)


def _end_all() -> None:
    """Ends this process and its children, at once."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m erato.studio.worker")
    parser.add_argument("project", type=Path)
    parser.add_argument("lane")
    parser.add_argument("--server", type=int, required=True, help="the process that ends when its server does")
    parser.add_argument("--work", required=True, help="the module that does the jobs")
    parser.add_argument("--runs", type=Path, action="append", default=[])
    parser.add_argument("--folder", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    if hasattr(os, "nice"):
        os.nice(_NICE.get(given.lane, 0))
    worker = Worker(Project(given.project, given.runs, given.folder), given.lane, given.work)

    def watch() -> None:
        _wait_for_the_end_of(given.server)
        worker.leave()

    threading.Thread(target=watch, daemon=True).start()
    worker.live()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(0)  # whatever a library still has to say at the end, the next worker does not wait for it


if __name__ == "__main__":
    main()
