"""What a run is and how it learned to HTML. In: sections of words, pictures, tables and pieces. Out: a page, or a card.

It looks as the page of pieces does, plays as that one does, and asks no other place for anything. Pictures are SVGs, on
white cards. Whatever anyone typed is escaped. Knows nothing of runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from erato import files
from erato.renderers.markup import STYLE, data_uri, document, facts_list, html_line, html_text, paragraphs
from erato.renderers.page import POLICY, SCRIPT
from erato.renderers.page_article import article
from erato.renderers.page_items import PageItem

LONG = 40  # characters of a cell that wants room
_OWN_STYLE = (Path(__file__).parent / "run_page.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Table:
    """Rows under heads; counts: whether they are numbers; folded: whether they are shown only when asked for.

    Where the first head is empty, the rows begin with their names.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    counts: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page; what is empty is left out.

    key: its id; said: paragraphs, apart by empty lines; picture: SVG, alt: the same in words; text: what is shown as it
    stands when asked for, under `text_name`; picture_name: under which the picture is shown, only when asked for;
    items: pieces that are played. A card has neither ids nor items.
    """

    key: str
    title: str
    said: str = ""
    picture: str = ""
    alt: str = ""
    tables: Sequence[Table] = ()
    text: str = ""
    text_name: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    items: Sequence[PageItem] = ()
    picture_name: str = ""


def write_run_page(
    path: Path,
    title: str,
    intro: str,
    numbers: Mapping[str, str],
    sections: Sequence[Section],
    facts: Mapping[str, str],
) -> None:
    """Writes the page to `path`, atomically; numbers: what to see first, by name."""
    files.write_text(path, run_page(title, intro, numbers, sections, facts))


def run_page(
    title: str, intro: str, numbers: Mapping[str, str], sections: Sequence[Section], facts: Mapping[str, str]
) -> str:
    """The page as HTML."""
    links = "".join(f'<li><a href="#{one.key}">{html_line(one.title)}</a></li>' for one in sections)
    header = [
        paragraphs(intro),
        _numbers(numbers),
        f'<nav class="sections" aria-label="Sections"><ol>{links}</ol></nav>',
    ]
    footer = [facts_list(facts, "How this was made", 2), f"<script>{SCRIPT}</script>"]
    main = "\n".join(map(_section, sections))
    return document(title, POLICY, STYLE + _OWN_STYLE, "\n".join(header), main, "\n".join(footer))


def card(
    title: str,
    intro: str,
    numbers: Mapping[str, str] | None = None,
    sections: Sequence[Section] = (),
    facts: Mapping[str, str] | None = None,
) -> str:
    """The same as one card that stands within a page of somebody else, such as a notebook: with style, no ids."""
    inside = [f"<section>{_inside(section, 4)}</section>" for section in sections]
    parts = [
        f'<div class="erato fragment">\n<style>\n{STYLE}{_OWN_STYLE}</style>',
        f'<article aria-label="{html_line(title)}"><h3>{html_line(title)}</h3>{_said(intro)}',
        _numbers(numbers or {}),
        *inside,
        facts_list(facts or {}, "How this was made", 4),
        "</article>\n</div>",
    ]
    return "\n".join(part for part in parts if part)


def _numbers(numbers: Mapping[str, str]) -> str:
    shown = "".join(f"<div><dt>{html_line(n)}</dt><dd>{html_line(v)}</dd></div>" for n, v in numbers.items())
    return f'<div class="numbers"><dl>{shown}</dl></div>' if numbers else ""


def _section(section: Section) -> str:
    """A card, or a heading above cards of pieces."""
    key = section.key
    if section.items:
        title, said = html_line(section.title), _said(section.said)
        pieces = "\n".join(map(article, section.items))
        return f'<h2 class="part" id="{key}">{title}</h2>{said}\n<div class="pieces">\n{pieces}\n</div>'
    return f'<article id="{key}" aria-labelledby="{key}-title">{_inside(section, 2, f"{key}-title")}\n</article>'


def _inside(section: Section, level: int, key: str = "") -> str:
    """A section that is no pieces, under a heading of `level` with the id `key`."""
    identity = f' id="{key}"' if key else ""
    heading = f"<h{level}{identity}>{html_line(section.title)}</h{level}>" if section.title else ""
    parts = [
        heading + _said(section.said),
        _picture(section) if section.picture else "",
        facts_list(section.facts, "In short", level + 1),
        *map(_table, section.tables),
        _folded(section.text_name, f'<pre class="code" tabindex="0">{html_text(section.text)}</pre>')
        if section.text
        else "",
    ]
    return "\n".join(part for part in parts if part)


def _said(text: str) -> str:
    return "".join(f'<p class="what">{html_line(one)}</p>' for one in text.split("\n\n") if one.strip())


def _picture(section: Section) -> str:
    source = data_uri("image/svg+xml", section.picture.encode("utf-8", "replace"))
    label = f"{html_line(section.title)}, a picture that scrolls sideways"
    image = f'<img src="{source}" alt="{html_line(section.alt)}">'
    shown = f'<div class="picture plate" tabindex="0" role="group" aria-label="{label}">{image}</div>'
    return _folded(section.picture_name, shown) if section.picture_name else shown


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{html_line(head)}</th>' for head in table.heads)
    rows = "".join(f"<tr>{''.join(map(_cell, row, [not head for head in table.heads]))}</tr>" for row in table.rows)
    caption = "" if table.folded else f"<caption>{html_line(table.caption)}</caption>"
    kind = ' class="counts"' if table.counts else ""
    label = f'tabindex="0" role="group" aria-label="{html_line(table.caption)}"'
    shown = (
        f'<div class="scroll" {label}><table{kind}>{caption}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _folded(table.caption, shown) if table.folded else shown


def _cell(text: str, names_row: bool) -> str:
    if names_row:
        return f'<th scope="row">{html_line(text)}</th>'
    long = ' class="long"' if len(text) > LONG else ""
    return f"<td{long}>{html_line(text)}</td>"


def _folded(name: str, inside: str) -> str:
    return f"<details><summary>{html_line(name)}</summary>{inside}</details>"
