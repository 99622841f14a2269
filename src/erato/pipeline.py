"""READ FIRST: the whole way from a folder of music to new music, in the order it happens.

    train(recipe) -> Run        corpus, representation, windows, model, training, run folder
    load(path) -> Run           a run folder, ready to use
    Run.compose(...) -> [piece] sampling, and back through the representation
    Run.evaluate(...)           nats of held-out pieces
    assess(run)                 how good is it, and did it copy?
    contest(runs)               runs side by side
    render(piece, path)         one file, by suffix; of a run, pictures of how it learned
    show(piece)                 the same within a notebook: player, notes, words
    replay(path) -> Replay      a composed file again, to the byte, from what it says of itself

`Run` is in `erato.run`, how its two kinds compose in `erato.sequence_run` and `erato.phrase_run`, `load` in
`erato.loading`. The command line calls these same functions. They print nothing: who
wants to see progress hands in a `Reporter`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from erato import corpora, hub, models, pianonet_import, recipes, representations, run_folder, training
from erato.assessing import assess
from erato.composing import Sample
from erato.config import lookup, override
from erato.contest import contest
from erato.corpora.base import Corpus, Pieces, Report
from erato.datasets import Encodings, WindowDataset, encode_corpus
from erato.displays import about_sample, show
from erato.errors import CorpusError, UsageError
from erato.loading import load, run_of
from erato.models.base import Model
from erato.models.describe import count_parameters
from erato.models.pretrained import PretrainedConfig
from erato.picturing import picture
from erato.recipe import Recipe
from erato.renderers import RENDERERS, renderer_for
from erato.renderers.base import About
from erato.rendering import excerpt, find_piece
from erato.replaying import Replay, replay
from erato.reporter import Reporter, counts
from erato.representations import SubwordsConfig
from erato.run import Run, device
from erato.score import Piece, Score

__all__ = [
    "Replay",
    "Run",
    "assess",
    "catalogue",
    "check",
    "contest",
    "excerpt",
    "find_piece",
    "load",
    "render",
    "replay",
    "show",
    "train",
]


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
    only: Sequence[str] = (),
    from_file: str | Path | None = None,
    precision: Literal["auto", "float32", "bfloat16"] | None = None,
    seed: int | None = None,
    pretrained: str | Path | None = None,
    import_run: str | Path | None = None,
    import_data: str | Path | None = None,
    reporter: Reporter | None = None,
) -> "Run":
    """Trains a recipe on a corpus (a name, or a folder or file) and leaves a run folder at `out`.

    A budget given here replaces the recipe's; settings: "model.width=256"; pretrained: the checkpoint to go on from, a
    folder in the layout of the hub or a hub name; only: files of the corpus by name; import_run, import_data: the JSON
    files of the original PianoNet, which the recipe `pianonet` takes up before all else. A folder that holds the same
    recipe on the same corpus, unfinished, is gone on with; any other existing folder is refused. Raises EratoError, and
    KeyboardInterrupt after saving.
    """
    reporter = reporter or Reporter()
    if import_run is not None or import_data is not None:
        recipe, corpus, only = _imported(recipe, corpus, only, import_run, import_data, reporter)
    recipe = _resolved(recipe, minutes, steps, epochs, settings, keep_every, precision, seed)
    if pretrained is not None:
        recipe = _on_checkpoint(recipe, pretrained)
    if out is not None:
        run_folder.refuse_foreign(Path(out))
    recipe = replace(recipe, model=recipe.model.resolved())
    said = recipe.corpus if corpus is None else corpus
    copy = Path(from_file) if from_file else None
    if isinstance(said, Corpus):
        source, said = said, said.name
    else:
        source = corpora.find(said, track=track, max_files=max_files, only=only, from_file=copy)
    pieces = source.pieces(recipe.representation.kind, seed=recipe.seed, progress=reporter.progress)
    encodings = encode_corpus(pieces, recipe.representation, reporter.progress)
    space = encodings.representation.space
    dataset = WindowDataset(
        encodings, recipe.windows, recipe.seed, pieces.name, recipe.model.lead, recipe.model.period(space)
    )
    if not any(map(len, encodings.part("valid"))):
        raise CorpusError(
            f"{pieces.name} has no held-out piece to measure by: add pieces (at least two different ones)."
        )

    record = run_folder.record(recipe, pieces, str(said), track, max_files, only)
    folder = Path(out) if out is not None else run_folder.default_folder(recipe, pieces, record)
    goes_on = run_folder.goes_on(folder, record, pieces)
    torch.manual_seed(recipe.seed)
    model = recipe.model.begin(space).to(device())
    recipe.objective.groups(model)  # refuses what does not learn so, before anything is written
    if goes_on:
        reporter.note(f"{folder} holds this run, unfinished: going on where it stopped.")
    run_folder.write_run(folder, record, recipe, pieces, encodings, model)
    reporter.note(_summary(folder, pieces, encodings, model))
    skipped = Counter(file["reason"] for file in pieces.manifest.get("files", ()) if file["verdict"] == "skipped")
    if skipped:
        reporter.note(f"Files that are not used: {counts(skipped)}; {folder / 'manifest.json'} says why.")
    if encodings.lost:
        reporter.note(f"Not held by the representation: {counts(encodings.lost)}.")
    run = run_of(folder, recipe, encodings.representation, model)
    training.train(
        model,
        encodings,
        dataset,
        recipe.objective,
        recipe.training,
        folder,
        seed=recipe.seed,
        listen=lambda _, step: run.listen(step),
        report=reporter.training,
        note=reporter.note,
    )
    return load(folder)


def render(
    piece: Piece | Sample | Run,
    path: str | Path,
    title: str = "",
    facts: dict[str, str] | None = None,
    soundfont: str | Path | None = None,
) -> Path:
    """Writes a piece as the kind of file that the suffix of `path` names, of sound with `soundfont`; overwrites.

    A sample says how it was made, where neither title nor facts say anything else. Of a run, what shows how it learned:
    its page (.html), its curves (.curves.svg, .curves.png), its model (.model.svg, .model.png); title and facts are
    its own.
    """
    if isinstance(piece, Run):
        return picture(piece, path)
    path, about = Path(path), About(title, facts or {})
    if isinstance(piece, Sample) and piece.record:
        about = about_sample(piece, title, facts)
    renderer = renderer_for(path, None if soundfont is None else Path(soundfont))
    renderer.write(piece.piece if isinstance(piece, Sample) else piece, path, about)
    return path


def surprised(
    piece: Piece, run: str | Path | Run, title: str = "", reporter: Reporter | None = None
) -> tuple[Score, About]:
    """The piece as a run (or the one in a folder) holds it, and what to say of it: how much each note surprises."""
    run = run if isinstance(run, Run) else load(run)
    found = run.surprise(piece, reporter=reporter)
    said = f"{found.nats:,.1f} nats in all, {found.remainder:,.1f} of them in no note"
    facts = {"surprise under": f"{run.recipe.name} ({run.folder.absolute().name}), {said}"}
    return found.score, About(title, facts, surprise=found.notes)


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


def _imported(
    recipe: str | Recipe,
    corpus: str | Path | Corpus | None,
    only: Sequence[str],
    run: str | Path | None,
    data: str | Path | None,
    reporter: Reporter,
) -> tuple[Recipe, str | Path | Corpus | None, Sequence[str]]:
    """The recipe, the corpus and the names of its files by PianoNet's JSON files; what is given here wins."""
    found = lookup("recipe", recipe, recipes.RECIPES) if isinstance(recipe, str) else recipe
    read = pianonet_import.read
    described = [None if file is None else read(file) for file in (run, data)]
    imported = pianonet_import.imported(found, *described)
    if corpus is None:
        corpus = pianonet_import.folder(imported, run, data)
    for note in imported.notes:
        reporter.note(note)
    return imported.recipe, corpus, only or imported.only


def _on_checkpoint(recipe: Recipe, checkpoint: str | Path) -> Recipe:
    """The recipe with the tokenizer and the weights of a checkpoint."""
    parts = recipe.representation, recipe.model
    if not isinstance(parts[0], SubwordsConfig) or not isinstance(parts[1], PretrainedConfig):
        raise UsageError(
            f"{recipe.name} goes on from no checkpoint: choose the recipe gpt2, or leave out {checkpoint}."
        )
    named = hub.absolute(checkpoint)
    return replace(
        recipe,
        representation=replace(parts[0], checkpoint=named),
        model=replace(parts[1], checkpoint=named, architecture=""),
    )


def _summary(folder: Path, pieces: Pieces, encodings: Encodings, model: Model) -> str:
    count = {split: len(indices) for split, indices in encodings.split.items()}
    size = f", {said}" if (said := model.summary(encodings.representation.space)) else ""
    return (
        f"{pieces.name}: {count['train']} pieces to learn, {count['valid']} to choose by, {count['test']} to test, "
        f"{int(encodings.offsets[-1]):,} {encodings.representation.space}; "
        f"{count_parameters(model):,} parameters{size}; run {folder}"
    )
