"""Piano rolls against frames written out by hand: what sounds where, what is lost, and that it comes back."""

import json
import tracemalloc

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TextMeta, Track

from erato.errors import UsageError
from erato.reading import midi
from erato.reading.base import Limits
from erato.renderers.midi import midi_bytes
from erato.representations import PianorollConfig
from erato.score import seconds

LOWEST = 21
THREE = {"lowest": 60, "keys": 3}  # small enough to write out


def score_of(*notes, mspq=300_000, end=None):
    """A track of notes (frame, frames, pitch[, velocity]) at 480 ticks a frame; as `.mat` files are read."""
    score = Score(480)
    score.tempos.append(Tempo(0, mspq=mspq))
    track = Track("", 0, False)
    for onset, length, pitch, *velocity in notes:
        track.notes.append(Note(round(onset * 480), round(length * 480), pitch, *(velocity or [80])))
    score.tracks.append(track)
    if end is not None:
        score.markers.append(TextMeta(round(end * 480), "end"))
    return score


def roll(**settings):
    return PianorollConfig(**settings).restore(
        {
            "representation": "pianoroll",
            "step_s": 0.3,
            "step_beats": None,
            "onsets": False,
            "lowest": LOWEST,
            "keys": 88,
            **{name: value for name, value in settings.items() if name not in ("write_step_s", "tempo")},
        }
    )


def notes_of(score):
    """(onset, end, pitch, velocity) in quarters."""
    (track,) = score.tracks
    tpq = score.ticks_per_quarter
    return [(n.time / tpq, (n.time + n.duration) / tpq, n.pitch, n.velocity) for n in track.notes]


def rows(array):
    return ["".join("01"[cell] for cell in frame) for frame in array]


def test_each_key_sounds_from_its_onset_to_its_end():
    encoded = roll(**THREE).encode(score_of((0, 2, 60), (1, 2, 62), (4, 1, 61)))
    assert rows(encoded.array) == ["100", "101", "001", "000", "010"]
    assert encoded.array.dtype == np.int8 and encoded.array.flags.c_contiguous and encoded.lost == {}


def test_all_88_keys_have_their_column():
    array = roll().encode(score_of((0, 1, 21), (1, 1, 60), (2, 1, 108))).array
    assert array.shape == (3, 88) and np.argwhere(array).tolist() == [[0, 0], [1, 39], [2, 87]]


def test_times_go_to_the_nearest_frame_through_every_tempo():
    # Two quarters of 0.5 s, then 0.25 s a quarter. Onset at 1.25 s, end at 2 s: frames 4.17 and 6.67.
    score = score_of((3, 3, 60), mspq=500_000)
    score.tempos.append(Tempo(960, mspq=250_000))
    assert rows(roll(**THREE).encode(score).array) == ["000"] * 4 + ["100"] * 3
    # At 0.1 s: 12.5, of which the half goes up, and 20.
    assert rows(roll(step_s=0.1, **THREE).encode(score).array) == ["000"] * 13 + ["100"] * 7


def test_times_do_not_drift_over_hours():
    # A second a quarter, a frame a quarter of a second: quarter 72,000 (20 h) is frame 288,000.
    score = score_of((72_000, 1, 60), mspq=1_000_000)
    array = roll(step_s=0.25, **THREE).encode(score).array
    assert np.flatnonzero(array[:, 0]).tolist() == [288_000, 288_001, 288_002, 288_003] and len(array) == 288_004
    # What is no whole number of microseconds is one, in both directions.
    third = roll(step_s=1 / 3, **THREE)
    frames = np.zeros((1_000_000, 3), np.int8)
    frames[[0, 500_000, 999_999], 1] = 1
    assert np.array_equal(third.encode(third.decode(frames)).array, frames)


