"""The JSON files of the original PianoNet: what they say arrives in the recipe, and what does not is said."""

import copy
import json
import pickle
import random
from pathlib import Path

import pytest

from erato import pianonet_import, pipeline
from erato.errors import UsageError
from erato.models import PianonetConfig
from erato.pianonet_import import Description, imported
from erato.recipes import RECIPES, TINY
from erato.representations import KeystatesConfig

RECIPE = RECIPES["pianonet"]
RUN = {
    "data_description": {
        "training_master_note_array_path": "sets/mine_0_training.mna_jl",
        "validation_master_note_array_path": "sets/mine_0_validation.mna_jl",
    },
    "model_description": {
        "model_path": "",
        "model_initializer": {
            "path": "../scripts/model_generators/basic_convolutional_with_blocks.py",
            "params": {
                "filter_increments": [[3, 2, 1], [1, 1]],
                "default_activation": "elu",
                "use_calibrated_output_bias": True,
            },
        },
    },
    "training_description": {
        "batch_size": 3,
        "num_predicted_time_steps_in_sample": 5,
        "epochs": 7,
        "checkpoint_frequency_in_steps": 11,
        "fraction_data_each_epoch": 0.25,
        "loss": "binary_crossentropy",
        "optimizer_description": {
            "type": "Adam",
            "kwargs": {"lr": 0.0005, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-07, "decay": 0.0},
        },
    },
    "validation_description": {"num_predicted_time_steps_in_sample": 100},
}
DATA = {
    "file_name_prefix": "mine",
    "min_key_index": 36,
    "num_keys": 60,
    "resolution": 0.5,
    "end_padding_range_in_seconds": [1, 2.5],
    "num_augmentations_per_midi_file": 2,
    "stretch_range": [0.9, 1.1],
    "time_steps_crop_range": [],
    "midi_locator": {"paths_to_directories_of_midi_files": ["./music"], "whitelisted_midi_file_names": []},
}
GONE = object()


def changed(description, path, value):
    """A copy in which one field, named by its keys, has another value or is gone."""
    found = copy.deepcopy(description)
    *outer, last = path.split(".")
    part = found
    for key in outer:
        part = part[key]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return found


def from_run(path=None, value=None, recipe=RECIPE):
    return imported(recipe, Description(Path("run.json"), changed(RUN, path, value) if path else RUN), None)


def from_data(path=None, value=None, recipe=RECIPE):
    return imported(recipe, None, Description(Path("at/data.json"), changed(DATA, path, value) if path else DATA))


def said(found, *words):
    """The only note that holds the first word; it holds the others, too, and is a sentence."""
    (note,) = [note for note in found.notes if words[0] in note]
    assert note.endswith(".") and all(word in note for word in words), note
    return note


MODEL = "model_description.model_initializer.params"
TRAINING = "training_description"
KWARGS = f"{TRAINING}.optimizer_description.kwargs"


def test_the_run_description_arrives():
    found = from_run()
    recipe = found.recipe
    assert recipe.model == PianonetConfig(
        filter_increments=((3, 2, 1), (1, 1)), default_activation="elu", use_calibrated_output_bias=True
    )
    assert recipe.windows.length == 5
    training = recipe.training
    assert (training.batch, training.batch_from, training.epochs) == (3, None, 7)
    assert (training.save_every, training.epoch_share) == (11, 0.25)
    assert (training.optimizer.name, training.optimizer.lr, training.optimizer.betas) == ("adam", 0.0005, (0.8, 0.95))
    assert recipe.objective.valid_each == 100
    assert recipe.representation.steps_per_beat == 24
    assert (found.folders, found.only) == (None, ())
    assert found.arrays == ('"sets/mine_0_training.mna_jl"', '"sets/mine_0_validation.mna_jl"')
    said(found, "pickles", "run.json", "mine_0_training.mna_jl")
    said(found, "24 steps a quarter", "representation.steps_per_beat=24")
    assert len(found.notes) == 2  # all else is carried over


