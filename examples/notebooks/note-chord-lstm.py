# %% [markdown]
# # `note-chord-lstm`: notes and chords as words
#
# Music becomes a row of words, named as music21 names them: a note is its pitch (`E4`), and notes that begin together
# are a chord, the numbers of its pitch classes, counted from C (`0.4.7` is C, E and G). A model of text can learn
# such a row. This one has LSTM layers, as in chapter 6 of *Python Deep Learning Projects*.
#
# Much is lost on the way: octaves of chords, voices, and all rhythm, as each word lasts an eighth. What remains is
# which harmony follows which.
#
# This notebook learns for half a minute from 80 of Bach's chorales, with two layers of 128 in place of three of 256,
# 512 and 256.

# %%
import os
import tempfile

from IPython.display import Image

import erato
from erato import corpora, pipeline

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## Learning
#
# The training pieces are transposed at random, so that what is learned in one key is known in all of them.

# %%
run = erato.train(
    "note-chord-lstm",
    "bach-chorales",
    "runs/note-chord-lstm",
    steps=300,
    max_files=80,
    settings=[
        "model.widths=128,128",
        "model.dropout=0.2,0",
        "model.embedding=64",
        "model.dense=64",
        "training.batch=16",
        "training.optimizer.lr=0.003",
    ],
)
run

# %% [markdown]
# ## What it reads
#
# Two bars of a chorale, then the same as the model has them: words, and what can be made of these words again.

# %%
chorale = pipeline.excerpt(corpora.find("bach-chorales", max_files=80).pieces("music")[0], 1, 2)
Image(erato.render(chorale, "chorale.score.png", "Two bars of a chorale"))

# %%
names, symbols = run.representation.names(), run.representation.encode(chorale).array
print(" ".join(names[symbol] for symbol in symbols))
Image(erato.render(run.representation.decode(symbols), "words.score.png", "The same as words"))

# %% [markdown]
# ## Composing
#
# A piece begins after a window of the training pieces, which the model reads first and which is not part of the
# piece.

# %%
pieces = run.sample(n=2, seed=1, length=32)
erato.show(pieces)

# %%
Image(erato.render(pieces[0], "piece.score.png"))

# %% [markdown]
# ## How good is it?
#
# Perplexity is how unsure the model is: at 60, as if 60 words were equally likely. Beside it stands a trigram, which
# looks at the last two words only.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - No `settings`, all chorales, `epochs=20`: the published sizes, which take their time on a processor.
# - `settings=["representation.advance=learnt"]` learns rhythm as well: the time to the next word becomes part of the
#   word.
# - `greedy=True` takes the likeliest word every time, as the original does. It soon repeats itself.
# - `erato train note-chord-lstm --corpus my-midis` learns from music of yours.
