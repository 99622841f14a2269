# %% [markdown]
# # `pianonet`: is this key down?
#
# PianoNet asks one question 3,456 times for each second of music: is the next key down? A piano roll of 72 keys and
# 48 steps a second is written as one row of zeros and ones, step after step, and within a step from the lowest key to
# the highest. The next number follows from the last few thousand.
#
# What reads so many at once is a stack of *dilated convolutions*: the first layer looks at two neighbours, the next
# at two of its results that lie twice as far apart, and so on, so that the reach doubles with each layer. The system
# is that of Tom Angsten's PianoNet (2020).
#
# This notebook learns for half a minute from 80 of Bach's chorales, with 22 layers in place of 33, and a learning
# rate that suits minutes; the published one wants days.

# %%
import os
import tempfile
import time

import erato
from erato import corpora, pipeline

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## Learning

# %%
run = erato.train(
    "pianonet",
    "bach-chorales",
    "runs/pianonet",
    steps=400,
    max_files=80,
    settings=[
        "model.filter_increments=3,3,3,3,3,3,3,3,3,3,3,3;3,3,3,3,3,3,3,3,3,3",
        "training.optimizer.lr=0.002",
        "training.batch_steps=100",
        "training.every_epoch=false",
        "training.evaluations=5",
    ],
)
run

# %% [markdown]
# The accuracy says nothing: whoever answers "as a step ago" every time is right in 99.6 of 100 cases. The loss tells
# whether the model knows when something changes.
#
# ## Composing
#
# The piece begins after two seconds of a training piece, which are not part of it.

# %%
piece = run.sample(seed=1, seconds=8, begin="window")[0]
erato.show(piece)

# %% [markdown]
# ## Going on from a piece
#
# Two bars of a chorale, and how the model goes on; the picture sets the two parts apart.

# %%
chorale = pipeline.excerpt(corpora.find("bach-chorales", max_files=80).pieces("music")[0], 1, 2)
erato.show(run.sample(chorale, seed=2, seconds=5), "A beginning by Bach")

# %% [markdown]
# ## Faster than it plays
#
# One pass through the network for each key state would be slow. So the next few dozen are guessed ("as a step ago")
# and checked in a single pass; the first wrong guess is put right, and what came after it is thrown away. The piece
# is exactly the one that comes key by key: only the time differs.

# %%
for draft, how in ((0, "key by key"), (None, "drafted")):
    begin = time.perf_counter()
    (made,) = run.sample(seed=1, seconds=1, begin="window", draft=draft)
    took = time.perf_counter() - begin
    print(f"{how:<10}  {made.symbols:,} key states, {1 / took:.1f} seconds of music a second")

# %% [markdown]
# ## How good is it?
#
# Beside the model stands a trigram, which knows the last two keys only.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - `erato train pianonet --corpus my-midis --minutes 30 --set training.optimizer.lr=0.001`: all 33 layers, on music
#   of yours.
# - `edges=()` lets it wander to the ends of the keyboard, `temperature=0.9` makes it more careful.
# - `erato compose RUN --seconds 20 --live` plays while it composes.
# - `docs/pianonet.md` says how it works, and reads the files of the original.
