"""What there is to say of a run folder without its weights: a folder in, JSON values out.

Also of a run that is still learning or that is damaged. Torch is not imported, and what was found is kept until one of
the files changes. Knows nothing of projects and jobs.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from erato.checksums import CHECKSUMS, damaged
from erato.config import from_record
from erato.errors import EratoError
from erato.representations import REPRESENTATIONS, Multitrack
from erato.representations.base import Bits, Representation, Rolls

WEIGHTS = "model.safetensors"
SAMPLE = re.compile(r"step(\d{1,12})(?:-\d[\d.e+-]{0,20})?\.(mid|txt)")
MEASURES = {  # what a loss is: its name and its unit, by the class of the objective
    "Likelihood": ("held-out loss", "nats a symbol"),
    "WganGp": ("gap to the corpus", "times what is aimed at"),
}
PARTS = ("chords", "style", "melody", "groove")  # of what whole phrases are written from
MOST_PIECES = 16  # of a job that composes
USUAL_BARS, USUAL_SECONDS, USUAL_SYMBOLS = 8, 20, 400  # of a piece, where a recipe does not say how long it is
_MOST_BYTES = 64 * 2**20  # of a file that is read here
_WATCHED = ("recipe.json", "representation.json", "manifest.json", "model.txt", CHECKSUMS, WEIGHTS, "metrics.jsonl")
_PARAMETERS = re.compile(r"^total +([\d,]+)$", re.MULTILINE)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, or began to."""
    return (folder / "recipe.json").is_file()


