"""`pianoroll-lstm`: frames of 88 keys under two LSTM layers (Mastering PyTorch, chapter 7).
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import FrameLstmConfig
from erato.recipe import Recipe
from erato.representations import PianorollConfig
from erato.sampling import Sampler
from erato.training import Likelihood, Optimizer, Schedule, Training

RECIPE = Recipe(
    name="pianoroll-lstm",
    summary="a piano roll frame by frame; two LSTM layers, and a memory of what the piece has said",
    corpus="bach-chorales",
    representation=PianorollConfig(step_s=0.3),
    model=FrameLstmConfig(),
    windows=Windows(length=None),
    objective=Likelihood(chunk=256),
    training=Training(
        batch=5,
        optimizer=Optimizer("adamw", lr=2e-3),
        schedule=Schedule("cosine", warmup=0.02, final=0.01),
        clip=1.0,
        ema=0.99,
        epochs=24,
        evaluations=24,
        precision="auto",
        valid_symbols=None,
    ),
    sampler=Sampler(temperature=1.0),
    length=100,
)

TINY = replace(
    RECIPE,
    model=FrameLstmConfig(embedding=8, width=8, hidden=8, memory=16, neighbours=2),
    objective=Likelihood(chunk=16),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1),
    length=20,
)
