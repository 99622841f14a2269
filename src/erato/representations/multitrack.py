"""Scores as several tracks at once: the one pitch that each sounds, step after step. Knows nothing of files or models.

A score goes in and rows of pitches come out, one a step, and back as a score of so many tracks. Of each score as many
tracks are taken as the settings say, by name, program or register, and the longest stretch of bars of one length. A
track sounds one pitch at a time: the highest of what it has, the last track the lowest. That an equal pitch in the next
step is a new note rather than the same one held is not in the rows; what the training pieces do decides that. The rows
are those of MuseGAN (Dong et al., AAAI 2018), as far as a track is one voice.

Legend: T steps of a piece, K tracks, N notes, U pitches that a track has, S steps of a bar.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
from symusic.core import NoteTickList, ScoreTick, TempoTick, TextMetaTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError, unknown
from erato.general_midi import PROGRAMS, instrument_name
from erato.representations.base import Array, Cursor, Encoded, Representation, RepresentationConfig, Rolls
from erato.representations.multitrack_passages import (
    VOICES,
    Bools,
    Heard,
    Passage,
    choose,
    folded,
    hear,
    longest_run,
    register,
)
from erato.representations.unheld import as_score, pitched, unheld
from erato.score import END, Floats, Ints, Piece, Score, bars, end_tick

TICKS_PER_QUARTER = 480  # of decoded scores
VELOCITY = 80  # of decoded notes
LONGEST = 2**30  # ticks of a decoded score; times are 32-bit integers
READING = ("tracks", "bars", "steps", "beat", "lowest", "pitches")  # the settings that decide what an array means


@dataclass(frozen=True)
class MultitrackConfig(RepresentationConfig):
    """One pitch or a rest in each of several tracks at each step, in phrases of whole bars.

    parts: a name or a General MIDI program (a name or a number) for each track; none: by the names that most training
    pieces give their tracks, else by register. outside: what is done with pitches out of the range. repeats: when an
    equal pitch in the next step is a new note: as often as in the training pieces, on each beat, or never.
    """

    tracks: int = 4
    bars: int = 2  # of a phrase
    steps: int = 16  # of a bar
    beat: int = 4  # steps of a quarter
    lowest: int = 0  # MIDI pitch of symbol 0
    pitches: int = 84
    parts: tuple[str, ...] = ()
    outside: Literal["octaves", "refuse"] = "octaves"
    repeats: Literal["learned", "beat", "hold"] = "learned"
    tempo: float = 66.0  # quarters a minute of decoded scores

    def __post_init__(self) -> None:
        for name, most in (("tracks", 16), ("bars", 64)):
            if not 1 <= getattr(self, name) <= most:
                raise UsageError(f"{name} must be from 1 to {most}, got {getattr(self, name)}.")
        if not 1 <= self.beat <= 48 or TICKS_PER_QUARTER % self.beat:
            raise UsageError(
                f"beat must be a number of steps up to 48 that divides {TICKS_PER_QUARTER}, got {self.beat}: try 4."
            )
        if not 1 <= self.steps <= 32 * self.beat or 4 * self.steps % self.beat:
            raise UsageError(
                f"steps must make a bar of whole sixteenths and at most 32 quarters, got {self.steps} of {self.beat} a "
                f"quarter: try {4 * self.beat} for 4/4 or {3 * self.beat} for 3/4."
            )
        if not 1 <= self.pitches <= 128:
            raise UsageError(f"pitches must be from 1 to 128, got {self.pitches}.")
        if not 0 <= self.lowest <= 128 - self.pitches:
            raise UsageError(
                f"lowest must be from 0 to {128 - self.pitches} for {self.pitches} pitches, got {self.lowest}."
            )
        if self.parts and len(self.parts) != self.tracks:
            raise UsageError(
                f"parts must name {self.tracks} tracks, or none, got {len(self.parts)} ({', '.join(self.parts)}): set "
                f"tracks to {len(self.parts)}, or name as many."
            )
        if not all(part.strip() for part in self.parts):
            raise UsageError(f"parts must be names or General MIDI programs, got {self.parts!r}: leave no name empty.")
        for name, allowed in (("outside", ("octaves", "refuse")), ("repeats", ("learned", "beat", "hold"))):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}.")
        if not 10 <= self.tempo <= 1000:
            raise UsageError(f"tempo must be from 10 to 1000 quarters a minute, got {self.tempo}.")

    @property
    def step_ticks(self) -> int:
        """Ticks a step of decoded scores."""
        return TICKS_PER_QUARTER // self.beat

    @property
    def mspq(self) -> int:
        """Microseconds a quarter of decoded scores."""
        return round(60e6 / self.tempo)

    @property
    def meter(self) -> tuple[int, int]:
        """The time signature of a bar: in quarters, or in the longest shorter notes of which it has a whole number."""
        whole = Fraction(self.steps, 4 * self.beat)
        denominator = max(4, whole.denominator)
        return int(whole * denominator), denominator

    def seconds(self, steps: Any) -> Any:
        """How long so many steps last in decoded scores."""
        return steps * (self.mspq * self.step_ticks) / (TICKS_PER_QUARTER * 10**6)

    def fit(self, pieces: Iterable[Piece]) -> "Multitrack":
        """Learns which names and programs the tracks have, and when an equal pitch is a new note.

        Pieces of frames, each note of which is one step long, say nothing of repeats and are left out of that count.
        Raises UsageError where no training piece can be held.
        """
        scores = [as_score(piece, "multitrack") for piece in pieces]
        representation = Multitrack(self, self._names(scores), (0,) * self.tracks)
        programs = [Counter[int]() for _ in range(self.tracks)]
        # [2, K, S, 2]: how many equal pitches in consecutive steps were new notes, and how many there were
        counted = np.zeros((2, *representation.shares.shape), np.int64)
        reasons: Counter[str] = Counter()
        refused: UsageError | None = None
        for score in scores:
            passage = representation.passage(score)
            if isinstance(passage, str):
                reasons[passage] += 1
                continue
            try:
                counted += representation.repeats(passage)
            except UsageError as error:
                refused = refused or error
                continue
            for count, track in zip(programs, passage.tracks, strict=True):
                count[track.program] += 1
        if not programs[0]:
            raise refused or self._nothing_held(scores, reasons)
        new, equal = counted
        shares = np.where(equal > 0, np.round(new / np.maximum(equal, 1), 6), representation.shares)
        return Multitrack(self, representation.voices, tuple(c.most_common(1)[0][0] for c in programs), shares)

    def _names(self, scores: Sequence[Score]) -> tuple[str, ...]:
        """What the tracks are called: as `parts` say, as most pieces with so many tracks call theirs, or by number."""
        if self.parts:
            return tuple(
                instrument_name(program) if part.isdecimal() and (program := int(part)) < len(PROGRAMS) else part
                for part in map(str.strip, self.parts)
            )
        sets: Counter[frozenset[str]] = Counter()
        spellings: dict[str, Counter[str]] = {}
        registers: dict[str, list[float]] = {}
        for score in scores:
            played = pitched(score)
            names = [folded(track.name) for track in played]
            if len(names) != self.tracks:
                continue
            distinct = len(set(names)) == len(names) and all(names)
            sets[frozenset(names) if distinct else frozenset()] += 1
            if distinct:
                for name, track in zip(names, played, strict=True):
                    spellings.setdefault(name, Counter())[track.name.strip()] += 1
                    registers.setdefault(name, []).append(register(track))
        chosen, times = sets.most_common(1)[0] if sets else (frozenset[str](), 0)
        if not chosen or 2 * times <= sets.total():
            return VOICES if self.tracks == len(VOICES) else tuple(f"voice {n + 1}" for n in range(self.tracks))
        if chosen == set(VOICES):
            order = list(VOICES)
        else:
            order = sorted(chosen, key=lambda name: (-float(np.mean(registers[name])), name))
        return tuple(spellings[name].most_common(1)[0][0] for name in order)

    def _nothing_held(self, scores: Sequence[Score], reasons: Counter[str]) -> UsageError:
        """Why no piece can be held, by counts, and what to set."""
        if not scores:
            return UsageError("multitrack is fitted to training pieces, got none: give a corpus that has some.")
        reason = reasons.most_common(1)[0][0]
        if reason.startswith("pieces without a track"):
            names = {track.name.strip() or instrument_name(track.program) for s in scores for track in pitched(s)}
            return unknown("track", reason.removeprefix("pieces without a track "), names)
        if reason.startswith("pieces with fewer"):
            usual = Counter(max(1, len(pitched(score))) for score in scores).most_common(1)[0][0]
            remedy = f"--set representation.tracks={usual}"
        elif reason.startswith("pieces shorter"):
            remedy = "--set representation.bars=1, or give longer pieces"
        else:
            quarters = Counter(
                Fraction(4 * bar.numerator, bar.denominator) for score in scores for bar in bars(score)
            ).most_common(1)[0][0]
            remedy = f"--set representation.steps={quarters * self.beat} for bars of {quarters} quarters"
            if (quarters * self.beat).denominator > 1:
                remedy = "give pieces in another meter"
        said = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        return UsageError(f"multitrack holds none of the {len(scores)} training pieces ({said}): {remedy}.")

    def restore(self, state: dict[str, Any]) -> "Multitrack":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "multitrack", READING)
        names: Any = state.get("names")
        programs: Any = state.get("programs")
        table = _table(state.get("repeats"), (self.tracks, self.steps, 2))
        if (
            not _list_of(names, str, self.tracks)
            or not _list_of(programs, int, self.tracks)
            or not all(0 <= program < len(PROGRAMS) for program in programs)
            or table is None
        ):
            raise UsageError("the state of multitrack is damaged: use the run folder as training left it.")
        return Multitrack(self, tuple(names), tuple(programs), table)


def _list_of(value: Any, kind: type, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(type(item) is kind for item in value)


def _table(value: Any, shape: tuple[int, ...]) -> Floats | None:
    """Nested lists of shares as an array; None where they are something else."""
    try:
        table = np.array(value, np.float64)
    except (ValueError, TypeError):
        return None
    return table if table.shape == shape and bool(((table >= 0) & (table <= 1)).all()) else None


class Multitrack(Representation):
    """A score as so many tracks of one pitch each; made by `MultitrackConfig`.

    voices: what the tracks are called; programs: of General MIDI; shares: [K, S, 2], how often an equal pitch is a new
    note where no other track changes its pitch, and where one does.
    """

    kind: ClassVar[Literal["music", "text"]] = "music"
    space: Rolls

    def __init__(
        self,
        config: MultitrackConfig,
        voices: tuple[str, ...],
        programs: tuple[int, ...],
        shares: Floats | None = None,
    ) -> None:
        self.config, self.voices, self.programs = config, voices, programs
        self.space = Rolls(config.tracks, config.bars, config.steps, config.pitches, config.beat)
        if shares is None:  # what a training piece does not say is as in the tutorial: merged within a beat
            on_beat = np.arange(config.steps) % config.beat == 0
            shares = np.broadcast_to(on_beat[:, None], (config.tracks, config.steps, 2)).astype(np.float64)
        self.shares: Floats = shares

    def encode(self, piece: Piece) -> Encoded:
        """The longest stretch of bars of this length in these tracks, array: [T, K]; empty where there is none.

        used: the tracks, how they were chosen ("name", "program" or "register"), the bars. Counted as lost beside
        events that are not notes: notes that another hides ("notes under or over others"), those that are not in the
        range ("notes moved by octaves"), those that begin where their pitch sounds ("repeated notes", which `decode`
        guesses), bars. UsageError for a pitch out of the range where the settings refuse it.
        """
        config = self.config
        score = as_score(piece, "multitrack")
        passage = self.passage(score)
        if isinstance(passage, str):
            return Encoded(self.space.empty(), {passage: 1})
        lost = unheld(score)
        lost["tempos"] = sum(tempo.mspq != config.mspq for tempo in score.tempos)
        lost["tracks"] = len(pitched(score)) - sum(len(track.notes) > 0 for track in passage.tracks)
        lost["drum notes"] = sum(len(track.notes) for track in score.tracks if track.is_drum)
        lost["bars of another length"] = passage.other
        lost["bars apart from the longest stretch"] = passage.apart
        lost["programs"] = sum(t.program != p for t, p in zip(passage.tracks, self.programs, strict=True))
        frames = passage.frames(config.beat)
        array = np.empty((passage.length, config.tracks), np.int64)
        for number, track in enumerate(passage.tracks):
            heard, index, moved = self._voice(passage, number)
            taken = heard.steps_of(np.arange(len(heard.pitches))[:, None] == index)
            lost["notes under or over others"] += int(np.count_nonzero(taken < heard.end - heard.onset))
            outside = (moved != heard.pitches)[heard.index] & (taken > 0)
            lost["notes moved by octaves"] += int(np.count_nonzero(outside))
            lost["repeated notes"] += 0 if frames else int(np.count_nonzero(self._repeats(heard, index)))
            lost["velocities"] += int(np.count_nonzero(track.notes.numpy()["velocity"] != VELOCITY))
            array[:, number] = np.append(moved - config.lowest, config.pitches)[index]
        first, last = passage.bars
        used = {
            "tracks": [track.name.strip() or instrument_name(track.program) for track in passage.tracks],
            "chosen by": passage.chosen_by,
            "bars": f"{first}-{last}",
        }
        return Encoded(array, {reason: count for reason, count in lost.items() if count}, used)

    def _voice(self, passage: Passage, number: int) -> tuple[Heard, Ints, Ints]:
        """What a track sounds, [T] the index of the pitch that is taken (-1: a rest), and [U] the pitches as written.

        UsageError for a pitch out of the range that is refused.
        """
        heard = hear(passage.tracks[number], passage.score, passage.start, passage.length, self.config.beat)
        index = heard.chosen(lowest=0 < number == self.config.tracks - 1)
        written, taken = heard.pitches.copy(), np.unique(index[index >= 0])
        written[taken] = self._moved(written[taken])
        return heard, index, written

    def _moved(self, pitches: Ints) -> Ints:
        """[U]: each pitch, or the nearest of its octaves in the range; UsageError where that is refused or none is."""
        lowest, highest = self.config.lowest, self.config.lowest + self.config.pitches - 1
        moved: Ints = pitches + 12 * -(np.minimum(pitches - lowest, 0) // 12)
        moved -= 12 * -(np.minimum(highest - moved, 0) // 12)
        refused = pitches != moved if self.config.outside == "refuse" else moved < lowest
        if refused.any():
            remedy = (
                "--set representation.outside=octaves moves it, or set representation.lowest and representation.pitches"
                if self.config.outside == "refuse"
                else "no octave of it fits, so set representation.pitches to 12 or more"
            )
            raise UsageError(
                f"pitch {int(pitches[refused][0])} is outside the range of {lowest} to {highest}: {remedy}."
            )
        return moved

    def passage(self, score: Score) -> Passage | str:
        """What is taken of a score, or why nothing is: what such pieces are counted as."""
        config = self.config
        start, length, numbers, other, apart = longest_run(score, config.steps, config.beat)
        chosen = choose(score, start, length, config.beat, config.tracks, config.parts, self.voices)
        if isinstance(chosen, str):
            return chosen
        if length < self.space.phrase:
            whole = Fraction(end_tick(score) * config.beat, score.ticks_per_quarter)
            if whole < self.space.phrase:
                return f"pieces shorter than {config.bars} bars"
            numerator, denominator = config.meter
            return f"pieces without {config.bars} bars of {numerator}/{denominator} in a row"
        return Passage(score, *chosen, start, length, numbers, other, apart)

    def _repeats(self, heard: Heard, index: Ints) -> Bools:
        """[T]: in which steps a note begins whose pitch its track sounded in the step before."""
        struck = np.zeros(heard.sounding.shape, np.bool_)
        struck[heard.index, heard.onset] = True
        found = np.zeros(len(index), np.bool_)
        steps = np.flatnonzero((index[1:] == index[:-1]) & (index[1:] >= 0)) + 1
        found[steps] = struck[index[steps], steps]
        return found

    def repeats(self, passage: Passage) -> Ints:
        """[2, K, S, 2]: how many equal pitches in consecutive steps were new notes, and how many there were.

        UsageError for a pitch out of the range that is refused.
        """
        counted = np.zeros((2, *self.shares.shape), np.int64)
        rolls = np.full((passage.length, self.config.tracks), -1, np.int64)
        new = np.zeros(rolls.shape, np.bool_)
        for number in range(self.config.tracks):
            heard, index, pitches = self._voice(passage, number)
            new[:, number] = self._repeats(heard, index)
            rolls[:, number] = np.append(pitches, -1)[index]
        if passage.frames(self.config.beat):
            return counted
        equal, among = _equal(rolls, -1)
        for count, where in zip(counted, (new, equal), strict=True):
            step, track_of = np.nonzero(where)
            np.add.at(count, (track_of, step % self.config.steps, among[where]), 1)
        return counted

    def _begins(self, array: Array) -> tuple[Ints, Bools]:
        """The rows [T, K], checked, and where notes begin [T, K]; UsageError for what is not rows of pitches."""
        a = np.asarray(array)
        if a.shape[1:] != self.space.shape or a.dtype.kind not in "iu" or not self.space.holds(a).all():
            raise UsageError(
                f"multitrack is rows of {self.space.tracks} numbers from 0 to {self.space.pitches}, got shape "
                f"{a.shape} of {a.dtype}: use what this representation encoded."
            )
        rolls = a.astype(np.int64)
        equal, among = _equal(rolls, self.config.pitches)
        step = np.arange(len(rolls))[:, None] % self.config.steps
        if self.config.repeats == "learned":
            again = self.shares[np.arange(self.config.tracks), step, among] > 0.5
        else:
            again = np.broadcast_to((step % self.config.beat == 0) & (self.config.repeats == "beat"), rolls.shape)
        return rolls, (rolls < self.config.pitches) & (~equal | again)

    def decode(self, array: Array) -> Score:
        """A track for each of K, 480 ticks a quarter; where it ends in silence, an `end` marker stands there.

        UsageError for what is not rows of pitches.
        """
        rolls, begins = self._begins(array)
        config, length = self.config, len(rolls)
        if length * config.step_ticks > LONGEST:
            raise UsageError(
                f"a score holds at most {LONGEST // config.step_ticks:,} steps, got {length:,}: decode fewer."
            )
        score = ScoreTick(TICKS_PER_QUARTER)
        score.time_signatures.append(TimeSignatureTick(0, *config.meter))
        score.tempos.append(TempoTick(0, mspq=config.mspq))
        for number, (name, program) in enumerate(zip(self.voices, self.programs, strict=True)):
            onset = np.flatnonzero(begins[:, number])
            stop = np.flatnonzero(begins[:, number] | (rolls[:, number] == config.pitches))
            end = np.append(stop, length)[np.searchsorted(stop, onset, side="right")]
            track = TrackTick(name, program, False)
            track.notes = NoteTickList.from_numpy(
                (onset * config.step_ticks).astype(np.int32),
                ((end - onset) * config.step_ticks).astype(np.int32),
                (rolls[onset, number] + config.lowest).astype(np.int8),
                np.full(len(onset), VELOCITY, np.int8),
            )
            score.tracks.append(track)
        if length and (rolls[-1] == config.pitches).all():
            score.markers.append(TextMetaTick(length * config.step_ticks, END))
        return score

    def units(self, array: Array) -> dict[str, float]:
        """Frames (steps), notes as they are decoded, and seconds at the tempo that is written."""
        rolls, begins = self._begins(array)
        return {
            "frames": float(len(rolls)),
            "notes": float(np.count_nonzero(begins)),
            "seconds": float(self.config.seconds(len(rolls))),
        }

    def window(self, array: Array, begin: int, length: int) -> Array:
        """Whole bars from the one on that `begin` lies in: as many as `length` has, one at least."""
        steps = self.config.steps
        begin -= begin % steps
        return array[begin : begin + max(1, round(length / steps)) * steps]

    def transposed(self, array: Array, semitones: int) -> Array | None:
        """The same piece, or any part of it, `semitones` higher, rests as they are; None where a pitch would leave."""
        a = np.asarray(array)
        sounding = a < self.config.pitches
        moved = np.where(sounding, a + semitones, a).astype(a.dtype)
        fits = (moved >= 0) & (moved < self.config.pitches) | ~sounding
        return moved if bool(fits.all()) else None

    def cursor(self, batch: int) -> "MultitrackCursor":
        """A cursor that allows every row."""
        return MultitrackCursor(self.config, np.zeros(batch, np.int64))

    def names(self) -> list[str]:
        """[K]: the names of the tracks, numbered where several have the same."""
        times = Counter(self.voices)
        seen: Counter[str] = Counter()
        names = []
        for voice in self.voices:
            seen[voice] += 1
            names.append(f"{voice} {seen[voice]}" if times[voice] > 1 else voice)
        return names

    def state(self) -> dict[str, Any]:
        """The settings that decide what an array means, and what was fitted, as JSON."""
        return {
            "representation": "multitrack",
            **{name: getattr(self.config, name) for name in READING},
            "names": list(self.voices),
            "programs": list(self.programs),
            "repeats": self.shares.tolist(),
        }


def _equal(rolls: Ints, rest: int) -> tuple[Bools, Ints]:
    """Of rows [T, K]: where a track sounds the pitch of the step before, and (0 or 1) where another changes its own."""
    same = np.zeros(rolls.shape, np.bool_)
    same[1:] = rolls[1:] == rolls[:-1]
    changes = (~same).sum(1, keepdims=True)
    return same & (rolls != rest), (changes - ~same > 0).astype(np.int64)


class MultitrackCursor(Cursor):
    """Walks along with B pieces: counts their steps, [B]."""

    def __init__(self, config: MultitrackConfig, steps: Ints) -> None:
        self._config, self._steps = config, steps

    def allowed(self) -> None:
        return None

    def push(self, symbols: Array) -> None:
        self._steps = self._steps + 1

    def take(self, rows: Sequence[int]) -> "MultitrackCursor":
        return MultitrackCursor(self._config, self._steps[np.array(rows, np.int64)])

    @property
    def bars(self) -> Ints:
        found: Ints = self._steps // self._config.steps
        return found

    @property
    def seconds(self) -> Floats:
        """[B]: up to where the newest step begins, so that a piece of so many seconds keeps its last step."""
        found: Floats = self._config.seconds(np.maximum(self._steps - 1, 0))
        return found

    @property
    def done(self) -> Bools:
        return np.zeros(len(self._steps), np.bool_)
