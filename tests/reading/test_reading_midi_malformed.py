"""MIDI files of all kinds, thousands of them: what is legal arrives note by note, what is broken is read or refused."""

import os
import random
import time

import pytest
from tests.reading.malformed_midi import broken, odd_file

from erato.errors import ReadError
from erato.reading import DROPPED, REASONS, Reading, read_bytes
from erato.score import Score, end_tick, seconds

MANY = int(os.environ.get("ERATO_FUZZ", "100000"))  # of the slow test
SLOW = 2.0  # seconds of the processor's, for one small file


def check(data: bytes, name: str = "song.mid") -> Reading | None:
    """Reads; anything but sound scores whose notes are accounted for, or a ReadError with a reason, fails."""
    began = time.process_time()
    try:
        reading = read_bytes(data, name)
    except ReadError as error:
        assert error.reason in REASONS
        assert str(error).endswith(".") and str(error).isprintable()
        return None
    finally:
        assert time.process_time() - began < SLOW
    kept = 0
    for named in reading.pieces:
        score = named.piece
        assert isinstance(score, Score)
        kept += score.note_num()
        assert score.note_num() > 0 and score.ticks_per_quarter > 0
        assert 0 <= score.start() <= end_tick(score) <= 2**30 and 0 < seconds(score) <= 6 * 3600
        for track in score.tracks:
            notes = track.notes.numpy()
            assert (notes["time"] >= 0).all() and (notes["duration"] > 0).all()
            assert (notes["pitch"] >= 0).all() and (notes["velocity"] > 0).all()
    assert reading.written == kept + sum(n for what, n in reading.lost.items() if what.startswith(DROPPED))
    return reading


def test_what_is_legal_and_odd_arrives_note_by_note() -> None:
    rng = random.Random(0)
    empty = 0
    for number in range(600):
        odd = odd_file(rng)
        if not odd.notes:
            empty += 1
            continue
        reading = check(odd.data)
        assert reading is not None, number
        score = reading.pieces[0].piece
        assert isinstance(score, Score)
        wanted = [rows for _, rows in sorted(odd.notes.items())]
        found = [[(n.time, n.duration, n.pitch, n.velocity) for n in track.notes] for track in score.tracks]
        assert found == wanted, number
        assert reading.lost.get("notes never released, ended with their track", 0) == odd.open
        assert not reading.lost.keys() - {
            "notes never released, ended with their track",
            "notes without length, now of one tick",
        }
    assert empty < 40


def fuzz(count: int, seed: int) -> int:
    """Reads so many broken files; how many of them gave notes."""
    rng = random.Random(seed)
    bases = [odd_file(rng).data for _ in range(30)]
    read = 0
    for _ in range(count):
        read += check(broken(rng.choice(bases), rng), rng.choice(["a.mid", "a.kar"])) is not None
    return read


def test_broken_files_are_read_as_far_as_they_go_or_refused() -> None:
    assert fuzz(4000, seed=1) > 3000


@pytest.mark.slow
def test_many_broken_files_are_read_as_far_as_they_go_or_refused() -> None:
    assert fuzz(MANY, seed=2) > 0.75 * MANY


def test_files_cut_off_at_every_byte_and_with_every_bit_flipped() -> None:
    data = odd_file(random.Random(5)).data[:700]
    assert sum(check(data[:length]) is not None for length in range(len(data))) > len(data) * 0.8
    flipped = bytearray(data)
    for at in range(len(data)):
        bit = 1 << at % 8
        flipped[at] ^= bit
        check(bytes(flipped))
        flipped[at] ^= bit
