"""What every representation promises, whatever it is: runs over all that are registered."""

import json

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.errors import UsageError
from erato.representations import REPRESENTATIONS


def music(seed):
    """A few bars in several voices, with a pickup, a change of tempo, drums velocities; partly off the grid."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.time_signatures.extend([TimeSignature(0, 1, 4), TimeSignature(480, 4, 4), TimeSignature(4320, 6, 8)])
    score.tempos.extend([Tempo(0, 100), Tempo(2400, 140)])
    for number in range(3):
        track = Track(f"voice {number}", 8 * number, number == 2)
        time = int(rng.integers(0, 4)) * 120
        while time < 8000:
            length = int(rng.integers(1, 9)) * 120 + int(rng.integers(-9, 10)) * (seed % 2)
            track.notes.append(Note(time, length, int(rng.integers(40, 80)), int(rng.integers(40, 110))))
            time += length if rng.random() < 0.8 else 0
        score.tracks.append(track)
    return score


PIECES = {
    "music": [music(seed) for seed in range(6)],
    "text": ["the quick brown fox\n", "jumps over the lazy dog. ", ""],
}


@pytest.fixture(scope="module", params=sorted(REPRESENTATIONS))
def fitted(request):
    """(config, representation, pieces it was fitted to)"""
    config = REPRESENTATIONS[request.param]()
    for pieces in PIECES.values():
        try:
            return config, config.fit(pieces), pieces
        except UsageError:
            continue  # the other kind of piece
    raise AssertionError(f"{request.param} fits neither music nor text")


def test_symbols_are_of_the_space_and_the_end_is_the_last(fitted):
    _, representation, pieces = fitted
    space = representation.space
    for piece in pieces:
        encoded = representation.encode(piece)
        array = encoded.array
        assert array.ndim == 1 and np.issubdtype(array.dtype, np.integer)
        assert ((array >= 0) & (array < space.size) & (array != space.start)).all()
        if space.end is not None:
            assert array[-1] == space.end and not (array[:-1] == space.end).any()
        assert all(isinstance(reason, str) and count > 0 for reason, count in encoded.lost.items())


def test_what_was_encoded_comes_back(fitted):
    _, representation, pieces = fitted
    for piece in pieces:
        array = representation.encode(piece).array
        assert np.array_equal(representation.encode(representation.decode(array)).array, array)


def test_encoding_does_not_touch_the_piece_and_is_the_same_each_time(fitted):
    _, representation, pieces = fitted
    for piece in pieces:
        before = piece if isinstance(piece, str) else piece.copy()
        first, second = representation.encode(piece), representation.encode(piece)
        assert piece == before
        assert np.array_equal(first.array, second.array) and first.lost == second.lost


def test_a_prompt_has_no_end(fitted):
    _, representation, pieces = fitted
    array = representation.encode_prompt(pieces[0]).array
    assert len(array) and representation.space.end not in array


def test_the_state_is_json_and_gives_the_same_representation(fitted):
    config, representation, pieces = fitted
    again = config.restore(json.loads(json.dumps(representation.state(), allow_nan=False)))
    assert again.space == representation.space
    assert again.names() == representation.names()
    assert again.state() == representation.state()
    for piece in pieces:
        array = representation.encode(piece).array
        assert np.array_equal(again.encode(piece).array, array)
        assert again.decode(array) == representation.decode(array)


@pytest.mark.parametrize("state", [{}, {"representation": "another"}, {"representation": ["remi"]}])
def test_a_foreign_state_is_refused_in_a_sentence(fitted, state):
    with pytest.raises(UsageError, match=r"\.$"):
        fitted[0].restore(state)


def test_a_damaged_state_is_refused_in_a_sentence(fitted):
    config, representation, _ = fitted
    for key in representation.state():
        with pytest.raises(UsageError, match=r"\.$"):
            config.restore({**representation.state(), key: {"foreign": None}})
        with pytest.raises(UsageError, match=r"\.$"):
            config.restore({name: value for name, value in representation.state().items() if name != key})


def test_every_symbol_has_a_name_of_its_own(fitted):
    _, representation, _ = fitted
    assert len(set(representation.names())) == representation.space.size


def test_transposing_by_nothing_changes_nothing(fitted):
    _, representation, pieces = fitted
    array = representation.encode(pieces[0]).array
    assert np.array_equal(representation.transposed(array, 0), array)


def test_the_cursor_allows_what_encode_writes_and_agrees_on_time(fitted):
    _, representation, pieces = fitted
    for piece in pieces:
        array = representation.encode(piece).array
        cursor = representation.cursor(1)
        for symbol in array:
            allowed = cursor.allowed()
            assert allowed is None or allowed[0, symbol]
            cursor.push(np.array([symbol]))
        assert cursor.done.tolist() == [representation.space.end is not None]
        if cursor.seconds is not None:
            assert cursor.seconds[0] <= representation.units(array)["seconds"] + 1e-3


def test_any_sampled_row_decodes_wherever_it_is_cut(fitted):
    """Fifty walks through what the cursor allows; each is encoded again, as a piece and as a prompt."""
    _, representation, _ = fitted
    walks, length = 50, 2000
    rng = np.random.default_rng(0)
    cursor = representation.cursor(walks)
    rows = np.zeros((walks, length), dtype=np.int64)
    for step in range(length):
        allowed = cursor.allowed()
        weights = np.ones((walks, representation.space.size)) if allowed is None else allowed.astype(float)
        weights[:, representation.space.start] = 0
        if representation.space.end is not None:
            weights[:, representation.space.end] *= 1e-4
        assert (weights.sum(1) > 0).all()
        cdf = np.cumsum(weights, 1)
        rows[:, step] = (cdf <= rng.random((walks, 1)) * cdf[:, -1:]).sum(1)
        cursor.push(rows[:, step])
    for row in rows:
        piece = representation.decode(row[: rng.integers(0, length)])
        array = representation.encode(piece).array
        again = representation.decode(array)
        assert np.array_equal(representation.encode(again).array, array)
        assert all(value >= 0 for value in representation.units(array).values())


def test_taken_rows_are_independent(fitted):
    _, representation, pieces = fitted
    array = representation.encode(pieces[0]).array
    half = len(array) // 2
    cursor = representation.cursor(1)
    for symbol in array[:half]:
        cursor.push(np.array([symbol]))
    state = [cursor.bars, cursor.seconds, cursor.done, cursor.allowed()]
    copies = cursor.take([0, 0])
    for symbol in array[half:]:
        copies.push(np.array([symbol, symbol]))
    for before, after in zip(state, [cursor.bars, cursor.seconds, cursor.done, cursor.allowed()], strict=True):
        assert (before is None and after is None) or np.array_equal(before, after)
    assert copies.done.tolist() == [representation.space.end is not None] * 2
