"""`lyrics-lstm`: lyrics, plays and film scripts, character by character, under two or more LSTM layers (Python Deep
Learning Projects, chapter 6).

The published numbers: two layers of 128 units, windows of 50 characters, batches of 50, Adam 0.002, 200 epochs, loss
and accuracy every 100 batches, then 1,500 characters after "Yeah, oho ". Any depth: `--set model.widths=128,128,128`.

Where it departs from the published system, and why:
- the published one minimises the squared error of unbounded outputs; here it is the cross-entropy, which gives
  probabilities to draw from (the published one takes the largest output each time, and soon repeats itself);
- every character of a window is predicted, not only the one after it, and windows follow each other, from a point that
  is drawn anew in every epoch;
- a character that is not in the vocabulary becomes a space, as published, and is named;
- the weights kept are a moving average (0.999 a step), of the best held-out loss, and twenty epochs in a row without a
  better one end the training; gradients are clipped at 1; arithmetic is bfloat16 where the processor has it.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import LstmConfig
from erato.recipe import Recipe
from erato.representations import CharsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="lyrics-lstm",
    summary="lyrics, plays and scripts, character by character; two or more LSTM layers; goes on from a seed phrase",
    corpus="chorale-lyrics",
    representation=CharsConfig(),
    model=LstmConfig(widths=(128, 128), dropout=(0.0,), embedding=0, dense=0),
    windows=Windows(length=50),
    training=Training(
        batch=50,
        optimizer=Optimizer("adam", lr=0.002, betas=(0.9, 0.999)),
        schedule=Schedule("constant"),
        clip=1.0,
        ema=0.999,
        epochs=200,
        every_epoch=True,
        report_every=100,
        patience=20,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.7),
    begin="prompt",
    prompt="Yeah, oho ",
    length=1500,
)

TINY = replace(
    RECIPE,
    model=LstmConfig(widths=(8, 8), dropout=(0.0,), embedding=0, dense=0),
    windows=replace(RECIPE.windows, length=8),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, every_epoch=False, evaluations=1, report_every=1),
    length=20,
)
