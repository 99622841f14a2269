"""What we do with scores, against values worked out by hand."""

import numpy as np
import pytest
from symusic import KeySignature, Note, Pedal, Score, Tempo, TextMeta, TimeSignature, Track

from erato import score as s
from erato.errors import UsageError
from erato.general_midi import program_number


def make(notes=(), meters=(), tempos=(), markers=(), tpq=480, drums=()):
    result = Score(tpq)
    for is_drum, group in ((False, notes), (True, drums)):
        if group:
            track = Track("", 0, is_drum)
            for note in group:
                track.notes.append(Note(*note, 64))
            result.tracks.append(track)
    for meter in meters:
        result.time_signatures.append(TimeSignature(*meter))
    for time, qpm in tempos:
        result.tempos.append(Tempo(time, qpm))
    for marker in markers:
        result.markers.append(TextMeta(*marker))
    return result


def spans(found):
    return [(bar.start, bar.end, bar.numerator, bar.denominator) for bar in found]


def test_a_piece_ends_with_its_last_sound_or_its_end_marker():
    assert s.end_tick(make()) == 0
    assert s.end_tick(make([(0, 480, 60), (100, 900, 62)])) == 1000
    assert s.end_tick(make([(0, 480, 60)], markers=[(1920, "end")])) == 1920
    assert s.end_tick(make([(0, 480, 60)], markers=[(100, "end"), (5000, "coda")])) == 480


def test_time_signatures_begin_at_zero_and_the_later_of_two_at_one_tick_counts():
    assert s.time_signatures(make()) == [(0, 4, 4)]
    meters = [(1920, 3, 4), (480, 2, 4), (1920, 6, 8)]
    assert s.time_signatures(make(meters=meters)) == [(0, 4, 4), (480, 2, 4), (1920, 6, 8)]


def test_bars_follow_the_meter():
    piece = make([(0, 3500, 60)], meters=[(0, 7, 8)])
    assert spans(s.bars(piece)) == [(0, 1680, 7, 8), (1680, 3360, 7, 8), (3360, 5040, 7, 8)]
    assert spans(s.bars(piece, until=1680)) == [(0, 1680, 7, 8)]
    assert spans(s.bars(make())) == [(0, 1920, 4, 4)]


def test_a_change_of_meter_cuts_the_bar_it_falls_into():
    piece = make([(0, 4000, 60)], meters=[(0, 4, 4), (2880, 3, 4)])
    assert spans(s.bars(piece)) == [(0, 1920, 4, 4), (1920, 2880, 4, 4), (2880, 4320, 3, 4)]


def test_a_pickup_is_a_bar_of_its_own():
    piece = make([(0, 2400, 60)], meters=[(0, 1, 4), (480, 4, 4)])
    assert spans(s.bars(piece)) == [(0, 480, 1, 4), (480, 2400, 4, 4)]
    assert s.has_pickup(piece)
    assert not s.has_pickup(make([(0, 2400, 60)], meters=[(0, 4, 4), (1920, 3, 4)]))
    assert not s.has_pickup(make([(0, 2400, 60)], meters=[(0, 2, 4), (1920, 3, 4)]))  # two bars of 2/4
    assert not s.has_pickup(make([(0, 2400, 60)]))


def test_bar_lines_between_ticks_do_not_drift():
    piece = make([(0, 5, 60)], meters=[(0, 1, 32)], tpq=10)  # a bar is 1.25 ticks
    assert [bar.end for bar in s.bars(piece)] == [1, 2, 4, 5]


def test_thousands_of_bars_and_meters_beyond_the_end():
    piece = make([(0, 3000 * 1680, 60)], meters=[(0, 7, 8), (2_000_000_000, 4, 4)])
    found = s.bars(piece)
    assert len(found) == 3000
    assert found[-1] == s.Bar(2999 * 1680, 3000 * 1680, 7, 8)


def test_the_line_of_a_bar_also_beyond_the_end():
    piece = make([(0, 2000, 60)], meters=[(0, 1, 4), (480, 4, 4)])
    assert [s.bar_line(piece, number) for number in (0, 1, 2, 3)] == [480, 2400, 4320, 6240]
    assert s.bar_line(make([(0, 10, 60)]), 0) == 0
    assert s.bar_line(make([(0, 10, 60)], meters=[(0, 3, 4)]), 4) == 4 * 1440


