"""The representations: pieces to arrays and back. An import and an entry in `REPRESENTATIONS` register one."""

from erato.representations.base import (
    Array,
    Cursor,
    Encoded,
    Representation,
    RepresentationConfig,
    Space,
    Tokens,
)
from erato.representations.note_chords import NoteChords, NoteChordsConfig
from erato.representations.performance import Performance, PerformanceConfig
from erato.representations.pianoroll import Pianoroll, PianorollConfig
from erato.representations.remi import Remi, RemiConfig

REPRESENTATIONS: dict[str, type[RepresentationConfig]] = {
    "remi": RemiConfig,
    "note_chords": NoteChordsConfig,
    "performance": PerformanceConfig,
    "pianoroll": PianorollConfig,
}

__all__ = [
    "REPRESENTATIONS",
    "Array",
    "Cursor",
    "Encoded",
    "NoteChords",
    "NoteChordsConfig",
    "Performance",
    "PerformanceConfig",
    "Pianoroll",
    "PianorollConfig",
    "Remi",
    "RemiConfig",
    "Representation",
    "RepresentationConfig",
    "Space",
    "Tokens",
]
