"""How sure a vector of class probabilities is: entropy (5) and certainty (10)."""

import numpy as np


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """H of (5), float64 (n,), in nats, for the rows of (n, c); 0 log 0 = 0."""
    p = np.asarray(probabilities, dtype=np.float64)
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)


def certainty(probabilities: np.ndarray) -> np.ndarray:
    """beta of (10), float64 (n,) in [0, 1]: 1 - H(p) / log c, for rows (n, c); 1 if c = 1."""
    classes = probabilities.shape[1]
    if classes == 1:
        return np.ones(len(probabilities))
    return np.clip(1 - entropy(probabilities) / np.log(classes), 0, 1)
