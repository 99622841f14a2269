"""Key states against rows written out by hand: their order, their times, and the copies that are learnt of a piece."""

import json
from fractions import Fraction

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TextMeta, Track

from erato.errors import UsageError
from erato.reading import midi
from erato.reading.base import Limits
from erato.renderers.midi import midi_bytes
from erato.representations import Bits, Keystates, KeystatesConfig
from erato.representations.keystates import Stretched
from erato.score import seconds, seconds_at

STEP = 20  # ticks of a 48th of a second: 480 a quarter, 120 quarters a minute


def keystates(**settings):
    """Three keys, few enough to write out."""
    return Keystates(KeystatesConfig(**{"min_key_index": 60, "num_keys": 3} | settings))


def score_of(*notes, ticks=STEP, mspq=500_000, end=None):
    """A track of notes (onset, length, pitch), in units of `ticks`."""
    score = Score(480)
    score.tempos.append(Tempo(0, mspq=mspq))
    track = Track("", 0, False)
    for onset, length, pitch in notes:
        track.notes.append(Note(round(onset * ticks), round(length * ticks), pitch, 80))
    score.tracks.append(track)
    if end is not None:
        score.markers.append(TextMeta(round(end * ticks), "end"))
    return score


def bits(*steps):
    """The key states of steps written as "101"."""
    return np.array([int(key) for step in steps for key in step], np.int8)


def written(array, keys=3):
    assert len(array) % keys == 0
    return ["".join(map(str, step)) for step in np.asarray(array).reshape(-1, keys).tolist()]


def notes_of(score):
    """(onset, duration, pitch), in ticks."""
    (track,) = score.tracks
    assert score.ticks_per_quarter == 480
    return [(note.time, note.duration, note.pitch) for note in track.notes]


# --- there and back


