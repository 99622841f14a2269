"""music21 streams to scores: a parsed work in, one score a tune out. Knows nothing of files.

Transposing instruments are read at the pitch they sound. Verses that are not sung, grace notes and what has no pitch
are left out and counted; words for a tempo without a number are no tempo.
"""

import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeVar

from erato.reading.base import DROPPED
from erato.reading.notated import Note, Part, Quarters, Timed, Work, sounding
from erato.reading.opening import one_line
from erato.score import CHORD, FERMATA, Score

T = TypeVar("T")
Tune = tuple[str, Score]  # with its title

VELOCITY = 80  # where the notation says nothing
HEADS = "note heads"  # what there is, and not a loss
MOST_QUARTERS = 1_000_000  # of a piece
MOST_UNFOLDING = 1_000_000  # signs times signs times bars: what music21 takes for it grows so
REPEATS = 16  # a passage is played at most so many times


def music21_to_scores(parsed: Any, lost: dict[str, int]) -> tuple[list[Tune], int]:
    """A music21 Score, Part or Opus as scores, each with its title, which is empty but for those of an Opus; and the
    number of note heads that were found.

    What is dropped is added to `lost`. A tune without a note is left out, and counted.
    """
    from music21 import stream

    counts: Counter[str] = Counter()
    tunes = list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]
    found = [(_title(tune) if len(tunes) > 1 else "", _score(tune, counts)) for tune in tunes]
    heads = counts.pop(HEADS, 0)
    kept = [(title, score) for title, score in found if score.note_num()]
    counts["tunes without a note"] += len(found) - len(kept)
    for what, how_many in (+counts).items():
        lost[what] = lost.get(what, 0) + how_many
    return kept, heads


def _title(tune: Any) -> str:
    """ "12 The Title", as far as the tune says it."""
    about = tune.metadata
    return one_line(" ".join(str(part) for part in (about.number, about.title) if part), 200) if about else ""


def _score(parsed: Any, lost: Counter[str]) -> Score:
    if any(staff.atSoundingPitch is False for staff in (parsed, *_parts(parsed))):
        instruments = parsed.recurse().getElementsByClass("Instrument")
        if any(instrument.transposition is not None for instrument in instruments):
            parsed = parsed.toSoundingPitch()
    work = _written(parsed, lost)
    order = _playing_order(parsed, work, lost)
    return sounding(work, order, lost)


def _parts(parsed: Any) -> list[Any]:
    from music21 import stream

    return list(parsed.getElementsByClass(stream.Part)) or [parsed]


# What is written


def _written(parsed: Any, lost: Counter[str]) -> Work:
    from music21 import stream

    work = Work()
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
    work.marks = sorted(dict.fromkeys(work.marks), key=lambda mark: mark[0])  # once where every part has it
    work.meters, work.keys = _one_a_time(work.meters), _one_a_time(work.keys)
    work.tempos = _one_a_time(work.tempos)
    return work


def _one_a_time(changes: Timed[T]) -> Timed[T]:
    """In order; of changes at the same time the first, which is that of the first part."""
    first: dict[Quarters, T] = {}
    for at, value in changes:
        first.setdefault(at, value)
    return sorted(first.items(), key=lambda change: change[0])


def _read_marks(elements: Iterable[Any], work: Work) -> None:
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


def _read_notes(part: Any, flat: Any, work: Work, lost: Counter[str]) -> Part:
    from music21 import chord, dynamics, expressions, harmony, instrument, note

    plays = part.getInstrument(returnDefault=True)
    is_drum = plays.midiChannel == 9 or isinstance(plays, instrument.UnpitchedPercussion)
    found = Part(part.partName or "", min(max(plays.midiProgram or 0, 0), 127), is_drum)
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
        singles = element.notes if isinstance(element, chord.ChordBase) else [element]
        lost[HEADS] += len(singles)
        if element.duration.isGrace or not 0 < element.quarterLength <= MOST_QUARTERS:
            lost[DROPPED + ("grace notes" if element.duration.isGrace else "of no length that makes sense")] += len(
                singles
            )
            continue
        if not 0 <= at <= MOST_QUARTERS:
            lost[DROPPED + "at no time that makes sense"] += len(singles)
            continue
        for verse in element.lyrics:
            if verse.text:
                hyphen = "-" if verse.syllabic in ("begin", "middle") else ""
                found.lyrics.append((at, (verse.number, verse.text + hyphen)))
        for single in singles:
            pitch = _pitch(single, lost)
            if pitch is not None:
                loud = single.volume.velocity or element.volume.velocity or velocity
                tie = single.tie or element.tie
                length = _quarters(element.quarterLength)
                found.notes.append((at, Note(pitch, min(max(round(loud), 1), 127), length, tie and tie.type)))
    return found


