"""Text as a row of words and marks. Text in, whole numbers out, and back. Knows nothing of files, characters or models.

A word is a run of letters and digits ("don't", "1,500.5" and "x1" are one each), a letter of a script that puts no
spaces between words (Chinese, Japanese, Thai, ...), or one punctuation mark. Single spaces have no symbol: one stands
between two words, none between two letters of an unspaced script, and a mark knows its own spaces, so that " (", ", "
and "-" are kinds of marks. All other white space (line ends, indents, runs of spaces) is written in symbols of its own,
as is a space or the lack of one where the rule would be wrong. So a text comes back as it was, from one symbol for
nearly every word and mark, and a word is one kind whatever stands beside it.

Text is in Unicode normalization form C. Words seen too seldom are "<unk>", as in the literature on language models.
Legend: T symbols of a piece, V symbols of the vocabulary.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.representations.base import Array, Encoded, Representation, RepresentationConfig, Tokens
from erato.representations.text_cursor import TextCursor, as_text, shown
from erato.score import Ints, Piece

START, END, UNKNOWN, GLUE = range(4)
UNK = "<unk>"
ALWAYS = ("", " ", "\n", "\t")  # white space that is in every vocabulary; "" says that there is none
_PLAIN = {"": False, " ": True}
_SHOWN = 5  # words that a sentence can hold
WORD, SIGN, MARK, SPACE = range(4)  # SIGN: a letter of an unspaced script
_HIDDEN = "\uffff"  # stands for "<unk>" while a text is read; no text holds it
_FORMS = ((False, True), (True, False), (True, True), (False, False))  # spaces around a mark, the usual first
_UNSPACED = (  # Thai and Lao, Burmese, Khmer, kana, Chinese characters
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3021, 0x30FF), (0x31F0, 0x31FF)),
    *((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x3FFFF)),
)
# Over kinds of characters: s white space, u unknown, i of an unspaced script, l letter, m combining, d digit,
# a apostrophe, p point or comma, o any other mark.
_TOKEN = re.compile("(s*)(?:(u|[lmd]+(?:(?:a(?=[lm])|(?<=d)p(?=d))[lmd]+)*)|(im*)|([apo]m*)|$)")

Form = tuple[bool | None, bool | None]  # whether a space stands before and after a mark; None: another symbol says so


@dataclass(frozen=True)
class WordsConfig(RepresentationConfig):
    """Text, word by word; words seen fewer than `minimum` times are unknown."""

    kind: ClassVar[Literal["music", "text"]] = "text"

    minimum: int = 2  # times that a word must be seen to be in the vocabulary
    lower: bool = False  # every letter in lower case
    most: int | None = None  # words, marks and white space in the vocabulary; the most frequent ones

    def __post_init__(self) -> None:
        if self.minimum < 1:
            raise UsageError(f"minimum must be at least 1, got {self.minimum}.")
        if self.most is not None and self.most < 1:
            raise UsageError(f"most must be at least 1 or none, got {self.most}.")

    def fit(self, pieces: Iterable[Piece]) -> "Words":
        """The words of the training pieces; UsageError where none is seen often enough."""
        counts: Counter[str] = Counter()
        marks: dict[str, Counter[Form]] = {}
        blanks: set[str] = set()
        for piece in pieces:
            text = _Text(_normal(as_text(piece, "words"), self.lower))
            blanks.update("".join(text.gaps))
            counts.update(gap for gap in text.gaps if gap not in ALWAYS)
            for token, kind, form in zip(text.tokens, text.kinds, text.forms(), strict=True):
                if kind == MARK:
                    marks.setdefault(token, Counter())[form] += 1
                elif token != _HIDDEN:
                    counts[token] += 1
        for mark, forms in marks.items():
            counts.update(_resolved(mark, forms))
        often = sorted(
            (kind for kind, n in counts.items() if n >= self.minimum), key=lambda kind: (-counts[kind], kind)
        )
        kept = set(often[: self.most])
        written = {kind: n for kind, n in counts.items() if not kind.isspace()}
        if not kept & written.keys():
            raise UsageError(
                f"words found no word that is seen {self.minimum} times in the training pieces: choose longer texts, "
                "or set representation.minimum=1."
            )
        rare = {kind: n for kind, n in written.items() if kind not in kept} or dict.fromkeys(written, 1)
        length = sum(len(kind.strip(" ")) * n for kind, n in rare.items()) / sum(rare.values())
        words = [*sorted(blanks - kept - {*ALWAYS}), *often[: self.most]]
        return Words(self, words, round(length, 3))

    def restore(self, state: dict[str, Any]) -> "Words":
        """The representation of a state; UsageError where it is foreign, damaged or of other settings."""
        self.check_state(state, "words", ("lower",))
        words, length = state.get("words"), state.get("unknown_chars")
        if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
            raise UsageError("this state of words is damaged: words must be a list of words.")
        if len({*words, *ALWAYS}) != len(words) + len(ALWAYS):
            raise UsageError("this state of words is damaged: words must be different ones.")
        if not all(word.isspace() or _one_word(word) for word in words):
            raise UsageError(
                "this state of words is damaged: each of words must be a single word, mark or white space."
            )
        if not isinstance(length, float) or not 0 < length < 1e6:
            raise UsageError("this state of words is damaged: unknown_chars must be a number above 0.")
        return Words(self, words, length)


class Words(Representation):
    """Text as words and marks; made by `WordsConfig`.

    Symbols: 0 start, 1 end, 2 `<unk>`, 3 "no space here", then white space, words and marks, the most frequent first.
    """

    kind: ClassVar[Literal["music", "text"]] = "text"
    space: Tokens

    def __init__(self, config: WordsConfig, words: Sequence[str], unknown_chars: float) -> None:
        """unknown_chars: the mean length of a word that is not among `words`."""
        self.config, self.words, self.unknown_chars = config, list(words), unknown_chars
        kinds = [*ALWAYS, *self.words]
        self.space = Tokens(GLUE + len(kinds), START, END)
        self._symbols = {kind: GLUE + index for index, kind in enumerate(kinds)}
        self._texts = ["", "", UNK, *(kind if kind.isspace() else kind.strip(" ") for kind in kinds)]
        text = _Text("\n".join(text for text in self._texts[GLUE:] if text.strip()))
        of = dict(zip(text.tokens, text.kinds, strict=True))
        self._kinds = np.array([WORD] * GLUE + [of.get(text, SPACE) for text in self._texts[GLUE:]], np.int8)
        self._marks: dict[str, dict[Form, int]] = {}  # the symbols of each mark, the most frequent first
        around = np.zeros((2, self.space.size), np.bool_)
        for symbol in np.flatnonzero(self._kinds == MARK).tolist():
            kind = kinds[symbol - GLUE]
            form = kind.startswith(" "), kind.endswith(" ")
            around[:, symbol] = form
            self._marks.setdefault(self._texts[symbol], {})[form] = symbol
        self._before, self._after = around
        self._lengths = np.array([len(text) for text in self._texts], np.float64)
        self._lengths[UNKNOWN] = unknown_chars
        self._blanks = frozenset(kind for kind in kinds if kind.isspace() and len(kind) == 1)
        self._longest = max(len(kind) for kind in kinds if not kind.strip())
        self._sampled = np.ones(self.space.size, np.bool_)
        self._sampled[[START, UNKNOWN]] = False

    def encode(self, piece: Piece) -> Encoded:
        """The words and marks of a text, then the end.

        Lost: "unknown words" (marks too) became `<unk>`; "unknown white space" (of a kind never seen) became spaces.
        """
        text, unknown = self._read_text(piece)
        symbols = self._look_up(text)
        spaces = [False, *self._implied(symbols).tolist()]
        array: list[int] = []
        for gap, symbol, space in zip(text.gaps, symbols.tolist(), spaces[: len(symbols)], strict=False):
            if gap != " " * space:
                array += self._written(gap)
            array.append(symbol)
        if text.gaps[-1]:
            array += self._written(text.gaps[-1])
        lost = {"unknown words": int((symbols == UNKNOWN).sum()), "unknown white space": unknown}
        return Encoded(np.array([*array, END], np.int64), {reason: count for reason, count in lost.items() if count})

    def encode_prompt(self, piece: Piece) -> Encoded:
        """The words without the end, spaces at the end, and unknown words; UsageError where no word is known."""
        piece = as_text(piece, "words").rstrip(" ") or piece
        text, _ = self._read_text(piece)
        symbols = self._look_up(text)
        words = np.array(text.kinds, np.int8) != MARK
        asked = words if words.any() else ~words
        if len(symbols) and (symbols[asked] == UNKNOWN).all():
            unknown = list(dict.fromkeys(text.tokens[index] for index in np.flatnonzero(asked)))
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            there = ", ".join(
                shown(self._texts[symbol]) for symbol in np.flatnonzero(self._kinds == WORD)[GLUE:][:_SHOWN]
            )
            said = ", ".join(map(shown, unknown[:_SHOWN])).replace(_HIDDEN, UNK)
            raise UsageError(
                f"no word of the prompt is in the vocabulary: it has {said}{more}; "
                f"use words of the texts that the run learned from{f', as {there}' if there else ''}."
            )
        encoded = super().encode_prompt(piece)
        return Encoded(_known(encoded.array), encoded.lost)

    def window(self, array: Array, begin: int, length: int) -> Array:
        """About `length` symbols from `begin` on, without unknown words and the end."""
        return _known(super().window(array, begin, length))

    def decode(self, array: Array) -> str:
        """The text up to the end."""
        symbols = self._read(array)
        spaces = [False, *self._implied(symbols).tolist()]
        return "".join(
            f" {self._texts[symbol]}" if space else self._texts[symbol]
            for symbol, space in zip(symbols.tolist(), spaces, strict=False)
        )

    def units(self, array: Array) -> dict[str, float]:
        """Words (each mark is one, white space none), and characters; an unknown word has as many as they have."""
        symbols = self._read(array)
        return {
            "words": float((self._kinds[symbols] != SPACE).sum()),
            "chars": float(self._lengths[symbols].sum() + self._implied(symbols).sum()),
            "unknown words": float((symbols == UNKNOWN).sum()),
        }

    def cursor(self, batch: int) -> TextCursor:
        """A cursor that allows everything but `<unk>`."""
        return TextCursor(self, batch, self._sampled)

    def names(self) -> list[str]:
        """[V]: the words; marks with the spaces around them; white space in quotes."""
        written = [kind if kind.strip() else repr(kind) for kind in [*ALWAYS[1:], *self.words]]
        return ["<start>", "<end>", UNK, "<no space>", *written]

    def state(self) -> dict[str, Any]:
        """The settings and the vocabulary as JSON; unknown_chars: how long an unknown word is on average."""
        return {
            "representation": "words",
            "lower": self.config.lower,
            "words": self.words,
            "unknown_chars": self.unknown_chars,
        }

    def _read_text(self, piece: Piece) -> tuple["_Text", int]:
        """A text in words, and how many characters of white space were none of the vocabulary."""
        text = _normal(as_text(piece, "words"), self.config.lower)
        foreign = {character for character in set(text) if character.isspace()} - self._blanks
        count = sum(map(text.count, foreign))
        return _Text(text.translate({ord(character): " " for character in foreign}) if foreign else text), count

    def _look_up(self, text: "_Text") -> Ints:
        """[N]: the symbol of each word and mark."""
        found = [
            self._mark(token, form) if kind == MARK else self._symbols.get(token, UNKNOWN)
            for token, kind, form in zip(text.tokens, text.kinds, text.forms(), strict=True)
        ]
        return np.array(found, np.int64)

    def _mark(self, mark: str, form: "Form") -> int:
        """The most frequent symbol of a mark that agrees with its spaces, else the most frequent one."""
        known = self._marks.get(mark)
        if not known:
            return UNKNOWN
        if form not in known:
            known[form] = next(
                (symbol for own, symbol in known.items() if _agree(own, form)), next(iter(known.values()))
            )
        return known[form]

    def _implied(self, symbols: Ints) -> npt.NDArray[np.bool_]:
        """[N - 1]: whether a space stands between two symbols that no white space stands between."""
        left, right = symbols[:-1], symbols[1:]
        kinds, following = self._kinds[left], self._kinds[right]
        words = (kinds == WORD) & (following == WORD)
        spaces = np.where(following == MARK, self._before[right], np.where(kinds == MARK, self._after[left], words))
        implied: npt.NDArray[np.bool_] = spaces & (kinds != SPACE) & (following != SPACE)
        return implied

    def _written(self, gap: str) -> list[int]:
        """White space in as few symbols as there are, the longest first; "" is the lack of a space."""
        if gap in self._symbols:
            return [self._symbols[gap]]
        size = next(size for size in range(min(self._longest, len(gap)), 0, -1) if gap[:size] in self._symbols)
        return [self._symbols[gap[:size]], *self._written(gap[size:])]

    def _read(self, array: Array) -> Ints:
        """The symbols of an array up to its end."""
        a = np.asarray(array, np.int64).ravel()
        stop = np.flatnonzero(a == END)
        a = a[: stop[0]] if len(stop) else a
        read: Ints = a[a != START]
        return read


class _Text:
    """A text as words and marks (N of them), their kinds, and the white space around them (N + 1)."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.kinds: list[int] = []
        self.gaps: list[str] = []
        for match in _TOKEN.finditer(text.translate(_CLASSES)):
            begin, middle, end = match.start(), match.end(1), match.end()
            self.gaps.append(text[begin:middle])
            if middle == end:
                break
            self.tokens.append(text[middle:end])
            self.kinds.append((match.lastindex or 0) - 2)  # the groups of the pattern are in the order of the kinds

    def forms(self) -> list["Form"]:
        """[N]: whether single spaces stand around each mark, where it is the mark that says so."""
        spaces = [None, *map(_PLAIN.get, self.gaps[1:-1]), None]
        says = [following != MARK for following in [*self.kinds[1:], MARK][: len(self.kinds)]]
        return [
            (before, after if following else None)
            for before, after, following in zip(spaces, spaces[1:], says, strict=False)
        ]


