"""`erato render` and `erato replay`: files to other kinds of file, and composed files made again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from erato.cli_compose import piece_or_path
from erato.cli_output import print_json, reporter_for
from erato.errors import UsageError
from erato.terminal import plain

if TYPE_CHECKING:
    from erato.reporter import Reporter


def render(given: argparse.Namespace) -> int:
    """A piece, or a run, as the files that were asked for."""
    of_run = Path(given.piece).is_dir() and _is_run(given)
    if not of_run:
        _refuse_for_pieces(given)
    for out in given.out:
        if Path(out).is_dir():
            raise UsageError(f"{out} is a folder: give the name of a file to write.")
        if Path(out).exists() and not given.force:
            raise UsageError(f"{out} exists: give another name, or --force to overwrite it.")
    with reporter_for(given.json) as reporter:
        if of_run:
            from erato import picturing

            files = [picturing.picture(given.piece, out) for out in given.out]
        else:
            files = _pictures_of_piece(given, reporter)
    if given.json:
        print_json({"files": [str(path) for path in files]})
    else:
        print("\n".join(plain(str(path)) for path in files))
    return 0


def _is_run(given: argparse.Namespace) -> bool:
    """Whether a folder is that of a run, whose pictures can then be had as they are asked for."""
    from erato import picturing

    if not picturing.is_run(given.piece):
        return False
    picturing.check_names(given.out)
    if (given.first, given.last, given.surprise) != (None, None, None):
        raise UsageError("a run has no bars and no notes: leave out --from, --to and --surprise.")
    if given.soundfont is not None or given.stems:
        raise UsageError("a run has no sound: leave out --soundfont and --stems.")
    return True


def _refuse_for_pieces(given: argparse.Namespace) -> None:
    """UsageError, before a piece is looked for, where nothing that is asked for can be written as it is asked for."""
    from erato import rendering  # not the pipeline, which takes a second to import
    from erato.renderers import renderers_for

    renderers_for(["".join(Path(out).suffixes[-2:]) for out in given.out])
    if given.surprise is not None:
        rendering.refuse_without_roll(given.out)
    rendering.refuse_without_sound(given.out, _soundfont(given), given.stems)


def _soundfont(given: argparse.Namespace) -> Path | None:
    return None if given.soundfont is None else Path(given.soundfont)


def _pictures_of_piece(given: argparse.Namespace, reporter: "Reporter") -> list[Path]:
    from erato import rendering
    from erato.renderers.base import About

    piece, title = rendering.find_piece(given.piece, reporter)
    rendering.refuse_kind(piece, given.out)
    about = About(title)
    if given.surprise is not None:
        from erato import pipeline

        piece, about = pipeline.surprised(piece, given.surprise, title, reporter)
    piece, about = rendering.excerpt_with(piece, about, given.first, given.last)
    soundfont = _soundfont(given)
    stems = rendering.write_stems(piece, given.out, about, soundfont, given.force) if given.stems else []
    return [*rendering.write_all(piece, given.out, about, soundfont, reporter), *stems]


def replay(given: argparse.Namespace) -> int:
    from erato import pipeline

    if given.out and Path(given.out).is_file():
        raise UsageError(f"{given.out} exists: give another name with --out.")
    handed = None if given.given is None else piece_or_path(given.given)
    with reporter_for(given.json) as reporter:
        found = pipeline.replay(given.file, given.run, prompt=given.prompt, given=handed, reporter=reporter)
    out = [str(path) for path in found.write(given.out)] if given.out else []
    if given.json:
        said = {"identical": found.identical, "reason": found.reason or None, "notes": found.notes}
        print_json({"file": given.file, **said, "files": [*found.files], "record": found.sample.record, "out": out})
    elif found.identical:
        print("\n".join(plain(f"{name} made again, byte-identical.") for name in found.files))
    if out and not given.json:
        print(plain(f"Written: {', '.join(out)}"))
    if not found.identical:
        raise UsageError(found.reason)
    return 0
