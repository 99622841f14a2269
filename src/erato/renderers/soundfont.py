"""A SoundFont to its instruments. In: a file. Out: which sample sounds at which keys, and how it is shaped.

Knows nothing of notes or scores. Reads SoundFont 2 (samples of 16 bits) and SoundFont 3 (samples as Vorbis), after the
"SoundFont Technical Specification", version 2.04 (E-mu, 2006): sections 7 (chunks), 8.1 (generators) and 9.4 (how those
of preset and instrument add up). Every number is checked or brought into the range that the specification allows, so
that a damaged file ends in a sentence. Modulators of a font's own are passed over.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError

Wave = npt.NDArray[np.float32]
Table = npt.NDArray[Any]

DRUM_BANK = 128
COARSE = 32768  # samples that a coarse offset counts
MAX_BYTES = 2**32  # what a RIFF file can be

_GENERATOR = [("kind", "<u2"), ("amount", "<i2")]
_BAG = [("generator", "<u2"), ("modulator", "<u2")]
_TABLES: dict[bytes, Any] = {
    b"phdr": [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")],
    b"pbag": _BAG,
    b"pgen": _GENERATOR,
    b"inst": [("name", "S20"), ("bag", "<u2")],
    b"ibag": _BAG,
    b"igen": _GENERATOR,
    b"shdr": [
        ("name", "S20"),
        *((field, "<u4") for field in ("start", "end", "loop_start", "loop_end", "rate")),
        ("key", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("kind", "<u2"),
    ],
}

# Generators by number: what they are where nothing is said, and the least and the most that they may be.
START, END, LOOP_START, LOOP_END, START_COARSE = 0, 1, 2, 3, 4
MOD_LFO_TO_PITCH, VIBRATO_TO_PITCH, MOD_ENVELOPE_TO_PITCH = 5, 6, 7
CUTOFF, RESONANCE, MOD_LFO_TO_CUTOFF, MOD_ENVELOPE_TO_CUTOFF = 8, 9, 10, 11
END_COARSE, MOD_LFO_TO_VOLUME, PAN = 12, 13, 17
MOD_LFO_DELAY, MOD_LFO_RATE, VIBRATO_DELAY, VIBRATO_RATE = 21, 22, 23, 24
MOD_ENVELOPE, VOLUME_ENVELOPE = 25, 33  # delay, attack, hold, decay, sustain, release, key to hold, key to decay
INSTRUMENT, KEYS, VELOCITIES, LOOP_START_COARSE = 41, 43, 44, 45
KEY, VELOCITY, ATTENUATION, LOOP_END_COARSE = 46, 47, 48, 50
SEMITONES, CENTS, SAMPLE, LOOP_MODE, SCALE, EXCLUSIVE, ROOT_KEY = 51, 52, 53, 54, 56, 57, 58
_TIME, _LONG = (-12000, -12000, 5000), (-12000, -12000, 8000)
_ENVELOPE = (_TIME, _LONG, _TIME, _LONG)
_RANGES: dict[int, tuple[int, int, int]] = {
    MOD_LFO_TO_PITCH: (0, -12000, 12000),
    VIBRATO_TO_PITCH: (0, -12000, 12000),
    MOD_ENVELOPE_TO_PITCH: (0, -12000, 12000),
    CUTOFF: (13500, 1500, 13500),
    RESONANCE: (0, 0, 960),
    MOD_LFO_TO_CUTOFF: (0, -12000, 12000),
    MOD_ENVELOPE_TO_CUTOFF: (0, -12000, 12000),
    MOD_LFO_TO_VOLUME: (0, -960, 960),
    PAN: (0, -500, 500),
    MOD_LFO_DELAY: _TIME,
    MOD_LFO_RATE: (0, -16000, 4500),
    VIBRATO_DELAY: _TIME,
    VIBRATO_RATE: (0, -16000, 4500),
    **{first + step: limits for first in (MOD_ENVELOPE, VOLUME_ENVELOPE) for step, limits in enumerate(_ENVELOPE)},
    MOD_ENVELOPE + 4: (0, 0, 1000),
    VOLUME_ENVELOPE + 4: (0, 0, 1440),
    **{first + 5: _LONG for first in (MOD_ENVELOPE, VOLUME_ENVELOPE)},
    **{first + step: (0, -1200, 1200) for first in (MOD_ENVELOPE, VOLUME_ENVELOPE) for step in (6, 7)},
    ATTENUATION: (0, 0, 1440),
    SEMITONES: (0, -120, 120),
    CENTS: (0, -99, 99),
    SCALE: (100, 0, 1200),
}
_OF_INSTRUMENTS = {KEY: -1, VELOCITY: -1, LOOP_MODE: 0, EXCLUSIVE: 0, ROOT_KEY: -1}  # a preset may not say them
_OFFSETS = (START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE, LOOP_START_COARSE, LOOP_END_COARSE)

Generators = dict[int, int]


@dataclass(frozen=True)
class Zone:
    """A sample, the keys and velocities at which it sounds, and its generators, in the units of the specification."""

    index: int  # of the sample
    keys: tuple[int, int]
    velocities: tuple[int, int]
    values: Generators

    def __getitem__(self, generator: int) -> int:
        return self.values[generator]

    def sounds(self, key: int, velocity: int) -> bool:
        """Whether the zone is heard when `key` is struck with `velocity`."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


