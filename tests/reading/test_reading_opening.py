"""Names that can be shown, and files that are none when they are opened."""

import itertools
import os
from pathlib import Path

import pytest

from erato.errors import ReadError
from erato.reading import read_file
from erato.reading.opening import bytes_of, printable, shown


def test_names_are_shown_as_one_line_and_stay_different() -> None:
    assert printable("Où est.mid") == "Où est.mid"
    assert printable(os.fsdecode(b"a\xff\n\t\x1b.mid")) == "a\\xff\\n\\t\\u001b.mid"
    assert printable("a\u202eb\u00a0") == "a\\u202eb\\u00a0"
    characters = ["\\", "x", "f", "n", "\n", "\udcff", "\ufffd", "\u00ff", "u", "0", "\0", " "]
    names = ["".join(name) for name in itertools.product(characters, repeat=4)]
    assert len({printable(name) for name in names}) == len(names)
    for name in names[:2000]:
        assert printable(name).isprintable()
        assert shown(printable(name)) == printable(name)
        printable(name).encode("utf-8")


def test_a_file_is_what_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"words")
    assert bytes_of(path, "a.txt", 100) == (b"words", 5)
    assert bytes_of(path, "a.txt", 3) == (b"word", 5)
    for other in (tmp_path, tmp_path / "gone", Path("a\0b")):
        with pytest.raises(ReadError) as caught:
            bytes_of(other, "it", 100)
        assert caught.value.reason == "unreadable"


def test_a_pipe_put_where_a_file_was_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(b"words")
    file = (tmp_path / "a.txt").stat()
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.setattr(os, "stat", lambda path: file)
    with pytest.raises(ReadError, match="not a file"):
        bytes_of(tmp_path / "pipe.txt", "pipe.txt", 100)


def test_names_in_sentences_are_one_line(tmp_path: Path) -> None:
    for name in (b"a\nb\x1b.mid", b"a\xff.musicxml", b"\xc2\x85.json", b"a.\xffmid"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(b"nothing")
        with pytest.raises(ReadError) as caught:
            read_file(path)
        assert caught.value.message.isprintable(), name
