"""A SoundFont small enough to reason about, written from the specification; shares nothing with the reader."""

import io
from struct import pack

import numpy as np
import pytest

RATE, PERIOD = 44_100, 100  # a sine of 441 Hz, which is key 69 in a tuning where A is 441
INSTANT = {34: -12000, 38: -12000}  # attack and release of volume


def sine(seconds=1.0, period=PERIOD):
    """16-bit samples of a sine, full scale."""
    return np.round(32000 * np.sin(2 * np.pi * np.arange(round(seconds * RATE)) / period)).astype("<i2")


def chunk(name, content):
    return name + pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def soundfont_bytes(presets, samples=None, version=2):
    """presets: {(bank, program): [{generator: amount, ..., "sample": 0}, ...]}; samples: (wave, loop, key) each."""
    samples = samples or [(sine(), (0, 44_000), 69)]
    data, headers = b"", b""
    for wave, (loop_start, loop_end), key in samples:
        kind = 1
        if version == 3:
            import soundfile

            packed = io.BytesIO()
            soundfile.write(packed, wave, RATE, format="OGG", subtype="VORBIS")
            start, content, kind = len(data), packed.getvalue(), 0x11
            end = start + len(content)
        else:
            start, content = len(data) // 2, wave.tobytes()
            end = start + len(wave)
            loop_start, loop_end = start + loop_start, start + loop_end
            content += bytes(92)
        data += content
        headers += pack("<20s5IBbHH", b"sample", start, end, loop_start, loop_end, RATE, key, 0, 0, kind)
    headers += bytes(46)
    phdr = pbag = pgen = inst = ibag = igen = b""
    for number, ((bank, program), zones) in enumerate(sorted(presets.items())):
        phdr += pack("<20sHHH12x", b"preset", program, bank, len(pbag) // 4)
        pbag += pack("<HH", len(pgen) // 4, 0)
        pgen += pack("<Hh", 41, number)
        inst += pack("<20sH", b"instrument", len(ibag) // 4)
        for zone in zones:
            ibag += pack("<HH", len(igen) // 4, 0)
            said = {54: 1, **zone}
            sample = said.pop("sample", 0)
            ranges = {kind: said.pop(kind) for kind in (43, 44) if kind in said}
            for kind, (least, most) in ranges.items():
                igen += pack("<HBB", kind, least, most)
            for kind, amount in said.items():
                igen += pack("<Hh", kind, amount)
            igen += pack("<HH", 53, sample)
    phdr += pack("<20sHHH12x", b"EOP", 0, 0, len(pbag) // 4)
    pbag += pack("<HH", len(pgen) // 4, 0)
    inst += pack("<20sH", b"EOI", len(ibag) // 4)
    ibag += pack("<HH", len(igen) // 4, 0)
    tables = {"phdr": phdr, "pbag": pbag, "pmod": bytes(10), "pgen": pgen + bytes(4), "inst": inst, "ibag": ibag}
    tables |= {"imod": bytes(10), "igen": igen + bytes(4), "shdr": headers}
    lists = [
        chunk(b"LIST", b"INFO" + chunk(b"ifil", pack("<HH", version, 1))),
        chunk(b"LIST", b"sdta" + chunk(b"smpl", data)),
        chunk(b"LIST", b"pdta" + b"".join(chunk(name.encode(), table) for name, table in tables.items())),
    ]
    return chunk(b"RIFF", b"sfbk" + b"".join(lists))


@pytest.fixture
def soundfont(tmp_path):
    """Writes a SoundFont and gives its path; without arguments one looped sine of 441 Hz at key 69."""

    def write(presets=None, samples=None, version=2, name="font.sf2"):
        path = tmp_path / name
        path.write_bytes(soundfont_bytes(presets or {(0, 0): [INSTANT]}, samples, version))
        return path

    return write