@dataclass(frozen=True)
class Sample:
    """A recorded tone: samples from -1 to 1, how many a second, where it loops (samples) or None, its key and cents."""

    wave: Wave
    rate: int
    loop: tuple[int, int] | None
    key: int
    correction: int


@cache
def default_soundfont() -> Path:
    """The General MIDI SoundFont that the package pretty_midi carries (TimGM6mb, GPL-2); UsageError without it."""
    spec = find_spec("pretty_midi")  # looked at, not imported
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "TimGM6mb.sf2"
        if path.is_file():
            return path
    raise UsageError("there is no SoundFont: pip install pretty_midi, which carries one, or name a file (--soundfont).")


class SoundFont:
    """The instruments of a SoundFont file; UsageError for a file that is none, or is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UsageError(f"there is no SoundFont {str(path)!r}: give the path of a .sf2 or .sf3 file.")
        if path.stat().st_size > MAX_BYTES:
            raise self._damaged("it is larger than such a file can be")
        self.bytes = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
        if self._raw(0, 4) != b"RIFF" or self._raw(8, 12) != b"sfbk":
            raise UsageError(f"{path.name} is no SoundFont: give a .sf2 or .sf3 file, or leave out --soundfont.")
        chunks: dict[bytes, tuple[int, int]] = {}
        for name, start, stop in self._chunks(12, min(len(self.bytes), 8 + self._number(4))):
            if name == b"LIST":
                chunks |= {inner: (begin, end) for inner, begin, end in self._chunks(start + 4, stop)}
        missing = [name.decode() for name in (b"ifil", b"smpl", *_TABLES) if name not in chunks]
        if missing:
            raise self._damaged(f"it has no {', '.join(missing)}")
        self.compressed = self._number(chunks[b"ifil"][0]) & 0xFFFF == 3
        self.samples = self.bytes[slice(*chunks[b"smpl"])]
        self.tables: dict[bytes, Table] = {}
        for name, fields in _TABLES.items():
            kind = np.dtype(fields)
            start, stop = chunks[name]
            if (stop - start) % kind.itemsize or stop == start:
                raise self._damaged(f"its {name.decode()} does not come out even")
            self.tables[name] = np.frombuffer(self._raw(start, stop), kind)
        self._of_preset: dict[int, list[Zone]] = {}
        self._of_sample: dict[tuple[int, ...], Sample | None] = {}

    def sounding(self, bank: int, program: int, key: int, velocity: int) -> list[Zone]:
        """The zones that are heard when a key of a preset is struck; of an instrument without that key, the nearest."""
        zones = self.zones(bank, program)
        found = [zone for zone in zones if zone.sounds(key, velocity)]
        if found or bank == DRUM_BANK:
            return found
        others = sorted(range(128), key=lambda other: abs(other - key))
        near = ([zone for zone in zones if zone.sounds(other, velocity)] for other in others)
        return next(filter(None, near), [])

    def zones(self, bank: int, program: int) -> list[Zone]:
        """All zones of a preset; where there is none, of the program in bank 0, of the first kit, of any preset."""
        presets = self._presets
        of_drums = [preset for preset in sorted(presets) if preset[0] == DRUM_BANK]
        wanted = [(bank, program), *(of_drums[:1] if bank == DRUM_BANK else [(0, program)]), *sorted(presets)]
        index = next(presets[preset] for preset in wanted if preset in presets)
        if index not in self._of_preset:
            try:
                self._of_preset[index] = list(self._preset_zones(index))
            except IndexError:
                raise self._damaged("a number points outside its tables") from None
        return self._of_preset[index]

    def sample(self, zone: Zone) -> Sample | None:
        """The sample of a zone; None where it is empty or in the memory of a sound card of old."""
        key = (zone.index, *(zone[offset] for offset in _OFFSETS), zone[LOOP_MODE])
        if key not in self._of_sample:
            self._of_sample[key] = self._sample(zone)
        return self._of_sample[key]

    @cached_property
    def _presets(self) -> dict[tuple[int, int], int]:
        found: dict[tuple[int, int], int] = {}
        for index, header in enumerate(self.tables[b"phdr"][:-1]):  # the last one ends the table
            found.setdefault((int(header["bank"]), int(header["program"])), index)
        if not found:
            raise self._damaged("it has no instruments")
        return found

    def _preset_zones(self, preset: int) -> Iterator[Zone]:
        instruments = self.tables[b"inst"]
        for added in self._bags(b"phdr", b"pbag", b"pgen", preset, INSTRUMENT):
            if added[INSTRUMENT] & 0xFFFF >= len(instruments) - 1:
                raise self._damaged("a preset has an instrument that there is not")
            for said in self._bags(b"inst", b"ibag", b"igen", added[INSTRUMENT] & 0xFFFF, SAMPLE):
                if said[SAMPLE] & 0xFFFF >= len(self.tables[b"shdr"]) - 1:
                    raise self._damaged("an instrument has a sample that there is not")
                values = {offset: said.get(offset, 0) for offset in _OFFSETS}
                values |= {generator: said.get(generator, silent) for generator, silent in _OF_INSTRUMENTS.items()}
                for generator, (silent, least, most) in _RANGES.items():
                    values[generator] = min(most, max(least, said.get(generator, silent) + added.get(generator, 0)))
                keys, velocities = (_range(said, added, generator) for generator in (KEYS, VELOCITIES))
                yield Zone(said[SAMPLE] & 0xFFFF, keys, velocities, values)

    def _bags(self, heads: bytes, bags: bytes, generators: bytes, index: int, last: int) -> Iterator[Generators]:
        """The generators of every zone that ends in a generator `last`; what the first, global one says is in all."""
        head, bag, table = self.tables[heads], self.tables[bags], self.tables[generators]
        begin, end = int(head["bag"][index]), int(head["bag"][index + 1])
        everywhere: Generators = {}
        for number in range(begin, end):
            part = table[int(bag["generator"][number]) : int(bag["generator"][number + 1])]
            said = dict(zip(part["kind"].tolist(), part["amount"].tolist(), strict=True))
            if last in said:
                yield everywhere | said
            elif number == begin:
                everywhere = said

    def _sample(self, zone: Zone) -> Sample | None:
        header = self.tables[b"shdr"][zone.index]
        start, stop, loop_start, loop_end = (int(header[at]) for at in ("start", "end", "loop_start", "loop_end"))
        if int(header["kind"]) & 0x8000 or stop <= start or not 400 <= int(header["rate"]) <= 400_000:
            return None
        if self.compressed and int(header["kind"]) & 0x10:
            wave = self._decoded(start, stop)
            start, stop = 0, len(wave)  # its loop is counted from its beginning
        else:
            wave = np.frombuffer(self.samples[: len(self.samples) // 2 * 2], "<i2")
        begin = max(0, start + zone[START] + COARSE * zone[START_COARSE])
        end = min(len(wave), stop + zone[END] + COARSE * zone[END_COARSE])
        if end - begin < 2:
            return None
        loop_start += zone[LOOP_START] + COARSE * zone[LOOP_START_COARSE] - begin
        loop_end = min(end, loop_end + zone[LOOP_END] + COARSE * zone[LOOP_END_COARSE]) - begin
        looped = zone[LOOP_MODE] & 1 and loop_start >= 0 and loop_end - loop_start >= 2
        cut = wave[begin:end].astype(np.float32) / np.float32(32768 if wave.dtype.kind == "i" else 1)
        key = int(header["key"]) if int(header["key"]) < 128 else 60
        loop = (loop_start, loop_end) if looped else None
        return Sample(cut, int(header["rate"]), loop, key, int(header["correction"]))

    def _decoded(self, start: int, stop: int) -> Wave:
        import soundfile

        try:
            wave, _ = soundfile.read(io.BytesIO(self.samples[start:stop].tobytes()), dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise self._damaged("a sample cannot be read as Vorbis") from error
        found: Wave = wave[:, 0]
        return found

    def _chunks(self, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
        """Name, begin and end (bytes) of the chunks from `start` to `stop`."""
        while start + 8 <= stop:
            end = start + 8 + self._number(start + 4)
            if end > stop:
                raise self._damaged("it breaks off, or a chunk is longer than what it lies in")
            yield self._raw(start, start + 4), start + 8, end
            start = end + end % 2

    def _raw(self, start: int, stop: int) -> bytes:
        return self.bytes[start:stop].tobytes()

    def _number(self, start: int) -> int:
        return int.from_bytes(self._raw(start, start + 4), "little")

    def _damaged(self, what: str) -> UsageError:
        return UsageError(f"the SoundFont {self.path.name} is damaged ({what}): get it again, or leave it out.")


def _range(said: Generators, added: Generators, generator: int) -> tuple[int, int]:
    """What both allow of keys or velocities: the lower byte is the least, the higher the most."""
    both = [int(generators.get(generator, 0x7F00)) & 0xFFFF for generators in (said, added)]
    return max(one & 0xFF for one in both), min(one >> 8 for one in both)
