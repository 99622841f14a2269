"""Several tracks at once against rows written out by hand: which tracks and bars are taken, and that it comes back."""

import json

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track

from erato.errors import UsageError
from erato.reading import arrays, midi
from erato.reading.base import Limits
from erato.renderers.midi import midi_bytes
from erato.representations import MultitrackConfig
from erato.representations.multitrack import Multitrack
from erato.score import bars

STEP = 120  # ticks


def track_of(name, *notes, program=0, drum=False):
    """A track of notes (step, steps, pitch), 480 ticks a quarter."""
    track = Track(name, program, drum)
    for onset, length, pitch in notes:
        track.notes.append(Note(round(onset * STEP), round(length * STEP), pitch, 80))
    return track


def score_of(*tracks, meters=(), end=None):
    """meters: (step, numerator, denominator)."""
    score = Score(480)
    score.tempos.append(Tempo(0, mspq=round(60e6 / 66)))
    for step, *meter in meters:
        score.time_signatures.append(TimeSignature(step * STEP, *meter))
    score.tracks.extend(tracks)
    if end is not None:
        score.markers.append(TextMeta(end * STEP, "end"))
    return score


def line(length, pitch, first=0, each=4):
    """Notes of `each` steps, one after another, on one pitch."""
    return [(first + at, each, pitch) for at in range(0, length, each)]


def plain(config=None, **settings):
    """What is made of a config before anything is learned."""
    config = config or MultitrackConfig(**settings)
    names = config.parts or ("soprano", "alto", "tenor", "bass")[: config.tracks]
    return Multitrack(config, tuple(names), (0,) * config.tracks)


def held_bars(score, tracks=1, **settings):
    """The `bars` of what was used, and what was lost."""
    encoded = plain(tracks=tracks, **settings).encode(score)
    return encoded.used.get("bars"), encoded.lost


DUET = {"tracks": 2, "bars": 1, "steps": 4, "beat": 2}  # 2/4 in eighths: small enough to write out


def test_each_track_sounds_its_pitch_from_onset_to_end():
    # Eighths: a rest and three steps of C4; E3, E3, a rest, G3.
    high, low = track_of("high", (2, 6, 60)), track_of("low", (0, 4, 52), (6, 2, 55))
    encoded = plain(**DUET).encode(score_of(high, low, meters=[(0, 2, 4)]))
    assert encoded.array.tolist() == [[84, 52], [60, 52], [60, 84], [60, 55]]
    assert encoded.lost == {}
    assert encoded.used == {"tracks": ["high", "low"], "chosen by": "register", "bars": "1-1"}
    shifted = plain(lowest=48, pitches=24, **DUET).encode(score_of(high, low, meters=[(0, 2, 4)]))
    assert shifted.array.tolist() == [[24, 4], [12, 4], [12, 24], [12, 7]]


def test_times_go_to_the_nearest_step_and_a_note_lasts_one_at_least():
    # In sixteenths: 0.6 to 2.4 is 1 to 2; 3.5 goes up to 4 and lasts one; 16 begins a bar that is no whole one.
    score = score_of(track_of("", (0.6, 1.8, 60), (3.5, 0.1, 62), (4.6, 11.3, 64), (16, 0.5, 65)))
    array = plain(tracks=1, bars=1).encode(score).array
    assert array[:, 0].tolist() == [84, 60, 84, 84, 62, *[64] * 11]
    score.ticks_per_quarter = 240  # the same ticks are twice as many steps
    array = plain(tracks=1, bars=1).encode(score).array
    assert array[:8, 0].tolist() == [84, 60, 60, 60, 60, 84, 84, 62] and len(array) == 32


def test_of_what_sounds_together_the_highest_is_taken_and_of_the_last_track_the_lowest():
    # C4 for a bar, G4 over it in steps 2 and 3, E4 hidden by G4; in the bass the same an octave and a half lower.
    chord = [(0, 8, 60), (4, 4, 67), (4, 2, 64)]
    low = [(onset, length, pitch - 20) for onset, length, pitch in chord]
    encoded = plain(**DUET).encode(score_of(track_of("a", *chord), track_of("b", *low), meters=[(0, 2, 4)]))
    assert encoded.array.tolist() == [[60, 40], [60, 40], [67, 40], [67, 40]]
    assert encoded.lost == {"notes under or over others": 4}  # C4 and E4; of the bass G and E


