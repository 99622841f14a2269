"""Pictures, scores and sounds of pieces: made when they are first asked for, and kept by content.

Sounds are made in one process apart and all else in another, so that no sound waits for a long score to be engraved.

    cache/rendered/<key>/...    the files of one piece in one form; deleting them costs time

The digest of a piece, or the path of a file, in; the path of what was made out. What cannot be made is a sentence.
Knows nothing of takes and of HTTP.
"""

import hashlib
import json
import math
import os
import shutil
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from erato import files
from erato.errors import EratoError, UsageError
from erato.renderers import RENDERERS, renderers_for
from erato.renderers.base import About
from erato.score import Piece, Score, seconds
from erato.studio.apart import Apart, Ended, TooLong
from erato.studio.errors import DiskFull, NotThere, QueueFull, disk_full, plainly
from erato.studio.project import Project, score_of

TIMEOUT = 120.0  # seconds that one file may take
MOST_BYTES = 10**9  # of all that is kept
MOST_WAITING = 24  # threads that wait for a file
MOST_SECONDS = 20 * 60  # of sound
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
_AS_STORED = {"mid": "music", "txt": "text"}  # formats that a piece is kept in


class Renders:
    """What is made of the pieces of a project; for any thread. Raises EratoError with a sentence where it cannot be."""

    def __init__(self, project: Project, timeout: float = TIMEOUT, most_bytes: int = MOST_BYTES) -> None:
        self.project, self.timeout, self.most_bytes = project, timeout, most_bytes
        self.folder = project.cache / "rendered"
        self._pictures, self._sounds = Apart(), Apart()
        self._drawing, self._sounding = threading.Lock(), threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def of_piece(
        self, digest: str, kind: str, format: str, title: str = "", facts: Mapping[str, Any] | None = None
    ) -> Path:
        """The piece with this digest as a file of a format ("wav", "pdf", ...), with its title, and what the facts of
        its take say of how it was made and what it owes to whom."""
        path = self.project.piece_path(digest, kind)
        if not path.is_file():
            raise NotThere(f"{path} is missing: restore it from a copy of the project.")
        if _AS_STORED.get(format) == kind:
            return path
        return self._file(digest, path, format, title, _said(facts or {}))

    def of_file(self, path: Path, format: str) -> Path:
        """A file of music or text in another format."""
        if format == path.suffix.removeprefix("."):
            return path
        return self._file(_digest(path), path, format, "", {})

    def pages(self, digest: str) -> int:
        """How many pages the engraved score of a piece has."""
        return len(self._score(digest)["pages"])

    def changed(self, digest: str) -> list[str]:
        """What was changed or left out to write the piece as a score, in sentences."""
        return list(self._score(digest)["said"])

    def page(self, digest: str, number: int) -> Path:
        """One page of the engraved score, from 1, as SVG; NotThere."""
        found = self._score(digest)["pages"]
        if not 1 <= number <= len(found):
            raise NotThere(f"the score has pages 1 to {len(found)}, not {number}.")
        return self.folder / _key("score", digest) / str(found[number - 1])

    def curves(self, run: Path) -> Path:
        """The curves of a training as SVG."""
        key = _key("curves", _digest(run / "recipe.json"), _digest(run / "metrics.jsonl"))
        return self._kept(key, "run.curves.svg", _draw_curves, str(run))

    def warm(self) -> None:
        """Has the processes started and what they need imported, without waiting for that."""

        def start(apart: Apart, *modules: str) -> None:
            with suppress(Exception):
                apart.ask(_import, modules, seconds=self.timeout)

        for needs in (
            (self._sounds, "symusic", "soundfile", "erato.renderers.synthesis"),
            (self._pictures, "symusic", "verovio", "erato.renderers.engraved"),
        ):
            threading.Thread(target=start, args=needs, daemon=True).start()

    def close(self) -> None:
        """Ends the processes."""
        self._sounds.close()
        self._pictures.close()

    def _file(self, digest: str, path: Path, format: str, title: str, facts: Mapping[str, str]) -> Path:
        suffix = f".{format}"
        if suffix not in RENDERERS:
            renderers_for([format])  # says what there is
        key = _key("file", digest, format, title, dict(facts))
        return self._kept(key, f"piece{suffix}", _render, str(path), title, dict(facts))

    def _score(self, digest: str) -> dict[str, Any]:
        path = self.project.piece_path(digest, "music")
        made = self._kept(_key("score", digest), "pages.json", _engrave, str(path))
        found: dict[str, Any] = json.loads(made.read_text("utf-8"))
        return found

    def _kept(self, key: str, name: str, make: Callable[..., None], *arguments: Any) -> Path:
        """The file `name` of this key, made where it is not there; make(*arguments, path): writes it, in a process
        apart."""
        path = self.folder / key / name
        if _touched(path):
            return path
        if not self._waiting.acquire(blocking=False):
            raise QueueFull("Many pictures and sounds are being made already: try again in a moment.", 5)
        sounds = path.suffix in _SOUNDS
        try:
            with self._sounding if sounds else self._drawing:
                if not _touched(path):  # made while we waited
                    self._make(self._sounds if sounds else self._pictures, path, make, arguments)
                    self._sweep(path.parent)
        finally:
            self._waiting.release()
        return path

    def _make(self, apart: Apart, path: Path, make: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            said = apart.ask(_plainly, make, (*arguments, str(path)), seconds=self.timeout)
        except TooLong:
            raise UsageError(
                f"Making {path.name} took longer than {self.timeout:.0f} s, and was given up: try with a shorter piece."
            ) from None
        except Ended:
            raise EratoError(
                f"The program that makes {path.name} ended in the middle of it: try with a shorter piece."
            ) from None
        except OSError as error:
            raise plainly(error) or error from None
        if said is not None:
            kind, text = said
            shutil.rmtree(path.parent, ignore_errors=True)
            raise (disk_full() if kind == "full" else UsageError(text))

    def _sweep(self, newest: Path) -> None:
        """Removes what was asked for least lately, until the rest fits."""
        found = []
        for folder in self.folder.iterdir():
            try:
                inside = [path.stat() for path in folder.iterdir()]
            except OSError:
                continue
            found.append(
                (max((one.st_mtime for one in inside), default=math.inf), sum(one.st_size for one in inside), folder)
            )
        total = sum(size for _, size, _ in found)
        for _, size, folder in sorted(found, key=lambda one: one[0]):
            if total <= self.most_bytes:
                return
            if folder != newest:
                shutil.rmtree(folder, ignore_errors=True)
                total -= size


# In the processes apart


def _import(modules: Sequence[str]) -> None:
    """Imports what sounds or scores are made with."""
    for name in modules:
        import_module(name)


def _plainly(make: Callable[..., None], arguments: tuple[Any, ...]) -> tuple[str, str] | None:
    """Does it; what is told of an error, and of which kind it is."""
    try:
        make(*arguments)
    except DiskFull as error:
        return "full", str(error)
    except Exception as error:
        known = plainly(error)
        if isinstance(known, DiskFull):
            return "full", str(known)
        if known is None:
            traceback.print_exc()
            return "fault", f"It cannot be made: {type(error).__name__}. This is a fault of Erato."
        return "refused", str(known)
    return None


def _read(path: str) -> Piece:
    """A piece of the project, or a sample of a run."""
    from erato.reading import read_piece

    file = Path(path)
    return score_of(file.read_bytes(), file.name) if file.suffix == ".mid" else read_piece(file)


def _render(source: str, title: str, facts: dict[str, str], path: str) -> None:
    piece, target = _read(source), Path(path)
    if isinstance(piece, Score) and target.suffix in _SOUNDS and seconds(piece) > MOST_SECONDS:
        raise UsageError(
            f"This piece lasts {seconds(piece) / 60:.0f} minutes, and sound is made of {MOST_SECONDS // 60} at most: "
            "export it as MIDI."
        )
    (renderer,) = renderers_for([target.name.removeprefix("piece.")], "text" if isinstance(piece, str) else "music")
    renderer.write(piece, target, About(title, facts))


def _engrave(source: str, path: str) -> None:
    from erato.renderers.engraved import engrave

    piece, target = _read(source), Path(path)
    if isinstance(piece, str):
        raise UsageError("A text has no score.")
    made = engrave(piece, About())
    names = [f"page-{number:02d}.svg" for number in range(1, len(made.svgs) + 1)]
    for name, svg in zip(names, made.svgs, strict=True):
        files.write_text(target.with_name(name), svg)
    files.write_json(target, {"pages": names, "said": made.said})  # last: it says that all is there


def _draw_curves(run: str, path: str) -> None:
    from erato.picturing import picture

    picture(run, path)


def _said(facts: Mapping[str, Any]) -> dict[str, str]:
    """The facts of a take that files carry, for people."""
    found = {name: facts[name] for name in ("seed", "recipe") if facts.get(name) is not None}
    for group in ("made", "origin"):
        found |= facts.get(group) or {}
    return {str(name): str(value) for name, value in found.items()}


def _key(*parts: Any) -> str:
    """The name of what is made of these, by this version of Erato."""
    said = json.dumps([version("erato"), *parts], sort_keys=True)
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:40]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise NotThere(f"{path.name} is not there: it may have been removed.") from None


def _touched(path: Path) -> bool:
    """Whether a file is there; it was asked for now."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True
