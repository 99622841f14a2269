"""What the original PianoNet was told, as a recipe: its two JSON files in; the recipe, where the pieces are, and
sentences on what is not carried over out.

`run_description.json` says how it learns, the description of its data (which its master_note_array_creation.py reads)
of what. The names and defaults are those of these programs (Angsten 2020); what has no default there stays as the
recipe has it. Opens nothing that the files name. Knows nothing of training.
"""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from erato.errors import UsageError
from erato.foreign_json import Fields, as_list, as_number, as_whole, listed, one_of, pair, refuse, texts, written
from erato.models import PianonetConfig
from erato.recipe import Recipe
from erato.representations import KeystatesConfig
from erato.representations.pianoroll import TICKS_PER_QUARTER
from erato.training import Likelihood, Optimizer

NAME = "pianonet"  # of the recipe that has the parts of the original
STEPS = 24  # a quarter
ADAM = Optimizer("adam", lr=1e-3, betas=(0.9, 0.999))  # as Keras has it
UNUSED = {"epsilon": 1e-7, "decay": 0.0}  # of the optimizer, and what Keras takes for them
SCRIPT = "basic_convolutional_with_blocks.py"
RUN = ("data_description", "model_description", "training_description", "validation_description")
DATA = ("file_name_prefix", "min_key_index", "num_keys", "midi_locator", "stretch_range", "validation_fraction")
FOLDERS = "paths_to_directories_of_midi_files"


@dataclass(frozen=True)
class Description:
    """One of the two files, as it was read."""

    file: Path
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Imported:
    """What the files say. folders: of the pieces, None where nothing is said; only: the names of the wanted files in
    them, none for all; arrays: those that the run was to learn from; notes: on what is not carried over.
    """

    recipe: Recipe
    folders: tuple[Path, ...] | None
    only: tuple[str, ...]
    arrays: tuple[str, ...]
    notes: tuple[str, ...]


def read(file: str | Path) -> Description:
    """A description; UsageError where there is none."""
    wanted = "give one of the original PianoNet's JSON descriptions"
    try:
        found = json.loads(Path(file).read_bytes(), parse_constant=refuse)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror or error}): {wanted}.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is not JSON ({str(error).rstrip('.')}): {wanted}.") from None
    if not isinstance(found, dict):
        raise UsageError(f"{file} must hold an object with fields, got {written(found)}: {wanted}.")
    return Description(Path(file), found)


def imported(recipe: Recipe, run: Description | None, data: Description | None) -> Imported:
    """`recipe` with what the descriptions say; UsageError for another system's, and for values that are not allowed."""
    model, representation, objective = recipe.model, recipe.representation, recipe.objective
    if not (
        recipe.name == NAME
        and isinstance(model, PianonetConfig)
        and isinstance(representation, KeystatesConfig)
        and isinstance(objective, Likelihood)
    ):
        raise UsageError(
            f"--import and --import-data are for the recipe {NAME}, not for {recipe.name}: leave them out."
        )
    notes: list[str] = []
    arrays: tuple[str, ...] = ()
    folders: tuple[Path, ...] | None = None
    only: tuple[str, ...] = ()
    measured = objective.valid_each
    if run is not None:
        told = _opened(run, RUN, DATA, "--import-data")
        if arrays := _arrays(told):
            notes.append(f"{run.file}: the arrays {listed(arrays)} are not read, as they are pickles: the corpus is.")
        recipe = replace(_training(told, recipe, notes), model=_model(told, model, notes))
        measured = _measured(told, measured, notes)
        notes += told.unknown()
    before = representation
    if data is not None:
        told = _opened(data, DATA, RUN, "--import")
        folders, only = _located(told)
        representation = _keystates(told, representation, notes)
        notes += told.unknown()
    representation = replace(representation, steps_per_beat=float(STEPS))
    notes.append(
        f"The original reads {STEPS} steps a quarter whatever the tempo, and so does this run: "
        f"representation.steps_per_beat={STEPS}."
    )
    recipe = replace(
        recipe,
        representation=representation,
        objective=replace(objective, valid_each=measured),
        length=recipe.length and _as_long(recipe.length, before, representation),
        listen_length=_as_long(recipe.listen_length, before, representation),
    )
    return Imported(recipe, folders, only, arrays, tuple(notes))


