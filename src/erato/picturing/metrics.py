"""What a training run wrote down to what is drawn and said of it. In: lines of metrics.jsonl. Out: a chart, sentences.

Lines may be few, damaged or still growing: what is no finite number is left out. Knows nothing of files.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from erato.renderers.curves import Chart, Curve, Panel, number
from erato.score import Floats
from erato.training.objective import Objective

Line = Mapping[str, Any]
TALL, LOW = 2.5, 0.5  # inches: of the panel that weights are chosen by, and of the learning rate
MOST = 1e300  # what is more has no place in a picture
ROWS = 40  # of a table, at most


def value(line: Line, key: str) -> float:
    """The number under `key`; not-a-number where there is none."""
    found = line.get(key)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or abs(found) > MOST:
        return math.nan
    return float(found)


def chosen(lines: Sequence[Line]) -> Line | None:
    """The evaluation whose weights are kept: the best one, the first of equals."""
    known = [line for line in lines if math.isfinite(value(line, "valid_loss"))]
    return min(known, key=lambda line: value(line, "valid_loss"), default=None)


def chart(lines: Sequence[Line], batches: Sequence[Line], objective: Objective | None, title: str = "") -> Chart:
    """The curves of evaluations and of single batches; objective: what the losses are, None: not known."""
    measure = objective.measure if objective else Objective.measure
    unit = f", {objective.unit}" if objective else ""
    alike = measure == Objective.measure  # whether training and held-out loss are the same thing
    best = chosen(lines)
    panels = [
        Panel(
            f"loss{unit}" if alike else f"{measure}, {objective.unit if objective else ''}",
            _there(
                _curve("held out" if alike else "gap", lines, "valid_loss"),
                _curve("training", lines, "train_loss") if alike else None,
                _curve("each batch", batches, "batch_loss", faint=True) if alike else None,
            ),
            _mark(best, "valid_loss"),
            "" if best is None else f"kept: {value(best, 'valid_loss'):.4f} at step {best['step']:,}",
            height=TALL,
            factors=True,
        ),
        Panel(
            "how often the likeliest symbol was the right one",
            _there(_curve("held out", lines, "valid_accuracy"), _curve("training", lines, "train_accuracy")),
            _mark(best, "valid_accuracy"),
            percent=True,
        ),
        Panel(
            "losses of critic and generator",
            _there(_curve("critic", lines, "train_critic_loss"), _curve("generator", lines, "train_generator_loss")),
        ),
        Panel(
            "how far the critic finds written phrases from real ones",
            _there(_curve("Wasserstein", lines, "train_wasserstein")),
        ),
        Panel(
            "held-out loss of each part of a symbol", [_curve(name, lines, f"valid_{name}") for name in parts(lines)]
        ),
        Panel("learning rate", _there(_curve("", lines, "lr")), height=LOW, least=0.0),
    ]
    said = [sentence] if (sentence := so_far(lines)) else []
    return Chart(title, said, [panel for panel in panels if panel.curves], _clock(lines))


def parts(lines: Sequence[Line]) -> list[str]:
    """The features of a symbol whose losses were measured one by one, in training and held out."""
    last = lines[-1] if lines else {}
    names = [key.removeprefix("train_") for key in last if key.startswith("train_")]
    return [name for name in names if f"valid_{name}" in last and name not in ("loss", "accuracy")]


def so_far(lines: Sequence[Line]) -> str:
    """How long training lasted until its last evaluation, as a sentence."""
    if not lines:
        return ""
    last = lines[-1]
    epochs = value(last, "epoch")
    read = f", {epochs:,.1f} times through the corpus" if math.isfinite(epochs) else ""
    time = f" in {took}" if (took := duration(value(last, "seconds"))) else ""
    return f"{last['step']:,} steps{time}{read}."


def in_words(lines: Sequence[Line], objective: Objective | None) -> str:
    """What the curves show, for who does not see them."""
    best = chosen(lines)
    if best is None:
        return "Curves of training: no evaluation yet."
    measure = objective.measure if objective else Objective.measure
    first, last = (number(value(line, "valid_loss")) for line in (lines[0], lines[-1]))
    return (
        f"Curves of training over {lines[-1]['step']:,} steps: {measure} from {first} at first to {last} at last, "
        f"the least {number(value(best, 'valid_loss'))} at step {best['step']:,}."
    )


def table(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the evaluations, of many the first, the last and some evenly between."""
    columns = {
        "step": "step", "seconds": "time", "valid_loss": "held out", "train_loss": "training",
        "valid_accuracy": "accuracy, held out", "train_accuracy": "accuracy, training",
        "train_critic_loss": "critic loss", "train_generator_loss": "generator loss",
        **{f"valid_{name}": f"{name}, held out" for name in parts(lines)}, "lr": "learning rate",
    }  # fmt: skip
    known = [key for key in columns if any(math.isfinite(value(line, key)) for line in lines)]
    rows = [[_cell(key, value(line, key)) for key in known] for line in spread(lines, ROWS)]
    return [columns[key] for key in known], rows


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the items: the first, the last, and others evenly between."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def duration(seconds: float) -> str:
    """How long something took, for people; nothing where that is not known."""
    if not math.isfinite(seconds):
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _cell(key: str, found: float) -> str:
    if not math.isfinite(found):
        return ""
    if key == "seconds":
        return duration(found)
    return number(found, percent=key.endswith("accuracy"))


def _curve(name: str, lines: Sequence[Line], key: str, faint: bool = False) -> Curve:
    steps = np.array([value(line, "step") for line in lines], np.float64)
    return Curve(name, steps, np.array([value(line, key) for line in lines], np.float64), faint)


def _there(*curves: Curve | None) -> list[Curve]:
    """The curves that have a number."""
    return [curve for curve in curves if curve is not None and np.isfinite(curve.values).any()]


def _mark(best: Line | None, key: str) -> tuple[float, float] | None:
    return None if best is None else (float(best["step"]), value(best, key))


def _clock(lines: Sequence[Line]) -> tuple[Floats, Floats] | None:
    """Steps and seconds of the evaluations, where both grow."""
    known = [line for line in lines if math.isfinite(value(line, "seconds"))]
    steps, seconds = (np.array([value(line, key) for line in known], np.float64) for key in ("step", "seconds"))
    grows = len(known) and seconds[0] > 0 and (np.diff(seconds) > 0).all() and (np.diff(steps) > 0).all()
    return (steps, seconds) if grows else None
