"""All calls of the API, in one table. Knows nothing of what they do."""

from functools import cache
from typing import Any, NoReturn

from erato.studio import api_corpora, api_files, api_jobs, api_models, api_studio, api_takes
from erato.studio.endpoints import Call, Endpoint
from erato.studio.openapi import description
from erato.studio.schemas import whole


def _stream(call: Call) -> NoReturn:
    raise AssertionError("events are told by events.py, as long as a page listens")


def _describe(call: Call) -> dict[str, Any]:
    return _description()


@cache
def _description() -> dict[str, Any]:
    return description([*ENDPOINTS, EVENTS])


ENDPOINTS: list[Endpoint] = [
    *api_studio.ENDPOINTS,
    *api_corpora.ENDPOINTS,
    *api_models.ENDPOINTS,
    *api_jobs.ENDPOINTS,
    *api_takes.ENDPOINTS,
    *api_files.ENDPOINTS,
    Endpoint("GET", "/api/openapi.json", "This description.", _describe),
]

EVENTS = Endpoint(  # served by `events.Events`
    "GET",
    "/api/events",
    "Jobs and takes as they change, as server-sent events; since: the number of the newest change that is known.",
    _stream,
    query={"since": whole(0, 2**63 - 1)},
    answers={200: "text/event-stream"},
)
