"""What a number of a piece is: its name, what it means, its unit and where its definition comes from. Data only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    """One number that is taken of a piece; meaning: one line; unit: "" where it is a share or a plain number."""

    name: str
    meaning: str
    unit: str
    source: str


def jsonable(scalars: Mapping[str, float]) -> dict[str, float | None]:
    """The numbers by name, with None for those that have no meaning for the piece (nan)."""
    return {name: float(value) if math.isfinite(value) else None for name, value in scalars.items()}


def columns(widths: Mapping[str, int]) -> dict[str, slice]:
    """Where each feature stands in a row of numbers, of features as wide as that."""
    found, begin = {}, 0
    for name, width in widths.items():
        found[name] = slice(begin, begin + width)
        begin += width
    return found


def scalar_columns(scalars: Sequence[Scalar]) -> dict[str, slice]:
    """Where each number stands in a row of numbers in the order of the table."""
    return columns({scalar.name: 1 for scalar in scalars})
