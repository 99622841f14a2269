"""`gpt2-small`: a small GPT-2 and its own byte pair encoding, from scratch, in minutes on one's own text.

The architecture of Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), at sizes that a
megabyte of text can teach on a processor: 4 layers of 256, 256 subwords of context, 2,000 subwords. A run of it is
saved in the layout of the hub by `Run.save_pretrained`, for `gpt2` to go on from.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import PretrainedConfig
from erato.recipe import Recipe
from erato.representations import SubwordsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="gpt2-small",
    summary="text in subwords; a small GPT-2 and its byte pair encoding, from scratch",
    corpus="python-reference",
    representation=SubwordsConfig(size=2000),
    model=PretrainedConfig(layers=4, heads=4, width=256, context=256, dropout=0.1),
    windows=Windows(length=128),
    training=Training(
        batch=16,
        optimizer=Optimizer("adamw", lr=1e-3, weight_decay=0.1),
        schedule=Schedule("cosine", warmup=0.05),
        clip=1.0,
        minutes=10,
        patience=6,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.8, top_k=50),
    length=200,
    may_end=True,
    listen_length=60,
)

TINY = replace(
    RECIPE,
    model=PretrainedConfig(layers=2, heads=2, width=16, context=32),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=4, minutes=None, steps=2),
    length=20,
    listen_length=5,
)
