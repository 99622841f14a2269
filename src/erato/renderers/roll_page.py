"""One score on one page: rows of bars, keys on the left, notes. In: a score and what to say of it. Draws on a canvas.

Long pieces run on over several rows, as a printed score does. Everything is laid out in inches on one page: x to the
right, y upwards. Knows nothing of how the piece was made, nor of files.
"""

from typing import Any

import numpy as np

from erato.general_midi import drum_name
from erato.renderers.base import About
from erato.renderers.canvas import BOLD, Canvas
from erato.renderers.names import BLACK_KEYS, pitch_name
from erato.renderers.palette import FAINT, INK, PAPER, SOFT, of_track, shades
from erato.renderers.roll_heading import GIVEN_PAPER, Scale, hatched, heading
from erato.renderers.roll_layout import DRUM_LANE, ROW_QUARTERS, Lanes, Row, hidden_tracks, rows_of
from erato.score import Score, note_count, seconds, seconds_at

BLACK_LANE, BEAT_LINE, OCTAVE_LINE, BAR_LINE = "#f1f2f5", "#e1e2e8", "#c9cad2", "#83848f"
GIVEN_LANE = "#e6dfcf"  # of a black key, where the paper is that of what was given

MARGIN = 0.35
KEYBOARD = 0.34  # width of the strip of keys
ROW_WIDTH = 11.6
MAX_ROWS = 16
ROW_GAP = 0.42  # holds the bar numbers of the row below and the clock of the row above
NAMED_LANE = 0.06  # height of lanes that have room for the name of each white key
HATCHED = 0.045  # height of the edge below what was given


