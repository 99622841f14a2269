"""Makes a composed file again: the file in, the same bytes out, or a sentence that says what is different.

What it was made from, `erato.tracing` finds. Knows nothing of how files are drawn.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from erato import files, provenance
from erato.composing import Sample
from erato.errors import UsageError
from erato.provenance import Record, Settings
from erato.renderers import renderer_for
from erato.reporter import Reporter
from erato.run import Run, refuse_count
from erato.sampling import Latents
from erato.score import Piece
from erato.tracing import Found, find, latents_of, run_of, shown, source_of, stem

_MOST_TOGETHER = 1000  # pieces that are composed again with the one that is wanted


@dataclass(frozen=True)
class Replay:
    """A piece that was composed again, and the bytes of each of its files, by name.

    reason: what is not as it was, one sentence; empty where every byte is. notes: what is another here than there where
    the piece was made.
    """

    path: Path
    record: Record
    sample: Sample
    files: Mapping[str, bytes] = field(repr=False)
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether all files are the same to the byte."""
        return not self.reason

    def write(self, out: str | Path) -> list[Path]:
        """Writes what was made again: a file, or into a folder under the names it had; UsageError for what exists."""
        out = Path(out)
        folder = out.is_dir() or str(out).endswith(os.sep) or len(self.files) > 1
        paths = {(out / name if folder else out): data for name, data in self.files.items()}
        for path in paths:
            if path.exists() or (folder and out.exists() and not out.is_dir()):
                raise UsageError(f"{path if path.exists() else out} exists: give another name with --out.")
        for path, data in paths.items():
            files.write_bytes(path, data)
        return [*paths]


def replay(
    path: str | Path,
    run: str | Path | Run | None = None,
    *,
    prompt: Piece | Path | None = None,
    given: Piece | Path | None = None,
    latents: Latents | None = None,
    reporter: Reporter | None = None,
) -> Replay:
    """Composes and draws again what `path` is, or, of a `.json` that compose wrote, all that it names.

    run: where the one that made it lies, where that is not found; prompt, given, latents: what it was made from, where
    that is not found. Raises UsageError and RunError for what is missing or another: a record, the run, its weights,
    the prompt.
    """
    reporter = reporter or Reporter()
    found = find(Path(path))
    record = found.record
    refuse_count(record.settings.n)
    made_by = run_of(found, run)
    _refuse_other_pieces(record, made_by, reporter)
    handed: dict[str, Any] = {
        "prompt": source_of(found, made_by, "prompt", record.prompt, prompt),
        "given": source_of(found, made_by, "given", record.given, given),
        "latents": latents_of(found, latents),
    }
    handed = {name: value for name, value in handed.items() if value is not None}
    notes = _changes(record, made_by)
    for note in notes:
        reporter.note(f"Not as it was: {note}.")
    best: Replay | None = None
    with _threads(record.threads):
        for settings, place in _ways(found):
            samples = made_by.sample(**handed, **settings.arguments(), reporter=reporter)
            if place >= len(samples):
                break
            sample = replace(samples[place], record=found.said)
            data = _drawn(made_by, sample, [wanted.name for wanted in found.wanted])
            best = Replay(found.path, record, sample, data, _reason(found, data, notes), notes)
            if best.identical:
                break
    if best is None:
        raise UsageError(f"{shown(found.path.name)} says of itself what its settings do not give: it was edited.")
    return best


def _refuse_other_pieces(record: Record, run: Run, reporter: Reporter) -> None:
    """UsageError where a piece was held against training pieces that are others now, or not there."""
    notes = record.settings.original
    if notes is not None and run.known(notes, reporter).digest != record.known:
        raise UsageError(
            f"the piece has no more than {notes} notes in a row of a training melody, and the pieces that the run "
            "learned from are others now: put them back as they were."
        )


def _ways(found: Found) -> Iterator[tuple[Settings, int]]:
    """What to ask for, and which piece of what comes of it: the piece alone, which is quick, then as it was asked for.

    A piece that is composed beside others, or drafted otherwise, may be rounded otherwise than alone.
    """
    settings, asked = found.record.settings, found.asked
    if (settings.morph_steps or settings.n) <= _MOST_TOGETHER:
        yield settings, found.record.place
    if asked and asked.get("n", 1) <= _MOST_TOGETHER and settings.beams is None and settings.morph is None:
        n, seed, draft = (asked.get(name, getattr(settings, name)) for name in ("n", "seed", "draft"))
        yield replace(settings, n=n, seed=seed, draft=draft), asked.get("place", found.record.place)


def _drawn(run: Run, sample: Sample, names: list[str]) -> dict[str, bytes]:
    """The files of a piece by name, as `Run.write` writes them."""
    found = {}
    with TemporaryDirectory() as folder:
        for name in names:
            renderer = renderer_for(Path(name))
            (path,) = run.write_as(sample, Path(folder), stem(name), [renderer])
            found[name] = path.read_bytes()
    return found


def _reason(found: Found, made: Mapping[str, bytes], notes: tuple[str, ...]) -> str:
    """What is not as it was, in one sentence; nothing where all is."""
    why = f" ({'; '.join(notes)})" if notes else ""
    for wanted in found.wanted:
        name, now = shown(wanted.name), hashlib.sha256(made[wanted.name]).hexdigest()
        if now == (wanted.there or wanted.written):
            continue
        if wanted.there is None:
            return f"{name} is not there, and was made again with other bytes than it had{why}."
        if wanted.written is None:
            return (
                f"{name} was made again, but the bytes differ{why}: it was edited or renamed, or comes from a machine "
                "that counts otherwise."
            )
        if wanted.there == wanted.written:
            return f"{name} is as it was written, but was made again with other bytes{why}."
        as_written = "" if now == wanted.written else f", and was made again with other bytes than it had{why}"
        return f"{name} was edited since it was written{as_written}: its sha256 is not the one in its .json."
    return ""


def _changes(record: Record, run: Run) -> tuple[str, ...]:
    """What the piece was made with that is another, or not there, here."""
    then, now = asdict(record.libraries), asdict(provenance.libraries())
    device = next((part.device.type for part in run.model.parameters()), "cpu")
    pairs = {"erato": (record.erato, provenance.VERSION), "device": (record.device, device)}
    pairs |= {name: (one or "missing", now[name] or "missing") for name, one in then.items()}
    found = [f"{name} {shown(one)} then, {other} now" for name, (one, other) in pairs.items() if one != other]
    if record.threads > (os.cpu_count() or 1):
        found.append(f"{record.threads} threads then, at most {os.cpu_count()} now")
    return tuple(found)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many threads as then, where the machine has them: sums are rounded by how they are shared out."""
    before = torch.get_num_threads()
    if 1 <= count <= (os.cpu_count() or 1):
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
