"""What is said when training cannot go on, and how it is found out. Settings in, sentences out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from erato.training.saving import TrainingError

if TYPE_CHECKING:
    from erato.training.loop import Training


def diverged(said: str, training: "Training", remedy: str, folder: Path) -> TrainingError:
    """The error for training whose numbers have gone astray; remedy: what else than a lower learning rate helps."""
    best = (folder / "model.safetensors").is_file()
    kept = "the weights saved last are sound" if best else "no weights were saved yet"
    return TrainingError(
        f"{said}: lower training.optimizer.lr (now {training.optimizer.lr:g}) or {remedy} and train again; {kept}."
    )


@contextmanager
def out_of_memory(step: int, training: "Training") -> Iterator[None]:
    """Within it, memory that cannot be had is a TrainingError that says what needs less."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and "allocate memory" not in str(error) and "out of memory" not in str(error):
            raise
        raise TrainingError(
            f"there is not enough memory for step {step}: lower training.batch (now {training.batch}), windows.length "
            "or the size of the model; what was saved last is sound."
        ) from None
