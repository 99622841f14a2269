"""Sets of values to an axis that shows them, and to shapes along it. In: numbers by name. Out: numbers.

Whole numbers are counted, others smoothed. What is no finite number is left out, what lies far off is beyond the axis;
both are counted. Knows nothing of colours or pages. Legend: N values of a set, G places along the axis.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from erato.renderers.curves import number
from erato.renderers.palette import round_step
from erato.score import Floats

FEW = 8  # values of a set from which on it has a shape
FENCE = 3.0  # times the distance of its quartiles beyond them: what lies there is far out (Tukey 1977, section 2E)
MOST_COUNTED = 200  # what whole numbers span that are counted, and not smoothed
HUGE = 1e100  # what is more is no number to draw


def smoothed(values: Floats, at: Floats, width: float, least: float = -math.inf, most: float = math.inf) -> Floats:
    """The density [G] of values [N] at places [G], evenly spaced: Gaussian kernels of a standard deviation `width`.

    What a kernel would put below `least` or above `most`, where no value can lie, is put back as in a mirror there
    (Silverman, Density Estimation, 1986, section 2.10). Values beyond the places add nothing.
    """
    edges = np.linspace(at[0], at[-1], 1025)
    counts = np.histogram(values, edges)[0]
    middles = ((edges[:-1] + edges[1:]) / 2)[counts > 0]
    centres = [middles, *(2 * wall - middles for wall in (least, most) if math.isfinite(wall))]
    kernels = sum(np.exp(-0.5 * ((at[:, None] - centre) / width) ** 2) for centre in centres)  # [G, cells]
    return np.asarray((kernels * counts[counts > 0]).sum(1) / (len(values) * width * math.sqrt(math.tau)))


def kernel_width(values: Floats) -> float:
    """Silverman's rule of thumb for values [N] (the same, equation 3.31): 0 where all are equal."""
    low, high = np.percentile(values, [25, 75])
    spread = min(float(values.std()), float(high - low) / 1.34) or float(values.std())
    return float(0.9 * spread * len(values) ** -0.2)


class Axis:
    """From where to where a panel shows values, how, and which values are named."""

    def __init__(self, sets: Mapping[str, Sequence[float]], percent: bool, mark: float | None, inches: float) -> None:
        given = {name: np.asarray(values, np.float64).reshape(-1) for name, values in sets.items()}
        self.sets = {name: values[np.abs(np.nan_to_num(values, nan=np.inf)) < HUGE] for name, values in given.items()}
        self.left_out = sum(map(len, given.values())) - sum(map(len, self.sets.values()))
        self.percent, self.inches = percent, inches
        self.mark = mark if mark is not None and abs(mark) < HUGE else None
        full = [values for values in self.sets.values() if len(values)]
        fences = [_fences(values) for values in full] + ([(self.mark, self.mark)] if self.mark is not None else [])
        low, high = min((one[0] for one in fences), default=0.0), max((one[1] for one in fences), default=1.0)
        whole = all((values == np.round(values)).all() for values in full)
        self.step = 0  # of what is counted: a bin; 0: what is smoothed
        if whole and not percent and full and high - low <= MOST_COUNTED:
            self._count(low, high)
        else:
            self._smooth(low, high, full)
        self.beyond = sum(int(((values < self.low) | (values > self.high)).sum()) for values in full)

    def _count(self, low: float, high: float) -> None:
        bins = max(4, round(self.inches / 0.09))
        self.step = max(1, round(round_step(high - low, bins))) if high > low else 1
        first, last = math.floor(low / self.step), math.floor(high / self.step)
        more = max(0, 4 - (last - first))  # one bar alone would fill the panel
        first = first - more // 2 if low < 0 else max(first - more // 2, 0)
        last = max(last + 1, first + 5)
        self.low, self.high = first * self.step - 0.5, last * self.step - 0.5
        self.edges = np.arange(first, last + 1) * self.step - 0.5

    def _smooth(self, low: float, high: float, full: Sequence[Floats]) -> None:
        least = 0.0 if low >= 0 and all(values.min() >= 0 for values in full) else -math.inf
        most = 1.0 if self.percent and high <= 1 and all(values.max() <= 1 for values in full) else math.inf
        self.least, self.most = least, most
        span = high - low if high - low > 1e-9 * max(abs(low), abs(high)) else 0.0
        widths = [kernel_width(values[(values >= low) & (values <= high)]) for values in full if len(values) >= FEW]
        broad = max(widths, default=0.0)
        room = max(0.06 * span, min(2.5 * broad, 0.3 * span)) or (0.05 if self.percent else 0.1 * abs(high) or 1.0)
        self.low, self.high = max(low - room, least), min(high + room, most)
        self.thin = max(broad / 3, (self.high - self.low) / 100)  # a narrow set would press the others flat

    def at(self, value: float) -> float:
        """Where a value lies, from 0 to `inches`."""
        return self.inches * (value - self.low) / (self.high - self.low)

    def height(self, values: Floats, places: Floats) -> Floats:
        """How high the shape of a set is at `places`, not yet scaled: a share of it in a bin, or a density."""
        if not self.step:
            inside = values[(values >= self.low) & (values <= self.high)]
            width = max(kernel_width(inside), self.thin) if len(inside) else self.thin
            return smoothed(values, places, width, self.least, self.most)
        counts = np.histogram(values, self.edges)[0] / len(values)
        bins = np.searchsorted(self.edges, places, "right") - 1
        return np.asarray(counts[np.clip(bins, 0, len(counts) - 1)])

    def said(self, value: float) -> str:
        """A value with as many digits as can be told apart on the axis."""
        if self.step:
            return number(value, 0)
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 100))
        return number(round(value / step) * step + 0.0, step, self.percent)

    def ticks(self, width_of: Callable[[str], float]) -> list[tuple[float, str]]:
        """The values that are named, as many as stand beside one another; width_of: a name, in inches."""
        for parts in range(max(2, round(self.inches / 0.4)), 0, -1):
            step = max(round_step(self.high - self.low, parts), 1.0 if self.step else 0.0)
            values = np.arange(math.ceil(self.low / step), math.floor(self.high / step) + 1) * step + 0.0
            found = [(float(value), number(float(value), step, self.percent)) for value in values]
            wide = max((width_of(name) for _, name in found), default=0.0) + 0.1
            if wide <= self.inches * step / (self.high - self.low):
                break
        return found


def _fences(values: Floats) -> tuple[float, float]:
    """The least and the most that the axis of values [N] shows; what is far beyond their quartiles is not."""
    least, low, high, most = np.percentile(values, [0, 25, 75, 100])
    room = FENCE * (high - low) if len(values) >= FEW and high > low else math.inf
    return float(max(least, low - room)), float(min(most, high + room))
