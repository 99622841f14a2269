"""Text in words: what is a word, which spaces are written, and that every text comes back as it was."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Score

from erato.errors import UsageError
from erato.representations import WordsConfig

ALL = WordsConfig(minimum=1)


def written(text, config=ALL):
    """The names of a text's symbols, where nothing but that text was learned from."""
    representation = config.fit([text])
    return [representation.names()[symbol] for symbol in representation.encode(text).array]


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("Hello, world", ["Hello", ", ", "world", "<end>"]),
        ("I don't, and don't", ["I", "don't", ", ", "and", "don't", "<end>"]),
        ("x 'tis y", ["x", " '", "tis", "y", "<end>"]),
        ("rock’n’roll", ["rock’n’roll", "<end>"]),
        ("Mr. Fox paid 1,500.5 now", ["Mr", ". ", "Fox", "paid", "1,500.5", "now", "<end>"]),
        ("a well-known fox", ["a", "well", "-", "known", "fox", "<end>"]),
        ("he (or she) is", ["he", " (", "or", "she", ") ", "is", "<end>"]),
        ("a “b” c", ["a", " “", "b", "” ", "c", "<end>"]),
        ("a--b", ["a", "-", "-", "b", "<end>"]),
        ("one\ntwo\n\nthree", ["one", "'\\n'", "two", "'\\n\\n'", "three", "<end>"]),
        ("A\n        B", ["A", "'\\n        '", "B", "<end>"]),
        ("你好，世界。", ["你", "好", "，", "世", "界", "。 ", "<end>"]),
        ("東京 is big", ["東", "京", "' '", "is", "big", "<end>"]),
        ("안녕 세상", ["안녕", "세상", "<end>"]),
        ("سلام، دنیا", ["سلام", "، ", "دنیا", "<end>"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया", "<end>"]),
        ("می\u200cخواهم x\u0302", ["می\u200cخواهم", "x\u0302", "<end>"]),
        ("cafe\u0301", ["caf\u00e9", "<end>"]),
        (" a ", ["' '", "a", "' '", "<end>"]),
    ],
)
def test_what_the_words_and_marks_of_a_text_are(text, symbols):
    assert written(text) == symbols


def test_a_word_is_one_symbol_whatever_stands_beside_it():
    representation = WordsConfig().fit(['the the\nthe "the" (the) the-the'])
    words = [name for name in representation.names() if "the" in name]
    assert words == ["the"]


def test_a_mark_that_no_symbol_asks_spaces_of_is_as_it_mostly_is():
    text = "a, b, c,\nd,"
    assert written(text) == ["a", ", ", "b", ", ", "c", ", ", "'\\n'", "d", ", ", "<end>"]
    assert written('a. b. c." d') == ["a", ". ", "b", ". ", "c", ". ", '" ', "d", "<end>"]


def test_a_mark_with_rare_spaces_is_written_with_what_corrects_them():
    representation = WordsConfig(minimum=2).fit(["a, b, a, b, a, b a b"])
    names = representation.names()
    assert [name for name in names if "," in name] == [", "]
    for text, symbols in {
        "a,b": ["a", ", ", "<no space>", "b", "<end>"],
        "a , b": ["a", "' '", ", ", "b", "<end>"],
    }.items():
        encoded = representation.encode(text)
        assert [names[symbol] for symbol in encoded.array] == symbols
        assert representation.decode(encoded.array) == text and encoded.lost == {}


WORDS = st.sampled_from(
    [
        "the",
        "Fox",
        "don't",
        "'tis",
        "dogs'",
        "1,500.5",
        "3.",
        "Mr.",
        "a",
        "x\u0302",
        "日本",
        "かな",
        "안녕",
        "سلام",
        "นี้",
        "👩‍🚀",
    ]
)
MARKS = st.sampled_from([*".,;:!?-'\"()[]“”‘’«»…—/&*_<>", "--", "。", "，", "<unk", "¿"])
BLANKS = st.sampled_from([" ", " ", " ", "\n", "\n\n", "\n    ", "  ", "\t", " \n"])
TEXTS = st.lists(WORDS | MARKS | BLANKS).map("".join)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_every_text_comes_back_as_it_was(learned, text):
    """Also where the spaces were learned from another text."""
    vocabulary = "".join(dict.fromkeys(learned + text))
    representation = ALL.fit([learned, text, f"a {vocabulary}"])
    for piece in (learned, text):
        encoded = representation.encode(piece)
        assert representation.decode(encoded.array) == piece and encoded.lost == {}
        assert representation.units(encoded.array)["chars"] == len(piece)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.lists(st.text(), max_size=3))
def test_no_text_is_too_strange(text, learned):
    representation = ALL.fit(["a", text, *learned])
    normal = unicodedata.normalize("NFC", text)
    if "\uffff" not in text:
        assert representation.decode(representation.encode(text).array) == normal
    other = WordsConfig(minimum=2).fit(["a a", *learned])
    array = other.encode(text).array
    assert np.array_equal(other.encode(other.decode(array)).array, array)


def test_rare_words_are_unknown_and_counted():
    representation = WordsConfig(minimum=2).fit(["a cat, a dog, a cat; a dog! A bird"])
    encoded = representation.encode("a bird, a cat! <unk>")
    assert representation.decode(encoded.array) == "a <unk>, a cat<unk> <unk>"
    assert encoded.lost == {"unknown words": 3}


