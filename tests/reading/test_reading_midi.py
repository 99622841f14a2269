"""MIDI files written out byte by byte, whole and broken; what must come out was worked out by hand."""

import gzip
import random
import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest
from tests.reading.malformed_midi import chunk, meta, number, smf

from erato.errors import ReadError
from erato.reading import REASONS, Limits, Reading, read_bytes
from erato.score import Score, end_tick, seconds


def note(pitch: int, length: int, before: int = 0, channel: int = 0) -> bytes:
    on, off = bytes([0x90 | channel, pitch, 80]), bytes([0x80 | channel, pitch, 0])
    return number(before) + on + number(length) + off


END = b"\0" + meta(0x2F, b"")
NOTE = note(60, 480)


def read(data: bytes, name: str = "song.mid", limits: Limits | None = None) -> Reading:
    return read_bytes(data, name, limits or Limits())


def score_of(data: bytes, name: str = "song.mid") -> Score:
    (piece,) = read(data, name).pieces
    assert piece.name == "" and piece.split is None
    assert isinstance(piece.piece, Score)
    return piece.piece


def rows(score: Score, track: int = 0) -> list[tuple[int, int, int, int]]:
    return [(n.time, n.duration, n.pitch, n.velocity) for n in score.tracks[track].notes]


def refusal(data: bytes, name: str = "song.mid", limits: Limits | None = None) -> ReadError:
    with pytest.raises(ReadError) as caught:
        read(data, name, limits)
    assert caught.value.reason in REASONS
    assert name in str(caught.value) and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    return caught.value


def test_notes_tempo_meter_key_and_markers_arrive() -> None:
    start = b"\0" + meta(0x51, b"\x0f\x42\x40") + b"\0" + meta(0x58, b"\x03\x02\x18\x08")
    start += b"\0" + meta(0x59, b"\xfd\x01") + b"\0" + meta(3, b"Lead")
    score = score_of(smf(start + NOTE + note(64, 240, before=480) + number(960) + meta(6, b"end")))
    assert score.ticks_per_quarter == 480
    assert rows(score) == [(0, 480, 60, 80), (960, 240, 64, 80)]
    assert [(t.time, t.mspq) for t in score.tempos] == [(0, 1_000_000)]
    assert [(m.numerator, m.denominator) for m in score.time_signatures] == [(3, 4)]
    assert [(k.key, k.tonality) for k in score.key_signatures] == [(-3, 1)]
    assert [(m.time, m.text) for m in score.markers] == [(2160, "end")]
    assert score.tracks[0].name == "Lead"
    assert end_tick(score) == 2160
    assert seconds(score) == pytest.approx(4.5)


def test_running_status_and_note_on_with_velocity_zero() -> None:
    track = b"\0\x90\x3c\x50" + b"\x10\x3c\x00" + b"\0\x3e\x51" + b"\x10\x3e\x00"
    assert rows(score_of(smf(track))) == [(0, 16, 60, 80), (16, 16, 62, 81)]


@pytest.mark.parametrize(
    "wrapped",
    [
        gzip.compress(smf(NOTE), mtime=0),
        b"RIFF" + struct.pack("<I", 999) + b"RMID" + b"DISP\3\0\0\0abc\0" + b"data" + struct.pack("<I", len(smf(NOTE)))
        + smf(NOTE),
        b"MThd\0\0\0\x08" + smf(NOTE)[8:14] + b"\0\0" + smf(NOTE)[14:],
        smf(NOTE)[:14] + chunk(b"XFIH", b"odd") + smf(NOTE)[14:],
        smf(NOTE) + b"tail",
    ],
    ids=["gzip", "riff", "long header", "foreign chunk", "trailing bytes"],
)  # fmt: skip
def test_wrappings_change_nothing(wrapped: bytes) -> None:
    assert rows(score_of(wrapped)) == [(0, 480, 60, 80)]


def test_a_header_that_counts_too_few_tracks_is_mended_and_flagged() -> None:
    reading = read(smf(NOTE, NOTE, count=0))
    score = reading.pieces[0].piece
    assert isinstance(score, Score) and score.note_num() == 2
    assert reading.lost == {"tracks that the header does not count, read all the same": 2}
    assert read(smf(NOTE, NOTE)).lost == {}


