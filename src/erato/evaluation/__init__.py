"""How good it is: exact likelihoods, and an honest baseline to beat."""

from erato.evaluation.likelihood import Likelihood, likelihoods
from erato.evaluation.ngram import Ngram

__all__ = ["Likelihood", "Ngram", "likelihoods"]
