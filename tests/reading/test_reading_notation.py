"""Notation written out by hand, and a few works that come with music21, whose facts were looked up in the notation."""

import io
import zipfile
from pathlib import Path

import pytest

from erato.errors import ReadError
from erato.reading import DROPPED, Limits, Reading, read_bytes, read_file
from erato.reading.from_music21 import music21_to_scores
from erato.score import Score, bars, end_tick, has_pickup

DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE score-partwise PUBLIC '
    '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">'
)


def note(pitch: str, length: int, inside: str = "", chord: bool = False) -> str:
    """A note of `length` quarters divided by 2; "C4", "B-4", or "" for a rest. `inside` follows the duration."""
    sounding = "<rest/>"
    if pitch:
        alter = f"<alter>{pitch.count('#') - pitch.count('-')}</alter>"
        sounding = f"<pitch><step>{pitch[0]}</step>{alter}<octave>{pitch[-1]}</octave></pitch>"
    return f"<note>{'<chord/>' * chord}{sounding}<duration>{length}</duration>{inside}</note>"


def tie(*kinds: str) -> str:
    return "".join(f'<tie type="{kind}"/>' for kind in kinds)


def lyric(text: str, syllabic: str = "single", verse: int = 1) -> str:
    return f'<lyric number="{verse}"><syllabic>{syllabic}</syllabic><text>{text}</text></lyric>'


def attributes(meter: str = "4/4", fifths: int = 0, mode: str = "major", extra: str = "") -> str:
    beats, unit = meter.split("/")
    key = f"<key><fifths>{fifths}</fifths><mode>{mode}</mode></key>"
    time = f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"
    return f"<attributes><divisions>2</divisions>{key}{time}{extra}</attributes>"


def musicxml(*parts: list[str], names: tuple[str, ...] = (), instrument: str = "") -> bytes:
    """A score of parts, each a list of the insides of its measures; a first measure "pickup:..." has number 0."""
    listed, played = "", ""
    for index, measures in enumerate(parts):
        name = names[index] if names else f"Part {index}"
        listed += f'<score-part id="P{index}"><part-name>{name}</part-name>{instrument}</score-part>'
        pickup = measures[0].startswith("pickup:")
        inside = ""
        for number, measure in enumerate(measures):
            implicit = 'implicit="yes"' if pickup and not number else ""
            inside += (
                f'<measure number="{number + (not pickup)}" {implicit}>{measure.removeprefix("pickup:")}</measure>'
            )
        played += f'<part id="P{index}">{inside}</part>'
    return f"{DOCTYPE}<score-partwise><part-list>{listed}</part-list>{played}</score-partwise>".encode()


def score_of(data: bytes, name: str = "song.musicxml", lost: dict[str, int] | None = None) -> Score:
    reading = read_bytes(data, name)
    (piece,) = reading.pieces
    assert isinstance(piece.piece, Score)
    assert piece.name == "" and reading.lost == (lost or {})
    return piece.piece


def rows(score: Score, track: int = 0) -> list[tuple[float, float, int]]:
    """(onset, length, pitch) in quarters."""
    per = score.ticks_per_quarter
    return [(n.time / per, n.duration / per, n.pitch) for n in score.tracks[track].notes]


def meters(score: Score) -> list[tuple[float, int, int]]:
    per = score.ticks_per_quarter
    return [(m.time / per, m.numerator, m.denominator) for m in score.time_signatures]


def marks(score: Score) -> list[tuple[float, str]]:
    return [(m.time / score.ticks_per_quarter, m.text) for m in score.markers]


def sung(score: Score, track: int = 0) -> list[tuple[float, str]]:
    return [(line.time / score.ticks_per_quarter, line.text) for line in score.tracks[track].lyrics]


FULL = note("C4", 8)


