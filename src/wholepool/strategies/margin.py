"""Margin: the smallest gap between the two most probable classes (Scheffer et al. 2001)."""

import numpy as np

from wholepool.strategies import Acquisition, Query

TITLE = "Margin"
SOURCE = "Scheffer et al. 2001, IDA"
COST = "O(n c + n log n); memory O(n c)"
NEEDS = ("probabilities",)


def acquire(query: Query) -> Acquisition:
    """The b unlabeled images of smallest margin p1 - p2, the score; ties: the lower index."""
    candidates = query.unlabeled
    scores = margin(query.probabilities[candidates])
    best = np.argsort(scores, kind="stable")[: query.budget]
    return Acquisition(candidates[best], scores[best])


def margin(probabilities: np.ndarray) -> np.ndarray:
    """p1 - p2, float64 (n,), of the rows of (n, c); 1 where there is but one class."""
    if probabilities.shape[1] == 1:
        return np.ones(len(probabilities))
    top = np.partition(probabilities.astype(np.float64), -2, axis=1)
    gap: np.ndarray = top[:, -1] - top[:, -2]
    return gap