def test_steps_stand_one_after_another_and_in_each_the_lowest_key_first():
    encoded = keystates().encode(score_of((0, 2, 60), (1, 2, 62), (4, 1, 61)))
    assert encoded.array.tolist() == [1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    assert encoded.array.dtype == np.int8 and encoded.lost == {}
    assert notes_of(keystates().decode(encoded.array)) == [(0, 40, 60), (20, 40, 62), (80, 20, 61)]


def test_there_are_72_keys_from_g1_on_and_notes_beside_them_are_counted():
    encoded = Keystates(KeystatesConfig()).encode(
        score_of((0, 1, 30), (0, 1, 31), (1, 1, 60), (2, 1, 102), (2, 1, 103), (0, 1, 21))
    )
    assert len(encoded.array) == 3 * 72
    assert np.flatnonzero(encoded.array).tolist() == [0, 72 + 29, 2 * 72 + 71]
    assert encoded.lost == {"notes outside the keys": 3}


def test_steps_are_seconds_through_every_tempo_or_quarters_whatever_the_tempo():
    # A quarter of half a second, then quarters of a quarter of a second; a note in the second and third quarter.
    score = score_of((1, 2, 61), ticks=480)
    score.tempos.append(Tempo(480, mspq=250_000))
    in_seconds, in_quarters = keystates().encode(score), keystates(steps_per_beat=24.0).encode(score)
    assert np.flatnonzero(in_seconds.array).tolist() == [3 * step + 1 for step in range(24, 48)]
    assert np.flatnonzero(in_quarters.array).tolist() == [3 * step + 1 for step in range(24, 72)]
    assert in_seconds.lost == in_quarters.lost == {"tempos": 1}
    four = keystates(steps_per_beat=4.0)
    assert written(four.encode(score_of((0, 0.25, 60), (0.5, 0.25, 62), ticks=480)).array) == ["100", "000", "001"]
    # Written at 120 quarters a minute.
    assert notes_of(four.decode(bits("100", "010"))) == [(0, 120, 60), (120, 120, 61)]
    assert four.decode(bits("100")).tempos[0].mspq == 500_000 and four.space.step_s == 0.125


def test_resolution_keeps_a_share_of_the_steps():
    score = score_of((0, 4, 60), (4, 2, 62))
    half, quarters = keystates(resolution=0.5), keystates(resolution=0.5, steps_per_beat=24.0)
    assert written(half.encode(score).array) == written(quarters.encode(score).array) == ["100", "100", "001"]
    assert half.space == quarters.space == Bits(3, 1 / 24)
    assert seconds(half.decode(bits("100", "100", "001"))) == pytest.approx(6 / 48)
    assert seconds(quarters.decode(bits("100", "100", "001"))) == pytest.approx(6 / 48)


@pytest.mark.parametrize(
    ("rate", "mspq", "ticks"),
    [
        (48.0, 500_000, 20),
        (50.0, 480_000, 20),
        (47.0, 510_638, 20),  # 24/47 s, to the microsecond
        (10.0, 2_400_000, 20),
        (4.0, 6_000_000, 20),
        (2.0, 500_000, 480),  # 24 a quarter would be 5 quarters a minute: a step is a quarter
        (0.0625, 16_000_000, 480),
        (400.0, 60_000, 20),
    ],
)
def test_a_quarter_is_24_steps_and_48_a_second_are_120_quarters_a_minute(rate, mspq, ticks):
    representation = keystates(steps_per_second=rate)
    score = representation.decode(bits("100", *["000"] * 23, "010", "000"))
    assert notes_of(score) == [(0, ticks, 60), (24 * ticks, ticks, 61)]
    assert [(tempo.time, tempo.mspq) for tempo in score.tempos] == [(0, mspq)]
    assert [(marker.time, marker.text) for marker in score.markers] == [(26 * ticks, "end")]
    assert representation.space.step_s == pytest.approx(1 / rate, abs=1e-7)
    assert seconds(score) == pytest.approx(26 / rate, abs=1e-5)


@pytest.mark.parametrize("rate", [48.0, 50.0, 47.0, 10.0, 2.0])
def test_an_hour_comes_back_and_nothing_drifts(rate):
    steps = round(3600 * rate)
    rng = np.random.default_rng(0)
    frames = np.zeros((steps, 3), np.int8)
    frames[[0, steps // 2, steps - 1]] = 1, 0, 1
    frames[rng.integers(0, steps, 3000), rng.integers(0, 3, 3000)] = 1
    representation, array = keystates(steps_per_second=rate), frames.reshape(-1)
    score = representation.decode(array)
    reread = midi.read(midi_bytes(score), "hour.mid", Limits()).pieces[0].piece
    for piece in (score, reread):
        encoded = representation.encode(piece)
        assert np.array_equal(encoded.array, array) and encoded.lost == {}
    assert seconds(score) == pytest.approx(3600, abs=0.004)  # a tempo is a whole number of microseconds
    # In beats as well: 24 a quarter.
    beats = keystates(steps_per_beat=24.0)
    assert np.array_equal(beats.encode(beats.decode(array)).array, array)


@pytest.mark.parametrize("rate", [48.0, 50.0, 47.0, 10.0, 2.0])
def test_what_sounds_at_a_whole_minute_stands_at_the_step_of_that_minute(rate):
    # 100 quarters a minute: quarter 100 n is minute n.
    score = score_of(*((100 * minute, 50 / rate, 61) for minute in range(61)), ticks=480, mspq=600_000)
    array = keystates(steps_per_second=rate).encode(score).array
    begins = np.flatnonzero(np.diff(array.reshape(-1, 3)[:, 1], prepend=0) == 1)
    assert begins.tolist() == [round(60 * rate * minute) for minute in range(61)]


def test_what_was_read_is_where_it_was_to_half_a_step():
    rng = np.random.default_rng(1)
    onsets = np.cumsum(rng.integers(100, 400, 300))
    score = score_of(*((int(onset), 90, 60 + number % 3) for number, onset in enumerate(onsets)), ticks=1, mspq=412_345)
    for rate in (48.0, 47.0, 10.0):
        representation = keystates(steps_per_second=rate)
        again = representation.decode(representation.encode(score).array)
        before, after = (
            seconds_at(piece, np.array([note.time for note in piece.tracks[0].notes])) for piece in (score, again)
        )
        assert np.abs(before - after).max() <= 0.5 / rate + 1e-4


def test_a_step_that_was_not_finished_is_silent_above():
    representation = keystates()
    array = np.array([1, 0, 0, 1, 1], np.int8)
    assert notes_of(representation.decode(array)) == [(0, 40, 60), (20, 20, 61)]
    assert representation.units(array) == {"key states": 5, "frames": 2, "notes": 2, "seconds": pytest.approx(2 / 48)}
    assert written(representation.frames(array).reshape(-1)) == ["100", "110"]
    assert notes_of(representation.decode(array[:0])) == []


def test_silence_at_the_end_comes_back():
    representation = keystates()
    for notes, end, expected in [
        ([(1, 1, 60)], 4, ["000", "100", "000", "000"]),
        ([(0, 1, 60)], 1, ["100"]),
        ([], 2, ["000"] * 2),
        ([], None, []),
    ]:
        array = representation.encode(score_of(*notes, end=end)).array
        assert written(array) == expected
        assert np.array_equal(representation.encode(representation.decode(array)).array, array)


def test_units_are_key_states_steps_notes_and_seconds():
    array = bits("100", "101", "001", "100")
    assert keystates().units(array) == pytest.approx({"key states": 12, "frames": 4, "notes": 3, "seconds": 4 / 48})
    beats = keystates(steps_per_beat=4.0).units(array)
    assert beats == pytest.approx({"key states": 12, "frames": 4, "notes": 3, "seconds": 0.5})
    kept = keystates().space.opened(keystates().space.kept(array), 12)
    assert keystates().units(kept) == keystates().units(array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3), np.int8),
        np.array([0, 2, 0]),
        np.array([0, -1, 0]),
        np.array([0, 0.5, 0]),
        np.array([np.nan]),
        np.array(1),
        np.array(["1"]),
    ],
    ids=str,
)
def test_what_is_no_row_of_bits_is_refused(array):
    for refuse in (keystates().decode, keystates().units, lambda a: keystates().transposed(a, 1)):
        with pytest.raises(UsageError, match=r"one row of zeros and ones.*\.$"):
            refuse(array)


