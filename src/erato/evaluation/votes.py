"""Votes between pairs to win rates and strengths, with how sure they are. Pure functions; knows nothing of listeners.

A vote says which of two sources was liked better, or that neither was, which counts as half a win for each. All votes
are taken as independent; several of one person, or on one piece, are a little less than that.

Legend: S sources, D draws of the bootstrap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Z = 1.959963984540054  # standard deviations of a normal distribution on either side of 95 %
PRIOR = 0.5  # wins each way between any two sources that nobody voted for: no strength is infinite
_STEPS, _CLOSE = 10_000, 1e-9  # of the search for strengths: most steps; change of a logarithm that ends it


@dataclass(frozen=True)
class Vote:
    """One answer: the two sources, and how much of a win it is for the first: 1, 0.5 (no difference) or 0."""

    first: str
    second: str
    outcome: float


@dataclass(frozen=True)
class Rate:
    """How often one side won: counts, the share of wins (a tie is half of one), its 95 % interval."""

    wins: int
    ties: int
    losses: int
    rate: float
    low: float
    high: float

    @property
    def votes(self) -> int:
        """How many there are."""
        return self.wins + self.ties + self.losses


@dataclass(frozen=True)
class Strength:
    """A Bradley–Terry strength, as a natural logarithm, and its 95 % interval; the mean of all sources is 0.

    A source whose strength is greater by d wins with probability 1 / (1 + exp(-d)).
    """

    value: float
    low: float
    high: float


def wilson(wins: float, votes: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) where there are no votes.

    Wilson 1927, Probable inference, the law of succession, and statistical inference; without correction for
    continuity. wins: may count halves.
    """
    if not votes:
        return 0.0, 1.0
    share, weight = wins / votes, Z * Z / votes
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / votes + weight / (4 * votes))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(outcomes: Sequence[float]) -> Rate:
    """What a row of outcomes (1, 0.5 or 0) comes to."""
    wins, ties, losses = (sum(one == what for one in outcomes) for what in (1, 0.5, 0))
    won = wins + ties / 2
    return Rate(wins, ties, losses, won / len(outcomes) if outcomes else 0.5, *wilson(won, len(outcomes)))


def against(votes: Sequence[Vote]) -> dict[tuple[str, str], Rate]:
    """Of every ordered pair of sources that met, how the first did against the second."""
    met: dict[tuple[str, str], list[float]] = {}
    for vote in votes:
        met.setdefault((vote.first, vote.second), []).append(vote.outcome)
        met.setdefault((vote.second, vote.first), []).append(1 - vote.outcome)
    return {pair: rate(outcomes) for pair, outcomes in met.items()}


def overall(votes: Sequence[Vote]) -> dict[str, Rate]:
    """Of every source, how it did against all others together."""
    met: dict[str, list[float]] = {}
    for vote in votes:
        met.setdefault(vote.first, []).append(vote.outcome)
        met.setdefault(vote.second, []).append(1 - vote.outcome)
    return {source: rate(outcomes) for source, outcomes in met.items()}


def strengths(votes: Sequence[Vote], rng: np.random.Generator, draws: int = 1000) -> dict[str, Strength]:
    """The strength of every source that was voted on, in order of first appearance.

    Bradley and Terry 1952, Rank analysis of incomplete block designs, by the algorithm of Hunter 2004 (MM algorithms
    for generalized Bradley-Terry models), with `PRIOR` wins each way between any two. Intervals by a parametric
    bootstrap: what two sources won of each other is drawn anew from its Beta distribution (Jeffreys' prior), so that
    one that always won, of which drawing votes anew would never tell anything else, is not taken for certain.
    """
    names = list(dict.fromkeys(name for vote in votes for name in (vote.first, vote.second)))
    if not names:
        return {}
    place = {name: number for number, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))  # [S, S]: of one over another
    for vote in votes:
        won[place[vote.first], place[vote.second]] += vote.outcome
        won[place[vote.second], place[vote.first]] += 1 - vote.outcome
    drawn = np.repeat(won[None], 1 + draws, axis=0)  # [1 + D, S, S]: first what there is
    for one, other in combinations(range(len(names)), 2):
        met = won[one, other] + won[other, one]
        if met:
            drawn[1:, one, other] = met * rng.beta(won[one, other] + PRIOR, won[other, one] + PRIOR, draws)
            drawn[1:, other, one] = met - drawn[1:, one, other]
    logs = _fitted(drawn + PRIOR * (1 - np.eye(len(names))))
    low, high = np.percentile(logs[1:], [2.5, 97.5], axis=0) if draws else (logs[0], logs[0])
    return {name: Strength(float(logs[0, i]), float(low[i]), float(high[i])) for name, i in place.items()}


def _fitted(wins: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[D, S]: the logarithms of the strengths that make wins [D, S, S] likeliest, with a mean of 0."""
    met, won = wins + wins.transpose(0, 2, 1), wins.sum(2)
    logs = np.zeros(won.shape)
    for _ in range(_STEPS):
        strength = np.exp(logs)
        fresh = np.log(won / (met / (strength[:, :, None] + strength[:, None, :])).sum(2))
        fresh -= fresh.mean(1, keepdims=True)
        moved = float(np.abs(fresh - logs).max())
        logs = fresh
        if moved < _CLOSE:
            break
    return logs
