"""Inductive label propagation (Section III; Iscen et al. 2019): the paper's SEMI."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from wholepool.graph.affinity import Graph
from wholepool.graph.propagation import Propagation, propagate, propagate_images
from wholepool.learn.semi import PseudoLabels, State, of_propagated

SOURCE = "the paper, Section III; Iscen et al. 2019, CVPR"
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
    """Label propagation over the graph of `embeddings` (n, d), see graph/propagation.py."""
    known = labeled, labels
    return propagate_images(embeddings, *known, classes, settings, device, propagate, graph)


def pseudo_label(state: State) -> PseudoLabels:
    """Propagate the labels over the reciprocal kNN graph of the present embeddings."""
    return of_propagated(state, propagated)
