"""How a piece was made: what was asked of which run comes in; a record that files carry goes out, and is read again.

A record is JSON, small, and says neither where anything lies nor when: the same command gives the same record. One that
is read may be anybody's: it becomes a `Record` of the right types, or a UsageError. Knows nothing of how pieces are
composed or drawn.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from erato.config import from_record, to_record
from erato.errors import UsageError
from erato.sampling import Beams, Latents, Sampler
from erato.score import Piece, state

VERSION = version("erato")
SHORT = 500  # characters of a text that a record holds whole
_HASH, _BEGIN = 64, 20  # characters


@dataclass(frozen=True)
class Settings:
    """What `Run.sample` was asked for, with the recipe's values where nothing was said; see there what each means.

    Of pieces that do not depend on what was composed beside them, as if this one had been asked for alone.
    """

    n: int = 1
    seed: int = 0
    bars: int | None = None
    seconds: float | None = None
    length: int | None = None
    may_end: bool = False
    begin: str | None = None
    sampler: Sampler | None = None
    beams: Beams | None = None
    step: float | None = None
    draft: int | None = None
    program: int | None = None
    chords: int | tuple[int | None, ...] | None = None
    style: int | tuple[int | None, ...] | None = None
    melody: int | tuple[int | None, ...] | None = None
    groove: int | tuple[int | None, ...] | None = None
    morph: int | None = None
    morph_steps: int | None = None
    one_piece: bool = False
    given_tracks: tuple[str | int, ...] = ()
    original: int | None = None

    @property
    def strategy(self) -> str:
        """How symbols were chosen; "phrases": whole ones were written from latents."""
        if self.beams is not None:
            return "beam"
        return "phrases" if self.sampler is None else "greedy" if self.sampler.greedy else "sample"

    def arguments(self) -> dict[str, Any]:
        """What to call `sample` with to be asked for the same."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        said["program"] = None if self.program is None else str(self.program)
        return {name: value for name, value in said.items() if not _unsaid(value)}


@dataclass(frozen=True)
class Source:
    """A piece that was handed in: a file (sha256 of its bytes), a text, or a score (sha256 of what it holds).

    name: of the file, without its folder, or of the piece of a corpus; text: where it is a short text.
    """

    kind: Literal["file", "text", "score"]
    sha256: str
    name: str | None = None
    text: str | None = None

    @property
    def said(self) -> str:
        """What to call it in a sentence."""
        return self.name or (f"the text with the sha256 {self.sha256}" if self.text is None else repr(self.text))


@dataclass(frozen=True)
class Identity:
    """A run: its folder's name, the sha256 of all in it that decides a piece, and of its weights alone; the step of a
    kept checkpoint, None for the best."""

    name: str
    hash: str
    weights: str
    checkpoint: int | None = None


@dataclass(frozen=True)
class LearnedFrom:
    """What the run learned from; hash: the manifest's."""

    name: str | None = None
    hash: str | None = None
    licence: str | None = None
    citation: str | None = None


@dataclass(frozen=True)
class Libraries:
    """Their versions."""

    torch: str | None = None
    numpy: str | None = None
    symusic: str | None = None
    music21: str | None = None
    matplotlib: str | None = None
    verovio: str | None = None
    typst: str | None = None
    soundfile: str | None = None


