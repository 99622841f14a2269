"""What we do with scores. Scores in, new scores out: pure functions, nothing mutates what it was handed.

A score is a `symusic.Score` in ticks. Conventions, because symusic has no field for them: a pickup is a short first time
signature (1/4 at 0, 4/4 where the first full bar begins); fermatas, chord symbols and the end of a piece that ends in
silence are markers (`fermata`, `chord:Am7`, `end`); key signatures carry the spelling; lyrics are the track's lyrics.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from symusic.core import ScoreTick

END = "end"  # marker: where a piece ends that ends in silence
FERMATA = "fermata"
CHORD = "chord:"

Score = ScoreTick  # what `symusic.Score(...)` makes: that one is a factory and no type
Piece = Score | str  # what a corpus holds and a representation turns into an array: music or text
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bar:
    """One bar: where it starts and ends (ticks), and its time signature."""

    start: int
    end: int
    numerator: int
    denominator: int


def end_tick(score: Score) -> int:
    """Where the piece ends: its `end` marker, or the end of its last note, whichever is later (ticks)."""
    last = 0
    for track in score.tracks:
        if len(track.notes):
            notes = track.notes.numpy()
            last = max(last, int((notes["time"].astype(np.int64) + notes["duration"]).max()))
    return max([last, *(marker.time for marker in score.markers if marker.text == END)])


def time_signatures(score: Score) -> list[tuple[int, int, int]]:
    """(tick, numerator, denominator), in order, one a tick, the first at 0; 4/4 where the score says nothing."""
    found = {0: (4, 4)}
    for signature in sorted(score.time_signatures, key=lambda s: s.time):
        if signature.numerator > 0 and signature.denominator > 0:
            found[max(0, signature.time)] = (signature.numerator, signature.denominator)
    return [(tick, *meter) for tick, meter in sorted(found.items())]


def bars(score: Score, until: int | None = None) -> list[Bar]:
    """The bars from 0 to the end of the piece (or to tick `until`); a change of meter cuts the bar it falls into.

    Always at least one bar. Bar lines are kept exactly in quarters and rounded to ticks, so they never drift.
    """
    until = end_tick(score) if until is None else until
    signatures = time_signatures(score)
    found: list[Bar] = []
    for index, (start, numerator, denominator) in enumerate(signatures):
        stop = signatures[index + 1][0] if index + 1 < len(signatures) else None
        length = score.ticks_per_quarter * 4 * numerator / denominator
        count = 0
        while True:
            begin = start + round(count * length)
            if (stop is not None and begin >= stop) or (stop is None and begin >= until and found):
                break
            finish = start + round((count + 1) * length)
            found.append(Bar(begin, finish if stop is None else min(finish, stop), numerator, denominator))
            count += 1
            if length < 1:
                break
    return [bar for bar in found if bar.start < until] or found[:1]


def has_pickup(score: Score) -> bool:
    """Whether the first bar is a pickup: a first time signature shorter than the second, one bar long."""
    signatures = time_signatures(score)
    if len(signatures) < 2:
        return False
    (_, first_n, first_d), (change, second_n, second_d) = signatures[:2]
    length = score.ticks_per_quarter * 4 * first_n / first_d
    return first_n / first_d < second_n / second_d and abs(change - length) < 1


def seconds_at(score: Score, ticks: Ints) -> npt.NDArray[np.float64]:
    """Seconds from the start for each tick, by the tempo events (120 beats a minute where there are none)."""
    changes: dict[int, float] = {0: 0.5}
    for tempo in sorted(score.tempos, key=lambda t: t.time):
        changes[max(0, tempo.time)] = tempo.mspq / 1e6
    at = np.array(sorted(changes), dtype=np.int64)
    per_tick = np.array([changes[int(t)] for t in at]) / score.ticks_per_quarter
    reached = np.concatenate([[0.0], np.cumsum(np.diff(at) * per_tick[:-1])])
    index = np.searchsorted(at, ticks, side="right") - 1
    index = np.maximum(index, 0)
    result: npt.NDArray[np.float64] = reached[index] + (np.asarray(ticks) - at[index]) * per_tick[index]
    return result


def seconds(score: Score) -> float:
    """How long the piece lasts, in seconds."""
    return float(seconds_at(score, np.array([end_tick(score)]))[0])


def note_count(score: Score) -> int:
    """The number of notes in all tracks."""
    return sum(len(track.notes) for track in score.tracks)


def transpose(score: Score, semitones: int) -> Score:
    """The score `semitones` higher; drums stay, and a note that would leave 0–127 moves by octaves instead."""
    result = score.copy()
    for track in result.tracks:
        if not track.is_drum:
            for note in track.notes:
                pitch = note.pitch + semitones
                while pitch > 127:
                    pitch -= 12
                while pitch < 0:
                    pitch += 12
                note.pitch = pitch
    return result
