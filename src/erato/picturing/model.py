"""A model in, what is drawn of it out: its parts in the order they are used, their shapes and parameters.

The model reads two symbols, then three (or writes a phrase), and is watched while it does: so what is drawn is what
happens, whatever the kind of model. Knows nothing of how it is drawn. Legend: T symbols of a piece.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from erato.models.base import LatentModel, Model, are_given
from erato.renderers.model_drawing import Part
from erato.representations.base import Space

SHORT, LONG = 2, 3  # symbols that are read; a size that grows with them is one of T
MANY = 6  # parts of one kind, each of its own size, from which on they share a box
_LISTS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)
# What an addition may go through on its way to the end of a part, in the names of autograd.
_PASSING = (
    *("Add", "Alias", "Clone", "ConstantPadNd", "Expand", "FusedRmsNorm", "NativeLayerNorm", "Permute"),
    *("ReshapeAlias", "Slice", "Squeeze", "ToCopy", "Transpose", "UnsafeView", "Unsqueeze", "View"),
)


def parts_of(model: Model, space: Space) -> list[Part]:
    """What the model is made of; the parameters of all parts are those of the model, shared ones counted once."""
    uses, inner = _watched(model, space), list[nn.Module]([model])
    while len(inner) == 1:  # a mere wrapper
        module = inner[0]
        inner = [child for _, child in _members(module)] if not [*module.parameters(recurse=False)] else []
    return _Reader(uses).inside(module, "")


@dataclass
class _Use:
    """How a part was used, the last time: the shapes of what it read and gave, and their places in the graph."""

    order: int  # of the first time
    reads: tuple[int, ...] = ()
    gives: tuple[int, ...] = ()
    sources: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)


Uses = dict[nn.Module, _Use]


def _watched(model: Model, space: Space) -> tuple[Uses, Uses]:
    """How each module was used in two runs of different lengths."""
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():  # the graph says what goes where
            return _run(model, space, SHORT), _run(model, space, LONG)
    finally:
        model.train(was_training)


def _run(model: Model, space: Space, length: int) -> Uses:
    uses: Uses = {}

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        read = [*_tensors(args), *_tensors(kwargs)]
        use = uses.setdefault(module, _Use(len(uses)))
        use.reads = tuple(read[0].shape) if read else ()
        use.sources = [tensor.grad_fn for tensor in read if tensor.grad_fn is not None]

    def after(module: nn.Module, _: Any, given: Any) -> None:
        tensors = list(_tensors(given))
        uses[module].gives = tuple(tensors[0].shape) if tensors else ()
        uses[module].results = [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]

    hooks = [hook for module in model.modules() for hook in (
        module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after))]  # fmt: skip
    try:
        _use(model, space, length)
    finally:
        for hook in hooks:
            hook.remove()
    return uses


def _use(model: Model, space: Space, length: int) -> None:
    """Has the model do what it is for, once."""
    device = next(model.parameters()).device
    if isinstance(model, LatentModel):
        given = torch.full((1, model.space.phrase, model.space.tracks), -1, device=device)
        drawn = {name: torch.zeros(1, *shape, device=device) for name, shape in model.latents.items()}
        rolls = model.generate(drawn, given if model.conditional else None)
        model.critic(rolls, are_given(given) if model.conditional else None)
        return
    x = torch.from_numpy(space.before).to(device).expand(1, length, *space.shape)
    model(x).log_prob(x)


def _tensors(found: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, dict):
        yield from _tensors(list(found.values()))
    elif isinstance(found, (list, tuple)):
        for one in found:
            yield from _tensors(one)


Entry = nn.Module | list[nn.Parameter]  # what is a part: a module, or numbers that belong to none inside another
Row = tuple[Part, Entry]


class _Reader:
    """Makes parts of modules; remembers where each parameter was counted."""

    def __init__(self, uses: tuple[Uses, Uses]) -> None:
        self.short, self.long = uses
        self.counted: dict[nn.Parameter, str] = {}
        self.behind: dict[nn.Module, set[Any]] = {}

    def inside(self, module: nn.Module, path: str) -> list[Part]:
        """The parts of a module in the order they are used; those that are alike and follow on each other as one."""
        rows = []
        for name, entry in self._ordered(module):
            full = f"{path}.{name}" if path else name
            part = self._numbers(name, entry, full) if isinstance(entry, list) else self._part(name, entry, full)
            if part is not None:
                rows.append((part, entry))
        found: list[Part] = []
        before: list[nn.Module] | None = None  # None: none that is used as such
        for group in _alike(self._gathered(rows)):
            modules = [entry for _, entry in group if isinstance(entry, nn.Module) and entry in self.long]
            part = _together([part for part, _ in group], all(self._follows(b, a) for a, b in pairwise(modules)))
            apart = before and modules and not any(self._follows(one, other) for one in modules for other in before)
            found.append(replace(part, follows=bool(found) and not apart))
            before = modules or None
        return found

    def _gathered(self, rows: list[Row]) -> list[Row]:
        """The rows, but those of one list that are equal, and of which none reads another, stand together."""
        found: list[list[Row]] = []
        for part, entry in rows:
            for group in found:
                first, other = group[0]
                listed = _stem(first.name) == _stem(part.name) != part.name
                if listed and _nameless(first) == _nameless(part) and not self._follows(entry, other):
                    group.append((part, entry))
                    break
            else:
                found.append([(part, entry)])
        return [row for group in found for row in group]

    def _ordered(self, module: nn.Module) -> list[tuple[str, Entry]]:
        members = list(_members(module))
        used = sorted((one for one in members if one[1] in self.long), key=lambda one: self.long[one[1]].order)
        own = [(name, [one]) for name, one in module.named_parameters(recurse=False)]
        apart: list[tuple[str, Entry]] = [*own, *(one for one in members if one[1] not in self.long)]
        # What was not used as a part of its own stands before the first part that reads what came of it.
        loose: list[tuple[int, tuple[str, Entry]]] = []
        elsewhere = {parameter for _, one in used for parameter in one.parameters()}
        for name, entry in apart:
            numbers = {*(entry if isinstance(entry, list) else entry.parameters())} - elsewhere
            reading = (at for at, (_, one) in enumerate(used) if numbers & self._leaves(one))
            loose.append((next(reading, len(used)), (name, entry)))
        found: list[tuple[str, Entry]] = []
        for at in range(len(used) + 1):
            for _, (name, entry) in (one for one in loose if one[0] == at):
                if isinstance(entry, list) and found and isinstance(found[-1][1], list):
                    found[-1] = (f"{found[-1][0]}, {name}", [*found[-1][1], *entry])
                else:
                    found.append((name, entry))
            found += used[at : at + 1]
        return found

    def _numbers(self, name: str, parameters: list[nn.Parameter], path: str) -> Part | None:
        shapes = " and ".join(dict.fromkeys(_product(map(str, one.shape)) for one in parameters))
        return Part(name, "numbers of its own", gives=shapes, parameters=self._count(parameters, path))

    def _part(self, name: str, module: nn.Module, path: str) -> Part | None:
        kind, skips = type(module).__name__, self._skips(module)
        if getattr(module, "bidirectional", False):
            kind += ", both ways"
        reads, gives = self._shape(module, "reads"), self._shape(module, "gives")
        if any(True for child in module.children() for _ in child.parameters()):
            inside = self.inside(module, path)
            if len(inside) == 1 and inside[0].count == 1 and not skips:
                return replace(inside[0], name=f"{name}.{inside[0].name}")
            return Part(name, kind, reads, gives, skips=skips, inside=tuple(inside))
        owned = list(module.parameters())
        if not owned and (reads == gives or isinstance(module, _LISTS)):
            return None
        shared = {self.counted[one] for one in owned if one in self.counted}
        note = f"shared with {', '.join(sorted(shared))}" if shared else ""
        return Part(name, kind, reads, gives, self._count(owned, path), skips=skips, note=note)

    def _count(self, parameters: Iterable[nn.Parameter], path: str) -> int:
        total = 0
        for one in parameters:
            total += 0 if one in self.counted else one.numel()
            self.counted.setdefault(one, path)
        return total

    def _shape(self, module: nn.Module, which: str) -> str:
        """The shape of what a module reads or gives, without the batch."""
        if module not in self.short or module not in self.long:
            return ""
        short, long = getattr(self.short[module], which), getattr(self.long[module], which)
        if len(short) != len(long) or not long:
            return ""
        return _product(_size(a, b) for a, b in zip(short, long, strict=True) if (a, b) != (1, 1))

    def _skips(self, module: nn.Module) -> int:
        """How many additions lie between what a module reads and gives where nothing else happens to it."""
        use = self.long.get(module)
        if use is None:
            return 0
        front = [(node, 0) for node in use.results[:1]]
        seen = set()
        while front:
            node, sums = front.pop(0)
            if node in use.sources:
                return sums
            kind = node.name().split("Backward")[0]
            if node in seen or kind not in _PASSING:
                continue
            seen.add(node)
            front += [(other, sums + (kind == "Add")) for other, _ in node.next_functions if other is not None]
        return 0

    def _follows(self, module: Entry, before: Entry) -> bool:
        """Whether a module reads what comes of another."""
        if isinstance(module, list) or isinstance(before, list):
            return False
        use = self.long.get(before)
        return use is not None and any(node in self._behind(module) for node in use.results)

    def _leaves(self, module: nn.Module) -> set[Any]:
        return {node.variable for node in self._behind(module) if hasattr(node, "variable")}

    def _behind(self, module: nn.Module) -> set[Any]:
        """All in the graph that what a module reads was made by."""
        if module not in self.behind:
            front, seen = list(self.long[module].sources) if module in self.long else [], set[Any]()
            while front:
                node = front.pop()
                if node not in seen:
                    seen.add(node)
                    front += [other for other, _ in node.next_functions if other is not None]
            self.behind[module] = seen
        return self.behind[module]


def _members(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules right inside a module; those of a list as if they stood there themselves."""
    for name, child in module.named_children():
        if isinstance(child, _LISTS):
            yield from ((f"{name}.{inner}", one) for inner, one in _members(child))
        else:
            yield name, child


