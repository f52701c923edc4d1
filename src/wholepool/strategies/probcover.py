"""ProbCover: the largest number of images newly covered by a ball (Yehuda et al. 2022)."""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._coverage import TILE, Similarity, greedy
from wholepool.strategies._kmeans import kmeans

TITLE = "ProbCover"
SOURCE = "Yehuda et al. 2022, NeurIPS"
COST = (
    "O((c + 2,000) n d) for the radius, O((n + L) s d), s = min(n, `sample`), then each pick "
    "O(s d) at best and O(n s d) at worst; memory O(n d)"
)
NEEDS = ("embeddings",)
STOCHASTIC = True
COLD = True

SAMPLE = 2000  # images whose balls the radius is found from
#: of a squared radius: the nearest image of another cluster must not come in by rounding
MARGIN = 1e-5


def acquire(query: Query) -> Acquisition:
    """b times the image with the most uncovered images at a distance below the radius.

    The score is their share of the pool. Once all are covered the lowest indices come next. For
    the rest see `greedy`. The radius is `radius`, or by the authors' rule: see `pure_radius`.
    """
    settings = query.options["probcover"]
    squared = settings["radius"] ** 2 if settings["radius"] else pure_radius(query)
    return greedy(query, within(squared), settings["sample"])


def within(squared: float) -> Similarity:
    """1 for squared distances below `squared`, else 0."""

    def similarity(squares: np.ndarray) -> None:
        np.less(squares, squared, out=squares, casting="unsafe")

    return similarity


def pure_radius(query: Query) -> float:
    """The square of the largest radius of which a share `purity` of the balls is pure.

    A ball is pure if all images in it belong to one cluster, of k-means with as many clusters as
    classes. So it is pure up to the distance to the nearest image of another cluster, and the
    radius is a quantile of these distances: exact, where the authors go through a list of radii.
    Of a larger pool, 2,000 balls are looked at, drawn at random.
    """
    points = query.embeddings
    assignment, _ = kmeans(points, max(query.classes, 2), query.rng)
    centers = np.arange(query.n)
    if query.n > SAMPLE:
        centers = query.rng.choice(query.n, SAMPLE, replace=False)
    squares = np.einsum("nd,nd->n", points, points)
    impure = np.empty(len(centers))
    step = max(1, TILE // query.n)
    for start in range(0, len(centers), step):
        block = centers[start : start + step]
        apart = squares[block, None] + squares - 2 * (points[block] @ points.T)
        apart[assignment[block, None] == assignment] = np.inf
        impure[start : start + step] = apart.min(axis=1)
    kept = int(np.ceil(query.options["probcover"]["purity"] * len(centers)))
    largest = float(np.sort(impure)[len(centers) - kept])
    return largest * (1 - MARGIN)
