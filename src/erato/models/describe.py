"""What a model is made of, as text: shapes, parameters, how far it sees. Knows nothing of training."""

from torch import nn

from erato.models.base import LatentModel, Model, SequenceModel
from erato.representations.base import Space


def describe(model: Model, space: Space) -> str:
    """The text of model.txt: what it reads, context, each parameter tensor (shared ones once) and the layers."""
    rows = [("parameter", "shape", "numbers")]
    rows += [(name, " × ".join(map(str, p.shape)), f"{p.numel():,}") for name, p in model.named_parameters()]
    rows.append(("total", "", f"{count_parameters(model):,}"))
    left, middle, right = (max(len(row[i]) for row in rows) for i in range(3))
    lines = [f"{name:<{left}}  {shape:<{middle}}  {count:>{right}}" for name, shape, count in rows]
    rule = "-" * len(lines[0])
    return "\n".join(
        [
            type(model).__name__,
            f"  reads    {space}",
            f"  {'writes ' if isinstance(model, LatentModel) else 'context'}  {reach(model)}",
            *([f"  {said}"] if (said := model.summary(space)) else []),
            "",
            lines[0],
            rule,
            *lines[1:-1],
            rule,
            lines[-1],
            "",
            repr(model),
            "",
        ]
    )


def reach(model: Model) -> str:
    """How far a model sees; of one that writes whole phrases, how long these are, and from what."""
    if isinstance(model, LatentModel):
        return f"phrases of {model.space.bars} bars from " + ", ".join(
            f"{name} {' × '.join(map(str, shape))}" for name, shape in model.latents.items()
        )
    context = model.context if isinstance(model, SequenceModel) else None
    return "unlimited (a recurrent state)" if context is None else f"{context:,} symbols"


def count_parameters(model: nn.Module) -> int:
    """How many numbers are trained; tensors that are shared count once."""
    return sum(parameter.numel() for parameter in model.parameters())