def test_texts_and_pieces_without_these_keys_are_refused():
    with pytest.raises(UsageError, match=r"holds music, got a text.*\.$"):
        keystates().encode("words")
    config = KeystatesConfig(min_key_index=60, num_keys=3)
    with pytest.raises(UsageError, match=r"pitches 60 to 62 .*choose tracks.*\.$"):
        config.fit([score_of((0, 1, 59)), score_of((0, 1, 63))])
    assert config.fit([score_of((0, 1, 59)), score_of((0, 1, 62))]).space.keys == 3


# --- prompts and cursors


def test_a_piece_may_begin_with_one_step_of_silence_or_of_one_key():
    representation = keystates()
    assert representation.opening(None).tolist() == [0, 0, 0] and representation.opening(61).tolist() == [0, 1, 0]
    with pytest.raises(UsageError, match=r"pitches 60 to 62, got 63.*\.$"):
        representation.opening(63)


def test_a_window_is_whole_steps():
    representation = keystates()
    array = bits("100", "010", "001", "110", "011")
    for begin, length, steps in [
        (0, 3, ["100"]),
        (1, 3, ["100"]),
        (2, 4, ["100"]),
        (3, 5, ["010", "001"]),
        (4, 1, ["010"]),  # one at least
        (8, 6, ["001", "110"]),
        (12, 6, ["011"]),  # no more are there
        (15, 3, []),
    ]:
        assert written(representation.window(array, begin, length)) == steps
        kept = representation.space.opened(representation.space.kept(array), len(array))
        assert written(representation.window(kept, begin, length)) == steps


def test_transposing_moves_every_key_and_refuses_what_would_leave():
    representation = keystates()
    assert written(representation.transposed(bits("100", "010"), 1)) == ["010", "001"]
    assert written(representation.transposed(bits("001", "000"), -2)) == ["100", "000"]
    for array, semitones in [(bits("010", "001"), 1), (bits("100"), -1), (bits("100"), 3), (bits("001"), -40)]:
        assert representation.transposed(array, semitones) is None
    assert written(representation.transposed(bits("000", "000"), 40)) == ["000", "000"]
    higher = representation.encode(score_of((0, 2, 61), (1, 2, 62))).array
    assert np.array_equal(
        representation.transposed(representation.encode(score_of((0, 2, 60), (1, 2, 61))).array, 1), higher
    )


