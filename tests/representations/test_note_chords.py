"""note_chords: the names are music21's, the symbols come back, and what is dropped is counted."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track

from erato.errors import UsageError
from erato.representations import NoteChordsConfig
from erato.representations.note_chords import chord_name, normal_order, note_name
from erato.score import end_tick, seconds, transpose

PROPERTY = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
)


def make(*tracks, tpq=480, tempo=None, end=None):
    """tracks: (is_drum, [(time, duration, pitch), ...])"""
    score = Score(tpq)
    for is_drum, notes in tracks:
        track = Track("", 0, is_drum)
        for note in notes:
            track.notes.append(Note(*note, 90))
        score.tracks.append(track)
    if tempo:
        score.tempos.append(Tempo(0, tempo))
    if end:
        score.markers.append(TextMeta(end, "end"))
    return score


def words(representation, piece):
    names = representation.names()
    return [names[symbol] for symbol in representation.encode(piece).array]


def array_of(representation, text):
    return np.array([representation.names().index(word) for word in text.split()])


TRIAD = make((False, [(0, 480, 60), (0, 480, 64), (0, 480, 67), (480, 240, 70), (720, 720, 60), (720, 720, 72)]))


def pitch_classes(classes):
    return [n for n in range(12) if classes >> n & 1]


def test_notes_are_named_as_music21_names_them():
    from music21.pitch import Pitch

    assert [note_name(midi) for midi in range(128)] == [str(Pitch(midi=midi)) for midi in range(128)]


def test_chords_are_named_as_music21_names_them():
    from music21.chord import Chord

    for classes in [1, 0b100000000001, 4095, *random.Random(0).sample(range(1, 4096), 150)]:
        assert chord_name(classes) == ".".join(str(n) for n in Chord(pitch_classes(classes)).normalOrder)


@pytest.mark.slow
def test_every_chord_is_named_as_music21_names_it():
    from music21.chord import Chord

    for classes in range(1, 4096):
        assert list(normal_order(classes)) == Chord(pitch_classes(classes)).normalOrder


def test_what_begins_together_is_one_symbol_and_an_octave_is_a_one_number_chord():
    fitted = NoteChordsConfig().fit([TRIAD])
    assert fitted.names() == ["<start>", "<end>", "0", "0.4.7", "B-4"]
    assert words(fitted, TRIAD) == ["0.4.7", "B-4", "0", "<end>"]
    first_inversion = make((False, [(0, 480, 64), (0, 480, 67), (0, 480, 72)]))
    assert words(fitted, first_inversion) == ["0.4.7", "<end>"]


def test_onsets_of_all_voices_merge_on_the_grid_and_drums_stay_out():
    piece = make(
        (False, [(0, 480, 60), (15, 480, 64)]), (False, [(3, 480, 67), (480, 480, 70)]), (True, [(480, 10, 36)])
    )
    fitted = NoteChordsConfig().fit([TRIAD])
    encoded = fitted.encode(piece)
    assert [fitted.names()[symbol] for symbol in encoded.array] == ["0.4.7", "B-4", "<end>"]
    assert encoded.lost == {"tracks": 1, "drum notes": 1, "advances": 2}


def test_two_voices_in_unison_are_a_note():
    piece = make((False, [(0, 480, 60)]), (False, [(0, 480, 60)]))
    fitted = NoteChordsConfig().fit([piece])
    assert words(fitted, piece) == ["C4", "<end>"]
    assert fitted.encode(piece).lost["unisons"] == 1


def test_chords_are_written_from_octave_four_and_symbols_sound_until_the_next():
    fitted = NoteChordsConfig().fit([TRIAD])
    score = fitted.decode(array_of(fitted, "0.4.7 B-4 0 <end>"))
    assert [(n.time, n.duration, n.pitch) for n in score.tracks[0].notes] == [
        (0, 240, 60),
        (0, 240, 64),
        (0, 240, 67),
        (240, 240, 70),
        (480, 240, 60),
        (480, 240, 72),
    ]
    assert [(t.time, round(t.qpm)) for t in score.tempos] == [(0, 120)]
    assert [(t.numerator, t.denominator) for t in score.time_signatures] == [(4, 4)]
    assert score.tracks[0].program == 0


def test_learnt_advances_are_second_symbols():
    fitted = NoteChordsConfig(advance="learnt").fit([TRIAD])
    assert words(fitted, TRIAD) == ["0.4.7", "+1", "B-4", "+0.5", "0", "+1.5", "<end>"]
    score = fitted.decode(array_of(fitted, "B-4 +1.5 0.4.7 +0.5 0"))  # cut before its advance
    assert [(n.time, n.duration, n.pitch) for n in score.tracks[0].notes] == [
        (0, 720, 70),
        (720, 240, 60),
        (720, 240, 64),
        (720, 240, 67),
    ]
    ends_in_silence = make((False, [(0, 480, 70)]), end=720)
    assert words(fitted, ends_in_silence) == ["B-4", "+1.5", "<end>"]


def test_long_learnt_advances_are_capped_and_counted():
    long = make((False, [(0, 480, 60), (4800, 480, 60)]))
    fitted = NoteChordsConfig(advance="learnt", longest=4.0).fit([long])
    assert words(fitted, long) == ["C4", "+4", "C4", "+1", "<end>"]
    assert fitted.encode(long).lost == {"advances": 1, "rests": 1, "durations": 1}


def test_random_advances_depend_on_the_seed_and_the_symbols_alone():
    piece = make((False, [(480 * n, 480, 60 + n % 7) for n in range(60)]))
    first, again, other = (NoteChordsConfig(advance="random", seed=seed).fit([piece]) for seed in (1, 1, 2))
    array = first.encode(piece).array
    onsets = [[note.time for note in r.decode(array).tracks[0].notes] for r in (first, again, other)]
    assert onsets[0] == onsets[1] != onsets[2]
    assert set(np.diff(onsets[0]).tolist()) == {120, 240, 480}
    assert [note.time for note in first.decode(array[:20]).tracks[0].notes] == onsets[0][:20]


def test_unknown_symbols_become_the_nearest_known_ones():
    known = make(
        (False, [(0, 240, 60), (240, 240, 72), (480, 240, 62), (720, 240, 64), (720, 240, 67), (720, 240, 71)])
    )
    fitted = NoteChordsConfig().fit([known])
    assert fitted.names()[2:] == ["4.7.11", "C4", "C5", "D4"]
    piece = make((False, [(0, 240, 84), (240, 240, 61), (480, 240, 64), (480, 240, 67), (720, 240, 62)]))
    encoded = fitted.encode(piece)
    assert [fitted.names()[symbol] for symbol in encoded.array] == ["C5", "C4", "4.7.11", "D4", "<end>"]
    assert encoded.lost == {"unknown notes": 2, "unknown chords": 1}


def test_a_kind_that_was_never_fitted_is_left_out():
    only_notes = NoteChordsConfig().fit([make((False, [(0, 240, 60)]))])
    encoded = only_notes.encode(make((False, [(0, 240, 60), (240, 240, 60), (240, 240, 64)])))
    assert [only_notes.names()[symbol] for symbol in encoded.array] == ["C4", "<end>"]
    assert encoded.lost["chords left out"] == 1


def test_what_is_dropped_is_counted():
    piece = make((False, [(240, 120, 60), (480, 240, 76), (480, 240, 60), (960, 240, 4)]), tempo=90)
    piece.time_signatures.append(TimeSignature(0, 3, 4))
    piece.tracks[0].notes[0].velocity = 40
    piece.tracks[0].lyrics.append(TextMeta(0, "la"))
    fitted = NoteChordsConfig().fit([piece])
    assert fitted.encode(piece).lost == {
        "lyrics": 1,
        "tempos": 1,
        "time signatures": 1,
        "velocities": 1,
        "rests": 3,  # at the beginning, and before the second and the last onset
        "durations": 3,
        "octaves": 1,
        "advances": 1,
        "notes named as higher ones": 1,  # E in octave -1 is spelt like E flat in octave 1
    }


EVERYTHING = make(
    (False, [(240 * n, 240 * (1 + n % 3), n) for n in range(128)]),
    (False, [(240 * n, 240, (n * 5) % 128) for n in range(60)]),
)


@pytest.mark.parametrize("advance", ["fixed", "random", "learnt"])
def test_any_row_of_symbols_comes_back_from_its_score(advance):
    fitted = NoteChordsConfig(advance=advance).fit([EVERYTHING, TRIAD])
    border = fitted.first_advance

    @PROPERTY
    @given(
        st.lists(
            st.tuples(st.integers(2, border - 1), st.integers(border, max(border, fitted.space.size - 1))), max_size=40
        )
    )
    def comes_back(pairs):
        array = [symbol for pair in pairs for symbol in (pair if advance == "learnt" else pair[:1])]
        array = np.array([*array, fitted.space.end])
        score = fitted.decode(array)
        assert np.array_equal(fitted.encode(score).array, array)
        units = fitted.units(array)
        assert units["notes"] == len(pairs)
        assert units["seconds"] == pytest.approx(seconds(score))

    comes_back()


@pytest.mark.parametrize("advance", ["fixed", "random", "learnt"])
def test_the_cursor_counts_seconds_but_no_bars(advance):
    fitted = NoteChordsConfig(advance=advance, tempo=60).fit([TRIAD])
    array = fitted.encode(TRIAD).array
    cursor = fitted.cursor(1)
    assert cursor.bars is None
    for symbol in array:
        assert cursor.allowed()[0, symbol]
        cursor.push(np.array([symbol]))
    assert cursor.done.tolist() == [True]
    assert cursor.seconds == pytest.approx([end_tick(fitted.decode(array)) / 480])


def test_notes_and_learnt_advances_alternate():
    fitted = NoteChordsConfig(advance="learnt").fit([TRIAD])
    cursor = fitted.cursor(1)
    border = fitted.first_advance
    assert cursor.allowed()[0].tolist() == [symbol != 0 and symbol < border for symbol in range(fitted.space.size)]
    cursor.push(np.array([2]))
    assert cursor.allowed()[0].tolist() == [symbol >= border for symbol in range(fitted.space.size)]


def test_music_without_pitches_and_texts_are_refused():
    with pytest.raises(UsageError, match="no pitched note"):
        NoteChordsConfig().fit([make((True, [(0, 10, 36)]))])
    with pytest.raises(UsageError, match="text"):
        NoteChordsConfig().fit(["la la"])
    fitted = NoteChordsConfig().fit([TRIAD])
    assert words(fitted, Score(480)) == ["<end>"]


def test_foreign_and_damaged_states_are_named():
    config = NoteChordsConfig()
    state = config.fit([TRIAD]).state()
    with pytest.raises(UsageError, match="'remi'"):
        config.restore({**state, "representation": "remi"})
    with pytest.raises(UsageError, match=r"'fixed'.*'learnt'"):
        NoteChordsConfig(advance="learnt").restore(state)
    for bad in ("H4", "4.0.7", "", "12", 7):
        with pytest.raises(UsageError, match="no note and no chord"):
            config.restore({**state, "symbols": [bad]})
    with pytest.raises(UsageError, match="symbols"):
        config.restore({**state, "symbols": ["C4", "C4"]})
    with pytest.raises(UsageError, match="advances"):
        config.restore({**state, "advances": None})


@pytest.mark.parametrize(
    ("setting", "value"), [("fixed", 0.3), ("fixed", 0.0), ("random", (0.5, -1.0)), ("longest", 0.01), ("tempo", 0.0)]
)
def test_settings_that_make_no_sense_are_refused(setting, value):
    with pytest.raises(UsageError, match="must be"):
        NoteChordsConfig(**{setting: value})


def test_every_key_lets_pieces_be_transposed_and_back():
    score = make(
        (False, [(0, 480, 60), (480, 480, 60), (480, 480, 64), (480, 480, 67), (960, 480, 57), (960, 480, 60)])
    )
    plain = NoteChordsConfig().fit([score])
    every = NoteChordsConfig(every_key=True).fit([score])
    symbols = every.encode(score).array
    for semitones in range(-6, 7):
        moved = every.transposed(symbols, semitones)
        assert moved.tolist() == every.encode(transpose(score, semitones)).array.tolist()
        assert every.transposed(moved, -semitones).tolist() == symbols.tolist()
    assert plain.transposed(plain.encode(score).array, 1) is None
    assert sum("." in symbol for symbol in every.symbols) == 24  # a triad and a third in twelve keys
