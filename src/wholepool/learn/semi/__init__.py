"""Semi-supervised learning (SEMI), one module each: what trains on the whole pool after SUP.

A module defines one of two functions, see job/registry.py:

    def pseudo_label(state: State) -> PseudoLabels   gives pseudo-labels before each epoch; training
                                                     on them is training.PseudoLabeled
    def phase(context: Context) -> Phase             its own views, batches, loss and teacher, as
                                                     learn/loop.py asks for them

One that propagates the labels over a graph reads the section propagation, and defines

    def propagated(embeddings, labeled, labels, classes, settings, device="cpu", graph=None)
        -> Propagation

from which `of_propagated` makes its pseudo-labels. The stage propagate measures it by that, one
that does not define it by label propagation's. A `graph` that is given is that of the embeddings.

and, with a phase, how much it does with `labels` = |L|, or the cost says that it does not know:

    def work(n, labels, settings) -> work.Work

SOURCE (the paper) and COST (time and memory) are texts for docs/words.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from wholepool.graph.affinity import Graph
    from wholepool.graph.propagation import Propagation
    from wholepool.learn.networks import TorchNetwork
    from wholepool.learn.views import Views


@dataclass(frozen=True)
class Context:
    """What a phase of training has. It never holds a hidden label.

    The labeled set is `labeled` int64 (|L|,) with its `labels` int (|L|,), of `classes` classes;
    `settings` are the config's sections sup, optimizer, those in READS and the SEMI's own.
    """

    network: "TorchNetwork"
    views: "Views"
    labeled: np.ndarray
    labels: np.ndarray
    classes: int
    settings: Mapping[str, Any]
    rng: np.random.Generator
    device: "torch.device"


@dataclass(frozen=True)
class State:
    """What gives pseudo-labels may see before an epoch. It never holds a hidden label.

    `embeddings` float32 (n, d), l2-normalized; `probabilities` float32 (n, c); the labeled set
    `labeled` int64 (|L|,) with its `labels` int (|L|,); the config's sections, as in Context; the
    `graph` of the embeddings, where one is made already.
    """

    embeddings: np.ndarray
    probabilities: np.ndarray
    labeled: np.ndarray
    labels: np.ndarray
    options: Mapping[str, Any]
    device: str = "cpu"
    graph: "Graph | None" = None


@dataclass(frozen=True)
class PseudoLabels:
    """`labels` int32 (n,) and certainty `weights` float32 (n,) in [0, 1] of all images.

    `report` is what the training log says of them.
    """

    labels: np.ndarray
    weights: np.ndarray
    report: dict[str, float]


def of_propagated(state: State, propagated: "Callable[..., Propagation]") -> PseudoLabels:
    """The pseudo-labels that a SEMI's `propagated` gives, and what it reports of them."""
    classes = state.probabilities.shape[1]
    how = state.options["propagation"], state.device
    known = state.labeled, state.labels
    result = propagated(state.embeddings, *known, classes, *how, graph=state.graph)
    report = {
        "neighbor_recall": result.recall,
        "mean_weight": float(result.weights.mean()),
        "reached": float(result.reached.mean()),
        "residual": result.residual,
    }
    return PseudoLabels(result.labels, result.weights, report)
