# %% [markdown]
# # `musegan-small`: four tracks at once
#
# This system does not go from note to note. A *generator* makes two bars for four tracks in one go, from random
# numbers. A *critic* learns to tell such phrases from real ones, and the generator learns to give it no reason to.
# That is a GAN, after MuseGAN (Dong, Hsiao, Yang and Yang 2018).
#
# The random numbers are four dials. *Chords* and *style* steer all tracks, *melody* and *groove* have numbers of
# their own for each track; chords and melody change from bar to bar, style and groove are the same in all bars.
#
# This notebook learns for half a minute at a very small size, from 80 of Bach's chorales with soprano, alto, tenor
# and bass. A GAN wants far longer than that: what comes out has the register of a choir, and little else.

# %%
import os
import tempfile

from IPython.display import Image

import erato

os.chdir(tempfile.mkdtemp())  # all files go there

# %% [markdown]
# ## Learning

# %%
run = erato.train(
    "musegan-small",
    "bach-chorales",
    "runs/musegan-small",
    steps=300,
    max_files=80,
    settings=[
        "representation.tempo=96",
        "model.widths=48,32,24,16",
        "model.temporal=64",
        "model.features=64",
        "model.critic_widths=32,48,48",
        "model.critic_features=48",
    ],
)
run

# %% [markdown]
# The losses of critic and generator say little by themselves, as each depends on the other. What chooses the weights
# is music: how far the statistics of written phrases are from those of the corpus.
#
# ## Composing
#
# Two phrases of two bars, which share style and groove.

# %%
piece = run.sample(seed=1, bars=4)[0]
erato.show(piece)

# %%
Image(erato.render(piece, "piece.score.png"))

# %% [markdown]
# ## Turning one dial
#
# Three dials stay where they were, and the melody of the bass alone is drawn anew: the other tracks remain note for
# note.

# %%
erato.show(run.sample(seed=1, bars=2, melody=(1, 1, 1, 7)), "The same with another bass")

# %% [markdown]
# ## How good is it?
#
# A GAN gives no probabilities, so what it writes is compared with what is real: how many different pitches a bar has,
# how many notes are very short, how far tracks are from each other in harmony. And the phrases are searched for
# copies.

# %%
run.evaluate()

# %% [markdown]
# ## What to try next
#
# - No `settings`, all chorales, `minutes=10`: the size that two cores learn in that time.
# - `run.sample(seed=1, morph=2, morph_steps=4)` goes from one piece to another in four steps.
# - `erato train musegan-conditional --corpus bach-chorales --minutes 30` learns to write the other voices to one of
#   yours.
# - `docs/musegan.md` says how the critic is trained, and what it takes.
