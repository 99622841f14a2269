"""One process apart that does tasks one after another, in the time they are given: a task in, what it gave out.

What it dies of, or what takes too long, costs that task and nothing else: the next one has a new process. Knows nothing
of what the tasks are.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

MOST_TASKS = 200  # of one process, so that what libraries keep goes now and then
_NICE = 5  # the page stays quick


class Ended(Exception):
    """The process ended in the middle of a task."""


class TooLong(Exception):
    """A task took longer than it may."""


class Apart:
    """A process that is started when it is first needed; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._tasks = 0

    def ask(self, task: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """What `task(*arguments)` gives there; raises what it raises, Ended, and TooLong.

        Of several threads that ask, one waits for the other; seconds: for the task alone.
        """
        with self._lock:
            pipe = self._started()
            try:
                pipe.send((task, arguments))
                if not pipe.poll(seconds):
                    raise TooLong
                worked, result = pipe.recv()
            except (EOFError, ConnectionError, BrokenPipeError):
                self._end()
                raise Ended from None
            except BaseException:
                self._end()
                raise
            self._tasks += 1
            if self._tasks >= MOST_TASKS:
                self._end()
        if not worked:
            raise result
        return result

    def close(self) -> None:
        """Ends the process, whatever it does."""
        with suppress(AttributeError, ValueError):  # none is there, or it has ended meanwhile
            self._process.kill()  # type: ignore[union-attr]
        with self._lock:
            self._end()

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._pipe is None:
            self._end()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()  # so that we see when it ends
            self._tasks = 0
        return self._pipe

    def _end(self) -> None:
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()


def _serve(pipe: Connection) -> None:
    """Does what comes through the pipe, until it is closed at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    while True:
        try:
            task, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, task(*arguments)
        except Exception as error:
            answer = False, error
        try:
            pipe.send(answer)
        except Exception as error:  # what cannot travel
            pipe.send((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _leave_with(parent: int) -> None:
    """Ends this process with the one that started it, in the middle of a task, too."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
