"""A prompt and what goes on from it: the prompt stays note for note, and the new part begins where it ends."""

import pytest
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track

from erato.errors import UsageError
from erato.score import bars, end_tick
from erato.studio.continuing import continued, until_bar, until_second


def score_of(*tracks, ticks=480, end=None, meters=((0, 4, 4),), qpm=None):
    """A score of (name, program, drums, [(onset, duration, pitch, velocity)])."""
    score = Score(ticks)
    score.time_signatures.extend([TimeSignature(*meter) for meter in meters])
    if qpm:
        score.tempos.append(Tempo(0, qpm=qpm))
    if end is not None:
        score.markers.append(TextMeta(end, "end"))
    for name, program, drums, notes in tracks:
        track = Track(name, program, drums)
        track.notes.extend([Note(*note) for note in notes])
        score.tracks.append(track)
    return score


def notes_of(score):
    return {
        track.name: [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]
        for track in score.tracks
    }


PROMPT = score_of(  # one bar, played a little beside the beat, which ends in silence
    ("Flute", 73, False, [(3, 470, 67, 91), (485, 700, 72, 33)]), ("Bass", 32, False, [(0, 1800, 40, 70)]), end=1920
)


def test_by_bars_the_prompt_stays_and_bar_lines_meet():
    before = score_of(
        ("Flute", 73, False, [(0, 12, 67, 80), (12, 18, 72, 80)]),
        ("Bass", 32, False, [(0, 48, 40, 80)]),
        ticks=12,
        end=48,
    )
    piece = score_of(
        ("Flute", 73, False, [(0, 12, 67, 80), (12, 18, 72, 80), (48, 12, 74, 80), (60, 6, 76, 81)]),
        ("Bass", 32, False, [(0, 48, 40, 80), (48, 48, 45, 80)]),
        ("Kit", 0, True, [(54, 1, 36, 99)]),
        ticks=12, end=96,
    )  # fmt: skip
    untouched = notes_of(PROMPT), notes_of(before), notes_of(piece)
    result, new_from = continued(PROMPT, before, piece, by_bars=True)
    assert notes_of(result) == {
        "Flute": [(3, 470, 67, 91), (485, 700, 72, 33), (1920, 480, 74, 80), (2400, 240, 76, 81)],
        "Bass": [(0, 1800, 40, 70), (1920, 1920, 45, 80)],
        "Kit": [(2160, 40, 36, 99)],
    }
    assert new_from == 1920
    assert [(marker.time, marker.text) for marker in result.markers] == [(3840, "end")]
    assert (notes_of(PROMPT), notes_of(before), notes_of(piece)) == untouched


def test_what_a_model_does_not_hold_of_the_prompt_is_not_lost():
    before = score_of(("Piano", 0, False, [(0, 480, 67, 64)]), end=1920)  # one note of three
    piece = score_of(("Piano", 0, False, [(0, 480, 67, 64), (1920, 480, 60, 64)]), end=3840)
    result, _ = continued(PROMPT, before, piece, by_bars=True)
    found = notes_of(result)
    assert found["Flute"][:2] == notes_of(PROMPT)["Flute"]
    assert found["Bass"] == notes_of(PROMPT)["Bass"]
    assert found["Piano"] == [(1920, 480, 60, 64)]


def test_meters_and_tempos_of_the_new_part_come_where_they_belong():
    before = score_of(("Flute", 73, False, [(0, 480, 67, 80)]), end=1920)
    piece = score_of(
        ("Flute", 73, False, [(0, 480, 67, 80), (1920, 480, 70, 80)]), end=3360, meters=((0, 4, 4), (1920, 3, 4))
    )
    piece.tempos.extend([Tempo(0, qpm=99), Tempo(1920, qpm=60)])
    prompt = score_of(("Flute", 73, False, [(0, 480, 67, 80)]), end=1920, qpm=140)
    result, _ = continued(prompt, before, piece, by_bars=True)
    assert [(one.time, one.numerator) for one in result.time_signatures] == [(0, 4), (1920, 3)]
    assert [(one.time, round(one.qpm)) for one in result.tempos] == [(0, 140), (1920, 60)]
    assert [bar.end for bar in bars(result)] == [1920, 3360]


def test_a_pickup_that_the_model_does_not_know():
    """It hears a bar that begins with the pickup; what comes after its first bar comes after the prompt's."""
    notes = [(0, 480, 67, 80), (480, 1440, 69, 80)]
    prompt = score_of(("Flute", 73, False, [(0, 480, 67, 80), (480, 1920, 69, 80)]), meters=((0, 1, 4), (480, 4, 4)))
    before = score_of(("Flute", 73, False, notes), end=1920)
    piece = score_of(("Flute", 73, False, [*notes, (1920, 480, 71, 80)]), end=3840)
    result, new_from = continued(prompt, before, piece, by_bars=True)
    assert new_from == 2400
    assert notes_of(result)["Flute"][-1] == (2400, 480, 71, 80)


