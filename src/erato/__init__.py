"""Erato learns from a person's own music or words and writes new pieces.

The public names are listed here and nowhere else; each is imported from `erato.pipeline` when it is first used, so that
`import erato` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erato.errors import EratoError
    from erato.pipeline import Run, assess, check, contest, load, render, replay, show, train

__version__ = "0.1.0"
__all__ = ["EratoError", "Run", "assess", "check", "contest", "load", "render", "replay", "show", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'erato' has no attribute {name!r}")
    return getattr(import_module("erato.errors" if name == "EratoError" else "erato.pipeline"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