def test_tracks_are_ordered_by_register_and_never_drums():
    tracks = [track_of("x", (0, 8, 50)), track_of("d", (0, 8, 99), drum=True), track_of("y", (0, 8, 70))]
    encoded = plain(**DUET).encode(score_of(*tracks, meters=[(0, 2, 4)]))
    assert encoded.array[0].tolist() == [70, 50] and encoded.lost == {"drum notes": 1}
    # Of three, the two that sound longest; the highest sounds for a step only.
    three = score_of(*tracks, track_of("z", (0, 2, 80)), meters=[(0, 2, 4)])
    encoded = plain(**DUET).encode(three)
    assert encoded.used["tracks"] == ["y", "x"] and encoded.lost == {"tracks": 1, "drum notes": 1}


def test_voices_of_a_choir_are_taken_by_name_whatever_their_register():
    names = ["Bass", "Tenor", "ALTO", "soprano"]
    score = score_of(*(track_of(name, *line(32, 60 + n)) for n, name in enumerate(names)), track_of("", (0, 32, 90)))
    encoded = Multitrack(MultitrackConfig(), ("a", "b", "c", "d"), (0,) * 4).encode(score)
    assert encoded.array[0].tolist() == [63, 62, 61, 60] and encoded.used["chosen by"] == "name"


def test_parts_choose_by_name_and_by_program_each_track_once():
    tracks = [
        track_of("lead", (0, 8, 60), program=40),
        track_of("", (0, 8, 61), program=40),
        track_of("VIOLIN", (0, 8, 62), program=3),
        track_of("", (0, 8, 63), program=42),
    ]
    score = score_of(*tracks, meters=[(0, 2, 4)])

    def chosen(*parts):
        config = MultitrackConfig(**{**DUET, "tracks": len(parts)}, parts=parts)
        found = config.fit([score]).encode(score)
        return found.array[0].tolist(), found.used["chosen by"]

    assert chosen("violin", "Lead") == ([62, 60], "name")  # a name before a program, also one that comes later
    assert chosen("violin", "violin", "40") == ([62, 60, 61], "name and program")
    assert chosen("cello", "40") == ([63, 62], "name and program")  # 40 is the violin
    assert chosen("42") == ([63], "program")
    with pytest.raises(UsageError, match=r"unknown track 'leed': did you mean lead\? "):
        chosen("leed", "cello")
    without = MultitrackConfig(**DUET, parts=("lead", "cello")).fit([score])
    other = score_of(*tracks[:3], meters=[(0, 2, 4)])
    assert without.encode(other).lost == {"pieces without a track cello": 1}


def test_a_piece_with_too_few_tracks_is_counted_and_empty():
    score = score_of(track_of("", *line(32, 60)), track_of("", *line(32, 50)), track_of("", *line(9, 9), drum=True))
    encoded = plain().encode(score)
    assert encoded.array.shape == (0, 4) and encoded.lost == {"pieces with fewer than 4 tracks": 1}
    assert encoded.used == {}


def test_a_piece_that_is_too_short_or_in_another_meter_is_counted_and_empty():
    short = score_of(track_of("", *line(28, 60)))  # a bar and three quarters
    assert plain(tracks=1).encode(short).lost == {"pieces shorter than 2 bars": 1}
    waltz = score_of(track_of("", *line(48, 60)), meters=[(0, 3, 4)])
    encoded = plain(tracks=1).encode(waltz)
    assert encoded.array.shape == (0, 1) and encoded.lost == {"pieces without 2 bars of 4/4 in a row": 1}
    encoded = plain(tracks=1, steps=12).encode(waltz)
    assert len(encoded.array) == 48 and encoded.used["bars"] == "1-4"
    silent = plain(tracks=1).encode(score_of(track_of("soprano")))
    assert len(silent.array) == 0 and silent.lost == {"pieces shorter than 2 bars": 1}


