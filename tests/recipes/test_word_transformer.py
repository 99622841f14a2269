"""The two word Transformers: their numbers, what they say while they learn, and the page that tells their story."""

import json
import math
import re
import shlex
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch

from erato import corpora, pipeline
from erato.config import override
from erato.corpora.folder import Folder
from erato.models import SinusoidalTransformer, Transformer
from erato.recipes import RECIPES, TINY
from erato.representations.base import Tokens

PAGE = Path(__file__).parents[2] / "docs" / "word-transformer.md"
NAMES = ["word-transformer", "word-transformer-tutorial"]


@pytest.mark.parametrize("name", NAMES)
def test_the_published_sizes(name):
    recipe = RECIPES[name]
    said = (recipe.model.layers, recipe.model.heads, recipe.model.width, recipe.model.dropout, recipe.windows.length)
    assert said == (2, 2, 256, 0.25, 64)
    assert recipe.model.context == 64 and recipe.model.ffn == 1.0
    assert recipe.training.epochs == 25 and recipe.training.every_epoch
    assert recipe.training.patience == (5 if name == "word-transformer" else None)
    assert (recipe.begin, recipe.prompt, recipe.listen_length, recipe.length) == ("prompt", "They are", 5, 100)


def test_the_models():
    space = Tokens(30, start=0)
    assert isinstance(RECIPES[NAMES[0]].model.build(space), Transformer)
    model = RECIPES[NAMES[1]].model.build(space)
    assert isinstance(model, SinusoidalTransformer)
    assert isinstance(model.norm, torch.nn.Identity)  # norms behind each part
    assert model.blocks[0].up.weight.shape == (256, 256)


def test_the_tutorials_rate_falls_to_88_percent_in_each_epoch():
    training = RECIPES["word-transformer-tutorial"].training
    assert (training.optimizer.name, training.optimizer.lr, training.optimizer.momentum) == ("sgd", 10.0, 0.0)
    assert (training.clip, training.batch, training.ema) == (0.6, 32, None)
    rates = [10 * training.schedule.factor(epoch / 25) for epoch in range(26)]
    assert rates[0] == 10
    assert rates[1] == pytest.approx(8.8)
    assert rates[2] == pytest.approx(7.744)
    assert rates[25] == pytest.approx(10 * 0.88**25)


@pytest.mark.parametrize("name", NAMES)
def test_after_each_epoch_a_perplexity_and_five_words_after_the_cue(name, words_folder, tmp_path):
    run = pipeline.train(TINY[name], words_folder, tmp_path / "run", epochs=3, settings=["prompt=oh the"])
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [line["epoch"] for line in lines] == [1.0, 2.0, 3.0]
    for line in lines:
        assert line["valid_perplexity"] == pytest.approx(math.exp(line["valid_loss"]))
    samples = sorted((run.folder / "samples").glob("*.txt"))
    assert len(samples) == 3
    for sample in samples:
        text = sample.read_text("utf-8")
        assert text.startswith("oh the")
        found = run.representation.encode_prompt(text.removesuffix("\n")).array
        assert 2 <= len(found) <= 2 + 5  # an end that was drawn, or blanks at the end, are not to be seen
    best = min(lines, key=lambda line: line["valid_loss"])
    assert run.evaluate(split="valid").perplexity == pytest.approx(best["valid_perplexity"], rel=1e-4)


def test_the_best_weights_are_kept_though_training_ends_with_others(words_folder, tmp_path):
    settings = ["training.schedule.name=constant", "training.optimizer.lr=60"]  # steps much too long
    run = pipeline.train(TINY["word-transformer-tutorial"], words_folder, tmp_path / "run", epochs=7, settings=settings)
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    losses = [line["valid_loss"] for line in lines]
    assert losses[-1] > min(losses) + 0.01
    assert run.evaluate(split="valid").perplexity == pytest.approx(math.exp(min(losses)), rel=1e-3)


def test_a_cue_of_which_nothing_is_known_is_said_and_left_out(words_folder, tmp_path):
    notes = []

    class Listener(pipeline.Reporter):
        def note(self, text):
            notes.append(text)

    recipe = replace(TINY["word-transformer"], prompt="Wherefore art")
    run = pipeline.train(recipe, words_folder, tmp_path / "run")
    piece = run.compose(reporter=Listener(), length=9)[0]
    assert isinstance(piece, str)
    assert any("Nothing of 'Wherefore art' is known" in note for note in notes)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_everything_on_the_page_runs(erato, words_folder, tmp_path, monkeypatch):
    """In order, with a small corpus in place of the one that comes with the install, and the smallest sizes."""
    for name in NAMES:
        monkeypatch.setitem(RECIPES, name, TINY[name])
    (words_folder / "song00.txt").write_text("They are they are.\n" * 30, "utf-8")
    for name in ("python-reference", "my-texts"):
        (tmp_path / name).symlink_to(words_folder)
        if name in corpora.CORPORA:
            monkeypatch.setitem(corpora.CORPORA, name, Folder(tmp_path / name))
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert sum(line.startswith("erato train") for line in lines) >= 3
    for line in lines:
        command, *words = shlex.split(line)
        assert command == "erato"
        for index, word in enumerate(words):
            if word in ("--epochs", "--minutes"):
                words[index : index + 2] = ["--steps", "2"]
        code, _, err = erato(*words)
        assert code == 0, (line, err)
    said = StringIO()
    with redirect_stdout(said):
        for block in blocks("python"):
            exec(block, {})
    assert "They" in said.getvalue() or "they" in said.getvalue()


def test_every_setting_on_the_page_changes_the_recipe_that_it_is_for():
    found = re.findall(r"--set ([\w.]+=[^\s`]+)", PAGE.read_text("utf-8"))
    assert len(found) >= 4
    recipe = RECIPES["word-transformer-tutorial"]
    for setting in found:
        assert override(recipe, [setting]) != recipe, setting
