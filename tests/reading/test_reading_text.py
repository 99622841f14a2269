"""Text files: UTF-8 in, one piece out; what is refused is told by offset and value of the byte."""

import pytest

from erato.errors import ReadError
from erato.reading import Limits, read_bytes


def text_of(data: bytes, name: str = "a.txt") -> str:
    (piece,) = read_bytes(data, name).pieces
    assert piece.name == "" and isinstance(piece.piece, str)
    return piece.piece


def test_text_keeps_everything_but_its_line_ends() -> None:
    assert text_of("\ufeff  Où est\r\nla lune ?\r\n\t—\rfin\n".encode()) == "  Où est\nla lune ?\n\t—\nfin\n"
    assert text_of(b"# Title\n", "a.md") == "# Title\n"


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (b"", "empty", "empty"),
        (b" \n\r\n", "empty", "no text"),
        (b"caf\xe9 au lait", "encoding", "byte 3 is 0xe9"),
        (b"\xef\xbb\xbfcaf\xe9", "encoding", "byte 6 is 0xe9"),
        ("日本".encode()[:-1], "encoding", "byte 3 is 0xe6"),
        ("words".encode("utf-16"), "encoding", "byte 0 is 0xff"),
        (b"ab\0c", "encoding", "byte 2 is 0x00"),
    ],
)
def test_refusals(data: bytes, reason: str, says: str) -> None:
    with pytest.raises(ReadError, match="txt") as caught:
        read_bytes(data, "a.txt")
    assert caught.value.reason == reason
    assert says in str(caught.value)


def test_the_limit_of_text_is_its_own() -> None:
    limits = Limits(file_bytes=3, text_bytes=10)
    assert read_bytes(b"0123456789", "a.txt", limits).pieces
    with pytest.raises(ReadError) as caught:
        read_bytes(b"0123456789a", "a.txt", limits)
    assert caught.value.reason == "too-large"
