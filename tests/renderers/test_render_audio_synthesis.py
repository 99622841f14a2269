"""What notes, controllers and instruments sound like: against sines and decibels worked out by hand.

Scores count 500 ticks in a quarter of 120 a minute: a tick is a millisecond.
"""

import numpy as np
import pytest
from symusic import ControlChange, Note, Pedal, PitchBend, Score, Tempo, TextMeta, Track

from erato.errors import UsageError
from erato.renderers.synthesis import RATE, mix, sound, stems

from .conftest import sine

SEMITONE = 2 ** (1 / 12)
USUAL = (100 / 127) ** 2 * np.sqrt(0.5) * 32000 / 32768  # volume where nothing is said, in the middle, of this sample


def piece(*notes, tempo=120, **track):
    """A score of one track: notes are (tick, length, key, velocity)."""
    score = Score(500)
    score.tempos.append(Tempo(0, tempo))
    add(score, *notes, **track)
    return score


def add(score, *notes, program=0, drums=False, controls=(), pedals=(), bends=(), name=""):
    made = Track(name, program, drums)
    for note in notes:
        made.notes.append(Note(*note))
    for control in controls:
        made.controls.append(ControlChange(*control))
    for pedal in pedals:
        made.pedals.append(Pedal(*pedal))
    for bend in bends:
        made.pitch_bends.append(PitchBend(*bend))
    score.tracks.append(made)


def part(samples, start, stop, channel=0):
    """Seconds `start` to `stop` of a channel."""
    return samples[round(start * RATE) : round(stop * RATE), channel]


def level(samples, start, stop, channel=0):
    """The root mean square, in dB."""
    return 10 * np.log10(np.mean(part(samples, start, stop, channel).astype(float) ** 2) + 1e-20)


def pitch(samples, start, stop):
    """The frequency in Hz, by zero crossings."""
    wave = part(samples, start, stop)
    ups = np.flatnonzero((wave[:-1] < 0) & (wave[1:] >= 0))
    exact = ups + wave[ups] / (wave[ups] - wave[ups + 1])
    return (len(ups) - 1) / (exact[-1] - exact[0]) * RATE


def test_a_note_is_its_sample_at_its_pitch_and_level(soundfont):
    made = mix(piece((100, 900, 69, 127)), soundfont()).samples
    assert made.dtype == np.float32
    time = np.arange(round(0.9 * RATE)) / RATE
    wanted = USUAL * np.sin(2 * np.pi * 441 * time)
    first = round(0.1 * RATE)
    for channel in (0, 1):
        np.testing.assert_allclose(made[first : first + len(wanted), channel], wanted, atol=2e-3)
    assert not made[:first].any()


@pytest.mark.parametrize("key", [45, 62, 70, 81, 90])
def test_every_key_has_its_pitch(soundfont, key):
    made = mix(piece((0, 500, key, 100)), soundfont()).samples
    assert pitch(made, 0.02, 0.48) == pytest.approx(441 * SEMITONE ** (key - 69), rel=2e-5)


def test_a_loop_goes_on_for_long_without_a_seam(soundfont):
    """A loop of one period, whose length in frames is no whole number."""
    made = mix(piece((0, 20_000, 73, 127)), soundfont(samples=[(sine(0.01), (100, 200), 69)])).samples[:, 0]
    time = np.arange(20 * RATE) / RATE
    wanted = USUAL * np.sin(2 * np.pi * 441 * SEMITONE**4 * time)
    assert np.abs(made[: len(time)] - wanted).max() < 0.002


