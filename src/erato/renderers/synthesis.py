"""A score to sound. In: a score in ticks, a SoundFont. Out: samples in stereo, as loud as other music.

Knows nothing of files of sound. Every track has instruments to itself, however many there are, and no voice is ever
cut for want of others: what is heard is the sum of its notes, and the mix is the sum of its tracks. Nothing is random.
There is no reverberation. symusic's synthesizer is not used: it (0.5.9) plays every velocity equally loud, ends notes
within a few milliseconds, and passes over pedals, controllers and bends.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from erato.errors import UsageError
from erato.renderers import loudness, tones
from erato.renderers import soundfont as sf
from erato.renderers.loudness import Samples
from erato.renderers.names import track_labels
from erato.renderers.playing import Played, played
from erato.renderers.soundfont import Sample, SoundFont, Zone, default_soundfont
from erato.renderers.tones import Envelope, Tone
from erato.score import Score, seconds

RATE = 44_100  # frames a second
SHORTEST = 0.1  # seconds of silence that an empty piece has
LONGEST = 2 * 3600  # seconds: 2.5 GB in memory
TAIL = -70.0  # dB below the peak: what fades under this after the end is cut off
FADE_S = 0.01  # so that the cut is not heard
GLIDE_S = 0.005  # in which a change of volume is made: a sudden one clicks


@dataclass(frozen=True)
class Sound:
    """Samples from -1 to 1, float32 [frames, 2], left and right, and how many frames a second."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def sound(score: Score, soundfont: Path | None = None, rate: int = RATE) -> Sound:
    """A score as sound: its own length, then as long as its last notes ring.

    soundfont: a .sf2 or .sf3 file; None: the one that comes with Erato. Normalised to -16 LUFS, or less where the true
    peak would pass -1 dBFS (`loudness.factor`). UsageError for a piece above two hours, a key outside 0 to 127, a
    SoundFont that is none.
    """
    made = mix(score, soundfont, rate)
    np.multiply(made.samples, np.float32(loudness.factor(made.samples, rate)), out=made.samples)
    return made


def stems(score: Score, soundfont: Path | None = None, rate: int = RATE) -> Iterator[tuple[str, Sound]]:
    """Each track that has notes, alone, and what people call it: they add up to `sound`, being as long and as loud."""
    whole = mix(score, soundfont, rate)
    gain, frames = np.float32(loudness.factor(whole.samples, rate)), len(whole.samples)
    del whole
    for number, label in enumerate(track_labels(score.tracks)):
        if len(score.tracks[number].notes):
            alone = mix(score, soundfont, rate, only=number, frames=frames)
            np.multiply(alone.samples, gain, out=alone.samples)
            yield label, alone


def mix(
    score: Score,
    soundfont: Path | None = None,
    rate: int = RATE,
    only: int | None = None,
    frames: int | None = None,
) -> Sound:
    """The sum of the notes, as loud as it comes; only: one track; frames: how long, where that is known."""
    font = SoundFont(soundfont or default_soundfont())
    length = seconds(score)
    if length > LONGEST:
        raise UsageError(
            f"the piece lasts {length / 3600:.1f} hours, and sound is made of up to {LONGEST // 3600}: "
            "render a part of it with --from and --to."
        )
    tracks = score.tracks if only is None else [score.tracks[only]]
    parts = [played(score, track, rate) for track in tracks if len(track.notes)]
    voices = [_voices(font, part, rate) for part in parts]
    own = max(round(length * rate), round(SHORTEST * rate))
    ends = [int(voice.ends.max(initial=0)) for each in voices for voice in each]
    out = np.zeros((2, frames or max([own, *ends])), np.float32)
    for part, each in zip(parts, voices, strict=True):
        for voice in each:
            _add(out, font, part, voice, rate)
    last = frames or _last(out, own, rate)
    fade = min(round(FADE_S * rate), last - own)
    out[:, last - fade : last] *= np.linspace(1, 0, fade, dtype=np.float32)
    return Sound(out[:, :last].T, rate)


@dataclass(frozen=True)
class _Voice:
    """The notes of one track that sound the same key of one zone: their numbers, and which are choked."""

    sample: Sample
    zone: Zone
    key: int
    notes: sf.Table
    held: sf.Table  # frames
    choked: sf.Table
    frames: sf.Table  # how long each is heard
    ends: sf.Table


