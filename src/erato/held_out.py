"""Which pieces of a corpus a run may be measured by: pieces and what the run learned from in, their numbers out.

Knows nothing of models.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from erato.corpora.base import SPLITS, Pieces, Split
from erato.errors import UsageError

_PART = re.compile(r" \((train|valid|test)\)$")  # of a piece that was cut in three: who learned from one knows it


@dataclass(frozen=True)
class HeldOut:
    """The pieces that a run is measured by: `indices` of `pieces`, in one split; own: of the corpus it learned from."""

    pieces: Pieces
    split: Split
    indices: list[int]
    own: bool


def held_out(pieces: Pieces, manifest: dict[str, Any], split: Split | None, note: Callable[[str], None]) -> HeldOut:
    """The pieces of `split` that a run of this manifest did not learn from (unless the training part is asked for).

    split: test, if None; where a small corpus has no test part, the one that the weights were chosen by. Raises
    UsageError for an unknown split, and where the run learned from all of them.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
    own = pieces.hash == manifest.get("hash")
    if split is None:
        split = "test" if pieces.split("test") else "valid"
        if split == "valid":
            chosen = ", by which the weights were chosen" if own else ""
            note(f"{pieces.name} is too small for a test part: these are the pieces of valid{chosen}.")
    indices = pieces.split(split)
    if not own:
        fresh = unlearnt(pieces, indices, manifest)
        if len(fresh) < len(indices):
            count = len(indices) - len(fresh)
            note(f"{count} {'piece is' if count == 1 else 'pieces are'} left out, as the run learned from them.")
        if indices and not fresh:
            raise UsageError(f"the run learned from every piece of {pieces.name} in {split}: give other pieces.")
        indices = fresh
    elif split == "train":
        note("These are the pieces that the run learned from.")
    return HeldOut(pieces, split, indices, own)


def unlearnt(pieces: Pieces, indices: Sequence[int], manifest: dict[str, Any]) -> list[int]:
    """Those of `indices` that a run of this manifest did not learn from, wherever their files lie now."""

    def identity(sha256: str | None, file: str, piece: str) -> tuple[str | None, str]:
        return sha256, _PART.sub("", piece.removeprefix(file))

    learnt = {
        identity(file["sha256"], file["name"], piece["name"])
        for file in manifest.get("files", ())
        for piece in file.get("pieces", ())
        if piece.get("split") == "train"
    }
    hashes = {file["name"]: file["sha256"] for file in pieces.manifest["files"]}
    entries = [(index, pieces.entries[index]) for index in indices]
    return [index for index, one in entries if identity(hashes.get(one.file), one.file, one.name) not in learnt]
