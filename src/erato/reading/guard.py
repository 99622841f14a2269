"""A limit of processor time and memory for reading that no check of ours can bound. Work in, its result or a ReadError.

In a process that exists to read files and may die of it (`expendable`), the limits are set there; anywhere else the
work is done in a child. Knows nothing of what is read.
"""

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from erato.errors import ReadError

R = TypeVar("R")

GRACE = 3  # seconds after which a process that did not heed its limit is ended by the system
PATIENCE, AT_LEAST = 10.0, 60.0  # on a busy machine a child is waited for so many times its limit, or so many seconds
AGAIN = 0.25  # seconds after which a limit that a library swallowed is said again

_expendable = False
_calls: dict[str, int] = {}


@dataclass(frozen=True)
class Budget:
    """What reading one file may cost: seconds of processor time, and bytes of memory beyond what the process has."""

    seconds: float
    memory: int


class _OutOfTime(BaseException):
    """No Exception: libraries catch these."""


def expendable() -> None:
    """Says that this process exists to read files: limits are set on itself, and no child is made."""
    global _expendable
    _expendable = True


def guarded(work: Callable[[], R], budget: Budget, name: str, uses: str = "") -> R:
    """The result of `work` within the budget; ReadError where it costs more, or the process that does it dies.

    The result must travel between processes. `uses` names a module that takes long to import: a program that reads a
    second file imports it itself, and its children have it.
    """
    if _expendable or not hasattr(os, "fork"):
        try:
            with _limits(budget, name):
                return work()
        except (ReadError, MemoryError, RecursionError):
            raise
        except Exception as error:  # a defect of ours: no file may see it as anything else than in a child
            raise died(name) from error
    _calls[uses] = _calls.get(uses, 0) + 1
    if uses and _calls[uses] == 2:
        importlib.import_module(uses)
    return _in_child(work, budget, name)


# Limits on this process


_started_with: int | None = None


@contextlib.contextmanager
def _limits(budget: Budget, name: str) -> Iterator[None]:
    """ReadError after so much processor time, MemoryError at so much memory; where the system has such limits."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    import resource

    global _started_with
    if _started_with is None:
        _started_with = _memory()
    armed = True

    def out_of_time(number: int, frame: FrameType | None) -> None:
        if armed:
            raise _OutOfTime

    before = signal.signal(signal.SIGPROF, out_of_time)
    ends = [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_DATA)]
    try:
        used = time.process_time()
        _lower(resource.RLIMIT_CPU, int(used + budget.seconds) + GRACE)
        if _started_with:
            _lower(resource.RLIMIT_DATA, _started_with + budget.memory)
        signal.setitimer(signal.ITIMER_PROF, budget.seconds, AGAIN)
        try:
            yield
        finally:
            armed = False  # before anything else here: an alarm that comes sooner ends in the next line
    except _OutOfTime:
        raise too_slow(name) from None
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        for kind, limit in zip((resource.RLIMIT_CPU, resource.RLIMIT_DATA), ends, strict=True):
            resource.setrlimit(kind, limit)
        signal.signal(signal.SIGPROF, before)


def too_slow(name: str) -> ReadError:
    """The refusal of what takes more time than its size is worth."""
    return ReadError("timeout", f"{name} takes longer to read than a piece of its size ever should.")


def _lower(kind: int, limit: int) -> None:
    import resource

    soft, hard = resource.getrlimit(kind)
    held = [value for value in (soft, hard) if value != resource.RLIM_INFINITY]
    resource.setrlimit(kind, (min([limit, *held]), hard))


def _memory() -> int:
    """Bytes of data that this process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (quicker; no path of anybody's)
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


# In a child


def _in_child(work: Callable[[], R], budget: Budget, name: str) -> R:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    with warnings.catch_warnings():  # newer Pythons warn of fork where threads run: the child uses none of theirs
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _child(work, budget, name, theirs)
    theirs.close()
    status: int | None = None
    try:
        deadline = time.monotonic() + max(PATIENCE * budget.seconds, AT_LEAST)
        while not ours.poll(0.2) and status is None:
            status = _ended(child)
            if status is None and time.monotonic() > deadline:
                raise too_slow(name)
        found: tuple[Any, ReadError | None] | None = None
        with contextlib.suppress(EOFError, OSError):
            if ours.poll(0):
                found = ours.recv()
        if found is None:
            status = _ended(child, wait=True) if status is None else status
            raise too_slow(name) if status == -signal.SIGXCPU else died(name)
        result, refusal = found
        if refusal is not None:
            raise refusal
        answer: R = result
        return answer
    finally:
        ours.close()
        if status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _ended(child, wait=True)


def died(name: str) -> ReadError:
    """The refusal of what ended the process that read it."""
    return ReadError("crashed", f"{name} cannot be read: the process that read it died.")


def _ended(child: int, wait: bool = False) -> int | None:
    """How a child ended, as a negative signal or an exit code; None where it has not."""
    try:
        found, status = os.waitpid(child, 0 if wait else os.WNOHANG)
    except ChildProcessError:  # somebody else was told
        return 0
    return os.waitstatus_to_exitcode(status) if found else None


def _child(work: Callable[[], Any], budget: Budget, name: str, pipe: Any) -> None:
    """The life of a child: one piece of work, and no return."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        gc.freeze()  # what the parent had is never garbage here, and looking at it would copy it
        answer: tuple[Any, ReadError | None]
        try:
            with _limits(budget, name):
                answer = work(), None
        except ReadError as error:
            answer = None, error
        except (MemoryError, RecursionError):
            answer = None, ReadError("too-large", f"{name} is too large or too deeply nested to be read.")
        pipe.send(answer)
    except BaseException:  # nothing of the parent's may run here
        os._exit(1)
    os._exit(0)
