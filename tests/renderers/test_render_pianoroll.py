"""Piano rolls: the right size, every note in its colour where it belongs, the same bytes each time."""

import io
import re
import struct
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from defusedxml.ElementTree import fromstring
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.errors import UsageError
from erato.renderers import RENDERERS, About
from erato.renderers.palette import COLORS, NO_NUMBER, SCALE
from erato.renderers.pianoroll import piano_roll, picture, roll_svg
from erato.renderers.roll_heading import GIVEN_PAPER
from erato.renderers.roll_layout import Lanes, hidden_tracks, rows_of
from erato.renderers.roll_page import MAX_ROWS

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
    assert b"tIME" not in first and b"Matplotlib" not in first
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
    score = score_of([(index * 24, 48, 36 + index * 7 % 50, 1 + index % 127) for index in range(10_000)])
    begin = time.process_time()
    piano_roll(score)
    svg = roll_svg(score)
    assert time.process_time() - begin < 10  # half a second; a drawing call a note would take a minute
    assert len(svg) < 100 * 10_000


def test_no_global_state_of_matplotlib_is_touched(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    RENDERERS[".png"].write(score_of([(0, 960, 72, 100)]), tmp_path / "x.png", About())
    assert dict(matplotlib.rcParams) == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_an_hour_is_drawn_up_to_where_it_says_and_a_hundred_tracks_all_show() -> None:
    hour = score_of([(480 * beat, 480, 60 + beat % 12, 64) for beat in range(7200)])
    found = picture(hour)
    assert len(found.rows) == MAX_ROWS and found.height < 9000
    assert found.rows[-1].points[-1][0] == pytest.approx(MAX_ROWS * 32 * 0.5)  # eight bars at 120 quarters a minute
    many = roll_svg(score_of(*[[(480 * index, 480, 20 + index % 100, 64)] for index in range(100)]))
    assert "and 76 more tracks" in many


def test_a_picture_says_where_each_second_lies() -> None:
    score = score_of([(0, 480 * 4 * 9, 60, 127)])  # nine bars of 4/4 in two rows
    score.tempos.extend([Tempo(0, 120), Tempo(480 * 2, 60)])  # the second half of bar 1 is twice as slow
    found = picture(score)
    assert struct.unpack(">II", found.png[16:24]) == (found.width, found.height)
    first, second = found.rows
    seconds, x = zip(*first.points, strict=True)
    assert seconds == pytest.approx([0, 1, 3, 7, 11, 15, 19, 23, 27, 31])
    beat = (x[1] - x[0]) / 2
    assert np.diff(x) == pytest.approx([2 * beat, 2 * beat, *[4 * beat] * 7])
    assert second.points[0] == pytest.approx((31, x[0])) and second.points[-1][0] == pytest.approx(35)
    assert first.top < first.bottom < second.top < second.bottom < found.height
    # The note is drawn from the first second to the last.
    rows, columns = places(pixels(found.png), COLORS[0])
    above = columns[rows < first.bottom]
    assert (above.min(), above.max()) == pytest.approx((x[0], x[-1]), abs=3)
    assert rows.min() > first.top and rows.max() < second.bottom


def test_what_was_given_is_tinted_and_hatched_up_to_a_line_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    score = score_of([(480 * beat, 480, 60, 127) for beat in range(8)])
    found = picture(score, About(new_from=480 * 5))
    (row,) = found.rows
    (at,) = np.interp([2.5], *zip(*row.points, strict=True))  # five beats at 120 quarters a minute
    drawn = pixels(found.png)
    left, right = drawn[int(row.top) + 2 : int(row.bottom), : int(at) - 2], drawn[int(row.top) + 2 :, int(at) + 2 :]
    assert like(left, GIVEN_PAPER).sum() > 3000 and not like(right, GIVEN_PAPER).any()
    dark = drawn[int(row.top) + 5 : int(row.bottom) - 5, int(at) - 2 : int(at) + 2].sum(2).min(1) < 150
    assert dark.all()  # the line is as high as the row
    grey = drawn[int(row.bottom) + 1 : int(row.bottom) + 6].sum(2)  # the edge below the row, in black and white
    assert np.ptp(grey[:, 120 : int(at) - 5]) > 250 > 0 == np.ptp(grey[:, int(at) + 5 : int(row.points[-1][1])])
    svg = roll_svg(score, About(new_from=480 * 5))
    assert svg.count("composed from here") == 1 and ">given<" in svg
    for nothing in (None, 0):
        assert "composed from here" not in roll_svg(score, About(new_from=nothing))
        assert not like(pixels(piano_roll(score, About(new_from=nothing))), GIVEN_PAPER).any()
    whole = roll_svg(score, About(new_from=480 * 8))  # all of it was given
    assert "composed from here" not in whole and ">given<" in whole


def test_surprise_colours_each_note_and_says_what_the_colours_mean() -> None:
    score = score_of([(0, 480, 60, 127), (480, 480, 62, 127), (960, 480, 64, 127)], [(1440, 480, 72, 127)])
    nats = [np.array([0.0, 8.0, np.nan]), np.array([4.0])]
    svg = roll_svg(score, About(surprise=nats))
    fills = re.findall(r'<path fill="(#\w+)" d="M[^"]*"/>(?=\n</g>|\n<path fill="#\w+" d)', svg)
    assert {SCALE[0], SCALE[-1], SCALE[4], NO_NUMBER} <= set(fills)  # 0, 8 of 8, 4 of 8, and none
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"nats", "bits", "0", "2", "4", "6", "8", "10", "not known"} <= set(texts)  # 8 nats are 11.5 bits
    assert "Surprise of each note, on average 4.00 nats:" in texts
    assert any("darker is more surprising" in text for text in texts)
    drawn = pixels(piano_roll(score, About(surprise=nats)))
    assert all(len(places(drawn, color)[0]) > 100 for color in (SCALE[0], SCALE[-1], NO_NUMBER))
    assert not len(places(drawn, COLORS[1])[0])


