"""k-means for strategies: seeded by squared distances, then Lloyd's iterations, all in NumPy.

graph/kmeans.py is DeepCluster's: it starts from random points, and needs torch, whose import takes
longer than most acquisitions. Here centers that do not move may stand beside those that do.
"""

import numpy as np

from wholepool.strategies import Acquisition, Query

#: squared distances of unit rows, as float32 products give them, are rounding below it: copies
RESOLUTION = 2e-6
ITERATIONS = 20  # at most: the 21st moved .5 % of Fashion-MNIST's images or fewer
TRIALS = 3  # more, as scikit-learn's 2 + log k, lowered the objective by no more than .5 %
TILE = 2**22  # distances held at once


def kmeans(
    points: np.ndarray, k: int, rng: np.random.Generator, beside: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of unit rows, float32 (n, d): assignment int64 (n,) and centers float32 (k, d).

    The centers start at points that are drawn one by one, with probability proportional to the
    squared distance to the nearest center so far: of TRIALS drawn, the one that lowers the sum of
    these distances most (Arthur and Vassilvitskii 2007). There are fewer than k where there are
    fewer different points. `beside`, float64 (n,), are squared distances to
    centers that stay where they are: a point as near or nearer to those has no cluster, -1. Equal
    distances go to the lower cluster. A cluster that loses all its points stays where it is, empty.
    """
    squares = np.einsum("nd,nd->n", points, points)
    nearest = np.full(len(points), np.inf) if beside is None else beside.copy()
    chosen: list[int] = []
    while len(chosen) < min(k, len(points)):
        if np.isinf(nearest).all():
            drawn = [int(rng.integers(len(points)))]
        elif nearest.any():
            drawn = [draw(nearest, rng) for _ in range(TRIALS)]
        else:
            break
        apart = snapped(squares[drawn, None] + squares - 2 * (points[drawn] @ points.T))
        np.minimum(apart, nearest, out=apart)
        best = int(apart.sum(axis=1).argmin())
        chosen.append(drawn[best])
        nearest = apart[best]
    centers = points[chosen].copy()
    assignment = assign(points, centers, squares, beside)
    total, sizes = sums(points, assignment, len(centers))
    for _ in range(ITERATIONS if chosen else 0):
        filled = sizes > 0
        centers[filled] = total[filled] / sizes[filled, None]
        before, assignment = assignment, assign(points, centers, squares, beside)
        moved = np.flatnonzero(before != assignment)  # soon few: only they change the sums
        if len(moved) == 0:
            break
        for sign, of in ((-1, before), (1, assignment)):
            part, count = sums(points[moved], of[moved], len(centers))
            total += sign * part
            sizes += sign * count
    return assignment, centers


def draw(weights: np.ndarray, rng: np.random.Generator) -> int:
    """An index, with probability proportional to its weight, float64 (n,), not all 0."""
    steps = np.cumsum(weights)
    found = int(np.searchsorted(steps, rng.random() * steps[-1], side="right"))
    return min(found, int(np.flatnonzero(weights)[-1]))  # rounding may fall off the end


def snapped(squares: np.ndarray) -> np.ndarray:
    """Squared distances, float64, of which those below the resolution are 0."""
    squares = squares.astype(np.float64)
    squares[squares < RESOLUTION] = 0
    return squares


def to_nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Squared distances, float64 (n,), of points to the nearest of some centers; inf if none."""
    nearest = np.full(len(points), np.inf)
    squares = np.einsum("nd,nd->n", points, points)
    step = max(1, TILE // max(1, len(points)))
    for start in range(0, len(centers), step):
        block = centers[start : start + step]
        norms = np.einsum("kd,kd->k", block, block)
        found = (norms[:, None] - 2 * (block @ points.T)).min(axis=0) + squares
        np.minimum(nearest, found, out=nearest)
    return snapped(nearest)


def assign(
    points: np.ndarray, centers: np.ndarray, squares: np.ndarray, beside: np.ndarray | None
) -> np.ndarray:
    """The nearest center of each point, int64 (n,); -1 where `beside` is as near or nearer."""
    nearest = np.full(len(points), -1)
    if len(centers) == 0:
        return nearest
    norms = np.einsum("kd,kd->k", centers, centers)
    step = max(1, TILE // len(centers))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        found = points[rows] @ centers.T
        found *= -2
        found += norms
        nearest[rows] = found.argmin(axis=1)
        if beside is not None:
            least = found.min(axis=1) + squares[rows]
            nearest[rows][beside[rows] <= least] = -1
    return nearest


def sums(points: np.ndarray, assignment: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of each cluster's points, float64 (k, d), and their number, int64 (k,)."""
    order = np.argsort(assignment, kind="stable")
    order = order[np.searchsorted(assignment[order], 0) :]  # those of no cluster come first
    sizes = np.bincount(assignment[order], minlength=k)
    total = np.zeros((k, points.shape[1]))
    filled = np.flatnonzero(sizes)
    starts = (np.cumsum(sizes) - sizes)[filled]
    if len(filled):
        total[filled] = np.add.reduceat(points[order], starts, axis=0)
    return total, sizes


def representatives(
    points: np.ndarray, open_: np.ndarray, centers: np.ndarray, sizes: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray]:
    """`budget` of the images `open_`: to each center the nearest, largest cluster first.

    Returns indices int64 (b,) and their clusters' sizes, float64 (b,). Each image is taken once, so
    that the second of two centers that have the same nearest image gets its next nearest. Equal
    sizes go to the lower cluster, equal distances to the lower index. Where there are fewer centers
    than `budget`, the rest are the lowest indices, of size 0: no other points are different.
    """
    left = np.ones(len(open_), dtype=bool)
    rows = points[open_]
    picks: list[int] = []
    for cluster in np.argsort(-sizes, kind="stable")[:budget].tolist():
        near = rows @ centers[cluster]
        near *= -2
        near += np.einsum("nd,nd->n", rows, rows)
        near[~left] = np.inf
        # the first that rounding cannot tell from the nearest: the two images of a cluster of two
        # are as far from its center
        picks.append(int(np.argmax(near <= near.min() + RESOLUTION)))
        left[picks[-1]] = False
    scores = np.zeros(budget)
    scores[: len(picks)] = np.sort(sizes)[::-1][: len(picks)]
    rest = np.flatnonzero(left)[: budget - len(picks)]
    return open_[np.concatenate([np.array(picks, dtype=np.int64), rest])], scores


def spread(query: Query, candidates: np.ndarray) -> Acquisition:
    """Of some unlabeled images those nearest to the centers of b clusters of theirs.

    The score is the cluster's size. Where there are fewer than b of them, all are taken, and others
    are drawn at random, whose score is 0.
    """
    rows, count = query.embeddings[candidates], min(query.budget, len(candidates))
    assignment, centers = kmeans(rows, count, query.rng)
    sizes = np.bincount(assignment, minlength=len(centers))
    found, scores = representatives(rows, np.arange(len(rows)), centers, sizes, count)
    picks = candidates[found]
    rest = np.setdiff1d(query.unlabeled, candidates)
    drawn = query.rng.choice(rest, query.budget - count, replace=False)
    zeros = np.zeros(len(drawn))
    return Acquisition(np.concatenate([picks, drawn]), np.concatenate([scores, zeros]))
