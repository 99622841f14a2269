"""Windows of pieces whose times are stretched: how long they last, and what stays the same."""

import numpy as np
import pytest
from symusic import Note, Score, Tempo, Track

from erato.datasets import Encodings, WindowDataset, Windows
from erato.errors import UsageError
from erato.representations import NoteFeaturesConfig, PerformanceConfig, PianorollConfig, RemiConfig
from erato.training.batches import batch_order

STRETCH = 0.25
CONFIGS = {
    "pianoroll": PianorollConfig(step_s=0.05),
    "pianoroll with onsets": PianorollConfig(step_s=0.05, onsets=True),
    "performance": PerformanceConfig(),
    "note_features": NoteFeaturesConfig(),
}


def played(seed: int, notes: int = 60) -> Score:
    """A piece in real time: notes of 0.2 to 0.6 s, begun every 0.1 to 0.5 s, on one key at a time."""
    rng = np.random.default_rng(seed)
    score = Score(500)  # at 120 quarters a minute, a tick is a millisecond
    score.tempos.append(Tempo(0, 120.0))
    track, time = Track("", 0, False), 0
    for number in range(notes):
        track.notes.append(Note(time, int(rng.integers(2, 7)) * 100, 40 + number % 40, int(rng.integers(20, 120))))
        time += int(rng.integers(1, 6)) * 100
    score.tracks.append(track)
    return score


def encoded(config, pieces=4):
    scores = [played(seed) for seed in range(pieces)]
    representation = config.fit(scores)
    arrays = [representation.encode(score).array.astype(representation.space.stored) for score in scores]
    offsets = np.cumsum([0, *map(len, arrays)])
    split = {"train": list(range(pieces)), "valid": [], "test": []}
    return Encodings(representation, np.concatenate(arrays), offsets, split, {})


@pytest.fixture(params=CONFIGS)
def data(request):
    return encoded(CONFIGS[request.param])


def windows(data, **changes):
    settings = {"length": None, "stretch": STRETCH} | changes
    return WindowDataset(data, Windows(**settings), seed=3, corpus="played")


def rows(dataset, epoch):
    """The symbols of every window in an epoch, without padding."""
    found = []
    for index in range(len(dataset)):
        x, y, mask = (part.numpy() for part in dataset[(epoch, index)])
        assert mask.all() and (x[1:] == y[:-1]).all()
        found.append(y)
    return found


def seconds(data, array):
    return data.representation.units(array)["seconds"]


def test_pieces_last_longer_or_shorter_by_up_to_the_share(data):
    dataset = windows(data)
    natural = [seconds(data, np.asarray(piece, data.representation.space.read)) for piece in dataset.pieces]
    assert min(natural) > 12
    ratios = np.array(
        [[seconds(data, row) / s for row, s in zip(rows(dataset, epoch), natural, strict=True)] for epoch in range(25)]
    )
    assert ratios.min() > 1 / (1 + STRETCH) - 0.01 and ratios.max() < 1 + STRETCH + 0.01
    assert ratios.min() < 0.85 and ratios.max() > 1.18
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.04)  # as often slower as faster
    assert (np.ptp(ratios, axis=1) > 0.01).all()  # each piece by a factor of its own
    assert (np.ptp(ratios, axis=0) > 0.1).all()  # and in each epoch another


def test_what_is_played_stays_the_same(data):
    dataset, representation = windows(data), data.representation
    original = [
        [note.pitch for note in representation.decode(np.asarray(p, representation.space.read)).tracks[0].notes]
        for p in dataset.pieces
    ]
    for epoch in range(5):
        for row, pitches in zip(rows(dataset, epoch), original, strict=True):
            assert [note.pitch for note in representation.decode(row).tracks[0].notes] == pitches


def test_no_number_is_missing_and_every_symbol_may_stand_in_a_piece(data):
    space = data.representation.space
    dataset = windows(data, length=40, stride=15, transpose=4)
    for epoch in range(6):
        for row in rows(dataset, epoch):
            assert np.isfinite(row).all() and space.holds(row).all()
            assert 0 < len(row) <= 40


def test_the_same_epoch_and_piece_give_the_same_windows_whenever_they_are_asked_for(data):
    one, other = windows(data, length=30), windows(data, length=30)
    order = batch_order(one.sizes, 3, seed=1, drawn=0)
    batches = [next(order) for _ in range(12)]
    later = batch_order(other.sizes, 3, seed=1, drawn=7)
    for batch in batches[7:]:
        assert next(later) == batch
        for a, b in zip(one.__getitems__(batch), other.__getitems__(batch), strict=True):
            assert (a == b).all()
    elsewhere = WindowDataset(data, Windows(length=30, stretch=STRETCH), seed=4, corpus="played")
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(rows(one, 0), rows(elsewhere, 0), strict=True))


