"""READ FIRST: the whole way from a folder of music to new music, in the order it happens.

    train(recipe) -> Run        corpus, representation, windows, model, training, run folder
    load(path) -> Run           a run folder, ready to use
    Run.compose(...) -> [piece] sampling, and back through the representation
    render(piece, path)         one file, by suffix

The command line calls these same functions. They print nothing: who wants to see progress hands in a `Reporter`.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

import erato
from erato import corpora, datasets, models, recipes, representations, training
from erato.config import from_record, lookup, override, to_record
from erato.corpora.base import Corpus, Pieces, Report
from erato.datasets import Encodings, WindowDataset, encode_corpus
from erato.errors import CorpusError, RunError, UsageError
from erato.files import write_json, write_text
from erato.models.base import SequenceModel
from erato.models.describe import describe
from erato.reading import read_file
from erato.recipe import Recipe
from erato.render import renderer_for
from erato.render.base import About
from erato.representations.base import Representation
from erato.sampling import Sampled, Sampler, Stop, sample
from erato.score import Piece, Score, bar_line, bars, clip, has_pickup, seconds, tick_at
from erato.training.checkpoint import kept, load_weights

_LIBRARIES = ("torch", "numpy", "symusic", "music21", "safetensors")
_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in [*representations.REPRESENTATIONS.values(), *models.MODELS.values(), *training.OBJECTIVES.values()]
}
_SEEDS = 64  # windows of the training pieces that a run keeps to begin from
_PIECE_NUMBER = re.compile(r"\.?(\d+)-")
_LISTEN = 200  # symbols of the samples written while training


class Reporter:
    """What a long call tells while it works; this one tells nobody."""

    def note(self, text: str) -> None:
        """Something the person should know, one sentence."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """How far a step before training has come."""

    def training(self, progress: training.Progress) -> None:
        """Where training stands."""


@dataclass(frozen=True)
class Sample:
    """A composed piece and how it came about.

    log_prob: of the new symbols, in nats, at temperature 1. bars, seconds: of new music; bars is None where there are none.
    """

    piece: Piece
    seed: int
    log_prob: float
    symbols: int
    bars: int | None
    seconds: float | None


def check(path: str | Path, max_files: int | None = None, reporter: Reporter | None = None) -> Report:
    """What can be read at `path`, what not and why."""
    return corpora.check(Path(path), max_files=max_files, progress=(reporter or Reporter()).progress)


def train(
    recipe: str | Recipe,
    corpus: str | Path | Corpus | None = None,
    out: str | Path | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    settings: Sequence[str] = (),
    keep_every: int | None = None,
    track: Sequence[str] = (),
    max_files: int | None = None,
    from_file: str | Path | None = None,
    precision: Literal["float32", "bfloat16"] | None = None,
    seed: int | None = None,
    reporter: Reporter | None = None,
) -> "Run":
    """Trains a recipe on a corpus (a name, or a folder or file) and leaves a run folder at `out`.

    A budget given here replaces the recipe's; settings: "model.width=256". A folder that holds the same recipe on the same
    corpus, unfinished, is gone on with; any other existing folder is refused. Raises EratoError, KeyboardInterrupt (saved).
    """
    reporter = reporter or Reporter()
    recipe = _resolved(recipe, minutes, steps, epochs, settings, keep_every, precision, seed)
    if out is not None:
        _refuse_foreign(Path(out))
    name = recipe.corpus if corpus is None else corpus
    if not isinstance(name, Corpus):
        source = Path(from_file) if from_file else None
        name = corpora.find(str(name), track=track, max_files=max_files, from_file=source)
    pieces = name.pieces(recipe.representation.kind, seed=recipe.seed, progress=reporter.progress)
    encodings = encode_corpus(pieces, recipe.representation, reporter.progress)
    dataset = WindowDataset(encodings, recipe.windows, recipe.seed, pieces.name)
    if not any(map(len, encodings.part("valid"))):
        raise CorpusError(f"{pieces.name} has no held-out piece to measure by: add pieces (at least two different ones).")

    record = _record(recipe, pieces)
    folder = Path(out) if out is not None else _default_folder(recipe, pieces, record)
    goes_on = _goes_on(folder, record)
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(encodings.representation.space).to(_device())
    if goes_on:
        reporter.note(f"{folder} holds this run, unfinished: going on where it stopped.")
    else:
        _write_run(folder, record, recipe, pieces, encodings, model)
    reporter.note(_summary(folder, pieces, encodings, model))
    run = Run(folder, recipe, encodings.representation, model)
    training.train(
        model,
        encodings,
        dataset,
        recipe.objective,
        recipe.training,
        folder,
        seed=recipe.seed,
        listen=lambda _, step: run._listen(step),
        report=reporter.training,
    )
    return load(folder)


def load(path: str | Path, checkpoint: int | None = None) -> "Run":
    """The run in the folder `path`, with its best weights or those kept at step `checkpoint`; RunError says what is wrong."""
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"there is no run folder at {folder}: train one, or give the folder that `erato train` named.")
    record = _read_json(folder, "recipe.json")
    if not isinstance(record, dict) or "recipe" not in record:
        raise RunError(f"{folder / 'recipe.json'} is not the recipe of a run: give a folder that `erato train` made.")
    try:
        recipe = from_record(Recipe, record["recipe"], _CLASSES)
        representation = recipe.representation.restore(_read_json(folder, "representation.json"))
        model = recipe.model.build(representation.space)
    except UsageError as error:
        raise RunError(f"{folder} cannot be used: {error}") from None
    weights = folder / "model.safetensors"
    if checkpoint is not None:
        found = dict(kept(folder / "steps"))
        if checkpoint not in found:
            there = ", ".join(map(str, found)) or "none (train with --keep-every N to keep some)"
            raise RunError(f"{folder} keeps no checkpoint of step {checkpoint}; there is {there}.")
        weights = found[checkpoint]
    elif not weights.is_file():
        raise RunError(f"{weights} is missing: training had not come to its first evaluation, or the file was removed.")
    load_weights(model, weights)
    return Run(folder, recipe, representation, model.to(_device()).eval())


def render(piece: Piece | Sample, path: str | Path, title: str = "", facts: dict[str, str] | None = None) -> Path:
    """Writes a piece as the kind of file that the suffix of `path` names; overwrites."""
    path = Path(path)
    renderer_for(path).write(piece.piece if isinstance(piece, Sample) else piece, path, About(title, facts or {}))
    return path


class Run:
    """A trained model with all it needs, in a folder."""

    def __init__(self, folder: Path, recipe: Recipe, representation: Representation, model: SequenceModel) -> None:
        self.folder, self.recipe, self.representation, self.model = folder, recipe, representation, model

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, recipe={self.recipe.name!r})"

    @property
    def manifest(self) -> dict[str, Any]:
        """The corpus that the run learned from, file by file."""
        found: dict[str, Any] = _read_json(self.folder, "manifest.json")
        return found

    def compose(self, prompt: Piece | Path | None = None, **settings: Any) -> list[Piece]:
        """New pieces; takes what `sample` takes."""
        return [sampled.piece for sampled in self.sample(prompt, **settings)]

    def sample(
        self,
        prompt: Piece | Path | None = None,
        *,
        n: int = 1,
        seed: int = 0,
        bars: int | None = None,
        seconds: float | None = None,
        length: int | None = None,
        begin: Literal["nothing", "window"] | None = None,
        sampler: Sampler | None = None,
        reporter: Reporter | None = None,
        **changes: Any,
    ) -> list[Sample]:
        """`n` new pieces, piece i with seed `seed` + i, of exactly `bars` bars, `seconds` seconds or `length` symbols.

        prompt: a score, text, or path of a file to continue; the piece then begins with it. begin: without a prompt, from
        nothing or from a window of the training pieces (which is not part of the piece). changes: fields of Sampler, as in
        temperature=0.8. Raises UsageError for what cannot be done.
        """
        reporter = reporter or Reporter()
        _check_counts(n, seed, bars, seconds, length)
        rule = sampler or self.recipe.sampler
        if changes:
            try:
                rule = replace(rule, **changes)
            except TypeError:
                known = sorted(to_record(rule).keys() - {"type"})
                raise UsageError(f"compose takes no {', '.join(changes)}; of the sampler it takes {', '.join(known)}.") from None
        given = self._prompt(prompt, reporter)
        seeds = [seed + index for index in range(n)]
        if given is None and (begin or self.recipe.begin) == "window":
            results = []
            for one in seeds:  # each piece has a window of its own
                results += self._continue(self._seed_window(one), [one], rule, bars, seconds, length, keep=False)
            return results
        return self._continue(given, seeds, rule, bars, seconds, length, keep=True)

    def _continue(
        self,
        given: np.ndarray[Any, Any] | None,
        seeds: list[int],
        rule: Sampler,
        new_bars: int | None,
        new_seconds: float | None,
        length: int | None,
        keep: bool,
    ) -> list[Sample]:
        """Samples on from `given`; the pieces begin with it if `keep`."""
        prompt = np.empty(0, np.int64) if given is None else given
        space, decode = self.representation.space, self.representation.decode
        reached = self.representation.cursor(1)
        for symbol in prompt:
            reached.push(np.array([symbol]))
        done_bars = done_seconds = 0
        stop = Stop(length, new_bars, new_seconds)
        if stop == Stop():
            stop = Stop(length=self.recipe.length)
        before = decode(prompt) if len(prompt) and keep else None
        if isinstance(before, Score) and reached.bars is not None:
            done_bars = len(bars(before)) - has_pickup(before)
            if new_bars is not None:  # the bar that the prompt stops in is finished first
                stop = replace(stop, bars=new_bars + done_bars - int(reached.bars[0]))
        if before is not None and reached.seconds is not None:
            done_seconds = float(reached.seconds[0])
        cursor = self.representation.cursor(len(seeds))
        found = []
        for sampled in sample(self.model, prompt, cursor, space, seeds, rule, stop):
            array = np.concatenate([prompt, sampled.array]) if keep else sampled.array
            piece = decode(array)
            if isinstance(piece, Score):
                piece = _fitted(piece, done_bars, new_bars, done_seconds, new_seconds)
            found.append(_sample(piece, sampled, done_bars, done_seconds, reached.bars is not None))
        return found

    def _prompt(self, prompt: Piece | Path | None, reporter: Reporter) -> np.ndarray[Any, Any] | None:
        """The symbols of what is to be continued."""
        if prompt is None:
            return None
        kind = self.representation.kind
        if isinstance(prompt, Path) or (isinstance(prompt, str) and (kind == "music" or Path(prompt).is_file())):
            path = Path(prompt)
            if not path.is_file():
                raise UsageError(f"there is no file {str(path)!r} to continue: give the path of a {kind} file.")
            found = read_file(path)
            if len(found.pieces) != 1:
                raise UsageError(f"{path} holds {len(found.pieces)} pieces: give a file with the one to continue.")
            prompt = found.pieces[0].piece
        if isinstance(prompt, str) != (kind == "text"):
            raise UsageError(f"this run continues {kind}, and the prompt is {'text' if isinstance(prompt, str) else 'music'}.")
        encoded = self.representation.encode_prompt(prompt)
        if encoded.lost:
            lost = ", ".join(f"{count} {what}" for what, count in encoded.lost.items())
            reporter.note(f"The prompt was read without what this run does not know: {lost}.")
        if not len(encoded.array):
            raise UsageError("nothing of the prompt can be held by this run: give one like the pieces it learned from.")
        return encoded.array

    def _seed_window(self, seed: int) -> np.ndarray[Any, Any]:
        windows = _read_json(self.folder, "prompts.json")
        size = self.representation.space.size
        window = windows[seed % len(windows)] if isinstance(windows, list) and windows else []
        if not all(isinstance(symbol, int) and 0 <= symbol < size for symbol in window):
            raise RunError(f"{self.folder / 'prompts.json'} is damaged: restore the file or train again.")
        return np.array(window, np.int64)

    def _listen(self, step: int) -> None:
        """Writes what the model composes at this step from the run's fixed prompt and seed."""
        sampled = self.sample(seed=self.recipe.seed, length=min(self.recipe.length or _LISTEN, _LISTEN))[0]
        suffix = ".txt" if isinstance(sampled.piece, str) else ".mid"
        render(sampled, self.folder / "samples" / f"step{step:08d}{suffix}", f"step {step}")

    def facts(self, sampled: Sample) -> dict[str, str]:
        """How a piece of this run was made, for people."""
        manifest = self.manifest
        facts = {"seed": str(sampled.seed), "recipe": self.recipe.name, "learned from": str(manifest.get("name", ""))}
        if sampled.bars is not None:
            facts["bars"] = str(sampled.bars)
        if sampled.seconds is not None:
            facts["length"] = f"{sampled.seconds:.1f} s"
        return facts | {"nats a symbol": f"{-sampled.log_prob / max(sampled.symbols, 1):.2f}"}

    def write(self, samples: Sequence[Sample], out: Path, formats: Sequence[str]) -> list[list[Path]]:
        """Writes each sample as `<NNN>-seed<S>.<suffix>` in `out`, next free numbers; the files of each sample."""
        renderers = [renderer_for(Path(f"x.{suffix.lstrip('.')}")) for suffix in formats]
        written = []
        for sampled in samples:
            number, reserved = _reserve(out)
            try:
                stem = f"{number:03d}-seed{sampled.seed}"
                about = About(f"{number:03d} · {self.recipe.name}", self.facts(sampled))
                paths = [out / f"{stem}{renderer.suffix}" for renderer in renderers]
                for renderer, path in zip(renderers, paths, strict=True):
                    renderer.write(sampled.piece, path, about)
                written.append(paths)
            finally:
                reserved.unlink(missing_ok=True)
        return written


