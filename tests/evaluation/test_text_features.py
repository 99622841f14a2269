"""What texts are like, on a verse short enough to count by hand."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from erato.evaluation import TEXT_COLUMNS, TEXT_SCALARS, jsonable, text_features, text_vector, words
from erato.evaluation.text_features import WINDOW, distinct

SONG = """Row, row, row your boat
  gently down the stream.

Merrily, merrily
Row, ROW, row your boat

\t
Life's but a dream
"""
# row row row your boat gently down the stream | merrily merrily row row row your boat | life's but a dream
FIVE, FOUR, TWO = len("Row, row, row your boat"), len("gently down the stream."), len("Merrily, merrily")


def test_a_song_by_hand():
    found = text_features(SONG, frozenset({"row", "boat", "the", "a"}))
    kinds = {"row", "your", "boat", "gently", "down", "the", "stream", "merrily", "life's", "but", "a", "dream"}
    assert found["type_token_ratio"] == found["distinct_1"] == len(kinds) / 20
    # Of 19 pairs, the second "row row" of each line, and in the fourth line "row row", "row your", "your boat" again.
    assert found["distinct_2"] == pytest.approx((19 - 1 - 4) / 19)
    # Of 18 threes, "row row row", "row row your", "row your boat" again.
    assert found["distinct_3"] == pytest.approx(15 / 18)
    assert found["repeated_4_grams"] == pytest.approx(2 / 17)  # "row row row your", "row row your boat"
    assert found["known_words"] == (6 + 2 + 1 + 1) / 20
    assert found["line_words"] == 20 / 5
    assert found["line_characters"] == (2 * FIVE + FOUR + TWO + len("Life's but a dream")) / 5
    assert found["verse_lines"] == 5 / 3  # the blank line with a tab in it counts as one with the other
    assert found["repeated_lines"] == pytest.approx(1 / 5)
    letters = 6 * 3 + 2 * 4 + 2 * 4 + 6 + 4 + 3 + 6 + 2 * 7 + 6 + 3 + 1 + 5
    assert found["word_length"] == letters / 20
    assert found["moving_type_token_ratio"] == found["type_token_ratio"]  # shorter than a window


def test_a_moving_ratio_is_the_mean_of_all_windows():
    rng = np.random.default_rng(1)
    row = [f"w{n}" for n in rng.integers(0, 60, 3 * WINDOW)]
    slow = [len(Counter(row[at : at + WINDOW])) / WINDOW for at in range(len(row) - WINDOW + 1)]
    assert text_features(" ".join(row))["moving_type_token_ratio"] == pytest.approx(np.mean(slow))
    twice = text_features(" ".join(row + row))
    assert twice["type_token_ratio"] < 0.6 * text_features(" ".join(row))["type_token_ratio"]
    assert twice["moving_type_token_ratio"] == pytest.approx(np.mean(slow), rel=0.02)


def test_words():
    assert words("Don’t — don't! 'Tis e-mail, 1984; snake_case") == [
        "don't", "don't", "tis", "e", "mail", "1984", "snake", "case",
    ]  # fmt: skip
    assert words("cafe\u0301 CAFÉ") == ["café", "café"]
    assert words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]  # vowel signs belong to their letters
    assert words("' -- ''") == []


@pytest.mark.parametrize("text", ["", " \n\n", "..."])
def test_nothing_has_no_meaning(text):
    found = text_features(text, frozenset({"a"}))
    lines = (
        {"line_characters": 3.0, "line_words": 0.0, "verse_lines": 1.0, "repeated_lines": 0.0} if text == "..." else {}
    )
    assert {name: value for name, value in found.items() if not math.isnan(value)} == lines
    assert set(json.loads(json.dumps(jsonable(found))).values()) == {None, *lines.values()}


def test_one_word_and_no_training_words():
    found = text_features("Hello")
    assert (
        math.isnan(found["known_words"]) and math.isnan(found["distinct_2"]) and math.isnan(found["repeated_4_grams"])
    )
    assert (found["distinct_1"], found["verse_lines"], found["line_characters"]) == (1, 1, 5)
    assert text_features("Hello", frozenset())["known_words"] == 0


def test_line_ends_of_any_kind_are_line_ends():
    found, windows = text_features(SONG), text_features(SONG.replace("\n", "\r\n"))
    assert windows == pytest.approx(found, nan_ok=True)


def test_a_vector_has_the_order_of_the_table():
    found = text_features(SONG)
    assert [*found] == [scalar.name for scalar in TEXT_SCALARS] == [*TEXT_COLUMNS]
    vector = text_vector(found)
    for name, where in TEXT_COLUMNS.items():
        assert vector[where] == pytest.approx([found[name]], nan_ok=True)


def test_distinct_takes_symbols_of_any_kind():
    assert distinct([(0, 1), (0, 1), (2, 3)], 1) == 2 / 3
    assert distinct([5, 5, 5], 2) == 1 / 2
    assert distinct([5], 2) is None
