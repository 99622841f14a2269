"""The events of MIDI tracks as arrays, with their times and running status resolved. Knows nothing of notes.

Legend: a voice is one channel of one track.
"""

import numpy as np
import numpy.typing as npt

from erato.reading.midi_events import Ints, Track, deltas


class Messages:
    """The events of some tracks as arrays, those of one track after those of another. data: padded by 8.

    channel messages: track, tick, status, first, second (data bytes). ends: [tracks] the last tick of each. meta:
    (track, tick, kind, where the data stand, length) of each meta event.
    """

    def __init__(self, data: npt.NDArray[np.uint8], found: list[Track]) -> None:
        numbers = range(len(found))
        places = [np.concatenate(track.plain) if track.plain else _NONE for track in found]
        place = np.concatenate([_NONE, *places])
        delta, message = deltas(data, place)
        explicit = data[message] > 127
        plain = np.stack(
            [
                np.repeat(np.arange(len(found)), [len(own) for own in places]),
                place,
                delta,
                np.where(explicit, data[message], 0),
                message + explicit,
            ]
        )
        odd = _columns([(number, *event) for number in numbers for event in found[number].odd], 5)
        meta = _columns([(number, *event) for number in numbers for event in found[number].meta], 6)
        other = _columns([(number, *event) for number in numbers for event in found[number].other], 3)
        track, place, delta = np.concatenate([plain[:3], odd[:3], meta[:3], other], 1)
        plays = plain.shape[1] + odd.shape[1]  # the events that are messages to a channel come first
        order = np.argsort(place, kind="stable")  # tracks are in order: few runs to merge
        total = np.cumsum(delta[order])
        sorted_track = track[order]
        first = np.searchsorted(sorted_track, np.arange(len(found)))
        before = np.append(0, total)[first]
        tick = np.empty_like(total)
        tick[order] = total - before[sorted_track]
        after = np.searchsorted(sorted_track, np.arange(len(found)), side="right")
        self.ends = np.append(0, total)[after] - before
        self.meta = list(zip(*(column.tolist() for column in (meta[0], tick[plays:], *meta[3:])), strict=False))

        order = order[order < plays]
        self.track, self.tick = track[order], tick[order]
        status, at = (np.append(plain[row], odd[row])[order] for row in (3, 4))
        said = np.maximum.accumulate(np.where(status > 0, np.arange(len(status)), 0))
        self.status = status[said] if len(status) else status
        self.first, self.second = data[at].astype(np.int64), data[at + 1].astype(np.int64)
        kind = self.status >> 4
        self.is_on = (kind == 0x9) & (self.second > 0)
        self.is_off = (kind == 0x8) | ((kind == 0x9) & (self.second == 0))
        self.kind, self.voice = kind, self.track * 16 + (self.status & 0xF)  # which channel of which track

    @property
    def note_ons(self) -> int:
        return int(self.is_on.sum())


_NONE = np.empty(0, np.int64)


def _columns(rows: list[tuple[int, ...]], width: int) -> Ints:
    """Rows as an array of columns."""
    return np.array(rows, np.int64).reshape(-1, width).T
