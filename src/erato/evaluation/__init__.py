"""How good it is: exact likelihoods, an honest baseline to beat; what pieces and texts are like, and how far apart."""

from erato.evaluation.distances import distances
from erato.evaluation.features import COLUMNS, SCALARS, Features, features, vector
from erato.evaluation.likelihood import Likelihood, likelihoods
from erato.evaluation.ngram import Ngram
from erato.evaluation.phrases import Statistics, compare, copies, diversity, gap, interval, phrases_of, statistics
from erato.evaluation.repetition import self_similarity
from erato.evaluation.scalars import Scalar, jsonable
from erato.evaluation.surprise import Surprise, surprise
from erato.evaluation.text_features import TEXT_COLUMNS, TEXT_SCALARS, text_features, text_vector, words

__all__ = [
    "COLUMNS",
    "SCALARS",
    "TEXT_COLUMNS",
    "TEXT_SCALARS",
    "Features",
    "Likelihood",
    "Ngram",
    "Scalar",
    "Statistics",
    "Surprise",
    "compare",
    "copies",
    "distances",
    "diversity",
    "features",
    "gap",
    "interval",
    "jsonable",
    "likelihoods",
    "phrases_of",
    "self_similarity",
    "statistics",
    "surprise",
    "text_features",
    "text_vector",
    "vector",
    "words",
]
