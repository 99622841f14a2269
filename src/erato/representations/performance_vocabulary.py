"""The symbols of `performance`: numbers in, kinds and values out. Knows nothing of arrays, scores or sampling.

Symbols stand in this order: <start>, <end>, Note-On_p, Note-Off_p, Shift_ms, Velocity_v.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

PITCHES = 128
LOUDEST = 127
TICKS_PER_QUARTER = 500  # of decoded scores: a millisecond a tick at 120 quarters a minute
TICKS_PER_SECOND = 1000


@dataclass(frozen=True)
class Vocabulary:
    """Where each kind of symbol begins. Times are in steps."""

    steps_per_second: int
    longest_shift: int
    longest_note: int
    velocity_bins: int  # 0: there are no velocities

    start = 0
    end = 1
    on = 2
    off = on + PITCHES
    shift = off + PITCHES  # the symbol of one step

    @cached_property
    def velocity(self) -> int:
        return self.shift + self.longest_shift

    @cached_property
    def size(self) -> int:
        return self.velocity + self.velocity_bins

    @cached_property
    def kinds(self) -> npt.NDArray[np.int64]:
        """[size]: 0 start, 1 end, 2 note-on, 3 note-off, 4 shift, 5 velocity."""
        return np.repeat(np.arange(6), (1, 1, PITCHES, PITCHES, self.longest_shift, self.velocity_bins))

    @cached_property
    def struck(self) -> npt.NDArray[np.int64]:
        """[size]: the pitch of each note-on, -1 of all else."""
        found = np.full(self.size, -1, dtype=np.int64)
        found[self.on : self.off] = np.arange(PITCHES)
        return found

    @cached_property
    def bins(self) -> list[int]:
        """The bin of each MIDI velocity 0 to 127; bins of 1 to 127 are as wide as each other, give or take one."""
        return [max(velocity - 1, 0) * self.velocity_bins // LOUDEST for velocity in range(LOUDEST + 1)]

    @cached_property
    def velocities(self) -> list[int]:
        """The velocity in the middle of each bin."""
        members = [[v for v in range(1, LOUDEST + 1) if self.bins[v] == index] for index in range(self.velocity_bins)]
        return [velocities[(len(velocities) - 1) // 2] for velocities in members]

    @cached_property
    def names(self) -> list[str]:
        """[size]: what each symbol is called, for people."""
        names = ["<start>", "<end>"]
        names += [f"Note-On_{pitch}" for pitch in range(PITCHES)]
        names += [f"Note-Off_{pitch}" for pitch in range(PITCHES)]
        names += [f"Shift_{1000 * steps // self.steps_per_second}" for steps in range(1, self.longest_shift + 1)]
        return names + [f"Velocity_{velocity}" for velocity in self.velocities]
