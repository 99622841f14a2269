"""A work as it is notated to a score as it sounds: repeats played, ties joined, bars as time signatures.

Knows nothing of the program that read the notation. Follows the conventions of `erato.score`. Every time is an exact
fraction of a quarter note until the very end.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

import numpy as np
from symusic.core import (
    KeySignatureTick,
    NoteTickList,
    TempoTick,
    TextMetaTick,
    TextMetaTickList,
    TimeSignatureTick,
    TrackTick,
)

from erato.score import END, Score, end_tick

TICKS_PER_QUARTER, FINEST = 480, 30_000  # a clock is made finer, up to here, where tuplets need it

Quarters = Fraction
T = TypeVar("T")
Timed = list[tuple[Quarters, T]]


@dataclass
class Note:
    """A note head: its length in quarters, and whether it is tied to others."""

    pitch: int
    velocity: int
    length: Quarters
    tie: str | None  # start, continue, stop


@dataclass
class Part:
    """One staff: what it is called, what plays it, its notes and words."""

    name: str
    program: int
    is_drum: bool
    notes: Timed[Note] = field(default_factory=list)
    lyrics: Timed[tuple[int, str]] = field(default_factory=list)  # verse, syllable


@dataclass
class Work:
    """A work as it is written: every time in quarters from its beginning, every list in order."""

    parts: list[Part] = field(default_factory=list)
    marks: Timed[str] = field(default_factory=list)
    meters: Timed[tuple[int, int]] = field(default_factory=list)
    keys: Timed[tuple[int, int]] = field(default_factory=list)
    tempos: Timed[float] = field(default_factory=list)  # quarters a minute
    bars: list[Quarters] = field(default_factory=list)  # where bars begin
    end: Quarters = Fraction(0)


def sounding(work: Work, order: Sequence[int], lost: Counter[str]) -> Score:
    """The score of `work`, its bars played in this order (indices of `work.bars`); what is dropped adds to `lost`."""
    passages = _passages(work, order)
    as_written = order == list(range(len(order)))
    everything = [_Passage(Fraction(0), work.end, Fraction(0))] if as_written else passages
    parts = [(part, _tied(_unfold(part.notes, everything), lost)) for part in work.parts]
    per_quarter = _ticks_per_quarter(
        time for _, notes in parts for onset, length, _ in notes for time in (onset, length)
    )

    def tick(time: Quarters) -> int:
        return round(time * per_quarter)

    score = Score(per_quarter)
    for part, notes in parts:
        if notes:
            score.tracks.append(_track(part, notes, _sung(part.lyrics, passages, lost), tick))
    for at, (numerator, denominator) in _meters(work, passages, lost):
        score.time_signatures.append(TimeSignatureTick(tick(at), numerator, denominator))
    for at, (sharps, minor) in _unfold_state(work.keys, everything):
        score.key_signatures.append(KeySignatureTick(tick(at), sharps, minor))
    for at, per_minute in _unfold_state(work.tempos, everything):
        score.tempos.append(TempoTick(tick(at), mspq=round(60e6 / per_minute)))
    for at, text in _unfold(work.marks, everything):
        score.markers.append(TextMetaTick(tick(at), text))
    end = tick(everything[-1].stop + everything[-1].shift)
    if end > end_tick(score):
        score.markers.append(TextMetaTick(end, END))
    return score


@dataclass(frozen=True)
class _Passage:
    """What is written from `start` to `stop` is played `shift` later."""

    start: Quarters
    stop: Quarters
    shift: Quarters


def _passages(work: Work, order: Sequence[int]) -> list[_Passage]:
    """The bars as played; all of it as one passage where there are no bars."""
    if not order:
        return [_Passage(Fraction(0), work.end, Fraction(0))]
    stops = [*work.bars[1:], max(work.end, work.bars[-1])]
    played, now = [], work.bars[0]
    for index in order:
        played.append(_Passage(work.bars[index], stops[index], now - work.bars[index]))
        now += stops[index] - work.bars[index]
    return played


def _unfold(events: Timed[T], passages: Sequence[_Passage]) -> Iterator[tuple[Quarters, T]]:
    """The events as they are played; `events` are in order."""
    times = [at for at, _ in events]
    for passage in passages:
        last = passage is passages[-1]
        for index in range(bisect_left(times, passage.start), len(events)):
            at, value = events[index]
            if at > passage.stop or (at == passage.stop and not last):
                break
            yield at + passage.shift, value


def _unfold_state(changes: Timed[T], passages: Sequence[_Passage]) -> Timed[T]:
    """Changes as they are played, with what holds at the start of a passage said again after a jump."""
    times = [at for at, _ in changes]
    played: Timed[T] = []

    def put(at: Quarters, value: T) -> None:
        if not played or played[-1][1] != value:
            played.append((at, value))

    for passage in passages:
        index = bisect_right(times, passage.start)
        if index:
            put(passage.start + passage.shift, changes[index - 1][1])
        for at, value in changes[index : bisect_left(times, passage.stop)]:
            put(at + passage.shift, value)
    return played


def _sung(lyrics: Timed[tuple[int, str]], passages: Sequence[_Passage], lost: Counter[str]) -> Timed[str]:
    """The verse of each time a bar is played: the second verse the second time, and the first there is otherwise."""
    sung: Timed[str] = []
    heard: set[tuple[Quarters, tuple[int, str]]] = set()
    times_played: Counter[Quarters] = Counter()
    times = [at for at, _ in lyrics]
    for passage in passages:
        times_played[passage.start] += 1
        here = lyrics[bisect_left(times, passage.start) : bisect_left(times, passage.stop)]
        verses = {verse for _, (verse, _) in here}
        verse = times_played[passage.start]
        if verse not in verses:
            verse = min(verses, default=0)
        heard.update(syllable for syllable in here if syllable[1][0] == verse)
        sung.extend((at + passage.shift, text) for at, (number, text) in here if number == verse)
    if len(heard) < len(lyrics):
        lost["syllables of later verses"] += len(set(lyrics)) - len(heard)
    return sung


def _tied(notes: Iterable[tuple[Quarters, Note]], lost: Counter[str]) -> list[tuple[Quarters, Quarters, Note]]:
    """(onset, length, note) with tied notes joined; a tie that leads nowhere is counted and the notes stay apart."""
    joined: list[tuple[Quarters, Quarters, Note]] = []
    held: dict[int, int] = {}  # pitch -> the note that waits for its continuation
    for at, note in notes:
        if note.tie in ("continue", "stop"):
            index = held.get(note.pitch)
            if index is not None and sum(joined[index][:2]) == at:
                onset, length, first = joined[index]
                joined[index] = (onset, length + note.length, first)
                if note.tie == "stop":
                    del held[note.pitch]
                continue
            lost["ties from nowhere"] += 1
        joined.append((at, note.length, note))
        if note.tie in ("start", "continue"):
            held[note.pitch] = len(joined) - 1
    return joined


def _meters(work: Work, passages: Sequence[_Passage], lost: Counter[str]) -> Timed[tuple[int, int]]:
    """The time signatures that give the bars as they are played: a short first bar is a pickup.

    Bars that are cut in two by a repeat count as one; a bar that stays too short or too long has a meter of its own.
    """
    if not work.bars:
        return _unfold_state(work.meters, passages)
    found: Timed[tuple[int, int]] = []

    def put(at: Quarters, meter: tuple[int, int]) -> None:
        if not found or found[-1][1] != meter:
            found.append((at, meter))

    bars = [
        (passage.start + passage.shift, passage.stop - passage.start, _in_force(work.meters, passage.start))
        for passage in passages
        if passage.stop > passage.start
    ]
    index = 0
    while index < len(bars):
        at, length, meter = bars[index]
        full = Fraction(4 * meter[0], meter[1])
        following = index + 1
        if length < full and 0 < index < len(bars) - 1:
            together = length
            while together < full and following < len(bars) and bars[following][2] == meter:
                together += bars[following][1]
                following += 1
            if together != full:
                following, together = index + 1, length
        else:
            together = length
        own = None
        if together % full and (following < len(bars) or together > full):
            own = _as_meter(together)
            if own is None:
                lost["bars of a length that no meter has"] += 1
        put(at, own or meter)
        index = following
    return found


def _in_force(meters: Timed[tuple[int, int]], at: Quarters) -> tuple[int, int]:
    index = bisect_right([start for start, _ in meters], at)
    return meters[index - 1][1] if index else (4, 4)


def _as_meter(length: Quarters) -> tuple[int, int] | None:
    for denominator in (4, 8, 16, 32, 64):
        count = length * denominator / 4
        if count.denominator == 1 and count <= 64:
            return int(count), denominator
    return None


def _ticks_per_quarter(times: Iterable[Quarters]) -> int:
    needed = math.lcm(TICKS_PER_QUARTER, *{time.denominator for time in times})
    return needed if needed <= FINEST else TICKS_PER_QUARTER


def _track(
    part: Part,
    notes: list[tuple[Quarters, Quarters, Note]],
    lyrics: Timed[str],
    tick: Callable[[Quarters], int],
) -> TrackTick:
    track = TrackTick(part.name, part.program, part.is_drum)
    rows = sorted(
        (tick(at), note.pitch, max(1, tick(at + length) - tick(at)), note.velocity) for at, length, note in notes
    )
    times, pitches, lengths, velocities = np.array(rows, np.int32).T
    track.notes = NoteTickList.from_numpy(times, lengths, pitches.astype(np.int8), velocities.astype(np.int8))
    track.lyrics = TextMetaTickList([TextMetaTick(tick(at), text) for at, text in lyrics])
    return track
