"""One prompt continued in several ways: a run and a prompt in, what each way of composing makes of it out.

Composing itself is the run's; this chooses the ways, counts what is in the pieces, and looks on while greedy and beam
search choose their first symbols. Knows nothing of how a page is drawn. Legend: T symbols of a piece.
"""

import math
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from erato import run_folder
from erato.composing import Sample
from erato.displayed import Displayed
from erato.errors import UsageError
from erato.evaluation.text_features import distinct
from erato.models.base import Categorical, masked
from erato.renderers import renderer_for
from erato.renderers.comparison import Card, Node, Tree, write_comparison, write_tree
from erato.renderers.pianoroll import piano_roll
from erato.reporter import Reporter
from erato.representations.base import Array, Representation, Tokens
from erato.run import Run
from erato.sampling import Beams, Candidate, Sampler, Stop, beam_search
from erato.sampling.growing import Growing, evaluating, read_prompt
from erato.score import Piece
from erato.sequence_run import SequenceRun

_LENGTH = 256  # symbols where neither the person nor the recipe says how many
_STEPS, _WIDTH, _BEAMS = 5, 4, 3  # of a tree: steps, candidates of greedy that are shown, beams
_ROOT = 14  # characters of the prompt at the root of a tree
_TIMES = 3  # as often as this, one right after the other, is a loop


@dataclass(frozen=True)
class Way:
    """One way of composing: a name, a sentence on it, and how it is done."""

    name: str
    meaning: str
    sampler: Sampler
    beams: Beams | None = None


WAYS = (
    Way("greedy", "Takes the likeliest symbol every time.", Sampler(greedy=True)),
    Way(
        "beam search, 4 beams",
        "Lets the four likeliest beginnings grow side by side and gives the likeliest piece that comes of them.",
        Sampler(),
        Beams(4),
    ),
    Way("top-k 10", "Draws among the 10 likeliest symbols, each as likely as it was among them.", Sampler(top_k=10)),
    Way(
        "top-p 0.9",
        "Draws among the likeliest symbols that together have a probability of 0.9: few where the model is sure.",
        Sampler(top_p=0.9),
    ),
    *(
        Way(f"temperature {heat}", f"Draws among all symbols, {said}.", Sampler(temperature=heat))
        for heat, said in (
            (0.2, "the likely ones made far likelier: very safe"),
            (0.5, "the likely ones made likelier: safe"),
            (0.8, "the likely ones made a little likelier"),
            (1.0, "exactly as likely as the model finds them"),
            (1.2, "the unlikely ones made likelier: bold"),
        )
    ),
)


@dataclass(frozen=True)
class Made:
    """What one way made of the prompt.

    piece: as composing gives it; prompt, text: of a text, what it began with and what was added; log_prob: of the new
    symbols under the model itself, in nats; distinct: see `distinct`, of 1, 2 and 3 symbols; longest_repeat,
    longest_loop: see `repeats`; took: seconds of work. refused: why there is no piece. sample: all that is known of it.
    """

    name: str
    meaning: str
    piece: Piece | None = None
    prompt: str = ""
    text: str = ""
    symbols: int = 0
    log_prob: float | None = None
    distinct: tuple[float | None, ...] = (None, None, None)
    longest_repeat: int = 0
    longest_loop: int = 0
    took: float = 0.0
    refused: str = ""
    sample: Sample | None = field(default=None, repr=False, compare=False)

    @property
    def log_prob_per_symbol(self) -> float | None:
        """Nats a symbol; None where there are no symbols, or the model gives none."""
        return self.log_prob / self.symbols if self.log_prob is not None and self.symbols else None

    def to_json(self) -> dict[str, Any]:
        """All but the piece of music."""
        return {
            "name": self.name,
            "text": self.piece if isinstance(self.piece, str) else None,
            "symbols": self.symbols,
            "log_prob": self.log_prob,
            "log_prob_per_symbol": self.log_prob_per_symbol,
            **{f"distinct_{n}": share for n, share in enumerate(self.distinct, 1)},
            "longest_repeat": self.longest_repeat,
            "longest_loop": self.longest_loop,
            "took": self.took,
            "refused": self.refused or None,
        }


@dataclass(frozen=True)
class Comparison(Displayed):
    """What all ways made of one prompt with one seed, and trees of what greedy and beam search considered."""

    made: tuple[Made, ...]
    trees: tuple[Tree, ...]
    seed: int


@dataclass(frozen=True)
class Repeats:
    """The longest stretch that comes twice, and the longest loop: `symbols` of it, from `begin`, `period` at a time."""

    longest: int = 0
    loop: int = 0
    period: int = 0
    begin: int = 0


