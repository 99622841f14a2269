"""What a notebook shows of runs, pieces and results: a value in, HTML that stands in a cell out.

Each is one fragment with its own style, and pieces with their player; it has no ids that another cell could have, too,
and asks nobody for anything. Whatever anyone typed is escaped. How a fragment is laid out, the renderers know.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

from erato import provenance
from erato.assessing import Assessment
from erato.comparing import Comparison, numbers
from erato.composing import Sample
from erato.contest import Contest
from erato.corpora.base import SPLITS, Report
from erato.displayed import Displayed
from erato.errors import UsageError
from erato.evaluating import Evaluation
from erato.evaluation.surprise import Surprise
from erato.picturing.assessment import assessment_parts, costs_table, phrase_tables
from erato.picturing.contest import contest_parts
from erato.picturing.page import run_card
from erato.picturing.seen import Seen
from erato.renderers.base import About
from erato.renderers.page import IN_A_CELL, fragment_of
from erato.renderers.run_page import Section, Table, card
from erato.reporter import counts
from erato.run import Run
from erato.score import Piece, Score, note_count

_MOST = 100  # rows of a table
_PIECES = (str, Score, Sample)


@dataclass(frozen=True, repr=False)
class Shown(Displayed):
    """Pieces that a notebook shows (name, piece, what to say of it); elsewhere, their names."""

    pieces: tuple[tuple[str, Piece, About], ...]

    def __repr__(self) -> str:
        return f"<{', '.join(name for name, _, _ in self.pieces)}: shown in notebooks>"


def show(what: Piece | Sample | Iterable[Piece | Sample], title: str = "") -> Shown:
    """A piece, or several of them, to see and to hear in a notebook, as the last line of a cell.

    title: of a piece; several are numbered. Samples of one seed are told apart by how they were drawn. UsageError for
    anything else than scores, texts and samples.
    """
    found = [what] if isinstance(what, _PIECES) else list(what) if isinstance(what, Iterable) else []
    if not found:
        raise UsageError(f"show takes a piece or several of them, got {_kind(what)}: give what compose or sample gave.")
    shown, alone = [], len(found) == 1
    for number, one in enumerate(found, 1):
        if not isinstance(one, _PIECES):
            raise UsageError(
                f"show takes scores, texts and samples, got {_kind(one)}: give what compose or sample gave."
            )
        name = title if alone or not title else f"{title} {number}"
        if isinstance(one, Sample):
            about = about_sample(one, name)
            shown.append((_told_apart(about, one, found), one.piece, about))
        else:
            name = name or ("text" if isinstance(one, str) else "piece") + ("" if alone else f" {number}")
            shown.append((name, one, About(name)))
    return Shown(tuple(shown))


def _told_apart(about: About, sampled: Sample, among: Iterable[object]) -> str:
    """The title of a sample, and how it was drawn where another one has the same seed."""
    alike = [one for one in among if isinstance(one, Sample) and one.seed == sampled.seed]
    how = provenance.facts(sampled.record).get("sampling")
    return f"{about.title}, {how}" if how and len(alike) > 1 else about.title


def about_sample(sampled: Sample, title: str = "", facts: Mapping[str, str] | None = None) -> About:
    """What is said of a sample: how it was made, where neither title nor facts say anything else."""
    if not sampled.record:
        return About(title or f"seed {sampled.seed}", facts or {}, new_from=sampled.new_from)
    record = {**sampled.record, **({"title": title} if title else {})}
    said = {"seed": str(sampled.seed), **provenance.facts(record), **sampled.made, **provenance.origin(record)}
    return About(title or f"{record['recipe']}, seed {sampled.seed}", facts or said, record, sampled.new_from)


@singledispatch
def html(value: Any) -> str:
    """What a notebook shows of a value."""
    raise TypeError(f"nothing is known of how to show {_kind(value)}")


@html.register
def _(value: Shown) -> str:
    facts = [about.facts for _, _, about in value.pieces]
    shared = {name: said for name, said in facts[0].items() if all(one.get(name) == said for one in facts)}
    if len(facts) == 1:
        shared = {}  # they stand with the piece
    if len(facts) > IN_A_CELL.pieces:
        shared = {"shown": f"the first {IN_A_CELL.pieces} of {len(facts):,} pieces", **shared}
    pieces = [
        (name, piece, replace(about, facts={key: said for key, said in about.facts.items() if key not in shared}))
        for name, piece, about in value.pieces
    ]
    return fragment_of(pieces, shared)


@html.register
def _(value: Sample) -> str:
    return html(show(value))


@html.register
def _(value: Run) -> str:
    return run_card(Seen(value))


@html.register
def _(value: Evaluation) -> str:
    found = value.to_json()
    pieces = "1 piece" if value.pieces == 1 else f"{value.pieces:,} pieces"
    what = f"{pieces} of the {value.split} part" if value.split in SPLITS else pieces
    sections = [phrase_tables(found) if value.features is not None else Section("", "", tables=[costs_table(found)])]
    best = {} if value.accuracy is None else {"the likeliest was right": f"{100 * value.accuracy:.1f} %"}
    measured = Section("", "How this was measured", value.protocol)
    return card("Evaluation", f"{what}, {value.symbols:,} symbols.", best, [*sections, measured])


@html.register
def _(value: Assessment) -> str:
    numbers, sections, facts = assessment_parts(value)
    return card(f"How good is {value.run}?", "", numbers, sections, facts)


@html.register
def _(value: Contest) -> str:
    return card("Runs side by side", "", sections=contest_parts(value))


@html.register
def _(value: Comparison) -> str:
    counted = [numbers(made) for made in value.made]
    heads = [name for name in next(filter(None, counted), {}) if not name.startswith("seconds")]
    texts = any(made.text or made.refused for made in value.made)
    rows = [
        [made.name, *([made.refused or made.prompt + made.text] * texts), *(row.get(head, "") for head in heads)]
        for made, row in zip(value.made, counted, strict=True)
    ]
    table = Table("What came of it", ["", *(["text"] * texts), *heads], rows)
    said = f"The same beginning with the same seed, {value.seed}; only the way of choosing the next symbol differs."
    return card("One beginning, several ways on", said, sections=[Section("", "", tables=[table])])


@html.register
def _(value: Surprise) -> str:
    notes = note_count(value.score)
    facts = {"in all": f"{value.nats:,.1f} nats", "in no note": f"{value.remainder:,.1f} nats"}
    if notes:
        facts["a note"] = f"{(value.nats - value.remainder) / notes:.2f} nats, the mean of {notes:,}"
    if not value.complete:
        facts["not counted"] = "times, of which this model gives no likelihood"
    return fragment_of([("What each note costs", value.score, About(facts=facts, surprise=value.notes))])


@html.register
def _(value: Report) -> str:
    names = ("files", "used", "pieces", "notes", "duplicates")
    found = {name: f"{getattr(value, name):,}" for name in names} | {"skipped": f"{len(value.skipped):,}"}
    reasons: dict[str, list[dict[str, str]]] = defaultdict(list)
    for one in value.skipped:
        reasons[one["reason"]].append(one)
    order = sorted(reasons.items(), key=lambda item: -len(item[1]))
    shown = []
    if reasons:
        rows = [[reason, f"{len(those):,}", f"{those[0]['file']}: {those[0]['message']}"] for reason, those in order]
        shown.append(Table("Files that are skipped", ["reason", "files", "for example"], rows))
    if value.flagged:
        rows = [[str(one["file"]), counts(one["lost"])] for one in value.flagged[:_MOST]]
        more = f", the first {_MOST} of {len(value.flagged):,}" if len(value.flagged) > _MOST else ""
        shown.append(Table(f"Files that are used, but not whole{more}", ["file", "what is lost"], rows, folded=True))
    return card("What can be read", "", found, [Section("", "", tables=shown)] if shown else [])


def _kind(value: object) -> str:
    return f"{'nothing' if value is None or value in ([], ()) else f'a {type(value).__name__}'}"
