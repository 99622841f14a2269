"""What happens, told to every open page as server-sent events: jobs that change, takes that change.

One task looks into the database for all listeners, five times a second, and only while somebody listens. What is seen
at one look goes out as one part that ends with the number of the newest change, so a page that lost its connection goes
on where it was, and misses nothing. Knows nothing of what jobs and takes are.
"""

import asyncio
import json
import logging
from typing import Any
from urllib.parse import parse_qs

from erato.studio import tables, takes
from erato.studio.answers import Receive, Scope, Send, send_error
from erato.studio.services import Studio

_log = logging.getLogger("erato.studio")
_EVERY = 0.2  # seconds between two looks
_COMMENT = 10.0  # seconds of silence after which a line keeps connections open
_WAITING = 1000  # parts that may wait for one page; one that is slower is let go, and comes back
_MOST = 1_000_000  # changes that one part may tell of
_MOST_CHANGE = 2**63 - 1
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
_END = None

Listener = asyncio.Queue[bytes | None]


class Events:
    """The events of one studio, as an ASGI application."""

    def __init__(self, studio: Studio, every: float = _EVERY, comment: float = _COMMENT) -> None:
        self._studio, self._every, self._comment = studio, every, comment
        self._listeners: set[Listener] = set()
        self._poller: asyncio.Task[None] | None = None
        self._seen = 0
        self._closed = False

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def close(self) -> None:
        """Ends all streams, and lets nobody in any more."""
        self._closed = True
        for listener in list(self._listeners):
            self._end(listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            since = _since(scope)
        except ValueError:
            return await send_error(send, 400, "since must be the number of an event: a whole number from 0.")
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        listener: Listener = asyncio.Queue(_WAITING)
        leaving = asyncio.create_task(self._until_gone(receive, listener))
        try:
            await self._join(listener, since)
            while not self._closed and (part := await listener.get()) is not _END:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            return None  # it is gone
        finally:
            self._listeners.discard(listener)
            leaving.cancel()
        return None

    async def _join(self, listener: Listener, since: int | None) -> None:
        """From here on, what happens is put into `listener`, with what has happened after `since` before it."""
        if self._poller is None or self._poller.done():
            self._seen, _ = await asyncio.to_thread(self._look, None)
        self._listeners.add(listener)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        if since is not None and since < self._seen:
            _, part = await asyncio.to_thread(self._look, since)
            if part:
                self._put(listener, part)

    async def _poll(self) -> None:
        clock = asyncio.get_running_loop().time
        spoke = clock()
        while self._listeners:
            await asyncio.sleep(self._every)
            try:
                self._seen, part = await asyncio.to_thread(self._look, self._seen)
            except Exception:  # a database that is busy, or a disk that is full: the next look may do
                _log.exception("the events could not be read")
                part = b""
            if not part and clock() - spoke >= self._comment:
                part = b": still here\n\n"
            if part:
                spoke = clock()
                for listener in list(self._listeners):
                    self._put(listener, part)

    def _look(self, since: int | None) -> tuple[int, bytes]:
        """The number of the newest change, and what is to be told of all after `since` (None: nothing)."""
        project = self._studio.project
        with project.read() as connection:
            newest = tables.newest_change(connection)
            if since is None or newest <= since:
                return newest, b""
            changed = takes.changes(connection, since, _MOST)
        told = [("job", job.to_json()) for job in self._studio.queue.changes(since, _MOST) if job.change <= newest]
        if changed:
            told.append(("takes", {"changed": changed}))
        lines = [f"event: {name}\ndata: {_line(value)}\n" for name, value in told]
        return newest, ("\n".join(lines) + f"id: {newest}\n\n").encode("utf-8", "replace") if lines else b""

    def _put(self, listener: Listener, part: bytes) -> None:
        try:
            listener.put_nowait(part)
        except asyncio.QueueFull:
            self._end(listener)

    def _end(self, listener: Listener) -> None:
        """Nothing more is told; what still waits is lost, and told again when it comes back."""
        self._listeners.discard(listener)
        while not listener.empty():
            listener.get_nowait()
        listener.put_nowait(_END)

    async def _until_gone(self, receive: Receive, listener: Listener) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(listener)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # JSON has no line breaks of its own


def _since(scope: Scope) -> int | None:
    """The number of the newest change that the page knows; a connection that was lost says it in a header."""
    given = next((value for name, value in scope["headers"] if name == b"last-event-id"), None)
    if given is None:
        asked = parse_qs(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True).get("since", [])
        if not asked:
            return None
        given = asked[-1].encode("ascii", "replace")
    if not given.isdigit() or int(given[:20]) > _MOST_CHANGE:
        raise ValueError
    return int(given[:20])
