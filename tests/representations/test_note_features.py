"""note_features: rows worked out by hand, exact round trips, and a count of all that is dropped."""

import numpy as np
import pytest
from symusic import ControlChange, Note, Score, Tempo, TextMeta, Track

from erato.errors import UsageError
from erato.renderers.midi import midi_bytes
from erato.representations import NoteFeaturesConfig


def score(*tracks, tempos=()):
    """Tracks of (time, duration, pitch, velocity) in milliseconds, at 120 quarters a minute."""
    made = Score(500)
    made.tempos.extend([Tempo(time, qpm) for time, qpm in tempos])
    for notes in tracks:
        track = Track("", 0, False)
        track.notes.extend([Note(*note) for note in notes])
        made.tracks.append(track)
    return made


def rows(representation, piece):
    return representation.encode(piece).array.tolist()


@pytest.fixture
def representation():
    return NoteFeaturesConfig().fit([])


def like(*found):
    return np.array(found, np.float32).tolist()


def random_piece(seed, notes=400):
    """Two hands that often strike one key, and sometimes one that still sounds."""
    rng = np.random.default_rng(seed)
    hands = [
        [
            (int(t), int(d), int(p), int(v))
            for t, d, p, v in zip(
                np.sort(rng.integers(0, 30_000, notes)),
                rng.integers(0, 900, notes),
                rng.integers(50, 70, notes),
                rng.integers(1, 128, notes),
                strict=True,
            )
        ]
        for _ in range(2)
    ]
    return score(*hands)


def test_notes_are_rows_by_onset_and_then_by_pitch(representation):
    right = [(1000, 500, 67, 80), (1000, 250, 64, 70), (1500, 130, 72, 100)]
    left = [(1000, 1500, 40, 60), (1250, 10, 47, 50)]
    assert rows(representation, score(right, left)) == like(
        [40, 1.0, 1.5, 60],  # the silence at the start is its step
        [64, 0, 0.25, 70],
        [67, 0, 0.5, 80],
        [47, 0.25, 0.01, 50],
        [72, 0.25, 0.13, 100],
    )


def test_times_follow_the_tempo(representation):
    piece = score([(0, 500, 60, 80), (500, 500, 62, 80), (1000, 500, 64, 80)], tempos=[(0, 120), (500, 60)])
    assert rows(representation, piece) == like([60, 0, 0.5, 80], [62, 0.5, 1, 80], [64, 1, 1, 80])


