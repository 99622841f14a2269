"""Every recipe goes on, after a stop in the middle, to the bytes of a training that was not stopped."""

import hashlib
import signal
from dataclasses import replace

import pytest
from tests.conftest import write_chorales, write_scales, write_songs

from erato import pipeline
from erato.recipes import TINY
from erato.training import loop
from erato.training.checkpoint import load_state

STEPS = 6


def ended(folder):
    """The weights, optimizers and best weights that a run leaves."""
    paths = [*sorted((folder / "last").glob(f"{STEPS:09d}/*.safetensors")), folder / "model.safetensors"]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workers"), [(name, number % 3) for number, name in enumerate(sorted(TINY))])
def test_a_stopped_training_of_every_recipe_goes_on_to_the_same_bytes(tmp_path, monkeypatch, name, workers):
    recipe = TINY[name]
    training = replace(recipe.training, steps=STEPS, epochs=None, minutes=None, evaluations=2, workers=workers)
    recipe = replace(recipe, training=training)
    if recipe.representation.kind == "text":
        write_songs(tmp_path / "corpus")
    elif name.startswith("musegan"):
        write_chorales(tmp_path / "corpus")
    else:
        write_scales(tmp_path / "corpus")
    pipeline.train(recipe, tmp_path / "corpus", tmp_path / "whole")
    original, calls = loop._clipped, []

    def clipped(*arguments):
        calls.append(None)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_clipped", clipped)
        with pytest.raises(KeyboardInterrupt):
            pipeline.train(recipe, tmp_path / "corpus", tmp_path / "parts")
    assert 0 < load_state(tmp_path / "parts" / "last")[2]["step"] < STEPS
    pipeline.train(recipe, tmp_path / "corpus", tmp_path / "parts")
    assert ended(tmp_path / "parts") == ended(tmp_path / "whole")
