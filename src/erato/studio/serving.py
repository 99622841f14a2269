"""The server: a free port, uvicorn on it, the log; it ends with Ctrl-C.

In: an opened project and where to listen. Out: nothing, when it has ended. Knows nothing of what is served.
"""

import asyncio
import errno
import logging
import logging.handlers
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from erato.errors import UsageError
from erato.studio.app import application
from erato.studio.bodies import Patience
from erato.studio.events import Events
from erato.studio.guard import Place
from erato.studio.services import Studio

PORT = 8321  # tried first where none is asked for
_TRIED = 20  # ports from there on
_KEPT = 75  # seconds that a connection is kept without a request; who asks again just then would be cut off
_ENDING = 1  # seconds that answers have to end
_HEADER_BYTES = 16 * 2**10
_HEADER_SECONDS = 10.0
_UNREAD_SECONDS = 60.0  # in which who asked must have read most of what is under way to them
_LOG_BYTES = 2**20
_PATIENCE = Patience()


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens at `port`, or, where that is None, at the first that is free from `PORT` on.

    Raises UsageError where that cannot be.
    """
    tried = range(PORT, PORT + _TRIED) if port is None else range(port, port + 1)
    for one in tried:
        try:
            return _bound(host, one)
        except OverflowError:
            raise UsageError(f"a port is a number from 0 to 65535, got {one}.") from None
        except OSError as error:
            if error.errno == errno.EACCES:
                raise UsageError(f"port {one} may not be used: give one from 1024 on with --port.") from None
            if error.errno != errno.EADDRINUSE:
                raise UsageError(f"cannot listen at {host}: {error.strerror or error}.") from None
    if port is not None:
        raise UsageError(f"port {port} is in use: end what uses it, or give another with --port.")
    raise UsageError(f"the ports {tried[0]} to {tried[-1]} are all in use: give another with --port.")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so named, asyncio sends without delay
    try:
        if sys.platform != "win32":  # there it would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)  # at once: a port that is in use says so here
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening


def serve(studio: Studio, listening: socket.socket, host: str, started: Callable[[Place], None]) -> None:
    """Serves until a signal asks it to end, which raises KeyboardInterrupt; calls `started` once it answers."""
    for kind in ("incoming-*", "outgoing-*"):  # left when it was ended by force
        for path in studio.project.cache.glob(kind):
            path.unlink(missing_ok=True)
    with _logged(studio.project.folder / "studio.log", studio.project.token):
        server(studio, listening, host, started).run(sockets=[listening])


def server(
    studio: Studio,
    listening: socket.socket,
    host: str,
    started: Callable[[Place], None],
    patience: Patience = _PATIENCE,
) -> uvicorn.Server:
    """A server that is not running yet; it ends once its `should_exit` is true."""
    place = Place(host, listening.getsockname()[1])
    events = Events(studio)
    config = uvicorn.Config(
        application(studio, place, events, patience),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEPT,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_graceful_shutdown=_ENDING,
    )
    return _Server(config, events, lambda: started(place))


class _Server(uvicorn.Server):
    """A server whose streams end as soon as it is asked to end."""

    def __init__(self, config: uvicorn.Config, events: Events, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._events, self._tell = events, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._events.close()
        await super().shutdown(sockets=sockets)


class _Protocol(H11Protocol):
    """HTTP, as uvicorn speaks it; a connection on which a head of a request is begun and not ended, or whose
    answer is not read, is closed."""

    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting = self.loop.call_later(_HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None and self.timeout_keep_alive_task is None:
            self._waiting = self.loop.call_later(_HEADER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_unread()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class _Secretive(logging.Formatter):
    """Lines, and tracebacks below them, without the token."""

    def __init__(self, token: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace(self._token, "...")


@contextmanager
def _logged(path: Path, token: str) -> Iterator[None]:
    """Writes what goes wrong into a file that stays small, without the token."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=_LOG_BYTES, backupCount=1, delay=True, encoding="utf-8"
    )
    handler.setFormatter(_Secretive(token))
    loggers = [logging.getLogger(name) for name in ("erato.studio", "uvicorn.error", "asyncio")]
    before = [(logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
            logger.setLevel(level)
        handler.close()
