"""Who may ask, and under which headers it is answered: an ASGI layer before everything else.

Refused are: any Host but this server's (an address of a page elsewhere that was made to point here), any request from
a page of another origin, every call of the API without the token, and requests of unreasonable size. Knows nothing of
what is asked.
"""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl

from erato.studio.answers import Receive, Scope, Send, Whole, send_error, send_whole

App = Callable[[Scope, Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
READING = frozenset({"GET", "HEAD"})
_MOST_PATH = 2048
_MOST_QUERY = 8192
_MOST_HEADERS, _MOST_HEADER_BYTES = 64, 16 * 2**10
_ONCE = (b"host", b"origin", b"authorization", b"content-length", b"content-type", b"sec-fetch-site", b"last-event-id")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
)


@dataclass(frozen=True)
class Place:
    """Where the server listens. host: as it was bound; anything but loopback also answers to plain IP addresses; once:
    lets one browser in, for the address that it is started with, which others on the computer can see."""

    host: str
    port: int
    once: str = field(default_factory=token_urlsafe, repr=False)

    @property
    def cookie(self) -> str:
        """Cookies do not tell ports apart, so the name does."""
        return f"erato-studio-{self.port}"

    def is_ours(self, host: str) -> bool:
        """Whether a Host header (or an Origin without its scheme) names this server."""
        name, _, port = host.rpartition(":")
        if not name:
            name, port = host, "80"
        if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) != self.port:
            return False
        name = name.lower()
        if name in ("127.0.0.1", "localhost", "[::1]", self.host.lower(), f"[{self.host.lower()}]"):
            return True
        return not is_loopback(self.host) and _is_address(name)  # a name could be anybody's, a number cannot


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets through what may pass, and puts the headers of safety on every answer."""

    def __init__(self, app: App, place: Place, token: str) -> None:
        self._app, self._place, self._token = app, place, token.encode()
        self._once: bytes | None = place.once.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})

        async def guarded_send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message.get("headers", [])}
                added = [pair for pair in SAFE_HEADERS if pair[0] not in there]
                if b"cache-control" not in there:
                    added.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            return await send_error(guarded_send, *refused, unread=scope["method"] not in READING)
        if scope["path"] == "/" and scope["method"] == "GET" and scope["query_string"]:
            return await self._enter(scope, guarded_send)
        if scope["path"].startswith("/api") and not self._known(scope):
            sentence = "this needs the token: open the address that erato studio printed, with its token."
            headers = [(b"www-authenticate", b"Bearer")]
            return await send_error(guarded_send, 401, sentence, headers, unread=scope["method"] not in READING)
        return await self._app(scope, receive, guarded_send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the sentence, where a request must not pass, whoever it is from."""
        method, headers = scope["method"], scope["headers"]
        if len(scope["raw_path"]) > _MOST_PATH or len(scope["query_string"]) > _MOST_QUERY:
            return 414, "the address is too long."
        if len(headers) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > _MOST_HEADER_BYTES:
            return 431, f"the headers are too large: at most {_MOST_HEADERS} of 16 kB in all are taken."
        for name in _ONCE:
            if sum(1 for there, _ in headers if there == name) > 1:
                return 400, f"the header {name.decode()} is given twice."
        given = {name: value.decode("latin-1") for name, value in headers}
        if b"content-length" in given and b"transfer-encoding" in given:
            return 400, "a body has a length, or comes in chunks: not both."
        if not self._place.is_ours(given.get(b"host", "")):
            return 403, "this server goes by another name: open the address that erato studio printed."
        if method not in METHODS:
            return 405, "this method is not taken."
        if (method not in READING or scope["path"].startswith("/api")) and not self._same_origin(given):
            return 403, "a page of another origin must not ask this server for anything."
        return None

    def _same_origin(self, given: dict[bytes, str]) -> bool:
        """A browser says where a request is from; what says nothing is no browser, and still needs the token."""
        origin = given.get(b"origin")
        if origin is not None:
            scheme, _, host = origin.partition("://")
            if scheme != "http" or not self._place.is_ours(host) or host.lower() != given[b"host"].lower():
                return False
        return given.get(b"sec-fetch-site", "none") in ("same-origin", "none")

    def _known(self, scope: Scope) -> bool:
        headers = scope["headers"]
        for name, value in headers:
            if name == b"authorization":
                scheme, _, credential = value.partition(b" ")
                return scheme.lower() == b"bearer" and self._matches(credential.strip())
        return any(
            self._matches(value.strip())
            for name, header in headers
            if name == b"cookie"
            for key, _, value in (part.partition(b"=") for part in header.split(b";"))
            if key.strip() == self._place.cookie.encode()
        )

    def _matches(self, credential: bytes) -> bool:
        return hmac.compare_digest(credential, self._token)

    def _opens(self, asked: list[tuple[str, str]]) -> bool:
        """Whether what stands in the opened address lets somebody in: the token, or, for the first who asks, `once`."""
        match asked:
            case [("token", given)]:
                return self._matches(given.encode("utf-8", "replace"))
            case [("once", given)] if self._once and hmac.compare_digest(given.encode("utf-8", "replace"), self._once):
                self._once = None
                return True
        return False

    async def _enter(self, scope: Scope, send: Send) -> None:
        """The opened address with its token becomes a cookie, and the token leaves the address."""
        try:
            asked = parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=8)
        except ValueError:
            asked = []
        if not self._opens(asked):
            sentence = "this address does not open this studio (any more): open the one that erato studio printed last."
            return await send_error(send, 401, sentence)
        cookie = f"{self._place.cookie}={self._token.decode()}; Path=/; HttpOnly; SameSite=Strict"
        return await send_whole(send, Whole(303, b"", ((b"location", b"/"), (b"set-cookie", cookie.encode()))))
