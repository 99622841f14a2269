"""Pure functions on logits: which symbols stay in the draw, and how likely. Knows nothing of pitches or
models.

Legend: B pieces, V vocabulary, N symbols looked back on. Logits are [B, V]; what may not be drawn is -inf. A
row with something to draw keeps something to draw.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from erato.errors import UsageError

ROUNDING = 1e-6  # a set of symbols that reaches p but for rounding has reached it


@dataclass(frozen=True)
class Sampler:
    """How to draw from a distribution; raises UsageError for a value that is not allowed.

    top_k=0, top_p=1, min_p=0 and repetition_penalty=1 mean off. The order is penalty, temperature, top-k,
    top-p, min-p. The penalty looks back on the last `repetition_window` symbols (0: on all of them).
    greedy takes the likeliest symbol, which the settings of drawing do not change. temperatures: one a feature, where
    symbols have several (a note: pitch, step, duration, velocity); `temperature` is for those that it does not name.
    """

    temperature: float = 1.0
    temperatures: tuple[float, ...] = ()
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    greedy: bool = False

    def __post_init__(self) -> None:
        for value in (self.temperature, *self.temperatures):
            _require("temperature", value, 0 < value < math.inf, "above 0")
        _require("top_k", self.top_k, self.top_k >= 0, "0 (off) or more")
        _require("top_p", self.top_p, 0 < self.top_p <= 1, "in (0, 1]")
        _require("min_p", self.min_p, 0 <= self.min_p < 1, "in [0, 1)")
        _require("repetition_penalty", self.repetition_penalty, 0 < self.repetition_penalty < math.inf, "above 0")
        _require("repetition_window", self.repetition_window, self.repetition_window >= 0, "0 (all) or more")

    def heat(self, feature: int) -> float:
        """The temperature of a feature of a symbol, counted from 0."""
        return self.temperatures[feature] if feature < len(self.temperatures) else self.temperature

    @property
    def looks_back(self) -> bool:
        """Whether `filtered` needs the symbols that came before."""
        return self.repetition_penalty != 1


def _require(name: str, value: float, allowed: bool, where: str) -> None:
    if not allowed:
        raise UsageError(f"{name} must be {where}, got {value}")


def filtered(logits: Tensor, sampler: Sampler, recent: Tensor | None = None, feature: int = 0) -> Tensor:
    """The logits to draw from, [B, V]: the filters of `sampler` in their order.

    recent: [B, N] symbols that came last; feature: of the symbol that is drawn, for its temperature.
    """
    if sampler.looks_back and recent is not None and recent.shape[1]:
        logits = penalise(logits, recent, sampler.repetition_penalty)
    if (temperature := sampler.heat(feature)) != 1:
        logits = heat(logits, temperature)
    if sampler.top_k:
        logits = top_k(logits, sampler.top_k)
    if sampler.top_p < 1:
        logits = top_p(logits, sampler.top_p)
    if sampler.min_p > 0:
        logits = min_p(logits, sampler.min_p)
    return logits


def penalise(logits: Tensor, recent: Tensor, penalty: float) -> Tensor:
    """Makes the symbols of `recent` [B, N] less likely, each once (CTRL, Keskar et al. 2019, section 4.1)."""
    seen = logits.gather(1, recent)
    return logits.scatter(1, recent, torch.where(seen > 0, seen / penalty, seen * penalty))


def heat(logits: Tensor, temperature: float) -> Tensor:
    """Logits over temperature; the likeliest is moved to 0 first, so that no temperature overflows."""
    return (logits - logits.amax(-1, keepdim=True)) / max(temperature, 1e-30)


def top_k(logits: Tensor, k: int) -> Tensor:
    """Only the k likeliest symbols."""
    if k >= logits.shape[-1]:
        return logits
    values, index = logits.topk(k)
    return torch.full_like(logits, -math.inf).scatter(-1, index, values)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of likeliest symbols whose probabilities reach p (Holtzman et al. 2020)."""
    ordered, index = logits.sort(stable=True, dim=-1, descending=True)
    probabilities = ordered.softmax(-1).double()
    before = probabilities.cumsum(-1) - probabilities
    dropped = before >= p - ROUNDING
    dropped[:, 0] = False
    return logits.masked_fill(torch.zeros_like(dropped).scatter(-1, index, dropped), -math.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Only symbols at least p times as likely as the likeliest (Nguyen et al. 2024)."""
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p) - ROUNDING, -math.inf)