class _Classes(dict[int, str]):
    """What kind each character is, by code point, found out when it is first asked for."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        category = unicodedata.category(character)
        if character == _HIDDEN or category == "Cs":
            found = "u"
        elif character.isspace():
            found = "s"
        elif character in "'’":
            found = "a"
        elif character in ".,":
            found = "p"
        elif category[0] == "M" or character in "\u200c\u200d":  # joiners stand within words and pictures
            found = "m"
        elif category == "Nd":
            found = "d"
        elif category[0] in "LN":
            found = "i" if any(first <= point <= last for first, last in _UNSPACED) else "l"
        else:
            found = "o"
        self[point] = found
        return found


_CLASSES = _Classes()


def _normal(text: str, lower: bool) -> str:
    return unicodedata.normalize("NFC", text.lower() if lower else text).replace(UNK, _HIDDEN)


def _known(symbols: Array) -> Array:
    """Symbols without `<unk>`, which is never continued, and without the lack of spaces around it."""
    unknown = symbols == UNKNOWN
    beside = np.append(unknown[1:], False) | np.append(False, unknown[:-1])
    found: Array = symbols[~(unknown | beside & (symbols == GLUE))]
    return found


def _one_word(kind: str) -> bool:
    """Whether this is a word, or a mark with at most one space on each side."""
    text = _Text(kind)
    if len(text.tokens) != 1 or text.tokens[0] == _HIDDEN:
        return False
    return set(text.gaps) <= {"", " "} if text.kinds[0] == MARK else text.gaps == ["", ""]


def _agree(own: Form, asked: Form) -> bool:
    return all(b is None or a == b for a, b in zip(own, asked, strict=True))


def _resolved(mark: str, forms: Counter[Form]) -> Counter[str]:
    """How often a mark has which spaces; where no mark says so, those that it mostly has."""
    full = Counter({form: forms[form] for form in _FORMS})
    order = sorted(_FORMS, key=lambda form: -full[form])
    for form, count in forms.items():
        if form not in _FORMS:
            full[next(own for own in order if _agree(own, form))] += count
    return Counter({" " * before + mark + " " * after: n for (before, after), n in full.items() if n})
