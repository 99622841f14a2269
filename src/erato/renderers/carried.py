"""What files carry of how they were made: the bytes of one in, its record out, as the renderers wrote it there.

A file may be anybody's: whatever is in it, the answer is JSON or None. Knows nothing of what a record says.
"""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from erato.errors import ReadError
from erato.foreign_json import refuse
from erato.reading.midi_events import Events
from erato.renderers.audio_files import audio_record
from erato.renderers.midi import RECORD, TEXT
from erato.renderers.page import page_record
from erato.renderers.records import png_record, svg_record

MOST = 1_000_000  # characters of a record

Reader = Callable[[bytes], dict[str, Any] | None]


def carried(path: Path, data: bytes) -> dict[str, Any] | None:
    """The record in `data`, the file at `path`; None where there is none, or its kind has no place for one."""
    reader = READERS.get(path.suffix.lower())
    return reader(data) if reader else None


def midi_record(data: bytes) -> dict[str, Any] | None:
    """The record in a MIDI file: a text event of its first track."""
    begin = data.find(b"MTrk")
    if begin < 0 or RECORD.encode() not in data:
        return None
    try:
        track = Events(data, "it").walk(begin + 8, len(data), True)
    except ReadError:
        return None
    texts = (data[at : at + size] for _, _, kind, at, size in track.meta if kind == TEXT)
    found = next((text for text in texts if text.startswith(RECORD.encode())), None)
    return None if found is None else parsed(found.removeprefix(RECORD.encode()).decode("utf-8", "replace"))


def musicxml_record(data: bytes) -> dict[str, Any] | None:
    """The record in a MusicXML file: a miscellaneous field of its identification."""
    try:
        root = fromstring(data, forbid_dtd=False)  # every MusicXML file names its DTD; none is read
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None
    fields = root.iterfind("identification/miscellaneous/miscellaneous-field")
    texts = [field.text or "" for field in fields if field.get("name") == "erato"]
    return parsed(texts[0]) if texts else None


def pdf_record(data: bytes) -> dict[str, Any] | None:
    """The record in a PDF: the keywords of its XMP metadata, which stand there uncompressed."""
    found = re.search(rb"<pdf:Keywords>([^<]*)</pdf:Keywords>", data)
    return parsed(unescape(found[1].decode("utf-8", "replace"))) if found else None


def parsed(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object of `text`; None for anything else."""
    try:
        found = json.loads(text, parse_constant=refuse) if len(text) <= MOST else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(reader: Callable[[str], dict[str, Any] | None]) -> Reader:
    return lambda data: reader(data.decode("utf-8", "replace"))


READERS: dict[str, Reader] = {
    ".mid": midi_record,
    ".musicxml": musicxml_record,
    ".pdf": pdf_record,
    ".png": png_record,
    ".svg": _text(svg_record),
    ".html": _text(page_record),
    **dict.fromkeys((".wav", ".flac", ".ogg", ".mp3"), audio_record),
}
