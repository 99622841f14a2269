"""What is put on the page: parts, staves, voices, signs, words. Scores are written out by hand."""

import io
import random
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from symusic.core import KeySignatureTick, NoteTick, TempoTick, TextMetaTick, TimeSignatureTick, TrackTick

from erato.renderers.base import About
from erato.renderers.engraved import engrave, musicxml, sheet
from erato.renderers.engraving.beats import heard
from erato.renderers.engraving.drawing import pdf, png, stacked
from erato.renderers.engraving.sheet import UNIT, StaffBar
from erato.score import Score

Q = 480
HOSTILE = "<script>alert('1')</script>\"&\x00\x07\n\u202e=1+2 \u05d0 \U0001f600"


def track(name: str, notes: Sequence[tuple[float, float, int]], program: int = 0, drums: bool = False) -> TrackTick:
    """notes: (onset, length, pitch), in quarters."""
    found = TrackTick(name, program, drums)
    for onset, length, pitch in notes:
        found.notes.append(NoteTick(round(onset * Q), round(length * Q), pitch, 80))
    return found


def score_of(*tracks: TrackTick, meter: tuple[int, int] = (4, 4)) -> Score:
    found = Score(Q)
    found.time_signatures.append(TimeSignatureTick(0, *meter))
    for one in tracks:
        found.tracks.append(one)
    return found


def scale(name: str, first: int, program: int = 0) -> TrackTick:
    return track(name, [(i, 1, first + step) for i, step in enumerate((0, 2, 4, 5, 7, 5, 4, 2))], program)


def xml(score: Score, about: About | None = None) -> Element:
    return ElementTree.fromstring(musicxml(score, about))


def pitches_of(staff: Sequence[StaffBar]) -> set[int]:
    return {head.pitch for bar in staff for voice in bar.voices for event in voice.events for head in event.heads}


def sounding(root: Element) -> list[Element]:
    """All notes but rests."""
    return [note for note in root.iterfind("part/measure/note") if note.find("rest") is None]


def texts(root: Element, path: str) -> list[str]:
    return [element.text or "" for element in root.iterfind(path)]


# Parts and staves


def test_four_voices_share_two_staves() -> None:
    voices = [scale(name, first) for name, first in (("Soprano", 67), ("Alto", 62), ("Tenor", 55), ("Bass", 43))]
    found = sheet(score_of(*voices), About())
    assert len(found.parts) == 1
    assert len(found.parts[0].bars) == 2
    upper, lower = (staff[0] for staff in found.parts[0].bars)
    assert [voice.stem for voice in upper.voices] == [voice.stem for voice in lower.voices] == ["up", "down"]
    assert [clef.sign for _, clef in upper.clefs + lower.clefs] == ["G", "F"]
    assert [event.heads[0].pitch for event in upper.voices[1].events][:3] == [62, 64, 66]


def test_a_string_quartet_has_four_staves_and_a_bracket() -> None:
    rows = [("Violin I", 67, 40), ("Violin II", 62, 40), ("Viola", 55, 41), ("Cello", 43, 42)]
    root = xml(score_of(*(scale(*row) for row in rows)))
    assert texts(root, "part-list/score-part/part-name") == ["Violin I", "Violin II", "Viola", "Cello"]
    assert texts(root, "part-list/score-part/part-abbreviation") == ["Vln. I", "Vln. II", "Vla.", "Vc."]
    assert [group.get("type") for group in root.iterfind("part-list/part-group")] == ["start", "stop"]
    assert texts(root, "part/measure/attributes/clef/sign") == ["G", "G", "C", "F"]


def test_two_hands_are_one_part_with_two_staves() -> None:
    right, left = scale("", 72), scale("", 48)
    for tracks in ([right, left], [left, right]):
        found = sheet(score_of(*(one.copy() for one in tracks)), About())
        assert [len(part.bars) for part in found.parts] == [2]
        assert found.parts[0].bars[0][0].voices[0].events[0].heads[0].pitch == 72


def test_one_track_of_both_hands_is_divided() -> None:
    """An Alberti bass under a melody: every note of the left hand on the lower staff."""
    alberti = [(i * 0.5, 0.5, pitch) for i, pitch in enumerate([48, 55, 52, 55] * 4)]
    melody = [(0, 2, 76), (2, 1, 74), (3, 1, 72), (4, 2, 71), (6, 2, 72)]
    found = sheet(score_of(track("Piano", [*alberti, *melody])), About())
    upper, lower = found.parts[0].bars
    pitches = [
        {h.pitch for bar in staff for v in bar.voices for e in v.events for h in e.heads} for staff in (upper, lower)
    ]
    assert pitches == [{76, 74, 72, 71}, {48, 52, 55}]


