"""Matrix pictures: the cell of each key and frame, read back from the pixels, is dark where that key sounds."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from symusic import Note, Score, TextMeta, Track

from erato.errors import UsageError
from erato.renderers import RENDERERS, About, canvas, renderer_for
from erato.renderers.matrix import CELL, EDGE, GROUND, RULE, frame_ticks, matrix

Pixels = npt.NDArray[np.int64]


def score_of(*notes: tuple[int, int, int], drums: bool = False, end: int | None = None) -> Score:
    score = Score(480)
    track = Track("", 0, drums)
    for onset, length, pitch in notes:
        track.notes.append(Note(onset, length, pitch, 80))
    score.tracks.append(track)
    if end is not None:
        score.markers.append(TextMeta(end, "end"))
    return score


def rgb(color: str) -> Pixels:
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])


def pixels(png: bytes) -> Pixels:
    from matplotlib.image import imread

    return np.round(imread(io.BytesIO(png), format="png")[:, :, :3] * 255).astype(np.int64)  # [H, W, 3]


def inside(png: bytes) -> Pixels:
    """What the thin frame around the cells holds, [88 * cell, frames * cell, 3]."""
    picture = pixels(png)
    edge = (picture == rgb(EDGE)).all(2)
    rows = np.flatnonzero(edge.sum(1) > picture.shape[1] / 2)
    columns = np.flatnonzero(edge.sum(0) > picture.shape[0] / 2)
    return picture[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]]


def cells(png: bytes) -> npt.NDArray[np.bool_]:
    """[frames, 88] which cells are dark, the lowest key first; each must be of one colour, but for the thin rules."""
    picture = inside(png)
    size, rest = divmod(len(picture), 88)
    assert rest == 0 and picture.shape[1] % size == 0
    dark = (picture == rgb(CELL)).all(2)
    known = dark | (picture == rgb(GROUND)).all(2) | (picture == rgb(RULE)).all(2)
    assert known.all()  # nothing is blurred
    blocks = dark.reshape(88, size, -1, size)
    assert (blocks.all((1, 3)) == blocks.any((1, 3))).all()
    return blocks.all((1, 3))[::-1].T


def test_each_cell_is_dark_where_its_key_sounds() -> None:
    rng = np.random.default_rng(0)
    for frames, density in [(170, 0.1), (300, 0.03)]:
        sounding = rng.random((frames, 88)) < density
        sounding[0, 0] = sounding[-1, 87] = True
        score = score_of(*((int(t) * 240, 240, 21 + int(key)) for t, key in np.argwhere(sounding)))
        assert np.array_equal(cells(matrix(score, About("Title", {"seed": "1"}))), sounding)


def test_a_long_note_is_dark_in_all_its_frames_and_the_rest_is_not() -> None:
    found = cells(matrix(score_of((0, 480, 60), (480, 1440, 64))))
    assert np.argwhere(found).tolist() == [[0, 39], [1, 43], [2, 43], [3, 43]]


def test_only_the_first_300_frames_are_shown() -> None:
    png = matrix(score_of((0, 480, 60), (298 * 480, 9600, 62), (400 * 480, 480, 64)))
    found = cells(png)
    assert found.shape == (300, 88) and np.argwhere(found).tolist() == [[0, 39], [298, 41], [299, 41]]
    assert (pixels(png) == rgb(CELL)).all(2).sum() == 3 * 4 * 4  # nothing is drawn beside them


def test_a_frame_is_the_longest_that_all_notes_lie_on() -> None:
    def ticks(*found: int) -> Fraction:
        return frame_ticks(Score(480), np.array(found, np.int64))

    assert ticks(0, 480, 960) == 480 and ticks(0, 480, 720) == 240 and ticks(0, 160, 240) == 80
    assert ticks(0, 481) == 481 and ticks(0, 480, 481) == 20 and ticks() == 20
    assert frame_ticks(Score(100), np.array([0, 1])) == Fraction(25, 6)  # a 24th of a quarter of 100 ticks


def test_what_is_off_the_grid_lies_in_the_nearest_frames_and_shows() -> None:
    # Frames of 20 ticks: 29 is the nearest to frame 1, 31 to 2; a note of a tick has a frame.
    found = cells(matrix(score_of((29, 31, 60), (31, 1, 62), (69, 31, 64))))
    assert np.argwhere(found).tolist() == [[1, 39], [2, 39], [2, 41], [3, 43], [4, 43]]


def said(monkeypatch: pytest.MonkeyPatch, score: Score, about: About | None = None) -> list[str]:
    written: list[str] = []
    draw = canvas.Canvas.text
    monkeypatch.setattr(
        canvas.Canvas, "text", lambda s, x, y, text, *a, **k: (written.append(text), draw(s, x, y, text, *a, **k))
    )
    matrix(score, about)
    return written


def test_it_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    score = score_of((0, 240, 60), (400 * 240, 240, 20), (0, 240, 109), end=500 * 240)
    kit = Track("", 0, True)
    kit.notes.append(Note(0, 100, 36, 80))
    score.tracks.append(kit)
    lines = said(monkeypatch, score, About("A title", {"seed": "7"}))
    assert (lines[0], lines[2]) == ("A title", "seed: 7")
    assert lines[1].split("  ·  ") == [
        "88 keys × 300 of 500 frames",
        "a frame is 1/2 quarter or 0.25 s",
        "left out: 3 drums or notes beyond the keys",
    ]
    assert set(lines[3:]) == {*(f"C{octave}" for octave in range(1, 9)), *(str(n) for n in range(0, 301, 50))}


def test_a_score_without_notes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, Score(480))[0] == "88 keys × 0 frames  ·  no notes"
    assert not cells(matrix(score_of((0, 480, 60), drums=True))).any()


def test_the_double_suffix_is_a_matrix_and_the_single_one_a_piano_roll(tmp_path: Path) -> None:
    for name in ("x.matrix.png", "x.1.Matrix.PNG"):
        assert renderer_for(tmp_path / name) is RENDERERS[".matrix.png"]
    for name in ("x.png", "matrix.png", "x.matrix.b.png", "x.other.png"):
        assert renderer_for(tmp_path / name) is RENDERERS[".png"]
    with pytest.raises(UsageError, match=r"a matrix holds music.*\.txt"):
        RENDERERS[".matrix.png"].write("words", tmp_path / "x.matrix.png", About())


def test_the_same_bytes_each_time() -> None:
    score = score_of((0, 480, 60), (480, 960, 72))
    assert matrix(score, About("Title")) == matrix(score.copy(), About("Title")) != matrix(score, About("Another"))
