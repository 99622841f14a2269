"""Values against JSON schemas, and what is wrong with them in a sentence. Knows nothing of HTTP.

JSON is read more strictly than the standard asks: no name twice, only finite numbers, whole numbers that are whole,
no characters that cannot be stored.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from erato.errors import UsageError, unknown
from erato.studio.schemas import COMPONENTS

_SHOWN = 60  # characters of a value that a sentence can hold


def read_json(data: bytes) -> Any:
    """The value that `data` holds; UsageError where it is not JSON that can be used."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"the body must be JSON in UTF-8, but byte {error.start} of it is not.") from None
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise UsageError(f"the body must be JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise UsageError("the body is nested too deeply: no call takes more than a few levels.") from None
    except UsageError:
        raise
    except ValueError:  # more digits than Python reads
        raise UsageError("the body holds a number with too many digits.") from None
    if "\\u" in text:  # only an escape can bring them in
        _storable(value)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"the body holds {_shown(twice)} twice: give each name once.")
    return found


def _refused(word: str) -> NoReturn:
    raise UsageError(f"the body holds {word}, which is no number: leave it out.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise UsageError(f"the body holds the number {text[:_SHOWN]}, which is too large.")
    return value


def storable(text: str) -> bool:
    """Whether it holds no half characters and no NUL."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _storable(value: Any) -> None:
    if isinstance(value, str):
        if not storable(value):
            raise UsageError(f"the body holds a text with a character that cannot be stored: {_shown(value)}.")
    elif isinstance(value, list):
        for part in value:
            _storable(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            _storable(name)
            _storable(part)


def _whole(_: TypeChecker, value: Any) -> bool:
    return type(value) is int


def _items(validator: Any, items: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Rows of whole numbers, of which a score has thousands, a hundred times faster than one validator a number."""
    row = _row(validator, items)
    if row is None or not isinstance(value, list) or not all(_fits(entry, row) for entry in value):
        yield from _usual_items(validator, items, value, schema)


_usual_items: Callable[..., Iterator[ValidationError]] = Draft202012Validator.VALIDATORS["items"]


def _row(validator: Any, items: Any) -> list[tuple[int, int]] | None:
    places = items.get("prefixItems") if isinstance(items, Mapping) else None
    if not places or items.get("items") is not False or items.get("minItems") != len(places):
        return None
    if any(set(place) - {"description"} != {"type", "minimum", "maximum"} for place in places):
        return None
    if any(place["type"] != "integer" for place in places):
        return None
    return [(place["minimum"], place["maximum"]) for place in places]


def _fits(entry: Any, row: list[tuple[int, int]]) -> bool:
    return (
        type(entry) is list
        and len(entry) == len(row)
        and all(type(part) is int and least <= part <= most for part, (least, most) in zip(entry, row, strict=True))
    )


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """The whole of a text: to `$` alone, a line break at the end would be no part of it."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = extend(
    Draft202012Validator,
    validators={"items": _items, "pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _whole),
)


class Check:
    """A schema, ready to be used; it may refer to `#/components/schemas/...`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Validator({**schema, "components": {"schemas": COMPONENTS}})
        self._properties = schema.get("properties", {})

    def __call__(self, value: Any) -> None:
        """Raises UsageError, in a sentence, where `value` is not what the schema allows."""
        error = best_match(self._validator.iter_errors(value))
        if error is not None:
            raise UsageError(sentence(error)) from None

    def of_texts(self, pairs: list[tuple[str, str]]) -> dict[str, Any]:
        """Parameters of an address, given as texts, by name, as what their schemas say; UsageError as above."""
        found: dict[str, Any] = {}
        for name, text in pairs:
            schema = self._properties.get(name)
            if schema is None:
                raise unknown("parameter", name[:_SHOWN], self._properties)
            if not storable(text):
                raise UsageError(f"{name} holds a character that cannot be used: {_shown(text)}.")
            if schema.get("type") == "array":
                found.setdefault(name, []).append(_value(text, schema["items"]))
            elif name in found:
                raise UsageError(f"{name} is given twice: give it once.")
            else:
                found[name] = _value(text, schema)
        self(found)
        return found


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text  # and the schema says what it should have been


def sentence(error: ValidationError) -> str:
    """What is wrong, which value, and what is allowed."""
    where = _where(error)
    got = f", got {_shown(error.instance)}"
    limit = error.validator_value
    match error.validator:
        case "required":
            missing = next(name for name in limit if name not in error.instance)
            return f"{missing} is missing{_within(error)}."
        case "additionalProperties":
            known = error.schema.get("properties", {})
            foreign = next(name for name in error.instance if name not in known)
            return str(unknown(f"name{_within(error)}", foreign[:_SHOWN], known))
        case "type":
            return f"{where} must be {_KINDS.get(str(limit), str(limit))}{got}."
        case "enum":
            return f"{where} must be one of {', '.join(map(str, limit))}{got}."
        case "minimum":
            return f"{where} must be {limit} or more{got}."
        case "exclusiveMinimum":
            return f"{where} must be more than {limit}{got}."
        case "maximum":
            return f"{where} must be {limit} or less{got}."
        case "exclusiveMaximum":
            return f"{where} must be less than {limit}{got}."
        case "minLength":
            return f"{where} must not be empty."
        case "maxLength":
            return f"{where} must have {limit} characters or fewer, got {len(error.instance)}."
        case "minItems":
            return f"{where} must have {limit} or more entries, got {len(error.instance)}."
        case "maxItems" | "items":
            most = limit if error.validator == "maxItems" else len(error.schema.get("prefixItems", ()))
            return f"{where} must have {most} or fewer entries, got {len(error.instance)}."
    allowed = error.schema.get("description")
    if allowed and error.validator == "oneOf":
        return f"{where} must be {allowed}."
    return f"{where} must be {allowed}{got}." if allowed else f"{where} is not what this call takes{got}."


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _where(error: ValidationError) -> str:
    text = ""
    for part in error.absolute_path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")[:200] or "the body"


def _within(error: ValidationError) -> str:
    return f" in {_where(error)}" if error.absolute_path else ""


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=True) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
