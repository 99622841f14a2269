"""`note-lstm-tutorial`: notes as pitch, step and duration under one LSTM, times as single numbers.

The numbers of TensorFlow's tutorial "Generate music with an RNN" and of its translation to PyTorch by CaptainChen: one
LSTM of 128 over pitch / 128 and times in seconds, a linear head for each feature, mean squared errors and a pressure on
times below 0, losses weighted 0.1, 20 and 1 (`--set objective.weights=auto` balances them), batches of 64 windows of 25
notes, SGD at 0.005, 200 epochs, the weights of every tenth kept, 128 notes after a window.

Where it departs from the published system, and why:
- a note that was drawn is read in the scale of training; the published one reads its own pitches 128 times too large;
- pitches are drawn from a softmax; the published one squeezes their logits through a sigmoid first, so no pitch can be
  more than e times as likely as another;
- every note of a window is predicted, not only the one after it: an epoch still predicts each note once, from fewer;
- it composes with the weights of the best held-out loss (`--checkpoint STEP` takes another epoch's);
- composing, the state is carried on from the beginning of the prompt; the published one reads the last 25 notes afresh
  for every note, and continues the last 25 of a file;
- pieces keep their boundaries, all tracks but drums are read, and a time is a multiple of 10 ms.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import NoteLstmConfig
from erato.recipe import Recipe
from erato.representations import NoteFeaturesConfig
from erato.sampling import Sampler
from erato.training import Likelihood, Optimizer, Schedule, Training

RECIPE = Recipe(
    name="note-lstm-tutorial",
    summary="the note LSTM as its tutorial has it: times as single numbers, which end on their mean",
    corpus="maestro-v3",
    representation=NoteFeaturesConfig(velocity=False),
    model=NoteLstmConfig(width=128, head="regression", embedding=0),
    windows=Windows(length=25),
    objective=Likelihood(weights=(0.1, 20.0, 1.0)),
    training=Training(
        batch=64,
        optimizer=Optimizer("sgd", lr=0.005),
        schedule=Schedule("constant"),
        clip=None,
        epochs=200,
        evaluations=20,
        keep_epochs=10,
    ),
    sampler=Sampler(temperature=1.0),
    begin="window",
    length=128,
)

TINY = replace(
    RECIPE,
    model=NoteLstmConfig(width=8, head="regression", embedding=0),
    windows=replace(RECIPE.windows, length=8),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1),
    length=20,
)