def _pitch(single: Any, lost: Counter[str]) -> int | None:
    from music21 import note

    if isinstance(single, note.Unpitched):
        plays = single.storedInstrument or single.getInstrument(returnDefault=True)
        drum: int | None = getattr(plays, "percMapPitch", None)
        if drum is None:
            lost[DROPPED + "without pitch"] += 1
        return drum
    if single.pitch.ps != int(single.pitch.ps):
        lost["quarter tones, now the nearest pitch"] += 1
    pitch: int = round(single.pitch.ps)
    if not 0 <= pitch <= 127:
        lost[DROPPED + "outside MIDI's range"] += 1
        return None
    return pitch


def _quarters(value: float | Fraction) -> Quarters:
    return Fraction(value).limit_denominator(65_536)


# What is played


def _playing_order(parsed: Any, work: Work, lost: Counter[str]) -> list[int]:
    """The bars in the order in which they are played, as indices of `work.bars`."""
    from music21 import bar, repeat, stream

    as_written = list(range(len(work.bars)))
    for part in _parts(parsed):
        marks = list(part.recurse().getElementsByClass((bar.Repeat, repeat.RepeatExpression)))
        if not marks:
            continue
        measures = list(part.getElementsByClass(stream.Measure))
        often = sum(getattr(mark, "times", None) or 1 for mark in marks)
        most = max((getattr(mark, "times", None) or 0 for mark in marks), default=0)
        if len(measures) != len(work.bars) or most > REPEATS or often**2 * len(measures) > MOST_UNFOLDING:
            break
        try:
            order = repeat.Expander(_without_notes(part, measures)).measureMap()
        except Exception:  # badly formed repeats raise nearly anything
            break
        if len(order) > REPEATS * len(measures):
            break
        return [int(index) for index in order]
    else:
        return as_written
    lost["repeats that are not played"] += 1
    return as_written


def _without_notes(part: Any, measures: list[Any]) -> Any:
    """The bars of a part with their repeats only: quick to unfold, and each with a number of its own.

    A repeat without a beginning goes back to the end of the repeat before, where music21 goes back to the first bar.
    """
    from music21 import bar, repeat, spanner, stream

    result = stream.Part()
    empty = [stream.Measure(number=number + 1) for number in range(len(measures))]
    for measure, twin in zip(measures, empty, strict=True):
        for side in ("leftBarline", "rightBarline"):
            line = getattr(measure, side)
            if isinstance(line, bar.Repeat):
                setattr(twin, side, bar.Repeat(direction=line.direction, times=line.times))
        for sign in measure.getElementsByClass(repeat.RepeatExpression):
            twin.insert(0, type(sign)())
        result.append(twin)
    index = {id(measure): number for number, measure in enumerate(measures)}
    endings: set[int] = set()
    for bracket in part.recurse().getElementsByClass(spanner.RepeatBracket):
        inside = [index[id(measure)] for measure in bracket.getSpannedElements() if id(measure) in index]
        endings.update(inside)
        result.insert(0, spanner.RepeatBracket([empty[number] for number in inside], number=bracket.number))
    begins, said = 0, True  # where the passage began that is now played, and whether a sign says so
    for number, twin in enumerate(empty):
        if isinstance(twin.leftBarline, bar.Repeat):
            begins, said = number, True
        goes_back = isinstance(twin.rightBarline, bar.Repeat) and twin.rightBarline.direction == "end"
        if goes_back and not said:
            empty[begins].leftBarline = bar.Repeat(direction="start")
            said = True
        if (goes_back or number in endings) and number + 1 not in endings:
            begins, said = number + 1, False
    return result
