"""Texts as a corpus: songs, plays and scripts, and what is refused, in one sentence."""

from pathlib import Path

import pytest

from erato import corpora
from erato.corpora.base import Pieces
from erato.corpora.splits import cut
from erato.errors import CorpusError
from erato.representations import CharsConfig, SubwordsConfig, WordsConfig

VERSES = [f"Song {number}\nthe night is long\nand so is song {number}" for number in range(10)]


def read(folder: Path, files: dict[str, str | bytes]) -> Pieces:
    """The corpus of a folder of these files, or of the one file."""
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return corpora.find(folder if len(files) > 1 else folder / next(iter(files))).pieces("text")


def test_a_folder_of_songs_is_a_piece_a_file(tmp_path: Path) -> None:
    pieces = read(tmp_path, {f"{number}.txt": verse for number, verse in enumerate(VERSES)})
    assert list(pieces) == VERSES
    assert [entry.chars for entry in pieces.entries] == [len(verse) for verse in VERSES]
    assert pieces.split("train") and pieces.split("valid")


@pytest.mark.parametrize("blank", ["\n\n", "\n\n\n\n", "\n \t\n"])
def test_one_file_of_songs_is_cut_between_songs(tmp_path: Path, blank: str) -> None:
    text = blank.join(VERSES)
    pieces = read(tmp_path, {"songs.txt": text})
    assert [entry.split for entry in pieces.entries] == ["train", "valid", "test"]
    assert list(pieces) == [blank.join(VERSES[:8]) + blank, VERSES[8] + blank, VERSES[9]]


def test_the_nearest_blank_line_is_the_cut() -> None:
    """Of 1,000 characters; blank lines end at 700 and 770, and at 930; none stands between 930 and the end."""
    text = "".join("\n" if at in (698, 699, 768, 769, 928, 929) else "x" for at in range(998)) + "\n\n"
    parts = cut(text)
    assert parts is not None and list(parts) == ["train", "valid", "test"]
    assert [len(str(part)) for part in parts.values()] == [770, 160, 70]


def test_blank_lines_after_all_text_are_no_cut() -> None:
    parts = cut("x" * 998 + "\n\n")
    assert parts is not None and [len(str(part)) for part in parts.values()] == [800, 100, 100]


def test_without_blank_lines_near_the_cut_is_a_line_break_then_a_space() -> None:
    """Songs end at 500 of 1,000; lines have 60 characters, words 6."""
    for mark, size in (("\n", 60), (" ", 6)):
        text = (("x" * (size - 1) + mark) * 1000)[:1000]
        parts = cut(text[:498] + "\n\n" + text[500:])
        assert parts is not None
        ends = [len(str(parts["train"])), 1000 - len(str(parts["test"]))]
        assert ends == [-(-at // size) * size for at in (800, 900)]


PLAY = """\
ACT I

SCENE I. A desert place.

    Thunder and lightning.  Enter three Witches

First Witch
\tWhen shall we three meet again
\tIn thunder, lightning, or in rain?

                    SECOND WITCH
              (aside)
    When the hurlyburly's done -- when the battle's lost and won.
"""


@pytest.mark.parametrize("config", [CharsConfig(), WordsConfig(minimum=1), SubwordsConfig(size=300)])
def test_the_layout_of_plays_and_scripts_survives(tmp_path: Path, config: CharsConfig) -> None:
    pieces = read(tmp_path, {"a.txt": PLAY, "b.txt": PLAY.replace("\n", "\r\n") + "FINIS\r\n"})
    representation = config.fit(list(pieces))
    for piece, text in zip(pieces, (PLAY, PLAY + "FINIS\n"), strict=True):
        assert piece == text
        encoded = representation.encode(piece)
        assert representation.decode(encoded.array) == text and encoded.lost == {}


def test_chinese_comes_through(tmp_path: Path) -> None:
    poems = [f"床前明月光，疑是地上霜。\n举头望明月，低头思故乡。{number}\n" for number in range(5)]
    pieces = read(tmp_path, {f"{number}.txt": poem for number, poem in enumerate(poems)})
    assert list(pieces) == poems
    representation = WordsConfig(minimum=1).fit(pieces)
    encoded = representation.encode(poems[0])
    assert representation.units(encoded.array)["words"] == 25  # 20 characters, 4 marks, a number


def test_the_lyrics_of_chorales_are_words_that_can_be_learned() -> None:
    pieces = corpora.find("chorale-lyrics", max_files=6).pieces("text")
    assert pieces.split("train") and pieces.split("valid")
    for config in (CharsConfig(), WordsConfig(minimum=1)):
        representation = config.fit(pieces)
        assert all(representation.decode(representation.encode(piece).array) == piece for piece in pieces)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"a\.txt is empty\.$"),
        (b" \r\n\t\n", r"a\.txt holds no text\.$"),
        (b"only one line\n", "too small: nothing can be held out of one short piece; add more pieces"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", r"byte 0 is 0x89; save it as UTF-8\.$"),
        (b"MZ\0\1" * 100, r"a\.txt is not text: byte 2 is 0x00\.$"),
        ("café au lait\n".encode("latin-1") * 20, r"byte 3 is 0xe9; save it as UTF-8\.$"),
        ("words\n".encode("utf-16") * 20, r"byte 0 is 0xff; save it as UTF-8\.$"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(CorpusError, match=says):
        read(tmp_path, {"a.txt": content})


def test_a_folder_of_such_files_only_says_how_many_of_each(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.txt": b"\xff\xfe", "b.txt": b"caf\xe9", "c.txt": b"", "d.jpg": b"?"}
    with pytest.raises(CorpusError, match=r"4 files \(2 encoding, 1 empty, 1 unsupported\).*byte 0 is 0xff"):
        read(tmp_path, files)


def test_beside_good_files_bad_ones_are_left_out_and_named(tmp_path: Path) -> None:
    pieces = read(tmp_path, {"a.txt": VERSES[0], "b.txt": VERSES[1], "c.txt": b"caf\xe9"})
    assert list(pieces) == VERSES[:2]
    assert [file.get("reason") for file in pieces.manifest["files"]] == [None, None, "encoding"]


def test_copies_of_one_text_are_too_little(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="too small"):
        read(tmp_path, {f"{number}.txt": VERSES[0] for number in range(4)})
