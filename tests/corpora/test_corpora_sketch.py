"""What makes two pieces the same: notes, not tempo, velocity, tracks or resolution; transposition does not matter."""

import pytest
from symusic import Note, Score, Tempo, Track

from erato.corpora.sketch import sketch, works


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


def fingerprint(score: Score) -> bytes:
    return sketch(score)[0]


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


def test_histogram_counts_pitches_without_drums() -> None:
    histogram = sketch(piece([*ROWS, (0, 1, 60)], drums=[36]))[1]
    assert {pitch: int(count) for pitch, count in enumerate(histogram) if count} == {60: 2, 64: 1, 67: 1, 72: 1}


def test_works_join_by_title_and_by_content() -> None:
    scale = [
        sketch(piece([(0, 1, pitch) for pitch in range(start, start + 10) for _ in range(40)]))[1] for start in (40, 60)
    ]
    histograms = [scale[0], scale[1], scale[0] + scale[0], scale[1], scale[1]]
    titles = ["a", "b", "c", "d", "a"]
    # 0 and 2 agree in content; 4 has the title of 0 and the content of 1 and 3: all are one
    assert works(histograms, ["x"] * 5, titles) == [0, 0, 0, 0, 0]
    assert works(histograms[:4], ["x"] * 4, titles[:4]) == [0, 1, 0, 1]


def test_short_pieces_need_more_than_alike_histograms() -> None:
    one = sketch(piece([(0, 1, pitch) for pitch in range(60, 70) for _ in range(4)]))[1]
    other = one.copy()
    other[60] += 1  # 41 notes, cosine 0.997
    assert works([one, other], ["x", "x"], ["a", "b"]) == [0, 1]
    assert works([one * 20, other * 20], ["x", "x"], ["a", "b"]) == [0, 0]
