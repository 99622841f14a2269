"""Work that tests can reason about, in place of `erato.studio.work`: workers import it by name."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from erato.errors import UsageError
from erato.studio.jobs import Queue

LANES = {"job": "short", "train": "train"}


@dataclass
class Finished:
    result: dict
    takes: list = field(default_factory=list)


def work(project, job, tell):
    return globals()[f"_{job.request['do']}"](project, job, tell)


def kept(project, job):
    steps = _steps(project, job)
    if not steps.is_file():
        raise UsageError("there is nothing to keep yet: wait for the first step.")
    return Finished({"kept": int(steps.read_text())})


def _take(project, job, tell):
    """One take whose text is what was asked for; every time it is done leaves a line."""
    with (project.folder / "done.txt").open("a") as file:
        file.write(f"{job.id}\n")
    time.sleep(job.request.get("seconds", 0))
    digest = project.keep_piece(job.request["text"])
    return Finished({"process": os.getpid()}, [{"kind": "text", "how": "composed", "digest": digest}])


def _cancelled_meanwhile(project, job, tell):
    """It is done all the same, before anybody could stop it."""
    Queue(project, lanes=LANES).ask(job.id, "cancel")
    return _take(project, job, tell)


def _two_takes_one_wrong(project, job, tell):
    digest = project.keep_piece("whole")
    right = {"kind": "text", "how": "composed", "digest": digest}
    return Finished({}, [right, {**right, "parent": "nobody"}])


def _tell(project, job, tell):
    for number in range(job.request["times"]):
        tell({"share": number, "loss": float("nan")})
        time.sleep(job.request["seconds"])
    return Finished({})


def _sleep(project, job, tell):
    Path(job.request["began"]).write_text(str(os.getpid()))
    time.sleep(job.request.get("seconds", 60))
    return Finished({})


def _native(project, job, tell):
    """Native code that neither lets other threads run nor looks at signals."""
    Path(job.request["began"]).write_text(str(os.getpid()))
    return Finished({"sum": sum(range(10**12))})


def _children(project, job, tell):
    """A child of its own that would outlive it."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)
        os._exit(0)
    Path(job.request["began"]).write_text(str(child))
    time.sleep(60)
    return Finished({})


def _die(project, job, tell):
    with (project.folder / "deaths.txt").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(job.request.get("seconds", 0))
    os.kill(os.getpid(), getattr(signal, job.request["by"]))
    time.sleep(60)


def _die_once(project, job, tell):
    mark = project.folder / "died.txt"
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGSEGV)
    return Finished({"attempt": job.attempts})


def _fail(project, job, tell):
    raise {
        "usage": UsageError("the bars must be 1 to 64, got 99: ask for fewer."),
        "memory": MemoryError(),
        "torch": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 9"),
        "disk": OSError(28, "No space left on device", "x"),
        "fault": ZeroDivisionError("division by zero"),
        "exit": SystemExit(3),
    }[job.request["with"]]


def _steps(project, job):
    return project.runs / f"{job.id}.txt"


def _train(project, job, tell):
    """Counts steps, and goes on from those that it saved when it was stopped."""
    steps = _steps(project, job)
    done = int(steps.read_text()) if steps.is_file() else 0
    began = done
    try:
        while done < job.request["steps"]:
            time.sleep(0.02)
            done += 1
            tell({"step": done, "began": began})
    except KeyboardInterrupt:
        time.sleep(job.request.get("slow", 0))
        if done > job.request.get("first", 0):
            steps.write_text(str(done))
        raise
    return Finished({"steps": done, "began": began})
