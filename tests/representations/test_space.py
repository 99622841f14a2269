"""Kinds of symbols: what may stand in a piece, and pieces as JSON; every value written out by hand."""

import json

import numpy as np
import pytest

from erato.representations import Frames, Notes, Rolls, Tokens
from erato.representations.space import FEATURES

TOKENS = Tokens(5, start=0, end=4)
FRAMES = Frames(3)
NOTES = Notes(0.01)
PITCHES = Notes(0.5, velocity=False)
ROLLS = Rolls(tracks=2, bars=2, steps=3, pitches=5, beat=1)

ROWS = {  # a piece, and what is kept of it
    TOKENS: ([1, 3, 3, 4], [1, 3, 3, 4]),
    FRAMES: ([[0, 0, 0], [1, 0, 1], [0, 1, 0]], [[], [0, 2], [1]]),
    NOTES: ([[60, 0, 0.25, 80], [127, 1.5, 0.01, 1]], [[60, 0, 0.25, 80], [127, 1.5, 0.01, 1]]),
    PITCHES: ([[60, 0, 0.5]], [[60, 0, 0.5]]),
    ROLLS: ([[0, 4], [5, 5], [2, 5]], [[0, 4], [5, 5], [2, 5]]),
}


@pytest.mark.parametrize("space", ROWS, ids=str)
def test_a_piece_comes_back_from_its_json(space):
    rows, kept = ROWS[space]
    array = np.array(rows, space.read)
    assert space.holds(array).tolist() == [True] * len(rows)
    written = json.loads(json.dumps(space.to_json(array.astype(space.stored)), allow_nan=False))
    assert written == kept
    read = space.from_json(written)
    assert read.dtype == space.read and read.shape == array.shape and np.array_equal(read, array)


@pytest.mark.parametrize("space", ROWS, ids=str)
def test_a_piece_without_symbols_is_one_too(space):
    assert space.empty().shape == (0, *space.shape) and space.empty().dtype == space.read
    assert space.to_json(space.empty()) == []
    assert np.array_equal(space.from_json([]), space.empty())


@pytest.mark.parametrize(
    ("space", "rows"),
    [
        (TOKENS, [5]),  # out of range
        (TOKENS, [-1]),
        (TOKENS, [1, 0]),  # what stands before the first
        (TOKENS, [1.0]),
        (TOKENS, ["1"]),
        (TOKENS, [[1]]),
        (TOKENS, [None]),
        (FRAMES, [[3]]),
        (FRAMES, [[-1]]),
        (FRAMES, [[0.0]]),
        (FRAMES, [0]),
        (FRAMES, [None]),
        (FRAMES, [["0"]]),
        (NOTES, [[60, 0, 0.25]]),  # no velocity
        (NOTES, [[60, 0, 0.25, 80, 1]]),
        (NOTES, [[60.5, 0, 0.25, 80]]),
        (NOTES, [[128, 0, 0.25, 80]]),
        (NOTES, [[60, -0.1, 0.25, 80]]),
        (NOTES, [[60, 0, 0, 80]]),  # no duration
        (NOTES, [[60, 0, 0.25, 0]]),
        (NOTES, [[60, 0, 0.25, 128]]),
        (NOTES, [[60, 0, float("nan"), 80]]),
        (NOTES, [[60, float("inf"), 0.25, 80]]),
        (NOTES, [[-1, -1, -1, -1]]),
        (NOTES, [["C4", 0, 0.25, 80]]),
        (ROLLS, [[0, 6]]),  # 5 is a rest
        (ROLLS, [[0, -1]]),  # what stands before the first
        (ROLLS, [[0, 1, 2]]),
        (ROLLS, [[0]]),
        (ROLLS, [[0], [1, 2]]),
        (ROLLS, [[0, 1.0]]),
        (ROLLS, [[0, None]]),
        (ROLLS, [["0", "1"]]),
        (ROLLS, [0, 1]),
        (ROLLS, [None]),
        (NOTES, [{}]),
        (NOTES, [60]),
    ],
    ids=str,
)
def test_damaged_json_is_no_piece(space, rows):
    with pytest.raises((ValueError, TypeError)):
        space.from_json(rows)


def test_what_stands_before_the_first_is_no_symbol_of_a_piece():
    assert TOKENS.before == 0 and FRAMES.before.tolist() == [-1] * 3
    assert NOTES.before.tolist() == [-1] * 4 and PITCHES.before.tolist() == [-1] * 3
    assert ROLLS.before.tolist() == [-1, -1]
    for space in ROWS:
        assert space.before.shape == space.shape
        assert space.holds(space.before[None].astype(space.read)).tolist() == [False]


def test_frames_hold_zeros_and_ones_only():
    rows = np.array([[0, 1, 0], [0, 2, 0], [0, np.nan, 0], [-1, 0, 0], [0.5, 0, 0], [1, 1, 1]])
    assert FRAMES.holds(rows).tolist() == [True, False, False, False, False, True]


def test_tokens_are_kept_in_as_few_bytes_as_hold_them():
    assert Tokens(2**16 - 1, 0).stored is np.uint16 and Tokens(2**16, 0).stored is np.int32


def test_spaces_say_what_they_are():
    assert [str(space) for space in (Tokens(12345, 0), FRAMES, PITCHES, ROLLS)] == [
        "symbols of 12,345 kinds",
        "frames of 3 keys",
        "notes of pitch, step, duration",
        "steps of 2 tracks with 5 pitches",
    ]
    assert NOTES.features == FEATURES and PITCHES.features == FEATURES[:3]
    assert ROLLS.phrase == 6 and ROLLS.tokens == 6
    assert ROLLS.as_tokens(np.array([[0, 4], [5, 5]], np.int16)).tolist() == [0, 4, 5, 5]
    assert TOKENS.end == 4 and FRAMES.end is None and NOTES.end is None
