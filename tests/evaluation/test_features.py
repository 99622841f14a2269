"""What pieces are like: pieces written by hand, against numbers counted by hand and by slow loops over a piano roll."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TextMeta, TimeSignature, Track

from erato.evaluation import COLUMNS, SCALARS, features, self_similarity, vector
from erato.evaluation.features import ARRAYS, LENGTHS

Q = 24  # ticks a quarter
NAN = float("nan")


def make(*tracks, drums=(), meters=(), tempos=(), end=None, tpq=Q):
    """A score of tracks of (onset, duration, pitch), in quarters."""
    result = Score(tpq)
    for is_drum, group in [*((False, track) for track in tracks), *((True, track) for track in drums)]:
        track = Track("", 0, is_drum)
        for onset, duration, pitch in group:
            track.notes.append(Note(round(onset * tpq), round(duration * tpq), pitch, 64))
        result.tracks.append(track)
    for at, numerator, denominator in meters:
        result.time_signatures.append(TimeSignature(round(at * tpq), numerator, denominator))
    for at, qpm in tempos:
        result.tempos.append(Tempo(round(at * tpq), qpm))
    if end is not None:
        result.markers.append(TextMeta(round(end * tpq), "end"))
    return result


def row(pitches, begin=0.0, each=1.0):
    """Notes one after another."""
    return [(begin + each * place, each, pitch) for place, pitch in enumerate(pitches)]


SCALE = make(row([60, 62, 64, 65, 67, 69, 71, 72]))  # two bars of quarters, C major
CHORDS = make(
    [(0, 4, 60), (0, 4, 64), (0, 2, 67), (1, 1, 60), (8, 2, 61)],  # C again while it sounds; a bar of nothing
    [(2, 1, 60), (3, 1, 48)],  # and C in another track
)
WALTZ = make(
    [*row([67, 66, 67]), (3, 2, 71), (5, 1 / 3, 71), (16 / 3, 1 / 3, 72), (17 / 3, 1 / 3, 74)], meters=[(0, 3, 4)]
)
PICKUP = make(row([60, 65, 65, 67, 67, 69]), meters=[(0, 1, 4), (1, 4, 4)], end=9)  # ends with silence
SEVEN = make(row([62, 65, 69] * 7, each=0.5), meters=[(0, 7, 8)])  # three bars of eighths
DRUMS = make(drums=[[(at / 2, 0.25, 36 if at % 2 else 42) for at in range(16)]])
BAND = make(
    row([60, 63, 67, 70], each=2), drums=[row([36, 38] * 4)], tempos=[(0, 120), (4, 60)]
)  # half as fast from the second bar on
PIECES = {
    "scale": SCALE, "chords": CHORDS, "waltz": WALTZ, "pickup": PICKUP, "seven": SEVEN, "drums": DRUMS, "band": BAND,
}  # fmt: skip


def scalar(piece, name):
    return features(piece).scalars[name]


def rolled(piece):
    """[ticks, 128] what sounds, cell after cell, as long as the last note of any track."""
    notes = [note for track in piece.tracks for note in track.notes]
    roll = np.zeros((max((note.end for note in notes), default=0), 128), bool)
    for track in piece.tracks:
        for note in track.notes:
            for tick in range(note.time, note.end):
                if not track.is_drum:
                    roll[tick, note.pitch] = True
    return roll


def pitched(piece):
    return [note for track in piece.tracks if not track.is_drum for note in track.notes]


def entropy(values):
    counts = Counter(values)
    return sum(n / len(values) * math.log2(len(values) / n) for n in counts.values())


def near(found, wanted):
    assert found == pytest.approx(wanted, abs=1e-12, nan_ok=True)


def test_a_scale_by_hand():
    found = features(SCALE).scalars
    # Eight quarters at 120 a minute: four seconds.
    near(found["notes_per_second"], 2)
    near(found["notes_per_bar"], 4)
    near(found["inter_onset_seconds"], 0.5)
    near(found["inter_onset_quarters"], 1)
    near([found[name] for name in ("pitches", "pitch_classes", "pitch_range")], [8, 7, 12])
    near(found["pitch_entropy"], 3)
    near(found["pitch_class_entropy"], 6 / 8 * 3 + 2 / 8 * 2)  # C twice
    near(found["pitch_interval"], 12 / 7)
    near([found[name] for name in ("scale_consistency", "polyphony", "polyphony_rate", "empty_bar_rate")], [1, 1, 0, 0])
    near(found["groove_consistency"], 1)
    near(found["repeated_rhythms"], 1 / 2)
    near(found["repeated_bars"], 1 / 2)  # G A B C is C D E F a fifth higher
    near(found["similarity_lag_1"], 0)
    near(found["similarity_lag_2"], NAN)


def test_chords_by_hand_and_where_the_references_are_odd():
    found = features(CHORDS)
    near(found.scalars["inter_onset_quarters"], 2)  # at 0, 1, 2, 3 and 8
    onsets = sorted(note.time / Q for note in pitched(CHORDS))
    near(np.diff(onsets).mean(), 8 / 6)  # mgeval: the notes of a chord count as intervals of 0
    # Three pitches for two quarters, two for one, three for one, silence for four, one for two.
    near(found.scalars["polyphony"], (3 * 2 + 2 + 3 + 2) / 6)
    near(found.scalars["polyphony_rate"], 4 / 10)
    near((rolled(CHORDS).sum(1) > 2).mean(), 3 / 10)  # MusPy: more than two
    near(found.scalars["empty_bar_rate"], 1 / 3)
    sounding = {bar for note in pitched(CHORDS) for bar in range(note.time // (4 * Q), note.end // (4 * Q) + 1)}
    assert sounding == {0, 1, 2}  # MusPy: what ends on the bar line sounds after it, so that no bar is empty
    near(found.scalars["pitch_interval"], (4 + 3 + 7 + 1 + 12) / 5)  # 60 64 67 60 61, and 60 48
    near(found.pitch_class_histogram[[0, 1, 4, 7]], np.array([4, 1, 1, 1]) / 7)
    seconds = Counter()  # mgeval: velocity times time of the first track, C twice where it sounds twice
    for note in CHORDS.tracks[0].notes:
        seconds[note.pitch % 12] += note.duration * note.velocity
    near([seconds[pitch_class] / sum(seconds.values()) for pitch_class in (0, 1, 4, 7)], np.array([5, 2, 4, 2]) / 13)


def test_groove_does_not_depend_on_ticks_as_that_of_muspy_does():
    def muspy(piece, bar):
        count = max(note.end for note in pitched(piece)) // bar + 1
        patterns = np.zeros((count, bar), bool)
        for note in pitched(piece):
            patterns[note.time // bar, note.time % bar] = True
        return 1 - (patterns[1:] != patterns[:-1]).sum() / (bar * (count - 1))

    finer = CHORDS.resample(480)
    near(scalar(CHORDS, "groove_consistency"), 1 - (4 + 1) / (16 + 16))
    near(scalar(finer, "groove_consistency"), 1 - (4 + 1) / (16 + 16))
    near(muspy(CHORDS, 4 * Q), 1 - 5 / 192)
    near(muspy(finer, 4 * 480), 1 - 5 / 3840)


def test_note_lengths_by_hand_and_as_shares_of_the_bar():
    names = list(LENGTHS)
    found = features(WALTZ)
    counts = dict(zip(names, found.note_length_histogram * 7, strict=True))
    near([counts[name] for name in ("quarter", "half", "eighth triplet")], [3, 1, 3])
    transitions = {
        (names[one], names[other]): round(6 * found.note_length_transitions[one, other])
        for one, other in zip(*np.nonzero(found.note_length_transitions), strict=True)
    }
    assert transitions == {
        ("quarter", "quarter"): 2, ("quarter", "half"): 1, ("half", "eighth triplet"): 1,
        ("eighth triplet", "eighth triplet"): 2,
    }  # fmt: skip
    # mgeval's classes are parts of a bar: in 3/4 a quarter is a "half triplet", a half a "dotted half".
    shares = [min(LENGTHS, key=lambda name: abs(LENGTHS[name] * 72 / 96 - note.duration)) for note in pitched(WALTZ)]
    assert Counter(shares) == {"half triplet": 3, "dotted half": 1, "eighth": 3}


def test_of_two_lengths_as_near_the_first_class_counts_and_none_is_out_of_reach():
    piece = make([(0, 60 / 24, 60), (4, 0, 60), (5, 40, 60)])  # between half and dotted half; nothing; ten bars
    near(features(piece).note_length_histogram[:5], [1 / 3, 1 / 3, 0, 0, 1 / 3])


def test_a_pickup_by_hand():
    found = features(PICKUP).scalars
    near(found["notes_per_bar"], 6 / 3)
    near(found["notes_per_second"], 6 / 4.5)  # with the silence before the `end` marker
    near(found["groove_consistency"], 1 - 3 / 16)  # the two full bars; the pickup has no neighbour of its length
    near(found["repeated_rhythms"], 0)  # the pickup and the last bar have an onset at 0, but not the same length
    assert scalar(make(row([60] * 5), meters=[(0, 1, 4), (1, 4, 4)], end=9), "empty_bar_rate") == pytest.approx(1 / 3)


def test_bars_of_seven_eighths_by_hand():
    found = features(SEVEN)
    near(found.scalars["notes_per_bar"], 7)
    near(found.scalars["groove_consistency"], 1)
    near(found.scalars["repeated_rhythms"], 2 / 3)
    near(found.scalars["repeated_bars"], 0)  # seven notes a bar, three in the figure
    near(found.scalars["pitch_interval"], (7 * 3 + 7 * 4 + 6 * 7) / 20)
    matrix = np.zeros((12, 12))
    matrix[2, 5], matrix[5, 9], matrix[9, 2] = 7 / 20, 7 / 20, 6 / 20
    near(found.pitch_class_transitions, matrix)


def test_drums_have_rhythm_and_no_pitch():
    found = features(DRUMS)
    assert (found.notes, found.drum_notes) == (0, 16)
    for name in ("pitch_range", "pitch_entropy", "pitch_class_entropy", "pitch_interval", "polyphony"):
        assert math.isnan(found.scalars[name])
    assert math.isnan(found.scalars["scale_consistency"])
    assert all(np.isnan(getattr(found, name)).all() for name in ARRAYS)
    near([found.scalars[name] for name in ("pitches", "pitch_classes", "polyphony_rate", "empty_bar_rate")], [0] * 4)
    near(found.scalars["notes_per_second"], 16 / (7.75 * 0.5))
    near([found.scalars[name] for name in ("similarity_lag_1", "groove_consistency", "repeated_bars")], [1, 1, 0.5])
    lowest, highest = 127, 0  # MusPy: nothing lowers the one or raises the other
    assert highest - lowest == -127


def test_tempo_changes_seconds_and_drums_change_no_pitch():
    found, alone = features(BAND), features(make(row([60, 63, 67, 70], each=2)))
    near(found.scalars["notes_per_second"], 12 / (2 + 4))
    near(found.scalars["inter_onset_seconds"], (2 + 3) / 7)
    near(found.scalars["inter_onset_quarters"], 1)
    near(found.pitch_histogram, alone.pitch_histogram)
    for name in ("pitch_entropy", "polyphony", "pitch_interval", "scale_consistency"):
        near(found.scalars[name], alone.scalars[name])
    assert (found.notes, found.drum_notes) == (4, 8)


@pytest.mark.parametrize("name", PIECES)
def test_against_slow_loops(name):
    piece = PIECES[name]
    found, notes, roll = features(piece), pitched(piece), rolled(piece)
    pitches = [note.pitch for note in notes]
    classes = [pitch % 12 for pitch in pitches]
    counts = Counter(classes)
    scales = [{(root + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)} for root in range(12)]
    scales += [{(root + step) % 12 for step in (0, 2, 3, 5, 7, 8, 10)} for root in range(12)]
    length = max([len(roll), *(marker.time for marker in piece.markers)])
    some = roll.sum(1) > 0
    wanted = {
        "pitches": len(set(pitches)),
        "pitch_classes": len(counts),
        "pitch_range": max(pitches) - min(pitches) if notes else NAN,
        "pitch_entropy": entropy(pitches) if notes else NAN,
        "pitch_class_entropy": entropy(classes) if notes else NAN,
        "scale_consistency": max(sum(c in scale for c in classes) for scale in scales) / len(notes) if notes else NAN,
        "polyphony": roll.sum() / some.sum() if notes else NAN,
        "polyphony_rate": (roll.sum(1) >= 2).sum() / length,
    }
    near({key: found.scalars[key] for key in wanted}, wanted)
    if notes:
        near(found.pitch_histogram, [pitches.count(pitch) / len(notes) for pitch in range(128)])
        near(found.pitch_class_histogram, [counts[pitch_class] / len(notes) for pitch_class in range(12)])
    lengths = [min(range(12), key=lambda at: abs(list(LENGTHS.values())[at] * Q / 24 - n.duration)) for n in notes]
    near(found.note_length_histogram, [lengths.count(at) / len(notes) if notes else NAN for at in range(12)])
    matrix = np.zeros((12, 12))
    slow = np.interp(np.arange(length + 1), *zip((0, 0), (4 * Q, 2), (400 * Q, 398), strict=True))
    at = slow if name == "band" else np.arange(length + 1) / (2 * Q)
    for track in piece.tracks:
        for one in track.notes if not track.is_drum else []:
            for other in track.notes:
                if one is not other and one != other and abs(at[one.end] - at[other.time]) < 0.05:
                    matrix[one.pitch % 12, other.pitch % 12] += 1
    near(found.pitch_class_transitions, matrix / matrix.sum() if notes else np.full((12, 12), NAN))


def test_a_note_does_not_follow_itself():
    piece = make([(0, 0.05, 60), (2, 0.05, 64), (2.05, 1, 67)])  # a twentieth of a quarter: 25 ms
    matrix = np.zeros((12, 12))
    matrix[4, 7] = 1  # pretty_midi, and so mgeval, adds C to C and E to E
    near(features(piece).pitch_class_transitions, matrix)


def test_bars_repeat_transposed_by_rhythm_and_by_drums():
    figure = [(0, 1, 60), (1, 0.5, 64), (1.5, 0.5, 67), (2, 2, 72)]

    def bar(number, by=0, figure=figure):
        return [(4 * number + onset, duration, pitch + by) for onset, duration, pitch in figure]

    other = [(onset, duration, pitch) for (onset, duration, _), pitch in zip(figure, (60, 59, 57, 62), strict=True)]
    melody = bar(0) + bar(1, by=5) + bar(2, figure=other) + bar(4)  # bar 3 is silent
    near(scalar(make(melody), "repeated_bars"), 2 / 4)
    near(scalar(make(melody), "repeated_rhythms"), 3 / 4)
    # With an onset of its own the fifth bar is a new one; another drum is other notes, and the same rhythm.
    assert scalar(make([*melody, (17.25, 1, 70)]), "repeated_bars") == 1 / 4
    drums = [(0, 1, 36), (4, 1, 38), (8, 1, 36), (16, 1, 36)]
    near([scalar(make(melody, drums=[drums]), name) for name in ("repeated_bars", "repeated_rhythms")], [1 / 4, 3 / 4])
    meters = [(0, 3, 4), (3, 4, 4)]
    near(scalar(make([(0, 1, 60), (3, 1, 60)], meters=meters), "repeated_bars"), 0)


def test_self_similarity_by_hand_and_its_diagonals():
    # Bar 1 keeps two of three onsets, bar 2 is silent, bar 3 is bar 0 with other lengths, bar 4 is silent.
    piece = make([(0, 1, 60), (1, 1, 62), (2, 1, 64), (4, 1, 60), (5, 1, 62), (6, 1, 65), (12, 2, 60), (13, 1, 62), (14, 1, 64)], end=20)  # fmt: skip  # noqa: E501
    wanted = [[1, 0.5, 0, 1, 0], [0.5, 1, 0, 0.5, 0], [0, 0, NAN, 0, NAN], [1, 0.5, 0, 1, 0], [0, 0, NAN, 0, NAN]]
    near(self_similarity(piece), np.array(wanted))
    near(scalar(piece, "similarity_lag_1"), (0.5 + 0 + 0 + 0) / 4)
    near(scalar(piece, "similarity_lag_2"), (0 + 0.5) / 2)  # two silent bars are no pair
    near(scalar(piece, "similarity_lag_4"), 0)
    near(scalar(piece, "similarity_lag_8"), NAN)
    for other in PIECES.values():
        matrix = self_similarity(other)
        for lag in (1, 2):
            diagonal = np.diagonal(matrix, lag)
            mean = diagonal[~np.isnan(diagonal)].mean() if (~np.isnan(diagonal)).any() else NAN
            near(scalar(other, f"similarity_lag_{lag}"), mean)


def test_a_drum_and_a_note_of_its_number_are_not_alike():
    piece = make([(0, 1, 36), (4, 1, 40)], drums=[[(0, 1, 40), (4, 1, 36)]])
    near(self_similarity(piece)[0, 1], 0)
    near(scalar(piece, "similarity_lag_1"), 0)


def test_an_onset_just_before_the_bar_line_is_on_it():
    piece = make([(0, 1, 60), (1, 1, 62), (3.9, 1, 60), (5.1, 1, 62), (7.95, 0.05, 64)])
    near(self_similarity(piece)[0, 1], 2 / 3)  # what comes just before the end of the piece stays in its last bar


def test_pieces_of_nothing_and_of_next_to_nothing():
    nothing = features(make()).scalars
    assert all(math.isnan(value) for name, value in nothing.items() if name not in ("pitches", "pitch_classes"))
    assert features(make(end=8)).scalars["empty_bar_rate"] == 1
    assert self_similarity(make()).shape == (0, 0)
    assert np.isnan(self_similarity(make(end=8))).all()
    one = features(make([(0, 2, 61)])).scalars
    near([one[name] for name in ("pitches", "pitch_range", "pitch_entropy", "polyphony")], [1, 0, 0, 1])
    near([one[name] for name in ("pitch_interval", "inter_onset_seconds", "groove_consistency")], [NAN] * 3)
    assert math.copysign(1, one["pitch_entropy"]) == 1  # not -0, which would be printed
    assert np.isnan(features(make([(0, 2, 61)])).note_length_transitions).all()
    grace = features(make([(0, 0, 60), (0, 1, 62), (4, 0, 64)])).scalars  # the last one begins where the piece ends
    near([grace[name] for name in ("polyphony", "polyphony_rate", "pitches")], [1, 0, 3])
    near([grace[name] for name in ("empty_bar_rate", "notes_per_bar")], [0, 3 / 2])
    short = features(make([(0, 0, 60)])).scalars
    near([short[name] for name in ("polyphony", "notes_per_second", "empty_bar_rate")], [NAN, NAN, 0])


def test_a_vector_is_all_of_it_and_json_has_null():
    found = features(BAND)
    numbers = vector(found)
    assert numbers.shape == (len(SCALARS) + 128 + 2 * 12 + 2 * 144,)
    assert [*COLUMNS] == [*(scalar.name for scalar in SCALARS), *ARRAYS] == [*found.scalars, *ARRAYS]
    for name, where in COLUMNS.items():
        near(numbers[where], found.scalars[name] if name in found.scalars else getattr(found, name).ravel())
    read = json.loads(json.dumps(features(DRUMS).to_json(), allow_nan=False))
    assert read["pitch_range"] is None and read["pitch_histogram"] is None and read["drum_notes"] == 16
    assert json.loads(json.dumps(found.to_json()))["pitch_class_transitions"][0][3] == pytest.approx(1 / 3)


def test_the_order_of_notes_and_of_the_piece_itself_change_nothing():
    before = CHORDS.copy()
    turned = CHORDS.copy()
    for track in turned.tracks:
        notes = list(track.notes)[::-1]
        track.notes.clear()
        for note in notes:
            track.notes.append(note)
    near(vector(features(turned)), vector(features(CHORDS)))
    assert before == CHORDS
