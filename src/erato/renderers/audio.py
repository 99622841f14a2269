"""Pieces to sound, one renderer a kind of file. In: a score in ticks. Out: WAV, FLAC, OGG, MP3; each track on request.

Knows nothing of how sound is made (`synthesis.py`) or encoded (`audio_files.py`).
"""

import unicodedata
from abc import abstractmethod
from pathlib import Path
from typing import BinaryIO

from erato import files
from erato.renderers.audio_files import (
    audio_record,
    write_flac,
    write_mp3,
    write_ogg,
    write_wav,
)
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.names import one_line, track_labels
from erato.renderers.synthesis import Sound, sound, stems
from erato.score import Piece, Score

__all__ = ["Audio", "Flac", "Mp3", "Ogg", "Wav", "audio_record", "sound", "stem_paths"]

LONGEST_LABEL = 40  # characters of a track's name in that of its file


class Audio(Renderer):
    """A renderer whose files sound; soundfont: the instruments, None for those that come with Erato."""

    def __init__(self, soundfont: Path | None = None) -> None:
        self.soundfont = soundfont

    def write(self, piece: Piece, path: Path, about: About) -> None:
        score = as_score(piece, path, self)
        self._save(sound(score, self.soundfont), path, about)

    def write_stems(self, score: Score, path: Path, about: About) -> list[Path]:
        """Writes each track that has notes beside `path`: together they are what `write` writes there. Overwrites."""
        paths = stem_paths(score, path)
        for stem, (label, alone) in zip(paths, stems(score, self.soundfont), strict=True):
            title = f"{about.title}: {label}" if about.title else label
            self._save(alone, stem, About(title, about.facts, about.record))
        return paths

    def _save(self, made: Sound, path: Path, about: About) -> None:
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            self.encode(made, file, about)

    @abstractmethod
    def encode(self, made: Sound, file: BinaryIO, about: About) -> None:
        """Writes sound to an open file."""


class Wav(Audio):
    suffix = ".wav"
    summary = "sound, as it is (16 bits, 44.1 kHz)"
    noun = "a WAV file"

    def encode(self, made: Sound, file: BinaryIO, about: About) -> None:
        write_wav(made, file, about)


class Flac(Audio):
    suffix = ".flac"
    summary = "sound, compressed without loss"
    noun = "a FLAC file"

    def encode(self, made: Sound, file: BinaryIO, about: About) -> None:
        write_flac(made, file, about)


class Ogg(Audio):
    suffix = ".ogg"
    summary = "sound, small (Ogg Vorbis)"
    noun = "an OGG file"

    def encode(self, made: Sound, file: BinaryIO, about: About) -> None:
        write_ogg(made, file, about)


class Mp3(Audio):
    suffix = ".mp3"
    summary = "sound, small, for any player"
    noun = "an MP3 file"

    def encode(self, made: Sound, file: BinaryIO, about: About) -> None:
        write_mp3(made, file, about)


def stem_paths(score: Score, path: Path) -> list[Path]:
    """The file of each track that has notes, beside `path`: piece-01-Soprano.wav for piece.wav."""
    labels = zip(track_labels(score.tracks), score.tracks, strict=True)
    names = [file_name(label) for label, track in labels if len(track.notes)]
    digits = max(2, len(str(len(names))))
    return [
        path.with_name(f"{path.stem}-{number:0{digits}d}-{name}{path.suffix}") for number, name in enumerate(names, 1)
    ]


def file_name(label: str) -> str:
    """`label` as a part of a file's name that any system takes: letters and digits of any script, hyphens between."""
    composed = unicodedata.normalize("NFC", one_line(label))
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in composed)
    cut = "-".join("".join(kept).split())[:LONGEST_LABEL]
    while len(cut.encode()) > 2 * LONGEST_LABEL:
        cut = cut[:-1]
    return cut.strip("-") or "track"
