"""Small pieces to make corpora of, and a cache of their own for every test."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from symusic import Note, Score, Track


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ERATO_CACHE", str(folder))
    return folder


def _song(
    pitches: Sequence[int], *, names: Sequence[str] = ("Lead",), programs: Sequence[int] = (0,), tpq: int = 480
) -> bytes:
    """A MIDI file: in every track the same quarter notes, one after another, an octave lower from track to track."""
    score = Score(tpq)
    for number, (name, program) in enumerate(zip(names, programs, strict=True)):
        track = Track(name, program, False)
        for index, pitch in enumerate(pitches):
            track.notes.append(Note(index * tpq, tpq, pitch - 12 * number, 80))
        score.tracks.append(track)
    return bytes(score.dumps_midi())


@pytest.fixture
def song() -> Callable[..., bytes]:
    return _song


def _tune(seed: int, length: int = 40) -> list[int]:
    """A tune that differs from that of every other seed, and in its pitches too."""
    value, pitches = seed * 7919 + 1, []
    for _ in range(length):
        value = (value * 1103515245 + 12345) % 2**31
        pitches.append(48 + (value >> 16) % 36)
    return pitches


@pytest.fixture
def tune() -> Callable[..., list[int]]:
    return _tune
