"""Calls about work: checking a corpus, training, composing, and what has become of it. Knows nothing of HTTP.

A call that asks for work looks at once whether what it names is there; all else is found out, and said, by the job.
"""

from collections.abc import Callable
from typing import Any

from erato.errors import UsageError
from erato.studio import folders, models, takes
from erato.studio.endpoints import AN_ID, Call, Endpoint, Json
from erato.studio.jobs import Wish
from erato.studio.run_facts import MOST_PIECES
from erato.studio.schemas import JOB_KINDS, JOB_STATES, list_of, obj, ref, text, whole

MOST_SEED = 2**53 - 1  # the last whole number that every reader of JSON takes for itself
_SEED = whole(0, MOST_SEED)
_SEEDS = {"anyOf": [_SEED, list_of(_SEED, 16)], "description": "a seed, or a list of seeds, one a track"}
_LENGTHS = ("bars", "seconds", "length")
_ORDER = {202: ref("Job")}


def _jobs(call: Call) -> dict[str, Any]:
    found = call.studio.queue.find(call.query.get("state"), call.query.get("kind"))
    return {"jobs": [job.to_json() for job in found]}


def _job(call: Call) -> dict[str, Any]:
    return call.studio.queue.get(call.path["id"]).to_json()


def _asking(wish: Wish) -> Callable[[Call], dict[str, Any]]:
    def ask(call: Call) -> dict[str, Any]:
        return call.studio.queue.ask(call.path["id"], wish).to_json()

    return ask


def _check(call: Call) -> Json:
    folders.one(call.studio.project, call.body["corpus"])
    return _submitted(call, "check")


def _train(call: Call) -> Json:
    folders.one(call.studio.project, call.body["corpus"])
    return _submitted(call, "train")


def _compose(call: Call) -> Json:
    project, request = call.studio.project, call.body
    asked = [name for name in _LENGTHS if name in request]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} all say how long it is to be: give one of them.")
    models.find(project, request["model"])
    prompt = request.get("prompt", {})
    if "to_bar" in prompt and "to_second" in prompt:
        raise UsageError("to_bar and to_second both say where the prompt ends: give one of them.")
    with project.read() as connection:
        for id in (prompt.get("take"), request.get("parent")):
            if id is not None:
                takes.get(connection, id)
    return _submitted(call, "compose")


def _submitted(call: Call, kind: str) -> Json:
    return Json(call.studio.queue.submit(kind, call.body).to_json(), 202)


_PROMPT = {
    "oneOf": [
        obj(
            {
                "take": AN_ID,
                "to_bar": whole(1, 100_000, description="the last bar that is kept, counted from 1 without a pickup"),
                "to_second": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000},
            },
            ["take"],
        ),
        obj({"text": text(500_000, 1)}, ["text"]),
    ],
    "description": "{take, to_bar or to_second} or {text}",
}
_COMPOSE = obj(
    {
        "model": AN_ID,
        "n": whole(1, MOST_PIECES),
        "seed": _SEED,
        "temperature": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        "top_k": whole(0, 1_000_000, description="0: all may come"),
        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "bars": whole(1, 1000),
        "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
        "length": whole(1, 100_000, description="in steps of the model"),
        "original": whole(1, 1000, description="no more notes in a row than so many as in a training melody"),
        "prompt": _PROMPT,
        "chords": _SEEDS,
        "style": _SEEDS,
        "melody": _SEEDS,
        "groove": _SEEDS,
        "parent": AN_ID,
    },
    ["model"],
)
_TRAIN = obj(
    {
        "corpus": AN_ID,
        "recipe": text(100, 1, description="a recipe, as in erato list recipes"),
        "minutes": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000},
        "name": text(100),
        "seed": _SEED,
        "settings": list_of(
            {
                "type": "string",
                "pattern": r"^[a-z_][a-z0-9_.]{0,99}=[^/\\\n]{0,200}$",
                "description": "a number of the recipe, as in model.width=64",
            },
            100,
        ),
    },
    ["corpus", "recipe"],
)
_STATE, _KIND = {"type": "string", "enum": JOB_STATES}, {"type": "string", "enum": JOB_KINDS}

_WISHES: dict[Wish, str] = {
    "cancel": "Ends a job; what it has done so far is thrown away.",
    "pause": "Pauses a training; it goes on later where it was.",
    "resume": "Goes on with a training.",
    "keep": "Ends a training and keeps the best that it has learnt so far.",
}

ENDPOINTS = [
    Endpoint(
        "POST",
        "/api/check",
        "Looks at a corpus: what can be read, what not and why.",
        _check,
        body=obj({"corpus": AN_ID}, ["corpus"]),
        answers=_ORDER,
        refusals=(404, 429, 507),
    ),
    Endpoint(
        "POST",
        "/api/train",
        "Trains a model of a recipe on a corpus.",
        _train,
        body=_TRAIN,
        answers=_ORDER,
        refusals=(404, 429, 507),
    ),
    Endpoint(
        "POST",
        "/api/compose",
        "Composes with a model; the pieces become takes that are offered.",
        _compose,
        body=_COMPOSE,
        answers=_ORDER,
        refusals=(404, 429, 507),
    ),
    Endpoint(
        "GET",
        "/api/jobs",
        "The jobs, newest first.",
        _jobs,
        query={"state": _STATE, "kind": _KIND},
        answers={200: obj({"jobs": list_of(ref("Job"))}, ["jobs"])},
    ),
    Endpoint("GET", "/api/jobs/{id}", "One job.", _job, answers={200: ref("Job")}),
    *(
        Endpoint(
            "POST",
            f"/api/jobs/{{id}}/{wish}",
            summary,
            _asking(wish),
            answers={200: ref("Job")},
            refusals=(409, 429, 507),
        )
        for wish, summary in _WISHES.items()
    ),
]
