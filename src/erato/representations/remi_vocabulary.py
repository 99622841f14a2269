"""The symbols of `remi`: numbers in, kinds and values out. Knows nothing of arrays, scores or sampling.

Symbols stand in this order: <start>, <end>, Bar, TimeSig_n/d, Position_p, Tempo_q, Track_p:k, Pitch_p,
Velocity_v, Duration_d. Where a corpus has one tempo, one track or one velocity only, there is no symbol for it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from erato.errors import UsageError

TICKS_PER_QUARTER = 480  # of decoded scores
WHOLE = 64  # bars are counted in 64th notes
LONGEST_BAR = 4 * WHOLE
DENOMINATORS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Slot:
    """A track of the vocabulary: the `instance`-th one with this program, and what it is called."""

    program: int
    is_drum: bool
    instance: int
    name: str


@dataclass(frozen=True)
class Vocabulary:
    """What was fitted, and where each kind of symbol begins."""

    steps_per_quarter: int
    max_duration: int  # steps
    meters: tuple[tuple[int, int], ...]
    tempos: tuple[int, ...]  # microseconds per quarter, slow to fast
    tracks: tuple[Slot, ...]
    velocities: tuple[int, ...]

    start = 0
    end = 1
    bar = 2
    meter = 3

    @cached_property
    def position(self) -> int:
        return self.meter + len(self.meters)

    @cached_property
    def tempo(self) -> int:
        return self.position + max(self.positions)

    @cached_property
    def track(self) -> int:
        return self.tempo + (len(self.tempos) if self.has_tempos else 0)

    @cached_property
    def pitch(self) -> int:
        return self.track + (len(self.tracks) if self.has_tracks else 0)

    @cached_property
    def velocity(self) -> int:
        return self.pitch + 128

    @cached_property
    def duration(self) -> int:
        return self.velocity + (len(self.velocities) if self.has_velocities else 0)

    @cached_property
    def size(self) -> int:
        return self.duration + self.max_duration

    @property
    def has_tempos(self) -> bool:
        return len(self.tempos) > 1

    @property
    def has_tracks(self) -> bool:
        return len(self.tracks) > 1

    @property
    def has_velocities(self) -> bool:
        return len(self.velocities) > 1

    @cached_property
    def lengths(self) -> list[float]:
        """The length of a bar of each meter (steps)."""
        return [4 * self.steps_per_quarter * n / d for n, d in self.meters]

    @cached_property
    def positions(self) -> list[int]:
        """How many positions a bar of each meter has."""
        return [-int(-length // 1) for length in self.lengths]

    @cached_property
    def names(self) -> list[str]:
        """[size]: what each symbol is called, for people."""
        names = ["<start>", "<end>", "Bar", *(f"TimeSig_{n}/{d}" for n, d in self.meters)]
        names += [f"Position_{p}" for p in range(max(self.positions))]
        if self.has_tempos:
            names += [f"Tempo_{60e6 / mspq:.2f}" for mspq in self.tempos]
        if self.has_tracks:
            names += [f"Track_{'drums-' * t.is_drum}{t.program}:{t.instance}" for t in self.tracks]
        names += [f"Pitch_{p}" for p in range(128)]
        if self.has_velocities:
            names += [f"Velocity_{v}" for v in self.velocities]
        return names + [f"Duration_{d}" for d in range(1, self.max_duration + 1)]

    def slots(self, tracks: Sequence[tuple[int, bool, str]]) -> tuple[list[int], int]:
        """The slot of each track (program, is_drum, name) or -1, and how many are not where they belong.

        A track goes to the free slot of its program and name, else of its program, else to the nearest
        program (of its family first, occupied ones last). Drums and pitches never mix.
        """
        free = dict.fromkeys(range(len(self.tracks)))
        found = [-1] * len(tracks)
        for by_name in (True, False):
            for index, (program, is_drum, name) in enumerate(tracks):
                for slot in free if found[index] < 0 else ():
                    known = self.tracks[slot]
                    if (program, is_drum) == (known.program, known.is_drum) and (name == known.name or not by_name):
                        found[index] = slot
                        del free[slot]
                        break
        moved = 0
        for index, (program, is_drum, _) in enumerate(tracks):
            if found[index] < 0:
                moved += 1
                near = [
                    (slot not in free, known.program // 8 != program // 8, abs(known.program - program), slot)
                    for slot, known in enumerate(self.tracks)
                    if known.is_drum == is_drum
                ]
                if near:
                    found[index] = min(near)[-1]
                    free.pop(found[index], None)
        return found, moved

    def state(self) -> dict[str, Any]:
        """As JSON; `from_state` gives it back."""
        return {
            "steps_per_quarter": self.steps_per_quarter,
            "max_duration": self.max_duration,
            "meters": [list(meter) for meter in self.meters],
            "tempos": list(self.tempos),
            "tracks": [asdict(slot) for slot in self.tracks],
            "velocities": list(self.velocities),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Vocabulary":
        """The vocabulary of a state; UsageError where something is missing or foreign."""
        for field in fields(cls):
            if field.name not in state:
                raise UsageError(f"this representation state has no {field.name!r}: it is not one of remi.")
        try:
            vocabulary = cls(
                steps_per_quarter=int(state["steps_per_quarter"]),
                max_duration=int(state["max_duration"]),
                meters=tuple((int(n), int(d)) for n, d in state["meters"]),
                tempos=tuple(int(mspq) for mspq in state["tempos"]),
                tracks=tuple(
                    Slot(int(t["program"]), bool(t["is_drum"]), int(t["instance"]), str(t["name"]))
                    for t in state["tracks"]
                ),
                velocities=tuple(int(v) for v in state["velocities"]),
            )
        except (TypeError, ValueError, KeyError) as error:
            raise UsageError(f"this representation state of remi is damaged: {error}.") from error
        vocabulary.check()
        return vocabulary

    def check(self) -> None:
        """UsageError where a value is not one that a fit could have found."""
        sound = {
            "meters": bool(self.meters) and all(holdable(n, d) for n, d in self.meters),
            "tempos": bool(self.tempos) and all(0 < mspq < 1 << 31 for mspq in self.tempos),
            "tracks": bool(self.tracks) and all(0 <= track.program < 128 for track in self.tracks),
            "velocities": bool(self.velocities) and all(0 < v < 128 for v in self.velocities),
            "max_duration": self.max_duration > 0,
            "steps_per_quarter": self.steps_per_quarter > 0 == TICKS_PER_QUARTER % self.steps_per_quarter,
        }
        for name, good in sound.items():
            if not good:
                value = getattr(self, name)
                raise UsageError(f"this representation state of remi is damaged: {name} is {value!r}.")


def holdable(numerator: int, denominator: int) -> bool:
    """Whether a bar of this meter can be a symbol: whole 64ths, and four whole notes at most."""
    return denominator in DENOMINATORS and 0 < numerator * WHOLE // denominator <= LONGEST_BAR
