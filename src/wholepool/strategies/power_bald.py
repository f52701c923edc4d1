"""PowerBALD: images drawn by a power of their mutual information (Kirsch et al. 2023).

The best b by BALD are often alike; a draw spreads them.
"""

import numpy as np

from wholepool.strategies import Acquisition, Query
from wholepool.strategies.bald import information

TITLE = "PowerBALD"
SOURCE = "Kirsch et al. 2023, TMLR"
COST = "O(p n c d + n log n), p passes; memory O(n (c + d))"
NEEDS = ("embeddings", "head")
STOCHASTIC = True

LEAST = 1e-12  # nats: less is nothing, and has a logarithm so


def acquire(query: Query) -> Acquisition:
    """The b unlabeled images of largest beta log(BALD) + Gumbel noise, the score.

    So each is drawn with probability proportional to BALD^beta, without replacement.
    """
    settings = query.options["power_bald"]
    candidates = query.unlabeled
    found = information(query, settings["dropout"], settings["passes"])
    noise = query.rng.gumbel(size=len(candidates))
    scores = settings["beta"] * np.log(np.maximum(found, LEAST)) + noise
    best = np.argsort(-scores, kind="stable")[: query.budget]
    return Acquisition(candidates[best], scores[best])
