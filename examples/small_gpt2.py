"""A small GPT-2 from scratch, saved for transformers, loaded as a checkpoint, fine-tuned on another text, and decoded.

python examples/small_gpt2.py OUT_FOLDER [--steps N] [--corpus NAME|PATH] [--other NAME|PATH]

It learns the Python reference with a byte pair encoding of its own, then goes on with the words of Bach's chorales, and
prints what that did to their held-out perplexity. Then the same model writes greedily, which loops, by beam search, and
with top-k and top-p.
"""

import argparse
from pathlib import Path

import erato
from erato.sampling import Beams

PROMPT = "The "


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--corpus", default="python-reference")
    parser.add_argument("--other", default="chorale-lyrics")
    given = parser.parse_args()

    small = ["windows.length=64"] if given.steps < 100 else []
    settings = [f"training.evaluations={min(10, given.steps)}", "listen_length=20", *small]
    first = erato.train("gpt2-small", given.corpus, given.out / "first", steps=given.steps, settings=settings)
    print(f"from scratch on {given.corpus}: perplexity {first.evaluate().perplexity:.1f} a subword, held out")

    folder = first.save_pretrained(given.out / "checkpoint")
    loaded = erato.load(folder)
    before = loaded.evaluate(given.other).perplexity
    rate = "training.optimizer.lr=5e-4"  # a small model takes larger steps than the recipe's
    tuned = erato.train(
        "gpt2", given.other, given.out / "tuned", pretrained=folder, steps=given.steps, settings=[*settings, rate]
    )
    print(f"on {given.other}: perplexity {before:.1f} before, {tuned.evaluate().perplexity:.1f} after fine-tuning")

    decoded = {
        "greedy": {"greedy": True},
        "3 beams, 3 sequences": {"beams": Beams(3), "n": 3},
        "top-k 2": {"top_k": 2, "seed": 1},
        "top-p 0.75": {"top_k": 0, "top_p": 0.75, "seed": 1},
    }
    for name, choices in decoded.items():
        for text in loaded.compose(PROMPT, length=40, **choices):
            print(f"--- {name}\n{text}")


if __name__ == "__main__":
    main()
