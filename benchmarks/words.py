"""What a run of text costs held-out text, by the protocols of the literature, and what its samples are made of.

    python benchmarks/words.py RUN [FILE]        FILE: the text that it learned from, where it is not where it was

Prints: nats a character of the test part in windows of 256 that do not overlap, each read from nothing but the
character before it; the same of whole pieces with all that came before; interpolated n-gram models on the same symbols;
the loss of the character after each training window; and of five samples at each temperature the share of words that
the training text knows, and the longest stretch of one word over and over.
"""

import argparse
import itertools
import math
import re

import numpy as np
import torch

import erato
from erato import corpora
from erato.datasets import encode_corpus
from erato.evaluation.likelihood import likelihoods
from erato.evaluation.ngram import Ngram

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@torch.inference_mode()
def in_windows(model, space, arrays, width, stride, only_last=False):
    """Nats a symbol in windows of `width` that begin every `stride` symbols, read from the symbol before them."""
    found, count = 0.0, 0
    for array in arrays:
        row = np.concatenate([[space.before], array]).astype(np.int64)
        begins = np.arange(0, len(array) - (width if only_last else 0), stride)
        for some in np.array_split(begins, math.ceil(len(begins) / 256)):
            x = np.full((len(some), width), space.start)
            y = np.zeros((len(some), width), np.int64)
            mask = np.zeros((len(some), width), bool)
            for number, begin in enumerate(some):
                part = row[begin : begin + width + 1]
                x[number, : len(part) - 1], y[number, : len(part) - 1] = part[:-1], part[1:]
                mask[number, : len(part) - 1] = True
            scored = torch.from_numpy(mask)
            if only_last:
                scored = torch.zeros_like(scored)
                scored[:, -1] = True
            log_probs = model(torch.from_numpy(x), torch.from_numpy(mask), scored).log_prob(torch.from_numpy(y))
            found -= float(log_probs.double()[scored].sum())
            count += int(scored.sum())
    return found / count


def longest_stutter(words):
    """The most times that a word follows itself without another between."""
    return max((len(list(group)) for _, group in itertools.groupby(words)), default=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--temperatures", default="0.5,0.8,1.0")
    parser.add_argument("--length", type=int, default=2000)
    parser.add_argument(
        "--train-windows", action="store_true", help="also the loss after each window of the training part"
    )
    given = parser.parse_args()
    run = erato.load(given.run)
    source = given.file or erato.run_folder.read_json(run.folder, "recipe.json")["source"]["name"]
    pieces = corpora.find(source).pieces("text", seed=run.recipe.seed)
    encodings = encode_corpus(pieces, run.recipe.representation)
    representation, space, model = run.representation, run.representation.space, run.model.eval()
    test, training = encodings.part("test"), encodings.part("train")
    chars = sum(representation.units(np.asarray(array, np.int64))["chars"] for array in test)
    symbols = sum(map(len, test))
    print(f"{given.run}: {run.recipe.name}, {space}; test part: {symbols:,} symbols, {chars:,.0f} characters")
    per = symbols / chars
    print(f"  windows of 256           {in_windows(model, space, test, 256, 256) * per:.4f} nats a character")
    whole = likelihoods(model, test, space).nats_per_symbol
    print(f"  whole pieces             {whole * per:.4f} nats a character, perplexity {math.exp(whole):.2f} a symbol")
    for order in (3, 5):
        cost = float(Ngram.fit(training, space.size, order).nats(test).sum()) / symbols
        print(f"  interpolated {order}-gram      {cost * per:.4f} nats a character, perplexity {math.exp(cost):.2f}")
    if given.train_windows:
        width, stride = run.recipe.windows.most, run.recipe.windows.stride or run.recipe.windows.most
        for name, arrays in (("training", training), ("test", test)):
            loss = in_windows(model, space, arrays, width, stride, only_last=True)
            print(f"  after each window of {width}, every {stride}: {loss:.4f} nats ({name})")
    known = set()
    for index in pieces.split("train"):
        known.update(word.lower() for word in WORD.findall(pieces[index]))
    for temperature in map(float, given.temperatures.split(",")):
        texts = run.compose(n=5, seed=1, length=given.length, temperature=temperature)
        words = [[word.lower() for word in WORD.findall(text)] for text in texts]
        share = np.mean([word in known for one in words for word in one])
        print(
            f"  temperature {temperature}: {sum(map(len, words)):,} words, {share:.1%} known, "
            f"longest stutter {max(map(longest_stutter, words))}"
        )


if __name__ == "__main__":
    main()
