"""The processes that do jobs, one a lane: started, stopped where a person wants that, and started again.

A thread of the server looks ten times a second at what the queue wants stopped and at which processes have ended. It
ends what does not end by itself, with all its children. Knows nothing of what a job does.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import BinaryIO

from erato.errors import EratoError, UsageError
from erato.studio import unpacking
from erato.studio.jobs import Queue
from erato.studio.locks import Lock
from erato.studio.project import Project
from erato.studio.worker import GRACE

_LOOK = 0.1  # seconds between looks
_PATIENCE = {"cancel": 0.5, "pause": 30.0, "keep": 30.0}  # seconds from asking a process to ending it
_YOUNG, _LONGEST = 5.0, 30.0  # seconds; a process that dies younger is started again later and later
_LOG = 1 << 20  # bytes of a log that is gone on with


@dataclass
class _Slot:
    """The process of a lane, and what was asked of it."""

    lane: str
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    asked: tuple[str, str] | None = None  # job, wish
    asked_at: float = 0.0
    ended_by_us: bool = False
    failures: int = 0
    not_before: float = 0.0


class Workers:
    """The workers of a project, from `start` to `stop`. work: the module that does the jobs."""

    def __init__(self, project: Project, queue: Queue, work: str = "erato.studio.work") -> None:
        self.project, self.queue, self._work = project, queue, work
        self._lock = Lock(project.folder / ".server.lock")
        self._slots: list[_Slot] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Takes up what was left, and starts the processes; UsageError where another studio has the project."""
        if not self._lock.take():
            raise UsageError(
                f"{self.project.folder} is open in another studio (process {self._lock.holder}): use that one, or stop "
                "it first."
            )
        unpacking.sweep(self.project)
        self.queue.recover()
        self._slots = [_Slot(lane) for lane in dict.fromkeys(self.queue.lanes.values())]
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the processes; what they worked at waits for the next start (a training saves first)."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        alive = [slot for slot in self._slots if slot.process is not None]
        for slot in alive:
            _close(slot)
        deadline = time.monotonic() + GRACE + 2
        for slot in alive:
            assert slot.process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                slot.process.wait(max(0.0, deadline - time.monotonic()))
            _end(slot)
            with contextlib.suppress(EratoError):
                self.queue.bury(slot.process.pid, None)
        self._slots = []
        self._lock.give_back()

    def __enter__(self) -> "Workers":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def processes(self) -> dict[str, int]:
        """The number of the process of each lane that has one."""
        return {slot.lane: slot.process.pid for slot in self._slots if slot.process is not None}

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                wanted = {worker: (job, wish) for worker, job, wish in self.queue.unwanted()}
                for slot in self._slots:
                    self._look(slot, wanted)
            except Exception:  # a full disk, or one that is gone for a while: jobs wait, and it looks again
                with contextlib.suppress(OSError):  # which may be on the same disk
                    traceback.print_exc()
                self._stopping.wait(1.0)
            self._stopping.wait(_LOOK)

    def _look(self, slot: _Slot, wanted: dict[int, tuple[str, str]]) -> None:
        now = time.monotonic()
        if slot.process is None:
            if now >= slot.not_before:
                self._begin(slot)
            return
        if slot.process.poll() is None:
            asked = wanted.get(slot.process.pid)
            if asked != slot.asked:
                slot.asked, slot.asked_at = asked, now
                if asked is not None:
                    slot.process.terminate()
            if asked is None or now < slot.asked_at + _PATIENCE[asked[1]]:
                return
            slot.ended_by_us = True
        self._bury(slot)

    def _begin(self, slot: _Slot) -> None:
        command = [sys.executable, "-P", "-m", "erato.studio.worker", str(self.project.folder), slot.lane]
        command += ["--server", str(os.getpid()), "--work", self._work]
        for folder in self.project.run_folders[1:]:
            command += ["--runs", str(folder)]
        for folder in self.project.folders:
            command += ["--folder", str(folder)]
        with self._log(slot.lane) as log:
            slot.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=os.name == "posix"
            )
        slot.since, slot.asked, slot.ended_by_us = time.monotonic(), None, False

    def _bury(self, slot: _Slot) -> None:
        """Ends what is left of a process and puts its job back."""
        assert slot.process is not None
        _end(slot)
        code = slot.process.returncode
        reason = None if slot.ended_by_us or not code else self._died(slot.lane, code)
        self.queue.bury(slot.process.pid, reason)
        slot.process = None
        now = time.monotonic()
        slot.failures = slot.failures + 1 if reason and now < slot.since + _YOUNG else 0
        slot.not_before = now + min(_LONGEST, 0.1 * 2**slot.failures) if slot.failures else now

    def _died(self, lane: str, code: int) -> str:
        """What a process died of, as far as one can tell."""
        if code == -signal.SIGTERM or (os.name == "posix" and code == -signal.SIGKILL):
            return "The system ended it, most likely for want of memory: close other programs, or ask for less."
        how = f"It crashed ({signal.strsignal(-code)})" if code < 0 else f"It ended with code {code}"
        return f"{how}; {self.project.logs / f'{lane}.txt'} may say more."

    def _log(self, lane: str) -> BinaryIO:
        path = self.project.logs / f"{lane}.txt"
        with contextlib.suppress(OSError):
            if path.stat().st_size > _LOG:
                path.replace(path.with_suffix(".old.txt"))
        return path.open("ab")


def _close(slot: _Slot) -> None:
    """Closes the process's standard input, by which it knows that it is to leave."""
    if slot.process is not None and slot.process.stdin is not None:
        with contextlib.suppress(OSError):
            slot.process.stdin.close()


def _end(slot: _Slot) -> None:
    """Ends a process and all its children, where any are left, and waits for it."""
    assert slot.process is not None
    _close(slot)
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(slot.process.pid, signal.SIGKILL)  # it leads a group of its own
    elif slot.process.poll() is None:
        slot.process.kill()
    slot.process.wait()
