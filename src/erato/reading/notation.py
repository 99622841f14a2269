"""Notation to scores: MusicXML (also packed), ABC and Humdrum kern, with music21. Bytes in, scores out.

Knows nothing of how notes become ticks (`from_music21` does). XML is looked through before music21 sees it: nothing in
it is expanded or fetched.
"""

import io
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from erato.errors import ReadError
from erato.reading.base import Limits, NamedPiece, Reading, check_bytes, check_size, looks_like
from erato.reading.from_music21 import Tune, music21_to_scores
from erato.score import end_tick, seconds


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """The piece, or the tunes, of a file of notation; ReadError where there is none."""
    lost: dict[str, int] = {}
    lower = name.lower()
    if lower.endswith(".abc"):
        tunes = _abc(data, name, lost)
    else:
        parse = _kern if lower.endswith(".krn") else _musicxml
        tunes = _convert(partial(parse, data, name, limits), name, lost)
    if not tunes:
        raise ReadError("no-notes", f"{name} has no notes.")
    pieces, taken = [], Counter[str]()
    for title, score in tunes:
        size = {"tracks": len(score.tracks), "notes": score.note_num(), "ticks": end_tick(score)}
        check_size(name, limits, **size, seconds=seconds(score))
        taken[title] += 1
        pieces.append(NamedPiece(title if taken[title] == 1 else f"{title} ({taken[title]})", score))
    return Reading(pieces, lost)


@contextmanager
def _quiet() -> Iterator[None]:
    """music21 warns on standard error and through `warnings` of what it mends; what it loses shows in the score."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _convert(parse: Callable[[], Any], name: str, lost: dict[str, int]) -> list[Tune]:
    with _quiet():
        try:
            return music21_to_scores(parse(), lost)
        except (ReadError, MemoryError, RecursionError):
            raise
        except Exception:  # music21 raises nearly anything for notation that makes no sense
            raise ReadError("damaged", f"{name} is damaged: its notation makes no sense.") from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # what most old collections are written in


# ABC and kern

_TUNE = re.compile(r"^X:", re.MULTILINE)


def _abc(data: bytes, name: str, lost: dict[str, int]) -> list[Tune]:
    """The tunes of a collection, each read alone, so that a broken one does not take the others with it."""
    from music21 import converter

    text = _text(data).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text or not re.search(r"^K:", text, re.MULTILINE):
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not ABC: it has no K: line.")
    starts = [match.start() for match in _TUNE.finditer(text)] or [0]
    header = "".join(line for line in text[: starts[0]].splitlines(keepends=True) if re.match(r"[LMQR]:", line))
    tunes: list[Tune] = []
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        tune = text[start:stop]
        number, _, rest = tune.partition("\n")
        try:
            body = f"{number}\n{header}{rest}"
            found = _convert(partial(converter.parseData, body, format="abc"), name, lost)
        except ReadError:
            lost["tunes that make no sense"] = lost.get("tunes that make no sense", 0) + 1
            continue
        title = _title(tune) if len(starts) > 1 else ""
        tunes += [(title, score) for _, score in found]
    if not tunes and lost.get("tunes that make no sense"):
        raise ReadError("damaged", f"{name} is damaged: none of its tunes makes sense.")
    return tunes


def _title(tune: str) -> str:
    """ "12 The Title", as it is written."""
    fields = (re.search(rf"^{letter}:\s*(.*?)\s*(?:%.*)?$", tune, re.MULTILINE) for letter in "XT")
    return " ".join(found.group(1) for found in fields if found and found.group(1))


def _kern(data: bytes, name: str, limits: Limits) -> Any:
    from music21 import converter

    text = _text(data)
    if "**kern" not in text:
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not Humdrum: it has no **kern spine.")
    return converter.parseData(text, format="humdrum")


# MusicXML


def _musicxml(data: bytes, name: str, limits: Limits) -> Any:
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    if data.startswith(b"PK"):
        data = _unzip(data, name, limits)
    elif name.lower().endswith(".mxl"):
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not packed MusicXML.")
    root = _xml(data, name)
    if root.tag == "score-timewise":
        root = _partwise(root)
    if root.tag != "score-partwise":
        raise ReadError("not-music", f"{name} is XML of another kind (<{str(root.tag)[:40]}>), not MusicXML.")
    importer = MusicXMLImporter()
    importer.xmlRootToScore(root, importer.stream)  # it puts staves there, whatever it is handed
    return importer.stream


def _xml(data: bytes, name: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except DefusedXmlException:
        raise ReadError("unsafe", f"{name} defines entities, which a score never needs.") from None
    except (ParseError, ValueError, LookupError):
        if looks_like(data) == "XML":
            raise ReadError("damaged", f"{name} is damaged: its XML is not well formed.") from None
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not MusicXML.") from None
    return root


def _unzip(data: bytes, name: str, limits: Limits) -> bytes:
    """The score inside an .mxl file: what its container names, or else the first XML in it."""

    def member(path: str) -> bytes:
        with archive.open(path) as file:
            unpacked = file.read(limits.file_bytes + 1)
        check_bytes(len(unpacked), name, limits.file_bytes)
        return unpacked

    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        paths = archive.namelist()
        if "META-INF/container.xml" in paths:
            container = _xml(member("META-INF/container.xml"), name)
            named = [str(element.get("full-path")) for element in container.iter() if element.get("full-path")]
        else:
            named = []
        scores = [path for path in paths if path.endswith((".xml", ".musicxml")) and "META-INF" not in path]
        chosen = next((path for path in [*named, *scores] if path in paths), None)
        if chosen is None:
            raise ReadError("not-music", f"{name} is a ZIP archive without a score.")
        return member(chosen)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise ReadError("damaged", f"{name} is damaged: it cannot be unpacked.") from None


def _partwise(root: Element) -> Element:
    """Measures of parts as parts of measures."""
    result = Element("score-partwise", root.attrib)
    parts: dict[str, Element] = {}
    for child in root:
        if child.tag != "measure":
            result.append(child)
            continue
        for part in child.findall("part"):
            name = str(part.get("id"))
            measure = Element("measure", child.attrib)
            measure.extend(list(part))
            parts.setdefault(name, Element("part", part.attrib)).append(measure)
    result.extend(parts.values())
    return result