def _resolved(
    recipe: str | Recipe,
    minutes: float | None,
    steps: int | None,
    epochs: int | None,
    settings: Sequence[str],
    keep_every: int | None,
    precision: Literal["float32", "bfloat16"] | None,
    seed: int | None,
) -> Recipe:
    """The recipe with what the person set; a budget replaces the recipe's whole budget."""
    if isinstance(recipe, str):
        recipe = lookup("recipe", recipe, recipes.RECIPES)
    changes: dict[str, Any] = {}
    if (minutes, steps, epochs) != (None, None, None):
        changes = {"minutes": minutes, "steps": steps, "epochs": epochs}
    if keep_every is not None:
        changes["keep_every"] = keep_every
    if precision is not None:
        changes["precision"] = precision
    recipe = replace(recipe, training=replace(recipe.training, **changes))
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    for setting in settings:
        recipe = override(recipe, setting)
    return recipe


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _record(recipe: Recipe, pieces: Pieces) -> dict[str, Any]:
    return {
        "erato": erato.__version__,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "corpus": {"name": pieces.name, "hash": pieces.hash},
        "recipe": to_record(recipe),
    }


def _same(folder: Path, record: dict[str, Any]) -> bool:
    """Whether `folder` holds a run of the same recipe on the same corpus."""
    try:
        there = json.loads((folder / "recipe.json").read_text("utf-8"))
        return all(there[key] == json.loads(json.dumps(record[key])) for key in ("recipe", "corpus"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _refuse_foreign(folder: Path) -> None:
    """Refuses a folder that cannot be a run, before anything is read."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: give the name of a new folder with --out.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "recipe.json").is_file():
        raise RunError(f"{folder} exists and is not a run folder: give the name of a new folder with --out.")


def _goes_on(folder: Path, record: dict[str, Any]) -> bool:
    """True for the same run, unfinished; False for a new folder; RunError for any other folder."""
    _refuse_foreign(folder)
    if not (folder / "recipe.json").is_file():
        return False
    if not _same(folder, record):
        raise RunError(f"{folder} holds another run (recipe, settings or corpus differ): give a new folder with --out.")
    if training.is_finished(folder):
        raise RunError(f"{folder} holds this run, finished: compose from it, or give a new folder with --out.")
    return True


def _default_folder(recipe: Recipe, pieces: Pieces, record: dict[str, Any]) -> Path:
    """`runs/<recipe>-<corpus>-<NNN>`: the same run if it is unfinished, else the next free number."""
    stem = f"{recipe.name}-{''.join(c if c.isalnum() or c in '-_.' else '-' for c in pieces.name)}"
    numbers = [0]
    for path in sorted(Path("runs").glob(f"{stem}-*")):
        if path.name[len(stem) + 1 :].isdigit():
            numbers.append(int(path.name[len(stem) + 1 :]))
            if _same(path, record) and not training.is_finished(path):
                return path
    return Path("runs") / f"{stem}-{max(numbers) + 1:03d}"


def _write_run(
    folder: Path, record: dict[str, Any], recipe: Recipe, pieces: Pieces, encodings: Encodings, model: SequenceModel
) -> None:
    """Everything of a run folder but what training makes; recipe.json last, as it makes the folder a run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "representation.json", encodings.representation.state())
    write_json(folder / "prompts.json", datasets.seed_windows(encodings, recipe.windows.length, _SEEDS, recipe.seed))
    write_text(folder / "manifest.json", datasets.manifest_json(pieces, encodings))
    write_text(folder / "model.txt", describe(model, encodings.representation.space))
    write_json(folder / "recipe.json", record)


def _summary(folder: Path, pieces: Pieces, encodings: Encodings, model: SequenceModel) -> str:
    count = {name: len(encodings.split[name]) for name in ("train", "valid", "test")}
    parameters = sum(p.numel() for p in model.parameters())
    return (
        f"{pieces.name}: {count['train']} pieces to learn from, {count['valid']} to choose by, {count['test']} kept for tests; "
        f"{len(encodings.symbols):,} symbols of {encodings.representation.space.size} kinds; {parameters:,} parameters; run {folder}"
    )


def _read_json(folder: Path, name: str) -> Any:
    try:
        return json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder / name} is missing: {folder} is not a complete run folder.") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / name} cannot be read ({error}): restore the file or train again.") from None


