"""Pieces to files, one renderer a suffix. The line here that makes one is its registration."""

from collections.abc import Sequence
from pathlib import Path

from erato.errors import UsageError, unknown
from erato.renderers.audio import Audio, Flac, Mp3, Ogg, Wav
from erato.renderers.base import About, Kind, Renderer, refusal
from erato.renderers.engraved import MusicXml, Pdf, ScorePng, ScoreSvg, Svg
from erato.renderers.matrix import Matrix
from erato.renderers.midi import Midi
from erato.renderers.page import Page, write_page
from erato.renderers.page_items import PageItem
from erato.renderers.pianoroll import PianoRoll, RollPng, RollSvg
from erato.renderers.text import Csv, Text

__all__ = ["RENDERERS", "About", "Audio", "PageItem", "Renderer", "renderer_for", "renderers_for", "write_page"]

RENDERERS: dict[str, Renderer] = {
    renderer.suffix: renderer
    for renderer in (
        Midi(),
        PianoRoll(),
        RollPng(),
        RollSvg(),
        MusicXml(),
        Svg(),
        ScoreSvg(),
        ScorePng(),
        Pdf(),
        Matrix(),
        Wav(),
        Flac(),
        Ogg(),
        Mp3(),
        Page(),
        Text(),
        Csv(),
    )
}
_MEANT = {".xml": ".musicxml", ".mxl": ".musicxml", ".midi": ".mid", ".jpg": ".png", ".jpeg": ".png", ".tsv": ".csv"}


def renderer_for(path: Path, soundfont: Path | None = None) -> Renderer:
    """The renderer for the suffix of `path`, or for its last two; UsageError for one that nothing here writes.

    soundfont: what instruments sound like, of renderers to which it matters.
    """
    both = "".join(path.suffixes[-2:]).lower()
    suffix = both if both in RENDERERS else path.suffix.lower()
    if suffix not in RENDERERS:
        if suffix in _MEANT:
            raise UsageError(f"unknown suffix of a file to write {suffix!r}: did you mean {_MEANT[suffix]}?")
        raise unknown("suffix of a file to write", suffix or path.name, RENDERERS)
    found = RENDERERS[suffix]
    return type(found)(soundfont) if soundfont and isinstance(found, Audio) else found


def renderers_for(suffixes: Sequence[str], kind: Kind | None = None) -> list[Renderer]:
    """The renderer of each suffix, once; UsageError for one that nothing can write, or that holds no piece of `kind`.

    An unknown suffix is answered with what was perhaps meant.
    """
    if not all(suffix.strip(" .") for suffix in suffixes):
        raise UsageError(f"a file to write needs a suffix that says what it is: one of {', '.join(RENDERERS)}.")
    wanted = dict.fromkeys(suffix.strip().lstrip(".").lower() for suffix in suffixes)
    found = [renderer_for(Path(f"x.{suffix}")) for suffix in wanted]
    for renderer in found:
        if kind is not None and kind not in renderer.kinds:
            raise refusal(renderer, renderer.suffix)
    return found
