"""Pieces to one HTML page that needs nothing else. In: pieces, what was made of them, facts. Out: a file.

Sound, pictures and downloads lie in the page itself; it asks no other place for anything: the browser is told so, and
lets only the one script of `page.js` run. Whatever anyone typed is escaped. Of how the pieces were made it knows only
what it is handed.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from erato import files
from erato.renderers.base import About, Renderer
from erato.renderers.markup import STYLE, document, facts_list, html_json, html_line, paragraphs
from erato.renderers.names import one_line
from erato.renderers.page_article import amount, article, button
from erato.renderers.page_items import Budget, PageItem, page_items
from erato.score import Piece

SCRIPT = (Path(__file__).parent / "page.js").read_text(encoding="utf-8")
POLICY = (
    f"default-src 'none'; script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'; media-src data:; "
    "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
IN_A_CELL = Budget(seconds=60, pages=0, pieces=8)  # a notebook keeps every fragment in its file
_KEYS = (
    '<p class="keys" hidden>Keys: <kbd>space</kbd> plays and pauses, <kbd>←</kbd> and <kbd>→</kbd> go 5 seconds; in a '
    "piece <kbd>Home</kbd>, <kbd>End</kbd> and <kbd>M</kbd> (mute) work too. A click on the piano roll goes there.</p>"
)


class Page(Renderer):
    suffix = ".html"
    summary = "page that plays the piece, shows its notes and score, says how it was made and holds its files"
    noun = "a page"
    kinds = frozenset({"music", "text"})

    def write(self, piece: Piece, path: Path, about: About) -> None:
        title = about.title or path.stem
        write_page_of(path, title, "", [(title, piece, about)], about.facts)


def write_page_of(
    path: Path,
    title: str,
    intro: str,
    pieces: Sequence[tuple[str, Piece, About]],
    facts: Mapping[str, str],
    budget: Budget = Budget(),  # noqa: B008 (it is frozen)
) -> None:
    """Writes the page that compares `pieces` (name, piece, what to say of it); `facts` are those that all share.

    Makes sound, pictures and files of each within `budget`, and says on the page what was left out. The files of a
    piece alone are called as the page is.
    """
    left_out = len(pieces) - budget.pieces
    if left_out > 0:
        intro += f"\n\nThe first {budget.pieces} of {len(pieces):,} pieces are shown; {left_out:,} are left out."
    items = [
        replace(item, facts={name: value for name, value in item.facts.items() if facts.get(name) != value})
        for item in page_items(pieces, budget, one_line(path.stem) if len(pieces) == 1 else "")
    ]
    write_page(path, title, intro, items, facts)


def write_page(path: Path, title: str, intro: str, items: Sequence[PageItem], facts: Mapping[str, str]) -> None:
    """Writes the page of `items` to `path`, atomically; `facts` are those that all share."""
    files.write_text(path, page(title, intro, items, facts))


def page(title: str, intro: str, items: Sequence[PageItem], facts: Mapping[str, str]) -> str:
    """The page as HTML; where a single piece has the page's title, the title stands once.

    intro: paragraphs, apart by empty lines.
    """
    alone = len(items) == 1 and items[0].name == title
    header = paragraphs(intro) + (_overview(items) if len(items) > 1 else "")
    main = "\n".join(article(item, alone, f"piece-{number}") for number, item in enumerate(items, 1))
    made = facts_list(facts, "How this was made", 2)
    footer = "\n".join([made, _KEYS, _record(items), f"<script>{SCRIPT}</script>"])
    return document(title, POLICY, STYLE, header, main, footer)


def fragment(items: Sequence[PageItem], facts: Mapping[str, str] | None = None) -> str:
    """`items` as HTML that stands within a page of somebody else, such as a notebook: with style and script, no ids."""
    articles = "\n".join(article(item) for item in items)
    shared = facts_list(facts or {}, "How this was made", 4)
    # Notebooks have keys of their own, which they would take before the player gets them.
    return (
        f'<div class="erato fragment" data-lm-suppress-shortcuts="true">\n<style>\n{STYLE}</style>\n'
        f"{articles}\n{shared}\n<script>{SCRIPT}</script>\n</div>"
    )


def fragment_of(pieces: Sequence[tuple[str, Piece, About]], facts: Mapping[str, str] | None = None) -> str:
    """`pieces` (name, piece, what to say of it) as a fragment, with a minute of sound for all together."""
    return fragment(page_items(pieces, IN_A_CELL), facts)


def page_record(text: str) -> dict[str, Any] | None:
    """How the piece of a page was made, as the page holds it for programs; None where it holds nothing.

    Of several pieces: {"pieces": [a record each]}.
    """
    found = re.search(r'<script type="application/json" id="erato-record">(.*?)</script>', text, re.DOTALL)
    try:
        record = json.loads(found[1]) if found else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _record(items: Sequence[PageItem]) -> str:
    if not any(item.record for item in items):
        return ""
    records = [dict(item.record) for item in items]
    value = records[0] if len(records) == 1 else {"pieces": records}
    return f'<script type="application/json" id="erato-record">{html_json(value)}</script>'


def _overview(items: Sequence[PageItem]) -> str:
    """Every piece in a line: play it, go to it, how much there is of it."""
    lines = []
    for number, item in enumerate(items, 1):
        play = button("play", f"Play {item.name}", f' data-play="piece-{number}" hidden') if item.sound else ""
        link = f'<a href="#piece-{number}">{html_line(item.name)}</a>'
        lines.append(f"<li>{play}<span>{link} <small>{html_line(amount(item))}</small></span></li>")
    return f'<nav aria-label="Pieces"><ol>{"".join(lines)}</ol></nav>'
