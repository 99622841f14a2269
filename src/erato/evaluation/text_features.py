"""What a text is like, in numbers: a text in, scalars out. Knows nothing of vocabularies, files and models.

A word is a run of letters, digits and the marks on them, apostrophes inside it too ("don't"), in lower case: a text in
capitals has the words of one without. Scripts that put no spaces between words have a word between two marks. A line
has more in it than white space; a verse is the lines between blank ones. Legend: F numbers of a text.
"""

import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from erato.evaluation.scalars import Scalar, scalar_columns
from erato.score import Floats

WINDOW = 100  # words
REPEATED = 4  # words
_APOSTROPHES = "'’"

TEXT_SCALARS = (
    Scalar("type_token_ratio", "different words by words, which is distinct-1; falls with length", "", "Templin 1957"),
    Scalar(
        "moving_type_token_ratio",
        f"mean type-token ratio of all {WINDOW} words in a row; of the whole text where it is shorter",
        "",
        "Covington and McFall 2010, The moving-average type-token ratio",
    ),
    *(
        Scalar(
            f"distinct_{n}", f"different runs of {n} words by such runs", "", "Li et al. 2016, A diversity-promoting…"
        )
        for n in (1, 2, 3)
    ),
    Scalar("known_words", "share of words that the training texts have", "", "Erato"),
    Scalar("word_length", "mean length of a word", "characters", "Erato"),
    Scalar("line_characters", "mean length of a line, without white space at its ends", "characters", "Erato"),
    Scalar("line_words", "mean length of a line", "words", "Erato"),
    Scalar("verse_lines", "mean length of a verse", "lines", "Erato"),
    Scalar(
        f"repeated_{REPEATED}_grams",
        f"share of runs of {REPEATED} words that stood there before",
        "",
        "seq-rep-n of Welleck et al. 2020, Neural text generation with unlikelihood training",
    ),
    Scalar("repeated_lines", "share of lines that stood there before, whatever the case", "", "Erato"),
)  # the order of printing
TEXT_COLUMNS = scalar_columns(TEXT_SCALARS)  # of `text_vector`


def text_features(text: str, known: frozenset[str] | None = None) -> dict[str, float]:
    """The numbers of a text by the names of `TEXT_SCALARS`, in their order; nan where one has no meaning for it.

    known: the words (see `words`) of the training texts; None: known_words is nan.
    """
    nan = float("nan")
    found = words(text)
    lines = [line.strip() for line in text.splitlines()]
    written = [line for line in lines if line]
    verses = sum(bool(line) and not before for before, line in zip(["", *lines], lines, strict=False))

    def share(n: int, of: Sequence[Hashable] = found) -> float:
        different = distinct(of, n)
        return nan if different is None else different

    return {
        "type_token_ratio": share(1),
        "moving_type_token_ratio": _moving(found),
        **{f"distinct_{n}": share(n) for n in (1, 2, 3)},
        "known_words": sum(word in known for word in found) / len(found) if found and known is not None else nan,
        "word_length": sum(map(len, found)) / len(found) if found else nan,
        "line_characters": sum(map(len, written)) / len(written) if written else nan,
        "line_words": len(found) / len(written) if written else nan,
        "verse_lines": len(written) / verses if verses else nan,
        f"repeated_{REPEATED}_grams": 1 - share(REPEATED),
        "repeated_lines": 1 - share(1, [line.casefold() for line in written]),
    }


def text_vector(found: dict[str, float]) -> Floats:
    """[F] the numbers of a text in a row, each where `TEXT_COLUMNS` says; nan where one has no meaning."""
    return np.array([found[scalar.name] for scalar in TEXT_SCALARS], np.float64)


def words(text: str) -> list[str]:
    """The words of a text in order, in lower case and in Unicode normalization form C."""
    text = unicodedata.normalize("NFC", text.lower())
    between = {
        ord(mark): " " for mark in set(text) if unicodedata.category(mark)[0] not in "LMN" and mark not in _APOSTROPHES
    }
    stripped = (word.strip(_APOSTROPHES) for word in text.translate(between).split())
    return [word.replace("’", "'") for word in stripped if word]


def distinct(symbols: Sequence[Hashable], n: int) -> float | None:
    """The share of different n-grams among all n-grams of a piece, in (0, 1]; None where it is shorter.

    Distinct-n of Li et al. 2016 (A diversity-promoting objective function for neural conversation models), of symbols
    of any kind.
    """
    grams = [tuple(symbols[at : at + n]) for at in range(len(symbols) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def _moving(found: list[str]) -> float:
    """The mean type-token ratio of all windows, each made from the one before."""
    if not found:
        return float("nan")
    size = min(WINDOW, len(found))
    counts = Counter(found[:size])
    kinds = len(counts)
    for leaving, coming in zip(found, found[size:], strict=False):
        counts[leaving] -= 1
        if not counts[leaving]:
            del counts[leaving]
        counts[coming] += 1
        kinds += len(counts)
    return kinds / (size * (len(found) - size + 1))
