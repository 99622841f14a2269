"""Progress for people: a bar on a terminal, plain lines elsewhere, on standard error. Knows nothing of what is done."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from erato.reporter import Reporter
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.training import Progress


class _Quiet(Reporter):
    """Notes only: what a person should know even when a program reads the output."""

    def note(self, text: str) -> None:
        print(plain(text), file=sys.stderr)


class _Lines(_Quiet):
    """A line now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def progress(self, done: int, total: int | None, what: str) -> None:
        if time.monotonic() - self._last > 5:
            self._last = time.monotonic()
            print(f"{what}: {done}{f' of {total}' if total else ''}", file=sys.stderr)

    def training(self, progress: "Progress") -> None:
        if said := _said(progress):
            print(said, file=sys.stderr)


class _Bar(_Quiet):
    """A bar that moves."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[facts]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, facts="")
        self._bar.start()

    def note(self, text: str) -> None:
        self._bar.console.print(plain(text), markup=False, highlight=False)

    def progress(self, done: int, total: int | None, what: str) -> None:
        self._bar.update(
            self._task,
            description=what,
            completed=done,
            total=total,
            facts=f"{done:,}{f' of {total:,}' if total else ''}",
        )

    def training(self, progress: "Progress") -> None:
        self._bar.update(
            self._task, description="training", completed=progress.spent, total=1.0, facts=_facts(progress)
        )
        if said := _said(progress):
            self.note(said)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _said(progress: "Progress") -> str:
    """The line that stays of an evaluation, or of a batch that was reported; none of other steps."""
    if progress.evaluation:
        return f"step {progress.step}: {_facts(progress)}"
    if batch := progress.batch:
        accuracy = f", accuracy {batch['batch_accuracy']:.1%}" if "batch_accuracy" in batch else ""
        return f"step {progress.step}: batch loss {batch['batch_loss']:.4f}{accuracy}"
    return ""


def _facts(progress: "Progress") -> str:
    facts = f"loss {progress.loss:.4f}"
    if line := progress.evaluation:
        perplexity = f" (perplexity {_short(line['valid_perplexity'])})" if "valid_perplexity" in line else ""
        measured = "gap to the corpus" if "valid_tonal_distance" in line else "held out"
        facts += f", {measured} {line['valid_loss']:.4f}{perplexity}{' (best so far)' if line['best'] else ''}"
    left = f"{int(progress.seconds_left) // 60}:{int(progress.seconds_left) % 60:02d}"
    return f"{facts}, {progress.per_second:,.0f} symbols/s, {left} left"


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 1e6 else f"{value:.3g}"


def reporter(quiet: bool) -> Reporter:
    """The reporter that fits where standard error goes."""
    if quiet:
        return _Quiet()
    return _Bar() if sys.stderr.isatty() else _Lines()