def test_notes_chords_accidentals_and_parts() -> None:
    upper = [attributes(fifths=-3, mode="minor") + note("E-4", 2) + note("", 2) + note("F#5", 1) + note("C5", 3)]
    lower = [attributes(fifths=-3, mode="minor") + note("C3", 8) + note("G3", 8, chord=True)]
    score = score_of(musicxml(upper, lower, names=("Violin", "Viola")))
    assert score.ticks_per_quarter == 480
    assert [track.name for track in score.tracks] == ["Violin", "Viola"]
    assert rows(score) == [(0, 1, 63), (2, 0.5, 78), (2.5, 1.5, 72)]
    assert rows(score, 1) == [(0, 4, 48), (0, 4, 55)]
    assert [(k.time, k.key, k.tonality) for k in score.key_signatures] == [(0, -3, 1)]
    assert meters(score) == [(0, 4, 4)]
    assert marks(score) == []


def test_a_pickup_is_a_short_first_time_signature() -> None:
    score = score_of(musicxml(["pickup:" + attributes() + note("G4", 2), FULL, FULL]))
    assert meters(score) == [(0, 1, 4), (1, 4, 4)]
    assert has_pickup(score)
    assert [bar.start for bar in bars(score)] == [0, 480, 2400]
    three = score_of(musicxml([attributes("6/8") + note("G4", 1), note("C4", 6), note("C4", 5)]))
    assert meters(three) == [(0, 1, 8), (0.5, 6, 8)]  # also where the notation does not call it one
    assert not has_pickup(score_of(musicxml([attributes() + FULL, FULL])))


def test_bars_that_no_bar_line_of_their_own_would_shift_keep_the_meter() -> None:
    # Three quarters and one make a full bar, as where a verse ends in the middle of a bar.
    halves = [attributes() + FULL, note("C4", 6), note("D4", 2), FULL, note("C4", 6)]
    assert meters(score_of(musicxml(halves))) == [(0, 4, 4)]
    # A bar of three quarters alone shifts what follows, and so does one of five.
    assert meters(score_of(musicxml([attributes() + FULL, note("C4", 6), FULL, note("C4", 10), FULL]))) == [
        (0, 4, 4), (4, 3, 4), (7, 4, 4), (11, 5, 4), (16, 4, 4),
    ]  # fmt: skip


def test_changes_of_meter_and_key() -> None:
    score = score_of(musicxml([attributes() + FULL, attributes("3/8", 2) + note("D4", 3), attributes("2/2") + FULL]))
    assert meters(score) == [(0, 4, 4), (4, 3, 8), (5.5, 2, 2)]
    assert [(k.time / 480, k.key) for k in score.key_signatures] == [(0, 0), (4, 2), (5.5, 0)]


def test_tied_notes_become_one_also_over_bar_lines_and_in_chords() -> None:
    first = (
        attributes()
        + note("C4", 4, tie("start"))
        + note("E4", 4, tie("start"), chord=True)
        + note("C4", 4, tie("stop", "start"))
    )
    score = score_of(
        musicxml([first + note("E4", 4, tie("stop"), chord=True), note("C4", 2, tie("stop")) + note("C4", 6)])
    )  # fmt: skip
    assert rows(score) == [(0, 5, 60), (0, 4, 64), (5, 3, 60)]


def test_a_tie_that_leads_nowhere_is_counted() -> None:
    measures = [attributes() + note("C4", 2, tie("start")) + note("", 2) + note("C4", 4, tie("stop"))]
    assert rows(score_of(musicxml(measures), lost={"ties from nowhere": 1})) == [(0, 1, 60), (2, 2, 60)]


def test_lyrics_keep_their_hyphens() -> None:
    words = (
        note("C4", 2, lyric("Hal", "begin"))
        + note("D4", 2, lyric("le", "middle"))
        + note("E4", 2, lyric("lu", "middle"))
    )
    words += note("F4", 2, lyric("ja!", "end"))
    score = score_of(musicxml([attributes() + words, note("C4", 8, lyric("Ja"))]))
    assert sung(score) == [(0, "Hal-"), (1, "le-"), (2, "lu-"), (3, "ja!"), (4, "Ja")]


BACK = '<repeat direction="backward"/>'
REPEAT = f'<barline location="right">{BACK}</barline>'


