"""A score as JSON and back: what the editor sees, what it may say, and what survives it and a MIDI file."""

import copy
import json

import numpy as np
import pytest
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
from erato.reading import read_bytes
from erato.recipes import TINY
from erato.renderers.midi import midi_bytes
from erato.studio import score_json
from erato.studio.score_json import from_json, merged, to_json


def written_and_read(score):
    return read_bytes(midi_bytes(score), "x.mid").pieces[0].piece


def through_json(score):
    """As a browser gets and sends it."""
    return json.loads(json.dumps(to_json(score), allow_nan=False))


def notes_of(score):
    return [
        sorted((note.time, note.duration, note.pitch, note.velocity) for note in track.notes) for track in score.tracks
    ]


@pytest.fixture
def waltz():
    """A pickup of a quarter, two bars of 3/4, a change to 2/4; two tracks and drums, and what JSON does not hold."""
    score = Score(480)
    score.time_signatures.extend([TimeSignature(0, 1, 4), TimeSignature(480, 3, 4), TimeSignature(3360, 2, 4)])
    score.key_signatures.append(KeySignature(0, -3, 1))
    score.tempos.extend([Tempo(0, qpm=120), Tempo(480, qpm=60)])
    score.markers.extend([TextMeta(480, "chord:Cm"), TextMeta(4320, "end")])
    melody, bass, drums = Track("Flute", 73, False), Track("Cello", 42, False), Track("Kit", 0, True)
    melody.notes.extend([Note(0, 480, 67, 90), Note(480, 960, 72, 91), Note(1440, 480, 75, 92)])
    melody.lyrics.append(TextMeta(480, "la"))
    bass.notes.append(Note(480, 1440, 48, 70))
    bass.pedals.append(Pedal(480, 960))
    bass.controls.append(ControlChange(480, 7, 99))
    bass.pitch_bends.append(PitchBend(500, 1000))
    drums.notes.append(Note(480, 120, 36, 100))
    score.tracks.extend([melody, bass, drums])
    return score


def test_what_the_editor_sees(waltz):
    found = through_json(waltz)
    assert found == {
        "ticks_per_quarter": 480,
        "tempos": [[0, 120.0], [480, 60.0]],
        "time_signatures": [[0, 1, 4], [480, 3, 4], [3360, 2, 4]],
        "key_signatures": [[0, -3, 1]],
        "bars": [0, 480, 1920, 3360, 4320],
        "tracks": [
            {
                "name": "Flute",
                "program": 73,
                "drums": False,
                "notes": [[0, 480, 67, 90], [480, 960, 72, 91], [1440, 480, 75, 92]],
            },
            {"name": "Cello", "program": 42, "drums": False, "notes": [[480, 1440, 48, 70]]},
            {"name": "Kit", "program": 0, "drums": True, "notes": [[480, 120, 36, 100]]},
        ],
        "seconds": 0.5 + 8.0,
    }


def test_edits_survive_json_a_midi_file_and_reading_it(waltz):
    asked = through_json(waltz)
    asked["tracks"][0]["notes"] = [[0, 480, 68, 33], [480, 123, 72, 91], [1441, 479, 76, 1]]
    asked["tracks"][2]["notes"].append([960, 1, 38, 127])
    asked["tempos"] = [[0, 93.7], [960, 141.0]]
    saved = written_and_read(merged(waltz, asked))
    found = through_json(saved)
    for place in (0, 1, 2):
        assert found["tracks"][place] == asked["tracks"][place]
    assert found["time_signatures"] == asked["time_signatures"]
    assert found["key_signatures"] == asked["key_signatures"]
    assert [tempo.mspq for tempo in saved.tempos] == [round(60e6 / 93.7), round(60e6 / 141)]
    assert through_json(merged(saved, found)) == found  # saved again, nothing moves


