"""Where acquired images lie among the others: near duplicates in a batch, distance to the labeled.

All in rows of length one, as `wholepool.graph` compares them: the nearest by cosine similarity are
those at the least Euclidean distance, which is at most 2.
"""

from __future__ import annotations

import numpy as np

from wholepool.graph.exact import Tiles, best, to_others

#: neighbors among which a near duplicate is looked for
K = 10
#: images of the pool whose nearest neighbor tells the pool's mean distance
SAMPLE = 1000


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows (n, d), float32, divided by their length; a row of zeros stays, far from all others."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))  # np.linalg.norm would copy the pool
    lengths[lengths == 0] = 1
    return rows / lengths[:, None]


def nearest(rows: np.ndarray, which: np.ndarray, k: int) -> np.ndarray:
    """The k nearest other rows, int64 (m, k), of the rows `which` (m,) of `unit` rows (n, d).

    Nearest first, equal ones by their number. k is below n.
    """
    import torch

    table = torch.as_tensor(rows)
    found = [np.empty((0, k), dtype=np.int64)]
    for _, tile in to_others(table, which, Tiles(table)):
        found.append(best(tile, k)[1].numpy())
    return np.concatenate(found)


def typical(rows: np.ndarray) -> float:
    """The mean distance of an image to its nearest neighbor, over the pool or SAMPLE of it."""
    n = len(rows)
    if n < 2:
        return float("nan")
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, SAMPLE), replace=False))
    return float(np.linalg.norm(rows[sample] - rows[nearest(rows, sample, 1)[:, 0]], axis=1).mean())


def near_duplicates(neighbors: np.ndarray, index: np.ndarray, cycle: np.ndarray, n: int) -> float:
    """The share of a batch's images with another of the batch, or one labeled before, among K.

    `index` (m,) and `cycle` (m,) are a trajectory's labeled set, cycle 0 the initial one;
    `neighbors` (m, K) are the nearest images of each. The mean over its batches, 0 to 1; NaN
    without a batch.
    """
    since = np.full(n, np.iinfo(np.int64).max)  # never labeled
    since[index] = cycle
    close = (since[neighbors] <= cycle[:, None]).any(axis=1)
    batches = np.unique(cycle[cycle > 0])
    return _mean([close[cycle == batch].mean() for batch in batches])


def distance(rows: np.ndarray, index: np.ndarray, cycle: np.ndarray) -> float:
    """The mean distance of a batch's images to the nearest image labeled before the batch.

    `rows` are `unit` rows of the pool; the rest as `near_duplicates`. The mean over the batches.
    """
    found = []
    for batch in np.unique(cycle[cycle > 0]):
        own, before = rows[index[cycle == batch]], rows[index[cycle < batch]]
        if len(before):
            place = (own @ before.T).argmax(axis=1)
            found.append(np.linalg.norm(own - before[place], axis=1).mean())
    return _mean(found)


def _mean(values: list[np.floating]) -> float:
    return float(np.mean(values)) if values else float("nan")