def folder(found: Imported, run: str | Path | None, data: str | Path | None) -> Path | None:
    """The folder that the pieces are read from where no corpus is named; None: the recipe's corpus.

    run, data: the files that `found` is of. UsageError where it is not one folder that is there.
    """
    if found.folders is None and found.arrays:
        if data is not None:
            raise UsageError(f"{data}: midi_locator.{FOLDERS} is missing: give the pieces with --corpus.")
        raise UsageError(
            f"{run}: data_description names {listed(found.arrays)}, and these are pickles, which can run code when "
            "opened: give the JSON description of the data with --import-data, or the pieces with --corpus."
        )
    if found.folders is None:
        return None
    if len(found.folders) != 1:
        raise UsageError(
            f"{data}: midi_locator.{FOLDERS} must name one folder, got {len(found.folders)}: give a folder that holds "
            "all the pieces with --corpus."
        )
    if not os.path.isdir(found.folders[0]):  # noqa: PTH112 (Path raises for names that are too long)
        raise UsageError(
            f"{data}: midi_locator.{FOLDERS} must name a folder, and there is none at "
            f"{written(str(found.folders[0]))}: give the pieces with --corpus."
        )
    return found.folders[0]


def _arrays(told: "Fields") -> tuple[str, ...]:
    described = told.part("data_description")
    paths = [described.text(f"{part}_master_note_array_path") for part in ("training", "validation")]
    return tuple(written(path) for path in paths if path)


def _model(told: "Fields", model: PianonetConfig, notes: list[str]) -> PianonetConfig:
    described = told.part("model_description")
    if weights := described.text("model_path"):
        notes.append(
            f"{told.file}: the weights of model_path, {written(weights)}, are Keras's and are not read: training "
            "begins from nothing."
        )
    initializer = described.part("model_initializer")
    script = initializer.text("path")
    if script and script.replace("\\", "/").rpartition("/")[2] != SCRIPT:
        notes.append(f"{told.file}: the script {written(script)} is not run: the network is built as by {SCRIPT}.")
    given = initializer.part("params")
    widths = {key: given.take(key, _layers, _LAYERS) for key in ("filters", "filter_increments")}
    if widths["filters"] and widths["filter_increments"]:
        notes.append(f"{told.file}: filter_increments are not carried over, as filters are given.")
    elif not any(widths.values()):
        notes.append(f"{told.file}: neither filters nor filter_increments are given: those of the recipe stay.")
    activation, bias = given.text("default_activation"), given.flag("use_calibrated_output_bias")
    kernels, norm = given.text("default_kernel_initializer"), given.flag("use_layer_normalization")
    if "params" not in initializer.found:
        return model
    changes: dict[str, Any] = {
        "filters": widths["filters"] or (),
        "filter_increments": widths["filter_increments"] or model.filter_increments,
        "default_activation": "relu" if activation is None else activation,
        "use_calibrated_output_bias": bool(bias),
        "default_kernel_initializer": "glorot_uniform" if kernels is None else kernels,
        "norm": bool(norm),
    }
    return given.made(lambda: replace(model, **changes))


def _training(told: "Fields", recipe: Recipe, notes: list[str]) -> Recipe:
    described = told.part("training_description")
    changes: dict[str, Any] = {}
    if (batch := described.whole("batch_size")) is not None:
        changes |= {"batch": batch, "batch_from": None}
    if (epochs := described.whole("epochs")) is not None:
        changes |= {"epochs": epochs, "steps": None, "minutes": None}
    if (often := described.whole("checkpoint_frequency_in_steps")) is not None:
        changes["save_every"] = often
    share = described.number("fraction_data_each_epoch", "above 0 and at most 1", lambda value: 0 < value <= 1)
    if share is not None:
        changes["epoch_share"] = share
    described.take("loss", one_of("binary_crossentropy"), "binary_crossentropy")
    if frozen := described.whole("num_non_trainable_layers", 0):
        notes.append(f"{told.file}: num_non_trainable_layers={frozen} is not carried over, as all layers learn.")
    length = described.whole("num_predicted_time_steps_in_sample")
    optimizer = _optimizer(described.part("optimizer_description"), notes)
    if "optimizer_description" in described.found:
        changes["optimizer"] = optimizer
    windows = recipe.windows if length is None else replace(recipe.windows, length=length)
    return replace(recipe, training=replace(recipe.training, **changes), windows=windows)


def _optimizer(told: "Fields", notes: list[str]) -> Optimizer:
    if told.take("type", one_of("Adam", "Nadam"), "Adam or Nadam") == "Nadam":
        notes.append(f"{told.file}: the optimizer Nadam is not here: Adam takes its place.")
    given = told.part("kwargs")
    rates = [given.number(key, "above 0", lambda value: value > 0) for key in ("lr", "learning_rate")]
    betas = [given.number(key, "from 0 to below 1", lambda value: 0 <= value < 1) for key in ("beta_1", "beta_2")]
    for key, usual in UNUSED.items():
        value = given.number(key, "of 0 or more", lambda value: value >= 0)
        if value is not None and value != usual:
            notes.append(
                f"{told.file}: {key}={value:g} of the optimizer is not carried over, as it cannot be set here."
            )
    return replace(
        ADAM,
        lr=next((rate for rate in rates if rate is not None), ADAM.lr),
        betas=tuple(usual if beta is None else beta for beta, usual in zip(betas, ADAM.betas, strict=True)),
    )


