"""The page of an assessment: what unheard pieces cost a run, how its own compare with them, whether it copied.

In: an assessment. Out: the file. Knows nothing of HTML or of how distributions are drawn.
"""

from pathlib import Path
from typing import Any

from erato import evaluation_tables, writing_tables
from erato.assessing import Assessment, Writing
from erato.renderers.base import About
from erato.renderers.distributions import Distribution, distributions_svg
from erato.renderers.page_items import Budget, page_items
from erato.renderers.run_page import Section, Table, write_run_page
from erato.writing_tables import counted

HEARD = 4  # pieces that are on the page, the first ones
BUDGET = Budget(seconds=160, pages=4, pieces=HEARD)
PANELS = 12  # distributions that are shown at once
ORDER = ("held out", "composed", "training")  # what the others are seen against comes first


def write_assessment(path: Path, found: Assessment) -> None:
    """Writes the page of all that was measured, atomically."""
    numbers, sections, facts = assessment_parts(found)
    if found.writing:
        sections.append(_pieces(found.writing))
    intro = f"What {found.run} makes of pieces that it has not learned from, and what it writes itself."
    write_run_page(path, f"How good is {found.run}?", intro, numbers, sections, facts)


def assessment_parts(found: Assessment) -> tuple[dict[str, str], list[Section], dict[str, str]]:
    """What to see first, all but the pieces, and how it was measured."""
    document = found.to_json()
    sections = [_costs(document)]
    if found.evaluation.features is not None:
        sections.append(phrase_tables(document))
    facts = {"how likelihood was measured": document["protocol"]}
    if found.writing:
        sections += [_features(found.writing), *_originality(found.writing)]
        facts["how pieces were compared"] = " ".join(found.writing.said)
    return _numbers(found, document), sections, facts


def costs_table(found: evaluation_tables.Found) -> Table:
    """What pieces cost the run, beside what they cost the n-gram."""
    costs = evaluation_tables.costs(found)
    beside = any(baseline is not None for _, _, baseline in costs)
    heads = ["", "this run", *([f"{evaluation_tables.baseline_name(found)} of the training pieces"] if beside else [])]
    rows = [
        [name, f"{value:.4f}", *(["" if baseline is None else f"{baseline:.4f}"] if beside else [])]
        for name, value, baseline in costs
    ]
    return Table("Lower is better", heads, rows, counts=True)


def phrase_tables(found: evaluation_tables.Found) -> Section:
    """How written phrases compare with real ones: the gaps at once, all that they come from when asked for."""
    sets = evaluation_tables.columns(found)
    varied, said = evaluation_tables.diversity(found)
    gap, steering = evaluation_tables.gaps(found), evaluation_tables.steering(found)
    sentences = [f"{said[:1].upper()}{said[1:]}." for said in (said, evaluation_tables.originality(found)) if said]
    measures = evaluation_tables.measures(found)
    shown = [
        Table(gap.name, ["", *sets], [*_rows(gap), ["diversity", *varied]], counts=True),
        Table(steering.name, ["", "cells"], _rows(steering), counts=True),
        *(Table(one.name, ["", *sets], _rows(one), counts=True, folded=True) for one in measures),
    ]
    return Section("phrases", "How its phrases compare", "\n\n".join(sentences), tables=shown)


def _rows(found: evaluation_tables.Rows) -> list[list[str]]:
    return [[label, *cells] for label, cells in found.rows.items()]


def _numbers(found: Assessment, document: dict[str, Any]) -> dict[str, str]:
    """What to see first."""
    first = next((name for name in ("nats_per_note", "nats_per_char", "nats_per_token") if document[name]), None)
    numbers = {first.replace("_", " "): f"{document[first]:.3f}"} if first else {}
    if found.evaluation.accuracy is not None:
        numbers["the likeliest was right"] = f"{100 * found.evaluation.accuracy:.1f} %"
    if found.writing:
        far = found.writing.distances["frechet"]
        if far["value"] is not None:
            numbers["Fréchet distance"] = writing_tables.number(far["value"])
        if found.writing.originality:
            numbers["did it copy?"] = found.writing.originality.verdict
    return numbers


