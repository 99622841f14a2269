"""What a run of `pianonet` writes, in numbers beside its held-out pieces: density, changes, silence, the ends.

    python benchmarks/pianonet_music.py runs/MY-PIANONET-RUN --seconds 30 --seeds 4

From silence, and going on from ten seconds of held-out pieces; with the recipe's edge aversion and without.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

import erato
from erato.recipes.pianonet import EDGES
from erato.reporter import Reporter
from erato.sampling import Stop, drafted

NAMES = ("keys down", "changes a step", "notes a second", "longest silence", "at the ends", "in thirds of its time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--checkpoint", type=int, help="weights of this step, kept by --keep-every")
    given = parser.parse_args()
    run = erato.load(given.run, given.checkpoint)
    space, keys = run.representation.space, run.representation.space.keys
    pieces = run._pieces(None, Reporter())
    indices = [*pieces.split("test"), *pieces.split("valid")]
    states = round(given.seconds / space.step_s) * keys
    held = [np.asarray(run.representation.encode(pieces[index]).array) for index in indices]
    ten = round(10 / space.step_s) * keys
    held = [array for array in held if len(array) >= ten + states] or held
    print("  ".join(f"{name:>15}" for name in ("", *NAMES)))
    row("held out", [array[ten : ten + states] for array in held], space.keys, space.step_s)
    for name, edges in (("", ()), ("edge aversion", EDGES)):
        for begin in ("silence", "a piece"):
            made = []
            for seed in range(given.seeds):
                prompt = space.empty() if begin == "silence" else held[seed % len(held)][:ten]
                sampler = replace(run.recipe.sampler, edges=edges)
                stop = Stop(length=states)
                with torch.inference_mode():
                    cursor = run.representation.cursor(1)
                    made.append(drafted(run.model, prompt, cursor, space, [seed], sampler, stop)[0].array)
            row(f"{begin} {name}", made, space.keys, space.step_s)


def row(name: str, arrays: list[np.ndarray], keys: int, step_s: float) -> None:
    found = []
    for array in arrays:
        frames = array.reshape(-1, keys).astype(int)
        silent = np.concatenate([[0], frames.sum(1) == 0, [0]]).astype(int)
        lengths = np.flatnonzero(np.diff(silent) == -1) - np.flatnonzero(np.diff(silent) == 1)
        on = np.diff(np.concatenate([np.zeros((1, keys), int), frames]), axis=0) > 0
        near = np.minimum(np.arange(keys), np.arange(keys)[::-1]) < len(EDGES)
        found.append(
            (
                frames.mean(),
                np.abs(np.diff(frames, axis=0)).sum(1).mean(),
                on.sum() / (len(frames) * step_s),
                lengths.max(initial=0) * step_s,
                on[:, near].sum() / max(1, on.sum()),
                [float(part.mean()) for part in np.array_split(frames, 3)],
            )
        )
    density, changes, notes, silence, ends = (np.mean([f[i] for f in found]) for i in range(5))
    thirds = " ".join(f"{value:.3f}" for value in np.mean([f[5] for f in found], 0))
    longest = max(f[3] for f in found)
    cells = (f"{density:.4f}", f"{changes:.3f}", f"{notes:.1f}", f"{silence:.1f} (most {longest:.1f})", f"{ends:.1%}")
    print("  ".join(f"{cell:>15}" for cell in (name, *cells, thirds)), flush=True)


if __name__ == "__main__":
    main()
