"""Piano rolls: the right size, every note in its colour where it belongs, the same bytes each time."""

import io
import struct
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from symusic import Note, Score, TimeSignature, Track

from erato.errors import UsageError
from erato.renderers import RENDERERS, About
from erato.renderers.pianoroll import COLORS, MAX_ROWS, Lanes, hidden_tracks, piano_roll, rows_of

Pixels = npt.NDArray[np.int64]
DPI = 120


def pixels(png: bytes) -> Pixels:
    from matplotlib.image import imread

    return np.round(imread(io.BytesIO(png), format="png")[:, :, :3] * 255).astype(np.int64)  # [H, W, 3]


def rgb(color: str) -> Pixels:
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)])


def like(picture: Pixels, color: str) -> npt.NDArray[np.bool_]:
    return (np.abs(picture - rgb(color)) <= 3).all(axis=2)


def places(picture: Pixels, color: str) -> tuple[Pixels, Pixels]:
    """Rows and columns of the notes of a colour: below the legend, whose swatches have it too."""
    rows, columns = np.nonzero(like(picture, color))
    below = rows > 1.4 * DPI
    return rows[below], columns[below]


def score_of(*tracks: list[tuple[int, int, int, int]], drums: bool = False) -> Score:
    score = Score(480)
    for index, notes in enumerate(tracks):
        made = Track(f"Voice {index + 1}", index, drums)
        for note in notes:
            made.notes.append(Note(*note))
        score.tracks.append(made)
    return score


def test_each_track_has_its_colour_at_its_place() -> None:
    # Bar 1 of 4/4: the first voice C5 in the first half, the second C4 in the second half, full loudness.
    picture = pixels(piano_roll(score_of([(0, 960, 72, 127)], [(960, 960, 60, 127)]), About("Title")))
    (high, left), (low, right) = places(picture, COLORS[0]), places(picture, COLORS[1])
    assert len(high) > 500 and len(low) > 500
    assert high.max() < low.min()
    assert left.max() <= right.min()
    assert abs((left.max() - left.min()) - (right.max() - right.min())) <= 3  # they last equally long
    lane = Lanes(score_of([(0, 960, 72, 127)], [(960, 960, 60, 127)])).lane
    assert (low.mean() - high.mean()) == pytest.approx(12 * lane * DPI, abs=2)  # an octave apart


def test_softer_is_lighter() -> None:
    picture = pixels(piano_roll(score_of([(0, 960, 60, 127), (960, 960, 60, 20)])))
    loud, full = places(picture, COLORS[0])
    other = picture[int(loud.mean()), int(full.max() + (full.max() - full.min()) * 0.5)]
    assert other.sum() > rgb(COLORS[0]).sum() + 150
    assert other[2] > other[0] + 40  # and still blue


def test_repeated_notes_are_told_apart_by_their_edges() -> None:
    whole = pixels(piano_roll(score_of([(0, 1920, 60, 127)])))
    four = pixels(piano_roll(score_of([(at, 480, 60, 127) for at in range(0, 1920, 480)])))
    row = int(places(whole, COLORS[0])[0].mean())

    def runs(picture: Pixels) -> int:
        line = like(picture, COLORS[0])[row]
        return int((line[1:] & ~line[:-1]).sum())

    assert (runs(whole), runs(four)) == (1, 4)


def test_voices_in_unison_both_show() -> None:
    picture = pixels(piano_roll(score_of([(0, 1920, 60, 127)], [(0, 1920, 60, 127)])))
    assert len(places(picture, COLORS[0])[0]) > 300
    assert len(places(picture, COLORS[1])[0]) > 100


def test_hidden_tracks_counts_later_tracks_that_sound_the_same_key_meanwhile() -> None:
    score = score_of(
        [(0, 10, 60, 64), (10, 10, 60, 64), (0, 10, 61, 64)],
        [(5, 5, 60, 64), (0, 3, 62, 64)],
        [(0, 100, 60, 64)],
    )
    assert [counts.tolist() for counts in hidden_tracks(score.tracks)] == [[2, 1, 0], [1, 0], [0]]


def test_rows_hold_whole_bars_and_count_a_pickup_as_bar_0() -> None:
    score = score_of([(0, 480 * 4 * 20, 60, 64)])
    assert [(row.number, len(row.bars)) for row in rows_of(score)] == [(1, 8), (9, 8), (17, 4)]
    score.time_signatures.append(TimeSignature(0, 1, 4))
    score.time_signatures.append(TimeSignature(480, 4, 4))
    assert [(row.number, len(row.bars)) for row in rows_of(score)] == [(0, 9), (9, 8), (17, 4)]


def test_a_note_over_the_end_of_a_row_goes_on_in_the_next() -> None:
    picture = pixels(piano_roll(score_of([(480 * 4 * 7, 480 * 8, 60, 127)])))
    rows, columns = places(picture, COLORS[0])
    first, second = columns[rows < rows.mean()], columns[rows > rows.mean()]
    assert np.ptp(rows) > 1 * DPI
    assert first.max() - first.min() == pytest.approx(second.max() - second.min(), abs=3)
    assert first.min() > second.max()


