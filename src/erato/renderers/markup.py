"""Text and bytes to what may stand in an HTML page. Whatever anyone typed is escaped; knows nothing of pieces."""

import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from unicodedata import category

from erato.renderers.names import one_line

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
NAMED = {  # what people call the files of these suffixes, and their media types
    ".mid": ("MIDI", "audio/midi"),
    ".mxl": ("MusicXML", "application/vnd.recordare.musicxml"),
    ".musicxml": ("MusicXML", "application/vnd.recordare.musicxml+xml"),
    ".mp3": ("Sound (MP3)", "audio/mpeg"),
    ".png": ("Piano roll (PNG)", "image/png"),
    ".svg": ("Score (SVG)", "image/svg+xml"),
    ".txt": ("Text", "text/plain;charset=utf-8"),
    ".csv": ("Table of notes", "text/csv;charset=utf-8"),
}


def html_line(text: str) -> str:
    """`text` on one line of a page, as text: no markup, nothing that acts unseen."""
    return escape(one_line(text))


def html_text(text: str) -> str:
    """`text` with its lines, as text: no markup; a mark for each control character and for half characters."""
    return escape("".join(c if c in "\n\t" or category(c) not in ("Cc", "Cs") else "\ufffd" for c in text))


def html_json(value: Any) -> str:
    """A JSON value as it may stand within <script>: nothing in it ends the element or begins another."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def data_uri(kind: str, data: bytes) -> str:
    """`data` of a media type as an address that holds it."""
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"


def facts_list(facts: Mapping[str, str], heading: str, level: int) -> str:
    """Facts by name under a heading of `level`; nothing where there are none."""
    if not facts:
        return ""
    rows = "".join(f"<div><dt>{html_line(name)}</dt><dd>{html_line(value)}</dd></div>" for name, value in facts.items())
    return f'<section class="facts"><h{level}>{heading}</h{level}><dl>{rows}</dl></section>'


def document(title: str, policy: str, style: str, header: str, main: str, footer: str) -> str:
    """A whole page that may do what `policy` (Content-Security-Policy) says; all parts but the title are HTML."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{html_line(title)}</title>\n<style>\n{style}</style>\n</head>",
            f'<body class="erato">\n<header>\n<h1>{html_line(title)}</h1>\n{header}\n</header>',
            f"<main>\n{main}\n</main>",
            f"<footer>\n{footer}\n</footer>\n</body>\n</html>\n",
        ]
    )


def paragraphs(text: str) -> str:
    """`text` as paragraphs, which stand apart by empty lines."""
    return "\n".join(f"<p>{html_line(part)}</p>" for part in text.split("\n\n") if part.strip())
