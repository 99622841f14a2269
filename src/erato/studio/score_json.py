"""A score as the JSON that the editor works on, and back. Pure functions; knows nothing of files and projects.

Times are ticks. What comes in is held against the limits of what is read from files, so that a piece that was saved is
always read again, and its notes are those that a MIDI file can hold: of notes of one pitch that overlap in a track, the
one that begins first ends first. What JSON does not hold (pedals, markers, lyrics, controls) stays in the score.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from symusic.core import (
    KeySignatureTick,
    KeySignatureTickList,
    NoteTickList,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)

from erato import score as scores
from erato.errors import UsageError
from erato.reading import Limits
from erato.renderers.names import one_line
from erato.score import Ints, Score

LIMITS = Limits(notes=200_000, tracks=128)  # of a piece in the editor; its length is limited as that of a file
MOST_CHANGES = 50_000  # of tempo, of meter, of key
MOST_NAME = 1024  # characters of the name of a track, as in files
MOST_BARS = 50_000  # whose lines are told
_SLOWEST, _FASTEST = 60e6 / (2**24 - 1), 60e6  # quarters a minute that MIDI has bytes for
_KEPT = ("pedals", "controls", "pitch_bends", "lyrics")  # of a track, which JSON does not hold

Row = list[Any]


def to_json(score: Score) -> dict[str, Any]:
    """The score as JSON values, and `bars` (where each bar begins, and where the last one ends) and `seconds`."""
    return {
        "ticks_per_quarter": score.ticks_per_quarter,
        "tempos": _tempos(score),
        "time_signatures": _meters(score),
        "key_signatures": _keys(score),
        "bars": _bar_lines(score),
        "tracks": [
            {"name": track.name, "program": track.program, "drums": track.is_drum, "notes": _notes(track)}
            for track in score.tracks
        ],
        "seconds": scores.seconds(score),
    }


def from_json(value: Mapping[str, Any]) -> Score:
    """The score that JSON describes; `bars` and `seconds` are passed over. UsageError names what is not allowed."""
    return merged(Score(_whole(value.get("ticks_per_quarter"), "ticks_per_quarter", 1, 2**15 - 1)), value)


def merged(stored: Score, value: Mapping[str, Any]) -> Score:
    """A copy of `stored` with the notes, tempos, meters and keys of JSON; all else is as it was.

    A track of JSON continues the one of `stored` with its name and instrument, or with its name, or, where there are
    as many of both, the one in its place. UsageError names what is not allowed.
    """
    ticks = _whole(value.get("ticks_per_quarter"), "ticks_per_quarter", 1, 2**15 - 1)
    if ticks != stored.ticks_per_quarter:
        raise UsageError(f"ticks_per_quarter must stay as it was, {stored.ticks_per_quarter}, got {ticks}.")
    tracks = value.get("tracks")
    if not isinstance(tracks, list) or not all(isinstance(track, dict) for track in tracks):
        raise UsageError("tracks must be a list of objects, each with name, program, drums and notes.")
    if len(tracks) > LIMITS.tracks:
        raise UsageError(f"a piece may have {LIMITS.tracks} tracks, got {len(tracks)}.")
    notes = sum(len(track["notes"]) for track in tracks if isinstance(track.get("notes"), list))
    if notes > LIMITS.notes:
        raise UsageError(f"a piece may have {LIMITS.notes:,} notes, got {notes:,}.")
    result = stored.copy()
    if (rows := _changed(value, "tempos", _tempos(stored), 2)) is not None:
        result.tempos = TempoTickList([_tempo(row) for row in rows])
    if (rows := _changed(value, "time_signatures", _meters(stored), 3)) is not None:
        result.time_signatures = TimeSignatureTickList([_meter(row) for row in rows])
    if (rows := _changed(value, "key_signatures", _keys(stored), 3)) is not None:
        result.key_signatures = KeySignatureTickList([_key(row) for row in rows])
    made = [_track(track, f"tracks[{number}]") for number, track in enumerate(tracks)]
    before = [track.copy() for track in stored.tracks]
    for track, continued in zip(made, _continued(made, before), strict=True):
        for name in _KEPT if continued is not None else ():
            setattr(track, name, getattr(continued, name))
    result.tracks = TrackTickList(made)
    _refuse_too_long(result)
    return result


def _tempos(score: Score) -> list[Row]:
    return [[tempo.time, tempo.qpm] for tempo in score.tempos]


def _meters(score: Score) -> list[Row]:
    return [[meter.time, meter.numerator, meter.denominator] for meter in score.time_signatures]


def _keys(score: Score) -> list[Row]:
    return [[key.time, key.key, key.tonality] for key in score.key_signatures]


def _notes(track: TrackTick) -> list[Row]:
    """Onset, duration, pitch and velocity of each note, as a MIDI file would hold them."""
    columns = track.notes.numpy()
    duration, velocity = np.maximum(columns["duration"], 1), np.clip(columns["velocity"], 1, 127)
    rows: list[Row] = np.stack([columns["time"], duration, columns["pitch"], velocity], axis=1).tolist()
    return rows


def _bar_lines(score: Score) -> list[int]:
    """The ticks of the bar lines, the last where the piece ends; of very many, the first."""
    until, left = scores.end_tick(score), MOST_BARS
    signatures = scores.time_signatures(score)
    ends = [start for start, _, _ in signatures[1:]] + [until]
    for (start, numerator, denominator), end in zip(signatures, ends, strict=True):
        length = max(score.ticks_per_quarter * 4 * numerator / denominator, 1.0)
        if (end - start) / length > left:
            until = start + int(left * length)
            break
        left -= math.ceil(max(end - start, 0) / length)
    bars = scores.bars(score, until)
    return [bar.start for bar in bars] + [bars[-1].end]


def _changed(value: Mapping[str, Any], name: str, there: list[Row], columns: int) -> list[Row] | None:
    """The rows under `name`, by time; None where they are as they were (files hold much that nobody would write)."""
    rows = value.get(name, there)
    if rows == there:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == columns for row in rows):
        raise UsageError(f"{name} must be a list of lists of {columns} numbers, the first of each a tick.")
    if len(rows) > MOST_CHANGES:
        raise UsageError(f"{name} may change {MOST_CHANGES:,} times, got {len(rows):,}.")
    for row in rows:
        _whole(row[0], f"the tick of a change in {name}", 0, LIMITS.ticks)
    return sorted(rows, key=lambda row: int(row[0]))


def _tempo(row: Row) -> TempoTick:
    qpm = row[1]
    if isinstance(qpm, bool) or not isinstance(qpm, (int, float)) or not _SLOWEST <= qpm <= _FASTEST:
        raise UsageError(
            f"a tempo must be from {_SLOWEST:.2f} to {_FASTEST:,.0f} quarters a minute, got {_short(qpm)}."
        )
    return TempoTick(row[0], mspq=min(max(round(60e6 / qpm), 1), 2**24 - 1))


def _meter(row: Row) -> TimeSignatureTick:
    numerator = _whole(row[1], "the numerator of a time signature", 1, 255)
    denominator = _whole(row[2], "the denominator of a time signature", 1, 128)
    if denominator & (denominator - 1):
        raise UsageError(f"the denominator of a time signature must be 1, 2, 4, 8 and so on to 128, got {denominator}.")
    return TimeSignatureTick(row[0], numerator, denominator)


def _key(row: Row) -> KeySignatureTick:
    sharps = _whole(row[1], "the sharps (flats below 0) of a key signature", -7, 7)
    return KeySignatureTick(row[0], sharps, _whole(row[2], "the tonality of a key signature (1 is minor)", 0, 1))


def _track(value: Mapping[str, Any], at: str) -> TrackTick:
    name, drums = value.get("name", ""), value.get("drums", False)
    if not isinstance(name, str) or len(name) > MOST_NAME:
        raise UsageError(f"{at}.name must be text of at most {MOST_NAME:,} characters, got {_short(name)}.")
    if not isinstance(drums, bool):
        raise UsageError(f"{at}.drums must be true or false, got {_short(drums)}.")
    track = TrackTick(one_line(name), _whole(value.get("program", 0), f"{at}.program", 0, 127), drums)
    onset, duration, pitch, velocity = _as_read(_columns(value.get("notes"), f"{at}.notes"))
    track.notes = NoteTickList.from_numpy(
        onset.astype(np.int32), duration.astype(np.int32), pitch.astype(np.int8), velocity.astype(np.int8)
    )
    return track


def _columns(rows: Any, at: str) -> Ints:
    """[N, 4] onset, duration, pitch and velocity; UsageError names the first note that is not allowed."""
    if not isinstance(rows, list):
        raise UsageError(f"{at} must be a list of notes, each [onset, duration, pitch, velocity], got {_short(rows)}.")
    for number, row in enumerate(rows):
        if not (isinstance(row, list) and len(row) == 4 and all(type(part) is int for part in row)):
            raise UsageError(
                f"{at}[{number}] must be four whole numbers, [onset, duration, pitch, velocity], got {_short(row)}."
            )
    limits = {"onset": (0, LIMITS.ticks), "duration": (1, LIMITS.ticks), "pitch": (0, 127), "velocity": (1, 127)}
    for column, (name, (least, most)) in enumerate(limits.items()):
        found = next((number for number, row in enumerate(rows) if not least <= row[column] <= most), None)
        if found is not None:
            raise UsageError(
                f"{at}[{found}]: {name} must be from {least} to {most:,}, got {_short(rows[found][column])}."
            )
    return np.array(rows, np.int64).reshape(-1, 4)


def _as_read(notes: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Onset, duration, pitch and velocity [N] of notes [N, 4], by onset, as they are read from a MIDI file.

    The n-th note of a pitch that begins is the n-th that ends.
    """
    onset, duration, pitch, velocity = notes[np.argsort(notes[:, 0], kind="stable")].T
    end = onset + duration
    ends = np.empty_like(end)
    ends[np.argsort(pitch, kind="stable")] = end[np.lexsort((end, pitch))]
    return onset, ends - onset, pitch, velocity


