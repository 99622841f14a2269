"""The JSON schemas that several calls of the API share: what a take, a job, a model, a corpus and a score look like.

Every number has bounds, every text a length: what fits them can be stored. Knows nothing of how they are checked.
"""

from typing import Any

from erato.studio.jobs import STATES
from erato.studio.takes import KINDS, STATUS
from erato.studio.work import LANES

TICKS = 2**31 - 1  # the last tick that a MIDI file can hold, and more than any piece has
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TIME = {"type": "number", "description": "seconds since 1970"}


def ref(name: str) -> dict[str, Any]:
    """The schema that is called so."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema`, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def text(most: int, least: int = 0, **more: Any) -> dict[str, Any]:
    """A text of so many characters."""
    return {"type": "string", "maxLength": most, **({"minLength": least} if least else {}), **more}


def whole(least: int, most: int, **more: Any) -> dict[str, Any]:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def list_of(schema: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": schema, **({} if most is None else {"maxItems": most})}


def obj(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """An object of these names and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
        **more,
    }


def _answer(properties: dict[str, Any]) -> dict[str, Any]:
    """An object of an answer: these names are there, and more may come."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _row(*places: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": list(places), "items": False, "minItems": len(places)}


_TICK = whole(0, TICKS)
NOTE = _row(
    whole(0, TICKS, description="onset in ticks"),
    whole(1, TICKS, description="duration in ticks"),
    whole(0, 127, description="pitch"),
    whole(1, 127, description="velocity"),
)
SCORE = obj(
    {
        "ticks_per_quarter": whole(1, 32767),
        "tempos": list_of(_row(_TICK, {"type": "number", "minimum": 0, "maximum": 1e9}), 50_000),
        "time_signatures": list_of(_row(_TICK, whole(0, 65535), whole(0, 2**31)), 50_000),
        "key_signatures": list_of(_row(_TICK, whole(-128, 127), whole(0, 255)), 50_000),
        "bars": list_of({"type": "integer"}, 100_000),
        "seconds": {"type": "number"},
        "tracks": list_of(
            obj(
                {
                    "name": text(1024),
                    "program": whole(0, 127),
                    "drums": {"type": "boolean"},
                    "notes": list_of(NOTE, 200_000),
                },
                ["notes"],
            ),
            128,
        ),
    },
    ["ticks_per_quarter", "tracks"],
    description="times in ticks; bars and seconds are read only; a note is [onset, duration, pitch, velocity]",
)
TAKE = _answer(
    {
        "id": _TEXT,
        "number": _COUNT,
        "parent": or_null(_TEXT),
        "kind": {"enum": list(KINDS)},
        "how": _TEXT,
        "title": _TEXT,
        "starred": {"type": "boolean"},
        "tags": list_of(_TEXT),
        "note": _TEXT,
        "status": {"enum": list(STATUS)},
        "version": _COUNT,
        "created": _TIME,
        "changed": _TIME,
        "job": or_null(_TEXT),
        "model": or_null(_TEXT),
        "settings": {"type": "object"},
        "facts": {"type": "object"},
        "revisable": {"type": "boolean"},
    }
)
JOB_STATES, JOB_KINDS = list(STATES), list(LANES)
JOB = _answer(
    {
        "id": _TEXT,
        "kind": {"enum": JOB_KINDS},
        "state": {"enum": JOB_STATES},
        "request": {"type": "object"},
        "progress": {"type": "object"},
        "result": or_null({"type": "object"}),
        "error": or_null(_TEXT),
        "created": _TIME,
        "started": or_null(_TIME),
        "ended": or_null(_TIME),
        "change": _COUNT,
    }
)
MODEL = _answer(
    {
        "id": _TEXT,
        "name": _TEXT,
        "kind": {"enum": ["music", "text", None]},
        "state": {"enum": ["ready", "training", "unfinished", "damaged"]},
    }
)
CORPUS = _answer(
    {
        "id": _TEXT,
        "name": _TEXT,
        "origin": {"enum": ["builtin", "uploaded", "folder"]},
        "kind": {"enum": ["music", "text", None]},
        "files": or_null(_COUNT),
        "bytes": or_null(_COUNT),
    }
)
PIECE = _answer({"version": _COUNT, "kind": {"enum": ["music", "text"]}})
ERROR = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}

COMPONENTS: dict[str, Any] = {
    "Take": TAKE,
    "Job": JOB,
    "Model": MODEL,
    "Corpus": CORPUS,
    "Score": SCORE,
    "Piece": PIECE,
    "Error": ERROR,
}
