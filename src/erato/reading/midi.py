"""MIDI to scores: bytes in, one score out (of format 2, one a pattern). Knows nothing of files, and nothing of what
scores are used for.

The bytes are read here and not by a library: what is broken has to be read as far as it goes, every note has to be
accounted for, and nothing in a file may cost more than its size. A track of a file becomes a track of the score for
every channel and program that plays in it.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from symusic.core import (
    ControlChangeTickList,
    KeySignatureTick,
    NoteTickList,
    PedalTickList,
    PitchBendTickList,
    TempoTickList,
    TextMetaTick,
    TextMetaTickList,
    TimeSignatureTick,
    TrackTick,
)

from erato.errors import ReadError
from erato.reading.base import DROPPED, Limits, NamedPiece, Reading, check_size
from erato.reading.midi_chunks import HEADER, Header, header, tracks, unwrap
from erato.reading.midi_events import BROKEN_NOTE, Events, Ints
from erato.reading.midi_messages import Messages
from erato.reading.midi_notes import pair
from erato.score import Score, seconds_at

TEXT, NAME, LYRIC, MARKER, TEMPO, METER, KEY = 0x01, 0x03, 0x05, 0x06, 0x51, 0x58, 0x59  # meta events
SUSTAIN = 64  # the controller of the pedal
MOST_TEXTS = 50_000  # lyrics and markers of a file
MOST_NAME = 1024  # characters of a track's name
LATE = DROPPED + "they begin or end too late"
UNREADABLE = DROPPED + "in a pattern that cannot be read"
PACKED = "gzip data that breaks off"


def read(data: bytes, name: str, limits: Limits, whole: bool = True) -> Reading:
    """The piece of a MIDI file, or the patterns of one of format 2; ReadError where there is not a note.

    whole: whether these are all bytes of the file.
    """
    lost: Counter[str] = Counter() if whole else Counter({PACKED: 1})
    if not whole and data[:4] != HEADER:
        raise ReadError("damaged", f"{name} is damaged: its gzip data breaks off before there is any music.")
    data = unwrap(data, name, lost)
    head = header(data, name, lost)
    events = Events(data, name)
    found = []
    for track in tracks(data, head, events.walk, lost, name):
        lost.update(track.lost)
        found.append(track)
    damaged = bool(lost)
    padded = np.zeros(len(data) + 8, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    scores: list[Score] = []
    written, trouble = lost[BROKEN_NOTE], None
    for part in [[track] for track in found] if head.format == 2 else [found]:
        played = Messages(padded, part)
        if not played.note_ons:
            continue
        written += played.note_ons
        mended: Counter[str] = Counter()
        try:
            scores.append(_Writer(data, head, played, ".kar" in name.lower(), name, limits).score(mended))
            lost.update(mended)
        except ReadError as error:
            trouble = trouble or error
            lost[UNREADABLE] += played.note_ons
    if trouble and not scores:
        raise trouble
    if not scores and damaged:
        raise ReadError("damaged", f"{name} is damaged: there is no note in what can be read of it.")
    if not scores:
        raise ReadError("no-notes", f"{name} has no notes.")
    pieces = [NamedPiece(str(number) if len(scores) > 1 else "", score) for number, score in enumerate(scores, 1)]
    return Reading(pieces, dict(+lost), written)


@dataclass(frozen=True)
class _Heard:
    """The notes of a piece, in the order in which they begin."""

    index: Ints  # of the message that begins it
    onset: Ints
    duration: Ints

    def where(self, kept: npt.NDArray[np.bool_]) -> "_Heard":
        return _Heard(self.index[kept], self.onset[kept], self.duration[kept])


class _Writer:
    """Makes a score of what is played."""

    def __init__(self, data: bytes, head: Header, played: Messages, karaoke: bool, name: str, limits: Limits) -> None:
        self.data, self.head, self.played, self.name, self.limits = data, head, played, name, limits
        self.texts = {LYRIC, TEXT} if karaoke else {LYRIC}
        last = int(played.ends.max(initial=0))
        if last >= 2**31:
            raise ReadError("too-long", f"{name} lasts {last:,} ticks, more than 32 bits can count.")
        check_size(name, limits, notes=played.note_ons)

    def score(self, lost: Counter[str]) -> Score:
        score = Score(self.head.clock)
        self._marks(score, lost)
        heard = self._in_time(self._heard(lost), score, lost)
        self._tracks(score, heard, lost)
        return score

    def _heard(self, lost: Counter[str]) -> _Heard:
        played = self.played
        chosen = np.flatnonzero(played.is_on | played.is_off)
        key = played.voice[chosen] * 128 + played.first[chosen]
        starts = played.is_on[chosen]
        notes = pair(key, played.tick[chosen], starts, played.ends[played.track[chosen]])
        index = chosen[notes.index]
        onset = played.tick[index]
        duration = notes.end - onset
        lost["notes never released, ended with their track"] += notes.open
        lost["notes without length, now of one tick"] += int((duration == 0).sum())
        return _Heard(index, onset, np.maximum(duration, 1))

    def _in_time(self, heard: _Heard, score: Score, lost: Counter[str]) -> _Heard:
        """The notes that are over within the limits; where that is less than half of them, the piece is too long."""
        end, limits = heard.onset + heard.duration, self.limits
        slowest = max([500_000, *(tempo.mspq for tempo in score.tempos)]) if len(score.tempos) < 8 else 2**24
        longest = int(end.max())
        if longest <= limits.ticks and longest / score.ticks_per_quarter * slowest / 1e6 <= limits.seconds:
            return heard
        kept = (end <= limits.ticks) & (seconds_at(score, end) <= limits.seconds)
        if 2 * int(kept.sum()) < len(kept):  # not one time that is wrong, but a piece that is too long
            check_size(self.name, limits, ticks=longest)
            check_size(self.name, limits, seconds=float(seconds_at(score, np.array([longest]))[0]))
        if kept.all():
            return heard
        lost[LATE] += int((~kept).sum())
        until = int(end[kept].max())
        for kind in ("tempos", "time_signatures", "key_signatures", "markers"):
            events = getattr(score, kind)
            setattr(score, kind, type(events)([event for event in events if event.time <= until]))
        return heard.where(kept)

    def _marks(self, score: Score, lost: Counter[str]) -> None:
        """Tempos, meters, keys and markers of all tracks, in order of time."""
        tempos: list[tuple[int, int]] = []
        for _, tick, kind, at, length in sorted(self.played.meta, key=lambda event: event[1]):
            if kind not in (TEMPO, METER, KEY, MARKER):
                continue
            data = self.data[at : at + length]
            if kind == TEMPO:
                mspq = int.from_bytes(data, "big") if length == 3 else 0
                if self.head.mspq is not None:
                    lost["tempos, which a clock in seconds does not have"] += 1
                elif mspq > 0:
                    tempos.append((tick, mspq))
                else:
                    lost["tempos of zero"] += 1
            elif kind == METER:
                if length >= 2 and data[0] > 0 and data[1] <= 7:
                    score.time_signatures.append(TimeSignatureTick(tick, data[0], 1 << data[1]))
                else:
                    lost["impossible time signatures"] += 1
            elif kind == KEY:
                sharps = int.from_bytes(data[:1], "big", signed=True)
                if length >= 2 and abs(sharps) <= 7 and data[1] in (0, 1):
                    score.key_signatures.append(KeySignatureTick(tick, sharps, data[1]))
                else:
                    lost["impossible key signatures"] += 1
            elif text := _text(data):
                if len(score.markers) < MOST_TEXTS:
                    score.markers.append(TextMetaTick(tick, text))
                else:
                    lost[f"markers after the first {MOST_TEXTS:,}"] += 1
        if self.head.mspq is not None:
            tempos = [(0, self.head.mspq)]
        times, speeds = np.array(tempos, np.int32).reshape(-1, 2).T
        score.tempos = TempoTickList.from_numpy(np.ascontiguousarray(times), np.ascontiguousarray(speeds))

    def _tracks(self, score: Score, heard: _Heard, lost: Counter[str]) -> None:
        """A track of the score for each channel and program of a track of the file that has notes."""
        played = self.played
        part = self._program(np.arange(len(played.tick)))
        heard_part = part[heard.index]
        codes = np.sort(heard_part)
        codes = codes[np.append(True, codes[1:] > codes[:-1])]
        group = np.searchsorted(codes, heard_part)
        check_size(self.name, self.limits, tracks=len(codes))
        names = {
            track: text for track, _, kind, at, size in played.meta if kind == NAME and (text := self._name(at, size))
        }
        until = int((heard.onset + heard.duration).max()) if lost[LATE] else 2**31
        other = np.flatnonzero(((played.kind == 0xB) | (played.kind == 0xE)) & (played.tick <= until))
        owner = self._owner(other, part, heard, codes)
        for number, code in enumerate(codes.tolist()):
            own = heard.where(group == number) if len(codes) > 1 else heard
            voice, program = divmod(code, 128)
            track = TrackTick(names.get(voice // 16, ""), program, voice % 16 == 9)
            track.notes = NoteTickList.from_numpy(
                own.onset.astype(np.int32),
                own.duration.astype(np.int32),
                played.first[own.index].astype(np.int8),
                played.second[own.index].astype(np.int8),
            )
            if len(other):
                self._controls(track, other[owner == number])
            score.tracks.append(track)
        self._lyrics(score, codes // 128 // 16, lost)

    def _program(self, index: Ints) -> Ints:
        """The channel and the program in force at each message, as one number."""
        played, size = self.played, len(self.played.tick) + 1
        changes = np.flatnonzero(played.kind == 0xC)
        voice = played.voice[index]
        if not len(changes):
            return np.asarray(voice * 128)
        key = played.voice[changes] * size + changes
        order = np.argsort(key)
        place = np.searchsorted(key[order], voice * size + index, side="right") - 1
        change = changes[order][np.maximum(place, 0)]
        program = np.where((place >= 0) & (played.voice[change] == voice), played.first[change], 0)
        found: Ints = voice * 128 + program
        return found

    def _owner(self, index: Ints, part: Ints, heard: _Heard, codes: Ints) -> Ints:
        """The number in `codes` that each message belongs to, by channel and program; -1: its channel has no notes.

        What comes before the program has a note (or without one) belongs to the next note of its channel, or to its
        last.
        """
        played, size = self.played, len(self.played.tick) + 1
        number = np.minimum(np.searchsorted(codes, part[index]), len(codes) - 1)
        voice = played.voice[heard.index]
        order = np.lexsort((heard.index, voice))
        key = (voice * size + heard.index)[order]
        place = np.searchsorted(key, played.voice[index] * size + index)
        following = heard.index[order[np.minimum(place, len(order) - 1)]]
        before = heard.index[order[np.maximum(place - 1, 0)]]
        own = played.voice[index]
        nearest = np.where(played.voice[following] == own, following, before)
        nearby = np.searchsorted(codes, part[nearest])
        owner: Ints = np.where(codes[number] == part[index], number, np.where(played.voice[nearest] == own, nearby, -1))
        return owner

    def _controls(self, track: TrackTick, index: Ints) -> None:
        """Adds controllers, pitch bends and what the pedal holds."""
        played = self.played
        bends = index[played.kind[index] == 0xE]
        if len(bends):
            value = (played.first[bends] | played.second[bends] << 7) - 8192
            track.pitch_bends = PitchBendTickList.from_numpy(_int32(played.tick[bends]), _int32(value))
        controls = index[played.kind[index] == 0xB]
        if not len(controls):
            return
        tick, number, value = played.tick[controls], played.first[controls], played.second[controls]
        track.controls = ControlChangeTickList.from_numpy(_int32(tick), number.astype(np.uint8), value.astype(np.uint8))
        pedal = number == SUSTAIN
        down = value[pedal] >= 64
        if down.any():
            when = tick[pedal]
            changed = np.diff(down, prepend=False)
            press, release = when[changed & down], when[changed & ~down]
            if len(release) < len(press):  # held to the end
                release = np.append(release, max(int(press[-1]), int(played.ends[played.track[controls[-1]]])))
            track.pedals = PedalTickList.from_numpy(_int32(press), _int32(release - press))

    def _name(self, at: int, size: int) -> str:
        return _text(self.data[at : at + min(size, 4 * MOST_NAME)])[:MOST_NAME]

    def _lyrics(self, score: Score, from_track: Ints, lost: Counter[str]) -> None:
        """Puts lyrics on the tracks they belong to, as text at its tick.

        Those of one track of the file go to the one of its tracks in the score whose notes begin most often at a
        syllable; those of a track without notes, to the best of all.
        """
        sung: dict[int, list[tuple[int, str]]] = {}
        count = 0
        for track, tick, kind, at, size in self.played.meta:
            if kind in self.texts and (text := _syllable(self.data[at : at + size], kind)):
                count += 1
                if count <= MOST_TEXTS:
                    sung.setdefault(track, []).append((tick, text))
        if count > MOST_TEXTS:
            lost[f"lyrics after the first {MOST_TEXTS:,}"] += count - MOST_TEXTS
        for track, lyrics in sung.items():
            ticks = np.array([tick for tick, _ in lyrics])

            def hits(index: int, ticks: Ints = ticks) -> int:
                return int(np.isin(ticks, score.tracks[index].notes.numpy()["time"]).sum())

            own = np.flatnonzero(from_track == track).tolist()
            chosen = max(own or range(len(score.tracks)), key=hits)
            score.tracks[chosen].lyrics.extend(TextMetaTickList([TextMetaTick(tick, text) for tick, text in lyrics]))


def _int32(values: Ints) -> npt.NDArray[np.int32]:
    return values.astype(np.int32)


def _text(data: bytes) -> str:
    """Text as it is found in the wild."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.strip("\0")


def _syllable(data: bytes, kind: int) -> str:
    """A lyric without the marks that karaoke files put at the start of lines; what they say of themselves is none."""
    text = _text(data).strip("\r\n")
    return "" if kind == TEXT and text.startswith("@") else text.lstrip("\\/")