def test_twenty_hours_take_little_memory():
    score = score_of(*((frame, 40, 21 + frame // 40 % 88) for frame in range(0, 240_000, 40)))
    representation = roll()
    tracemalloc.start()
    array = representation.encode(score).array
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert array.nbytes == 240_000 * 88 and array.sum() == 240_000
    assert peak < 4 * array.nbytes


def test_quarters_do_not_depend_on_the_tempo():
    for mspq in (200_000, 1_000_000):
        score = score_of((0, 0.5, 60), (1.5, 0.25, 61), mspq=mspq)
        score.tempos.append(Tempo(480, mspq=123_456))
        encoded = roll(step_beats=0.25, **THREE).encode(score)
        assert rows(encoded.array) == ["100"] * 2 + ["000"] * 4 + ["010"]
        assert encoded.lost == {"tempos": 2}
    thirds = roll(step_beats=1 / 3, **THREE)
    score = score_of((1 / 3, 1 / 3, 60), (10_000 + 2 / 3, 1 / 3, 62))
    assert np.argwhere(thirds.encode(score).array).tolist() == [[1, 0], [30_002, 2]]
    score.ticks_per_quarter = 960  # each time is half as many quarters: 1/6 (half a frame goes up) to 1/3, ...
    assert np.argwhere(thirds.encode(score).array).tolist() == [[1, 0], [15_001, 2]]


def test_a_repeated_note_is_joined_or_with_onsets_struck_again():
    score = score_of((0, 1, 60), (1, 2, 60), (0, 3, 61))
    joined = roll(**THREE).encode(score)
    assert rows(joined.array) == ["110"] * 3 and joined.lost == {"repeated notes joined": 1}
    onsets = roll(onsets=True, **THREE)
    told = onsets.encode(score)
    assert rows(told.array) == ["110000", "100010", "000110"] and told.lost == {}
    assert notes_of(onsets.decode(told.array)) == [(0, 1, 60, 80), (0, 3, 61, 80), (1, 3, 60, 80)]


def test_notes_of_one_key_that_overlap_sound_until_the_last_ends():
    score = score_of((0, 5, 60), (1, 1, 60), (1, 2, 60), (6, 1, 60))
    encoded = roll(**THREE).encode(score)
    assert rows(encoded.array) == ["100"] * 5 + ["000", "100"]
    assert encoded.lost == {"overlapping notes": 1, "duplicate notes": 1}
    told = roll(onsets=True, **THREE).encode(score)
    assert rows(told.array) == ["100000", "100000", *["000100"] * 3, "000000", "100000"]
    assert told.lost == encoded.lost


def test_hundreds_of_voices_on_one_key_are_still_ones():
    encoded = roll(**THREE).encode(score_of(*[(0, 2, 61)] * 300))
    assert rows(encoded.array) == ["010"] * 2 and encoded.lost == {"duplicate notes": 299}


def test_neighbouring_keys_do_not_touch():
    """The last frame of a key and the first of the next are not joined."""
    encoded = roll(**THREE).encode(score_of((2, 1, 60), (0, 1, 61), (2, 1, 61), (0, 1, 62)))
    assert rows(encoded.array) == ["011", "000", "110"] and encoded.lost == {}


def test_a_note_has_one_frame_at_least():
    # 0.2 to 0.49 (no frame), no length at 2, 3.3 to 3.7 (frame 3), 4.6 to 4.8 (no frame; the piece ends there).
    encoded = roll(**THREE).encode(score_of((0.2, 0.29, 60), (2, 0, 61), (3.3, 0.4, 62), (4.6, 0.2, 60)))
    assert rows(encoded.array) == ["100", "000", "010", "001", "000", "100"]
    assert encoded.lost == {"short notes": 3}


def test_what_begins_before_the_start_begins_with_it():
    assert rows(roll(**THREE).encode(score_of((-1, 2, 61), (0, 1, 62))).array) == ["011"]


def test_what_frames_do_not_hold_is_counted():
    score = score_of((0, 1, 59, 70), (0, 1, 63), (0, 1, 60, 70), (1, 1, 61, 80))
    bass, drums = Track("", 33, False), Track("", 0, True)
    bass.notes.append(Note(0, 480, 62, 90))
    drums.notes.extend([Note(0, 480, 60, 80), Note(480, 480, 61, 80), Note(960, 480, 61, 80)])
    score.tracks.extend([bass, drums])
    score.markers.append(TextMeta(0, "fermata"))
    encoded = roll(**THREE).encode(score)
    assert rows(encoded.array) == ["101", "010", "000"]  # as long as its drums
    assert encoded.lost == {
        "notes outside the keys": 2,
        "velocities": 2,
        "drum notes": 3,
        "tracks": 1,
        "programs": 1,
        "markers": 1,
    }
    assert roll(step_s=0.25, **THREE).encode(score).lost["tempos"] == 1


def test_silence_at_the_end_comes_back():
    representation = roll(**THREE)
    for notes, end, expected in [
        ([(1, 1, 60)], 4, ["000", "100", "000", "000"]),
        ([(0, 1, 60)], 1, ["100"]),
        ([(0, 3, 60)], 1, ["100"] * 3),
        ([], 2, ["000"] * 2),
        ([], None, []),
    ]:
        array = representation.encode(score_of(*notes, end=end)).array
        assert rows(array) == expected and array.shape == (len(expected), 3)
        score = representation.decode(array)
        assert np.array_equal(representation.encode(score).array, array)
        assert [(m.text, m.time // 480) for m in score.markers] == ([("end", end)] if expected[-1:] == ["000"] else [])


def test_a_score_comes_back_as_it_was():
    score = score_of((0, 2, 60), (1, 3, 72), (2, 1, 64), (6, 1, 60), end=9)
    assert roll().decode(roll().encode(score).array) == score


@pytest.mark.parametrize(
    "settings",
    [{}, {"onsets": True}, {"step_beats": 0.25}, {"step_beats": 1 / 3, "onsets": True}, {"lowest": 0, "keys": 128}],
    ids=str,
)
def test_any_frames_come_back(settings):
    rng = np.random.default_rng(0)
    representation = roll(**settings)
    for density in (0.02, 0.3, 0.9):
        sounding = rng.random((200, representation.config.keys)) < density
        array = sounding.astype(np.int8)
        if representation.config.onsets:
            begins = sounding.copy()
            begins[1:] &= ~sounding[:-1]
            struck = begins | sounding & (rng.random(sounding.shape) < 0.3)
            array = np.concatenate([struck, sounding & ~struck], 1).astype(np.int8)
        encoded = representation.encode(representation.decode(array))
        assert np.array_equal(encoded.array, array)
        assert set(encoded.lost) <= {"repeated notes joined"} and not encoded.lost


@pytest.mark.parametrize(
    "settings", [{}, {"step_s": 0.001}, {"step_s": 16.0}, {"step_s": 1 / 3}, {"step_beats": 0.25}], ids=str
)
def test_frames_come_back_through_a_midi_file(settings):
    array = (np.random.default_rng(0).random((300, 88)) < 0.1).astype(np.int8)
    array[-3:] = 0  # it ends in silence
    representation = roll(**settings)
    reading = midi.read(midi_bytes(representation.decode(array)), "x.mid", Limits())
    assert np.array_equal(representation.encode(reading.pieces[0].piece).array, array)


def test_a_key_held_over_from_nothing_is_struck():
    representation = roll(onsets=True, **THREE)
    array = np.array([[0, 0, 0, 1, 0, 0], [0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1]], np.int8)
    assert notes_of(representation.decode(array)) == [(0, 2, 60, 80), (1, 3, 61, 80), (2, 3, 62, 80)]


def test_the_pace_of_writing_is_not_that_of_reading():
    representation = roll(**THREE)
    array = representation.encode(score_of((0, 2, 60), (3, 1, 62))).array
    for step in (0.2, 0.001, 16.0):
        paced = representation.paced(step)
        score = paced.decode(array)
        assert notes_of(score) == [(0, 2, 60, 80), (3, 4, 62, 80)] and score.tempos[0].mspq == step * 1e6
        assert seconds(score) == pytest.approx(4 * step)
        assert paced.units(array) == representation.units(array) == {"frames": 4, "notes": 2, "seconds": 1.2}
        assert np.array_equal(paced.encode(score_of((0, 2, 60), (3, 1, 62))).array, array)
        cursor = paced.cursor(1)
        for frame in array:
            cursor.push(frame[None])
        assert cursor.seconds.tolist() == pytest.approx([3 * step])  # the fourth frame begins there
    assert seconds(representation.decode(array)) == pytest.approx(1.2)
    assert seconds(roll(write_step_s=0.2, **THREE).decode(array)) == pytest.approx(0.8)
    with pytest.raises(UsageError, match=r"write_step_s must be from .* got 20"):
        representation.paced(20)
    with pytest.raises(UsageError, match=r"frames of 0\.25 quarters.*0\.2 s"):
        roll(step_beats=0.25).paced(0.2)


def test_quarters_are_written_at_the_tempo_of_the_recipe():
    representation = roll(step_beats=0.5, tempo=90.0, **THREE)
    array = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0]], np.int8)
    score = representation.decode(array)
    assert notes_of(score) == [(0, 1, 60, 80), (0.5, 1, 62, 80)]
    assert seconds(score) == pytest.approx(1)  # a quarter and a half at 90 a minute
    assert representation.units(array) == pytest.approx({"frames": 3, "notes": 2, "seconds": 1}, abs=1e-5)


def test_units_count_each_note_once():
    array = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1], [1, 0, 0]], np.int8)
    assert roll(**THREE).units(array) == {"frames": 4, "notes": 3, "seconds": 1.2}
    told = np.array([[1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1]], np.int8)
    assert roll(onsets=True, **THREE).units(told)["notes"] == 3
    assert roll(**THREE).units(array[:0]) == {"frames": 0, "notes": 0, "seconds": 0}


