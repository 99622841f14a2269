"""MIDI to scores: bytes in, one score out. Knows nothing of files, and nothing of what scores are used for.

symusic does the parsing, and is shown only what it can hold: its times are 32-bit integers that wrap in
silence, it takes a clock of zero, reads no track that the header does not count, and spoils lyrics not in UTF-8.
"""

from collections.abc import Iterator

import numpy as np
from symusic.core import (
    KeySignatureTickList,
    NoteTickList,
    TempoTick,
    TempoTickList,
    TextMetaTick,
    TextMetaTickList,
    TimeSignatureTickList,
    TrackTickList,
)

from erato.errors import ReadError
from erato.reading.base import Limits, NamedPiece, Reading, check_size, looks_like
from erato.reading.midi_scan import Lyric, scan, ticks_at_most
from erato.score import DEFAULT_MSPQ, Ints, Score, seconds

LYRIC, TEXT = 0x05, 0x01  # meta events


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """The one piece of a MIDI file (plain, wrapped in RIFF, or with a long header)."""
    lost: dict[str, int] = {}
    data = _unwrap(data, name)
    division = int.from_bytes(data[12:14], "big")
    if division == 0:
        raise ReadError("bad-timing", f"{name} has 0 ticks a quarter note; it must have at least 1.")
    tracks = list(_tracks(data, name, limits))
    if int.from_bytes(data[8:10], "big") == 2 and len(tracks) > 1:
        raise ReadError("unsupported", f"{name} is MIDI of format 2 (separate patterns); formats 0 and 1 are read.")
    if (missing := int.from_bytes(data[10:12], "big") - len(tracks)) > 0:
        lost["tracks that the header counts and the file does not have"] = missing
    elif missing:
        lost["tracks that the header does not count, read all the same"] = -missing
    smpte = _smpte(division, name) if division & 0x8000 else None
    data = _with_header(data, len(tracks), smpte[0] if smpte else division)

    events = _lyrics(data, tracks, name, limits)
    score = _parse(data, name)
    if smpte:
        if len(score.tempos):
            lost["tempos, which a clock in seconds does not have"] = len(score.tempos)
        score.tempos = TempoTickList([TempoTick(0, mspq=smpte[1])])
    if _mend(score, lost) == 127:  # a real pitch, or a byte that is none and was read as the nearest
        for start, stop in tracks:
            scan(data[start:stop], name, set())
    _check(score, name, limits)
    if any(events):
        _place(events, score, data, tracks)
    return Reading([NamedPiece("", score)], lost)


