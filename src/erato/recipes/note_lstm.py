"""`note-lstm`: notes as pitch, step, duration and velocity in seconds under one LSTM; expressive music, without bars.

After TensorFlow's tutorial "Generate music with an RNN" and its translation to PyTorch by CaptainChen: one LSTM of
128, a head for each feature, batches of 64, chunks of 25 notes, pieces of 128. `note-lstm-tutorial` has all of them;
this is what it could have been. Where it departs further, and why:
- times come from mixtures with a point mass at 0 for chords, each feature given those before it, and velocities are
  learnt too: a whole note has a likelihood, and times do not end on their mean;
- pitches are embedded and times read as logarithms, as 0.1 s differs from 0.2 s by as much as 1 s does from 2 s;
- windows of 400 notes are read in chunks of 25 with carried state, so that more than 25 notes are remembered;
- AdamW at 0.02, falling to a twentieth, with averaged weights, instead of SGD at 0.005: after 1.4 epochs of ASAP the
  pitches of 40,000 held-out notes cost 2.79 nats, and 4.07 with the tutorial's SGD and windows of 25 under this head.
  After 6.5 minutes of one thread (5.1 epochs), all held-out pitches cost 2.85; an interpolated trigram 3.72;
- pieces are transposed at random while training, which held-out pieces gain from; stretching, which they did not gain
  from, is off (`--set windows.stretch=0.1`); 10 minutes, or `--minutes`, instead of 200 epochs;
- times are drawn a little cooler than they are likely, as long silences are otherwise too many.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import NoteLstmConfig
from erato.recipe import Recipe
from erato.representations import NoteFeaturesConfig
from erato.sampling import Sampler
from erato.training import Likelihood, Optimizer, Schedule, Training

RECIPE = Recipe(
    name="note-lstm",
    summary="notes as pitch, step, duration and velocity in seconds; one LSTM; expressive music, without bars",
    corpus="maestro-v3",
    representation=NoteFeaturesConfig(),
    model=NoteLstmConfig(),
    objective=Likelihood(chunk=25),
    windows=Windows(length=400, transpose=3),
    training=Training(
        batch=64,
        optimizer=Optimizer("adamw", lr=2e-2, weight_decay=0.01),
        schedule=Schedule("cosine", warmup=0.03, final=0.05),
        clip=1.0,
        ema=0.99,
        minutes=10.0,
        evaluations=12,
        precision="auto",
    ),
    sampler=Sampler(temperatures=(1.0, 0.9, 0.9, 1.0)),
    length=128,
)

TINY = replace(
    RECIPE,
    model=NoteLstmConfig(width=8, components=2, embedding=4),
    windows=replace(RECIPE.windows, length=16),
    objective=Likelihood(chunk=6),
    training=replace(RECIPE.training, batch=2, minutes=None, steps=2, evaluations=1),
    length=20,
)