def test_melody_bridge_and_piano_are_three_parts() -> None:
    piano = track("PIANO", [(i, 1, pitch) for i in range(8) for pitch in (43, 60, 64, 67)])
    found = sheet(score_of(scale("MELODY", 67), scale("BRIDGE", 60), piano), About())
    assert [(part.name, len(part.bars)) for part in found.parts] == [("MELODY", 1), ("BRIDGE", 1), ("PIANO", 2)]


def test_drums_stand_on_a_percussion_staff() -> None:
    beat = track("Drums", [(i * 0.5, 0.5, key) for i, key in enumerate([36, 42, 38, 42] * 2)], drums=True)
    root = xml(score_of(beat))
    assert texts(root, ".//clef/sign") == ["percussion"]
    assert texts(root, ".//unpitched/display-step")[:3] == ["F", "G", "C"]
    assert texts(root, ".//note/notehead") == ["x"] * 4
    assert texts(root, ".//midi-unpitched") == ["37", "39", "43"]


# Bars and signs


def test_a_pickup_is_bar_0_and_the_last_bar_is_as_much_shorter() -> None:
    score = score_of(track("", [(0, 1, 67), (1, 4, 72), (5, 3, 71)]), meter=(1, 4))
    score.time_signatures.append(TimeSignatureTick(Q, 4, 4))
    root = xml(score)
    bars = list(root.iterfind("part/measure"))
    assert [bar.get("number") for bar in bars] == ["0", "1", "2"]
    assert [bar.get("implicit") for bar in bars] == ["yes", None, "yes"]
    assert texts(root, ".//time/beats") == ["4"]
    assert sum(int(t) for t in texts(bars[2], "note/duration")) == 3 * int(texts(root, ".//divisions")[0])


def test_accidentals_are_printed_once_a_bar_and_not_on_what_is_tied() -> None:
    notes = [(0, 1, 66), (1, 1, 66), (2, 1, 65), (3, 2, 66), (5, 1, 66), (6, 2, 67)]
    score = score_of(track("Flute", notes, 73))
    score.key_signatures.append(KeySignatureTick(0, 0, 0))
    root = xml(score)
    found = [(note.findtext("pitch/step"), note.findtext("accidental")) for note in sounding(root)]
    sharp, natural = "sharp", "natural"
    assert found == [("F", sharp), ("F", None), ("F", natural), ("F", sharp), ("F", None), ("F", sharp), ("G", None)]


def test_the_signs_of_the_key_are_not_printed() -> None:
    score = score_of(track("Flute", [(0, 1, 66), (1, 1, 61), (2, 2, 62)], 73))
    score.key_signatures.append(KeySignatureTick(0, 2, 0))
    assert texts(xml(score), ".//accidental") == []


def test_ties_go_over_the_bar_line() -> None:
    root = xml(score_of(track("Flute", [(0, 3, 72), (3, 2, 74), (5, 3, 72)], 73)))
    ties = [
        (note.findtext("pitch/step"), [tie.get("type") for tie in note.iterfind("tie")]) for note in root.iter("note")
    ]
    assert ties == [("C", []), ("D", ["start"]), ("D", ["stop"]), ("C", [])]


def test_beams_follow_the_beats() -> None:
    eighths = track("Flute", [(i * 0.5, 0.5, 72) for i in range(6)], 73)
    in_three = texts(xml(score_of(eighths.copy(), meter=(3, 4))), ".//beam")
    in_six = texts(xml(score_of(eighths.copy(), meter=(6, 8))), ".//beam")
    assert in_three == ["begin", "end"] * 3
    assert in_six == ["begin", "continue", "end"] * 2


def test_a_dotted_eighth_and_a_sixteenth_have_a_hook() -> None:
    root = xml(score_of(track("Flute", [(0, 0.75, 72), (0.75, 0.25, 74), (1, 3, 76)], 73)))
    assert [(beam.get("number"), beam.text) for beam in root.iter("beam")] == [
        ("1", "begin"),
        ("1", "end"),
        ("2", "backward hook"),
    ]


def test_words_of_a_song_are_syllables() -> None:
    song = scale("Soprano", 67)
    for at, text in enumerate(["Lo-", "be", "den", "Mor-", "gen-", "stern"]):
        song.lyrics.append(TextMetaTick(at * Q, text))
    root = xml(score_of(song))
    said = [(lyric.findtext("syllabic"), lyric.findtext("text")) for lyric in root.iter("lyric")]
    assert said[:3] == [("begin", "Lo"), ("end", "be"), ("single", "den")]
    assert said[3:] == [("begin", "Mor"), ("middle", "gen"), ("end", "stern")]


