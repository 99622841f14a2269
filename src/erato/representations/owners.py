"""Which note a symbol speaks of, where it names none itself: the next one. Whole numbers in and out."""

import numpy as np

from erato.score import Ints


def led_to(owners: Ints) -> Ints:
    """[T] owners with, in place of each -1, the next that is not; where none follows, it stays."""
    place = np.where(owners >= 0, np.arange(len(owners)), len(owners))
    following = np.minimum.accumulate(place[::-1])[::-1]
    found: Ints = np.append(owners, -1)[following]
    return found