def test_a_cursor_counts_up_to_where_the_newest_step_begins():
    cursor = keystates(steps_per_second=10.0).cursor(2)
    assert cursor.allowed() is None and cursor.bars is None
    heard = [cursor.seconds.tolist()]
    for _ in range(7):
        cursor.push(np.array([0, 1], np.int8))
        heard.append(cursor.seconds.tolist())
    assert [one for one, _ in heard] == pytest.approx([0, 0, 0, 0, 0.1, 0.1, 0.1, 0.2])
    assert all(one == other for one, other in heard)
    taken = cursor.take([1, 0, 0])
    for _ in range(3):
        taken.push(np.array([0, 0, 0], np.int8))
    assert taken.seconds.tolist() == pytest.approx([0.3] * 3) and cursor.seconds.tolist() == pytest.approx([0.2] * 2)
    assert cursor.done.tolist() == [False, False] and taken.done.tolist() == [False] * 3


def test_a_cursor_knows_how_many_key_states_are_left():
    cursor = keystates(steps_per_second=10.0).cursor(1)
    assert cursor.symbols_until(0.3) == 9 and cursor.symbols_until(0.25) == 9 and cursor.symbols_until(0.2) == 6
    cursor.push_all(bits("10", "011"))
    assert cursor.symbols_until(0.3) == 4 and cursor.symbols_until(0.1) == 0
    one_by_one = keystates(steps_per_second=10.0).cursor(1)
    for _ in range(5):
        one_by_one.push(np.array([0], np.int8))
    assert cursor.seconds.tolist() == one_by_one.seconds.tolist() == pytest.approx([0.1])


# --- settings and state


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_keys": 0}, "num_keys must be from 1 to 128, got 0"),
        ({"num_keys": 129}, "num_keys .* got 129"),
        ({"min_key_index": 57}, "min_key_index must be from 0 to 56 for 72 keys, got 57"),
        ({"min_key_index": -1}, "min_key_index .* got -1"),
        ({"resolution": 0.0}, "resolution must be above 0 and at most 1, got 0"),
        ({"resolution": 1.5}, "resolution .* got 1.5"),
        ({"resolution": float("nan")}, "resolution .* got nan"),
        ({"steps_per_second": 0.0}, "steps_per_second .* must be from 0.0625 to 400, got 0"),
        ({"steps_per_second": 401.0}, "steps_per_second .* got 401"),
        ({"steps_per_second": -48.0}, "steps_per_second .* got -48"),
        ({"steps_per_second": float("nan")}, "steps_per_second .* got nan"),
        ({"steps_per_second": 0.1, "resolution": 0.5}, "steps_per_second .*times resolution"),
        ({"steps_per_beat": 0.0}, "steps_per_beat .* must divide 480, got 0"),
        ({"steps_per_beat": -4.0}, "steps_per_beat .* got -4"),
        ({"steps_per_beat": 7.0}, "steps_per_beat .* got 7"),
        ({"steps_per_beat": 961.0}, "steps_per_beat .* got 961"),
        ({"steps_per_beat": 0.05}, "steps_per_beat .* got 0.05"),
        ({"steps_per_beat": 24.0, "resolution": 0.3}, "steps_per_beat .*times resolution"),
        ({"steps_per_beat": float("nan")}, "steps_per_beat .* got nan"),
        ({"steps_per_beat": float("inf")}, "steps_per_beat .* got inf"),
        ({"num_augmentations_per_midi_file": 0}, "num_augmentations_per_midi_file must be from 1 to 1000, got 0"),
        ({"num_augmentations_per_midi_file": 1001}, "num_augmentations_per_midi_file .* got 1001"),
        ({"stretch_range": (1.0,)}, r"stretch_range must be two numbers from 0.1 to 10.* got \(1.0,\)"),
        ({"stretch_range": (1.1, 0.9)}, "stretch_range .*smaller first"),
        ({"stretch_range": (0.05, 1.0)}, "stretch_range"),
        ({"stretch_range": (1.0, 11.0)}, "stretch_range"),
        ({"stretch_range": (float("nan"), 1.0)}, "stretch_range"),
        ({"stretch_range": (1.0, 1.0, 1.0)}, "stretch_range"),
        ({"end_padding_range_in_seconds": (6.0, 4.0)}, "end_padding_range_in_seconds .*smaller first"),
        ({"end_padding_range_in_seconds": (-1.0, 4.0)}, "end_padding_range_in_seconds"),
        ({"end_padding_range_in_seconds": (4.0,)}, "end_padding_range_in_seconds"),
        ({"end_padding_range_in_seconds": (0.0, float("inf"))}, "end_padding_range_in_seconds"),
        ({"time_steps_crop_range": (5,)}, "time_steps_crop_range must be two steps.*first before the second"),
        ({"time_steps_crop_range": (5, 5)}, "time_steps_crop_range"),
        ({"time_steps_crop_range": (-1, 5)}, "time_steps_crop_range"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_in_a_sentence(settings, said):
    with pytest.raises(UsageError, match=rf"{said}.*\.$"):
        KeystatesConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_key_index": 0, "num_keys": 128},
        {"min_key_index": 127, "num_keys": 1},
        {"steps_per_second": 400.0},
        {"steps_per_second": 0.0625},
        {"steps_per_beat": 480.0},
        {"steps_per_beat": 0.0625},
        {"steps_per_beat": 24.0, "resolution": 1 / 3},
        {"stretch_range": (), "end_padding_range_in_seconds": (), "time_steps_crop_range": (0, 1)},
    ],
    ids=str,
)
def test_settings_at_the_edge_are_good(settings):
    representation = Keystates(KeystatesConfig(**settings))
    array = representation.opening(representation.config.min_key_index)
    assert np.array_equal(representation.encode(representation.decode(array)).array, array)


