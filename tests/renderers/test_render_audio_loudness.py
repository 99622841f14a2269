"""Loudness and true peak, against signals of EBU Tech 3341, the tables of ITU-R BS.1770, and another program."""

import numpy as np
import pytest
from symusic import Note, Score, Tempo, Track

from erato.renderers.loudness import CEILING, TARGET, block_powers, factor, integrated, true_peak, weighing
from erato.renderers.synthesis import RATE, mix, sound


def tone(decibels, seconds, rate=48_000, hertz=1000):
    """A sine in stereo, so many dB below full scale."""
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_the_filters_are_those_of_the_table_at_48_khz():
    (shelf, shelf_under), (high, high_under) = weighing(48_000)
    np.testing.assert_allclose(shelf, [1.53512485958697, -2.69169618940638, 1.19839281085285], rtol=1e-7)
    np.testing.assert_allclose(shelf_under, [1, -1.69065929318241, 0.73248077421585], rtol=1e-7)
    np.testing.assert_allclose(high, [1, -2, 1])
    np.testing.assert_allclose(high_under, [1, -1.99004745483398, 0.99007225036621], rtol=1e-7)


@pytest.mark.parametrize("rate", [44_100, 48_000, 32_000])
@pytest.mark.parametrize("decibels", [-23.0, -33.0])
def test_a_sine_of_1_khz_is_as_loud_as_its_level(decibels, rate):
    assert integrated(tone(decibels, 20, rate), rate) == pytest.approx(decibels, abs=0.1)


def test_the_gates_leave_out_what_is_quiet():
    """Cases 3 and 4 of EBU Tech 3341, shortened in proportion."""
    relative = np.concatenate([tone(-36, 3), tone(-23, 18), tone(-36, 3)])
    assert integrated(relative, 48_000) == pytest.approx(-23, abs=0.1)
    absolute = np.concatenate([tone(-72, 3), tone(-36, 3), tone(-23, 18), tone(-36, 3), tone(-72, 3)])
    assert integrated(absolute, 48_000) == pytest.approx(-23, abs=0.1)


def test_two_levels_within_the_gates_are_averaged_by_power():
    """Case 5 of EBU Tech 3341: 20, 20.1 and 20 seconds at -26, -20 and -26 dB."""
    made = np.concatenate([tone(-26, 20), tone(-20, 20.1), tone(-26, 20)])
    assert integrated(made, 48_000) == pytest.approx(-23, abs=0.1)


def test_what_is_short_or_silent_has_no_loudness():
    assert integrated(tone(-10, 0.39), 48_000) is None
    assert integrated(np.zeros((48_000, 2), np.float32), 48_000) is None
    assert integrated(np.zeros((0, 2), np.float32), 48_000) is None


def test_stretches_leave_no_seam():
    """What is weighed in stretches of ten seconds is what is weighed at once."""
    from scipy.signal import lfilter

    noise = np.random.default_rng(3).normal(0.5, 0.1, (25 * 8000, 2)).astype(np.float32)
    weighed = noise.T.astype(float)
    for over, under in weighing(8000):
        weighed = lfilter(over, under, weighed)
    blocks = [weighed[:, start : start + 3200] for start in range(0, 25 * 8000 - 3200 + 1, 800)]
    wanted = [(block**2).mean(axis=1).sum() for block in blocks]
    np.testing.assert_allclose(block_powers(noise, 8000), wanted, rtol=1e-6)


def test_the_true_peak_lies_between_samples():
    quarter = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4).astype(np.float32)  # its samples are 3 dB lower
    assert np.abs(quarter).max() == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert true_peak(quarter[:, None]) == pytest.approx(1, abs=0.05)
    assert true_peak(np.zeros((10, 2), np.float32)) == 0 == true_peak(np.zeros((0, 2), np.float32))


def test_the_true_peak_is_that_of_eight_times_the_rate():
    from scipy.signal import resample_poly

    noise = np.random.default_rng(5).normal(0, 0.2, (50_000, 2)).astype(np.float32)
    noise = resample_poly(noise, 2, 1).astype(np.float32)  # without the highest octave
    exact = np.abs(resample_poly(noise.astype(float), 8, 1)).max()
    assert true_peak(noise) == pytest.approx(exact, rel=0.02)
    assert true_peak(noise) > np.abs(noise).max()


def test_the_factor_reaches_the_target_or_stays_under_the_ceiling():
    quiet = tone(-40, 3)
    assert integrated(quiet * np.float32(factor(quiet, 48_000)), 48_000) == pytest.approx(TARGET, abs=0.05)
    clicks = np.zeros((48_000 * 3, 2), np.float32)
    clicks[::4800] = 0.01
    loud = clicks * np.float32(factor(clicks, 48_000))
    assert 20 * np.log10(true_peak(loud)) == pytest.approx(CEILING, abs=0.01)
    assert integrated(loud, 48_000) < TARGET
    short = tone(-20, 0.1)
    assert 20 * np.log10(np.abs(short).max() * factor(short, 48_000)) == pytest.approx(CEILING, abs=0.1)
    assert factor(np.zeros((48_000, 2), np.float32), 48_000) == 1


def band(*instruments):
    """Ten seconds for instruments: program, lowest key, whether they are drums."""
    rng = np.random.default_rng(7)
    score = Score(480)
    score.tempos.append(Tempo(0, 120))
    for program, low, drums in instruments:
        track = Track("", program, drums)
        for eighth in range(40):
            key = low + int(rng.integers(0, 12))
            track.notes.append(Note(240 * eighth, 240, key, int(rng.integers(50, 120))))
        score.tracks.append(track)
    return score


def test_music_is_as_loud_as_it_should_be_by_another_program_too():
    import pyloudnorm

    made = sound(band((48, 60, False), (42, 48, False), (19, 36, False))).samples
    assert pyloudnorm.Meter(RATE).integrated_loudness(made.astype(float)) == pytest.approx(TARGET, abs=0.3)


def test_music_with_drums_is_quieter_rather_than_clipped():
    from scipy.signal import resample_poly

    made = sound(band((0, 60, False), (33, 36, False), (0, 36, True))).samples
    peak = np.abs(resample_poly(made.astype(float), 4, 1)).max()
    assert 20 * np.log10(peak) == pytest.approx(CEILING, abs=0.05)
    assert -22 < integrated(made, RATE) < TARGET


def test_a_single_note_is_made_as_loud_as_its_peak_allows():
    score = Score(480)
    score.tracks.append(Track("", 0, False))
    score.tracks[0].notes.append(Note(0, 100, 60, 20))
    made = sound(score).samples
    raw = mix(score).samples
    assert 20 * np.log10(true_peak(made)) <= CEILING + 0.01
    assert np.abs(made).max() > 3 * np.abs(raw).max()
    np.testing.assert_allclose(made / np.abs(made).max(), raw / np.abs(raw).max(), atol=1e-5)  # nothing is bent