def test_words_stay_where_a_voice_has_a_second_line() -> None:
    song = track("Song", [(0, 2, 72), (2, 1, 71), (2, 2, 67), (3, 1, 69), (4, 4, 67)])
    for at, text in ((0, "Oh"), (2, "sing"), (3, "to"), (4, "me")):
        song.lyrics.append(TextMetaTick(at * Q, text))
    assert texts(xml(score_of(song)), ".//lyric/text") == ["Oh", "sing", "to", "me"]


def test_chord_symbols_and_fermatas() -> None:
    score = score_of(scale("Flute", 67, 73))
    for at, text in ((0, "chord:F#m7b5/E"), (2, "chord:Bb"), (4, "chord:what is this"), (7, "fermata")):
        score.markers.append(TextMetaTick(at * Q, text))
    root = xml(score)
    first, second = root.iter("harmony")
    assert (first.findtext("root/root-step"), first.findtext("root/root-alter")) == ("F", "1")
    assert (first.findtext("kind"), first.findtext("bass/bass-step")) == ("half-diminished", "E")
    assert (second.findtext("root/root-step"), second.findtext("root/root-alter")) == ("B", "-1")
    assert "what is this" in texts(root, ".//direction/direction-type/words")
    assert len(list(root.iter("fermata"))) == 1


def test_title_composer_and_record_are_in_the_file() -> None:
    about = About("A piece", {"recipe": "event-transformer", "seed": "3", "licence": "CC0"}, {"b": 1, "a": "é"})
    root = xml(score_of(scale("Flute", 67, 73)), about)
    assert texts(root, "work/work-title") == ["A piece"]
    assert texts(root, "identification/creator") == ["composed by event-transformer with seed 3"]
    assert texts(root, "identification/rights") == ["CC0"]
    fields = {f.get("name"): f.text for f in root.iterfind("identification/miscellaneous/miscellaneous-field")}
    assert fields["erato"] == '{"a":"\\u00e9","b":1}'
    assert fields["seed"] == "3"


# Odd pieces


def test_an_empty_piece_is_a_bar_of_rest() -> None:
    root = xml(Score(Q))
    assert [rest.get("measure") for rest in root.iter("rest")] == ["yes"]
    assert len(engrave(Score(Q)).svgs) == 1


@pytest.mark.parametrize("length", [0, 1, 7])
def test_notes_of_hardly_any_length_are_written(length: int) -> None:
    score = score_of(track("Flute", [(i, 1, 60 + i) for i in range(4)], 73))
    for note in score.tracks[0].notes:
        note.duration = length
    found = sheet(score, About())
    assert [head.pitch for head in found.parts[0].heads()] == [60, 61, 62, 63]
    assert found.said if length == 0 else True


def test_grace_notes_stand_before_their_note() -> None:
    score = score_of(track("Flute", [(0, 1, 72), (1, 0, 74), (1, 1, 76)], 73))
    root = xml(score)
    grace = next(note for note in root.iter("note") if note.find("grace") is not None)
    assert (grace.findtext("pitch/step"), grace.findtext("type")) == ("D", "eighth")


def test_a_hundred_tracks_and_an_hour_say_what_is_left_out() -> None:
    many = score_of(*(scale(f"Track {i}", 48 + i % 24, 73) for i in range(100)))
    assert len(list(xml(many).iterfind("part"))) == 100
    assert any("40" in sentence for sentence in engrave(many, pages=1).said)
    long = score_of(track("Flute", [(i, 1, 60 + i % 12) for i in range(1000)], 73))
    drawn = engrave(long, pages=1)
    assert len(drawn.svgs) == 1
    assert any("Only the first" in sentence and "250" in sentence for sentence in drawn.said)


def test_hostile_words_come_out_as_words() -> None:
    song = scale(HOSTILE, 67, 73)
    song.lyrics.append(TextMetaTick(0, HOSTILE))
    score = score_of(song)
    score.markers.append(TextMetaTick(0, "chord:" + HOSTILE))
    about = About(HOSTILE, {HOSTILE: HOSTILE, "recipe": HOSTILE, "seed": HOSTILE}, {HOSTILE: HOSTILE})
    root = xml(score, about)  # well formed
    assert texts(root, "work/work-title")[0].startswith("<script>alert('1')</script>")
    drawn = stacked(engrave(score, about).svgs)
    assert ElementTree.fromstring(drawn) is not None
    assert "<script" not in drawn
    assert png(drawn).startswith(b"\x89PNG")
    assert pdf([drawn], HOSTILE, HOSTILE).startswith(b"%PDF")


