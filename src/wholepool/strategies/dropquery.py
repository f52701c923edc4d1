"""DropQuery: images whose class changes under dropout, one of each cluster (Gupte et al. 2024)."""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._kmeans import spread

TITLE = "DropQuery"
SOURCE = "Gupte et al. 2024, TMLR"
COST = "O(p n c d + m b d), p passes, m images that change class; memory O(n + m d)"
NEEDS = ("embeddings", "head")
STOCHASTIC = True

BLOCK = 2**22  # numbers drawn at once


def acquire(query: Query) -> Acquisition:
    """The images nearest to the centers of b clusters of those that change; see `spread`.

    An image changes if more than half of `passes` predictions with dropout on its embedding are of
    another class than the one without. Each image has dropout of its own, as the authors'.
    """
    settings = query.options["dropquery"]
    candidates = query.unlabeled
    weights, bias = query.head[:, :-1], query.head[:, -1]
    step = max(1, BLOCK // weights.shape[1])
    changed = np.zeros(len(candidates), dtype=np.int64)
    for start in range(0, len(candidates), step):
        rows = query.embeddings[candidates[start : start + step]]
        plain = (rows @ weights.T + bias).argmax(axis=1)
        for _ in range(settings["passes"]):
            stays = query.rng.random(rows.shape, dtype=np.float32) >= settings["dropout"]
            dropped = (rows * stays) @ (weights.T / np.float32(1 - settings["dropout"])) + bias
            changed[start : start + step] += dropped.argmax(axis=1) != plain
    return spread(query, candidates[changed > settings["passes"] / 2])