def test_the_data_description_arrives():
    found = from_data()
    assert found.recipe.representation == KeystatesConfig(
        min_key_index=36,
        num_keys=60,
        steps_per_beat=24.0,
        resolution=0.5,
        end_padding_range_in_seconds=(1.0, 2.5),
        num_augmentations_per_midi_file=2,
        stretch_range=(0.9, 1.1),
    )
    assert found.folders == (Path("at/music").absolute(),)
    assert found.recipe.training == RECIPE.training
    assert found.recipe.model == RECIPE.model
    assert found.recipe.objective.valid_each == 512
    assert found.recipe.length == 24 * 30  # half a minute of 24 steps a second
    assert len(found.notes) == 1


def test_both_together_measure_steps_of_all_keys_of_the_data():
    found = imported(RECIPE, Description(Path("run.json"), RUN), Description(Path("data.json"), DATA))
    assert found.recipe.objective.valid_each == 100
    assert found.recipe.windows.length == 5
    assert found.recipe.representation.num_keys == 60


def test_missing_keys_have_the_defaults_of_the_original_or_of_the_recipe():
    found = imported(RECIPE, Description(Path("run.json"), {}), Description(Path("data.json"), {}))
    assert found.recipe.model == RECIPE.model
    assert found.recipe.training == RECIPE.training
    assert found.recipe.objective == RECIPE.objective
    assert found.recipe.length == RECIPE.length
    assert found.recipe.representation == KeystatesConfig(steps_per_beat=24.0)
    bare = from_run(MODEL, {"filters": [4, 6]}).recipe.model
    assert bare.widths() == [[4, 6]]
    assert (bare.default_activation, bare.use_calibrated_output_bias, bare.norm) == ("relu", False, False)
    assert bare.default_kernel_initializer == "glorot_uniform"
    adam = from_run(KWARGS, {}).recipe.training.optimizer
    assert (adam.name, adam.lr, adam.betas) == ("adam", 0.001, (0.9, 0.999))  # as Keras has them


@pytest.mark.parametrize(
    ("params", "widths"),
    [
        ({"filter_increments": [4, 2, -1]}, [[4, 6, 5]]),
        ({"filter_increments": [[4, 2], [1]]}, [[4, 6], [7]]),
        ({"filters": [8, 9]}, [[8, 9]]),
        ({"filters": [[8], [3, 2]], "filter_increments": [1]}, [[8], [3, 2]]),
    ],
)
def test_layers_may_be_widths_or_increments_and_one_block_or_several(params, widths):
    found = from_run(MODEL, params)
    assert found.recipe.model.widths() == widths
    if len(params) == 2:
        said(found, "filter_increments are not carried over")


def test_the_rest_of_the_network_arrives():
    params = {"filters": [2], "default_activation": "relu", "default_kernel_initializer": "he_normal"}
    model = from_run(MODEL, params | {"use_layer_normalization": True}).recipe.model
    assert (model.default_activation, model.default_kernel_initializer, model.norm) == ("relu", "he_normal", True)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{KWARGS}.epsilon", 1e-4, ["epsilon=0.0001", "not carried over"]),
        (f"{KWARGS}.decay", 0.01, ["decay=0.01", "not carried over"]),
        (f"{TRAINING}.optimizer_description.type", "Nadam", ["Nadam", "Adam takes its place"]),
        (f"{TRAINING}.num_non_trainable_layers", 4, ["num_non_trainable_layers=4", "not carried over"]),
        ("model_description.model_path", "models/0_trained_model", ["0_trained_model", "Keras", "not read"]),
        ("model_description.model_initializer.path", "my_own.py", ["my_own.py", "not run"]),
        (
            "validation_description.fraction_data_each_epoch",
            1.0,
            ["fraction_data_each_epoch is not", "first 100 steps"],
        ),
        (MODEL, {}, ["neither filters nor filter_increments", "recipe"]),
        (f"{TRAINING}.num_non_trainable_layer", 4, ["layer (did you mean num_non_trainable_layers?)", "not known"]),
        (f"{TRAINING}.optimiser_description", {}, ["optimiser_description", "not known"]),
        (f"{MODEL}.gates", True, [f"{MODEL}.gates", "not carried over"]),
        ("notes to\nmyself", "x", ['"notes to\\nmyself"', "not carried over"]),
    ],
)
def test_what_is_not_carried_over_is_said(path, value, words):
    found = from_run(path, value)
    assert said(found, *words).startswith("run.json: ")
    assert len(found.notes) == 3  # and the two that every run has
    assert found.recipe.training.optimizer.name == "adam"