def _check_counts(n: int, seed: int, new_bars: int | None, new_seconds: float | None, length: int | None) -> None:
    if n < 1:
        raise UsageError(f"n must be at least 1 piece, got {n}.")
    if not 0 <= seed < 2**63 - n:
        raise UsageError(f"seed must be a whole number from 0 to 2^63, got {seed}.")
    for name, value in (("bars", new_bars), ("seconds", new_seconds), ("length", length)):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} must be above 0, got {value}.")
    if sum(value is not None for value in (new_bars, new_seconds, length)) > 1:
        raise UsageError("give one of bars, seconds and length, not several.")


def _fitted(
    piece: Score, done_bars: int, new_bars: int | None, done_seconds: float, new_seconds: float | None
) -> Score:
    """The score cut, or padded with rests, to exactly the length asked for."""
    if new_bars is not None:
        return clip(piece, bar_line(piece, done_bars + new_bars))
    if new_seconds is not None:
        return clip(piece, tick_at(piece, done_seconds + new_seconds))
    return piece


def _sample(piece: Piece, sampled: Sampled, done_bars: int, done_seconds: float, has_bars: bool) -> Sample:
    new_bars, new_seconds = None, None
    if isinstance(piece, Score):
        new_bars = len(bars(piece)) - has_pickup(piece) - done_bars if has_bars else None
        new_seconds = max(0.0, seconds(piece) - done_seconds)
    return Sample(piece, sampled.seed, sampled.log_prob, len(sampled.array), new_bars, new_seconds)


def _reserve(folder: Path) -> tuple[int, Path]:
    """The next free piece number in `folder`, and the hidden file that keeps others from taking it."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        found = [_PIECE_NUMBER.match(path.name) for path in folder.iterdir()]
        number = 1 + max((int(match[1]) for match in found if match), default=0)
        reserved = folder / f".{number:03d}-reserved"
        try:
            os.close(os.open(reserved, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if any(path.name.startswith(f"{number:03d}-") for path in folder.iterdir()):
            reserved.unlink()
            continue
        return number, reserved
