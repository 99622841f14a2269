"""Performances: what their symbols are, what the pedal holds, which rows a cursor allows, and what moving them does."""

import numpy as np
import pytest
from symusic import ControlChange, Note, Pedal, Score, Tempo, TextMeta, Track

from erato.errors import UsageError
from erato.representations import Performance, PerformanceConfig
from erato.score import seconds

REPRESENTATION = Performance(PerformanceConfig())
NAMES = REPRESENTATION.names()
SYMBOLS = {name: index for index, name in enumerate(NAMES)}


def piano(*notes, pedal=(), pedals=(), program=0, drums=False):
    """A track of (second, seconds, pitch[, velocity]); pedal: (second, value); pedals: (second, seconds)."""
    track = Track("", program, drums)
    for time, duration, pitch, *velocity in notes:
        track.notes.append(Note(round(960 * time), round(960 * duration), pitch, *(velocity or [62])))
    for time, value in pedal:
        track.controls.append(ControlChange(round(960 * time), 64, value))
    for time, duration in pedals:
        track.pedals.append(Pedal(round(960 * time), round(960 * duration)))
    return track


def score(*tracks, end=None):
    """Tracks at 120 quarters a minute, 960 ticks a second."""
    result = Score(480)
    result.tempos.append(Tempo(0, 120))
    result.tracks.extend(tracks)
    if end is not None:
        result.markers.append(TextMeta(round(960 * end), "end"))
    return result


def row(text):
    """`V62 +60 >500 -60` as symbols: velocity, note-on, shift in milliseconds, note-off; `.` is the end."""
    kinds = {"V": "Velocity_", "+": "Note-On_", "-": "Note-Off_", ">": "Shift_"}
    return np.array([SYMBOLS["<end>"] if word == "." else SYMBOLS[kinds[word[0]] + word[1:]] for word in text.split()])


def said(array):
    kinds = {"Velocity": "V", "Note-On": "+", "Note-Off": "-", "Shift": ">"}
    names = (NAMES[symbol] for symbol in array)
    return " ".join("." if name == "<end>" else kinds[name.split("_")[0]] + name.split("_")[1] for name in names)


def encoded(*tracks, end=None, representation=REPRESENTATION):
    return said(representation.encode(score(*tracks, end=end)).array)


def notes(piece):
    """(milliseconds, milliseconds, pitch, velocity) of each note of a decoded score."""
    assert piece.ticks_per_quarter == 500 and [tempo.mspq for tempo in piece.tempos] == [500_000]
    return [(n.time, n.duration, n.pitch, n.velocity) for track in piece.tracks for n in track.notes]


def allowed_after(text):
    """What may follow, as a set of the words of `row`; the row itself must be allowed."""
    cursor = REPRESENTATION.cursor(1)
    for symbol in row(text):
        assert cursor.allowed()[0, symbol], f"{NAMES[symbol]} in {text}"
        cursor.push(np.array([symbol]))
    return set(said(np.flatnonzero(cursor.allowed()[0])).split())


def a_walk(seed, length, representation=REPRESENTATION):
    """A row that the cursor allowed, with many shifts and no end."""
    cursor, rng, found = representation.cursor(1), np.random.default_rng(seed), []
    for _ in range(length):
        chances = cursor.allowed()[0] * np.ones(representation.space.size)
        v = representation.vocabulary
        chances[v.end] = 0
        chances[v.shift : v.velocity] *= 3
        found.append(int(rng.choice(len(chances), p=chances / chances.sum())))
        cursor.push(np.array(found[-1:]))
    return np.array(found)


