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
    seen = iter(shares([budget.pages] * len(scores), budget.pages))
    items = []
    for name, piece, about in pieces:
        named = stem or slug(name)
        if isinstance(piece, str):
            files = {f"{named}.txt": piece.encode("utf-8", "replace")}
            items.append(PageItem(name, piece, about.facts, files=files, record=about.record, stem=named))
        elif note_count(piece):
            items.append(_music(name, piece, about, named, next(heard), int(next(seen))))
        else:
            items.append(_music(name, piece, about, named, 0, 0))
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


def _music(name: str, score: Score, about: About, stem: str, heard: float, pages: int) -> PageItem:
    """The item of a score, with at most `heard` seconds of its sound and `pages` of its engraving."""
    whole = seconds(score)
    roll = picture(score, About(new_from=about.new_from, surprise=about.surprise))  # the page itself says the rest
    roll = replace(roll, png=png_with_record(roll.png, about))
    drawn = roll.rows[-1].points[-1][0]
    said = [f"The piano roll shows the first {clock(drawn)} of {clock(whole)}."] if drawn < whole - SLACK_S else []
    files = {f"{stem}.mid": midi_bytes(score, about)}
    sound, length, sheets = None, 0.0, []
    if heard >= whole - SLACK_S > -SLACK_S:
        sound, length = page_sound(score)
    elif heard >= SHORTEST_S:
        sound, length = page_sound(clip(score, tick_at(score, heard)))
        said.append(f"The sound is that of the first {clock(heard)} of {clock(whole)}; the MIDI file holds all of it.")
    elif note_count(score):
        said.append("Its sound is left out here; the MIDI file holds all of it.")
    if pages and note_count(score):
        from erato.renderers.engraved import engrave, musicxml

        try:
            engraving = engrave(score, About(name, about.facts), pages)
            sheets = engraving.svgs
            said += [f"In the score: {sentence[:1].lower()}{sentence[1:]}" for sentence in engraving.said]
            files[f"{stem}.mxl"] = _compressed(musicxml(score, about), f"{stem}.musicxml")
        except UsageError as error:  # the rest of the page is there without it
            said.append(f"There is no score of it: {error}")
    elif note_count(score):
        said.append("Its score is left out here.")
    return PageItem(name, score, about.facts, roll, files, sound, length, sheets, said, about.record, stem)


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
