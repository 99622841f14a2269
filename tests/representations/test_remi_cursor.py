"""The grammar of remi: what may come next, and how far a piece has come. Values are worked out by hand."""

import numpy as np
import pytest
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.representations import RemiConfig


@pytest.fixture(scope="module")
def remi():
    """Two piano voices, velocities 40 and 80, tempos 120 and 60, meters 1/4 and 3/8 beside the common ones."""
    score = Score(480)
    for name, velocity in (("Upper", 40), ("Lower", 80)):
        track = Track(name, 0, False)
        track.notes.append(Note(0, 480, 60, velocity))
        track.notes.append(Note(4800, 480, 60, velocity))
        score.tracks.append(track)
    for meter in ((0, 1, 4), (480, 4, 4), (2400, 3, 8)):
        score.time_signatures.append(TimeSignature(*meter))
    score.tempos.extend([Tempo(0, 120), Tempo(480, 60)])
    return RemiConfig().fit([score])


def walk(remi, words):
    """A cursor after these symbols, each of which it allowed."""
    cursor = remi.cursor(1)
    for word in words.split():
        symbol = remi.names().index(word)
        assert cursor.allowed()[0, symbol], word
        cursor.push(np.array([symbol]))
    return cursor


def may_follow(remi, words):
    allowed = walk(remi, words).allowed()[0]
    return {name for name, yes in zip(remi.names(), allowed, strict=True) if yes}


def kinds(names):
    return {name.split("_")[0] for name in names}


NOTE = "Track_0:0 Pitch_60 Velocity_40 Duration_12"
OPEN = "Bar TimeSig_4/4 Position_0"


def test_a_piece_begins_with_a_bar_and_its_meter(remi):
    assert may_follow(remi, "") == {"Bar"}
    assert kinds(may_follow(remi, "Bar")) == {"TimeSig"}
    assert kinds(may_follow(remi, "Bar TimeSig_4/4")) == {"Bar", "Position", "<end>"}


def test_the_parts_of_a_note_come_in_order(remi):
    assert kinds(may_follow(remi, OPEN)) == {"Tempo", "Track", "Position", "Bar", "<end>"}
    assert kinds(may_follow(remi, f"{OPEN} Tempo_60.00")) == {"Track", "Position", "Bar", "<end>"}
    assert len(may_follow(remi, f"{OPEN} Track_0:0")) == 128
    assert may_follow(remi, f"{OPEN} Track_0:0 Pitch_60") == {"Velocity_40", "Velocity_80"}
    assert may_follow(remi, f"{OPEN} Track_0:0 Pitch_60 Velocity_40") == {f"Duration_{d}" for d in range(1, 97)}


def test_pitches_and_tracks_ascend(remi):
    after = may_follow(remi, f"{OPEN} {NOTE}")
    assert {name for name in after if name.startswith("Pitch")} == {f"Pitch_{p}" for p in range(61, 128)}
    assert {name for name in after if name.startswith("Track")} == {"Track_0:1"}
    after = may_follow(remi, f"{OPEN} {NOTE.replace('0:0', '0:1')}")
    assert not any(name.startswith("Track") for name in after)
    assert "Track_0:0" in may_follow(remi, f"{OPEN} {NOTE} Position_1")


def test_positions_ascend_within_their_bar(remi):
    after = may_follow(remi, f"Bar TimeSig_3/8 Position_5 {NOTE}")
    assert {name for name in after if name.startswith("Position")} == {f"Position_{p}" for p in range(6, 18)}
    after = may_follow(remi, f"Bar TimeSig_3/8 Position_5 {NOTE} Bar")
    assert {name for name in after if name.startswith("Position")} == {f"Position_{p}" for p in range(18)}


def test_a_meter_is_said_only_when_it_changes(remi):
    after = may_follow(remi, f"{OPEN} {NOTE} Bar")
    assert "TimeSig_3/8" in after
    assert "TimeSig_4/4" not in after
    assert not any(name.startswith("TimeSig") for name in may_follow(remi, f"{OPEN} {NOTE} Bar TimeSig_3/8"))


def test_only_after_the_longest_duration_may_another_follow(remi):
    assert not any(name.startswith("Duration") for name in may_follow(remi, f"{OPEN} {NOTE}"))
    long = NOTE.replace("Duration_12", "Duration_96")
    assert "Duration_1" in may_follow(remi, f"{OPEN} {long}")
    assert "Pitch_61" in may_follow(remi, f"{OPEN} {long}")


def test_nothing_follows_the_end(remi):
    cursor = walk(remi, f"{OPEN} {NOTE} <end>")
    assert cursor.done.tolist() == [True]
    assert may_follow(remi, f"{OPEN} {NOTE} <end>") == {"<end>"}


def test_bars_are_bar_lines_reached_and_a_pickup_is_none(remi):
    for words, bars in (
        ("", 0),
        ("Bar TimeSig_4/4", 0),
        (f"{OPEN} {NOTE} Bar", 1),
        (f"{OPEN} {NOTE} Bar Bar Bar", 3),
        ("Bar TimeSig_1/4 Bar TimeSig_4/4", 0),
        ("Bar TimeSig_1/4 Bar TimeSig_4/4 Bar", 1),
        ("Bar TimeSig_4/4 Bar TimeSig_1/4 Bar", 2),
        ("Bar TimeSig_1/4 Bar Bar TimeSig_4/4", 2),  # two bars of 1/4: no pickup
    ):
        assert walk(remi, words).bars.tolist() == [bars], words


def test_seconds_run_by_the_tempo_in_force(remi):
    for words, seconds in (
        (OPEN, 0.0),
        (f"Bar TimeSig_4/4 Position_12 {NOTE}", 0.5),
        (f"{OPEN} Tempo_60.00 Position_12", 1.0),
        ("Bar TimeSig_4/4 Position_24 Tempo_60.00 Bar", 1.0 + 2.0),
        ("Bar TimeSig_3/8 Bar Bar TimeSig_4/4 Position_6", 2 * 0.75 + 0.25),
    ):
        assert walk(remi, words).seconds == pytest.approx([seconds]), words


def test_what_encode_writes_the_cursor_allows_and_times_alike(remi):
    score = remi.decode(np.array([remi.names().index(w) for w in f"{OPEN} Tempo_60.00 {NOTE} Bar Bar".split()]))
    array = remi.encode(score).array
    cursor = remi.cursor(1)
    for symbol in array:
        assert cursor.allowed()[0, symbol]
        cursor.push(np.array([symbol]))
    assert cursor.bars.tolist() == [2]
    assert cursor.seconds == pytest.approx([remi.units(array)["seconds"]]) == [8.0]


def test_rows_go_their_own_ways(remi):
    names = remi.names()
    cursor = remi.cursor(2)
    for pair in (("Bar", "Bar"), ("TimeSig_4/4", "TimeSig_3/8"), ("Bar", "Position_3")):
        cursor.push(np.array([names.index(word) for word in pair]))
    copies = cursor.take([1, 1, 0])
    copies.push(np.array([names.index(word) for word in ("Track_0:0", "Bar", "Bar")]))
    assert copies.bars.tolist() == [0, 1, 2]
    assert cursor.bars.tolist() == [1, 0]
    assert copies.allowed().sum(1).tolist()[0] == 128