@dataclass(frozen=True)
class Record:
    """How a piece was made.

    seed: its own; place: which of the pieces that were composed together it is, from 0 (of a beam search, its rank).
    latents: the sha256 of those that were handed in. known: that of what a melody might not go on with (`original`).
    threads, device: of the arithmetic. title: where it is not the
    usual one.
    """

    erato: str
    run: Identity
    recipe: str
    seed: int
    settings: Settings
    strategy: str = ""
    place: int = 0
    corpus: LearnedFrom = field(default_factory=LearnedFrom)
    prompt: Source | None = None
    given: Source | None = None
    latents: str | None = None
    known: str | None = None
    threads: int = 1
    device: str = "cpu"
    libraries: Libraries = field(default_factory=Libraries)
    title: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Without what is not said, its keys in order, as they come back from files."""
        found: dict[str, Any] = pruned(json.loads(json.dumps(to_record(self), sort_keys=True, default=_plain)))
        return found


class Taken(NamedTuple):
    """A piece that was handed in, as it was when it was read, and the file that it came from."""

    source: Source
    path: Path | None


def read(value: Any) -> Record:
    """The record that JSON says; UsageError for what no record holds."""
    record = from_record(Record, value)
    hashes = [record.run.hash, record.run.weights, record.latents, record.known, record.corpus.hash]
    hashes += [source.sha256 for source in (record.prompt, record.given) if source]
    for one in hashes:
        if one is not None and (len(one) != _HASH or not set(one) <= set("0123456789abcdef")):
            raise UsageError(f"a sha256 has {_HASH} digits from 0 to f, got {one[: 2 * _HASH]!r}.")
    begin = record.settings.begin or ""
    if len(begin) > _BEGIN:
        raise UsageError(f"begin is a word or a pitch, got {begin[:_BEGIN]!r} and more.")
    if record.place < 0:
        raise UsageError(f"place must be 0 or more, got {record.place}.")
    return record


def take(piece: Piece | Path) -> Taken:
    """What is to be said of a piece, or of the file of a path."""
    if isinstance(piece, Path):
        return Taken(Source("file", file_hash(piece), piece.name), piece)
    if isinstance(piece, str):
        return Taken(Source("text", piece_hash(piece), text=piece if len(piece) <= SHORT else None), None)
    return Taken(Source("score", piece_hash(piece)), None)


def named(record: Mapping[str, Any], what: Literal["prompt", "given"], name: str) -> dict[str, Any]:
    """The record with the name of a piece that was handed in as a score."""
    return {**record, what: {**record[what], "name": name}} if what in record else dict(record)


def beside(
    record: Mapping[str, Any],
    written: Iterable[Path],
    folder: Path,
    run: Path,
    taken: Mapping[str, Path],
    asked: Mapping[str, int],
) -> dict[str, Any]:
    """What the `.json` in `folder` says: the record, what it was asked for with, each sha256, and where from there all
    lies that it needs."""
    where = {"run": run, **taken}
    return {
        "record": dict(record),
        **({"asked": dict(asked)} if asked else {}),
        "files": {path.name: file_hash(path) for path in written},
        "where": {name: _way(path, folder) for name, path in where.items()},
    }


def facts(record: Mapping[str, Any]) -> dict[str, str]:
    """What beside the seed decided a piece, for people: what it continues or goes with, how symbols were chosen."""
    found = {}
    for what in ("prompt", "given"):
        if what in record:
            found[what] = record[what].get("name") or record[what].get("text") or f"a {record[what]['kind']}"
    settings = record.get("settings", {})
    usual, said = to_record(Sampler()), {**settings.get("sampler", {}), **settings.get("beams", {})}
    changed = {name: value for name, value in said.items() if usual.get(name) != value}
    if changed:
        found["sampling"] = ", ".join(f"{name.replace('_', ' ')}{_amount(value)}" for name, value in changed.items())
    return found


def origin(record: Mapping[str, Any]) -> dict[str, str]:
    """What a piece owes to whom, for people: recipe, corpus, licence, citation."""
    corpus = record.get("corpus", {})
    named = {"learned from": corpus.get("name"), "licence": corpus.get("licence"), "citation": corpus.get("citation")}
    return {"recipe": record["recipe"], **{name: value for name, value in named.items() if value}}


def alone(settings: Settings, place: int) -> tuple[Settings, int, dict[str, int]]:
    """Settings that make one of the pieces asked for, its place among what they make, and what they leave out.

    That should not change a piece, but may where numbers are rounded: the pieces beside it, and drafts.
    """
    asked = {} if settings.draft is None else {"draft": int(settings.draft)}
    settings = replace(settings, draft=None)
    if settings.n == 1 or settings.beams is not None or settings.morph is not None:
        return settings, place, asked
    n, seed = int(settings.n), int(settings.seed)
    asked |= {"n": n, "seed": seed, "place": place}
    return replace(settings, n=1, seed=seed + place), 0, asked


def seeds(value: int | Sequence[int | None] | None) -> int | tuple[int | None, ...] | None:
    """Seeds of a part as plain numbers."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Sequence):
        return tuple(None if one is None else int(one) for one in value)
    return int(value)


def libraries() -> Libraries:
    """Those that are installed."""
    found = {}
    for one in fields(Libraries):
        with suppress(PackageNotFoundError):
            found[one.name] = version(one.name)
    return Libraries(**found)


def digest(parts: Iterable[bytes]) -> str:
    """The sha256 of several parts, each with its length."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def weights_hash(parts: Mapping[str, Tensor]) -> str:
    """The sha256 of the tensors of a model, by name, with their types and shapes."""
    found = hashlib.sha256()
    for name, part in sorted(parts.items()):
        found.update(f"{name} {part.dtype} {list(part.shape)}\n".encode())
        found.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def piece_hash(piece: Piece) -> str:
    """The sha256 of a text in UTF-8, or of all that a score holds."""
    data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else state(piece)
    return hashlib.sha256(data).hexdigest()


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def latents_hash(latents: Latents) -> str:
    return weights_hash(dict(latents))


def _amount(value: Any) -> str:
    return "" if value is True else f" {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _way(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _unsaid(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, tuple)) and not value)


def pruned(value: Any) -> Any:
    """JSON without the names of classes and without what is not said, which is what a class has of itself."""
    if isinstance(value, dict):
        return {key: pruned(one) for key, one in value.items() if key != "type" and not _unsaid(one)}
    return value


def _plain(value: Any) -> Any:
    """A number of NumPy as one of Python."""
    return value.item()
