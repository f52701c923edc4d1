"""Lloyd's k-means on whatever device the points live on, for DeepCluster."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: distances held at once, by device: what a CPU has just written is in its cache when read
TILE = {"cpu": 2**19, "cuda": 2**26}


@dataclass(frozen=True)
class Clustering:
    """`assignment` int64 (n,), `centroids` float32 (k, d), `objective` after each iteration.

    The objective is the mean squared distance of a point to its centroid.
    """

    assignment: Tensor
    centroids: Tensor
    objective: list[float]


def kmeans(
    points: Tensor, k: int, iterations: int, rng: np.random.Generator, empty: str = "split"
) -> Clustering:
    """Cluster `points`, float32 (n, d), from k distinct random points, by Lloyd's iterations.

    `empty` says what becomes of a cluster that loses all its points. "split" moves its centroid
    close to that of another, picked with probability proportional to its size less one (as faiss
    does for [5]; here the other centroid stays, so that the objective cannot rise). "keep" leaves
    it where it is. Raises ValueError if there are fewer points than clusters.
    """
    n = len(points)
    if not 1 <= k <= n:
        raise ValueError(f"k-means with k = {k} clusters on {n} points: k must be in [1, n]")
    centroids = points[torch.as_tensor(rng.choice(n, k, replace=False), device=points.device)]
    squares = points.square().sum(dim=1)
    assignment, distances = assign(points, centroids, squares)
    objective = [float(distances.mean())]
    for _ in range(iterations):
        counts = torch.bincount(assignment, minlength=k)
        sums = torch.zeros_like(centroids).index_add_(0, assignment, points)
        filled = counts > 0
        centroids[filled] = sums[filled] / counts[filled, None].to(sums.dtype)
        if empty == "split":
            for hole in torch.nonzero(~filled).ravel().tolist():
                weight = (counts - 1).clamp(min=0).double().cpu().numpy()
                if weight.sum() == 0:
                    break
                donor = int(rng.choice(k, p=weight / weight.sum()))
                signs = torch.as_tensor(rng.choice([-1.0, 1.0], size=centroids.shape[1]))
                centroids[hole] = centroids[donor] * (1 + signs.to(centroids) / 1024)
                counts[hole] = counts[donor] // 2
                counts[donor] -= counts[hole]
        assignment, distances = assign(points, centroids, squares)
        objective.append(float(distances.mean()))
    return Clustering(assignment, centroids, objective)


def assign(
    points: Tensor, centroids: Tensor, squares: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The nearest centroid of each point, int64 (n,), and the squared distance to it, (n,).

    Equal distances go to the lower cluster. `squares` (n,): the points' squared norms, if known.
    """
    if squares is None:
        squares = points.square().sum(dim=1)
    norms = centroids.square().sum(dim=1)
    nearest, distances = [], []
    for tile in points.split(max(1, TILE[points.device.type] // len(centroids))):
        value, index = torch.addmm(norms, tile, centroids.T, alpha=-2).min(dim=1)
        nearest.append(index)
        distances.append(value)
    return torch.cat(nearest), (torch.cat(distances) + squares).clamp(min=0)
