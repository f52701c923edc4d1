"""Unsupervised pre-training (PRE), one module each: what learns from the pool without labels.

A module defines one of two functions, see job/registry.py:

    def pretrain(network, views, classes, settings, rng, report=None, keep=None) -> Pretrained
        trains the network in place. The cycles get its trunk: parameters, batch-norm statistics.
        `settings` are the config's sections that it reads; `report` and `keep` as in loop.fit.

    def features(pool, test, settings, device, report=None) -> (pool, test)
        makes of images, uint8 (n, H, W, C), the features float32 (n, d) that the cycles see in
        their place (GIVES = "features"): those of the pool, and of the test images, of which there
        may be none. What is done to both may follow from the pool's, as their mean.

and, for the cost, how much it does to a pool of n, or the cost says that it does not know:

    def work(n, classes, settings) -> work.Work

SOURCE (the paper) and COST (time and memory) are texts for docs/words.md.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pretrained:
    """`history`, a row per epoch; and the `clusters` that were learned, for diagnosis.

    `clusters` is integer (r, n): the assignment of every image at each of r clusterings, which
    were made at the beginning of the epochs `cluster_epochs`; None where there are none.
    """

    history: list[dict[str, Any]]
    clusters: np.ndarray | None = None
    cluster_epochs: list[int] = field(default_factory=list)
