"""Where a composed file comes from: the file in; what it says of itself, its run and what else it was made from, out.

What a file says may be anybody's. It is checked before anything is done with it; nothing is read but the file, the
`.json` beside it, what the person names, and the run and the pieces that this `.json` says lie near; and these must
have the hashes that the record gives. Knows nothing of composing.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from erato import provenance
from erato.errors import RunError, UsageError
from erato.loading import load
from erato.prompting import names_a_file
from erato.provenance import Record, Source
from erato.reading import read_piece
from erato.renderers import renderer_for
from erato.renderers.carried import carried, parsed
from erato.renderers.names import one_line
from erato.run import Run
from erato.sampling import Latents
from erato.score import Piece

_MOST_FILES, _LONGEST = 100, 200  # that a `.json` names, and characters of a name or a sentence
_NAMES = {"prompt": "beginning of", "given": "piece that was given for"}


@dataclass(frozen=True)
class Wanted:
    """One file that is to be made again: sha256 of what is there (None: nothing), and of what was written, if known."""

    name: str
    there: str | None
    written: str | None


@dataclass(frozen=True)
class Found:
    """What a file, or the `.json` beside it, says of how it was made.

    said: the record as it stands there; folder, where: what the `.json` lies in, and the ways from there; asked: what
    else it was asked for with, by the `.json`.
    """

    path: Path
    said: Mapping[str, Any]
    record: Record
    wanted: tuple[Wanted, ...]
    folder: Path
    where: Mapping[str, str]
    asked: Mapping[str, int]

    def near(self, what: str) -> Path | None:
        """Where the `.json` says that something lies."""
        way = self.where.get(what)
        return None if way is None or Path(way).is_absolute() else self.folder / way


def find(path: Path) -> Found:
    """What is said of a file, in it or beside it; UsageError where nothing is, or nothing that can be."""
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}: give one that erato compose wrote.")
    data = path.read_bytes()
    if path.suffix.lower() == ".json":
        beside, said = path, None
    else:
        beside, said = path.with_name(f"{stem(path.name)}.json"), carried(path, data)
    kept = (parsed(beside.read_bytes()) if beside.is_file() else None) or {}
    hashes, where = (_texts(kept.get(part)) for part in ("files", "where"))
    said = provenance.pruned(said or kept.get("record"))
    if not isinstance(said, dict) or not said:
        raise UsageError(
            f"{shown(path.name)} carries no record of how it was made, and {shown(beside.name)} does not lie beside "
            "it: give a file that erato compose wrote."
        )
    if isinstance(said.get("pieces"), list):
        raise UsageError(f"{shown(path.name)} is a page of several pieces: replay one of the files that it shows.")
    if beside == path:
        wanted = tuple(_wanted(path.parent, name, written) for name, written in hashes.items())
        if not wanted:
            raise UsageError(f"{shown(path.name)} names no files: give one of the files that it lay beside.")
    else:
        wanted = (Wanted(path.name, hashlib.sha256(data).hexdigest(), hashes.get(path.name)),)
    return Found(path, said, _read(path, said), wanted, beside.parent, where, _numbers(kept.get("asked")))


def _read(path: Path, said: Mapping[str, Any]) -> Record:
    try:
        return provenance.read(said)
    except UsageError as error:
        made_by, why = said.get("erato"), shown(str(error))
        if isinstance(made_by, str) and made_by != provenance.VERSION:
            raise UsageError(
                f"{shown(path.name)} was made by erato {shown(made_by)}, whose records {provenance.VERSION} cannot "
                f"read ({why}): use that version."
            ) from None
        raise UsageError(f"{shown(path.name)} carries a record that no erato wrote: {why}") from None


def _texts(value: Any) -> dict[str, str]:
    """A short object of plain text, nothing of anything else."""
    if not isinstance(value, dict) or len(value) > _MOST_FILES:
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str) and "\0" not in key + text}


def _numbers(value: Any) -> dict[str, int]:
    """Those of the numbers that a piece is asked for with that can be such; nothing of anything else."""
    if not isinstance(value, dict):
        return {}
    numbers = {name: value.get(name) for name in ("n", "seed", "place", "draft")}
    return {name: one for name, one in numbers.items() if type(one) is int and 0 <= one < 2**63}


def _wanted(folder: Path, name: str, written: str) -> Wanted:
    """A file that a `.json` names, which lies in its folder or nowhere."""
    if not name or set(name) & set("/\\:") or name.startswith(".") or len(name) > _LONGEST:
        raise UsageError(f"{shown(name)!r} is not the name of a file beside it: the .json was edited.")
    path = folder / name
    return Wanted(name, provenance.file_hash(path) if path.is_file() else None, written)


def run_of(found: Found, named: str | Path | Run | None) -> Run:
    """The run that made a file, as it is named or lies near; RunError where it is not there, or is another now."""
    run = named if isinstance(named, Run) else load(named or _near(found), found.record.run.checkpoint)
    then, now = found.record.run, run.identity
    if now.hash == then.hash:
        return run
    what = "weights" if now.weights != then.weights else "recipe, representation or windows to begin from"
    one, other = (then.weights, now.weights) if now.weights != then.weights else (then.hash, now.hash)
    raise RunError(
        f"{run.folder} is not the run that made {shown(found.path.name)}, or has changed since: it has other {what} "
        f"(sha256 {one[:12]}… then, {other[:12]}… now); give the right one with --run."
    )


def _near(found: Found) -> Path:
    """The folder of the run where the `.json` says, or above the pieces."""
    for folder in (found.near("run"), found.path.absolute().parent.parent):
        if folder is not None and _is_file(folder / "recipe.json"):
            return folder
    raise RunError(
        f"the run {shown(found.record.run.name)} that made {shown(found.path.name)} is not there: give its folder "
        "with --run."
    )


def source_of(
    found: Found, run: Run, what: Literal["prompt", "given"], source: Source | None, handed: Piece | Path | None
) -> Piece | Path | None:
    """The piece that another was made from, as it is handed in or lies near; UsageError where it is another."""
    name = shown(found.path.name)
    if source is None:
        if handed is not None:
            raise UsageError(f"{name} was made without {what}: leave --{what} out.")
        return None
    if handed is None and source.kind == "text" and source.text is not None:
        if run.representation.kind != "text" or names_a_file(source.text):
            raise UsageError(f"the text that {name} goes on from is the name of a file here: replay it elsewhere.")
        handed = source.text
    if handed is None:
        near = found.near(what)
        handed = near if near is not None and _is_file(near) else None
    if handed is None:
        raise UsageError(
            f"{shown(source.said)}, the {_NAMES[what]} {name}, is not there: give it with --{what} (sha256 "
            f"{source.sha256})."
        )
    if isinstance(handed, str) and (source.kind != "text" or names_a_file(handed)):
        handed = Path(handed)
    if isinstance(handed, Path) and not handed.is_file():
        raise UsageError(f"there is no file {str(handed)!r}: give the {_NAMES[what]} {name} with --{what}.")
    if isinstance(handed, Path) and source.kind == "file":
        now = provenance.file_hash(handed)
    else:
        handed = read_piece(handed) if isinstance(handed, Path) else handed
        now = provenance.piece_hash(handed)
    if now != source.sha256:
        raise UsageError(
            f"{shown(source.said)}, the {_NAMES[what]} {name}, is not what it was: its sha256 was {source.sha256}, "
            f"and is {now}; give the right one with --{what}."
        )
    return handed


def latents_of(found: Found, handed: Latents | None) -> Latents | None:
    """The latents that are handed in, if they are those that a piece was written from; UsageError where not."""
    """The latents that are handed in, if they are those that a piece was written from; UsageError where not."""
    then = found.record.latents
    if (handed is None) != (then is None):
        said = "from latents that were handed in: give them" if handed is None else "from its seed alone: give none"
        raise UsageError(f"{shown(found.path.name)} was written {said} (latents, in Python).")
    if handed is not None and provenance.latents_hash(handed) != then:
        raise UsageError(f"these are not the latents that {shown(found.path.name)} was written from: give those.")
    return handed


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (of a name that is too long, Path raises)


def stem(name: str) -> str:
    """The name of a file without its suffix, which may be of two parts; UsageError for what nothing here writes."""
    return name[: -len(renderer_for(Path(name)).suffix)]


def shown(text: str) -> str:
    """Anybody's text as it can stand in a sentence."""
    text = one_line(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
