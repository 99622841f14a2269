"""How commands print: results to standard output, progress and notes to standard error. Knows no command."""

import json
import sys
from typing import TYPE_CHECKING, Any

from erato.terminal import plain

if TYPE_CHECKING:
    from erato.reporter import Reporter


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def reporter_for(quiet: bool) -> "Reporter":
    from erato.progress import reporter

    return reporter(quiet)


def show(text: str) -> None:
    """Prints composed text: to a file or a program exactly, to a terminal so that it only shows it."""
    print(plain(text) if sys.stdout.isatty() else text, end="", flush=True)
