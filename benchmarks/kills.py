"""Trainings that are killed, and whether they end with the bytes of one that was not.

    python benchmarks/kills.py --kills 200 --in-save 0.4 --seed 0

Small twins of recipes learn from small corpora in processes that kill themselves (SIGKILL): at a random moment, or at a
random call that renames or syncs a file, which is inside a save. The same training is then called until it ends.
Printed: how many, and how many ended otherwise. Processes are forked from one that has imported everything.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from symusic import Note, Score, TimeSignature, Track

from erato import pipeline
from erato.recipe import Recipe
from erato.recipes import TINY
from erato.training import is_finished

RECIPES = ("char-lstm", "note-lstm", "musegan-small", "event-transformer")
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
SAVING = ("replace", "rename", "fsync")  # calls of os within which a save is killed


def corpora(folder: Path) -> dict[str, Path]:
    """Small corpora by what they are for: music, words, and voices for recipes that write phrases."""
    draw = random.Random(0)
    made = {kind: folder / kind for kind in ("music", "words", "voices")}
    for path in made.values():
        path.mkdir(parents=True)
    for number in range(12):
        said = [" ".join(draw.choice(["sun", "moon", "river", "oh", "sing"]) for _ in range(5)) for _ in range(12)]
        (made["words"] / f"{number:02d}.txt").write_text("\n".join(said) + "\n", "utf-8")
        _score(draw, [("Melody", 60), ("Bass", 40)]).dump_midi(made["music"] / f"{number:02d}.mid")
        _score(draw, [*zip(VOICES, (72, 67, 60, 48), strict=True)]).dump_midi(made["voices"] / f"bwv{number}.mid")
    return made


def _score(draw: random.Random, voices: list[tuple[str, int]]) -> Score:
    score = Score(480)
    score.time_signatures.append(TimeSignature(0, 4, 4))
    for program, (name, tonic) in enumerate(voices):
        track = Track(name, program, False)
        for beat in range(32):
            track.notes.append(Note(480 * beat, 480, tonic + draw.randrange(-5, 6), 80))
        score.tracks.append(track)
    return score


def small(name: str, steps: int = 16, workers: int = 0, **training: Any) -> Recipe:
    """The twin of a recipe, with evaluations and saves between them."""
    changes = {"steps": steps, "epochs": None, "minutes": None, "every_epoch": False, "evaluations": 4, "save_every": 3}
    recipe = TINY[name]
    return replace(recipe, training=replace(recipe.training, **{**changes, "workers": workers, **training}))


def corpus_of(name: str, made: Mapping[str, Path]) -> Path:
    """The corpus for a recipe."""
    if name.startswith("musegan"):
        return made["voices"]
    return made["music"] if TINY[name].representation.kind == "music" else made["words"]


def ended(folder: Path) -> dict[str, str]:
    """All that a run leaves behind, hashed, without times."""
    last = max((path for path in (folder / "last").iterdir() if path.name.isdigit()), key=lambda path: path.name)
    paths = [*last.glob("*.safetensors"), folder / "model.safetensors", *sorted((folder / "steps").glob("*"))]
    found = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    state = json.loads((last / "state.json").read_text("utf-8"))
    found["state"] = json.dumps({key: value for key, value in state.items() if "second" not in key}, sort_keys=True)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    found["lines"] = json.dumps([{k: v for k, v in line.items() if "second" not in k} for line in lines])
    return found


def child(task: Callable[[], None]) -> int:
    """Does the task in a forked process; its exit code, or the negative number of the signal that ended it."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            torch.set_num_threads(1)
            task()
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_after(seconds: float) -> None:
    """This process, after so many seconds."""
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()


def killed_in_save(call: int, after: bool) -> None:
    """This process, right before or after the so manieth rename or sync of files."""
    left = [call]

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def one(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if not left[0] and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = original(*arguments, **named)
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return one

    for name in SAVING:
        setattr(os, name, counted(getattr(os, name)))


def counted_saves(report: Path) -> None:
    """Writes at the end how often this process renamed or synced."""
    calls = [0]

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def one(*arguments: Any, **named: Any) -> Any:
            calls[0] += 1
            report.write_bytes(str(calls[0]).encode())
            return original(*arguments, **named)

        return one

    for name in SAVING:
        setattr(os, name, counted(getattr(os, name)))


def measure(kills: int, in_save: float, seed: int, names: tuple[str, ...], folder: Path) -> dict[str, int]:
    """Kills so many trainings; how many there were of each kind, and how many ended with other bytes."""
    draw, made = random.Random(seed), corpora(folder / "corpora")
    found = {"kills": 0, "in a save": 0, "ended before": 0, "different": 0, "failed": 0}
    whole: dict[tuple[str, int], tuple[dict[str, str], float, int]] = {}
    while found["kills"] < kills:
        name, workers = draw.choice(names), draw.choice((0, 0, 1, 2))
        recipe, source = small(name, workers=workers), corpus_of(name, made)

        def trained(out: Path, recipe: Recipe = recipe, source: Path = source) -> None:
            pipeline.train(recipe, source, out)

        if (name, workers) not in whole:
            out, calls = folder / f"whole-{name}-{workers}", folder / "calls"
            assert child(lambda: trained(folder / "warm")) == 0, name  # fills the cache
            shutil.rmtree(folder / "warm")
            begun = time.monotonic()
            assert child(lambda: (counted_saves(calls), trained(out))[1]) == 0, name  # noqa: B023
            whole[name, workers] = ended(out), time.monotonic() - begun, int(calls.read_bytes())
        wanted, seconds, calls_made = whole[name, workers]
        out = folder / "parts"
        while True:  # killed again and again, on average twice
            if draw.random() < in_save:
                call, after = draw.randint(1, calls_made), draw.random() < 0.5
                code = child(lambda: (killed_in_save(call, after), trained(out))[1])  # noqa: B023
                kind = "in a save"
            else:
                moment = draw.uniform(0, seconds)
                code = child(lambda: (killed_after(moment), trained(out))[1])  # noqa: B023
                kind = ""
            if code == -signal.SIGKILL:
                found["kills"] += 1
                if kind:
                    found[kind] += 1
            if code != -signal.SIGKILL or is_finished(out) or draw.random() < 0.5:
                break
        if code == -signal.SIGKILL and is_finished(out):  # killed after the last save: nothing is left to do
            code = 0
        elif code == -signal.SIGKILL:
            code = child(lambda: trained(out))  # noqa: B023
        else:
            found["ended before"] += 1
        if code:
            found["failed"] += 1
            print(f"{name}, {workers} workers: exit code {code}", file=sys.stderr)
        elif (got := ended(out)) != wanted:
            found["different"] += 1
            said = [key for key in {*got, *wanted} if got.get(key) != wanted.get(key)]
            print(f"{name}, {workers} workers: {', '.join(sorted(said))} differ", file=sys.stderr)
        shutil.rmtree(out, ignore_errors=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--in-save", type=float, default=0.4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("ERATO_CACHE", f"{place}/cache")
        print(measure(given.kills, given.in_save, given.seed, tuple(given.recipes), Path(place)))
