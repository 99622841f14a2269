"""The record in a file: what was put in comes out; what is damaged, or somebody else's, has none."""

import json

import pytest
from symusic import Score

from erato.renderers import RENDERERS
from erato.renderers.base import About
from erato.renderers.carried import READERS, carried, midi_record, musicxml_record
from erato.renderers.midi import midi_bytes

RECORD = {"seed": 3, "prompt": {"text": "  two  spaces\n\x00\u202e\ud800 <b>&\"'é漢", "kind": "text"}, "share": 0.1}
IN_FILES = [suffix for suffix in RENDERERS if "." + suffix.rsplit(".", 1)[-1] in READERS]


@pytest.mark.parametrize("suffix", IN_FILES)
def test_every_kind_of_file_with_a_place_for_it_carries_the_record(suffix, make_score, tmp_path):
    path, bare = tmp_path / f"x{suffix}", tmp_path / f"y{suffix}"
    RENDERERS[suffix].write(make_score(bars=2), path, About("A title", {"seed": "3"}, RECORD))
    assert carried(path, path.read_bytes()) == RECORD
    RENDERERS[suffix].write(make_score(bars=2), bare, About("A title", {"seed": "3"}))
    assert carried(bare, bare.read_bytes()) is None


def test_lists_and_texts_carry_none(make_score, tmp_path):
    for suffix in (".txt", ".csv"):
        RENDERERS[suffix].write(make_score(bars=2), tmp_path / f"x{suffix}", About(record=RECORD))
        assert carried(tmp_path / f"x{suffix}", (tmp_path / f"x{suffix}").read_bytes()) is None


def test_midi_holds_it_as_one_line_of_ascii_that_others_read(make_score):
    data = midi_bytes(make_score(bars=1), About("A title", {"seed": "3"}, RECORD))
    line = b"erato: " + json.dumps(RECORD, sort_keys=True, separators=(",", ":")).encode("ascii")
    assert line in data and data.index(b"seed: 3") < data.index(line)
    assert Score.from_midi(data).tracks[0].notes == make_score(bars=1).tracks[0].notes


def xml(field, head="<!DOCTYPE score-partwise PUBLIC '-//Recordare//DTD MusicXML 4.0 Partwise//EN' 'x.dtd'>"):
    inner = f"<identification><miscellaneous>{field}</miscellaneous></identification>"
    return f"<?xml version='1.0' encoding='UTF-8'?>{head}<score-partwise>{inner}</score-partwise>".encode()


def test_musicxml_holds_it_in_its_identification():
    other = '<miscellaneous-field name="seed">{"seed": 9}</miscellaneous-field>'
    field = '<miscellaneous-field name="erato">{"seed": 3, "a": "&lt;&#233;"}</miscellaneous-field>'
    assert musicxml_record(xml(other + field)) == {"seed": 3, "a": "<é"}
    assert musicxml_record(xml(other)) is None


BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>"
OUTSIDE = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"


@pytest.mark.parametrize("head", [BOMB, OUTSIDE])
def test_musicxml_with_entities_has_none(head):
    assert musicxml_record(xml('<miscellaneous-field name="erato">{"a": "&a;"}</miscellaneous-field>', head)) is None


def event(text):
    return b"\x00\xff\x01" + bytes([len(text)]) + text


@pytest.mark.parametrize(
    "track",
    [
        event(b'erato: {"seed": NaN}'),
        event(b"erato: [3]"),
        event(b"erato: {"),
        event(b"erato: " + b"[" * 100),
        event(b'"erato: {}"'),
        event(b"erato: {}")[:-4],
        b"\x00\xff\x03\x0berato: {" + b'"a":1}'[:3],  # the name of a track
        b"",
    ],
)
def test_what_is_no_record_in_a_midi_file_is_none(track):
    data = b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track
    assert midi_record(data) is None


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"erato: {", b"MTrk", b"MTrk\xff\xff\xff\xfferato: {", b"\x89PNG"])
def test_what_is_no_file_of_its_kind_carries_none(suffix, data, tmp_path):
    assert carried(tmp_path / f"x{suffix}", data) is None