def test_unknown_keys_of_all_levels_are_named_in_one_sentence_with_what_was_perhaps_meant():
    run = changed(changed(RUN, f"{TRAINING}.batch_size", GONE), f"{TRAINING}.batchsize", 4)
    run = changed(changed(run, f"{KWARGS}.beta1", 0.5), "comment", [])
    found = imported(RECIPE, Description(Path("run.json"), run), None)
    hint = changed(changed(RUN, f"{TRAINING}.optimizer_description", GONE), f"{TRAINING}.optimiser_description", {})
    said(imported(RECIPE, Description(Path("run.json"), hint), None), "did you mean optimizer_description?")
    note = said(found, "not known", "comment", f"{TRAINING}.batchsize (did you mean batch_size?)", f"{KWARGS}.beta1")
    assert "did you mean beta_" not in note  # both are there
    assert found.recipe.training.batch == RECIPE.training.batch


def test_what_is_not_carried_over_of_the_data_is_said():
    said(from_data("validation_fraction", 0.2), "validation_fraction=0.2", "80 %", "hash")
    said(from_data("midi_locator.whitelisted_midi_filenames", []), "midi_locator.whitelisted_midi_filenames")


def test_crops_are_counted_before_the_resolution():
    assert from_data("time_steps_crop_range", [20, 100]).recipe.representation.time_steps_crop_range == (10, 50)
    assert from_data("time_steps_crop_range", [4, 5]).recipe.representation.time_steps_crop_range == (2, 3)
    assert from_data("stretch_range", []).recipe.representation.stretch_range == ()


def test_whitelists_and_several_folders_are_handed_on():
    locator = {"paths_to_directories_of_midi_files": ["a", "/b"], "whitelisted_midi_file_names": ["x.mid"]}
    found = from_data("midi_locator", locator)
    assert found.folders == (Path("at/a").absolute(), Path("/b"))
    assert found.only == ("x.mid",)


BAD_RUN = [
    ("training_description", 3, "an object"),
    ("model_description.model_initializer", [], "an object"),
    ("data_description.training_master_note_array_path", 3, "text"),
    (f"{TRAINING}.batch_size", "3", "a whole number"),
    (f"{TRAINING}.batch_size", 0, "from 1"),
    (f"{TRAINING}.batch_size", True, "a whole number"),
    (f"{TRAINING}.epochs", 2.5, "a whole number"),
    (f"{TRAINING}.epochs", 10**30, "a whole number"),
    (f"{TRAINING}.checkpoint_frequency_in_steps", -1, "a whole number"),
    (f"{TRAINING}.num_predicted_time_steps_in_sample", None, "a whole number"),
    (f"{TRAINING}.fraction_data_each_epoch", 1.5, "above 0 and at most 1"),
    (f"{TRAINING}.fraction_data_each_epoch", 10**400, "a number"),
    (f"{TRAINING}.num_non_trainable_layers", -1, "a whole number"),
    (f"{TRAINING}.loss", "mse", "binary_crossentropy"),
    (f"{TRAINING}.optimizer_description.type", "SGD", "Adam or Nadam"),
    (f"{KWARGS}.lr", 0, "above 0"),
    (f"{KWARGS}.lr", "fast", "a number"),
    (f"{KWARGS}.beta_1", 1, "below 1"),
    (f"{MODEL}.filter_increments", [], "a list"),
    (f"{MODEL}.filter_increments", [[4], []], "a list"),
    (f"{MODEL}.filter_increments", [[4], 4], "a list"),
    (f"{MODEL}.filter_increments", [[[4]]], "a list"),
    (f"{MODEL}.filter_increments", "444", "a list"),
    (f"{MODEL}.filter_increments", [4.5], "a list"),
    (f"{MODEL}.use_calibrated_output_bias", "yes", "true or false"),
    (f"{MODEL}.use_layer_normalization", 1, "true or false"),
    (f"{MODEL}.default_activation", 1, "text"),
    ("validation_description.num_predicted_time_steps_in_sample", 0, "a whole number"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), BAD_RUN)