def test_without_stretch_nothing_is_touched(data):
    dataset = windows(data, stretch=0.0)
    for epoch in range(3):
        for row, piece in zip(rows(dataset, epoch), dataset.pieces, strict=True):
            assert row.dtype == data.representation.space.read and (row == piece).all()


def test_all_windows_of_a_piece_are_stretched_alike():
    """Keys in turn, ten frames each: within an epoch they all last as long, to the frame."""
    roll = np.zeros((600, 88), np.int8)
    for turn in range(60):
        roll[10 * turn : 10 * turn + 10, turn % 88] = 1
    representation = PianorollConfig().fit([played(0)])
    data = Encodings(representation, roll, np.array([0, 600]), {"train": [0], "valid": [], "test": []}, {})
    dataset = windows(data, length=100)
    found = set()
    for epoch in range(8):
        lengths = []
        for row in rows(dataset, epoch):
            changes = np.flatnonzero((np.diff(row, axis=0) != 0).any(1))
            lengths += np.diff(changes).tolist()
        assert np.ptp(lengths) <= 1
        found.add(np.mean(lengths).round(1))
    assert len(found) > 4 and min(found) < 9.5 and max(found) > 10.5


def test_a_stretched_window_is_as_long_as_asked_and_begins_with_what_stood_before():
    data = encoded(CONFIGS["pianoroll"], pieces=1)
    dataset = windows(data, length=50)
    piece, after_first = dataset.pieces[0], 0
    for epoch in range(10):
        for index in range(len(dataset)):
            x, y, mask = (part.numpy() for part in dataset[(epoch, index)])
            begin, _, factor = dataset._place(epoch, 0, int(dataset.number[index]), len(piece))
            if begin + 50 / factor + 1 <= len(piece):
                assert len(y) == mask.sum() == 50
            if begin:
                assert x[0].min() == 0  # a frame of the piece, not what stands before it
                assert (x[0] == piece[begin - 1]).all() or factor < 1
                after_first += 1
            else:
                assert (x[0] == -1).all()
    assert after_first > 10


@pytest.mark.parametrize("name", CONFIGS)
def test_a_window_is_full_whatever_the_tempo(name):
    """The fewest symbols that a window may have are those of the quickest piece from its last place on."""
    data = encoded(CONFIGS[name], pieces=2)
    dataset = windows(data, length=40)
    for epoch in range(10):
        for index in range(len(dataset)):
            piece = int(dataset.piece[index])
            begin, _, factor = dataset._place(epoch, piece, int(dataset.number[index]), len(dataset.pieces[piece]))
            if factor >= 1 or begin + 40 / factor + 2 < len(dataset.pieces[piece]):
                assert len(dataset[(epoch, index)][1]) >= (38 if name == "performance" else 40)


def test_music_in_bars_has_no_seconds_to_stretch(make_score):
    scores = [make_score(seed=seed) for seed in range(3)]
    representation = RemiConfig().fit(scores)
    arrays = [representation.encode(score).array.astype(np.uint16) for score in scores]
    split = {"train": [0, 1, 2], "valid": [], "test": []}
    data = Encodings(representation, np.concatenate(arrays), np.cumsum([0, *map(len, arrays)]), split, {})
    for length in (None, 40):
        plain, stretched = windows(data, length=length, stretch=0.0), windows(data, length=length)
        for one, other in zip(rows(plain, 2), rows(stretched, 2), strict=True):
            assert len(one) == len(other) <= (length or 10_000)
            assert length is not None or (one == other).all()


@pytest.mark.parametrize("stretch", [-0.1, 0.6, float("nan")])
def test_a_share_that_means_nothing_is_refused(stretch):
    with pytest.raises(UsageError, match=r"windows.stretch must be a share from 0 to 0.5"):
        Windows(stretch=stretch)


def test_whole_pieces_may_be_of_any_length():
    dataset = windows(encoded(CONFIGS["note_features"]), stretch=0.0)
    assert len(dataset) == 4 and dataset.sizes.tolist() == [60] * 4
    with pytest.raises(UsageError, match=r"windows.length must be at least 1, or none"):
        Windows(length=0)