class TestEncoding:
    def test_the_vocabulary_is_that_of_performance_rnn_and_where_pieces_begin_and_end(self):
        assert REPRESENTATION.space.size == 2 + 128 + 128 + 100 + 32
        assert NAMES[:3] == ["<start>", "<end>", "Note-On_0"]
        assert [name for name in NAMES if name.startswith("Shift")] == [f"Shift_{10 * n}" for n in range(1, 101)]

    def test_what_ends_comes_before_what_begins_and_pitches_ascend(self):
        music = piano((0, 0.5, 67), (0, 0.5, 60), (0.5, 0.25, 64), (0.5, 0.25, 48))
        assert encoded(music) == "V62 +60 +67 >500 -60 -67 +48 +64 >250 -48 -64 ."

    def test_longest_shifts_come_first_and_silence_at_either_end_is_kept(self):
        assert encoded(piano((2.03, 1, 60)), end=4.5) == ">1000 >1000 >30 V62 +60 >1000 -60 >1000 >470 ."

    def test_velocity_is_said_where_it_changes(self):
        music = piano((0, 1, 60, 100), (0, 1, 64, 100), (0, 1, 67, 20), (1, 1, 60, 20), (2, 1, 60, 100))
        loud, soft = (NAMES[REPRESENTATION.vocabulary.velocity + (v - 1) * 32 // 127][9:] for v in (100, 20))
        assert encoded(music) == (
            f"V{loud} +60 +64 V{soft} +67 >1000 -60 -64 -67 +60 >1000 -60 V{loud} +60 >1000 -60 ."
        )

    def test_a_velocity_comes_back_within_its_bin_of_four(self):
        for velocity in range(1, 128):
            array = REPRESENTATION.encode(score(piano((0, 1, 60, velocity)))).array
            assert abs(notes(REPRESENTATION.decode(array))[0][3] - velocity) <= 2

    def test_time_is_real_time_through_changes_of_tempo(self):
        piece = Score(480)
        piece.tempos.extend([Tempo(0, 60), Tempo(480, 240)])
        piece.tracks.append(Track())
        piece.tracks[0].notes.extend([Note(480, 480, 60, 62), Note(960, 192, 62, 62)])
        assert said(REPRESENTATION.encode(piece).array) == ">1000 V62 +60 >250 -60 +62 >100 -62 ."

    def test_onsets_are_off_by_half_a_step_at_most_however_long_the_piece_is(self):
        onsets = np.arange(4000) * (0.1 + 1 / 2999)
        piece = score(piano(*((time, 0.05, 40 + n % 40) for n, time in enumerate(onsets))))
        back = np.array([time for time, *_ in notes(REPRESENTATION.decode(REPRESENTATION.encode(piece).array))]) / 1000
        assert len(back) == 4000
        assert np.abs(back - onsets).max() <= 0.005 + 0.5 / 960 + 1e-9

    def test_a_note_lasts_a_step_at_least(self):
        assert encoded(piano((1, 0.002, 60))) == ">1000 V62 +60 >10 -60 ."
        assert REPRESENTATION.encode(score(piano((1, 0.002, 60)))).lost == {"short notes": 1}

    def test_a_key_that_is_struck_again_ends_there_and_is_counted(self):
        piece = score(piano((0, 1, 60), (0.5, 1, 60)))
        assert encoded(*piece.tracks) == "V62 +60 >500 -60 +60 >1000 -60 ."
        assert REPRESENTATION.encode(piece).lost == {"overlapping notes": 1}

    def test_of_two_notes_of_one_key_and_onset_the_longer_stays(self):
        piece = score(piano((0, 1, 60, 64), (0, 2, 60, 100)))
        assert [note[1:3] for note in notes(REPRESENTATION.decode(REPRESENTATION.encode(piece).array))] == [(2000, 60)]
        assert REPRESENTATION.encode(piece).lost == {"duplicate notes": 1}

    def test_a_note_beyond_the_longest_ends_there_and_is_counted(self):
        piece = score(piano((0, 12, 60)))
        encoding = REPRESENTATION.encode(piece)
        assert notes(REPRESENTATION.decode(encoding.array)) == [(0, 10_000, 60, 62)]
        assert encoding.lost == {"long notes": 1}
        assert seconds(REPRESENTATION.decode(encoding.array)) == 12

    def test_tracks_become_one_and_what_is_no_piano_is_counted(self):
        piece = score(piano((0, 1, 60), program=3), piano((0.5, 1, 72)), piano((0, 1, 36), (1, 1, 38), drums=True))
        piece.tempos.append(Tempo(4800, 90))
        piece.tracks[0].controls.append(ControlChange(0, 67, 127))
        encoding = REPRESENTATION.encode(piece)
        assert said(encoding.array) == "V62 +60 >500 +72 >500 -60 >500 -72 >500 ."  # as long as the drums
        assert encoding.lost == {"tracks": 1, "programs": 1, "drum notes": 2, "tempos": 1, "controls": 1}

    def test_without_velocities(self):
        plain = Performance(PerformanceConfig(velocity_bins=0))
        encoding = plain.encode(score(piano((0, 1, 60, 80), (1, 1, 62, 30))))
        assert plain.space.size == 2 + 128 + 128 + 100
        assert said(encoding.array) == "+60 >1000 -60 +62 >1000 -62 ."
        assert encoding.lost == {"velocities": 1}
        assert [note[3] for note in notes(plain.decode(encoding.array))] == [80, 80]

    def test_other_steps(self):
        coarse = Performance(PerformanceConfig(steps_per_second=8, longest_shift=4))
        array = coarse.encode(score(piano((0.25, 1.1, 60)))).array
        assert [coarse.names()[symbol] for symbol in array[:1]] == ["Shift_250"]
        assert [note[:2] for note in notes(coarse.decode(array))] == [(250, 1125)]

    def test_a_piece_of_silence(self):
        assert encoded(end=1.5) == ">1000 >500 ."
        assert encoded() == "."
        assert seconds(REPRESENTATION.decode(row(">1000 >500 ."))) == 1.5
        assert REPRESENTATION.units(row(".")) == {"notes": 0, "seconds": 0}

    def test_a_piece_counts_its_notes_and_seconds(self):
        assert REPRESENTATION.units(row(">1000 V62 +60 +64 >250 -60 -64 >500 .")) == {"notes": 2, "seconds": 1.75}


class TestPedal:
    def test_a_note_that_the_pedal_holds_lasts_until_it_is_lifted(self):
        music = piano((0, 0.5, 60), (1.5, 0.5, 64), pedal=[(0.25, 127), (1, 0)])
        assert encoded(music) == "V62 +60 >1000 -60 >500 +64 >500 -64 ."
        assert REPRESENTATION.encode(score(music)).lost == {}

    def test_or_until_its_key_is_struck_again(self):
        music = piano((0, 0.25, 60), (0.5, 0.25, 60), pedal=[(0, 127), (1, 0)])
        assert encoded(music) == "V62 +60 >500 -60 +60 >500 -60 ."
        assert REPRESENTATION.encode(score(music)).lost == {}

    @pytest.mark.parametrize(
        ("pedal", "end"),
        [
            ([(0, 63), (2, 0)], 500),  # not down
            ([(0, 64), (2, 63)], 2000),  # down, lifted
            ([(0, 127), (1, 90), (2, 10), (3, 20)], 2000),  # once down, further values change nothing
            ([(0, 127), (0.5, 0)], 500),  # lifted with the key
            ([(0.5, 127), (2, 0)], 2000),  # pressed as the key is lifted
            ([(0.6, 127), (2, 0)], 500),  # pressed too late
            ([(0, 127), (0.25, 0), (0.4, 127), (2, 0)], 2000),  # changed while the key is down
            ([(0.2, 127)], 3500),  # never lifted: the end of the piece
            ([(0.2, 127), (4, 0)], 4000),  # after the last key
        ],
    )
    def test_when_the_pedal_is_down(self, pedal, end):
        track = piano((0, 0.5, 60), (3, 0.5, 40), pedal=pedal)
        found = notes(REPRESENTATION.decode(REPRESENTATION.encode(score(track)).array))
        assert found[0] == (0, end, 60, 62)

    def test_pedals_that_are_no_controls_hold_as_well(self):
        music = piano((0, 0.5, 60), (0.5, 0.5, 64), pedals=[(0.25, 0.5)])
        assert encoded(music) == "V62 +60 >500 +64 >250 -60 >250 -64 ."
        assert REPRESENTATION.encode(score(music)).lost == {}

    def test_both_are_applied_once(self):
        """The pedals as symusic makes them of the controls, as it reads a file."""
        music = score(piano((0, 0.5, 60), (0.5, 0.75, 64), pedal=[(0.25, 127), (1, 0)]))
        read = Score.from_midi(music.dumps_midi())
        assert len(read.tracks[0].controls) == 2 and len(read.tracks[0].pedals) == 1
        assert said(REPRESENTATION.encode(read).array) == "V62 +60 >500 +64 >500 -60 >250 -64 ."
        assert REPRESENTATION.encode(read).lost == {}

    def test_holds_the_notes_of_its_own_track(self):
        low, high = piano((0, 0.5, 40), pedal=[(0, 127), (1, 0)]), piano((0, 0.5, 60))
        assert encoded(low, high) == "V62 +40 +60 >500 -60 >500 -40 ."

    def test_can_be_left_out_and_is_counted_then(self):
        dry = Performance(PerformanceConfig(pedal=False))
        encoding = dry.encode(score(piano((0, 0.5, 60), pedal=[(0, 127), (1, 0)])))
        assert said(encoding.array) == "V62 +60 >500 -60 ."
        assert encoding.lost == {"controls": 2}


class TestDecoding:
    def test_an_open_row_is_closed_where_it_stops(self):
        assert notes(REPRESENTATION.decode(row("V62 +60 >500 +64 >250"))) == [(0, 750, 60, 62), (500, 250, 64, 62)]
        assert notes(REPRESENTATION.decode(row("V62 +60 >500 +64"))) == [(0, 500, 60, 62), (500, 10, 64, 62)]
        assert notes(REPRESENTATION.decode(row("V62 +60 >500 V126"))) == [(0, 500, 60, 62)]

    def test_what_no_cursor_allows_still_decodes(self):
        music = "-60 >500 >500 V62 V126 +60 >250 +60 >250 -60 -60 -61 . +70"
        assert notes(REPRESENTATION.decode(row(music))) == [(1000, 250, 60, 126), (1250, 250, 60, 126)]

    def test_a_key_that_is_lifted_at_once_sounds_for_a_step(self):
        assert notes(REPRESENTATION.decode(row("V62 +60 -60 >500 ."))) == [(0, 10, 60, 62)]

    def test_silence_at_the_end_is_marked(self):
        piece = REPRESENTATION.decode(row("V62 +60 >500 -60 >250 ."))
        assert [(marker.time, marker.text) for marker in piece.markers] == [(750, "end")]
        assert len(REPRESENTATION.decode(row("V62 +60 >500 -60 .")).markers) == 0

    def test_rows_that_the_cursor_allowed_come_back_as_they_were(self):
        for seed in range(5):
            array = a_walk(seed, 400)
            last_shift = np.flatnonzero((array >= SYMBOLS["Shift_10"]) & (array <= SYMBOLS["Shift_1000"]))[-1]
            again = REPRESENTATION.encode(REPRESENTATION.decode(array)).array
            assert np.array_equal(again[:last_shift], array[:last_shift])  # behind it, open keys are lifted


class TestCursor:
    def test_a_piece_begins_with_time_or_a_velocity(self):
        begins = allowed_after("")
        assert {"V62", ">10", ">1000", "."} <= begins
        assert not any(word[0] in "+-" for word in begins)

    def test_a_velocity_is_followed_by_a_note_that_does_not_sound(self):
        assert allowed_after("V62 +60 >500 V126") == {f"+{pitch}" for pitch in range(128) if pitch != 60}

    def test_only_keys_that_sound_are_lifted_and_in_order(self):
        offs = {word for word in allowed_after("V62 +60 +64 +67 >500 -64") if word[0] == "-"}
        assert offs == {"-67"}

    def test_after_a_note_only_higher_ones_and_none_is_lifted_in_that_moment(self):
        after = allowed_after("V62 +60 >500 -60 +60 +70")
        assert {word for word in after if word[0] == "+"} == {f"+{pitch}" for pitch in range(71, 128)}
        assert not any(word[0] == "-" for word in after)

    def test_the_velocity_in_force_is_not_said_again(self):
        after = allowed_after("V62 +60 >500")
        assert "V62" not in after and "V126" in after

    def test_no_velocity_where_no_note_can_follow(self):
        assert not any(word[0] == "V" for word in allowed_after("V62 +126 +127"))
        assert not any(word[0] == "V" for word in allowed_after("V62 +127 >10 V126 +126"))

    def test_another_velocity_as_long_as_one_note_can_follow(self):
        many = "V62 " + " ".join(f"+{pitch}" for pitch in range(120))
        assert "V126" in allowed_after(many)
        assert allowed_after(many + " V126") == {f"+{pitch}" for pitch in range(120, 128)}

    def test_only_the_longest_shift_is_followed_by_another(self):
        assert {">10", ">1000"} <= allowed_after("V62 +60 >1000")
        assert not any(word[0] == ">" for word in allowed_after("V62 +60 >1000 >990"))

    def test_no_key_sounds_longer_than_the_longest_note(self):
        nine_and_a_half = "V62 +60 +64 >1000 -64 +50 " + ">1000 " * 8 + ">500"
        assert allowed_after(nine_and_a_half + " -50") >= {"+50"}
        shifts = {word for word in allowed_after(nine_and_a_half + " -50 +70") if word[0] == ">"}
        assert shifts == {f">{10 * n}" for n in range(1, 51)}
        assert allowed_after(nine_and_a_half + " +70 >500") == {"-50", "-60"}
        assert allowed_after(nine_and_a_half + " +70 >500 -50") == {"-60"}
        assert {">1000", "-70", "+60"} <= allowed_after(nine_and_a_half + " +70 >500 -60")

    def test_counts_seconds(self):
        cursor = REPRESENTATION.cursor(2)
        for symbols in zip(row("V62 +60 >1000 >250"), row(">1000 >1000 >1000 >10"), strict=True):
            cursor.push(np.array(symbols))
        assert cursor.seconds.tolist() == [1.25, 3.01]
        assert cursor.bars is None

    def test_a_row_that_lifts_no_key_is_never_stuck(self):
        plain = Performance(PerformanceConfig(velocity_bins=2, longest_note=30))
        v = plain.vocabulary
        cursor, rng = plain.cursor(1), np.random.default_rng(0)
        for _ in range(3000):
            may = np.flatnonzero(cursor.allowed()[0])
            wanted = [symbol for symbol in may if symbol > v.end and not v.off <= symbol < v.shift]
            cursor.push(rng.choice(wanted or may, 1))
        assert cursor.seconds[0] > 1


class TestMoving:
    def test_transposed(self):
        array = row("V62 +60 >500 +64 -60 >10 .")
        assert said(REPRESENTATION.transposed(array, 5)) == "V62 +65 >500 +69 -65 >10 ."
        assert said(REPRESENTATION.transposed(array, -12)) == "V62 +48 >500 +52 -48 >10 ."

    def test_what_would_leave_the_piano_is_not_transposed(self):
        array = row("V62 +21 +108 >500 -21 -108 .")
        assert REPRESENTATION.transposed(array, 1) is None and REPRESENTATION.transposed(array, -1) is None
        assert said(REPRESENTATION.transposed(row("V62 +120"), 7)) == "V62 +127"
        assert REPRESENTATION.transposed(row("V62 +120"), 8) is None

    def test_stretched(self):
        array = row(">1000 V62 +60 +64 >500 -60 +67 >1000 >10 -64 -67 >250 .")
        # at 1, 1.5, 2.51 and 2.76 s; 1.1 times as long at 1.1, 1.65, 2.761 and 3.036
        expected = ">1000 >100 V62 +60 +64 >550 -60 +67 >1000 >110 -64 -67 >280 ."
        assert said(REPRESENTATION.stretched(array, 1.1)) == expected
        assert said(REPRESENTATION.stretched(array, 0.5)) == ">500 V62 +60 +64 >250 -60 +67 >510 -64 -67 >120 ."

    def test_stretched_by_one_is_the_same(self):
        array = a_walk(1, 500)
        assert np.array_equal(REPRESENTATION.stretched(array.astype(np.uint16), 1.0), array)
        assert REPRESENTATION.stretched(array.astype(np.uint16), 0.9).dtype == np.uint16

    def test_stretching_does_not_drift_and_keeps_all_events_in_order(self):
        array = REPRESENTATION.encode(score(piano(*((0.13 * n, 0.07, 40 + n % 40) for n in range(1000))))).array
        slower = REPRESENTATION.stretched(array, 1.0371)
        before, after = (np.array(notes(REPRESENTATION.decode(a)))[:, :2] for a in (array, slower))
        assert np.abs(after - before * 1.0371).max() <= 10
        assert np.abs(after[:, 0] - before[:, 0] * 1.0371).max() <= 5 + 1e-6

    def test_what_is_a_step_apart_stays_a_step_apart(self):
        array = row("V62 +60 >10 -60 +62 >10 -62 +64 >10 -64 >1000 +60 >10 -60 .")
        faster = said(REPRESENTATION.stretched(array, 0.5))
        assert faster == "V62 +60 >10 -60 +62 >10 -62 +64 >10 -64 >490 +60 >10 -60 ."  # at 515 ms: no drift behind it

    def test_any_part_can_be_stretched(self):
        array = a_walk(2, 600)
        for begin in range(0, 300, 7):
            part = array[begin : begin + 100]
            faster = REPRESENTATION.stretched(part, 0.9)
            is_shift = [(a >= SYMBOLS["Shift_10"]) & (a <= SYMBOLS["Shift_1000"]) for a in (part, faster)]
            assert np.array_equal(part[~is_shift[0]], faster[~is_shift[1]])
            long, shorter = (REPRESENTATION.units(a)["seconds"] for a in (part, faster))
            assert shorter == pytest.approx(0.9 * long, abs=0.1)

    def test_a_note_that_would_get_too_long_is_not_stretched(self):
        array = row("V62 +60 " + ">1000 " * 9 + ">500 -60 .")
        assert REPRESENTATION.stretched(array, 1.05) is not None
        assert REPRESENTATION.stretched(array, 1.1) is None

    def test_a_window_begins_with_a_note_at_the_velocity_in_force_there(self):
        array = row("V62 +60 V126 +64 >500 -60 >250 +67 >250 -64 >500 -67 +72 >250 -72 .")
        window = REPRESENTATION.window(array, 4, 9)  # >500 -60 >250 +67 >250 -64 >500 -67 +72
        assert said(window) == "V126 +67 >750 -67 +72"

    def test_a_window_without_notes_is_empty(self):
        assert len(REPRESENTATION.window(row("V62 +60 >500 -60 >250 ."), 2, 4)) == 0

    def test_windows_can_be_continued(self):
        array = a_walk(3, 1000)
        for begin in range(0, 900, 31):
            allowed_after(said(REPRESENTATION.window(array, begin, 100)))

    def test_a_prompt_has_all_keys_lifted_and_no_end(self):
        encoding = REPRESENTATION.encode_prompt(score(piano((0, 1, 60), (0.5, 0.5, 64))))
        assert said(encoding.array) == "V62 +60 >500 +64 >500 -60 -64"


@pytest.mark.parametrize(
    "settings",
    [
        {"steps_per_second": 0},
        {"steps_per_second": 300},
        {"longest_shift": 0},
        {"longest_note": 0},
        {"velocity_bins": 128},
        {"velocity_bins": -1},
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(settings):
    with pytest.raises(UsageError, match=rf"{next(iter(settings))} must .*\.$"):
        PerformanceConfig(**settings)


def test_a_state_of_other_settings_is_refused():
    with pytest.raises(UsageError, match="longest_note"):
        PerformanceConfig(longest_note=500).restore(REPRESENTATION.state())


def test_a_corpus_without_pitched_notes_is_refused():
    with pytest.raises(UsageError, match=r"no pitched note.*\.$"):
        PerformanceConfig().fit([score(piano((0, 1, 36), drums=True))])


def test_a_text_is_refused():
    with pytest.raises(UsageError, match="holds music"):
        REPRESENTATION.encode("la la la")


def test_symbols_are_of_five_kinds_besides_the_start_and_a_kind_is_as_its_names_say():
    representation = Performance(PerformanceConfig())
    kinds = representation.cursor(2).kinds
    assert len(kinds) == representation.space.size
    for kind, prefix in enumerate(("<start>", "<end>", "Note-On", "Note-Off", "Shift", "Velocity")):
        assert [name.startswith(prefix) for name in representation.names()] == (kinds == kind).tolist()
