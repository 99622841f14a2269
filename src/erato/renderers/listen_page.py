"""Pieces in pairs to one HTML page for a blind listening test. In: scores or texts under opaque ids, pairs. Out: HTML.

Nothing on the page tells where a piece comes from, and nothing here knows: all sounds are equally long, equally loud,
encoded alike and carry no tags, and pieces stand in the order of their ids. Votes stay in the browser until the
listener saves them as a file; the page asks no other place for anything. What moves is moved by `listen_page.js`.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from erato.renderers.encoding import encoded
from erato.renderers.loudness import Samples, factor
from erato.renderers.markup import STYLE, document, html_json, html_line, html_text, paragraphs
from erato.renderers.page_article import button
from erato.renderers.page_items import clock
from erato.renderers.page_sound import RATE
from erato.score import Score

SCRIPT = (Path(__file__).parent / "listen_page.js").read_text(encoding="utf-8")
_OWN_STYLE = (Path(__file__).parent / "listen_page.css").read_text(encoding="utf-8")
_POLICY = (
    f"default-src 'none'; script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'; media-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
FADE_S = 1.0  # in which what is longer than the others goes away
STEREO_S = 600.0  # more seconds of sound than this on a page are in mono, all of them
_STEREO, _MONO = 0.8, 0.87  # what libsndfile calls compression: 96 and 64 kbit a second
SIDES = ("a", "b")
_PLAY_KEYS = (
    "<kbd>A</kbd> and <kbd>B</kbd> play, <kbd>space</kbd> pauses and goes on, <kbd>←</kbd> and <kbd>→</kbd> go 5 "
    "seconds, "
)


@dataclass(frozen=True)
class Pair:
    """Two pieces, by their ids, that are heard as A and B; id: that of the pair, which votes name."""

    id: str
    a: str
    b: str


@dataclass(frozen=True)
class Test:
    """What a page asks. id: that of the page, which votes name; parts: by id, MP3s that are `length` seconds long, or
    texts; asks_person: whether it also asks which piece a person wrote; equal: sentences on what was made equal."""

    __test__ = False  # it is none of pytest's

    id: str
    pairs: Sequence[Pair]
    parts: Mapping[str, bytes | str]
    length: float = 0.0
    asks_person: bool = False
    equal: Sequence[str] = ()


def sounds(
    scores: Sequence[Score], length: float, progress: Callable[[int, int | None, str], None] = lambda *_: None
) -> list[bytes]:
    """What each score sounds like, as MP3s of exactly `length` seconds: faded out there, or silence after the end.

    All are as loud as `erato.renderers.loudness` has it, and have the same bit rate, channels and size to the frame.
    """
    from erato.renderers.synthesis import mix

    frames, stereo = round(length * RATE), length * len(scores) <= STEREO_S
    kind: dict[str, Any] = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    kind["compression_level"] = _STEREO if stereo else _MONO
    found = []
    for number, score in enumerate(scores):
        progress(number, len(scores), "making sound: pieces")
        samples = fitted(mix(score, rate=RATE).samples, frames, round(FADE_S * RATE))
        samples = samples if stereo else samples.mean(axis=1, keepdims=True)
        found.append(encoded(samples * np.float32(factor(samples, RATE)), RATE, {}, **kind))
    return found


def fitted(samples: Samples, frames: int, fade: int) -> Samples:
    """[N, C] samples as [frames, C]: silence after their end, or the last `fade` frames of what goes on faded out."""
    made: Samples = np.zeros((frames, samples.shape[1]), np.float32)
    made[: len(samples)] = samples[:frames]
    if len(samples) > frames:
        made[-fade:] *= np.linspace(1, 0, min(fade, frames), dtype=np.float32)[:, None]
    return made


def listen_page(test: Test) -> str:
    """The page as HTML."""
    texts = any(isinstance(part, str) for part in test.parts.values())
    verb, what = ("read", "texts") if texts else ("hear", "short pieces")
    count = len(test.pairs)
    who = "Some were written by people, others composed" if test.asks_person else "All were composed"
    intro = (
        f"You will {verb} {count} {'pair' if count == 1 else 'pairs'} of {what} and say each time which one you like "
        f"better. {who} by programs; nothing on this page tells which.\n\n"
        "Your votes are kept in this browser only. At the end you save them as a file and give it to whoever asked you."
    )
    title = "Reading test" if texts else "Listening test"
    main = "\n".join([_progress(count), _pair(test, texts), _done(), _trouble()])
    parts = {key: test.parts[key] for key in sorted(test.parts)}
    held = {key: part if isinstance(part, str) else b64encode(part).decode("ascii") for key, part in parts.items()}
    asked = {
        "page": test.id,
        "kind": "text" if texts else "music",
        "person": test.asks_person,
        "pairs": [[pair.id, pair.a, pair.b] for pair in test.pairs],
    }
    footer = [
        _equal(test.equal),
        _keys(texts),
        f'<script type="application/json" id="test">{html_json(asked)}</script>',
        f'<script type="application/json" id="parts">{html_json(held)}</script>',
        f"<script>{SCRIPT}</script>",
    ]
    return document(title, _POLICY, STYLE + _OWN_STYLE, paragraphs(intro), main, "\n".join(footer))


def _progress(count: int) -> str:
    return "\n".join(
        [
            '<p class="notice unscripted">This page needs JavaScript to show the pairs and to keep your votes.</p>',
            '<section class="progress" aria-label="Progress" hidden>',
            '<p><strong class="place" role="status"></strong><span class="count"></span></p>',
            f'<div class="bar" role="progressbar" aria-label="Pairs with a vote" aria-valuemin="0" '
            f'aria-valuemax="{count}" aria-valuenow="0"><div></div></div>',
            "</section>",
        ]
    )


def _pair(test: Test, texts: bool) -> str:
    """The pair that is asked about, and what may be answered."""
    sides = "\n".join(_text_side(side) if texts else _side(side, test.length) for side in SIDES)
    first = "Read both, then choose." if texts else "Listen to both, then choose."
    person = _choices("person", "One of them may be by a person. Which?", ("a", "unsure", "b"), "Cannot tell")
    return "\n".join(
        [
            '<article class="pair" aria-label="Pair" hidden>',
            f'<div class="sides{" texts" if texts else ""}">\n{sides}\n</div>',
            _choices("choice", "Which do you like better?", ("a", "none", "b"), "No difference"),
            f'<p class="hint">{first}</p>',
            person if test.asks_person else "",
            '<div class="steps"><button type="button" class="back">Back</button>'
            '<button type="button" class="next">Skip</button></div>',
            "</article>",
        ]
    )


def _side(side: str, length: float) -> str:
    name, total = side.upper(), clock(length)
    return "\n".join(
        [
            f'<section class="side" data-side="{side}" role="group" aria-label="Piece {name}">',
            f'<h2><span aria-hidden="true">{name}</span><span class="unseen">Piece {name}</span></h2>',
            '<div class="controls">',
            button("play", f"Play {name}", f' aria-keyshortcuts="{name}"'),
            f'<input type="range" class="seek" min="0" max="{length:.2f}" step="any" value="0" '
            f'aria-label="Position in {name}" aria-valuetext="0:00 of {total}">',
            f'<span class="clock" aria-hidden="true"><span class="now">0:00</span> / {total}</span>',
            "</div>",
            f'<audio preload="auto" aria-label="Piece {name}"></audio>',
            "</section>",
        ]
    )


def _text_side(side: str) -> str:
    name = side.upper()
    return (
        f'<section class="side" data-side="{side}" role="group" aria-label="Text {name}"><h2><span aria-hidden="true">'
        f'{name}</span><span class="unseen">Text {name}</span></h2><pre tabindex="0" dir="auto"></pre></section>'
    )


def _choices(kind: str, question: str, values: Sequence[str], middle: str) -> str:
    """A question with the answers A, neither, B."""
    keys = {"a": "1", "b": "2", "none": "0"} if kind == "choice" else {}
    made = ""
    for value in values:
        key = f" <kbd>{keys[value]}</kbd>" if value in keys else ""
        shortcut = f' aria-keyshortcuts="{keys[value]}"' if value in keys else ""
        shown = value.upper() if value in SIDES else middle
        made += (
            f'<button type="button" data-{kind}="{value}" aria-pressed="false"{shortcut} disabled>'
            f"<span>{shown}</span>{key}</button>"
        )
    return f'<fieldset class="answers {kind}"><legend>{html_line(question)}</legend><div>{made}</div></fieldset>'


def _done() -> str:
    return "\n".join(
        [
            '<article class="votes" aria-label="Your votes" hidden>',
            '<h2 class="end"></h2><p class="what said"></p>',
            '<div class="steps"><button type="button" class="save">Save my votes</button>'
            '<button type="button" class="reset">Delete my votes</button></div>',
            "</article>",
        ]
    )


def _trouble() -> str:
    return '<p class="notice trouble" role="status" hidden></p>'


def _equal(sentences: Sequence[str]) -> str:
    said = "".join(f"<li>{html_text(sentence)}</li>" for sentence in sentences)
    return f'<section class="facts"><h2>What was made equal</h2><ul>{said}</ul></section>' if said else ""


def _keys(texts: bool) -> str:
    play = "" if texts else _PLAY_KEYS
    return (
        f'<p class="keys">Keys: {play}<kbd>1</kbd> votes for A, <kbd>2</kbd> for B, <kbd>0</kbd> for no difference, '
        "<kbd>N</kbd> goes to the next pair, <kbd>P</kbd> to the one before.</p>"
    )
