"""Pieces to what a page shows of each: sound, piano roll, score, files. In: pieces and what to say of them.

What is made of all together stays within a budget, and what was left out for it is said in words. Knows nothing of
HTML, and of how the pieces were made only what it is handed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from erato.errors import UsageError
from erato.renderers.base import About
from erato.renderers.midi import midi_bytes
from erato.renderers.page_sound import page_sound
from erato.renderers.pianoroll import Picture, picture
from erato.renderers.records import png_with_record
from erato.score import Piece, Score, clip, note_count, seconds, tick_at

SLACK_S = 0.1  # that nobody misses
SHORTEST_S = 5  # less sound than this is none


@dataclass(frozen=True)
class Budget:
    """What all pieces of a page share: seconds of sound, pages of score, and how many pieces are shown.

    The default keeps the page of a long piece at about 12 MB.
    """

    seconds: float = 600
    pages: int = 12
    pieces: int = 24


@dataclass(frozen=True)
class PageItem:
    """One piece on a page: its name, facts and record, and what was made of it.

    roll: the piano roll; sound: MP3; length: of the sound in seconds; score: an SVG a page; files: to download, by
    name; said: sentences on what was changed or left out. stem: of the names of files that the page makes itself.
    """

    name: str
    piece: Piece
    facts: Mapping[str, str] = field(default_factory=dict)
    roll: Picture | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    sound: bytes | None = None
    length: float = 0.0
    score: Sequence[str] = ()
    said: Sequence[str] = ()
    record: Mapping[str, Any] = field(default_factory=dict)
    stem: str = "piece"


def page_items(pieces: Sequence[tuple[str, Piece, About]], budget: Budget, stem: str = "") -> list[PageItem]:
    """What a page shows of `pieces` (name, piece, what to say of it), the first `budget.pieces` of them.

    stem: of the names of files, where not those of the pieces.
    """
    pieces = pieces[: budget.pieces]
    scores = [piece for _, piece, _ in pieces if isinstance(piece, Score) and note_count(piece)]
    heard = iter(shares([seconds(score) for score in scores], budget.seconds))
    pages, rest = budget.pages, len(scores)  # pages that are left, and pieces to share them
    items = []
    for name, piece, about in pieces:
        named = stem or slug(name)
        if isinstance(piece, str):
            files = {f"{named}.txt": piece.encode("utf-8", "replace")}
            items.append(PageItem(name, piece, about.facts, files=files, record=about.record, stem=named))
            continue
        item = _seen(name, piece, about, named)
        if note_count(piece):
            item = _heard(item, piece, next(heard))
            if budget.pages:
                item = _engraved(item, piece, about, max(1, pages // rest))
                pages, rest = max(0, pages - len(item.score)), rest - 1
        items.append(item)
    return items


def shares(needs: Sequence[float], budget: float) -> list[float]:
    """What each gets of `budget`: what it needs, or as much as the others that do not get all either."""
    found, left = [0.0] * len(needs), budget
    order = sorted(range(len(needs)), key=lambda i: needs[i])
    for place, i in enumerate(order):
        found[i] = min(needs[i], left / (len(needs) - place))
        left -= found[i]
    return found


def clock(time: float) -> str:
    """Seconds as people write them: 0:07, 12:30, 1:02:30."""
    minutes, rest = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def slug(name: str) -> str:
    """A name of a file for `name`: letters and digits of ASCII in lower case, hyphens between."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in name).lower().split()
    return "-".join(words)[:60] or "piece"


def _seen(name: str, score: Score, about: About, stem: str) -> PageItem:
    """The item of a score, with its piano roll and MIDI file."""
    roll = picture(score, About(new_from=about.new_from, surprise=about.surprise))  # the page itself says the rest
    drawn, whole = roll.rows[-1].points[-1][0], seconds(score)
    said = [f"The piano roll shows the first {clock(drawn)} of {clock(whole)}."] if drawn < whole - SLACK_S else []
    roll = replace(roll, png=png_with_record(roll.png, about))
    files = {f"{stem}.mid": midi_bytes(score, about)}
    return PageItem(name, score, about.facts, roll, files, said=said, record=about.record, stem=stem)


def _heard(item: PageItem, score: Score, most: float) -> PageItem:
    """The item with at most so many seconds of its sound."""
    whole = seconds(score)
    if most >= whole - SLACK_S:
        sound, length = page_sound(score)
        return replace(item, sound=sound, length=length)
    if most < SHORTEST_S:
        return replace(item, said=[*item.said, "Its sound is left out here; the MIDI file holds all of it."])
    sound, length = page_sound(clip(score, tick_at(score, most)))
    said = f"The sound is that of the first {clock(most)} of {clock(whole)}; the MIDI file holds all of it."
    return replace(item, sound=sound, length=length, said=[*item.said, said])


def _engraved(item: PageItem, score: Score, about: About, pages: int) -> PageItem:
    """The item with at most so many pages of its score, and the MusicXML file."""
    from erato.renderers.engraved import engrave, musicxml

    try:
        made = engrave(score, About(item.name, about.facts), pages)
        document = _compressed(musicxml(score, about), f"{item.stem}.musicxml")
    except UsageError as error:  # the rest of the page is there without it
        return replace(item, said=[*item.said, f"There is no score of it: {error}"])
    said = [f"In the score: {sentence[:1].lower()}{sentence[1:]}" for sentence in made.said]
    files = {**item.files, f"{item.stem}.mxl": document}
    return replace(item, score=made.svgs, files=files, said=[*item.said, *said])


def _compressed(document: str, name: str) -> bytes:
    """A MusicXML document as a compressed one, a thirtieth of its size: a ZIP archive that says where it begins."""
    container = f'<container><rootfiles><rootfile full-path="{escape(name)}"/></rootfiles></container>'
    data = BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as archive:
        for path, content in (("META-INF/container.xml", container), (name, document)):
            entry = ZipInfo(path)  # of 1980: the same document is the same archive
            entry.create_system = 0  # also on every system
            archive.writestr(entry, content.encode(), ZIP_DEFLATED)
    return data.getvalue()
