"""What is there of a run: its recipe, its model as it began, what was measured. In: a run, or the folder of one.

Anything may be missing or damaged: then it is None, or empty, and `trouble` says why. No weights are needed.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from erato import run_folder
from erato.errors import RunError
from erato.loading import load_parts, load_recipe
from erato.models.base import LatentModel, Model
from erato.models.describe import count_parameters, reach
from erato.picturing.model import parts_of
from erato.recipe import Recipe
from erato.renderers.model_drawing import Drawing
from erato.representations.base import Space
from erato.run import Run
from erato.training.log import read_batches, read_metrics
from erato.training.objective import Objective

MOST_STEPS = 10**12  # more is damage


def is_run(path: str | Path) -> bool:
    """Whether `path` is a folder that holds a run, or that began to."""
    return (Path(path) / "recipe.json").is_file()


class Seen:
    """What is there of a run; RunError for a path where there is none at all."""

    def __init__(self, run: Run | str | Path) -> None:
        self.run = run
        self.folder = run.folder if isinstance(run, Run) else Path(run)
        if not isinstance(run, Run) and not is_run(self.folder):
            raise RunError(f"there is no run folder at {self.folder}: give the folder that `erato train` named.")

    @cached_property
    def record(self) -> dict[str, Any]:
        return self._json("recipe.json")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return self._json("manifest.json")

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = run_folder.read_json(self.folder, name)
        except RunError:
            return {}
        return found

    @cached_property
    def _recipe(self) -> tuple[Recipe | None, str]:
        """The recipe, or what is wrong with it."""
        if isinstance(self.run, Run):
            return self.run.recipe, ""
        try:
            return load_recipe(self.folder), ""
        except RunError as error:
            return None, str(error)

    @property
    def recipe(self) -> Recipe | None:
        return self._recipe[0]

    @property
    def objective(self) -> Objective | None:
        return self.recipe.objective if self.recipe else None

    @cached_property
    def _model(self) -> tuple[tuple[Model, Space] | None, str]:
        """The model, which need not have learned anything, and what it reads; or why there is none."""
        if isinstance(self.run, Run):
            return (self.run.model, self.run.representation.space), ""
        if self.recipe is None:
            return None, self._recipe[1]
        try:
            with torch.random.fork_rng():  # nothing that is drawn later depends on whether this was looked at
                representation, model = load_parts(self.folder, self.recipe)
        except RunError as error:
            return None, str(error)
        return (model, representation.space), ""

    @property
    def model(self) -> tuple[Model, Space] | None:
        return self._model[0]

    @property
    def trouble(self) -> str:
        """Why there is no model."""
        return self._model[1]

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        return [line for line in read_metrics(self.folder) if 0 <= line["step"] < MOST_STEPS]

    @cached_property
    def batches(self) -> list[dict[str, Any]]:
        return [line for line in read_batches(self.folder) if 0 <= line["step"] < MOST_STEPS]

    @property
    def title(self) -> str:
        name = self.recipe.name if self.recipe else self.folder.absolute().name
        corpus = self.manifest.get("corpus")
        return f"{name} on {corpus}" if corpus else name

    def drawing(self, model: Model, space: Space) -> Drawing:
        """The model as it is drawn."""
        latent = isinstance(model, LatentModel)
        size = model.summary(space)
        said = [
            f"{count_parameters(model):,} parameters",
            f"writes {reach(model)}" if latent else f"context: {reach(model)}",
        ]
        reads = f"latents that are drawn, and for the critic {space}" if latent else str(space)
        gives = "how real the critic finds what was written" if latent else "how likely each next symbol is"
        named = f"{self.title}: {type(model).__name__}"
        return Drawing(named, ["  ·  ".join([*said, *([size] if size else [])])], parts_of(model, space), reads, gives)
