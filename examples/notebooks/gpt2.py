# %% [markdown]
# # `gpt2-small` and `gpt2`: text in subwords
#
# GPT-2 is a Transformer over *subwords*: frequent words are one symbol, rare ones are put together from pieces, and
# as a single byte is a piece, too, no text is unknown. Which pieces there are is learned first, by joining the most
# frequent pair of neighbours again and again (*byte pair encoding*).
#
# `gpt2-small` begins from nothing, subwords included. `gpt2` goes on from a checkpoint that somebody trained:
# OpenAI's, any other causal model for the library transformers, or one of your own. This notebook does both without a
# download: it trains a tiny GPT-2 on Python's language reference, saves it as a checkpoint, and fine-tunes that on
# German hymns.

# %%
import os
import tempfile

import erato
from erato import corpora

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## Learning from nothing
#
# Two layers of 128 numbers and 500 subwords, so that half a minute is enough to see something.

# %%
run = erato.train(
    "gpt2-small",
    "python-reference",
    "runs/gpt2-small",
    steps=300,
    settings=[
        "representation.size=500",
        "model.layers=2",
        "model.width=128",
        "windows.length=64",
        "training.optimizer.lr=0.004",
    ],
)
run

# %% [markdown]
# ## What it reads
#
# What the text has often became whole words; what it has seldom is spelled. Ġ stands for the space before a word.

# %%
names = run.representation.names()
for text in ("The value of the expression", "Ein feste Burg ist unser Gott"):
    symbols = run.representation.encode_prompt(text).array
    print(" | ".join(names[symbol] for symbol in symbols))

# %% [markdown]
# ## Writing
#
# Each subword is drawn among the 50 likeliest ones, as the recipe has it.

# %%
erato.show(run.sample("The value", n=2, seed=1, length=80))

# %% [markdown]
# ## Going on from a checkpoint
#
# `save_pretrained` writes the layout of the Hugging Face hub: `AutoModelForCausalLM.from_pretrained("my-gpt2")` opens
# it as well. From there `gpt2` goes on, here with *adapters* (LoRA): a few numbers are learned beside each layer, and
# are added to its weights in the end.

# %%
run.save_pretrained("my-gpt2")
hymns = erato.train(
    "gpt2",
    "chorale-lyrics",
    "runs/gpt2",
    pretrained="my-gpt2",
    steps=40,
    max_files=60,
    settings=["model.lora=8", "training.optimizer.lr=0.01", "windows.length=64"],
)
erato.show(hymns.sample("Mein Gott", n=2, seed=1, length=40))

# %% [markdown]
# ## How good is it?
#
# What hymns cost the model before and after, in nats a character: the only number in which models with different
# subwords can be compared.

# %%
texts = corpora.find("chorale-lyrics", max_files=60).pieces("text")
unheard = "\n\n".join(texts[number] for number in texts.split("test"))
before, after = (model.score(unheard).nats_per_char for model in (run, hymns))
print(f"before: {before:.3f}   after: {after:.3f}")

# %% [markdown]
# ## What to try next
#
# - `minutes=10` and no `settings`: the size that the recipe has, on a megabyte of your own text.
# - OpenAI's GPT-2, once you have it (`hf download gpt2 --local-dir gpt2`): `pretrained="gpt2"`. It has read the web,
#   and what it writes makes sense before it has learned anything from you.
# - `examples/small_gpt2.py` does all of this at a larger size; `docs/gpt2.md` says the rest.
