"""Composing as a job: a model, settings and perhaps a prompt in; takes that are offered out, each with how it was made.

Knows nothing of queues; a run composes. What is loaded is kept for the next job of the same process.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from erato import score as scores
from erato.composing import Sample
from erato.errors import EratoError, UsageError
from erato.loading import load
from erato.phrase_run import PhraseRun
from erato.prompting import Words
from erato.reading.text import line_ends
from erato.run import Run
from erato.score import Piece, Score
from erato.studio import models, run_facts, takes
from erato.studio.continuing import continued, until_bar, until_second
from erato.studio.errors import for_the_page
from erato.studio.jobs import Job
from erato.studio.likeness import Likeness
from erato.studio.project import Project
from erato.studio.takes import Take
from erato.studio.work_train import Telling

if TYPE_CHECKING:
    from erato.studio.work import NewTake, Tell

MOST_TITLE = 120  # characters
_LOADED = 3  # runs that are kept
_LENGTHS = ("bars", "seconds", "length")
_DRAWING = ("temperature", "top_k", "top_p")


@dataclass(frozen=True)
class Loaded:
    """A run, and what tells whether its pieces copy."""

    run: Run
    likeness: Likeness


@dataclass(frozen=True)
class Prompt:
    """What is continued; take: where it comes from, None: it was written by hand."""

    piece: Piece
    take: Take | None
    said: str  # for the title


_loaded: OrderedDict[tuple[Path, int], Loaded] = OrderedDict()


def loaded(folder: Path, reporter: Telling) -> Loaded:
    """The run in a folder, as it was loaded last where its weights are the same."""
    weights = folder / run_facts.WEIGHTS
    key = folder, weights.stat().st_mtime_ns if weights.is_file() else 0
    if key not in _loaded:
        reporter.say("Opening the model")
        run = load(folder, reporter=reporter)
        _loaded[key] = Loaded(run, Likeness(run))
    _loaded.move_to_end(key)
    while len(_loaded) > _LOADED:
        _loaded.popitem(last=False)
    return _loaded[key]


def compose(project: Project, job: Job, tell: "Tell") -> "list[NewTake]":
    """The takes that the job asks for, the first with its seed, each of the others with the next one."""
    asked, reporter = job.request, Telling(tell)
    n, seed = asked.get("n", 4), asked.get("seed", 0)
    if not 1 <= n <= run_facts.MOST_PIECES:
        raise UsageError(f"n must be from 1 to {run_facts.MOST_PIECES} pieces at once, got {n}.")
    this = loaded(models.find(project, asked["model"]), reporter)
    if asked.get("parent") is not None:
        with project.read() as connection:
            takes.get(connection, asked["parent"])
    said, prompt = models.one(project, asked["model"]), _prompt(project, asked)
    settings = _settings(this.run, asked, prompt)
    reporter.say("Composing")
    if this.run.representation.kind == "text":
        settings["stream"] = _Streamed(reporter, _held(this.run, prompt)).add
    try:
        samples = this.run.sample(
            None if prompt is None else prompt.piece, n=n, seed=seed, reporter=reporter, **settings
        )
    except UsageError as error:
        raise UsageError(for_the_page(str(error))) from None
    heard = [sample for sample in samples if _sounds(sample.piece)]
    if not heard:
        raise EratoError(
            "It composed nothing but silence: try another seed or a higher temperature, or train the model for longer."
        )
    if len(heard) < len(samples):
        reporter.note(
            f"{len(samples) - len(heard)} of {len(samples)} pieces were nothing but silence, and are left out."
        )
    made = []
    for number, sample in enumerate(heard):
        reporter.progress(number, len(heard), "comparing with what it learned from: pieces")
        made.append(_take(project, asked, this, said, prompt, sample, reporter))
    return made


def _sounds(piece: Piece) -> bool:
    """Whether there is anything in it."""
    return bool(piece) if isinstance(piece, str) else scores.note_count(piece) > 0


class _Streamed:
    """Tells the new text that there is so far; before: characters of the prompt, which come first."""

    def __init__(self, reporter: Telling, before: int) -> None:
        self.reporter, self.before, self.text = reporter, before, ""

    def add(self, text: str) -> None:
        self.text += text
        if len(self.text) > self.before:
            self.reporter.say("Writing", text=self.text[self.before :])


def _held(run: Run, prompt: Prompt | None) -> int:
    """Characters of a text as the run holds it."""
    if prompt is None or not isinstance(prompt.piece, str):
        return 0
    return len(str(run.representation.decode(run.representation.encode_prompt(line_ends(prompt.piece)).array)))


def _prompt(project: Project, asked: Mapping[str, Any]) -> Prompt | None:
    """What is to be continued, cut where that was asked for; None where there is nothing of it."""
    said = asked.get("prompt") or {}
    if "text" in said:
        return Prompt(Words(said["text"]), None, "your text") if said["text"] else None
    if "take" not in said:
        return None
    with project.read() as connection:
        take = takes.get(connection, said["take"])
    piece, name = project.piece(take.digest, take.kind), take.called
    bar, second = said.get("to_bar"), said.get("to_second")
    if bar is not None and second is not None:
        raise UsageError("give to_bar or to_second, not both.")
    if isinstance(piece, str):
        if bar is not None or second is not None:
            raise UsageError("a text has no bars and no seconds: give the text to continue as prompt.text.")
        return Prompt(Words(piece), take, name)
    if bar is not None:
        piece = until_bar(piece, bar)
        return Prompt(piece, take, f"{name}, from bar {bar + 1}") if scores.end_tick(piece) else None
    if second is not None:
        piece = until_second(piece, second)
        return Prompt(piece, take, f"{name}, from {second:.0f} s") if scores.end_tick(piece) else None
    return Prompt(piece, take, name)


def _settings(run: Run, asked: Mapping[str, Any], prompt: Prompt | None) -> dict[str, Any]:
    """What `run.sample` is called with; UsageError for what this run cannot do."""
    names = (*_LENGTHS, *_DRAWING, "original", *run_facts.PARTS)
    found = {name: asked[name] for name in names if asked.get(name) is not None}
    parts = [name for name in run_facts.PARTS if name in found]
    if isinstance(run, PhraseRun):
        if prompt is not None:
            raise UsageError(
                f"{run.recipe.name} writes whole phrases and continues nothing: leave out the prompt, or choose a "
                "model that writes note after note."
            )
        if drawn := [name for name in _DRAWING if name in found]:
            raise UsageError(
                f"{run.recipe.name} writes whole phrases and draws no notes: leave out {', '.join(drawn)}."
            )
    elif parts:
        raise UsageError(f"{', '.join(parts)}: only models of whole phrases (musegan) have these: leave them out.")
    if prompt is not None and isinstance(prompt.piece, str) != (run.representation.kind == "text"):
        writes, given = ("words", "music") if run.representation.kind == "text" else ("music", "words")
        raise UsageError(f"{run.recipe.name} writes {writes}, and what is to be continued is {given}.")
    if not set(_LENGTHS) & found.keys() and run.recipe.length is None and not run.recipe.may_end:
        found |= {"bars": run_facts.USUAL_BARS} if run.counts_bars else {"seconds": run_facts.USUAL_SECONDS}
    return found


def _take(
    project: Project,
    asked: Mapping[str, Any],
    this: Loaded,
    model: Mapping[str, Any],
    prompt: Prompt | None,
    sample: Sample,
    reporter: Telling,
) -> "NewTake":
    """A composed piece as a take: the prompt exactly as it was, what is new, and how it was made."""
    run = this.run
    piece, new, new_from = _whole(run, prompt, sample)
    origin = {name: one for name, one in run.origin().items() if name != "recipe"}
    if "learned from" in origin:
        origin["learned from"] = model["corpus"]  # as the person calls it
    return {
        "kind": run.representation.kind,
        "how": "composed",
        "digest": project.keep_piece(piece, sample.record),
        "parent": asked.get("parent") or (prompt.take.id if prompt and prompt.take else None),
        "title": (f"After {prompt.said}" if prompt else f"{model['name']}, seed {sample.seed}")[:MOST_TITLE],
        "status": "offered",
        "model": asked["model"],
        "settings": {**asked, "n": 1, "seed": sample.seed},
        "facts": {
            "recipe": run.recipe.name,
            "seed": sample.seed,
            "log_prob": sample.log_prob,
            **_per_symbol(run, sample),
            "symbols": sample.symbols,
            "bars": sample.bars,
            "seconds": sample.seconds,
            "new_from": new_from,
            "prompt_version": prompt.take.version if prompt and prompt.take else None,
            "made": sample.made,
            "origin": origin,
            "originality": this.likeness.of(new, reporter),
        },
    }


def _whole(run: Run, prompt: Prompt | None, sample: Sample) -> tuple[Piece, Piece, int | None]:
    """The piece with its prompt as it was, what is new of it, and where that begins (a tick, or a character)."""
    made = sample.piece
    if prompt is None:
        return made, made, None
    before = run.representation.decode(sample.prompt)
    if isinstance(made, Score) and isinstance(before, Score) and isinstance(prompt.piece, Score):
        piece, new_from = continued(prompt.piece, before, made, run.counts_bars)
        return piece, scores.between(piece, new_from, max(scores.end_tick(piece), new_from + 1)), new_from
    assert isinstance(made, str) and isinstance(before, str) and isinstance(prompt.piece, str), "all are of one kind"
    new = made[len(before) :] if made.startswith(before) else made
    return prompt.piece + new, new, len(prompt.piece)


def _per_symbol(run: Run, sample: Sample) -> dict[str, float]:
    """What each new note, or each new character, cost; nothing where that is not known."""
    if sample.log_prob is None:
        return {}
    units = run.representation.units(sample.array)
    names = {"notes": "nats_per_note", "chars": "nats_per_char"}
    return {said: -sample.log_prob / units[name] for name, said in names.items() if units.get(name)}
