"""The events of MIDI tracks: bytes in, arrays of events out. Knows nothing of files, and nothing of notes.

Standard MIDI Files 1.0: an event is a delta time (seven bits a byte, the high bit set on all bytes but the last) and a
message, whose first byte, the status, is left out where the message before has the same ("running status").

Where each event ends depends on the one before, and files have many: so for every byte of a block it is first found,
for all at once, where the next event would begin if one began there. Going along the track is then a chain of look-ups,
eight events at a time. Whatever is no plain message to a channel breaks the chain, and is looked at by itself: that is
also where damage is found, and where it is decided how reading goes on.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from erato.errors import ReadError
from erato.reading.base import DROPPED

BLOCK = 1 << 20  # bytes that are looked at in one go
MOST_EVENTS = 1_000_000  # of a file; each takes some 230 bytes while its notes are put together
MOST_ODD = 250_000  # of these, such as are no plain messages; each takes some microseconds
MOST_DAMAGED = 1_000  # places of a file where it goes on after damage
AHEAD = 8  # events that have to be sound for reading to go on there
FAR = 256  # bytes within which a sound place is looked for
END_OF_TRACK = 0x2F
BROKEN_NOTE = DROPPED + "a byte above 127"
NONSENSE = "bytes that make no sense"

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_LENGTH = np.zeros(256, np.int32)  # of a message by its first byte; 0: no plain one of two data bytes
_LENGTH[0x00:0x80] = 2  # running status
_LENGTH[0x80:0xC0] = _LENGTH[0xE0:0xF0] = 3
_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of the messages that belong to no channel and no file


@dataclass
class Track:
    """The events of one track, in order; what was left out is counted in `lost`.

    plain: where the delta times of plain messages stand. odd: of other messages to a channel, (where the delta time
    stands, the delta time, the status, where the data stand). meta: of meta events, (the first two, kind, where the
    data stand, their length). other: the first two of what is read over.
    """

    at: int  # where the events end
    whole: bool = False  # they end with the event that ends a track
    plain: list[Ints] = field(default_factory=list)
    odd: list[tuple[int, int, int, int]] = field(default_factory=list)
    meta: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    other: list[tuple[int, int]] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)


class Events:
    """Reads the tracks of one file, one after the other."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name = data, name
        self.odd = self.plain = self.damaged = 0
        self._block: _Block | None = None

    def walk(self, start: int, stop: int, may_end: bool) -> Track:
        """The events that begin from `start` on and end by `stop`; may_end: also where another track begins."""
        track = Track(start)
        running, at = 0, start
        while at < stop:
            if running and running >> 4 not in (0xC, 0xD):
                at, running = self._along(track, at, stop, may_end, running)
                if at >= stop:
                    break
            if may_end and self.data.startswith(b"MTrk", at):
                break
            self.odd += 1
            if self.odd > MOST_ODD:
                raise ReadError("too-large", f"{self.name} has more than {MOST_ODD:,} events that are no notes.")
            following, running = self._one(track, at, stop, running)
            if following == 0 and self.damaged < MOST_DAMAGED:
                self.damaged += 1
                following, running = self._after_damage(track, at, stop, running)
            if following == 0:
                break
            at = following
            if track.whole:
                break
        track.at = at
        if not track.whole and at < stop and not (may_end and self.data.startswith(b"MTrk", at)):
            track.lost[NONSENSE] += stop - at
        return track

    def _along(self, track: Track, at: int, stop: int, may_end: bool, running: int) -> tuple[int, int]:
        """Goes along plain messages from `at`; where the first other event stands (or one that is not over by `stop`),
        and the status there."""
        while at < stop:
            block = self._block
            if block is None or not block.start <= at < block.stop:
                self._block = block = _Block(self.data, at)
            found, following = block.chain(at, stop)
            if may_end and (other := self.data.find(b"MTrk", at, following)) >= 0 and (found == other).any():
                found, following = found[found < other], other
            self.plain += len(found)
            if self.plain > MOST_EVENTS:
                raise ReadError("too-large", f"{self.name} has more than {MOST_EVENTS:,} events.")
            if len(found):
                track.plain.append(found)
                said = block.status[found - block.start]
                said = said[said > 127]
                running = int(said[-1]) if len(said) else running
            if following == at or following < min(stop, block.stop):
                return following, running
            at = following
        return at, running

    def _one(self, track: Track, at: int, stop: int, running: int) -> tuple[int, int]:
        """Reads the event at `at` and adds it; where the next one stands (0: this one makes no sense), and the
        status."""
        data = self.data
        delta, here = number(data, at, stop)
        if here == 0 or here >= stop:
            return 0, running
        status = data[here]
        if status == 0xFF:
            length, begin = number(data, here + 2, stop)
            if begin == 0 or begin + length > stop:
                return 0, running
            track.meta.append((at, delta, data[here + 1], begin, length))
            track.whole = data[here + 1] == END_OF_TRACK
            return begin + length, running
        if status in (0xF0, 0xF7):
            length, begin = number(data, here + 1, stop)
            if begin == 0 or begin + length > stop:
                return 0, running
            track.other.append((at, delta))
            return begin + length, running
        if status > 0xF0:
            end = here + 1 + _SYSTEM.get(status, 0)
            if end > stop:
                return 0, running
            track.other.append((at, delta))
            return end, running
        if status < 0x80:
            status, here = running, here - 1
        size = 1 if status >> 4 in (0xC, 0xD) else 2
        end = here + 1 + size
        if status == 0 or end > stop or max(data[here + 1 : end]) > 127:
            return 0, running
        track.odd.append((at, delta, status, end - size))
        return end, status

    def _after_damage(self, track: Track, at: int, stop: int, running: int) -> tuple[int, int]:
        """Where reading goes on after an event that makes no sense (0: nowhere), and the status there.

        Either one of its data bytes is wrong and the next event stands where it should, or bytes are missing or too
        many: then it is the first place from which on several events make sense.
        """
        end, status = self._meant(at, stop, running)
        if end and (end == stop or self._sound(end, stop, status, AHEAD // 4)):
            note = status >> 4 == 0x9 and self.data[end - 1] > 0
            track.lost[BROKEN_NOTE if note else "messages with a byte above 127"] += 1
            track.other.append((at, number(self.data, at, stop)[0]))
            return end, status
        for place in range(at + 1, min(stop, at + FAR)):
            if self._sound(place, stop, 0, 0):
                track.lost[NONSENSE] += place - at
                return place, 0
        return 0, running

    def _meant(self, at: int, stop: int, running: int) -> tuple[int, int]:
        """Where a message to a channel ends whose data bytes are wrong, and its status; 0 for anything else."""
        _, here = number(self.data, at, stop)
        if here == 0 or here >= stop or self.data[here] >= 0xF0:
            return 0, running
        status = self.data[here] if self.data[here] > 127 else running
        end = here + (self.data[here] > 127) + (1 if status >> 4 in (0xC, 0xD) else 2)
        return (end, status) if status and end <= stop else (0, running)

    def _sound(self, at: int, stop: int, running: int, wrong: int) -> bool:
        """Whether several events in a row make sense from there on, or all there are up to the track's last.

        wrong: how many of them may have data bytes that are wrong.
        """
        trial = Track(at)
        for _ in range(AHEAD):
            following, status = self._one(trial, at, stop, running)
            if following == 0 and wrong:
                wrong -= 1
                following, status = self._meant(at, stop, 0)
            if following == 0 or trial.whole:
                return trial.whole
            at, running = following, status
        return True


class _Block:
    """For every byte of a block: where the next event begins, if one with a plain message begins there."""

    def __init__(self, data: bytes, start: int) -> None:
        self.start, self.stop = start, min(len(data), start + BLOCK)
        size = self.stop - start
        padded = np.full(size + 16, 0xFF, np.uint8)
        there = np.frombuffer(data, np.uint8, min(len(data) - start, size + 8), start)
        padded[: len(there)] = there
        low = padded < 0x80
        place = np.arange(size, dtype=np.int32)
        message = place + 1
        longer = ~low[:size]
        for k in range(1, 4):
            message += longer
            longer = longer & ~low[k : size + k]
        status, first, second = (padded[message + k] for k in range(3))
        self.status = status  # [size], of an event that begins there, or its first data byte
        length = _LENGTH[status]
        clean = np.where(status < 0x80, first < 0x80, (first | second) < 0x80)
        odd = (length == 0) | ~clean | longer
        following = np.concatenate([np.where(odd, place, message + length), np.arange(size, size + 9, dtype=np.int32)])
        self._one = following  # [size + 9]; an event that is not plain leads to itself
        two = following[following]
        self._two, self._four = two, two[two]
        self._leap = memoryview(self._four[self._four])

    def chain(self, at: int, stop: int) -> tuple[Ints, int]:
        """Where the plain events from `at` on stand that are over by `stop`, and where what follows them stands."""
        limit, local = min(stop, self.stop) - self.start, at - self.start
        leaps, leap = [local], self._leap
        while local < limit and (beyond := leap[local]) != local:
            leaps.append(beyond)
            local = beyond
        eight = np.empty((8, len(leaps)), np.int32)
        eight[0] = leaps
        eight[4] = self._four[eight[0]]
        eight[2::4] = self._two[eight[0::4]]
        eight[1::2] = self._one[eight[0::2]]
        places = eight.ravel(order="F")  # in order; where the chain breaks, one is there again and again
        ends = self._one[places]
        places = places[(ends != places) & (ends <= stop - self.start) & (places < self.stop - self.start)]
        last = int(self._one[places[-1]]) if len(places) else at - self.start
        return places.astype(np.int64) + self.start, last + self.start


def number(data: bytes, at: int, stop: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends; 0 where it has no end or more than 28 bits.

    Bytes of zero before it are legal to most readers, and skipped.
    """
    value = 0
    for place in range(at, min(stop, at + 16)):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if value >> 28:
            break
        if byte < 0x80:
            return value, place + 1
    return 0, 0


def deltas(data: Bytes, places: Ints) -> tuple[Ints, Ints]:
    """The delta times of plain events that stand at `places`, and where their messages stand. data: padded by 4."""
    value = np.zeros(len(places), np.int64)
    here = places.copy()
    more = np.ones(len(places), np.bool_)
    for _ in range(4):
        byte = data[here]
        value = np.where(more, value << 7 | (byte & 0x7F), value)
        here = here + more
        more = more & (byte > 127)
        if not more.any():
            break
    return value, here
