"""Pieces composed in several ways to one HTML page, and the trees of what was considered to SVG.

In: cards (what each way is called, its numbers, its piece) and trees of symbols with their probabilities. Out: files
that need nothing else. Knows nothing of runs, models or how anything was composed; the page has the look of
`erato.renderers.page`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import category, east_asian_width

from erato import files
from erato.renderers.markup import STYLE, data_uri, document, facts_list, html_line, html_text, paragraphs

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_OWN_STYLE = """.erato .numbers { margin: 0 0 1.25rem; }
.erato .numbers dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.35rem 1.5rem; }
.erato .numbers dl { margin: 0; }
.erato .numbers dd { text-align: left; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.erato .numbers dt { max-width: none; font-size: 0.85rem; }
.erato .prompt { color: var(--soft); border-bottom: 2px dotted var(--line); }
.erato .tree { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; padding: 0.75rem; }
.erato .tree svg { display: block; }
.erato .refused { font-style: italic; }
"""
_TREE_STYLE = """.t-box { fill: var(--card); stroke: var(--soft); stroke-width: 1.5; }
.t-line { fill: none; stroke: var(--soft); stroke-width: 1.5; }
.t-chosen .t-box { stroke: var(--accent); stroke-width: 3.5; }
.t-line.t-chosen { stroke: var(--accent); stroke-width: 3.5; }
.t-dropped .t-box { stroke-dasharray: 4 3; stroke-width: 1; stroke: var(--soft); stroke-opacity: 0.7; }
.t-line.t-dropped { stroke-dasharray: 4 3; stroke-width: 1; stroke-opacity: 0.6; }
.t-name { fill: var(--ink); font: 600 14px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
.t-number { fill: var(--soft); font: 11px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
.t-dropped .t-name { fill: var(--soft); font-weight: 400; }
.t-head { fill: var(--ink); font: 600 15px system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
"""
_COLORS = """:root { color-scheme: light dark; --card: #ffffff; --ink: #1d1d1f; --soft: #5f5f68; --accent: #00568a; }
@media (prefers-color-scheme: dark) {
  :root { --card: #1e1e21; --ink: #ececef; --soft: #a6a6b0; --accent: #7cc4f0; }
}
"""
LEGEND = "Thick: the way taken. Thin: kept for the next step. Dashed: given up."
_SEEN = str.maketrans({"\n": "↵", "\t": "⇥"})
_LONGEST = 18  # characters of a name in a tree
_HEIGHT, _ROW, _GAP, _EDGE, _TOP = 42, 52, 46, 8, 56  # of a box, a row, between columns, around, above: pixels


@dataclass(frozen=True)
class Node:
    """One symbol that was considered: its name and probability; parent: its place among the nodes one level before.

    total: the log-probability of all up to and with it, where that decides; kept: it is gone on from; chosen: it is on
    the way that was taken in the end. A parent of level 0 is the root, whatever its number.
    """

    name: str
    probability: float
    parent: int = 0
    kept: bool = False
    chosen: bool = False
    total: float | None = None


@dataclass(frozen=True)
class Tree:
    """What was considered step by step after `root` (what stood there before); key: short, for names of files."""

    key: str
    title: str
    root: str
    levels: Sequence[Sequence[Node]]
    text: str = ""


@dataclass(frozen=True)
class Card:
    """One way of composing: its name, a sentence on it, numbers by name, and what it made.

    prompt, text: what a text begins with, and what was added; picture: PNG of music; links: names of files that lie
    beside the page. refused: why there is nothing.
    """

    name: str
    meaning: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    text: str | None = None
    picture: bytes | None = None
    links: Sequence[str] = ()
    refused: str = ""


def write_comparison(
    path: Path, title: str, intro: str, cards: Sequence[Card], trees: Sequence[Tree], facts: Mapping[str, str]
) -> None:
    """Writes the page to `path`, atomically; facts: those that all share."""
    files.write_text(path, comparison_page(title, intro, cards, trees, facts))


def write_tree(path: Path, tree: Tree) -> None:
    """Writes a tree as a picture of its own, atomically."""
    files.write_text(path, tree_svg(tree, alone=True))


def comparison_page(
    title: str, intro: str, cards: Sequence[Card], trees: Sequence[Tree], facts: Mapping[str, str]
) -> str:
    """The page as HTML: intro (paragraphs apart by empty lines), a card a way, the trees, the facts."""
    links = [f'<li><a href="#way-{i}">{html_line(card.name)}</a></li>' for i, card in enumerate(cards, 1)]
    links += [f'<li><a href="#tree-{html_line(tree.key)}">{html_line(tree.title)}</a></li>' for tree in trees]
    nav = f'<nav aria-label="Ways of composing"><ol>{"".join(links)}</ol></nav>'
    main = [*(_card(number, card) for number, card in enumerate(cards, 1)), *(_tree(tree) for tree in trees)]
    style, footer = STYLE + _OWN_STYLE + _TREE_STYLE, facts_list(facts, "How this was made", 2)
    return document(title, _POLICY, style, f"{paragraphs(intro)}\n{nav}", "\n".join(main), footer)


def _card(number: int, card: Card) -> str:
    numbers = "".join(f"<div><dt>{html_line(n)}</dt><dd>{html_line(v)}</dd></div>" for n, v in card.numbers.items())
    parts = [
        f'<article id="way-{number}" aria-labelledby="way-name-{number}">',
        f'<h2 id="way-name-{number}">{html_line(card.name)}</h2><p class="what">{html_line(card.meaning)}</p>',
    ]
    if card.refused:
        parts.append(f'<p class="refused">{html_line(card.refused)}</p>')
    if numbers:
        parts.append(f'<div class="numbers"><dl>{numbers}</dl></div>')
    if card.text is not None:
        before = f'<span class="prompt">{html_text(card.prompt)}</span>' if card.prompt else ""
        # Each line finds its own direction; a break right after <pre> would be lost, so that there is always a tag.
        parts.append(f'<pre tabindex="0" dir="auto">{before}<span>{html_text(card.text)}</span></pre>')
    if card.picture is not None:
        width, height = (int.from_bytes(card.picture[at : at + 4], "big") for at in (16, 20))
        source = data_uri("image/png", card.picture)
        image = f'<img src="{source}" width="{width}" height="{height}" alt="Piano roll of {html_line(card.name)}">'
        label = f'role="group" aria-label="Picture of {html_line(card.name)}, scrolls sideways"'
        parts.append(f'<div class="picture" tabindex="0" {label}>{image}</div>')
    if card.links:
        links = "".join(f'<li><a href="{html_line(name)}">{html_line(name)}</a></li>' for name in card.links)
        parts.append(f'<ul class="downloads" aria-label="Files">{links}</ul>')
    return "\n".join([*parts, "</article>"])


def _tree(tree: Tree) -> str:
    key, title = html_line(tree.key), html_line(tree.title)
    return "\n".join(
        [
            f'<article id="tree-{key}" aria-labelledby="tree-name-{key}"><h2 id="tree-name-{key}">{title}</h2>',
            f'<p class="what">{html_line(tree.text)} {LEGEND}</p>',
            f'<div class="tree" tabindex="0" role="group" aria-label="{title}, scrolls sideways">',
            tree_svg(tree),
            "</div></article>",
        ]
    )


def tree_svg(tree: Tree, alone: bool = False) -> str:
    """The tree as SVG, a column a step from left to right; alone: with title, legend and colours of its own."""
    levels = [[Node(tree.root, 1.0, kept=True, chosen=True)], *tree.levels]
    tall = max(map(len, levels)) * _ROW
    top = _TOP if alone else 0
    widths = [max(_box_width(node, root=not step) for node in level) for step, level in enumerate(levels)]
    lefts = [_EDGE + sum(widths[:step]) + step * _GAP for step in range(len(levels))]
    centres: list[list[float]] = []  # of each node, downwards
    for step, level in enumerate(levels):
        order = sorted(range(len(level)), key=lambda n: (centres[-1][_parent(step, level[n])] if step else 0.0, n))
        first = top + _EDGE + (tall - len(level) * _ROW) / 2 + _ROW / 2
        centres.append([first + _ROW * order.index(n) for n in range(len(level))])
    lines, boxes = [], []
    for step, level in enumerate(levels):
        for place in sorted(range(len(level)), key=lambda n: level[n].chosen):  # what was chosen lies on top
            node, left, y = level[place], lefts[step], centres[step][place]
            kind = "t-chosen" if node.chosen else "t-kept" if node.kept else "t-dropped"
            if step:
                start, end = lefts[step - 1] + widths[step - 1], centres[step - 1][_parent(step, node)]
                bend = start + _GAP / 2
                curve = f"M{start:g} {end:g}C{bend:g} {end:g} {bend:g} {y:g} {left:g} {y:g}"
                lines.append(f'<path class="t-line {kind}" d="{curve}"/>')
            boxes.append(_box(node, kind, left, y, widths[step], root=not step))
    width, height = lefts[-1] + widths[-1] + _EDGE, top + tall + 2 * _EDGE
    head = style = ""
    if alone:
        width = max(width, 2 * _EDGE + 8 * max(len(tree.title), len(LEGEND)))
        style = f"<style>{_COLORS}{_TREE_STYLE}</style>"
        head = (
            f'<rect width="{width:g}" height="{height:g}" style="fill: var(--card)"/>'
            f'<text class="t-head" x="{_EDGE}" y="22">{html_line(tree.title)}</text>'
            f'<text class="t-number" x="{_EDGE}" y="42">{LEGEND}</text>'
        )
    said = f'role="img" aria-label="{html_line(tree.title)}"'
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    inside = "\n".join([head, *lines, *boxes])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {said}>{style}{inside}</svg>'


def _parent(step: int, node: Node) -> int:
    return node.parent if step > 1 else 0


def _box(node: Node, kind: str, left: float, y: float, width: float, root: bool) -> str:
    name, number = _short(node.name), "" if root else _number(node)
    said = "" if root else f"<title>{html_line(visible(node.name))}: {html_line(number)}</title>"
    middle = f'text-anchor="middle" x="{left + width / 2:g}"'
    rect = f'<rect class="t-box" x="{left:g}" y="{y - _HEIGHT / 2:g}" width="{width:g}" height="{_HEIGHT}" rx="7"/>'
    text = f'<text class="t-name" {middle} y="{y + (5 if root else -1):g}">{html_line(name)}</text>'
    below = f'<text class="t-number" {middle} y="{y + 14:g}">{html_line(number)}</text>' if number else ""
    return f'<g class="{kind}">{said}{rect}{text}{below}</g>'


def _number(node: Node) -> str:
    """The probability of a node and, where it decides, the sum of the logarithms up to it."""
    share = f"{node.probability:.2f}" if node.probability >= 0.005 else "<0.01"
    return share if node.total is None else f"{share} · sum {node.total:.2f}".replace("-", "−")


def _box_width(node: Node, root: bool) -> float:
    name = sum(map(_width, _short(node.name)))
    return round(max(name, 0 if root else 6.2 * len(_number(node)), 30) + 20)


def _width(character: str) -> float:
    """Of a character of a name, in pixels; a little more than the usual fonts take, as it may be any."""
    if east_asian_width(character) in "WF" or character in "WMwm@%":
        return 15.5
    return 9.5 if character.isascii() and not character.isupper() else 12


def _short(name: str) -> str:
    seen = visible(name)
    return seen if len(seen) <= _LONGEST else f"{seen[: _LONGEST - 1]}…"


def visible(name: str) -> str:
    """The name of a symbol so that nothing of it is unseen: "␣" for a space at its ends, "↵", "⇥", "·" for others."""
    inner = name.strip(" ")
    before = len(name) - len(name.lstrip(" ")) if inner else len(name)
    after = len(name) - len(name.rstrip(" ")) if inner else 0
    shown = "".join("·" if category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in inner.translate(_SEEN))
    return "␣" * before + shown + "␣" * after
