"""A folder (or one file) of a person's own as a corpus. A path flows in; knows nothing of formats, which
reading does.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from erato import reading
from erato.corpora.base import Progress, Report
from erato.corpora.collection import FileCorpus
from erato.corpora.scan import Job, Source, Verdict, first_files, scan
from erato.errors import CorpusError
from erato.reading.opening import printable


class Folder(FileCorpus):
    """All that can be read in a folder, with all its folders, or in one file."""

    kind = "any"
    summary = "a folder of your own, or one file"
    licence = "your own files: you know their licence"

    def __init__(
        self, path: str | Path, track: Sequence[str] = (), max_files: int | None = None, only: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        self.name = printable(Path(os.path.abspath(path)).name) or "folder"  # noqa: PTH100 (keep links)
        self.narrow(track, max_files, only)

    def origin(self, source: Source) -> str:
        return "local"

    def sources(self, progress: Progress | None = None) -> list[Source]:
        return list_files(self.path)


def check(
    path: str | Path,
    max_files: int | None = None,
    progress: Progress | None = None,
    each: Callable[[Verdict], None] | None = None,
) -> Report:
    """What can be read in a folder or file, what not and why; memory does not grow with the music in it.

    each: is handed the verdict on every file, with its pieces.
    """
    sources = Folder(path, max_files=max_files).sources(progress)
    sources = first_files(sources, max_files)
    report = Report(files=len(sources))
    for verdict in scan(sources, Job(keep=each is not None), progress):
        name = verdict.source.name
        if each:
            each(verdict)
        if verdict.verdict == "skipped":
            report.skipped.append({"file": name, "reason": verdict.reason, "message": verdict.message})
        elif verdict.verdict == "duplicate":
            report.duplicates += 1
        else:
            report.used += 1
            report.pieces += len(verdict.pieces)
            report.notes += sum(facts.notes for facts in verdict.pieces)
            if verdict.lost:
                kept = sum(facts.notes for facts in verdict.pieces)
                counted = {} if verdict.written is None else {"notes": {"written": verdict.written, "kept": kept}}
                report.flagged.append({"file": name, "lost": verdict.lost, **counted})
    return report


def list_files(path: Path) -> list[Source]:
    """Every file under `path`, sorted by name, or `path` itself; what cannot be listed is among them, with
    the trouble.

    CorpusError: nothing is there, or it cannot be opened.
    """
    if not os.path.lexists(path):
        raise CorpusError(f"{printable(str(path))} is not there: give the path of a folder or a file.")
    if not path.is_dir():
        return [Source(printable(path.name), str(path))]
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise CorpusError(
            f"{printable(str(path))} cannot be opened: {error.strerror}; change its permissions."
        ) from None
    return sorted(_walk(path), key=lambda source: source.name)


def _walk(top: Path) -> Iterator[Source]:
    """Files under `top`, however deep; folders that links lead to are entered once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(str(top), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 (paths as text, as `scandir` gives them)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                found = sorted(listing, key=lambda entry: os.fsencode(entry.name), reverse=True)
        except OSError as error:
            yield Source(printable(prefix.rstrip("/")), folder, trouble=error.strerror or type(error).__name__)
            continue
        for entry in found:
            name = prefix + entry.name
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False
            if not is_folder:
                yield Source(printable(name), entry.path)
                continue
            if reading.SUFFIXES.get(reading.suffix_of(entry.name)):
                yield Source(printable(name), entry.path, trouble="it is a folder")
            waiting.append((entry.path, name + "/"))
