from dataclasses import replace

import numpy as np
import pytest

from erato.corpora import Folder
from erato.datasets import WindowDataset, Windows, encode_corpus, seed_windows
from erato.errors import CorpusError, UsageError
from erato.representations import RemiConfig
from erato.training.batches import batch_order


def test_windows_read_what_stands_before_what_they_predict(counting):
    dataset = WindowDataset(counting, Windows(length=8), seed=3, corpus="c")
    for index in range(len(dataset)):
        x, y, mask = (part.numpy() for part in dataset[(5, index)])
        assert mask.all()
        assert (x[1:] == y[:-1]).all()
        piece = dataset.pieces[dataset.piece[index]]
        assert (x[0] == 0 and (y == piece[:8]).all()) or x[0] == 2 + (y[0] - 3) % 8  # the pieces count


def test_a_stride_gives_every_window_and_the_last_symbols_too(counting):
    dataset = WindowDataset(counting, Windows(length=8, stride=4), seed=0, corpus="c")
    first = counting.array(0)  # 20 symbols
    found = [dataset[(0, i)][1].tolist() for i in range(len(dataset)) if dataset.piece[i] == 0]
    assert found == [first[b : b + 8].tolist() for b in (0, 4, 8, 12)]


def test_without_a_stride_all_symbols_come_in_the_long_run(counting):
    dataset = WindowDataset(counting, Windows(length=8), seed=0, corpus="c")
    piece = 7
    seen = np.zeros(len(counting.array(piece)), int)
    for epoch in range(60):
        for index in np.flatnonzero(dataset.piece == piece):
            begin, _, _ = dataset._place(epoch, piece, int(dataset.number[index]), len(seen))
            assert 0 <= begin <= len(seen) - 8
            seen[begin : begin + 8] += 1
    assert seen.min() > 10
    assert seen.max() / seen.min() < 4


def test_short_pieces_are_padded_and_masked(counting):
    dataset = WindowDataset(counting, Windows(length=30), seed=0, corpus="c")
    longest = int(np.flatnonzero(dataset.piece == 7)[0])
    _, y, mask = dataset.__getitems__([(0, 0), (0, longest)])
    assert y.shape == (2, 30)
    assert y[0, :20].tolist() == counting.array(0).tolist()
    assert mask[0].tolist() == [True] * 20 + [False] * 10
    assert mask[1].all()


def test_a_batch_of_short_pieces_is_no_longer_than_they_are(counting):
    dataset = WindowDataset(counting, Windows(length=30), seed=0, corpus="c")
    assert dataset[(0, 0)][1].shape == (20,)


def test_a_piece_is_transposed_as_a_whole_and_stays_where_that_does_not_fit(counting):
    narrow = np.tile([4, 5, 6], 8).astype(np.uint16)  # may go two down, three up; the others use all symbols
    symbols = np.concatenate([narrow, counting.array(1)])
    encodings = replace(counting, symbols=symbols, offsets=np.array([0, 24, len(symbols)]), split={"train": [0, 1]})
    dataset = WindowDataset(encodings, Windows(length=4, stride=4, transpose=5), seed=1, corpus="c")
    shifts = set()
    for epoch in range(40):
        rows = [dataset[(epoch, i)][1].numpy() - narrow[4 * i : 4 * i + 4] for i in range(6)]
        assert len({int(value) for row in rows for value in row}) == 1
        shifts.add(int(rows[0][0]))
        for index in np.flatnonzero(dataset.piece == 1):
            assert dataset[(epoch, index)][1].min() >= 2
        assert dataset[(epoch, 6)][1].tolist() == counting.array(1)[:4].tolist()
    assert shifts == {-2, -1, 0, 1, 2, 3}


def test_a_corpus_smaller_than_a_window_is_refused_with_the_remedy(counting):
    with pytest.raises(CorpusError, match=r"has 244 symbols, less than one window of 300.*windows.length"):
        WindowDataset(counting, Windows(length=300), seed=0, corpus="c")