def test_the_state_says_what_an_array_means_and_not_how_it_is_learnt():
    state = json.loads(json.dumps(keystates(steps_per_second=50.0).state()))
    assert state == {
        "representation": "keystates",
        "min_key_index": 60,
        "num_keys": 3,
        "steps_per_second": 50.0,
        "steps_per_beat": None,
        "resolution": 1.0,
    }
    config = KeystatesConfig(
        min_key_index=60, num_keys=3, steps_per_second=50.0, num_augmentations_per_midi_file=1, stretch_range=()
    )
    assert config.restore(state).space == Bits(3, 0.02)
    for other in ({"min_key_index": 61}, {"num_keys": 4}, {"steps_per_second": 48.0}, {"resolution": 0.5}):
        with pytest.raises(UsageError, match=rf"made with {next(iter(other))}=.*\.$"):
            KeystatesConfig(**{"min_key_index": 60, "num_keys": 3, "steps_per_second": 50.0} | other).restore(state)
    with pytest.raises(UsageError, match=r"made with steps_per_beat=None, the recipe says 24\.0.*\.$"):
        KeystatesConfig(min_key_index=60, num_keys=3, steps_per_second=50.0, steps_per_beat=24.0).restore(state)


# --- copies


KEYS, SOUNDING, BEFORE, AFTER = 11, 1000, 7, 13


def numbered():
    """[S, KEYS] steps 1 to 1000 as binary numbers, silence before and after."""
    number = np.pad(np.arange(1, SOUNDING + 1), (BEFORE, AFTER))
    return (number[:, None] >> np.arange(KEYS) & 1).astype(np.int8)


def numbers(copy):
    """Which steps of `numbered` a copy has, from 0 on; -1: silence."""
    array = np.asarray(copy)
    assert array.dtype == np.int8 and array.ndim == 1 and len(array) == len(copy)
    return (array.reshape(-1, KEYS).astype(int) << np.arange(KEYS)).sum(1) - 1


