"""Held-out nats a symbol of a recipe, beside an interpolated trigram on the same symbols and the same split.

    python benchmarks/quality.py note-chord-lstm [--corpus bach-chorales] [--minutes M | --epochs N] [--set a.b=c ...]

Weights are chosen by the validation part; both parts are printed, whole pieces, no symbol left out.
"""

import argparse
import json

from erato import corpora, pipeline
from erato.datasets import encode_corpus
from erato.evaluation.likelihood import likelihoods
from erato.evaluation.ngram import Ngram
from erato.progress import reporter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--corpus", default="bach-chorales")
    parser.add_argument("--run", help="measure this run instead of training one")
    parser.add_argument("--out")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    if given.run:
        run = pipeline.load(given.run)
    else:
        with reporter(False) as shown:
            run = pipeline.train(
                given.recipe,
                given.corpus,
                given.out,
                minutes=given.minutes,
                epochs=given.epochs,
                settings=given.set,
                reporter=shown,
            )
    pieces = corpora.find(given.corpus).pieces(run.representation.kind, seed=run.recipe.seed)
    encodings = encode_corpus(pieces, run.recipe.representation)
    space = run.representation.space
    rows = {}
    for order in (1, 2, 3, 4):
        model = Ngram.fit(encodings.part("train"), space.size, order=order)
        rows[f"{order}-gram"] = {
            split: float(model.nats(encodings.part(split)).sum()) / sum(map(len, encodings.part(split)))
            for split in ("valid", "test")
        }
    rows[run.recipe.name] = {
        split: likelihoods(run.model, encodings.part(split), space).nats_per_symbol for split in ("valid", "test")
    }
    for name, row in rows.items():
        print(f"{name:<20} valid {row['valid']:.4f}  test {row['test']:.4f} nats a symbol")
    print(json.dumps({"run": str(run.folder), "corpus": pieces.hash, **rows}))


if __name__ == "__main__":
    main()