def test_transposing_moves_every_key_and_refuses_what_would_leave():
    plain, told = roll(**THREE), roll(onsets=True, **THREE)
    assert rows(plain.transposed(np.array([[1, 0, 0], [0, 1, 0]], np.int8), 1)) == ["010", "001"]
    assert rows(plain.transposed(np.array([[0, 0, 1]], np.int8), -2)) == ["100"]
    assert rows(told.transposed(np.array([[1, 0, 0, 0, 1, 0]], np.int8), 1)) == ["010001"]
    for semitones, row in [(1, [0, 0, 0, 0, 0, 1]), (-1, [0, 1, 0, 1, 0, 0]), (3, [1, 0, 0, 0, 0, 0]), (-40, [1] * 6)]:
        assert told.transposed(np.array([row], np.int8), semitones) is None
    assert rows(plain.transposed(np.zeros((2, 3), np.int8), 40)) == ["000"] * 2


def test_stretching_takes_the_nearest_frames():
    frames = np.eye(10, 88, dtype=np.int8)
    for factor, length in [(1.1, 11), (0.9, 9), (1.5, 15), (2 / 3, 7)]:
        found = roll().stretched(frames, factor)
        assert len(found) == length
        away = np.abs(np.arange(10)[:, None] + 0.5 - (np.arange(length) + 0.5) / factor)  # of the middles of frames
        assert (away[found.argmax(1), np.arange(length)] <= away.min(0) + 1e-9).all() and (found.sum(1) == 1).all()
    assert roll().stretched(frames, 1) is frames
    assert roll(step_beats=0.25).stretched(frames, 1.1) is None
    assert len(roll().stretched(frames[:0], 1.1)) == 0 and len(roll().stretched(frames[:1], 0.3)) == 1


