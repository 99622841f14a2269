"""What a piece is to begin from: a prompt or a word for silence or a pitch in, the symbols of a representation out.

Knows nothing of runs and models.
"""

import os
import re
from pathlib import Path

from erato.corpora.base import Kind
from erato.errors import UsageError
from erato.reading import read_piece
from erato.reading.text import line_ends
from erato.reporter import Reporter, counts
from erato.representations.base import Array, Representation
from erato.score import Piece, note_count, pitch_number

_FILE = re.compile(r"\S+\.(txt|md|mid|midi|xml|musicxml|mxl|abc)", re.IGNORECASE)  # what no text is


class Words(str):
    """A text that is no path, whatever it says."""

    __slots__ = ()


def names_a_file(prompt: str) -> bool:
    """Whether a prompt is a path, not a text: of a file, of a folder (by its slash) or, by its suffix, of nothing."""
    folder = "/" in prompt and os.path.isdir(prompt)  # noqa: PTH112 (of a long text, Path raises)
    return folder or os.path.isfile(prompt) or bool(_FILE.fullmatch(prompt))  # noqa: PTH113


def path_or_piece(prompt: Piece | Path, kind: Kind) -> Piece | Path:
    """A prompt that is the path of a file as such; kind: of the run."""
    may_be = isinstance(prompt, str) and not isinstance(prompt, Words)
    named = may_be and (kind == "music" or names_a_file(str(prompt)))
    return Path(str(prompt)) if named else prompt


def read_prompt(prompt: Piece | Path, representation: Representation, reporter: Reporter) -> Array:
    """The symbols of what is to be continued; UsageError where nothing of it can be held."""
    kind = representation.kind
    prompt = path_or_piece(prompt, kind)
    if isinstance(prompt, Path):
        if not prompt.is_file():
            raise UsageError(f"there is no file {str(prompt)!r} to continue: give the path of a {kind} file.")
        prompt = read_piece(prompt)
    if isinstance(prompt, str):
        prompt = line_ends(prompt)
    if isinstance(prompt, str) != (kind == "text"):
        raise UsageError(
            f"this run continues {kind}, and the prompt is {'text' if isinstance(prompt, str) else 'music'}."
        )
    encoded = representation.encode_prompt(prompt)
    if encoded.lost:
        reporter.note(f"The prompt was read without what this run does not know: {counts(encoded.lost)}.")
    played = not isinstance(prompt, str) and note_count(prompt) > 0
    if not len(encoded.array) or (played and not representation.units(encoded.array).get("notes")):
        raise UsageError("nothing of the prompt can be held by this run: give one like the pieces it learned from.")
    return encoded.array


def opening(begin: str, representation: Representation) -> Array:
    """The symbols of silence, or of the one note that `begin` names; UsageError where the run cannot begin so."""
    if representation.kind == "text":
        raise UsageError(f"a text begins from nothing, a window, or a prompt, not from {begin!r}.")
    if begin != "silence" and not begin[-1:].isdigit():
        raise UsageError(f"begin must be nothing, window, silence or a pitch as in C4, got {begin!r}.")
    found = representation.opening(None if begin == "silence" else pitch_number(begin))
    if not len(found):
        raise UsageError(f"this run cannot begin from {begin}: choose nothing, window or another pitch.")
    return found
