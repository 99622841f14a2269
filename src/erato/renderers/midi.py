"""A score to a standard MIDI file (format 1). In: a score in ticks. Out: bytes, the same for the same score.

symusic's own writer leaves out pedals, the rest that ends a piece and all of a score without tracks, and lets
the 16th track take the channel of the first. So the events are laid out here: one chunk for what concerns the
whole piece, and one for each track.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from struct import pack

from symusic.core import TrackTick

from erato import files
from erato.errors import UsageError
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.names import one_line
from erato.score import Piece, Score

Event = tuple[int, int, bytes]  # tick, order among the events of one tick, bytes

DRUM_CHANNEL = 9
MELODIC_CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]
LONGEST_DELTA = 2**28 - 1  # ticks that four bytes of seven bits can count
BANK_SELECT = (0, 32)
SUSTAIN = 64
TEXT, TRACK_NAME, LYRIC, MARKER, TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = (
    0x01,
    0x03,
    0x05,
    0x06,
    0x51,
    0x58,
    0x59,
)

# What comes first at one tick: what ends, then settings, then what begins. A note of no length ends last.
OFF, NAME, BANK, PROGRAM, CONTROL, WORDS, ON, OFF_AT_ONCE = range(8)

RECORD = "erato: "  # how the text event begins that says how a piece was made


class Midi(Renderer):
    suffix = ".mid"
    summary = "standard MIDI file, for players, notation programs and sequencers"
    noun = "a MIDI file"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        files.write_bytes(path, midi_bytes(as_score(piece, path, self), about))


def midi_bytes(score: Score, about: About | None = None) -> bytes:
    """The MIDI file of `score`; the title is the name of the sequence, the facts and the record are text events.

    Ends where the piece ends (its `end` marker), so that other programs show its full length. UsageError for
    what MIDI has no bytes for: a time before 0, a key outside 0 to 127, a meter not over a power of two.
    """
    about = about or About()
    if not 1 <= score.ticks_per_quarter < 2**15:
        raise UsageError(f"MIDI counts 1 to 32767 ticks a quarter, got {score.ticks_per_quarter}: resample the score.")
    chunks = [_chunk(_conductor(score, about))]
    for track, channel in zip(score.tracks, channels(score), strict=True):
        chunks.append(_chunk(_track(track, channel)))
    return b"MThd" + pack(">IHHH", 6, 1, len(chunks), score.ticks_per_quarter) + b"".join(chunks)


def channels(score: Score) -> list[int]:
    """A channel for each track: drums on the tenth, every other its own while there are enough of them.

    Of more than fifteen, tracks of one program share a channel before tracks of different programs do.
    """
    free = list(MELODIC_CHANNELS)
    unseen = dict.fromkeys(track.program for track in score.tracks if not track.is_drum)
    of_program: dict[int, int] = {}
    found = []
    for track in score.tracks:
        if track.is_drum:
            found.append(DRUM_CHANNEL)
            continue
        unseen.pop(track.program, None)
        if track.program not in of_program or len(free) > len(unseen):
            channel = free.pop(0) if free else MELODIC_CHANNELS[len(of_program) % len(MELODIC_CHANNELS)]
            of_program.setdefault(track.program, channel)
            found.append(channel)
        else:
            found.append(of_program[track.program])
    return found


def _conductor(score: Score, about: About) -> Iterable[Event]:
    """What concerns the whole piece: title, facts, tempo, meter, key, markers."""
    if about.title:
        yield 0, NAME, _meta(TRACK_NAME, one_line(about.title))
    for name, value in about.facts.items():
        yield 0, NAME, _meta(TEXT, one_line(f"{name}: {value}"))
    if about.record:
        yield 0, NAME, _meta(TEXT, RECORD + json.dumps(about.record, sort_keys=True, separators=(",", ":")))
    for meter in score.time_signatures:
        power = meter.denominator.bit_length() - 1
        if meter.denominator < 1 or meter.denominator != 2**power or not 1 <= meter.numerator <= 255:
            allowed = "the numerator must be 1 to 255 and the denominator a power of two"
            raise UsageError(f"MIDI cannot hold the meter {meter.numerator}/{meter.denominator}: {allowed}.")
        click = max(1, 96 // meter.denominator)  # MIDI clocks a metronome click: one beat
        yield meter.time, CONTROL, _meta(TIME_SIGNATURE, bytes([meter.numerator, power, click, 8]))
    for key in score.key_signatures:
        sharps = min(7, max(-7, key.key))
        yield key.time, CONTROL, _meta(KEY_SIGNATURE, pack(">bB", sharps, 1 if key.tonality else 0))
    for tempo in score.tempos:
        yield tempo.time, CONTROL, _meta(TEMPO, min(2**24 - 1, max(1, tempo.mspq)).to_bytes(3, "big"))
    for marker in score.markers:
        yield marker.time, WORDS, _meta(MARKER, marker.text)


def _track(track: TrackTick, channel: int) -> Iterable[Event]:
    """Name, program, controls, pedal, bends, lyrics and notes of one track."""
    yield 0, NAME, _meta(TRACK_NAME, one_line(track.name))
    yield 0, PROGRAM, bytes([0xC0 | channel, track.program & 127])
    for control in track.controls:
        order = BANK if control.time == 0 and control.number in BANK_SELECT else CONTROL
        yield control.time, order, bytes([0xB0 | channel, control.number & 127, control.value & 127])
    if not any(control.number == SUSTAIN for control in track.controls):  # symusic repeats those as pedals
        for pedal in track.pedals:
            yield pedal.time, CONTROL, bytes([0xB0 | channel, SUSTAIN, 127])
            yield pedal.time + pedal.duration, OFF, bytes([0xB0 | channel, SUSTAIN, 0])
    for bend in track.pitch_bends:
        value = min(16383, max(0, bend.value + 8192))
        yield bend.time, CONTROL, bytes([0xE0 | channel, value & 127, value >> 7])
    for lyric in track.lyrics:
        yield lyric.time, WORDS, _meta(LYRIC, lyric.text)
    columns = track.notes.numpy()
    notes = (columns[name].tolist() for name in ("time", "duration", "pitch", "velocity"))
    for onset, duration, pitch, velocity in zip(*notes, strict=True):
        if not 0 <= pitch <= 127:
            raise UsageError(f"MIDI has the keys 0 to 127, got {pitch}: transpose the score.")
        loud = min(127, max(1, velocity))  # 0 would end the note
        yield onset, ON, bytes([0x90 | channel, pitch, loud])
        yield (
            onset + max(0, duration),
            OFF if duration > 0 else OFF_AT_ONCE,
            bytes([0x80 | channel, pitch, 0]),
        )


def _chunk(events: Iterable[Event]) -> bytes:
    """A track chunk of `events`, in order of time; it ends with the last, which may be the `end` marker."""
    data = bytearray()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        if tick < now:
            raise UsageError(f"MIDI begins at tick 0, got an event at {tick}: shift the score.")
        data += _variable_length(tick - now) + message
        now = tick
    data += b"\x00\xff\x2f\x00"
    return b"MTrk" + pack(">I", len(data)) + bytes(data)


def _meta(kind: int, content: str | bytes) -> bytes:
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    return bytes([0xFF, kind]) + _variable_length(len(data)) + data


def _variable_length(number: int) -> bytes:
    """`number` in groups of seven bits, the highest first; all but the last carry the eighth bit."""
    if number > LONGEST_DELTA:
        raise UsageError(f"MIDI counts at most {LONGEST_DELTA} ticks between two events, got {number}.")
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127 | 128)
    return bytes(reversed(groups))
