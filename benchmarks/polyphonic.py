"""Test nats a frame of `pianoroll-lstm` on polyphonic music in frames (JSB Chorales, Nottingham, ...), both heads.

    python benchmarks/polyphonic.py JSB_Chorales.mat Nottingham.mat --seeds 0 1 2 3 --runs runs/polyphonic

The protocol of the literature (Boulanger-Lewandowski et al. 2012): the sum of nats over frames 2 to T of all test
pieces by the sum of T - 1; the autoregressive head counts the end of each frame's keys; weights are chosen by the
validation part. An ensemble is the mean of its members' probabilities of each frame. Runs that are finished are not
trained again.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import erato
from erato import corpora, training
from erato.config import override
from erato.datasets import encode_pieces
from erato.evaluation.likelihood import likelihoods
from erato.recipes import RECIPES

# Test nats a frame; the source, and whether it is a bound.
PUBLISHED = {
    "independent": {"JSB_Chorales": "TCN 8.10", "Nottingham": "TCN 3.07, R-Transformer 2.37"},
    "autoregressive": {"JSB_Chorales": "RNN-NADE 5.19, SRNN 4.74 (bound)", "Nottingham": "RNN-NADE 2.31"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpora", nargs="+", help="files of frames with published splits, as JSB_Chorales.mat")
    parser.add_argument("--recipe", default="pianoroll-lstm")
    parser.add_argument("--heads", nargs="+", default=["independent", "autoregressive"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="as in erato train")
    parser.add_argument("--name", default="", help="of these settings, part of the run folders' names")
    parser.add_argument("--runs", default="runs/polyphonic")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(
        f"{platform.processor() or platform.machine()}, {given.threads} threads, torch {torch.__version__}", flush=True
    )
    for path in given.corpora:
        for head in given.heads:
            _measure(Path(path), head, given)


def _measure(path: Path, head: str, given: argparse.Namespace) -> None:
    published = PUBLISHED.get(head, {}).get(path.stem, "")
    members: dict[str, list[list[np.ndarray]]] = {"valid": [], "test": []}
    for seed in given.seeds:
        name = "-".join(part for part in (given.recipe, path.stem, head, given.name, str(seed)) if part)
        folder = Path(given.runs) / name
        settings = [f"model.head={head}", "windows.transpose=0", *given.set]  # the files are all in C already
        recipe = override(RECIPES[given.recipe], settings)
        if not training.is_finished(folder):
            started = time.process_time()
            erato.train(replace(recipe, seed=seed), path, folder)
            (folder / "minutes.json").write_text(json.dumps((time.process_time() - started) / 60))
        run = erato.load(folder)
        pieces = corpora.find(path).pieces("music")
        found = []
        for split in members:
            arrays, *_ = encode_pieces(pieces, pieces.split(split), run.representation)
            members[split].append(likelihoods(run.model, arrays, run.representation.space).log_probs)
            found.append(_after_first(members[split][-1]))
        minutes = json.loads((folder / "minutes.json").read_text())
        print(
            f"{name:<60} valid {found[0]:.4f}  test {found[1]:.4f}  {minutes:.1f} CPU minutes  {published}", flush=True
        )
    if len(given.seeds) > 1:
        count = len(given.seeds)
        valid, test = (
            _after_first([np.logaddexp.reduce(same, 0) - np.log(count) for same in zip(*parts, strict=True)])
            for parts in (members["valid"], members["test"])
        )
        print(f"{path.stem} {head}: ensemble of {count}  valid {valid:.4f}  test {test:.4f}  {published}", flush=True)


def _after_first(log_probs: list[np.ndarray]) -> float:
    frames = sum(len(piece) - 1 for piece in log_probs)
    return -sum(float(piece[1:].sum()) for piece in log_probs) / frames


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
