"""JSON that somebody else wrote, read key by key: a file's object in; values of the right kind out, or one sentence.

Knows nothing of what the keys mean.
"""

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from erato.errors import UsageError

T = TypeVar("T")
LONGEST, MOST = 80, 24  # characters of a value, and names, that a sentence can hold


class Fields:
    """One object of a description, read key by key; those that are never asked for are unknown."""

    def __init__(self, file: Path, at: str, found: Mapping[str, Any]) -> None:
        self.file, self.at, self.found = file, at, found
        self.asked: set[str] = set()
        self.parts: list[Fields] = []

    def take(self, key: str, read: Callable[[Any], T], allowed: str) -> T | None:
        """What `read` makes of the value of `key`, None where there is none; UsageError where it raises ValueError."""
        self.asked.add(key)
        if key not in self.found:
            return None
        try:
            return read(self.found[key])
        except (ValueError, OverflowError):
            got = written(self.found[key])
            raise UsageError(f"{self.file}: {self.at}{key} must be {allowed}, got {got}.") from None

    def part(self, key: str) -> "Fields":
        found = self.take(key, as_object, "an object with fields")
        self.parts.append(Fields(self.file, f"{self.at}{key}.", found or {}))
        return self.parts[-1]

    def text(self, key: str) -> str | None:
        return self.take(key, as_text, "text")

    def flag(self, key: str) -> bool | None:
        return self.take(key, as_flag, "true or false")

    def whole(self, key: str, least: int = 1) -> int | None:
        most = 10**9
        return self.take(
            key, within(as_whole, lambda n: least <= n <= most), f"a whole number from {least} to {most:,}"
        )

    def number(self, key: str, allowed: str, right: Callable[[float], bool]) -> float | None:
        return self.take(key, within(as_number, right), f"a number {allowed}")

    def made(self, make: Callable[[], T]) -> T:
        """What `make` makes of these fields; its UsageError with the name of the file."""
        try:
            return make()
        except UsageError as error:
            raise UsageError(f"{self.file}: {f'{self.at[:-1]}: ' if self.at else ''}{error}") from None

    def unknown(self) -> list[str]:
        """A sentence that names the keys that were never asked for, here and in all parts, where there are any."""
        found = list(self._unknown())
        return [f"{self.file}: not known, and not carried over: {listed(found)}."] if found else []

    def _unknown(self) -> Iterator[str]:
        for key in (key for key in self.found if key not in self.asked):
            close = get_close_matches(key, sorted(self.asked - self.found.keys()), n=1)
            name = key if key.isidentifier() and len(key) < LONGEST else written(key)
            yield f"{self.at}{name}" + (f" (did you mean {close[0]}?)" if close else "")
        for part in self.parts:
            yield from part._unknown()


def pair(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    def reader(value: Any) -> tuple[T, ...]:
        if len(as_list(value)) not in (0, 2):
            raise ValueError
        return tuple(read(item) for item in value)

    return reader


def within(read: Callable[[Any], T], right: Callable[[T], bool]) -> Callable[[Any], T]:
    def reader(value: Any) -> T:
        found = read(value)
        if not right(found):
            raise ValueError
        return found

    return reader


def one_of(*names: str) -> Callable[[Any], str]:
    return within(as_text, names.__contains__)


def texts(value: Any) -> tuple[str, ...]:
    return tuple(within(as_text, bool)(item) for item in as_list(value))


def as_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def as_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError
    return value


def as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()  # a half of a character is a ValueError
    return value


def as_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def as_whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def as_number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def written(value: Any) -> str:
    """A value as it stands in its file, cut where it is long."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "what is nested too deeply"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def listed(names: Collection[str]) -> str:
    shown = list(names)[:MOST]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