def test_a_pickup_and_a_last_bar_that_is_not_whole_are_left_out():
    # A pickup of a quarter on C4, two bars on D4, three quarters on E4.
    notes = [(0, 4, 60), *line(32, 62, 4), *line(12, 64, 36)]
    score = score_of(track_of("", *notes), meters=[(0, 1, 4), (4, 4, 4)])
    encoded = plain(tracks=1).encode(score)
    assert encoded.array[:, 0].tolist() == [62] * 32
    assert encoded.used["bars"] == "1-2" and encoded.lost["bars of another length"] == 2
    # With settings of which the pickup would be a bar, it is none either.
    score = score_of(track_of("", *line(16, 60)), meters=[(0, 1, 4), (4, 2, 4), (12, 1, 4)])
    assert held_bars(score, steps=4, bars=1)[0] == "2-2"


def test_a_last_bar_that_lacks_less_than_a_quarter_ends_in_a_rest():
    encoded = plain(tracks=1, bars=1).encode(score_of(track_of("", (0, 13, 60))))
    assert encoded.array[:, 0].tolist() == [60] * 13 + [84] * 3
    assert held_bars(score_of(track_of("", (0, 12, 60))), bars=1)[0] is None
    assert held_bars(score_of(track_of("", (0, 4, 60)), end=16), bars=1)[0] == "1-1"  # it says that it lasts a bar


def test_the_longest_stretch_of_whole_bars_is_taken():
    # 4/4 for two bars, one of 3/4, 4/4 for three bars, 5/4: bars 4 to 6.
    score = score_of(track_of("", *line(112, 60)), meters=[(0, 4, 4), (32, 3, 4), (44, 4, 4), (92, 5, 4)])
    found, lost = held_bars(score)
    assert found == "4-6" and lost["bars of another length"] == 2 and lost["bars apart from the longest stretch"] == 2
    # 2/2 and 4/4 are as long, so that all is one stretch.
    score = score_of(track_of("", *line(64, 60, each=8)), meters=[(0, 2, 2), (32, 4, 4)])
    assert held_bars(score)[0] == "1-4"
    # A bar that the next meter cuts off is not whole; of two stretches as long the first is taken.
    score = score_of(track_of("", *line(76, 60)), meters=[(0, 4, 4), (44, 4, 4)])
    found, lost = held_bars(score)
    assert found == "1-2" and lost["bars of another length"] == 1 and lost["bars apart from the longest stretch"] == 2