def test_wrong_values_of_the_run_name_file_key_value_and_what_is_allowed(path, value, allowed):
    with pytest.raises(UsageError) as raised:
        from_run(path, value)
    sentence = str(raised.value)
    assert sentence.startswith(f"run.json: {path} must be ")
    assert allowed in sentence
    assert json.dumps(value)[:80] in sentence
    assert len(sentence) < 400


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("filter_increments", [3, -3], ["filter_increments", "layer 2 has 0", "1 to 65,536"]),
        ("filter_increments", [[3, 1], [-5]], ["filter_increments", "layer 3 has -1"]),
        ("filters", [[2, 0]], ["filters", "layer 2 has 0"]),
        ("default_activation", "selu", ["default_activation 'selu'", "elu, relu"]),
        ("default_kernel_initializer", "zeros", ["default_kernel_initializer 'zeros'", "he_normal"]),
        ("filter_increments", [1] * 25, ["at most 24 layers", "25"]),
    ],
)
def test_networks_that_cannot_be_are_refused(key, value, words):
    with pytest.raises(UsageError) as raised:
        from_run(f"{MODEL}.{key}", value)
    assert all(word in str(raised.value) for word in ["run.json", MODEL, *words])


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("num_keys", 0, ["num_keys must be from 1 to 128", "0"]),
        ("num_keys", "60", ["num_keys must be a whole number", '"60"']),
        ("min_key_index", 69, ["min_key_index must be from 0 to 68 for 60 keys", "69"]),
        ("min_key_index", -1, ["min_key_index must be from 0 to 68", "-1"]),
        ("resolution", 2.0, ["resolution must be a number above 0 and at most 1", "2.0"]),
        ("resolution", 0.3, ["resolution must be", "480 a quarter", "0.3"]),
        ("resolution", [], ["resolution must be a number", "[]"]),
        ("stretch_range", [1.1, 0.9], ["stretch_range must be two numbers", "1.1, 0.9"]),
        ("stretch_range", [0.9], ["stretch_range must be a list of two numbers", "[0.9]"]),
        ("stretch_range", 0.9, ["stretch_range must be a list of two numbers", "0.9"]),
        ("end_padding_range_in_seconds", ["a", "b"], ["end_padding_range_in_seconds must be a list", '["a", "b"]']),
        ("end_padding_range_in_seconds", [-1, 2], ["end_padding_range_in_seconds must be two numbers", "-1"]),
        ("num_augmentations_per_midi_file", 0, ["num_augmentations_per_midi_file must be from 1", "0"]),
        ("time_steps_crop_range", [10, 10], ["time_steps_crop_range must be a list of two whole", "[10, 10]"]),
        ("time_steps_crop_range", [0, 1.5], ["time_steps_crop_range must be a list of two whole numbers", "1.5"]),
        ("validation_fraction", 2, ["validation_fraction must be a number from 0 to 1", "2"]),
        ("midi_locator", "music", ["midi_locator must be an object", '"music"']),
        ("midi_locator.paths_to_directories_of_midi_files", "music", ["must be a list of folders", '"music"']),
        ("midi_locator.paths_to_directories_of_midi_files", [""], ["must be a list of folders", '[""]']),
        ("midi_locator.whitelisted_midi_file_names", [3], ["must be a list of file names", "[3]"]),
        ("midi_locator.whitelisted_midi_file_names", ["\ud800"], ["must be a list of file names", '["\\ud800"]']),
    ],
)
def test_wrong_values_of_the_data_name_file_key_value_and_what_is_allowed(path, value, words):
    with pytest.raises(UsageError) as raised:
        from_data(path, value)
    assert all(word in str(raised.value) for word in ["data.json", path.split(".")[0], *words])


