"""All calls of the API, in one table. Knows nothing of what they do."""

from functools import cache
from typing import Any

from erato.studio import api_corpora, api_files, api_jobs, api_models, api_studio, api_takes
from erato.studio.endpoints import Call, Endpoint
from erato.studio.openapi import description


def _describe(call: Call) -> dict[str, Any]:
    return _description()


@cache
def _description() -> dict[str, Any]:
    return description(ENDPOINTS)


ENDPOINTS: list[Endpoint] = [
    *api_studio.ENDPOINTS,
    *api_corpora.ENDPOINTS,
    *api_models.ENDPOINTS,
    *api_jobs.ENDPOINTS,
    *api_takes.ENDPOINTS,
    *api_files.ENDPOINTS,
    Endpoint("GET", "/api/openapi.json", "This description.", _describe),
]
