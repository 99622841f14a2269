"""From batches to weights: one loop, objectives, optimizers, checkpoints. An entry in OBJECTIVES registers one."""

from erato.training.likelihood import Likelihood
from erato.training.loop import Progress, Result, Training, train
from erato.training.optimizers import Optimizer, Schedule
from erato.training.saving import TrainingError, is_finished
from erato.training.wgan_gp import WganGp

OBJECTIVES = {"likelihood": Likelihood, "wgan_gp": WganGp}

__all__ = [
    "OBJECTIVES",
    "Likelihood",
    "Optimizer",
    "Progress",
    "Result",
    "Schedule",
    "Training",
    "TrainingError",
    "WganGp",
    "is_finished",
    "train",
]
