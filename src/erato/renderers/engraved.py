"""A piece to an engraved score: MusicXML, SVG, PNG and PDF. In: a score. Out: files, and what was changed to write it.

How the music is notated is in `engraving/`; this names the kinds of file.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from erato import files
from erato.renderers.base import About, Renderer, as_score
from erato.renderers.engraving import drawing
from erato.renderers.engraving.musicxml import to_musicxml
from erato.renderers.engraving.notating import MOST_BARS, sheet_of
from erato.renderers.engraving.sheet import Sheet
from erato.renderers.names import one_line
from erato.renderers.records import png_with_record, svg_with_record
from erato.score import Piece, Score

MOST_PAGES = 40
_BARS = 40  # hardly more fit on a page


@dataclass(frozen=True)
class Engraving:
    """A score as pictures: one standalone SVG a page, and sentences on what was changed and left out."""

    svgs: list[str]
    said: list[str]


def sheet(score: Score, about: About, whole: bool = True, most_bars: int = MOST_BARS) -> Sheet:
    """The sheet of a score with its title, who composed it, and how it was made."""
    found = sheet_of(score, about.title, _credit(about), whole, most_bars)
    found.facts = list(about.facts.items())
    found.rights = about.facts.get("licence", "")
    found.record = about.record_json.replace("  ", " \\u0020")  # two spaces in a row would become one
    return found


def _credit(about: About) -> str:
    """Who or what composed it: "composed by RECIPE with seed S"."""
    recipe, seed = about.facts.get("recipe"), about.facts.get("seed")
    if recipe and seed is not None:
        return f"composed by {recipe} with seed {seed}"
    return ""


def musicxml(score: Score, about: About | None = None) -> str:
    """The MusicXML document of a score."""
    return to_musicxml(sheet(score, about or About()))


def engrave(score: Score, about: About | None = None, pages: int | None = None) -> Engraving:
    """The pages of a score as pictures, at most `pages` of them (40, if None)."""
    about = about or About()
    most = MOST_PAGES if pages is None else pages
    made = sheet(score, about, whole=False, most_bars=min(MOST_BARS, most * _BARS))
    made.record, made.facts = "", []
    _shorten(made)
    svgs, count = drawing.pages(to_musicxml(made, credits=False), made.title, made.credit, most)
    said = list(made.said)
    if count > len(svgs):
        said.append(f"Only the first {len(svgs)} of {count} pages are shown.")
    return Engraving(svgs, said)


def _shorten(made: Sheet) -> None:
    """Words that no page has room for, cut: the files of music keep them whole."""
    made.title, made.credit = shortened(made.title, 60), shortened(made.credit, 80)
    for part in made.parts:
        part.name = shortened(part.name, 24)
        part.chords = [(at, shortened(text, 18)) for at, text in part.chords]
        for event in part.events():
            if event.lyric is not None:
                event.lyric = event.lyric[0], shortened(event.lyric[1], 24)


def shortened(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    text = one_line(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "\u2026"


def _tell(about: About, said: Sequence[str]) -> None:
    for sentence in said:
        about.note(sentence)


class MusicXml(Renderer):
    suffix = ".musicxml"
    summary = "score for notation programs (MusicXML 4.0)"
    noun = "a MusicXML file"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        made = sheet(as_score(piece, path, self), about)
        files.write_text(path, to_musicxml(made))
        _tell(about, made.said)


class _Drawn(Renderer):
    """A renderer of pages."""

    noun = "an engraved score"

    def write(self, piece: Piece, path: Path, about: About) -> None:
        made = engrave(as_score(piece, path, self), about)
        files.write_bytes(path, self.drawn(made.svgs, about))
        _tell(about, made.said)

    @abstractmethod
    def drawn(self, svgs: Sequence[str], about: About) -> bytes:
        """The file of these pages."""


class ScoreSvg(_Drawn):
    suffix = ".score.svg"
    summary = "engraved score as a drawing, its pages under each other"

    def drawn(self, svgs: Sequence[str], about: About) -> bytes:
        return svg_with_record(drawing.stacked(svgs), about).encode()


class Svg(ScoreSvg):
    suffix = ".svg"


class ScorePng(_Drawn):
    suffix = ".score.png"
    summary = "picture of the engraved score, its pages under each other"

    def drawn(self, svgs: Sequence[str], about: About) -> bytes:
        return png_with_record(drawing.png(drawing.stacked(svgs)), about)


class Pdf(_Drawn):
    suffix = ".pdf"
    summary = "engraved score to print, page by page"

    def drawn(self, svgs: Sequence[str], about: About) -> bytes:
        return drawing.pdf(svgs, one_line(about.title), about.record_json)
