"""What a call of the API is: method, path, what it takes and answers as JSON schemas, and the function that does it.

In: a table of `Endpoint`. Out: calls whose every value has been checked, and answers as plain values. Knows nothing of
sockets, of tokens, or of what any call does.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato.studio.checking import Check

if TYPE_CHECKING:
    from erato.studio.services import Studio

Schema = Mapping[str, Any]
JSON_BYTES = 8 * 2**20  # the largest JSON body
AN_ID = {
    "type": "string",
    "pattern": r"^[0-9a-z][0-9a-z_.-]{0,199}$",
    "description": "an id: small letters, digits, and _ . - between",
}


@dataclass(frozen=True)
class Raw:
    """A body of bytes, not JSON: at most so many (None: the studio's limit of a file), in memory or in a file."""

    summary: str
    most: int | None = None
    spooled: bool = False


@dataclass(frozen=True)
class Call:
    """One call, checked: `body` is the JSON value, the bytes, or the path of a temporary file that holds them."""

    studio: "Studio"
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None


@dataclass(frozen=True)
class Json:
    """An answer in JSON with a status other than 200."""

    value: Any
    status: int = 200


@dataclass(frozen=True)
class Blob:
    """An answer that is a file: its bytes, or where it lies.

    download: the name under which it is saved, where it is not to be shown. digest: what decides its bytes, where
    the browser may keep it; lasting: at this address there will never be another, so it need not even ask. temporary:
    the file goes away once it is sent.
    """

    content: bytes | Path
    media: str
    download: str | None = None
    digest: str | None = None
    lasting: bool = False
    temporary: bool = False


@dataclass(frozen=True)
class Chunks:
    """An answer that is made while it is sent."""

    parts: Iterator[bytes]
    media: str
    download: str | None = None


Answer = Mapping[str, Any] | Json | Blob | Chunks | None  # None: 204


@dataclass(frozen=True)
class Endpoint:
    """A call of the API.

    shapes: the schema of each part of the path that is no id. query: that of each parameter (an array: a name that may
    come several times). body: a schema, or `Raw`. answers: what comes back, by status: a schema, the media type of a
    file, or None. refusals: the statuses of errors that this call may have besides those of every call. slow: takes a
    second or more, and has threads of its own.
    """

    method: str
    path: str
    summary: str
    handler: Callable[[Call], Answer]
    shapes: Mapping[str, Schema] = field(default_factory=dict)
    query: Mapping[str, Schema] = field(default_factory=dict)
    required: Sequence[str] = ()
    body: Schema | Raw | None = None
    answers: Mapping[int, Schema | str | None] = field(default_factory=lambda: {200: {}})
    refusals: Sequence[int] = ()
    slow: bool = False

    @property
    def places(self) -> dict[str, Schema]:
        """The schema of each part of the path that stands for a value."""
        return {name: self.shapes.get(name, AN_ID) for name in re.findall(r"{(\w+)}", self.path)}

    @property
    def name(self) -> str:
        """One word for it, as programs that are made of the description call it."""
        words = re.sub(r"[^a-z]+", "_", self.path.removeprefix("/api/")).strip("_")
        return f"{self.method.lower()}_{words}"

    @cached_property
    def path_check(self) -> Check:
        return Check({"type": "object", "properties": self.places})

    @cached_property
    def query_check(self) -> Check:
        return Check(
            {
                "type": "object",
                "properties": dict(self.query),
                "required": list(self.required),
                "additionalProperties": False,
            }
        )

    @cached_property
    def body_check(self) -> Check | None:
        return None if self.body is None or isinstance(self.body, Raw) else Check(self.body)
