"""Notation to scores: MusicXML (also packed), ABC and Humdrum kern, with music21. Bytes in, scores out.

Knows nothing of how notes become ticks (`from_music21` does). What music21 is handed has been looked through: nothing
in it is expanded or fetched, and its numbers are those of music. How long that takes is bounded by `guard`.
"""

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from erato.errors import ReadError
from erato.reading import abc_text, kern_text, musicxml
from erato.reading.base import DROPPED, Limits, NamedPiece, Reading, check_size, looks_like
from erato.reading.from_music21 import Tune, music21_to_scores
from erato.reading.guard import Budget
from erato.reading.music21_shortcuts import shortcuts
from erato.score import end_tick, seconds

PARSER = "music21"
SENSELESS = "tunes that make no sense"
MEGABYTE = 2**20
PACKED = 20  # times as large as it is packed is a score at most, in what it may cost
SECONDS = {".abc": 400, ".krn": 100}  # a megabyte takes a few times less; XML takes 1
SECONDS_OF_XML = 5
MEMORY = 24  # bytes a byte
MOST_MEMORY = 310 * MEGABYTE


def budget(data: bytes, size: int, suffix: str) -> Budget:
    """What reading may cost: a little, and in proportion to the size. `size` is that of the file, perhaps packed."""
    size = min(len(data), PACKED * size) * (PACKED if data.startswith(b"PK") else 1)
    seconds = 3.5 + SECONDS.get(suffix, SECONDS_OF_XML) * size / MEGABYTE
    return Budget(seconds, min(200 * MEGABYTE + MEMORY * size, MOST_MEMORY))


def read(data: bytes, name: str, limits: Limits) -> Reading:
    """The piece, or the tunes, of a file of notation; ReadError where there is none."""
    lost: Counter[str] = Counter()
    lower = name.lower()
    if lower.endswith(".abc"):
        tunes = _abc(data, name, lost)
    elif lower.endswith(".krn"):
        tunes = _kern(data, name, lost)
    else:
        tunes = _musicxml(data, name, limits, lost)
    if not tunes:
        raise ReadError("no-notes", f"{name} has no notes.")
    pieces, taken, refused = [], Counter[str](), None
    for title, score in tunes:
        size = {"tracks": len(score.tracks), "notes": score.note_num(), "ticks": end_tick(score)}
        try:
            check_size(name, limits, **size, seconds=seconds(score))
        except ReadError as error:  # one tune of a book must not cost the others
            refused = refused or error
            lost["tunes over the limits"] += len(tunes) > 1
            continue
        taken[title] += 1
        pieces.append(NamedPiece(title if taken[title] == 1 else f"{title} ({taken[title]})", score))
    if refused and not pieces:
        raise refused
    return Reading(pieces, dict(+lost))


@contextmanager
def _quiet() -> Iterator[None]:
    """music21 warns on standard error and through `warnings` of what it mends; what it loses shows in the score."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _convert(parse: Callable[[], Any], name: str, lost: Counter[str], written: int | None = None) -> list[Tune]:
    """Its scores; notes that music21 leaves out on its way are counted, where it is known how many are `written`."""
    with _quiet():
        try:
            found = Counter[str]()
            with shortcuts():
                parsed = parse()
            tunes, heads = music21_to_scores(parsed, found)
        except (ReadError, MemoryError, RecursionError):
            raise
        except OverflowError:
            raise ReadError("too-long", f"{name} has times that no clock can count.") from None
        except Exception:  # music21 raises nearly anything for notation that makes no sense
            raise ReadError("damaged", f"{name} is damaged: its notation makes no sense.") from None
    lost.update(found)
    if written is not None and written > heads:
        lost[DROPPED + "notation that makes no sense"] += written - heads
    return tunes


def _text(data: bytes) -> str:
    """Text in UTF-8 or UTF-16, or else in Latin-1, which is what most old collections are written in."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _abc(data: bytes, name: str, lost: Counter[str]) -> list[Tune]:
    """The tunes of a collection, each read alone, so that a broken one does not take the others with it."""
    from music21 import converter

    found: list[Tune] = []
    for tune in abc_text.tunes(_text(data), data, name, lost):
        try:
            read = _convert(partial(converter.parseData, tune.text, format="abc"), name, lost)
        except ReadError:
            lost[SENSELESS] += 1
            continue
        found += [(tune.title, score) for _, score in read]
    if not found and lost[SENSELESS]:
        raise ReadError("damaged", f"{name} is damaged: none of its tunes makes sense.")
    return found


def _kern(data: bytes, name: str, lost: Counter[str]) -> list[Tune]:
    from music21 import converter

    text = _text(data)
    if "**kern" not in text:
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not Humdrum: it has no **kern spine.")
    text = kern_text.mended(text, name, lost)
    return _convert(lambda: converter.parseData(text, format="humdrum"), name, lost)


def _musicxml(data: bytes, name: str, limits: Limits, lost: Counter[str]) -> list[Tune]:
    root, written = musicxml.tree_of(data, name, limits, lost)
    dropped = sum(count for what, count in lost.items() if what.startswith(DROPPED))
    if written == dropped:
        return []
    try:
        return _convert(partial(_imported, root), name, lost, written - dropped)
    except ReadError as error:
        if error.reason != "damaged":
            raise
    lost["scores read for their notes alone"] += 1
    return _convert(partial(_imported, musicxml.notes_alone(root)), name, lost, written - dropped)


def _imported(root: Element) -> Any:
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    importer = MusicXMLImporter()
    importer.xmlRootToScore(root, importer.stream)  # it puts staves there, whatever it is handed
    return importer.stream
