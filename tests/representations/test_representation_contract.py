"""What every representation promises, whatever it is: runs over all that are registered."""

import json
import math

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.errors import UsageError
from erato.representations import REPRESENTATIONS, Bits, Frames, Notes, Rolls, Tokens


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
    "text": [  # all twice, so that no vocabulary of words leaves any out
        "the quick brown fox\n" * 2,
        '"Over," he said, "the lazy dog"?\n\n\n    HE -- don\'t... ' * 2,
        "",
        "你好，世界。こんにちは\n" * 2,
        "مرحبا بالعالم، " * 2,
        "e\u0301te\u0301 x\u0302! 1,500.5\t" * 2,
    ],
}


SETTINGS = {"multitrack": {"tracks": 2}}  # where the standard ones do not hold these pieces


def permits(space, allowed, symbol):
    """Whether a cursor that said `allowed` lets `symbol` come next."""
    if allowed is None:
        return True
    assert allowed.dtype == np.bool_
    return bool(allowed[0, symbol] if isinstance(space, Tokens) else allowed[0][symbol == 1].all())


def drawn(space, allowed, batch, rng):
    """[batch, *space.shape]: any symbols of which the cursor allows each."""
    if isinstance(space, Frames):
        frames = rng.random((batch, space.keys)) < 0.2
        return (frames if allowed is None else frames & allowed).astype(space.read)
    if isinstance(space, Bits):
        assert allowed is None
        return (rng.random(batch) < 0.2).astype(space.read)
    if isinstance(space, Rolls):
        assert allowed is None
        return rng.integers(0, space.pitches + 1, (batch, space.tracks)).astype(space.read)
    if isinstance(space, Notes):
        assert allowed is None
        step = rng.integers(0, 40, batch) * (rng.random(batch) < 0.5) * space.resolution_s
        duration = rng.integers(1, 200, batch) * space.resolution_s
        columns = {"pitch": rng.integers(0, 128, batch), "step": step, "duration": duration}
        columns["velocity"] = rng.integers(1, 128, batch)
        return np.stack([columns[name] for name in space.features], 1).astype(space.read)
    weights = np.ones((batch, space.size)) if allowed is None else allowed.astype(float)
    weights[:, space.start] = 0
    if space.end is not None:
        weights[:, space.end] *= 1e-4
    assert (weights.sum(1) > 0).all()
    cdf = np.cumsum(weights, 1)
    return (cdf <= rng.random((batch, 1)) * cdf[:, -1:]).sum(1)


@pytest.fixture(scope="module", params=sorted(REPRESENTATIONS))
def fitted(request):
    """(config, representation, pieces it was fitted to)"""
    config = REPRESENTATIONS[request.param](**SETTINGS.get(request.param, {}))
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
        assert array.shape == (len(array), *space.shape) and space.holds(array).all()
        assert np.array_equal(array.astype(space.stored), array)  # nothing is lost when it is kept
        assert not (array == space.before).reshape(len(array), -1).all(-1).any()
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
    space, array = representation.space, representation.encode_prompt(pieces[0]).array
    assert len(array) and space.holds(array).all()
    assert space.end is None or space.end not in array


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
    space, names = representation.space, representation.names()
    assert len(set(names)) == len(names) == (space.size if isinstance(space, Tokens) else math.prod(space.shape))


def test_transposing_by_nothing_changes_nothing(fitted):
    _, representation, pieces = fitted
    array = representation.encode(pieces[0]).array
    assert np.array_equal(representation.transposed(array, 0), array)


def test_transposing_there_and_back_changes_nothing(fitted):
    _, representation, pieces = fitted
    array = representation.encode(pieces[0]).array
    for semitones in (1, -7, 12):
        there = representation.transposed(array, semitones)
        if there is not None:
            assert there.shape == array.shape and representation.space.holds(there).all()
            assert np.array_equal(representation.transposed(there, -semitones), array)


def test_the_cursor_allows_what_encode_writes_and_agrees_on_time(fitted):
    _, representation, pieces = fitted
    for piece in pieces:
        array = representation.encode(piece).array
        cursor = representation.cursor(1)
        for symbol in array:
            assert permits(representation.space, cursor.allowed(), symbol)
            cursor.push(symbol[None])
        assert cursor.done.tolist() == [representation.space.end is not None]
        if cursor.seconds is not None:
            assert cursor.seconds[0] <= representation.units(array)["seconds"] + 1e-3


def test_any_sampled_row_decodes_wherever_it_is_cut(fitted):
    """Fifty walks through what the cursor allows; each is encoded again, as a piece and as a prompt."""
    _, representation, _ = fitted
    space, walks = representation.space, 50
    # A frame or a note is as much as many tokens, and the state of a key a part of a frame.
    length = {Tokens: 2000, Bits: 200 * space.frame}.get(type(space), 200)
    rng = np.random.default_rng(0)
    cursor = representation.cursor(walks)
    rows = np.zeros((walks, length, *space.shape), space.read)
    for step in range(length):
        rows[:, step] = drawn(space, cursor.allowed(), walks, rng)
        cursor.push(rows[:, step])
    assert space.holds(rows.reshape(-1, *space.shape)).all()
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
        cursor.push(symbol[None])
    state = [cursor.bars, cursor.seconds, cursor.done, cursor.allowed()]
    copies = cursor.take([0, 0])
    for symbol in array[half:]:
        copies.push(np.stack([symbol, symbol]))
    for before, after in zip(state, [cursor.bars, cursor.seconds, cursor.done, cursor.allowed()], strict=True):
        assert (before is None and after is None) or np.array_equal(before, after)
    assert copies.done.tolist() == [representation.space.end is not None] * 2