def test_an_epoch_has_every_window_once_and_can_be_entered_anywhere():
    order = batch_order(np.full(10, 8), 4, seed=1, drawn=0)
    batches = [next(order) for _ in range(9)]
    for epoch in range(3):
        windows = [w for batch in batches[3 * epoch : 3 * epoch + 3] for e, w in batch if e == epoch]
        assert sorted(windows) == list(range(10))
    orders = [[w for batch in batches[3 * epoch : 3 * epoch + 3] for _, w in batch] for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    again = batch_order(np.full(10, 8), 4, seed=1, drawn=5)
    assert [next(again) for _ in range(4)] == batches[5:]


def test_windows_of_like_length_come_together_in_batches_of_random_order():
    sizes = np.random.default_rng(0).integers(1, 200, 103)
    order = batch_order(sizes, 5, seed=1, drawn=0)
    batches = [[w for _, w in next(order)] for _ in range(21)]
    assert sorted(w for batch in batches for w in batch) == list(range(103))
    padded = sum(sizes[batch].max() * len(batch) for batch in batches)
    assert 1 - sizes.sum() / padded < 0.1
    firsts = [int(sizes[batch].max()) for batch in batches]
    assert firsts != sorted(firsts)


def test_seed_windows_are_parts_of_training_pieces(counting):
    for window in seed_windows(counting, 6, 20, seed=4):
        assert len(window) == 6
        assert any(
            (np.lib.stride_tricks.sliding_window_view(piece, 6) == window).all(1).any()
            for piece in counting.part("train")
        )


def test_a_damaged_cache_is_made_again(music_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ERATO_CACHE", str(tmp_path / "cache"))
    pieces = Folder(str(music_folder)).pieces("music")
    first = encode_corpus(pieces, RemiConfig())
    expected = np.array(first.symbols)
    (folder,) = (tmp_path / "cache" / "encoded").iterdir()
    for name, damage in (
        ("symbols.npy", b"\x93NUM"),
        ("state.json", b"{"),
        ("offsets.npy", None),
        ("state.json", None),
    ):
        if damage is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(damage)
        assert (encode_corpus(pieces, RemiConfig()).symbols == expected).all()


def test_windows_with_a_stride_may_begin_anew_in_every_epoch(counting):
    still = WindowDataset(counting, Windows(length=8, stride=4), seed=0, corpus="c")
    drifting = WindowDataset(counting, Windows(length=8, stride=4, drift=True), seed=0, corpus="c")
    assert len(still) == len(drifting)
    piece = 7
    size, numbers = len(counting.array(piece)), drifting.number[drifting.piece == piece]
    begins = {epoch: [drifting._place(epoch, piece, int(n), size)[0] for n in numbers] for epoch in range(40)}
    assert {found[0] for found in begins.values()} == {0, 1, 2, 3}
    for found in begins.values():
        assert set(np.diff(found[:-2])) == {4} and found[-1] == size - 8 >= found[-2]  # the last ones would not fit
    assert len({tuple(still._place(epoch, piece, 1, size)) for epoch in range(9)}) == 1


def test_shortened_windows_are_the_last_symbols_after_what_stands_before_a_piece(counting):
    dataset = WindowDataset(counting, Windows(length=8, stride=4, shorten=0.5), seed=0, corpus="c")
    whole = WindowDataset(counting, Windows(length=8, stride=4), seed=0, corpus="c")
    sizes = []
    for epoch in range(20):
        for index in range(len(dataset)):
            (x, y, mask), (_, full, _) = dataset[(epoch, index)], whole[(epoch, index)]
            assert mask.all() and len(y) >= 1
            assert y.tolist() == full[len(full) - len(y) :].tolist()
            assert x[1:].tolist() == y[:-1].tolist()
            if len(y) < len(full):
                assert x[0] == dataset.space.start
            sizes.append(len(y))
    assert set(sizes) == set(range(1, 9))
    assert 0.4 < np.mean(np.array(sizes) < 8) < 0.6
    assert dataset[(3, 5)][1].tolist() == dataset[(3, 5)][1].tolist()


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_shortened_windows_is_a_share(share):
    with pytest.raises(UsageError, match=r"windows\.shorten must be a share from 0 to 1"):
        Windows(shorten=share)
