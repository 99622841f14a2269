"""Probability densities of distances and how far two overlap: distances and how often each counts in; numbers out.

Densities are Gaussian kernel estimates with Scott's bandwidth (as scipy.stats.gaussian_kde), taken of a histogram by
fast Fourier transform, which is what many resamples take the time for. Knows nothing of what the distances are between.
Legend: R weightings (of resamples), N and M pieces of two sets, G places of a grid.
"""

from dataclasses import dataclass

import numpy as np

from erato.score import Floats, Ints

SHORTEST, LONGEST = 1024, 16384  # places of a grid
REACH = 4  # bandwidths that a grid goes on beyond the distances
FLOOR = 1e-9  # share of an even density that is mixed in before a logarithm: keeps it finite
SAME = 1e-6  # distances that differ by less than this share of the largest are one
POINTS = 1000  # of mgeval's grids
BLOCK = 64  # weightings at once


@dataclass(frozen=True)
class Distances:
    """Distances [N, M] between the pieces of two sets, and how often each piece counts: one [R, N], other [R, M].

    within: whether the sets are one and the same, N = M. Then each two pieces count once, and a piece has no distance
    to itself, however often it counts: a piece that a resample has twice says nothing of how alike pieces are.
    """

    values: Floats
    one: Floats
    other: Floats
    within: bool = False

    @property
    def flat(self) -> Floats:
        """The distances that there are, in a row."""
        return self.values[np.triu_indices(len(self.values), 1)] if self.within else self.values.ravel()

    def moments(self) -> tuple[Floats, Floats, Floats]:
        """[R] each: number, mean, and standard deviation (of a sample); nan for fewer than two pairs of pieces."""
        centre = self.flat.mean()
        pairs = Distances(self.values, np.sign(self.one), np.sign(self.other), self.within)._sum(
            np.ones_like(self.values)
        )
        number, (off, squares) = self._sum(np.ones_like(self.values)), map(self._sum, self._powers(centre))
        number = np.where(pairs < 2, np.nan, number)
        off = off / number
        variance = np.maximum(0, squares - number * np.square(off)) / (number - 1)
        return number, centre + off, np.sqrt(variance)

    def _powers(self, centre: float) -> tuple[Floats, Floats]:
        return self.values - centre, np.square(self.values - centre)

    def _sum(self, values: Floats) -> Floats:
        """[R] of what there is of each two pieces [N, M], as often as they count."""
        if self.within:
            values = (values - np.diag(np.diagonal(values))) / 2
        found: Floats = ((self.one @ values) * self.other).sum(1)
        return found

    def histogram(self, low: float, step: float, rows: Ints, size: int) -> Floats:
        """[len(rows), size] the shares of the distances of some weightings that are nearest to each place."""
        bins = np.rint((self.values - low) / step).astype(np.intp).ravel()
        bins = np.clip(bins, 0, size - 1)  # what is cut off stands on the diagonal and does not count
        counts = np.empty((len(rows), size))
        for place, row in enumerate(rows):
            weights = np.outer(self.one[row], self.other[row])
            if self.within:
                np.fill_diagonal(weights, 0)
            counts[place] = np.bincount(bins, weights.ravel(), size)
        shares: Floats = counts / counts.sum(1, keepdims=True)
        return shares


@dataclass(frozen=True)
class Gap:
    """How two densities lie to one another, by weighting [R]; nan where one has fewer than two distances.

    overlap: the area under both, 0 to 1. kl: the Kullback-Leibler divergence of the second from the first in nats; inf
    where the first is one point and the second is not, or the other way round. literal_overlap, literal_kl: as mgeval's
    code has them, of the first weighting; nan where it fails.
    """

    overlap: Floats
    kl: Floats
    literal_overlap: float = float("nan")
    literal_kl: float = float("nan")


