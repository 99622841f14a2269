"""Scores as lines of tokens: what changes them and what does not, by hand."""

import numpy as np
import pytest
from symusic import Note, Score, Track

from erato.passages import FIRST, SAME, SPAN, TOGETHER, interval, lines, readings, rhythm, together, tokens
from erato.score import transpose

MELODY = [(0, 60), (480, 64), (720, 67), (960, 65), (1920, 60), (2040, 62), (2160, 62), (2400, 55)]


def score_of(*tracks: list[tuple[int, int]], ticks: int = 480, drums: bool = False) -> Score:
    score = Score(ticks)
    for number, notes in enumerate(tracks):
        track = Track(("flute", "bass", " ")[number], 0, drums)
        for onset, pitch in notes:
            track.notes.append(Note(onset, 30 + 7 * pitch, pitch, 20 + pitch))
        score.tracks.append(track)
    return score


def test_tokens_by_hand() -> None:
    found = tokens(np.array([onset for onset, _ in MELODY]), np.array([pitch for _, pitch in MELODY]))
    assert interval(found).tolist() == [4, 3, -2, -5, 2, 0, -7]
    # Steps of 480, 240, 240, 960, 120, 120, 240 ticks.
    assert rhythm(found).tolist() == [FIRST, SAME - 1, SAME, SAME + 2, SAME - 2, SAME, SAME + 1]
    chords = tokens(np.array([0, 0, 0, 480, 480, 960]), np.array([48, 52, 55, 50, 53, 48]))
    assert interval(chords).tolist() == [4, 3, -5, 3, -5]
    assert rhythm(chords).tolist() == [TOGETHER, TOGETHER, FIRST, TOGETHER, SAME]
    assert found.dtype == np.int16 and (found >= 0).all()
    widest = tokens(np.array([0, 1, 2]), np.array([0, 127, 0]))
    assert interval(widest).tolist() == [127, -127] and (widest >= 0).all()
    assert tokens(np.array([5]), np.array([60])).tolist() == []


def test_long_and_short_steps_are_held_to_four_times() -> None:
    onset = np.cumsum([0, 100, 1600, 100, 141, 142, 100])
    steps = rhythm(tokens(onset, np.full(7, 60))).tolist()
    # 16 times, a sixteenth, 1.41 times (nearest: the same), the same, 0.70 times (nearest: a half).
    assert steps == [FIRST, SAME + 2, SAME - 2, SAME, SAME, SAME - 1]


@pytest.mark.parametrize("semitones", [-12, -1, 5, 24])
def test_a_transposition_changes_no_token(semitones: int) -> None:
    score = score_of(MELODY, [(0, 40), (0, 45), (960, 43), (960, 50)])
    for line, moved in zip(lines(score), lines(transpose(score, semitones)), strict=True):
        assert line.tokens.tolist() == moved.tokens.tolist()
        assert (moved.pitch - line.pitch).tolist() == [semitones] * len(line)


