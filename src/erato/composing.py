"""From a prompt's symbols to finished pieces: a model and a representation in, pieces of exactly the asked length out.

Sampling knows symbols; this knows where bars and seconds lie in the music that they stand for. Knows nothing of files.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from erato.displayed import Displayed
from erato.models.base import SequenceModel
from erato.representations.base import Array, Representation
from erato.sampling import (
    Beams,
    Draft,
    Familiar,
    OriginalCursor,
    Refused,
    Sampled,
    Sampler,
    Stop,
    beam_search,
    drafted,
    sample,
)
from erato.score import Piece, Score, bar_line, bars, clip, end_tick, has_pickup, seconds, slice_bars, tick_at

_LIMIT = 8192  # symbols of a piece that does not end by itself
_DENSEST = 2048  # symbols a bar, or a second


@dataclass(frozen=True)
class Sample(Displayed):
    """A composed piece and how it came about.

    log_prob: of the new symbols, in nats, at temperature 1; None where the model gives none. bars, seconds: of new
    music; None where there are none. array: the new symbols, as the model gave them; prompt: those that it went on
    from, whether the piece begins with them or not. score: what beam search ranked it by; None where it was drawn.
    made: what beside the seed decided it, for people; record: all that did, as `erato.provenance` has it; taken: the
    files that it was made from, by what they were for; asked: what else it was asked for with. new_from: the tick where
    what is new begins, in a score that begins with its prompt. refused: what was, so that no passage is too long that a
    training piece has; None where that was not asked for.
    """

    piece: Piece
    seed: int
    log_prob: float | None
    symbols: int
    bars: int | None
    seconds: float | None
    array: Array = field(repr=False, compare=False)
    prompt: Array = field(repr=False, compare=False)
    score: float | None = None
    made: dict[str, str] = field(default_factory=dict, compare=False)
    record: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    taken: Mapping[str, Path] = field(default_factory=dict, repr=False, compare=False)
    asked: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)
    new_from: int | None = field(default=None, compare=False)
    refused: Refused | None = field(default=None, compare=False)


def compose_after(
    prompt: Array,
    model: SequenceModel,
    representation: Representation,
    seeds: Sequence[int],
    sampler: Sampler,
    stop: Stop,
    include_prompt: bool,
    told: Callable[[int, list[Array | None]], None] | None = None,
    beams: Beams | None = None,
    limit: int | None = None,
    draft: Draft | None = None,
    known: Familiar | None = None,
) -> list[Sample]:
    """One piece a seed after `prompt` (symbols, may be empty), which the pieces begin with if `include_prompt`.

    A prompt that stops inside a bar has that bar finished before new bars are counted. told: called after each symbol.
    beams: as many pieces as seeds, the best of a beam search (fewer where there are not as many different ones). limit:
    symbols after which a piece that does not end by itself is cut. draft: how to draft what is drawn; None: symbol
    after symbol. known: what a melody may not go on with, passages that end in the prompt apart.
    """
    reached = representation.cursor(1)
    reached.push_all(prompt)
    has_bars = reached.bars is not None
    whole = include_prompt or has_bars  # a piece with bars is cut from the whole: what came before tells what it means
    done_bars, done_seconds, asked = 0, 0.0, stop
    before = representation.decode(prompt) if len(prompt) else None
    if isinstance(before, Score):  # what is asked for is counted from the end of the prompt's music
        bars_before, seconds_before = _full_bars(before), seconds(before)
        if stop.bars is not None and reached.bars is not None:
            asked = replace(stop, bars=stop.bars + bars_before - int(reached.bars[0]))
        if stop.seconds is not None and reached.seconds is not None:
            asked = replace(stop, seconds=stop.seconds + seconds_before - float(reached.seconds[0]))
        if whole:
            done_bars, done_seconds = bars_before, seconds_before
    # Far more symbols than music of that length holds: only a piece that gets nowhere is cut there.
    cursor, space = representation.cursor(len(seeds)), representation.space
    if known is not None:
        heard = None if include_prompt else cursor if whole else representation.cursor(len(seeds))
        cursor = OriginalCursor(cursor, known, space, len(seeds), len(prompt), heard)
    limit = limit or max(_LIMIT, round(_DENSEST * space.frame * max(stop.bars or 0, stop.seconds or 0)))
    if draft is not None and beams is None:
        made = drafted(model, prompt, cursor, space, seeds, sampler, asked, told, limit, draft)
    elif beams is None:
        made = sample(model, prompt, cursor, space, seeds, sampler, asked, told, limit)
    else:
        made = beam_search(model, prompt, cursor, space, beams, sampler, asked, len(seeds), told, limit=limit)
    found = []
    for sampled in made:
        piece = representation.decode(np.concatenate([prompt, sampled.array]) if whole else sampled.array)
        start_bars, start_seconds = done_bars, done_seconds
        if isinstance(piece, Score):
            if stop.bars is not None:
                piece = clip(piece, bar_line(piece, done_bars + stop.bars))
            if before is not None and whole and not include_prompt:
                piece = slice_bars(piece, min(done_bars + 1, _full_bars(piece)), _full_bars(piece))
                start_bars, start_seconds = 0, 0.0
            if stop.seconds is not None:
                piece = clip(piece, tick_at(piece, start_seconds + stop.seconds))
        one = _sample(piece, prompt, sampled, has_bars, start_bars, start_seconds)
        new = _new_from(piece, before) if include_prompt else None
        found.append(replace(one, new_from=new))
    return found


def said_refused(original: int | None, refused: Refused | None, what: str = "refused") -> dict[str, str]:
    """What is to be said, for people, of a piece that was to be original, and of how often it would not have been.

    what: was done with what was not.
    """
    if original is None or refused is None:
        return {}
    said = f"at most {original} notes in a row of a training melody, {refused.draws:,} {what}"
    said += f", {refused.forced:,} that could not be avoided" if refused.forced else ""
    return {"original": said + (f", {refused.silent:,} left silent" if refused.silent else "")}


def _new_from(piece: Piece, before: Piece | None) -> int | None:
    """The tick of the first note that the prompt does not have; where there is none, where the prompt ends."""
    if not isinstance(piece, Score) or not isinstance(before, Score):
        return None
    ratio = piece.ticks_per_quarter / before.ticks_per_quarter
    there = {(round(note.time * ratio), note.pitch) for track in before.tracks for note in track.notes}
    onsets = ((note.time, note.pitch) for track in piece.tracks for note in track.notes)
    return min((time for time, pitch in onsets if (time, pitch) not in there), default=round(end_tick(before) * ratio))


def _full_bars(piece: Piece) -> int:
    """The bars of a score, a pickup not counted."""
    assert isinstance(piece, Score)
    return len(bars(piece)) - has_pickup(piece)


def _sample(
    piece: Piece, prompt: Array, sampled: Sampled, has_bars: bool, done_bars: int, done_seconds: float
) -> Sample:
    new_bars, new_seconds = None, None
    if isinstance(piece, Score):
        new_bars = _full_bars(piece) - done_bars if has_bars else None
        new_seconds = max(0.0, seconds(piece) - done_seconds)
    symbols = len(sampled.array)
    return Sample(
        piece, sampled.seed, sampled.log_prob, symbols, new_bars, new_seconds, sampled.array, prompt, sampled.score,
        refused=sampled.refused,
    )  # fmt: skip
