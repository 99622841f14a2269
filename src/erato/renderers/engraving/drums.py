"""Where the drums of General MIDI stand on a percussion staff, and their note heads. A table.

After the usual set (N. Weinberg, Guidelines for Drumset Notation, 1994).
"""

from typing import NamedTuple

from erato.renderers.engraving.sheet import Name


class Place(NamedTuple):
    name: Name
    head: str


_X, _NORMAL = "x", "normal"
_PLACES = {
    35: ("E", 4, _NORMAL),
    36: ("F", 4, _NORMAL),
    37: ("C", 5, _X),
    38: ("C", 5, _NORMAL),
    39: ("C", 5, _X),
    40: ("C", 5, _NORMAL),
    41: ("G", 4, _NORMAL),
    42: ("G", 5, _X),
    43: ("A", 4, _NORMAL),
    44: ("D", 4, _X),
    45: ("B", 4, _NORMAL),
    46: ("G", 5, "circle-x"),
    47: ("D", 5, _NORMAL),
    48: ("E", 5, _NORMAL),
    49: ("A", 5, _X),
    50: ("F", 5, _NORMAL),
    51: ("F", 5, _X),
    52: ("A", 5, _X),
    53: ("F", 5, "diamond"),
    54: ("B", 5, _X),
    55: ("B", 5, _X),
    56: ("E", 5, "triangle"),
    57: ("B", 5, _X),
    59: ("F", 5, _X),
}


def place_of(pitch: int) -> Place:
    """The place and note head of a drum by its key; others stand on the middle line."""
    step, octave, head = _PLACES.get(pitch, ("B", 4, "slash" if pitch < 35 or pitch > 81 else "triangle"))
    return Place(Name(step, 0, octave), head)
