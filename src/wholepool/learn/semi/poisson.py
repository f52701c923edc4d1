"""Poisson learning in the place of label propagation (Calder et al. 2020): best with a balance."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wholepool.graph.affinity import Graph
from wholepool.graph.poisson import poisson
from wholepool.graph.propagation import Propagation, propagate_images
from wholepool.learn.semi import PseudoLabels, State, of_propagated

SOURCE = "Calder et al. 2020, ICML"
COST = (
    "each epoch n images forward, `semi.epoch_share` of them backward too, O(n² d) for the graph "
    "(above 100,000 images fewer pairs: `propagation.search`), O(t n k c) for t iterations; "
    "memory O(n (c + d + k))"
)
READS = ("semi", "propagation")


def propagated(
    embeddings: np.ndarray,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: Mapping[str, Any],
    device: str = "cpu",
    graph: Graph | None = None,
) -> Propagation:
    """Poisson learning on the graph of `embeddings` (n, d), see graph/poisson.py."""
    known = labeled, labels
    return propagate_images(embeddings, *known, classes, settings, device, poisson, graph)


def pseudo_label(state: State) -> PseudoLabels:
    """Spread the labels over the reciprocal kNN graph of the present embeddings."""
    return of_propagated(state, propagated)
