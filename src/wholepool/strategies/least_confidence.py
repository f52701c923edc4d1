"""Least confidence: the smallest probability of the predicted class (Lewis and Gale 1994)."""

import numpy as np

from wholepool.strategies import Acquisition, Query

TITLE = "Least confidence"
SOURCE = "Lewis and Gale 1994, SIGIR"
COST = "O(n c + n log n); memory O(n c)"
NEEDS = ("probabilities",)


def acquire(query: Query) -> Acquisition:
    """The b unlabeled images of smallest p1, the score; ties: the lower index."""
    candidates = query.unlabeled
    scores = query.probabilities[candidates].max(axis=1).astype(np.float64)
    best = np.argsort(scores, kind="stable")[: query.budget]
    return Acquisition(candidates[best], scores[best])
