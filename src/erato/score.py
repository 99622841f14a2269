"""What we do with scores. Scores in, new scores out: pure functions, nothing mutates what it was handed.

A score is a `symusic.Score` in ticks. Conventions, because symusic has no field for them: a pickup is a short
first time signature (1/4 at 0, 4/4 where the first full bar begins); fermatas, chord symbols and the end of a
piece that ends in silence are markers (`fermata`, `chord:Am7`, `end`); key signatures carry the spelling;
lyrics are the track's lyrics.
"""

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, ScoreTick, TextMetaTick

from erato.errors import UsageError

END = "end"  # marker: where a piece ends that ends in silence
FERMATA = "fermata"
CHORD = "chord:"
DEFAULT_MSPQ = 500_000  # microseconds a quarter where no tempo is said: 120 quarters a minute

Score = ScoreTick  # what `symusic.Score(...)` makes: that one is a factory and no type
Piece = Score | str  # what a corpus holds and a representation turns into an array: music or text
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """One bar: where it starts and ends (ticks), and its time signature."""

    start: int
    end: int
    numerator: int
    denominator: int


def end_tick(score: Score, last_note_end: int | None = None) -> int:
    """Where the piece ends: its `end` marker, or the end of its last note, whichever is later (ticks).

    last_note_end: where that is known already.
    """
    last = _last_note_end(score) if last_note_end is None else last_note_end
    return max([last, *(marker.time for marker in score.markers if marker.text == END)])


def _last_note_end(score: Score) -> int:
    last = 0
    for track in score.tracks:
        if len(track.notes):
            notes = track.notes.numpy()
            last = max(last, int((notes["time"].astype(np.int64) + notes["duration"]).max()))
    return last


def time_signatures(score: Score) -> list[tuple[int, int, int]]:
    """(tick, numerator, denominator), in order, one a tick, the first at 0; 4/4 where nothing is said."""
    found = {0: (4, 4)}
    for signature in sorted(score.time_signatures, key=lambda s: s.time):
        if signature.numerator > 0 and signature.denominator > 0:
            found[max(0, signature.time)] = (signature.numerator, signature.denominator)
    return [(tick, *meter) for tick, meter in sorted(found.items())]


def bars(score: Score, until: int | None = None) -> list[Bar]:
    """The bars from 0 to the end of the piece (or to tick `until`), at least one.

    A change of meter cuts the bar it falls into. Bar lines are rounded to ticks from exact ones, so they
    never drift.
    """
    until = end_tick(score) if until is None else until
    signatures = time_signatures(score)
    found: list[Bar] = []
    for (start, numerator, denominator), following in zip(signatures, [*signatures[1:], None], strict=True):
        if found and start >= until:
            break
        length = max(score.ticks_per_quarter * 4 * numerator / denominator, 1.0)
        change = None if following is None else following[0]
        stop = max(until, start + 1) if change is None else min(change, max(until, start + 1))
        lines = [start + round(count * length) for count in range(math.ceil((stop - start) / length) + 1)]
        if change is not None and lines[-1] > change:
            lines[-1] = change
        found += [Bar(begin, end, numerator, denominator) for begin, end in pairwise(lines)]
    return found


def has_pickup(score: Score) -> bool:
    """Whether the first bar is a pickup: a first time signature shorter than the second, one bar long."""
    signatures = time_signatures(score)
    if len(signatures) < 2:
        return False
    (_, first_n, first_d), (change, second_n, second_d) = signatures[:2]
    length = score.ticks_per_quarter * 4 * first_n / first_d
    return first_n / first_d < second_n / second_d and abs(change - length) < 1


def seconds_at(score: Score, ticks: Ints) -> Floats:
    """Seconds from the start for each tick, by the tempo events (120 beats a minute where there are none)."""
    changes = {0: DEFAULT_MSPQ / 1e6}
    for tempo in sorted(score.tempos, key=lambda t: t.time):
        changes[max(0, tempo.time)] = tempo.mspq / 1e6
    at = np.array(sorted(changes), dtype=np.int64)
    per_tick = np.array([changes[int(t)] for t in at]) / score.ticks_per_quarter
    reached = np.concatenate([[0.0], np.cumsum(np.diff(at) * per_tick[:-1])])
    index = np.searchsorted(at, ticks, side="right") - 1
    index = np.maximum(index, 0)
    result: Floats = reached[index] + (np.asarray(ticks) - at[index]) * per_tick[index]
    return result


def seconds(score: Score) -> float:
    """How long the piece lasts, in seconds."""
    return float(seconds_at(score, np.array([end_tick(score)]))[0])


def pitch_number(name: str) -> int:
    """The MIDI number of a pitch: a number, or a name as in C4 (60), F#3, Bb2; UsageError for anything else."""
    found = re.fullmatch(r"([A-Ga-g])(#|b|-)?(-?\d)", name.strip())
    if found:
        letter, sign, octave = found.groups()
        number = 12 * (int(octave) + 1) + (0, 2, 4, 5, 7, 9, 11)["CDEFGAB".index(letter.upper())]
        number += {"#": 1, "b": -1, "-": -1}.get(sign, 0)
    else:
        number = int(name) if name.strip().isdecimal() else -1
    if not 0 <= number <= 127:
        raise UsageError(f"a pitch must be a name as in C4, F#3 or Bb2, or a number from 0 to 127, got {name!r}.")
    return number


