"""What a run composed, beside what people wrote, as rows of words: `Writing.to_json` in; names and numbers out.

For a terminal and for a page, which both lay them out as they can. Knows nothing of how anything is measured.
"""

from collections.abc import Mapping
from typing import Any

from erato.evaluation_tables import Rows

Found = Mapping[str, Any]
_SHARES = ("scale_consistency", "polyphony_rate", "empty_bar_rate", "groove_consistency", "known_words")
_SHARED = ("repeated_", "similarity_", "type_token", "moving_type", "distinct_")


def is_share(name: str) -> bool:
    """Whether a number of a piece is a share, shown in per cent."""
    return name in _SHARES or name.startswith(_SHARED)


def named(name: str) -> str:
    """A number of a piece as people call it."""
    return name.replace("_", " ")


def features(found: Found) -> tuple[list[str], Rows]:
    """Heads, and each scalar: its mean and spread in each set of pieces, how far the sets overlap and diverge."""
    sets = list(found["features"])
    gaps = found["distances"]["features"]
    floors = any(gap["floor"] for gap in gaps.values())
    heads = [*sets, "overlap", *(["that of people"] * floors), "KL"]
    rows = {}
    for name in found["features"][sets[0]]:
        gap = gaps[name]
        cells = [_spread(found["features"][one][name], is_share(name)) for one in sets]
        cells.append(interval(gap["overlap"]))
        cells += [_plain((gap["floor"] or {}).get("overlap"))] * floors
        rows[named(name)] = [*cells, interval(gap["kl"])]
    return heads, Rows("means (and standard deviations) of pieces", rows)


def distance(found: Found) -> str:
    """The Fréchet distance, as a sentence."""
    gap = found["distances"]["frechet"]
    if gap["value"] is None:
        return f"No Fréchet distance of feature vectors: {gap['reason']}"
    said = f"Fréchet distance of feature vectors to held-out pieces: {interval(gap)}"
    floor = (gap["floor"] or {}).get("value")
    return said + (f"; as many training pieces have {number(floor)}" if floor is not None else "")


def speed(found: Found) -> str:
    """How fast it composed, as a sentence."""
    rates = found["speed"]
    if "chars" in rates:
        return f"Composed {rates['chars']:,.0f} characters a second."
    return f"Composed {rates['notes']:,.0f} notes a second, {rates['seconds']:,.1f} times as fast as they sound."


def interval(cell: Mapping[str, Any]) -> str:
    """A value and its interval: "0.81 [0.74, 0.88]"."""
    if cell["value"] is None:
        return "none"
    if cell["low"] is None or cell["high"] is None:
        return number(cell["value"])
    return f"{number(cell['value'])} [{number(cell['low'])}, {number(cell['high'])}]"


def number(value: float) -> str:
    """Three digits that mean something."""
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:,.0f}"


def _plain(cell: Mapping[str, Any] | float | None) -> str:
    value = cell["value"] if isinstance(cell, Mapping) else cell
    return "none" if value is None else number(value)


def _spread(cell: Mapping[str, Any], share: bool) -> str:
    if cell["mean"] is None:
        return "none"
    mean, std = ((None if at is None else 100 * at if share else at) for at in (cell["mean"], cell["std"]))
    unit = " %" if share else ""
    return f"{number(mean)}{unit}" + (f" ({number(std)})" if std is not None else "")  # type: ignore[arg-type]


def originality(found: Found) -> list[str]:
    return []
