"""BADGE: images whose gradients are large and unlike each other (Ash et al. 2020)."""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._kmeans import draw

TITLE = "BADGE"
SOURCE = "Ash et al. 2020, ICLR"
COST = "O(b n (c + d)); memory O(n (c + d))"
NEEDS = ("embeddings", "probabilities")
STOCHASTIC = True

#: of the two gradients' squared norms: a squared distance below it is rounding of float32 products
RESOLUTION = 2e-6


def acquire(query: Query) -> Acquisition:
    """b unlabeled images, drawn as k-means++ draws its centers, among the gradients.

    The gradient of an image is that of the classifier's weights under the loss of the predicted
    class: (p - onehot of the predicted class) times the embedding, an outer product of c x d. It is
    never made: its products are products of the two factors. First comes the largest gradient
    (ties: the lower index), then each image with a probability proportional to its squared
    distance to the nearest acquired one, the score; where all are 0 (copies; predictions that are
    certain) all are equally likely. A constant factor of the embedding, as `logit_scale`, changes
    nothing.
    """
    candidates = query.unlabeled
    errors = query.probabilities[candidates].astype(np.float64)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    embeddings = query.embeddings[candidates]
    norms = (errors**2).sum(axis=1) * np.einsum("nd,nd->n", embeddings, embeddings)
    nearest = norms.copy()
    left = np.ones(len(candidates))
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < query.budget:
        if picks:
            pick = draw(nearest if nearest.any() else left, query.rng)
        else:
            pick = int(nearest.argmax())
        picks.append(pick)
        scores.append(nearest[pick])
        products = (errors @ errors[pick]) * (embeddings @ embeddings[pick])
        both = norms + norms[pick]
        apart = both - 2 * products
        apart[apart < RESOLUTION * both] = 0
        nearest = apart if len(picks) == 1 else np.minimum(nearest, apart)
        nearest[picks] = left[pick] = 0
    return Acquisition(candidates[picks], np.array(scores))
