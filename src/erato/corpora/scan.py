"""From files to what is in them: who is read, how, and the verdict on each. Knows nothing of splits and of
any one corpus.

Sources (a name and a path) flow in; verdicts flow out in the same order, each with its pieces. Reading is
done by a few processes where there is enough to do; what comes back from them is small, unless the pieces
themselves are asked for.
"""

import contextlib
import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Literal

from erato import reading, score
from erato.corpora import tracks, workers
from erato.corpora.base import Progress, Split
from erato.corpora.sketch import Outline, fingerprint, outline
from erato.corpora.store import load_reading, pack, save_reading, unpack
from erato.errors import ReadError, unknown
from erato.reading import Limits, NamedPiece, Reading
from erato.reading.guard import expendable
from erato.reading.opening import bytes_of, shown

REASONS = reading.REASONS | {  # the closed list of why a file is skipped
    "other-kind": "readable, but text where music is wanted or music where text is wanted",
    "no-track": "none of its tracks is one that was asked for",
    "too-short": "the only work there is, and too short to hold something out of it",
}
CHUNK = 32  # quick files a worker takes at a time
FEW = 64  # quick files that are read here, because processes would take longer to start

LIMITS = Limits()
Adapt = Callable[[Reading, str], Reading]  # what was read, and the name of the file


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a corpus: what the manifest calls it, and where it is."""

    name: str
    place: str  # its path, as the text that takes least memory: there may be very many
    group: str | None = None  # the work it belongs to, where the corpus knows
    split: Split | None = None  # where the corpus says so
    trouble: str | None = None  # why it cannot be read, where that is known already

    @property
    def path(self) -> Path:
        return Path(self.place)


@dataclass(frozen=True)
class Job:
    """How to read the files of a corpus."""

    kind: Literal["music", "text", "any"] = "any"
    track: tuple[str, ...] = ()
    keep: bool = False  # whether the pieces themselves are wanted
    readings: Path | None = None  # where what was read slowly is kept
    adapt: Adapt | None = None  # what a corpus does with what was read; its result may be of the other kind
    version: str = ""  # of `adapt`
    limits: Limits = LIMITS


@dataclass(slots=True)
class Facts:
    """One piece of a file."""

    name: str  # within its file; "" where the file is one piece
    split: Split | None
    notes: int
    seconds: float
    chars: int
    fingerprint: bytes  # equal: the same piece
    outline: Outline | None = None  # None for text
    packed: bytes = b""  # the piece itself, where it is wanted


@dataclass(slots=True)
class Verdict:
    """What became of one file."""

    source: Source
    size: int = 0
    sha256: str | None = None  # None: it was not read to its end
    verdict: Literal["used", "flagged", "skipped", "duplicate"] = "used"
    reason: str = ""  # skipped: one of REASONS
    message: str = ""
    duplicate_of: str = ""
    lost: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)  # tracks
    left_out: list[str] = field(default_factory=list)
    pieces: list[Facts] = field(default_factory=list)
    written: int | None = None  # notes that the file holds, where that is known: kept, or dropped and counted in `lost`
    repeated: dict[str, str] = field(default_factory=dict)  # pieces that another file holds: {piece: file}


def scan(sources: Sequence[Source], job: Job, progress: Progress | None = None) -> Iterator[Verdict]:
    """The verdict on every file, in order; a file that was seen before is a duplicate."""
    seen: dict[bytes, str] = {}
    for number, verdict in enumerate(_read_all(sources, job), 1):
        _find_duplicates(verdict, seen)
        yield verdict
        if progress:
            progress(number, len(sources), "reading")


def _read_all(sources: Sequence[Source], job: Job) -> Iterator[Verdict]:
    work = partial(read, job)
    slow = sum(reading.slow(source.name) for source in sources)
    processes = workers.processors()
    if processes == 1 or (slow < 2 and len(sources) <= FEW):
        return map(work, sources)
    return workers.ordered(partial(_read_in_worker, job), _chunks(sources), _failed, processes)


def _read_in_worker(job: Job, source: Source) -> Verdict:
    """The same in a process that is there for this alone, and may die of it."""
    expendable()
    return read(job, source)


def _chunks(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Slow files one by one, quick ones many at a time."""
    size = max(1, min(CHUNK, len(sources) // (4 * workers.processors())))
    chunk: list[Source] = []
    for source in sources:
        if reading.slow(source.name):
            if chunk:
                yield chunk
            yield [source]
            chunk = []
            continue
        chunk.append(source)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _failed(source: Source, why: str) -> Verdict:
    reason = "timeout" if why.startswith("reading it took") else "crashed"
    return Verdict(source, verdict="skipped", reason=reason, message=f"{source.name} cannot be read: {why}.")


def read(job: Job, source: Source) -> Verdict:
    """The verdict on one file by itself; never raises for anything that a file can hold."""
    verdict = Verdict(source)
    try:
        _read(job, source, verdict)
    except ReadError as error:
        verdict.verdict, verdict.reason, verdict.message = "skipped", error.reason, error.message
    except MemoryError:
        verdict.verdict, verdict.reason = "skipped", "too-large"
        verdict.message = f"{source.name} needs more memory than there is."
    except Exception as error:  # a defect of ours or of a library: it must not cost the other files
        verdict.verdict, verdict.reason = "skipped", "crashed"
        verdict.message = shown(f"{source.name} cannot be read: {type(error).__name__}: {str(error)[:200]}")
    if verdict.verdict == "skipped":
        verdict.pieces = []
    return verdict


def _read(job: Job, source: Source, verdict: Verdict) -> None:
    data = _bytes(source, job, verdict)
    result = _pieces(job, source, data, verdict)
    if job.adapt:
        result = job.adapt(result, source.name)
    lost = Counter(result.lost)
    verdict.written = result.written
    for named in result.pieces:
        try:
            verdict.pieces.append(_facts(job, source, named, verdict))
        except ReadError as error:  # one tune of a book must not cost the others
            if len(result.pieces) == 1:
                raise
            lost[f"pieces: {REASONS.get(error.reason, error.reason)}"] += 1
            last = error
    if not verdict.pieces:
        raise last
    verdict.lost = dict(lost)
    if verdict.lost:
        verdict.verdict = "flagged"


def _bytes(source: Source, job: Job, verdict: Verdict) -> bytes:
    """The bytes of a file of the right kind; size and sha256 are noted."""
    _refuse(job, source)
    most = _most(job, source)
    data, verdict.size = bytes_of(source.path, source.name, most)
    if len(data) <= most:
        verdict.sha256 = hashlib.sha256(data).hexdigest()
    return data


def _refuse(job: Job, source: Source) -> None:
    """ReadError for what is known not to be readable before it is opened."""
    if source.trouble:
        raise ReadError("unreadable", f"{source.name} cannot be read: {source.trouble}.")
    kind = _kind(source)
    if kind is None:
        known = " ".join(sorted(reading.SUFFIXES))
        raise ReadError("unsupported", f"{source.name} is of a kind that is not read; what is: {known}.")
    if job.kind not in (kind, "any") and job.adapt is None:
        raise ReadError("other-kind", f"{source.name} is {kind}, and {job.kind} is wanted.")


def _kind(source: Source) -> str | None:
    """Whether a file is music or text, by its name."""
    suffix = reading.SUFFIXES.get(reading.suffix_of(source.name))
    return suffix and ("text" if suffix == "text" else "music")


def _most(job: Job, source: Source) -> int:
    return job.limits.text_bytes if _kind(source) == "text" else job.limits.file_bytes


def digest(job: Job, source: Source) -> str | None:
    """The sha256 that `read` will note, without reading pieces."""
    try:
        _refuse(job, source)
        data, _ = bytes_of(source.path, source.name, _most(job, source))
    except (ReadError, MemoryError):
        return None
    return hashlib.sha256(data).hexdigest() if len(data) <= _most(job, source) else None


def first_files(sources: list[Source], most: int | None) -> list[Source]:
    """The first `most` files that are of a kind that is read; all of them where that is None."""
    if most is None:
        return sources
    return [source for source in sources if _kind(source)][:most]


def only_files(sources: list[Source], only: Sequence[str], corpus: str) -> list[Source]:
    """The files that `only` names, in order; all of them where it names none.

    A name is the path of a file within its corpus, else the last part of it, which takes every file that is called so;
    accents may be composed or not. UsageError for a name that no file has.
    """
    if not only:
        return sources
    called: dict[str, set[int]] = {}
    ended: dict[str, set[int]] = {}
    for index, source in enumerate(sources):
        path = _composed(source.name)
        called.setdefault(path, set()).add(index)
        ended.setdefault(path.rpartition("/")[2], set()).add(index)
    wanted: set[int] = set()
    for name in only:
        path = str(PurePosixPath(_composed(name)))
        found = called.get(path) or ended.get(path)
        if found is None:
            raise unknown(f"file of {corpus}", name, [source.name for source in sources])
        wanted |= found
    return [sources[index] for index in sorted(wanted)]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _pieces(job: Job, source: Source, data: bytes, verdict: Verdict) -> Reading:
    """The pieces of a file; from what was kept of it where reading it is slow."""
    kept = None
    if job.readings and verdict.sha256 and reading.slow(source.name):
        suffix = reading.suffix_of(source.name).removeprefix(".")
        kept = job.readings / verdict.sha256[:2] / f"{verdict.sha256}-{suffix}-{reading_version()}"
        if found := load_reading(kept):
            head, packed = found
            heads = zip(head["pieces"], packed, strict=True)
            return Reading([NamedPiece(name, unpack(data), split) for (name, split), data in heads], head["lost"])
    result = reading.read_bytes(data, os.path.basename(source.name), job.limits)  # noqa: PTH119 (a name, not a path)
    if kept:
        head = {"pieces": [(named.name, named.split) for named in result.pieces], "lost": result.lost}
        with contextlib.suppress(OSError):  # a full disk must not cost the piece
            save_reading(kept, head, [pack(named.piece) for named in result.pieces])
    return result


@cache
def reading_version() -> str:
    """What, besides its bytes, determines the pieces of a file."""
    from importlib.metadata import version

    return "-".join([str(reading.VERSION), version("symusic"), version("music21")])


def _facts(job: Job, source: Source, named: NamedPiece, verdict: Verdict) -> Facts:
    piece, split = named.piece, named.split or source.split
    if isinstance(piece, str):
        if job.kind == "music":
            raise ReadError("other-kind", f"{source.name} is text, and music is wanted.")
        digest = hashlib.sha256(piece.encode()).digest()[:16]
        return Facts(named.name, split, 0, 0.0, len(piece), digest, None, pack(piece) if job.keep else b"")
    piece, kept, left_out = tracks.select(piece, job.track, source.name)
    if not verdict.pieces:
        verdict.kept, verdict.left_out = kept, left_out
    facts = Facts(named.name, split, score.note_count(piece), 0.0, 0, fingerprint(piece))
    if job.keep:
        facts.seconds, facts.outline, facts.packed = round(score.seconds(piece), 3), outline(piece), pack(piece)
    return facts


def _find_duplicates(verdict: Verdict, seen: dict[bytes, str]) -> None:
    """Notes what this file repeats; `seen` says which file held what.

    Published splits are kept whole: a file that brings its own is a duplicate as a whole or not at all.
    """
    if verdict.verdict == "skipped":
        return
    assert verdict.sha256
    name = verdict.source.name
    whole = bytes.fromhex(verdict.sha256)
    of = seen.get(whole)
    if of is None and all(facts.fingerprint in seen for facts in verdict.pieces):
        of = seen[verdict.pieces[0].fingerprint]
    if of is not None:
        verdict.verdict, verdict.duplicate_of, verdict.pieces = "duplicate", of, []
        return
    seen[whole] = name
    keep = []
    for facts in verdict.pieces:
        if facts.split or facts.fingerprint not in seen:
            keep.append(facts)
            seen.setdefault(facts.fingerprint, name)
        else:
            verdict.repeated[piece_name(name, facts.name)] = seen[facts.fingerprint]
    verdict.pieces = keep


def piece_name(file: str, piece: str) -> str:
    """What a piece is called in its corpus."""
    return f"{file}#{piece}" if piece else file
