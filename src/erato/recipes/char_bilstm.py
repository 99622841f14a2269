"""`char-bilstm`: `char-lstm` with each window of 100 characters read both ways to predict the next one (Python Deep
Learning Projects, chapter 6).

The numbers are those of `char-lstm`; one LSTM of 128 units reads the window from left to right, another one from right
to left, and the next character is predicted from what both know at the end.

What differs from `char-lstm`, and why:
- the window is read anew for each prediction, so only the character after each window is predicted this way; while
  learning, the reading from left to right also predicts each character on its way (`objective.aside`), as otherwise a
  hundredth of the text would teach it;
- windows are 5 characters apart from a point that is drawn anew in every epoch, so that each character is once the one
  to predict, and the output has a dropout of 0.2;
- a beginning shorter than the window is filled up on the left, and one window in ten is cut short while learning, so
  that the model knows what that means.
`--set model.bidirectional=false` leaves the reading from right to left out, to see what it is worth.
"""

from dataclasses import replace

from erato.models import WindowLstmConfig
from erato.recipe import Recipe
from erato.recipes import char_lstm
from erato.training import Likelihood

RECIPE: Recipe = replace(
    char_lstm.RECIPE,
    name="char-bilstm",
    summary="text, character by character; the last 100 read in both directions for each",
    model=WindowLstmConfig(width=128, window=100, dropout=0.2),
    windows=replace(char_lstm.RECIPE.windows, drift=True, shorten=0.1),
    objective=Likelihood(predict="last", aside=1.0),
    training=replace(char_lstm.RECIPE.training, valid_symbols=10_000),
)

TINY = replace(
    RECIPE,
    model=WindowLstmConfig(width=8, window=16),
    windows=replace(RECIPE.windows, length=16),
    training=char_lstm.TINY.training,
    length=20,
    listen_length=5,
)
