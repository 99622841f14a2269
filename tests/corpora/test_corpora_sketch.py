"""What makes two pieces the same: notes, not tempo, velocity, tracks or resolution; transposition does not matter."""

import pytest
from symusic import Note, Score, Tempo, Track

from erato.corpora.sketch import fingerprint, outline, works


def piece(rows: list[tuple[int, int, int]], *, tpq: int = 480, drums: list[int] | None = None) -> Score:
    """rows: (onset, duration, pitch) in ticks."""
    score = Score(tpq)
    track = Track("", 0, False)
    track.notes.extend([Note(onset, duration, pitch, 80) for onset, duration, pitch in rows])
    score.tracks.append(track)
    if drums:
        kit = Track("", 0, True)
        kit.notes.extend([Note(0, 10, pitch, 80) for pitch in drums])
        score.tracks.append(kit)
    return score


ROWS = [(0, 480, 60), (480, 240, 64), (720, 240, 67), (960, 960, 72)]


def test_the_same_notes_are_the_same_piece() -> None:
    same = fingerprint(piece(ROWS))
    assert fingerprint(piece([(t, d, p - 7) for t, d, p in ROWS])) == same
    assert fingerprint(piece([(t + 999, d, p) for t, d, p in ROWS])) == same
    assert fingerprint(piece([(2 * t, 2 * d, p) for t, d, p in ROWS], tpq=960)) == same
    assert fingerprint(piece(list(reversed(ROWS)))) == same
    faster = piece(ROWS)
    faster.tempos.append(Tempo(0, 200))
    assert fingerprint(faster) == same
    parted = piece(ROWS[:2])
    parted.tracks.append(piece(ROWS[2:]).tracks[0])
    assert fingerprint(parted) == same


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("change", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_any_other_note_is_another_piece(index: int, change: tuple[int, int, int]) -> None:
    rows = [*ROWS]
    rows[index] = tuple(a + b for a, b in zip(rows[index], change, strict=True))  # type: ignore[assignment]
    assert fingerprint(piece(rows)) != fingerprint(piece(ROWS))


def test_drums_are_not_transposed() -> None:
    beat = fingerprint(piece(ROWS, drums=[36, 38]))
    assert fingerprint(piece([(t, d, p + 2) for t, d, p in ROWS], drums=[36, 38])) == beat
    assert fingerprint(piece(ROWS, drums=[38, 40])) != beat


def test_outlines_count_what_stands_close_together() -> None:
    # four notes: three neighbours, two pairs two notes apart, one three notes apart
    assert outline(piece(ROWS)).sum() == 6
    assert outline(piece(ROWS, drums=[36, 38])).tolist() == outline(piece(ROWS)).tolist()
    assert outline(piece([], drums=[36])).sum() == 0
    # the order in which the notes of a chord are written or played does not matter to a pair
    assert outline(piece([(0, 9, 60), (0, 9, 64)])).tolist() == outline(piece([(0, 9, 64), (5, 9, 60)])).tolist()


def scale(start: int, times: int = 4) -> Score:
    return piece([(10 * i, 10, start + i % 12) for i in range(12 * times)])


def test_works_join_by_title_and_by_content() -> None:
    low, high = outline(scale(40)), outline(scale(70))
    outlines = [low, high, outline(scale(40, times=8)), high, high]
    titles = ["a", "b", "c", "d", "a"]
    # 0 and 2 agree in content; 4 has the title of 0 and the content of 1 and 3: all are one
    assert works(outlines, ["x"] * 5, titles) == [0, 0, 0, 0, 0]
    assert works(outlines[:4], ["x"] * 4, titles[:4]) == [0, 1, 0, 1]


def test_a_fragment_is_no_performance_of_the_whole() -> None:
    outlines = [outline(scale(40, times=4)), outline(scale(40, times=40))]
    assert works(outlines, ["x", "x"], ["a", "b"]) == [0, 1]


def test_the_rest_of_a_folder_follows_its_work() -> None:
    # the last differs in every fourth note: alike, but not enough to be the same work by itself
    rough = piece([(10 * i, 10, 40 + i % 12 + (i % 16 == 0)) for i in range(48)])
    outlines = [outline(scale(40)), outline(scale(40)), outline(rough)]
    assert works(outlines, ["x", "x", "y"], ["a", "b", "c"]) == [0, 0, 2]
    assert works(outlines, ["x", "x", "x"], ["a", "b", "c"]) == [0, 0, 0]
    other = [*outlines[:2], outline(scale(90))]
    assert works(other, ["x", "x", "x"], ["a", "b", "c"]) == [0, 0, 2]
