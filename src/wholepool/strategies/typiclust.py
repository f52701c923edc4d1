"""TypiClust: the most typical image of each cluster without labels (Hacohen et al. 2022)."""

from collections.abc import Iterable

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._kmeans import kmeans

TITLE = "TypiClust"
SOURCE = "Hacohen et al. 2022, ICML"
COST = (
    "O(K n d + b m² d), K = min(L + b, `max_clusters`) clusters, m images in the largest; "
    "memory O(n d)"
)
NEEDS = ("embeddings",)
STOCHASTIC = True
COLD = True

SMALLEST = 5  # clusters of so few images or fewer come last: the authors drop them
EPSILON = 1e-5  # the authors' too, so that copies have a finite typicality
TILE = 2**22  # distances held at once


def acquire(query: Query) -> Acquisition:
    """One image of each cluster in turn: the most typical, the score.

    There are min(|L| + b, `max_clusters`) clusters. Those with the fewest labels come first, of
    these the largest, of these the one that holds the lowest index. After the last one it is the
    first one's turn again. Clusters of 5 images or fewer have their turn when all others are used
    up. The typicality of an image is 1 over its mean distance to its min(`neighbors`, m / 2)
    nearest of the cluster's m unlabeled images, 0 if it is alone; equal ones go to the lower index.
    """
    settings = query.options["typiclust"]
    points, k = query.embeddings, len(query.labeled) + query.budget
    assignment, _ = kmeans(points, min(k, settings["max_clusters"]), query.rng)
    members = [np.flatnonzero(assignment == one) for one in np.unique(assignment)]
    labeled = np.zeros(query.n, dtype=bool)
    labeled[query.labeled] = True
    members.sort(key=lambda one: (labeled[one].sum(), -len(one), one[0]))
    large = [one[~labeled[one]] for one in members if len(one) > SMALLEST]
    small = [one[~labeled[one]] for one in members if len(one) <= SMALLEST]
    picks: list[int] = []
    scores: list[float] = []
    for clusters in (large, small):
        for pick, score in in_turn(points, clusters, settings["neighbors"], query.budget):
            if len(picks) == query.budget:
                break
            picks.append(pick)
            scores.append(score)
    return Acquisition(np.array(picks), np.array(scores))


def in_turn(
    points: np.ndarray, clusters: list[np.ndarray], neighbors: int, budget: int
) -> Iterable[tuple[int, float]]:
    """Picks and their typicalities, cluster by cluster, again and again until all are used up."""
    while clusters := [cluster for cluster in clusters if len(cluster)]:
        for number, cluster in enumerate(clusters):
            near = max(1, min(neighbors, len(cluster) // 2))
            found = typicality(points[cluster], near)
            best = int(found.argmax())
            yield int(cluster[best]), float(found[best])
            clusters[number] = np.delete(cluster, best)


def typicality(points: np.ndarray, neighbors: int) -> np.ndarray:
    """1 / (mean distance to the nearest others + 1e-5), float64 (m,); 0 for a single point."""
    m = len(points)
    if m == 1:
        return np.zeros(1)
    squares = np.einsum("nd,nd->n", points, points)
    found = np.empty(m)
    step = max(1, TILE // m)
    for start in range(0, m, step):
        rows = np.arange(start, min(start + step, m))
        apart = squares[rows, None] + squares - 2 * (points[rows] @ points.T)
        apart[np.arange(len(rows)), rows] = np.inf
        near = np.partition(apart, neighbors - 1, axis=1)[:, :neighbors].astype(np.float64)
        found[rows] = 1 / (np.sqrt(near.clip(min=0)).mean(axis=1) + EPSILON)
    return found
