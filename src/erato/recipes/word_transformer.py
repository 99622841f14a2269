"""`word-transformer`: text, word by word, under a small Transformer; then text from a cue.

The sizes of the language model of *Mastering PyTorch*, chapter 7: two layers of two heads, width 256, feed-forward 256,
dropout 0.25, sequences of 64 words, 25 epochs with a perplexity after each, the best weights kept, and after the cue
"They are" five words. `word-transformer-tutorial` has all its numbers; this is what it could have been. Where it
departs, and why:
- AdamW at 0.002 with a short warm-up and a cosine instead of SGD at 10: at 10 the model forgets what came before in its
  first steps and never recovers (the variant's file says how);
- rotary positions, norms before each part and gated feed-forward layers; one table embeds words and predicts them: most
  words are rare, and each time that one is seen teaches both;
- batches of 16, so that an epoch has twice as many steps; averaged weights, which cost nothing and are better at once;
- marks know their spaces, so that text comes out as it is written; words seen once are unknown, and never drawn;
- words are drawn at temperature 0.8, each from the 64 before it at most; the published one reads the last word alone
  and takes the likeliest, which soon goes round in a circle;
- training reads windows that begin elsewhere in each epoch, not the same ones, and ends when five epochs in a row bring
  nothing better, as a hundred thousand words do after eight; arithmetic is bfloat16 where the processor has it.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import TransformerConfig
from erato.recipe import Recipe
from erato.representations import WordsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="word-transformer",
    summary="text, word by word; a small Transformer; a perplexity after each epoch, then text from a cue",
    corpus="python-reference",
    representation=WordsConfig(),
    model=TransformerConfig(layers=2, heads=2, width=256, context=64, ffn=1.0, dropout=0.25),
    windows=Windows(length=64),
    training=Training(
        batch=16,
        optimizer=Optimizer("adamw", lr=2e-3, weight_decay=0.1),
        schedule=Schedule("cosine", warmup=0.05, final=0.05),
        clip=1.0,
        ema=0.99,
        epochs=25,
        every_epoch=True,
        patience=5,
        valid_symbols=20_000,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.8),
    begin="prompt",
    prompt="They are",
    length=100,
    listen_length=5,
)

TINY = replace(
    RECIPE,
    model=TransformerConfig(layers=2, heads=2, width=16, context=32),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2),
    length=20,
)
