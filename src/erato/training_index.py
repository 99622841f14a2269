"""Where passages of training pieces are looked up: pieces of a corpus in; an index, made once and kept in the cache.

What is in an index and how it is asked is in `erato.evaluation`. Knows nothing of runs.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from erato import passages
from erato.corpora.base import Pieces, Progress
from erato.corpora.store import cache_folder
from erato.errors import RunError
from erato.evaluation import index_files, passage_index, suffixes, text_originality
from erato.evaluation.passage_index import MELODY, START, STOP, PassageIndex
from erato.evaluation.text_originality import TextIndex
from erato.passages import Tokens

Index = TypeVar("Index", PassageIndex, TextIndex)


def music_index(pieces: Pieces, progress: Progress | None = None) -> PassageIndex:
    """The index of the training pieces of a corpus of music, by their names and groups."""
    return _kept(PassageIndex, pieces, progress)


def words_index(pieces: Pieces, progress: Progress | None = None) -> TextIndex:
    """The index of the training pieces of a corpus of text, by their names and groups."""
    return _kept(TextIndex, pieces, progress)


def _kept(kind: type[Index], pieces: Pieces, progress: Progress | None) -> Index:
    """The index from the cache, made and put there where there is none that is whole."""
    folder = _folder(pieces)
    try:
        return kind.open(folder)
    except (RunError, OSError):  # not there, or damaged
        shutil.rmtree(folder, ignore_errors=True)
    made = kind.build(_training(pieces, progress))
    try:
        made.save(folder)
        return kind.open(folder)
    except (RunError, OSError):  # no room, or another process makes it at the same time
        return made


def melody_tokens(index: PassageIndex) -> Tokens:
    """[L] the tokens of all lines of an index that are melodies, a token that equals none after each."""
    parts = [index.symbols[row[START] : row[STOP]] for row in index.lines if row[MELODY]]
    return np.concatenate([np.empty(0, np.int16), *parts]).astype(np.int16)


def _training(pieces: Pieces, progress: Progress | None) -> Iterator[tuple[str, str, Any]]:
    indices = pieces.split("train")
    for number, index in enumerate(indices):
        entry = pieces.entries[index]
        yield entry.name, entry.group, pieces[index]
        if progress:
            progress(number + 1, len(indices), "reading training pieces to look passages up")


def _folder(pieces: Pieces) -> Path:
    key = hashlib.sha256(json.dumps([pieces.hash, _code_hash()]).encode()).hexdigest()
    return cache_folder() / f"{pieces.kind}-passages" / key[:32]


@cache
def _code_hash() -> str:
    """Changes whenever the code that makes lines and indices does, so that no cache is ever stale."""
    digest = hashlib.sha256()
    for module in (passages, passage_index, text_originality, suffixes, index_files):
        digest.update(Path(module.__file__ or "").read_bytes())
    return digest.hexdigest()