def _continued(made: Sequence[TrackTick], before: Sequence[TrackTick]) -> list[TrackTick | None]:
    """For each track that was made the one that it was before, each at most once; None: it is new."""
    found: list[int | None] = [None] * len(made)
    free = list(range(len(before)))

    def same(track: TrackTick) -> tuple[str, int, bool]:
        return one_line(track.name), track.program, track.is_drum

    def named(track: TrackTick) -> str:
        return one_line(track.name)

    for key in (same, named):
        for number, track in enumerate(made):
            if found[number] is None:
                alike = next((one for one in free if key(before[one]) == key(track)), None)
                if alike is not None:
                    found[number] = alike
                    free.remove(alike)
    if len(made) == len(before):
        for number in range(len(made)):
            if found[number] is None and number in free:
                found[number] = number
                free.remove(number)
    return [None if number is None else before[number] for number in found]


def _refuse_too_long(score: Score) -> None:
    """UsageError where the last note ends too late for the piece to be read again."""
    columns = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    end = max((int((part["time"].astype(np.int64) + part["duration"]).max()) for part in columns), default=0)
    if end > LIMITS.ticks:
        raise UsageError(f"a piece may have {LIMITS.ticks:,} ticks, and its last note ends at {end:,}.")
    seconds = float(scores.seconds_at(score, np.array([end]))[0])
    if seconds > LIMITS.seconds:
        raise UsageError(f"a piece may last {LIMITS.seconds / 3600:.0f} hours, and this one lasts {seconds:,.0f} s.")


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least:,} to {most:,}, got {_short(value)}.")
    return value


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."
