"""`char-transformer`: text, character by character, under a small Transformer; the strong character baseline.

Four layers of width 128 (`erato.models.transformer`), small enough that a laptop reads the text more than once in a
few minutes. Two parts make it learn more in that time:
- to the embedding of a character are added embeddings of the last 2, 3 and 4 characters, from tables shared out by a
  hash (as in Clark et al. 2022, "Canine"): what a model that counts would know, the layers need not learn; half of
  them are left out while learning, as the tables would soon know the text by heart; the layers, which are small, learn
  more without dropout, even from a fifth of the text;
- the matrices of the layers are trained by Muon (Jordan 2024), all else by AdamW; both rates rise over the first 3 % of
  the budget and fall to next to nothing at its end (half a cosine).
A window is 256 characters, as is usual for texts of a megabyte (Karpathy's nanoGPT, whose 3-minute model without these
two is published at 1.88 nats a character of tiny Shakespeare). Arithmetic is bfloat16 where the processor has it.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import TransformerConfig
from erato.recipe import Recipe
from erato.representations import CharsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="char-transformer",
    summary="text, character by character; a small Transformer that also looks up the last 2, 3 and 4 characters",
    corpus="python-reference",
    representation=CharsConfig(),
    model=TransformerConfig(
        layers=4, heads=2, width=128, context=256, dropout=0.0, ngrams=(2, 3, 4), ngram_dropout=0.5
    ),
    windows=Windows(length=256),
    training=Training(
        batch=8,
        optimizer=Optimizer("muon", lr=4e-3, matrix_lr=0.02, betas=(0.9, 0.99)),
        schedule=Schedule("cosine", warmup=0.03, final=0.01),
        clip=1.0,
        minutes=5.0,
        evaluations=10,
        valid_symbols=20_000,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.8),
    length=1000,
)

TINY = replace(
    RECIPE,
    model=TransformerConfig(layers=1, heads=2, width=16, context=32, ngrams=(2, 3), ngram_rows=64),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=4, minutes=None, steps=2),
    length=20,
)
