"""How good it is: an honest baseline to beat; what pieces and texts are like, and how far apart.

What needs models, and torch with them, is imported from its own file: `likelihood`, `surprise`.
"""

from erato.evaluation.distances import distances
from erato.evaluation.features import COLUMNS, SCALARS, Features, features, vector
from erato.evaluation.ngram import Ngram
from erato.evaluation.phrases import Statistics, compare, copies, diversity, gap, interval, phrases_of, statistics
from erato.evaluation.repetition import self_similarity
from erato.evaluation.scalars import Scalar, jsonable
from erato.evaluation.text_features import TEXT_COLUMNS, TEXT_SCALARS, text_features, text_vector, words

__all__ = [
    "COLUMNS",
    "SCALARS",
    "TEXT_COLUMNS",
    "TEXT_SCALARS",
    "Features",
    "Ngram",
    "Scalar",
    "Statistics",
    "compare",
    "copies",
    "distances",
    "diversity",
    "features",
    "gap",
    "interval",
    "jsonable",
    "phrases_of",
    "self_similarity",
    "statistics",
    "text_features",
    "text_vector",
    "vector",
    "words",
]
