"""Text that a terminal only shows."""

import pytest

from erato.terminal import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("piece.mid", "piece.mid"),
        ("Präludium\t1\nפוגה 賦格 👩\u200d🎤", "Präludium\t1\nפוגה 賦格 👩\u200d🎤"),
        ("a\x1b[31m\x07\r\x9b", "a\\x1b[31m\\x07\\r\\x9b"),
        ("\u202efdp.exe\u2066", "\\u202efdp.exe\\u2066"),
        ("caf\udce9.mid", "caf\\udce9.mid"),
    ],
)
def test_what_would_steer_a_terminal_is_written_as_its_number(text, shown):
    assert plain(text) == shown
    plain(text).encode()
