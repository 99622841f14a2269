"""A score to a picture of its matrix of keys and frames. In: a score in ticks. Out: PNG bytes, always the same.

88 rows of keys, the highest on top, and one column a frame; a cell is dark where its key sounds. Every cell is a whole
number of pixels, so that none is blurred. Knows nothing of how the piece was made. Legend: N notes.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from erato import files
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.canvas import BOLD, DPI, Canvas
from erato.renderers.names import pitch_name
from erato.renderers.records import png_with_record
from erato.renderers.shapes import Align
from erato.score import Ints, Piece, Score, end_tick, seconds

LOWEST, KEYS = 21, 88  # MIDI pitch of the lowest row; a piano's keys
MAX_FRAMES = 300
FEWEST_FRAMES = 64  # of a picture: room for its heading
FINEST = 24  # frames a quarter where notes have no coarser grid
WIDTH, CELLS = 1200, (4, 8)  # pixels: of the frames where they are few, and of a cell
MARGIN, LEFT, ABOVE, BELOW = 20, 44, 14, 34  # pixels

INK, SOFT = "#1d1d1f", "#6b6b73"
GROUND, RULE, EDGE, CELL = "#fcfcfd", "#e1e2e8", "#a5a5ad", "#1d1d1f"


class Matrix(Renderer):
    suffix = ".matrix.png"
    summary = f"picture of the first {MAX_FRAMES} frames as a matrix of 88 keys"
    noun = "a matrix"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_bytes(path, matrix(as_score(piece, path, self), about))


def matrix(score: Score, about: About | None = None) -> bytes:
    """The PNG of `score`: the keys of all tracks but drums, in frames that its notes begin and end on."""
    about = about or About()
    pitch, onset, end, left_out = _notes(score)
    frame = frame_ticks(score, np.concatenate((onset, end)))
    begin = _frames(onset, frame)
    stop = np.maximum(_frames(end, frame), begin + 1)
    total = max(int(_frames(np.array([end_tick(score)]), frame)[0]), int(stop.max(initial=0)))
    shown = min(max(total, FEWEST_FRAMES), MAX_FRAMES)
    size = min(max(WIDTH // shown, CELLS[0]), CELLS[1])
    canvas = _Pixels(LEFT + shown * size + MARGIN)

    top = canvas.heading(about, _facts(score, frame, total, len(pitch), left_out)) + ABOVE
    right, bottom = LEFT + shown * size, top + KEYS * size
    canvas.box(LEFT - 1, right + 1, top - 1, bottom + 1, EDGE)
    canvas.box(LEFT, right, top, bottom, GROUND)
    for c in range(24, LOWEST + KEYS, 12):
        foot = top + (LOWEST + KEYS - c) * size
        if c > LOWEST and foot < bottom:
            canvas.box(LEFT, right, foot - 1, foot, RULE)
        canvas.text(LEFT - 6, foot - size / 2 + 3, pitch_name(c), "right")
    every = 50 if shown > 100 else 10
    for number in range(0, shown + 1, every):
        x = LEFT + number * size
        if 0 < number < shown:
            canvas.box(x, x + 1, top, bottom, RULE)
        canvas.box(x, x + 1, bottom + 1, bottom + 5, EDGE)
        canvas.text(x, bottom + 16, str(number), "center")
    here = begin < shown
    left, over = LEFT + begin[here] * size, LEFT + np.minimum(stop[here], shown) * size
    head = top + (LOWEST + KEYS - 1 - pitch[here]) * size
    canvas.boxes(np.stack([left, over, head, head + size], 1), CELL)
    return png_with_record(canvas.png(bottom + BELOW), about)


def frame_ticks(score: Score, ticks: Ints) -> Fraction:
    """The longest frame that all of `ticks` lie on, but a 24th of a quarter at least (ticks)."""
    return max(Fraction(int(np.gcd.reduce(ticks, initial=0))), Fraction(score.ticks_per_quarter, FINEST))


def _frames(ticks: Ints, frame: Fraction) -> Ints:
    """The nearest frame of each tick."""
    nearest: Ints = (2 * ticks * frame.denominator + frame.numerator) // (2 * frame.numerator)
    return nearest


def _notes(score: Score) -> tuple[Ints, Ints, Ints, int]:
    """Pitch, onset and end (ticks) of the notes on the 88 keys, [N] each, and how many have no key."""
    columns = [track.notes.numpy() for track in score.tracks if not track.is_drum]
    time, duration, pitch = (
        np.concatenate([np.zeros(0), *(c[name] for c in columns)]).astype(np.int64)
        for name in ("time", "duration", "pitch")
    )
    here = (pitch >= LOWEST) & (pitch < LOWEST + KEYS)
    drums = sum(len(track.notes) for track in score.tracks if track.is_drum)
    return pitch[here], time[here], (time + duration)[here], int(np.count_nonzero(~here)) + drums


def _facts(score: Score, frame: Fraction, total: int, notes: int, left_out: int) -> str:
    """What a cell is, and what is not shown."""
    quarters = frame / score.ticks_per_quarter
    facts = [f"88 keys × {min(total, MAX_FRAMES)}{f' of {total:,}' if total > MAX_FRAMES else ''} frames"]
    length = f"a frame is {quarters} quarter{'s' if quarters > 1 else ''}"
    if total and len(score.tempos) <= 1:
        length += f" or {seconds(score) * float(frame) / max(1, end_tick(score)):.3g} s"
    facts.append(length if notes else "no notes")
    if left_out:
        facts.append(f"left out: {left_out:,} drums or notes beyond the keys")
    return "  ·  ".join(facts)


class _Pixels:
    """A canvas in whole pixels, y downwards from the top."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.canvas = Canvas(width / DPI)

    def heading(self, about: About, facts: str) -> int:
        """Title, what is shown, and the facts of the piece; where it ends."""
        room, y = (self.width - 2 * MARGIN) / DPI, MARGIN
        if about.title:
            y += 24
            self.canvas.text(MARGIN / DPI, -y / DPI, about.title, 15, INK, BOLD, room=room)
        more = [f"{name}: {value}" if value else name for name, value in about.facts.items()]
        for line in [facts, *self.canvas.wrap(more, 8.5, room, "  ·  ", 3)]:
            y += 22
            self.canvas.text(MARGIN / DPI, -y / DPI, line, 8.5, SOFT, room=room)
        return y

    def box(self, left: float, right: float, top: float, bottom: float, color: str) -> None:
        self.boxes(np.array([[left, right, top, bottom]]), color)

    def boxes(self, boxes: Any, color: str) -> None:
        """boxes: [N, 4] of left, right, top, bottom."""
        self.canvas.boxes(boxes[:, [0, 1, 3, 2]] / [DPI, DPI, -DPI, -DPI], [color] * len(boxes))

    def text(self, x: float, y: float, text: str, align: Align) -> None:
        self.canvas.text(x / DPI, -y / DPI, text, 7, SOFT, align=align)

    def png(self, height: int) -> bytes:
        return self.canvas.png(height / DPI)