def facts(folder: Path) -> dict[str, Any]:
    """Recipe, corpus, state, size, best loss and what can be asked of the model; a damaged run says `why`."""
    found: dict[str, Any] = json.loads(_facts(folder, _stamp(folder)))
    return found


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The evaluations so far, in order, as they stand in metrics.jsonl; what is no finite number is None."""
    lines = []
    for line in _text(folder / "metrics.jsonl").splitlines():
        try:
            read = json.loads(line)
        except ValueError:  # half a line of a run that was killed
            break
        if isinstance(read, dict) and type(read.get("step")) is int and "valid_loss" in read:
            lines.append({name: _finite(value) for name, value in read.items()})
    return lines


def samples(folder: Path) -> list[dict[str, Any]]:
    """What the run composed while it learned: {name, step, kind}, the newest last."""
    there = folder / "samples"
    named = ((path.name, SAMPLE.fullmatch(path.name)) for path in (there.iterdir() if there.is_dir() else ()))
    found = [
        {"name": name, "step": int(said[1]), "kind": "text" if said[2] == "txt" else "music"}
        for name, said in named
        if said
    ]
    return sorted(found, key=lambda sample: (sample["step"], sample["name"]))


def finished(folder: Path) -> bool:
    """Whether its training came to its end."""
    states = sorted(path for path in (folder / "last").glob("*") if path.name.isdigit())
    return bool(states and _json(states[-1] / "state.json").get("finished")) and (folder / WEIGHTS).is_file()


def _stamp(folder: Path) -> tuple[Any, ...]:
    """Changes whenever one of the files that are read does."""

    def of(path: Path) -> tuple[int, int]:
        try:
            status = path.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size

    return tuple(of(folder / name) for name in (*_WATCHED, "samples", "last"))


@lru_cache(maxsize=512)
def _facts(folder: Path, stamp: tuple[Any, ...]) -> str:
    """The facts as JSON text, which nobody can change."""
    record = _json(folder / "recipe.json")
    recipe, manifest = _object(record.get("recipe")), _json(folder / "manifest.json")
    lines, done = metrics(folder), finished(folder)
    losses = [line["valid_loss"] for line in lines if isinstance(line["valid_loss"], (int, float))]
    size = _PARAMETERS.search(_text(folder / "model.txt"))
    measure, unit = MEASURES.get(str(_object(recipe.get("objective")).get("type")), ("held-out loss", ""))
    representation, why = _representation(folder, recipe)
    state, why = ("damaged", why) if why else _state(folder, done, lines)
    found = {
        "recipe": _said(recipe.get("name")),
        "summary": _said(recipe.get("summary")),
        "kind": representation.kind if representation else None,
        "corpus": _said(manifest.get("corpus")) or _said(_object(record.get("corpus")).get("name")),
        "licence": _said(manifest.get("licence")),
        "created": _changed_at(folder / "recipe.json"),
        "state": state,
        "why": why,
        "finished": done,
        "parameters": int(size[1].replace(",", "")) if size else None,
        "best_loss": min(losses, default=None),
        "measure": measure,
        "unit": unit,
        "steps": lines[-1]["step"] if lines else 0,
        "samples": len(samples(folder)),
        "composes": composes(recipe, representation) if representation else None,
    }
    return json.dumps(found)


def _state(folder: Path, done: bool, lines: list[dict[str, Any]]) -> tuple[str, str]:
    """Whether it can compose, and what there is to say of that."""
    if (folder / WEIGHTS).is_file():
        if why := _cut_off(folder / WEIGHTS):
            return "damaged", why
        at = f" at step {lines[-1]['step']:,}" if lines else ""
        return "ready", "" if done else f"Its training was stopped{at}: it composes with the best weights so far."
    return "unfinished", "It has not come to its first evaluation yet, and cannot compose: train it for longer."


def _representation(folder: Path, recipe: Mapping[str, Any]) -> tuple[Representation | None, str]:
    """The fitted representation, or why the run is damaged."""
    if not recipe:
        return None, "Its recipe.json cannot be read: restore the file, or train again."
    if not (folder / CHECKSUMS).is_file():
        return None, f"Its {CHECKSUMS} is missing: training stopped before it began, or an older Erato made it."
    if wrong := damaged(folder, [name for name in _json(folder / CHECKSUMS) if "/" not in name]):
        return None, f"Its {wrong[0]} is damaged: restore the file, or train again."
    configs = {config.__name__: config for config in REPRESENTATIONS.values()}
    record = _object(recipe.get("representation"))
    try:
        config = from_record(configs[str(record.get("type"))], record)
        return config.restore(_json(folder / "representation.json")), ""
    except KeyError:
        return None, f"Its representation {record.get('type')!r} is not known to this Erato."
    except EratoError as error:
        return None, str(error)


def composes(recipe: Mapping[str, Any], representation: Representation) -> dict[str, Any]:
    """What can be asked of a model, and what is usual, by its recipe as JSON and its representation."""
    music, space, length = representation.kind == "music", representation.space, recipe.get("length")
    latents = isinstance(space, Rolls)
    sampler = _object(recipe.get("sampler"))
    cursor = representation.cursor(1)
    counts_bars, counts_seconds = music and cursor.bars is not None, music and cursor.seconds is not None
    usual: dict[str, Any] = {"top_k": sampler.get("top_k", 0), "top_p": sampler.get("top_p", 1.0)}
    usual["temperature"] = sampler.get("temperature", 1.0)
    if isinstance(space, Rolls):
        usual = {"bars": max(1, round((length or 5 * space.phrase) / space.steps))}
    elif counts_bars:
        usual["bars"] = USUAL_BARS
    elif counts_seconds:
        usual["seconds"] = max(1, round(length * space.step_s)) if isinstance(space, Bits) and length else USUAL_SECONDS
    else:
        usual["length"] = length or USUAL_SYMBOLS
    drawn = ["temperature"] if isinstance(space, Bits) else ["temperature", "top_k", "top_p"]
    return {
        "bars": counts_bars,
        "seconds": counts_seconds,
        "length": not music,
        "prompt": not latents,
        "original": music,
        "sampler": [] if latents else drawn,
        "latents": {"tracks": _track_names(representation), "parts": list(PARTS)} if latents else None,
        "usual": usual,
    }


def _track_names(representation: Representation) -> list[str]:
    """What the tracks that it writes are called."""
    if not isinstance(representation, Multitrack):
        return []
    return [voice or f"Track {number}" for number, voice in enumerate(representation.voices, 1)]


def _cut_off(path: Path) -> str:
    """What is wrong with weights, by their head alone: whether they are as long as it says."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            head = json.loads(file.read(min(size, _MOST_BYTES)))
        ends = [one["data_offsets"][1] for name, one in head.items() if name != "__metadata__"]
        whole = 8 + size + max(ends) == path.stat().st_size
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        whole = False
    return "" if whole else f"Its {path.name} is damaged: restore the file, or train again."


def _text(path: Path) -> str:
    """A file that may be missing, too large, or no text."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return ""
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    """A JSON object that may be missing or damaged."""
    try:
        return _object(json.loads(_text(path)))
    except (ValueError, RecursionError):
        return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _said(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
