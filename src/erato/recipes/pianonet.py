"""`pianonet`: key states one after another under dilated convolutions (PianoNet, Angsten 2020, three-block example).

The published numbers: 72 keys from MIDI 31, 48 steps a second, five copies of each piece at 0.85 to 1.15 times its
length with 4 to 6 s of silence after each; blocks of 12, 11 and 10 layers that grow by 4, 4 and 6 to 8 channels, ELU, a
bias of -3.2; samples of 24 predicted steps after all that a prediction sees; Adam at 0.0001; batches that grow from 1
to 32; an epoch is a tenth of the data; a checkpoint every 250 steps; 512 steps of each held-out piece; edge aversion.
Where it departs, and why:
- steps are seconds unless `--set representation.steps_per_beat=24` says otherwise: the published code reads 24 steps a
  quarter whatever the tempo, so that every performance is played at 120 quarters a minute;
- windows begin at steps, and elsewhere in each epoch;
- batches double every 250 steps, as the article says only that they grow;
- bfloat16 where the processor has it;
- the held-out pieces are not stretched, and nothing lies after them; a piece is read from its beginning.
"""

from dataclasses import replace

from erato.datasets import Windows
from erato.models import PianonetConfig
from erato.recipe import Recipe
from erato.representations import KeystatesConfig
from erato.sampling import Sampler
from erato.training import Likelihood, Optimizer, Training

EDGES = (1.0, 1.0, 0.4, 0.05, 0.05, 0.05, 0.03, 0.03)  # by distance from the nearer end, as published

RECIPE = Recipe(
    name="pianonet",
    summary="which key is down, key after key, 48 times a second; dilated convolutions",
    corpus="bach-chorales",
    representation=KeystatesConfig(),
    model=PianonetConfig(),
    windows=Windows(length=24),
    objective=Likelihood(valid_each=512),
    training=Training(
        batch=32,
        batch_from=1,
        batch_steps=250,
        optimizer=Optimizer("adam", lr=1e-4, betas=(0.9, 0.999)),
        clip=None,
        epochs=10_000,
        epoch_share=0.1,
        every_epoch=True,
        save_every=250,
        report_every=50,
        valid_symbols=None,
        precision="auto",
    ),
    sampler=Sampler(edges=EDGES),
    length=48 * 30,
    listen_length=48 * 6,
    listen_after_window=True,
)

TINY = replace(
    RECIPE,
    model=PianonetConfig(filter_increments=((2, 2, 2, 2, 2, 2, 2), (2, 2))),
    windows=Windows(length=4),
    objective=Likelihood(valid_each=24),
    training=replace(RECIPE.training, batch=2, epochs=None, steps=2, evaluations=1, every_epoch=False),
    length=12,
    listen_length=2,
)
