"""A corpus that is a list of files: reads them once, keeps what was read, groups and splits. Knows nothing of
any one corpus.

`FileCorpus` is the base of every corpus here; a subclass says which files there are and what is known of
them.
"""

import hashlib
import json
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from erato import reading
from erato.corpora.base import Corpus, Entry, Kind, Pieces, Progress
from erato.corpora.scan import (
    Facts,
    Job,
    Source,
    Verdict,
    digest,
    first_files,
    only_files,
    piece_name,
    reading_version,
    scan,
)
from erato.corpora.sketch import BINS, works
from erato.corpora.splits import BY_GROUP, BY_TIME, assign, cut
from erato.corpora.store import DiskStore, StoreWriter, cache_folder, pack
from erato.corpora.tracks import check_wanted
from erato.errors import CorpusError, UsageError
from erato.reading.opening import printable

FORMAT = 4  # of stores, and of the rules for duplicates, groups and cuts: raise it when one changes


class FileCorpus(Corpus):
    """A corpus whose pieces come from files."""

    track: tuple[str, ...] = ()
    max_files: int | None = None
    only: tuple[str, ...] = ()
    job: Job = Job()  # how its files are read

    def narrow(self, track: Sequence[str], max_files: int | None, only: Sequence[str] = ()) -> None:
        """Narrows it down to some tracks, to files by name and to the first; UsageError for what can never be."""
        check_wanted(track)
        if max_files is not None and max_files < 1:
            raise UsageError(f"--max-files must be 1 or more, got {max_files}.")
        self.track, self.max_files, self.only = tuple(track), max_files, tuple(map(printable, only))

    @abstractmethod
    def sources(self, progress: Progress | None = None) -> list[Source]:
        """The files, in order; CorpusError where they are not there."""

    def origin(self, source: Source) -> str:
        """Where a file comes from, for the manifest."""
        return self.homepage

    def pieces(self, kind: Kind, *, seed: int = 0, progress: Progress | None = None) -> Pieces:
        if self.kind not in (kind, "any"):
            raise CorpusError(f"{self.name} is {self.kind}, and {kind} is wanted: choose another corpus or recipe.")
        sources = only_files(self.sources(progress), self.only, self.name)
        sources = first_files(sources, self.max_files)
        root = cache_folder()
        job = replace(self.job, kind=kind, track=self.track, keep=True, readings=root / "readings")
        digests = []
        for number, source in enumerate(sources, 1):
            digests.append(digest(job, source))
            if progress:
                progress(number, len(sources), "looking")
        store = DiskStore.open(root / "corpora" / _key(job, sources, digests))
        if store is None:
            store = self._build(sources, job, progress)
        return self._split(store, kind, seed)

    def _build(self, sources: Sequence[Source], job: Job, progress: Progress | None) -> DiskStore:
        """Reads all files into a new store."""
        verdicts: list[Verdict] = []
        with StoreWriter(cache_folder() / "corpora") as writer:
            for verdict in scan(sources, job, progress):
                for facts in verdict.pieces:
                    writer.append(facts.packed)
                    facts.packed = b""
                verdicts.append(verdict)
            if not len(writer):
                raise CorpusError(self._nothing(verdicts, job.kind))
            digests = [verdict.sha256 for verdict in verdicts]
            manifest = self._manifest(verdicts, job)
            groups = {piece["group"] for file in manifest["files"] for piece in file.get("pieces", ())}
            published = any(piece["split"] for file in manifest["files"] for piece in file.get("pieces", ()))
            if len(groups) > 1 or published:
                return writer.finish(_key(job, sources, digests), manifest)
            with StoreWriter(cache_folder() / "corpora") as parts:
                self._cut(writer, parts, manifest)
                return parts.finish(_key(job, sources, digests), manifest)

    def _cut(self, whole: StoreWriter, parts: StoreWriter, manifest: dict[str, Any]) -> None:
        """Cuts every piece in three: how a corpus of one work still holds something out."""
        number = 0
        for file in manifest["files"]:
            pieces = []
            for piece in file.get("pieces", ()):
                for split, part in (cut(whole.read(number)) or {}).items():
                    facts = {"chars": len(part)} if isinstance(part, str) else _numbers(part)
                    pieces.append(piece | {"name": f"{piece['name']} ({split})", "split": split} | facts)
                    parts.append(pack(part))
                number += 1
            if pieces:
                file["pieces"] = pieces
            elif file.pop("pieces", None):
                message = f"{file['name']} is too short to hold something out of it."
                file |= {"verdict": "skipped", "reason": "too-short", "message": message}
        manifest["splits"] = BY_TIME
        if not len(parts):
            raise CorpusError(f"{self.name} is too small: nothing can be held out of one short piece; add more pieces.")

    def _nothing(self, verdicts: Sequence[Verdict], kind: str) -> str:
        reasons = Counter(verdict.reason for verdict in verdicts if verdict.verdict == "skipped")
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        files = f"{len(verdicts)} files" if len(verdicts) != 1 else "one file"
        found = f"{files} ({why})" if verdicts else "no files"
        first = next((f" The first: {v.message}" for v in verdicts if v.reason not in ("", "unsupported")), "")
        return f"There is no {kind} to learn from in {self.name}: {found}; `erato check` says why.{first}"

    def _manifest(self, verdicts: Sequence[Verdict], job: Job) -> dict[str, Any]:
        """All that is known, without what a seed decides."""
        groups = iter(_groups(verdicts))
        kept, left_out = Counter[str](), Counter[str]()
        files = []
        for verdict in verdicts:
            kept.update(verdict.kept)
            left_out.update(verdict.left_out)
            record: dict[str, Any] = {
                "name": verdict.source.name,
                "sha256": verdict.sha256,
                "size": verdict.size,
                "origin": self.origin(verdict.source),
                "licence": self.licence,
                "verdict": verdict.verdict,
            }
            optional = {
                "reason": verdict.reason,
                "message": verdict.message,
                "duplicate_of": verdict.duplicate_of,
                "lost": verdict.lost,
                "tracks_left_out": verdict.left_out,
                "repeated": verdict.repeated,
            }
            record |= {key: value for key, value in optional.items() if value}
            if verdict.verdict in ("used", "flagged"):
                record["pieces"] = [_record(verdict, facts, next(groups)) for facts in verdict.pieces]
            files.append(record)
        return {
            "splits": BY_GROUP,
            "tracks": {
                "asked": list(job.track) or "all with notes",
                "kept": dict(kept.most_common()),
                "left_out": dict(left_out.most_common()),
            },
            "files": files,
        }

    def _split(self, store: DiskStore, kind: Kind, seed: int) -> Pieces:
        """The pieces of a store, split by this seed."""
        files = store.manifest["files"]
        records = [(file["name"], piece) for file in files for piece in file.get("pieces", ())]
        splits = assign([piece["group"] for _, piece in records], [piece["split"] for _, piece in records], seed)
        if not {"train", "valid"} <= set(splits):
            raise CorpusError(
                f"{self.name} is too small: nothing is left to learn from or to hold out; add more pieces."
            )
        entries = []
        for (file, piece), split in zip(records, splits, strict=True):
            piece["split"] = split
            numbers = piece.get("notes", 0), piece.get("seconds", 0.0), piece.get("chars", 0)
            entries.append(Entry(piece["name"], file, piece["group"], split, *numbers))
        identity = hashlib.sha256(f"{store.folder.name} {seed}".encode()).hexdigest()
        about = {
            "corpus": self.name,
            "summary": self.summary,
            "licence": self.licence,
            "citation": self.citation,
            "homepage": self.homepage,
            "kind": kind,
            "seed": seed,
            "hash": identity,
            "reading": reading.VERSION,
            "max_files": self.max_files,
            "only": list(self.only),
        }
        return Pieces(self.name, kind, identity, about | store.manifest, entries, store)


