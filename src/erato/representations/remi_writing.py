"""The symbols of `remi` in their order: placed notes, tempos and bars in, an array out. Knows nothing of scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from erato.representations.remi_vocabulary import Vocabulary
from erato.score import Ints


@dataclass(frozen=True)
class Placed:
    """Notes on the grid; all arrays: [N]."""

    bar: Ints
    position: Ints  # steps since the bar line
    slot: Ints
    pitch: Ints
    velocity: Ints  # index in the vocabulary
    length: Ints  # steps


def write(v: Vocabulary, notes: Placed, tempos: tuple[Ints, Ints, Ints], signs: Ints) -> tuple[Ints, int]:
    """The symbols of all bars, and the number of notes in them.

    One row a note, a tempo and a bar, sorted by when and where; then each row writes its symbols.
    tempos: bar, position, index. signs: [bars] the meter that a bar announces, or -1.
    """
    n, n_tempos, n_bars = len(notes.bar), len(tempos[0]), len(signs)
    positions, tracks = v.tempo - v.position + 1, len(v.tracks) + 1  # position 0: the bar; track 0: its tempo
    key = np.concatenate(
        [
            ((notes.bar * positions + notes.position + 1) * tracks + notes.slot + 1) * 128 + notes.pitch,
            (tempos[0] * positions + tempos[1] + 1) * (tracks * 128),
            np.arange(n_bars) * (positions * tracks * 128),
        ]
    )
    shorter = np.zeros(len(key), dtype=np.int64)
    shorter[:n] = 0xFFFF - np.minimum(notes.length, 0xFFFF)
    order = ((key << 16) | shorter).argsort(kind="stable")
    order = order[changes(key[order])]  # of equal notes the longest stays
    key = key[order]
    is_note, is_bar = order < n, order >= n + n_tempos
    when, where = key // (tracks * 128), key // 128
    moves = changes(when) & ~is_bar
    enters = changes(where) & is_note & v.has_tracks

    pieces = (notes.length + v.max_duration - 1) // v.max_duration
    width = np.concatenate([1 + v.has_velocities + pieces, np.full(n_tempos, 1), 1 + (signs >= 0)])[order]
    head = np.concatenate([v.pitch + notes.pitch, v.tempo + tempos[2], np.full(n_bars, v.bar)])[order]
    width = width + moves + enters
    ends = width.cumsum()
    at = ends - width
    # The last symbol, the longest duration, stands wherever nothing else is written: there a long note goes on.
    array = np.full(int(ends[-1]), v.size - 1, dtype=np.int64)
    array[at[moves]] = when[moves] % positions + (v.position - 1)
    at += moves
    array[at[enters]] = where[enters] % tracks + (v.track - 1)
    at += enters
    array[at] = head
    signing = at[is_bar][signs >= 0]
    array[signing + 1] = v.meter + signs[signs >= 0]
    at, note = at[is_note], order[is_note]
    if v.has_velocities:
        array[at + 1] = v.velocity + notes.velocity[note]
    last = at + v.has_velocities + pieces[note]
    array[last] = v.duration + (notes.length[note] - 1) % v.max_duration
    return array, len(note)


def changes(values: Ints) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before; the first always does."""
    result = np.empty(len(values), dtype=np.bool_)
    result[:1] = True
    np.not_equal(values[1:], values[:-1], out=result[1:])
    return result
