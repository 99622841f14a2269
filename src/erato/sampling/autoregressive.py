"""The one loop that draws symbol by symbol: a model, a prompt and seeds in, arrays of new symbols out.

Knows nothing of pitches or files: which symbols may follow, and how far a piece has come, the cursor says.
Legend: B pieces, T symbols, V vocabulary.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from erato.errors import EratoError, UsageError
from erato.models.base import SequenceModel, take
from erato.representations.base import Array, Cursor, Space
from erato.sampling.filters import Sampler
from erato.sampling.growing import Growing, Sampled, Stop, evaluating, read_prompt

NO_NUMBERS = "the model gives no numbers as probabilities: train it again, with a lower learning rate."


@torch.inference_mode()
def sample(
    model: SequenceModel,
    prompt: Array,
    cursor: Cursor,
    space: Space,
    seeds: Sequence[int],
    sampler: Sampler,
    stop: Stop,
    callback: Callable[[int, list[Array | None]], None] | None = None,
    limit: int = 8192,
) -> list[Sampled]:
    """Composes one piece a seed after the same prompt; piece i is the piece that its seed gives alone.

    prompt: [T, *space.shape] symbols, without what stands before the first; may be empty. cursor: fresh, for as many
    pieces as there are seeds. While something is asked for (`stop`), `end` is drawn only where nothing else is
    allowed, and the symbol that would begin what is too much is dropped. Without, a piece ends with `end` (which is
    part of it). A piece that never gets there ends after `limit` symbols, unless `stop.length` is given. callback:
    called after each step with its number and the new symbol of each piece, None where it has ended. Raises
    UsageError for a prompt that the representation cannot hold and for bars or seconds that it cannot count.
    """
    if not seeds or min(seeds) < 0:
        raise UsageError(f"seeds must be one or more numbers of 0 or more, got {list(seeds)}")
    with evaluating(model):
        one, state, last = read_prompt(model, prompt, cursor, space)
        count, device = len(seeds), last.device
        pieces = Growing(one.take([0] * count), space, sampler, stop, prompt, count, device)
        generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
        rows = list(range(count))  # which piece each row of the batch is
        found: dict[int, Sampled] = {}
        state = take(state, torch.zeros(count, dtype=torch.long, device=device))
        last = last.expand(count, *last.shape[1:])
        for step in range(limit if pieces.known is None else pieces.known):
            distribution, state = model.extend(last, state)
            uniforms = None
            if not sampler.greedy:  # the next numbers of each piece's own generator
                numbers = np.array([generators[piece].random(distribution.n_uniforms) for piece in rows])
                uniforms = torch.from_numpy(numbers).to(device)
            drawn = pieces.draw(distribution, uniforms)
            if not space.holds(chosen := drawn.cpu().numpy()).all():
                raise EratoError(NO_NUMBERS)
            last = drawn.unsqueeze(1)
            log_probs = distribution.log_prob(last)[:, 0].double().cpu().numpy()
            if np.isnan(log_probs).any():
                raise EratoError(NO_NUMBERS)
            pieces.push(chosen, log_probs if distribution.complete else None)
            if callback is not None:
                newest = {piece: chosen[row] for row, piece in enumerate(rows) if not pieces.dropped[row]}
                callback(step, [newest.get(piece) for piece in range(count)])
            if pieces.ended.any():
                for row in np.flatnonzero(pieces.ended).tolist():
                    found[rows[row]] = pieces.sampled(row, seeds[rows[row]])
                kept = np.flatnonzero(~pieces.ended)
                rows = [rows[row] for row in kept]
                if not rows:
                    break
                going_on = torch.from_numpy(kept).to(device)
                pieces, state, last = pieces.take(kept), take(state, going_on), last[going_on]
        found |= {piece: pieces.sampled(row, seeds[piece]) for row, piece in enumerate(rows)}
        return [found[piece] for piece in range(count)]