def test_seconds_follow_the_tempo():
    piece = make([(0, 1440, 60)], tempos=[(480, 60)])  # 120 until the first tempo
    at = s.seconds_at(piece, np.array([0, 240, 480, 960, 1440]))
    assert at == pytest.approx([0.0, 0.25, 0.5, 1.5, 2.5])
    assert s.seconds(piece) == pytest.approx(2.5)
    assert [s.tick_at(piece, seconds) for seconds in (0.0, 0.25, 1.5, 2.5)] == [0, 240, 960, 1440]


def test_transposing_leaves_drums_and_stays_within_midi():
    piece = make([(0, 480, 60), (0, 480, 125), (0, 480, 2)], drums=[(0, 480, 36)])
    up, down = s.transpose(piece, 7), s.transpose(piece, -14)
    assert [note.pitch for note in up.tracks[0].notes] == [67, 120, 9]
    assert [note.pitch for note in down.tracks[0].notes] == [46, 111, 0]
    assert up.tracks[1].notes[0].pitch == down.tracks[1].notes[0].pitch == 36
    assert piece.tracks[0].notes[0].pitch == 60


def test_clipping_cuts_what_sounds_and_leaves_out_what_begins_later():
    piece = make(
        [(0, 480, 60), (900, 480, 62), (960, 480, 64)], meters=[(0, 2, 4), (960, 3, 4)], tempos=[(0, 90), (960, 100)]
    )
    piece.tracks[0].pedals.append(Pedal(900, 500))
    piece.tracks[0].lyrics.append(TextMeta(960, "la"))
    cut = s.clip(piece, 960)
    assert [(note.time, note.duration) for note in cut.tracks[0].notes] == [(0, 480), (900, 60)]
    assert [(pedal.time, pedal.duration) for pedal in cut.tracks[0].pedals] == [(900, 60)]
    assert not len(cut.tracks[0].lyrics)
    assert s.time_signatures(cut) == [(0, 2, 4)]
    assert [tempo.time for tempo in cut.tempos] == [0]
    assert not len(cut.markers)  # the music itself ends there
    assert piece.tracks[0].notes[1].duration == 480
    assert len(piece.time_signatures) == 2


def test_clipping_marks_an_end_that_is_silent():
    piece = make([(0, 480, 60)], markers=[(600, "end"), (0, "fermata")])
    longer, shorter = s.clip(piece, 1920), s.clip(piece, 500)
    assert [(m.time, m.text) for m in longer.markers] == [(0, "fermata"), (1920, "end")]
    assert [s.end_tick(piece) for piece in (longer, shorter)] == [1920, 500]
    assert s.end_tick(piece) == 600


def test_a_part_keeps_what_is_in_force_and_leaves_the_whole_as_it_is():
    piece = make(
        [(0, 100, 60), (550, 100, 61), (700, 300, 62)],
        meters=[(0, 3, 4), (600, 2, 4), (800, 4, 4)],
        tempos=[(900, 80), (0, 100), (300, 90)],
    )
    piece.key_signatures.extend([KeySignature(0, 2, 0), KeySignature(650, 1, 0)])
    part = s.between(piece, 600, 800)
    assert [(note.time, note.duration, note.pitch) for note in part.tracks[0].notes] == [(100, 100, 62)]
    assert s.time_signatures(part) == [(0, 2, 4)]
    assert [(key.time, key.key) for key in part.key_signatures] == [(0, 2), (50, 1)]
    assert [(tempo.time, round(tempo.qpm)) for tempo in part.tempos] == [(0, 90)]
    assert not len(part.markers)
    assert [tempo.time for tempo in piece.tempos] == [900, 0, 300]
    assert [note.time for note in piece.tracks[0].notes] == [0, 550, 700]