def test_a_clock_in_frames_becomes_ticks_of_the_same_length() -> None:
    # 25 frames of 40 ticks: 1000 ticks are a second; 29.97 frames of 100 ticks: 2997 are.
    assert seconds(score_of(smf(note(60, 1500), division=0xE728))) == pytest.approx(1.5)
    assert seconds(score_of(smf(note(60, 2997), division=0xE364))) == pytest.approx(1.0, abs=1e-4)
    assert refusal(smf(NOTE, division=0xFF00)).reason == "bad-timing"


def test_what_no_score_can_hold_is_dropped_and_counted() -> None:
    bad = b"\0" + meta(0x51, b"\0\0\0") + b"\0" + meta(0x58, b"\0\2\x18\x08") + b"\0" + meta(0x59, b"\x09\x00")
    reading = read(smf(bad + NOTE + note(62, 0)))
    score = reading.pieces[0].piece
    assert isinstance(score, Score)
    assert rows(score) == [(0, 480, 60, 80), (480, 1, 62, 80)]
    assert not score.tempos and not score.time_signatures and not score.key_signatures
    assert reading.lost == {
        "tempos of zero": 1,
        "impossible time signatures": 1,
        "impossible key signatures": 1,
        "notes without length, now of one tick": 1,
    }


def test_the_highest_pitch_is_read_and_a_byte_that_is_none_is_not() -> None:
    assert rows(score_of(smf(note(127, 480)))) == [(0, 480, 127, 80)]
    reading = read(smf(NOTE + b"\0\x90\xf8\x50\x10\x80\xf8\x00" + NOTE))
    score = reading.pieces[0].piece
    assert isinstance(score, Score)
    assert rows(score) == [(0, 480, 60, 80), (496, 480, 60, 80)]  # time goes on as if it were there
    assert reading.lost == {"notes dropped: a byte above 127": 1, "messages with a byte above 127": 1}
    assert reading.written == 3


def test_lyrics_stand_on_the_track_that_sings_them() -> None:
    alto = b"\0" + meta(3, b"Alto") + b"\0" + meta(5, b"A-") + note(60, 480) + b"\0" + meta(5, b"men") + note(62, 480)
    soprano = b"\0" + meta(3, b"Sopr") + b"\0" + meta(5, b"Gl\xf3-") + note(72, 480) + b"\0" + meta(5, b"ria") + NOTE
    score = score_of(smf(soprano, alto))
    sung = {track.name: [(line.time, line.text) for line in track.lyrics] for track in score.tracks}
    assert sung == {"Sopr": [(0, "Gló-"), (480, "ria")], "Alto": [(0, "A-"), (480, "men")]}


def test_a_track_of_words_goes_to_the_notes_it_falls_on() -> None:
    words = b"\0" + meta(3, b"Words") + number(240) + meta(5, b"la") + number(480) + meta(5, b"li")
    piano = note(40, 960) + note(43, 960)  # begins at 0 and 960
    voice = note(60, 480, before=240) + note(62, 480)  # begins at 240 and 720
    score = score_of(smf(words, piano, voice))
    assert len(score.tracks) == 2
    assert [[(line.time, line.text) for line in track.lyrics] for track in score.tracks] == [
        [],
        [(240, "la"), (720, "li")],
    ]


def test_lyrics_of_a_track_with_two_channels_follow_the_onsets() -> None:
    track = b"\0" + meta(5, b"sol") + b"\0\x91\x43\x50" + b"\x60" + meta(5, b"la") + b"\0\x91\x45\x50"
    track += b"\x60\x81\x43\x00" + b"\0\x81\x45\x00" + note(30, 48, before=7)
    score = score_of(smf(track))
    sung = {t.notes[0].pitch: [line.text for line in t.lyrics] for t in score.tracks}
    assert sung == {67: ["sol", "la"], 30: []}


def test_karaoke_files_keep_their_words_as_text() -> None:
    words = b"\0" + meta(1, b"@TTitle") + b"\0" + meta(1, b"\\Oh ") + number(480) + meta(1, b"yes")
    score = score_of(smf(words, NOTE + NOTE), "song.kar")
    assert [(line.time, line.text) for line in score.tracks[0].lyrics] == [(0, "Oh "), (480, "yes")]
    assert not score_of(smf(words, NOTE + NOTE)).tracks[0].lyrics  # in other files text is remarks