def test_shorter_bars_that_fill_whole_ones_are_joined():
    notes = [(at, 4, 60 + at // 4) for at in range(0, 44, 4)]  # eleven quarters
    encoded = plain(tracks=1).encode(score_of(track_of("", *notes), meters=[(0, 1, 4)]))
    assert encoded.array[::4, 0].tolist() == list(range(60, 68)) and encoded.used["bars"] == "1-8"
    assert encoded.lost == {"bars of another length": 3}
    # Two bars of 2/4 between bars of 4/4 are one; three are not, and end the stretch.
    score = score_of(track_of("", *line(64, 60)), meters=[(0, 4, 4), (16, 2, 4), (32, 4, 4)])
    assert held_bars(score)[0] == "1-5"
    score = score_of(track_of("", *line(88, 60)), meters=[(0, 4, 4), (16, 2, 4), (40, 4, 4)])
    assert held_bars(score)[0] == "5-7"
    assert held_bars(score_of(track_of("", *line(48, 60)), meters=[(0, 3, 4)]), steps=24)[0] == "1-4"  # two of 3/4


def test_a_note_from_before_the_first_bar_sounds_on_in_it():
    score = score_of(track_of("", (2, 6, 60), (8, 30, 62)), meters=[(0, 1, 4), (4, 4, 4)])
    array = plain(tracks=1).encode(score).array
    assert array[:, 0].tolist() == [60] * 4 + [62] * 28  # and the last is cut where the last whole bar ends


def test_pitches_outside_the_range_go_to_the_nearest_octave_in_it():
    pitches = [40, 47, 48, 59, 60, 71, 72, 95]
    score = score_of(track_of("", *((2 * at, 2, pitch) for at, pitch in enumerate(pitches))))
    encoded = plain(tracks=1, bars=1, lowest=48, pitches=24).encode(score)
    assert (encoded.array[::2, 0] + 48).tolist() == [52, 59, 48, 59, 60, 71, 60, 71]
    assert encoded.lost == {"notes moved by octaves": 4}
    with pytest.raises(UsageError, match=r"^pitch 40 is outside the range of 48 to 71: --set representation\.outside="):
        plain(tracks=1, bars=1, lowest=48, pitches=24, outside="refuse").encode(score)
    with pytest.raises(UsageError, match=r"^pitch 47 is outside the range of 60 to 66: no octave of it fits"):
        plain(tracks=1, bars=1, lowest=60, pitches=7).encode(score)
    top = plain(tracks=1, bars=1).encode(score)  # 84 pitches from 0: 95 is 83
    assert top.array[-1, 0] == 83 and top.lost == {"notes moved by octaves": 1}


def test_a_pitch_that_another_hides_is_not_moved_nor_refused_for_it():
    score = score_of(track_of("", (0, 16, 60), (0, 16, 10)))
    for outside in ("octaves", "refuse"):
        encoded = plain(tracks=1, bars=1, lowest=48, pitches=24, outside=outside).encode(score)
        assert encoded.lost == {"notes under or over others": 1}
    twice = score_of(track_of("", (0, 8, 60), (0, 8, 10), (8, 8, 10)))
    lost = plain(tracks=1, bars=1, lowest=48, pitches=24).encode(twice).lost
    assert lost == {"notes under or over others": 1, "notes moved by octaves": 1}


def test_pieces_with_refused_pitches_do_not_keep_the_others_from_being_learned():
    good, bad = (score_of(track_of("a", *line(32, pitch))) for pitch in (60, 90))
    fitted = MultitrackConfig(tracks=1, outside="refuse").fit([bad, good])
    assert len(fitted.encode(good).array) == 32
    with pytest.raises(UsageError, match=r"^pitch 90 "):
        fitted.encode(bad)


def notes_of(track):
    """(step, steps, pitch) of a decoded track."""
    return [(n.time / STEP, n.duration / STEP, n.pitch) for n in track.notes]


def test_equal_pitches_are_held_or_repeated_as_the_settings_say():
    rows = np.array([[60]] * 6 + [[84]] * 2 + [[60]] * 2 + [[62]] * 6)
    hold = [(0, 6, 60), (8, 2, 60), (10, 6, 62)]
    beat = [(0, 4, 60), (4, 2, 60), (8, 2, 60), (10, 2, 62), (12, 4, 62)]
    assert notes_of(plain(tracks=1, repeats="hold").decode(rows).tracks[0]) == hold
    assert notes_of(plain(tracks=1, repeats="beat").decode(rows).tracks[0]) == beat
    assert notes_of(plain(tracks=1).decode(rows).tracks[0]) == beat  # nothing was learned
    assert plain(tracks=1).units(rows) == {"frames": 16, "notes": 5, "seconds": pytest.approx(16 * 60 / 66 / 4)}
    assert plain(tracks=1, repeats="hold").units(rows)["notes"] == 3


def test_a_note_is_repeated_where_more_than_half_were():
    shares = np.zeros((1, 16, 2))
    shares[0, 4], shares[0, 8] = 0.5, 0.51
    fitted = Multitrack(MultitrackConfig(tracks=1), ("a",), (0,), shares)
    assert notes_of(fitted.decode(np.full((16, 1), 60)).tracks[0]) == [(0, 8, 60), (8, 8, 60)]


def test_repeats_are_learned_by_track_step_and_whether_another_track_moves():
    # Above: halves on C5. Below: one note a bar, then G2 again on the second half, where nothing above changes.
    # In the third bar the upper voice moves on beat 3, and then the lower one is held.
    high = [(0, 8, 72), (8, 8, 72), (16, 8, 72), (24, 8, 72), (32, 8, 72), (40, 8, 74)]
    low = [(0, 8, 43), (8, 8, 43), (16, 8, 43), (24, 8, 43), (32, 16, 43)]
    fitted = MultitrackConfig(tracks=2).fit([score_of(track_of("a", *high), track_of("b", *low))])
    still, among = fitted.shares[..., 0], fitted.shares[..., 1]
    assert still[0, 8] == 1 and still[1, 8] == 1 and among[1, 8] == 0
    assert still[:, 0].tolist() == [1, 1]  # on both later bar lines
    assert still[:, [1, 2, 3, 4, 5, 6, 7, 9, 12]].max() == 0  # also on the beats in between
    assert among[0].tolist() == [1, 0, 0, 0] * 4  # never seen: as merged within a beat
    rows = np.array([[72, 43]] * 24 + [[74, 43]] * 8)
    decoded = fitted.decode(rows)
    assert notes_of(decoded.tracks[0]) == [(0, 8, 72), (8, 8, 72), (16, 8, 72), (24, 8, 74)]
    assert notes_of(decoded.tracks[1]) == [(0, 8, 43), (8, 8, 43), (16, 16, 43)]


def test_pieces_of_frames_say_nothing_of_repeats():
    frames = score_of(*(track_of(name, *line(32, 60, each=1)) for name in "ab"))
    alone = MultitrackConfig(tracks=2).fit([frames])
    assert alone.shares.tolist() == [[[1, 1], [0, 0], [0, 0], [0, 0]] * 4] * 2
    assert alone.encode(frames).lost == {}
    held = score_of(*(track_of(name, (0, 31, 60), (31, 1, 60)) for name in "ab"))
    both = MultitrackConfig(tracks=2).fit([frames, held])
    assert both.shares[:, 15, 0].tolist() == [0.5, 0.5] and both.shares[:, 4, 0].tolist() == [0, 0]
    assert both.encode(held).lost == {"repeated notes": 2}


def test_names_and_programs_are_those_of_most_training_pieces():
    def piece(*tracks):
        return score_of(*(track_of(name, *line(32, pitch), program=program) for name, pitch, program in tracks))

    usual = piece(("KEYS", 50, 4), ("Solo", 70, 73))
    crossed = piece(("keys", 66, 4), ("Solo", 64, 65))
    fitted = MultitrackConfig(tracks=2).fit([usual, usual, crossed, piece(("", 70, 1), ("", 60, 1))])
    assert fitted.names() == ["Solo", "KEYS"] and fitted.programs == (73, 4)
    assert fitted.encode(crossed).array[0].tolist() == [64, 66]  # by name, not by register
    decoded = fitted.decode(np.full((32, 2), 60))
    assert [(track.name, track.program) for track in decoded.tracks] == [("Solo", 73), ("KEYS", 4)]
    unnamed = piece(("", 60, 0), ("", 50, 9))
    assert MultitrackConfig(tracks=2).fit([unnamed]).names() == ["voice 1", "voice 2"]
    several = [piece((f"{n}", 60, 0), ("low", 50, 0)) for n in "abc"]
    assert MultitrackConfig(tracks=2).fit(several).names() == ["voice 1", "voice 2"]  # none is that of most
    four = piece(*(("", pitch, 52) for pitch in (50, 60, 70, 40)))
    assert MultitrackConfig().fit([four]).names() == ["soprano", "alto", "tenor", "bass"]
    quartet = MultitrackConfig(tracks=2, parts=("40", "Violin")).fit([piece(("", 60, 40), ("", 50, 40))])
    assert quartet.names() == ["Violin 1", "Violin 2"] and quartet.programs == (40, 40)


def test_a_decoded_score_says_meter_tempo_and_end():
    rows = np.full((24, 1), 84)
    rows[0] = 0
    score = plain(tracks=1, steps=12, lowest=36).decode(rows)
    (meter,), (tempo,), (marker,) = score.time_signatures, score.tempos, score.markers
    assert (meter.time, meter.numerator, meter.denominator) == (0, 3, 4)
    assert tempo.mspq == 909091  # 66 quarters a minute
    assert (marker.time, marker.text) == (24 * STEP, "end") and len(bars(score)) == 2
    assert notes_of(score.tracks[0]) == [(0, 1, 36)]
    rows[-1] = 5
    assert not plain(tracks=1, steps=12).decode(rows).markers
    meters = {(14, 4): (7, 8), (4, 4): (1, 4), (12, 3): (4, 4), (13, 4): (13, 16), (64, 4): (16, 4)}
    for (steps, beat), meter in meters.items():
        assert MultitrackConfig(steps=steps, beat=beat).meter == meter


@pytest.mark.parametrize("seed", range(40))
def test_any_rows_of_whole_bars_come_back(seed):
    rng = np.random.default_rng(seed)
    beat = int(rng.choice([1, 2, 3, 4, 6, 12]))
    pitches = int(rng.integers(1, 129))
    config = MultitrackConfig(
        tracks=int(rng.integers(1, 7)),
        bars=int(rng.integers(1, 5)),
        beat=beat,
        steps=beat * int(rng.integers(1, 8)),
        pitches=pitches,
        lowest=int(rng.integers(0, 129 - pitches)),
        repeats=str(rng.choice(["learned", "beat", "hold"])),
        tempo=float(rng.uniform(20, 300)),
    )
    length = config.steps * (config.bars + int(rng.integers(0, 6)))
    change = rng.random((length, config.tracks)) < rng.random()
    drawn = rng.integers(0, pitches + 1, change.shape)
    drawn[rng.random(change.shape) < rng.choice([0, 0.5, 1], p=[0.4, 0.5, 0.1])] = pitches
    kept = np.maximum.accumulate(np.where(change, np.arange(length)[:, None], 0), 0)
    rows = np.take_along_axis(drawn, kept, 0)
    names = tuple(f"voice {n + 1}" for n in range(config.tracks))
    shares = rng.random((config.tracks, config.steps, 2))
    representation = Multitrack(config, names, tuple(rng.integers(0, 128, config.tracks).tolist()), shares)
    score = representation.decode(rows)
    again = representation.encode(score)
    assert np.array_equal(again.array, rows) and set(again.lost) <= {"repeated notes"}
    assert sum(len(track.notes) for track in score.tracks) == representation.units(rows)["notes"]
    assert again.used["bars"] == f"1-{length // config.steps}"


def test_decoded_pieces_come_back_through_a_midi_file():
    rng = np.random.default_rng(3)
    rows = np.repeat(rng.integers(40, 70, (16, 4)), 4, 0)
    rows[-8:] = 84  # ends in silence
    representation = plain()
    read = midi.read(midi_bytes(representation.decode(rows)), "x.mid", Limits())
    assert np.array_equal(representation.encode(read.pieces[0].piece).array, rows)


def test_the_chorales_in_frames_are_read_as_they_stand():
    frames = [[74, 70, 65, 58]] * 16 + [[74, 69, -1, 58]] * 16 + [[75, 70, 58, 55]] * 4
    found = arrays.read(json.dumps({"train": [frames]}).encode(), "Jsb16thSeparated.json", Limits())
    piece = found.pieces[0].piece
    encoded = MultitrackConfig().fit([piece]).encode(piece)
    assert encoded.array.tolist() == [[74, 70, 65, 58]] * 16 + [[74, 69, 84, 58]] * 16
    assert encoded.used == {"tracks": ["soprano", "alto", "tenor", "bass"], "chosen by": "name", "bars": "1-2"}
    assert encoded.lost == {"bars of another length": 1, "tempos": 1}


def test_transposing_leaves_rests_and_refuses_to_leave_the_range():
    representation = plain(tracks=2)
    rows = np.array([[0, 84], [80, 60]], np.int16)
    assert representation.transposed(rows, 3).tolist() == [[3, 84], [83, 63]]
    assert representation.transposed(rows, 3).dtype == np.int16
    assert representation.transposed(rows, 4) is None and representation.transposed(rows, -1) is None
    assert rows.tolist() == [[0, 84], [80, 60]]


def test_windows_are_whole_bars():
    rows = np.arange(64)[:, None]
    representation = plain(tracks=1)
    assert representation.window(rows, 17, 32)[:, 0].tolist() == list(range(16, 48))
    assert representation.window(rows, 31, 20)[:, 0].tolist() == list(range(16, 32))
    assert representation.window(rows, 0, 1)[:, 0].tolist() == list(range(16))


def test_a_cursor_counts_bars_and_seconds():
    cursor = plain(tracks=2, tempo=60).cursor(3)
    assert cursor.bars.tolist() == [0] * 3 and cursor.allowed() is None
    for _ in range(17):
        cursor.push(np.zeros((3, 2), np.int64))
    assert cursor.bars.tolist() == [1] * 3 and cursor.seconds.tolist() == [4.0] * 3  # the 17th step begins there
    assert cursor.done.tolist() == [False] * 3


@pytest.mark.parametrize(
    ("pieces", "settings", "said"),
    [
        (3, {}, r"\(3 pieces with fewer than 4 tracks\): --set representation\.tracks=2\.$"),
        (2, {"tracks": 2, "bars": 9}, r"\(2 pieces shorter than 9 bars\): --set representation\.bars=1"),
        (1, {"tracks": 2, "steps": 12}, r"\(1 pieces without 2 bars of 3/4 in a row\): --set representation\.steps=16"),
        (0, {}, "got none"),
        (1, {"tracks": 2, "pitches": 50, "outside": "refuse"}, r"^pitch 60 is outside the range of 0 to 49: "),
    ],
)
def test_pieces_that_cannot_be_held_are_refused_with_a_remedy(pieces, settings, said):
    score = score_of(track_of("a", *line(64, 60)), track_of("b", *line(64, 50)))
    with pytest.raises(UsageError, match=said):
        MultitrackConfig(**settings).fit([score] * pieces)


@pytest.mark.parametrize(
    "settings",
    [
        {"tracks": 0},
        {"tracks": 17},
        {"bars": 0},
        {"bars": 65},
        {"steps": 0},
        {"steps": 17, "beat": 12},  # no whole sixteenths
        {"steps": 129},
        {"beat": 0},
        {"beat": 7},  # no whole ticks
        {"beat": 60},
        {"pitches": 0},
        {"pitches": 129},
        {"lowest": -1},
        {"lowest": 45},  # 45 + 84 > 128
        {"parts": ("soprano",)},
        {"parts": ("a", "b", "c", " ")},
        {"outside": "drop"},
        {"repeats": "always"},
        {"tempo": 9.9},
        {"tempo": 1001},
        {"tempo": float("nan")},
    ],
    ids=str,
)
def test_settings_that_are_not_allowed_are_refused_in_a_sentence(settings):
    with pytest.raises(UsageError, match=rf"^{next(iter(settings))} .*\.$"):
        MultitrackConfig(**settings)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((4, 3), np.int64),
        np.zeros(4, np.int64),
        np.full((4, 2), 85),
        np.full((4, 2), -1),
        np.zeros((4, 2)),
        np.zeros((4, 2), np.bool_),
    ],
    ids=str,
)
def test_what_is_no_rows_is_not_decoded(rows):
    for use in (plain(tracks=2).decode, plain(tracks=2).units):
        with pytest.raises(UsageError, match=r"^multitrack is rows of 2 numbers from 0 to 84, got shape .*\.$"):
            use(rows)


