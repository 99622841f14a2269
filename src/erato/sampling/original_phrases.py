"""Writing whole phrases again until no passage is too long that a training melody has: latents in, phrases out.

What is the same is said in `erato.passages`. Knows nothing of models. Legend: N phrases, T steps of one.
"""

from collections.abc import Callable, Sequence

import numpy as np

from erato.passages import lines
from erato.representations.base import Array, Representation, Rolls
from erato.sampling.familiar import Familiar
from erato.sampling.latent import Latents
from erato.sampling.original import Refused
from erato.score import end_tick

TRIES = 32  # other draws for a phrase


def original_phrases(
    write: Callable[[Latents], Array],
    representation: Representation,
    latents: Latents,
    seed: int,
    free: Sequence[str],
    known: Familiar,
) -> tuple[Array, Refused]:
    """[N * T, tracks] the phrases one after another, each such that no passage becomes too long with it.

    write: [T, tracks] the phrase that the latents of one stand for. seed, free: what other draws come from, and the
    parts that they are of. A phrase of which none will do is silent.
    """
    space, again, silent = representation.space, 0, 0
    assert isinstance(space, Rolls)
    array = space.empty()
    for row in range(latents.phrases):
        numbers = latents.take([row])
        for number in range(TRIES + 1 if free else 1):
            if number:
                other = Latents.draw(latents.shapes, row + 1, _other(seed, number), kept=()).take([row])
                numbers, again = numbers.replace(**{name: other[name] for name in free}), again + 1
            longer = np.concatenate([array, write(numbers)])
            if not _too_long(representation, longer, len(array), known):
                break
        else:
            rests = np.full((space.phrase, space.tracks), space.pitches, space.read)
            longer, silent = np.concatenate([array, rests]), silent + 1
        array = longer
    return array, Refused(again, silent=silent)


def _too_long(representation: Representation, array: Array, begin: int, known: Familiar) -> bool:
    """Whether a passage that ends at step `begin`, or later, is longer than is allowed."""
    whole, before = representation.decode(array), representation.decode(array[:begin])
    assert not isinstance(whole, str), "rolls are music"
    assert not isinstance(before, str), "rolls are music"
    since = end_tick(before) if begin else 0
    return any(len(known.too_long(line, since)) for line in lines(whole) if line.melody)


def _other(seed: int, number: int) -> int:
    """The seed of another draw for a piece."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
