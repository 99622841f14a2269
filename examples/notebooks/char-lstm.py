# %% [markdown]
# # `char-lstm` and `char-bilstm`: text, character by character
#
# The model reads one character after another and says after each how likely every character is to come next. To
# write, a character is drawn from these probabilities and read as the next one, and so on. Nobody tells it what a
# word is.
#
# Inside is one LSTM layer of 128 units, as in chapter 6 of *Python Deep Learning Projects*. An LSTM keeps a state, a
# few hundred numbers, which it changes with each character: all that it knows of what came before. It learns from
# windows of 100 characters, in lower case. `char-bilstm`, further down, reads each window from both sides instead.
#
# This notebook learns for about half a minute from Python's own language reference: enough for words and brackets,
# far from enough for sense.

# %%
import os
import tempfile

import erato
from erato import corpora

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## What it learns from
#
# A text as everybody has it: `help()` shows it in Python. It is cut in three parts: one to learn from, one that
# chooses the weights, one to test with.

# %%
texts = corpora.find("python-reference").pieces("text")
[learnt], [test] = (texts.split(part) for part in ("train", "test"))
erato.show(texts[learnt][2000:2600], "Some lines of it")

# %% [markdown]
# ## Learning

# %%
run = erato.train(
    "char-lstm",
    "python-reference",
    "runs/char-lstm",
    steps=300,
    settings=["training.every_epoch=false", "training.evaluations=8"],
)
run

# %% [markdown]
# The loss is in nats a character: 0 would be to know every character beforehand, and to guess blindly among some 60
# characters costs about 4. The first steps learn how frequent each character is, the next ones short words and
# spelling.
#
# ## Writing, from safe to bold
#
# The *temperature* says how much is left to chance. At 0.2 the likely characters are made far likelier, and the text
# soon goes round in circles; at 1.0 they are as likely as the model finds them; at 1.2 also the unlikely ones have a
# chance.

# %%
heats = (0.2, 0.5, 1.0, 1.2)
erato.show([run.sample("the value of ", seed=1, length=250, temperature=heat)[0] for heat in heats])

# %% [markdown]
# ## From both sides
#
# `char-bilstm` has a second LSTM that reads the last 100 characters backwards. For every character it has to read
# that window anew, which makes it slow; so it gets fewer steps here.

# %%
both = erato.train(
    "char-bilstm",
    "python-reference",
    "runs/char-bilstm",
    steps=100,
    settings=[
        "training.batch=64",
        "training.every_epoch=false",
        "training.evaluations=4",
        "training.valid_symbols=1000",
    ],
)
erato.show(both.sample("the value of ", seed=1, length=250))

# %% [markdown]
# ## How good are they?
#
# Both read the same 3,000 characters of the part that neither has learned from. Perplexity 5 is to be as unsure of
# the next character as if five were equally likely.

# %%
unheard = texts[test][:3000]
run.score(unheard)

# %%
both.score(unheard)

# %% [markdown]
# ## What to try next
#
# - More time: `epochs=3` is what a text of this size needs. Then compare again; the second direction is worth little,
#   as `docs/results.md` shows.
# - Your own texts: a folder of `.txt` files, or one file, in place of `"python-reference"`.
# - `settings=["representation.lower=false"]` keeps capitals.
# - `erato train char-transformer --corpus my-texts --minutes 5` is a stronger model for the same task.
