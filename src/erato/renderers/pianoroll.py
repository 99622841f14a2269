"""A score to a piano roll. In: a score in ticks, what to say of it. Out: PNG bytes, always the same.

Long pieces run on over several rows, as a printed score does. Everything is laid out in inches on one page: x
to the right, y upwards. Knows nothing of how the piece was made; draws on a canvas, not on matplotlib.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic.core import TrackTick

from erato import files
from erato.general_midi import drum_name
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.canvas import BOLD, Canvas
from erato.renderers.names import BLACK_KEYS, pitch_name, track_labels
from erato.score import Bar, Floats, Ints, Piece, Score, bars, has_pickup, note_count, seconds, seconds_at

# Okabe and Ito, Color Universal Design (2008): told apart by all kinds of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#B8A800")
INK, SOFT, FAINT = "#1d1d1f", "#6b6b73", "#a5a5ad"
PAPER, BLACK_LANE, BEAT_LINE, OCTAVE_LINE, BAR_LINE = "#ffffff", "#f1f2f5", "#e1e2e8", "#c9cad2", "#83848f"

MARGIN = 0.35
KEYBOARD = 0.34  # width of the strip of keys
ROW_WIDTH = 11.6
ROW_QUARTERS = 32  # how much a row holds: eight bars of 4/4
MAX_ROWS = 16
MAX_LEGEND = 24
DRUM_LANE = 0.115
ROW_GAP = 0.42  # holds the bar numbers of the row below and the clock of the row above


class PianoRoll(Renderer):
    suffix = ".png"
    summary = "picture of the notes: pitch upwards, bars to the right, a colour a track"
    noun = "a piano roll"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_bytes(path, piano_roll(as_score(piece, path, self), about))


def piano_roll(score: Score, about: About | None = None) -> bytes:
    """The PNG of `score`: rows of whole bars, keys on the left, louder notes darker."""
    about = about or About()
    page = _Page(score)
    canvas = Canvas(page.width)
    height = page.draw(canvas, about)
    return canvas.png(height)


@dataclass(frozen=True)
class Row:
    """The bars of one row; `number` is that of its first bar."""

    number: int
    bars: list[Bar]

    @property
    def start(self) -> int:
        return self.bars[0].start

    @property
    def end(self) -> int:
        return self.bars[-1].end


def summary(score: Score) -> str:
    """How much there is of a score, in a few words: its bars (a pickup not counted), notes and length."""
    count = max(1, len(bars(score)) - has_pickup(score))
    return ", ".join([_count(count, "bar"), _count(note_count(score), "note"), _clock(seconds(score))])


def rows_of(score: Score) -> list[Row]:
    """The bars in rows of at most `ROW_QUARTERS`, a pickup not counted; a longer bar has a row of its own."""
    number = 0 if has_pickup(score) else 1
    room = ROW_QUARTERS * score.ticks_per_quarter
    rows: list[Row] = []
    used = room
    for index, bar in enumerate(bars(score), start=number):
        length = bar.end - bar.start
        if not rows or used + length > room:
            rows.append(Row(index, []))
            used = 0
        rows[-1].bars.append(bar)
        used += 0 if index == 0 else length
    return rows


class Lanes:
    """How high (inches above the foot of a row) each key lies: drums below, keys above, only those used."""

    def __init__(self, score: Score) -> None:
        keys = [n for track in score.tracks if not track.is_drum for n in track.notes.numpy()["pitch"].tolist()]
        drums = {n for track in score.tracks if track.is_drum for n in track.notes.numpy()["pitch"].tolist()}
        self.drums = sorted(drums)
        if keys or not drums:
            low, high = (min(keys), max(keys)) if keys else (60, 72)
            spare = max(0, 17 - (high - low)) // 2
            self.keys = range(max(0, low - 2 - spare), min(127, high + 2 + spare) + 1)
        else:
            self.keys = range(0)
        self.lane = min(0.1, max(0.034, 2.9 / max(1, len(self.keys))))
        self.foot = DRUM_LANE * len(self.drums) + (0.12 if self.drums and self.keys else 0)
        self.height = self.foot + self.lane * len(self.keys)

    def key(self, pitch: Any) -> Any:
        """The lower edge of the lane of key `pitch`, one or an array."""
        return self.foot + (pitch - (self.keys[0] if self.keys else 0)) * self.lane

    def drum(self, pitch: Any) -> Any:
        """The lower edge of the lane of drum `pitch`, one or an array."""
        return np.searchsorted(self.drums, pitch) * DRUM_LANE


def hidden_tracks(tracks: Sequence[TrackTick]) -> list[Ints]:
    """For each note: how many later tracks sound its key meanwhile. Drawn slimmer, it hides none of them."""
    spans = []
    for track in tracks:
        notes = {name: column.astype(np.int64) for name, column in track.notes.numpy().items()}
        key = (notes["pitch"] + 128 * track.is_drum) << 33  # more than a tick can be: keys do not touch
        spans.append((key + notes["time"], key + notes["time"] + notes["duration"]))
    counts = [np.zeros(len(start), dtype=np.int64) for start, _ in spans]
    for behind, (start, end) in enumerate(spans):
        order = np.argsort(start, kind="stable")
        start, reached = start[order], np.maximum.accumulate(end[order])
        for front in range(behind):
            begun = np.searchsorted(start, spans[front][1])  # those begun before this note ends
            counts[front] += (begun > 0) & (reached[np.maximum(begun - 1, 0)] > spans[front][0])
    return counts


class _Page:
    """One score on one page."""

    def __init__(self, score: Score) -> None:
        self.score = score
        all_rows = rows_of(score)
        self.rows, self.left_out = all_rows[:MAX_ROWS], all_rows[MAX_ROWS:]
        self.lanes = Lanes(score)
        longest = max(row.end - row.start for row in self.rows)
        filled = min(1.0, max(longest / score.ticks_per_quarter / ROW_QUARTERS, 0.5))
        self.inch = filled * ROW_WIDTH / max(1, longest)  # inches a tick
        self.x = MARGIN + (0.85 if self.lanes.drums else 0.3) + KEYBOARD
        self.width = self.x + longest * self.inch + 0.1 + MARGIN
        self.sounding = [track for track in score.tracks if len(track.notes)]
        self.hidden = hidden_tracks(self.sounding)

    def draw(self, canvas: Canvas, about: About) -> float:
        """Draws from the top (y = 0) downwards; returns the height used, in inches."""
        y = self._heading(canvas, about, -MARGIN)
        for row in self.rows:
            y -= ROW_GAP + self.lanes.height
            self._row(canvas, row, y)
        return -y + ROW_GAP + MARGIN * 0.6

    def _heading(self, canvas: Canvas, about: About, y: float) -> float:
        room = self.width - 2 * MARGIN
        if about.title:
            y -= 0.2
            canvas.text(MARGIN, y, about.title, 15, INK, BOLD, room=room)
        y -= 0.22
        canvas.text(MARGIN, y, self._summary(), 8.5, SOFT, room=room)
        facts = [f"{name}: {value}" if value else name for name, value in about.facts.items()]
        for line in canvas.wrap(facts, 8.5, room, "  ·  ", 3):
            y -= 0.17
            canvas.text(MARGIN, y, line, 8.5, SOFT, room=room)
        return self._legend(canvas, y - 0.27, room) if self.sounding else y

    def _summary(self) -> str:
        """What is shown: bars, notes, length, and what was left out."""
        number = self.rows[-1].number + len(self.rows[-1].bars) - 1
        last = self.left_out[-1].number + len(self.left_out[-1].bars) - 1 if self.left_out else number
        parts = [_count(last, "bar"), _count(note_count(self.score), "note"), _clock(seconds(self.score))]
        if len({note.velocity for track in self.sounding for note in track.notes}) > 1:
            parts.append("darker is louder")
        if self.left_out:
            parts.append(f"only the bars up to {number} are shown, {number + 1} to {last} are left out")
        return "  ·  ".join(parts)

    def _legend(self, canvas: Canvas, y: float, room: float) -> float:
        x = MARGIN
        for index, label in enumerate(track_labels(self.sounding)):
            many = index == MAX_LEGEND and len(self.sounding) > MAX_LEGEND + 1
            label = f"and {len(self.sounding) - index} more tracks" if many else label
            label = canvas.shorten(label, 9, min(room, 4.0) - 0.25)
            width = 0.25 + canvas.width_of(label, 9) + 0.28
            if x > MARGIN and x + width - 0.28 > MARGIN + room:
                x, y = MARGIN, y - 0.21
            if not many:
                color, edge = _colors(index)
                canvas.boxes([[x, x + 0.17, y - 0.015, y + 0.095]], [color], [edge], 0.7)
            canvas.text(x + (0 if many else 0.24), y, label, 9, INK)
            x += width
            if many:
                break
        return y

    def _row(self, canvas: Canvas, row: Row, y: float) -> None:
        """One row with its foot at y: paper, beats, bars, keys, notes."""
        left, right, top = self.x, self.x + (row.end - row.start) * self.inch, y + self.lanes.height
        self._paper(canvas, y, left, right)
        self._bar_lines(canvas, row, y, top)
        self._keyboard(canvas, y, left)
        self._notes(canvas, row, y)
        time = float(seconds_at(self.score, np.array([row.start]))[0])
        canvas.text(left, y - 0.13, _clock(time), 6.5, FAINT)
        if not self.sounding:
            canvas.text((left + right) / 2, (y + top) / 2, "no notes", 10, SOFT, align="center")

    def _paper(self, canvas: Canvas, y: float, left: float, right: float) -> None:
        lanes = self.lanes
        dark = [p for p in lanes.keys if p % 12 in BLACK_KEYS]
        boxes = [[left, right, y + lanes.key(p), y + lanes.key(p + 1)] for p in dark]
        boxes += [[left, right, y + lanes.drum(p), y + lanes.drum(p) + DRUM_LANE] for p in lanes.drums[::2]]
        canvas.boxes(boxes, [BLACK_LANE] * len(boxes))
        octaves = [y + lanes.key(p) for p in lanes.keys if p % 12 == 0]
        canvas.lines([[(left, at), (right, at)] for at in octaves], OCTAVE_LINE, 0.6)
        edges = [y, y + lanes.height, *([y + lanes.foot] if lanes.drums and lanes.keys else [])]
        canvas.lines([[(left, at), (right, at)] for at in edges], BAR_LINE, 0.6)
        for pitch in lanes.drums:
            at = y + lanes.drum(pitch) + 0.03
            canvas.text(left - 0.06, at, drum_name(pitch), 6, SOFT, align="right", room=1.1)

    def _bar_lines(self, canvas: Canvas, row: Row, y: float, top: float) -> None:
        lines, beats, beat_room = [], [], 0.07
        label_at = -1.0
        meter = None if row.number <= 1 else self._meter_before(row)
        for number, bar in enumerate(row.bars, start=row.number):
            x = self._x(row, bar.start)
            lines.append([(x, y), (x, top)])
            beat = self.score.ticks_per_quarter * 4 / bar.denominator
            if beat * self.inch >= beat_room:
                ticks = np.arange(bar.start + beat, bar.end - 0.5, beat)
                beats += [[(self._x(row, tick), y), (self._x(row, tick), top)] for tick in ticks]
            new, meter = (bar.numerator, bar.denominator) != meter, (bar.numerator, bar.denominator)
            if x >= label_at:
                canvas.text(x + 0.02, top + 0.05, str(number), 7, SOFT)
                label_at = x + canvas.width_of(str(number), 7) + 0.1
                if new and number:  # a pickup has no meter of its own: that of the first full bar counts
                    name = f"{bar.numerator}/{bar.denominator}"
                    canvas.text(label_at, top + 0.05, name, 7, INK, BOLD)
                    label_at += canvas.width_of(name, 7, BOLD) + 0.1
        canvas.lines(beats, BEAT_LINE, 0.6)
        x = self._x(row, row.end)
        lines.append([(x, y), (x, top)])
        canvas.lines(lines, BAR_LINE, 0.9)
        if row is self.rows[-1] and not self.left_out:
            canvas.boxes([[x + 0.035, x + 0.07, y, top]], [BAR_LINE])

    def _meter_before(self, row: Row) -> tuple[int, int]:
        bar = self.rows[self.rows.index(row) - 1].bars[-1]
        return bar.numerator, bar.denominator

    def _keyboard(self, canvas: Canvas, y: float, right: float) -> None:
        """The strip of keys: white ones meet in the middle of the black one between them."""
        lanes, left = self.lanes, right - KEYBOARD
        if not lanes.keys:
            return
        bottom, top = y + lanes.foot, y + lanes.height
        canvas.boxes([[left, right, bottom, top]], [PAPER], [BAR_LINE], 0.6)
        seams, black = [], []
        for pitch in lanes.keys:
            at = y + lanes.key(pitch)
            if pitch % 12 in BLACK_KEYS:
                black.append([left, left + KEYBOARD * 0.6, at, at + lanes.lane])
                seams.append([(left, at + lanes.lane / 2), (right, at + lanes.lane / 2)])
            elif pitch % 12 in (0, 5):
                seams.append([(left, at), (right, at)])
            if pitch % 12 == 0:
                canvas.text(left - 0.05, at + lanes.lane / 2 - 0.035, pitch_name(pitch), 7, INK, align="right")
        canvas.lines(seams, FAINT, 0.5)
        canvas.boxes(black, ["#2b2b30"] * len(black))

    def _notes(self, canvas: Canvas, row: Row, y: float) -> None:
        """The notes of the row, those of the first track in front."""
        for index, track in reversed(list(enumerate(self.sounding))):
            notes = track.notes.numpy()
            onset = notes["time"].astype(np.int64)
            end = onset + notes["duration"]
            # A note without length still shows; one that runs on is cut at the edge of the row.
            here = (onset < row.end) & ((end > row.start) | (onset >= row.start))
            pitch = notes["pitch"][here].astype(np.int64)
            begin = self._x(row, np.maximum(onset[here], row.start))
            stop = np.maximum(self._x(row, np.minimum(end[here], row.end)), begin + 0.02)
            height = DRUM_LANE if track.is_drum else self.lanes.lane
            foot = y + (self.lanes.drum(pitch) if track.is_drum else self.lanes.key(pitch))
            inset = height * (0.04 + 0.13 * np.minimum(self.hidden[index][here], 3))
            boxes = np.stack([begin, stop, foot + inset, foot + height - inset], axis=1)
            color, edge = _colors(index)
            canvas.boxes(boxes, _shades(color, notes["velocity"][here]), [edge], 0.6)

    def _x(self, row: Row, tick: Any) -> Any:
        return self.x + (tick - row.start) * self.inch


def _colors(index: int) -> tuple[str, str]:
    """The colour of a track and of the edge of its notes; when colours come round again, edges are black."""
    color = COLORS[index % len(COLORS)]
    channels = (round(int(color[at : at + 2], 16) * 0.55) for at in (1, 3, 5))
    return color, "#" + "".join(f"{channel:02x}" for channel in channels) if index < len(COLORS) else "#000000"


def _shades(color: str, velocity: npt.NDArray[Any]) -> Floats:
    """`color` mixed with white, [N, 3] of 0 to 1: the louder, the less white."""
    full = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    strength = 0.35 + 0.65 * np.clip(velocity.astype(np.float64), 0, 100)[:, None] / 100
    return 1 - strength * (1 - full)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _clock(time: float) -> str:
    minutes, rest = divmod(round(time), 60)
    return f"{minutes}:{rest:02d}" if time >= 10 or time == 0 else f"{time:.1f} s"
