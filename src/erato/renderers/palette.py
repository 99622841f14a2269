"""The colours of pictures: those of tracks, which all kinds of colour vision tell apart, and a scale of numbers.

Numbers in, colours out; knows nothing of pieces. Colours are "#rrggbb", or rows of red, green and blue from 0 to 1.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from erato.score import Floats

INK, SOFT, FAINT = "#1d1d1f", "#6b6b73", "#a5a5ad"
PAPER = "#ffffff"
# Okabe and Ito, Color Universal Design (2008), their black as a grey that stands out from edges and lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D", "#F0E442")
NO_NUMBER = "#dcdce0"  # of a note that has none
# viridis (van der Walt and Smith 2015), evenly spaced from its bright end: it darkens in even steps, in grey and to the
# colour-blind, too. The dark end, which stands out on paper, is the most.
SCALE = ("#fde725", "#addc30", "#5ec962", "#28ae80", "#21918c", "#2c728e", "#3b528b", "#472d7b", "#440154")


def rgb(colors: Sequence[str]) -> Floats:
    """[N, 3] of N colours "#rrggbb"."""
    found = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors]
    return np.array(found, np.float64).reshape(-1, 3) / 255


def darker(color: str, share: float = 0.55) -> str:
    """`color` with a share of its light."""
    return hexes(rgb([color]) * share)[0]


def hexes(colors: Floats) -> list[str]:
    """The inverse of `rgb`."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in np.round(colors * 255).astype(int).tolist()]


def of_track(index: int) -> tuple[str, str]:
    """The colour of a track and of the edge of its notes; when colours come round again, edges are black."""
    color = COLORS[index % len(COLORS)]
    return color, darker(color) if index < len(COLORS) else "#000000"


def shades(color: str, velocity: npt.NDArray[np.generic]) -> Floats:
    """`color` mixed with white, [N, 3]: the louder, the less white."""
    strength = 0.35 + 0.65 * np.clip(velocity.astype(np.float64), 0, 100)[:, None] / 100
    return 1 - strength * (1 - rgb([color]))


def scaled(values: Floats, most: float) -> Floats:
    """The colour of each number from 0 to `most` on the scale, [N, 3]; grey for what is no number."""
    stops = rgb(SCALE)
    place = np.clip(np.nan_to_num(values) / most, 0, 1) * (len(stops) - 1)
    channels = [np.interp(place, np.arange(len(stops)), channel) for channel in stops.T]
    return np.where(np.isnan(values)[:, None], rgb([NO_NUMBER]), np.stack(channels, 1))


def round_step(span: float, parts: int) -> float:
    """The least of 1, 2, 5 and their tenfolds that divides `span` into at most `parts` parts."""
    rough = span / parts
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
