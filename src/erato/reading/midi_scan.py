"""One MIDI track, event by event: bytes in, how long it lasts and its lyrics out. Knows nothing of notes.

Standard MIDI Files 1.0: an event is a delta time (a number of at most four bytes, seven bits each, the high
bit set on all but the last) and a message, whose first byte is left out where the message before has the same.
"""

from collections.abc import Set

from erato.errors import ReadError

Lyric = tuple[int, str]  # tick, text

_HIGH = bytes(byte >> 7 for byte in range(256))
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # by kind of message


def ticks_at_most(data: bytes) -> int:
    """More ticks than the delta times in `data` can add up to, found without reading the events.

    A delta time of three or four bytes needs two or three bytes in a row with their high bit set; all others
    are below 2**14 and take two bytes, with at least two of data between them.
    """
    high = data.translate(_HIGH)
    return (len(data) << 12) + (high.count(b"\1\1") << 21) + (high.count(b"\1\1\1") << 28)


def scan(track: bytes, name: str, kinds: Set[int]) -> tuple[int, list[Lyric]]:
    """What the delta times of a track add up to, and its text events of the given kinds of meta event."""
    tick = at = status = 0
    lyrics: list[Lyric] = []
    try:
        while at < len(track):
            delta, at = _number(track, at)
            tick += delta
            byte = track[at]
            if byte == 0xFF:
                kind = track[at + 1]
                length, at = _number(track, at + 2)
                if kind == 0x2F:
                    break
                if kind in kinds and (text := _text(track[at : at + length])):
                    lyrics.append((tick, text))
                at += length
            elif byte in (0xF0, 0xF7):
                length, at = _number(track, at + 1)
                at += length
            else:
                if byte & 0x80:
                    status = byte
                    at += 1
                if status < 0xA0 and track[at] & 0x80:
                    raise ReadError("damaged", f"{name} is damaged: it has notes of a pitch above 127.")
                at += _DATA_BYTES[status >> 4]
    except (IndexError, KeyError):
        raise ReadError("damaged", f"{name} is damaged: its MIDI events break off or make no sense.") from None
    return tick, lyrics


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to four bytes, and where it ends."""
    value = 0
    for byte in data[at : at + 4]:
        value = value << 7 | byte & 0x7F
        at += 1
        if byte < 0x80:
            return value, at
    if at >= len(data):
        raise IndexError
    return value, at


def _text(data: bytes) -> str:
    """Text as it is found in the wild, without the marks that karaoke files put at the start of lines."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "" if text.startswith("@") else text.strip("\0\r\n").lstrip("\\/")
