"""ALFA-Mix: images that a mixture with a class's mean gives another class (Parvaneh et al. 2022).

Of each cluster of these, one.
"""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies._dropout import softmax
from wholepool.strategies._kmeans import spread

TITLE = "ALFA-Mix"
SOURCE = "Parvaneh et al. 2022, CVPR"
COST = "O(n c (c + d) + m b d), m images that change class; memory O(n (c + d))"
NEEDS = ("embeddings", "head", "answers")
STOCHASTIC = True


def acquire(query: Query) -> Acquisition:
    """The images nearest to the centers of b clusters of those that change class; see `spread`."""
    candidates = query.unlabeled
    epsilon = query.options["alfamix"]["epsilon"] / np.sqrt(query.embeddings.shape[1])
    return spread(query, candidates[changes(query, candidates, epsilon)])


def changes(query: Query, candidates: np.ndarray, epsilon: float) -> np.ndarray:
    """Whether each image changes class when it is mixed with the mean of any class, bool (m,).

    A mixture is alpha * mean + (1 - alpha) * embedding, dimension by dimension. Of all alphas of
    norm `epsilon` or less, the one that raises the loss of the predicted class the most moves the
    embedding by epsilon * |mean - embedding| along the loss's gradient: the authors' closed form.
    The classifier is linear, so the logits move along a line too, and no mixture is made. The
    classes are those that have a label; a gradient of 0 moves nothing.
    """
    weights, bias = query.head[:, :-1].astype(np.float64), query.head[:, -1]
    embeddings = query.embeddings[candidates]
    logits = embeddings @ query.head[:, :-1].T.astype(np.float64) + bias
    predicted = logits.argmax(axis=1)
    errors = softmax(logits)
    errors[np.arange(len(errors)), predicted] -= 1
    along = errors @ (weights @ weights.T)
    norms = np.sqrt(np.maximum((errors * along).sum(axis=1), 0))
    along /= np.where(norms > 0, norms, 1)[:, None]
    changed = np.zeros(len(candidates), dtype=bool)
    for one in np.unique(query.answers):
        mean = query.embeddings[query.labeled[query.answers == one]].mean(axis=0)
        away = np.linalg.norm(embeddings - mean, axis=1)
        changed |= (logits + epsilon * away[:, None] * along).argmax(axis=1) != predicted
    return changed
