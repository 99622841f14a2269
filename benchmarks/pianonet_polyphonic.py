"""Test nats a frame of `pianonet` on JSB Chorales and Nottingham, 88 keys flattened, one frame a step.

    python benchmarks/pianonet_polyphonic.py JSB_Chorales.mat Nottingham.mat

The protocol of `benchmarks/polyphonic.py`: whole pieces from their first frame, all keys of a frame jointly, weights
chosen by the validation part, the sum of nats over frames 2 to T by the sum of T - 1. Besides, what the network's
options are worth: `--options` trains each for as many steps. Runs that are finished are not trained again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

import erato
from erato import training
from erato.datasets import Windows
from erato.models import PianonetConfig
from erato.recipe import Recipe
from erato.recipes import RECIPES
from erato.training import Likelihood, Optimizer, Schedule

PUBLISHED = {"JSB_Chorales": "RNN-NADE 5.19, a count table 6.70", "Nottingham": "RNN-NADE 2.31, a count table 2.58"}
PIANONET = RECIPES["pianonet"]
FRAMES = replace(
    PIANONET,
    representation=replace(
        PIANONET.representation,
        min_key_index=21,
        num_keys=88,
        steps_per_beat=1,
        num_augmentations_per_midi_file=1,
        stretch_range=(),
        end_padding_range_in_seconds=(),
    ),
    objective=Likelihood(),
    training=replace(
        PIANONET.training,
        batch=2,
        batch_from=None,
        optimizer=Optimizer("muon", lr=2e-3, matrix_lr=0.02, betas=(0.9, 0.95)),
        schedule=Schedule("cosine", warmup=0.05, final=0.01),
        clip=1.0,
        ema=0.99,
        epochs=None,
        steps=380,
        epoch_share=1.0,
        every_epoch=False,
        report_every=None,
    ),
    length=16,
    listen_length=1,
)
RECIPES_OF = {
    "JSB_Chorales": replace(
        FRAMES,
        windows=Windows(length=None),
        model=PianonetConfig(filters=((32,) * 11,) * 2, residual=True, gated=True, keys=True),
        training=replace(FRAMES.training, evaluations=2),
    ),
    "Nottingham": replace(
        FRAMES,
        windows=Windows(length=192),
        model=PianonetConfig(filters=((48,) * 12, (48,) * 11), residual=True, keys=True),
        training=replace(FRAMES.training, batch=1, steps=4000, evaluations=4),
    ),
}
PLAIN = PianonetConfig(filters=((32,) * 11,) * 2)
OPTIONS = {
    "plain": PLAIN,
    "residual": replace(PLAIN, residual=True),
    "residual, keys": replace(PLAIN, residual=True, keys=True),
    "residual, keys, gated": replace(PLAIN, residual=True, keys=True, gated=True),
    "residual, keys, beats of 4": replace(PLAIN, residual=True, keys=True, beats=4),
    "residual, keys, norm": replace(PLAIN, residual=True, keys=True, norm=True),
    "residual, keys, dropout 0.15": replace(PLAIN, residual=True, keys=True, dropout=0.15),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpora", nargs="+", help="JSB_Chorales.mat, Nottingham.mat")
    parser.add_argument("--steps", type=int, help="in place of the steps of each")
    parser.add_argument("--options", action="store_true", help="each option of the network, on JSB_Chorales.mat")
    parser.add_argument("--option-steps", type=int, default=240)
    parser.add_argument("--runs", default="runs/pianonet-polyphonic")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for path in map(Path, given.corpora):
        recipe = RECIPES_OF[path.stem]
        if given.options:
            for name, model in OPTIONS.items():
                budget = replace(recipe.training, steps=given.option_steps, evaluations=1)
                measured(name, replace(recipe, model=model, training=budget), path, Path(given.runs), ["valid"])
            continue
        if given.steps:
            recipe = replace(recipe, training=replace(recipe.training, steps=given.steps))
        measured(path.stem, recipe, path, Path(given.runs), ["valid", "test"])
        print(f"{'':<32} published: {PUBLISHED[path.stem]}")


def measured(name: str, recipe: Recipe, corpus: Path, runs: Path, parts: list[str]) -> None:
    folder = runs / name.replace(", ", "-").replace(" ", "-")
    if not training.is_finished(folder):
        erato.train(recipe, corpus, folder)
    run = erato.load(folder)
    said = []
    for part in parts:
        found = run.evaluate(corpus, split=part)  # type: ignore[arg-type]
        said.append(f"{part} {found.nats_per_frame:.3f} (after the first frame {found.nats_per_frame_after_first:.3f})")
    print(f"{name:<32} {', '.join(said)}", flush=True)


if __name__ == "__main__":
    main()
