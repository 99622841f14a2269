"""How good it is: exact likelihoods, and an honest baseline to beat."""

from erato.evaluation.likelihood import Likelihood, nats

__all__ = ["Likelihood", "nats"]
