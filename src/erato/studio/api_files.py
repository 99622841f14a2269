"""Calls that give files: sounds, pictures and scores of takes, exports, the whole project. Knows nothing of HTTP."""

import re
import tempfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

from erato.errors import EratoError
from erato.studio import archive, takes, unpacking
from erato.studio.endpoints import AN_ID, Blob, Call, Chunks, Endpoint, Raw
from erato.studio.schemas import list_of, obj, text
from erato.studio.takes import Take

MEDIA = {
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_PACKED = {"ogg", "pdf", "png"}  # which packing makes no smaller
_MOST_EXPORTED = 10_000
_PROJECT_BYTES = 8 * 2**30
_VERSION = {"v": text(20, description="of the take: with it, the answer may be kept without asking again")}
_FORMAT = {"type": "string", "enum": list(MEDIA)}
_PAGE = {"type": "string", "pattern": "^[1-9][0-9]{0,4}$", "description": "the number of a page, from 1"}


def _pages(call: Call) -> dict[str, Any]:
    digest, renders = _music(call).digest, call.studio.renders
    return {"pages": renders.pages(digest), "said": renders.changed(digest)}


def _page(call: Call) -> Blob:
    take, number = _music(call), int(call.path["page"])
    picture = call.studio.renders.page(take.digest, number)
    return Blob(picture, MEDIA["svg"], digest=f"{take.digest}.{number}", lasting="v" in call.query)


def _sound(call: Call) -> Blob:
    take = _music(call)
    sound = call.studio.renders.of_piece(take.digest, take.kind, "wav")
    return Blob(sound, MEDIA["wav"], digest=take.digest, lasting="v" in call.query)


def _export(call: Call) -> Blob:
    take, suffix = _of(call), call.path["format"]
    return Blob(_file(call, take, suffix), MEDIA[suffix], download=f"{file_name(take)}.{suffix}")


def _several(call: Call) -> Blob:
    asked = call.query.get("take")
    with call.studio.project.read() as connection:
        if asked:
            found = [takes.get(connection, id) for id in dict.fromkeys(asked)]
        else:
            found = takes.find(connection, status="kept", limit=_MOST_EXPORTED)
    path = _zipped(call, found, list(dict.fromkeys(call.query["format"])))
    return Blob(path, "application/zip", download="erato.zip", temporary=True)


def _zipped(call: Call, found: list[Take], formats: list[str]) -> Path:
    """A zip of these takes in the formats that they can have, and of what could not be made, and why."""
    left_out, folder = [], call.studio.project.cache
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="outgoing-", delete=False) as file:
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
                for take in found:
                    for suffix in formats if take.kind == "music" else _of_words(formats):
                        try:
                            made = _file(call, take, suffix)
                        except EratoError as error:
                            left_out.append(f"{file_name(take)}.{suffix}: {error}")
                            continue
                        packing = zipfile.ZIP_STORED if suffix in _PACKED else zipfile.ZIP_DEFLATED
                        zipped.write(made, f"{take.number:04d} {file_name(take)}.{suffix}", packing)
                if left_out:
                    zipped.writestr("left out.txt", "\n".join(left_out) + "\n")
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return Path(file.name)


def _project(call: Call) -> Chunks:
    name = f"{call.studio.project.folder.name}.zip"
    return Chunks(archive.export(call.studio.project), "application/zip", download=name)


def _bring(call: Call) -> dict[str, Any]:
    return unpacking.bring(call.studio.project, call.body)


def _of_words(formats: list[str]) -> list[str]:
    return [suffix for suffix in formats if suffix in ("html", "txt")] or ["txt"]


def _file(call: Call, take: Take, suffix: str) -> Path:
    return call.studio.renders.of_piece(take.digest, take.kind, suffix, take.called, take.facts)


def _of(call: Call) -> Take:
    with call.studio.project.read() as connection:
        return takes.get(connection, call.path["id"])


def _music(call: Call) -> Take:
    take = _of(call)
    if take.kind != "music":
        raise EratoError(f"{take.called} is words: they have no sound and no score.")
    return take


def file_name(take: Take) -> str:
    """A name that any system takes for a file, without suffix."""
    plain = unicodedata.normalize("NFC", take.called)
    plain = re.sub(r"[^\w .,()'&+-]", "_", plain).strip(" .")[:100].strip(" .")
    return plain or f"take {take.number}"


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/takes/{id}/score",
        "How many pages the score of a take has; said: what was changed or left out to write it down.",
        _pages,
        query=_VERSION,
        answers={200: obj({"pages": {"type": "integer"}, "said": list_of({"type": "string"})}, ["pages", "said"])},
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/takes/{id}/score/{page}.svg",
        "One page of the score of a take.",
        _page,
        query=_VERSION,
        shapes={"page": _PAGE},
        answers={200: MEDIA["svg"]},
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/takes/{id}/sound.wav",
        "How a take sounds.",
        _sound,
        query=_VERSION,
        answers={200: MEDIA["wav"]},
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/takes/{id}/export/{format}",
        "A take as a file to save, named after its title.",
        _export,
        shapes={"format": _FORMAT},
        answers={200: "application/octet-stream"},
        refusals=(507,),
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/export.zip",
        "Several takes as files in a zip; without take, all that are kept. Of words, only txt and html are made.",
        _several,
        query={
            "take": list_of(AN_ID, 1000),
            "format": list_of(_FORMAT, len(MEDIA)),
        },
        required=["format"],
        answers={200: "application/zip"},
        refusals=(404, 507),
        slow=True,
    ),
    Endpoint(
        "GET",
        "/api/project.zip",
        "The whole project: takes, music that was handed in, models trained here.",
        _project,
        answers={200: "application/zip"},
        slow=True,
    ),
    Endpoint(
        "POST",
        "/api/project/import",
        "Adds what such a zip holds to this project.",
        _bring,
        body=Raw("the bytes of the zip", most=_PROJECT_BYTES, spooled=True),
        answers={200: {"type": "object", "properties": {name: {"type": "integer"} for name in ("takes", "models")}}},
        refusals=(409, 507),
        slow=True,
    ),
]