LONG = b"\xff\xff\xff\x7f" + meta(1, b"")  # an event after 2 ** 28 - 1 ticks


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (b"%PDF-1.7 and so on", "not-music", "a PDF"),
        (b"GIF89a" + bytes(40), "not-music", "a picture"),
        (b"Just some words\n" * 9, "not-music", "text"),
        (b"\0" * 100, "not-music", "binary data"),
        (b"MThd\0\0\0\6\0\1", "damaged", "header"),
        (b"RIFF\4\0\0\0RMID", "damaged", "RIFF"),
        (b"", "empty", "empty"),
        (smf(NOTE, division=0), "bad-timing", "0 ticks"),
        (smf(b""), "no-notes", "no notes"),
        (smf(), "no-notes", "no notes"),
        (smf(LONG * 20 + NOTE), "too-long", "ticks"),
        (smf(NOTE, LONG * 9), "too-long", "ticks"),
        (smf(note(60, 480, before=60_000_000)), "too-long", "hours"),
        (gzip.compress(smf(NOTE), mtime=0)[:12], "damaged", "gzip"),
        (smf(NOTE)[:20], "damaged", "no note"),
        (smf(b"\x10\x3c\x50"), "damaged", "no note"),
        (smf(b"\0\x90\xfc\x50"), "damaged", "no note"),
    ],
)
def test_refusals_name_their_reason(data: bytes, reason: str, says: str) -> None:
    error = refusal(data)
    assert error.reason == reason
    assert says in str(error)


def test_limits_are_kept() -> None:
    assert refusal(smf(NOTE, NOTE, NOTE), limits=Limits(tracks=2)).reason == "too-large"
    assert refusal(smf(NOTE + NOTE), limits=Limits(notes=1)).reason == "too-many-notes"
    assert refusal(smf(NOTE), limits=Limits(ticks=479)).reason == "too-long"
    assert refusal(smf(NOTE), limits=Limits(seconds=0.4)).reason == "too-long"
    assert refusal(smf(NOTE), limits=Limits(file_bytes=20)).reason == "too-large"
    assert read(smf(NOTE), limits=Limits(tracks=1, notes=1, ticks=480, seconds=0.5)).pieces


def test_time_is_that_of_the_tempos_not_of_the_slowest_one() -> None:
    # One slow beat among many fast ones must not make a short piece too long: 2 s + 99 * 0.1 s.
    slow, fast = meta(0x51, (2_000_000).to_bytes(3, "big")), meta(0x51, (100_000).to_bytes(3, "big"))
    data = smf(b"\0" + slow + number(480) + fast, note(60, 48_000))
    assert read(data, limits=Limits(seconds=12)).pieces
    assert refusal(data, limits=Limits(seconds=11.8)).reason == "too-long"


def test_long_text_is_not_mistaken_for_long_times() -> None:
    names = b"".join(b"\0" + meta(1, "夜に駆ける".encode() * 40) for _ in range(30))
    assert rows(score_of(smf(names, NOTE))) == [(0, 480, 60, 80)]


