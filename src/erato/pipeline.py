"""READ FIRST: the whole way from a folder of music to new music, in the order it happens.

    train(recipe) -> Run        corpus, representation, windows, model, training, run folder
    load(path) -> Run           a run folder, ready to use
    Run.compose(...) -> [piece] sampling, and back through the representation
    Run.evaluate(...)           nats of held-out pieces
    render(piece, path)         one file, by suffix

The command line calls these same functions. They print nothing: who wants to see progress hands in a `Reporter`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch

from erato import corpora, models, recipes, representations, run_folder, training
from erato.composing import Sample, compose_after
from erato.config import from_record, lookup, override, to_record
from erato.corpora.base import SPLITS, Corpus, Pieces, Report, Split
from erato.datasets import Encodings, WindowDataset, encode_corpus, encode_pieces
from erato.errors import CorpusError, RunError, UsageError
from erato.evaluating import Evaluation, evaluate
from erato.general_midi import program_number
from erato.models.base import SequenceModel
from erato.models.describe import count_parameters
from erato.reading import read_file
from erato.recipe import Recipe
from erato.renderers import RENDERERS, renderer_for
from erato.renderers.base import About, Renderer
from erato.reporter import Reporter
from erato.representations.base import Array, Frames, Representation
from erato.sampling import Sampler, Stop
from erato.score import Piece, bars, has_pickup, note_count, pitch_number, slice_bars, with_program
from erato.training.checkpoint import kept, load_weights

_PARTS: list[type] = [
    *representations.REPRESENTATIONS.values(),
    *models.MODELS.values(),
    *training.OBJECTIVES.values(),
]
_CLASSES = {part.__name__: part for part in _PARTS}
_MOST = 100_000  # pieces at once
_LISTEN = 200  # symbols of the samples written while training
_PART = re.compile(r" \((train|valid|test)\)$")  # of a piece that was cut in three: who learned from one knows it


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
    precision: Literal["auto", "float32", "bfloat16"] | None = None,
    seed: int | None = None,
    reporter: Reporter | None = None,
) -> "Run":
    """Trains a recipe on a corpus (a name, or a folder or file) and leaves a run folder at `out`.

    A budget given here replaces the recipe's; settings: "model.width=256". A folder that holds the same recipe on the
    same corpus, unfinished, is gone on with; any other existing folder is refused. Raises EratoError, and
    KeyboardInterrupt after saving.
    """
    reporter = reporter or Reporter()
    recipe = _resolved(recipe, minutes, steps, epochs, settings, keep_every, precision, seed)
    if out is not None:
        run_folder.refuse_foreign(Path(out))
    said = recipe.corpus if corpus is None else corpus
    copy = Path(from_file) if from_file else None
    if isinstance(said, Corpus):
        source, said = said, said.name
    else:
        source = corpora.find(said, track=track, max_files=max_files, from_file=copy)
    pieces = source.pieces(recipe.representation.kind, seed=recipe.seed, progress=reporter.progress)
    encodings = encode_corpus(pieces, recipe.representation, reporter.progress)
    dataset = WindowDataset(encodings, recipe.windows, recipe.seed, pieces.name)
    if not any(map(len, encodings.part("valid"))):
        raise CorpusError(
            f"{pieces.name} has no held-out piece to measure by: add pieces (at least two different ones)."
        )

    record = run_folder.record(recipe, pieces, str(said), track, max_files)
    folder = Path(out) if out is not None else run_folder.default_folder(recipe, pieces, record)
    goes_on = run_folder.goes_on(folder, record)
    torch.manual_seed(recipe.seed)
    model = recipe.model.build(encodings.representation.space).to(_device())
    if goes_on:
        reporter.note(f"{folder} holds this run, unfinished: going on where it stopped.")
    run_folder.write_run(folder, record, recipe, pieces, encodings, model)
    reporter.note(_summary(folder, pieces, encodings, model))
    skipped = Counter(file["reason"] for file in pieces.manifest.get("files", ()) if file["verdict"] == "skipped")
    if skipped:
        reporter.note(f"Files that are not used: {_counts(skipped)}; {folder / 'manifest.json'} says why.")
    if encodings.lost:
        reporter.note(f"Not held by the representation: {_counts(encodings.lost)}.")
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
    """The run in `path`, with its best weights or those kept at step `checkpoint`; RunError says what is wrong."""
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"there is no run folder at {folder}: train one, or give the folder that `erato train` named.")
    record = run_folder.read_json(folder, "recipe.json")
    if "recipe" not in record:
        raise RunError(f"{folder / 'recipe.json'} is not the recipe of a run: give a folder that `erato train` made.")
    try:
        recipe = from_record(Recipe, record["recipe"], _CLASSES)
        representation = recipe.representation.restore(run_folder.read_json(folder, "representation.json"))
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
    if not path.is_file():
        raise UsageError(
            f"there is no file {name!r}: give the path of a piece, or CORPUS:PIECE as in bach-chorales:bwv66.6."
        )
    return _only_piece(path), path.stem


def _only_piece(path: Path) -> Piece:
    """The piece in a file that holds one."""
    there = read_file(path).pieces
    if len(there) != 1:
        raise UsageError(f"{path} holds {len(there)} pieces: give a file with one.")
    return there[0].piece


def excerpt(piece: Piece, first: int | None, last: int | None) -> Piece:
    """Bars `first` to `last` (from 1, both included) of a score; the whole piece if neither is given."""
    if first is None and last is None:
        return piece
    if isinstance(piece, str):
        raise UsageError("text has no bars: leave out --from and --to.")
    count = len(bars(piece)) - has_pickup(piece)
    first, last = 1 if first is None else first, count if last is None else last
    if not 1 <= first <= last <= count:
        raise UsageError(
            f"--from {first} --to {last} must lie within the piece's {count} bars, the first not after the last."
        )
    return slice_bars(piece, first, last)


def check_formats(suffixes: Sequence[str]) -> list[Renderer]:
    """The renderer of each suffix, once; UsageError, with what was perhaps meant, for one that nothing can write."""
    if not all(suffix.strip(" .") for suffix in suffixes):
        raise UsageError(f"a file to write needs a suffix that says what it is: one of {', '.join(RENDERERS)}.")
    wanted = dict.fromkeys(suffix.strip().lstrip(".").lower() for suffix in suffixes)
    return [renderer_for(Path(f"x.{suffix}")) for suffix in wanted]


def catalogue() -> dict[str, list[dict[str, Any]]]:
    """All parts by kind, with a line on each."""

    def line(part: object) -> str:
        return (part.__doc__ or "").strip().split("\n")[0]

    return {
        "corpora": [
            {"name": c.name, "summary": c.summary, "kind": c.kind, "licence": c.licence}
            for c in corpora.CORPORA.values()
        ],
        "representations": [{"name": n, "summary": line(c)} for n, c in representations.REPRESENTATIONS.items()],
        "models": [{"name": n, "summary": line(c)} for n, c in models.MODELS.items()],
        "recipes": [
            {
                "name": r.name,
                "summary": r.summary,
                "corpus": r.corpus,
                "representation": _name_of(r.representation, representations.REPRESENTATIONS),
                "model": _name_of(r.model, models.MODELS),
            }
            for r in recipes.RECIPES.values()
        ],
        "renderers": [{"name": r.suffix, "summary": r.summary} for r in RENDERERS.values()],
    }


def _name_of(config: object, known: Mapping[str, type]) -> str:
    return next(name for name, cls in known.items() if isinstance(config, cls))


class Run:
    """A trained model with all it needs, in a folder."""

    def __init__(self, folder: Path, recipe: Recipe, representation: Representation, model: SequenceModel) -> None:
        self.folder, self.recipe, self.representation, self.model = folder, recipe, representation, model

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, recipe={self.recipe.name!r})"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The corpus that the run learned from, file by file."""
        found: dict[str, Any] = run_folder.read_json(self.folder, "manifest.json")
        return found

    @property
    def formats(self) -> list[str]:
        """The suffixes that pieces of this run are written as where none are asked for."""
        if self.representation.kind == "text":
            return ["txt"]
        return ["mid", "png", "matrix.png"] if isinstance(self.representation.space, Frames) else ["mid", "png"]

    def origin(self) -> dict[str, str]:
        """Where the music of this run comes from, for people: recipe, corpus, licence, citation."""
        said = self.manifest
        named = {
            "recipe": self.recipe.name,
            "learned from": said.get("corpus"),
            "licence": said.get("licence"),
            "citation": said.get("citation"),
        }
        return {key: str(value) for key, value in named.items() if value}

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
        begin: str | None = None,
        sampler: Sampler | None = None,
        step: float | None = None,
        program: str | None = None,
        reporter: Reporter | None = None,
        **changes: Any,
    ) -> list[Sample]:
        """`n` new pieces, piece i with seed `seed` + i, of exactly `bars` bars, `seconds` seconds or `length` symbols.

        prompt: a score, text, or path of a file to continue; the piece then begins with it. begin: without a prompt,
        from "nothing", a "window" of the training pieces (which is not part of the piece), "silence", or one note, as
        in "C4". step: seconds a step of a piano roll is written as (as read, if None). program: the General MIDI
        program, by number or name, of all tracks but drums. changes: fields of Sampler, as in temperature=0.8. Raises
        UsageError for what cannot be done.
        """
        reporter = reporter or Reporter()
        if not 1 <= n <= _MOST:
            raise UsageError(f"n must be from 1 to {_MOST:,} pieces, got {n}.")
        if not 0 <= seed <= 2**63 - n:
            raise UsageError(f"seed must be a whole number from 0 to 2^63 - {n}, got {seed}.")
        if begin and prompt is not None:
            raise UsageError("a piece begins with its prompt: leave out begin, or the prompt.")
        stop = Stop(length, bars, seconds)
        if sum(value is not None for value in (bars, seconds, length)) > 1:
            raise UsageError("give one of bars, seconds and length, not several.")
        if stop == Stop():
            stop = Stop(length=self.recipe.length)
        rule = sampler or self.recipe.sampler
        if changes.get("greedy") and changes.keys() & {"temperature", "temperatures"}:
            raise UsageError("greedy always takes the likeliest symbol: leave out the temperature, or greedy.")
        if "temperature" in changes:  # one for all features; the recipe may have one for each
            changes.setdefault("temperatures", ())
        if changes:
            try:
                rule = replace(rule, **changes)
            except TypeError:
                known = sorted(to_record(rule).keys() - {"type"})
                raise UsageError(
                    f"there is no {', '.join(changes)} in composing; of the sampler, set {', '.join(known)}."
                ) from None
        number = None if program is None else program_number(program)
        if number is not None and self.representation.kind == "text":
            raise UsageError(f"a text has no instrument: leave out the program {program!r}.")
        writer = self.representation if step is None else self.representation.paced(step)
        given = self._prompt(prompt, reporter)
        if given is None and begin not in (None, "nothing", "window"):
            given = self._opening(begin)
        seeds = range(seed, seed + n)

        def told(step: int, _: object) -> None:
            reporter.progress(step + 1, stop.length, "composing: symbols")

        if given is None and (begin or self.recipe.begin) == "window":  # each piece has a window of its own
            found = [
                compose_after(self._seed_window(one), self.model, writer, [one], rule, stop, False, told)[0]
                for one in seeds
            ]
        else:
            given = writer.space.empty() if given is None else given
            found = compose_after(given, self.model, writer, seeds, rule, stop, True, told)
        if number is not None:
            found = [
                sampled
                if isinstance(sampled.piece, str)
                else replace(sampled, piece=with_program(sampled.piece, number))
                for sampled in found
            ]
        return found

    def _prompt(self, prompt: Piece | Path | None, reporter: Reporter) -> Array | None:
        """The symbols of what is to be continued."""
        if prompt is None:
            return None
        kind = self.representation.kind
        if isinstance(prompt, Path) or (isinstance(prompt, str) and (kind == "music" or Path(prompt).is_file())):
            path = Path(prompt)
            if not path.is_file():
                raise UsageError(f"there is no file {str(prompt)!r} to continue: give the path of a {kind} file.")
            prompt = _only_piece(path)
        if isinstance(prompt, str) != (kind == "text"):
            raise UsageError(
                f"this run continues {kind}, and the prompt is {'text' if isinstance(prompt, str) else 'music'}."
            )
        encoded = self.representation.encode_prompt(prompt)
        if encoded.lost:
            reporter.note(f"The prompt was read without what this run does not know: {_counts(encoded.lost)}.")
        played = not isinstance(prompt, str) and note_count(prompt) > 0
        if not len(encoded.array) or (played and not self.representation.units(encoded.array).get("notes")):
            raise UsageError("nothing of the prompt can be held by this run: give one like the pieces it learned from.")
        return encoded.array

    def _opening(self, begin: str) -> Array:
        """The symbols of silence, or of the one note that `begin` names."""
        if self.representation.kind == "text":
            raise UsageError(f"a text begins from nothing, a window, or its prompt, not from {begin!r}.")
        if begin != "silence" and not begin[-1:].isdigit():
            raise UsageError(f"begin must be nothing, window, silence or a pitch as in C4, got {begin!r}.")
        found = self.representation.opening(None if begin == "silence" else pitch_number(begin))
        if not len(found):
            raise UsageError(f"this run cannot begin from {begin}: choose nothing, window or another pitch.")
        return found

    def evaluate(
        self, corpus: str | Path | Corpus | None = None, *, split: Split | None = None, reporter: Reporter | None = None
    ) -> Evaluation:
        """What the model costs the pieces of `split`, of the corpus it learned from or of another one.

        split: test, if None; where a small corpus has no test part, the one that the weights were chosen by. Pieces of
        another corpus that the run learned from are left out. Raises UsageError where nothing is left.
        """
        reporter = reporter or Reporter()
        if split is not None and split not in SPLITS:
            raise UsageError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
        pieces = self._pieces(corpus, reporter)
        own = pieces.hash == self.manifest.get("hash")
        if split is None:
            split = "test" if pieces.split("test") else "valid"
            if split == "valid":
                chosen = ", by which the weights were chosen" if own else ""
                reporter.note(f"{pieces.name} is too small for a test part: these are the pieces of valid{chosen}.")
        indices = pieces.split(split)
        if not own:
            fresh = _unlearnt(pieces, indices, self.manifest)
            if len(fresh) < len(indices):
                count = len(indices) - len(fresh)
                said = "piece is" if count == 1 else "pieces are"
                reporter.note(f"{count} {said} left out, as the run learned from them.")
            if indices and not fresh:
                raise UsageError(f"the run learned from every piece of {pieces.name} in {split}: give other pieces.")
            indices = fresh
        elif split == "train":
            reporter.note("These are the pieces that the run learned from.")
        arrays, lost = encode_pieces(pieces, indices, self.representation, reporter.progress)
        arrays = [array for array in arrays if len(array)]
        if not arrays:
            raise UsageError(f"{pieces.name} has no piece in its {split} part: choose another --split, or add pieces.")
        if lost:
            reporter.note(f"Not held by the representation: {_counts(lost)}.")
        training = None
        if own and split != "train":  # a trigram knows by heart what it was counted from
            encodings = encode_corpus(pieces, self.recipe.representation, reporter.progress)
            if encodings.representation.state() == self.representation.state():  # else these are other symbols
                training = encodings.part("train")
        return evaluate(self.model, self.representation, arrays, split, training)

    def _pieces(self, corpus: str | Path | Corpus | None, reporter: Reporter) -> Pieces:
        """The pieces of `corpus`; None: those that the run learned from, split in the same way."""
        kind, seed = self.representation.kind, self.recipe.seed
        if isinstance(corpus, Corpus):
            return corpus.pieces(kind, seed=seed, progress=reporter.progress)
        said = run_folder.read_json(self.folder, "recipe.json").get("source", {})
        if corpus is None and not said.get("name"):
            raise UsageError("this run does not say where its corpus is: name it with --corpus.")
        if corpus is None and said["name"] not in corpora.CORPORA and not Path(said["name"]).exists():
            raise UsageError(f"{said['name']}, which this run learned from, is not there: name it with --corpus.")
        # what was asked of the run's own corpus is asked of any other, so that the same tracks are compared
        track, most = said.get("track", ()), said.get("max_files") if corpus is None else None
        source = corpora.find(said["name"] if corpus is None else corpus, track=track, max_files=most)
        pieces = source.pieces(kind, seed=seed, progress=reporter.progress)
        if corpus is None and pieces.hash != self.manifest.get("hash"):
            reporter.note(f"{said['name']} has changed since this run learned from it.")
        return pieces

    def _seed_window(self, seed: int) -> Array:
        windows = run_folder.read_json(self.folder, "prompts.json", list)
        if not windows:
            raise UsageError("this run keeps no window of its training pieces to begin from: begin from nothing.")
        try:
            return self.representation.space.from_json(windows[seed % len(windows)])
        except (ValueError, TypeError, IndexError):
            raise RunError(f"{self.folder / 'prompts.json'} is damaged: restore the file or train again.") from None

    def _listen(self, step: int) -> None:
        """Writes what the model composes at this step from the run's fixed prompt and seed."""
        sampled = self.sample(seed=self.recipe.seed, length=min(self.recipe.length or _LISTEN, _LISTEN))[0]
        suffix = ".txt" if isinstance(sampled.piece, str) else ".mid"
        render(sampled, self.folder / "samples" / f"step{step:08d}{suffix}", f"step {step}")

    def facts(self, sampled: Sample) -> dict[str, str]:
        """How a piece of this run was made and what it owes to whom, for people."""
        return {"seed": str(sampled.seed), **self.origin()}

    def write(self, samples: Sequence[Sample], out: Path, formats: Sequence[str]) -> list[list[Path]]:
        """Writes each sample as `<NNN>-seed<S>.<suffix>` in `out`, next free numbers; the files of each sample."""
        renderers = check_formats(formats)
        written = []
        for sampled in samples:
            with run_folder.piece_number(out) as number:
                stem = f"{number:03d}-seed{sampled.seed}"
                about = About(f"{self.recipe.name}, seed {sampled.seed}", self.facts(sampled))
                paths = [out / f"{stem}{renderer.suffix}" for renderer in renderers]
                for renderer, path in zip(renderers, paths, strict=True):
                    renderer.write(sampled.piece, path, about)
                written.append(paths)
        return written


