"""CoreSet: greedy k-center on the embeddings, (4) (Sener and Savarese 2018; Geifman 2017)."""

import numpy as np

from wholepool.strategies import Acquisition, Query, strategy

#: squared distances below it are rounding: float32 embeddings resolve 1e-7. A copy of a center has
#: distance 0, not one that depends on how a product was summed
RESOLUTION = 1e-14


@strategy("coreset", needs=("embeddings",))
def coreset(query: Query) -> Acquisition:
    """b times the unlabeled image farthest from its nearest labeled or acquired one.

    Distances are Euclidean between l2-normalized embeddings, in float64; the score is the
    distance at the time of the pick. Equal distances go to the lower index. With nothing labeled
    the first pick is the lowest index.
    """
    assert query.embeddings is not None
    embeddings = query.embeddings.astype(np.float64)
    squares = (embeddings**2).sum(axis=1)
    nearest = np.full(query.n, np.inf)  # squared distance to the nearest center
    for block in np.array_split(query.labeled, max(1, len(query.labeled) // 256)):
        if len(block):
            products = embeddings @ embeddings[block].T
            nearest = np.minimum(nearest, (squares[:, None] + squares[block] - 2 * products).min(1))
    picks, scores = [], []
    open_ = np.zeros(query.n, dtype=bool)
    open_[query.unlabeled] = True
    for _ in range(query.budget):
        nearest[nearest < RESOLUTION] = 0
        pick = int(np.where(open_, nearest, -np.inf).argmax())
        picks.append(pick)
        scores.append(np.sqrt(nearest[pick]))
        open_[pick] = False
        distances = squares + squares[pick] - 2 * (embeddings @ embeddings[pick])
        nearest = np.minimum(nearest, distances)
    return Acquisition(np.array(picks), np.array(scores))
