"""Calls about the studio as a whole: what it is, what it offers. Knows nothing of HTTP."""

from typing import Any

import erato
from erato.studio import folders
from erato.studio.endpoints import Call, Endpoint
from erato.studio.recipe_cards import recipe_cards
from erato.studio.schemas import list_of, obj, ref


def _studio(call: Call) -> dict[str, Any]:
    project, studio = call.studio.project, call.studio
    return {
        "version": erato.__version__,
        "project": project.folder.name,
        "limits": {"file_bytes": studio.upload_bytes, "waiting_jobs": studio.queue.most},
        "folders": [{"name": name} for name in folders.allowed(project)],
        "recipes": recipe_cards(),
        "corpora": folders.builtin(),
    }


_WORD = {"type": "string"}
_NUMBER = {"type": "integer"}

ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/studio",
        "The version, the project, the limits, the recipes, and the corpora that came with the install.",
        _studio,
        answers={
            200: obj(
                {
                    "version": _WORD,
                    "project": _WORD,
                    "limits": obj({"file_bytes": _NUMBER, "waiting_jobs": _NUMBER}),
                    "folders": list_of(obj({"name": _WORD})),
                    "recipes": list_of(
                        obj({"name": _WORD, "summary": _WORD, "kind": _WORD, "minutes": _NUMBER, "needs": _WORD})
                    ),
                    "corpora": list_of(ref("Corpus")),
                },
                ["version", "project", "limits", "folders", "recipes", "corpora"],
            )
        },
    ),
]
