"""ABC to tunes that make sense: text in, one text a tune out. Knows nothing of music21.

Numbers that no tune has are taken away and counted in `lost`; what is left is as it was. (The abc music standard 2.1.)
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from erato.errors import ReadError
from erato.reading.base import looks_like
from erato.reading.opening import one_line

MOST_TUNES = 20_000
MOST_TUNE = 40_000  # characters; a long one has two thousand
MOST_VOICES = 64
MOST_TITLE = 200  # characters
MOST_SYMBOL = 16
MOST_LINE = 10_000  # characters
NUMBERS = "numbers that make no sense"

_TUNE = re.compile(r"^X:", re.MULTILINE)
_FIELD = re.compile(r"[A-Za-z]:")
_METER = re.compile(r"(none|C\|?|\(?\d{1,2}(\s*\+\s*\d{1,2}){0,9}\)?\s*/\s*(1|2|4|8|16|32|64|128))\s*")
_LAST_METER = re.compile(r"[1-9]\d?/(1|2|4|8|16|32|64)\s*$")
_UNIT = re.compile(r"\s*1\s*/\s*(1|2|4|8|16|32|64|128|256|512)\s*|\s*1\s*")
_NOTHING = re.compile(r"(?<![\d+])0*[+\s]*/|\b0+\s*[+/]")
_KEY = re.compile(r"\s*([A-Ga-g][#b]?\s*([A-Za-z]*)?|H[Pp]|none)?\s*(\s.*|[_^=].*)?")
_INLINE = re.compile(r"\[([MLQK]):([^\]\[]*)\]")
_TOO_MUCH = (  # what is too much, and what is left of it
    (re.compile(r"(?<!\d)(\d{0,3}[1-9]\d{4,}|\d{5,})"), ""),
    (re.compile(r"(?<=[A-Ga-gxzXZ,'\]])([2-9]\d\d|\d{4,})(?!\d)"), ""),
    (re.compile(r"/0+(?!\d)"), ""),
    (re.compile(r"(?<=[A-Ga-gzxZX,'])0+(?!\d)"), ""),
    (re.compile(r"/{9,}"), "/"),
    (re.compile(r"([<>])\1{3,}"), r"\1"),
    (re.compile(r"([,'])\1{9,}"), r"\1\1\1\1\1\1\1\1\1"),
    (re.compile(r"([\^_])\1{2,}"), r"\1\1"),
    (re.compile(r"\((?:0|1|\d{2,})(?::\d*){0,2}(?=[^\d:])"), ""),
    (re.compile(r"(\(\d)(?::0+(?!\d)(?::\d*)?|:\d{3,}(?::\d*)?|:\d*:(?:0+(?!\d)|\d{3,}))"), r"\1"),
)


@dataclass(frozen=True)
class Tune:
    """A tune as it can be read, and what it is called: "12 The Title"."""

    text: str
    title: str


def tunes(text: str, data: bytes, name: str, lost: Counter[str]) -> Iterator[Tune]:
    """The tunes of a collection, each with what the head of the file says of all."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text or not re.search(r"^K:", text, re.MULTILINE):
        raise ReadError("not-music", f"{name} is {looks_like(data)}, not ABC: it has no K: line.")
    starts = [match.start() for match in _TUNE.finditer(text)] or [0]
    if len(starts) > MOST_TUNES:
        raise ReadError("too-large", f"{name} has {len(starts):,} tunes; at most {MOST_TUNES:,} are read.")
    head = "".join(line for line in text[: starts[0]].splitlines(keepends=True) if re.match(r"[LMQR]:", line))
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        tune = text[start:stop]
        if len(tune) > MOST_TUNE:
            if len(starts) == 1:
                raise ReadError(
                    "too-large", f"{name} is a tune of {len(tune):,} characters; at most {MOST_TUNE:,} are read."
                )
            lost["tunes that are too long"] += 1
            continue
        number, _, rest = tune.partition("\n")
        if not _TUNE.match(number):
            number, rest = "X:1", tune
        yield Tune(mended(f"{number[:40]}\n{head}{rest}", name, lost), _title(tune) if len(starts) > 1 else "")


