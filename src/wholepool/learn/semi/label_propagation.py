"""Inductive label propagation (Section III; Iscen et al. 2019): the paper's SEMI."""

from wholepool.graph.affinity import normalized_graph
from wholepool.graph.propagation import propagate
from wholepool.learn.semi import PseudoLabels, State

READS = ("semi", "propagation")


def pseudo_label(state: State) -> PseudoLabels:
    """Propagate the labels over the reciprocal kNN graph of the present embeddings."""
    settings = state.options["propagation"]
    classes = state.probabilities.shape[1]
    graph, recall = normalized_graph(state.embeddings, settings, state.device)
    result = propagate(graph, state.labeled, state.labels, classes, settings, state.device)
    report = {
        "neighbor_recall": recall,
        "mean_weight": float(result.weights.mean()),
        "reached": float(result.reached.mean()),
        "residual": result.residual,
    }
    return PseudoLabels(result.labels, result.weights, report)
