"""How fast music becomes sound: a minute of four tracks to WAV, FLAC, OGG and MP3, on one thread.

Makes the music itself, from a seed: a melody, chords, a bass and drums at 120 quarters a minute. Prints a table of
medians, in seconds and as many times faster than it sounds; asserts nothing. Run it with nothing else running:

    python benchmarks/sounding.py
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from symusic import Note, Score, Tempo, Track

from erato.renderers import RENDERERS, About
from erato.renderers.audio import Audio
from erato.renderers.loudness import factor
from erato.renderers.page_sound import page_sound
from erato.renderers.synthesis import RATE, mix

TRACKS = (  # name, program, lowest key, keys, notes at once, notes a quarter, drums
    ("Melody", 73, 67, 17, 1, 2, False),
    ("Chords", 0, 55, 12, 3, 1, False),
    ("Bass", 33, 36, 12, 1, 1, False),
    ("Drums", 0, 36, 11, 2, 4, True),
)


def music(quarters: int, seed: int) -> Score:
    """Four tracks of `quarters` quarters, half a second each."""
    rng = np.random.default_rng(seed)
    score = Score(480)
    score.tempos.append(Tempo(0, 120))
    for name, program, low, keys, voices, each, drums in TRACKS:
        track = Track(name, program, drums)
        for start in range(0, 480 * quarters, 480 // each):
            for key in rng.choice(keys, voices, replace=False):
                track.notes.append(Note(start, 480 // each, low + int(key), int(rng.integers(50, 115))))
        score.tracks.append(track)
    return score


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()

    score = music(2 * given.seconds, given.seed)
    made = mix(score)
    print(f"{sum(len(track.notes) for track in score.tracks):,} notes, {made.seconds:.1f} s of sound, {RATE} Hz")
    with tempfile.TemporaryDirectory() as folder:

        def writing(renderer: Audio) -> Callable[[], object]:
            return lambda: renderer.write(score, Path(folder) / f"x{renderer.suffix}", About())

        parts: dict[str, Callable[[], object]] = {
            "notes to samples": lambda: mix(score),
            "loudness and true peak": lambda: factor(made.samples, made.rate),
            **{f"piece to {kind}": writing(one) for kind, one in RENDERERS.items() if isinstance(one, Audio)},
            "MP3 for a page": lambda: page_sound(score),
        }
        for name, part in parts.items():
            took = []
            for _ in range(given.runs):
                begin = time.perf_counter()
                part()
                took.append(time.perf_counter() - begin)
            median = statistics.median(took)
            print(f"{name:<36} {median:7.3f} s {given.seconds / median:7.1f} times real time")


if __name__ == "__main__":
    main()