def _title(tune: str) -> str:
    fields = (re.search(rf"^{letter}:\s*(.*?)\s*(?:%.*)?$", tune[:MOST_LINE], re.MULTILINE) for letter in "XT")
    return one_line(" ".join(found.group(1)[:200] for found in fields if found and found.group(1)), MOST_TITLE)


def mended(tune: str, name: str, lost: Counter[str]) -> str:
    """The tune without the fields and numbers that no tune has."""
    voices: set[str] = set()
    lines = []
    for line in tune.split("\n"):
        if len(line) > MOST_LINE:
            lost["lines that are too long"] += 1
            line = line[: line.rfind("|", 0, MOST_LINE) + 1 or MOST_LINE]
        letter, value = line[:1], line[2:].partition("%")[0]
        if not _FIELD.match(line):
            lines.append(_body(line, lost) if letter != "%" else "%")  # an empty line would end the tune
            continue
        if letter in "mUIHNBSFZDAOrsG" or (letter == "w" and len(line) > 2000):
            continue  # nothing of these sounds; lyrics of this length are none
        if letter == "V":
            voices.add(value.split()[0] if value.split() else "")
            if len(voices) > MOST_VOICES:
                raise ReadError("too-large", f"{name} has a tune of more than {MOST_VOICES} voices.")
        elif letter in _FIELDS and not _FIELDS[letter](value):
            lost[f"{letter}: fields that make no sense"] += 1
            if letter == "M" and (last := _LAST_METER.search(value)):
                line = f"M:{last.group()}"
            elif letter == "K":
                line = "K:C"
            else:
                continue
        lines.append(line)
    if not any(line.startswith(("L:", "M:")) for line in lines):
        lines.insert(1, "L:1/8")  # what the standard says where a tune says nothing
    return "\n".join(lines)


def _body(line: str, lost: Counter[str]) -> str:
    """A line of music; what stands in quotes is a chord symbol or words."""
    parts = line.split('"')
    for index, part in enumerate(parts):
        if index % 2:
            if (len(part) > MOST_SYMBOL or " " in part) and part[:1] not in tuple("^_<>@"):
                lost["chord symbols that make no sense"] += 1
                parts[index] = ""
            continue
        for pattern, instead in _TOO_MUCH:
            part, count = pattern.subn(instead, part)
            lost[NUMBERS] += count
        parts[index] = _INLINE.sub(lambda found: _inline(found, lost), part)
    return '"'.join(parts).replace('""', "")


def _inline(found: re.Match[str], lost: Counter[str]) -> str:
    letter, value = found.groups()
    if letter in _FIELDS and not _FIELDS[letter](value):
        lost[f"{letter}: fields that make no sense"] += 1
        return ""
    return found.group()


def _meter(value: str) -> bool:
    value = value.strip()
    return bool(_METER.fullmatch(value)) and not re.match(r"\(?0+\D", value)


def _tempo(value: str) -> bool:
    """Whether the quarters a minute that it says are some; words alone are."""
    plain = re.sub(r'"[^"]*"', " ", value)
    numbers = [int(digits[:9]) for digits in re.findall(r"\d+", plain, re.ASCII)]
    if not numbers:
        return '"' in value and len(value) < 200
    return len(numbers) <= 9 and 1 <= min(numbers) <= max(numbers) <= 1000 and not re.search(r"[eE.]\s*\+?\d", plain)


_FIELDS: dict[str, Callable[[str], bool]] = {
    "M": _meter,
    "L": lambda value: bool(_UNIT.fullmatch(value)),
    "Q": _tempo,
    "K": lambda value: bool(_KEY.fullmatch(value)) and len(value) < 200,
}
