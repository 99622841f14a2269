"""The notes of a score as columns of numbers, and its bars: a score in, arrays out. Counts nothing itself.

Legend: N notes, B bars.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from erato.score import Bar, Ints, Score, bars, end_tick

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Notes:
    """All notes, track after track, those of a track by onset and pitch; onset and end in ticks.

    onset, end, pitch, track, drum: [N]; length: ticks of the piece, with an `end` marker that stands after the last
    note; bars: those of the piece, and of a note that lasts no time at its very end; none for a piece of length 0
    without notes.
    """

    onset: Ints
    end: Ints
    pitch: Ints
    track: Ints
    drum: Bools
    length: int
    bars: list[Bar]
    ticks_per_quarter: int

    def where(self, which: Bools) -> "Notes":
        """Some of the notes of the same piece."""
        columns = (self.onset, self.end, self.pitch, self.track)
        onset, end, pitch, track = (column[which] for column in columns)
        return Notes(onset, end, pitch, track, self.drum[which], self.length, self.bars, self.ticks_per_quarter)


def notes_of(score: Score) -> Notes:
    """The notes of a score; a duration below 0 is taken as 0."""
    table = np.zeros((4, sum(len(track.notes) for track in score.tracks)), np.int64)
    drum = np.zeros(table.shape[1], np.bool_)
    begin = 0
    for number, track in enumerate(score.tracks):
        if count := len(track.notes):
            found = track.notes.numpy()
            table[:3, begin : begin + count] = found["time"], found["duration"], found["pitch"]
            table[3, begin : begin + count] = number
            drum[begin : begin + count] = track.is_drum
            begin += count
    onset, duration, pitch, track_number = table
    order = np.lexsort((pitch, onset, track_number))
    onset, pitch, track_number = onset[order], pitch[order], track_number[order]
    end = onset + np.maximum(0, duration[order])
    length = end_tick(score, int(end.max(initial=0)))
    until = max(length, int(onset.max(initial=-1)) + 1)
    found_bars = bars(score, until) if until > 0 else []
    return Notes(onset, end, pitch, track_number, drum[order], length, found_bars, score.ticks_per_quarter)
