"""Inductive label propagation (Section III; Iscen et al. 2019): the paper's SEMI."""

from functools import partial

from wholepool.graph.propagation import propagate, propagate_images
from wholepool.learn.semi import PseudoLabels, State, of_propagated

SOURCE = "the paper, Section III; Iscen et al. 2019, CVPR"
COST = (
    "each epoch n images forward, `semi.epoch_share` of them backward too, O(n² d) for the graph "
    "(above 100,000 images fewer pairs: `propagation.search`), O(t n k c) for t iterations; "
    "memory O(n (c + d + k))"
)
READS = ("semi", "propagation")


#: as learn/semi/__init__.py says, see graph/propagation.py
propagated = partial(propagate_images, spread=propagate)


def pseudo_label(state: State) -> PseudoLabels:
    """Propagate the labels over the reciprocal kNN graph of the present embeddings."""
    return of_propagated(state, propagated)
