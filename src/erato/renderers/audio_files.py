"""Sound to files, and back to how it was made. In: samples and what to say of them. Out: WAV, FLAC, OGG or MP3.

Knows nothing of notes. The same sound gives the same bytes. Every file says its title, Erato's version, the licence,
and as its comment the record of how it was made (JSON in ASCII, keys in order), or its facts where there is none.
WAV files and the tags of MP3 files are written here: libsndfile cuts long texts in the former on reading, and writes
the latter in Latin-1. It encodes the rest (`encoding.py`).
"""

import io
import json
import zlib
from importlib.metadata import version
from struct import pack
from typing import Any, BinaryIO

from erato.foreign_json import refuse
from erato.renderers.base import About
from erato.renderers.encoding import encoded, stretches, whole_numbers
from erato.renderers.names import one_line
from erato.renderers.synthesis import Sound

MOST = 1000  # characters of a title, as much as programs read
LICENCE = "licence"  # the fact that is the copyright
TITLE, SOFTWARE, COPYRIGHT, COMMENT = "title", "software", "copyright", "comment"
_WAV_NAMES = {TITLE: b"INAM", SOFTWARE: b"ISFT", COPYRIGHT: b"ICOP", COMMENT: b"ICMT"}
_ID3_NAMES = {TITLE: b"TIT2", SOFTWARE: b"TSSE", COPYRIGHT: b"TCOP", COMMENT: b"COMM"}
_UTF8, _NO_NAME = b"\x03", b"und\x00"  # of an ID3 text; of a comment: no language, no description
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def texts(about: About) -> dict[str, str]:
    """What a file says of itself: title, software, copyright and comment, as far as there is anything to say."""
    facts = [f"{one_line(name)}: {one_line(value)}" for name, value in about.facts.items()]
    record = json.dumps(about.record, sort_keys=True, separators=(",", ":")) if about.record else ""
    found = {
        TITLE: one_line(about.title)[:MOST],
        SOFTWARE: f"Erato {version('erato')}",
        COPYRIGHT: one_line(about.facts.get(LICENCE, ""))[:MOST],
        COMMENT: record or "\n".join(facts),
    }
    return {name: text for name, text in found.items() if text}


def write_wav(sound: Sound, file: BinaryIO, about: About) -> None:
    """Writes 16-bit PCM to `file`."""
    parts = [(_WAV_NAMES[name], text.encode() + b"\x00") for name, text in texts(about).items()]
    info = b"INFO" + b"".join(name + pack("<I", len(text)) + text + b"\x00" * (len(text) % 2) for name, text in parts)
    size, channels = sound.samples.size * 2, sound.samples.shape[1]
    form = pack("<HHIIHH", 1, channels, sound.rate, sound.rate * channels * 2, channels * 2, 16)
    head = [(b"fmt ", form), (b"LIST", info)]
    chunks = b"".join(name + pack("<I", len(content)) + content for name, content in head)
    file.write(b"RIFF" + pack("<I", 4 + len(chunks) + 8 + size) + b"WAVE" + chunks + b"data" + pack("<I", size))
    for stretch in stretches(sound.samples):
        file.write(whole_numbers(stretch).tobytes())


def write_flac(sound: Sound, file: BinaryIO, about: About) -> None:
    """Writes the same 16-bit numbers as `write_wav`, compressed without loss."""
    file.write(encoded(sound.samples, sound.rate, texts(about), whole=True, format="FLAC", subtype="PCM_16"))


def write_ogg(sound: Sound, file: BinaryIO, about: About) -> None:
    """Writes Ogg Vorbis, about 120 kbit a second."""
    file.write(with_serial(encoded(sound.samples, sound.rate, texts(about), format="OGG", subtype="VORBIS"), 1))


def write_mp3(sound: Sound, file: BinaryIO, about: About) -> None:
    """Writes MP3 of variable bit rate, about 160 kbit a second; needs 2 s a minute."""
    file.write(id3(texts(about)))
    file.write(_mp3(sound, 0.3))


def audio_record(data: bytes) -> dict[str, Any] | None:
    """The record in the bytes of a WAV, FLAC, OGG or MP3 file; None where there is none that can be read."""
    try:
        text = _comment(data)
        found = json.loads(text, parse_constant=refuse) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file whose pages have this serial number, in place of the one that was drawn at random."""
    pages, start = [], 0
    while start < len(data):
        count = data[start + 26]
        stop = start + 27 + count + sum(data[start + 27 : start + 27 + count])
        head = data[start : start + 14] + pack("<I", serial) + data[start + 18 : start + 22]
        rest = data[start + 26 : stop]
        pages += [head, pack("<I", _ogg_checksum(head + bytes(4) + rest)), rest]
        start = stop
    return b"".join(pages)


def id3(said: dict[str, str]) -> bytes:
    """The ID3 tag (version 2.4, UTF-8) with these texts."""
    frames = b""
    for name, text in said.items():
        content = _UTF8 + (_NO_NAME if name == COMMENT else b"") + text.encode()
        frames += _ID3_NAMES[name] + _sevens(len(content)) + bytes(2) + content
    return b"ID3\x04\x00\x00" + _sevens(len(frames)) + frames


def _mp3(sound: Sound, compression: float) -> bytes:
    kind: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE"}
    return encoded(sound.samples, sound.rate, {}, compression_level=compression, **kind)


def _comment(data: bytes) -> str | None:
    if data[:4] == b"RIFF":
        listed = _chunk(data, 12, b"LIST") or b""
        return (_chunk(listed, 4, _WAV_NAMES[COMMENT]) or b"").rstrip(b"\x00").decode()
    if data[:3] == b"ID3":
        return _id3_comment(data[10 : 10 + _of_sevens(data[6:10])])
    if data[:4] not in (b"fLaC", b"OggS"):
        return None
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            comment: str = file.comment
            return comment
    except (soundfile.LibsndfileError, RuntimeError):
        return None


def _chunk(data: bytes, start: int, wanted: bytes) -> bytes | None:
    """The content of the first chunk of a name in those of a RIFF file."""
    while start + 8 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        if data[start : start + 4] == wanted:
            return data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
    return None


def _id3_comment(frames: bytes) -> str | None:
    start, begin = 0, _UTF8 + _NO_NAME
    while start + 10 <= len(frames):
        size = _of_sevens(frames[start + 4 : start + 8])
        content = frames[start + 10 : start + 10 + size]
        if frames[start : start + 4] == _ID3_NAMES[COMMENT] and content.startswith(begin):
            return content.removeprefix(begin).decode()
        start += 10 + size
    return None


def _sevens(number: int) -> bytes:
    """A number as ID3 counts: four bytes of seven bits, the highest first."""
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def _of_sevens(data: bytes) -> int:
    return sum((byte & 127) << shift for byte, shift in zip(data, (21, 14, 7, 0), strict=False))


def _ogg_checksum(page: bytes) -> int:
    """The CRC of Ogg: that of zlib, but from the highest bit on and without its two complements."""
    reversed_sum = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reversed_sum:032b}"[::-1], 2)
