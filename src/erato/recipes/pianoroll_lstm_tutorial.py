"""`pianoroll-lstm-tutorial`: the piano-roll LSTM with the numbers of its tutorial (Mastering PyTorch, chapter 7).

Linear 88 to 512, batch norm, dropout 0.25, two LSTM layers of 512, batch norm, dropout 0.1, linear to 88; Adam at 0.01,
clipping at 1, 10 epochs, batches of 5 pieces, the best weights by validation; 100 frames with temperature.

Where it departs from the published system, and why:
- dropout is off when the model is evaluated and when it composes; the published one leaves it on;
- the two batch norms are two; the published one uses one in both places;
- a key has one logit, which is the same as the published pair of logits, one of them 0;
- padding enters neither the loss nor a batch norm, and what a piece begins with is no silence;
- pieces are read in chunks of 100 frames with carried state and a step of the optimizer after each (truncated
  backpropagation): the published one keeps whole pieces in memory.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import FrameLstmConfig
from erato.recipes import pianoroll_lstm
from erato.training import Optimizer, Schedule

RECIPE = replace(
    pianoroll_lstm.RECIPE,
    name="pianoroll-lstm-tutorial",
    summary="the piano-roll LSTM as its tutorial has it: each key drawn by itself, no memory but the layers'",
    model=FrameLstmConfig(dropout=(0.25, 0.0, 0.1), head="independent", hidden=0, memory=0, neighbours=0),
    windows=Windows(length=None),
    training=replace(
        pianoroll_lstm.RECIPE.training,
        optimizer=Optimizer("adam", lr=0.01, betas=(0.9, 0.999)),
        schedule=Schedule("constant"),
        ema=None,
        epochs=10,
        evaluations=10,
        patience=None,
    ),
)

TINY = replace(
    RECIPE,
    model=FrameLstmConfig(8, 8, head="independent", hidden=0, memory=0, neighbours=0),
    objective=pianoroll_lstm.TINY.objective,
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1),
    length=20,
)
