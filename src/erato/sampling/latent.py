"""The numbers that whole phrases are written from: seeds in, latents out, and those that fit to tracks that are given.

Knows nothing of pitches or of pieces. Legend: N phrases, T symbols of one.
"""

import errno
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from erato.config import lookup
from erato.datasets import generator
from erato.errors import UsageError
from erato.files import replacing
from erato.models.base import LatentModel, are_given

KEPT = ("style", "groove")  # what is the same in all phrases of a piece
MOST_SEED = 2**63
_PARTS = 1 << 63  # the first stream of the latents; those of training are below

Seeds = int | Sequence[int | None] | None
Shapes = Mapping[str, tuple[int, ...]]


class Latents(Mapping[str, Tensor]):
    """The latents of N phrases by part, each float32 [N, *shape]; immutable, a mapping from names to tensors.

    A part of shape (size,) is one vector, a part of shape (tracks, size) one for each track.
    """

    def __init__(self, parts: Mapping[str, Tensor]) -> None:
        """Copies `parts`; UsageError where they are not float numbers of as many phrases each, all of them finite."""
        self._parts = {name: part.detach().to(torch.float32, copy=True) for name, part in parts.items()}
        if not self._parts:
            raise UsageError("latents have at least one part, got none.")
        for name, part in self._parts.items():
            if part.ndim < 2 or len(part) != self.phrases or not part.numel():
                said = ", ".join(f"{name} {tuple(part.shape)}" for name, part in self._parts.items())
                raise UsageError(f"every part of latents must be [phrases, *shape] with equal phrases, got {said}.")
            if not bool(torch.isfinite(part).all()):
                raise UsageError(f"latents must be finite numbers: those of {name} are not.")

    @classmethod
    def draw(
        cls,
        shapes: Shapes,
        n: int,
        seed: int,
        seeds: Mapping[str, Seeds] | None = None,
        kept: Sequence[str] = KEPT,
    ) -> "Latents":
        """The latents of `n` phrases as training draws them, from the standard normal distribution.

        Every part, and every track of a part that has tracks, has a stream of random numbers of its own, so that one
        that is drawn from another seed changes no other, and phrase i is the same however many there are. seeds: by
        part, instead of `seed`: one for the whole part or, where it has tracks, one a track (None: `seed`). kept: parts
        drawn once and the same in all phrases, as style and groove are in a piece; none of them for phrases that have
        nothing to do with each other. The same numbers on every machine. Raises UsageError for seeds that do not fit.
        """
        seeds = dict(seeds or {})
        for name in seeds:
            lookup("part of the latents", name, shapes)
        if n < 1:
            raise UsageError(f"there must be at least 1 phrase to draw latents for, got {n}.")
        parts = {}
        for name, shape in shapes.items():
            tracks = shape[0] if len(shape) > 1 else 1
            drawn = [
                _normal(name, track, n if name not in kept else 1, shape[-1], one)
                for track, one in enumerate(_seeds(name, seeds.get(name), tracks, len(shape) > 1, seed))
            ]
            numbers = np.stack(drawn, 1).reshape(-1, *shape)  # [n or 1, *shape]
            parts[name] = torch.from_numpy(numbers).expand(n, *shape)
        return cls(parts)

    @property
    def phrases(self) -> int:
        """N."""
        return len(next(iter(self._parts.values())))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each part of one phrase."""
        return {name: tuple(part.shape[1:]) for name, part in self._parts.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._parts[name].clone()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"Latents({self.phrases} phrases of {said})"

    def __eq__(self, other: object) -> bool:
        """Whether all numbers are equal."""
        if not isinstance(other, Latents):
            return NotImplemented
        return self.keys() == other.keys() and all(torch.equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]  # tensors have no hash that follows their numbers

    def __add__(self, other: "Latents") -> "Latents":
        return self._with(other, torch.add)

    def __sub__(self, other: "Latents") -> "Latents":
        return self._with(other, torch.sub)

    def __mul__(self, factor: float) -> "Latents":
        return Latents({name: part * factor for name, part in self.items()})

    __rmul__ = __mul__

    def slerp(self, other: "Latents", t: float) -> "Latents":
        """The latents a share `t` of the way to `other`, vector by vector on the sphere: these at 0, `other` at 1.

        The directions go along the great circle, the norms evenly; so what lies between is as long as what is drawn
        from a normal distribution, which the straight way is not. Opposite vectors go round by the axis that is
        farthest from them. (Shoemake, Animating rotation with quaternion curves, 1985.)
        """
        return self._with(other, lambda a, b: _slerp(a, b, t))

    def replace(self, **parts: Tensor) -> "Latents":
        """These latents with other numbers, [N, *shape] or [*shape] for every phrase, for some parts."""
        new = dict(self)
        for name, given in parts.items():
            part = torch.as_tensor(given)
            shape = lookup("part of the latents", name, self._parts).shape
            if tuple(part.shape) not in (tuple(shape), tuple(shape[1:])):
                raise UsageError(f"the part {name} is of shape {tuple(shape)}, got {tuple(part.shape)}.")
            new[name] = part.expand(shape)
        return Latents(new)

    def take(self, rows: Sequence[int]) -> "Latents":
        """The phrases `rows`, reordered or copied."""
        return Latents({name: part[list(rows)] for name, part in self.items()})

    @staticmethod
    def concatenate(several: "Sequence[Latents]") -> "Latents":
        """The phrases of several latents, one after another; UsageError where their parts differ."""
        if not several:
            raise UsageError("latents to put one after another must be at least one, got none.")
        for one in several:
            several[0]._refuse_other(one.shapes)
        return Latents({name: torch.cat([one[name] for one in several]) for name in several[0]})

    def save(self, path: str | Path) -> Path:
        """Writes the latents to `path` as safetensors, whole or not at all; overwrites."""
        path = Path(path)
        with replacing(path) as temporary:
            try:
                save_file({name: part.cpu().contiguous() for name, part in self.items()}, temporary)
            except SafetensorError as error:  # how it says that the disk is full
                raise OSError(errno.EIO, str(error), str(path)) from None
        return path

    @classmethod
    def load(cls, path: str | Path, shapes: Shapes | None = None) -> "Latents":
        """The latents that `save` wrote; UsageError where the file is none of these, or of other parts than `shapes`.

        shapes: those of the model that they are for, as `model.latents`.
        """
        path = Path(path)
        if not path.is_file():
            raise UsageError(f"there is no file {str(path)!r}: give one that Latents.save wrote.")
        try:
            found = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise UsageError(f"{path} is not a file of latents ({str(error)[:80]}): give one that was saved.") from None
        if any(part.dtype != torch.float32 for part in found.values()):
            raise UsageError(f"{path} is not a file of latents, which are float32 numbers: give one that was saved.")
        try:
            latents = cls({name: found[name] for name in (shapes or {}) if name in found} | found)
            if shapes is not None:
                latents._refuse_other(shapes)
        except UsageError as error:
            raise UsageError(f"{path} does not fit: {error}") from None
        return latents

    def _with(self, other: "Latents", change: Callable[[Tensor, Tensor], Tensor]) -> "Latents":
        """Part by part, of as many phrases; one phrase goes with each."""
        if not isinstance(other, Latents):
            raise UsageError(f"latents go together with latents, got {type(other).__name__}.")
        self._refuse_other(other.shapes)
        if self.phrases != other.phrases and 1 not in (self.phrases, other.phrases):
            raise UsageError(f"latents of {self.phrases} and of {other.phrases} phrases do not go together.")
        n = max(self.phrases, other.phrases)
        pairs = {name: (part.expand(n, *part.shape[1:]), other[name]) for name, part in self.items()}
        return Latents({name: change(a, b.expand_as(a)) for name, (a, b) in pairs.items()})

    def _refuse_other(self, shapes: Shapes) -> None:
        if self.shapes != {name: tuple(shape) for name, shape in shapes.items()}:
            said = [", ".join(f"{name} {tuple(shape)}" for name, shape in one.items()) for one in (shapes, self.shapes)]
            raise UsageError(f"latents of other parts do not go together: {said[0]}, and {said[1]}.")


def _seeds(name: str, given: Seeds, tracks: int, has_tracks: bool, seed: int) -> list[int]:
    """A seed a track, [tracks]."""
    found = [given] * tracks if given is None or isinstance(given, int) else list(given)
    if len(found) == 1:
        found *= tracks
    if len(found) != tracks:
        allowed = f"one seed, or {tracks}, one a track" if has_tracks else "one seed"
        raise UsageError(f"{name} takes {allowed}, got {len(found)}.")
    chosen = [seed if one is None else one for one in found]
    for one in chosen:
        if not isinstance(one, (int, np.integer)) or not 0 <= one < MOST_SEED:
            raise UsageError(f"a seed must be a whole number from 0 to 2^63 - 1, got {one} for {name}.")
    return chosen


def _normal(name: str, track: int, n: int, size: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[n, size] normal numbers of a track: drawn as doubles, so that rounding hides what machines differ in."""
    stream = _PARTS + (zlib.crc32(name.encode()) << 16) + track
    return generator(seed, stream).standard_normal((n, size)).astype(np.float32)