def test_by_the_clock_ends_meet_in_the_tempo_of_the_prompt():
    prompt = score_of(("Flute", 73, False, [(0, 960, 67, 91)]), qpm=60)  # two seconds
    before = score_of(("Piano", 0, False, [(0, 2000, 67, 64)]), ticks=500)  # 120 a minute: two seconds, too
    piece = score_of(("Piano", 0, False, [(0, 2000, 67, 64), (2250, 500, 60, 64), (3000, 250, 62, 65)]), ticks=500)
    result, new_from = continued(prompt, before, piece, by_bars=False)
    assert notes_of(result) == {
        "Flute": [(0, 960, 67, 91)],
        "Piano": [(960 + 120, 240, 60, 64), (960 + 480, 120, 62, 65)],  # 0.25 s and 1 s after the end
    }
    assert new_from == 1080
    assert [round(tempo.qpm) for tempo in result.tempos] == [60]


def test_by_the_clock_nothing_new_begins_before_the_prompt_ends():
    prompt = score_of(("Flute", 73, False, [(0, 480, 67, 91)]), end=1920)  # ends in silence
    before = score_of(("Flute", 73, False, [(0, 480, 67, 64)]))
    piece = score_of(("Flute", 73, False, [(0, 480, 67, 64), (240, 240, 60, 64), (960, 480, 62, 64)]))
    result, new_from = continued(prompt, before, piece, by_bars=False)
    assert new_from == 1920
    assert notes_of(result)["Flute"][1:] == [(1920, 240, 60, 64), (2640, 480, 62, 64)]


def test_a_model_that_adds_nothing():
    before = score_of(("Flute", 73, False, [(0, 480, 67, 80)]), end=1920)
    piece = score_of(("Flute", 73, False, [(0, 480, 67, 80)]), end=3840)
    result, new_from = continued(PROMPT, before, piece, by_bars=True)
    assert notes_of(result) == notes_of(PROMPT)
    assert (new_from, end_tick(result)) == (1920, 3840)
    assert continued(PROMPT, before, before, by_bars=False)[1] == 1920


def test_notes_of_the_model_that_are_twice_there_are_new():
    before = score_of(("Flute", 73, False, [(1800, 60, 67, 80)]), end=1920)
    piece = score_of(("Flute", 73, False, [(1800, 60, 67, 80)]), ("Oboe", 68, False, [(1800, 60, 67, 80)]), end=1920)
    prompt = score_of(("Flute", 73, False, [(1800, 60, 67, 80)]), end=1920)
    assert notes_of(continued(prompt, before, piece, by_bars=True)[0])["Oboe"] == [(1800, 60, 67, 80)]


@pytest.mark.parametrize(
    ("theirs", "joins"),
    [
        (("Flute", 73, False), "Flute"), (("Flute", 1, False), "Flute"), (("Other", 32, False), "Bass"),
        (("Other", 5, False), None), (("Flute", 73, True), None), (("", 5, False), None),
    ],
)  # fmt: skip
def test_a_new_part_joins_the_track_most_like_its_own(theirs, joins):
    before = score_of(end=1920)
    piece = score_of((*theirs, [(1920, 480, 60, 64)]), end=3840)
    result, _ = continued(PROMPT, before, piece, by_bars=True)
    grown = [track.name for track in result.tracks if any(note.time >= 1920 for note in track.notes)]
    assert grown == [joins or theirs[0]]
    assert len(result.tracks) == (2 if joins else 3)


def test_until_a_bar():
    score = score_of(
        ("Flute", 73, False, [(0, 480, 67, 80), (480, 1920, 69, 80), (2400, 960, 71, 80)]),
        meters=((0, 1, 4), (480, 4, 4)),
    )
    assert [(note.time, note.duration) for note in until_bar(score, 1).tracks[0].notes] == [(0, 480), (480, 1920)]
    assert end_tick(until_bar(score, 2)) == 480 + 2 * 1920  # the bar is finished in silence
    assert end_tick(until_bar(score, 0)) == 480  # the pickup alone
    for bar in (-1, 3, 10**9):
        with pytest.raises(UsageError, match="has 2 bars: it can be continued after bar 0 to 2"):
            until_bar(score, bar)


def test_until_a_second():
    score = score_of(("Flute", 73, False, [(0, 480, 67, 80), (480, 1440, 69, 80)]))
    found = until_second(score, 1.0)
    assert [(note.time, note.duration) for note in found.tracks[0].notes] == [(0, 480), (480, 480)]
    assert end_tick(until_second(score, 0)) == 0
    assert end_tick(until_second(score, 2.0)) == 1920
    for second in (-1, 2.5, 1e9, float("nan")):
        with pytest.raises(UsageError, match=r"lasts 2\.0 s"):
            until_second(score, second)
