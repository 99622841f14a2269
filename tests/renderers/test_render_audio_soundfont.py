"""Files that are SoundFonts, and files that are not: what is wrong with them ends in a sentence."""

import random
import re
import sys
import tracemalloc
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from symusic import Note, Score, Track

from erato.errors import UsageError
from erato.renderers import soundfont as reader
from erato.renderers.soundfont import PAN, SoundFont, default_soundfont
from erato.renderers.synthesis import mix

from .conftest import sine


@pytest.fixture
def score():
    made = Score(500)
    track = Track("", 0, False)
    for number in range(4):
        track.notes.append(Note(200 * number, 150, 50 + 10 * number, 100))
    made.tracks.append(track)
    return made


def test_the_font_that_comes_along_is_found_without_importing_its_package():
    assert default_soundfont().name == "TimGM6mb.sf2"
    assert "pretty_midi" not in sys.modules
    font = SoundFont(default_soundfont())
    piano = font.zones(0, 0)
    assert all(font.sample(zone) is not None for zone in piano)
    assert all(font.sounding(0, 0, key, 100) for key in range(128))


@pytest.mark.parametrize("there", [None, ModuleSpec("pretty_midi", None)])
def test_without_that_package_a_sentence_says_what_to_do(monkeypatch, there):
    monkeypatch.setattr(reader, "find_spec", lambda name: there)
    reader.default_soundfont.cache_clear()
    with pytest.raises(UsageError, match="pip install pretty_midi"):
        default_soundfont()
    monkeypatch.undo()
    reader.default_soundfont.cache_clear()
    assert default_soundfont().is_file()


@pytest.mark.parametrize("data", [b"", b"RIFF", b"MThd" + bytes(100), b"RIFF\x20\0\0\0WAVEfmt " + bytes(40)])
def test_another_kind_of_file_is_no_soundfont(tmp_path, data):
    path = tmp_path / "x.sf2"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"x\.sf2 is no SoundFont: give a \.sf2 or \.sf3 file"):
        SoundFont(path)


def test_a_key_beyond_an_instrument_has_the_sample_of_the_nearest_but_a_drum_none(soundfont):
    font = SoundFont(soundfont({(0, 0): [{43: (40, 60), 52: 1}, {43: (61, 80), 52: 2}], (128, 0): [{43: (40, 60)}]}))
    assert [font.sounding(0, 0, key, 100)[0][52] for key in (0, 40, 60, 61, 80, 127)] == [1, 1, 1, 2, 2, 2]
    assert [len(font.sounding(128, 0, key, 100)) for key in (39, 40, 60, 61)] == [0, 1, 1, 0]


def test_no_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.sf2", tmp_path):
        with pytest.raises(UsageError, match=re.escape(str(path))):
            SoundFont(path)


def test_only_a_head_is_damaged(tmp_path):
    path = tmp_path / "x.sf2"
    path.write_bytes(b"RIFF\xff\xff\xff\x7fsfbk" + random.Random(1).randbytes(5000))
    with pytest.raises(UsageError, match="damaged"):
        SoundFont(path)


@pytest.mark.parametrize("rest", [0.1, 0.5, 0.9, 0.99, 0.999])
def test_what_breaks_off_is_damaged(soundfont, rest):
    path = soundfont()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(rest * len(whole))])
    with pytest.raises(UsageError, match=r"is damaged .*: get it again"):
        SoundFont(path)


def test_damage_anywhere_is_survived(soundfont, score):
    """A sentence, or some sound; never an exception of another kind, a warning, or a number that is none."""
    path = soundfont({(0, 0): [{}, {43: (0, 60), 8: 7000, 11: 500, 6: 20, 13: 10, 57: 1, 0: 5, 2: 3}]})
    whole = path.read_bytes()
    tables = whole.index(b"pdta")
    refused = 0
    for seed in range(300):
        rng = random.Random(seed)
        spoilt = bytearray(whole)
        for _ in range(rng.choice([1, 3, 20])):
            spoilt[rng.randrange(tables, len(whole)) if seed % 4 else rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(spoilt)
        try:
            made = mix(score, path, rate=8000).samples
        except UsageError as error:
            refused += 1
            assert "font.sf2" in str(error)
        else:
            assert np.isfinite(made).all()
    assert 20 < refused < 280


def test_indices_that_point_nowhere_are_damage(soundfont, score):
    path = soundfont({(0, 0): [{"sample": 7}]})
    with pytest.raises(UsageError, match="a sample that there is not"):
        mix(score, path)


def test_what_preset_and_instrument_say_adds_up_within_its_limits(soundfont):
    path = soundfont({(0, 0): [{PAN: 300, 52: 500}]})
    whole = path.read_bytes()
    said = whole.index(b"pgen") + 8  # the preset says nothing but its instrument, in two generators of four bytes
    assert whole[said : said + 2] == b"\x29\x00"
    (zone,) = SoundFont(path).zones(0, 0)
    assert (zone[PAN], zone[52], zone[8], zone[56]) == (300, 99, 13500, 100)


def test_version_three_has_its_samples_as_vorbis(soundfont, score):
    wave = sine()
    loud = mix(score, soundfont(samples=[(wave, (0, 44_000), 69)])).samples
    packed = mix(score, soundfont(samples=[(wave, (0, 44_000), 69)], version=3, name="font.sf3")).samples
    assert np.abs(packed).max() == pytest.approx(np.abs(loud).max(), rel=0.05)
    assert np.corrcoef(packed[: len(loud) - 500, 0], loud[: len(loud) - 500, 0])[0, 1] > 0.999


def test_a_sample_that_is_no_vorbis_is_damage(soundfont, score):
    path = soundfont(version=3, name="font.sf3")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"OggS", b"Oggs"))
    with pytest.raises(UsageError, match="Vorbis"):
        mix(score, path)


def test_a_tuning_beyond_all_hearing_costs_no_memory(soundfont, score):
    font = soundfont({(0, 0): [{56: 1200, 58: 0, 51: 120, 6: 12000, 7: 12000}]})  # up to 2 ** 150 times as high
    tracemalloc.start()
    made = mix(score, font).samples
    assert np.isfinite(made).all() and tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize("loop", [(0, 0), (500, 400), (10, 2**31), (2**31, 2**31 + 50)])
def test_a_loop_that_is_none_is_not_looped(soundfont, score, loop):
    made = mix(score, soundfont(samples=[(sine(0.1), loop, 69)])).samples
    assert np.isfinite(made).all() and made.any()