def test_texts_are_refused():
    with pytest.raises(UsageError, match="multitrack holds music, got a text"):
        plain().encode("la la la")
    with pytest.raises(UsageError, match="multitrack holds music, got a text"):
        MultitrackConfig().fit(["la la la"])


def test_a_state_of_other_settings_or_with_foreign_tables_is_refused():
    config = MultitrackConfig(tracks=2)
    state = plain(config).state()
    assert config.restore(json.loads(json.dumps(state))).state() == state
    for name, other in {"tracks": 3, "bars": 4, "steps": 12, "beat": 2, "lowest": 1, "pitches": 60}.items():
        with pytest.raises(UsageError, match=f"made with {name}="):
            MultitrackConfig(**{"tracks": 2, name: other}).restore(state)
    # What is only written, or only read, may change.
    MultitrackConfig(tracks=2, repeats="hold", tempo=100.0, outside="refuse").restore(state)
    shares = state["repeats"]
    damaged = {
        "names": [["a"], ["a", 1], "ab", ["a", "b", "c"]],
        "programs": [[0], [0, 128], [0, -1], [0, 1.0], [True, 0]],
        "repeats": [shares[:1], [shares[0], shares[1][:3]], [[[2.0, 0.0]] * 16] * 2, [[[float("nan"), 0.0]] * 16] * 2],
    }
    for key, values in damaged.items():
        for value in values:
            with pytest.raises(UsageError, match="damaged"):
                config.restore({**state, key: value})