def compare(
    run: Run,
    prompt: Piece | Path | None = None,
    *,
    seed: int = 0,
    length: int | None = None,
    bars: int | None = None,
    seconds: float | None = None,
    begin: str | None = None,
    step: float | None = None,
    program: str | None = None,
    beams: Beams | None = None,
    reporter: Reporter | None = None,
    **changes: Any,
) -> Comparison:
    """One prompt continued by every one of `WAYS` with the same seed, and by what is asked for, if anything is.

    Takes what `Run.sample` takes. Without a length, that of the recipe, or 256 symbols. beams, changes: one more way,
    "as asked", which comes first. A way that is not defined for the run's symbols says so. Raises UsageError for what
    composing cannot do.
    """
    reporter = reporter or Reporter()
    if not isinstance(run, SequenceRun):
        raise UsageError(
            "a comparison of ways to choose each symbol is for runs that write one after another, and this one writes "
            "whole phrases: compose several pieces instead."
        )
    if length is None and bars is None and seconds is None:
        length = (run.recipe.length or _LENGTH) * run.representation.space.frame
    once, made = _Once(reporter), list[Made]()

    def compose(name: str, meaning: str, beams: Beams | None, **how: Any) -> Sample:
        began = time.perf_counter()
        (sampled,) = run.sample(
            prompt, seed=seed, length=length, bars=bars, seconds=seconds, begin=begin, step=step, program=program,
            beams=beams, reporter=once, **how,
        )  # fmt: skip
        made.append(_made(name, meaning, run.representation, sampled, time.perf_counter() - began))
        return sampled

    if beams or changes:  # first of all, as it may be refused
        compose("as asked", f"As asked for: {_asked(beams, changes)}.", beams, **changes)
    trees: tuple[Tree, ...] = ()
    for number, way in enumerate(WAYS):
        reporter.progress(number, len(WAYS), f"comparing: {way.name}")
        if way.beams and not isinstance(run.representation.space, Tokens):
            why = f"Beam search is for runs of single symbols; this one has {run.representation.space}."
            made.append(Made(way.name, way.meaning, refused=why))
            continue
        sampled = compose(way.name, way.meaning, way.beams, sampler=way.sampler)
        if way.sampler.greedy:
            trees = tuple(_trees(run, sampled.prompt, sampled.array))
    return Comparison(tuple(made), trees, seed)


