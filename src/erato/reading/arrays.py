"""Music in frames to scores: the 88-key `.mat` files and the chorales of `.npz` and `.json`, with their splits.

Bytes in, one score a sequence out. A frame is a time step; a key that sounds in a frame is one note, never joined
to the next, and every score ends in a marker, so that a roll at one step a frame gives back exactly the same
matrix. Knows nothing of what scores are used for. Legend: T frames.
"""

import io
import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, TempoTick, TextMetaTick, TrackTick

from erato.errors import ReadError
from erato.reading import object_arrays, zips
from erato.reading.base import Limits, NamedPiece, Reading, Split, check_bytes, check_size, looks_like
from erato.reading.guard import Budget
from erato.reading.opening import shown
from erato.score import DEFAULT_MSPQ, END, Floats, Ints, Score

TICKS_PER_QUARTER = 480
LOWEST_KEY = 21  # MIDI pitch of the first of 88 keys
VELOCITY = 80
VOICES = ("soprano", "alto", "tenor", "bass")
SPLITS: dict[str, Split] = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "traindata": "train",
    "validdata": "valid",
    "testdata": "test",
}
MOST_SEQUENCES = 20_000  # of a split
UNPACKED = 8  # how many times `Limits.file_bytes` the numbers in a packed file may take

Frames = tuple[Ints, Ints, int]  # frame and pitch of each note, and T


def budget(data: bytes, size: int) -> Budget:
    """What reading may cost: a little, and in proportion to the size. `size` is that of the file, perhaps packed.

    MATLAB's files unpack to numbers of 8 bytes a key: they get what these may at most take.
    """
    least = 320 if data.startswith(b"MATLAB") else 160
    return Budget(3.5 + 8e-6 * size, min(least * 2**20 + 6 * min(len(data), 20 * size), 320 * 2**20))


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """The sequences of a `.mat`, `.npz` or `.json` file, named "train/0", "train/1" and so on."""
    readers = {".mat": _mat, ".npz": _npz, ".json": _json}
    suffix = next(suffix for suffix in readers if name.lower().endswith(suffix))
    try:
        splits = readers[suffix](data, name, limits)
    except (ReadError, MemoryError, RecursionError):
        raise
    except Exception:  # numpy, scipy and zipfile raise nearly anything for broken data
        raise ReadError("damaged", f"{name} is damaged: its arrays cannot be read.") from None
    if not any(splits.values()):
        raise _not_frames(data, name)
    step = TICKS_PER_QUARTER if suffix == ".mat" or "quarter" in name.lower() else TICKS_PER_QUARTER // 4
    tempo = 300_000 if suffix == ".mat" else DEFAULT_MSPQ  # microseconds a quarter
    pieces, silent = [], 0
    for key, sequences in splits.items():
        for index, voices in enumerate(sequences):
            piece = f"{SPLITS[key]}/{index}"
            if not any(len(pitches) for _, pitches, _ in voices):
                silent += 1
                continue
            _check(voices, step, tempo, f"{name}, {piece},", limits)
            pieces.append(NamedPiece(piece, _score(voices, step, tempo), SPLITS[key]))
    if not pieces:
        raise ReadError("no-notes", f"{name} has no notes.")
    return Reading(pieces, {"sequences without a note": silent} if silent else {})


def _not_frames(data: bytes, name: str) -> ReadError:
    return ReadError(
        "not-music",
        f"{name} holds {looks_like(data)} but no music (lists of pitches under train, valid and test).",
    )


def _score(voices: Sequence[Frames], step: int, tempo: int) -> Score:
    score = Score(TICKS_PER_QUARTER)
    for index, (frames, pitches, _) in enumerate(voices):
        track = TrackTick(VOICES[index] if len(voices) == len(VOICES) else "", 0, False)
        track.notes = NoteTickList.from_numpy(
            (frames * step).astype(np.int32),
            np.full(len(frames), step, np.int32),
            pitches.astype(np.int8),
            np.full(len(frames), VELOCITY, np.int8),
        )
        score.tracks.append(track)
    score.tempos.append(TempoTick(0, mspq=tempo))
    score.markers.append(TextMetaTick(voices[0][2] * step, END))
    return score


def _check(voices: Sequence[Frames], step: int, tempo: int, name: str, limits: Limits) -> None:
    notes = sum(len(pitches) for _, pitches, _ in voices)
    ticks = voices[0][2] * step
    check_size(name, limits, notes=notes, ticks=ticks, seconds=ticks / TICKS_PER_QUARTER * tempo / 1e6)
    for _, pitches, _ in voices:
        if len(pitches) and not 0 <= pitches.min() <= pitches.max() <= 127:
            raise ReadError("damaged", f"{name} has a pitch outside 0 to 127.")


def _roll(matrix: npt.NDArray[Any], lowest: int) -> Frames:
    """Notes of a matrix [T, keys], where anything but 0 sounds."""
    frames, keys = np.nonzero(matrix)
    return frames.astype(np.int64), keys.astype(np.int64) + lowest, len(matrix)


def _voice(pitches: Floats) -> Frames:
    """Notes of one voice [T], where NaN and numbers below 0 are silence."""
    frames = np.flatnonzero(pitches >= 0)
    return frames, np.minimum(pitches[frames], 128).astype(np.int64), len(pitches)  # 128, also for infinity: no pitch