def test_what_json_does_not_hold_is_kept_and_nothing_is_mutated(waltz):
    before, asked = midi_bytes(waltz), through_json(waltz)
    asked["tracks"][1]["notes"] = [[0, 100, 50, 64]]
    untouched = copy.deepcopy(asked)
    result = merged(waltz, asked)
    assert midi_bytes(waltz) == before
    assert asked == untouched
    assert [(m.time, m.text) for m in result.markers] == [(480, "chord:Cm"), (4320, "end")]
    flute, cello, _ = result.tracks
    assert [(one.time, one.text) for one in flute.lyrics] == [(480, "la")]
    assert [(one.time, one.duration) for one in cello.pedals] == [(480, 960)]
    assert [(one.number, one.value) for one in cello.controls] == [(7, 99)]
    assert [one.value for one in cello.pitch_bends] == [1000]
    assert notes_of(result)[1] == [(0, 100, 50, 64)]
    result.tracks[1].pedals.clear()
    assert len(waltz.tracks[1].pedals) == 1


def test_tracks_that_are_left_out_added_and_in_another_order(waltz):
    asked = through_json(waltz)
    flute, cello, _ = asked["tracks"]
    asked["tracks"] = [{"name": "New", "program": 5, "drums": False, "notes": [[0, 1, 60, 64]]}, cello, flute]
    result = merged(waltz, asked)
    assert [track.name for track in result.tracks] == ["New", "Cello", "Flute"]
    assert [len(track.pedals) for track in result.tracks] == [0, 1, 0]
    assert [len(track.lyrics) for track in result.tracks] == [0, 0, 1]
    asked["tracks"] = [cello]
    assert [len(track.pedals) for track in merged(waltz, asked).tracks] == [1]


@pytest.mark.parametrize(
    "change", [{"program": 40}, {"name": "Viola"}, {"name": "Viola", "program": 41}, {"drums": True, "name": "Tom"}]
)
def test_a_track_with_another_name_or_instrument_stays_the_same_track(waltz, change):
    asked = through_json(waltz)
    asked["tracks"][1] |= change
    assert len(merged(waltz, asked).tracks[1].pedals) == 1


def test_two_tracks_of_one_name_keep_their_own(waltz):
    for _ in range(2):
        track = Track("Twin", 1, False)
        track.notes.append(Note(0, 10, 60, 64))
        waltz.tracks.append(track)
    waltz.tracks[3].pedals.append(Pedal(0, 5))
    waltz.tracks[4].pedals.append(Pedal(7, 5))
    result = merged(waltz, through_json(waltz))
    assert [track.pedals[0].time for track in result.tracks[3:]] == [0, 7]


def test_what_is_not_said_stays(waltz):
    result = merged(waltz, {"ticks_per_quarter": 480, "tracks": []})
    assert [tempo.qpm for tempo in result.tempos] == [120, 60]
    assert len(result.time_signatures) == 3
    assert len(result.tracks) == 0


@pytest.mark.parametrize(
    ("notes", "held"),
    [
        ([[0, 720, 60, 90], [240, 240, 60, 30]], [[0, 480, 60, 90], [240, 480, 60, 30]]),  # one within another
        ([[0, 480, 60, 90], [240, 480, 60, 30]], [[0, 480, 60, 90], [240, 480, 60, 30]]),  # one after another
        ([[0, 9, 60, 1], [0, 5, 60, 2]], [[0, 5, 60, 1], [0, 9, 60, 2]]),  # at once
        ([[0, 9, 61, 1], [2, 1, 60, 2]], [[0, 9, 61, 1], [2, 1, 60, 2]]),  # other pitches
        ([[480, 10, 60, 1], [0, 480, 60, 2]], [[0, 480, 60, 2], [480, 10, 60, 1]]),  # by onset
        ([[0, 10, 60, 3], [0, 10, 60, 3]], [[0, 10, 60, 3], [0, 10, 60, 3]]),  # twice the same
    ],
)
def test_notes_of_one_pitch_that_overlap_are_those_of_a_midi_file(notes, held):
    score = from_json({"ticks_per_quarter": 480, "tracks": [{"name": "a", "notes": notes}]})
    assert through_json(score)["tracks"][0]["notes"] == held
    assert through_json(written_and_read(score))["tracks"][0]["notes"] == held