def test_the_two_files_are_not_mistaken_for_each_other():
    with pytest.raises(UsageError, match=r"data\.json is the other .* --import-data"):
        imported(RECIPE, Description(Path("data.json"), DATA), None)
    with pytest.raises(UsageError, match=r"run\.json is the other .* --import\."):
        imported(RECIPE, None, Description(Path("run.json"), RUN))


def test_no_description_however_damaged_is_more_than_a_sentence():
    rng = random.Random(0)
    values = [None, True, -1, 0, 1.5, 10**400, "", "x", [], [[]], [1], {}, {"a": {}}, "\udcff", [None] * 1000]

    def damaged(value, whole=False):
        if rng.random() < 0.03 and not whole:
            return rng.choice(values)
        if isinstance(value, dict):
            return {(key + "s" if rng.random() < 0.03 else key): damaged(inner) for key, inner in value.items()}
        return [damaged(inner) for inner in value] if isinstance(value, list) else value

    outcomes = set()
    for _ in range(600):
        try:
            found = imported(
                RECIPE, Description(Path("r"), damaged(RUN, True)), Description(Path("d"), damaged(DATA, True))
            )
            outcomes.add("made")
            assert all(note.encode() and len(note) < 2000 for note in found.notes)
        except UsageError as error:
            outcomes.add("refused")
            assert str(error).encode()
    assert outcomes == {"made", "refused"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b'{"epochs": NaN}', "NaN is no number"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "must hold an object with fields, got [1]"),
        (b"null", "must hold an object with fields, got null"),
        (pickle.dumps([1, 2]), "is not JSON"),
    ],
)
def test_what_is_no_description_is_refused(tmp_path, content, words):
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        pianonet_import.read(file)
    assert str(raised.value).startswith(str(file))
    assert words in str(raised.value)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "run.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(RUN).encode())
    assert pianonet_import.read(tmp_path / "run.json").found == RUN


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_what_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be read"):
        pianonet_import.read(tmp_path / name)


def test_other_recipes_take_no_descriptions():
    for name in RECIPES.keys() - {"pianonet"}:
        with pytest.raises(UsageError, match=f"for the recipe pianonet, not for {name}"):
            from_run(recipe=RECIPES[name])


@pytest.fixture
def files(tmp_path, music_folder):
    """The two files beside the folder of music; a function that writes them again."""
    run = changed(RUN, MODEL, {"filter_increments": [[2, 2], [1, 1]]})  # small enough for a test

    def write(run=run, data=DATA):
        (tmp_path / "run.json").write_text(json.dumps(run))
        (tmp_path / "data.json").write_text(json.dumps(data))

    write()
    return write


def test_a_run_of_the_original_learns_from_its_own_folder(erato, files, tmp_path):
    code, out, err = erato(
        "train",
        "pianonet",
        "--import",
        "run.json",
        "--import-data",
        "data.json",
        "--steps",
        2,
        "--json",
        "--set",
        "listen_length=120",
    )
    assert code == 0, err
    folder = tmp_path / json.loads(out)["run"]
    assert folder.name == "pianonet-music-001"
    record = json.loads((folder / "recipe.json").read_text())
    assert record["source"] == {"name": str(tmp_path / "music"), "track": [], "max_files": None, "only": []}
    assert record["recipe"]["model"]["filter_increments"] == [[2, 2], [1, 1]]
    assert record["recipe"]["representation"]["steps_per_beat"] == 24
    assert (record["recipe"]["training"]["steps"], record["recipe"]["training"]["epochs"]) == (2, None)
    assert json.loads((folder / "manifest.json").read_text())["files"][0]["name"] == "piece00.mid"
    lines = err.splitlines()
    assert any("mine_0_training.mna_jl" in line and "pickles" in line for line in lines)
    assert any("24 steps a quarter" in line for line in lines)
    code, out, _ = erato("compose", folder, "--seconds", 1, "--formats", "mid", "--json")
    assert code == 0
    assert Path(json.loads(out)["pieces"][0]["path"]).is_file()


