"""Pieces to one HTML page that needs nothing else. In: pieces, their pictures and files, facts. Out: a file.

Pictures and downloads lie in the page itself; it asks no other place for anything: the browser is told so.
Whatever anyone typed is escaped. Of how the pieces were made it knows only the facts it is handed.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from unicodedata import category

from erato import files
from erato.renderers.base import About, Renderer
from erato.renderers.midi import midi_bytes
from erato.renderers.names import one_line, track_labels
from erato.renderers.pianoroll import piano_roll, summary
from erato.score import Piece

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
TYPES = {
    ".mid": ("MIDI", "audio/midi"),
    ".png": ("Picture", "image/png"),
    ".txt": ("Text", "text/plain;charset=utf-8"),
    ".csv": ("Table of notes", "text/csv;charset=utf-8"),
}
STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class PageItem:
    """One piece on a page: its name, facts, picture (PNG) and the files to download, by name."""

    name: str
    piece: Piece
    facts: Mapping[str, str] = field(default_factory=dict)
    picture: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


class Page(Renderer):
    suffix = ".html"
    summary = "page that shows the piece, says how it was made and holds its files"
    noun = "a page"
    kinds = frozenset({"music", "text"})

    def write(self, piece: Piece, path: Path, about: About) -> None:
        name, stem = about.title or path.stem, path.stem
        if isinstance(piece, str):
            item = PageItem(name, piece, {}, None, {f"{stem}.txt": piece.encode("utf-8", "replace")})
        else:
            picture = piano_roll(piece)
            item = PageItem(name, piece, {}, picture, {f"{stem}.mid": midi_bytes(piece, about), f"{stem}.png": picture})
        write_page(path, name, "", [item], about.facts)


def write_page(path: Path, title: str, intro: str, items: Sequence[PageItem], facts: Mapping[str, str]) -> None:
    """Writes the page of `items` to `path`, atomically; `facts` are those that all share."""
    files.write_text(path, page(title, intro, items, facts))


def page(title: str, intro: str, items: Sequence[PageItem], facts: Mapping[str, str]) -> str:
    """The page as HTML; where a single piece has the page's title, the title stands once."""
    alone = len(items) == 1 and items[0].name == title
    several = len(items) > 1
    links = "".join(f'<li><a href="#piece-{i}">{html_line(item.name)}</a></li>' for i, item in enumerate(items, 1))
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{html_line(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>",
            f"<h1>{html_line(title)}</h1>",
            *(f"<p>{html_line(paragraph)}</p>" for paragraph in intro.split("\n\n") if paragraph.strip()),
            f'<nav aria-label="Pieces"><ol>{links}</ol></nav>' if several else "",
            "</header>\n<main>",
            *(_article(number, item, alone) for number, item in enumerate(items, 1)),
            "</main>\n<footer>",
            _facts(facts, "How this was made", 2),
            "</footer>\n</body>\n</html>\n",
        ]
    )


def _article(number: int, item: PageItem, alone: bool) -> str:
    """One piece: heading, what it is, picture or words, downloads, facts."""
    heading = "" if alone else f'<h2 id="name-{number}">{html_line(item.name)}</h2>'
    label = f'aria-label="{html_line(item.name)}"' if alone else f'aria-labelledby="name-{number}"'
    if isinstance(item.piece, str):
        about = f"{len(item.piece.split()):,} words, {len(item.piece):,} characters"
        body = f'<pre tabindex="0" dir="auto">{html_text(item.piece)}</pre>'
    else:
        about, body = summary(item.piece), ""
        tracks = track_labels(track for track in item.piece.tracks if len(track.notes))
        if tracks:
            voices = ", ".join(tracks[:8]) + (f" and {len(tracks) - 8} more" if len(tracks) > 8 else "")
            about = f"{about}. For {voices}"
    if item.picture is not None:
        width, height = (int.from_bytes(item.picture[at : at + 4], "big") for at in (16, 20))
        alt = f"Piano roll of {one_line(item.name)}: {one_line(about)}."
        source = f'src="{_data("image/png", item.picture)}" width="{width}" height="{height}"'
        image = f'<img {source} alt="{escape(alt)}">'
        scroll = f'role="group" aria-label="Picture of {html_line(item.name)}, scrolls sideways"'
        body = f'<div class="picture" tabindex="0" {scroll}>{image}</div>{body}'
    downloads = "".join(_download(name, data, item.name) for name, data in item.files.items())
    return "\n".join(
        [
            f'<article id="piece-{number}" {label}>{heading}<p class="what">{html_line(about)}.</p>',
            body,
            f'<ul class="downloads" aria-label="Downloads">{downloads}</ul>' if downloads else "",
            _facts(item.facts, "About this piece", 3),
            "</article>",
        ]
    )


def _download(name: str, data: bytes, piece: str) -> str:
    shown, kind = TYPES.get(Path(name).suffix.lower(), (Path(name).suffix or name, "application/octet-stream"))
    size = f"{max(1, round(len(data) / 1024)):,} kB"
    hidden = f'<span class="unseen"> of {html_line(piece)}, </span>'
    link = f'<a href="{_data(kind, data)}" download="{html_line(name)}">'
    return f"<li>{link}{html_line(shown)}{hidden} <small>{size}</small></a></li>"


def _facts(facts: Mapping[str, str], heading: str, level: int) -> str:
    if not facts:
        return ""
    rows = "".join(f"<div><dt>{html_line(name)}</dt><dd>{html_line(value)}</dd></div>" for name, value in facts.items())
    return f'<section class="facts"><h{level}>{heading}</h{level}><dl>{rows}</dl></section>'


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"


def html_line(text: str) -> str:
    """`text` on one line of a page, as text: no markup, nothing that acts unseen."""
    return escape(one_line(text))


def html_text(text: str) -> str:
    """`text` with its lines, as text: no markup; a mark for each control character and for half characters."""
    return escape("".join(c if c in "\n\t" or category(c) not in ("Cc", "Cs") else "\ufffd" for c in text))
