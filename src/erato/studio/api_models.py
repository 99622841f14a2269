"""Calls about models: what there is, how it learned, what it composed meanwhile. Knows nothing of HTTP."""

from pathlib import Path
from typing import Any

from erato import reading
from erato.studio import models, score_json
from erato.studio.endpoints import Blob, Call, Endpoint
from erato.studio.schemas import list_of, obj, ref

_TEXT = {"type": "string"}


def _models(call: Call) -> dict[str, Any]:
    return {"models": models.all_models(call.studio.project)}


def _model(call: Call) -> dict[str, Any]:
    return models.one(call.studio.project, call.path["id"])


def _metrics(call: Call) -> dict[str, Any]:
    return models.metrics(call.studio.project, call.path["id"])


def _picture(call: Call) -> Blob:
    return Blob(call.studio.renders.curves(models.find(call.studio.project, call.path["id"])), "image/svg+xml")


def _samples(call: Call) -> dict[str, Any]:
    return {"samples": models.samples(call.studio.project, call.path["id"])}


def _sample(call: Call) -> dict[str, Any]:
    piece = reading.read_piece(_file(call))
    if isinstance(piece, str):
        return {"kind": "text", "text": piece}
    return {"kind": "music", "score": score_json.to_json(piece)}


def _sound(call: Call) -> Blob:
    return Blob(call.studio.renders.of_file(_file(call), "wav"), "audio/wav")


def _file(call: Call) -> Path:
    return models.sample(call.studio.project, call.path["id"], call.path["name"])


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/models",
        "The models, newest first.",
        _models,
        answers={200: obj({"models": list_of(ref("Model"))}, ["models"])},
    ),
    Endpoint("GET", "/api/models/{id}", "One model.", _model, answers={200: ref("Model")}),
    Endpoint(
        "GET",
        "/api/models/{id}/metrics",
        "How a model learned, evaluation by evaluation.",
        _metrics,
        answers={
            200: obj(
                {"measure": {}, "unit": {}, "lines": list_of({"type": "object"})},
                ["measure", "unit", "lines"],
            )
        },
    ),
    Endpoint(
        "GET",
        "/api/models/{id}/picture.svg",
        "The curves of its learning, as a picture.",
        _picture,
        answers={200: "image/svg+xml"},
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/models/{id}/samples",
        "What it composed while it learned, newest last.",
        _samples,
        answers={200: obj({"samples": list_of({"type": "object"})}, ["samples"])},
    ),
    Endpoint(
        "GET",
        "/api/models/{id}/samples/{name}",
        "One of these samples, as a score or a text.",
        _sample,
        answers={200: obj({"kind": {"enum": ["music", "text"]}, "score": {"type": "object"}, "text": _TEXT}, ["kind"])},
    ),
    Endpoint(
        "GET",
        "/api/models/{id}/samples/{name}/sound.wav",
        "One of these samples, as sound.",
        _sound,
        answers={200: "audio/wav"},
        slow=True,
    ),
]