def _slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The spherical interpolation of the vectors [..., size] of two tensors, in double precision."""
    if t in (0, 1):  # exactly, whatever rounding makes of it
        return b if t else a
    x, y = a.double(), b.double()
    norms = x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)
    x, y = torch.where(norms[0] > 0, x, y), torch.where(norms[1] > 0, y, x)  # nought has every direction
    x, y = (one / one.norm(dim=-1, keepdim=True).clamp(min=1e-300) for one in (x, y))
    cosine = (x * y).sum(-1, keepdim=True)
    across = y - cosine * x  # the part of y that is at right angles to x
    sine = across.norm(dim=-1, keepdim=True)
    axis = torch.zeros_like(x).scatter(-1, x.abs().argmin(-1, keepdim=True), 1.0)
    other = axis - (axis * x).sum(-1, keepdim=True) * x
    parallel = sine < 1e-9
    across = torch.where(parallel, other / other.norm(dim=-1, keepdim=True).clamp(min=1e-300), across / sine)
    angle = torch.where(parallel, torch.where(cosine < 0, math.pi, 0.0), torch.atan2(sine, cosine))
    direction = (t * angle).cos() * x + (t * angle).sin() * across
    found: Tensor = ((1 - t) * norms[0] + t * norms[1]) * direction
    return found.float()


def best_of(model: LatentModel, given: Tensor, latents: Latents) -> Tensor:
    """[N, T, tracks] phrases with tracks written to those `given`: of as many draws each, what the critic likes best.

    given: [N, T, tracks] symbols, -1 where something is to be written; latents: the draws of the first phrase, of the
    second, and so on.
    """
    draws = latents.phrases // len(given)
    found = []
    for number, phrase in enumerate(given):
        rows = range(number * draws, (number + 1) * draws)
        with torch.no_grad():
            asked = phrase.expand(draws, -1, -1)
            written = model.write(_on(latents.take(rows), given.device), asked)
            found.append(written[int(model.judge(written, are_given(asked)).argmax())])
    return torch.stack(found)


def _on(latents: Latents, device: torch.device) -> dict[str, Tensor]:
    return {name: part.to(device) for name, part in latents.items()}
