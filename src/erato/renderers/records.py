"""What a picture says of itself: title, facts and how it was made, put into a PNG or an SVG, and read back.

Knows nothing of what is in the picture. The record is JSON in ASCII, its keys in order, so that the bytes are the same
whenever the record is.
"""

import json
import re
from html import escape, unescape
from importlib.metadata import version
from typing import Any

from erato.renderers import png
from erato.renderers.base import About
from erato.renderers.names import one_line

KEYWORD = "erato"  # of the record in a PNG, and the id of the element that holds it in an SVG
_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_ROOT = re.compile(r"<svg\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*(?<!/)>")
_METADATA = re.compile(rf'<metadata id="{KEYWORD}">([^<]*)</metadata>')


def png_with_record(data: bytes, about: About) -> bytes:
    """A PNG with what is said of it: Title, Software, Description and, where there is one, the record."""
    texts = {"Title": one_line(about.title), "Software": _software(), "Description": _facts(about)}
    return png.with_texts(data, {name: text for name, text in (texts | _record(about)).items() if text})


def png_record(data: bytes) -> dict[str, Any] | None:
    """The record in a PNG; None where there is none that can be read."""
    return _read(png.texts(data).get(KEYWORD))


def svg_with_record(text: str, about: About) -> str:
    """An SVG with a title, a description and, where there is one, the record; ValueError for what is no SVG."""
    root = _ROOT.search(text)
    if root is None:
        raise ValueError("this is no SVG")
    parts = [f"<title>{xml_text(one_line(about.title))}</title>"] if about.title else []
    parts.append(f"<desc>{xml_text(' · '.join([*_facts(about).splitlines(), _software()]))}</desc>")
    parts += [f'<metadata id="{name}">{escape(record)}</metadata>' for name, record in _record(about).items()]
    return text[: root.end()] + "\n" + "\n".join(parts) + text[root.end() :]


def svg_record(text: str) -> dict[str, Any] | None:
    """The record in an SVG; None where there is none that can be read."""
    found = _METADATA.search(text)
    return _read(unescape(found[1])) if found else None


def xml_text(text: str) -> str:
    """`text` as it may stand in XML, as text: no markup, and a mark for each character that XML does not hold."""
    return escape(_NO_XML.sub("\ufffd", text))


def _software() -> str:
    return f"Erato {version('erato')}"


def _facts(about: About) -> str:
    """A line for each fact."""
    return "\n".join(f"{one_line(name)}: {one_line(value)}" for name, value in about.facts.items())


def _record(about: About) -> dict[str, str]:
    if not about.record:
        return {}
    return {KEYWORD: json.dumps(about.record, sort_keys=True, ensure_ascii=True, separators=(",", ":"))}


def _read(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
