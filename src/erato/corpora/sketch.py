"""What makes two pieces the same piece, or the same work. Scores in; hashes, histograms and groups out. Knows
no files.

Two measures, both independent of tempo markings, velocities and the division into tracks:
- the fingerprint: equal for the same notes, also when all of them (drums apart) are transposed;
- the histogram of pitches: performances and editions of one work agree in it, different works hardly ever do.
Measured: of performances of one work 99 % have a cosine above 0.985; of 327,000 pairs of different pop songs
none has. Short tunes have little to tell them apart, so for them it must be nearly exact.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from erato.score import Score

LONG = 300  # notes from which on a histogram tells works apart
ALIKE_LONG, RATIO_LONG = 0.985, 2.5  # cosine; at most so many times the notes (repeats played or not)
ALIKE_SHORT, RATIO_SHORT = 0.9985, 1.3
ALIKE_IN_A_WORK = 0.9  # for the others in a folder most of which is one work

GRID = 480  # steps a quarter in which fingerprints are taken
DRUM = 256

Histogram = npt.NDArray[np.uint32]  # [128]


def sketch(score: Score) -> tuple[bytes, Histogram]:
    """The fingerprint (16 bytes) and the pitch histogram [128] (without drums) of a score."""
    times, durations, pitches = [], [], []
    histogram: Histogram = np.zeros(128, np.uint32)
    lowest = 128
    for track in score.tracks:
        if not len(track.notes):
            continue
        notes = track.notes.numpy()
        times.append(notes["time"].astype(np.int64))
        durations.append(notes["duration"].astype(np.int64))
        pitch = notes["pitch"].astype(np.int64)
        if track.is_drum:
            pitch += DRUM  # never transposed, never the same as a pitch
        else:
            histogram += np.bincount(pitch, minlength=128).astype(np.uint32)
            lowest = min(lowest, int(pitch.min()))
        pitches.append(pitch)
    if not times:
        return hashlib.sha256(b"").digest()[:16], histogram
    time, duration, pitch = np.concatenate(times), np.concatenate(durations), np.concatenate(pitches)
    time -= time.min()
    if score.ticks_per_quarter != GRID:  # the same notes are the same in files of another resolution
        time = np.rint(time * (GRID / score.ticks_per_quarter)).astype(np.int64)
        duration = np.rint(duration * (GRID / score.ticks_per_quarter)).astype(np.int64)
    pitch[pitch < DRUM] -= lowest
    packed = (np.minimum(time, 2**34 - 1) << 29) | (np.minimum(duration, 2**20 - 1) << 9) | pitch
    packed.sort()
    return hashlib.sha256(packed.tobytes()).digest()[:16], histogram


def works(histograms: Sequence[Histogram], folders: Sequence[str], titles: Sequence[str]) -> list[int]:
    """For each piece the number of the first piece of its work; N histograms, folders and titles.

    Pieces of one title are one work, and so are pieces whose histograms agree. Where one work has more than
    half of a folder's pieces, the rest of that folder belongs to it too if it is anything like it (one that
    breaks off, or with many wrong notes).
    """
    count = len(histograms)
    if count == 0:
        return []
    counts = np.stack(histograms).astype(np.float32)
    notes = counts.sum(1)
    unit = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
    parent = list(range(count))

    def root(piece: int) -> int:
        while parent[piece] != piece:
            parent[piece] = parent[parent[piece]]
            piece = parent[piece]
        return piece

    def join(a: int, b: int) -> None:
        a, b = root(a), root(b)
        parent[max(a, b)] = min(a, b)

    first: dict[str, int] = {}
    for piece, title in enumerate(titles):
        join(piece, first.setdefault(title, piece))

    block = 256  # rows at a time: memory stays small for any number of pieces
    for start in range(0, count, block):
        rows = slice(start, start + block)
        cosine = unit[rows] @ unit[start:].T
        near_rows, near_columns = np.nonzero(cosine > ALIKE_LONG)
        keep = near_columns > near_rows
        near_rows, near_columns = near_rows[keep], near_columns[keep]
        fewer = np.minimum(notes[near_rows + start], notes[near_columns + start])
        more = np.maximum(notes[near_rows + start], notes[near_columns + start])
        close = cosine[near_rows, near_columns]
        same = np.where(
            fewer >= LONG, more <= RATIO_LONG * fewer, (close > ALIKE_SHORT) & (more <= RATIO_SHORT * fewer)
        ) & (fewer > 0)
        for a, b in zip(near_rows[same], near_columns[same], strict=True):
            join(int(a) + start, int(b) + start)

    members: dict[str, list[int]] = {}
    for piece, folder in enumerate(folders):
        members.setdefault(folder, []).append(piece)
    for inside in members.values():
        (leader, size), *_ = Counter(root(piece) for piece in inside).most_common(1)
        if 2 * size > len(inside) > size:
            core = [piece for piece in inside if root(piece) == leader]
            for piece in inside:
                if root(piece) != leader and float((unit[core] @ unit[piece]).max()) > ALIKE_IN_A_WORK:
                    join(piece, leader)
    return [root(piece) for piece in range(count)]
