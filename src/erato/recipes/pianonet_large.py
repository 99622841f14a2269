"""`pianonet-large`: the system of `pianonet` with 99 layers that see 9.5 seconds, 2.6 million parameters.

As the article recommends: each block is one layer shorter than the one before (14 layers to 4), so that the widest
layers see least, and every layer is two channels wider than the one before. The published large models are not written
out there; this is of their size. Days on two cores: it is for a GPU.
"""

from dataclasses import replace

from erato.models import PianonetConfig
from erato.recipes import pianonet

RECIPE = replace(
    pianonet.RECIPE,
    name="pianonet-large",
    summary="the same with 99 layers that see nearly ten seconds; for a GPU",
    model=PianonetConfig(filter_increments=tuple((2,) * layers for layers in range(14, 3, -1))),
)

TINY = replace(
    pianonet.TINY,
    name="pianonet-large",
    summary=RECIPE.summary,
    model=PianonetConfig(filter_increments=((1,) * 6, (1,) * 5, (1,) * 4)),
)
