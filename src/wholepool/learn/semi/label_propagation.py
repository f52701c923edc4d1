"""Inductive label propagation (Section III; Iscen et al. 2019): the paper's SEMI."""

from wholepool.graph.propagation import propagate_images
from wholepool.learn.semi import PseudoLabels, State

SOURCE = "the paper, Section III; Iscen et al. 2019, CVPR"
COST = (
    "each epoch n images forward, `semi.epoch_share` of them backward too, O(n² d) for the graph "
    "(above 100,000 images fewer pairs: `propagation.search`), O(t n k c) for t iterations; "
    "memory O(n (c + d + k))"
)
READS = ("semi", "propagation")


def pseudo_label(state: State) -> PseudoLabels:
    """Propagate the labels over the reciprocal kNN graph of the present embeddings."""
    settings = state.options["propagation"]
    classes = state.probabilities.shape[1]
    known = state.labeled, state.labels
    result = propagate_images(
        state.embeddings, *known, classes, settings, state.device, state.graph
    )
    report = {
        "neighbor_recall": result.recall,
        "mean_weight": float(result.weights.mean()),
        "reached": float(result.reached.mean()),
        "residual": result.residual,
    }
    return PseudoLabels(result.labels, result.weights, report)
