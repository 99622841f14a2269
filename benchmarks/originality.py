"""Are copied passages found, is what is not copied left in peace, and how fast: folders of music in, tables out.

    python benchmarks/originality.py FOLDER ... [--trials 100] [--folk folk-tunes] [--seed 0]
    python benchmarks/originality.py FOLDER --large 10000 [--queries 200]

Twelve notes of a melody of a training piece, transposed and at another tempo, are put between notes made here; the
report is right where it names the piece that they come from and its bars (`source`), or, as the same twelve notes often
stand in many pieces, only others that hold them (`alike`): the same intervals, and onsets in the same proportions, in
the piece itself and in the bars that are named. The same is done with sixteen notes of which two have another pitch,
and with twelve notes in a row of the whole texture. Folk tunes stand for what is not copied: how many share no more
than the 95th percentile of held-out pieces, all cut to FOLK_NOTES notes.

--large: of so many pieces, those of the folder changed here and there, an index is made in a process of its own and
asked in another, for held-out pieces cut to 128 quarters (32 bars of 4/4, the most that a run is
measured by) and for whole ones: disk, memory, times on one thread.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from symusic import Note, Score, TimeSignature, Track

from erato.corpora import find
from erato.corpora.base import Pieces
from erato.evaluation.originality import MEASURES, Lines, Passage, human, shared
from erato.evaluation.passage_index import PassageIndex
from erato.passages import Line, lines
from erato.score import bars, clip, has_pickup
from erato.training_index import music_index

KINDS = {
    "12 notes of a melody": (12, 0, True),
    "16, of which 2 changed": (16, 2, True),
    "12 of the texture": (12, 0, False),
}
TEMPI = (1 / 2, 2 / 3, 3 / 4, 4 / 3, 3 / 2, 2)  # times as fast
AROUND = 30  # notes made here before and after
FOLK_NOTES = 48


def made(rng: np.random.Generator, ticks: int, start: int) -> tuple[Any, Any]:
    """Onsets and pitches of a tune of random steps and lengths."""
    onset = start + np.append(0, np.cumsum(rng.choice([1, 2, 2, 3, 4, 6, 8], AROUND - 1) * max(ticks // 4, 1)))
    return onset, 66 + np.cumsum(rng.integers(-7, 8, AROUND)) % 24 - 12


def splice(rng: np.random.Generator, line: Line, at: int, count: int, changed: int, ticks: int) -> tuple[Score, float]:
    """Notes `at` to `at + count` of a line between made ones, and how many times as fast they are."""
    higher, tempo = int(rng.choice([*range(-7, 0), *range(1, 8)])), float(rng.choice(TEMPI))
    before = made(rng, ticks, 0)
    begin = int(before[0][-1]) + ticks // 2 + int(rng.integers(ticks))
    onset = begin + np.rint((line.onset[at : at + count] - line.onset[at]) / tempo).astype(np.int64)
    pitch = np.clip(line.pitch[at : at + count] + higher, 0, 127)
    which = rng.choice(count, changed, replace=False)
    pitch[which] = np.clip(pitch[which] + rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], changed), 0, 127)
    after = made(rng, ticks, int(onset[-1]) + ticks // 2 + int(rng.integers(ticks)))
    score, track = Score(ticks), Track("made", 0, False)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    for one, high in ((before[0], before[1]), (onset, pitch), (after[0], after[1])):
        for tick, key in zip(one.tolist(), high.tolist(), strict=True):
            track.notes.append(Note(tick, max(ticks // 4, 1), key, 80))
    score.tracks.append(track)
    return score, tempo


def bar_range(score: Score, first: int, last: int) -> tuple[int, int]:
    starts = [bar.start for bar in bars(score)]
    number = [sum(start <= tick for start in starts) - has_pickup(score) for tick in (first, last)]
    return number[0], number[1]


def holds(score: Score, name: str, within: tuple[int, int], line: Line, at: int, count: int, wrong: int) -> bool:
    """Whether a line of a piece holds the notes in these bars: the intervals, and onsets within a 32nd as they are."""
    for there in lines(score):
        if there.name != name:
            continue
        for start in range(len(there) - count + 1):
            pitch, onset = there.pitch[start : start + count], there.onset[start : start + count]
            off = pitch - line.pitch[at : at + count]
            if (off != np.bincount(off + 256).argmax() - 256).sum() > wrong:
                continue
            ours = (line.onset[at : at + count] - line.onset[at]) / max(line.onset[at + count - 1] - line.onset[at], 1)
            theirs = (onset - onset[0]) / max(onset[-1] - onset[0], 1)
            span = bar_range(score, int(onset[0]), int(onset[-1]))
            if np.abs(ours - theirs).max() < 0.02 and within[0] <= span[0] and span[1] <= within[1]:
                return True
    return False


def right(
    pieces: Pieces, numbers: dict[str, int], source: str, span: tuple[int, int], found: Passage | None, taken: Any
) -> str:
    """`source`, `alike` or why not."""
    line, at, count, changed = taken
    if found is None:
        return "nothing"
    if found.notes < count - 2 * changed:
        return f"only {found.notes} notes"
    for place in found.places:
        begins, ends = place.bars
        inside = span[0] - 1 <= begins and ends <= span[1] + 1  # a note made here may fit on either side
        covers = begins <= span[0] and ends >= span[1]
        if place.piece == source and inside and (covers or changed):  # changed notes at an end are left out
            return "source"
    for place in found.places:
        if holds(pieces[numbers[place.piece]], place.line, place.bars, line, at, count, changed):
            return "alike"
    return f"{found.notes} notes of others"


def trials(
    pieces: Pieces, index: PassageIndex, kind: str, count: int, rng: np.random.Generator, say: bool
) -> Counter[str]:
    length, changed, melody = KINDS[kind]
    train = pieces.split("train")
    numbers = {pieces.entries[number].name: number for number in train}
    results: Counter[str] = Counter()
    while results.total() < count:
        number = int(rng.choice(train))
        score = pieces[number]
        some = [
            line
            for line in lines(score)
            if (line.melody if melody else line.name == "all notes") and len(line) >= length
        ]
        if not some:
            continue
        line = some[int(rng.integers(len(some)))]
        at = int(rng.integers(len(line) - length + 1))
        piece, tempo = splice(rng, line, at, length, changed, score.ticks_per_quarter)
        found = shared(index, piece)
        name = ("near_" if changed else "") + ("melody" if melody else "texture")
        span = bar_range(score, int(line.onset[at]), int(line.onset[at + length - 1]))
        source = pieces.entries[number].name
        result = right(pieces, numbers, source, span, getattr(found, name), (line, at, length, changed))
        if say and result != "source":
            steps = np.diff(line.onset[at : at + length]).tolist()
            print(f"  {result}: {source} {line.name}, bars {span}, tempo {tempo:.2f}, steps in ticks {steps}")
            print(f"    {np.diff(line.pitch[at : at + length]).tolist()} {getattr(found, name)}")
        results[result] += 1
    return results


def folk(pieces: Pieces, index: PassageIndex, name: str, count: int, rng: np.random.Generator) -> dict[str, int]:
    """Of `count` folk tunes, those that share no more than the 95th percentile of held-out pieces, by measure."""
    held_out = (pieces[number] for split in ("valid", "test") for number in pieces.split(split))
    people = human(index, held_out, FOLK_NOTES, rng)
    tunes = find(name).pieces("music")
    within, looked = dict.fromkeys(MEASURES, 0), 0
    for number in rng.permutation(len(tunes)).tolist():
        tune = Lines.of(tunes[number])
        if looked == count:
            break
        if tune.notes < FOLK_NOTES:
            continue
        looked += 1
        found = shared(index, tune.cut(FOLK_NOTES)).lengths()
        for measure in MEASURES:
            within[measure] += found[measure] <= (people.at(measure, 95) or 0)
    print(f"  of people the 95th percentile: { {name: people.at(name, 95) for name in MEASURES} }")
    return within


def changed(pieces: Pieces, count: int, seed: int) -> Iterator[tuple[str, str, Score]]:
    """So many pieces: those given, transposed and with every tenth note at another pitch, again and again."""
    train = pieces.split("train")
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        score = pieces[train[number % len(train)]]
        higher = int(rng.integers(-6, 7))
        for track in score.tracks:
            if len(track.notes) and not track.is_drum:
                notes = {name: column.copy() for name, column in track.notes.numpy().items()}
                other = rng.random(len(notes["pitch"])) < 0.1
                step = other * rng.integers(-5, 6, len(other))
                notes["pitch"] = np.clip(notes["pitch"].astype(np.int64) + higher + step, 0, 127).astype(np.int8)
                track.notes = Note.from_numpy(**notes)
        yield f"piece {number}", f"group {number}", score


def build_large(name: str, count: int, seed: int, folder: str) -> None:
    began = time.perf_counter()
    index = PassageIndex.build(changed(find(name).pieces("music"), count, seed))
    index.save(Path(folder))
    size = sum(path.stat().st_size for path in Path(folder).iterdir())
    print(
        f"{count:,} pieces, {len(index.symbols):,} notes of lines: {size / 1e6:.0f} MB on disk, made in "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )


def ask_large(name: str, queries: int, folder: str) -> None:
    """The times of so many queries, and how much memory this process has taken at most."""
    pieces = find(name).pieces("music")
    held_out = [number for split in ("valid", "test") for number in pieces.split(split)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    index = PassageIndex.open(Path(folder))
    print("| queries | notes, median | median ms | p90 | worst | processor time: median | p90 | worst | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for what in ("128 quarters", "whole"):
        wall, processor, notes = [], [], []
        for turn in range(queries):
            score = pieces[held_out[turn % len(held_out)]]
            if what == "128 quarters":
                score = clip(score, 128 * score.ticks_per_quarter)
            best = []
            for _ in range(3):
                began, used = time.perf_counter(), time.process_time()
                found = shared(index, score)
                best.append((time.perf_counter() - began, time.process_time() - used))
            wall.append(1000 * min(one for one, _ in best))
            processor.append(1000 * min(one for _, one in best))
            notes.append(found.notes)
        columns = [
            f"{number:.0f}"
            for times in (wall, processor)
            for number in (statistics.median(times), np.percentile(times, 90), max(times))
        ]
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {queries} of {what} | {statistics.median(notes):.0f} | {' | '.join(columns)} | {most:.0f} |", flush=True
        )
    print(f"Best of 3 each, one thread; {before:.0f} MB before the index was opened.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--folk", default="folk-tunes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", action="store_true", help="say what was not found, and why")
    parser.add_argument("--large", type=int, metavar="PIECES")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="where the large index is, or is to be kept")
    options = parser.parse_args()
    if options.large:
        with tempfile.TemporaryDirectory() as folder:
            at = str(options.keep or Path(folder) / "index")
            context = multiprocessing.get_context("spawn")  # so that one's memory is not the other's
            jobs: list[tuple[Any, tuple[Any, ...]]] = [(ask_large, (options.folders[0], options.queries, at))]
            if not Path(at).is_dir():
                jobs.insert(0, (build_large, (options.folders[0], options.large, options.seed, at)))
            for job, arguments in jobs:
                process = context.Process(target=job, args=arguments)
                process.start()
                process.join()
        return
    print(f"| of {options.trials} | {' | '.join(f'{kind} (source + alike)' for kind in KINDS)} | folk tunes within |")
    for name in options.folders:
        pieces = find(name).pieces("music")
        index = music_index(pieces)
        row = []
        for kind in KINDS:
            results = trials(pieces, index, kind, options.trials, np.random.default_rng(options.seed), options.misses)
            row.append(f"{results['source']} + {results['alike']}")
            print("  ", kind, dict(results), flush=True)
        row.append(str(folk(pieces, index, options.folk, options.trials, np.random.default_rng(options.seed))))
        print(f"| {Path(name).name} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
