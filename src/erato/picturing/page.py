"""The page of a run: what it is, how it learned, its model, what it composed meanwhile, what it learned from.

In: what is there of a run. Out: sections, and the file, or a card for a notebook. Knows nothing of HTML.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from erato.models.describe import count_parameters
from erato.picturing import metrics, samples
from erato.picturing.seen import Seen
from erato.renderers.base import About
from erato.renderers.curves import curves_svg
from erato.renderers.model_drawing import model_svg
from erato.renderers.page_items import Budget, page_items
from erato.renderers.run_page import Section, Table, card, write_run_page
from erato.reporter import counts
from erato.training import is_finished

HEARD = Budget(seconds=120, pages=0)  # of all samples together


def write_page(path: Path, seen: Seen) -> None:
    """Writes the page of all there is, atomically."""
    sections = [_curves(seen), _layers(seen), _samples(seen), _corpus(seen)]
    write_run_page(path, seen.title, _intro(seen), _numbers(seen), sections, _facts(seen))


def run_card(seen: Seen) -> str:
    """What it is, how it learned and its model, as a card that a notebook shows."""
    corpus = _corpus(seen).facts
    owed = {name: corpus[name] for name in ("corpus", "pieces", "licence", "citation") if name in corpus}
    layers = replace(_layers(seen), picture_name="Layer by layer")
    return card(seen.title, _intro(seen), _numbers(seen), [_curves(seen), layers], {**_facts(seen), **owed})


def _intro(seen: Seen) -> str:
    summary = f"{seen.recipe.summary}." if seen.recipe else ""
    if is_finished(seen.folder):
        state = f"Trained: {metrics.so_far(seen.lines)}"
    elif seen.lines:
        state = f"Still learning, or stopped halfway. Up to its last evaluation: {metrics.so_far(seen.lines)}"
    else:
        state = "Training has not come to its first evaluation."
    return f"{summary[:1].upper()}{summary[1:]}\n\n{state}"


def _numbers(seen: Seen) -> dict[str, str]:
    """What to see first."""
    found: dict[str, str] = {}
    best = metrics.chosen(seen.lines)
    if best is not None:
        found[seen.objective.measure if seen.objective else "held-out loss"] = f"{best['valid_loss']:.4f}"
        found["kept at step"] = f"{best['step']:,}"
        if "valid_accuracy" in best:
            found["the likeliest was right"] = f"{100 * metrics.value(best, 'valid_accuracy'):.1f} %"
    if seen.lines:
        found["steps"] = f"{seen.lines[-1]['step']:,}"
        time = metrics.duration(metrics.value(seen.lines[-1], "seconds"))
        found |= {"time": time} if time else {}
    if seen.model:
        found["parameters"] = f"{count_parameters(seen.model[0]):,}"
    return found


def _curves(seen: Seen) -> Section:
    heading = "How it learned"
    if not seen.lines:
        return Section("curves", heading, "There is no evaluation yet: curves begin with the first.")
    chart = metrics.chart(seen.lines, seen.batches, seen.objective)
    heads, rows = metrics.table(seen.lines)
    some = "" if len(rows) == len(seen.lines) else f" ({len(rows)} of {len(seen.lines):,})"
    said = "The ring is at the weights that were kept: those of the best evaluation, which composing uses."
    table = Table(f"The evaluations in numbers{some}", heads, rows, counts=True, folded=True)
    alt = metrics.in_words(seen.lines, seen.objective)
    return Section("curves", heading, said, curves_svg(replace(chart, said=())), alt, [table])


def _layers(seen: Seen) -> Section:
    heading = "The model"
    if seen.model is None:
        return Section("model", heading, f"It cannot be drawn: {seen.trouble}")
    drawing = seen.drawing(*seen.model)
    names = ", ".join(f"{part.count} × {part.name}" if part.count > 1 else part.name for part in drawing.parts)
    text = seen.folder / "model.txt"
    return Section(
        "model",
        heading,
        f"{type(seen.model[0]).__name__}: {drawing.said[0]}.",
        model_svg(replace(drawing, title="", said=())),
        f"The parts of the model from what it reads to what it gives: {names}.",
        text=text.read_text("utf-8", "replace") if text.is_file() else "",
        text_name="Every parameter",
    )


def _samples(seen: Seen) -> Section:
    found = samples.samples(seen.folder / "samples")
    best = metrics.chosen(seen.lines)
    kept = None if best is None else int(best["step"])
    shown = samples.chosen_of(found, kept)
    pieces, unread = samples.read(shown, kept)
    items = page_items([(name, piece, About(name)) for name, piece in pieces], HEARD)
    said = samples.said_of(found, shown, unread)
    return Section("samples", "What it composed meanwhile", said, items=items)


def _corpus(seen: Seen) -> Section:
    """What it learned from: pieces, and files that were not used, with the reasons."""
    heading, said = "What it learned from", seen.manifest
    if not said:
        return Section("corpus", heading, "The run has no manifest of its corpus that can be read.")
    entries = [one for one in said.get("files") or () if isinstance(one, dict)]
    used = [one for one in entries if one.get("verdict") == "used"]
    splits = Counter(piece.get("split") for one in used for piece in one.get("pieces") or ())
    lost = said.get("not held by the representation") or {}
    known = {
        "corpus": said.get("corpus"),
        "what it is": said.get("summary"),
        "pieces": f"{splits['train']:,} to learn, {splits['valid']:,} to choose by, {splits['test']:,} to test",
        "files": f"{len(used):,} of {len(entries):,} used",
        "not held": counts(lost) if lost else "",
        "licence": said.get("licence"),
        "citation": said.get("citation"),
    }
    reasons: dict[str, list[dict[str, Any]]] = {}
    for one in entries:
        if one.get("verdict") != "used":
            reasons.setdefault(str(one.get("reason") or one.get("verdict")), []).append(one)
    rows = [
        [reason, f"{len(those):,}", str(those[0].get("message") or those[0].get("name"))]
        for reason, those in sorted(reasons.items(), key=lambda item: -len(item[1]))
    ]
    tables = [Table("Files that were not used", ["reason", "files", "for example"], rows)] if rows else []
    return Section("corpus", heading, facts={name: str(value) for name, value in known.items() if value}, tables=tables)


def _facts(seen: Seen) -> dict[str, str]:
    """How it was trained."""
    libraries = seen.record.get("libraries") or {}
    found: dict[str, Any] = {"erato": seen.record.get("erato"), "torch": libraries.get("torch")}
    if seen.recipe:
        training = seen.recipe.training
        budgets = {"minutes": training.minutes, "steps": training.steps, "epochs": training.epochs}
        found = {
            "recipe": seen.recipe.name,
            "budget": ", ".join(f"{value:g} {name}" for name, value in budgets.items() if value),
            "batch": training.batch,
            "optimizer": f"{training.optimizer.name}, learning rate {training.optimizer.lr:g}",
            "seed": seen.recipe.seed,
            **found,
        }
    found["corpus by hash"] = str((seen.record.get("corpus") or {}).get("hash", ""))[:12]
    return {name: str(value) for name, value in found.items() if value not in (None, "")}
