"""Times to note values: how notes and rests of one voice in one bar are written. In: spans. Out: events without beams.

A note is cut where it would hide a strong beat, rests are cut more strictly, and tuplets are found beat by beat.
Knows nothing of pitches. Times are in units (`sheet.UNIT` a quarter), from the beginning of the bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from erato.renderers.engraving.sheet import UNIT, Measure, Tuplet

VALUES = {
    8 * UNIT: "breve",
    4 * UNIT: "whole",
    2 * UNIT: "half",
    UNIT: "quarter",
    UNIT // 2: "eighth",
    UNIT // 4: "16th",
    UNIT // 8: "32nd",
    UNIT // 16: "64th",
}
STRAIGHT = UNIT // 16
TUPLETS = (Tuplet(3, 2), Tuplet(5, 4), Tuplet(7, 4))
BAR_LEVEL, HALF_LEVEL, BEAT_LEVEL = 6, 5, 4


@dataclass(frozen=True)
class Meter:
    """How a bar is felt. groups: where its groups of beats begin; beat: the length of one of its beats (units)."""

    beats: int
    denominator: int
    length: int

    @classmethod
    def of(cls, measure: Measure) -> "Meter":
        return cls(measure.beats, measure.denominator, measure.length)

    @property
    def beat(self) -> int:
        return 4 * UNIT // self.denominator

    @property
    def compound(self) -> bool:
        return self.denominator >= 8 and self.beats % 3 == 0

    @property
    def groups(self) -> tuple[int, ...]:
        """Where the groups begin that beams and long notes follow."""
        return _groups(self.beats, self.denominator, self.length)

    def level(self, at: int) -> int:
        """How strong the beat at `at` is: 6 at the bar line, 5 at a half, 4 on beats, less for each halving."""
        return _level(self.beats, self.denominator, self.length, at)


@cache
def _groups(beats: int, denominator: int, length: int) -> tuple[int, ...]:
    beat = 4 * UNIT // denominator
    if denominator >= 8:
        if beats % 3 == 0:
            sizes = [3] * (beats // 3)
        else:
            sizes = [3, *[2] * ((beats - 3) // 2)] if beats == 5 else [2] * (beats // 2)
            if beats % 2 and beats != 5:
                sizes[-1:] = [3] if sizes else [1]
        size = [count * beat for count in sizes]
    else:
        size = [max(beat, UNIT)] * (max(1, beats * beat // max(beat, UNIT)))
    found, at = [], 0
    for one in size:
        if at < length:
            found.append(at)
        at += one
    while at < length:
        found.append(at)
        at += max(beat, UNIT)
    return tuple(found)


@cache
def _level(beats: int, denominator: int, length: int, at: int) -> int:
    if at <= 0 or at >= length:
        return BAR_LEVEL
    beat = 4 * UNIT // denominator
    groups = _groups(beats, denominator, length)
    if denominator >= 8:
        if at in groups:
            return BEAT_LEVEL
        unit, level = beat, BEAT_LEVEL - 1
    else:
        halves = beats in (4, 8, 12) or (beats in (2, 6) and beat >= 2 * UNIT) or beats == 6
        half = beat * {4: 2, 8: 4, 12: 3, 6: 3}.get(beats, 1)
        if halves and at % half == 0:
            return HALF_LEVEL
        if beats == 5 and at == 3 * beat:
            return HALF_LEVEL
        unit, level = min(beat, UNIT), BEAT_LEVEL
        if beat > UNIT and at % UNIT == 0:
            return BEAT_LEVEL
    while unit > 1 and at % unit:
        unit, level = unit // 2 if unit % 2 == 0 else 1, level - 1
    return level


@dataclass(frozen=True)
class Piece:
    """A stretch of one note or rest as it is written; `note`: which of the spans, None for a rest."""

    start: int
    length: int
    note: int | None
    value: str
    dots: int
    tuplet: Tuplet | None
    edges: tuple[str, ...] = ()


def written(spans: Sequence[tuple[int, int]], meter: Meter, rests: bool = True) -> list[Piece]:
    """The pieces that fill a bar: spans are (start, end) of its notes, in order, none overlapping.

    rests: whether gaps become rests; otherwise nothing stands there. Spans must lie on a grid.
    """
    try:
        stretches = _stretches(spans, meter)
    except ValueError:  # bars that begin between ticks, and the like: the nearest 64ths
        spans = _on_straight(spans, meter.length)
        stretches = [(0, meter.length, None)]
    pieces: list[Piece] = []
    for start, end, tuplet in stretches:
        inside: list[tuple[int, int, int | None]] = []
        at = start
        for index, (first, last) in enumerate(spans):
            first, last = max(first, start), min(last, end)
            if first >= last:
                continue
            if first > at:
                inside.append((at, first, None))
            inside.append((first, last, index))
            at = last
        if at < end:
            inside.append((at, end, None))
        made: list[Piece] = []
        for first, last, note in inside:
            if note is None and not rests:
                continue
            for one_start, one_end, value, dots in _cut(first, last, note is None, meter, start, end, tuplet):
                made.append(Piece(one_start, one_end - one_start, note, value, dots, tuplet))
        if tuplet is not None and made:
            made[0] = _with_edge(made[0], "start")
            made[-1] = _with_edge(made[-1], "stop")
        pieces += made
    return pieces


def _on_straight(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """The spans on 64ths: each at least one long, none overlapping; empty where the bar has no room."""
    found: list[tuple[int, int]] = []
    free = 0
    for start, end in spans:
        start = max(free, min(round(start / STRAIGHT) * STRAIGHT, (length - 1) // STRAIGHT * STRAIGHT))
        free = max(start + STRAIGHT, round(end / STRAIGHT) * STRAIGHT)
        found.append((start, max(start, min(free, length))))
    return found


def _with_edge(piece: Piece, edge: str) -> Piece:
    return Piece(piece.start, piece.length, piece.note, piece.value, piece.dots, piece.tuplet, (*piece.edges, edge))


def tuplet_of(offsets: Sequence[int], length: int) -> Tuplet | None:
    """The tuplet in which times within a stretch of `length` can be written; None if they need none.

    ValueError if no tuplet has them all.
    """
    if all(offset % STRAIGHT == 0 for offset in offsets):
        return None
    for tuplet in TUPLETS:
        if all((offset * tuplet.actual) % (STRAIGHT * tuplet.normal) == 0 for offset in offsets):
            return tuplet
    raise ValueError(f"no tuplet has {list(offsets)} of {length} units")


def _stretches(spans: Sequence[tuple[int, int]], meter: Meter) -> list[tuple[int, int, Tuplet | None]]:
    """The bar in stretches of one kind: without a tuplet (as long as can be), or one tuplet each."""
    edges = sorted({at for span in spans if span[0] < span[1] for at in span if 0 < at < meter.length})
    if all(at % STRAIGHT == 0 for at in edges):
        return [(0, meter.length, None)]
    size = UNIT if meter.denominator < 8 else UNIT // 2
    found: list[tuple[int, int, Tuplet | None]] = []
    at = 0
    while at < meter.length:
        stop = min(at + size, meter.length)
        wide = at + 2 * size
        if meter.denominator < 8 and at % (2 * size) == 0 and wide <= meter.length:
            inside = [edge for edge in edges if at < edge < wide]
            if inside and all((edge - at) * 3 % (2 * size) == 0 for edge in inside):
                found.append((at, wide, Tuplet(3, 2)))
                at = wide
                continue
        inside = [edge - at for edge in edges if at < edge < stop]
        tuplet = tuplet_of(inside, stop - at)
        if tuplet is None and found and found[-1][2] is None:
            found[-1] = (found[-1][0], stop, None)
        else:
            found.append((at, stop, tuplet))
        at = stop
    return found


def _cut(
    start: int, end: int, rest: bool, meter: Meter, first: int, last: int, tuplet: Tuplet | None
) -> list[tuple[int, int, str, int]]:
    """`start` to `end` in the fewest pieces that a single value stands for and that hide no strong beat."""
    if tuplet is None:
        return _fewest(start, end, rest, meter)
    ratio = tuplet.actual, tuplet.normal  # as if the tuplet were written without its number
    wide = (last - first) * ratio[0] // ratio[1]
    inner = Meter(tuplet.actual, (8 if tuplet.actual == 3 else 16) * UNIT // (last - first), wide)
    low, high = ((at - first) * ratio[0] // ratio[1] for at in (start, end))
    places = {low: start, high: end}  # exact, also where the stretch is of an odd length

    def back(at: int) -> int:
        return places.get(at, first + at * ratio[1] // ratio[0])

    return [(back(a), back(b), value, dots) for a, b, value, dots in _fewest(low, high, rest, inner)]


@cache
def _fewest(start: int, end: int, rest: bool, meter: Meter) -> list[tuple[int, int, str, int]]:
    places = [*range(start, end, STRAIGHT), end]
    best: dict[int, tuple[tuple[int, int], list[tuple[int, int, str, int]]]] = {start: ((0, 0), [])}
    for at in places[:-1]:
        if at not in best:
            continue
        (count, weak), so_far = best[at]
        for length, value in VALUES.items():
            for dots, long in ((0, length), (1, length * 3 // 2)):
                stop = at + long
                if stop > end or (dots and length == STRAIGHT) or not _allowed(at, stop, dots, rest, meter):
                    continue
                cost = count + 1, weak - (0 if stop == end else meter.level(stop))
                if stop not in best or cost < best[stop][0]:
                    best[stop] = cost, [*so_far, (at, stop, value, dots)]
    if end not in best:  # a bar of an odd length: its smallest values, one by one
        return [(at, min(at + STRAIGHT, end), "64th", 0) for at in places[:-1]]
    return best[end][1]


def _allowed(start: int, stop: int, dots: int, rest: bool, meter: Meter) -> bool:
    """Whether one value may stand for `start` to `stop` without hiding a beat that a reader looks for."""
    length = stop - start
    inside = _strongest_inside(start, stop, meter)
    here, there = meter.level(start), meter.level(stop)
    edge = max(here, there)
    if meter.denominator >= 8:  # groups of three, and odd ones: only whole groups may be joined
        if inside >= BEAT_LEVEL:
            return min(here, there) >= BEAT_LEVEL and (meter.compound or not dots)
        if rest:
            group = max(at for at in meter.groups if at <= start)
            whole = here >= BEAT_LEVEL and there >= BEAT_LEVEL
            return whole if dots else whole or (start - group) % length == 0
        return inside <= edge or (not dots and here == there and inside - edge == 1)
    if rest:
        group = UNIT * meter.beats * 4 // meter.denominator if meter.beats == 3 else 0
        aligned = start % length == 0
        return not dots and aligned and inside <= edge and not (group and UNIT < length < meter.length)
    if inside <= edge:
        off_beat = here < BEAT_LEVEL and length > UNIT
        return not (off_beat and (meter.beats == 3 or there < HALF_LEVEL))
    return not dots and here == there and inside - edge == 1 and length <= 2 * _unit_of(edge, meter)


def _unit_of(level: int, meter: Meter) -> int:
    beat = min(meter.beat, UNIT)
    if level >= BEAT_LEVEL:
        return max(meter.beat, UNIT) if level > BEAT_LEVEL else UNIT
    return beat >> (BEAT_LEVEL - level)


@cache
def _strongest_inside(start: int, stop: int, meter: Meter) -> int:
    first = start - start % STRAIGHT + STRAIGHT
    return max((meter.level(at) for at in range(first, stop, STRAIGHT)), default=-99)
