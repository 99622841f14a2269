"""How fast pieces become files: `erato render` in fresh processes on one core, imports and all.

Makes the music itself, from a seed. Prints a table of medians and sizes; asserts nothing. Run it with nothing else
running:

    python benchmarks/rendering.py
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from symusic import Note, Score, Tempo, Track

from erato.renderers.midi import midi_bytes

ONE_CORE = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
TRACKS = (
    ("Melody", 73, 67, 17, 1, 2),
    ("Chords", 0, 55, 12, 3, 1),
    ("Bass", 33, 36, 12, 1, 1),
    ("Fiddle", 40, 60, 12, 1, 2),
)


def music(quarters: int, seed: int, more: int = 1) -> Score:
    """Four tracks of `quarters` quarters, half a second each; more: how many times as many notes a quarter."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.tempos.append(Tempo(0, 120))
    for name, program, low, keys, voices, each in TRACKS:
        track = Track(name, program, False)
        step = 480 // (each * more)
        for start in range(0, 480 * quarters, step):
            for key in rng.choice(keys, voices, replace=False):
                track.notes.append(Note(start, step, low + int(key), int(rng.integers(50, 115))))
        score.tracks.append(track)
    return score


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    rows = [
        ("60 s of four tracks to WAV", music(120, given.seed), "x.wav"),
        ("one engraved page, SVG", music(48, given.seed), "x.svg"),
        ("one engraved page, PDF", music(48, given.seed), "x.pdf"),
        ("piano roll of 10,000 notes", music(420, given.seed, 4), "x.png"),
        ("2 minutes to MusicXML", music(240, given.seed), "x.musicxml"),
        ("page of 2 minutes", music(240, given.seed), "x.html"),
    ]
    core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, score, out in rows:
            (folder / "in.mid").write_bytes(midi_bytes(score))
            times = []
            for _ in range(given.runs):
                command = [sys.executable, "-m", "erato", "render", "in.mid", out, "--force"]
                if core is not None:
                    command = ["taskset", "-c", str(core), *command]
                began = time.perf_counter()
                subprocess.run(command, cwd=folder, env=ONE_CORE, check=True, capture_output=True)
                times.append(time.perf_counter() - began)
            size = (folder / out).stat().st_size / 1e6
            notes = sum(len(track.notes) for track in score.tracks)
            print(f"{label:<30} {notes:>7,} notes {statistics.median(times):>7.2f} s {size:>7.2f} MB", flush=True)


if __name__ == "__main__":
    main()
