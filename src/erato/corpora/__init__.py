"""Corpora by name. A name or a path in; a `Corpus` out. Knows nothing of representations, models or
training.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from erato.corpora.base import Corpus, Entry, Pieces, Progress, Report
from erato.corpora.folder import Folder, check
from erato.errors import unknown

__all__ = ["CORPORA", "Corpus", "Entry", "Folder", "Pieces", "Progress", "Report", "check", "find"]

CORPORA: dict[str, Corpus] = {}


def find(
    name_or_path: str | Path,
    *,
    track: Sequence[str] = (),
    max_files: int | None = None,
    from_file: Path | None = None,
) -> Corpus:
    """The corpus of this name, else the folder or file at this path.

    A known name wins over a folder of the same name; write `./name` for the folder. `track` and `max_files`
    narrow it down; `from_file` is a copy, got by hand, of what would be downloaded. UsageError: neither is
    there.
    """
    text = str(name_or_path)
    if text not in CORPORA and os.path.lexists(text):
        return Folder(text, track, max_files)
    raise unknown("corpus", text, CORPORA)
