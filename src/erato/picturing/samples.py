"""What a run composed while it learned, in order. In: the folder of its samples. Out: pieces with names.

Of many, the first, the last, those of the weights that were kept and some evenly between. What cannot be read is left
out, and counted. Knows nothing of pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from erato.errors import EratoError
from erato.picturing.metrics import spread
from erato.reading import read_piece
from erato.score import Piece

MOST = {".mid": 8, ".txt": 12}  # samples that are shown
LONGEST = 4000  # characters of a text that are shown
_NAME = re.compile(r"step(\d+)(?:-(\d[\d.e+-]*))?\.(mid|txt)")


@dataclass(frozen=True)
class Found:
    """One sample: its file, the step, and the temperature where there are several."""

    path: Path
    step: int
    heat: float | None

    def name(self, kept: int | None) -> str:
        """What to call it; kept: the step of the weights that were kept."""
        heat = "" if self.heat is None else f", temperature {self.heat:g}"
        return f"After {self.step:,} steps{heat}" + (" (the weights that were kept)" if self.step == kept else "")


def samples(folder: Path) -> list[Found]:
    """The samples in `folder`, by step, then by temperature."""
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("step*"))
    found = [Found(path, int(m[1]), None if m[2] is None else float(m[2])) for path, m in named if m]
    return sorted(found, key=lambda one: (one.step, one.heat or 0.0, one.path.name))


def chosen_of(found: Sequence[Found], kept: int | None) -> list[Found]:
    """Those of `found` that are shown: all temperatures of as many steps as there is room for, at least two."""
    if not found:
        return []
    steps = list(dict.fromkeys(one.step for one in found))
    alike = max(1, len(found) // len(steps))
    room = max(2, MOST[found[0].path.suffix] // alike)
    shown = spread(steps, room)
    if kept in steps and kept not in shown and room > 2:  # in place of its neighbour
        nearest = min(shown[1:-1], key=lambda step: abs(step - kept))
        shown[shown.index(nearest)] = kept
    return [one for one in found if one.step in shown]


def read(found: Sequence[Found], kept: int | None) -> tuple[list[tuple[str, Piece]], int]:
    """Name and piece of each sample, and how many could not be read."""
    pieces: list[tuple[str, Piece]] = []
    for one in found:
        try:
            piece: Piece = one.path.read_text("utf-8", "replace") if one.path.suffix == ".txt" else read_piece(one.path)
        except (EratoError, OSError):
            continue
        if isinstance(piece, str) and len(piece) > LONGEST:
            piece = f"{piece[:LONGEST]}…\n\n(and {len(piece) - LONGEST:,} characters more)"
        pieces.append((one.name(kept), piece))
    return pieces, len(found) - len(pieces)


def said_of(found: Sequence[Found], shown: Sequence[Found], unread: int) -> str:
    """What is shown, and what is left out."""
    if not found:
        return "There are no samples yet: one is kept at each evaluation."
    sentences = ["The same beginning and the same seed at each evaluation: what differs is what was learned."]
    if len(shown) < len(found):
        sentences.append(
            f"{len(shown)} of {len(found):,} samples are shown, from the first to the last; all are in samples/."
        )
    if unread:
        sentences.append(f"{unread} could not be read.")
    return " ".join(sentences)
