"""`word-transformer-tutorial`: the language model of *Mastering PyTorch*, chapter 7, with its own numbers.

Two layers of two heads with sinusoidal positions, width 256, feed-forward 256, dropout 0.25; SGD at 10, times 0.88
after each epoch, gradients clipped at 0.6, batches of 32 sequences of 64 words, 25 epochs, the best weights by
validation.

These numbers do not learn. Every gradient is longer than 0.6 and clipped to that, so each step moves the weights by
10 x 0.6 = 6, and a matrix of 256 by 256 is about 9 long. A few steps leave the same large vector in every position, and
the norm behind each part divides by its size: what told the positions apart is gone, no gradient brings it back, and
the later, smaller steps can only teach the output how frequent each word is. `--set training.optimizer.lr=1`, or
`training.clip=0.06`, makes a step 0.6 long, and the same model learns (docs/word-transformer.md has the numbers).

Where it departs from the published system, and why:
- the rate falls to 0.88 of what it was in the course of each of the 25 epochs, not at once at its end; with other
  `--epochs`, it falls by as much over those;
- words are drawn at temperature 0.8, each from up to 64 before it; the published one gives the model the last word
  alone and takes the likeliest;
- marks know their spaces; words seen once are unknown, and never drawn;
- each epoch reads windows that begin elsewhere; the published one reads the same 32 long columns.
"""

from dataclasses import replace

from erato.models import SinusoidalTransformerConfig
from erato.recipes import word_transformer
from erato.training import Optimizer, Schedule

EPOCHS = 25

RECIPE = replace(
    word_transformer.RECIPE,
    name="word-transformer-tutorial",
    summary="the word Transformer as its tutorial has it: steps so long that it forgets what came before",
    model=SinusoidalTransformerConfig(layers=2, heads=2, width=256, context=64, ffn=1.0, dropout=0.25),
    training=replace(
        word_transformer.RECIPE.training,
        batch=32,
        optimizer=Optimizer("sgd", lr=10.0),
        schedule=Schedule("exponential", final=0.88**EPOCHS),
        clip=0.6,
        ema=None,
        epochs=EPOCHS,
        patience=None,
        precision="float32",
    ),
)

TINY = replace(
    RECIPE,
    model=SinusoidalTransformerConfig(layers=2, heads=2, width=16, context=32),
    windows=word_transformer.TINY.windows,
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2),
    length=20,
)
