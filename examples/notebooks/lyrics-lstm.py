# %% [markdown]
# # `lyrics-lstm`: verses, character by character
#
# Two LSTM layers of 128 units, one on top of the other, read text character by character and say what may come next,
# as in chapter 6 of *Python Deep Learning Projects*. Lines, verses, names of speakers and indents are characters like
# others: the model learns layout along with words, and so it suits lyrics, plays and film scripts.
#
# A *seed phrase* begins every text. The one of the recipe is "Yeah, oho "; here it is a German one, as this notebook
# learns from the words of Bach's chorales, for about half a minute.

# %%
import os
import tempfile

import erato
from erato import corpora
from erato.comparing import compare

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## What it learns from
#
# The verses that the soprano sings, a line a phrase.

# %%
hymn = corpora.find("chorale-lyrics", max_files=150).pieces("text")[3]
erato.show(hymn, "A hymn")

# %% [markdown]
# ## Learning
#
# Beside the evaluations, a line on every hundredth batch is kept, as the original prints it.

# %%
run = erato.train("lyrics-lstm", "chorale-lyrics", "runs/lyrics-lstm", steps=500, max_files=150)
run

# %% [markdown]
# ## Writing
#
# Two texts after the same phrase. The seed decides what is drawn: the same seed gives the same text.

# %%
erato.show(run.sample("Mein Gott, ", n=2, seed=1, length=250, temperature=0.6))

# %% [markdown]
# ## One beginning, several ways on
#
# Which character is taken next is a choice of its own. *Greedy* takes the likeliest and soon repeats itself; *beam
# search* follows several texts at once and gives the likeliest of them; the others draw, some among all characters,
# some only among the best. Log-probability says how likely the model itself finds the whole text, in nats: nearer to
# 0 is likelier.

# %%
compare(run, "Mein Gott, ", seed=1, length=50)

# %% [markdown]
# ## How good is it?
#
# Beside the model stands a 5-gram, which looks at the last four characters and counts what followed them in the
# training texts. Half a minute is not enough to be better than that.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - `epochs=20` in place of `steps=500`, and all hymns (without `max_files`).
# - A third layer: `settings=["model.widths=128,128,128"]`.
# - Lyrics of your own: a folder with a file a song, or one file with empty lines between songs.
# - `erato compose RUN --prompt "Oh " --compare` writes this comparison as a page, with a tree of what greedy search
#   saw.
