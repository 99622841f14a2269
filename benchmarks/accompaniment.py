"""How what a run writes to given tracks goes with them: a run and held-out phrases in, one table out.

    python benchmarks/accompaniment.py RUN [--corpus C] [--split valid] [--checkpoint N] [--draws 16] [--json FILE]

Given are, in turn, the first track of each phrase, the last, both of them, and all but the first (of a chorale: S, B,
SB, ATB). Each has four rows: the real phrases; "shuffled", the other tracks of another real phrase in place of these
(what no answer at all would be); "one draw"; and "best of 16", the draw that the critic likes best, as `compose` has
it. The columns, of the tracks that are written:

distance  tonal distance between given and written tracks, the mean over pairs (see `features.statistics`)
consonant, seconds, tritones  of the steps in which all tracks sound, in percent: all pitch classes lie in one major or
          minor triad; a written track has a minor second (or its inversion), or a tritone, with any other
agree     cells with the pitch class that stood there, in percent; of "shuffled": by chance
differ    share of cells in which two draws differ
classes   different pitch classes a bar, by track; one-step: notes that last one step, in percent, by track
"""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from erato import corpora, pipeline, run_folder
from erato.datasets import encode_corpus
from erato.evaluation.phrases import Ints, phrases_of, statistics
from erato.models.base import LatentModel
from erato.representations.base import Array, Rolls
from erato.sampling import Latents
from erato.sampling.latent import best_of

TRIADS = ((0, 4, 7), (0, 3, 7))  # major and minor, in semitones
MINOR_SECONDS, TRITONES = (1, 11), (6,)
HEAD = "given  written by   distance  consonant  seconds  tritones  agree  differ  classes              one-step"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--corpus", help="that of the run, if not named")
    parser.add_argument("--split", default="valid", choices=("train", "valid", "test"))
    parser.add_argument("--checkpoint")
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--json")
    asked = parser.parse_args()
    run = pipeline.load(asked.run, asked.checkpoint)
    model = run.model.eval()
    if not (isinstance(model, LatentModel) and model.conditional):
        raise SystemExit(f"{asked.run} writes to no given tracks: name a run of musegan-conditional.")
    corpus = asked.corpus or run_folder.read_json(run.folder, "recipe.json")["source"]["name"]
    pieces = corpora.find(corpus).pieces(run.representation.kind, seed=run.recipe.seed)
    real = phrases_of(encode_corpus(pieces, run.recipe.representation).part(asked.split), model.space)
    print(f"{asked.run}: {len(real)} phrases of {asked.split}\n{HEAD}")
    lines = table(model, real, asked.draws)
    if asked.json:
        Path(asked.json).write_text(json.dumps(lines, indent=1))


def table(model: LatentModel, real: Ints, draws: int) -> list[dict[str, object]]:
    """Prints the rows for all given tracks, and says what they are."""
    tracks, found = model.space.tracks, []
    for given in ([0], [tracks - 1], [0, tracks - 1], [*range(1, tracks)]):
        label = "".join("SATB"[track] for track in given) if tracks == 4 else "+".join(str(k + 1) for k in given)
        by = {"(real)": [real], "(shuffled)": [shuffled(real, given)]}
        by |= {"one draw": [written(model, real, given, 1, seed) for seed in (0, 1)]}
        by |= {f"best of {draws}": [written(model, real, given, draws, seed) for seed in (0, 1)]}
        for name, phrases in by.items():
            row = measured(phrases, real, given, model.space)
            differ = "-" if row["differ"] is None else f"{row['differ']:.2f}"
            classes, short = (" ".join(f"{value:.{d}f}" for value in row[k]) for k, d in (("classes", 2), ("short", 1)))
            print(
                f"{label:<6} {name:<12} {row['distance']:8.3f} {row['consonant']:10.1f} {row['seconds']:8.1f} "
                f"{row['tritones']:9.1f} {row['agree']:6.1f} {differ:>7}  {classes:<20} {short}",
                flush=True,
            )
            found.append({"given": label, "by": name, **row})
    return found


def written(model: LatentModel, real: Ints, given: Sequence[int], draws: int, seed: int) -> Ints:
    """[N, T, K] the phrases with the tracks but the given ones written anew: of so many draws, the critic's choice."""
    symbols = torch.full(real.shape, -1)
    symbols[..., given] = torch.from_numpy(real[..., given])
    symbols = symbols.to(next(model.parameters()).device)
    return best_of(model, symbols, Latents.draw(model.latents, len(real) * draws, seed, kept=())).cpu().numpy()


def shuffled(real: Ints, given: Sequence[int]) -> Ints:
    """[N, T, K] the given tracks of each phrase with the others of a phrase elsewhere."""
    order = np.random.default_rng(0).permutation(len(real))
    other = real[np.roll(order, 1)][np.argsort(order)]  # a cycle through all: never a phrase's own
    found = other.copy()
    found[..., given] = real[..., given]
    return found


def measured(draws: Sequence[Array], real: Array, given: Sequence[int], space: Rolls) -> dict[str, object]:
    """The columns; draws: phrases [N, T, K], perhaps with others for the same given tracks; real: what stood there."""
    phrases, own = draws[0], [track for track in range(space.tracks) if track not in given]
    pairs = list(combinations(range(space.tracks), 2))
    means = statistics(phrases, space).means()
    across = [number for number, (a, b) in enumerate(pairs) if (a in given) != (b in given)]
    sounding = phrases[(phrases != space.pitches).all(2)] % 12  # [steps, K]
    heard = [(sounding[:, a] - sounding[:, b]) % 12 for a, b in pairs if a in own or b in own]
    intervals = np.stack(heard, 1)
    there = real[..., own] != space.pitches
    hits = (phrases[..., own] % 12 == real[..., own] % 12) & (phrases[..., own] != space.pitches)
    return {
        "distance": float(np.nanmean(means["tonal_distance"][across])),
        "consonant": 100 * float(in_triads()[np.bitwise_or.reduce(1 << sounding, axis=1)].mean()),
        "seconds": 100 * float(np.isin(intervals, MINOR_SECONDS).any(1).mean()),
        "tritones": 100 * float(np.isin(intervals, TRITONES).any(1).mean()),
        "agree": 100 * float(hits[there].mean()),
        "differ": float((draws[0] != draws[1])[..., own].mean()) if len(draws) > 1 else None,
        "classes": means["used_pitch_classes"][own].tolist(),
        "short": (100 * means["one_step_notes"][own]).tolist(),
    }


def in_triads() -> Array:
    """[4096] whether a set of pitch classes, one a bit, lies in a major or minor triad."""
    triads = [sum(1 << (root + step) % 12 for step in steps) for root in range(12) for steps in TRIADS]
    return np.any([np.arange(1 << 12) & ~triad == 0 for triad in triads], axis=0)


if __name__ == "__main__":
    main()
