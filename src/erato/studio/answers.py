"""Answers on their way out: JSON, errors in a sentence, files. Knows nothing of what was asked."""

import asyncio
import json
import math
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from erato.studio.endpoints import Answer, Blob, Chunks, Json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_PART = 2**16  # bytes of a file that are sent at once
_DAY = 86_400


@dataclass(frozen=True)
class Whole:
    """An answer whose body is at hand, made where making it may take a while."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def made(answer: Answer) -> Whole | Blob | Chunks:
    """What a call gave, as what is sent."""
    if isinstance(answer, Blob | Chunks):
        return answer
    return Whole(204, b"") if answer is None else _made(answer if isinstance(answer, Json) else Json(answer))


def _made(answer: Json) -> Whole:
    return Whole(answer.status, _encoded(answer.value), ((b"content-type", b"application/json"),))


def _encoded(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a loss that ran away; JSON has no word for it
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


async def send_whole(send: Send, whole: Whole) -> None:
    """One answer whose body is at hand."""
    headers = list(whole.headers)
    if whole.status not in (204, 304):
        headers.append((b"content-length", str(len(whole.body)).encode()))
    await send({"type": "http.response.start", "status": whole.status, "headers": headers})
    await send({"type": "http.response.body", "body": whole.body})


async def send_error(
    send: Send,
    status: int,
    sentence: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    unread: bool = False,
    **more: Any,
) -> None:
    """One error, in a sentence; `unread`: a body may still be coming, and the connection ends."""
    whole = _made(Json({"error": sentence, **more}, status))
    close = [(b"connection", b"close")] if unread else []
    await send_whole(send, Whole(status, whole.body, (*whole.headers, *headers, *close)))


async def send_answer(scope: Scope, receive: Receive, send: Send, answer: Whole | Blob | Chunks) -> None:
    """What a call gave, as far as somebody is there to take it."""
    if isinstance(answer, Whole):
        return await send_whole(send, answer)
    leaving = asyncio.create_task(_until_gone(receive))
    try:
        if isinstance(answer, Chunks):
            await _send_chunks(scope, send, answer, leaving.done)
        else:
            await _send_blob(scope, send, answer, leaving.done)
    finally:
        leaving.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_blob(scope: Scope, send: Send, blob: Blob, gone: Callable[[], bool]) -> None:
    headers = _headers_of(blob.media, blob.download)
    if blob.digest is not None:
        tag = f'"{blob.digest}"'.encode()
        keeping = f"private, max-age={_DAY}" if blob.lasting else "private, no-cache"
        headers += [(b"etag", tag), (b"cache-control", keeping.encode())]
        if is_known(scope, tag):
            return await send_whole(send, Whole(304, b"", tuple(headers)))
    if isinstance(blob.content, bytes):
        return await send_whole(send, Whole(200, blob.content, tuple(headers)))
    try:
        file = await asyncio.to_thread(blob.content.open, "rb")
        with file:
            size = os.fstat(file.fileno()).st_size
            if blob.temporary:
                with suppress(PermissionError):  # some systems keep the name of what is open
                    blob.content.unlink()
            headers.append((b"content-length", str(size).encode()))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while not gone() and (part := await asyncio.to_thread(file.read, min(_PART, size))):
                size -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
    finally:
        if blob.temporary:
            blob.content.unlink(missing_ok=True)


async def _send_chunks(scope: Scope, send: Send, chunks: Chunks, gone: Callable[[], bool]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _headers_of(chunks.media, chunks.download)})
    while scope["method"] != "HEAD" and not gone() and (part := await asyncio.to_thread(_next, chunks.parts)):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _next(parts: Iterator[bytes]) -> bytes:
    return next((part for part in parts if part), b"")


def is_known(scope: Scope, tag: bytes) -> bool:
    """Whether the browser has what goes by this tag."""
    asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")
    return tag in (part.strip().removeprefix(b"W/") for part in asked.split(b","))


def _headers_of(media: str, download: str | None) -> Headers:
    headers = [(b"content-type", media.encode())]
    if download is not None:
        plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", download)
        named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(download, safe='')}"
        headers.append((b"content-disposition", named.encode("ascii")))
    return headers
