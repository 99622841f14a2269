"""A run that composes whole phrases at once from latent numbers: seeds or latents in, pieces of several phrases out.

What every run can do is in `erato.run`, what this one refuses in `erato.phrase_settings`, how tracks that are given
become part of a piece in `erato.accompanying`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from erato import provenance
from erato.accompanying import read_given
from erato.composing import Sample, said_refused
from erato.errors import UsageError
from erato.evaluating import Evaluation
from erato.evaluating_phrases import evaluate_phrases
from erato.evaluation.surprise import Surprise
from erato.general_midi import program_number
from erato.models.base import LatentModel
from erato.phrase_settings import named, refuse_contradictions, refuse_fixed, refuse_sequences
from erato.provenance import Settings
from erato.renderers import renderer_for
from erato.renderers.base import About
from erato.reporter import Reporter
from erato.representations.base import Array, Rolls
from erato.run import Run
from erato.sampling import Latents, Stop
from erato.sampling.growing import evaluating
from erato.sampling.latent import KEPT, Seeds, best_of
from erato.sampling.original_phrases import original_phrases
from erato.score import Piece, Score, bars, clip, has_pickup, seconds, tick_at, with_program

_PHRASES = 5  # of a piece where neither the person nor the recipe says how long it is
_STEPS = 8  # of a morph
_CANDIDATES = 16  # draws for a phrase to given tracks
_HEARD = 16  # phrases that tell in which register a track is


class PhraseRun(Run):
    """A run of a latent model."""

    model: LatentModel

    def sample(
        self,
        prompt: Piece | Path | None = None,
        *,
        n: int = 1,
        seed: int = 0,
        bars: int | None = None,
        seconds: float | None = None,
        length: int | None = None,
        chords: Seeds = None,
        style: Seeds = None,
        melody: Seeds = None,
        groove: Seeds = None,
        latents: Latents | None = None,
        morph: int | None = None,
        morph_steps: int | None = None,
        one_piece: bool = False,
        given: Piece | Path | None = None,
        given_tracks: Sequence[str | int] = (),
        program: str | None = None,
        original: int | None = None,
        reporter: Reporter | None = None,
        **changes: Any,
    ) -> list[Sample]:
        """`n` new pieces, piece i with seed `seed` + i, of exactly `bars` bars, `seconds` seconds or `length` steps.

        chords, style, melody, groove: seeds of these parts instead of the piece's, for melody and groove one, or one a
        track. latents: what to write one piece from instead, a phrase a row, from first to last. morph: a second seed;
        gives `morph_steps` pieces (8, if None), the first that of `seed`, the last that of `morph`, and between them
        spherical steps of what has no seed of its own. one_piece: one piece instead, which goes that way phrase by
        phrase. given: a score, or the path of a file, to which the run composes what is missing; given_tracks: those
        of its tracks that are kept, by index, name or instrument (all, if none are named); they come out as they are,
        and the piece is as long as they are. program: the General MIDI program, by number or name, of all tracks but
        drums (of the new ones, where some are given). original: the most notes in a row that a melody of a piece (the
        top notes of all tracks together, and of each) may have in common with one of a training piece, whatever the key
        and the tempo: a phrase with which it has more is written again as it comes, from chords and melodies of another
        draw (those that have no seed of their own), and is silent where none of 32 will do. Raises UsageError for what
        cannot be done.
        """
        reporter = reporter or Reporter()
        asked = Stop(length, bars, seconds)
        seeds: dict[str, Seeds] = {"chords": chords, "style": style, "melody": melody, "groove": groove}
        seeds = {name: one for name, one in seeds.items() if one is not None}
        refuse_sequences(prompt, changes, PhraseRun.sample)
        refuse_contradictions(n, seed, asked, seeds, latents, morph, morph_steps, one_piece, given, given_tracks)
        if original is not None:
            refuse_fixed(latents, morph, given)
        known = None if original is None else self.known(original, reporter)
        number = None if program is None else program_number(program)
        if isinstance(given_tracks, str):
            given_tracks = [given_tracks]
        made = {name: named(one) for name, one in seeds.items()}
        parts: dict[str, Any] = {name: provenance.seeds(one) for name, one in seeds.items()}
        settings = Settings(
            n, seed, bars, seconds, length, program=number, morph=morph, morph_steps=morph_steps, one_piece=one_piece,
            given_tracks=tuple(given_tracks), original=original, **parts,
        )  # fmt: skip
        if given is not None:
            given = Path(given) if isinstance(given, str) else given
            found = self._accompany(given, given_tracks, n, seed, seeds, number, reporter)
            found = [replace(sampled, made=made | sampled.made) for sampled in found]
            return self._recorded(found, settings, given=provenance.take(given))
        steps = self._steps(asked, latents, morph_steps, one_piece)
        phrases = math.ceil(steps / self._space.phrase)
        if latents is not None:
            pieces = [(seed, self._fitting(latents, phrases))]
        elif morph is not None:
            pieces = self._morph(seed, morph, phrases, seeds, morph_steps, one_piece)
        else:
            pieces = [(one, self.latents(phrases, one, **seeds)) for one in range(seed, seed + n)]
        if latents is not None:
            made["latents"] = "given"
        found = []
        for done, (one, numbers) in enumerate(pieces, 1):
            refused = None
            if known is None:
                piece, array = self._written(numbers, steps, asked.seconds)
            else:
                free = [name for name in self.model.latents if name not in (*KEPT, *seeds)]
                array, refused = original_phrases(self._phrase, self.representation, numbers, one, free, known)
                piece, array = self._cut(array, steps, asked.seconds)
            if morph is not None:
                made["morph"] = f"to seed {morph}" + ("" if one_piece else f", step {done} of {len(pieces)}")
            sampled = _sample(piece if number is None else with_program(piece, number), one, array, self._space)
            said = said_refused(original, refused, "phrases written again")
            found.append(replace(sampled, made={**made, **said}, refused=refused))
            reporter.progress(done, len(pieces), "composing: pieces")
        hashed = None if latents is None else provenance.latents_hash(latents)
        return self._recorded(found, settings, latents=hashed, known=known)

    def _accompany(
        self,
        given: Piece | Path,
        tracks: Sequence[str | int],
        n: int,
        seed: int,
        seeds: Mapping[str, Seeds],
        program: int | None,
        reporter: Reporter,
    ) -> list[Sample]:
        """Pieces in which the tracks that are given stand as they were, and the others are written to them.

        What is left of the last phrase is written as the end of a phrase that begins earlier.
        """
        if not self.model.conditional:
            raise UsageError(
                f"this run of {self.recipe.name} has not learned to write to given tracks: train one of "
                "musegan-conditional, or leave given out."
            )
        space, heard = self._space, read_given(given, tracks, self.representation, self._registers, reporter)
        count = len(heard.symbols)
        begins = [min(begin, count - space.phrase) for begin in range(0, count, space.phrase)]
        phrases = torch.from_numpy(np.stack([heard.symbols[begin : begin + space.phrase] for begin in begins]))
        phrases = phrases.to(self._device)
        found = []
        for done, one in enumerate(range(seed, seed + n), 1):
            latents = Latents.draw(self.model.latents, len(begins) * _CANDIDATES, one, kept=())
            if seeds:  # what has a seed is as it is in a piece that is written freely
                fixed = self.latents(len(begins), one, **seeds)
                rows = [row for row in range(len(begins)) for _ in range(_CANDIDATES)]
                latents = latents.replace(**{name: fixed.take(rows)[name] for name in seeds})
            with evaluating(self.model):
                written = best_of(self.model, phrases, latents).cpu().numpy()
            array = heard.symbols.copy()
            for begin, phrase in zip(reversed(begins), written[::-1], strict=True):
                array[begin : begin + space.phrase] = phrase
            piece = heard.joined(array, self.representation, program)
            made = {"given tracks": ", ".join(track.name or "unnamed" for track in heard.score.tracks)}
            found.append(replace(_sample(piece, one, array, space), bars=count // space.steps, made=made))
            reporter.progress(done, n, "composing: pieces")
        return found

    def _registers(self) -> list[float]:
        """The mean MIDI pitch of each track in what the run writes."""
        piece, _ = self._written(self.latents(_HEARD), _HEARD * self._space.phrase, None)
        pitches = [track.notes.numpy()["pitch"] for track in piece.tracks]
        return [float(one.mean()) if len(one) else 60.0 for one in pitches]

    def latents(self, phrases: int = _PHRASES, seed: int = 0, **seeds: Seeds) -> Latents:
        """The latents of the piece of so many phrases that `sample` writes from `seed`; seeds: of single parts."""
        return Latents.draw(self.model.latents, phrases, seed, seeds)

    @property
    def _space(self) -> Rolls:
        return self.model.space

    @property
    def _device(self) -> torch.device:
        return next((part.device for part in self.model.parameters()), torch.device("cpu"))

    def _steps(self, asked: Stop, latents: Latents | None, morph_steps: int | None, one_piece: bool) -> int:
        """How many steps a piece has: as asked, else as what it is made from says, else as the recipe does."""
        space = self._space
        if asked.bars is not None:
            return asked.bars * space.steps
        if asked.seconds is not None:
            rests = np.full((space.phrase, space.tracks), space.pitches, space.read)
            return max(1, math.ceil(asked.seconds / self.representation.units(rests)["seconds"] * space.phrase - 1e-6))
        if asked.length is not None:
            return asked.length
        if latents is not None:
            return latents.phrases * space.phrase
        if one_piece:
            return (morph_steps or _STEPS) * space.phrase
        return self.recipe.length or _PHRASES * space.phrase

    def _fitting(self, latents: Latents, phrases: int) -> Latents:
        """The latents, which must be the model's and as many as the phrases."""
        if latents.shapes != {name: tuple(shape) for name, shape in self.model.latents.items()}:
            raise UsageError(f"this run's latents are {dict(self.model.latents)}, got {latents}: use those of the run.")
        if latents.phrases != phrases:
            raise UsageError(
                f"the piece has {phrases} phrases and the latents are of {latents.phrases}: leave out how long it is "
                "to be, or give as many latents."
            )
        return latents

    def _morph(
        self, seed: int, to: int, phrases: int, seeds: Mapping[str, Seeds], steps: int | None, one_piece: bool
    ) -> list[tuple[int, Latents]]:
        """The pieces on the way from one seed to another, or the one piece that goes it phrase by phrase."""
        first, last = (self.latents(phrases, one, **seeds) for one in (seed, to))
        if not one_piece:
            count = steps or _STEPS
            return [(seed, first.slerp(last, step / (count - 1))) for step in range(count)]
        count = steps or phrases
        if not 2 <= count <= phrases:
            long = (
                "a single phrase does not morph" if phrases == 1 else f"{phrases} phrases morph in 2 to {phrases} steps"
            )
            raise UsageError(f"{long}, got {count}: make the piece longer, or give other morph_steps (--morph-steps).")
        rows = [
            first.take([row]).slerp(last.take([row]), row * count // phrases / (count - 1)) for row in range(phrases)
        ]
        return [(seed, Latents.concatenate(rows))]

    def _written(self, latents: Latents, steps: int, seconds: float | None) -> tuple[Score, Array]:
        """The piece of so many steps that latents stand for, cut to so many seconds, and its symbols [steps, tracks].

        One phrase at a time: a phrase must not depend on how many others are written with it, and sums of a batch do.
        """
        phrases = [self._phrase(latents.take([row])) for row in range(latents.phrases)]
        return self._cut(np.concatenate(phrases), steps, seconds)

    def _phrase(self, latents: Latents) -> Array:
        """[T, tracks] the one phrase that latents stand for."""
        with evaluating(self.model), torch.inference_mode():
            written = self.model.write({name: part.to(self._device) for name, part in latents.items()})
        return np.asarray(written[0].cpu().numpy())

    def _cut(self, array: Array, steps: int, seconds: float | None) -> tuple[Score, Array]:
        piece = self._score(array[:steps])
        return piece if seconds is None else clip(piece, tick_at(piece, seconds)), array[:steps]

    def _score(self, array: Array) -> Score:
        piece = self.representation.decode(array)
        assert not isinstance(piece, str), "rolls are music"
        return piece

    def listen(self, step: int) -> None:
        """Writes what the model composes at this step from the recipe's seed."""
        path = self.folder / "samples" / f"step{step:08d}.mid"
        renderer_for(path).write(self.sample(seed=self.recipe.seed)[0].piece, path, About(f"step {step}"))

    def score(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Evaluation:
        raise UsageError("this run writes whole phrases and gives no likelihood of a piece: leave the piece out.")

    def surprise(self, piece: Piece | Path, *, reporter: Reporter | None = None) -> Surprise:
        raise UsageError(
            "this run writes whole phrases and gives no likelihood, so that no note surprises it: choose a run that "
            "composes note after note."
        )

    def _evaluated(
        self, arrays: list[Array], split: str, training: list[Array] | None, reporter: Reporter
    ) -> Evaluation:
        """How what it writes compares with the pieces of `split` and those that it learned from."""
        return evaluate_phrases(self.model, self.representation, arrays, training, split, progress=reporter.progress)


def _sample(piece: Piece, seed: int, array: Array, space: Rolls) -> Sample:
    """A piece and how it came about; there is no likelihood of it."""
    assert isinstance(piece, Score)
    count = len(bars(piece)) - has_pickup(piece)
    return Sample(piece, seed, None, len(array), count, seconds(piece), array, space.empty())
