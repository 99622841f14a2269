"""`pianoroll-lstm`: which of 88 keys sound, frame by frame, under two LSTM layers (Mastering PyTorch, chapter 7).

The published sizes: frames of 0.3 s, linear 88 to 512, batch norm, dropout, two LSTM layers of 512, batch norm,
dropout, batches of 5 pieces, gradients clipped at 1, the best weights by validation, pieces of 100 frames.
`pianoroll-lstm-tutorial` has all its numbers; this is what it could have been. Where it departs further, and why:
- the keys of a frame are drawn one after another, each given those below it (`--set model.head=independent` draws each
  by itself): keys that are drawn apart make clusters that nobody played;
- beside the frame, the model reads the two before it, how long each key has been held, and what followed the places of
  the piece most like this one: pieces repeat themselves, and no LSTM of this size remembers that word for word
  (`--set model.memory=0` reads the frame alone);
- what is learnt of one key serves all of them (`--set model.neighbours=0` learns each apart);
- pieces are transposed at random while training, within the keys there are (`--set windows.transpose=0` is better for
  music that is all in one key, as the published `.mat` files are);
- dropout of a half in three places, AdamW at 0.002 with warm-up and a cosine, averaged weights, as a few hundred pieces
  are few. Training ends before 24 epochs when six in a row bring nothing better.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import FrameLstmConfig
from erato.recipe import Recipe
from erato.representations import PianorollConfig
from erato.sampling import Sampler
from erato.training import Likelihood, Optimizer, Schedule, Training

RECIPE = Recipe(
    name="pianoroll-lstm",
    summary="a piano roll frame by frame; two LSTM layers, and a memory of what the piece has said",
    corpus="bach-chorales",
    representation=PianorollConfig(step_s=0.3),
    model=FrameLstmConfig(),
    windows=Windows(length=None, transpose=5),
    objective=Likelihood(chunk=100),
    training=Training(
        batch=5,
        optimizer=Optimizer("adamw", lr=2e-3),
        schedule=Schedule("cosine", warmup=0.02, final=0.01),
        clip=1.0,
        ema=0.99,
        epochs=24,
        evaluations=24,
        patience=6,
        valid_symbols=None,
    ),
    sampler=Sampler(temperature=1.0),
    length=100,
)

TINY = replace(
    RECIPE,
    model=FrameLstmConfig(embedding=8, width=8, hidden=8, memory=16, neighbours=2),
    objective=Likelihood(chunk=16),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1),
    length=20,
)
