"""Where the tracks of a MIDI file are: bytes in, a header and byte ranges out. Knows nothing of events.

Standard MIDI Files 1.0: a file is chunks of a name of four letters, a length and so many bytes; `MThd`, then an `MTrk`
a track. What is legal but rare is read (a wrapper, long headers, unknown chunks); what is broken but readable is mended
and counted in `lost`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from erato.errors import ReadError
from erato.reading.base import looks_like

HEADER, TRACK = b"MThd", b"MTrk"
MOST_CHUNKS = 100_000  # more than the header can count
JUNK = 1 << 16  # bytes before the header within which it is looked for


@dataclass(frozen=True)
class Header:
    """What the first chunk says, and where the next one begins.

    clock: ticks a quarter note. mspq: microseconds a quarter note, where the clock counts seconds; a quarter is one
    then.
    """

    format: int
    tracks: int
    clock: int
    mspq: int | None
    stop: int


def unwrap(data: bytes, name: str, lost: Counter[str]) -> bytes:
    """The bytes from `MThd` on; ReadError where there is none."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _riff_data(data)
    if data[:4] == HEADER:
        return data
    at = data.find(HEADER, 0, JUNK)
    if at > 0 and data.find(TRACK, at) > 0:
        lost["bytes before the header"] += at
        return data[at:]
    if data[4:8] == b"\0\0\0\6" and data[14:18] == TRACK:
        lost["bytes of the header that make no sense"] += 4
        return HEADER + data[4:]
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        raise ReadError("damaged", f"{name} is damaged: there is no MIDI in its RIFF wrapper.")
    raise ReadError("not-music", f"{name} is {looks_like(data)}, not MIDI.")


def _riff_data(data: bytes) -> bytes:
    """What a RIFF file wraps; all of it, where its chunks lead nowhere."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    found = data.find(HEADER)
    return data[found:] if found > 0 else data


def header(data: bytes, name: str, lost: Counter[str]) -> Header:
    """What `MThd` says; ReadError for a clock that cannot be one."""
    if len(data) < 14:
        raise ReadError("damaged", f"{name} is damaged: its MIDI header is incomplete.")
    length = int.from_bytes(data[4:8], "big")
    stop = 8 + length
    if length < 6 or not (_is_chunk(data, stop) or stop == len(data)):
        stop = data.find(TRACK, 8)
        if stop < 0:
            raise ReadError("damaged", f"{name} is damaged: there is no track after its MIDI header.")
        lost["headers whose length is wrong"] += 1
    form, tracks, division = (int.from_bytes(data[at : at + 2], "big") for at in (8, 10, 12))
    if form > 2:
        lost["a format that there is not, read as format 1"] += 1
        form = 1
    if division == 0:
        raise ReadError("bad-timing", f"{name} has 0 ticks a quarter note; it must have at least 1.")
    if not division & 0x8000:
        return Header(form, tracks, division, None, stop)
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or ticks == 0:
        raise ReadError("bad-timing", f"{name} counts {frames} frames a second of {ticks} ticks, which no clock does.")
    if frames == 29:  # 29.97
        return Header(form, tracks, 30 * ticks, 1_001_000, stop)
    return Header(form, tracks, frames * ticks, 1_000_000, stop)


def _is_chunk(data: bytes, at: int) -> bool:
    """Whether a chunk begins there, or seems to."""
    kind = data[at : at + 4]
    if kind == TRACK:
        return True
    return len(kind) == 4 and kind.isalnum() and at + 8 + int.from_bytes(data[at + 4 : at + 8], "big") <= len(data)


class Walked(Protocol):
    """What reading the events of a track found: where they end, and whether they end as those of a track do."""

    at: int
    whole: bool


W = TypeVar("W", bound=Walked)


def tracks(
    data: bytes, head: Header, walk: Callable[[int, int, bool], W], lost: Counter[str], name: str
) -> Iterator[W]:
    """What `walk` finds in each track; it is called with (start, stop, whether another track may begin before that).

    A length is believed where it leads to another chunk or to the end; else the events say where a track ends.
    """
    at, found = head.stop, 0
    for _ in range(MOST_CHUNKS):
        if at + 8 > len(data):
            break
        start = at + 8
        stop = start + int.from_bytes(data[at + 4 : start], "big")
        believed = stop == len(data) or _is_chunk(data, stop)
        if data[at : at + 4] != TRACK and not (found < head.tracks and _reads_as_track(walk, data, start, stop)):
            if not believed and (track := data.find(TRACK, start)) > 0:
                lost["chunks whose length is wrong"] += 1
                at = track
            else:
                at = stop
            continue
        if data[at : at + 4] != TRACK:
            lost["tracks whose name is damaged"] += 1
        walked = walk(start, min(stop, len(data)), False)
        if not walked.whole and not believed and stop < len(data):
            walked = walk(start, len(data), True)
        found += 1
        yield walked
        if walked.whole and walked.at < stop and data[walked.at : walked.at + 4] != TRACK:
            lost["bytes after the end of a track"] += min(stop, len(data)) - walked.at
        if walked.whole and data[walked.at : walked.at + 4] == TRACK:
            at = walked.at
        elif believed or (walked.whole and stop > len(data)):
            at = stop
        else:
            track = data.find(TRACK, walked.at)
            at = track if track > 0 else len(data)
        if walked.whole and (not believed or at == walked.at < stop):
            lost["tracks whose length is wrong"] += 1
        elif not walked.whole and stop > len(data):
            lost["tracks that break off"] += 1
        elif not walked.whole:
            lost["tracks without an end"] += 1
    else:
        raise ReadError("too-large", f"{name} has more than {MOST_CHUNKS:,} chunks; a MIDI file has few.")
    if found != head.tracks:
        more = found > head.tracks
        said = "does not count, read all the same" if more else "counts and the file does not have"
        lost[f"tracks that the header {said}"] += abs(found - head.tracks)


def _reads_as_track(walk: Callable[[int, int, bool], W], data: bytes, start: int, stop: int) -> bool:
    """Whether a chunk of another name holds the events of a track to the byte."""
    if not start + 4 <= stop <= len(data) or data[stop - 3 : stop] != b"\xff\x2f\0":
        return False
    walked = walk(start, stop, False)
    return walked.whole and walked.at == stop
