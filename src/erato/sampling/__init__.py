"""Composing: pure functions on distributions, and one loop."""

from erato.sampling.autoregressive import Sampled, Stop, sample
from erato.sampling.filters import Sampler, filtered

__all__ = ["Sampled", "Sampler", "Stop", "filtered", "sample"]
