"""What is normal: how much pieces of people share with others in; where a generated piece stands among them, out.

Longer pieces share more, so the pieces of people are cut to the length of the generated ones before. Knows nothing of
how passages are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np

from erato.evaluation.votes import wilson

LEAST_PEOPLE = 20  # pieces of people from which their 95th percentile is taken
LEAST_PIECES = 3  # generated pieces of which anything is said
RARE = 95  # percentile of people above which a piece shares much
COPIER = 0.25  # a model copies where more than so many pieces are above it: five times what people do
LIKE_PEOPLE = 0.10, 1 / 3  # the Wilson interval of one that does not begins at or below, and ends below

Verdict = Literal["copies", "no more than people do", "undecided: too few pieces"]


class Found(Protocol):
    """The longest passages that a piece shares."""

    def lengths(self) -> dict[str, int]:
        """How long each is, by measure."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class People:
    """How long the longest passages are that pieces of people share, by measure, ascending.

    length, unit: to how many "notes" or "characters" each piece was cut; None: not at all. held_out: how many pieces
    that the model did not learn from, against those it did; left_out: training pieces, each against other groups.
    """

    lengths: Mapping[str, Sequence[int]]
    length: int | None
    unit: Literal["notes", "characters"]
    held_out: int
    left_out: int

    def __len__(self) -> int:
        return self.held_out + self.left_out

    @property
    def said(self) -> str:
        """Which pieces these are, in a sentence."""
        parts = [f"{self.held_out} held-out {_pieces(self.held_out)}"] if self.held_out else []
        parts += [f"{self.left_out} training {_pieces(self.left_out)}, each left out in turn"] if self.left_out else []
        cut = f", cut to {self.length:,} {self.unit} each" if self.length else ""
        return f"Pieces of people: {' and '.join(parts) or 'none'}{cut}."

    def at(self, measure: str, percent: float) -> float | None:
        """The length that so many of a hundred pieces do not exceed; None: there are no pieces."""
        lengths = self.lengths[measure]
        return float(np.percentile(lengths, percent, method="inverted_cdf")) if len(lengths) else None

    def percentile(self, measure: str, length: int) -> float | None:
        """Of a hundred pieces of people so many share less, those that share as much counted half."""
        lengths = np.array(self.lengths[measure])
        if not len(lengths):
            return None
        return 100 * float((lengths < length).sum() + (lengths == length).sum() / 2) / len(lengths)

    def to_json(self) -> dict[str, Any]:
        measures = {
            name: {"median": self.at(name, 50), "p95": self.at(name, RARE), "lengths": list(lengths)}
            for name, lengths in self.lengths.items()
        }
        return {**asdict(self), "lengths": measures, "said": self.said}


@dataclass(frozen=True)
class Judged:
    """What generated pieces share beside what people do, in one measure.

    limit: the 95th percentile of people. above: of the pieces so many share more; share and its Wilson interval; None:
    nothing to compare.
    """

    pieces: int
    limit: float | None
    above: int | None
    share: float | None
    interval: tuple[float, float] | None
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(people: People, measure: str, lengths: Sequence[int]) -> Judged:
    """Whether pieces that share so much copy.

    Of people's pieces one in twenty shares more than the limit. A model copies where the whole Wilson interval of the
    share of its pieces that do lies above COPIER: three pieces that all do, or 11 of 24. It does no more than people
    where the interval holds to LIKE_PEOPLE: none of 8, or up to 3 of 24. Fewer than LEAST_PIECES, or than LEAST_PEOPLE
    pieces of people, decide nothing.
    """
    limit = people.at(measure, RARE)
    if limit is None or not len(lengths):
        return Judged(len(lengths), limit, None, None, None, "undecided: too few pieces")
    above = sum(length > limit for length in lengths)
    low, high = wilson(above, len(lengths))
    verdict: Verdict = "undecided: too few pieces"
    if len(lengths) >= LEAST_PIECES and len(people) >= LEAST_PEOPLE:
        if low > COPIER:
            verdict = "copies"
        elif low <= LIKE_PEOPLE[0] and high < LIKE_PEOPLE[1]:
            verdict = "no more than people do"
    return Judged(len(lengths), limit, above, above / len(lengths), (low, high), verdict)


@dataclass(frozen=True)
class Copying:
    """What generated pieces share with the training pieces, beside what people do.

    judged, percentiles: by measure; of these one a piece.
    """

    people: People
    pieces: Sequence[Found]
    judged: Mapping[str, Judged]
    percentiles: Mapping[str, Sequence[float | None]]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "people": self.people.to_json(),
            "measures": {name: judged.to_json() for name, judged in self.judged.items()},
            "pieces": [
                {**piece.to_json(), "percentiles": {name: found[at] for name, found in self.percentiles.items()}}
                for at, piece in enumerate(self.pieces)
            ],
        }


def copying(people: People, pieces: Sequence[Found]) -> Copying:
    """Whether generated pieces hold longer passages of training pieces than those of people do."""
    lengths = {name: [piece.lengths()[name] for piece in pieces] for name in people.lengths}
    judged = {name: judge(people, name, found) for name, found in lengths.items()}
    percentiles = {name: [people.percentile(name, length) for length in found] for name, found in lengths.items()}
    return Copying(people, pieces, judged, percentiles, overall(list(judged.values())))


def overall(judged: Sequence[Judged]) -> Verdict:
    """Of several measures: "copies" where one says so, "no more than people do" where all do."""
    verdicts = {one.verdict for one in judged}
    if "copies" in verdicts:
        return "copies"
    return "no more than people do" if verdicts == {"no more than people do"} else "undecided: too few pieces"


def _pieces(count: int) -> str:
    return "piece" if count == 1 else "pieces"