def test_rounding_does_not_add_up(representation):
    piece = Score(480)  # 160 ticks are a sixth of a second
    piece.tracks.append(Track("", 0, False))
    piece.tracks[0].notes.extend([Note(160 * n, 160, 60 + n % 12, 80) for n in range(3000)])
    array = representation.encode(piece).array
    counts = np.round(array[:, 1].astype(float) / 0.01)
    assert np.array_equal(np.cumsum(counts), np.floor(100 * np.arange(3000) / 6 + 0.5))
    assert array.dtype == np.float32
    assert np.array_equal(array[:, 1], (counts * 0.01).astype(np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_what_was_encoded_comes_back_bit_by_bit_and_from_a_midi_file(representation, seed):
    array = representation.encode(random_piece(seed)).array
    assert len(array) > 500 and representation.space.holds(array).all()
    again = representation.decode(array)
    assert np.array_equal(representation.encode(again).array, array)
    assert np.array_equal(representation.encode(Score.from_midi(midi_bytes(again))).array, array)


def test_a_key_that_sounds_is_not_struck_again(representation):
    piece = score([(0, 1000, 60, 80), (0, 400, 60, 90), (300, 900, 60, 70), (500, 100, 62, 60)])
    encoded = representation.encode(piece)
    assert encoded.array.tolist() == like([60, 0, 0.3, 80], [60, 0.3, 0.9, 70], [62, 0.2, 0.1, 60])
    assert encoded.lost == {"duplicate notes": 1, "overlapping notes": 1}


def test_a_key_that_was_drawn_twice_at_once_or_while_it_sounds_is_decoded_once_and_cut(representation):
    drawn = np.array([[60, 0, 1, 80], [60, 0, 0.5, 90], [60, 0.2, 1, 70]], np.float32)
    notes = [(n.time, n.duration, n.pitch, n.velocity) for n in representation.decode(drawn).tracks[0].notes]
    assert notes == [(0, 200, 60, 80), (200, 1000, 60, 70)]


def test_what_is_too_short_or_too_long_is_bent_and_counted(representation):
    day = 24 * 3600 * 1000
    encoded = representation.encode(score([(0, 0, 60, 80), (0, 4, 62, 80), (day, 25_000, 64, 80), (day, 5, 66, 80)]))
    assert encoded.array.tolist() == like([60, 0, 0.01, 80], [62, 0, 0.01, 80], [64, 20, 20, 80], [66, 0, 0.01, 80])
    assert encoded.lost == {"short notes": 2, "long notes": 1, "long silences": 1}


def test_all_that_no_row_holds_is_counted(representation):
    piece = score([(0, 100, 60, 80)], [(0, 100, 70, 80)], [(0, 100, 36, 80), (200, 100, 36, 80)], tempos=[(0, 90)])
    piece.tracks[1].program = 40
    piece.tracks[2].is_drum = True
    piece.tracks[0].controls.append(ControlChange(0, 64, 127))
    piece.markers.append(TextMeta(9000, "end"))
    lost = representation.encode(piece).lost
    assert lost == {"controls": 1, "silence at the end": 1, "tempos": 1, "tracks": 1, "programs": 1, "drum notes": 2}


def test_without_velocities(representation):
    plain = NoteFeaturesConfig(velocity=False).fit([])
    encoded = plain.encode(score([(0, 500, 60, 33), (500, 500, 62, 80)]))
    assert encoded.array.tolist() == like([60, 0, 0.5], [62, 0.5, 0.5])
    assert encoded.lost == {"velocities": 1}
    assert [n.velocity for n in plain.decode(encoded.array).tracks[0].notes] == [80, 80]
    assert plain.names() == ["pitch", "step", "duration"]


def test_it_is_written_to_the_millisecond_with_its_program():
    representation = NoteFeaturesConfig(resolution_s=0.005, program=40).fit([])
    made = representation.decode(np.array([[60, 0.005, 0.1, 80], [62, 0.35, 2, 90]], np.float32))
    assert [track.program for track in made.tracks] == [40]
    assert [(n.time, n.duration) for n in made.to("second").tracks[0].notes] == [
        (pytest.approx(0.005), pytest.approx(0.1)),
        (pytest.approx(0.355), pytest.approx(2.0)),
    ]


def test_nothing_is_an_empty_piece(representation):
    empty = representation.encode(score())
    assert empty.array.shape == (0, 4) and empty.lost == {}
    made = representation.decode(empty.array)
    assert representation.encode(made).array.shape == (0, 4)
    assert representation.units(empty.array) == {"notes": 0, "seconds": 0}


def test_transposing_stays_on_the_piano(representation):
    array = representation.encode(score([(0, 100, 25, 80), (0, 100, 105, 80)])).array
    assert representation.transposed(array, 3)[:, 0].tolist() == [28, 108]
    assert array[:, 0].tolist() == [25, 105]
    assert representation.transposed(array, 4) is None
    assert representation.transposed(array, -5) is None
    beyond = representation.encode(score([(0, 100, 5, 80), (0, 100, 105, 80)])).array
    assert representation.transposed(beyond, -5)[:, 0].tolist() == [0, 100]
    assert representation.transposed(beyond, -6) is None


def test_stretching_multiplies_times_without_drift(representation):
    array = representation.encode(score([(50 * n, 40, 60 + n % 2, 80) for n in range(1001)])).array
    longer = representation.stretched(array, 1.1)
    assert np.cumsum(longer[:, 1].astype(float))[-1] == pytest.approx(55.0)
    assert longer[:, 2] == pytest.approx(np.full(1001, 0.04))  # 44 ms
    assert np.array_equal(longer[:, [0, 3]], array[:, [0, 3]])
    assert np.array_equal(representation.stretched(array, 1), array)
    assert np.array_equal(representation.stretched(array, 2)[:, 1:3], 2 * array[:, 1:3])


@pytest.mark.parametrize("factor", [0.7, 0.93, 1.3])
def test_what_was_stretched_is_still_what_encode_writes(representation, factor):
    array = representation.encode(random_piece(7)).array
    stretched = representation.stretched(array, factor)
    assert len(stretched) == len(array)
    assert np.array_equal(stretched[:, 1] == 0, array[:, 1] == 0)  # chords stay chords, and nothing becomes one
    assert np.array_equal(representation.encode(representation.decode(stretched)).array, stretched)


def test_a_window_begins_at_once(representation):
    array = representation.encode(score([(1000 + 500 * n, 400, 60 + n, 80) for n in range(6)])).array
    window = representation.window(array, 2, 3)
    assert window.tolist() == like([62, 0, 0.4, 80], [63, 0.5, 0.4, 80], [64, 0.5, 0.4, 80])
    assert array[2, 1] == np.float32(0.5)


def test_the_cursor_counts_onsets_and_units_count_to_the_last_end(representation):
    array = representation.encode(score([(1000, 5000, 40, 80), (2500, 100, 60, 80)])).array
    cursor = representation.cursor(2)
    for note in array:
        cursor.push(np.stack((note, note * [1, 2, 1, 1])))
    assert cursor.seconds.tolist() == pytest.approx([2.5, 5.0])
    assert cursor.take([1, 1]).seconds.tolist() == pytest.approx([5.0, 5.0])
    assert cursor.bars is None and cursor.allowed() is None and not cursor.done.any()
    assert representation.units(array) == {"notes": 2, "seconds": pytest.approx(6.0)}


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01])
@pytest.mark.parametrize("column", [1, 2])
def test_times_that_are_none_are_refused(representation, value, column):
    array = representation.encode(score([(0, 100, 60, 80), (500, 100, 62, 80)])).array
    array[1, column] = value
    assert representation.space.holds(array).tolist() == [True, False]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resolution_s": 0.0}, "resolution_s must be 0.001 to 1"),
        ({"resolution_s": 0.0015}, "in whole milliseconds, got 0.0015"),
        ({"longest_s": 0.001}, "longest_s must be from resolution_s"),
        ({"program": 128}, "program must be from 0 to 127, got 128"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        NoteFeaturesConfig(**settings)


def test_text_is_refused(representation):
    with pytest.raises(UsageError, match="note_features holds music"):
        representation.encode("a text")
