"""Frozen dataclasses to JSON and back, and `a.b=c` overrides. Knows no field by name.

A record is the dataclass as JSON, with its class name under "type", so that an abstract field (a model) finds its class
among those it is handed. Every error names the field, what it takes and what it got.
"""

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from erato.errors import UsageError, unknown

T = TypeVar("T")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def lookup(kind: str, name: str, known: Mapping[str, T]) -> T:
    """`known[name]`, or the error that says what there is and what was perhaps meant."""
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]


def to_record(value: Any) -> Any:
    """A dataclass (nested, with tuples, numbers, text and None) as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_record(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, (list, tuple)):
        return [to_record(item) for item in value]
    return value


def from_record(cls: type[T], record: Any, known: Mapping[str, type] = types.MappingProxyType({}), at: str = "") -> T:
    """The dataclass that `record` describes; `known`: classes by name for fields whose type is abstract."""
    if not isinstance(record, dict):
        raise UsageError(f"{at or cls.__name__} must be an object with fields, got {record!r}.")
    name = record.get("type", cls.__name__)
    actual = cls if name == cls.__name__ else lookup(f"type of {at or cls.__name__}", str(name), known)
    if not (issubclass(actual, cls) and dataclasses.is_dataclass(actual)):
        raise UsageError(f"{at or cls.__name__} must be a {cls.__name__}, got {name!r}.")
    hints = typing.get_type_hints(actual)
    fields = {f.name for f in dataclasses.fields(actual)}
    arguments = {}
    for key, value in record.items():
        if key == "type":
            continue
        if key not in fields:
            raise unknown(f"field of {at or name}", key, fields)
        arguments[key] = _coerce(hints[key], value, known, f"{at}.{key}" if at else key)
    try:
        return cast(T, actual(**arguments))
    except TypeError as error:
        raise UsageError(f"{at or name} cannot be made of this record: {error}.") from None


def override(value: T, assignments: Sequence[str]) -> T:
    """A copy of the dataclass `value` with fields replaced, all at once, as in ["model.width=256", "model.heads=8"]."""
    changes = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise UsageError(f"{assignment!r} must read field=value, for example model.width=256.")
        changes.append((path.strip().split("."), text.strip()))
    return cast(T, _replaced(value, changes, ""))


def _replaced(value: Any, changes: Sequence[tuple[list[str], str]], at: str) -> Any:
    """`value`, which stands at the path `at`, with each change (path within it, text) made."""
    fields = {f.name for f in dataclasses.fields(value)}
    new: dict[str, Any] = {}
    inner: dict[str, list[tuple[list[str], str]]] = {}
    for (name, *rest), text in changes:
        full = f"{at}{name}"
        if name not in fields:
            raise unknown(f"setting {full!r}, as {type(value).__name__} has no field", name, fields)
        current = getattr(value, name)
        if rest:
            if not dataclasses.is_dataclass(current):
                raise UsageError(f"{full} has no field {rest[0]!r}: it is a plain value.")
            inner.setdefault(name, []).append((rest, text))
        elif dataclasses.is_dataclass(current):
            there = ", ".join(f"{full}.{f.name}" for f in dataclasses.fields(current))
            raise UsageError(f"{full} is a group of settings: set one of {there}.")
        else:
            new[name] = _parse(typing.get_type_hints(type(value))[name], text, full)
    for name, within in inner.items():
        new[name] = _replaced(getattr(value, name), within, f"{at}{name}.")
    return dataclasses.replace(value, **new)


def _parse(hint: Any, text: str, at: str) -> Any:
    """The value that `text` means for a field of type `hint`."""
    for option in _options(hint):
        if option is type(None) and text.lower() in ("none", "off", ""):
            return None
        if typing.get_origin(option) is tuple:
            inner = typing.get_args(option)[0]
            if text.lower() in ("none", "off"):
                return ()
            if typing.get_origin(inner) is tuple:  # lists in a list: 4,4,4;6,6
                return tuple(_parse(inner, part, at) for part in text.split(";") if part.strip())
            items = [item.strip() for item in text.strip("()[]").split(",") if item.strip()]
            return tuple(_parse(inner, item, at) for item in items)
        if typing.get_origin(option) is typing.Literal and text in typing.get_args(option):
            return text
        if option is bool and text.lower() in ("true", "yes", "on", "1", "false", "no", "off", "0"):
            return text.lower() in ("true", "yes", "on", "1")
        if option in (int, float):
            try:
                return option(text)
            except ValueError:
                continue
        if option is str:
            return text
    raise UsageError(f"{at} must be {_words(hint)}, got {text!r}.")


def _coerce(hint: Any, value: Any, known: Mapping[str, type], at: str) -> Any:
    """`value` from JSON as a field of type `hint`."""
    for option in _options(hint):
        origin = typing.get_origin(option)
        if option is type(None) and value is None:
            return None
        if origin is tuple and isinstance(value, list):
            inner = typing.get_args(option)[0]
            return tuple(_coerce(inner, item, known, at) for item in value)
        if origin is typing.Literal and value in typing.get_args(option):
            return value
        if isinstance(option, type) and option is not type(None) and isinstance(value, dict):
            return from_record(option, value, known, at)
        if option is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            if abs(value) > sys.float_info.max:
                raise UsageError(
                    f"{at} must be a number that a computer can hold, got one of {len(str(value))} digits."
                )
            return float(value)
        if option in (int, str, bool) and type(value) is option:
            return value
    raise UsageError(f"{at} must be {_words(hint)}, got {value!r}.")


def _options(hint: Any) -> list[Any]:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return sorted(typing.get_args(hint), key=lambda option: option is not type(None))
    return [hint]


def _words(hint: Any) -> str:
    said = []
    for option in _options(hint):
        origin = typing.get_origin(option)
        if origin is tuple and typing.get_origin(inner := typing.get_args(option)[0]) is tuple:
            said.append(f"lists as 4,4;6,6, each number {_words(typing.get_args(inner)[0])}")
        elif origin is tuple:
            said.append(f"a comma-separated list, each {_words(typing.get_args(option)[0])}")
        elif origin is typing.Literal:
            said.append("one of " + ", ".join(map(str, typing.get_args(option))))
        elif option is type(None):
            said.append("none")
        else:
            said.append(_WORDS.get(option, getattr(option, "__name__", str(option))))
    return " or ".join(sorted(said, key=lambda word: word == "none"))
