"""`char-lstm`: text, character by character, under one LSTM layer (Python Deep Learning Projects, chapter 6).

The published numbers: text in lower case, windows of 100 characters every 5, LSTM 128 on one-hot characters, softmax;
RMSprop 0.01 at Keras's rho 0.9, batches of 128, 30 epochs; after each, 100 characters at temperatures 0.2, 0.5, 1.0 and
1.2 after one window of the training text.

Where it departs from the published system, and why:
- the published one predicts only the character after each window; here every character of a window is predicted, which
  costs little more and teaches a hundred times as much; each window begins with little to go by, so that the model
  learns to go on from a short beginning too (the published one fills that up on the right, where it never saw filling);
- the state is carried on while composing, so that a character costs one step of the layer, not a hundred;
- at this rate the weights are never at rest: those kept are a moving average (0.999 a step), of the best held-out
  loss, and five epochs in a row without a better one end the training;
- gradients are clipped at 1; arithmetic is bfloat16 where the processor has it.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import LstmConfig
from erato.recipe import Recipe
from erato.representations import CharsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="char-lstm",
    summary="text, character by character; one LSTM layer; samples at four temperatures after each epoch",
    corpus="python-reference",
    representation=CharsConfig(lower=True),
    model=LstmConfig(widths=(128,), dropout=(0.0,), embedding=0, dense=0),
    windows=Windows(length=100, stride=5),
    training=Training(
        batch=128,
        optimizer=Optimizer("rmsprop", lr=0.01, rho=0.9),
        schedule=Schedule("constant"),
        clip=1.0,
        ema=0.999,
        epochs=30,
        every_epoch=True,
        patience=5,
        precision="auto",
    ),
    sampler=Sampler(temperature=0.5),
    begin="window",
    length=400,
    listen_at=(0.2, 0.5, 1.0, 1.2),
    listen_length=100,
)

TINY = replace(
    RECIPE,
    model=LstmConfig(widths=(8,), dropout=(0.0,), embedding=0, dense=0),
    windows=replace(RECIPE.windows, length=16),
    training=replace(RECIPE.training, batch=4, epochs=None, steps=2),
    length=20,
    listen_length=5,
)