def test_drums_have_lanes_of_their_own_below() -> None:
    score = score_of([(0, 480, 40, 127)])
    kit = Track("Kit", 0, True)
    kit.notes.append(Note(0, 480, 81, 127))
    score.tracks.append(kit)
    picture = pixels(piano_roll(score))
    assert places(picture, COLORS[0])[0].max() < places(picture, COLORS[1])[0].min()
    assert Lanes(score).drums == [81] and 81 not in Lanes(score).keys


def test_only_the_keys_used_are_shown_within_the_range_of_midi() -> None:
    keys = Lanes(score_of([(0, 480, 40, 64), (0, 480, 80, 64)])).keys
    assert (keys[0], keys[-1]) == (38, 82)
    assert Lanes(score_of([(0, 480, 127, 64)])).keys[-1] == 127
    assert Lanes(score_of([(0, 480, 0, 64)])).keys[0] == 0
    everything = Lanes(score_of([(0, 480, 0, 64), (0, 480, 127, 64)]))
    assert len(everything.keys) == 128 and everything.height < 5


def test_a_very_long_piece_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from erato.renderers import canvas

    written: list[str] = []
    draw = canvas.Canvas.text
    monkeypatch.setattr(
        canvas.Canvas, "text", lambda s, x, y, text, *a, **k: (written.append(text), draw(s, x, y, text, *a, **k))
    )
    piano_roll(score_of([(480 * 4 * 299, 480, 60, 64)]))
    shown = 8 * MAX_ROWS
    assert any(
        "300 bars" in text and f"up to {shown} are" in text and f"{shown + 1} to 300" in text for text in written
    )
    assert str(shown) in written and str(shown + 1) not in written


def test_the_size_stays_within_reason() -> None:
    for score in (Score(480), score_of([(0, 480, 60, 64)]), score_of([(480 * 4000, 480, 60, 64)])):
        width, height = struct.unpack(">II", piano_roll(score)[16:24])
        assert 600 <= width <= 1700 and 200 <= height <= 9000


def test_an_empty_score_is_a_picture_that_says_so() -> None:
    picture = pixels(piano_roll(Score(480)))
    assert (picture.std(axis=(0, 1)) > 5).all()


def test_the_same_bytes_each_time_and_nothing_of_today_in_them() -> None:
    score = score_of([(0, 960, 72, 100)], [(960, 960, 60, 80)])
    first = piano_roll(score, About("Title", {"seed": "1"}))
    assert first == piano_roll(score.copy(), About("Title", {"seed": "1"}))
    assert b"tEXt" not in first and b"tIME" not in first and b"Matplotlib" not in first
    assert first != piano_roll(score, About("Title", {"seed": "2"}))


@pytest.mark.parametrize(
    "name", ["日本語 🎹", "שלום עולם", "مرحبا", "$x^{2$", "\x1b[31m\x00\n", "\u202eevil", "x" * 5000, "\ud800", ""]
)
def test_any_name_can_be_drawn(name: str) -> None:
    score = score_of([(0, 960, 72, 100)])
    score.tracks[0].name = "" if name == "\ud800" else name  # symusic holds no lone surrogates
    assert piano_roll(score, About(name, {name: name}))[:4] == b"\x89PNG"


def test_a_line_runs_from_left_to_right_also_where_a_word_in_it_does_not() -> None:
    from erato.renderers.canvas import Canvas

    canvas = Canvas(6)
    canvas.text(0.5, -0.5, "שלום ____", 20, "#000000")
    dark = pixels(canvas.png(1)).sum(axis=2) < 300
    base = round(0.5 * DPI)
    assert np.nonzero(dark[base + 2 :])[1].min() > np.nonzero(dark[:base])[1].max()  # the strokes follow the word


def test_many_tracks_and_facts_fit() -> None:
    score = score_of(*[[(0, 480, 30 + index, 64)] for index in range(60)])
    assert piano_roll(score, About("x", {f"fact {index}": "long " * 9 for index in range(50)}))


def test_ten_thousand_notes_are_drawn_in_a_moment() -> None:
    score = score_of([(index * 24, 48, 36 + index * 7 % 50, 64) for index in range(10_000)])
    begin = time.process_time()
    piano_roll(score)
    assert time.process_time() - begin < 10  # half a second; a drawing call a note would take a minute


def test_no_global_state_of_matplotlib_is_touched(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    RENDERERS[".png"].write(score_of([(0, 960, 72, 100)]), tmp_path / "x.png", About())
    assert dict(matplotlib.rcParams) == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_a_text_is_no_piano_roll(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt"):
        RENDERERS[".png"].write("words", tmp_path / "x.png", About())
