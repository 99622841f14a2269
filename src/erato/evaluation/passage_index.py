"""The notes of a corpus, so that passages are found in them: scores in, an index out, which is saved and opened.

All lines of all pieces (`erato.passages`) stand in one long row; a line of n notes has n slots, slot i that of note i.
In slot i of the row stands the token that leads from note i to note i + 1; in the last one a separator. Opened again
the index lies on disk, and a query reads the few parts that it needs. Knows nothing of models.
Legend: N slots and PAD more before and after, M tokens, L lines, P pieces, B bars of all pieces.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from erato.evaluation.index_files import Parts, forget_pages, save_parts
from erato.evaluation.suffixes import BLOCK, PAD, Excluded, Suffixes, Symbols, bits_of, joined
from erato.passages import Line, interval, lines
from erato.score import Ints, Score, bars, has_pickup

KIND = "passages"
HIGHEST = 8 * 255 + 7  # no token is higher
START, STOP, PIECE, NAME, PITCH, MELODY = range(6)  # columns of the table of lines
TICKS, GROUP, FIRST_BAR, BARS, PICKUP = range(5)  # columns of the table of pieces
FEW = 96  # MiB up to which the order of the suffixes may be in memory as a whole: 25 million notes
ROWS = 256  # that are looked up in more than that before what was read is let go of
_MOST = (1 << 31) - 1

Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PassageIndex:
    """The lines of the pieces of a corpus, and where their tokens occur.

    onsets: [PAD + N + PAD] in ticks, of the note of each slot. lines: [L, 6] its slots, its piece, its name, its first
    pitch, whether it is a melody. pieces: [P, 5] ticks a quarter, group, where its bars stand in `bars` and how many
    they are, whether the first is a pickup. bars: [B] where each begins, in ticks.
    """

    suffixes: Suffixes
    onsets: Table
    lines: Table
    pieces: Table
    bars: Table
    names: Sequence[str]
    groups: Sequence[str]
    line_names: Sequence[str]
    looked_up: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)  # rows, see `parts`

    def __len__(self) -> int:
        return len(self.names)

    @property
    def symbols(self) -> Symbols:
        return self.suffixes.symbols

    @classmethod
    def build(cls, pieces: Iterable[tuple[str, str, Score]]) -> "PassageIndex":
        """The index of pieces, each with its name and its group; one without two notes has no lines."""
        parts: list[Symbols] = []
        onsets: list[Table] = [np.zeros(PAD, np.int32)]
        table: list[tuple[int, ...]] = []
        facts: list[tuple[int, ...]] = []
        bar_starts: list[int] = []
        names: list[str] = []
        groups: dict[str, int] = {}
        line_names: dict[str, int] = {}
        slot = PAD
        for number, (name, group, score) in enumerate(pieces):
            for line in lines(score):
                parts.append(line.tokens)
                onsets.append(line.onset.astype(np.int32))
                named = line_names.setdefault(line.name, len(line_names))
                table.append((slot, slot + len(line), number, named, int(line.pitch[0]), int(line.melody)))
                slot += len(line)
            starts = [bar.start for bar in bars(score)]
            group_number = groups.setdefault(group, len(groups))
            ticks = score.ticks_per_quarter
            facts.append((ticks, group_number, len(bar_starts), len(starts), int(has_pickup(score))))
            bar_starts += starts
            names.append(name)
        onsets.append(np.zeros(PAD, np.int32))
        return cls(
            Suffixes.of(joined(parts, np.int16), HIGHEST),
            np.concatenate(onsets),
            np.array(table, np.int32).reshape(-1, 6),
            np.array(facts, np.int32).reshape(-1, 5),
            np.array(bar_starts, np.int32),
            names,
            list(groups),
            list(line_names),
        )

    def save(self, folder: Path) -> None:
        """Writes the index as a folder, whole or not at all; RunError where something else is there."""
        facts = {"names": list(self.names), "groups": list(self.groups), "lines": list(self.line_names)}
        arrays = {
            "tokens": self.symbols,
            "order": self.suffixes.order,
            "directory": self.suffixes.directory,
            "onsets": self.onsets,
            "lines": self.lines,
            "pieces": self.pieces,
            "bars": self.bars,
        }
        save_parts(folder, KIND, facts, arrays)

    @classmethod
    def open(cls, folder: Path) -> "PassageIndex":
        """The index in a folder, memory-mapped; RunError where it is missing, damaged or something else."""
        parts = Parts(folder, KIND)
        symbols = parts.array("tokens", np.int16, -1, HIGHEST)
        slots = len(symbols) - PAD
        order = parts.array("order", np.int32, PAD, max(PAD, slots - 1))
        directory = parts.array("directory", np.int64, 0, (1 << 62) - 1)
        onsets = parts.array("onsets", np.int32, 0, _MOST)
        table = np.asarray(parts.array("lines", np.int32, 0, _MOST, 6))
        pieces = np.asarray(parts.array("pieces", np.int32, 0, _MOST, 5))
        bar_starts = parts.array("bars", np.int32, 0, _MOST)
        names, groups, line_names = parts.texts("names"), parts.texts("groups"), parts.texts("lines")
        whole = (
            slots >= PAD
            and len(onsets) == len(symbols)
            and len(order) == slots - PAD - len(table)
            and len(directory) == -(-len(order) // BLOCK)
            and len(pieces) == len(names)
            and bool((symbols[:PAD] < 0).all() and (symbols[slots:] < 0).all())
            and np.array_equal(table[:, START], np.append(PAD, table[:-1, STOP])[: len(table)])
            and (table[:, STOP] > table[:, START] + 1).all()
            and (not len(table) or table[-1, STOP] == slots)
            and (symbols[table[:, STOP] - 1] < 0).all()
            and (table[:, PIECE] < len(pieces)).all()
            and (np.diff(table[:, PIECE]) >= 0).all()
            and (table[:, NAME] < len(line_names)).all()
            and (pieces[:, GROUP] < len(groups)).all()
            and (pieces[:, [TICKS, BARS]] > 0).all()
            and (pieces[:, FIRST_BAR].astype(np.int64) + pieces[:, BARS] <= len(bar_starts)).all()
        )
        if not whole:
            raise parts.damaged()
        suffixes = Suffixes(symbols, order, np.asarray(directory), bits_of(HIGHEST))
        forget_pages(symbols)
        return cls(suffixes, onsets, table, pieces, bar_starts, names, groups, line_names)

    def excluded(self, groups: Iterable[str]) -> Excluded:
        """The slots of the pieces of these groups."""
        wanted = set(groups)
        if not wanted:
            return Excluded(np.zeros(0, np.int64), np.zeros(0, np.int64))
        numbers = [number for number, group in enumerate(self.groups) if group in wanted]
        inside = np.isin(self.pieces[self.lines[:, PIECE], GROUP], numbers)
        return Excluded(self.lines[inside, START].astype(np.int64), self.lines[inside, STOP].astype(np.int64))

    def lines_of(self, piece: int) -> list[Line]:
        """The lines of a piece, as they were when the index was made."""
        return [self._line(row) for row in self.lines[self.lines[:, PIECE] == piece]]

    def bars_of(self, piece: int) -> tuple[Ints, bool]:
        """Where the bars of a piece begin, in ticks, and whether the first one is a pickup."""
        first, count = self.pieces[piece, [FIRST_BAR, BARS]]
        return np.asarray(self.bars[first : first + count], np.int64), bool(self.pieces[piece, PICKUP])

    def line_at(self, slots: Ints) -> Ints:
        """[...] the number of the line that each slot belongs to."""
        found: Ints = np.searchsorted(self.lines[:, START], slots, "right") - 1
        return found

    def pitch_at(self, slot: int, line: int) -> int:
        """The pitch of the note of a slot."""
        start = int(self.lines[line, START])
        return int(self.lines[line, PITCH] + interval(np.asarray(self.symbols[start:slot])).sum())

    def parts(self, count: int) -> Iterator[Ints]:
        """The numbers to `count` in parts, of rows that are looked up in the order of the suffixes.

        What was read of a large index is let go of after every ROWS of them, so that it is never in memory as a whole;
        not sooner, as reading it again takes time.
        """
        for part in np.array_split(np.arange(count), max(1, -(-count // ROWS))):
            self.looked_up[0] += len(part)
            if self.looked_up[0] > ROWS:
                self.looked_up[0] = len(part)
                if self.suffixes.order.nbytes > FEW << 20:
                    forget_pages(self.suffixes.order)
            yield part

    def forget(self) -> None:
        """Lets go of what was read of a large index."""
        if self.suffixes.order.nbytes > FEW << 20:
            forget_pages(self.suffixes.order, self.onsets)

    def _line(self, row: Table) -> Line:
        start, stop = int(row[START]), int(row[STOP])
        pitch = int(row[PITCH]) + np.append(0, np.cumsum(interval(np.asarray(self.symbols[start : stop - 1]))))
        onset = np.asarray(self.onsets[start:stop], np.int64)
        return Line(self.line_names[row[NAME]], onset, pitch, bool(row[MELODY]))


def bar_number(starts: Ints, pickup: bool, tick: int) -> int:
    """The number of the bar that a tick falls into, from 1; a pickup is bar 0."""
    return int(np.searchsorted(starts, tick, "right")) - int(pickup)