def copies_of(settings=None, seed=0, array=None, packed=True):
    """Copies of the numbered piece, at 10 steps a second."""
    representation = Keystates(
        KeystatesConfig(**{"min_key_index": 60, "num_keys": KEYS, "steps_per_second": 10.0} | (settings or {}))
    )
    array = numbered().reshape(-1) if array is None else array
    if packed:
        array = representation.space.opened(representation.space.kept(array), len(array))
    return representation.copies(array, np.random.default_rng(seed))


def test_copies_are_longer_or_shorter_evenly_spread_and_end_in_silence():
    lengths, pads = [], []
    for seed in range(20):
        copies = copies_of(seed=seed)
        assert len(copies) == 5
        for copy in copies:
            found = numbers(copy)
            length = int(np.flatnonzero(found >= 0)[-1]) + 1
            lengths.append(length / SOUNDING)
            pads.append(len(found) - length)
            sounding = found[:length]
            # No step is out of its place, and none silent.
            assert np.abs(sounding + 0.5 - (np.arange(length) + 0.5) * SOUNDING / length).max() < 1.2
            assert sounding[0] == 0 and sounding[-1] >= SOUNDING - 2
            assert set(np.diff(sounding)) <= ({0, 1} if length >= SOUNDING else {1, 2})
    factors = np.array(lengths).reshape(20, 5)
    assert (factors >= 0.85 + 0.06 * np.arange(5) - 0.0005).all()
    assert (factors <= 0.85 + 0.06 * np.arange(1, 6) + 0.0005).all()
    assert (np.ptp(factors, axis=0) > 0.03).all()  # moved by chance, each in its fifth
    assert 40 <= min(pads) < 43 and 57 < max(pads) <= 60  # 4 to 6 s
    assert len(set(pads)) > 10


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.25, 2.0, 3.0])
def test_every_step_of_a_copy_is_the_nearest_of_before(factor):
    (copy,) = copies_of({"stretch_range": (factor, factor), "end_padding_range_in_seconds": ()})
    exact = Fraction(factor).limit_denominator(1000)
    middles = [(Fraction(2 * step + 1, 2)) / exact for step in range(round(SOUNDING * exact))]
    assert numbers(copy).tolist() == [int(middle) for middle in middles]


def test_without_stretch_the_steps_are_those_of_the_piece():
    found = [numbers(copy) for copy in copies_of({"stretch_range": ()})]
    assert len(found) == 5
    for steps in found:
        assert steps[:SOUNDING].tolist() == list(range(SOUNDING)) and (steps[SOUNDING:] == -1).all()
        assert 40 <= len(steps) - SOUNDING <= 60
    assert len({len(steps) for steps in found}) > 1
    two = copies_of({"stretch_range": (), "num_augmentations_per_midi_file": 2})
    assert len(two) == 2


@pytest.mark.parametrize(("padding", "silent"), [((), 0), ((3.0, 3.0), 30), ((0.0, 0.0), 0)])
@pytest.mark.parametrize("stretch", [(), (1.0, 1.0)])
def test_copies_that_would_be_the_same_are_one(padding, silent, stretch):
    (copy,) = copies_of({"stretch_range": stretch, "end_padding_range_in_seconds": padding})
    assert numbers(copy).tolist() == list(range(SOUNDING)) + [-1] * silent


def test_silence_after_a_copy_is_as_long_in_seconds_whatever_the_steps_are():
    for settings, rate in [
        ({"steps_per_second": 48.0}, 48),
        ({"steps_per_second": 48.0, "resolution": 0.5}, 24),
        ({"steps_per_beat": 24.0}, 48),  # at 120 quarters a minute
        ({"steps_per_beat": 4.0}, 8),
    ]:
        settings |= {"stretch_range": (), "end_padding_range_in_seconds": (2.0, 2.0)}
        (copy,) = copies_of(settings)
        assert len(copy) == (SOUNDING + 2 * rate) * KEYS


