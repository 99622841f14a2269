"""The models of a project: run folders described for the page, by ids that hold no path.

A project and an id in, JSON values and paths out. What a folder says of itself is `run_facts`; what a training that is
going on adds to that comes from the queue. Loads no weights.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from erato.studio import run_facts
from erato.studio.errors import NotThere
from erato.studio.jobs import Job, Queue
from erato.studio.project import Project

ID = re.compile(r"[0-9a-z][0-9a-z_.-]{0,127}")
_GOING_ON = {"waiting": "It waits for its turn.", "running": "It is learning.", "paused": "Its training is paused."}
_MOST_JOBS = 10_000


def slug(text: str, most: int = 48) -> str:
    """`text` as a part of an id: small letters and digits, hyphens between; may be empty."""
    return re.sub(r"[^0-9a-z]+", "-", text.lower()).strip("-")[:most].strip("-")


def run_name(job: Job) -> str:
    """The folder in `project.runs` that a training has, from its job alone, so that it is found again after a stop."""
    said = slug(str(job.request.get("name") or job.request.get("recipe") or "")) or "model"
    return f"{said}-{slug(job.id)[-8:] or 'run'}"


def all_models(project: Project) -> list[dict[str, Any]]:
    """Every model, the newest first."""
    trainings, names = _trainings(project), _corpus_names(project)
    found = [_model(id, folder, trainings.get(folder), names) for id, folder in _folders(project).items()]
    return sorted(found, key=lambda model: -(model["created"] or 0))


def one(project: Project, id: str) -> dict[str, Any]:
    """One model; NotThere."""
    folder = find(project, id)
    return _model(id, folder, _trainings(project).get(folder), _corpus_names(project))


def find(project: Project, id: str) -> Path:
    """The run folder of a model; NotThere."""
    found = _folders(project).get(id)  # what is typed is looked up, and never becomes a path
    if found is None:
        raise NotThere(f"there is no model {id[:60]!r}: it may have been removed.")
    return found


def metrics(project: Project, id: str) -> dict[str, Any]:
    """{measure, unit, lines}: the evaluations of a model so far."""
    folder = find(project, id)
    said = run_facts.facts(folder)
    return {"measure": said["measure"], "unit": said["unit"], "lines": run_facts.metrics(folder)}


def samples(project: Project, id: str) -> list[dict[str, Any]]:
    """What a model composed while it learned: {name, step, kind}, the newest last."""
    return run_facts.samples(find(project, id))


def sample(project: Project, id: str, name: str) -> Path:
    """The file of one of these samples; NotThere."""
    folder = find(project, id)
    if name not in {one["name"] for one in run_facts.samples(folder)}:
        raise NotThere(f"there is no sample {name[:60]!r} of this model.")
    return folder / "samples" / name


def _model(id: str, folder: Path, training: Job | None, names: Mapping[str, str]) -> dict[str, Any]:
    """What is said of a run; training: the job that trains it, where there is one; names: see `_corpus_names`."""
    said = run_facts.facts(folder)
    name = str(training.request.get("name") or "") if training else ""
    found = {"id": id, "name": name or folder.name, **said, "job": training.id if training else None}
    found["corpus"] = names.get(said["corpus"], said["corpus"])
    if training and training.state in _GOING_ON and said["state"] != "damaged":
        going_on = "unfinished" if training.state == "paused" else "training"
        found |= {"state": going_on, "why": _GOING_ON[training.state]}
    return found


def _folders(project: Project) -> dict[str, Path]:
    """The run folders by id; where two are called the same, the first has the name."""
    found: dict[str, Path] = {}
    for folder in _runs(project):
        id = folder.name
        if not ID.fullmatch(id) or id in found:
            id = f"{slug(id) or 'run'}-{sha256(str(folder.absolute()).encode()).hexdigest()[:8]}"
        found[id] = folder
    return found


def _runs(project: Project) -> Iterator[Path]:
    """The folders that hold a run: those in the run folders, and these themselves."""
    for top in project.run_folders:
        if run_facts.is_run(top):
            yield top
        try:
            inside = sorted(top.iterdir())
        except OSError:  # not there, or not ours to look into
            continue
        yield from (folder for folder in inside if not folder.name.startswith(".") and run_facts.is_run(folder))


def _trainings(project: Project) -> Mapping[Path, Job]:
    """The jobs that train, by their run folders."""
    jobs = Queue(project).find(kind="train", limit=_MOST_JOBS)
    return {project.runs / run_name(job): job for job in jobs}


def _corpus_names(project: Project) -> dict[str, str]:
    """What people call the corpora of the project, by the names of their folders."""
    with project.read() as connection:
        return {row["id"]: row["name"] for row in connection.execute("SELECT id, name FROM corpora")}
