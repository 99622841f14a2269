"""Pure functions on logits: which symbols stay in the draw, and how likely. Knows nothing of pitches or
models.

Legend: B pieces, V vocabulary, N symbols so far. Logits are [B, V]; what may not be drawn is -inf. A
row with something to draw keeps something to draw.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from erato.errors import UsageError

ROUNDING = 1e-6  # a set of symbols that reaches p but for rounding has reached it


@dataclass(frozen=True)
class Sampler:
    """How to draw from a distribution; raises UsageError for a value that is not allowed.

    top_k=0, top_p=1, min_p=0, typical_p=1, repetition_penalty=1 and no_repeat=0 mean off. The order is penalty,
    no-repeat, temperature, top-k, top-p, min-p, typical. The penalty looks back on the last `repetition_window` symbols
    (0: on all of them); no_repeat=n lets no n symbols in a row come twice, the prompt's included.
    greedy takes the likeliest symbol, which the settings of drawing do not change. temperatures: one a feature, where
    symbols have several (a note: pitch, step, duration, velocity); `temperature` is for those that it does not name.
    edges: of key states: the probability, before all else, below which a key never sounds, by its distance in keys from
    the nearer end of the keyboard ("edge aversion", PianoNet); keys that are farther away always may.
    """

    temperature: float = 1.0
    temperatures: tuple[float, ...] = ()
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    no_repeat: int = 0
    greedy: bool = False
    edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for value in (self.temperature, *self.temperatures):
            _require("temperature", value, 0 < value < math.inf, "above 0")
        _require("top_k", self.top_k, self.top_k >= 0, "0 (off) or more")
        _require("top_p", self.top_p, 0 < self.top_p <= 1, "in (0, 1]")
        _require("min_p", self.min_p, 0 <= self.min_p < 1, "in [0, 1)")
        _require("typical_p", self.typical_p, 0 < self.typical_p <= 1, "in (0, 1]")
        _require("repetition_penalty", self.repetition_penalty, 0 < self.repetition_penalty < math.inf, "above 0")
        _require("repetition_window", self.repetition_window, self.repetition_window >= 0, "0 (all) or more")
        for value in self.edges:
            _require("edges", value, 0 <= value <= 1, "probabilities from 0 to 1")
        _require("no_repeat", self.no_repeat, self.no_repeat >= 0, "0 (off) or more")

    def heat(self, feature: int) -> float:
        """The temperature of a feature of a symbol, counted from 0."""
        return self.temperatures[feature] if feature < len(self.temperatures) else self.temperature

    @property
    def looks_back(self) -> bool:
        """Whether `filtered` needs the symbols that came before."""
        return self.repetition_penalty != 1 or self.no_repeat > 0


def _require(name: str, value: float, allowed: bool, where: str) -> None:
    if not allowed:
        raise UsageError(f"{name} must be {where}, got {value}")


def edge_thresholds(edges: tuple[float, ...], keys: int) -> npt.NDArray[np.float64]:
    """[K] the probability below which each key never sounds."""
    distance = np.minimum(np.arange(keys), np.arange(keys)[::-1])
    return np.array([edges[d] if d < len(edges) else 0.0 for d in distance])


def filtered(logits: Tensor, sampler: Sampler, so_far: Tensor | None = None, feature: int = 0) -> Tensor:
    """The logits to draw from, [B, V]: the filters of `sampler` in their order.

    so_far: [B, N] the symbols before, at least as many as are looked back on; feature: of the symbol that is drawn, for
    its temperature.
    """
    if so_far is not None and so_far.shape[1]:
        if sampler.repetition_penalty != 1:
            logits = penalise(logits, so_far[:, -sampler.repetition_window :], sampler.repetition_penalty)
        if sampler.no_repeat:
            logits = no_repeat(logits, so_far, sampler.no_repeat)
    if (temperature := sampler.heat(feature)) != 1:
        logits = heat(logits, temperature)
    if sampler.top_k:
        logits = top_k(logits, sampler.top_k)
    if sampler.top_p < 1:
        logits = top_p(logits, sampler.top_p)
    if sampler.min_p > 0:
        logits = min_p(logits, sampler.min_p)
    if sampler.typical_p < 1:
        logits = typical_p(logits, sampler.typical_p)
    return logits


def penalise(logits: Tensor, recent: Tensor, penalty: float) -> Tensor:
    """Makes the symbols of `recent` [B, N] less likely, each once (CTRL, Keskar et al. 2019, section 4.1)."""
    seen = logits.gather(1, recent)
    return logits.scatter(1, recent, torch.where(seen > 0, seen / penalty, seen * penalty))


def no_repeat(logits: Tensor, so_far: Tensor, n: int) -> Tensor:
    """Not the symbols that would end n in a row which stand in `so_far` [B, N] already (Paulus et al. 2018, 2.5).

    Where that would leave nothing to draw, all stays.
    """
    runs = so_far.shape[1] - n + 1
    if runs < 1:
        return logits
    again = torch.ones(len(so_far), runs, dtype=torch.bool, device=so_far.device)  # which runs begin as it goes on now
    for place in range(n - 1):
        again &= so_far[:, place : place + runs] == so_far[:, runs + place, None]
    row, begin = again.nonzero(as_tuple=True)
    left = logits.clone()
    left[row, so_far[row, begin + n - 1]] = -math.inf
    return torch.where((left > -math.inf).any(-1, keepdim=True), left, logits)


def heat(logits: Tensor, temperature: float) -> Tensor:
    """Logits over temperature; the likeliest is moved to 0 first, so that no temperature overflows."""
    return (logits - logits.amax(-1, keepdim=True)) / min(max(temperature, 1e-30), 1e30)


def top_k(logits: Tensor, k: int) -> Tensor:
    """Only the k likeliest symbols."""
    if k >= logits.shape[-1]:
        return logits
    values, index = logits.topk(k)
    return torch.full_like(logits, -math.inf).scatter(-1, index, values)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of likeliest symbols whose probabilities reach p (Holtzman et al. 2020)."""
    return _reaching(logits, *logits.sort(stable=True, dim=-1, descending=True), p)


def typical_p(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of symbols whose probabilities reach p, those first whose surprise is nearest to the
    expected one (locally typical sampling, Meister et al. 2022).
    """
    log_probs = logits.log_softmax(-1)
    entropy = torch.special.entr(log_probs.exp()).sum(-1, keepdim=True)
    index = (-log_probs - entropy).abs().argsort(stable=True, dim=-1)
    return _reaching(logits, logits.gather(-1, index), index, p)


def _reaching(logits: Tensor, ordered: Tensor, index: Tensor, p: float) -> Tensor:
    """Only the first symbols whose probabilities reach p; ordered: the logits in the order `index`, each [B, V]."""
    probabilities = ordered.softmax(-1).double()
    before = probabilities.cumsum(-1) - probabilities
    dropped = before >= p - ROUNDING
    dropped[:, 0] = False
    return logits.masked_fill(torch.zeros_like(dropped).scatter(-1, index, dropped), -math.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Only symbols at least p times as likely as the likeliest (Nguyen et al. 2024)."""
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p) - ROUNDING, -math.inf)
