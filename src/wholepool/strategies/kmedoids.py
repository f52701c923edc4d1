"""k-medoids: images that stand for the clusters of what no label stands for.

The batch that minimizes the pool's squared distances to the nearest labeled or acquired image
(Kaufman and Rousseeuw 1987; a special case of generalized coverage, Bae et al. 2024).
"""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._kmeans import kmeans, representatives, to_nearest

TITLE = "k-medoids"
SOURCE = "Kaufman and Rousseeuw 1987"
COST = "O((L + b) n d); memory O(n d)"
NEEDS = ("embeddings",)
STOCHASTIC = True
COLD = True


def acquire(query: Query) -> Acquisition:
    """The unlabeled image nearest to each of b centers; the score is its cluster's size.

    The centers are k-means', beside the labeled images, which are centers that stay where they
    are. In a cluster the image nearest to the mean is the medoid of squared distances. Largest
    cluster first; for ties, and for fewer different images than b, see `representatives`.
    """
    points = query.embeddings
    beside = to_nearest(points, points[query.labeled]) if len(query.labeled) else None
    assignment, centers = kmeans(points, query.budget, query.rng, beside)
    sizes = np.bincount(assignment[assignment >= 0], minlength=len(centers))
    found = representatives(points, query.unlabeled, centers, sizes, query.budget)
    return Acquisition(*found)