def _measured(told: "Fields", usual: int | None, notes: list[str]) -> int | None:
    """The steps of each held-out piece that are measured; None: all."""
    described = told.part("validation_description")
    steps = described.whole("num_predicted_time_steps_in_sample") or usual
    described.whole("batch_size")
    described.number("fraction_data_each_epoch", "of 0 or more", lambda value: value >= 0)
    others = [key for key in ("batch_size", "fraction_data_each_epoch") if key in described.found]
    if others:
        notes.append(
            f"{told.file}: validation_description's {' and '.join(others)} {'is' if len(others) == 1 else 'are'} not "
            f"carried over, as {f'the first {steps:,} steps' if steps else 'all steps'} of each held-out piece are "
            "measured after each epoch."
        )
    return steps


def _located(told: "Fields") -> tuple[tuple[Path, ...] | None, tuple[str, ...]]:
    locator = told.part("midi_locator")
    folders = locator.take(FOLDERS, texts, "a list of folders")
    only = locator.take("whitelisted_midi_file_names", texts, "a list of file names")
    at = told.file.absolute().parent
    return None if folders is None else tuple(at / name for name in folders), only or ()


def _keystates(told: "Fields", representation: KeystatesConfig, notes: list[str]) -> KeystatesConfig:
    told.text("file_name_prefix")
    changes: dict[str, Any] = {
        key: told.take(key, as_whole, "a whole number")
        for key in ("min_key_index", "num_keys", "num_augmentations_per_midi_file")
    }
    changes["resolution"] = told.number(
        "resolution",
        f"above 0 and at most 1, with steps of whole ticks, {TICKS_PER_QUARTER} a quarter (1.0, 0.8, 0.5, 0.25 ...)",
        lambda value: 0 < value <= 1 and abs((ticks := TICKS_PER_QUARTER / STEPS / value) - round(ticks)) < 0.01,
    )
    for key in ("end_padding_range_in_seconds", "stretch_range"):
        changes[key] = told.take(key, pair(as_number), "a list of two numbers, or an empty one")
    crop = told.take("time_steps_crop_range", _steps, "a list of two whole numbers, the smaller first, or an empty one")
    if crop:  # there the steps are counted before the resolution makes them fewer
        first, last = (round(step * (changes["resolution"] or representation.resolution)) for step in crop)
        changes["time_steps_crop_range"] = (first, max(first + 1, last))
    elif crop is not None:
        changes["time_steps_crop_range"] = ()
    held = told.number("validation_fraction", "from 0 to 1", lambda value: 0 <= value <= 1)
    if held is not None:
        notes.append(
            f"{told.file}: validation_fraction={held:g} is not carried over, as a hash of each piece's name and the "
            "seed puts about 80 % of the pieces into training, 10 % into validation and 10 % into the test."
        )
    changes = {key: value for key, value in changes.items() if value is not None}
    return told.made(lambda: replace(representation, steps_per_beat=float(STEPS), **changes))


def _as_long(length: int, before: KeystatesConfig, after: KeystatesConfig) -> int:
    """The steps that take as many seconds as `length` did."""
    return max(1, round(length / before.rate * after.rate))


def _opened(description: Description, keys: Collection[str], others: Collection[str], option: str) -> Fields:
    """The fields of a description that is to have such keys; UsageError for the other of the two."""
    found = description.found.keys()
    if not found & set(keys) and found & set(others):
        raise UsageError(f"{description.file} is the other of the two descriptions: give it with {option}.")
    return Fields(description.file, "", description.found)


_LAYERS = "a list of whole numbers, a layer each, or a list of such lists, a block each"


def _layers(value: Any) -> tuple[tuple[int, ...], ...]:
    blocks = as_list(value)
    if blocks and not isinstance(blocks[0], list):
        blocks = [blocks]
    if not blocks or not all(blocks):
        raise ValueError
    return tuple(tuple(as_whole(width) for width in as_list(block)) for block in blocks)


def _steps(value: Any) -> tuple[int, ...]:
    found = pair(as_whole)(value)
    if found and not 0 <= found[0] < found[1]:
        raise ValueError
    return found