def test_stretching_strikes_each_note_once():
    told = roll(onsets=True, **THREE)
    # Twice as long: a note of one frame, one that is struck again at once, and one held from before the slice.
    slow = told.stretched(np.array([[1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]], np.int8), 2)
    assert rows(slow) == ["100001", "000101", "100001", "000101", "000100", "000100"]
    # Half as long keeps frames 1 and 3: a note whose first frame falls out is struck where it is left.
    fast = told.stretched(np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 1, 0, 1, 0, 0], [0] * 6], np.int8), 0.5)
    assert rows(fast) == ["100000", "000000"]
    rng = np.random.default_rng(0)
    score = score_of(*((int(t), 3, 60 + i % 3) for i, t in enumerate(np.cumsum(rng.integers(1, 4, 100)))))
    array = told.encode(score).array
    for factor in (1.2, 1.7, 0.85):  # no note is so short that it falls out
        found = told.stretched(array, factor)
        assert told.space.holds(found).all() and told.units(found)["notes"] == 100 == found[:, :3].sum()
        assert np.array_equal(told.encode(told.decode(found)).array, found)


def test_a_window_begins_by_striking_what_sounds():
    told = roll(onsets=True, **THREE)
    array = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 0]], np.int8)
    before = array.copy()
    assert rows(told.window(array, 1, 2)) == ["110000", "000110"]
    assert np.array_equal(array, before)
    assert rows(roll(**THREE).window(array[:, :3], 1, 1)) == ["010"]
    assert len(told.window(array, 3, 2)) == 0


@pytest.mark.parametrize(
    "settings", [{}, {"step_s": 10.0}, {"step_s": 0.01, "onsets": True}, {"step_beats": 4.0}], ids=str
)
def test_a_piece_may_begin_with_one_frame_of_silence_or_of_one_key(settings):
    representation = roll(**settings, **THREE)
    silence, key = representation.opening(None), representation.opening(61)
    assert len(silence) == len(key) == 1 and not silence.any() and np.flatnonzero(key[0]).tolist() == [1]
    assert [pitch for _, _, pitch, _ in notes_of(representation.decode(key))] == [61]
    with pytest.raises(UsageError, match="pitches 60 to 62, got 63"):
        representation.opening(63)


