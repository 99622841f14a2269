"""MIDI to MusicXML to MIDI: what was written on a grid comes back with the same times, pitches, meters and tempos."""

import random
import warnings
from fractions import Fraction
from pathlib import Path

import pytest
from symusic.core import KeySignatureTick, NoteTick, TempoTick, TimeSignatureTick, TrackTick

from erato.reading import read_piece
from erato.renderers.base import About
from erato.renderers.engraved import musicxml, sheet
from erato.renderers.midi import midi_bytes
from erato.score import Score, bars

QUARTER = 480
METERS = [(4, 4), (3, 4), (7, 8), (5, 4), (2, 2), (6, 8), (12, 8), (3, 8), (5, 8)]


def written(seed: int) -> Score:
    """Music on a grid of 8ths, 16ths, 32nds or triplets: one to three tracks of chords and overlapping notes."""
    rng = random.Random(seed)
    score = Score(QUARTER)
    if rng.random() < 0.4:
        beats, denominator = rng.choice([(4, 4), (3, 4), (6, 8)])
        score.time_signatures.append(TimeSignatureTick(0, 1, denominator))  # a pickup
        score.time_signatures.append(TimeSignatureTick(4 * QUARTER // denominator, beats, denominator))
    else:
        score.time_signatures.append(TimeSignatureTick(0, *rng.choice(METERS)))
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = bars(score, 60 * QUARTER)[rng.randrange(2, 8)].start
        last = score.time_signatures[-1]
        change = rng.choice([(4, 4), (3, 4), (7, 8), (2, 4)])
        if at > last.time and change != (last.numerator, last.denominator):
            score.time_signatures.append(TimeSignatureTick(at, *change))
    for count in range(rng.choice([0, 1, 3])):
        score.tempos.append(
            TempoTick(count * 4 * QUARTER + 240 * rng.randrange(2), mspq=rng.randrange(250_000, 1_200_000))
        )
    if rng.random() < 0.5:
        score.key_signatures.append(KeySignatureTick(0, rng.randrange(-7, 8), rng.randrange(2)))
    for number in range(rng.choice([1, 2, 3])):
        track = TrackTick(f"Track {number}", rng.choice([0, 0, 33, 40, 73]), False)
        steps, at = rng.choice([[240], [120], [60], [160], [80], [120, 160], [120, 40]]), 0
        free: dict[int, int] = {}
        for _ in range(30):
            at += rng.choice(steps) * rng.randrange(0 if rng.random() < 0.3 else 1, 5)
            length, pitch = rng.choice(steps) * rng.randrange(1, 9), rng.randrange(36, 90)
            if free.get(pitch, 0) <= at:
                track.notes.append(NoteTick(at, length, pitch, rng.randrange(1, 128)))
                free[pitch] = at + length
        score.tracks.append(track)
    return score


def notes(score: Score) -> list[tuple[Fraction, Fraction, int, int]]:
    quarter = score.ticks_per_quarter
    return sorted(
        (Fraction(note.time, quarter), Fraction(note.duration, quarter), note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
    )


def changes(score: Score) -> tuple[list[tuple[Fraction, int, int]], dict[Fraction, int]]:
    """Meters up to the last note, and tempos."""
    end = max(onset + length for onset, length, _, _ in notes(score))
    quarter = score.ticks_per_quarter
    meters = [
        (Fraction(meter.time, quarter), meter.numerator, meter.denominator)
        for meter in sorted(score.time_signatures, key=lambda meter: meter.time)
        if Fraction(meter.time, quarter) < end
    ]
    return meters, {Fraction(tempo.time, quarter): tempo.mspq for tempo in score.tempos}


@pytest.mark.parametrize("seed", range(24))
def test_music_on_a_grid_comes_back(seed: int, tmp_path: Path) -> None:
    (tmp_path / "in.mid").write_bytes(midi_bytes(written(seed)))
    before = read_piece(tmp_path / "in.mid")
    assert isinstance(before, Score)
    assert sheet(before, About()).said == []  # nothing was changed to write it down
    (tmp_path / "out.musicxml").write_text(musicxml(before), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = read_piece(tmp_path / "out.musicxml")
    assert isinstance(after, Score)
    (tmp_path / "back.mid").write_bytes(midi_bytes(after))
    back = read_piece(tmp_path / "back.mid")
    assert isinstance(back, Score)
    assert notes(back) == notes(before)
    assert changes(back) == changes(before)


@pytest.mark.parametrize("seed", range(6))
def test_verovio_reads_it_without_a_warning(seed: int) -> None:
    import verovio

    verovio.enableLog(verovio.LOG_WARNING)
    toolkit = verovio.toolkit()
    assert toolkit.loadData(musicxml(written(seed)))
    assert toolkit.getLog() == ""
