"""Which pieces are learnt from and which are held out. Groups flow in, splits flow out. Knows nothing of
files.

About 80/10/10 by groups: a hash of (seed, group) decides, so that a group stays where it is when others are
added.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from erato.corpora.base import Split
from erato.score import Piece, Score, bars, between, end_tick, note_count

BY_GROUP = "by group: a hash of the seed and the group decides, about 80/10/10"
BY_TIME = "there is one work only: the first 80 % of each piece is train, the next 10 % valid, the last 10 % test"
_SHORTEST = 100  # characters of a text that something can be held out of
_BLANK = re.compile(r"\n\s*\n")  # songs, speeches and paragraphs end so
_CENTRE: dict[str, float] = {"train": 0.4, "valid": 0.85, "test": 0.95}


def place(seed: int, group: str) -> float:
    """A number in [0, 1) that only this seed and this group determine."""
    digest = hashlib.sha256(f"{seed}\0{group}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def assign(groups: Sequence[str], own: Sequence[Split | None], seed: int) -> list[Split]:
    """The split of each piece: its own where its file brings one, else its group's.

    With two groups or more, train and valid are never empty: the group whose number lies closest is moved
    there.
    """
    at = {group: place(seed, group) for group in groups}
    chosen: dict[str, Split] = {
        group: "train" if number < 0.8 else "valid" if number < 0.9 else "test" for group, number in at.items()
    }
    if all(own) and not {"train", "valid"} <= set(own):
        own = [None] * len(groups)  # published splits that hold nothing out are none
    fixed: dict[str, Split] = {group: split for group, split in zip(groups, own, strict=True) if split}
    chosen |= fixed  # what belongs to a work with a split of its own goes there
    needs: tuple[Split, ...] = ("valid", "train")
    for need in needs:
        count = Counter(chosen.values())
        if not count[need]:
            movable = [
                group for group, split in chosen.items() if group not in fixed and (split == "test" or count[split] > 1)
            ]
            if movable:
                chosen[min(movable, key=lambda group: (abs(at[group] - _CENTRE[need]), group))] = need
    return [mine or chosen[group] for group, mine in zip(groups, own, strict=True)]


def cut(piece: Piece) -> dict[Split, Piece] | None:
    """A piece in three, in its own order, at bar lines, blank lines or line breaks; None: it is too short for that."""
    parts = _cut_text(piece) if isinstance(piece, str) else _cut_score(piece)
    return parts if parts and {"train", "valid"} <= set(parts) else None


def _cut_text(text: str) -> dict[Split, Piece] | None:
    if len(text) < _SHORTEST:
        return None
    first = _break(text, 0, len(text) * 8 // 10)
    second = _break(text, first, max(first + 1, len(text) * 9 // 10))
    parts: dict[Split, str] = {"train": text[:first], "valid": text[first:second], "test": text[second:]}
    return {split: part for split, part in parts.items() if part.strip()}


def _break(text: str, first: int, near: int) -> int:
    """Where to cut: after the blank lines nearest to `near`, else the first place from `near` on after a line break,
    else after a space; `near` itself where all are far. Something written stands between `first` and the cut.
    """
    reach = max(200, len(text) // 50)
    begin = max(first, near - len(text) // 10)
    ends = [blank.end() for blank in _BLANK.finditer(text, begin, near + len(text) // 10)]
    ends = [end for end in ends if text[first:end].strip() and text[end:].strip()]
    if ends:
        return min(ends, key=lambda end: abs(end - near))
    for mark in ("\n", " "):
        found = text.find(mark, near - 1, near + reach)
        if found >= 0 and text[found:].strip():
            return found + 1
    return near


def _cut_score(score: Score) -> dict[Split, Piece] | None:
    lines = bars(score)
    count = len(lines)
    if count < 3:
        return None
    first = min(count * 8 // 10, count - 2)
    second = max(count * 9 // 10, first + 1)
    ends = [lines[0].start, lines[first].start, lines[second].start, end_tick(score)]
    splits: tuple[Split, ...] = ("train", "valid", "test")
    parts: dict[Split, Piece] = {}
    for split, start, stop in zip(splits, ends[:-1], ends[1:], strict=True):
        part = between(score, start, stop)
        if note_count(part):
            parts[split] = part
    return parts
