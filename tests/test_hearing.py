"""What is made equal, and what stays: small scores written by hand."""

from itertools import pairwise

import numpy as np
import pytest
from symusic import ControlChange, Note, Pedal, PitchBend, Score, Tempo, TextMeta, TimeSignature, Track

from erato.hearing import SHORTEST, Shared, equalised, excerpt, first_tempo, shared
from erato.score import bars, end_tick, note_count, seconds


def score(*tracks, tempos=(), pedals=()):
    """tracks: (program, is drum, [(onset, duration, pitch, velocity) in quarters])."""
    made = Score(480)
    for program, is_drum, notes in tracks:
        track = Track("Voice", program, is_drum)
        for onset, duration, pitch, velocity in notes:
            track.notes.append(Note(round(480 * onset), round(480 * duration), pitch, velocity))
        made.tracks.append(track)
    for at, qpm in tempos:
        made.tempos.append(Tempo(round(480 * at), qpm))
    for down, length in pedals:
        made.tracks[0].pedals.append(Pedal(round(480 * down), round(480 * length)))
    return made


def played(made):
    return [(n.time / 480, n.duration / 480, n.pitch, n.velocity) for track in made.tracks for n in track.notes]


ALL = Shared(dynamics=True, pedals=True, drums=True, tempo=None)
NONE = Shared(dynamics=False, pedals=False, drums=False, tempo=None)
LOUD = [(1, 1, 60, 30), (2, 1, 62, 90)]


def test_one_instrument_from_the_first_note_on():
    given = score((73, False, LOUD), (40, False, [(1.5, 3, 48, 70)]))
    given.tracks[0].controls.append(ControlChange(0, 10, 0))
    given.tracks[1].pitch_bends.append(PitchBend(0, 4000))
    given.tracks[0].name = "Flute of run A"
    made = equalised(given, ALL, 7)
    (track,) = made.tracks
    assert (track.program, track.name, len(track.controls), len(track.pitch_bends)) == (7, "", 0, 0)
    assert played(made) == [(0, 1, 60, 30), (0.5, 3, 48, 70), (1, 1, 62, 90)]
    assert played(given)[0] == (1, 1, 60, 30)  # what was handed in is as it was


def test_keys_struck_together_are_one():
    given = score((0, False, [(0, 1, 60, 50), (1, 1, 60, 40)]), (0, False, [(0, 2, 60, 30), (1, 0.5, 60, 70)]))
    assert played(equalised(given, ALL, 0)) == [(0, 2, 60, 50), (1, 1, 60, 70)]


def test_what_not_all_have_goes_away():
    given = score((0, False, LOUD), (0, True, [(1, 1, 36, 50)]), pedals=[(0, 3)])
    everything, nothing = equalised(given, ALL, 0), equalised(given, NONE, 0)
    assert [track.is_drum for track in everything.tracks] == [False, True]
    assert [(p.time, p.duration) for p in everything.tracks[0].pedals] == [(0, 2 * 480)]  # from the first note on
    assert played(nothing) == [(0, 1, 60, 80), (1, 1, 62, 80)] and not nothing.tracks[0].pedals


def test_only_what_every_source_has_is_shared():
    rich = score((0, False, LOUD), (0, True, [(1, 1, 36, 50)]), pedals=[(0, 1)])
    plain = score((0, False, [(0, 1, 60, 64)]))
    assert shared({"a": [rich], "b": [plain, rich]}, False) == ALL
    assert shared({"a": [rich], "b": [plain]}, False) == NONE


def test_one_tempo_where_all_count_in_quarters():
    given = {"a": [score((0, False, LOUD), tempos=[(0, 90), (1.5, 200)])], "b": [score((0, False, LOUD))]}
    given["b"].append(score((0, False, LOUD), tempos=[(0, 60)]))
    common = shared(given, True)
    assert common.tempo == pytest.approx(60e6 / 90, abs=1)  # the median of 90, 120 and 60
    for group in given.values():
        for one in group:
            assert seconds(equalised(one, common, 0)) == pytest.approx(2 * 60 / 90, abs=1e-3)
    fast = equalised(given["a"][0], NONE, 0)
    assert seconds(fast) == pytest.approx(0.5 * 60 / 90 + 1.5 * 60 / 200, abs=1e-3)  # its own


def test_the_tempo_is_that_of_the_first_note():
    assert first_tempo(score((0, False, LOUD), tempos=[(0, 60), (1, 100), (2, 30)])) == pytest.approx(600_000, abs=1)
    assert first_tempo(score((0, False, LOUD), tempos=[(2, 30)])) == 500_000


def melody(count, pickup=0):
    """So many bars of 4/4, a note a quarter, after a pickup of quarters."""
    made = score((0, False, [(beat, 1, 60 + beat % 12, 80) for beat in range(pickup + 4 * count)]))
    if pickup:
        made.time_signatures.append(TimeSignature(0, pickup, 4))
    made.time_signatures.append(TimeSignature(480 * pickup, 4, 4))
    return made


def parts(piece, inside=False, seed=0, **length):
    asked = {"bars": None, "seconds": None, "chars": None, **length}
    return list(excerpt(piece, inside=inside, rng=np.random.default_rng(seed), **asked))


@pytest.mark.parametrize("pickup", [0, 1])
def test_excerpts_of_bars(pickup):
    ((part, where),) = parts(melody(12, pickup), bars=8)
    assert where == {"bar": 1} and note_count(part) == 32 + pickup and end_tick(part) == 480 * (32 + pickup)
    begins = set()
    for seed in range(40):
        ((part, where),) = parts(melody(12, pickup), True, seed, bars=8)
        begins.add(where["bar"])
        first = part.tracks[0].notes[0].pitch
        beat = 0 if where["bar"] == 1 else pickup + 4 * (where["bar"] - 1)
        assert first == 60 + beat % 12 and len(bars(part)) in (8, 8 + pickup)
    assert begins == {1, 2, 3, 4, 5}


def test_excerpts_of_seconds():
    ((part, where),) = parts(melody(12), seconds=5.0)
    assert where == {"second": 0} and seconds(part) == pytest.approx(5, abs=0.01) and note_count(part) == 10
    begins = {parts(melody(12), True, seed, seconds=20.0)[0][1]["second"] for seed in range(20)}
    assert begins == {0, 2, 4}  # 24 seconds in bars of 2


def test_what_is_too_short_is_none():
    assert parts(melody(5), bars=8) == [] == parts(melody(5), seconds=10 / SHORTEST + 0.1)
    assert len(parts(melody(6), bars=8)) == 1
    silent = Score(480)
    silent.markers.append(TextMeta(480 * 64, "end"))
    assert parts(silent, bars=4) == []


def test_excerpts_of_text_begin_with_a_word_and_do_not_overlap():
    text = " ".join(f"w{number:03d}" for number in range(200))
    found = parts(text, chars=100)
    assert len(found) >= 9
    for part, where in found:
        assert part == text[where["character"] :][:100] and part.startswith("w")
    assert all(b[1]["character"] - a[1]["character"] >= 100 for a, b in pairwise(found))
    assert parts("short", chars=100) == []
