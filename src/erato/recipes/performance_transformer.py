"""`performance-transformer`: note-on, note-off, time-shift and velocity symbols under a Transformer; expressive piano.

The vocabulary of Performance RNN (Oore et al., "This Time with Feeling", 2018) under a decoder-only Transformer, learnt
from music moved by up to three semitones and 5 % of tempo, as for Music Transformer (Huang et al. 2019).

Where it departs from the published systems, and why:
- it is to learn in minutes on a laptop, not in days on many devices: a small model, small batches, and windows of 256
  symbols. The context is as long as the windows: what lies further back than it ever learnt from only misleads it;
- such a budget does not read a corpus of a hundred hours once, so there is no dropout;
- no key sounds longer than five seconds, as one that was struck before the context begins would never be lifted.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import TransformerConfig
from erato.recipe import Recipe
from erato.representations import PerformanceConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="performance-transformer",
    summary="note-on, note-off, time-shift, velocity as played: expressive piano, in seconds, without bars",
    corpus="maestro-v3",
    representation=PerformanceConfig(longest_note=500),
    model=TransformerConfig(layers=4, heads=4, width=128, context=256, dropout=0.0),
    windows=Windows(length=256, transpose=3, stretch=0.05),
    training=Training(
        batch=4,
        optimizer=Optimizer("adamw", lr=3e-3, weight_decay=0.1),
        schedule=Schedule("cosine", warmup=0.03, final=0.05),
        clip=1.0,
        ema=0.99,
        minutes=10.0,
        evaluations=12,
        precision="auto",
    ),
    sampler=Sampler(temperature=1.0, top_p=0.98),
)

TINY = replace(
    RECIPE,
    model=TransformerConfig(layers=2, heads=2, width=16, context=32),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=2, minutes=None, steps=2, evaluations=1),
)
