"""BALD: the largest mutual information of prediction and network (Houlsby et al. 2011).

With dropout as the draw of a network (Gal et al. 2017), on the embedding: see `_dropout`.
"""

import numpy as np

from wholepool.graph.certainty import entropy
from wholepool.strategies import Acquisition, Query
from wholepool.strategies._dropout import networks

TITLE = "BALD"
SOURCE = "Houlsby et al. 2011, arXiv:1112.5745; Gal et al. 2017, ICML"
COST = "O(p n c d + n log n), p passes; memory O(n (c + d))"
NEEDS = ("embeddings", "head")
STOCHASTIC = True


def acquire(query: Query) -> Acquisition:
    """The b unlabeled images of largest mutual information, the score; ties: the lower index."""
    settings = query.options["bald"]
    candidates = query.unlabeled
    scores = information(query, settings["dropout"], settings["passes"])
    best = np.argsort(-scores, kind="stable")[: query.budget]
    return Acquisition(candidates[best], scores[best])


def information(query: Query, rate: float, passes: int) -> np.ndarray:
    """H(mean p) - mean H(p) over the passes, float64 (|U|,), in nats; at least 0.

    Rounding may make it negative where all passes agree; a logarithm of that would be no number.
    """
    total = np.zeros((len(query.unlabeled), len(query.head)))
    own = np.zeros(len(total))
    for probabilities in networks(query, rate, passes):
        total += probabilities
        own += entropy(probabilities)
    found: np.ndarray = np.maximum(entropy(total / passes) - own / passes, 0)
    return found
