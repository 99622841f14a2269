"""Malformed notation, text and arrays: each ends as a reading that makes sense or as a ReadError of the closed list."""

import importlib
import os
import random
import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import ParseError, fromstring

import pytest
from tests.reading import malformed_notation as malformed

from erato.corpora import workers
from erato.errors import ReadError
from erato.reading import DROPPED, REASONS, Reading, guard, read_bytes
from erato.score import Score

SLOW = 4.0  # seconds of processor time, which on a busy machine go slower: half of it is what we want
Outcome = tuple[str, str]  # what came of it, and what is wrong with that


@pytest.fixture(autouse=True, scope="module")
def imported() -> None:
    """What takes long to import, so that the processes that read have it from the start."""
    importlib.import_module("music21")


def sense(reading: Reading) -> str:
    """What makes no sense in what was read; empty where all does."""
    for named in reading.pieces:
        score = named.piece
        if not isinstance(score, Score):
            continue
        if not score.note_num():
            return "no notes"
        for track in score.tracks:
            notes = track.notes.numpy()
            if len(notes["time"]) and not (
                notes["time"].min() >= 0
                and notes["duration"].min() > 0
                and 0 <= notes["pitch"].min() <= notes["pitch"].max() <= 127
                and 1 <= notes["velocity"].min() <= notes["velocity"].max() <= 127
            ):
                return "notes that cannot be"
        if any(tempo.time < 0 or tempo.mspq <= 0 for tempo in score.tempos):
            return "a tempo that cannot be"
        if any(m.time < 0 or m.numerator < 1 or m.denominator < 1 for m in score.time_signatures):
            return "a meter that cannot be"
    if any(count <= 0 for count in reading.lost.values()):
        return "a loss of nothing"
    return ""


def outcome(data: bytes, name: str) -> Outcome:
    begun = time.process_time()
    try:
        found, wrong = "read", sense(read_bytes(data, name))
    except ReadError as error:
        found = error.reason
        wrong = (
            "" if error.reason in REASONS and error.message.isprintable() and name in error.message else "what it says"
        )
        if error.reason in ("crashed", "timeout"):
            wrong = f"{error.reason}: {error.__cause__!r}"
    except BaseException as error:
        return "raised", f"{type(error).__name__}: {error}"
    seconds = time.process_time() - begun
    return found, wrong or (f"{seconds:.1f} s" if seconds > SLOW else "")


def defect_outcome(name: str) -> tuple[str, Outcome]:
    guard.expendable()
    file, data = malformed.defects()[name]
    return name, outcome(data, file)


def mutant_outcome(kind: str, seed: int) -> tuple[int, Outcome]:
    guard.expendable()
    return seed, outcome(malformed.mutant(seed, kind), kind)


def mutants(kind: str, seeds: Sequence[int]) -> dict[str, int]:
    """How many of these mutants ended how; fails with the numbers of those that did not end well."""
    chunks = [list(seeds[start : start + 50]) for start in range(0, len(seeds), 50)]
    ended: dict[str, int] = {}
    wrong = []
    for seed, (found, trouble) in workers.ordered(
        partial(mutant_outcome, kind), chunks, lambda seed, why: (seed, ("died", why)), 1
    ):
        ended[found] = ended.get(found, 0) + 1
        if trouble:
            wrong.append((seed, found, trouble))
    assert not wrong, (kind, wrong[:20], len(wrong))
    return ended


LEGIBLE = (
    ": plain", "bare ampersand", "control", "unclosed", "half", "utf-", "latin-1", "namespace", "encoding of nobody",
    "doctype", "schema", "xinclude", "link", "backup", "voices", "no part list", "timewise",
)  # fmt: skip
NUMBERED = re.compile(r" \d+$")  # the same place of a score, and another odd value


