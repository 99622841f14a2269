"""Kinds of symbols: what may stand in a piece, and pieces as JSON; every value written out by hand."""

import json

import numpy as np
import pytest

from erato.representations import Bits, Frames, Notes, Rolls, Tokens
from erato.representations.space import FEATURES, PackedBits

TOKENS = Tokens(5, start=0, end=4)
FRAMES = Frames(3)
NOTES = Notes(0.01)
PITCHES = Notes(0.5, velocity=False)
ROLLS = Rolls(tracks=2, bars=2, steps=3, pitches=5, beat=1)
BITS = Bits(3, step_s=0.1)

ROWS = {  # a piece, and what is kept of it
    TOKENS: ([1, 3, 3, 4], [1, 3, 3, 4]),
    FRAMES: ([[0, 0, 0], [1, 0, 1], [0, 1, 0]], [[], [0, 2], [1]]),
    NOTES: ([[60, 0, 0.25, 80], [127, 1.5, 0.01, 1]], [[60, 0, 0.25, 80], [127, 1.5, 0.01, 1]]),
    PITCHES: ([[60, 0, 0.5]], [[60, 0, 0.5]]),
    ROLLS: ([[0, 4], [5, 5], [2, 5]], [[0, 4], [5, 5], [2, 5]]),
    BITS: ([1, 0, 1, 0, 0, 0, 0, 1, 1], [9, "a180"]),  # 1010 0001 1(000 0000)
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
    assert space.to_json(space.empty()) == ([0, ""] if space is BITS else [])
    read = space.from_json(space.to_json(space.empty()))
    assert read.shape == space.empty().shape and read.dtype == space.read


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
        (BITS, []),
        (BITS, [9]),
        (BITS, [9, "a180", 0]),
        (BITS, [8, "a180"]),  # a byte too many
        (BITS, [17, "a180"]),  # one too few
        (BITS, [9, "a1"]),
        (BITS, [9, "a18"]),  # half a byte
        (BITS, [9, "a1g0"]),
        (BITS, [9.0, "a180"]),
        (BITS, ["9", "a180"]),
        (BITS, [None, "a180"]),
        (BITS, [9, None]),
        (BITS, [9, 1]),
        (BITS, [9, ["a1", "80"]]),
        (BITS, [-3, ""]),
        (BITS, [1, 0, 1]),
        (BITS, None),
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
    assert ROLLS.before.tolist() == [-1, -1] and BITS.before == -1
    for space in ROWS:
        assert space.before.shape == space.shape
        assert space.holds(space.before[None].astype(space.read)).tolist() == [False]


def test_frames_hold_zeros_and_ones_only():
    rows = np.array([[0, 1, 0], [0, 2, 0], [0, np.nan, 0], [-1, 0, 0], [0.5, 0, 0], [1, 1, 1]])
    assert FRAMES.holds(rows).tolist() == [True, False, False, False, False, True]


def test_bits_hold_zeros_and_ones_only():
    assert BITS.holds(np.array([0, 1, 2, np.nan, -1, 0.5])).tolist() == [True, True] + [False] * 4
    assert BITS.holds(PackedBits(np.array([0xA0], np.uint8), 3)).tolist() == [True] * 3


# --- bits, eight a byte

LENGTHS = [*range(20), 63, 64, 65, 1001]


def drawn(length):
    return np.random.default_rng(length).integers(0, 2, length).astype(np.int8)


def kept(array):
    """Written out by hand: the first of eight bits counts 128, what is not there is 0."""
    eights = np.pad(array, (0, -len(array) % 8)).reshape(-1, 8)
    return (eights * [128, 64, 32, 16, 8, 4, 2, 1]).sum(1).astype(np.uint8)


@pytest.mark.parametrize("length", LENGTHS)
def test_bits_are_kept_eight_a_byte_and_come_back(length):
    array = drawn(length)
    packed = BITS.kept(array)
    assert packed.dtype == BITS.stored == np.uint8 and packed.tolist() == kept(array).tolist()
    assert len(packed) == BITS.kept_size(length) == (length + 7) // 8
    opened = BITS.opened(packed, length)
    assert (len(opened), opened.shape, opened.ndim, opened.dtype) == (length, (length,), 1, np.int8)
    for read in (np.asarray(opened), opened[:], np.array(opened), np.asarray(opened, np.int8)):
        assert read.dtype == np.int8 and np.array_equal(read, array)
    assert np.asarray(opened, np.float32).dtype == np.float32 and np.array_equal(np.asarray(opened, float), array)
    assert np.array_equal(BITS.kept(opened), packed)


def test_sizes_of_many_pieces_are_found_at_once():
    assert BITS.kept_size(np.array([0, 1, 8, 9, 16, 17])).tolist() == [0, 1, 1, 2, 2, 3]
    assert TOKENS.kept_size(np.array([0, 1, 8])).tolist() == [0, 1, 8]


@pytest.mark.parametrize("length", LENGTHS)
def test_bits_are_sliced_like_an_array(length, tmp_path):
    array = drawn(length)
    np.save(tmp_path / "bits.npy", np.concatenate([kept(array), [255, 255]]).astype(np.uint8))
    on_disk = np.load(tmp_path / "bits.npy", mmap_mode="r")[:-2]
    rng = np.random.default_rng(0)
    slices = [slice(*map(int, rng.integers(-length - 9, length + 9, 2))) for _ in range(100)]
    slices += [slice(None), slice(None, 5), slice(-5, None), slice(7, 9), slice(8, 16), slice(3, 3), slice(9, 3)]
    slices += [slice(None, None, 2), slice(1, None, 8), slice(3, 60, 7), slice(length, None)]
    for opened in (BITS.opened(kept(array), length), BITS.opened(on_disk, length)):
        for part in slices:
            found = opened[part]
            assert found.dtype == np.int8 and np.array_equal(found, array[part]), part


def test_a_slice_reads_its_own_bytes_alone():
    class Watched:
        def __getitem__(self, part):
            read.append((part.start, part.stop))
            return kept(drawn(1001))[part]

    read = []
    opened = PackedBits(Watched(), 1001)
    for begin, end, places in [(0, 8, (0, 1)), (800, 817, (100, 103)), (815, 816, (101, 102)), (993, 1001, (124, 126))]:
        assert np.array_equal(opened[begin:end], drawn(1001)[begin:end]) and read.pop() == places


def test_pieces_of_bits_are_joined_like_arrays():
    one, other = drawn(13), drawn(6)
    joined = np.concatenate([BITS.opened(kept(one), 13), other, BITS.opened(kept(other), 6)])
    assert joined.tolist() == [*one, *other, *other]


def test_what_is_read_of_bits_may_be_written_to():
    opened = BITS.opened(BITS.kept(drawn(11)), 11)
    for read in (np.asarray(opened), opened[2:9]):
        read[:] = 1
    assert np.array_equal(np.asarray(opened), drawn(11))


def test_bits_count_as_frames_of_the_same_keys():
    array = np.array([1, 0, 1, 0, 0, 0, 0, 1, 0], np.int8)
    assert BITS.as_tokens(array).tolist() == [0, 2, 3, 3, 1, 3] and BITS.tokens == 4
    frames = (np.random.default_rng(0).random((200, 3)) < 0.4).astype(np.int8)
    assert np.array_equal(BITS.as_tokens(frames.reshape(-1)), FRAMES.as_tokens(frames))
    opened = BITS.opened(BITS.kept(frames.reshape(-1)), 600)
    assert np.array_equal(BITS.as_tokens(opened), FRAMES.as_tokens(frames))
    assert BITS.frame == 3 and FRAMES.frame == TOKENS.frame == 1


# --- what they are


def test_tokens_are_kept_in_as_few_bytes_as_hold_them():
    assert Tokens(2**16 - 1, 0).stored is np.uint16 and Tokens(2**16, 0).stored is np.int32


def test_spaces_say_what_they_are():
    assert [str(space) for space in (Tokens(12345, 0), FRAMES, PITCHES, ROLLS, BITS)] == [
        "symbols of 12,345 kinds",
        "frames of 3 keys",
        "notes of pitch, step, duration",
        "steps of 2 tracks with 5 pitches",
        "states of 3 keys",
    ]
    assert NOTES.features == FEATURES and PITCHES.features == FEATURES[:3]
    assert ROLLS.phrase == 6 and ROLLS.tokens == 6
    assert ROLLS.as_tokens(np.array([[0, 4], [5, 5]], np.int16)).tolist() == [0, 4, 5, 5]
    assert TOKENS.end == 4 and FRAMES.end is None and NOTES.end is None
