"""CoreSet: greedy k-center on the embeddings, (4) (Sener and Savarese 2018; Geifman 2017)."""

import numpy as np

from wholepool.strategies import Acquisition, Query

TITLE = "CoreSet"
SOURCE = "the paper, (4); Sener and Savarese 2018, ICLR"
COST = "O((L + 32 b) n d) at most, O((L + b) n d) where blocks are used up; memory O(n d)"
NEEDS = ("embeddings",)
COLD = True

#: squared distances below it are rounding, and count as 0: float32 embeddings resolve 1e-7
RESOLUTION = 1e-14
BLOCK = 32  # likeliest next picks whose distances are computed at once


def acquire(query: Query) -> Acquisition:
    """b times the unlabeled image farthest from its nearest labeled or acquired one.

    Distances are Euclidean between l2-normalized embeddings, in float64; the score is the
    distance at the time of the pick. Equal distances go to the lower index. With nothing labeled
    the first pick is the lowest index.

    Distances to the nearest center only shrink, so the next picks are likely among the farthest
    images of now. The distances of all images to those are one product, a block, and picks are read
    off while they stay inside it. This is exact.
    """
    embeddings = query.embeddings.astype(np.float64)
    squares = (embeddings**2).sum(axis=1)

    def distances(centers: np.ndarray) -> np.ndarray:
        """Squared distances of all images to some, float64 (len(centers), n)."""
        found = embeddings[centers] @ embeddings.T
        found *= -2
        found += squares
        found += squares[centers, None]
        found[found < RESOLUTION] = 0
        return found

    nearest = np.full(query.n, np.inf)  # squared distance to the nearest center
    for start in range(0, len(query.labeled), BLOCK):
        np.minimum(nearest, distances(query.labeled[start : start + BLOCK]).min(0), out=nearest)
    nearest[query.labeled] = -np.inf  # and of what is acquired: only open images are compared
    block: dict[int, np.ndarray] = {}
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < query.budget:
        pick = int(nearest.argmax())
        if pick not in block:
            farthest = np.argpartition(-nearest, min(BLOCK, query.n - 1))[:BLOCK]
            members = np.union1d(farthest, pick)
            block = dict(zip(members.tolist(), distances(members), strict=True))
        picks.append(pick)
        scores.append(float(np.sqrt(nearest[pick])))
        np.minimum(nearest, block[pick], out=nearest)
        nearest[pick] = -np.inf
    return Acquisition(np.array(picks), np.array(scores))
