"""Text in characters: the vocabulary, what is unknown, and that every text comes back."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Score

from erato.errors import UsageError
from erato.representations import CharsConfig, Tokens


def test_symbols_are_start_end_and_the_characters_in_order():
    representation = CharsConfig().fit(["ba\n", "c a"])
    assert representation.characters == ["\n", " ", "a", "b", "c"]
    assert representation.space == Tokens(7, 0, 1)
    assert representation.names() == ["<start>", "<end>", "newline", "space", "a", "b", "c"]
    assert representation.encode("cab\n").array.tolist() == [6, 4, 5, 2, 1]
    assert representation.encode_prompt("cab\n").array.tolist() == [6, 4, 5, 2]
    assert representation.decode(np.array([0, 6, 4, 1, 5])) == "ca"


def test_without_an_end_there_is_no_symbol_for_it():
    representation = CharsConfig(end=False).fit(["ab"])
    assert representation.space == Tokens(3, 0, None)
    assert representation.encode("ab").array.tolist() == representation.encode_prompt("ab").array.tolist() == [1, 2]
    assert representation.decode(np.array([1, 2, 1])) == "aba"
    cursor = representation.cursor(2)
    cursor.push(np.array([1, 1]))
    assert cursor.done.tolist() == [False, False] and cursor.bars is None and cursor.seconds is None


def test_the_cursor_is_done_at_the_end():
    cursor = CharsConfig().fit(["ab"]).cursor(2)
    cursor.push(np.array([1, 2]))
    cursor.push(np.array([2, 2]))
    assert cursor.allowed() is None
    assert cursor.done.tolist() == [True, False] and cursor.take([1, 0, 0]).done.tolist() == [False, True, True]


def test_an_accented_letter_is_one_symbol_however_it_was_typed():
    representation = CharsConfig().fit(["e\u0301"])
    assert representation.characters == ["\u00e9"]
    assert representation.encode("\u00e9").array.tolist() == representation.encode("e\u0301").array.tolist() == [2, 1]
    assert representation.units(representation.encode("e\u0301").array) == {"chars": 1.0}


def test_lower_case():
    representation = CharsConfig(lower=True).fit(["AbÉ I\u0307"])
    assert representation.characters == [" ", "a", "b", "i", "é", "\u0307"]
    assert representation.decode(representation.encode("BAÉ").array) == "baé"
    assert representation.encode("BA").lost == {}


def test_unknown_characters_become_spaces_and_are_named():
    representation = CharsConfig().fit(["a b"])
    encoded = representation.encode("aéa\aé汉\ud800")
    assert representation.decode(encoded.array) == "a a    "
    assert encoded.lost == {
        "unknown character U+0007": 1,
        "unknown character 'é'": 2,
        "unknown character '汉'": 1,
        "unknown character U+D800": 1,
    }


def test_without_a_space_they_are_left_out():
    representation = CharsConfig().fit(["世界e\u0302\u0301"])  # ế
    encoded = representation.encode("世x界x世")
    assert representation.decode(encoded.array) == "世界世" and encoded.lost == {"unknown character 'x'": 2}


def test_what_moves_together_is_looked_up_again():
    representation = CharsConfig().fit(["e x\u0301".replace(" ", "")])  # e, x, acute
    encoded = representation.encode("e!\u0301")  # without "!", this is é
    assert representation.decode(encoded.array) == ""
    assert encoded.lost == {"unknown character '!'": 1, "unknown character 'é'": 1}


def test_a_prompt_of_unknown_characters_is_refused():
    representation = CharsConfig().fit(["ab\n "])
    with pytest.raises(UsageError, match=r"nothing of the prompt 'é\\n汉 ' is in the vocabulary: .* as 'ab'\.$"):
        representation.encode_prompt("é\n汉 ")
    assert representation.decode(representation.encode_prompt("éa").array) == " a"
    assert representation.decode(representation.encode_prompt(" \n").array) == " \n"
    assert len(representation.encode_prompt("").array) == 0
    with pytest.raises(UsageError, match=r"'é{40}\.\.\.'"):
        representation.encode_prompt("é" * 99)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1), st.text(), st.booleans(), st.booleans())
def test_every_text_comes_back(learned, text, lower, end):
    config = CharsConfig(lower, end)
    representation = config.fit([learned])
    normal = unicodedata.normalize("NFC", learned.lower() if lower else learned)
    encoded = representation.encode(learned)
    assert representation.decode(encoded.array) == normal and encoded.lost == {}
    assert representation.units(encoded.array) == {"chars": len(normal)}
    other = representation.encode(text)
    again = representation.encode(representation.decode(other.array))
    assert np.array_equal(again.array, other.array) and again.lost == {}
    assert config.restore(representation.state()).space == representation.space


def test_names_differ_whatever_the_characters_are_called():
    characters = [" ", "\t", "\u00a0", "\u200b", "\x7f", "␣", "s", "é", "U"]
    names = CharsConfig().fit(characters).names()
    assert len(set(names)) == len(names) == 11
    assert {"U+00A0", "U+200B", "U+007F", "tab", "space"} < set(names)


def test_what_cannot_be_is_refused():
    for pieces in ([], ["", ""], ["\ud800"]):
        with pytest.raises(UsageError, match="no character"):
            CharsConfig().fit(pieces)
    for act in (
        CharsConfig().fit(["a"]).encode,
        CharsConfig().fit(["a"]).encode_prompt,
        lambda s: CharsConfig().fit([s]),
    ):
        with pytest.raises(UsageError, match="this piece is music"):
            act(Score(480))


@pytest.mark.parametrize("characters", ["ab", [], [1], ["a", "a"], ["b", "a"], ["ab"], [""], ["a", "\ud800"]])
def test_a_vocabulary_that_is_none_is_refused(characters):
    state = CharsConfig().fit(["ab"]).state()
    with pytest.raises(UsageError, match="damaged"):
        CharsConfig().restore({**state, "characters": characters})
    with pytest.raises(UsageError, match="lower=False"):
        CharsConfig(lower=True).restore(state)
    with pytest.raises(UsageError, match="end=True"):
        CharsConfig(end=False).restore(state)
