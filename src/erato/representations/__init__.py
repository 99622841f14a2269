"""The representations: pieces to arrays and back. The import line is the registration."""

from erato.representations.base import (
    Array,
    Cursor,
    Encoded,
    Representation,
    RepresentationConfig,
    Space,
    Tokens,
)
from erato.representations.remi import Remi, RemiConfig

REPRESENTATIONS: dict[str, type[RepresentationConfig]] = {
    "remi": RemiConfig,
}

__all__ = [
    "REPRESENTATIONS",
    "Array",
    "Cursor",
    "Encoded",
    "Remi",
    "RemiConfig",
    "Representation",
    "RepresentationConfig",
    "Space",
    "Tokens",
]
