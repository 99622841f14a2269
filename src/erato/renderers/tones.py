"""One key of an instrument to sound. In: a zone of a SoundFont, a key, a length. Out: samples, and how they fade.

Knows nothing of scores, tracks or loudness. After the "SoundFont Technical Specification", version 2.04 (E-mu, 2006),
sections 8.1.3 and 9.5 to 9.6: the sample at the pitch of the key (cubic interpolation), looped while it is held, two
low-frequency oscillators, an envelope that moves pitch and filter, a resonant low-pass of second order, and an envelope
of volume: linear attack, decay and release in decibels. Envelopes fall by 100 dB in the times that the font says.

Times are in seconds, pitches in cents, levels in decibels below the loudest.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from erato.renderers import soundfont as sf
from erato.renderers.soundfont import Generators, Sample, Wave, Zone

SILENT = -84.0  # dB below the loudest of a tone: where it is taken to be over
SHORTEST_RELEASE = 0.012  # seconds for 100 dB: shorter ones click
LONGEST_RELEASE = 12.0
FULL_FALL = 100.0  # dB
OPEN_CUTOFF = 13500  # cents at which the filter lets everything pass
CUTOFF_STEP = 40  # cents: the filter is set anew where its cutoff has moved so far
FASTEST = 64.0  # samples a frame: six octaves above a sample of the same rate
CHUNK = 8192  # frames that are interpolated at once: what the processor's own memory holds
HALF = np.float32(0.5)
CONTROL = 64  # frames from one value of oscillators and envelopes of pitch and filter to the next

Curve = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


def seconds_of(timecents: float) -> float:
    """SoundFonts count time in cents: 0 is a second, 1200 twice as long."""
    return 0.0 if timecents <= -12000 else float(2.0 ** (timecents / 1200))


@dataclass(frozen=True)
class Envelope:
    """How a tone swells and fades: delay, attack, hold in seconds, then so many dB a second down to `sustain` dB."""

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float
    release: float  # dB a second after the key is let go

    @classmethod
    def of(cls, zone: Zone, key: int) -> "Envelope":
        """The envelope of volume of a zone at a key."""
        delay, attack, hold, decay, sustain, release = _times(zone.values, sf.VOLUME_ENVELOPE, key)
        release = min(LONGEST_RELEASE, max(SHORTEST_RELEASE, release))
        return cls(delay, attack, hold, FULL_FALL / max(decay, 1e-3), -sustain / 10, FULL_FALL / release)

    def level(self, time: npt.NDArray[np.float32]) -> Wave:
        """The factor at each time since the key was struck, while it is held."""
        begun = np.float32(self.delay + self.attack)
        fallen = (begun + np.float32(self.hold) - time) * np.float32(self.decay)
        np.clip(fallen, np.float32(self.sustain), np.float32(0), out=fallen)
        level: Wave = np.exp(fallen * np.float32(math.log(10) / 20))
        if begun > 0:
            rising = time < begun
            level[rising] = np.maximum(0, time[rising] - np.float32(self.delay)) / np.float32(max(self.attack, 1e-6))
        return level

    @property
    def over(self) -> float:
        """When a key that is never let go has faded; infinity where it sounds on."""
        begins = self.delay + self.attack + self.hold
        return math.inf if self.sustain > SILENT else begins - SILENT / self.decay


@dataclass(frozen=True)
class Tone:
    """A key of a zone, struck once: its samples without envelope, and with that of a key that is held."""

    wave: Wave
    held: Wave
    envelope: Envelope
    rate: int

    def struck(self, frames: int, heard: int, choked: bool = False) -> Wave:
        """The samples of a key that is let go after `frames` and `heard` in all; choked: cut off at once."""
        frames, heard = min(frames, len(self.wave)), min(heard, len(self.wave))
        if heard <= frames:
            return self.held[:heard]
        level = self.envelope.level(np.array([frames / self.rate], np.float32))
        fade = (self.choking if choked else self.release)[: heard - frames] * level
        return np.concatenate([self.held[:frames], self.wave[frames : frames + len(fade)] * fade])

    @cached_property
    def release(self) -> Wave:
        """The factor at each frame after the key was let go."""
        return _fade(self.envelope.release, len(self.wave), self.rate)

    @cached_property
    def choking(self) -> Wave:
        """The same where another key ends this one, as a closed hi-hat the open one."""
        return _fade(FULL_FALL / SHORTEST_RELEASE, len(self.wave), self.rate)


def _fade(fall: float, frames: int, rate: int) -> Wave:
    frames = min(frames, math.ceil(-SILENT / fall * rate))
    found: Wave = np.exp(np.arange(frames, dtype=np.float32) * np.float32(-fall * math.log(10) / 20 / rate))
    return found


def heard(envelope: Envelope, held: Ints, choked: npt.NDArray[np.bool_], rate: int) -> Ints:
    """How many frames each key is heard that is let go after `held`, at the most."""
    level = 20 * np.log10(np.maximum(envelope.level((held / rate).astype(np.float32)), 1e-9))
    fall = np.where(choked, FULL_FALL / SHORTEST_RELEASE, envelope.release)
    after = np.maximum(0, (level - SILENT) / fall * rate)
    return np.asarray(np.minimum(held + after, envelope.over * rate), dtype=np.int64)


def tone(sample: Sample, zone: Zone, key: int, rate: int, frames: int, bend: float | Curve = 0.0) -> Tone:
    """The tone of `key`, up to `frames` long; shorter where the sample ends or has faded.

    bend: cents by which it is higher; or a curve, a value every `CONTROL` frames.
    """
    struck = key if zone[sf.KEY] < 0 else min(127, zone[sf.KEY])
    root = sample.key if not 0 <= zone[sf.ROOT_KEY] < 128 else zone[sf.ROOT_KEY]
    cents = (struck - root) * zone[sf.SCALE] + zone[sf.SEMITONES] * 100 + zone[sf.CENTS] + sample.correction
    envelope = Envelope.of(zone, struck)
    frames = max(1, int(min(frames, envelope.over * rate)))
    control = _Control(zone, struck, rate, frames)
    moved: float | Curve = control.pitch() + bend if control.moves_pitch else bend
    step = np.minimum(FASTEST, sample.rate / rate * 2.0 ** (np.clip(cents + moved, -24_000, 24_000) / 1200))
    wave = _filtered(_resampled(sample, step, frames), zone, control, rate)
    held = wave * envelope.level(np.arange(len(wave), dtype=np.float32) / np.float32(rate))
    if control.moves_volume:
        gain = 10 ** (control.volume() / 20)
        held *= _every_frame(gain, len(wave))
    return Tone(wave, held, envelope, rate)


class _Control:
    """What moves pitch, filter and volume of a tone: curves with a value every `CONTROL` frames."""

    def __init__(self, zone: Zone, key: int, rate: int, frames: int) -> None:
        self.zone, self.key = zone, key
        self.time: Curve = np.arange(frames // CONTROL + 2) * (CONTROL / rate)
        self.moves_pitch = any(
            zone[way] for way in (sf.MOD_LFO_TO_PITCH, sf.VIBRATO_TO_PITCH, sf.MOD_ENVELOPE_TO_PITCH)
        )
        self.moves_cutoff = bool(zone[sf.MOD_LFO_TO_CUTOFF] or zone[sf.MOD_ENVELOPE_TO_CUTOFF])
        self.moves_volume = bool(zone[sf.MOD_LFO_TO_VOLUME])

    def pitch(self) -> Curve:
        """Cents."""
        zone = self.zone
        vibrato = self._oscillator(sf.VIBRATO_DELAY, sf.VIBRATO_RATE, zone[sf.VIBRATO_TO_PITCH])
        return self._sum(zone[sf.MOD_LFO_TO_PITCH], zone[sf.MOD_ENVELOPE_TO_PITCH]) + vibrato

    def cutoff(self) -> Curve:
        """Cents above 8.176 Hz."""
        return self.zone[sf.CUTOFF] + self._sum(self.zone[sf.MOD_LFO_TO_CUTOFF], self.zone[sf.MOD_ENVELOPE_TO_CUTOFF])

    def volume(self) -> Curve:
        """Decibels."""
        return self._oscillator(sf.MOD_LFO_DELAY, sf.MOD_LFO_RATE, self.zone[sf.MOD_LFO_TO_VOLUME]) / 10

    def _sum(self, by_oscillator: int, by_envelope: int) -> Curve:
        total = self._oscillator(sf.MOD_LFO_DELAY, sf.MOD_LFO_RATE, by_oscillator)
        return total + by_envelope * self._envelope() if by_envelope else total

    def _oscillator(self, delay: int, frequency: int, depth: int) -> Curve:
        """A triangle that begins at 0, upwards, after its delay."""
        if not depth:
            return np.zeros_like(self.time)
        turns = np.maximum(0, self.time - seconds_of(self.zone[delay])) * _hertz(self.zone[frequency])
        found: Curve = depth * (1 - 4 * np.abs((turns + 0.25) % 1 - 0.5))
        return found

    def _envelope(self) -> Curve:
        """From 0 to 1 and down to where it stays, in straight lines."""
        delay, attack, hold, decay, sustain, _ = _times(self.zone.values, sf.MOD_ENVELOPE, self.key)
        at = np.cumsum([delay, max(attack, 1e-4), hold, max(decay, 1e-4) * sustain / 1000])
        return np.interp(self.time, at, [0.0, 1.0, 1.0, 1 - sustain / 1000])


def _times(values: Generators, first: int, key: int) -> tuple[float, ...]:
    """Delay, attack, hold and decay in seconds, sustain as the font says it, release in seconds."""
    delay, attack, hold, decay, sustain, release, hold_by_key, decay_by_key = (values[first + i] for i in range(8))
    hold, decay = hold + hold_by_key * (60 - key), decay + decay_by_key * (60 - key)
    times = (seconds_of(min(8000, time)) for time in (delay, attack, hold, decay))
    return (*times, sustain, seconds_of(release))


def _hertz(cents: float) -> float:
    return float(8.176 * 2.0 ** (cents / 1200))


def _every_frame(curve: Curve, frames: int) -> Wave:
    """A curve of control values as one value a frame, in straight lines."""
    places = np.arange(frames) / CONTROL
    return np.interp(places, np.arange(len(curve)), curve).astype(np.float32)


def _resampled(sample: Sample, step: float | Curve, frames: int) -> Wave:
    """The sample read `step` samples a frame, looped; up to `frames` of it, fewer where it ends."""
    if isinstance(step, np.ndarray):
        steps = np.interp(np.arange(frames) / CONTROL, np.arange(len(step)), step)
        phase = np.concatenate([[0.0], np.cumsum(steps[:-1])])
    else:
        phase = np.arange(frames) * step
    source = sample.wave
    if sample.loop is None:
        frames = int(np.searchsorted(phase, len(source) - 1))
    else:  # written out as often as a chunk reads it
        start, end = sample.loop
        rounds = math.ceil(CHUNK * float(np.max(step)) / (end - start)) + 2
        source = np.concatenate([source[:end], np.tile(source[start:end], rounds)])
    around = np.concatenate([source[:1], source, np.zeros(3, np.float32)])
    found = np.empty(frames, np.float32)
    for begin in range(0, frames, CHUNK):
        here = phase[begin : begin + CHUNK][: frames - begin]
        if sample.loop is not None and here[0] >= end:
            here = here - (here[0] - end) // (end - start) * (end - start)
        whole = here.astype(np.intp)
        part = (here - whole).astype(np.float32)
        # Catmull and Rom's cubic through the two samples around, with the slopes of their neighbours.
        before, at, after, then = (np.take(around[shift:], whole, mode="clip") for shift in range(4))
        slope, rise = (after - before) * HALF, after - at
        turn = (then - before) * HALF - (rise + rise * HALF)
        found[begin : begin + CHUNK] = ((turn * part + (rise - slope - turn)) * part + slope) * part + at
    return found


def _filtered(wave: Wave, zone: Zone, control: _Control, rate: int) -> Wave:
    """The wave after the low-pass of the zone, which is set anew wherever its cutoff has moved."""
    if not len(wave) or (zone[sf.CUTOFF] >= OPEN_CUTOFF and not zone[sf.RESONANCE] and not control.moves_cutoff):
        return wave
    from scipy.signal import lfilter

    if not control.moves_cutoff:
        cutoffs, starts = [zone[sf.CUTOFF]], [0]
    else:
        steps = np.round(control.cutoff() / CUTOFF_STEP).astype(np.int64)
        changes = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
        cutoffs, starts = (steps[changes] * CUTOFF_STEP).tolist(), (changes * CONTROL).tolist()
    state, found = np.zeros(2), np.empty_like(wave)
    for cutoff, start, stop in zip(cutoffs, starts, [*starts[1:], len(wave)], strict=True):
        over, under = _low_pass(min(OPEN_CUTOFF, max(1500, cutoff)), zone[sf.RESONANCE], rate)
        found[start:stop], state = lfilter(over, under, wave[start:stop], zi=state)
    return found


def _low_pass(cutoff: float, resonance: float, rate: int) -> tuple[Curve, Curve]:
    """Numerator and denominator of a low-pass of second order; resonance: centibels at the cutoff, 0 is flat."""
    quality = 10 ** ((resonance / 10 - 3.01) / 20)
    warped = math.tan(math.pi * min(0.48, _hertz(cutoff) / rate))
    first = 1 + warped / quality + warped**2
    over = np.array([1.0, 2.0, 1.0]) * warped**2 / first
    if resonance:  # the specification halves the gain of the peak
        over /= math.sqrt(10 ** (resonance / 200))
    return over, np.array([1.0, 2 * (warped**2 - 1) / first, (1 - warped / quality + warped**2) / first])