def repeats(symbols: Sequence[Hashable]) -> Repeats:
    """What comes twice in a piece.

    longest: the length of the longest stretch that stands at two places, which may overlap (3 in "aaaa"). loop: the
    length of the longest stretch that is one thing at least twice in a row, whole copies only (8 in "the the the", in
    characters: "the " twice), from `begin`, in copies of `period` symbols; 0 where there is none. Of equals, the
    shortest period, then the first.
    """
    number = {symbol: place for place, symbol in enumerate(dict.fromkeys(symbols))}
    row = np.array([number[symbol] for symbol in symbols], np.int64)
    longest, best = 0, Repeats()
    for period in range(1, len(row)):
        if len(row) - period <= longest and len(row) < 2 * period:
            break  # nothing longer is possible at this or any greater distance
        # Runs of places whose symbol comes again `period` later: a run of r is r symbols twice.
        edges = np.diff(np.concatenate([[0], row[period:] == row[:-period], [0]]).astype(np.int8))
        begins, lengths = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        if not len(lengths):
            continue
        at = int(lengths.argmax())
        longest = max(longest, int(lengths[at]))
        loop = (int(lengths[at]) // period + 1) * period if lengths[at] >= period else 0
        if loop > best.loop:
            best = Repeats(0, loop, period, int(begins[at]))
    return Repeats(longest, best.loop, best.period, best.begin)


def write(run: Run, comparison: Comparison, out: Path, reporter: Reporter | None = None) -> dict[str, Any]:
    """Writes the page, the trees and, of music, MIDI files to `out`; where they are, as JSON.

    Names: `<NNN>-compare.html`, `<NNN>-compare-<what>.svg` and `.mid`, with the next free number of the folder.
    """
    rows: list[dict[str, Any]] = []
    cards: list[Card] = []
    with run_folder.piece_number(out) as number:
        stem = f"{number:03d}-compare"
        for place, made in enumerate(comparison.made):
            (reporter or Reporter()).progress(place, len(comparison.made), "drawing")
            row, card = made.to_json(), Card(made.name, made.meaning, numbers(made), refused=made.refused)
            if isinstance(made.piece, str):
                card = Card(made.name, made.meaning, numbers(made), made.prompt, made.text)
            elif made.piece is not None and made.sample is not None:
                name = f"{stem}-{''.join(c if c.isalnum() or c == '.' else '-' for c in made.name)}.mid"
                record = {**made.sample.record, "title": f"{run.recipe.name}, {made.name}"}
                about = run.about(replace(made.sample, record=record))
                renderer_for(out / name).write(made.piece, out / name, about)
                picture = piano_roll(made.piece)
                card = Card(made.name, made.meaning, numbers(made), picture=picture, links=[name])
                row["path"] = str(out / name)
            rows.append(row)
            cards.append(card)
        trees = []
        for tree in comparison.trees:
            trees.append(out / f"{stem}-{tree.key}.svg")
            write_tree(trees[-1], tree)
        page = out / f"{stem}.html"
        facts = {"seed": str(comparison.seed), **run.origin()}
        intro = _INTRO if isinstance(run.representation.space, Tokens) else _INTRO + _PARTS
        write_comparison(page, "One beginning, several ways on", intro, cards, comparison.trees, facts)
    return {"comparison": rows, "page": str(page), "trees": [str(path) for path in trees]}


_INTRO = (
    "The same model goes on from the same beginning with the same seed; only the way of choosing the next symbol "
    "differs.\n\nLog-probability: how likely the model itself finds what was added, in nats; nearer to 0 is likelier. "
    "Distinct-n: the share of different stretches of n symbols among all; 1 is no repetition. Longest repeat: the "
    "symbols of the longest stretch that stands there twice. Longest loop: those of the longest stretch that is one "
    "thing again and again without a break."
)
_PARTS = (
    "\n\nA symbol of this run has several parts (the keys of a frame, or the pitch and times of a note), which are "
    "chosen one after another; what is said of symbols below holds for each part."
)


def numbers(made: Made) -> dict[str, str]:
    """What is counted of a piece, for people."""
    if made.refused:
        return {}
    each = made.log_prob_per_symbol
    numbers = {
        "log-probability": "none" if made.log_prob is None else f"{made.log_prob:.1f}",
        "per symbol": "none" if each is None else f"{each:.3f}",
        **{f"distinct-{n}": "none" if d is None else f"{d:.2f}" for n, d in enumerate(made.distinct, 1)},
        "longest repeat": f"{made.longest_repeat:,}",
        "longest loop": f"{made.longest_loop:,}",
        "symbols": f"{made.symbols:,}",
        "seconds it took": f"{made.took:.2f}",
    }
    return {name: value.replace("-", "−") if name in ("log-probability", "per symbol") else value
            for name, value in numbers.items()}  # fmt: skip


class _Once(Reporter):
    """Says each note once, and not how far a single piece has come."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._said = reporter, set[str]()

    def note(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._reporter.note(text)


def _made(name: str, meaning: str, representation: Representation, sampled: Sample, took: float) -> Made:
    """Counts what is in a piece, and tells what was added to a text from what it began with."""
    prompt = text = ""
    if isinstance(sampled.piece, str):
        whole = str(representation.decode(np.concatenate([sampled.prompt, sampled.array])))
        prompt = str(representation.decode(sampled.prompt)) if len(sampled.prompt) else ""
        text = whole[len(prompt) :] if whole.startswith(prompt) else str(representation.decode(sampled.array))
    symbols = hashable(sampled.array)
    found = repeats(symbols)
    return Made(
        name,
        meaning,
        sampled.piece,
        prompt,
        text,
        sampled.symbols,
        sampled.log_prob,
        tuple(distinct(symbols, n) for n in (1, 2, 3)),
        found.longest,
        found.loop,
        took,
        sample=sampled,
    )


def hashable(array: Array) -> list[Hashable]:
    """The symbols of a piece [T, ...] as values that can be told apart: numbers, or tuples where they have several."""
    return [tuple(row) if isinstance(row, list) else row for row in array.tolist()]


def _asked(beams: Beams | None, changes: dict[str, Any]) -> str:
    """What was asked for, by the names of the command line."""
    asked = {**(asdict(beams) if beams else {}), **changes}
    said = {name: ("on" if value else "off") if isinstance(value, bool) else value for name, value in asked.items()}
    return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in said.items())


def _trees(run: SequenceRun, prompt: Array, greedy: Array) -> Iterator[Tree]:
    """What greedy and beam search considered first, and where greedy began to go round in circles."""
    if not isinstance(run.representation.space, Tokens) or not len(greedy):
        return
    first = greedy[:_STEPS]
    yield Tree(
        "greedy",
        "What greedy saw",
        _root(run, prompt),
        greedy_levels(run, prompt, first),
        f"The {_WIDTH} likeliest symbols at each step, with their probabilities; greedy takes the first.",
    )
    yield Tree(
        "beam",
        "What beam search saw",
        _root(run, prompt),
        beam_levels(run, prompt, Beams(_BEAMS), len(first)),
        f"With {_BEAMS} beams: under each symbol its probability, and the sum of the logarithms up to it, which "
        "decides. A symbol that is not the likeliest can lead to what is likelier as a whole.",
    )
    found = repeats(hashable(greedy))
    if found.period and found.loop >= _TIMES * found.period:
        again = found.begin + found.period
        yield Tree(
            "loop",
            "Where greedy begins to repeat itself",
            _root(run, np.concatenate([prompt, greedy[:again]])),
            greedy_levels(run, np.concatenate([prompt, greedy[:again]]), greedy[again : again + _STEPS]),
            f"From symbol {again + 1:,} on it writes the same {found.period:,} again. What it sees there looks like "
            "what it saw before, so that the same symbol is the likeliest once more; only chance could lead out.",
        )


def _root(run: Run, before: Array) -> str:
    """The end of what stands before a tree."""
    if not len(before):
        return "beginning"
    if run.representation.kind == "text":
        text = str(run.representation.decode(before))
        return text if len(text) <= _ROOT else f"…{text[-_ROOT:]}"
    return run.representation.names()[int(before[-1])]


@torch.inference_mode()
def greedy_levels(run: SequenceRun, before: Array, path: Array, width: int = _WIDTH) -> list[list[Node]]:
    """The `width` likeliest symbols at each step along `path` [T] after `before`, likeliest first."""
    names, space = run.representation.names(), run.representation.space
    levels: list[list[Node]] = []
    with evaluating(run.model):
        cursor, state, last = read_prompt(run.model, before, run.representation.cursor(1), space)
        growing = Growing(cursor, space, Sampler(), Stop(length=len(path)), before, 1, last.device)
        parent = 0
        for symbol in path.tolist():
            distribution, state = run.model.extend(last, state)
            assert isinstance(distribution, Categorical)
            own = distribution.logits[:, -1].float().log_softmax(-1)
            row = masked(own, growing.allowed, growing.kinds)[0].double()
            best = row.argsort(stable=True, descending=True)[:width].tolist()
            shares = [math.exp(float(row[one])) for one in best]
            levels.append(
                [
                    Node(names[one], share, parent, kept=one == symbol, chosen=one == symbol)
                    for one, share in zip(best, shares, strict=True)
                    if share > 0
                ]
            )
            parent = best.index(symbol) if symbol in best else 0
            growing.push(np.array([symbol]), None)
            last = torch.tensor([[symbol]], device=last.device)
    return levels


def beam_levels(run: SequenceRun, before: Array, beams: Beams, steps: int) -> list[list[Node]]:
    """The candidates of each of the first steps of a beam search after `before`, best first."""
    representation, seen = run.representation, list[list[Candidate]]()
    beam_search(
        run.model, before, representation.cursor(1), representation.space, beams, Sampler(), Stop(length=steps),
        trace=lambda _, candidates: seen.append(candidates),
    )  # fmt: skip
    way = _way(seen, beams)
    names, parents = representation.names(), [0]  # of the beams of a step: their places among the candidates before
    levels = []
    for step, candidates in enumerate(seen):
        levels.append(
            [
                Node(
                    names[one.symbol],
                    math.exp(one.log_prob),
                    parents[one.beam],
                    one.kept or one.ended,
                    (step, place) in way,
                    one.total,
                )
                for place, one in enumerate(candidates)
            ]
        )
        parents = [place for place, one in enumerate(candidates) if one.kept]
    return levels


def _way(seen: Sequence[Sequence[Candidate]], beams: Beams) -> set[tuple[int, int]]:
    """Step and place of the candidates that the best piece is made of."""
    ends = [
        (one.total / (step + 1) ** beams.length_penalty, step, place)
        for step, candidates in enumerate(seen)
        for place, one in enumerate(candidates)
        if one.ended
    ]
    if not ends:
        return set()
    _, step, place = max(ends, key=lambda end: end[0])
    way = {(step, place)}
    while step:
        beam = seen[step][place].beam
        step -= 1
        place = [at for at, one in enumerate(seen[step]) if one.kept][beam]
        way.add((step, place))
    return way