def gap_of(intra: Distances, inter: Distances) -> Gap:
    """Compares the distances within a set with those to another one, in each weighting.

    Where all distances of a kind are the same, their density is that one point: two such overlap wholly where it is the
    same point, and a point and anything else do not overlap. Both densities are taken on one grid that covers both with
    their tails; those below 0, where there are no distances, are left in, as both have them.
    """
    (number_a, mean_a, spread_a), (number_b, mean_b, spread_b) = intra.moments(), inter.moments()
    a, b = intra.flat, inter.flat
    smallest, largest = min(a.min(), b.min()), max(a.max(), b.max())
    point_a, point_b = spread_a <= SAME * largest, spread_b <= SAME * largest
    same = point_a & point_b & (np.abs(mean_a - mean_b) <= SAME * largest)
    overlap, kl = np.where(same, 1.0, 0.0), np.where(same, 0.0, np.inf)
    none = np.isnan(spread_a) | np.isnan(spread_b)
    overlap[none] = kl[none] = np.nan
    rows = np.flatnonzero(~none & ~point_a & ~point_b)
    if not len(rows):
        return Gap(overlap, kl)

    width_a, width_b = spread_a * number_a**-0.2, spread_b * number_b**-0.2
    literal: tuple[float, ...] = ()
    # The pieces themselves have a grid of their own, so that their values do not depend on what is drawn.
    for some in [rows[rows == 0], *np.split(rows[rows > 0], range(BLOCK, len(rows), BLOCK))]:
        if not len(some):
            continue
        widest, narrowest = (function([width_a[some], width_b[some]]) for function in (np.max, np.min))
        low, reach = float(smallest - REACH * widest), float(largest - smallest + 2 * REACH * widest)
        size = int(np.clip(2 ** np.ceil(np.log2(2 * reach / narrowest)), SHORTEST, LONGEST))
        step = reach / size
        shares = [each.histogram(low, step, some, size) for each in (intra, inter)]
        first, second = (
            _smooth(each, width[some] / step) for each, width in zip(shares, (width_a, width_b), strict=True)
        )
        overlap[some] = np.minimum(first, second).sum(1)
        first, second = (1 - FLOOR) * first + FLOOR / size, (1 - FLOOR) * second + FLOOR / size
        kl[some] = np.maximum(0, (first * np.log(first / second)).sum(1))
        if some[0] == 0:
            # As mgeval has it, every distance within the set counts twice, which narrows the bandwidth.
            number = 2 * float(number_a[0])
            width = float(spread_a[0]) * ((number - 2) / (number - 1)) ** 0.5 * number**-0.2
            places: Floats = low + step * np.arange(size, dtype=np.float64)
            literal = _literal(places, (a, b), (shares[0][0], shares[1][0]), (width, float(width_b[0])))
    return Gap(overlap, kl, *literal)


def _smooth(shares: Floats, widths: Floats) -> Floats:
    """[R, G] histograms smoothed by normal kernels of widths [R], in places of the grid; shares that sum to 1."""
    frequency = np.fft.rfftfreq(shares.shape[1])
    kernel = np.exp(-2 * np.square(np.pi * frequency * widths[:, None]))
    smooth: Floats = np.maximum(0, np.fft.irfft(np.fft.rfft(shares) * kernel, shares.shape[1]))
    smooth /= smooth.sum(1, keepdims=True)
    return smooth


def _literal(
    places: Floats, values: tuple[Floats, Floats], shares: tuple[Floats, Floats], widths: tuple[float, float]
) -> tuple[float, float]:
    """Overlap and divergence as `overlap_area` and `kl_dist` of mgeval's utils.py have them.

    Odd there: the overlap is the area between the smallest and the largest distance alone, so that the tails are cut
    and equal sets stay below 1; and for the divergence each density is taken on a grid of its own, from its smallest
    distance to its largest, so that what is compared are not the densities at one place.
    """

    def density(which: int, at: Floats) -> Floats:
        some = shares[which] > 0
        kernel = np.exp(-np.square((at[:, None] - places[some]) / widths[which]) / 2)
        found: Floats = kernel @ shares[which][some] / (widths[which] * np.sqrt(2 * np.pi))
        return found

    ends = [(float(each.min()), float(each.max())) for each in values]
    between = np.linspace(min(low for low, _ in ends), max(high for _, high in ends), POINTS)
    overlap = np.trapezoid(np.minimum(density(0, between), density(1, between)), between)
    own = [density(which, np.linspace(*ends[which], POINTS)) for which in (0, 1)]
    first, second = (each / each.sum() for each in own)
    with np.errstate(divide="ignore"):
        divergence = (first * np.log(first / second))[first > 0].sum()
    return float(overlap), float(divergence)
