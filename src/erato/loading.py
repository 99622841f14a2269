"""A folder in, a run out: one that was trained here, or a checkpoint for transformers.

Knows nothing of how a run composes; what is wrong with a folder is one sentence, a RunError.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from erato import hub, models, recipes, representations, run_folder, training
from erato.config import from_record
from erato.errors import RunError, UsageError
from erato.models.base import LatentModel, Model
from erato.models.pretrained import PretrainedConfig
from erato.phrase_run import PhraseRun
from erato.recipe import Recipe
from erato.reporter import Reporter
from erato.representations import SubwordsConfig
from erato.representations.base import Representation
from erato.run import Run, device
from erato.sequence_run import SequenceRun
from erato.training.checkpoint import kept
from erato.training.weights import is_sound, load_weights, previous

_PARTS: list[type] = [
    *representations.REPRESENTATIONS.values(),
    *models.MODELS.values(),
    *training.OBJECTIVES.values(),
]
_CLASSES = {part.__name__: part for part in _PARTS}
_MOST_NUMBERS = 1 << 29  # of a model whose weights are not there yet
_MOST_TENSORS = 10_000  # of any model
_SPARE = 1_000_000  # numbers; what is shared is counted more than once, but four bytes a number leave room for that
_ON_THE_HUB = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2")  # names without an owner


def load(path: str | Path, checkpoint: int | None = None, reporter: Reporter | None = None) -> Run:
    """The run in `path`, with its best weights or those kept at step `checkpoint`; RunError says what is wrong.

    Where the best weights are damaged, those before are used; the reporter is told (or else a warning tells).

    A checkpoint for transformers, a folder in the layout of the hub or a hub name, is a run that learned from no corpus
    here: it composes and evaluates, and its pieces go to runs/NAME/pieces.
    """
    folder = Path(path)
    if _is_checkpoint(str(path)):
        return _load_checkpoint(str(path), checkpoint)
    if not folder.is_dir():
        raise RunError(f"there is no run folder at {folder}: train one, or give the folder that `erato train` named.")
    run_folder.refuse_damaged(folder)
    recipe = load_recipe(folder)
    representation, model = load_parts(folder, recipe)
    weights = folder / "model.safetensors"
    if checkpoint is not None:
        found = dict(kept(folder / "steps"))
        if checkpoint not in found:
            there = ", ".join(map(str, found)) or "none (train with --keep-every N to keep some)"
            raise RunError(f"{folder} keeps no checkpoint of step {checkpoint}; there is {there}.")
        weights = found[checkpoint]
    elif not weights.is_file():
        raise RunError(f"{weights} is missing: training had not come to its first evaluation, or the file was removed.")
    try:
        load_weights(model, weights)
    except RunError:
        if checkpoint is not None or is_sound(weights) or not previous(weights).is_file():
            raise
        load_weights(model, previous(weights))
        said = f"{weights} is damaged: the best weights before are used, {previous(weights)}."
        if reporter:
            reporter.note(said)
        else:
            warnings.warn(said, stacklevel=2)
    return run_of(folder, recipe, representation, model.to(device()).eval(), checkpoint=checkpoint)


def load_recipe(folder: Path) -> Recipe:
    """The recipe of the run in `folder`; RunError says what is wrong."""
    record = run_folder.read_json(folder, "recipe.json")
    if "recipe" not in record:
        raise RunError(f"{folder / 'recipe.json'} is not the recipe of a run: give a folder that `erato train` made.")
    try:
        return from_record(Recipe, record["recipe"], _CLASSES)
    except UsageError as error:
        raise RunError(f"{folder} cannot be used: {error}") from None


def load_parts(folder: Path, recipe: Recipe) -> tuple[Representation, Model]:
    """The representation, and a model that has not learned anything; RunError says what is wrong."""
    try:
        representation = recipe.representation.restore(run_folder.read_json(folder, "representation.json"))
        _refuse_too_large(folder, recipe, representation)
        return representation, recipe.model.build(representation.space)
    except UsageError as error:
        raise RunError(f"{folder} cannot be used: {error}") from None


def _refuse_too_large(folder: Path, recipe: Recipe, representation: Representation) -> None:
    """RunError for a model that has more numbers than the weights in the folder can, before any memory is taken."""
    weights = folder / "model.safetensors"
    most = (weights.stat().st_size if weights.is_file() else _MOST_NUMBERS) + _SPARE
    numbers = tensors = 0

    def counted(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal numbers, tensors
        numbers, tensors = numbers + (0 if parameter is None else parameter.numel()), tensors + 1
        if numbers > most or tensors > _MOST_TENSORS:
            raise _TooLarge

    if isinstance(recipe.model, PretrainedConfig):  # held against its own files
        return
    hook = nn.modules.module.register_module_parameter_registration_hook(counted)
    try:
        with torch.device("meta"):  # tensors without numbers
            recipe.model.build(representation.space)
    except (_TooLarge, RuntimeError, TypeError, OverflowError, MemoryError):
        raise RunError(
            f"{folder / 'recipe.json'} asks for a model that is larger than the weights beside it: give a folder that "
            "`erato train` made."
        ) from None
    finally:
        hook.remove()


class _TooLarge(Exception):
    pass


def run_of(
    folder: Path,
    recipe: Recipe,
    representation: Representation,
    model: Model,
    learned_here: bool = True,
    checkpoint: int | None = None,
) -> Run:
    """The run of a model that is there already, of the kind that its model asks for."""
    kind = PhraseRun if isinstance(model, LatentModel) else SequenceRun
    return kind(folder, recipe, representation, model, learned_here, checkpoint)


def _is_checkpoint(path: str) -> bool:
    """Whether a path that may be a run's names a checkpoint for transformers instead, by what is there."""
    folder = Path(path)
    if folder.is_dir():
        return (folder / "config.json").is_file() and not (folder / "recipe.json").exists()
    if folder.exists() or not hub.NAME.fullmatch(path):
        return False
    owner, slash, _ = path.partition("/")
    # a mistyped run folder is not asked of the hub: its parent is there, or called as ours are
    asked = path in _ON_THE_HUB or bool(slash and owner != "runs" and not Path(owner).exists())
    return asked or hub.cached(path) is not None


def _load_checkpoint(name: str, step: int | None) -> Run:
    """A checkpoint for transformers as a run, by the recipe `gpt2`."""
    if step is not None:
        raise RunError(f"{name} is a checkpoint for transformers, which keeps no weights of step {step}: leave it out.")
    try:
        found = hub.folder(name, missing="run folder")
        said = SubwordsConfig(checkpoint=str(found)), PretrainedConfig(checkpoint=str(found)).resolved()
        representation = said[0].fit(())
        model = said[1].begin(representation.space)
    except UsageError as error:
        raise RunError(str(error)) from None
    recipe = replace(recipes.RECIPES["gpt2"], representation=said[0], model=said[1])
    folder = Path("runs") / Path(name).expanduser().absolute().name
    return run_of(folder, recipe, representation, model.to(device()).eval(), learned_here=False)
