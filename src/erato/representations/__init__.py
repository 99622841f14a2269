"""The representations: pieces to arrays and back. An import and an entry in `REPRESENTATIONS` register one."""

from erato.representations.base import (
    Array,
    Bits,
    Cursor,
    Encoded,
    Frames,
    Notes,
    Representation,
    RepresentationConfig,
    Rolls,
    Sounds,
    Space,
    Tokens,
)
from erato.representations.chars import Chars, CharsConfig
from erato.representations.keystates import Keystates, KeystatesConfig
from erato.representations.multitrack import Multitrack, MultitrackConfig
from erato.representations.note_chords import NoteChords, NoteChordsConfig
from erato.representations.note_features import NoteFeatures, NoteFeaturesConfig
from erato.representations.performance import Performance, PerformanceConfig
from erato.representations.pianoroll import Pianoroll, PianorollConfig
from erato.representations.remi import Remi, RemiConfig
from erato.representations.subwords import Subwords, SubwordsConfig
from erato.representations.words import Words, WordsConfig

REPRESENTATIONS: dict[str, type[RepresentationConfig]] = {
    "remi": RemiConfig,
    "note_chords": NoteChordsConfig,
    "note_features": NoteFeaturesConfig,
    "performance": PerformanceConfig,
    "pianoroll": PianorollConfig,
    "keystates": KeystatesConfig,
    "multitrack": MultitrackConfig,
    "chars": CharsConfig,
    "words": WordsConfig,
    "subwords": SubwordsConfig,
}

__all__ = [
    "REPRESENTATIONS",
    "Array",
    "Bits",
    "Chars",
    "CharsConfig",
    "Cursor",
    "Encoded",
    "Frames",
    "Keystates",
    "KeystatesConfig",
    "Multitrack",
    "MultitrackConfig",
    "NoteChords",
    "NoteChordsConfig",
    "NoteFeatures",
    "NoteFeaturesConfig",
    "Notes",
    "Performance",
    "PerformanceConfig",
    "Pianoroll",
    "PianorollConfig",
    "Remi",
    "RemiConfig",
    "Representation",
    "RepresentationConfig",
    "Rolls",
    "Sounds",
    "Space",
    "Subwords",
    "SubwordsConfig",
    "Tokens",
    "Words",
    "WordsConfig",
]
