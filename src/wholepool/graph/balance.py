"""Balance of pseudo-labels: the masses of the classes are scaled to a prior (Sinkhorn 1967).

With few labels, propagation gives some classes far more than their share of the images. So the
probabilities are sharpened, then rows and columns scaled in turn until each class has the mass
that the prior gives it. The prior is over the classes that have a label: uniform, or the shares of
the labels. Where a pool is far from uniform, a uniform prior does harm, so `auto` lets a test of
the labels' counts decide.
"""

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc

#: the power that rows are raised to first: a prior that is not uniform ruins flat ones
SHARPNESS = 5
#: the level of the test of `auto`
LEVEL = 0.05
#: scaling ends at shares this near to the prior, or, as where no scaling reaches it, after ROUNDS
TOLERANCE = 1e-6
ROUNDS = 100
#: the least scale of a class beside the largest's: where none reaches the prior, they drift apart
LEAST = 1e-100


def prior(counts: np.ndarray, balance: str) -> np.ndarray:
    """The share of each class, float64 (c,), that `balance` gives it; 0 without a label.

    `counts` int (c,) are the labels per class, at least one. `balance` is uniform, labels (their
    shares), or auto: uniform unless Pearson's chi-squared test over the classes with a label
    rejects it at LEVEL, else the labels' shares.
    """
    seen = counts > 0
    uniform = seen / seen.sum()
    if balance == "uniform" or (balance == "auto" and uniformity(counts[seen]) >= LEVEL):
        return uniform
    shares: np.ndarray = counts / counts.sum()
    return shares


def uniformity(counts: np.ndarray) -> float:
    """The p-value of Pearson's chi-squared test of counts (c,) against equal ones; 1 if c = 1."""
    if len(counts) == 1:
        return 1.0
    expected = counts.mean()
    return float(chdtrc(len(counts) - 1, ((counts - expected) ** 2 / expected).sum()))


def reachable(shares: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The shares float64 (c,) that a scaling can give; `positive` bool (n, c): what is not 0.

    Where the rows fall into parts that have no class in common (a label among few images that no
    other reaches), no scaling moves mass between the parts. So each part's classes share its rows,
    in the proportions that they have in `shares`. Else two classes that want more rows than their
    part has would drive the scales of all others to nothing.
    """
    both = positive.astype(np.float32)
    count, part = connected_components(both.T @ both > 0, directed=False)
    rows = np.bincount(part[positive.argmax(axis=1)], minlength=count) / len(positive)
    wanted = np.bincount(part, weights=shares, minlength=count)
    found: np.ndarray = shares * (rows / wanted)[part]
    return found


def balanced(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Rows of probabilities float64 (n, c), sharpened and scaled so that their mean is `shares`.

    The scaling is diag(u) P^SHARPNESS diag(v), of all with these row and column sums the nearest
    to P^SHARPNESS in relative entropy. A class of share 0, or of no probability anywhere, gets 0.
    Where the graph falls apart, the shares hold within each part: see `reachable`.
    Each row of `probabilities` (n, c) has a positive number at another one.
    """
    seen = np.flatnonzero((shares > 0) & probabilities.any(axis=0))
    kernel = probabilities[:, seen]
    kernel = (kernel / kernel.max(axis=1, keepdims=True)) ** SHARPNESS
    target = reachable(shares[seen], kernel > 0)
    scale = np.ones(len(seen))
    for _ in range(ROUNDS):
        mass = kernel.T @ (1 / (kernel @ scale)) / len(kernel)
        if np.abs(scale * mass - target).max() <= TOLERANCE:
            break
        scale = target / mass
        scale = np.maximum(scale / scale.max(), LEAST)
    kernel *= scale
    result = np.zeros_like(probabilities)
    result[:, seen] = kernel / kernel.sum(axis=1, keepdims=True)
    return result
