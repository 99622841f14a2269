"""Did it copy? A text and an index of the training texts in; the longest runs of words and characters both hold, out.

Words are compared without case and punctuation, characters as they are. What is normal, `erato.evaluation.people`
says. Knows nothing of models and runs. Legend: C characters of all texts, W words, S texts.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.evaluation.exact_passages import MOST, TIES
from erato.evaluation.index_files import Parts, save_parts
from erato.evaluation.people import LEAST_PEOPLE, People
from erato.evaluation.suffixes import BLOCK, NO_SYMBOL, PAD, Excluded, Rows, Suffixes, Symbols, bits_of, joined
from erato.score import Ints

KIND = "texts"
MEASURES = ("words", "characters")
PLACES = 10  # that are reported
PIECES = 100  # pieces of people's texts that are looked up
HIGHEST = 0x10FFFF
NEWLINE = ord("\n")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
FIRST_CHAR, LAST_CHAR, FIRST_WORD, LAST_WORD, GROUP = range(5)  # columns of the table of texts

Table = npt.NDArray[np.int32]
T = TypeVar("T")


@dataclass(frozen=True)
class TextPlace:
    """Where a training text holds a run: its name, and the lines of the first and the last character, from 1."""

    text: str
    lines: tuple[int, int]


@dataclass(frozen=True)
class Run:
    """A run of so many words or characters: as it stands in the text that was looked up, and in which of its lines."""

    length: int
    text: str
    lines: tuple[int, int]
    places: tuple[TextPlace, ...]


@dataclass(frozen=True)
class SharedText:
    """The longest runs that a text of so many characters shares; None: nothing is shared."""

    length: int
    words: Run | None
    characters: Run | None

    def lengths(self) -> dict[str, int]:
        """How long each run is by its name; 0 where there is none."""
        return {name: run.length if (run := getattr(self, name)) else 0 for name in MEASURES}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class TextIndex:
    """The words and the characters of texts, and where they occur.

    spans: [PAD + W + PAD, 2] where each word begins and ends in the row of characters. texts: [S, 5] the characters and
    words of each text, and its group. vocabulary: the number of each word.
    """

    words: Suffixes
    characters: Suffixes
    spans: Table
    texts: Table
    vocabulary: Mapping[str, int]
    names: Sequence[str]
    groups: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def build(cls, texts: Iterable[tuple[str, str, str]]) -> "TextIndex":
        """The index of texts, each with its name and its group."""
        words: list[Symbols] = []
        characters: list[Symbols] = []
        spans: list[Table] = [np.zeros((PAD, 2), np.int32)]
        table: list[tuple[int, ...]] = []
        vocabulary: dict[str, int] = {}
        groups: dict[str, int] = {}
        names: list[str] = []
        char, word = PAD, PAD
        for name, group, text in texts:
            numbers, where = _words(text, lambda said: vocabulary.setdefault(said, len(vocabulary)))
            words.append(numbers)
            characters.append(_characters(text))
            spans += [where + np.int32(char), np.zeros((1, 2), np.int32)]
            stops = char + len(text) + 1, word + len(numbers) + 1
            table.append((char, stops[0], word, stops[1], groups.setdefault(group, len(groups))))
            char, word = stops
            names.append(name)
        spans.append(np.zeros((PAD, 2), np.int32))
        highest = max((int(part.max(initial=0)) for part in characters), default=0)
        return cls(
            Suffixes.of(joined(words, np.int32), len(vocabulary)),
            Suffixes.of(joined(characters, np.int32), highest),
            np.concatenate(spans),
            np.array(table, np.int32).reshape(-1, 5),
            vocabulary,
            names,
            list(groups),
        )

    def save(self, folder: Path) -> None:
        """Writes the index as a folder, whole or not at all; RunError where something else is there."""
        facts = {"names": list(self.names), "groups": list(self.groups), "words": list(self.vocabulary)}
        arrays: dict[str, npt.NDArray[Any]] = {"spans": self.spans, "texts": self.texts}
        for name, suffixes in ((name, getattr(self, name)) for name in MEASURES):
            arrays |= {
                name: suffixes.symbols,
                f"{name}-order": suffixes.order,
                f"{name}-directory": suffixes.directory,
                f"{name}-bits": np.array([suffixes.bits], np.int32),
            }
        save_parts(folder, KIND, facts, arrays)

    @classmethod
    def open(cls, folder: Path) -> "TextIndex":
        """The index in a folder, memory-mapped; RunError where it is missing, damaged or something else."""
        parts = Parts(folder, KIND)
        names, groups, said = parts.texts("names"), parts.texts("groups"), parts.texts("words")
        most = (1 << 31) - 1
        table = parts.array("texts", np.int32, 0, most, 5)
        found: list[Suffixes] = []
        for name, highest, columns in (
            ("words", len(said), (FIRST_WORD, LAST_WORD)),
            ("characters", HIGHEST, (FIRST_CHAR, LAST_CHAR)),
        ):
            symbols = parts.array(name, np.int32, NO_SYMBOL, highest)
            slots = len(symbols) - PAD
            order = parts.array(f"{name}-order", np.int32, PAD, max(PAD, slots - 1))
            directory = parts.array(f"{name}-directory", np.int64, 0, (1 << 62) - 1)
            bits = parts.array(f"{name}-bits", np.int32, 2, bits_of(highest))
            first, last = table[:, columns[0]], table[:, columns[1]]
            whole = (
                slots >= PAD
                and len(bits) == 1
                and len(table) == len(names)
                and len(order) == slots - PAD - len(table)
                and len(directory) == -(-len(order) // BLOCK)
                and bool((symbols[:PAD] < 0).all() and (symbols[slots:] < 0).all())
                and np.array_equal(first, np.append(PAD, last[:-1])[: len(table)])
                and (last > first).all()
                and (not len(table) or last[-1] == slots)
                and (symbols[last - 1] < 0).all()
                and (table[:, GROUP] < len(groups)).all()
            )
            if not whole:
                raise parts.damaged()
            found.append(Suffixes(symbols, order, directory, int(bits[0])))
        spans = parts.array("spans", np.int32, 0, max(0, len(found[1].symbols) - PAD), 2)
        if len(spans) != len(found[0].symbols) or len(set(said)) != len(said):
            raise parts.damaged()
        vocabulary = {word: number for number, word in enumerate(said)}
        return cls(found[0], found[1], spans, table, vocabulary, names, groups)

    def text(self, number: int) -> str:
        """One of the texts, as it was when the index was made."""
        first, last = self.texts[number, [FIRST_CHAR, LAST_CHAR]]
        codes = np.asarray(self.characters.symbols[first : last - 1], "<u4")
        return codes.tobytes().decode("utf-32-le", "surrogatepass")

    def excluded(self, groups: Iterable[str], columns: tuple[int, int]) -> Excluded:
        """The words or characters of the texts of these groups."""
        wanted = set(groups)
        numbers = [number for number, group in enumerate(self.groups) if group in wanted]
        inside = np.isin(self.texts[:, GROUP], numbers)
        return Excluded(*(self.texts[inside, column].astype(np.int64) for column in columns))

    def place(self, first: int, last: int) -> TextPlace:
        """Where the characters from one slot to another stand."""
        number = int(np.searchsorted(self.texts[:, FIRST_CHAR], first, "right")) - 1
        codes = self.characters.symbols[self.texts[number, FIRST_CHAR] : last]
        within = int(np.count_nonzero(codes[first - int(self.texts[number, FIRST_CHAR]) :] == NEWLINE))
        line = 1 + int(np.count_nonzero(codes == NEWLINE)) - within
        return TextPlace(self.names[number], (line, line + within))


def shared_text(index: TextIndex, text: str, exclude_groups: Iterable[str] = ()) -> SharedText:
    """The longest runs of words and of characters that a text shares with those of the index but `exclude_groups`."""
    exclude = tuple(exclude_groups)
    unknown = len(index.vocabulary)
    numbers, spans = _words(text, lambda said: index.vocabulary.get(said, unknown))
    codes = np.minimum(_characters(text), (1 << index.characters.bits) - 2)
    words = characters = None
    if found := _longest(index.words, numbers, index.excluded(exclude, (FIRST_WORD, LAST_WORD))):
        at, length, slots = found
        places = [(index.spans[slot, 0], index.spans[slot + length - 1, 1]) for slot in slots.tolist()]
        words = _run(index, text, length, int(spans[at, 0]), int(spans[at + length - 1, 1]), places)
    if found := _longest(index.characters, codes, index.excluded(exclude, (FIRST_CHAR, LAST_CHAR))):
        at, length, slots = found
        places = [(slot, slot + length) for slot in slots.tolist()]
        characters = _run(index, text, length, at, at + length, places)
    return SharedText(len(text), words, characters)


def human_text(
    index: TextIndex,
    held_out: Iterable[str],
    length: int | None,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> People:
    """How long the longest runs are that pieces of people's texts share with the texts of the index.

    held_out: texts that are not in the index. length: characters of the pieces into which texts are cut, the median of
    the generated ones; None: whole. Up to PIECES of them, drawn by `rng`, are looked up; where there are fewer than
    LEAST_PEOPLE, pieces of the index are, too, in the other groups. UsageError: length is less than 1.
    """
    if length is not None and length < 1:
        raise UsageError(f"length must be 1 character or more, got {length}.")
    chosen: list[tuple[str, tuple[str, ...]]] = [(piece, ()) for text in held_out for piece in _cut(text, length)]
    chosen = _drawn(chosen, rng)
    held = len(chosen)
    if held < LEAST_PEOPLE and len(index.groups) > 1:
        of_index = [
            (piece, (index.groups[index.texts[number, GROUP]],))
            for number in _drawn(range(len(index)), rng)
            for piece in _cut(index.text(number), length)
        ]
        chosen += _drawn(of_index, rng)
    found: list[dict[str, int]] = []
    for piece, excluded in chosen:
        found.append(shared_text(index, piece, excluded).lengths())
        if progress:
            progress(len(found), len(chosen))
    lengths = {name: sorted(one[name] for one in found) for name in MEASURES}
    return People(lengths, length, "characters", held, len(chosen) - held)


def _longest(suffixes: Suffixes, symbols: Symbols, excluded: Excluded) -> tuple[int, int, Ints] | None:
    """(place, symbols, slots) of the longest run, the rarest of those as long, and where it occurs."""
    if not len(symbols) or not len(suffixes.order):
        return None
    row = joined([symbols], np.int32)
    slots = np.arange(PAD, PAD + len(symbols))
    rows = Rows.plain(row, slots, PAD + len(symbols) - slots)
    found = suffixes.longest(rows, excluded)
    best = int(found.max())
    if not best:
        return None
    ties = np.flatnonzero(found == best)[:TIES]
    low, high = suffixes.find(rows[ties], np.full(len(ties), best))
    rarest = int((high - low).argmin())
    places = np.asarray(suffixes.order[low[rarest] : min(high[rarest], low[rarest] + MOST)], np.int64)
    places = np.sort(places[~excluded.hold(places)])
    return int(ties[rarest]), best, places[:PLACES]


def _run(index: TextIndex, text: str, length: int, first: int, last: int, places: Sequence[tuple[int, int]]) -> Run:
    line = 1 + text.count("\n", 0, first)
    lines = line, line + text.count("\n", first, last)
    return Run(length, text[first:last], lines, tuple(index.place(int(start), int(stop)) for start, stop in places))


def _words(text: str, number: Callable[[str], int]) -> tuple[Symbols, Table]:
    """The numbers [W] of the words of a text, and where [W, 2] each begins and ends."""
    numbers, where = array("i"), array("i")
    for found in WORD.finditer(text):
        numbers.append(number(found.group().replace("’", "'").casefold()))
        where.extend(found.span())
    return np.array(numbers, np.int32), np.array(where, np.int32).reshape(-1, 2)


def _characters(text: str) -> Symbols:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<i4").astype(np.int32, copy=False)


def _cut(text: str, length: int | None) -> list[str]:
    """A text in pieces of so many characters; what is left at its end is one where it is half as long."""
    if length is None or len(text) <= length:
        return [text] if text.strip() else []
    pieces = [text[start : start + length] for start in range(0, len(text), length)]
    return [piece for piece in pieces if 2 * len(piece) >= length and piece.strip()]


def _drawn(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Up to PIECES of these, in order."""
    return [items[at] for at in sorted(rng.permutation(len(items))[:PIECES])]
