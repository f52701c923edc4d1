"""Random graphs for tests of what works on graphs."""

import numpy as np
import twins
from scipy import sparse


def random_graph(seed, sizes=(12, 9, 6), isolated=3, density=0.5, shuffle=True):
    """A normalized adjacency, dense: a random component of each size, and isolated nodes.

    A path through each component holds it together.
    """
    rng = np.random.default_rng(seed)
    n = sum(sizes) + isolated
    w = np.zeros((n, n))
    start = 0
    for size in sizes:
        block = np.triu(rng.random((size, size)) * (rng.random((size, size)) < density), 1)
        for i in range(size - 1):
            block[i, i + 1] = rng.uniform(0.1, 1)
        w[start : start + size, start : start + size] = block + block.T
        start += size
    order = rng.permutation(n) if shuffle else np.arange(n)
    return twins.normalize(w[np.ix_(order, order)])


def csr(dense):
    return sparse.csr_array(dense)
