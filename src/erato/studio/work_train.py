"""Training as a job: a recipe and a corpus in, a model of the project out; goes on in the same folder after a stop.

Knows nothing of queues; `erato.pipeline` trains.
"""

import math
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato.errors import CorpusError, EratoError, RunError, UsageError
from erato.reporter import Reporter
from erato.studio import folders, run_facts
from erato.studio.errors import for_the_page
from erato.studio.jobs import Job
from erato.studio.models import run_name
from erato.studio.project import Project

if TYPE_CHECKING:
    from erato.studio.work import Tell
    from erato.training import Progress

_MOST_NOTES = 20  # sentences that are told


class Telling(Reporter):
    """Tells how far a job is, as its progress: {share, said, notes}, and of training {training}."""

    def __init__(self, tell: "Tell", **always: Any) -> None:
        self._tell, self._said = tell, {"share": None, "said": "", "notes": [], **always}

    def note(self, text: str) -> None:
        self._say(notes=[*self._said["notes"], text][-_MOST_NOTES:])

    def progress(self, done: int, total: int | None, what: str) -> None:
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        self._say(share=min(1.0, done / total) if total else None, said=f"{what[:1].upper()}{what[1:]}: {count}")

    def training(self, progress: "Progress") -> None:
        left = progress.seconds_left
        self._say(
            share=progress.spent,
            said=f"Learning: step {progress.step:,}",
            training={
                "step": progress.step,
                "share": progress.spent,
                "loss": _number(progress.loss),
                "per_second": _number(progress.per_second),
                "seconds_left": _number(left),
            },
        )

    def say(self, said: str, share: float | None = None, **more: Any) -> None:
        """Tells what is being done now."""
        self._say(said=said, share=share, **more)

    def _say(self, **new: Any) -> None:
        self._said |= new
        self._tell(dict(self._said))


def train(project: Project, job: Job, tell: "Tell") -> dict[str, Any]:
    """Trains what the job asks for, from where it stopped; KeyboardInterrupt after saving when asked to stop."""
    asked, folder = job.request, project.runs / run_name(job)
    reporter = Telling(tell, model=folder.name)
    if run_facts.finished(folder):  # and what did it ended before it could say so
        return _result(folder)
    source = folders.source(project, asked["corpus"])
    if folder.is_dir() and not run_facts.is_run(folder):  # ended while it was made
        shutil.rmtree(folder)
    reporter.say("Reading the corpus")
    from erato import pipeline

    try:
        run = pipeline.train(
            asked["recipe"],
            source,
            folder,
            minutes=asked.get("minutes"),
            settings=asked.get("settings") or (),
            seed=asked.get("seed"),
            reporter=reporter,
        )
    except (CorpusError, UsageError) as error:  # in the words of the page
        said = str(error).replace(Path(source).name, folders.one(project, asked["corpus"])["name"])
        raise type(error)(for_the_page(said)) from None
    with suppress(EratoError, OSError):  # composing makes it where it is not there
        from erato.training_index import music_index, words_index

        pieces = run.own_pieces()
        (music_index if pieces.kind == "music" else words_index)(pieces, reporter.progress)
    return _result(folder)


def kept(project: Project, job: Job) -> dict[str, Any]:
    """The model that a training has come to so far; RunError where it has no weights yet."""
    folder = project.runs / run_name(job)
    if not (folder / run_facts.WEIGHTS).is_file():
        raise RunError("It was stopped before its first evaluation, and there is nothing to keep: train it for longer.")
    return _result(folder)


def _result(folder: Path) -> dict[str, Any]:
    said = run_facts.facts(folder)
    return {"model": folder.name, "steps": said["steps"], "best_loss": said["best_loss"]}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
