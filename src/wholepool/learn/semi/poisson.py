"""Poisson learning in the place of label propagation (Calder et al. 2020): best with a balance."""

from functools import partial

from wholepool.graph.poisson import poisson
from wholepool.graph.propagation import propagate_images
from wholepool.learn.semi import PseudoLabels, State, of_propagated

SOURCE = "Calder et al. 2020, ICML"
COST = (
    "each epoch n images forward, `semi.epoch_share` of them backward too, O(n² d) for the graph "
    "(above 100,000 images fewer pairs: `propagation.search`), O(t n k c) for t iterations; "
    "memory O(n (c + d + k))"
)
READS = ("semi", "propagation")


#: as learn/semi/__init__.py says, see graph/poisson.py
propagated = partial(propagate_images, spread=poisson)


def pseudo_label(state: State) -> PseudoLabels:
    """Spread the labels over the reciprocal kNN graph of the present embeddings."""
    return of_propagated(state, propagated)
