"""How times become note values: every expectation is what an engraver's manual asks for."""

from collections.abc import Sequence

import pytest

from erato.renderers.engraving.rhythm import VALUES, Meter, written
from erato.renderers.engraving.sheet import UNIT


def meter(beats: int, denominator: int) -> Meter:
    return Meter(beats, denominator, 4 * UNIT * beats // denominator)


def said(spans: Sequence[tuple[float, float]], beats: int = 4, denominator: int = 4) -> str:
    """The pieces as LilyPond would name them: 4 a quarter, 4. dotted, r a rest, ~ a tie, t within a tuplet."""
    units = [(round(start * UNIT), round(end * UNIT)) for start, end in spans]
    numbers = {"whole": "1", "half": "2", "quarter": "4", "eighth": "8", "16th": "16", "32nd": "32", "64th": "64"}
    found, before = [], None
    for piece in written(units, meter(beats, denominator)):
        tie = "~" if piece.note is not None and piece.note == before else ""
        name = ("r" if piece.note is None else "") + tie + numbers.get(piece.value, piece.value) + "." * piece.dots
        found.append(name + ("t" if piece.tuplet else ""))
        before = piece.note
    return " ".join(found)


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([(0, 4)], "1"),
        ([(0, 1), (1, 2), (2, 3), (3, 4)], "4 4 4 4"),
        ([(0, 3), (3, 4)], "2. 4"),
        ([(0, 1), (1, 3), (3, 4)], "4 2 4"),  # the syncopation that everyone reads
        ([(0, 0.5), (0.5, 1.5), (1.5, 2), (2, 4)], "8 4 8 2"),
        ([(0, 1.5), (1.5, 2.5), (2.5, 4)], "4. 8 ~8 4."),  # the middle of the bar is shown
        ([(0, 2.5), (2.5, 4)], "2 ~8 4."),
        ([(0, 1), (1, 2.5), (2.5, 4)], "4 4 ~8 4."),
        ([(0, 0.25), (0.25, 0.75), (0.75, 1), (1, 4)], "16 8 16 2."),
        ([(0, 0.75), (0.75, 1.25), (1.25, 4)], "8. 16 ~16 8. ~2"),
        ([(2, 4)], "r2 2"),
        ([(1, 4)], "r4 2."),
        ([(0, 1)], "4 r4 r2"),
        ([(0, 0.5)], "8 r8 r4 r2"),
        ([(0, 1), (3, 4)], "4 r4 r4 4"),  # no rest over the middle of the bar
        ([(0, 3.5), (3.5, 4)], "2 ~4. 8"),
    ],
)
def test_in_four_four(spans: Sequence[tuple[float, float]], wanted: str) -> None:
    assert said(spans) == wanted


@pytest.mark.parametrize(
    ("beats", "denominator", "spans", "wanted"),
    [
        (3, 4, [(0, 3)], "2."),
        (3, 4, [(0, 1)], "4 r4 r4"),
        (3, 4, [(1, 3)], "r4 2"),
        (6, 8, [(0, 3)], "2."),
        (6, 8, [(0, 1.5), (1.5, 3)], "4. 4."),
        (6, 8, [(0, 1), (1, 2), (2, 3)], "4 8 ~8 4"),  # not three quarters
        (6, 8, [(0, 1.5)], "4. r4."),
        (6, 8, [(0, 0.5)], "8 r8 r8 r4."),
        (6, 8, [(0.5, 3)], "r8 4 ~4."),
        (2, 2, [(0, 4)], "1"),
        (7, 8, [(0, 1), (1, 2), (2, 3.5)], "4 4 4."),
        (5, 4, [(0, 5)], "2. ~2"),
    ],
)
def test_in_other_meters(beats: int, denominator: int, spans: Sequence[tuple[float, float]], wanted: str) -> None:
    assert said(spans, beats, denominator) == wanted


def test_tuplets() -> None:
    third = 1 / 3
    assert said([(0, third), (third, 2 * third), (2 * third, 1), (1, 4)]) == "8t 8t 8t 2."
    assert said([(0, 2 * third), (2 * third, 1), (1, 4)]) == "4t 8t 2."
    assert said([(0, 2 * third), (2 * third, 4 * third), (4 * third, 2), (2, 4)]) == "4t 4t 4t 2"
    fifths = [(i / 5, (i + 1) / 5) for i in range(5)]
    assert said([*fifths, (1, 4)]) == "16t 16t 16t 16t 16t 2."


def test_the_pieces_fill_the_bar_in_every_meter() -> None:
    for beats, denominator in [(4, 4), (3, 4), (2, 4), (5, 4), (6, 8), (7, 8), (9, 8), (12, 8), (3, 8), (2, 2), (5, 8)]:
        this = meter(beats, denominator)
        for start in range(0, this.length, UNIT // 4):
            for stop in range(start + UNIT // 4, this.length + 1, UNIT // 4):
                pieces = written([(start, stop)], this)
                assert [piece.start for piece in pieces] == [
                    sum(piece.length for piece in pieces[:place]) for place in range(len(pieces))
                ]
                assert sum(piece.length for piece in pieces) == this.length
                for piece in pieces:
                    plain = piece.length if not piece.dots else piece.length * 2 // 3
                    assert VALUES[plain] == piece.value


def test_times_that_no_tuplet_has_go_to_the_nearest_64ths() -> None:
    four = meter(4, 4)
    odd = [(UNIT // 8, UNIT // 2), (UNIT // 2, 6 * UNIT // 7), (6 * UNIT // 7, 4 * UNIT)]
    pieces = written(odd, four)
    assert sum(piece.length for piece in pieces) == four.length
    assert {piece.note for piece in pieces} == {None, 0, 1, 2}
    assert all(piece.tuplet is None for piece in pieces)