def ending(number: str, kind: str, side: str, repeat: str = "") -> str:
    return f'<barline location="{side}"><ending number="{number}" type="{kind}"/>{repeat}</barline>'


def test_repeats_are_played_and_the_second_verse_is_sung_the_second_time() -> None:
    both = lyric("one") + lyric("two", verse=2)
    measures = [
        "pickup:" + attributes("2/4") + note("G4", 2, both),
        note("C4", 2) + REPEAT,
        note("D4", 4, lyric("end")),
    ]
    score = score_of(musicxml(measures))
    assert rows(score) == [(0, 1, 67), (1, 1, 60), (2, 1, 67), (3, 1, 60), (4, 2, 62)]
    assert sung(score) == [(0, "one"), (2, "two"), (4, "end")]
    # The pickup, then C and the repeated G in one bar of two quarters; the last C is one quarter too short.
    assert meters(score) == [(0, 1, 4), (1, 2, 4), (3, 1, 4), (4, 2, 4)]


def test_first_and_second_endings() -> None:
    first = ending("1", "start", "left") + note("D4", 8) + ending("1", "stop", "right", BACK)
    second = ending("2", "start", "left") + note("E4", 8) + ending("2", "discontinue", "right")
    score = score_of(musicxml([attributes() + FULL, first, second]))
    assert rows(score) == [(0, 4, 60), (4, 4, 62), (8, 4, 60), (12, 4, 64)]


def test_a_repeat_without_a_beginning_goes_back_to_the_end_of_the_one_before() -> None:
    first = ending("1", "start", "left") + note("D4", 8) + ending("1", "stop", "right", BACK)
    second = ending("2", "start", "left") + note("E4", 8) + ending("2", "discontinue", "right")
    measures = [attributes() + FULL, first, second, note("F4", 8), note("G4", 8) + REPEAT, note("A4", 8) + REPEAT]
    pitches = [pitch for _, _, pitch in rows(score_of(musicxml(measures)))]
    assert pitches == [60, 62, 60, 64, 65, 67, 65, 67, 69, 69]


def test_a_repeat_of_a_thousand_times_is_not_played_but_counted() -> None:
    many = '<barline location="right"><repeat direction="backward" times="1000"/></barline>'
    score = score_of(musicxml([attributes() + FULL + many]), lost={"repeats that are not played": 1})
    assert rows(score) == [(0, 4, 60)]


def test_verses_that_are_never_sung_are_counted() -> None:
    measures = [attributes() + note("C4", 8, lyric("one") + lyric("two", verse=2) + lyric("three", verse=3))]
    assert sung(score_of(musicxml(measures), lost={"syllables of later verses": 2})) == [(0, "one")]


def test_fermatas_chord_symbols_and_the_end_are_markers() -> None:
    fermata = "<notations><fermata/></notations>"

    def harmony(root: str, alter: int, kind: str, text: str) -> str:
        return (
            f"<harmony><root><root-step>{root}</root-step><root-alter>{alter}</root-alter></root>"
            f'<kind text="{text}">{kind}</kind></harmony>'
        )

    symbols = harmony("A", 0, "minor-seventh", "m7") + note("C4", 4) + harmony("B", -1, "major", "")
    score = score_of(musicxml([attributes() + symbols + note("D4", 4, fermata), note("F4", 2) + note("", 6)]))
    assert rows(score) == [(0, 2, 60), (2, 2, 62), (4, 1, 65)]  # chord symbols do not sound
    assert marks(score) == [(0, "chord:Am7"), (2, "chord:Bb"), (2, "fermata"), (8, "end")]
    assert end_tick(score) == 8 * 480


def test_one_fermata_in_all_voices_is_one_marker() -> None:
    part = [attributes() + note("C4", 8, "<notations><fermata/></notations>")]
    assert marks(score_of(musicxml(part, part))) == [(0, "fermata")]


