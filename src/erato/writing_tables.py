"""What a run composed, beside what people wrote, as rows of words: `Writing.to_json` in; names and numbers out.

For a terminal and for a page, which both lay them out as they can. Knows nothing of how anything is measured.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from erato.evaluation_tables import Rows

Found = Mapping[str, Any]
_SHARES = ("scale_consistency", "polyphony_rate", "empty_bar_rate", "groove_consistency", "known_words")
LESS = 3  # columns, or parts of them, that can be left out of the features
_SHARED = ("repeated_", "similarity_", "type_token", "moving_type", "distinct_")


def counted(count: int, what: str) -> str:
    """So many of them: "1 piece", "2,000 pieces"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def is_share(name: str) -> bool:
    """Whether a number of a piece is a share, shown in per cent."""
    return name in _SHARES or name.startswith(_SHARED)


def named(name: str) -> str:
    """A number of a piece as people call it."""
    return name.replace("_", " ")


def features(found: Found, less: int = 0) -> tuple[list[str], Rows]:
    """Heads, and each scalar: its mean and spread in each set of pieces, how far the sets overlap and diverge.

    less: how much of that is left out, up to LESS: how they diverge, what people reach, spreads.
    """
    sets = list(found["features"])
    gaps = found["distances"]["features"]
    floors = any(gap["floor"] for gap in gaps.values()) and less < 2
    heads = [*sets, "overlap", *(["people"] * floors), *(["KL"] * (less < 1))]
    rows = {}
    for name in found["features"][sets[0]]:
        gap = gaps[name]
        cells = [_spread(found["features"][one][name], is_share(name), less < LESS) for one in sets]
        cells.append(interval(gap["overlap"]))
        cells += [_plain((gap["floor"] or {}).get("overlap"))] * floors
        rows[named(name)] = [*cells, *([interval(gap["kl"])] * (less < 1))]
    beside = "; people: what as many training pieces reach" if floors else ""
    return heads, Rows(f"means {'(and standard deviations) ' if less < LESS else ''}of pieces{beside}", rows)


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
        return f"Composed {counted(round(rates['chars']), 'character')} a second."
    notes = counted(round(rates["notes"]), "note")
    return f"Composed {notes} a second, {rates['seconds']:,.1f} times as fast as they sound."


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


def _spread(cell: Mapping[str, Any], share: bool, whole: bool) -> str:
    if cell["mean"] is None:
        return "none"
    mean, std = ((None if at is None else 100 * at if share else at) for at in (cell["mean"], cell["std"]))
    unit = " %" if share else ""
    return f"{number(mean)}{unit}" + (f" ({number(std)})" if std is not None and whole else "")  # type: ignore[arg-type]


def originality(found: Found) -> list[str]:
    """Whether it copied, in sentences: the verdict, how much pieces share, and the longest passages."""
    said = found["originality"]
    if said is None:
        return []
    sentences = [f"Did it copy? {verdict(said)}"]
    for name, judged in said["measures"].items():
        people = said["people"]["lengths"][name]
        if not judged["pieces"] or people["median"] is None:
            continue
        middle = median([length_of(piece[name]) for piece in said["pieces"]])
        above = "" if judged["above"] is None else f"; {judged['above']} of {judged['pieces']} pieces share more"
        sentences.append(
            f"  {measure(name)}: {middle:,g} {unit(name)} in common with training pieces, people have "
            f"{people['median']:,g}, 95 % of them at most {people['p95']:,g}{above}."
        )
    for row in longest(said)[:3]:
        sentences.append(f"  piece {row[0]}: {row[2]} in {row[3]}, as in {row[4]}")
    return sentences


def verdict(said: Found) -> str:
    """The verdict, as a sentence."""
    return {
        "copies": "Yes: its pieces share longer passages with training pieces than pieces of people do.",
        "no more than people do": "No more than people do.",
    }.get(said["verdict"], "That cannot be said: there are too few pieces.")


def longest(said: Found, most: int = 12) -> list[list[str]]:
    """The longest passages of each piece, longest first: piece, what is shared, how much, where, and where else."""
    rows = []
    for number, piece in enumerate(said["pieces"], 1):
        names = [name for name in said["measures"] if piece[name]]
        if not names:
            continue
        name = max(names, key=lambda one: length_of(piece[one]))
        rows.append((length_of(piece[name]), number, name, piece[name]))
    found = []
    for length, number, name, passage in sorted(rows, key=lambda row: (-row[0], row[1]))[:most]:
        near = f", {passage['differences']} of which differ" if passage.get("differences") else ""
        found.append(
            [str(number), measure(name), f"{length:,} {unit(name)}{near}", _where(passage), _source(passage["places"])]
        )
    return found


def length_of(passage: Mapping[str, Any] | None) -> int:
    """Notes, words or characters; 0 where nothing is shared."""
    return 0 if passage is None else int(passage.get("notes", passage.get("length", 0)))


def measure(name: str) -> str:
    """What is compared, for people."""
    return {
        "melody": "melody, note for note",
        "texture": "all notes, note for note",
        "near_melody": "melody, one note in eight may differ",
        "near_texture": "all notes, one in eight may differ",
        "words": "longest run of words",
        "characters": "longest run of characters",
    }.get(name, named(name))


def unit(name: str) -> str:
    """What lengths of a measure are counted in."""
    return name if name in ("words", "characters") else "notes"


def _where(passage: Mapping[str, Any]) -> str:
    if "bars" in passage:
        return f"{_span('bar', passage['bars'])} ({passage['line']})"
    return f"{_span('line', passage['lines'])}: “{' '.join(passage['text'].split())[:80]}”"


def _source(places: Sequence[Mapping[str, Any]]) -> str:
    """The first place that holds a passage, and how many more there are."""
    if not places:
        return ""
    first = places[0]
    more = f", and {len(places) - 1} more" if len(places) > 1 else ""
    if "text" in first:
        return f"{first['text']}, {_span('line', first['lines'])}{more}"
    moved = (
        f", {counted(abs(first['transposition']), 'semitone')} {'lower' if first['transposition'] > 0 else 'higher'}"
    )
    return f"{first['piece']}, {_span('bar', first['bars'])}{moved if first['transposition'] else ''}{more}"


def _span(name: str, ends: Sequence[int]) -> str:
    first, last = ends
    return f"{name} {first}" if first == last else f"{name}s {first} to {last}"