def _unwrap(data: bytes, name: str) -> bytes:
    """The bytes from `MThd` on, with a header of exactly 6 bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _riff_data(data, name)
    if data[:4] != b"MThd":
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not MIDI.")
    length = int.from_bytes(data[4:8], "big")
    if length < 6 or len(data) < 8 + length:
        raise ReadError("damaged", f"{name} is damaged: its MIDI header is incomplete.")
    return data if length == 6 else data[:4] + b"\0\0\0\6" + data[8:14] + data[8 + length :]


def _riff_data(data: bytes, name: str) -> bytes:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise ReadError("damaged", f"{name} is damaged: there is no MIDI in its RIFF wrapper.")


def _tracks(data: bytes, name: str, limits: Limits) -> Iterator[tuple[int, int]]:
    """(start, stop) of the events of each track."""
    count = data.count(b"MTrk")
    check_size(name, limits, tracks=count)
    at, found = 14, 0
    while at + 8 <= len(data):
        start, stop = at + 8, at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            if stop > len(data):
                raise ReadError("damaged", f"{name} is damaged: its last track breaks off.")
            yield start, stop
            found += 1
        at = stop
    if found < count:
        raise ReadError("damaged", f"{name} is damaged: the length of a track is wrong.")


def _smpte(division: int, name: str) -> tuple[int, int]:
    """A clock in ticks a second, as (ticks per quarter, microseconds per quarter); a quarter is a second."""
    frames, ticks = 256 - (division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or ticks == 0:
        raise ReadError("bad-timing", f"{name} counts {frames} frames a second of {ticks} ticks, which no clock does.")
    return (30 * ticks, 1_001_000) if frames == 29 else (frames * ticks, 1_000_000)


def _with_header(data: bytes, tracks: int, division: int) -> bytes:
    fixed = data[:10] + tracks.to_bytes(2, "big") + division.to_bytes(2, "big")
    return data if data[:14] == fixed else fixed + data[14:]


def _lyrics(data: bytes, tracks: list[tuple[int, int]], name: str, limits: Limits) -> list[list[Lyric]]:
    """The lyrics of each track, read from the bytes; refuses a file whose delta times add up to too much.

    Going through the events one by one is slow: it is done only where there may be lyrics or very long times.
    """
    kinds = {LYRIC, TEXT} if ".kar" in name.lower() else {LYRIC}
    any_lyrics = b"\xff\x05" in data or len(kinds) > 1
    if not any_lyrics and ticks_at_most(data) <= limits.ticks:
        return []
    found = []
    for start, stop in tracks:
        track = data[start:stop]
        if not any_lyrics and ticks_at_most(track) <= limits.ticks:
            continue
        ticks, lyrics = scan(track, name, kinds)
        check_size(name, limits, ticks=ticks)
        found.append(lyrics)
    return found


def _parse(data: bytes, name: str) -> Score:
    try:
        return Score.from_midi(data, True)  # else data bytes above 127 are written outside its arrays
    except Exception:  # symusic raises RuntimeError, and others for odd text
        raise ReadError("damaged", f"{name} is damaged: its MIDI events break off or make no sense.") from None


def _mend(score: Score, lost: dict[str, int]) -> int:
    """Drops or mends what no score can hold, and counts it; the highest pitch there is."""

    def count(what: str, how_many: int) -> None:
        if how_many:
            lost[what] = lost.get(what, 0) + how_many

    highest = 0
    for track in score.tracks:
        notes = track.notes.numpy()
        highest = max(highest, int(notes["pitch"].max(initial=0)))
        short = int((notes["duration"] == 0).sum())
        if short:
            count("notes without length, now of one tick", short)
            durations = np.maximum(notes["duration"], 1)
            track.notes = NoteTickList.from_numpy(notes["time"], durations, notes["pitch"], notes["velocity"])
    if len(score.tempos) and (score.tempos.numpy()["mspq"] <= 0).any():
        good = [tempo for tempo in score.tempos if tempo.mspq > 0]
        count("tempos of zero", len(score.tempos) - len(good))
        score.tempos = TempoTickList(good)
    meters = [meter for meter in score.time_signatures if meter.numerator > 0 and 0 < meter.denominator <= 128]
    if len(meters) < len(score.time_signatures):
        count("impossible time signatures", len(score.time_signatures) - len(meters))
        score.time_signatures = TimeSignatureTickList(meters)
    keys = [key for key in score.key_signatures if abs(key.key) <= 7 and key.tonality in (0, 1)]
    if len(keys) < len(score.key_signatures):
        count("impossible key signatures", len(score.key_signatures) - len(keys))
        score.key_signatures = KeySignatureTickList(keys)
    return highest


def _check(score: Score, name: str, limits: Limits) -> None:
    notes, end = score.note_num(), score.end()
    if notes == 0:
        raise ReadError("no-notes", f"{name} has no notes.")
    check_size(name, limits, notes=notes, ticks=end)
    slowest = int(score.tempos.numpy()["mspq"].max()) if len(score.tempos) else 0
    if end / score.ticks_per_quarter * max(slowest, DEFAULT_MSPQ) / 1e6 > limits.seconds:  # a quick bound
        check_size(name, limits, seconds=seconds(score))


def _place(events: list[list[Lyric]], score: Score, data: bytes, tracks: list[tuple[int, int]]) -> None:
    """Puts lyrics on the tracks they belong to, as text at its tick.

    symusic makes a track of each channel and program in a MIDI track. Its lyrics go to the one of these whose
    notes begin most often at a syllable; those of a MIDI track without notes, to the best of all.
    """
    for track in score.tracks:
        track.lyrics = TextMetaTickList()
    first, sung = 0, []
    for (start, stop), lyrics in zip(tracks, events, strict=True):
        alone = Score.from_midi(_with_header(data[:14], 1, 480) + data[start - 8 : stop], True)
        last = first + len(alone.tracks)
        own = [index for index in range(first, min(last, len(score.tracks))) if len(score.tracks[index].notes)]
        first = last
        if lyrics:
            sung.append((lyrics, own))
    for lyrics, own in sung:
        ticks = np.array([tick for tick, _ in lyrics])

        def hits(index: int, ticks: Ints = ticks) -> int:
            return int(np.isin(ticks, score.tracks[index].notes.numpy()["time"]).sum())

        chosen = max(own or range(len(score.tracks)), key=hits)
        score.tracks[chosen].lyrics.extend(TextMetaTickList([TextMetaTick(tick, text) for tick, text in lyrics]))
    silent = [track for track in score.tracks if not len(track.notes)]
    if silent:
        score.tracks = TrackTickList([track for track in score.tracks if len(track.notes)])