def test_tempo_and_dynamics() -> None:
    def direction(inside: str) -> str:
        return f"<direction><direction-type>{inside}</direction-type></direction>"

    speed = direction("<metronome><beat-unit>half</beat-unit><per-minute>45</per-minute></metronome>")
    loud, soft = direction("<dynamics><ff/></dynamics>"), direction("<dynamics><pp/></dynamics>")
    score = score_of(musicxml([attributes() + speed + note("C4", 4) + loud + note("C4", 4), soft + FULL]))
    assert [(t.time, t.mspq) for t in score.tempos] == [(0, 666_667)]  # 45 halves are 90 quarters
    plain, ff, pp = (n.velocity for n in score.tracks[0].notes)
    assert plain == 80 and pp < plain < ff <= 127


def test_transposing_instruments_sound_as_they_sound() -> None:
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    clarinet = [attributes(fifths=2, extra=transpose) + note("D5", 8)]
    score = score_of(musicxml(clarinet, [attributes() + FULL], names=("Clarinet in Bb", "Piano")))
    assert rows(score) == [(0, 4, 72)] and rows(score, 1) == [(0, 4, 60)]
    assert [k.key for k in score.key_signatures] == [0]  # written in D, it sounds in C


def test_tuplets_are_exact_and_need_a_finer_clock_only_where_480_is_too_coarse() -> None:
    def tuplet(actual: int, pitch: str = "C4") -> str:
        change = f"<actual-notes>{actual}</actual-notes><normal-notes>{actual - 1}</normal-notes>"
        return note(pitch, 0, f"<type>quarter</type><time-modification>{change}</time-modification>").replace(
            "<duration>0</duration>", f"<duration>{2 * (actual - 1) * 420 // actual}</duration>"
        )

    def sized(actual: int) -> bytes:
        measure = attributes("2/4" if actual == 3 else "6/4").replace(">2</divisions", ">840</divisions")
        return musicxml([measure + tuplet(actual) * actual])

    thirds = score_of(sized(3))
    assert thirds.ticks_per_quarter == 480
    assert [(n.time, n.duration) for n in thirds.tracks[0].notes] == [(0, 320), (320, 320), (640, 320)]
    sevenths = score_of(sized(7))
    assert sevenths.ticks_per_quarter == 3360
    assert [n.time for n in sevenths.tracks[0].notes] == [2880 * index for index in range(7)]


def test_grace_notes_are_left_out_and_counted() -> None:
    grace = "<note><grace/><pitch><step>D</step><octave>4</octave></pitch><type>eighth</type></note>"
    score = score_of(musicxml([attributes() + grace + FULL]), lost={DROPPED + "grace notes": 1})
    assert rows(score) == [(0, 4, 60)]


def test_the_two_staves_of_a_piano_are_two_tracks() -> None:
    staves = attributes(extra="<staves>2</staves>")
    upper, lower = note("C5", 8, "<staff>1</staff>"), note("C3", 8, "<voice>2</voice><staff>2</staff>")
    score = score_of(musicxml([staves + upper + "<backup><duration>8</duration></backup>" + lower]))
    assert [rows(score, track) for track in (0, 1)] == [[(0, 4, 72)], [(0, 4, 48)]]


def test_timewise_scores_are_read_like_partwise_ones() -> None:
    part = "<part-list><score-part id='P0'><part-name>A</part-name></score-part></part-list>"
    first = f"<measure number='1'><part id='P0'>{attributes()}{FULL}</part></measure>"
    data = f"<score-timewise>{part}{first}<measure number='2'><part id='P0'>{FULL}</part></measure></score-timewise>"
    assert rows(score_of(data.encode())) == [(0, 4, 60), (4, 4, 60)]


def mxl(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)  # no time in it: names of tests hold it
    return file.getvalue()


