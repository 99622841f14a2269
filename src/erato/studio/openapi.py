"""The description of the API (OpenAPI 3.1), made of the table that also decides what is let through.

In: endpoints. Out: one JSON value. Knows nothing of what the calls do.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import erato
from erato.studio.endpoints import Endpoint, Raw, Schema
from erato.studio.schemas import COMPONENTS, ref

_EVERY_CALL = (400, 401, 403, 405, 408, 413, 414, 431)  # may refuse any call


def description(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The studio of Erato",
            "version": erato.__version__,
            "summary": "Learns from your own music or words and writes new pieces: everything that the page can do.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "the token of the opened address"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "erato-studio-PORT",
                    "description": "what opening /?token=... sets",
                },
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema} for name, schema in endpoint.places.items()
    ]
    for name, schema in endpoint.query.items():
        said = {"description": schema["description"]} if "description" in schema else {}
        required = name in endpoint.required
        parameters.append({"name": name, "in": "query", "required": required, **said, "schema": schema})
    refusals = {*_EVERY_CALL, *endpoint.refusals, *([404] if endpoint.places else [])}
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {str(status): _answer(status, schema) for status, schema in endpoint.answers.items()},
    }
    if isinstance(endpoint.body, Raw):
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        found["requestBody"] = {"required": True, "description": endpoint.body.summary, "content": content}
    elif endpoint.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": endpoint.body}}}
        refusals.add(415)
    for status in sorted(refusals):
        found["responses"][str(status)] = _answer(status, ref("Error"))
    return found


def _answer(status: int, schema: Schema | str | None) -> dict[str, Any]:
    said: Mapping[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is None:
        return dict(said)
    if isinstance(schema, str):
        return {**said, "content": {schema: {"schema": {"type": "string", "format": "binary"}}}}
    return {**said, "content": {"application/json": {"schema": schema}}}
