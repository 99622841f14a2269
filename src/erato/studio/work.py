"""What each kind of job does: a job in, its result and the takes it makes out. Knows nothing of processes and queues.

A mistake of a person is an EratoError; a training that is asked to stop raises KeyboardInterrupt after saving. What is
heavy to import is imported when a job needs it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from erato.studio.jobs import Job
from erato.studio.project import Project

LANES = {"check": "short", "compose": "short", "train": "train"}  # of the kinds of jobs

Tell = Callable[[dict[str, Any]], None]
NewTake = dict[str, Any]  # what `takes.add` is called with


@dataclass(frozen=True)
class Finished:
    """What a job came to; the takes are added, and their ids put into the result, when it is ended."""

    result: dict[str, Any]
    takes: list[NewTake] = field(default_factory=list)


def work(project: Project, job: Job, tell: Tell) -> Finished:
    """Does a job; `tell` may be called with its progress as often as there is something to tell."""
    if job.kind == "check":
        from erato.studio.work_check import check

        return Finished(check(project, job, tell))
    if job.kind == "train":
        from erato.studio.work_train import train

        return Finished(train(project, job, tell))
    from erato.studio.work_compose import compose

    return Finished({}, compose(project, job, tell))


def kept(project: Project, job: Job) -> Finished:
    """What a training that is stopped for good comes to; EratoError where it has not come to any weights yet."""
    from erato.studio.work_train import kept as result

    return Finished(result(project, job))
