"""Which tracks of a score are learnt from. Scores and what a person asked for flow in, scores with fewer
tracks flow out.

A track is asked for by index ("0", as the error message counts them), by name, by instrument or family of
General MIDI ("violin", "strings", "drums"), or by General MIDI number from 0 ("program:40").
"""

from collections.abc import Sequence
from typing import Any

from symusic.core import TrackTickList

from erato.errors import ReadError, UsageError
from erato.score import Score

FAMILIES = (  # of General MIDI, eight programs each
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip
INSTRUMENTS = (
    "acoustic grand piano", "bright acoustic piano", "electric grand piano", "honky-tonk piano",
    "electric piano 1", "electric piano 2", "harpsichord", "clavinet",
    "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer",
    "drawbar organ", "percussive organ", "rock organ", "church organ",
    "reed organ", "accordion", "harmonica", "bandoneon",
    "nylon guitar", "steel guitar", "jazz guitar", "clean guitar",
    "muted guitar", "overdriven guitar", "distortion guitar", "guitar harmonics",
    "acoustic bass", "fingered bass", "picked bass", "fretless bass",
    "slap bass 1", "slap bass 2", "synth bass 1", "synth bass 2",
    "violin", "viola", "cello", "contrabass", "tremolo strings", "pizzicato strings", "harp", "timpani",
    "string ensemble 1", "string ensemble 2", "synth strings 1", "synth strings 2",
    "choir aahs", "voice oohs", "synth voice", "orchestra hit",
    "trumpet", "trombone", "tuba", "muted trumpet",
    "french horn", "brass section", "synth brass 1", "synth brass 2",
    "soprano sax", "alto sax", "tenor sax", "baritone sax", "oboe", "english horn", "bassoon", "clarinet",
    "piccolo", "flute", "recorder", "pan flute", "blown bottle", "shakuhachi", "whistle", "ocarina",
    "square lead", "sawtooth lead", "calliope lead", "chiff lead",
    "charang lead", "voice lead", "fifths lead", "bass and lead",
    "new age pad", "warm pad", "polysynth pad", "choir pad",
    "bowed pad", "metallic pad", "halo pad", "sweep pad",
    "rain", "soundtrack", "crystal", "atmosphere", "brightness", "goblins", "echoes", "sci-fi",
    "sitar", "banjo", "shamisen", "koto", "kalimba", "bagpipe", "fiddle", "shanai",
    "tinkle bell", "agogo", "steel drums", "woodblock",
    "taiko", "melodic tom", "synth drum", "reverse cymbal",
    "fret noise", "breath noise", "seashore", "bird tweet",
    "telephone ring", "helicopter", "applause", "gunshot",
)  # fmt: skip
assert len(INSTRUMENTS) == 128


def label(track: Any) -> str:
    """What a track is called: its name, else its instrument."""
    return str(track.name).strip() or ("drums" if track.is_drum else INSTRUMENTS[track.program % 128])


def select(score: Score, wanted: Sequence[str], file: str) -> tuple[Score, list[str], list[str]]:
    """The score with the wanted tracks (default: all with notes or words), and the names of those kept and
    left out.

    ReadError("no-track") names the tracks there are, where none is wanted.
    """
    tracks = list(score.tracks)
    if wanted:
        picked = sorted({index for word in wanted for index in _matches(tracks, word)})
    else:
        picked = [index for index, track in enumerate(tracks) if len(track.notes) or len(track.lyrics)]
    if not any(len(tracks[index].notes) for index in picked):
        there = ", ".join(f"{index} {label(track)}" for index, track in enumerate(tracks)) or "none"
        raise ReadError("no-track", f"{file} has no track with notes for {', '.join(wanted)}: its tracks are {there}.")
    kept = [label(tracks[index]) for index in picked]
    left = [label(track) for index, track in enumerate(tracks) if index not in picked]
    if left:
        score = score.copy()
        score.tracks = TrackTickList([score.tracks[index] for index in picked])
    return score, kept, left


def check_wanted(wanted: Sequence[str]) -> None:
    """UsageError for what can never be a track."""
    for word in wanted:
        kind, _, number = word.partition(":")
        if not word.strip() or (kind == "program" and not (number.isdecimal() and int(number) < 128)):
            raise UsageError(
                f"--track must be an index, a name, an instrument or program:0 to program:127, got {word!r}."
            )


def _matches(tracks: list[Any], word: str) -> list[int]:
    """The indices asked for by `word`: a whole name wins over a part of one, a name over an instrument."""
    word = word.strip().casefold()
    if word.isdecimal():
        return [int(word)] if int(word) < len(tracks) else []
    if word.startswith("program:"):
        program = int(word.removeprefix("program:"))
        return [i for i, track in enumerate(tracks) if track.program == program and not track.is_drum]
    names = [str(track.name).strip().casefold() for track in tracks]
    return (
        [i for i, name in enumerate(names) if name == word]
        or [i for i, name in enumerate(names) if word in name]
        or [i for i, track in enumerate(tracks) if _plays(track, word)]
    )


def _plays(track: Any, word: str) -> bool:
    """Whether a track's instrument is the one (or of the family, or of the kind) that `word` names."""
    if track.is_drum:
        return word in ("drums", "drum", "percussion")
    instrument = INSTRUMENTS[track.program % 128]
    return word in (instrument, FAMILIES[track.program % 128 // 8]) or word in instrument.split()