def _costs(document: dict[str, Any]) -> Section:
    what = f"{counted(document['pieces'], 'piece')} of the {document['split']} part"
    said = f"{what}, {counted(document['symbols'], 'symbol')}."
    if not evaluation_tables.costs(document):
        return Section("likelihood", "What unheard pieces cost", f"{said}\n\nThis model gives no likelihood.")
    return Section("likelihood", "What unheard pieces cost", said, tables=[costs_table(document)])


def _features(writing: Writing) -> Section:
    """Distributions as pictures and as a table, those that differ most from what real pieces have first."""
    document = writing.to_json()
    gaps = document["distances"]["features"]

    def overlap(at: int) -> float:
        value = gaps[writing.scalars[at].name]["overlap"]["value"]
        return 2.0 if value is None else float(value)

    names = [name for name in ORDER if name in writing.sets]
    shown = sorted(range(len(writing.scalars)), key=overlap)[:PANELS]
    panels = []
    for at in sorted(shown):
        scalar = writing.scalars[at]
        share = writing_tables.is_share(scalar.name)
        values = {name: writing.sets[name][:, at].tolist() for name in names}
        panels.append(Distribution(writing_tables.named(scalar.name), "" if share else scalar.unit, values, share))
    heads, rows = writing_tables.features(document)
    meanings = [[writing_tables.named(one.name), one.meaning, one.source] for one in writing.scalars]
    words = "; ".join(f"{name}: {', '.join(row)}" for name, row in list(rows.rows.items())[:PANELS])
    return Section(
        "features",
        "How its pieces compare",
        f"{writing_tables.distance(document)}.\n\nOverlap: how far the distances among held-out pieces and those from "
        "composed to held-out pieces have the same distribution, 1 is the best (Yang and Lerch 2020); KL: how far the "
        "second diverges from the first, in nats, 0 is the best.",
        distributions_svg(panels),
        f"Distributions of {', '.join(names)} pieces: {words}",
        [
            Table(f"All measures: {rows.name}", ["", *heads], _rows(rows), counts=True, folded=True),
            Table("What they mean", ["", "meaning", "source"], meanings, folded=True),
        ],
    )


def _pieces(writing: Writing) -> Section:
    made = list(zip(writing.composed.samples, writing.composed.pieces, strict=True))
    pieces = [(f"seed {sample.seed}", piece, About(f"seed {sample.seed}")) for sample, piece in made[:HEARD]]
    said = "All" if len(pieces) == len(made) else f"The first {len(pieces)}"
    said += f" of the {counted(len(made), 'piece')} that {'was' if len(made) == 1 else 'were'} measured."
    return Section("pieces", "What it composed", said, items=page_items(pieces, BUDGET))


def _originality(writing: Writing) -> list[Section]:
    """How much its pieces share with training pieces, beside how much people's do; the longest passages."""
    document = writing.to_json()["originality"]
    if document is None:
        return []
    panels = []
    for name, judged in document["measures"].items():
        people = document["people"]["lengths"][name]["lengths"]
        own = [writing_tables.length_of(piece[name]) for piece in document["pieces"]]
        mark = None if judged["limit"] is None else float(judged["limit"])
        panels.append(
            Distribution(
                writing_tables.measure(name),
                writing_tables.unit(name),
                {"people": people, "composed": own},
                mark=mark,
                marked="95 % of people" if mark is not None else "",
            )
        )
    heads = ["piece", "what", "how much", "where", "also in"]
    rows = writing_tables.longest(document)
    words = " ".join(writing_tables.originality(writing.to_json()))
    tables = [Table("The longest passages in common", heads, rows)] if rows else []
    said = (
        f"{writing_tables.verdict(document)}\n\n{document['people']['said']} A passage is the same in another key and "
    )
    said += "at another tempo." if panels and panels[0].unit == "notes" else "with other capitals and punctuation."
    return [Section("originality", "Did it copy?", said, distributions_svg(panels), words, tables)]
