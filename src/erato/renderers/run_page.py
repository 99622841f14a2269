"""What a run is and how it learned to one HTML page. In: sections of words, pictures, tables and pieces. Out: a file.

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

_OWN_STYLE = (Path(__file__).parent / "run_page.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Table:
    """Rows under heads; counts: whether they are numbers; folded: whether they are shown only when asked for."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    counts: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page; what is empty is left out.

    key: its id; said: paragraphs, apart by empty lines; picture: SVG, alt: the same in words; text: what is shown as it
    stands when asked for, under `text_name`; items: pieces that are played.
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
    shown = "".join(f"<div><dt>{html_line(n)}</dt><dd>{html_line(v)}</dd></div>" for n, v in numbers.items())
    links = "".join(f'<li><a href="#{one.key}">{html_line(one.title)}</a></li>' for one in sections)
    header = [
        paragraphs(intro),
        f'<div class="numbers"><dl>{shown}</dl></div>' if numbers else "",
        f'<nav class="sections" aria-label="Sections"><ol>{links}</ol></nav>',
    ]
    footer = [facts_list(facts, "How this was made", 2), f"<script>{SCRIPT}</script>"]
    main = "\n".join(map(_section, sections))
    return document(title, POLICY, STYLE + _OWN_STYLE, "\n".join(header), main, "\n".join(footer))


def _section(section: Section) -> str:
    """A card, or a heading above cards of pieces."""
    key, title = section.key, html_line(section.title)
    said = "".join(f'<p class="what">{html_line(one)}</p>' for one in section.said.split("\n\n") if one.strip())
    if section.items:
        pieces = "\n".join(map(article, section.items))
        return f'<h2 class="part" id="{key}">{title}</h2>{said}\n<div class="pieces">\n{pieces}\n</div>'
    parts = [
        f'<article id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>{said}',
        _picture(section) if section.picture else "",
        facts_list(section.facts, "In short", 3),
        *map(_table, section.tables),
        _folded(section.text_name, f'<pre class="code" tabindex="0">{html_text(section.text)}</pre>')
        if section.text
        else "",
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _picture(section: Section) -> str:
    source = data_uri("image/svg+xml", section.picture.encode("utf-8", "replace"))
    label = f"{html_line(section.title)}, a picture that scrolls sideways"
    image = f'<img src="{source}" alt="{html_line(section.alt)}">'
    return f'<div class="picture plate" tabindex="0" role="group" aria-label="{label}">{image}</div>'


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{html_line(head)}</th>' for head in table.heads)
    rows = "".join(f"<tr>{''.join(f'<td>{html_line(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    caption = "" if table.folded else f"<caption>{html_line(table.caption)}</caption>"
    kind = ' class="counts"' if table.counts else ""
    label = f'tabindex="0" role="group" aria-label="{html_line(table.caption)}"'
    shown = (
        f'<div class="scroll" {label}><table{kind}>{caption}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _folded(table.caption, shown) if table.folded else shown


def _folded(name: str, inside: str) -> str:
    return f"<details><summary>{html_line(name)}</summary>{inside}</details>"
