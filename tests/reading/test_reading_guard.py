"""The limits on reading: what loops, fills the memory or dies ends as a ReadError, in a child and in a worker."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from erato.errors import ReadError
from erato.reading import guard, read_file
from erato.reading.guard import Budget

MEGABYTE = 2**20
SMALL = Budget(0.3, 100 * MEGABYTE)
ROOMY = Budget(20, 100 * MEGABYTE)  # for what memory is to end, before time does


def loops() -> None:
    while True:
        pass


def swallows() -> None:
    while True:
        with contextlib.suppress(Exception):
            loops()


def swallows_all() -> None:
    while True:
        with contextlib.suppress(BaseException):
            loops()


def hoards() -> None:
    kept = []
    while True:
        kept.append(bytearray(32 * MEGABYTE))  # so large that it takes no time to be too much


def dies() -> None:
    os._exit(3)


def nests(depth: int = 0) -> None:
    nests(depth + 1)


def errs() -> None:
    raise KeyError("a defect of ours")


def refuses() -> None:
    raise ReadError("no-notes", "a.abc has no notes.")


ENDS: list[tuple[Callable[[], None], Budget, str]] = [
    (loops, SMALL, "timeout"),
    (swallows, SMALL, "timeout"),
    (hoards, ROOMY, "too-large"),
    (nests, SMALL, "too-large"),
    (dies, SMALL, "crashed"),
    (errs, SMALL, "crashed"),
    (refuses, SMALL, "no-notes"),
]


@pytest.mark.parametrize(("work", "budget", "reason"), ENDS)
def test_work_in_a_child_ends(work: Callable[[], None], budget: Budget, reason: str) -> None:
    begun = time.process_time()
    with pytest.raises(ReadError) as caught:
        guard.guarded(work, budget, "a.abc")
    assert caught.value.reason == reason and "a.abc" in str(caught.value)
    assert time.process_time() - begun < 1  # none of it here


@pytest.mark.slow
def test_work_that_heeds_nothing_is_ended_by_the_system() -> None:
    with pytest.raises(ReadError) as caught:
        guard.guarded(swallows_all, SMALL, "a.abc")
    assert caught.value.reason == "timeout"


def children() -> set[str]:
    """The processes that this one has started and not seen end; other tests may have left theirs."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("there is no /proc that tells")
    return {child for task in tasks.iterdir() for child in (task / "children").read_text("ascii").split()}


def test_results_come_back_and_no_process_stays() -> None:
    before = children()
    assert guard.guarded(lambda: b"x" * MEGABYTE, SMALL, "a.abc") == b"x" * MEGABYTE
    assert children() <= before


def _in_worker(pipe: multiprocessing.connection.Connection) -> None:
    guard.expendable()
    found = []
    for work, budget, _ in ENDS:
        if work is not dies:
            try:
                guard.guarded(work, budget, "a.abc")
            except ReadError as error:
                found.append(error.reason)
            except (MemoryError, RecursionError):
                found.append("too-large")
    found.append(guard.guarded(lambda: "still there", SMALL, "a.abc"))
    pipe.send(found)


def test_a_worker_survives_all_that_can_be_survived() -> None:
    """The same within one process, that of a worker; which may have children no more than its parent lets it."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_in_worker, args=(theirs,), daemon=True)
    process.start()
    assert ours.recv() == [reason for work, _, reason in ENDS if work is not dies] + ["still there"]
    process.join()


def _reads(pipe: multiprocessing.connection.Connection, path: Path) -> None:
    pipe.send(len(read_file(path).pieces))


def test_a_process_that_may_have_no_children_reads_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|\n")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_reads, args=(theirs, tmp_path / "a.abc"), daemon=True)
    process.start()
    assert ours.recv() == 1
    process.join()
