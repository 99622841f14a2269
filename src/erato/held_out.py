"""Which pieces of a corpus a run may be measured by, or several, and how much of each.

In: pieces, and manifests that say what runs learned from. Out: the numbers of pieces, and their beginnings. Knows
nothing of models.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from erato.corpora.base import SPLITS, Pieces, Split
from erato.errors import UsageError
from erato.score import Piece, Score, bar_line, bars, clip, end_tick, has_pickup, seconds, tick_at
from erato.writing_tables import counted

MOST = {"bars": 32, "seconds": 60, "chars": 1500}  # of a piece
LEAST = {"bars": 2, "seconds": 5, "chars": 100}
REAL = 200  # pieces of a kind that are measured
_PART = re.compile(r" \((train|valid|test)\)$")  # of a piece that was cut in three: who learned from one knows it


@dataclass(frozen=True)
class HeldOut:
    """The pieces that a run is measured by: `indices` of `pieces`, in one split; own: of the corpus it learned from."""

    pieces: Pieces
    split: Split
    indices: list[int]
    own: bool

    @property
    def learnt(self) -> bool:
        """Whether these are the pieces that it learned from, as they were asked for."""
        return self.own and self.split == "train"


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
            whose = (
                "is left out, as the run learned from it"
                if count == 1
                else "are left out, as the run learned from them"
            )
            note(f"{counted(count, 'piece')} {whose}.")
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


@dataclass(frozen=True)
class Common:
    """The pieces that all runs hold out: their numbers by run (none for one that has no pieces), in one order.

    of: the first run's that has some, which is number `first`.
    """

    of: HeldOut
    first: int
    indices: list[list[int]]

    @property
    def name(self) -> str:
        return self.of.pieces.name

    @property
    def split(self) -> Split:
        return self.of.split


def common_pieces(found: Sequence[HeldOut | None]) -> tuple[Common | None, str]:
    """The pieces that all runs hold out, or why there are none; how many others there are. None: a run without any."""
    keys = [_keys(one) if one is not None else None for one in found]
    there = [own for own in keys if own is not None]
    shared = set(there[0]).intersection(*there[1:])
    if not shared:
        names = ", ".join(dict.fromkeys(one.pieces.name for one in found if one is not None))
        return None, (
            f"The runs have no held-out piece in common ({names}): what they cost and write is measured by the pieces "
            "of each, which do not compare. Name pieces that none has learned from with --corpus."
        )
    order = [key for key in there[0] if key in shared]
    fewer = len(set().union(*there)) - len(order)
    is_are = "is" if fewer == 1 else "are"
    why = f"{counted(fewer, 'piece')} {is_are} left out, as not all runs hold them out." if fewer else ""
    first, of = next((number, one) for number, one in enumerate(found) if one is not None)
    return Common(of, first, [[own[key] for key in order] if own is not None else [] for own in keys]), why


def _keys(found: HeldOut) -> dict[tuple[str, str, int, int], int]:
    """The pieces by the contents of their files, and by what was taken of these: of some runs, single tracks."""
    hashes = {file["name"]: file["sha256"] for file in found.pieces.manifest["files"]}
    entries = ((index, found.pieces.entries[index]) for index in found.indices)
    return {
        (str(hashes.get(entry.file) or entry.file), entry.name.removeprefix(entry.file), entry.notes, entry.chars): at
        for at, entry in entries
    }


@dataclass(frozen=True)
class Amount:
    """How long each piece is: so many "bars", "seconds" or "chars"."""

    unit: str
    number: int

    def __str__(self) -> str:
        return f"{self.number:,} {'characters' if self.unit == 'chars' else self.unit}"


def some(pieces: Pieces, indices: Sequence[int]) -> list[Piece]:
    """At most REAL of the pieces, evenly from all of them."""
    return [pieces[index] for index in evenly(indices)]


def evenly(items: Sequence[Any]) -> list[Any]:
    """At most REAL of them, evenly from all."""
    return [items[at] for at in np.linspace(0, len(items) - 1, min(REAL, len(items))).round().astype(int)]


def amount_of(real: Sequence[Piece], unit: str) -> Amount:
    """As long as half of the real pieces are at least, within bounds."""
    lengths = []
    for piece in real:
        if isinstance(piece, str):
            lengths.append(float(len(piece)))
        else:
            lengths.append(float(_full_bars(piece)) if unit == "bars" else seconds(piece))
    middle = int(np.median(lengths)) if lengths else MOST[unit]
    return Amount(unit, max(LEAST[unit], min(MOST[unit], middle)))


def cut(real: Sequence[Piece], amount: Amount) -> list[Piece]:
    """The beginnings of pieces of music, shorter ones whole; texts in pieces of that length, at most REAL in all.

    What is left at the end of a text is one where it is half as long; where all texts are shorter, they are whole.
    """
    found: list[Piece] = []
    for piece in real:
        if isinstance(piece, str):
            parts = [piece[at : at + amount.number] for at in range(0, len(piece), amount.number)]
            found += [part for part in parts if 2 * len(part) >= amount.number]
        else:
            found.append(beginning(piece, amount))
    return evenly(found or real)


def beginning(score: Score, amount: Amount) -> Score:
    """So much of a score; a shorter one is whole, to the end of its last bar where bars are counted."""
    if amount.unit == "bars":
        return clip(score, bar_line(score, min(amount.number, max(1, _full_bars(score)))))
    stop = tick_at(score, amount.number)
    return clip(score, stop) if stop < end_tick(score) else score


def _full_bars(score: Score) -> int:
    """Its bars, a pickup not counted."""
    return len(bars(score)) - has_pickup(score)
