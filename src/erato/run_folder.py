"""The run folder: what is in it, whether a training goes on in it, and the numbers of the pieces composed from it.

    recipe.json  representation.json  manifest.json  model.txt  prompts.json     written before training
    model.safetensors  steps/  last/  metrics.jsonl  samples/                     written by training
    pieces/                                                                       written by composing

Knows nothing of how a model is trained or sampled.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from erato import datasets
from erato.checksums import CHECKSUMS, damaged, seal
from erato.config import to_record
from erato.corpora import CORPORA
from erato.corpora.base import Pieces
from erato.datasets import Encodings
from erato.errors import RunError
from erato.files import write_json, write_text
from erato.models.base import Model
from erato.models.describe import describe
from erato.reading.opening import printable
from erato.recipe import Recipe
from erato.representations.base import Array
from erato.training import is_finished

WRITTEN_ONCE = ("recipe.json", "representation.json", "prompts.json", "manifest.json", "model.txt")
_MOST_JSON = 1 << 30  # bytes of a JSON file of a run
_LIBRARIES = ("torch", "numpy", "symusic", "music21", "safetensors", "transformers", "tokenizers", "peft")
_PROMPTS, _PROMPT = 64, 256  # windows of the training pieces that a run keeps to begin from, and their most symbols
_PIECE_NUMBER = re.compile(r"\.?(\d+)-")


def record(
    recipe: Recipe,
    pieces: Pieces,
    source: str,
    track: Sequence[str] = (),
    max_files: int | None = None,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """What recipe.json says: every part and number, what they ran with, and where the corpus is found."""
    name = str(Path(source).absolute()) if Path(source).exists() and source not in CORPORA else source
    return {
        "erato": version("erato"),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "corpus": {"name": pieces.name, "hash": pieces.hash},
        "source": {"name": name, "track": list(track), "max_files": max_files, "only": [*map(printable, only)]},
        "recipe": to_record(recipe),
    }


def write_run(
    folder: Path, said: dict[str, Any], recipe: Recipe, pieces: Pieces, encodings: Encodings, model: Model
) -> None:
    """Everything but what training makes, where it is not there; recipe.json first, as it makes the folder a run."""
    representation = encodings.representation.state()

    def prompts() -> list[Array]:
        length = max(min(recipe.windows.most, _PROMPT), recipe.model.lead)
        return datasets.seed_windows(encodings, length, _PROMPTS, recipe.seed)

    files: dict[str, Callable[[Path], None]] = {
        "recipe.json": lambda path: write_json(path, said),
        "representation.json": lambda path: write_json(path, representation),
        "prompts.json": lambda path: write_json(
            path, [encodings.representation.space.to_json(window) for window in prompts()]
        ),
        "manifest.json": lambda path: write_json(
            path, {**_with_used(pieces, encodings), "not held by the representation": encodings.lost}
        ),
        "model.txt": lambda path: write_text(path, describe(model, encodings.representation.space)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    sealed = (folder / CHECKSUMS).exists()
    for name, write in files.items():
        if not (folder / name).is_file():
            write(folder / name)
    if sealed:
        refuse_damaged(folder)
    else:
        seal(folder, WRITTEN_ONCE)
    if read_json(folder, "representation.json") != json.loads(json.dumps(representation)):
        raise RunError(
            f"{folder / 'representation.json'} is of another run: remove the folder, or name another with --out."
        )


def refuse_damaged(folder: Path) -> None:
    """RunError where one of the files that are written before training is missing, or not what was written."""
    for name in ("recipe.json", CHECKSUMS):
        if not os.path.lexists(folder / name):
            raise RunError(
                f"{folder / name} is missing: {folder} is not a complete run folder, or an older Erato made it; train "
                "again."
            )
    if wrong := damaged(folder, WRITTEN_ONCE):
        raise RunError(
            f"{folder / wrong[0]} is damaged: it is not what was written there; restore the file, or train again into "
            "a new folder."
        )


def _with_used(pieces: Pieces, encodings: Encodings) -> dict[str, Any]:
    """The manifest, with what the representation took of each piece, where it says so."""
    if not encodings.used:
        return pieces.manifest
    used = {entry.name: said for entry, said in zip(pieces.entries, encodings.used, strict=True) if said}
    return {**pieces.manifest, "used by the representation": used} if used else pieces.manifest


def read_json(folder: Path, name: str, kind: type = dict) -> Any:
    """One JSON file of a run, a dict or a list; RunError if it is missing, damaged or something else."""
    try:
        if (folder / name).exists() and not (folder / name).is_file():  # a pipe would be waited for without end
            raise ValueError("it is not a file")
        if (folder / name).stat().st_size > _MOST_JSON:
            raise ValueError("it is too large")
        found = json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder / name} is missing: {folder} is not a complete run folder.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{folder / name} cannot be read ({error}): restore the file or train again.") from None
    if not isinstance(found, kind):
        raise RunError(f"{folder / name} is not what a run keeps there: restore the file or train again.")
    return found


def refuse_foreign(folder: Path) -> None:
    """Refuses a folder that cannot be a run, before anything is read."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: give the name of a new folder with --out.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "recipe.json").is_file():
        raise RunError(f"{folder} exists and is not a run folder: give the name of a new folder with --out.")


