"""`event-transformer`: bar, position, pitch and duration events under a small Transformer; the modern baseline."""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import TransformerConfig
from erato.recipe import Recipe
from erato.representations import RemiConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="event-transformer",
    summary="bar, position, pitch, velocity, duration events; several tracks; learns something in minutes",
    corpus="bach-chorales",
    representation=RemiConfig(),
    model=TransformerConfig(layers=4, heads=4, width=128, context=512, dropout=0.1),
    windows=Windows(length=256, transpose=5),
    training=Training(
        batch=8,
        optimizer=Optimizer("adamw", lr=2e-3, weight_decay=0.1),
        schedule=Schedule("cosine", warmup=0.03, final=0.05),
        clip=1.0,
        ema=0.99,
        minutes=10.0,
        evaluations=12,
        precision="auto",
    ),
    sampler=Sampler(temperature=1.0, top_p=0.99),
)

TINY = replace(
    RECIPE,
    model=TransformerConfig(layers=2, heads=2, width=16, context=32),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=2, minutes=None, steps=2, evaluations=1),
)
