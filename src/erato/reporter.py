"""What a long call tells while it works. Knows nothing of how it is shown."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from erato.training import Progress


class Reporter:
    """Tells nobody; others override what they show."""

    def note(self, text: str) -> None:
        """Something the person should know, one sentence."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """How far a step other than training has come."""

    def training(self, progress: "Progress") -> None:
        """Where training stands."""

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is shown ends here."""


def counts(found: Mapping[str, int]) -> str:
    """Counts of what there is by name, for people."""
    return ", ".join(f"{count:,} {what}" for what, count in found.items())
