"""From names to files: a piece by its name, a part of it, and what is said of it, written by suffix.

Knows no runs and no models, so that it is there in a moment.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from erato import corpora
from erato.config import lookup
from erato.errors import UsageError
from erato.reading import read_piece
from erato.renderers import RENDERERS, Audio, renderer_for
from erato.renderers.audio import stem_paths
from erato.renderers.base import About, as_score, refusal
from erato.renderers.soundfont import SoundFont
from erato.reporter import Reporter
from erato.score import Piece, bar_line, bars, between, has_pickup

ROLLS = (".png", ".roll.png", ".roll.svg", ".html")  # what shows a piano roll


def find_piece(name: str, reporter: Reporter | None = None) -> tuple[Piece, str]:
    """The piece in a file, or the one that "corpus:piece" names, and its title."""
    corpus, colon, wanted = name.partition(":")
    if colon and not Path(name).exists() and corpus in corpora.CORPORA:
        found = corpora.find(corpus)
        pieces = found.pieces("text" if found.kind == "text" else "music", progress=(reporter or Reporter()).progress)
        names = {entry.name: index for index, entry in enumerate(pieces.entries)}
        short = {Path(name).stem: name for name in names}  # bwv66.6 for bach/bwv66.6.mxl
        return pieces[lookup(f"piece of {corpus}", short.get(wanted, wanted), names)], wanted
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"the folder {name!r} is no run (it has no recipe.json): give the path of a piece, or a run.")
    if not path.is_file():
        raise UsageError(
            f"there is no file {name!r}: give the path of a piece, CORPUS:PIECE as in bach-chorales:bwv66.6, or "
            "the folder of a run."
        )
    return read_piece(path), path.stem


def excerpt(piece: Piece, first: int | None, last: int | None) -> Piece:
    """Bars `first` to `last` (from 1, both included) of a score; the whole piece if neither is given."""
    return excerpt_with(piece, About(), first, last)[0]


def excerpt_with(piece: Piece, about: About, first: int | None, last: int | None) -> tuple[Piece, About]:
    """What `excerpt` gives, and what is said of the whole piece as it holds of that part."""
    if first is None and last is None:
        return piece, about
    if isinstance(piece, str):
        raise UsageError("text has no bars: leave out --from and --to.")
    count = len(bars(piece)) - has_pickup(piece)
    first, last = 1 if first is None else first, count if last is None else last
    if not 1 <= first <= last <= count:
        raise UsageError(
            f"--from {first} --to {last} must lie within the piece's {count} bars, the first not after the last."
        )
    start, stop = bar_line(piece, first - 1), bar_line(piece, last)
    surprise, new_from = about.surprise, about.new_from
    if surprise is not None:  # of the notes that `between` keeps
        onsets = [track.notes.numpy()["time"] for track in piece.tracks]
        both = zip(onsets, surprise, strict=True)
        surprise = [np.asarray(nats)[(start <= onset) & (onset < stop)] for onset, nats in both]
    if new_from is not None:
        new_from = min(new_from, stop) - start if new_from > start else None  # None: all of it is new
    return between(piece, start, stop), replace(about, surprise=surprise, new_from=new_from)


def refuse_without_roll(out: Sequence[str]) -> None:
    """UsageError where none of these files shows a piano roll."""
    if not any(renderer_for(Path(name)).suffix in ROLLS for name in out):
        raise UsageError(f"--surprise colours a piano roll: write a {', '.join(ROLLS[:-1])} or {ROLLS[-1]} file.")


def refuse_without_sound(out: Sequence[str], soundfont: Path | None, stems: bool) -> None:
    """UsageError where a SoundFont or stems are asked for and no file of `out` sounds, or where it is no SoundFont."""
    if soundfont is None and not stems:
        return
    if not any(isinstance(renderer_for(Path(name)), Audio) for name in out):
        sounding = [suffix for suffix, renderer in RENDERERS.items() if isinstance(renderer, Audio)]
        option = "--stems is" if soundfont is None else "--soundfont is"
        raise UsageError(f"{option} for sound: write a {', '.join(sounding[:-1])} or {sounding[-1]} file.")
    if soundfont is not None:
        SoundFont(soundfont)


def refuse_kind(piece: Piece, out: Sequence[str]) -> None:
    """UsageError, before anything is written, where one of these files cannot hold such a piece."""
    for path in map(Path, out):
        renderer = renderer_for(path)
        if isinstance(piece, str) and "text" not in renderer.kinds:
            raise refusal(renderer, path.name)


def write(piece: Piece, path: str | Path, about: About, soundfont: Path | None = None) -> Path:
    """Writes a piece as the kind of file that the suffix of `path` names, of sound with `soundfont`; overwrites."""
    renderer_for(Path(path), soundfont).write(piece, Path(path), about)
    return Path(path)


def write_all(
    piece: Piece, out: Sequence[str], about: About, soundfont: Path | None = None, reporter: Reporter | None = None
) -> list[Path]:
    """Writes a piece as every file of `out`; notes what had to be changed or left out, once, and in which files."""
    said: dict[str, list[str]] = {}
    for name in out:
        told: list[str] = []
        write(piece, name, replace(about, note=told.append), soundfont)
        for sentence in told:
            said.setdefault(sentence, []).append(name)
    for sentence, names in said.items():
        (reporter or Reporter()).note(f"{', '.join(names)}: {sentence[:1].lower()}{sentence[1:]}")
    return [Path(name) for name in out]


def write_stems(
    piece: Piece, out: Sequence[str], about: About, soundfont: Path | None = None, force: bool = False
) -> list[Path]:
    """Writes each track of a score alone beside every file of `out` that sounds; UsageError, before all else, where one
    is there, unless forced."""
    renderers = {Path(name): renderer_for(Path(name), soundfont) for name in out}
    sounding = {path: renderer for path, renderer in renderers.items() if isinstance(renderer, Audio)}
    scores = {path: as_score(piece, path, renderer) for path, renderer in sounding.items()}
    there = [stem for path, score in scores.items() for stem in stem_paths(score, path) if stem.exists()]
    if there and not force:
        raise UsageError(f"{there[0]} exists: give another name, or --force to overwrite it.")
    return [stem for path, renderer in sounding.items() for stem in renderer.write_stems(scores[path], path, about)]