def test_packed_scores_are_found_by_their_container() -> None:
    container = b'<container><rootfiles><rootfile full-path="b.xml"/></rootfiles></container>'
    packed = {"META-INF/container.xml": container, "a.xml": b"<junk/>", "b.xml": musicxml([attributes() + FULL])}
    assert rows(score_of(mxl(packed), "song.mxl")) == [(0, 4, 60)]
    assert rows(score_of(mxl({"any.musicxml": packed["b.xml"]}), "song.mxl")) == [(0, 4, 60)]


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'
FETCHES = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'
)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (LAUGHS, "a.musicxml", "unsafe"),
        (FETCHES, "a.xml", "unsafe"),
        (mxl({"a.xml": LAUGHS}), "a.mxl", "unsafe"),
        (mxl({"a.xml": bytes(2_000_000)}), "a.mxl", "too-large"),
        (mxl({"a.txt": b"hello"}), "a.mxl", "not-music"),
        (mxl({"a.xml": b"<a/>"}), "a.mxl", "not-music"),
        (b"PK\3\4", "a.mxl", "damaged"),
        (b"<plist><dict/></plist>", "a.xml", "not-music"),
        (b"<!DOCTYPE html><html><body>hi</body></html>", "a.musicxml", "not-music"),
        (musicxml([attributes() + note("", 8)]), "a.musicxml", "no-notes"),
        (musicxml([attributes() + note("C4", 8).replace(">8<", ">eight<")]), "a.musicxml", "no-notes"),
        (b"<score-partwise/>", "a.musicxml", "no-notes"),
        (b"<score-partwise", "a.musicxml", "not-music"),
        (b"MThd and more", "a.mxl", "not-music"),
        (b"Dear diary,\n", "a.abc", "not-music"),
        (b"X:1\nT:Silence\nM:4/4\nL:1/4\nK:C\nz4|\n", "a.abc", "no-notes"),
        (b"**text\nhello\n*-\n", "a.krn", "not-music"),
    ],
)
def test_refusals(data: bytes, name: str, reason: str) -> None:
    with pytest.raises(ReadError) as caught:
        read_bytes(data, name, Limits(file_bytes=1_000_000))
    assert caught.value.reason == reason
    assert name in str(caught.value)


def test_limits_are_kept() -> None:
    data = musicxml([attributes() + FULL, FULL], [attributes() + FULL, FULL])  # 8 quarters, 4 s
    for limits, reason in (
        (Limits(tracks=1), "too-large"),
        (Limits(notes=3), "too-many-notes"),
        (Limits(seconds=3.9), "too-long"),
        (Limits(ticks=3839), "too-long"),
    ):
        with pytest.raises(ReadError) as caught:
            read_bytes(data, "a.musicxml", limits)
        assert caught.value.reason == reason
    assert read_bytes(data, "a.musicxml", Limits(tracks=2, notes=4, seconds=4, ticks=3840)).pieces


TUNES = """M:4/4
%%a remark

X:1
T:First Tune
L:1/4
Q:1/4=90
K:G
D | "G"GABc | "Am"d4 |]

X:2
T:Second Tune
M:6/8
L:1/8
K:Dm
|: A3 d3 | F6 | D6 :|

X:3
T:Second Tune
M:C|
L:1/8
K:C
C8 | z8 |

X:2
T:Second Tune
L:1/1
M:4/4
K:C
C |
"""


def test_every_tune_of_an_abc_file_is_a_piece_with_a_name_of_its_own() -> None:
    reading = read_bytes(TUNES.encode(), "tunes.abc")
    names = ["1 First Tune", "2 Second Tune", "3 Second Tune", "2 Second Tune (2)"]
    assert [piece.name for piece in reading.pieces] == names
    first, second, third, _ = (piece.piece for piece in reading.pieces)
    assert isinstance(first, Score) and isinstance(second, Score) and isinstance(third, Score)
    assert rows(first) == [(0, 1, 62), (1, 1, 67), (2, 1, 69), (3, 1, 71), (4, 1, 72), (5, 4, 74)]
    assert meters(first) == [(0, 1, 4), (1, 4, 4)]  # the meter of the file's head, and a pickup
    assert marks(first) == [(1, "chord:G"), (5, "chord:Am")]
    assert [t.mspq for t in first.tempos] == [666_667]
    assert [(k.key, k.tonality) for k in first.key_signatures] == [(1, 0)]
    once = [(0, 1.5, 69), (1.5, 1.5, 74), (3, 3, 65), (6, 3, 62)]
    assert rows(second) == once + [(at + 9, length, pitch) for at, length, pitch in once]
    assert [(k.key, k.tonality) for k in second.key_signatures] == [(-1, 1)]
    assert marks(third) == [(8, "end")]


