"""Windows that are read after a lead, and key states: how they are kept, copied and cut."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from symusic import Note, Score, Tempo, Track

from erato.corpora import Folder
from erato.datasets import LONGEST, Encodings, WindowDataset, Windows, encode_corpus, seed_windows
from erato.errors import CorpusError, UsageError
from erato.models import PianonetConfig
from erato.representations import Keystates, KeystatesConfig
from erato.training import Likelihood

KEYS = 3
PLAIN = {"num_augmentations_per_midi_file": 1, "stretch_range": (), "end_padding_range_in_seconds": ()}
STEPS = [40, 17, 25]  # of the pieces; 3 * 17 and 3 * 25 key states are no whole number of bytes


def pieces(steps=STEPS):
    """Rows of key states whose first and last steps sound, so that nothing of them is trimmed."""
    rng = np.random.default_rng(5)
    found = []
    for count in steps:
        frames = (rng.random((count, KEYS)) < 0.4).astype(np.int8)
        frames[[0, -1], 1] = 1
        found.append(frames.reshape(-1))
    return found


def encodings(arrays, **settings):
    representation = Keystates(KeystatesConfig(**{"min_key_index": 60, "num_keys": KEYS} | PLAIN | settings))
    symbols = np.concatenate([np.packbits(array) for array in arrays])
    split = {"train": list(range(len(arrays))), "valid": [], "test": []}
    return Encodings(representation, symbols, np.cumsum([0, *map(len, arrays)]), split, {})


def cut(piece, begin, length, lead, before=-1):
    """x, y and mask of a window, cut from the piece with enough of what stands before it."""
    padded = np.concatenate([np.full(lead + 1, before), piece])
    x = padded[begin : begin + lead + length]
    y = padded[begin + 1 : begin + 1 + lead + length]
    return x[: len(y)], y, np.arange(len(y)) >= lead


def windows_of(dataset, epoch=0):
    return [[part.numpy() for part in dataset[(epoch, index)]] for index in range(len(dataset))]


def check(found, expected):
    for name, one, other in zip(("x", "y", "mask"), found, expected, strict=True):
        assert one.tolist() == other.tolist(), name


# --- the lead


@pytest.mark.parametrize("lead", [0, 3, 6, 30, 300])
def test_a_window_is_read_after_its_lead_which_is_not_predicted(lead):
    arrays = pieces()
    dataset = WindowDataset(encodings(arrays), Windows(length=8, stride=8), 0, "bits", lead)
    begins = [[0, 24, 48, 72, 96], [0, 24, 27], [0, 24, 48, 51]]  # the last one ends with the piece
    assert len(dataset) == 12 and dataset.sizes.tolist() == [24] * 12
    found = iter(windows_of(dataset))
    for piece, places in zip(arrays, begins, strict=True):
        for begin in places:
            window = next(found)
            assert window[0].dtype == np.int8 and len(window[0]) == lead + 24
            check(window, cut(piece, begin, 24, lead))


def test_what_stands_before_a_piece_fills_a_lead_that_begins_earlier():
    dataset = WindowDataset(encodings(pieces()), Windows(length=2, stride=2), 0, "bits", lead=9)
    first, second, third = (dataset[(0, index)] for index in range(3))
    assert first[0].tolist()[:10] == [-1] * 10 and first[1].tolist()[:9] == [-1] * 9
    assert second[0].tolist()[:5] == [-1] * 4 + [pieces()[0][0]]
    assert -1 not in third[1].tolist() and -1 not in third[0].tolist()
    for _, y, mask in (first, second, third):
        assert mask.tolist() == [False] * 9 + [True] * 6 and min(y[mask].tolist()) >= 0


def test_windows_begin_at_steps_elsewhere_in_each_epoch_and_every_state_comes():
    arrays = pieces()
    dataset = WindowDataset(encodings(arrays), Windows(length=8), 7, "bits", lead=12)
    seen, places = [np.zeros(len(array), int) for array in arrays], set()
    for epoch in range(40):
        for index, window in enumerate(windows_of(dataset, epoch)):
            piece = int(dataset.piece[index])
            begin, shift, factor = dataset._place(epoch, piece, int(dataset.number[index]), len(arrays[piece]))
            assert begin % KEYS == 0 and 0 <= begin <= len(arrays[piece]) - 24 and (shift, factor) == (0, 1.0)
            check(window, cut(arrays[piece], begin, 24, 12))
            seen[piece][begin : begin + 24] += 1
            places.add(begin // KEYS % 8)
    assert min(states.min() for states in seen) > 5
    assert places == set(range(8))


@pytest.mark.parametrize(
    "windows", [Windows(length=8), Windows(length=8, stride=3), Windows(length=8, stride=5, drift=True)]
)
def test_what_is_read_begins_at_multiples_of_the_period_and_no_music_is_lost(windows):
    arrays = pieces()
    dataset = WindowDataset(encodings(arrays), windows, 0, "bits", lead=7, period=12)
    begins = set()
    for epoch in range(10):
        for index, window in enumerate(windows_of(dataset, epoch)):
            piece = int(dataset.piece[index])
            begin = dataset._place(epoch, piece, int(dataset.number[index]), len(arrays[piece]))[0]
            lead = next(lead for lead in range(7, 21) if (begin - lead) % 12 == 0)  # the shortest that is enough
            assert begin % KEYS == 0
            begins.add(begin)
            check(window, cut(arrays[piece], begin, 24, lead))
    assert windows.stride == 3 or len({begin % 12 for begin in begins}) > 1
    # Whole pieces have no lead: they begin at multiples of both the step and the period.
    whole = WindowDataset(encodings(arrays), Windows(length=None), 0, "bits", lead=7, period=4)
    assert (whole.lead, whole.unit) == (0, 12)
    assert WindowDataset(encodings(arrays), windows, 0, "bits", lead=7, period=1).lead == 9


def test_short_pieces_are_padded_after_the_lead():
    arrays = pieces([4, 30])
    dataset = WindowDataset(encodings(arrays), Windows(length=20, stride=20), 0, "bits", lead=6)
    assert dataset.sizes.tolist() == [12, 60, 60]
    x, y, mask = (part.numpy() for part in dataset.__getitems__([(0, 0), (0, 2)]))
    assert x.shape == y.shape == mask.shape == (2, 66)
    check((x[0, :18], y[0, :18], mask[0, :18]), cut(arrays[0], 0, 12, 6))
    assert set(x[0, 18:].tolist()) == set(y[0, 18:].tolist()) == {-1} and not mask[0, 18:].any()
    check((x[1], y[1], mask[1]), cut(arrays[1], 30, 60, 6))
    assert [len(part) for part in dataset[(0, 0)]] == [18, 18, 18]


def test_other_symbols_may_be_read_after_a_lead_too(counting):
    for lead, windows in [(0, Windows(length=8)), (0, Windows(length=8, stride=4)), (5, Windows(length=8))]:
        dataset = WindowDataset(counting, windows, 2, "counting", lead)
        without = WindowDataset(counting, windows, 2, "counting")
        for epoch in range(4):
            for index, window in enumerate(windows_of(dataset, epoch)):
                piece = int(dataset.piece[index])
                array = counting.array(piece).astype(int)
                begin = dataset._place(epoch, piece, int(dataset.number[index]), len(array))[0]
                check(window, cut(array, begin, 8, lead, before=0))
                y = without[(epoch, index)][1]
                assert window[1][lead:].tolist() == y.tolist()  # the lead changes nothing but what is read before


def test_a_transposed_piece_is_transposed_in_the_lead_too():
    frames = np.zeros((30, KEYS), np.int8)
    frames[[0, 3, 7, 12, 20, 29], 1] = 1
    moved = {semitones: np.roll(frames, semitones, 1).reshape(-1) for semitones in (-1, 0, 1)}
    whole = WindowDataset(encodings([moved[0]]), Windows(length=30, stride=30, transpose=1), 0, "bits", 6)
    parts = WindowDataset(encodings([moved[0]]), Windows(length=5, stride=5, transpose=1), 0, "bits", 6)
    found = set()
    for epoch in range(30):
        ((_, y, _),) = windows_of(whole, epoch)
        (semitones,) = (shift for shift, array in moved.items() if np.array_equal(y[6:], array))
        found.add(semitones)
        for number, window in enumerate(windows_of(parts, epoch)):
            check(window, cut(moved[semitones], 15 * number, 15, 6))
    assert found == {-1, 0, 1}


def test_whole_pieces_have_no_lead():
    arrays = pieces()
    dataset = WindowDataset(encodings(arrays), Windows(length=None), 0, "bits", lead=30)
    assert dataset.lead == 0 and dataset.sizes.tolist() == [120, 51, 75]
    for window, piece in zip(windows_of(dataset), arrays, strict=True):
        check(window, cut(piece, 0, len(piece), 0))


def test_a_long_piece_is_cut_at_steps_and_none_of_it_is_lost():
    (piece,) = pieces([6000])
    dataset = WindowDataset(encodings([piece]), Windows(length=None), 0, "bits")
    seen = np.zeros(len(piece), int)
    for epoch in range(20):
        for index, (_, y, mask) in enumerate(windows_of(dataset, epoch)):
            begin = dataset._place(epoch, 0, int(dataset.number[index]), len(piece))[0]
            assert begin % KEYS == 0 and mask.all() and LONGEST - KEYS < len(y) <= LONGEST
            assert np.array_equal(y, piece[begin : begin + len(y)])
            seen[begin : begin + len(y)] += 1
    assert seen.min() > 0


@pytest.mark.parametrize("chunk", [1, 5, 12, 24, 40])
def test_windows_with_a_lead_may_be_learnt_in_chunks(chunk):
    """What the chunks cost is what the whole windows cost; the second row has ended before the first."""
    config = PianonetConfig(filter_increments=((2, 2, 2), (2, 2)))
    dataset = WindowDataset(encodings(pieces([9, 30])), Windows(length=10, stride=10), 0, "bits", config.lead)
    torch.manual_seed(0)
    model = config.build(dataset.space)
    batch = dataset.__getitems__([(0, 1), (0, 0)])
    assert config.lead == 11 and dataset.lead == 12 and batch[2].sum(1).tolist() == [30, 27]
    ((_, whole, measures),) = Likelihood().losses(model, iter([batch]), torch.Generator())
    chunks = list(Likelihood(chunk=chunk).losses(model, iter([batch]), torch.Generator()))
    assert len(chunks) == -(-42 // chunk) - 12 // chunk  # those of the lead alone are no steps
    assert sum(int(part["symbols"]) for _, _, part in chunks) == measures["symbols"] == 57
    total = sum(loss.item() * int(part["symbols"]) for _, loss, part in chunks)
    assert total / 57 == pytest.approx(whole.item(), rel=1e-5)


# --- windows of key states


def test_lengths_and_strides_of_windows_count_steps():
    arrays = pieces()
    dataset = WindowDataset(encodings(arrays), Windows(length=10, stride=4), 0, "bits", lead=5)
    assert dataset.lead == 6 and set(dataset.sizes.tolist()) == {30}
    found = windows_of(dataset)
    assert {len(x) for x, _, _ in found} == {36}
    for number, begin in enumerate([0, 12, 24, 36, 48, 60, 72, 84, 90]):  # 40 steps
        check(found[number], cut(arrays[0], begin, 30, 6))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stretch": 0.1}, r"no windows\.stretch, got 0\.1: set representation\.stretch_range\.$"),
        ({"shorten": 0.5}, r"no windows\.shorten, got 0\.5: .*\.$"),
    ],
)
def test_what_key_states_cannot_do_is_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        WindowDataset(encodings(pieces()), Windows(length=8, **settings), 0, "bits")


def test_the_remedy_for_a_small_corpus_counts_steps_too():
    with pytest.raises(CorpusError, match=r"bits has 82 steps, less than one window of 100.*length to 41 or less\.$"):
        WindowDataset(encodings(pieces()), Windows(length=100), 0, "bits")
    WindowDataset(encodings(pieces()), Windows(length=41), 0, "bits")
    with pytest.raises(CorpusError, match=r"nothing of the training part of bits is left"):
        WindowDataset(encodings([np.zeros(90, np.int8)]), Windows(length=8), 0, "bits")


def test_what_is_learnt_are_copies_that_the_seed_draws():
    arrays = pieces([400, 300])
    data = encodings(
        [*arrays, np.zeros(300, np.int8)],
        steps_per_second=10.0,
        num_augmentations_per_midi_file=2,
        stretch_range=(0.8, 1.2),
        end_padding_range_in_seconds=(1.0, 2.0),
    )
    one, again, other = (WindowDataset(data, Windows(length=20), seed, "bits", lead=40) for seed in (1, 1, 2))
    assert len(one.pieces) == 4  # two of each that sounds
    shares = []
    for number, copy in enumerate(one.pieces):
        frames = np.asarray(copy).reshape(-1, KEYS)
        length = int(np.flatnonzero(frames.any(1))[-1]) + 1
        share = length / len(arrays[number // 2]) * KEYS
        assert 0.8 + 0.2 * (number % 2) - 0.01 <= share <= 1.0 + 0.2 * (number % 2) + 0.01
        shares.append(share)
        assert 10 <= len(frames) - length <= 21
    assert [len(copy) for copy in one.pieces] == [len(copy) for copy in again.pieces]
    assert [len(copy) for copy in one.pieces] != [len(copy) for copy in other.pieces]
    assert abs(shares[0] - shares[2]) > 0.01 and abs(shares[1] - shares[3]) > 0.01  # each piece by its own chance
    for index in range(len(one)):
        begin = one._place(3, int(one.piece[index]), int(one.number[index]), len(one.pieces[one.piece[index]]))[0]
        window = [part.numpy() for part in one[(3, index)]]
        check(window, cut(np.asarray(one.pieces[one.piece[index]]), begin, 60, 42))
        check(window, [part.numpy() for part in again[(3, index)]])


def test_a_piece_may_begin_from_whole_steps_of_training_pieces():
    arrays = pieces()
    found = seed_windows(encodings(arrays), 12, 20, seed=4)
    assert len(found) == 20
    for window in found:
        assert len(window) % KEYS == 0 and 0 < len(window) <= 12
        assert any(
            np.array_equal(window, array[begin : begin + len(window)])
            for array in arrays
            for begin in range(0, len(array), KEYS)
        )


# --- how key states are kept


def test_pieces_of_any_length_stand_one_after_another():
    arrays = [np.random.default_rng(n).integers(0, 2, n).astype(np.int8) for n in (9, 0, 8, 1, 30, 0, 7)]
    data = encodings(arrays)
    assert len(data.symbols) == 2 + 0 + 1 + 1 + 4 + 0 + 1
    for index, array in enumerate(arrays):
        assert len(data.array(index)) == len(array) and np.array_equal(np.asarray(data.array(index)), array)
    moved = replace(data, split={"train": [6, 0], "valid": [4], "test": []})
    assert [np.asarray(array).tolist() for array in moved.part("train")] == [arrays[6].tolist(), arrays[0].tolist()]


def test_a_corpus_takes_an_eighth_of_a_byte_a_key_state_and_comes_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ERATO_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "music"
    folder.mkdir()
    rng, lengths = np.random.default_rng(0), {}
    for number in range(9):
        score, track = Score(480), Track("", 0, False)
        score.tempos.append(Tempo(0, 120.0))
        steps = 301 + 7 * number
        for _ in range(60):
            track.notes.append(Note(96 * int(rng.integers(0, steps)), 96, 60 + int(rng.integers(0, 5)), 80))
        track.notes.append(Note(96 * (steps - 1), 96, 64, 80))  # a tenth of a second is 96 ticks
        score.tracks.append(track)
        score.dump_midi(folder / f"piece{number}.mid")
        lengths[f"piece{number}"] = 5 * steps
    config = KeystatesConfig(min_key_index=60, num_keys=5, steps_per_second=10.0)
    pieces = Folder(str(folder)).pieces("music")
    first = encode_corpus(pieces, config)

    monkeypatch.setattr(KeystatesConfig, "fit", None)  # the second time nothing is encoded
    for data in (first, encode_corpus(pieces, config)):
        assert data.representation.state() == first.representation.state()
        assert sorted(np.diff(data.offsets).tolist()) == sorted(lengths.values())
        for index in range(9):
            expected = first.representation.encode(pieces[index]).array
            assert len(data.array(index)) == len(expected)
            assert np.array_equal(np.asarray(data.array(index)), expected) and expected.any()
        assert isinstance(data.symbols, np.memmap)
    (file,) = (tmp_path / "cache" / "encoded").glob("*/symbols.npy")
    assert sum(length % 8 > 0 for length in lengths.values()) > 5
    assert file.stat().st_size - 128 == sum(-(-length // 8) for length in lengths.values())
