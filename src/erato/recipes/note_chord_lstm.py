"""`note-chord-lstm`: notes and chords as words under three LSTM layers (Python Deep Learning Projects, chapter 6).

The published sizes: windows of 100 symbols, LSTM 256, dropout 0.5, LSTM 512, dropout 0.3, LSTM 256, dense 256,
dropout 0.3, softmax; RMSprop at Keras's defaults, batches of 64, 200 epochs, the best loss kept, 1,000 symbols from a
seed window.

Where it departs from the published system, and why:
- the published one feeds a symbol's index divided by the vocabulary's size as one number, which makes neighbours in
  the alphabet neighbours in sound; here symbols are embedded;
- the published one predicts only the symbol after each window; here every symbol of a window is predicted, so one
  pass over the music teaches a hundred times as much and an epoch reads every symbol about once;
- the best loss is that of held-out pieces; the published one keeps the best training loss;
- the published one takes the most probable symbol each time, and soon repeats itself; here symbols are drawn;
- pieces are transposed at random while training, as a few hundred are too few for words of several notes each
  (`--set windows.transpose=0` learns them in their own keys alone);
- all voices of a piece are read, not the first instrument's alone; pieces keep their boundaries;
- training ends before 200 epochs when twenty in a row bring nothing better; arithmetic is bfloat16 where the processor
  has it;
- gradients are clipped at 1, as a long run with RMSprop otherwise diverges now and then.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import LstmConfig
from erato.recipe import Recipe
from erato.representations import NoteChordsConfig
from erato.sampling import Sampler
from erato.training import Optimizer, Schedule, Training

RECIPE = Recipe(
    name="note-chord-lstm",
    summary="notes and chords as words, as music21 names them; three LSTM layers",
    corpus="bach-chorales",
    representation=NoteChordsConfig(every_key=True),
    model=LstmConfig(widths=(256, 512, 256), dropout=(0.5, 0.3, 0.0), embedding=128, dense=256, dense_dropout=0.3),
    windows=Windows(length=100, transpose=6),
    training=Training(
        batch=64,
        optimizer=Optimizer("rmsprop", lr=1e-3, rho=0.9),
        schedule=Schedule("constant"),
        clip=1.0,
        epochs=200,
        evaluations=100,
        patience=10,
        precision="auto",
    ),
    sampler=Sampler(temperature=1.0),
    begin="window",
    length=1000,
)

TINY = replace(
    RECIPE,
    model=LstmConfig(widths=(8, 12, 8), dropout=(0.5, 0.3, 0.0), embedding=8, dense=8, dense_dropout=0.3),
    windows=replace(RECIPE.windows, length=8),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1),
    length=20,
)
