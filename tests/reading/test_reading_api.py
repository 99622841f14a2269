"""What callers rely on: which files are read, that errors are ReadErrors of the closed list, and a light import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from erato import reading
from erato.errors import ReadError

SONG = bytes.fromhex("4d546864000000060000000101e0" + "4d54726b0000000d" + "00903c50" + "8360803c00" + "00ff2f00")


def reason(path: Path, limits: reading.Limits | None = None) -> str:
    with pytest.raises(ReadError) as caught:
        reading.read_file(path, limits or reading.Limits())
    assert caught.value.reason in reading.REASONS
    assert path.name in str(caught.value) and str(path.parent) not in str(caught.value)
    return caught.value.reason


def test_files_are_read_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    for name in ("a.mid", "b.MIDI", "my.song.Kar"):
        (tmp_path / name).write_bytes(SONG)
        assert reading.read_file(tmp_path / name).pieces[0].piece.note_num() == 1  # type: ignore[union-attr]
    assert reading.suffix_of("x/My.Song.MID.GZ") == ".mid.gz"
    assert reading.suffix_of("archive.gz") == ".gz"
    assert reading.suffix_of("Makefile") == ""


def test_only_notation_is_slow() -> None:
    slow = {suffix for suffix in reading.SUFFIXES if reading.slow(Path("a" + suffix))}
    assert slow == {".musicxml", ".xml", ".mxl", ".abc", ".krn"}
    assert not reading.slow(Path("a.exe"))


def test_every_suffix_refuses_nonsense_with_a_reason(tmp_path: Path) -> None:
    for suffix in reading.SUFFIXES:
        for number, data in enumerate((b"", b"\0\1\2\3" * 50, b"\x89PNG\r\n\x1a\n" + bytes(30), SONG[:20])):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(data)
            expected = {"empty"} if not data else {"not-music", "encoding", "damaged"}
            assert reason(path) in expected, (suffix, data)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "missing.mid") == "unreadable"
    (tmp_path / "folder.mid").mkdir()
    assert reason(tmp_path / "folder.mid") == "unreadable"
    (tmp_path / "program.exe").write_bytes(b"MZ")
    assert reason(tmp_path / "program.exe") == "unsupported"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mid")  # opening it would wait for ever
        assert reason(tmp_path / "pipe.mid") == "unreadable"


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    huge = tmp_path / "huge.mid"
    with huge.open("wb") as file:
        file.truncate(2**40)  # sparse: a terabyte that takes no room
    assert reason(huge, reading.Limits(file_bytes=1000)) == "too-large"


def test_importing_is_light() -> None:
    code = "import sys, erato.reading; print(*{'torch', 'music21', 'scipy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
