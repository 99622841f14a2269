"""music21 streams to scores: a parsed work in, one score a tune out. Knows nothing of files.

Follows the conventions of `erato.score`. Tied notes become one, repeats are played, transposing instruments sound as
they sound. Verses after the first, grace notes and what has no pitch are left out and counted. Times are exact
fractions of a quarter note until the very end.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

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

from erato.reading.base import NamedPiece
from erato.score import CHORD, END, FERMATA, Score

TICKS_PER_QUARTER, FINEST = 480, 30_000  # a clock is made finer, up to here, where tuplets need it
VELOCITY = 80  # where the notation says nothing
REPEATS = 16  # a passage is played at most so many times

Quarters = Fraction
T = TypeVar("T")
Timed = list[tuple[Quarters, T]]


@dataclass
class _Note:
    pitch: int
    velocity: int
    length: Quarters
    tie: str | None  # start, continue, stop


@dataclass
class _Part:
    name: str
    program: int
    is_drum: bool
    notes: Timed[_Note] = field(default_factory=list)
    lyrics: Timed[tuple[int, str]] = field(default_factory=list)  # verse, syllable


@dataclass
class _Work:
    """A work as it is written: every time in quarters from its beginning, every list in order."""

    parts: list[_Part] = field(default_factory=list)
    marks: Timed[str] = field(default_factory=list)
    meters: Timed[tuple[int, int]] = field(default_factory=list)
    keys: Timed[tuple[int, int]] = field(default_factory=list)
    tempos: Timed[float] = field(default_factory=list)  # quarters a minute
    bars: list[Quarters] = field(default_factory=list)  # where bars begin
    end: Quarters = Fraction(0)


def music21_to_scores(parsed: Any, name: str = "", lost: dict[str, int] | None = None) -> list[NamedPiece]:
    """A music21 Score, Part or Opus as pieces; those of an Opus are named by number and title.

    What is dropped is added to `lost`, where that is given. A tune without a note is no piece, and counted.
    """
    from music21 import stream

    counts: Counter[str] = Counter()
    pieces, names = [], Counter[str]()
    tunes = list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]
    for tune in tunes:
        score = _score(tune, counts)
        if score.note_num() == 0:
            counts["tunes without a note"] += 1
            continue
        title = tune_name(tune) if len(tunes) > 1 else ""
        names[title] += 1
        pieces.append(NamedPiece(title if names[title] == 1 else f"{title} ({names[title]})", score))
    if lost is not None:
        for what, how_many in counts.items():
            lost[what] = lost.get(what, 0) + how_many
    return pieces


def tune_name(tune: Any) -> str:
    """ "12 The Title", as far as the tune says it."""
    about = tune.metadata
    return " ".join(str(part).strip() for part in (about.number, about.title) if part) if about else ""


def _score(parsed: Any, lost: Counter[str]) -> Score:
    if any(staff.atSoundingPitch is False for staff in (parsed, *_parts(parsed))):
        instruments = parsed.recurse().getElementsByClass("Instrument")
        if any(instrument.transposition is not None for instrument in instruments):
            parsed = parsed.toSoundingPitch()
    work = _written(parsed, lost)
    order = _playing_order(parsed, work, lost)
    return _as_score(work, order, lost)


def _parts(parsed: Any) -> list[Any]:
    from music21 import stream

    return list(parsed.getElementsByClass(stream.Part)) or [parsed]


# What is written


def _written(parsed: Any, lost: Counter[str]) -> _Work:
    from music21 import stream

    work = _Work()
    parts = _parts(parsed)
    if parts[0] is not parsed:
        _read_marks(parsed.getElementsNotOfClass(stream.Stream), work)
    for part in parts:
        starts = [_quarters(measure.offset) for measure in part.getElementsByClass(stream.Measure)]
        if len(starts) > len(work.bars):
            work.bars = sorted(set(starts))
        work.end = max(work.end, _quarters(part.highestTime))
        flat = part.flatten()
        _read_marks(flat, work)
        work.parts.append(_read_notes(part, flat, work, lost))
    work.marks, work.meters = _in_order(work.marks), _in_order(work.meters)
    work.keys, work.tempos = _in_order(work.keys), _in_order(work.tempos)
    return work


def _in_order(events: Timed[T]) -> Timed[T]:
    """Sorted by time, and once where every part says the same."""
    return sorted(dict.fromkeys(events), key=lambda event: event[0])


def _read_marks(elements: Iterable[Any], work: _Work) -> None:
    from music21 import bar, harmony, key, meter, tempo

    for element in elements:
        at = _quarters(element.offset)
        if isinstance(element, meter.TimeSignature):
            work.meters.append((at, (element.numerator, element.denominator)))
        elif isinstance(element, key.KeySignature):
            minor = getattr(element, "mode", None) == "minor"
            if abs(element.sharps or 0) <= 7:
                work.keys.append((at, (element.sharps or 0, int(minor))))
        elif isinstance(element, tempo.MetronomeMark):
            per_minute = None if element.numberImplicit else element.getQuarterBPM()  # "Allegro" is no number
            if per_minute and 4 <= per_minute <= 10_000:
                work.tempos.append((at, float(per_minute)))
        elif isinstance(element, harmony.ChordSymbol):
            work.marks.append((at, CHORD + _chord_name(element)))
        elif isinstance(element, bar.Barline) and element.pause is not None:
            work.marks.append((at, FERMATA))


def _chord_name(symbol: Any) -> str:
    """The figure as people write it: a flat is `b`, which music21 writes as `-`."""
    return re.sub(r"(?<=[A-G])-+", lambda flats: "b" * len(flats.group()), symbol.figure or "N.C.")


def _read_notes(part: Any, flat: Any, work: _Work, lost: Counter[str]) -> _Part:
    from music21 import chord, dynamics, expressions, harmony, instrument, note

    plays = part.getInstrument(returnDefault=True)
    is_drum = plays.midiChannel == 9 or isinstance(plays, instrument.UnpitchedPercussion)
    found = _Part(part.partName or "", min(max(plays.midiProgram or 0, 0), 127), is_drum)
    velocity = VELOCITY
    for element in flat:
        at = _quarters(element.offset)
        if isinstance(element, dynamics.Dynamic):
            velocity = round(127 * element.volumeScalar) if element.volumeScalar else velocity
        if not isinstance(element, note.GeneralNote) or isinstance(element, harmony.Harmony):
            continue
        if any(isinstance(expression, expressions.Fermata) for expression in element.expressions):
            work.marks.append((at, FERMATA))
        if element.isRest:
            continue
        if element.duration.isGrace or not element.quarterLength:
            lost["grace notes"] += 1
            continue
        for verse in element.lyrics:
            if verse.text:
                hyphen = "-" if verse.syllabic in ("begin", "middle") else ""
                found.lyrics.append((at, (verse.number, verse.text + hyphen)))
        for single in element.notes if isinstance(element, chord.ChordBase) else [element]:
            pitch = _pitch(single, lost)
            if pitch is not None:
                loud = single.volume.velocity or element.volume.velocity or velocity
                tie = single.tie or element.tie
                length = _quarters(element.quarterLength)
                found.notes.append((at, _Note(pitch, min(max(loud, 1), 127), length, tie and tie.type)))
    return found


def _pitch(single: Any, lost: Counter[str]) -> int | None:
    from music21 import note

    if isinstance(single, note.Unpitched):
        plays = single.storedInstrument or single.getInstrument(returnDefault=True)
        drum: int | None = getattr(plays, "percMapPitch", None)
        if drum is None:
            lost["notes without pitch"] += 1
        return drum
    if single.pitch.ps != int(single.pitch.ps):
        lost["quarter tones, now the nearest pitch"] += 1
    pitch: int = round(single.pitch.ps)
    if not 0 <= pitch <= 127:
        lost["notes outside MIDI's range"] += 1
        return None
    return pitch


def _quarters(value: float | Fraction) -> Quarters:
    return Fraction(value).limit_denominator(65_536)


# What is played


def _playing_order(parsed: Any, work: _Work, lost: Counter[str]) -> list[int]:
    """The bars in the order in which they are played, as indices of `work.bars`."""
    from music21 import bar, repeat, spanner, stream

    as_written = list(range(len(work.bars)))
    for part in _parts(parsed):
        marks = list(part.recurse().getElementsByClass((bar.Repeat, repeat.RepeatExpression)))
        if not marks:
            continue
        measures = list(part.getElementsByClass(stream.Measure))
        if len(measures) != len(work.bars) or any((getattr(mark, "times", 0) or 0) > REPEATS for mark in marks):
            break
        # The same bars without their notes: quick to unfold, and each with a number of its own.
        skeleton, twin = stream.Part(), {}
        for number, measure in enumerate(measures):
            empty = twin[id(measure)] = stream.Measure(number=number + 1)
            for side in ("leftBarline", "rightBarline"):
                line = getattr(measure, side)
                if isinstance(line, bar.Repeat):
                    setattr(empty, side, bar.Repeat(direction=line.direction, times=line.times))
            for sign in measure.getElementsByClass(repeat.RepeatExpression):
                empty.insert(0, type(sign)())
            skeleton.append(empty)
        for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket):
            inside = [twin[id(measure)] for measure in bracket.getSpannedElements() if id(measure) in twin]
            skeleton.insert(0, spanner.RepeatBracket(inside, number=bracket.number))
        try:
            order = repeat.Expander(skeleton).measureMap()
        except Exception:  # badly formed repeats raise nearly anything
            break
        if len(order) > REPEATS * len(measures):
            break
        return [int(index) for index in order]
    else:
        return as_written
    lost["repeats that are not played"] += 1
    return as_written


@dataclass(frozen=True)
class _Passage:
    """What is written from `start` to `stop` is played `shift` later."""

    start: Quarters
    stop: Quarters
    shift: Quarters


def _passages(work: _Work, order: Sequence[int]) -> list[_Passage]:
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
        for at, value in events[bisect_left(times, passage.start) :]:
            if at > passage.stop or (at == passage.stop and not last):
                break
            yield at + passage.shift, value


def _unfold_state(changes: Timed[T], passages: Sequence[_Passage]) -> Timed[T]:
    """Changes as they are played, with what holds at the start of a passage said again after a jump."""
    times = [at for at, _ in changes]
    played: Timed[T] = []

    def put(at: Quarters, value: T) -> None:
        if played and played[-1][0] == at:
            del played[-1]  # the last word counts
        if not played or played[-1][1] != value:
            played.append((at, value))

    for passage in passages:
        index = bisect_right(times, passage.start)
        if index:
            put(passage.start + passage.shift, changes[index - 1][1])
        for at, value in changes[index:]:
            if at >= passage.stop:
                break
            put(at + passage.shift, value)
    return played


def _sung(lyrics: Timed[tuple[int, str]], passages: Sequence[_Passage], lost: Counter[str]) -> Timed[str]:
    """The verse of each time a bar is played: the second verse the second time, and the first there is otherwise."""
    sung: Timed[str] = []
    heard: set[tuple[Quarters, tuple[int, str]]] = set()
    times_played: Counter[Quarters] = Counter()
    for passage in passages:
        times_played[passage.start] += 1
        here = [(at, line) for at, line in lyrics if passage.start <= at < passage.stop]
        verses = {verse for _, (verse, _) in here}
        verse = times_played[passage.start]
        if verse not in verses:
            verse = min(verses, default=0)
        heard.update(syllable for syllable in here if syllable[1][0] == verse)
        sung.extend((at + passage.shift, text) for at, (number, text) in here if number == verse)
    if len(heard) < len(lyrics):
        lost["syllables of later verses"] += len(set(lyrics)) - len(heard)
    return sung


def _tied(notes: Iterable[tuple[Quarters, _Note]], lost: Counter[str]) -> list[tuple[Quarters, Quarters, _Note]]:
    """(onset, length, note) with tied notes joined; a tie that leads nowhere is counted and the notes stay apart."""
    joined: list[tuple[Quarters, Quarters, _Note]] = []
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


def _meters(work: _Work, passages: Sequence[_Passage], lost: Counter[str]) -> Timed[tuple[int, int]]:
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


def _as_score(work: _Work, order: Sequence[int], lost: Counter[str]) -> Score:
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
    if end > score.end():
        score.markers.append(TextMetaTick(end, END))
    return score


def _ticks_per_quarter(times: Iterable[Quarters]) -> int:
    needed = math.lcm(TICKS_PER_QUARTER, *{time.denominator for time in times})
    return needed if needed <= FINEST else TICKS_PER_QUARTER


def _track(
    part: _Part,
    notes: list[tuple[Quarters, Quarters, _Note]],
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
