"""A run that composes symbol after symbol: a prompt in, pieces and what they cost out.

What every run can do is in `erato.run`, how a prompt becomes symbols in `erato.prompting`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from erato import provenance, run_folder
from erato.composing import Sample, compose_after, said_refused
from erato.config import to_record
from erato.errors import EratoError, RunError, UsageError
from erato.evaluating import Evaluation, evaluate
from erato.evaluation.surprise import Surprise, surprise
from erato.general_midi import program_number
from erato.models.base import SequenceModel
from erato.prompting import opening, path_or_piece, read_prompt
from erato.provenance import Settings
from erato.reading import read_piece
from erato.renderers import renderer_for
from erato.renderers.base import About
from erato.reporter import Reporter, counts
from erato.representations.base import Array, Bits, Space
from erato.representations.space import FEATURES
from erato.run import Run, refuse_count
from erato.sampling import Beams, Draft, Sampler, Stop
from erato.sampling.autoregressive import NO_NUMBERS
from erato.score import Piece, pitch_number, with_program
from erato.text_stream import TextStream


class SequenceRun(Run):
    """A run of a sequence model."""

    model: SequenceModel

    def sample(
        self,
        prompt: Piece | Path | None = None,
        *,
        n: int = 1,
        seed: int = 0,
        bars: int | None = None,
        seconds: float | None = None,
        length: int | None = None,
        begin: str | None = None,
        sampler: Sampler | None = None,
        beams: Beams | None = None,
        step: float | None = None,
        program: str | None = None,
        may_end: bool = False,
        draft: int | None = None,
        original: int | None = None,
        stream: Callable[[str], None] | None = None,
        heard: Callable[[Array], None] | None = None,
        reporter: Reporter | None = None,
        **changes: Any,
    ) -> list[Sample]:
        """`n` new pieces, piece i with seed `seed` + i, of exactly `bars` bars, `seconds` seconds or `length` symbols.

        prompt: a score, text, or path of a file to continue; the piece then begins with it. begin: without a prompt,
        from "nothing", a "window" of the training pieces (which is not part of the piece), "prompt" (that of the
        recipe), "silence", or one note, as in "C4". beams: searches for the likeliest instead of drawing; gives the `n`
        best, all with the same seed. may_end: a piece may end by itself before `length`. step: seconds a step of a
        piano roll is written as (as read, if None). program: the General MIDI program, by number or name, of all
        tracks but drums. draft: how many symbols are guessed and read at once; the piece is the same. 0: none; None: as
        many as pay off, of key states, and none else. original: the most notes in a row that a melody of a piece (the
        top notes of all tracks together, and of each) may have in common with one of a training piece, whatever the
        key and the tempo; a note that would be one more is refused as it comes, passages that end in the prompt apart.
        stream: called with each bit of the first text as soon as it is
        certain; heard: with the new symbols of the first piece, one or several at a time, as soon as they are. changes:
        fields of Sampler, as in temperature=0.8. Raises UsageError for what cannot be done.
        """
        reporter = reporter or Reporter()
        refuse_count(n)
        if not 0 <= seed <= 2**63 - n:
            raise UsageError(f"seed must be a whole number from 0 to 2^63 - {n}, got {seed}.")
        if begin and prompt is not None:
            raise UsageError("a piece begins with its prompt: leave out begin, or the prompt.")
        stop, usual = Stop(length, bars, seconds), self.recipe.length
        if usual is not None:
            usual *= self.representation.space.frame
        if sum(value is not None for value in (bars, seconds, length)) > 1:
            raise UsageError("give one of bars, seconds and length, not several.")
        limit = None
        if may_end and (bars is not None or seconds is not None):
            raise UsageError("bars and seconds are exact: leave them out, or may_end.")
        if stop == Stop() and not (may_end or self.recipe.may_end):
            stop = Stop(length=usual)
        elif stop == Stop() or may_end:
            stop, limit = Stop(), length or usual
        rule = sampler or self.recipe.sampler
        _refuse_contradictions(changes, beams, n)
        if "temperature" in changes:  # one for all features; the recipe may have one for each
            changes.setdefault("temperatures", ())
        if changes:
            try:
                rule = replace(rule, **changes)
            except TypeError:
                known = sorted(to_record(rule).keys() - {"type"})
                raise UsageError(
                    f"there is no {', '.join(changes)} in composing; of the sampler, set {', '.join(known)}."
                ) from None
        learnt = None if original is None else self.known(original, reporter)
        number = None if program is None else program_number(program)
        if number is not None and self.representation.kind == "text":
            raise UsageError(f"a text has no instrument: leave out the program {program!r}.")
        writer = self.representation if step is None else self.representation.paced(step)
        given = None if prompt is None else read_prompt(prompt, self.representation, reporter)
        taken = None if prompt is None else provenance.take(path_or_piece(prompt, self.representation.kind))
        begin = begin or self.recipe.begin
        if given is None and begin == "prompt":
            if not self.recipe.prompt:
                raise UsageError("this run's recipe has no prompt of its own: give one, or begin from nothing.")
            given = self._own_prompt(reporter)
        elif given is None and begin not in ("nothing", "window"):
            given = opening(begin, self.representation)
            begin = begin if begin == "silence" else str(pitch_number(begin))  # C4 and 60 are one note
        space, context = writer.space, self.model.context
        if given is not None and context is not None:
            states = "key states" if isinstance(space, Bits) else "symbols"
            if len(given) > context:
                reporter.note(f"The prompt has {len(given):,} {states}, and the model sees the last {context:,}.")
            elif prompt is not None and isinstance(space, Bits) and len(given) < context:
                reporter.note(f"The prompt has {len(given):,} {states} of {context:,}: silence lies before it.")
        drafts = _drafts(draft, space, beams, sounding=given is None and begin == "nothing")
        seeds = [seed] * n if beams else list(range(seed, seed + n))
        shown: list[TextStream] = []
        first = True
        clock = Clock(space, reporter, stop, n) if isinstance(space, Bits) else None

        def told(step: int, newest: Sequence[Array | None]) -> None:
            if shown and newest[0] is not None:
                shown[0].push(newest[0])
            if heard and first and newest[0] is not None:
                heard(newest[0])
            if clock is not None:
                clock.tell(newest)
            else:
                reporter.progress(step + 1, stop.length or limit, "composing: symbols")

        def compose(prompt: Array, seeds: Sequence[int], include: bool) -> list[Sample]:
            nonlocal first
            first = seeds[0] == seed  # whether the first piece is among these
            if stream and not beams and first:  # what is searched for is certain only at the end
                shown.append(TextStream(writer, prompt if include else prompt[:0], stream))
            made = compose_after(
                prompt, self.model, writer, seeds, rule, stop, include, told, beams, limit, drafts, learnt
            )
            if shown:
                shown.pop().close()
            elif stream and beams and isinstance(made[0].piece, str):
                stream(made[0].piece)
            return made

        if given is None and begin == "window" and not beams:  # each piece has a window of its own
            found = [compose(self._seed_window(one), [one], False)[0] for one in seeds]
        elif given is None and begin == "window":
            found = compose(self._seed_window(seed), seeds, False)
        else:
            found = compose(writer.space.empty() if given is None else given, seeds, True)
        if number is not None:
            found = [
                sampled
                if isinstance(sampled.piece, str)
                else replace(sampled, piece=with_program(sampled.piece, number))
                for sampled in found
            ]
        ends = stop == Stop()
        begun = None if taken else begin
        asked = Settings(
            n, seed, bars, seconds, limit if ends else stop.length, ends, begun, _simplest(rule), beams, step, draft,
            number, original=original,
        )  # fmt: skip
        found = [replace(sampled, made=sampled.made | said_refused(original, sampled.refused)) for sampled in found]
        return self._recorded(found, asked, taken, known=learnt)

    def _own_prompt(self, reporter: Reporter) -> Array | None:
        """The symbols of the recipe's own prompt; None where the run knows nothing of it."""
        try:
            return read_prompt(self.recipe.prompt, self.representation, reporter)
        except UsageError:
            reporter.note(f"Nothing of {self.recipe.prompt!r} is known to this run: it begins from nothing.")
            return None

    def _has_windows(self) -> bool:
        return self.learned_here and bool(run_folder.read_json(self.folder, "prompts.json", list))

    def _seed_window(self, seed: int) -> Array:
        windows = run_folder.read_json(self.folder, "prompts.json", list) if self.learned_here else []
        if not windows:
            raise UsageError("this run keeps no window of its training pieces to begin from: begin from nothing.")
        try:
            return self.representation.space.from_json(windows[seed % len(windows)])
        except (ValueError, TypeError, IndexError):
            raise RunError(f"{self.folder / 'prompts.json'} is damaged: restore the file or train again.") from None

    def _evaluated(
        self, arrays: list[Array], split: str, training: list[Array] | None, reporter: Reporter
    ) -> Evaluation:
        """Nats; the n-gram model that is the baseline knows by heart what it was counted from."""
        return evaluate(self.model, self.representation, arrays, split, training)

    def score(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Evaluation:
        """What the model costs one piece, from its first symbol to its last; UsageError where it cannot be held."""
        return evaluate(self.model, self.representation, [self._held(piece, reporter or Reporter())], "piece")

    def surprise(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Surprise:
        """What each note costs, of the piece as the run holds it, by the same likelihood as `score`."""
        reporter = reporter or Reporter()
        if self.representation.kind == "text":
            raise UsageError(f"a surprise is that of notes, and {self.recipe.name} writes text: choose a run of music.")
        found = surprise(self.model, self.representation, self._held(piece, reporter))
        if not np.isfinite(found.nats):
            raise EratoError(NO_NUMBERS)
        if not found.complete:
            reporter.note("This run predicts times without a likelihood: the surprise is that of the pitches alone.")
        return found

    def _held(self, piece: Piece | Path, reporter: Reporter) -> Array:
        """The symbols of a piece as this run holds it; UsageError where it holds nothing of it."""
        if isinstance(piece, Path):
            piece = read_piece(piece)
        if isinstance(piece, str) != (self.representation.kind == "text"):
            raise UsageError(f"this run knows {self.representation.kind}: give a piece of that kind.")
        encoded = self.representation.encode(piece)
        if not len(encoded.array):
            raise UsageError("nothing of the piece can be held by this run: give one like those it learned from.")
        if encoded.lost:
            reporter.note(f"Not held by the representation: {counts(encoded.lost)}.")
        return encoded.array

    def listen(self, step: int) -> None:
        """Writes what the model composes at this step from the run's fixed prompt and seed."""
        recipe = self.recipe
        length = min(recipe.length or recipe.listen_length, recipe.listen_length) * self.representation.space.frame
        made: dict[float | None, Sample] = {}
        prompt = None
        if recipe.listen_after_window and self._has_windows():
            prompt = self.representation.decode(self._seed_window(recipe.seed))
        for heat in recipe.listen_at or (None,):
            rule = recipe.sampler if heat is None else replace(recipe.sampler, temperature=heat, temperatures=())
            made[heat] = self.sample(prompt, seed=recipe.seed, length=length, sampler=rule)[0]
        stem = self.folder / "samples" / f"step{step:08d}"
        if self.representation.kind == "text":
            path = stem.with_suffix(".txt")
            renderer_for(path).write(self._read_out(made), path, About(f"step {step}"))
            return
        for heat, sampled in made.items():
            path = stem.with_name(stem.name + ("" if heat is None else f"-{heat:g}") + ".mid")
            renderer_for(path).write(sampled.piece, path, About(f"step {step}"))

    def _read_out(self, made: Mapping[float | None, Sample]) -> str:
        """Texts of several temperatures one after another, and the window that they began from."""
        texts = [(heat, str(sampled.piece)) for heat, sampled in made.items()]
        if texts[0][0] is None:
            return texts[0][1]
        head = ""
        if self.recipe.begin == "window":
            window = self.representation.decode(self._seed_window(self.recipe.seed))
            head = f"--- after the window\n{window}\n"
        return head + "".join(f"--- temperature {heat:g}\n{text}\n" for heat, text in texts)


class Clock:
    """Tells how much music there is so far, and how much faster it came than it plays."""

    def __init__(self, space: Bits, reporter: Reporter, stop: Stop, pieces: int) -> None:
        self.space, self.reporter, self.began, self.states = space, reporter, time.monotonic(), 0
        seconds = stop.seconds if stop.seconds is not None else self._seconds(stop.length or 0)
        self.total = round(pieces * seconds) or None

    def _seconds(self, states: int) -> float:
        return states / self.space.keys * self.space.step_s

    def tell(self, newest: Sequence[Array | None]) -> None:
        self.states += sum(np.size(states) for states in newest if states is not None)
        music = self._seconds(self.states)
        pace = music / max(time.monotonic() - self.began, 1e-3)
        self.reporter.progress(int(music), self.total, f"composing, {pace:.1f} times real time: seconds of music")


def _drafts(length: int | None, space: Space, beams: Beams | None, sounding: bool) -> Draft | None:
    """How to draft; UsageError where a search is asked for, too. sounding: key states begin where a key is down."""
    if isinstance(space, Bits) and not beams:
        return Draft(1 if length == 0 else length, sounding)  # 1: a pass for each, as if nothing was drafted
    if not length:
        return None
    if beams:
        raise UsageError(f"beam search drafts nothing: leave out the draft of {length}, or the beams.")
    return Draft(length)


def _simplest(rule: Sampler) -> Sampler:
    """The rule with one temperature where all features of a note have the same."""
    if len(rule.temperatures) != len(FEATURES) or len(set(rule.temperatures)) != 1:
        return rule
    return replace(rule, temperature=rule.temperatures[0], temperatures=())


def _refuse_contradictions(changes: Mapping[str, Any], beams: Beams | None, n: int) -> None:
    """UsageError for settings of sampling that cannot be had together."""
    drawing = sorted(changes.keys() & {"temperature", "temperatures", "top_k", "top_p", "min_p", "typical_p"})
    if changes.get("greedy") and drawing:
        named = ", ".join(f"the {name}" if name.startswith("temperature") else name for name in drawing)
        raise UsageError(f"greedy always takes the likeliest symbol: leave out {named}, or greedy.")
    if beams and changes.get("greedy"):
        raise UsageError("greedy is a search with one beam: leave out the beams, or greedy.")
    if beams and drawing:
        raise UsageError(f"beam search draws nothing: leave out {', '.join(drawing)}, or the beams.")
    if beams and n > beams.beams:
        raise UsageError(f"a search with {beams.beams} beams ends with at most as many pieces, got n={n}: more beams.")
