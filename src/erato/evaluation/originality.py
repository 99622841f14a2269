"""Did it copy? A piece and an index of the training pieces in; the longest passages that both hold, out.

Looked for apart in the lines that are melodies and in the whole texture, note for note and with few notes that differ.
What is normal, `erato.evaluation.people` says. Knows nothing of models and runs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from erato.errors import UsageError
from erato.evaluation.exact_passages import Query, Runs, longest
from erato.evaluation.near_passages import Hits, Near, nearest, seeds
from erato.evaluation.passage_index import GROUP, NAME, PIECE, TICKS, PassageIndex, bar_number
from erato.evaluation.people import LEAST_PEOPLE, People
from erato.evaluation.suffixes import Excluded
from erato.passages import Line, lines, readings
from erato.score import Floats, Ints, Score, bars, has_pickup

ONE_IN = 8  # notes of a near passage, of which one may differ
PLACES = 10  # that are reported
LEFT_OUT = 100  # training pieces that are looked up in the others


@dataclass(frozen=True)
class Place:
    """Where a training piece holds a passage.

    bars: of its first and its last note, from 1, a pickup is 0. transposition: semitones by which the passage is higher
    in the piece that was looked up. tempo: how many times as fast it is there, in notated lengths; None: one onset.
    """

    piece: str
    line: str
    bars: tuple[int, int]
    transposition: int
    tempo: float | None


@dataclass(frozen=True)
class Passage:
    """A passage of a piece that training pieces hold, too.

    bars: of its first and its last note in the piece. places: up to PLACES, all equally long and, where it is near
    only, all with so many differences.
    """

    notes: int
    onsets: int
    line: str
    bars: tuple[int, int]
    places: tuple[Place, ...]
    near: bool = False
    differences: int = 0


@dataclass(frozen=True)
class Shared:
    """The longest passages that a piece of so many notes shares; None: no two notes, or nothing shared.

    melody: of the lines that are melodies, texture: of all notes; near: with few notes that differ, the same passage
    again where that makes it no longer.
    """

    notes: int
    melody: Passage | None
    texture: Passage | None
    near_melody: Passage | None
    near_texture: Passage | None

    def lengths(self) -> dict[str, int]:
        """Notes of each passage by its name; 0 where there is none."""
        found = {name: getattr(self, name) for name in MEASURES}
        return {name: passage.notes if passage else 0 for name, passage in found.items()}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


MEASURES = ("melody", "texture", "near_melody", "near_texture")


@dataclass(frozen=True)
class Lines:
    """A piece as its lines, and what says in which bar a tick is: where the bars begin, and whether with a pickup.

    readings: stretches of the lines as they would be at other tempi (`erato.passages.readings`).
    """

    lines: Sequence[Line]
    ticks_per_quarter: int
    bars: Ints
    pickup: bool
    readings: Sequence[Line] = ()

    @classmethod
    def of(cls, score: Score) -> "Lines":
        starts = np.array([bar.start for bar in bars(score)], np.int64)
        return cls(lines(score), score.ticks_per_quarter, starts, has_pickup(score), readings(score))

    @classmethod
    def indexed(cls, index: PassageIndex, piece: int) -> "Lines":
        """The lines of a piece of the index."""
        starts, pickup = index.bars_of(piece)
        return cls(index.lines_of(piece), int(index.pieces[piece, TICKS]), starts, pickup)

    @property
    def notes(self) -> int:
        """Of the whole texture; 0 where there are no two notes."""
        return len(self.lines[0]) if self.lines else 0

    def cut(self, notes: int) -> "Lines":
        """The beginning, of so many notes; lines of less than two notes are left out."""
        if self.notes <= notes:
            return self
        whole = self.lines[0]
        last = whole.onset[max(notes - 1, 0)]
        first = replace(whole, onset=whole.onset[:notes], pitch=whole.pitch[:notes])
        kept = [line for line in (first, *_until(last, self.lines[1:])) if len(line) > 1]
        read = [line for line in _until(last, self.readings) if len(line) > 1]
        return Lines(kept, self.ticks_per_quarter, self.bars, self.pickup, read)


def _until(last: int, found: Sequence[Line]) -> list[Line]:
    """Lines up to this onset."""
    sizes = [int((line.onset <= last).sum()) for line in found]
    return [
        replace(line, onset=line.onset[:size], pitch=line.pitch[:size]) for line, size in zip(found, sizes, strict=True)
    ]


def shared(
    index: PassageIndex, score: Score | Lines, exclude_groups: Iterable[str] = (), one_in: int = ONE_IN
) -> Shared:
    """The longest passages that a piece shares with the pieces of the index but those of `exclude_groups`.

    one_in: of so many notes of a near passage at most one differs. UsageError: one_in is less than 2.
    """
    if one_in < 2:
        raise UsageError(f"one_in must be 2 or more: of so many notes one may differ; got {one_in}.")
    piece = score if isinstance(score, Lines) else Lines.of(score)
    if not piece.lines or not len(index.suffixes.order):
        return Shared(piece.notes, None, None, None, None)
    excluded = index.excluded(exclude_groups)
    query = Query([*piece.lines, *piece.readings])
    runs = Runs(index, query, excluded)
    hits = seeds(index, query, int(query.begins[len(piece.lines)]), excluded)
    name = piece.lines[0].name
    texture = np.concatenate([query.slots(at) for at, line in enumerate(query.lines) if line.name == name])
    melodies = [query.slots(at) for at, line in enumerate(query.lines) if line.melody]
    melody = np.concatenate(melodies) if melodies else texture[:0]
    look = partial(_looked_up, index, query, runs, hits, excluded, one_in)
    found = look(melody)
    whole = found if np.array_equal(melody, texture) else look(texture)
    index.forget()  # where suffixes stand, before it is read where notes do: never both at once
    exact, near = (_passage(index, piece, query, one, near=bool(at)) for at, one in enumerate(found))
    exact_whole, near_whole = (_passage(index, piece, query, one, near=bool(at)) for at, one in enumerate(whole))
    index.forget()
    return Shared(piece.notes, exact, exact_whole, near or exact, near_whole or exact_whole)


def _looked_up(
    index: PassageIndex, query: Query, runs: Runs, hits: Hits, excluded: Excluded, one_in: int, slots: Ints
) -> tuple[Sequence[Near], Sequence[Near]]:
    """The longest passage note for note that begins in one of `slots`, and the longest with few differences, with all
    places where each occurs; none of the second where it is no longer."""
    exact = longest(index, query, runs, slots, excluded)
    if exact is None:
        return [], []
    slot, tokens, places = exact
    index.forget()  # what follows reads no order
    near = nearest(index, query, hits[np.isin(hits.here, slots)], tokens + 1, one_in)
    return [Near(slot, int(place), tokens + 1, 0) for place in places], near


def _passage(index: PassageIndex, piece: Lines, query: Query, found: Sequence[Near], *, near: bool) -> Passage | None:
    """A passage as it is reported, with the places at which it was found; None where there are none."""
    if not found:
        return None
    one = found[0]
    number = int(np.searchsorted(query.begins, one.slot, "right")) - 1
    line, at = query.lines[number], one.slot - int(query.begins[number])
    first, last = int(line.onset[at]), int(line.onset[at + one.notes - 1])
    length = (last - first) / piece.ticks_per_quarter
    places = []
    for stretch, there in _chosen(index, found, line.onset[at : at + one.notes]):
        owner = int(index.lines[there, PIECE])
        begin, end = (int(tick) for tick in index.onsets[[stretch.place, stretch.place + one.notes - 1]])
        starts, pickup = index.bars_of(owner)
        lasts = (end - begin) / int(index.pieces[owner, TICKS])
        place = Place(
            index.names[owner],
            index.line_names[index.lines[there, NAME]],
            (bar_number(starts, pickup, begin), bar_number(starts, pickup, end)),
            int(line.pitch[at]) - index.pitch_at(stretch.place, there),
            round(lasts / length, 4) if length else None,
        )
        places.append(place)
    bar = bar_number(piece.bars, piece.pickup, first), bar_number(piece.bars, piece.pickup, last)
    onsets = query.onsets(one.slot, one.notes - 1)
    return Passage(one.notes, onsets, line.name, bar, tuple(places), near, one.differences)


def _chosen(index: PassageIndex, found: Sequence[Near], onset: Ints) -> list[tuple[Near, int]]:
    """Up to PLACES of what was found, with the number of its line: the first of each piece, then the second of each.

    Where there are more, those whose onsets are most in proportion to `onset`, to a hundredth of the passage: to the
    nearest power of two all are. Where several lines of a piece hold the same notes, it is the first of them.
    """
    slots = np.array([stretch.place for stretch in found])
    numbers = index.line_at(slots)
    owners, onsets = index.lines[numbers, PIECE], index.onsets[slots]
    _, first = np.unique(np.stack([owners, onsets]), return_index=True, axis=1)  # as they stand in piece and line
    unlike = np.zeros(len(slots))
    if len(first) > PLACES:
        theirs = index.onsets[slots[first, None] + np.arange(len(onset))].astype(np.int64)
        unlike[first] = np.rint(100 * np.abs(_within(theirs) - _within(onset)).max(1))
    first = first[np.lexsort((slots[first], unlike[first], owners[first]))]
    turn = np.arange(len(first)) - np.searchsorted(owners[first], owners[first])
    chosen = first[np.lexsort((turn, unlike[first]))][:PLACES]
    return [(found[at], int(numbers[at])) for at in sorted(chosen, key=lambda at: int(slots[at]))]


def _within(onset: Ints) -> Floats:
    """[..., N] how far each onset lies between the first and the last, from 0 to 1."""
    length = np.maximum(onset[..., -1:] - onset[..., :1], 1)
    found: Floats = (onset - onset[..., :1]) / length
    return found


def human(
    index: PassageIndex,
    held_out: Iterable[Score],
    notes: int | None,
    rng: np.random.Generator,
    exclude_groups: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> People:
    """How long the longest passages are that pieces of people share with the pieces of the index.

    held_out: pieces that are not in the index; those without two notes do not count. notes: to which each is cut, the
    median of the generated pieces; None: whole. With fewer than LEAST_PEOPLE of them, up to LEFT_OUT pieces of the
    index, drawn by `rng`, are looked up in the other groups as well. exclude_groups: in which nothing is looked up.
    UsageError: notes is less than 2.
    """
    if notes is not None and notes < 2:
        raise UsageError(f"notes must be 2 or more: a passage has two; got {notes}.")
    exclude = tuple(exclude_groups)
    chosen = [(piece, exclude) for score in held_out if (piece := Lines.of(score)).lines]
    held = len(chosen)
    if held < LEAST_PEOPLE and len(set(index.groups) - set(exclude)) > 1:
        groups = [index.groups[number] for number in index.pieces[:, GROUP]]
        whole = [at for at in np.unique(index.lines[:, PIECE]).tolist() if groups[at] not in exclude]
        drawn = rng.permutation(len(whole))[:LEFT_OUT]
        chosen += [(Lines.indexed(index, whole[at]), (*exclude, groups[whole[at]])) for at in sorted(drawn)]
    found: list[dict[str, int]] = []
    for piece, excluded in chosen:
        found.append(shared(index, piece.cut(notes) if notes else piece, excluded).lengths())
        if progress:
            progress(len(found), len(chosen))
    lengths = {name: sorted(one[name] for one in found) for name in MEASURES}
    return People(lengths, notes, "notes", held, len(chosen) - held)
