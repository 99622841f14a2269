"""What stands on a page of music, as data: parts, staves, bars, voices and the signs in them. Knows nothing of files.

Every time and length is in units of `UNIT` a quarter, which thirds, fifths, sevenths and 64ths divide.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

UNIT = 1680  # of a quarter: the least that 16, 24, 10 and 14 divide


class Name(NamedTuple):
    """A pitch as it is written: letter, semitones that its sign adds, octave (C4 is middle C)."""

    step: str
    alter: int
    octave: int


class Clef(NamedTuple):
    """A clef: its sign, the line that it stands on, and by how many octaves what it shows sounds higher."""

    sign: str
    line: int
    octave: int = 0


TREBLE, BASS, ALTO, PERCUSSION = Clef("G", 2), Clef("F", 4), Clef("C", 3), Clef("percussion", 2)
TREBLE_8 = Clef("G", 2, -1)
BASS_8 = Clef("F", 4, -1)


class Tuplet(NamedTuple):
    """`actual` notes in the time of `normal`."""

    actual: int
    normal: int


@dataclass
class Head:
    """One note head. sign: the accidental that is printed ("sharp"), None for none; of a drum, `name` is its place."""

    pitch: int
    velocity: int
    name: Name
    sign: str | None = None
    tie_from: bool = False  # from the head before
    tie_to: bool = False  # to the next


@dataclass
class Event:
    """A chord, or a rest (no heads), with the value it is written as; `start` counts from the beginning of the bar.

    value: "quarter" and so on, empty for a rest of a whole bar; hidden: a gap that nothing is printed for.
    """

    start: int
    length: int
    heads: list[Head]
    value: str = ""
    dots: int = 0
    tuplet: Tuplet | None = None
    tuplet_edges: tuple[str, ...] = ()  # "start", "stop"
    beams: list[str] = field(default_factory=list)  # from the first beam: begin, continue, end, forward hook ...
    lyric: tuple[str, str] | None = None  # syllabic, text
    fermata: bool = False
    graces: list[Head] = field(default_factory=list)  # played before it, one after the other
    hidden: bool = False


@dataclass
class Voice:
    """What one voice sings in one bar; stem: "up" or "down" where it shares its staff."""

    events: list[Event]
    stem: str | None = None


@dataclass
class StaffBar:
    """One staff in one bar; clefs: where it changes, from the beginning of the bar."""

    voices: list[Voice]
    clefs: list[tuple[int, Clef]] = field(default_factory=list)


@dataclass
class Part:
    """What one player or two voices on a staff play. bars: [staff][bar]; chords: (unit, marker text) over the piece."""

    name: str
    program: int
    is_drum: bool
    bars: list[list[StaffBar]]
    chords: list[tuple[int, str]] = field(default_factory=list)

    def events(self) -> Iterator[Event]:
        """All chords and rests."""
        for staff in self.bars:
            for bar in staff:
                for voice in bar.voices:
                    yield from voice.events

    def heads(self) -> Iterator[Head]:
        """All note heads."""
        for event in self.events():
            yield from event.heads


@dataclass(frozen=True)
class Measure:
    """A bar that all parts share. number: 0 for a pickup; beats, denominator: its meter as it is printed."""

    number: int
    start: int
    length: int
    beats: int
    denominator: int
    partial: bool  # shorter than its meter says
    new_meter: bool
    fifths: int | None = None  # a new key signature
    minor: bool = False

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass
class Sheet:
    """A whole piece. tempos: (unit, quarters a minute, whether it is printed); said: what was changed to write it."""

    title: str
    credit: str
    measures: list[Measure]
    parts: list[Part]
    tempos: list[tuple[int, float, bool]]
    said: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    record: str = ""
    rights: str = ""
