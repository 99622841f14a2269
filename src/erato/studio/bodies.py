"""The body of a request, read with limits: so many bytes, never longer idle than this, never longer in all than that.

In: the `receive` of a server. Out: bytes, or a file of them. Knows nothing of what they mean.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import IO, Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True)
class Patience:
    """How long a body may take, in seconds: without a byte, in all, and in all for each MB that it may have."""

    idle: float = 10.0
    total: float = 30.0
    per_mb: float = 2.0

    def for_bytes(self, most: int) -> float:
        """Seconds for a body of `most` bytes."""
        return self.total + self.per_mb * most / 2**20


class BodyError(Exception):
    """A body that is not taken: the status and the sentence of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """Who sent it has left."""


async def read(receive: Receive, most: int, patience: Patience, declared: int | None = None) -> bytes:
    """The whole body; BodyError where it is larger than `most` bytes or too slow, Gone where it breaks off."""
    parts = bytearray()
    await _each(receive, parts.extend, most, patience, declared)
    return bytes(parts)


async def spool(receive: Receive, file: IO[bytes], most: int, patience: Patience, declared: int | None = None) -> None:
    """Writes the whole body to `file`; errors as in `read`."""

    async def write(part: bytes) -> None:
        await asyncio.to_thread(file.write, part)

    await _each(receive, write, most, patience, declared)


async def _each(
    receive: Receive, take: Callable[[bytes], Any], most: int, patience: Patience, declared: int | None
) -> None:
    if declared is not None and declared > most:
        await _drain(receive, declared)
        raise BodyError(413, _too_large(most))
    size, more = 0, True
    try:
        async with asyncio.timeout(patience.for_bytes(most)):
            while more and size <= most:
                async with asyncio.timeout(patience.idle):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part, more = message.get("body", b""), message.get("more_body", False)
                size += len(part)
                if part and size <= most:
                    done = take(part)
                    if asyncio.iscoroutine(done):
                        await done
    except TimeoutError:
        raise BodyError(408, "the body took too long to arrive: send it again.") from None
    if size > most:
        if more:
            await _drain(receive, size)
        raise BodyError(413, _too_large(most))


def _too_large(most: int) -> str:
    size = f"{most / 2**20:.0f} MB" if most >= 2**20 else f"{most} bytes"
    return f"the body is too large: at most {size} are taken here."


_DRAINED = 64 * 2**20  # bytes that are read on for good manners: who sends hears an answer only afterwards
_DRAINING = 2.0  # seconds


async def _drain(receive: Receive, size: int) -> None:
    if size > _DRAINED:
        return
    try:
        async with asyncio.timeout(_DRAINING):
            left = _DRAINED
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect":
                    raise Gone
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
