"""Where the things of a piano roll lie: bars in rows, keys in lanes, notes that hide others. Draws nothing.

A score in ticks in; rows, and heights in inches, out. Legend: N notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from symusic.core import TrackTick

from erato.score import Bar, Ints, Score, bars, has_pickup

ROW_QUARTERS = 32  # how much a row holds: eight bars of 4/4
DRUM_LANE = 0.115  # inches
LANE = 0.1  # of a key, where few are used


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
        self.lane = min(LANE, max(0.034, 2.9 / max(1, len(self.keys))))
        self.foot = DRUM_LANE * len(self.drums) + (0.12 if self.drums and self.keys else 0)
        self.height = self.foot + self.lane * len(self.keys)

    def key(self, pitch: Any) -> Any:
        """The lower edge of the lane of key `pitch`, one or an array."""
        return self.foot + (pitch - (self.keys[0] if self.keys else 0)) * self.lane

    def drum(self, pitch: Any) -> Any:
        """The lower edge of the lane of drum `pitch`, one or an array."""
        return np.searchsorted(self.drums, pitch) * DRUM_LANE


def hidden_tracks(tracks: Sequence[TrackTick]) -> list[Ints]:
    """[N] a track: how many later tracks sound each note's key meanwhile. Drawn slimmer, it hides none of them."""
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
