"""Which note each symbol speaks of: by hand for every representation, and what holds for all of them."""

import numpy as np
import pytest
from symusic import Note, Score, Track

from erato.errors import UsageError
from erato.representations import (
    REPRESENTATIONS,
    CharsConfig,
    Frames,
    KeystatesConfig,
    NoteChordsConfig,
    NoteFeaturesConfig,
    PerformanceConfig,
    PianorollConfig,
    RemiConfig,
)
from erato.representations.owners import led_to

WITHOUT = {"multitrack", "chars", "words", "subwords"}  # phrases and texts


def score_of(*tracks):
    score = Score(480)
    for number, notes in enumerate(tracks):
        made = Track(f"voice {number}", 40 * number, False)
        for note in notes:
            made.notes.append(Note(*note))
        score.tracks.append(made)
    return score


# C4, then E4 and G4 together, the upper one softer; then C3, two quarters long, in another track.
PIECE = score_of([(0, 480, 60, 80), (480, 480, 64, 80), (480, 480, 67, 64)], [(960, 960, 48, 80)])


def said(config, piece=PIECE):
    """Each symbol's name and the notes that it speaks of."""
    representation = config.fit([piece])
    array = representation.encode(piece).array
    owners = representation.owners(array)
    names = representation.names()
    return [(names[symbol], [int(n) for n in notes if n >= 0]) for symbol, notes in zip(array, owners, strict=True)]


def test_what_leads_to_a_note_speaks_of_the_next_that_there_is():
    assert led_to(np.array([-1, -1, 4, -1, 2, -1])).tolist() == [4, 4, 4, 2, 2, -1]
    assert led_to(np.array([], np.int64)).tolist() == []


def test_events():
    assert said(RemiConfig(max_duration=12)) == [
        *[("Bar", [0]), ("TimeSig_4/4", [0]), ("Position_0", [0]), ("Track_0:0", [0])],
        *[("Pitch_60", [0]), ("Velocity_80", [0]), ("Duration_12", [0])],
        *[("Position_12", [1]), ("Track_0:0", [1]), ("Pitch_64", [1]), ("Velocity_80", [1]), ("Duration_12", [1])],
        *[("Pitch_67", [2]), ("Velocity_64", [2]), ("Duration_12", [2])],
        *[("Position_24", [3]), ("Track_40:0", [3]), ("Pitch_48", [3]), ("Velocity_80", [3])],
        *[("Duration_12", [3]), ("Duration_12", [3]), ("<end>", [])],
    ]


def test_events_of_tracks_that_take_turns_are_numbered_track_after_track():
    piece = score_of([(0, 480, 60, 80), (960, 480, 62, 80)], [(480, 480, 48, 80)])
    pitches = [notes for name, notes in said(RemiConfig(), piece) if name.startswith("Pitch")]
    assert pitches == [[0], [2], [1]]


def test_a_performance():
    assert said(PerformanceConfig()) == [
        *[("Velocity_78", [0]), ("Note-On_60", [0]), ("Shift_500", [1]), ("Note-Off_60", [0]), ("Note-On_64", [1])],
        *[("Velocity_62", [2]), ("Note-On_67", [2]), ("Shift_500", [3]), ("Note-Off_64", [1]), ("Note-Off_67", [2])],
        *[("Velocity_78", [3]), ("Note-On_48", [3]), ("Shift_1000", [3]), ("Note-Off_48", [3]), ("<end>", [])],
    ]


def test_notes_and_chords():
    learnt = said(NoteChordsConfig(advance="learnt"))
    assert learnt == [
        ("C4", [0]),
        ("+1", [0]),
        ("4.7", [1, 2]),
        ("+1", [1, 2]),
        ("C3", [3]),
        ("+2", [3]),
        ("<end>", []),
    ]
    assert said(NoteChordsConfig()) == [("C4", [0]), ("4.7", [1, 2]), ("C3", [3]), ("<end>", [])]


def test_notes_are_their_own_but_for_those_that_one_keyboard_does_not_play():
    representation = NoteFeaturesConfig().fit([PIECE])
    assert representation.owners(representation.encode(PIECE).array).tolist() == [[0], [1], [2], [3]]
    twice = np.array([[62, 0, 0.5, 80], [60, 0, 0.5, 80], [60, 0, 0.2, 80]], np.float32)  # 62 above 60, and 60 again
    assert representation.owners(twice).tolist() == [[1], [0], [-1]]


@pytest.mark.parametrize("onsets", [False, True])
def test_frames_speak_of_the_note_that_sounds_on_each_key(onsets):
    representation = PianorollConfig(step_beats=1, lowest=60, keys=3, onsets=onsets).fit([PIECE])
    # Keys 60, 61, 62: one note of two frames, then another; a higher one, which begins first of the second frame.
    piece = score_of([(0, 960, 61, 80), (480, 480, 60, 80), (1440, 480, 61, 80)])
    owners = representation.owners(representation.encode(piece).array)
    sounding = [[-1, 0, -1], [1, 0, -1], [-1, -1, -1], [-1, 2, -1]]
    if not onsets:
        assert owners.tolist() == sounding
        return
    assert owners[:, :3].tolist() == [[-1, 0, -1], [1, -1, -1], [-1, -1, -1], [-1, 2, -1]]
    assert owners[:, 3:].tolist() == [[-1, -1, -1], [-1, 0, -1], [-1, -1, -1], [-1, -1, -1]]


def test_key_states_are_such_frames_one_key_after_another():
    config = KeystatesConfig(min_key_index=60, num_keys=3, steps_per_beat=1)
    piece = score_of([(0, 960, 61, 80), (480, 480, 60, 80)])
    representation = config.fit([piece])
    array = representation.encode(piece).array
    assert representation.owners(array).ravel().tolist() == [-1, 0, -1, 1, 0, -1]
    assert representation.owners(array[:4]).ravel().tolist() == [-1, 0, -1, 1]


@pytest.mark.parametrize("name", sorted(set(REPRESENTATIONS) - WITHOUT))
def test_every_note_is_spoken_of_wherever_a_piece_is_cut(name):
    rng = np.random.default_rng(4)
    notes = [(int(t) * 60, int(d) * 60, int(p), 80) for t, d, p in rng.integers([0, 1, 50], [60, 9, 70], (40, 3))]
    piece = score_of(notes[:25], notes[25:])
    representation = REPRESENTATIONS[name]().fit([piece])
    array = representation.encode(piece).array
    space = representation.space
    step = max(1, len(array) // 25)
    for cut in [*range(0, len(array), step), len(array)]:
        part = array[:cut]
        owners = representation.owners(part)
        count = sum(len(track.notes) for track in representation.decode(part).tracks)
        assert owners.ndim == 2 and len(owners) == cut
        assert set(np.unique(owners).tolist()) - {-1} == set(range(count))
    if isinstance(space, Frames):
        assert owners.shape[1] == space.keys
    if space.end is not None:
        assert (owners[-1] == -1).all()  # of the end
        more = np.append(array, array[:3])  # nor of what stands behind it, which is not read
        assert (representation.owners(more)[-3:] == -1).all()


def test_texts_speak_of_no_notes():
    representation = CharsConfig().fit(["la la la"])
    with pytest.raises(UsageError, match=r"notes.*\.$"):
        representation.owners(representation.encode("la").array)
