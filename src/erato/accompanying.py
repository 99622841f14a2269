"""A piece of which some tracks are kept comes in; what a run hears of them, and the piece with new tracks, go out.

Which symbols the new tracks are, `erato.phrase_run` finds. Knows nothing of models. Legend: T steps that the run hears,
K tracks that it writes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from symusic.core import NoteTickList, TextMetaTick, TrackTick, TrackTickList

from erato.corpora.tracks import label, select
from erato.errors import UsageError
from erato.reading import read_piece
from erato.reporter import Reporter, counts
from erato.representations.base import Array, Representation, Rolls
from erato.score import END, Piece, Score, bar_line, bars, end_tick, has_pickup


@dataclass(frozen=True)
class Given:
    """A piece to compose to.

    score: as it was, with the tracks that are kept and no others; places: which of the run's tracks each of them is;
    symbols: [T, K] what the run hears of them, -1 in the tracks that are to be written; start: the tick where the
    first of these steps begins; stop: the quarter in which the piece ends, which may be within its last bar.
    """

    score: Score
    places: tuple[int, ...]
    symbols: Array
    start: int
    stop: int

    def joined(self, array: Array, representation: Representation, program: int | None) -> Score:
        """The piece with the tracks of `array` [T, K] that were not given, on `program` if that is not None."""
        written = representation.decode(array)
        assert isinstance(written, Score)
        piece = self.score.copy()
        ratio = piece.ticks_per_quarter / written.ticks_per_quarter
        tracks: dict[int, TrackTick] = dict(zip(self.places, piece.tracks, strict=True))
        for place, track in enumerate(written.tracks):
            if place in tracks:
                continue
            notes = track.notes.numpy()
            edges = np.stack([notes["time"], notes["time"].astype(np.int64) + notes["duration"]])
            onset, end = self.start + np.rint(edges * ratio).astype(np.int64)
            here, end = onset < self.stop, np.minimum(end, self.stop)
            track.notes = NoteTickList.from_numpy(
                onset[here].astype(np.int32),
                (end - onset)[here].astype(np.int32),
                notes["pitch"][here],
                notes["velocity"][here],
            )
            if program is not None:
                track.program = program
            tracks[place] = track
        piece.tracks = TrackTickList([tracks[place] for place in sorted(tracks)])
        return piece


def read_given(
    given: Piece | Path,
    wanted: Sequence[str | int],
    representation: Representation,
    registers: Callable[[], Sequence[float]],
    reporter: Reporter,
) -> Given:
    """What a run hears of a score, or of the file of a path; wanted: which of its tracks are kept (none named: all).

    Each is the run's track of its name, else the one whose register (mean MIDI pitch; registers: of the run's tracks)
    is nearest. Raises UsageError where it is no music, too short, or has no track too few; ReadError for other files.
    """
    space = representation.space
    assert isinstance(space, Rolls)
    if isinstance(given, (str, Path)):
        if not Path(given).is_file():
            raise UsageError(f"there is no file {str(given)[:200]!r} to compose to: give the path of a piece.")
        given = read_piece(Path(given))
    if isinstance(given, str):
        raise UsageError("this run composes to music, and the given file is text: give a piece.")
    words = [str(word) for word in wanted]
    for word in words:
        select(given, [word], "the given piece")  # each names a track that is there
    score = given.copy()
    score.tracks = TrackTickList(
        [track for track in select(given, words, "the given piece")[0].tracks if len(track.notes)]
    )
    there = [label(track) for track in score.tracks]
    if any(track.is_drum for track in score.tracks):
        raise UsageError("this run hears no drums: name the tracks that are kept with given_tracks (--given-tracks).")
    if not 0 < len(there) < space.tracks:
        raise UsageError(
            f"this run writes {space.tracks} tracks, so at most {space.tracks - 1} can be given, got {len(there)} "
            f"({', '.join(there)}): name those that are kept with given_tracks (--given-tracks)."
        )
    rests = np.full((space.phrase, space.tracks), space.pitches, space.read)
    empty = representation.decode(rests)
    assert isinstance(empty, Score)
    voices = [track.name for track in empty.tracks]
    places, how = _places(score, voices, registers)
    heard = score.copy()
    for track, place in zip(heard.tracks, places, strict=True):
        track.name = voices[place]
    order = {number: TrackTick(voice, 0, False) for number, voice in enumerate(voices)} | dict(
        zip(places, heard.tracks, strict=True)
    )
    heard.tracks = TrackTickList([*order.values()])
    last_bar, end = bars(given)[-1], end_tick(given)
    begun = (
        end - last_bar.start >= given.ticks_per_quarter
    )  # as where a pickup shortens it: the run writes to all of it
    heard.markers.append(TextMetaTick(last_bar.end if begun else end, END))
    encoded = representation.encode(heard)
    if not len(encoded.array):
        raise UsageError(
            f"nothing can be composed to the given piece ({counts(encoded.lost)}): give one of at least "
            f"{space.bars} bars of {space.steps} steps, {space.beat} a beat, as the run writes them."
        )
    symbols = np.asarray(encoded.array, space.read).copy()
    symbols[:, [k for k in range(space.tracks) if k not in places]] = -1
    first, last = (int(number) for number in encoded.used["bars"].split("-"))
    said = ", ".join(f"{name} as {voices[place]}" for name, place in zip(there, places, strict=True))
    alone = []
    if has_pickup(given) or first > 1:
        alone.append("what comes before")
    if last < len(bars(given)) - has_pickup(given):
        alone.append("what comes after")
    rest = f"; to {' and '.join(alone)} nothing is written" if alone else ""
    reporter.note(f"Given {said} (by {how}), bars {first} to {last}; they stay as they are{rest}.")
    unheard = {reason: count for reason, count in encoded.lost.items() if reason.startswith("notes")}
    if unheard:
        reporter.note(f"Of the given notes the run hears otherwise than they are: {counts(unheard)}.")
    quarters = max(1, round((end - last_bar.start) / given.ticks_per_quarter))  # of the last bar
    stop = last_bar.start + quarters * given.ticks_per_quarter
    return Given(score, places, symbols, bar_line(given, first - 1), stop)


def _places(
    score: Score, voices: Sequence[str], registers: Callable[[], Sequence[float]]
) -> tuple[tuple[int, ...], str]:
    """Which voice each track is, and by what that was found: all by their names, or all by register."""
    folded = [voice.strip().casefold() for voice in voices]
    names = [track.name.strip().casefold() for track in score.tracks]
    if len(set(names)) == len(names) and all(name in folded for name in names):
        return tuple(folded.index(name) for name in names), "name"
    own: list[float] = [float(track.notes.numpy()["pitch"].mean()) for track in score.tracks]
    theirs: list[float] = list(registers())
    order = np.argsort(own, kind="stable").tolist()
    rising = np.argsort(theirs, kind="stable").tolist()

    def apart(chosen: Sequence[int]) -> float:
        return math.fsum(abs(own[track] - theirs[voice]) for track, voice in zip(order, chosen, strict=True))

    best = min(combinations(rising, len(own)), key=apart)  # in order of pitch on both sides, nothing crosses
    return tuple(best[order.index(track)] for track in range(len(own))), "register"