def test_a_crop_keeps_some_steps_of_what_sounds():
    plain = {"stretch_range": (), "end_padding_range_in_seconds": ()}
    for crop, steps in [((0, 1), [0]), ((2, 6), [2, 3, 4, 5]), ((997, 5000), [997, 998, 999])]:
        (copy,) = copies_of(plain | {"time_steps_crop_range": crop})
        assert numbers(copy).tolist() == steps
    assert copies_of(plain | {"time_steps_crop_range": (1000, 5000)}) == []
    (twice,) = copies_of(
        {"stretch_range": (2.0, 2.0), "end_padding_range_in_seconds": (), "time_steps_crop_range": (2, 4)}
    )
    assert numbers(twice).tolist() == [2, 2, 3, 3]


def test_there_is_no_copy_of_silence():
    assert copies_of(array=np.zeros(50 * KEYS, np.int8)) == [] == copies_of(array=np.zeros(0, np.int8))


def test_a_copy_of_a_piece_that_ends_within_a_step_has_that_step_silent_above():
    """Seven steps and a key of another: 78 key states are kept in ten bytes, eight steps are eleven."""
    array = np.ones(7 * KEYS + 1, np.int8)
    for packed in (True, False):
        (copy,) = copies_of({"stretch_range": (), "end_padding_range_in_seconds": (0.1, 0.1)}, 0, array, packed)
        assert np.asarray(copy).tolist() == [1] * (7 * KEYS + 1) + [0] * 10 + [0] * KEYS
        assert copy[77:].tolist() == [1] + [0] * 21


def test_the_shortest_copy_is_one_step():
    array = np.zeros(3 * KEYS, np.int8)
    array[KEYS] = 1
    (copy,) = copies_of({"stretch_range": (0.1, 0.1), "end_padding_range_in_seconds": ()}, array=array)
    assert numbers(copy).tolist() == [0]


def test_any_slice_of_a_copy_is_that_slice_of_the_whole():
    rng = np.random.default_rng(0)
    for copy in copies_of({"num_augmentations_per_midi_file": 3, "stretch_range": (0.7, 1.4)}):
        assert isinstance(copy, Stretched)
        whole = np.asarray(copy)
        size = len(whole)
        assert copy.shape == (size,) == whole.shape
        places = [*rng.integers(0, size, (200, 2)).tolist(), [0, 0], [0, size], [size, size], [size - 1, 2 * size]]
        places += [
            [-5, size],
            [-size - 9, 4],
            [3, -4],
            [9, 3],
            [KEYS - 1, KEYS],
            [KEYS, KEYS + 1],
            [size + 3, size + 9],
        ]
        for begin, end in places:
            part = copy[begin:end]
            assert part.dtype == np.int8 and np.array_equal(part, whole[begin:end]), (begin, end)
        for step in (2, 5, KEYS):
            assert np.array_equal(copy[7:901:step], whole[7:901:step])
        assert np.array_equal(copy[:9], whole[:9]) and np.array_equal(copy[-30:], whole[-30:])
        assert np.array_equal(copy[:], whole)


def test_a_copy_sounds_as_it_is_written_whatever_it_was_made_of():
    one, other = copies_of(packed=True), copies_of(packed=False)
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(one, other, strict=True))


def test_copies_are_read_from_the_piece_where_it_is_kept(tmp_path):
    packed = np.packbits(numbered().reshape(-1))
    np.save(tmp_path / "piece.npy", packed)
    on_disk = Bits(KEYS, 0.1).opened(np.load(tmp_path / "piece.npy", mmap_mode="r"), (SOUNDING + BEFORE + AFTER) * KEYS)
    representation = keystates(num_keys=KEYS, steps_per_second=10.0)
    copies = representation.copies(on_disk, np.random.default_rng(0))
    assert all(np.shares_memory(copy.packed, on_disk.packed) for copy in copies)
    for copy, other in zip(copies, copies_of(packed=False), strict=True):
        assert np.array_equal(np.asarray(copy), np.asarray(other))


def test_the_same_generator_gives_the_same_copies():
    one, again, other = copies_of(seed=3), copies_of(seed=3), copies_of(seed=4)
    assert [len(copy) for copy in one] == [len(copy) for copy in again] != [len(copy) for copy in other]
    assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(one, again, strict=True))
