"""What comes with the install: four voices, pickups and words of chorales; the others by their first files."""

from collections.abc import Sequence

import pytest
from symusic import Note, Score, TextMeta, Track

from erato import corpora
from erato.corpora.builtin import four_voices, verses
from erato.errors import ReadError
from erato.reading import NamedPiece, Reading
from erato.score import FERMATA, has_pickup


def parts(names: Sequence[str]) -> Score:
    score = Score(480)
    for number, name in enumerate(names):
        track = Track(name, 0, False)
        track.notes.append(Note(0, 480, 72 - 5 * number, 80))
        score.tracks.append(track)
    return score


def test_four_voices_leave_the_others_out_and_say_so() -> None:
    given = parts(["Horn 1", "Soprano 1", "Soprano 2", "Alto", "Tenor\rViola", "Bass", "Continuo"])
    result = four_voices(Reading([NamedPiece("", given)]), "x")
    (named,) = result.pieces
    assert not isinstance(named.piece, str)
    assert [track.name for track in named.piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [track.notes[0].pitch for track in named.piece.tracks] == [67, 57, 52, 47]
    assert result.lost == {"parts besides the four voices": 3}
    assert len(given.tracks) == 7
    with pytest.raises(ReadError, match="no tenor"):
        four_voices(Reading([NamedPiece("", parts(["Soprano", "Alto", "Bass"]))]), "x")


def test_verses_join_syllables_and_break_lines_at_fermatas() -> None:
    score = parts(["Soprano"])
    words = ["1. Be-", "fiehl", "du", "dei-", "ne", "We-", "ge", "und", "was"]
    score.tracks[0].lyrics.extend([TextMeta(480 * i, word) for i, word in enumerate(words)])
    # the fermata stands on the last note of "ge", after the syllable began
    score.markers.append(TextMeta(480 * 6 + 240, FERMATA))
    (named,) = verses(Reading([NamedPiece("", score)]), "x").pieces
    assert named.piece == "Befiehl du deine Wege\nund was\n"


def test_verses_without_fermatas_break_at_punctuation() -> None:
    score = parts(["Soprano"])
    words = ["Hilf,", "Herr", "Je-", "su,", "lass"]
    score.tracks[0].lyrics.extend([TextMeta(480 * i, word) for i, word in enumerate(words)])
    (named,) = verses(Reading([NamedPiece("", score)]), "x").pieces
    assert named.piece == "Hilf,\nHerr Jesu,\nlass\n"


def test_chorales_have_four_voices_groups_and_origin() -> None:
    corpus = corpora.find("bach-chorales", max_files=4)
    pieces = corpus.pieces("music")
    assert len(pieces) == 4
    assert all([t.name for t in score.tracks] == ["Soprano", "Alto", "Tenor", "Bass"] for score in pieces)
    first = pieces.manifest["files"][0]
    assert first["name"] == "bach/bwv1.6.mxl"
    assert first["lost"]["parts besides the four voices"] == 1  # the second horn
    assert first["origin"].startswith("music21")
    assert pieces.entries[0].group == "BWV 1.6"
    assert any(has_pickup(score) for score in pieces)
    assert any(marker.text == FERMATA for score in pieces for marker in score.markers)
    assert any(len(score.tracks[0].lyrics) for score in pieces)
    sources = corpora.find("bach-chorales").sources()  # type: ignore[attr-defined]
    assert len(sources) >= 371
    assert {s.group for s in sources if "bwv248.23" in s.name} == {"BWV 248.23"}


def test_chorale_lyrics_are_lines_of_words() -> None:
    pieces = corpora.find("chorale-lyrics", max_files=4).pieces("text")
    assert pieces.kind == "text"
    # BWV 10.7, the Magnificat of the fourth file at the latest
    text = "".join(pieces)
    assert text.count("\n") > 3
    assert "-\n" not in text
    assert all(line == line.strip() for line in text.splitlines())


def test_python_reference_is_one_text_in_order() -> None:
    pieces = corpora.find("python-reference").pieces("text")
    assert [entry.split for entry in pieces.entries] == ["train", "valid", "test"]
    assert pieces[0].startswith('The "assert" statement')
    assert sum(len(part) for part in pieces) > 100_000


@pytest.mark.parametrize(
    ("name", "files"), [("palestrina", 1318), ("folk-tunes", 1102), ("string-quartets", 51), ("chorale-lyrics", 409)]
)
def test_the_files_come_with_the_install(name: str, files: int) -> None:
    sources = corpora.find(name).sources()  # type: ignore[attr-defined]
    assert len(sources) >= files
    assert all(source.path.is_file() for source in sources)


def test_palestrina_has_voices() -> None:
    pieces = corpora.find("palestrina", max_files=2).pieces("music")
    assert all(len(score.tracks) >= 3 for score in pieces)
    assert "not for commercial" in " ".join(pieces.manifest["licence"].split())


@pytest.mark.slow
def test_all_chorales() -> None:
    pieces = corpora.find("bach-chorales").pieces("music")
    assert len(pieces) >= 400
    assert all(len(pieces.split(split)) > 0.05 * len(pieces) for split in ("valid", "test"))
    assert [file["name"] for file in pieces.manifest["files"] if file["verdict"] == "skipped"] == []
