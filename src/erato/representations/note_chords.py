"""Scores as a row of notes and chords, named as music21 names them. Knows nothing of files or models.

All notes that begin together are one symbol: one pitch is a note ("C4", "B-3"), several are a chord, the normal order
of its pitch classes ("0.4.7"). Two Cs an octave apart are the one-number chord "0". Chords are written from octave 4:
pitch class n becomes MIDI 60 + n, and a one-number chord 60 + n and 72 + n, so that it stays a chord. Every row of
symbols comes back from its score: `encode(decode(x)).array == x`. Of a score much is dropped, and counted in `.lost`.

The symbols are those of "Python Deep Learning Projects", chapter 6; there each moves on by half a quarter, here how far
is a setting.
Legend: T symbols of a piece, N notes, O onsets.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from symusic.core import NoteTickList, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError
from erato.representations.base import Array, Cursor, Encoded, Representation, RepresentationConfig, Sounds, Tokens
from erato.representations.unheld import as_score, unheld
from erato.score import Floats, Ints, Piece, Score, end_tick

Advance = Literal["fixed", "random", "learnt"]
START, END, FIRST = 0, 1, 2
TICKS_PER_QUARTER = 480  # of decoded scores
VELOCITY = 90  # of decoded notes
CHORD_BASE = 60  # pitch class 0 of a decoded chord
MOVES = 6  # semitones up and down that notes are moved by to be in every key


@dataclass(frozen=True)
class NoteChordsConfig(RepresentationConfig):
    """Notes and chords as words, as music21 names them; fixed, random or learnt advance."""

    advance: Advance = "fixed"
    fixed: float = 0.5  # quarters from symbol to symbol
    random: tuple[float, ...] = (0.25, 0.5, 1.0)  # quarters, drawn from these
    seed: int = 0  # of the random advances
    longest: float = 4.0  # quarters, of the learnt advances
    steps_per_quarter: int = 12  # notes within half a step of each other begin together
    tempo: float = 120.0  # quarters a minute of decoded scores
    every_key: bool = False  # the vocabulary holds what was seen in every key, so that pieces can be transposed

    def __post_init__(self) -> None:
        if self.advance not in ("fixed", "random", "learnt"):
            raise UsageError(f"advance must be fixed, random or learnt, got {self.advance!r}.")
        if self.steps_per_quarter < 1 or TICKS_PER_QUARTER % self.steps_per_quarter:
            raise UsageError(f"steps_per_quarter must divide {TICKS_PER_QUARTER}, got {self.steps_per_quarter}.")
        if not 10 <= self.tempo <= 1000:
            raise UsageError(f"tempo must be from 10 to 1000 quarters a minute, got {self.tempo}.")
        if not self.random:
            raise UsageError("random must name at least one advance in quarters, got none.")
        for quarters in (self.fixed, self.longest, *self.random):
            if not quarters > 0 or not (quarters * self.steps_per_quarter).is_integer():
                raise UsageError(
                    f"an advance must be a whole number of steps of 1/{self.steps_per_quarter} quarter, got {quarters}."
                )

    def steps(self, quarters: float) -> int:
        """Quarters in steps of the grid."""
        return round(quarters * self.steps_per_quarter)

    def fit(self, pieces: Iterable[Piece]) -> "NoteChords":
        """The notes, chords and (learnt) advances of the training pieces; UsageError where there is no note."""
        pitches: set[int] = set()
        chords: set[int] = set()
        advances: set[int] = set()
        for piece in pieces:
            onsets = _Onsets(as_score(piece, "note_chords"), self.steps_per_quarter)
            chords.update(np.unique(onsets.classes[onsets.is_chord]).tolist())
            pitches.update(np.unique(_NAMED[onsets.lowest[~onsets.is_chord]]).tolist())
            if self.advance == "learnt":
                advances.update(np.unique(np.minimum(onsets.advance, self.steps(self.longest))).tolist())
        if self.every_key:
            pitches = {_NAMED[p + key] for p in pitches for key in range(-MOVES, MOVES + 1) if 0 <= p + key <= 127}
            chords = {_rotated(classes, key) for classes in chords for key in range(12)}
        if not pitches and not chords:
            raise UsageError("note_chords found no pitched note in the training pieces: choose tracks that have some.")
        symbols = sorted([*(note_name(pitch) for pitch in pitches), *(chord_name(classes) for classes in chords)])
        return NoteChords(self, symbols, sorted(advances))

    def restore(self, state: dict[str, Any]) -> "NoteChords":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "note_chords", ("advance", "steps_per_quarter"))
        symbols, advances = state.get("symbols"), state.get("advances")
        if not isinstance(symbols, list) or len(set(map(str, symbols))) != len(symbols):
            raise UsageError("this state of note_chords is damaged: symbols must be a list of different names.")
        if not isinstance(advances, list) or not all(isinstance(steps, int) and steps > 0 for steps in advances):
            raise UsageError("this state of note_chords is damaged: advances must be a list of steps.")
        for symbol in symbols:
            parse(symbol)
        return NoteChords(self, symbols, advances)


class NoteChords(Representation):
    """A score as notes and chords; made by `NoteChordsConfig`."""

    kind: ClassVar[Literal["music", "text"]] = "music"
    space: Tokens

    def __init__(self, config: NoteChordsConfig, symbols: Sequence[str], advances: Sequence[int]) -> None:
        self.config, self.symbols = config, list(symbols)
        self.advances = np.array(advances, dtype=np.int64)  # steps; learnt only
        self.first_advance = FIRST + len(self.symbols)
        self.space = Tokens(self.first_advance + len(self.advances), START, END)
        parsed = [parse(symbol) for symbol in self.symbols]
        self._pitch = np.array([pitch for pitch, _ in parsed], dtype=np.int64)  # -1 for chords
        self._classes = np.array([classes for _, classes in parsed], dtype=np.int64)  # 0 for notes
        self._moves: dict[int, Ints] = {}  # by semitones: [V] the symbol that each becomes, -1 for none
        self._sounds = [
            [pitch] if pitch >= 0 else chord_pitches(symbol)
            for symbol, (pitch, _) in zip(self.symbols, parsed, strict=True)
        ]
        self.highest = np.full(self.space.size, -1, dtype=np.int64)  # the top note of each symbol, -1 for none
        self.highest[FIRST : self.first_advance] = [max(pitches) for pitches in self._sounds]

    def encode(self, piece: Piece) -> Encoded:
        """The onsets of all tracks but drums, in order; what they do not hold is counted as lost.

        A chord that was not fitted becomes the known one that shares most pitch classes with it, a note the nearest
        known octave of its pitch class, else the nearest note ("unknown chords", "unknown notes"); where none is known
        at all, it is left out ("chords left out", "notes left out"). A learnt advance becomes the nearest known one.
        """
        config = self.config
        score = as_score(piece, "note_chords")
        lost = unheld(score)
        lost["tempos"] = sum(round(tempo.qpm, 2) != round(config.tempo, 2) for tempo in score.tempos)
        lost["time signatures"] = sum((t.numerator, t.denominator) != (4, 4) for t in score.time_signatures)
        lost["tracks"] = max(0, sum(len(track.notes) > 0 for track in score.tracks if not track.is_drum) - 1)
        lost["drum notes"] = sum(len(track.notes) for track in score.tracks if track.is_drum)
        onsets = _Onsets(score, config.steps_per_quarter)
        lost["unisons"] = onsets.unisons
        lost["velocities"] = onsets.other_velocities
        lost["rests"] = onsets.rests
        lost["durations"] = onsets.other_durations
        symbols = self._lookup(onsets, lost)
        kept = symbols >= 0
        lost["octaves"] = onsets.octaves
        if config.advance == "learnt":
            index = np.abs(onsets.advance[:, None] - self.advances).argmin(1)
            lost["advances"] = int(np.count_nonzero(self.advances[index] != onsets.advance))
            array = np.stack([symbols, self.first_advance + index], 1)[kept].ravel()
        else:
            array = symbols[kept]
            lost["advances"] = int(np.count_nonzero(self._steps(array) != onsets.advance[kept]))
        return Encoded(np.append(array, END), {reason: count for reason, count in lost.items() if count})

    def _lookup(self, onsets: "_Onsets", lost: Counter[str]) -> Ints:
        """[O]: the symbol of each onset, -1 for none."""
        keys = np.where(onsets.is_chord, 128 + onsets.classes, _NAMED[onsets.lowest])
        different, where, times = np.unique(keys, return_inverse=True, return_counts=True)
        found = np.full(len(different), -1, dtype=np.int64)
        for index, (key, count) in enumerate(zip(different.tolist(), times.tolist(), strict=True)):
            kind = "chords" if key >= 128 else "notes"
            if key >= 128:
                distance = np.where(self._classes, np.bitwise_count(self._classes ^ (key - 128)), 99)
            else:
                apart = np.abs(self._pitch - key)
                distance = np.where(self._pitch >= 0, apart + 1000 * (apart % 12 > 0), 9999)
            nearest = int(distance.argmin()) if len(distance) else -1
            if nearest < 0 or distance[nearest] == (99 if key >= 128 else 9999):
                lost[f"{kind} left out"] += count
                continue
            lost[f"unknown {kind}"] += count * bool(distance[nearest])
            found[index] = FIRST + nearest
        lost["notes named as higher ones"] = int(np.count_nonzero(_NAMED[onsets.lowest] != onsets.lowest))
        return found[where]

    def _steps(self, symbols: Ints) -> Ints:
        """[T]: how far each note or chord moves on, in steps, where that is not learnt."""
        config = self.config
        if config.advance == "fixed":
            return np.full(len(symbols), config.steps(config.fixed), dtype=np.int64)
        steps, draw = [], _Draw(config)
        for symbol in symbols.tolist():
            steps.append(draw.next(symbol))
        return np.array(steps, dtype=np.int64)

    def decode(self, array: Array) -> Score:
        """A piano score in 4/4, 480 ticks a quarter: each symbol sounds until the next begins."""
        config = self.config
        symbols, steps = self._read(array)
        ends = np.cumsum(steps)
        sounds = [self._sounds[symbol - FIRST] for symbol in symbols.tolist()]
        sizes = np.array([len(pitches) for pitches in sounds], dtype=np.int64)
        ticks = TICKS_PER_QUARTER // config.steps_per_quarter
        score = ScoreTick(TICKS_PER_QUARTER)
        score.tempos.append(TempoTick(0, mspq=round(60e6 / config.tempo)))
        score.time_signatures.append(TimeSignatureTick(0, 4, 4))
        track = TrackTick("", 0, False)
        track.notes = NoteTickList.from_numpy(
            np.repeat((ends - steps) * ticks, sizes).astype(np.int32),
            np.repeat(steps * ticks, sizes).astype(np.int32),
            np.array([pitch for pitches in sounds for pitch in pitches], dtype=np.int8),
            np.full(int(sizes.sum()), VELOCITY, dtype=np.int8),
        )
        score.tracks.append(track)
        return score

    def _read(self, array: Array) -> tuple[Ints, Ints]:
        """The notes and chords of an array up to its end, and how many steps each moves on."""
        a = np.asarray(array, dtype=np.int64).ravel()
        stop = np.flatnonzero(a == END)
        a = a[: stop[0]] if len(stop) else a
        a = a[a != START]
        if self.config.advance != "learnt":
            return a, self._steps(a)
        followed = np.flatnonzero((a[:-1] < self.first_advance) & (a[1:] >= self.first_advance))
        return a[followed], self.advances[a[followed + 1] - self.first_advance]

    def owners(self, array: Array) -> Ints:
        """[T, W]: the notes of a chord, which share its cost; a learnt advance says how long those before it last."""
        a = np.asarray(array, dtype=np.int64).ravel()
        stop = np.append(np.flatnonzero(a == END), len(a))[0]
        said = np.flatnonzero((a[:stop] >= FIRST) & (a[:stop] < self.first_advance))
        if self.config.advance == "learnt":
            said = said[np.append(a[:stop], END)[said + 1] >= self.first_advance]
        sizes = np.array([len(self._sounds[symbol - FIRST]) for symbol in a[said].tolist()], dtype=np.int64)
        place = np.arange(sizes.max(initial=1))
        notes = np.where(place < sizes[:, None], (np.cumsum(sizes) - sizes)[:, None] + place, -1)
        found = np.full((len(a), len(place)), -1, dtype=np.int64)
        found[said] = notes
        if self.config.advance == "learnt":
            found[said + 1] = notes
        return found

    def units(self, array: Array) -> dict[str, float]:
        """Notes and chords (each counts as one of "notes") and seconds."""
        symbols, steps = self._read(array)
        return {
            "notes": float(len(symbols)),
            "seconds": float(steps.sum()) / self.config.steps_per_quarter * 60 / self.config.tempo,
        }

    def window(self, array: Array, begin: int, length: int) -> Array:
        """Symbols from `begin` on; where advances are learnt, from a note or chord to an advance."""
        if self.config.advance == "learnt":
            begin, length = begin - begin % 2, length - length % 2
        return super().window(array, begin, length)

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """Notes and chords `semitones` higher; None where one of them is not in the vocabulary."""
        if semitones not in self._moves:
            moved = [_moved(symbol, semitones) for symbol in self.symbols]
            known = {symbol: FIRST + index for index, symbol in enumerate(self.symbols)}
            symbols = [START, END, *(known.get(symbol, -1) for symbol in moved)]
            self._moves[semitones] = np.array([*symbols, *range(self.first_advance, self.space.size)], dtype=np.int64)
        result = self._moves[semitones][np.asarray(array, dtype=np.int64)]
        return None if (result < 0).any() else result

    def cursor(self, batch: int) -> "NoteChordsCursor":
        """A cursor that lets a note or chord be followed by a learnt advance, and by nothing else."""
        return NoteChordsCursor(self, batch)

    def names(self) -> list[str]:
        """[V]: `C4`, `0.4.7`, `+0.5` (quarters), ..."""
        quarters = self.advances / self.config.steps_per_quarter
        return ["<start>", "<end>", *self.symbols, *(f"+{value:.4g}" for value in quarters)]

    def state(self) -> dict[str, Any]:
        """The vocabulary as JSON; advances in steps."""
        return {
            "representation": "note_chords",
            "advance": self.config.advance,
            "steps_per_quarter": self.config.steps_per_quarter,
            "symbols": self.symbols,
            "advances": self.advances.tolist(),
        }


class NoteChordsCursor(Cursor):
    """Walks along with B pieces: everything may follow everything, but for learnt advances, which alternate."""

    bars = None

    def __init__(self, representation: NoteChords, batch: int) -> None:
        r = self._representation = representation
        self._draws = [_Draw(r.config) for _ in range(batch)]
        self._steps = np.zeros(batch, dtype=np.int64)
        self._owed = np.zeros(batch, dtype=np.int64)  # 1 where a note waits for its learnt advance
        self._done = np.zeros(batch, dtype=np.bool_)
        self._masks = np.zeros((2, r.space.size), dtype=np.bool_)
        self._masks[0, END : r.first_advance] = True
        self._masks[1, r.first_advance :] = True

    def allowed(self) -> npt.NDArray[np.bool_]:
        masks: npt.NDArray[np.bool_] = self._masks[self._owed]
        return masks

    def push(self, symbols: Ints) -> None:
        r = self._representation
        for row, symbol in enumerate(symbols.tolist()):
            if symbol == END or self._done[row]:
                self._done[row] = True
            elif symbol >= r.first_advance:
                self._steps[row] += r.advances[symbol - r.first_advance] * self._owed[row]
                self._owed[row] = 0
            elif r.config.advance == "learnt":
                self._owed[row] = 1
            else:
                self._steps[row] += self._draws[row].next(symbol)

    def sounds(self) -> Sounds:
        """A note or chord begins where the one before has moved on to."""
        r = self._representation
        ticks = TICKS_PER_QUARTER // r.config.steps_per_quarter
        return Sounds(r.highest, self._steps * ticks, None, TICKS_PER_QUARTER)

    def take(self, rows: Sequence[int]) -> "NoteChordsCursor":
        taken = NoteChordsCursor(self._representation, 0)
        index = np.array(rows, dtype=np.int64)
        taken._draws = [self._draws[row].copy() for row in rows]
        taken._steps, taken._owed, taken._done = self._steps[index], self._owed[index], self._done[index]
        return taken

    @property
    def seconds(self) -> Floats:
        config = self._representation.config
        result: Floats = self._steps / config.steps_per_quarter * 60 / config.tempo
        return result

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        return self._done.copy()


class _Draw:
    """The advance of each symbol in turn, where it is fixed or drawn: from the seed and the symbols so far."""

    def __init__(self, config: NoteChordsConfig, state: int | None = None) -> None:
        self.config = config
        self.choices = [config.steps(quarters) for quarters in config.random]
        self.state = config.seed if state is None else state

    def next(self, symbol: int) -> int:
        """The advance (steps) of `symbol`, the next one."""
        if self.config.advance == "fixed":
            return self.config.steps(self.config.fixed)
        mixed = (self.state + symbol + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        self.state = mixed ^ (mixed >> 29)
        return self.choices[(self.state >> 33) % len(self.choices)]

    def copy(self) -> "_Draw":
        return _Draw(self.config, self.state)


class _Onsets:
    """The notes of a score by onset, and what is special about them. All arrays: [O]."""

    def __init__(self, score: Score, steps_per_quarter: int) -> None:
        columns = [t.notes.numpy() for t in score.tracks if not t.is_drum and len(t.notes)]
        time, duration, pitch, velocity = (
            np.concatenate([c[key] for c in columns] or [np.zeros(0)]).astype(np.int64)
            for key in ("time", "duration", "pitch", "velocity")
        )
        grid, tpq = 2 * steps_per_quarter, score.ticks_per_quarter
        onset = (time * grid + tpq) // (2 * tpq)
        length = np.maximum(((time + duration) * grid + tpq) // (2 * tpq) - onset, 1)
        steps, where = np.unique(onset, return_inverse=True)
        sounding = np.unique(np.stack([where, pitch], 1), axis=0)
        first = np.searchsorted(sounding[:, 0], np.arange(len(steps)))
        sizes = np.bincount(sounding[:, 0], minlength=len(steps))
        last = max((end_tick(score) * grid + tpq) // (2 * tpq), int(steps[-1]) + 1) if len(steps) else 0
        until = np.append(steps[1:], last)[: len(steps)]
        ends = np.zeros(len(steps), dtype=np.int64)
        np.maximum.at(ends, where, onset + length)
        self.lowest: Ints = sounding[first, 1]
        self.is_chord = sizes > 1
        self.classes: Ints = (
            np.bitwise_or.reduceat(1 << sounding[:, 1] % 12, first) if len(steps) else np.zeros(0, dtype=np.int64)
        )
        self.advance: Ints = until - steps
        self.unisons = len(pitch) - len(sounding)
        self.other_velocities = int(np.count_nonzero(velocity != VELOCITY))
        self.other_durations = int(np.count_nonzero(length != self.advance[where]))
        self.rests = int(np.count_nonzero(np.maximum.accumulate(ends) < until)) + bool(len(steps) and steps[0] > 0)
        self.octaves = int(np.count_nonzero(self.is_chord[where] & (pitch // 12 != CHORD_BASE // 12)))


@cache
def normal_order(classes: int) -> tuple[int, ...]:
    """The normal order of a pitch-class set (bit n: pitch class n), the tightest rotation, as music21 gives it.

    Of rotations that span the same, the one packed closest to its first note, then the one of the lowest first note
    (Forte, "The Structure of Atonal Music", 1973, section 1.2).
    """
    present = [n for n in range(12) if classes >> n & 1]
    rotations = [present[i:] + present[:i] for i in range(len(present))]
    tightest = min(rotations, key=_tightness)
    return tuple(tightest)


def _tightness(rotation: list[int]) -> tuple[int, list[int]]:
    return (rotation[-1] - rotation[0]) % 12, [(n - rotation[0]) % 12 for n in rotation]


def chord_name(classes: int) -> str:
    """`0.4.7` for the pitch-class set with bits 0, 4 and 7."""
    return ".".join(map(str, normal_order(classes)))


def _rotated(classes: int, semitones: int) -> int:
    """The pitch-class set, transposed."""
    up = classes << semitones % 12
    return (up | up >> 12) & 0xFFF


def _moved(symbol: str, semitones: int) -> str:
    """The name of a note or chord, transposed; "" for a note that leaves 0 to 127."""
    pitch, classes = parse(symbol)
    if pitch < 0:
        return chord_name(_rotated(classes, semitones))
    return note_name(pitch + semitones) if 0 <= pitch + semitones <= 127 else ""


def chord_pitches(name: str) -> list[int]:
    """The MIDI pitches that a chord is written with: from octave 4; one pitch class sounds in two octaves."""
    pitches = [CHORD_BASE + int(number) for number in name.split(".")]
    return pitches if len(pitches) > 1 else [pitches[0], pitches[0] + 12]


def note_name(pitch: int) -> str:
    """The MIDI pitch as music21 spells it by default: `C4`, `C#4`, `E-4`, `B-4`."""
    return f"{('C', 'C#', 'D', 'E-', 'E', 'F', 'F#', 'G', 'G#', 'A', 'B-', 'B')[pitch % 12]}{pitch // 12 - 1}"


# Two names mean two pitches each, as octave -1 looks like a flat: "E-1" and "B-1". They stand for the higher one.
_PITCH = {note_name(pitch): pitch for pitch in range(128)}
_NAMED = np.array([_PITCH[note_name(pitch)] for pitch in range(128)], dtype=np.int64)


def parse(symbol: object) -> tuple[int, int]:
    """(MIDI pitch, 0) of a note, (-1, pitch-class set) of a chord; UsageError for anything else."""
    if symbol in _PITCH:
        return _PITCH[str(symbol)], 0
    numbers = str(symbol).split(".")
    if all(number.isascii() and number.isdigit() and int(number) < 12 for number in numbers):
        classes = sum({1 << int(number) for number in numbers})
        if chord_name(classes) == symbol:
            return -1, classes
    raise UsageError(f"{symbol!r} is no note and no chord: a note is named like C4 or E-4, a chord like 0.4.7.")
