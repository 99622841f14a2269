"""One piece of a page as HTML: what it is, player, piano roll, score, downloads, facts. In: an item. Out: an <article>.

What moves is moved by `page.js`, which finds its way by the class names and data- attributes written here.
"""

import re
from html import escape
from pathlib import Path

from erato.renderers.markup import NAMED, data_uri, facts_list, html_json, html_line, html_text
from erato.renderers.names import one_line, track_labels
from erato.renderers.page_items import PageItem, clock
from erato.renderers.pianoroll import Picture, summary

MOST_TRACKS = 8  # that are named in words
ICONS = {  # what is seen while a button is off, and on
    "play": '<path class="off" d="M6 4.2v15.6L19.5 12z"/><path class="on" d="M6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z"/>',
    "mute": (
        '<path d="M3 9v6h4l5 4.5v-15L7 9z"/><path class="off line" d="M15.5 8.5a5 5 0 0 1 0 7M18 5.5a9 9 0 0 1 0 13"/>'
        '<path class="on line" d="m16 9.5 5 5m0-5-5 5"/>'
    ),
}


def article(item: PageItem, alone: bool = False, key: str = "") -> str:
    """One piece: heading, what it is, player, picture or words, score, downloads, facts.

    alone: on a page that has its name as the title; key: its id, none in a fragment.
    """
    name, level = html_line(item.name), 2 if key else 3
    identity = f' id="{key}"' if key else ""
    about = amount(item)
    if isinstance(item.piece, str):
        body = f'<pre tabindex="0" dir="auto">{html_text(item.piece)}</pre>'
    else:
        body = _player(item) if item.sound else ""
        tracks = track_labels(track for track in item.piece.tracks if len(track.notes))
        if tracks:
            more = f" and {len(tracks) - MOST_TRACKS} more" if len(tracks) > MOST_TRACKS else ""
            about = f"{about}. For {', '.join(tracks[:MOST_TRACKS])}{more}"
    said = "".join(f"<li>{html_line(sentence)}</li>" for sentence in item.said)
    downloads = "".join(_download(file, data, item.name) for file, data in item.files.items()) + _own_downloads(item)
    parts = [
        f'<article class="piece"{identity} aria-label="{name}">',
        "" if alone else f"<h{level}>{name}</h{level}>",
        f'<p class="what">{html_line(about)}.</p>',
        body,
        _roll(item.name, item.roll, about) if item.roll else "",
        _sheets(item) if item.score else "",
        f'<ul class="said">{said}</ul>' if said else "",
        f'<ul class="downloads" aria-label="Downloads">{downloads}</ul>' if downloads else "",
        facts_list(item.facts, "About this piece", level + 1),
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def amount(item: PageItem) -> str:
    """How much there is of a piece, in a few words."""
    if isinstance(item.piece, str):
        return f"{len(item.piece.split()):,} words, {len(item.piece):,} characters"
    return summary(item.piece)


def _player(item: PageItem) -> str:
    """The browser's own player, and controls that the script puts in its place."""
    assert item.sound is not None
    name, total = html_line(item.name), clock(item.length)
    ranges = (
        f'<input type="range" class="seek" min="0" max="{item.length:.2f}" step="any" value="0" '
        f'aria-label="Position in {name}" aria-valuetext="0:00 of {total}">',
        f'<input type="range" class="volume" min="0" max="1" step="0.05" value="1" aria-label="Volume of {name}">',
    )
    return "\n".join(
        [
            f'<div class="player" role="group" aria-label="Player of {name}">',
            f'<audio controls preload="auto" aria-label="{name}" src="{data_uri("audio/mpeg", item.sound)}"></audio>',
            '<div class="controls" hidden>',
            button("play", f"Play {item.name}", ' aria-keyshortcuts="Space"'),
            f'<span class="clock" aria-hidden="true"><span class="now">0:00</span> / {total}</span>{ranges[0]}',
            f'<span class="loudness">{button("mute", f"Mute {item.name}", " aria-keyshortcuts=M")}{ranges[1]}</span>',
            '</div><p class="trouble" role="status" hidden></p></div>',
        ]
    )


def button(kind: str, label: str, more: str = "") -> str:
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true">{ICONS[kind]}</svg>'
    return f'<button type="button" class="{kind}" aria-label="{html_line(label)}"{more}>{icon}</button>'


def _roll(name: str, roll: Picture, about: str) -> str:
    """The piano roll, and on it the place of a playhead: rows as [top, height, [[second, x], ...]], in per cent."""
    wide, tall = 100 / roll.width, 100 / roll.height
    rows = [
        [
            round(row.top * tall, 3),
            round((row.bottom - row.top) * tall, 3),
            [[round(second, 3), round(x * wide, 3)] for second, x in row.points],
        ]
        for row in roll.rows
    ]
    alt = escape(f"Piano roll of {one_line(name)}: {one_line(about)}.")
    label = f"Piano roll of {html_line(name)}, scrolls sideways"
    size = f'width="{roll.width}" height="{roll.height}"'
    return "\n".join(
        [
            f'<div class="picture" tabindex="0" role="group" aria-label="{label}">',
            f'<div class="paper" style="--pixels: {roll.width}px" data-rows="{escape(html_json(rows))}">',
            f'<img src="{data_uri("image/png", roll.png)}" {size} alt="{alt}">',
            '<div class="playhead" hidden></div></div></div>',
        ]
    )


def _sheets(item: PageItem) -> str:
    """The pages of the score as pictures: what stands in them cannot act."""
    name, count = html_line(item.name), len(item.score)
    sheets = ""
    for number, sheet in enumerate(item.score, 1):
        source = data_uri("image/svg+xml", _compact(sheet).encode("utf-8", "replace"))
        caption = f"<figcaption>{number} / {count}</figcaption>" if count > 1 else ""
        sheets += f'<figure><img src="{source}" alt="Score of {name}, page {number} of {count}">{caption}</figure>'
    return (
        f'<div class="sheets" tabindex="0" role="group" aria-label="Score of {name}, scrolls sideways">{sheets}</div>'
    )


def _compact(svg: str) -> str:
    """An SVG without the white space between elements, but for that within text."""
    return re.sub(r"(<text\b.*?</text>)|(?<=>)\s+(?=<)", lambda found: found[1] or "", svg, flags=re.DOTALL)


def _download(name: str, data: bytes, piece: str) -> str:
    suffix = Path(name).suffix.lower()
    shown, kind = NAMED.get(suffix, (suffix or name, "application/octet-stream"))
    link = f'<a href="{data_uri(kind, data)}" download="{html_line(name)}">'
    return f"<li>{link}{html_line(shown)}{_unseen(piece)} <small>{_size(data)}</small></a></li>"


def _own_downloads(item: PageItem) -> str:
    """Links to sound and picture, which the page holds already: the script points them there."""
    links = []
    for kind, suffix, data in (("audio", ".mp3", item.sound), (".paper img", ".png", item.roll and item.roll.png)):
        if data:
            link = f'<a data-from="{kind}" download="{html_line(item.stem + suffix)}">'
            shown = f"{NAMED[suffix][0]}{_unseen(item.name)} <small>{_size(data)}</small>"
            links.append(f"<li hidden>{link}{shown}</a></li>")
    return "".join(links)


def _unseen(piece: str) -> str:
    return f'<span class="unseen"> of {html_line(piece)}, </span>'


def _size(data: bytes) -> str:
    return f"{max(1, round(len(data) / 1024)):,} kB"
