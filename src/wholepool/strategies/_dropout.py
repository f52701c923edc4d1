"""Dropout on what the classifier reads: predictions of networks that lack some of its inputs.

The head is linear, so one pass is one product, and needs neither the images nor the network. With
frozen features that is all the dropout there is (Gupte et al. 2024). In a network that was trained
with dropout in its trunk too it is a part of it: the uncertainty of the last layer alone, as in
neural-linear models (Riquelme et al. 2018).
"""

from collections.abc import Iterator

import numpy as np

from wholepool.strategies import Query


def softmax(logits: np.ndarray) -> np.ndarray:
    """Class probabilities, float64 (n, c)."""
    found = logits.astype(np.float64)
    found -= found.max(axis=1, keepdims=True)
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found


def networks(query: Query, rate: float, count: int) -> Iterator[np.ndarray]:
    """The probabilities of U's images under `count` networks, float64 (|U|, c) each.

    A network lacks each input of the classifier with probability `rate`; those that stay count
    1 / (1 - rate) times. All images see the same network, as if it were drawn from a posterior
    (consistent dropout: Kirsch et al. 2019): so the images are compared without further noise.
    """
    weights, bias = query.head[:, :-1], query.head[:, -1]
    embeddings = query.embeddings[query.unlabeled]
    for _ in range(count):
        stays = query.rng.random(weights.shape[1]) >= rate
        scale = np.where(stays, np.float32(1 / (1 - rate)), np.float32(0))
        yield softmax(embeddings @ (weights * scale).T + bias)