def test_any_notes_are_what_a_midi_file_gives_back():
    rng = np.random.default_rng(5)
    for _ in range(30):
        notes = np.stack(
            [rng.integers(0, 60, 80), rng.integers(1, 40, 80), rng.integers(60, 64, 80), rng.integers(1, 128, 80)], 1
        ).tolist()
        tracks = [{"name": "a", "notes": notes[:40]}, {"name": "b", "notes": notes[40:]}]
        score = from_json({"ticks_per_quarter": 96, "tracks": tracks})
        assert notes_of(written_and_read(score)) == notes_of(score)
        assert to_json(from_json(through_json(score))) == to_json(score)


@pytest.mark.parametrize(
    "name", ["bach/bwv66.6", "demos/two-voices", "josquin/laDeplorationDeLaMorteDeJohannesOckeghem"]
)
def test_scores_of_musics_corpus_come_back(name):
    music21 = pytest.importorskip("music21")
    from erato.reading import read_file

    path = music21.corpus.getWork(name)
    piece = read_file(path).pieces[0].piece
    assert notes_of(from_json(through_json(piece))) == notes_of(written_and_read(piece))
    kept = merged(piece, through_json(piece))
    assert [marker.text for marker in kept.markers] == [marker.text for marker in piece.markers]
    assert [len(track.lyrics) for track in kept.tracks] == [len(track.lyrics) for track in piece.tracks]


MUSIC = [
    name for name, recipe in TINY.items() if "Chars Words Subwords".find(type(recipe.representation).__name__[:-6]) < 0
]


@pytest.mark.parametrize("name", MUSIC)
def test_scores_of_every_representation_come_back(name, make_score):
    pieces = []
    for number in range(3):
        pieces.append(make_score(60 + number, seed=number))
        pieces[-1].tracks.extend(make_score(67 + number, seed=10 + number).tracks)  # some want four
    fitted = TINY[name].representation.fit(pieces)
    score = fitted.decode(fitted.encode(pieces[0]).array)
    assert sum(map(len, notes_of(score)))
    assert notes_of(from_json(through_json(score))) == [notes for notes in notes_of(written_and_read(score)) if notes]
    assert to_json(merged(score, through_json(score)))["bars"] == to_json(score)["bars"]


GOOD = {"ticks_per_quarter": 480, "tracks": [{"name": "a", "program": 0, "drums": False, "notes": [[0, 480, 60, 90]]}]}


