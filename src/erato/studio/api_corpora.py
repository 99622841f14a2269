"""Calls about what models learn from: corpora, files handed in, folders of the person's. Knows nothing of HTTP."""

from typing import Any

from erato.studio import folders
from erato.studio.endpoints import Call, Endpoint, Json, Raw
from erato.studio.schemas import list_of, obj, ref, text

_PATH = text(1000, 1, description="how the file is called, with its folders, as in songs/one.mid")
_FOLDER = text(200, 1, description="one of the folders of /api/studio")


def _corpora(call: Call) -> dict[str, Any]:
    return {"corpora": folders.corpora(call.studio.project)}


def _new(call: Call) -> Json:
    return Json(folders.new(call.studio.project, call.body["name"]), 201)


def _keep(call: Call) -> dict[str, Any]:
    path = folders.keep_file(call.studio.project, call.path["id"], call.query["path"], call.body)
    return {"path": path, "bytes": len(call.body)}


def _remove(call: Call) -> None:
    folders.remove(call.studio.project, call.path["id"])


def _browse(call: Call) -> dict[str, Any]:
    return folders.browse(call.studio.project, call.query["folder"], call.query.get("path", ""))


def _link(call: Call) -> Json:
    body = call.body
    return Json(folders.link(call.studio.project, body["folder"], body["path"], body.get("name")), 201)


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/corpora",
        "What there is to learn from.",
        _corpora,
        answers={200: obj({"corpora": list_of(ref("Corpus"))}, ["corpora"])},
    ),
    Endpoint(
        "POST",
        "/api/corpora",
        "An empty corpus, for files to be handed in.",
        _new,
        body=obj({"name": text(100)}, ["name"]),
        answers={201: ref("Corpus")},
        refusals=(507,),
    ),
    Endpoint(
        "PUT",
        "/api/corpora/{id}/files",
        "Hands in one file of a corpus; one of the same path is written over.",
        _keep,
        query={"path": _PATH},
        required=["path"],
        body=Raw("the bytes of the file"),
        answers={200: obj({"path": {"type": "string"}, "bytes": {"type": "integer"}}, ["path", "bytes"])},
        refusals=(409, 507),
    ),
    Endpoint(
        "DELETE",
        "/api/corpora/{id}",
        "Removes files that were handed in, or the link to a folder, which stays as it is.",
        _remove,
        answers={204: None},
        refusals=(409, 507),
    ),
    Endpoint(
        "GET",
        "/api/folders",
        "What is in a folder that erato studio was started with (--folder).",
        _browse,
        query={"folder": _FOLDER, "path": text(4000)},
        required=["folder"],
        answers={
            200: obj(
                {
                    "folder": {"type": "string"},
                    "path": {"type": "string"},
                    "folders": list_of({"type": "string"}),
                    "files": {"type": "integer", "description": "how many can be read, in folders within it, too"},
                },
                ["folder", "path", "folders", "files"],
            )
        },
        refusals=(404,),
        slow=True,
    ),
    Endpoint(
        "POST",
        "/api/corpora/folders",
        "A corpus that is a folder on this computer, within one that erato studio was started with.",
        _link,
        body=obj({"folder": _FOLDER, "path": text(4000), "name": text(100)}, ["folder", "path"]),
        answers={201: ref("Corpus")},
        refusals=(404, 507),
    ),
]
