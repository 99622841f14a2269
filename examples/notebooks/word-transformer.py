# %% [markdown]
# # `word-transformer`: text, word by word
#
# Words, punctuation marks and line breaks are the symbols here. A Transformer reads up to 64 of them and says how
# likely every word of its vocabulary is to come next. Where an LSTM squeezes the past into a state, a Transformer
# keeps it: each position looks back at all earlier ones and takes over, by *attention*, what is of use to it.
#
# The sizes are those of chapter 7 of *Mastering PyTorch*: two layers of two attention heads, 256 numbers for a word.
# How it is trained is not, as the published numbers do not work; `docs/word-transformer.md` shows why.
#
# This notebook learns for about half a minute from Python's own language reference.

# %%
import os
import tempfile

import erato

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## Learning

# %%
run = erato.train(
    "word-transformer",
    "python-reference",
    "runs/word-transformer",
    steps=150,
    settings=["training.every_epoch=false", "training.evaluations=8"],
)
run

# %% [markdown]
# ## What it reads
#
# A mark knows the spaces around it, so that text comes out as it is written. Words that occur once in the training
# part are unknown: they count in what is measured, and are never written.

# %%
names = run.representation.names()
symbols = run.representation.encode_prompt("They are evaluated from left to right, as usual.").array
print(f"{len(names):,} words and marks are known. The sentence as the model reads it:")
print(" | ".join(names[symbol] for symbol in symbols))

# %% [markdown]
# ## Writing
#
# Five words after the cue of the tutorial, three times; then something longer, drawn boldly and drawn from the
# likelier words only (`top_p=0.8` draws among the likeliest words that together have a probability of 0.8).

# %%
erato.show(run.sample("They are", n=3, seed=1, length=5))

# %%
bold, careful = {"temperature": 1.0}, {"temperature": 0.8, "top_p": 0.8}
erato.show([run.sample("The value", seed=2, length=60, **how)[0] for how in (bold, careful)])

# %% [markdown]
# Always taking the likeliest word is no way out: it leads in a circle, in which the same few words are always the
# likeliest to follow each other.

# %%
erato.show(run.sample("The value", length=60, greedy=True), "The likeliest word, every time")

# %% [markdown]
# ## How good is it?
#
# Perplexity is how unsure the model is: at 40, as unsure of the next word as if 40 words were equally likely. Beside
# it stands a trigram, which knows the last two words only.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - `epochs=8` in place of `steps=150` takes a few minutes; `docs/word-transformer.md` has the numbers.
# - `erato.train("word-transformer-tutorial", ...)` has the published numbers, and forgets all that came before.
# - Your own texts, in place of `"python-reference"`: any folder of `.txt` files, in any language that has spaces
#   between words.
