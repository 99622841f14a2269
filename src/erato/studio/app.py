"""The application: the table of calls, events and the page, behind the guard.

In: a `Studio`. Out: an ASGI application. Every call is checked by the schemas of its endpoint before its handler sees
it, and handlers run in threads, so that nothing waits for a disk or a picture. Knows nothing of ports and processes.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
from anyio import to_thread
from starlette.routing import Route, Router

from erato.errors import EratoError, UsageError
from erato.studio import bodies
from erato.studio.answers import Receive, Scope, Send, Whole, made, send_answer, send_error
from erato.studio.api import ENDPOINTS, EVENTS
from erato.studio.checking import read_json
from erato.studio.endpoints import JSON_BYTES, Blob, Call, Chunks, Endpoint, Raw
from erato.studio.errors import Conflict, DiskFull, NotThere, QueueFull, plainly
from erato.studio.events import Events
from erato.studio.guard import App, Guard, Place
from erato.studio.page import Page
from erato.studio.services import Studio

_log = logging.getLogger("erato.studio")
_THREADS, SLOW_THREADS = 8, 16  # slow calls have their own, so that the others never wait; most of them wait in line
_NO_BODY = 2**16  # bytes that may come where no body is asked for, and are passed over
_PATIENCE = bodies.Patience()


def application(
    studio: Studio,
    place: Place,
    events: Events,
    patience: bodies.Patience = _PATIENCE,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
) -> App:
    """Everything that is served, guarded."""
    limiters = {False: anyio.CapacityLimiter(_THREADS), True: anyio.CapacityLimiter(SLOW_THREADS)}
    resources: dict[str, dict[str, App]] = {EVENTS.path: {EVENTS.method: events}}
    for endpoint in endpoints:
        doing = _Doing(endpoint, studio, limiters[endpoint.slow], patience)
        resources.setdefault(endpoint.path, {})[endpoint.method] = doing
    fixed_first = sorted(resources.items(), key=lambda pair: "{" in pair[0])
    routes = [Route(path, _Resource(methods)) for path, methods in fixed_first]
    return Guard(Router(routes, redirect_slashes=False, default=Page()), place, studio.project.token)


class _Resource:
    """A path, and what each method does there."""

    def __init__(self, methods: Mapping[str, App]) -> None:
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method in self._methods:
            return await self._methods[method](scope, receive, send)
        allowed = ", ".join(sorted(self._methods))
        headers = [(b"allow", allowed.encode())]
        sentence = f"{scope['method']} is not taken here: {allowed} is."
        return await send_error(send, 405, sentence, headers, unread=method != "GET")


class _Doing:
    """One endpoint as an ASGI application."""

    def __init__(
        self, endpoint: Endpoint, studio: Studio, limiter: anyio.CapacityLimiter, patience: bodies.Patience
    ) -> None:
        self._endpoint, self._studio, self._limiter, self._patience = endpoint, studio, limiter, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = True
        try:
            refused = self._unfit(scope)
            if refused is not None:
                return await send_error(send, *refused, unread=True)
            body = await self._body(scope, receive)
            unread = False
            answer = await self._done(scope, body)
        except bodies.Gone:
            return None
        except bodies.BodyError as error:
            return await send_error(send, error.status, str(error), unread=True)
        except Exception as error:  # whatever goes wrong is said in a sentence
            status, sentence, headers, more = _explained(error)
            if status == 500:
                _log.exception("%s %s failed", scope["method"], scope["path"])
            return await send_error(send, status, sentence, headers, unread=unread, **more)
        return await send_answer(scope, receive, send, answer)

    def _unfit(self, scope: Scope) -> tuple[int, str] | None:
        if self._endpoint.body is None or isinstance(self._endpoint.body, Raw):
            return None
        media = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        if media.partition(b";")[0].strip().lower() == b"application/json":
            return None
        return 415, "the body must be JSON, with the header Content-Type: application/json."

    async def _body(self, scope: Scope, receive: Receive) -> Any:
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)
        wanted = self._endpoint.body
        if wanted is None:
            if scope["method"] not in ("GET", "HEAD"):
                await bodies.read(receive, _NO_BODY, self._patience, declared)
            return None
        if not isinstance(wanted, Raw):
            return await bodies.read(receive, JSON_BYTES, self._patience, declared)
        most = self._studio.upload_bytes if wanted.most is None else wanted.most
        if not wanted.spooled:
            return await bodies.read(receive, most, self._patience, declared)
        folder = self._studio.project.cache
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="incoming-", delete=False) as file:
            try:
                await bodies.spool(receive, file, most, self._patience, declared)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        return Path(file.name)

    async def _done(self, scope: Scope, body: Any) -> Whole | Blob | Chunks:
        """Does the call in a thread; a file that held its body is gone before anybody is answered."""
        try:
            return await to_thread.run_sync(self._do, scope, body, limiter=self._limiter, abandon_on_cancel=True)
        finally:
            if isinstance(body, Path):
                body.unlink(missing_ok=True)

    def _do(self, scope: Scope, body: Any) -> Whole | Blob | Chunks:
        """Checks the call and does it, in a thread."""
        endpoint = self._endpoint
        path = dict(scope["path_params"])
        endpoint.path_check(path)
        query = endpoint.query_check.of_texts(_pairs(scope["query_string"]))
        if endpoint.body_check is not None:
            body = read_json(body)
            endpoint.body_check(body)
        return made(endpoint.handler(Call(self._studio, path, query, body)))


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise UsageError("the parameters of the address must be percent-encoded UTF-8.") from None


def _explained(error: Exception) -> tuple[int, str, list[tuple[bytes, bytes]], dict[str, Any]]:
    """Status, sentence, headers and what else stands in the answer."""
    known = plainly(error)
    match known:
        case QueueFull():
            return 429, str(known), [(b"retry-after", str(known.retry_after).encode())], {}
        case Conflict():
            return 409, str(known), [], {} if known.take is None else {"take": known.take.to_json()}
        case NotThere():
            return 404, str(known), [], {}
        case DiskFull():
            return 507, str(known), [], {}
        case EratoError():
            return 507 if isinstance(error, MemoryError) else 400, str(known), [], {}
    return 500, "this is a fault of Erato: studio.log in the folder of the project says what happened.", [], {}
