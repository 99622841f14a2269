"""Checkpoints in the layout of the Hugging Face hub: a folder or a hub name in, a folder of files out.

A name is looked for among the hub's files on this machine first, then fetched. Knows nothing of what the files hold.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from erato.errors import UsageError

NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
TOKENIZER = (  # patterns of the files that say how text becomes symbols; config.json may name the end of a text
    "config.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
)
_WEIGHTS = ("generation_config.json", "model*.safetensors", "model*.json")
_SUBWORDS = ("tokenizer.json", "vocab.*", "*.model")  # any of them is a tokenizer
_TIMEOUT_S = 10.0

# In a notebook without widgets the hub's library says at its import that it has no progress bar: nobody asked for one.
warnings.filterwarnings("ignore", "IProgress not found")


def folder(checkpoint: str, weights: bool = True, missing: str = "folder") -> Path:
    """The folder of a checkpoint: itself, or where the hub's files of that name are kept on this machine.

    weights: with those; else only its tokenizer. missing: what the caller calls a folder that is not there. What is not
    on this machine is fetched from the hub; UsageError says how to get it where there is no network.
    """
    local = _local(checkpoint)
    if checkpoint and local.is_dir():
        return _refuse_others(local, weights)
    if local.exists() or not NAME.fullmatch(checkpoint):
        raise UsageError(
            f"there is no {missing} {checkpoint!r}: give the folder of a checkpoint, or a hub name as in gpt2."
        )
    return cached(checkpoint, weights) or _fetch(checkpoint, weights, missing)


def cached(checkpoint: str, weights: bool = True) -> Path | None:
    """The folder of a checkpoint, without the network; None where there is none, or a part of its files is missing."""
    local = _local(checkpoint)
    if checkpoint and local.is_dir():
        return local
    if not NAME.fullmatch(checkpoint):
        return None
    from huggingface_hub import snapshot_download

    try:
        with quiet():
            found = Path(snapshot_download(checkpoint, allow_patterns=_patterns(weights), local_files_only=True))
    except (OSError, ValueError):  # not there, or no name for the hub
        return None
    needed = [_SUBWORDS, *([("config.json",), ("model*.safetensors",)] if weights else [])]
    return found if all(any(any(found.glob(pattern)) for pattern in patterns) for patterns in needed) else None


def absolute(checkpoint: str | Path) -> str:
    """The checkpoint as it is named from anywhere: the absolute path of what is there, else as given."""
    if not str(checkpoint):
        raise UsageError("a checkpoint must be a folder or a hub name, as in gpt2, got ''.")
    local = _local(str(checkpoint))
    return str(local.absolute()) if local.exists() else str(checkpoint)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is logged and no progress bar shown by the hub and by transformers, for as long as the block lasts.

    transformers must be imported before: it takes seconds, and who does not use it need not wait.
    """
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from huggingface_hub.utils import logging as hub_logging

    with ExitStack() as after:
        if not are_progress_bars_disabled():
            after.callback(enable_progress_bars)
        disable_progress_bars()
        loggings = [hub_logging]
        if "transformers" in sys.modules:
            from transformers.utils import logging

            loggings.append(logging)
            if logging.is_progress_bar_enabled():
                after.callback(logging.enable_progress_bar)
            logging.disable_progress_bar()
        for one in loggings:
            after.callback(one.set_verbosity, one.get_verbosity())
            one.set_verbosity(one.CRITICAL)
        yield


def _local(checkpoint: str) -> Path:
    try:
        return Path(checkpoint).expanduser()
    except RuntimeError:  # the ~ of nobody
        return Path(checkpoint)


def _patterns(weights: bool) -> list[str]:
    return [*TOKENIZER, *(_WEIGHTS if weights else ())]


def _refuse_others(local: Path, weights: bool) -> Path:
    """The folder, unless it is plainly no checkpoint."""
    if not (local / "config.json").is_file():
        if (local / "recipe.json").is_file():
            raise UsageError(
                f"{local} is a run of Erato, not a checkpoint: erato.load({str(local)!r}).save_pretrained(FOLDER) "
                "makes one of it, then give that folder."
            )
        if weights:
            raise UsageError(f"{local} has no config.json: give a folder in the layout of the hub, with its weights.")
    return local


def _fetch(name: str, weights: bool, missing: str) -> Path:
    """Where the hub's files of that name now lie; UsageError: there are none, or no way to get them."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    sentence = f"there is no {missing} {name!r}, and"
    try:
        with quiet():
            HfApi().model_info(name, revision="main", timeout=_TIMEOUT_S)  # next, the same is asked without a time-out
            return Path(snapshot_download(name, allow_patterns=_patterns(weights), etag_timeout=_TIMEOUT_S))
    except Exception as error:  # those of names, of the hub, of the disk and of its network library have no common base
        nowhere = isinstance(error, RepositoryNotFoundError | HFValidationError)
        if nowhere and not isinstance(error, GatedRepoError):
            raise UsageError(
                f"{sentence} the hub has no open checkpoint of that name: correct the name, or give the folder of one."
            ) from None
        raise UsageError(
            f"{sentence} a checkpoint of that name is neither on this machine nor to be had from the hub "
            f"({type(error).__name__}): correct the name, or on a machine with a network, hf download {name} "
            f"--local-dir {Path(name).name}, then give that folder."
        ) from None