def _counts(found: Mapping[str, int]) -> str:
    """Counts of what there is by name, for people."""
    return ", ".join(f"{count:,} {what}" for what, count in found.items())


def _unlearnt(pieces: Pieces, indices: Sequence[int], manifest: dict[str, Any]) -> list[int]:
    """Those of `indices` that a run of this manifest did not learn from, wherever their files lie now."""

    def identity(sha256: str | None, file: str, piece: str) -> tuple[str | None, str]:
        return sha256, _PART.sub("", piece.removeprefix(file))

    learnt = {
        identity(file["sha256"], file["name"], piece["name"])
        for file in manifest.get("files", ())
        for piece in file.get("pieces", ())
        if piece.get("split") == "train"
    }
    hashes = {file["name"]: file["sha256"] for file in pieces.manifest["files"]}
    entries = [(index, pieces.entries[index]) for index in indices]
    return [index for index, one in entries if identity(hashes.get(one.file), one.file, one.name) not in learnt]


def _resolved(
    recipe: str | Recipe,
    minutes: float | None,
    steps: int | None,
    epochs: int | None,
    settings: Sequence[str],
    keep_every: int | None,
    precision: Literal["auto", "float32", "bfloat16"] | None,
    seed: int | None,
) -> Recipe:
    """The recipe with what the person set; a budget replaces the recipe's whole budget."""
    found = lookup("recipe", recipe, recipes.RECIPES) if isinstance(recipe, str) else recipe
    changes: dict[str, Any] = {}
    if (minutes, steps, epochs) != (None, None, None):
        changes = {"minutes": minutes, "steps": steps, "epochs": epochs}
    if keep_every is not None:
        changes["keep_every"] = keep_every
    if precision is not None:
        changes["precision"] = precision
    found = replace(found, training=replace(found.training, **changes))
    if seed is not None:
        found = replace(found, seed=seed)
    return override(found, settings)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _summary(folder: Path, pieces: Pieces, encodings: Encodings, model: SequenceModel) -> str:
    count = {split: len(indices) for split, indices in encodings.split.items()}
    return (
        f"{pieces.name}: {count['train']} pieces to learn, {count['valid']} to choose by, {count['test']} to test, "
        f"{len(encodings.symbols):,} {encodings.representation.space}; "
        f"{count_parameters(model):,} parameters; run {folder}"
    )