def _sequences(found: Iterable[npt.NDArray[Any] | list[list[float]]], name: str) -> list[list[Frames]]:
    """Each sequence as voices: four where all frames of all sequences are four wide, else one of chords."""
    sequences = list(found)
    if len(sequences) > MOST_SEQUENCES:
        raise ReadError("too-large", f"{name} has {len(sequences):,} sequences; at most {MOST_SEQUENCES:,} are read.")
    if all(len(frame) == len(VOICES) for frames in sequences for frame in frames):
        tables = [np.asarray(frames, np.float64).reshape(-1, len(VOICES)) for frames in sequences]
        return [[_voice(voice) for voice in table.T] for table in tables]
    chords = []
    for sequence in sequences:
        sounding = [sorted({int(pitch) for pitch in frame if pitch >= 0}) for frame in sequence]
        frames = np.repeat(np.arange(len(sounding)), [len(frame) for frame in sounding])
        pitches = np.array([pitch for frame in sounding for pitch in frame], np.int64)
        chords.append([(frames, pitches, len(sounding))])
    return chords


def _json(data: bytes, name: str, limits: Limits) -> dict[str, list[list[Frames]]]:
    try:
        value = json.loads(data)
    except ValueError:
        raise ReadError("damaged", f"{name} is not JSON: it breaks off or is something else.") from None
    if not isinstance(value, dict) or not all(
        isinstance(frame, list) and all(type(pitch) in (int, float) and abs(pitch) < 2**31 for pitch in frame)
        for key in SPLITS.keys() & value.keys()
        for frames in (value[key] if isinstance(value[key], list) else [None])
        for frame in (frames if isinstance(frames, list) else [None])
    ):
        raise _not_frames(data, name)
    return {key: _sequences(value[key], name) for key in SPLITS if key in value}


def _npz(data: bytes, name: str, limits: Limits) -> dict[str, list[list[Frames]]]:
    archive = zips.Archive(data, name)
    if not archive.names():
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not a numpy archive.")
    splits = {}
    for key in SPLITS:
        if f"{key}.npy" in archive.names():
            unpacked, whole = archive.read(f"{key}.npy", limits.file_bytes * UNPACKED)
            if not whole:
                raise ReadError("damaged", f"{name} is damaged: an array breaks off.")
            splits[key] = _sequences(_array(unpacked, name), name)
    return splits


def _array(data: bytes, name: str) -> list[npt.NDArray[Any]]:
    """The rows of an array file, also of an array of arrays."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        try:
            return object_arrays.rows(data[file.tell() :])
        except object_arrays.UnsafeError as error:
            asks = shown(str(error))
            raise ReadError("unsafe", f"{name} asks for {asks}; only arrays of numbers are read.") from None
        except object_arrays.DamagedError:
            raise ReadError("damaged", f"{name} is damaged: its array of arrays is something else.") from None
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > len(data):
        raise ReadError("damaged", f"{name} is damaged: an array breaks off.")
    file.seek(0)
    return list(np.lib.format.read_array(file, allow_pickle=False))


def _mat(data: bytes, name: str, limits: Limits) -> dict[str, list[list[Frames]]]:
    if not data.startswith(b"MATLAB 5.0"):
        if data.startswith((b"MATLAB 7.3", b"\x89HDF")):
            raise ReadError("unsupported", f"{name} is MATLAB 7.3; save it as version 5 (save -v6).")
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not a MATLAB file.")
    from scipy.io import loadmat

    _check_unpacked(data, name, limits.file_bytes * UNPACKED)
    keys = ("traindata", "validdata", "testdata")
    found = loadmat(io.BytesIO(data), variable_names=keys)
    splits = {}
    for key in keys:
        if key in found:
            cells = found[key].ravel()
            if cells.dtype != object or not all(cell.ndim == 2 and cell.shape[1] == 88 for cell in cells):
                raise ReadError("not-music", f"{name} holds no frames of 88 keys under {key}.")
            if not all(cell.dtype.kind in "biuf" and np.isfinite(cell.sum()) for cell in cells):
                raise ReadError("damaged", f"{name} has frames under {key} that are no numbers.")
            splits[key] = [[_roll(cell, LOWEST_KEY)] for cell in cells]
    return splits


def _check_unpacked(data: bytes, name: str, limit: int) -> None:
    """Refuses a file whose parts unpack to more than `limit` bytes, or name more cells than they hold.

    MATLAB's "MAT-File Format", version 5: a header of 128 bytes, then elements of a type, a size and data; those
    of type 15 are packed.
    """
    at, total = 128, 0
    order = "<" if data[126:128] == b"IM" else ">"
    while at + 8 <= len(data):
        kind, size = struct.unpack(f"{order}II", data[at : at + 8])
        part = data[at + 8 : at + 8 + size]
        if kind == 15:
            part = zlib.decompressobj().decompress(part, limit - total + 1)
        total += len(part)
        check_bytes(total, name, limit)
        if kind == 15:
            part = part[8:]
        rows, columns = struct.unpack(f"{order}II", part[24:32].ljust(8, b"\0"))
        if rows * columns > len(part):
            raise ReadError("damaged", f"{name} is damaged: a part names more cells than it holds.")
        at += 8 + size
