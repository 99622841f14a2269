"""`musegan`: phrases of four tracks at once from chords, style, melody and groove, learned against a critic (Dong et
al. 2018, as the tutorial has it that builds it on Bach's chorales).

The tutorial's sizes and numbers: phrases of 4 tracks, 2 bars, 16 steps and 84 pitches, latents of 32, 5 critic steps a
generator step, a penalty of 10, Adam at 0.001 with betas 0.5 and 0.9, batches of 64, 500 epochs. Where it departs, and
why:
- all phrases of a piece are learned, one from each bar on, not only its first;
- the penalty's interpolation coefficients are drawn anew at every critic step, as the method has it, not once a run;
- every critic step reads a batch of its own, not one batch five times;
- what composes is the moving average of the generator, at the evaluation whose music was closest to the corpus';
- a rest is decoded where no pitch is nearer to sounding than to silence, a repeat where the corpus would repeat.
It takes hours on two cores; `musegan-small` is what minutes are for.
"""

from dataclasses import replace

from erato.models import MuseganConfig
from erato.recipe import Recipe
from erato.representations import MultitrackConfig
from erato.training import Optimizer, Training, WganGp

RECIPE = Recipe(
    name="musegan",
    summary="four tracks at once, steered by chords, style, melody and groove; the published sizes",
    corpus="bach-chorales",
    representation=MultitrackConfig(),
    model=MuseganConfig(),
    objective=WganGp(),
    training=Training(
        batch=64,
        optimizer=Optimizer("adam", lr=1e-3, betas=(0.5, 0.9)),
        clip=None,
        ema=0.999,
        epochs=500,
        evaluations=50,
        valid_symbols=None,
        precision="auto",
    ),
    length=160,
)

TINY = replace(
    RECIPE,
    model=MuseganConfig(latent=4, temporal=4, features=8, channels=4, critic_channels=2, critic_features=4),
    objective=WganGp(critic_steps=2),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1, valid_symbols=256),
    length=64,
)
