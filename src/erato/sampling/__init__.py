"""Composing: pure functions on distributions, one loop that draws, and one that searches."""

from erato.sampling.autoregressive import sample
from erato.sampling.beam import Beams, Candidate, beam_search
from erato.sampling.drafting import Draft, drafted
from erato.sampling.familiar import Familiar, familiar
from erato.sampling.filters import Sampler, filtered
from erato.sampling.growing import Sampled, Stop
from erato.sampling.latent import Latents
from erato.sampling.original import OriginalCursor, Refused

__all__ = [
    "Beams",
    "Candidate",
    "Draft",
    "Familiar",
    "Latents",
    "OriginalCursor",
    "Refused",
    "Sampled",
    "Sampler",
    "Stop",
    "beam_search",
    "drafted",
    "familiar",
    "filtered",
    "sample",
]
