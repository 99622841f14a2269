"""Calls about takes: finding them, what a person says of them, what they hold, bringing files in.

Knows nothing of HTTP.
"""

from pathlib import PurePath
from typing import Any

from erato import score as scores
from erato.errors import UsageError
from erato.score import Piece
from erato.studio import score_json, takes
from erato.studio.endpoints import AN_ID, Call, Endpoint, Json, Raw
from erato.studio.schemas import list_of, obj, ref, text, whole

_TITLE, _NOTE, _TAG = text(200), text(10_000), text(50)
_WORDS = text(4_000_000, description="the text")
_STATUS = {"type": "string", "enum": list(takes.STATUS)}
_EITHER = [{"required": ["score"]}, {"required": ["text"]}]
_MOST = 10_000  # takes of one answer


def _find(call: Call) -> dict[str, Any]:
    with call.studio.project.read() as connection:
        return {"takes": [take.to_json() for take in takes.find(connection, **{"limit": _MOST, **call.query})]}


def _take(call: Call) -> dict[str, Any]:
    with call.studio.project.read() as connection:
        return takes.get(connection, call.path["id"]).to_json()


def _change(call: Call) -> dict[str, Any]:
    with call.studio.project.connect() as connection:
        return takes.change(connection, call.path["id"], **call.body).to_json()


def _add(call: Call) -> Json:
    project, body = call.studio.project, call.body
    parent, before = body.get("parent"), None
    if parent is not None:
        with project.read() as connection:
            take = takes.get(connection, parent)
        before = project.piece(take.digest, take.kind)
    piece = _piece(body, before)
    digest, kind = project.keep_piece(piece), _kind(piece)
    with project.connect() as connection:
        added = takes.add(
            connection,
            kind=kind,
            how=body["how"],
            digest=digest,
            parent=parent,
            title=body.get("title", ""),
            facts=_facts(piece),
        )
    return Json(added.to_json(), 201)


def _import(call: Call) -> Json:
    project, name = call.studio.project, PurePath(call.query["name"]).name
    read = call.studio.reader.read(call.body, name)
    if len(read.pieces) != 1:
        raise UsageError(f"{name} holds {len(read.pieces)} pieces: give a file with one, or make a corpus of it.")
    piece = read.pieces[0].piece
    digest = project.keep_piece(piece)
    with project.connect() as connection:
        take = takes.add(
            connection,
            kind=_kind(piece),
            how="imported",
            digest=digest,
            title=PurePath(name).stem[:200],
            facts={**_facts(piece), "file": name[:200]},
        )
    return Json({**take.to_json(), "lost": read.lost}, 201)


def _read(call: Call) -> dict[str, Any]:
    project = call.studio.project
    with project.read() as connection:
        take = takes.get(connection, call.path["id"])
    piece = project.piece(take.digest, take.kind)
    found = {"version": take.version, "kind": take.kind}
    return {**found, "text": piece} if isinstance(piece, str) else {**found, "score": score_json.to_json(piece)}


def _revise(call: Call) -> dict[str, Any]:
    project, id = call.studio.project, call.path["id"]
    with project.read() as connection:
        take = takes.get(connection, id)
    piece = _piece(call.body, project.piece(take.digest, take.kind))
    digest = project.keep_piece(piece)
    with project.connect() as connection:
        return takes.revise(connection, id, call.body["version"], digest, _facts(piece)).to_json()


def _piece(body: dict[str, Any], before: Piece | None) -> Piece:
    """The piece that a call hands in; before: what it was made of, which keeps what JSON does not hold."""
    words: str | None = body.get("text")
    if isinstance(before, str):
        if words is None:
            raise UsageError("this take is words: give text.")
    elif before is not None:
        if words is not None:
            raise UsageError("this take is music: give score.")
        return score_json.merged(before, body["score"])
    return score_json.from_json(body["score"]) if words is None else words


def _kind(piece: Piece) -> str:
    return "text" if isinstance(piece, str) else "music"


def _facts(piece: Piece) -> dict[str, Any]:
    """What is to be said of a piece that nobody composed."""
    if isinstance(piece, str):
        return {"characters": len(piece)}
    return {"bars": len(scores.bars(piece)), "seconds": scores.seconds(piece), "notes": scores.note_count(piece)}


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/takes",
        "Takes, newest first: those for which all that is asked holds.",
        _find,
        query={
            "q": text(500, description="words that stand in title, note, tags, model or recipe"),
            "tag": _TAG,
            "starred": {"type": "boolean"},
            "status": _STATUS,
            "model": AN_ID,
            "kind": {"type": "string", "enum": list(takes.KINDS)},
            "parent": AN_ID,
            "job": AN_ID,
            "limit": whole(1, _MOST),
            "offset": whole(0, 10**9),
        },
        answers={200: obj({"takes": list_of(ref("Take"))}, ["takes"])},
    ),
    Endpoint(
        "POST",
        "/api/takes",
        "A new take of a piece made by hand; of a parent it keeps what JSON does not hold.",
        _add,
        body=obj(
            {
                "how": {"type": "string", "enum": list(takes.REVISED)},
                "parent": AN_ID,
                "title": _TITLE,
                "score": ref("Score"),
                "text": _WORDS,
            },
            ["how"],
            oneOf=_EITHER,
            description="an object with either score or text",
        ),
        answers={201: ref("Take")},
        refusals=(404, 507),
    ),
    Endpoint(
        "POST",
        "/api/takes/import",
        "A new take of a file: MIDI, MusicXML, ABC, Humdrum or text. lost: what of it is not held, and how often.",
        _import,
        query={"name": text(200, 1, description="how the file is called; its suffix says what it is")},
        required=["name"],
        body=Raw("the bytes of the file"),
        answers={201: ref("Take")},
        refusals=(507,),
        slow=True,
    ),
    Endpoint("GET", "/api/takes/{id}", "One take.", _take, answers={200: ref("Take")}),
    Endpoint(
        "PATCH",
        "/api/takes/{id}",
        "Changes what is said of a take; what is left out stays.",
        _change,
        body=obj(
            {
                "title": _TITLE,
                "starred": {"type": "boolean"},
                "tags": list_of(_TAG, 50),
                "note": _NOTE,
                "status": _STATUS,
            }
        ),
        answers={200: ref("Take")},
        refusals=(507,),
    ),
    Endpoint("GET", "/api/takes/{id}/piece", "What a take holds.", _read, answers={200: ref("Piece")}),
    Endpoint(
        "PUT",
        "/api/takes/{id}/piece",
        "Saves a take that was made by hand; refused where it was saved elsewhere after the version that is named.",
        _revise,
        body=obj(
            {"version": whole(1, 10**9), "score": ref("Score"), "text": _WORDS},
            ["version"],
            oneOf=_EITHER,
            description="an object with either score or text",
        ),
        answers={200: ref("Take")},
        refusals=(409, 507),
    ),
]
