"""`musegan-conditional`: `musegan-small` that also learns to write some tracks of a phrase to others that are given.

In half of the phrases that it learns from, some tracks are given, any of them; an encoder reads these and hands what it
finds to all layers of the bar generators, and the critic is told which they were. Two draws for the same given tracks
are kept apart, as their latents would else come to mean nothing. The other half it writes freely.
"""

from dataclasses import replace

from erato.recipes import musegan_small
from erato.training import WganGp

RECIPE = replace(
    musegan_small.RECIPE,
    name="musegan-conditional",
    summary="four tracks at once, or some of them to others that are given",
    model=replace(musegan_small.MODEL, conditional=True),
    objective=WganGp(critic_steps=2, given=0.5, different=3.0),
    training=replace(musegan_small.RECIPE.training, minutes=30),
)

TINY = replace(
    RECIPE,
    model=replace(musegan_small.TINY_MODEL, conditional=True, encoder=4),
    training=musegan_small.TINY.training,
    length=64,
)
