"""Did a new piece copy? What is new of it in; the longest passage that a training piece has, too, in words, out.

The index of the training pieces is made once, and what pieces of people share once for every length. Knows nothing of
jobs and takes; the measures are `erato.evaluation`'s.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from erato.corpora.base import Pieces
from erato.errors import EratoError
from erato.evaluation.originality import human, shared
from erato.evaluation.people import RARE, People
from erato.evaluation.text_originality import human_text, shared_text
from erato.reporter import Reporter
from erato.run import Run
from erato.score import Piece, Score
from erato.studio.errors import for_the_page
from erato.training_index import music_index, words_index

MOST_HELD_OUT = 40  # pieces of people that are looked up for comparison
LEAST_NOTES, LEAST_WORDS = 8, 6  # of a passage that is called a copy: fewer come by chance
FEW = 10  # percentile of people below which a piece shares little
_SEED = 0  # of what is drawn among pieces of people: the same each time


class Likeness:
    """What pieces share with those that a run learned from, which are read when the first is asked for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._own: tuple[Pieces | None, str] | None = None
        self._people: dict[int, People] = {}  # by length

    def of(self, new: Piece, reporter: Reporter | None = None) -> dict[str, Any]:
        """{longest, unit, said, source, bars | lines, percentile} of what is new of a piece; longest is None, and
        `why` says why, where that cannot be told.

        source, bars, lines: where the passage stands in the first training piece that has it; percentile: of a hundred
        pieces of people as long, so many share less.
        """
        reporter = reporter or Reporter()
        pieces, why = self._pieces(reporter)
        if pieces is None:
            return _untold(why)
        try:
            found = (self._of_music if isinstance(new, Score) else self._of_text)(pieces, new, reporter)
            return {**found, "said": found["said"] + why}
        except EratoError as error:
            return _untold(str(error))

    def _pieces(self, reporter: Reporter) -> tuple[Pieces | None, str]:
        """The pieces that the run learned from, and what there is to say of them; None: they are not there."""
        if self._own is None:
            try:
                own = self.run.own_pieces(reporter)
            except (EratoError, OSError) as error:
                self._own = None, f"What it learned from is not there: {error}"
            else:
                changed = own.hash != self.run.manifest.get("hash")
                self._own = own, " What it learned from has changed since." if changed else ""
        return self._own

    def _of_music(self, pieces: Pieces, new: Any, reporter: Reporter) -> dict[str, Any]:
        index = music_index(pieces, reporter.progress)
        found = shared(index, new)
        passages = {name: passage for name in ("melody", "texture") if (passage := getattr(found, name)) is not None}
        if not passages:
            few = found.notes < 2
            return _untold("It has no two notes one after the other.") if few else _nothing("notes", "training piece")
        people = self._at(
            found.notes, lambda length, told: human(index, _scores(pieces), length, _rng(), progress=told), reporter
        )
        percentiles = {name: people.percentile(name, passage.notes) for name, passage in passages.items()}
        name = max(passages, key=lambda name: (percentiles[name] or 0, passages[name].notes, name == "melody"))
        passage, place = passages[name], passages[name].places[0]
        how = " of all voices together" if name == "texture" and len(passages) > 1 else ""
        said = (
            f"The longest passage that a training piece has, too, is {passage.notes} notes{how}: "
            f"{_span('bar', place.bars)} of {place.piece}."
        )
        return {
            "longest": passage.notes,
            "unit": "notes",
            "said": said + _beside(percentiles[name], people, name, passage.notes >= LEAST_NOTES),
            "source": place.piece,
            "bars": list(place.bars),
            "percentile": percentiles[name],
        }

    def _of_text(self, pieces: Pieces, new: Any, reporter: Reporter) -> dict[str, Any]:
        index = words_index(pieces, reporter.progress)
        run = shared_text(index, new).words
        if run is None:
            return _nothing("words", "training text") if new.strip() else _untold("It has no words.")
        people = self._at(
            len(new), lambda length, told: human_text(index, _texts(pieces), length, _rng(), told), reporter
        )
        percentile, place = people.percentile("words", run.length), run.places[0]
        beside = _beside(percentile, people, "words", run.length >= LEAST_WORDS)
        words = " ".join(run.text.split())
        quoted = words if len(words) <= 80 else words[:77] + "..."
        said = f"The longest run of words that a training text has, too, is {run.length}: “{quoted}”"
        return {
            "longest": run.length,
            "unit": "words",
            "said": f"{said} ({_span('line', place.lines)} of {place.text}).{beside}",
            "source": place.text,
            "lines": list(place.lines),
            "percentile": percentile,
        }

    def _at(self, length: int, look: Callable[[int, Callable[[int, int], None]], People], reporter: Reporter) -> People:
        """What pieces of people of about this length share: of the nearest power of two, as it takes seconds to say."""
        near = 2 ** max(1, round(np.log2(max(length, 2))))
        if near not in self._people:
            self._people[near] = look(
                near, lambda done, total: reporter.progress(done, total, "looking up pieces of people, to compare")
            )
        return self._people[near]


def _held_out(pieces: Pieces) -> list[Piece]:
    return [pieces[index] for index in (pieces.split("test") + pieces.split("valid"))[:MOST_HELD_OUT]]


def _scores(pieces: Pieces) -> list[Score]:
    return [piece for piece in _held_out(pieces) if isinstance(piece, Score)]


def _texts(pieces: Pieces) -> list[str]:
    return [piece for piece in _held_out(pieces) if isinstance(piece, str)]


def _rng() -> np.random.Generator:
    return np.random.default_rng(_SEED)


def _span(what: str, ends: tuple[int, int]) -> str:
    first, last = ends
    return f"{what} {first}" if first == last else f"{what}s {first} to {last}"


def _beside(percentile: float | None, people: People, measure: str, long: bool) -> str:
    """How much that is beside what people's pieces share with each other; long: whether it could be a copy at all."""
    if percentile is None:
        return ""
    if percentile > RARE and long:
        usual = people.at(measure, RARE)
        most = f" (95 of 100 share at most {usual:.0f})" if usual is not None else ""
        return f" That is more than people's own pieces share with each other{most}: it may be a copy."
    if percentile < FEW:
        return " People's own pieces share more with each other."
    return f" Of 100 pieces of people, {percentile:.0f} share less with the others."


def _nothing(unit: str, whose: str) -> dict[str, Any]:
    return {
        "longest": 0,
        "unit": unit,
        "said": f"No {whose} has any passage of it.",
        "source": None,
        "bars": None,
        "percentile": None,
    }


def _untold(why: str) -> dict[str, Any]:
    why = for_the_page(why)
    return {
        "longest": None,
        "said": f"Whether it copied cannot be told. {why}",
        "source": None,
        "bars": None,
        "why": why,
    }
