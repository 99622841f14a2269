"""A track as it is played. In: a score in ticks. Out: when each key is struck and let go, how loud, bent and where.

Knows nothing of SoundFonts or samples. What a performance has beside its notes is turned into what is heard: a pedal
holds keys that are let go, until it comes up or they are struck again; volume and expression (controllers 7 and 11)
are a factor, pan (10) a place between left and right, pitch bends are cents, in the range that the track says (RPN 0).
Controllers after "General MIDI 1" and, for how loud a value is, the default modulators of SoundFont 2.04 (section 8.4).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from symusic.core import TrackTick

from erato.errors import UsageError
from erato.renderers.soundfont import DRUM_BANK
from erato.score import Floats, Ints, Score, end_tick, seconds_at

BANK, DATA, VOLUME, PAN, EXPRESSION, DATA_FINE, SUSTAIN, RPN_FINE, RPN = 0, 6, 7, 10, 11, 38, 64, 100, 101
USUAL_VOLUME, FULL, MIDDLE = 100, 127, 64
BEND_RANGE = 200.0  # cents either way, where a track says nothing
PEDAL_S = 10.0  # seconds for which a pedal holds what sounds when the piece is over
SHORTEST = 0.03  # seconds that a key is held: notes without length are heard


class Steps:
    """A value that changes at certain frames and stays in between."""

    def __init__(self, first: float, changes: Iterable[tuple[int, float]]) -> None:
        latest = {-1: first}
        latest |= {max(0, frame): value for frame, value in changes}  # of several at one frame, the last
        self.frames: Ints = np.array(list(latest), dtype=np.int64)
        self.values: Floats = np.array(list(latest.values()))

    def at(self, frames: Ints) -> Floats:
        """The value at each frame."""
        return np.asarray(self.values[np.searchsorted(self.frames, frames, side="right") - 1])

    def change_in(self, start: int, stop: int) -> bool:
        """Whether the value changes after `start` and before `stop`."""
        first, last = np.searchsorted(self.frames, [start, stop - 1], side="right")
        return bool(first < last)


@dataclass(frozen=True)
class Played:
    """A track as it is heard, in frames; the first four are arrays with one number a note, in order of onset."""

    onset: Ints
    held: Ints
    key: Ints
    velocity: Ints
    bank: Ints
    program: int
    volume: Steps  # a factor, 0 to 1
    pan: Steps  # -0.5 is left, 0.5 right
    bend: Steps  # cents


def played(score: Score, track: TrackTick, rate: int) -> Played:
    """How a track of a score sounds, at `rate` frames a second.

    What lies before 0 is struck at 0. UsageError for a key outside 0 to 127.
    """

    def frames(ticks: Ints) -> Ints:
        return np.asarray(np.maximum(0, np.round(seconds_at(score, ticks) * rate)), dtype=np.int64)

    notes = track.notes.numpy()
    onset, key, velocity = (notes[name].astype(np.int64) for name in ("time", "pitch", "velocity"))
    end = onset + np.maximum(0, notes["duration"].astype(np.int64))
    order = np.lexsort((key, onset))
    onset, end, key, velocity = onset[order], end[order], key[order], velocity[order]
    wrong = key[(key < 0) | (key > 127)]
    if len(wrong):
        raise UsageError(f"instruments have the keys 0 to 127, got {wrong[0]}: transpose the score.")
    end = pedalled(onset, end, key, *pedals(score, track))
    start = frames(onset)
    latest = frames(np.array([end_tick(score)])) + round(PEDAL_S * rate)
    held = np.maximum(np.minimum(frames(end), latest) - start, round(SHORTEST * rate))

    def steps(number: int, first: float, value: Callable[[int], float]) -> Steps:
        found = sorted((c.time, c.value) for c in track.controls if c.number == number)
        at = frames(np.array([time for time, _ in found], dtype=np.int64))
        return Steps(value(int(first)), zip(at.tolist(), [value(said) for _, said in found], strict=True))

    bank = steps(BANK, 0, float)
    banks = np.full(len(start), DRUM_BANK) if track.is_drum else bank.at(start).astype(np.int64)
    volume = _product(steps(VOLUME, USUAL_VOLUME, _loudness), steps(EXPRESSION, FULL, _loudness))
    pan = steps(PAN, MIDDLE, lambda value: float(np.clip((value - MIDDLE) / (FULL - MIDDLE) / 2, -0.5, 0.5)))
    times, cents = _bends(track)
    bend = Steps(0.0, zip(frames(times).tolist(), cents, strict=True))
    loud = np.clip(velocity, 1, FULL)
    return Played(start, held, key, loud, banks, min(127, max(0, track.program)), volume, pan, bend)


def pedals(score: Score, track: TrackTick) -> tuple[Ints, Ints]:
    """When the sustain pedal goes down and comes up (ticks), one after the other."""
    found = sorted((pedal.time, pedal.time + pedal.duration) for pedal in track.pedals)
    if not found:  # only controllers say it
        down: int | None = None
        for time, value in sorted((c.time, c.value) for c in track.controls if c.number == SUSTAIN):
            if value >= 64 and down is None:
                down = time
            elif value < 64 and down is not None:
                found.append((down, time))
                down = None
        if down is not None:
            found.append((down, end_tick(score)))
    table = np.array(found, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], np.maximum.accumulate(table[:, 1])


def pedalled(onset: Ints, end: Ints, key: Ints, down: Ints, up: Ints) -> Ints:
    """When each key stops sounding: let go under a pedal, when that comes up or the key is struck again."""
    if not len(down) or not len(onset):
        return end
    pedal = np.searchsorted(down, end) - 1  # the last one that went down before the key was let go
    under = (pedal >= 0) & (end < up[pedal])
    longer = np.where(under, up[pedal], end)
    order = np.lexsort((onset, key))
    follows = np.full(len(onset), np.iinfo(np.int64).max)
    same = key[order][1:] == key[order][:-1]
    follows[order[:-1][same]] = onset[order][1:][same]
    return np.asarray(np.maximum(end, np.minimum(longer, follows)))


def _loudness(value: float) -> float:
    return (min(FULL, max(0, value)) / FULL) ** 2  # 40 dB a decade


def _product(one: Steps, other: Steps) -> Steps:
    at = np.union1d(one.frames, other.frames)
    return Steps(0.0, zip(at.tolist(), (one.at(at) * other.at(at)).tolist(), strict=True))


def _bends(track: TrackTick) -> tuple[Ints, list[float]]:
    """When the pitch is bent (ticks), and by how many cents."""
    events = [(bend.time, 1, 0, bend.value) for bend in track.pitch_bends]
    if not events:
        return np.zeros(0, dtype=np.int64), []
    numbers = (DATA, DATA_FINE, RPN_FINE, RPN)
    events += [(c.time, 0, c.number, c.value) for c in track.controls if c.number in numbers]
    said = {RPN: 127, RPN_FINE: 127, DATA: 2, DATA_FINE: 0}
    reach, times, cents = BEND_RANGE, [], []
    for time, is_bend, number, value in sorted(events, key=lambda event: event[:2]):
        if is_bend:
            times.append(time)
            cents.append(min(1.0, max(-1.0, value / 8192)) * reach)
        else:
            said[number] = value
            if number in (DATA, DATA_FINE) and (said[RPN], said[RPN_FINE]) == (0, 0):
                reach = said[DATA] * 100.0 + said[DATA_FINE]
    return np.array(times, dtype=np.int64), cents
