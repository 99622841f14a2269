from dataclasses import dataclass, field
from typing import Literal

import pytest

from erato.config import from_record, lookup, override, to_record
from erato.errors import UsageError


@dataclass(frozen=True)
class Part:
    width: int = 8
    rates: tuple[float, ...] = (0.5, 0.25)


@dataclass(frozen=True)
class Whole:
    name: str
    part: Part = field(default_factory=Part)
    limit: int | None = None
    rule: Literal["adam", "sgd"] = "adam"
    on: bool = False


def test_record_gives_the_same_value_back():
    whole = Whole("x", Part(16, (0.1,)), 3, "sgd", True)
    assert from_record(Whole, to_record(whole)) == whole


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("part.width=12", Whole("x", Part(width=12))),
        ("part.rates=0.1, 0.2", Whole("x", Part(rates=(0.1, 0.2)))),
        ("limit=7", Whole("x", limit=7)),
        ("limit=none", Whole("x")),
        ("rule=sgd", Whole("x", rule="sgd")),
        ("on=yes", Whole("x", on=True)),
    ],
)
def test_override_replaces_one_field(assignment, expected):
    assert override(Whole("x", limit=1 if assignment == "limit=none" else None), [assignment]) == expected


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("part.widht=3", "did you mean width"),
        ("part.width=wide", "part.width must be a whole number, got 'wide'"),
        ("limit=2.5", "limit must be a whole number or none"),
        ("rule=lamb", "one of adam, sgd"),
        ("part=3", "group of settings"),
        ("name.x=3", "plain value"),
        ("nonsense", "field=value"),
    ],
)
def test_override_says_what_is_wrong(assignment, said):
    with pytest.raises(UsageError, match=said):
        override(Whole("x"), [assignment])


@pytest.mark.parametrize(
    "record",
    [
        {"type": "Whole", "name": "x", "colour": 1},
        {"type": "Whole", "name": 3},
        {"type": "Whole", "name": "x", "part": {"type": "os.system"}},
        {"type": "Whole", "name": "x", "part": {"type": "Whole", "name": "y"}},
        {"type": "Whole"},
        ["Whole"],
    ],
)
def test_a_foreign_record_is_refused(record):
    with pytest.raises(UsageError):
        from_record(Whole, record, {"Whole": Whole})


def test_lookup_names_what_was_perhaps_meant():
    with pytest.raises(UsageError, match="did you mean note-chord-lstm"):
        lookup("recipe", "note-chord-lstn", {"note-chord-lstm": 1, "event-transformer": 2})


@dataclass(frozen=True)
class Pair:
    widths: tuple[int, ...] = (1, 2)
    rates: tuple[float, ...] = (0.1, 0.2)

    def __post_init__(self):
        if len(self.widths) != len(self.rates):
            raise UsageError("as many rates as widths")


@pytest.mark.parametrize("order", [1, -1])
def test_fields_that_depend_on_each_other_change_together(order):
    assert override(Pair(), ["widths=5", "rates=0.5"][::order]) == Pair((5,), (0.5,))
    with pytest.raises(UsageError, match="as many rates"):
        override(Pair(), ["widths=5"])


def test_no_list_is_none():
    from erato.representations import KeystatesConfig

    for word in ("none", "off", "()", ""):
        assert override(KeystatesConfig(), [f"stretch_range={word}"]).stretch_range == ()
