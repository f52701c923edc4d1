"""Uncertainty: the largest entropy of the classifier's prediction, (6)."""

import numpy as np

from wholepool.graph.certainty import entropy
from wholepool.strategies import Acquisition, Query

TITLE = "Uncertainty"
SOURCE = "the paper, (6)"
COST = "O(n c + n log n); memory O(n c)"
NEEDS = ("probabilities",)


def acquire(query: Query) -> Acquisition:
    """The b unlabeled images of largest entropy (5), the score, in nats; ties: the lower index."""
    candidates = query.unlabeled
    scores = entropy(query.probabilities[candidates])
    best = np.argsort(-scores, kind="stable")[: query.budget]
    return Acquisition(candidates[best], scores[best])
