"""The training loop beside a bare loop: same model, same windows, same optimizer and clipping, alternating blocks.

The bare loop has prebuilt batches and does nothing else. Prints the median of the ratios of time per step.

    python benchmarks/training_speed.py [--recipe NAME] [--blocks 12] [--steps 10] [--threads 2]
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from erato import corpora, training
from erato.datasets import WindowDataset, encode_corpus
from erato.models.base import Categorical, Distribution, detached
from erato.recipes import RECIPES
from erato.training.batches import batch_order


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="event-transformer", choices=RECIPES)
    parser.add_argument("--corpus", default="bach-chorales")
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--steps", type=int, default=10, help="steps a block")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    recipe = RECIPES[given.recipe]
    pieces = corpora.find(given.corpus).pieces(recipe.representation.kind)
    encodings = encode_corpus(pieces, recipe.representation)
    dataset = WindowDataset(encodings, recipe.windows, 0, given.corpus)
    settings = replace(
        recipe.training, minutes=None, epochs=None, steps=given.steps, ema=None, evaluations=1, precision="float32"
    )
    settings = replace(settings, optimizer=replace(settings.optimizer, lr=1e-5))
    order = batch_order(dataset.sizes, settings.batch, 0, 0)
    batches = [dataset.__getitems__(next(order)) for _ in range(given.steps)]
    torch.manual_seed(0)
    model = recipe.model.build(encodings.representation.space).train()

    class Unvalidated(training.Likelihood):
        """Training alone is measured; evaluations cost the same in any loop."""

        def validate(self, *_: object) -> dict[str, float]:
            marks.append(time.perf_counter())
            return {"loss": 1.0}

        def losses(self, *arguments):  # type: ignore[no-untyped-def]
            if not marks:
                marks.append(time.perf_counter())
            return super().losses(*arguments)

    def ours() -> float:
        marks.clear()
        with tempfile.TemporaryDirectory() as folder:
            training.train(model, encodings, dataset, Unvalidated(), settings, Path(folder), seed=0)
        return (marks[1] - marks[0]) / given.steps

    parameters = list(model.parameters())

    chunk = recipe.objective.chunk

    def loss_of(found: Distribution, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if isinstance(found, Categorical):
            return F.cross_entropy(found.logits.flatten(0, 1), y.masked_fill(~mask, -1).flatten(), ignore_index=-1)
        return -found.log_prob(y)[mask].mean()

    def bare() -> float:
        optimizer = settings.optimizer.build(parameters, model)
        started = time.perf_counter()
        for x, y, mask in batches:
            state = model.start(len(x))
            for begin in range(0, x.shape[1], chunk or x.shape[1]):
                here = slice(begin, begin + (chunk or x.shape[1]))
                optimizer.zero_grad(set_to_none=True)
                found, state = model.extend(x[:, here], detached(state), mask[:, here])
                loss_of(found, y[:, here], mask[:, here]).backward()
                torch.nn.utils.clip_grad_norm_(parameters, settings.clip)
                optimizer.step()
        return (time.perf_counter() - started) / given.steps

    marks: list[float] = []
    ours(), bare()
    ratios = []
    for block in range(given.blocks):
        pair = (ours(), bare()) if block % 2 else (bare(), ours())[::-1]
        ratios.append(pair[0] / pair[1])
        ours_ms, bare_ms = 1e3 * pair[0], 1e3 * pair[1]
        print(f"block {block + 1:2}: Erato {ours_ms:7.1f} ms a step, bare {bare_ms:7.1f} ms, ratio {ratios[-1]:.3f}")
    print(f"{recipe.name}, {given.threads} threads: median ratio {statistics.median(ratios):.3f} of {len(ratios)}")


if __name__ == "__main__":
    main()