def test_interpolation_keeps_a_sine_a_sine(soundfont):
    made = mix(piece((0, 500, 76, 127)), soundfont()).samples[: RATE // 3, 0]
    time = np.arange(len(made)) / RATE
    wanted = USUAL * np.sin(2 * np.pi * 441 * SEMITONE**7 * time)
    assert np.abs(made - wanted).max() < 0.002


@pytest.mark.parametrize("rate", [22_050, 32_000, 48_000])
def test_other_rates_sound_the_same(soundfont, rate):
    made = mix(piece((0, 500, 69, 127)), soundfont(), rate)
    time = np.arange(round(0.5 * rate)) / rate
    assert made.rate == rate
    np.testing.assert_allclose(made.samples[: len(time), 0], USUAL * np.sin(2 * np.pi * 441 * time), atol=3e-3)


def test_loudness_follows_velocity_by_forty_decibels_a_decade(soundfont):
    notes = [(0, 400, 69, 127), (500, 400, 69, 64), (1000, 400, 69, 13)]
    made = mix(piece(*notes), soundfont()).samples
    loud = [level(made, at, at + 0.39) for at in (0, 0.5, 1.0)]
    assert loud[0] - loud[1] == pytest.approx(40 * np.log10(127 / 64), abs=0.05)
    assert loud[0] - loud[2] == pytest.approx(40 * np.log10(127 / 13), abs=0.05)


def test_a_change_of_tempo_moves_an_onset_to_the_right_sample(soundfont):
    score = piece((0, 100, 69, 100), (1000, 100, 69, 100))
    score.tempos.append(Tempo(500, 60))
    made = mix(score, soundfont()).samples
    heard = np.abs(made[round(0.2 * RATE) :]).max(axis=1) > 1e-6
    assert round(0.2 * RATE) + int(np.argmax(heard)) == round(1.5 * RATE) + 1  # a sine begins at 0


def test_the_release_falls_by_100_db_in_its_time_and_is_kept(soundfont):
    font = soundfont({(0, 0): [{34: -12000, 38: 0}]})  # one second
    made = mix(piece((0, 500, 69, 127)), font)
    for after in (0.1, 0.3, 0.5):
        fallen = level(made.samples, 0.4, 0.5) - level(made.samples, 0.5 + after, 0.5 + after + 0.05)
        assert fallen == pytest.approx(100 * (after + 0.025), abs=1.0)
    assert 0.5 + 0.6 < made.seconds < 0.5 + 0.85
    assert np.abs(made.samples[-1]).max() < 1e-3


def test_attack_decay_and_sustain(soundfont):
    half_second, second = -1200, 0
    font = soundfont({(0, 0): [{34: half_second, 36: second, 37: 300, 38: -12000}]})  # sustained 30 dB lower
    made = mix(piece((0, 2000, 69, 127)), font).samples
    full = 20 * np.log10(USUAL / np.sqrt(2))
    assert level(made, 0.24, 0.26) == pytest.approx(full - 6, abs=0.1)  # half of the attack
    assert level(made, 0.59, 0.61) == pytest.approx(full - 10, abs=0.2)  # a tenth of the decay
    assert level(made, 1.0, 1.9) == pytest.approx(full - 30, abs=0.1)


def test_a_font_says_how_loud_and_where_a_zone_is(soundfont):
    louder = mix(piece((0, 500, 69, 100)), soundfont()).samples
    font = soundfont({(0, 0): [{34: -12000, 48: 100, 17: -500}]}, name="left.sf2")
    left = mix(piece((0, 500, 69, 100)), font).samples
    assert not left[:, 1].round(6).any()
    quieter = level(louder, 0, 0.5) + 20 * np.log10(np.sqrt(2)) - level(left, 0, 0.5)
    assert quieter == pytest.approx(4.0, abs=0.05)  # 10 dB, of which synthesizers take 0.4


def test_keys_and_velocities_choose_the_zone(soundfont):
    zones = [{43: (0, 59), 58: 57}, {43: (60, 127), 44: (0, 63)}, {43: (60, 127), 44: (64, 127), 51: 12}]
    font = soundfont({(0, 0): zones})
    notes = [(0, 300, 57, 100), (400, 300, 69, 63), (800, 300, 69, 64)]
    made = mix(piece(*notes), font).samples
    heard = [pitch(made, at + 0.02, at + 0.28) for at in (0, 0.4, 0.8)]
    assert heard == pytest.approx([441, 441, 882], rel=1e-3)


def test_programs_banks_and_drums_have_presets_of_their_own_and_what_is_missing_is_replaced(soundfont):
    def tuned(semitones):
        return [{51: semitones}]

    font = soundfont({(0, 0): tuned(0), (0, 5): tuned(5), (3, 5): tuned(3), (128, 0): tuned(12)})

    def heard(**track):
        made = mix(piece((100, 400, 69, 100), **track), font).samples
        return round(12 * np.log2(pitch(made, 0.15, 0.45) / 441))

    assert [heard(program=0), heard(program=5), heard(program=0, drums=True)] == [0, 5, 12]
    assert heard(program=5, controls=[(0, 0, 3)]) == 3
    assert heard(program=5, controls=[(0, 0, 3), (50, 0, 0)]) == 5
    assert heard(program=5, controls=[(0, 0, 9)]) == 5  # no such bank
    assert heard(program=77) == 0  # no such program
    assert heard(program=9, drums=True) == 12  # no such kit


def test_a_program_that_changes_is_heard(soundfont):
    """MIDI changes programs within a channel; as read, each program is a track."""
    font = soundfont({(0, 0): [{51: 0}], (0, 1): [{51: 7}]})
    score = piece((0, 400, 69, 100))
    add(score, (500, 400, 69, 100), program=1)
    made = mix(score, font).samples
    assert [round(12 * np.log2(pitch(made, at, at + 0.3) / 441)) for at in (0.05, 0.55)] == [0, 7]


def test_volume_expression_and_pan(soundfont):
    font = soundfont()
    plain = mix(piece((0, 500, 69, 100)), font).samples
    quiet = mix(piece((0, 500, 69, 100), controls=[(0, 7, 50), (0, 11, 64)]), font).samples
    fallen = level(plain, 0, 0.5) - level(quiet, 0, 0.5)
    assert fallen == pytest.approx(40 * np.log10(100 / 50) + 40 * np.log10(127 / 64), abs=0.05)
    right = mix(piece((0, 500, 69, 100), controls=[(0, 10, 127)]), font).samples
    assert not right[:, 0].round(6).any() and right[:, 1].any()
    assert level(right, 0, 0.5, 1) == pytest.approx(level(plain, 0, 0.5) + 3.01, abs=0.05)


def test_expression_swells_within_a_note_and_does_not_click(soundfont):
    crest = 505  # of the sine, so that a jump would show
    made = mix(piece((0, 1000, 69, 127), controls=[(crest, 11, 32)]), soundfont()).samples
    fallen = level(made, 0.3, 0.49) - level(made, 0.52, 0.9)
    assert fallen == pytest.approx(40 * np.log10(127 / 32), abs=0.05)
    jumps = np.abs(np.diff(made[: round(0.99 * RATE), 0])).max()
    assert jumps < 1.05 * USUAL * 2 * np.pi * 441 / RATE  # no steeper than the sine itself


def test_bends_move_the_pitch_by_the_range_that_was_set(soundfont):
    font = soundfont()

    def heard(bends, controls=(), start=0.05, stop=0.45):
        made = mix(piece((0, 1000, 69, 100), bends=bends, controls=controls), font).samples
        return 12 * np.log2(pitch(made, start, stop) / 441)

    assert heard([(0, 4096)]) == pytest.approx(1, abs=0.01)
    assert heard([(0, -8192)]) == pytest.approx(-2, abs=0.01)
    octave = [(0, 101, 0), (0, 100, 0), (0, 6, 12)]
    assert heard([(0, -8192)], octave) == pytest.approx(-12, abs=0.01)
    fine = [(0, 101, 0), (0, 100, 1), (0, 6, 12)]  # another number, which is no range
    assert heard([(0, -8192)], fine) == pytest.approx(-2, abs=0.01)
    changing = [(500, 8191)]
    assert heard(changing) == pytest.approx(0, abs=0.01)
    assert heard(changing, start=0.55, stop=0.95) == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("how", [{"pedals": [(200, 1300)]}, {"controls": [(200, 64, 127), (1500, 64, 0)]}])
def test_the_pedal_holds_what_is_let_go_until_it_comes_up(soundfont, how):
    font = soundfont()
    made = mix(piece((0, 500, 69, 100), (1600, 100, 69, 100), **how), font).samples
    assert level(made, 0.6, 1.49) == pytest.approx(level(made, 0.1, 0.4), abs=0.1)
    assert level(made, 1.52, 1.59) < -80
    without = mix(piece((0, 500, 69, 100), (1600, 100, 69, 100)), font).samples
    assert level(without, 0.55, 1.5) < -80


def test_a_key_struck_again_under_the_pedal_ends_its_older_note(soundfont):
    struck = [(at, 50, 69, 127) for at in range(0, 2000, 100)]
    made = mix(piece(*struck, pedals=[(0, 3000)]), soundfont()).samples
    assert np.abs(made).max() < 2 * USUAL  # one, and one that has just been let go


def test_a_closed_hi_hat_cuts_off_the_open_one(soundfont):
    zones = [{43: (46, 46), 57: 1, 58: 46, 38: 1200}, {43: (42, 42), 57: 1, 58: 42}, {43: (50, 50), 58: 50, 38: 1200}]
    font = soundfont({(128, 0): zones})
    score = piece((0, 1000, 46, 127), (500, 10, 42, 1), drums=True)
    made = mix(score, font).samples
    assert level(made, 0.1, 0.5) - level(made, 0.6, 0.9) > 60
    other = mix(piece((0, 1000, 50, 127), (500, 10, 42, 1), drums=True), font).samples
    assert level(other, 0.1, 0.5) - level(other, 0.6, 0.9) < 1


def test_the_filter_takes_away_what_is_above_its_cutoff(soundfont):
    cutoff = round(1200 * np.log2(441 / 8.176))
    plain = mix(piece((0, 500, 69, 100)), soundfont()).samples  # as loud at every key
    for key, lost in ((45, 0.0), (69, 3.01), (93, 24.1)):  # two octaves below, at, and above a Butterworth's cutoff
        font = soundfont({(0, 0): [{8: cutoff}]}, name="dull.sf2")
        dull = mix(piece((0, 500, key, 100)), font).samples
        assert level(plain, 0.1, 0.45) - level(dull, 0.1, 0.45) == pytest.approx(lost, abs=0.2)


def test_an_envelope_opens_the_filter_and_bends_the_pitch(soundfont):
    second = 0
    opening = {8: 5000, 11: 6000, 26: second}  # the attack of the second envelope, in a second by 6,000 cents
    made = mix(piece((0, 1500, 69, 100)), soundfont({(0, 0): [opening]})).samples
    assert level(made, 0.02, 0.1) < level(made, 0.5, 0.6) - 6 < level(made, 1.1, 1.2) - 6
    gliding = mix(piece((0, 1500, 69, 100)), soundfont({(0, 0): [{7: 1200, 26: second}]})).samples
    assert pitch(gliding, 0.48, 0.52) == pytest.approx(441 * 2**0.5, rel=0.01)
    assert pitch(gliding, 1.1, 1.4) == pytest.approx(882, rel=1e-3)


def test_vibrato_goes_up_and_down_around_the_pitch(soundfont):
    one_hertz = round(1200 * np.log2(1 / 8.176))
    font = soundfont({(0, 0): [{6: 100, 23: -12000, 24: one_hertz}]})
    made = mix(piece((0, 1000, 69, 100)), font).samples
    heard = [1200 * np.log2(pitch(made, at, at + 0.03) / 441) for at in (0.235, 0.485, 0.735)]
    assert heard == pytest.approx([100, 0, -100], abs=10)


def test_tremolo_goes_up_and_down_around_the_level(soundfont):
    one_hertz = round(1200 * np.log2(1 / 8.176))
    font = soundfont({(0, 0): [{13: 60, 21: -12000, 22: one_hertz}]})
    made = mix(piece((0, 1000, 69, 100)), font).samples
    middle = level(made, 0.49, 0.51)
    assert level(made, 0.24, 0.26) - middle == pytest.approx(6, abs=0.3)
    assert level(made, 0.74, 0.76) - middle == pytest.approx(-6, abs=0.3)


def test_a_sample_without_a_loop_ends_where_it_ends(soundfont):
    made = mix(piece((0, 2000, 69, 100)), soundfont({(0, 0): [{54: 0}]}))
    assert level(made.samples, 0.1, 0.9) > -20
    assert level(made.samples, 1.01, 1.9) < -100


def test_notes_without_length_and_before_the_beginning_are_heard(soundfont):
    made = mix(piece((200, 0, 69, 100)), soundfont()).samples
    assert level(made, 0.215, 0.228) > -20
    made = mix(piece((-100, 300, 69, 100)), soundfont()).samples
    assert level(made, 0.0, 0.15) > -30


def test_a_key_that_is_none_is_refused(soundfont):
    with pytest.raises(UsageError, match="got -3"):
        mix(piece((0, 100, -3, 100)), soundfont())


def test_what_has_no_notes_is_silence_as_long_as_it_says():
    empty = sound(Score(480))
    assert empty.seconds == pytest.approx(0.1) and not empty.samples.any()
    score = Score(500)
    score.markers.append(TextMeta(3000, "end"))
    score.tracks.append(Track("", 0, False))
    assert sound(score).seconds == pytest.approx(3.0)


def test_a_rest_at_the_end_is_kept(soundfont):
    score = piece((0, 100, 69, 100))
    score.markers.append(TextMeta(4000, "end"))
    assert mix(score, soundfont()).seconds == pytest.approx(4.0)


def test_a_piece_of_days_is_refused_before_anything_is_made():
    with pytest.raises(UsageError, match=r"lasts 27\.8 hours.*--from and --to"):
        sound(piece((100_000_000, 10, 60, 100)))


def test_a_pedal_that_never_comes_up_ends_soon_after_the_piece(soundfont):
    made = mix(piece((0, 500, 69, 100), pedals=[(100, 2**30)]), soundfont())
    assert 10 < made.seconds < 12


def test_the_mix_is_the_sum_of_its_tracks_and_stems_are_as_loud_as_in_it(soundfont):
    font = soundfont({(0, 0): [{17: -200}], (0, 7): [{51: 4, 38: 0}], (128, 0): [{57: 1}]})
    score = piece((0, 500, 60, 90), (500, 500, 64, 100), controls=[(300, 7, 60)], name="Alto")
    add(score, name="silent")
    add(score, (250, 900, 67, 80), program=7, pedals=[(0, 1300)], bends=[(400, 3000)], name="Tenor")
    add(score, (0, 100, 36, 127), (100, 100, 38, 60), drums=True, name="Kit")
    whole = sound(score, font)
    alone = dict(stems(score, font))
    assert list(alone) == ["Alto (Acoustic Grand Piano)", "Tenor (Clavinet)", "Kit (Drums)"]
    assert all(len(each.samples) == len(whole.samples) and each.samples.any() for each in alone.values())
    np.testing.assert_allclose(sum(each.samples for each in alone.values()), whole.samples, atol=1e-6)


def test_a_hundred_tracks_are_all_heard(soundfont):
    score = Score(500)
    for number in range(100):
        add(score, (number * 20, 15, 69, 100), program=number)
    made = mix(score, soundfont()).samples
    assert all(level(made, at * 0.02 + 0.001, at * 0.02 + 0.014) > -30 for at in range(100))


def test_the_score_stays_as_it_was(soundfont):
    score = piece((0, 500, 69, 100), controls=[(0, 64, 127)], pedals=[(0, 900)], bends=[(1, 5)])
    before = score.copy()
    sound(score, soundfont())
    assert score == before


def test_the_font_that_comes_along_has_a_sound_for_every_program_and_drum():
    score = Score(500)
    for program in range(128):
        add(score, (program * 200, 150, 60, 100), program=program)
    add(score, *((25_600 + number * 200, 100, key, 100) for number, key in enumerate(range(35, 82))), drums=True)
    made = mix(score).samples
    silent = [at for at in range(128 + 47) if level(made, at * 0.2 + 0.001, at * 0.2 + 0.15) < -70]
    assert silent == []
