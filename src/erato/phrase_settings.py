"""What may be asked of a run that composes whole phrases: settings in, UsageError out for what cannot be had.

What becomes of them is `erato.phrase_run`'s. Knows nothing of models and pieces.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from erato.errors import UsageError, unknown
from erato.run import MOST_PIECES, refuse_count
from erato.sampling import Latents, Sampler, Stop
from erato.sampling.latent import MOST_SEED, Seeds
from erato.score import Piece

_OF_SEQUENCES = {"beams", "begin", "may_end", "sampler", "step", "stream", *(field.name for field in fields(Sampler))}


def refuse_fixed(latents: Latents | None, morph: int | None, given: Piece | Path | None) -> None:
    """UsageError where phrases cannot be written again until they are original."""
    said = {"latents": latents, "morph": morph, "given": given}
    if fixed := [name for name, value in said.items() if value is not None]:
        raise UsageError(
            f"original (--original) writes a phrase again, from other numbers, until it is: leave out {fixed[0]}, or "
            "original."
        )


def refuse_sequences(prompt: Piece | Path | None, changes: Mapping[str, Any], known: Callable[..., Any]) -> None:
    """UsageError for what only runs that write symbol after symbol can do, and for what not even `known` takes."""
    if prompt is not None:
        raise UsageError(
            "this run writes whole phrases and continues no prompt: leave it out, or give tracks to compose to with "
            "given (--given FILE)."
        )
    said = [name for name, value in changes.items() if value is not None and value is not False]
    if not said:
        return
    if not set(said) <= _OF_SEQUENCES:
        settings = sorted(inspect.signature(known).parameters.keys() - {"self", "prompt", "changes"})
        raise unknown("setting of composing", next(name for name in said if name not in _OF_SEQUENCES), settings)
    raise UsageError(
        f"{', '.join(map(_option, said))}: this run writes whole phrases from latents, not symbol after symbol; leave "
        "that out, and set seeds with chords, style, melody and groove."
    )


def named(seeds: Seeds) -> str:
    """Seeds for people."""
    found = [seeds] if seeds is None or isinstance(seeds, int) else seeds
    return f"seed{'' if len(found) == 1 else 's'} {', '.join(map(str, found))}"


def _option(name: str) -> str:
    """A setting as Python and, where that is another word, as the command line has it."""
    return f"{name} (--strategy)" if name in ("greedy", "beams") else name


def refuse_contradictions(
    n: int,
    seed: int,
    asked: Stop,
    seeds: Mapping[str, Seeds],
    latents: Latents | None,
    morph: int | None,
    morph_steps: int | None,
    one_piece: bool,
    given: Piece | Path | None,
    given_tracks: Sequence[str | int],
) -> None:
    """UsageError for settings that cannot be had, or not together."""
    refuse_count(n)
    if not 0 <= seed <= MOST_SEED - n:
        raise UsageError(f"seed must be a whole number from 0 to 2^63 - {n}, got {seed}.")
    lengths = [name for name in ("bars", "seconds", "length") if getattr(asked, name) is not None]
    if len(lengths) > 1:
        raise UsageError("give one of bars, seconds and length, not several.")
    if morph is None and (morph_steps is not None or one_piece):
        said = "one_piece (--one-piece)" if one_piece else "morph_steps (--morph-steps)"
        raise UsageError(f"{said} is for a morph: leave it out, or give morph, the seed to go to.")
    if morph is not None and not 0 <= morph < MOST_SEED:
        raise UsageError(f"morph must be a seed from 0 to 2^63 - 1, got {morph}.")
    if morph_steps is not None and not 2 <= morph_steps <= MOST_PIECES:
        raise UsageError(f"morph_steps must be from 2 to {MOST_PIECES:,}, got {morph_steps}.")
    if morph is not None and n != 1:
        raise UsageError(f"a morph has as many pieces as steps: leave out n={n}, and give morph_steps.")
    others = [*seeds, *(["morph"] if morph is not None else []), *(["n"] if n != 1 else [])]
    if latents is not None and others:
        raise UsageError(f"latents are all that one piece is written from: leave out {', '.join(others)}, or latents.")
    if given is None and given_tracks:
        raise UsageError("given_tracks are tracks of a given piece: leave them out, or give one (--given FILE).")
    others = [*lengths, *(["morph"] if morph is not None else []), *(["latents"] if latents is not None else [])]
    if given is not None and others:
        raise UsageError(f"a given piece says how long it is to be: leave out {', '.join(others)}, or given.")
