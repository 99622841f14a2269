# %% [markdown]
# # `note-lstm`: notes in seconds
#
# A piece is a list of notes, and a note has four features: its pitch, the time since the note before (its *step*),
# how long it lasts, and how loud it is (its *velocity*). An LSTM of 128 units reads the list and predicts the next
# note, feature after feature, each knowing those before it. There are no bars: times are seconds, which suits music
# as it is played.
#
# The idea is that of TensorFlow's tutorial on music generation. There, times are single numbers, which end near their
# mean. Here they are drawn from mixtures of curves, with a part of its own for "no time at all", which is what makes
# a chord.
#
# This notebook learns for half a minute from 80 of Bach's chorales. They are written, not played: all notes are
# equally loud, and steps are those of the beat. Recordings of a pianist are what the system is made for.

# %%
import os
import tempfile
from pathlib import Path

import erato
from erato import corpora, pipeline

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## What it learns from
#
# The first notes of a chorale as a table, as `.csv` files have it: bar, beat and onset in quarters, the pitch by name
# and number, how many quarters it lasts. The model reads the same in seconds.

# %%
chorale = corpora.find("bach-chorales", max_files=80).pieces("music")[0]
table = erato.render(pipeline.excerpt(chorale, 1, 1), "chorale.csv")
print(*Path(table).read_text().splitlines()[:9], sep="\n")

# %% [markdown]
# ## Learning

# %%
run = erato.train(
    "note-lstm", "bach-chorales", "runs/note-lstm", steps=150, max_files=80, settings=["training.batch=16"]
)
run

# %% [markdown]
# The loss is in nats a note, all four features together; the third picture shows them one by one. A time counts as
# the probability of its hundredth of a second. Velocity is free here, as all notes have the same.
#
# ## Composing
#
# Each feature has a temperature of its own: pitch, step, duration, velocity. The first piece is drawn as the recipe
# has it, the second with bolder pitches.

# %%
careful, bold = (1.0, 0.9, 0.9, 1.0), (1.3, 0.9, 0.9, 1.0)
erato.show([run.sample(seed=1, seconds=8, temperatures=heats)[0] for heats in (careful, bold)])

# %% [markdown]
# ## How surprised is it?
#
# The chorale again, each note in the colour of what it costs the model: dark where the model did not expect it.

# %%
run.surprise(pipeline.excerpt(chorale, 1, 2))

# %% [markdown]
# ## How good is it?
#
# Beside the model stands a trigram of the pitches, which knows the last two notes only.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - Recordings: `erato train note-lstm --corpus maestro-v3 --minutes 60` (the corpus is fetched at the first use), or
#   a folder of what your digital piano recorded.
# - `run.sample(a_score, seconds=20)` goes on from a piece; `program="violin"` names another instrument.
# - `erato.train("note-lstm-tutorial", ...)` is the same system with the tutorial's numbers, to compare with.