def _voices(font: SoundFont, part: Played, rate: int) -> list[_Voice]:
    """Which zones of the SoundFont sound for which notes of a track."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    zones: dict[int, Zone] = {}
    heard: dict[tuple[int, int, int], list[Zone]] = {}
    rows = zip(part.bank.tolist(), part.key.tolist(), part.velocity.tolist(), strict=True)
    for note, (bank, key, velocity) in enumerate(rows):
        if (bank, key, velocity) not in heard:
            heard[bank, key, velocity] = font.sounding(bank, part.program, key, velocity)
        for zone in heard[bank, key, velocity]:
            zones[id(zone)] = zone
            found[id(zone), key].append(note)
    stopped = _stopped(part, found, zones)
    voices = []
    for (number, key), notes in found.items():
        zone = zones[number]
        sample = font.sample(zone)
        if sample is None:
            continue
        index = np.array(notes)
        held = np.minimum(part.held[index], stopped[number, key] - part.onset[index])
        choked = held < part.held[index]
        frames = tones.heard(Envelope.of(zone, key), held, choked, rate)
        voices.append(_Voice(sample, zone, key, index, held, choked, frames, part.onset[index] + frames))
    return voices


def _stopped(
    part: Played, found: dict[tuple[int, int], list[int]], zones: dict[int, Zone]
) -> dict[tuple[int, int], sf.Table]:
    """When each note of a voice is cut off by one of its exclusive class, as an open hi-hat by the closed one."""
    never = np.iinfo(np.int64).max
    strikes: dict[int, list[int]] = defaultdict(list)
    for (number, _), notes in found.items():
        if zones[number][sf.EXCLUSIVE]:
            strikes[zones[number][sf.EXCLUSIVE]] += part.onset[notes].tolist()
    sorted_strikes = {kind: np.array([*sorted(times), never]) for kind, times in strikes.items()}
    result = {}
    for (number, key), notes in found.items():
        kind = zones[number][sf.EXCLUSIVE]
        if kind:
            times = sorted_strikes[kind]
            result[number, key] = times[np.searchsorted(times, part.onset[notes], side="right")]
        else:
            result[number, key] = np.full(len(notes), never)
    return result


def _add(out: Samples, font: SoundFont, part: Played, voice: _Voice, rate: int) -> None:
    """Adds the notes of a voice to `out` ([2, frames])."""
    zone = voice.zone
    longest = int(voice.frames.max(initial=0))
    plain: dict[float, Tone] = {}
    quiet = 10 ** (
        -0.4 * zone[sf.ATTENUATION] / 200
    )  # 0.4: as the makers of the format play it, and fonts are made for
    onsets = part.onset[voice.notes]
    pans, bends = part.pan.at(onsets), part.bend.at(onsets)
    volumes = part.volume.at(onsets)
    for row, note in enumerate(voice.notes.tolist()):
        onset, held, frames = int(onsets[row]), int(voice.held[row]), int(voice.frames[row])
        if part.bend.change_in(onset, onset + held):
            at = onset + np.minimum(np.arange(frames // tones.CONTROL + 2) * tones.CONTROL, held - 1)
            made = tones.tone(voice.sample, zone, voice.key, rate, frames, part.bend.at(at))
        else:
            bend = float(bends[row])
            if bend not in plain:
                plain[bend] = tones.tone(voice.sample, zone, voice.key, rate, longest, bend)
            made = plain[bend]
        wave = made.struck(held, frames, bool(voice.choked[row]))[: out.shape[1] - onset]
        velocity = part.velocity[note] if zone[sf.VELOCITY] < 0 else max(1, zone[sf.VELOCITY])
        gain = quiet * (velocity / 127) ** 2  # 40 dB a decade, as the default modulator says
        stop = onset + len(wave)
        if part.volume.change_in(onset, stop):
            wave = wave * _curve(part, onset, stop, rate)
        else:
            gain *= volumes[row]
        place = min(0.5, max(-0.5, zone[sf.PAN] / 1000 + pans[row]))
        angle = (place + 0.5) * np.pi / 2  # equally loud wherever it stands
        out[0, onset:stop] += wave * np.float32(gain * np.cos(angle))
        out[1, onset:stop] += wave * np.float32(gain * np.sin(angle))


def _curve(part: Played, start: int, stop: int, rate: int) -> Samples:
    """The volume of a track from frame `start` to `stop`; it glides where it changes."""
    glide = max(1, round(GLIDE_S * rate))
    inside = (part.volume.frames > start) & (part.volume.frames < stop)
    at = part.volume.frames[inside]
    before, after = part.volume.at(at - 1), part.volume.values[inside]
    ends = np.minimum(at + glide, np.append(at[1:], stop + glide))
    places = np.stack([at, ends], axis=1).reshape(-1)
    values = np.stack([before, after], axis=1).reshape(-1)
    return np.interp(np.arange(start, stop), places, values).astype(np.float32)


def _last(out: Samples, own: int, rate: int) -> int:
    """The frame after which all has faded, not before the end of the piece itself (`own`)."""
    floor = 10 ** (TAIL / 20) * max(out.max(initial=0), -out.min(initial=0))
    last = own
    for start in range(own, out.shape[1], rate):
        loud = np.flatnonzero(np.abs(out[:, start : start + rate]).max(axis=0) > floor)
        last = start + int(loud[-1]) + 1 if len(loud) else last
    return last
