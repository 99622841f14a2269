"""What phrases are like, on phrases short enough to count by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from erato.evaluation.phrases import (
    Statistics,
    compare,
    copies,
    diversity,
    gap,
    interval,
    phrases_of,
    relative,
    statistics,
)
from erato.representations.base import Rolls

SPACE = Rolls(tracks=2, bars=2, steps=4, pitches=24, beat=4)
R = 24  # a rest
FIFTH = math.sqrt(2 - math.sqrt(3) + 2 + 3 / 4)  # chords of 30, 90 and, on the circle of radius 1/2, 120 degrees
TRITONE = math.sqrt(4 + 4)  # opposite on the circles of fifths and of minor thirds, the same major third


def phrases(*voices):
    """[1, T, K] of a phrase, written track by track."""
    return np.array(voices).T[None]


ONE = phrases([0, 4, 7, 7, 7, R, R, R], [R, R, R, R, 7, 7, 2, 14])


def silence(count=1):
    return np.full((count, 8, 2), R)


def at_random(count, rng, lowest=0, highest=24):
    return np.where(rng.random((count, 8, 2)) < 0.2, R, rng.integers(lowest, highest, (count, 8, 2)))


def means(array, space=SPACE, **settings):
    return {name: mean.tolist() for name, mean in statistics(array, space, **settings).means().items()}


def test_a_phrase_by_hand():
    found = means(ONE)
    assert found["used_pitch_classes"] == [(3 + 1) / 2, (0 + 2) / 2]  # 2 and 14 are the same pitch class
    assert found["empty_bars"] == [0, 1 / 2]
    assert found["one_step_notes"] == pytest.approx([2 / 3, 2 / 3])  # the note over the bar line is one
    assert found["polyphonic_rate"] == [1 / 8]
    # The first beat has one track only. In the second G stands against two G and two D: halfway down a fifth.
    assert found["tonal_distance"] == pytest.approx([FIFTH / 2])
    assert means(ONE[:, :, ::-1])["tonal_distance"] == pytest.approx([FIFTH / 2])


def test_the_mean_of_several_phrases_is_over_their_bars_and_notes():
    two = np.concatenate([ONE, phrases([5] * 8, [R] * 8)])
    found = means(two)
    assert found["used_pitch_classes"] == [(3 + 1 + 1 + 1) / 4, 2 / 4]
    assert found["empty_bars"] == [0, 3 / 4]
    assert found["one_step_notes"] == pytest.approx([2 / 4, 2 / 3])
    assert found["tonal_distance"] == pytest.approx([FIFTH / 2])  # no new beat in which both sound


def test_a_note_of_one_step_at_the_bar_line():
    found = means(phrases([0, 0, 0, 5, 7, 7, 7, 7], [0, 0, 0, 5, 5, 7, 7, 7]))
    assert found["one_step_notes"] == pytest.approx([1 / 3, 0])


def test_notes_end_at_rests_and_with_the_phrase_and_never_go_on_in_the_next_one():
    array = np.concatenate([phrases([3, R, 3, R, R, R, R, 3], [R] * 8), phrases([3, R, R, R, R, R, R, R], [R] * 8)])
    found = statistics(array, SPACE)
    assert found.counts["one_step_notes"].tolist() == [[3, 0], [1, 0]]
    assert found.means()["one_step_notes"][0] == 1


def test_silence_has_no_notes_and_no_distances():
    found = means(silence())
    assert found["empty_bars"] == [1, 1]
    assert found["used_pitch_classes"] == [0, 0]
    assert found["polyphonic_rate"] == [0]
    assert np.isnan(found["one_step_notes"] + found["qualified_notes"] + found["tonal_distance"]).all()
    mixed = statistics(np.concatenate([silence(), ONE]), SPACE).means()
    assert mixed["tonal_distance"] == pytest.approx([FIFTH / 2])  # silence counts for nothing


def test_no_phrase_at_all():
    found = statistics(np.empty((0, 8, 2), np.int64), SPACE)
    assert len(found) == 0
    assert all(np.isnan(mean).all() for mean in found.means().values())


@pytest.mark.parametrize(("upper", "distance"), [(0, 0), (12, 0), (6, TRITONE), (7, FIFTH), (5, FIFTH)])
def test_tonal_distances_of_intervals(upper, distance):
    found = means(phrases([upper] * 8, [0] * 8))
    assert found["tonal_distance"] == pytest.approx([distance], abs=1e-12)


def test_equal_chroma_is_no_distance_whatever_the_order_and_the_rests():
    found = means(phrases([0, 4, 0, 4, 2, 2, R, R], [16, 16, 12, 0, R, R, R, 14]))
    assert found["tonal_distance"] == pytest.approx([0], abs=1e-12)


def test_tonal_distance_is_taken_beat_by_beat():
    space = replace(SPACE, beat=2)
    array = phrases([0, 0, 6, 6, 0, 0, 0, 0], [6, 6, 0, 0, R, R, R, R])
    assert means(array)["tonal_distance"] == pytest.approx([0], abs=1e-12)  # of whole bars: both have both
    assert means(array, space)["tonal_distance"] == pytest.approx([TRITONE])


def test_nothing_depends_on_the_key():
    array = at_random(50, np.random.default_rng(0), highest=19)
    higher = np.where(array == R, R, array + 5)
    assert means(array) == {name: pytest.approx(mean) for name, mean in means(higher).items()}


def test_entries_have_the_names_of_tracks_and_pairs():
    space, array = Rolls(3, 2, 4, 24), np.zeros((1, 8, 3), np.int64)
    found = statistics(array, space, ["flute", "oboe", "horn"]).names
    assert found["empty_bars"] == ("flute", "oboe", "horn")
    assert found["tonal_distance"] == ("flute-oboe", "flute-horn", "oboe-horn")
    assert statistics(array, space).names["one_step_notes"] == ("track 1", "track 2", "track 3")
    doubled = statistics(array, space, ["piano", "piano", "horn"]).names
    assert doubled["empty_bars"] == ("piano", "piano 2", "horn")


def test_pairs_are_the_tracks_that_they_name():
    array = np.stack([np.full((1, 8), pitch) for pitch in (0, 6, 13)], -1)  # C, F sharp, C sharp
    found = means(array, Rolls(3, 2, 4, 24))["tonal_distance"]
    assert found[0] == pytest.approx(TRITONE)
    assert found[2] == pytest.approx(FIFTH)  # of F sharp and C sharp


def test_a_single_track_has_no_pairs():
    found = means(np.zeros((1, 8, 1), np.int64), Rolls(1, 2, 4, 24))
    assert found["tonal_distance"] == []
    assert found["polyphonic_rate"] == [0]


def test_qualified_notes_last_a_thirty_second_note():
    fine = Rolls(1, 1, 96, 24, beat=24)
    array = np.array([[0, 0, 4, 4, 4] + [R] * 91]).T[None]
    assert means(array, fine)["qualified_notes"] == [1 / 2]  # three steps of 96, as the paper says
    assert means(array, fine, shortest=2)["qualified_notes"] == [1]
    coarse = np.array([[0, 4, 4] + [R] * 13]).T[None]
    assert means(coarse, Rolls(1, 1, 16, 24))["qualified_notes"] == [1]  # by construction
    assert means(coarse, Rolls(1, 1, 16, 24), shortest=2)["qualified_notes"] == [1 / 2]


def test_phrases_of_pieces():
    piece = np.stack([np.arange(21), np.full(21, R)], 1).astype(np.int16)
    short = piece[:7]
    found = phrases_of([short, piece], SPACE)
    assert found.shape == (2, 8, 2)
    assert found[:, :, 0].tolist() == [list(range(8)), list(range(8, 16))]
    assert (found[:, :, 1] == R).all()
    assert phrases_of([piece], SPACE, stride=4)[:, 0, 0].tolist() == [0, 4, 8, 12]
    assert phrases_of([short], SPACE).shape == (0, 8, 2)
    assert phrases_of([], SPACE).shape == (0, 8, 2)


def coin(values):
    """Statistics of phrases whose one measure is a share."""
    values = np.asarray(values, np.float64)[:, None]
    return Statistics({"heads": values}, {"heads": np.ones_like(values)}, {"heads": ("all",)})


def test_intervals_hold_the_mean_about_as_often_as_they_say():
    rng, held, widths = np.random.default_rng(1), 0, []
    for _ in range(200):
        low, high = interval(coin(rng.random(100) < 0.3), rng, resamples=200)["heads"]
        held += low[0] <= 0.3 <= high[0]
        widths.append(high[0] - low[0])
    assert 0.89 <= held / 200 <= 0.99
    assert np.mean(widths) == pytest.approx(2 * 1.96 * math.sqrt(0.3 * 0.7 / 100), rel=0.05)


def test_the_level_is_the_share_of_resamples():
    values = np.random.default_rng(2).random(100) < 0.3
    wide, narrow = (interval(coin(values), np.random.default_rng(0), level=level)["heads"] for level in (0.95, 0.5))
    assert (narrow[1] - narrow[0]) / (wide[1] - wide[0]) == pytest.approx(0.674 / 1.96, rel=0.15)


def test_pieces_are_drawn_whole():
    rng = np.random.default_rng(3)
    values = np.repeat(rng.random(100) < 0.3, 9)  # the nine phrases of a piece are alike
    groups = np.repeat(rng.permutation(100) * 7, 9)
    alone, together = (interval(coin(values), rng, groups=given)["heads"] for given in (None, groups))
    assert (together[1] - together[0]) / (alone[1] - alone[0]) == pytest.approx(3, rel=0.15)


def test_intervals_of_every_measure_stand_around_its_mean():
    rng = np.random.default_rng(4)
    found = statistics(at_random(80, rng), SPACE)
    intervals = interval(found, rng)
    for name, mean in found.means().items():
        low, high = intervals[name]
        assert low.shape == mean.shape
        assert ((low <= mean) & (mean <= high)).all()
    assert (intervals["used_pitch_classes"][0] < intervals["used_pitch_classes"][1]).all()


def test_the_same_generator_gives_the_same_interval():
    found = statistics(at_random(30, np.random.default_rng(5)), SPACE)
    one, two = (interval(found, np.random.default_rng(6), resamples=65) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("groups", [None, np.zeros(40)])
def test_what_a_single_one_says_has_no_interval(groups):
    found = statistics(ONE if groups is None else np.repeat(ONE, 40, 0), SPACE)
    assert all(np.isnan(ends).all() for ends in interval(found, np.random.default_rng(0), groups=groups).values())


def test_no_interval_of_what_is_not_there():
    low, high = interval(statistics(silence(5), SPACE), np.random.default_rng(0))["tonal_distance"]
    assert np.isnan([low, high]).all()


def test_diversity_by_hand():
    rng = np.random.default_rng(0)
    other = ONE.copy()
    other[0, :4, 1] = 9  # four of sixteen cells
    assert diversity(np.concatenate([ONE, other]), rng) == 1 / 4
    assert diversity(np.repeat(ONE, 9, 0), rng) == 0
    assert diversity(ONE, rng) == 0
    # Of three phrases, two alike, two thirds of the pairs differ.
    assert diversity(np.concatenate([ONE, ONE, other]), rng) == pytest.approx(2 / 3 / 4, abs=0.005)


def test_copies_are_exact():
    rng = np.random.default_rng(0)
    real = at_random(20, rng)
    near = real[:1].copy()
    near[0, 7, 1] = (near[0, 7, 1] + 1) % R
    mixed = np.concatenate([real[3:5], near, real[3:4]])
    assert copies(mixed, real) == 3
    assert copies(mixed.astype(np.int16), real) == 3  # whatever the dtype
    assert copies(mixed, iter(real)) == 3
    assert copies(mixed[:0], real) == copies(mixed, real[:0]) == 0


def test_transposed_copies():
    rng = np.random.default_rng(0)
    real = at_random(20, rng, highest=20)
    higher = np.where(real == R, R, real + 3)
    assert copies(higher, real) == 0
    assert copies(relative(higher, SPACE), relative(real, SPACE)) == 20
    bent = higher.copy()
    bent[:, :, 1] = np.where(bent[:, :, 1] == R, R, bent[:, :, 1] - 1)  # one track only
    assert copies(relative(bent, SPACE), relative(real, SPACE)) == 0
    assert (relative(silence(2), SPACE) == R).all()
    assert relative(silence(0), SPACE).shape == (0, 8, 2)


def test_relative_begins_at_the_first_pitch():
    assert relative(phrases([R, 5, 5, 7, R, R, R, R], [R, 3, R, R, R, R, R, 5]), SPACE).tolist() == (
        phrases([R, 0, 0, 2, R, R, R, R], [R, -2, R, R, R, R, R, 0]).tolist()
    )


def test_a_gap_by_hand():
    real, generated = statistics(ONE, SPACE), statistics(phrases([0] * 8, [6] * 8), SPACE)
    found = gap(generated, real)
    assert found["used_pitch_classes"] == pytest.approx((1 / 2 + 0) / 2)  # 1 for 2, 1 for 1
    assert found["used_pitch_classes_worst"] == pytest.approx(1 / 2)
    assert found["tonal_distance"] == pytest.approx(TRITONE - FIFTH / 2)
    assert found["one_step_notes"] == pytest.approx(100 * 2 / 3)
    assert found["empty_bars"] == 50
    assert found["polyphonic_rate"] == pytest.approx(100 * 7 / 8)


def test_the_mean_gap_and_the_worst():
    space = Rolls(3, 2, 4, 24)
    real = statistics(np.stack([np.full((1, 8), pitch) for pitch in (0, 6, 0)], -1), space)
    flat = statistics(np.zeros((1, 8, 3), np.int64), space)
    found = gap(flat, real)
    assert found["tonal_distance"] == pytest.approx(2 / 3 * TRITONE)
    assert found["tonal_distance_worst"] == pytest.approx(TRITONE)


def test_no_gap_between_equals():
    found = statistics(at_random(30, np.random.default_rng(0)), SPACE)
    assert set(gap(found, found).values()) == {0.0}


def test_silence_is_far_from_music_and_not_nowhere():
    real, quiet = statistics(ONE, SPACE), statistics(silence(), SPACE)
    found = gap(quiet, real)
    assert found["used_pitch_classes"] == 1
    assert found["tonal_distance"] == pytest.approx(FIFTH / 2)
    assert found["empty_bars"] == 100
    assert all(math.isfinite(value) for value in (*found.values(), *gap(real, quiet).values()))


def test_all_at_once():
    rng = np.random.default_rng(0)
    real, generated = at_random(200, rng), at_random(300, rng, highest=6)
    generated[:3] = real[:3]
    found = compare(generated, real, SPACE, rng)
    expected = gap(statistics(generated, SPACE), statistics(real, SPACE))
    assert {name: found[name] for name in expected} == expected
    assert found["copies"] == 3
    # Cells are equal where both rest or both sound the same of 24, or of 6, pitches.
    assert found["diversity"] == pytest.approx((1 - 0.04 - 0.64 / 6) / (1 - 0.04 - 0.64 / 24), rel=0.02)
    assert compare(generated, np.repeat(ONE, 3, 0), SPACE, rng)["diversity"] == 1