def test_a_cursor_lets_a_key_be_held_only_where_it_sounded():
    assert roll().cursor(2).allowed() is None
    cursor = roll(onsets=True, **THREE).cursor(2)
    assert cursor.allowed().astype(int).tolist() == [[1, 1, 1, 0, 0, 0]] * 2
    cursor.push(np.array([[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], np.int8))
    cursor.push(np.array([[0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0]], np.int8))
    assert cursor.allowed()[:, 3:].astype(int).tolist() == [[1, 0, 1], [0, 1, 0]]
    swapped = cursor.take([1, 0])
    assert swapped.allowed()[:, 3:].astype(int).tolist() == [[0, 1, 0], [1, 0, 1]]
    assert swapped.seconds.tolist() == [0.3, 0.3] and swapped.bars is None and not swapped.done.any()


@pytest.mark.parametrize("step_s", [0.3, 0.1, 0.02, 1 / 3])
def test_a_cursor_reaches_a_time_with_the_first_frame_that_begins_there(step_s):
    cursor = roll(step_s=step_s, **THREE).cursor(1)
    frames = round(30 / step_s)
    for _ in range(frames):
        cursor.push(np.zeros((1, 3), np.int8))
    assert cursor.seconds[0] < 29.999
    cursor.push(np.zeros((1, 3), np.int8))
    assert cursor.seconds[0] == round(step_s * 1e6) * frames / 1e6


def test_keys_are_called_what_music21_calls_them():
    names = roll().names()
    assert (names[0], names[1], names[39], names[87]) == ("A0", "B-0", "C4", "C8") and len(names) == 88
    assert roll(onsets=True, **THREE).names() == ["C4", "C#4", "D4", "held C4", "held C#4", "held D4"]


@pytest.mark.parametrize(
    "frames",
    [
        np.full((2, 3), np.nan),
        np.array([[0, 0, -1]]),
        np.array([[0, 0, 2]]),
        np.array([[0, 0.5, 0]]),
        np.zeros((2, 4)),
        np.zeros(3),
        np.zeros((2, 3, 1)),
        np.array(5),
    ],
    ids=str,
)
def test_what_is_no_roll_is_refused(frames):
    with pytest.raises(UsageError, match=r"rows of 3 zeros and ones.*\.$"):
        roll(**THREE).decode(frames)


def test_what_is_too_long_is_refused():
    with pytest.raises(UsageError, match=r"has 3,000,000 frames.*longer step\.$"):
        roll(step_s=0.001, **THREE).encode(score_of((0, 10_000, 60)))
    with pytest.raises(UsageError, match=r"at most .* got 139,811: decode fewer\.$"):
        roll(step_beats=16.0, **THREE).decode(np.zeros((139_811, 3), np.int8))


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(UsageError, match=r"pitches 60 to 62.*choose tracks"):
        PianorollConfig(**THREE).fit([score_of((0, 1, 50))])
    with pytest.raises(UsageError, match="holds music, got a text"):
        PianorollConfig().fit(["words"])
    assert PianorollConfig(**THREE).fit([score_of(), score_of((0, 1, 61))]).space.keys == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"step_s": 0}, r"step_s must be from 0\.001 to 16 seconds, got 0"),
        ({"step_s": float("nan")}, "step_s .* got nan"),
        ({"write_step_s": 17.0}, "write_step_s .* got 17"),
        ({"step_beats": 0.0}, "step_beats .* got 0"),
        ({"step_beats": 0.3334}, r"whole number of 1/480 quarters.* got 0\.3334"),
        ({"step_beats": float("nan")}, "step_beats .* got nan"),
        ({"step_beats": 0.25, "write_step_s": 0.2}, "set tempo"),
        ({"keys": 0}, "keys must be from 1 to 128, got 0"),
        ({"lowest": 41}, "lowest must be from 0 to 40 for 88 keys, got 41"),
        ({"lowest": -1}, "lowest .* got -1"),
        ({"tempo": 5.0}, "tempo .* got 5"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        PianorollConfig(**settings)


def test_a_state_belongs_to_what_was_read_not_to_what_is_written():
    state = json.loads(json.dumps(roll(step_s=0.2, onsets=True, write_step_s=0.1).state()))
    assert PianorollConfig(step_s=0.2, onsets=True, write_step_s=0.4).restore(state).write_step_s == 0.4
    with pytest.raises(UsageError, match=r"made with step_s=0\.2, the recipe says 0\.3"):
        PianorollConfig(onsets=True).restore(state)
