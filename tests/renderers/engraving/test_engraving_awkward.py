"""What is awkward to write: gaps in tuplets, silent voices, ticks that no beat divides, and input that nobody meant."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from symusic.core import KeySignatureTick, NoteTick, TempoTick, TextMetaTick, TimeSignatureTick, TrackTick

from erato.errors import UsageError
from erato.reading import read_piece
from erato.renderers.base import About
from erato.renderers.engraved import engrave, musicxml, sheet
from erato.renderers.engraving.timeline import timeline
from erato.score import Score

Q = 480


def score_of(*tracks: Sequence[tuple[float, float, int]], name: str = "", program: int = 0) -> Score:
    """tracks: their notes as (onset, length, pitch), in quarters."""
    score = Score(Q)
    score.time_signatures.append(TimeSignatureTick(0, 4, 4))
    for notes in tracks:
        track = TrackTick(name, program, False)
        for onset, length, pitch in notes:
            track.notes.append(NoteTick(round(onset * Q), round(length * Q), pitch, 80))
        score.tracks.append(track)
    return score


def played(repeats: int = 1) -> Score:
    """Eighths that lie on no grid: a scale in D flat major, each note `repeats` times at once."""
    steps = (61, 63, 65, 66, 68, 70, 72, 73)
    row = [(0.61 * i + 0.013 * (i * i % 7), 0.55, steps[i % 8]) for i in range(48) for _ in range(repeats)]
    return score_of(row, program=73)


def xml(score: Score, about: About | None = None) -> Element:
    return ElementTree.fromstring(musicxml(score, about))


# Tuplets, voices, ticks


def test_a_gap_in_a_triplet_of_a_second_voice_is_counted_and_not_seen() -> None:
    """A program that counts the values of a triplet finds all three; a gap of a whole beat is no triplet."""
    third = 1 / 3
    root = xml(score_of([(0, 4, 76), (1 + third, third, 60), (2, third, 60)], program=73))
    second = [note for note in root.iter("note") if note.findtext("voice") == "2"]
    shape = [
        ("rest" if note.find("rest") is not None else "note", note.get("print-object", "yes"), note.findtext("type"))
        for note in second
    ]
    assert shape == [
        ("rest", "no", "eighth"),
        ("note", "yes", "eighth"),
        ("rest", "no", "eighth"),
        ("note", "yes", "eighth"),
        ("rest", "no", "eighth"),
        ("rest", "no", "eighth"),
    ]
    edges = [edge.get("type") for note in second for edge in note.iter("tuplet")]
    assert edges == ["start", "stop"] * 2
    assert [gap.findtext("duration") for gap in root.iter("forward")] == ["3", "3"]


def test_a_voice_that_is_silent_beside_another_rests() -> None:
    """Four voices on two staves; the bass has nothing in the second bar, and nobody in the third."""
    tops = (72, 67, 55)
    voices = [[(i, 1, top) for i in (*range(8), 12)] for top in tops]
    voices.append([(i, 1, 43) for i in (*range(4), 12)])
    lower = sheet(score_of(*voices), About()).parts[0].bars[1]
    silent = [[bool(voice.events[0].heads) for voice in bar.voices] for bar in lower]
    assert silent == [[True, True], [True, False], [False], [True, True]]
    assert [voice.stem for voice in lower[1].voices] == ["up", "down"]
    assert [(event.length, event.value) for event in lower[1].voices[1].events] == [(4 * 1680, "")]


def test_what_is_left_of_a_second_line_rests_as_the_first_would() -> None:
    """The alto holds a second note into bar 2, where its first line has nothing."""
    rows = (("Soprano", 72), ("Alto", 64), ("Tenor", 55), ("Bass", 43))
    score = score_of(*([(i, 1, top) for i in range(12)] for _, top in rows))
    for track, (name, _) in zip(score.tracks, rows, strict=True):
        track.name = name
    alto = score.tracks[1]
    alto.notes.filter(lambda note: not 4 * Q <= note.time < 8 * Q)
    alto.notes.append(NoteTick(round(3.5 * Q), round(2.5 * Q), 60, 80))
    lower = sheet(score, About()).parts[0].bars[0][1].voices[1]
    assert [(bool(event.heads), event.hidden, event.value) for event in lower.events] == [
        (True, False, "half"),
        (False, False, "half"),
    ]


def test_triplets_of_ticks_that_three_does_not_divide_are_not_called_changed() -> None:
    """1024 ticks a quarter: 341 + 341 ends at 682, two thirds of a tick early."""
    score = Score(1024)
    track = TrackTick("Flute", 73, False)
    for start in range(0, 8 * 1024, 1024):
        for at in (0, 341, 683):
            track.notes.append(NoteTick(start + at, 341, 72, 80))
    score.tracks.append(track)
    assert sheet(score, About()).said == []


# What was played


def test_notes_that_a_player_doubles_are_one_head() -> None:
    found = sheet(played(repeats=2), About())
    single = sheet(played(), About())
    assert sum(1 for _ in found.parts[0].heads()) == sum(1 for _ in single.parts[0].heads())
    assert any("48 notes that double another" in sentence for sentence in found.said)


@pytest.mark.parametrize(("said", "shown"), [(0, -5), (-4, -4)])
def test_c_major_of_a_performance_is_what_programs_write_that_know_no_key(said: int, shown: int) -> None:
    score = played()
    score.key_signatures.append(KeySignatureTick(0, said, 0))
    assert sheet(score, About()).measures[0].fifths == shown


def test_c_major_of_written_music_is_kept() -> None:
    score = score_of([(i, 1, pitch) for i, pitch in enumerate((61, 63, 65, 66, 68, 70, 72, 73))])
    score.key_signatures.append(KeySignatureTick(0, 0, 0))
    assert sheet(score, About()).measures[0].fifths == 0


def test_nobody_hears_beats_in_a_day_of_music() -> None:
    score = played()
    score.tempos.append(TempoTick(0, mspq=2**31 - 1))  # 36 minutes a quarter
    assert "nearest 16th" in timeline(score).said[0]


# What nobody meant


def test_what_xml_has_no_place_for_is_left_out() -> None:
    words = "a\ufffeb\uffffc"
    score = score_of([(i, 1, 60) for i in range(4)], name=words)
    score.tracks[0].lyrics.append(TextMetaTick(0, words))
    score.markers.append(TextMetaTick(0, "chord:" + words))
    about = About(words, {words: words, "recipe": words, "seed": words}, {words: words})
    assert xml(score, about).findtext("work/work-title") == "a b c"
    assert "a b c" in engrave(score, about).svgs[0]


def test_a_name_as_long_as_a_book_is_cut() -> None:
    """Readers of MusicXML look for an instrument in every row of words of a name."""
    root = xml(score_of([(0, 1, 60)], name="ab " * 30_000))
    names = [root.findtext("part-list/score-part/part-name"), root.findtext(".//instrument-name")]
    assert names == [("ab " * 67)[:200].rstrip()] * 2


def test_a_tempo_of_nearly_nothing_reads_back(tmp_path: Path) -> None:
    score = score_of([(0, 1, 60)])
    score.tempos.append(TempoTick(0, mspq=2**31 - 1))
    assert float(next(xml(score).iter("sound")).get("tempo", "")) == pytest.approx(60e6 / (2**24 - 1))
    (tmp_path / "slow.musicxml").write_text(musicxml(score), encoding="utf-8")
    back = read_piece(tmp_path / "slow.musicxml")
    assert isinstance(back, Score)
    assert [note.pitch for note in back.tracks[0].notes] == [60]


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        (NoteTick(-100, 300, 60, 80), "begins at tick 0"),
        (NoteTick(0, 300, -3, 80), "keys 0 to 127, got -3"),
        (NoteTick(2**30, 300, 60, 80), "at most 50,000"),
    ],
)
def test_notes_that_no_page_can_hold_are_refused(note: NoteTick, sentence: str) -> None:
    score = score_of([(0, 1, 60)])
    score.tracks[0].notes.append(note)
    with pytest.raises(UsageError, match=sentence):
        musicxml(score)
