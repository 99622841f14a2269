"""The baseline to beat: an interpolated n-gram model. Encoded pieces in, nats out. Knows nothing of what they hold.

The probability of a symbol after a context of k symbols is
    P_k(w | context) = L count(context, w) / count(context) + (1 - L) P_{k-1}(w | context without its first symbol)
down to the uniform distribution (Jelinek and Mercer 1980). L depends on k and on how well the context is known: on
the mean count of what followed it (Chen and Goodman 1999). The L are fitted by expectation maximisation on a tenth of
the training data with counts from the rest; then all of it is counted.
Legend: N symbols of all pieces in a row, each piece after `order - 1` marks of its start; V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from erato.errors import UsageError
from erato.representations.base import Array

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BUCKETS = 16  # of contexts, by half powers of two of their mean count; the first is for those never seen
ROUNDS = 60  # of expectation maximisation


@dataclass(frozen=True)
class _Counts:
    """What followed the contexts of one length."""

    contexts: Ints  # sorted: the code of each context, see `_row`; its place here is its number
    grams: Ints  # sorted: number of the context * V + symbol
    seen: Floats  # how often each gram was there
    totals: Floats  # how often something followed each context; the last one is 0, for contexts never seen
    buckets: Ints  # of each context


@dataclass
class Ngram:
    """An n-gram model of symbols 0..size-1; order 3 is a trigram, with two symbols of context.

    weights: [order, BUCKETS] the L of each context length and bucket.
    """

    size: int
    order: int = 3
    weights: Floats = field(init=False)
    levels: list[_Counts] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.order < 1:
            raise UsageError(f"order must be 1 or more, got {self.order}")
        self.weights = np.full((self.order, BUCKETS), 0.5)

    @classmethod
    def fit(cls, arrays: Sequence[Array], size: int, order: int = 3) -> "Ngram":
        """The model of the training pieces, [T] each."""
        model = cls(size, order)
        parts = list(arrays)
        if len(parts) < 10:
            parts = [part for array in arrays for part in np.array_split(array, 10)]
        model.count([part for place, part in enumerate(parts) if place % 10 != 9])
        model.fit_weights(parts[9::10])
        model.count(arrays)
        return model

    def count(self, arrays: Sequence[Array]) -> None:
        """Counts what follows what, instead of what was counted before; the weights stay."""
        self.levels = []
        symbols, scored = self._row(arrays)
        number = np.zeros(len(symbols), np.int64)  # of the context of length k before each symbol
        for length in range(self.order):
            codes = self._longer(number, symbols) if length else number
            contexts = np.unique(codes[scored])
            number = _find(contexts, codes)
            grams, seen = np.unique(number[scored] * self.size + symbols[scored], return_counts=True)
            owner = grams // self.size
            totals = np.bincount(owner, seen, len(contexts) + 1).astype(float)
            kinds = np.bincount(owner, minlength=len(contexts) + 1)
            mean = totals / np.maximum(1, kinds)
            buckets = np.where(mean > 0, 1 + 2 * np.log2(np.maximum(1, mean)), 0).astype(np.int64)
            level = _Counts(contexts, grams, seen.astype(float), totals, np.minimum(buckets, BUCKETS - 1))
            self.levels.append(level)

    def fit_weights(self, arrays: Sequence[Array]) -> None:
        """Fits the weights to pieces that were not counted."""
        shares, buckets = self._shares(arrays)
        if shares.shape[1] == 0:
            return
        for _ in range(ROUNDS):
            chances = self._mixed(shares, buckets)
            reached = np.ones(shares.shape[1])
            for length in reversed(range(self.order)):
                taken = reached * self.weights[length, buckets[length]] * shares[length] / chances[length]
                # One symbol more that was not there: no weight comes to 1, so nothing is impossible.
                among = np.bincount(buckets[length], reached, BUCKETS)
                hits = np.bincount(buckets[length], taken, BUCKETS)
                self.weights[length] = np.where(among > 0, hits / (among + 1), self.weights[length])
                reached = reached - taken

    def nats(self, arrays: Sequence[Array]) -> Floats:
        """The negative log-likelihood of each piece, from its first symbol to its last."""
        return np.array([float(costs.sum()) for costs in self.costs(arrays)])

    def costs(self, arrays: Sequence[Array]) -> list[Floats]:
        """[T] each: the negative logarithm of the probability of every symbol of each piece."""
        costs: Floats = -np.log(self._mixed(*self._shares(arrays))[-1])
        return np.split(costs, np.cumsum([len(array) for array in arrays])[:-1]) if arrays else []

    def _row(self, arrays: Sequence[Array]) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """[N]: all pieces in a row, each behind marks of its start (the number V), and which are symbols of theirs."""
        marks = np.full(self.order - 1, self.size, np.int64)
        row = [part for array in arrays for part in (marks, np.asarray(array, np.int64))]
        symbols = np.concatenate([np.zeros(0, np.int64), *row])
        return symbols, symbols < self.size

    def _longer(self, number: Ints, symbols: Ints) -> Ints:
        """[N]: the code of the context longer by one: the number of the one before the last symbol, and that symbol."""
        codes = np.full(len(symbols), -1, np.int64)
        codes[1:] = np.where(number[:-1] >= 0, number[:-1] * (self.size + 1) + symbols[:-1], -1)
        return codes

    def _shares(self, arrays: Sequence[Array]) -> tuple[Floats, Ints]:
        """[order, symbols of the pieces]: count(context, w) / count(context) at each length, and the buckets."""
        symbols, scored = self._row(arrays)
        number = np.zeros(len(symbols), np.int64)
        shares, buckets = [], []
        for length, level in enumerate(self.levels):
            number = _find(level.contexts, self._longer(number, symbols) if length else number)
            here = number[scored]  # -1, where never seen, is the last place of totals and buckets
            place = _find(level.grams, np.where(here >= 0, here * self.size + symbols[scored], -1))
            seen = np.where(place >= 0, np.append(level.seen, 0.0)[place], 0.0)
            shares.append(seen / np.maximum(1, level.totals[here]))
            buckets.append(level.buckets[here])
        return np.array(shares), np.array(buckets)

    def _mixed(self, shares: Floats, buckets: Ints) -> Floats:
        """[order, symbols]: the probability of each symbol by contexts of up to each length."""
        chance = np.full(shares.shape[1], 1 / self.size)
        mixed = []
        for length in range(self.order):
            weight = np.where(buckets[length] > 0, self.weights[length, buckets[length]], 0.0)
            chance = weight * shares[length] + (1 - weight) * chance
            mixed.append(chance)
        return np.array(mixed)


def _find(known: Ints, codes: Ints) -> Ints:
    """The place of each code among the sorted ones that are known; -1: it is not there."""
    if len(known) == 0:
        return np.full(len(codes), -1, np.int64)
    place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[place] == codes, place, -1)
