"""Files that are handed in: read apart from the server where libraries read them, and nothing they do ends it."""

import gzip
import os
from contextlib import closing

import pytest
from tests.conftest import scale_score  # type: ignore[import-not-found]

from erato.errors import ReadError
from erato.reading import Limits
from erato.renderers.base import About
from erato.renderers.midi import midi_bytes
from erato.score import note_count
from erato.studio.reader import Reader

ABC = b"X:1\nT:Four notes\nM:4/4\nL:1/4\nK:C\nCDEF|\n"


@pytest.fixture(scope="module")
def reader():
    with closing(Reader(Limits(notes=100))) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_forks(monkeypatch):
    """A server with many threads must not."""

    def fork():
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", fork)


def test_every_kind_is_read(reader):
    data = midi_bytes(scale_score(bars=2), About())
    assert note_count(reader.read(data, "a.mid").pieces[0].piece) == 10
    assert note_count(reader.read(gzip.compress(data), "A.MID.GZ").pieces[0].piece) == 10
    assert reader.read(b"la la", "a.txt").pieces[0].piece == "la la"
    assert note_count(reader.read(ABC, "a.abc").pieces[0].piece) == 4
    assert note_count(reader.read(ABC, "b.abc").pieces[0].piece) == 4


@pytest.mark.parametrize(
    "data, name, reason",
    [
        (b"", "a.abc", "empty"),
        (b"x", "a", "unsupported"),
        (b"x", "a.exe", "unsupported"),
        (b"\0" * 100, "a.musicxml", None),
        (b"<a>" * 100_000, "a.musicxml", None),
        (midi_bytes(scale_score(bars=100), About()), "a.mid", "too-many-notes"),
    ],
)
def test_refusals_come_back_as_they_are(reader, data, name, reason):
    with pytest.raises(ReadError) as refused:
        reader.read(data, name)
    assert reason in (None, refused.value.reason) and str(refused.value).endswith(".")


def test_a_process_that_dies_costs_one_file(reader):
    reader.read(ABC, "a.abc")
    reader._apart._process.kill()
    reader._apart._process.join()
    assert note_count(reader.read(ABC, "a.abc").pieces[0].piece) == 4


def test_what_takes_too_long_is_given_up():
    with closing(Reader(Limits(), seconds=0.0)) as made, pytest.raises(ReadError) as refused:
        made.read(ABC, "a.abc")
    assert refused.value.reason == "timeout"