@pytest.mark.parametrize("every", [24, pytest.param(1, marks=pytest.mark.slow)])
def test_every_defect_ends_well(every: int) -> None:
    names = [name for index, name in enumerate(malformed.defects()) if not NUMBERED.search(name) or index % every == 0]
    chunks = [names[start : start + 10] for start in range(0, len(names), 10)]
    found = dict(workers.ordered(defect_outcome, chunks, lambda name, why: (name, ("died", why)), 1))
    assert not {name: ended for name, ended in found.items() if ended[1]}
    for name, (ended, _) in found.items():
        if name.startswith("musicxml") and any(part in name for part in LEGIBLE):
            assert ended == "read", name
    for name in (
        "mxl: packed",
        "mxl: no table",
        "mxl: sizes that lie",
        "abc: plain",
        "krn: no end",
        "arrays: plain.npz",
    ):
        assert found[name] == ("read", ""), name
    for name in ("entities", "laughs", "external entity", "parameter entity"):
        assert found[f"musicxml: {name}"] == ("unsafe", ""), name
    assert found["mxl: bomb"] == ("too-large", "")
    assert found["arrays: objects.npz"] == ("unsafe", "")


@pytest.mark.parametrize("kind", ["a.musicxml", "a.mxl", "a.abc", "a.krn", "a.json", "a.npz"])
def test_mutants_end_well(kind: str) -> None:
    count = {"a.abc": 40, "a.krn": 60}.get(kind, 150)
    ended = mutants(kind, range(count))
    assert ended.get("read", 0) > count // {"a.npz": 50, "a.mxl": 10, "a.json": 10}.get(kind, 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a.musicxml", "a.mxl", "a.abc", "a.krn", "a.json", "a.npz"])
def test_many_mutants_end_well(kind: str) -> None:
    """ERATO_FUZZ=200000 runs as many of MusicXML, and a tenth of the others."""
    count = int(os.environ.get("ERATO_FUZZ", "5000")) // (1 if kind == "a.musicxml" else 10)
    mutants(kind, range(10_000, 10_000 + count))


@pytest.mark.parametrize("seed", range(20))
def test_every_note_is_accounted_for(seed: int) -> None:
    """Of scores that are well formed, with no tie and no repeat: the notes with a pitch are read or dropped."""
    data = malformed.score(malformed.FIRST + malformed.note() * 4, malformed.note("D") * 4, head="").encode()
    rng = random.Random(seed)
    for _ in range(5):
        data = malformed._replace_number(data, rng)
    try:
        written = sum(note.find("pitch") is not None for note in fromstring(data).iter("note"))
    except ParseError:
        return
    try:
        reading = read_bytes(data, "a.musicxml")
    except ReadError as error:
        assert error.reason == "no-notes"
        return
    (piece,) = reading.pieces
    assert isinstance(piece.piece, Score)
    dropped = sum(count for what, count in reading.lost.items() if what.startswith(DROPPED))
    assert piece.piece.note_num() + dropped == written


def test_a_score_that_breaks_off_gives_its_notes_up_to_there(tmp_path: Path) -> None:
    whole = malformed.score(malformed.FIRST + malformed.note() * 4, malformed.note("D") * 4).encode()
    at = whole.index(b"<part id", whole.index(b"<step>D"))
    counts = []
    for stop in range(at - 400, at):
        reading = read_bytes(whole[:stop], "a.xml") if stop % 40 == 0 else None
        if reading:
            (piece,) = reading.pieces
            assert isinstance(piece.piece, Score)
            counts.append(piece.piece.note_num())
            assert any("breaks off" in what for what in reading.lost)
    assert counts == sorted(counts) and 4 <= counts[0] < counts[-1] == 8


def test_what_is_longer_than_any_music_is_refused_at_once_and_a_collection_loses_only_that_tune() -> None:
    head = "X:1\nT:one\nM:4/4\nL:1/8\nK:C\n"
    endless = head + "CDEF GABc|\n" * 10_000
    with pytest.raises(ReadError, match=r"tune of 110,0.. characters"):
        read_bytes(endless.encode(), "endless.abc")
    both = read_bytes((head + "CDEF|\n\n" + endless.replace("X:1", "X:2")).encode(), "both.abc")
    assert len(both.pieces) == 1 and both.lost == {"tunes that are too long": 1}
    kern = "**kern\n*M4/4\n" + "4c\n" * 200_000 + "*-\n"
    with pytest.raises(ReadError, match="characters; at most 300,000"):
        read_bytes(kern.encode(), "endless.krn")