def _alike(rows: list[Row]) -> list[list[Row]]:
    """Rows in groups: neighbours of one list that are equal, or many that are of one kind."""
    found: list[list[Row]] = []
    for _, group in groupby(rows, lambda row: (_stem(row[0].name), row[0].kind)):
        equal = [list(rows) for _, rows in groupby(group, lambda row: _nameless(row[0]))]
        found += [[row for rows in equal for row in rows]] if len(equal) >= MANY else equal
    return found


def _together(parts: list[Part], chained: bool) -> Part:
    """Several parts as one."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return first
    stem, note = _stem(first.name), "one after another" if chained else "side by side"
    if _nameless(first) == _nameless(last):
        return replace(first, name=stem, count=len(parts), note=note)
    each = tuple(part.total for part in parts)
    skips = first.skips if all(part.skips == first.skips for part in parts) else 0
    return Part(stem, first.kind, first.reads, last.gives, count=len(parts), each=each, skips=skips, note=note)


def _nameless(part: Part) -> Part:
    return replace(part, name="")


def _stem(name: str) -> str:
    """The name of a list of which `name` is one; else the name itself."""
    stem, _, number = name.rpartition(".")
    return stem if number.isdigit() else name


def _size(short: int, long: int) -> str:
    """A size that may grow with T, from what it is for two of them."""
    times = (long - short) // (LONG - SHORT)
    fixed = short - times * SHORT
    if not times:
        return f"{short:,}"
    growing = "T" if times == 1 else f"{times:,} T"
    return growing if not fixed else f"{growing} {'+' if fixed > 0 else '−'} {abs(fixed):,}"


def _product(sizes: Iterable[str]) -> str:
    found = list(sizes)
    return " × ".join(f"({size})" if " " in size and len(found) > 1 else size for size in found) or "1"
