"""How good it is: exact likelihoods, an honest baseline to beat, and what phrases of several tracks are like."""

from erato.evaluation.likelihood import Likelihood, likelihoods
from erato.evaluation.ngram import Ngram
from erato.evaluation.phrases import Statistics, compare, copies, diversity, gap, interval, phrases_of, statistics
from erato.evaluation.surprise import Surprise, surprise

__all__ = [
    "Likelihood",
    "Ngram",
    "Statistics",
    "Surprise",
    "compare",
    "copies",
    "diversity",
    "gap",
    "interval",
    "likelihoods",
    "phrases_of",
    "statistics",
    "surprise",
]
