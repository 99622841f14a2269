"""MIDI files as no program should write them: legal but odd ones with what they hold, and broken ones. All from a
seed."""

import random
import struct
from collections import deque
from dataclasses import dataclass, field


def number(value: int) -> bytes:
    """A variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def meta(kind: int, data: bytes) -> bytes:
    return b"\xff" + bytes([kind]) + number(len(data)) + data


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body)) + body


def smf(*tracks: bytes, division: int = 480, form: int = 1, count: int | None = None) -> bytes:
    """A file of tracks that are given without the event that ends them."""
    header = struct.pack(">HHH", form, len(tracks) if count is None else count, division)
    end = b"\0" + meta(0x2F, b"")
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", track + end) for track in tracks)


@dataclass
class Odd:
    """A legal file and the notes that it holds: {(track, channel, program): [(onset, duration, pitch, velocity)]}."""

    data: bytes
    notes: dict[tuple[int, int, int], list[tuple[int, int, int, int]]] = field(default_factory=dict)
    open: int = 0


def odd_file(rng: random.Random) -> Odd:
    """A file of everything that is allowed and rare, and its notes, worked out event by event while it is written."""
    odd = Odd(b"")
    tracks = []
    for track in range(rng.randrange(1, 5)):
        out, tick, running, keep = bytearray(), 0, 0, rng.random()
        program = [0] * 16
        sounding: dict[tuple[int, int], deque[tuple[tuple[int, int, int], int]]] = {}

        def put(delta: int, message: bytes, out: bytearray = out) -> None:
            padding = b"\x80" * rng.randrange(4) if rng.random() < 0.02 else b""
            out.extend(padding + number(delta) + message)

        def end(key: tuple[int, int], at: int, sounding: dict = sounding) -> None:  # type: ignore[type-arg]
            if sounding.get(key):
                where, index = sounding[key].popleft()
                onset, _, pitch, velocity = odd.notes[where][index]
                odd.notes[where][index] = (onset, max(at - onset, 1), pitch, velocity)

        for _ in range(rng.randrange(60)):
            delta = rng.choice([0, 0, 1, 5, 127, 128, 480, 16_384])
            tick += delta
            channel, pitch, velocity = rng.choice([0, 0, 1, 9, 15]), rng.randrange(58, 64), rng.randrange(1, 128)
            what = rng.random()
            if what < 0.75:
                starts = what < 0.45
                status = 0x90 | channel if starts or rng.random() < 0.5 else 0x80 | channel
                data = bytes([pitch, velocity if starts else 0 if status >= 0x90 else velocity])
                put(delta, data if status == running and rng.random() < keep else bytes([status]) + data)
                running = status
                if starts:
                    where = (track, channel, program[channel])
                    rows = odd.notes.setdefault(where, [])
                    sounding.setdefault((channel, pitch), deque()).append((where, len(rows)))
                    rows.append((tick, -1, pitch, velocity))
                else:
                    end((channel, pitch), tick)
            elif what < 0.8:
                program[channel] = rng.randrange(128)
                put(delta, bytes([0xC0 | channel, program[channel]]))
                running = 0xC0 | channel
            elif what < 0.85:
                status = rng.choice([0xA0, 0xB0, 0xD0, 0xE0]) | channel
                put(delta, bytes([status, 1]) + (b"" if status >> 4 == 0xD else b"\x02"))
                running = status
            elif what < 0.9:
                put(
                    delta,
                    meta(rng.choice([0, 1, 2, 4, 7, 0x20, 0x21, 0x54, 0x60, 0x7F]), rng.randbytes(rng.randrange(200))),
                )
            elif what < 0.95:
                data = bytes(rng.randrange(128) for _ in range(rng.randrange(9)))
                put(delta, rng.choice([b"\xf0", b"\xf7"]) + number(len(data)) + data)
            else:
                put(delta, rng.choice([b"\xf1\x05", b"\xf2\x05\x06", b"\xf3\x01", b"\xf6", b"\xf8", b"\xfa", b"\xfe"]))
        for (channel, pitch), waiting in sounding.items():
            odd.open += len(waiting)
            while waiting:
                end((channel, pitch), tick)
        tracks.append(bytes(out))
    data = smf(*tracks, form=0 if len(tracks) == 1 else 1)
    if rng.random() < 0.2:
        data = data[:4] + b"\0\0\0\x09" + data[8:14] + b"abc" + data[14:]
    if rng.random() < 0.2:
        data += chunk(b"XFKM", b"of somebody's own")
    if rng.random() < 0.2:
        data = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data)) + data
    odd.data = data
    return odd


def broken(data: bytes, rng: random.Random) -> bytes:
    """The file with one or several things wrong."""
    body = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        size = len(body)
        if size < 2:
            break
        at, much = rng.randrange(size), rng.choice([1, 1, 2, 5, 50])
        match rng.randrange(9):
            case 0:
                body[at] ^= 1 << rng.randrange(8)
            case 1:
                body[at] = rng.choice(b"\0\x7f\x80\xff\x90\x2f\x4d\xf0\xf7")
            case 2:
                del body[at : at + much]
            case 3:
                body[at:at] = rng.randbytes(much)
            case 4:
                del body[at:]
            case 5:
                other = rng.randrange(size)
                body[at:at] = body[other : other + 60]
            case 6:
                if (track := body.find(b"MTrk", at)) >= 0:
                    lie = rng.choice([0, 1, 5, 2**31, 2**32 - 1, rng.randrange(2**32), rng.randrange(5000)])
                    body[track + 4 : track + 8] = lie.to_bytes(4, "big")
            case 7:
                numbers = (
                    rng.choice([0, 1, 2, 3, 65535]),
                    rng.choice([0, 1, 2, 65535]),
                    rng.choice([0, 1, 24, 32767, 0xE728]),
                )
                body[8:14] = struct.pack(">HHH", *numbers)
            case 8:
                body[at:at] = b"\xff" * rng.randrange(1, 9) + b"\x7f"  # a delta time without end, or nearly
    return bytes(body)