def test_the_most_frequent_words_are_kept():
    representation = WordsConfig(minimum=1, most=2).fit(["a b c b c c"])
    assert representation.words == ["c", "b"]


def test_lower_case():
    representation = WordsConfig(minimum=2, lower=True).fit(["The cat THE CAT É e\u0301"])
    assert representation.words == ["cat", "the", "é"]
    assert representation.decode(representation.encode("Cat").array) == "cat"


def test_white_space_never_seen_becomes_spaces_and_is_counted():
    representation = ALL.fit(["a b\fa b\u3000\u3000c"])
    assert representation.decode(representation.encode("a\fb\u3000c").array) == "a\fb\u3000c"
    encoded = representation.encode("a\vb\u00a0\u00a0c")
    assert representation.decode(encoded.array) == "a b  c"
    assert encoded.lost == {"unknown white space": 3}


def test_an_indent_never_seen_is_put_together_from_others():
    representation = ALL.fit(["a\n    b\n\nc"])
    encoded = representation.encode("a\n\n      b")
    assert [representation.names()[s] for s in encoded.array] == ["a", "'\\n\\n'", *["' '"] * 6, "b", "<end>"]
    assert representation.decode(encoded.array) == "a\n\n      b"


def test_units_count_words_marks_and_the_characters_of_the_original():
    representation = WordsConfig(minimum=2).fit(["a cat, a cat, a bird, a fly"])  # unknown: bird, fly: 3.5 on average
    array = representation.encode("a cat,\na bird").array
    assert representation.units(array) == {"words": 5.0, "chars": len("a cat,\na ") + 3.5, "unknown words": 1.0}
    assert representation.units(array[:2]) == {"words": 2.0, "chars": 5.0, "unknown words": 0.0}


def test_a_text_goes_on_where_its_prompt_stopped():
    representation = ALL.fit(["a cat, a dog"])
    a, dog = (representation.names().index(word) for word in ("a", "dog"))
    for prompt, whole in {"a cat ": "a cat dog a", "a cat, ": "a cat, dog a", "a\n": "a\ndog a", " ": " dog a"}.items():
        array = representation.encode_prompt(prompt).array
        text = representation.decode(np.append(array, [dog, a]))
        assert text == whole and text.startswith(representation.decode(array))
    assert np.array_equal(representation.encode_prompt("a cat  ").array, representation.encode_prompt("a cat").array)


def test_a_prompt_of_unknown_words_is_refused_and_they_are_named():
    representation = ALL.fit(["a cat, a dog"])
    with pytest.raises(UsageError, match=r"it has 'zork', 'blarg'; use words .* as 'a', 'cat', 'dog'\.$"):
        representation.encode_prompt("zork, blarg zork")
    with pytest.raises(UsageError, match=r"it has '!'"):
        representation.encode_prompt("!")
    with pytest.raises(UsageError, match=r"'a', 'b', 'c', 'd', 'e' and 2 more;"):
        ALL.fit(["x"]).encode_prompt("a b c d e f g")
    assert representation.encode_prompt("zork cat").lost == {"unknown words": 1}
    assert len(representation.encode_prompt("").array) == 0


def test_a_prompt_and_a_window_leave_unknown_words_out():
    representation = WordsConfig(minimum=2).fit(["a cat, a cat,\na cat; a cat"])  # ";" is unknown
    encoded = representation.encode_prompt("zork a cat;a bird;\ncat zork")
    assert representation.decode(encoded.array) == "a cat a\ncat" and encoded.lost == {"unknown words": 5}
    array = representation.encode("a;cat zork a cat").array
    assert representation.decode(representation.window(array, 0, 4)) == "a"
    assert representation.decode(representation.window(array, 1, 9)) == "cat a cat"
    empty = representation.window(array, 2, 1)
    assert len(empty) == 0 and len(representation.window(array, 99, 5)) == 0
    cursor = representation.cursor(1)
    for symbol in encoded.array:
        assert cursor.allowed()[0, symbol]
        cursor.push(symbol[None])


def test_unknown_words_are_never_sampled():
    representation = ALL.fit(["a cat"])
    allowed = representation.cursor(3).allowed()
    forbidden = [name for name, ok in zip(representation.names(), allowed[0], strict=True) if not ok]
    assert allowed.shape == (3, representation.space.size) and forbidden == ["<start>", "<unk>"]


def test_what_cannot_be_is_refused():
    for bad in ({"minimum": 0}, {"most": 0}):
        with pytest.raises(UsageError, match="at least 1"):
            WordsConfig(**bad)
    for pieces in ([], [""], ["\n \n \n"], ["each word once only"]):
        with pytest.raises(UsageError, match="seen 2 times"):
            WordsConfig().fit(pieces)
    for act in (ALL.fit(["a"]).encode, lambda score: ALL.fit([score])):
        with pytest.raises(UsageError, match="this piece is music"):
            act(Score(480))


@pytest.mark.parametrize("words", ["a", [], [1], ["a", "a"], ["a b"], [" a"], ["a,"], [",  "], [" "], [""], ["\uffff"]])
def test_a_vocabulary_that_is_none_is_refused(words):
    state = ALL.fit(["a"]).state()
    assert ALL.restore(json.loads(json.dumps(state))).words == ["a"]
    if words != []:
        with pytest.raises(UsageError, match="damaged"):
            ALL.restore({**state, "words": words})
    with pytest.raises(UsageError, match="lower=False"):
        WordsConfig(lower=True).restore(state)
