"""Work shared among processes, in order. Chunks of items flow in, lists of results flow out; knows nothing of
music.

Own processes and pipes instead of `concurrent.futures`, for three things that it cannot do: a worker that
dies takes only the item it was working on with it (and that item is named), an item that never ends is given
up, and an interrupted run leaves no process behind.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

SECONDS_A_CHUNK = 900.0  # then its worker is given up
LEAD = 16  # chunks a worker may be ahead of the one that is waited for: bounds what is held in memory


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    gc.freeze()  # what the parent had is never garbage here, and looking at it would copy it
    try:
        while (items := pipe.recv()) is not None:
            pipe.send([work(item) for item in items])
    except (EOFError, BrokenPipeError):  # the parent is gone
        pass


class _Worker:
    """One process, and the chunk it is at."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        # fork starts at once, and needs no `if __name__ == "__main__"` in the caller's script
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self.pipe, theirs = context.Pipe()
        self.process: Any = context.Process(target=_serve, args=(theirs, work), daemon=True)  # type: ignore[attr-defined]
        with warnings.catch_warnings():  # newer Pythons warn of fork where threads run: ours only draw progress
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()
        self.ticket: tuple[int, list[Any]] | None = None
        self.deadline = 0.0

    def give(self, ticket: tuple[int, list[Any]]) -> None:
        self.ticket = ticket
        self.deadline = time.monotonic() + SECONDS_A_CHUNK
        with contextlib.suppress(BrokenPipeError):  # died while idle: waiting for its answer will find out
            self.pipe.send(ticket[1])

    def fate(self) -> str:
        """Why it is gone."""
        self.process.join(1)
        slow = self.process.exitcode == -getattr(signal, "SIGXCPU", 0)
        return "reading it took longer than its limit" if slow else "the process that read it died"

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def ordered(
    work: Callable[[T], R], chunks: Iterable[list[T]], failed: Callable[[T, str], R], workers: int
) -> Iterator[R]:
    """The results of `work` on every item, in order; work, items and results must travel between processes.

    failed(item, why) stands in for the result of an item whose worker died or took too long.
    """
    tickets = enumerate(chunks)
    exhausted = False
    done: dict[int, list[R]] = {}  # finished before their turn
    turn = 0
    pool: list[_Worker] = []
    try:
        while True:
            while turn in done:
                yield from done.pop(turn)
                turn += 1
            while not exhausted and len(done) < LEAD * workers:
                worker = next((worker for worker in pool if worker.ticket is None), None)
                if worker is None and len(pool) == workers:
                    break
                ticket = next(tickets, None)
                if ticket is None:
                    exhausted = True
                    break
                if worker is None:
                    worker = _Worker(work)
                    pool.append(worker)
                worker.give(ticket)
            busy = [worker for worker in pool if worker.ticket is not None]
            if not busy:
                return
            patience = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
            ready = wait([worker.pipe for worker in busy], patience)
            for worker in busy:
                assert worker.ticket is not None
                number, items = worker.ticket
                if worker.pipe in ready:
                    try:
                        done[number] = worker.pipe.recv()
                        worker.ticket = None
                        continue
                    except (EOFError, ConnectionError):
                        why = worker.fate()
                elif time.monotonic() > worker.deadline:
                    why = f"reading it took longer than {SECONDS_A_CHUNK:g} seconds"
                else:
                    continue
                worker.end()
                pool.remove(worker)
                done[number] = _one_by_one(work, items, failed) if len(items) > 1 else [failed(items[0], why)]
    finally:
        for worker in pool:
            worker.end()


def _one_by_one(work: Callable[[T], R], items: list[T], failed: Callable[[T, str], R]) -> list[R]:
    """The results for a chunk that killed its worker: every item in a chunk of its own names the one that did
    it.
    """
    return list(ordered(work, [[item] for item in items], failed, 1))
