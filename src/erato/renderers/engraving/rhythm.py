"""Times to note values: how notes and rests of one voice in one bar are written. In: spans. Out: pieces.

A note is cut where it would hide a strong beat, rests are cut more strictly, and tuplets are found beat by beat.
Knows nothing of pitches. Times are in units (`sheet.UNIT` a quarter), from the beginning of the bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, repeat

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
    """How a bar of `beats` beats of a `denominator`th is felt; length: of the bar itself, in units."""

    beats: int
    denominator: int
    length: int

    @classmethod
    def of(cls, measure: Measure) -> "Meter":
        return cls(measure.beats, measure.denominator, measure.length)

    @property
    def beat(self) -> int:
        """The length of a beat, in units."""
        return 4 * UNIT // self.denominator

    @property
    def compound(self) -> bool:
        return self.denominator >= 8 and self.beats % 3 == 0

    @property
    def groups(self) -> tuple[int, ...]:
        """Where the groups of beats begin that beams and long notes follow."""
        return _groups(self)

    def level(self, at: int) -> int:
        """How strong the beat at `at` is: 6 at the bar line, 5 at a half, 4 on beats, less for each halving."""
        return _level(self, at)


@cache
def _groups(meter: Meter) -> tuple[int, ...]:
    beats, beat = meter.beats, meter.beat
    if meter.denominator < 8:
        sizes = [max(1, UNIT // beat)]
    elif meter.compound:
        sizes = [3] * (beats // 3)
    elif beats == 5:
        sizes = [3, 2]
    else:
        sizes = [2] * (beats // 2)
        if beats % 2:
            sizes[-1:] = [3] if sizes else [1]
    found: list[int] = []
    at = 0
    for size in chain(sizes, repeat(max(1, UNIT // beat))):  # beyond its meter, a bar goes on in quarters
        if at >= meter.length:
            return tuple(found)
        found.append(at)
        at += size * beat
    return tuple(found)


@cache
def _level(meter: Meter, at: int) -> int:
    if at <= 0 or at >= meter.length:
        return BAR_LEVEL
    beats, beat = meter.beats, meter.beat
    if meter.denominator >= 8:
        if at in meter.groups:
            return BEAT_LEVEL
        unit, level = beat, BEAT_LEVEL - 1
    else:
        half = beat * {2: 1 if beat > UNIT else 0, 4: 2, 5: 3, 6: 3, 8: 4, 12: 3}.get(beats, 0)
        if half and (at == half if beats == 5 else at % half == 0):
            return HALF_LEVEL
        if beat > UNIT and at % UNIT == 0:
            return BEAT_LEVEL
        unit, level = min(beat, UNIT), BEAT_LEVEL
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


def written(spans: Sequence[tuple[int, int]], meter: Meter) -> list[Piece]:
    """The pieces that fill a bar, rests in its gaps; spans: (start, end) of its notes, in order, none overlapping."""
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
            for one_start, one_end, value, dots in _cut(first, last, note is None, meter, start, end, tuplet):
                made.append(Piece(one_start, one_end - one_start, note, value, dots, tuplet))
        if tuplet is not None and made:
            made[0] = replace(made[0], edges=("start",))
            made[-1] = replace(made[-1], edges=(*made[-1].edges, "stop"))
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


def _tuplet_of(offsets: Sequence[int]) -> Tuplet | None:
    """The tuplet in which times within a stretch can be written; None if they need none.

    ValueError if no tuplet has them all.
    """
    if all(offset % STRAIGHT == 0 for offset in offsets):
        return None
    for tuplet in TUPLETS:
        if all((offset * tuplet.actual) % (STRAIGHT * tuplet.normal) == 0 for offset in offsets):
            return tuplet
    raise ValueError(f"no tuplet has {list(offsets)} units")


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
        tuplet = _tuplet_of(inside)
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
        of_two_in_three = meter.beats == 3 and UNIT < length < meter.length
        return not dots and start % length == 0 and inside <= edge and not of_two_in_three
    if inside <= edge:
        off_beat = here < BEAT_LEVEL and length > UNIT
        return not (off_beat and (meter.beats == 3 or there < HALF_LEVEL))
    return not dots and here == there and inside - edge == 1 and length <= 2 * _unit_of(edge, meter)


def _unit_of(level: int, meter: Meter) -> int:
    """How far beats of a level are apart, in units."""
    if level >= BEAT_LEVEL:
        return max(meter.beat, UNIT) if level > BEAT_LEVEL else UNIT
    return min(meter.beat, UNIT) >> (BEAT_LEVEL - level)


@cache
def _strongest_inside(start: int, stop: int, meter: Meter) -> int:
    first = start - start % STRAIGHT + STRAIGHT
    return max((meter.level(at) for at in range(first, stop, STRAIGHT)), default=-99)