@pytest.mark.parametrize("nats", [[], [np.nan], [0.0], [1e9], [0.001, 0.002]])
def test_any_surprise_can_be_drawn(nats: list[float]) -> None:
    score = score_of([(480 * index, 480, 60, 64) for index in range(len(nats))])
    assert piano_roll(score, About(surprise=[np.array(nats)]))
    assert "nats" in roll_svg(score, About(surprise=[np.array(nats)]))


def test_one_outlier_does_not_make_all_others_alike() -> None:
    nats = np.append(np.linspace(0, 4, 200), 500.0)
    score = score_of([(48 * index, 48, 60, 64) for index in range(201)])
    assert ">4+<" in roll_svg(score, About(surprise=[nats]))


def test_the_svg_is_the_same_drawing_and_its_text_is_text() -> None:
    score = score_of([(0, 960, 72, 127)], [(960, 960, 60, 127)])
    name = "</text><script>& 日本語\x00\x1b[31m\ufffe\ud800"
    score.tracks[0].name = "<b>&amp;</b>"
    svg = roll_svg(score, About(name, {name: name}))
    root = fromstring(svg)  # XML that can be read
    assert svg == roll_svg(score.copy(), About(name, {name: name}))
    found = picture(score, About(name, {name: name}))
    assert (root.get("width"), root.get("height")) == (str(found.width), str(found.height))
    texts = [element.text or "" for element in root.iterfind(".//{*}text")]
    assert any("<script>" in text and "日本語" in text for text in texts)
    assert any("<b>&amp;</b>" in text for text in texts)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "title", "desc", "g", "path", "text"}
    boxes = re.findall(rf'<path fill="{COLORS[0].lower()}" d="M(\S+) (\S+)h([^v]+)v([^h]+)h', svg)
    x, y, width, height = map(float, boxes[-1])  # the first is the legend's
    rows, columns = places(pixels(found.png), COLORS[0])
    assert (columns.min(), columns.max()) == pytest.approx((x, x + width), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((y, y + height), abs=2)


def test_a_text_is_no_piano_roll(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt"):
        RENDERERS[".png"].write("words", tmp_path / "x.png", About())
