"""Corpora that come with the install, offline: what music21's wheel and Python itself carry. Files flow in,
corpora flow out.

music21's collection is read through the dependency when it is asked for, and copied nowhere but into the
user's cache; some of its encodings may not be used commercially, and every manifest says so.
"""

import re
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from symusic.core import TrackTickList

from erato import files
from erato.corpora.base import Progress
from erato.corpora.collection import FileCorpus
from erato.corpora.scan import Adapt, Job, Source
from erato.corpora.store import cache_folder
from erato.errors import CorpusError, ReadError
from erato.reading import NamedPiece, Reading
from erato.score import FERMATA, Score

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
MUSIC21 = "https://www.music21.org/music21docs/about/referenceCorpus.html"
CITATION = "Cuthbert and Ariza, music21: A Toolkit for Computer-Aided Musicology and Symbolic Music Data, ISMIR 2010"
MAY_BE_RESTRICTED = (
    "the music is in the public domain; the encodings are distributed with music21 by permission, some not for "
    "commercial use (music21's corpus/license.txt)"
)


class Builtin(FileCorpus):
    """Files that music21's wheel carries."""

    homepage = MUSIC21
    citation = CITATION

    def __init__(
        self,
        name: str,
        kind: Literal["music", "text"],
        summary: str,
        patterns: tuple[str, ...],
        *,
        licence: str = MAY_BE_RESTRICTED,
        group: Callable[[str], str | None] = lambda name: None,
        adapt: Adapt | None = None,
        version: str = "",
    ) -> None:
        self.name, self.kind, self.summary, self.licence = name, kind, summary, licence
        self.patterns = patterns  # of files, in music21's corpus folder
        self.group = group  # the work that a file is of, where its name says so
        self.job = Job(adapt=adapt, version=version)

    def origin(self, source: Source) -> str:
        return f"music21's corpus: {source.name}"

    def sources(self, progress: Progress | None = None) -> list[Source]:
        found = find_spec("music21")
        if found is None or not found.submodule_search_locations:
            raise CorpusError(f"{self.name} comes with music21, which is not installed: pip install music21.")
        folder = Path(found.submodule_search_locations[0]) / "corpus"
        paths = sorted({path for pattern in self.patterns for path in folder.glob(pattern)})
        if not paths:
            raise CorpusError(f"{self.name} is not in this music21, whose corpus was left out: install its wheel.")
        names = [path.relative_to(folder).as_posix() for path in paths]
        return [Source(name, str(path), self.group(name)) for name, path in zip(names, paths, strict=True)]


def _chorale(name: str) -> str | None:
    """The catalogue number of a chorale: its variants (bwv248.23-2, bwv248.23-s) are one work."""
    number = re.search(r"bwv(\d+(?:\.\d+)?)", name)
    return f"BWV {number.group(1)}" if number else None


def _folder(name: str) -> str | None:
    """Movements that lie in one folder are one work."""
    return str(Path(name).parent)


def four_voices(reading: Reading, name: str) -> Reading:
    """The soprano, alto, tenor and bass of each piece; other parts are left out and counted.

    ReadError("no-track"): one of the four is missing.
    """
    pieces, lost = [], Counter(reading.lost)
    for named in reading.pieces:
        assert isinstance(named.piece, Score)
        score = named.piece.copy()
        chosen = []
        for voice in VOICES:
            tracks = [track for track in score.tracks if track.name.strip().startswith(voice)]
            if not tracks:
                raise ReadError("no-track", f"{name} has no {voice.lower()}: its parts are {_parts(score)}.")
            tracks[0].name = voice
            chosen.append(tracks[0])
        if more := len(score.tracks) - len(VOICES):
            lost["parts besides the four voices"] += more
        score.tracks = TrackTickList(chosen)
        pieces.append(NamedPiece(named.name, score, named.split))
    return Reading(pieces, dict(lost))


def _parts(score: Score) -> str:
    return ", ".join(track.name for track in score.tracks) or "none"


def verses(reading: Reading, name: str) -> Reading:
    """The words of each piece, as sung by its highest part that has any: a line a phrase (fermatas end
    them).
    """
    pieces = []
    for named in reading.pieces:
        assert isinstance(named.piece, Score)
        if text := _words(named.piece):
            pieces.append(NamedPiece(named.name, text))
    if not pieces:
        raise ReadError("other-kind", f"{name} has no words.")
    missed = {what: count for what, count in reading.lost.items() if what.startswith("syllables")}
    return Reading(pieces, missed)


