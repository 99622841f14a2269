"""What a training run writes down: metrics.jsonl, one line an evaluation (and one a reported batch), and TensorBoard
events beside it."""

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from erato.files import write_text


class Log:
    """Appends evaluations; on going on after a stop, forgets those that came after the state it goes on from.

    step, count: of that state, and how many lines there were.
    """

    def __init__(self, folder: Path, step: int, count: int) -> None:
        self.path = folder / "metrics.jsonl"
        lines = [line for line in _lines(folder)[:count] if line["step"] <= step]
        self.lines = len(lines)
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file = self.path.open("a", encoding="utf-8")
        from tensorboardX import SummaryWriter  # slow to import

        self._board = SummaryWriter(str(folder), purge_step=step or None)

    def write(self, metrics: dict[str, Any]) -> None:
        self._file.write(json.dumps(metrics) + "\n")
        self.lines += 1
        self._file.flush()
        os.fsync(self._file.fileno())
        for name, value in metrics.items():
            if isinstance(value, (int, float)) and name != "step":
                self._board.add_scalar(name, value, metrics["step"])

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk has been said already, and what is lost here is drawn from
            self._file.close()
            self._board.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The evaluations in metrics.jsonl, in order."""
    return [line for line in _lines(folder) if "valid_loss" in line]


def read_batches(folder: Path) -> list[dict[str, Any]]:
    """The lines on single batches in metrics.jsonl, in order; most runs write none."""
    return [line for line in _lines(folder) if "batch_loss" in line]


def _lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that are whole (a killed run may leave half a line)."""
    found: list[dict[str, Any]] = []
    path = folder / "metrics.jsonl"
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else []:
        try:
            read = json.loads(line)
        except ValueError:
            break
        if isinstance(read, dict) and isinstance(read.get("step"), int):
            found.append(read)
    return found