class Page:
    """One score on one page."""

    def __init__(self, score: Score, about: About) -> None:
        self.score, self.about = score, about
        all_rows = rows_of(score)
        self.rows, self.left_out = all_rows[:MAX_ROWS], all_rows[MAX_ROWS:]
        self.lanes = Lanes(score)
        longest = max(row.end - row.start for row in self.rows)
        filled = min(1.0, max(longest / score.ticks_per_quarter / ROW_QUARTERS, 0.5))
        self.inch = filled * ROW_WIDTH / max(1, longest)  # inches a tick
        self.left = MARGIN + (0.85 if self.lanes.drums else 0.3) + KEYBOARD
        self.width = self.left + longest * self.inch + 0.1 + MARGIN
        self.sounding = [track for track in score.tracks if len(track.notes)]
        self.hidden = hidden_tracks(self.sounding)
        self.given = max(0, about.new_from or 0)  # what begins before this tick was given
        self.surprise, self.scale = None, None
        if about.surprise is not None:
            both = zip(score.tracks, about.surprise, strict=True)
            self.surprise = [np.asarray(nats, np.float64) for track, nats in both if len(track.notes)]
            self.scale = Scale.of(self.surprise)
        self.feet: list[float] = []  # of the rows that are drawn

    def draw(self, canvas: Canvas) -> float:
        """Draws from the top (y = 0) downwards; returns the height used, in inches."""
        room = self.width - 2 * MARGIN
        y = heading(
            canvas,
            self.about,
            self._summary(),
            self.sounding,
            self.scale,
            self.given > 0,
            MARGIN,
            -MARGIN,
            room,
        )
        for row in self.rows:
            y -= ROW_GAP + self.lanes.height
            self._row(canvas, row, y)
            self.feet.append(y)
        return -y + ROW_GAP + MARGIN * 0.6

    def x(self, row: Row, tick: Any) -> Any:
        """How far from the left edge `tick` (one or an array) lies in its row."""
        return self.left + (tick - row.start) * self.inch

    def _summary(self) -> str:
        """What is shown: bars, notes, length, and what was left out."""
        number = self.rows[-1].number + len(self.rows[-1].bars) - 1
        last = self.left_out[-1].number + len(self.left_out[-1].bars) - 1 if self.left_out else number
        parts = [counted(last, "bar"), counted(note_count(self.score), "note"), clock(seconds(self.score))]
        if self.scale is not None:
            parts.append("darker is more surprising")
        elif len({note.velocity for track in self.sounding for note in track.notes}) > 1:
            parts.append("darker is louder")
        if self.left_out:
            parts.append(f"only the bars up to {number} are shown, {number + 1} to {last} are left out")
        return "  ·  ".join(parts)

    def _row(self, canvas: Canvas, row: Row, y: float) -> None:
        """One row with its foot at y: paper, beats, bars, keys, notes."""
        left, right, top = self.left, self.x(row, row.end), y + self.lanes.height
        given = self.x(row, min(max(self.given, row.start), row.end))
        self._paper(canvas, y, left, right, given)
        self._bar_lines(canvas, row, y, top)
        self._keyboard(canvas, y, left)
        self._notes(canvas, row, y)
        if given > left:
            hatched(canvas, left, given, y - HATCHED, y)
        if row.start <= self.given < row.end and self.given:
            self._composed_from(canvas, given, right, y, top)
        time = float(seconds_at(self.score, np.array([row.start]))[0])
        canvas.text(left, y - 0.13 - HATCHED * (given > left), clock(time), 6.5, FAINT)
        if not self.sounding:
            canvas.text((left + right) / 2, (y + top) / 2, "no notes", 10, SOFT, align="center")

    def _paper(self, canvas: Canvas, y: float, left: float, right: float, given: float) -> None:
        """The lanes from `left` to `right`, those up to `given` tinted."""
        lanes = self.lanes
        dark = [[y + lanes.key(p), y + lanes.key(p + 1)] for p in lanes.keys if p % 12 in BLACK_KEYS]
        dark += [[y + lanes.drum(p), y + lanes.drum(p) + DRUM_LANE] for p in lanes.drums[::2]]
        if given > left:
            canvas.boxes([[left, given, y, y + lanes.height]], [GIVEN_PAPER])
            canvas.boxes([[left, given, *lane] for lane in dark], [GIVEN_LANE] * len(dark))
        if given < right:
            canvas.boxes([[given, right, *lane] for lane in dark], [BLACK_LANE] * len(dark))
        octaves = [y + lanes.key(p) for p in lanes.keys if p % 12 == 0]
        canvas.lines([[(left, at), (right, at)] for at in octaves], OCTAVE_LINE, 0.6)
        edges = [y, y + lanes.height, *([y + lanes.foot] if lanes.drums and lanes.keys else [])]
        canvas.lines([[(left, at), (right, at)] for at in edges], BAR_LINE, 0.6)
        for pitch in lanes.drums:
            at = y + lanes.drum(pitch) + 0.03
            canvas.text(left - 0.06, at, drum_name(pitch), 6, SOFT, align="right", room=1.1)

    def _composed_from(self, canvas: Canvas, x: float, right: float, y: float, top: float) -> None:
        """The line where what was given ends."""
        canvas.lines([[(x, y - HATCHED), (x, top + 0.27)]], INK, 1.4)
        said = "composed from here"
        before = x + 0.06 + canvas.width_of(said, 7.5, BOLD) > right
        canvas.text(x + (-0.06 if before else 0.06), top + 0.19, said, 7.5, INK, BOLD, "right" if before else "left")

    def _bar_lines(self, canvas: Canvas, row: Row, y: float, top: float) -> None:
        lines, beats, beat_room = [], [], 0.07
        label_at = -1.0
        meter = None if row.number <= 1 else self._meter_before(row)
        for number, bar in enumerate(row.bars, start=row.number):
            x = self.x(row, bar.start)
            lines.append([(x, y), (x, top)])
            beat = self.score.ticks_per_quarter * 4 / bar.denominator
            if beat * self.inch >= beat_room:
                ticks = np.arange(bar.start + beat, bar.end - 0.5, beat)
                beats += [[(self.x(row, tick), y), (self.x(row, tick), top)] for tick in ticks]
            new, meter = (bar.numerator, bar.denominator) != meter, (bar.numerator, bar.denominator)
            if x >= label_at:
                canvas.text(x + 0.02, top + 0.05, str(number), 7, SOFT)
                label_at = x + canvas.width_of(str(number), 7) + 0.1
                if new and number:  # a pickup has no meter of its own: that of the first full bar counts
                    name = f"{bar.numerator}/{bar.denominator}"
                    canvas.text(label_at, top + 0.05, name, 7, INK, BOLD)
                    label_at += canvas.width_of(name, 7, BOLD) + 0.1
        canvas.lines(beats, BEAT_LINE, 0.6)
        x = self.x(row, row.end)
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
        canvas.boxes([[left, right, bottom, top]], [PAPER], BAR_LINE, 0.6)
        named = lanes.lane >= NAMED_LANE
        seams, black = [], []
        for pitch in lanes.keys:
            at = y + lanes.key(pitch)
            if pitch % 12 in BLACK_KEYS:
                black.append([left, left + KEYBOARD * 0.6, at, at + lanes.lane])
                seams.append([(left, at + lanes.lane / 2), (right, at + lanes.lane / 2)])
                continue
            if pitch % 12 in (0, 5):
                seams.append([(left, at), (right, at)])
            name, middle = pitch_name(pitch), at + lanes.lane / 2
            if pitch % 12 == 0:
                canvas.text(left - (0.12 if named else 0.05), middle - 0.035, name, 7, INK, align="right")
            elif named:
                canvas.text(left - 0.04, middle - 0.025, name.rstrip("-0123456789"), 5, SOFT, align="right")
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
            begin = self.x(row, np.maximum(onset[here], row.start))
            stop = np.maximum(self.x(row, np.minimum(end[here], row.end)), begin + 0.02)
            height = DRUM_LANE if track.is_drum else self.lanes.lane
            foot = y + (self.lanes.drum(pitch) if track.is_drum else self.lanes.key(pitch))
            inset = height * (0.4 - 0.36 * 0.5 ** self.hidden[index][here])  # what lies behind shows above and below
            boxes = np.stack([begin, stop, foot + inset, foot + height - inset], axis=1)
            color, edge = of_track(index)
            if self.scale is not None and self.surprise is not None:
                canvas.boxes(boxes, self.scale.colors(self.surprise[index][here]), edge, 0.9)
            else:
                canvas.boxes(boxes, shades(color, notes["velocity"][here]), edge, 0.6)


def counted(number: int, what: str) -> str:
    """`3 bars`, `1 note`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def clock(time: float) -> str:
    """Seconds as minutes and seconds; of less than ten, to a tenth."""
    minutes, rest = divmod(round(time), 60)
    return f"{minutes}:{rest:02d}" if time >= 10 or time == 0 else f"{time:.1f} s"