def with_program(piece: Piece, program: int) -> Piece:
    """A score with every track but drums on one General MIDI program (0 to 127); a text as it is."""
    if isinstance(piece, str):
        return piece
    result = piece.copy()
    for track in result.tracks:
        if not track.is_drum:
            track.program = program
    return result


def note_count(score: Score) -> int:
    """The number of notes in all tracks."""
    return sum(len(track.notes) for track in score.tracks)


def transpose(score: Score, semitones: int) -> Score:
    """The score `semitones` higher; drums stay, and a note that would leave 0–127 stays in by octaves."""
    result = score.copy()
    for track in result.tracks:
        if not track.is_drum and len(track.notes):
            notes = track.notes.numpy()
            pitch = notes["pitch"].astype(np.int64) + semitones
            pitch -= 12 * -(np.minimum(127 - pitch, 0) // 12)
            pitch += 12 * -(np.minimum(pitch, 0) // 12)
            track.notes = NoteTickList.from_numpy(
                notes["time"], notes["duration"], pitch.astype(np.int8), notes["velocity"]
            )
    return result


def between(score: Score, start: int, stop: int) -> Score:
    """The part of a score from tick `start` to `stop`, as a score of exactly `stop - start` ticks.

    What begins outside is left out, what sounds across `stop` is cut there, and the meter, key and tempo in force at
    `start` are kept. A part that ends in silence gets an `end` marker; of other markers, those at `stop` are outside.
    """

    def inside(event: Any) -> bool:
        return bool(start <= event.time < stop)

    part = score.copy()
    for track in part.tracks:
        for events in (track.notes, track.pedals, track.controls, track.pitch_bends, track.lyrics):
            events.filter(inside)
        for event in [*track.notes, *track.pedals]:
            event.duration = min(event.duration, stop - event.time)
    for changes in (part.time_signatures, part.key_signatures, part.tempos):
        until_start = [change for change in changes if change.time <= start]
        for in_force in sorted(until_start, key=lambda change: change.time)[-1:]:
            in_force.time = start
        changes.filter(inside)
    part.markers.filter(lambda marker: inside(marker) and marker.text != END)
    part = part.shift_time(-start)
    if _last_note_end(part) < stop - start:
        part.markers.append(TextMetaTick(stop - start, END))
    return part


def clip(score: Score, stop: int) -> Score:
    """The beginning of a score, up to tick `stop`; see `between`."""
    return between(score, 0, stop)


def bar_line(score: Score, number: int) -> int:
    """The tick where full bar `number` ends (from 1, a pickup not counted), also where that is after the piece.

    Bar 0 ends where the first full bar begins.
    """
    wanted = number + has_pickup(score)
    found = bars(score)
    if len(found) < wanted:
        last = found[-1]
        length = score.ticks_per_quarter * 4 * last.numerator / last.denominator
        found = bars(score, last.start + round((wanted - len(found) + 1) * length))
    return found[wanted - 1].end if wanted else 0


def tick_at(score: Score, seconds: float) -> int:
    """The tick that is reached `seconds` after the start, by the tempo events (the nearest one)."""
    low, high = 0, 1
    while seconds_at(score, np.array([high]))[0] < seconds:
        low, high = high, high * 2
    ticks = np.array([low, high])
    while ticks[1] - ticks[0] > 1:
        middle = int(ticks.sum()) // 2
        ticks[int(seconds_at(score, np.array([middle]))[0] >= seconds)] = middle
    return int(ticks[np.argmin(np.abs(seconds_at(score, ticks) - seconds))])


def slice_bars(score: Score, first: int, last: int) -> Score:
    """Full bars `first` to `last` (from 1, a pickup not counted) as a score; see `between`."""
    return between(score, bar_line(score, first - 1), bar_line(score, last))


def state(score: Score) -> bytes:
    """All that a score holds, the same bytes for equal scores.

    symusic's own state (0.5.9) is the memory of its structures, with what happens to lie between their fields.
    """
    data = np.frombuffer(score.__getstate__(), np.uint8).copy()
    at = 8  # after the ticks a quarter and the number of tracks

    def tidied(begin: int, count: int, size: int, fields: int) -> int:
        """Where `count` structures of `size` bytes end, after their number; the first `fields` bytes are fields."""
        end = begin + 4 + count * size
        data[begin + 4 : end].reshape(count, size)[:, fields:] = 0
        return end

    def texts(begin: int, found: Any) -> int:
        return begin + 4 + sum(8 + len(one.text.encode()) for one in found)  # a time and a length before each

    for track in score.tracks:
        at += 4 + len(track.name.encode()) + 2  # its program and whether it is drums
        at = tidied(at, len(track.notes), 12, 10)
        at = tidied(at, len(track.controls), 8, 6)
        at = tidied(at, len(track.pitch_bends), 8, 8)
        at = tidied(at, len(track.pedals), 8, 8)
        at = texts(at, track.lyrics)
    at = tidied(at, len(score.time_signatures), 8, 6)
    at = tidied(at, len(score.key_signatures), 8, 6)
    at = tidied(at, len(score.tempos), 8, 8)
    assert texts(at, score.markers) == len(data), "the layout of symusic 0.5.9"
    return data.tobytes()
