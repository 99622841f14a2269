"""How likely a run finds the music of different folders: is one composer less predictable than another?

    python benchmarks/composers.py runs/MY-RUN ../shared/data/asap/* --pieces 12 --seconds 60

Of each folder: the first performance of up to so many works, and of each its first so many seconds. What the run has
learned from counts for less: it is marked, and a fair comparison is between folders of which it knows nothing.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import erato
from erato.evaluation.likelihood import likelihoods
from erato.reading import read_piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--pieces", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    run = erato.load(given.run)
    space, representation = run.representation.space, run.representation
    known = {file["sha256"] for file in run.manifest["files"]}
    rows = []
    for folder in sorted(Path(name) for name in given.folders if Path(name).is_dir()):
        works: dict[Path, Path] = {}
        for path in sorted(folder.rglob("*.mid")):
            if path.name != "midi_score.mid":
                works.setdefault(path.parent, path)
        chosen = list(works.values())[:: max(1, len(works) // given.pieces)][: given.pieces]
        arrays = [representation.encode(read_piece(path)).array for path in chosen]
        states = round(given.seconds / space.step_s) * space.keys
        arrays = [np.asarray(array[:states]) for array in arrays]
        found = likelihoods(run.model, arrays, space)
        nats, notes, seconds = found.nats.sum(), 0.0, 0.0
        for array in arrays:
            units = representation.units(array)
            notes, seconds = notes + units["notes"], seconds + units["seconds"]
        learnt = sum(_sha256(path) in known for path in chosen)
        rows.append(
            (
                nats / seconds,
                folder.name,
                nats / notes,
                nats / found.symbols.sum(),
                notes / seconds,
                len(arrays),
                learnt,
            )
        )
    print(f"{'':<14} nats a second  nats a note  nats a key state  notes a second  pieces  of its corpus")
    for per_second, name, per_note, per_state, density, pieces, learnt in sorted(rows):
        print(
            f"{name:<14} {per_second:>13.1f}  {per_note:>11.2f}  {per_state:>16.5f}  {density:>14.1f}  {pieces:>6}  "
            f"{learnt:>13}"
        )


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
