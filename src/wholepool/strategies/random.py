"""Random: uniform over U, without replacement."""

import numpy as np

from wholepool.strategies import Acquisition, Query

TITLE = "Random"
SOURCE = "the paper"
COST = "O(n)"
VERSION = 2
STOCHASTIC = True
COLD = True


def acquire(query: Query) -> Acquisition:
    """b unlabeled images, all equally likely. The score is 0: no image is preferred."""
    indices = query.rng.choice(query.unlabeled, query.budget, replace=False)
    return Acquisition(indices, np.zeros(query.budget))