# Pictures


def pixels(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def test_a_picture_shows_every_note_head() -> None:
    score = score_of(scale("Flute", 67, 73), scale("Oboe", 60, 68))
    svg = engrave(score).svgs[0]
    assert svg.count('class="notehead"') == 16
    assert svg.count('class="clef"') >= 2
    picture = pixels(png(svg))
    assert picture.shape[1] > 1000
    assert (picture[0] == 255).all()
    assert 0.005 < (picture < 128).mean() < 0.2


def test_pages_are_the_same_bytes_for_the_same_piece() -> None:
    score = score_of(*(scale(f"Flute {i}", 60 + i, 73) for i in range(3)))
    one, two = (engrave(score, About("Same")) for _ in range(2))
    assert one == two
    assert png(one.svgs[0]) == png(two.svgs[0])
    assert pdf(one.svgs, "Same", "") == pdf(two.svgs, "Same", "")


def test_pages_under_each_other_are_one_picture_with_names_of_their_own() -> None:
    flute = track("Flute", [(i / 2, 0.5, 60 + i % 12) for i in range(800)], 73)
    flute.lyrics.append(TextMetaTick(0, 'id="x"'))
    long = score_of(flute)
    pages = engrave(long, About("Long"), pages=3).svgs
    assert len(pages) == 3
    root = ElementTree.fromstring(stacked(pages))
    assert 'id="x"' in "".join(root.itertext())  # what someone sings is no name
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(names) == len(set(names))
    links = {link.lstrip("#") for e in root.iter() for key, link in e.attrib.items() if key.endswith("href")}
    assert links <= set(names)
    roots = [page.get("id") for page in root]
    rules = [style.text or "" for style in root.iter("{http://www.w3.org/2000/svg}style")]
    assert all(f"#{name} g.tempo" in rule for name, rule in zip(roots, rules, strict=True))  # each page has its own
    assert pdf(pages, "Long", "").count(b"/Type/Page\n") + pdf(pages, "Long", "").count(b"/Type /Page\n") in (0, 3)


def test_titles_are_where_every_program_puts_them() -> None:
    svg = engrave(score_of(scale("Flute", 67, 73)), About("In the middle", {"recipe": "r", "seed": "1"})).svgs[0]
    root = ElementTree.fromstring(svg)
    found = {text.text: text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.text}
    assert found["In the middle"].get("text-anchor") == "middle"
    assert found["composed by r with seed 1"].get("text-anchor") == "end"


# What was played freely


def played(rate: float, seed: int) -> Score:
    """A tune in eighths over a bass on every second beat, played with a tempo that breathes, at 120 by the file."""
    rng = random.Random(seed)
    score = Score(Q)
    time, notes = 0.3, []
    for beat in range(64):
        length = 60 / rate * (1 + 0.06 * np.sin(beat / 5)) * (1 + rng.uniform(-0.01, 0.01))
        if beat % 4 == 0:
            notes += [(time, 2 * length, 40), (time, length, 64)]
        notes.append((time + rng.uniform(-0.008, 0.008), length / 2.2, 72 + beat % 5))
        notes.append((time + length / 2 + rng.uniform(-0.008, 0.008), length / 2.2, 74 + beat % 3))
        time += length
    played_track = TrackTick("Piano", 0, False)
    for onset, length, pitch in notes:  # 960 ticks a second
        played_track.notes.append(NoteTick(round(onset * 960), round(length * 960), pitch, 90 if pitch < 60 else 70))
    score.tracks.append(played_track)
    score.tempos.append(TempoTick(0, mspq=500_000))
    return score


@pytest.mark.parametrize("rate", [84, 100, 132])
def test_beats_and_bars_of_a_performance_are_heard(rate: int) -> None:
    score = played(rate, 1)
    line = heard(score)
    assert line.rate == pytest.approx(rate, rel=0.05)
    assert (line.measures[-1].beats, line.measures[-1].denominator) == (4, 4)
    basses = line.at(np.array([float(note.time) for note in score.tracks[0].notes if note.pitch == 40]))
    starts = {measure.start for measure in line.measures}
    on_bar_lines = [min(abs(start - at) for start in starts) < UNIT / 6 for at in basses]
    assert sum(on_bar_lines) >= 0.9 * len(on_bar_lines)


def test_what_was_estimated_is_said() -> None:
    found = sheet(played(100, 2), About())
    assert len(found.said) == 1
    assert "played" in found.said[0]
    assert "4/4" in found.said[0]
    values = {event.value for part in found.parts for event in part.events() if event.heads}
    assert values <= {"eighth", "quarter", "half", "whole", "16th"}