def test_one_broken_tune_does_not_take_the_others_with_it() -> None:
    broken = TUNES.replace("|: A3 d3 | F6 | D6 :|", "(3:9:9:9 [[[A3 <<>> {{ \\")
    reading = read_bytes(broken.encode("latin-1"), "tunes.abc")
    assert {"1 First Tune", "3 Second Tune"} <= {piece.name for piece in reading.pieces}


KERN = """**kern\t**kern
*Ibass\t*Isoprn
*k[b-]\t*k[b-]
*M3/4\t*M3/4
4F\t4a
=1\t=1
2F\t4a
.\t4b-
4BB-\t[4cc
=2\t=2
2.C\t2cc]
.\t4r
==\t==
*-\t*-
"""


def test_kern_with_a_pickup_a_tie_and_a_final_rest() -> None:
    score = score_of(KERN.encode(), "song.krn")
    voices = {track.notes[0].pitch: rows(score, index) for index, track in enumerate(score.tracks)}
    assert voices[69] == [(0, 1, 69), (1, 1, 69), (2, 1, 70), (3, 3, 72)]
    assert voices[53] == [(0, 1, 53), (1, 2, 53), (3, 1, 46), (4, 3, 48)]
    assert meters(score) == [(0, 1, 4), (1, 3, 4)]
    assert [k.key for k in score.key_signatures] == [-1]


def corpus_file(name: str) -> Reading:
    from music21 import corpus

    return read_file(Path(corpus.getWork(name)))


def test_a_chorale_of_bach() -> None:
    (piece,) = corpus_file("bwv66.6").pieces
    score = piece.piece
    assert isinstance(score, Score)
    assert [(track.name, len(track.notes)) for track in score.tracks] == [
        ("Soprano", 36), ("Alto", 42), ("Tenor", 44), ("Bass", 41),
    ]  # fmt: skip
    assert meters(score) == [(0, 1, 4), (1, 4, 4)]
    assert [(k.key, k.tonality) for k in score.key_signatures] == [(3, 1)]  # F sharp minor
    assert marks(score) == [(at, "fermata") for at in (3, 7, 11, 19, 27, 35)]
    assert len(bars(score)) == 10


def test_a_movement_of_palestrina_in_kern() -> None:
    (piece,) = corpus_file("palestrina/Agnus_II_57.krn").pieces
    score = piece.piece
    assert isinstance(score, Score)
    assert len(score.tracks) == 5 and meters(score) == [(0, 4, 2)]
    assert end_tick(score) == 47 * 8 * 480  # 47 bars of two breves' worth


def test_music21_streams_are_converted_without_being_changed() -> None:
    from music21 import converter

    parsed = converter.parseData("tinynotation: 3/4 c4 d2~ d2 r4")
    before = [(e.offset, str(e)) for e in parsed.recurse()]
    lost: dict[str, int] = {}
    ((title, score),), heads = music21_to_scores(parsed, lost)
    assert heads == 3  # the tied one twice
    assert title == ""
    assert rows(score) == [(0, 1, 60), (1, 4, 62)]
    assert marks(score) == [(6, "end")]
    assert lost == {}
    assert [(e.offset, str(e)) for e in parsed.recurse()] == before


def test_every_segment_of_a_kern_file_is_a_piece_with_a_name_of_its_own() -> None:
    segment = "!!!!SEGMENT: {0}\n!!!OTL: Song\n**kern\n*M2/4\n=1\n4{0}\n4d\n==\n*-\n"
    pieces = read_bytes((segment.format("c") + segment.format("e")).encode(), "a.krn").pieces
    assert [piece.name for piece in pieces] == ["1 Song", "2 Song"]
    assert [rows(piece.piece)[0] for piece in pieces if isinstance(piece.piece, Score)] == [(0, 1, 60), (0, 1, 64)]