def _key(job: Job, sources: Sequence[Source], digests: Sequence[str | None]) -> str:
    """What determines the pieces, their order and their groups, as one sha256."""
    named = [(source.name, digest, source.group, source.split) for source, digest in zip(sources, digests, strict=True)]
    facts = [FORMAT, job.kind, job.track, job.version, reading_version(), named]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _numbers(part: Any) -> dict[str, Any]:
    from erato.score import note_count, seconds

    return {"notes": note_count(part), "seconds": round(seconds(part), 3)}


def _record(verdict: Verdict, facts: Facts, group: str) -> dict[str, Any]:
    numbers = {"notes": facts.notes, "seconds": facts.seconds} if facts.notes else {"chars": facts.chars}
    return {
        "name": piece_name(verdict.source.name, facts.name),
        "group": group,
        "split": facts.split,
        **numbers,
    }


_VERSION_MARK = re.compile(r"(\s*\(\d+\)|[ _-]+(v|ver|version|copy|take)[ _-]?\d*|[ _-]+copy)$", re.IGNORECASE)


def _title(source: Source, piece: str) -> str:
    """The work that a file says it is: "song (1).mid", "song_v2.mid" and "song.musicxml" are versions of
    one.
    """
    if source.group is not None:
        return piece_name(f"\0{source.group}", "")
    path = PurePosixPath(source.name)
    stem = path.name.removesuffix(reading.suffix_of(source.name)) or path.name
    while (shorter := _VERSION_MARK.sub("", stem)) and shorter != stem:
        stem = shorter
    return piece_name(str(path.parent / stem.casefold()), piece)


def _groups(verdicts: Sequence[Verdict]) -> list[str]:
    """The group of every kept piece: its work, named so that it keeps its name when files are added."""
    found = [(v.source, facts) for v in verdicts for facts in v.pieces]
    names = [piece_name(source.name, facts.name) for source, facts in found]
    folders = [str(PurePosixPath(source.name).parent) for source, _ in found]
    scored = {folder for folder, (source, _) in zip(folders, found, strict=True) if _is_score(source)}
    titles = [
        folder if folder in scored and source.group is None else _title(source, facts.name)
        for folder, (source, facts) in zip(folders, found, strict=True)
    ]
    nothing = np.zeros(BINS, np.uint32)  # a text has no outline, and is like nothing else
    outlines = [nothing if facts.outline is None else facts.outline for _, facts in found]
    first = works(outlines, folders, titles)
    in_folder = Counter(folders)
    together = Counter(zip(first, folders, strict=True))
    groups: list[str] = []
    for index, leader in enumerate(first):
        folder, source = folders[leader], found[leader][0]
        if leader != index:
            groups.append(groups[leader])
        elif source.group is not None:
            groups.append(source.group)
        elif in_folder[folder] > 1 and together[leader, folder] == in_folder[folder] and folder != ".":
            groups.append(folder)
        else:
            groups.append(names[leader])
    return groups


def _is_score(source: Source) -> bool:
    """Whether a file says that it is the score of the work whose performances lie beside it."""
    stem = PurePosixPath(source.name).name.split(".")[0].casefold()
    return stem in ("midi_score", "xml_score")
