"""Which tracks of a score are learnt from. Scores and what a person asked for flow in, scores with fewer
tracks flow out.

A track is asked for by index ("0", as the error message counts them), by name, by instrument or family of
General MIDI ("violin", "strings", "drums"), or by General MIDI number from 0 ("program:40").
"""

from collections.abc import Sequence
from typing import Any

from symusic.core import TrackTickList

from erato.errors import ReadError, UsageError
from erato.general_midi import FAMILIES, instrument_name
from erato.score import Score


def label(track: Any) -> str:
    """What a track is called: its name, else its instrument."""
    return str(track.name).strip() or instrument_name(track.program, track.is_drum)


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
    instrument, family = instrument_name(track.program).casefold(), FAMILIES[track.program % 128 // 8].casefold()
    return word in (instrument, family, *instrument.split())
