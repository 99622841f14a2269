# %% [markdown]
# # `pianoroll-lstm`: a piano roll, frame by frame
#
# A piano roll is a table: a row for each of the 88 keys of a piano, a column for each moment, and a mark where a key
# is down. This system reads such a table column by column (a column is called a *frame*) and says, for the next
# frame, how likely each set of keys is. To compose, a set of keys is drawn, becomes the newest frame, and so on.
#
# Inside are two LSTM layers, as in chapter 7 of *Mastering PyTorch*. Two things are added. The keys of a frame are
# drawn one after another from the lowest up, each knowing those below it: keys that are drawn without looking at each
# other make clusters that nobody would play. And the model looks up what followed those places of the piece that were
# most like the present one, so that what was said before can return.
#
# This notebook learns for half a minute, from 80 of Bach's chorales and at a small size. So what comes out is a
# beginner's work; the last cell says how to go on.

# %%
import os
import tempfile

from IPython.display import Image

import erato
from erato import corpora, pipeline

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## What it learns from
#
# The chorales came with the install: music21 carries them. Here are four bars of one, as a musician would write them.
# The model sees a frame for each eighth note and only which keys are down, neither voices nor how loud they are.

# %%
chorale = corpora.find("bach-chorales", max_files=80).pieces("music")[0]
Image(erato.render(pipeline.excerpt(chorale, 1, 4), "chorale.score.png", "The beginning of a chorale"))

# %% [markdown]
# ## Learning
#
# `settings` changes any number of the recipe: the layers are narrower here than they are usually, and frames follow
# the beat instead of the clock.

# %%
run = erato.train(
    "pianoroll-lstm",
    "bach-chorales",
    "runs/pianoroll-lstm",
    steps=150,
    max_files=80,
    settings=["representation.step_beats=0.5", "model.width=192", "model.embedding=128"],
)
run

# %% [markdown]
# The loss says how improbable the model found what Bach wrote: the negative logarithm of the probability, in nats a
# frame. Lower is better. The held-out chorales are not learned from; where their curve stays behind while that of the
# training pieces goes on falling, pieces are being learned by heart. The ring marks the weights that are kept.
#
# ## Composing
#
# Thirty-two frames of an eighth are four bars. The seed decides all that is left to chance: the same seed gives the
# same piece, another seed another one. `begin` names the first key.

# %%
pieces = run.sample(n=2, seed=1, length=32, begin="C4", temperature=0.9)
erato.show(pieces)

# %%
Image(erato.render(pieces[0], "piece.score.png"))

# %% [markdown]
# ## How good is it?
#
# `evaluate` reads pieces that had no part in the training, and puts a *trigram* beside the model: it looks at the
# last two symbols only and counts what followed them in the training pieces. A model that is worth its name is below
# it.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - Without `settings`, `steps` and `max_files`, and with `minutes=10`: the size that the recipe has, and all
#   chorales.
# - `settings=["model.head=independent"]` draws each key by itself. Listen to what that is worth.
# - `run.sample(a_score)` goes on from a piece of yours, `program="vibraphone"` plays on another instrument.
# - On the command line: `erato train pianoroll-lstm --corpus my-midis --minutes 10`. All of it is in
#   `docs/recipes.md`.
