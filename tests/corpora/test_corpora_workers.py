"""Processes that share work: in order, without losing an item when one dies, and gone afterwards."""

import multiprocessing
import os
import resource
import time
from collections.abc import Iterator

import pytest

from erato.corpora import workers


def square(number: int) -> int:
    if number == 13:
        os._exit(9)
    if number == 7:
        time.sleep(0.2)
    return number * number


def test_results_come_in_order_and_a_death_costs_one_item() -> None:
    items = list(range(40))
    chunks = [items[start : start + 5] for start in range(0, 40, 5)]
    failed: list[tuple[int, str]] = []

    def note(item: int, why: str) -> int:
        failed.append((item, why))
        return -1

    found = list(workers.ordered(square, chunks, note, 3))
    assert found == [-1 if item == 13 else item * item for item in items]
    assert [item for item, _ in failed] == [13]
    assert "died" in failed[0][1]
    assert multiprocessing.active_children() == []


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_what_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS_A_CHUNK", 0.3)
    begun = time.monotonic()
    assert list(workers.ordered(sleep, [[0.0], [60.0], [0.01]], lambda item, why: -1.0, 2)) == [0.0, -1.0, 0.01]
    assert time.monotonic() - begun < 20
    assert multiprocessing.active_children() == []


def burn(seconds: int) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    while seconds:
        pass
    return seconds


def test_what_takes_all_its_processor_time_is_told_from_what_dies() -> None:
    said: list[str] = []
    assert list(workers.ordered(burn, [[1]], lambda item, why: said.append(why) or -1, 1)) == [-1]
    assert said == ["reading it took longer than its limit"]


def test_leaving_early_leaves_no_process() -> None:
    results = workers.ordered(sleep, [[0.0], [30.0], [30.0]], lambda item, why: -1.0, 2)
    assert next(results) == 0.0
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_few_chunks_are_held_at_once() -> None:
    taken = 0

    def chunks() -> Iterator[list[float]]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield [0.3 if number == 0 else 0.0]

    results = workers.ordered(sleep, chunks(), lambda item, why: -1.0, 2)
    next(results)
    assert taken <= 2 * workers.LEAD + 2
    results.close()  # type: ignore[attr-defined]