def test_a_part_that_ends_in_silence_keeps_its_length():
    piece = make([(0, 480, 60), (3840, 480, 62)])
    part = s.between(piece, 0, 3840)
    assert len(s.bars(part)) == 2  # the second is a rest
    assert [(marker.time, marker.text) for marker in part.markers] == [(3840, "end")]


def test_a_marker_where_a_part_ends_belongs_to_what_follows():
    marks = [(0, "coda"), (1920, "fermata"), (3840, "chord:G"), (3840, "end")]
    piece = make([(0, 1920, 60), (1920, 1920, 62)], markers=marks)
    assert [(m.time, m.text) for m in s.slice_bars(piece, 1, 1).markers] == [(0, "coda")]
    assert [(m.time, m.text) for m in s.slice_bars(piece, 2, 2).markers] == [(0, "fermata")]


def test_a_slice_of_bars_stands_alone():
    piece = make(
        [(0, 480, 60), (480, 1920, 62), (2400, 960, 64), (3360, 960, 65), (4320, 480, 67)],
        meters=[(0, 1, 4), (480, 4, 4)],
        tempos=[(0, 90), (480, 100)],
    )
    piece.key_signatures.append(KeySignature(0, 2, 0))
    part = s.slice_bars(piece, 2, 2)
    assert [(note.time, note.duration, note.pitch) for note in part.tracks[0].notes] == [(0, 960, 64), (960, 960, 65)]
    assert s.time_signatures(part) == [(0, 4, 4)]
    assert [(tempo.time, round(tempo.qpm)) for tempo in part.tempos] == [(0, 100)]
    assert [(key.time, key.key) for key in part.key_signatures] == [(0, 2)]
    first = s.slice_bars(piece, 1, 1)
    assert [(note.time, note.pitch) for note in first.tracks[0].notes] == [(0, 62)]


def test_note_count_is_that_of_all_tracks():
    assert s.note_count(make([(0, 1, 60), (0, 1, 61)], drums=[(0, 1, 36)])) == 3


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("C4", 60),
        ("c4", 60),
        (" A4 ", 69),
        ("F#3", 54),
        ("Bb2", 46),
        ("B-2", 46),
        ("b2", 47),
        ("bb2", 46),
        ("Cb4", 59),  # in the octave that its letter is in
        ("B#3", 60),
        ("A0", 21),
        ("G9", 127),
        ("F#-1", 6),
        ("60", 60),
        ("0", 0),
        ("127", 127),
    ],
)
def test_a_pitch_is_a_number_or_a_name(name, number):
    assert s.pitch_number(name) == number


@pytest.mark.parametrize(
    "name", ["", "H4", "C", "C4x", "C10", "Ab9", "128", "-1", "6.0", "C##4", "Cb-1", "²", "C²", "nan"]
)
def test_what_is_no_pitch_is_a_sentence(name):
    with pytest.raises(UsageError, match=r"a pitch must be a name as in C4.*0 to 127, got"):
        s.pitch_number(name)


def test_a_program_is_that_of_all_tracks_but_drums():
    piece = make([(0, 480, 60)], drums=[(0, 480, 36)])
    piece.tracks.append(Track("Bass", 32, False))
    played = s.with_program(piece, 40)
    assert [(track.program, track.is_drum) for track in played.tracks] == [(40, False), (0, True), (40, False)]
    assert [track.program for track in piece.tracks] == [0, 0, 32]  # as it was
    assert [len(track.notes) for track in played.tracks] == [1, 1, 0]
    assert s.with_program("a text", 40) == "a text"


@pytest.mark.parametrize(
    ("name", "number"),
    [("violin", 40), (" Violin ", 40), ("acoustic grand piano", 0), ("Gunshot", 127), ("0", 0), ("127", 127), ("7", 7)],
)
def test_a_program_is_a_number_or_a_name_of_general_midi(name, number):
    assert program_number(name) == number


@pytest.mark.parametrize("name", ["128", "-1", "vioiln", "", "²", "4.0"])
def test_what_is_no_program_is_a_sentence(name):
    with pytest.raises(UsageError, match="unknown General MIDI program"):
        program_number(name)
    with pytest.raises(UsageError, match="did you mean Violin"):
        program_number("vioiln")
