"""`musegan-small`: the system of `musegan` in a size that two cores learn in ten minutes.

Where it departs from `musegan`, and why:
- the generator says how likely each pitch and a rest are at a step, so that its phrases differ from real ones in how
  sure they are, not in what numbers they are made of: nothing else brings its music closer to the corpus';
- 48 pitches from C2 on, four octaves, and layers of 32 to 256 channels;
- the critic reads all tracks and pitches of two steps in one layer, so that it sees each change of a pitch, then twice
  as many steps in each;
- neighbouring steps begin alike, so that it begins with long notes and learns where they are short;
- phrases are transposed at random by up to 3 semitones: a critic that reads the same few thousand phrases again and
  again knows them by heart, and what it then asks for is short notes (`--set windows.transpose=0` shows it);
- 2 critic steps a generator step, batches of 32, a learning rate that falls along a cosine: more steps in the time.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import MuseganConfig
from erato.recipe import Recipe
from erato.recipes import musegan
from erato.representations import MultitrackConfig
from erato.training import Schedule, WganGp

MODEL = MuseganConfig(
    temporal=256,
    features=256,
    widths=(192, 128, 96, 32),
    critic_widths=(128, 192, 192),
    critic_features=192,
    critic_reads=2,
    output="softmax",
    temperature=0.5,
    norm="phrase",
    deviation=0.0,
    held=True,
)

RECIPE = replace(
    musegan.RECIPE,
    name="musegan-small",
    summary="four tracks at once, steered by chords, style, melody and groove; small enough for two cores",
    representation=MultitrackConfig(lowest=36, pitches=48),
    model=MODEL,
    windows=Windows(transpose=3),
    objective=WganGp(critic_steps=2),
    training=replace(
        musegan.RECIPE.training,
        batch=32,
        schedule=Schedule("cosine", hold=0.3, final=0.05),
        epochs=None,
        minutes=10,
        evaluations=30,
    ),
)

TINY_MODEL = MuseganConfig(
    latent=4, temporal=4, features=8, widths=(4, 4, 4, 4), critic_widths=(4, 4), output="softmax", norm="phrase"
)

TINY: Recipe = replace(
    RECIPE,
    model=TINY_MODEL,
    training=replace(musegan.TINY.training),
    length=64,
)