def goes_on(folder: Path, said: dict[str, Any], pieces: Pieces) -> bool:
    """True for the same run, unfinished; False for a new folder; RunError for any other folder.

    pieces: what it would learn from now, so that files that changed meanwhile are named.
    """
    refuse_foreign(folder)
    if not (folder / "recipe.json").is_file():
        return False
    if (folder / CHECKSUMS).exists() and damaged(folder, ["recipe.json"]):
        raise RunError(f"{folder / 'recipe.json'} is damaged: restore it, or give a new folder with --out.")
    if not _same(folder, said):
        if _same(folder, said, ("recipe",)) and (changed := _changed(folder, pieces)):
            raise RunError(
                f"{pieces.name} is not what the run in {folder} began to learn from ({changed}): put the files back, "
                "or give a new folder with --out."
            )
        raise RunError(f"{folder} holds another run (recipe, settings or corpus differ): give a new folder with --out.")
    if is_finished(folder):
        raise RunError(f"{folder} holds this run, finished: compose from it, or give a new folder with --out.")
    return True


def default_folder(recipe: Recipe, pieces: Pieces, said: dict[str, Any]) -> Path:
    """`runs/<recipe>-<corpus>-<NNN>`: the same run if it is unfinished, else the next free number."""
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in f"{recipe.name}-{pieces.name}").lstrip(".")
    numbers = [0]
    for path in sorted(Path("runs").glob(f"{stem}-*")):
        if path.name[len(stem) + 1 :].isdigit():
            numbers.append(int(path.name[len(stem) + 1 :]))
            if _same(path, said) and not is_finished(path):
                return path
    return Path("runs") / f"{stem}-{max(numbers) + 1:03d}"


def _changed(folder: Path, pieces: Pieces) -> str:
    """Which files of a corpus are not those that the manifest in `folder` names, in words; "" where all are."""
    try:
        before, now = (
            {file["name"]: file["sha256"] for file in manifest["files"]}
            for manifest in (read_json(folder, "manifest.json"), pieces.manifest)
        )
    except (RunError, KeyError, TypeError):
        return ""
    said = [f"{name} has changed" for name in before if name in now and now[name] != before[name]]
    said += [f"{name} is gone" for name in before if name not in now]
    said += [f"{name} is new" for name in now if name not in before]
    return ", ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def _same(folder: Path, said: dict[str, Any], keys: Sequence[str] = ("recipe", "corpus")) -> bool:
    """Whether `folder` holds a run of the same recipe on the same corpus."""
    try:
        there = json.loads((folder / "recipe.json").read_text("utf-8"))
        return all(there[key] == json.loads(json.dumps(said[key])) for key in keys)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def piece_number(folder: Path) -> Iterator[int]:
    """The next free piece number in `folder`, kept from other processes for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        found = [_PIECE_NUMBER.match(path.name) for path in folder.iterdir()]
        number = 1 + max((int(match[1]) for match in found if match), default=0)
        reserved = folder / f".{number:03d}-reserved"
        try:
            os.close(os.open(reserved, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if not any(path.name.startswith(f"{number:03d}-") for path in folder.iterdir()):
            break
        reserved.unlink()
    try:
        yield number
    finally:
        reserved.unlink(missing_ok=True)