def changed(path, value):
    """GOOD with one value replaced."""
    found = copy.deepcopy(GOOD)
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("ticks_per_quarter",), 0, "ticks_per_quarter must be a whole number from 1 to 32,767, got 0"),
        (("ticks_per_quarter",), 40000, "got 40000"),
        (("ticks_per_quarter",), "480", "got '480'"),
        (("ticks_per_quarter",), True, "got True"),
        (("tracks",), None, "tracks must be a list"),
        (("tracks",), [3], "tracks must be a list of objects"),
        (("tracks", 0, "notes"), None, "tracks[0].notes must be a list of notes"),
        (("tracks", 0, "notes", 0), [0, 480, 60], "tracks[0].notes[0] must be four whole numbers"),
        (("tracks", 0, "notes", 0), {"onset": 1}, "tracks[0].notes[0] must be four whole numbers"),
        (("tracks", 0, "notes", 0), [0, 480, 60.5, 90], "60.5"),
        (("tracks", 0, "notes", 0), [0, 480, True, 90], "must be four whole numbers"),
        (("tracks", 0, "notes", 0), [-1, 480, 60, 90], "onset must be from 0 to 1,073,741,824, got -1"),
        (("tracks", 0, "notes", 0), [2**31, 480, 60, 90], "onset must be from 0"),
        (("tracks", 0, "notes", 0), [10**30, 480, 60, 90], "onset must be from 0"),
        (("tracks", 0, "notes", 0), [2**30, 2**30, 60, 90], "its last note ends at 2,147,483,648"),
        (("tracks", 0, "notes", 0), [0, 2**28, 60, 90], "may last 6 hours"),
        (("tracks", 0, "notes", 0), [0, 0, 60, 90], "duration must be from 1"),
        (("tracks", 0, "notes", 0), [0, 480, 128, 90], "pitch must be from 0 to 127, got 128"),
        (("tracks", 0, "notes", 0), [0, 480, -1, 90], "pitch must be from 0 to 127, got -1"),
        (("tracks", 0, "notes", 0), [0, 480, 60, 0], "velocity must be from 1 to 127, got 0"),
        (("tracks", 0, "notes", 0), [0, 480, 60, 128], "velocity must be from 1 to 127, got 128"),
        (("tracks", 0, "program"), 128, "tracks[0].program must be a whole number from 0 to 127, got 128"),
        (("tracks", 0, "drums"), 1, "tracks[0].drums must be true or false, got 1"),
        (("tracks", 0, "name"), 7, "tracks[0].name must be text"),
        (("tracks", 0, "name"), "x" * 1025, "at most 1,024 characters"),
        (("tempos",), [[0, 0]], "a tempo must be from 3.58 to 60,000,000 quarters a minute, got 0"),
        (("tempos",), [[0, float("nan")]], "got nan"),
        (("tempos",), [[0, True]], "got True"),
        (("tempos",), [[-1, 120]], "tick of a change in tempos"),
        (("tempos",), [[0, 120, 3]], "tempos must be a list of lists of 2 numbers"),
        (("tempos",), "fast", "tempos must be a list"),
        (
            ("time_signatures",),
            [[0, 3, 3]],
            "denominator of a time signature must be 1, 2, 4, 8 and so on to 128, got 3",
        ),
        (("time_signatures",), [[0, 0, 4]], "numerator of a time signature"),
        (("time_signatures",), [[0, 4, 256]], "denominator of a time signature"),
        (("key_signatures",), [[0, 8, 0]], "sharps (flats below 0) of a key signature must be a whole number from -7"),
        (("key_signatures",), [[0, 0, 2]], "tonality of a key signature"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(path, value, said):
    with pytest.raises(UsageError) as found:
        from_json(changed(path, value))
    assert said in str(found.value)
    assert len(str(found.value)) < 250


def test_too_much_is_refused(monkeypatch):
    note = [0, 1, 60, 64]
    with pytest.raises(UsageError, match="128 tracks, got 129"):
        from_json({"ticks_per_quarter": 480, "tracks": [{"notes": []}] * 129})
    with pytest.raises(UsageError, match="200,000 notes, got 200,001"):
        from_json({"ticks_per_quarter": 480, "tracks": [{"notes": [note] * 100_000}, {"notes": [note] * 100_001}]})
    assert (
        len(from_json({"ticks_per_quarter": 480, "tracks": [{"notes": [note] * 200_000}]}).tracks[0].notes) == 200_000
    )
    with pytest.raises(UsageError, match="tempos may change 50,000 times"):
        from_json({"ticks_per_quarter": 480, "tracks": [], "tempos": [[0, 120]] * 50_001})


def test_the_clock_of_a_piece_cannot_be_changed(waltz):
    with pytest.raises(UsageError, match="ticks_per_quarter must stay as it was, 480, got 960"):
        merged(waltz, through_json(waltz) | {"ticks_per_quarter": 960})


def test_what_a_file_brought_and_nobody_would_write_can_be_saved_again(waltz):
    waltz.tempos.append(Tempo(960, mspq=2**24 + 5))  # slower than MIDI has bytes for
    asked = through_json(waltz)
    assert [tempo.mspq for tempo in merged(waltz, asked).tempos] == [500_000, 1_000_000, 2**24 + 5]
    asked["tempos"].append([1000, 120.0])
    with pytest.raises(UsageError, match="a tempo must be"):
        merged(waltz, asked)


def test_bar_lines_of_a_strange_piece_do_not_fill_the_memory():
    score = Score(1)
    score.time_signatures.extend([TimeSignature(0, 4, 4), TimeSignature(40, 1, 128)])
    track = Track("a", 0, False)
    track.notes.append(Note(2**30 - 1, 1, 60, 64))
    score.tracks.append(track)
    found = to_json(score)["bars"]
    assert found[:12] == [*range(0, 41, 4), 41]
    assert len(found) <= score_json.MOST_BARS + 2


def test_a_piece_of_nothing_has_one_bar():
    assert to_json(Score(480))["bars"] == [0, 1920]


def test_names_are_one_line():
    score = from_json(changed(("tracks", 0, "name"), "a\nb\x00\tc"))
    assert written_and_read(score).tracks[0].name == score.tracks[0].name
