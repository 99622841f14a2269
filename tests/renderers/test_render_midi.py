"""MIDI files: read back by symusic, and by a parser written from the standard that shares nothing with the writer."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from symusic import (
    ControlChange,
    KeySignature,
    Note,
    Pedal,
    PitchBend,
    Score,
    Tempo,
    TextMeta,
    TimeSignature,
    Track,
)

from erato.errors import UsageError
from erato.renderers import RENDERERS, About
from erato.renderers.midi import channels, midi_bytes


@dataclass
class Event:
    tick: int
    status: int  # of a meta event: 0xFF
    data: bytes  # of a meta event: its type, then its content

    def meta(self, kind: int) -> bytes | None:
        return self.data[1:] if self.status == 0xFF and self.data[0] == kind else None


def parse(file: bytes) -> tuple[int, list[list[Event]]]:
    """Ticks a quarter, and the events of each track chunk; fails on anything the standard does not allow."""
    assert file[:4] == b"MThd" and file[4:8] == b"\0\0\0\6" and file[8:10] == b"\0\1"
    count, tpq = int.from_bytes(file[10:12], "big"), int.from_bytes(file[12:14], "big")
    at, tracks = 14, []
    while at < len(file):
        assert file[at : at + 4] == b"MTrk"
        end = at + 8 + int.from_bytes(file[at + 4 : at + 8], "big")
        at += 8
        events, tick = [], 0

        def number() -> int:
            nonlocal at
            value = 0
            while True:
                at += 1
                value = value << 7 | file[at - 1] & 127
                if file[at - 1] < 128:
                    return value

        while at < end:
            tick += number()
            status = file[at]
            at += 1
            assert status >= 0x80, "no running status is written"
            if status == 0xFF:
                kind = file[at : at + 1]
                at += 1
                length = number()
                events.append(Event(tick, status, kind + file[at : at + length]))
            else:
                length = 1 if status >> 4 in (0xC, 0xD) else 2
                events.append(Event(tick, status, file[at : at + length]))
                assert max(events[-1].data) < 128
            at += length
        assert at == end and events[-1].meta(0x2F) == b"" and sum(e.meta(0x2F) is not None for e in events) == 1
        tracks.append(events)
    assert len(tracks) == count
    return tpq, tracks


def track(name: str, program: int, *notes: tuple[int, int, int, int], drums: bool = False) -> Track:
    made = Track(name, program, drums)
    for note in notes:
        made.notes.append(Note(*note))
    return made


def notes_of(made: Track) -> list[tuple[int, int, int, int]]:
    return sorted((n.time, n.duration, n.pitch, n.velocity) for n in made.notes)


@pytest.fixture
def score() -> Score:
    """A pickup of a quarter, two bars of 3/4 that end in silence, two voices and drums."""
    made = Score(480)
    made.time_signatures.append(TimeSignature(0, 1, 4))
    made.time_signatures.append(TimeSignature(480, 3, 4))
    made.key_signatures.append(KeySignature(0, -3, 1))
    made.tempos.append(Tempo(0, mspq=612345))
    made.tempos.append(Tempo(960, mspq=500000))
    made.markers.append(TextMeta(480, "fermata"))
    made.markers.append(TextMeta(3360, "end"))
    soprano = track("Sopran é", 52, (0, 480, 67, 80), (480, 480, 67, 81), (960, 960, 72, 127))
    soprano.lyrics.append(TextMeta(0, "Lo"))
    soprano.lyrics.append(TextMeta(480, "be"))
    made.tracks.append(soprano)
    made.tracks.append(track("Bass", 43, (0, 1920, 48, 1), (480, 0, 50, 64)))
    made.tracks.append(track("Kit", 0, (0, 120, 36, 100), drums=True))
    return made


def test_symusic_reads_back_what_was_written(score: Score) -> None:
    back = Score.from_midi(midi_bytes(score))
    sounding = [made for made in back.tracks if len(made.notes)]
    assert [(t.name, t.program, t.is_drum) for t in sounding] == [
        ("Sopran é", 52, False),
        ("Bass", 43, False),
        ("Kit", 0, True),
    ]
    assert [notes_of(t) for t in sounding] == [notes_of(t) for t in score.tracks]
    assert [(m.time, m.text) for m in back.markers] == [(480, "fermata"), (3360, "end")]
    meters = [(t.time, t.numerator, t.denominator) for t in back.time_signatures]
    assert meters == [(0, 1, 4), (480, 3, 4)]
    assert [(k.time, k.key, k.tonality) for k in back.key_signatures] == [(0, -3, 1)]
    assert [(t.time, t.mspq) for t in back.tempos] == [(0, 612345), (960, 500000)]


def test_another_parser_finds_every_event(score: Score) -> None:
    tpq, (conductor, soprano, bass, kit) = parse(midi_bytes(score, About("Kyrie", {"seed": "3"})))
    assert tpq == 480
    assert [e.meta(3) for e in conductor if e.meta(3)] == [b"Kyrie"]
    assert [e.meta(1) for e in conductor if e.meta(1)] == [b"seed: 3"]
    assert [(e.tick, e.meta(0x58)) for e in conductor if e.meta(0x58)] == [
        (0, bytes([1, 2, 24, 8])),
        (480, bytes([3, 2, 24, 8])),
    ]
    assert [e.meta(0x59) for e in conductor if e.meta(0x59)] == [bytes([256 - 3, 1])]
    assert [(e.tick, e.meta(6)) for e in conductor if e.meta(6)] == [(480, b"fermata"), (3360, b"end")]
    assert conductor[-1].tick == 3360  # other programs see the silence at the end
    assert [(e.tick, e.meta(5)) for e in soprano if e.meta(5)] == [(0, b"Lo"), (480, b"be")]
    played = [(e.tick, e.status, *e.data) for e in soprano if e.status != 0xFF]
    assert played == [
        (0, 0xC0, 52),
        (0, 0x90, 67, 80),
        (480, 0x80, 67, 0),  # the first ends before the second begins
        (480, 0x90, 67, 81),
        (960, 0x80, 67, 0),
        (960, 0x90, 72, 127),
        (1920, 0x80, 72, 0),
    ]
    assert [(e.tick, e.status) for e in bass if e.status >> 4 in (8, 9) and e.data[0] == 50] == [
        (480, 0x91),
        (480, 0x81),
    ]
    assert {e.status & 15 for e in kit if e.status != 0xFF} == {9}


def test_the_same_score_gives_the_same_bytes_and_stays_as_it_was(score: Score) -> None:
    before = score.copy()
    assert midi_bytes(score) == midi_bytes(score.copy())
    assert score == before


def test_without_tracks_it_is_still_a_file() -> None:
    score = Score(96)
    score.markers.append(TextMeta(384, "end"))
    score.tempos.append(Tempo(0, 60))
    tpq, tracks = parse(midi_bytes(score))
    assert tpq == 96 and len(tracks) == 1 and tracks[0][-1].tick == 384
    assert [m.text for m in Score.from_midi(midi_bytes(score)).markers] == ["end"]


def test_up_to_fifteen_tracks_of_one_program_have_a_channel_each() -> None:
    score = Score(480)
    for index in range(15):
        score.tracks.append(track(f"Piano {index}", 0, (0, 480, 60, 64)))
    score.tracks.insert(4, track("Kit", 0, (0, 480, 36, 64), drums=True))
    found = channels(score)
    assert found[4] == 9
    assert sorted(found) == list(range(16))


def test_with_too_many_tracks_only_equal_programs_share_a_channel() -> None:
    score = Score(480)
    for index in range(20):
        program = 0 if index < 14 else index  # the first fourteen must leave room for six others
        score.tracks.append(track(f"{index}", program, (index * 10, 480, 60, 64)))
    found = channels(score)
    by_channel: dict[int, set[int]] = {}
    for channel, made in zip(found, score.tracks, strict=True):
        by_channel.setdefault(channel, set()).add(made.program)
    assert all(len(programs) == 1 for programs in by_channel.values()) and len(by_channel) == 15
    back = [made for made in Score.from_midi(midi_bytes(score)).tracks if len(made.notes)]
    assert [(t.name, t.program, notes_of(t)) for t in back] == [(t.name, t.program, notes_of(t)) for t in score.tracks]


def test_sixteen_programs_still_keep_apart_by_track() -> None:
    score = Score(480)
    for program in range(40):
        score.tracks.append(track(f"{program}", program, (0, 480, 60, 64)))
    assert 9 not in channels(score)
    back = [made for made in Score.from_midi(midi_bytes(score)).tracks if len(made.notes)]
    assert [made.program for made in back] == list(range(40))


def test_pedal_bends_and_controls_survive_and_a_bank_comes_before_its_program() -> None:
    score = Score(480)
    piano = track("Piano", 3, (0, 480, 60, 64))
    piano.controls.append(ControlChange(0, 0, 2))
    piano.controls.append(ControlChange(240, 7, 99))
    piano.pedals.append(Pedal(100, 300))
    piano.pitch_bends.append(PitchBend(50, -8192))
    score.tracks.append(piano)
    _, (_, events) = parse(midi_bytes(score))
    assert [(e.tick, e.status, *e.data) for e in events if e.status >> 4 in (0xB, 0xC, 0xE)] == [
        (0, 0xB0, 0, 2),
        (0, 0xC0, 3),
        (50, 0xE0, 0, 0),
        (100, 0xB0, 64, 127),
        (240, 0xB0, 7, 99),
        (400, 0xB0, 64, 0),
    ]
    again = Score.from_midi(midi_bytes(Score.from_midi(midi_bytes(score))))  # pedals do not double
    assert [(p.time, p.duration) for p in again.tracks[0].pedals] == [(100, 300)]
    assert len(again.tracks[0].controls) == 4


def test_names_with_control_characters_and_any_script_are_written_as_text() -> None:
    score = Score(480)
    score.tracks.append(track("日本\x00\n語\u202e<b>", 0, (0, 480, 60, 64)))
    _, (conductor, events) = parse(midi_bytes(score, About("=1+1\r\n\x1b[31m")))
    assert [e.meta(3) for e in events if e.meta(3)] == ["日本 語 <b>".encode()]
    assert [e.meta(3) for e in conductor if e.meta(3)] == [b"=1+1 [31m"]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda s: s.time_signatures.append(TimeSignature(0, 4, 3)), "4/3"),
        (lambda s: s.tracks[0].notes.append(Note(-5, 10, 60, 64)), "-5"),
        (lambda s: s.tracks[0].notes.append(Note(0, 10, -1, 64)), "-1"),
        (lambda s: s.tracks[0].notes.append(Note(2**29, 10, 60, 64)), str(2**28 - 1)),
    ],
)
def test_what_midi_cannot_hold_is_refused_by_value(spoil, named: str, tmp_path: Path) -> None:
    score = Score(480)
    score.tracks.append(Track("x", 0, False))
    spoil(score)
    with pytest.raises(UsageError, match=named):
        RENDERERS[".mid"].write(score, tmp_path / "x.mid", About())
    assert list(tmp_path.iterdir()) == []


def test_a_text_is_no_midi_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt"):
        RENDERERS[".mid"].write("words", tmp_path / "x.mid", About())
    assert list(tmp_path.iterdir()) == []


def test_music21_shows_the_full_length_and_all_parts(score: Score, tmp_path: Path) -> None:
    from music21 import midi

    RENDERERS[".mid"].write(score, tmp_path / "x.mid", About("Kyrie"))
    file = midi.MidiFile()
    file.open(str(tmp_path / "x.mid"))
    file.read()
    file.close()
    assert len(file.tracks) == 4 and file.ticksPerQuarterNote == 480
    deltas = [event.time for event in file.tracks[0].events if isinstance(event, midi.DeltaTime)]
    assert sum(deltas) == 3360
