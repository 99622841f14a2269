"""Frames of music written by the test itself must come back as exactly the same matrices."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from erato.errors import ReadError
from erato.reading import Limits, Reading, read_bytes
from erato.score import Score, end_tick, seconds


def roll(score: Score, step: int, lowest: int = 21, keys: int = 88) -> np.ndarray:
    """The matrix [T, keys] of a score at one frame a step; every note must fill exactly its frame."""
    frames, rest = divmod(end_tick(score), step)
    assert rest == 0
    matrix = np.zeros((frames, keys), np.uint8)
    for track in score.tracks:
        for note in track.notes:
            assert note.duration == step and note.time % step == 0
            assert not matrix[note.time // step, note.pitch - lowest], "a key struck twice in one frame"
            matrix[note.time // step, note.pitch - lowest] = 1
    return matrix


def scores(reading: Reading) -> list[Score]:
    assert all(isinstance(piece.piece, Score) for piece in reading.pieces)
    return [piece.piece for piece in reading.pieces if isinstance(piece.piece, Score)]


def mat(**variables: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=True)
    return file.getvalue()


def cells(*matrices: np.ndarray) -> np.ndarray:
    array = np.empty((1, len(matrices)), object)
    array[0, :] = list(matrices)
    return array


def refusal(data: bytes, name: str, limits: Limits | None = None) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name, limits or Limits())
    assert name in str(caught.value)
    return caught.value.reason


@pytest.fixture
def matrices() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    found = [(rng.random((length, 88)) < 0.1).astype(np.uint8) for length in (1, 7, 30)]
    found[1][-2:] = 0  # ends in silence
    found[2][:3] = 0  # begins in silence
    found[2][5:9, 40] = 1  # the same key in frame after frame stays four notes
    found[2][4, [0, 87]] = 1  # the lowest and the highest key
    return found


def test_mat_files_come_back_as_the_same_matrices(matrices: list[np.ndarray]) -> None:
    data = mat(traindata=cells(matrices[0], matrices[1]), validdata=cells(matrices[2]), testdata=cells(matrices[1]))
    reading = read_bytes(data, "music.mat")
    named = [(piece.name, piece.split) for piece in reading.pieces]
    assert named == [("train/0", "train"), ("train/1", "train"), ("valid/0", "valid"), ("test/0", "test")]
    for score, matrix in zip(scores(reading), [*matrices, matrices[1]], strict=True):
        np.testing.assert_array_equal(roll(score, score.ticks_per_quarter), matrix)
        assert seconds(score) == pytest.approx(0.3 * len(matrix))
    assert reading.lost == {}


def chorale() -> np.ndarray:
    nan = np.nan
    return np.array([[67, 62, 59, 43], [67, 62, 59, 43], [69, nan, 57, 50], [nan, nan, nan, nan]], np.float16)


def check_chorale(score: Score) -> None:
    assert [track.name for track in score.tracks] == ["soprano", "alto", "tenor", "bass"]
    voices = [[(n.time, n.duration, n.pitch) for n in track.notes] for track in score.tracks]
    assert voices[0] == [(0, 120, 67), (120, 120, 67), (240, 120, 69)]
    assert voices[1] == [(0, 120, 62), (120, 120, 62)]
    assert voices[3] == [(0, 120, 43), (120, 120, 43), (240, 120, 50)]
    assert end_tick(score) == 480


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_npz_files_of_pickled_arrays(protocol: int, tmp_path: Path) -> None:
    sequences = np.empty(2, object)
    sequences[:] = [chorale(), chorale()[:2].astype(">f4")]
    member = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": (2,)}
    np.lib.format.write_array_header_1_0(member, header)  # type: ignore[arg-type]
    pickle.dump(sequences, member, protocol=protocol)
    member.seek(0)
    np.savez(tmp_path / "plain.npz", valid=np.stack([chorale()] * 2))
    import zipfile

    with zipfile.ZipFile(tmp_path / "plain.npz", "a") as archive:
        archive.writestr("train.npy", member.getvalue())
    reading = read_bytes((tmp_path / "plain.npz").read_bytes(), "plain.npz")
    names = [(piece.name, piece.split) for piece in reading.pieces]
    assert names == [("train/0", "train"), ("train/1", "train"), ("valid/0", "valid"), ("valid/1", "valid")]
    first, second, third, _ = scores(reading)
    check_chorale(first)
    check_chorale(third)
    assert end_tick(second) == 240 and second.note_num() == 8


class Attack:
    def __reduce__(self) -> Any:
        return (exec, ("raise AssertionError('code in a file was run')",))


@pytest.mark.parametrize("content", [Attack(), [1, 2], {"a": 1}, "text"])
def test_pickles_of_anything_else_are_not_run(content: Any, tmp_path: Path) -> None:
    array = np.empty(1, object)
    array[0] = content
    np.savez(tmp_path / "bad.npz", train=array)
    found = refusal((tmp_path / "bad.npz").read_bytes(), "bad.npz")
    assert found == ("unsafe" if isinstance(content, Attack | dict) else "damaged")


def test_a_pickle_cannot_ask_for_memory(tmp_path: Path) -> None:
    class Huge:
        def __reduce__(self) -> Any:
            return (np.ndarray, ((2**40,), np.dtype("f8")))

    array = np.empty(1, object)
    array[0] = Huge()
    np.savez(tmp_path / "huge.npz", train=array)
    assert refusal((tmp_path / "huge.npz").read_bytes(), "huge.npz") == "damaged"


def test_json_of_four_voices_and_of_chords() -> None:
    voices = [[-1 if np.isnan(pitch) else int(pitch) for pitch in frame] for frame in chorale()]
    reading = read_bytes(json.dumps({"test": [voices], "train": [voices]}).encode(), "chorales.json")
    assert [(piece.name, piece.split) for piece in reading.pieces] == [("train/0", "train"), ("test/0", "test")]
    check_chorale(scores(reading)[0])

    chords = {"valid": [[[60.0, 64, 67], [], [60, 60], [72]]]}
    (score,) = scores(read_bytes(json.dumps(chords).encode(), "chords.json"))
    assert len(score.tracks) == 1
    rows = sorted((note.time, note.duration, note.pitch) for note in score.tracks[0].notes)
    assert rows == [(0, 120, 60), (0, 120, 64), (0, 120, 67), (240, 120, 60), (360, 120, 72)]
    (slow,) = scores(read_bytes(json.dumps(chords).encode(), "chords-quarter.json"))
    assert end_tick(slow) == 4 * 480


def test_sequences_without_a_note_are_counted() -> None:
    reading = read_bytes(b'{"train": [[[60]], [[], []], []]}', "a.json")
    assert [piece.name for piece in reading.pieces] == ["train/0"]
    assert reading.lost == {"sequences without a note": 2}
    assert refusal(b'{"train": [[[]]]}', "a.json") == "no-notes"


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b'{"name": "left-pad", "version": "1.0.0"}', "package.json", "not-music"),
        (b'{"train": {"a": 1}}', "a.json", "not-music"),
        (b'{"train": ["abcd"]}', "a.json", "not-music"),
        (b'{"train": [[["a", "b", "c", "d"]]]}', "a.json", "not-music"),
        (b'{"train": [[[true]]]}', "a.json", "not-music"),
        (b"[1, 2]", "a.json", "not-music"),
        (b'{"train": [[[6', "a.json", "damaged"),
        (b'{"train": [[[300]]]}', "a.json", "damaged"),
        (b'{"train": [[[1e999]]]}', "a.json", "not-music"),
        (b"[" * 200_000, "a.json", "too-large"),
        (b"\x93NUMPY", "a.npz", "not-music"),
        (b"PK\3\4 and no more", "a.npz", "not-music"),
        (b"MATLAB 7.3 MAT-file" + bytes(200), "a.mat", "unsupported"),
        (b"MATLAB 5.0 MAT-file" + bytes(40), "a.mat", "damaged"),
        (mat(traindata=np.zeros((4, 88))), "a.mat", "not-music"),
        (mat(traindata=cells(np.ones((4, 3)))), "a.mat", "not-music"),
        (mat(other=cells(np.ones((4, 88)))), "a.mat", "not-music"),
        (mat(traindata=cells(np.ones((4, 88))))[:-30], "a.mat", "damaged"),
    ],
)
def test_refusals(data: bytes, name: str, reason: str) -> None:
    assert refusal(data, name) == reason


def test_limits_are_kept() -> None:
    data = b'{"train": [[[60], [60], [60]]]}'  # three frames of a 16th at 120: 0.375 s
    assert refusal(data, "a.json", Limits(notes=2)) == "too-many-notes"
    assert refusal(data, "a.json", Limits(seconds=0.3)) == "too-long"
    bomb = mat(traindata=cells(np.zeros((200_000, 88), np.uint8)))
    assert len(bomb) < 100_000
    assert refusal(bomb, "a.mat", Limits(file_bytes=100_000)) == "too-large"
