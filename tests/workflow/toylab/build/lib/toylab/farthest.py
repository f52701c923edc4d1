"""Farthest: the images whose embedding is least like the mean of the labeled ones."""

import numpy as np

from wholepool.strategies import Acquisition

TITLE = "Farthest"
NEEDS = ("embeddings",)


def acquire(query):
    """The b unlabeled images of largest distance to the power `power`, which is their score."""
    center = query.embeddings[query.labeled].mean(axis=0)
    distances = np.linalg.norm(query.embeddings[query.unlabeled] - center, axis=1)
    scores = distances ** query.options["farthest"]["power"]
    best = np.argsort(-scores, kind="stable")[: query.budget]
    return Acquisition(query.unlabeled[best], scores[best])
