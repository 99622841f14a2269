"""Without what music21 does in a time that grows with the square of the bars, and that nobody hears.

Beams, the empty part of short bars, bars that are cut anew though none is too long, and meters of more than 64 beats
for what is left of a long one are left out while `shortcuts` is open; that a bar is the last shows in the one before.
What music21 reads has the same notes at the same times. Knows nothing of files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

MOST_BEATS = 64


@contextmanager
def shortcuts() -> Iterator[None]:
    """music21 as it is, but for these."""
    from music21.abcFormat import translate
    from music21.stream.base import Measure, Part, Stream

    cut, best = translate.reBar, Measure.bestTimeSignature

    def cut_if_needed(part: Any, *, inPlace: bool = False) -> Any:
        return cut(part, inPlace=inPlace) if not inPlace or _too_long(part) else None

    def best_of_few(measure: Any) -> Any:
        return best(measure) if Fraction(measure.highestTime).limit_denominator(64).numerator <= MOST_BEATS else None

    replaced: list[tuple[Any, str, Any]] = [
        (Stream, "makeBeams", lambda stream, **_: stream),
        (Measure, "barDurationProportion", lambda measure, **_: 1.0),
        (Measure, "bestTimeSignature", best_of_few),
        (Part, "coreInsert", _insert),
        (translate, "reBar", cut_if_needed),
    ]
    before = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in replaced]
    for owner, name, instead in replaced:
        setattr(owner, name, instead)
    try:
        yield
    finally:
        for owner, name, was in before:
            if was is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, was)


def _too_long(part: Any) -> bool:
    """Whether a bar is longer than its meter, or has none."""
    from music21.stream import Measure

    meter = None
    for measure in list(part.getElementsByClass(Measure)):
        meter = measure.timeSignature or meter
        if meter is None or measure.highestTime > meter.barDuration.quarterLength:
            return True
    return False


def _insert(part: Any, offset: Any, element: Any, *, ignoreSort: bool = False, setActiveSite: bool = True) -> bool:
    """`coreInsert`, which asks how long the whole part is; whether it stays in order shows in its last element."""
    held = part._elements
    in_order = bool(
        not ignoreSort
        and part.isSorted
        and (not held or held[-1].sortTuple(part) < element.sortTuple().modify(offset=offset))
    )
    part.coreSetElementOffset(element, offset, addElement=True, setActiveSite=setActiveSite)
    element.sites.add(part)
    held.append(element)
    return in_order
