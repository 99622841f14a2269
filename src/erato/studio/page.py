"""The files of the page, from the folder `static` of the package and nowhere else. Knows nothing of the API."""

import asyncio
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from erato.studio.answers import Receive, Scope, Send, Whole, is_known, send_error, send_whole

STATIC = Path(__file__).parent / "static"
_MEDIA = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
    ".txt": b"text/plain; charset=utf-8",
}


class Page:
    """The page and all that belongs to it; the browser asks each time whether it is still the newest."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            sentence = f"{scope['method']} is not taken here: GET is."
            return await send_error(send, 405, sentence, [(b"allow", b"GET")], unread=True)
        file = await asyncio.to_thread(self._file, scope["path"])
        if file is None:
            return await send_error(send, 404, "there is nothing at this address.")
        content, tag = await asyncio.to_thread(_content, file, file.stat().st_mtime_ns)
        headers = ((b"content-type", _MEDIA[file.suffix]), (b"etag", tag), (b"cache-control", b"no-cache"))
        known = is_known(scope, tag)
        return await send_whole(send, Whole(304, b"", headers) if known else Whole(200, content, headers))

    def _file(self, path: str) -> Path | None:
        """The file that an address names; no part of it may be hidden or lead elsewhere."""
        parts = path.removeprefix("/").split("/") if path != "/" else ["index.html"]
        if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", part) for part in parts):
            return None
        file = self._folder.joinpath(*parts)
        if file.suffix not in _MEDIA or not file.is_file():
            return None
        return file if file.resolve().is_relative_to(self._folder.resolve()) else None


@lru_cache(maxsize=256)
def _content(file: Path, changed: int) -> tuple[bytes, bytes]:
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'.encode()