def test_settings_and_corpus_of_the_command_win(files, music_folder, tmp_path):
    other = tmp_path / "elsewhere"
    music_folder.rename(other)
    run = pipeline.train(
        "pianonet",
        other,
        tmp_path / "run",
        steps=1,
        settings=["training.batch=2", "windows.length=4", "representation.steps_per_beat=4"],
        import_run=tmp_path / "run.json",
        import_data=tmp_path / "data.json",
    )
    assert (run.recipe.training.batch, run.recipe.windows.length) == (2, 4)
    assert run.recipe.representation.steps_per_beat == 4
    assert run.recipe.representation.num_keys == 60
    assert run.manifest["corpus"] == "elsewhere"


def test_the_data_alone_can_be_imported_and_its_whitelist_is_kept(files, tmp_path):
    names = ["piece03.mid", "piece07.mid", "piece08.mid"]
    files(data=changed(DATA, "midi_locator.whitelisted_midi_file_names", names))
    run = pipeline.train(
        TINY["pianonet"], None, tmp_path / "run", settings=["windows.length=4"], import_data=tmp_path / "data.json"
    )
    assert [file["name"] for file in run.manifest["files"]] == names
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["source"]["only"] == names
    assert run.recipe.training.optimizer == RECIPE.training.optimizer


@pytest.mark.parametrize(
    ("line", "change", "words"),
    [
        (
            "pianonet --import run.json",
            {},
            ["run.json: data_description names", "pickles", "run code", "--import-data"],
        ),
        ("pianonet --import nowhere.json", {}, ["nowhere.json cannot be read"]),
        ("pianonet --import music", {}, ["music cannot be read", "irectory"]),
        ("pianonet --import data.json", {}, ["--import-data"]),
        ("event-transformer --import run.json --corpus music", {}, ["pianonet", "event-transformer"]),
        ("event-transformer --import-data data.json", {}, ["pianonet", "event-transformer"]),
        ("pianonet --import-data data.json", {"paths_to_directories_of_midi_files": ["music", "b"]}, ["2", "--corpus"]),
        ("pianonet --import-data data.json", {"paths_to_directories_of_midi_files": []}, ["got 0", "--corpus"]),
        ("pianonet --import-data data.json", {"paths_to_directories_of_midi_files": ["b"]}, ['/b"', "--corpus"]),
        ("pianonet --import-data data.json", {"paths_to_directories_of_midi_files": ["b\0" * 300]}, ["--corpus"]),
        ("pianonet --import-data data.json", {"whitelisted_midi_file_names": ["piece1.mid"]}, ["did you mean piece"]),
        ("pianonet --import run.json --import-data data.json", GONE, ["paths_to_directories", "--corpus"]),
        ("pianonet --imports run.json", {}, ["did you mean --import"]),
    ],
)
def test_mistakes_are_one_sentence(erato, files, tmp_path, line, change, words):
    if change:
        locator = {} if change is GONE else DATA["midi_locator"] | change
        files(data=changed(DATA, "midi_locator", locator))
    code, out, err = erato("train", *line.split(), "--steps", 1)
    assert (code, out) == (1, "")
    *notes, mistake = err.splitlines()
    assert mistake.startswith("erato: ")
    assert all(word in mistake for word in words), mistake
    assert all(note.endswith(".") for note in notes)
    assert not (tmp_path / "runs").exists()
