"""Cluster-Margin: images of small margin, cluster by cluster (Citovsky et al. 2021)."""

from collections.abc import Iterator

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._kmeans import kmeans
from wholepool.strategies.margin import margin

TITLE = "Cluster-Margin"
SOURCE = "Citovsky et al. 2021, NeurIPS"
COST = (
    "O(n c + n² d), above 4,000 images O(n c + 4,000 n d + n² d / 2,000); memory O(n (c + d) "
    "+ m²), m = min(n, 4,000)"
)
NEEDS = ("embeddings", "probabilities")
STOCHASTIC = True

LARGEST = 4000  # images whose distances are held at once: 128 MB


def acquire(query: Query) -> Acquisition:
    """b of the `ratio` * b images of smallest margin, cluster by cluster; the score is the margin.

    The cluster with the fewest of these images comes first, of equal ones that with the lowest
    index. Each in turn gives one of them, drawn at random, until it has no more. The clusters are
    the pool's, `size` images on average: see `clusters`. Equal margins go to the lower index.
    """
    settings = query.options["cluster_margin"]
    candidates = query.unlabeled
    margins = margin(query.probabilities[candidates])
    wanted = max(query.budget, round(settings["ratio"] * query.budget))
    smallest = np.argsort(margins, kind="stable")[:wanted]
    of = clusters(query, settings["size"])[candidates[smallest]]
    members = [np.sort(smallest[of == one]) for one in np.unique(of)]
    members.sort(key=lambda one: (len(one), one[0]))
    picks: list[int] = []
    while len(picks) < query.budget:
        for number, cluster in enumerate(members[: query.budget - len(picks)]):
            drawn = int(query.rng.integers(len(cluster)))
            picks.append(int(cluster[drawn]))
            members[number] = np.delete(cluster, drawn)
        members = [cluster for cluster in members if len(cluster)]
    return Acquisition(candidates[picks], margins[picks])


def clusters(query: Query, size: int) -> np.ndarray:
    """The cluster of each image of the pool, int64 (n,), by average linkage of cosine distances.

    Merging stops when clusters hold `size` images on average. A pool above 4,000 images is parted
    first, as the authors part theirs, here by k-means: all distances of all images would not fit.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    found = np.empty(query.n, dtype=np.int64)
    made = 0
    for part in parts(query, np.arange(query.n)):
        count = max(1, len(part) // size)
        own = np.zeros(len(part), dtype=np.int64)
        if count > 1:
            rows = query.embeddings[part].astype(np.float64)
            apart = (1 - rows @ rows.T)[np.triu_indices(len(part), 1)]
            np.maximum(apart, 0, out=apart)  # of copies, by rounding: SciPy takes no negative one
            own = fcluster(linkage(apart, "average"), count, "maxclust").astype(np.int64) - 1
        found[part] = made + own
        made += int(own.max()) + 1
    return found


def parts(query: Query, images: np.ndarray) -> Iterator[np.ndarray]:
    """The pool in parts of at most LARGEST images, each parted again while it is larger."""
    if len(images) <= LARGEST:
        yield images
        return
    pieces = -(-2 * len(images) // LARGEST)
    assignment, _ = kmeans(query.embeddings[images], pieces, query.rng)
    if assignment.max() == assignment.min():  # copies of one image
        yield from np.array_split(images, pieces)
        return
    for one in np.unique(assignment):
        yield from parts(query, images[assignment == one])