def _words(score: Score) -> str:
    sung = next((track.lyrics for track in score.tracks if len(track.lyrics)), None)
    if sung is None:
        return ""
    ends = sorted({marker.time for marker in score.markers if marker.text == FERMATA})
    lines, line = [], ""
    for syllable in sorted(sung, key=lambda syllable: syllable.time):
        while ends and ends[0] < syllable.time:  # the phrase before this syllable has ended
            ends.pop(0)
            if not line.endswith("-"):
                lines.append(line)
                line = ""
        word = re.sub(r"^\d+\.\s*", "", syllable.text.strip())  # the number of a verse
        line = line.removesuffix("-") + word if line.endswith("-") else f"{line} {word}"
    lines.append(line.removesuffix("-"))
    if len(lines) == 1:  # no fermatas: phrases end where the sentence pauses
        lines = re.split(r"(?<=[,.;:!?]) ", lines[0])
    return "".join(f"{' '.join(line.split())}\n" for line in lines if line.strip())


class PythonReference(FileCorpus):
    """The topics that Python's own help() shows, as one text in alphabetical order."""

    name = "python-reference"
    kind = "text"
    summary = "Python's language reference as its help() shows it: English prose about a language"
    licence = "PSF-2.0"
    citation = "The Python Software Foundation, The Python Language Reference"
    homepage = "https://docs.python.org/3/reference/"

    def origin(self, source: Source) -> str:
        return "pydoc_data.topics, in Python's standard library"

    def sources(self, progress: Progress | None = None) -> list[Source]:
        from pydoc_data.topics import topics

        text = "\n".join(topics[name].strip() + "\n" for name in sorted(topics))
        path = cache_folder() / "builtin" / "python-reference.txt"
        if not path.exists() or path.read_text("utf-8") != text:
            files.write_text(path, text)
        return [Source(path.name, str(path))]


CHORALES = ("bach/bwv*[0-9].*.mxl", "bach/bwv[2-4]??.mxl", "bach/bwv*-*.mxl", "bach/bwv67.4.xml", "bach/bwv69.6.xml")

BUILTIN: list[FileCorpus] = [
    Builtin(
        "bach-chorales",
        "music",
        "four-part chorales by J. S. Bach: all of Riemenschneider's 371 and variants. Where there are more parts, "
        "soprano, alto, tenor and bass are kept (of two sopranos the first) and the rest left out",
        CHORALES,
        licence="the music is in the public domain; encoded by M. Greentree and others, distributed with music21 by "
        "permission",
        group=_chorale,
        adapt=four_voices,
        version="voices1",
    ),
    Builtin(
        "palestrina",
        "music",
        "1,318 movements of masses by Palestrina, three to eight voices (reading them takes minutes, once)",
        ("palestrina/*.krn",),
    ),
    Builtin(
        "folk-tunes",
        "music",
        "German songs of Erk's collection (Essen), O'Neill's and Ryan's fiddle tunes: about 4,750 melodies. The other "
        "Essen volumes are left out, because reading them takes minutes",
        ("essenFolksong/erk*.abc", "oneills1850/*.abc", "ryansMammoth/*.abc"),
        licence="the tunes are in the public domain; the Essen encodings (Schaffrath, Dahlig-Turek; ABC by S. Shlien) "
        "are distributed by permission for non-commercial use, see music21's corpus/essenFolksong/license.txt",
    ),
    Builtin(
        "string-quartets",
        "music",
        "movements of string quartets by Haydn, Mozart, Beethoven and Robert Schumann",
        (
            "haydn/opus*/*.mxl",
            "mozart/k80/*.mxl",
            "mozart/k15?/*.mxl",
            "mozart/k458/*.mxl",
            "beethoven/opus*.mxl",
            "beethoven/opus*/*.mxl",
            "schumann_robert/opus41no1/*.mxl",
        ),
    ),
    Builtin(
        "chorale-lyrics",
        "text",
        "the verses of Bach's chorales in German as the soprano sings them, a line a phrase",
        CHORALES,
        licence="the verses are in the public domain; encoded by M. Greentree and others, distributed with music21 by "
        "permission",
        group=_chorale,
        adapt=verses,
        version="verses2",
    ),
    PythonReference(),
]
