"""How fast `remi` encodes, beside MidiTok's REMI on the same scores: a folder of MIDI in, a table out.

    python benchmarks/remi_speed.py [FOLDER] [--scores N] [--rounds N]

Both turn scores that are already read into symbols, with tracks, tempos and meters. MidiTok changes the score that it
is handed, so it gets a copy, which is not timed. Every round times one and then the other on every score; the table
shows medians over rounds, by score. Without a folder the scores are made here. Needs `pip install erato[bench]`.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Note, Score, Tempo, TimeSignature, Track

from erato.representations import RemiConfig
from erato.score import note_count


def generated(count: int) -> list[Any]:
    """Songs of 500 notes in each of three tracks, with velocities, two tempos and a change of meter."""
    scores = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        score = Score(480)
        score.time_signatures.extend([TimeSignature(0, 4, 4), TimeSignature(16 * 1920, 3, 4)])
        score.tempos.extend([Tempo(0, 90 + seed % 60), Tempo(16 * 1920, 100 + seed % 60)])
        for number in range(3):
            track = Track(f"track {number}", 24 * number, False)
            time_ = np.sort(rng.integers(0, 64 * 1920, 500)).astype(np.int32)
            track.notes = Note.from_numpy(
                time_,
                rng.integers(60, 1920, 500).astype(np.int32),
                rng.integers(36, 96, 500).astype(np.int8),
                rng.integers(40, 110, 500).astype(np.int8),
            )
            score.tracks.append(track)
        scores.append(score)
    return scores


def timed(encode: Callable[[Any], Any], score: Any) -> float:
    started = time.perf_counter()
    encode(score)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--scores", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()

    import miditok

    if options.folder:
        paths = [path for path in sorted(options.folder.rglob("*")) if path.suffix.lower() in (".mid", ".midi")]
        scores = [Score(path) for path in paths[:: max(1, len(paths) // options.scores)][: options.scores]]
    else:
        scores = generated(options.scores)
    scores = [score for score in scores if note_count(score)]
    ours = RemiConfig().fit(scores)
    theirs = miditok.REMI(
        miditok.TokenizerConfig(
            use_programs=True, use_tempos=True, use_time_signatures=True, beat_res={(0, 64): 12}, num_velocities=32
        )
    )

    times: dict[str, list[list[float]]] = {"erato": [], "miditok": []}
    for _ in range(options.rounds + 1):
        for name, encode in (("erato", ours.encode), ("miditok", theirs.encode)):
            times[name].append([timed(encode, score.copy()) for score in scores])
    notes = [note_count(score) for score in scores]
    symbols = sum(len(ours.encode(score).array) for score in scores)
    print(f"{len(scores)} scores, {sum(notes)} notes, {symbols / sum(notes):.2f} symbols a note with erato")
    print(f"{'':10}{'ms a score':>12}{'us a note':>12}{'ms for 1,500 notes':>20}")
    median = {}
    for name, rounds in times.items():
        each = [statistics.median(column) for column in zip(*rounds[1:], strict=True)]  # the first round warms up
        a_note = statistics.median(t / n for t, n in zip(each, notes, strict=True))
        median[name] = each
        print(f"{name:10}{1e3 * statistics.median(each):12.3f}{1e6 * a_note:12.3f}{1.5e6 * a_note:20.3f}")
    ratios = [b / a for a, b in zip(median["erato"], median["miditok"], strict=True)]
    print(f"miditok takes {statistics.median(ratios):.1f} times as long (median over scores; least {min(ratios):.1f})")


if __name__ == "__main__":
    main()
