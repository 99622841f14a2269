"""What cursors say of the notes that symbols begin is what is decoded: runs over all that are registered."""

from collections import defaultdict

import numpy as np
import pytest
from tests.representations.test_representation_contract import PIECES, SETTINGS, drawn  # type: ignore[import-not-found]

from erato.representations import REPRESENTATIONS, NoteChordsConfig, PerformanceConfig, PianorollConfig, RemiConfig
from erato.representations.base import Bits, Frames, Notes, Rolls

CONFIGS = {name: kind(**SETTINGS.get(name, {})) for name, kind in REPRESENTATIONS.items() if kind.kind == "music"}
CONFIGS |= {
    "note_chords, learnt": NoteChordsConfig(advance="learnt"),
    "note_chords, random": NoteChordsConfig(advance="random"),
    "performance, coarse": PerformanceConfig(steps_per_second=20, velocity_bins=0),
    "pianoroll, onsets": PianorollConfig(onsets=True, step_beats=0.25, lowest=40, keys=30),
    "remi, fine": RemiConfig(steps_per_quarter=48),
    "remi, drums": RemiConfig(max_tracks=1),
}
BATCH, LENGTH = 3, 400


@pytest.fixture(params=CONFIGS)
def representation(request):
    pieces = PIECES["music"]
    if request.param == "remi, drums":  # and nothing else: no melody
        pieces = [piece.copy() for piece in pieces]
        for piece in pieces:
            piece.tracks = [track for track in piece.tracks if track.is_drum]
    return CONFIGS[request.param].fit(pieces)


def heard(space, sounds, after, symbols, row):
    """(onset, track, pitch) of the notes that a symbol of a row begins by what was said before it (of Notes, after)."""
    pitch = sounds.pitch if sounds.pitch.ndim == 1 else sounds.pitch[row]
    track = 0 if sounds.track is None else int(sounds.track[row])
    onset = int((after if isinstance(space, Notes) else sounds).onset[row])
    symbol = symbols[row]
    if isinstance(space, Frames):
        found = pitch[symbol == 1].tolist()
    else:
        found = [int(pitch[int(symbol[0]) if isinstance(space, Notes) else symbol])]
    return [(onset, track, one) for one in found if one >= 0 and track >= 0]


def tops(notes):
    """The highest pitch by track and onset."""
    found = defaultdict(int)
    for onset, track, pitch in notes:
        found[track, onset] = max(found[track, onset], pitch)
    return sorted((onset, pitch) for (_, onset), pitch in found.items())


def decoded(representation, array):
    score = representation.decode(array)
    pitched = [track for track in score.tracks if not track.is_drum]
    return score, [(note.time, number, note.pitch) for number, track in enumerate(pitched) for note in track.notes]


def test_the_notes_that_symbols_begin_are_those_that_are_decoded(representation):
    space, rng = representation.space, np.random.default_rng(1)
    cursor, length = representation.cursor(BATCH), LENGTH * min(space.frame, 6)
    if isinstance(space, Rolls):  # whole phrases are written at once
        assert cursor.sounds() is None
        return
    notes, pushed, reached = [[] for _ in range(BATCH)], [], np.zeros(BATCH, np.int64)
    for step in range(length):
        sounds = cursor.sounds()
        assert sounds.pitch.shape[-1] == {Frames: getattr(space, "keys", 0), Bits: 2, Notes: 128}.get(
            type(space), getattr(space, "size", 0)
        )
        assert sounds.onset.shape == (BATCH,) and (sounds.onset >= reached).all()
        reached = sounds.onset
        symbols = drawn(space, cursor.allowed(), BATCH, rng)
        cursor.push(symbols)
        for row in range(BATCH):
            notes[row] += heard(space, sounds, cursor.sounds(), symbols, row)
        pushed.append(symbols)
        if step % 50 == 7:
            order = [2, 0, 1]
            cursor, reached = cursor.take(order), reached[order]
            notes, pushed = [list(notes[row]) for row in order], [one[order] for one in pushed]
    for row in range(BATCH):
        array = np.array([one[row] for one in pushed])
        score, there = decoded(representation, array)
        assert score.ticks_per_quarter == sounds.ticks_per_quarter
        wanted, said = tops(there), tops(notes[row])
        last = max((onset for onset, _ in wanted), default=0)  # a note that is cut is not written
        assert [one for one in said if one[0] < last] == [one for one in wanted if one[0] < last]
        assert set(wanted) <= set(said) or last == 0
        drums = all(track.is_drum for track in score.tracks)
        assert len(said) > 3 or drums


def test_many_key_states_begin_what_one_after_another_do(representation):
    space, rng = representation.space, np.random.default_rng(2)
    if not isinstance(space, Bits):
        with pytest.raises(NotImplementedError):
            representation.cursor(1).begun(np.zeros(3, np.int8))
        return
    states = (rng.random(space.keys * 9 + 5) < 0.3).astype(np.int8)
    for first in (0, 1, space.keys, space.keys * 2 + 7):
        one, many = representation.cursor(1), representation.cursor(1)
        many.push_all(states[: first // 2])
        many.push_all(states[first // 2 : first])
        for state in states[:first]:
            one.push(np.array([state]))
        found = []
        for place, state in enumerate(states[first:]):
            found += [(place, onset, pitch) for onset, _, pitch in heard(space, one.sounds(), None, [state], 0)]
            one.push(np.array([state]))
        assert list(zip(*map(np.ndarray.tolist, many.begun(states[first:])), strict=True)) == found