@pytest.mark.parametrize(
    "bomb",
    [
        (b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\0\x0f" + b"\xff\xff\xff\x7f\x90\x3c\x50" * 2 + b"\0"),
        smf(b"\0\x90\x3c\x50\xff\xff\xff\x7f\x80\x3c\x00"),
        smf(b"".join(b"\xff\xff\xff\x7f\x90\x3c\x50\xff\xff\xff\x7f\x80\x3c\x00" for _ in range(1000))),
        gzip.compress(bytes(40 * 2**20), mtime=0),
        gzip.compress(smf(NOTE) + bytes(40 * 2**20), mtime=0),
    ],
    ids=["37 bytes", "one note", "a thousand notes", "gzip of nothing", "gzip of much"],
)
def test_bombs_are_refused_in_little_memory(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        assert refusal(bomb, limits=Limits(file_bytes=2**20)).reason in ("too-long", "too-large", "damaged")
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def rich() -> bytes:
    first = b"\0" + meta(0x51, b"\x07\xa1\x20") + b"\0" + meta(0x58, b"\4\2\x18\x08") + b"\0" + meta(3, b"One")
    first += b"\0\xc0\x05" + b"\0" + meta(5, b"la") + NOTE + b"\0\xb0\x40\x7f" + note(67, 240, channel=3)
    second = b"\0\xf0\x03\x01\x02\xf7" + b"\0\xe0\x00\x40" + NOTE + note(38, 10, channel=9) + b"\x83\x60\x3c\x40"
    return smf(first, second + b"\x10\x3c\x00")


def only_refuses(data: bytes, name: str = "song.mid") -> bool:
    """Reads; whatever happens must be a reading of sound scores or a ReadError."""
    try:
        reading = read(data, name)
    except ReadError as error:
        assert error.reason in REASONS
        return True
    for piece in reading.pieces:
        assert isinstance(piece.piece, Score)
        assert piece.piece.note_num() > 0 and piece.piece.ticks_per_quarter > 0
        assert 0 <= piece.piece.start() <= end_tick(piece.piece) <= 2**30
        for track in piece.piece.tracks:
            assert all(0 <= n.pitch < 128 and n.duration > 0 and n.velocity >= 0 for n in track.notes)
    return False


def test_files_cut_off_anywhere_give_the_notes_before_the_cut_and_are_flagged() -> None:
    whole = rich()
    assert not only_refuses(whole)
    begun = [
        at for at in range(len(whole) - 2) if whole[at : at + 3] in (b"\x90\x3c\x50", b"\x93\x43\x50", b"\x99\x26\x50")
    ]
    assert len(begun) == 4
    for length in range(len(whole)):
        notes = sum(at + 3 <= length for at in begun)
        if notes == 0:
            assert refusal(whole[:length]).reason in ("damaged", "not-music", "empty", "no-notes"), length
            continue
        reading = read(whole[:length])
        score = reading.pieces[0].piece
        assert isinstance(score, Score)
        assert (score.note_num(), reading.written) == (notes, notes), length
        assert reading.lost, length


def test_what_is_left_of_packed_files_is_read() -> None:
    rng = random.Random(1)
    notes = [note(rng.randrange(128), rng.randrange(1, 999), rng.randrange(300)) for _ in range(4000)]
    packed = gzip.compress(smf(*[b"".join(notes[at : at + 400]) for at in range(0, 4000, 400)]), mtime=0)
    reading = read(packed[: len(packed) // 2], "song.mid.gz")
    assert reading.lost["gzip data that breaks off"] == 1
    assert 1500 < (reading.written or 0) < 2500
    flipped = bytearray(packed)
    flipped[len(packed) * 3 // 4] ^= 0x10
    assert 1500 < (read(bytes(flipped)).written or 0) <= 4000


def test_flipped_bits_never_do_more_than_refuse() -> None:
    whole = bytearray(rich())
    for position in range(len(whole)):
        for bit in range(8):
            whole[position] ^= 1 << bit
            only_refuses(bytes(whole))
            only_refuses(bytes(whole), "song.kar")
            whole[position] ^= 1 << bit


def test_random_bytes_after_a_good_header_never_do_more_than_refuse() -> None:
    rng = random.Random(7)
    for _ in range(1500):
        body = rng.randbytes(rng.randrange(60))
        only_refuses(smf(body))
        only_refuses(smf(b"\0" + meta(5, b"la") + NOTE + body))
        only_refuses(smf(NOTE)[:14] + rng.randbytes(rng.randrange(40)))


def test_wrong_track_lengths_are_found_out_and_flagged() -> None:
    whole = smf(NOTE, NOTE)
    at = whole.index(b"MTrk") + 4
    true = int.from_bytes(whole[at : at + 4], "big")
    for lie in (0, 1, true - 3, true - 1, true + 1, true + 5, true + 12, true + 13, 100, 2**31, 2**32 - 1):
        reading = read(whole[:at] + lie.to_bytes(4, "big") + whole[at + 4 :])
        score = reading.pieces[0].piece
        assert isinstance(score, Score)
        assert [rows(score, track) for track in range(len(score.tracks))] == [[(0, 480, 60, 80)]] * 2, lie
        assert reading.lost == {"tracks whose length is wrong": 1}, lie


def test_the_length_of_the_last_track_may_be_wrong() -> None:
    whole = smf(NOTE)
    at = whole.index(b"MTrk") + 4
    for lie in (0, 5, 500):
        assert rows(score_of(whole[:at] + lie.to_bytes(4, "big") + whole[at + 4 :])) == [(0, 480, 60, 80)]


def test_a_track_that_swallows_the_next_one_gives_it_back() -> None:
    first = chunk(b"MTrk", NOTE + END)
    data = smf(NOTE)[:10] + b"\0\2" + smf(NOTE)[12:14] + chunk(b"MTrk", NOTE + END + first)
    reading = read(data)
    assert reading.written == 2
    assert reading.lost == {"tracks whose length is wrong": 1}


@pytest.mark.parametrize(
    ("data", "lost"),
    [
        (smf(NOTE)[:-4], {"tracks that break off": 1}),
        (chunk(b"MThd", smf()[8:14]) + chunk(b"MTrk", NOTE), {"tracks without an end": 1}),
        (smf(b"\0\x90\x3c\x50" + number(480) + meta(1, b"x")), {"notes never released, ended with their track": 1}),
        (smf(NOTE, form=7), {"a format that there is not, read as format 1": 1}),
        (b"junk" + smf(NOTE), {"bytes before the header": 4}),
        (b"MThe" + smf(NOTE)[4:], {"bytes of the header that make no sense": 4}),
        (b"MThd\0\0\0\x02" + smf(NOTE)[8:], {"headers whose length is wrong": 1}),
        (smf(NOTE).replace(b"MTrk", b"MTrj"), {"tracks whose name is damaged": 1}),
        (smf(NOTE + b"\0\xf4" + NOTE), {}),
        (smf(b"\x10\x3c\x50" + NOTE), {"bytes that make no sense": 3}),
        (smf(NOTE + END + NOTE), {"bytes after the end of a track": 13}),
        (smf(b"\x80\x80\x80\x80\x80" + NOTE), {}),  # a longer number than there may be, of zeros
    ],
    ids=str,
)
def test_what_is_mended_is_said(data: bytes, lost: dict[str, int]) -> None:
    reading = read(data)
    if "count" not in str(lost):
        reading.lost.pop("tracks that the header counts and the file does not have", None)
        reading.lost.pop("tracks that the header does not count, read all the same", None)
    assert {what: count for what, count in reading.lost.items() if "one tick" not in what} == lost
    score = reading.pieces[0].piece
    assert isinstance(score, Score)
    assert rows(score)[0][1:] in ((480, 60, 80), (481, 60, 80), (1, 60, 80))


def test_reading_finds_its_way_after_bytes_that_are_missing_or_too_many() -> None:
    notes = [note(60 + number % 12, 480, before=number) for number in range(40)]
    whole = b"".join(notes)
    for at in range(len(b"".join(notes[:10])), len(b"".join(notes[:12]))):
        for damaged in (
            whole[:at] + whole[at + 1 :],
            whole[:at] + b"\x90" + whole[at:],
            whole[:at] + b"\5" + whole[at:],
        ):
            reading = read(smf(damaged))
            score = reading.pieces[0].piece
            assert isinstance(score, Score)
            assert sum(n.velocity == 80 for n in score.tracks[0].notes) >= 36, at


def test_files_packed_one_after_the_other_are_one_and_very_many_end_soon() -> None:
    whole = smf(NOTE)
    packed = gzip.compress(whole[:20], mtime=0) + gzip.compress(whole[20:], mtime=0)
    assert rows(score_of(packed)) == [(0, 480, 60, 80)]
    assert rows(score_of(gzip.compress(whole, mtime=0) + b"more")) == [(0, 480, 60, 80)]
    began = time.process_time()
    only_refuses(gzip.compress(b"", mtime=0) * 1_000_000)
    assert time.process_time() - began < 20  # 2 on a quiet machine; hours where each costs what is left


def test_patterns_of_format_2_are_pieces_with_clocks_of_their_own() -> None:
    slow = b"\0" + meta(0x51, (1_000_000).to_bytes(3, "big"))
    reading = read(smf(slow + NOTE, b"", note(62, 240), form=2))
    assert [named.name for named in reading.pieces] == ["1", "2"]
    first, second = (named.piece for named in reading.pieces)
    assert isinstance(first, Score) and isinstance(second, Score)
    assert (rows(first), seconds(first)) == ([(0, 480, 60, 80)], 1.0)
    assert (rows(second), seconds(second)) == ([(0, 240, 62, 80)], 0.25)
    assert rows(score_of(smf(NOTE, form=2))) == [(0, 480, 60, 80)]


def test_running_status_goes_on_after_system_and_meta_events() -> None:
    between = b"\0" + meta(1, b"x") + b"\0\xf0\x02\x01\xf7" + b"\0\xf8" + b"\0\xf1\x05" + b"\0\xf2\x05\x06"
    track = b"\0\x90\x3c\x50" + between + b"\x10\x3c\x00" + b"\0\x3e\x51" + b"\x10\x3e\x00"
    assert rows(score_of(smf(track))) == [(0, 16, 60, 80), (16, 16, 62, 81)]


def test_notes_of_one_pitch_that_overlap_end_in_the_order_in_which_they_begin() -> None:
    track = b"\0\x90\x3c\x50" + b"\x10\x90\x3c\x51" + b"\x10\x80\x3c\x00" + b"\x10\x80\x3c\x00" + b"\0\x80\x3c\x00"
    assert rows(score_of(smf(track + NOTE))) == [(0, 32, 60, 80), (16, 32, 60, 81), (48, 480, 60, 80)]


def test_channels_and_programs_of_a_track_are_tracks_of_the_score() -> None:
    track = b"\0\xc1\x05" + note(60, 10, channel=1) + b"\0\xc1\x06" + note(61, 10, channel=1)
    track += note(36, 10, channel=9) + b"\0\xc1\x05" + note(62, 10, channel=1) + b"\0\xb1\x07\x33\0\xe1\x00\x41"
    score = score_of(smf(b"\0" + meta(3, b"Name") + track))
    assert [(t.name, t.program, t.is_drum, [n.pitch for n in t.notes]) for t in score.tracks] == [
        ("Name", 5, False, [60, 62]),
        ("Name", 6, False, [61]),
        ("Name", 0, True, [36]),
    ]
    assert [(c.time, c.number, c.value) for c in score.tracks[0].controls] == [(40, 7, 0x33)]
    assert [(b.time, b.value) for b in score.tracks[0].pitch_bends] == [(40, 128)]


def test_the_pedal_is_held_from_its_first_press_to_its_release_or_the_end() -> None:
    def pedal(before: int, value: int) -> bytes:
        return number(before) + bytes([0xB3, 64, value])

    presses = pedal(0, 10) + pedal(100, 127) + pedal(50, 64) + pedal(50, 63) + pedal(100, 100)
    (track,) = score_of(smf(presses + note(60, 100, channel=3))).tracks
    assert [(p.time, p.duration) for p in track.pedals] == [(100, 100), (300, 100)]


def test_notes_beyond_the_longest_piece_are_dropped_and_counted() -> None:
    far = note(62, 480, before=60_000_000)
    late = number(0) + meta(0x51, b"\1\0\0") + number(0) + meta(6, b"late")
    reading = read(smf(NOTE * 2 + far + late + NOTE))
    assert refusal(smf(NOTE + far + late + NOTE)).reason == "too-long"  # more beyond than within
    score = reading.pieces[0].piece
    assert isinstance(score, Score)
    assert rows(score) == [(0, 480, 60, 80), (480, 480, 60, 80)]
    assert not score.tempos and not score.markers
    assert (reading.written, reading.lost) == (4, {"notes dropped: they begin or end too late": 2})


def test_names_in_any_encoding_arrive_as_text() -> None:
    for name in ("夜".encode("shift-jis"), "Gl\xf3ria".encode("latin-1"), "夜".encode(), b"\xff\xfe\0a", b"a\0\0"):
        score = score_of(smf(b"\0" + meta(3, name) + NOTE))
        assert score.tracks[0].name.encode()


MANY = 30 * 2**20  # bytes: just within the limit
FLOODS: dict[str, Callable[[], bytes]] = {
    "metas": lambda: smf(b"\0\xff\1\0" * (MANY // 4)),
    "note-ons": lambda: smf(b"\0\x90\x3c\x50" + b"\0\x3c\x50" * (MANY // 3)),
    "controllers": lambda: smf(NOTE + b"\0\xb0\1\2" + b"\0\1\2" * (MANY // 3)),
    "pressure": lambda: smf(NOTE + b"\0\xd0\1" + b"\0\2" * (MANY // 2)),
    "programs": lambda: smf(NOTE + (b"\0\xc0\1" + note(60, 1)) * (MANY // 11)),
    "tracks": lambda: smf(*[b""] * 65_535),
    "chunks": lambda: smf(NOTE) + chunk(b"ABCD", b"") * (MANY // 8),
    "bytes above 127": lambda: smf(NOTE + b"\x90" * MANY),
    "zeros": lambda: smf(NOTE + b"\0" * MANY),
    "headers": lambda: smf(NOTE)[:14] * (MANY // 14),
    "names of tracks": lambda: b"MTrk" * (MANY // 4),
    "names of tracks after a header": lambda: smf(NOTE)[:14] + b"MTrk" * (MANY // 4),
    "lyrics": lambda: smf(NOTE + b"\0\xff\5\1a" * 400_000),
    "tempos": lambda: smf(NOTE + b"\0\xff\x51\3\1\1\1" * 400_000),
    "channels": lambda: smf(*[b"".join(note(60, 1, channel=c) for c in range(16))] * 1000),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOODS)
def test_floods_end_soon_and_in_little_memory(kind: str) -> None:
    data = FLOODS[kind]()
    began = time.process_time()
    tracemalloc.start()
    try:
        only_refuses(data)
        assert tracemalloc.get_traced_memory()[1] < 350 * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 60  # measured without the tracing: 5 at most
