"""Corpora by name. A name or a path in; a `Corpus` out. Knows nothing of representations, models or
training.
"""

import copy
import os
from collections.abc import Sequence
from pathlib import Path

from erato.corpora.base import Corpus, Entry, Pieces, Progress, Report
from erato.corpora.builtin import BUILTIN
from erato.corpora.collection import FileCorpus
from erato.corpora.downloadable import DOWNLOADS
from erato.corpora.downloads import Download
from erato.corpora.folder import Folder, check
from erato.errors import UsageError, unknown

__all__ = ["CORPORA", "Corpus", "Entry", "Folder", "Pieces", "Progress", "Report", "check", "find"]

CORPORA: dict[str, FileCorpus] = {corpus.name: corpus for corpus in [*BUILTIN, *DOWNLOADS]}


def find(
    name_or_path: str | Path,
    *,
    track: Sequence[str] = (),
    max_files: int | None = None,
    only: Sequence[str] = (),
    from_file: Path | None = None,
) -> Corpus:
    """The corpus of this name, else the folder or file at this path.

    A known name wins over a folder of the same name; write `./name` for the folder. `track`, `max_files` and `only`
    (files by name) narrow it down; `from_file` is a copy, got by hand, of what would be downloaded. UsageError:
    neither is there.
    """
    text = str(name_or_path)
    known = CORPORA.get(text)
    if known is None and not os.path.lexists(text):
        raise unknown("corpus", text, CORPORA)
    if from_file is not None and not isinstance(known, Download):
        raise UsageError(f"--from is a copy of what would be downloaded, and {text} is not downloaded: leave it out.")
    if known is None:
        return Folder(text, track, max_files, only)
    found = copy.copy(known)
    found.narrow(track, max_files, only)
    if isinstance(found, Download):
        found.from_file = from_file
    return found
