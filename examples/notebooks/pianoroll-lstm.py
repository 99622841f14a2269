# %% [markdown]
# # `pianoroll-lstm`: a piano roll, frame by frame
#
# A piano roll is a table: a row for each of the 88 keys of a piano, a column for each moment, and a mark where a key is down.
# This system reads such a table column by column (a column is called a *frame*) and says, for the next frame, how likely
# each set of keys is. To compose, a set of keys is drawn, becomes the next frame, and so on.
#
# Inside are two LSTM layers, as in chapter 7 of *Mastering PyTorch*. Two things are added here. The keys of a frame are drawn
# one after another, from the lowest up, each knowing those below it: a key that is drawn without looking at the others makes
# clusters that nobody would play. And the model looks up what came after earlier places of the piece that were most
# like the present one, so that themes return.
#
# This notebook learns for about half a minute, from 80 of Bach's chorales and at a small size. What comes out is a
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
# The chorales came with the install (music21 carries them). These are the first bars of one, as a person would write them;
# the model sees a frame for every eighth note, and only which keys are down.

# %%
chorale = corpora.find("bach-chorales", max_files=80).pieces("music")[0]
erato.show(pipeline.excerpt(chorale, 1, 4), "Four bars of a chorale")

# %% [markdown]
# ## Learning
#
# `settings` changes any number of the recipe: here the layers are narrower than usual, and frames follow beats, not the clock.

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
# Lower is better: the loss is the negative logarithm of the probability that the model gave to what Bach wrote, in nats a frame.
# The held-out pieces are chorales that it does not learn from. Once their curve no longer falls with that of the
# training pieces, the model has begun to learn pieces by heart; the ring marks the weights that are kept.

# %% [markdown]
# ## Composing
#
# Forty frames are ten seconds at this tempo. The seed decides everything that is left to chance: the same seed gives the same piece.

# %%
pieces = run.sample(n=2, seed=1, length=32)
erato.show(pieces)

# %%
Image(erato.render(pieces[0], "piece.score.png"))
