"""remi: exact on its grid, half a step off it, and what it says it loses. Values are worked out by hand."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symusic import (
    ControlChange,
    KeySignature,
    Note,
    Pedal,
    PitchBend,
    Score,
    Tempo,
    TextMeta,
    TimeSignature,
    Track,
)

from erato.errors import UsageError
from erato.representations import RemiConfig
from erato.score import clip, end_tick, has_pickup, note_count, time_signatures

STEP = 40  # ticks: 480 / 12
PROPERTY = settings(
    max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
)


def make(*tracks, meters=((0, 4, 4),), tempos=(), end=None, tpq=480):
    """tracks: (program, is_drum, name, [(time, duration, pitch, velocity), ...])"""
    score = Score(tpq)
    for program, is_drum, name, notes in tracks:
        track = Track(name, program, is_drum)
        for note in notes:
            track.notes.append(Note(*note))
        score.tracks.append(track)
    for meter in meters:
        score.time_signatures.append(TimeSignature(*meter))
    for time, mspq in tempos:
        score.tempos.append(Tempo(time, mspq=mspq))
    if end is not None:
        score.markers.append(TextMeta(end, "end"))
    return score


def piano(*notes, **more):
    return make((0, False, "", [(*note, 64)[:4] for note in notes]), **more)


def content(score):
    """All that remi promises to keep, in one order."""
    tracks = sorted(
        (
            track.program,
            track.is_drum,
            track.name,
            sorted((n.time, n.duration, n.pitch, n.velocity) for n in track.notes),
        )
        for track in score.tracks
        if len(track.notes)
    )
    tempos = sorted((tempo.time, tempo.mspq) for tempo in score.tempos)
    tempos = tempos if tempos and tempos[0][0] == 0 else [(0, 500_000), *tempos]
    tempos = [tempo for k, tempo in enumerate(tempos) if not k or tempo[1] != tempos[k - 1][1]]
    return tracks, tempos, time_signatures(score), end_tick(score)


def spelled(representation, array):
    names = representation.names()
    return " ".join(names[symbol] for symbol in array)


def test_a_melody_with_a_pickup_in_words():
    score = piano((0, 480, 67), (480, 960, 72), (480, 480, 60), meters=[(0, 1, 4), (480, 4, 4)])
    remi = RemiConfig().fit([score])
    assert spelled(remi, remi.encode(score).array) == (
        "Bar TimeSig_1/4 Position_0 Pitch_67 Duration_12 "
        "Bar TimeSig_4/4 Position_0 Pitch_60 Duration_12 Pitch_72 Duration_24 <end>"
    )


def test_tracks_tempos_and_velocities_in_words():
    score = make(
        (0, False, "Tenor", [(0, 480, 55, 64), (960, 40, 57, 100)]),
        (0, False, "Bass", [(0, 480, 40, 64)]),
        (0, True, "Kit", [(0, 40, 36, 100)]),
        tempos=[(0, 500_000), (960, 250_000)],
    )
    remi = RemiConfig().fit([score])
    assert spelled(remi, remi.encode(score).array) == (
        "Bar TimeSig_4/4 Position_0 Tempo_120.00 Track_0:0 Pitch_55 Velocity_64 Duration_12 "
        "Track_0:1 Pitch_40 Velocity_64 Duration_12 Track_drums-0:0 Pitch_36 Velocity_100 Duration_1 "
        "Position_24 Tempo_240.00 Track_0:0 Pitch_57 Velocity_100 Duration_1 <end>"
    )
    assert content(remi.decode(remi.encode(score).array)) == content(score)


def test_a_long_note_takes_several_durations_that_add_up():
    score = piano((0, 3 * 96 * STEP, 60), (0, (96 + 5) * STEP, 64))
    remi = RemiConfig().fit([score])
    array = remi.encode(score).array
    assert spelled(remi, array) == (
        "Bar TimeSig_4/4 Position_0 Pitch_60 Duration_96 Duration_96 Duration_96 Pitch_64 Duration_96 Duration_5 <end>"
    )
    assert content(remi.decode(array)) == content(score)


def test_silence_at_the_end_comes_back_at_a_bar_line_and_within_a_bar():
    for end, words in ((3840, "Bar Bar <end>"), (2880, "Bar Position_24 <end>"), (960, "Position_24 <end>")):
        score = piano((0, 480, 60), end=end)
        remi = RemiConfig().fit([score])
        array = remi.encode(score).array
        assert spelled(remi, array).endswith("Duration_12 " + words)
        assert end_tick(remi.decode(array)) == end
    score = piano((0, 480, 60), end=480)  # says nothing that the note does not
    assert spelled(remi, remi.encode(score).array).endswith("Duration_12 <end>")


def test_tempos_between_those_that_were_seen_are_known_and_others_counted():
    slow, fast = (piano((0, 480, 60), tempos=[(0, mspq)]) for mspq in (1_000_000, 500_000))
    remi = RemiConfig().fit([slow, fast])
    for mspq in (900_000, 750_000, 517_241):  # 66.7, 80 and 116 quarters a minute
        encoded = remi.encode(piano((0, 480, 60), tempos=[(0, mspq)]))
        assert remi.decode(encoded.array).tempos[0].mspq == pytest.approx(mspq, rel=0.015)
        assert not encoded.lost.get("tempos")
    assert remi.encode(piano((0, 480, 60), tempos=[(0, 250_000)])).lost["tempos"] == 1


def test_one_tempo_or_velocity_is_no_symbol_but_comes_back_exactly():
    score = make((11, False, "Vibes", [(0, 480, 60, 91)]), tempos=[(0, 612_345)])
    remi = RemiConfig().fit([score])
    assert not any(name.startswith(("Tempo", "Velocity", "Track")) for name in remi.names())
    assert content(remi.decode(remi.encode(score).array)) == content(score)
    other = make((0, False, "Vibes", [(0, 480, 60, 64)]), tempos=[(0, 500_000)])
    assert remi.encode(other).lost == {"velocities": 1, "tempos": 1, "tracks": 1}


def test_what_comes_after_the_end_is_left_alone():
    score = piano(
        (0, 480, 60), meters=[(0, 4, 4), (99_840, 3, 4)], tempos=[(0, 500_000), (240, 250_000), (100_000, 400_000)]
    )
    remi = RemiConfig().fit([score])
    assert spelled(remi, remi.encode(score).array) == (
        "Bar TimeSig_4/4 Position_0 Tempo_120.00 Pitch_60 Duration_12 Position_6 Tempo_240.00 <end>"
    )
    assert remi.encode_prompt(score).array.tolist() == remi.encode(score).array[:-1].tolist()


METERS = [(4, 4), (3, 4), (2, 4), (6, 8), (7, 8), (5, 8), (1, 4), (2, 2), (3, 16)]


@st.composite
def scores_on_the_grid(draw):
    """Bars of several meters (perhaps a pickup), long notes, drums, tempos of the tempo grid, an end in silence."""
    meters, lines, tick = [], [], 0
    pickup = draw(st.booleans())
    for index in range(draw(st.integers(1, 4))):
        numerator, denominator = (1, 4) if pickup and index == 0 else draw(st.sampled_from(METERS))
        count = 1 if pickup and index == 0 else draw(st.integers(1, 3))
        if not meters or meters[-1][1:] != (numerator, denominator):
            meters.append((tick, numerator, denominator))
        for _ in range(count):
            lines.append(tick)
            tick += 1920 * numerator // denominator
    steps = tick // STEP
    tracks = []
    for number in range(draw(st.integers(1, 4))):
        is_drum = draw(st.booleans())
        program = draw(st.sampled_from([0, 0, 40]))
        found = draw(
            st.lists(
                st.tuples(
                    st.integers(0, steps - 1), st.integers(1, 250), st.integers(0, 127), st.sampled_from([30, 64, 127])
                ),
                min_size=1,
                max_size=12,
                unique_by=lambda note: (note[0], note[2]),
            )
        )
        notes = [(at * STEP, length * STEP, pitch, velocity) for at, length, pitch, velocity in found]
        tracks.append((program, is_drum, f"track {number}", notes))
    music_end = max(time + length for _, _, _, notes in tracks for time, length, _, _ in notes)
    end = draw(st.none() | st.integers(1, steps).map(lambda step: step * STEP))
    last = max(music_end, end or 0)
    changes = draw(st.lists(st.tuples(st.integers(1, max(1, last // STEP - 1)), st.integers(-20, 20)), max_size=4))
    tempos = {0: 0, **dict(changes)}
    tempos = [(at * STEP, round(500_000 * 2 ** (-k / 24))) for at, k in sorted(tempos.items()) if at * STEP < last]
    meters = [meter for meter in meters if meter[0] < last]
    return make(*tracks, meters=meters, tempos=tempos, end=end)


@PROPERTY
@given(scores_on_the_grid())
def test_scores_on_the_grid_come_back_exactly(score):
    remi = RemiConfig().fit([score])
    encoded = remi.encode(score)
    assert encoded.lost == {}
    back = remi.decode(encoded.array)
    assert content(back) == content(score)
    assert np.array_equal(remi.encode(back).array, encoded.array)
    assert remi.units(encoded.array)["notes"] == note_count(score)


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 3000), st.integers(0, 127)), min_size=1, max_size=30),
    st.sampled_from([96, 220, 480, 1024]),
    st.sampled_from([(4, 4), (7, 8), (5, 32), (3, 64)]),
)
def test_off_the_grid_onsets_and_ends_move_by_half_a_step_at_most(notes, tpq, meter):
    """Each note has a pitch of its own, so that it can be found again."""
    notes = [(time, length, pitch, 64) for pitch, (time, length, _) in enumerate(notes)]
    score = make((0, False, "", notes), meters=[(0, *meter)], tpq=tpq)
    remi = RemiConfig().fit([score])
    encoded = remi.encode(score)
    back = {
        note.pitch: (note.time / 480, (note.time + note.duration) / 480)
        for note in remi.decode(encoded.array).tracks[0].notes
    }
    half = 0.5 / 12 + 1e-9
    short = 0
    for time, length, pitch, _ in notes:
        onset, end = back[pitch]
        assert abs(onset - time / tpq) <= half
        if round((end - onset) * 12) > 1:
            assert abs(end - (time + length) / tpq) <= half
        short += (time + length) / tpq - onset < half - 2e-9
    assert encoded.lost.get("short notes", 0) == short


def test_a_bar_cut_short_gets_its_real_length_and_later_times_stay():
    score = piano((0, 480, 60), (2880, 480, 62), (4320, 480, 64), meters=[(0, 4, 4), (2880, 3, 4)])
    remi = RemiConfig().fit([score])
    encoded = remi.encode(score)
    assert encoded.lost == {"bars cut short": 1}
    back = remi.decode(encoded.array)
    assert time_signatures(back) == [(0, 4, 4), (1920, 2, 4), (2880, 3, 4)]
    assert [note.time for note in back.tracks[0].notes] == [0, 2880, 4320]
    assert np.array_equal(remi.encode(back).array, encoded.array)


def test_an_unknown_meter_is_made_of_known_ones_but_refused_in_a_prompt():
    remi = RemiConfig().fit([piano((0, 480, 60), meters=[(0, 1, 4), (480, 4, 4)])])
    score = piano((0, 480, 60), (2400, 480, 62), (4800, 480, 64), meters=[(0, 5, 4), (4800, 4, 4)])
    encoded = remi.encode(score)
    assert encoded.lost == {"time signatures": 1}
    back = remi.decode(encoded.array)
    assert [note.time for note in back.tracks[0].notes] == [0, 2400, 4800]
    assert time_signatures(back)[:3] == [(0, 4, 4), (1920, 1, 4), (2400, 4, 4)]
    with pytest.raises(UsageError, match=r"5/4.*knows 1/4, 2/4, 3/4, 6/8, 4/4.*train"):
        remi.encode_prompt(score)


@pytest.mark.parametrize("meter", [(17, 4), (1, 128), (3, 5), (255, 1)])
def test_meters_that_no_symbol_can_stand_for_lose_only_the_meter(meter):
    score = piano((0, 480, 60), (9600, 480, 62), (20_000, 480, 64), meters=[(0, *meter)])
    remi = RemiConfig().fit([score])
    encoded = remi.encode(score)
    assert encoded.lost == {"time signatures": 1}
    assert [note.time for note in remi.decode(encoded.array).tracks[0].notes] == [0, 9600, 20_000]


def test_what_is_lost_is_counted():
    score = make((0, False, "Solo", [(0, 480, 60, 64), (4, 960, 60, 64), (0, 2, 62, 64), (480, 480, 64, 64)]))
    track = score.tracks[0]
    track.lyrics.extend([TextMeta(0, "la"), TextMeta(480, "la")])
    track.controls.append(ControlChange(0, 7, 100))
    track.pedals.append(Pedal(0, 480))
    track.pitch_bends.append(PitchBend(0, 100))
    score.key_signatures.append(KeySignature(0, 1, 0))
    score.markers.extend([TextMeta(0, "fermata"), TextMeta(4800, "end")])
    remi = RemiConfig().fit([score])
    encoded = remi.encode(score)
    assert encoded.lost == {
        "lyrics": 2,
        "controls": 1,
        "pedals": 1,
        "pitch bends": 1,
        "key signatures": 1,
        "markers": 1,
        "short notes": 1,
        "duplicate notes": 1,
    }
    kept = remi.decode(encoded.array).tracks[0].notes
    assert [(note.time, note.duration, note.pitch) for note in kept] == [(0, 960, 60), (0, 40, 62), (480, 480, 64)]


def test_voices_of_one_program_stay_apart_and_keep_their_names():
    voices = ["Soprano", "Alto", "Tenor", "Bass"]
    chorale = make(*[(0, False, name, [(0, 480, 72 - 5 * k, 64)]) for k, name in enumerate(voices)])
    remi = RemiConfig().fit([chorale])
    assert [track.name for track in remi.decode(remi.encode(chorale).array).tracks] == voices
    only_bass = make((0, False, "Bass", [(0, 480, 48, 64)]))
    encoded = remi.encode(only_bass)
    assert encoded.lost == {}
    assert [track.name for track in remi.decode(encoded.array).tracks] == ["Bass"]


def test_a_track_of_an_unknown_program_goes_to_the_nearest_and_drums_never_become_pitches():
    trained = make((0, False, "Piano", [(0, 480, 60, 64)]), (40, False, "Violin", [(0, 480, 72, 64)]))
    remi = RemiConfig().fit([trained])
    score = make((42, False, "Cello", [(0, 480, 48, 64)]), (0, True, "Kit", [(0, 480, 36, 64), (480, 480, 38, 64)]))
    encoded = remi.encode(score)
    assert encoded.lost == {"tracks": 2, "track names": 1, "notes without a track": 2}
    assert [(t.program, t.name, len(t.notes)) for t in remi.decode(encoded.array).tracks] == [(40, "Violin", 1)]


def test_a_prompt_that_ends_at_a_bar_line_opens_the_next_bar():
    remi = RemiConfig().fit([piano((0, 480, 60))])
    full = remi.encode_prompt(piano((0, 480, 60), (1440, 479, 62)))
    assert spelled(remi, full.array).endswith("Duration_12 Bar")
    half = remi.encode_prompt(piano((0, 480, 60), (960, 480, 62)))
    assert spelled(remi, half.array).endswith("Position_24 Pitch_62 Duration_12")
    held = remi.encode_prompt(piano((0, 2 * 1920, 60)))
    assert spelled(remi, held.array).endswith("Duration_96 Bar Bar")
    silent = remi.encode_prompt(clip(piano((0, 480, 60), (1920, 480, 62)), 1920))
    assert spelled(remi, silent.array).endswith("Duration_12 Bar")


def test_a_prompt_without_notes_or_of_text_is_refused():
    remi = RemiConfig().fit([piano((0, 480, 60))])
    with pytest.raises(UsageError, match="no notes"):
        remi.encode_prompt(Score(480))
    with pytest.raises(UsageError, match="text"):
        remi.encode("la la la")


def test_transposing_moves_all_but_drums():
    score = make((0, False, "", [(0, 480, 60, 64), (480, 480, 100, 64)]), (0, True, "", [(0, 480, 36, 64)]))
    remi = RemiConfig().fit([score])
    array = remi.encode(score).array.astype(np.uint16)
    down = remi.transposed(array, -5)
    assert down.dtype == np.uint16
    assert [[note.pitch for note in track.notes] for track in remi.decode(down).tracks] == [[55, 95], [36]]
    assert remi.transposed(array, 8) is not None
    assert remi.transposed(array, 9) is None  # 109 is beyond the piano
    low = piano((0, 480, 10))
    below = RemiConfig().fit([low])
    array = below.encode(low).array
    assert below.transposed(array, -10) is not None  # was outside before
    assert below.transposed(array, -11) is None


def test_units_are_notes_and_seconds():
    score = piano((0, 480, 60), (480, 480, 62), tempos=[(0, 1_000_000), (480, 500_000)], end=1920)
    remi = RemiConfig().fit([score])
    units = remi.units(remi.encode(score).array)
    assert units == {"notes": 2.0, "seconds": pytest.approx(1.0 + 3 * 0.5)}


def test_a_window_from_the_middle_of_a_piece_decodes():
    score = make(*[(0, False, f"{k}", [(480 * n, 480, 60 + k, 64) for n in range(16)]) for k in range(2)])
    remi = RemiConfig().fit([score])
    array = remi.encode(score).array
    for start in range(0, len(array), 7):
        assert note_count(remi.decode(array[start : start + 20])) >= 2


def test_foreign_and_damaged_states_are_named():
    config = RemiConfig()
    state = config.fit([piano((0, 480, 60))]).state()
    with pytest.raises(UsageError, match="note_chords"):
        config.restore({**state, "representation": "note_chords"})
    with pytest.raises(UsageError, match="meters"):
        config.restore({key: value for key, value in state.items() if key != "meters"})
    with pytest.raises(UsageError, match=r"meters.*\(4, 3\)"):
        config.restore({**state, "meters": [[4, 3]]})
    with pytest.raises(UsageError, match="damaged"):
        config.restore({**state, "tracks": [{"program": "x"}]})
    with pytest.raises(UsageError, match=r"max_duration=96.*48"):
        RemiConfig(max_duration=48).restore(state)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps_per_quarter", 7), ("steps_per_quarter", 0), ("velocity_bins", 0), ("max_duration", 0)],
)
def test_settings_that_make_no_sense_are_refused(setting, value):
    with pytest.raises(UsageError, match=f"{setting} must.*{value}"):
        RemiConfig(**{setting: value})


def test_rare_tracks_and_meters_are_left_out_of_a_small_vocabulary():
    common = piano((0, 480, 60), meters=[(0, 5, 8)])
    rare = make((9, False, "Bell", [(0, 480, 60, 64)]), meters=[(0, 11, 8)])
    remi = RemiConfig(max_tracks=1, max_meters=1).fit([common, common, rare])
    assert {name for name in remi.names() if name.startswith("TimeSig")} == {
        f"TimeSig_{meter}" for meter in ("5/8", "4/4", "3/4", "2/4", "6/8")
    }
    assert remi.encode(rare).lost == {"tracks": 1, "track names": 1, "time signatures": 1}


def test_the_pickup_of_a_score_is_one_after_the_round_trip():
    score = piano((0, 480, 60), (480, 1920, 62), meters=[(0, 1, 4), (480, 4, 4)])
    remi = RemiConfig().fit([score])
    assert has_pickup(remi.decode(remi.encode(score).array))