@pytest.mark.parametrize("factor", [1.5, 0.75, 2, 0.5, 1 / 3, 1.1])
@pytest.mark.parametrize("ticks", [480, 220, 96])
def test_another_tempo_changes_no_token_though_ticks_are_rounded(factor: float, ticks: int) -> None:
    rng = np.random.default_rng(ticks)
    steps = rng.choice([1, 1, 2, 2, 3, 4, 6, 8, 16], 300) * (ticks // 4)  # sixteenths and their multiples
    onset = np.append(0, np.cumsum(steps))
    pitch = rng.integers(40, 90, 301)
    scaled = np.rint(onset * factor).astype(np.int64)
    assert tokens(scaled, pitch).tolist() == tokens(onset, pitch).tolist()
    score = score_of(list(zip(scaled.tolist(), pitch.tolist(), strict=True)), ticks=ticks)
    assert [line.tokens.tolist() for line in lines(score)] == [tokens(onset, pitch).tolist()]


def test_lengths_velocities_and_ticks_a_quarter_change_nothing() -> None:
    score, other = score_of(MELODY), score_of([(onset // 10, pitch) for onset, pitch in MELODY], ticks=48)
    for note in other.tracks[0].notes:
        note.duration, note.velocity = 3, 100
    assert [line.tokens.tolist() for line in lines(score)] == [line.tokens.tolist() for line in lines(other)]


def test_the_lines_of_a_score() -> None:
    found = lines(score_of([(0, 72), (480, 74), (960, 76)], [(0, 48), (480, 50), (480, 53), (1440, 48)]))
    assert [(line.name, line.melody) for line in found] == [
        ("all notes", False),
        ("top notes", True),
        ("top notes of flute", True),
        ("top notes of bass", True),
    ]
    assert found[0].pitch.tolist() == [48, 72, 50, 53, 74, 76, 48]
    assert found[1].pitch.tolist() == [72, 74, 76, 48]
    assert found[3].pitch.tolist() == [48, 53, 48] and found[3].onset.tolist() == [0, 480, 1440]
    assert len(found[0].tokens) == len(found[0]) - 1


def test_a_melody_alone_has_one_line_and_a_doubled_track_none_of_its_own() -> None:
    assert [(line.name, line.melody) for line in lines(score_of(MELODY))] == [("all notes", True)]
    doubled = lines(score_of(MELODY, MELODY))
    assert [line.name for line in doubled] == ["all notes"] and len(doubled[0]) == len(MELODY)
    unnamed = lines(score_of(MELODY, [(0, 40), (480, 41)], [(0, 30), (480, 31)]))
    assert unnamed[-1].name == "top notes of track 3"


def test_drums_have_no_lines() -> None:
    assert lines(score_of(MELODY, drums=True)) == []
    mixed = score_of(MELODY)
    mixed.tracks.append(score_of([(0, 36), (240, 38)], drums=True).tracks[0])
    assert [line.pitch.tolist() for line in lines(mixed)] == [[pitch for _, pitch in MELODY]]


def test_pieces_of_less_than_two_notes_have_no_lines() -> None:
    assert lines(Score(480)) == lines(score_of([])) == lines(score_of([(0, 60)])) == []
    assert [len(line) for line in lines(score_of([(0, 60)], [(480, 62)]))] == [2]


def test_onsets_that_are_heard_as_one_are_one() -> None:
    strummed = lines(score_of([(0, 48), (6, 52), (14, 55), (480, 50), (492, 53), (960, 48)]))
    exact = lines(score_of([(0, 48), (0, 52), (0, 55), (480, 50), (480, 53), (960, 48)]))
    assert strummed[0].tokens.tolist() == exact[0].tokens.tolist()
    # From the first of them, so that a run of short steps does not become one chord.
    assert together(np.array([0, 10, 20, 30, 480]), 15).tolist() == [0, 0, 20, 20, 480]
    assert together(np.array([0, 15, 16]), 15).tolist() == [0, 0, 16]
    assert together(np.array([0, 1, 2]), 12 / 32).tolist() == [0, 1, 2]  # a tick is longer than that
    # A doubled note is one, also where it is doubled a little later.
    assert [line.pitch.tolist() for line in lines(score_of([(0, 60), (480, 62)], [(9, 60), (480, 62)]))] == [[60, 62]]


def stretches(score: Score) -> list[list[int]]:
    return [line.tokens.tolist() for line in readings(score)]


@pytest.mark.parametrize(("factor", "gap"), [(1.5, 20), (2, 28), (4 / 3, 18), (0.5, 10), (2 / 3, 12)])
def test_a_reading_has_the_onsets_that_are_one_at_the_other_tempo(factor: float, gap: int) -> None:
    onset = np.cumsum([0, 240, 240, 480, gap, 480 - gap, 240, 240, 240])
    pitch = [60, 62, 64, 65, 72, 67, 69, 55, 57]
    slow = score_of(list(zip(onset.tolist(), pitch, strict=True)))
    fast = score_of(list(zip(np.rint(onset / factor).astype(int).tolist(), pitch, strict=True)))
    # As they are, one of them has two onsets where the other has one.
    assert lines(slow)[0].tokens.tolist() != lines(fast)[0].tokens.tolist()
    assert lines(slow)[0].tokens.tolist() in stretches(fast)


def test_a_reading_has_the_rhythm_that_rounding_to_ticks_has_changed() -> None:
    onset = np.cumsum([0, 120, 120, 105, 75, 75, 120])  # 75 / 105 is just above the root of a half
    pitch = np.array([60, 62, 64, 65, 72, 67, 69])
    half = np.array([0, 60, 120, 173, 210, 248, 308])  # at twice the tempo, in whole ticks: 37 / 53 is below it
    assert tokens(half, pitch).tolist() != tokens(onset, pitch).tolist()
    assert tokens(onset, pitch).tolist() in stretches(score_of(list(zip(half.tolist(), pitch.tolist(), strict=True))))


def test_a_reading_has_a_few_notes_on_both_sides_and_music_on_a_grid_has_none() -> None:
    rng = np.random.default_rng(0)
    onset = np.append(0, np.cumsum(rng.choice([120, 240, 480], 99)))
    pitch = rng.integers(50, 70, 100)
    grid = list(zip(onset.tolist(), pitch.tolist(), strict=True))
    assert readings(score_of(grid)) == readings(Score(480)) == readings(score_of(MELODY, drums=True)) == []
    grid[50] = grid[49][0] + 20, grid[50][1]
    found = readings(score_of(grid))
    assert found and all(len(line) <= 2 * (2 * SPAN + 1) and line.name in ("all notes", "top notes") for line in found)
    assert all(grid[49][0] in line.onset for line in found)


def test_a_reading_is_of_the_track_in_which_onsets_are_close() -> None:
    low = [(0, 40), (480, 43), (500, 47), (960, 40)]
    names = {line.name for line in readings(score_of(MELODY, low))}
    assert "top notes of bass" in names and "top notes of flute" not in names
